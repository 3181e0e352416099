/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the operations of exercise.c work on: two files, each open and mapped by
 * the mount and by the lower directory; and what an operation is.
 */
#ifndef FMAP_EXERCISE_RIG_H
#define FMAP_EXERCISE_RIG_H

#include <linux/aio_abi.h>
#include <sys/syscall.h>

#include "exercise_model.h"

enum mode { PLAIN, APPEND, DIRECT, NR_MODES };

static const char * const side_names[] = { [FMAP] = "fmap", [LOWER] = "lower" };
static const char * const mode_names[] = {
	[PLAIN] = "plain", [APPEND] = "append", [DIRECT] = "direct",
};

static const int mode_flags[] = {
	[PLAIN] = 0, [APPEND] = O_APPEND, [DIRECT] = O_DIRECT,
};

/* One operation, as it is logged. */
struct op {
	uint32_t nr;		/* its number, and the seed of what it writes */
	uint8_t kind;
	uint8_t side;
	uint8_t mode;
	uint8_t file;
	uint32_t off;
	uint32_t len;
	uint8_t to;		/* a second place */
	uint32_t at;
};

/* A file by one of the two paths. */
struct way {
	int fd[NR_MODES];	/* -1: there is no such mode */
	unsigned char *shared;
	unsigned char *private;
};

static struct {
	struct way ways[FILES][2];
	/* Have the lower directory stand in for the mount. */
	bool plain_lower;
	unsigned char *buf;
	int pipe[2];
	aio_context_t aio;
} rig;

static inline const char *rig_path(unsigned int file, enum side side)
{
	const char name[] = { 'e', 'x', 'e', 'r', '-', file_letter(file), '\0' };

	return path_in(side_dir(rig.plain_lower ? LOWER : side), name);
}

static inline struct way *way_of(const struct op *op, enum side side)
{
	return &rig.ways[op->file][side];
}

static inline int fd_of(const struct op *op, enum side side)
{
	return way_of(op, side)->fd[op->mode];
}

static inline bool has_mode(unsigned int file, enum side side, enum mode mode)
{
	return rig.ways[file][side].fd[mode] >= 0;
}

/* --- opening ----------------------------------------------------------------- */

/* By fcntl() instead of open(), which the mount has to pass on, too. */
static inline int open_by_fcntl(const char *path, enum mode mode)
{
	int fd = open(path, O_RDWR);

	if (fd >= 0 && fcntl(fd, F_SETFL, mode_flags[mode])) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline int open_mode(unsigned int file, enum side side, enum mode mode, bool by_fcntl)
{
	const char *path = rig_path(file, side);

	if (by_fcntl && mode != PLAIN)
		return open_by_fcntl(path, mode);
	return open(path, O_RDWR | mode_flags[mode]);
}

static inline void rig_unmap(struct way *w)
{
	munmap(w->shared, max_size());
	munmap(w->private, max_size());
}

static inline void rig_map(struct way *w, int flags)
{
	w->shared = map_file(w->fd[PLAIN], max_size(), PROT_READ | PROT_WRITE,
			     MAP_SHARED | flags);
	w->private = map_file(w->fd[PLAIN], max_size(), PROT_READ, MAP_PRIVATE | flags);
}

static inline void rig_open_way(unsigned int file, enum side side)
{
	struct way *w = &rig.ways[file][side];
	int mode;

	for (mode = 0; mode < NR_MODES; mode++)
		w->fd[mode] = open_mode(file, side, mode, false);
	if (w->fd[PLAIN] < 0 || w->fd[APPEND] < 0)
		fmap_die("%s", rig_path(file, side));
	rig_map(w, 0);
}

static inline void rig_init(void)
{
	rig.buf = map_file(-1, max_size() + fmap_page(), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS);
	if (pipe(rig.pipe) || syscall(SYS_io_setup, 1, &rig.aio))
		fmap_die("a pipe, and asynchronous I/O");
}

/* Fresh, empty files, open and mapped by both paths. */
static inline void rig_open(void)
{
	unsigned int file;

	if (!rig.buf)
		rig_init();
	model_reset();
	fault.seen = false;
	for (file = 0; file < FILES; file++) {
		unlink(rig_path(file, LOWER));
		close(make_file(rig_path(file, FMAP), 0, 0));
		rig_open_way(file, FMAP);
		rig_open_way(file, LOWER);
		if (has_mode(file, FMAP, DIRECT) != has_mode(file, LOWER, DIRECT))
			wrong("only one of the paths can be opened with O_DIRECT");
	}
}

static inline void rig_close(void)
{
	unsigned int file, side, mode;

	for (file = 0; file < FILES; file++) {
		for (side = 0; side < 2; side++) {
			rig_unmap(&rig.ways[file][side]);
			for (mode = 0; mode < NR_MODES; mode++)
				if (has_mode(file, side, mode))
					close(rig.ways[file][side].fd[mode]);
		}
		unlink(rig_path(file, LOWER));
	}
}

#endif /* FMAP_EXERCISE_RIG_H */

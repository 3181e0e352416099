/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Looking at the files of exercise.c beyond what its operations look at: now
 * and then at what an operation has touched, and rarely at everything. Not more
 * often, because a look brings pages in and a stat() refreshes the attributes
 * that the mount keeps: what is only wrong unseen would be never seen.
 */
#ifndef FMAP_EXERCISE_CHECK_H
#define FMAP_EXERCISE_CHECK_H

#include "exercise_step.h"

/* Of so many operations, one is followed by a look, and one by a look at all. */
#define LOOK_EVERY	4
#define LOOK_AT_ALL	512

/* What lies before and after what an operation has touched. */
#define AROUND		64

enum view_kind { BY_READ, BY_SHARED, BY_PRIVATE, NR_VIEWS };

static inline bool look_by(unsigned int file, enum side side, enum view_kind view,
			   size_t off, size_t len)
{
	static const char * const names[] = { "read", "shared mapping", "private mapping" };
	const struct model *m = &models[file];
	const struct way *w = &rig.ways[file][side];
	size_t n = view == BY_READ ? inside(m, off, len) : mappable(m, off, len);
	const unsigned char *map = view == BY_SHARED ? w->shared : w->private;
	char text[64];
	ssize_t got;

	snprintf(text, sizeof(text), "%s through %s", names[view], side_names[side]);
	if (view == BY_READ)
		got = pread(w->fd[PLAIN], rig.buf, len, off);
	else
		got = probe_copy(rig.buf, map + off, len, map + off);
	if (got != (ssize_t)n)
		return wrong("file %c, %s of %#zx at %#zx: expected %#zx, got %#zx; size %#zx",
			     file_letter(file), text, len, off, n, got, m->size);
	return model_agrees(file, off, rig.buf, n, m->size, text);
}

static inline bool look_at_size(unsigned int file, enum side side)
{
	const size_t size = models[file].size;
	int fd = rig.ways[file][side].fd[PLAIN];
	struct stat st, by_name;

	if (fstat(fd, &st) || stat(rig_path(file, side), &by_name))
		return wrong("file %c: stat: %s", file_letter(file), strerror(errno));
	if ((size_t)st.st_size == size && (size_t)by_name.st_size == size &&
	    (size_t)lseek(fd, 0, SEEK_END) == size)
		return true;
	return wrong("file %c through %s: size %#zx, but fstat says %#zx, stat %#zx, lseek %#zx",
		     file_letter(file), side_names[side], size, (size_t)st.st_size,
		     (size_t)by_name.st_size, (size_t)lseek(fd, 0, SEEK_END));
}

static inline bool look_at_all(void)
{
	unsigned int file, side, view;

	for (file = 0; file < FILES; file++) {
		for (side = 0; side < 2; side++) {
			for (view = 0; view < NR_VIEWS; view++)
				if (!look_by(file, side, view, 0, max_size()))
					return false;
			if (!look_at_size(file, side))
				return false;
		}
	}
	return true;
}

/* A number that has nothing to do with what the operation writes. */
static inline unsigned int scatter(uint32_t nr)
{
	uint64_t seed = nr + 0x9e3779b97f4a7c15ULL;

	return fmap_rand(&seed) >> 33;
}

static inline bool look_after(const struct op *op)
{
	bool two = kinds[op->kind].shape & TWO;
	size_t off = two ? op->at : op->off, end = off + op->len + AROUND;
	unsigned int dice = scatter(op->nr) / LOOK_EVERY;
	enum side side = dice & 1 ? op->side : !op->side;

	off -= lesser(off, AROUND);
	end = lesser(end, max_size());
	if (!look_by(two ? op->to : op->file, side, dice / 2 % NR_VIEWS, off, end - off))
		return false;
	return dice / 2 / NR_VIEWS % 4 || look_at_size(op->file, side);
}

/* @always: after each */
static inline bool look_now_and_then(const struct op *op, bool always)
{
	if (always || op->nr % LOOK_AT_ALL == 0)
		return look_at_all();
	return scatter(op->nr) % LOOK_EVERY || look_after(op);
}

/* What the operations leave behind in the mount. */
static inline void undo_remounts(const struct op *ops, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (kinds[ops[i].kind].shape & CHANGING) {
			fmap_remount_plain();
			return;
		}
	}
}

/*
 * All of them, on fresh files; then a look at all. @make: makes each when it is
 * its turn, or NULL. How many were done when something was wrong, or 0.
 */
static inline size_t run_list(struct op *ops, size_t n, bool look_always,
			      void (*make)(struct op *op, uint32_t nr))
{
	size_t i;

	rig_open();
	for (i = 0; i < n && !fault.seen; i++) {
		/* A hang ends the test, not a long list. */
		if (i % LOOK_AT_ALL == 0)
			alarm(TEST_TIMEOUT_DEFAULT);
		if (make)
			make(&ops[i], i + 1);
		if (op_run(&ops[i]))
			look_now_and_then(&ops[i], look_always);
	}
	if (!fault.seen)
		look_at_all();
	rig_close();
	undo_remounts(ops, i);
	return fault.seen ? i : 0;
}

#endif /* FMAP_EXERCISE_CHECK_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The operations of exercise.c: what each does to a file and what to the model,
 * and whether the two say the same. exercise_step.h calls them.
 */
#ifndef FMAP_EXERCISE_OPS_H
#define FMAP_EXERCISE_OPS_H

#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "exercise_rig.h"

/* What kind->shape says of the arguments. */
enum {
	DIRECT_TOO = 1,		/* may be O_DIRECT */
	APPEND_TOO = 2,		/* may be O_APPEND */
	BLOCKS = 4,		/* wants whole blocks */
	TWO = 8,		/* has a second place */
	OTHER = 16,		/* which is in the other file */
	AT_END = 32,		/* makes the file grow by its length */
	MAY_FAIL = 64,		/* not every lower filesystem, not everywhere */
	CHANGING = 128,		/* changes mount options */
};

struct kind {
	const char *name;
	unsigned int weight;
	unsigned int shape;
	/* A system call: its result, or -1 and errno. */
	long (*call)(const struct op *op, enum side side);
	/* Tell the model, and see whether the result is right; or NULL: 0 is. */
	bool (*done)(const struct op *op, long ret);
	int arg;
};

static const struct kind kinds[];

static inline int arg_of(const struct op *op)
{
	return kinds[op->kind].arg;
}

/* --- reading and writing ------------------------------------------------------- */

static inline const char *how(const struct op *op)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s %s %s", kinds[op->kind].name,
		 side_names[op->side], mode_names[op->mode]);
	return text;
}

static inline bool right_count(const struct op *op, size_t expected, long ret)
{
	if (ret == (long)expected)
		return true;
	return wrong("%s of file %c: expected %zu bytes, got %ld; size %#zx", how(op),
		     file_letter(op->file), expected, ret, models[op->file].size);
}

static inline long do_read(const struct op *op, enum side side)
{
	return pread(fd_of(op, side), rig.buf, op->len, op->off);
}

static inline bool read_done(const struct op *op, long ret)
{
	const struct model *m = &models[op->file];

	return right_count(op, inside(m, op->off, op->len), ret) &&
	       model_agrees(op->file, op->off, rig.buf, ret, m->size, how(op));
}

static inline long do_write(const struct op *op, enum side side)
{
	fill(rig.buf, op->len, op->nr);
	return pwrite(fd_of(op, side), rig.buf, op->len, op->off);
}

static inline bool write_done(const struct op *op, long ret)
{
	model_write(&models[op->file], op->off, rig.buf, op->len);
	return right_count(op, op->len, ret);
}

/* At the end, by the flag of the file or by that of the request. */
static inline long do_append(const struct op *op, enum side side)
{
	const struct iovec iov = { rig.buf, op->len };

	fill(rig.buf, op->len, op->nr);
	if (op->mode == APPEND)
		return write(fd_of(op, side), rig.buf, op->len);
	return pwritev2(fd_of(op, side), &iov, 1, 0, RWF_APPEND);
}

static inline bool append_done(const struct op *op, long ret)
{
	struct model *m = &models[op->file];

	model_write(m, m->size, rig.buf, op->len);
	return right_count(op, op->len, ret);
}

/* --- asynchronously ---------------------------------------------------------------- */

static inline long do_aio(const struct op *op, enum side side, int opcode)
{
	struct iocb request = {
		.aio_lio_opcode = opcode,
		.aio_fildes = fd_of(op, side),
		.aio_buf = (uintptr_t)rig.buf,
		.aio_nbytes = op->len,
		.aio_offset = op->off,
	};
	struct iocb *requests[] = { &request };
	struct io_event event;

	if (syscall(SYS_io_submit, rig.aio, 1, requests) != 1)
		return -1;
	if (syscall(SYS_io_getevents, rig.aio, 1, 1, &event, NULL) != 1)
		fmap_die("io_getevents");
	errno = event.res < 0 ? -event.res : 0;
	return event.res < 0 ? -1 : event.res;
}

static inline long do_aio_read(const struct op *op, enum side side)
{
	return do_aio(op, side, IOCB_CMD_PREAD);
}

static inline long do_aio_write(const struct op *op, enum side side)
{
	fill(rig.buf, op->len, op->nr);
	return do_aio(op, side, IOCB_CMD_PWRITE);
}

/* --- mappings -------------------------------------------------------------------- */

static inline long do_load(const struct op *op, enum side side)
{
	const unsigned char *map = arg_of(op) ? way_of(op, side)->private :
						way_of(op, side)->shared;

	return probe_copy(rig.buf, map + op->off, op->len, map + op->off);
}

static inline bool load_done(const struct op *op, long ret)
{
	const struct model *m = &models[op->file];

	return right_count(op, mappable(m, op->off, op->len), ret) &&
	       model_agrees(op->file, op->off, rig.buf, ret, m->size, how(op));
}

static inline long do_store(const struct op *op, enum side side)
{
	unsigned char *map = way_of(op, side)->shared;

	fill(rig.buf, op->len, op->nr);
	return probe_copy(map + op->off, rig.buf, op->len, map + op->off);
}

static inline bool store_done(const struct op *op, long ret)
{
	struct model *m = &models[op->file];
	size_t n = mappable(m, op->off, op->len);

	memcpy(m->data + op->off, rig.buf, n);
	return right_count(op, n, ret);
}

/* Into a private mapping, and back from there. It begins as the file is. */
static inline long do_own(const struct op *op, enum side side)
{
	size_t first = op->off / fmap_page() * fmap_page(), skip = op->off - first;
	size_t len = page_end(op->off + op->len) - first;
	unsigned char *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE,
				  fd_of(op, side), first);
	long ret;

	if (map == MAP_FAILED)
		return -1;
	fill(rig.buf, op->len, op->nr);
	probe_copy(map + skip, rig.buf, op->len, map + skip);
	ret = probe_copy(rig.buf, map, len, map);
	munmap(map, len);
	return ret;
}

static inline bool own_done(const struct op *op, long ret)
{
	const struct model *m = &models[op->file];
	size_t first = op->off / fmap_page() * fmap_page(), skip = op->off - first;
	size_t stored = mappable(m, op->off, op->len);
	size_t bad;

	if (!right_count(op, mappable(m, first, page_end(op->off + op->len) - first), ret))
		return false;
	bad = differs(rig.buf + skip, stored, op->nr);
	if (bad < stored)
		return wrong("%s of file %c: private byte at %#zx is lost", how(op),
			     file_letter(op->file), op->off + bad);
	memcpy(rig.buf + skip, m->data + op->off, stored);
	return model_agrees(op->file, first, rig.buf, ret, m->size, how(op));
}

/*
 * Memory that is handed to a system call: the kernel itself faults it, or pins
 * it for direct I/O. From one file to the other.
 */
static inline size_t from_map_size(const struct op *op)
{
	size_t n = inside(&models[op->file], op->off, op->len);

	return op->mode == DIRECT ? n / 512 * 512 : n;
}

static inline long do_write_from_map(const struct op *op, enum side side)
{
	return pwrite(rig.ways[op->to][side].fd[op->mode],
		      way_of(op, side)->shared + op->off, from_map_size(op), op->at);
}

static inline bool write_from_map_done(const struct op *op, long ret)
{
	size_t n = from_map_size(op);

	model_write(&models[op->to], op->at, models[op->file].data + op->off, n);
	return right_count(op, n, ret);
}

static inline size_t into_map_size(const struct op *op)
{
	size_t n = inside(&models[op->file], op->off, op->len);

	return mappable(&models[op->to], op->at, n);
}

static inline long do_read_into_map(const struct op *op, enum side side)
{
	return pread(fd_of(op, side), rig.ways[op->to][side].shared + op->at,
		     into_map_size(op), op->off);
}

static inline bool read_into_map_done(const struct op *op, long ret)
{
	size_t n = into_map_size(op);

	memcpy(models[op->to].data + op->at, models[op->file].data + op->off, n);
	return right_count(op, n, ret);
}

/* --- size and blocks --------------------------------------------------------------- */

static inline long do_ftruncate(const struct op *op, enum side side)
{
	return ftruncate(fd_of(op, side), op->off);
}

static inline long do_truncate(const struct op *op, enum side side)
{
	return truncate(rig_path(op->file, side), op->off);
}

static inline bool truncate_done(const struct op *op, long ret)
{
	model_cut(&models[op->file], op->off);
	return true;
}

static inline long do_empty(const struct op *op, enum side side)
{
	int fd = open(rig_path(op->file, side), O_WRONLY | O_TRUNC);

	return fd < 0 ? -1 : close(fd);
}

static inline bool empty_done(const struct op *op, long ret)
{
	model_cut(&models[op->file], 0);
	return true;
}

static inline long do_fallocate(const struct op *op, enum side side)
{
	return fallocate(fd_of(op, side), arg_of(op), op->off, op->len);
}

static inline bool alloc_done(const struct op *op, long ret)
{
	model_grow(&models[op->file], op->off + op->len, op->off + op->len);
	return true;
}

static inline bool clear_done(const struct op *op, long ret)
{
	struct model *m = &models[op->file];

	if (!(arg_of(op) & FALLOC_FL_KEEP_SIZE)) {
		model_grow(m, op->off + op->len, op->off);
		memset(m->data + op->off, 0, op->len);
	}
	model_clear(m, op->off, op->len);
	return true;
}

static inline bool collapse_done(const struct op *op, long ret)
{
	struct model *m = &models[op->file];

	if (op->off + op->len >= m->size)
		return wrong("%s went beyond the end, size %#zx", how(op), m->size);
	model_collapse(m, op->off, op->len);
	return true;
}

static inline bool insert_done(const struct op *op, long ret)
{
	struct model *m = &models[op->file];

	if (op->off >= m->size)
		return wrong("%s beyond the end, size %#zx", how(op), m->size);
	model_insert(m, op->off, op->len);
	return true;
}

/* Both sides know the same holes, unless they are being written to the disk. */
static inline long do_seek(const struct op *op, enum side side)
{
	return lseek(fd_of(op, side), op->off, arg_of(op));
}

static inline bool seek_done(const struct op *op, long ret)
{
	long other = do_seek(op, !op->side);

	if (arg_of(op) == SEEK_END && !right_count(op, models[op->file].size + op->off, ret))
		return false;
	if (other == ret || other == do_seek(op, op->side))
		return true;
	return wrong("%s of file %c from %#x: %#lx, by the other path %#lx", how(op),
		     file_letter(op->file), op->off, ret, other);
}

/* --- from file to file ----------------------------------------------------------- */

/*
 * The mount lets the VFS see the size that it knows. One that was changed below
 * is to be looked at first: known_differences.
 */
static inline void know_size(const struct op *op, enum side side)
{
	struct stat st;

	if (side == FMAP && models[op->file].stale)
		fstat(fd_of(op, side), &st);
}

/*
 * Up to the end that the file has now: it may move, if this is one file. Filesystems
 * that share blocks copy less than was asked for, and the rest when asked again.
 */
static inline long do_copy(const struct op *op, enum side side)
{
	size_t want = inside(&models[op->file], op->off, op->len), done = 0;
	int to = rig.ways[op->to][side].fd[op->mode];
	loff_t off = op->off, at = op->at;
	ssize_t n;

	know_size(op, side);
	do {
		n = copy_file_range(fd_of(op, side), &off, to, &at, op->len - done, 0);
		if (n > 0)
			done += n;
	} while (n > 0 && done < want);
	return n < 0 && !done ? -1 : (long)done;
}

static inline long do_splice(const struct op *op, enum side side)
{
	int to = rig.ways[op->to][side].fd[op->mode];
	loff_t off = op->off, at = op->at;
	size_t left = op->len;
	ssize_t n, out;

	while (left) {
		n = splice(fd_of(op, side), &off, rig.pipe[1], NULL, left, 0);
		if (n <= 0)
			break;
		left -= n;
		for (; n; n -= out) {
			out = splice(rig.pipe[0], NULL, to, &at, n, 0);
			if (out <= 0)
				fmap_die("splice into a file");
		}
	}
	return op->len - left;
}

static inline bool copied(const struct op *op, size_t n)
{
	unsigned char *buf = malloc(n + 1);

	/* The two may be one. */
	memcpy(buf, models[op->file].data + op->off, n);
	model_write(&models[op->to], op->at, buf, n);
	free(buf);
	return true;
}

static inline bool copy_done(const struct op *op, long ret)
{
	size_t n = inside(&models[op->file], op->off, op->len);

	return copied(op, n) && right_count(op, n, ret);
}

static inline long do_clone(const struct op *op, enum side side)
{
	struct file_clone_range range = {
		.src_fd = fd_of(op, side),
		.src_offset = op->off,
		.src_length = op->len,
		.dest_offset = op->at,
	};

	return ioctl(rig.ways[op->to][side].fd[op->mode], FICLONERANGE, &range);
}

static inline bool clone_done(const struct op *op, long ret)
{
	if (inside(&models[op->file], op->off, op->len) < op->len)
		return wrong("%s went beyond the end", how(op));
	return copied(op, op->len);
}

/* --- what changes no byte ----------------------------------------------------------- */

static inline long do_reopen(const struct op *op, enum side side)
{
	struct way *w = way_of(op, side);
	int fd = open_mode(op->file, side, op->mode, op->off & 1);

	if (fd < 0)
		return -1;
	close(w->fd[op->mode]);
	w->fd[op->mode] = fd;
	return 0;
}

static inline long do_remap(const struct op *op, enum side side)
{
	rig_unmap(way_of(op, side));
	rig_map(way_of(op, side), op->off & 1 ? MAP_POPULATE : 0);
	return 0;
}

static inline long do_msync(const struct op *op, enum side side)
{
	size_t first = op->off / fmap_page() * fmap_page();

	return msync(way_of(op, side)->shared + first, op->off + op->len - first, arg_of(op));
}

static inline long do_fsync(const struct op *op, enum side side)
{
	return arg_of(op) ? fdatasync(fd_of(op, side)) : fsync(fd_of(op, side));
}

static inline long do_sync_range(const struct op *op, enum side side)
{
	return sync_file_range(fd_of(op, side), op->off, op->len,
			       SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}

static inline long forget(const struct op *op, enum side side, size_t off, size_t len)
{
	size_t first = off / fmap_page() * fmap_page();
	const struct way *w = way_of(op, side);

	return madvise(w->private + first, off + len - first, MADV_DONTNEED) |
	       madvise(w->shared + first, off + len - first, MADV_DONTNEED);
}

static inline long do_forget(const struct op *op, enum side side)
{
	return forget(op, side, op->off, op->len);
}

/* Out of the page cache. What is mapped stays there. */
static inline long do_evict(const struct op *op, enum side side)
{
	if (forget(op, FMAP, 0, max_size()) || forget(op, LOWER, 0, max_size()) ||
	    fsync(fd_of(op, side)))
		return -1;
	errno = posix_fadvise(fd_of(op, side), 0, 0, POSIX_FADV_DONTNEED);
	return errno ? -1 : 0;
}

static inline long do_drop_caches(const struct op *op, enum side side)
{
	if (do_evict(op, side))
		return -1;
	return fmap_write_file("/proc/sys/vm/drop_caches", "3");
}

static const char * const remount_options[] = {
	"engine=retry", "install=insert", "around=table", "engine=hold",
	"readahead=off", "around=off", "engine=native", "install=handover",
	"around=64k", "engine=pin", "around=kernel", "readahead=kernel",
	"around=adaptive", "readahead=adaptive", "readahead=256k",
};

static inline long do_remount(const struct op *op, enum side side)
{
	fmap_remount(remount_options[op->off % (sizeof(remount_options) /
						sizeof(remount_options[0]))]);
	return 0;
}

/* --- all of them -------------------------------------------------------------------- */

#define PUNCH		(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define ZERO_KEEP	(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)

static const struct kind kinds[] = {
	{ "read", 110, DIRECT_TOO, do_read, read_done },
	{ "write", 130, DIRECT_TOO, do_write, write_done },
	{ "aio-read", 20, DIRECT_TOO, do_aio_read, read_done },
	{ "aio-write", 25, DIRECT_TOO, do_aio_write, write_done },
	{ "append", 50, APPEND_TOO | AT_END, do_append, append_done },
	{ "load", 110, 0, do_load, load_done },
	{ "load-private", 40, 0, do_load, load_done, 1 },
	{ "store", 140, 0, do_store, store_done },
	{ "store-private", 20, 0, do_own, own_done },
	{ "write-from-map", 15, TWO | OTHER | DIRECT_TOO, do_write_from_map,
	  write_from_map_done },
	{ "read-into-map", 15, TWO | OTHER, do_read_into_map, read_into_map_done },
	{ "ftruncate", 45, 0, do_ftruncate, truncate_done },
	{ "truncate", 35, 0, do_truncate, truncate_done },
	{ "empty", 3, 0, do_empty, empty_done },
	{ "alloc", 15, MAY_FAIL, do_fallocate, alloc_done },
	{ "alloc-keep", 10, MAY_FAIL, do_fallocate, NULL, FALLOC_FL_KEEP_SIZE },
	{ "punch", 50, MAY_FAIL, do_fallocate, clear_done, PUNCH },
	{ "zero", 25, MAY_FAIL, do_fallocate, clear_done, FALLOC_FL_ZERO_RANGE },
	{ "zero-keep", 20, MAY_FAIL, do_fallocate, clear_done, ZERO_KEEP },
	{ "collapse", 25, MAY_FAIL | BLOCKS, do_fallocate, collapse_done,
	  FALLOC_FL_COLLAPSE_RANGE },
	{ "insert", 20, MAY_FAIL | BLOCKS | AT_END, do_fallocate, insert_done,
	  FALLOC_FL_INSERT_RANGE },
	{ "seek-data", 10, MAY_FAIL, do_seek, seek_done, SEEK_DATA },
	{ "seek-hole", 10, MAY_FAIL, do_seek, seek_done, SEEK_HOLE },
	{ "seek-end", 5, 0, do_seek, seek_done, SEEK_END },
	{ "copy", 45, MAY_FAIL | TWO, do_copy, copy_done },
	{ "clone", 20, MAY_FAIL | TWO | BLOCKS, do_clone, clone_done },
	{ "splice", 15, TWO | OTHER, do_splice, copy_done },
	{ "reopen", 25, MAY_FAIL | DIRECT_TOO | APPEND_TOO, do_reopen },
	{ "remap", 8, 0, do_remap },
	{ "msync", 5, 0, do_msync, NULL, MS_SYNC },
	{ "msync-async", 3, 0, do_msync, NULL, MS_ASYNC },
	{ "fsync", 2, 0, do_fsync },
	{ "fdatasync", 2, 0, do_fsync, NULL, 1 },
	{ "sync-range", 3, 0, do_sync_range },
	{ "forget", 40, 0, do_forget },
	{ "evict", 8, 0, do_evict },
	{ "drop-caches", 1, 0, do_drop_caches },
	{ "remount", 10, CHANGING, do_remount },
};

#define NR_KINDS	(sizeof(kinds) / sizeof(kinds[0]))

static inline int kind_named(const char *name)
{
	size_t i;

	for (i = 0; i < NR_KINDS; i++)
		if (!strcmp(kinds[i].name, name))
			return i;
	return -1;
}

#endif /* FMAP_EXERCISE_OPS_H */

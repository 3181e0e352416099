// SPDX-License-Identifier: GPL-2.0
/*
 * The mount answers as the lower filesystem does: io_uring, by its system calls
 * alone, at once and handed to a worker; and direct I/O at odd places.
 */
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "conformance.h"

#ifndef SYS_cachestat
#define SYS_cachestat	451
#endif

/* --- a ring of one request ----------------------------------------------------------- */

struct ring {
	int fd;
	struct io_uring_sqe *sqes;
	unsigned int *sq_tail, *sq_array, *cq_head, *cq_tail, cq_mask;
	struct io_uring_cqe *cqes;
};

static bool ring_init(struct ring *r)
{
	struct io_uring_params p = { 0 };
	char *sq, *cq;

	r->fd = syscall(SYS_io_uring_setup, 4, &p);
	if (r->fd < 0)
		return false;
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED,
		  r->fd, IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(*r->cqes), PROT_READ | PROT_WRITE,
		  MAP_SHARED, r->fd, IORING_OFF_CQ_RING);
	r->sqes = mmap(NULL, p.sq_entries * sizeof(*r->sqes), PROT_READ | PROT_WRITE, MAP_SHARED,
		       r->fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || r->sqes == MAP_FAILED)
		fmap_die("mmap of a ring");
	r->sq_tail = (unsigned int *)(sq + p.sq_off.tail);
	r->sq_array = (unsigned int *)(sq + p.sq_off.array);
	r->cq_head = (unsigned int *)(cq + p.cq_off.head);
	r->cq_tail = (unsigned int *)(cq + p.cq_off.tail);
	r->cq_mask = *(unsigned int *)(cq + p.cq_off.ring_mask);
	r->cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
	return true;
}

/* The result of @sqe, with errno. */
static long ring_do(struct ring *r, struct io_uring_sqe sqe)
{
	unsigned int tail = *r->sq_tail;
	long ret;

	/* Four entries are the least there can be. */
	r->sqes[tail & 3] = sqe;
	r->sq_array[tail & 3] = tail & 3;
	__atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -1;
	while (*r->cq_head == __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE))
		;
	ret = r->cqes[*r->cq_head & r->cq_mask].res;
	__atomic_store_n(r->cq_head, *r->cq_head + 1, __ATOMIC_RELEASE);
	errno = ret < 0 ? -ret : 0;
	return ret < 0 ? -1 : ret;
}

/* As io_uring fills them in: by the operation, what the members mean. */
#define SQE(operation, descriptor, address, length, offset, ...) \
	((struct io_uring_sqe) { .opcode = IORING_OP_##operation, .fd = (descriptor), \
				 .addr = (uintptr_t)(address), .len = (length), \
				 .off = (offset), .flags = flags, ##__VA_ARGS__ })

static void use_file(struct ring *r, int fd, unsigned char *data, int flags)
{
	struct iovec iov[2] = { { data, 4096 }, { data + 8192, 8192 } };

	DO(ring_do(r, SQE(WRITE, fd, data, 16384, 0)));
	DO(ring_do(r, SQE(READ, fd, data, 4096, 4096)));
	DO(ring_do(r, SQE(WRITEV, fd, iov, 2, 32768)));
	DO(ring_do(r, SQE(READV, fd, iov, 2, 32768)));
	/* Direct, the file's position depends on how soon the disk answers. */
	if (!(fcntl(fd, F_GETFL) & O_DIRECT)) {
		DO(ring_do(r, SQE(WRITE, fd, data, 4096, -1)));
		DO(ring_do(r, SQE(READ, fd, data, 4096, -1)));
		DO(lseek(fd, 0, SEEK_CUR));
	}
	DO(ring_do(r, SQE(READ, fd, data, 4096, 1 << 20)));
	DO(ring_do(r, SQE(READ, fd, data, 8192, 45056 - 4096)));
	DO(ring_do(r, SQE(READ, fd, 8, 4096, 0)));
	DO(ring_do(r, SQE(WRITE, fd, data, 4096, 65536, .rw_flags = RWF_DSYNC)));
	DO(ring_do(r, SQE(WRITE, fd, data, 4096, 0, .rw_flags = RWF_APPEND)));
	DO(ring_do(r, SQE(WRITE, fd, data, 4096, 0, .rw_flags = 0x40000000)));
	DO(ring_do(r, SQE(READ, fd, data, 4096, 0, .rw_flags = RWF_HIPRI)));
	DO(ring_do(r, SQE(FSYNC, fd, 0, 0, 0)));
	DO(ring_do(r, SQE(FSYNC, fd, 0, 0, 0, .fsync_flags = IORING_FSYNC_DATASYNC)));
	DO(ring_do(r, SQE(SYNC_FILE_RANGE, fd, 0, 4096, 0, .sync_range_flags = 2)));
	DO(ring_do(r, SQE(FADVISE, fd, 0, 4096, 0, .fadvise_advice = POSIX_FADV_WILLNEED)));
	DO(ring_do(r, SQE(FALLOCATE, fd, 65536, 0, 131072)));
	DO(ring_do(r, SQE(FALLOCATE, fd, 4096, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0)));
	FSTAT(fd);
	DATA(fd);
}

static void use_names(struct ring *r, int flags)
{
	struct statx x = { 0 };
	int fd;

	fd = OPEN(ring_do(r, SQE(OPENAT, AT_FDCWD, "ring-file", 0600, 0,
				 .open_flags = O_CREAT | O_EXCL | O_RDWR)));
	DO(write(fd, "ring", 4));
	DO(ring_do(r, SQE(OPENAT, AT_FDCWD, "ring-file", 0600, 0,
			  .open_flags = O_CREAT | O_EXCL | O_RDWR)));
	DO(ring_do(r, SQE(OPENAT, AT_FDCWD, "missing", 0, 0)));
	DO(ring_do(r, SQE(STATX, AT_FDCWD, "ring-file", STATX_BASIC_STATS, (uintptr_t)&x)));
	SAY("%o %llu %u", x.stx_mode, (unsigned long long)x.stx_size, x.stx_nlink);
	DO(ring_do(r, SQE(STATX, AT_FDCWD, "missing", STATX_BASIC_STATS, (uintptr_t)&x)));
	DO(ring_do(r, SQE(MKDIRAT, AT_FDCWD, "ring-dir", 0755, 0)));
	DO(ring_do(r, SQE(MKDIRAT, AT_FDCWD, "ring-dir", 0755, 0)));
	DO(ring_do(r, SQE(RENAMEAT, AT_FDCWD, "ring-file", AT_FDCWD, (uintptr_t)"ring-dir/f")));
	DO(ring_do(r, SQE(LINKAT, AT_FDCWD, "ring-dir/f", AT_FDCWD, (uintptr_t)"ring-link")));
	DO(ring_do(r, SQE(SYMLINKAT, AT_FDCWD, "target", 0, (uintptr_t)"ring-sym")));
	LIST(".");
	DO(ring_do(r, SQE(UNLINKAT, AT_FDCWD, "ring-dir", 0, 0,
			  .unlink_flags = AT_REMOVEDIR)));
	DO(ring_do(r, SQE(UNLINKAT, AT_FDCWD, "ring-dir/f", 0, 0)));
	DO(ring_do(r, SQE(UNLINKAT, AT_FDCWD, "ring-dir", 0, 0,
			  .unlink_flags = AT_REMOVEDIR)));
	DO(ring_do(r, SQE(UNLINKAT, AT_FDCWD, "ring-link", 0, 0)));
	DO(ring_do(r, SQE(UNLINKAT, AT_FDCWD, "ring-sym", 0, 0)));
	DO(ring_do(r, SQE(CLOSE, fd, 0, 0, 0)));
}

CONFORMS(uring)
{
	static const int open_flags[] = { 0, O_DIRECT, O_APPEND, O_SYNC, O_NONBLOCK };
	unsigned char *data = aligned_alloc(65536, 65536);
	struct ring r;
	unsigned int i, async;
	int fd;

	if (!ring_init(&r)) {
		SAY("no io_uring: %s", strerrorname_np(errno));
		return;
	}
	memset(data, 'u', 65536);
	for (async = 0; async < 2; async++) {
		int flags = async ? IOSQE_ASYNC : 0;

		for (i = 0; i < sizeof(open_flags) / sizeof(open_flags[0]); i++) {
			SAY("async %d, open flags %x", async, open_flags[i]);
			fd = OPEN(open("f", O_CREAT | O_TRUNC | O_RDWR | open_flags[i], 0600));
			if (fd >= 0)
				use_file(&r, fd, data, flags);
			close(fd);
		}
		use_names(&r, flags);
	}
}

/* --- direct I/O ------------------------------------------------------------------------- */

/* Each way of being out of line: memory, length, place in the file. */
CONFORMS(direct)
{
	static const int odd[] = { 0, 1, 4, 256, 511, 512, 1024, 2048, 4095, 4096 };
	char *data = aligned_alloc(65536, 131072);
	unsigned int i;
	int fd;

	memset(data, 'd', 131072);
	fd = OPEN(open("f", O_CREAT | O_RDWR | O_DIRECT, 0600));
	if (fd < 0)
		return;
	DO(write(fd, data, 65536));
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		SAY("by %d", odd[i]);
		DO(pread(fd, data + odd[i], 4096, 0));
		DO(pread(fd, data, 4096 + odd[i], 0));
		DO(pread(fd, data, 4096, odd[i]));
		DO(pwrite(fd, data + odd[i], 4096, 0));
		DO(pwrite(fd, data, 4096 + odd[i], 0));
		DO(pwrite(fd, data, 4096, odd[i]));
		DO(pwrite(fd, data, 4096, 65536 + odd[i]));
		DO(pread(fd, data, 131072, odd[i] * 16));
		FSTAT(fd);
	}
	DO(ftruncate(fd, 5000));
	DO(pread(fd, data, 8192, 0));
	DO(pread(fd, data, 4096, 4096));
	DO(pread(fd, data, 4096, 8192));
	DO(pread(fd, data, 100, 4096));
	DATA(fd);
	DO(fsync(fd));
}

/* --- what is cached -------------------------------------------------------------------------- */

CONFORMS(cached)
{
	struct { uint64_t off, len; } range = { 0, 0 };
	struct { uint64_t cache, dirty, wb, evicted, recent; } seen = { 0 };
	int fd = open("f", O_CREAT | O_RDWR, 0600);

	memset(buf, 'c', sizeof(buf));
	DO(write(fd, buf, sizeof(buf)));
	DO(fsync(fd));
	if (DO(syscall(SYS_cachestat, fd, &range, &seen, 0)))
		return;
	/* Known: our files do not have the mappings of its inodes. */
	if (!strcmp(fmap_lowerfs(), "tmpfs"))
		return;
	SAY("%llu cached, %llu dirty", (unsigned long long)seen.cache,
	    (unsigned long long)seen.dirty);
	range.off = 4096;
	range.len = 8192;
	DO(syscall(SYS_cachestat, fd, &range, &seen, 0));
	SAY("%llu cached", (unsigned long long)seen.cache);
	DO(syscall(SYS_cachestat, fd, &range, &seen, 1));
	DO(syscall(SYS_cachestat, fd, NULL, &seen, 0));
	close(fd);
	fd = open("f", O_PATH);
	DO(syscall(SYS_cachestat, fd, &range, &seen, 0));
	fd = open(".", O_RDONLY);
	DO(syscall(SYS_cachestat, fd, &range, &seen, 0));
}

FMAP_TEST_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * When it is not the program itself that touches the mapping: system calls
 * that copy to and from it, direct I/O into its pages, another process that
 * looks into its memory, a futex in it. Each body runs on the lower directory
 * and on fmapfs.
 */
#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "mapping.h"

#define NAME		"gup"
#define PAGES		32

FIXTURE(gup) {
	const char *path;
	int fd;
	size_t page, len;
	unsigned char *map, *buf;
};

FIXTURE_VARIANT(gup) {
	enum side side;
	int flags;
};

FIXTURE_VARIANT_ADD(gup, lower_shared) { .side = LOWER, .flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(gup, lower_private) { .side = LOWER, .flags = MAP_PRIVATE };
FIXTURE_VARIANT_ADD(gup, fmap_shared) { .side = FMAP, .flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(gup, fmap_private) { .side = FMAP, .flags = MAP_PRIVATE };

static void *aligned(size_t len)
{
	return map_file(-1, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
}

/* Nothing is in the page cache or the page table when a test begins. */
FIXTURE_SETUP(gup)
{
	probe_init();
	self->path = path_in(side_dir(variant->side), NAME);
	self->page = fmap_page();
	self->len = PAGES * self->page;
	self->buf = aligned(self->len);
	self->fd = make_file(self->path, self->len, 1);
	if (!lower_is("tmpfs")) {
		EXPECT_EQ(0, fmap_evict(path_in(fmap_lower(), NAME)));
	}
	self->map = map_file(self->fd, self->len, PROT_READ | PROT_WRITE,
			     variant->flags);
}

FIXTURE_TEARDOWN(gup)
{
	munmap(self->map, self->len);
	close(self->fd);
	EXPECT_EQ(0, unlink(self->path));
}

/* What is in the mapping is in the file exactly if the mapping is shared. */
#define EXPECT_FILE(at, n, seed) do { \
	size_t __at = (at), __n = (n); \
	EXPECT_EQ(__n, differs(self->map + __at, __n, seed)); \
	EXPECT_EQ((ssize_t)__n, pread(self->fd, self->buf, __n, __at)); \
	if (variant->flags == MAP_SHARED) { \
		EXPECT_EQ(__n, differs(self->buf, __n, seed)); \
	} else { \
		EXPECT_EQ(pattern(1, __at), self->buf[0]); \
		EXPECT_EQ(pattern(1, __at + __n - 1), self->buf[__n - 1]); \
	} \
} while (0)

/* --- copies by the kernel ----------------------------------------------------- */

TEST_F(gup, write_from_mapping)
{
	int out = make_file(path_in(fmap_lower(), NAME ".out"), 0, 0);

	ASSERT_EQ((ssize_t)self->len, write(out, self->map, self->len));
	ASSERT_EQ((ssize_t)self->len, pread(out, self->buf, self->len, 0));
	EXPECT_EQ(self->len, differs(self->buf, self->len, 1));
	close(out);
	unlink(path_in(fmap_lower(), NAME ".out"));
}

TEST_F(gup, read_into_mapping)
{
	const char *path = path_in(fmap_lower(), NAME ".in");
	int in = make_file(path, self->len, 2);
	size_t at = 2 * self->page + 10, n = 5 * self->page;

	ASSERT_EQ(0, lseek(in, 0, SEEK_SET));
	ASSERT_EQ((ssize_t)n, read(in, self->map + at, n));
	EXPECT_FILE(at, n, 2);
	close(in);
	unlink(path);
}

/* The page that is written to is the page that is copied from. */
TEST_F(gup, write_to_file_from_its_own_mapping)
{
	size_t n = 3 * self->page;

	ASSERT_EQ((ssize_t)n, pwrite(self->fd, self->map, n, 0));
	EXPECT_EQ(n, differs(self->map, n, 1));
	ASSERT_EQ((ssize_t)n, pwrite(self->fd, self->map + 10 * self->page, n,
				     12 * self->page - 5));
	EXPECT_EQ(pattern(1, 10 * self->page), self->map[12 * self->page - 5]);
}

TEST_F(gup, read_from_file_into_its_own_mapping)
{
	size_t n = 3 * self->page;

	ASSERT_EQ((ssize_t)n, pread(self->fd, self->map + 20 * self->page, n, 0));
	EXPECT_EQ(n, differs(self->map + 20 * self->page, n, 1));
}

/* What cannot be copied is an error or a short count, never a signal. */
TEST_F(gup, copies_across_the_end)
{
	size_t page = self->page;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, ftruncate(self->fd, 2 * page));
	EXPECT_EQ((ssize_t)page, write(p[1], self->map + page, 2 * page));
	EXPECT_EQ(-1, write(p[1], self->map + 2 * page, 10));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, read(p[0], self->map + 3 * page, 10));
	EXPECT_EQ(EFAULT, errno);
	close(p[0]);
	close(p[1]);
}

/* Its pages go into a pipe as they are, and out of it. */
TEST_F(gup, vmsplice)
{
	struct iovec iov = { self->map + self->page, 2 * self->page };
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ((ssize_t)iov.iov_len, vmsplice(p[1], &iov, 1, 0));
	ASSERT_EQ(100, read(p[0], self->buf, 100));
	EXPECT_EQ(pattern(1, self->page), self->buf[0]);
	EXPECT_EQ(pattern(1, self->page + 99), self->buf[99]);
	close(p[0]);
	close(p[1]);
}

/* --- direct I/O -------------------------------------------------------------- */

TEST_F(gup, direct_read_into_mapping)
{
	const char *path = path_in(fmap_lower(), NAME ".direct");
	size_t at = 4 * self->page, n = 8 * self->page;
	int fd;

	/* Seen on 6.12 without fmapfs: writeback finds a dirty page that btrfs
	 * loses track of when the read ends, and fsync says -EIO.
	 */
	if (lower_is("btrfs"))
		SKIP(return, "btrfs does not survive this by itself");
	close(make_file(path, n, 3));
	fd = open(path, O_RDONLY | O_DIRECT);
	if (fd < 0) {
		unlink(path);
		SKIP(return, "the lower filesystem has no O_DIRECT");
	}
	ASSERT_EQ((ssize_t)n, read(fd, self->map + at, n));
	EXPECT_FILE(at, n, 3);
	ASSERT_EQ(0, fsync(self->fd));
	close(fd);
	unlink(path);
}

TEST_F(gup, direct_write_from_mapping)
{
	const char *path = path_in(fmap_lower(), NAME ".direct");
	size_t n = 8 * self->page;
	int fd = open(path, O_RDWR | O_CREAT | O_DIRECT, 0644);

	if (fd < 0) {
		unlink(path);
		SKIP(return, "the lower filesystem has no O_DIRECT");
	}
	self->map[0] = 0xab;
	ASSERT_EQ((ssize_t)n, write(fd, self->map, n));
	ASSERT_EQ((ssize_t)n, pread(fd, self->buf, n, 0));
	EXPECT_EQ(0xab, self->buf[0]);
	EXPECT_EQ(0, memcmp(self->buf + 1, self->map + 1, n - 1));
	close(fd);
	unlink(path);
}

/* Both ends are one file: reads into its own mapping past the page cache. */
TEST_F(gup, direct_read_from_the_same_file)
{
	size_t at = 16 * self->page, n = 4 * self->page;
	int fd = open(self->path, O_RDONLY | O_DIRECT);

	if (fd < 0)
		SKIP(return, "the lower filesystem has no O_DIRECT");
	ASSERT_EQ((ssize_t)n, pread(fd, self->map + at, n, 0));
	EXPECT_EQ(n, differs(self->map + at, n, 1));
	close(fd);
}

/* --- another process ----------------------------------------------------------- */

/*
 * A child that runs @body with the parent's memory before it; the parent's
 * pages were not touched by anybody so far. 0 if all was right.
 */
static int in_child(int (*body)(pid_t parent, unsigned char *at, size_t len),
		    unsigned char *at, size_t len)
{
	pid_t parent = getpid(), pid;
	int status;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int bad = body(parent, at, len);

		fflush(stdout);
		_exit(bad);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		fmap_die("fork");
	return status;
}

static int vm_readv(pid_t parent, unsigned char *at, size_t len)
{
	unsigned char *buf = malloc(len);
	struct iovec local = { buf, len }, remote = { at, len };

	if (process_vm_readv(parent, &local, 1, &remote, 1, 0) != (ssize_t)len)
		return 1;
	return differs(buf, len, 1) == len ? 0 : 2;
}

static int vm_writev(pid_t parent, unsigned char *at, size_t len)
{
	unsigned char *buf = malloc(len);
	struct iovec local = { buf, len }, remote = { at, len };

	fill(buf, len, 4);
	return process_vm_writev(parent, &local, 1, &remote, 1, 0) != (ssize_t)len;
}

TEST_F(gup, process_vm_readv)
{
	EXPECT_EQ(0, in_child(vm_readv, self->map, self->len));
}

TEST_F(gup, process_vm_writev)
{
	EXPECT_EQ(0, in_child(vm_writev, self->map + 3 * self->page, 4 * self->page));
	EXPECT_FILE(3 * self->page, 4 * self->page, 4);
}

static int mem_of(pid_t parent)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", parent);
	return open(path, O_RDWR);
}

static int mem_read(pid_t parent, unsigned char *at, size_t len)
{
	unsigned char *buf = malloc(len);

	if (pread(mem_of(parent), buf, len, (uintptr_t)at) != (ssize_t)len)
		return 1;
	return differs(buf, len, 1) == len ? 0 : 2;
}

static int mem_write(pid_t parent, unsigned char *at, size_t len)
{
	unsigned char *buf = malloc(len);

	fill(buf, len, 5);
	return pwrite(mem_of(parent), buf, len, (uintptr_t)at) != (ssize_t)len;
}

TEST_F(gup, proc_mem_read)
{
	EXPECT_EQ(0, in_child(mem_read, self->map, self->len));
}

TEST_F(gup, proc_mem_write)
{
	EXPECT_EQ(0, in_child(mem_write, self->map + 7 * self->page, 2 * self->page));
	EXPECT_FILE(7 * self->page, 2 * self->page, 5);
}

static int mem_beyond(pid_t parent, unsigned char *at, size_t len)
{
	unsigned char byte;
	int fd = mem_of(parent);

	if (pread(fd, &byte, 1, (uintptr_t)at) != 1)
		return 1;
	/* Beyond the end it must fail, and nothing else may happen. */
	if (pread(fd, &byte, 1, (uintptr_t)at + len / 2) != -1 || errno != EIO)
		return 2;
	return pwrite(fd, &byte, 1, (uintptr_t)at + len / 2) != -1 || errno != EIO ?
	       3 : 0;
}

TEST_F(gup, proc_mem_beyond_the_end)
{
	ASSERT_EQ(0, ftruncate(self->fd, self->len / 2));
	EXPECT_EQ(0, in_child(mem_beyond, self->map, self->len));
}

/* --- a futex -------------------------------------------------------------------- */

static long futex(volatile void *at, int op, uint32_t value)
{
	struct timespec limit = { .tv_sec = 60 };

	return syscall(SYS_futex, at, op, value, &limit, NULL, 0);
}

/*
 * A waiter on the lower file's mapping and a waker on this one, of two
 * processes, find each other: the futex belongs to the lower inode.
 */
TEST_F(gup, futex)
{
	volatile uint32_t *here, *there;
	int fd, status, i;
	pid_t pid;

	if (variant->flags != MAP_SHARED)
		SKIP(return, "private");
	here = (void *)(self->map + 9 * self->page);
	*here = 1;
	pid = fork();
	if (!pid) {
		fd = open(path_in(fmap_lower(), NAME), O_RDWR);
		there = (void *)(map_file(fd, self->len, PROT_READ | PROT_WRITE,
					  MAP_SHARED) + 9 * self->page);
		_exit(*there == 1 && futex(there, FUTEX_WAIT, 1) &&
		      errno != EAGAIN ? 1 : 0);
	}
	for (i = 0; i < 6000; i++) {
		if (futex(here, FUTEX_WAKE, 1) == 1)
			break;
		usleep(10000);
	}
	EXPECT_GT(6000, i);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

FMAP_TEST_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * The mount and the lower directory show one and the same file at all times:
 * what is stored, written or cut off through one path is seen at once by
 * read(), mappings and stat() through the other.
 *
 * Each body runs with fmapfs as the side that changes and the lower directory
 * as the side that looks, the other way round, and on the lower directory
 * alone, which shows what the lower filesystem itself does.
 */
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <linux/falloc.h>
#include <linux/fs.h>

#include "mapping.h"

#define NAME		"coherence"
#define PAGES		16

FIXTURE(pair) {
	const char *here, *there;	/* the file by both ways */
	int a, b;			/* open by both, read and write */
	unsigned char *ma, *mb;		/* mapped shared by both */
	size_t page, len;
	unsigned char *buf;
};

FIXTURE_VARIANT(pair) {
	enum side changes, looks;
};

FIXTURE_VARIANT_ADD(pair, fmap_to_lower) { .changes = FMAP, .looks = LOWER };
FIXTURE_VARIANT_ADD(pair, lower_to_fmap) { .changes = LOWER, .looks = FMAP };
FIXTURE_VARIANT_ADD(pair, fmap_to_fmap) { .changes = FMAP, .looks = FMAP };
FIXTURE_VARIANT_ADD(pair, lower_to_lower) { .changes = LOWER, .looks = LOWER };

static const char *side_path(enum side side)
{
	return path_in(side_dir(side), NAME);
}

FIXTURE_SETUP(pair)
{
	probe_init();
	self->here = side_path(variant->changes);
	self->there = side_path(variant->looks);
	self->page = fmap_page();
	self->len = PAGES * self->page;
	self->buf = malloc(2 * self->len);
	unlink(self->here);
	self->a = make_file(self->here, self->len, 1);
	self->b = open(self->there, O_RDWR);
	ASSERT_LE(0, self->b);
	self->ma = map_file(self->a, self->len, PROT_READ | PROT_WRITE, MAP_SHARED);
	self->mb = map_file(self->b, self->len, PROT_READ | PROT_WRITE, MAP_SHARED);
	/* Every page is in both page tables before anything changes. */
	ASSERT_EQ(self->len, differs(self->ma, self->len, 1));
	ASSERT_EQ(self->len, differs(self->mb, self->len, 1));
}

FIXTURE_TEARDOWN(pair)
{
	munmap(self->ma, self->len);
	munmap(self->mb, self->len);
	close(self->a);
	close(self->b);
	free(self->buf);
	EXPECT_EQ(0, unlink(self->here));
}

/* The file from the looking side: size, read() and, where it maps, memory. */
#define EXPECT_THERE(size, at, n, seed) do { \
	struct stat __st; \
	size_t __at = (at), __n = (n); \
	EXPECT_EQ(0, fstat(self->b, &__st)); \
	EXPECT_EQ((off_t)(size), __st.st_size); \
	EXPECT_EQ(0, stat(self->there, &__st)); \
	EXPECT_EQ((off_t)(size), __st.st_size); \
	EXPECT_EQ((off_t)(size), lseek(self->b, 0, SEEK_END)); \
	EXPECT_EQ((ssize_t)__n, pread(self->b, self->buf, __n, __at)); \
	EXPECT_EQ(__n, differs(self->buf, __n, seed)); \
	if (__at + __n <= self->len) \
		EXPECT_EQ(__n, differs(self->mb + __at, __n, seed)); \
} while (0)

TEST_F(pair, store_is_seen)
{
	size_t at = 3 * self->page + 100, n = 2 * self->page;

	fill(self->ma + at, n, 2);
	EXPECT_THERE(self->len, at, n, 2);
	EXPECT_EQ((ssize_t)n, pread(self->a, self->buf, n, at));
	EXPECT_EQ(n, differs(self->buf, n, 2));
	/* Its neighbours are as they were. */
	EXPECT_EQ(pattern(1, at - 1), self->mb[at - 1]);
	EXPECT_EQ(pattern(1, at + n), self->mb[at + n]);
}

TEST_F(pair, store_is_seen_by_private_mapping)
{
	unsigned char *priv = map_file(self->b, self->len, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE);
	size_t page = self->page;

	priv[page] = 0;
	self->ma[0] = 0xaa;
	self->ma[page] = 0xbb;
	self->ma[page + 1] = 0xcc;
	/* Still the file's page; and a page of its own since the store. */
	EXPECT_EQ(0xaa, priv[0]);
	EXPECT_EQ(0, priv[page]);
	EXPECT_EQ(pattern(1, page + 1), priv[page + 1]);
	EXPECT_EQ(0xbb, self->mb[page]);
	munmap(priv, self->len);
}

TEST_F(pair, private_store_is_not_seen)
{
	unsigned char *priv = map_file(self->a, self->len, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE);

	fill(priv, self->len, 2);
	EXPECT_THERE(self->len, 0, self->len, 1);
	munmap(priv, self->len);
}

/* A load, a store by the other side, a load, ..., with no system call. */
TEST_F(pair, stores_in_turn)
{
	volatile uint32_t *x = (void *)self->ma, *y = (void *)self->mb;
	uint32_t i;

	for (i = 1; i < 1000; i++) {
		x[i % 64] = i;
		EXPECT_EQ(i, y[i % 64]);
		y[i % 64] = ~i;
		EXPECT_EQ(~i, x[i % 64]);
	}
}

TEST_F(pair, write_is_seen)
{
	size_t n = 2 * self->page + 17;

	fill(self->buf, n, 3);
	ASSERT_EQ(0, lseek(self->a, 0, SEEK_SET));
	ASSERT_EQ((ssize_t)n, write(self->a, self->buf, n));
	EXPECT_THERE(self->len, 0, n, 3);
	EXPECT_EQ(n, differs(self->ma, n, 3));
}

TEST_F(pair, pwrite_beyond_the_end_is_seen)
{
	size_t at = self->len + 3 * self->page + 5, n = 1000;

	fill(self->buf, n, 4);
	ASSERT_EQ((ssize_t)n, pwrite(self->a, self->buf, n, at));
	EXPECT_THERE(at + n, at, n, 4);
	/* What lies in between reads as zeros. */
	memset(self->buf, 1, self->page);
	EXPECT_EQ((ssize_t)self->page,
		  pread(self->b, self->buf, self->page, self->len));
	EXPECT_EQ(0, self->buf[0] | self->buf[self->page - 1]);
}

TEST_F(pair, pwritev_is_seen)
{
	struct iovec iov[2] = {
		{ self->buf, 300 }, { self->buf + 300, self->page },
	};
	size_t at = 5 * self->page - 10, n = 300 + self->page;

	fill(self->buf, n, 5);
	ASSERT_EQ((ssize_t)n, pwritev(self->a, iov, 2, at));
	EXPECT_THERE(self->len, at, n, 5);
}

TEST_F(pair, append_goes_to_the_end_of_both)
{
	int end_a = open(self->here, O_WRONLY | O_APPEND);
	int end_b = open(self->there, O_WRONLY | O_APPEND);
	size_t n = 700;

	ASSERT_LE(0, end_a);
	ASSERT_LE(0, end_b);
	fill(self->buf, n, 6);
	EXPECT_EQ((ssize_t)n, write(end_a, self->buf, n));
	EXPECT_EQ((ssize_t)n, write(end_b, self->buf, n));
	EXPECT_EQ((ssize_t)n, write(end_a, self->buf, n));
	EXPECT_THERE(self->len + 3 * n, self->len, n, 6);
	EXPECT_THERE(self->len + 3 * n, self->len + n, n, 6);
	EXPECT_THERE(self->len + 3 * n, self->len + 2 * n, n, 6);
	close(end_a);
	close(end_b);
}

TEST_F(pair, ftruncate_is_seen)
{
	size_t cut = 4 * self->page + 50;

	ASSERT_EQ(0, ftruncate(self->a, cut));
	EXPECT_THERE(cut, 0, cut, 1);
	EXPECT_EQ(0, self->mb[cut]);
	EXPECT_EQ(0, self->mb[5 * self->page - 1]);
	EXPECT_EQ(-SIGBUS, probe_read(self->mb + 5 * self->page));
	EXPECT_EQ(-SIGBUS, probe_write(self->mb + 6 * self->page, 1));

	ASSERT_EQ(0, ftruncate(self->a, self->len));
	EXPECT_THERE(self->len, 0, cut, 1);
	EXPECT_EQ(0, probe_read(self->mb + cut));
	EXPECT_EQ(0, probe_read(self->mb + 5 * self->page));
	EXPECT_EQ(0, probe_read(self->mb + self->len - 1));
}

TEST_F(pair, truncate_by_path_is_seen)
{
	ASSERT_EQ(0, truncate(self->here, self->page));
	EXPECT_THERE(self->page, 0, self->page, 1);
	EXPECT_EQ(-SIGBUS, probe_read(self->mb + self->page));
	EXPECT_EQ(-SIGBUS, probe_read(self->ma + self->page));
	ASSERT_EQ(0, truncate(self->here, 0));
	EXPECT_EQ(-SIGBUS, probe_read(self->mb));
	ASSERT_EQ(0, truncate(self->here, 3 * self->page));
	EXPECT_EQ(0, probe_read(self->mb));
	EXPECT_EQ(0, probe_read(self->mb + 3 * self->page - 1));
}

TEST_F(pair, open_with_o_trunc_is_seen)
{
	int fd = open(self->here, O_WRONLY | O_TRUNC);
	struct stat st;

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fstat(self->b, &st));
	EXPECT_EQ(0, st.st_size);
	EXPECT_EQ(0, pread(self->b, self->buf, 10, 0));
	EXPECT_EQ(-SIGBUS, probe_read(self->mb));
	fill(self->buf, 100, 7);
	ASSERT_EQ(100, write(fd, self->buf, 100));
	EXPECT_THERE(100, 0, 100, 7);
	EXPECT_EQ(0, probe_read(self->mb + 100));
	close(fd);
}

TEST_F(pair, fallocate_is_seen)
{
	size_t at = 2 * self->page, n = 3 * self->page;

	if (fallocate(self->a, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, n)) {
		EXPECT_EQ(EOPNOTSUPP, errno);
		SKIP(return, "the lower filesystem cannot punch holes");
	}
	EXPECT_EQ(0, probe_read(self->mb + at));
	EXPECT_EQ(0, probe_read(self->mb + at + n - 1));
	EXPECT_EQ(pattern(1, at - 1), self->mb[at - 1]);
	EXPECT_EQ(pattern(1, at + n), self->mb[at + n]);
	EXPECT_EQ((ssize_t)n, pread(self->b, self->buf, n, at));
	EXPECT_EQ(0, self->buf[0] | self->buf[n - 1]);

	/* A store into the hole, by the side that did not punch it. */
	fill(self->mb + at, n, 8);
	EXPECT_EQ((ssize_t)n, pread(self->a, self->buf, n, at));
	EXPECT_EQ(n, differs(self->buf, n, 8));
	EXPECT_EQ(n, differs(self->ma + at, n, 8));

	if (!fallocate(self->a, 0, self->len, self->page)) {
		EXPECT_EQ((off_t)(self->len + self->page),
			  lseek(self->b, 0, SEEK_END));
	}
}

/* Splice and sendfile take pages, not copies: into a file and out of one. */
TEST_F(pair, splice_is_seen)
{
	loff_t at = 7 * self->page + 30;
	size_t n = 2000;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	fill(self->buf, n, 9);
	ASSERT_EQ((ssize_t)n, write(p[1], self->buf, n));
	ASSERT_EQ((ssize_t)n, splice(p[0], NULL, self->a, &at, n, 0));
	EXPECT_THERE(self->len, 7 * self->page + 30, n, 9);

	self->ma[9 * self->page] = 0xee;
	at = 9 * self->page;
	ASSERT_EQ((ssize_t)n, splice(self->b, &at, p[1], NULL, n, 0));
	ASSERT_EQ((ssize_t)n, read(p[0], self->buf, n));
	EXPECT_EQ(0xee, self->buf[0]);
	EXPECT_EQ(pattern(1, 9 * self->page + 1), self->buf[1]);
	close(p[0]);
	close(p[1]);
}

TEST_F(pair, sendfile_is_seen)
{
	int from = make_file(path_in(fmap_lower(), NAME ".from"), self->len, 10);
	size_t n = 3 * self->page;
	off_t at = 0;

	ASSERT_EQ(0, lseek(self->a, 0, SEEK_SET));
	ASSERT_EQ((ssize_t)n, sendfile(self->a, from, &at, n));
	EXPECT_THERE(self->len, 0, n, 10);

	/* And out again: what the mapping has just stored goes along. */
	fill(self->ma, n, 11);
	at = 0;
	ASSERT_EQ(0, lseek(from, 0, SEEK_SET));
	ASSERT_EQ((ssize_t)n, sendfile(from, self->b, &at, n));
	EXPECT_EQ((ssize_t)n, pread(from, self->buf, n, 0));
	EXPECT_EQ(n, differs(self->buf, n, 11));
	close(from);
	unlink(path_in(fmap_lower(), NAME ".from"));
}

/* Extents of another file, where the lower filesystem can share them. */
TEST_F(pair, clone_is_seen)
{
	const char *name = path_in(side_dir(variant->changes), NAME ".from");
	int from = make_file(name, self->len, 12), err;
	struct {
		struct file_dedupe_range r;
		struct file_dedupe_range_info to;
	} same = {
		.r = { .src_length = self->len, .dest_count = 1 },
		.to = { .dest_fd = self->a },
	};

	unlink(name);
	err = ioctl(self->a, FICLONE, from) ? errno : 0;
	if (err) {
		close(from);
		SKIP(return, "no shared extents here: %s", strerror(err));
	}
	EXPECT_THERE(self->len, 0, self->len, 12);
	EXPECT_EQ(0, ioctl(from, FIDEDUPERANGE, &same));
	EXPECT_EQ(FILE_DEDUPE_RANGE_SAME, same.to.status);
	EXPECT_EQ((long long)self->len, (long long)same.to.bytes_deduped);
	EXPECT_THERE(self->len, 0, self->len, 12);
	close(from);
}

/* Past the page cache: what was stored comes along, what is stored is seen. */
TEST_F(pair, o_direct_is_seen)
{
	size_t n = 2 * self->page;
	int direct = open(self->here, O_RDWR | O_DIRECT);
	int look = open(self->there, O_RDWR | O_DIRECT);
	unsigned char *buf = map_file(-1, n, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS);

	if (direct < 0 || look < 0)
		SKIP(return, "the lower filesystem has no O_DIRECT");
	fill(buf, n, 12);
	ASSERT_EQ((ssize_t)n, pwrite(direct, buf, n, self->page));
	EXPECT_THERE(self->len, self->page, n, 12);

	fill(self->ma + self->page, n, 13);
	ASSERT_EQ((ssize_t)n, pread(look, buf, n, self->page));
	EXPECT_EQ(n, differs(buf, n, 13));
	close(direct);
	close(look);
	munmap(buf, n);
}

/* The times and blocks of a file are those of the lower one. */
TEST_F(pair, stat_is_the_same)
{
	struct stat sa, sb;

	fill(self->ma, self->len, 14);
	EXPECT_EQ(0, msync(self->ma, self->len, MS_SYNC));
	EXPECT_EQ(0, fstat(self->a, &sa));
	EXPECT_EQ(0, stat(self->there, &sb));
	EXPECT_EQ(sa.st_size, sb.st_size);
	EXPECT_EQ(sa.st_blocks, sb.st_blocks);
	EXPECT_EQ(sa.st_mode, sb.st_mode);
	EXPECT_EQ(sa.st_nlink, sb.st_nlink);
	EXPECT_EQ(sa.st_ino, sb.st_ino);
	EXPECT_EQ(sa.st_mtim.tv_sec, sb.st_mtim.tv_sec);
	EXPECT_EQ(sa.st_mtim.tv_nsec, sb.st_mtim.tv_nsec);
	EXPECT_EQ(sa.st_ctim.tv_nsec, sb.st_ctim.tv_nsec);
}

/* The first store after a write-out moves the time of the file. */
TEST_F(pair, store_moves_mtime)
{
	struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	struct stat st;

	ASSERT_EQ(0, msync(self->ma, self->len, MS_SYNC));
	ASSERT_EQ(0, futimens(self->a, old));
	ASSERT_EQ(0, fstat(self->b, &st));
	EXPECT_EQ(1000000000, st.st_mtim.tv_sec);
	self->ma[0] ^= 1;
	ASSERT_EQ(0, msync(self->ma, self->len, MS_SYNC));
	ASSERT_EQ(0, fstat(self->b, &st));
	if (lower_is("tmpfs")) {
		EXPECT_EQ(1000000000, st.st_mtim.tv_sec);
	} else {
		EXPECT_LT(1000000000, st.st_mtim.tv_sec);
	}
}

FMAP_TEST_MAIN

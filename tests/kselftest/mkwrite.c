// SPDX-License-Identifier: GPL-2.0
/*
 * The first write to a page of a shared mapping goes to the lower filesystem,
 * which must reserve room for it: what is stored is on the disk afterwards, and
 * where there is no room, the store gets SIGBUS and not a promise.
 */
#include <sys/statvfs.h>

#include "fmap_test.h"

#define PAGES	64

FIXTURE(mkwrite) {
	struct fmap_path mnt;
	struct fmap_path lower;
	int fd;
	size_t page;
	char *base;
};

FIXTURE_SETUP(mkwrite)
{
	if (!strcmp(fmap_lowerfs(), "tmpfs"))
		SKIP(return, "no ->page_mkwrite");
	self->page = fmap_page();
	self->mnt = fmap_at(fmap_mnt(), "mkwrite.data");
	self->lower = fmap_at(fmap_lower(), "mkwrite.data");
	self->fd = open(self->mnt.s, O_RDWR | O_CREAT | O_TRUNC, 0644);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, PAGES * self->page));
	self->base = mmap(NULL, PAGES * self->page, PROT_READ | PROT_WRITE, MAP_SHARED,
			  self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->base);
}

FIXTURE_TEARDOWN(mkwrite)
{
	munmap(self->base, PAGES * self->page);
	close(self->fd);
	unlink(self->lower.s);
}

static void store_all(FIXTURE_DATA(mkwrite) *self)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		memset(self->base + i * self->page, 'a' + i % 26, self->page);
}

/* Bytes that are not what store_all() stored, seen by read() below. */
static size_t wrong_below(FIXTURE_DATA(mkwrite) *self)
{
	char *buf = malloc(self->page);
	int fd = open(self->lower.s, O_RDONLY);
	size_t i, j, wrong = 0;

	for (i = 0; i < PAGES; i++) {
		if (read(fd, buf, self->page) != (ssize_t)self->page)
			fmap_die("reading %s", self->lower.s);
		for (j = 0; j < self->page; j++)
			wrong += buf[j] != (char)('a' + i % 26);
	}
	close(fd);
	free(buf);
	return wrong;
}

static void expect_one_each(struct __test_metadata *_metadata,
			    const struct fmap_counters *d)
{
	/* A fault that maps a large folio whole makes all of it writable. */
	long calls = fmap_maps_whole_folios() && d->mkw_calls ? d->mkw_calls : PAGES;

	EXPECT_COUNT(calls, *d, mkw_calls);
	/* On vfat the lower's hook is filemap_page_mkwrite(): ours stands in. */
	EXPECT_COUNT(!strcmp(fmap_lowerfs(), "vfat") ? PAGES : 0, *d, mkw_own);
	EXPECT_COUNT(calls, *d, mkw_locked + d->mkw_unlocked_ok);
}

/* Stores into a hole: the blocks do not exist yet. */
TEST_F(mkwrite, into_a_hole)
{
	struct fmap_counters before, d;
	struct stat st;

	fmap_read_counters(&before);
	store_all(self);
	fmap_counters_since(&before, &d);
	expect_one_each(_metadata, &d);
	EXPECT_COUNT(d.mkw_calls, d, mkw_from_fault);

	ASSERT_EQ(0, msync(self->base, PAGES * self->page, MS_SYNC));
	ASSERT_EQ(0, munmap(self->base, PAGES * self->page));
	self->base = NULL;
	ASSERT_EQ(0, fmap_evict(self->lower.s));
	EXPECT_EQ(0UL, wrong_below(self));
	ASSERT_EQ(0, stat(self->lower.s, &st));
	EXPECT_LE((long)(PAGES * self->page), (long)st.st_blocks * 512);
}

/* Loads map the holes read-only first. */
TEST_F(mkwrite, after_loads)
{
	struct fmap_counters before, d;
	size_t i;

	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(0, self->base[i * self->page]);
	fmap_read_counters(&before);
	store_all(self);
	fmap_counters_since(&before, &d);
	expect_one_each(_metadata, &d);
	EXPECT_COUNT(PAGES, d, mkw_from_wp);

	ASSERT_EQ(0, munmap(self->base, PAGES * self->page));
	self->base = NULL;
	ASSERT_EQ(0, fmap_evict(self->lower.s));
	EXPECT_EQ(0UL, wrong_below(self));
}

/* Written back, a page is protected again: the next store asks again. */
TEST_F(mkwrite, again_after_writeback)
{
	struct fmap_counters before, d;

	store_all(self);
	ASSERT_EQ(0, msync(self->base, PAGES * self->page, MS_SYNC));
	fmap_read_counters(&before);
	store_all(self);
	fmap_counters_since(&before, &d);
	expect_one_each(_metadata, &d);
	EXPECT_COUNT(PAGES, d, mkw_from_wp);
	EXPECT_COUNT(0, d, flt_calls);
}

/* All room is taken by another file: nothing may be promised. */
TEST_F(mkwrite, no_space)
{
	struct fmap_path fill = fmap_at(fmap_lower(), "mkwrite.fill");
	struct fmap_counters before, d;
	struct statvfs vfs;
	size_t step = 64 << 20, at = 0, i;
	int refused = 0;
	int fd;

	if (strcmp(fmap_lowerfs(), "ext4") && strcmp(fmap_lowerfs(), "xfs"))
		SKIP(return, "not a filesystem that is filled quickly");
	fd = open(fill.s, O_RDWR | O_CREAT | O_TRUNC, 0644);
	ASSERT_LE(0, fd);
	while (step >= self->page) {
		if (fallocate(fd, 0, at, step)) {
			ASSERT_EQ(ENOSPC, errno);
			step /= 2;
		} else {
			at += step;
		}
	}
	ASSERT_EQ(0, statvfs(self->lower.s, &vfs));

	fmap_read_counters(&before);
	for (i = 0; i < PAGES; i++)
		refused += fmap_access(self->base + i * self->page, true, 1) == SIGBUS;
	fmap_counters_since(&before, &d);
	EXPECT_LT(0, refused) {
		TH_LOG("%lu blocks are free", (unsigned long)vfs.f_bfree);
	}
	EXPECT_COUNT(refused, d, mkw_sigbus);
	EXPECT_COUNT(PAGES, d, mkw_calls);
	close(fd);
	EXPECT_EQ(0, unlink(fill.s));
}

FMAP_TEST_MAIN

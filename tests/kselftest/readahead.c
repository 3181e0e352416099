// SPDX-License-Identifier: GPL-2.0
/*
 * readahead=adaptive and readahead=SIZE: what is read, and what is not, told by
 * counters and by what is cached afterwards. How many requests that makes on a disk is
 * scripts/bench/cold's to say, and what else the policy would choose tests/unit/ahead.c's.
 */
#include "fmap_model.h"
#include "fmap_tracing.h"

#define FILE_PAGES	4096
/* The kernel's knob, in pages: what streams are to outgrow. */
#define KNOB		16

static const char *name = "readahead.data";
static long long kib_before;

FIXTURE(readahead) {
	struct fmap_path mnt;
	struct fmap_path lower;
	struct fmap_counters before;
	struct fmap_counters c;
	int fd;
	char *map;
};

static void set_knob(unsigned int pages)
{
	fmap_set_readahead(fmap_lower(), pages * fmap_page() / 1024);
}

static void put_knob_back(void)
{
	fmap_set_readahead(fmap_lower(), kib_before);
	fmap_remount_plain();
}

/* A fresh open file of which nothing is cached, mapped; with @options, of a new inode. */
static void begin(FIXTURE_DATA(readahead) *self, const char *options, int prot)
{
	if (self->map) {
		munmap(self->map, FILE_PAGES * fmap_page());
		close(self->fd);
	}
	if (options) {
		fmap_remount_plain();
		fmap_remount(options);
	}
	if (fmap_evict(self->lower.s))
		fmap_die("%s stays in the page cache", self->lower.s);
	self->fd = open(self->mnt.s, O_RDONLY);
	if (self->fd < 0)
		fmap_die("%s", self->mnt.s);
	self->map = fmap_map_undisturbed(self->fd, 0, FILE_PAGES * fmap_page(), prot,
					 MAP_SHARED, 0);
	fmap_read_counters(&self->before);
}

FIXTURE_SETUP(readahead)
{
	kib_before = fmap_get_readahead(fmap_lower());
	fmap_at_end(put_knob_back);
	set_knob(KNOB);
	self->mnt = fmap_at(fmap_mnt(), "%s", name);
	self->lower = fmap_at(fmap_lower(), "%s", name);
	fmap_make_file(self->lower.s, FILE_PAGES * fmap_page());
	begin(self, "readahead=adaptive", PROT_READ);
}

FIXTURE_TEARDOWN(readahead)
{
	munmap(self->map, FILE_PAGES * fmap_page());
	close(self->fd);
	unlink(self->lower.s);
	put_knob_back();
}

#define COUNT() do { \
	fmap_counters_since(&self->before, &self->c); \
	EXPECT_EQ(0, fmap_broken_sums(&self->c)); \
} while (0)

static void touch(const FIXTURE_DATA(readahead) *self, unsigned int page)
{
	if (*(volatile long long *)(self->map + page * fmap_page()) !=
	    (long long)fmap_word(page * fmap_page()))
		fmap_die("page %u is not what was written", page);
}

/* Pages that have been read; on a disk, once it is idle. */
static long resident(const FIXTURE_DATA(readahead) *self)
{
	if (!fmap_on_brd())
		fmap_await_reads(self->lower.s);
	return fmap_resident(self->lower.s);
}

static bool cached(const FIXTURE_DATA(readahead) *self, unsigned int first, unsigned int end)
{
	size_t pages, i;
	unsigned char *vec;
	bool good = true;

	if (!fmap_on_brd())
		fmap_await_reads(self->lower.s);
	vec = fmap_residency(self->lower.s, &pages);
	for (i = 0; i < pages; i++)
		if (vec[i] != (i >= first && i < end)) {
			printf("# page %zu: cached %d\n", i, vec[i]);
			good = false;
			break;
		}
	free(vec);
	return good;
}

/* What streams may ask for: the disk's largest request, in segments of a page. */
static unsigned int most_pages(void)
{
	struct fmap_path queue;
	unsigned int most;
	struct stat st;

	if (stat(fmap_lower(), &st))
		fmap_die("%s", fmap_lower());
	queue = fmap_at("/sys/dev/block", "%u:%u/queue", major(st.st_dev), minor(st.st_dev));
	most = fmap_read_number(fmap_at(queue.s, "max_sectors_kb").s) * 1024 / fmap_page();
	if (most > fmap_read_number(fmap_at(queue.s, "max_segments").s))
		most = fmap_read_number(fmap_at(queue.s, "max_segments").s);
	return most > KNOB ? most : KNOB;
}

static unsigned int lesser(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Each request is as long as what is cached of the stream, up to the largest. */
TEST_F(readahead, a_stream_grows)
{
	unsigned int most = most_pages(), end = KNOB, marker = KNOB / 2, n, requests = 0, i;
	long long asked = 0;

	for (i = 0; i < FILE_PAGES; i++)
		touch(self, i);
	COUNT();
	EXPECT_COUNT(1, self->c, flt_miss);
	EXPECT_COUNT(1, self->c, sra_adapt_around);
	EXPECT_COUNT(self->c.ara_trigger, self->c, ara_adapt_forward);
	EXPECT_COUNT(self->c.ara_trigger, self->c, drop_for_async_ra);
	EXPECT_LT(KNOB * self->c.ara_trigger, self->c.ara_pages_requested);
	if (fmap_large_folios())
		SKIP(return, "folios round requests");
	for (; end < FILE_PAGES; requests++) {
		n = lesser(lesser(marker, most) + end - marker, lesser(most, FILE_PAGES - end));
		asked += n;
		marker = end;
		end += n;
	}
	EXPECT_COUNT(requests, self->c, ara_trigger);
	EXPECT_COUNT(asked, self->c, ara_pages_requested);
}

TEST_F(readahead, backward_as_well)
{
	unsigned int i;

	for (i = FILE_PAGES; i--; )
		touch(self, i);
	COUNT();
	EXPECT_GE(4, self->c.flt_miss);
	EXPECT_COUNT(self->c.ara_trigger, self->c, ara_adapt_backward);
	EXPECT_LT(KNOB * self->c.ara_trigger, self->c.ara_pages_requested);
}

TEST_F(readahead, eight_streams)
{
	unsigned int i, s;

	for (i = 0; i < FILE_PAGES / 8; i++)
		for (s = 0; s < 8; s++)
			touch(self, s * (FILE_PAGES / 8) + i);
	COUNT();
	EXPECT_GE(8 * 4, self->c.flt_miss);
	EXPECT_GE(3 * FILE_PAGES / KNOB / 4, self->c.flt_miss + self->c.ara_trigger);
}

/* A few isolated pages are read around, then no more; nor when it is opened again. */
TEST_F(readahead, random_pages_are_read_alone)
{
	unsigned int i, n = FILE_PAGES / 64;

	for (i = 0; i < n; i++)
		touch(self, i * 37 % n * 64 + 32);
	COUNT();
	EXPECT_COUNT(n, self->c, sra_adapt);
	EXPECT_COUNT(4, self->c, sra_adapt_around);
	EXPECT_COUNT(n - 4, self->c, sra_adapt_one);
	EXPECT_EQ(4 * KNOB + n - 4, resident(self));

	begin(self, NULL, PROT_READ);
	for (i = 0; i < n; i++)
		touch(self, i * 37 % n * 64 + 32);
	COUNT();
	EXPECT_COUNT(1, self->c, sra_adapt_around);
}

/* Two reads, and less when it is known that values are what the file has. */
TEST_F(readahead, values)
{
	unsigned int i, j, n = FILE_PAGES / 64;

	for (i = 0; i < n; i++)
		for (j = 0; j < 16; j++)
			touch(self, i * 37 % n * 64 + 24 + j);
	COUNT();
	EXPECT_GE(2 * n * 3 / 4, self->c.flt_miss);
	EXPECT_LE(1, self->c.sra_adapt_one);
	EXPECT_LE(n / 2, self->c.sra_adapt_run);
	EXPECT_GE(20 * n, resident(self));
}

static void advise(const FIXTURE_DATA(readahead) *self, int advice)
{
	if (posix_fadvise(self->fd, 0, 0, advice))
		fmap_die("fadvise");
}

/* With advice it is as with readahead=kernel. */
TEST_F(readahead, advice_wins)
{
	static const char * const options[] = { "readahead=adaptive", "readahead=256k" };
	size_t bytes = FILE_PAGES * fmap_page(), i;

	for (i = 0; i < 2; i++) {
		begin(self, options[i], PROT_READ);
		ASSERT_EQ(0, madvise(self->map, bytes, MADV_RANDOM));
		touch(self, 100);
		COUNT();
		EXPECT_COUNT(1, self->c, sra_skip_random);
		EXPECT_TRUE(cached(self, 100, 101));

		ASSERT_EQ(0, madvise(self->map, bytes, MADV_SEQUENTIAL));
		touch(self, 200);
		COUNT();
		EXPECT_COUNT(1, self->c, sra_seq);

		begin(self, options[i], PROT_READ);
		advise(self, POSIX_FADV_SEQUENTIAL);
		touch(self, 1000);
		COUNT();
		EXPECT_TRUE(cached(self, 1000 - KNOB, 1000 + KNOB));

		begin(self, options[i], PROT_READ);
		advise(self, POSIX_FADV_RANDOM);
		touch(self, 1000);
		COUNT();
		EXPECT_COUNT(0, self->c, sra_adapt);
		EXPECT_TRUE(cached(self, 1000 - KNOB / 2, 1000 + KNOB / 2));

		advise(self, POSIX_FADV_NORMAL);
		touch(self, 2000);
		COUNT();
		EXPECT_COUNT(i == 0, self->c, sra_adapt);
	}
}

/* Code is run here and there. */
TEST_F(readahead, code_is_as_in_the_kernel)
{
	begin(self, "readahead=adaptive", PROT_READ | PROT_EXEC);
	touch(self, 1000);
	COUNT();
	EXPECT_COUNT(0, self->c, sra_adapt);
	EXPECT_EQ(KNOB, resident(self));
}

TEST_F(readahead, the_knob_disables)
{
	static const char * const options[] = { "readahead=adaptive", "readahead=256k" };
	unsigned int i, j;

	set_knob(0);
	for (i = 0; i < 2; i++) {
		begin(self, options[i], PROT_READ);
		for (j = 0; j < 40; j++)
			touch(self, j);
		COUNT();
		EXPECT_COUNT(40, self->c, sra_skip_disabled);
		EXPECT_TRUE(cached(self, 0, 40));
	}
}

/* Around the page; then, at three quarters, the same again. */
TEST_F(readahead, of_a_size)
{
	unsigned int i;

	begin(self, "readahead=256k", PROT_READ);
	touch(self, 1024);
	EXPECT_TRUE(cached(self, 1024 - 32, 1024 + 32));
	for (i = 1024; i < 1040; i++)
		touch(self, i);
	EXPECT_TRUE(cached(self, 1024 - 32, 1024 + 32));
	touch(self, 1040);
	EXPECT_TRUE(cached(self, 1024 - 32, 1024 + 32 + 64));
	COUNT();
	EXPECT_COUNT(1, self->c, sra_around);
	EXPECT_COUNT(1, self->c, ara_trigger);
	EXPECT_COUNT(64, self->c, sra_pages_requested);
	EXPECT_COUNT(64, self->c, ara_pages_requested);

	/* Above what the disk takes at once, and at the beginning of the file. */
	begin(self, "readahead=8m", PROT_READ);
	touch(self, 10);
	EXPECT_TRUE(cached(self, 0, 8 * 1024 * 1024 / fmap_page()));
	COUNT();
	EXPECT_COUNT(1, self->c, sra_around_clamped_bof);
}

TEST_F(readahead, by_rule)
{
	begin(self, "rule=/readahead.*:readahead=adaptive", PROT_READ);
	touch(self, 1000);
	COUNT();
	EXPECT_COUNT(1, self->c, sra_adapt_around);
	begin(self, "readahead=adaptive,rule=/readahead.*:readahead=16k", PROT_READ);
	touch(self, 1000);
	COUNT();
	EXPECT_COUNT(0, self->c, sra_adapt);
	EXPECT_TRUE(cached(self, 998, 1002));
	EXPECT_EQ(0, fmap_write_file(fmap_at(fmap_env("FMAP_DEBUGFS"), "rules").s, "clear"));
}

/* The marker that read-around has left is part of no stream: it goes, and that is all. */
TEST_F(readahead, a_marker_is_no_stream)
{
	begin(self, "readahead=kernel", PROT_READ);
	touch(self, 1000);
	fmap_remount("readahead=adaptive");
	touch(self, 1000 + KNOB / 4);
	COUNT();
	EXPECT_COUNT(1, self->c, ara_adapt_stop);
	EXPECT_COUNT(0, self->c, ara_trigger);
	EXPECT_EQ(KNOB, resident(self));
}

/* What a stream has used is reclaimed: there is room for no more than is left. */
TEST_F(readahead, memory_is_short)
{
	unsigned int at = 0, marker = 0, left = 24;
	long long asked;

	if (fmap_large_folios())
		SKIP(return, "folios of more than one page");
	set_knob(256);
	begin(self, "readahead=adaptive", PROT_READ);
	while (at < 1024)
		touch(self, at++);
	/* The next marker is where the next request begins */
	fmap_read_counters(&self->before);
	do {
		marker = resident(self);
		touch(self, at++);
		COUNT();
	} while (!self->c.ara_trigger && at < FILE_PAGES);
	ASSERT_LT(at, marker);
	for (; at < marker; at++)
		touch(self, at);
	EXPECT_EQ(0, madvise(self->map, (marker - left) * fmap_page(), 21 /* MADV_PAGEOUT */));
	if (resident(self) > 256 + left)
		SKIP(return, "pages that are not reclaimed");
	COUNT();
	asked = self->c.ara_pages_requested;
	touch(self, marker);
	COUNT();
	EXPECT_COUNT(asked + left, self->c, ara_pages_requested);
}

FMAP_TEST_MAIN

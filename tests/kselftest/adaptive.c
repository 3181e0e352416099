// SPDX-License-Identifier: GPL-2.0
/*
 * around=adaptive: what it decides in each kind of use, told by its counters.
 * What the decisions cost is scripts/bench/run's to say, and whether they are
 * legal is tests/unit/adaptive.c's.
 */
#include "fmap_model.h"

/* Eight page tables, one of which is a probe. */
#define FILE_PAGES	4096

static const char *name = "adaptive.data";

FIXTURE(adaptive) {
	struct fmap_path mnt;
	struct fmap_path lower;
	unsigned int *order;
	size_t n;
	struct fmap_counters c;	/* of the last mapping */
	long long wrong;	/* words that were not as on the lower path */
};

FIXTURE_SETUP(adaptive)
{
	fmap_remount_plain();
	fmap_remount("around=adaptive");
	self->mnt = fmap_at(fmap_mnt(), "%s", name);
	self->lower = fmap_at(fmap_lower(), "%s", name);
	fmap_make_file(self->lower.s, FILE_PAGES * fmap_page());
	self->order = calloc(FILE_PAGES, sizeof(*self->order));
}

FIXTURE_TEARDOWN(adaptive)
{
	fmap_remount_plain();
	unlink(self->lower.s);
	free(self->order);
}

/* Each @step-th page; in random order, if that is asked for. */
static void set_order(FIXTURE_DATA(adaptive) *self, unsigned int step, bool shuffle)
{
	uint64_t seed = 1;
	unsigned int t;
	size_t i, j;

	for (self->n = 0; self->n < FILE_PAGES / step; self->n++)
		self->order[self->n] = self->n * step + step / 2;
	for (i = self->n - 1; shuffle && i; i--) {
		j = fmap_rand(&seed) % (i + 1);
		t = self->order[i];
		self->order[i] = self->order[j];
		self->order[j] = t;
	}
}

static long long word_at(int fd, unsigned int page)
{
	long long word;

	if (pread(fd, &word, sizeof(word), page * fmap_page()) != sizeof(word))
		fmap_die("pread");
	return word;
}

/* Touch the pages in their order, in @times mappings, one after the other. */
static void use(FIXTURE_DATA(adaptive) *self, int times)
{
	int fd = open(self->mnt.s, O_RDONLY), below = open(self->lower.s, O_RDONLY);
	struct fmap_counters before;
	char *p;
	size_t i;

	if (fd < 0 || below < 0)
		fmap_die("%s", self->mnt.s);
	while (times--) {
		fmap_read_counters(&before);
		p = fmap_map_undisturbed(fd, 0, FILE_PAGES * fmap_page(), PROT_READ,
					 MAP_SHARED, 0);
		for (i = 0; i < self->n; i++)
			self->wrong += *(long long *)(p + self->order[i] * fmap_page()) !=
				       word_at(below, self->order[i]);
		munmap(p, FILE_PAGES * fmap_page());
		fmap_counters_since(&before, &self->c);
	}
	close(fd);
	close(below);
}

/* By fault-around and, one at a time, by ->fault; of small folios */
static long long mapped(const struct fmap_counters *c)
{
	return c->fa_mapped + c->fa_left;
}

#define SKIP_UNLESS_AROUND() do { \
	if (fmap_fault_around_pages() < 2) \
		SKIP(return, "fault_around_bytes is one page"); \
} while (0)

#define SKIP_LARGE_FOLIOS() do { \
	SKIP_UNLESS_AROUND(); \
	if (fmap_large_folios()) \
		SKIP(return, "folios of more than one page"); \
} while (0)

#define EXPECT_SOUND() do { \
	EXPECT_EQ(0, self->wrong); \
	EXPECT_EQ(0, fmap_broken_sums(&self->c)); \
	EXPECT_EQ(self->c.fa_calls, self->c.fa_adapt); \
} while (0)

TEST_F(adaptive, a_run_is_followed)
{
	SKIP_UNLESS_AROUND();
	set_order(self, 1, false);
	use(self, 1);
	EXPECT_SOUND();
	if (!fmap_maps_whole_folios() || !fmap_large_folios())
		EXPECT_EQ(FILE_PAGES, mapped(&self->c));
	EXPECT_GE(48, self->c.fa_calls);
	EXPECT_GE(self->c.fa_adapt_run + self->c.fa_adapt_whole, FILE_PAGES / 512);
}

TEST_F(adaptive, runs_known_to_be_long_get_large_windows_sooner)
{
	long long first;

	SKIP_LARGE_FOLIOS();
	set_order(self, 1, false);
	use(self, 1);
	first = self->c.fa_calls;
	use(self, 1);
	EXPECT_SOUND();
	EXPECT_EQ(FILE_PAGES, mapped(&self->c));
	EXPECT_GE(first - 10, self->c.fa_calls);
}

/* Runs of 200 pages, each of them the first half of 400. */
TEST_F(adaptive, short_runs_are_not_overshot)
{
	size_t i;

	SKIP_LARGE_FOLIOS();
	for (self->n = 0, i = 0; i < FILE_PAGES; i++)
		if (i / 200 % 2 == 0)
			self->order[self->n++] = i;
	use(self, 2);
	EXPECT_SOUND();
	/* The kernel's windows would go 8 pages beyond the end of each. */
	EXPECT_GE((long long)self->n * 11 / 10, mapped(&self->c));
	EXPECT_GE((long long)self->n / 8, self->c.fa_calls);
}

TEST_F(adaptive, isolated_pages_are_mapped_alone)
{
	SKIP_LARGE_FOLIOS();
	set_order(self, 64, true);
	use(self, 3);
	EXPECT_SOUND();
	EXPECT_COUNT(self->n, self->c, fa_calls);
	EXPECT_COUNT(self->n, self->c, fa_adapt_alone);
	EXPECT_COUNT(self->n, self->c, fa_left);
	EXPECT_COUNT(self->n, self->c, flt_done_minor);
}

/* Nothing is known of a file at first; then that the whole of it is used. */
TEST_F(adaptive, dense_use_is_learned)
{
	long long first;

	SKIP_LARGE_FOLIOS();
	set_order(self, 1, true);
	use(self, 1);
	EXPECT_SOUND();
	EXPECT_GE(self->c.fa_adapt_block, FILE_PAGES / 64);
	EXPECT_GE(self->c.fa_adapt_dense, 1);
	first = self->c.fa_calls;
	use(self, 2);
	EXPECT_SOUND();
	EXPECT_GE(self->c.fa_adapt_dense, FILE_PAGES / 512 - 1);
	EXPECT_GE(first / 2, self->c.fa_calls);
	EXPECT_EQ(FILE_PAGES, mapped(&self->c));
}

/* ... and unlearned. */
TEST_F(adaptive, sparse_use_is_learned_again)
{
	SKIP_LARGE_FOLIOS();
	set_order(self, 1, true);
	use(self, 3);
	set_order(self, 64, true);
	use(self, 3);
	EXPECT_SOUND();
	EXPECT_EQ((long long)self->n, mapped(&self->c));
}

TEST_F(adaptive, a_file_says_nothing_of_another)
{
	long long first;

	SKIP_LARGE_FOLIOS();
	set_order(self, 1, true);
	use(self, 1);
	first = self->c.fa_calls;
	use(self, 2);
	EXPECT_GE(first / 2, self->c.fa_calls);
	unlink(self->lower.s);
	self->mnt = fmap_at(fmap_mnt(), "other.data");
	self->lower = fmap_at(fmap_lower(), "other.data");
	fmap_make_file(self->lower.s, FILE_PAGES * fmap_page());
	use(self, 1);
	EXPECT_SOUND();
	EXPECT_COUNT(first, self->c, fa_calls);
}

TEST_F(adaptive, large_folios_are_mapped_whole)
{
	SKIP_UNLESS_AROUND();
	if (!fmap_large_folios())
		SKIP(return, "folios of one page");
	set_order(self, 1, true);
	use(self, 3);
	EXPECT_SOUND();
	EXPECT_GE((long long)(FILE_PAGES / fmap_fault_around_pages() / 2),
		  self->c.fa_calls);
	if (fmap_maps_whole_folios()) {
		EXPECT_GE(self->c.fa_adapt_whole, 1);
		EXPECT_COUNT(self->c.fa_left, self->c, flt_done_minor);
		EXPECT_GE(self->c.flt_large_pages, 2 * self->c.fa_adapt_whole);
	} else {
		EXPECT_GE(self->c.fa_adapt_folio + self->c.fa_adapt_dense, 1);
		EXPECT_EQ(FILE_PAGES, mapped(&self->c));
	}
}

/* Of a program nothing else is known, and its folios are large: a page table at once. */
TEST_F(adaptive, text_is_mapped_by_page_tables)
{
	size_t bytes = 2 * 512 * fmap_page();
	struct fmap_counters before;
	char *p;
	int fd;

	SKIP_UNLESS_AROUND();
	if (!fmap_large_folios())
		SKIP(return, "folios of one page");
	fd = open(self->mnt.s, O_RDONLY);
	if (fd < 0)
		fmap_die("%s", self->mnt.s);
	p = fmap_map_undisturbed(fd, 0, bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0);
	fmap_read_counters(&before);
	fmap_access(p + 700 * fmap_page(), false, 0);
	fmap_counters_since(&before, &self->c);
	munmap(p, bytes);
	close(fd);
	EXPECT_SOUND();
	EXPECT_COUNT(1, self->c, fa_calls);
	/* The core gives a folio of 128 pages and more for less. */
	if (fmap_maps_whole_folios() && self->c.fa_left) {
		EXPECT_GE(self->c.flt_large_pages, 128);
	} else {
		EXPECT_COUNT(512, self->c, fa_mapped);
	}
}

FMAP_TEST_MAIN

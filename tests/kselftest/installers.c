// SPDX-License-Identifier: GPL-2.0
/*
 * install=insert gives what install=handover gives: the same trace through
 * both, compared in which pages are mapped and cached, smaps (RSS, shares of
 * it, mlocked pages, flags of the mapping), faults, counters, data; and
 * afterwards nothing is left: no RSS, no reference to a page.
 */
#include "fmap_trace_run.h"

#define FILE_PAGES	1100
#define REPEATS		20

static const char *name = "installers.data";

/* What a trace leaves behind, seen while the mapping is still there. */
struct shown {
	struct fmap_counters c;
	struct fmap_usage usage;
	unsigned char *mapped;
	unsigned char *residency;
	char smaps[4096];
	long wrong_words;
	long left;	/* pages that cannot be evicted after munmap() */
};

FIXTURE(installers) {
	struct fmap_path mnt;
	struct fmap_path lower;
	struct fmap_trace t;
	bool cow;	/* store into every fifth page first */
	bool locked;	/* mlock2(MLOCK_ONFAULT) */
};

FIXTURE_VARIANT(installers) {
	enum fmap_pattern pattern;
	bool shared;
	const char *around;
};

#define VARIANTS(name, pat, ar) \
	FIXTURE_VARIANT_ADD(installers, name##_private_##ar) { \
		.pattern = pat, .around = "around=" #ar }; \
	FIXTURE_VARIANT_ADD(installers, name##_shared_##ar) { \
		.pattern = pat, .shared = true, .around = "around=" #ar }

#define PATTERNS(ar) \
	VARIANTS(seq, FMAP_SEQ, ar); \
	VARIANTS(stride16, FMAP_STRIDE16, ar); \
	VARIANTS(reverse, FMAP_REVERSE, ar); \
	VARIANTS(random, FMAP_RANDOM, ar)

PATTERNS(kernel);
PATTERNS(64k);
PATTERNS(table);

/* Map @pages from @pgoff on; touch in the order of the pattern what the file has. */
static void set_trace(FIXTURE_DATA(installers) *self, const FIXTURE_VARIANT_DATA(installers) *v,
		      size_t pgoff, size_t pages, unsigned int slot)
{
	const struct fmap_mapping map = {
		.file_pages = FILE_PAGES,
		.pgoff = pgoff,
		.pages = pages,
		.slot = slot,
		.shared = v->shared,
	};
	size_t i, n = 0;

	free(self->t.order);
	fmap_trace_init(&self->t, &map, v->pattern, false, true);
	for (i = 0; i < self->t.n; i++)
		if (pgoff + self->t.order[i] < FILE_PAGES)
			self->t.order[n++] = self->t.order[i];
	self->t.n = n;
}

FIXTURE_SETUP(installers)
{
	fmap_remount_plain();
	fmap_remount(variant->around);
	self->mnt = fmap_at(fmap_mnt(), "%s", name);
	self->lower = fmap_at(fmap_lower(), "%s", name);
	set_trace(self, variant, 0, FILE_PAGES, 0);
}

FIXTURE_TEARDOWN(installers)
{
	fmap_remount_plain();
}

/* By page: bit 2 mapped, bit 0 a page of the file and not a copy. */
static unsigned char *mapped_pages(const void *base, size_t pages)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t *entries = calloc(pages, 8);
	unsigned char *is = calloc(pages, 1);
	size_t i;

	if (pread(fd, entries, pages * 8, (uintptr_t)base / fmap_page() * 8) !=
	    (ssize_t)(pages * 8))
		fmap_die("/proc/self/pagemap");
	for (i = 0; i < pages; i++)
		is[i] = entries[i] >> 61;
	free(entries);
	close(fd);
	return is;
}

/* Of the mapping at @base, without its address. */
static void read_smaps(const void *base, char *text, size_t size)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512], begin[32];
	bool in = false;

	if (!f)
		fmap_die("/proc/self/smaps");
	snprintf(begin, sizeof(begin), "%lx-", (unsigned long)base);
	text[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		if (in && strncmp(line, "VmFlags", 7) && strstr(line, " kB") == NULL &&
		    strncmp(line, "THPeligible", 11) && strncmp(line, "ProtectionKey", 13))
			break;
		if (in && strlen(text) + strlen(line) < size)
			strcat(text, line);
		in |= !strncmp(line, begin, strlen(begin));
	}
	fclose(f);
	if (!text[0])
		fmap_die("no mapping at %p in smaps", base);
}

static long count_wrong(const struct fmap_trace *t, const volatile char *base)
{
	size_t page = fmap_page(), i;
	long n = 0;

	for (i = 0; i < t->n; i++)
		n += *(const volatile uint64_t *)(base + t->order[i] * page) !=
		     fmap_word((t->map.pgoff + t->order[i]) * page);
	return n;
}

static void run(const FIXTURE_DATA(installers) *self, const char *install,
		struct shown *s)
{
	const struct fmap_trace *t = &self->t;
	size_t page = fmap_page(), bytes = t->map.pages * page, i, pages;
	struct fmap_counters before;
	volatile char *base;
	int fd;

	fmap_remount(install);
	fmap_trace_prepare(t, self->lower.s);
	fmap_read_counters(&before);
	fmap_settle();
	fmap_populate_self();
	fd = open(self->mnt.s, O_RDWR);
	if (fd < 0)
		fmap_die("%s", self->mnt.s);
	base = fmap_map_undisturbed(fd, t->map.pgoff, bytes, PROT_READ | PROT_WRITE,
				    t->map.shared ? MAP_SHARED : MAP_PRIVATE, t->map.slot);
	if (self->locked && mlock2((void *)base, bytes, MLOCK_ONFAULT))
		fmap_die("mlock2");

	fmap_usage_begin(&s->usage);
	for (i = 0; self->cow && i < t->n; i += 5)
		*(volatile uint64_t *)(base + t->order[i] * page) =
			fmap_word((t->map.pgoff + t->order[i]) * page);
	fmap_touch(base, t->order, t->n, false);
	fmap_usage_end(&s->usage);

	fmap_counters_since(&before, &s->c);
	s->mapped = mapped_pages((void *)base, t->map.pages);
	read_smaps((void *)base, s->smaps, sizeof(s->smaps));
	s->wrong_words = count_wrong(t, base);
	munmap((void *)base, bytes);
	close(fd);
	munlockall();
	s->residency = fmap_residency(self->lower.s, &pages);
	s->left = fmap_evict(self->lower.s);
}

/* Only insert says what it handed over. */
static void forget_handed_over(struct fmap_counters *c)
{
	c->ins_no_table = 0;
	c->ins_mlocked = 0;
	c->ins_large_folio = 0;
	c->ins_pt_reclaim = 0;
}

static long long inserted_calls(const struct fmap_counters *c)
{
	return c->fa_calls - c->ins_no_table - c->ins_mlocked - c->ins_pt_reclaim;
}

/* Return: how many differences; @inserted gets how many windows were inserted. */
static int differences(const FIXTURE_DATA(installers) *self, long long *inserted)
{
	struct shown handover, insert;
	size_t i;
	int n;

	run(self, "install=handover", &handover);
	run(self, "install=insert", &insert);
	*inserted = inserted_calls(&insert.c);
	forget_handed_over(&insert.c);

	n = fmap_diff_counters(&handover.c, &insert.c) +
	    fmap_diff_usage(&handover.usage, &insert.usage) +
	    fmap_diff_residency(handover.residency, insert.residency, FILE_PAGES) +
	    fmap_diff_value("wrong words, handover", 0, handover.wrong_words) +
	    fmap_diff_value("wrong words, insert", 0, insert.wrong_words) +
	    fmap_diff_value("pages that stay, handover", 0, handover.left) +
	    fmap_diff_value("pages that stay, insert", 0, insert.left);
	for (i = 0; i < self->t.map.pages; i++) {
		if (handover.mapped[i] == insert.mapped[i])
			continue;
		printf("# page %zu: pagemap %d with handover, %d with insert\n", i,
		       handover.mapped[i], insert.mapped[i]);
		n++;
	}
	if (strcmp(handover.smaps, insert.smaps)) {
		printf("# smaps with handover:\n%s# with insert:\n%s", handover.smaps,
		       insert.smaps);
		n++;
	}
	free(handover.mapped);
	free(handover.residency);
	free(insert.mapped);
	free(insert.residency);
	return n;
}

TEST_F(installers, warm)
{
	long long inserted;

	EXPECT_EQ(0, differences(self, &inserted));
	if (fmap_inserts() && strcmp(variant->around, "around=table"))
		EXPECT_LT(0, inserted);
}

TEST_F(installers, cold)
{
	long long inserted;

	if (!fmap_on_brd())
		SKIP(return, "reads do not complete at once on this disk");
	self->t.warm = false;
	EXPECT_EQ(0, differences(self, &inserted));
}

/* The end of the file, in a window; beyond it nothing is mapped. */
TEST_F(installers, end_of_file)
{
	long long inserted;

	set_trace(self, variant, FILE_PAGES - 50, 80, 3);
	EXPECT_EQ(0, differences(self, &inserted));
}

/* The mapping begins and ends within windows, and the file goes on. */
TEST_F(installers, edges)
{
	long long inserted;

	set_trace(self, variant, 7, 600, 5);
	EXPECT_EQ(0, differences(self, &inserted));
}

/* Pages that have been copied are in the window, and stay what they are. */
TEST_F(installers, copied)
{
	long long inserted;

	if (variant->shared)
		SKIP(return, "nothing is copied");
	self->cow = true;
	EXPECT_EQ(0, differences(self, &inserted));
	/* The stores had a page table made: each window can be inserted. */
	if (variant->pattern != FMAP_STRIDE16 && fmap_inserts())
		EXPECT_LT(0, inserted);
}

TEST_F(installers, mlocked)
{
	long long inserted;

	self->locked = true;
	EXPECT_EQ(0, differences(self, &inserted));
	EXPECT_EQ(0, inserted);
}

/* Pages of files that the process has mapped. */
static long rss_file(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kib = -1;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "RssFile: %ld", &kib);
	if (!f || kib < 0)
		fmap_die("RssFile");
	fclose(f);
	return kib * 1024 / fmap_page();
}

/*
 * The kernel keeps RSS in parts and shows it within some pages; what leaks adds
 * up. What is off by one is found when the process ends: "Bad rss-counter
 * state" in the kernel log fails the run.
 */
TEST_F(installers, no_rss_is_left)
{
	struct shown s;
	long before, i;

	if (variant->pattern != FMAP_SEQ || strcmp(variant->around, "around=kernel"))
		SKIP(return, "one pattern is enough");
	run(self, "install=insert", &s);
	before = rss_file();
	for (i = 0; i < REPEATS; i++) {
		run(self, "install=insert", &s);
		free(s.mapped);
		free(s.residency);
		EXPECT_EQ(0, s.left);
	}
	EXPECT_GE(200, labs(rss_file() - before));
}

/*
 * Fault-around lowers mmap_miss for each page that is fit to be mapped, also
 * for those that are mapped already. It is high after many stores, each far
 * from the one before; the load next to the first of them finds that one mapped.
 */
#define DISTANCE	64
#define STORES		(FILE_PAGES / DISTANCE)

TEST_F(installers, misses_are_forgiven)
{
	long long inserted;
	size_t i;

	if (variant->pattern != FMAP_SEQ || strcmp(variant->around, "around=kernel"))
		SKIP(return, "one pattern is enough");
	if (!fmap_on_brd())
		SKIP(return, "reads do not complete at once on this disk");
	self->t.warm = false;
	self->cow = true;
	/* Each fifth is a store, before all loads. */
	self->t.n = 5 * STORES;
	for (i = 0; i < self->t.n; i++)
		self->t.order[i] = i % 5 ? 1 : i / 5 * DISTANCE;
	EXPECT_EQ(0, differences(self, &inserted));
	EXPECT_EQ(fmap_page_tables_stay(), inserted);
}

FMAP_TEST_MAIN_UNLESS(fmap_keep_file(name, FILE_PAGES * fmap_page() - 100))

// SPDX-License-Identifier: GPL-2.0
/*
 * Every counter, exactly: known traces over a cold and a warm file, compared
 *
 *  - with closed formulas, for warm sequential and strided reads;
 *  - with the arithmetic of the kernel's algorithm (fmap_model.h), rusage,
 *    /proc/vmstat and the pages in the cache afterwards included;
 *  - with the same trace on the plain lower filesystem, in what both show:
 *    rusage, /proc/vmstat, requests to the disk, pages in the cache.
 *
 * Cold counts need a disk whose reads complete at once (brd) and folios of one
 * page; elsewhere the cold tests skip, all others run.
 */
#include "fmap_trace_run.h"

/* Two page tables and a bit, the last page partial. */
#define FILE_PAGES	1100

struct place {
	struct fmap_path mnt;
	struct fmap_path lower;
};

static const char *kept = "exact_counts.data";

static struct place place_of(const char *name)
{
	return (struct place) {
		.mnt = fmap_at(fmap_mnt(), "%s", name),
		.lower = fmap_at(fmap_lower(), "%s", name),
	};
}

static struct place make_file_of(size_t pages)
{
	struct place p = place_of("exact_counts.own");

	fmap_remount_plain();
	fmap_make_file(p.lower.s, pages * fmap_page() - 100);
	return p;
}

/* The one that all tests share. */
static struct place kept_file(void)
{
	fmap_remount_plain();
	return place_of(kept);
}

/* Run on the mount and compare with the model: how many differences. */
static int differences(const struct fmap_trace *t, const struct place *p,
		       enum fmap_around_kind around, unsigned long around_pages)
{
	struct fmap_seen seen;
	struct fmap_model m;
	int n;

	fmap_trace_prepare(t, p->lower.s);
	fmap_trace_run(t, p->mnt.s, &seen);
	fmap_trace_predict(t, p->lower.s, &m);
	m.around = around;
	m.around_pages = around_pages;
	fmap_model_trace(&m, t->order, t->n, t->store);
	n = fmap_diff_model(&m, &seen);
	fmap_model_free(&m);
	free(seen.residency);
	return n;
}

/* --- each pattern, mapping and access ------------------------------------- */

FIXTURE(trace) {
	struct place place;
	struct fmap_trace t;
};

FIXTURE_VARIANT(trace) {
	enum fmap_pattern pattern;
	bool shared;
	bool store;
};

#define VARIANTS(name, pat) \
	FIXTURE_VARIANT_ADD(trace, name##_private_load) { .pattern = pat }; \
	FIXTURE_VARIANT_ADD(trace, name##_private_store) { \
		.pattern = pat, .store = true }; \
	FIXTURE_VARIANT_ADD(trace, name##_shared_load) { \
		.pattern = pat, .shared = true }; \
	FIXTURE_VARIANT_ADD(trace, name##_shared_store) { \
		.pattern = pat, .shared = true, .store = true }

VARIANTS(seq, FMAP_SEQ);
VARIANTS(stride16, FMAP_STRIDE16);
VARIANTS(reverse, FMAP_REVERSE);
VARIANTS(random, FMAP_RANDOM);

FIXTURE_SETUP(trace)
{
	const struct fmap_mapping map = {
		.file_pages = FILE_PAGES,
		.pages = FILE_PAGES,
		.shared = variant->shared,
	};

	self->place = kept_file();
	fmap_trace_init(&self->t, &map, variant->pattern, variant->store, false);
}

FIXTURE_TEARDOWN(trace)
{
	fmap_remount_plain();
}

TEST_F(trace, warm)
{
	if (fmap_large_folios())
		SKIP(return, "folios of more than one page");
	self->t.warm = true;
	EXPECT_EQ(0, differences(&self->t, &self->place, FMAP_AROUND_KERNEL, 0));
}

TEST_F(trace, cold)
{
	if (fmap_model_unfit())
		SKIP(return, "%s", fmap_model_unfit());
	EXPECT_EQ(0, differences(&self->t, &self->place, FMAP_AROUND_KERNEL, 0));
}

/* The mapping starts and ends in the middle of everything. */
TEST_F(trace, edges)
{
	struct fmap_mapping map = self->t.map;
	size_t slots = fmap_model_slots();
	static const struct {
		size_t pgoff;
		size_t pages;
	} cut[] = { { 0, FILE_PAGES }, { 7, 900 }, { 33, 3 }, { 1090, 10 } };
	const unsigned int slot[] = { 0, 1, 9, slots - 5, slots - 1 };
	struct fmap_trace t;
	size_t i, j;

	if (fmap_model_unfit())
		SKIP(return, "%s", fmap_model_unfit());
	for (i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		for (j = 0; j < sizeof(slot) / sizeof(slot[0]); j++) {
			map.pgoff = cut[i].pgoff;
			map.pages = cut[i].pages;
			map.slot = slot[j];
			fmap_trace_init(&t, &map, variant->pattern, variant->store,
					(i + j) % 2);
			EXPECT_EQ(0, differences(&t, &self->place, FMAP_AROUND_KERNEL, 0)) {
				TH_LOG("mapping of %zu pages from %zu at slot %u, %s",
				       map.pages, map.pgoff, map.slot,
				       t.warm ? "warm" : "cold");
			}
			free(t.order);
		}
	}
}

/* Windows of our own choice, warm and cold. */
TEST_F(trace, windows)
{
	static const struct {
		const char *option;
		enum fmap_around_kind kind;
		size_t bytes;
	} around[] = {
		{ "around=off", FMAP_AROUND_OFF, 0 },
		{ "around=table", FMAP_AROUND_TABLE, 0 },
		{ "around=64k", FMAP_AROUND_SIZE, 64 << 10 },
		{ "around=128k", FMAP_AROUND_SIZE, 128 << 10 },
		{ "around=1m", FMAP_AROUND_SIZE, 1 << 20 },
	};
	size_t i, warm;

	if (fmap_model_unfit())
		SKIP(return, "%s", fmap_model_unfit());
	/* The file goes on beyond both ends of the mapping, the windows do not. */
	self->t.map.pgoff = 7;
	self->t.map.pages = 600;
	self->t.map.slot = 5;
	free(self->t.order);
	fmap_trace_init(&self->t, &self->t.map, variant->pattern, variant->store, false);
	for (i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
		fmap_remount(around[i].option);
		for (warm = 0; warm < 2; warm++) {
			self->t.warm = warm;
			EXPECT_EQ(0, differences(&self->t, &self->place, around[i].kind,
						 around[i].bytes / fmap_page())) {
				TH_LOG("%s, %s", around[i].option, warm ? "warm" : "cold");
			}
		}
	}
}

TEST_F(trace, advice)
{
	static const int advice[] = { MADV_RANDOM, MADV_SEQUENTIAL };
	size_t i;

	if (fmap_model_unfit())
		SKIP(return, "%s", fmap_model_unfit());
	for (i = 0; i < 2; i++) {
		self->t.map.advice = advice[i];
		EXPECT_EQ(0, differences(&self->t, &self->place, FMAP_AROUND_KERNEL, 0)) {
			TH_LOG("%s", i ? "MADV_SEQUENTIAL" : "MADV_RANDOM");
		}
	}
}

/* Executable mappings, which newer kernels read in a way of their own. */
TEST(code)
{
	static const int advice[] = { MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL };
	struct fmap_mapping map = {
		.file_pages = FILE_PAGES,
		.pgoff = 7,
		.pages = 900,
		.exec = true,
	};
	struct place p = kept_file();
	struct fmap_trace t;
	size_t i, pattern;

	if (fmap_model_unfit())
		SKIP(return, "%s", fmap_model_unfit());
	for (i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
		for (pattern = 0; pattern < FMAP_NR_PATTERNS; pattern++) {
			map.advice = advice[i];
			fmap_trace_init(&t, &map, pattern, false, false);
			EXPECT_EQ(0, differences(&t, &p, FMAP_AROUND_KERNEL, 0)) {
				TH_LOG("%s, advice %d", fmap_pattern_names[pattern],
				       advice[i]);
			}
			free(t.order);
		}
	}
}

/* Requests to the disk, of all tests: to begin with counting takes its time. */
static struct fmap_tracer reads;
static bool traced;

/* What the lower filesystem shows without us, it shows with us. */
static int lower_differences(const struct fmap_trace *t, const struct place *p)
{
	struct fmap_seen lower, mnt;
	long before, lower_reads = 0, mnt_reads = 0;
	int n;

	fmap_trace_prepare(t, p->lower.s);
	before = traced ? fmap_tracer_count(&reads) : 0;
	fmap_trace_run(t, p->lower.s, &lower);
	if (traced)
		lower_reads = fmap_tracer_count(&reads) - before;

	fmap_trace_prepare(t, p->lower.s);
	before = traced ? fmap_tracer_count(&reads) : 0;
	fmap_trace_run(t, p->mnt.s, &mnt);
	if (traced)
		mnt_reads = fmap_tracer_count(&reads) - before;
	n = fmap_diff_usage(&lower.usage, &mnt.usage) +
	    fmap_diff_value("requests to the disk", lower_reads, mnt_reads) +
	    fmap_diff_residency(lower.residency, mnt.residency, t->map.file_pages);
	/* vfat on 6.1 reads pages from brd without a request. */
	if (traced && !t->warm && !lower_reads && strcmp(fmap_lowerfs(), "vfat")) {
		printf("# no request to the disk seen in a cold run\n");
		n++;
	}
	if (mnt.usage.pgmajfault != mnt.c.flt_miss + mnt.c.dlg_large_folio)
		n += fmap_diff_value("pgmajfault as counted", mnt.c.flt_miss,
				     mnt.usage.pgmajfault);
	free(lower.residency);
	free(mnt.residency);
	return n;
}

TEST_F(trace, as_on_lower)
{
	if (!fmap_on_brd())
		SKIP(return, "reads do not complete at once on this disk");
	EXPECT_EQ(0, lower_differences(&self->t, &self->place)) {
		TH_LOG("cold");
	}
	self->t.warm = true;
	EXPECT_EQ(0, lower_differences(&self->t, &self->place)) {
		TH_LOG("warm");
	}
}

TEST_F(trace, native_as_on_lower)
{
	if (!fmap_on_brd())
		SKIP(return, "reads do not complete at once on this disk");
	fmap_remount("engine=native");
	self->t.warm = true;
	EXPECT_EQ(0, lower_differences(&self->t, &self->place));
}

/* --- many misses ----------------------------------------------------------- */

/*
 * Stores, each far from the one before: no fault-around lowers mmap_miss, so
 * that read-around is given up after a hundred of them.
 */
#define MISSES	150
#define DISTANCE	64

FIXTURE(many_misses) {
	struct place place;
	struct fmap_trace t;
};

FIXTURE_VARIANT(many_misses) {
	bool shared;
};

FIXTURE_VARIANT_ADD(many_misses, private_store) { .shared = false };
FIXTURE_VARIANT_ADD(many_misses, shared_store) { .shared = true };

FIXTURE_SETUP(many_misses)
{
	const struct fmap_mapping map = {
		.file_pages = MISSES * DISTANCE,
		.pages = MISSES * DISTANCE,
		.shared = variant->shared,
	};
	size_t i;

	if (fmap_model_unfit())
		SKIP(return, "%s", fmap_model_unfit());
	self->place = make_file_of(MISSES * DISTANCE);
	fmap_trace_init(&self->t, &map, FMAP_SEQ, true, false);
	self->t.n = MISSES;
	for (i = 0; i < MISSES; i++)
		self->t.order[i] = i * DISTANCE;
}

FIXTURE_TEARDOWN(many_misses)
{
	unlink(self->place.lower.s);
}

TEST_F(many_misses, read_around_is_given_up)
{
	struct fmap_seen seen;

	EXPECT_EQ(0, differences(&self->t, &self->place, FMAP_AROUND_KERNEL, 0));
	fmap_trace_prepare(&self->t, self->place.lower.s);
	fmap_trace_run(&self->t, self->place.mnt.s, &seen);
	EXPECT_COUNT(MISSES, seen.c, flt_miss);
	EXPECT_COUNT(100, seen.c, sra_around);
	EXPECT_COUNT(MISSES - 100, seen.c, sra_skip_lotsamiss);
	EXPECT_COUNT(MISSES - 100, seen.c, flt_read_sync);
}

TEST_F(many_misses, as_on_lower)
{
	EXPECT_EQ(0, lower_differences(&self->t, &self->place));
}

/* --- closed formulas ------------------------------------------------------- */

FIXTURE(formula) {
	struct place place;
	struct fmap_trace t;
	struct fmap_seen seen;
	long around;
};

FIXTURE_SETUP(formula)
{
	const struct fmap_mapping map = { .file_pages = FILE_PAGES, .pages = 1024 };

	self->place = kept_file();
	self->around = fmap_fault_around_pages();
	self->t.map = map;
	self->t.warm = true;
}

FIXTURE_TEARDOWN(formula)
{
	fmap_remount_plain();
}

static void run_formula(FIXTURE_DATA(formula) *self, enum fmap_pattern pattern,
			bool shared, bool store)
{
	struct fmap_mapping map = self->t.map;

	map.shared = shared;
	fmap_trace_init(&self->t, &map, pattern, store, true);
	fmap_trace_prepare(&self->t, self->place.lower.s);
	fmap_trace_run(&self->t, self->place.mnt.s, &self->seen);
}

#define SKIP_UNLESS_AROUND() do { \
	if (fmap_large_folios()) \
		SKIP(return, "folios of more than one page"); \
	if (self->around < 2) \
		SKIP(return, "fault_around_bytes is one page"); \
	if (self->around > 1024) \
		SKIP(return, "fault_around_bytes is larger than the mapping"); \
} while (0)

TEST_F(formula, warm_sequential_read)
{
	SKIP_UNLESS_AROUND();
	run_formula(self, FMAP_SEQ, false, false);
	EXPECT_COUNT(1024 / self->around, self->seen.c, fa_calls);
	EXPECT_COUNT(1024 / self->around, self->seen.c, fa_hit_target);
	EXPECT_COUNT(1024, self->seen.c, fa_pages);
	EXPECT_COUNT(1024, self->seen.c, fa_mapped);
	EXPECT_COUNT(0, self->seen.c, fa_rewindowed);
	EXPECT_COUNT(0, self->seen.c, flt_calls);
	EXPECT_COUNT(0, self->seen.c, mkw_calls);
	EXPECT_EQ(1024 / self->around, self->seen.usage.minflt);
	EXPECT_EQ(0, self->seen.usage.majflt);
	EXPECT_EQ(0, self->seen.usage.pgmajfault);
}

TEST_F(formula, warm_every_16th_read)
{
	long step = self->around > 16 ? self->around : 16;

	SKIP_UNLESS_AROUND();
	run_formula(self, FMAP_STRIDE16, true, false);
	EXPECT_COUNT(1024 / step, self->seen.c, fa_calls);
	EXPECT_COUNT(1024 / step * self->around, self->seen.c, fa_mapped);
	EXPECT_COUNT(0, self->seen.c, flt_calls);
	EXPECT_EQ(1024 / step, self->seen.usage.minflt);
}

TEST_F(formula, warm_table_window)
{
	SKIP_UNLESS_AROUND();
	fmap_remount("around=table");
	run_formula(self, FMAP_REVERSE, true, false);
	EXPECT_COUNT(1024 / fmap_model_slots(), self->seen.c, fa_calls);
	EXPECT_COUNT(1024, self->seen.c, fa_mapped);
	EXPECT_COUNT(1024 / fmap_model_slots(), self->seen.c, fa_rewindowed);
	EXPECT_EQ(1024 / fmap_model_slots(), (size_t)self->seen.usage.minflt);
}

TEST_F(formula, warm_single_page_window)
{
	SKIP_UNLESS_AROUND();
	fmap_remount("around=off");
	run_formula(self, FMAP_RANDOM, false, false);
	EXPECT_COUNT(1024, self->seen.c, fa_calls);
	EXPECT_COUNT(1024, self->seen.c, fa_pages);
	EXPECT_COUNT(1024, self->seen.c, fa_mapped);
	EXPECT_COUNT(0, self->seen.c, flt_calls);
	EXPECT_EQ(1024, self->seen.usage.minflt);
}

/* A store asks for its one page: no fault-around. */
TEST_F(formula, warm_private_store)
{
	if (fmap_large_folios())
		SKIP(return, "folios of more than one page");
	run_formula(self, FMAP_RANDOM, false, true);
	EXPECT_COUNT(0, self->seen.c, fa_calls);
	EXPECT_COUNT(1024, self->seen.c, flt_calls);
	EXPECT_COUNT(1024, self->seen.c, ctx_cow);
	EXPECT_COUNT(1024, self->seen.c, flt_hit);
	EXPECT_COUNT(1024, self->seen.c, flt_done_minor);
	EXPECT_COUNT(0, self->seen.c, mkw_calls);
	EXPECT_EQ(1024, self->seen.usage.minflt);
}

TEST_F(formula, warm_shared_store)
{
	if (fmap_large_folios())
		SKIP(return, "folios of more than one page");
	run_formula(self, FMAP_SEQ, true, true);
	EXPECT_COUNT(1024, self->seen.c, ctx_shared_write);
	EXPECT_COUNT(1024, self->seen.c, flt_done_minor);
	EXPECT_COUNT(1024, self->seen.c, mkw_calls);
	EXPECT_COUNT(1024, self->seen.c, mkw_from_fault);
	EXPECT_COUNT(1024, self->seen.c, mkw_locked);
	EXPECT_EQ(1024, self->seen.usage.minflt);
}

/* --- single events --------------------------------------------------------- */

/* Loads first: each page's first store then finds it mapped read-only. */
TEST(load_then_store)
{
	struct fmap_counters before, d;
	size_t pages = 64, i;
	struct place p;
	volatile char *base;
	int fd;

	if (!strcmp(fmap_lowerfs(), "tmpfs"))
		SKIP(return, "no ->page_mkwrite");
	p = make_file_of(pages);
	fd = open(p.mnt.s, O_RDWR);
	ASSERT_LE(0, fd);
	base = fmap_map_at_slot(fd, 0, pages * fmap_page(), PROT_READ | PROT_WRITE,
				MAP_SHARED, 0);
	for (i = 0; i < pages; i++)
		(void)base[i * fmap_page()];
	fmap_read_counters(&before);
	for (i = 0; i < pages; i++)
		base[i * fmap_page()] = 1;
	fmap_counters_since(&before, &d);
	EXPECT_COUNT(pages, d, mkw_calls);
	EXPECT_COUNT(pages, d, mkw_from_wp);
	EXPECT_COUNT(0, d, flt_calls);
	EXPECT_COUNT(0, d, fa_calls);
	munmap((void *)base, pages * fmap_page());
	close(fd);
	unlink(p.lower.s);
}

TEST(beyond_end_of_file)
{
	struct place p = kept_file();
	struct fmap_counters before, d;
	size_t page = fmap_page(), i;
	bool around = fmap_fault_around_pages() > 1;
	volatile char *base;
	int fd = open(p.mnt.s, O_RDWR);

	ASSERT_LE(0, fd);
	base = fmap_map_at_slot(fd, 0, (FILE_PAGES + 8) * page, PROT_READ | PROT_WRITE,
				MAP_SHARED, 0);
	fmap_read_counters(&before);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(SIGBUS, fmap_access(base + (FILE_PAGES + i) * page, i % 2, 1));
	fmap_counters_since(&before, &d);
	if (strcmp(fmap_lowerfs(), "tmpfs")) {
		EXPECT_COUNT(8, d, flt_sigbus_eof_pre);
		EXPECT_COUNT(0, d, flt_lookups);
	}
	EXPECT_COUNT(8, d, flt_calls);
	EXPECT_COUNT(around ? 4 : 0, d, fa_calls);
	EXPECT_COUNT(0, d, mkw_calls);
	munmap((void *)base, (FILE_PAGES + 8) * page);
	close(fd);
}

static void end(void)
{
	fmap_tracer_close(&reads);
}

static const char *begin(void)
{
	const char *unfit = fmap_keep_file(kept, FILE_PAGES * fmap_page() - 100);

	traced = fmap_trace_reads(&reads, fmap_kept.s);
	if (traced)
		fmap_at_end(end);
	return unfit;
}

FMAP_TEST_MAIN_UNLESS(begin())

// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own tracepoints as an oracle: the trace that fmapfs counts is
 * run on the plain lower filesystem as well, where filemap_fault() and
 * filemap_map_pages() fire filemap:mm_filemap_fault and mm_filemap_map_pages.
 *
 * mm_filemap_fault fires once a pass that is not beyond the end of the file:
 * flt_calls - flt_sigbus_eof_pre of our counters.
 *
 * mm_filemap_map_pages fires if the window held a page fit to be mapped,
 * mapped before or not: fa_calls - fa_empty.
 */
#include "fmap_trace_run.h"

#define FILE_PAGES	1100

static const char *name = "trace_oracle.data";

struct events {
	long fault;
	long map_pages;
};

static bool have_events(void)
{
	const char *dirs[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	size_t i;

	for (i = 0; i < 2; i++)
		if (!access(fmap_at(dirs[i], "events/filemap/mm_filemap_map_pages/hist").s, F_OK))
			return true;
	return false;
}

static void trace_file(struct fmap_tracer *t, const char *event, const char *path)
{
	char filter[128];
	struct stat st;

	if (stat(path, &st))
		fmap_die("%s", path);
	snprintf(filter, sizeof(filter), "i_ino == %lu && s_dev == %lu",
		 (unsigned long)st.st_ino, fmap_kernel_dev(st.st_dev));
	if (!fmap_tracer_open(t, event, filter, NULL))
		fmap_die("no event %s", event);
}

FIXTURE(oracle) {
	struct fmap_path mnt;
	struct fmap_path lower;
	struct fmap_tracer fault;
	struct fmap_tracer map_pages;
};

/* Run on @path; count what fires for the lower file. */
static void run(const FIXTURE_DATA(oracle) *self, const struct fmap_trace *t,
		const char *path, struct fmap_seen *seen, struct events *events)
{
	fmap_trace_prepare(t, self->lower.s);
	events->fault = -fmap_tracer_count(&self->fault);
	events->map_pages = -fmap_tracer_count(&self->map_pages);
	fmap_trace_run(t, path, seen);
	events->fault += fmap_tracer_count(&self->fault);
	events->map_pages += fmap_tracer_count(&self->map_pages);
}

FIXTURE_VARIANT(oracle) {
	enum fmap_pattern pattern;
	bool shared;
	bool store;
	bool warm;
	int advice;
};

#define VARIANTS(name, pat) \
	FIXTURE_VARIANT_ADD(oracle, name##_cold_load) { .pattern = pat }; \
	FIXTURE_VARIANT_ADD(oracle, name##_warm_load) { .pattern = pat, .warm = true }; \
	FIXTURE_VARIANT_ADD(oracle, name##_cold_shared_store) { \
		.pattern = pat, .shared = true, .store = true }; \
	FIXTURE_VARIANT_ADD(oracle, name##_warm_private_store) { \
		.pattern = pat, .warm = true, .store = true }; \
	FIXTURE_VARIANT_ADD(oracle, name##_cold_madv_random) { \
		.pattern = pat, .advice = MADV_RANDOM }; \
	FIXTURE_VARIANT_ADD(oracle, name##_cold_madv_sequential) { \
		.pattern = pat, .advice = MADV_SEQUENTIAL }

VARIANTS(seq, FMAP_SEQ);
VARIANTS(stride16, FMAP_STRIDE16);
VARIANTS(reverse, FMAP_REVERSE);
VARIANTS(random, FMAP_RANDOM);

FIXTURE_SETUP(oracle)
{
	fmap_remount_plain();
	self->mnt = fmap_at(fmap_mnt(), "%s", name);
	self->lower = fmap_at(fmap_lower(), "%s", name);
	trace_file(&self->fault, "filemap/mm_filemap_fault", self->lower.s);
	trace_file(&self->map_pages, "filemap/mm_filemap_map_pages", self->lower.s);
}

FIXTURE_TEARDOWN(oracle)
{
	fmap_tracer_close(&self->fault);
	fmap_tracer_close(&self->map_pages);
}

TEST_F(oracle, events)
{
	const struct fmap_mapping map = {
		.file_pages = FILE_PAGES,
		.pages = FILE_PAGES,
		.slot = 3,
		.shared = variant->shared,
		.advice = variant->advice,
	};
	struct fmap_seen on_lower, on_mnt;
	struct events lower, mnt;
	struct fmap_trace t;
	struct fmap_model m;

	fmap_trace_init(&t, &map, variant->pattern, variant->store, variant->warm);
	run(self, &t, self->lower.s, &on_lower, &lower);
	run(self, &t, self->mnt.s, &on_mnt, &mnt);
	fmap_trace_predict(&t, self->lower.s, &m);
	fmap_model_trace(&m, t.order, t.n, t.store);

	/* Nothing of ours ran for the lower's own mapping. */
	EXPECT_COUNT(0, on_lower.c, flt_calls);
	EXPECT_COUNT(0, on_lower.c, fa_calls);

	EXPECT_EQ(lower.fault, on_mnt.c.flt_calls - on_mnt.c.flt_sigbus_eof_pre);
	EXPECT_EQ(lower.fault, m.fault_events);
	EXPECT_EQ(lower.map_pages, on_mnt.c.fa_calls - on_mnt.c.fa_empty);
	EXPECT_EQ(lower.map_pages, m.map_pages_events);
	EXPECT_LT(0, lower.fault + lower.map_pages);

	/* Our engine stands in for filemap_fault(); the windows are handed over. */
	EXPECT_EQ(0, mnt.fault);
	EXPECT_EQ(lower.map_pages, mnt.map_pages);
	EXPECT_EQ(0, fmap_diff_usage(&on_lower.usage, &on_mnt.usage));
	fmap_model_free(&m);
}

static const char *unfit(void)
{
	if (!have_events())
		return "no filemap fault tracepoints in this kernel (6.1 has none)";
	if (fmap_model_unfit())
		return fmap_model_unfit();
	return fmap_keep_file(name, FILE_PAGES * fmap_page());
}

FMAP_TEST_MAIN_UNLESS(unfit())

// SPDX-License-Identifier: GPL-2.0
/*
 * Why does fault-around leave an uptodate page with PG_readahead alone?
 *
 * Because the next readahead starts from the fault on it. A sequential scan of
 * a cold file is fed by asynchronous readahead only as long as each marker is
 * met by ->fault: were it mapped by fault-around, the scan would miss at the
 * end of each readahead window instead, and wait for the disk.
 */
#include "fmap_trace_run.h"

#define FILE_PAGES	2048

static const char *name = "marker.data";

FIXTURE(marker) {
	struct fmap_path mnt;
	struct fmap_path lower;
	struct fmap_trace t;
};

FIXTURE_SETUP(marker)
{
	const struct fmap_mapping map = { .file_pages = FILE_PAGES, .pages = FILE_PAGES };

	fmap_remount_plain();
	self->mnt = fmap_at(fmap_mnt(), "%s", name);
	self->lower = fmap_at(fmap_lower(), "%s", name);
	fmap_make_file(self->lower.s, FILE_PAGES * fmap_page());
	fmap_trace_init(&self->t, &map, FMAP_SEQ, false, false);
}

FIXTURE_TEARDOWN(marker)
{
	fmap_remount_plain();
	unlink(self->lower.s);
}

/* Each marker has been left out by fault-around, then started a read. */
TEST_F(marker, feeds_the_scan)
{
	long ra = fmap_ra_pages(self->lower.s);
	struct fmap_seen seen;
	struct fmap_model m;

	fmap_trace_prepare(&self->t, self->lower.s);
	fmap_trace_run(&self->t, self->mnt.s, &seen);
	fmap_trace_predict(&self->t, self->lower.s, &m);
	fmap_model_trace(&m, self->t.order, self->t.n, self->t.store);

	/* One miss for the whole file: its read-around, then only markers. */
	EXPECT_COUNT(1, seen.c, flt_miss);
	EXPECT_COUNT(1, seen.c, sra_around);
	EXPECT_EQ(1, seen.usage.pgmajfault);
	EXPECT_LT(0, seen.c.ara_trigger);
	EXPECT_COUNT(seen.c.ara_trigger, seen.c, drop_for_async_ra);
	EXPECT_COUNT(m.c.ara_trigger, seen.c, ara_trigger);
	EXPECT_COUNT(m.c.fa_skip_ra_marker, seen.c, fa_skip_ra_marker);
	EXPECT_COUNT(FILE_PAGES, seen.c, fa_mapped);

	/*
	 * The read-around's marker lies within a fault-around window, so it is
	 * left out twice: as a neighbour, then as the faulting page. Those of
	 * the windows after it lie at their start: once each. Since 7.2 the
	 * window that ends with the file has none.
	 */
	if (ra == 32 && fmap_fault_around_pages() == 16) {
		long markers = FILE_PAGES / 32 - (fmap_kernel() >= 702);

		EXPECT_COUNT(markers, seen.c, ara_trigger);
		EXPECT_COUNT(markers + 1, seen.c, fa_skip_ra_marker);
	}
	fmap_model_free(&m);
}

/* The same requests to the disk as without us. */
TEST_F(marker, reads_as_the_lower)
{
	struct fmap_tracer reads;
	struct fmap_seen seen;
	long before, lower, mnt;

	if (!fmap_trace_reads(&reads, self->lower.s))
		SKIP(return, "no block tracepoints");
	fmap_trace_prepare(&self->t, self->lower.s);
	before = fmap_tracer_count(&reads);
	fmap_trace_run(&self->t, self->lower.s, &seen);
	lower = fmap_tracer_count(&reads) - before;

	fmap_trace_prepare(&self->t, self->lower.s);
	before = fmap_tracer_count(&reads);
	fmap_trace_run(&self->t, self->mnt.s, &seen);
	mnt = fmap_tracer_count(&reads) - before;
	fmap_tracer_close(&reads);

	if (!lower)
		SKIP(return, "this filesystem reads from brd without requests");
	EXPECT_EQ(lower, mnt);
}

/* A window of a whole page table skips it all the same. */
TEST_F(marker, whatever_the_window)
{
	static const char * const windows[] = { "around=table", "around=128k", "around=off" };
	struct fmap_seen seen;
	size_t i;

	for (i = 0; i < 3; i++) {
		fmap_remount(windows[i]);
		fmap_trace_prepare(&self->t, self->lower.s);
		fmap_trace_run(&self->t, self->mnt.s, &seen);
		EXPECT_COUNT(1, seen.c, flt_miss) {
			TH_LOG("%s", windows[i]);
		}
		EXPECT_LT(0, seen.c.ara_trigger);
		EXPECT_LE(seen.c.ara_trigger, seen.c.fa_skip_ra_marker);
	}
}

static void arm(const char *text)
{
	struct fmap_path path = fmap_at(fmap_env("FMAP_DEBUGFS"), "trigger");

	if (fmap_write_file(path.s, text))
		fmap_die("%s to %s", text, path.s);
}

/* What the disk was asked for in a cold scan; -1: cannot be told. */
static long cold_scan(const FIXTURE_DATA(marker) *self, struct fmap_seen *seen)
{
	struct fmap_tracer reads;
	bool traced;
	long n = -1;

	fmap_trace_prepare(&self->t, self->lower.s);
	traced = fmap_trace_reads(&reads, self->lower.s);
	if (traced)
		n = -fmap_tracer_count(&reads);
	fmap_trace_run(&self->t, self->mnt.s, seen);
	if (traced) {
		n += fmap_tracer_count(&reads);
		fmap_tracer_close(&reads);
	}
	return n;
}

/*
 * The experiment: take the marker from each window, as a fault-around that did
 * not care for it would. Nothing is read ahead any more; the scan waits for the
 * disk at the end of each read-around instead.
 */
TEST_F(marker, without_it)
{
	long ra = fmap_ra_pages(self->lower.s), with_reads, without_reads;
	struct fmap_seen with, without;

	with_reads = cold_scan(self, &with);
	arm("around_unmark 1000000 /marker.data");
	without_reads = cold_scan(self, &without);
	arm("off");

	TH_LOG("with the marker: %lld misses, %lld asynchronous reads, %ld requests",
	       with.c.flt_miss, with.c.ara_trigger, with_reads);
	TH_LOG("without: %lld misses, %lld asynchronous reads, %ld requests",
	       without.c.flt_miss, without.c.ara_trigger, without_reads);

	EXPECT_LT(0, without.c.trg_fired);
	EXPECT_COUNT(0, without.c, ara_trigger);
	EXPECT_COUNT(0, without.c, fa_skip_ra_marker);
	EXPECT_LT(with.c.flt_miss, without.c.flt_miss);
	EXPECT_LT(with.usage.majflt, without.usage.majflt);
	EXPECT_EQ(without.c.flt_miss, without.usage.pgmajfault);
	EXPECT_COUNT(FILE_PAGES, without.c, fa_mapped);
	/*
	 * Each read-around begins half a window before its miss, where all is
	 * cached by now: what it brings is its other half. Since 7.2 no second
	 * pass lowers mmap_miss. The first pass over the second half of the first
	 * read-around does; a hundred later there are no more.
	 */
	if (ra == 32 && fmap_fault_around_pages() == 16) {
		if (fmap_kernel() >= 702) {
			EXPECT_COUNT(101, without.c, sra_around);
		} else {
			EXPECT_COUNT(1 + (FILE_PAGES - ra) / (ra / 2), without.c, flt_miss);
		}
		EXPECT_COUNT(1, with.c, flt_miss);
	}
}

static const char *unfit(void)
{
	if (fmap_fault_around_pages() < 2)
		return "fault_around_bytes is one page";
	return fmap_model_unfit();
}

FMAP_TEST_MAIN_UNLESS(unfit())

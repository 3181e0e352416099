// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of our own sizes: readahead=adaptive and readahead=SIZE.
 */
#include <linux/pagemap.h>

#include "fault.h"

/*
 * Read what a policy of ours asks for, with a file_ra_state of its own: that of the
 * file is for read(2). Where the kernel reads in larger folios, have it choose them:
 * it takes a sequential read for the beginning of a stream, reads all that it may, and
 * leaves the marker behind what was asked for, or in the middle if that is all.
 */
static void fmap_read_request(struct fmap_fault *f, const struct fmap_request *r)
{
	struct file_ra_state ra = {
		.ra_pages = r->nr,
		.prev_pos = (loff_t)r->first << PAGE_SHIFT,
	};
	DEFINE_READAHEAD(ractl, f->file, &ra, f->mapping, r->first);

	if (mapping_large_folio_support(f->mapping) && !FMAP_AROUND_IS_SMALL)
		page_cache_sync_ra(&ractl, r->mark);
	else
		fmap_ra_range(f, &ractl, r->nr, r->nr - r->mark);
}

/*
 * Read a request in the advance of a forward stream, as if the one before it had been
 * of the same size and had left the marker: so folios grow with it.
 */
static void fmap_read_onward(struct fmap_fault *f, const struct fmap_request *r)
{
	struct file_ra_state ra = {
		.start = r->first - r->nr,
		.size = r->nr,
		.async_size = r->first - f->folio->index,
		.ra_pages = r->nr,
	};
	DEFINE_READAHEAD(ractl, f->file, &ra, f->mapping, f->folio->index);

	fmap_set_ra_order(&ra, folio_order(f->folio));
	page_cache_async_ra(&ractl, f->folio, r->nr);
}

static void fmap_count_adapt(struct fmap_fault *f, const struct fmap_request *r)
{
	static const enum fmap_counter counters[] = {
		[FMAP_READ_ONE]		= FMAP_sra_adapt_one,
		[FMAP_READ_AROUND]	= FMAP_sra_adapt_around,
		[FMAP_READ_RUN]		= FMAP_sra_adapt_run,
		[FMAP_READ_STREAM]	= FMAP_sra_adapt_stream,
	};

	fmap_fault_count(f, counters[r->why]);
	if (r->why != FMAP_READ_ONE)
		fmap_fault_count_add(f, FMAP_sra_pages_requested, r->nr);
}

/**
 * fmap_read_adaptive - readahead=adaptive: read for a page that is not cached
 * @f:	the fault; fault lock held, may be dropped
 *
 * The page alone needs no readahead: the fault reads it.
 */
void fmap_read_adaptive(struct fmap_fault *f)
{
	struct fmap_request r = fmap_adaptive_miss(f);

	fmap_count_adapt(f, &r);
	if (r.why == FMAP_READ_ONE)
		return;
	f->engine->drop(f, FMAP_drop_for_sync_ra);
	fmap_read_request(f, &r);
}

/**
 * fmap_read_size_around - readahead=SIZE: read around a page that is not cached
 * @f:	the fault; fault lock held, may be dropped
 */
void fmap_read_size_around(struct fmap_fault *f)
{
	const struct fmap_spot spot = { .index = f->index, .last = ULONG_MAX >> PAGE_SHIFT };
	struct fmap_request r = fmap_request_around(&spot, f->readahead.pages);

	if (f->index < r.nr / 2)
		fmap_fault_count(f, FMAP_sra_around_clamped_bof);
	fmap_fault_count_add(f, FMAP_sra_pages_requested, r.nr);
	f->engine->drop(f, FMAP_drop_for_sync_ra);
	fmap_read_request(f, &r);
}

/* What is read next, from a marker on. */
static void fmap_read_next(struct fmap_fault *f, const struct fmap_request *r)
{
	fmap_fault_count(f, FMAP_ara_trigger);
	fmap_fault_count_add(f, FMAP_ara_pages_requested, r->nr);
	f->engine->drop(f, FMAP_drop_for_async_ra);
	if (r->forward) {
		fmap_read_onward(f, r);
	} else {
		folio_clear_readahead(f->folio);
		fmap_read_request(f, r);
	}
}

/**
 * fmap_marker_adaptive - readahead=adaptive: a marker is met
 * @f:	the fault, on f->folio; fault lock held, may be dropped
 */
void fmap_marker_adaptive(struct fmap_fault *f)
{
	struct fmap_request r = fmap_adaptive_marker(f);

	if (r.why == FMAP_READ_NOTHING) {
		/* Fault-around may map it from now on. */
		folio_clear_readahead(f->folio);
		fmap_fault_count(f, FMAP_ara_adapt_stop);
		return;
	}
	fmap_fault_count(f, r.forward ? FMAP_ara_adapt_forward : FMAP_ara_adapt_backward);
	fmap_read_next(f, &r);
}

/**
 * fmap_marker_size - readahead=SIZE: a marker is met
 * @f:	the fault, on f->folio; fault lock held, may be dropped
 */
void fmap_marker_size(struct fmap_fault *f)
{
	struct fmap_request r = fmap_size_marker(f);

	if (r.why == FMAP_READ_NOTHING) {
		fmap_fault_count(f, FMAP_ara_trigger);
		folio_clear_readahead(f->folio);
		return;
	}
	fmap_read_next(f, &r);
}

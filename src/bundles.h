/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters that go up together at the most usual ends of our hooks, so that one
 * instruction counts them all:
 *
 *	FMAP_BUNDLE(name, counter...)
 *
 * Whoever reads a counter adds the bundles that it is in: see fmap_stats_sum().
 */
#ifndef _FMAPFS_BUNDLES_H
#define _FMAPFS_BUNDLES_H

/* ->fault: first pass from user mode, the page cached and free. See warm.c. */
#define FMAP_WARM \
	FMAP_flt_calls, FMAP_ctx_first_try, FMAP_flt_lookups, FMAP_flt_hit, \
	FMAP_ara_calls, FMAP_ara_no_marker, FMAP_ara_miss_zero, \
	FMAP_lck_calls, FMAP_lck_trylock_ok, FMAP_flt_done_minor

/* ->map_pages: around=adaptive leaves the fault to ->fault. */
#define FMAP_LEFT	FMAP_fa_calls, FMAP_fa_left, FMAP_fa_adapt

/* ->map_pages: around=adaptive takes the window that the core asked for. */
#define FMAP_BLOCK_ASKED	FMAP_fa_adapt, FMAP_fa_adapt_block

/* ->map_pages: a window with nothing to be said about it. See warm.c. */
#define FMAP_WINDOW		FMAP_fa_calls, FMAP_fa_hit_target
#define FMAP_WINDOW_PAGES	FMAP_fa_pages, FMAP_fa_mapped

/* ->page_mkwrite: the lower's hook made the page writable. */
#define FMAP_WRITABLE	FMAP_mkw_calls, FMAP_mkw_lower, FMAP_mkw_locked

#define FMAP_BUNDLES \
FMAP_BUNDLE(read_mmap_lock, FMAP_WARM, FMAP_ctx_read, FMAP_ctx_mmap_lock) \
FMAP_BUNDLE(read_vma_lock, FMAP_WARM, FMAP_ctx_read, FMAP_ctx_vma_lock) \
FMAP_BUNDLE(cow_mmap_lock, FMAP_WARM, FMAP_ctx_cow, FMAP_ctx_mmap_lock) \
FMAP_BUNDLE(cow_vma_lock, FMAP_WARM, FMAP_ctx_cow, FMAP_ctx_vma_lock) \
FMAP_BUNDLE(store_mmap_lock, FMAP_WARM, FMAP_ctx_shared_write, FMAP_ctx_mmap_lock) \
FMAP_BUNDLE(store_vma_lock, FMAP_WARM, FMAP_ctx_shared_write, FMAP_ctx_vma_lock) \
FMAP_BUNDLE(window, FMAP_WINDOW) \
FMAP_BUNDLE(window_pages, FMAP_WINDOW_PAGES) \
FMAP_BUNDLE(block, FMAP_BLOCK_ASKED) \
FMAP_BUNDLE(left_alone, FMAP_LEFT, FMAP_fa_adapt_alone) \
FMAP_BUNDLE(left_folio, FMAP_LEFT, FMAP_fa_adapt_whole) \
FMAP_BUNDLE(writable_from_fault, FMAP_WRITABLE, FMAP_mkw_from_fault) \
FMAP_BUNDLE(writable_from_wp, FMAP_WRITABLE, FMAP_mkw_from_wp)

#endif /* _FMAPFS_BUNDLES_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The mmap path of Linux 6.1, 6.12 and 7.2 as arithmetic: page cache, readahead
 * state, page table and counters of one file and one mapping of it, for one
 * thread, on a disk whose reads complete at once (brd), with folios of one
 * page. Written from mm/memory.c, mm/filemap.c and mm/readahead.c and from the
 * help texts of counters.h, not from the module, so that either can show the
 * other wrong.
 */
#ifndef FMAP_MODEL_H
#define FMAP_MODEL_H

#include "fmap_test.h"

enum fmap_around_kind {
	FMAP_AROUND_KERNEL,
	FMAP_AROUND_OFF,
	FMAP_AROUND_TABLE,
	FMAP_AROUND_SIZE,
};

/* One mapping of a part of a file. */
struct fmap_mapping {
	size_t file_pages;	/* of the file; the last may be partial */
	size_t pgoff;		/* first page mapped */
	size_t pages;		/* pages mapped; may go beyond the file */
	unsigned int slot;	/* page-table slot of the first */
	bool shared;
	bool exec;
	int advice;		/* MADV_ */
};

enum { FMAP_PTE_NONE, FMAP_PTE_READ, FMAP_PTE_WRITE };

struct fmap_model {
	struct fmap_mapping map;
	int kernel;
	unsigned long core_around;	/* pages */
	unsigned long ra_pages;
	enum fmap_around_kind around;
	unsigned long around_pages;	/* FMAP_AROUND_SIZE */
	bool mkwrite_own;

	/* the file */
	bool *cached;
	bool *marker;
	/* its f_ra */
	size_t ra_start, ra_size, ra_async;
	unsigned int mmap_miss;
	/* the page tables, by page of the mapping; is there a table yet? */
	unsigned char *pte;
	bool *table;

	/* the pass of a fault */
	bool tried;
	bool vma_lock;
	bool dropped;
	bool major;

	/* results */
	struct fmap_counters c;
	struct fmap_usage usage;
	long map_pages_events;	/* mm_filemap_map_pages would fire */
	long fault_events;	/* mm_filemap_fault would fire */
	long sigbus;
};

static inline size_t fmap_model_slots(void)
{
	return fmap_page() / 8;
}

static inline bool *fmap_model_table(const struct fmap_model *m, size_t at)
{
	return &m->table[(m->map.slot + at) / fmap_model_slots()];
}

/*
 * NULL, or why the model does not fit this machine. Kernels newer than 7.2 are taken to
 * be like it, until a test says that they are not; 7.3 is.
 */
static inline const char *fmap_model_unfit(void)
{
	if (fmap_kernel() != 601 && fmap_kernel() != 612 && fmap_kernel() < 702)
		return "no model of this kernel";
	if (fmap_large_folios())
		return "folios of more than one page";
	return fmap_on_brd() ? NULL : "reads do not complete at once on this disk";
}

static inline void fmap_model_init(struct fmap_model *m, const struct fmap_mapping *map,
				   unsigned long ra_pages)
{
	memset(m, 0, sizeof(*m));
	m->map = *map;
	m->kernel = fmap_kernel();
	m->core_around = fmap_fault_around_pages();
	m->ra_pages = ra_pages;
	m->mkwrite_own = !strcmp(fmap_lowerfs(), "vfat");
	m->cached = calloc(map->file_pages + 1, sizeof(bool));
	m->marker = calloc(map->file_pages + 1, sizeof(bool));
	m->pte = calloc(map->pages, 1);
	m->table = calloc((map->slot + map->pages) / fmap_model_slots() + 1, sizeof(bool));
	m->c.map_calls = 1;
	m->c.map_wrapped = 1;
}

static inline void fmap_model_free(struct fmap_model *m)
{
	free(m->cached);
	free(m->marker);
	free(m->pte);
	free(m->table);
}

static inline void fmap_model_warm(struct fmap_model *m)
{
	memset(m->cached, true, m->map.file_pages);
}

/* --- readahead ------------------------------------------------------------- */

/* do_page_cache_ra() and page_cache_ra_unbounded() */
static inline void fmap_model_read(struct fmap_model *m, size_t index, size_t nr,
				   size_t lookahead)
{
	size_t last = m->map.file_pages - 1, i;

	if (index > last)
		return;
	if (nr > last - index) {
		nr = last - index + 1;
		if (m->kernel >= 702)
			lookahead = 0;
	}
	for (i = 0; i < nr; i++) {
		if (m->cached[index + i])
			continue;
		m->cached[index + i] = true;
		/* Wraps where the end of the file cuts into the lookahead: no marker. */
		m->marker[index + i] = i == nr - lookahead;
	}
}

static inline size_t fmap_model_next_size(const struct fmap_model *m)
{
	size_t max = m->ra_pages, cur = m->ra_size;

	if (cur < max / 16)
		return 4 * cur;
	return cur <= max / 2 ? 2 * cur : max;
}

/* page_cache_next_miss(); 6.1 takes the last page scanned for a miss. */
static inline size_t fmap_model_next_miss(const struct fmap_model *m, size_t index,
					  size_t max)
{
	size_t i;

	for (i = 0; i < max; i++)
		if (index + i >= m->map.file_pages || !m->cached[index + i])
			return index + i;
	return index + max - (m->kernel < 612);
}

/*
 * 7.2 ends a window where a folio of the next order would, even if the filesystem
 * has none larger than a page.
 */
static inline void fmap_model_align_window(struct fmap_model *m)
{
	size_t order = ffs(m->ra_pages) - 1, end, excess;

	if (m->kernel < 702)
		return;
	end = m->ra_start + m->ra_size;
	excess = end % ((size_t)1 << (order < 2 ? order : 2));
	if (end - excess > m->ra_start)
		m->ra_size -= excess;
}

/* page_cache_async_ra() on the marker page @index */
static inline void fmap_model_async_ra(struct fmap_model *m, size_t index)
{
	size_t start;

	m->marker[index] = false;
	if (index == m->ra_start + m->ra_size - m->ra_async ||
	    (m->kernel < 612 && index == m->ra_start + m->ra_size)) {
		m->ra_start += m->ra_size;
		if (fmap_model_next_size(m) > m->ra_size)
			m->ra_size = fmap_model_next_size(m);
	} else {
		start = fmap_model_next_miss(m, index + 1, m->ra_pages);
		if (start - index > m->ra_pages)
			return;
		m->ra_start = start;
		m->ra_size = start - index + m->ra_pages;
		m->ra_size = fmap_model_next_size(m);
	}
	fmap_model_align_window(m);
	m->ra_async = m->ra_size;
	fmap_model_read(m, m->ra_start, m->ra_size, m->ra_async);
}

/*
 * page_cache_sync_ra() for a request of ra_pages, all that the mmap path asks
 * for. History pages never outnumber such a request, so that a miss which
 * starts no stream is read as it is.
 */
static inline void fmap_model_sync_ra(struct fmap_model *m, size_t index)
{
	bool expected = index == m->ra_start + m->ra_size - m->ra_async ||
			index == m->ra_start + m->ra_size;

	if (!index) {
		m->ra_start = 0;
		m->ra_size = m->ra_pages;
		m->ra_async = m->ra_pages / 2;
	} else if (m->kernel < 612 && expected) {
		m->ra_start += m->ra_size;
		if (fmap_model_next_size(m) > m->ra_size)
			m->ra_size = fmap_model_next_size(m);
		m->ra_async = m->ra_size;
		/* It would hit its own marker at once. */
		if (index == m->ra_start) {
			m->ra_size = m->ra_pages;
			m->ra_async = m->ra_pages / 2;
		}
	} else {
		fmap_model_read(m, index, m->ra_pages, 0);
		return;
	}
	fmap_model_read(m, m->ra_start, m->ra_size, m->ra_async);
}

/* --- ->map_pages ----------------------------------------------------------- */

struct fmap_span {
	size_t first;	/* pages of the mapping, both included */
	size_t last;
};

/* From slot @from, @nr slots on, cut to page table and mapping; around page @at. */
static inline struct fmap_span fmap_model_cut(const struct fmap_model *m, size_t at,
					      size_t from, size_t nr)
{
	size_t slots = fmap_model_slots();
	size_t slot = (m->map.slot + at) % slots;
	size_t to = from + nr < slots ? from + nr - 1 : slots - 1;
	struct fmap_span span;

	span.first = at + from < slot ? 0 : at + from - slot;
	span.last = at + to - slot;
	if (span.last > m->map.pages - 1)
		span.last = m->map.pages - 1;
	return span;
}

/* do_fault_around(): a window cut at the start of the mapping is not shorter. */
static inline struct fmap_span fmap_model_asked(const struct fmap_model *m, size_t at)
{
	size_t slot = (m->map.slot + at) % fmap_model_slots();
	size_t from = slot / m->core_around * m->core_around;

	if (slot - from > at)
		from = slot - at;
	return fmap_model_cut(m, at, from, m->core_around);
}

static inline struct fmap_span fmap_model_window(const struct fmap_model *m, size_t at)
{
	size_t slot = (m->map.slot + at) % fmap_model_slots();
	size_t nr = m->around_pages;

	switch (m->around) {
	case FMAP_AROUND_OFF:
		return (struct fmap_span) { at, at };
	case FMAP_AROUND_TABLE:
		return fmap_model_cut(m, at, 0, fmap_model_slots());
	case FMAP_AROUND_SIZE:
		return fmap_model_cut(m, at, slot / nr * nr, nr);
	default:
		return fmap_model_asked(m, at);
	}
}

/* next_uptodate_folio(): is there a page fit to be mapped at page @at? */
static inline bool fmap_model_fit(const struct fmap_model *m, size_t at)
{
	size_t index = m->map.pgoff + at;

	return index < m->map.file_pages && m->cached[index] && !m->marker[index];
}

/*
 * Will filemap_map_pages() come as far as the PTEs? Not without a page fit to
 * be mapped. Nor, since 6.12, if the first of these is the file's last and the page
 * table is still missing: the step that would install it is left out, because
 * it might map a huge page across the end of the file.
 */
static inline bool fmap_model_can_map(struct fmap_model *m, struct fmap_span win)
{
	size_t i = win.first;

	while (i <= win.last && !fmap_model_fit(m, i))
		i++;
	if (i > win.last)
		return false;
	if (m->kernel < 612 || m->map.pgoff + i < m->map.file_pages - 1)
		*fmap_model_table(m, i) = true;
	return *fmap_model_table(m, i);
}

static inline void fmap_model_why_not(struct fmap_model *m, size_t index)
{
	if (index >= m->map.file_pages)
		m->c.fa_skip_eof++;
	else if (!m->cached[index])
		m->c.fa_skip_hole++;
	else if (m->marker[index])
		m->c.fa_skip_ra_marker++;
	else
		m->c.fa_lost++;
}

/* Facts about the window, whatever becomes of it. */
static inline void fmap_model_count_window(struct fmap_model *m, struct fmap_span win,
					   struct fmap_span asked)
{
	size_t slots = fmap_model_slots();

	m->c.fa_pages += win.last - win.first + 1;
	m->c.fa_rewindowed += win.first != asked.first || win.last != asked.last;
	m->c.fa_win_at_vma_start += !win.first;
	m->c.fa_win_at_vma_end += win.last == m->map.pages - 1;
	m->c.fa_win_at_table_end += (m->map.slot + win.last) % slots == slots - 1;
	m->c.fa_win_cut_eof += m->map.file_pages >= m->map.pgoff + win.first &&
			       m->map.file_pages <= m->map.pgoff + win.last;
}

/* A call that found no page table: is there one now? */
static inline void fmap_model_count_table(struct fmap_model *m, bool installed)
{
	m->c.fa_no_table++;
	m->c.fa_prealloc_pte++;
	m->c.fa_pmd_installed += installed;
	m->c.fa_pmd_still_none += !installed;
}

/*
 * What is found cached lowers mmap_miss. Before 7.2 each page does, since then
 * the one that ends the fault, if that counts misses at all.
 */
static inline void fmap_model_around_hit(struct fmap_model *m)
{
	if (!m->mmap_miss)
		return;
	m->mmap_miss--;
	m->c.fa_miss_dec++;
}

static inline bool fmap_model_counts_misses(const struct fmap_model *m)
{
	return m->kernel < 702 || (m->map.advice != MADV_SEQUENTIAL && !m->map.exec);
}

/* filemap_map_pages() over the window. Return: is page @at mapped now? */
static inline bool fmap_model_map_pages(struct fmap_model *m, size_t at)
{
	struct fmap_span asked = fmap_model_asked(m, at);
	struct fmap_span win = fmap_model_window(m, at);
	bool *table = fmap_model_table(m, at), had_table = *table;
	bool can_map = fmap_model_can_map(m, win), hit = false, in_use = false;
	long mapped = 0;
	size_t i;

	m->c.fa_calls++;
	fmap_model_count_window(m, win, asked);
	if (!had_table)
		fmap_model_count_table(m, *table);

	for (i = win.first; i <= win.last; i++) {
		bool fit = can_map && fmap_model_fit(m, i);

		if (fit && m->kernel < 702)
			fmap_model_around_hit(m);
		if (m->pte[i]) {
			m->c.fa_skip_pte_present++;
			in_use = true;
		} else if (fit) {
			m->pte[i] = FMAP_PTE_READ;
			mapped++;
			hit |= i == at;
		} else {
			fmap_model_why_not(m, m->map.pgoff + i);
		}
	}
	if (m->kernel >= 702 && hit && !m->tried && fmap_model_counts_misses(m))
		fmap_model_around_hit(m);
	m->map_pages_events += can_map;
	m->c.fa_mapped += mapped;
	if (hit)
		m->c.fa_hit_target++;
	else if (mapped)
		m->c.fa_missed_target++;
	else if (in_use)
		m->c.fa_nothing_new++;
	else
		m->c.fa_empty++;
	return hit;
}

/* --- ->fault --------------------------------------------------------------- */

enum fmap_model_result { FMAP_M_DONE, FMAP_M_RETRY, FMAP_M_SIGBUS };

static inline void fmap_model_drop(struct fmap_model *m, long long *why)
{
	if (m->dropped)
		return;
	if (m->tried) {
		m->c.drop_refused++;
		return;
	}
	m->dropped = true;
	m->c.drop_total++;
	(*why)++;
	if (m->vma_lock)
		m->c.drop_vma_lock++;
	else
		m->c.drop_mmap_lock++;
}

static inline void fmap_model_count_hit(struct fmap_model *m)
{
	if (!fmap_model_counts_misses(m)) {
		m->c.ara_miss_dec_skip_vmflags++;
	} else if (m->mmap_miss) {
		m->mmap_miss--;
		m->c.ara_miss_dec++;
	} else {
		m->c.ara_miss_zero++;
	}
}

static inline void fmap_model_async(struct fmap_model *m, size_t index)
{
	m->c.ara_calls++;
	if (m->map.advice == MADV_RANDOM) {
		m->c.ara_skip_random++;
	} else if (!m->ra_pages) {
		m->c.ara_skip_disabled++;
	} else if (!m->marker[index]) {
		m->c.ara_no_marker++;
		fmap_model_count_hit(m);
	} else {
		m->c.ara_trigger++;
		fmap_model_count_hit(m);
		fmap_model_drop(m, &m->c.drop_for_async_ra);
		fmap_model_async_ra(m, index);
	}
}

/* Code is read from the fault to the end of the mapping at most, without a marker. */
static inline void fmap_model_sync_exec(struct fmap_model *m, size_t index)
{
	size_t left = m->map.pgoff + m->map.pages - index;

	m->ra_start = index;
	m->ra_size = left < m->ra_pages ? left : m->ra_pages;
	m->ra_async = 0;
	m->c.sra_exec++;
	m->c.sra_pages_requested += m->ra_size;
	fmap_model_drop(m, &m->c.drop_for_sync_ra);
	fmap_model_read(m, m->ra_start, m->ra_size, 0);
}

static inline void fmap_model_sync(struct fmap_model *m, size_t index)
{
	bool exec = m->map.exec && m->kernel >= 702;
	size_t half = m->ra_pages / 2;

	m->c.sra_calls++;
	if (m->map.advice == MADV_RANDOM && !exec) {
		m->c.sra_skip_random++;
		return;
	}
	if (!m->ra_pages) {
		m->c.sra_skip_disabled++;
		return;
	}
	if (m->map.advice == MADV_SEQUENTIAL) {
		m->c.sra_seq++;
		m->c.sra_pages_requested += m->ra_pages;
		fmap_model_drop(m, &m->c.drop_for_sync_ra);
		fmap_model_sync_ra(m, index);
		return;
	}
	if (exec) {
		fmap_model_sync_exec(m, index);
		return;
	}
	if (m->mmap_miss < 1000) {
		m->mmap_miss++;
		m->c.sra_miss_inc++;
	} else {
		m->c.sra_miss_saturated++;
	}
	if (m->mmap_miss > 100) {
		m->c.sra_skip_lotsamiss++;
		return;
	}
	m->c.sra_around++;
	m->c.sra_around_clamped_bof += index < half;
	m->c.sra_pages_requested += m->ra_pages;
	fmap_model_drop(m, &m->c.drop_for_sync_ra);
	m->ra_start = index < half ? 0 : index - half;
	m->ra_size = m->ra_pages;
	m->ra_async = m->ra_pages / 4;
	fmap_model_read(m, m->ra_start, m->ra_size, m->ra_async);
}

static inline void fmap_model_lock(struct fmap_model *m)
{
	m->c.lck_calls++;
	m->c.lck_trylock_ok++;
}

static inline enum fmap_model_result fmap_model_retry(struct fmap_model *m,
						      long long *why)
{
	m->c.flt_retry++;
	(*why)++;
	return FMAP_M_RETRY;
}

/* The page is cached, uptodate and locked. */
static inline enum fmap_model_result fmap_model_ready(struct fmap_model *m)
{
	if (m->dropped)
		return fmap_model_retry(m, &m->c.rty_ready);
	m->c.flt_done_after_retry += m->tried;
	if (m->major)
		m->c.flt_done_major++;
	else
		m->c.flt_done_minor++;
	return FMAP_M_DONE;
}

static inline enum fmap_model_result fmap_model_missed(struct fmap_model *m, size_t index)
{
	m->c.flt_miss++;
	m->usage.pgmajfault++;
	m->major = true;
	fmap_model_sync(m, index);

	m->c.flt_inval_lock++;
	m->c.flt_find++;
	fmap_model_lock(m);
	if (m->cached[index]) {
		m->c.flt_ra_filled++;
		return fmap_model_ready(m);
	}
	/* A single page, read in the second step of this same pass. */
	m->c.flt_created++;
	m->c.flt_read_sync++;
	m->cached[index] = true;
	fmap_model_drop(m, &m->c.drop_for_read);
	if (m->dropped)
		return fmap_model_retry(m, &m->c.rty_read_ok);
	m->c.flt_read_ok_again++;
	m->c.flt_find++;
	m->c.flt_ra_filled++;
	fmap_model_lock(m);
	return fmap_model_ready(m);
}

static inline enum fmap_model_result fmap_model_fault(struct fmap_model *m, size_t at,
						      bool store)
{
	size_t index = m->map.pgoff + at;

	m->dropped = false;
	m->major = false;
	m->c.flt_calls++;
	if (!store)
		m->c.ctx_read++;
	else if (m->map.shared)
		m->c.ctx_shared_write++;
	else
		m->c.ctx_cow++;
	m->c.ctx_tried += m->tried;
	m->c.ctx_first_try += !m->tried;
	m->c.ctx_vma_lock += m->vma_lock;
	m->c.ctx_mmap_lock += !m->vma_lock;
	m->c.ctx_exec += m->map.exec;

	if (index >= m->map.file_pages) {
		m->c.flt_sigbus_eof_pre++;
		return FMAP_M_SIGBUS;
	}
	m->fault_events++;
	m->c.flt_lookups++;
	if (!m->cached[index])
		return fmap_model_missed(m, index);

	m->c.flt_hit++;
	if (m->tried)
		m->c.flt_hit_ra_skipped_tried++;
	else
		fmap_model_async(m, index);
	fmap_model_lock(m);
	return fmap_model_ready(m);
}

/* --- the core -------------------------------------------------------------- */

static inline void fmap_model_mkwrite(struct fmap_model *m, bool from_wp)
{
	m->c.mkw_calls++;
	m->c.mkw_locked++;
	if (from_wp)
		m->c.mkw_from_wp++;
	else
		m->c.mkw_from_fault++;
	if (m->mkwrite_own)
		m->c.mkw_own++;
	else
		m->c.mkw_lower++;
}

/* mm_account_fault() */
static inline void fmap_model_account(struct fmap_model *m, bool major)
{
	if (major || m->tried)
		m->usage.majflt++;
	else
		m->usage.minflt++;
}

/* A retry of the per-VMA lock's pass counts as a try only after a miss. */
static inline void fmap_model_next_pass(struct fmap_model *m)
{
	m->tried = m->tried || !m->vma_lock || m->major;
	m->vma_lock = false;
}

/* One load or store to page @at of the mapping. */
static inline void fmap_model_access(struct fmap_model *m, size_t at, bool store)
{
	enum fmap_model_result r;

	if (m->pte[at] == FMAP_PTE_WRITE || (m->pte[at] && !store))
		return;
	m->tried = false;
	m->vma_lock = m->kernel >= 612;
	if (m->pte[at]) {
		if (m->map.shared)
			fmap_model_mkwrite(m, true);
		m->pte[at] = FMAP_PTE_WRITE;
		fmap_model_account(m, false);
		return;
	}
	for (;;) {
		if (!store && m->core_around > 1 && fmap_model_map_pages(m, at)) {
			fmap_model_account(m, false);
			return;
		}
		r = fmap_model_fault(m, at, store);
		if (r != FMAP_M_RETRY)
			break;
		fmap_model_next_pass(m);
	}
	if (r == FMAP_M_SIGBUS) {
		m->sigbus++;
		return;
	}
	if (store && m->map.shared)
		fmap_model_mkwrite(m, false);
	m->pte[at] = store ? FMAP_PTE_WRITE : FMAP_PTE_READ;
	*fmap_model_table(m, at) = true;
	fmap_model_account(m, m->major);
}

static inline void fmap_model_trace(struct fmap_model *m, const uint32_t *order, size_t n,
				    bool store)
{
	size_t i;

	for (i = 0; i < n; i++)
		fmap_model_access(m, order[i], store);
}

#endif /* FMAP_MODEL_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * around=adaptive in the kernel: what the policy sees, and what it remembers.
 */
#include <linux/pagemap.h>
#include <linux/pgtable.h>

#include "trigger.h"

/* A window that reaches further than this is cut to what is cached. */
#define FMAP_FAR	64

/**
 * struct fmap_view - a fault, as the policy looks at it
 * @sight:	what the policy gets
 * @vmf:	the fault
 */
struct fmap_view {
	struct fmap_sight sight;
	const struct vm_fault *vmf;
};

static unsigned int fmap_view_count(const struct fmap_sight *sight, unsigned long first,
				    unsigned int nr, unsigned int step)
{
	const struct fmap_view *view = container_of(sight, struct fmap_view, sight);

	return fmap_count_ptes(view->vmf, first, nr, step);
}

/* fmap_read_near() where an end of the mapping or of the page table is near. */
static noinline unsigned int fmap_near_edge(const struct vm_fault *vmf,
					    const struct fmap_place *p)
{
	unsigned long off = p->pgoff - p->vma_first;
	unsigned int near = 0;
	int i;

	for (i = -FMAP_NEAR; i <= FMAP_NEAR; i++)
		if (off + i < p->vma_pages)
			near |= fmap_count_ptes(vmf, p->pgoff + i, 1, 1) << (i + FMAP_NEAR);
	return near;
}

/* Is an end of the mapping or of the page table in sight? */
static bool fmap_near_an_edge(const struct fmap_place *p)
{
	unsigned long off = p->pgoff - p->vma_first;

	return off < FMAP_NEAR || p->vma_pages - 1 - off < FMAP_NEAR ||
	       p->slot < FMAP_NEAR || p->slots - 1 - p->slot < FMAP_NEAR;
}

/* The pages of the large folio there, as far as they may be mapped; or the page. */
static noinline struct fmap_range fmap_folio_range(const struct vm_fault *vmf,
						   struct fmap_range limit)
{
	struct fmap_range r = { .first = vmf->pgoff, .last = vmf->pgoff };
	struct folio *folio;

	folio = filemap_get_folio(vmf->vma->vm_file->f_mapping, vmf->pgoff);
	if (IS_ERR_OR_NULL(folio))
		return r;
	if (folio_test_large(folio)) {
		r.first = max(folio->index, limit.first);
		r.last = min(folio_next_index(folio) - 1, limit.last);
	}
	folio_put(folio);
	return r;
}

static bool fmap_is_cached(const struct address_space *mapping, pgoff_t index)
{
	void *entry = xa_load((struct xarray *)&mapping->i_pages, index);

	return entry && !xa_is_value(entry);
}

/*
 * Each page of a window that is not cached is looked up for the reason. While a
 * file is read for the first time that would be most of a large window, so its
 * ends come nearer until they are cached.
 */
static noinline struct fmap_range fmap_cut_to_cached(const struct vm_fault *vmf,
						     struct fmap_range win)
{
	const struct address_space *mapping = vmf->vma->vm_file->f_mapping;

	while (win.last - vmf->pgoff > FMAP_FAR && !fmap_is_cached(mapping, win.last))
		win.last -= (win.last - vmf->pgoff) / 2;
	while (vmf->pgoff - win.first > FMAP_FAR && !fmap_is_cached(mapping, win.first))
		win.first += (vmf->pgoff - win.first) / 2;
	return win;
}

static void fmap_count_reason(const struct fmap_sb_info *sbi, enum fmap_reason why)
{
	static const enum fmap_counter counters[] = {
		[FMAP_ALONE]	= FMAP_fa_adapt_alone,
		[FMAP_BLOCK]	= FMAP_fa_adapt_block,
		[FMAP_RUN]	= FMAP_fa_adapt_run,
		[FMAP_DENSE]	= FMAP_fa_adapt_dense,
		[FMAP_FOLIO]	= FMAP_fa_adapt_folio,
	};

	fmap_count(sbi, FMAP_fa_adapt);
	fmap_count(sbi, counters[why]);
}

static noinline struct fmap_range fmap_adaptive_window(const struct vm_fault *vmf,
						       const struct fmap_vm_ops *fvo,
						       const struct fmap_place *place,
						       struct fmap_range asked,
						       unsigned int near)
{
	struct fmap_history was = READ_ONCE(*fvo->history), history = was;
	struct fmap_view view = {
		.sight = {
			.near = near & ~BIT(FMAP_NEAR),
			.fresh = !fmap_pmd_is_table(pmdp_get_lockless(vmf->pmd)),
			.count = fmap_view_count,
		},
		.vmf = vmf,
	};
	struct fmap_choice choice;

	if (mapping_large_folio_support(vmf->vma->vm_file->f_mapping))
		view.sight.folio = fmap_folio_range(vmf, fmap_window_limit(place));
	choice = fmap_adapt(place, asked, &view.sight, &history);
	/* Shared by all who map the file: written only if it says something new. */
	if (memcmp(&was, &history, sizeof(was)))
		WRITE_ONCE(*fvo->history, history);
	fmap_count_reason(fvo->sbi, choice.why);
	if (choice.win.first != asked.first || choice.win.last != asked.last)
		fmap_count(fvo->sbi, FMAP_fa_rewindowed);
	if (choice.win.last - choice.win.first > FMAP_FAR)
		return fmap_cut_to_cached(vmf, choice.win);
	return choice.win;
}

/*
 * A page that stays alone. Where there is a page table, it is near no end of it
 * nor of the mapping: no fact about the window is to be counted.
 */
static vm_fault_t fmap_map_alone(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
				 struct fmap_range asked)
{
	struct fmap_range win = { .first = vmf->pgoff, .last = vmf->pgoff };

	fmap_count_reason(fvo->sbi, FMAP_ALONE);
	if (asked.first != asked.last)
		fmap_count(fvo->sbi, FMAP_fa_rewindowed);
	if (static_branch_unlikely(&fmap_triggers_armed) ||
	    READ_ONCE(fvo->sbi->config.installer)->install != fmap_handover ||
	    unlikely(!fmap_pmd_is_table(pmdp_get_lockless(vmf->pmd))))
		return fmap_map_window(vmf, fvo, win);
	return fmap_hand_over_page(vmf, fvo);
}

/**
 * fmap_map_adaptive - ->map_pages of around=adaptive
 * @vmf:	the fault
 * @fvo:	the vm_ops copy of the mapping
 * @asked:	the window that the core asked for
 *
 * Return: as ->map_pages.
 */
vm_fault_t fmap_map_adaptive(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
			     struct fmap_range asked)
{
	struct fmap_place place = fmap_place(vmf);
	bool edge = fmap_near_an_edge(&place);
	unsigned int near = edge ? fmap_near_edge(vmf, &place) : fmap_read_near(vmf);

	if (!edge && !mapping_large_folio_support(vmf->vma->vm_file->f_mapping) &&
	    fmap_stays_alone(READ_ONCE(*fvo->history), vmf->pgoff, near))
		return fmap_map_alone(vmf, fvo, asked);
	return fmap_map_window(vmf, fvo,
			       fmap_adaptive_window(vmf, fvo, &place, asked, near));
}

/**
 * fmap_adaptive_mmap - the file is mapped anew
 * @fvo:	the vm_ops copy of the new mapping
 */
void fmap_adaptive_mmap(const struct fmap_vm_ops *fvo)
{
	struct fmap_history history = READ_ONCE(*fvo->history);

	fmap_history_judge(&history);
	WRITE_ONCE(*fvo->history, history);
}

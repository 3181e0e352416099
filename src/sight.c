// SPDX-License-Identifier: GPL-2.0
/*
 * around=adaptive in the kernel: what the policy sees, and what it remembers.
 */
#include <linux/pagemap.h>
#include <linux/pgtable.h>

#include "trigger.h"

/* A window that reaches further than this is cut to what is cached. */
#define FMAP_FAR	64

/*
 * A folio with so many pages and more costs less if the core maps it whole than a
 * window that goes on behind it, although the next folio takes another fault.
 */
#define FMAP_FOLIO_PAYS	128

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

	if (nr == 1)
		return fmap_page_is_mapped(view->vmf, first);
	return fmap_count_ptes(view->vmf, first, nr, step);
}

/* Is an end of the mapping or of the page table in sight? */
static bool fmap_near_an_edge(const struct vm_fault *vmf)
{
	const unsigned long far = FMAP_NEAR * PAGE_SIZE;
	unsigned long at = vmf->address & PAGE_MASK;

	return pte_index(at) - FMAP_NEAR >= PTRS_PER_PTE - 2 * FMAP_NEAR ||
	       at - vmf->vma->vm_start < far || vmf->vma->vm_end - at <= far;
}

/*
 * The pages of the folio there, or the page alone. Whether it is a large one is what
 * the quick answers go by, until the next look.
 */
static struct fmap_range fmap_folio_range(const struct vm_fault *vmf,
					  struct fmap_history *history)
{
	struct fmap_range r = { .first = vmf->pgoff, .last = vmf->pgoff };
	struct folio *folio;

	folio = filemap_get_folio(vmf->vma->vm_file->f_mapping, vmf->pgoff);
	if (IS_ERR_OR_NULL(folio))
		return r;
	r.first = folio->index;
	r.last = folio_next_index(folio) - 1;
	folio_put(folio);
	history->small = r.first == r.last;
	return r;
}

/* As far as they may be mapped */
static struct fmap_range fmap_clamp(struct fmap_range r, struct fmap_range limit)
{
	r.first = max(r.first, limit.first);
	r.last = min(r.last, limit.last);
	return r;
}

static bool fmap_is_cached(const struct address_space *mapping, pgoff_t index)
{
	void *entry = xa_load((struct xarray *)&mapping->i_pages, index);

	return entry && !xa_is_value(entry);
}

/*
 * Shadows are not counted; pages behind the end are, so that there may be a hole all
 * the same, which then costs what it did before.
 */
static bool fmap_is_cached_whole(const struct address_space *mapping)
{
	return READ_ONCE(mapping->nrpages) >=
	       DIV_ROUND_UP(i_size_read(mapping->host), PAGE_SIZE);
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

	if (fmap_is_cached_whole(mapping))
		return win;
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

static struct fmap_choice fmap_choose(const struct vm_fault *vmf,
				      const struct fmap_place *place,
				      struct fmap_range asked, struct fmap_range folio,
				      bool whole, unsigned int near,
				      struct fmap_history *history)
{
	struct fmap_view view = {
		.sight = {
			.near = near & ~BIT(FMAP_NEAR),
			.fresh = !fmap_pmd_is_table(pmdp_get_lockless(vmf->pmd)),
			.text = vmf->vma->vm_flags & VM_EXEC,
			.whole = whole,
			.folio = folio,
			.count = fmap_view_count,
		},
		.vmf = vmf,
	};

	return fmap_adapt(place, asked, &view.sight, history);
}

/* Of the pages that @near is about, those of the folio */
static unsigned int fmap_near_in(const struct vm_fault *vmf, struct fmap_range folio,
				 unsigned int near)
{
	unsigned int before = min(vmf->pgoff - folio.first, (pgoff_t)FMAP_NEAR);
	unsigned int after = min(folio.last - vmf->pgoff, (pgoff_t)FMAP_NEAR);

	return near & GENMASK(FMAP_NEAR + after, FMAP_NEAR - before);
}

/*
 * Newer kernels map a large folio whole when ->fault gives them a page of it, if
 * none of it is mapped and it lies in the file and in @limit: finish_fault()
 * (7.2). That costs less than a window with as many pages.
 */
static bool fmap_core_maps_all(const struct vm_fault *vmf, struct fmap_range folio,
			       struct fmap_range limit, unsigned int near)
{
	const struct inode *inode = vmf->vma->vm_file->f_mapping->host;

	return FMAP_MAPS_WHOLE_FOLIOS && folio.first != folio.last &&
	       folio.first >= limit.first && folio.last <= limit.last &&
	       folio.last < DIV_ROUND_UP(i_size_read(inode), PAGE_SIZE) &&
	       !fmap_near_in(vmf, folio, near);
}

static bool fmap_is_within(struct fmap_range r, struct fmap_range other)
{
	return r.first >= other.first && r.last <= other.last;
}

/* Is the page so many before the fault mapped? */
static bool fmap_is_mapped_before(const struct vm_fault *vmf, unsigned int pages)
{
	return vmf->pgoff - vmf->vma->vm_pgoff >= pages &&
	       fmap_page_is_mapped(vmf, vmf->pgoff - pages);
}

/*
 * Is a run forward a short one: of the pages so far and half as far before the fault, is
 * one not mapped?
 */
static bool fmap_is_short_run(const struct vm_fault *vmf, unsigned int far)
{
	return far && !(fmap_is_mapped_before(vmf, far) &&
			fmap_is_mapped_before(vmf, far / 2));
}

/* If the core maps the folio whole: is that wanted, whatever else may be seen? */
static bool fmap_leaves_folio(const struct vm_fault *vmf, struct fmap_range asked,
			      struct fmap_range folio, unsigned int near,
			      struct fmap_history history)
{
	unsigned int pages = folio.last - folio.first + 1;

	if (pages >= FMAP_FOLIO_PAYS)
		return true;
	if (!fmap_is_within(asked, folio) ||
	    !fmap_wants_folio(history, vmf->vma->vm_flags & VM_EXEC) ||
	    fmap_probe_table(vmf->pgoff - pte_index(vmf->address)))
		return false;
	return !fmap_may_run(near) ||
	       fmap_is_short_run(vmf, fmap_short_run_folios(near, pages));
}

static vm_fault_t fmap_leave(const struct fmap_vm_ops *fvo, enum fmap_bundle why)
{
	fmap_count_bundle(fvo->sbi, why);
	return 0;
}

static vm_fault_t fmap_map_cached(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
				  struct fmap_range win)
{
	if (unlikely(win.last - win.first > FMAP_FAR))
		win = fmap_cut_to_cached(vmf, win);
	return fmap_map_window(vmf, fvo, win);
}

static vm_fault_t fmap_map_block(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
				 struct fmap_range asked)
{
	fmap_count_bundle(fvo->sbi, FMAP_B_block);
	return fmap_map_cached(vmf, fvo, asked);
}

/* A page to be mapped alone is left to ->fault, which is the quicker way. */
static vm_fault_t fmap_map_choice(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
				  struct fmap_range asked, struct fmap_choice choice)
{
	if (choice.why == FMAP_ALONE)
		return fmap_leave(fvo, FMAP_B_left_alone);
	fmap_count_reason(fvo->sbi, choice.why);
	if (choice.win.first != asked.first || choice.win.last != asked.last)
		fmap_count(fvo->sbi, FMAP_fa_rewindowed);
	return fmap_map_cached(vmf, fvo, choice.win);
}

/* Shared by all who map the file: written only if it says something new. */
static void fmap_remember(const struct fmap_vm_ops *fvo, struct fmap_history was,
			  struct fmap_history history)
{
	if (memcmp(&was, &history, sizeof(was)))
		WRITE_ONCE(fvo->inode->history, history);
}

/* A fault about which there is more to say than one look tells. */
static noinline vm_fault_t fmap_map_adapted(struct vm_fault *vmf,
					    const struct fmap_vm_ops *fvo,
					    struct fmap_range asked, unsigned int near)
{
	const struct fmap_place place = fmap_place(vmf);
	struct fmap_history was = READ_ONCE(fvo->inode->history), history = was;
	struct fmap_range folio = fmap_range_around(&place, 0, 0), limit;
	struct fmap_choice choice;
	bool whole = false;

	if (mapping_large_folio_support(vmf->vma->vm_file->f_mapping)) {
		limit = fmap_window_limit(&place);
		folio = fmap_folio_range(vmf, &history);
		whole = fmap_core_maps_all(vmf, folio, limit, near);
		folio = fmap_clamp(folio, limit);
	}
	if (whole && fmap_leaves_folio(vmf, asked, folio, near, history)) {
		fmap_remember(fvo, was, history);
		return fmap_leave(fvo, FMAP_B_left_folio);
	}
	choice = fmap_choose(vmf, &place, asked, folio,
			     whole && fmap_is_within(asked, folio), near, &history);
	fmap_remember(fvo, was, history);
	if (whole && fmap_is_within(choice.win, folio))
		return fmap_leave(fvo, FMAP_B_left_folio);
	return fmap_map_choice(vmf, fvo, asked, choice);
}

/**
 * fmap_map_adaptive - ->map_pages of around=adaptive
 * @vmf:	the fault
 * @fvo:	the vm_ops copy of the mapping
 * @asked:	the window that the core asked for
 *
 * Most faults need not ask fmap_adapt(): what it would say is said at once, without
 * a stack frame. Whether newer kernels map a large folio whole is seen by the folio
 * only.
 *
 * Return: as ->map_pages.
 */
vm_fault_t fmap_map_adaptive(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
			     struct fmap_range asked)
{
	struct fmap_history history = READ_ONCE(fvo->inode->history);
	bool large = !history.small &&
		     mapping_large_folio_support(vmf->vma->vm_file->f_mapping);
	unsigned int near;

	if (fmap_near_an_edge(vmf))
		return fmap_map_adapted(vmf, fvo, asked, fmap_read_near_edge(vmf));
	near = fmap_read_near(vmf);
	if ((large && FMAP_MAPS_WHOLE_FOLIOS) ||
	    fmap_probe_table(vmf->pgoff - pte_index(vmf->address)))
		return fmap_map_adapted(vmf, fvo, asked, near);
	if (!large || !near) {
		if (fmap_stays_alone(history, near))
			return fmap_leave(fvo, FMAP_B_left_alone);
		if (fmap_wants_block(history, vmf->pgoff, near))
			return fmap_map_block(vmf, fvo, asked);
	}
	if ((large && fmap_is_folio_block(history, near)) ||
	    fmap_is_short_run(vmf, fmap_short_run(history, near, large)))
		return fmap_map_block(vmf, fvo, asked);
	return fmap_map_adapted(vmf, fvo, asked, near);
}

/**
 * fmap_adaptive_mmap - the file is mapped anew
 * @fvo:	the vm_ops copy of the new mapping
 */
void fmap_adaptive_mmap(const struct fmap_vm_ops *fvo)
{
	struct fmap_history history = READ_ONCE(fvo->inode->history);

	/* Another policy's mapping tells nothing. */
	if (READ_ONCE(fvo->inode->around).kind != FMAP_ADAPTIVE)
		return;
	fmap_history_judge(&history);
	WRITE_ONCE(fvo->inode->history, history);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Installing the pages of a fault-around window, and saying of each page of it
 * what became of it.
 *
 * handover: the lower's own ->map_pages does the window that we chose. It
 * keeps what a module cannot do as well: mlock accounting, PMD mappings,
 * batches of large folios. It tells nothing but whether the faulting page got
 * mapped, so the page table is read before and after: a page whose PTE was
 * empty and now is not has been mapped, and only the pages that are still
 * missing are looked up in the page cache for the reason. A warm scan thus
 * pays for reading PTEs alone.
 */
#include <linux/bitmap.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>

#include "fault.h"

/**
 * struct fmap_ptes - which pages of a window have a PTE in use
 * @used:	bit i for the window's page i
 * @nr:		pages in the window
 */
struct fmap_ptes {
	DECLARE_BITMAP(used, PTRS_PER_PTE);
	unsigned int nr;
};

/* One word of the bitmap, from @nr consecutive PTEs or as many as it holds. */
static unsigned long fmap_read_pte_word(const pte_t *pte, unsigned int nr)
{
	unsigned long word = 0;
	unsigned int i;

	for (i = 0; i < nr && i < BITS_PER_LONG; i++)
		if (!pte_none(READ_ONCE(pte[i])))
			word |= BIT(i);
	return word;
}

/*
 * Read the window's PTEs. The fault lock keeps the VMA, but not the page
 * table: khugepaged may retract it, and since 6.14 MADV_DONTNEED may free it.
 * Both free it by RCU, and both change the pmd first, so under RCU one
 * snapshot of the pmd is enough. PTEs change at any time: this is a look, not
 * a promise.
 */
static void fmap_read_ptes(const struct vm_fault *vmf, struct fmap_range win,
			   struct fmap_ptes *p)
{
	unsigned int slot = pte_index(vmf->address) - (vmf->pgoff - win.first);
	unsigned int i;
	const pte_t *pte;
	pmd_t pmd;

	p->nr = win.last - win.first + 1;
	rcu_read_lock();
	pmd = pmdp_get_lockless(vmf->pmd);
	if (pmd_none(pmd) || pmd_bad(pmd)) {
		/* A huge PMD maps the whole window; a bad one cannot be read. */
		if (pmd_trans_huge(pmd))
			bitmap_fill(p->used, p->nr);
		else
			bitmap_zero(p->used, p->nr);
	} else {
		pte = (const pte_t *)pmd_page_vaddr(pmd) + slot;
		for (i = 0; i < p->nr; i += BITS_PER_LONG)
			p->used[i / BITS_PER_LONG] = fmap_read_pte_word(pte + i, p->nr - i);
	}
	rcu_read_unlock();
}

/* Why is a cached page not mapped? Under RCU; @entry was at xas's index. */
static enum fmap_counter fmap_why_folio(struct xa_state *xas, struct folio *folio)
{
	pgoff_t index = xas->xa_index;
	enum fmap_counter why = FMAP_fa_lost;

	/* No look at an unreferenced folio: it may be someone's tail page by now. */
	if (!folio_try_get(folio))
		return FMAP_fa_skip_tryget;
	if (folio != xas_reload(xas))
		why = FMAP_fa_skip_moved;
	else if (folio_test_locked(folio))
		why = FMAP_fa_skip_locked;
	else if (!folio_test_uptodate(folio))
		why = FMAP_fa_skip_not_uptodate;
	else if (folio_test_readahead(folio))
		why = FMAP_fa_skip_ra_marker;
	else if (PageHWPoison(folio_file_page(folio, index)))
		why = FMAP_fa_skip_hwpoison;
	folio_put(folio);
	return why;
}

static enum fmap_counter fmap_why_absent(struct xa_state *xas, void *entry)
{
	if (!entry)
		return FMAP_fa_skip_hole;
	if (xas_retry(xas, entry))
		return FMAP_fa_skip_xas_retry;
	if (xa_is_value(entry))
		return FMAP_fa_skip_shadow;
	return fmap_why_folio(xas, entry);
}

/* Count a reason for each page of @win that has neither bit set. */
static void fmap_classify(const struct fmap_vm_ops *fvo,
			  struct address_space *mapping, struct fmap_range win,
			  const unsigned long *used, unsigned int nr)
{
	pgoff_t eof = DIV_ROUND_UP(i_size_read(mapping->host), PAGE_SIZE);
	XA_STATE(xas, &mapping->i_pages, win.first);
	unsigned int i;

	rcu_read_lock();
	for_each_clear_bit(i, used, nr) {
		enum fmap_counter why = FMAP_fa_skip_eof;

		if (win.first + i < eof) {
			xas_set(&xas, win.first + i);
			why = fmap_why_absent(&xas, xas_load(&xas));
		}
		fmap_count(fvo->sbi, why);
	}
	rcu_read_unlock();
}

/*
 * Each page of the window is counted once: in use before, mapped now, or
 * missing for a reason. Return: how many were mapped.
 */
static unsigned int fmap_account(const struct vm_fault *vmf,
				 const struct fmap_vm_ops *fvo,
				 struct fmap_range win,
				 const struct fmap_ptes *before)
{
	const struct fmap_sb_info *sbi = fvo->sbi;
	unsigned int nr_before = bitmap_weight(before->used, before->nr);
	unsigned int nr_used;
	struct fmap_ptes now;

	fmap_read_ptes(vmf, win, &now);
	/* What was in use before is settled, even if it is gone by now. */
	bitmap_or(now.used, now.used, before->used, now.nr);
	nr_used = bitmap_weight(now.used, now.nr);

	fmap_count_add(sbi, FMAP_fa_pages, now.nr);
	fmap_count_add(sbi, FMAP_fa_mapped, nr_used - nr_before);
	if (nr_before)
		fmap_count_add(sbi, FMAP_fa_skip_pte_present, nr_before);
	if (nr_used < now.nr)
		fmap_classify(fvo, vmf->vma->vm_file->f_mapping, win, now.used,
			      now.nr);
	return nr_used - nr_before;
}

/*
 * The lower's own hook, whatever it is: xfs on 6.1 takes a lock that may
 * sleep, afs validates first. So no RCU section of ours may be open here.
 */
static vm_fault_t fmap_handover(struct vm_fault *vmf,
				const struct fmap_vm_ops *fvo,
				struct fmap_range win)
{
	struct fmap_ptes before;
	unsigned int mapped;
	vm_fault_t ret;

	fmap_read_ptes(vmf, win, &before);
	ret = fvo->lower->map_pages(vmf, win.first, win.last);
	mapped = fmap_account(vmf, fvo, win, &before);

	if (ret & VM_FAULT_NOPAGE)
		fmap_count(fvo->sbi, FMAP_fa_hit_target);
	else
		fmap_count(fvo->sbi, mapped ? FMAP_fa_missed_target : FMAP_fa_empty);
	return ret;
}

const struct fmap_installer fmap_installers[FMAP_NR_INSTALLERS] = {
	[FMAP_INSTALL_HANDOVER]	= { .name = "handover", .built = true, .install = fmap_handover },
	[FMAP_INSTALL_INSERT]	= { .name = "insert" },
};

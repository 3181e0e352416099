// SPDX-License-Identifier: GPL-2.0
/*
 * Looking at a fault-around window: its PTEs, and what the page cache has for
 * them. Nothing here changes either.
 */
#include <linux/bitops.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>

#include "fault.h"

#define FMAP_PTE_GROUP		8

static unsigned long fmap_used_ptes(const pte_t *pte, unsigned int nr)
{
	unsigned long used = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!pte_none(READ_ONCE(pte[i])))
			used |= BIT(i);
	return used;
}

/*
 * The same for a group, which is all empty before and all present after in
 * most windows: two instructions a PTE are what the accounting of a warm scan
 * costs.
 */
static unsigned long fmap_used_group(const pte_t *pte)
{
	pteval_t any = 0, all = ~(pteval_t)0;
	unsigned int i;

#pragma GCC unroll 8
	for (i = 0; i < FMAP_PTE_GROUP; i++) {
		pteval_t val = native_pte_val(READ_ONCE(pte[i]));

		any |= val;
		all &= val;
	}
	if (!any)
		return 0;
	if (all & _PAGE_PRESENT)
		return BIT(FMAP_PTE_GROUP) - 1;
	return fmap_used_ptes(pte, FMAP_PTE_GROUP);
}

/* The first of the PTEs of a page table. */
static const pte_t *fmap_table(pmd_t pmd)
{
	return __va(native_pmd_val(pmd) & PTE_PFN_MASK);
}

/* So many PTEs from @slot on, all in the table that @pmd is, if it is one. */
static unsigned long fmap_read_table(pmd_t pmd, unsigned int slot, unsigned int nr)
{
	unsigned long used = 0;
	const pte_t *pte;
	unsigned int i;

	if (fmap_pmd_is_table(pmd)) {
		pte = fmap_table(pmd) + slot;
		for (i = 0; i + FMAP_PTE_GROUP <= nr; i += FMAP_PTE_GROUP)
			used |= fmap_used_group(pte + i) << i;
		if (i < nr)
			used |= fmap_used_ptes(pte + i, nr - i) << i;
	} else if (pmd_trans_huge(pmd)) {
		used = GENMASK(nr - 1, 0);
	}
	return used;
}

/**
 * fmap_read_ptes - which pages have a PTE in use
 * @vmf:	the fault, in ->map_pages
 * @first:	file page to begin with, in the page table of the fault
 * @nr:		how many, at most BITS_PER_LONG
 *
 * The fault lock keeps the VMA. It kept the page table, too, until 6.6: since
 * then khugepaged may retract it, and since 6.14 MADV_DONTNEED may free it. Both
 * free it by RCU, and both change the pmd first, so one snapshot of the pmd is
 * enough: those kernels call ->map_pages under RCU. PTEs change at any time: this
 * is a look, not a promise.
 *
 * Return: a bit a page, bit 0 for @first. A huge PMD maps all pages; any other
 * that is no page table maps none.
 */
unsigned long fmap_read_ptes(const struct vm_fault *vmf, pgoff_t first,
			     unsigned int nr)
{
	unsigned int slot = pte_index(vmf->address) + first - vmf->pgoff;

	return fmap_read_table(pmdp_get_lockless(vmf->pmd), slot, nr);
}

static unsigned int fmap_count_table(pmd_t pmd, unsigned int slot, unsigned int nr,
				     unsigned int step)
{
	unsigned int used = 0;
	const pte_t *pte;

	if (!fmap_pmd_is_table(pmd))
		return pmd_trans_huge(pmd) ? nr : 0;
	pte = fmap_table(pmd) + slot;
#pragma GCC unroll 8
	for (; nr; nr--, pte += step)
		used += !!native_pte_val(READ_ONCE(*pte));
	return used;
}

/**
 * fmap_count_ptes - how many pages have a PTE in use
 * @vmf:	the fault, in ->map_pages
 * @first:	file page to begin with
 * @nr:		how many pages
 * @step:	distance from one to the next; if it is not 1, all of them are in
 *		the page table of the fault
 *
 * All of them are in the VMA; they may be in other page tables than the fault.
 * The pmd entries beside that of the fault are in the same page as long as their
 * addresses share the entry above. That page stays: what unmaps a range of
 * addresses frees only what no VMA beside it needs, and these addresses and the
 * fault are in one VMA, which the fault lock keeps. For page tables
 * fmap_read_ptes() says why they stay.
 *
 * Return: their number; pages further away are taken as not mapped.
 */
unsigned int fmap_count_ptes(const struct vm_fault *vmf, pgoff_t first, unsigned int nr,
			     unsigned int step)
{
	unsigned long at = (vmf->address & PAGE_MASK) + ((first - vmf->pgoff) << PAGE_SHIFT);
	unsigned int used = 0, part = nr;

	for (; nr; nr -= part, at += (unsigned long)part << PAGE_SHIFT) {
		pmd_t *pmd = vmf->pmd + pmd_index(at) - pmd_index(vmf->address);

		if (step == 1)
			part = min_t(unsigned int, nr, PTRS_PER_PTE - pte_index(at));
		if (!((at ^ vmf->address) & PUD_MASK))
			used += fmap_count_table(pmdp_get_lockless(pmd), pte_index(at),
						 part, step);
	}
	return used;
}

/**
 * fmap_read_edges - do the pages next to a window have a PTE in use?
 * @vmf:	the fault, in ->map_pages
 * @win:	the window
 *
 * Return: bit 0 for the page before it, bit 1 for the one behind it; set as well
 * where mapping or page table end.
 */
unsigned int fmap_read_edges(const struct vm_fault *vmf, struct fmap_range win)
{
	unsigned int slot = pte_index(vmf->address) + win.first - vmf->pgoff;
	unsigned int behind = slot + win.last - win.first + 1;
	struct vm_area_struct *vma = vmf->vma;
	unsigned int used = 0;
	const pte_t *table;
	pmd_t pmd;

	if (!slot || win.first == vma->vm_pgoff)
		used |= BIT(0);
	if (behind == PTRS_PER_PTE ||
	    win.last - vma->vm_pgoff == vma_pages(vma) - 1)
		used |= BIT(1);
	pmd = pmdp_get_lockless(vmf->pmd);
	if (!fmap_pmd_is_table(pmd))
		return used;
	table = fmap_table(pmd);
	if (!(used & BIT(0)) && !pte_none(READ_ONCE(table[slot - 1])))
		used |= BIT(0);
	if (!(used & BIT(1)) && !pte_none(READ_ONCE(table[behind])))
		used |= BIT(1);
	return used;
}

/**
 * fmap_read_near - which pages near the fault have a PTE in use
 * @vmf:	the fault, in ->map_pages, with FMAP_NEAR pages of the VMA and of its
 *		page table on either side
 *
 * Return: as fmap_read_ptes(), bit FMAP_NEAR for the fault; quick if none has.
 */
unsigned long fmap_read_near(const struct vm_fault *vmf)
{
	pmd_t pmd = pmdp_get_lockless(vmf->pmd);
	unsigned int used = 0, i;
	pteval_t any = 0;
	const pte_t *pte;

	if (!fmap_pmd_is_table(pmd))
		return pmd_trans_huge(pmd) ? GENMASK(2 * FMAP_NEAR, 0) : 0;
	pte = fmap_table(pmd) + pte_index(vmf->address) - FMAP_NEAR;
#pragma GCC unroll 17
	for (i = 0; i < 2 * FMAP_NEAR + 1; i++)
		any |= native_pte_val(READ_ONCE(pte[i]));
	if (!any)
		return 0;
#pragma GCC unroll 17
	for (i = 0; i < 2 * FMAP_NEAR + 1; i++)
		used |= (unsigned int)!!native_pte_val(READ_ONCE(pte[i])) << i;
	return used;
}

/**
 * fmap_look - look at a page of the page cache as fault-around does
 * @xas:	at the page; under RCU
 * @why:	gets the reason, if there is one not to map it
 *
 * Follows the first half of next_uptodate_folio() (7.2), up to the folio lock.
 *
 * Return: the folio, referenced, if it looks mappable; else NULL.
 */
struct folio *fmap_look(struct xa_state *xas, enum fmap_counter *why)
{
	void *entry = xas_load(xas);
	struct folio *folio = entry;

	if (!entry) {
		*why = FMAP_fa_skip_hole;
		return NULL;
	}
	if (xas_retry(xas, entry)) {
		*why = FMAP_fa_skip_xas_retry;
		return NULL;
	}
	if (xa_is_value(entry)) {
		*why = FMAP_fa_skip_shadow;
		return NULL;
	}
	/* No look at an unreferenced folio: it may be someone's tail page by now. */
	if (!folio_try_get(folio)) {
		*why = FMAP_fa_skip_tryget;
		return NULL;
	}
	if (folio != xas_reload(xas))
		*why = FMAP_fa_skip_moved;
	else if (folio_test_locked(folio))
		*why = FMAP_fa_skip_locked;
	else if (!folio_test_uptodate(folio))
		*why = FMAP_fa_skip_not_uptodate;
	else if (folio_test_readahead(folio))
		*why = FMAP_fa_skip_ra_marker;
	else if (PageHWPoison(folio_file_page(folio, xas->xa_index)))
		*why = FMAP_fa_skip_hwpoison;
	else
		return folio;
	folio_put(folio);
	return NULL;
}

static enum fmap_counter fmap_why_absent(struct xa_state *xas)
{
	enum fmap_counter why = FMAP_fa_lost;
	struct folio *folio = fmap_look(xas, &why);

	if (folio)
		folio_put(folio);
	return why;
}

/* Count a reason for each page of @missing, whose bit 0 is page @first. */
static noinline void fmap_classify(const struct fmap_sb_info *sbi,
				   struct address_space *mapping, pgoff_t first,
				   unsigned int nr, unsigned long missing)
{
	pgoff_t eof = DIV_ROUND_UP(i_size_read(mapping->host), PAGE_SIZE);
	XA_STATE(xas, &mapping->i_pages, first);
	unsigned int i;

	if (eof >= first && eof - first < nr)
		fmap_count(sbi, FMAP_fa_win_cut_eof);
	rcu_read_lock();
	for_each_set_bit(i, &missing, BITS_PER_LONG) {
		enum fmap_counter why = FMAP_fa_skip_eof;

		if (first + i < eof) {
			xas_set(&xas, first + i);
			why = fmap_why_absent(&xas);
		}
		fmap_count(sbi, why);
	}
	rcu_read_unlock();
}

/**
 * fmap_account - count what became of pages that the lower was to map
 * @vmf:	the fault; fault lock held
 * @sbi:	the mount
 * @first:	file page to begin with
 * @nr:		how many, at most BITS_PER_LONG
 * @before:	what fmap_read_ptes() said of them before
 *
 * Each page is counted once: in use before, mapped now, or missing for a reason.
 * What was in use before is settled, even if it is gone by now.
 *
 * Return: how many were mapped.
 */
unsigned int fmap_account(const struct vm_fault *vmf,
			  const struct fmap_sb_info *sbi, pgoff_t first,
			  unsigned int nr, unsigned long before)
{
	unsigned long used = fmap_read_ptes(vmf, first, nr) | before;
	unsigned long missing = GENMASK(nr - 1, 0) & ~used;
	unsigned int mapped = hweight_long(used & ~before);

	fmap_count_add(sbi, FMAP_fa_pages, nr);
	fmap_count_add(sbi, FMAP_fa_mapped, mapped);
	if (before)
		fmap_count_add(sbi, FMAP_fa_skip_pte_present, hweight_long(before));
	if (missing)
		fmap_classify(sbi, vmf->vma->vm_file->f_mapping, first, nr, missing);
	return mapped;
}

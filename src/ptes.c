// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages of a fault-around window have a PTE in use. Nothing here changes one,
 * and nothing takes the page table's lock: each function takes one snapshot of a pmd
 * and goes by it alone. tests/unit/ptes.c runs this file against a model in which
 * the page table goes at every step.
 */
#include "ptes.h"

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
 * So many PTEs from @slot on, all in the table that @pmd is, if it is one.
 * @full: they are probably all present, else all empty.
 */
static unsigned long fmap_read_table(pmd_t pmd, unsigned int slot, unsigned int nr,
				     bool full)
{
	const pte_t *pte;

	if (!fmap_pmd_is_table(pmd))
		return pmd_trans_huge(pmd) ? GENMASK(nr - 1, 0) : 0;
	pte = fmap_table(pmd) + slot;
	if (full && fmap_all_present(pte, nr))
		return GENMASK(nr - 1, 0);
	if (!full && fmap_all_empty(pte, nr))
		return 0;
	return fmap_used_ptes(pte, nr);
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

	return fmap_read_table(pmdp_get_lockless(vmf->pmd), slot, nr, false);
}

/**
 * fmap_read_full_ptes - fmap_read_ptes(), quick if all of them are in use
 * @vmf:	the fault, in ->map_pages
 * @first:	file page to begin with, in the page table of the fault
 * @nr:		how many, at most BITS_PER_LONG
 *
 * Return: as fmap_read_ptes().
 */
unsigned long fmap_read_full_ptes(const struct vm_fault *vmf, pgoff_t first,
				  unsigned int nr)
{
	unsigned int slot = pte_index(vmf->address) + first - vmf->pgoff;

	return fmap_read_table(pmdp_get_lockless(vmf->pmd), slot, nr, true);
}

/**
 * fmap_range_is_empty - has no page of a range a PTE in use?
 * @vmf:	the fault, in ->map_pages
 * @range:	the range, in the page table of the fault
 *
 * Return: the same as if fmap_read_ptes() was asked for all of it, and quicker.
 */
bool fmap_range_is_empty(const struct vm_fault *vmf, struct fmap_range range)
{
	unsigned int slot = pte_index(vmf->address) + range.first - vmf->pgoff;
	unsigned int nr = range.last - range.first + 1, part;
	pmd_t pmd = pmdp_get_lockless(vmf->pmd);
	const pte_t *pte;

	if (!fmap_pmd_is_table(pmd))
		return !pmd_trans_huge(pmd);
	for (pte = fmap_table(pmd) + slot; nr; nr -= part, pte += part) {
		part = min_t(unsigned int, nr, BITS_PER_LONG);
		if (fmap_any_pte(pte, part))
			return false;
	}
	return true;
}

/**
 * fmap_range_is_present - is each page of a range mapped?
 * @vmf:	the fault, in ->map_pages
 * @range:	the range, in the page table of the fault
 *
 * Return: if a page table says so; false if fmap_read_ptes() has more to say.
 */
bool fmap_range_is_present(const struct vm_fault *vmf, struct fmap_range range)
{
	unsigned int slot = pte_index(vmf->address) + range.first - vmf->pgoff;
	unsigned int nr = range.last - range.first + 1;
	pmd_t pmd = pmdp_get_lockless(vmf->pmd);
	const pte_t *pte;

	if (!fmap_pmd_is_table(pmd))
		return false;
	for (pte = fmap_table(pmd) + slot; nr >= BITS_PER_LONG; nr -= BITS_PER_LONG) {
		if (!fmap_word_is_present(pte))
			return false;
		pte += BITS_PER_LONG;
	}
	return fmap_all_ptes(pte, nr);
}

/* All of them, of a run that is looked at, or else one by one. */
static unsigned int fmap_count_run(const pte_t *pte, unsigned int nr)
{
	unsigned int used = 0;

	if (fmap_all_ptes(pte, nr))
		return nr;
#pragma GCC unroll 8
	for (; nr; nr--, pte++)
		used += !!data_race(pte->pte); /* plain, as in fmap_all_ptes() */
	return used;
}

static unsigned int fmap_count_table(pmd_t pmd, unsigned int slot, unsigned int nr,
				     unsigned int step)
{
	unsigned int used = 0;
	const pte_t *pte;

	if (!fmap_pmd_is_table(pmd))
		return pmd_trans_huge(pmd) ? nr : 0;
	pte = fmap_table(pmd) + slot;
	if (step == 1)
		return fmap_count_run(pte, nr);
#pragma GCC unroll 8
	for (; nr; nr--, pte += step)
		used += !!native_pte_val(READ_ONCE(*pte));
	return used;
}

/* The pmd entry for that address, which is below the same entry above it */
static pmd_t fmap_pmd_at(const struct vm_fault *vmf, unsigned long at)
{
	return pmdp_get_lockless(vmf->pmd + pmd_index(at) - pmd_index(vmf->address));
}

/* An address that is not: its page is taken as not mapped. */
static bool fmap_is_far(const struct vm_fault *vmf, unsigned long at)
{
	return (at ^ vmf->address) & PUD_MASK;
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
		if (step == 1)
			part = min_t(unsigned int, nr, PTRS_PER_PTE - pte_index(at));
		if (!fmap_is_far(vmf, at))
			used += fmap_count_table(fmap_pmd_at(vmf, at), pte_index(at),
						 part, step);
	}
	return used;
}

/**
 * fmap_page_is_mapped - fmap_count_ptes() of one page
 * @vmf:	the fault, in ->map_pages
 * @page:	the page of the file, which the VMA maps
 *
 * Return: false as well if it is too far away to be looked at.
 */
bool fmap_page_is_mapped(const struct vm_fault *vmf, pgoff_t page)
{
	unsigned long at = vmf->address + ((page - vmf->pgoff) << PAGE_SHIFT);
	pmd_t pmd;

	if (fmap_is_far(vmf, at))
		return false;
	pmd = fmap_pmd_at(vmf, at);
	if (!fmap_pmd_is_table(pmd))
		return pmd_trans_huge(pmd);
	return !pte_none(READ_ONCE(fmap_table(pmd)[pte_index(at)]));
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
 * Return: as fmap_read_ptes(), bit FMAP_NEAR for the fault; quick if none has,
 * or all those before the fault and no other.
 */
unsigned long fmap_read_near(const struct vm_fault *vmf)
{
	pmd_t pmd = pmdp_get_lockless(vmf->pmd);
	unsigned int used = 0, i;
	const pte_t *pte;

	if (!fmap_pmd_is_table(pmd))
		return pmd_trans_huge(pmd) ? GENMASK(2 * FMAP_NEAR, 0) : 0;
	pte = fmap_table(pmd) + pte_index(vmf->address) - FMAP_NEAR;
	if (!fmap_any_pte(pte + FMAP_NEAR, FMAP_NEAR + 1)) {
		if (!fmap_any_pte(pte, FMAP_NEAR))
			return 0;
		if (fmap_all_ptes(pte, FMAP_NEAR))
			return GENMASK(FMAP_NEAR - 1, 0);
	}
#pragma GCC unroll 17
	for (i = 0; i < 2 * FMAP_NEAR + 1; i++)
		used |= (unsigned int)!!native_pte_val(READ_ONCE(pte[i])) << i;
	return used;
}

/**
 * fmap_read_near_edge - fmap_read_near(), where an end of mapping or page table is near
 * @vmf:	the fault, in ->map_pages
 *
 * What is said about other page tables at fmap_count_ptes() is true here, too.
 *
 * Return: as fmap_read_near(); pages outside the mapping are not mapped.
 */
unsigned long fmap_read_near_edge(const struct vm_fault *vmf)
{
	unsigned long address = vmf->address & PAGE_MASK, used = 0, at;
	unsigned long off = vmf->pgoff - vmf->vma->vm_pgoff;
	unsigned int before = min_t(unsigned long, off, FMAP_NEAR);
	unsigned int nr = before + min_t(unsigned long, vma_pages(vmf->vma) - off,
					 FMAP_NEAR + 1);
	unsigned int part, i;

	for (i = 0; i < nr; i += part) {
		at = address + i * PAGE_SIZE - before * PAGE_SIZE;
		part = min_t(unsigned int, nr - i, PTRS_PER_PTE - pte_index(at));
		if (fmap_is_far(vmf, at))
			continue;
		used |= fmap_read_table(fmap_pmd_at(vmf, at), pte_index(at), part,
					!i) << i;
	}
	return used << (FMAP_NEAR - before);
}

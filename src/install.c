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
#include <linux/bitops.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>

#include "fault.h"

/*
 * Which pages of a window have a PTE in use is kept in words of one bit a page.
 * The default window is less than a word.
 */
#define FMAP_TABLE_WORDS	(PTRS_PER_PTE / BITS_PER_LONG)
#define FMAP_PTE_GROUP		8

/* How many pages of @win the word that starts at @first is about. */
static unsigned int fmap_word_pages(pgoff_t first, struct fmap_range win)
{
	return min_t(pgoff_t, win.last - first + 1, BITS_PER_LONG);
}

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

/*
 * Read the PTEs of the @nr pages from @first on, at most a word of them. The
 * fault lock keeps the VMA, but not the page table: khugepaged may retract it,
 * and since 6.14 MADV_DONTNEED may free it. Both free it by RCU, and both change
 * the pmd first, so under RCU one snapshot of the pmd is enough. PTEs change at
 * any time: this is a look, not a promise.
 *
 * A huge PMD maps all pages; any other that is no page table maps none.
 */
static unsigned long fmap_read_ptes(const struct vm_fault *vmf, pgoff_t first,
				    unsigned int nr)
{
	unsigned int slot = pte_index(vmf->address) + first - vmf->pgoff;
	unsigned long used = 0;
	const pte_t *pte;
	unsigned int i;
	pmd_t pmd;

	rcu_read_lock();
	pmd = pmdp_get_lockless(vmf->pmd);
	if (!pmd_none(pmd) && !pmd_bad(pmd)) {
		pte = (const pte_t *)pmd_page_vaddr(pmd) + slot;
		for (i = 0; i + FMAP_PTE_GROUP <= nr; i += FMAP_PTE_GROUP)
			used |= fmap_used_group(pte + i) << i;
		if (i < nr)
			used |= fmap_used_ptes(pte + i, nr - i) << i;
	} else if (pmd_trans_huge(pmd)) {
		used = GENMASK(nr - 1, 0);
	}
	rcu_read_unlock();
	return used;
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

/* Count a reason for each page of @missing, whose bit 0 is page @first. */
static noinline void fmap_classify(const struct fmap_sb_info *sbi,
				   struct address_space *mapping, pgoff_t first,
				   unsigned long missing)
{
	pgoff_t eof = DIV_ROUND_UP(i_size_read(mapping->host), PAGE_SIZE);
	XA_STATE(xas, &mapping->i_pages, first);
	unsigned int i;

	rcu_read_lock();
	for_each_set_bit(i, &missing, BITS_PER_LONG) {
		enum fmap_counter why = FMAP_fa_skip_eof;

		if (first + i < eof) {
			xas_set(&xas, first + i);
			why = fmap_why_absent(&xas, xas_load(&xas));
		}
		fmap_count(sbi, why);
	}
	rcu_read_unlock();
}

/*
 * Count each of the @nr pages from @first on once: in use before, mapped now,
 * or missing for a reason. What was in use before is settled, even if it is
 * gone by now. Return: how many were mapped.
 */
static unsigned int fmap_account(const struct vm_fault *vmf,
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
		fmap_classify(sbi, vmf->vma->vm_file->f_mapping, first, missing);
	return mapped;
}

/*
 * The lower's own hook, whatever it is: xfs on 6.1 takes a lock that may
 * sleep, afs validates first. So no RCU section of ours may be open here.
 */
static vm_fault_t fmap_handover(struct vm_fault *vmf,
				const struct fmap_vm_ops *fvo,
				struct fmap_range win)
{
	const struct fmap_sb_info *sbi = fvo->sbi;
	unsigned long before[FMAP_TABLE_WORDS];
	unsigned int mapped = 0, w;
	vm_fault_t ret;
	pgoff_t first;

	for (w = 0, first = win.first; first <= win.last; first += BITS_PER_LONG)
		before[w++] = fmap_read_ptes(vmf, first, fmap_word_pages(first, win));
	ret = fvo->lower->map_pages(vmf, win.first, win.last);
	for (w = 0, first = win.first; first <= win.last; first += BITS_PER_LONG)
		mapped += fmap_account(vmf, sbi, first, fmap_word_pages(first, win),
				       before[w++]);

	if (ret & VM_FAULT_NOPAGE)
		fmap_count(sbi, FMAP_fa_hit_target);
	else
		fmap_count(sbi, mapped ? FMAP_fa_missed_target : FMAP_fa_empty);
	return ret;
}

const struct fmap_installer fmap_installers[FMAP_NR_INSTALLERS] = {
	[FMAP_INSTALL_HANDOVER]	= { .name = "handover", .built = true, .install = fmap_handover },
	[FMAP_INSTALL_INSERT]	= { .name = "insert" },
};

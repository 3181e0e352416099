// SPDX-License-Identifier: GPL-2.0
/*
 * ->map_pages: fault-around. The core asks for a window before it calls
 * ->fault; the policy may choose another one, and install= says how the pages
 * get there.
 */
#include <linux/pagemap.h>
#include <linux/pgtable.h>

#include "trigger.h"

/* The window of a policy that is neither the kernel's nor adaptive. */
static noinline vm_fault_t fmap_map_policy(struct vm_fault *vmf,
					   const struct fmap_vm_ops *fvo,
					   struct fmap_range asked)
{
	const struct fmap_around policy = READ_ONCE(fvo->inode->around);
	const struct fmap_place place = fmap_place(vmf);
	struct fmap_range win = fmap_window(&policy, &place, asked);

	if (win.first != asked.first || win.last != asked.last)
		fmap_count(fvo->sbi, FMAP_fa_rewindowed);
	return fmap_map_window(vmf, fvo, win);
}

/* Facts about the window, whoever chose it. */
static void fmap_count_window(const struct vm_fault *vmf,
			      const struct fmap_sb_info *sbi,
			      struct fmap_range win)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned int last_slot = pte_index(vmf->address) + win.last - vmf->pgoff;

	if (win.first == vma->vm_pgoff)
		fmap_count(sbi, FMAP_fa_win_at_vma_start);
	if (win.last - vma->vm_pgoff == vma_pages(vma) - 1)
		fmap_count(sbi, FMAP_fa_win_at_vma_end);
	if (last_slot == PTRS_PER_PTE - 1)
		fmap_count(sbi, FMAP_fa_win_at_table_end);
}

/*
 * Does the faulting page's PTE show a folio that is not huge? Nothing holds that
 * folio: the page may be freed and become another one's at any time. So this is a
 * look that can be wrong about a folio that has just gone, and reads nothing but
 * what may be read of any page. fmap_read_ptes() says why the page table stays.
 */
static bool fmap_sees_small_folio(const struct vm_fault *vmf)
{
	pmd_t pmd = pmdp_get_lockless(vmf->pmd);
	pte_t pte;

	if (!fmap_pmd_is_table(pmd))
		return false;
	pte = READ_ONCE(fmap_table(pmd)[pte_index(vmf->address)]);
	return pte_present(pte) &&
	       compound_order(compound_head(pte_page(pte))) < HPAGE_PMD_ORDER;
}

/*
 * A huge folio that was not mapped as such: for want of what? Since 6.12 the one
 * in which the file ends, to the page or before, gets no page table either:
 * @table is false then.
 */
static void fmap_count_pmd_fallback(const struct vm_fault *vmf,
				    const struct fmap_sb_info *sbi, bool table)
{
	struct address_space *mapping = vmf->vma->vm_file->f_mapping;
	pgoff_t eof = DIV_ROUND_UP(i_size_read(mapping->host), PAGE_SIZE);
	struct folio *folio;

	if (!fmap_may_have_huge(mapping) || fmap_sees_small_folio(vmf))
		return;
	folio = filemap_get_folio(mapping, vmf->pgoff);
	if (IS_ERR_OR_NULL(folio))
		return;
	if (folio_test_pmd_mappable(folio)) {
		if (table)
			fmap_count(sbi, FMAP_fa_pmd_fallback);
		else if (eof <= folio_next_index(folio))
			fmap_count(sbi, FMAP_fa_pmd_denied_eof);
	}
	folio_put(folio);
}

/* What became of a pmd that was no page table; @huge: it was a huge page. */
static void fmap_count_pmd(const struct vm_fault *vmf,
			   const struct fmap_sb_info *sbi, bool huge)
{
	pmd_t pmd = pmdp_get_lockless(vmf->pmd);

	if (huge) {
		fmap_count(sbi, FMAP_fa_pmd_already_huge);
	} else if (pmd_trans_huge(pmd)) {
		fmap_count(sbi, FMAP_fa_pmd_mapped);
	} else if (fmap_pmd_is_table(pmd)) {
		fmap_count(sbi, FMAP_fa_pmd_installed);
		fmap_count_pmd_fallback(vmf, sbi, true);
	} else {
		fmap_count(sbi, FMAP_fa_pmd_still_none);
		fmap_count_pmd_fallback(vmf, sbi, false);
	}
}

static vm_fault_t fmap_install(struct vm_fault *vmf,
			       const struct fmap_vm_ops *fvo,
			       struct fmap_range win)
{
	const struct fmap_installer *installer = READ_ONCE(fvo->sbi->config.installer);
	unsigned int before;
	vm_fault_t ret;

	if (!fmap_may_map_beyond(vmf))
		return installer->install(vmf, fvo, win);
	before = fmap_read_edges(vmf, win);
	ret = installer->install(vmf, fvo, win);
	if (fmap_read_edges(vmf, win) & ~before)
		fmap_count(fvo->sbi, FMAP_fa_beyond);
	return ret;
}

/* The first fault-around of a page table's range: rare enough to be looked at. */
static noinline vm_fault_t fmap_install_first(struct vm_fault *vmf,
					      const struct fmap_vm_ops *fvo,
					      struct fmap_range win, pmd_t pmd)
{
	const struct fmap_sb_info *sbi = fvo->sbi;
	vm_fault_t ret;

	fmap_count(sbi, FMAP_fa_no_table);
	if (vmf->prealloc_pte)
		fmap_count(sbi, FMAP_fa_prealloc_pte);
	ret = fmap_install(vmf, fvo, win);
	fmap_count_pmd(vmf, sbi, pmd_trans_huge(pmd));
	return ret;
}

static noinline vm_fault_t fmap_install_frozen(struct vm_fault *vmf,
					       const struct fmap_vm_ops *fvo,
					       struct fmap_range win)
{
	struct folio *frozen = fmap_around_freeze(vmf, fvo->sbi);
	vm_fault_t ret;

	ret = fmap_install(vmf, fvo, win);
	fmap_around_thaw(frozen);
	return ret;
}

static noinline vm_fault_t fmap_native_map_pages(struct vm_fault *vmf,
						 const struct fmap_vm_ops *fvo,
						 struct fmap_range win)
{
	vm_fault_t ret = fvo->lower->map_pages(vmf, win.first, win.last);

	fmap_count(fvo->sbi, FMAP_fa_calls);
	fmap_count(fvo->sbi, FMAP_fa_native);
	if (ret & VM_FAULT_NOPAGE)
		fmap_count(fvo->sbi, FMAP_fa_native_hit);
	return ret;
}

/**
 * fmap_map_any_window - map what is mappable of a window
 * @vmf:	the fault
 * @fvo:	the vm_ops copy of the mapping
 * @win:	the window
 *
 * Return: as ->map_pages.
 */
vm_fault_t fmap_map_any_window(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
			       struct fmap_range win)
{
	const struct fmap_sb_info *sbi = fvo->sbi;
	pmd_t pmd;

	fmap_count(sbi, FMAP_fa_calls);
	fmap_count_window(vmf, sbi, win);
	if (static_branch_unlikely(&fmap_triggers_armed))
		fmap_around_triggers(vmf, sbi, win);
	pmd = pmdp_get_lockless(vmf->pmd);
	if (unlikely(!fmap_pmd_is_table(pmd)))
		return fmap_install_first(vmf, fvo, win, pmd);
	if (static_branch_unlikely(&fmap_triggers_armed))
		return fmap_install_frozen(vmf, fvo, win);
	return fmap_install(vmf, fvo, win);
}

/**
 * fmap_map_pages - ->map_pages of a wrapped mapping
 * @vmf:	the fault, a read; vmf->pmd is valid, the page table need not
 *		exist, and then vmf->prealloc_pte does
 * @start:	first page of the file that the core would like to see mapped
 * @end:	last one, included
 *
 * Called by do_fault_around() (7.2) with the fault lock held, since 6.4 also
 * under rcu_read_lock(): it must not sleep there. It never drops the fault
 * lock, so the mapping and the mount stay for the whole call.
 *
 * Return: %VM_FAULT_NOPAGE if the faulting page is mapped, 0 to have ->fault
 * called, or what else the lower's ->map_pages returns.
 */
vm_fault_t fmap_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	const struct fmap_vm_ops *fvo = fmap_vm_ops(vmf->vma);
	const struct fmap_range asked = { .first = start, .last = end };

	if (READ_ONCE(fvo->sbi->config.engine)->native)
		return fmap_native_map_pages(vmf, fvo, asked);
	switch (READ_ONCE(fvo->inode->around.kind)) {
	case FMAP_ADAPTIVE:
		return fmap_map_adaptive(vmf, fvo, asked);
	case FMAP_KERNEL:
		/* What the core asks for is within the limits as it is. */
		return fmap_map_window(vmf, fvo, asked);
	default:
		return fmap_map_policy(vmf, fvo, asked);
	}
}

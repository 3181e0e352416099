// SPDX-License-Identifier: GPL-2.0
/*
 * ->map_pages: fault-around. The core asks for a window before it calls
 * ->fault; the policy may choose another one, and install= says how the pages
 * get there.
 */
#include "fault.h"

static noinline struct fmap_range
fmap_policy_window(const struct vm_fault *vmf, const struct fmap_sb_info *sbi,
		   struct fmap_range asked)
{
	const struct fmap_around policy = {
		.kind = READ_ONCE(sbi->config.around.kind),
		.pages = READ_ONCE(sbi->config.around.pages),
	};
	struct vm_area_struct *vma = vmf->vma;
	const struct fmap_place place = {
		.pgoff = vmf->pgoff,
		.vma_first = vma->vm_pgoff,
		.vma_pages = vma_pages(vma),
		.slot = pte_index(vmf->address),
		.slots = PTRS_PER_PTE,
	};
	struct fmap_range win = fmap_window(&policy, &place, asked);

	if (win.first != asked.first || win.last != asked.last)
		fmap_count(sbi, FMAP_fa_rewindowed);
	return win;
}

static vm_fault_t fmap_native_map_pages(struct vm_fault *vmf,
					const struct fmap_vm_ops *fvo,
					struct fmap_range win)
{
	vm_fault_t ret = fvo->lower->map_pages(vmf, win.first, win.last);

	fmap_count(fvo->sbi, FMAP_fa_native);
	if (ret & VM_FAULT_NOPAGE)
		fmap_count(fvo->sbi, FMAP_fa_native_hit);
	return ret;
}

/**
 * fmap_map_pages - ->map_pages of a wrapped mapping
 * @vmf:	the fault, a read; vmf->pmd is valid, the page table need not
 *		exist, and then vmf->prealloc_pte does
 * @start:	first page of the file that the core would like to see mapped
 * @end:	last one, included
 *
 * Called by do_fault_around() (6.12) with the fault lock held, since 6.4 also
 * under rcu_read_lock(): it must not sleep there. It never drops the fault
 * lock, so the mapping and the mount stay for the whole call.
 *
 * Return: %VM_FAULT_NOPAGE if the faulting page is mapped, 0 to have ->fault
 * called, or what else the lower's ->map_pages returns.
 */
vm_fault_t fmap_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	const struct fmap_vm_ops *fvo = fmap_vm_ops(vmf->vma);
	const struct fmap_sb_info *sbi = fvo->sbi;
	struct fmap_range win = { .first = start, .last = end };

	fmap_count(sbi, FMAP_fa_calls);
	if (READ_ONCE(sbi->config.engine)->native)
		return fmap_native_map_pages(vmf, fvo, win);
	/* What the core asks for is within the limits as it is. */
	if (READ_ONCE(sbi->config.around.kind) != FMAP_KERNEL)
		win = fmap_policy_window(vmf, sbi, win);
	return READ_ONCE(sbi->config.installer)->install(vmf, fvo, win);
}

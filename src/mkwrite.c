// SPDX-License-Identifier: GPL-2.0
/*
 * ->page_mkwrite: the first write to a page of a shared mapping.
 *
 * The lower's own hook does the work: it reserves the blocks, and a filesystem
 * that finds a dirty page without a reservation loses data. It also takes the
 * freeze protection. A second one of ours on the same filesystem would be a
 * recursive read lock that deadlocks against a freeze waiting in between, so
 * there is none here.
 *
 * Only where the lower's hook is filemap_page_mkwrite() itself does our own
 * stand in for it, freeze protection included.
 */
#include <linux/pagemap.h>

#include "trigger.h"

/*
 * Follows filemap_page_mkwrite() (7.2). vmf->page is referenced, not locked;
 * the fault lock is held and must stay so: the core has replaced vmf->flags,
 * whether a drop would be allowed is not to be seen.
 */
static vm_fault_t fmap_mkwrite_filemap(struct vm_fault *vmf)
{
	struct file *file = vmf->vma->vm_file;
	struct address_space *mapping = file->f_mapping;
	struct super_block *sb = mapping->host->i_sb;
	struct folio *folio = page_folio(vmf->page);
	vm_fault_t ret = VM_FAULT_LOCKED;

	sb_start_pagefault(sb);
	file_update_time(file);
	folio_lock(folio);
	if (folio->mapping != mapping) {
		/* Truncated since the page was found. */
		folio_unlock(folio);
		ret = VM_FAULT_NOPAGE;
	} else {
		/*
		 * Dirty before the freeze protection ends: a freeze that waits
		 * for it then writes this folio back and protects it again.
		 */
		folio_mark_dirty(folio);
		folio_wait_stable(folio);
	}
	sb_end_pagefault(sb);
	return ret;
}

static enum fmap_counter fmap_mkwrite_outcome(vm_fault_t ret)
{
	if (!ret)
		return FMAP_mkw_unlocked_ok;
	if (ret & VM_FAULT_OOM)
		return FMAP_mkw_oom;
	if (ret & VM_FAULT_ERROR)
		return FMAP_mkw_sigbus;
	if (ret & VM_FAULT_RETRY)
		return FMAP_mkw_retry;
	if (ret & VM_FAULT_NOPAGE)
		return FMAP_mkw_nopage;
	if (ret & VM_FAULT_LOCKED)
		return FMAP_mkw_locked;
	return FMAP_mkw_other;
}

/* What the write is about to wait for, as far as can be seen on entry. */
static void fmap_count_waits(const struct fmap_sb_info *sbi,
			     const struct address_space *mapping,
			     struct folio *folio)
{
	if (unlikely(READ_ONCE(mapping->host->i_sb->s_writers.frozen) >= SB_FREEZE_PAGEFAULT))
		fmap_count(sbi, FMAP_mkw_freeze_wait);
	if (folio_test_writeback(folio) && fmap_stable_writes(mapping))
		fmap_count(sbi, FMAP_mkw_stable_wait);
}

/* Why the page could not be made writable, as far as can be seen afterwards. */
static void fmap_count_refusal(const struct fmap_sb_info *sbi,
			       const struct address_space *mapping,
			       const struct vm_fault *vmf, vm_fault_t ret)
{
	if (!(ret & (VM_FAULT_NOPAGE | VM_FAULT_SIGBUS)))
		return;
	if (vmf->pgoff >= DIV_ROUND_UP(i_size_read(mapping->host), PAGE_SIZE))
		fmap_count(sbi, FMAP_mkw_eof);
	if (ret & VM_FAULT_NOPAGE && page_folio(vmf->page)->mapping != mapping)
		fmap_count(sbi, FMAP_mkw_truncated);
}

static vm_fault_t fmap_mkwrite(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
			       bool own)
{
	struct file *file = vmf->vma->vm_file;
	struct page *page = vmf->page;
	vm_fault_t ret;

	if (fmap_trigger(fvo->sbi, file, FMAP_TRG_pause_mkwrite))
		fmap_pause();
	if (fmap_trigger(fvo->sbi, file, FMAP_TRG_mkwrite_oom))
		return VM_FAULT_OOM;
	ret = own ? fmap_mkwrite_filemap(vmf) : fvo->lower->page_mkwrite(vmf);
	if (ret == VM_FAULT_LOCKED &&
	    fmap_trigger(fvo->sbi, file, FMAP_TRG_mkwrite_unlocked)) {
		unlock_page(page);
		ret = 0;
	}
	return ret;
}

/**
 * fmap_page_mkwrite - ->page_mkwrite of a wrapped mapping
 * @vmf:	the fault; vmf->page is the page, referenced and not locked
 *
 * Called by do_page_mkwrite() (7.2) with the fault lock held, which no
 * ->page_mkwrite may drop, so the mount stays for the whole call. Where the
 * write comes from is seen in vmf->pte alone: wp_page_shared() comes with the
 * PTE that it found, do_shared_fault() with none. The core has replaced
 * vmf->flags, and orig_pte may hold a huge PMD that has been split since.
 *
 * Return: what the lower's hook returns: %VM_FAULT_LOCKED with the page dirty
 * and locked, 0 to have the core lock and check it, %VM_FAULT_NOPAGE if it is
 * gone, or an error.
 */
vm_fault_t fmap_page_mkwrite(struct vm_fault *vmf)
{
	const struct fmap_vm_ops *fvo = fmap_vm_ops(vmf->vma);
	const struct fmap_sb_info *sbi = fvo->sbi;
	bool own = fvo->mkwrite_is_filemap && !READ_ONCE(sbi->config.engine)->native;
	struct address_space *mapping = vmf->vma->vm_file->f_mapping;
	bool from_wp = vmf->pte;
	vm_fault_t ret;

	fmap_count_waits(sbi, mapping, page_folio(vmf->page));
	ret = fmap_mkwrite(vmf, fvo, own);
	if (likely(ret == VM_FAULT_LOCKED && !own)) {
		fmap_count_bundle(sbi, from_wp ? FMAP_B_writable_from_wp :
						 FMAP_B_writable_from_fault);
		return ret;
	}
	fmap_count(sbi, FMAP_mkw_calls);
	fmap_count(sbi, from_wp ? FMAP_mkw_from_wp : FMAP_mkw_from_fault);
	fmap_count(sbi, own ? FMAP_mkw_own : FMAP_mkw_lower);
	fmap_count(sbi, fmap_mkwrite_outcome(ret));
	fmap_count_refusal(sbi, mapping, vmf, ret);
	if (ret & VM_FAULT_ERROR)
		fmap_failure(sbi, vmf->vma->vm_file, vmf->pgoff,
			     fmap_mkwrite_outcome(ret), 0);
	return ret;
}

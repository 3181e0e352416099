// SPDX-License-Identifier: GPL-2.0
/*
 * The door of ->fault: how a fault comes in, which is counted whoever is to handle
 * it; and the lower's own ->fault, of which nothing is seen but how it comes out.
 */
#include <linux/file.h>
#include <linux/userfaultfd_k.h>

#include "fault.h"

/**
 * fmap_count_context - count how a fault comes in
 * @sbi:	the mount
 * @vmf:	the fault; fault lock held
 */
void fmap_count_context(const struct fmap_sb_info *sbi, const struct vm_fault *vmf)
{
	unsigned int flags = vmf->flags;

	if (!(flags & FAULT_FLAG_WRITE))
		fmap_count(sbi, FMAP_ctx_read);
	else if (vmf->vma->vm_flags & VM_SHARED)
		fmap_count(sbi, FMAP_ctx_shared_write);
	else
		fmap_count(sbi, FMAP_ctx_cow);

	if (flags & FAULT_FLAG_TRIED)
		fmap_count(sbi, FMAP_ctx_tried);
	else if (flags & FAULT_FLAG_ALLOW_RETRY)
		fmap_count(sbi, FMAP_ctx_first_try);
	else
		fmap_count(sbi, FMAP_ctx_no_retry);

	fmap_count(sbi, fmap_holds_vma_lock(vmf) ? FMAP_ctx_vma_lock :
						   FMAP_ctx_mmap_lock);
	if (flags & FAULT_FLAG_RETRY_NOWAIT)
		fmap_count(sbi, FMAP_ctx_retry_nowait);
	if (!(flags & FAULT_FLAG_USER))
		fmap_count(sbi, FMAP_ctx_kernel);
	if (flags & FAULT_FLAG_REMOTE)
		fmap_count(sbi, FMAP_ctx_remote);
	if (flags & FAULT_FLAG_INSTRUCTION)
		fmap_count(sbi, FMAP_ctx_instruction);
	if (vmf->vma->vm_flags & VM_EXEC)
		fmap_count(sbi, FMAP_ctx_exec);
	if (!(flags & FAULT_FLAG_WRITE) && uffd_disable_fault_around(vmf->vma))
		fmap_count(sbi, FMAP_ctx_uffd);
}

/**
 * fmap_miss_needs_lower - is a miss one that we cannot do?
 * @f:	the fault
 *
 * Some misses need what is not exported; the lower's own hook, which is
 * filemap_fault() or calls it, then does the whole pass. Nothing is counted,
 * read or locked before this is decided.
 *
 * Return: the reason, or flt_miss if the miss is ours.
 */
enum fmap_counter fmap_miss_needs_lower(const struct fmap_fault *f)
{
	if (IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) &&
	    (f->vm_flags & VM_HUGEPAGE) && fmap_reads_huge(f->mapping))
		return FMAP_dlg_hugepage;
	if ((f->vm_flags & VM_LOCKED) &&
	    (f->vmf->flags & FAULT_FLAG_ORIG_PTE_VALID))
		return FMAP_dlg_mlocked;
	if (fmap_around_needs_lower(f))
		return FMAP_dlg_large_folio;
	return FMAP_flt_miss;
}

static enum fmap_counter fmap_lower_result(vm_fault_t ret)
{
	if (ret & VM_FAULT_RETRY)
		return FMAP_low_retry;
	if (ret & VM_FAULT_OOM)
		return FMAP_low_oom;
	if (ret & VM_FAULT_ERROR)
		return FMAP_low_sigbus;
	if (!(ret & VM_FAULT_LOCKED))
		return FMAP_low_other;
	return ret & VM_FAULT_MAJOR ? FMAP_low_locked_major : FMAP_low_locked_minor;
}

/**
 * fmap_lower_fault - run the lower's own ->fault
 * @vmf:	the fault; fault lock held
 * @fvo:	the vm_ops copy of the mapping
 * @outcome:	which counter says that it was not ours
 *
 * It may drop the fault lock, after which only our pin keeps the mount and its
 * counters.
 *
 * Return: what it returns.
 */
vm_fault_t fmap_lower_fault(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
			    enum fmap_counter outcome)
{
	struct file *file = get_file(vmf->vma->vm_file);
	pgoff_t pgoff = vmf->pgoff;
	vm_fault_t ret = fvo->lower->fault(vmf);

	fmap_count(fvo->sbi, outcome);
	fmap_count(fvo->sbi, fmap_lower_result(ret));
	if (ret & VM_FAULT_ERROR)
		fmap_failure(fvo->sbi, file, pgoff, fmap_lower_result(ret), 0);
	fput(file);
	return ret;
}

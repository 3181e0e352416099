// SPDX-License-Identifier: GPL-2.0
/*
 * What nearly all calls of our hooks are, the quick way. All that is to be counted
 * is then known in advance: it is a bundle. (But a large folio may be mapped beyond its
 * window: that is seen afterwards.)
 *
 * ->fault: a first pass from user mode whose page is cached, uptodate and not
 * locked, and about which readahead has nothing to do. It takes the same steps as
 * the long way in fault.c, and as soon as one of them does not come out like that
 * nothing has happened, and the long way begins.
 *
 * ->map_pages: a window inside its page table and mapping, empty before, all of
 * which gets mapped.
 */
#include <linux/pagemap.h>
#include <linux/userfaultfd_k.h>

#include "trigger.h"

/* From user mode, may drop the fault lock, has not done so yet. */
#define FMAP_USUAL_FLAGS	(FAULT_FLAG_USER | FAULT_FLAG_ALLOW_RETRY)
#define FMAP_UNUSUAL_FLAGS	(FAULT_FLAG_TRIED | FAULT_FLAG_RETRY_NOWAIT | \
				 FAULT_FLAG_REMOTE | FAULT_FLAG_INSTRUCTION)

/* What is counted, or read ahead, in a way of its own */
#define FMAP_UNUSUAL_VM_FLAGS	(VM_RAND_READ | VM_SEQ_READ | VM_EXEC)

static bool fmap_is_usual(const struct vm_fault *vmf, const struct fmap_vm_ops *fvo)
{
	const struct file_ra_state *ra = &vmf->vma->vm_file->f_ra;

	return !static_branch_unlikely(&fmap_triggers_armed) &&
	       (vmf->flags & (FMAP_USUAL_FLAGS | FMAP_UNUSUAL_FLAGS)) == FMAP_USUAL_FLAGS &&
	       !(vmf->vma->vm_flags & FMAP_UNUSUAL_VM_FLAGS) &&
	       !uffd_disable_fault_around(vmf->vma) &&
	       fvo->fault_is_filemap &&
	       !READ_ONCE(fvo->sbi->config.engine)->native &&
	       READ_ONCE(fvo->inode->readahead).kind != FMAP_OFF &&
	       ra->ra_pages && !READ_ONCE(ra->mmap_miss);
}

static enum fmap_bundle fmap_warm_bundle(const struct vm_fault *vmf)
{
	bool vma_lock = fmap_holds_vma_lock(vmf);

	if (!(vmf->flags & FAULT_FLAG_WRITE))
		return FMAP_B_read_mmap_lock + vma_lock;
	if (!(vmf->vma->vm_flags & VM_SHARED))
		return FMAP_B_cow_mmap_lock + vma_lock;
	return FMAP_B_store_mmap_lock + vma_lock;
}

/*
 * Under its lock, is it what the fault wants? fmap_check_folio() says how it may
 * not be.
 */
static bool fmap_is_right(const struct vm_fault *vmf, struct folio *folio,
			  const struct address_space *mapping)
{
	return folio->mapping == mapping && folio_test_uptodate(folio) &&
	       vmf->pgoff < DIV_ROUND_UP(i_size_read(mapping->host), PAGE_SIZE) &&
	       !PageHWPoison(folio_file_page(folio, vmf->pgoff));
}

/*
 * True if the fault is over and %VM_FAULT_LOCKED to be returned: vmf->page is
 * referenced and locked, and all is counted. False: nothing has happened.
 */
static __always_inline bool fmap_fault_warm(struct vm_fault *vmf,
					    const struct fmap_vm_ops *fvo)
{
	struct address_space *mapping = vmf->vma->vm_file->f_mapping;
	struct folio *folio;

	if (!fmap_is_usual(vmf, fvo))
		return false;
	folio = filemap_get_folio(mapping, vmf->pgoff);
	if (IS_ERR_OR_NULL(folio))
		return false;
	if (folio_test_uptodate(folio) && !folio_test_readahead(folio) &&
	    folio_trylock(folio)) {
		if (likely(fmap_is_right(vmf, folio, mapping))) {
			vmf->page = folio_file_page(folio, vmf->pgoff);
			fmap_count_bundle(fvo->sbi, fmap_warm_bundle(vmf));
			fmap_count_large(fvo->sbi, folio);
			return true;
		}
		folio_unlock(folio);
	}
	folio_put(folio);
	return false;
}

/**
 * fmap_fault - ->fault of a wrapped mapping
 * @vmf:	the fault; vmf->vma is on our backing file
 *
 * Called by the core (__do_fault()) with the fault lock held: mmap_lock or,
 * since 6.6, the per-VMA lock. Follows filemap_fault() (7.2), unless the
 * engine is native or the lower filesystem's ->fault is something else: then
 * that runs.
 *
 * Return: VM_FAULT_ bits. %VM_FAULT_LOCKED: vmf->page is referenced and locked,
 * the fault lock still held. %VM_FAULT_RETRY: the fault lock is released, but
 * under %FAULT_FLAG_RETRY_NOWAIT it is kept. %VM_FAULT_SIGBUS, %VM_FAULT_OOM:
 * the fault lock is still held; never together with RETRY.
 */
vm_fault_t fmap_fault(struct vm_fault *vmf)
{
	struct fmap_vm_ops *fvo = fmap_vm_ops(vmf->vma);

	if (fmap_fault_warm(vmf, fvo))
		return VM_FAULT_LOCKED;
	return fmap_fault_long(vmf, fvo);
}

/*
 * The first PTE of the window, if all that is to be said about it fits into a bundle so
 * far; else NULL. @pmd is the page table.
 */
static __always_inline const pte_t *fmap_usual_ptes(const struct vm_fault *vmf,
						    const struct fmap_sb_info *sbi,
						    struct fmap_range win, pmd_t pmd)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned int slot = pte_index(vmf->address) + win.first - vmf->pgoff;
	unsigned int nr = win.last - win.first + 1;
	const pte_t *pte;

	if (!FMAP_COUNTS || static_branch_unlikely(&fmap_triggers_armed) ||
	    win.last - win.first >= BITS_PER_LONG ||
	    !fmap_pmd_is_table(pmd) || slot + nr == PTRS_PER_PTE ||
	    win.first == vma->vm_pgoff ||
	    win.last - vma->vm_pgoff == vma_pages(vma) - 1 ||
	    READ_ONCE(sbi->config.installer) != &fmap_installers[FMAP_INSTALL_HANDOVER] ||
	    READ_ONCE(vma->vm_file->f_ra.mmap_miss) ||
	    (!slot && fmap_may_map_beyond(vmf)))
		return NULL;
	pte = fmap_table(pmd) + slot;
	return fmap_all_empty(pte, nr) ? pte : NULL;
}

/* fmap_read_edges() of a usual window, whose edges are inside mapping and page table */
static __always_inline unsigned int fmap_usual_edges(const pte_t *pte, unsigned int nr)
{
	unsigned int before = !pte_none(READ_ONCE(pte[-1]));
	unsigned int behind = !pte_none(READ_ONCE(pte[nr]));

	return before | behind << 1;
}

/*
 * It began as a usual window; some page did not get mapped. @edges: as they were, all of
 * them if there is nothing to be said about them.
 */
static noinline vm_fault_t fmap_window_partly(const struct vm_fault *vmf,
					      const struct fmap_sb_info *sbi,
					      struct fmap_range win, unsigned int edges,
					      vm_fault_t ret)
{
	struct fmap_mapped sum = { };

	fmap_count(sbi, FMAP_fa_calls);
	if (FMAP_MAPS_WHOLE_FOLIOS && fmap_read_edges(vmf, win) & ~edges)
		fmap_count(sbi, FMAP_fa_beyond);
	sum.pages = fmap_account(vmf, sbi, win.first, win.last - win.first + 1, 0);
	fmap_count_around(sbi, ret, &sum);
	return ret;
}

/**
 * fmap_map_window - map what is mappable of a window
 * @vmf:	the fault; fault lock held, on newer kernels under RCU
 * @fvo:	the vm_ops copy of the mapping
 * @win:	the window
 *
 * If it is a usual one it is handed to the lower's ->map_pages here and now. The pmd
 * is read again then: as long as it says the same, the PTEs are where they were.
 *
 * Return: as ->map_pages.
 */
vm_fault_t fmap_map_window(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
			   struct fmap_range win)
{
	const struct fmap_sb_info *sbi = fvo->sbi;
	pmd_t pmd = pmdp_get_lockless(vmf->pmd);
	const pte_t *pte = fmap_usual_ptes(vmf, sbi, win, pmd);
	unsigned int nr = win.last - win.first + 1, edges = ~0U;
	vm_fault_t ret;

	if (!pte)
		return fmap_map_any_window(vmf, fvo, win);
	if (fmap_may_map_beyond(vmf))
		edges = fmap_usual_edges(pte, nr);
	ret = fvo->lower->map_pages(vmf, win.first, win.last);
	if (unlikely(ret != VM_FAULT_NOPAGE ||
		     native_pmd_val(pmdp_get_lockless(vmf->pmd)) != native_pmd_val(pmd) ||
		     !fmap_all_present(pte, nr)))
		return fmap_window_partly(vmf, sbi, win, edges, ret);
	if (FMAP_MAPS_WHOLE_FOLIOS && fmap_usual_edges(pte, nr) & ~edges)
		fmap_count(sbi, FMAP_fa_beyond);
	fmap_count_bundle(sbi, FMAP_B_window);
	fmap_count_bundle_add(sbi, FMAP_B_window_pages, nr);
	return ret;
}

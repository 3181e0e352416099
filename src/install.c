// SPDX-License-Identifier: GPL-2.0
/*
 * Installing the pages of a fault-around window: the routes, and the one that
 * hands the window over.
 *
 * handover: the lower's own ->map_pages does the window that we chose. It
 * keeps what a module cannot do as well: mlock accounting, PMD mappings,
 * batches of large folios. It tells nothing but whether the faulting page got
 * mapped, so the page table is read before and after: a page whose PTE was
 * empty and now is not has been mapped, and only the pages that are still
 * missing are looked up in the page cache for the reason. A warm scan thus
 * pays for reading PTEs alone.
 */
#include "fault.h"

/*
 * Which pages of a window have a PTE in use is kept in words of one bit a page.
 * The default window is less than a word.
 */
#define FMAP_TABLE_WORDS	(PTRS_PER_PTE / BITS_PER_LONG)

/* How many pages of @win the word that starts at @first is about. */
static unsigned int fmap_word_pages(pgoff_t first, struct fmap_range win)
{
	return min_t(pgoff_t, win.last - first + 1, BITS_PER_LONG);
}

/* The lower lowers mmap_miss for what it finds cached; @misses: before that. */
static void fmap_count_hits(const struct fmap_sb_info *sbi,
			    const struct file_ra_state *ra, unsigned int misses)
{
	unsigned int now = READ_ONCE(ra->mmap_miss);

	if (now < misses)
		fmap_count_add(sbi, FMAP_fa_miss_dec, misses - now);
}

/**
 * fmap_hand_over_range - have the lower's ->map_pages map a range
 * @vmf:	the fault; fault lock held
 * @fvo:	the vm_ops copy of the mapping
 * @win:	the range, in the window
 * @sum:	gets how many pages were mapped, and whether any was in use before
 *
 * It is called whatever it is: xfs on 6.1 takes a lock that may sleep, afs
 * validates first. So no RCU section of ours may be open here.
 *
 * Return: as ->map_pages.
 */
vm_fault_t fmap_hand_over_range(struct vm_fault *vmf,
				const struct fmap_vm_ops *fvo,
				struct fmap_range win, struct fmap_mapped *sum)
{
	const struct file_ra_state *ra = &vmf->vma->vm_file->f_ra;
	const struct fmap_sb_info *sbi = fvo->sbi;
	unsigned int misses = READ_ONCE(ra->mmap_miss);
	unsigned long before[FMAP_TABLE_WORDS] = { };
	bool empty = fmap_range_is_empty(vmf, win);
	unsigned int w;
	vm_fault_t ret;
	pgoff_t first;

	for (w = 0, first = win.first; !empty && first <= win.last; first += BITS_PER_LONG)
		before[w++] = fmap_read_ptes(vmf, first, fmap_word_pages(first, win));
	ret = fvo->lower->map_pages(vmf, win.first, win.last);
	fmap_count_hits(sbi, ra, misses);
	if (empty && fmap_range_is_present(vmf, win)) {
		sum->pages += win.last - win.first + 1;
		fmap_count_add(sbi, FMAP_fa_pages, win.last - win.first + 1);
		fmap_count_add(sbi, FMAP_fa_mapped, win.last - win.first + 1);
		return ret;
	}
	for (w = 0, first = win.first; first <= win.last; first += BITS_PER_LONG) {
		sum->in_use |= before[w] != 0;
		sum->pages += fmap_account(vmf, sbi, first,
					   fmap_word_pages(first, win), before[w++]);
	}
	return ret;
}

/**
 * fmap_count_around - count how a ->map_pages call ended
 * @sbi:	the mount
 * @ret:	what it returns
 * @sum:	what it mapped
 */
void fmap_count_around(const struct fmap_sb_info *sbi, vm_fault_t ret,
		       const struct fmap_mapped *sum)
{
	if (ret & VM_FAULT_NOPAGE)
		fmap_count(sbi, FMAP_fa_hit_target);
	else if (sum->pages)
		fmap_count(sbi, FMAP_fa_missed_target);
	else
		fmap_count(sbi, sum->in_use ? FMAP_fa_nothing_new : FMAP_fa_empty);
}

/**
 * fmap_hand_over_page - have the lower's ->map_pages map the faulting page alone
 * @vmf:	the fault; fault lock held; its PTE was empty a moment ago
 * @fvo:	the vm_ops copy of the mapping
 *
 * What it returns says all, if that is success.
 *
 * Return: as ->map_pages.
 */
vm_fault_t fmap_hand_over_page(struct vm_fault *vmf, const struct fmap_vm_ops *fvo)
{
	const struct file_ra_state *ra = &vmf->vma->vm_file->f_ra;
	const struct fmap_sb_info *sbi = fvo->sbi;
	unsigned int misses = READ_ONCE(ra->mmap_miss);
	struct fmap_mapped sum = { };
	vm_fault_t ret;

	ret = fvo->lower->map_pages(vmf, vmf->pgoff, vmf->pgoff);
	if (!FMAP_COUNTS)
		return ret;
	if (misses)
		fmap_count_hits(sbi, ra, misses);
	if (likely(ret & VM_FAULT_NOPAGE)) {
		fmap_count(sbi, FMAP_fa_hit_target);
		fmap_count(sbi, FMAP_fa_pages);
		fmap_count(sbi, FMAP_fa_mapped);
		return ret;
	}
	sum.pages = fmap_account(vmf, sbi, vmf->pgoff, 1, 0);
	fmap_count_around(sbi, ret, &sum);
	return ret;
}

/**
 * fmap_handover - ->install of install=handover
 * @vmf:	the fault; fault lock held, on newer kernels under RCU
 * @fvo:	the vm_ops copy of the mapping
 * @win:	the window
 *
 * Return: as ->map_pages.
 */
vm_fault_t fmap_handover(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
			 struct fmap_range win)
{
	const struct file_ra_state *ra = &vmf->vma->vm_file->f_ra;
	unsigned int nr = win.last - win.first + 1;
	struct fmap_mapped sum = { };
	unsigned int misses = READ_ONCE(ra->mmap_miss);
	unsigned long before;
	vm_fault_t ret;

	if (!FMAP_COUNTS)
		return fvo->lower->map_pages(vmf, win.first, win.last);
	if (unlikely(nr > BITS_PER_LONG)) {
		ret = fmap_hand_over_range(vmf, fvo, win, &sum);
	} else {
		/* The usual window: a word, in a register. */
		before = fmap_read_ptes(vmf, win.first, nr);
		ret = fvo->lower->map_pages(vmf, win.first, win.last);
		sum.pages = fmap_account(vmf, fvo->sbi, win.first, nr, before);
		sum.in_use = before != 0;
		if (misses)
			fmap_count_hits(fvo->sbi, ra, misses);
	}
	fmap_count_around(fvo->sbi, ret, &sum);
	return ret;
}

const struct fmap_installer fmap_installers[FMAP_NR_INSTALLERS] = {
	[FMAP_INSTALL_HANDOVER]	= { .name = "handover", .install = fmap_handover },
	[FMAP_INSTALL_INSERT]	= { .name = "insert", .install = fmap_insert },
};

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

/*
 * The lower's own hook, whatever it is: xfs on 6.1 takes a lock that may sleep,
 * afs validates first. So no RCU section of ours may be open here.
 */
static vm_fault_t fmap_hand_over_range(struct vm_fault *vmf,
				       const struct fmap_vm_ops *fvo,
				       struct fmap_range win,
				       unsigned int *mapped)
{
	const struct fmap_sb_info *sbi = fvo->sbi;
	unsigned long before[FMAP_TABLE_WORDS];
	unsigned int w;
	vm_fault_t ret;
	pgoff_t first;

	for (w = 0, first = win.first; first <= win.last; first += BITS_PER_LONG)
		before[w++] = fmap_read_ptes(vmf, first, fmap_word_pages(first, win));
	ret = fvo->lower->map_pages(vmf, win.first, win.last);
	for (w = 0, first = win.first; first <= win.last; first += BITS_PER_LONG)
		*mapped += fmap_account(vmf, sbi, first, fmap_word_pages(first, win),
					before[w++]);
	return ret;
}

static void fmap_count_around(const struct fmap_sb_info *sbi, vm_fault_t ret,
			      unsigned int mapped)
{
	if (ret & VM_FAULT_NOPAGE)
		fmap_count(sbi, FMAP_fa_hit_target);
	else
		fmap_count(sbi, mapped ? FMAP_fa_missed_target : FMAP_fa_empty);
}

static vm_fault_t fmap_handover(struct vm_fault *vmf,
				const struct fmap_vm_ops *fvo,
				struct fmap_range win)
{
	unsigned int nr = win.last - win.first + 1, mapped = 0;
	unsigned long before;
	vm_fault_t ret;

	if (unlikely(nr > BITS_PER_LONG)) {
		ret = fmap_hand_over_range(vmf, fvo, win, &mapped);
	} else {
		/* The usual window: a word, in a register. */
		before = fmap_read_ptes(vmf, win.first, nr);
		ret = fvo->lower->map_pages(vmf, win.first, win.last);
		mapped = fmap_account(vmf, fvo->sbi, win.first, nr, before);
	}
	fmap_count_around(fvo->sbi, ret, mapped);
	return ret;
}

const struct fmap_installer fmap_installers[FMAP_NR_INSTALLERS] = {
	[FMAP_INSTALL_HANDOVER]	= { .name = "handover", .built = true, .install = fmap_handover },
	[FMAP_INSTALL_INSERT]	= { .name = "insert" },
};

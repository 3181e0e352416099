// SPDX-License-Identifier: GPL-2.0
/*
 * install=insert: all of filemap_map_pages() done here, down to
 * vm_insert_pages(), so that each page says itself why it was not mapped. What
 * this route cannot do as well as the kernel goes to handover: see
 * fmap_insert_guard(), and large folios.
 */
#include <linux/pagemap.h>
#include <linux/pgtable.h>

#include "trigger.h"

/* Folio locks held at once. */
#define FMAP_BATCH	32

/**
 * struct fmap_batch - locked folios on their way into consecutive PTEs
 * @vmf:	the fault
 * @sbi:	the mount
 * @vma:	stands in for the VMA, see fmap_pseudo_vma()
 * @pages:	pages of locked, referenced, single-page folios
 * @first:	file page of pages[0]
 * @nr:		how many
 * @sum:	what was mapped so far, over all batches
 * @hits:	pages that lower mmap_miss
 * @misses:	mmap_miss on entry
 * @hit:	the faulting page is among them
 */
struct fmap_batch {
	struct vm_fault *vmf;
	const struct fmap_sb_info *sbi;
	struct vm_area_struct vma;
	struct page *pages[FMAP_BATCH];
	pgoff_t first;
	unsigned int nr;
	struct fmap_mapped sum;
	unsigned int hits;
	unsigned int misses;
	bool hit;
};

/*
 * vm_insert_pages() is for VM_MIXEDMAP mappings. On the real VMA that flag would
 * break mlock and make fork copy PTEs, so a VMA on the stack has it, with all
 * that the insertion looks at: mm, range, protection and flags.
 */
static void fmap_pseudo_vma(struct vm_area_struct *pseudo,
			    const struct vm_area_struct *vma)
{
	memset(pseudo, 0, sizeof(*pseudo));
	pseudo->vm_mm = vma->vm_mm;
	pseudo->vm_start = vma->vm_start;
	pseudo->vm_end = vma->vm_end;
	pseudo->vm_page_prot = vma->vm_page_prot;
	vm_flags_init(pseudo, vma->vm_flags | VM_MIXEDMAP);
}

/*
 * Is there a page table to insert into? vm_insert_pages() would allocate one,
 * which may sleep, where we must not. While we hold the lock of a folio that is
 * in the file, there stays one: only a collapse to a huge page retracts page
 * tables under the fault lock, and it would need that folio's lock first.
 */
static bool fmap_has_table(const struct vm_fault *vmf)
{
	return fmap_pmd_is_table(pmdp_get_lockless(vmf->pmd));
}

static void fmap_batch_mapped(struct fmap_batch *b, pgoff_t first,
			      unsigned int nr)
{
	pgoff_t target = b->vmf->pgoff;

	fmap_count_add(b->sbi, FMAP_fa_mapped, nr);
	b->sum.pages += nr;
	if (target >= first && target - first < nr)
		b->hit = true;
}

/* Insert pages[done..]. Return: how many of the batch are settled now. */
static unsigned int fmap_batch_insert(struct fmap_batch *b, unsigned int done)
{
	const struct vm_fault *vmf = b->vmf;
	unsigned long left = b->nr - done;
	unsigned long addr = vmf->address & PAGE_MASK;
	int err;

	addr += (b->first + done - vmf->pgoff) << PAGE_SHIFT;
	err = vm_insert_pages(&b->vma, addr, b->pages + done, &left);
	fmap_batch_mapped(b, b->first + done, b->nr - left - done);
	done = b->nr - left;
	if (!err)
		return done;
	if (err == -EBUSY) {
		/* Another thread's fault was there first. */
		fmap_count(b->sbi, FMAP_fa_skip_pte_present);
		return done + 1;
	}
	fmap_count_add(b->sbi, FMAP_fa_lost, left);
	return b->nr;
}

/* Insert what is collected, then unlock it: until then nothing can truncate it. */
static void fmap_batch_flush(struct fmap_batch *b)
{
	unsigned int done = 0, i;

	if (!b->nr)
		return;
	if (fmap_has_table(b->vmf)) {
		while (done < b->nr)
			done = fmap_batch_insert(b, done);
	} else {
		fmap_count_add(b->sbi, FMAP_fa_lost, b->nr);
	}
	for (i = 0; i < b->nr; i++) {
		unlock_page(b->pages[i]);
		put_page(b->pages[i]);
	}
	b->nr = 0;
}

static void fmap_batch_add(struct fmap_batch *b, struct folio *folio, pgoff_t index)
{
	if (b->nr == FMAP_BATCH || (b->nr && index != b->first + b->nr))
		fmap_batch_flush(b);
	if (!b->nr)
		b->first = index;
	b->pages[b->nr++] = folio_file_page(folio, index);
}

/*
 * Lock a folio that looked mappable, and look again: what fmap_look() saw may
 * be over. Return: fa_mapped to go on with it, locked; else the reason.
 */
static enum fmap_counter fmap_lock_mappable(struct address_space *mapping,
					    struct folio *folio, pgoff_t index)
{
	enum fmap_counter why;

	if (!folio_trylock(folio))
		return FMAP_fa_skip_trylock;
	if (folio->mapping != mapping)
		why = FMAP_fa_skip_truncated;
	else if (!folio_test_uptodate(folio))
		why = FMAP_fa_skip_not_uptodate_locked;
	else if (PageHWPoison(folio_file_page(folio, index)))
		why = FMAP_fa_skip_hwpoison;
	else if (index >= DIV_ROUND_UP(i_size_read(mapping->host), PAGE_SIZE))
		why = FMAP_fa_skip_eof;
	else
		return FMAP_fa_mapped;
	folio_unlock(folio);
	return why;
}

/*
 * mmap_miss goes down for what turned out to be cached; since 6.10 not for what
 * was evicted a moment ago, because that is likely to be evicted again, and since
 * 7.1 only for the page that was faulted for.
 */
static void fmap_batch_hits(struct fmap_batch *b, struct file_ra_state *ra)
{
	unsigned int misses = READ_ONCE(ra->mmap_miss);
	unsigned int less = min(misses, b->hits);

	if (!less || (FMAP_HITS_END_FAULTS && !b->hit))
		return;
	WRITE_ONCE(ra->mmap_miss, misses - less);
	fmap_count_add(b->sbi, FMAP_fa_miss_dec, less);
}

/*
 * One page whose PTE was empty. Return: fa_mapped if it went into the batch, else
 * the reason; ins_large_folio if it is part of a large folio.
 */
static enum fmap_counter fmap_insert_page(struct fmap_batch *b,
					  struct address_space *mapping,
					  struct xa_state *xas)
{
	enum fmap_counter why;
	struct folio *folio = fmap_look(xas, &why);

	if (!folio)
		return why;
	if (fmap_trigger(b->sbi, b->vmf->vma->vm_file, FMAP_TRG_insert_late))
		fmap_hold_up(b->sbi);
	if (folio_test_large(folio))
		why = FMAP_ins_large_folio;
	else
		why = fmap_lock_mappable(mapping, folio, xas->xa_index);
	if (why != FMAP_fa_mapped) {
		folio_put(folio);
		return why;
	}
	b->hits += fmap_counts_as_hit(b->vmf, folio, xas->xa_index);
	fmap_batch_add(b, folio, xas->xa_index);
	return why;
}

/* A page that is mapped already counts as found cached, too, if it is. */
static void fmap_insert_hit(struct fmap_batch *b, struct xa_state *xas,
			    pgoff_t index)
{
	enum fmap_counter why;
	struct folio *folio;

	xas_set(xas, index);
	folio = fmap_look(xas, &why);
	if (!folio)
		return;
	b->hits += fmap_counts_as_hit(b->vmf, folio, index);
	folio_put(folio);
}

/*
 * Follows filemap_map_pages() (7.2) for single-page folios. Under RCU. Return:
 * the page of the first large folio, at which the rest is handed over, or the
 * page after the range.
 */
static pgoff_t fmap_insert_word(struct fmap_batch *b, struct address_space *mapping,
				pgoff_t first, unsigned int nr)
{
	unsigned long used = fmap_read_ptes(b->vmf, first, nr);
	pgoff_t eof = DIV_ROUND_UP(i_size_read(mapping->host), PAGE_SIZE);
	XA_STATE(xas, &mapping->i_pages, first);
	unsigned int i;

	b->sum.in_use |= used != 0;
	for (i = 0; i < nr; i++) {
		enum fmap_counter why = FMAP_fa_skip_eof;

		if (used & BIT(i)) {
			why = FMAP_fa_skip_pte_present;
			if (b->misses && !FMAP_HITS_END_FAULTS)
				fmap_insert_hit(b, &xas, first + i);
		} else if (first + i < eof) {
			xas_set(&xas, first + i);
			why = fmap_insert_page(b, mapping, &xas);
		}
		if (why == FMAP_ins_large_folio)
			break;
		/* What is in the batch is counted when it is inserted. */
		if (why != FMAP_fa_mapped)
			fmap_count(b->sbi, why);
	}
	/* Not if a large folio came first: the rest counts itself. */
	if (eof >= first && eof - first < i)
		fmap_count(b->sbi, FMAP_fa_win_cut_eof);
	fmap_count_add(b->sbi, FMAP_fa_pages, i);
	return first + i;
}

static pgoff_t fmap_insert_range(struct fmap_batch *b, struct file *file,
				 struct fmap_range win)
{
	pgoff_t next = win.first, end;

	rcu_read_lock();
	do {
		end = min_t(pgoff_t, next + BITS_PER_LONG, win.last + 1);
		next = fmap_insert_word(b, file->f_mapping, next, end - next);
	} while (next == end && next <= win.last);
	fmap_batch_flush(b);
	rcu_read_unlock();
	fmap_batch_hits(b, &file->f_ra);
	return next;
}

/*
 * When insert must not or cannot: mlock accounting goes wrong for a VM_LOCKED
 * mapping, the first page table is only the core's to install, and where
 * MADV_DONTNEED frees page tables (6.14) none is sure to stay. A huge PMD needs
 * no PTE. Return: the counter of the reason, or fa_calls if there is none.
 */
static enum fmap_counter fmap_insert_guard(const struct vm_fault *vmf)
{
	if (IS_ENABLED(CONFIG_PT_RECLAIM))
		return FMAP_ins_pt_reclaim;
	if (vmf->vma->vm_flags & VM_LOCKED)
		return FMAP_ins_mlocked;
	if (!fmap_has_table(vmf))
		return FMAP_ins_no_table;
	return FMAP_fa_calls;
}

/**
 * fmap_insert - ->install of install=insert
 * @vmf:	the fault; fault lock held, on newer kernels under RCU
 * @fvo:	the vm_ops copy of the mapping
 * @win:	the window
 *
 * Return: as ->map_pages.
 */
vm_fault_t fmap_insert(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
		       struct fmap_range win)
{
	const struct fmap_sb_info *sbi = fvo->sbi;
	enum fmap_counter guard = fmap_insert_guard(vmf);
	struct fmap_batch b = {
		.vmf = vmf,
		.sbi = sbi,
		.misses = READ_ONCE(vmf->vma->vm_file->f_ra.mmap_miss),
	};
	vm_fault_t ret = 0;

	if (guard != FMAP_fa_calls) {
		fmap_count(sbi, guard);
		return fmap_handover(vmf, fvo, win);
	}
	fmap_pseudo_vma(&b.vma, vmf->vma);
	win.first = fmap_insert_range(&b, vmf->vma->vm_file, win);
	if (win.first <= win.last) {
		fmap_count(sbi, FMAP_ins_large_folio);
		ret = fmap_hand_over_range(vmf, fvo, win, &b.sum);
	}
	if (b.hit)
		ret |= VM_FAULT_NOPAGE;
	fmap_count_around(sbi, ret, &b.sum);
	return ret;
}

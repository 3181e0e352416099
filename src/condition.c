// SPDX-License-Identifier: GPL-2.0
/*
 * Rare conditions, made to happen where a trigger says so.
 */
#include <linux/delay.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "trigger.h"

#define FMAP_LOCKED_MS	20
#define FMAP_HELD_UP_MS	1000
#define FMAP_PAUSE_MS	100

/* Emptied before the module goes, unlike the system's. */
static struct workqueue_struct *fmap_condition_wq;

/**
 * struct fmap_held_folio - a folio that somebody else has locked
 * @work:	unlocks it
 * @folio:	referenced and locked; a folio lock has no owner
 */
struct fmap_held_folio {
	struct work_struct work;
	struct folio *folio;
};

static void fmap_release_folio(struct work_struct *work)
{
	struct fmap_held_folio *h = container_of(work, struct fmap_held_folio,
						 work);

	msleep(FMAP_LOCKED_MS);
	folio_unlock(h->folio);
	folio_put(h->folio);
	kfree(h);
}

/**
 * fmap_hold_folio - lock a folio for a while, as another user of it would
 * @folio:	referenced by the caller
 *
 * Does not sleep. Nothing happens if it is locked already.
 */
void fmap_hold_folio(struct folio *folio)
{
	struct fmap_held_folio *h = kmalloc(sizeof(*h), GFP_NOWAIT);

	if (!h || !folio_trylock(folio)) {
		kfree(h);
		return;
	}
	folio_get(folio);
	h->folio = folio;
	INIT_WORK(&h->work, fmap_release_folio);
	queue_work(fmap_condition_wq, &h->work);
}

/**
 * fmap_evict - take a page out of the page cache
 * @f:	the fault; holds no folio lock
 *
 * As direct I/O does it: a dirty page is written first or stays, so nothing is
 * lost.
 */
void fmap_evict(struct fmap_fault *f)
{
	invalidate_inode_pages2_range(f->mapping, f->index, f->index);
}

/**
 * fmap_lose_data - let a clean folio lose its data, so that it is read again
 * @folio:	referenced, not locked by the caller
 *
 * Not where the filesystem keeps a note for each block of the folio, too: by
 * that it would find nothing to read.
 */
void fmap_lose_data(struct folio *folio)
{
	folio_lock(folio);
	if (!folio_test_dirty(folio) && !folio_test_writeback(folio) &&
	    !folio_mapped(folio) && folio->mapping &&
	    i_blocksize(folio->mapping->host) >= folio_size(folio))
		folio_clear_uptodate(folio);
	folio_unlock(folio);
}

/** fmap_pause - sleep at a point of the fault path */
void fmap_pause(void)
{
	msleep(FMAP_PAUSE_MS);
}

static void fmap_around_lock(struct address_space *mapping, pgoff_t index)
{
	struct folio *folio = filemap_get_folio(mapping, index);

	if (IS_ERR_OR_NULL(folio))
		return;
	fmap_hold_folio(folio);
	folio_put(folio);
}

static void fmap_around_unmark(struct address_space *mapping, struct fmap_range win)
{
	struct folio *folio;
	unsigned long index;

	for (index = win.first; index <= win.last; index++) {
		folio = filemap_get_folio(mapping, index);
		if (IS_ERR_OR_NULL(folio))
			continue;
		/* The bit means something else under writeback. */
		if (!folio_test_writeback(folio))
			folio_clear_readahead(folio);
		folio_put(folio);
	}
}

/**
 * fmap_force_nowait - have the fault run as if its caller allowed no wait
 * @f:	the fault, at its beginning
 *
 * The caller does allow it, and expects the fault lock released by a retry: so
 * the fault releases it at the very end. One that allows none (KVM's) expects to
 * keep it.
 */
void fmap_force_nowait(struct fmap_fault *f)
{
	const unsigned int flags = f->vmf->flags;

	if (!(flags & FAULT_FLAG_ALLOW_RETRY) || flags & FAULT_FLAG_RETRY_NOWAIT)
		return;
	f->vmf->flags |= FAULT_FLAG_RETRY_NOWAIT;
	f->forced_nowait = true;
}

/**
 * fmap_hold_up - lose time where sleeping is not allowed
 * @sbi:	the mount
 *
 * Returns when the triggers are switched off, or after a second.
 */
void fmap_hold_up(const struct fmap_sb_info *sbi)
{
	unsigned int offs = fmap_triggers_offs(sbi), ms;

	for (ms = 0; ms < FMAP_HELD_UP_MS && fmap_triggers_offs(sbi) == offs; ms++)
		mdelay(1);
}

/* Those of the page cache, of the filesystem, and our own. */
static int fmap_expected_refs(struct folio *folio)
{
	return folio_nr_pages(folio) + !!folio->private + 1;
}

/**
 * fmap_around_freeze - take all references to the faulting page away
 * @vmf:	the fault
 * @sbi:	the mount
 *
 * Called from ->map_pages. As before a folio is split or moved, who wants a
 * reference now does without the folio, or spins: so does a look into the page
 * cache by filemap_get_folio(). Nothing happens if somebody else has one.
 *
 * Return: the folio, for fmap_around_thaw(), or NULL.
 */
struct folio *fmap_around_freeze(const struct vm_fault *vmf,
				 const struct fmap_sb_info *sbi)
{
	struct file *file = vmf->vma->vm_file;
	struct folio *folio;

	if (!fmap_trigger(sbi, file, FMAP_TRG_around_frozen))
		return NULL;
	folio = filemap_get_folio(file->f_mapping, vmf->pgoff);
	if (IS_ERR_OR_NULL(folio))
		return NULL;
	if (folio_ref_freeze(folio, fmap_expected_refs(folio)))
		return folio;
	folio_put(folio);
	return NULL;
}

/**
 * fmap_around_thaw - give the references back
 * @frozen:	what fmap_around_freeze() returned
 */
void fmap_around_thaw(struct folio *frozen)
{
	if (!frozen)
		return;
	folio_ref_unfreeze(frozen, fmap_expected_refs(frozen));
	folio_put(frozen);
}

/**
 * fmap_around_triggers - what can be made to happen to a fault-around window
 * @vmf:	the fault
 * @sbi:	the mount
 * @win:	the window
 *
 * Called from ->map_pages before it installs anything; does not sleep.
 */
void fmap_around_triggers(const struct vm_fault *vmf,
			  const struct fmap_sb_info *sbi, struct fmap_range win)
{
	struct file *file = vmf->vma->vm_file;
	struct address_space *mapping = file->f_mapping;

	if (fmap_trigger(sbi, file, FMAP_TRG_around_late))
		fmap_hold_up(sbi);
	if (fmap_trigger(sbi, file, FMAP_TRG_around_locked))
		fmap_around_lock(mapping, vmf->pgoff);
	if (fmap_trigger(sbi, file, FMAP_TRG_around_unmark))
		fmap_around_unmark(mapping, win);
}

/**
 * fmap_conditions_init - when the module loads
 *
 * Return: 0 or -ENOMEM.
 */
int fmap_conditions_init(void)
{
	fmap_condition_wq = alloc_workqueue("fmapfs-trigger", WQ_UNBOUND, 0);
	return fmap_condition_wq ? 0 : -ENOMEM;
}

/** fmap_conditions_exit - when the module goes: give back what is held */
void fmap_conditions_exit(void)
{
	destroy_workqueue(fmap_condition_wq);
}

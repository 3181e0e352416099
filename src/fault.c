// SPDX-License-Identifier: GPL-2.0
/*
 * ->fault: bring one page of the lower file's page cache to the core.
 *
 * The steps of filemap_fault() (7.2), each of which says what comes next:
 *
 *	beyond EOF? -> first lookup: hit -> async readahead
 *	                             miss -> sync readahead
 *	then until one step ends the fault:
 *	find (if no folio is at hand) -> lock the folio -> check it
 *
 * A folio is at hand only with a reference. Nothing but its lock keeps it in
 * the file: truncation, hole punching and migration may take it away between
 * any two steps before that, which is what the checks are for.
 */
#include <linux/file.h>
#include <linux/mmap_lock.h>
#include <linux/pagemap.h>
#include <linux/vmstat.h>

#include "trigger.h"

/**
 * enum fmap_step - what a step of the fault asks for
 * @FMAP_NEXT:	go on with the next step
 * @FMAP_AGAIN:	the folio was given up: find it again
 * @FMAP_END:	the fault is over, its outcome is set
 */
enum fmap_step {
	FMAP_NEXT,
	FMAP_AGAIN,
	FMAP_END,
};

static enum fmap_step fmap_finish(struct fmap_fault *f, enum fmap_counter outcome,
				  vm_fault_t ret)
{
	f->outcome = outcome;
	f->ret = ret;
	return FMAP_END;
}

/* An end that the program sees: SIGBUS or out of memory. */
static enum fmap_step fmap_fail(struct fmap_fault *f, enum fmap_counter outcome,
				enum fmap_counter why, int err, vm_fault_t ret)
{
	f->failure = why;
	f->err = err;
	return fmap_finish(f, outcome, ret);
}

/*
 * VM_FAULT_RETRY is legal only with the fault lock released: by the pin, by
 * f->release, or not at all under FAULT_FLAG_RETRY_NOWAIT (rty_nowait).
 */
static enum fmap_step fmap_retry(struct fmap_fault *f, enum fmap_counter why)
{
	fmap_fault_count(f, why);
	return fmap_finish(f, FMAP_flt_retry, f->major | VM_FAULT_RETRY);
}

static void fmap_drop_folio(struct fmap_fault *f)
{
	folio_put(f->folio);
	f->folio = NULL;
}

static enum fmap_step fmap_again(struct fmap_fault *f, enum fmap_counter why)
{
	fmap_fault_count(f, why);
	fmap_drop_folio(f);
	return FMAP_AGAIN;
}

/*
 * i_size only shrinks before the pages beyond it are taken from the file, so
 * without the folio lock the answer may be outdated in either direction, and
 * under it "not past" stays true until the folio is unlocked.
 */
static bool fmap_past_eof(const struct fmap_fault *f)
{
	return f->index >= DIV_ROUND_UP(i_size_read(f->mapping->host), PAGE_SIZE);
}

static struct folio *fmap_lookup(struct fmap_fault *f)
{
	struct folio *folio = filemap_get_folio(f->mapping, f->index);

	return IS_ERR(folio) ? NULL : folio;
}

/**
 * fmap_inval_lock - take the invalidate_lock shared, once a fault
 * @f:	the fault; holds no folio lock
 *
 * With it, no truncate or hole punch can remove folios under us, so a folio
 * that we create cannot be filled with data that the filesystem is freeing.
 */
void fmap_inval_lock(struct fmap_fault *f)
{
	if (f->inval_locked)
		return;
	fmap_fault_count(f, FMAP_flt_inval_lock);
	if (!filemap_invalidate_trylock_shared(f->mapping)) {
		fmap_fault_count(f, FMAP_flt_inval_lock_contended);
		filemap_invalidate_lock_shared(f->mapping);
	}
	f->inval_locked = true;
}

/* First lookup found the folio: readahead may go on, then lock it. */
static void fmap_hit(struct fmap_fault *f)
{
	fmap_fault_count(f, FMAP_flt_hit);
	if (f->vmf->flags & FAULT_FLAG_TRIED)
		fmap_fault_count(f, FMAP_flt_hit_ra_skipped_tried);
	else
		fmap_async_readahead(f);

	/* Under I/O, or it failed: a read of our own needs the invalidate_lock. */
	if (!folio_test_uptodate(f->folio)) {
		fmap_fault_count(f, FMAP_flt_hit_not_uptodate);
		fmap_inval_lock(f);
	}
}

/* First lookup found nothing. The memcg's share of PGMAJFAULT is not exported. */
static void fmap_miss(struct fmap_fault *f)
{
	fmap_fault_count(f, FMAP_flt_miss);
	count_vm_event(PGMAJFAULT);
	f->major = VM_FAULT_MAJOR;
	fmap_sync_readahead(f);
}

/* Add an empty, unlocked folio at f->index; -EEXIST if another fault did. */
static int fmap_create_folio(struct fmap_fault *f)
{
	unsigned int order = mapping_min_folio_order(f->mapping);
	gfp_t gfp = f->vmf->gfp_mask;
	struct folio *folio = NULL;
	int err;

	if (!fmap_fault_trigger(f, FMAP_TRG_create_fail))
		folio = fmap_do_alloc_folio(gfp, order);
	if (!folio)
		return -ENOMEM;
	err = filemap_add_folio(f->mapping, folio,
				round_down(f->index, 1UL << order), gfp);
	if (err) {
		folio_put(folio);
		return err;
	}
	folio_unlock(folio);
	f->folio = folio;
	return 0;
}

/*
 * No folio at hand: find it, or create it, under the invalidate_lock. Created,
 * it is not uptodate, and the check below reads it.
 */
static enum fmap_step fmap_find(struct fmap_fault *f)
{
	int err;

	fmap_inval_lock(f);
	fmap_fault_count(f, FMAP_flt_find);
	do {
		f->folio = fmap_lookup(f);
		if (f->folio) {
			f->created = false;
			fmap_fault_count(f, FMAP_flt_ra_filled);
			return FMAP_NEXT;
		}
		err = fmap_create_folio(f);
	} while (err == -EEXIST);

	if (!err) {
		f->created = true;
		fmap_fault_count(f, FMAP_flt_created);
		return FMAP_NEXT;
	}
	fmap_fault_count(f, FMAP_flt_create_fail);
	if (f->fpin)
		return fmap_retry(f, FMAP_rty_create);
	return fmap_fail(f, FMAP_flt_oom, FMAP_flt_create_fail, err, VM_FAULT_OOM);
}

static enum fmap_step fmap_wait_killed(struct fmap_fault *f)
{
	/*
	 * Callers look for fatal signals only after VM_FAULT_RETRY, and that
	 * means the fault lock is released. Without a pin it is released at
	 * the very end, because until then it is all that keeps the file.
	 */
	f->release = !f->fpin;
	fmap_fault_count(f, f->fpin ? FMAP_lck_killed_dropped : FMAP_lck_killed_held);
	return fmap_retry(f, FMAP_rty_killed);
}

/*
 * Follows __folio_lock_or_retry() (7.2). The folio may be anything by the time
 * it is unlocked: the second pass looks it up again.
 */
static enum fmap_step fmap_wait_unlocked(struct fmap_fault *f)
{
	fmap_fault_count(f, FMAP_lck_retry_unlocked);
	if (!(f->vmf->flags & FAULT_FLAG_KILLABLE))
		folio_wait_locked(f->folio);
	else if (folio_wait_locked_killable(f->folio))
		return fmap_wait_killed(f);
	return fmap_retry(f, FMAP_rty_unlocked);
}

static void fmap_before_lock_triggers(struct fmap_fault *f)
{
	if (fmap_fault_trigger(f, FMAP_TRG_truncated))
		fmap_evict(f);
	if (fmap_fault_trigger(f, FMAP_TRG_uptodate_lost))
		fmap_lose_data(f->folio);
	if (fmap_fault_trigger(f, FMAP_TRG_lock_taken))
		fmap_hold_folio(f->folio);
}

/*
 * Lock the folio at hand. Follows lock_folio_maybe_drop_mmap() (7.2). It is
 * locked by others for as long as a read of it takes.
 */
static enum fmap_step fmap_lock_folio(struct fmap_fault *f)
{
	unsigned int flags = f->vmf->flags;

	fmap_before_lock_triggers(f);
	fmap_fault_count(f, FMAP_lck_calls);
	if (folio_trylock(f->folio)) {
		fmap_fault_count(f, FMAP_lck_trylock_ok);
		return FMAP_NEXT;
	}
	if (flags & FAULT_FLAG_RETRY_NOWAIT) {
		f->release = f->forced_nowait;
		fmap_fault_count(f, FMAP_lck_nowait);
		return fmap_retry(f, FMAP_rty_nowait);
	}
	f->engine->drop(f, FMAP_drop_for_folio_lock);
	if (!(flags & FAULT_FLAG_KILLABLE))
		fmap_fault_count(f, FMAP_lck_wait_unkillable);
	if (f->fpin && f->engine->wait_unlocked)
		return fmap_wait_unlocked(f);
	fmap_fault_count(f, f->fpin ? FMAP_lck_wait_dropped : FMAP_lck_wait_held);
	if (!(flags & FAULT_FLAG_KILLABLE))
		__folio_lock(f->folio);
	else if (__folio_lock_killable(f->folio))
		return fmap_wait_killed(f);
	return FMAP_NEXT;
}

static enum fmap_counter fmap_read_error(int err)
{
	switch (err) {
	case -EINTR:
		return FMAP_err_read_killed;
	case -EIO:
		return FMAP_err_read_eio;
	default:
		return FMAP_err_read_folio;
	}
}

/*
 * The folio is locked and not uptodate, and no truncate can be under way:
 * there was no readahead, or it failed. Read this folio, once, and wait.
 */
static enum fmap_step fmap_read(struct fmap_fault *f)
{
	int err;

	fmap_fault_count(f, FMAP_flt_read_sync);
	f->engine->drop(f, FMAP_drop_for_read);
	err = fmap_read_folio(f);
	if (f->fpin)
		return fmap_retry(f, !err ? FMAP_rty_read_ok :
				     err == -EINTR ? FMAP_rty_read_killed :
						     FMAP_rty_read_err);
	if (!err)
		return fmap_again(f, FMAP_flt_read_ok_again);
	if (err == AOP_TRUNCATED_PAGE)
		return fmap_again(f, FMAP_flt_read_aop_truncated);
	fmap_fault_count(f, fmap_read_error(err));
	return fmap_fail(f, FMAP_flt_sigbus_io, fmap_read_error(err), err,
			 VM_FAULT_SIGBUS);
}

/* The folio is locked: is it still what the fault wants? */
static enum fmap_step fmap_check_folio(struct fmap_fault *f)
{
	struct folio *folio = f->folio;

	while (fmap_fault_trigger(f, FMAP_TRG_pause_locked))
		fmap_pause();
	/* Truncated, punched or reclaimed before we had the lock. */
	if (folio->mapping != f->mapping) {
		folio_unlock(folio);
		return fmap_again(f, FMAP_flt_truncated);
	}
	if (!folio_test_uptodate(folio)) {
		if (f->inval_locked)
			return fmap_read(f);
		/* It was, at the first look: an invalidation came in between. */
		folio_unlock(folio);
		return fmap_again(f, FMAP_flt_uptodate_lost);
	}
	if (f->fpin) {
		folio_unlock(folio);
		return fmap_retry(f, FMAP_rty_ready);
	}
	if (fmap_past_eof(f)) {
		folio_unlock(folio);
		return fmap_fail(f, FMAP_flt_sigbus_eof_post,
				 FMAP_flt_sigbus_eof_post, 0, VM_FAULT_SIGBUS);
	}
	f->vmf->page = folio_file_page(folio, f->index);
	if (PageHWPoison(f->vmf->page))
		fmap_fault_count(f, FMAP_flt_done_hwpoison);
	if (f->vmf->flags & FAULT_FLAG_TRIED)
		fmap_fault_count(f, FMAP_flt_done_after_retry);
	fmap_count_large(f->fvo->sbi, folio);
	return fmap_finish(f, f->major ? FMAP_flt_done_major : FMAP_flt_done_minor,
			   f->major | VM_FAULT_LOCKED);
}

/*
 * Give back all that the fault holds. The pin, or else the fault lock, goes
 * last: it may be what keeps the file, and with it our inode and the counters.
 */
static vm_fault_t fmap_fault_end(struct fmap_fault *f)
{
	vm_fault_t ret = f->ret;

	if (f->folio && !(ret & VM_FAULT_LOCKED))
		folio_put(f->folio);
	if (f->inval_locked)
		filemap_invalidate_unlock_shared(f->mapping);
	fmap_fault_count(f, f->outcome);
	fmap_end_nowait(f);
	if (ret & VM_FAULT_ERROR)
		fmap_failure(f->fvo->sbi, f->file, f->index, f->failure, f->err);
	if (f->release)
		release_fault_lock(f->vmf);
	if (f->fpin)
		fput(f->fpin);
	return ret;
}

static vm_fault_t fmap_fault_run(struct fmap_fault *f)
{
	enum fmap_counter why;
	enum fmap_step step;

	if (fmap_past_eof(f)) {
		fmap_fail(f, FMAP_flt_sigbus_eof_pre, FMAP_flt_sigbus_eof_pre, 0,
			  VM_FAULT_SIGBUS);
		return fmap_fault_end(f);
	}

	if (fmap_fault_trigger(f, FMAP_TRG_pause_lookup))
		fmap_pause();
	if (fmap_fault_trigger(f, FMAP_TRG_miss))
		fmap_evict(f);
	f->folio = fmap_lookup(f);
	if (!f->folio) {
		why = fmap_miss_needs_lower(f);
		if (why != FMAP_flt_miss) {
			fmap_fault_count(f, why);
			fmap_end_nowait(f);
			return fmap_lower_fault(f->vmf, f->fvo, FMAP_flt_delegated);
		}
	}

	fmap_fault_count(f, FMAP_flt_lookups);
	if (f->folio)
		fmap_hit(f);
	else
		fmap_miss(f);

	do {
		step = f->folio ? FMAP_NEXT : fmap_find(f);
		if (step == FMAP_NEXT)
			step = fmap_lock_folio(f);
		if (step == FMAP_NEXT)
			step = fmap_check_folio(f);
	} while (step != FMAP_END);
	return fmap_fault_end(f);
}

/**
 * fmap_fault_long - ->fault, whatever the fault is
 * @vmf:	the fault
 * @fvo:	the vm_ops copy of the mapping
 *
 * Return: as fmap_fault().
 */
vm_fault_t fmap_fault_long(struct vm_fault *vmf, struct fmap_vm_ops *fvo)
{
	struct fmap_sb_info *sbi = fvo->sbi;
	struct file *file = vmf->vma->vm_file;
	struct fmap_fault f = {
		.vmf = vmf,
		.fvo = fvo,
		.engine = READ_ONCE(sbi->config.engine),
		.readahead = READ_ONCE(fvo->inode->readahead),
		.file = file,
		.mapping = file->f_mapping,
		.index = vmf->pgoff,
		.vm_flags = vmf->vma->vm_flags,
	};

	fmap_count(sbi, FMAP_flt_calls);
	if (!f.engine->native && fvo->fault_is_filemap &&
	    fmap_fault_trigger(&f, FMAP_TRG_nowait))
		fmap_force_nowait(&f);
	fmap_count_context(sbi, vmf);
	if (f.engine->native)
		return fmap_lower_fault(vmf, fvo, FMAP_flt_native);
	if (!fvo->fault_is_filemap) {
		fmap_count(sbi, FMAP_dlg_lower_fault);
		return fmap_lower_fault(vmf, fvo, FMAP_flt_delegated);
	}
	return fmap_fault_run(&f);
}

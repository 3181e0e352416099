// SPDX-License-Identifier: GPL-2.0
/*
 * Readahead of the mmap path, and the synchronous read of one folio.
 *
 * State lives where the kernel keeps it: in the f_ra of the backing file, one
 * an open file. Its mmap_miss goes up by one with each miss and down with each
 * hit; a file that misses far more than it hits gets no read-around any more.
 */
#include <linux/backing-dev.h>
#include <linux/pagemap.h>
#include <linux/psi.h>

#include "trigger.h"

/* mmap_miss beyond which read-around stops, and ten times that its ceiling. */
#define FMAP_LOTS_OF_MISSES	100

static unsigned int fmap_misses_after_this(const struct file_ra_state *ra)
{
	unsigned int misses = READ_ONCE(ra->mmap_miss);

	return misses < FMAP_LOTS_OF_MISSES * 10 ? misses + 1 : misses;
}

/* Advice to the open file: fadvise(2) sets one or the other, for all of it. */
static bool fmap_is_advised(const struct fmap_fault *f)
{
	return f->file->f_mode & FMODE_RANDOM ||
	       f->file->f_ra.ra_pages != inode_to_bdi(f->mapping->host)->ra_pages;
}

/*
 * The policy that counts: advice comes first, and so do the ways of the kernel with
 * code, which is run here and there.
 */
static enum fmap_policy_kind fmap_ra_kind(const struct fmap_fault *f)
{
	enum fmap_policy_kind kind = f->readahead.kind;

	if (kind == FMAP_ADAPTIVE && f->vm_flags & VM_EXEC)
		return FMAP_KERNEL;
	if ((kind == FMAP_ADAPTIVE || kind == FMAP_SIZE) && fmap_is_advised(f))
		return FMAP_KERNEL;
	return kind;
}

/*
 * Which synchronous readahead does a miss get? Follows the order of
 * do_sync_mmap_readahead() (7.2), without its effects. VM_HUGEPAGE does not
 * come here: see fmap_miss_needs_lower().
 */
static enum fmap_counter fmap_plan_sync(const struct fmap_fault *f)
{
	const struct file_ra_state *ra = &f->file->f_ra;

	if ((f->vm_flags & (VM_RAND_READ | FMAP_EXEC_RA_FLAG)) == VM_RAND_READ)
		return FMAP_sra_skip_random;
	if (!ra->ra_pages)
		return FMAP_sra_skip_disabled;
	if (f->readahead.kind == FMAP_OFF)
		return FMAP_sra_skip_policy;
	if (f->vm_flags & VM_SEQ_READ)
		return FMAP_sra_seq;
	if (f->vm_flags & FMAP_EXEC_RA_FLAG)
		return FMAP_sra_exec;
	if (fmap_ra_kind(f) == FMAP_ADAPTIVE)
		return FMAP_sra_adapt;
	if (fmap_misses_after_this(ra) > FMAP_LOTS_OF_MISSES)
		return FMAP_sra_skip_lotsamiss;
	return FMAP_sra_around;
}

/**
 * fmap_around_needs_lower - is this miss's read-around out of our reach?
 * @f:	a fault that missed; fault lock held
 *
 * In a mapping with large folios the kernel's read-around picks folio orders
 * with page_cache_ra_order(), which is not exported. What we can call fills the
 * cache with the smallest folios. Where the kernel would not, every later scan
 * would pay for that. What readahead=adaptive and SIZE ask for takes another way,
 * see fmap_read_request().
 */
bool fmap_around_needs_lower(const struct fmap_fault *f)
{
	if (!mapping_large_folio_support(f->mapping))
		return false;
	switch (fmap_plan_sync(f)) {
	case FMAP_sra_around:
		if (fmap_ra_kind(f) == FMAP_SIZE)
			return false;
		return !FMAP_AROUND_IS_SMALL || mapping_min_folio_order(f->mapping);
	case FMAP_sra_exec:
		return exec_folio_order() || mapping_min_folio_order(f->mapping);
	default:
		return false;
	}
}

static void fmap_count_miss(struct fmap_fault *f)
{
	struct file_ra_state *ra = &f->file->f_ra;
	unsigned int misses = fmap_misses_after_this(ra);

	/* Shared by all threads that map the file: write it only to change it. */
	if (misses != READ_ONCE(ra->mmap_miss)) {
		WRITE_ONCE(ra->mmap_miss, misses);
		fmap_fault_count(f, FMAP_sra_miss_inc);
	} else {
		fmap_fault_count(f, FMAP_sra_miss_saturated);
	}
}

/**
 * fmap_ra_range - read so many pages, in the smallest folios
 * @f:		the fault; invalidate_lock not held
 * @ractl:	its index is the first page
 * @nr:		how many pages, but none beyond the one that holds the file's last byte
 * @ahead:	where the marker goes, counted from their end; 0: none
 *
 * Follows do_page_cache_ra() (7.2).
 */
void fmap_ra_range(struct fmap_fault *f, struct readahead_control *ractl,
		   unsigned long nr, unsigned long ahead)
{
	loff_t size = i_size_read(f->mapping->host);
	pgoff_t index = readahead_index(ractl);
	pgoff_t last;

	if (!size)
		return;
	last = (size - 1) >> PAGE_SHIFT;
	if (index > last)
		return;
	if (nr > last - index) {
		nr = last - index + 1;
		ahead = fmap_ra_ahead_at_eof(ahead);
	}
	fmap_ra_unbounded(ractl, nr, ahead);
}

/* Read the window that is in the f_ra, in the smallest folios. */
static void fmap_read_window(struct fmap_fault *f)
{
	struct file_ra_state *ra = &f->file->f_ra;
	DEFINE_READAHEAD(ractl, f->file, ra, f->mapping, ra->start);

	fmap_set_ra_order(ra, 0);
	fmap_fault_count_add(f, FMAP_sra_pages_requested, ra->size);
	fmap_ra_range(f, &ractl, ra->size, ra->async_size);
}

/* A window of ra_pages centred on the fault. */
static void fmap_choose_around(struct fmap_fault *f)
{
	struct file_ra_state *ra = &f->file->f_ra;
	unsigned int pages = ra->ra_pages;

	if (f->index < pages / 2)
		fmap_fault_count(f, FMAP_sra_around_clamped_bof);
	ra->start = f->index - min_t(pgoff_t, f->index, pages / 2);
	ra->size = pages;
	ra->async_size = pages / 4;
}

static void fmap_read_around(struct fmap_fault *f)
{
	fmap_choose_around(f);
	f->engine->drop(f, FMAP_drop_for_sync_ra);
	fmap_read_window(f);
}

/*
 * Code is run here and there: a window from the fault on, nothing in advance,
 * and nothing of what lies between the mappings of a program.
 */
static void fmap_choose_exec(struct fmap_fault *f)
{
	struct vm_area_struct *vma = f->vmf->vma;
	struct file_ra_state *ra = &f->file->f_ra;
	pgoff_t left = vma_pages(vma) - (f->index - vma->vm_pgoff);

	ra->start = f->index;
	ra->size = min_t(pgoff_t, ra->ra_pages, left);
	ra->async_size = 0;
}

static void fmap_read_ahead_seq(struct fmap_fault *f)
{
	struct file_ra_state *ra = &f->file->f_ra;
	DEFINE_READAHEAD(ractl, f->file, ra, f->mapping, f->index);

	fmap_fault_count_add(f, FMAP_sra_pages_requested, ra->ra_pages);
	page_cache_sync_ra(&ractl, ra->ra_pages);
}

/**
 * fmap_sync_readahead - readahead for a page that is not cached
 * @f:	the fault; fault lock held, invalidate_lock not (readahead takes it)
 *
 * Called on a miss. May drop the fault lock. Whether it brought the page is
 * seen only when the fault looks again.
 */
void fmap_sync_readahead(struct fmap_fault *f)
{
	enum fmap_counter plan = fmap_plan_sync(f);

	fmap_fault_count(f, FMAP_sra_calls);
	fmap_fault_count(f, plan);
	switch (plan) {
	case FMAP_sra_seq:
		f->engine->drop(f, FMAP_drop_for_sync_ra);
		fmap_read_ahead_seq(f);
		break;
	case FMAP_sra_around:
		fmap_count_miss(f);
		if (fmap_ra_kind(f) == FMAP_SIZE)
			fmap_read_size_around(f);
		else
			fmap_read_around(f);
		break;
	case FMAP_sra_adapt:
		fmap_read_adaptive(f);
		break;
	case FMAP_sra_exec:
		fmap_choose_exec(f);
		f->engine->drop(f, FMAP_drop_for_sync_ra);
		fmap_read_window(f);
		break;
	case FMAP_sra_skip_lotsamiss:
		fmap_count_miss(f);
		break;
	default:
		break;
	}
}

static void fmap_count_hit(struct fmap_fault *f)
{
	struct file_ra_state *ra = &f->file->f_ra;
	unsigned int misses = READ_ONCE(ra->mmap_miss);

	if (fmap_hit_is_shared(f->folio)) {
		fmap_fault_count(f, FMAP_ara_miss_dec_skip_locked);
	} else if (f->vm_flags & FMAP_NO_MISS_FLAGS) {
		fmap_fault_count(f, FMAP_ara_miss_dec_skip_vmflags);
	} else if (misses) {
		WRITE_ONCE(ra->mmap_miss, misses - 1);
		fmap_fault_count(f, FMAP_ara_miss_dec);
	} else {
		fmap_fault_count(f, FMAP_ara_miss_zero);
	}
}

/* Follows the order of do_async_mmap_readahead() (7.2). */
static enum fmap_counter fmap_plan_async(const struct fmap_fault *f)
{
	if (f->vm_flags & VM_RAND_READ)
		return FMAP_ara_skip_random;
	if (!f->file->f_ra.ra_pages)
		return FMAP_ara_skip_disabled;
	if (f->readahead.kind == FMAP_OFF)
		return FMAP_ara_skip_policy;
	if (!folio_test_readahead(f->folio))
		return FMAP_ara_no_marker;
	/*
	 * PG_readahead and PG_reclaim are one bit. page_cache_async_ra() would
	 * return at once, so there is nothing to drop the fault lock for.
	 */
	if (folio_test_writeback(f->folio))
		return FMAP_ara_marker_is_reclaim;
	return FMAP_ara_trigger;
}

static void fmap_marker_kernel(struct fmap_fault *f)
{
	struct file_ra_state *ra = &f->file->f_ra;
	DEFINE_READAHEAD(ractl, f->file, ra, f->mapping, f->index);

	fmap_fault_count(f, FMAP_ara_trigger);
	f->engine->drop(f, FMAP_drop_for_async_ra);
	page_cache_async_ra(&ractl, f->folio, ra->ra_pages);
}

static void fmap_marker(struct fmap_fault *f)
{
	switch (fmap_ra_kind(f)) {
	case FMAP_ADAPTIVE:
		fmap_marker_adaptive(f);
		break;
	case FMAP_SIZE:
		fmap_count_hit(f);
		fmap_marker_size(f);
		break;
	default:
		fmap_count_hit(f);
		fmap_marker_kernel(f);
		break;
	}
}

/**
 * fmap_async_readahead - readahead from a page that is cached
 * @f:	the fault; fault lock held, f->folio referenced and not locked
 *
 * Called on a first pass's hit. May drop the fault lock. The marker page is
 * the one that earlier readahead left so that a hit on it starts the next.
 */
void fmap_async_readahead(struct fmap_fault *f)
{
	enum fmap_counter plan = fmap_plan_async(f);

	fmap_fault_count(f, FMAP_ara_calls);
	if (plan == FMAP_ara_trigger) {
		fmap_marker(f);
		return;
	}
	fmap_fault_count(f, plan);
	if (plan == FMAP_ara_no_marker || plan == FMAP_ara_marker_is_reclaim)
		fmap_count_hit(f);
}

static int fmap_read_triggers(struct fmap_fault *f)
{
	if (fmap_fault_trigger(f, FMAP_TRG_refault))
		folio_set_workingset(f->folio);
	if (fmap_fault_trigger(f, FMAP_TRG_read_error))
		return -EIO;
	if (fmap_fault_trigger(f, FMAP_TRG_read_refused))
		return -ENOMEM;
	if (fmap_fault_trigger(f, FMAP_TRG_read_truncated))
		return AOP_TRUNCATED_PAGE;
	return 0;
}

/**
 * fmap_read_folio - read f->folio and wait for it
 * @f:	the fault; invalidate_lock held, f->folio locked and not uptodate
 *
 * Follows filemap_read_folio() (7.2). f->file is valid: by the fault lock or
 * by the pin. May drop the fault lock to wait for a folio that the fault has
 * created, in an engine that only waits.
 *
 * Return: 0, AOP_TRUNCATED_PAGE, -EINTR when a fatal signal ended the wait,
 * -EIO when the read left no data, or what ->read_folio said. The folio is
 * unlocked in every case.
 */
int fmap_read_folio(struct fmap_fault *f)
{
	unsigned long pflags;
	bool refault;
	int err;

	err = fmap_read_triggers(f);
	if (err) {
		folio_unlock(f->folio);
		return err;
	}
	refault = folio_test_workingset(f->folio);
	folio_clear_error(f->folio);
	if (refault) {
		fmap_fault_count(f, FMAP_flt_read_workingset);
		psi_memstall_enter(&pflags);
	}
	err = f->mapping->a_ops->read_folio(f->file, f->folio);
	if (refault)
		psi_memstall_leave(&pflags);
	if (err)
		return err;

	/* A first read was submitted like readahead, and then waited for. */
	if (f->engine->wait_unlocked && f->created && folio_test_locked(f->folio))
		f->engine->drop(f, FMAP_drop_for_folio_lock);
	err = folio_wait_locked_killable(f->folio);
	if (err)
		return err;
	if (folio_test_uptodate(f->folio))
		return 0;
	/* A bad block: read less around it from now on. */
	f->file->f_ra.ra_pages /= 4;
	return -EIO;
}

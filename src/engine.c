// SPDX-License-Identifier: GPL-2.0
/*
 * Engines: what a fault holds while it sleeps, and nothing else. Each stands
 * for what the kernel did in its time; the page-cache rules around it (folio
 * lock, invalidate_lock, truncate recheck) are today's for all of them.
 *
 * hold (2.6.3x): lock_page(). The fault lock was a plain semaphore that nobody
 * gave up. A thread that waits for the disk in a fault keeps out every mmap(),
 * munmap() and mprotect() of its process, and, once one of those waits, every
 * other fault as well.
 *
 * retry (2.6.37): lock_page_or_retry() gives up the fault lock to wait for a
 * page under I/O, does not lock the page, and has the core fault again. 3.7
 * added FAULT_FLAG_TRIED, so that a fault retries once and not for ever.
 * Submitting I/O, and a page that must be read again, still hold the lock.
 *
 * pin (5.1): the fault lock is given up before any I/O and any wait, with the
 * file pinned first: with the lock goes all that kept the VMA, and with the VMA
 * could go the file. The locked page is thrown away all the same; the second
 * pass finds it ready.
 *
 * native: the lower filesystem's own hooks, counted at the door: the baseline.
 */
#include <linux/file.h>
#include <linux/mmap_lock.h>

#include "trigger.h"

/*
 * Only a first pass that may wait can drop the fault lock: a second drop would
 * let a fault retry for ever, and a caller that allows no retry would go on to
 * use the VMA.
 */
static bool fmap_may_drop(const struct vm_fault *vmf)
{
	return fault_flag_allow_retry_first(vmf->flags) &&
	       !(vmf->flags & FAULT_FLAG_RETRY_NOWAIT);
}

/* Follows maybe_unlock_mmap_for_io() (7.2). Fault lock held unless f->fpin. */
static void fmap_pin_drop(struct fmap_fault *f, enum fmap_counter why)
{
	struct vm_fault *vmf = f->vmf;

	if (f->fpin)
		return;
	if (!fmap_may_drop(vmf)) {
		fmap_fault_count(f, FMAP_drop_refused);
		return;
	}
	fmap_fault_count(f, FMAP_drop_total);
	fmap_fault_count(f, why);
	fmap_fault_count(f, fmap_holds_vma_lock(vmf) ? FMAP_drop_vma_lock :
						       FMAP_drop_mmap_lock);
	f->fpin = get_file(f->file);
	release_fault_lock(vmf);
	if (fmap_fault_trigger(f, FMAP_TRG_pause_dropped))
		fmap_pause();
}

static void fmap_retry_drop(struct fmap_fault *f, enum fmap_counter why)
{
	if (why == FMAP_drop_for_folio_lock)
		fmap_pin_drop(f, why);
	else
		fmap_fault_count(f, FMAP_drop_kept);
}

static void fmap_hold_drop(struct fmap_fault *f, enum fmap_counter why)
{
	fmap_fault_count(f, FMAP_drop_kept);
}

const struct fmap_engine fmap_engines[FMAP_NR_ENGINES] = {
	[FMAP_ENGINE_PIN] = {
		.name		= "pin",
		.drop		= fmap_pin_drop,
	},
	[FMAP_ENGINE_RETRY] = {
		.name		= "retry",
		.wait_unlocked	= true,
		.drop		= fmap_retry_drop,
	},
	[FMAP_ENGINE_HOLD] = {
		.name		= "hold",
		.drop		= fmap_hold_drop,
	},
	[FMAP_ENGINE_NATIVE] = {
		.name		= "native",
		.native		= true,
	},
};

// SPDX-License-Identifier: GPL-2.0
/*
 * Engines: what a fault holds while it sleeps, and nothing else.
 *
 * pin (5.1 and later): before I/O or a wait for the folio lock, the fault lock
 * is dropped, so that an munmap() or mprotect() elsewhere in the process need
 * not wait for the disk. The file is pinned first: with the lock goes all that
 * kept the VMA, and with the VMA could go the file. The price is that the core
 * must find the VMA again: VM_FAULT_RETRY, and a second pass.
 *
 * native: the lower filesystem's own hooks, counted at the door: the baseline.
 */
#include <linux/mmap_lock.h>

#include "fault.h"

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

/* Follows maybe_unlock_mmap_for_io() (6.12). Fault lock held unless f->fpin. */
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
}

const struct fmap_engine fmap_engines[FMAP_NR_ENGINES] = {
	[FMAP_ENGINE_PIN]	= { .name = "pin", .built = true, .drop = fmap_pin_drop },
	[FMAP_ENGINE_RETRY]	= { .name = "retry" },
	[FMAP_ENGINE_HOLD]	= { .name = "hold" },
	[FMAP_ENGINE_NATIVE]	= { .name = "native", .built = true, .native = true },
};

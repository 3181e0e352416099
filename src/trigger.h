/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Triggers, as the fault path sees them.
 */
#ifndef _FMAPFS_TRIGGER_H
#define _FMAPFS_TRIGGER_H

#include <linux/jump_label.h>

#include <fmapfs/triggers.h>

#include "fault.h"

/**
 * enum fmap_trigger - index of each trigger, in the order of triggers.h
 */
enum fmap_trigger {
#define FMAP_TRIGGER(name, help) FMAP_TRG_##name,
	FMAP_TRIGGERS
#undef FMAP_TRIGGER
	FMAP_NR_TRIGGERS
};

DECLARE_STATIC_KEY_FALSE(fmap_triggers_armed);

/* trigger.c */
bool fmap_trigger_fires(const struct fmap_sb_info *sbi, struct file *file,
			enum fmap_trigger t);
unsigned int fmap_triggers_offs(const struct fmap_sb_info *sbi);

/* Is the caller to make condition @t happen, here and now? */
static inline bool fmap_trigger(const struct fmap_sb_info *sbi,
				struct file *file, enum fmap_trigger t)
{
	return static_branch_unlikely(&fmap_triggers_armed) &&
	       fmap_trigger_fires(sbi, file, t);
}

static inline bool fmap_fault_trigger(const struct fmap_fault *f,
				      enum fmap_trigger t)
{
	return fmap_trigger(f->fvo->sbi, f->file, t);
}

/* condition.c */
void fmap_hold_folio(struct folio *folio);
void fmap_evict(struct fmap_fault *f);
void fmap_lose_data(struct folio *folio);
void fmap_pause(void);
void fmap_hold_up(const struct fmap_sb_info *sbi);
void fmap_force_nowait(struct fmap_fault *f);

/* The rest of the fault is not ours, or there is none: as its caller wants it. */
static inline void fmap_end_nowait(struct fmap_fault *f)
{
	if (f->forced_nowait)
		f->vmf->flags &= ~FAULT_FLAG_RETRY_NOWAIT;
}

void fmap_around_triggers(const struct vm_fault *vmf,
			  const struct fmap_sb_info *sbi, struct fmap_range win);
struct folio *fmap_around_freeze(const struct vm_fault *vmf,
				 const struct fmap_sb_info *sbi);
void fmap_around_thaw(struct folio *frozen);

#endif /* _FMAPFS_TRIGGER_H */

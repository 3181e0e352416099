// SPDX-License-Identifier: GPL-2.0
/*
 * Triggers: make a rare condition happen. See include/fmapfs/triggers.h.
 *
 * None costs anything while no mount has one armed: a static key keeps the
 * fault path out of here.
 */
#include <linux/delay.h>
#include <linux/glob.h>
#include <linux/pagemap.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "trigger.h"

#define FMAP_LOCKED_MS	20
#define FMAP_HELD_UP_MS	1000
#define FMAP_PAUSE_MS	100
#define FMAP_GLOB_PATH	512

DEFINE_STATIC_KEY_FALSE(fmap_triggers_armed);

/* Emptied before the module goes, unlike the system's. */
static struct workqueue_struct *fmap_trigger_wq;

static const struct {
	const char *name;
	const char *help;
} fmap_trigger_descs[FMAP_NR_TRIGGERS] = {
#define FMAP_TRIGGER(name, help) \
	[FMAP_TRG_##name] = { #name, help },
	FMAP_TRIGGERS
#undef FMAP_TRIGGER
};

/**
 * struct fmap_armed - a trigger of a mount
 * @left:	how many times it is still to fire
 * @used:	it has been armed since all were switched off, so that somebody
 *		may still match its glob
 * @glob:	files it is for, by path below the mount; NULL: all
 */
struct fmap_armed {
	atomic_t left;
	bool used;
	char __rcu *glob;
};

/**
 * struct fmap_triggers - the triggers of a mount
 * @lock:	serialises arming
 * @in_use:	the static key has been raised for this mount
 * @offs:	how often all were disarmed: what is held up goes on then
 * @armed:	each trigger
 */
struct fmap_triggers {
	struct mutex lock;	/* serialises arming */
	bool in_use;
	unsigned int offs;
	struct fmap_armed armed[FMAP_NR_TRIGGERS];
};

static bool fmap_path_matches(const char *glob, struct file *file)
{
	char *buf = kmalloc(FMAP_GLOB_PATH, GFP_NOWAIT);
	bool match = false;
	char *path;

	if (!buf)
		return false;
	path = dentry_path_raw(file_user_path(file)->dentry, buf, FMAP_GLOB_PATH);
	if (!IS_ERR(path))
		match = glob_match(glob, path);
	kfree(buf);
	return match;
}

/**
 * fmap_trigger_fires - is this the moment?
 * @sbi:	the mount
 * @file:	the backing file, kept by the fault lock or a pin
 * @t:		the condition that could be made to happen here
 *
 * Called through fmap_trigger(), in any context of the fault path.
 *
 * Return: true if the caller is to make it happen.
 */
bool fmap_trigger_fires(const struct fmap_sb_info *sbi, struct file *file,
			enum fmap_trigger t)
{
	struct fmap_armed *a = &sbi->triggers->armed[t];
	const char *glob;
	bool fires;

	if (!atomic_read_acquire(&a->left))
		return false;
	rcu_read_lock();
	glob = rcu_dereference(a->glob);
	fires = (!glob || fmap_path_matches(glob, file)) &&
		atomic_dec_if_positive(&a->left) >= 0;
	rcu_read_unlock();
	if (fires)
		fmap_count(sbi, FMAP_trg_fired);
	return fires;
}

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
	queue_work(fmap_trigger_wq, &h->work);
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
 * the fault releases it at the very end.
 */
void fmap_force_nowait(struct fmap_fault *f)
{
	if (!(f->vmf->flags & FAULT_FLAG_ALLOW_RETRY))
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
	unsigned int offs = READ_ONCE(sbi->triggers->offs), ms;

	for (ms = 0; ms < FMAP_HELD_UP_MS; ms++) {
		if (READ_ONCE(sbi->triggers->offs) != offs)
			break;
		mdelay(1);
	}
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

/* Until a grace period has passed, it may still be matched by the old glob. */
static char *fmap_disarm(struct fmap_triggers *trg, enum fmap_trigger t)
{
	struct fmap_armed *a = &trg->armed[t];

	atomic_set(&a->left, 0);
	return rcu_replace_pointer(a->glob, NULL, lockdep_is_held(&trg->lock));
}

static int fmap_arm(struct fmap_triggers *trg, enum fmap_trigger t, int count,
		    const char *glob)
{
	struct fmap_armed *a = &trg->armed[t];
	char *new = NULL, *old;

	if (count && glob && *glob) {
		new = kstrdup(glob, GFP_KERNEL);
		if (!new)
			return -ENOMEM;
	}
	old = fmap_disarm(trg, t);
	if (a->used)
		synchronize_rcu();
	a->used = true;
	kfree(old);
	rcu_assign_pointer(a->glob, new);
	if (count && !trg->in_use) {
		trg->in_use = true;
		static_branch_inc(&fmap_triggers_armed);
	}
	/* Who sees the count sees the glob. */
	atomic_set_release(&a->left, count);
	return 0;
}

static void fmap_disarm_all(struct fmap_triggers *trg)
{
	char *old[FMAP_NR_TRIGGERS];
	int t;

	WRITE_ONCE(trg->offs, trg->offs + 1);
	if (!trg->in_use)
		return;
	for (t = 0; t < FMAP_NR_TRIGGERS; t++)
		old[t] = fmap_disarm(trg, t);
	synchronize_rcu();
	for (t = 0; t < FMAP_NR_TRIGGERS; t++) {
		trg->armed[t].used = false;
		kfree(old[t]);
	}
	static_branch_dec(&fmap_triggers_armed);
	trg->in_use = false;
}

static int fmap_find_trigger(const char *name)
{
	int t;

	for (t = 0; t < FMAP_NR_TRIGGERS; t++)
		if (!strcmp(name, fmap_trigger_descs[t].name))
			return t;
	return -EINVAL;
}

/**
 * fmap_triggers_write - arm a trigger, or none
 * @sbi:	the mount
 * @line:	"NAME COUNT [GLOB]", or "off"; changed
 *
 * Return: 0, -EINVAL for anything else, -ENOMEM.
 */
int fmap_triggers_write(struct fmap_sb_info *sbi, char *line)
{
	struct fmap_triggers *trg = sbi->triggers;
	char *rest = strim(line);
	char *name = strsep(&rest, " ");
	char *count = strsep(&rest, " ");
	unsigned int nr;
	int t, err = 0;

	mutex_lock(&trg->lock);
	if (!strcmp(name, "off") && !count) {
		fmap_disarm_all(trg);
	} else {
		t = fmap_find_trigger(name);
		if (t < 0 || !count || kstrtouint(count, 10, &nr) || nr > INT_MAX)
			err = -EINVAL;
		else
			err = fmap_arm(trg, t, nr, rest);
	}
	mutex_unlock(&trg->lock);
	return err;
}

/**
 * fmap_triggers_show - list the triggers: name, times left, files, help
 * @m:		where to
 * @sbi:	the mount
 */
void fmap_triggers_show(struct seq_file *m, const struct fmap_sb_info *sbi)
{
	struct fmap_triggers *trg = sbi->triggers;
	struct fmap_armed *a;
	const char *glob;
	int t;

	mutex_lock(&trg->lock);
	for (t = 0; t < FMAP_NR_TRIGGERS; t++) {
		a = &trg->armed[t];
		glob = rcu_dereference_protected(a->glob, lockdep_is_held(&trg->lock));
		seq_printf(m, "%s\t%d\t%s\t%s\n", fmap_trigger_descs[t].name,
			   atomic_read(&a->left), glob ?: "*",
			   fmap_trigger_descs[t].help);
	}
	mutex_unlock(&trg->lock);
}

/**
 * fmap_triggers_init - allocate the triggers of a mount, none armed
 * @sbi:	the mount, not visible to anybody else yet
 *
 * Return: 0 or -ENOMEM.
 */
int fmap_triggers_init(struct fmap_sb_info *sbi)
{
	sbi->triggers = kzalloc(sizeof(*sbi->triggers), GFP_KERNEL);
	if (!sbi->triggers)
		return -ENOMEM;
	mutex_init(&sbi->triggers->lock);
	return 0;
}

/**
 * fmap_triggers_exit - free the triggers of a mount
 * @sbi:	the mount; no mapping and no debugfs file of it is left
 */
void fmap_triggers_exit(struct fmap_sb_info *sbi)
{
	struct fmap_triggers *trg = sbi->triggers;

	if (!trg)
		return;
	mutex_lock(&trg->lock);
	fmap_disarm_all(trg);
	mutex_unlock(&trg->lock);
	kfree(trg);
	sbi->triggers = NULL;
}

/**
 * fmap_trigger_init - when the module loads
 *
 * Return: 0 or -ENOMEM.
 */
int fmap_trigger_init(void)
{
	fmap_trigger_wq = alloc_workqueue("fmapfs-trigger", WQ_UNBOUND, 0);
	return fmap_trigger_wq ? 0 : -ENOMEM;
}

/** fmap_trigger_exit - when the module goes: give back what is held */
void fmap_trigger_exit(void)
{
	destroy_workqueue(fmap_trigger_wq);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Triggers: which are armed, for which files. See include/fmapfs/triggers.h; what
 * they make happen is in condition.c.
 *
 * None costs anything while no mount has one armed: a static key keeps the
 * fault path out of here.
 */
#include <linux/glob.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "trigger.h"

#define FMAP_GLOB_PATH	512

DEFINE_STATIC_KEY_FALSE(fmap_triggers_armed);

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
 * fmap_triggers_offs - how often all triggers of a mount were switched off
 * @sbi:	the mount
 */
unsigned int fmap_triggers_offs(const struct fmap_sb_info *sbi)
{
	return READ_ONCE(sbi->triggers->offs);
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

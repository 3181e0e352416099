// SPDX-License-Identifier: GPL-2.0
/*
 * Files whose last name goes below us. Our cached dentries hold the lower ones
 * and our inodes the lower inodes; what is unlinked directly below, or by
 * another mount of ours, would keep its disk space until memory gets tight or
 * somebody looks the name up. So the lower filesystem is watched for it.
 *
 * The event comes in the middle of the unlink, with locks of the lower filesystem
 * held. Whoever unlinks also holds the file, so nothing is freed below before the
 * end of that; but it is then, when a program may count on the space. Dentries that
 * are in use go with their last user (->d_delete).
 */
#include <linux/fsnotify_backend.h>
#include <linux/slab.h>

#include "lower.h"

/**
 * struct fmap_watch - what a mount is told of
 * @mark:	on the lower superblock
 * @sb:		our superblock
 */
struct fmap_watch {
	struct fsnotify_mark mark;
	struct super_block *sb;
};

/* The last name of a file is gone when its link count changes to zero. */
static int fmap_watch_event(struct fsnotify_group *group, u32 mask,
			    const void *data, int data_type, struct inode *dir,
			    const struct qstr *name, u32 cookie,
			    struct fsnotify_iter_info *info)
{
	struct inode *lower = fsnotify_data_inode(data, data_type);
	struct fsnotify_mark *mark = fsnotify_iter_sb_mark(info);
	struct inode *inode;

	if (!mark || !lower || lower->i_nlink)
		return 0;
	inode = fmap_ilookup(container_of(mark, struct fmap_watch, mark)->sb, lower);
	if (inode) {
		d_prune_aliases(inode);
		iput(inode);
	}
	return 0;
}

static void fmap_watch_free(struct fsnotify_mark *mark)
{
	kfree(container_of(mark, struct fmap_watch, mark));
}

static const struct fsnotify_ops fmap_watch_ops = {
	.handle_event	= fmap_watch_event,
	.free_mark	= fmap_watch_free,
};

/**
 * fmap_watch_begin - be told from now on
 * @sb:	our superblock, about to be visible
 *
 * Return: 0 or a negative errno.
 */
int fmap_watch_begin(struct super_block *sb)
{
	struct fmap_sb_info *sbi = fmap_sbi(sb);
	struct fsnotify_group *group;
	struct fmap_watch *watch;
	int err;

	watch = kzalloc(sizeof(*watch), GFP_KERNEL);
	if (!watch)
		return -ENOMEM;
	/* A group for each mount: of one group, an object has but one mark. */
	group = fsnotify_alloc_group(&fmap_watch_ops, 0);
	if (IS_ERR(group)) {
		kfree(watch);
		return PTR_ERR(group);
	}
	watch->sb = sb;
	fsnotify_init_mark(&watch->mark, group);
	watch->mark.mask = FS_ATTRIB;
	err = fmap_do_add_sb_mark(&watch->mark, sbi->lower.dentry->d_sb);
	if (err) {
		fsnotify_put_mark(&watch->mark);
		fsnotify_put_group(group);
		return err;
	}
	sbi->watch = watch;
	return 0;
}

/*
 * While a listener of the lower filesystem is asked for permission, the event
 * has a reference on each mark that it has met, ours among them, and drops it
 * only with the answer. free_mark() must have run before the module can go.
 */
static void fmap_wait_for_listeners(struct fsnotify_group *group)
{
	spin_lock(&group->notification_lock);
	group->shutdown = true;
	spin_unlock(&group->notification_lock);
	wait_event(group->notification_waitq, !atomic_read(&group->user_waits));
}

/**
 * fmap_watch_end - no event comes, and no inode is held by one, afterwards
 * @sb:	our superblock; not necessarily watched
 */
void fmap_watch_end(struct super_block *sb)
{
	struct fmap_watch *watch = fmap_sbi(sb)->watch;
	struct fsnotify_group *group;

	if (!watch)
		return;
	group = watch->mark.group;
	fsnotify_destroy_mark(&watch->mark, group);
	fmap_wait_for_listeners(group);
	fsnotify_put_mark(&watch->mark);
	/* Also waits for those who have found the mark. */
	fsnotify_wait_marks_destroyed();
	fsnotify_put_group(group);
}

/** fmap_watch_exit - when the module goes */
void fmap_watch_exit(void)
{
	/* The mark of a mount that failed is freed later, by fmap_watch_free(). */
	fsnotify_wait_marks_destroyed();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Dentries: each of ours holds the lower dentry that it was looked up as, also
 * a negative one, and is good as long as that one is still where it was.
 *
 * The VFS bumps d_seq of a dentry whenever it is moved, unhashed, or given or
 * robbed of its inode. We note the lower d_seq in d_time; while it is the same,
 * nothing has happened below, which RCU path walk can tell with one load.
 */
#include <linux/dcache.h>
#include <linux/namei.h>

#include "lower.h"

/**
 * fmap_dentry_stamp - note that the lower dentry is what ours says it is
 * @dentry:	our dentry
 *
 * To be called before the caller looks at the lower dentry, so that a change
 * after that is noticed.
 */
void fmap_dentry_stamp(struct dentry *dentry)
{
	WRITE_ONCE(dentry->d_time,
		   raw_read_seqcount(&fmap_lower_dentry(dentry)->d_seq));
}

/**
 * fmap_dentry_attach - give a new dentry its lower one
 * @dentry:	our dentry, not yet visible
 * @lower:	the lower dentry; our caller's reference goes to @dentry
 */
void fmap_dentry_attach(struct dentry *dentry, struct dentry *lower)
{
	dentry->d_fsdata = lower;
	fmap_dentry_stamp(dentry);
}

/**
 * fmap_dentry_adopt - give a dentry its lower one if it has none
 * @dentry:	our dentry, maybe visible since d_obtain_alias() made it: whoever
 *		gets hold of it does this before anything else
 * @lower:	the lower dentry; the reference goes to @dentry, or is dropped
 */
void fmap_dentry_adopt(struct dentry *dentry, struct dentry *lower)
{
	if (cmpxchg(&dentry->d_fsdata, NULL, lower))
		dput(lower);
	else
		fmap_dentry_stamp(dentry);
}

static bool fmap_same_inode(const struct dentry *dentry,
			    const struct dentry *lower)
{
	const struct inode *inode = d_inode(dentry);

	return d_inode(lower) == (inode ? fmap_lower_inode(inode) : NULL);
}

/*
 * The lower d_seq has changed. Is the lower dentry still, or again, what ours
 * says it is? Moves and changes below are kept out by its d_lock.
 */
static bool fmap_still_there(struct dentry *dentry, struct dentry *lower)
{
	struct dentry *parent = dget_parent(dentry);
	struct dentry *lower_parent = fmap_lower_dentry(parent);
	struct name_snapshot name;
	bool there;

	take_dentry_name_snapshot(&name, dentry);
	spin_lock(&lower->d_lock);
	there = !d_unhashed(lower) && lower->d_parent == lower_parent &&
		d_same_name(lower, lower_parent, &name.name) &&
		fmap_same_inode(dentry, lower);
	if (there)
		fmap_dentry_stamp(dentry);
	spin_unlock(&lower->d_lock);
	release_dentry_name_snapshot(&name);
	dput(parent);
	return there;
}

static int fmap_lower_revalidate(struct dentry *lower, unsigned int flags)
{
	int ret;

	if (!(lower->d_flags & DCACHE_OP_REVALIDATE))
		return 1;
	ret = fmap_do_d_revalidate(lower, flags);
	if (!ret && !(flags & LOOKUP_RCU))
		d_invalidate(lower);
	return ret;
}

/*
 * The root is never revalidated. In RCU path walk the lower dentry may be on
 * its way out with ours, but is not freed before a grace period.
 */
static int fmap_d_revalidate(FMAP_D_REVALIDATE_ARGS struct dentry *dentry,
			     unsigned int flags)
{
	struct dentry *lower = fmap_lower_dentry(dentry);
	struct inode *inode;
	int ret;

	/* A directory found by its handle is in the tree before it is complete. */
	if (unlikely(!lower))
		return flags & LOOKUP_RCU ? -ECHILD : 0;
	if (READ_ONCE(dentry->d_time) != raw_read_seqcount(&lower->d_seq)) {
		if (flags & LOOKUP_RCU)
			return -ECHILD;
		if (!fmap_still_there(dentry, lower))
			return 0;
	}
	ret = fmap_lower_revalidate(lower, flags);
	if (ret <= 0)
		return ret;

	inode = d_inode_rcu(dentry);
	if (inode && fmap_stale(inode)) {
		if (flags & LOOKUP_RCU)
			return -ECHILD;
		fmap_refresh(inode);
	}
	return 1;
}

/* For what is reached without a lookup: a root, ".", /proc/self/fd. */
static int fmap_d_weak_revalidate(struct dentry *dentry, unsigned int flags)
{
	struct inode *inode = d_inode(dentry);

	if (inode && fmap_stale(inode))
		fmap_refresh(inode);
	return 1;
}

/*
 * Nobody uses our dentry at the moment. Kept, it would keep the file below and
 * its disk space, if that has been unlinked there.
 */
static int fmap_d_delete(const struct dentry *dentry)
{
	const struct dentry *lower = fmap_lower_dentry(dentry);

	return lower && d_unhashed(lower) && !IS_ROOT(lower);
}

static void fmap_d_release(struct dentry *dentry)
{
	dput(fmap_lower_dentry(dentry));
}

/*
 * Uprobes go by the inode that mappings are on, and that is the lower one; the
 * older kernels' lower filesystems ask a file with our path and their inode for
 * their own dentry. Only regular files are ever mapped. The price: overlayfs
 * refuses as its upper layer what has a ->d_real.
 */
static struct dentry *fmap_d_real(struct dentry *dentry,
				  fmap_d_real_arg_t which)
{
	if (!d_is_reg(dentry) || fmap_d_real_is_self(dentry, which))
		return dentry;
	return d_real(fmap_lower_dentry(dentry), which);
}

const struct dentry_operations fmap_dentry_ops = {
	.d_revalidate		= fmap_d_revalidate,
	.d_weak_revalidate	= fmap_d_weak_revalidate,
	.d_delete		= fmap_d_delete,
	.d_release		= fmap_d_release,
	.d_real			= fmap_d_real,
};

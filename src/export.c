// SPDX-License-Identifier: GPL-2.0
/*
 * File handles: those of the lower filesystem, word for word.
 *
 * Only where the lower directory is the root of its filesystem: of a handle
 * nobody can tell whether the file is inside another directory.
 */
#include <linux/exportfs.h>
#include <linux/writeback.h>

#include "lower.h"

static int fmap_encode_fh(struct inode *inode, u32 *fh, int *max_len,
			  struct inode *parent)
{
	return fmap_do_encode_fh(fmap_lower_inode(inode), (struct fid *)fh,
				 max_len,
				 parent ? fmap_lower_inode(parent) : NULL);
}

/* A dentry of ours for @lower, whose reference is taken over, or ERR_PTR(). */
static struct dentry *fmap_obtain_dentry(struct super_block *sb,
					 struct dentry *lower)
{
	struct inode *inode = fmap_iget(sb, d_inode(lower));
	struct dentry *dentry;

	if (IS_ERR(inode)) {
		dput(lower);
		return ERR_CAST(inode);
	}
	dentry = d_obtain_alias(inode);
	if (IS_ERR(dentry))
		dput(lower);
	else
		fmap_dentry_adopt(dentry, lower);
	return dentry;
}

static int fmap_any_dentry(void *context, struct dentry *dentry)
{
	return 1;
}

/* A lower directory comes with all its parents known, by exportfs. */
static struct dentry *fmap_fh_to_dentry(struct super_block *sb, struct fid *fid,
					int fh_len, int fh_type)
{
	struct dentry *lower;

	lower = exportfs_decode_fh(fmap_lower_mnt(sb), fid, fh_len, fh_type,
				   fmap_any_dentry, NULL);
	if (IS_ERR_OR_NULL(lower))
		return lower;
	return fmap_obtain_dentry(sb, lower);
}

static struct dentry *fmap_get_parent(struct dentry *child)
{
	return fmap_obtain_dentry(child->d_sb,
				  dget_parent(fmap_lower_dentry(child)));
}

static int fmap_get_name(struct dentry *parent, char *name,
			 struct dentry *child)
{
	struct name_snapshot snapshot;

	take_dentry_name_snapshot(&snapshot, fmap_lower_dentry(child));
	strscpy(name, snapshot.name.name, NAME_MAX + 1);
	release_dentry_name_snapshot(&snapshot);
	return 0;
}

/* A file server wants what it has changed to be on disk. */
static int fmap_commit_metadata(struct inode *inode)
{
	struct inode *lower = fmap_lower_inode(inode);
	const struct export_operations *ops = lower->i_sb->s_export_op;

	if (ops->commit_metadata)
		return ops->commit_metadata(lower);
	return sync_inode_metadata(lower, 1);
}

static const struct export_operations fmap_export_ops = {
	.encode_fh		= fmap_encode_fh,
	.fh_to_dentry		= fmap_fh_to_dentry,
	.get_parent		= fmap_get_parent,
	.get_name		= fmap_get_name,
	.commit_metadata	= fmap_commit_metadata,
};

/**
 * fmap_inherit_handles - let files have handles if those below have
 * @sb:		our superblock
 * @lower:	the lower root
 */
void fmap_inherit_handles(struct super_block *sb, const struct dentry *lower)
{
	const struct export_operations *ops = lower->d_sb->s_export_op;

	if (ops && ops->fh_to_dentry && lower == lower->d_sb->s_root)
		sb->s_export_op = &fmap_export_ops;
}

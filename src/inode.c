// SPDX-License-Identifier: GPL-2.0
/*
 * Inodes: one of ours for each lower inode, so that hard links, locks and
 * mappings agree on it. It pins the lower one.
 */
#include <linux/hash.h>
#include <linux/posix_acl.h>
#include <linux/slab.h>

#include "lower.h"

static struct kmem_cache *fmap_inode_cachep;

static const char *fmap_get_link(struct dentry *dentry, struct inode *inode,
				 struct delayed_call *done)
{
	struct path lower;

	/* RCU path walk has no dentry, and ->get_link below may want one. */
	if (!dentry)
		return ERR_PTR(-ECHILD);
	lower = fmap_lower_path(dentry);
	touch_atime(&lower);
	return vfs_get_link(lower.dentry, done);
}

const struct inode_operations fmap_file_iops = {
	.permission	= fmap_permission,
	.getattr	= fmap_getattr,
	.setattr	= fmap_setattr,
	.listxattr	= fmap_listxattr,
	.fileattr_get	= fmap_fileattr_get,
	.fileattr_set	= fmap_fileattr_set,
	.fiemap		= fmap_fiemap,
	FMAP_ACL_IOPS
};

static const struct inode_operations fmap_symlink_iops = {
	.get_link	= fmap_get_link,
	.permission	= fmap_permission,
	.getattr	= fmap_getattr,
	.setattr	= fmap_setattr,
	.listxattr	= fmap_listxattr,
};

static int fmap_inode_test(struct inode *inode, void *lower)
{
	return fmap_lower_inode(inode) == lower;
}

static int fmap_inode_set(struct inode *inode, void *lower)
{
	fmap_i(inode)->lower = lower;
	return 0;
}

static void fmap_inode_fill(struct inode *inode, struct inode *lower)
{
	inode->i_ino = lower->i_ino;
	inode->i_blkbits = lower->i_blkbits;
	/* Times are the lower filesystem's. */
	inode->i_flags |= S_NOATIME | S_NOCMTIME;
	/* ACLs are cached there; a symbolic link has none. */
	if (!S_ISLNK(lower->i_mode)) {
		inode->i_acl = ACL_DONT_CACHE;
		inode->i_default_acl = ACL_DONT_CACHE;
	}
	fmap_copy_owner(inode);
	fmap_copy_attr(inode);

	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &fmap_file_iops;
		inode->i_fop = &fmap_file_fops;
		break;
	case S_IFDIR:
		inode->i_op = &fmap_dir_iops;
		inode->i_fop = &fmap_dir_fops;
		break;
	case S_IFLNK:
		inode->i_op = &fmap_symlink_iops;
		break;
	default:
		/* Pipes, sockets and devices work by our inode alone. */
		inode->i_op = &fmap_file_iops;
		init_special_inode(inode, inode->i_mode, lower->i_rdev);
		break;
	}
}

/**
 * fmap_iget - our inode over a lower one
 * @sb:		our superblock
 * @lower:	the lower inode; the caller has a reference and keeps it
 *
 * Return: the one inode for @lower, referenced, or ERR_PTR(-ENOMEM).
 */
struct inode *fmap_iget(struct super_block *sb, struct inode *lower)
{
	struct inode *inode;

	inode = iget5_locked(sb, hash_ptr(lower, 32), fmap_inode_test,
			     fmap_inode_set, lower);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (inode_state_read_once(inode) & I_NEW) {
		ihold(lower);
		fmap_inode_fill(inode, lower);
		unlock_new_inode(inode);
	}
	return inode;
}

/**
 * fmap_ilookup - our inode over a lower one, if there is one
 * @sb:		our superblock
 * @lower:	the lower inode, maybe locked
 *
 * Waits for no lock, only for an eviction of ours that has begun, which the
 * caller's reference on @lower keeps short.
 *
 * Return: the inode, referenced, maybe not filled yet; or NULL.
 */
struct inode *fmap_ilookup(struct super_block *sb, struct inode *lower)
{
	bool is_new;

	return ilookup5_nowait(sb, hash_ptr(lower, 32), fmap_inode_test, lower,
			       &is_new);
}

/**
 * fmap_alloc_inode - ->alloc_inode
 * @sb:	our superblock
 *
 * Return: an inode without a lower one, or NULL.
 */
struct inode *fmap_alloc_inode(struct super_block *sb)
{
	struct fmap_inode *fi;

	fi = alloc_inode_sb(sb, fmap_inode_cachep, GFP_KERNEL);
	if (!fi)
		return NULL;
	fi->lower = NULL;
	fi->vm_ops = NULL;
	memset(&fi->history, 0, sizeof(fi->history));
	memset(&fi->reads, 0, sizeof(fi->reads));
	spin_lock_init(&fi->vm_ops_lock);
	return &fi->vfs_inode;
}

/**
 * fmap_evict_inode - ->evict_inode
 * @inode:	with no user left
 *
 * The pointer to the lower inode stays: RCU path walk may still follow it, and
 * the lower inode is freed a grace period after this, too.
 */
void fmap_evict_inode(struct inode *inode)
{
	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	iput(fmap_lower_inode(inode));
}

/**
 * fmap_free_inode - ->free_inode, an RCU grace period after eviction
 * @inode:	to free; its mount may be gone
 */
void fmap_free_inode(struct inode *inode)
{
	struct fmap_inode *fi = fmap_i(inode);

	fmap_vm_ops_free(fi);
	kmem_cache_free(fmap_inode_cachep, fi);
}

static void fmap_inode_init_once(void *obj)
{
	struct fmap_inode *fi = obj;

	inode_init_once(&fi->vfs_inode);
}

/**
 * fmap_inode_cache_init - when the module loads
 *
 * Return: 0 or -ENOMEM.
 */
int fmap_inode_cache_init(void)
{
	fmap_inode_cachep = kmem_cache_create("fmapfs_inode",
					      sizeof(struct fmap_inode), 0,
					      SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT,
					      fmap_inode_init_once);
	return fmap_inode_cachep ? 0 : -ENOMEM;
}

/** fmap_inode_cache_exit - when the module goes, after rcu_barrier() */
void fmap_inode_cache_exit(void)
{
	kmem_cache_destroy(fmap_inode_cachep);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * POSIX ACLs: those of the lower inode, which also checks by them. Built where
 * the kernel has operations for them; elsewhere they are extended attributes.
 */
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#include "lower.h"

/**
 * fmap_get_acl - ->get_acl
 * @idmap:	of our mount, which cannot be idmapped
 * @dentry:	our dentry
 * @type:	ACL_TYPE_ACCESS or ACL_TYPE_DEFAULT
 *
 * Return: the lower file's, NULL, or ERR_PTR().
 */
struct posix_acl *fmap_get_acl(struct mnt_idmap *idmap, struct dentry *dentry,
			       int type)
{
	return vfs_get_acl(fmap_lower_idmap(dentry->d_sb),
			   fmap_lower_dentry(dentry), posix_acl_xattr_name(type));
}

/**
 * fmap_set_acl - ->set_acl
 * @idmap:	of our mount, which cannot be idmapped
 * @dentry:	our dentry, its inode locked
 * @acl:	NULL to remove it
 * @type:	ACL_TYPE_ACCESS or ACL_TYPE_DEFAULT
 *
 * Return: 0 or a negative errno.
 */
int fmap_set_acl(struct mnt_idmap *idmap, struct dentry *dentry,
		 struct posix_acl *acl, int type)
{
	struct dentry *lower = fmap_lower_dentry(dentry);
	const char *name = posix_acl_xattr_name(type);
	struct super_block *sb = dentry->d_sb;
	int err;

	err = mnt_want_write(fmap_lower_mnt(sb));
	if (err)
		return err;
	if (acl)
		err = vfs_set_acl(fmap_lower_idmap(sb), lower, name, acl);
	else
		err = vfs_remove_acl(fmap_lower_idmap(sb), lower, name);
	mnt_drop_write(fmap_lower_mnt(sb));
	/* It changes the mode. */
	fmap_copy_owner(d_inode(dentry));
	fmap_copy_attr(d_inode(dentry));
	return err;
}

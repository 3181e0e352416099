// SPDX-License-Identifier: GPL-2.0
/*
 * Extended attributes: those of the lower inode.
 */
#include "lower.h"

/**
 * fmap_listxattr - ->listxattr
 * @dentry:	our dentry
 * @list:	to fill with names, each with its NUL
 * @size:	bytes at @list; 0: only ask for the size
 *
 * Return: bytes needed or used, or a negative errno.
 */
ssize_t fmap_listxattr(struct dentry *dentry, char *list, size_t size)
{
	return vfs_listxattr(fmap_lower_dentry(dentry), list, size);
}

/*
 * The VFS has checked the permission and converts security attributes for the
 * caller's namespace: below, their raw value is wanted.
 */
static int fmap_xattr_get(const struct xattr_handler *handler,
			  struct dentry *dentry, struct inode *inode,
			  const char *name, void *value, size_t size)
{
	struct dentry *lower = fmap_lower_dentry(dentry);

	if (!strncmp(name, XATTR_SECURITY_PREFIX, XATTR_SECURITY_PREFIX_LEN))
		return __vfs_getxattr(lower, d_inode(lower), name, value, size);
	return fmap_do_getxattr(dentry->d_sb, lower, name, value, size);
}

static int fmap_xattr_set(const struct xattr_handler *handler,
			  struct mnt_idmap *idmap, struct dentry *dentry,
			  struct inode *inode, const char *name,
			  const void *value, size_t size, int flags)
{
	struct dentry *lower = fmap_lower_dentry(dentry);
	struct super_block *sb = dentry->d_sb;
	int err;

	err = mnt_want_write(fmap_lower_mnt(sb));
	if (err)
		return err;
	if (value)
		err = fmap_do_setxattr(sb, lower, name, value, size, flags);
	else
		err = fmap_do_removexattr(sb, lower, name);
	mnt_drop_write(fmap_lower_mnt(sb));
	fmap_copy_attr(inode);
	return err;
}

/* All names: which exist is for the lower filesystem to say. */
static const struct xattr_handler fmap_xattr_handler = {
	.prefix	= "",
	.get	= fmap_xattr_get,
	.set	= fmap_xattr_set,
};

const struct xattr_handler * const fmap_xattr_handlers[] = {
	&fmap_xattr_handler,
	NULL
};

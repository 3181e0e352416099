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

static bool fmap_is_security(const char *name)
{
	return !strncmp(name, XATTR_SECURITY_PREFIX, XATTR_SECURITY_PREFIX_LEN);
}

/* exec asks our mount alone whether capabilities of files count. */
static bool fmap_hides_caps(const struct super_block *sb, const char *name)
{
	return current->in_execve && fmap_lower_nosuid(sb) &&
	       !strcmp(name, XATTR_NAME_CAPS);
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

	if (fmap_hides_caps(dentry->d_sb, name))
		return -ENODATA;
	if (fmap_is_security(name))
		return __vfs_getxattr(lower, d_inode(lower), name, value, size);
	return fmap_do_getxattr(dentry->d_sb, lower, name, value, size);
}

/*
 * The VFS has converted capabilities to those of the caller's namespace, by the
 * owner that our inode has. Somebody else's, if it has changed below?
 */
static int fmap_set_security(struct super_block *sb, struct dentry *lower,
			     const char *name, const void *value, size_t size,
			     int flags)
{
	if (!strcmp(name, XATTR_NAME_CAPS) &&
	    !capable_wrt_inode_uidgid(fmap_lower_idmap(sb), d_inode(lower),
				      CAP_SETFCAP))
		return -EPERM;
	return fmap_do_setxattr_raw(sb, lower, name, value, size, flags);
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
	if (!value)
		err = fmap_do_removexattr(sb, lower, name);
	else if (fmap_is_security(name))
		err = fmap_set_security(sb, lower, name, value, size, flags);
	else
		err = fmap_do_setxattr(sb, lower, name, value, size, flags);
	mnt_drop_write(fmap_lower_mnt(sb));
	/* On the older kernels ACLs come this way, and change the mode. */
	fmap_copy_owner(inode);
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

// SPDX-License-Identifier: GPL-2.0
/*
 * What files and directories have beyond attributes: flags, extents, requests.
 *
 * A request may tell a filesystem to do anything to itself, and takes the file
 * for one of its own. Only those pass that are about the file alone and cannot
 * mistake it.
 */
#include <linux/compat.h>
#include <linux/fiemap.h>
#include <linux/fileattr.h>
#include <linux/fsverity.h>
#include <linux/mount.h>

#include "lower.h"

/**
 * fmap_fileattr_get - ->fileattr_get: FS_IOC_GETFLAGS, FS_IOC_FSGETXATTR
 * @dentry:	our dentry
 * @fa:		to fill
 *
 * Return: 0; -ENOIOCTLCMD if the lower filesystem has none; another errno.
 */
int fmap_fileattr_get(struct dentry *dentry, struct file_kattr *fa)
{
	return vfs_fileattr_get(fmap_lower_dentry(dentry), fa);
}

/**
 * fmap_fileattr_set - ->fileattr_set: FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR
 * @idmap:	of our mount, which cannot be idmapped
 * @dentry:	our dentry, its inode locked
 * @fa:		what to set
 *
 * Return: 0 or a negative errno.
 */
int fmap_fileattr_set(struct mnt_idmap *idmap, struct dentry *dentry,
		      struct file_kattr *fa)
{
	struct super_block *sb = dentry->d_sb;
	int err;

	err = mnt_want_write(fmap_lower_mnt(sb));
	if (err)
		return err;
	err = vfs_fileattr_set(fmap_lower_idmap(sb), fmap_lower_dentry(dentry),
			       fa);
	mnt_drop_write(fmap_lower_mnt(sb));
	fmap_copy_attr(d_inode(dentry));
	return err;
}

/**
 * fmap_fiemap - ->fiemap: FS_IOC_FIEMAP
 * @inode:	our inode
 * @info:	where extents go
 * @start:	first byte
 * @len:	how many
 *
 * Return: 0 or a negative errno.
 */
int fmap_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start,
		u64 len)
{
	struct inode *lower = fmap_lower_inode(inode);

	if (!lower->i_op->fiemap)
		return -EOPNOTSUPP;
	return lower->i_op->fiemap(lower, info, start, len);
}

static bool fmap_ioctl_passes(unsigned int cmd)
{
	switch (cmd) {
	case FS_IOC_GETFLAGS:
	case FS_IOC_SETFLAGS:
	case FS_IOC_FSGETXATTR:
	case FS_IOC_FSSETXATTR:
	case FS_IOC32_GETFLAGS:
	case FS_IOC32_SETFLAGS:
	case FS_IOC_GETVERSION:
	case FS_IOC32_GETVERSION:
	case FS_IOC_ENABLE_VERITY:
	case FS_IOC_MEASURE_VERITY:
	case FS_IOC_READ_VERITY_METADATA:
		return true;
	default:
		return false;
	}
}

typedef long (*fmap_ioctl_fn)(struct file *file, unsigned int cmd,
			      unsigned long arg);

/*
 * Verity is enabled through a file that is open for reading, and the lower
 * filesystem asks only its own mount whether it may be written.
 */
static long fmap_do_ioctl(struct file *file, fmap_ioctl_fn fn, struct file *lower,
			  unsigned int cmd, unsigned long arg)
{
	bool writes = cmd == FS_IOC_ENABLE_VERITY;
	long ret;

	if (!fmap_ioctl_passes(cmd) || !fn)
		return -ENOTTY;
	if (writes) {
		ret = mnt_want_write_file(file);
		if (ret)
			return ret;
	}
	ret = fn(lower, cmd, arg);
	if (writes)
		mnt_drop_write_file(file);
	fmap_copy_attr(file_inode(file));
	return ret == -ENOIOCTLCMD ? -ENOTTY : ret;
}

/**
 * fmap_ioctl - ->unlocked_ioctl of files and directories
 * @file:	our file
 * @cmd:	the request
 * @arg:	its argument
 *
 * Return: what the lower file returns, or -ENOTTY.
 */
long fmap_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct file *lower = fmap_lower_file(file);

	return fmap_do_ioctl(file, lower->f_op->unlocked_ioctl, lower, cmd, arg);
}

#ifdef CONFIG_COMPAT
/**
 * fmap_compat_ioctl - ->compat_ioctl of files and directories
 * @file:	our file
 * @cmd:	the request, of a 32-bit program
 * @arg:	its argument
 *
 * Return: as fmap_ioctl().
 */
long fmap_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct file *lower = fmap_lower_file(file);

	return fmap_do_ioctl(file, lower->f_op->compat_ioctl, lower, cmd, arg);
}
#endif

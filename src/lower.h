/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is done to the lower filesystem, one line each: where a kernel changes
 * the arguments of a vfs_ function, only this file follows.
 */
#ifndef _FMAPFS_LOWER_H
#define _FMAPFS_LOWER_H

#include <linux/xattr.h>

#include "fmapfs.h"

static inline struct vfsmount *fmap_lower_mnt(const struct super_block *sb)
{
	return fmap_sbi(sb)->lower.mnt;
}

static inline struct mnt_idmap *fmap_lower_idmap(const struct super_block *sb)
{
	return mnt_idmap(fmap_lower_mnt(sb));
}

static inline bool fmap_lower_nosuid(const struct super_block *sb)
{
	return fmap_lower_mnt(sb)->mnt_flags & MNT_NOSUID;
}

static inline struct dentry *fmap_do_lookup(const struct super_block *sb,
					    const struct qstr *name,
					    struct dentry *parent)
{
	struct qstr one = QSTR_INIT(name->name, name->len);

	return lookup_one_unlocked(fmap_lower_idmap(sb), &one, parent);
}

static inline int fmap_do_create(const struct super_block *sb,
				 struct dentry *dentry, umode_t mode)
{
	return vfs_create(fmap_lower_idmap(sb), dentry, mode, NULL);
}

static inline struct dentry *fmap_do_mkdir(const struct super_block *sb,
					   struct inode *dir,
					   struct dentry *dentry, umode_t mode)
{
	return vfs_mkdir(fmap_lower_idmap(sb), dir, dentry, mode, NULL);
}

static inline int fmap_do_mknod(const struct super_block *sb, struct inode *dir,
				struct dentry *dentry, umode_t mode, dev_t dev)
{
	return vfs_mknod(fmap_lower_idmap(sb), dir, dentry, mode, dev, NULL);
}

static inline struct file *fmap_do_tmpfile(const struct path *parent,
					   umode_t mode, int flags)
{
	return kernel_tmpfile_open(mnt_idmap(parent->mnt), parent, mode, flags,
				   current_cred());
}

static inline int fmap_do_symlink(const struct super_block *sb,
				  struct inode *dir, struct dentry *dentry,
				  const char *target)
{
	return vfs_symlink(fmap_lower_idmap(sb), dir, dentry, target, NULL);
}

static inline int fmap_do_link(const struct super_block *sb, struct dentry *old,
			       struct inode *dir, struct dentry *dentry)
{
	return vfs_link(old, fmap_lower_idmap(sb), dir, dentry, NULL);
}

static inline int fmap_do_unlink(const struct super_block *sb,
				 struct inode *dir, struct dentry *dentry)
{
	return vfs_unlink(fmap_lower_idmap(sb), dir, dentry, NULL);
}

static inline int fmap_do_rmdir(const struct super_block *sb, struct inode *dir,
				struct dentry *dentry)
{
	return vfs_rmdir(fmap_lower_idmap(sb), dir, dentry, NULL);
}

static inline int fmap_do_setattr(const struct super_block *sb,
				  struct dentry *dentry, struct iattr *attr)
{
	return notify_change(fmap_lower_idmap(sb), dentry, attr, NULL);
}

static inline int fmap_do_permission(const struct super_block *sb,
				     struct inode *inode, int mask)
{
	return inode_permission(fmap_lower_idmap(sb), inode, mask);
}

static inline ssize_t fmap_do_getxattr(const struct super_block *sb,
				       struct dentry *dentry, const char *name,
				       void *value, size_t size)
{
	return vfs_getxattr(fmap_lower_idmap(sb), dentry, name, value, size);
}

static inline int fmap_do_setxattr(const struct super_block *sb,
				   struct dentry *dentry, const char *name,
				   const void *value, size_t size, int flags)
{
	return vfs_setxattr(fmap_lower_idmap(sb), dentry, name, value, size,
			    flags);
}

/* Without the conversions for user namespaces, which happen once, above us. */
static inline int fmap_do_setxattr_raw(const struct super_block *sb,
				       struct dentry *dentry, const char *name,
				       const void *value, size_t size, int flags)
{
	int err;

	inode_lock(d_inode(dentry));
	err = __vfs_setxattr_locked(fmap_lower_idmap(sb), dentry, name, value,
				    size, flags, NULL);
	inode_unlock(d_inode(dentry));
	return err;
}

static inline int fmap_do_removexattr(const struct super_block *sb,
				      struct dentry *dentry, const char *name)
{
	return vfs_removexattr(fmap_lower_idmap(sb), dentry, name);
}

/* The lower mmap; access times go by the lower file that read and write use. */
static inline void fmap_mmap_accessed(struct file *file)
{
	file_accessed(fmap_lower_file(file));
}

static inline int fmap_do_mmap(struct file *backing, struct vm_area_struct *vma)
{
	struct backing_file_ctx ctx = {
		.cred		= current_cred(),
		.accessed	= fmap_mmap_accessed,
	};

	return backing_file_mmap(backing, vma, &ctx);
}

#endif /* _FMAPFS_LOWER_H */

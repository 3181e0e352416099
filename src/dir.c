// SPDX-License-Identifier: GPL-2.0
/*
 * Directories.
 *
 * The VFS holds the i_rwsem of our directory; we take that of the lower one
 * below it, and look again whether the lower dentry is still where ours says:
 * somebody may have changed the lower directory meanwhile. -ESTALE then makes
 * the VFS start over with everything revalidated.
 */
#include <linux/namei.h>
#include <linux/slab.h>

#include "lower.h"

static bool fmap_moved(const struct dentry *lower, const struct dentry *parent)
{
	return lower->d_parent != parent || d_unhashed(lower);
}

/*
 * Write access below, the lower directory of @dentry locked, and its lower
 * dentry in it; our directory is locked by the VFS, which keeps d_parent.
 * Undone by fmap_unlock_lower().
 *
 * The lower dentry gets a second reference: the VFS turns one that has only one
 * into a negative dentry when its file goes, under the feet of all who are at
 * work in our dentry.
 */
static struct dentry *fmap_lock_lower(struct dentry *dentry)
{
	struct dentry *parent = fmap_lower_dentry(dentry->d_parent);
	struct dentry *lower = fmap_lower_dentry(dentry);
	struct vfsmount *mnt = fmap_lower_mnt(dentry->d_sb);
	int err;

	err = mnt_want_write(mnt);
	if (err)
		return ERR_PTR(err);
	inode_lock_nested(d_inode(parent), I_MUTEX_PARENT);
	if (!fmap_moved(lower, parent))
		return dget(lower);
	inode_unlock(d_inode(parent));
	mnt_drop_write(mnt);
	return ERR_PTR(-ESTALE);
}

static void fmap_unlock_lower(struct dentry *dentry)
{
	inode_unlock(d_inode(fmap_lower_dentry(dentry->d_parent)));
	mnt_drop_write(fmap_lower_mnt(dentry->d_sb));
	dput(fmap_lower_dentry(dentry));
}

/*
 * Our inode over what has been created below. A few filesystems leave it to the
 * next lookup; so do we then.
 */
static int fmap_instantiate(struct dentry *dentry, struct dentry *lower)
{
	struct inode *inode;

	fmap_dentry_stamp(dentry);
	if (d_really_is_negative(lower) || d_unhashed(lower)) {
		d_drop(dentry);
		return 0;
	}
	inode = fmap_iget(dentry->d_sb, d_inode(lower));
	if (IS_ERR(inode)) {
		d_drop(dentry);
		return PTR_ERR(inode);
	}
	d_instantiate(dentry, inode);
	/*
	 * Somebody may have looked at the stamp of the negative dentry before,
	 * seen that the lower one has changed, and thrown ours out. It is right
	 * again, and no other can have taken its place: our directory is locked.
	 */
	if (d_unhashed(dentry))
		d_rehash(dentry);
	return 0;
}

/* Common end of what creates a name in @dir. */
static int fmap_created(struct inode *dir, struct dentry *dentry,
			struct dentry *lower, int err)
{
	if (!err)
		err = fmap_instantiate(dentry, lower);
	fmap_unlock_lower(dentry);
	fmap_copy_attr(dir);
	return err;
}

static int fmap_create(struct mnt_idmap *idmap, struct inode *dir,
		       struct dentry *dentry, umode_t mode)
{
	struct dentry *lower = fmap_lock_lower(dentry);
	int err;

	if (IS_ERR(lower))
		return PTR_ERR(lower);
	/*
	 * Created below since the lookup: an error with O_EXCL only, which we are
	 * not told. System calls know, and look again; a server in the kernel has its
	 * client do so.
	 */
	if (d_is_positive(lower))
		err = -ESTALE;
	else
		err = fmap_do_create(dir->i_sb, lower, mode);
	return fmap_created(dir, dentry, lower, err);
}

/*
 * A failed vfs_mkdir() has unlocked the directory and dropped the dentry. One
 * that made another dentry has dropped ours, too; our upper dentry still holds
 * it, and the next lookup replaces it.
 */
static fmap_mkdir_ret_t fmap_mkdir(struct mnt_idmap *idmap, struct inode *dir,
				   struct dentry *dentry, umode_t mode)
{
	struct dentry *lower = fmap_lock_lower(dentry), *made;

	if (IS_ERR(lower))
		return FMAP_MKDIR_RET(PTR_ERR(lower));
	made = fmap_do_mkdir(dir->i_sb, d_inode(lower->d_parent), lower, mode);
	if (IS_ERR(made)) {
		mnt_drop_write(fmap_lower_mnt(dir->i_sb));
		fmap_copy_attr(dir);
		return FMAP_MKDIR_RET(PTR_ERR(made));
	}
	dget(lower);
	dput(made);
	return FMAP_MKDIR_RET(fmap_created(dir, dentry, lower, 0));
}

static int fmap_mknod(struct mnt_idmap *idmap, struct inode *dir,
		      struct dentry *dentry, umode_t mode, dev_t dev)
{
	struct dentry *lower = fmap_lock_lower(dentry);
	int err;

	if (IS_ERR(lower))
		return PTR_ERR(lower);
	err = fmap_do_mknod(dir->i_sb, d_inode(lower->d_parent), lower, mode, dev);
	return fmap_created(dir, dentry, lower, err);
}

static int fmap_symlink(struct mnt_idmap *idmap, struct inode *dir,
			struct dentry *dentry, const char *target)
{
	struct dentry *lower = fmap_lock_lower(dentry);
	int err;

	if (IS_ERR(lower))
		return PTR_ERR(lower);
	err = fmap_do_symlink(dir->i_sb, d_inode(lower->d_parent), lower, target);
	return fmap_created(dir, dentry, lower, err);
}

static int fmap_link(struct dentry *old, struct inode *dir,
		     struct dentry *dentry)
{
	struct dentry *lower = fmap_lock_lower(dentry);
	int err;

	if (IS_ERR(lower))
		return PTR_ERR(lower);
	err = fmap_do_link(dir->i_sb, fmap_lower_dentry(old),
			   d_inode(lower->d_parent), lower);
	err = fmap_created(dir, dentry, lower, err);
	fmap_copy_attr(d_inode(old));
	return err;
}

/*
 * Common end of what removes a name from @dir. Our dentry goes as well: as a
 * negative one it would keep the lower dentry, and with that the disk space of
 * the lower inode.
 */
static int fmap_removed(struct inode *dir, struct dentry *dentry, int err)
{
	fmap_unlock_lower(dentry);
	fmap_copy_attr(dir);
	fmap_copy_attr(d_inode(dentry));
	if (!err)
		d_drop(dentry);
	return err;
}

static int fmap_unlink(struct inode *dir, struct dentry *dentry)
{
	struct dentry *lower = fmap_lock_lower(dentry);
	int err;

	if (IS_ERR(lower))
		return PTR_ERR(lower);
	err = fmap_do_unlink(dir->i_sb, d_inode(lower->d_parent), lower);
	return fmap_removed(dir, dentry, err);
}

static int fmap_rmdir(struct inode *dir, struct dentry *dentry)
{
	struct dentry *lower = fmap_lock_lower(dentry);
	int err;

	if (IS_ERR(lower))
		return PTR_ERR(lower);
	err = fmap_do_rmdir(dir->i_sb, d_inode(lower->d_parent), lower);
	return fmap_removed(dir, dentry, err);
}

/*
 * The VFS has checked our dentries only: a name that is gone, or a directory that
 * would be moved into itself, is so by what has been done below.
 */
static int fmap_rename_lower(struct dentry *old, struct dentry *new,
			     unsigned int flags)
{
	struct renamedata rd = {
		.mnt_idmap	= fmap_lower_idmap(old->d_sb),
		.old_parent	= fmap_lower_dentry(old->d_parent),
		.new_parent	= fmap_lower_dentry(new->d_parent),
		.flags		= flags,
	};
	int err;

	err = start_renaming_two_dentries(&rd, fmap_lower_dentry(old),
					  fmap_lower_dentry(new));
	if (err)
		return err == -EINVAL ? -ESTALE : err;
	if (flags & RENAME_EXCHANGE && d_is_negative(rd.new_dentry))
		err = -ENOENT;
	else
		err = vfs_rename(&rd);
	end_renaming(&rd);
	return err;
}

static int fmap_rename(struct mnt_idmap *idmap, struct inode *old_dir,
		       struct dentry *old, struct inode *new_dir,
		       struct dentry *new, unsigned int flags)
{
	struct vfsmount *mnt = fmap_lower_mnt(old->d_sb);
	int err;

	err = mnt_want_write(mnt);
	if (err)
		return err;
	err = fmap_rename_lower(old, new, flags);
	mnt_drop_write(mnt);

	fmap_copy_attr(old_dir);
	fmap_copy_attr(new_dir);
	fmap_copy_attr(d_inode(old));
	if (d_is_positive(new))
		fmap_copy_attr(d_inode(new));
	return err;
}

/*
 * O_TMPFILE. The lower file is created open; it is opened once more as any other,
 * by ->open, and ours has no name, like it.
 */
static int fmap_tmpfile(struct mnt_idmap *idmap, struct inode *dir,
			struct file *file, umode_t mode)
{
	struct dentry *dentry = file->f_path.dentry;
	struct path parent = fmap_lower_path(dentry->d_parent);
	struct inode *inode;
	struct file *lower;
	int err;

	err = mnt_want_write(parent.mnt);
	if (err)
		return err;
	lower = fmap_do_tmpfile(&parent, mode, file->f_flags);
	mnt_drop_write(parent.mnt);
	if (IS_ERR(lower))
		return PTR_ERR(lower);

	inode = fmap_iget(dir->i_sb, file_inode(lower));
	if (IS_ERR(inode)) {
		err = PTR_ERR(inode);
		goto out;
	}
	fmap_dentry_attach(dentry, dget(lower->f_path.dentry));
	/* It is taken away again. */
	set_nlink(inode, 1);
	d_tmpfile(file, inode);
	err = finish_open_simple(file, 0);
out:
	fput(lower);
	return err;
}

/*
 * A directory has one dentry: if ours turns up under a new name, it was moved
 * below, and the VFS moves it here. It must not be over another lower dentry.
 */
static struct dentry *fmap_splice(struct dentry *dentry, struct inode *inode)
{
	struct dentry *alias = d_splice_alias(inode, dentry);

	if (IS_ERR_OR_NULL(alias))
		return alias;
	fmap_dentry_adopt(alias, dget(fmap_lower_dentry(dentry)));
	if (fmap_lower_dentry(alias) == fmap_lower_dentry(dentry))
		return alias;
	dput(alias);
	return ERR_PTR(-ESTALE);
}

/* Where the lower filesystem would mount another, or keep some callers out. */
static bool fmap_is_managed(const struct dentry *lower)
{
	return READ_ONCE(lower->d_flags) &
	       (DCACHE_NEED_AUTOMOUNT | DCACHE_MANAGE_TRANSIT);
}

static struct dentry *fmap_lookup(struct inode *dir, struct dentry *dentry,
				  unsigned int flags)
{
	struct dentry *lower;
	struct inode *inode;

	lower = fmap_do_lookup(dir->i_sb, &dentry->d_name,
			       fmap_lower_dentry(dentry->d_parent));
	if (IS_ERR(lower))
		return lower;
	if (fmap_is_managed(lower)) {
		dput(lower);
		return ERR_PTR(-EREMOTE);
	}
	fmap_dentry_attach(dentry, lower);

	/* Once positive it stays so, as we hold a second reference. */
	if (d_is_negative(lower)) {
		d_add(dentry, NULL);
		return NULL;
	}
	inode = fmap_iget(dir->i_sb, d_inode(lower));
	if (IS_ERR(inode))
		return ERR_CAST(inode);
	return fmap_splice(dentry, inode);
}

const struct inode_operations fmap_dir_iops = {
	.lookup		= fmap_lookup,
	.create		= fmap_create,
	.link		= fmap_link,
	.unlink		= fmap_unlink,
	.symlink	= fmap_symlink,
	.mkdir		= fmap_mkdir,
	.rmdir		= fmap_rmdir,
	.mknod		= fmap_mknod,
	.rename		= fmap_rename,
	.tmpfile	= fmap_tmpfile,
	.permission	= fmap_permission,
	.getattr	= fmap_getattr,
	.setattr	= fmap_setattr,
	.listxattr	= fmap_listxattr,
	.fileattr_get	= fmap_fileattr_get,
	.fileattr_set	= fmap_fileattr_set,
	.fiemap		= fmap_fiemap,
	FMAP_ACL_IOPS
};

// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes.
 *
 * What the VFS reads from our inode without asking us (type, mode, owner, size,
 * flags) is a copy, refreshed on each revalidation, open and change through us.
 * Everything that can be asked goes to the lower inode.
 *
 * Mode and owner of a regular file are one thing: exec takes an identity from
 * them, and a filesystem changes one after the other. They are only copied
 * together, from a lower inode that is locked, under our i_rwsem, which exec
 * holds while it reads them.
 *
 * Lock order: our i_rwsem, the lower's freeze protection, the lower's i_rwsem;
 * our i_lock is innermost and only serialises the copying.
 */
#include <linux/fs_stack.h>

#include "lower.h"

/* Flags of the lower inode that the VFS checks before it asks us. */
#define FMAP_COPIED_FLAGS	(S_SYNC | S_DIRSYNC | S_IMMUTABLE | S_APPEND)

static kuid_t fmap_lower_uid(const struct inode *inode, const struct inode *lower)
{
	return AS_KUIDT(i_uid_into_vfsuid(fmap_lower_idmap(inode->i_sb), lower));
}

static kgid_t fmap_lower_gid(const struct inode *inode, const struct inode *lower)
{
	return AS_KGIDT(i_gid_into_vfsgid(fmap_lower_idmap(inode->i_sb), lower));
}

/*
 * Set-ID bits of a lower mount that is nosuid stay below: whether exec heeds
 * them is asked of our mount only, which need not be nosuid.
 */
static umode_t fmap_lower_mode(const struct inode *inode, const struct inode *lower)
{
	umode_t mode = READ_ONCE(lower->i_mode);

	if (S_ISREG(mode) && fmap_lower_nosuid(inode->i_sb))
		mode &= ~(S_ISUID | S_ISGID);
	return mode;
}

static bool fmap_owner_stale(const struct inode *inode)
{
	const struct inode *lower = fmap_lower_inode(inode);

	return inode->i_mode != fmap_lower_mode(inode, lower) ||
	       !uid_eq(inode->i_uid, fmap_lower_uid(inode, lower)) ||
	       !gid_eq(inode->i_gid, fmap_lower_gid(inode, lower));
}

static bool fmap_attr_stale(const struct inode *inode)
{
	const struct inode *lower = fmap_lower_inode(inode);

	return (inode->i_flags ^ lower->i_flags) & FMAP_COPIED_FLAGS ||
	       i_size_read(inode) != i_size_read(lower);
}

static void fmap_set_owner(struct inode *inode)
{
	struct inode *lower = fmap_lower_inode(inode);

	inode->i_mode = fmap_lower_mode(inode, lower);
	inode->i_uid = fmap_lower_uid(inode, lower);
	inode->i_gid = fmap_lower_gid(inode, lower);
}

/**
 * fmap_copy_attr - copy the attributes of the lower inode
 * @inode:	our inode
 *
 * All but mode and owner of a regular file. Takes i_lock, so that of two racing
 * copies the later one is the newer one.
 */
void fmap_copy_attr(struct inode *inode)
{
	struct inode *lower = fmap_lower_inode(inode);

	spin_lock(&inode->i_lock);
	if (!S_ISREG(inode->i_mode))
		fmap_set_owner(inode);
	set_nlink(inode, lower->i_nlink);
	i_size_write(inode, i_size_read(lower));
	inode->i_blocks = lower->i_blocks;
	fsstack_copy_attr_times(inode, lower);
	inode_set_flags(inode, lower->i_flags & FMAP_COPIED_FLAGS,
			FMAP_COPIED_FLAGS);
	spin_unlock(&inode->i_lock);
}

/**
 * fmap_copy_owner - copy mode and owner of the lower inode
 * @inode:	our inode, its i_rwsem held for writing, or not yet visible; that
 *		of the lower inode is taken here if it is a regular file
 */
void fmap_copy_owner(struct inode *inode)
{
	struct inode *lower = fmap_lower_inode(inode);

	if (!S_ISREG(lower->i_mode)) {
		fmap_set_owner(inode);
		return;
	}
	inode_lock_shared(lower);
	fmap_set_owner(inode);
	inode_unlock_shared(lower);
}

/**
 * fmap_stale - has what the VFS looks at changed below?
 * @inode:	our inode
 *
 * Cheap enough for each path component, and safe under RCU path walk.
 *
 * Return: true if fmap_refresh() is needed.
 */
bool fmap_stale(const struct inode *inode)
{
	return fmap_owner_stale(inode) || fmap_attr_stale(inode);
}

/**
 * fmap_refresh - copy what has changed below
 * @inode:	our inode; of a regular file, the i_rwsem of neither is held
 */
void fmap_refresh(struct inode *inode)
{
	if (S_ISREG(inode->i_mode) && fmap_owner_stale(inode)) {
		inode_lock(inode);
		fmap_copy_owner(inode);
		inode_unlock(inode);
	}
	if (fmap_stale(inode))
		fmap_copy_attr(inode);
}

/*
 * Names that match in another case would each need the lower filesystem's word
 * on every dentry that we keep, also on a negative one.
 */
static bool fmap_is_casefolded(const struct inode *lower)
{
	if (likely(!IS_CASEFOLDED(lower)))
		return false;
	pr_warn_once(FMAP_NAME ": case-folded directories are refused\n");
	return true;
}

/**
 * fmap_permission - ->permission, by the lower inode alone
 * @idmap:	of our mount, which cannot be idmapped
 * @inode:	our inode
 * @mask:	MAY_ flags; with MAY_NOT_BLOCK under RCU path walk
 *
 * A chmod done directly below counts at once, and no access is granted that the
 * lower filesystem refuses: nothing later asks it about search permission.
 *
 * An open comes this way even where there is no lookup (/proc/self/fd), and the
 * VFS looks at flags and size next. It may hold our i_rwsem: exec does when it
 * asks once more after it has read a set-ID mode and the owner. If those are no
 * longer the lower's, it is to go on without them.
 *
 * Return: 0, or what the lower filesystem says; -EREMOTE for names in a
 * case-folded directory.
 */
int fmap_permission(struct mnt_idmap *idmap, struct inode *inode, int mask)
{
	struct inode *lower = fmap_lower_inode(inode);

	if (mask & MAY_EXEC && fmap_is_casefolded(lower))
		return -EREMOTE;
	if (!(mask & MAY_NOT_BLOCK) && fmap_attr_stale(inode))
		fmap_copy_attr(inode);
	if (mask == MAY_EXEC && current->in_execve && S_ISREG(inode->i_mode) &&
	    fmap_owner_stale(inode))
		return -EACCES;
	return fmap_do_permission(inode->i_sb, lower, mask);
}

/**
 * fmap_getattr - ->getattr: stat the lower file
 * @idmap:	of our mount, which cannot be idmapped
 * @path:	our path, referenced
 * @stat:	to fill
 * @request_mask: STATX_ flags
 * @flags:	AT_STATX_ flags
 *
 * The device is ours, except where the lower filesystem itself says another one
 * than that of its root: btrfs tells subvolumes apart by it.
 *
 * Return: 0 or a negative errno.
 */
int fmap_getattr(struct mnt_idmap *idmap, const struct path *path,
		 struct kstat *stat, u32 request_mask, unsigned int flags)
{
	struct path lower = fmap_lower_path(path->dentry);
	struct super_block *sb = path->dentry->d_sb;
	int err;

	/* The LSM has been asked about our path. */
	err = vfs_getattr_nosec(&lower, stat, request_mask, flags);
	if (err)
		return err;
	if (stat->dev == fmap_sbi(sb)->lower_dev)
		stat->dev = sb->s_dev;
	if (fmap_stale(d_inode(path->dentry)))
		fmap_copy_attr(d_inode(path->dentry));
	return 0;
}

/* What the lower filesystem is to change, but for fmap_drop_privs(). */
static struct iattr fmap_lower_iattr(const struct iattr *attr)
{
	struct iattr lower = *attr;

	if (attr->ia_valid & ATTR_FILE) {
		if (attr->ia_file->f_op == &fmap_file_fops)
			lower.ia_file = fmap_lower_file(attr->ia_file);
		else
			lower.ia_valid &= ~ATTR_FILE;
	}
	return lower;
}

/*
 * Which set-ID bits and capabilities a truncation or a new owner ends, the VFS
 * has found out from our inode, which may be stale. Found out again from the
 * lower one, which is locked, as the VFS does it for a file of its own.
 */
static void fmap_drop_privs(const struct super_block *sb, struct inode *lower,
			    struct iattr *attr)
{
	unsigned int kill = attr->ia_valid & (ATTR_KILL_SUID | ATTR_KILL_SGID);

	/* The mode was made from ours. */
	if (kill)
		attr->ia_valid &= ~ATTR_MODE;
	if (S_ISDIR(lower->i_mode) || attr->ia_valid & ATTR_MODE)
		return;

	if (attr->ia_valid & ATTR_SIZE) {
		kill |= setattr_should_drop_suidgid(fmap_lower_idmap(sb), lower);
		if (kill)
			attr->ia_valid |= ATTR_FORCE;
		kill |= ATTR_KILL_PRIV;
	} else if (kill && attr->ia_valid & (ATTR_UID | ATTR_GID)) {
		kill |= setattr_should_drop_sgid(fmap_lower_idmap(sb), lower);
		kill |= ATTR_KILL_PRIV;
	}
	attr->ia_valid |= kill;
}

/* truncate(2) does this on our inode, where it keeps nobody out. */
static int fmap_begin_truncate(struct inode *lower, const struct iattr *attr)
{
	int err;

	if (!(attr->ia_valid & ATTR_SIZE) || attr->ia_valid & ATTR_FILE)
		return 0;
	err = get_write_access(lower);
	if (err)
		return err;
	err = break_lease(lower, O_WRONLY);
	if (err)
		put_write_access(lower);
	return err;
}

static void fmap_end_truncate(struct inode *lower, const struct iattr *attr)
{
	if (attr->ia_valid & ATTR_SIZE && !(attr->ia_valid & ATTR_FILE))
		put_write_access(lower);
}

/**
 * fmap_setattr - ->setattr: change the lower inode
 * @idmap:	of our mount, which cannot be idmapped
 * @dentry:	our dentry, its inode locked
 * @attr:	what to change; left as it is
 *
 * Return: 0 or a negative errno.
 */
int fmap_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
		 struct iattr *attr)
{
	struct dentry *lower_dentry = fmap_lower_dentry(dentry);
	struct inode *lower = d_inode(lower_dentry);
	struct inode *inode = d_inode(dentry);
	struct super_block *sb = dentry->d_sb;
	struct iattr lower_attr = fmap_lower_iattr(attr);
	int err;

	err = fmap_begin_truncate(lower, attr);
	if (err)
		return err;
	err = mnt_want_write(fmap_lower_mnt(sb));
	if (err)
		goto out;

	inode_lock(lower);
	fmap_drop_privs(sb, lower, &lower_attr);
	err = fmap_do_setattr(sb, lower_dentry, &lower_attr);
	fmap_set_owner(inode);
	inode_unlock(lower);
	mnt_drop_write(fmap_lower_mnt(sb));
	fmap_copy_attr(inode);
out:
	fmap_end_truncate(lower, attr);
	return err;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * File locks and leases: on the lower inode, so that a program that opens a file
 * through us and one that opens it directly keep each other out.
 *
 * They belong to the backing file, which a mapping keeps, as it would keep an
 * ordinary file. Its last fput() drops flock and OFD locks and leases; POSIX
 * locks go with ->flush.
 */
#include <linux/file.h>

#include "lower.h"

/**
 * fmap_lock - ->lock: POSIX and OFD locks
 * @file:	our file
 * @cmd:	F_GETLK, F_SETLK, F_SETLKW or F_CANCELLK
 * @fl:		the lock; it names @file again on return, though it may be queued
 *		below: the VFS insists on that when it tries again
 *
 * Not for the NFS lock manager: that looks for its locks on our inode to learn
 * whether a file is in use, finds none, closes the file, and would so lose the
 * lock which it has just granted.
 *
 * Return: as vfs_lock_file(); -ENOLCK to the lock manager.
 */
int fmap_lock(struct file *file, int cmd, struct file_lock *fl)
{
	struct file *lower = fmap_file(file)->backing;
	int err;

	if (cmd != F_GETLK && fl->fl_lmops && fl->fl_lmops->lm_grant)
		return -ENOLCK;
	fmap_fl_file(fl) = lower;
	/* An OFD lock belongs to the open file, which below is another one. */
	if (fmap_fl_flags(fl) & FL_OFDLCK)
		fmap_fl_owner(fl) = lower;
	if (cmd == F_GETLK)
		err = vfs_test_lock(lower, fl);
	else if (cmd == F_CANCELLK)
		err = vfs_cancel_lock(lower, fl);
	else
		err = vfs_lock_file(lower, cmd, fl, NULL);
	fmap_fl_file(fl) = file;
	return err;
}

/**
 * fmap_flock - ->flock
 * @file:	our file
 * @cmd:	F_SETLK or F_SETLKW
 * @fl:		the lock, the caller's own
 *
 * Return: 0 or a negative errno.
 */
int fmap_flock(struct file *file, int cmd, struct file_lock *fl)
{
	struct file *lower = fmap_file(file)->backing;
	int err;

	fmap_fl_file(fl) = lower;
	fmap_fl_owner(fl) = lower;
	if (lower->f_op->flock)
		err = lower->f_op->flock(lower, cmd, fl);
	else
		err = locks_lock_file_wait(lower, fl);
	fmap_fl_file(fl) = file;
	fmap_fl_owner(fl) = file;
	return err;
}

/*
 * A lease is broken with a signal to the owner of the lower file, which nobody
 * can set: it gets what fcntl(F_SETOWN, F_SETSIG) have set on ours.
 */
static int fmap_copy_fown(struct file *file, struct file *lower)
{
	struct fown_struct *own, *lower_own;
	struct pid *pid = NULL;
	enum pid_type type = PIDTYPE_TGID;
	int err;

	err = file_f_owner_allocate(lower);
	if (err)
		return err;
	own = file_f_owner(file);
	if (!own)
		return 0;
	lower_own = file_f_owner(lower);

	read_lock_irq(&own->lock);
	if (own->pid) {
		pid = get_pid(own->pid);
		type = own->pid_type;
	}
	read_unlock_irq(&own->lock);

	lower_own->signum = own->signum;
	if (pid)
		__f_setown(lower, pid, type, 1);
	put_pid(pid);
	return 0;
}

/* The end of a lease ends this, too; the VFS does it for the lower file. */
static void fmap_drop_fown(struct file *file)
{
	struct fown_struct *own = file_f_owner(file);

	if (!own)
		return;
	__f_setown(file, NULL, PIDTYPE_TGID, 1);
	own->signum = 0;
}

static void fmap_count_open(const struct file *file)
{
	if (file->f_mode & FMODE_WRITER)
		WARN_ON_ONCE(get_write_access(file_inode(file)));
	else if (file->f_mode & FMODE_READ)
		i_readcount_inc(file_inode(file));
}

static void fmap_uncount_open(const struct file *file)
{
	if (file->f_mode & FMODE_WRITER)
		put_write_access(file_inode(file));
	else if (file->f_mode & FMODE_READ)
		i_readcount_dec(file_inode(file));
}

/* Keeps two threads from taking the one open that is counted too often twice. */
static DEFINE_MUTEX(fmap_lease_mutex);

/*
 * Who wants a write lease has to be the only one who has the inode open, and has
 * it open twice where reading and writing have a lower file of their own. The
 * other one stays counted, so that the inode never looks like one that is closed.
 */
static int fmap_setlease_once(const struct fmap_file *ff, fmap_lease_arg_t arg,
			      struct file_lease **lease, void **priv)
{
	int err;

	if (ff->lower == ff->backing)
		return vfs_setlease(ff->backing, arg, lease, priv);

	mutex_lock(&fmap_lease_mutex);
	fmap_uncount_open(ff->lower);
	err = vfs_setlease(ff->backing, arg, lease, priv);
	fmap_count_open(ff->lower);
	mutex_unlock(&fmap_lease_mutex);
	return err;
}

/**
 * fmap_setlease - ->setlease
 * @file:	our file
 * @arg:	F_RDLCK, F_WRLCK or F_UNLCK
 * @lease:	the lease to add; NULL with F_UNLCK
 * @priv:	for the lease manager; with F_UNLCK, the owner
 *
 * No delegations: before it grants one, nfsd looks for writers on our inode, and
 * does not see those that have opened the file directly below.
 *
 * Return: 0 or a negative errno.
 */
int fmap_setlease(struct file *file, fmap_lease_arg_t arg,
		  struct file_lease **lease, void **priv)
{
	const struct fmap_file *ff = fmap_file(file);
	struct file *lower = ff->backing;
	int err;

	if (lease && *lease) {
		if (fmap_fl_flags(*lease) & FL_DELEG)
			return -EAGAIN;
		err = fmap_copy_fown(file, lower);
		if (err)
			return err;
		fmap_fl_file(*lease) = lower;
	}
	err = fmap_setlease_once(ff, arg, lease, priv);
	if (!err && arg == F_UNLCK)
		fmap_drop_fown(file);
	return err;
}

/* Whose POSIX lock was taken through @lower, or NULL. */
static fl_owner_t fmap_stray_owner(struct file_lock_context *ctx,
				   const struct file *lower)
{
	fl_owner_t owner = NULL;
	struct file_lock *fl;

	spin_lock(&ctx->flc_lock);
	list_for_each_entry(fl, &ctx->flc_posix, fmap_fl_list) {
		if (fmap_fl_file(fl) == lower &&
		    !(fmap_fl_flags(fl) & FL_OFDLCK)) {
			owner = fmap_fl_owner(fl);
			break;
		}
	}
	spin_unlock(&ctx->flc_lock);
	return owner;
}

/**
 * fmap_drop_stray_locks - the last user of an open file has gone
 * @lower:	the backing file, through which nobody can lock any more
 *
 * A close() in one thread may come before an fcntl(F_SETLK) in another that has
 * found the file already. The VFS then takes the lock back from our inode, where
 * there is none. Who owns one that is left has closed the file, and would so
 * have lost all locks on the inode.
 */
void fmap_drop_stray_locks(struct file *lower)
{
	struct file_lock_context *ctx = locks_inode_context(file_inode(lower));
	fl_owner_t owner, before = NULL;

	if (!ctx)
		return;
	/* The same again: the lower filesystem could not. */
	while ((owner = fmap_stray_owner(ctx, lower)) && owner != before) {
		locks_remove_posix(lower, owner);
		before = owner;
	}
}

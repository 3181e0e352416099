// SPDX-License-Identifier: GPL-2.0
/*
 * Open regular files, except for reading and writing (io.c), locks (lock.c) and
 * mappings (map.c).
 */
#include <linux/fadvise.h>
#include <linux/falloc.h>
#include <linux/ptrace.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>

#include <asm/syscall.h>
#include <asm/unistd.h>

#include "lower.h"
#include "rules.h"

/* What fcntl(F_SETFL) can change after the open. */
#define FMAP_SETFL_MASK	(O_APPEND | O_NONBLOCK | O_NDELAY | O_DIRECT | O_NOATIME)

/* What only the open itself is about. */
#define FMAP_OPEN_ONLY	(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_TMPFILE)

static struct kmem_cache *fmap_file_cachep;

/**
 * fmap_lower_flags - the flags that the lower file is to have
 * @file:	our file
 *
 * Return: those of @file, with the noatime of our mount.
 */
unsigned int fmap_lower_flags(const struct file *file)
{
	unsigned int flags = file->f_flags & ~FMAP_OPEN_ONLY;

	if (file->f_path.mnt->mnt_flags & MNT_NOATIME)
		flags |= O_NOATIME;
	return flags;
}

/**
 * fmap_sync_flags - pass on what fcntl(F_SETFL) has changed
 * @file:	our file
 * @lower:	the lower file
 *
 * Return: 0; -EPERM or -EINVAL if the lower file cannot have the flags.
 */
int fmap_sync_flags(struct file *file, struct file *lower)
{
	unsigned int flags = fmap_lower_flags(file) & FMAP_SETFL_MASK;
	unsigned int changed = (flags ^ lower->f_flags) & FMAP_SETFL_MASK;

	if (likely(!changed))
		return 0;
	if (changed & O_APPEND && IS_APPEND(file_inode(lower)))
		return -EPERM;
	if (flags & O_DIRECT && !(lower->f_mode & FMODE_CAN_ODIRECT))
		return -EINVAL;

	spin_lock(&lower->f_lock);
	lower->f_flags = (lower->f_flags & ~FMAP_SETFL_MASK) | flags;
	lower->f_iocb_flags = iocb_flags(lower);
	spin_unlock(&lower->f_lock);
	return 0;
}

/**
 * fmap_file_alloc - what hangs on an open file
 *
 * Return: with no lower file yet, or NULL.
 */
struct fmap_file *fmap_file_alloc(void)
{
	return kmem_cache_zalloc(fmap_file_cachep, GFP_KERNEL);
}

/**
 * fmap_file_free - undo fmap_file_alloc()
 * @ff:	with no lower file any more
 */
void fmap_file_free(struct fmap_file *ff)
{
	kmem_cache_free(fmap_file_cachep, ff);
}

static int fmap_open_lower(struct fmap_file *ff, struct file *file)
{
	/* With overlayfs above, f_path is overlayfs's. */
	struct path path = fmap_lower_path(file_dentry(file));
	int flags = fmap_lower_flags(file);

	ff->backing = backing_file_open(file, flags, &path, current_cred());
	if (IS_ERR(ff->backing))
		return PTR_ERR(ff->backing);
	ff->lower = fmap_open_io(ff->backing, flags, &path, current_cred());
	if (IS_ERR(ff->lower)) {
		fput(ff->backing);
		return PTR_ERR(ff->lower);
	}
	return 0;
}

/* What the lower file can and cannot do, where the VFS asks our file. */
static void fmap_inherit_mode(struct file *file, const struct file *lower)
{
	const fmode_t can = FMODE_NOWAIT | FMODE_CAN_ODIRECT |
			    FMODE_CAN_ATOMIC_WRITE;
	const fmode_t default_on = FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE |
				   FMODE_ATOMIC_POS;

	file->f_mode |= lower->f_mode & can;
	file->f_mode &= lower->f_mode | ~default_on;
}

/*
 * Lower filesystems whose page-cache operations never look into the file that
 * they are given, so that ours may be one of the lower inode's mapping. Not
 * tmpfs: a file of its mapping is taken for its own by file seals, mmap() and
 * udmabuf, which would look for its inode around ours.
 */
static const char * const fmap_file_blind[] = {
	"ext4", "ext3", "ext2", "xfs", "btrfs", "f2fs", "vfat", "exfat",
};

/**
 * fmap_is_file_blind - may our files have the mappings of its inodes?
 * @lower:	the lower superblock
 *
 * Return: true if it is known that they may.
 */
bool fmap_is_file_blind(const struct super_block *lower)
{
	return match_string(fmap_file_blind, ARRAY_SIZE(fmap_file_blind),
			    lower->s_type->name) >= 0;
}

/*
 * sync_file_range(2), cachestat(2) and loop devices go to f_mapping without
 * asking us. Mappings get theirs from the backing file.
 */
static void fmap_inherit_mapping(struct file *file, const struct file *lower)
{
	if (!fmap_sbi(file_inode(file)->i_sb)->shares_mapping)
		return;
	file->f_mapping = lower->f_mapping;
	file->f_wb_err = lower->f_wb_err;
}

/*
 * swapon(2) would take our file to the lower filesystem, some of which make
 * their own inode of ours. Nothing asks us in between, and nothing else tells
 * its open from any other.
 */
static bool fmap_in_swapon(void)
{
	int nr;

	if (current->flags & (PF_KTHREAD | PF_IO_WORKER))
		return false;
	nr = syscall_get_nr(current, current_pt_regs());
	if (in_ia32_syscall())
		return nr == __NR_ia32_swapon;
	return (nr & ~__X32_SYSCALL_BIT) == __NR_swapon;
}

/* Whoever executes a file keeps all writers out, those below as well. */
static int fmap_deny_write(struct file *file, struct file *lower)
{
	if (!(file->f_flags & __FMODE_EXEC))
		return 0;
	return deny_write_access(lower);
}

static void fmap_allow_write(struct file *file, struct file *lower)
{
	if (file->f_flags & __FMODE_EXEC)
		allow_write_access(lower);
}

/*
 * The caller's credentials open the lower file; ->permission has asked the lower
 * inode whether it may. O_TRUNC comes later, as ->setattr. There may have been
 * no lookup, and exec looks at our inode next.
 */
static int fmap_open(struct inode *inode, struct file *file)
{
	struct fmap_file *ff;
	int err;

	if (fmap_in_swapon())
		return -EINVAL;
	ff = fmap_file_alloc();
	if (!ff)
		return -ENOMEM;
	err = fmap_open_lower(ff, file);
	if (err)
		goto out_free;
	err = fmap_deny_write(file, ff->backing);
	if (err)
		goto out_put;
	fmap_refresh(inode);
	fmap_inherit_mode(file, ff->lower);
	fmap_inherit_mapping(file, ff->backing);
	fmap_rules_apply(file_dentry(file));
	fmap_adaptive_open(fmap_i(inode));
	file->private_data = ff;
	return 0;

out_put:
	fput(ff->lower);
	fput(ff->backing);
out_free:
	fmap_file_free(ff);
	return err;
}

/**
 * fmap_release - ->release of files and directories
 * @inode:	our inode
 * @file:	our file, with no user left; mappings may still use the backing
 *		file, and locks that belong to it stay until they are gone
 *
 * Return: 0.
 */
int fmap_release(struct inode *inode, struct file *file)
{
	struct fmap_file *ff = fmap_file(file);

	fmap_allow_write(file, ff->backing);
	fmap_drop_stray_locks(ff->backing);
	fput(ff->lower);
	fput(ff->backing);
	fmap_file_free(ff);
	return 0;
}

/**
 * fmap_flush - ->flush: a file descriptor is closed
 * @file:	our file
 * @id:		whose POSIX locks go with it
 *
 * The VFS drops them from our inode, where there are none.
 *
 * Return: what the lower ->flush returns, or 0.
 */
int fmap_flush(struct file *file, fl_owner_t id)
{
	struct fmap_file *ff = fmap_file(file);
	int err = 0;

	if (ff->lower->f_op->flush)
		err = ff->lower->f_op->flush(ff->lower, id);
	locks_remove_posix(ff->backing, id);
	return err;
}

/* A file that has reported all errors tells the other one. */
static void fmap_copy_wb_err(struct file *to, const struct file *from)
{
	errseq_t seen = READ_ONCE(from->f_wb_err);

	if (seen == READ_ONCE(to->f_wb_err) ||
	    errseq_check(&from->f_mapping->wb_err, seen))
		return;
	spin_lock(&to->f_lock);
	to->f_wb_err = seen;
	spin_unlock(&to->f_lock);
}

/**
 * fmap_share_wb_err - what one lower file has reported is reported
 * @file:	our file; where it has two lower files (6.1), msync(2) asks the
 *		backing file and all else the other one
 *
 * Called before and after what may report a writeback error.
 */
void fmap_share_wb_err(const struct file *file)
{
	const struct fmap_file *ff = fmap_file(file);

	if (ff->backing == ff->lower)
		return;
	fmap_copy_wb_err(ff->lower, ff->backing);
	fmap_copy_wb_err(ff->backing, ff->lower);
}

/**
 * fmap_written - after a write to the lower file
 * @file:	our file
 *
 * The write has changed attributes below and, if it was a synchronous one, may
 * have reported a writeback error.
 */
void fmap_written(const struct file *file)
{
	fmap_share_wb_err(file);
	fmap_copy_attr(file_inode(file));
}

/**
 * fmap_fsync - ->fsync of files and directories
 * @file:	our file
 * @start:	first byte
 * @end:	last byte
 * @datasync:	not the metadata that reading does not need
 *
 * Return: 0 or a negative errno; a writeback error once for each open file, as
 * the lower file remembers it.
 */
int fmap_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	int err;

	fmap_share_wb_err(file);
	err = vfs_fsync_range(fmap_lower_file(file), start, end, datasync);
	fmap_share_wb_err(file);
	return err;
}

/**
 * fmap_llseek - ->llseek of files and directories
 * @file:	our file; the VFS serialises users of its f_pos
 * @offset:	where to
 * @whence:	SEEK_ constant
 *
 * By the lower file: its size, holes, limits and directory offsets.
 *
 * Return: the new position or a negative errno.
 */
loff_t fmap_llseek(struct file *file, loff_t offset, int whence)
{
	struct file *lower = fmap_lower_file(file);
	loff_t ret;

	lower->f_pos = file->f_pos;
	ret = vfs_llseek(lower, offset, whence);
	file->f_pos = lower->f_pos;
	return ret;
}

static long fmap_fallocate(struct file *file, int mode, loff_t offset,
			   loff_t len)
{
	struct file *lower = fmap_lower_file(file);
	long err;

	err = fmap_sync_flags(file, lower);
	if (err)
		return err;
	err = vfs_fallocate(lower, mode, offset, len);
	fmap_copy_attr(file_inode(file));
	return err;
}

/* Advice is kept in the file: mappings and read(2) both must see it. */
static int fmap_fadvise(struct file *file, loff_t offset, loff_t len, int advice)
{
	struct fmap_file *ff = fmap_file(file);
	int err;

	err = vfs_fadvise(ff->lower, offset, len, advice);
	if (!err && ff->backing != ff->lower)
		err = vfs_fadvise(ff->backing, offset, len, advice);
	return err;
}

const struct file_operations fmap_file_fops = {
	.open			= fmap_open,
	.release		= fmap_release,
	.flush			= fmap_flush,
	.llseek			= fmap_llseek,
	.read_iter		= fmap_read_iter,
	.write_iter		= fmap_write_iter,
	.splice_read		= fmap_splice_read,
	.splice_write		= fmap_splice_write,
	.mmap			= fmap_mmap,
	.get_unmapped_area	= fmap_get_unmapped_area,
	.fsync			= fmap_fsync,
	.fallocate		= fmap_fallocate,
	.fadvise		= fmap_fadvise,
	.copy_file_range	= fmap_copy_file_range,
	.remap_file_range	= fmap_remap_file_range,
	.unlocked_ioctl		= fmap_ioctl,
	FMAP_COMPAT_IOCTL
	.lock			= fmap_lock,
	.flock			= fmap_flock,
	.setlease		= fmap_setlease,
};

/**
 * fmap_file_cache_init - when the module loads
 *
 * Return: 0 or -ENOMEM.
 */
int fmap_file_cache_init(void)
{
	fmap_file_cachep = KMEM_CACHE(fmap_file, SLAB_ACCOUNT);
	return fmap_file_cachep ? 0 : -ENOMEM;
}

/** fmap_file_cache_exit - when the module goes */
void fmap_file_cache_exit(void)
{
	kmem_cache_destroy(fmap_file_cachep);
}

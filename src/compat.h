/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Older kernels made to look like the newest one. Force-included before every
 * file, so that nothing else has to know a version. Each shim says which
 * release brought what it stands in for and why it is as good; it goes with the
 * last kernel that needs it. The probes are in Kbuild.
 */
#ifndef _FMAPFS_COMPAT_H
#define _FMAPFS_COMPAT_H

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>
#include <linux/splice.h>
#include <linux/uio.h>

/* 6.3: locks left fs.h for a header of their own. */
#ifdef FMAP_HAVE_FILELOCK_H
#include <linux/filelock.h>
#endif

/*
 * 6.3: idmapped mounts. Before, a mount's mapping is its user namespace, passed
 * to the same functions in the same place. The name stands for the struct's tag
 * and for the accessor at once, as it does upstream.
 */
#ifndef FMAP_HAVE_MNT_IDMAP
#define mnt_idmap	user_namespace
#define nop_mnt_idmap	init_user_ns
#define old_mnt_idmap	old_mnt_userns
#define new_mnt_idmap	new_mnt_userns

static inline struct user_namespace *user_namespace(const struct vfsmount *mnt)
{
	return mnt_user_ns(mnt);
}
#endif

/*
 * 6.9: locks and leases share struct file_lock_core. Before, a lease is a
 * struct file_lock, and both have the members that we touch under older names.
 */
#ifdef FMAP_HAVE_FILE_LEASE
#define fmap_fl_list		c.flc_list
#define fmap_fl_file(fl)	((fl)->c.flc_file)
#define fmap_fl_owner(fl)	((fl)->c.flc_owner)
#define fmap_fl_flags(fl)	((fl)->c.flc_flags)
#define fmap_lease_arg_t	int
#else
#define file_lease		file_lock
#define fmap_fl_list		fl_list
#define fmap_fl_file(fl)	((fl)->fl_file)
#define fmap_fl_owner(fl)	((fl)->fl_owner)
#define fmap_fl_flags(fl)	((fl)->fl_flags)
#define fmap_lease_arg_t	long
#endif

/* 6.2, and stable kernels since: reads the pointer as its publication wants. */
#ifndef FMAP_HAVE_LOCKS_INODE_CONTEXT
static inline struct file_lock_context *
locks_inode_context(const struct inode *inode)
{
	/* Pairs with the release of who allocates it. */
	return smp_load_acquire(&inode->i_flctx);
}
#endif

/*
 * 6.9: ->d_real() is told what kind of dentry is wanted. Before, the inode that
 * it must have, which may be that of @dentry itself; NULL: the lowest.
 */
#ifdef FMAP_HAVE_D_REAL_TYPE
#define fmap_d_real_arg_t	enum d_real_type

static inline bool fmap_d_real_is_self(const struct dentry *dentry,
				       enum d_real_type type)
{
	return false;
}
#else
#define fmap_d_real_arg_t	const struct inode *

static inline bool fmap_d_real_is_self(const struct dentry *dentry,
				       const struct inode *inode)
{
	return inode == d_inode(dentry);
}
#endif

/* 6.12: f_owner is a pointer. Before, it is part of the file: always there. */
#ifndef FMAP_HAVE_F_OWNER_ALLOCATE
static inline struct fown_struct *file_f_owner(struct file *file)
{
	return &file->f_owner;
}

static inline int file_f_owner_allocate(struct file *file)
{
	return 0;
}
#endif

/* 6.5: checks, then calls ->splice_read(). Our callers have checked before. */
#ifndef FMAP_HAVE_VFS_SPLICE_READ
static inline long vfs_splice_read(struct file *in, loff_t *ppos,
				   struct pipe_inode_info *pipe, size_t len,
				   unsigned int flags)
{
	if (!in->f_op->splice_read)
		return -EINVAL;
	return in->f_op->splice_read(in, ppos, pipe, len, flags);
}
#endif

/* 6.6: a flag that we only ever clear. */
#ifndef IOCB_DIO_CALLER_COMP
#define IOCB_DIO_CALLER_COMP	0
#endif

/*
 * 6.2: a program's ACLs are got and set by operations of their own, and the one
 * for permission checks has another name. Before, programs have them as extended
 * attributes like others.
 */
#ifdef FMAP_HAVE_VFS_ACL
#define FMAP_ACL_IOPS	.get_inode_acl = fmap_get_inode_acl, \
			.get_acl = fmap_get_acl, .set_acl = fmap_set_acl,
#else
#define FMAP_ACL_IOPS	.get_acl = fmap_get_inode_acl,
#define get_inode_acl	get_acl
#endif

/* 6.5: the same under a name that says for whom. Before, without that. */
#ifndef FMAP_HAVE_KERNEL_TMPFILE_OPEN
#define kernel_tmpfile_open	vfs_tmpfile_open
#endif

/* 6.11: untorn writes. Before, no file can have them. */
#ifndef FMODE_CAN_ATOMIC_WRITE
#define FMODE_CAN_ATOMIC_WRITE	((__force fmode_t)0)
#endif

/*
 * 6.5: a handle may be asked for that need not lead back to the file. Before,
 * all do.
 */
#ifdef FMAP_HAVE_EXPORT_FH_FLAGS
#define fmap_do_encode_fh(inode, fid, len, parent) \
	exportfs_encode_inode_fh(inode, fid, len, parent, 0)
#else
#define fmap_do_encode_fh	exportfs_encode_inode_fh
#endif

/* 6.10: marks are put on an object. Before, on the pointer in it to its marks. */
#ifdef FMAP_HAVE_FSNOTIFY_OBJECT
#define fmap_do_add_sb_mark(mark, sb) \
	fsnotify_add_mark(mark, sb, FSNOTIFY_OBJ_TYPE_SB, 0)
#else
#define fmap_do_add_sb_mark(mark, sb) \
	fsnotify_add_mark(mark, &(sb)->s_fsnotify_marks, FSNOTIFY_OBJ_TYPE_SB, \
			  0, NULL)
#endif

/*
 * 6.6: a freeze is the user's or the kernel's own. Before, nobody is told: the
 * last parameter is not there.
 */
#ifdef FMAP_HAVE_FREEZE_HOLDER
#define FMAP_FREEZE_PARAMS(sb)	struct super_block *(sb), enum freeze_holder who
#define FMAP_FREEZE_ARGS(sb)	(sb), who
#else
#define FMAP_FREEZE_PARAMS(sb)	struct super_block *(sb)
#define FMAP_FREEZE_ARGS(sb)	(sb)
#endif

#ifdef FMAP_HAVE_BACKING_FILE
#include <linux/backing-file.h>

/* 6.12.y: the user's file. Before, its path, which is all that we need of it. */
#ifndef FMAP_BACKING_USER_FILE
#define backing_file_open(user_file, flags, path, cred) \
	backing_file_open(&(user_file)->f_path, flags, path, cred)
#endif

/* The file for read and write: a backing file holds write access below, too. */
static inline struct file *fmap_open_io(struct file *backing, int flags,
					const struct path *path,
					const struct cred *cred)
{
	return get_file(backing);
}

#else /* !FMAP_HAVE_BACKING_FILE */

/*
 * 6.8 (6.5 in a first form): backing files. Before, a file with the user's path
 * and the lower inode does the same as long as ->d_real() tells the lower
 * filesystem its own dentry. Access times and events through it would reach our
 * inode, so there are none: they come from the file for read and write.
 */
static inline struct file *backing_file_open(const struct file *user_file,
					     int flags, const struct path *path,
					     const struct cred *cred)
{
	return open_with_fake_path(&user_file->f_path,
				   flags | O_NOATIME |
				   (__force int)FMODE_NONOTIFY,
				   d_inode(path->dentry), cred);
}

/* What a fake path is for. */
static inline const struct path *file_user_path(const struct file *file)
{
	return &file->f_path;
}

/* Write access of a fake path is that of our mount, so another file holds it. */
static inline struct file *fmap_open_io(struct file *backing, int flags,
					const struct path *path,
					const struct cred *cred)
{
	return dentry_open(path, flags, cred);
}

struct backing_file_ctx {
	const struct cred *cred;
	struct file *user_file;
	void (*accessed)(struct file *file);
};

/* No LSM sees the backing file here: security_mmap_backing_file() is newer. */
static inline int backing_file_mmap(struct file *file,
				    struct vm_area_struct *vma,
				    struct backing_file_ctx *ctx)
{
	int err;

	if (!file->f_op->mmap)
		return -ENODEV;
	vma_set_file(vma, file);
	err = call_mmap(file, vma);
	if (ctx->accessed)
		ctx->accessed(ctx->user_file);
	return err;
}
#endif /* FMAP_HAVE_BACKING_FILE */

/*
 * 6.8: vfs_iocb_iter_write() takes freeze protection itself, and gives it back
 * unless the write is queued. It came with the backing file helpers.
 */
static inline ssize_t fmap_iocb_iter_write(struct file *file,
					   struct kiocb *iocb,
					   struct iov_iter *iter)
{
#ifdef FMAP_HAVE_BACKING_FILE
	return vfs_iocb_iter_write(file, iocb, iter);
#else
	ssize_t ret;

	kiocb_start_write(iocb);
	ret = vfs_iocb_iter_write(file, iocb, iter);
	if (ret != -EIOCBQUEUED)
		kiocb_end_write(iocb);
	return ret;
#endif
}

/*
 * 6.4: the per-VMA lock. Before, the fault lock is always mmap_lock, and no flag
 * tells otherwise.
 */
#ifdef FMAP_HAVE_VMA_LOCK
static inline bool fmap_holds_vma_lock(const struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_VMA_LOCK;
}
#else
static inline bool fmap_holds_vma_lock(const struct vm_fault *vmf)
{
	return false;
}

static inline void release_fault_lock(struct vm_fault *vmf)
{
	mmap_read_unlock(vmf->vma->vm_mm);
}
#endif

/* 6.5: a pmd is one word on x86-64, read at once by either name. */
#ifndef FMAP_HAVE_PMDP_GET_LOCKLESS
#define pmdp_get_lockless(pmdp)	READ_ONCE(*(pmdp))
#endif

/* 6.3: the flags of a VMA are written through functions. */
#ifndef FMAP_HAVE_VM_FLAGS_INIT
static inline void vm_flags_init(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags = flags;
}
#endif

/*
 * 6.10: fault-around lowers mmap_miss for a cached page unless that was evicted
 * a short while ago. Before, for each.
 */
static inline bool fmap_counts_as_hit(struct folio *folio)
{
#ifdef FMAP_HAVE_MM_GET_UNMAPPED_AREA
	return !folio_test_workingset(folio);
#else
	return true;
#endif
}

/* 6.8: whether pages must not change under writeback is the mapping's. */
static inline bool fmap_stable_writes(const struct address_space *mapping)
{
#ifdef FMAP_HAVE_STABLE_MAPPING
	return mapping_stable_writes(mapping);
#else
	return mapping->host->i_sb->s_iflags & SB_I_STABLE_WRITES;
#endif
}

/* 6.10: the function of an mm. Before, a pointer in it. */
#ifndef FMAP_HAVE_MM_GET_UNMAPPED_AREA
#define mm_get_unmapped_area(mm, file, addr, len, pgoff, flags) \
	((mm)->get_unmapped_area(file, addr, len, pgoff, flags))
#endif

/* 6.12: minimum folio orders. Before, a folio of any mapping may be one page. */
#ifndef FMAP_HAVE_MIN_FOLIO_ORDER
static inline unsigned int
mapping_min_folio_order(const struct address_space *mapping)
{
	return 0;
}
#endif

/* 6.12: PG_error is gone, and with it what a new read has to clear. */
#ifndef FMAP_HAVE_FOLIO_ERROR
static inline void folio_clear_error(struct folio *folio)
{
}
#endif

#endif /* _FMAPFS_COMPAT_H */

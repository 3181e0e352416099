/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Older kernels made to look like the newest one. Force-included before every
 * file, so that nothing else has to know a version. Each shim says which
 * release brought what it stands in for and why it is as good; it goes with the
 * last kernel that needs it. The probes are in Kbuild.
 */
#ifndef _FMAPFS_COMPAT_H
#define _FMAPFS_COMPAT_H

#include <linux/version.h>

#if KERNEL_VERSION(6, 1, 0) > LINUX_VERSION_CODE
#error "fmapfs wants Linux 6.1 or newer"
#endif

#include <linux/dcache.h>
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
 * 6.16: a freeze names its owner. 6.6: it is the user's or the kernel's own.
 * Before, nobody is told: the last parameters are not there.
 */
#if defined(FMAP_HAVE_FREEZE_OWNER)
#define FMAP_FREEZE_PARAMS(sb) \
	struct super_block *(sb), enum freeze_holder who, const void *owner
#define FMAP_FREEZE_ARGS(sb)	(sb), who, owner
#elif defined(FMAP_HAVE_FREEZE_HOLDER)
#define FMAP_FREEZE_PARAMS(sb)	struct super_block *(sb), enum freeze_holder who
#define FMAP_FREEZE_ARGS(sb)	(sb), who
#else
#define FMAP_FREEZE_PARAMS(sb)	struct super_block *(sb)
#define FMAP_FREEZE_ARGS(sb)	(sb)
#endif

/*
 * 6.14: ->d_revalidate() is told the directory and a name that keeps still, for
 * filesystems that ask a server.
 */
#ifdef FMAP_HAVE_D_REVALIDATE_NAME
#define FMAP_D_REVALIDATE_ARGS	struct inode *dir, const struct qstr *name,

static inline int fmap_do_d_revalidate(struct dentry *dentry, unsigned int flags)
{
	struct dentry *parent = NULL;
	struct name_snapshot name;
	struct inode *dir;
	int ret;

	if (flags & LOOKUP_RCU) {
		dir = d_inode_rcu(READ_ONCE(dentry->d_parent));
		if (!dir)
			return -ECHILD;
	} else {
		parent = dget_parent(dentry);
		dir = d_inode(parent);
	}
	take_dentry_name_snapshot(&name, dentry);
	ret = dentry->d_op->d_revalidate(dir, &name.name, dentry, flags);
	release_dentry_name_snapshot(&name);
	dput(parent);
	return ret;
}
#else
#define FMAP_D_REVALIDATE_ARGS

static inline int fmap_do_d_revalidate(struct dentry *dentry, unsigned int flags)
{
	return dentry->d_op->d_revalidate(dentry, flags);
}
#endif

/* 6.17: the mount's default. Before, a member that anybody may set. */
#ifndef FMAP_HAVE_SET_DEFAULT_D_OP
static inline void set_default_d_op(struct super_block *sb,
				    const struct dentry_operations *ops)
{
	sb->s_d_op = ops;
}
#endif

/* 6.17: the same under the name that it has for programs. */
#ifndef FMAP_HAVE_FILE_KATTR
#define file_kattr	fileattr
#endif

/* 6.18: the same under another name. */
#ifndef FMAP_HAVE_INODE_JUST_DROP
#define inode_just_drop	generic_delete_inode
#endif

/* 6.19: i_state is read through functions. */
#ifndef FMAP_HAVE_INODE_STATE
static inline unsigned long inode_state_read_once(struct inode *inode)
{
	return READ_ONCE(inode->i_state);
}
#endif

/* 6.16: a name with its length in one. */
#ifndef FMAP_HAVE_LOOKUP_QSTR
static inline struct dentry *fmap_lookup_one_unlocked(struct mnt_idmap *idmap,
						      const struct qstr *name,
						      struct dentry *base)
{
	return lookup_one_unlocked(idmap, name->name, base, name->len);
}

#define lookup_one_unlocked	fmap_lookup_one_unlocked
#endif

/*
 * 6.19: vfs_mkdir() returns the dentry, maybe another one, and has ended what its
 * caller began if it fails. ->mkdir() says of another one what ->lookup() says.
 */
#ifdef FMAP_HAVE_MKDIR_DENTRY
#define fmap_mkdir_ret_t	struct dentry *
#define FMAP_MKDIR_RET(err)	ERR_PTR(err)
#else
#define fmap_mkdir_ret_t	int
#define FMAP_MKDIR_RET(err)	(err)

static inline struct dentry *fmap_vfs_mkdir(struct mnt_idmap *idmap,
					    struct inode *dir,
					    struct dentry *dentry, umode_t mode)
{
	int err = vfs_mkdir(idmap, dir, dentry, mode);

	if (!err)
		return dentry;
	inode_unlock(dir);
	dput(dentry);
	return ERR_PTR(err);
}

#define vfs_mkdir(idmap, dir, dentry, mode, deleg) \
	fmap_vfs_mkdir(idmap, dir, dentry, mode)
#endif

/* 6.19: may be told of a delegation of the directory, which we do not ask for. */
#ifndef FMAP_HAVE_DIR_DELEG
#define vfs_mknod(idmap, dir, dentry, mode, dev, deleg) \
	vfs_mknod(idmap, dir, dentry, mode, dev)
#define vfs_symlink(idmap, dir, dentry, target, deleg) \
	vfs_symlink(idmap, dir, dentry, target)
#define vfs_rmdir(idmap, dir, dentry, deleg)	vfs_rmdir(idmap, dir, dentry)
#endif

/* 7.0: the same, and finds the directory itself. */
#ifndef FMAP_HAVE_VFS_CREATE_DENTRY
static inline int fmap_vfs_create(struct mnt_idmap *idmap,
				  struct dentry *dentry, umode_t mode)
{
	return vfs_create(idmap, d_inode(dentry->d_parent), dentry, mode, true);
}

#define vfs_create(idmap, dentry, mode, deleg) \
	fmap_vfs_create(idmap, dentry, mode)
#endif

/*
 * 7.3: ->create() is not told of O_EXCL: nobody calls it for a name that is there.
 * We look for ourselves.
 */
#ifdef FMAP_CREATE_HAS_EXCL
#define fmap_create(idmap, dir, dentry, mode) \
	fmap_create(idmap, dir, dentry, mode, bool excl)
#endif

/* 6.18: one mapping for both ends, and the directories' dentries. */
#ifndef FMAP_HAVE_RENAMEDATA_PARENT
struct fmap_renamedata {
	struct mnt_idmap *mnt_idmap;
	struct dentry *old_parent;
	struct dentry *old_dentry;
	struct dentry *new_parent;
	struct dentry *new_dentry;
	unsigned int flags;
};

static inline int fmap_vfs_rename(const struct fmap_renamedata *from)
{
	struct renamedata rd = {
		.old_mnt_idmap	= from->mnt_idmap,
		.old_dir	= d_inode(from->old_parent),
		.old_dentry	= from->old_dentry,
		.new_mnt_idmap	= from->mnt_idmap,
		.new_dir	= d_inode(from->new_parent),
		.new_dentry	= from->new_dentry,
		.flags		= from->flags,
	};

	return vfs_rename(&rd);
}

#define renamedata	fmap_renamedata
#define vfs_rename	fmap_vfs_rename
#endif

/*
 * 6.19: lock both directories of a rename, and check that the names are still in
 * them and none is above the other. This does the same.
 */
#ifndef FMAP_HAVE_START_RENAMING
static inline int fmap_check_renaming(const struct renamedata *rd,
				      const struct dentry *old,
				      const struct dentry *new,
				      const struct dentry *trap)
{
	if (old->d_parent != rd->old_parent || d_unhashed(old) ||
	    new->d_parent != rd->new_parent || d_unhashed(new) || old == trap)
		return -EINVAL;
	if (new == trap)
		return rd->flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	if (rd->flags & RENAME_NOREPLACE && d_is_positive(new))
		return -EEXIST;
	return 0;
}

static inline int start_renaming_two_dentries(struct renamedata *rd,
					      struct dentry *old,
					      struct dentry *new)
{
	struct dentry *trap = lock_rename(rd->old_parent, rd->new_parent);
	int err;

	if (IS_ERR(trap))
		return PTR_ERR(trap);
	err = fmap_check_renaming(rd, old, new, trap);
	if (err) {
		unlock_rename(rd->old_parent, rd->new_parent);
		return err;
	}
	rd->old_dentry = dget(old);
	rd->new_dentry = dget(new);
	return 0;
}

static inline void end_renaming(struct renamedata *rd)
{
	unlock_rename(rd->old_parent, rd->new_parent);
	dput(rd->old_dentry);
	dput(rd->new_dentry);
}
#endif

/* 7.1: the same, and says whether somebody is still filling it. */
#ifndef FMAP_HAVE_ILOOKUP_ISNEW
#define ilookup5_nowait(sb, hashval, test, data, isnew) \
	((void)(isnew), ilookup5_nowait(sb, hashval, test, data))
#endif

#ifdef FMAP_HAVE_BACKING_FILE
#include <linux/backing-file.h>

/* 6.12.y: the user's file. Before, its path, which is all that we need of it. */
#ifndef FMAP_BACKING_USER_FILE
#define backing_file_open(user_file, flags, path, cred) \
	backing_file_open(&(user_file)->f_path, flags, path, cred)
#endif

/* 6.14: the user's file is that of the VMA. Before, it is named as well. */
#ifdef FMAP_BACKING_CTX_USER_FILE
static inline int fmap_backing_file_mmap(struct file *file,
					 struct vm_area_struct *vma,
					 struct backing_file_ctx *ctx)
{
	ctx->user_file = vma->vm_file;
	return backing_file_mmap(file, vma, ctx);
}

#define backing_file_mmap	fmap_backing_file_mmap
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
	void (*accessed)(struct file *file);
};

/* No LSM sees the backing file here: security_mmap_backing_file() is newer. */
static inline int backing_file_mmap(struct file *file,
				    struct vm_area_struct *vma,
				    struct backing_file_ctx *ctx)
{
	struct file *user_file = vma->vm_file;
	int err;

	if (!file->f_op->mmap)
		return -ENODEV;
	vma_set_file(vma, file);
	err = call_mmap(file, vma);
	if (ctx->accessed)
		ctx->accessed(user_file);
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
 * 7.1: mappings that no miss is counted for need no hit counted either. Before,
 * hits always count.
 */
#ifdef FMAP_HAVE_VM_OPS_MAPPED
#define FMAP_NO_MISS_FLAGS	(VM_SEQ_READ | VM_EXEC)
#else
#define FMAP_NO_MISS_FLAGS	VM_NONE
#endif

/*
 * 7.1: fault-around lowers mmap_miss by one if it ends a fault that is not tried
 * again, but not for what was evicted a short while ago. 6.10: by one for each
 * cached page of the window that was not. Before, for each.
 */
#ifdef FMAP_HAVE_VM_OPS_MAPPED
#define FMAP_HITS_END_FAULTS	true

static inline bool fmap_counts_as_hit(const struct vm_fault *vmf,
				      struct folio *folio, pgoff_t index)
{
	return index == vmf->pgoff && !(vmf->flags & FAULT_FLAG_TRIED) &&
	       !folio_test_workingset(folio) &&
	       !(vmf->vma->vm_flags & FMAP_NO_MISS_FLAGS);
}
#else
#define FMAP_HITS_END_FAULTS	false

static inline bool fmap_counts_as_hit(const struct vm_fault *vmf,
				      struct folio *folio, pgoff_t index)
{
#ifdef FMAP_HAVE_MM_GET_UNMAPPED_AREA
	return !folio_test_workingset(folio);
#else
	return true;
#endif
}
#endif

/* 7.1: ->fault counts no hit on a locked folio: another fault is at it. */
static inline bool fmap_hit_is_shared(struct folio *folio)
{
#ifdef FMAP_HAVE_VM_OPS_MAPPED
	return folio_test_locked(folio);
#else
	return false;
#endif
}

/* 7.1: readahead up to the end of the file leaves no marker. Before, it may. */
static inline unsigned long fmap_ra_ahead_at_eof(unsigned long ahead)
{
#ifdef FMAP_HAVE_VM_OPS_MAPPED
	return 0;
#else
	return ahead;
#endif
}

/*
 * 7.1: MADV_HUGEPAGE reads whole PMDs where the mapping can have large folios.
 * Before, everywhere.
 */
static inline bool fmap_reads_huge(struct address_space *mapping)
{
#ifdef FMAP_HAVE_VM_OPS_MAPPED
	return mapping_large_folio_support(mapping);
#else
	return true;
#endif
}

/*
 * Before 7.1 a file that does not have large folios by itself counts those that
 * khugepaged made of it.
 */
static inline bool fmap_may_have_huge(struct address_space *mapping)
{
#ifdef FMAP_HAVE_NR_THPS
	return mapping_large_folio_support(mapping) || filemap_nr_thps(mapping);
#else
	return true;
#endif
}

/* 7.1: fault-around maps a large folio whole. Before, what is in the window. */
#ifdef FMAP_HAVE_VM_OPS_MAPPED
#define FMAP_MAPS_WHOLE_FOLIOS	true
#else
#define FMAP_MAPS_WHOLE_FOLIOS	false
#endif

/*
 * 6.16: read-around is of the smallest folios, and the order from which
 * readahead goes on is in file_ra_state. Before, large folios are chosen at once,
 * by what is not exported.
 */
#ifdef FMAP_HAVE_RA_ORDER
#define FMAP_AROUND_IS_SMALL	true

static inline void fmap_set_ra_order(struct file_ra_state *ra, unsigned int order)
{
	ra->order = order;
}
#else
#define FMAP_AROUND_IS_SMALL	false

static inline void fmap_set_ra_order(struct file_ra_state *ra, unsigned int order)
{
}
#endif

/* 6.16: executable mappings have readahead of their own. */
#ifdef FMAP_HAVE_EXEC_RA
#define FMAP_EXEC_RA_FLAG	VM_EXEC
#else
#define FMAP_EXEC_RA_FLAG	VM_NONE

static inline unsigned int exec_folio_order(void)
{
	return 0;
}
#endif

/* 7.0: the caller holds the invalidate_lock. Before, it is taken in there. */
static inline void fmap_ra_unbounded(struct readahead_control *ractl,
				     unsigned long nr, unsigned long ahead)
{
#ifdef FMAP_RA_WANTS_LOCK
	filemap_invalidate_lock_shared(ractl->mapping);
	page_cache_ra_unbounded(ractl, nr, ahead);
	filemap_invalidate_unlock_shared(ractl->mapping);
#else
	page_cache_ra_unbounded(ractl, nr, ahead);
#endif
}

/* 7.0: a NUMA policy, or the task's. Before, the task's. */
#ifdef FMAP_HAVE_ALLOC_POLICY
#define fmap_do_alloc_folio(gfp, order)	filemap_alloc_folio(gfp, order, NULL)
#else
#define fmap_do_alloc_folio(gfp, order)	filemap_alloc_folio(gfp, order)
#endif

/* 6.8: whether pages must not change under writeback is the mapping's. */
static inline bool fmap_stable_writes(const struct address_space *mapping)
{
#ifdef FMAP_HAVE_STABLE_MAPPING
	return mapping_stable_writes(mapping);
#else
	return mapping->host->i_sb->s_iflags & SB_I_STABLE_WRITES;
#endif
}

/* 7.0: of the current mm. 6.10: of any. Before, a pointer in it. */
#ifndef FMAP_HAVE_CURRENT_UNMAPPED_AREA
#ifdef FMAP_HAVE_MM_GET_UNMAPPED_AREA
#define mm_get_unmapped_area(file, addr, len, pgoff, flags) \
	mm_get_unmapped_area(current->mm, file, addr, len, pgoff, flags)
#else
#define mm_get_unmapped_area(file, addr, len, pgoff, flags) \
	(current->mm->get_unmapped_area(file, addr, len, pgoff, flags))
#endif
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

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fmapfs: the types that its files share.
 *
 * Objects, from the mount down:
 *
 *   struct fmap_sb_info     one a mount: the lower root, the policies, the counters
 *   struct fmap_inode       one a lower inode: wraps it, owns the vm_ops copies
 *   struct fmap_file        one an open file: the lower file(s) behind it
 *   struct fmap_vm_ops      one a (inode, lower vm_ops) pair: what mappings point at
 *   struct fmap_fault       one a page fault, on the stack (fault.h)
 *
 * A mapping lives on fmap_file.backing, whose path is ours and whose inode is
 * the lower one. Through that path it pins our dentry, so our inode, its
 * vm_ops copies and the mount's counters outlive every VMA that uses them.
 */
#ifndef _FMAPFS_H
#define _FMAPFS_H

#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/percpu.h>

#include <fmapfs/counters.h>

#include "bundles.h"

#include "policy.h"

#define FMAP_NAME	"fmapfs"
#define FMAP_MAGIC	0x666d6170	/* "fmap" */

struct fiemap_extent_info;
struct file_kattr;
struct fmap_engine;
struct fmap_failures;
struct fmap_triggers;
struct fmap_installer;

/**
 * enum fmap_counter - index of each counter, in the order of counters.h
 */
enum fmap_counter {
#define FMAP_COUNTER(name, group, total, help)	FMAP_##name,
	FMAP_COUNTERS
#undef FMAP_COUNTER
	FMAP_NR_COUNTERS
};

/**
 * enum fmap_bundle - what the most usual ends of a hook count, see bundles.h
 */
enum fmap_bundle {
#define FMAP_BUNDLE(name, ...)	FMAP_B_##name,
	FMAP_BUNDLES
#undef FMAP_BUNDLE
	FMAP_NR_BUNDLES
};

/**
 * struct fmap_stats - one CPU's share of the counters of a mount
 * @v:		values, indexed by enum fmap_counter
 * @bundles:	how often all counters of a bundle went up, beyond that
 */
struct fmap_stats {
	u64 v[FMAP_NR_COUNTERS];
	u64 bundles[FMAP_NR_BUNDLES];
};

/**
 * struct fmap_config - what the mount options choose
 * @engine:	what a fault holds while it sleeps (engine=)
 * @installer:	how fault-around puts PTEs in (install=)
 * @around:	fault-around window (around=)
 * @readahead:	mmap readahead (readahead=)
 *
 * Remount stores each field that it names on its own, with WRITE_ONCE(). A fault
 * reads engine and installer here, once, and the two policies from its inode. Any
 * mix of an old and a new field is legal.
 */
struct fmap_config {
	const struct fmap_engine *engine;
	const struct fmap_installer *installer;
	struct fmap_around around;
	struct fmap_readahead readahead;
};

/**
 * struct fmap_rules - policies by path (rules.c)
 * @lock:	for writing: changes to @list and to the mount's own policies;
 *		for reading: giving an inode its policies
 * @list:	the rules, first to last
 * @nr:		how many
 */
struct fmap_rules {
	struct rw_semaphore lock;	/* list, fmap_sb_info.config */
	struct list_head list;
	unsigned int nr;
};

/**
 * struct fmap_sb_info - a mount
 * @lower:	root of the lower tree, on a private clone of its mount
 * @config:	the policies in force, for files that no rule is for
 * @rules:	policies by path
 * @stats:	counters
 * @live:	among the mounts that there are (stats.c)
 * @failures:	the last failed accesses
 * @triggers:	conditions to be made to happen
 * @debugfs:	this mount's debugfs directory
 * @lower_dev:	st_dev of the lower root: files that have it show ours instead
 * @shares_mapping: an open file's f_mapping is that of the lower inode
 * @lower_wb_err: writeback errors of the lower filesystem already passed on
 * @wb_err_lock: serialises passing them on
 * @watch:	what tells us of files that are unlinked below (watch.c)
 * @rcu:	RCU path walk may look here until a grace period after unmount
 */
struct fmap_sb_info {
	struct path lower;
	struct fmap_config config;
	struct fmap_rules rules;
	struct fmap_stats __percpu *stats;
	struct list_head live;
	struct fmap_failures *failures;
	struct fmap_triggers *triggers;
	struct dentry *debugfs;
	dev_t lower_dev;
	bool shares_mapping;
	errseq_t lower_wb_err;
	spinlock_t wb_err_lock;	/* lower_wb_err */
	struct fmap_watch *watch;
	struct rcu_head rcu;
};

/**
 * struct fmap_inode - our inode over a lower one
 * @vfs_inode:	the inode that the VFS sees
 * @lower:	the lower inode, referenced
 * @vm_ops:	copies of the lower's vm_ops, newest first (map.c)
 * @history:	what around=adaptive remembers; written without a lock, as one word
 * @vm_ops_lock: serialises additions to @vm_ops
 * @around:	fault-around policy, set when the file is opened (rules.c)
 * @readahead:	mmap readahead policy, the same
 * @reads:	what readahead=adaptive remembers; written without a lock
 */
struct fmap_inode {
	struct inode vfs_inode;
	struct inode *lower;
	struct fmap_vm_ops *vm_ops;
	struct fmap_history history;
	spinlock_t vm_ops_lock;	/* additions to vm_ops */
	struct fmap_around around;
	struct fmap_readahead readahead;
	struct fmap_reads reads;
};

/**
 * struct fmap_file - the lower files behind one open file of ours
 * @backing:	lower inode, our path: what mmap puts the VMA on, and what file
 *		locks are taken on, so that they live as long as a mapping does
 * @lower:	what read and write go to. The same file as @backing where the
 *		kernel has backing_file_open(), and for directories; before that
 *		(6.1) a second file that holds write access to the lower mount
 */
struct fmap_file {
	struct file *backing;
	struct file *lower;
};

static inline struct fmap_sb_info *fmap_sbi(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct fmap_inode *fmap_i(const struct inode *inode)
{
	return container_of(inode, struct fmap_inode, vfs_inode);
}

static inline struct inode *fmap_lower_inode(const struct inode *inode)
{
	return fmap_i(inode)->lower;
}

static inline struct fmap_file *fmap_file(const struct file *file)
{
	return file->private_data;
}

static inline struct file *fmap_lower_file(const struct file *file)
{
	return fmap_file(file)->lower;
}

/* The lower dentry, which d_fsdata holds a reference on as long as ours lives. */
static inline struct dentry *fmap_lower_dentry(const struct dentry *dentry)
{
	return dentry->d_fsdata;
}

/* Not referenced: valid as long as the caller holds @dentry. */
static inline struct path fmap_lower_path(const struct dentry *dentry)
{
	return (struct path) {
		.mnt = fmap_sbi(dentry->d_sb)->lower.mnt,
		.dentry = fmap_lower_dentry(dentry),
	};
}

/* main.c */
extern struct file_system_type fmap_fs_type;

/* params.c */
int fmap_init_fs_context(struct fs_context *fc);
void fmap_config_init(struct fmap_config *config);
int fmap_show_options(struct seq_file *m, struct dentry *root);

/* super.c */
int fmap_get_tree(struct fs_context *fc);
int fmap_reconfigure(struct fs_context *fc);
void fmap_free_sbi(struct fmap_sb_info *sbi);
void fmap_kill_sb(struct super_block *sb);
extern const struct super_operations fmap_super_ops;

/* inode.c */
struct inode *fmap_iget(struct super_block *sb, struct inode *lower);
struct inode *fmap_ilookup(struct super_block *sb, struct inode *lower);
struct inode *fmap_alloc_inode(struct super_block *sb);
void fmap_free_inode(struct inode *inode);
void fmap_evict_inode(struct inode *inode);
int fmap_inode_cache_init(void);
void fmap_inode_cache_exit(void);
extern const struct inode_operations fmap_file_iops;

/* attr.c */
void fmap_copy_attr(struct inode *inode);
void fmap_copy_owner(struct inode *inode);
bool fmap_stale(const struct inode *inode);
void fmap_refresh(struct inode *inode);
int fmap_permission(struct mnt_idmap *idmap, struct inode *inode, int mask);
int fmap_getattr(struct mnt_idmap *idmap, const struct path *path,
		 struct kstat *stat, u32 request_mask, unsigned int flags);
int fmap_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
		 struct iattr *attr);

/* dentry.c */
void fmap_dentry_attach(struct dentry *dentry, struct dentry *lower);
void fmap_dentry_stamp(struct dentry *dentry);
void fmap_dentry_adopt(struct dentry *dentry, struct dentry *lower);
extern const struct dentry_operations fmap_dentry_ops;

/* watch.c */
int fmap_watch_begin(struct super_block *sb);
void fmap_watch_end(struct super_block *sb);
void fmap_watch_exit(void);

/* dir.c */
extern const struct inode_operations fmap_dir_iops;

/* readdir.c */
extern const struct file_operations fmap_dir_fops;

/* export.c */
void fmap_inherit_handles(struct super_block *sb, const struct dentry *lower);

/* file.c */
int fmap_release(struct inode *inode, struct file *file);
int fmap_flush(struct file *file, fl_owner_t id);
void fmap_share_wb_err(const struct file *file);
void fmap_written(const struct file *file);
int fmap_fsync(struct file *file, loff_t start, loff_t end, int datasync);
loff_t fmap_llseek(struct file *file, loff_t offset, int whence);
struct fmap_file *fmap_file_alloc(void);
void fmap_file_free(struct fmap_file *ff);
int fmap_sync_flags(struct file *file, struct file *lower);
unsigned int fmap_lower_flags(const struct file *file);
bool fmap_is_file_blind(const struct super_block *lower);
extern const struct file_operations fmap_file_fops;
int fmap_file_cache_init(void);
void fmap_file_cache_exit(void);

/* io.c */
ssize_t fmap_read_iter(struct kiocb *iocb, struct iov_iter *iter);
ssize_t fmap_write_iter(struct kiocb *iocb, struct iov_iter *iter);
ssize_t fmap_splice_read(struct file *in, loff_t *ppos,
			 struct pipe_inode_info *pipe, size_t len,
			 unsigned int flags);
ssize_t fmap_splice_write(struct pipe_inode_info *pipe, struct file *out,
			  loff_t *ppos, size_t len, unsigned int flags);
int fmap_io_init(void);
void fmap_io_exit(void);

/* copy.c */
ssize_t fmap_copy_file_range(struct file *in, loff_t pos_in, struct file *out,
			     loff_t pos_out, size_t len, unsigned int flags);
loff_t fmap_remap_file_range(struct file *in, loff_t pos_in, struct file *out,
			     loff_t pos_out, loff_t len, unsigned int flags);

/* ioctl.c */
int fmap_fileattr_get(struct dentry *dentry, struct file_kattr *fa);
int fmap_fileattr_set(struct mnt_idmap *idmap, struct dentry *dentry,
		      struct file_kattr *fa);
int fmap_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start,
		u64 len);
long fmap_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
#ifdef CONFIG_COMPAT
long fmap_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
#define FMAP_COMPAT_IOCTL	.compat_ioctl = fmap_compat_ioctl,
#else
#define FMAP_COMPAT_IOCTL
#endif

/* lock.c */
int fmap_lock(struct file *file, int cmd, struct file_lock *fl);
int fmap_flock(struct file *file, int cmd, struct file_lock *fl);
int fmap_setlease(struct file *file, fmap_lease_arg_t arg,
		  struct file_lease **lease, void **priv);
void fmap_drop_stray_locks(struct file *lower);

/* xattr.c */
ssize_t fmap_listxattr(struct dentry *dentry, char *list, size_t size);
extern const struct xattr_handler * const fmap_xattr_handlers[];

/* acl.c */
struct posix_acl *fmap_get_inode_acl(struct inode *inode, int type, bool rcu);
struct posix_acl *fmap_get_acl(struct mnt_idmap *idmap, struct dentry *dentry,
			       int type);
int fmap_set_acl(struct mnt_idmap *idmap, struct dentry *dentry,
		 struct posix_acl *acl, int type);

/* map.c */
int fmap_mmap(struct file *file, struct vm_area_struct *vma);
unsigned long fmap_get_unmapped_area(struct file *file, unsigned long addr,
				     unsigned long len, unsigned long pgoff,
				     unsigned long flags);
void fmap_vm_ops_free(struct fmap_inode *fi);

/* cached.c */
void fmap_adaptive_open(struct fmap_inode *fi);

/* stats.c */
int fmap_stats_init(struct fmap_sb_info *sbi);
void fmap_stats_exit(struct fmap_sb_info *sbi);
u64 fmap_stats_sum(const struct fmap_sb_info *sbi, enum fmap_counter c);
u64 fmap_stats_total(enum fmap_counter c);
void fmap_stats_reset(struct fmap_sb_info *sbi);

/* failures.c */
int fmap_failures_init(struct fmap_sb_info *sbi);
void fmap_failures_exit(struct fmap_sb_info *sbi);
void fmap_failure(const struct fmap_sb_info *sbi, struct file *file, pgoff_t pgoff,
		  enum fmap_counter reason, int err);
int fmap_failures_show(struct seq_file *m, const struct fmap_sb_info *sbi);

/* condition.c */
int fmap_conditions_init(void);
void fmap_conditions_exit(void);

/* trigger.c */
int fmap_triggers_init(struct fmap_sb_info *sbi);
void fmap_triggers_exit(struct fmap_sb_info *sbi);
int fmap_triggers_write(struct fmap_sb_info *sbi, char *line);
void fmap_triggers_show(struct seq_file *m, const struct fmap_sb_info *sbi);

/* debugfs.c */
const char *fmap_counter_name(enum fmap_counter c);
void fmap_debugfs_init(void);
void fmap_debugfs_exit(void);
void fmap_debugfs_add(struct super_block *sb);
void fmap_debugfs_remove(struct super_block *sb);

#endif /* _FMAPFS_H */

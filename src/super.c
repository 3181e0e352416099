// SPDX-License-Identifier: GPL-2.0
/*
 * The superblock: a tree of the lower filesystem, seen through a private clone
 * of its mount, so that nothing done to the mounts of the system later takes it
 * away or changes it.
 */
#include <linux/errseq.h>
#include <linux/fs_context.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include <linux/user_namespace.h>

#include "lower.h"
#include "rules.h"

#define fmap_errorf(fc, fmt, ...) errorf(fc, FMAP_NAME ": " fmt, ##__VA_ARGS__)

#define FMAP_PSEUDO	"its files are made up by the kernel as they are read"
#define FMAP_CONTROL	"its files control the kernel and have no page cache"

/* Lower filesystems that cannot work, and why. */
static const struct {
	const char *fs;
	const char *reason;
} fmap_refused[] = {
	{ "coda",		"its mappings find their state behind vm_ops" },
	{ "hugetlbfs",		"its mappings are not made of page-cache pages" },
	{ "autofs",		"it mounts other filesystems where one looks" },
	{ "proc",		FMAP_PSEUDO },
	{ "sysfs",		FMAP_PSEUDO },
	{ "debugfs",		FMAP_PSEUDO },
	{ "tracefs",		FMAP_PSEUDO },
	{ "securityfs",		FMAP_PSEUDO },
	{ "efivarfs",		FMAP_PSEUDO },
	{ "rpc_pipefs",		FMAP_PSEUDO },
	{ "configfs",		FMAP_CONTROL },
	{ "cgroup",		FMAP_CONTROL },
	{ "cgroup2",		FMAP_CONTROL },
	{ "cpuset",		FMAP_CONTROL },
	{ "resctrl",		FMAP_CONTROL },
	{ "binfmt_misc",	FMAP_CONTROL },
	{ "functionfs",		FMAP_CONTROL },
	{ "fusectl",		FMAP_CONTROL },
	{ "nfsd",		FMAP_CONTROL },
	{ "selinuxfs",		FMAP_CONTROL },
	{ "smackfs",		FMAP_CONTROL },
	{ "devpts",		"its terminals belong to their own mount" },
	{ "mqueue",		"its message queues are not files" },
	{ "bpf",		"its objects are not files" },
	{ "pstore",		"its files go with the records behind them" },
};

static const char *fmap_refusal(const struct super_block *lower)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(fmap_refused); i++)
		if (!strcmp(lower->s_type->name, fmap_refused[i].fs))
			return fmap_refused[i].reason;
	if (lower->s_flags & SB_NOUSER)
		return FMAP_PSEUDO;
	return NULL;
}

static int fmap_check_lower(struct fs_context *fc, const struct path *path)
{
	const struct super_block *lower = path->dentry->d_sb;
	const char *name = lower->s_type->name;
	const char *reason;

	if (lower->s_type == &fmap_fs_type) {
		fmap_errorf(fc, "%s is on fmapfs already: fmapfs over fmapfs is refused",
			    fc->source);
		return -ELOOP;
	}
	reason = fmap_refusal(lower);
	if (reason) {
		fmap_errorf(fc, "%s: %s cannot be the lower filesystem: %s",
			    fc->source, name, reason);
		return -EINVAL;
	}
	if (IS_CASEFOLDED(d_inode(path->dentry))) {
		fmap_errorf(fc, "%s is a case-folded directory: these are refused",
			    fc->source);
		return -EINVAL;
	}
	if (lower->s_stack_depth >= FILESYSTEM_MAX_STACK_DEPTH) {
		fmap_errorf(fc, "%s: %s is stacked too deeply to have another filesystem over it",
			    fc->source, name);
		return -ELOOP;
	}
	/* What set-user-ID means there must not reach beyond that namespace. */
	if (lower->s_user_ns != &init_user_ns) {
		fmap_errorf(fc, "%s: %s belongs to another user namespace",
			    fc->source, name);
		return -EPERM;
	}
	return 0;
}

static int fmap_find_lower(struct fs_context *fc, struct path *path)
{
	int err;

	if (!fc->source || !*fc->source) {
		fmap_errorf(fc, "no lower directory: mount -t fmapfs LOWER MNT");
		return -EINVAL;
	}
	err = kern_path(fc->source, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, path);
	if (err)
		fmap_errorf(fc, "lower directory %s: %s", fc->source,
			    err == -ENOENT ? "no such directory" :
			    err == -ENOTDIR ? "not a directory" :
			    err == -EACCES ? "no permission" :
			    err == -ELOOP ? "too many symbolic links" :
			    "cannot be reached");
	return err;
}

static int fmap_clone_lower(struct fs_context *fc, const struct path *path,
			    struct path *lower)
{
	struct vfsmount *mnt = clone_private_mount(path);

	if (IS_ERR(mnt)) {
		fmap_errorf(fc, "%s: its mount is unbindable, locked or of another namespace",
			    fc->source);
		return PTR_ERR(mnt);
	}
	lower->mnt = mnt;
	lower->dentry = dget(path->dentry);
	return 0;
}

static int fmap_open_lower(struct fs_context *fc, struct fmap_sb_info *sbi)
{
	struct kstat stat;
	struct path path;
	int err;

	err = fmap_find_lower(fc, &path);
	if (err)
		return err;
	err = fmap_check_lower(fc, &path);
	if (!err)
		err = fmap_clone_lower(fc, &path, &sbi->lower);
	path_put(&path);
	if (err)
		return err;

	err = vfs_getattr_nosec(&sbi->lower, &stat, STATX_BASIC_STATS, 0);
	if (err)
		return err;
	sbi->lower_dev = stat.dev;
	spin_lock_init(&sbi->wb_err_lock);
	sbi->lower_wb_err = errseq_sample(&sbi->lower.dentry->d_sb->s_wb_err);
	return 0;
}

static void fmap_inherit(struct super_block *sb, const struct path *path)
{
	const struct super_block *lower = path->dentry->d_sb;

	sb->s_stack_depth = lower->s_stack_depth + 1;
	sb->s_maxbytes = lower->s_maxbytes;
	sb->s_blocksize = lower->s_blocksize;
	sb->s_blocksize_bits = lower->s_blocksize_bits;
	sb->s_time_gran = lower->s_time_gran;
	sb->s_time_min = lower->s_time_min;
	sb->s_time_max = lower->s_time_max;

	/* With ACLs below, the umask is the lower filesystem's to apply. */
	sb->s_flags |= lower->s_flags & SB_POSIXACL;
	sb->s_iflags |= lower->s_iflags & (SB_I_NOEXEC | SB_I_NODEV);
	if (path->mnt->mnt_flags & MNT_NOEXEC)
		sb->s_iflags |= SB_I_NOEXEC;
	if (path->mnt->mnt_flags & MNT_NODEV)
		sb->s_iflags |= SB_I_NODEV;
}

static int fmap_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct fmap_options *options = fc->fs_private;
	struct fmap_sb_info *sbi = fmap_sbi(sb);
	struct inode *inode;

	sbi->config = options->config;
	fmap_rules_take(&sbi->rules, &options->rules);
	fmap_inherit(sb, &sbi->lower);
	sb->s_magic = FMAP_MAGIC;
	sb->s_op = &fmap_super_ops;
	set_default_d_op(sb, &fmap_dentry_ops);
	/* Const on the newer kernels only. */
	sb->s_xattr = (void *)fmap_xattr_handlers;

	sbi->shares_mapping = fmap_is_file_blind(sbi->lower.dentry->d_sb);
	fmap_inherit_handles(sb, sbi->lower.dentry);

	inode = fmap_iget(sb, d_inode(sbi->lower.dentry));
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	sb->s_root = d_make_root(inode);
	if (!sb->s_root)
		return -ENOMEM;
	fmap_dentry_attach(sb->s_root, dget(sbi->lower.dentry));
	return fmap_watch_begin(sb);
}

/**
 * fmap_get_tree - ->get_tree: mount
 * @fc:	with the options parsed
 *
 * Each mount is an anonymous device of its own, which names its debugfs
 * directory.
 *
 * Return: 0; -EPERM, -EINVAL, -ENOENT, -ENOTDIR or -ELOOP with a message in the
 * log of @fc; another errno.
 */
int fmap_get_tree(struct fs_context *fc)
{
	struct fmap_sb_info *sbi;
	int err;

	if (fc->user_ns != &init_user_ns) {
		fmap_errorf(fc, "can only be mounted in the initial user namespace");
		return -EPERM;
	}
	sbi = kzalloc(sizeof(*sbi), GFP_KERNEL);
	if (!sbi)
		return -ENOMEM;
	fmap_rules_init(&sbi->rules);
	/* Freed with @fc unless a superblock takes it over. */
	fc->s_fs_info = sbi;
	err = fmap_open_lower(fc, sbi);
	if (err)
		return err;
	err = fmap_stats_init(sbi);
	if (err)
		return err;
	err = fmap_failures_init(sbi);
	if (err)
		return err;
	err = fmap_triggers_init(sbi);
	if (err)
		return err;

	if (__mnt_is_readonly(sbi->lower.mnt))
		fc->sb_flags |= SB_RDONLY;
	err = get_tree_nodev(fc, fmap_fill_super);
	if (err)
		return err;
	fmap_debugfs_add(fc->root->d_sb);
	return 0;
}

/**
 * fmap_reconfigure - ->reconfigure: remount
 * @fc:	with the options parsed; s_umount is held
 *
 * Return: 0, or -EROFS if the lower mount cannot be written.
 */
int fmap_reconfigure(struct fs_context *fc)
{
	struct fmap_options *new = fc->fs_private;
	struct fmap_sb_info *sbi = fmap_sbi(fc->root->d_sb);

	if (fc->sb_flags_mask & SB_RDONLY && !(fc->sb_flags & SB_RDONLY) &&
	    __mnt_is_readonly(sbi->lower.mnt)) {
		fmap_errorf(fc, "the lower mount is read-only");
		return -EROFS;
	}
	sync_filesystem(fc->root->d_sb);

	down_write(&sbi->rules.lock);
	fmap_config_take(&sbi->config, new);
	if (new->rules.nr)
		fmap_rules_take(&sbi->rules, &new->rules);
	up_write(&sbi->rules.lock);
	fmap_rules_apply_all(fc->root->d_sb);
	return 0;
}

/**
 * fmap_free_sbi - free what a mount holds
 * @sbi:	maybe half filled, no longer in use; RCU path walk may still look
 */
void fmap_free_sbi(struct fmap_sb_info *sbi)
{
	fmap_rules_free(&sbi->rules);
	fmap_triggers_exit(sbi);
	fmap_failures_exit(sbi);
	fmap_stats_exit(sbi);
	dput(sbi->lower.dentry);
	/* Not mntput(), which does not end a mount of the kernel's own. */
	kern_unmount(sbi->lower.mnt);
	kfree_rcu(sbi, rcu);
}

/**
 * fmap_kill_sb - ->kill_sb: the last user of the mount is gone
 * @sb:	the superblock, s_umount held; released on return
 */
void fmap_kill_sb(struct super_block *sb)
{
	struct fmap_sb_info *sbi = fmap_sbi(sb);

	if (sbi) {
		/* Before the device number may be given to another mount. */
		fmap_debugfs_remove(sb);
		fmap_watch_end(sb);
	}
	kill_anon_super(sb);
	if (sbi)
		fmap_free_sbi(sbi);
}

/*
 * A writeback error of the lower filesystem is passed on once, so that each file
 * descriptor given to syncfs(2) sees it once.
 */
static void fmap_pass_wb_err(struct super_block *sb)
{
	struct fmap_sb_info *sbi = fmap_sbi(sb);
	struct super_block *lower = sbi->lower.dentry->d_sb;
	int err;

	spin_lock(&sbi->wb_err_lock);
	err = errseq_check_and_advance(&lower->s_wb_err, &sbi->lower_wb_err);
	if (err)
		errseq_set(&sb->s_wb_err, err);
	spin_unlock(&sbi->wb_err_lock);
}

/* syncfs(2) and umount reach only our superblock. */
static int fmap_sync_fs(struct super_block *sb, int wait)
{
	struct super_block *lower = fmap_sbi(sb)->lower.dentry->d_sb;
	int err;

	if (!wait)
		return 0;
	down_read(&lower->s_umount);
	err = sync_filesystem(lower);
	up_read(&lower->s_umount);

	fmap_pass_wb_err(sb);
	return err;
}

/*
 * FIFREEZE: of the lower filesystem, as through a bind mount. Ours has nothing
 * of its own to write, and all that changes it takes freeze protection below.
 */
static int fmap_freeze_super(FMAP_FREEZE_PARAMS(sb))
{
	struct super_block *lower = fmap_sbi(sb)->lower.dentry->d_sb;

	if (lower->s_op->freeze_super)
		return lower->s_op->freeze_super(FMAP_FREEZE_ARGS(lower));
	if (!lower->s_op->freeze_fs)
		return -EOPNOTSUPP;
	return freeze_super(FMAP_FREEZE_ARGS(lower));
}

static int fmap_thaw_super(FMAP_FREEZE_PARAMS(sb))
{
	struct super_block *lower = fmap_sbi(sb)->lower.dentry->d_sb;

	if (lower->s_op->thaw_super)
		return lower->s_op->thaw_super(FMAP_FREEZE_ARGS(lower));
	return thaw_super(FMAP_FREEZE_ARGS(lower));
}

static int fmap_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	struct path path = fmap_lower_path(dentry);
	int err = vfs_statfs(&path, buf);

	buf->f_type = FMAP_MAGIC;
	return err;
}

const struct super_operations fmap_super_ops = {
	.alloc_inode	= fmap_alloc_inode,
	.free_inode	= fmap_free_inode,
	.drop_inode	= inode_just_drop,
	.evict_inode	= fmap_evict_inode,
	.sync_fs	= fmap_sync_fs,
	.freeze_super	= fmap_freeze_super,
	.thaw_super	= fmap_thaw_super,
	.statfs		= fmap_statfs,
	.show_options	= fmap_show_options,
};

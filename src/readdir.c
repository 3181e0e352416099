// SPDX-License-Identifier: GPL-2.0
/*
 * Open directories: the lower one's entries as they are. Inode numbers are the
 * lower filesystem's, so d_ino agrees with st_ino.
 */
#include "lower.h"

static int fmap_dir_open(struct inode *inode, struct file *file)
{
	struct path path = fmap_lower_path(file_dentry(file));
	struct fmap_file *ff = fmap_file_alloc();
	struct file *lower;

	if (!ff)
		return -ENOMEM;
	lower = dentry_open(&path, fmap_lower_flags(file), current_cred());
	if (IS_ERR(lower)) {
		fmap_file_free(ff);
		return PTR_ERR(lower);
	}
	ff->lower = lower;
	ff->backing = get_file(lower);
	file->private_data = ff;
	return 0;
}

/* The offset is ours while nobody reads, the lower file's while we do. */
static int fmap_iterate(struct file *file, struct dir_context *ctx)
{
	struct file *lower = fmap_lower_file(file);
	int err;

	err = fmap_sync_flags(file, lower);
	if (err)
		return err;
	lower->f_pos = ctx->pos;
	err = iterate_dir(lower, ctx);
	ctx->pos = lower->f_pos;
	return err;
}

const struct file_operations fmap_dir_fops = {
	.open		= fmap_dir_open,
	.release	= fmap_release,
	.flush		= fmap_flush,
	.llseek		= fmap_llseek,
	.read		= generic_read_dir,
	.iterate_shared	= fmap_iterate,
	.fsync		= fmap_fsync,
	.unlocked_ioctl	= fmap_ioctl,
	FMAP_COMPAT_IOCTL
	.lock		= fmap_lock,
	.flock		= fmap_flock,
};

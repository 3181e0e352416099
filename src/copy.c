// SPDX-License-Identifier: GPL-2.0
/*
 * Copying, cloning and deduplication between two open files: the same between
 * the lower ones. The VFS calls only if both are ours.
 *
 * It has compared the offsets with our i_size, a copy that may be older than the
 * lower file; what is beyond it is not copied before somebody looks at the file.
 */
#include "lower.h"

static int fmap_sync_both(struct file *in, struct file *out)
{
	int err = fmap_sync_flags(in, fmap_lower_file(in));

	return err ?: fmap_sync_flags(out, fmap_lower_file(out));
}

/**
 * fmap_copy_file_range - ->copy_file_range
 * @in:		our file to read
 * @pos_in:	from where
 * @out:	our file to write, maybe of another mount; freeze protection of
 *		its superblock is held
 * @pos_out:	to where
 * @len:	how much
 * @flags:	none yet
 *
 * Return: bytes copied or a negative errno, as the lower filesystem does it.
 */
ssize_t fmap_copy_file_range(struct file *in, loff_t pos_in, struct file *out,
			     loff_t pos_out, size_t len, unsigned int flags)
{
	ssize_t ret = fmap_sync_both(in, out);

	if (ret)
		return ret;
	ret = vfs_copy_file_range(fmap_lower_file(in), pos_in,
				  fmap_lower_file(out), pos_out, len, flags);
	fmap_copy_attr(file_inode(out));
	return ret;
}

/**
 * fmap_remap_file_range - ->remap_file_range: clone or deduplicate
 * @in:		our file with the data
 * @pos_in:	where in it
 * @out:	our file to share them, of the same mount
 * @pos_out:	where in it
 * @len:	how much; 0 to clone up to the end
 * @flags:	REMAP_FILE_ flags
 *
 * Return: bytes shared or a negative errno, as the lower filesystem does it.
 */
loff_t fmap_remap_file_range(struct file *in, loff_t pos_in, struct file *out,
			     loff_t pos_out, loff_t len, unsigned int flags)
{
	struct file *lower_out = fmap_lower_file(out);
	struct file *lower_in = fmap_lower_file(in);
	loff_t ret = fmap_sync_both(in, out);

	if (ret)
		return ret;
	if (!lower_out->f_op->remap_file_range)
		return -EOPNOTSUPP;
	if (flags & REMAP_FILE_DEDUP)
		ret = vfs_dedupe_file_range_one(lower_in, pos_in, lower_out,
						pos_out, len, flags);
	else
		ret = vfs_clone_file_range(lower_in, pos_in, lower_out, pos_out,
					   len, flags);
	fmap_copy_attr(file_inode(out));
	return ret;
}

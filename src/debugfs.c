// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs: fmapfs/<major:minor>/ for each mount, named as mountpoint -d prints
 * it. Root only, and no stable ABI.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "fmapfs.h"

static struct dentry *fmap_debugfs_root;

struct fmap_counter_desc {
	const char *name;
	const char *group;
	const char *total;
	const char *help;
};

static const struct fmap_counter_desc fmap_counter_descs[FMAP_NR_COUNTERS] = {
#define FMAP_COUNTER(name, group, total, help) \
	[FMAP_##name] = { #name, #group, #total, help },
	FMAP_COUNTERS
#undef FMAP_COUNTER
};

static int fmap_stats_show(struct seq_file *m, void *v)
{
	const struct fmap_sb_info *sbi = m->private;
	int c;

	for (c = 0; c < FMAP_NR_COUNTERS; c++)
		seq_printf(m, "%s %llu\n", fmap_counter_descs[c].name,
			   fmap_stats_sum(sbi, c));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(fmap_stats);

/* One line a counter: name, group, total or "none", help; tab-separated. */
static int fmap_schema_show(struct seq_file *m, void *v)
{
	const struct fmap_counter_desc *d;

	for (d = fmap_counter_descs; d < fmap_counter_descs + FMAP_NR_COUNTERS; d++)
		seq_printf(m, "%s\t%s\t%s\t%s\n", d->name, d->group, d->total,
			   d->help);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(fmap_schema);

static int fmap_reset_set(void *data, u64 val)
{
	if (val != 1)
		return -EINVAL;
	fmap_stats_reset(data);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(fmap_reset_fops, NULL, fmap_reset_set, "%llu\n");

/**
 * fmap_debugfs_add - create the directory of a mount
 * @sb:	the mount, counters allocated
 *
 * Nothing depends on it: where debugfs is off or out of memory, the mount
 * works without.
 */
void fmap_debugfs_add(struct super_block *sb)
{
	struct fmap_sb_info *sbi = fmap_sbi(sb);
	char name[32];

	snprintf(name, sizeof(name), "%u:%u", MAJOR(sb->s_dev), MINOR(sb->s_dev));
	sbi->debugfs = debugfs_create_dir(name, fmap_debugfs_root);
	debugfs_create_file("stats", 0400, sbi->debugfs, sbi, &fmap_stats_fops);
	debugfs_create_file("schema", 0400, sbi->debugfs, sbi, &fmap_schema_fops);
	debugfs_create_file_unsafe("reset", 0200, sbi->debugfs, sbi,
				   &fmap_reset_fops);
}

/**
 * fmap_debugfs_remove - remove the directory of a mount
 * @sb:	the mount, being shut down
 *
 * Returns when no reader is inside any more, so that the counters can go.
 */
void fmap_debugfs_remove(struct super_block *sb)
{
	debugfs_remove(fmap_sbi(sb)->debugfs);
	fmap_sbi(sb)->debugfs = NULL;
}

/** fmap_debugfs_init - create the top directory, when the module loads */
void fmap_debugfs_init(void)
{
	fmap_debugfs_root = debugfs_create_dir(FMAP_NAME, NULL);
}

/** fmap_debugfs_exit - remove the top directory, when the module goes */
void fmap_debugfs_exit(void)
{
	debugfs_remove(fmap_debugfs_root);
}

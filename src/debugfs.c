// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs: fmapfs/<major:minor>/ for each mount, named as mountpoint -d prints
 * it, and fmapfs/stats for all of them, those that are gone included. Root only,
 * and no stable ABI.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "fmapfs.h"
#include "rules.h"

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

/**
 * fmap_counter_name - the name of a counter
 * @c:	which
 *
 * Return: as stats prints it.
 */
const char *fmap_counter_name(enum fmap_counter c)
{
	return fmap_counter_descs[c].name;
}

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

static int fmap_total_show(struct seq_file *m, void *v)
{
	int c;

	for (c = 0; c < FMAP_NR_COUNTERS; c++)
		seq_printf(m, "%s %llu\n", fmap_counter_descs[c].name,
			   fmap_stats_total(c));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(fmap_total);

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

static int fmap_failures_file_show(struct seq_file *m, void *v)
{
	return fmap_failures_show(m, m->private);
}
DEFINE_SHOW_ATTRIBUTE(fmap_failures_file);

static int fmap_trigger_file_show(struct seq_file *m, void *v)
{
	fmap_triggers_show(m, m->private);
	return 0;
}

static int fmap_trigger_open(struct inode *inode, struct file *file)
{
	return single_open(file, fmap_trigger_file_show, inode->i_private);
}

static int fmap_trigger_line(void *sbi, char *line)
{
	return fmap_triggers_write(sbi, line);
}

static int fmap_rules_file_show(struct seq_file *m, void *v)
{
	fmap_rules_show(m, fmap_sbi(m->private));
	return 0;
}

static int fmap_rules_open(struct inode *inode, struct file *file)
{
	return single_open(file, fmap_rules_file_show, inode->i_private);
}

static int fmap_rules_line(void *sb, char *line)
{
	return fmap_rules_write(sb, line);
}

/* Each write is one line. */
static ssize_t fmap_write_line(struct file *file, const char __user *from, size_t len,
			       int (*take)(void *private, char *line))
{
	struct seq_file *m = file->private_data;
	char *line;
	int err;

	if (len >= PAGE_SIZE)
		return -EINVAL;
	line = memdup_user_nul(from, len);
	if (IS_ERR(line))
		return PTR_ERR(line);
	err = take(m->private, line);
	kfree(line);
	return err ?: len;
}

static ssize_t fmap_trigger_write(struct file *file, const char __user *from,
				  size_t len, loff_t *ppos)
{
	return fmap_write_line(file, from, len, fmap_trigger_line);
}

static ssize_t fmap_rules_file_write(struct file *file, const char __user *from,
				     size_t len, loff_t *ppos)
{
	return fmap_write_line(file, from, len, fmap_rules_line);
}

static const struct file_operations fmap_trigger_fops = {
	.owner		= THIS_MODULE,
	.open		= fmap_trigger_open,
	.release	= single_release,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.write		= fmap_trigger_write,
};

static const struct file_operations fmap_rules_fops = {
	.owner		= THIS_MODULE,
	.open		= fmap_rules_open,
	.release	= single_release,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.write		= fmap_rules_file_write,
};

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
	debugfs_create_file("failures", 0400, sbi->debugfs, sbi,
			    &fmap_failures_file_fops);
	debugfs_create_file("trigger", 0600, sbi->debugfs, sbi, &fmap_trigger_fops);
	debugfs_create_file("rules", 0600, sbi->debugfs, sb, &fmap_rules_fops);
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
	debugfs_create_file("stats", 0400, fmap_debugfs_root, NULL, &fmap_total_fops);
}

/** fmap_debugfs_exit - remove the top directory, when the module goes */
void fmap_debugfs_exit(void)
{
	debugfs_remove(fmap_debugfs_root);
}

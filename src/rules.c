// SPDX-License-Identifier: GPL-2.0
/*
 * Rules: policies for the files whose path below the mount matches a glob. The
 * first that matches counts, and gives what it names; all else is the mount's.
 *
 * Nothing is matched when a page faults: what holds for a file is copied into
 * its inode when it is opened, and into all inodes when the rules or the
 * mount's own policies change. Rules are changed under rules->lock, and an
 * inode is given its policies with that lock held for reading, so whoever comes
 * last goes by the newest rules: an inode that a change does not meet yet is
 * opened after it.
 */
#include <linux/glob.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "rules.h"

/* Beyond this nobody reads the list, and an open takes its time. */
#define FMAP_RULES_MAX	256
#define FMAP_GLOB_MAX	255

/**
 * struct fmap_rule - one rule
 * @list:	in the order in which they were given
 * @has_around:	@around is for the files
 * @has_readahead: @readahead is for the files
 * @around:	fault-around policy
 * @readahead:	mmap readahead policy
 * @glob:	path below the mount, beginning with a slash; "*" stands for
 *		slashes, too
 */
struct fmap_rule {
	struct list_head list;
	bool has_around;
	bool has_readahead;
	struct fmap_around around;
	struct fmap_readahead readahead;
	char glob[];
};

/**
 * fmap_rules_init - no rules
 * @rules:	to be filled
 */
void fmap_rules_init(struct fmap_rules *rules)
{
	init_rwsem(&rules->lock);
	INIT_LIST_HEAD(&rules->list);
	rules->nr = 0;
}

/**
 * fmap_rules_free - forget all rules
 * @rules:	with @rules->lock held for writing, or not in use
 */
void fmap_rules_free(struct fmap_rules *rules)
{
	struct fmap_rule *rule, *next;

	list_for_each_entry_safe(rule, next, &rules->list, list)
		kfree(rule);
	INIT_LIST_HEAD(&rules->list);
	rules->nr = 0;
}

/* --- which one ---------------------------------------------------------------- */

/* NULL: none, or no memory to look; the mount's policies are always right. */
static const struct fmap_rule *fmap_rule_for(const struct fmap_rules *rules,
					     struct dentry *dentry)
{
	const struct fmap_rule *rule, *found = NULL;
	char *buf, *path;

	if (list_empty(&rules->list))
		return NULL;
	buf = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!buf)
		return NULL;
	path = dentry_path_raw(dentry, buf, PATH_MAX);
	if (!IS_ERR(path)) {
		list_for_each_entry(rule, &rules->list, list) {
			if (glob_match(rule->glob, path)) {
				found = rule;
				break;
			}
		}
	}
	kfree(buf);
	return found;
}

/**
 * fmap_rules_apply - give a file the policies that hold for it
 * @dentry:	the file, by the name that rules are to match
 *
 * Called when it is opened and when what holds may have changed; sleeps, with
 * no lock of ours held. Faults read the policies without a lock.
 */
void fmap_rules_apply(struct dentry *dentry)
{
	struct fmap_inode *fi = fmap_i(d_inode(dentry));
	struct fmap_sb_info *sbi = fmap_sbi(dentry->d_sb);
	const struct fmap_rule *rule;

	down_read(&sbi->rules.lock);
	rule = fmap_rule_for(&sbi->rules, dentry);
	WRITE_ONCE(fi->around, rule && rule->has_around ?
				rule->around : sbi->config.around);
	WRITE_ONCE(fi->readahead, rule && rule->has_readahead ?
				rule->readahead : sbi->config.readahead);
	up_read(&sbi->rules.lock);
}

static void fmap_rules_apply_inode(struct inode *inode)
{
	struct dentry *dentry;

	if (!S_ISREG(inode->i_mode))
		return;
	dentry = d_find_alias(inode);
	if (!dentry)
		return;
	fmap_rules_apply(dentry);
	dput(dentry);
}

/**
 * fmap_rules_apply_all - give all files the policies that hold for them
 * @sb:	the mount; its rules or its own policies have just changed
 *
 * Called without @rules->lock: to give an inode back may write to the lower
 * filesystem, which may be frozen. The superblock stays: a remount holds s_umount,
 * and umount waits for writers of the debugfs file when it removes that. A file
 * without a name any more keeps what it has.
 */
void fmap_rules_apply_all(struct super_block *sb)
{
	struct inode *inode, *last = NULL;

	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		/* NULL: it is on its way out. */
		if (!igrab(inode))
			continue;
		/* Referenced, it stays on the list: the walk goes on from it. */
		spin_unlock(&sb->s_inode_list_lock);
		iput(last);
		last = inode;
		fmap_rules_apply_inode(inode);
		cond_resched();
		spin_lock(&sb->s_inode_list_lock);
	}
	spin_unlock(&sb->s_inode_list_lock);
	iput(last);
}

/* --- from text and to text ---------------------------------------------------- */

static const char *fmap_rule_store(struct fmap_rule *rule, const char *key,
				   const char *value)
{
	bool around = !strcmp(key, "around");
	struct fmap_config config = { };
	int err;

	err = fmap_parse_policy(&config, key, value);
	if (err == -ENOPARAM)
		return "only around= and readahead= can be given by file";
	if (err)
		return "a value that the option does not take";
	if (around ? rule->has_around : rule->has_readahead)
		return "a policy is given twice";
	if (around) {
		rule->has_around = true;
		rule->around = config.around;
	} else {
		rule->has_readahead = true;
		rule->readahead = config.readahead;
	}
	return NULL;
}

/* Policies are taken off its end until only the glob is left. */
static const char *fmap_rule_parse(struct fmap_rule *rule, char separator)
{
	char *key, *value, *end;
	const char *why;

	for (;;) {
		key = strrchr(rule->glob, separator);
		value = key ? strchr(key, '=') : NULL;
		if (!value)
			break;
		*value++ = '\0';
		why = fmap_rule_store(rule, key + 1, value);
		if (why)
			return why;
		for (end = key; end > rule->glob && end[-1] == separator; end--)
			;
		*end = '\0';
	}
	if (!rule->has_around && !rule->has_readahead)
		return "no policy";
	if (strlen(rule->glob) > FMAP_GLOB_MAX)
		return "the glob is too long";
	return strchr("/*?[", rule->glob[0]) && rule->glob[0] ?
	       NULL : "the glob matches no path, which begin with a slash";
}

/**
 * fmap_rule_add - add a rule behind the others
 * @rules:	with @rules->lock held for writing, or not in use yet
 * @text:	"GLOB around=... readahead=...", at least one of the two
 * @separator:	between glob and policies
 * @why:	set to what is wrong with it
 *
 * Return: 0, -EINVAL or -ENOSPC with *@why, or -ENOMEM.
 */
int fmap_rule_add(struct fmap_rules *rules, const char *text, char separator,
		  const char **why)
{
	size_t size = strlen(text) + 1;
	struct fmap_rule *rule;

	if (rules->nr == FMAP_RULES_MAX) {
		*why = "there are too many rules";
		return -ENOSPC;
	}
	rule = kzalloc(struct_size(rule, glob, size), GFP_KERNEL_ACCOUNT);
	if (!rule)
		return -ENOMEM;
	memcpy(rule->glob, text, size);
	*why = fmap_rule_parse(rule, separator);
	if (*why) {
		kfree(rule);
		return -EINVAL;
	}
	list_add_tail(&rule->list, &rules->list);
	rules->nr++;
	return 0;
}

static int fmap_rule_remove(struct fmap_rules *rules, const char *glob)
{
	struct fmap_rule *rule;

	list_for_each_entry(rule, &rules->list, list) {
		if (strcmp(rule->glob, glob))
			continue;
		list_del(&rule->list);
		rules->nr--;
		kfree(rule);
		return 0;
	}
	return -ENOENT;
}

/**
 * fmap_rules_write - change the rules of a mount
 * @sb:		the mount
 * @line:	"GLOB around=... readahead=...", "remove GLOB" or "clear"
 *
 * Return: 0, -EINVAL or -ENOSPC with a message in the kernel log, -ENOENT if no
 * rule has the glob, -ENOMEM.
 */
int fmap_rules_write(struct super_block *sb, char *line)
{
	struct fmap_rules *rules = &fmap_sbi(sb)->rules;
	const char *why = NULL;
	int err = 0;

	line = strim(line);
	down_write(&rules->lock);
	if (strchr(line, '\n')) {
		why = "one at a time";
		err = -EINVAL;
	} else if (!strcmp(line, "clear")) {
		fmap_rules_free(rules);
	} else if (!strncmp(line, "remove ", 7)) {
		err = fmap_rule_remove(rules, skip_spaces(line + 7));
	} else {
		err = fmap_rule_add(rules, line, ' ', &why);
	}
	up_write(&rules->lock);
	if (why)
		pr_warn(FMAP_NAME ": rule %s: %s\n", line, why);
	if (!err)
		fmap_rules_apply_all(sb);
	return err;
}

static void fmap_rule_show(struct seq_file *m, const struct fmap_rule *rule,
			   const char *separator)
{
	const struct fmap_config config = {
		.around = rule->around,
		.readahead = rule->readahead,
	};

	/* As in /proc/mounts, where a comma ends an option. */
	seq_escape(m, rule->glob, *separator == ':' ? ", \t\n\\#" : "\t\n\\");
	if (rule->has_around) {
		seq_puts(m, separator);
		fmap_show_option(m, "around", &config);
	}
	if (rule->has_readahead) {
		seq_puts(m, separator);
		fmap_show_option(m, "readahead", &config);
	}
}

/**
 * fmap_rules_show - list the rules, as fmap_rules_write() takes them
 * @m:		where to
 * @sbi:	the mount
 */
void fmap_rules_show(struct seq_file *m, struct fmap_sb_info *sbi)
{
	const struct fmap_rule *rule;

	down_read(&sbi->rules.lock);
	list_for_each_entry(rule, &sbi->rules.list, list) {
		fmap_rule_show(m, rule, " ");
		seq_putc(m, '\n');
	}
	up_read(&sbi->rules.lock);
}

/**
 * fmap_rules_show_options - the rules, as mount options
 * @m:		where to
 * @sbi:	the mount
 */
void fmap_rules_show_options(struct seq_file *m, struct fmap_sb_info *sbi)
{
	const struct fmap_rule *rule;

	down_read(&sbi->rules.lock);
	list_for_each_entry(rule, &sbi->rules.list, list) {
		seq_puts(m, ",rule=");
		fmap_rule_show(m, rule, ":");
	}
	up_read(&sbi->rules.lock);
}

/**
 * fmap_rules_take - put rules in the place of others
 * @to:		@to->lock held for writing, or not in use yet
 * @from:	empty on return
 */
void fmap_rules_take(struct fmap_rules *to, struct fmap_rules *from)
{
	fmap_rules_free(to);
	list_splice_init(&from->list, &to->list);
	to->nr = from->nr;
	from->nr = 0;
}

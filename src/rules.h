/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Policies by path (rules.c) and the options that say them (params.c).
 */
#ifndef _FMAPFS_RULES_H
#define _FMAPFS_RULES_H

#include "fmapfs.h"

/**
 * struct fmap_options - what the options of a mount or remount say
 * @config:	the policies of the mount
 * @given:	a bit for each of them that is named, in the order of the table
 * @rules:	its rules, those that the options name
 */
struct fmap_options {
	struct fmap_config config;
	unsigned int given;
	struct fmap_rules rules;
};

/* params.c */
void fmap_config_take(struct fmap_config *config, const struct fmap_options *options);
int fmap_parse_policy(struct fmap_config *config, const char *key, const char *value);
void fmap_show_option(struct seq_file *m, const char *key,
		      const struct fmap_config *config);

/* rules.c */
void fmap_rules_init(struct fmap_rules *rules);
void fmap_rules_free(struct fmap_rules *rules);
void fmap_rules_take(struct fmap_rules *to, struct fmap_rules *from);
int fmap_rule_add(struct fmap_rules *rules, const char *text, char separator,
		  const char **why);
void fmap_rules_apply(struct dentry *dentry);
void fmap_rules_apply_all(struct super_block *sb);
int fmap_rules_write(struct super_block *sb, char *line);
void fmap_rules_show(struct seq_file *m, struct fmap_sb_info *sbi);
void fmap_rules_show_options(struct seq_file *m, struct fmap_sb_info *sbi);

#endif /* _FMAPFS_RULES_H */

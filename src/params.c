// SPDX-License-Identifier: GPL-2.0
/*
 * Mount options: one table both parses and prints them.
 */
#include <linux/ctype.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/kstrtox.h>
#include <linux/log2.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "fault.h"
#include "rules.h"

#define FMAP_READAHEAD_MAX	(16UL << 20)

#define fmap_invalf(fc, fmt, ...) \
	invalf(fc, FMAP_NAME ": " fmt, ##__VA_ARGS__)

/**
 * struct fmap_option - a mount option that takes a value
 * @name:	left of the equals sign
 * @allowed:	what may be right of it, for the message that refuses a value
 * @parse:	store @value in @config; -EINVAL: it is not allowed
 * @take:	copy the value to @to, which faults read meanwhile
 * @show:	print the value back as @parse would take it
 * @by_file:	a rule may give it to some files
 */
struct fmap_option {
	const char *name;
	const char *allowed;
	int (*parse)(struct fmap_config *config, const char *value);
	void (*take)(struct fmap_config *to, const struct fmap_config *from);
	void (*show)(struct seq_file *m, const struct fmap_config *config);
	bool by_file;
};

static const char * const fmap_policy_names[] = {
	[FMAP_KERNEL]	= "kernel",
	[FMAP_OFF]	= "off",
	[FMAP_SIZE]	= "SIZE",	/* stands for a number, is no value itself */
	[FMAP_TABLE]	= "table",
	[FMAP_ADAPTIVE]	= "adaptive",
};

static int fmap_parse_engine(struct fmap_config *config, const char *value)
{
	int i;

	for (i = 0; i < FMAP_NR_ENGINES; i++) {
		if (!strcmp(value, fmap_engines[i].name)) {
			config->engine = &fmap_engines[i];
			return 0;
		}
	}
	return -EINVAL;
}

static void fmap_show_engine(struct seq_file *m,
			     const struct fmap_config *config)
{
	seq_puts(m, READ_ONCE(config->engine)->name);
}

static int fmap_parse_install(struct fmap_config *config, const char *value)
{
	int i;

	for (i = 0; i < FMAP_NR_INSTALLERS; i++) {
		if (!strcmp(value, fmap_installers[i].name)) {
			config->installer = &fmap_installers[i];
			return 0;
		}
	}
	return -EINVAL;
}

static void fmap_show_install(struct seq_file *m,
			      const struct fmap_config *config)
{
	seq_puts(m, READ_ONCE(config->installer)->name);
}

/* Decimal digits, then k, m or nothing. Zero: not a size. */
static unsigned long fmap_parse_size(const char *value)
{
	/* So few that no suffix makes them wrap. */
	char digits[12];
	unsigned long size;
	unsigned int shift;
	ssize_t len;

	len = strscpy(digits, value, sizeof(digits));
	if (len <= 0)
		return 0;
	switch (tolower(digits[len - 1])) {
	case 'k':
		shift = 10;
		break;
	case 'm':
		shift = 20;
		break;
	default:
		shift = 0;
		break;
	}
	if (shift)
		digits[len - 1] = '\0';
	if (!isdigit(digits[0]) || kstrtoul(digits, 10, &size))
		return 0;
	return size << shift;
}

static void fmap_show_window(struct seq_file *m, enum fmap_policy_kind kind,
			     unsigned int pages)
{
	unsigned long size = (unsigned long)pages << PAGE_SHIFT;

	if (kind != FMAP_SIZE)
		seq_puts(m, fmap_policy_names[kind]);
	else if (IS_ALIGNED(size, SZ_1M))
		seq_printf(m, "%lum", size >> 20);
	else
		seq_printf(m, "%luk", size >> 10);
}

/*
 * A size, or the name of a policy. Return: which kind of policy that is, or -EINVAL;
 * *@size is the size, or zero.
 */
static int fmap_parse_kind(const char *value, unsigned long *size)
{
	int kind;

	*size = fmap_parse_size(value);
	if (*size)
		return FMAP_SIZE;
	kind = match_string(fmap_policy_names, ARRAY_SIZE(fmap_policy_names), value);
	return kind == FMAP_SIZE ? -EINVAL : kind;
}

static int fmap_parse_around(struct fmap_config *config, const char *value)
{
	unsigned long size;
	int kind = fmap_parse_kind(value, &size);

	if (kind < 0)
		return kind;
	if (kind == FMAP_SIZE) {
		if (!is_power_of_2(size) || size < PAGE_SIZE || size > PMD_SIZE)
			return -EINVAL;
		config->around.pages = size >> PAGE_SHIFT;
	}
	config->around.kind = kind;
	return 0;
}

static void fmap_show_around(struct seq_file *m,
			     const struct fmap_config *config)
{
	fmap_show_window(m, READ_ONCE(config->around.kind),
			 READ_ONCE(config->around.pages));
}

static int fmap_parse_readahead(struct fmap_config *config, const char *value)
{
	unsigned long size;
	int kind = fmap_parse_kind(value, &size);

	if (kind < 0 || kind == FMAP_TABLE)
		return -EINVAL;
	if (kind == FMAP_SIZE) {
		if (!PAGE_ALIGNED(size) || size > FMAP_READAHEAD_MAX)
			return -EINVAL;
		config->readahead.pages = size >> PAGE_SHIFT;
	}
	config->readahead.kind = kind;
	return 0;
}

static void fmap_show_readahead(struct seq_file *m,
				const struct fmap_config *config)
{
	fmap_show_window(m, READ_ONCE(config->readahead.kind),
			 READ_ONCE(config->readahead.pages));
}

/* Faults under way read without a lock: each field is stored on its own. */
static void fmap_take_engine(struct fmap_config *to, const struct fmap_config *from)
{
	WRITE_ONCE(to->engine, from->engine);
}

static void fmap_take_install(struct fmap_config *to, const struct fmap_config *from)
{
	WRITE_ONCE(to->installer, from->installer);
}

static void fmap_take_around(struct fmap_config *to, const struct fmap_config *from)
{
	WRITE_ONCE(to->around, from->around);
}

static void fmap_take_readahead(struct fmap_config *to, const struct fmap_config *from)
{
	WRITE_ONCE(to->readahead, from->readahead);
}

static const struct fmap_option fmap_options[] = {
	{
		.name		= "engine",
		.allowed	= "pin, retry, hold or native",
		.parse		= fmap_parse_engine,
		.take		= fmap_take_engine,
		.show		= fmap_show_engine,
	}, {
		.name		= "install",
		.allowed	= "handover or insert",
		.parse		= fmap_parse_install,
		.take		= fmap_take_install,
		.show		= fmap_show_install,
	}, {
		.name		= "around",
		.allowed	= "kernel, off, table, adaptive or a power of two from 4k to 2m",
		.parse		= fmap_parse_around,
		.take		= fmap_take_around,
		.show		= fmap_show_around,
		.by_file	= true,
	}, {
		.name		= "readahead",
		.allowed	= "kernel, off, adaptive or whole pages up to 16m",
		.parse		= fmap_parse_readahead,
		.take		= fmap_take_readahead,
		.show		= fmap_show_readahead,
		.by_file	= true,
	},
};

static const struct fmap_option *fmap_find_option(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(fmap_options); i++)
		if (!strcmp(name, fmap_options[i].name))
			return &fmap_options[i];
	return NULL;
}

/**
 * fmap_parse_policy - take the value of an option that a rule may give
 * @config:	where it is stored
 * @key:	name of the option
 * @value:	its value
 *
 * Return: 0, -ENOPARAM if @key is no such option, or what its parser returns.
 */
int fmap_parse_policy(struct fmap_config *config, const char *key, const char *value)
{
	const struct fmap_option *opt = fmap_find_option(key);

	return opt && opt->by_file ? opt->parse(config, value) : -ENOPARAM;
}

/**
 * fmap_show_option - print an option as it would be given
 * @m:		where to
 * @key:	its name
 * @config:	has its value
 */
void fmap_show_option(struct seq_file *m, const char *key,
		      const struct fmap_config *config)
{
	seq_printf(m, "%s=", key);
	fmap_find_option(key)->show(m, config);
}

/* The only option that may be given more than once. */
static int fmap_parse_rule(struct fs_context *fc, const char *value)
{
	struct fmap_options *options = fc->fs_private;
	const char *why;
	int err;

	err = fmap_rule_add(&options->rules, value, ':', &why);
	if (err == -EINVAL || err == -ENOSPC)
		return fmap_invalf(fc, "rule=%s: %s, expected GLOB:around=...:readahead=...",
				   value, why);
	return err;
}

/*
 * The source is left to the VFS, and so is the message about an option that
 * neither of us knows: it names filesystem and option.
 */
static int fmap_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	const struct fmap_option *opt = fmap_find_option(param->key);
	struct fmap_options *options = fc->fs_private;
	int err;

	if (!strcmp(param->key, "rule") && param->type == fs_value_is_string)
		return fmap_parse_rule(fc, param->string);
	if (!opt)
		return -ENOPARAM;
	if (param->type != fs_value_is_string)
		return fmap_invalf(fc, "%s= wants a value: %s", opt->name,
				   opt->allowed);

	err = opt->parse(&options->config, param->string);
	if (err)
		return fmap_invalf(fc, "%s=%s: not allowed, expected %s",
				   opt->name, param->string, opt->allowed);
	options->given |= BIT(opt - fmap_options);
	return 0;
}

/**
 * fmap_config_take - take what a remount names, and nothing else
 * @config:	of the mount; others that change it are locked out
 * @options:	of the remount
 */
void fmap_config_take(struct fmap_config *config, const struct fmap_options *options)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(fmap_options); i++)
		if (options->given & BIT(i))
			fmap_options[i].take(config, &options->config);
}

/**
 * fmap_show_options - ->show_options, for /proc/mounts
 * @m:		where to print
 * @root:	the root of the mount
 *
 * Prints every option, so that what is in force is seen even when a later
 * version changes a default.
 *
 * Return: 0.
 */
int fmap_show_options(struct seq_file *m, struct dentry *root)
{
	struct fmap_sb_info *sbi = fmap_sbi(root->d_sb);
	int i;

	for (i = 0; i < ARRAY_SIZE(fmap_options); i++) {
		seq_putc(m, ',');
		fmap_show_option(m, fmap_options[i].name, &sbi->config);
	}
	fmap_rules_show_options(m, sbi);
	return 0;
}

/**
 * fmap_config_init - the defaults
 * @config:	to fill
 */
void fmap_config_init(struct fmap_config *config)
{
	*config = (struct fmap_config) {
		.engine		= &fmap_engines[FMAP_ENGINE_PIN],
		.installer	= &fmap_installers[FMAP_INSTALL_HANDOVER],
		.around		= { .kind = FMAP_ADAPTIVE, .pages = 1 },
		.readahead	= { .kind = FMAP_ADAPTIVE, .pages = 1 },
	};
}

static void fmap_free_fc(struct fs_context *fc)
{
	struct fmap_options *options = fc->fs_private;

	fmap_rules_free(&options->rules);
	kfree(options);
	/* Ours still if no superblock took it. */
	if (fc->purpose == FS_CONTEXT_FOR_MOUNT && fc->s_fs_info)
		fmap_free_sbi(fc->s_fs_info);
}

static const struct fs_context_operations fmap_context_ops = {
	.parse_param	= fmap_parse_param,
	.get_tree	= fmap_get_tree,
	.reconfigure	= fmap_reconfigure,
	.free		= fmap_free_fc,
};

/**
 * fmap_init_fs_context - ->init_fs_context
 * @fc:	a mount or remount that begins
 *
 * A remount changes only what it names; the rules that it names take the place
 * of those there are.
 *
 * Return: 0 or -ENOMEM.
 */
int fmap_init_fs_context(struct fs_context *fc)
{
	struct fmap_options *options = kzalloc(sizeof(*options), GFP_KERNEL);

	if (!options)
		return -ENOMEM;
	fmap_config_init(&options->config);
	fmap_rules_init(&options->rules);
	fc->fs_private = options;
	fc->ops = &fmap_context_ops;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Counters: per-CPU, so that counting costs one instruction and no shared
 * cache line; summed only when somebody reads them, and when a mount goes away.
 */
#include <linux/list.h>
#include <linux/mutex.h>

#include "fmapfs.h"

#define FMAP_IN_BUNDLE_MAX	16

static const enum fmap_counter fmap_bundles[FMAP_NR_BUNDLES][FMAP_IN_BUNDLE_MAX] = {
#define FMAP_BUNDLE(name, ...)	{ __VA_ARGS__, FMAP_NR_COUNTERS },
	FMAP_BUNDLES
#undef FMAP_BUNDLE
};

static DEFINE_MUTEX(fmap_live_lock);	/* the two below */
static LIST_HEAD(fmap_live);
/* Of mounts that are gone, and what was counted before a reset. */
static u64 fmap_past[FMAP_NR_COUNTERS];

/**
 * fmap_stats_init - allocate the counters of a mount
 * @sbi:	the mount, not visible to anybody else yet
 *
 * Return: 0 or -ENOMEM.
 */
int fmap_stats_init(struct fmap_sb_info *sbi)
{
	sbi->stats = alloc_percpu(struct fmap_stats);
	if (!sbi->stats)
		return -ENOMEM;
	mutex_lock(&fmap_live_lock);
	list_add(&sbi->live, &fmap_live);
	mutex_unlock(&fmap_live_lock);
	return 0;
}

static void fmap_stats_keep(const struct fmap_sb_info *sbi)
{
	int c;

	for (c = 0; c < FMAP_NR_COUNTERS; c++)
		fmap_past[c] += fmap_stats_sum(sbi, c);
}

/**
 * fmap_stats_exit - free the counters of a mount
 * @sbi:	the mount; no mapping and no debugfs file of it is left
 */
void fmap_stats_exit(struct fmap_sb_info *sbi)
{
	if (!sbi->stats)
		return;
	mutex_lock(&fmap_live_lock);
	fmap_stats_keep(sbi);
	list_del(&sbi->live);
	mutex_unlock(&fmap_live_lock);
	free_percpu(sbi->stats);
	sbi->stats = NULL;
}

static bool fmap_in_bundle(enum fmap_counter c, enum fmap_bundle b)
{
	const enum fmap_counter *in = fmap_bundles[b];

	while (*in != FMAP_NR_COUNTERS && *in != c)
		in++;
	return *in == c;
}

static u64 fmap_stats_here(const struct fmap_stats *stats, enum fmap_counter c)
{
	u64 sum = READ_ONCE(stats->v[c]);
	enum fmap_bundle b;

	for (b = 0; b < FMAP_NR_BUNDLES; b++)
		if (fmap_in_bundle(c, b))
			sum += READ_ONCE(stats->bundles[b]);
	return sum;
}

/**
 * fmap_stats_sum - read one counter
 * @sbi:	the mount
 * @c:		which counter
 *
 * Return: its value over all CPUs. Exact when no fault is under way; a reader
 * that races with faults sees each CPU's share at a slightly different time.
 */
u64 fmap_stats_sum(const struct fmap_sb_info *sbi, enum fmap_counter c)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += fmap_stats_here(per_cpu_ptr(sbi->stats, cpu), c);
	return sum;
}

/**
 * fmap_stats_total - read one counter, over all mounts since the module was loaded
 * @c:	which counter
 *
 * Return: the sum over the mounts that there are and those that are gone. A reset
 * does not lower it.
 */
u64 fmap_stats_total(enum fmap_counter c)
{
	const struct fmap_sb_info *sbi;
	u64 sum;

	mutex_lock(&fmap_live_lock);
	sum = fmap_past[c];
	list_for_each_entry(sbi, &fmap_live, live)
		sum += fmap_stats_sum(sbi, c);
	mutex_unlock(&fmap_live_lock);
	return sum;
}

/**
 * fmap_stats_reset - set all counters of a mount to zero
 * @sbi:	the mount
 *
 * A fault that is under way may leave its last counts behind, or lose them:
 * tools that watch a busy mount take differences instead.
 */
void fmap_stats_reset(struct fmap_sb_info *sbi)
{
	int cpu;

	mutex_lock(&fmap_live_lock);
	fmap_stats_keep(sbi);
	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(sbi->stats, cpu), 0, sizeof(struct fmap_stats));
	mutex_unlock(&fmap_live_lock);
}

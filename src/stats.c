// SPDX-License-Identifier: GPL-2.0
/*
 * Counters: per-CPU, so that counting costs one instruction and no shared
 * cache line; summed only when somebody reads them.
 */
#include "fmapfs.h"

/**
 * fmap_stats_init - allocate the counters of a mount
 * @sbi:	the mount, not visible to anybody else yet
 *
 * Return: 0 or -ENOMEM.
 */
int fmap_stats_init(struct fmap_sb_info *sbi)
{
	sbi->stats = alloc_percpu(struct fmap_stats);
	return sbi->stats ? 0 : -ENOMEM;
}

/**
 * fmap_stats_exit - free the counters of a mount
 * @sbi:	the mount; no mapping and no debugfs file of it is left
 */
void fmap_stats_exit(struct fmap_sb_info *sbi)
{
	free_percpu(sbi->stats);
	sbi->stats = NULL;
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
		sum += READ_ONCE(per_cpu_ptr(sbi->stats, cpu)->v[c]);
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

	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(sbi->stats, cpu), 0, sizeof(struct fmap_stats));
}

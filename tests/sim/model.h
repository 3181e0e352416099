/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of the page fault path, in as much as policies see and steer it: address
 * spaces with mappings and page tables, files with their pages in the cache and
 * what their mappings have been like. Pages are small, and nothing is reclaimed.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "policy.h"

#define SIM_SLOTS	512U

/**
 * struct sim_file - a file, as all address spaces share it
 * @pages:	its length
 * @cold:	what is cached is as @cached says; else each page is
 * @cached:	by page, an enum sim_cached; allocated by the model
 * @history:	for the policies that learn
 * @misses:	the kernel's mmap_miss
 * @next:	first page after the last readahead window, and the size of that window
 * @size:	the size of that window
 */
struct sim_file {
	unsigned long pages;
	bool cold;
	unsigned char *cached;
	struct fmap_history history;
	unsigned int misses;
	unsigned long next;
	unsigned long size;
};

/**
 * struct sim_policy - what is tried
 * @around:	fault-around
 * @readahead:	readahead of mappings: the kernel's, or none
 * @window:	the kernel's fault_around_bytes, in pages
 * @engine:	through fmapfs; else the kernel's own window, with nothing that we add
 */
struct sim_policy {
	struct fmap_around around;
	struct fmap_readahead readahead;
	unsigned int window;
	bool engine;
};

/**
 * struct sim_totals - what it came to
 * @faults:	of all kinds
 * @around:	->map_pages calls; more than read faults where some went to the disk
 * @fault:	->fault calls that found no page mapped for them
 * @major:	faults that had to read
 * @mapped:	pages that were mapped
 * @used:	those that were touched
 * @skipped:	pages of windows that were mapped already
 * @tables:	page tables
 * @pages:	pages of windows, less one for each
 * @looks:	times that a policy asked for what is mapped
 * @looked:	pages that it asked for
 * @reads:	reads of the disk
 * @read:	pages of those
 * @reasons:	of adaptive windows
 */
struct sim_totals {
	unsigned long faults;
	unsigned long around;
	unsigned long fault;
	unsigned long major;
	unsigned long mapped;
	unsigned long used;
	unsigned long skipped;
	unsigned long tables;
	unsigned long pages;
	unsigned long looks;
	unsigned long looked;
	unsigned long reads;
	unsigned long read;
	unsigned long reasons[FMAP_FOLIO + 1];
};

/**
 * struct sim_vma - a mapping
 * @start:	its first page in the address space
 * @pages:	how many
 * @first:	page of the file that is there
 * @file:	the file
 */
struct sim_vma {
	unsigned long start;
	unsigned long pages;
	unsigned long first;
	struct sim_file *file;
};

struct sim_table;

/**
 * struct sim_space - an address space
 * @vmas:	its mappings, in no order
 * @nr:		how many
 * @tables:	page tables, by a hash of their place
 * @last:	the one that was looked up last
 */
struct sim_space {
	struct sim_vma *vmas;
	size_t nr;
	struct sim_table *tables[256];
	struct sim_table *last;
};

void sim_map(struct sim_space *s, unsigned long start, unsigned long pages,
	     struct sim_file *file, unsigned long first, bool anew);
void sim_unmap(struct sim_space *s, unsigned long start, unsigned long pages);
const struct sim_vma *sim_find(const struct sim_space *s, unsigned long page);
bool sim_touch(struct sim_space *s, const struct sim_policy *policy,
	       struct sim_totals *totals, unsigned long page, bool write);
void sim_fork(struct sim_space *child, const struct sim_space *parent);
void sim_exit(struct sim_space *s);
double sim_cost(const struct sim_policy *policy, const struct sim_totals *totals);

#endif /* MODEL_H */

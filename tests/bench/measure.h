/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Measuring what a mapping costs: the lower directory and the mount over it, in
 * turns. FMAP_LOWER and FMAP_MNT name them.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pattern.h"

#define ROUNDS_MAX	101
#define CONFIGS_MAX	16

/* Counted, and steered by the kernel's own choices. */
#define PLAIN_OPTIONS	"engine=pin,around=kernel,readahead=kernel"

/**
 * struct cost - the rounds of one measurement
 * @map:	mmap, ns
 * @touch:	touching the pages, ns
 * @unmap:	munmap, ns
 * @sum:	the last two
 */
struct cost {
	uint64_t map[ROUNDS_MAX];
	uint64_t touch[ROUNDS_MAX];
	uint64_t unmap[ROUNDS_MAX];
	uint64_t sum[ROUNDS_MAX];
};

/**
 * struct config - what is measured
 * @name:	for the table
 * @options:	mount options; NULL: the lower directory
 * @window:	the kernel's fault_around_bytes during the measurement; 0: as it is
 * @max:	largest ratio to the first config that passes; 0: any
 * @cost:	result
 */
struct config {
	const char *name;
	const char *options;
	unsigned int window;
	double max;
	struct cost cost;
};

/**
 * struct work - what is done with a mapping
 * @size:	bytes of file and mapping
 * @order:	the pages
 * @n:		how many
 * @threads:	see struct pattern
 * @store:	store, not load
 * @flags:	MAP_SHARED or MAP_PRIVATE
 * @program:	not a mapping of ours: run this program, from the directory
 */
struct work {
	size_t size;
	uint32_t *order;
	size_t n;
	unsigned int threads;
	bool store;
	int flags;
	const char *program;
};

void die(const char *what);
int config_add(struct config *configs, int n, const char *options);
void measure_init(void);
void measure_file(size_t size);
void work_pattern(struct work *w, const struct pattern *p);
void measure_rounds(struct config *configs, int n, const struct work *w, int rounds);
uint64_t median(const uint64_t *v, int n);
double spread(const uint64_t *v, int n);
char *bench_name(const char *dir, const char *file);

extern size_t page_size;
extern const char *lower_dir, *mnt_dir;

#endif /* MEASURE_H */

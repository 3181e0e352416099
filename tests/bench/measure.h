/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Measuring what a mapping costs: the lower directory, which FMAP_LOWER names,
 * and mounts over it, in turns. Ours are made for the purpose, one for each set of
 * options.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "pattern.h"

#define ROUNDS_MAX	101
#define CONFIGS_MAX	16

/* Counted, and steered by the kernel's own choices. */
#define PLAIN_OPTIONS	"engine=pin,around=kernel,readahead=kernel"

/**
 * enum figure - what one round of a measurement says
 * @MAP:	mmap, ns
 * @TOUCH:	touching the pages, ns
 * @UNMAP:	munmap, ns
 * @SUM:	the last two
 * @MINOR:	minor faults while touching, as rusage counts them
 * @MAJOR:	major faults
 * @PTES:	pages mapped when all are touched
 * @RSS:	growth of the resident set until then, KiB
 * @READS:	reads of the lower's device
 * @BYTES:	bytes of those
 */
enum figure {
	MAP, TOUCH, UNMAP, SUM, MINOR, MAJOR, PTES, RSS, READS, BYTES, NR_FIGURES
};

/**
 * struct config - what is measured
 * @name:	for the table
 * @dir:	the directory: the lower, a mount of ours, or another system's
 * @options:	options of our mount; NULL: none of ours
 * @window:	the kernel's fault_around_bytes during the measurement; 0: as it is
 * @max:	largest ratio to the first config that passes; 0: any
 * @usual:	only for the usual patterns
 * @absent:	it could not be measured: a store where nothing can be stored
 * @first:	SUM of the first mapping of the file, which counts for nothing else
 * @cost:	result, by round
 */
struct config {
	const char *name;
	const char *dir;
	const char *options;
	unsigned int window;
	double max;
	bool usual;
	bool absent;
	uint64_t first;
	uint64_t cost[NR_FIGURES][ROUNDS_MAX];
};

/**
 * struct work - what is done with a mapping
 * @size:	bytes of file and mapping
 * @order:	the pages
 * @n:		how many touches
 * @pages:	how many pages that are
 * @threads:	see struct pattern
 * @extra:	see struct pattern
 * @store:	store, not load
 * @flags:	MAP_SHARED or MAP_PRIVATE
 * @program:	not a mapping of ours: run this program, from the directory
 */
struct work {
	size_t size;
	uint32_t *order;
	size_t n;
	size_t pages;
	unsigned int threads;
	bool extra;
	bool store;
	int flags;
	const char *program;
};

void die(const char *what);
FILE *create_file(const char *name);
int config_add(struct config *configs, int n, const char *options);
int config_add_dir(struct config *configs, int n, const char *option);
void measure_init(struct config *configs, int n);
void measure_file(const char *file, size_t size);
void work_pattern(struct work *w, const struct pattern *p);
uint64_t config_median(const struct config *c, enum figure f, int rounds);
void measure_rounds(struct config *configs, int n, const struct work *w, int rounds);
uint64_t median(const uint64_t *v, int n);
double spread(const uint64_t *v, int n);
char *bench_name(const char *dir, const char *file);

extern size_t page_size;
extern const char *lower_dir;
/* Gets a line for each profile, in their order; NULL: there are none. */
extern FILE *profile_log;

#endif /* MEASURE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* The order in which a benchmark touches the pages of a file. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * struct pattern - a way to go through a file
 * @name:	as the command line says it
 * @make:	fills @order for a file of @pages pages; returns how many pages are
 * @arg:	what @make takes besides: a stride, a block, a share
 * @threads:	how many threads share the order, each a part of it from front to
 *		back; 0: one
 * @extra:	not one of the usual ones: a hard case for a policy that guesses
 * @help:	for people
 */
struct pattern {
	const char *name;
	size_t (*make)(size_t pages, unsigned int arg, uint32_t *order);
	unsigned int arg;
	unsigned int threads;
	bool extra;
	const char *help;
};

extern const struct pattern patterns[];

const struct pattern *pattern_find(const char *name);
size_t pattern_make(const struct pattern *p, size_t pages, uint32_t *order);
void pattern_list(FILE *to);

#endif /* PATTERN_H */

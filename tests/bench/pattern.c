// SPDX-License-Identifier: GPL-2.0
/* Page orders: regular, random, and what programs do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../random.h"
#include "pattern.h"

static size_t rnd_below(size_t n)
{
	return rnd() % n;
}

static void shuffle(uint32_t *v, size_t n)
{
	size_t i, j;
	uint32_t t;

	for (i = n - 1; i > 0; i--) {
		j = rnd_below(i + 1);
		t = v[i];
		v[i] = v[j];
		v[j] = t;
	}
}

static void *need(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p)
		return p;
	fprintf(stderr, "bench: no memory\n");
	exit(2);
}

static size_t make_stride(size_t pages, unsigned int stride, uint32_t *order)
{
	size_t i, n = 0;

	for (i = 0; i < pages; i += stride)
		order[n++] = i;
	return n;
}

static size_t make_reverse(size_t pages, unsigned int arg, uint32_t *order)
{
	size_t i;

	(void)arg;
	for (i = 0; i < pages; i++)
		order[i] = pages - 1 - i;
	return pages;
}

/* One page in the middle of each run of so many. */
static size_t make_middle(size_t pages, unsigned int run, uint32_t *order)
{
	size_t i, n = 0;

	for (i = run / 2; i < pages; i += run)
		order[n++] = i;
	return n;
}

/* Each part from front to back, page by page in turns. */
static size_t make_streams(size_t pages, unsigned int streams, uint32_t *order)
{
	size_t part = pages / streams, i, n = 0;
	unsigned int s;

	for (i = 0; i < part; i++)
		for (s = 0; s < streams; s++)
			order[n++] = s * part + i;
	return n;
}

/* One page in @share, each at most once, in random order. */
static size_t make_random(size_t pages, unsigned int share, uint32_t *order)
{
	make_stride(pages, 1, order);
	shuffle(order, pages);
	return pages / share;
}

/* Blocks of so many pages: each once, in random order, from front to back. */
static size_t make_blocks(size_t pages, unsigned int block, uint32_t *order)
{
	size_t blocks = pages / block, i, n = 0;
	uint32_t *first = need(blocks, sizeof(*first));
	unsigned int j;

	make_stride(blocks, 1, first);
	shuffle(first, blocks);
	for (i = 0; i < blocks; i++)
		for (j = 0; j < block; j++)
			order[n++] = first[i] * block + j;
	free(first);
	return n;
}

/* The same for one block in eight, at any page: records that no block bounds. */
static size_t make_records(size_t pages, unsigned int record, uint32_t *order)
{
	size_t records = pages / record / 8, i, n = 0, first;
	unsigned int j;

	for (i = 0; i < records; i++) {
		first = rnd_below(pages - record);
		for (j = 0; j < record; j++)
			order[n++] = first + j;
	}
	return n;
}

/* As many accesses as pages; page i in proportion to 1 / i, spread over the file. */
static size_t make_zipf(size_t pages, unsigned int arg, uint32_t *order)
{
	double *sum = need(pages + 1, sizeof(*sum)), at;
	uint32_t *place = need(pages, sizeof(*place));
	size_t i, low, high, mid;

	(void)arg;
	make_stride(pages, 1, place);
	shuffle(place, pages);
	for (i = 0; i < pages; i++)
		sum[i + 1] = sum[i] + 1.0 / (i + 1);
	for (i = 0; i < pages; i++) {
		at = sum[pages] * (rnd() >> 11) / (1ULL << 53);
		low = 0;
		high = pages;
		while (high - low > 1) {
			mid = (low + high) / 2;
			if (sum[mid] <= at)
				low = mid;
			else
				high = mid;
		}
		order[i] = place[low];
	}
	free(place);
	free(sum);
	return pages;
}

/*
 * Descents to random leaves of a tree with so many children a page: the root,
 * the level below it, then leaves. As many as there are leaves in eight.
 */
static size_t make_btree(size_t pages, unsigned int fanout, uint32_t *order)
{
	size_t inner = pages / fanout, leaves = pages - inner - 1, i, leaf, n = 0;

	for (i = 0; i < leaves / 8; i++) {
		leaf = rnd_below(leaves);
		order[n++] = 0;
		order[n++] = 1 + leaf / fanout % inner;
		order[n++] = 1 + inner + leaf;
	}
	return n;
}

/* Random pages; the middle half from front to back; random pages. */
static size_t make_phases(size_t pages, unsigned int share, uint32_t *order)
{
	size_t i, n = 0;

	for (i = 0; i < pages / share; i++)
		order[n++] = rnd_below(pages);
	for (i = pages / 4; i < pages / 4 * 3; i++)
		order[n++] = i;
	for (i = 0; i < pages / share; i++)
		order[n++] = rnd_below(pages);
	return n;
}

const struct pattern patterns[] = {
	{ "seq", make_stride, 1, 0, false, "front to back" },
	{ "reverse", make_reverse, 0, 0, false, "back to front" },
	{ "streams", make_streams, 8, 0, false, "8 parts, each front to back, in turns" },
	{ "threads", make_stride, 1, 2, false, "2 threads, each half front to back" },
	{ "sparse", make_middle, 512, 0, false, "a page in 2 MiB" },
	{ "stride2", make_stride, 2, 0, false, "each 2nd page" },
	{ "stride16", make_stride, 16, 0, false, "each 16th page" },
	{ "stride64", make_stride, 64, 0, false, "each 64th page" },
	{ "random16", make_random, 16, 0, false, "random, one page in 16" },
	{ "random10", make_random, 10, 0, false, "random, one page in 10" },
	{ "block", make_blocks, 16, 0, false, "random 64 KiB blocks, each once" },
	{ "zipf", make_zipf, 0, 0, false, "as many accesses as pages, Zipf" },
	{ "btree", make_btree, 128, 0, false, "descents to one leaf in 8" },
	{ "phases", make_phases, 16, 0, false, "random, sequential, random" },
	{ "random", make_random, 1, 0, false, "each page once in random order" },
	{ "random2", make_random, 2, 0, true, "random, one page in 2" },
	{ "random4", make_random, 4, 0, true, "random, one page in 4" },
	{ "random64", make_random, 64, 0, true, "random, one page in 64" },
	{ "stride3", make_stride, 3, 0, true, "each 3rd page" },
	{ "stride5", make_stride, 5, 0, true, "each 5th page" },
	{ "stride9", make_stride, 9, 0, true, "each 9th page" },
	{ "stride40", make_stride, 40, 0, true, "each 40th page" },
	{ "block2", make_blocks, 2, 0, true, "random 8 KiB blocks, each once" },
	{ "block4", make_blocks, 4, 0, true, "random 16 KiB blocks, each once" },
	{ "block64", make_blocks, 64, 0, true, "random 256 KiB blocks, each once" },
	{ "records3", make_records, 3, 0, true, "3 pages at any place, one in 8" },
	{ "records16", make_records, 16, 0, true, "16 pages at any place, one in 8" },
	{ "records200", make_records, 200, 0, true, "200 pages at any place, one in 8" },
	{ }
};

const struct pattern *pattern_find(const char *name)
{
	const struct pattern *p;

	for (p = patterns; p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

/* The same order each time. Returns how many pages are touched. */
size_t pattern_make(const struct pattern *p, size_t pages, uint32_t *order)
{
	seed = 42;
	return p->make(pages, p->arg, order);
}

void pattern_list(FILE *to)
{
	const struct pattern *p;

	for (p = patterns; p->name; p++)
		fprintf(to, "  %-20s  %s\n", p->name, p->help);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of src/ahead.c: requests are legal whatever is seen, and the policy,
 * played through on an array in place of the page cache, reads no more and no more
 * often than it may in any of the patterns of the cold benchmark.
 */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/pattern.h"
#include "ktap.h"
#include "policy.h"
#include "../random.h"

#define PAGES		16384U
#define LARGE_PAGES	262144U
#define USUAL		32U
#define MOST		320U
#define WINDOW		16U

/* A file with its page cache, and one mapping of it. */
struct play {
	unsigned long pages;
	unsigned long room;	/* pages that stay cached; 0: all */
	unsigned char *cached;
	unsigned char *marked;
	unsigned char *mapped;
	unsigned char *touched;
	unsigned long *fifo;
	unsigned long head, nr_cached;
	struct fmap_reads history;
	unsigned long reads, read, misses, distinct;
	unsigned int longest;
};

static struct play *play_new(unsigned long pages)
{
	struct play *p = calloc(1, sizeof(*p));

	p->pages = pages;
	p->cached = calloc(4, pages);
	p->marked = p->cached + pages;
	p->mapped = p->marked + pages;
	p->touched = p->mapped + pages;
	p->fifo = calloc(pages, sizeof(*p->fifo));
	return p;
}

static void play_free(struct play *p)
{
	free(p->fifo);
	free(p->cached);
	free(p);
}

static unsigned int run(const struct play *p, unsigned long page, bool forward)
{
	unsigned int n = 0;

	while (n < MOST) {
		page += forward ? 1 : -1;
		if (page >= p->pages || p->cached[page] != 1)
			break;
		n++;
	}
	return n;
}

static struct fmap_cached look(const struct play *p, unsigned long page)
{
	struct fmap_cached c = {
		.run_before = run(p, page, false),
		.run_after = run(p, page, true),
		.evicted = p->cached[page] == 2,
	};
	unsigned long i;

	for (i = 0; i < FMAP_CACHED_NEAR; i++) {
		if (page > i && p->cached[page - 1 - i] == 1)
			c.before |= 1UL << i;
		if (page + 1 + i < p->pages && p->cached[page + 1 + i] == 1)
			c.after |= 1UL << i;
	}
	c.lost_before = page > c.run_before && p->cached[page - c.run_before - 1] == 2;
	c.lost_after = page + c.run_after + 1 < p->pages &&
		       p->cached[page + c.run_after + 1] == 2;
	c.recent_before = c.run_before && p->history.recent[fmap_lot(page - 1)] == page - 1;
	c.recent_after = c.run_after && p->history.recent[fmap_lot(page + 1)] == page + 1;
	c.used_before = c.run_before && p->mapped[page - c.run_before];
	c.used_after = c.run_after && p->mapped[page + c.run_after];
	return c;
}

static void read_page(struct play *p, unsigned long page)
{
	unsigned long old;

	if (p->room && p->nr_cached == p->room) {
		old = p->fifo[(p->head + p->pages - p->room) % p->pages];
		p->cached[old] = 2;
		p->mapped[old] = p->marked[old] = 0;
		p->nr_cached--;
	}
	p->cached[page] = 1;
	p->fifo[p->head++ % p->pages] = page;
	p->nr_cached++;
	p->read++;
}

/* What lies between pages that are cached are reads of their own. */
static void do_read(struct play *p, const struct fmap_request *r)
{
	unsigned int i;
	bool going = false;

	if (r->nr > p->longest)
		p->longest = r->nr;
	for (i = 0; i < r->nr; i++) {
		if (p->cached[r->first + i] == 1) {
			going = false;
			continue;
		}
		read_page(p, r->first + i);
		p->reads += !going;
		going = true;
		if (i == r->mark)
			p->marked[r->first + i] = 1;
	}
}

static void fault(struct play *p, unsigned long page)
{
	struct fmap_spot s = {
		.index = page, .last = p->pages - 1, .usual = USUAL, .most = MOST,
	};
	struct fmap_cached c = look(p, page);
	unsigned long first = page - page % WINDOW, i;
	struct fmap_request r;

	if (p->cached[page] != 1) {
		p->misses++;
		r = fmap_request_miss(&s, &c, &p->history.guess);
		p->history.recent[fmap_lot(r.first)] = r.first;
		p->history.recent[fmap_lot(r.first + r.nr - 1)] = r.first + r.nr - 1;
		do_read(p, &r);
	} else if (p->marked[page]) {
		p->marked[page] = 0;
		r = fmap_request_marker(&s, &c);
		if (r.why != FMAP_READ_NOTHING)
			do_read(p, &r);
	}
	for (i = first; i < first + WINDOW && i < p->pages; i++)
		p->mapped[i] |= p->cached[i] == 1 && !p->marked[i];
}

static void touch(struct play *p, unsigned long page)
{
	p->distinct += !p->touched[page];
	p->touched[page] = 1;
	while (!p->mapped[page])
		fault(p, page);
}

static struct play *play(const char *pattern)
{
	uint32_t *order = calloc(PAGES, sizeof(*order));
	struct play *p = play_new(PAGES);
	size_t n, i;

	n = pattern_make(pattern_find(pattern), PAGES, order);
	for (i = 0; i < n; i++)
		touch(p, order[i]);
	free(order);
	return p;
}
#ifdef EXPLORE
int main(int argc, char **argv)
{
	const struct pattern *pt;
	(void)argc;(void)argv;
	for (pt = patterns; pt->name; pt++) {
		struct play *p = play(pt->name);
		printf("%-12s reads %6lu pages %6lu distinct %6lu misses %6lu longest %u\n", pt->name, p->reads, p->read, p->distinct, p->misses, p->longest);
		play_free(p);
	}
	int n; unsigned long sizes[] = {PAGES, LARGE_PAGES};
	for (int k = 0; k < 2; k++) for (n = 64; n <= 10000; n = n == 64 ? 1000 : n * 10) {
		struct play *p = play_new(sizes[k]);
		for (int i = 0; i < n; i++) touch(p, rnd() % sizes[k]);
		printf("rand %lu %d: reads %lu pages %lu distinct %lu = %.3f\n", sizes[k], n, p->reads, p->read, p->distinct, (double)p->read/p->distinct);
	}
	for (n = 100; n <= 1000; n *= 10) {
		struct play *p = play_new(PAGES);
		for (int i = 0; i < n; i++) { unsigned long f = rnd() % (PAGES - 16); for (int j = 0; j < 16; j++) touch(p, f + j); }
		printf("values %d: reads %lu pages %lu distinct %lu misses %.3f\n", n, p->reads, p->read, p->distinct, (double)p->misses/n);
	}
	for (n = 64; n <= 4096; n *= 2) { struct play *p = play_new(PAGES); p->room = n; for (unsigned i = 0; i < PAGES; i++) touch(p, i);
		printf("room %d: reads %lu pages %lu misses %lu longest %u\n", n, p->reads, p->read, p->misses, p->longest); }
	for (n = 64; n <= 4096; n *= 2) { struct play *p = play_new(PAGES); p->room = n; for (unsigned i = 0; i < PAGES; i++) touch(p, PAGES-1-i);
		printf("room reverse %d: reads %lu pages %lu misses %lu longest %u\n", n, p->reads, p->read, p->misses, p->longest); }
	return 0;
}
#endif

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
		if (r.forward || r.why == FMAP_READ_AROUND)
			p->history.recent[fmap_lot(r.first + r.nr - 1)] = r.first + r.nr - 1;
		if (!r.forward || r.why == FMAP_READ_AROUND)
			p->history.recent[fmap_lot(r.first)] = r.first;
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

static struct play *play_touches(unsigned long pages, unsigned int touches)
{
	struct play *p = play_new(pages);

	while (touches--)
		touch(p, rnd() % pages);
	return p;
}

/* --- legal, whatever is seen ---------------------------------------------------- */

static unsigned long up_to(unsigned long most)
{
	return most == ULONG_MAX ? rnd() : rnd() % (most + 1);
}

static unsigned long lesser(unsigned long a, unsigned long b)
{
	return a < b ? a : b;
}

static unsigned int rnd_run(unsigned int most)
{
	return rnd() & 1 ? up_to(lesser(most, 40)) : up_to(most);
}

static struct fmap_cached rnd_cached(unsigned int most)
{
	unsigned long r = rnd();

	return (struct fmap_cached) {
		.before = rnd() & rnd(), .after = r & 1 ? rnd() : 0,
		.run_before = rnd_run(most), .run_after = rnd_run(most),
		.evicted = r & 2, .lost_before = r & 4, .lost_after = r & 8,
		.used_before = r & 16, .used_after = r & 32,
		.recent_before = r & 64, .recent_after = r & 128,
	};
}

/* At either end of the range of page numbers, or anywhere in between. */
static struct fmap_spot rnd_spot(void)
{
	static const unsigned int knobs[] = { 1, 2, 3, 31, 32, 127, 512, 4096 };
	unsigned long most = knobs[rnd() % 8], usual = knobs[rnd() % 8];
	unsigned long last = rnd() & 1 ? rnd() >> rnd() % 64 : ULONG_MAX >> rnd() % 13;
	unsigned long index = up_to(last);

	if (rnd() % 4 == 0)
		index = up_to(lesser(last, 40));
	if (rnd() % 4 == 0)
		index = last - up_to(lesser(last, 5000));
	return (struct fmap_spot) {
		.index = index, .last = last, .usual = lesser(usual, most), .most = most,
	};
}

static bool is_legal(const struct fmap_spot *s, const struct fmap_request *r)
{
	CHECK(r->nr >= 1);
	CHECK(r->nr <= s->most);
	CHECK(r->mark <= r->nr);
	CHECK(r->first <= s->last);
	CHECK(r->nr - 1 <= s->last - r->first);
	return true;
}

static bool test_miss_is_legal(void)
{
	int i;

	for (i = 0; i < 300000; i++) {
		struct fmap_spot s = rnd_spot();
		struct fmap_cached c = rnd_cached(s.most);
		struct fmap_guess guess = { .lone = rnd() % 5, .followed = rnd() % 11 };
		struct fmap_request r = fmap_request_miss(&s, &c, &guess);

		CHECK(is_legal(&s, &r));
		CHECK(r.first <= s.index);
		CHECK(s.index - r.first < r.nr);
		CHECK(r.why != FMAP_READ_NOTHING);
		CHECK(r.why != FMAP_READ_ONE || (r.nr == 1 && r.mark == 1));
		CHECK(guess.lone <= FMAP_LONE_FEW);
		CHECK(guess.followed <= 10);
	}
	return true;
}

/* Next to what is cached, on one side or the other. */
static bool test_marker_is_legal(void)
{
	int i;

	for (i = 0; i < 300000; i++) {
		struct fmap_spot s = rnd_spot();
		struct fmap_cached c = rnd_cached(s.most);
		struct fmap_request r;

		/* No page before the first, none behind the last */
		c.run_before = lesser(c.run_before, s.index);
		c.run_after = lesser(c.run_after, s.last - s.index);
		r = fmap_request_marker(&s, &c);
		if (r.why == FMAP_READ_NOTHING)
			continue;
		CHECK(r.why == FMAP_READ_STREAM);
		CHECK(is_legal(&s, &r));
		CHECK(r.mark == (r.forward ? 0 : r.nr - 1));
		if (r.forward)
			CHECK(r.first - s.index == c.run_after + 1);
		else
			CHECK(s.index - (r.first + r.nr - 1) == c.run_before + 1);
	}
	return true;
}

static bool test_around_is_the_kernels(void)
{
	struct fmap_spot s = { .index = 1000, .last = 5000, .usual = 32, .most = 320 };
	struct fmap_request r = fmap_request_around(&s, 32);

	CHECK(r.first == 984 && r.nr == 32 && r.mark == 24);
	s.index = 10;
	r = fmap_request_around(&s, 32);
	CHECK(r.first == 0 && r.nr == 32 && r.mark == 24);
	s.index = 4999;
	r = fmap_request_around(&s, 32);
	CHECK(r.first == 4983 && r.nr == 18 && r.mark == 18);
	r = fmap_request_around(&s, 1);
	CHECK(r.first == 4999 && r.nr == 1 && r.mark == 1);
	return true;
}

/* --- what it comes to ------------------------------------------------------------ */

/* Of the requests that the kernel would make, with its usual size. */
#define KERNEL_READS	(PAGES / USUAL)

static bool test_streams_grow(void)
{
	static const char * const names[] = { "seq", "reverse", "threads", "streams" };
	struct play *p;
	int i;

	for (i = 0; i < 4; i++) {
		p = play(names[i]);
		CHECK(p->longest == MOST);
		CHECK(p->read == PAGES);
		CHECK(p->reads <= KERNEL_READS * (i == 3 ? 20 : 15) / 100);
		CHECK(p->misses <= (i == 3 ? 24 : 2));
		play_free(p);
	}
	return true;
}

static bool test_gaps_are_no_end(void)
{
	static const char * const names[] = { "stride2", "stride3", "stride5" };
	struct play *p;
	int i;

	for (i = 0; i < 3; i++) {
		p = play(names[i]);
		CHECK(p->reads <= KERNEL_READS / 2);
		play_free(p);
	}
	return true;
}

static bool test_random_falls(void)
{
	struct play *p = play_touches(LARGE_PAGES, 64);

	CHECK(p->read <= 4 * p->distinct);
	play_free(p);
	p = play_touches(PAGES, 10000);
	CHECK(p->read <= p->distinct * 12 / 10);
	play_free(p);
	p = play_touches(LARGE_PAGES, 10000);
	CHECK(p->read <= p->distinct * 12 / 10);
	play_free(p);
	p = play("btree");
	CHECK(p->read <= p->distinct * 12 / 10);
	play_free(p);
	return true;
}

/* ... and stays there: of a file that is known, nothing is read around. */
static bool test_random_stays(void)
{
	struct play *p = play_touches(LARGE_PAGES, 200);
	unsigned long read = p->read, distinct = p->distinct;
	int i;

	for (i = 0; i < 2000; i++)
		touch(p, rnd() % LARGE_PAGES);
	CHECK(p->read - read <= (p->distinct - distinct) * 12 / 10);
	CHECK(p->history.guess.lone == FMAP_LONE_FEW);
	play_free(p);
	return true;
}

/* Two reads a value at most; and when that is what the file has, hardly more than one. */
static bool test_values(void)
{
	struct play *p = play_new(LARGE_PAGES);
	unsigned long first, before = 0;
	int i, j;

	for (i = 0; i < 400; i++) {
		if (i == 200)
			before = p->misses;
		first = rnd() % (LARGE_PAGES - 16);
		for (j = 0; j < 16; j++)
			touch(p, first + j);
	}
	CHECK(p->misses <= 2 * 400);
	CHECK((p->misses - before) * 10 <= 15 * 200);
	CHECK(p->read <= p->distinct * 12 / 10);
	play_free(p);
	return true;
}

/* What is evicted before it is used is read again: requests leave room. */
static bool test_memory_is_short(void)
{
	unsigned long room, i;
	struct play *p;
	int reverse;

	for (reverse = 0; reverse < 2; reverse++) {
		for (room = 64; room <= 4096; room *= 2) {
			p = play_new(PAGES);
			p->room = room;
			for (i = 0; i < PAGES; i++)
				touch(p, reverse ? PAGES - 1 - i : i);
			CHECK(p->read <= PAGES * 105 / 100);
			CHECK(p->longest <= room);
			CHECK(p->reads <= PAGES / USUAL * (room < 128 ? 2 : 1));
			play_free(p);
		}
	}
	return true;
}

/* It was a stream with all the room it wanted; then there is little. */
static bool test_stream_shrinks(void)
{
	struct fmap_spot s = { .index = 8192, .last = PAGES - 1, .usual = USUAL, .most = MOST };
	struct fmap_cached c = { .run_before = MOST, .run_after = 319, .used_before = true };

	CHECK(fmap_request_marker(&s, &c).nr == MOST);
	c.run_before = 100;
	c.lost_before = true;
	CHECK(fmap_request_marker(&s, &c).nr == 100);
	c.run_before = 16;
	CHECK(fmap_request_marker(&s, &c).nr == 16);
	return true;
}

/* A stream forward has little behind it: what is mapped tells. */
static bool test_direction(void)
{
	struct fmap_spot s = { .index = 8192, .last = PAGES - 1, .usual = USUAL, .most = MOST };
	struct fmap_cached c = { .run_before = 20, .run_after = 30, .used_before = true };
	struct fmap_request r = fmap_request_marker(&s, &c);

	CHECK(r.forward && r.first == 8192 + 31);
	c.used_before = false;
	r = fmap_request_marker(&s, &c);
	CHECK(!r.forward && r.first + r.nr == 8192 - 20);
	c.run_before = 30;
	c.run_after = 20;
	c.used_after = true;
	r = fmap_request_marker(&s, &c);
	CHECK(!r.forward);
	/* Not proven */
	c.run_after = 10;
	CHECK(fmap_request_marker(&s, &c).why == FMAP_READ_NOTHING);
	return true;
}

static const struct ktap_test tests[] = {
	{ "miss_is_legal", test_miss_is_legal },
	{ "marker_is_legal", test_marker_is_legal },
	{ "around_is_the_kernels", test_around_is_the_kernels },
	{ "streams_grow", test_streams_grow },
	{ "gaps_are_no_end", test_gaps_are_no_end },
	{ "random_falls", test_random_falls },
	{ "random_stays", test_random_stays },
	{ "values", test_values },
	{ "memory_is_short", test_memory_is_short },
	{ "stream_shrinks", test_stream_shrinks },
	{ "direction", test_direction },
};

int main(int argc, char **argv)
{
	seed_from(argc, argv);
	return ktap_run(tests, sizeof(tests) / sizeof(tests[0]));
}

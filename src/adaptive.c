// SPDX-License-Identifier: GPL-2.0
/*
 * around=adaptive: pure arithmetic, as in window.c.
 *
 * The page table is the memory. Which pages around the fault are mapped says
 * whether it continues a run, and in which direction, for any number of streams
 * and threads, with nothing stored. What a page table cannot say, because what
 * is mapped in it may be our own guess, comes from probes: in some blocks of pages
 * and some page tables no guess is made, and what happens there is remembered for
 * the file.
 */
#include "policy.h"

/* The side before the fault in fmap_sight.near, and the side behind it. */
#define SIDE		((1U << FMAP_NEAR) - 1)
#define NEAREST		(1U << (FMAP_NEAR - 1))

/* Of so many pages before the fault, how many make a run, and a sure one */
#define RUN_PAGES	64
#define RUN_SOME	16
#define RUN_SURE	56
#define RUN_SAMPLE	8
#define RUN_MAX		2048
#define RUN_SHARE	2

/*
 * So many pages of a region, or of a page table, are enough to want the rest: with
 * isolated pages mapped alone, and with blocks
 */
#define REGION		128
#define REGION_ENOUGH	20
#define REGION_BLOCKS	64
#define TABLE_ENOUGH	4
#define TABLE_BLOCKS	64

#define BLOCK		FMAP_BLOCK_PAGES
#define BLOCKS_MAX	12
#define BLOCKS_BELIEVE	4
#define BLOCKS_MIN	FMAP_BLOCKS_MIN

/* The share of a mapping that is mapped page by page before anything is known. */
#define TRIAL_SHARE	256

static unsigned int mapped(const struct fmap_sight *sight, struct fmap_range r)
{
	return sight->count(sight, r.first, r.last - r.first + 1, 1);
}

/* Saturates: a wrap would be taken for a file that is hardly used. */
static void add(unsigned short *n, unsigned int more)
{
	*n = *n > 0xffff - more ? 0xffff : *n + more;
}

/* Rarely, if the answer has been the same for long. */
static bool probe_block(const struct fmap_place *p, const struct fmap_history *h)
{
	bool settled = h->blocks == BLOCKS_MIN || h->blocks == BLOCKS_MAX;

	/* Not the first block, where many runs begin */
	return fmap_lot(p->pgoff / BLOCK) >= (settled ? 15 : 14);
}

static bool probe_table(const struct fmap_place *p)
{
	return fmap_probe_table(p->pgoff);
}

static bool at_least_two(unsigned int bits)
{
	return bits & (bits - 1);
}

static bool at_least_four(unsigned int bits)
{
	bits &= bits - 1;
	return at_least_two(bits & (bits - 1));
}

static struct fmap_choice choose(enum fmap_reason why, struct fmap_range win)
{
	return (struct fmap_choice) { .win = win, .why = why };
}

static struct fmap_choice alone(const struct fmap_place *p)
{
	return choose(FMAP_ALONE, fmap_range_around(p, 0, 0));
}

static unsigned long lesser(unsigned long a, unsigned long b)
{
	return a < b ? a : b;
}

/* @pages from the fault on, forward or backward, in its page table. */
static struct fmap_choice run(const struct fmap_place *p, bool forward,
			      unsigned int pages)
{
	unsigned int more = pages - 1;

	if (forward)
		return choose(FMAP_RUN, fmap_range_around(p, 0,
				lesser(more, p->slots - 1 - p->slot)));
	return choose(FMAP_RUN, fmap_range_around(p, lesser(more, p->slot), 0));
}

/*
 * Nothing is known yet: a small share of the mapping is tried page by page. If
 * that does not do, neither is it isolated pages that are wanted.
 */
static bool trial_is_over(const struct fmap_place *p, const struct fmap_history *h)
{
	return h->style == FMAP_STYLE_UNKNOWN && !probe_table(p) &&
	       h->trial > p->vma_pages / TRIAL_SHARE / 8;
}

/* Are the neighbours of an isolated fault wanted, as far as we know? */
static bool wants_blocks(const struct fmap_place *p, const struct fmap_history *h)
{
	return trial_is_over(p, h) ||
	       (h->blocks >= BLOCKS_BELIEVE && !probe_block(p, h));
}

/* Is so much of the region around the fault mapped? In a probe that is news. */
static bool region_is_dense(const struct fmap_place *p, const struct fmap_sight *sight,
			    struct fmap_history *h, unsigned int enough,
			    struct fmap_range *win)
{
	*win = fmap_aligned_window(p, REGION);
	if (mapped(sight, *win) < enough)
		return false;
	if (probe_table(p))
		add(&h->filled, 1);
	return true;
}

/*
 * Enough of a page table is mapped to want all of it, in a file whose tables
 * fill up; or of its region, which is how we learn that they do.
 */
static bool is_dense(const struct fmap_place *p, const struct fmap_sight *sight,
		     struct fmap_history *h, struct fmap_range *win)
{
	bool blocks = h->blocks >= BLOCKS_BELIEVE;

	if (h->style != FMAP_STYLE_DENSE && !(blocks && probe_table(p)))
		return false;
	if (probe_table(p))
		return region_is_dense(p, sight, h, blocks ? REGION_BLOCKS : REGION_ENOUGH,
				       win);
	*win = fmap_aligned_window(p, p->slots);
	return mapped(sight, *win) >= (blocks ? TABLE_BLOCKS : TABLE_ENOUGH);
}

/* A block, or a page only. */
static struct fmap_choice guess(const struct fmap_place *p, struct fmap_range asked,
				const struct fmap_sight *sight,
				struct fmap_history *h)
{
	struct fmap_range win;

	if (is_dense(p, sight, h, &win))
		return choose(FMAP_DENSE, win);
	if (wants_blocks(p, h))
		return choose(FMAP_BLOCK, asked);
	return alone(p);
}

/* Nothing near is mapped. */
static struct fmap_choice lone(const struct fmap_place *p, struct fmap_range asked,
			       const struct fmap_sight *sight,
			       struct fmap_history *h)
{
	struct fmap_choice c;

	if (probe_table(p)) {
		if (sight->fresh)
			add(&h->begun, 1);
	} else if (h->style == FMAP_STYLE_UNKNOWN && fmap_lot(p->pgoff) < 2 &&
		   !trial_is_over(p, h)) {
		add(&h->trial, 1);
	}
	c = guess(p, asked, sight, h);
	if (c.why == FMAP_ALONE && h->blocks > BLOCKS_MIN && probe_block(p, h))
		h->blocks--;
	return c;
}

/* Pages of @side next to the fault that are mapped without a gap; NEAREST first. */
static unsigned int run_length(unsigned int side)
{
	unsigned int top = side << (32 - FMAP_NEAR);

	return ~top ? __builtin_clz(~top) : FMAP_NEAR;
}

/* The other way round: eight bits, by what is known as a bit trick. */
static unsigned int mirror(unsigned int side)
{
	return ((side * 0x80200802ULL & 0x0884422110ULL) * 0x0101010101ULL >> 32) & SIDE;
}

/* The pages from @from to @to before the fault, or behind it. */
static struct fmap_range side_range(const struct fmap_place *p, bool forward,
				    unsigned long from, unsigned long to)
{
	struct fmap_range r = forward ? fmap_range_around(p, to, 0) :
					fmap_range_around(p, 0, to);

	if (forward)
		r.last = p->pgoff - from;
	else
		r.first = p->pgoff + from;
	return r;
}

/* Is there so much room on that side? */
static bool has_side(const struct fmap_place *p, bool forward, unsigned long n)
{
	unsigned long off = p->pgoff - p->vma_first;

	return n <= (forward ? off : p->vma_pages - 1 - off);
}

/*
 * @pages ahead, less what is mapped there already: it would be looked at in vain.
 * Seldom is any of it, and then the furthest page tells.
 */
static unsigned int not_yet_mapped(const struct fmap_place *p,
				   const struct fmap_sight *sight, bool forward,
				   unsigned int pages)
{
	while (pages > BLOCK && has_side(p, !forward, pages - 1) &&
	       mapped(sight, side_range(p, !forward, pages - 1, pages - 1)) &&
	       mapped(sight, side_range(p, !forward, pages / 2, pages - 1)) == pages / 2)
		pages /= 2;
	return pages;
}

/* How long, at least, is a run of RUN_PAGES and more? */
static struct fmap_choice long_run(const struct fmap_place *p,
				   const struct fmap_sight *sight, bool forward)
{
	unsigned int n = RUN_PAGES;

	while (n < RUN_MAX && has_side(p, forward, 2 * n) &&
	       mapped(sight, side_range(p, forward, 2 * n - RUN_SAMPLE + 1, 2 * n)) ==
	       RUN_SAMPLE)
		n *= 2;
	return run(p, forward, not_yet_mapped(p, sight, forward, n / RUN_SHARE));
}

/* All that is mapped near is on one side of the fault, @side. */
static struct fmap_choice one_sided(const struct fmap_place *p,
				    struct fmap_range asked,
				    const struct fmap_sight *sight,
				    struct fmap_history *h, unsigned int side,
				    bool forward)
{
	unsigned int length = run_length(side), far = 0;
	struct fmap_choice c;

	if (!length && !at_least_two(side))
		return lone(p, asked, sight, h);
	if (length < FMAP_NEAR) {
		c = guess(p, asked, sight, h);
		if (c.why != FMAP_ALONE)
			return c;
	}
	if (at_least_two(side))
		far = mapped(sight, side_range(p, forward, 1, RUN_PAGES));
	if (far >= RUN_SURE)
		return long_run(p, sight, forward);
	if (length == FMAP_NEAR) {
		c = guess(p, asked, sight, h);
		if (c.why != FMAP_ALONE)
			return c;
	}
	if (far >= RUN_SOME)
		return run(p, forward, far);
	if (length == FMAP_NEAR)
		return choose(FMAP_BLOCK, asked);
	if (length < 3)
		return length ? run(p, forward, 2) : alone(p);
	return run(p, forward, 2 * length);
}

/* Pages are mapped on both sides of the fault. */
static struct fmap_choice two_sided(const struct fmap_place *p,
				    struct fmap_range asked,
				    const struct fmap_sight *sight,
				    struct fmap_history *h)
{
	struct fmap_choice c = guess(p, asked, sight, h);
	struct fmap_range win;

	if (c.why == FMAP_ALONE && at_least_four(sight->near) &&
	    region_is_dense(p, sight, h, REGION_ENOUGH, &win))
		return choose(FMAP_DENSE, win);
	return c;
}

static struct fmap_range both(struct fmap_range a, struct fmap_range b)
{
	return (struct fmap_range) {
		.first = lesser(a.first, b.first),
		.last = a.last > b.last ? a.last : b.last,
	};
}

/* How many of the blocks of a page table make whole folios pay? */
static unsigned int folio_blocks(const struct fmap_place *p,
				 const struct fmap_history *h, unsigned int blocks)
{
	if (probe_table(p) || h->style == FMAP_STYLE_SPARSE)
		return blocks / 2;
	return h->style == FMAP_STYLE_DENSE ? 2 : blocks / 4;
}

/*
 * In a large folio a page more costs little, and a fault much: no window is
 * smaller than what the core asks for, and where enough is mapped, or in a long
 * run, none is smaller than the folio. Folios need not be larger than that window.
 */
static struct fmap_choice large(const struct fmap_place *p, struct fmap_range asked,
				const struct fmap_sight *sight,
				struct fmap_history *h)
{
	struct fmap_range table = fmap_aligned_window(p, p->slots);
	unsigned int before = sight->near & SIDE;
	unsigned int after = mirror(sight->near >> (FMAP_NEAR + 1));
	unsigned int blocks = (table.last - table.first) / BLOCK + 1;
	bool behind = before == SIDE, ahead = after == SIDE;
	struct fmap_choice c;

	if (behind != ahead &&
	    mapped(sight, side_range(p, behind, 1, RUN_PAGES)) >= RUN_SURE) {
		c = long_run(p, sight, behind);
		c.win = both(c.win, both(asked, sight->folio));
		return c;
	}
	if (probe_table(p) && sight->fresh)
		add(&h->begun, 1);
	if (sight->count(sight, table.first, blocks, BLOCK) < folio_blocks(p, h, blocks))
		return choose(FMAP_BLOCK, asked);
	if (probe_table(p))
		add(&h->filled, 2);
	else if (h->style == FMAP_STYLE_DENSE)
		return choose(FMAP_DENSE, table);
	return choose(FMAP_FOLIO, both(asked, sight->folio));
}

/* Did the pages behind an isolated one follow, where no guess was made? */
static bool probe_filled(const struct fmap_place *p, const struct fmap_history *h,
			 unsigned int before, unsigned int after)
{
	unsigned int length = run_length(before);

	if (length < 3)
		length = run_length(after);
	return length >= 3 && length < FMAP_NEAR && probe_block(p, h);
}

/**
 * fmap_adapt - choose a window by what is mapped already
 * @p:		where the fault is
 * @asked:	the window that the core asked for
 * @sight:	what is mapped
 * @history:	of the file; updated
 *
 * Return: a window that contains p->pgoff and lies within fmap_window_limit().
 */
struct fmap_choice fmap_adapt(const struct fmap_place *p, struct fmap_range asked,
			      const struct fmap_sight *sight,
			      struct fmap_history *history)
{
	unsigned int before = sight->near & SIDE, after;

	if (sight->folio.first != sight->folio.last)
		return large(p, asked, sight, history);
	if (!sight->near)
		return lone(p, asked, sight, history);
	after = mirror(sight->near >> (FMAP_NEAR + 1));
	if (probe_filled(p, history, before, after)) {
		history->blocks += 2;
		if (history->blocks > BLOCKS_MAX)
			history->blocks = BLOCKS_MAX;
		return choose(FMAP_BLOCK, asked);
	}
	if (!after)
		return one_sided(p, asked, sight, history, before, true);
	if (!before)
		return one_sided(p, asked, sight, history, after, false);
	return two_sided(p, asked, sight, history);
}

static void relax(struct fmap_history *h)
{
	if (h->blocks > 0)
		h->blocks--;
	else if (h->blocks < 0 && !h->begun)
		h->blocks++;
}

/**
 * fmap_history_judge - learn from the mappings so far
 * @history:	of the file, which is mapped anew
 */
void fmap_history_judge(struct fmap_history *history)
{
	unsigned int need = history->begun;

	if (history->style != FMAP_STYLE_DENSE)
		need *= 2;
	if (history->begun)
		history->style = history->filled >= need ? FMAP_STYLE_DENSE :
							   FMAP_STYLE_SPARSE;
	else if (history->blocks == BLOCKS_MIN)
		history->style = FMAP_STYLE_SPARSE;
	relax(history);
	history->begun = 0;
	history->filled = 0;
	history->trial = 0;
}

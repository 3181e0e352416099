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

/*
 * The window is a share of the run: what is mapped behind its end is in vain, and a
 * page costs half of what a fault does. So it is a small one, until we know that
 * most runs of the file get as long as RUN_LONG: then it is as long as the run, or
 * longer.
 */
#define RUN_SMALL_SHARE	(FMAP_RUN_FAR / 2 / BLOCK)
#define RUN_LONG	1024
#define RUNS_MAX	24

/*
 * So many pages of a region, or of a page table, are enough to want the rest, with
 * isolated pages mapped alone; with blocks, so many blocks of a page table. If it pays
 * to map a page table whole, so many pages of a region get mapped by blocks: by fault and
 * all, a block costs eighteen pages in vain, over large folios thirty-five.
 */
#define REGION		128
#define REGION_ENOUGH	20
#define REGION_BLOCKS	112
#define REGION_LARGE	64
#define TABLE_ENOUGH	4
#define TABLE_BLOCKS	4
#define FOLIOS_DENSE	2

/* The same where the core maps folios whole, of half a page table, in quarters of that */
#define WHOLE_ENOUGH	3

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

static unsigned int blocks_of(struct fmap_range r)
{
	return (r.last - r.first) / BLOCK + 1;
}

/* Of how many blocks of a page table is the first page mapped? */
static unsigned int mapped_blocks(const struct fmap_sight *sight, struct fmap_range r)
{
	return sight->count(sight, r.first, blocks_of(r), BLOCK);
}

/* Saturates: a wrap would be taken for a file that is hardly used. */
static void add(unsigned short *n, unsigned int more)
{
	*n = *n > 0xffff - more ? 0xffff : *n + more;
}

/*
 * One block in eight; rarely, if the answer has been the same for long: most rarely
 * where blocks are believed in, since then a probe costs some faults. Never the first
 * block, where many runs begin.
 */
static bool probe_block(unsigned long pgoff, const struct fmap_history *h)
{
	unsigned int hash = fmap_hash(pgoff / BLOCK);

	if (h->blocks == BLOCKS_MAX)
		return hash >= 63U << 26;
	return hash >= (h->blocks == BLOCKS_MIN ? 15U : 14U) << 28;
}

static bool believes_in_blocks(unsigned long pgoff, const struct fmap_history *h)
{
	return h->blocks >= BLOCKS_BELIEVE && !probe_block(pgoff, h);
}

static bool probe_table(const struct fmap_place *p)
{
	return fmap_probe_table(p->pgoff - p->slot);
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
	/* What was mapped when it was first looked at may be gone: none may be left. */
	unsigned int more = pages ? pages - 1 : 0;

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

static void learn_block(struct fmap_history *h)
{
	h->blocks = h->blocks + 2 > BLOCKS_MAX ? BLOCKS_MAX : h->blocks + 2;
}

/* Are the neighbours of an isolated fault wanted, as far as we know? */
static bool wants_blocks(const struct fmap_place *p, const struct fmap_history *h)
{
	return trial_is_over(p, h) || believes_in_blocks(p->pgoff, h);
}

/*
 * Is so much of the region around the fault mapped that the rest is wanted, too? In a
 * probe that is news.
 */
static bool region_is_dense(const struct fmap_place *p, const struct fmap_sight *sight,
			    struct fmap_history *h, struct fmap_range *win)
{
	*win = fmap_aligned_window(p, REGION);
	if (mapped(sight, *win) < REGION_ENOUGH)
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

	if (h->style != FMAP_STYLE_DENSE || (blocks && probe_table(p)))
		return false;
	if (probe_table(p))
		return region_is_dense(p, sight, h, win);
	*win = fmap_aligned_window(p, p->slots);
	return blocks ? mapped_blocks(sight, *win) >= TABLE_BLOCKS :
			mapped(sight, *win) >= TABLE_ENOUGH;
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
	if (c.why == FMAP_ALONE && h->blocks > BLOCKS_MIN && probe_block(p->pgoff, h))
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
 * Where page tables are mapped whole, those beside a probe table are no reason to
 * believe in a run. Are @n pages on that side more than the probe table has?
 */
static bool leaves_probe(const struct fmap_place *p, const struct fmap_history *h,
			 bool forward, unsigned long n)
{
	return h->style == FMAP_STYLE_DENSE && probe_table(p) &&
	       n > (forward ? p->slot : p->slots - 1 - p->slot);
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

static bool runs_are_long(const struct fmap_history *h)
{
	return h->runs;
}

/* Is the page so far on that side mapped? */
static bool has_page(const struct fmap_place *p, const struct fmap_sight *sight,
		     const struct fmap_history *h, bool forward, unsigned int far)
{
	return has_side(p, forward, far) && !leaves_probe(p, h, forward, far) &&
	       mapped(sight, side_range(p, forward, far, far));
}

/* Two looks mostly say that a run is short, but where others are near by chance. */
static bool reaches(const struct fmap_place *p, const struct fmap_sight *sight,
		    const struct fmap_history *h, bool forward, unsigned int far)
{
	return has_page(p, sight, h, forward, far) &&
	       has_page(p, sight, h, forward, far / 2);
}

/* How many of the RUN_PAGES pages there are mapped, if it matters. */
static unsigned int run_so_far(const struct fmap_place *p,
			       const struct fmap_sight *sight,
			       const struct fmap_history *h, bool forward)
{
	if (leaves_probe(p, h, forward, RUN_PAGES))
		return 0;
	if (!runs_are_long(h) && !reaches(p, sight, h, forward, FMAP_RUN_FAR))
		return 0;
	return mapped(sight, side_range(p, forward, 1, RUN_PAGES));
}

/* How long, at least, is a run of RUN_PAGES and more? */
static unsigned int known_length(const struct fmap_place *p,
				 const struct fmap_sight *sight,
				 const struct fmap_history *h, bool forward)
{
	unsigned int n = RUN_PAGES;

	while (n < RUN_MAX && has_side(p, forward, 2 * n) &&
	       !leaves_probe(p, h, forward, 2 * n) &&
	       mapped(sight, side_range(p, forward, 2 * n - RUN_SAMPLE + 1, 2 * n)) ==
	       RUN_SAMPLE)
		n *= 2;
	return n;
}

/* Page tables that were mapped whole look like long runs. */
static void learn_run(struct fmap_history *h, unsigned int length)
{
	if (length >= RUN_LONG && h->runs < RUNS_MAX && h->style != FMAP_STYLE_DENSE)
		h->runs += 2;
	else if (length == RUN_PAGES && h->runs)
		h->runs--;
}

/* Continues a run of RUN_PAGES and more. */
static struct fmap_choice long_run(const struct fmap_place *p,
				   struct fmap_range asked,
				   const struct fmap_sight *sight,
				   struct fmap_history *h, bool forward)
{
	unsigned int length = known_length(p, sight, h, forward), pages;

	learn_run(h, length);
	pages = runs_are_long(h) ? length : length / RUN_SMALL_SHARE;
	if (pages <= BLOCK)
		return choose(FMAP_BLOCK, asked);
	return run(p, forward, not_yet_mapped(p, sight, forward, pages));
}

/* That most runs of the file are long ones is known so well that one look does. */
static bool surely_long_run(const struct fmap_place *p, const struct fmap_sight *sight,
			    const struct fmap_history *h, bool forward)
{
	return h->runs >= RUNS_MAX && has_page(p, sight, h, forward, p->slots);
}

/* Continues a run of @length pages, not yet RUN_PAGES. */
static struct fmap_choice young_run(const struct fmap_place *p,
				    const struct fmap_sight *sight,
				    struct fmap_history *h, bool forward,
				    unsigned int length)
{
	if (!runs_are_long(h))
		return run(p, forward, length);
	h->runs--;
	return run(p, forward, not_yet_mapped(p, sight, forward, 2 * length));
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
	if (length == FMAP_NEAR && surely_long_run(p, sight, h, forward))
		return run(p, forward, not_yet_mapped(p, sight, forward, p->slots));
	if (length < FMAP_NEAR) {
		c = guess(p, asked, sight, h);
		if (c.why != FMAP_ALONE)
			return c;
	}
	if (length == FMAP_NEAR)
		far = run_so_far(p, sight, h, forward);
	else if (at_least_two(side))
		far = mapped(sight, side_range(p, forward, 1, RUN_PAGES));
	if (far >= RUN_SURE)
		return long_run(p, asked, sight, h, forward);
	if (length == FMAP_NEAR) {
		c = guess(p, asked, sight, h);
		if (c.why != FMAP_ALONE)
			return c;
	}
	if (far >= RUN_SOME)
		return young_run(p, sight, h, forward, far);
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
	    !(probe_table(p) && h->blocks >= BLOCKS_BELIEVE) &&
	    region_is_dense(p, sight, h, &win))
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

/* In a probe, was the page next to an isolated one wanted as well? */
static bool pair_in_probe(const struct fmap_place *p, const struct fmap_sight *sight,
			  const struct fmap_history *h)
{
	return (sight->near == NEAREST || sight->near == NEAREST << 2) &&
	       probe_block(p->pgoff, h);
}

/*
 * A run over large folios: its window is as long as itself, and no smaller than what
 * the core asks for.
 */
static struct fmap_choice large_run(const struct fmap_place *p, struct fmap_range asked,
				    const struct fmap_sight *sight,
				    const struct fmap_history *h, bool forward)
{
	unsigned int far = mapped(sight, side_range(p, forward, 1, RUN_PAGES));
	struct fmap_choice c;

	if (far >= RUN_SURE)
		far = known_length(p, sight, h, forward);
	c = run(p, forward, not_yet_mapped(p, sight, forward, far));
	c.win = both(c.win, asked);
	return c;
}

/*
 * Do pages on that side make a run? Where the core maps folios whole, that of one page
 * looks like a run: it takes FMAP_RUN_FOLIOS of them, with nothing mapped on the other
 * side. One page of each is looked at.
 */
static bool reaches_large(const struct fmap_place *p, const struct fmap_sight *sight,
			  const struct fmap_history *h, bool forward)
{
	unsigned int pages = sight->folio.last - sight->folio.first + 1, n;

	if (!sight->whole)
		return reaches(p, sight, h, forward, FMAP_RUN_FAR_LARGE);
	if (has_page(p, sight, h, !forward, pages))
		return false;
	for (n = FMAP_RUN_FOLIOS; n; n--)
		if (!has_page(p, sight, h, forward, n * pages))
			return false;
	return true;
}

/*
 * A program that starts wants much of its text, and of its libraries', in short runs
 * all over it. Where the mapping ends before the first probe, so that it tells nothing
 * of the file, that is believed: there are six page tables at most.
 */
static bool is_text(const struct fmap_place *p, const struct fmap_sight *sight,
		    const struct fmap_history *h)
{
	return sight->text && h->style == FMAP_STYLE_UNKNOWN &&
	       p->vma_first < FMAP_FIRST_PROBE &&
	       p->vma_pages <= FMAP_FIRST_PROBE - p->vma_first;
}

/*
 * In a large folio a page more costs little, and a fault much: no window is
 * smaller than what the core asks for, but for isolated pages of a file that is
 * used sparsely. Where enough is mapped none is smaller than the folio, which need
 * not be larger than that window; not in a file that is used sparsely, where what is
 * mapped says that little is left. A folio that the core maps whole is enough, and text
 * gets its page table.
 */
static struct fmap_choice large(const struct fmap_place *p, struct fmap_range asked,
				const struct fmap_sight *sight,
				struct fmap_history *h)
{
	struct fmap_range table = fmap_aligned_window(p, p->slots);
	unsigned int before = sight->near & SIDE;
	unsigned int after = mirror(sight->near >> (FMAP_NEAR + 1)), some;
	bool behind = before == SIDE, ahead = after == SIDE;

	if (h->style == FMAP_STYLE_DENSE && !probe_table(p))
		return mapped_blocks(sight, table) < FOLIOS_DENSE ?
			choose(FMAP_BLOCK, asked) : choose(FMAP_DENSE, table);
	if (behind != ahead && reaches_large(p, sight, h, behind))
		return large_run(p, asked, sight, h, behind);
	if (probe_table(p)) {
		if (sight->fresh)
			add(&h->begun, 1);
		return choose(FMAP_BLOCK, asked);
	}
	if (sight->whole && !is_text(p, sight, h))
		return choose(FMAP_FOLIO, sight->folio);
	if (h->style == FMAP_STYLE_SPARSE) {
		if (!sight->near)
			return lone(p, asked, sight, h);
		if (pair_in_probe(p, sight, h))
			learn_block(h);
		return choose(FMAP_BLOCK, asked);
	}
	some = mapped_blocks(sight, table);
	if (is_text(p, sight, h) && some <= blocks_of(table) / 4)
		return choose(FMAP_FOLIO, table);
	if (some < blocks_of(table) / 4)
		return choose(FMAP_BLOCK, asked);
	return choose(FMAP_FOLIO, both(asked, sight->folio));
}

/* Did the pages behind an isolated one follow, where no guess was made? */
static bool probe_filled(const struct fmap_place *p, const struct fmap_history *h,
			 unsigned int before, unsigned int after)
{
	unsigned int length = run_length(before);

	if (length < 3)
		length = run_length(after);
	return length >= 3 && length < FMAP_NEAR && probe_block(p->pgoff, h);
}

/**
 * fmap_wants_block - is a fault a block, with nothing to learn from it?
 * @history:	of the file
 * @pgoff:	faulting page
 * @near:	see struct fmap_sight; for a page of a large folio it must be 0
 *
 * In a file of which small blocks are used nearly all faults are, but for those that
 * may continue a run. The window is what the core asks for.
 */
bool fmap_wants_block(struct fmap_history history, unsigned long pgoff,
		      unsigned int near)
{
	return history.style == FMAP_STYLE_SPARSE && believes_in_blocks(pgoff, &history) &&
	       near != SIDE && near != SIDE << (FMAP_NEAR + 1);
}

static struct fmap_choice small(const struct fmap_place *p, struct fmap_range asked,
				const struct fmap_sight *sight,
				struct fmap_history *h)
{
	unsigned int before = sight->near & SIDE, after;

	if (!sight->near)
		return lone(p, asked, sight, h);
	after = mirror(sight->near >> (FMAP_NEAR + 1));
	if (probe_filled(p, h, before, after)) {
		learn_block(h);
		return choose(FMAP_BLOCK, asked);
	}
	if (!after)
		return one_sided(p, asked, sight, h, before, true);
	if (!before)
		return one_sided(p, asked, sight, h, after, false);
	return two_sided(p, asked, sight, h);
}

/*
 * In a probe, is it by this window that @enough pages of a region of @pages are mapped?
 * Each region gets there once, if it does.
 */
static void learn_region(const struct fmap_place *p, const struct fmap_sight *sight,
			 struct fmap_history *h, struct fmap_range win,
			 unsigned int pages, unsigned int enough)
{
	struct fmap_range region = fmap_aligned_window(p, pages);
	unsigned int n = mapped(sight, region);

	if (win.first < region.first)
		win.first = region.first;
	win.last = lesser(win.last, region.last);
	if (n < enough && n + win.last - win.first + 1 - mapped(sight, win) >= enough)
		add(&h->filled, 1);
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
	bool is_large = sight->folio.first != sight->folio.last;
	struct fmap_choice c;

	c = is_large ? large(p, asked, sight, history) : small(p, asked, sight, history);
	if (!probe_table(p))
		return c;
	if (sight->whole)
		learn_region(p, sight, history, both(c.win, sight->folio), p->slots / 2,
			     p->slots / 8 * WHOLE_ENOUGH);
	else if (is_large)
		learn_region(p, sight, history, c.win, REGION, REGION_LARGE);
	else if (history->blocks >= BLOCKS_BELIEVE)
		learn_region(p, sight, history, c.win, REGION, REGION_BLOCKS);
	return c;
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
	if (history->begun)
		history->style = history->filled >= 2 * history->begun ?
				 FMAP_STYLE_DENSE : FMAP_STYLE_SPARSE;
	else if (history->blocks == BLOCKS_MIN)
		history->style = FMAP_STYLE_SPARSE;
	else if (history->style == FMAP_STYLE_DENSE)
		/* No longer seen: to believe it costs more than not to. */
		history->style = FMAP_STYLE_UNKNOWN;
	relax(history);
	history->begun = 0;
	history->filled = 0;
	history->trial = 0;
}

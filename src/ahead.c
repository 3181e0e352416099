// SPDX-License-Identifier: GPL-2.0
/*
 * readahead=adaptive: pure arithmetic, as in window.c.
 *
 * The page cache is the memory. Which pages around a miss are cached says whether
 * it continues a run, in which direction, and how long that has been, for any
 * number of streams and threads, with nothing stored. What is evicted is forgotten,
 * so where memory is short runs look short, and requests are small.
 *
 * An isolated page is read alone; the next one, beside it, as a run, with what may
 * be the rest of a value; beyond that it is a stream, whose requests are as long as
 * what is cached of it, so that they double, up to what the disk takes at once.
 */
#include "policy.h"

/* A run that may end any time is read in such parts. */
#define RUN		16
/* So few pages together may be there by chance. */
#define SHORT		4
/* So much at most is read on a guess: where a file begins, and for isolated misses. */
#define AROUND_MAX	32
/* See struct fmap_guess */
#define FOLLOWED_BELIEVE 4
#define FOLLOWED_MAX	8
/* So many runs near a miss on one side, and none on the other, are one with gaps. */
#define GAPPY		8
/* At most so many pages are left out between two. */
#define GAP_MAX		7

static unsigned int lesser(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* @nr pages from the fault on, forward or backward, as far as the file goes. */
static struct fmap_request from_here(const struct fmap_spot *s, bool forward,
				     unsigned int nr, enum fmap_read_reason why)
{
	unsigned long left = forward ? s->last - s->index : s->index;

	nr = lesser(nr, s->most);
	if (nr > left)
		nr = left + 1;
	return (struct fmap_request) {
		.first = forward ? s->index : s->index - (nr - 1),
		.nr = nr,
		.mark = nr,
		.forward = forward,
		.why = why,
	};
}

static struct fmap_request one(const struct fmap_spot *s)
{
	return from_here(s, true, 1, FMAP_READ_ONE);
}

/*
 * With the marker where half of it is used. That is also where the kernel puts it
 * if it chooses the folios.
 */
static struct fmap_request with_marker(struct fmap_request r)
{
	if (r.nr > 1)
		r.mark = r.forward ? r.nr - r.nr / 2 : r.nr / 2;
	return r;
}

/**
 * fmap_request_around - read around a miss, as the kernel does
 * @s:		where the miss is
 * @pages:	how many, at least one
 *
 * Return: the request; it may begin before the fault, and leaves a marker.
 */
struct fmap_request fmap_request_around(const struct fmap_spot *s, unsigned int pages)
{
	unsigned long first = s->index < pages / 2 ? 0 : s->index - pages / 2;
	unsigned long left = s->last - first;
	unsigned int nr = left < pages ? left + 1 : pages;
	unsigned int mark = pages - pages / 4;

	return (struct fmap_request) {
		.first = first,
		.nr = nr,
		.mark = mark < nr ? mark : nr,
		.forward = true,
		.why = FMAP_READ_AROUND,
	};
}

static unsigned int count_bits(unsigned long bits)
{
	unsigned int n = 0;

	for (; bits; bits &= bits - 1)
		n++;
	return n;
}

/* The bits @n further up, as if all beyond sight were set. */
static unsigned long further(unsigned long side, unsigned int n)
{
	return side >> n | ~(~0UL >> n);
}

/* How many runs of less than SHORT pages are there, except the one at the fault? */
static unsigned int clutter(unsigned long side)
{
	unsigned long begins;

	side &= side + 1;
	begins = side & ~(side << 1);
	return count_bits(begins & ~(further(side, 1) & further(side, 2) & further(side, 3)));
}

/* Is the run at the fault there by chance, as isolated pages nearby say? */
static bool by_chance(const struct fmap_cached *c, unsigned int run)
{
	return run < SHORT || 2 * (clutter(c->before) + clutter(c->after)) >= run;
}

/*
 * How long is a run of which the fault leaves out some pages, which are on one @side
 * of it alone? 0: there is none. It is seen as many short ones at first, and then as
 * what was read for them.
 */
static unsigned int run_with_gaps(unsigned long side, unsigned long other)
{
	unsigned int gap, run = 0;

	if (!side || other)
		return 0;
	if (count_bits(side & ~(side << 1)) >= GAPPY)
		return RUN;
	for (gap = 0; gap < GAP_MAX && !(side & 1); gap++)
		side >>= 1;
	for (; side & 1; side >>= 1)
		run++;
	return run >= RUN ? run : 0;
}

/* No page next to the fault is cached. */
/*
 * Are isolated misses of this file followed by the next page? Some are always read
 * alone, to see whether that is still so.
 */
static bool is_followed(const struct fmap_spot *s, const struct fmap_guess *guess)
{
	return guess->followed >= FOLLOWED_BELIEVE && fmap_lot(s->index) < 12;
}

static struct fmap_request isolated(const struct fmap_spot *s,
				    const struct fmap_cached *c,
				    struct fmap_guess *guess)
{
	unsigned int before = run_with_gaps(c->before, c->after);
	unsigned int after = run_with_gaps(c->after, c->before);
	struct fmap_request r;

	if (!s->index)
		return with_marker(from_here(s, true, lesser(s->usual, AROUND_MAX),
					     FMAP_READ_AROUND));
	if (before || after)
		return from_here(s, before, 2 * (before + after), FMAP_READ_RUN);
	if (is_followed(s, guess))
		return from_here(s, true, RUN + 1, FMAP_READ_RUN);
	if (guess->lone == FMAP_LONE_FEW) {
		if (guess->followed)
			guess->followed--;
		return one(s);
	}
	guess->lone++;
	r = fmap_request_around(s, lesser(s->usual, AROUND_MAX));
	r.mark = r.nr;
	return r;
}

/*
 * Does what is cached on the other side of the run go on beyond its end? It did, if
 * it is lost: then so much is what memory has room for.
 */
static unsigned int with_room(unsigned int nr, unsigned int behind, bool lost)
{
	if (!lost || nr <= behind)
		return nr;
	return behind > RUN ? behind : RUN;
}

/* The fault continues a run of pages behind it, in the sense of its direction. */
static struct fmap_request continued(const struct fmap_spot *s, bool forward,
				     unsigned int behind, bool lost, bool evicted)
{
	if (behind < RUN)
		return from_here(s, forward, RUN, FMAP_READ_RUN);
	/* Read before, and lost before it was used: too much was read */
	if (evicted && lost)
		behind /= 4;
	return with_marker(from_here(s, forward, with_room(2 * behind, behind, lost),
				     FMAP_READ_STREAM));
}

/**
 * fmap_request_miss - what to read for a page that is not cached
 * @s:		where it is
 * @c:		what is cached around it
 * @guess:	of the file; updated
 *
 * Return: a request that has the page. %FMAP_READ_ONE: only that.
 */
struct fmap_request fmap_request_miss(const struct fmap_spot *s,
				      const struct fmap_cached *c, struct fmap_guess *guess)
{
	bool forward = c->recent_before != c->recent_after ? c->recent_before :
						c->run_before >= c->run_after;
	unsigned int run = forward ? c->run_before : c->run_after;

	if (!c->run_before && !c->run_after)
		return isolated(s, c, guess);
	if (!(forward ? c->recent_before : c->recent_after)) {
		if (by_chance(c, run))
			return one(s);
		/* It may have been cached for long: no stream before the next miss */
		return from_here(s, forward, RUN, FMAP_READ_RUN);
	}
	if (forward && run == 1 && guess->followed < FOLLOWED_MAX)
		guess->followed += 2;
	return continued(s, forward, run, forward ? c->lost_before : c->lost_after,
			 c->evicted);
}

/**
 * fmap_request_marker - what to read when a stream has come to its marker
 * @s:	where the marker is
 * @c:	what is cached around it; only the runs, and what of them is mapped or lost
 *
 * A stream leaves mapped pages behind; what it is to use is not mapped yet. If that
 * tells nothing, what is to be used is the shorter part.
 *
 * Return: what comes next to the pages around the marker; %FMAP_READ_NOTHING if this
 * is no stream, or if enough is cached ahead.
 */
struct fmap_request fmap_request_marker(const struct fmap_spot *s,
					const struct fmap_cached *c)
{
	bool forward = c->used_before != c->used_after ? c->used_before :
						c->run_before >= c->run_after;
	unsigned int behind = forward ? c->run_before : c->run_after;
	unsigned int ahead = 1 + (forward ? c->run_after : c->run_before);
	unsigned long left = forward ? s->last - s->index : s->index;
	struct fmap_request r = { .why = FMAP_READ_NOTHING, .forward = forward };
	bool proven = behind >= RUN || (forward && behind == s->index);
	struct fmap_spot next = *s;

	if (!proven || ahead > s->most || ahead > left)
		return r;
	next.index = forward ? s->index + ahead : s->index - ahead;
	r = from_here(&next, forward,
		      with_room(behind + ahead, behind,
				forward ? c->lost_before : c->lost_after),
		      FMAP_READ_STREAM);
	r.mark = forward ? 0 : r.nr - 1;
	return r;
}

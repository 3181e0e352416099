// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzz target of the policies (src/policy.h): whatever a mapping looks like, and
 * whatever is mapped in it, a window contains the fault and does not leave its
 * limit, nothing is looked at outside the mapping, and nothing overflows, up to the
 * last page that an offset can have. make fuzz runs it under libFuzzer, the unit
 * tests with random inputs (driver.c).
 */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"

#define MUST(cond) do { \
	if (!(cond)) { \
		fprintf(stderr, "%s:%d: false: %s\n", __FILE__, __LINE__, #cond); \
		abort(); \
	} \
} while (0)

/* What is left of the bytes; zeros when there are no more. */
struct input {
	const uint8_t *data;
	size_t size;
};

static uint64_t take(struct input *in, size_t bytes)
{
	uint64_t value = 0;

	if (bytes > in->size)
		bytes = in->size;
	memcpy(&value, in->data, bytes);
	in->data += bytes;
	in->size -= bytes;
	return value;
}

static unsigned long take_below(struct input *in, unsigned long n)
{
	return take(in, n > 0xffffffff ? 8 : n > 0xffff ? 4 : n > 0xff ? 2 : 1) % n;
}

/* Small mappings and large ones, at both ends of the offsets and in between. */
static struct fmap_place take_place(struct input *in)
{
	unsigned int how = take(in, 1);
	struct fmap_place p = { .slots = 64U << how / 64 * 3 };
	unsigned long gap;

	p.vma_pages = 1 + take(in, how & 1 ? 1 : how & 2 ? 3 : 8);
	if (!p.vma_pages)
		p.vma_pages = ULONG_MAX;
	gap = ULONG_MAX - p.vma_pages;
	switch (how >> 2 & 3) {
	case 0:
		p.vma_first = 0;
		break;
	case 1:
		p.vma_first = gap + 1;
		break;
	case 2:
		p.vma_first = gap - take(in, 1) % (gap + 1 ? gap + 1 : 1);
		break;
	default:
		p.vma_first = take(in, 8) % (gap ? gap : 1);
	}
	p.pgoff = p.vma_first + take_below(in, p.vma_pages);
	p.slot = take_below(in, p.slots);
	return p;
}

static void check_window(const struct fmap_place *p, struct fmap_range win)
{
	struct fmap_range limit = fmap_window_limit(p);

	MUST(limit.first >= p->vma_first);
	MUST(limit.last - p->vma_first < p->vma_pages);
	MUST(limit.last - limit.first < p->slots);
	MUST(win.first <= p->pgoff && win.last >= p->pgoff);
	MUST(win.first >= limit.first && win.last <= limit.last);
}

/* A part of @limit that contains the page */
static struct fmap_range take_part(struct input *in, const struct fmap_place *p,
				   struct fmap_range limit)
{
	return (struct fmap_range) {
		.first = p->pgoff - take_below(in, p->pgoff - limit.first + 1),
		.last = p->pgoff + take_below(in, limit.last - p->pgoff + 1),
	};
}

static void fuzz_window(struct input *in)
{
	struct fmap_place p = take_place(in);
	struct fmap_around policy = {
		.kind = take_below(in, FMAP_ADAPTIVE + 1),
		.pages = take(in, 1) & 1 ? 1U << take_below(in, 32) : take(in, 4),
	};
	/* Whatever the core asked for contains the page, and may be too large. */
	struct fmap_range all = { p.pgoff - p.vma_first < 4096 ? p.vma_first : p.pgoff - 4096,
				  p.pgoff };
	struct fmap_range asked = take_part(in, &p, all), win;

	/* The option takes powers of two only. */
	policy.pages &= -policy.pages;
	win = fmap_window(&policy, &p, asked);
	check_window(&p, win);
	if (policy.kind == FMAP_OFF)
		MUST(win.first == win.last);
	if (policy.kind == FMAP_SIZE && policy.pages)
		MUST(win.last - win.first < policy.pages);
}

/* @sight first, so that count() finds the rest. */
struct scene {
	struct fmap_sight sight;
	const struct fmap_place *p;
	struct input *in;
};

/* Says anything that is possible, and checks what is asked for. */
static unsigned int count(const struct fmap_sight *sight, unsigned long first,
			  unsigned int nr, unsigned int step)
{
	struct scene *s = (struct scene *)sight;
	struct fmap_range limit = fmap_window_limit(s->p);
	unsigned long reach = (unsigned long)(nr - 1) * step;

	MUST(nr && step);
	MUST(first >= s->p->vma_first);
	MUST(first - s->p->vma_first < s->p->vma_pages);
	MUST(reach < s->p->vma_pages - (first - s->p->vma_first));
	if (step > 1)
		MUST(first >= limit.first && reach <= limit.last - first);
	switch (take(s->in, 1) & 3) {
	case 0:
		return 0;
	case 1:
		return nr;
	default:
		return take_below(s->in, nr + 1);
	}
}

/* Only pages of the mapping can be mapped. */
static unsigned int take_near(struct input *in, const struct fmap_place *p)
{
	unsigned int near = take(in, 4) & ((2U << 2 * FMAP_NEAR) - 1), kept = 0;
	unsigned long off = p->pgoff - p->vma_first;
	int i;

	for (i = -FMAP_NEAR; i <= FMAP_NEAR; i++)
		if (i && (i < 0 ? off >= (unsigned long)-i :
				  p->vma_pages - 1 - off >= (unsigned long)i))
			kept |= 1U << (i + FMAP_NEAR);
	return near & kept;
}

static void fuzz_fault(struct input *in, const struct fmap_place *p,
		       struct fmap_history *history)
{
	struct fmap_range limit = fmap_window_limit(p);
	struct scene s = {
		.sight = {
			.near = take_near(in, p),
			.fresh = take(in, 1) & 1,
			.folio = { p->pgoff, p->pgoff },
			.count = count,
		},
		.p = p,
		.in = in,
	};
	struct fmap_range asked = take_part(in, p, limit);
	unsigned int how = take(in, 1);
	struct fmap_choice c;
	bool alone;

	if (how & 1)
		s.sight.folio = take_part(in, p, limit);
	s.sight.text = how & 2;
	s.sight.whole = how & 4 && s.sight.folio.first != s.sight.folio.last &&
			asked.first >= s.sight.folio.first &&
			asked.last <= s.sight.folio.last;
	alone = !fmap_probe_table(p->pgoff - p->slot) &&
		fmap_stays_alone(*history, s.sight.near) &&
		s.sight.folio.first == s.sight.folio.last;
	c = fmap_adapt(p, asked, &s.sight, history);
	check_window(p, c.win);
	MUST(c.why <= FMAP_FOLIO);
	if (alone)
		MUST(c.why == FMAP_ALONE && c.win.first == c.win.last);
	MUST(history->style <= FMAP_STYLE_DENSE);
}

/* Faults of a file that is mapped again and again. */
static void fuzz_adapt(struct input *in)
{
	struct fmap_history history = {
		.blocks = (int)take_below(in, 21) + FMAP_BLOCKS_MIN,
		.style = take_below(in, FMAP_STYLE_DENSE + 1),
		.begun = take(in, 2),
		.filled = take(in, 2),
		.trial = take(in, 2),
	};

	do {
		struct fmap_place p = take_place(in);

		if (take(in, 1) % 8 == 0)
			fmap_history_judge(&history);
		fuzz_fault(in, &p, &history);
	} while (in->size);
}

static void (*const targets[])(struct input *in) = {
	fuzz_window,
	fuzz_adapt,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	targets[take_below(&in, sizeof(targets) / sizeof(targets[0]))](&in);
	return 0;
}

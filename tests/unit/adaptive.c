// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of src/adaptive.c: windows are legal whatever is seen, and the
 * policy, played through on an array in place of page tables, costs no more
 * than it may in any of the patterns of the benchmark.
 */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/pattern.h"
#include "../sim/model.h"
#include "ktap.h"
#include "policy.h"
#include "../random.h"

#define SLOTS	SIM_SLOTS
#define PAGES	16384U
#define TABLES	(PAGES / SLOTS)

static const struct sim_policy ours = {
	.engine = true, .around.kind = FMAP_ADAPTIVE, .window = 16,
};
static const struct sim_policy kernels = { .window = 16 };

/* Where files are mapped: page tables need not begin where blocks of the file do. */
static unsigned long start;

/* A mapping of the whole file: what came of it is left in @totals. */
static double play(const uint32_t *order, size_t n, unsigned int threads,
		   const struct sim_policy *policy, struct sim_file *file,
		   struct sim_totals *totals)
{
	struct sim_space space = { };
	size_t part, i, t;

	memset(totals, 0, sizeof(*totals));
	sim_map(&space, start, PAGES, file, 0, true);
	if (!threads)
		threads = 1;
	part = n / threads;
	for (i = 0; i < part; i++)
		for (t = 0; t < threads; t++)
			sim_touch(&space, policy, totals, start + order[t * part + i], false);
	sim_exit(&space);
	return sim_cost(policy, totals);
}

static uint32_t order[PAGES];
static struct sim_totals totals;

/* The ratio of the mapping number @times of a file that is always used so. */
static double ratio(const char *name, int times, struct sim_file *file)
{
	const struct pattern *p = pattern_find(name);
	size_t n = pattern_make(p, PAGES, order);
	struct sim_file other = { .pages = PAGES };
	double kernel = play(order, n, p->threads, &kernels, &other, &totals), cost = 0;

	while (times--)
		cost = play(order, n, p->threads, &ours, file, &totals);
	return cost / kernel;
}

/* Ratios that the first mapping of a file, and its third, are not to exceed. */
static const struct limit {
	const char *name;
	double first;
	double later;
} limits[] = {
	{ "seq", 0.94, 0.94 },
	{ "reverse", 0.94, 0.94 },
	{ "streams", 0.96, 0.94 },
	{ "threads", 0.95, 0.95 },
	{ "sparse", 0.60, 0.60 },
	{ "stride16", 0.90, 0.30 },
	{ "random16", 1.00, 0.30 },
	{ "random10", 1.03, 0.41 },
	{ "block", 1.12, 1.00 },
	{ "zipf", 1.08, 1.00 },
	{ "btree", 1.03, 0.56 },
	{ "phases", 1.05, 0.85 },
	{ "random", 1.08, 1.00 },
	{ "random2", 1.08, 1.00 },
	{ "random4", 1.08, 1.00 },
	{ "random64", 0.80, 0.30 },
	{ "stride2", 0.95, 0.95 },
	{ "stride3", 0.95, 0.95 },
	{ "stride5", 0.95, 0.60 },
	{ "stride9", 0.95, 0.35 },
	{ "stride64", 0.90, 0.25 },
	{ "stride40", 0.90, 0.25 },
	{ "block2", 1.08, 1.00 },
	{ "block4", 1.08, 1.00 },
	{ "block64", 1.08, 0.97 },
	{ "records3", 1.02, 0.76 },
	{ "records16", 1.08, 1.05 },
	{ "records200", 1.02, 1.02 },
};

static bool test_limits(void)
{
	const struct limit *l;
	bool ok = true;
	double r;
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct sim_file file = { .pages = PAGES };

		l = &limits[i];
		r = ratio(l->name, 1, &file);
		if (r > l->first) {
			printf("# %s, first mapping: %.3f, limit %.2f\n", l->name, r, l->first);
			ok = false;
		}
		r = ratio(l->name, 2, &file);
		if (r > l->later) {
			printf("# %s, later: %.3f, limit %.2f\n", l->name, r, l->later);
			ok = false;
		}
	}
	return ok;
}

/* Whatever was learned before: after two more mappings it is unlearned. */
static bool test_unlearn(void)
{
	static const char * const before[] = { "seq", "random", "random64", "block" };
	static const struct limit after[] = {
		{ "seq", 0, 0.94 }, { "streams", 0, 0.96 }, { "random", 0, 1.00 },
		{ "random16", 0, 0.30 }, { "block", 0, 1.00 }, { "stride16", 0, 0.95 },
	};
	size_t b, a;
	double r;

	for (b = 0; b < sizeof(before) / sizeof(before[0]); b++) {
		for (a = 0; a < sizeof(after) / sizeof(after[0]); a++) {
			struct sim_file file = { .pages = PAGES };

			ratio(before[b], 3, &file);
			r = ratio(after[a].name, 3, &file);
			if (r > after[a].later)
				printf("# %s after %s: %.3f\n", after[a].name, before[b], r);
			CHECK(r <= after[a].later);
		}
	}
	return true;
}

/* The same for each pattern after each other one: it may be wrong once, not for good. */
static bool test_any_change(void)
{
	const struct pattern *before, *after;
	double first, third;
	bool ok = true;

	for (before = patterns; before->name; before++) {
		for (after = patterns; after->name; after++) {
			struct sim_file file = { .pages = PAGES };

			ratio(before->name, 3, &file);
			first = ratio(after->name, 1, &file);
			third = ratio(after->name, 2, &file);
			if (first > 4.1 || third > 1.09) {
				printf("# %s after %s: %.3f, then %.3f\n", after->name,
				       before->name, first, third);
				ok = false;
			}
		}
	}
	return ok;
}

/* Nor does it matter where the file is mapped. */
static bool test_any_place(void)
{
	static const unsigned long places[] = { 16, 200, 256, 333, 500 };
	const struct pattern *p;
	bool ok = true;
	double third;
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		for (p = patterns; p->name; p++) {
			struct sim_file file = { .pages = PAGES };

			start = places[i];
			third = ratio(p->name, 3, &file);
			if (third > 1.06) {
				printf("# %s at page %lu: %.3f\n", p->name, start, third);
				ok = false;
			}
		}
	}
	start = 0;
	return ok;
}

/*
 * What a mapping starts with is one page, and a run is followed to its end; with large
 * windows at once, if runs of the file are known to be long, and until they are not.
 */
static bool test_run(void)
{
	struct sim_file file = { .pages = PAGES };

	ratio("seq", 1, &file);
	CHECK(totals.reasons[FMAP_RUN] < 2 * TABLES + 16);
	CHECK(totals.reasons[FMAP_ALONE] + totals.reasons[FMAP_BLOCK] < 24);
	CHECK(file.history.runs);
	ratio("seq", 1, &file);
	CHECK(totals.reasons[FMAP_RUN] < TABLES + 10);
	CHECK(totals.reasons[FMAP_ALONE] + totals.reasons[FMAP_BLOCK] < 4);
	ratio("records200", 3, &file);
	CHECK(!file.history.runs);
	return true;
}

static bool test_alone(void)
{
	struct sim_file file = { .pages = PAGES };

	ratio("random64", 3, &file);
	CHECK(totals.reasons[FMAP_ALONE] == PAGES / 64 - totals.reasons[FMAP_RUN]);
	CHECK(totals.reasons[FMAP_RUN] < PAGES / 64 / 20);
	return true;
}

static unsigned int count_anything(const struct fmap_sight *sight, unsigned long first,
				   unsigned int nr, unsigned int step)
{
	(void)sight;
	(void)first;
	(void)step;
	return rnd() % (nr + 1);
}

static struct fmap_place random_place(void)
{
	struct fmap_place p = { .slots = SLOTS };

	p.vma_pages = 1 + (rnd() % 2 ? rnd() % 40 : rnd() % 100000);
	p.vma_first = rnd() % 2 ? rnd() % 100 : ULONG_MAX - p.vma_pages - rnd() % 3;
	p.pgoff = p.vma_first + rnd() % p.vma_pages;
	p.slot = rnd() % p.slots;
	return p;
}

/* Part of @limit around the page. */
static struct fmap_range random_part(const struct fmap_place *p, struct fmap_range limit)
{
	return (struct fmap_range) {
		.first = p->pgoff - rnd() % (p->pgoff - limit.first + 1),
		.last = p->pgoff + rnd() % (limit.last - p->pgoff + 1),
	};
}

static bool test_legal(void)
{
	struct fmap_history h = { };
	int i;

	for (i = 0; i < 1000000; i++) {
		struct fmap_place p = random_place();
		struct fmap_range limit = fmap_window_limit(&p);
		struct fmap_sight s = {
			.near = rnd() % 4 ? rnd() & 0x1feff & rnd() : 0,
			.fresh = rnd() % 8 == 0,
			.folio = { p.pgoff, p.pgoff },
			.count = count_anything,
		};
		struct fmap_choice c;
		bool alone;

		if (rnd() % 4 == 0)
			s.folio = random_part(&p, limit);
		s.text = rnd() % 2;
		s.whole = s.folio.first != s.folio.last && rnd() % 2;
		if (rnd() % 64 == 0)
			fmap_history_judge(&h);
		alone = !fmap_probe_table(p.pgoff - p.slot) && fmap_stays_alone(h, s.near);
		c = fmap_adapt(&p, random_part(&p, limit), &s, &h);
		if (alone && s.folio.first == s.folio.last)
			CHECK(c.why == FMAP_ALONE && c.win.first == c.win.last);
		CHECK(c.win.first <= p.pgoff && c.win.last >= p.pgoff);
		CHECK(c.win.first >= limit.first && c.win.last <= limit.last);
		CHECK(c.why <= FMAP_FOLIO);
	}
	return true;
}

/* No page that is looked at alone is mapped. */
static unsigned int count_no_single(const struct fmap_sight *sight, unsigned long first,
				    unsigned int nr, unsigned int step)
{
	return nr == 1 ? 0 : count_anything(sight, first, nr, step);
}

static unsigned int some_near(void)
{
	static const unsigned int often[] = { 0, 0xff, 0x1fe00, 0x80, 0x200, 0x1 };

	return rnd() % 2 ? often[rnd() % (sizeof(often) / sizeof(often[0]))] :
			   rnd() & rnd() & 0x1feff;
}

/* A reason that is said at once: *@why is not FMAP_RUN or FMAP_DENSE then. */
static bool quick(const struct fmap_place *p, struct fmap_history h,
		  const struct fmap_sight *s, enum fmap_reason *why)
{
	bool folio = s->folio.first != s->folio.last;
	unsigned int near = s->near;

	if (fmap_probe_table(p->pgoff - p->slot))
		return false;
	*why = FMAP_FOLIO;
	if (s->whole)
		return fmap_wants_folio(h, s->text) &&
		       (!fmap_may_run(near) ||
			fmap_short_run_folios(near, s->folio.last - s->folio.first + 1));
	*why = FMAP_ALONE;
	if ((!folio || !near) && fmap_stays_alone(h, near))
		return true;
	*why = FMAP_BLOCK;
	if ((!folio || !near) && fmap_wants_block(h, p->pgoff, near))
		return true;
	return (folio && fmap_is_folio_block(h, near)) || fmap_short_run(h, near, folio);
}

/* What is said at once is what fmap_adapt() says, and it learns nothing from it. */
static bool test_quick(void)
{
	unsigned int n = 0, folios = 0;
	int i;

	for (i = 0; i < 1000000; i++) {
		struct fmap_place p = random_place();
		struct fmap_range limit = fmap_window_limit(&p), asked;
		struct fmap_sight s = {
			.near = some_near(),
			.folio = { p.pgoff, p.pgoff },
			.count = count_no_single,
		};
		struct fmap_history h = {
			.blocks = rnd() % 2 ? FMAP_BLOCKS_MIN : (int)(rnd() % 21) + FMAP_BLOCKS_MIN,
			.style = rnd() % 3,
			.runs = rnd() % 2 * rnd() % 26,
		}, was = h;
		enum fmap_reason why;
		struct fmap_choice c;

		if (rnd() % 2 && limit.first != limit.last)
			s.folio = random_part(&p, limit);
		s.text = rnd() % 2;
		s.whole = s.folio.first != s.folio.last && rnd() % 2;
		asked = random_part(&p, s.whole ? s.folio : limit);
		if (!quick(&p, h, &s, &why))
			continue;
		n++;
		folios += why == FMAP_FOLIO;
		c = fmap_adapt(&p, asked, &s, &h);
		CHECK(c.why == why);
		CHECK(!memcmp(&h, &was, sizeof(h)));
		if (why == FMAP_FOLIO)
			CHECK(c.win.first == s.folio.first && c.win.last == s.folio.last);
		else if (why == FMAP_BLOCK)
			CHECK(c.win.first == asked.first && c.win.last == asked.last);
		else
			CHECK(c.win.first == p.pgoff && c.win.last == p.pgoff);
	}
	CHECK(n > 10000 && folios > 10000);
	return true;
}

/* So many pages of the second page table are mapped, no others. */
static unsigned int first_mapped;

static unsigned int count_first(const struct fmap_sight *sight, unsigned long first,
				unsigned int nr, unsigned int step)
{
	unsigned int n = 0, i;

	(void)sight;
	for (i = 0; i < nr; i++)
		n += first + i * step - SLOTS < first_mapped;
	return n;
}

/* Whole folios where enough is mapped, and never less than what was asked for. */
static bool test_folio(void)
{
	struct fmap_place p = {
		.pgoff = 1000, .vma_pages = PAGES, .slot = 1000 % SLOTS, .slots = SLOTS,
	};
	struct fmap_sight sight = { .folio = { 896, 1023 }, .count = count_first };
	struct fmap_range asked = { 992, 1007 };
	struct fmap_history h = { };
	struct fmap_choice c;

	first_mapped = 0;
	c = fmap_adapt(&p, asked, &sight, &h);
	CHECK(c.why == FMAP_BLOCK && c.win.first == 992 && c.win.last == 1007);
	first_mapped = SLOTS / 4;
	c = fmap_adapt(&p, asked, &sight, &h);
	CHECK(c.why == FMAP_FOLIO && c.win.first == 896 && c.win.last == 1023);
	h.style = FMAP_STYLE_DENSE;
	c = fmap_adapt(&p, asked, &sight, &h);
	CHECK(c.why == FMAP_DENSE && c.win.first == 512 && c.win.last == 1023);
	/* Used sparsely, what is mapped says that little is left. */
	h.style = FMAP_STYLE_SPARSE;
	sight.near = 3;
	first_mapped = SLOTS - 32;
	c = fmap_adapt(&p, asked, &sight, &h);
	CHECK(c.why == FMAP_BLOCK && c.win.first == 992 && c.win.last == 1007);
	return true;
}

/* These pages are mapped, no others. */
static struct fmap_range mapped_pages;

static unsigned int count_mapped(const struct fmap_sight *sight, unsigned long first,
				 unsigned int nr, unsigned int step)
{
	unsigned int n = 0, i;

	(void)sight;
	for (i = 0; i < nr; i++)
		n += first + i * step >= mapped_pages.first &&
		     first + i * step <= mapped_pages.last;
	return n;
}

/*
 * If the core maps folios whole, that of one page looks like a run: there have to be
 * eight, and none ahead.
 */
static bool test_run_of_folios(void)
{
	struct fmap_place p = {
		.pgoff = 1024, .vma_pages = PAGES, .slot = 0, .slots = SLOTS,
	};
	struct fmap_sight sight = {
		.near = 0xff, .folio = { 1024, 1087 }, .whole = true, .count = count_mapped,
	};
	struct fmap_range asked = { 1024, 1039 };
	struct fmap_history h = { };
	struct fmap_choice c;

	mapped_pages = (struct fmap_range) { 512, 1023 };
	c = fmap_adapt(&p, asked, &sight, &h);
	CHECK(c.why == FMAP_RUN && c.win.first == 1024 && c.win.last == 1024 + SLOTS - 1);
	mapped_pages.first = 513;
	c = fmap_adapt(&p, asked, &sight, &h);
	CHECK(c.why == FMAP_FOLIO && c.win.first == 1024 && c.win.last == 1087);
	mapped_pages = (struct fmap_range) { 512, 1088 };
	c = fmap_adapt(&p, asked, &sight, &h);
	CHECK(c.why == FMAP_FOLIO && c.win.first == 1024 && c.win.last == 1087);
	/* Not whole: two looks, at what is nearer. */
	sight.whole = false;
	mapped_pages = (struct fmap_range) { 960, 1023 };
	c = fmap_adapt(&p, asked, &sight, &h);
	CHECK(c.why == FMAP_RUN && c.win.first == 1024 && c.win.last == 1087);
	return true;
}

/* A page table of a program's text, if nothing will tell how it is used. */
static bool test_text(void)
{
	struct fmap_place p = {
		.pgoff = 1000, .vma_first = 560, .vma_pages = 5 * SLOTS - 560,
		.slot = 1000 % SLOTS, .slots = SLOTS,
	};
	struct fmap_sight sight = {
		.text = true, .folio = { 992, 1007 }, .count = count_mapped,
	};
	struct fmap_range asked = { 992, 1007 };
	struct fmap_history h = { };
	struct fmap_choice c;
	int whole;

	for (whole = 0; whole < 2; whole++) {
		sight.whole = whole;
		sight.text = true;
		mapped_pages = (struct fmap_range) { 600, 600 };
		c = fmap_adapt(&p, asked, &sight, &h);
		CHECK(c.why == FMAP_FOLIO && c.win.first == 560 && c.win.last == 1023);
		/* What is left of it was not cached a moment ago. */
		mapped_pages.last = 900;
		c = fmap_adapt(&p, asked, &sight, &h);
		CHECK(c.why == FMAP_FOLIO && c.win.first == 992 && c.win.last == 1007);
		mapped_pages.last = 600;
		sight.text = false;
		c = fmap_adapt(&p, asked, &sight, &h);
		CHECK(c.win.first == 992 && c.win.last == 1007);
		sight.text = true;
		/* A mapping of a few pages */
		p.vma_first = 990;
		p.vma_pages = 30;
		c = fmap_adapt(&p, asked, &sight, &h);
		CHECK(c.why == FMAP_FOLIO && c.win.first == 990 && c.win.last == 1019);
		p.vma_first = 560;
		p.vma_pages = 5 * SLOTS - 560;
		h.style = FMAP_STYLE_SPARSE;
		c = fmap_adapt(&p, asked, &sight, &h);
		CHECK(whole ? c.win.last == 1007 : c.why == FMAP_ALONE);
		h.style = FMAP_STYLE_UNKNOWN;
		p.vma_pages++;
		c = fmap_adapt(&p, asked, &sight, &h);
		CHECK(c.win.first == 992 && c.win.last == 1007);
		p.vma_pages--;
	}
	return true;
}

/* So many of each region, and nothing of a block */
static unsigned int mapped_of_region;

static unsigned int count_region(const struct fmap_sight *sight, unsigned long first,
				 unsigned int nr, unsigned int step)
{
	(void)sight;
	(void)first;
	(void)step;
	return nr == 128 || nr == 256 ? mapped_of_region : 0;
}

/*
 * In a page table that is a probe, windows are what the core asks for, and that its
 * regions fill up is learned, once of each.
 */
static bool test_probe(void)
{
	struct fmap_place p = {
		.pgoff = 5 * SLOTS + 100, .vma_pages = PAGES, .slot = 100, .slots = SLOTS,
	};
	struct fmap_range asked = { 5 * SLOTS + 96, 5 * SLOTS + 111 };
	struct fmap_range alone = { p.pgoff, p.pgoff }, folio = { 5 * SLOTS, 6 * SLOTS - 1 };
	struct fmap_range whole = { 5 * SLOTS + 64, 5 * SLOTS + 127 };
	struct fmap_sight sight = { .near = 0x1001, .count = count_region };
	/* Pages of a region of 128, or of half the table, and what this fault makes of them */
	const struct {
		struct fmap_range folio;
		unsigned int mapped;
		unsigned int filled;
	} cases[] = {
		{ alone, 95, 0 }, { alone, 96, 1 }, { alone, 111, 1 }, { alone, 112, 0 },
		{ folio, 47, 0 }, { folio, 48, 1 }, { folio, 63, 1 }, { folio, 64, 0 },
		{ whole, 127, 0 }, { whole, 128, 1 }, { whole, 191, 1 }, { whole, 192, 0 },
	};
	size_t i;

	CHECK(fmap_probe_table(p.pgoff - p.slot));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fmap_history h = { .blocks = 8, .style = FMAP_STYLE_SPARSE };
		struct fmap_choice c;

		sight.folio = cases[i].folio;
		sight.whole = sight.folio.first == whole.first;
		mapped_of_region = cases[i].mapped;
		c = fmap_adapt(&p, asked, &sight, &h);
		CHECK(c.why == FMAP_BLOCK);
		CHECK(c.win.first == asked.first && c.win.last == asked.last);
		CHECK(h.filled == cases[i].filled);
	}
	return true;
}

static const struct ktap_test tests[] = {
	{ "windows_are_legal", test_legal },
	{ "runs_are_followed", test_run },
	{ "isolated_pages_stay_alone", test_alone },
	{ "quick_answers_are_the_same", test_quick },
	{ "folios_whole", test_folio },
	{ "a_run_is_several_whole_folios", test_run_of_folios },
	{ "text_by_page_tables", test_text },
	{ "probes_make_no_guess", test_probe },
	{ "costs_within_limits", test_limits },
	{ "what_was_learned_is_unlearned", test_unlearn },
	{ "no_change_of_use_is_wrong_for_good", test_any_change },
	{ "any_place_is_as_good", test_any_place },
};

int main(int argc, char **argv)
{
	seed_from(argc, argv);
	return ktap_run(tests, sizeof(tests) / sizeof(tests[0]));
}

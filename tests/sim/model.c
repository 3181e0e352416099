// SPDX-License-Identifier: GPL-2.0
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

/*
 * Instructions, as measured on 6.1 (make bench): a fault, a page mapped and
 * unmapped again, a page of the window that was mapped already, a page table;
 * and what our own way adds, to each fault and for each page looked at.
 */
#define COST_FAULT	1540.0
#define COST_PAGE	973.0
#define COST_SKIP	100.0
#define COST_TABLE	9900.0
#define COST_OURS	300.0
#define COST_ACCOUNT	8.5
#define COST_ASK	40.0
#define COST_LOOK	3.0

/* The kernel's: pages that it reads at once, and misses after which it reads one */
#define RA_PAGES	32
#define MISSES_MAX	1000
#define MISSES_LOTS	100

/* A window that reaches further than this is cut to what is cached. */
#define FAR_PAGES	64

enum sim_cached { ABSENT, CACHED, MARKED };

/* A PTE */
#define MAPPED		1
#define USED		2

struct sim_table {
	struct sim_table *next;
	unsigned long number;
	unsigned char pte[SIM_SLOTS];
};

static void *need(void *p)
{
	if (p)
		return p;
	fprintf(stderr, "no memory\n");
	exit(2);
}

static struct sim_table *find_table(struct sim_space *s, unsigned long page)
{
	unsigned long number = page / SIM_SLOTS;
	struct sim_table *t = s->last;

	if (t && t->number == number)
		return t;
	for (t = s->tables[number % 256]; t; t = t->next)
		if (t->number == number)
			return s->last = t;
	return NULL;
}

static struct sim_table *make_table(struct sim_space *s, unsigned long page)
{
	unsigned long number = page / SIM_SLOTS;
	struct sim_table *t = need(calloc(1, sizeof(*t)));

	t->number = number;
	t->next = s->tables[number % 256];
	s->tables[number % 256] = t;
	return s->last = t;
}

static bool is_mapped(struct sim_space *s, unsigned long page)
{
	const struct sim_table *t = find_table(s, page);

	return t && t->pte[page % SIM_SLOTS] & MAPPED;
}

/* --- mappings ------------------------------------------------------------------- */

static unsigned long end_of(const struct sim_vma *v)
{
	return v->start + v->pages;
}

static void add_vma(struct sim_space *s, struct sim_vma v)
{
	s->vmas = need(realloc(s->vmas, (s->nr + 1) * sizeof(*s->vmas)));
	s->vmas[s->nr++] = v;
}

/* Takes what is there out of all mappings, which may leave both ends of one. */
static void cut(struct sim_space *s, unsigned long start, unsigned long end)
{
	struct sim_vma *old = s->vmas;
	size_t n = s->nr, i;

	s->vmas = NULL;
	s->nr = 0;
	for (i = 0; i < n; i++) {
		struct sim_vma low = old[i], high = old[i];

		if (end_of(&old[i]) <= start || old[i].start >= end) {
			add_vma(s, old[i]);
			continue;
		}
		if (low.start < start) {
			low.pages = start - low.start;
			add_vma(s, low);
		}
		if (end_of(&high) > end) {
			high.first += end - high.start;
			high.pages = end_of(&high) - end;
			high.start = end;
			add_vma(s, high);
		}
	}
	free(old);
}

static void zap(struct sim_space *s, unsigned long start, unsigned long end)
{
	struct sim_table *t;
	unsigned long page;

	for (page = start; page < end; page += SIM_SLOTS - page % SIM_SLOTS) {
		unsigned long slot = page % SIM_SLOTS, n = SIM_SLOTS - slot;

		t = find_table(s, page);
		if (t)
			memset(t->pte + slot, 0, n < end - page ? n : end - page);
	}
}

void sim_unmap(struct sim_space *s, unsigned long start, unsigned long pages)
{
	cut(s, start, start + pages);
	zap(s, start, start + pages);
}

/* In place of what was there; @anew: an mmap(), not an mprotect() of a part */
void sim_map(struct sim_space *s, unsigned long start, unsigned long pages,
	     struct sim_file *file, unsigned long first, bool anew)
{
	cut(s, start, start + pages);
	if (anew) {
		zap(s, start, start + pages);
		fmap_history_judge(&file->history);
	}
	if (file->cold && !file->cached)
		file->cached = need(calloc(file->pages + 1, 1));
	add_vma(s, (struct sim_vma) { start, pages, first, file });
}

const struct sim_vma *sim_find(const struct sim_space *s, unsigned long page)
{
	size_t i;

	for (i = 0; i < s->nr; i++)
		if (page - s->vmas[i].start < s->vmas[i].pages)
			return &s->vmas[i];
	return NULL;
}

/* The same mappings, with nothing mapped in them yet: that is done by faults. */
void sim_fork(struct sim_space *child, const struct sim_space *parent)
{
	size_t i;

	memset(child, 0, sizeof(*child));
	for (i = 0; i < parent->nr; i++)
		add_vma(child, parent->vmas[i]);
}

void sim_exit(struct sim_space *s)
{
	struct sim_table *t, *next;
	size_t i;

	for (i = 0; i < 256; i++) {
		for (t = s->tables[i]; t; t = next) {
			next = t->next;
			free(t);
		}
	}
	free(s->vmas);
	memset(s, 0, sizeof(*s));
}

/* --- the page cache ------------------------------------------------------------- */

static bool may_map(const struct sim_file *f, unsigned long pgoff)
{
	return pgoff < f->pages && (!f->cold || f->cached[pgoff] == CACHED);
}

static void read_pages(struct sim_file *f, struct sim_totals *totals,
		       unsigned long first, unsigned long n, unsigned long marker)
{
	unsigned long i, new = 0;

	for (i = first; i < first + n && i < f->pages; i++) {
		if (f->cached[i] != ABSENT)
			continue;
		f->cached[i] = i == marker ? MARKED : CACHED;
		new++;
	}
	totals->reads += !!new;
	totals->read += new;
}

/* The page is not cached: it is read with those around it, or alone. */
static void read_around(struct sim_file *f, const struct sim_policy *policy,
			struct sim_totals *totals, unsigned long pgoff)
{
	unsigned long first = pgoff > RA_PAGES / 2 ? pgoff - RA_PAGES / 2 : 0;

	if (f->misses < MISSES_MAX)
		f->misses++;
	if (policy->readahead.kind == FMAP_OFF || f->misses > MISSES_LOTS) {
		read_pages(f, totals, pgoff, 1, f->pages);
		return;
	}
	read_pages(f, totals, first, RA_PAGES, first + RA_PAGES - RA_PAGES / 4);
	f->next = first + RA_PAGES;
	f->size = RA_PAGES;
}

/* A page that readahead left as its marker is wanted: read what follows. */
static void read_ahead(struct sim_file *f, const struct sim_policy *policy,
		       struct sim_totals *totals, unsigned long pgoff)
{
	f->cached[pgoff] = CACHED;
	if (policy->readahead.kind == FMAP_OFF)
		return;
	if (f->next <= pgoff || f->next > pgoff + 2 * RA_PAGES)
		f->next = pgoff + 1;
	read_pages(f, totals, f->next, RA_PAGES, f->next);
	f->next += RA_PAGES;
}

/* --- faults --------------------------------------------------------------------- */

/* @sight first, so that count() finds the rest. */
struct scene {
	struct fmap_sight sight;
	struct sim_space *space;
	const struct sim_vma *vma;
	struct sim_totals *totals;
};

static unsigned long page_of(const struct sim_vma *v, unsigned long pgoff)
{
	return v->start + (pgoff - v->first);
}

static unsigned int count(const struct fmap_sight *sight, unsigned long first,
			  unsigned int nr, unsigned int step)
{
	struct scene *s = (struct scene *)sight;
	unsigned long page = page_of(s->vma, first);
	unsigned int n = 0, i;

	for (i = 0; i < nr; i++)
		n += is_mapped(s->space, page + (unsigned long)i * step);
	s->totals->looks++;
	s->totals->looked += nr;
	return n;
}

static unsigned int near(struct sim_space *s, const struct sim_vma *v, unsigned long page)
{
	unsigned int bits = 0;
	int i;

	for (i = -FMAP_NEAR; i <= FMAP_NEAR; i++)
		if (i && page + i - v->start < v->pages && is_mapped(s, page + i))
			bits |= 1U << (i + FMAP_NEAR);
	return bits;
}

/* What the core asks for: aligned, but at the mapping's start a whole window */
static struct fmap_range asked_for(const struct fmap_place *p, unsigned int window)
{
	unsigned long off = p->pgoff - p->vma_first;
	unsigned long before = p->slot & (window - 1);
	unsigned long after;

	if (before > off)
		before = off;
	after = window - 1 - before;
	if (after > p->slots - 1 - p->slot)
		after = p->slots - 1 - p->slot;
	return fmap_range_around(p, before, after);
}

/* As fmapfs does, so that it need not look up much of a file that is not cached */
static struct fmap_range cut_to_cached(const struct sim_file *f, struct fmap_range win,
				       unsigned long pgoff)
{
	if (!f->cold)
		return win;
	while (win.last - pgoff > FAR_PAGES &&
	       (win.last >= f->pages || f->cached[win.last] == ABSENT))
		win.last -= (win.last - pgoff) / 2;
	while (pgoff - win.first > FAR_PAGES && f->cached[win.first] == ABSENT)
		win.first += (pgoff - win.first) / 2;
	return win;
}

static struct fmap_range window(struct scene *s, const struct sim_policy *policy,
				unsigned long page)
{
	const struct sim_vma *v = s->vma;
	struct fmap_place place = {
		.pgoff = v->first + (page - v->start),
		.vma_first = v->first,
		.vma_pages = v->pages,
		.slot = page % SIM_SLOTS,
		.slots = SIM_SLOTS,
	};
	struct fmap_range asked = asked_for(&place, policy->window);
	struct fmap_choice c;

	if (!policy->engine)
		return asked;
	if (policy->around.kind != FMAP_ADAPTIVE)
		return fmap_window(&policy->around, &place, asked);
	s->sight = (struct fmap_sight) {
		.near = near(s->space, v, page),
		.fresh = !find_table(s->space, page),
		.folio = { place.pgoff, place.pgoff },
		.count = count,
	};
	c = fmap_adapt(&place, asked, &s->sight, &v->file->history);
	s->totals->reasons[c.why]++;
	return cut_to_cached(v->file, c.win, place.pgoff);
}

/* Pages of the window that are cached; returns whether that one is. */
static bool map_around(struct scene *s, const struct sim_policy *policy, unsigned long page)
{
	struct fmap_range win = window(s, policy, page);
	struct sim_totals *totals = s->totals;
	struct sim_table *t = find_table(s->space, page);
	struct sim_file *f = s->vma->file;
	unsigned long i;

	totals->around++;
	totals->pages += win.last - win.first;
	if (!t) {
		t = make_table(s->space, page);
		totals->tables++;
	}
	for (i = win.first; i <= win.last; i++) {
		unsigned char *pte = &t->pte[page_of(s->vma, i) % SIM_SLOTS];

		if (*pte & MAPPED) {
			totals->skipped++;
		} else if (may_map(f, i)) {
			*pte = MAPPED;
			totals->mapped++;
			f->misses -= !!f->misses;
		}
	}
	return t->pte[page % SIM_SLOTS] & MAPPED;
}

/* ->fault: reads if it must. Returns whether the fault lock was dropped for that. */
static bool fault(struct scene *s, const struct sim_policy *policy, unsigned long pgoff)
{
	struct sim_file *f = s->vma->file;

	s->totals->fault++;
	if (!f->cold)
		return false;
	if (f->cached[pgoff] == MARKED)
		read_ahead(f, policy, s->totals, pgoff);
	if (f->cached[pgoff] == CACHED)
		return false;
	read_around(f, policy, s->totals, pgoff);
	/* Whatever was read there */
	f->cached[pgoff] = CACHED;
	s->totals->major++;
	return true;
}

static void map_page(struct scene *s, unsigned long page)
{
	struct sim_table *t = find_table(s->space, page);

	if (!t) {
		t = make_table(s->space, page);
		s->totals->tables++;
	}
	t->pte[page % SIM_SLOTS] = MAPPED;
	s->totals->mapped++;
}

static void handle(struct scene *s, const struct sim_policy *policy, unsigned long page,
		   bool write)
{
	bool around = !write && policy->window > 1;

	s->totals->faults++;
	if (around && map_around(s, policy, page))
		return;
	/* After it was read, the core comes again, for the whole way. */
	if (fault(s, policy, s->vma->first + (page - s->vma->start)) && around &&
	    map_around(s, policy, page))
		return;
	map_page(s, page);
}

/* Returns false where nothing is mapped, or the file is over. */
bool sim_touch(struct sim_space *s, const struct sim_policy *policy,
	       struct sim_totals *totals, unsigned long page, bool write)
{
	const struct sim_vma *v = sim_find(s, page);
	struct scene scene = { .space = s, .vma = v, .totals = totals };
	unsigned char *pte;

	if (!v || v->first + (page - v->start) >= v->file->pages)
		return false;
	if (!is_mapped(s, page))
		handle(&scene, policy, page, write);
	pte = &find_table(s, page)->pte[page % SIM_SLOTS];
	totals->used += !(*pte & USED);
	*pte |= USED;
	return true;
}

double sim_cost(const struct sim_policy *policy, const struct sim_totals *t)
{
	double cost = COST_FAULT * t->faults + COST_PAGE * t->mapped +
		      COST_SKIP * t->skipped + COST_TABLE * t->tables;

	if (policy->engine)
		cost += COST_OURS * t->faults + COST_ACCOUNT * t->pages +
			COST_ASK * t->looks + COST_LOOK * t->looked;
	return cost;
}

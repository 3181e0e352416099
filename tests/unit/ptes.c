// SPDX-License-Identifier: GPL-2.0
/*
 * src/ptes.c against a page table that goes while it is looked at. No kernel sees
 * what happens without the snapshot of the pmd: the data of a huge page, or the first
 * page of memory, are read as if they were PTEs, and nothing faults.
 *
 * Another processor changes the pmd once, twice or three times. Every way in which
 * its changes can come between the steps of a function is tried. Whatever the way,
 * PTEs are read from page tables alone, and the answer is that of a moment between
 * call and return. A page table that has been taken away stays: it is freed by RCU.
 */
#include <stdint.h>
#include <string.h>

#include "ktap.h"
#include "ptes.h"

#define SLOT		200	/* of the fault */
#define FIRST		1000	/* file page at the begin of the fault's page table */
#define MAX_CHANGES	3

/* Pages of the model's memory. */
enum { ZERO, TABLE, OTHER_TABLE, HUGE_DATA, NEXT_TABLE, PMDS, PAGES };

/* What the pmd can be. */
enum state { NONE, IS_TABLE, IS_OTHER_TABLE, IS_HUGE, MIGRATES, STATES };

char model_memory[PAGES * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static const unsigned long pmd_values[STATES] = {
	[NONE]			= 0,
	[IS_TABLE]		= TABLE * PAGE_SIZE | _PAGE_PRESENT,
	[IS_OTHER_TABLE]	= OTHER_TABLE * PAGE_SIZE | _PAGE_PRESENT,
	[IS_HUGE]		= HUGE_DATA * PAGE_SIZE | _PAGE_PRESENT | _PAGE_PSE,
	[MIGRATES]		= HUGE_DATA * PAGE_SIZE,
};

/* What another processor does to the pmd, from its first state on. */
static const struct history {
	const char *name;
	unsigned int changes;
	enum state states[MAX_CHANGES + 1];
} histories[] = {
	{ "retracted", 1, { IS_TABLE, NONE } },
	{ "collapsed", 2, { IS_TABLE, NONE, IS_HUGE } },
	{ "freed and made again", 2, { IS_TABLE, NONE, IS_OTHER_TABLE } },
	{ "made", 1, { NONE, IS_TABLE } },
	{ "mapped huge", 1, { NONE, IS_HUGE } },
	{ "mapped huge, then split", 3, { NONE, IS_HUGE, NONE, IS_TABLE } },
	{ "zapped", 2, { IS_HUGE, NONE, IS_TABLE } },
	{ "collapsed and moved", 3, { IS_TABLE, NONE, IS_HUGE, MIGRATES } },
	{ "made and collapsed", 3, { NONE, IS_TABLE, NONE, IS_HUGE } },
};

static pmd_t *pmds;		/* of the fault, and the next one */

/* The run under way. */
static struct {
	const struct history *history;
	pmd_t *changes;		/* the pmd that does */
	unsigned int at[MAX_CHANGES];	/* changes before this step */
	unsigned int step;
	unsigned int done;
	unsigned int stray;	/* loads of what is no page table */
} run;

static pte_t *table(unsigned int page)
{
	return (pte_t *)(model_memory + page * PAGE_SIZE);
}

static void set_state(enum state state)
{
	run.changes->pmd = pmd_values[state];
}

void model_step(const void *p)
{
	size_t page = ((const char *)p - model_memory) / PAGE_SIZE;

	while (run.done < run.history->changes && run.at[run.done] == run.step)
		set_state(run.history->states[++run.done]);
	run.step++;
	if (page != TABLE && page != OTHER_TABLE && page != NEXT_TABLE && page != PMDS)
		run.stray++;
}

static struct vm_area_struct vma = { .vm_pgoff = FIRST, .pages = 2 * PTRS_PER_PTE };

static struct vm_fault vmf = {
	.vma = &vma,
	.address = 7UL << PUD_SHIFT | SLOT << PAGE_SHIFT,
	.pgoff = FIRST + SLOT,
};

static unsigned long read_word(void)
{
	return fmap_read_ptes(&vmf, FIRST + SLOT - 20, 32);
}

static unsigned long read_full_word(void)
{
	return fmap_read_full_ptes(&vmf, FIRST + SLOT - 20, 32);
}

static unsigned long read_window(void)
{
	return fmap_read_ptes(&vmf, FIRST + SLOT - 3, 13);
}

static unsigned long read_edges(void)
{
	return fmap_read_edges(&vmf, (struct fmap_range) { FIRST + SLOT - 4, FIRST + SLOT + 4 });
}

static unsigned long read_near(void)
{
	return fmap_read_near(&vmf);
}

static unsigned long read_near_edge(void)
{
	return fmap_read_near_edge(&vmf);
}

static unsigned long count_samples(void)
{
	return fmap_count_ptes(&vmf, FIRST + 1, 16, 32);
}

/* In the fault's page table and in the next one, whose pmd changes. */
static unsigned long count_across(void)
{
	return fmap_count_ptes(&vmf, FIRST + PTRS_PER_PTE - 10, 24, 1);
}

/* More than a word of them, all empty in the one table and all mapped in the other. */
static const struct fmap_range stretch = { FIRST + 300, FIRST + 300 + 69 };

static unsigned long range_is_empty(void)
{
	return fmap_range_is_empty(&vmf, stretch);
}

static unsigned long range_is_present(void)
{
	return fmap_range_is_present(&vmf, stretch);
}

static unsigned long page_is_mapped(void)
{
	return fmap_page_is_mapped(&vmf, FIRST + 1);
}

/* The same, in the page table behind. */
static unsigned long next_page_is_mapped(void)
{
	return fmap_page_is_mapped(&vmf, FIRST + PTRS_PER_PTE + 1);
}

/* In the one table all of the run is mapped, in the other one some of it. */
static unsigned long count_full(void)
{
	return fmap_count_ptes(&vmf, FIRST + 300, 70, 1);
}

static void begin(const struct history *h, unsigned int which)
{
	memset(&run, 0, sizeof(run));
	run.history = h;
	pmds[0].pmd = pmd_values[IS_TABLE];
	pmds[1].pmd = NEXT_TABLE * PAGE_SIZE | _PAGE_PRESENT;
	run.changes = &pmds[which];
	set_state(h->states[0]);
}

/* What @fn says where nothing changes. */
static unsigned long at_rest(unsigned long (*fn)(void), enum state state, unsigned int which)
{
	const struct history still = { .states = { state } };

	begin(&still, which);
	return fn();
}

static bool one_way(unsigned long (*fn)(void), const struct history *h, unsigned int which,
		    const unsigned int *at, const unsigned long *answers)
{
	unsigned long answer;
	unsigned int i;

	begin(h, which);
	memcpy(run.at, at, sizeof(run.at));
	answer = fn();
	for (i = 0; i <= run.done && answer != answers[h->states[i]]; i++)
		;
	if (i <= run.done && !run.stray)
		return true;
	printf("# %s, changes before steps %u %u %u: %u loads from no page table, answer %#lx\n",
	       h->name, at[0], at[1], at[2], run.stray, answer);
	return false;
}

/* Each way; a function never has more steps than it reads entries and pmds. */
static bool every_way(unsigned long (*fn)(void), unsigned int steps, unsigned int which)
{
	unsigned long answers[STATES];
	unsigned int at[MAX_CHANGES], i, ways = 0;
	enum state s;

	for (s = 0; s < STATES; s++)
		answers[s] = at_rest(fn, s, which);
	for (i = 0; i < sizeof(histories) / sizeof(histories[0]); i++)
		for (at[0] = 0; at[0] <= steps; at[0]++)
			for (at[1] = at[0]; at[1] <= steps; at[1]++)
				for (at[2] = at[1]; at[2] <= steps; at[2]++, ways++)
					CHECK(one_way(fn, &histories[i], which, at, answers));
	printf("# %u ways\n", ways);
	return true;
}

/* --- the tests ------------------------------------------------------------------- */

static bool test_at_rest(void)
{
	unsigned int i, used = 0;
	unsigned long bits = 0;

	for (i = 0; i < 32; i++)
		bits |= (unsigned long)!!table(TABLE)[SLOT - 20 + i].pte << i;
	CHECK(bits && bits != GENMASK(31, 0));
	CHECK(at_rest(read_word, IS_TABLE, 0) == bits);
	CHECK(at_rest(read_full_word, IS_TABLE, 0) == bits);
	CHECK(at_rest(read_near_edge, IS_TABLE, 0) == (bits >> 12 & GENMASK(16, 0)));
	CHECK(at_rest(read_window, IS_TABLE, 0) == (bits >> 17 & GENMASK(12, 0)));
	CHECK(at_rest(read_near, IS_TABLE, 0) == (bits >> 12 & GENMASK(16, 0)));
	CHECK(at_rest(read_edges, IS_TABLE, 0) == ((bits >> 15 & 1) | (bits >> 25 & 1) << 1));
	CHECK(at_rest(read_word, IS_HUGE, 0) == GENMASK(31, 0));
	CHECK(at_rest(read_full_word, IS_HUGE, 0) == GENMASK(31, 0));
	CHECK(at_rest(read_word, NONE, 0) == 0);
	CHECK(at_rest(read_word, MIGRATES, 0) == 0);
	CHECK(at_rest(count_samples, IS_HUGE, 0) == 16);
	for (i = 0; i < 16; i++)
		used += !!table(TABLE)[1 + 32 * i].pte;
	CHECK(at_rest(count_samples, IS_TABLE, 0) == used);
	CHECK(at_rest(range_is_empty, IS_TABLE, 0) && !at_rest(range_is_present, IS_TABLE, 0));
	CHECK(!at_rest(range_is_empty, IS_OTHER_TABLE, 0));
	CHECK(at_rest(range_is_present, IS_OTHER_TABLE, 0));
	CHECK(at_rest(range_is_empty, NONE, 0) && at_rest(range_is_empty, MIGRATES, 0));
	CHECK(!at_rest(range_is_empty, IS_HUGE, 0) && !at_rest(range_is_present, IS_HUGE, 0));
	CHECK(at_rest(count_full, IS_TABLE, 0) == 0);
	CHECK(at_rest(count_full, IS_OTHER_TABLE, 0) == 70);
	table(OTHER_TABLE)[369].pte = 0;
	CHECK(!at_rest(range_is_present, IS_OTHER_TABLE, 0));
	CHECK(at_rest(count_full, IS_OTHER_TABLE, 0) == 69);
	table(OTHER_TABLE)[369].pte = table(OTHER_TABLE)[368].pte;
	table(TABLE)[369].pte = _PAGE_PRESENT;
	CHECK(!at_rest(range_is_empty, IS_TABLE, 0));
	table(TABLE)[369].pte = 0;
	CHECK(at_rest(page_is_mapped, IS_TABLE, 0) && at_rest(page_is_mapped, IS_HUGE, 0));
	CHECK(!at_rest(page_is_mapped, NONE, 0) && !at_rest(page_is_mapped, MIGRATES, 0));
	CHECK(at_rest(next_page_is_mapped, IS_TABLE, 1));
	/* Below another entry further up nothing can be looked at. */
	CHECK(!fmap_page_is_mapped(&vmf, FIRST + (PUD_SIZE >> PAGE_SHIFT) + SLOT));
	/* Ten in the first table, the rest in one that is huge, or is not there. */
	CHECK(at_rest(count_across, IS_HUGE, 1) == at_rest(count_across, NONE, 1) + 14);
	return true;
}

static bool test_read_word(void) { return every_way(read_word, 66, 0); }
static bool test_read_full_word(void) { return every_way(read_full_word, 66, 0); }
static bool test_read_window(void) { return every_way(read_window, 30, 0); }
static bool test_read_edges(void) { return every_way(read_edges, 4, 0); }
static bool test_read_near(void) { return every_way(read_near, 36, 0); }
static bool test_read_near_edge(void) { return every_way(read_near_edge, 36, 0); }
static bool test_count_samples(void) { return every_way(count_samples, 18, 0); }
static bool test_range_is_empty(void) { return every_way(range_is_empty, 72, 0); }
static bool test_range_is_present(void) { return every_way(range_is_present, 72, 0); }
static bool test_page_is_mapped(void) { return every_way(page_is_mapped, 3, 0); }
static bool test_next_page(void) { return every_way(next_page_is_mapped, 3, 1); }
static bool test_count_across(void) { return every_way(count_across, 28, 1); }

/* The tables differ; what is no table looks like one that is full of other things. */
static void fill_memory(void)
{
	unsigned int page, i;

	pmds = (pmd_t *)table(PMDS);
	vmf.pmd = pmds;
	for (i = 0; i < PTRS_PER_PTE; i++) {
		table(TABLE)[i].pte = i % 3 == 1 || i / 8 % 5 == 2 ? i << 12 | _PAGE_PRESENT : 0;
		table(OTHER_TABLE)[i].pte = i % 7 ? i << 12 | _PAGE_PRESENT : 0;
		table(NEXT_TABLE)[i].pte = i % 2 ? i << 12 | _PAGE_PRESENT : 0;
	}
	for (i = 300; i < 370; i++) {
		table(TABLE)[i].pte = 0;
		table(OTHER_TABLE)[i].pte = i << 12 | _PAGE_PRESENT;
	}
	for (page = ZERO; page <= HUGE_DATA; page += HUGE_DATA - ZERO)
		for (i = 0; i < PTRS_PER_PTE; i++)
			table(page)[i].pte = i % 2 ? 0 : i * 0x9e3779b97f4a7c15UL;
}

int main(void)
{
	static const struct ktap_test tests[] = {
		{ "at_rest", test_at_rest },
		{ "read_word", test_read_word },
		{ "read_full_word", test_read_full_word },
		{ "read_window", test_read_window },
		{ "read_edges", test_read_edges },
		{ "read_near", test_read_near },
		{ "read_near_edge", test_read_near_edge },
		{ "count_samples", test_count_samples },
		{ "count_across", test_count_across },
		{ "range_is_empty", test_range_is_empty },
		{ "range_is_present", test_range_is_present },
		{ "page_is_mapped", test_page_is_mapped },
		{ "page_behind_is_mapped", test_next_page },
	};

	fill_memory();
	return ktap_run(tests, sizeof(tests) / sizeof(tests[0]));
}

// SPDX-License-Identifier: GPL-2.0
/* Unit tests of the simulator's model of the fault path, tests/sim/model.c. */
#include <stdlib.h>
#include <string.h>

#include "../sim/model.h"
#include "ktap.h"

#define PAGES	2048U

static const struct sim_policy kernels = { .window = 16 };
static const struct sim_policy off = {
	.engine = true, .around.kind = FMAP_OFF, .window = 16,
};

static struct sim_file file;
static struct sim_space space;
static struct sim_totals totals;

static void begin(unsigned long start, unsigned long pages, unsigned long first)
{
	sim_exit(&space);
	memset(&totals, 0, sizeof(totals));
	file = (struct sim_file) { .pages = PAGES };
	sim_map(&space, start, pages, &file, first, true);
}

static void touch(const struct sim_policy *policy, unsigned long first, unsigned long last)
{
	unsigned long page;

	for (page = first; page <= last; page++)
		sim_touch(&space, policy, &totals, page, false);
}

static bool test_windows(void)
{
	begin(0, PAGES, 0);
	touch(&kernels, 0, PAGES - 1);
	CHECK(totals.faults == PAGES / 16 && totals.mapped == PAGES);
	CHECK(totals.used == PAGES && totals.tables == PAGES / SIM_SLOTS);
	begin(0, PAGES, 0);
	touch(&off, 0, 99);
	CHECK(totals.faults == 100 && totals.mapped == 100);
	return true;
}

/* At the first page of a mapping a window begins there, and is whole. */
static bool test_unaligned(void)
{
	begin(5, 100, 0);
	touch(&kernels, 5, 5);
	CHECK(totals.mapped == 16);
	touch(&kernels, 20, 21);
	CHECK(totals.faults == 2 && totals.mapped == 16 + 11);
	begin(SIM_SLOTS - 3, 100, 0);
	touch(&kernels, SIM_SLOTS - 3, SIM_SLOTS - 3);
	CHECK(totals.mapped == 3);
	return true;
}

static bool test_in_vain(void)
{
	begin(0, PAGES, 0);
	touch(&kernels, 100, 100);
	touch(&kernels, 200, 200);
	CHECK(totals.mapped - totals.used == 30);
	/* Stores get no window, and are no second touch. */
	sim_touch(&space, &kernels, &totals, 300, true);
	sim_touch(&space, &kernels, &totals, 300, false);
	CHECK(totals.faults == 3 && totals.around == 2 && totals.used == 3);
	return true;
}

/* Both ends of a mapping stay when its middle goes; a protection moves nothing. */
static bool test_cut(void)
{
	begin(1000, 300, 50);
	touch(&off, 1000, 1299);
	sim_unmap(&space, 1100, 100);
	CHECK(space.nr == 2 && !sim_find(&space, 1100) && !sim_find(&space, 1199));
	CHECK(sim_find(&space, 1200)->first == 250 && sim_find(&space, 1200)->pages == 100);
	CHECK(!sim_touch(&space, &off, &totals, 1150, false));
	sim_map(&space, 1200, 10, &file, 250, false);
	touch(&off, 1200, 1299);
	CHECK(totals.faults == 300);
	sim_map(&space, 1200, 10, &file, 250, true);
	touch(&off, 1200, 1299);
	CHECK(totals.faults == 310);
	return true;
}

static bool test_end_of_file(void)
{
	begin(0, PAGES + 100, 0);
	CHECK(!sim_touch(&space, &kernels, &totals, PAGES, false));
	file.pages = 10;
	touch(&kernels, 0, 0);
	CHECK(totals.mapped == 10);
	return true;
}

static bool test_fork(void)
{
	struct sim_space child;

	begin(0, PAGES, 0);
	touch(&kernels, 0, 15);
	sim_fork(&child, &space);
	CHECK(sim_touch(&child, &kernels, &totals, 0, false));
	CHECK(totals.faults == 2);
	sim_exit(&child);
	return true;
}

/* Read around; once it is in, nothing is read again; readahead=off reads singly. */
static bool test_cold(void)
{
	struct sim_policy single = kernels;

	begin(0, PAGES, 0);
	sim_exit(&space);
	file.cold = true;
	sim_map(&space, 0, PAGES, &file, 0, true);
	touch(&kernels, 1000, 1000);
	CHECK(totals.major == 1 && totals.reads == 1 && totals.read == 32);
	CHECK(totals.mapped == 16 && totals.around == 2);
	touch(&kernels, 1000, 1005);
	CHECK(totals.reads == 1);
	single.readahead.kind = FMAP_OFF;
	touch(&single, 500, 501);
	CHECK(totals.reads == 3 && totals.read == 34);
	touch(&kernels, 0, PAGES - 1);
	CHECK(totals.read == PAGES && totals.used == PAGES);
	free(file.cached);
	return true;
}

static const struct ktap_test tests[] = {
	{ "windows_of_the_kernel", test_windows },
	{ "windows_at_the_ends", test_unaligned },
	{ "in_vain", test_in_vain },
	{ "mappings_are_cut", test_cut },
	{ "end_of_file", test_end_of_file },
	{ "fork_maps_nothing", test_fork },
	{ "cold_files_are_read", test_cold },
};

int main(void)
{
	int ret = ktap_run(tests, sizeof(tests) / sizeof(tests[0]));

	sim_exit(&space);
	return ret;
}

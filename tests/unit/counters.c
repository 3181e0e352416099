// SPDX-License-Identifier: GPL-2.0
/* Unit tests of the counter list: the schema that tools rely on is sound. */
#include <ctype.h>
#include <string.h>

#include <fmapfs/counters.h>

#include "ktap.h"

static const struct counter {
	const char *name;
	const char *group;
	const char *total;
	const char *help;
} list[] = {
#define FMAP_COUNTER(name, group, total, help)	{ #name, #group, #total, help },
	FMAP_COUNTERS
#undef FMAP_COUNTER
};

#define NR	((int)(sizeof(list) / sizeof(list[0])))

static bool is_none(const char *total)
{
	return !strcmp(total, "none");
}

static const struct counter *find(const char *name)
{
	int i;

	for (i = 0; i < NR; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

#define CHECK_OF(i, cond) do { \
	if (!(cond)) { \
		printf("# %s: false: %s\n", list[i].name, #cond); \
		return false; \
	} \
} while (0)

static bool test_names(void)
{
	const char *p;
	int i;

	CHECK(NR > 0);
	for (i = 0; i < NR; i++) {
		CHECK_OF(i, find(list[i].name) == &list[i]);
		CHECK_OF(i, strcmp(list[i].name, "none"));
		CHECK_OF(i, strlen(list[i].name) < 32);
		for (p = list[i].name; *p; p++)
			CHECK_OF(i, islower(*p) || isdigit(*p) || *p == '_');
	}
	return true;
}

/* schema has tab-separated lines, read by shell scripts. */
static bool test_help(void)
{
	int i;

	for (i = 0; i < NR; i++) {
		CHECK_OF(i, strlen(list[i].help) > 3);
		CHECK_OF(i, !strpbrk(list[i].help, "\t\n\"\\"));
		CHECK_OF(i, list[i].help[strlen(list[i].help) - 1] != '.');
	}
	return true;
}

static bool test_totals(void)
{
	int i;

	for (i = 0; i < NR; i++) {
		if (is_none(list[i].total))
			continue;
		CHECK_OF(i, find(list[i].total));
		/* A total that adds itself up says nothing. */
		CHECK_OF(i, strcmp(list[i].total, list[i].name));
	}
	return true;
}

/* A rule of one member is a second name for the total, or a slip. */
static bool test_rules(void)
{
	int i, j, members;

	for (i = 0; i < NR; i++) {
		if (is_none(list[i].total))
			continue;
		members = 0;
		for (j = 0; j < NR; j++)
			members += !strcmp(list[i].group, list[j].group) &&
				   !strcmp(list[i].total, list[j].total);
		CHECK_OF(i, members > 1);
	}
	return true;
}

/* From a member through its total upwards there is no way back. */
static bool test_no_circles(void)
{
	const struct counter *c;
	int i, steps;

	for (i = 0; i < NR; i++) {
		c = &list[i];
		for (steps = 0; !is_none(c->total); steps++) {
			CHECK_OF(i, steps < NR);
			c = find(c->total);
		}
	}
	return true;
}

/* The sums that the project promises. */
static bool test_promised_rules(void)
{
	static const char * const totals[] = {
		"map_calls", "flt_calls", "flt_retry", "flt_lookups", "lck_calls",
		"drop_total", "sra_calls", "ara_calls", "fa_calls", "fa_pages",
		"mkw_calls",
	};
	size_t t;
	int i, n;

	for (t = 0; t < sizeof(totals) / sizeof(totals[0]); t++) {
		for (i = n = 0; i < NR; i++)
			n += !strcmp(list[i].total, totals[t]);
		if (n < 2)
			printf("# nothing adds up to %s\n", totals[t]);
		CHECK(n >= 2);
	}
	return true;
}

static const struct ktap_test tests[] = {
	{ "names_are_unique_and_plain", test_names },
	{ "help_is_there", test_help },
	{ "totals_exist", test_totals },
	{ "rules_have_members", test_rules },
	{ "no_circles", test_no_circles },
	{ "promised_rules", test_promised_rules },
};

int main(void)
{
	return ktap_run(tests, sizeof(tests) / sizeof(tests[0]));
}

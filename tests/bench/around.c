// SPDX-License-Identifier: GPL-2.0
/*
 * Fault-around policies compared: each pattern on the plain lower filesystem,
 * with the kernel's default window, without fault-around, and with a page
 * table's; and on the mount, with each of its policies. One table of ratios to
 * the first.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "measure.h"

#define NR_LOWER	3

static struct config configs[CONFIGS_MAX] = {
	{ .name = "lower" },
	{ .name = "lower-4k", .window = 4 << 10 },
	{ .name = "lower-2m", .window = 2 << 20 },
};
static int nr_configs = NR_LOWER;
static int rounds = 5;

/* What the rows of one configuration come to. */
static struct sum {
	double logs;
	double worst;
	char row[32];
} sums[CONFIGS_MAX];
static int nr_usual;
static FILE *json;

static void usage(FILE *to)
{
	fprintf(to,
		"Usage: around [OPTION]... [PATTERN]...\n"
		"\n"
		"  -s, --size MIB       size of the file (64)\n"
		"  -n, --rounds N       rounds that count (5)\n"
		"  -o, --options LIST   a policy to measure (repeatable; around=adaptive)\n"
		"  -e, --exec PROGRAM   also run this one, which is in the directory exec\n"
		"                       with its libraries and its interpreter ld.so\n"
		"  -j, --json FILE      the same, for programs\n"
		"\n"
		"FMAP_LOWER and FMAP_MNT name the lower directory and the mount over it.\n"
		"Patterns, all of them if none is named; and store, store-random:\n");
	pattern_list(to);
}

static void print_head(void)
{
	int i;

	printf("%-14s %8s %9s", "pattern", "touches", "lower");
	for (i = 1; i < nr_configs; i++)
		printf(" %15s", configs[i].name);
	printf(" %7s\n", "spread");
}

static void add_up(int i, const char *row, double ratio, bool extra)
{
	if (!extra)
		sums[i].logs += log(ratio);
	if (ratio > sums[i].worst) {
		sums[i].worst = ratio;
		snprintf(sums[i].row, sizeof(sums[i].row), "%s", row);
	}
}

static void print_json(const char *row, const struct work *w)
{
	int i;

	if (!json)
		return;
	fprintf(json, "{\"pattern\": \"%s\", \"touches\": %zu", row, w->n);
	for (i = 0; i < nr_configs; i++)
		fprintf(json, ", \"%s\": %.1f", configs[i].name,
			(double)median(configs[i].cost.sum, rounds) / w->n);
	fprintf(json, "}\n");
}

static void run_row(const char *row, const struct work *w, bool extra)
{
	double lower, ratio, worst = 0;
	int i;

	measure_rounds(configs, nr_configs, w, rounds);
	lower = median(configs[0].cost.sum, rounds);
	printf("%-14s %8zu %9.1f", row, w->n, lower / w->n);
	for (i = 0; i < nr_configs; i++) {
		ratio = median(configs[i].cost.sum, rounds) / lower;
		worst = fmax(worst, spread(configs[i].cost.sum, rounds));
		if (i)
			printf(" %15.3f", ratio);
		add_up(i, row, ratio, extra);
	}
	printf(" %6.2f%%\n", 100 * worst);
	fflush(stdout);
	print_json(row, w);
	nr_usual += !extra;
}

static void print_sums(void)
{
	int i;

	printf("\n%-33s", "geometric mean of the usual ones");
	for (i = 1; i < nr_configs; i++)
		printf(" %15.3f", exp(sums[i].logs / nr_usual));
	printf("\n%-33s", "worst of all");
	for (i = 1; i < nr_configs; i++)
		printf(" %15.3f", sums[i].worst);
	printf("\n%-33s", "");
	for (i = 1; i < nr_configs; i++)
		printf(" %15s", sums[i].row);
	printf("\n");
}

/* Does the command line name it, or none? */
static bool wanted(char **names, const char *name)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

static void run_pattern(struct work *w, const char *row, const char *pattern)
{
	const struct pattern *p = pattern_find(pattern);

	work_pattern(w, p);
	run_row(row, w, p->extra);
}

static void run_all(struct work *w, char **names, const char *program)
{
	const struct pattern *p;
	bool extra;

	/* The usual ones, then the others */
	for (extra = false; ; extra = true) {
		for (p = patterns; p->name; p++)
			if (p->extra == extra && wanted(names, p->name))
				run_pattern(w, p->name, p->name);
		if (extra)
			break;
		w->store = true;
		w->flags = MAP_SHARED;
		if (wanted(names, "store"))
			run_pattern(w, "store", "seq");
		if (wanted(names, "store-random"))
			run_pattern(w, "store-random", "random");
		w->store = false;
		w->flags = MAP_PRIVATE;
		if (program) {
			w->n = 1;
			w->program = program;
			run_row("exec", w, false);
			w->program = NULL;
		}
	}
}

static void check_names(char **names)
{
	for (; *names; names++) {
		if (pattern_find(*names) || !strncmp(*names, "store", 5))
			continue;
		fprintf(stderr, "around: unknown pattern %s\n", *names);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "size", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'n' },
		{ "options", required_argument, NULL, 'o' },
		{ "exec", required_argument, NULL, 'e' },
		{ "json", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct work w = { .size = 64 << 20, .flags = MAP_PRIVATE };
	const char *program = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "s:n:o:e:j:h", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			w.size = strtoull(optarg, NULL, 0) << 20;
			break;
		case 'n':
			rounds = atoi(optarg);
			break;
		case 'o':
			nr_configs = config_add(configs, nr_configs, optarg);
			break;
		case 'e':
			program = optarg;
			break;
		case 'j':
			json = fopen(optarg, "w");
			if (!json)
				die(optarg);
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (!w.size || rounds < 1 || rounds >= ROUNDS_MAX) {
		usage(stderr);
		return 2;
	}
	if (nr_configs == NR_LOWER)
		nr_configs = config_add(configs, nr_configs, "around=adaptive");
	check_names(argv + optind);

	measure_init();
	measure_file(w.size);
	print_head();
	run_all(&w, argv + optind, program);
	mount("none", mnt_dir, NULL, MS_REMOUNT, PLAIN_OPTIONS);
	print_sums();
	free(w.order);
	if (json)
		fclose(json);
	return 0;
}

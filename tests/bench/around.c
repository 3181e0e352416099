// SPDX-License-Identifier: GPL-2.0
/*
 * What a touched page costs: each pattern on the plain lower filesystem, with the
 * kernel's default window, without fault-around, and with a page table's; on mounts
 * of ours; and on other systems over the same files. One table of ratios to the
 * first.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "measure.h"
#include "options.h"

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
	int n;
	double worst;
	char row[32];
} sums[CONFIGS_MAX];
static FILE *json;

static void usage(FILE *to)
{
	fprintf(to,
		"Usage: around [OPTION]... [PATTERN]...\n"
		"\n"
		"  -s, --size MIB       size of the file (64)\n"
		"  -n, --rounds N       rounds that count (5)\n"
		"  -o, --options [NAME:]LIST\n"
		"                       mount options to measure (repeatable; the default)\n"
		"  -S, --system NAME=DIR\n"
		"                       another system, mounted there over the lower directory:\n"
		"                       for the usual patterns (repeatable)\n"
		"  -e, --exec PROGRAM   also run this one, which is in the directory exec\n"
		"                       with its libraries and its interpreter ld.so\n"
		"  -p, --profile FILE   with scripts/bench/profile: a line for each profile\n"
		"  -j, --json FILE      for programs: an object a line, of one pattern on one\n"
		"                       system; times and faults are of the whole mapping\n"
		"\n"
		"FMAP_LOWER names the lower directory.\n"
		"Patterns, all of them if none is named; and store, store-random:\n");
	pattern_list(to);
}

static void print_head(void)
{
	int i;

	printf("%-14s %8s %9s", "pattern", "touches", "lower");
	for (i = 1; i < nr_configs; i++)
		printf(" %9.20s", configs[i].name);
	printf(" %7s\n", "spread");
}

static void add_up(int i, const char *row, double ratio, bool extra)
{
	if (!extra) {
		sums[i].logs += log(ratio);
		sums[i].n++;
	}
	if (ratio > sums[i].worst) {
		sums[i].worst = ratio;
		snprintf(sums[i].row, sizeof(sums[i].row), "%s", row);
	}
}

static const char *system_kind(const struct config *c)
{
	if (c->options)
		return "fmapfs";
	return c->usual ? "other" : "lower";
}

static void print_json(const char *row, const struct work *w, const struct config *c)
{
	static const char * const names[NR_FIGURES] = {
		[MAP] = "map", [TOUCH] = "touch", [UNMAP] = "munmap", [SUM] = "total",
		[MINOR] = "minor", [MAJOR] = "major", [PTES] = "ptes", [RSS] = "rss_kib",
		[READS] = "reads", [BYTES] = "bytes",
	};
	int i;

	fprintf(json, "{\"pattern\": \"%s\", \"extra\": %s, \"system\": \"%s\", "
		"\"kind\": \"%s\", \"touches\": %zu, \"pages\": %zu, \"spread\": %.5f, "
		"\"first\": %llu", row, w->extra ? "true" : "false", c->name,
		system_kind(c), w->n, w->pages, spread(c->cost[SUM], rounds),
		(unsigned long long)c->first);
	for (i = 0; i < NR_FIGURES; i++)
		fprintf(json, ", \"%s\": %llu", names[i],
			(unsigned long long)config_median(c, i, rounds));
	fprintf(json, "}\n");
}

static void run_row(const char *row, const struct work *w)
{
	double lower, ratio, worst = 0;
	const struct config *c;
	int i;

	measure_rounds(configs, nr_configs, w, rounds);
	lower = config_median(&configs[0], SUM, rounds);
	printf("%-14s %8zu %9.1f", row, w->n, lower / w->n);
	for (i = 0; i < nr_configs; i++) {
		c = &configs[i];
		if (c->absent) {
			printf(" %9s", "-");
			continue;
		}
		ratio = config_median(c, SUM, rounds) / lower;
		worst = fmax(worst, spread(c->cost[SUM], rounds));
		if (i)
			printf(" %9.3f", ratio);
		add_up(i, row, ratio, w->extra);
		if (json)
			print_json(row, w, c);
	}
	printf(" %6.2f%%\n", 100 * worst);
	fflush(stdout);
	if (json)
		fflush(json);
}

static void print_sums(void)
{
	int i;

	printf("\n%-33s", "geometric mean of the usual ones");
	for (i = 1; i < nr_configs; i++)
		printf(" %9.3f", exp(sums[i].logs / sums[i].n));
	printf("\n%-33s", "worst of all");
	for (i = 1; i < nr_configs; i++)
		printf(" %9.3f", sums[i].worst);
	printf("\n%-33s", "");
	for (i = 1; i < nr_configs; i++)
		printf(" %9.9s", sums[i].row);
	printf("\n");
}

static void run_pattern(struct work *w, const char *row, const char *pattern)
{
	work_pattern(w, pattern_find(pattern));
	run_row(row, w);
}

static void run_all(struct work *w, char **names, const char *program)
{
	const struct pattern *p;
	bool extra;

	/* The usual ones, then the others */
	for (extra = false; ; extra = true) {
		for (p = patterns; p->name; p++)
			if (p->extra == extra && option_wants(names, p->name))
				run_pattern(w, p->name, p->name);
		if (extra)
			break;
		w->store = true;
		w->flags = MAP_SHARED;
		if (option_wants(names, "store"))
			run_pattern(w, "store", "seq");
		if (option_wants(names, "store-random"))
			run_pattern(w, "store-random", "random");
		w->store = false;
		w->flags = MAP_PRIVATE;
		if (program) {
			w->n = 1;
			w->pages = 1;
			w->program = program;
			run_row("exec", w);
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
		{ "system", required_argument, NULL, 'S' },
		{ "exec", required_argument, NULL, 'e' },
		{ "profile", required_argument, NULL, 'p' },
		{ "json", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct work w = { .size = 64 << 20, .flags = MAP_PRIVATE };
	const char *program = NULL;
	int c;

	while ((c = option_next(argc, argv, longs, usage)) != -1) {
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
		case 'S':
			nr_configs = config_add_dir(configs, nr_configs, optarg);
			break;
		case 'e':
			program = optarg;
			break;
		case 'p':
			profile_log = create_file(optarg);
			break;
		case 'j':
			json = create_file(optarg);
			break;
		}
	}
	if (!w.size || rounds < 1 || rounds >= ROUNDS_MAX)
		option_misused(usage);
	if (nr_configs == NR_LOWER)
		nr_configs = config_add(configs, nr_configs, "default:");
	check_names(argv + optind);

	measure_init(configs, nr_configs);
	print_head();
	run_all(&w, argv + optind, program);
	print_sums();
	free(w.order);
	if (profile_log)
		fclose(profile_log);
	if (json)
		fclose(json);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What does a page touched through a mapping cost? Maps a warm file of the
 * lower filesystem and of fmapfs over it, touches its pages, unmaps it. Shows
 * the median of the rounds, a page touched.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "measure.h"
#include "options.h"

static void usage(FILE *to)
{
	fprintf(to,
		"Usage: touch [OPTION]...\n"
		"\n"
		"  -s, --size MIB        size of the file (64)\n"
		"  -p, --pattern NAME    seq (default), or one of those below\n"
		"  -n, --rounds N        rounds that count (5)\n"
		"  -w, --write           store instead of load\n"
		"  -S, --shared          MAP_SHARED instead of MAP_PRIVATE\n"
		"  -o, --options LIST    another mount of ours to measure, with these\n"
		"                        options, as in around=2m (repeatable)\n"
		"  -x, --max-native R    exit 1 if engine=native costs more than R times the lower\n"
		"  -X, --max-kernel R   the same for around=kernel\n"
		"\n"
		"FMAP_LOWER names the lower directory.\n"
		"Patterns:\n");
	pattern_list(to);
}

static struct config configs[CONFIGS_MAX] = {
	{ .name = "lower" },
	{ .name = "native", .options = "engine=native" },
	{ .name = "kernel", .options = PLAIN_OPTIONS },
};
static int nr_configs = 3;

/* Row of the table; returns 1 if over the limit. */
static int report(const struct config *c, const struct work *w, int rounds)
{
	static double lower;
	double cost = (double)config_median(c, SUM, rounds) / w->n, ratio;
	bool over;

	if (!c->options)
		lower = cost;
	ratio = cost / lower;
	over = c->max && ratio > c->max;
	printf("%-24s %10.1f %10.1f %10.1f %8.4f %7.2f%% %9llu", c->name,
	       (double)config_median(c, TOUCH, rounds) / w->n,
	       (double)config_median(c, UNMAP, rounds) / w->n, cost, ratio,
	       100 * spread(c->cost[SUM], rounds),
	       (unsigned long long)config_median(c, MAP, rounds));
	if (c->max)
		printf("  limit %.2f%s", c->max, over ? " EXCEEDED" : "");
	printf("\n");
	return over;
}

static const struct pattern *parse_pattern(const char *name)
{
	const struct pattern *p = pattern_find(name);

	if (p)
		return p;
	fprintf(stderr, "touch: unknown pattern %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "size", required_argument, NULL, 's' },
		{ "pattern", required_argument, NULL, 'p' },
		{ "rounds", required_argument, NULL, 'n' },
		{ "write", no_argument, NULL, 'w' },
		{ "shared", no_argument, NULL, 'S' },
		{ "options", required_argument, NULL, 'o' },
		{ "max-native", required_argument, NULL, 'x' },
		{ "max-kernel", required_argument, NULL, 'X' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct work w = { .size = 64 << 20, .flags = MAP_PRIVATE };
	const struct pattern *pattern = parse_pattern("seq");
	int rounds = 5, i, c, over = 0;

	while ((c = option_next(argc, argv, longs, usage)) != -1) {
		switch (c) {
		case 's':
			w.size = strtoull(optarg, NULL, 0) << 20;
			break;
		case 'p':
			pattern = parse_pattern(optarg);
			break;
		case 'n':
			rounds = atoi(optarg);
			break;
		case 'w':
			w.store = true;
			break;
		case 'S':
			w.flags = MAP_SHARED;
			break;
		case 'o':
			nr_configs = config_add(configs, nr_configs, optarg);
			break;
		case 'x':
			configs[1].max = atof(optarg);
			break;
		case 'X':
			configs[2].max = atof(optarg);
			break;
		}
	}
	if (!w.size || rounds < 1 || rounds >= ROUNDS_MAX || optind < argc)
		option_misused(usage);

	measure_init(configs, nr_configs);
	work_pattern(&w, pattern);
	measure_rounds(configs, nr_configs, &w, rounds);

	printf("%s %s %s, %zu MiB, %zu pages touched, median of %d\n",
	       pattern->name, w.flags == MAP_SHARED ? "shared" : "private",
	       w.store ? "store" : "load", w.size >> 20, w.n, rounds);
	printf("%-24s %10s %10s %10s %8s %8s %9s\n", "per page touched", "touch", "munmap",
	       "sum", "ratio", "spread", "mmap");
	for (i = 0; i < nr_configs; i++)
		over |= report(&configs[i], &w, rounds);
	free(w.order);
	return over;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Plays a recorded trace with any policy: how many faults, how many pages mapped in
 * vain, what is read. The policies are those of src/, the fault path is model.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/options.h"
#include "model.h"
#include "spaces.h"

#define FILES_MAX	4096
#define POLICIES_MAX	16
#define KIB		1024UL
#define PAGE_KIB	4UL

static struct option_set {
	const char *names[POLICIES_MAX];
	int nr;
	struct sim_policy common;
	bool cold;
	int times;
	bool plain;
} options = { .common.window = 16, .common.engine = true, .times = 1 };

static struct sim_file files[FILES_MAX];
static const char *trace_name;
static unsigned long line_number;

static void bad(const char *why)
{
	fprintf(stderr, "simulate: %s:%lu: %s\n", trace_name, line_number, why);
	exit(2);
}

static struct sim_file *need_file(unsigned int number)
{
	if (number >= FILES_MAX || !files[number].pages)
		bad("no such file");
	return &files[number];
}

static void take_file(unsigned int number, unsigned long pages)
{
	if (number >= FILES_MAX)
		bad("too many files");
	/* As it was in the run before, if there was one */
	files[number].pages = pages ? pages : 1;
	files[number].cold = options.cold;
}

static void play_line(const char *line, const struct sim_policy *policy,
		      struct sim_totals *totals)
{
	unsigned int a, b, file;
	unsigned long start, pages, first;

	if (sscanf(line, "r %u %lx", &a, &start) == 2)
		sim_touch(find_space(a), policy, totals, start, false);
	else if (sscanf(line, "w %u %lx", &a, &start) == 2)
		sim_touch(find_space(a), policy, totals, start, true);
	else if (sscanf(line, "map %u %lx %lu %u %lu", &a, &start, &pages, &file, &first) == 5)
		sim_map(find_space(a), start, pages, need_file(file), first, true);
	else if (sscanf(line, "part %u %lx %lu %u %lu", &a, &start, &pages, &file, &first) == 5)
		sim_map(find_space(a), start, pages, need_file(file), first, false);
	else if (sscanf(line, "unmap %u %lx %lu", &a, &start, &pages) == 3)
		sim_unmap(find_space(a), start, pages);
	else if (sscanf(line, "fork %u %u", &a, &b) == 2)
		sim_fork(find_space(b), find_space(a));
	else if (sscanf(line, "exit %u", &a) == 1)
		sim_exit(find_space(a));
	else if (sscanf(line, "file %u %lu", &a, &pages) == 2)
		take_file(a, pages);
	else if (*line != '#' && *line != '\n')
		bad("what is this?");
}

/* Everything but what files remember */
static void end_spaces(void)
{
	struct numbered *n;

	for (n = spaces; n; n = n->next)
		sim_exit(&n->space);
}

static void play(FILE *trace, const struct sim_policy *policy, struct sim_totals *totals)
{
	char line[4096];

	memset(totals, 0, sizeof(*totals));
	rewind(trace);
	line_number = 0;
	while (fgets(line, sizeof(line), trace)) {
		line_number++;
		play_line(line, policy, totals);
	}
	end_spaces();
}

static bool parse_size(const char *name, struct fmap_around *around)
{
	unsigned long bytes;
	char *end;

	bytes = strtoul(name, &end, 10);
	if (*end == 'k')
		bytes *= KIB;
	else if (*end == 'm')
		bytes *= KIB * KIB;
	else
		return false;
	around->kind = FMAP_SIZE;
	around->pages = bytes / KIB / PAGE_KIB;
	return !end[1] && around->pages && !(around->pages & (around->pages - 1));
}

static struct sim_policy parse_policy(const char *name)
{
	static const struct { const char *name; enum fmap_policy_kind kind; } names[] = {
		{ "kernel", FMAP_KERNEL }, { "off", FMAP_OFF }, { "table", FMAP_TABLE },
		{ "adaptive", FMAP_ADAPTIVE },
	};
	struct sim_policy policy = options.common;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(name, names[i].name)) {
			policy.around.kind = names[i].kind;
			return policy;
		}
	}
	if (parse_size(name, &policy.around))
		return policy;
	fprintf(stderr, "simulate: no such policy: around=%s\n", name);
	exit(2);
}

static void print(const char *name, int time, const struct sim_policy *policy,
		  const struct sim_totals *t)
{
	if (options.plain)
		printf("%s %d %lu %lu %lu %lu %lu %lu\n", name, time, t->faults, t->around,
		       t->mapped, t->mapped - t->used, t->reads, t->read * PAGE_KIB * KIB);
	else
		printf("%-10s %5d %10lu %10lu %10lu %10lu %10lu %8.1f %10.0f\n", name, time,
		       t->faults, t->major, t->mapped, t->mapped - t->used, t->reads,
		       t->read * PAGE_KIB / (double)KIB, sim_cost(policy, t) / 1000);
}

static void print_head(void)
{
	if (!options.plain)
		printf("%-10s %5s %10s %10s %10s %10s %10s %8s %10s\n", "around", "run",
		       "faults", "major", "mapped", "in vain", "reads", "MiB",
		       "k instr");
}

/* From files that nobody used before */
static void try_policy(FILE *trace, const char *name)
{
	struct sim_policy policy = parse_policy(name);
	struct sim_totals totals;
	int i;

	for (i = 0; i < FILES_MAX; i++)
		free(files[i].cached);
	memset(files, 0, sizeof(files));
	for (i = 1; i <= options.times; i++) {
		play(trace, &policy, &totals);
		print(name, i, &policy, &totals);
	}
}

static void usage(FILE *to)
{
	fprintf(to,
		"Usage: simulate [OPTION]... TRACE\n"
		"\n"
		"  -a, --around POLICY     kernel, off, table, adaptive or a size such as 64k;\n"
		"                          repeatable; several, if none is named\n"
		"  -r, --readahead POLICY  kernel (default) or off\n"
		"  -w, --window BYTES      the kernel's fault_around_bytes (65536)\n"
		"  -c, --cold              nothing is cached at first\n"
		"  -n, --times N           play it so often: policies learn (1)\n"
		"  -p, --plain             for programs: policy, run, faults, ->map_pages calls,\n"
		"                          pages mapped, of them in vain, reads, bytes read\n"
		"\n"
		"TRACE is what record wrote. \"in vain\" are pages that were mapped and not\n"
		"touched; instructions are an estimate, by what 6.1 takes for a fault and a page.\n");
}

static void parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "around", required_argument, NULL, 'a' },
		{ "readahead", required_argument, NULL, 'r' },
		{ "window", required_argument, NULL, 'w' },
		{ "cold", no_argument, NULL, 'c' },
		{ "times", required_argument, NULL, 'n' },
		{ "plain", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int c;

	while ((c = option_next(argc, argv, longs, usage)) != -1) {
		switch (c) {
		case 'a':
			if (options.nr < POLICIES_MAX)
				options.names[options.nr++] = optarg;
			break;
		case 'r':
			options.common.readahead.kind =
				strcmp(optarg, "off") ? FMAP_KERNEL : FMAP_OFF;
			break;
		case 'w':
			options.common.window = atoi(optarg) / (PAGE_KIB * KIB);
			break;
		case 'c':
			options.cold = true;
			break;
		case 'n':
			options.times = atoi(optarg);
			break;
		case 'p':
			options.plain = true;
			break;
		}
	}
	if (optind != argc - 1 || !options.common.window || options.times <= 0)
		option_misused(usage);
}

int main(int argc, char **argv)
{
	static const char * const usual[] = { "off", "kernel", "table", "adaptive" };
	FILE *trace;
	int i;

	parse(argc, argv);
	trace_name = argv[optind];
	trace = fopen(trace_name, "r");
	if (!trace) {
		perror(trace_name);
		return 2;
	}
	print_head();
	if (!options.nr)
		for (i = 0; i < 4; i++)
			try_policy(trace, usual[i]);
	for (i = 0; i < options.nr; i++)
		try_policy(trace, options.names[i]);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What does a cold file cost, in requests to the disk, bytes and faults? Touches the
 * pages of files of which nothing is cached, on the plain lower filesystem and on the
 * mount, with each of its policies. Programs give no advice here.
 *
 * The kernel's readahead is 128 KiB everywhere, unless another is asked for. That is
 * its default but on disks that turn, as 7.2 takes this one for: 8 MiB.
 *
 * Requests are those that the disk has completed, so it must be one that keeps
 * statistics: no brd. Time is not measured.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../random.h"
#include "measure.h"
#include "options.h"

#define SMALL		(64UL << 20)
#define LARGE		(1UL << 30)
#define VALUE_PAGES	16

/**
 * struct seen - what one run through a pattern came to
 * @reads:	requests that the disk has completed
 * @bytes:	how much they read
 * @major:	major faults, as rusage counts them
 * @minor:	minor faults
 */
struct seen {
	unsigned long reads;
	unsigned long bytes;
	unsigned long major;
	unsigned long minor;
};

/* Any page, any number of times: at most so many touches. */
static size_t make_touches(size_t pages, unsigned int touches, uint32_t *order)
{
	size_t n = touches < pages ? touches : pages, i;

	seed = 42;
	for (i = 0; i < n; i++)
		order[i] = rnd() % pages;
	return n;
}

/* Values of 64 KiB, each at any page. */
static size_t make_values(size_t pages, unsigned int values, uint32_t *order)
{
	size_t i, n = 0, first;
	unsigned int j;

	seed = 42;
	for (i = 0; i < values; i++) {
		first = rnd() % (pages - VALUE_PAGES);
		for (j = 0; j < VALUE_PAGES; j++)
			order[n++] = first + j;
	}
	return n;
}

static const struct pattern fresh = { .name = "fresh", .make = make_touches, .arg = 64 };
static const struct pattern touches = { .name = "touches", .make = make_touches, .arg = 10000 };
static const struct pattern values = { .name = "values", .make = make_values, .arg = 400 };

static struct config configs[CONFIGS_MAX] = { { .name = "lower" } };
static int nr_configs = 1;
static FILE *json;
static const char *device;
static bool check, failed;

static void usage(FILE *to)
{
	fputs("Usage: cold [OPTION]... [ROW]...\n"
	      "\n"
	      "  -o, --options LIST   a policy to measure (repeatable; readahead=adaptive)\n"
	      "  -j, --json FILE      one object a line, for programs\n"
	      "  -r, --read-ahead KIB the kernel's read_ahead_kb (128); 0: as it is\n"
	      "  -c, --check          exit 1 if the first policy is beyond the limits\n"
	      "\n"
	      "FMAP_LOWER names the lower directory.\n"
	      "Rows: sequential reverse streams btree random value fresh\n", to);
}

/* --- the disk ------------------------------------------------------------------ */

static void find_device(void)
{
	struct stat st;
	char *name;

	if (stat(lower_dir, &st) ||
	    asprintf(&name, "/sys/dev/block/%u:%u/stat", major(st.st_dev),
		     minor(st.st_dev)) < 0 || access(name, R_OK))
		die(lower_dir);
	device = name;
}

/* Requests and bytes that it has read, once it is idle. */
static void read_device(unsigned long *reads, unsigned long *bytes)
{
	unsigned long sectors, busy;
	int tries = 5000;
	FILE *f;

	do {
		f = fopen(device, "r");
		if (!f || fscanf(f, "%lu %*u %lu %*u %*u %*u %*u %*u %lu", reads, &sectors,
				 &busy) != 3)
			die(device);
		fclose(f);
		usleep(busy ? 1000 : 0);
	} while (busy && --tries);
	*bytes = sectors * 512;
}

static void set_readahead(const char *kib)
{
	char *name;
	FILE *f;

	if (asprintf(&name, "%.*s/queue/read_ahead_kb", (int)strlen(device) - 5, device) < 0)
		die("memory");
	f = fopen(name, "w");
	if (!f || fputs(kib, f) < 0 || fclose(f))
		die(name);
	free(name);
}

static void drop_caches(const char *file)
{
	char *name = bench_name(lower_dir, file);
	int fd = open(name, O_RDONLY);
	FILE *f;

	sync();
	if (fd < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		die(name);
	close(fd);
	free(name);
	f = fopen("/proc/sys/vm/drop_caches", "w");
	if (!f || fputs("3\n", f) < 0 || fclose(f))
		die("drop_caches");
}

/* --- one measurement ------------------------------------------------------------ */

static struct seen measure_cold(const struct config *c, const char *file,
				const struct work *w)
{
	char *name = bench_name(c->dir, file);
	struct rusage before, after;
	struct seen from, to;
	volatile char *base;
	size_t i;
	int fd;

	drop_caches(file);
	fd = open(name, O_RDONLY);
	if (fd < 0)
		die(name);
	base = mmap(NULL, w->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (base == MAP_FAILED)
		die("mmap");
	read_device(&from.reads, &from.bytes);
	getrusage(RUSAGE_SELF, &before);
	for (i = 0; i < w->n; i++)
		(void)base[w->order[i] * page_size];
	getrusage(RUSAGE_SELF, &after);
	read_device(&to.reads, &to.bytes);
	munmap((void *)base, w->size);
	close(fd);
	free(name);
	return (struct seen) {
		.reads = to.reads - from.reads,
		.bytes = to.bytes - from.bytes,
		.major = after.ru_majflt - before.ru_majflt,
		.minor = after.ru_minflt - before.ru_minflt,
	};
}

/* --- rows ------------------------------------------------------------------------ */

/* What is limited: something of the mount, by itself or as a share of the lower's. */
enum what { READS_SHARE, BYTES_SHARE, PAGES_A_PAGE, MAJOR_A_VALUE };

static const char * const what_names[] = {
	[READS_SHARE]	= "reads, share of the lower's",
	[BYTES_SHARE]	= "bytes, share of the lower's",
	[PAGES_A_PAGE]	= "pages read a page touched",
	[MAJOR_A_VALUE]	= "major faults a value",
};

/**
 * struct row - a pattern, on a file
 * @name:	for the table
 * @pattern:	one of the benchmark's patterns
 * @own:	or one of this program's
 * @size:	of the file
 * @what:	is limited
 * @limit:	to that
 */
struct row {
	const char *name;
	const char *pattern;
	const struct pattern *own;
	size_t size;
	enum what what;
	double limit;
};

static const struct row rows[] = {
	{ "sequential", "seq", NULL, SMALL, READS_SHARE, 0.15 },
	{ "reverse", "reverse", NULL, SMALL, BYTES_SHARE, 1.05 },
	{ "streams", "streams", NULL, SMALL, BYTES_SHARE, 1.05 },
	{ "btree", "btree", NULL, SMALL, BYTES_SHARE, 1.05 },
	{ "random", NULL, &touches, SMALL, PAGES_A_PAGE, 1.2 },
	{ "value", NULL, &values, SMALL, MAJOR_A_VALUE, 2 },
	{ "fresh", NULL, &fresh, LARGE, PAGES_A_PAGE, 4 },
	{ }
};

static double value_of(enum what what, const struct seen *s, const struct seen *lower,
		       const struct work *w, size_t pages)
{
	switch (what) {
	case READS_SHARE:
		return (double)s->reads / lower->reads;
	case BYTES_SHARE:
		return (double)s->bytes / lower->bytes;
	case PAGES_A_PAGE:
		return (double)s->bytes / page_size / pages;
	default:
		return (double)s->major / (w->n / VALUE_PAGES);
	}
}

static void report(const struct row *row, int i, const struct seen *s,
		   const struct seen *lower, const struct work *w, size_t pages)
{
	double value = value_of(row->what, s, lower, w, pages);
	bool over = i == 1 && value > row->limit;

	printf("%-10s %-32s %7zu %7lu %7lu %7lu %7lu %8.3f", i ? "" : row->name,
	       configs[i].name, w->n, s->reads, s->bytes >> 10, s->major, s->minor, value);
	if (i == 1)
		printf(" at most %.2f%s", row->limit, over ? " EXCEEDED" : "");
	printf("  %s\n", i ? "" : what_names[row->what]);
	failed |= over;
	if (json)
		fprintf(json, "{\"pattern\": \"%s\", \"system\": \"%s\", \"touches\": %zu, "
			"\"reads\": %lu, \"bytes\": %lu, \"major\": %lu, \"minor\": %lu}\n",
			row->name, configs[i].name, w->n, s->reads, s->bytes, s->major,
			s->minor);
}

static void make_file(const char *file, size_t size)
{
	char *name = bench_name(lower_dir, file);

	if (access(name, F_OK))
		measure_file(file, size);
	free(name);
}

static void run_row(const struct row *row)
{
	const char *file = row->size == LARGE ? "large.data" : "small.data";
	struct work w = { .size = row->size };
	struct seen lower, s;
	int i;

	make_file(file, row->size);
	work_pattern(&w, row->own ? row->own : pattern_find(row->pattern));
	for (i = 0; i < nr_configs; i++) {
		s = measure_cold(&configs[i], file, &w);
		if (!i)
			lower = s;
		report(row, i, &s, &lower, &w, w.pages);
	}
	fflush(stdout);
	free(w.order);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "options", required_argument, NULL, 'o' },
		{ "json", required_argument, NULL, 'j' },
		{ "read-ahead", required_argument, NULL, 'r' },
		{ "check", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const char *kib = "128";
	const struct row *row;
	int c;

	while ((c = option_next(argc, argv, longs, usage)) != -1) {
		switch (c) {
		case 'o':
			nr_configs = config_add(configs, nr_configs, optarg);
			break;
		case 'j':
			json = create_file(optarg);
			break;
		case 'r':
			kib = optarg;
			break;
		case 'c':
			check = true;
			break;
		}
	}
	if (nr_configs == 1)
		nr_configs = config_add(configs, nr_configs, "readahead=adaptive");

	measure_init(configs, nr_configs);
	find_device();
	if (strcmp(kib, "0"))
		set_readahead(kib);
	printf("%-10s %-32s %7s %7s %7s %7s %7s\n", "pattern", "system", "touches", "reads",
	       "KiB", "major", "minor");
	for (row = rows; row->name; row++)
		if (option_wants(argv + optind, row->name))
			run_row(row);
	if (json)
		fclose(json);
	return check && failed;
}

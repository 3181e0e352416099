// SPDX-License-Identifier: GPL-2.0
/*
 * What does a page touched through a mapping cost? Maps a warm file of the
 * lower filesystem and of fmapfs over it, touches its pages, unmaps it.
 *
 * In the guest of scripts/vm/run -i one virtual nanosecond is one instruction,
 * so differences of the clock are instruction counts, and they repeat to a few
 * per mille. On real hardware they are nanoseconds.
 *
 * Lower and fmapfs take turns in one boot. The first round is discarded, of
 * the others the median is shown.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_MAX	101

static void die(const char *what)
{
	fprintf(stderr, "touch: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void usage(FILE *to)
{
	fprintf(to,
		"Usage: touch [OPTION]...\n"
		"\n"
		"  -s, --size MIB        size of the file (64)\n"
		"  -p, --pattern NAME    seq (default), reverse, random (each page once),\n"
		"                        block (random 64 KiB blocks), sparse (one page in 2 MiB)\n"
		"  -n, --rounds N        rounds that count (5)\n"
		"  -w, --write           store instead of load\n"
		"  -S, --shared          MAP_SHARED instead of MAP_PRIVATE\n"
		"  -o, --options LIST    another fmapfs configuration to measure (repeatable);\n"
		"                        mount options, as in around=2m\n"
		"  -x, --max-native R    exit 1 if engine=native costs more than R times the lower\n"
		"  -X, --max-default R   the same for the default options\n"
		"\n"
		"FMAP_LOWER and FMAP_MNT name the lower directory and the mount over it.\n");
}

enum pattern { SEQ, REVERSE, RANDOM, BLOCK, SPARSE, NR_PATTERNS };

static const char * const pattern_names[NR_PATTERNS] = {
	"seq", "reverse", "random", "block", "sparse",
};

#define DEFAULTS	"engine=pin,around=kernel,readahead=kernel"
#define CONFIGS_MAX	16

/* What is measured: the plain lower directory, or the mount with options. */
struct config {
	const char *name;
	const char *options;	/* NULL: the lower directory */
	double max;		/* 0: no limit */
	uint64_t map[ROUNDS_MAX];
	uint64_t touch[ROUNDS_MAX];
	uint64_t unmap[ROUNDS_MAX];
};

static struct config configs[CONFIGS_MAX] = {
	{ .name = "lower" },
	{ .name = "native", .options = "engine=native" },
	{ .name = "default", .options = DEFAULTS },
};
static int nr_configs = 3;

static size_t page_size;
static const char *lower_dir, *mnt_dir;

static const char *need_env(const char *name)
{
	const char *value = getenv(name);

	if (value && *value)
		return value;
	fprintf(stderr, "touch: %s is not set\n", name);
	exit(2);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static uint64_t rnd(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1dULL;
}

static void shuffle(uint32_t *v, size_t n)
{
	uint64_t seed = 42;
	size_t i, j;
	uint32_t t;

	for (i = n - 1; i > 0; i--) {
		j = rnd(&seed) % (i + 1);
		t = v[i];
		v[i] = v[j];
		v[j] = t;
	}
}

/* Fills @order; returns how many pages are touched. */
static size_t make_order(enum pattern pattern, size_t pages, uint32_t *order)
{
	size_t per_block = 65536 / page_size, per_2m = (2 << 20) / page_size;
	size_t blocks = pages / per_block, i, j, n = 0;
	uint32_t *block;

	switch (pattern) {
	case SEQ:
	case REVERSE:
	case RANDOM:
		for (n = 0; n < pages; n++)
			order[n] = pattern == REVERSE ? pages - 1 - n : n;
		if (pattern == RANDOM)
			shuffle(order, pages);
		break;
	case BLOCK:
		block = malloc(blocks * sizeof(*block));
		for (i = 0; i < blocks; i++)
			block[i] = i;
		shuffle(block, blocks);
		for (i = 0; i < blocks; i++)
			for (j = 0; j < per_block; j++)
				order[n++] = block[i] * per_block + j;
		free(block);
		break;
	default:
		for (i = per_2m / 2; i < pages; i += per_2m)
			order[n++] = i;
	}
	return n;
}

static char *file_name(const char *dir)
{
	char *name;

	if (asprintf(&name, "%s/touch.data", dir) < 0)
		die("memory");
	return name;
}

/* Written and read below, so that it is in the page cache, clean. */
static void make_file(size_t size)
{
	char *name = file_name(lower_dir), *buf = malloc(1 << 20);
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
	size_t at;

	if (fd < 0 || !buf)
		die(name);
	memset(buf, 'x', 1 << 20);
	for (at = 0; at < size; at += 1 << 20)
		if (write(fd, buf, 1 << 20) != 1 << 20)
			die(name);
	if (fsync(fd))
		die(name);
	for (at = 0; at < size; at += 1 << 20)
		if (pread(fd, buf, 1 << 20, at) != 1 << 20)
			die(name);
	close(fd);
	free(buf);
	free(name);
}

struct work {
	size_t size;
	const uint32_t *order;
	size_t n;
	bool store;
	int flags;
};

static void touch(volatile char *base, const struct work *w)
{
	size_t i;

	if (w->store)
		for (i = 0; i < w->n; i++)
			base[w->order[i] * page_size] = 'x';
	else
		for (i = 0; i < w->n; i++)
			(void)base[w->order[i] * page_size];
}

static void measure(struct config *c, const struct work *w, int round)
{
	char *name = file_name(c->options ? mnt_dir : lower_dir);
	uint64_t t[4];
	void *base;
	int fd;

	if (c->options && mount("none", mnt_dir, NULL, MS_REMOUNT, c->options))
		die(c->options);
	fd = open(name, w->store ? O_RDWR : O_RDONLY);
	if (fd < 0)
		die(name);
	t[0] = now();
	base = mmap(NULL, w->size, PROT_READ | (w->store ? PROT_WRITE : 0), w->flags, fd, 0);
	if (base == MAP_FAILED)
		die("mmap");
	t[1] = now();
	touch(base, w);
	t[2] = now();
	munmap(base, w->size);
	t[3] = now();
	/* Written pages are clean again before the next one measures. */
	if (w->store && (w->flags & MAP_SHARED))
		fsync(fd);
	close(fd);
	free(name);

	c->map[round] = t[1] - t[0];
	c->touch[round] = t[2] - t[1];
	c->unmap[round] = t[3] - t[2];
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(const uint64_t *v, int n)
{
	uint64_t copy[ROUNDS_MAX];

	memcpy(copy, v, n * sizeof(*v));
	qsort(copy, n, sizeof(*copy), compare);
	return copy[n / 2];
}

/* Largest distance from the median, as a share of it. */
static double spread(const uint64_t *v, int n)
{
	double mid = median(v, n), worst = 0, d;
	int i;

	for (i = 0; i < n; i++) {
		d = v[i] > mid ? v[i] - mid : mid - v[i];
		if (d > worst)
			worst = d;
	}
	return mid ? worst / mid : 0;
}

/* Row of the table; returns 1 if over the limit. */
static int report(const struct config *c, const struct work *w, int rounds)
{
	static double lower;
	uint64_t total[ROUNDS_MAX];
	double touch_cost, unmap_cost, cost, ratio;
	bool over;
	int i;

	for (i = 0; i < rounds; i++)
		total[i] = c->touch[i] + c->unmap[i];
	touch_cost = (double)median(c->touch, rounds) / w->n;
	unmap_cost = (double)median(c->unmap, rounds) / w->n;
	cost = (double)median(total, rounds) / w->n;
	if (!c->options)
		lower = cost;
	ratio = cost / lower;
	over = c->max && ratio > c->max;
	printf("%-24s %10.1f %10.1f %10.1f %8.4f %7.2f%% %9llu", c->name, touch_cost,
	       unmap_cost, cost, ratio, 100 * spread(total, rounds),
	       (unsigned long long)median(c->map, rounds));
	if (c->max)
		printf("  limit %.2f%s", c->max, over ? " EXCEEDED" : "");
	printf("\n");
	return over;
}

static enum pattern parse_pattern(const char *name)
{
	int p;

	for (p = 0; p < NR_PATTERNS; p++)
		if (!strcmp(name, pattern_names[p]))
			return p;
	fprintf(stderr, "touch: unknown pattern %s\n", name);
	exit(2);
}

static void add_config(const char *options)
{
	char *full;

	if (nr_configs == CONFIGS_MAX) {
		fprintf(stderr, "touch: too many configurations\n");
		exit(2);
	}
	if (asprintf(&full, DEFAULTS ",%s", options) < 0)
		die("memory");
	configs[nr_configs].name = options;
	configs[nr_configs++].options = full;
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
		{ "max-default", required_argument, NULL, 'X' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct work w = { .size = 64 << 20, .flags = MAP_PRIVATE };
	enum pattern pattern = SEQ;
	int rounds = 5, round, i, c, over = 0;
	uint32_t *order;

	while ((c = getopt_long(argc, argv, "s:p:n:wSo:x:X:h", longs, NULL)) != -1) {
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
			add_config(optarg);
			break;
		case 'x':
			configs[1].max = atof(optarg);
			break;
		case 'X':
			configs[2].max = atof(optarg);
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (!w.size || rounds < 1 || rounds >= ROUNDS_MAX || optind < argc) {
		usage(stderr);
		return 2;
	}

	page_size = sysconf(_SC_PAGESIZE);
	lower_dir = need_env("FMAP_LOWER");
	mnt_dir = need_env("FMAP_MNT");
	order = malloc(w.size / page_size * sizeof(*order));
	w.n = make_order(pattern, w.size / page_size, order);
	w.order = order;
	make_file(w.size);

	/* Round 0 is overwritten: it warms up. */
	for (i = 0; i < nr_configs; i++)
		measure(&configs[i], &w, 0);
	for (round = 0; round < rounds; round++)
		for (i = 0; i < nr_configs; i++)
			measure(&configs[i], &w, round);
	mount("none", mnt_dir, NULL, MS_REMOUNT, DEFAULTS);

	printf("%s %s %s, %zu MiB, %zu pages touched, median of %d\n",
	       pattern_names[pattern], w.flags == MAP_SHARED ? "shared" : "private",
	       w.store ? "store" : "load", w.size >> 20, w.n, rounds);
	printf("%-24s %10s %10s %10s %8s %8s %9s\n", "per page touched", "touch", "munmap",
	       "sum", "ratio", "spread", "mmap");
	for (i = 0; i < nr_configs; i++)
		over |= report(&configs[i], &w, rounds);
	free(order);
	return over;
}

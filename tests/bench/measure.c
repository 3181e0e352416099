// SPDX-License-Identifier: GPL-2.0
/*
 * In the guest of scripts/vm/run -i one virtual nanosecond is one instruction,
 * so differences of the clock are instruction counts, and they repeat to a few
 * per mille. On real hardware they are nanoseconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"

#define KNOB		"/sys/kernel/debug/fault_around_bytes"
#define THREADS_MAX	8

size_t page_size;
const char *lower_dir, *mnt_dir;

void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(2);
}

static const char *need_env(const char *name)
{
	const char *value = getenv(name);

	if (value && *value)
		return value;
	fprintf(stderr, "bench: %s is not set\n", name);
	exit(2);
}

/* Another policy to measure, at configs[@n]. Return: how many there are then. */
int config_add(struct config *configs, int n, const char *options)
{
	char *full;

	if (n == CONFIGS_MAX) {
		fprintf(stderr, "bench: too many configurations\n");
		exit(2);
	}
	if (asprintf(&full, PLAIN_OPTIONS ",%s", options) < 0)
		die("memory");
	configs[n].name = options;
	configs[n].options = full;
	return n + 1;
}

void measure_init(void)
{
	page_size = sysconf(_SC_PAGESIZE);
	lower_dir = need_env("FMAP_LOWER");
	mnt_dir = need_env("FMAP_MNT");
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

char *bench_name(const char *dir, const char *file)
{
	char *name;

	if (asprintf(&name, "%s/%s", dir, file) < 0)
		die("memory");
	return name;
}

/* Written and read below, so that it is in the page cache, clean. */
void measure_file(size_t size)
{
	char *name = bench_name(lower_dir, "touch.data"), *buf = malloc(1 << 20);
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

void work_pattern(struct work *w, const struct pattern *p)
{
	size_t pages = w->size / page_size;

	if (!w->order)
		w->order = malloc(pages * sizeof(*w->order));
	if (!w->order)
		die("memory");
	w->n = pattern_make(p, pages, w->order);
	w->threads = p->threads;
}

static unsigned int get_window(void)
{
	FILE *f = fopen(KNOB, "r");
	unsigned int value;

	if (!f || fscanf(f, "%u", &value) != 1)
		die(KNOB);
	fclose(f);
	return value;
}

static void set_window(unsigned int value)
{
	FILE *f = fopen(KNOB, "w");

	if (!f || fprintf(f, "%u\n", value) < 0 || fclose(f))
		die(KNOB);
}

struct part {
	const struct work *w;
	volatile char *base;
	size_t first;
	size_t end;
};

static void *touch_part(void *arg)
{
	const struct part *p = arg;
	const uint32_t *order = p->w->order;
	size_t i;

	if (p->w->store)
		for (i = p->first; i < p->end; i++)
			p->base[order[i] * page_size] = 'x';
	else
		for (i = p->first; i < p->end; i++)
			(void)p->base[order[i] * page_size];
	return NULL;
}

static void touch(volatile char *base, const struct work *w)
{
	struct part parts[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	unsigned int i, n = w->threads ? w->threads : 1;

	for (i = 0; i < n; i++)
		parts[i] = (struct part) { w, base, w->n * i / n, w->n * (i + 1) / n };
	if (n == 1) {
		touch_part(parts);
		return;
	}
	for (i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, touch_part, &parts[i]))
			die("pthread_create");
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

static void measure_touch(struct config *c, const struct work *w, int round)
{
	char *name = bench_name(c->options ? mnt_dir : lower_dir, "touch.data");
	int fd = open(name, w->store ? O_RDWR : O_RDONLY);
	uint64_t t[4];
	void *base;

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

	c->cost.map[round] = t[1] - t[0];
	c->cost.touch[round] = t[2] - t[1];
	c->cost.unmap[round] = t[3] - t[2];
}

static uint64_t cpu_time(const struct rusage *ru)
{
	return (ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) * 1000000000ULL +
	       (ru->ru_utime.tv_usec + ru->ru_stime.tv_usec) * 1000ULL;
}

/*
 * The program, its interpreter and its libraries all come from the directory.
 * What counts is the time that the process ran, since it may have to wait.
 */
static void measure_exec(struct config *c, const struct work *w, int round)
{
	const char *dir = c->options ? mnt_dir : lower_dir;
	char *libs = bench_name(dir, "exec"), *ld = bench_name(libs, "ld.so");
	char *program = bench_name(libs, w->program);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), status;
	static char *env[] = { "LC_ALL=C", NULL };
	struct rusage ru;
	pid_t pid;

	pid = vfork();
	if (!pid) {
		dup2(null, STDOUT_FILENO);
		execle(ld, ld, "--inhibit-cache", "--library-path", libs, program,
		       "--version", NULL, env);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &ru) != pid || status)
		die(program);
	c->cost.map[round] = 0;
	c->cost.touch[round] = cpu_time(&ru);
	c->cost.unmap[round] = 0;
	close(null);
	free(program);
	free(ld);
	free(libs);
}

static void measure(struct config *c, const struct work *w, int round)
{
	unsigned int window = c->window ? get_window() : 0;
	static const char *in_force;

	/* A remount empties caches: only if there is something to change */
	if (c->options && c->options != in_force && mount("none", mnt_dir, NULL, MS_REMOUNT, c->options))
		die(c->options);
	if (c->options)
		in_force = c->options;
	if (window)
		set_window(c->window);
	if (w->program)
		measure_exec(c, w, round);
	else
		measure_touch(c, w, round);
	if (window)
		set_window(window);
	c->cost.sum[round] = c->cost.touch[round] + c->cost.unmap[round];
}

/* In turns. What the first round measured is overwritten: it warms up. */
void measure_rounds(struct config *configs, int n, const struct work *w, int rounds)
{
	int round, i;

	for (i = 0; i < n; i++)
		measure(&configs[i], w, 0);
	for (round = 0; round < rounds; round++)
		for (i = 0; i < n; i++)
			measure(&configs[i], w, round);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t median(const uint64_t *v, int n)
{
	uint64_t copy[ROUNDS_MAX];

	memcpy(copy, v, n * sizeof(*v));
	qsort(copy, n, sizeof(*copy), compare);
	return copy[n / 2];
}

/* Largest distance from the median, as a share of it. */
double spread(const uint64_t *v, int n)
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

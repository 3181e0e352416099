// SPDX-License-Identifier: GPL-2.0
/*
 * In the guest of scripts/vm/run -i one virtual nanosecond is one instruction,
 * so differences of the clock are instruction counts, and they repeat to a few
 * per mille. On real hardware they are nanoseconds.
 */
#include <dirent.h>
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
#include "profile.h"

#define KNOB		"/sys/kernel/debug/fault_around_bytes"
#define THREADS_MAX	8
#define PRESENT		(1ULL << 63)
#define ENOUGH		32000000	/* ns */

size_t page_size;
const char *lower_dir;
FILE *profile_log;

/* Mounts of ours, which go with us. */
static char *mounts[CONFIGS_MAX];
static int nr_mounts;

void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(2);
}

FILE *create_file(const char *name)
{
	FILE *f = fopen(name, "w");

	if (!f)
		die(name);
	return f;
}

char *bench_name(const char *dir, const char *file)
{
	char *name;

	if (asprintf(&name, "%s/%s", dir, file) < 0)
		die("memory");
	return name;
}

static struct config *next_config(struct config *configs, int n)
{
	if (n < CONFIGS_MAX)
		return &configs[n];
	fprintf(stderr, "bench: too many configurations\n");
	exit(2);
}

static const char *copy(const char *s, size_t n)
{
	s = strndup(s, n);
	if (!s)
		die("memory");
	return s;
}

/*
 * Another mount of ours to measure: @option is NAME:OPTIONS, or the options alone.
 * Return: how many there are then.
 */
int config_add(struct config *configs, int n, const char *option)
{
	struct config *c = next_config(configs, n);
	size_t name = strcspn(option, ":=");

	c->name = option;
	c->options = option;
	if (option[name] == ':') {
		c->name = copy(option, name);
		c->options = option + name + 1;
	}
	return n + 1;
}

/* What another system shows of the lower directory: NAME=DIRECTORY */
int config_add_dir(struct config *configs, int n, const char *option)
{
	struct config *c = next_config(configs, n);
	size_t name = strcspn(option, "=");

	c->name = copy(option, name);
	c->dir = option + name + (option[name] == '=');
	c->usual = true;
	return n + 1;
}

static void unmount_all(void)
{
	while (nr_mounts--) {
		if (umount(mounts[nr_mounts]))
			perror(mounts[nr_mounts]);
		rmdir(mounts[nr_mounts]);
	}
}

static const char *mount_ours(const char *options)
{
	char *dir = strdup("/tmp/fmapfs-bench.XXXXXX");

	if (!dir || !mkdtemp(dir))
		die("mkdtemp");
	if (mount(lower_dir, dir, "fmapfs", 0, options))
		die(options);
	mounts[nr_mounts++] = dir;
	return dir;
}

/* What a kernel does not have is not set. */
static void set_khugepaged(const char *setting, const char *value)
{
	char *name = bench_name("/sys/kernel/mm/transparent_hugepage/khugepaged", setting);
	FILE *f = fopen(name, "w");

	free(name);
	if (!f)
		return;
	fputs(value, f);
	if (fclose(f))
		die(setting);
}

/*
 * Since 7.2 khugepaged makes huge folios of any file, one now and then: of the files
 * that are measured, too, whoever has mapped them, and later rounds cost less. It
 * takes one huge page at most, and then sleeps for as long as the guest lives.
 */
static void stop_khugepaged(void)
{
	set_khugepaged("pages_to_scan", "1");
	set_khugepaged("scan_sleep_millisecs", "4000000000");
}

void measure_init(struct config *configs, int n)
{
	struct config *c;

	page_size = sysconf(_SC_PAGESIZE);
	lower_dir = getenv("FMAP_LOWER");
	if (!lower_dir || !*lower_dir) {
		fprintf(stderr, "bench: FMAP_LOWER is not set\n");
		exit(2);
	}
	atexit(unmount_all);
	stop_khugepaged();
	for (c = configs; c < configs + n; c++)
		if (!c->dir)
			c->dir = c->options ? mount_ours(c->options) : lower_dir;
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static char buffer[1 << 20];

/* So that it is in the page cache, with no marker left that asks for readahead */
static void read_file(int fd, size_t size, const char *name)
{
	size_t at;

	for (at = 0; at < size; at += sizeof(buffer))
		if (pread(fd, buffer, sizeof(buffer), at) != sizeof(buffer))
			die(name);
}

static void read_whole(const char *name)
{
	int fd = open(name, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		die(name);
	do {
		n = read(fd, buffer, sizeof(buffer));
	} while (n > 0);
	if (n)
		die(name);
	close(fd);
}

/* What a program starts from: patterns before may have pushed it out of memory. */
static void read_program(void)
{
	char *dir = bench_name(lower_dir, "exec"), *name;
	DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		die(dir);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		name = bench_name(dir, e->d_name);
		read_whole(name);
		free(name);
	}
	closedir(d);
	free(dir);
}

/* A new file below, written and read, so that it is in the page cache, clean. */
void measure_file(const char *file, size_t size)
{
	char *name = bench_name(lower_dir, file);
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);
	size_t at;

	if (fd < 0)
		die(name);
	memset(buffer, 'x', sizeof(buffer));
	for (at = 0; at < size; at += sizeof(buffer))
		if (write(fd, buffer, sizeof(buffer)) != sizeof(buffer))
			die(name);
	if (fsync(fd))
		die(name);
	read_file(fd, size, name);
	close(fd);
	free(name);
}

static size_t count_pages(const struct work *w)
{
	char *seen = calloc(1, w->size / page_size);
	size_t i, n = 0;

	if (!seen)
		die("memory");
	for (i = 0; i < w->n; i++) {
		n += !seen[w->order[i]];
		seen[w->order[i]] = 1;
	}
	free(seen);
	return n;
}

void work_pattern(struct work *w, const struct pattern *p)
{
	size_t pages = w->size / page_size;

	if (!w->order)
		w->order = malloc(pages * sizeof(*w->order));
	if (!w->order)
		die("memory");
	w->n = pattern_make(p, pages, w->order);
	w->pages = count_pages(w);
	w->threads = p->threads;
	w->extra = p->extra;
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

/* Of the whole process, KiB */
static uint64_t resident(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	unsigned long long kib = 0;
	char line[128];

	if (!f)
		die("smaps_rollup");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Rss: %llu", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

/* Pages that are mapped there */
static uint64_t count_ptes(const char *base, size_t size)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entries[512], count = 0;
	size_t pages = size / page_size, at, n, i;

	if (fd < 0)
		die("pagemap");
	for (at = 0; at < pages; at += n) {
		n = pages - at < 512 ? pages - at : 512;
		if (pread(fd, entries, n * 8, ((uintptr_t)base / page_size + at) * 8) !=
		    (ssize_t)n * 8)
			die("pagemap");
		for (i = 0; i < n; i++)
			count += !!(entries[i] & PRESENT);
	}
	close(fd);
	return count;
}

/* Reads of the lower's device, and their bytes; none, if it has no device. */
static void device_reads(uint64_t *reads, uint64_t *bytes)
{
	const char *dev = getenv("FMAP_LOWERDEV");
	unsigned long long n = 0, sectors = 0;
	char *name;
	FILE *f;

	if (dev && *dev) {
		name = bench_name("/sys/class/block", strrchr(dev, '/') + 1);
		dev = bench_name(name, "stat");
		f = fopen(dev, "r");
		if (!f || fscanf(f, "%llu %*u %llu", &n, &sectors) != 2)
			die(dev);
		fclose(f);
		free((char *)dev);
		free(name);
	}
	*reads = n;
	*bytes = sectors * 512;
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

static void measure_touch(const struct work *w, int fd, uint64_t *v)
{
	struct rusage before, after;
	uint64_t t[5], reads, bytes, rss = resident();
	void *base;

	device_reads(&reads, &bytes);
	getrusage(RUSAGE_SELF, &before);
	t[0] = now();
	base = mmap(NULL, w->size, PROT_READ | (w->store ? PROT_WRITE : 0), w->flags, fd, 0);
	if (base == MAP_FAILED)
		die("mmap");
	t[1] = now();
	profile_mark(PROFILE_GO);
	touch(base, w);
	profile_mark(PROFILE_STOP);
	t[2] = now();
	getrusage(RUSAGE_SELF, &after);
	v[PTES] = count_ptes(base, w->size);
	v[RSS] = resident() - rss;
	t[3] = now();
	profile_mark(PROFILE_GO);
	munmap(base, w->size);
	profile_mark(PROFILE_STOP);
	t[4] = now();
	/* Written pages are clean again before the next one measures. */
	if (w->store && (w->flags & MAP_SHARED))
		fsync(fd);

	v[MAP] = t[1] - t[0];
	v[TOUCH] = t[2] - t[1];
	v[UNMAP] = t[4] - t[3];
	v[MINOR] = after.ru_minflt - before.ru_minflt;
	v[MAJOR] = after.ru_majflt - before.ru_majflt;
	device_reads(&v[READS], &v[BYTES]);
	v[READS] -= reads;
	v[BYTES] -= bytes;
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
static void measure_exec(const char *dir, const struct work *w, uint64_t *v)
{
	char *libs = bench_name(dir, "exec"), *ld = bench_name(libs, "ld.so");
	char *program = bench_name(libs, w->program);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), status;
	static char *env[] = { "LC_ALL=C", NULL };
	struct rusage ru;
	pid_t pid;

	profile_mark(PROFILE_GO);
	pid = vfork();
	if (!pid) {
		dup2(null, STDOUT_FILENO);
		execle(ld, ld, "--inhibit-cache", "--library-path", libs, program,
		       "--version", NULL, env);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &ru) != pid || status)
		die(program);
	profile_mark(PROFILE_STOP);
	v[TOUCH] = cpu_time(&ru);
	v[MINOR] = ru.ru_minflt;
	v[MAJOR] = ru.ru_majflt;
	v[RSS] = ru.ru_maxrss;
	close(null);
	free(program);
	free(ld);
	free(libs);
}

/* Of one mapping: which system's it was, and how many touches. */
static void end_profile(const struct config *c, const struct work *w)
{
	if (!profile_log)
		return;
	profile_mark(PROFILE_WRITE);
	fprintf(profile_log, "%s %zu\n", c->name, w->n);
}

/* The mean of so many mappings one after the other */
static void measure(struct config *c, const struct work *w, int fd, int round,
		    unsigned int times)
{
	unsigned int window = c->window ? get_window() : 0, time;
	uint64_t v[NR_FIGURES], sums[NR_FIGURES] = { };
	int i;

	if (window)
		set_window(c->window);
	for (time = 0; time < times; time++) {
		memset(v, 0, sizeof(v));
		if (w->program)
			measure_exec(c->dir, w, v);
		else
			measure_touch(w, fd, v);
		end_profile(c, w);
		v[SUM] = v[TOUCH] + v[UNMAP];
		for (i = 0; i < NR_FIGURES; i++)
			sums[i] += v[i];
	}
	if (window)
		set_window(window);
	for (i = 0; i < NR_FIGURES; i++)
		c->cost[i][round] = (sums[i] + times / 2) / times;
}

/* Some directories are for reading only. */
static int open_file(struct config *c, const char *file, const struct work *w)
{
	char *name = bench_name(c->dir, file);
	int fd = open(name, w->store ? O_RDWR : O_RDONLY);

	if (fd < 0 && !(w->store && errno == EROFS))
		die(name);
	c->absent = fd < 0;
	/* Other systems may have a cache of their own. */
	if (c->usual && !c->absent)
		read_file(fd, w->size, name);
	free(name);
	return fd;
}

/* Below; and what another system made of it. */
static void remove_file(const struct config *c, const char *file)
{
	char *name = bench_name(c->dir, file);

	if (!c->options)
		unlink(name);
	free(name);
}

static void measure_round(struct config *configs, int n, const struct work *w,
			  const int *fds, int round, unsigned int times)
{
	int i;

	for (i = 0; i < n; i++)
		if (!configs[i].absent)
			measure(&configs[i], w, fds[i], round, times);
}

/*
 * What is over soon is done more often, so that a timer's tick weighs no more: by
 * what the first mapping took, on the lower filesystem.
 */
static unsigned int times_a_round(uint64_t first)
{
	return first && first < ENOUGH ? ENOUGH / first : 1;
}

/*
 * In turns. What is measured is a file that nobody used before, so that no row
 * depends on those before it; its first mapping warms up. It stays open: by an
 * open() FUSE would forget what it has cached.
 */
void measure_rounds(struct config *configs, int n, const struct work *w, int rounds)
{
	int fds[CONFIGS_MAX], times, round, i;
	static int number;
	char file[32];

	snprintf(file, sizeof(file), "touch.%d", number++);
	if (w->program)
		read_program();
	else
		measure_file(file, w->size);
	for (i = 0; i < n; i++) {
		fds[i] = -1;
		configs[i].absent = w->extra && configs[i].usual;
		if (!w->program && !configs[i].absent)
			fds[i] = open_file(&configs[i], file, w);
	}
	measure_round(configs, n, w, fds, 0, 1);
	for (i = 0; i < n; i++)
		configs[i].first = configs[i].cost[SUM][0];
	times = times_a_round(configs[0].first);
	for (round = 0; round < rounds; round++)
		measure_round(configs, n, w, fds, round, times);
	for (i = 0; i < n; i++) {
		close(fds[i]);
		remove_file(&configs[i], file);
	}
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

uint64_t config_median(const struct config *c, enum figure f, int rounds)
{
	return median(c->cost[f], rounds);
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

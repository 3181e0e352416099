/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Common part of the C tests: the mount, its counters, what the kernel itself
 * counts, touching pages in known orders, and emptying one file's page cache.
 *
 *	#include "fmap_test.h"
 *	TEST(example)
 *	{
 *		struct fmap_counters before, d;
 *
 *		fmap_read_counters(&before);
 *		...
 *		fmap_counters_since(&before, &d);
 *		EXPECT_COUNT(3, d, flt_calls);
 *	}
 *	FMAP_TEST_MAIN		// adds the test of the sum rules, as the last
 *
 * What cannot fail in a sane machine ends the program with a message.
 */
#ifndef FMAP_TEST_H
#define FMAP_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fmapfs/counters.h>

#include "fmap_harness.h"

/* Each test program uses its own part of these. */
#define FMAP_UNUSED	__attribute__((unused))

static inline void __attribute__((format(printf, 1, 2), noreturn))
fmap_die(const char *fmt, ...)
{
	va_list args;

	printf("# ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf(": %s\n", strerror(errno));
	fflush(stdout);
	exit(KSFT_FAIL);
}

/* --- places ---------------------------------------------------------------- */

static inline const char *fmap_env(const char *name)
{
	const char *value = getenv(name);

	if (!value || !*value)
		fmap_die("%s is not set", name);
	return value;
}

#define fmap_mnt()	fmap_env("FMAP_MNT")
#define fmap_lower()	fmap_env("FMAP_LOWER")
#define fmap_lowerfs()	fmap_env("FMAP_LOWERFS")

struct fmap_path {
	char s[512];
};

/* fmap_at(fmap_mnt(), "file").s */
static inline struct fmap_path __attribute__((format(printf, 2, 3)))
fmap_at(const char *dir, const char *fmt, ...)
{
	struct fmap_path path;
	int len = snprintf(path.s, sizeof(path.s), "%s/", dir);
	va_list args;

	va_start(args, fmt);
	vsnprintf(path.s + len, sizeof(path.s) - len, fmt, args);
	va_end(args);
	return path;
}

static inline size_t fmap_page(void)
{
	static size_t size;

	if (!size)
		size = sysconf(_SC_PAGESIZE);
	return size;
}

/* Bytes that one page table maps: on 4 KiB pages, 2 MiB. */
static inline size_t fmap_table_bytes(void)
{
	return fmap_page() / 8 * fmap_page();
}

/* A file's first number, or -1 if there is no such file. */
static inline long long fmap_read_number(const char *path)
{
	FILE *f = fopen(path, "r");
	long long value = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%lld", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

static inline int fmap_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

/* Pages that the core asks ->map_pages for; 1 means it does not ask. */
static inline unsigned long fmap_fault_around_pages(void)
{
	long long bytes = fmap_read_number("/sys/kernel/debug/fault_around_bytes");

	if (bytes < 0)
		fmap_die("fault_around_bytes");
	return bytes / fmap_page();
}

/* Kernel version as 601 for 6.1, 612 for 6.12. */
static inline int fmap_kernel(void)
{
	struct utsname name;
	int major = 0, minor = 0;

	uname(&name);
	sscanf(name.release, "%d.%d", &major, &minor);
	return major * 100 + minor;
}

static inline void fmap_remount(const char *options)
{
	if (mount("none", fmap_mnt(), NULL, MS_REMOUNT, options))
		fmap_die("remount with %s", options);
}

/* As the kernel does it: tests that count exactly need these, whatever ran before. */
static inline void fmap_remount_plain(void)
{
	fmap_remount("engine=pin,install=handover,around=kernel,readahead=kernel");
}

/* --- counters -------------------------------------------------------------- */

enum {
#define FMAP_COUNTER(name, group, total, help)	FMAP_I_##name,
	FMAP_COUNTERS
#undef FMAP_COUNTER
	FMAP_NR
};

struct fmap_counters {
	union {
		struct {
#define FMAP_COUNTER(name, group, total, help)	long long name;
			FMAP_COUNTERS
#undef FMAP_COUNTER
		};
		long long v[FMAP_NR];
	};
};

static const struct {
	const char *name;
	const char *group;
	const char *total;
} fmap_counter_list[FMAP_NR] FMAP_UNUSED = {
#define FMAP_COUNTER(name, group, total, help)	{ #name, #group, #total },
	FMAP_COUNTERS
#undef FMAP_COUNTER
};

static inline int fmap_counter_index(const char *name)
{
	int i;

	for (i = 0; i < FMAP_NR; i++)
		if (!strcmp(fmap_counter_list[i].name, name))
			return i;
	return -1;
}

/* @debugfs: the debugfs directory of the mount. */
static inline void fmap_read_counters_of(const char *debugfs, struct fmap_counters *c)
{
	struct fmap_path path = fmap_at(debugfs, "stats");
	FILE *f = fopen(path.s, "r");
	char name[64];
	long long value;
	int i, seen = 0;

	if (!f)
		fmap_die("%s", path.s);
	while (fscanf(f, "%63s %lld", name, &value) == 2) {
		i = fmap_counter_index(name);
		if (i < 0)
			fmap_die("%s: unknown counter %s", path.s, name);
		c->v[i] = value;
		seen++;
	}
	fclose(f);
	if (seen != FMAP_NR)
		fmap_die("%s: %d counters, expected %d", path.s, seen, FMAP_NR);
}

static inline void fmap_read_counters(struct fmap_counters *c)
{
	fmap_read_counters_of(fmap_env("FMAP_DEBUGFS"), c);
}

static inline void fmap_counters_since(const struct fmap_counters *before,
				       struct fmap_counters *delta)
{
	int i;

	fmap_read_counters(delta);
	for (i = 0; i < FMAP_NR; i++)
		delta->v[i] -= before->v[i];
}

/* Arm a trigger of the mount: "NAME COUNT [GLOB]", or "off". */
static inline void fmap_arm(const char *text)
{
	struct fmap_path path = fmap_at(fmap_env("FMAP_DEBUGFS"), "trigger");

	if (fmap_write_file(path.s, text))
		fmap_die("%s to %s", text, path.s);
}

/*
 * Wait, but not for ever, until @name has risen above @before by @n. True if it
 * has.
 */
static inline bool fmap_wait_for(const char *name, const struct fmap_counters *before,
				 long long n)
{
	int i = fmap_counter_index(name), tries;
	struct fmap_counters now;

	for (tries = 0; tries < 3000; tries++) {
		fmap_read_counters(&now);
		if (now.v[i] - before->v[i] >= n)
			return true;
		usleep(1000);
	}
	printf("# %s did not rise\n", name);
	return false;
}

/* EXPECT_COUNT(3, delta, flt_calls): a message that names the counter */
#define EXPECT_COUNT(expected, c, name) \
	EXPECT_EQ((long long)(expected), (c).name)

/* How many sum rules are broken; says which. */
static inline int fmap_broken_sums(const struct fmap_counters *c)
{
	int i, j, total, broken = 0;

	for (i = 0; i < FMAP_NR; i++) {
		const char *group = fmap_counter_list[i].group;
		long long sum = 0;

		if (!strcmp(fmap_counter_list[i].total, "none"))
			continue;
		for (j = 0; j < FMAP_NR; j++) {
			if (strcmp(fmap_counter_list[j].group, group) ||
			    strcmp(fmap_counter_list[j].total, fmap_counter_list[i].total))
				continue;
			/* Each rule is told once: by its first member. */
			if (j < i)
				break;
			sum += c->v[j];
		}
		total = fmap_counter_index(fmap_counter_list[i].total);
		if (j < FMAP_NR || sum == c->v[total])
			continue;
		printf("# group %s adds up to %lld, %s is %lld\n", group, sum,
		       fmap_counter_list[i].total, c->v[total]);
		broken++;
	}
	return broken;
}

/* Those that differ, one a line; how many. */
static inline int fmap_diff_counters(const struct fmap_counters *expected,
				     const struct fmap_counters *got)
{
	int i, n = 0;

	for (i = 0; i < FMAP_NR; i++) {
		if (expected->v[i] == got->v[i])
			continue;
		printf("# %s: expected %lld, got %lld\n",
		       fmap_counter_list[i].name, expected->v[i], got->v[i]);
		n++;
	}
	return n;
}

/* --- what the kernel counts ------------------------------------------------ */

struct fmap_usage {
	long minflt;
	long majflt;
	long long pgmajfault;
};

/* Of a file of lines "NAME NUMBER", or -1. */
static inline long long fmap_find_number(const char *path, const char *name)
{
	FILE *f = fopen(path, "r");
	char key[64];
	long long value, found = -1;

	if (!f)
		fmap_die("%s", path);
	while (fscanf(f, "%63s %lld", key, &value) == 2)
		if (!strcmp(key, name))
			found = value;
	fclose(f);
	return found;
}

static inline long long fmap_vmstat(const char *name)
{
	return fmap_find_number("/proc/vmstat", name);
}

/* Reads vmstat first, then rusage: touches nothing new in between. */
static inline void fmap_usage_begin(struct fmap_usage *u)
{
	struct rusage ru;

	u->pgmajfault = fmap_vmstat("pgmajfault");
	getrusage(RUSAGE_THREAD, &ru);
	u->minflt = ru.ru_minflt;
	u->majflt = ru.ru_majflt;
}

static inline void fmap_usage_end(struct fmap_usage *u)
{
	struct rusage ru;

	getrusage(RUSAGE_THREAD, &ru);
	u->minflt = ru.ru_minflt - u->minflt;
	u->majflt = ru.ru_majflt - u->majflt;
	u->pgmajfault = fmap_vmstat("pgmajfault") - u->pgmajfault;
}

/*
 * Have all memory of the process populated, so that rusage shows nothing but
 * the faults of what is mapped afterwards.
 */
static inline void fmap_populate_self(void)
{
	struct fmap_usage u;

	fmap_usage_begin(&u);
	fmap_usage_end(&u);
	if (mlockall(MCL_CURRENT))
		fmap_die("mlockall");
}

/* --- page cache ------------------------------------------------------------ */

/*
 * Which pages of a file are in the page cache: a byte each, 0 or 1, to be
 * freed. @path may be of the mount or of the lower filesystem.
 */
static inline unsigned char *fmap_residency(const char *path, size_t *pages)
{
	int fd = open(path, O_RDONLY);
	unsigned char *vec;
	struct stat st;
	size_t i;
	void *p;

	if (fd < 0 || fstat(fd, &st))
		fmap_die("%s", path);
	*pages = (st.st_size + fmap_page() - 1) / fmap_page();
	vec = malloc(*pages + 1);
	if (*pages) {
		p = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED || !vec || mincore(p, st.st_size, vec))
			fmap_die("mincore of %s", path);
		munmap(p, st.st_size);
	}
	for (i = 0; i < *pages; i++)
		vec[i] &= 1;
	close(fd);
	return vec;
}

/* Pages of the file in the page cache. */
static inline long fmap_resident(const char *path)
{
	size_t pages, i;
	unsigned char *vec = fmap_residency(path, &pages);
	long n = 0;

	for (i = 0; i < pages; i++)
		n += vec[i];
	free(vec);
	return n;
}

/* The kernel's knob for the filesystem that @path is on. */
static inline struct fmap_path fmap_readahead_knob(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		fmap_die("%s", path);
	return fmap_at("/sys/class/bdi", "%u:%u/read_ahead_kb", major(st.st_dev),
		       minor(st.st_dev));
}

static inline long long fmap_get_readahead(const char *path)
{
	struct fmap_path knob = fmap_readahead_knob(path);
	long long kib = fmap_read_number(knob.s);

	if (kib < 0)
		fmap_die("%s", knob.s);
	return kib;
}

/* For files that are opened from now on. */
static inline void fmap_set_readahead(const char *path, long long kib)
{
	struct fmap_path knob = fmap_readahead_knob(path);
	char text[32];

	snprintf(text, sizeof(text), "%lld", kib);
	if (fmap_write_file(knob.s, text))
		fmap_die("%s", knob.s);
}

/*
 * Take a file out of the page cache; @path is on the lower filesystem.
 * Return: pages that stayed. Mapped ones do.
 */
static inline long fmap_evict(const char *path)
{
	int fd = open(path, O_RDWR);
	long left = -1;
	int i;

	if (fd < 0)
		fmap_die("%s", path);
	for (i = 0; i < 10 && left; i++) {
		if (fsync(fd))
			fmap_die("fsync of %s", path);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		left = fmap_resident(path);
		if (left)
			usleep(10000);
	}
	close(fd);
	return left;
}

/* Have all of it in the page cache. read() clears the markers that it meets. */
static inline void fmap_warm(const char *path)
{
	int fd = open(path, O_RDONLY);
	char *buf = malloc(1 << 20);
	ssize_t n;

	if (fd < 0 || !buf)
		fmap_die("%s", path);
	while ((n = read(fd, buf, 1 << 20)) > 0)
		;
	if (n < 0)
		fmap_die("reading %s", path);
	free(buf);
	close(fd);
}

/* Does the lower filesystem use folios of more than one page? */
static inline bool fmap_large_folios(void)
{
	static const struct {
		const char *type;
		int since;
	} fs[] = {
		{ "xfs" }, { "btrfs" }, { "tmpfs" }, { "ext4", 616 }, { "ext2", 616 },
	};
	size_t i;

	for (i = 0; i < sizeof(fs) / sizeof(fs[0]); i++)
		if (!strcmp(fmap_lowerfs(), fs[i].type))
			return fmap_kernel() >= fs[i].since;
	return false;
}

/* Does a fault map all of a large folio, whatever was asked for? */
static inline bool fmap_maps_whole_folios(void)
{
	return fmap_large_folios() && fmap_kernel() >= 702;
}

/* Do page tables stay where a fault looks? Not with CONFIG_PT_RECLAIM (since 6.14). */
static inline bool fmap_page_tables_stay(void)
{
	return fmap_kernel() < 614;
}

/* Does install=insert insert? It hands over large folios, and all if they do not. */
static inline bool fmap_inserts(void)
{
	return !fmap_large_folios() && fmap_page_tables_stay();
}

/* Is it on brd? There reads complete before the fault goes on. */
static inline bool fmap_on_brd(void)
{
	struct stat st;

	return !stat(fmap_lower(), &st) && major(st.st_dev) == 1;
}

/* --- files ----------------------------------------------------------------- */

/* What every test file holds: each 8-byte word depends on its offset. */
static inline uint64_t fmap_word(uint64_t offset)
{
	uint64_t x = (offset + 0x9e3779b97f4a7c15ULL) * 0xbf58476d1ce4e5b9ULL;

	return x ^ x >> 31;
}

/* A file of @size bytes, on disk when this returns, and in the page cache. */
static inline void fmap_make_file(const char *path, size_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	size_t chunk = 1 << 16, at, i;
	uint64_t *buf = malloc(chunk);

	if (fd < 0 || !buf)
		fmap_die("%s", path);
	for (at = 0; at < size; at += chunk) {
		size_t n = size - at < chunk ? size - at : chunk;

		for (i = 0; i < (n + 7) / 8; i++)
			buf[i] = fmap_word(at + i * 8);
		if (write(fd, buf, n) != (ssize_t)n)
			fmap_die("writing %s", path);
	}
	if (fsync(fd))
		fmap_die("fsync of %s", path);
	free(buf);
	close(fd);
}

/* --- touching pages -------------------------------------------------------- */

enum fmap_pattern {
	FMAP_SEQ,
	FMAP_STRIDE16,
	FMAP_REVERSE,
	FMAP_RANDOM,
	FMAP_NR_PATTERNS
};

static const char * const fmap_pattern_names[] FMAP_UNUSED = {
	[FMAP_SEQ] = "seq",
	[FMAP_STRIDE16] = "stride16",
	[FMAP_REVERSE] = "reverse",
	[FMAP_RANDOM] = "random",
};

static inline uint64_t fmap_rand(uint64_t *seed)
{
	/* xorshift64*: the same everywhere */
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1dULL;
}

/*
 * The order in which a pattern visits @pages pages. Random visits each page
 * once. Return: how many entries of @order are used.
 */
static inline size_t fmap_order(enum fmap_pattern pattern, size_t pages,
				uint64_t seed, uint32_t *order)
{
	size_t i, j, n = 0;
	uint32_t t;

	if (pattern == FMAP_STRIDE16) {
		for (i = 0; i < pages; i += 16)
			order[n++] = i;
		return n;
	}
	for (i = 0; i < pages; i++)
		order[i] = pattern == FMAP_REVERSE ? pages - 1 - i : i;
	if (pattern != FMAP_RANDOM)
		return pages;
	for (i = pages - 1; i > 0; i--) {
		j = fmap_rand(&seed) % (i + 1);
		t = order[i];
		order[i] = order[j];
		order[j] = t;
	}
	return pages;
}

/*
 * Touch one word of each page, in order. A store writes back what is there, so
 * the file's content stays what fmap_make_file() wrote.
 */
static inline void fmap_touch(volatile char *base, const uint32_t *order, size_t n,
			      bool store)
{
	size_t page = fmap_page(), i;
	volatile uint64_t *p;

	for (i = 0; i < n; i++) {
		p = (volatile uint64_t *)(base + order[i] * page);
		/* Not a load and a store: the load would fault first. */
		if (store)
			*p = fmap_word(order[i] * page);
		else
			(void)*p;
	}
}

/*
 * Map @size bytes of a file from page @pgoff on, so that the first has slot
 * @slot of a page table: fault-around windows are known then. No other mapping
 * is in those page tables, so that each begins empty. Touches no page.
 */
static inline void *fmap_map_at_slot(int fd, size_t pgoff, size_t size, int prot,
				     int flags, unsigned int slot)
{
	size_t table = fmap_table_bytes();
	size_t room = size + 3 * table;
	char *area = mmap(NULL, room, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *at;
	void *p;

	if (area == MAP_FAILED)
		fmap_die("mmap of %zu bytes", room);
	at = (char *)(((uintptr_t)area + table - 1) & ~(table - 1)) + slot * fmap_page();
	munmap(area, room);
	p = mmap(at, size, prot, flags | MAP_FIXED_NOREPLACE, fd, pgoff * fmap_page());
	if (p == MAP_FAILED)
		fmap_die("mmap");
	return p;
}

/*
 * The same, and khugepaged keeps away. Since 7.2 it makes huge folios of any file
 * whose folios may be large: reads what is missing, locks and moves what is there.
 */
static inline void *fmap_map_undisturbed(int fd, size_t pgoff, size_t size, int prot,
					 int flags, unsigned int slot)
{
	void *p = fmap_map_at_slot(fd, pgoff, size, prot, flags, slot);

	if (madvise(p, size, MADV_NOHUGEPAGE) && errno != EINVAL)
		fmap_die("madvise");
	return p;
}

/* --- SIGBUS and SIGSEGV ---------------------------------------------------- */

static sigjmp_buf fmap_jump FMAP_UNUSED;

static inline void fmap_jump_out(int sig)
{
	siglongjmp(fmap_jump, sig);
}

/* Load, or store @value: 0, or the signal that it got. */
static inline int fmap_access(volatile char *p, bool store, char value)
{
	struct sigaction act = { .sa_handler = fmap_jump_out }, bus, segv;
	int sig;

	sigaction(SIGBUS, &act, &bus);
	sigaction(SIGSEGV, &act, &segv);
	sig = sigsetjmp(fmap_jump, 1);
	if (!sig) {
		if (store)
			*p = value;
		else
			(void)*p;
	}
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	return sig;
}

/* --- main ------------------------------------------------------------------ */

static struct {
	pid_t pid;
	void (*fn[2])(void);
	unsigned int n;
} fmap_end;

static inline void fmap_run_at_end(void)
{
	while (getpid() == fmap_end.pid && fmap_end.n)
		fmap_end.fn[--fmap_end.n]();
}

/* Run @fn when all tests are over: in this process, not in those of the tests. */
static inline void fmap_at_end(void (*fn)(void))
{
	if (!fmap_end.n)
		atexit(fmap_run_at_end);
	fmap_end.pid = getpid();
	fmap_end.fn[fmap_end.n++] = fn;
}

/* Outside the test guest the mount is made around the program. */
static inline void fmap_need_mount(char **argv)
{
	const char *mnt = getenv("FMAP_MNT");
	char helper[512], *args[8] = { helper };
	char *slash = strrchr(argv[0], '/');
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (mnt && *mnt)
		return;
	snprintf(helper, sizeof(helper), "%.*swith_mount",
		 slash ? (int)(slash - argv[0] + 1) : 0, argv[0]);
	for (i = 0; argv[i] && i < 6; i++)
		args[i + 1] = argv[i];
	execv(helper, args);
	fmap_die("%s", helper);
}

/*
 * The rules hold for the totals, so the last test sees all before it. A fixture,
 * because the tree's harness runs tests without one first.
 */
#define FMAP_TEST_MAIN	FMAP_TEST_MAIN_UNLESS(NULL)

/* @why: NULL, or the reason to skip them all, evaluated when the mount is there */
#define FMAP_TEST_MAIN_UNLESS(why) \
	FIXTURE(sum_rules) { \
		struct fmap_counters c; \
	}; \
	FIXTURE_SETUP(sum_rules) \
	{ \
		fmap_read_counters(&self->c); \
	} \
	FIXTURE_TEARDOWN(sum_rules) { } \
	TEST_F(sum_rules, hold) \
	{ \
		EXPECT_EQ(0, fmap_broken_sums(&self->c)); \
	} \
	int main(int argc, char **argv) \
	{ \
		const char *skip; \
		\
		fmap_need_mount(argv); \
		skip = (why); \
		if (skip) { \
			printf("KTAP version 1\n1..0 # SKIP %s\n", skip); \
			return KSFT_SKIP; \
		} \
		return test_harness_run(argc, argv); \
	}

#endif /* FMAP_TEST_H */

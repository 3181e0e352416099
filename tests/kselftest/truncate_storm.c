// SPDX-License-Identifier: GPL-2.0
/*
 * Truncate a file while other threads fault it.
 *
 * One thread changes the file: cuts it, lets it be short for a while, extends
 * it, writes a new generation into some pages, punches holes, throws clean
 * pages out of the page cache. The others read it through shared and private
 * mappings, store into it, and drop their page tables so that they fault again.
 *
 * Each page carries, at its begin and at its end, a mark made of the number of
 * the generation. The changing thread publishes for each mark the oldest
 * generation that may still be there and the newest that may be there already;
 * a reader takes both around its access:
 *
 *	zero			always allowed: extended, punched
 *	a mark			allowed if from the oldest to the newest
 *	SIGBUS			allowed if the page was beyond the end meanwhile
 *	anything but SIGBUS	not allowed if it was beyond the end all the time
 *
 * Runs until enough truncates and faults are done and each of the rare
 * branches was taken: at length in the default engine, shortly in the others,
 * with install=insert, and while engine and installer change under it.
 * TRUNCATES=, FAULTS=, SECONDS= and SEED= of the environment change the bounds.
 */
#include <linux/falloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "mapping.h"

#define PAGES		64
#define BEYOND		4	/* pages of the mappings that are never in the file */
#define READERS		8
#define MARKS		(2 * PAGES)

/* How far beyond the bounds to go on for a rare branch. */
#define PATIENCE	6

static struct {
	const char *path;
	int fd;
	unsigned char *map;	/* the changing thread's own */
	size_t page;

	/* What a reader may see, by mark. */
	atomic_uint oldest[MARKS];
	atomic_uint newest[MARKS];
	/* Pages from here on may be beyond the end ... */
	atomic_uint short_from;
	/* ... and surely are while this is odd. It changes with each cut. */
	atomic_uint cut;
	atomic_uint cut_page;

	atomic_bool stop;
	atomic_long budget;
	pthread_mutex_t lock;
	pthread_cond_t granted;
	atomic_ulong accesses;
	atomic_ulong sigbus;
	atomic_ulong zeros;
	atomic_ulong marks;
	atomic_ulong bad;
} storm = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.granted = PTHREAD_COND_INITIALIZER,
};

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoul(value, NULL, 0) : otherwise;
}

/* Never zero. One byte, because a store of one cannot be seen half done. */
static unsigned char mark_of(unsigned int generation)
{
	return 1 + generation % 255;
}

static size_t mark_offset(unsigned int mark)
{
	return mark / 2 * storm.page + (mark & 1 ? storm.page - 1 : 0);
}

static bool mark_is_from(unsigned char value, unsigned int oldest,
			 unsigned int newest)
{
	unsigned int g;

	if (newest - oldest >= 254 && newest >= oldest)
		return true;
	for (g = oldest; g <= newest; g++)
		if (mark_of(g) == value)
			return true;
	return false;
}

static void complain(const char *what, unsigned int mark, int value,
		     unsigned int oldest, unsigned int newest)
{
	if (atomic_fetch_add(&storm.bad, 1) < 10)
		printf("# %s: page %u, %s byte, saw %d; generations %u (%d) to %u (%d) are right\n",
		       what, mark / 2, mark & 1 ? "last" : "first", value, oldest,
		       mark_of(oldest), newest, mark_of(newest));
}

/* --- readers ---------------------------------------------------------------- */

enum kind {
	SHARED,		/* loads from a mapping that other readers share */
	SHARED_OWN,	/* loads from a shared mapping of its own */
	PRIVATE,	/* loads from a private mapping */
	GUP,		/* has the kernel look: such a fault may not be retried */
	NR_KINDS
};

struct reader {
	pthread_t thread;
	enum kind kind;
	uint64_t seed;
	int mem;
	unsigned char *map;
};

static int look(const struct reader *r, size_t at)
{
	unsigned char value;

	if (r->kind != GUP)
		return probe_read(r->map + at);
	if (pread(r->mem, &value, 1, (uintptr_t)r->map + at) != 1)
		return -SIGBUS;
	return value;
}

static void judge(unsigned int mark, int value, unsigned int oldest)
{
	unsigned int newest = atomic_load(&storm.newest[mark]);

	if (!value) {
		atomic_fetch_add(&storm.zeros, 1);
		return;
	}
	atomic_fetch_add(&storm.marks, 1);
	if (!mark_is_from(value, oldest, newest))
		complain("stale data", mark, value, oldest, newest);
}

/* Return: was there a page? */
static bool check_mark(const struct reader *r, unsigned int mark)
{
	unsigned int oldest, cut, short_before, page = mark / 2;
	bool beyond;
	int value;

	cut = atomic_load(&storm.cut);
	beyond = (cut & 1) && page >= atomic_load(&storm.cut_page);
	short_before = atomic_load(&storm.short_from);
	oldest = atomic_load(&storm.oldest[mark]);

	value = look(r, mark_offset(mark));

	atomic_fetch_add(&storm.accesses, 1);
	if (value == -SIGBUS) {
		atomic_fetch_add(&storm.sigbus, 1);
		if (page < short_before && page < atomic_load(&storm.short_from) &&
		    cut == atomic_load(&storm.cut))
			complain("SIGBUS inside the file", mark, value, oldest, 0);
		return false;
	}
	if (beyond && cut == atomic_load(&storm.cut))
		complain("no SIGBUS beyond the end", mark, value, oldest, 0);
	judge(mark, value, oldest);
	return true;
}

static void drop_page(struct reader *r, unsigned int page)
{
	unsigned int n = fmap_rand(&r->seed) % 4 ? 1 : 1 + fmap_rand(&r->seed) % 16;

	if (page + n > PAGES + BEYOND)
		n = PAGES + BEYOND - page;
	madvise(r->map + page * storm.page, n * storm.page, MADV_DONTNEED);
}

/* Between the marks, where nobody looks. */
static void store(struct reader *r, unsigned int page)
{
	if (probe_write(r->map + page * storm.page + 100, page) == -SIGBUS)
		atomic_fetch_add(&storm.sigbus, 1);
	atomic_fetch_add(&storm.accesses, 1);
}

static void look_beyond(struct reader *r)
{
	unsigned int page = PAGES + fmap_rand(&r->seed) % BEYOND;

	if (look(r, page * storm.page) != -SIGBUS)
		complain("no SIGBUS beyond the whole file", 2 * page, 0, 0, 0);
}

static void one_access(struct reader *r)
{
	unsigned int mark = fmap_rand(&r->seed) % MARKS;
	unsigned int what = fmap_rand(&r->seed) % 32;

	/*
	 * A page that was copied stays as it is when a hole is punched, so a
	 * private mapping forgets its copy before each look.
	 */
	if (r->kind == PRIVATE || what < 24)
		drop_page(r, mark / 2);
	if (what == 0) {
		store(r, mark / 2);
		return;
	}
	if (what == 1)
		look_beyond(r);
	if (what == 2)
		madvise(r->map, PAGES * storm.page, MADV_DONTNEED);
	/* What a fault has mapped must not outlast a cut that it raced with. */
	if (check_mark(r, mark) && (what & 1))
		check_mark(r, mark);
}

static void wait_for_grant(void)
{
	pthread_mutex_lock(&storm.lock);
	while (atomic_load(&storm.budget) <= 0 && !atomic_load(&storm.stop))
		pthread_cond_wait(&storm.granted, &storm.lock);
	pthread_mutex_unlock(&storm.lock);
}

static void *reader(void *arg)
{
	struct reader *r = arg;

	while (!atomic_load(&storm.stop)) {
		if (atomic_fetch_sub(&storm.budget, 1) > 0) {
			one_access(r);
		} else {
			atomic_fetch_add(&storm.budget, 1);
			wait_for_grant();
		}
	}
	return NULL;
}

/* Under the lock, so that nobody goes to sleep between the two. */
static void wake_readers(long more, bool stop)
{
	pthread_mutex_lock(&storm.lock);
	atomic_fetch_add(&storm.budget, more);
	atomic_store(&storm.stop, stop);
	pthread_cond_broadcast(&storm.granted);
	pthread_mutex_unlock(&storm.lock);
}

/* --- the changing thread ---------------------------------------------------- */

static void must(bool ok, const char *what)
{
	if (!ok)
		fmap_die("%s", what);
}

/*
 * Readers only do as many accesses as they are granted, so that they do not
 * starve the thread that changes the file. Grant @n, wait for about @now of
 * them: the others go on while the file changes.
 */
static void grant(long n, long now)
{
	wake_readers(n, false);
	while (atomic_load(&storm.budget) > n - now)
		usleep(100);
}

static void expect_mark(const char *when, unsigned int mark, int expected)
{
	int value = probe_read(storm.map + mark_offset(mark));

	if (value != expected)
		complain(when, mark, value, expected, expected);
}

static void raise_oldest(unsigned int from_mark, unsigned int generation)
{
	unsigned int m;

	for (m = from_mark; m < MARKS; m++)
		atomic_store(&storm.oldest[m], generation);
}

static void cut_and_extend(unsigned int generation, uint64_t *seed)
{
	unsigned int page = fmap_rand(seed) % 4 ? fmap_rand(seed) % PAGES : 0;
	bool inside = fmap_rand(seed) & 1;
	/* The cut leaves a page whole, or its first mark. */
	size_t size = page * storm.page + (inside ? 1 + fmap_rand(seed) % 200 : 0);
	unsigned int first_gone = inside ? page + 1 : page;
	unsigned int first_mark = 2 * page + inside;
	unsigned int m;

	atomic_store(&storm.short_from, first_gone);
	must(!ftruncate(storm.fd, size), "ftruncate");
	raise_oldest(first_mark, generation);
	atomic_store(&storm.cut_page, first_gone);
	atomic_fetch_add(&storm.cut, 1);

	if (inside)
		expect_mark("tail of the cut page", first_mark, 0);
	for (m = 2 * first_gone; m < MARKS; m += 7)
		expect_mark("cut off", m, -SIGBUS);
	grant(16, 16);

	atomic_fetch_add(&storm.cut, 1);
	must(!ftruncate(storm.fd, PAGES * storm.page), "ftruncate");
	atomic_store(&storm.short_from, PAGES);
	for (m = first_mark; m < MARKS; m += 5)
		expect_mark("extended", m, 0);
}

static void write_page(unsigned int page, unsigned int generation)
{
	unsigned char *buf = malloc(storm.page);

	must(buf, "malloc");
	memset(buf, mark_of(generation), storm.page);
	atomic_store(&storm.newest[2 * page], generation);
	atomic_store(&storm.newest[2 * page + 1], generation);
	must(pwrite(storm.fd, buf, storm.page, page * storm.page) ==
	     (ssize_t)storm.page, "pwrite");
	atomic_store(&storm.oldest[2 * page], generation);
	atomic_store(&storm.oldest[2 * page + 1], generation);
	free(buf);
}

static void write_generation(unsigned int generation, uint64_t *seed)
{
	unsigned int page, share = 1 + fmap_rand(seed) % 4;

	for (page = 0; page < PAGES; page++)
		if (fmap_rand(seed) % 4 < share)
			write_page(page, generation);
}

/* Written back, without waiting for a journal, and out of the page cache. */
static void make_cold(void)
{
	must(!sync_file_range(storm.fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE |
			      SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER),
	     "sync_file_range");
	madvise(storm.map, PAGES * storm.page, MADV_DONTNEED);
	posix_fadvise(storm.fd, 0, 0, POSIX_FADV_DONTNEED);
}

/*
 * With the size unchanged, a fault has no reason to stop at the entry: it
 * finds a page that is being read and waits, while the hole takes the page.
 */
static void punch(uint64_t *seed)
{
	unsigned int page = fmap_rand(seed) % PAGES;
	unsigned int n = 1 + fmap_rand(seed) % 16;

	fallocate(storm.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		  page * storm.page, n * storm.page);
}

static void one_round(unsigned int generation, uint64_t *seed)
{
	write_generation(generation, seed);
	make_cold();
	grant(40, fmap_rand(seed) % 20);
	punch(seed);
	grant(20, 20);
	make_cold();
	grant(40, fmap_rand(seed) % 20);
	cut_and_extend(generation + 1, seed);
}

/* --- the test --------------------------------------------------------------- */

static long long faults(const struct fmap_counters *d)
{
	return d->fa_hit_target + d->fa_native_hit + d->flt_calls;
}

FIXTURE(storm) { };

FIXTURE_VARIANT(storm) {
	const char *options;
	bool no_retry;		/* never drops the fault lock */
	bool looks_again;	/* does not lock what it waited for: hardly sees it cut */
	bool changing;		/* @options are the first of many */
	unsigned long truncates;
	unsigned long faults;
};

FIXTURE_VARIANT_ADD(storm, pin) {
	.options = "engine=pin,install=handover", .truncates = 500, .faults = 50000,
};

#define SHORT	.truncates = 100, .faults = 10000

FIXTURE_VARIANT_ADD(storm, retry) {
	.options = "engine=retry,install=handover", .looks_again = true, SHORT,
};

FIXTURE_VARIANT_ADD(storm, hold) {
	.options = "engine=hold,install=handover", .no_retry = true, SHORT,
};

FIXTURE_VARIANT_ADD(storm, insert) {
	.options = "engine=pin,install=insert", SHORT,
};

FIXTURE_VARIANT_ADD(storm, insert_table) {
	.options = "engine=pin,install=insert,around=table", SHORT,
};

FIXTURE_VARIANT_ADD(storm, changing) {
	.options = "engine=pin,install=insert", .changing = true, SHORT,
};

FIXTURE_SETUP(storm)
{
	fmap_remount(variant->options);
}

FIXTURE_TEARDOWN(storm)
{
	fmap_remount_defaults();
}

/* Names of the rare branches that were not taken yet. */
static const char *missing(const FIXTURE_VARIANT_DATA(storm) *v,
			   const struct fmap_counters *d)
{
	long long waits = d->lck_wait_dropped + d->lck_wait_held + d->lck_retry_unlocked;
	static char text[128];

	/* Its faults are its own: only the door is ours. */
	if (lower_is("tmpfs"))
		return "";
	snprintf(text, sizeof(text), "%s%s%s",
		 d->flt_truncated || v->looks_again ? "" : " flt_truncated",
		 d->flt_retry || v->no_retry ? "" : " flt_retry",
		 waits ? "" : " lck_wait_*");
	return text;
}

static void *change_options(void *unused)
{
	static const char * const options[] = {
		"engine=retry", "install=handover", "engine=hold", "around=table",
		"install=insert", "engine=native", "around=kernel", "engine=pin",
		"install=insert,around=64k", "engine=hold,install=handover",
	};
	unsigned int i;

	for (i = 0; !atomic_load(&storm.stop); i++) {
		fmap_remount(options[i % (sizeof(options) / sizeof(options[0]))]);
		usleep(7000);
	}
	return NULL;
}

static unsigned char *map_storm(int flags)
{
	return map_file(storm.fd, (PAGES + BEYOND) * storm.page,
			PROT_READ | PROT_WRITE, flags);
}

static void start(struct reader *readers, uint64_t seed)
{
	unsigned char *shared = map_storm(MAP_SHARED);
	int i;

	for (i = 0; i < READERS; i++) {
		struct reader *r = &readers[i];

		r->kind = i % NR_KINDS;
		r->seed = seed + 1000 * (i + 1);
		r->mem = open("/proc/self/mem", O_RDONLY);
		r->map = shared;
		if (r->kind == SHARED_OWN)
			r->map = map_storm(MAP_SHARED);
		else if (r->kind == PRIVATE)
			r->map = map_storm(MAP_PRIVATE);
		if (r->mem < 0 || pthread_create(&r->thread, NULL, reader, r))
			fmap_die("starting a reader");
	}
}

static void finish(struct reader *readers)
{
	int i;

	wake_readers(0, true);
	for (i = 0; i < READERS; i++)
		pthread_join(readers[i].thread, NULL);
}

static void report(const struct fmap_counters *d, unsigned int truncates,
		   long seconds)
{
	printf("# %u truncates, %lld faults, %lu accesses in %ld s\n", truncates,
	       faults(d), atomic_load(&storm.accesses), seconds);
	printf("# seen: %lu marks, %lu zeros, %lu SIGBUS\n",
	       atomic_load(&storm.marks), atomic_load(&storm.zeros),
	       atomic_load(&storm.sigbus));
	printf("# flt_truncated %lld, flt_retry %lld, lck_wait_dropped %lld, lck_wait_held %lld, lck_retry_unlocked %lld, flt_inval_lock_contended %lld, flt_sigbus_eof_pre %lld, flt_sigbus_eof_post %lld, drop_total %lld, flt_delegated %lld\n",
	       d->flt_truncated, d->flt_retry, d->lck_wait_dropped,
	       d->lck_wait_held, d->lck_retry_unlocked, d->flt_inval_lock_contended,
	       d->flt_sigbus_eof_pre, d->flt_sigbus_eof_post, d->drop_total,
	       d->flt_delegated);
}

static void open_storm(void)
{
	probe_init();
	storm.path = path_in(fmap_mnt(), "storm");
	storm.page = fmap_page();
	storm.fd = open(storm.path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	must(storm.fd >= 0, storm.path);
	must(!ftruncate(storm.fd, PAGES * storm.page), "ftruncate");
	storm.map = map_storm(MAP_SHARED);
	atomic_store(&storm.short_from, PAGES);
}

TEST_F(storm, truncate)
{
	unsigned long want_truncates = setting("TRUNCATES", variant->truncates);
	long long want_faults = setting("FAULTS", variant->faults);
	long limit = setting("SECONDS", want_truncates > 100 ? 540 : 60);
	uint64_t seed = setting("SEED", 1) * 77777 + 1;
	struct reader readers[READERS] = { 0 };
	struct fmap_counters before, d;
	unsigned int truncates = 0;
	time_t begin = time(NULL);
	pthread_t changer;

	open_storm();
	fmap_read_counters(&before);
	start(readers, seed);
	if (variant->changing)
		must(!pthread_create(&changer, NULL, change_options, NULL), "pthread_create");
	do {
		truncates++;
		one_round(truncates, &seed);
		if (truncates < want_truncates)
			continue;
		fmap_counters_since(&before, &d);
		if (faults(&d) >= want_faults && !*missing(variant, &d))
			break;
	} while (truncates < PATIENCE * want_truncates &&
		 time(NULL) - begin < limit && !atomic_load(&storm.bad));
	finish(readers);
	if (variant->changing)
		pthread_join(changer, NULL);

	fmap_counters_since(&before, &d);
	report(&d, truncates, (long)(time(NULL) - begin));
	EXPECT_EQ(0UL, atomic_load(&storm.bad));
	EXPECT_LE(want_truncates, truncates);
	EXPECT_LE(want_faults, faults(&d));
	EXPECT_LT(0UL, atomic_load(&storm.marks));
	EXPECT_LT(0UL, atomic_load(&storm.zeros));
	EXPECT_LT(0UL, atomic_load(&storm.sigbus));
	EXPECT_EQ('\0', *missing(variant, &d)) {
		TH_LOG("never happened:%s", missing(variant, &d));
	}
	if (lower_is("tmpfs")) {
		EXPECT_EQ(d.flt_calls, d.flt_delegated + d.flt_native);
	} else {
		EXPECT_LT(0, d.flt_sigbus_eof_pre);
	}
	EXPECT_EQ(0, unlink(storm.path));
}

FMAP_TEST_MAIN

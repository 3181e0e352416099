// SPDX-License-Identifier: GPL-2.0
/*
 * Storms: something happens to a file, to its mappings, to the processes that
 * have them or to the mount, while other threads fault it in. See storm.h for
 * what they may see.
 *
 * Each kind of storm runs in each engine, alone and mixed with the others. A
 * round is: write a new generation into some pages, throw the file out of the
 * page cache, let readers fault it, let it happen; then the same with a hole,
 * and with the file cut, short for a while, and extended.
 *
 * Runs until there were enough rounds and enough faults. ROUNDS= and FAULTS= of
 * the environment say how many; from 100 rounds on, until each of the rare
 * branches that the engine has was taken, too: ROUNDS=500 FAULTS=50000 is what
 * the soak asks for, by default it is a few. SEED= chooses another storm.
 *
 * In the end the file is what was written, as the lower path has it; and when
 * nobody maps it any more, the page cache can let go of each of its pages.
 */
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include "storm.h"
#include "storm_memory.h"
#include "storm_mounts.h"

/* From here on the rare branches must have been taken. */
#define LONG		100
/* From here on pages of the file must have moved, and others come back from swap. */
#define SOME		20
/* How far beyond the bounds to go on for a rare branch. */
#define PATIENCE	6

#define VICTIMS		2

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoul(value, NULL, 0) : otherwise;
}

FIXTURE(storm) { };

FIXTURE_VARIANT(storm) {
	const char *options;
	bool native;		/* counted at the door only */
	bool no_retry;		/* never drops the fault lock */
	bool looks_again;	/* does not lock what it waited for: hardly sees it cut */
};

FIXTURE_VARIANT_ADD(storm, pin) {
	.options = "engine=pin,install=handover",
};

FIXTURE_VARIANT_ADD(storm, retry) {
	.options = "engine=retry,install=handover", .looks_again = true,
};

FIXTURE_VARIANT_ADD(storm, hold) {
	.options = "engine=hold,install=handover", .no_retry = true,
};

FIXTURE_VARIANT_ADD(storm, native) {
	.options = "engine=native,install=handover", .native = true,
};

FIXTURE_VARIANT_ADD(storm, insert) {
	.options = "engine=pin,install=insert",
};

FIXTURE_VARIANT_ADD(storm, insert_table) {
	.options = "engine=pin,install=insert,around=table",
};

typedef const FIXTURE_VARIANT_DATA(storm) *variant_t;

FIXTURE_SETUP(storm)
{
	fmap_remount(variant->options);
	storm_open("storm");
}

FIXTURE_TEARDOWN(storm)
{
	fmap_remount_plain();
}

/* --- what a round is made of -------------------------------------------------- */

static void expect_mark(const char *when, unsigned int mark, int expected)
{
	int value = probe_read(storm->map + mark_offset(mark));

	if (value != expected)
		complain(when, mark, value);
}

/* The file ends before page @from, for a while. */
static void be_short(unsigned int from)
{
	unsigned int m;

	atomic_store(&storm->cut_page, from);
	atomic_fetch_add(&storm->cut, 1);
	for (m = 2 * from; m < MARKS; m += 7)
		expect_mark("cut off", m, -SIGBUS);
	grant(16, 16);
	atomic_fetch_add(&storm->cut, 1);
	must(!ftruncate(storm->fd, PAGES * storm->page), "ftruncate");
	atomic_store(&storm->short_from, PAGES);
	for (m = 2 * from; m < MARKS; m += 5)
		expect_mark("extended", m, 0);
}

static void cut_and_extend(uint64_t *seed)
{
	unsigned int page = fmap_rand(seed) % 4 ? fmap_rand(seed) % PAGES : 0;
	bool inside = fmap_rand(seed) & 1;
	/* The cut leaves a page whole, or its first mark. */
	size_t size = page * storm->page + (inside ? 1 + fmap_rand(seed) % 200 : 0);
	unsigned int first_gone = inside ? page + 1 : page;
	unsigned int first_mark = 2 * page + inside;

	atomic_store(&storm->short_from, first_gone);
	may_become_zero(first_mark, MARKS);
	must(!ftruncate(storm->fd, size), "ftruncate");
	have_become(first_mark, MARKS);
	if (inside)
		expect_mark("tail of the cut page", first_mark, 0);
	be_short(first_gone);
}

static void write_page(unsigned int page, unsigned int generation)
{
	unsigned char *buf = malloc(storm->page);

	must(buf, "malloc");
	memset(buf, mark_of(page, generation), storm->page);
	may_become(2 * page, *buf);
	may_become(2 * page + 1, *buf);
	must(pwrite(storm->fd, buf, storm->page, page * storm->page) ==
	     (ssize_t)storm->page, "pwrite");
	have_become(2 * page, 2 * page + 2);
	free(buf);
}

static void write_generation(uint64_t *seed, unsigned int pages)
{
	static unsigned int generation;

	generation++;
	while (pages--)
		write_page(fmap_rand(seed) % PAGES, generation);
}

/*
 * With the size unchanged, a fault has no reason to stop at the entry: it
 * finds a page that is being read and waits, while the hole takes the page.
 */
static void punch_hole(uint64_t *seed)
{
	unsigned int page = fmap_rand(seed) % PAGES;
	unsigned int n = 1 + fmap_rand(seed) % 16;

	if (!storm->can_punch)
		return;
	if (page + n > PAGES)
		n = PAGES - page;
	may_become_zero(2 * page, 2 * (page + n));
	must(!fallocate(storm->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			page * storm->page, n * storm->page), "punching a hole");
	have_become(2 * page, 2 * (page + n));
}

/* --- the kinds ---------------------------------------------------------------- */

/**
 * struct kind - something that happens
 * @name:	also of the test
 * @happen:	once
 * @lacks:	NULL, or says why it cannot happen here; the file is empty yet
 * @counted:	NULL, or says how often what it is there for has been counted
 */
struct kind {
	const char *name;
	void (*happen)(variant_t v, uint64_t *seed);
	const char *(*lacks)(void);
	long long (*counted)(const struct fmap_counters *d);
};

static void do_truncate(variant_t v, uint64_t *seed)
{
	cut_and_extend(seed);
}

static const char *lacks_punch(void)
{
	return storm->can_punch ? NULL : "no hole punching";
}

static void do_punch(variant_t v, uint64_t *seed)
{
	punch_hole(seed);
}

static int collapse_pages(unsigned int page, unsigned int n)
{
	return fallocate(storm->fd, FALLOC_FL_COLLAPSE_RANGE, page * storm->page,
			 n * storm->page);
}

static const char *lacks_collapse(void)
{
	if (collapse_pages(0, 1))
		return "no collapse range";
	must(!ftruncate(storm->fd, PAGES * storm->page), "ftruncate");
	return NULL;
}

/* What is behind the pages that are taken away moves up. */
static void do_collapse(variant_t v, uint64_t *seed)
{
	unsigned int n = 1 + fmap_rand(seed) % 8, from = fmap_rand(seed) % (PAGES - n), m;

	atomic_store(&storm->short_from, PAGES - n);
	for (m = 2 * from; m < MARKS; m++)
		may_become(m, m + 2 * n < MARKS ? mark_now(m + 2 * n) : 0);
	must(!collapse_pages(from, n), "collapsing a range");
	have_become(2 * from, MARKS);
	be_short(PAGES - n);
}

static int freeze(unsigned long request)
{
	int fd = open(fmap_lower(), O_RDONLY | O_DIRECTORY);
	int err;

	must(fd >= 0, "the lower directory");
	err = ioctl(fd, request, 0);
	close(fd);
	return err;
}

static const char *lacks_freeze(void)
{
	return freeze(FIFREEZE) || freeze(FITHAW) ? "it cannot be frozen" : NULL;
}

/* First writes wait, holding what they hold, until the thaw; reads go on. */
static void do_freeze(variant_t v, uint64_t *seed)
{
	must(!freeze(FIFREEZE), "FIFREEZE");
	grant(24, 8 + fmap_rand(seed) % 8);
	must(!freeze(FITHAW), "FITHAW");
}

static long long counted_freeze(const struct fmap_counters *d)
{
	return d->mkw_freeze_wait;
}

/* Of the whole system; now and then inodes and names, too. */
static void do_drop_caches(variant_t v, uint64_t *seed)
{
	make_clean();
	must(!fmap_write_file("/proc/sys/vm/drop_caches",
			      fmap_rand(seed) % 8 ? "1" : "3"), "drop_caches");
}

static void do_remount(variant_t v, uint64_t *seed)
{
	static const char * const options[] = {
		"engine=retry", "install=handover", "engine=hold", "around=table",
		"install=insert", "engine=native", "around=kernel", "engine=pin",
		"install=insert,around=64k", "engine=hold,install=handover",
		"around=adaptive", "readahead=adaptive", "readahead=256k",
	};

	fmap_remount(options[fmap_rand(seed) % (sizeof(options) / sizeof(options[0]))]);
	grant(10, 5);
	fmap_remount("around=kernel,readahead=kernel");
	fmap_remount(v->options);
}

/* A child that runs @work. Its copy of the seed is its own. */
static pid_t child(void (*work)(void *), void *arg)
{
	pid_t pid = fork();

	must(pid >= 0, "fork");
	if (!pid) {
		work(arg);
		_exit(0);
	}
	return pid;
}

static int reap(pid_t pid)
{
	int status;

	must(waitpid(pid, &status, 0) == pid, "waitpid");
	return status;
}

static void look_around(void *arg)
{
	unsigned int n = *(unsigned int *)arg;
	struct reader r;

	while (n--) {
		r = storm->readers[n % READERS];
		r.seed += n * 7919 + getpid();
		one_access(&r);
	}
}

static void do_fork(variant_t v, uint64_t *seed)
{
	unsigned int accesses = 24;
	pid_t pid;

	wake_readers(16, false);
	pid = child(look_around, &accesses);
	if (reap(pid))
		complain("the child was killed", 0, 0);
}

static void do_mremap(variant_t v, uint64_t *seed)
{
	wake_readers(16, false);
	move_place(storm->readers[fmap_rand(seed) % READERS].place);
	grant(0, 0);
}

/* --- killed while it waits ------------------------------------------------------ */

#define KILL_FILE	"storm.kill"

/* A page of another file: the readers would fire the trigger on theirs. */
static unsigned char *kill_map;
static unsigned long killed_waiting;

static const char *lacks_kill(void)
{
	return lower_is("tmpfs") ? "its faults are its own: nothing holds a folio" : NULL;
}

static void open_kill_file(void)
{
	int fd;

	if (kill_map)
		return;
	fd = make_file(path_in(fmap_mnt(), KILL_FILE), storm->page, 1);
	kill_map = map_file(fd, storm->page, PROT_READ | PROT_WRITE, MAP_SHARED);
	close(fd);
}

/* A store goes to ->fault, whatever is cached, and sleeps there with the folio lock. */
static void hold_folio(void *unused)
{
	madvise(kill_map, storm->page, MADV_DONTNEED);
	kill_map[0] = pattern(1, 0);
}

static void wait_for_folio(void *go)
{
	madvise(kill_map, storm->page, MADV_DONTNEED);
	while (!atomic_load((atomic_bool *)go))
		usleep(200);
	if (kill_map[0] != pattern(1, 0))
		_exit(1);
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = { };

	must(!waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT), "waitid");
	return info.si_pid == pid;
}

static void read_line(const char *path, char *line, int size)
{
	FILE *f = fopen(path, "r");

	line[0] = '\0';
	if (f && !fgets(line, size, f))
		line[0] = '\0';
	if (f)
		fclose(f);
}

/* Does @pid sleep in a kernel function whose name begins so? Waits until it does or ends. */
static bool sleeps_in(pid_t pid, const char *function)
{
	char path[64], name[64];
	int tries = 60000;

	snprintf(path, sizeof(path), "/proc/%d/wchan", pid);
	while (tries-- && !has_ended(pid)) {
		read_line(path, name, sizeof(name));
		if (!strncmp(name, function, strlen(function)))
			return true;
		usleep(300);
	}
	return false;
}

/*
 * Return: how many were seen to wait, and were dead while the folio was still
 * locked. The engines fire the trigger that holds it, native does not: so the
 * holder faults in another engine.
 */
static unsigned long kill_victims(variant_t v)
{
	atomic_bool *go = &storm->go;
	unsigned long waiting = 0;
	pid_t holder, victims[VICTIMS];
	int i, status;

	atomic_store(go, false);
	for (i = 0; i < VICTIMS; i++)
		victims[i] = child(wait_for_folio, go);
	if (v->native)
		fmap_remount("engine=pin");
	/* Far longer than it takes. */
	fmap_arm("pause_locked 600 /" KILL_FILE);
	holder = child(hold_folio, NULL);
	must(sleeps_in(holder, "msleep"), "nobody holds the folio");
	if (v->native)
		fmap_remount(v->options);
	atomic_store(go, true);
	wake_readers(16, false);
	for (i = 0; i < VICTIMS; i++)
		waiting += sleeps_in(victims[i], "folio_wait");
	for (i = 0; i < VICTIMS; i++)
		kill(victims[i], SIGKILL);
	for (i = 0; i < VICTIMS; i++) {
		status = reap(victims[i]);
		if (!WIFEXITED(status))
			continue;
		/* It was done already. */
		if (WEXITSTATUS(status))
			complain("the byte that was waited for", 0, 0);
		waiting = 0;
	}
	if (!sleeps_in(holder, "msleep"))
		waiting = 0;
	fmap_arm("pause_locked 0");
	if (reap(holder))
		complain("the holder was killed", 0, 0);
	if (kill_map[1] != pattern(1, 1))
		complain("the page that was waited for", 0, kill_map[1]);
	return waiting;
}

static void do_kill(variant_t v, uint64_t *seed)
{
	unsigned long waiting;

	open_kill_file();
	waiting = kill_victims(v);
	must(waiting == VICTIMS, "not all were killed while they waited");
	killed_waiting += waiting;
}

/* --- in headers of their own ---------------------------------------------------- */

static void do_compact(variant_t v, uint64_t *seed)
{
	make_compact();
}

static void do_swap(variant_t v, uint64_t *seed)
{
	make_swap();
}

static void do_mounts(variant_t v, uint64_t *seed)
{
	make_mounts(seed);
}

/* --- the test ------------------------------------------------------------------ */

static const struct kind kinds[] = {
	{ "freeze", do_freeze, .lacks = lacks_freeze, .counted = counted_freeze },
	{ "drop_caches", do_drop_caches },
	{ "remount", do_remount },
	{ "fork", do_fork },
	{ "mremap", do_mremap },
	{ "kill", do_kill, .lacks = lacks_kill },
	{ "compact", do_compact, .lacks = lacks_compact },
	{ "swap", do_swap, .lacks = lacks_swap },
	{ "mounts", do_mounts },
	{ "collapse", do_collapse, .lacks = lacks_collapse },
	{ "punch", do_punch, .lacks = lacks_punch },
	{ "truncate", do_truncate },
};

#define NR_KINDS	(sizeof(kinds) / sizeof(kinds[0]))

/* Which of them happen in this storm. */
static bool chosen[NR_KINDS];

/* By name, or NULL for all that there are here. Return: why not. */
static const char *choose(const char *name)
{
	const char *why;
	size_t i;

	for (i = 0; i < NR_KINDS; i++) {
		if (name && strcmp(kinds[i].name, name))
			continue;
		why = kinds[i].lacks ? kinds[i].lacks() : NULL;
		if (name && why)
			return why;
		if (why)
			printf("# without %s: %s\n", kinds[i].name, why);
		chosen[i] = !why;
	}
	return NULL;
}

static bool happens(const char *name)
{
	size_t i;

	for (i = 0; i < NR_KINDS; i++)
		if (!strcmp(kinds[i].name, name))
			return chosen[i];
	return false;
}

static void one_round(variant_t v, uint64_t *seed)
{
	size_t i;

	write_generation(seed, PAGES / 2);
	for (i = 0; i < NR_KINDS; i++) {
		if (!chosen[i])
			continue;
		write_generation(seed, PAGES / 8);
		make_cold();
		grant(40, fmap_rand(seed) % 20);
		kinds[i].happen(v, seed);
		grant(20, 20);
	}
	punch_hole(seed);
	make_cold();
	grant(40, fmap_rand(seed) % 20);
	cut_and_extend(seed);
}

static long long faults(const struct fmap_counters *d)
{
	return d->fa_hit_target + d->fa_native_hit + d->flt_calls;
}

/* Names of the rare branches that were not taken yet. */
static const char *missing(variant_t v, const struct fmap_counters *d)
{
	long long waits = v->no_retry ? d->lck_wait_held :
			  v->looks_again ? d->lck_retry_unlocked : d->lck_wait_dropped;
	static char text[256];
	size_t i, n;

	/* Its faults are its own: only the door is ours. */
	if (lower_is("tmpfs"))
		return "";
	if (v->native)
		n = snprintf(text, sizeof(text), "%s%s", d->low_retry ? "" : " low_retry",
			     d->fa_native_hit ? "" : " fa_native_hit");
	else
		n = snprintf(text, sizeof(text), "%s%s%s%s",
			     d->flt_truncated || v->looks_again ? "" : " flt_truncated",
			     d->flt_inval_lock_contended ? "" : " flt_inval_lock_contended",
			     d->flt_retry || v->no_retry ? "" : " flt_retry",
			     waits ? "" : " lck_wait_*");
	for (i = 0; i < NR_KINDS; i++)
		if (chosen[i] && kinds[i].counted && !kinds[i].counted(d))
			n += snprintf(text + n, sizeof(text) - n, " %s", kinds[i].name);
	return text;
}

static void report(const struct fmap_counters *d, unsigned int rounds, long seconds)
{
	size_t i;

	printf("# %u rounds, %lld faults, %lu accesses in %ld s\n", rounds, faults(d),
	       storm->accesses, seconds);
	printf("# %lu killed waiting, %lu pages moved, %lu swapped out, %lu swapped in\n",
	       killed_waiting, pages_moved, swapped_out, swapped_in);
	/* scripts/check/debug adds these up. */
	printf("# %u of each:", rounds);
	for (i = 0; i < NR_KINDS; i++)
		if (chosen[i])
			printf(" %s", kinds[i].name);
	printf("\n");
	printf("# seen: %lu marks, %lu zeros, %lu SIGBUS\n", storm->marks, storm->zeros,
	       storm->sigbus);
#define SHOW(name)	printf(" " #name " %lld", d->name)
	printf("#");
	SHOW(flt_truncated);
	SHOW(flt_inval_lock_contended);
	SHOW(lck_wait_dropped);
	SHOW(lck_wait_held);
	SHOW(lck_retry_unlocked);
	SHOW(flt_retry);
	SHOW(low_retry);
	printf("\n#");
	SHOW(lck_killed_dropped);
	SHOW(lck_killed_held);
	SHOW(mkw_freeze_wait);
	SHOW(drop_total);
	SHOW(flt_sigbus_eof_pre);
	SHOW(flt_sigbus_eof_post);
	SHOW(flt_native);
	SHOW(flt_delegated);
	printf("\n");
}

/* Return: pages of the file that stay in the page cache when nobody uses it. */
static long put_away(void)
{
	struct fmap_path lower = fmap_at(fmap_lower(), "storm");
	long left;

	storm_unmap();
	swap_end();
	/* A tmpfs has no other place for them. */
	left = lower_is("tmpfs") ? 0 : fmap_evict(lower.s);
	must(!unlink(lower.s), lower.s);
	if (!kill_map)
		return left;
	munmap(kill_map, storm->page);
	lower = fmap_at(fmap_lower(), KILL_FILE);
	left += fmap_evict(lower.s);
	must(!unlink(lower.s), lower.s);
	return left;
}

static void run(struct __test_metadata *_metadata, variant_t v)
{
	unsigned long want_rounds = setting("ROUNDS", 3);
	long long want_faults = setting("FAULTS", 100 * want_rounds);
	uint64_t seed = setting("SEED", 1) * 77777 + 1;
	struct fmap_counters before, d;
	unsigned int rounds = 0;
	time_t begin = time(NULL);

	fmap_read_counters(&before);
	storm_start(seed);
	do {
		rounds++;
		one_round(v, &seed);
		if (rounds < want_rounds)
			continue;
		fmap_counters_since(&before, &d);
		if (faults(&d) >= want_faults &&
		    (want_rounds < LONG || !*missing(v, &d)))
			break;
	} while (rounds < PATIENCE * want_rounds && !storm->bad);
	storm_stop();

	fmap_counters_since(&before, &d);
	report(&d, rounds, (long)(time(NULL) - begin));
	EXPECT_EQ(0, fmap_broken_sums(&d));
	EXPECT_EQ(0, storm_wrong_pages(fmap_at(fmap_lower(), "storm").s));
	EXPECT_EQ(0, put_away());
	EXPECT_EQ(0UL, storm->bad);
	EXPECT_LE(want_rounds, rounds);
	EXPECT_LE(want_faults, faults(&d));
	EXPECT_LT(0UL, storm->marks);
	EXPECT_LT(0UL, storm->zeros);
	EXPECT_LT(0UL, storm->sigbus);
	if (happens("swap") && want_rounds >= SOME)
		EXPECT_LT(0UL, swapped_in);
	/* Of a large folio nothing says where it comes from. */
	if (happens("compact") && want_rounds >= SOME && !fmap_large_folios())
		EXPECT_LT(0UL, pages_moved);
	if (want_rounds >= LONG) {
		EXPECT_EQ('\0', *missing(v, &d)) {
			TH_LOG("never happened:%s", missing(v, &d));
		}
	}
	if (lower_is("tmpfs")) {
		EXPECT_EQ(d.flt_calls, d.flt_delegated + d.flt_native);
	} else if (!v->native) {
		EXPECT_LT(0, d.flt_sigbus_eof_pre);
	}
}

/* Bounded by what it does: this is for a long one on emulated CPUs. */
#define SECONDS		5000

#define STORM(what, kind) \
	TEST_F_TIMEOUT(storm, what, SECONDS) \
	{ \
		const char *why = choose(kind); \
		\
		if (why) \
			SKIP(return, "%s: %s", fmap_lowerfs(), why); \
		run(_metadata, variant); \
	}

STORM(freeze, "freeze");
STORM(drop_caches, "drop_caches");
STORM(remount, "remount");
STORM(fork, "fork");
STORM(mremap, "mremap");
STORM(kill, "kill");
STORM(compact, "compact");
STORM(swap, "swap");
STORM(mounts, "mounts");
STORM(collapse, "collapse");
STORM(punch, "punch");
STORM(truncate, "truncate");
STORM(mixed, NULL);

FMAP_TEST_MAIN

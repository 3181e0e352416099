// SPDX-License-Identifier: GPL-2.0
/*
 * Each branch of ->fault that rarely runs by itself, made to run by a trigger,
 * in each engine that has it: what is counted, what the program sees, and what
 * the failures file says of it.
 *
 * Stores to a private mapping call ->fault for each page, without fault-around.
 * On a RAM disk a read is over when it has been submitted: nothing waits unless
 * a trigger makes it.
 */
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

#include "fmap_test.h"

#define FILE_PAGES	16
#define AT		3

static const char *name = "trigger.data";

FIXTURE(trigger) {
	struct fmap_path path;
	struct fmap_counters before;
	struct fmap_counters d;
	char *map;
};

FIXTURE_VARIANT(trigger) {
	const char *engine;
	bool drops;	/* gives up the fault lock for I/O */
	bool waits;	/* gives it up for a folio lock */
	bool locks;	/* and then locks the folio */
};

FIXTURE_VARIANT_ADD(trigger, pin) {
	.engine = "engine=pin", .drops = true, .waits = true, .locks = true,
};

FIXTURE_VARIANT_ADD(trigger, retry) {
	.engine = "engine=retry", .waits = true,
};

FIXTURE_VARIANT_ADD(trigger, hold) {
	.engine = "engine=hold",
};

FIXTURE_SETUP(trigger)
{
	int fd;

	fmap_remount_plain();
	fmap_remount(variant->engine);
	self->path = fmap_at(fmap_mnt(), "%s", name);
	fmap_make_file(self->path.s, FILE_PAGES * fmap_page());
	fmap_warm(self->path.s);
	fd = open(self->path.s, O_RDWR);
	if (fd < 0)
		fmap_die("%s", self->path.s);
	self->map = mmap(NULL, FILE_PAGES * fmap_page(), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE, fd, 0);
	if (self->map == MAP_FAILED)
		fmap_die("mmap");
	close(fd);
	fmap_read_counters(&self->before);
}

FIXTURE_TEARDOWN(trigger)
{
	fmap_arm("off");
	munmap(self->map, FILE_PAGES * fmap_page());
	unlink(self->path.s);
	fmap_remount("engine=pin,install=handover");
}

#define WORD	((volatile uint64_t *)(self->map + AT * fmap_page()))

/* Store a byte: the signal it got, and the counts since the setup. */
#define STORE()	({ \
	int sig = fmap_access((char *)&WORD[1], true, 'y'); \
	fmap_counters_since(&self->before, &self->d); \
	sig; \
})

#define EXPECT_DATA() \
	EXPECT_EQ(fmap_word(AT * fmap_page()), WORD[0])

TEST_F(trigger, miss)
{
	long long majors = fmap_vmstat("pgmajfault");

	fmap_arm("miss 1 /trigger.data");
	EXPECT_EQ(0, STORE());
	EXPECT_EQ(1, fmap_vmstat("pgmajfault") - majors);
	EXPECT_COUNT(1, self->d, trg_fired);
	EXPECT_COUNT(1, self->d, flt_miss);
	EXPECT_COUNT(1, self->d, flt_ra_filled);
	EXPECT_COUNT(variant->drops, self->d, drop_for_sync_ra);
	EXPECT_COUNT(variant->drops, self->d, flt_retry);
	EXPECT_COUNT(!variant->drops, self->d, flt_done_major);
	EXPECT_COUNT(!variant->drops, self->d, drop_kept);
	EXPECT_DATA();
}

/* Armed for another file. */
TEST_F(trigger, other_file)
{
	fmap_arm("miss 1 /other*");
	EXPECT_EQ(0, STORE());
	EXPECT_COUNT(0, self->d, trg_fired);
	EXPECT_COUNT(0, self->d, flt_miss);
	EXPECT_COUNT(1, self->d, flt_done_minor);
}

TEST_F(trigger, truncated)
{
	fmap_arm("truncated 1");
	EXPECT_EQ(0, STORE());
	EXPECT_COUNT(1, self->d, flt_truncated);
	EXPECT_COUNT(1, self->d, flt_created);
	EXPECT_COUNT(1, self->d, flt_read_sync);
	EXPECT_COUNT(variant->drops, self->d, rty_read_ok);
	EXPECT_COUNT(!variant->drops, self->d, flt_read_ok_again);
	EXPECT_DATA();
}

/*
 * Have the file cached in folios of one page, as a miss reads it since 7.2. False
 * if that cannot be had, or if a page is more than one block.
 */
static bool has_one_block_folios(FIXTURE_DATA(trigger) *self)
{
	if (!fmap_large_folios())
		return strcmp(fmap_lowerfs(), "vfat");
	if (fmap_kernel() < 702)
		return false;
	if (fmap_evict(self->path.s))
		fmap_die("%s stays in the page cache", self->path.s);
	self->map[0] = 1;
	fmap_read_counters(&self->before);
	return true;
}

TEST_F(trigger, uptodate_lost)
{
	if (!has_one_block_folios(self))
		SKIP(return, "a folio is more than one block");
	fmap_arm("uptodate_lost 1");
	EXPECT_EQ(0, STORE());
	EXPECT_COUNT(1, self->d, flt_uptodate_lost);
	EXPECT_COUNT(1, self->d, flt_read_sync);
	EXPECT_COUNT(variant->drops, self->d, drop_for_read);
	EXPECT_DATA();
}

TEST_F(trigger, lock_taken)
{
	fmap_arm("lock_taken 1");
	EXPECT_EQ(0, STORE());
	EXPECT_COUNT(variant->waits, self->d, drop_for_folio_lock);
	EXPECT_COUNT(variant->waits && variant->locks, self->d, lck_wait_dropped);
	EXPECT_COUNT(variant->waits && variant->locks, self->d, rty_ready);
	EXPECT_COUNT(variant->waits && !variant->locks, self->d, lck_retry_unlocked);
	EXPECT_COUNT(variant->waits && !variant->locks, self->d, rty_unlocked);
	EXPECT_COUNT(!variant->waits, self->d, lck_wait_held);
	/* From the per-VMA lock only a major fault comes back as tried. */
	EXPECT_COUNT(variant->waits && !self->d.drop_vma_lock, self->d,
		     flt_done_after_retry);
	EXPECT_DATA();
}

/* VM_FAULT_OOM does not reach the program: the access faults again. */
TEST_F(trigger, create_fail)
{
	madvise(self->map, FILE_PAGES * fmap_page(), MADV_RANDOM);
	fmap_arm("miss 1");
	fmap_arm("create_fail 1");
	EXPECT_EQ(0, STORE());
	EXPECT_COUNT(1, self->d, flt_create_fail);
	EXPECT_COUNT(1, self->d, flt_oom);
	EXPECT_DATA();
}

/* The same with the fault lock dropped before: a retry instead. */
TEST_F(trigger, create_fail_dropped)
{
	if (!variant->locks)
		SKIP(return, "this engine does not hold the folio it waited for");
	fmap_arm("truncated 1");
	fmap_arm("lock_taken 1");
	fmap_arm("create_fail 1");
	EXPECT_EQ(0, STORE());
	EXPECT_COUNT(1, self->d, flt_truncated);
	EXPECT_COUNT(1, self->d, rty_create);
	EXPECT_COUNT(0, self->d, flt_oom);
	EXPECT_DATA();
}

/* One bad read: with the fault lock dropped the second pass reads again. */
TEST_F(trigger, read_error_once)
{
	madvise(self->map, FILE_PAGES * fmap_page(), MADV_RANDOM);
	fmap_arm("miss 1");
	fmap_arm("read_error 1");
	EXPECT_EQ(variant->drops ? 0 : SIGBUS, STORE());
	EXPECT_COUNT(variant->drops, self->d, rty_read_err);
	EXPECT_COUNT(variant->drops, self->d, flt_hit_not_uptodate);
	EXPECT_COUNT(!variant->drops, self->d, err_read_eio);
	if (variant->drops)
		EXPECT_DATA();
}

/* The last line of the failures file, by words. */
static int last_failure(char *comm, char *reason, int *err, unsigned long *page,
			long long *size, char *path)
{
	struct fmap_path at = fmap_at(fmap_env("FMAP_DEBUGFS"), "failures");
	FILE *f = fopen(at.s, "r");
	char line[512], last[512] = "";

	if (!f)
		fmap_die("%s", at.s);
	while (fgets(line, sizeof(line), f))
		strcpy(last, line);
	fclose(f);
	return sscanf(last, "%*s %*d %15s %63s %d %lu %lld %255s", comm, reason,
		      err, page, size, path);
}

TEST_F(trigger, read_error_twice)
{
	char comm[16], reason[64], path[256];
	unsigned long page;
	long long size;
	int err;

	madvise(self->map, FILE_PAGES * fmap_page(), MADV_RANDOM);
	fmap_arm("miss 1");
	fmap_arm("read_error 2");
	EXPECT_EQ(SIGBUS, STORE());
	EXPECT_COUNT(1, self->d, flt_sigbus_io);
	EXPECT_COUNT(1, self->d, err_read_eio);

	ASSERT_EQ(6, last_failure(comm, reason, &err, &page, &size, path));
	EXPECT_EQ(0, strcmp(comm, "trigger"));
	EXPECT_EQ(0, strcmp(reason, "err_read_eio"));
	EXPECT_EQ(-EIO, err);
	EXPECT_EQ(AT, (int)page);
	EXPECT_EQ((long long)(FILE_PAGES * fmap_page()), size);
	EXPECT_EQ(0, strcmp(path, self->path.s));
}

/* Refused by the filesystem, at the second pass as well. */
TEST_F(trigger, read_refused)
{
	char comm[16], reason[64], path[256];
	unsigned long page;
	long long size;
	int err;

	madvise(self->map, FILE_PAGES * fmap_page(), MADV_RANDOM);
	fmap_arm("miss 1");
	fmap_arm("read_refused 2");
	EXPECT_EQ(SIGBUS, STORE());
	EXPECT_COUNT(1, self->d, err_read_folio);
	EXPECT_COUNT(variant->drops, self->d, rty_read_err);
	ASSERT_EQ(6, last_failure(comm, reason, &err, &page, &size, path));
	EXPECT_EQ(0, strcmp(reason, "err_read_folio"));
	EXPECT_EQ(-ENOMEM, err);
}

/* The read finds the folio gone: it is looked up again, by this pass if it can. */
TEST_F(trigger, read_truncated)
{
	madvise(self->map, FILE_PAGES * fmap_page(), MADV_RANDOM);
	fmap_arm("miss 1");
	fmap_arm("read_truncated 2");
	EXPECT_EQ(0, STORE());
	EXPECT_COUNT(3, self->d, trg_fired);
	EXPECT_COUNT(variant->drops, self->d, rty_read_err);
	EXPECT_COUNT(2 - variant->drops, self->d, flt_read_aop_truncated);
	EXPECT_COUNT(1, self->d, flt_read_ok_again);
	EXPECT_DATA();
}

TEST_F(trigger, refault)
{
	madvise(self->map, FILE_PAGES * fmap_page(), MADV_RANDOM);
	fmap_arm("miss 1");
	fmap_arm("refault 1");
	EXPECT_EQ(0, STORE());
	EXPECT_COUNT(1, self->d, flt_read_workingset);
	EXPECT_DATA();
}

/* The second pass misses again, and may not drop the fault lock any more. */
TEST_F(trigger, miss_twice)
{
	fmap_arm("miss 2");
	EXPECT_EQ(0, STORE());
	EXPECT_COUNT(variant->drops ? 2 : 1, self->d, flt_miss);
	EXPECT_COUNT(variant->drops, self->d, drop_refused);
	EXPECT_DATA();
}

/* As get_user_pages() for KVM: no wait, and the fault lock stays. */
TEST_F(trigger, nowait)
{
	fmap_arm("nowait 1");
	fmap_arm("lock_taken 1");
	EXPECT_EQ(0, STORE());
	EXPECT_COUNT(1, self->d, ctx_retry_nowait);
	EXPECT_COUNT(1, self->d, lck_nowait);
	EXPECT_COUNT(1, self->d, rty_nowait);
	EXPECT_DATA();
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

TEST_F(trigger, pauses)
{
	double from = seconds();

	fmap_arm("pause_lookup 1");
	/* One fault takes both. */
	fmap_arm("pause_locked 2");
	EXPECT_EQ(0, STORE());
	EXPECT_LE(0.29, seconds() - from);
	EXPECT_COUNT(3, self->d, trg_fired);
	EXPECT_COUNT(1, self->d, flt_done_minor);
	EXPECT_DATA();
}

/* A page that fault-around finds locked is left to ->fault, which waits. */
TEST_F(trigger, around_locked)
{
	if (fmap_fault_around_pages() < 2)
		SKIP(return, "fault_around_bytes is one page");
	fmap_arm("around_locked 1");
	EXPECT_DATA();
	fmap_counters_since(&self->before, &self->d);
	if (fmap_large_folios()) {
		EXPECT_LE(1, self->d.fa_skip_locked);
	} else {
		EXPECT_COUNT(1, self->d, fa_skip_locked);
		EXPECT_LE(1, self->d.fa_missed_target);
	}
	EXPECT_COUNT(1, self->d, lck_wait_dropped + self->d.lck_wait_held +
		     self->d.lck_retry_unlocked);
}

/*
 * A page that nobody gets a reference to is left alone. Who has just put it in
 * the cache may still have one of his own: then another page is tried.
 */
TEST_F(trigger, around_frozen)
{
	size_t page = fmap_page(), at;

	if (fmap_fault_around_pages() < FILE_PAGES)
		SKIP(return, "fault_around_bytes is less than the file");
	/* There is a page table afterwards. */
	EXPECT_EQ(0, STORE());
	for (at = 0; at < FILE_PAGES && !self->d.fa_skip_tryget; at++) {
		madvise(self->map, FILE_PAGES * page, MADV_DONTNEED);
		fmap_arm("around_frozen 1");
		EXPECT_EQ(fmap_word(at * page), *(uint64_t *)(self->map + at * page));
		fmap_counters_since(&self->before, &self->d);
	}
	if (fmap_large_folios()) {
		/* All of its folio is left alone. */
		EXPECT_LE(1, self->d.fa_skip_tryget);
		EXPECT_LE(1, self->d.fa_missed_target + self->d.fa_empty);
	} else {
		EXPECT_COUNT(1, self->d, fa_skip_tryget);
		EXPECT_COUNT(1, self->d, fa_missed_target);
	}
}

static void *shared_mapping(const FIXTURE_DATA(trigger) *self)
{
	int fd = open(self->path.s, O_RDWR);
	void *p = mmap(NULL, FILE_PAGES * fmap_page(), PROT_READ | PROT_WRITE, MAP_SHARED,
		       fd, 0);

	if (fd < 0 || p == MAP_FAILED)
		fmap_die("%s", self->path.s);
	close(fd);
	return p;
}

TEST_F(trigger, mkwrite_oom)
{
	volatile uint64_t *map = shared_mapping(self);

	fmap_arm("mkwrite_oom 1");
	*map = 1;
	fmap_counters_since(&self->before, &self->d);
	EXPECT_COUNT(1, self->d, mkw_oom);
	EXPECT_COUNT(2, self->d, mkw_calls);
	EXPECT_EQ(1, (int)*map);
	munmap((void *)map, FILE_PAGES * fmap_page());
}

TEST_F(trigger, mkwrite_unlocked)
{
	volatile uint64_t *map = shared_mapping(self);

	fmap_arm("mkwrite_unlocked 1");
	*map = 1;
	fmap_counters_since(&self->before, &self->d);
	EXPECT_COUNT(1, self->d, mkw_unlocked_ok);
	EXPECT_COUNT(1, self->d, mkw_calls);
	EXPECT_EQ(1, (int)*map);
	munmap((void *)map, FILE_PAGES * fmap_page());
}

struct unmapping {
	const struct fmap_counters *before;
	void *map;
};

/* Unmap it when two triggers have fired, and wait until the VMA may be freed. */
static void *unmap_meanwhile(void *arg)
{
	const struct unmapping *u = arg;

	if (fmap_wait_for("trg_fired", u->before, 2))
		munmap(u->map, FILE_PAGES * fmap_page());
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0);
	return NULL;
}

/*
 * The mapping goes while the fault sleeps without the fault lock, and its VMA is
 * freed: KASAN tells if the fault looks at it again.
 */
TEST_F(trigger, unmapped_while_dropped)
{
	struct unmapping u = { .before = &self->before };
	unsigned int tries;
	pthread_t thread;
	int sig = 0;

	if (!variant->waits)
		SKIP(return, "this engine does not drop the fault lock");
	/* The other thread may come too late; then it is tried again. */
	for (tries = 0; tries < 5 && sig != SIGSEGV; tries++) {
		u.map = shared_mapping(self);
		fmap_read_counters(&self->before);
		fmap_arm(variant->drops ? "miss 1" : "lock_taken 1");
		fmap_arm("pause_dropped 1");
		ASSERT_EQ(0, pthread_create(&thread, NULL, unmap_meanwhile, &u));
		sig = fmap_access((char *)u.map + AT * fmap_page(), true, 'y');
		pthread_join(thread, NULL);
		fmap_counters_since(&self->before, &self->d);
		EXPECT_COUNT(2, self->d, trg_fired);
		EXPECT_COUNT(1, self->d, drop_total);
		EXPECT_COUNT(1, self->d, flt_retry);
	}
	EXPECT_EQ(SIGSEGV, sig);
}

/* Name, times left, files and help, tab-separated. */
TEST_F(trigger, is_listed)
{
	struct fmap_path path = fmap_at(fmap_env("FMAP_DEBUGFS"), "trigger");
	unsigned int lines = 0, armed = 0;
	char line[512];
	FILE *f;

	fmap_arm("miss 3 /other*");
	fmap_arm("read_error 1");
	fmap_arm("lock_taken 5");
	fmap_arm("lock_taken 0");
	f = fopen(path.s, "r");
	ASSERT_NE(NULL, f);
	for (; fgets(line, sizeof(line), f); lines++) {
		armed += !strncmp(line, "miss\t3\t/other*\t", 15) ||
			 !strncmp(line, "read_error\t1\t*\t", 15) ||
			 !strncmp(line, "lock_taken\t0\t*\t", 15);
		EXPECT_NE(NULL, strchr(strrchr(line, '\t'), ' '));
	}
	fclose(f);
	EXPECT_EQ(3, (int)armed);
	EXPECT_LE(20, (int)lines);
}

/* A line that is too long, and one that cannot be read. */
TEST_F(trigger, bad_lines)
{
	struct fmap_path path = fmap_at(fmap_env("FMAP_DEBUGFS"), "trigger");
	int fd = open(path.s, O_WRONLY);
	static char space[1 << 17];
	void *nothing = mmap(NULL, fmap_page(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(space, ' ', sizeof(space));
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, (int)write(fd, space, sizeof(space)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, (int)write(fd, nothing, 8));
	EXPECT_EQ(EFAULT, errno);
	munmap(nothing, fmap_page());
	close(fd);
}

/* "1" alone has the counters of the mount start again. */
TEST_F(trigger, reset)
{
	struct fmap_path path = fmap_at(fmap_env("FMAP_DEBUGFS"), "reset");
	struct fmap_counters now;

	EXPECT_EQ(0, STORE());
	EXPECT_COUNT(1, self->d, flt_calls);
	EXPECT_NE(0, fmap_write_file(path.s, "2"));
	fmap_counters_since(&self->before, &self->d);
	EXPECT_COUNT(1, self->d, flt_calls);
	EXPECT_EQ(0, fmap_write_file(path.s, "1"));
	fmap_read_counters(&now);
	EXPECT_COUNT(0, now, flt_calls);
}

TEST_F(trigger, refuses_nonsense)
{
	struct fmap_path path = fmap_at(fmap_env("FMAP_DEBUGFS"), "trigger");
	static const char * const bad[] = {
		"", "miss", "nonsense 1", "miss x", "miss -1", "off 1",
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = open(path.s, O_WRONLY);

		errno = 0;
		EXPECT_EQ(-1, (int)write(fd, bad[i], strlen(bad[i]) + 1)) {
			TH_LOG("'%s' was taken", bad[i]);
		}
		EXPECT_EQ(EINVAL, errno);
		close(fd);
	}
}

FMAP_TEST_MAIN

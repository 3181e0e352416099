// SPDX-License-Identifier: GPL-2.0
/*
 * A file that shrinks between the two looks a fault takes at its size.
 *
 * The page is cached and uptodate, so the fault takes no invalidate_lock, and
 * the truncate is free to change the size after the fault's first look. Under
 * the folio lock the fault must look again: what it maps then would be beyond
 * the end. It ends with SIGBUS, counted as flt_sigbus_eof_post.
 *
 * One thread faults the last page again and again, the other cuts it off,
 * until that has been seen often enough. LIMIT= of the environment is in
 * seconds.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "fmap_test.h"

#define WANTED	2
/* Faults of the uptodate page between two cuts: the first one is a miss. */
#define FAULTS	4

static const char *name = "eof_recheck.data";

static struct {
	char *page;
	atomic_bool stop;
	atomic_ulong stored;
	atomic_ulong refused;
} shared;

static __thread sigjmp_buf refused_jump;

static void refused(int sig)
{
	siglongjmp(refused_jump, 1);
}

/*
 * Stores to a private mapping call ->fault for each page, without fault-around,
 * and MADV_DONTNEED throws the copy away.
 */
static void *faulting(void *arg)
{
	while (!atomic_load(&shared.stop)) {
		madvise(shared.page, fmap_page(), MADV_DONTNEED);
		if (sigsetjmp(refused_jump, 0)) {
			atomic_fetch_add(&shared.refused, 1);
			continue;
		}
		*(volatile char *)shared.page = 1;
		atomic_fetch_add(&shared.stored, 1);
	}
	return NULL;
}

static void wait_for_stores(unsigned long n)
{
	unsigned long from = atomic_load(&shared.stored);

	while (atomic_load(&shared.stored) - from < n)
		;
}

static void spin(unsigned int n)
{
	while (n--)
		__asm__ volatile("" ::: "memory");
}

TEST(truncate_between_the_looks)
{
	struct sigaction act = { .sa_handler = refused, .sa_flags = SA_NODEFER };
	struct fmap_path path = fmap_at(fmap_mnt(), "%s", name);
	const char *limit = getenv("LIMIT");
	time_t until = time(NULL) + (limit ? atoi(limit) : 90);
	size_t page = fmap_page();
	struct fmap_counters before, d;
	unsigned long rounds = 0;
	uint64_t seed = 1;
	pthread_t thread;
	int fd;

	if (!strcmp(fmap_lowerfs(), "tmpfs"))
		SKIP(return, "the lower's own ->fault runs");
	fd = open(path.s, O_RDWR | O_CREAT | O_TRUNC, 0644);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 2 * page));
	shared.page = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, shared.page);
	shared.page += page;
	sigaction(SIGBUS, &act, NULL);
	fmap_read_counters(&before);
	ASSERT_EQ(0, pthread_create(&thread, NULL, faulting, NULL));

	do {
		ASSERT_EQ(0, ftruncate(fd, 2 * page));
		wait_for_stores(FAULTS);
		spin(fmap_rand(&seed) % 4096);
		ASSERT_EQ(0, ftruncate(fd, page));
		fmap_counters_since(&before, &d);
		rounds++;
	} while (d.flt_sigbus_eof_post < WANTED && time(NULL) < until);

	atomic_store(&shared.stop, true);
	pthread_join(thread, NULL);
	fmap_counters_since(&before, &d);
	TH_LOG("%lu truncates, %lu stores, %lu refused; eof_pre %lld, eof_post %lld",
	       rounds, atomic_load(&shared.stored), atomic_load(&shared.refused),
	       d.flt_sigbus_eof_pre, d.flt_sigbus_eof_post);
	EXPECT_LE(WANTED, d.flt_sigbus_eof_post);
	/* A large folio's fault is the lower's, and so is its SIGBUS. */
	EXPECT_COUNT(atomic_load(&shared.refused), d,
		     flt_sigbus_eof_pre + d.flt_sigbus_eof_post + d.low_sigbus);
	EXPECT_EQ(0, unlink(path.s));
}

FMAP_TEST_MAIN

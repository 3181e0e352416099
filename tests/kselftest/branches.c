// SPDX-License-Identifier: GPL-2.0
/*
 * Branches that no other test runs: by what makes them run in life, or by
 * another thread at the right moment. A trigger holds a fault up for as long as
 * the other thread needs.
 */
#include <linux/falloc.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "fmap_mounts.h"
#include "mapping.h"

#define FILE_PAGES	64
#define NAME		"branches.data"

FIXTURE(branches) {
	struct fmap_path mnt;
	struct fmap_path lower;
	struct fmap_counters before;
	struct fmap_counters d;
	size_t page, len;
	int fd;
	unsigned char *map;
};

FIXTURE_SETUP(branches)
{
	fmap_remount_plain();
	probe_init();
	self->page = fmap_page();
	self->len = FILE_PAGES * self->page;
	self->mnt = fmap_at(fmap_mnt(), NAME);
	self->lower = fmap_at(fmap_lower(), NAME);
	close(make_file(self->lower.s, self->len, 1));
	ASSERT_EQ(0, fmap_evict(self->lower.s));
	self->fd = open(self->mnt.s, O_RDWR);
	ASSERT_LE(0, self->fd);
	/* In one page table. */
	self->map = fmap_map_at_slot(self->fd, 0, self->len, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE, 0);
	fmap_read_counters(&self->before);
}

FIXTURE_TEARDOWN(branches)
{
	fmap_arm("off");
	munmap(self->map, self->len);
	close(self->fd);
	unlink(self->lower.s);
	fmap_remount_plain();
}

#define COUNT()	fmap_counters_since(&self->before, &self->d)

static unsigned char *shared(const FIXTURE_DATA(branches) *self)
{
	return map_file(self->fd, self->len, PROT_READ | PROT_WRITE, MAP_SHARED);
}

/* --- who asks --------------------------------------------------------------- */

/* The first instruction is fetched from a page that is on the disk. */
TEST_F(branches, instruction)
{
	static const unsigned char ret = 0xc3;
	unsigned char *code;

	ASSERT_EQ(1, pwrite(self->fd, &ret, 1, 0));
	ASSERT_EQ(0, fmap_evict(self->lower.s));
	code = map_file(self->fd, self->len, PROT_READ | PROT_EXEC, MAP_PRIVATE);
	((void (*)(void))code)();
	COUNT();
	EXPECT_LE(1, self->d.ctx_instruction);
	EXPECT_LE(1, self->d.ctx_exec);
	munmap(code, self->len);
}

/* A futex operation that faults its word in allows no retry, and no signal. */
static long wake_op(volatile unsigned char *word)
{
	static uint32_t first;

	return syscall(SYS_futex, &first, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, 1, word,
		       FUTEX_OP(FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 0));
}

TEST_F(branches, no_retry)
{
	unsigned char *map = shared(self);

	ASSERT_LE(0, wake_op(map));
	COUNT();
	EXPECT_COUNT(1, self->d, ctx_no_retry);
	EXPECT_COUNT(1, self->d, flt_done_major + self->d.flt_delegated);
	EXPECT_EQ(7, map[0]);
	munmap(map, self->len);
}

TEST_F(branches, unkillable_wait)
{
	unsigned char *map = shared(self);

	fmap_warm(self->lower.s);
	fmap_arm("lock_taken 1");
	ASSERT_LE(0, wake_op(map));
	COUNT();
	EXPECT_COUNT(1, self->d, lck_wait_unkillable);
	EXPECT_COUNT(1, self->d, lck_wait_held);
	EXPECT_COUNT(1, self->d, drop_refused);
	munmap(map, self->len);
}

/*
 * A read goes past fault-around where the core is told to map one page. No
 * counter of its own: what is not called cannot count. The difference says it.
 */
static long long bypassed(const struct fmap_counters *d)
{
	return d->ctx_read - (d->fa_calls - d->fa_hit_target - d->fa_native_hit);
}

TEST_F(branches, bypassed)
{
	const char *knob = "/sys/kernel/debug/fault_around_bytes";
	long long bytes = fmap_read_number(knob);
	char text[32];
	size_t i;

	fmap_warm(self->lower.s);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(pattern(1, i * self->page), self->map[i * self->page]);
	COUNT();
	EXPECT_EQ(bytes > (long long)self->page ? 0 : 8, bypassed(&self->d));

	snprintf(text, sizeof(text), "%zu", self->page);
	ASSERT_EQ(0, fmap_write_file(knob, text));
	fmap_read_counters(&self->before);
	for (i = 32; i < 40; i++)
		(void)*(volatile unsigned char *)(self->map + i * self->page);
	COUNT();
	snprintf(text, sizeof(text), "%lld", bytes);
	ASSERT_EQ(0, fmap_write_file(knob, text));
	EXPECT_COUNT(0, self->d, fa_calls);
	/* Each page, or each folio. */
	if (fmap_maps_whole_folios()) {
		EXPECT_LE(1, bypassed(&self->d));
		EXPECT_COUNT(bypassed(&self->d), self->d, ctx_read);
	} else {
		EXPECT_EQ(8, bypassed(&self->d));
	}
}

/* --- the lower's own handler -------------------------------------------------- */

TEST_F(branches, huge_page_advice)
{
	if (madvise(self->map, self->len, MADV_HUGEPAGE))
		SKIP(return, "no MADV_HUGEPAGE");
	EXPECT_EQ(pattern(1, 0), self->map[0]);
	COUNT();
	EXPECT_LE(1, self->d.dlg_hugepage);
}

TEST_F(branches, locked_memory)
{
	/* Only where there is a page table is there a PTE to look at again. */
	self->map[60 * self->page] = 1;
	ASSERT_EQ(0, mlock2(self->map, self->len, MLOCK_ONFAULT));
	EXPECT_EQ(pattern(1, 0), self->map[0]);
	COUNT();
	EXPECT_LE(1, self->d.dlg_mlocked);
}

/* Each way that the lower's own ->fault ends, seen from outside. */
TEST_F(branches, native)
{
	unsigned char *map = shared(self);

	fmap_remount("engine=native");
	fmap_read_counters(&self->before);
	EXPECT_LE(0, wake_op(map));
	EXPECT_EQ(pattern(1, 40 * self->page), self->map[40 * self->page]);
	/* Read around the other, and too far away to be mapped around it. */
	self->map[24 * self->page] = 1;
	ASSERT_EQ(0, ftruncate(self->fd, self->page));
	EXPECT_EQ(-SIGBUS, probe_read(self->map + 60 * self->page));
	COUNT();
	EXPECT_COUNT(1, self->d, low_locked_major);
	EXPECT_LE(1, self->d.low_retry);
	EXPECT_LE(1, self->d.low_locked_minor);
	EXPECT_COUNT(1, self->d, low_sigbus);
	munmap(map, self->len);
}

/* --- readahead ----------------------------------------------------------------- */

/* A miss and a hit of a file whose readahead is switched off. */
static void miss_and_hit(const char *path, size_t page)
{
	int fd = open(path, O_RDWR);
	unsigned char *map = map_file(fd, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	map[0] = 1;
	madvise(map, page, MADV_DONTNEED);
	map[0] = 1;
	munmap(map, 2 * page);
	close(fd);
}

TEST_F(branches, readahead_is_off)
{
	long long kib = fmap_get_readahead(fmap_lower());

	fmap_set_readahead(fmap_lower(), 0);
	miss_and_hit(self->mnt.s, self->page);
	fmap_set_readahead(fmap_lower(), kib);
	COUNT();
	EXPECT_COUNT(1, self->d, sra_skip_disabled);
	EXPECT_LE(1, self->d.ara_skip_disabled);

	ASSERT_EQ(0, fmap_evict(self->lower.s));
	fmap_remount("readahead=off");
	miss_and_hit(self->mnt.s, self->page);
	COUNT();
	EXPECT_COUNT(1, self->d, sra_skip_policy);
	EXPECT_LE(1, self->d.ara_skip_policy);
}

/* Each store misses, and none hits: up to a thousand are remembered. */
TEST_F(branches, misses_are_counted_to_a_thousand)
{
	size_t around = 64, n, at = 0;

	if (fmap_large_folios() && fmap_kernel() < 702)
		SKIP(return, "the lower's own handler runs for these");
	munmap(self->map, self->len);
	self->len = (110 * around + 1000) * self->page;
	ASSERT_EQ(0, ftruncate(self->fd, self->len));
	self->map = map_file(self->fd, self->len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	for (n = 0; n < 1010; n++) {
		self->map[at] = 1;
		at += (n < 105 ? around : 1) * self->page;
	}
	COUNT();
	EXPECT_COUNT(1010, self->d, flt_miss);
	EXPECT_COUNT(1000, self->d, sra_miss_inc);
	EXPECT_COUNT(10, self->d, sra_miss_saturated);
}

/* --- what was evicted a moment ago ---------------------------------------------- */

/* Reclaim leaves a note of what it took, other than fadvise. */
TEST_F(branches, evicted_by_reclaim)
{
	size_t i;
	int n;

	if (!fmap_group_enter())
		SKIP(return, "no memory cgroup");
	/* Read more than once, the pages belong to the working set. */
	for (n = 0; n < 3; n++)
		fmap_warm(self->lower.s);
	for (n = 0; n < 50 && fmap_resident(self->lower.s); n++)
		fmap_group_reclaim();
	madvise(self->map, self->len, MADV_RANDOM);
	for (i = 0; i < FILE_PAGES; i++)
		EXPECT_EQ(pattern(1, i * self->page), self->map[i * self->page]);
	COUNT();
	fmap_group_leave();
	if (n == 50)
		SKIP(return, "memory.reclaim left some of it");
	EXPECT_LT(0, self->d.fa_skip_shadow);
	/* Which pages were active when they went is the kernel's choice. */
	TH_LOG("flt_read_workingset %lld", self->d.flt_read_workingset);
}

/* --- two at once ------------------------------------------------------------------ */

static bool two_processors(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) > 1;
}

struct touch {
	unsigned char *at;
	bool store;
	int got;
};

static void *touch(void *arg)
{
	struct touch *t = arg;

	t->got = t->store ? probe_write(t->at, 1) : probe_read(t->at);
	return NULL;
}

struct punched {
	int fd;
	size_t at;
	size_t len;
};

static void *punch(void *arg)
{
	const struct punched *p = arg;

	if (fallocate(p->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, p->at, p->len))
		printf("# punching a hole: %s\n", strerror(errno));
	return NULL;
}

/*
 * A hole is being punched: it has the invalidate_lock, and waits for a page that
 * a fault has locked. A miss of another page then waits for the hole.
 */
TEST_F(branches, miss_while_a_hole_is_punched)
{
	struct touch locker = { .store = true };
	struct punched p = { .fd = self->fd, .len = self->page };
	unsigned int tries;

	if (lower_is("vfat"))
		SKIP(return, "no holes");
	madvise(self->map, self->len, MADV_RANDOM);
	/* Time may be lost elsewhere; then it is tried with other pages. */
	for (tries = 0; tries < 5 && !self->d.flt_inval_lock_contended; tries++) {
		unsigned char *other = self->map + (20 + tries) * self->page;
		pthread_t locking, punching;

		locker.at = self->map + tries * self->page;
		p.at = tries * self->page;
		(void)*(volatile unsigned char *)locker.at;
		madvise(locker.at, self->page, MADV_DONTNEED);
		fmap_read_counters(&self->before);
		fmap_arm("pause_locked 1");
		pthread_create(&locking, NULL, touch, &locker);
		ASSERT_TRUE(fmap_wait_for("trg_fired", &self->before, 1));
		pthread_create(&punching, NULL, punch, &p);
		usleep(20000);
		other[0] = 1;
		pthread_join(locking, NULL);
		pthread_join(punching, NULL);
		COUNT();
		EXPECT_EQ(pattern(1, other + 1 - self->map), other[1]);
	}
	EXPECT_LE(1, self->d.flt_inval_lock_contended);
}

/*
 * The file has shrunk, and its page waits to be removed until the fault that has
 * locked it is done: which must see that it is beyond the end.
 */
TEST_F(branches, truncated_while_locked)
{
	struct touch locker = { .at = self->map + 20 * self->page, .store = true };
	unsigned int tries;
	pthread_t locking;

	/* The size may be changed too late; then it is tried again. */
	for (tries = 0; tries < 5 && !self->d.flt_sigbus_eof_post; tries++) {
		ASSERT_EQ(0, ftruncate(self->fd, self->len));
		madvise(self->map, self->len, MADV_DONTNEED);
		fmap_warm(self->lower.s);
		fmap_read_counters(&self->before);
		fmap_arm("pause_locked 1");
		pthread_create(&locking, NULL, touch, &locker);
		ASSERT_TRUE(fmap_wait_for("trg_fired", &self->before, 1));
		ASSERT_EQ(0, ftruncate(self->fd, self->page));
		pthread_join(locking, NULL);
		COUNT();
	}
	EXPECT_COUNT(1, self->d, flt_sigbus_eof_post);
	EXPECT_EQ(-SIGBUS, locker.got);
}

/* The page is cut off between the fault and the permission to write to it. */
TEST_F(branches, truncated_before_mkwrite)
{
	struct touch writer = { .at = shared(self) + 20 * self->page, .store = true };
	pthread_t thread;

	fmap_warm(self->lower.s);
	fmap_arm("pause_mkwrite 1");
	pthread_create(&thread, NULL, touch, &writer);
	ASSERT_TRUE(fmap_wait_for("trg_fired", &self->before, 1));
	ASSERT_EQ(0, ftruncate(self->fd, self->page));
	pthread_join(thread, NULL);
	COUNT();
	EXPECT_EQ(-SIGBUS, writer.got);
	/* The lower filesystem says either. */
	EXPECT_COUNT(1, self->d, mkw_nopage + self->d.mkw_sigbus);
	EXPECT_COUNT(self->d.mkw_nopage, self->d, mkw_truncated);
	EXPECT_COUNT(1, self->d, mkw_eof);
	munmap(writer.at - 20 * self->page, self->len);
}

/* --- two at once: install=insert --------------------------------------------------- */

/*
 * A load whose window is held up after the first look at its first page. There
 * is a page table: a store has made it.
 */
static pthread_t late_insert(FIXTURE_DATA(branches) *self, struct touch *loader)
{
	pthread_t thread;

	fmap_remount("install=insert");
	fmap_warm(self->lower.s);
	munmap(self->map, self->len);
	self->map = fmap_map_at_slot(self->fd, 0, self->len, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE, 0);
	self->map[60 * self->page] = 1;
	fmap_read_counters(&self->before);
	loader->at = self->map;
	fmap_arm("insert_late 1");
	pthread_create(&thread, NULL, touch, loader);
	fmap_wait_for("trg_fired", &self->before, 1);
	return thread;
}

#define SKIP_UNLESS_INSERTED() do { \
	if (!two_processors()) \
		SKIP(return, "one processor"); \
	if (!fmap_inserts()) \
		SKIP(return, "install=insert hands over"); \
	if (fmap_fault_around_pages() < 2) \
		SKIP(return, "fault_around_bytes is one page"); \
} while (0)

TEST_F(branches, insert_loses_the_lock)
{
	struct touch loader = { }, locker = { .store = true };
	unsigned int tries;
	unsigned char *other;
	pthread_t loading, locking;

	SKIP_UNLESS_INSERTED();
	other = map_file(self->fd, self->len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	locker.at = other;
	/* The folio stays locked for 100 ms, which may be lost elsewhere. */
	for (tries = 0; tries < 10 && !self->d.fa_skip_trylock; tries++) {
		loading = late_insert(self, &loader);
		fmap_arm("pause_locked 1");
		pthread_create(&locking, NULL, touch, &locker);
		fmap_wait_for("trg_fired", &self->before, 2);
		fmap_arm("off");
		pthread_join(loading, NULL);
		pthread_join(locking, NULL);
		COUNT();
		EXPECT_EQ(pattern(1, 0), loader.got);
		madvise(other, self->page, MADV_DONTNEED);
	}
	EXPECT_COUNT(1, self->d, fa_skip_trylock);
	munmap(other, self->len);
}

TEST_F(branches, insert_finds_it_truncated)
{
	struct touch loader = { };
	pthread_t loading;

	SKIP_UNLESS_INSERTED();
	loading = late_insert(self, &loader);
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	fmap_arm("off");
	pthread_join(loading, NULL);
	COUNT();
	EXPECT_COUNT(1, self->d, fa_skip_truncated);
	EXPECT_EQ(-SIGBUS, loader.got);
}

/*
 * The other thread makes the page lose its data, and cannot read it again, in as
 * many passes as there may be.
 */
TEST_F(branches, insert_finds_it_without_data)
{
	struct touch loader = { };
	unsigned char *other;
	pthread_t loading;

	SKIP_UNLESS_INSERTED();
	other = map_file(self->fd, self->len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	loading = late_insert(self, &loader);
	fmap_arm("uptodate_lost 1");
	fmap_arm("read_error 3");
	EXPECT_EQ(-SIGBUS, probe_write(other, 1));
	fmap_arm("off");
	pthread_join(loading, NULL);
	COUNT();
	EXPECT_COUNT(1, self->d, fa_skip_not_uptodate_locked);
	EXPECT_EQ(pattern(1, 0), loader.got);
	munmap(other, self->len);
}

/* Another thread's fault is there first. */
TEST_F(branches, insert_finds_it_mapped)
{
	struct touch loader = { };
	pthread_t loading;

	SKIP_UNLESS_INSERTED();
	loading = late_insert(self, &loader);
	self->map[self->page] = 1;
	fmap_arm("off");
	pthread_join(loading, NULL);
	COUNT();
	EXPECT_LE(1, self->d.fa_skip_pte_present);
	EXPECT_EQ(pattern(1, 0), loader.got);
}

/* At the first large folio the rest of the window is the lower's. */
TEST_F(branches, insert_hands_over)
{
	size_t i;

	if (!fmap_large_folios())
		SKIP(return, "no large folios");
	fmap_remount("install=insert");
	fmap_warm(self->lower.s);
	self->map[60 * self->page] = 1;
	for (i = 0; i < FILE_PAGES; i++)
		EXPECT_EQ(i == 60 ? 1 : pattern(1, i * self->page),
			  self->map[i * self->page]);
	COUNT();
	/* Where page tables may go, no folio is looked at. */
	EXPECT_LT(0, self->d.ins_large_folio + self->d.ins_pt_reclaim);
}

/*
 * A large write makes large folios, which are mapped beyond the window. Not the one in
 * which the file ends, where there is no page table.
 */
TEST_F(branches, whole_beyond_the_window)
{
	size_t i, around = 4;

	if (!fmap_maps_whole_folios() || lower_is("tmpfs"))
		SKIP(return, "no folio is mapped whole");
	fmap_remount("around=16k");
	close(make_file(self->lower.s, self->len + self->page, 2));
	fmap_read_counters(&self->before);
	for (i = 0; i < FILE_PAGES; i++)
		EXPECT_EQ(pattern(2, i * self->page), self->map[i * self->page]);
	COUNT();
	EXPECT_LE(1, self->d.fa_beyond);
	EXPECT_GT((long long)(FILE_PAGES / around), self->d.fa_calls);
}

/* --- odds and ends -------------------------------------------------------------------- */

/*
 * 6.12 maps no file whose only page is its last one into a range without a page
 * table: see fmap_model.h.
 */
TEST_F(branches, only_page)
{
	if (fmap_large_folios() || fmap_fault_around_pages() < 2)
		SKIP(return, "no such case");
	munmap(self->map, self->len);
	ASSERT_EQ(0, ftruncate(self->fd, self->page));
	fmap_warm(self->lower.s);
	self->map = fmap_map_at_slot(self->fd, 0, self->len, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE, 0);
	EXPECT_EQ(pattern(1, 0), self->map[0]);
	COUNT();
	EXPECT_COUNT(fmap_kernel() >= 612, self->d, fa_lost);
	EXPECT_COUNT(fmap_kernel() >= 612, self->d, fa_pmd_still_none);
}

/*
 * A huge page of the file that could not be split when the file was cut in its
 * middle, because somebody has a reference to it, nor be dropped, because it is
 * dirty. It must not be mapped as one.
 */
static unsigned char *map_tables(const FIXTURE_DATA(branches) *self)
{
	return fmap_map_at_slot(self->fd, 0, self->len, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
}

static bool has_huge_folios(void)
{
	return lower_is("xfs") || (lower_is("ext4") && fmap_large_folios());
}

/* @len bytes of huge folios, the first of them mapped. */
static void make_huge(struct __test_metadata *_metadata, FIXTURE_DATA(branches) *self,
		      size_t len)
{
	munmap(self->map, self->len);
	self->len = len;
	close(make_file(self->lower.s, self->len, 1));
	ASSERT_EQ(0, fmap_evict(self->lower.s));
	self->map = map_tables(self);
	ASSERT_EQ(0, madvise(self->map, self->len, MADV_HUGEPAGE));
	EXPECT_EQ(pattern(1, 0), self->map[0]);
}

TEST_F(branches, huge_page_across_the_end)
{
	size_t table = fmap_table_bytes();
	struct iovec iov;
	int p[2];

	if (!has_huge_folios())
		SKIP(return, "no folios of that size");
	make_huge(_metadata, self, 2 * table);
	COUNT();
	EXPECT_LE(1, self->d.dlg_hugepage);
	EXPECT_COUNT(1, self->d, fa_pmd_mapped);
	self->map[1] = 1;
	ASSERT_EQ(0, pipe(p));
	iov = (struct iovec) { self->map, self->page };
	ASSERT_EQ((ssize_t)self->page, vmsplice(p[1], &iov, 1, 0));
	ASSERT_EQ(0, ftruncate(self->fd, table / 2));
	munmap(self->map, self->len);
	self->map = map_tables(self);
	EXPECT_EQ(pattern(1, 0), self->map[0]);
	EXPECT_EQ(-SIGBUS, probe_read(self->map + table / 2 + self->page));
	COUNT();
	if (fmap_kernel() >= 612)
		EXPECT_LE(1, self->d.fa_pmd_denied_eof);
	close(p[0]);
	close(p[1]);
}

/* It ends with the file: fault-around does not map it as one, the core does. */
TEST_F(branches, huge_page_up_to_the_end)
{
	struct fmap_counters before;

	if (!has_huge_folios())
		SKIP(return, "no folios of that size");
	make_huge(_metadata, self, fmap_table_bytes());
	madvise(self->map, self->len, MADV_DONTNEED);
	fmap_read_counters(&before);
	EXPECT_EQ(pattern(1, 0), self->map[0]);
	fmap_counters_since(&before, &self->d);
	if (fmap_kernel() >= 612) {
		EXPECT_COUNT(1, self->d, fa_pmd_denied_eof);
		EXPECT_COUNT(1, self->d, flt_hit);
	} else {
		EXPECT_COUNT(0, self->d, fa_pmd_denied_eof);
	}
}

static const char *unfit(void)
{
	const char *disk = getenv("FMAP_DISK");

	return lower_is("tmpfs") || (disk && !strcmp(disk, "pmem")) ?
	       "the lower's own ->fault runs" : NULL;
}

FMAP_TEST_MAIN_UNLESS(unfit())

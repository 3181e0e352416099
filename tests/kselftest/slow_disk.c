// SPDX-License-Identifier: GPL-2.0
/*
 * A disk that is slow, broken, or frozen: what ->fault and ->page_mkwrite do
 * while they wait, and when they wait in vain. The disk is compressed memory,
 * which wants pages stable under writeback, or else a file in memory, behind a
 * device-mapper table that each test changes as it needs.
 */
#include <linux/fs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "fmap_mounts.h"
#include "mapping.h"

#define DIR		"/tmp/fmapfs-slow"
#define NAME		"slow.data"
#define DM		"fmapfs-slow"
#define FILE_PAGES	64
#define SECTORS		(64 << 11)

/* HELD: what is not readahead waits until the disk is GOOD again. */
enum state { GOOD, SLOW, BROKEN, HELD };

#define ZRAM		"/dev/zram0"
#define IMAGE		"/dev/shm/fmapfs-slow"

/* What the table leads to: ZRAM or a loop device. */
static char backing[64];

FIXTURE(slow_disk) {
	struct fmap_path lower;
	struct fmap_path mnt;
	struct fmap_counters before;
	struct fmap_counters d;
	size_t page, len;
	int fd;
	unsigned char *map;
};

static bool set_disk(enum state state)
{
	char table[128];

	if (!fmap_sh("dmsetup suspend --noflush --nolockfs --noudevsync %s", DM))
		return false;
	if (state == HELD)
		return true;
	if (state == BROKEN)
		snprintf(table, sizeof(table), "0 %d error", SECTORS);
	else if (state == SLOW)
		snprintf(table, sizeof(table), "0 %d delay %s 0 1000", SECTORS, backing);
	else
		snprintf(table, sizeof(table), "0 %d linear %s 0", SECTORS, backing);
	return fmap_sh("dmsetup reload %s --table '%s'", DM, table) &&
	       fmap_sh("dmsetup resume --noudevsync %s", DM);
}

static const char *disk(void)
{
	FILE *f = popen("dmsetup info -c --noheadings -o minor " DM, "r");
	static char path[32];
	unsigned int minor;

	if (!f || fscanf(f, "%u", &minor) != 1)
		fmap_die("dmsetup info");
	pclose(f);
	snprintf(path, sizeof(path), "/dev/dm-%u", minor);
	return path;
}

static bool is_zram(void)
{
	return !strcmp(backing, ZRAM);
}

static bool make_zram(void)
{
	strcpy(backing, ZRAM);
	return fmap_sh("modprobe -q zram") &&
	       fmap_sh("echo 1 >/sys/block/zram0/reset; echo 64M >/sys/block/zram0/disksize");
}

static bool make_loop(void)
{
	FILE *f;
	bool made;

	if (!fmap_sh("modprobe loop && truncate -s 64M " IMAGE))
		return false;
	f = popen("losetup -f --show " IMAGE, "r");
	made = f && fscanf(f, "%63s", backing) == 1;
	return f && !pclose(f) && made;
}

static bool make_disk(void)
{
	if (!fmap_sh("modprobe -a dm-mod dm-delay"))
		return false;
	if (!make_zram() && !make_loop())
		return false;
	return fmap_sh("dmsetup create --noudevsync %s --table '0 %d linear %s 0'", DM,
		       SECTORS, backing) &&
	       fmap_sh("mkfs.ext4 -q -F -b 4096 -E lazy_itable_init=0 %s", disk());
}

static void remove_disk(void)
{
	fmap_sh("dmsetup remove --noudevsync --retry %s", DM);
	if (is_zram())
		fmap_sh("echo 1 >/sys/block/zram0/reset");
	else
		fmap_sh("losetup -d %s; rm -f " IMAGE, backing);
}

FIXTURE_SETUP(slow_disk)
{
	/* All I/O is ours: a broken disk would end the journal, and it all tests. */
	fmap_own_mount(DIR, "ext4", disk(), "commit=600,barrier=0");
	probe_init();
	self->page = fmap_page();
	self->len = FILE_PAGES * self->page;
	self->lower = fmap_at(fmap_lower(), NAME);
	self->mnt = fmap_at(fmap_mnt(), NAME);
	close(make_file(self->lower.s, self->len, 1));
	ASSERT_EQ(0, fmap_evict(self->lower.s));
	self->fd = open(self->mnt.s, O_RDWR);
	self->map = map_file(self->fd, self->len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	fmap_read_counters(&self->before);
}

FIXTURE_TEARDOWN(slow_disk)
{
	EXPECT_TRUE(set_disk(GOOD));
	munmap(self->map, self->len);
	close(self->fd);
	unlink(self->lower.s);
	EXPECT_EQ(0, fmap_own_umount(DIR));
}

#define COUNT()	fmap_counters_since(&self->before, &self->d)

/* --- it waits, and is killed -------------------------------------------------- */

/* A child that stores to page 0 of a mapping of its own. */
static pid_t child_faults(const FIXTURE_DATA(slow_disk) *self)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		self->map[0] = 1;
		_exit(0);
	}
	return pid;
}

/* Return: did the signal end it? */
static bool kill_and_wait(pid_t pid)
{
	int status;

	usleep(50000);
	kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGKILL;
}

/* Killed while the page is read, and while somebody else reads it. */
static void kill_both(struct __test_metadata *_metadata, FIXTURE_DATA(slow_disk) *self,
		      const char *engine)
{
	pid_t reader, waiter;

	fmap_remount(engine);
	madvise(self->map, self->len, MADV_RANDOM);
	fmap_read_counters(&self->before);
	ASSERT_TRUE(set_disk(HELD));
	reader = child_faults(self);
	EXPECT_TRUE(fmap_wait_for("flt_read_sync", &self->before, 1));
	waiter = child_faults(self);
	EXPECT_TRUE(fmap_wait_for("flt_hit_not_uptodate", &self->before, 1));
	EXPECT_TRUE(kill_and_wait(waiter));
	EXPECT_TRUE(kill_and_wait(reader));
	COUNT();
}

TEST_F(slow_disk, killed_pin)
{
	kill_both(_metadata, self, "engine=pin");
	EXPECT_COUNT(1, self->d, rty_read_killed);
	EXPECT_COUNT(1, self->d, lck_killed_dropped);
	EXPECT_COUNT(1, self->d, rty_killed);
}

TEST_F(slow_disk, killed_hold)
{
	kill_both(_metadata, self, "engine=hold");
	EXPECT_COUNT(1, self->d, err_read_killed);
	EXPECT_COUNT(1, self->d, lck_killed_held);
	EXPECT_COUNT(1, self->d, rty_killed);
}

TEST_F(slow_disk, killed_retry)
{
	kill_both(_metadata, self, "engine=retry");
	EXPECT_COUNT(1, self->d, rty_read_killed);
	EXPECT_COUNT(1, self->d, lck_killed_dropped);
}

/* --- it waits --------------------------------------------------------------- */

/* Fault-around finds what readahead has not brought yet, and leaves it alone. */
TEST_F(slow_disk, read_in_time)
{
	ASSERT_TRUE(set_disk(SLOW));
	EXPECT_EQ(pattern(1, 0), self->map[0]);
	EXPECT_EQ(pattern(1, self->page), self->map[self->page]);
	COUNT();
	EXPECT_COUNT(1, self->d, flt_miss);
	EXPECT_LE(1, self->d.lck_wait_dropped);
	EXPECT_LE(1, self->d.rty_ready);
}

static void *load(void *at)
{
	(void)*(volatile unsigned char *)at;
	return NULL;
}

TEST_F(slow_disk, under_io)
{
	pthread_t thread;

	ASSERT_TRUE(set_disk(SLOW));
	pthread_create(&thread, NULL, load, self->map);
	EXPECT_TRUE(fmap_wait_for("lck_calls", &self->before, 1));
	EXPECT_EQ(pattern(1, self->page), self->map[self->page]);
	pthread_join(thread, NULL);
	COUNT();
	EXPECT_LE(1, self->d.fa_skip_locked);
	EXPECT_LE(2, self->d.lck_wait_dropped);
	EXPECT_COUNT(1, self->d, flt_miss);
}

/* --- it gets nothing ------------------------------------------------------------ */

TEST_F(slow_disk, broken)
{
	ASSERT_TRUE(set_disk(BROKEN));
	EXPECT_EQ(-SIGBUS, probe_read(self->map));
	COUNT();
	EXPECT_COUNT(1, self->d, err_read_eio);
	EXPECT_COUNT(1, self->d, flt_sigbus_io);
	/* What could not be read is in the way of fault-around. */
	EXPECT_EQ(-SIGBUS, probe_read(self->map + self->page));
	COUNT();
	EXPECT_LE(1, self->d.fa_skip_not_uptodate);
	EXPECT_LE(1, self->d.rty_read_err);
	ASSERT_TRUE(set_disk(GOOD));
	EXPECT_EQ(pattern(1, 0), probe_read(self->map));
}

/* --- writes ----------------------------------------------------------------------- */

static unsigned char *dirty_page(const FIXTURE_DATA(slow_disk) *self)
{
	unsigned char *map = map_file(self->fd, self->len, PROT_READ | PROT_WRITE, MAP_SHARED);

	map[0] = 2;
	return map;
}

static void start_writeback(const FIXTURE_DATA(slow_disk) *self)
{
	if (sync_file_range(self->fd, 0, self->page, SYNC_FILE_RANGE_WRITE))
		fmap_die("sync_file_range");
}

TEST_F(slow_disk, stable_page)
{
	unsigned char *map;

	if (!is_zram())
		SKIP(return, "no disk that wants stable pages");
	map = dirty_page(self);
	ASSERT_TRUE(set_disk(SLOW));
	start_writeback(self);
	map[0] = 3;
	COUNT();
	EXPECT_COUNT(2, self->d, mkw_calls);
	EXPECT_COUNT(1, self->d, mkw_stable_wait);
	munmap(map, self->len);
}

/* Reclaim that meets a page under writeback marks it: with the same bit. */
TEST_F(slow_disk, reclaim_is_no_marker)
{
	int tries;

	if (!fmap_group_enter())
		SKIP(return, "no memory cgroup");
	munmap(dirty_page(self), self->len);
	ASSERT_TRUE(set_disk(HELD));
	start_writeback(self);
	for (tries = 0; tries < 10 && !self->d.ara_marker_is_reclaim; tries++) {
		fmap_group_reclaim();
		madvise(self->map, self->page, MADV_DONTNEED);
		self->map[0] = 1;
		COUNT();
	}
	fmap_group_leave();
	EXPECT_COUNT(1, self->d, ara_marker_is_reclaim);
	EXPECT_COUNT(0, self->d, ara_trigger);
}

static int by_msync(int fd, unsigned char *map)
{
	return msync(map, fmap_page(), MS_SYNC) ? errno : 0;
}

static int by_fdatasync(int fd, unsigned char *map)
{
	return fdatasync(fd) ? errno : 0;
}

static int by_write(int fd, unsigned char *map)
{
	struct iovec byte = { .iov_base = "x", .iov_len = 1 };

	return pwritev2(fd, &byte, 1, 0, RWF_DSYNC) == 1 ? 0 : errno;
}

/* Two calls that ask for writeback errors of an open file. */
static const struct {
	const char *name;
	int (*first)(int fd, unsigned char *map);
	int (*then)(int fd, unsigned char *map);
} syncs[] = {
	{ "msync, fdatasync", by_msync, by_fdatasync },
	{ "fdatasync, msync", by_fdatasync, by_msync },
	{ "write, msync", by_write, by_msync },
};

/* The first call that asks is told, the other one is not. */
static void report_once(struct __test_metadata *_metadata, const char *path)
{
	int fd = open(path, O_RDWR);
	unsigned char *map = map_file(fd, fmap_page(), PROT_READ | PROT_WRITE, MAP_SHARED);
	size_t i;

	map[0]++;
	ASSERT_TRUE(set_disk(BROKEN));
	for (i = 0; i < sizeof(syncs) / sizeof(syncs[0]); i++) {
		map[0]++;
		EXPECT_EQ(EIO, syncs[i].first(fd, map));
		EXPECT_EQ(0, syncs[i].then(fd, map)) {
			TH_LOG("%s: %s", path, syncs[i].name);
		}
	}
	ASSERT_TRUE(set_disk(GOOD));
	munmap(map, fmap_page());
	close(fd);
}

/*
 * Meanwhile nothing is written that nobody asks for: on a slow machine it would be time
 * for metadata, and the journal would end with its error.
 */
TEST_F(slow_disk, reported_once)
{
	const char *interval = "/proc/sys/vm/dirty_writeback_centisecs";
	long long before = fmap_read_number(interval);
	char text[32];

	snprintf(text, sizeof(text), "%lld", before);
	ASSERT_EQ(0, fmap_write_file(interval, "0"));
	report_once(_metadata, self->lower.s);
	report_once(_metadata, self->mnt.s);
	EXPECT_EQ(0, fmap_write_file(interval, text));
}

static void *store(void *at)
{
	*(volatile unsigned char *)at = 4;
	return NULL;
}

TEST_F(slow_disk, frozen)
{
	unsigned char *map = dirty_page(self);
	pthread_t thread;
	int dir = open(fmap_lower(), O_RDONLY);

	ASSERT_LE(0, dir);
	ASSERT_EQ(0, ioctl(dir, FIFREEZE, 0));
	pthread_create(&thread, NULL, store, map + self->page);
	EXPECT_TRUE(fmap_wait_for("mkw_freeze_wait", &self->before, 1));
	EXPECT_EQ(0, ioctl(dir, FITHAW, 0));
	pthread_join(thread, NULL);
	COUNT();
	EXPECT_COUNT(1, self->d, mkw_freeze_wait);
	EXPECT_EQ(4, map[self->page]);
	munmap(map, self->len);
	close(dir);
}

/* One disk for all tests. */
static const char *unfit(void)
{
	if (access("/usr/sbin/dmsetup", X_OK) && access("/sbin/dmsetup", X_OK))
		return "no dmsetup";
	if (!make_disk()) {
		remove_disk();
		return "no device mapper, or no disk for it";
	}
	fmap_at_end(remove_disk);
	return NULL;
}

FMAP_TEST_MAIN_UNLESS(unfit())

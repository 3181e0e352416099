// SPDX-License-Identifier: GPL-2.0
/*
 * Lower filesystems of which a part stays theirs: tmpfs and DAX have a ->fault
 * of their own, ramfs and vfat use filemap_page_mkwrite(), overlayfs moves the
 * mapping on. Each is mounted here, whatever the guest's own is.
 */
#include <pthread.h>

#include "fmap_mounts.h"
#include "mapping.h"

#define DIR	"/tmp/fmapfs-delegated"
#define NAME	"delegated.data"
#define PAGES	64

FIXTURE(delegated) {
	struct fmap_path path;
	struct fmap_counters before;
	struct fmap_counters d;
	size_t page;
	int fd;
	size_t len;
	unsigned char *map;
};

FIXTURE_SETUP(delegated)
{
	probe_init();
	self->page = fmap_page();
}

FIXTURE_TEARDOWN(delegated)
{
	if (!self->map)
		return;
	munmap(self->map, self->len);
	close(self->fd);
	unlink(self->path.s);
	EXPECT_EQ(0, fmap_own_umount(DIR));
}

#define COUNT()	fmap_counters_since(&self->before, &self->d)

/* A file of @len bytes on a mount over @type, mapped from slot @slot on. */
static void use(FIXTURE_DATA(delegated) *self, const char *type, const char *device,
		const char *options, size_t len, unsigned int slot)
{
	fmap_own_mount(DIR, type, device, options);
	fmap_remount_plain();
	self->len = len;
	self->path = fmap_at(fmap_mnt(), NAME);
	close(make_file(self->path.s, len, 1));
	self->fd = open(self->path.s, O_RDWR);
	if (self->fd < 0)
		fmap_die("%s", self->path.s);
	fmap_read_counters(&self->before);
	self->map = fmap_map_at_slot(self->fd, 0, len, PROT_READ | PROT_WRITE, MAP_SHARED,
				     slot);
}

/* --- tmpfs -------------------------------------------------------------------- */

TEST_F(delegated, tmpfs)
{
	use(self, "tmpfs", "none", "", PAGES * self->page, 0);
	self->map[0] = 1;
	EXPECT_EQ(pattern(1, self->page), self->map[self->page]);
	/* A hole has no page: fault-around finds none, the lower makes one. */
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	ASSERT_EQ(0, ftruncate(self->fd, self->len));
	EXPECT_EQ(0, self->map[10 * self->page]);
	EXPECT_EQ(-SIGBUS, (ftruncate(self->fd, 0), probe_read(self->map + self->page)));
	COUNT();
	EXPECT_COUNT(3, self->d, dlg_lower_fault);
	EXPECT_COUNT(3, self->d, flt_delegated);
	EXPECT_LE(1, self->d.low_locked_minor);
	EXPECT_COUNT(1, self->d, low_sigbus);
	EXPECT_COUNT(0, self->d, mkw_calls);
}

#define SKIP_UNLESS_HUGE(huge) \
	if (access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK)) \
		SKIP(return, "no huge pages"); \
	use(self, "tmpfs", "none", "huge=always", 2 * fmap_table_bytes(), huge); \
	ASSERT_EQ(0, madvise(self->map, self->len, MADV_HUGEPAGE))

/* All of a page table at once, as a huge page. */
TEST_F(delegated, huge_page)
{
	SKIP_UNLESS_HUGE(0);
	EXPECT_EQ(pattern(1, 0), self->map[0]);
	COUNT();
	EXPECT_COUNT(1, self->d, fa_calls);
	EXPECT_COUNT(1, self->d, fa_pmd_mapped);
}

/* Not where the mapping is not aligned as the page is. */
TEST_F(delegated, huge_page_not_aligned)
{
	SKIP_UNLESS_HUGE(5);
	EXPECT_EQ(pattern(1, 0), self->map[0]);
	COUNT();
	EXPECT_COUNT(0, self->d, fa_pmd_mapped);
	EXPECT_COUNT(1, self->d, fa_pmd_fallback);
	EXPECT_LT(1, self->d.fa_mapped);
}

static void *load(void *at)
{
	(void)*(volatile unsigned char *)at;
	return NULL;
}

/* Another thread has mapped it while this one was on its way. */
TEST_F(delegated, huge_page_already)
{
	pthread_t thread;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one processor");
	SKIP_UNLESS_HUGE(0);
	fmap_arm("around_late 1");
	pthread_create(&thread, NULL, load, self->map + self->page);
	EXPECT_TRUE(fmap_wait_for("trg_fired", &self->before, 1));
	EXPECT_EQ(pattern(1, 0), self->map[0]);
	fmap_arm("off");
	pthread_join(thread, NULL);
	COUNT();
	EXPECT_COUNT(1, self->d, fa_pmd_mapped);
	EXPECT_COUNT(1, self->d, fa_pmd_already_huge);
}

/* --- broken memory ---------------------------------------------------------------- */

/* The one who asks for it is told by SIGBUS. */
static void poison(unsigned char *at)
{
	if (!sigsetjmp(probe_jump, 1)) {
		probing = 1;
		madvise(at, fmap_page(), MADV_HWPOISON);
	}
	probing = 0;
}

#define SKIP_UNLESS_POISON() \
	if (madvise(NULL, 0, MADV_HWPOISON)) \
		SKIP(return, "no MADV_HWPOISON")

/*
 * ramfs cannot give a page back, so that a broken one stays in the file. What
 * maps it next is told so; what is around it is mapped.
 */
TEST_F(delegated, poisoned)
{
	unsigned char *map;

	SKIP_UNLESS_POISON();
	use(self, "ramfs", "none", "", PAGES * self->page, 0);
	EXPECT_EQ(pattern(1, 3 * self->page), self->map[3 * self->page]);
	poison(self->map + 3 * self->page);
	map = map_file(self->fd, self->len, PROT_READ | PROT_WRITE, MAP_SHARED);
	EXPECT_EQ(pattern(1, 4 * self->page), probe_read(map + 4 * self->page));
	EXPECT_EQ(-SIGBUS, probe_read(map + 3 * self->page));
	COUNT();
	EXPECT_LE(1, self->d.fa_skip_hwpoison);
	EXPECT_LE(1, self->d.flt_done_hwpoison);
	munmap(map, self->len);
}

struct load {
	const unsigned char *at;
	int got;
};

static void *probe_load(void *arg)
{
	struct load *load = arg;

	load->got = probe_read(load->at);
	return NULL;
}

/* It breaks between the two looks that install=insert takes at it. */
TEST_F(delegated, poisoned_in_between)
{
	struct load load;
	unsigned char *map;
	pthread_t thread;

	SKIP_UNLESS_POISON();
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2 || !fmap_page_tables_stay())
		SKIP(return, "nothing is inserted, or by nobody else");
	use(self, "ramfs", "none", "", PAGES * self->page, 0);
	fmap_remount("install=insert");
	map = fmap_map_at_slot(self->fd, 0, self->len, PROT_READ | PROT_WRITE, MAP_SHARED,
			       0);
	/* There is a page table to insert into. */
	map[60 * self->page] = 1;
	EXPECT_EQ(pattern(1, 0), self->map[0]);
	fmap_read_counters(&self->before);
	load.at = map;
	fmap_arm("insert_late 1");
	pthread_create(&thread, NULL, probe_load, &load);
	EXPECT_TRUE(fmap_wait_for("trg_fired", &self->before, 1));
	poison(self->map);
	fmap_arm("off");
	pthread_join(thread, NULL);
	COUNT();
	EXPECT_EQ(-SIGBUS, load.got);
	EXPECT_LE(1, self->d.fa_skip_hwpoison);
	munmap(map, self->len);
}

/* --- a ->page_mkwrite that is ours --------------------------------------------------- */

TEST_F(delegated, own_mkwrite)
{
	use(self, "ramfs", "none", "", PAGES * self->page, 0);
	EXPECT_EQ(pattern(1, 0), self->map[0]);
	self->map[0] = 1;
	self->map[20 * self->page] = 1;
	COUNT();
	EXPECT_COUNT(2, self->d, mkw_own);
	EXPECT_COUNT(2, self->d, mkw_locked);
	EXPECT_COUNT(1, self->d, mkw_from_wp);
	EXPECT_COUNT(1, self->d, mkw_from_fault);
	EXPECT_COUNT(0, self->d, dlg_lower_fault);
}

static void *store(void *at)
{
	return (void *)(long)probe_write(at, 1);
}

/* Cut off before it is ours to write to. */
TEST_F(delegated, own_mkwrite_truncated)
{
	pthread_t thread;
	void *got;

	use(self, "ramfs", "none", "", PAGES * self->page, 0);
	fmap_arm("pause_mkwrite 1");
	pthread_create(&thread, NULL, store, self->map + 5 * self->page);
	EXPECT_TRUE(fmap_wait_for("trg_fired", &self->before, 1));
	ASSERT_EQ(0, ftruncate(self->fd, self->page));
	pthread_join(thread, &got);
	COUNT();
	EXPECT_EQ(-SIGBUS, (long)got);
	EXPECT_COUNT(1, self->d, mkw_nopage);
	EXPECT_COUNT(1, self->d, mkw_truncated);
	EXPECT_COUNT(1, self->d, mkw_eof);
	EXPECT_COUNT(1, self->d, flt_sigbus_eof_pre);
}

/* --- a mapping that moves on ------------------------------------------------------------ */

TEST_F(delegated, overlay)
{
	const char *base = "/tmp/fmapfs-overlay";

	if (!fmap_sh("modprobe -q overlay || grep -qw overlay /proc/filesystems"))
		SKIP(return, "no overlayfs");
	mkdir(base, 0755);
	if (mount("none", base, "tmpfs", 0, NULL))
		fmap_die("%s", base);
	ASSERT_TRUE(fmap_sh("cd %s && mkdir one upper work", base));
	use(self, "overlay", "none", "lowerdir=/tmp/fmapfs-overlay/one,"
	    "upperdir=/tmp/fmapfs-overlay/upper,workdir=/tmp/fmapfs-overlay/work",
	    PAGES * self->page, 0);
	EXPECT_EQ(pattern(1, 0), self->map[0]);
	COUNT();
	EXPECT_COUNT(1, self->d, map_delegated);
	EXPECT_COUNT(0, self->d, flt_calls);
	munmap(self->map, self->len);
	close(self->fd);
	unlink(self->path.s);
	self->map = NULL;
	EXPECT_EQ(0, fmap_own_umount(DIR));
	EXPECT_EQ(0, umount(base));
	rmdir(base);
}

/* --- DAX ------------------------------------------------------------------------------- */

/* Memory as a disk: scripts/vm/run -d pmem. There is no page cache to count in. */
TEST_F(delegated, dax)
{
	const char *lower = fmap_lower();
	struct fmap_path path = fmap_at(fmap_mnt(), NAME);
	unsigned char *map;
	int fd;

	if (!getenv("FMAP_DISK") || strcmp(getenv("FMAP_DISK"), "pmem"))
		SKIP(return, "not on a DAX device");
	close(make_file(fmap_at(lower, NAME).s, PAGES * self->page, 1));
	fd = open(path.s, O_RDWR);
	ASSERT_LE(0, fd);
	map = map_file(fd, PAGES * self->page, PROT_READ | PROT_WRITE, MAP_SHARED);
	fmap_read_counters(&self->before);
	EXPECT_EQ(pattern(1, self->page), map[self->page]);
	map[2 * self->page] = 1;
	EXPECT_EQ(pattern(1, 2 * self->page + 1), map[2 * self->page + 1]);
	map[self->page] = 1;
	ASSERT_EQ(0, ftruncate(fd, self->page));
	EXPECT_EQ(-SIGBUS, probe_read(map + 3 * self->page));
	COUNT();
	EXPECT_LE(3, self->d.dlg_lower_fault);
	EXPECT_COUNT(self->d.flt_calls, self->d, flt_delegated);
	EXPECT_LE(2, self->d.low_other);
	EXPECT_COUNT(1, self->d, low_sigbus);
	EXPECT_COUNT(0, self->d, fa_calls);
	munmap(map, PAGES * self->page);
	close(fd);
	unlink(path.s);
}

FMAP_TEST_MAIN

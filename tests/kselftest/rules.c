// SPDX-License-Identifier: GPL-2.0
/*
 * Policies by path: which rule holds for a file, when, and what is no rule.
 * What holds is seen in how much a fault maps, and in what readahead does.
 */
#include <sys/klog.h>
#include <sys/syscall.h>

#include "mapping.h"

/* By number: C libraries are late with these. */
#ifndef SYS_fspick
#define SYS_fsconfig	431
#define SYS_fspick	433
#endif
#define SET_STRING	1
#define RECONFIGURE	7

#define FILE_PAGES	64

/* Of a mapping whose page table begins with it. */
#define KERNEL_WINDOW	16

FIXTURE(rules) {
	size_t page, len;
};

static int add(const char *rule)
{
	struct fmap_path path = fmap_at(fmap_env("FMAP_DEBUGFS"), "rules");

	return fmap_write_file(path.s, rule);
}

/* All rules, as the file lists them. */
static const char *listed(void)
{
	struct fmap_path path = fmap_at(fmap_env("FMAP_DEBUGFS"), "rules");
	static char text[4096];
	int fd = open(path.s, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void make_warm(const FIXTURE_DATA(rules) *self, const char *name)
{
	close(make_file(path_in(fmap_lower(), name), self->len, 1));
	fmap_warm(path_in(fmap_lower(), name));
}

static unsigned char *map_whole(const FIXTURE_DATA(rules) *self, const char *name)
{
	int fd = open(path_in(fmap_mnt(), name), O_RDONLY);
	unsigned char *map;

	if (fd < 0)
		fmap_die("%s", name);
	map = fmap_map_at_slot(fd, 0, self->len, PROT_READ, MAP_PRIVATE, 0);
	close(fd);
	return map;
}

/* How many pages does a fault on page @at map now? */
static long long window_of(unsigned char *map, size_t at)
{
	struct fmap_counters before, d;

	madvise(map, FILE_PAGES * fmap_page(), MADV_DONTNEED);
	fmap_read_counters(&before);
	(void)*(volatile unsigned char *)(map + at * fmap_page());
	fmap_counters_since(&before, &d);
	return d.fa_pages;
}

/* ... of a file that is opened now. */
static long long window_in(const FIXTURE_DATA(rules) *self, const char *name)
{
	unsigned char *map = map_whole(self, name);
	long long window = window_of(map, 20);

	munmap(map, self->len);
	return window;
}

FIXTURE_SETUP(rules)
{
	fmap_remount_plain();
	self->page = fmap_page();
	self->len = FILE_PAGES * self->page;
	ASSERT_EQ(0, add("clear"));
	mkdir(path_in(fmap_lower(), "rules.d"), 0755);
	make_warm(self, "a.sst");
	make_warm(self, "a.dat");
	make_warm(self, "rules.d/b.sst");
}

FIXTURE_TEARDOWN(rules)
{
	EXPECT_EQ(0, add("clear"));
	fmap_remount_plain();
	unlink(path_in(fmap_lower(), "a.sst"));
	unlink(path_in(fmap_lower(), "a.dat"));
	unlink(path_in(fmap_lower(), "rules.d/b.sst"));
	rmdir(path_in(fmap_lower(), "rules.d"));
}

TEST_F(rules, by_name)
{
	ASSERT_EQ(0, add("*.sst around=off\n"));
	EXPECT_EQ(1, window_in(self, "a.sst"));
	EXPECT_EQ(1, window_in(self, "rules.d/b.sst"));
	EXPECT_EQ(KERNEL_WINDOW, window_in(self, "a.dat"));
}

TEST_F(rules, by_directory)
{
	ASSERT_EQ(0, add("/rules.d/* around=32k"));
	EXPECT_EQ(KERNEL_WINDOW, window_in(self, "a.sst"));
	EXPECT_EQ(8, window_in(self, "rules.d/b.sst"));
}

TEST_F(rules, first_match_wins)
{
	ASSERT_EQ(0, add("/a.* around=16k"));
	ASSERT_EQ(0, add("*.sst around=off"));
	ASSERT_EQ(0, add("* around=32k"));
	EXPECT_EQ(4, window_in(self, "a.sst"));
	EXPECT_EQ(4, window_in(self, "a.dat"));
	EXPECT_EQ(1, window_in(self, "rules.d/b.sst"));
	EXPECT_EQ(0, strcmp("/a.* around=16k\n*.sst around=off\n* around=32k\n", listed()));
	ASSERT_EQ(0, add("remove /a.*"));
	EXPECT_EQ(1, window_in(self, "a.sst"));
	EXPECT_EQ(8, window_in(self, "a.dat"));
	EXPECT_EQ(-1, add("remove /a.*"));
	EXPECT_EQ(ENOENT, errno);
	ASSERT_EQ(0, add("clear"));
	EXPECT_EQ(0, strcmp("", listed()));
	EXPECT_EQ(KERNEL_WINDOW, window_in(self, "a.sst"));
}

TEST_F(rules, while_mapped)
{
	unsigned char *map = map_whole(self, "a.sst");

	EXPECT_EQ(KERNEL_WINDOW, window_of(map, 20));
	ASSERT_EQ(0, add("*.sst around=off"));
	EXPECT_EQ(1, window_of(map, 20));
	ASSERT_EQ(0, add("remove *.sst"));
	EXPECT_EQ(KERNEL_WINDOW, window_of(map, 20));
	ASSERT_EQ(0, add("*.sst around=64k"));
	ASSERT_EQ(0, rename(path_in(fmap_mnt(), "a.sst"), path_in(fmap_mnt(), "a.new")));
	ASSERT_EQ(0, add("*.new around=off"));
	EXPECT_EQ(1, window_of(map, 20));
	ASSERT_EQ(0, unlink(path_in(fmap_mnt(), "a.new")));
	/* Without a name it keeps what it had. */
	ASSERT_EQ(0, add("clear"));
	EXPECT_EQ(1, window_of(map, 20));
	munmap(map, self->len);
}

/* What a rule does not say is the mount's, whatever that is later. */
TEST_F(rules, and_the_mount)
{
	unsigned char *ruled = map_whole(self, "a.sst"), *other = map_whole(self, "a.dat");

	ASSERT_EQ(0, add("*.sst around=32k"));
	fmap_remount("around=off");
	EXPECT_EQ(8, window_of(ruled, 20));
	EXPECT_EQ(1, window_of(other, 20));
	ASSERT_EQ(0, add("clear"));
	ASSERT_EQ(0, add("*.sst readahead=off"));
	EXPECT_EQ(1, window_of(ruled, 20));
	fmap_remount("around=16k");
	EXPECT_EQ(4, window_of(ruled, 20));
	munmap(ruled, self->len);
	munmap(other, self->len);
}

TEST_F(rules, readahead)
{
	struct fmap_counters before, d;
	unsigned char *map;

	if (lower_is("tmpfs"))
		SKIP(return, "nothing is read on tmpfs");
	ASSERT_EQ(0, add("*.sst readahead=off around=16k"));
	ASSERT_EQ(0, fmap_evict(path_in(fmap_lower(), "a.sst")));
	map = map_whole(self, "a.sst");
	fmap_read_counters(&before);
	EXPECT_EQ(pattern(1, 30 * self->page), map[30 * self->page]);
	fmap_counters_since(&before, &d);
	EXPECT_COUNT(1, d, flt_miss);
	EXPECT_COUNT(1, d, sra_skip_policy);
	munmap(map, self->len);
	EXPECT_EQ(1, fmap_resident(path_in(fmap_lower(), "a.sst")));
}

/* As /proc/mounts tells it: remount takes it again. */
static bool shown(const char *option)
{
	FILE *f = fopen("/proc/mounts", "r");
	char line[4096];
	bool found = false;

	while (f && fgets(line, sizeof(line), f))
		found |= strstr(line, fmap_mnt()) && strstr(line, option);
	fclose(f);
	return found;
}

TEST_F(rules, as_options)
{
	fmap_remount("rule=*.sst:around=off,rule=/rules.d/*:around=32k:readahead=off");
	EXPECT_EQ(1, window_in(self, "rules.d/b.sst"));
	EXPECT_TRUE(shown(",rule=*.sst:around=off,rule=/rules.d/*:around=32k:readahead=off"));
	/* What names no rule leaves them alone. */
	fmap_remount("around=16k");
	EXPECT_EQ(1, window_in(self, "a.sst"));
	EXPECT_EQ(4, window_in(self, "a.dat"));
	fmap_remount("rule=*.dat:around=off");
	EXPECT_EQ(4, window_in(self, "a.sst"));
	EXPECT_EQ(1, window_in(self, "a.dat"));
	EXPECT_EQ(0, strcmp("*.dat around=off\n", listed()));
	ASSERT_EQ(0, add("/a,b:* around=off"));
	EXPECT_TRUE(shown(",rule=/a\\054b:*:around=off"));
}

/* Of two remounts at a time, each changes what it names. */
TEST_F(rules, remounts_do_not_undo_each_other)
{
	int fs = syscall(SYS_fspick, AT_FDCWD, fmap_mnt(), 0);

	ASSERT_LE(0, fs);
	fmap_remount("engine=pin,around=off");
	ASSERT_EQ(0, syscall(SYS_fsconfig, fs, SET_STRING, "engine", "hold", 0));
	fmap_remount("around=16k");
	ASSERT_EQ(0, syscall(SYS_fsconfig, fs, RECONFIGURE, NULL, NULL, 0));
	close(fs);
	EXPECT_TRUE(shown(",engine=hold,"));
	EXPECT_EQ(4, window_in(self, "a.dat"));
}

static bool logged(const char *text)
{
	static char log[1 << 18];
	int n = klogctl(3, log, sizeof(log) - 1);

	log[n > 0 ? n : 0] = '\0';
	return strstr(log, text);
}

TEST_F(rules, refused)
{
	static const struct {
		const char *rule;
		const char *why;
	} bad[] = {
		{ "*.sst", "no policy" },
		{ "*.bad around=3k", "a value that the option does not take" },
		{ "*.bad around=off around=16k", "a policy is given twice" },
		{ "*.bad engine=hold", "only around= and readahead=" },
		{ "*.bad around=off speed=high", "only around= and readahead=" },
		{ "bad/* around=off", "the glob matches no path" },
		{ " around=off", "no policy" },
		{ "*.one around=off\n*.two around=off", "one at a time" },
	};
	char many[400];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		EXPECT_EQ(-1, add(bad[i].rule));
		EXPECT_EQ(EINVAL, errno) {
			TH_LOG("'%s'", bad[i].rule);
		}
		EXPECT_TRUE(logged(bad[i].why));
	}
	memset(many, 'x', sizeof(many));
	many[0] = '/';
	strcpy(many + 300, " around=off");
	EXPECT_EQ(-1, add(many));
	EXPECT_EQ(EINVAL, errno);
	for (i = 0; i < 256; i++) {
		snprintf(many, sizeof(many), "/%zu around=off", i);
		ASSERT_EQ(0, add(many));
	}
	EXPECT_EQ(-1, add("/one/more around=off"));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(KERNEL_WINDOW, window_in(self, "a.sst"));
	ASSERT_EQ(0, add("clear"));
	EXPECT_EQ(-1, mount("none", fmap_mnt(), NULL, MS_REMOUNT,
			    "around=off,rule=*.sst:around=3k"));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_TRUE(logged("rule=*.sst:around=3k: a value that the option does not take"));
	EXPECT_EQ(KERNEL_WINDOW, window_in(self, "a.sst"));
}

FMAP_TEST_MAIN

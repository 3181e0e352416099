// SPDX-License-Identifier: GPL-2.0
/*
 * Permissions are those of the lower files, as with a bind mount: what a chmod
 * or chown below forbids is forbidden above at once, whatever was cached, and
 * every user gets the same answer by both paths.
 */
#include <dirent.h>
#include <grp.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "mapping.h"

#define DIR_NAME	"permission"

#define OWNER		1000
#define GROUP		1000
#define STRANGER	1001

static const struct user {
	const char *name;
	uid_t uid;
	gid_t gid;
} users[] = {
	{ "root", 0, 0 },
	{ "owner", OWNER, GROUP },
	{ "group", STRANGER, GROUP },
	{ "other", STRANGER, STRANGER },
};

#define NR_USERS	(sizeof(users) / sizeof(users[0]))

/* Capabilities come and go with the uid; the saved one is root's way back. */
static void become(const struct user *u)
{
	gid_t gid = u->gid;

	if (setresuid(0, 0, 0) || setgroups(1, &gid) ||
	    setresgid(gid, gid, 0) || setresuid(u->uid, u->uid, 0))
		fmap_die("becoming %s", u->name);
}

static const char *dir_of(enum side side)
{
	return path_in(side_dir(side), DIR_NAME);
}

static const char *file_of(enum side side)
{
	return path_in(dir_of(side), "file");
}

static bool modes_work(void)
{
	return !lower_is("vfat");
}

/* The directory and the file anew, below, by root. */
static void make_tree(mode_t dir_mode, mode_t file_mode)
{
	const char *dir = dir_of(LOWER), *file = file_of(LOWER);
	int fd;

	become(&users[0]);
	unlink(path_in(dir, "new"));
	rmdir(path_in(dir, "new"));
	unlink(path_in(dir, "link"));
	if (mkdir(dir, 0755) && errno != EEXIST)
		fmap_die("%s", dir);
	fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, "content", 7) != 7)
		fmap_die("%s", file);
	close(fd);
	/* As far as the lower filesystem has owners and modes. */
	if ((chown(dir, OWNER, GROUP) | chown(file, OWNER, GROUP) |
	     chmod(file, file_mode) | chmod(dir, dir_mode)) && modes_work())
		fmap_die("chown and chmod");
}

static void remove_tree(void)
{
	make_tree(0755, 0644);
	unlink(file_of(LOWER));
	rmdir(dir_of(LOWER));
}

/* --- the same answers --------------------------------------------------------- */

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags, 0666);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int try_file(const char *dir, const char *file, int i)
{
	struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 2 } };
	struct stat st;
	char buf[16];
	DIR *d;

	switch (i) {
	case 0: return access(file, F_OK);
	case 1: return access(file, R_OK);
	case 2: return access(file, W_OK);
	case 3: return access(file, X_OK);
	case 4: return faccessat(AT_FDCWD, file, R_OK | W_OK, AT_EACCESS);
	case 5: return try_open(file, O_RDONLY);
	case 6: return try_open(file, O_WRONLY);
	case 7: return try_open(file, O_RDWR);
	case 8: return try_open(file, O_WRONLY | O_APPEND);
	case 9: return try_open(file, O_RDONLY | O_NOATIME);
	case 10: return try_open(file, O_WRONLY | O_TRUNC);
	case 11: return try_open(file, O_PATH);
	case 12: return try_open(file, O_RDWR | O_CREAT);
	case 13: return try_open(file, O_RDWR | O_CREAT | O_EXCL);
	case 14: return truncate(file, 3);
	case 15: return stat(file, &st);
	case 16: return utimensat(AT_FDCWD, file, NULL, 0);
	case 17: return utimensat(AT_FDCWD, file, times, 0);
	case 18: return chmod(file, 0751);
	case 19: return chown(file, -1, GROUP);
	case 20: return chown(file, STRANGER, -1);
	case 21: return link(file, path_in(dir, "link"));
	case 22: return rename(file, path_in(dir, "new"));
	case 23: return unlink(file);
	case 24: return mkdir(path_in(dir, "new"), 0777);
	case 25: return try_open(path_in(dir, "new"), O_WRONLY | O_CREAT);
	case 26: return symlink("x", path_in(dir, "link"));
	case 27: return try_open(dir, O_RDONLY | O_DIRECTORY);
	case 28: return readlink(dir, buf, sizeof(buf)) < 0 ? -1 : 0;
	case 29: return access(dir, R_OK | W_OK | X_OK);
	case 30: return setxattr(file, "user.a", "b", 1, 0);
	case 31: return mknod(path_in(dir, "new"), S_IFIFO | 0600, 0);
	case 32: return mknod(path_in(dir, "new"), S_IFCHR | 0600, makedev(1, 3));
	case 33:
		d = opendir(dir);
		if (d)
			closedir(d);
		return d ? 0 : -1;
	default:
		fmap_die("no such try");
	}
}

#define NR_TRIES	34

/* What a try gave, and the state that it left, in one number. */
static long outcome(enum side side, const struct user *u, int try)
{
	const char *dir = dir_of(side), *file = file_of(side);
	struct stat st = { 0 };
	long ret;

	become(u);
	ret = try_file(dir, file, try) ? -errno : 0;
	become(&users[0]);
	if (!lstat(path_in(dir_of(LOWER), "new"), &st) || !lstat(file_of(LOWER), &st))
		ret += 1000L * st.st_mode + 100000000L * (st.st_uid * 3 + st.st_gid);
	return ret;
}

static void compare(struct __test_metadata *_metadata, mode_t dir_mode, mode_t mode)
{
	unsigned int i, try;

	for (i = 0; i < NR_USERS; i++) {
		for (try = 0; try < NR_TRIES; try++) {
			long below, above;

			make_tree(dir_mode, mode);
			below = outcome(LOWER, &users[i], try);
			make_tree(dir_mode, mode);
			above = outcome(FMAP, &users[i], try);
			EXPECT_EQ(below, above) {
				TH_LOG("try %u by %s, directory %o, file %o", try,
				       users[i].name, dir_mode, mode);
			}
		}
	}
}

/* One more of root, whose saved uid no test must lose. */
static void need_root(void)
{
	umask(022);
	become(&users[0]);
}

TEST(same_answers_by_file_mode)
{
	const mode_t modes[] = { 0, 0400, 0200, 0100, 0644, 0640, 0604, 0755, 06777 };
	unsigned int i;

	need_root();
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		compare(_metadata, 0777, modes[i]);
	remove_tree();
}

TEST(same_answers_by_directory_mode)
{
	const mode_t modes[] = { 0, 0100, 0300, 0500, 0755, 0711, 0733, 01777, 02777 };
	unsigned int i;

	need_root();
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		compare(_metadata, modes[i], 0666);
	remove_tree();
}

/* --- at once -------------------------------------------------------------------- */

#define AS(user, expression) ({ \
	long __ret; \
	become(&users[user]); \
	__ret = (expression) ? -errno : 0; \
	become(&users[0]); \
	__ret; \
})

#define OTHER	3

TEST(chmod_below_counts_above_at_once)
{
	int i;

	if (!modes_work())
		SKIP(return, "the lower filesystem has no modes");
	need_root();
	make_tree(0755, 0644);
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(0, AS(OTHER, try_open(file_of(FMAP), O_RDONLY)));
		EXPECT_EQ(0, AS(OTHER, access(file_of(FMAP), R_OK)));
		ASSERT_EQ(0, chmod(file_of(LOWER), 0600));
		EXPECT_EQ(-EACCES, AS(OTHER, try_open(file_of(FMAP), O_RDONLY)));
		EXPECT_EQ(-EACCES, AS(OTHER, access(file_of(FMAP), R_OK)));
		ASSERT_EQ(0, chmod(file_of(LOWER), 0644));
	}
	remove_tree();
}

TEST(directory_below_counts_above_at_once)
{
	struct stat st;

	if (!modes_work())
		SKIP(return, "the lower filesystem has no modes");
	need_root();
	make_tree(0755, 0644);
	EXPECT_EQ(0, AS(OTHER, stat(file_of(FMAP), &st)));
	ASSERT_EQ(0, chmod(dir_of(LOWER), 0744));
	EXPECT_EQ(-EACCES, AS(OTHER, stat(file_of(FMAP), &st)));
	EXPECT_EQ(-EACCES, AS(OTHER, try_open(file_of(FMAP), O_RDONLY)));
	EXPECT_EQ(0, AS(OTHER, try_open(dir_of(FMAP), O_RDONLY)));
	ASSERT_EQ(0, chmod(dir_of(LOWER), 0711));
	EXPECT_EQ(0, AS(OTHER, stat(file_of(FMAP), &st)));
	EXPECT_EQ(-EACCES, AS(OTHER, try_open(dir_of(FMAP), O_RDONLY)));
	remove_tree();
}

TEST(owner_below_counts_above_at_once)
{
	if (!modes_work())
		SKIP(return, "the lower filesystem has no owners");
	need_root();
	make_tree(0755, 0600);
	EXPECT_EQ(-EACCES, AS(OTHER, try_open(file_of(FMAP), O_RDWR)));
	ASSERT_EQ(0, chown(file_of(LOWER), STRANGER, GROUP));
	EXPECT_EQ(0, AS(OTHER, try_open(file_of(FMAP), O_RDWR)));
	EXPECT_EQ(0, AS(OTHER, chmod(file_of(FMAP), 0640)));
	EXPECT_EQ(-EPERM, AS(1, chmod(file_of(FMAP), 0666)));
	EXPECT_EQ(0, AS(1, try_open(file_of(FMAP), O_RDONLY)));
	ASSERT_EQ(0, chown(file_of(LOWER), OWNER, OWNER));
	EXPECT_EQ(-EACCES, AS(OTHER, try_open(file_of(FMAP), O_RDONLY)));
	remove_tree();
}

TEST(chmod_above_counts_below)
{
	struct stat st;

	if (!modes_work())
		SKIP(return, "the lower filesystem has no modes");
	need_root();
	make_tree(0755, 0644);
	ASSERT_EQ(0, chmod(file_of(FMAP), 0600));
	EXPECT_EQ(-EACCES, AS(OTHER, try_open(file_of(LOWER), O_RDONLY)));
	ASSERT_EQ(0, chown(file_of(FMAP), STRANGER, STRANGER));
	ASSERT_EQ(0, stat(file_of(LOWER), &st));
	EXPECT_EQ(0600U, st.st_mode & 07777);
	EXPECT_EQ((uid_t)STRANGER, st.st_uid);
	EXPECT_EQ((gid_t)STRANGER, st.st_gid);
	EXPECT_EQ(0, AS(OTHER, try_open(file_of(LOWER), O_RDWR)));
	remove_tree();
}

/* What is open and mapped stays so, as in any filesystem. */
TEST(open_file_and_mapping_stay)
{
	unsigned char *map;
	char c;
	int fd;

	if (!modes_work())
		SKIP(return, "the lower filesystem has no modes");
	need_root();
	make_tree(0777, 0666);
	become(&users[OTHER]);
	fd = open(file_of(FMAP), O_RDWR);
	ASSERT_LE(0, fd);
	map = map_file(fd, fmap_page(), PROT_READ | PROT_WRITE, MAP_SHARED);
	become(&users[0]);
	chmod(file_of(LOWER), 0);
	become(&users[OTHER]);
	EXPECT_EQ(1, pread(fd, &c, 1, 0));
	EXPECT_EQ('c', map[0]);
	map[0] = 'C';
	EXPECT_EQ(1, pwrite(fd, "O", 1, 1));
	EXPECT_EQ('O', map[1]);
	become(&users[0]);
	munmap(map, fmap_page());
	close(fd);
	remove_tree();
}

/* A stranger's store takes the set-uid bit away, by any way of writing. */
TEST(writing_takes_setuid_away)
{
	struct stat st;
	int fd, i;

	if (!modes_work())
		SKIP(return, "the lower filesystem has no modes");
	need_root();
	for (i = 0; i < 3; i++) {
		make_tree(0777, 06777);
		become(&users[OTHER]);
		fd = open(file_of(FMAP), O_RDWR | (i == 2 ? O_TRUNC : 0));
		ASSERT_LE(0, fd);
		if (i == 0) {
			EXPECT_EQ(1, write(fd, "x", 1));
		} else if (i == 1) {
			EXPECT_EQ(0, ftruncate(fd, 1));
		}
		become(&users[0]);
		ASSERT_EQ(0, stat(file_of(FMAP), &st));
		EXPECT_EQ(0777U, st.st_mode & 07777) {
			TH_LOG("after way %d", i);
		}
		ASSERT_EQ(0, stat(file_of(LOWER), &st));
		EXPECT_EQ(0777U, st.st_mode & 07777);
		close(fd);
	}
	remove_tree();
}

/* --- read-only and noexec -------------------------------------------------------- */

FIXTURE(mounted) {
	const char *at;
};

/* What is mounted at a place of its own, and with which flags. */
FIXTURE_VARIANT(mounted) {
	bool bind_read_only;	/* fmapfs, read and write, over a read-only bind */
	unsigned long flags;
};

FIXTURE_VARIANT_ADD(mounted, read_only) { .flags = MS_RDONLY };
FIXTURE_VARIANT_ADD(mounted, over_read_only) { .bind_read_only = true };

FIXTURE_SETUP(mounted)
{
	const char *below = fmap_lower();

	need_root();
	make_tree(0777, 0666);
	self->at = "/tmp/fmapfs-permission";
	mkdir(self->at, 0755);
	if (variant->bind_read_only) {
		below = "/tmp/fmapfs-permission-below";
		mkdir(below, 0755);
		ASSERT_EQ(0, mount(fmap_lower(), below, NULL, MS_BIND, NULL));
		ASSERT_EQ(0, mount(NULL, below, NULL,
				   MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	}
	ASSERT_EQ(0, mount(below, self->at, "fmapfs", variant->flags, NULL));
}

FIXTURE_TEARDOWN(mounted)
{
	EXPECT_EQ(0, umount(self->at));
	if (variant->bind_read_only) {
		EXPECT_EQ(0, umount("/tmp/fmapfs-permission-below"));
	}
	remove_tree();
}

TEST_F(mounted, nothing_can_be_written)
{
	const char *dir = path_in(self->at, DIR_NAME);
	const char *file = path_in(dir, "file");
	unsigned char *map;
	int fd;

	EXPECT_EQ(-EROFS, try_open(file, O_RDWR) ? -errno : 0);
	EXPECT_EQ(-EROFS, try_open(file, O_WRONLY | O_TRUNC) ? -errno : 0);
	EXPECT_EQ(-EROFS, truncate(file, 0) ? -errno : 0);
	EXPECT_EQ(-EROFS, try_open(path_in(dir, "new"), O_WRONLY | O_CREAT) ? -errno : 0);
	EXPECT_EQ(-EROFS, unlink(file) ? -errno : 0);
	EXPECT_EQ(-EROFS, mkdir(path_in(dir, "new"), 0755) ? -errno : 0);
	EXPECT_EQ(-EROFS, rename(file, path_in(dir, "new")) ? -errno : 0);
	EXPECT_EQ(-EROFS, chmod(file, 0600) ? -errno : 0);
	EXPECT_EQ(-EROFS, utimensat(AT_FDCWD, file, NULL, 0) ? -errno : 0);
	fd = open(file, O_RDONLY);
	ASSERT_LE(0, fd);
	map = mmap(NULL, fmap_page(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT_EQ(MAP_FAILED, (void *)map);
	map = map_file(fd, fmap_page(), PROT_READ, MAP_SHARED);
	EXPECT_EQ('c', map[0]);
	munmap(map, fmap_page());
	close(fd);
	/* The lower directory itself is not read-only for that. */
	EXPECT_EQ(0, try_open(file_of(LOWER), O_RDWR));
}

TEST(remount_read_only_and_back)
{
	const char *at = "/tmp/fmapfs-permission";
	const char *file;
	int fd;

	need_root();
	make_tree(0777, 0666);
	mkdir(at, 0755);
	ASSERT_EQ(0, mount(fmap_lower(), at, "fmapfs", 0, NULL));
	file = path_in(path_in(at, DIR_NAME), "file");
	fd = open(file, O_RDWR);
	EXPECT_LE(0, fd);
	EXPECT_EQ(-EBUSY, mount("none", at, NULL, MS_REMOUNT | MS_RDONLY, NULL) ?
			  -errno : 0);
	close(fd);
	EXPECT_EQ(0, mount("none", at, NULL, MS_REMOUNT | MS_RDONLY, NULL));
	EXPECT_EQ(-EROFS, try_open(file, O_RDWR) ? -errno : 0);
	EXPECT_EQ(0, mount("none", at, NULL, MS_REMOUNT, NULL));
	EXPECT_EQ(0, try_open(file, O_RDWR));
	EXPECT_EQ(0, umount(at));
	remove_tree();
}

TEST(noexec)
{
	const char *at = "/tmp/fmapfs-permission";
	const char *file;
	int fd;

	need_root();
	make_tree(0777, 0777);
	mkdir(at, 0755);
	ASSERT_EQ(0, mount(fmap_lower(), at, "fmapfs", MS_NOEXEC, NULL));
	file = path_in(path_in(at, DIR_NAME), "file");
	EXPECT_EQ(-1, execl(file, file, NULL));
	EXPECT_EQ(EACCES, errno);
	fd = open(file, O_RDONLY);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, fmap_page(), PROT_EXEC, MAP_PRIVATE, fd, 0));
	EXPECT_EQ(EPERM, errno);
	close(fd);
	EXPECT_EQ(0, umount(at));
	remove_tree();
}

FMAP_TEST_MAIN

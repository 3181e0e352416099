// SPDX-License-Identifier: GPL-2.0
/*
 * Where the mount does not answer as the lower filesystem does, and the manual
 * page says so: that it is this answer, and that it does no harm.
 */
#include <linux/fs.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#include "mapping.h"

static int fd_of(const char *name)
{
	int fd = open(path_in(fmap_mnt(), name), O_RDWR | O_CREAT, 0600);

	if (fd < 0)
		fmap_die("%s", name);
	unlink(path_in(fmap_mnt(), name));
	return fd;
}

/* What only one filesystem knows stays there, even if the lower one knows it. */
TEST(private_ioctls)
{
	char label[FSLABEL_MAX] = "";
	struct fstrim_range range = { .len = -1 };
	int fd = fd_of("ioctl"), block = 0;

	EXPECT_EQ(-1, ioctl(fd, FS_IOC_GETFSLABEL, label));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(-1, ioctl(fd, FITRIM, &range));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(-1, ioctl(fd, FIBMAP, &block));
	EXPECT_EQ(EINVAL, errno);
}

TEST(getlease)
{
	const char *path = path_in(fmap_mnt(), "lease");
	int fd;

	close(open(path, O_RDWR | O_CREAT, 0600));
	fd = open(path, O_RDONLY);
	ASSERT_EQ(0, fcntl(fd, F_SETLEASE, F_RDLCK));
	EXPECT_EQ(F_UNLCK, fcntl(fd, F_GETLEASE));
	EXPECT_EQ(0, fcntl(fd, F_SETLEASE, F_UNLCK));
	unlink(path);
}

TEST(dedupe_unsupported)
{
	struct {
		struct file_dedupe_range head;
		struct file_dedupe_range_info info;
	} range = { .head = { .src_length = 4096, .dest_count = 1 } };
	int fd, below;

	close(make_file(path_in(fmap_lower(), "dedupe"), 16384, 1));
	below = open(path_in(fmap_lower(), "dedupe"), O_RDWR);
	range.info.dest_fd = below;
	range.info.dest_offset = 8192;
	if (!ioctl(below, FIDEDUPERANGE, &range))
		SKIP(unlink(path_in(fmap_lower(), "dedupe")); return,
		     "%s can deduplicate", fmap_lowerfs());
	EXPECT_EQ(EOPNOTSUPP, errno);
	fd = open(path_in(fmap_mnt(), "dedupe"), O_RDWR);
	range.info.dest_fd = fd;
	EXPECT_EQ(0, ioctl(fd, FIDEDUPERANGE, &range));
	EXPECT_EQ(-EOPNOTSUPP, range.info.status);
	unlink(path_in(fmap_lower(), "dedupe"));
}

/* Of a handle nobody can tell whether it is inside of LOWER, unless all are. */
TEST(handles_of_a_part)
{
	union {
		struct file_handle h;
		char space[sizeof(struct file_handle) + 128];
	} h = { .h.handle_bytes = 128 };
	struct fmap_path part = fmap_at(fmap_lower(), "part");
	int id;

	ASSERT_EQ(0, mkdir(part.s, 0755));
	if (name_to_handle_at(AT_FDCWD, part.s, &h.h, &id, 0))
		SKIP(rmdir(part.s); return, "%s has no handles", fmap_lowerfs());
	ASSERT_EQ(0, mount(part.s, part.s, "fmapfs", 0, NULL));
	EXPECT_EQ(-1, name_to_handle_at(AT_FDCWD, part.s, &h.h, &id, 0));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(0, umount(part.s));
	rmdir(part.s);
}

/* Whoever watches a file by one path is not told of what is done by the other. */
TEST(events_of_one_path)
{
	int in = inotify_init1(IN_NONBLOCK), fd, below;
	char ev[4096];

	fd = make_file(path_in(fmap_mnt(), "watched"), 10, 1);
	below = open(path_in(fmap_lower(), "watched"), O_RDWR);
	ASSERT_LE(0, inotify_add_watch(in, path_in(fmap_mnt(), "watched"), IN_MODIFY));
	ASSERT_EQ(1, write(below, "x", 1));
	EXPECT_EQ(-1, read(in, ev, sizeof(ev)));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(1, write(fd, "x", 1));
	EXPECT_LT(0, read(in, ev, sizeof(ev)));
	/* The other way round they are: that is where it is written. */
	close(in);
	in = inotify_init1(IN_NONBLOCK);
	ASSERT_LE(0, inotify_add_watch(in, path_in(fmap_lower(), "watched"), IN_MODIFY));
	ASSERT_EQ(1, write(fd, "x", 1));
	EXPECT_LT(0, read(in, ev, sizeof(ev)));
	unlink(path_in(fmap_mnt(), "watched"));
}

/*
 * Hints for the disk are kept in the inode; since 6.9 also in the mapping's, which
 * is the lower one but for tmpfs, where there is no disk.
 */
TEST(write_hint)
{
	uint64_t hint = RWH_WRITE_LIFE_SHORT, seen = 0;
	int fd = make_file(path_in(fmap_mnt(), "hint"), 10, 1);
	int below = open(path_in(fmap_lower(), "hint"), O_RDWR);

	if (fcntl(below, F_SET_RW_HINT, &hint))
		SKIP(unlink(path_in(fmap_mnt(), "hint")); return, "no hints: %s",
		     strerror(errno));
	hint = RWH_WRITE_LIFE_LONG;
	EXPECT_EQ(0, fcntl(fd, F_SET_RW_HINT, &hint));
	EXPECT_EQ(0, fcntl(fd, F_GET_RW_HINT, &seen));
	EXPECT_EQ((uint64_t)RWH_WRITE_LIFE_LONG, seen);
	EXPECT_EQ(0, fcntl(below, F_GET_RW_HINT, &seen));
	EXPECT_EQ((uint64_t)(fmap_kernel() < 609 || lower_is("tmpfs") ?
			     RWH_WRITE_LIFE_SHORT : RWH_WRITE_LIFE_LONG), seen);
	unlink(path_in(fmap_mnt(), "hint"));
}

/* Where names match in any case: a directory has that of its last lookup. */
TEST(case_of_a_directory)
{
	char path[600];
	struct stat st;

	ASSERT_EQ(0, mkdir(path_in(fmap_mnt(), "Case"), 0755));
	if (stat(path_in(fmap_lower(), "case"), &st))
		SKIP(rmdir(path_in(fmap_mnt(), "Case")); return, "case matters on %s",
		     fmap_lowerfs());
	ASSERT_EQ(0, chdir(path_in(fmap_lower(), "cASE")));
	EXPECT_EQ(0, strcmp(strrchr(getcwd(path, sizeof(path)), '/'), "/Case"));
	ASSERT_EQ(0, chdir(path_in(fmap_mnt(), "cASE")));
	EXPECT_EQ(0, strcmp(strrchr(getcwd(path, sizeof(path)), '/'), "/cASE"));
	EXPECT_EQ(0, rmdir(path_in(fmap_mnt(), "caSE")));
	EXPECT_EQ(-1, stat(path_in(fmap_mnt(), "Case"), &st));
}

/* A file that grew below has its old end here until somebody looks. */
TEST(old_end)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_END, .l_len = 1 };
	const char *path = path_in(fmap_mnt(), "grows");
	int fd, below, to = fd_of("copy");
	struct stat st;
	int left = 0;

	fd = make_file(path, 4096, 1);
	lseek(fd, 0, SEEK_SET);
	ASSERT_EQ(0, fstat(fd, &st));
	below = open(path_in(fmap_lower(), "grows"), O_WRONLY | O_APPEND);
	ASSERT_EQ(4096, write(below, malloc(4096), 4096));
	EXPECT_EQ(4096, copy_file_range(fd, &(loff_t){ 0 }, to, NULL, 8192, 0));
	EXPECT_EQ(0, ioctl(fd, FIONREAD, &left));
	EXPECT_EQ(4096, left);
	/* Whose lock begins at the end has it at the old one. */
	EXPECT_EQ(0, fcntl(fd, F_SETLK, &fl));
	if (!fork()) {
		struct flock seen = { .l_type = F_WRLCK };

		_exit(fcntl(below, F_GETLK, &seen) || seen.l_type != F_WRLCK ||
		      seen.l_start != 4096);
	}
	wait(&left);
	EXPECT_EQ(0, left);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(8192, st.st_size);
	EXPECT_EQ(8192, copy_file_range(fd, &(loff_t){ 0 }, to, NULL, 8192, 0));
	EXPECT_EQ(0, ioctl(fd, FIONREAD, &left));
	EXPECT_EQ(8192, left);
	unlink(path);
}

FMAP_TEST_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Where the mount does not answer as the lower filesystem does, and the manual
 * page says so: that it is this answer, and that it does no harm.
 */
#include <linux/fs.h>
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

TEST(freeze)
{
	int fd = open(fmap_mnt(), O_RDONLY);

	EXPECT_EQ(-1, ioctl(fd, FIFREEZE, 0));
	EXPECT_EQ(EOPNOTSUPP, errno);
}

/* The lower filesystem can be frozen, which holds up writers above. */
TEST(freeze_below)
{
	int below = open(fmap_lower(), O_RDONLY), fd = fd_of("freeze"), status;
	pid_t pid;

	if (ioctl(below, FIFREEZE, 0))
		SKIP(return, "%s cannot be frozen", fmap_lowerfs());
	pid = fork();
	if (!pid)
		_exit(write(fd, "x", 1) == 1 ? 0 : 1);
	usleep(500000);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	EXPECT_EQ(0, ioctl(below, FITHAW, 0));
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
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

/* A file that grew below is copied to its old end until somebody looks. */
TEST(copy_to_old_end)
{
	const char *path = path_in(fmap_mnt(), "grows");
	int fd, below, to = fd_of("copy");
	struct stat st;

	fd = make_file(path, 4096, 1);
	ASSERT_EQ(0, fstat(fd, &st));
	below = open(path_in(fmap_lower(), "grows"), O_WRONLY | O_APPEND);
	ASSERT_EQ(4096, write(below, malloc(4096), 4096));
	EXPECT_EQ(4096, copy_file_range(fd, &(loff_t){ 0 }, to, NULL, 8192, 0));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(8192, st.st_size);
	EXPECT_EQ(8192, copy_file_range(fd, &(loff_t){ 0 }, to, NULL, 8192, 0));
	unlink(path);
}

FMAP_TEST_MAIN

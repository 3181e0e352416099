// SPDX-License-Identifier: GPL-2.0
/*
 * Faults that the stackable part once had, one test each: files removed while
 * in use, identities that exec took from a stale or torn inode, locks that
 * outlived their file, requests that lost a flag on their way down.
 */
#include <grp.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

#include "mapping.h"

#define USER		1000
#define PROBE		"exec-probe"

#define TOP(side, name)	path_in(side_dir(side), name)

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND	0x00000020
#endif
#ifndef SYS_cachestat
#define SYS_cachestat	451
#endif

/* --- what an executed file gets ------------------------------------------------- */

enum { GOT_NOTHING = 64, GOT_ROOT = 1, GOT_CAPS = 2, NOT_RUN = 1 };

/* Runs before main(): executed as PROBE, the program only says what it is. */
static void __attribute__((constructor)) probe(int argc, char **argv)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[2] = { 0 };
	int got = GOT_NOTHING;

	if (argc < 2 || strcmp(argv[1], PROBE))
		return;
	if (!geteuid())
		got |= GOT_ROOT;
	if (geteuid() && !syscall(SYS_capget, &head, caps) && caps[0].effective)
		got |= GOT_CAPS;
	_exit(got);
}

/* This program, at @path, to be executed. */
static void make_probe(const char *path, mode_t mode)
{
	int from = open("/proc/self/exe", O_RDONLY);
	int to, n;
	char buf[65536];

	unlink(path);
	to = open(path, O_WRONLY | O_CREAT | O_EXCL, 0755);
	if (from < 0 || to < 0)
		fmap_die("%s", path);
	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, n) != n)
			fmap_die("writing %s", path);
	if (fchmod(to, mode))
		fmap_die("fchmod of %s", path);
	close(from);
	close(to);
}

/* As USER; what it got there. @path empty: the file that @fd is. */
static int exec_probe(int fd, const char *path)
{
	char * const argv[] = { "probe", PROBE, NULL };
	char * const envp[] = { NULL };
	int status;
	pid_t pid = vfork();

	if (!pid) {
		if (setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
			_exit(NOT_RUN);
		syscall(SYS_execveat, fd, path, argv, envp, AT_EMPTY_PATH);
		_exit(NOT_RUN);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool has_owners(void)
{
	return !lower_is("vfat");
}

/* Set-ID, sticky and permission bits, or -1. */
static int mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : (int)(st.st_mode & 07777);
}

static void let_in(void)
{
	chmod(fmap_lower(), 0755);
}

TEST(torn_owner)
{
	time_t end = time(NULL) + 30;
	const char *below, *above;
	pid_t changer;
	long runs = 0, wins = 0;
	int fd, got;

	if (!has_owners())
		SKIP(return, "no owners on %s", fmap_lowerfs());
	let_in();
	below = TOP(LOWER, "torn");
	above = TOP(FMAP, "torn");
	make_probe(below, 0755);
	fd = open(below, O_RDONLY);
	/* root's without set-ID, USER's with it: nobody else's ever with it */
	changer = fork();
	if (!changer) {
		for (;;) {
			fchown(fd, USER, USER);
			fchmod(fd, 04755);
			fchown(fd, 0, 0);
		}
	}
	/* An open writer would keep it from being executed. */
	close(fd);
	/* Of old, one in twelve. */
	while (time(NULL) < end && runs < 150) {
		got = exec_probe(AT_FDCWD, above);
		runs += got >= GOT_NOTHING;
		wins += got >= GOT_NOTHING && got & GOT_ROOT;
	}
	kill(changer, SIGKILL);
	waitpid(changer, NULL, 0);
	EXPECT_LT(0, runs);
	EXPECT_EQ(0, wins) {
		TH_LOG("%ld of %ld executions ran as root", wins, runs);
	}
	unlink(below);
}

TEST(stale_set_id)
{
	const char *below, *above;
	int fd;

	if (!has_owners())
		SKIP(return, "no owners on %s", fmap_lowerfs());
	let_in();
	below = TOP(LOWER, "stale");
	above = TOP(FMAP, "stale");
	make_probe(below, 04755);
	EXPECT_EQ(GOT_NOTHING | GOT_ROOT, exec_probe(AT_FDCWD, above));
	fd = open(above, O_PATH);
	ASSERT_LE(0, fd);
	EXPECT_EQ(GOT_NOTHING | GOT_ROOT, exec_probe(fd, ""));
	ASSERT_EQ(0, chmod(below, 0755));
	EXPECT_EQ(GOT_NOTHING, exec_probe(fd, ""));
	ASSERT_EQ(0, chmod(below, 04755));
	EXPECT_EQ(GOT_NOTHING | GOT_ROOT, exec_probe(fd, ""));
	ASSERT_EQ(0, chown(below, USER, USER) | chmod(below, 04755));
	EXPECT_EQ(GOT_NOTHING, exec_probe(fd, ""));
	close(fd);
	unlink(below);
}

TEST(stale_append_only)
{
	int fd, ctl, again;
	const char *below;
	char path[64];
	long flags = FS_APPEND_FL, none = 0;

	below = TOP(LOWER, "append");
	ctl = open(below, O_RDWR | O_CREAT, 0666);
	fd = open(TOP(FMAP, "append"), O_PATH);
	ASSERT_LE(0, fd);
	if (ioctl(ctl, FS_IOC_SETFLAGS, &flags))
		SKIP(return, "no append-only files: %s", strerror(errno));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_WRONLY | O_TRUNC);
	EXPECT_EQ(-1, again);
	EXPECT_EQ(EPERM, errno);
	again = open(path, O_WRONLY | O_APPEND);
	EXPECT_LE(0, again);
	close(again);
	ioctl(ctl, FS_IOC_SETFLAGS, &none);
	again = open(path, O_WRONLY | O_TRUNC);
	EXPECT_LE(0, again);
	unlink(below);
}

/* A mount of fmapfs over the lower directory, made nosuid. */
static struct fmap_path mount_nosuid(char *dir)
{
	struct fmap_path lower;

	if (!mkdtemp(dir) || unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		fmap_die("a mount namespace");
	mount("none", dir, "tmpfs", 0, "mode=755");
	lower = fmap_at(dir, "lower");
	mkdir(lower.s, 0755);
	if (mount(fmap_lower(), lower.s, NULL, MS_BIND, NULL) ||
	    mount("none", lower.s, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL) ||
	    mount(lower.s, lower.s, "fmapfs", 0, NULL))
		fmap_die("mount over a nosuid directory");
	return lower;
}

TEST(nosuid_below)
{
	struct vfs_cap_data caps = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
		.data[0].permitted = 1 << CAP_NET_RAW,
	};
	char dir[] = "/tmp/nosuid-XXXXXX", seen[64];
	struct fmap_path at, set_id, capable;
	bool has_caps;

	if (!has_owners())
		SKIP(return, "no owners on %s", fmap_lowerfs());
	let_in();
	make_probe(TOP(LOWER, "set-id"), 06755);
	make_probe(TOP(LOWER, "capable"), 0755);
	has_caps = !setxattr(TOP(LOWER, "capable"), "security.capability", &caps,
			     XATTR_CAPS_SZ_2, 0);
	EXPECT_EQ(GOT_NOTHING | GOT_ROOT, exec_probe(AT_FDCWD, TOP(FMAP, "set-id")));
	if (has_caps) {
		EXPECT_EQ(GOT_NOTHING | GOT_CAPS,
			  exec_probe(AT_FDCWD, TOP(FMAP, "capable")));
	}

	at = mount_nosuid(dir);
	set_id = fmap_at(at.s, "set-id");
	capable = fmap_at(at.s, "capable");
	EXPECT_EQ(GOT_NOTHING, exec_probe(AT_FDCWD, set_id.s));
	EXPECT_EQ(GOT_NOTHING, exec_probe(AT_FDCWD, capable.s));
	/* They are seen and kept all the same. */
	EXPECT_EQ(06755, mode_of(set_id.s));
	EXPECT_EQ(0, chmod(set_id.s, 04711));
	EXPECT_EQ(04711, mode_of(TOP(LOWER, "set-id")));
	EXPECT_EQ(GOT_NOTHING, exec_probe(AT_FDCWD, set_id.s));
	if (has_caps) {
		EXPECT_EQ((ssize_t)XATTR_CAPS_SZ_2,
			  getxattr(capable.s, "security.capability", seen, sizeof(seen)));
	}
	/* A new owner ends both, which is found out from the lower file. */
	EXPECT_EQ(0, chown(set_id.s, USER, USER) | chown(capable.s, USER, USER));
	EXPECT_EQ(0711, mode_of(TOP(LOWER, "set-id")));
	EXPECT_EQ(-1, getxattr(TOP(LOWER, "capable"), "security.capability", seen,
			       sizeof(seen)));
	unlink(TOP(LOWER, "set-id"));
	unlink(TOP(LOWER, "capable"));
	umount2(at.s, MNT_DETACH);
	umount2(at.s, MNT_DETACH);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
}

static int truncate_as_user(int fd)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
			_exit(2);
		_exit(ftruncate(fd, 3) ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	return status;
}

TEST(set_id_dropped)
{
	const char *below;
	int fd;

	if (!has_owners())
		SKIP(return, "no owners on %s", fmap_lowerfs());
	below = TOP(LOWER, "drop");
	close(open(below, O_RDWR | O_CREAT, 0666));
	ASSERT_EQ(0, chmod(below, 0777));
	fd = open(TOP(FMAP, "drop"), O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(6, write(fd, "abcdef", 6));
	/* Nothing looks the name up from here on. */
	ASSERT_EQ(0, chmod(below, 06777));
	EXPECT_EQ(0, truncate_as_user(fd));
	EXPECT_EQ(0777, mode_of(below));

	ASSERT_EQ(0, chmod(below, 06777));
	EXPECT_EQ(0, fchown(fd, USER, USER));
	EXPECT_EQ(0777, mode_of(below));

	/* The other way round: no mode of ours is brought back. */
	EXPECT_EQ(0, chmod(TOP(FMAP, "drop"), 06777));
	ASSERT_EQ(0, chmod(below, 0640));
	EXPECT_EQ(0, fchown(fd, 0, 0));
	EXPECT_EQ(0640, mode_of(below));
	unlink(below);
}

/* --- access control lists below overlayfs ---------------------------------------- */

/* All for the owner and USER, nothing for the group, whose bits say rwx. */
static int forbid_group(const char *dir)
{
	struct {
		struct posix_acl_xattr_header head;
		struct posix_acl_xattr_entry entry[5];
	} acl = {
		.head.a_version = POSIX_ACL_XATTR_VERSION,
		.entry = {
			{ ACL_USER_OBJ, 7, ACL_UNDEFINED_ID },
			{ ACL_USER, 5, USER },
			{ ACL_GROUP_OBJ, 0, ACL_UNDEFINED_ID },
			{ ACL_MASK, 7, ACL_UNDEFINED_ID },
			{ ACL_OTHER, 0, ACL_UNDEFINED_ID },
		},
	};

	return setxattr(dir, "system.posix_acl_access", &acl, sizeof(acl), 0);
}

/* The errno of a look into @dir by somebody who is not root. */
static int look_into(const char *dir, uid_t uid, gid_t gid)
{
	struct fmap_path file = fmap_at(dir, "file");
	struct stat st;
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (setgroups(0, NULL) || setresgid(gid, gid, gid) ||
		    setresuid(uid, uid, uid))
			_exit(255);
		_exit(stat(file.s, &st) ? errno : 0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/*
 * overlayfs checks by the ACLs of the inode below it, asked for without a
 * dentry and at first in RCU path walk.
 */
TEST(acl_below_overlay)
{
	char top[] = "/tmp/overlay-XXXXXX", options[256];
	struct fmap_path dir = fmap_at(fmap_lower(), "acl"), over;
	int turn;

	if (mkdir(dir.s, 0755) || forbid_group(dir.s)) {
		rmdir(dir.s);
		SKIP(return, "no ACLs on %s", fmap_lowerfs());
	}
	close(creat(fmap_at(dir.s, "file").s, 0644));
	let_in();
	if (!mkdtemp(top) || unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		fmap_die("a mount namespace");
	mkdir(fmap_at(top, "merged").s, 0755);
	mkdir(fmap_at(top, "none").s, 0755);
	snprintf(options, sizeof(options), "lowerdir=%s:%s/none", fmap_mnt(), top);
	over = fmap_at(top, "merged");
	if (system("modprobe -q overlay") || chmod(top, 0755) ||
	    mount("overlay", over.s, "overlay", 0, options)) {
		SKIP(goto out, "no overlay over %s: %s", fmap_lowerfs(), strerror(errno));
	}
	over = fmap_at(over.s, "acl");
	/* A second time it is cached. */
	for (turn = 0; turn < 2; turn++) {
		EXPECT_EQ(0, look_into(dir.s, USER, USER));
		EXPECT_EQ(0, look_into(over.s, USER, USER));
		EXPECT_EQ(EACCES, look_into(dir.s, USER + 1, 0));
		EXPECT_EQ(EACCES, look_into(over.s, USER + 1, 0));
		EXPECT_EQ(EACCES, look_into(over.s, USER + 1, USER + 1));
	}
	umount2(fmap_at(top, "merged").s, MNT_DETACH);
out:
	rmdir(fmap_at(top, "merged").s);
	rmdir(fmap_at(top, "none").s);
	rmdir(top);
	unlink(fmap_at(dir.s, "file").s);
	rmdir(dir.s);
}

/* --- file capabilities in a user namespace ------------------------------------ */

static void write_map(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "0 100000 1000", 13) != 13)
		fmap_die("%s", path);
	close(fd);
}

/* errno of setting capabilities as root of a user namespace that owns the file. */
static int setcap_in_userns(const char *path)
{
	struct vfs_cap_data caps = { .magic_etc = VFS_CAP_REVISION_2,
				     .data[0].permitted = 1 << CAP_NET_BIND_SERVICE };
	int ready[2], go[2], status;
	char c = 0;
	pid_t pid;

	if (pipe(ready) || pipe(go))
		fmap_die("pipe");
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWUSER) || write(ready[1], &c, 1) != 1 ||
		    read(go[0], &c, 1) != 1 || setresgid(0, 0, 0) || setresuid(0, 0, 0))
			_exit(255);
		_exit(setxattr(path, "security.capability", &caps, XATTR_CAPS_SZ_2, 0) ?
		      errno : 0);
	}
	if (read(ready[0], &c, 1) != 1)
		fmap_die("no user namespace");
	write_map(pid, "uid_map");
	write_map(pid, "gid_map");
	if (write(go[1], &c, 1) != 1)
		fmap_die("pipe");
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

TEST(setcap_userns)
{
	unsigned char below[64], above[64];
	ssize_t n;

	if (!has_owners())
		SKIP(return, "no owners on %s", fmap_lowerfs());
	let_in();
	close(open(TOP(LOWER, "caps"), O_RDWR | O_CREAT, 0755));
	ASSERT_EQ(0, chown(TOP(LOWER, "caps"), 100000, 100000));
	if (setcap_in_userns(TOP(LOWER, "caps")))
		SKIP(return, "not on the lower filesystem either");
	n = getxattr(TOP(LOWER, "caps"), "security.capability", below, sizeof(below));
	ASSERT_LT(0, n);
	ASSERT_EQ(0, removexattr(TOP(LOWER, "caps"), "security.capability"));
	EXPECT_EQ(0, setcap_in_userns(TOP(FMAP, "caps")));
	EXPECT_EQ(n, getxattr(TOP(LOWER, "caps"), "security.capability", above,
			      sizeof(above)));
	EXPECT_EQ(0, memcmp(below, above, n));
	/* The owner that counts is the lower file's. */
	ASSERT_EQ(0, removexattr(TOP(LOWER, "caps"), "security.capability"));
	ASSERT_EQ(0, chown(TOP(LOWER, "caps"), 0, 0));
	EXPECT_EQ(EPERM, setcap_in_userns(TOP(FMAP, "caps")));
	unlink(TOP(LOWER, "caps"));
}

/* --- removed while in use ------------------------------------------------------- */

TEST(unlinked_path_fd)
{
	const char *above = TOP(FMAP, "gone");
	struct stat st;
	int fd;

	close(open(above, O_RDWR | O_CREAT, 0644));
	fd = open(above, O_PATH);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, unlink(above));
	EXPECT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(0, (int)st.st_nlink);
}

TEST(removed_cwd)
{
	const char *above = TOP(FMAP, "gone-dir");
	struct stat st;

	ASSERT_EQ(0, mkdir(above, 0755));
	ASSERT_EQ(0, chdir(above));
	ASSERT_EQ(0, rmdir(above));
	EXPECT_EQ(0, stat(".", &st));
	EXPECT_EQ(-1, open("x", O_RDWR | O_CREAT, 0644));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(-1, mkdir("y", 0755));
	EXPECT_EQ(ENOENT, errno);
}

TEST(unlinked_mapping)
{
	const char *above = TOP(FMAP, "gone-map");
	size_t size = 2 * fmap_page();
	unsigned char *p;
	int fd;

	fd = open(above, O_RDWR | O_CREAT, 0644);
	ASSERT_EQ(0, ftruncate(fd, size));
	p = map_file(fd, size, PROT_READ | PROT_WRITE, MAP_SHARED);
	p[0] = 1;
	close(fd);
	ASSERT_EQ(0, unlink(above));
	EXPECT_EQ(0, msync(p, size, MS_SYNC));
	p[fmap_page()] = 1;
	EXPECT_EQ(0, munmap(p, size));
}

static long long free_bytes(void)
{
	struct statvfs v;

	sync();
	if (statvfs(fmap_lower(), &v))
		fmap_die("statvfs");
	return (long long)v.f_bfree * v.f_frsize;
}

/* Does all but a little of what was free before come back? */
static bool freed_since(long long before)
{
	int i;

	for (i = 0; i < 50; i++) {
		if (free_bytes() > before - (4 << 20))
			return true;
		usleep(100000);
	}
	return false;
}

TEST(unlinked_below)
{
	const char *below, *above;
	long long before = free_bytes();
	struct stat st;
	int fd;

	below = TOP(LOWER, "space");
	above = TOP(FMAP, "space");
	/* looked at */
	close(make_file(below, 16 << 20, 1));
	ASSERT_EQ(0, stat(above, &st));
	EXPECT_FALSE(freed_since(before));
	ASSERT_EQ(0, unlink(below));
	EXPECT_TRUE(freed_since(before));
	/* looked at, and replaced */
	close(make_file(below, 16 << 20, 2));
	ASSERT_EQ(0, stat(above, &st));
	close(make_file(TOP(LOWER, "space2"), 1, 2));
	ASSERT_EQ(0, rename(TOP(LOWER, "space2"), below));
	EXPECT_TRUE(freed_since(before));
	unlink(below);
	/* open */
	close(make_file(below, 16 << 20, 3));
	fd = open(above, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, unlink(below));
	usleep(200000);
	close(fd);
	EXPECT_TRUE(freed_since(before));
}

/* --- a close that overtakes a lock ------------------------------------------------ */

static volatile int racing_fd = -1;
static volatile bool race_over;

static void spin(unsigned int n)
{
	volatile unsigned int i;

	for (i = n; i; i--)
		;
}

static void *closer(void *arg)
{
	unsigned int seed = 7;

	while (!race_over) {
		if (racing_fd < 0)
			continue;
		spin(rand_r(&seed) % 3000);
		close(racing_fd);
		racing_fd = -1;
	}
	return NULL;
}

/* Lines of the kernel log since @kmsg was opened that have @text. */
static int logged(int kmsg, const char *text)
{
	char line[1024];
	int found = 0;
	ssize_t n;

	while ((n = read(kmsg, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		if (n <= 0)
			continue;
		line[n] = '\0';
		found += !!strstr(line, text);
	}
	return found;
}

TEST(lock_after_close)
{
	const char *above = TOP(FMAP, "lock-race");
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	struct flock seen = { .l_type = F_WRLCK };
	unsigned int seed = 1;
	long rounds = 0, late = 0;
	pthread_t thread;
	time_t end;
	int fd;

	ASSERT_LE(0, kmsg);
	lseek(kmsg, 0, SEEK_END);
	close(open(above, O_RDWR | O_CREAT, 0644));
	pthread_create(&thread, NULL, closer, NULL);
	end = time(NULL) + 20;
	while (time(NULL) < end && late < 500) {
		struct flock fl = { .l_type = F_WRLCK };

		fd = open(above, O_RDWR);
		racing_fd = fd;
		spin(rand_r(&seed) % 3000);
		late += fcntl(fd, F_SETLK, &fl) < 0 && errno == EBADF;
		while (racing_fd >= 0)
			;
		rounds++;
	}
	race_over = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, logged(kmsg, "Leaked POSIX lock"));
	if (!fork()) {
		fd = open(above, O_RDWR);
		_exit(fcntl(fd, F_GETLK, &seen) || seen.l_type != F_UNLCK);
	}
	wait(&fd);
	EXPECT_EQ(0, fd);
	unlink(above);
	if (!late || late == rounds)
		SKIP(return, "no close came before its lock in %ld rounds", rounds);
}

/* --- requests ----------------------------------------------------------------------- */

TEST(rwf_noappend)
{
	struct iovec iov = { "XY", 2 };
	char buf[16] = "";
	int fd;

	fd = open(TOP(FMAP, "noappend"), O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0644);
	ASSERT_EQ(10, write(fd, "0123456789", 10));
	if (syscall(SYS_pwritev2, fd, &iov, 1, 2L, 0L, RWF_NOAPPEND) < 0 &&
	    errno == EOPNOTSUPP)
		SKIP(return, "no RWF_NOAPPEND in this kernel");
	EXPECT_EQ(10, pread(fd, buf, sizeof(buf), 0));
	EXPECT_EQ(0, memcmp(buf, "01XY456789", 10));
	unlink(TOP(FMAP, "noappend"));
}

/* Is the page at @p, in the page cache, dirty? */
static bool page_dirty(const volatile unsigned char *p)
{
	int map = open("/proc/self/pagemap", O_RDONLY);
	int flags = open("/proc/kpageflags", O_RDONLY);
	uint64_t entry = 0, word = 0;

	(void)*p;
	if (pread(map, &entry, 8, (uintptr_t)p / fmap_page() * 8) != 8 ||
	    !(entry >> 63) ||
	    pread(flags, &word, 8, (entry & ((1ULL << 55) - 1)) * 8) != 8)
		fmap_die("pagemap");
	close(map);
	close(flags);
	return word >> 4 & 1;
}

TEST(file_range)
{
	struct { uint64_t off, len; } all = { 0, 0 };
	struct { uint64_t cache, dirty, wb, evicted, recent; } stat = { 0 };
	size_t size = 1 << 20;
	unsigned char *p;
	int fd;

	fd = make_file(TOP(FMAP, "range"), size, 1);
	p = map_file(fd, size, PROT_READ, MAP_SHARED);
	if (syscall(SYS_cachestat, fd, &all, &stat, 0) == 0) {
		/* Known: not of tmpfs. */
		EXPECT_EQ(lower_is("tmpfs") ? 0 : size / fmap_page(), stat.cache);
	} else {
		EXPECT_EQ(ENOSYS, errno);
	}
	EXPECT_TRUE(page_dirty(p));
	EXPECT_EQ(0, sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE |
				     SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
	if (!lower_is("tmpfs")) {
		EXPECT_FALSE(page_dirty(p));
	}
	EXPECT_EQ(0, readahead(fd, 0, size));
	EXPECT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED));
	close(fd);
	unlink(TOP(FMAP, "range"));
}

/* Our file was taken for one of tmpfs, and what is before our inode for seals. */
TEST(no_seals)
{
	int fd = make_file(TOP(FMAP, "sealed"), fmap_page(), 1);

	EXPECT_EQ(-1, fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, fcntl(fd, F_GET_SEALS));
	EXPECT_EQ(EINVAL, errno);
	close(fd);
	unlink(TOP(FMAP, "sealed"));
}

static void make_swap(const char *path)
{
	struct {
		char boot[1024];
		uint32_t version, last_page, bad_pages;
	} head = { .version = 1, .last_page = 255 };
	int fd = make_file(path, 256 * fmap_page(), 1);

	if (pwrite(fd, &head, sizeof(head), 0) != sizeof(head) ||
	    pwrite(fd, "SWAPSPACE2", 10, fmap_page() - 10) != 10 || fsync(fd))
		fmap_die("%s", path);
	close(fd);
	chmod(path, 0600);
}

TEST(swapon_refused)
{
	int ret;

	make_swap(TOP(LOWER, "swap"));
	ret = swapon(TOP(FMAP, "swap"), 0);
	EXPECT_EQ(-1, ret);
	EXPECT_EQ(EINVAL, errno);
	if (!ret)
		swapoff(TOP(FMAP, "swap"));
	/* An open is only refused to swapon itself. */
	EXPECT_EQ(0, truncate(TOP(FMAP, "swap"), 0));
	unlink(TOP(LOWER, "swap"));
}

/* --- executed by one path, written by the other -------------------------------------- */

TEST(text_busy)
{
	const char *below, *above;
	int fd, ready[2];
	pid_t pid;
	char c;

	below = TOP(LOWER, "busy");
	above = TOP(FMAP, "busy");
	make_probe(below, 0755);
	fd = open(below, O_RDWR);
	EXPECT_EQ(NOT_RUN, exec_probe(AT_FDCWD, above));
	close(fd);
	fd = open(above, O_RDWR);
	EXPECT_EQ(NOT_RUN, exec_probe(AT_FDCWD, below));
	EXPECT_EQ(NOT_RUN, exec_probe(AT_FDCWD, above));
	close(fd);
	EXPECT_LE(GOT_NOTHING, exec_probe(AT_FDCWD, above));

	unlink(below);
	ASSERT_EQ(0, system("cp /bin/sleep \"$FMAP_LOWER/busy\""));
	if (pipe2(ready, O_CLOEXEC))
		fmap_die("pipe");
	pid = fork();
	if (!pid) {
		execl(above, "sleep", "100", NULL);
		_exit(1);
	}
	close(ready[1]);
	EXPECT_EQ(0, read(ready[0], &c, 1));
	EXPECT_EQ(-1, open(below, O_RDWR));
	EXPECT_EQ(ETXTBSY, errno);
	EXPECT_EQ(-1, open(above, O_RDWR));
	EXPECT_EQ(ETXTBSY, errno);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fd = open(below, O_RDWR);
	EXPECT_LE(0, fd);
	close(fd);
	unlink(below);
}

/* --- a write lease is for the only one who has the file open ------------------------- */

/* An errno, or 0. */
static int set_lease(int fd, int type)
{
	return fcntl(fd, F_SETLEASE, type) ? errno : 0;
}

TEST(write_lease)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	const char *below = TOP(LOWER, "write-lease"), *above = TOP(FMAP, "write-lease");
	int fd, other, i;

	signal(SIGIO, SIG_IGN);
	make_probe(below, 0755);
	fd = open(below, O_RDWR);
	if (set_lease(fd, F_WRLCK))
		SKIP(return, "%s has no write leases", fmap_lowerfs());
	close(fd);
	for (i = 0; i < 3; i++) {
		fd = open(above, modes[i]);
		EXPECT_EQ(0, set_lease(fd, F_WRLCK));
		EXPECT_EQ(-1, open(below, O_RDONLY | O_NONBLOCK));
		EXPECT_EQ(EWOULDBLOCK, errno);
		EXPECT_EQ(0, set_lease(fd, F_UNLCK));
		other = open(below, O_RDONLY | O_NONBLOCK);
		EXPECT_LE(0, other);
		EXPECT_EQ(EAGAIN, set_lease(fd, F_WRLCK));
		close(other);
		other = open(above, modes[i]);
		EXPECT_EQ(EAGAIN, set_lease(fd, F_WRLCK));
		close(other);
		EXPECT_EQ(0, set_lease(fd, F_WRLCK));
		EXPECT_EQ(0, set_lease(fd, F_UNLCK));
		EXPECT_EQ(modes[i] == O_RDONLY, exec_probe(AT_FDCWD, above) >= GOT_NOTHING);
		close(fd);
	}
	/* All that was counted is counted no more. */
	EXPECT_LE(GOT_NOTHING, exec_probe(AT_FDCWD, above));
	fd = open(below, O_RDWR);
	EXPECT_EQ(0, set_lease(fd, F_WRLCK));
	close(fd);
	unlink(below);
}

FMAP_TEST_MAIN

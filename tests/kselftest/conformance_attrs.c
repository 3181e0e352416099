// SPDX-License-Identifier: GPL-2.0
/*
 * The mount answers as the lower filesystem does: times, owners, modes, extended
 * attributes, ACLs, permissions, flags.
 */
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "conformance.h"

/* --- attributes --------------------------------------------------------------------------- */

static void say_times(int line, const char *path)
{
	struct stat st;

	if (!lstat(path, &st))
		fprintf(record, "%d: times of %s: %lld.%09ld %lld.%09ld\n", line, path,
			(long long)st.st_atim.tv_sec, st.st_atim.tv_nsec,
			(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

CONFORMS(times)
{
	struct timespec t[2] = { { 1000, 5 }, { 2000000000, 123456789 } };
	struct timespec far[2] = { { 1LL << 40, 0 }, { -(1LL << 40), 0 } };
	struct timespec omit[2] = { { 0, UTIME_OMIT }, { 77, 0 } };
	struct timespec bad[2] = { { 0, -7 }, { 0, 0 } };
	struct stat before, after;
	int fd;

	touch("f", 0644);
	DO(symlink("f", "sym"));
	DO(mkdir("d", 0755));
	DO(utimensat(AT_FDCWD, "f", t, 0));
	say_times(__LINE__, "f");
	DO(utimensat(AT_FDCWD, "f", omit, 0));
	say_times(__LINE__, "f");
	DO(utimensat(AT_FDCWD, "f", far, 0));
	say_times(__LINE__, "f");
	DO(utimensat(AT_FDCWD, "f", bad, 0));
	DO(utimensat(AT_FDCWD, "sym", t, AT_SYMLINK_NOFOLLOW));
	say_times(__LINE__, "sym");
	DO(utimensat(AT_FDCWD, "d", t, 0));
	say_times(__LINE__, "d");
	DO(utimensat(AT_FDCWD, "missing", t, 0));
	fd = open("f", O_RDWR);
	DO(futimens(fd, t));
	say_times(__LINE__, "f");
	DO(write(fd, "x", 1));
	stat("f", &after);
	SAY("mtime moved by a write: %d", after.st_mtime != 2000000000);
	DO(futimens(fd, t));
	DO(fallocate(fd, 0, 0, 100));
	stat("f", &after);
	SAY("mtime moved by fallocate: %d", after.st_mtime != 2000000000);
	DO(utimensat(AT_FDCWD, "d", t, 0));
	touch("d/x", 0600);
	stat("d", &after);
	SAY("mtime of the directory moved: %d", after.st_mtime != 2000000000);
	stat("f", &before);
	usleep(20000);
	DO(chmod("f", 0600));
	stat("f", &after);
	SAY("ctime moved by chmod: %d",
	    memcmp(&before.st_ctim, &after.st_ctim, sizeof(after.st_ctim)) != 0);
	AS_NOBODY {
		DO(utimensat(AT_FDCWD, "f", t, 0));
		DO(utimensat(AT_FDCWD, "f", NULL, 0));
	}
	DO(chmod("f", 0666));
	AS_NOBODY {
		DO(utimensat(AT_FDCWD, "f", t, 0));
		DO(utimensat(AT_FDCWD, "f", NULL, 0));
	}
}

CONFORMS(owners)
{
	int fd;

	touch("f", 06755);
	STAT("f");
	DO(chown("f", 1, 2));
	STAT("f");
	DO(chmod("f", 06755));
	fd = open("f", O_RDWR);
	DO(write(fd, "a", 1));
	STAT("f");
	DO(fchmod(fd, 04711));
	DO(fchown(fd, -1, 5));
	STAT("f");
	DO(fchmod(fd, 02745));
	DO(fchown(fd, 7, -1));
	STAT("f");
	DO(chown("f", -1, -1));
	DO(symlink("f", "sym"));
	DO(lchown("sym", 3, 4));
	STAT("sym");
	DO(fchmodat(AT_FDCWD, "sym", 0600, AT_SYMLINK_NOFOLLOW));
	DO(chmod("sym", 0600));
	STAT("f");
	DO(chmod("missing", 0600));
	DO(mkdir("d", 0755));
	DO(chmod("d", 03777));
	DO(chown("d", 0, 7));
	DO(chmod("d", 03777));
	STAT("d");
	OPEN(open("d/f", O_CREAT | O_RDWR, 02775));
	STAT("d/f");
	DO(mkdir("d/e", 0777));
	STAT("d/e");
	DO(mknod("d/p", S_IFIFO | 0666, 0));
	STAT("d/p");
	AS_NOBODY {
		OPEN(open("d/mine", O_CREAT | O_RDWR, 02775));
		STAT("d/mine");
		DO(chmod("d/mine", 02775));
		STAT("d/mine");
		DO(chown("d/mine", NOBODY, NOBODY));
		DO(chown("d/mine", 0, -1));
		DO(unlink("d/f"));
		DO(rename("d/f", "d/g"));
		DO(rmdir("d/e"));
		DO(rename("d/mine", "d/f"));
		DO(chmod("f", 0));
		DO(chown("f", NOBODY, -1));
	}
}

CONFORMS(set_id)
{
	int fd;

	touch("f", 06777);
	AS_NOBODY {
		fd = OPEN(open("f", O_RDWR));
		DO(write(fd, "k", 1));
		FSTAT(fd);
	}
	DO(chmod("f", 06777));
	AS_NOBODY {
		DO(truncate("f", 3));
		STAT("f");
	}
	DO(chmod("f", 06777));
	AS_NOBODY {
		fd = OPEN(open("f", O_RDWR | O_TRUNC));
		FSTAT(fd);
	}
	DO(chmod("f", 06777));
	AS_NOBODY {
		fd = OPEN(open("f", O_RDWR));
		DO(fallocate(fd, 0, 0, 5000));
		FSTAT(fd);
	}
	DO(chmod("f", 06767));
	AS_NOBODY {
		fd = OPEN(open("f", O_RDWR));
		DO(ftruncate(fd, 1));
		FSTAT(fd);
	}
	DO(chmod("f", 06777));
	AS_NOBODY {
		int p[2];

		if (pipe(p) || write(p[1], "spliced", 7) != 7)
			fmap_die("pipe");
		fd = OPEN(open("f", O_RDWR));
		DO(splice(p[0], NULL, fd, NULL, 7, 0));
		FSTAT(fd);
	}
	DO(chmod("f", 06777));
	AS_NOBODY {
		char *p;

		fd = OPEN(open("f", O_RDWR));
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		p[0] = 'm';
		FSTAT(fd);
	}
}

/* What statx tells that does not depend on when and where. */
static void say_statx(int line, const char *path, unsigned int flags)
{
	struct statx x = { 0 };
	const uint64_t ours = STATX_ATTR_MOUNT_ROOT;

	if (statx(AT_FDCWD, path, flags, 0x7fff, &x)) {
		fprintf(record, "%d: statx %s: %s\n", line, path, strerrorname_np(errno));
		return;
	}
	fprintf(record, "%d: statx %s: mask %x attributes %llx of %llx mode %o nlink %u ",
		line, path, x.stx_mask, (unsigned long long)(x.stx_attributes & ~ours),
		(unsigned long long)(x.stx_attributes_mask & ~ours), x.stx_mode, x.stx_nlink);
	fprintf(record, "birth %d dio %u %u\n", x.stx_btime.tv_sec > 1000000,
		((uint32_t *)&x)[38], ((uint32_t *)&x)[39]);
}

CONFORMS(statx)
{
	touch("f", 0644);
	mkdir("d", 0755);
	DO(symlink("f", "sym"));
	say_statx(__LINE__, "f", 0);
	say_statx(__LINE__, "f", AT_STATX_FORCE_SYNC);
	say_statx(__LINE__, "f", AT_STATX_DONT_SYNC);
	say_statx(__LINE__, "d", 0);
	say_statx(__LINE__, "sym", AT_SYMLINK_NOFOLLOW);
	say_statx(__LINE__, "missing", 0);
}

CONFORMS(statfs)
{
	struct statvfs v;
	int fd = open(".", O_RDONLY);

	DO(statvfs(".", &v));
	SAY("%lu %lu %lu %lu %lu", v.f_bsize, v.f_frsize, v.f_namemax, (long)v.f_blocks,
	    (long)v.f_files);
	DO(fstatvfs(fd, &v));
	SAY("%lu %lu %lu", v.f_bsize, v.f_frsize, v.f_namemax);
	SAY("PATH_MAX %ld NAME_MAX %ld", pathconf(".", _PC_PATH_MAX),
	    pathconf(".", _PC_NAME_MAX));
	DO(syncfs(fd));
}

static int by_string(const void *a, const void *b)
{
	return strcmp(*(char * const *)a, *(char * const *)b);
}

static void say_xattrs(int line, const char *path)
{
	ssize_t n = listxattr(path, buf, sizeof(buf)), at = 0;
	char *names[64], value[256];
	int i, count = 0;

	if (n < 0)
		fprintf(record, "%d: xattrs: %s\n", line, strerrorname_np(errno));
	while (at < n && count < 64) {
		names[count++] = buf + at;
		at += strlen(buf + at) + 1;
	}
	qsort(names, count, sizeof(names[0]), by_string);
	for (i = 0; i < count; i++)
		fprintf(record, "%d: xattr %s, %zd bytes\n", line, names[i],
			getxattr(path, names[i], value, sizeof(value)));
}

CONFORMS(xattrs)
{
	static const char * const names[] = {
		"user.a", "user.", "user", "trusted.t", "security.x", "security.capability",
		"system.x", "system.posix_acl_access", "foo.bar", "btrfs.compression",
	};
	static char big[70000];
	unsigned int i;

	touch("f", 0644);
	mkdir("d", 0755);
	DO(symlink("f", "sym"));
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		SAY("%s", names[i]);
		DO(getxattr("f", names[i], buf, 100));
		DO(setxattr("f", names[i], "value", 5, 0));
		DO(setxattr("f", names[i], "v", 1, XATTR_CREATE));
		DO(setxattr("f", names[i], "other", 5, XATTR_REPLACE));
		DO(getxattr("f", names[i], buf, 100));
		DO(getxattr("f", names[i], NULL, 0));
		DO(getxattr("f", names[i], buf, 1));
		DO(setxattr("d", names[i], "v", 1, 0));
		DO(lsetxattr("sym", names[i], "v", 1, 0));
		say_xattrs(__LINE__, "f");
		AS_NOBODY {
			DO(getxattr("f", names[i], buf, 100));
			DO(setxattr("f", names[i], "v", 1, 0));
		}
		DO(removexattr("f", names[i]));
		DO(removexattr("f", names[i]));
	}
	memset(buf, 'x', sizeof(buf));
	DO(setxattr("f", "user.big", buf, 2000, 0));
	DO(setxattr("f", "user.bigger", buf, 60000, 0));
	DO(setxattr("f", "user.huge", big, sizeof(big), 0));
	DO(setxattr("f", "user.empty", buf, 0, 0));
	DO(listxattr("f", buf, 1) < 0);
	DO(listxattr("f", NULL, 0) >= 0);
	say_xattrs(__LINE__, "f");
	say_xattrs(__LINE__, "d");
}

CONFORMS(acls)
{
	unsigned char acl[64] = { 2 }, *p = acl + 4;
	int fd;

	acl_entry(&p, 0x01, 6, -1);
	acl_entry(&p, 0x02, 7, NOBODY);
	acl_entry(&p, 0x04, 4, -1);
	acl_entry(&p, 0x08, 5, NOBODY);
	acl_entry(&p, 0x10, 7, -1);
	acl_entry(&p, 0x20, 0, -1);
	touch("f", 0600);
	mkdir("d", 0755);
	DO(setxattr("f", "system.posix_acl_access", acl, p - acl, 0));
	STAT("f");
	DO(getxattr("f", "system.posix_acl_access", buf, 100));
	SAY("as set %d", !memcmp(buf, acl, p - acl));
	AS_NOBODY {
		fd = OPEN(open("f", O_RDWR));
		DO(write(fd, "x", 1));
		DO(setxattr("f", "system.posix_acl_access", acl, p - acl, 0));
	}
	DO(chmod("f", 0640));
	STAT("f");
	DO(getxattr("f", "system.posix_acl_access", buf, 100));
	AS_NOBODY {
		OPEN(open("f", O_RDWR));
		OPEN(open("f", O_RDONLY));
	}
	DO(setxattr("d", "system.posix_acl_default", acl, p - acl, 0));
	umask(077);
	OPEN(open("d/f", O_CREAT | O_RDWR, 0666));
	STAT("d/f");
	DO(getxattr("d/f", "system.posix_acl_access", buf, 100));
	DO(mkdir("d/e", 0777));
	STAT("d/e");
	DO(getxattr("d/e", "system.posix_acl_default", buf, 100));
	OPEN(open("d", O_TMPFILE | O_RDWR, 0666));
	say_xattrs(__LINE__, "d");
	DO(setxattr("f", "system.posix_acl_default", acl, p - acl, 0));
	acl[0] = 99;
	DO(setxattr("f", "system.posix_acl_access", acl, p - acl, 0));
	DO(removexattr("f", "system.posix_acl_access"));
	DO(removexattr("d", "system.posix_acl_default"));
	STAT("f");
	DO(getxattr("f", "system.posix_acl_access", buf, 100));
	AS_NOBODY {
		OPEN(open("f", O_RDONLY));
	}
}

CONFORMS(permission)
{
	static const mode_t modes[] = { 0, 0444, 0222, 0111, 0666, 0755, 0700, 0070, 0007 };
	unsigned int i;

	mkdir("d", 0755);
	touch("d/f", 0644);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		SAY("mode %o", modes[i]);
		chmod("d/f", modes[i]);
		AS_NOBODY {
			OPEN(open("d/f", O_RDONLY));
			OPEN(open("d/f", O_WRONLY));
			OPEN(open("d/f", O_RDWR | O_TRUNC));
			OPEN(open("d/f", O_RDONLY | O_NOATIME));
			DO(access("d/f", R_OK));
			DO(access("d/f", W_OK));
			DO(access("d/f", X_OK));
			DO(truncate("d/f", 0));
			DO(execl("d/f", "f", NULL));
		}
		DO(access("d/f", X_OK));
		chmod("d/f", 0644);
		chmod("d", modes[i]);
		AS_NOBODY {
			STAT("d/f");
			OPEN(open("d/f", O_RDONLY));
			OPEN(open("d/new", O_CREAT | O_RDWR, 0600));
			OPEN(open("d", O_RDONLY));
			DO(chdir("d"));
			DO(unlink("d/new"));
			DO(mkdir("d/e", 0777));
			DO(rmdir("d/e"));
			DO(rename("d/f", "d/g"));
			DO(rename("d/g", "d/f"));
			DO(link("d/f", "d/l"));
			DO(unlink("d/l"));
		}
		chmod("d", 0755);
	}
	DO(rmdir("d/e"));
	LIST("d");
}

CONFORMS(flags)
{
	static const long tries[] = {
		FS_NOATIME_FL, FS_SYNC_FL, FS_NODUMP_FL, FS_APPEND_FL, FS_IMMUTABLE_FL,
		FS_DIRSYNC_FL, FS_NOCOW_FL, FS_COMPR_FL,
	};
	struct fsxattr x = { 0 };
	unsigned int i;
	long flags;
	int fd, dir, w;

	touch("f", 0644);
	mkdir("d", 0755);
	fd = open("f", O_RDONLY);
	dir = open("d", O_RDONLY);
	flags = 0;
	DO(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	SAY("%lx", flags);
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		SAY("flag %lx", tries[i]);
		flags = tries[i];
		DO(ioctl(fd, FS_IOC_SETFLAGS, &flags));
		DO(ioctl(fd, FS_IOC_GETFLAGS, &flags));
		SAY("%lx", flags);
		say_statx(__LINE__, "f", 0);
		w = OPEN(open("f", O_WRONLY));
		DO(write(w, "x", 1));
		close(w);
		w = OPEN(open("f", O_WRONLY | O_APPEND));
		DO(write(w, "x", 1));
		DO(fcntl(w, F_SETFL, 0));
		DO(ftruncate(w, 0));
		close(w);
		DO(chmod("f", 0600));
		DO(link("f", "l"));
		DO(unlink("l"));
		DO(rename("f", "g"));
		DO(rename("g", "f"));
		DO(setxattr("f", "user.a", "x", 1, 0));
		flags = tries[i];
		DO(ioctl(dir, FS_IOC_SETFLAGS, &flags));
		OPEN(open("d/new", O_CREAT | O_RDWR, 0600));
		DO(unlink("d/new"));
		DO(rename("d", "e"));
		DO(rename("e", "d"));
		flags = 0;
		DO(ioctl(fd, FS_IOC_SETFLAGS, &flags));
		DO(ioctl(dir, FS_IOC_SETFLAGS, &flags));
		unlink("d/new");
		unlink("l");
	}
	DO(ioctl(fd, FS_IOC_FSGETXATTR, &x));
	SAY("%x %u %u", x.fsx_xflags, x.fsx_extsize, x.fsx_projid);
	x.fsx_projid = 42;
	DO(ioctl(fd, FS_IOC_FSSETXATTR, &x));
	DO(ioctl(fd, FS_IOC_FSGETXATTR, &x));
	SAY("%x %u %u", x.fsx_xflags, x.fsx_extsize, x.fsx_projid);
	x.fsx_xflags = FS_XFLAG_NODUMP;
	DO(ioctl(dir, FS_IOC_FSSETXATTR, &x));
	DO(ioctl(dir, FS_IOC_FSGETXATTR, &x));
	SAY("%x", x.fsx_xflags);
	x.fsx_xflags = 0x40000000;
	DO(ioctl(fd, FS_IOC_FSSETXATTR, &x));
	DO(ioctl(fd, FS_IOC_GETFLAGS, (void *)8));
	AS_NOBODY {
		flags = FS_NODUMP_FL;
		/* Where there are none, ENOTTY below and EPERM above. */
		if (!DO(ioctl(fd, FS_IOC_GETFLAGS, &flags)))
			DO(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	}
	DO(ioctl(fd, FIGETBSZ, &w));
	SAY("%d", w);
	DO(ioctl(fd, FIONREAD, &w));
	SAY("%d", w);
	DO(ioctl(fd, 0x12345, &w));
	DO(ioctl(dir, 0x12345, &w));
	DO(ioctl(fd, TCGETS, buf));
}

#ifdef __x86_64__
/* ioctl() as a 32-bit program does it; @arg is below 4 GiB. Return: -errno too. */
static long ioctl_32(int fd, unsigned int cmd, void *arg)
{
	long ret = 54;

	asm volatile("int $0x80" : "+a"(ret) : "b"(fd), "c"(cmd), "d"(arg)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

/* Not where they are configured out. */
static bool runs_32_bit_calls(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(ioctl_32(-1, 0, NULL) != -EBADF);
	return waitpid(pid, &status, 0) == pid && !status;
}

CONFORMS(flags_32_bit)
{
	int *low = mmap(NULL, fmap_page(), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	int fd;

	touch("f", 0644);
	fd = OPEN(open("f", O_RDONLY));
	if (low == MAP_FAILED || !runs_32_bit_calls())
		return;
	DO(ioctl_32(fd, FS_IOC32_GETFLAGS, low));
	SAY("%x", *low);
	*low = FS_NODUMP_FL;
	DO(ioctl_32(fd, FS_IOC32_SETFLAGS, low));
	DO(ioctl_32(fd, FS_IOC32_GETFLAGS, low));
	SAY("%x", *low);
	DO(ioctl_32(fd, 0x12345, low));
	munmap(low, fmap_page());
}
#endif

/* --- freezing --------------------------------------------------------------------------------- */

/* Is a writer held up? It is let go by a thaw. */
static pid_t say_writer(int line, const char *name)
{
	int status;
	pid_t pid;

	fflush(record);
	pid = fork();
	if (!pid)
		_exit(mknod(name, S_IFREG | 0600, 0) ? errno : 0);
	usleep(300000);
	fprintf(record, "%d: the writer waits: %d\n", line, !waitpid(pid, &status, WNOHANG));
	return pid;
}

CONFORMS(freeze)
{
	int fd = open(".", O_RDONLY), below = open(fmap_lower(), O_RDONLY), status;
	pid_t pid;

	AS_NOBODY {
		DO(ioctl(fd, FIFREEZE, 0));
		DO(ioctl(fd, FITHAW, 0));
	}
	DO(ioctl(fd, FITHAW, 0));
	if (DO(ioctl(fd, FIFREEZE, 0)))
		return;
	DO(ioctl(fd, FIFREEZE, 0));
	DO(ioctl(below, FIFREEZE, 0));
	pid = say_writer(__LINE__, "new");
	STAT(".");
	DO(ioctl(fd, FITHAW, 0));
	waitpid(pid, &status, 0);
	SAY("the writer: %d", WEXITSTATUS(status));
	DO(ioctl(below, FITHAW, 0));
	/* One by one way, one by the other */
	DO(ioctl(below, FIFREEZE, 0));
	pid = say_writer(__LINE__, "newer");
	DO(ioctl(fd, FITHAW, 0));
	waitpid(pid, &status, 0);
	SAY("the writer: %d", WEXITSTATUS(status));
	LIST(".");
}

/* --- over an idmapped mount ---------------------------------------------------------------- */

/* Users below 10000 and those below 20000 change places. */
static const char swapped[] = "0 10000 10000\n10000 0 10000\n20000 20000 45536\n";

static void write_map(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, swapped, sizeof(swapped) - 1) < 0)
		fmap_die("%s", path);
	close(fd);
}

static int swapped_userns(void)
{
	char path[64];
	int fd, ready[2];
	pid_t pid;
	char c;

	if (pipe(ready))
		fmap_die("pipe");
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWUSER) || write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	if (read(ready[0], &c, 1) != 1)
		fmap_die("user namespace");
	write_map(pid, "uid_map");
	write_map(pid, "gid_map");
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = open(path, O_RDONLY);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return fd;
}

/* An idmapped mount of @lower at @dir; the errno if there can be none. */
static int mount_swapped(const char *lower, const char *dir)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	int tree = open_tree(AT_FDCWD, lower, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	attr.userns_fd = swapped_userns();
	if (tree < 0 || (int)attr.userns_fd < 0)
		fmap_die("open_tree");
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)))
		return errno;
	if (move_mount(tree, "", AT_FDCWD, dir, MOVE_MOUNT_F_EMPTY_PATH))
		fmap_die("move_mount");
	return 0;
}

/* A mount namespace of our own, with a tmpfs at @at. */
static void private_place(char *at)
{
	if (!mkdtemp(at) || unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", at, "tmpfs", 0, "mode=755"))
		fmap_die("%s", at);
}

static void leave_private_place(const char *at)
{
	umount2(at, MNT_DETACH);
	rmdir(at);
}

/* Which ids the lower files would get, there is nobody to say. */
TEST(idmapped_above_refused)
{
	char at[] = "/tmp/idmapped-XXXXXX";

	private_place(at);
	EXPECT_EQ(EINVAL, mount_swapped(fmap_mnt(), at));
	leave_private_place(at);
}

TEST(same_idmapped)
{
	char at[] = "/tmp/idmapped-XXXXXX";
	struct fmap_path below, above;
	int err;

	private_place(at);
	below = fmap_at(at, "below");
	above = fmap_at(at, "above");
	mkdir(below.s, 0755);
	mkdir(above.s, 0755);
	err = mount_swapped(fmap_lower(), below.s);
	if (err)
		SKIP(return, "no idmapped mounts of %s: %s", fmap_lowerfs(), strerror(err));
	ASSERT_EQ(0, mount(below.s, above.s, "fmapfs", 0, NULL));
	setenv("FMAP_LOWER", below.s, 1);
	setenv("FMAP_MNT", above.s, 1);
	EXPECT_EQ(0, compare_script(owners_script, "idmapped"));
	EXPECT_EQ(0, compare_script(acls_script, "idmapped"));
	EXPECT_EQ(0, compare_script(permission_script, "idmapped"));
	leave_private_place(at);
}

FMAP_TEST_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * The mount answers as the lower filesystem does: names, links, directories,
 * special files, handles, events, programs and locks.
 */
#include <linux/fs.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "conformance.h"

/* --- open and create ------------------------------------------------------------------ */

CONFORMS(create)
{
	int fd;

	fd = OPEN(open("f", O_CREAT | O_EXCL | O_RDWR, 0640));
	FSTAT(fd);
	DO(write(fd, "hello world", 11));
	STAT("f");
	close(fd);
	OPEN(open("f", O_CREAT | O_EXCL | O_RDWR, 0640));
	fd = OPEN(open("f", O_CREAT | O_RDWR, 0600));
	DATA(fd);
	close(fd);
	fd = OPEN(open("f", O_TRUNC | O_WRONLY));
	FSTAT(fd);
	DO(read(fd, buf, 1));
	close(fd);
	OPEN(open("missing", O_RDONLY));
	OPEN(open("f/x", O_RDONLY));
	OPEN(open("f", O_RDONLY | O_DIRECTORY));
	OPEN(open("missing/f", O_CREAT | O_RDWR, 0600));
	umask(077);
	OPEN(open("masked", O_CREAT | O_RDWR, 0666));
	STAT("masked");
	umask(022);
	OPEN(open("odd name \t\n\"'*", O_CREAT | O_RDWR, 06777));
	STAT("odd name \t\n\"'*");
	OPEN(open("", O_CREAT | O_RDWR, 0600));
	memset(buf, 'n', 255);
	buf[255] = '\0';
	OPEN(open(buf, O_CREAT | O_RDWR, 0600));
	buf[255] = 'n';
	buf[256] = '\0';
	OPEN(open(buf, O_CREAT | O_RDWR, 0600));
	LIST(".");
	fd = OPEN(open("f", O_PATH));
	DO(read(fd, buf, 1));
	FSTAT(fd);
	DO(fchmod(fd, 0600));
	OPEN(open("f", O_RDONLY | O_NOATIME));
	DO(truncate("f", 5));
	STAT("f");
	DO(truncate("f", -1));
	DO(truncate("missing", 0));
	DO(truncate(".", 0));
	DO(truncate("f", 1LL << 62));
	DO(mknod("node", S_IFREG | 0644, 0));
	STAT("node");
	OPEN(creat("f", 0600));
	STAT("f");
}

CONFORMS(directories)
{
	char name[32];
	int fd, i, n;
	long pos = 0;
	DIR *d;

	DO(mkdir("d", 0755));
	DO(mkdir("d", 0755));
	DO(mkdir("d/e", 01777));
	DO(mkdir("missing/e", 0755));
	STAT("d");
	STAT("d/e");
	STAT(".");
	DO(rmdir("d"));
	DO(rmdir("missing"));
	DO(rmdir("d/e/.."));
	DO(rmdir("d/e/."));
	DO(unlink("d"));
	touch("f", 0644);
	DO(rmdir("f"));
	OPEN(open("d", O_RDWR));
	OPEN(open("d", O_CREAT | O_RDWR, 0600));
	fd = OPEN(open("d", O_RDONLY | O_DIRECTORY));
	DO(read(fd, buf, 1));
	DO(write(fd, buf, 1));
	DO(fsync(fd));
	DO(fdatasync(fd));
	DO(flock(fd, LOCK_EX | LOCK_NB));
	DO(lseek(fd, 0, SEEK_SET));
	DO(ftruncate(fd, 0));
	DO(fallocate(fd, 0, 0, 1));
	DO((long)mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0));
	OPEN(openat(fd, "e", O_RDONLY));
	DO(fchdir(fd));
	STAT("e");
	DO(chdir(".."));
	close(fd);

	mkdir("many", 0755);
	for (i = 0; i < 300; i++) {
		sprintf(name, "many/file%03d", i);
		close(open(name, O_CREAT | O_WRONLY, 0644));
	}
	LIST("many");
	d = opendir("many");
	for (n = 0; readdir(d); n++)
		if (n == 100)
			pos = telldir(d);
	SAY("%d entries", n);
	seekdir(d, pos);
	for (n = 0; readdir(d); n++)
		;
	SAY("%d entries after seekdir", n);
	rewinddir(d);
	for (i = 0; i < 300; i += 3) {
		sprintf(name, "many/file%03d", i);
		unlink(name);
	}
	rewinddir(d);
	for (n = 0; readdir(d); n++)
		;
	SAY("%d entries left", n);
	closedir(d);
	DO(rmdir("many"));
	LIST("many");
	LIST("d");
	LIST("missing");
	LIST("f");
	/* gone while it is somebody's place */
	DO(mkdir("gone", 0755));
	fd = open("gone", O_RDONLY);
	DO(chdir("gone"));
	DO(rmdir("../gone"));
	STAT(".");
	STAT("..");
	OPEN(open("x", O_CREAT | O_RDWR, 0600));
	DO(getcwd(buf, sizeof(buf)) ? 0 : -1);
	FSTAT(fd);
	d = fdopendir(fd);
	for (n = 0; readdir(d); n++)
		;
	SAY("%d entries of a directory that is gone", n);
}

CONFORMS(tmpfile)
{
	struct stat st;
	char path[64];
	int fd;

	fd = OPEN(open(".", O_TMPFILE | O_RDWR, 0640));
	if (fd < 0)
		return;
	FSTAT(fd);
	DO(write(fd, "temporary", 9));
	LIST(".");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	DO(linkat(AT_FDCWD, path, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW));
	STAT("linked");
	FSTAT(fd);
	fstat(fd, &st);
	DO(linkat(AT_FDCWD, path, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW));
	DO(link("linked", "again"));
	STAT("again");
	DATA(fd);
	close(fd);
	fd = OPEN(open("linked", O_RDONLY));
	DATA(fd);
	close(fd);
	fd = OPEN(open(".", O_TMPFILE | O_WRONLY | O_EXCL, 0));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	DO(linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW));
	FSTAT(fd);
	DO(write(fd, "x", 1));
	DO(read(fd, buf, 1));
	close(fd);
	OPEN(open(".", O_TMPFILE | O_RDONLY, 0600));
	OPEN(open("linked", O_TMPFILE | O_RDWR, 0600));
	umask(077);
	fd = OPEN(open(".", O_TMPFILE | O_RDWR, 0666));
	FSTAT(fd);
	DO((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) > 0);
	DO(ftruncate(fd, 12345));
	FSTAT(fd);
	DO(fsync(fd));
	AS_NOBODY {
		OPEN(open(".", O_TMPFILE | O_RDWR, 0666));
	}
	LIST(".");
}

CONFORMS(unlinked)
{
	struct stat st;
	unsigned char *p;
	int fd, pathfd;

	fd = OPEN(open("f", O_CREAT | O_RDWR, 0600));
	pathfd = OPEN(open("f", O_PATH));
	DO(unlink("f"));
	STAT("f");
	DO(write(fd, "still", 5));
	FSTAT(fd);
	FSTAT(pathfd);
	DO(ftruncate(fd, 3));
	DO(fchmod(fd, 0640));
	DO(fchown(fd, 0, 0));
	DO(futimens(fd, NULL));
	FSTAT(fd);
	DATA(fd);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	SAY("mapped: %d", p[0]);
	p[1] = 'X';
	DO(msync(p, 4096, MS_SYNC));
	DATA(fd);
	DO(fsync(fd));
	/* Without hard links, EPERM below and ENOENT above. */
	if (!lower_is("vfat"))
		DO(linkat(pathfd, "", AT_FDCWD, "back", AT_EMPTY_PATH));
	snprintf(buf, sizeof(buf), "/proc/self/fd/%d", fd);
	OPEN(open(buf, O_RDWR));
	DO(fstat(pathfd, &st));
	close(fd);
	FSTAT(pathfd);
	LIST(".");
}

/* --- names ------------------------------------------------------------------------------ */

CONFORMS(links)
{
	struct stat a, b;

	touch("f", 0644);
	DO(mkdir("d", 0755));
	DO(symlink("f", "sym"));
	DO(symlink("f", "sym"));
	STAT("sym");
	DO(readlink("sym", buf, 100));
	DO(readlink("sym", buf, 0));
	DO(readlink("f", buf, 100));
	DO(symlink("loop", "loop"));
	OPEN(open("loop", O_RDONLY));
	OPEN(open("sym", O_RDONLY));
	OPEN(open("sym", O_RDONLY | O_NOFOLLOW));
	OPEN(open("sym", O_PATH | O_NOFOLLOW));
	DO(symlink("missing", "dangling"));
	OPEN(open("dangling", O_RDONLY));
	OPEN(open("dangling", O_CREAT | O_RDWR, 0600));
	STAT("missing");
	DO(symlink("", "empty"));
	DO(symlink("/etc/hostname", "absolute"));
	DO(access("absolute", R_OK));
	memset(buf, 'l', 4095);
	buf[4095] = '\0';
	DO(symlink(buf, "long"));
	DO(readlink("long", buf, 5000));
	DO(link("f", "hard"));
	STAT("hard");
	STAT("f");
	SAY("same inode %d", !stat("f", &a) && !stat("hard", &b) && a.st_ino == b.st_ino &&
	    a.st_dev == b.st_dev);
	DO(link("f", "hard"));
	DO(link("d", "dhard"));
	DO(link("sym", "symhard"));
	STAT("symhard");
	DO(linkat(AT_FDCWD, "sym", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
	STAT("followed");
	DO(link("missing2", "x"));
	DO(link("f", "/proc/x"));
	DO(unlink("hard"));
	STAT("f");
	DO(unlink("missing3"));
	DO(unlink("."));
	DO(unlinkat(AT_FDCWD, "d", 0));
	DO(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	LIST(".");
}

CONFORMS(special)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "sock" };
	int fd, s, c;

	DO(mkfifo("fifo", 0640));
	STAT("fifo");
	fd = OPEN(open("fifo", O_RDWR));
	DO(write(fd, "p", 1));
	DO(read(fd, buf, 1));
	DO(lseek(fd, 0, SEEK_SET));
	OPEN(open("fifo", O_WRONLY | O_NONBLOCK));
	close(fd);
	OPEN(open("fifo", O_WRONLY | O_NONBLOCK));
	DO(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	STAT("null");
	fd = OPEN(open("null", O_RDWR));
	DO(write(fd, "x", 1));
	DO(read(fd, buf, 1));
	DO(mknod("block", S_IFBLK | 0600, makedev(7, 99)));
	STAT("block");
	DO(mknod("whiteout", S_IFCHR, makedev(0, 0)));
	STAT("whiteout");
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	DO(bind(s, (struct sockaddr *)&addr, sizeof(addr)));
	STAT("sock");
	DO(listen(s, 1));
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	DO(connect(c, (struct sockaddr *)&addr, sizeof(addr)));
	OPEN(open("sock", O_RDWR));
	DO(chmod("fifo", 0600));
	STAT("fifo");
	DO(chown("null", 1, 2));
	STAT("null");
	LIST(".");
	DO(unlink("sock"));
	DO(connect(c, (struct sockaddr *)&addr, sizeof(addr)));
}

static int rename2(const char *from, const char *to, unsigned int flags)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
}

CONFORMS(rename)
{
	int fd;

	touch("f", 0644);
	touch("g", 0600);
	mkdir("d", 0755);
	mkdir("d/e", 0755);
	mkdir("full", 0755);
	touch("full/x", 0600);
	DO(rename("f", "h"));
	STAT("f");
	STAT("h");
	DO(rename("missing", "x"));
	DO(rename("h", "d/h"));
	DO(rename("d/h", "f"));
	DO(rename("f", "f"));
	DO(rename("d", "d/e/x"));
	DO(rename("d/e", "d"));
	DO(rename("f", "d"));
	DO(rename("d", "f"));
	DO(rename("d", "full"));
	DO(rename("d/e", "full"));
	DO(rename("full", "d/e"));
	DO(rename("d/e", "full"));
	DO(rename("f", "/tmp/elsewhere"));
	DO(rename(".", "x"));
	DO(rename("d/..", "x"));
	fd = open("g", O_RDWR);
	DO(write(fd, "of g", 4));
	DO(rename("f", "g"));
	FSTAT(fd);
	DATA(fd);
	STAT("g");
	touch("f", 0644);
	DO(rename2("f", "g", RENAME_NOREPLACE));
	DO(rename2("f", "new", RENAME_NOREPLACE));
	DO(rename2("new", "g", RENAME_EXCHANGE));
	STAT("new");
	STAT("g");
	DO(rename2("new", "missing", RENAME_EXCHANGE));
	DO(rename2("d", "g", RENAME_EXCHANGE));
	STAT("d");
	STAT("g");
	DO(rename2("d", "g", RENAME_EXCHANGE));
	DO(rename2("d/e", "full", RENAME_EXCHANGE));
	LIST("d/e");
	DO(rename2("d", "d/e", RENAME_EXCHANGE));
	DO(rename2("new", "moved", RENAME_WHITEOUT));
	STAT("new");
	STAT("moved");
	DO(rename2("moved", "x", RENAME_EXCHANGE | RENAME_NOREPLACE));
	DO(rename2("moved", "x", 0x100));
	DO(link("moved", "same"));
	DO(rename("moved", "same"));
	LIST(".");
	LIST("d");
	LIST("full");
	/* in and out of where one stands */
	DO(mkdir("deep", 0755));
	DO(mkdir("deep/er", 0755));
	DO(chdir("deep/er"));
	DO(rename("../er", "../../up"));
	STAT("..");
	LIST("..");
	DO(chdir(".."));
	LIST("up");
}

/* --- a lower filesystem that is mounted read-only -------------------------------------- */

static void set_read_only(bool ro)
{
	DO(mount(NULL, fmap_lower(), NULL, MS_REMOUNT | (ro ? MS_RDONLY : 0), NULL));
}

/* Meanwhile, so that the mount itself is not: each call finds out for itself. */
CONFORMS(read_only)
{
	int fd, dir;

	touch("f", 0644);
	touch("g", 0644);
	mkdir("d", 0755);
	DO(setxattr("f", "user.a", "x", 1, 0));
	sync();
	set_read_only(true);
	OPEN(open("new", O_CREAT | O_RDWR, 0600));
	OPEN(open("f", O_RDWR));
	OPEN(open("f", O_RDONLY | O_TRUNC));
	OPEN(open(".", O_TMPFILE | O_RDWR, 0600));
	DO(mkdir("e", 0755));
	DO(mknod("node", S_IFIFO | 0600, 0));
	DO(symlink("f", "sym"));
	DO(link("f", "l"));
	DO(unlink("g"));
	DO(rmdir("d"));
	DO(rename("f", "h"));
	DO(chmod("f", 0600));
	DO(truncate("f", 0));
	DO(setxattr("f", "user.b", "x", 1, 0));
	DO(removexattr("f", "user.a"));
	fd = OPEN(open("f", O_RDONLY));
	dir = FS_NODUMP_FL;
	DO(ioctl(fd, FS_IOC_SETFLAGS, &dir));
	DATA(fd);
	close(fd);
	LIST(".");
	set_read_only(false);
	LIST(".");
	DO(unlink("g"));
}

/* --- handles, events, programs ------------------------------------------------------------- */

CONFORMS(handles)
{
	union {
		struct file_handle h;
		char space[sizeof(struct file_handle) + 128];
	} f = { .h.handle_bytes = 128 }, d = { .h.handle_bytes = 128 };
	struct stat a, b;
	int id, fd, here = open(".", O_RDONLY);

	touch("f", 0640);
	mkdir("d", 0755);
	mkdir("d/e", 0755);
	if (DO(name_to_handle_at(AT_FDCWD, "f", &f.h, &id, 0)))
		return;
	SAY("%u bytes, type %d", f.h.handle_bytes, f.h.handle_type);
	DO(name_to_handle_at(AT_FDCWD, "d/e", &d.h, &id, 0));
	SAY("%u bytes, type %d", d.h.handle_bytes, d.h.handle_type);
	f.h.handle_bytes = 0;
	DO(name_to_handle_at(AT_FDCWD, "f", &f.h, &id, 0));
	SAY("%u bytes", f.h.handle_bytes);
	DO(name_to_handle_at(AT_FDCWD, "f", &f.h, &id, 0));
	fd = OPEN(open_by_handle_at(here, &f.h, O_RDWR));
	FSTAT(fd);
	fstat(fd, &a);
	stat("f", &b);
	SAY("the same %d", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	DO(write(fd, "by handle", 9));
	close(fd);
	/* nothing of it cached */
	sync();
	fmap_write_file("/proc/sys/vm/drop_caches", "2");
	fd = OPEN(open_by_handle_at(here, &f.h, O_RDWR));
	DATA(fd);
	DO((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) > 0);
	close(fd);
	fmap_write_file("/proc/sys/vm/drop_caches", "2");
	fd = OPEN(open_by_handle_at(here, &d.h, O_RDONLY));
	FSTAT(fd);
	DO(fchdir(fd));
	OPEN(open("made", O_CREAT | O_RDWR, 0600));
	STAT("..");
	LIST("..");
	DO(chdir("../.."));
	LIST("d/e");
	STAT("f");
	AS_NOBODY {
		OPEN(open_by_handle_at(here, &f.h, O_RDONLY));
	}
	DO(unlink("f"));
	fmap_write_file("/proc/sys/vm/drop_caches", "2");
	OPEN(open_by_handle_at(here, &f.h, O_RDONLY));
	memset(f.h.f_handle, 0xee, f.h.handle_bytes);
	OPEN(open_by_handle_at(here, &f.h, O_RDONLY));
	f.h.handle_type = 77;
	OPEN(open_by_handle_at(here, &f.h, O_RDONLY));
}

static void say_events(int line, int in)
{
	struct inotify_event *ev;
	ssize_t n = read(in, buf, sizeof(buf)), at;

	for (at = 0; at < n; at += sizeof(*ev) + ev->len) {
		ev = (struct inotify_event *)(buf + at);
		fprintf(record, "%d: event %x %s\n", line, ev->mask, ev->len ? ev->name : "");
	}
}

CONFORMS(events)
{
	int in = inotify_init1(IN_NONBLOCK), fd;

	mkdir("d", 0755);
	DO(inotify_add_watch(in, "d", IN_ALL_EVENTS));
	fd = open("d/f", O_CREAT | O_RDWR, 0600);
	DO(write(fd, "x", 1));
	DO(pread(fd, buf, 1, 0));
	close(fd);
	say_events(__LINE__, in);
	DO(chmod("d/f", 0644));
	DO(rename("d/f", "d/g"));
	DO(truncate("d/g", 0));
	say_events(__LINE__, in);
	DO(inotify_add_watch(in, "d/g", IN_ALL_EVENTS));
	DO(unlink("d/g"));
	DO(rmdir("d"));
	say_events(__LINE__, in);
}

CONFORMS(exec)
{
	int from = open("/bin/true", O_RDONLY), to, status;
	ssize_t n;

	to = open("prog", O_CREAT | O_WRONLY, 0755);
	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, n) != n)
			fmap_die("prog");
	if (!vfork()) {
		execl("./prog", "prog", NULL);
		_exit(errno == ETXTBSY ? 77 : 99);
	}
	wait(&status);
	SAY("while it is open for writing: %d", WEXITSTATUS(status));
	close(to);
	if (!vfork()) {
		execl("./prog", "prog", NULL);
		_exit(99);
	}
	wait(&status);
	SAY("%d", WEXITSTATUS(status));
	DO(chmod("prog", 0644));
	DO(access("prog", X_OK));
	if (!vfork()) {
		execl("./prog", "prog", NULL);
		_exit(errno == EACCES ? 77 : 99);
	}
	wait(&status);
	SAY("not executable: %d", WEXITSTATUS(status));
	touch("script", 0755);
	to = open("script", O_WRONLY);
	DO(write(to, "#!/bin/sh\nexit 5\n", 17));
	close(to);
	if (!vfork()) {
		execl("./script", "script", NULL);
		_exit(99);
	}
	wait(&status);
	SAY("script %d", WEXITSTATUS(status));
}

static long lock(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_start = start, .l_len = len };
	long ret = fcntl(fd, cmd, &fl);

	if (cmd == F_GETLK || cmd == F_OFD_GETLK)
		return ret ? ret : fl.l_type;
	return ret;
}

CONFORMS(locks)
{
	int fd, other;

	touch("f", 0644);
	fd = open("f", O_RDWR);
	other = open("f", O_RDWR);
	DO(flock(fd, LOCK_EX));
	DO(flock(other, LOCK_SH | LOCK_NB));
	DO(flock(fd, LOCK_SH));
	DO(flock(other, LOCK_SH | LOCK_NB));
	DO(flock(fd, LOCK_UN));
	DO(flock(other, 99));
	DO(flock(other, LOCK_UN));
	DO(lock(fd, F_SETLK, F_WRLCK, 0, 10));
	DO(lock(other, F_SETLK, F_RDLCK, 5, 10));
	DO(lock(fd, F_SETLK, F_WRLCK, -1, 10));
	DO(lock(fd, F_SETLK, 99, 0, 10));
	AS_NOBODY {
		int mine = open("f", O_RDONLY);

		DO(lock(mine, F_GETLK, F_WRLCK, 0, 100));
		DO(lock(mine, F_SETLK, F_RDLCK, 0, 10));
		DO(lock(mine, F_SETLK, F_WRLCK, 0, 10));
		DO(lock(mine, F_SETLK, F_RDLCK, 100, 10));
	}
	DO(lock(fd, F_SETLK, F_UNLCK, 0, 0));
	DO(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 10));
	DO(lock(other, F_OFD_SETLK, F_WRLCK, 5, 10));
	DO(lock(other, F_OFD_GETLK, F_WRLCK, 5, 10));
	close(fd);
	DO(lock(other, F_OFD_SETLK, F_WRLCK, 5, 10));
	close(other);
	fd = open("f", O_RDONLY);
	DO(fcntl(fd, F_SETLEASE, F_RDLCK));
	DO(fcntl(fd, F_SETLEASE, F_UNLCK));
	DO(fcntl(fd, F_GETLEASE));
	DO(fcntl(fd, F_SETLEASE, 99));
	other = open("f", O_RDWR);
	DO(fcntl(fd, F_SETLEASE, F_RDLCK));
	fd = open(".", O_RDONLY);
	DO(fcntl(fd, F_SETLEASE, F_RDLCK));
}

FMAP_TEST_MAIN

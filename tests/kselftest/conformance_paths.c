// SPDX-License-Identifier: GPL-2.0
/*
 * The mount answers as the lower filesystem does: paths. Lengths, dots, slashes,
 * odd bytes, upper and lower case, symbolic links, openat2(2), events.
 */
#include <ftw.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/fanotify.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "conformance.h"

/* Of @n bytes @c, in one of a few buffers in turn */
static const char *long_name(int n, char c)
{
	static char ring[4][8192];
	static unsigned int next;
	char *name = ring[next++ % 4];

	memset(name, c, n);
	name[n] = '\0';
	return name;
}

/* All that takes a name, with this one. */
static void use_name(int line, const char *name)
{
	struct stat st;
	int fd, i;

	fprintf(record, "%d: name of %zu bytes: ", line, strlen(name));
	for (i = 0; name[i] && i < 40; i++)
		fprintf(record, name[i] > ' ' && name[i] < 127 ? "%c" : "\\%03o",
			(unsigned char)name[i]);
	fprintf(record, "\n");
	DO(lstat(name, &st));
	fd = OPEN(open(name, O_CREAT | O_EXCL | O_RDWR, 0600));
	if (fd >= 0)
		DO(write(fd, name, 1));
	close(fd);
	STAT(name);
	DO(access(name, F_OK));
	DO(rename(name, "other"));
	STAT(name);
	DO(rename("other", name));
	DO(truncate(name, 7));
	LIST(".");
	DO(unlink(name));
	DO(mkdir(name, 0700));
	if (!DO(chdir(name)))
		DO(chdir(".."));
	DO(rmdir(name));
	DO(symlink("x", name));
	DO(readlink(name, buf, 100));
	DO(unlink(name));
	DO(mkfifo(name, 0600));
	DO(unlink(name));
	rmdir("other");
	unlink("other");
}

CONFORMS(lengths)
{
	static const int lengths[] = { 1, 8, 12, 13, 254, 255, 256, 1000, 4094, 4095, 4096 };
	char path[5000] = "";
	unsigned int i;

	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		use_name(__LINE__, long_name(lengths[i], 'n'));
	/* Of characters of three bytes each */
	for (i = 0; i < 85; i++)
		strcat(path, "\u20ac");
	use_name(__LINE__, path);
	strcat(path, "\u20ac");
	use_name(__LINE__, path);

	/* A path of PATH_MAX less one, and one longer: "./././f" */
	memset(path, '/', sizeof(path));
	for (i = 0; i < 4094; i += 2)
		path[i] = '.';
	path[4094] = 'f';
	path[4095] = '\0';
	OPEN(open(path, O_CREAT | O_RDWR, 0600));
	STAT("f");
	DO(access(path, R_OK));
	path[4095] = 'f';
	path[4096] = '\0';
	DO(access(path, R_OK));

	/* Deep, one step after the other */
	for (i = 0; i < 20; i++)
		if (DO(mkdir(long_name(250, 'd'), 0755)) || DO(chdir(long_name(250, 'd'))))
			break;
	DO(getcwd(path, 100) ? 0 : -1);
	OPEN(open("deep", O_CREAT | O_RDWR, 0600));
	STAT("deep");
}

CONFORMS(odd_names)
{
	static const char * const names[] = {
		" ", "  two ", "new\nline", "tab\there", "back\\slash", "\"quoted\"", "#hash",
		"a,b=c", "-dash", "...", "..x", "x.", "x...", "x ", ".hidden", "\1\2\3", "\177",
		"\377\376", "\300\200", "caf\303\251", "cafe\314\201", "*?<>|", "con", "a:b",
		"PROGRA~1", "%s%n", "~",
	};
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		use_name(__LINE__, names[i]);
}

static int take_away(const char *path, const struct stat *st, int type, struct FTW *at)
{
	if (at->level && remove(path))
		SAY("%s stays: %s", path, strerrorname_np(errno));
	return 0;
}

/* Whatever there is, now it is this. */
static void make_dots(void)
{
	nftw(".", take_away, 10, FTW_DEPTH | FTW_PHYS);
	touch("f", 0644);
	mkdir("d", 0755);
	if (symlink("f", "sym") | symlink("d", "dsym") | symlink("nowhere", "dangling"))
		errno = 0;
}

CONFORMS(dots)
{
	static const char * const paths[] = {
		".", "..", "./", "../", "/", "//", "d", "d/", "d//", "d/.", "d/..", "d/./", "d/../d",
		"d/../f", "f", "f/", "f/.", "f/..", "./f", ".//f", "missing", "missing/",
		"missing/.", "missing/..", "d/missing/", "", "sym", "sym/", "dsym", "dsym/",
		"dsym/.", "dsym/..", "dangling", "dangling/",
	};
	struct stat st;
	unsigned int i;

	make_dots();
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		SAY("path '%s'", paths[i]);
		DO(stat(paths[i], &st));
		STAT(paths[i]);
		OPEN(open(paths[i], O_RDONLY));
		OPEN(open(paths[i], O_RDONLY | O_DIRECTORY));
		OPEN(open(paths[i], O_RDONLY | O_NOFOLLOW));
		OPEN(open(paths[i], O_PATH | O_NOFOLLOW | O_DIRECTORY));
		OPEN(open(paths[i], O_CREAT | O_EXCL | O_RDWR, 0600));
		DO(mkdir(paths[i], 0755));
		DO(readlink(paths[i], buf, 100));
		DO(mknod(paths[i], S_IFREG | 0600, 0));
		DO(symlink("x", paths[i]));
		DO(link("f", paths[i]));
		DO(rename(paths[i], "new"));
		DO(rename("new", paths[i]));
		DO(rename("f", paths[i]));
		DO(rename(paths[i], "f"));
		DO(unlink(paths[i]));
		DO(rmdir(paths[i]));
		DO(chmod(paths[i], 0755));
		LIST(".");
		make_dots();
	}
}

/* On most filesystems these are different names; on vfat they are not. */
CONFORMS(case)
{
	char path[600];
	int fd;

	touch("Foo", 0644);
	STAT("foo");
	STAT("FOO");
	STAT("Foo");
	OPEN(open("fOO", O_CREAT | O_EXCL | O_RDWR, 0600));
	fd = OPEN(open("foo", O_RDWR));
	DO(write(fd, "by another case", 15));
	close(fd);
	STAT("Foo");
	STAT("FOO");
	LIST(".");
	DO(mkdir("Dir", 0755));
	DO(mkdir("dIR", 0755));
	touch("dir/x", 0600);
	touch("Dir/y", 0600);
	STAT("DIR/X");
	LIST("DIR");
	if (!DO(chdir("diR"))) {
		/* Known: the mount says it in the case of the last lookup. */
		if (getcwd(path, sizeof(path)) && !lower_is("vfat"))
			SAY("here: %s", strrchr(path, '/'));
		DO(chdir(".."));
	}
	/* A name that is not there, then is */
	STAT("bar");
	STAT("Bar");
	touch("BAR", 0600);
	STAT("bar");
	STAT("Bar");
	LIST(".");
	DO(rename("bar", "baz"));
	STAT("BAR");
	STAT("Baz");
	DO(rename("Baz", "BAZ"));
	DO(rename("DIR", "dir"));
	DO(rename("Foo", "foo"));
	LIST(".");
	DO(rename("foo", "BAZ"));
	STAT("Foo");
	STAT("baZ");
	touch("Foo", 0600);
	STAT("foo");
	DO(unlink("fOo"));
	STAT("Foo");
	STAT("foo");
	OPEN(open("FOO", O_CREAT | O_EXCL | O_RDWR, 0600));
	STAT("foo");
	DO(renameat2(AT_FDCWD, "foo", AT_FDCWD, "Foo", RENAME_NOREPLACE));
	DO(renameat2(AT_FDCWD, "foo", AT_FDCWD, "BAZ", RENAME_EXCHANGE));
	DO(unlink("dIr/X"));
	DO(unlink("dIr/Y"));
	DO(rmdir("dIR"));
	STAT("Dir");
	LIST(".");
}

CONFORMS(symlinks)
{
	char name[16], target[16];
	struct stat st;
	int i;

	touch("f", 0644);
	mkdir("d", 0755);
	if (DO(symlink("f", "l0")))
		return;
	for (i = 1; i < 45; i++) {
		sprintf(name, "l%d", i);
		sprintf(target, "l%d", i - 1);
		symlink(target, name);
	}
	DO(stat("l38", &st));
	DO(stat("l39", &st));
	DO(stat("l40", &st));
	DO(stat("l44", &st));
	DO(symlink("b", "a"));
	DO(symlink("a", "b"));
	DO(stat("a", &st));
	OPEN(open("a", O_CREAT | O_RDWR, 0600));
	DO(mkdir("a", 0700));
	DO(symlink("../d", "d/back"));
	DO(stat("d/back/back/back/back/back", &st));
	DO(symlink("d/new", "to-new"));
	OPEN(open("to-new", O_CREAT | O_RDWR, 0600));
	STAT("d/new");
	DO(unlink("d/new"));
	OPEN(open("to-new", O_CREAT | O_EXCL | O_RDWR, 0600));
	OPEN(open("to-new", O_CREAT | O_NOFOLLOW | O_RDWR, 0600));
	DO(mkdir("to-new", 0700));
	DO(mkdir("to-new/", 0700));
	DO(symlink("/proc/self/cwd/f", "magic"));
	OPEN(open("magic", O_RDONLY));
	DO(symlink(long_name(4095, 'a'), "longest"));
	STAT("longest");
	DO(symlink(long_name(4096, 'a'), "too-long"));
	DO(stat("longest", &st));
	DO(symlink(long_name(59, 'b'), "short"));
	DO(symlink(long_name(60, 'c'), "inline"));
	STAT("short");
	STAT("inline");
	DO(readlink("inline", buf, 10));
	DO(readlink("longest", buf, sizeof(buf)));
	DO(rename("l0", "f"));
	DO(stat("l10", &st));
	DO(unlink("f"));
	DO(linkat(AT_FDCWD, "a", AT_FDCWD, "a2", 0));
	DO(linkat(AT_FDCWD, "a", AT_FDCWD, "a3", AT_SYMLINK_FOLLOW));
	DO(chmod("a", 0600));
	DO(lchown("a", 1, 1));
	STAT("a");
	LIST(".");
}

CONFORMS(openat2)
{
	static const uint64_t resolves[] = {
		0, RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH,
		RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH, 0x1000,
	};
	static const char * const paths[] = {
		"f", "d/f", "d/../f", "../x", "sym", "dsym/f", "out", "abs", "magic", ".", "..", "/f",
		"/", "d/../../x", "new",
	};
	struct open_how how = { 0 };
	unsigned int i, j;
	int dir;

	touch("f", 0644);
	mkdir("d", 0755);
	touch("d/f", 0644);
	if (symlink("f", "sym") | symlink("d", "dsym") | symlink("../../etc", "out") |
	    symlink("/f", "abs") | symlink("/proc/self/exe", "magic"))
		errno = 0;
	dir = open(".", O_PATH);
	for (i = 0; i < sizeof(resolves) / sizeof(resolves[0]); i++) {
		for (j = 0; j < sizeof(paths) / sizeof(paths[0]); j++) {
			SAY("resolve %llx %s", (unsigned long long)resolves[i], paths[j]);
			how.resolve = resolves[i];
			how.flags = O_RDONLY;
			OPEN(syscall(SYS_openat2, dir, paths[j], &how, sizeof(how)));
			how.flags = O_PATH | O_NOFOLLOW;
			OPEN(syscall(SYS_openat2, dir, paths[j], &how, sizeof(how)));
		}
		how.flags = O_CREAT | O_EXCL | O_RDWR;
		how.mode = 0600;
		OPEN(syscall(SYS_openat2, dir, "created", &how, sizeof(how)));
		DO(unlink("created"));
		how.mode = 0;
	}
	/* What is in the cache is found without waiting, if nothing has changed. */
	how.flags = O_RDONLY;
	how.resolve = RESOLVE_CACHED;
	STAT("d/f");
	OPEN(syscall(SYS_openat2, dir, "d/f", &how, sizeof(how)));
	OPEN(syscall(SYS_openat2, dir, "d", &how, sizeof(how)));
	how.flags = O_RDWR | O_CREAT;
	OPEN(syscall(SYS_openat2, dir, "created", &how, sizeof(how)));
	how.flags = O_RDWR | 1 << 30;
	how.resolve = 0;
	OPEN(syscall(SYS_openat2, dir, "f", &how, sizeof(how)));
	how.flags = O_RDWR;
	how.mode = 0600;
	OPEN(syscall(SYS_openat2, dir, "f", &how, sizeof(how)));
}

/* --- fanotify --------------------------------------------------------------------- */

static void say_notes(int line, int fan)
{
	struct fanotify_event_metadata *ev;
	ssize_t n = read(fan, buf, sizeof(buf));

	for (ev = (void *)buf; FAN_EVENT_OK(ev, n); ev = FAN_EVENT_NEXT(ev, n)) {
		fprintf(record, "%d: note %llx, %u bytes\n", line, (unsigned long long)ev->mask,
			ev->event_len);
		if (ev->fd >= 0)
			close(ev->fd);
	}
}

static void make_events(void)
{
	int fd = open("d/f", O_CREAT | O_RDWR, 0600);

	DO(write(fd, "x", 1));
	DO(pread(fd, buf, 1, 0));
	close(fd);
	DO(chmod("d/f", 0640));
	DO(truncate("d/f", 0));
	DO(rename("d/f", "d/g"));
	DO(mkdir("d/e", 0700));
	DO(rmdir("d/e"));
	DO(unlink("d/g"));
}

CONFORMS(fanotify)
{
	const uint64_t plain = FAN_ACCESS | FAN_MODIFY | FAN_OPEN | FAN_CLOSE |
			       FAN_EVENT_ON_CHILD | FAN_ONDIR;
	const uint64_t names = FAN_CREATE | FAN_DELETE | FAN_MOVE | FAN_ATTRIB;
	int fan;

	mkdir("d", 0755);
	fan = OPEN(fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK, O_RDONLY));
	DO(fanotify_mark(fan, FAN_MARK_ADD, plain, AT_FDCWD, "d"));
	make_events();
	say_notes(__LINE__, fan);
	close(fan);
	fan = OPEN(fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_REPORT_DFID_NAME, O_RDONLY));
	if (DO(fanotify_mark(fan, FAN_MARK_ADD, plain | names, AT_FDCWD, "d")) == 0) {
		make_events();
		say_notes(__LINE__, fan);
	}
	close(fan);
}

/* Somebody who is asked says no. */
CONFORMS(fanotify_permission)
{
	struct fanotify_response no = { .response = FAN_DENY };
	struct fanotify_event_metadata ev;
	int fan, status;
	pid_t pid;

	touch("f", 0644);
	fan = OPEN(fanotify_init(FAN_CLASS_CONTENT, O_RDONLY));
	if (DO(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, "f")))
		return;
	pid = fork();
	if (!pid)
		_exit(open("f", O_RDONLY) < 0 ? errno : 0);
	DO(read(fan, &ev, sizeof(ev)));
	SAY("%llx", (unsigned long long)ev.mask);
	no.fd = ev.fd;
	DO(write(fan, &no, sizeof(no)));
	waitpid(pid, &status, 0);
	SAY("the open: %s", strerrorname_np(WEXITSTATUS(status)));
}

/* --- in a user namespace ----------------------------------------------------------------- */

static void map_to_nobody(const char *name)
{
	char path[64], map[32];
	int fd, n = snprintf(map, sizeof(map), "0 %d 1", NOBODY);

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, map, n) != n)
		SAY("no %s", name);
	close(fd);
}

/* Root there is nobody here. */
CONFORMS(user_namespace)
{
	int fd;

	touch("f", 0644);
	mkdir("open", 0777);
	DO(chmod("open", 0777));
	mkdir("closed", 0755);
	touch("closed/f", 0600);
	touch("set-id", 06755);
	AS_NOBODY {
		DO(unshare(CLONE_NEWUSER | CLONE_NEWNS));
		fmap_write_file("/proc/self/setgroups", "deny");
		map_to_nobody("uid_map");
		map_to_nobody("gid_map");
		SAY("uid %d", getuid());
		STAT("f");
		DO(chmod("f", 0600));
		DO(chown("f", 0, 0));
		OPEN(open("f", O_WRONLY));
		OPEN(open("closed/f", O_RDONLY));
		OPEN(open("closed/g", O_CREAT | O_RDWR, 0600));
		fd = OPEN(open("open/mine", O_CREAT | O_RDWR, 06777));
		FSTAT(fd);
		DO(fchmod(fd, 06777));
		DO(fchown(fd, 0, 0));
		DO(fchown(fd, 1, 1));
		FSTAT(fd);
		DO(mknod("open/null", S_IFCHR | 0666, makedev(1, 3)));
		DO(mkdir("open/d", 02777));
		STAT("open/d");
		DO(setxattr("open/mine", "trusted.a", "x", 1, 0));
		DO(setxattr("open/mine", "security.a", "x", 1, 0));
		DO(setxattr("open/mine", "user.a", "x", 1, 0));
		DO(mount("open", "open", NULL, MS_BIND, NULL));
		OPEN(open("open/bound", O_CREAT | O_RDWR, 0600));
		DO(mount(NULL, "open", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
		OPEN(open("open/bound", O_RDWR));
		DO(umount("open"));
		OPEN(open("open/bound", O_RDWR));
		DO(mount("open", "open", "fmapfs", 0, NULL));
		DO(mount("none", "open", "tmpfs", 0, NULL));
		LIST("open");
	}
	STAT("open/mine");
	LIST("open");
}

FMAP_TEST_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Who may do what: the mount allows nothing that the lower filesystem refuses,
 * and refuses nothing that it allows.
 *
 * Situations are generated: owner, mode, sticky and set-group-ID bit, ACLs,
 * immutable and append-only flags of a directory and a file in it, the umask, the
 * sysctls fs.protected_*. In each of them every caller tries every operation, in
 * one tree of the lower filesystem and in one of the mount; the result must be
 * the same, and so must what it leaves behind.
 *
 *	FMAP_RULES=N	situations (default 6)
 *	FMAP_SEED=N	which ones (default 1)
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "conformance.h"

#define OWNER	1000
#define MEMBER	1001
#define OTHER	1002
#define GROUP	2000

#define CAP(name)	(1ULL << CAP_##name)
#define ALL_CAPS	(~0ULL)

/* --- callers --------------------------------------------------------------------- */

static const struct caller {
	const char *name;
	uid_t uid;
	gid_t group;
	uint64_t caps;
} callers[] = {
	{ "root", 0, 0, ALL_CAPS },
	{ "owner", OWNER, OWNER, 0 },
	{ "member", MEMBER, GROUP, 0 },
	{ "other", OTHER, OTHER, 0 },
	{ "root that DAC binds", 0, 0,
	  ALL_CAPS & ~(CAP(DAC_OVERRIDE) | CAP(DAC_READ_SEARCH)) },
	{ "root that owners bind", 0, 0,
	  ALL_CAPS & ~(CAP(FOWNER) | CAP(FSETID) | CAP(CHOWN) | CAP(LINUX_IMMUTABLE)) },
	{ "other with FOWNER", OTHER, GROUP, CAP(FOWNER) },
};

#define NR_CALLERS	(sizeof(callers) / sizeof(callers[0]))

/* Those of @caps that the process has; the others stay within reach. */
static void set_caps(uint64_t caps)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data))
		fmap_die("capget");
	data[0].effective = data[0].permitted & caps;
	data[1].effective = data[1].permitted & caps >> 32;
	if (syscall(SYS_capset, &head, data))
		fmap_die("capset");
}

/* The saved uid is the way back. */
static void become_root(void)
{
	if (setresuid(0, 0, 0) || setresgid(0, 0, 0))
		fmap_die("becoming root");
	set_caps(ALL_CAPS);
}

static void become(const struct caller *c)
{
	gid_t gid = c->uid;

	if (setgroups(1, &c->group) || setresgid(gid, gid, 0) || setresuid(c->uid, c->uid, 0))
		fmap_die("becoming %s", c->name);
	if (c->caps != ALL_CAPS)
		set_caps(c->caps);
}

/* --- situations --------------------------------------------------------------------- */

enum acl { ACL_NONE, ACL_ALLOWS_USER, ACL_REFUSES_USER, ACL_MASKS_GROUP, ACL_REFUSES_GROUP,
	   NR_ACLS };

struct node {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	enum acl acl;
	enum acl inherited;	/* a directory's default ACL */
	long flags;
};

struct situation {
	struct node dir;
	struct node file;
	mode_t umask;
	int protection;		/* fs.protected_* */
	bool below;		/* made directly in the lower filesystem, on both sides */
};

static uint64_t seed;

static unsigned int pick(unsigned int n)
{
	return fmap_rand(&seed) % n;
}

#define PICK(array)	((array)[pick(sizeof(array) / sizeof((array)[0]))])

static struct situation situation_of(int number)
{
	static const mode_t dir_modes[] = { 0777, 0755, 0775, 0700, 0711, 0733, 0557, 0770, 0707, 0 };
	static const mode_t file_modes[] = { 0644, 0666, 0600, 0640, 0755, 06755, 02765, 0066, 0 };
	static const uid_t uids[] = { 0, OWNER, OWNER, OTHER };
	static const gid_t gids[] = { 0, OWNER, GROUP, GROUP };
	static const mode_t umasks[] = { 0, 022, 077 };
	static const long flags[] = { 0, 0, 0, 0, FS_APPEND_FL, FS_IMMUTABLE_FL };
	struct situation s = { 0 };

	seed = (number + 1) * 0x9e3779b97f4a7c15ULL;
	s.dir.mode = PICK(dir_modes) | (pick(3) ? 0 : 01000) | (pick(3) ? 0 : 02000);
	s.dir.uid = PICK(uids);
	s.dir.gid = PICK(gids);
	s.dir.acl = pick(2) ? ACL_NONE : pick(NR_ACLS);
	s.dir.inherited = pick(2) ? ACL_NONE : pick(NR_ACLS);
	s.dir.flags = PICK(flags);
	s.file.mode = PICK(file_modes);
	s.file.uid = PICK(uids);
	s.file.gid = PICK(gids);
	s.file.acl = pick(2) ? ACL_NONE : pick(NR_ACLS);
	s.file.flags = s.dir.flags ? 0 : PICK(flags);
	s.umask = PICK(umasks);
	s.protection = pick(3);
	s.below = number & 1;
	/* The plainest world-writable directory of all comes first. */
	if (number < 2)
		s.dir = (struct node) { 01777, 0, 0, 0, 0, 0 };
	return s;
}

static void say_situation(const struct situation *s)
{
	printf("# directory %o %d:%d acl %d default %d flags %lx, file %o %d:%d acl %d flags %lx, "
	       "umask %o, protected_* %d, made %s\n", s->dir.mode, s->dir.uid, s->dir.gid,
	       s->dir.acl, s->dir.inherited, s->dir.flags, s->file.mode, s->file.uid,
	       s->file.gid, s->file.acl, s->file.flags, s->umask, s->protection,
	       s->below ? "below" : "on each side");
}

/* --- making them; all in the current directory, as root ------------------------------ */

static void set_acl(const char *path, const char *name, enum acl acl, mode_t mode)
{
	unsigned char data[64] = { 2 }, *p = data + 4;
	static const struct { uint16_t tag, perm; uint32_t id; } named[NR_ACLS] = {
		[ACL_ALLOWS_USER] = { 0x02, 7, OTHER },
		[ACL_REFUSES_USER] = { 0x02, 0, OTHER },
		[ACL_MASKS_GROUP] = { 0x08, 7, GROUP },
		[ACL_REFUSES_GROUP] = { 0x08, 0, GROUP },
	};
	bool user = named[acl].tag == 0x02;

	if (acl == ACL_NONE)
		return;
	acl_entry(&p, 0x01, mode >> 6 & 7, -1);
	if (user)
		acl_entry(&p, 0x02, named[acl].perm, named[acl].id);
	acl_entry(&p, 0x04, mode >> 3 & 7, -1);
	if (!user)
		acl_entry(&p, 0x08, named[acl].perm, named[acl].id);
	acl_entry(&p, 0x10, acl == ACL_MASKS_GROUP ? 4 : 7, -1);
	acl_entry(&p, 0x20, mode & 7, -1);
	setxattr(path, name, data, p - data, 0);
}

/* Only those of @mask: ext4 makes another file of one that loses all its flags. */
static int change_flags(int fd, long mask, long flags)
{
	long now;

	if (ioctl(fd, FS_IOC_GETFLAGS, &now))
		return -1;
	now = (now & ~mask) | flags;
	return ioctl(fd, FS_IOC_SETFLAGS, &now);
}

static void set_flags(const char *path, long flags)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK);

	if (fd >= 0)
		change_flags(fd, FS_APPEND_FL | FS_IMMUTABLE_FL, flags);
	close(fd);
}

/* As far as the lower filesystem has these things. */
static void set_node(const char *path, const struct node *n)
{
	if (chown(path, n->uid, n->gid) | chmod(path, n->mode))
		errno = 0;
	set_acl(path, "system.posix_acl_access", n->acl, n->mode);
	set_acl(path, "system.posix_acl_default", n->inherited, n->mode);
	if (n->flags)
		set_flags(path, n->flags);
}

static void make_file_at(const char *path, const struct node *n)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);

	if (fd < 0 || write(fd, "plain text\n", 11) != 11)
		fmap_die("making %s", path);
	close(fd);
	setxattr(path, "user.a", "1", 1, 0);
	set_node(path, n);
}

static const char * const names[] = {
	"d/f", "d/g", "d/n", "d/p", "d/y", "d/s", "t/f", "t/n", "t/s",
};

#define NR_NAMES	(sizeof(names) / sizeof(names[0]))

static void unmake(const struct situation *s)
{
	unsigned int i;

	if (s->dir.flags)
		set_flags("d", 0);
	for (i = 0; i < NR_NAMES; i++) {
		if (s->file.flags && (!i || names[i][2] == 'n'))
			set_flags(names[i], 0);
		if (unlink(names[i]) && errno != ENOENT)
			rmdir(names[i]);
	}
	rmdir("d");
}

static void make(const struct situation *s)
{
	const struct node open_to_all = { .mode = 0666, .uid = OWNER, .gid = OWNER };
	const struct node of_other = { .mode = 0666, .uid = OTHER, .gid = OTHER };
	mode_t mask = umask(0);

	unmake(s);
	if (mkdir("d", 0755) || (mkdir("t", 0777) && errno != EEXIST))
		fmap_die("making directories");
	make_file_at("d/f", &s->file);
	make_file_at("d/g", &of_other);
	make_file_at("t/f", &open_to_all);
	if ((mkfifo("d/p", 0666) | symlink("../t/f", "d/y") |
	     lchown("d/p", OTHER, OTHER) | lchown("d/y", s->file.uid, s->file.gid)) &&
	    !lower_is("vfat"))
		fmap_die("making special files");
	if (mkdir("d/s", 0755) | mkdir("t/s", 0777))
		fmap_die("making directories");
	if (chown("d/s", s->file.uid, s->file.gid))
		errno = 0;
	set_node("d", &s->dir);
	umask(mask);
}

/* Owners, modes, sizes, links, ACLs of all there is. */
static uint64_t digest(void)
{
	uint64_t sum = 0;
	unsigned int i;
	struct stat st;
	char acl[100];
	ssize_t n;

	for (i = 0; i < NR_NAMES + 1; i++) {
		const char *name = i < NR_NAMES ? names[i] : "d";

		sum = sum * 0x100000001b3ULL + i;
		if (lstat(name, &st))
			continue;
		sum = sum * 1000003 + st.st_mode;
		sum = sum * 1000003 + st.st_uid;
		sum = sum * 1000003 + st.st_gid;
		if (!S_ISDIR(st.st_mode))
			sum = sum * 1000003 + st.st_nlink * 77 + st.st_size;
		if (st.st_mtime < 1000)
			sum += st.st_mtime;
		if (names[i % NR_NAMES][2] != 'n' && i != NR_NAMES)
			continue;
		n = lgetxattr(name, "system.posix_acl_access", acl, sizeof(acl));
		while (n > 0)
			sum = sum * 31 + (unsigned char)acl[--n];
		n = lgetxattr(name, "system.posix_acl_default", acl, sizeof(acl));
		while (n > 0)
			sum = sum * 31 + (unsigned char)acl[--n];
	}
	return sum;
}

/* --- operations ------------------------------------------------------------------------ */

static int here;

static long opened(int fd)
{
	struct stat st;

	if (fd < 0)
		return -1;
	fstat(fd, &st);
	close(fd);
	return st.st_mode;
}

static long closed(int fd, long ret)
{
	int err = errno;

	close(fd);
	errno = err;
	return ret;
}

static long wrote(int fd)
{
	return fd < 0 ? -1 : closed(fd, write(fd, "x", 1));
}

static long tmpfile_linked(void)
{
	int fd = open("d", O_TMPFILE | O_RDWR, 0666);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fd < 0 ? -1 : closed(fd, linkat(AT_FDCWD, path, AT_FDCWD, "d/n",
					       AT_SYMLINK_FOLLOW));
}

static long renamed(const char *from, const char *to, unsigned int flags)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
}

static long listed(const char *path)
{
	DIR *d = opendir(path);
	long n = 0;

	if (!d)
		return -1;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static long timed(const char *path, long a, long m)
{
	struct timespec t[2] = { { 5, a }, { 77, m } };

	return utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW);
}

static long flagged(const char *path, bool set)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	long flags;

	if (fd < 0)
		return -1;
	return closed(fd, set ? change_flags(fd, 0, FS_NODUMP_FL) :
			  ioctl(fd, FS_IOC_GETFLAGS, &flags));
}

static long watched(const char *path)
{
	int in = inotify_init();

	return closed(in, inotify_add_watch(in, path, IN_MODIFY));
}

static long leased(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK);

	return fd < 0 ? -1 : closed(fd, fcntl(fd, F_SETLEASE, F_RDLCK));
}

static long entered(const char *path)
{
	return chdir(path) ? -1 : fchdir(here);
}

static long handled(const char *path)
{
	union {
		struct file_handle h;
		char space[sizeof(struct file_handle) + 128];
	} h = { .h.handle_bytes = 128 };
	int id;

	return name_to_handle_at(AT_FDCWD, path, &h.h, &id, 0);
}

static long aclled(const char *path, const char *name)
{
	unsigned char data[64] = { 2 }, *p = data + 4;

	acl_entry(&p, 0x01, 6, -1);
	acl_entry(&p, 0x04, 6, -1);
	acl_entry(&p, 0x20, 4, -1);
	return setxattr(path, name, data, p - data, 0);
}

static long executed(const char *path)
{
	char * const argv[] = { "x", NULL };

	/* Of no known format: that comes after all checks. */
	return execv(path, argv);
}

static long sized(int fd)
{
	return fd < 0 ? -1 : closed(fd, ftruncate(fd, 3));
}

static long allocated(int fd)
{
	return fd < 0 ? -1 : closed(fd, fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096));
}

static long at_fd(int fd, int (*call)(int fd))
{
	return fd < 0 ? -1 : closed(fd, call(fd));
}

static int chmod_fd(int fd)
{
	return fchmod(fd, 0640);
}

static int time_fd(int fd)
{
	return futimens(fd, NULL);
}

/* What an operation that succeeds may have changed. */
enum undo { NOTHING, NEW, ALL };

/* Each is long, -1 with errno if refused. */
#define OPERATIONS(OP) \
	OP(NEW, opened(open("d/n", O_CREAT | O_EXCL | O_WRONLY, 0666))) \
	OP(NEW, opened(open("d/n", O_CREAT | O_RDONLY, 06777))) \
	OP(NOTHING, opened(open("d/f", O_CREAT | O_RDWR, 0666))) \
	OP(NOTHING, opened(open("d/g", O_CREAT | O_RDWR, 0666))) \
	OP(NOTHING, opened(open("d/f", O_CREAT | O_EXCL | O_RDWR, 0666))) \
	OP(ALL, opened(open("d/f", O_CREAT | O_TRUNC | O_WRONLY, 0666))) \
	OP(NOTHING, opened(open("d/p", O_CREAT | O_RDWR | O_NONBLOCK, 0666))) \
	OP(NOTHING, opened(open("d/s", O_CREAT | O_RDONLY, 0666))) \
	OP(NOTHING, opened(open("d", O_TMPFILE | O_RDWR, 02777))) \
	OP(NEW, tmpfile_linked()) \
	OP(NEW, mkdir("d/n", 0777)) \
	OP(NEW, mkdir("d/n", 03777)) \
	OP(NEW, mkfifo("d/n", 06777)) \
	OP(NEW, mknod("d/n", S_IFREG | 02777, 0)) \
	OP(NEW, mknod("d/n", S_IFCHR | 0666, makedev(1, 3))) \
	OP(NEW, mknod("d/n", S_IFCHR | 0666, makedev(0, 0))) \
	OP(NEW, symlink("x", "d/n")) \
	OP(NEW, link("d/f", "d/n")) \
	OP(NEW, link("d/f", "t/n")) \
	OP(NEW, link("d/g", "t/n")) \
	OP(NEW, link("d/p", "t/n")) \
	OP(NEW, link("t/f", "d/n")) \
	OP(NEW, linkat(AT_FDCWD, "d/y", AT_FDCWD, "t/n", AT_SYMLINK_FOLLOW)) \
	OP(ALL, unlink("d/f")) \
	OP(ALL, unlink("d/g")) \
	OP(ALL, unlink("d/p")) \
	OP(ALL, unlink("d/y")) \
	OP(NOTHING, unlink("d/s")) \
	OP(ALL, rmdir("d/s")) \
	OP(NOTHING, rmdir("d/f")) \
	OP(NOTHING, rmdir("d")) \
	OP(ALL, renamed("d/f", "d/n", 0)) \
	OP(ALL, renamed("d/f", "d/g", 0)) \
	OP(ALL, renamed("d/g", "d/f", 0)) \
	OP(ALL, renamed("d/f", "t/n", 0)) \
	OP(ALL, renamed("d/f", "t/f", 0)) \
	OP(ALL, renamed("t/f", "d/n", 0)) \
	OP(ALL, renamed("t/f", "d/f", 0)) \
	OP(ALL, renamed("t/f", "d/g", 0)) \
	OP(ALL, renamed("d/f", "t/f", RENAME_EXCHANGE)) \
	OP(NOTHING, renamed("d/f", "d/g", RENAME_NOREPLACE)) \
	OP(ALL, renamed("d/f", "d/n", RENAME_WHITEOUT)) \
	OP(ALL, renamed("d/s", "t/n", 0)) \
	OP(ALL, renamed("t/s", "d/n", 0)) \
	OP(ALL, renamed("t/s", "d/s", 0)) \
	OP(NOTHING, renamed("d/s", "d/f", 0)) \
	OP(NOTHING, opened(open("d/f", O_RDONLY))) \
	OP(NOTHING, opened(open("d/f", O_WRONLY))) \
	OP(NOTHING, opened(open("d/f", O_RDWR))) \
	OP(NOTHING, opened(open("d/f", 3))) \
	OP(NOTHING, opened(open("d/f", O_RDONLY | O_NOATIME))) \
	OP(NOTHING, opened(open("d/f", O_PATH))) \
	OP(NOTHING, opened(open("d/y", O_RDONLY))) \
	OP(NOTHING, opened(open("d/y", O_RDONLY | O_NOFOLLOW))) \
	OP(NOTHING, opened(open("d", O_RDONLY | O_DIRECTORY))) \
	OP(ALL, opened(open("d/f", O_WRONLY | O_TRUNC))) \
	OP(ALL, opened(open("d/f", O_RDONLY | O_TRUNC))) \
	OP(ALL, wrote(open("d/f", O_WRONLY))) \
	OP(ALL, wrote(open("d/f", O_WRONLY | O_APPEND))) \
	OP(NOTHING, executed("d/f")) \
	OP(ALL, chmod("d/f", 0640)) \
	OP(ALL, chmod("d/f", 06775)) \
	OP(ALL, chmod("d", 03777)) \
	OP(ALL, at_fd(open("d/f", O_RDONLY), chmod_fd)) \
	OP(ALL, chown("d/f", OTHER, -1)) \
	OP(ALL, chown("d/f", -1, GROUP)) \
	OP(ALL, chown("d/f", OWNER, OWNER)) \
	OP(ALL, chown("d/f", -1, -1)) \
	OP(ALL, chown("d", -1, GROUP)) \
	OP(ALL, lchown("d/y", OTHER, OTHER)) \
	OP(NOTHING, timed("d/f", UTIME_NOW, UTIME_NOW)) \
	OP(ALL, timed("d/f", 0, 0)) \
	OP(ALL, timed("d/f", UTIME_OMIT, 0)) \
	OP(NOTHING, timed("d/f", UTIME_OMIT, UTIME_OMIT)) \
	OP(NOTHING, timed("d/f", UTIME_NOW, UTIME_OMIT)) \
	OP(ALL, timed("d/y", 0, 0)) \
	OP(NOTHING, at_fd(open("d/g", O_RDONLY), time_fd)) \
	OP(NOTHING, setxattr("d/f", "user.a", "2", 1, 0)) \
	OP(NOTHING, setxattr("d", "user.a", "2", 1, 0)) \
	OP(NOTHING, setxattr("d/p", "user.a", "2", 1, 0)) \
	OP(NOTHING, setxattr("d/f", "trusted.a", "2", 1, 0)) \
	OP(NOTHING, setxattr("d/f", "security.a", "2", 1, 0)) \
	OP(NOTHING, getxattr("d/f", "user.a", buf, 100)) \
	OP(NOTHING, getxattr("d/f", "trusted.a", buf, 100)) \
	OP(NOTHING, getxattr("d/f", "security.a", buf, 100)) \
	OP(NOTHING, getxattr("d/f", "system.posix_acl_access", buf, 100)) \
	OP(ALL, removexattr("d/f", "user.a")) \
	OP(ALL, removexattr("d/f", "system.posix_acl_access")) \
	OP(NOTHING, listxattr("d/f", buf, sizeof(buf)) < 0 ? -1 : 0) \
	OP(ALL, aclled("d/f", "system.posix_acl_access")) \
	OP(ALL, aclled("d", "system.posix_acl_default")) \
	OP(ALL, truncate("d/f", 3)) \
	OP(ALL, sized(open("d/f", O_WRONLY))) \
	OP(ALL, allocated(open("d/f", O_WRONLY | O_APPEND))) \
	OP(NOTHING, access("d/f", R_OK)) \
	OP(NOTHING, access("d/f", W_OK)) \
	OP(NOTHING, access("d/f", X_OK)) \
	OP(NOTHING, access("d", R_OK | X_OK)) \
	OP(NOTHING, access("d", W_OK)) \
	OP(NOTHING, syscall(SYS_faccessat2, AT_FDCWD, "d/f", W_OK, AT_EACCESS)) \
	OP(NOTHING, syscall(SYS_faccessat2, AT_FDCWD, "d", W_OK | X_OK, AT_EACCESS)) \
	OP(NOTHING, entered("d")) \
	OP(NOTHING, entered("d/s")) \
	OP(NOTHING, listed("d")) \
	OP(NOTHING, listed("d/s")) \
	OP(NOTHING, lstat("d/f", &(struct stat){ 0 })) \
	OP(NOTHING, readlink("d/y", buf, 100)) \
	OP(NOTHING, statfs("d/f", &(struct statfs){ 0 })) \
	OP(NOTHING, flagged("d/f", false)) \
	OP(ALL, flagged("d/f", true)) \
	OP(ALL, flagged("d", true)) \
	OP(NOTHING, watched("d/f")) \
	OP(NOTHING, watched("d")) \
	OP(NOTHING, leased("d/f")) \
	OP(NOTHING, handled("d/f"))

static const struct operation {
	const char *text;
	enum undo undo;
} operations[] = {
#define OP(undo, call)	{ #call, undo },
	OPERATIONS(OP)
#undef OP
};

#define NR_OPERATIONS	(sizeof(operations) / sizeof(operations[0]))

static long operate(unsigned int number)
{
	unsigned int i = 0;
	long ret = 0;

	errno = 0;
#define OP(undo, call)	if (i++ == number) ret = (call);
	OPERATIONS(OP)
#undef OP
	return ret < 0 ? -errno : ret;
}

/* --- comparing ---------------------------------------------------------------------------- */

/* Where each side's tree is, by its own way and from below. */
static struct fmap_path own[2], below[2];

static struct count {
	long allowed;
	long refused;
} counts[NR_OPERATIONS];

static int differ;

static void enter(const struct fmap_path *dir)
{
	if (chdir(dir->s))
		fmap_die("%s", dir->s);
}

static void rebuild(const struct situation *s, enum side side)
{
	enter(s->below ? &below[side] : &own[side]);
	make(s);
	enter(&own[side]);
}

static void undo(const struct situation *s, enum side side, enum undo what)
{
	if (what == NEW && !s->dir.flags && !s->file.flags) {
		if (unlink("d/n") && errno == EISDIR)
			rmdir("d/n");
		unlink("t/n");
	} else if (what != NOTHING) {
		rebuild(s, side);
	}
}

static long outcome(const struct situation *s, const struct caller *c, unsigned int op,
		    enum side side, uint64_t *sum)
{
	long ret;

	enter(&own[side]);
	here = open(".", O_PATH);
	become(c);
	ret = operate(op);
	become_root();
	close(here);
	*sum = 0;
	if (ret >= 0 && operations[op].undo != NOTHING) {
		*sum = digest();
		undo(s, side, operations[op].undo);
	}
	return ret;
}

static const char *said(long ret, char *text, size_t size)
{
	if (ret < 0)
		return strerrorname_np(-ret);
	snprintf(text, size, "%ld", ret);
	return text;
}

static void compare(const struct situation *s, const struct caller *c, unsigned int op)
{
	uint64_t sums[2];
	char text[2][32];
	long lower, fmap;

	lower = outcome(s, c, op, LOWER, &sums[LOWER]);
	fmap = outcome(s, c, op, FMAP, &sums[FMAP]);
	if (lower < 0)
		counts[op].refused++;
	else
		counts[op].allowed++;
	if (lower == fmap && sums[LOWER] == sums[FMAP])
		return;
	if (++differ > 20)
		return;
	say_situation(s);
	printf("# %s: %s: lower %s, fmap %s%s\n", c->name, operations[op].text,
	       said(lower, text[0], 32), said(fmap, text[1], 32),
	       lower == fmap ? ", and something else is left behind" : "");
}

static void set_protection(int level)
{
	static const struct { const char *path; int most; } sysctls[] = {
		{ "/proc/sys/fs/protected_hardlinks", 1 },
		{ "/proc/sys/fs/protected_symlinks", 1 },
		{ "/proc/sys/fs/protected_regular", 2 },
		{ "/proc/sys/fs/protected_fifos", 2 },
	};
	char text[4];
	unsigned int i;

	for (i = 0; i < sizeof(sysctls) / sizeof(sysctls[0]); i++) {
		snprintf(text, sizeof(text), "%d",
			 level < sysctls[i].most ? level : sysctls[i].most);
		if (fmap_write_file(sysctls[i].path, text))
			fmap_die("%s", sysctls[i].path);
	}
}

static void try_all(const struct situation *s)
{
	unsigned int c, op;

	set_protection(s->protection);
	umask(s->umask);
	rebuild(s, LOWER);
	rebuild(s, FMAP);
	for (c = 0; c < NR_CALLERS; c++)
		for (op = 0; op < NR_OPERATIONS; op++)
			compare(s, &callers[c], op);
	enter(&below[LOWER]);
	unmake(s);
	enter(&below[FMAP]);
	unmake(s);
}

static void make_places(void)
{
	enum side side;

	for (side = FMAP; side <= LOWER; side++) {
		const char *name = side == FMAP ? "rules-fmap" : "rules-lower";

		own[side] = fmap_at(side_dir(side), "%s", name);
		below[side] = fmap_at(fmap_lower(), "%s", name);
		if (mkdir(below[side].s, 0755))
			fmap_die("%s", below[side].s);
		chmod(below[side].s, 0755);
	}
	chmod(fmap_lower(), 0755);
}

static void remove_places(void)
{
	enum side side;

	for (side = FMAP; side <= LOWER; side++) {
		enter(&below[side]);
		rmdir("t");
		if (chdir("/") || rmdir(below[side].s))
			fmap_die("%s", below[side].s);
	}
}

static long number_from(const char *name, long unless)
{
	const char *value = getenv(name);

	return value && *value ? atol(value) : unless;
}

/* What is always refused, or always allowed, says nothing. */
static bool tells_apart(unsigned int op)
{
	return counts[op].allowed && counts[op].refused;
}

TEST(nothing_more_and_nothing_less)
{
	long first = number_from("FMAP_SEED", 1) * 1000, n = number_from("FMAP_RULES", 6);
	long cases = 0, allowed = 0, i;
	struct situation s;
	unsigned int op;

	make_places();
	for (i = 0; i < n; i++) {
		s = situation_of(i < 2 ? i : first + i);
		try_all(&s);
	}
	set_protection(1);
	remove_places();
	EXPECT_EQ(0, differ);
	for (op = 0; op < NR_OPERATIONS; op++) {
		cases += counts[op].allowed + counts[op].refused;
		allowed += counts[op].allowed;
		if (getenv("FMAP_VERBOSE"))
			TH_LOG("%5ld allowed %5ld refused: %s", counts[op].allowed,
			       counts[op].refused, operations[op].text);
	}
	TH_LOG("%ld cases in %ld situations, %ld of them allowed below", cases, n, allowed);
	if (!lower_is("vfat")) {
		EXPECT_TRUE(tells_apart(0));
	}
}

FMAP_TEST_MAIN

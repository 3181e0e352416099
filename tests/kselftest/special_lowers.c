// SPDX-License-Identifier: GPL-2.0
/*
 * Lower filesystems out of the ordinary, each on a disk of its own: with verity,
 * encryption or quotas, almost full, broken, read-only, or with mount flags. The
 * mount over them answers as they do.
 */
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/fscrypt.h>
#include <linux/fsverity.h>
#include <linux/quota.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include "conformance.h"

#define MIB	(1 << 20)

/* --- a place of our own -------------------------------------------------------------- */

static char place[] = "/tmp/special-XXXXXX";
static char loop_device[64];

static int __attribute__((format(printf, 1, 2))) shell(const char *fmt, ...)
{
	char command[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	return system(command);
}

/* A mount namespace with a tmpfs of @mib for the disk; it all goes with the process. */
static void make_place(int mib)
{
	char options[32];

	snprintf(options, sizeof(options), "mode=755,size=%dm", mib);
	if (!mkdtemp(place) || unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", place, "tmpfs", 0, options) ||
	    mkdir(path_in(place, "lower"), 0755) || mkdir(path_in(place, "fmap"), 0755))
		fmap_die("%s", place);
}

static void name_place(const char *type)
{
	setenv("FMAP_LOWER", path_in(place, "lower"), 1);
	setenv("FMAP_MNT", path_in(place, "fmap"), 1);
	setenv("FMAP_LOWERFS", type, 1);
}

static void use_place(const char *type)
{
	name_place(type);
	umask(022);
	if (mount(fmap_lower(), fmap_mnt(), "fmapfs", 0, NULL))
		fmap_die("mounting fmapfs");
	chmod(fmap_lower(), 0755);
}

/* A sparse disk with a filesystem; @mkfs is the command but for the disk. */
static bool make_disk(const char *mkfs, int mib)
{
	char command[128];
	FILE *out;

	if (shell("truncate -s %dM %s/disk && %s %s/disk >/dev/null 2>&1", mib, place, mkfs,
		  place))
		return false;
	shell("modprobe -q loop");
	snprintf(command, sizeof(command), "losetup -f --show %s/disk", place);
	out = popen(command, "r");
	if (!out || !fgets(loop_device, sizeof(loop_device), out))
		return false;
	loop_device[strcspn(loop_device, "\n")] = '\0';
	return pclose(out) == 0;
}

static bool mount_disk(const char *type, const char *options)
{
	return !shell("mount -t %s -o %s %s %s/lower", type, options, loop_device, place);
}

static void leave_place(void)
{
	if (chdir("/"))
		fmap_die("/");
	umount2(path_in(place, "fmap"), 0);
	umount2(path_in(place, "lower"), 0);
	if (*loop_device)
		shell("losetup -d %s", loop_device);
	umount2(place, MNT_DETACH);
	rmdir(place);
}

#define NEED_DISK(mkfs, mib, type, options) do { \
	if (!make_disk(mkfs, mib) || !mount_disk(type, options)) \
		SKIP(leave_place(); return, "no %s with %s here", type, options); \
	use_place(type); \
} while (0)

/* --- verity ------------------------------------------------------------------------------ */

static void verity_script(void)
{
	struct fsverity_enable_arg on = {
		.version = 1, .hash_algorithm = FS_VERITY_HASH_ALG_SHA256, .block_size = 4096,
	};
	struct {
		struct fsverity_digest head;
		unsigned char bytes[64];
	} digest = { .head.digest_size = 64 };
	struct fsverity_read_metadata_arg tree = {
		.metadata_type = FS_VERITY_METADATA_TYPE_MERKLE_TREE, .length = 4096,
		.buf_ptr = (uintptr_t)buf,
	};
	unsigned int i, sum = 0;
	unsigned char *p;
	struct statx x;
	int fd;

	fd = open("f", O_CREAT | O_RDWR, 0644);
	memset(buf, 'v', sizeof(buf));
	DO(write(fd, buf, 50000));
	DO(ioctl(fd, FS_IOC_MEASURE_VERITY, &digest));
	DO(ioctl(fd, FS_IOC_ENABLE_VERITY, &on));
	close(fd);
	fd = OPEN(open("f", O_RDONLY));
	on.version = 9;
	DO(ioctl(fd, FS_IOC_ENABLE_VERITY, &on));
	on.version = 1;
	AS_NOBODY {
		int mine = OPEN(open("f", O_RDONLY));

		DO(ioctl(mine, FS_IOC_ENABLE_VERITY, &on));
	}
	DO(ioctl(fd, FS_IOC_ENABLE_VERITY, &on));
	DO(ioctl(fd, FS_IOC_ENABLE_VERITY, &on));
	if (!DO(ioctl(fd, FS_IOC_MEASURE_VERITY, &digest)))
		for (i = 0; i < digest.head.digest_size; i++)
			sum = sum * 31 + digest.bytes[i];
	SAY("digest %x of %d bytes", sum, digest.head.digest_size);
	DO(ioctl(fd, FS_IOC_READ_VERITY_METADATA, &tree));
	DATA(fd);
	p = mmap(NULL, 50000, PROT_READ, MAP_SHARED, fd, 0);
	SAY("mapped %d %d", p[0], p[49999]);
	OPEN(open("f", O_RDWR));
	OPEN(open("f", O_WRONLY | O_TRUNC));
	DO(truncate("f", 0));
	DO(chmod("f", 0600));
	DO(rename("f", "g"));
	DO(link("g", "h"));
	if (!statx(AT_FDCWD, "g", 0, STATX_BASIC_STATS, &x))
		SAY("attributes %llx", (unsigned long long)x.stx_attributes);
	STAT("g");
	DO(unlink("g"));
	touch("empty", 0644);
	fd = open("empty", O_RDONLY);
	DO(ioctl(fd, FS_IOC_ENABLE_VERITY, &on));
}

TEST(verity)
{
	make_place(80);
	NEED_DISK("mkfs.ext4 -q -O verity -b 4096", 64, "ext4", "rw");
	EXPECT_EQ(0, compare_script(verity_script, "verity"));
	leave_place();
}

/* --- encryption ----------------------------------------------------------------------------- */

static struct fscrypt_key_specifier key_id;

/* On the lower side: these requests are no business of the mount. */
static int add_key_below(void)
{
	struct {
		struct fscrypt_add_key_arg head;
		unsigned char raw[64];
	} key = { .head = { .key_spec.type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER, .raw_size = 64 } };
	int fd = open(fmap_lower(), O_RDONLY), ret;

	memset(key.raw, 0x5a, sizeof(key.raw));
	ret = ioctl(fd, FS_IOC_ADD_ENCRYPTION_KEY, &key);
	key_id = key.head.key_spec;
	close(fd);
	return ret;
}

static int encrypt_below(const char *dir)
{
	struct fscrypt_policy_v2 policy = {
		.version = FSCRYPT_POLICY_V2,
		.contents_encryption_mode = FSCRYPT_MODE_AES_256_XTS,
		.filenames_encryption_mode = FSCRYPT_MODE_AES_256_CTS,
		.flags = FSCRYPT_POLICY_FLAGS_PAD_32,
	};
	int fd = open(dir, O_RDONLY | O_DIRECTORY), ret;

	memcpy(policy.master_key_identifier, key_id.u.identifier,
	       sizeof(policy.master_key_identifier));
	ret = ioctl(fd, FS_IOC_SET_ENCRYPTION_POLICY, &policy);
	close(fd);
	return ret;
}

/* The same directory by its lower path, where this script runs on either side */
static const char *here_below(const char *name)
{
	char cwd[512];

	if (!getcwd(cwd, sizeof(cwd)))
		fmap_die("getcwd");
	return path_in(path_in(fmap_lower(), strrchr(cwd, '/') + 1), name);
}

static void encrypted_script(void)
{
	char *p;
	int fd;

	mkdir("secret", 0755);
	mkdir("plain", 0755);
	touch("plain/f", 0600);
	DO(encrypt_below(here_below("secret")));
	fd = OPEN(open("secret/f", O_CREAT | O_RDWR, 0600));
	memset(buf, 'e', sizeof(buf));
	DO(write(fd, buf, 20000));
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p[5000] = 'M';
	DO(fsync(fd));
	DATA(fd);
	DO(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096));
	DO(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
	DATA(fd);
	DO(mkdir("secret/d", 0700));
	DO(symlink("the target", "secret/sym"));
	STAT("secret/sym");
	DO(readlink("secret/sym", buf, 100));
	DO(rename("secret/f", "secret/d/g"));
	DO(rename("secret/d/g", "plain/g"));
	DO(rename("plain/f", "secret/f"));
	DO(link("plain/f", "secret/l"));
	DO(link("secret/d/g", "secret/l"));
	DO(renameat2(AT_FDCWD, "plain/f", AT_FDCWD, "secret/l", RENAME_EXCHANGE));
	DO(mkfifo("secret/p", 0600));
	OPEN(open("secret", O_TMPFILE | O_RDWR, 0600));
	memset(buf, 'n', 255);
	buf[255] = '\0';
	DO(chdir("secret"));
	touch(buf, 0600);
	STAT(buf);
	DO(chdir(".."));
	LIST("secret");
	LIST("secret/d");
	DO(unlink("secret/l"));
	DO(rmdir("secret/d"));
	fd = open("secret", O_RDONLY);
	LIST("secret");
}

/* Names and files of which the key is missing, until it is there. */
static void locked_script(void)
{
	DIR *d = opendir(".");
	struct dirent *e;
	struct stat st;
	int n = 0, fd;

	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		SAY("type %d, %zu bytes", e->d_type, strlen(e->d_name));
		fd = open(e->d_name, O_RDONLY);
		SAY("open: %s", fd < 0 ? strerrorname_np(errno) : "yes");
		SAY("stat: %d", stat(e->d_name, &st));
		SAY("truncate: %d %s", truncate(e->d_name, 0), strerrorname_np(errno));
		n++;
	}
	SAY("%d entries", n);
	STAT("f");
	OPEN(open("new", O_CREAT | O_RDWR, 0600));
	DO(mkdir("dir", 0700));
	DO(symlink("x", "sym"));
	DO(add_key_below());
	STAT("f");
	STAT("new");
	fd = OPEN(open("f", O_RDONLY));
	DATA(fd);
	fd = OPEN(open("new", O_CREAT | O_RDWR, 0600));
	DO(write(fd, "new", 3));
	STAT("new");
	LIST(".");
}

static void locked_above_script(void)
{
	DO(chdir(path_in(fmap_mnt(), "store-0")));
	locked_script();
}

static void locked_below_script(void)
{
	DO(chdir(path_in(fmap_lower(), "store-1")));
	locked_script();
}

static void make_store(const char *name)
{
	int fd;

	if (mkdir(path_in(fmap_lower(), name), 0755) ||
	    encrypt_below(path_in(fmap_lower(), name)))
		fmap_die("%s", name);
	fd = open(path_in(path_in(fmap_lower(), name), "f"), O_CREAT | O_RDWR, 0600);
	if (write(fd, "secret", 6) != 6)
		fmap_die("%s", name);
	close(fd);
}

/* The keys go with the lower mount. */
static void forget_keys(void)
{
	if (umount(fmap_mnt()) || umount(fmap_lower()) || !mount_disk("ext4", "rw"))
		fmap_die("mounting once more");
	use_place("ext4");
}

TEST(encrypted)
{
	char *lower = malloc(RECORD_MAX), *fmap = malloc(RECORD_MAX);

	make_place(80);
	NEED_DISK("mkfs.ext4 -q -O encrypt", 64, "ext4", "rw");
	if (add_key_below())
		SKIP(leave_place(); return, "no encryption: %s", strerror(errno));
	EXPECT_EQ(0, compare_script(encrypted_script, "encrypted"));
	make_store("store-0");
	make_store("store-1");
	forget_keys();
	run_script(locked_above_script, FMAP, "locked", fmap);
	forget_keys();
	run_script(locked_below_script, LOWER, "locked", lower);
	EXPECT_EQ(0, differences(strchr(lower, '\n'), strchr(fmap, '\n')));
	EXPECT_TRUE(strstr(lower, "the end"));
	leave_place();
}

/* --- case-folded directories ------------------------------------------------------------------ */

TEST(casefolded)
{
	long flags = FS_CASEFOLD_FL;
	struct fmap_path dir, dir_below;
	const char *below, *above;
	struct stat st;
	int fd;

	make_place(80);
	NEED_DISK("mkfs.ext4 -q -O casefold -E encoding=utf8", 64, "ext4", "rw");
	dir = fmap_at(fmap_mnt(), "fold");
	dir_below = fmap_at(fmap_lower(), "fold");
	above = dir.s;
	below = dir_below.s;
	ASSERT_EQ(0, mkdir(below, 0777));
	/* A negative dentry of ours from before. */
	EXPECT_EQ(-1, stat(path_in(above, "x"), &st));
	EXPECT_EQ(ENOENT, errno);
	fd = open(below, O_RDONLY | O_DIRECTORY);
	ASSERT_EQ(0, ioctl(fd, FS_IOC_SETFLAGS, &flags));
	close(fd);
	EXPECT_EQ(-1, stat(path_in(above, "x"), &st));
	EXPECT_EQ(EREMOTE, errno);
	EXPECT_EQ(-1, open(path_in(above, "new"), O_RDWR | O_CREAT, 0644));
	EXPECT_EQ(EREMOTE, errno);
	close(open(path_in(below, "x"), O_RDWR | O_CREAT, 0644));
	EXPECT_EQ(-1, stat(path_in(above, "X"), &st));
	EXPECT_EQ(EREMOTE, errno);
	EXPECT_EQ(0, stat(path_in(below, "X"), &st));
	EXPECT_EQ(-1, mount(below, below, "fmapfs", 0, NULL));
	EXPECT_EQ(EINVAL, errno);
	leave_place();
}

/* --- quotas -------------------------------------------------------------------------------------- */

static void quota_script(void)
{
	char *p;
	int fd, i;

	mkdir("d", 0777);
	DO(chmod("d", 0777));
	AS_NOBODY {
		memset(buf, 'q', sizeof(buf));
		fd = OPEN(open("d/f", O_CREAT | O_RDWR, 0600));
		for (i = 0; i < 100 && write(fd, buf, sizeof(buf)) == sizeof(buf); i++)
			;
		SAY("write: %s", strerrorname_np(errno));
		DO(fallocate(fd, 0, 0, 64 << 20));
		DO(ftruncate(fd, 0));
		DO(fallocate(fd, 0, 0, 64 << 20));
		DO(ftruncate(fd, 0));
		DO(ftruncate(fd, 64 << 20));
		p = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		probe_init();
		for (i = 0; i < 64 << 20; i += 4096)
			if (probe_write((unsigned char *)p + i, 1))
				break;
		SAY("stores end: %d", i < 64 << 20);
		SAY("by signal %d", probe_write((unsigned char *)p + i, 1));
		munmap(p, 64 << 20);
		DO(ftruncate(fd, 0));
		for (i = 0; i < 50; i++) {
			sprintf(buf, "d/file%d", i);
			if (open(buf, O_CREAT | O_RDWR, 0600) < 0)
				break;
		}
		SAY("create: %s after %d", strerrorname_np(errno), i);
		DO(mkdir("d/dir", 0700));
		DO(symlink("x", "d/sym"));
		DO(link("d/f", "d/l"));
	}
	touch("of-root", 0666);
	fd = open("of-root", O_RDWR);
	DO(fallocate(fd, 0, 0, 8 << 20));
	DO(chown("of-root", NOBODY, -1));
	STAT("of-root");
}

TEST(quota)
{
	struct dqblk limit = {
		.dqb_bhardlimit = 2048, .dqb_bsoftlimit = 2048,
		.dqb_ihardlimit = 20, .dqb_isoftlimit = 20, .dqb_valid = QIF_LIMITS,
	};

	make_place(120);
	NEED_DISK("mkfs.ext4 -q -O quota -E quotatype=usrquota", 96, "ext4", "usrquota");
	if (quotactl(QCMD(Q_SETQUOTA, USRQUOTA), loop_device, NOBODY, (void *)&limit))
		SKIP(leave_place(); return, "no quotas: %s", strerror(errno));
	EXPECT_EQ(0, compare_script(quota_script, "quota"));
	leave_place();
}

/* --- full ------------------------------------------------------------------------------------------- */

static void full_script(void)
{
	long long size = 48 << 20;
	int fd, fd2, i;
	char name[32];
	unsigned char *p;

	memset(buf, 'f', sizeof(buf));
	fd = open("f", O_CREAT | O_RDWR, 0600);
	for (i = 0; i < 2000 && write(fd, buf, sizeof(buf)) == sizeof(buf); i++)
		;
	SAY("write: %s", strerrorname_np(errno));
	DO(pwrite(fd, buf, sizeof(buf), 40 << 20));
	DO(fsync(fd));
	DO(ftruncate(fd, 0));
	DO(fallocate(fd, 0, 0, size));
	DO(ftruncate(fd, 0));
	DO(fsync(fd));
	DO(ftruncate(fd, size));
	/* Stores into a hole, until there is no room for one. */
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	probe_init();
	for (i = 0; i < size && !probe_write(p + i, 1); i += 4096)
		;
	SAY("stores end: %d", i < size);
	SAY("by signal %d", i < size ? probe_write(p + i, 1) : 0);
	SAY("reads at that place: %d", i < size ? probe_read(p + i) : 0);
	SAY("written pages stay: %d", probe_write(p, 2));
	DO(msync(p, size, MS_SYNC));
	fd2 = open("g", O_CREAT | O_RDWR, 0600);
	DO(write(fd2, buf, sizeof(buf)));
	DO(ftruncate(fd2, 1 << 20));
	DO(copy_file_range(fd, &(loff_t){ 0 }, fd2, &(loff_t){ 0 }, 1 << 20, 0));
	munmap(p, size);
	close(fd);
	DO(unlink("f"));
	DO(write(fd2, buf, sizeof(buf)));
	DO(fsync(fd2));
	FSTAT(fd2);
	/* Names */
	for (i = 0; i < 200; i++) {
		sprintf(name, "n%d", i);
		if (mknod(name, S_IFREG | 0600, 0))
			break;
	}
	SAY("names end: %d %s", i < 200, i < 200 ? strerrorname_np(errno) : "");
	DO(mkdir("another", 0700));
	DO(symlink("x", "another"));
	DO(rename("n0", "m0"));
	DO(unlink("m0"));
	DO(mkdir("another", 0700));
}

static const char * const full_mkfs[][3] = {
	{ "mkfs.ext4 -q -N 64", "ext4", "rw" },
	{ "mkfs.ext4 -q -O ^has_journal -N 64", "ext4", "nodelalloc" },
	{ "mkfs.vfat", "vfat", "rw" },
};

FIXTURE(full) {
	int none;
};

FIXTURE_VARIANT(full) {
	int which;
};

FIXTURE_VARIANT_ADD(full, ext4) { 0 };
FIXTURE_VARIANT_ADD(full, ext4_plain) { 1 };
FIXTURE_VARIANT_ADD(full, vfat) { 2 };

FIXTURE_SETUP(full) { }
FIXTURE_TEARDOWN(full) { }

TEST_F(full, disk)
{
	const char * const *how = full_mkfs[variant->which];

	make_place(40);
	NEED_DISK(how[0], 16, how[1], how[2]);
	EXPECT_EQ(0, compare_script(full_script, "full"));
	leave_place();
}

TEST(full_tmpfs)
{
	make_place(1);
	ASSERT_EQ(0, mount("none", path_in(place, "lower"), "tmpfs", 0,
			   "size=16m,nr_inodes=64"));
	use_place("tmpfs");
	EXPECT_EQ(0, compare_script(full_script, "full"));
	leave_place();
}

/* --- broken ---------------------------------------------------------------------------------------------- */

/*
 * The disk's own backing is full: what it has not been given room for cannot be
 * written. Each file that was open learns of it once, and each syncfs().
 */
static void broken_script(void)
{
	int dir = open(".", O_RDONLY), fd, other, again;
	unsigned char *p;
	struct statvfs v;
	char filler[64];

	fd = OPEN(open("f", O_CREAT | O_RDWR, 0600));
	other = open("f", O_RDWR);
	DO(fallocate(fd, 0, 0, MIB));
	DO(fsync(fd));
	snprintf(filler, sizeof(filler), "%s/filler", place);
	shell("cat /dev/zero >%s 2>/dev/null", filler);
	memset(buf, 'b', sizeof(buf));
	DO(write(fd, buf, sizeof(buf)));
	DO(fsync(fd));
	DO(fsync(fd));
	DO(fdatasync(other));
	DO(fdatasync(other));
	DO(syncfs(dir));
	DO(syncfs(dir));
	again = open(".", O_RDONLY);
	DO(syncfs(again));
	again = open("f", O_RDWR);
	DO(fsync(again));
	p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p[MIB / 2] = 'm';
	DO(msync(p, MIB, MS_SYNC));
	DO(msync(p, MIB, MS_SYNC));
	/* On the older kernels the mapping has a file of its own, that is told, too. */
	if (fmap_kernel() >= 608)
		DO(fsync(fd));
	else
		fsync(fd);
	p[MIB / 2] = 'n';
	DO(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE_AND_WAIT));
	DO(syncfs(dir));
	DO(syncfs(dir));
	p[MIB / 2 + 8192] = 'n';
	DO(sync_file_range(other, 0, 0, SYNC_FILE_RANGE_WRITE_AND_WAIT));
	DO(pwritev2(other, &(struct iovec){ buf, 4096 }, 1, MIB / 4, RWF_DSYNC));
	DO(pwritev2(other, &(struct iovec){ buf, 4096 }, 1, MIB / 4, RWF_DSYNC));
	DO(statvfs(".", &v));
	munmap(p, MIB);
	unlink(filler);
	p = NULL;
	DO(pwrite(fd, buf, 4096, 0));
	DO(fsync(fd));
	DO(fsync(fd));
	DO(syncfs(dir) < 1);
	DO(syncfs(dir));
	close(fd);
}

/* Each side on a new disk: what the first has written the second could write. */
TEST(broken_disk)
{
	const char *mkfs = "mkfs.ext4 -q -O ^has_journal -E lazy_itable_init=0";
	char *lower = malloc(RECORD_MAX), *fmap = malloc(RECORD_MAX);

	make_place(40);
	NEED_DISK(mkfs, 64, "ext4", "errors=continue");
	run_script(broken_script, LOWER, "broken", lower);
	if (umount(fmap_mnt()) || umount(fmap_lower()) || shell("losetup -d %s", loop_device) ||
	    unlink(path_in(place, "disk")))
		fmap_die("taking the disk away");
	NEED_DISK(mkfs, 64, "ext4", "errors=continue");
	run_script(broken_script, FMAP, "broken", fmap);
	EXPECT_EQ(0, differences(lower, fmap));
	/* It was broken. */
	EXPECT_TRUE(strstr(lower, "fsync(fd) = -1 "));
	EXPECT_TRUE(strstr(lower, "the end"));
	leave_place();
}

/* --- mount flags -------------------------------------------------------------------------------------------- */

static void flags_script(void)
{
	struct statvfs v;
	int fd, status;
	FILE *out;

	DO(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	OPEN(open("null", O_RDWR));
	fd = open("script", O_CREAT | O_RDWR, 0755);
	DO(write(fd, "#!/bin/sh\nexit 5\n", 17));
	close(fd);
	if (!vfork()) {
		execl("./script", "script", NULL);
		_exit(errno);
	}
	wait(&status);
	SAY("script: %d", WEXITSTATUS(status));
	DO(access("script", X_OK));
	fd = open("script", O_RDONLY);
	DO((long)mmap(NULL, 10, PROT_EXEC, MAP_PRIVATE, fd, 0) > 0);
	/* Whose rights a set-user-ID program gets */
	shell("cp /usr/bin/id . && chmod 6755 id");
	AS_NOBODY {
		out = popen("./id -u 2>&1", "r");
		SAY("id -u: %s", fgets(buf, 100, out));
		pclose(out);
	}
	STAT("id");
	DO(statvfs(".", &v));
	/* What the lower mount has is in force above, but not shown. */
	if (strcmp(fmap_lowerfs(), "below"))
		SAY("flags %lx", v.f_flag);
}

static const unsigned long mount_flags[] = {
	MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_NOATIME | MS_NODEV | MS_NOSUID,
};

/* A mount with flags, and a bind mount with the same. */
TEST(flags_above)
{
	unsigned int i;

	make_place(100);
	mkdir(path_in(place, "real"), 0755);
	for (i = 0; i < sizeof(mount_flags) / sizeof(mount_flags[0]); i++) {
		name_place("above");
		ASSERT_EQ(0, mount(path_in(place, "real"), fmap_mnt(), "fmapfs",
				   mount_flags[i], NULL));
		ASSERT_EQ(0, mount(path_in(place, "real"), fmap_lower(), NULL, MS_BIND, NULL));
		ASSERT_EQ(0, mount(NULL, fmap_lower(), NULL,
				   MS_REMOUNT | MS_BIND | mount_flags[i], NULL));
		EXPECT_EQ(0, compare_script(flags_script, "flags")) {
			TH_LOG("with flags %lx", mount_flags[i]);
		}
		EXPECT_EQ(0, umount2(fmap_mnt(), 0));
		EXPECT_EQ(0, umount2(fmap_lower(), 0));
	}
	leave_place();
}

/* The lower mount's flags are in force above. */
TEST(flags_below)
{
	unsigned int i;

	make_place(100);
	mkdir(path_in(place, "real"), 0755);
	for (i = 0; i < sizeof(mount_flags) / sizeof(mount_flags[0]); i++) {
		ASSERT_EQ(0, mount(path_in(place, "real"), path_in(place, "lower"), NULL,
				   MS_BIND, NULL));
		ASSERT_EQ(0, mount(NULL, path_in(place, "lower"), NULL,
				   MS_REMOUNT | MS_BIND | mount_flags[i], NULL));
		use_place("below");
		EXPECT_EQ(0, compare_script(flags_script, "flags")) {
			TH_LOG("with flags %lx", mount_flags[i]);
		}
		EXPECT_EQ(0, umount2(fmap_mnt(), 0));
		EXPECT_EQ(0, umount2(fmap_lower(), 0));
	}
	leave_place();
}

FMAP_TEST_MAIN

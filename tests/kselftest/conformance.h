/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The same calls in a directory of the lower filesystem and in one of the mount
 * give the same results, call by call: return value, errno, data, what stat
 * says. Each test is a script that runs twice, in an empty directory of its own,
 * and writes down what it gets; then the two records are compared.
 *
 *	CONFORMS(name)
 *	{
 *		int fd = OPEN(open("f", O_CREAT | O_RDWR, 0600));
 *
 *		DO(write(fd, "x", 1));
 *		STAT("f");
 *	}
 *
 * FMAP_VERBOSE=1 shows what the lower filesystem has answered.
 *
 * Not compared: device and inode numbers as such, access times, st_blocks.
 */
#ifndef FMAP_CONFORMANCE_H
#define FMAP_CONFORMANCE_H

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>

#include "mapping.h"

#define NOBODY	65534

/* Records longer than this lose their end, on both sides alike. */
#define RECORD_MAX	(1 << 18)

/* --- writing down ---------------------------------------------------------------- */

static FILE *record;
static char buf[1 << 16] FMAP_UNUSED;

#define SAY(fmt, ...)	fprintf(record, "%d: " fmt "\n", __LINE__, ##__VA_ARGS__)

/* Evaluates to what the call returned, which is written down with its errno. */
#define DO(call) ({ \
	long __r; \
	errno = 0; \
	__r = (long)(call); \
	say_result(__LINE__, #call, __r); \
	__r; \
})

/* The same, of something whose number means nothing: a file descriptor. */
#define OPEN(call) ({ \
	long __r; \
	errno = 0; \
	__r = (long)(call); \
	say_result(__LINE__, #call, __r < 0 ? __r : 0); \
	(int)__r; \
})

#define STAT(path)	say_stat(__LINE__, path)
#define FSTAT(fd)	say_fstat(__LINE__, fd)
#define LIST(path)	say_list(__LINE__, path)
#define DATA(fd)	say_data(__LINE__, fd)

static inline void say_result(int line, const char *call, long ret)
{
	if (ret < 0)
		fprintf(record, "%d: %s = %ld %s\n", line, call, ret, strerrorname_np(errno));
	else
		fprintf(record, "%d: %s = %ld\n", line, call, ret);
}

static inline void say_st(int line, const char *what, int ret, const struct stat *st)
{
	if (ret) {
		fprintf(record, "%d: stat %s: %s\n", line, what, strerrorname_np(errno));
		return;
	}
	fprintf(record, "%d: stat %s: mode %o nlink %lu owner %u:%u rdev %lx blksize %ld", line,
		what, st->st_mode, (long)st->st_nlink, st->st_uid, st->st_gid,
		(long)st->st_rdev, (long)st->st_blksize);
	/* A directory's is not even the same in two of one filesystem. */
	if (!S_ISDIR(st->st_mode))
		fprintf(record, " size %lld", (long long)st->st_size);
	fprintf(record, "\n");
}

static inline void say_stat(int line, const char *path)
{
	struct stat st;
	int ret = lstat(path, &st);

	say_st(line, path, ret, &st);
}

static inline void say_fstat(int line, int fd)
{
	struct stat st;
	int ret = fstat(fd, &st);

	say_st(line, "fd", ret, &st);
}

static inline int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Names and types, sorted; d_ino is what stat says. */
static inline void say_list(int line, const char *path)
{
	struct dirent **list;
	struct stat st;
	char name[600];
	int i, n;

	n = scandir(path, &list, NULL, by_name);
	if (n < 0)
		fprintf(record, "%d: list %s: %s\n", line, path, strerrorname_np(errno));
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s/%s", path, list[i]->d_name);
		if (!strcmp(list[i]->d_name, "..") || lstat(name, &st))
			st.st_ino = list[i]->d_ino;
		fprintf(record, "%d: list %s: %s type %d%s\n", line, path, list[i]->d_name,
			list[i]->d_type, st.st_ino == list[i]->d_ino ? "" : " other inode");
		free(list[i]);
	}
}

/* The whole file, if it is not a giant one: its length and a checksum. */
static inline void say_data(int line, int fd)
{
	unsigned int sum = 0;
	off_t at = 0;
	ssize_t n = 0, i;

	while (at < 16 << 20 && (n = pread(fd, buf, sizeof(buf), at)) > 0) {
		for (i = 0; i < n; i++)
			sum = sum * 31 + (unsigned char)buf[i];
		at += n;
	}
	fprintf(record, "%d: data: %lld bytes, sum %x%s\n", line, (long long)at, sum,
		n < 0 ? " then an error" : "");
}

static inline void touch(const char *path, mode_t mode)
{
	int fd = open(path, O_CREAT | O_RDWR, 0600);

	fchmod(fd, mode);
	close(fd);
}

/* An entry of an ACL in its extended attribute: tag, rwx bits, whose. */
static inline void acl_entry(unsigned char **p, uint16_t tag, uint16_t perm, uint32_t id)
{
	memcpy(*p, &tag, 2);
	memcpy(*p + 2, &perm, 2);
	memcpy(*p + 4, &id, 4);
	*p += 8;
}

/* As somebody without rights; the record goes on. */
#define AS_NOBODY	for (pid_t __p = become_nobody(); __p >= 0; __p = leave_nobody(__p))

static inline pid_t become_nobody(void)
{
	pid_t pid;

	fflush(record);
	pid = fork();
	if (!pid && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
		     setresuid(NOBODY, NOBODY, NOBODY)))
		fmap_die("becoming nobody");
	if (pid) {
		waitpid(pid, NULL, 0);
		return -1;
	}
	return 0;
}

static inline pid_t leave_nobody(pid_t pid)
{
	fflush(record);
	_exit(pid);
}

/* --- comparing --------------------------------------------------------------------- */

static inline void run_script(void (*script)(void), enum side side, const char *name, char *text)
{
	struct fmap_path dir = fmap_at(side_dir(side), "conformance-%s", name);
	char command[1100];
	FILE *out = tmpfile();
	size_t n;
	pid_t pid;

	snprintf(command, sizeof(command),
		 "chattr -R -f -i -a '%s' 2>/dev/null; rm -rf '%s'", dir.s, dir.s);
	if (system(command) || mkdir(dir.s, 0755) || !out)
		fmap_die("%s", dir.s);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		record = out;
		umask(022);
		alarm(120);
		if (chdir(dir.s))
			fmap_die("%s", dir.s);
		script();
		fprintf(record, "the end\n");
		fflush(record);
		_exit(0);
	}
	if (waitpid(pid, &(int){ 0 }, 0) < 0)
		fmap_die("waitpid");
	rewind(out);
	n = fread(text, 1, RECORD_MAX - 1, out);
	text[n] = '\0';
	fclose(out);
	if (system(command))
		fmap_die("%s", command);
}

/* Up to the first few differences, as in a diff of lines at the same place. */
static inline int differences(char *lower, char *fmap)
{
	int found = 0;

	while (*lower || *fmap) {
		size_t a = strcspn(lower, "\n"), b = strcspn(fmap, "\n");

		if (a != b || memcmp(lower, fmap, a)) {
			if (++found <= 10)
				printf("# lower: %.*s\n# fmap:  %.*s\n", (int)a, lower, (int)b,
				       fmap);
		}
		lower += a + (lower[a] == '\n');
		fmap += b + (fmap[b] == '\n');
	}
	return found;
}

/* Lines in which the records of @script differ; a script that did not end is one. */
static inline int compare_script(void (*script)(void), const char *name)
{
	char *lower = malloc(RECORD_MAX), *fmap = malloc(RECORD_MAX);
	int found;

	run_script(script, LOWER, name, lower);
	run_script(script, FMAP, name, fmap);
	if (getenv("FMAP_VERBOSE"))
		printf("# %s:\n%s", name, lower);
	found = differences(lower, fmap) + !strstr(lower, "\nthe end\n");
	free(lower);
	free(fmap);
	return found;
}

/* CONFORMS(name) { calls } */
#define CONFORMS(name) \
	static void name##_script(void); \
	TEST(same_##name) \
	{ \
		EXPECT_EQ(0, compare_script(name##_script, #name)); \
	} \
	static void name##_script(void)

#endif /* FMAP_CONFORMANCE_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * Mount by fsopen(2) and print the log that the kernel leaves in its context,
 * which mount(8) of some distributions does not show.
 *
 *	fsopen_log TYPE SOURCE TARGET [KEY=VALUE|FLAG]...
 *	fsopen_log -m TYPE SOURCE TARGET [OPTIONS [remount]]	by mount(2)
 *
 * SOURCE "-" sets none. Prints each message as it is ("e fmapfs: ..."), with -m
 * what is new in the kernel log, and then "errno NAME" of the first call that
 * failed, or "mounted". Exit status 0 if mounted. By system call number, because
 * C libraries are late with these.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_fsopen
#define SYS_move_mount	429
#define SYS_fsopen	430
#define SYS_fsconfig	431
#define SYS_fsmount	432
#endif

/* enum fsconfig_command, which sys/mount.h may or may not have */
#define SET_FLAG	0
#define SET_STRING	1
#define CMD_CREATE	6
#define EMPTY_PATH	0x4	/* MOVE_MOUNT_F_EMPTY_PATH */

static void print_log(int fs)
{
	int saved = errno;
	char message[1024];
	ssize_t n;

	while ((n = read(fs, message, sizeof(message) - 1)) > 0) {
		message[n] = '\0';
		printf("%s%s", message, message[n - 1] == '\n' ? "" : "\n");
	}
	errno = saved;
}

/* The kernel log from here on, one record a read. */
static int open_kmsg(void)
{
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);

	lseek(kmsg, 0, SEEK_END);
	return kmsg;
}

static int by_mount(char **argv, int argc)
{
	const char *source = strcmp(argv[1], "-") ? argv[1] : NULL;
	int kmsg = open_kmsg();
	int err;

	err = mount(source, argv[2], argv[0], argc > 4 ? MS_REMOUNT : 0,
		    argc > 3 ? argv[3] : NULL);
	print_log(kmsg);
	return err;
}

static int set(int fs, char *option)
{
	char *value = strchr(option, '=');

	if (!value)
		return syscall(SYS_fsconfig, fs, SET_FLAG, option, NULL, 0);
	*value++ = '\0';
	return syscall(SYS_fsconfig, fs, SET_STRING, option, value, 0);
}

static int configure(int fs, const char *source, char **options)
{
	if (strcmp(source, "-") &&
	    syscall(SYS_fsconfig, fs, SET_STRING, "source", source, 0))
		return -1;
	for (; *options; options++)
		if (set(fs, *options))
			return -1;
	return syscall(SYS_fsconfig, fs, CMD_CREATE, NULL, NULL, 0);
}

static int attach(int fs, const char *target)
{
	int mnt = syscall(SYS_fsmount, fs, 0, 0);

	if (mnt < 0)
		return -1;
	return syscall(SYS_move_mount, mnt, "", AT_FDCWD, target,
		       EMPTY_PATH);
}

static int say(int err)
{
	if (err)
		printf("errno %s\n", strerrorname_np(errno));
	else
		puts("mounted");
	return err ? 1 : 0;
}

int main(int argc, char **argv)
{
	int fs, err;

	if (argc > 4 && !strcmp(argv[1], "-m"))
		return say(by_mount(argv + 2, argc - 2));
	if (argc < 4) {
		fprintf(stderr, "usage: fsopen_log [-m] TYPE SOURCE TARGET [OPTION]...\n");
		return 2;
	}
	fs = syscall(SYS_fsopen, argv[1], 0);
	err = fs < 0 || configure(fs, argv[2], argv + 4) || attach(fs, argv[3]);
	if (fs >= 0)
		print_log(fs);
	return say(err);
}

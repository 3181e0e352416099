/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A lower filesystem and a mount of a test's own, which it then has instead of
 * those of the guest. A test runs in a process of its own, so that this ends
 * with it; the mounts are taken down by fmap_own_umount(). And a memory cgroup of
 * its own, whose pages can be reclaimed.
 */
#ifndef FMAP_MOUNTS_H
#define FMAP_MOUNTS_H

#include <sys/wait.h>

#include "fmap_test.h"

/* True if the shell command succeeds; what it says is shown if it does not. */
static inline bool __attribute__((format(printf, 1, 2)))
fmap_sh(const char *fmt, ...)
{
	char command[1024], line[256];
	va_list args;
	FILE *f;
	int n;

	va_start(args, fmt);
	n = vsnprintf(command, sizeof(command) - 8, fmt, args);
	va_end(args);
	snprintf(command + n, 8, " 2>&1");
	f = popen(command, "r");
	while (f && fgets(line, sizeof(line), f))
		printf("# %s: %s", strtok(command, " "), line);
	return f && !pclose(f);
}

/* @type with @options on @device at DIR/lower, fmapfs over it at DIR/mnt. */
static inline void fmap_own_mount(const char *dir, const char *type, const char *device,
				  const char *options)
{
	struct fmap_path lower = fmap_at(dir, "lower"), mnt = fmap_at(dir, "mnt");
	char debugfs[64];
	struct stat st;

	mkdir(dir, 0755);
	mkdir(lower.s, 0755);
	mkdir(mnt.s, 0755);
	if (mount(device, lower.s, type, 0, options))
		fmap_die("mounting %s", type);
	if (mount(lower.s, mnt.s, "fmapfs", 0, NULL) || stat(mnt.s, &st))
		fmap_die("fmapfs over %s", type);
	snprintf(debugfs, sizeof(debugfs), "/sys/kernel/debug/fmapfs/%u:%u",
		 major(st.st_dev), minor(st.st_dev));
	setenv("FMAP_LOWER", lower.s, 1);
	setenv("FMAP_LOWERFS", type, 1);
	setenv("FMAP_MNT", mnt.s, 1);
	setenv("FMAP_DEBUGFS", debugfs, 1);
}

/* Checks the sum rules first. Return: what went wrong. */
static inline int fmap_own_umount(const char *dir)
{
	struct fmap_counters c;
	int bad, tries;

	fmap_read_counters(&c);
	bad = fmap_broken_sums(&c);
	/* A last reference may be given back a moment later. */
	for (tries = 0; umount(fmap_mnt()) && tries < 50; tries++)
		usleep(20000);
	bad += tries == 50;
	for (tries = 0; umount(fmap_lower()) && tries < 50; tries++)
		usleep(20000);
	bad += tries == 50;
	rmdir(fmap_mnt());
	rmdir(fmap_lower());
	return bad + !!rmdir(dir);
}

#define FMAP_CGROUPS	"/sys/fs/cgroup"
#define FMAP_GROUP	FMAP_CGROUPS "/fmapfs-test"

/* What this process reads from now on is charged to the group. False: none. */
static inline bool fmap_group_enter(void)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "%d", getpid());
	fmap_write_file(FMAP_CGROUPS "/cgroup.subtree_control", "+memory");
	mkdir(FMAP_GROUP, 0755);
	if (!access(FMAP_GROUP "/memory.reclaim", W_OK) &&
	    !fmap_write_file(FMAP_GROUP "/cgroup.procs", pid))
		return true;
	rmdir(FMAP_GROUP);
	return false;
}

/* As under memory pressure. Most of it goes, never all for sure. */
static inline void fmap_group_reclaim(void)
{
	fmap_write_file(FMAP_GROUP "/memory.reclaim", "16M");
}

static inline void fmap_group_leave(void)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "%d", getpid());
	fmap_write_file(FMAP_CGROUPS "/cgroup.procs", pid);
	rmdir(FMAP_GROUP);
}

#endif /* FMAP_MOUNTS_H */

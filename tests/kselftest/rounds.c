// SPDX-License-Identifier: GPL-2.0
/*
 * Load the module, mount, map, unmount and unload it again and again, by
 * system calls alone.
 *
 *	rounds N MODULE LOWER MNT
 *
 * LOWER has a file "file". In every other round a process that is killed has the
 * mapping, and the module is to go while that ends. Exit status 0 if each of the
 * N rounds worked.
 */
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "mapping.h"

static void must(bool ok, const char *what, unsigned int round)
{
	if (!ok)
		fmap_die("round %u: %s", round, what);
}

static unsigned char *use(const char *mnt, unsigned int round, size_t *len)
{
	int fd = open(path_in(mnt, "file"), O_RDWR);
	struct stat st;
	unsigned char *map;

	must(fd >= 0 && !fstat(fd, &st), "open", round);
	*len = st.st_size;
	map = map_file(fd, *len, PROT_READ | PROT_WRITE, MAP_SHARED);
	close(fd);
	fill(map, *len, round);
	madvise(map, *len, MADV_DONTNEED);
	must(differs(map, *len, round) == *len, "data", round);
	return map;
}

static int module_out(void)
{
	return syscall(SYS_delete_module, "fmapfs", O_NONBLOCK);
}

static void in_order(const char *mnt, unsigned int round)
{
	size_t len;
	unsigned char *map = use(mnt, round, &len);

	munmap(map, len);
	must(!umount(mnt), "umount", round);
	must(!module_out(), "rmmod", round);
}

static void __attribute__((noreturn)) hold(const char *mnt, unsigned int round, int ready)
{
	size_t len;
	unsigned char *map = use(mnt, round, &len);

	must(write(ready, "", 1) == 1, "pipe", round);
	for (;;) {
		madvise(map, len, MADV_DONTNEED);
		*(volatile unsigned char *)map;
	}
}

static void at_once(const char *mnt, unsigned int round)
{
	int ready[2], in_use, tries = 10000;
	char byte;
	pid_t pid;

	must(!pipe(ready), "pipe", round);
	pid = fork();
	must(pid >= 0, "fork", round);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		hold(mnt, round, ready[1]);
	}
	close(ready[1]);
	must(read(ready[0], &byte, 1) == 1, "the mapping", round);
	must(umount(mnt) && errno == EBUSY, "umount is refused", round);
	must(!umount2(mnt, MNT_DETACH), "umount -l", round);
	must(module_out() && errno == EWOULDBLOCK, "rmmod is refused", round);
	kill(pid, SIGKILL);
	while ((in_use = module_out()) && errno == EWOULDBLOCK && tries--)
		usleep(1000);
	must(!in_use, "rmmod while the mapping ends", round);
	waitpid(pid, NULL, 0);
	close(ready[0]);
}

int main(int argc, char **argv)
{
	unsigned int n, round;

	if (argc != 5)
		return 2;
	n = strtoul(argv[1], NULL, 0);
	for (round = 0; round < n; round++) {
		int module = open(argv[2], O_RDONLY | O_CLOEXEC);

		must(!syscall(SYS_finit_module, module, "", 0), "insmod", round);
		close(module);
		must(!mount(argv[3], argv[4], "fmapfs", 0, NULL), "mount", round);
		if (round & 1)
			at_once(argv[4], round);
		else
			in_order(argv[4], round);
	}
	return 0;
}

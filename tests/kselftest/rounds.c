// SPDX-License-Identifier: GPL-2.0
/*
 * Load the module, mount, map, unmount and unload it again and again, by
 * system calls alone.
 *
 *	rounds N MODULE LOWER MNT
 *
 * LOWER has a file "file". Exit status 0 if each of the N rounds worked.
 */
#include <sys/syscall.h>

#include "mapping.h"

static void must(bool ok, const char *what, unsigned int round)
{
	if (!ok)
		fmap_die("round %u: %s", round, what);
}

static void use(const char *mnt, unsigned int round)
{
	int fd = open(path_in(mnt, "file"), O_RDWR);
	struct stat st;
	unsigned char *map;

	must(fd >= 0 && !fstat(fd, &st), "open", round);
	map = map_file(fd, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED);
	close(fd);
	fill(map, st.st_size, round);
	madvise(map, st.st_size, MADV_DONTNEED);
	must(differs(map, st.st_size, round) == (size_t)st.st_size, "data", round);
	munmap(map, st.st_size);
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
		use(argv[4], round);
		must(!umount(argv[4]), "umount", round);
		must(!syscall(SYS_delete_module, "fmapfs", O_NONBLOCK), "rmmod", round);
	}
	return 0;
}

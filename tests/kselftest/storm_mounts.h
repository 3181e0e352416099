/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Other mounts come and go while a storm's mount is in use: one of them of the
 * same files, whose mapping outlives it.
 */
#ifndef FMAP_STORM_MOUNTS_H
#define FMAP_STORM_MOUNTS_H

#include <sys/syscall.h>

#include "storm.h"

static const char *second_mount(void)
{
	static char template[] = "/tmp/storm.XXXXXX";
	static char *at;

	if (!at)
		at = mkdtemp(template);
	must(at, "a mount point");
	return at;
}

/* What is in use is refused, as long as it is. */
static void refused(void)
{
	must(umount(fmap_mnt()) && errno == EBUSY, "umount of what is mapped is refused");
	must(syscall(SYS_delete_module, "fmapfs", O_NONBLOCK) && errno == EWOULDBLOCK,
	     "rmmod of what is mounted is refused");
}

static void look_there(struct place *place, uint64_t *seed, unsigned int n)
{
	struct reader r = { .kind = SHARED_OWN, .place = place, .seed = fmap_rand(seed) };

	while (n--)
		one_access(&r);
}

/* The mapping of the storm's file through a mount that ends before or after it. */
static void map_and_umount(uint64_t *seed, bool lazily)
{
	struct place place = { };
	int fd = open(path_in(second_mount(), "storm"), O_RDWR);

	must(fd >= 0, "the file in the other mount");
	map_place(&place, fd, MAP_SHARED);
	close(fd);
	look_there(&place, seed, 8);
	must(umount(second_mount()) && errno == EBUSY, "umount with a mapping");
	if (lazily) {
		must(!umount2(second_mount(), MNT_DETACH), "umount -l");
		look_there(&place, seed, 8);
	}
	unmap_place(&place);
	if (!lazily)
		must(!umount(second_mount()), "umount");
}

static void make_mounts(uint64_t *seed)
{
	static const char * const options[] = {
		"engine=pin", "engine=retry", "engine=hold", "engine=native",
		"install=insert", "around=adaptive",
	};
	size_t which = fmap_rand(seed) % (sizeof(options) / sizeof(options[0]));

	wake_readers(16, false);
	must(!mount(fmap_lower(), second_mount(), "fmapfs", 0, options[which]), "mount");
	refused();
	map_and_umount(seed, fmap_rand(seed) & 1);
	refused();
}

#endif /* FMAP_STORM_MOUNTS_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What memory management does on its own while a storm's file is faulted in:
 * compaction moves its pages to other frames; pressure takes them away, and
 * swaps out what was copied of them.
 */
#ifndef FMAP_STORM_MEMORY_H
#define FMAP_STORM_MEMORY_H

#include <sched.h>
#include <sys/swap.h>

#include "fmap_mounts.h"
#include "storm.h"

/* --- compaction ------------------------------------------------------------- */

/*
 * Compaction moves pages from the lower end of memory into holes of blocks that
 * are in use, further up. So there must be such holes, and the file must be
 * below them: a pool of pages is taken, holes are made of its upper half, and
 * its lowest frames are given back just before the file is read again, on the
 * same processor, which then takes them first. Where a small pool has done before
 * and does not now, but for pages that are not the file's, a large one mostly does not
 * either, and takes ten times as long.
 */
#define POOL		512	/* pages, more as long as they do nothing */
#define MOST_POOL	4096
#define KEEP_IN_POOL	8
#define FREE_LISTS	"/proc/sys/vm/percpu_pagelist_high_fraction"

static unsigned char *pool;
static uint64_t pool_frames[MOST_POOL];
/* Of the file; in a few rounds it may be none. */
static unsigned long pages_moved;

/* The frame of each of @n pages, which are touched; 0 if it has none. */
static void read_frames(unsigned char *map, unsigned int n, uint64_t *frames)
{
	const uint64_t present = 1ULL << 63, number = (1ULL << 55) - 1;
	int fd = open("/proc/self/pagemap", O_RDONLY);
	unsigned int i;

	for (i = 0; i < n; i++)
		probe_read(map + i * storm->page);
	must(pread(fd, frames, n * sizeof(*frames), (uintptr_t)map / storm->page *
		   sizeof(*frames)) == (ssize_t)(n * sizeof(*frames)), "pagemap");
	close(fd);
	for (i = 0; i < n; i++)
		frames[i] = frames[i] & present ? frames[i] & number : 0;
}

static int by_frame(const void *a, const void *b)
{
	uint64_t x = pool_frames[*(const unsigned int *)a];
	uint64_t y = pool_frames[*(const unsigned int *)b];

	return x < y ? -1 : x > y;
}

static void give_back(unsigned int page)
{
	madvise(pool + page * storm->page, storm->page, MADV_DONTNEED);
}

/* The file low, holes above it. */
static void make_holes(unsigned int pages)
{
	static unsigned int order[MOST_POOL];
	unsigned int i;

	pool = mmap(NULL, pages * storm->page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(pool != MAP_FAILED, "memory");
	madvise(pool, pages * storm->page, MADV_NOHUGEPAGE);
	for (i = 0; i < pages; i++) {
		pool[i * storm->page] = 1;
		order[i] = i;
	}
	read_frames(pool, pages, pool_frames);
	qsort(order, pages, sizeof(order[0]), by_frame);
	make_cold();
	for (i = pages - 1; i > pages / 2; i--)
		if (i % KEEP_IN_POOL)
			give_back(order[i]);
	for (i = PAGES + BEYOND; i; i--)
		give_back(order[i - 1]);
}

/* Return: how many pages of the file have another frame afterwards. */
static unsigned int compact(unsigned int pages)
{
	uint64_t before[PAGES], after[PAGES];
	unsigned int i, moved = 0;

	make_holes(pages);
	read_frames(storm->map, PAGES, before);
	wake_readers(16, false);
	must(!fmap_write_file("/proc/sys/vm/compact_memory", "1"), "compact_memory");
	read_frames(storm->map, PAGES, after);
	munmap(pool, pages * storm->page);
	for (i = 0; i < PAGES; i++)
		moved += before[i] && after[i] && before[i] != after[i];
	return moved;
}

static const char *lacks_compact(void)
{
	return access("/proc/sys/vm/compact_memory", W_OK) ? "no compaction" : NULL;
}

static void make_compact(void)
{
	long long migrated = fmap_vmstat("pgmigrate_success");
	unsigned int moved = 0, pages;
	cpu_set_t all, here;

	must(!sched_getaffinity(0, sizeof(all), &all), "affinity");
	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	must(!sched_setaffinity(0, sizeof(here), &here), "affinity");
	/* Free pages, not pages that a processor keeps for itself. */
	must(!fmap_write_file(FREE_LISTS, "1000000"), FREE_LISTS);
	for (pages = POOL; pages <= MOST_POOL && !moved; pages *= 2) {
		moved = compact(pages);
		if (pages_moved && fmap_vmstat("pgmigrate_success") > migrated)
			break;
	}
	must(!fmap_write_file(FREE_LISTS, "0"), FREE_LISTS);
	must(!sched_setaffinity(0, sizeof(all), &all), "affinity");
	must(fmap_vmstat("pgmigrate_success") > migrated, "compaction moved nothing");
	pages_moved += moved;
}

/* --- pressure --------------------------------------------------------------- */

#define SWAP_DISK	"/dev/ram0"
#define HOG_FILE	"storm.hog"
#define HOG_PAGES	256

/*
 * A private mapping of another file through the mount, larger than the memory
 * that there is under pressure: in each eight pages seven copies, that must be
 * swapped, and one of the file, that is read again.
 */
static unsigned char *hog;
static unsigned long swapped_in, swapped_out;

static inline bool is_copied(unsigned int page)
{
	return page % 8;
}

static void group_limit(long long bytes)
{
	char text[32] = "max";

	if (bytes)
		snprintf(text, sizeof(text), "%lld", bytes);
	must(!fmap_write_file(FMAP_GROUP "/memory.max", text), "memory.max");
}

static bool swap_begin(void)
{
	return fmap_sh("grep -q '^/dev/ram0 ' /proc/mounts /proc/swaps && exit 1;"
		       " modprobe -q brd rd_nr=1 rd_size=65536 && mkswap -q " SWAP_DISK) &&
	       !swapon(SWAP_DISK, 0);
}

/* From here on all that the test uses is the group's. */
static const char *lacks_swap(void)
{
	unsigned int i;
	int fd;

	if (!fmap_group_enter())
		return "no memory cgroup";
	if (!swap_begin()) {
		fmap_group_leave();
		return "no RAM disk to swap to";
	}
	fd = make_file(path_in(fmap_mnt(), HOG_FILE), HOG_PAGES * storm->page, 1);
	hog = map_file(fd, HOG_PAGES * storm->page, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	must(!fsync(fd), "fsync");
	close(fd);
	for (i = 0; i < HOG_PAGES; i++)
		if (is_copied(i))
			hog[i * storm->page] = i;
	return NULL;
}

static void swap_end(void)
{
	struct fmap_path lower = fmap_at(fmap_lower(), HOG_FILE);

	if (!hog)
		return;
	munmap(hog, HOG_PAGES * storm->page);
	must(!unlink(lower.s), lower.s);
	must(!swapoff(SWAP_DISK), "swapoff");
	fmap_group_leave();
}

static void look_at_hog(void)
{
	unsigned int i;
	int seen, expected;

	for (i = 0; i < HOG_PAGES; i++) {
		seen = probe_read(hog + i * storm->page);
		expected = is_copied(i) ? (unsigned char)i : pattern(1, i * storm->page);
		if (seen != expected)
			complain("the hog", 2 * i, seen);
	}
}

/* There is no memory for more than a few of the pages that come back. */
#define HEADROOM	(64 * storm->page)

static void make_swap(void)
{
	long long out = fmap_vmstat("pswpout"), in = fmap_vmstat("pswpin");
	long long files = fmap_vmstat("pgsteal_file");
	unsigned int tries;

	look_at_hog();
	for (tries = 0; tries < 50; tries++) {
		wake_readers(16, false);
		fmap_write_file(FMAP_GROUP "/memory.reclaim", tries < 10 ? "256K" : "4M");
		/* Those of a tmpfs are swapped, too. */
		if (fmap_vmstat("pswpout") > out &&
		    (fmap_vmstat("pgsteal_file") > files || lower_is("tmpfs")))
			break;
	}
	must(tries < 50, "pressure takes no page of a file, or swaps nothing out");
	group_limit(fmap_read_number(FMAP_GROUP "/memory.current") + HEADROOM);
	wake_readers(16, false);
	look_at_hog();
	group_limit(0);
	swapped_in += fmap_vmstat("pswpin") - in;
	swapped_out += fmap_vmstat("pswpout") - out;
}

#endif /* FMAP_STORM_MEMORY_H */

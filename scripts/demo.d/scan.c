// SPDX-License-Identifier: GPL-2.0
/*
 * The demo's own programs over one mmapped file.
 *
 *	scan read FILE		each page once, in order
 *	scan random FILE N	N pages by a fixed seed
 *	scan write FILE		a store into each page, the holes of the file included
 *	scan verify FILE	read() what `write` stored; exit 1 on any difference
 *
 * Prints one line: what it did and a checksum of what it saw.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct view {
	const char *path;
	int fd;
	size_t page;
	size_t pages;
	unsigned char *at;
};

static void die(const char *what)
{
	fprintf(stderr, "scan: %s: %s\n", what, strerror(errno));
	exit(2);
}

static struct view view_open(const char *path, int flags)
{
	struct view v = { .path = path, .page = sysconf(_SC_PAGESIZE) };
	struct stat st;

	v.fd = open(path, flags);
	if (v.fd < 0 || fstat(v.fd, &st))
		die(path);
	v.pages = st.st_size / v.page;
	return v;
}

static void view_map(struct view *v, int prot)
{
	v->at = mmap(NULL, v->pages * v->page, prot, MAP_SHARED, v->fd, 0);
	if (v->at == MAP_FAILED)
		die("mmap");
}

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static int scan_read(const char *path)
{
	struct view v = view_open(path, O_RDONLY);
	uint64_t sum = 0;
	size_t i;

	view_map(&v, PROT_READ);
	for (i = 0; i < v.pages; i++)
		sum += v.at[i * v.page];
	printf("    read %zu pages in order, sum %llx\n", v.pages,
	       (unsigned long long)sum);
	return 0;
}

static int scan_random(const char *path, size_t touches)
{
	struct view v = view_open(path, O_RDONLY);
	uint64_t sum = 0;
	size_t i;

	view_map(&v, PROT_READ);
	for (i = 0; i < touches; i++)
		sum += v.at[mix(i) % v.pages * v.page];
	printf("    read %zu of %zu pages at random, sum %llx\n", touches,
	       v.pages, (unsigned long long)sum);
	return 0;
}

static int scan_write(const char *path)
{
	struct view v = view_open(path, O_RDWR);
	uint64_t value;
	size_t i;

	view_map(&v, PROT_READ | PROT_WRITE);
	for (i = 0; i < v.pages; i++) {
		value = mix(i);
		memcpy(v.at + i * v.page, &value, sizeof(value));
	}
	if (msync(v.at, v.pages * v.page, MS_SYNC))
		die("msync");
	printf("    stored into %zu pages, msync done\n", v.pages);
	return 0;
}

static int scan_verify(const char *path)
{
	struct view v = view_open(path, O_RDONLY);
	uint64_t value, want;
	size_t i, bad = 0;

	for (i = 0; i < v.pages; i++) {
		want = mix(i);
		if (pread(v.fd, &value, sizeof(value), i * v.page) !=
		    sizeof(value))
			die(path);
		bad += value != want;
	}
	printf("    %s: %zu of %zu stores are in the file\n", path,
	       v.pages - bad, v.pages);
	return bad != 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "read"))
		return scan_read(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "random"))
		return scan_random(argv[2], strtoul(argv[3], NULL, 0));
	if (argc == 3 && !strcmp(argv[1], "write"))
		return scan_write(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "verify"))
		return scan_verify(argv[2]);
	fprintf(stderr, "usage: scan read|write|verify FILE | scan random FILE N\n");
	return 2;
}

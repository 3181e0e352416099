// SPDX-License-Identifier: GPL-2.0
/*
 * Holds a mapping for the shell tests, and uses it when told to.
 *
 *	mapper FILE
 *
 * Maps the whole file shared, for writing too, closes it, says "mapped" and
 * then obeys lines from its standard input, with one line of reply to each:
 *
 *	get PAGE		first byte of the page, or "SIGBUS"
 *	put PAGE BYTE		store it: "ok" or "SIGBUS"
 *	check SEED		"ok" if each byte is as `fill SEED` stores it
 *	fill SEED		store into each byte: "ok"
 *	drop			forget the page table: "ok"
 *	loop SEED N		N times drop and check: "ok", or what was wrong
 *	quit			"bye", and leave
 */
#include "mapping.h"

static unsigned char *map;
static size_t len;

static void check(unsigned int seed, char *reply, size_t size)
{
	size_t at = differs(map, len, seed);

	if (at == len)
		snprintf(reply, size, "ok");
	else
		snprintf(reply, size, "byte %zu is %d, not %d", at, map[at],
			 pattern(seed, at));
}

static void drop(void)
{
	madvise(map, len, MADV_DONTNEED);
}

static void loop(unsigned int seed, unsigned int n, char *reply, size_t size)
{
	do {
		drop();
		check(seed, reply, size);
	} while (n-- && !strcmp(reply, "ok"));
}

static void obey(const char *line, char *reply, size_t size)
{
	unsigned int a, b;
	int value;

	snprintf(reply, size, "ok");
	if (sscanf(line, "get %u", &a) == 1) {
		value = probe_read(map + a * fmap_page());
		if (value < 0)
			snprintf(reply, size, "SIGBUS");
		else
			snprintf(reply, size, "%d", value);
	} else if (sscanf(line, "put %u %u", &a, &b) == 2) {
		if (probe_write(map + a * fmap_page(), b))
			snprintf(reply, size, "SIGBUS");
	} else if (sscanf(line, "check %u", &a) == 1) {
		check(a, reply, size);
	} else if (sscanf(line, "fill %u", &a) == 1) {
		fill(map, len, a);
	} else if (sscanf(line, "loop %u %u", &a, &b) == 2) {
		loop(a, b, reply, size);
	} else if (!strncmp(line, "drop", 4)) {
		drop();
	} else {
		snprintf(reply, size, "bye");
	}
}

int main(int argc, char **argv)
{
	char line[128], reply[128];
	struct stat st;
	int fd;

	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	probe_init();
	fd = open(argv[1], O_RDWR);
	if (fd < 0 || fstat(fd, &st))
		fmap_die("%s", argv[1]);
	len = st.st_size;
	map = map_file(fd, len, PROT_READ | PROT_WRITE, MAP_SHARED);
	close(fd);
	puts("mapped");
	while (fgets(line, sizeof(line), stdin)) {
		obey(line, reply, sizeof(reply));
		puts(reply);
		if (!strcmp(reply, "bye"))
			break;
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/* read_pages FILE PATTERN: touch the pages of a mapped file as a benchmark does. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../bench/pattern.h"

int main(int argc, char **argv)
{
	const struct pattern *p = argc == 3 ? pattern_find(argv[2]) : NULL;
	size_t page = sysconf(_SC_PAGESIZE), n, i;
	const volatile char *base;
	uint32_t *order;
	struct stat st;
	int fd;

	if (!p) {
		fprintf(stderr, "usage: read_pages FILE PATTERN; patterns:\n");
		pattern_list(stderr);
		return 2;
	}
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &st)) {
		perror(argv[1]);
		return 2;
	}
	order = malloc(st.st_size / page * sizeof(*order));
	base = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (!order || base == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	n = pattern_make(p, st.st_size / page, order);
	for (i = 0; i < n; i++)
		(void)base[order[i] * page];
	return 0;
}

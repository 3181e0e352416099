// SPDX-License-Identifier: GPL-2.0
/*
 * Stores through shared mappings that must be in the file after the next boot.
 *
 *	durable write DIR SEED SUMS	make files in DIR, record what is in them
 *	durable verify DIR SUMS		read them again, in another boot
 *
 * The writer keeps what it stores in memory of its own as well, and records
 * the checksum of each page from there, never from the file. Line by line:
 *
 *	file NAME SIZE STATE		STATE: synced (msync or fsync returned after
 *					the last store) or left (to writeback)
 *	page NAME NUMBER CHECKSUM
 *
 * Each file is recorded when it is done, so that a test which cuts the power
 * can ask for the synced ones alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE		4096UL
#define MAX_PAGES	512UL

/* A file under test, and what its content must be. */
struct subject {
	const char *name;
	int fd;
	size_t size;
	unsigned char *map;
	unsigned char *want;
	bool synced;
};

static uint64_t state;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static size_t below(size_t n)
{
	return next_random() % n;
}

static void die(const char *what)
{
	fprintf(stderr, "durable: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t checksum(const unsigned char *p, size_t len)
{
	uint64_t h = 0xcbf29ce484222325;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3;
	return h;
}

static void open_subject(struct subject *s, const char *name)
{
	s->name = name;
	s->fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);
	s->size = 0;
	s->synced = false;
	s->want = calloc(MAX_PAGES, PAGE);
	if (s->fd < 0 || !s->want)
		die(name);
	s->map = mmap(NULL, MAX_PAGES * PAGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED, s->fd, 0);
	if (s->map == MAP_FAILED)
		die("mmap");
}

static void resize(struct subject *s, size_t size)
{
	if (ftruncate(s->fd, size))
		die("ftruncate");
	if (size < s->size)
		memset(s->want + size, 0, s->size - size);
	s->size = size;
	s->synced = false;
}

static void write_at(struct subject *s, size_t at, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		s->want[at + i] = next_random();
	if (pwrite(s->fd, s->want + at, len, at) != (ssize_t)len)
		die("pwrite");
	if (at + len > s->size)
		s->size = at + len;
	s->synced = false;
}

static void store_at(struct subject *s, size_t at, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		s->want[at + i] = next_random();
	memcpy(s->map + at, s->want + at, len);
	s->synced = false;
}

/* A few bytes, some across a page boundary, sometimes a page or more. */
static void store_somewhere(struct subject *s, size_t from)
{
	size_t at = from + below(s->size - from);
	size_t len = 1 + (below(4) ? below(64) : below(2 * PAGE));

	store_at(s, at, len < s->size - at ? len : s->size - at);
}

static void store_many(struct subject *s, size_t from, unsigned int n)
{
	while (n--)
		store_somewhere(s, from);
}

static void sync_range(struct subject *s)
{
	size_t at = below(s->size) / PAGE * PAGE;

	if (msync(s->map + at, PAGE * (1 + below(8)), below(2) ? MS_SYNC : MS_ASYNC))
		die("msync");
}

static void sync_all(struct subject *s)
{
	size_t len = (s->size + PAGE - 1) / PAGE * PAGE;

	if (below(2) ? fsync(s->fd) : msync(s->map, len, MS_SYNC))
		die("sync");
	s->synced = true;
}

static void over_data(struct subject *s)
{
	write_at(s, 0, 300 * PAGE);
	if (below(2))
		sync_all(s);
	store_many(s, 0, 400);
}

static void into_hole(struct subject *s)
{
	resize(s, 400 * PAGE);
	store_many(s, 0, 300);
}

/* The last page is partial: what lies behind the end must stay zero. */
static void past_old_end(struct subject *s)
{
	size_t old;

	write_at(s, 0, 3 * PAGE + 1000);
	do {
		old = s->size;
		store_many(s, 0, 10);
		resize(s, old + 1 + below(30 * PAGE));
		store_many(s, old, 20);
	} while (s->size < 300 * PAGE);
}

static void beside_writes(struct subject *s)
{
	write_at(s, 0, 50 * PAGE + 123);
	while (s->size < 300 * PAGE) {
		store_many(s, 0, 5);
		write_at(s, s->size, 1 + below(9000));
		write_at(s, below(s->size - 100), 100);
		if (!below(5))
			sync_range(s);
	}
}

static void cut_and_grown(struct subject *s)
{
	int i;

	write_at(s, 0, 200 * PAGE);
	for (i = 0; i < 20; i++) {
		store_many(s, 0, 20);
		resize(s, 1 + below(s->size));
		resize(s, s->size + 1 + below(100 * PAGE));
		store_many(s, 0, 20);
		if (!below(4))
			sync_range(s);
	}
}

/* Through a second mapping, at another offset, gone before the first. */
static void twice_mapped(struct subject *s)
{
	unsigned char *first = s->map;
	size_t off = 64 * PAGE;

	resize(s, 200 * PAGE);
	store_many(s, 0, 100);
	s->map = mmap(NULL, 100 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      s->fd, off);
	if (s->map == MAP_FAILED)
		die("mmap");
	s->map -= off;
	s->size = 164 * PAGE;
	store_many(s, off, 100);
	munmap(s->map + off, 100 * PAGE);
	s->size = 200 * PAGE;
	s->map = first;
	store_many(s, 0, 20);
}

/* Stores of a private mapping are nobody else's. */
static void private_beside(struct subject *s)
{
	unsigned char *priv;

	write_at(s, 0, 100 * PAGE);
	store_many(s, 0, 50);
	priv = mmap(NULL, 100 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, s->fd, 0);
	if (priv == MAP_FAILED)
		die("mmap");
	memset(priv, 0x5a, 100 * PAGE);
	store_many(s, 0, 50);
	munmap(priv, 100 * PAGE);
}

/* The mapping outlives the file descriptor. */
static void after_close(struct subject *s)
{
	write_at(s, 0, 60 * PAGE);
	resize(s, 200 * PAGE);
	close(s->fd);
	s->fd = -1;
	store_many(s, 0, 200);
}

static const struct {
	const char *name;
	void (*make)(struct subject *s);
} kinds[] = {
	{ "over-data",		over_data },
	{ "into-hole",		into_hole },
	{ "past-old-end",	past_old_end },
	{ "beside-writes",	beside_writes },
	{ "cut-and-grown",	cut_and_grown },
	{ "twice-mapped",	twice_mapped },
	{ "private-beside",	private_beside },
	{ "after-close",	after_close },
};

#define NR_KINDS	(sizeof(kinds) / sizeof(kinds[0]))

static void record(const struct subject *s, FILE *sums)
{
	size_t i, len;

	fprintf(sums, "file %s %zu %s\n", s->name, s->size,
		s->synced ? "synced" : "left");
	for (i = 0; i * PAGE < s->size; i++) {
		len = s->size - i * PAGE;
		fprintf(sums, "page %s %zu %016llx\n", s->name, i,
			(unsigned long long)checksum(s->want + i * PAGE,
						     len < PAGE ? len : PAGE));
	}
	if (fflush(sums) || fsync(fileno(sums)))
		die("recording");
}

static int write_files(const char *dir, uint64_t seed, const char *path)
{
	FILE *sums = fopen(path, "w");
	struct subject s;
	char name[64];
	size_t i;
	int round;

	if (!sums)
		die(path);
	if (chdir(dir))
		die(dir);
	state = seed * 2654435761 + 1;
	for (round = 0; round < 2; round++) {
		for (i = 0; i < NR_KINDS; i++) {
			snprintf(name, sizeof(name), "%s-%d", kinds[i].name, round);
			open_subject(&s, name);
			kinds[i].make(&s);
			if (round && s.fd >= 0)
				sync_all(&s);
			record(&s, sums);
			munmap(s.map, MAX_PAGES * PAGE);
			if (s.fd >= 0)
				close(s.fd);
			free(s.want);
		}
	}
	printf("# wrote %zu files, seed %llu\n", 2 * NR_KINDS,
	       (unsigned long long)seed);
	return fclose(sums) ? 2 : 0;
}

static bool verify_size(const char *name, size_t size)
{
	struct stat st;

	if (stat(name, &st)) {
		printf("# %s: %s\n", name, strerror(errno));
		return false;
	}
	if ((size_t)st.st_size != size) {
		printf("# %s: %lld bytes, %zu recorded\n", name,
		       (long long)st.st_size, size);
		return false;
	}
	return true;
}

static bool verify_page(const char *name, size_t number, uint64_t want)
{
	unsigned char buf[PAGE];
	int fd = open(name, O_RDONLY);
	ssize_t len = fd < 0 ? -1 : pread(fd, buf, PAGE, number * PAGE);
	uint64_t got;

	if (len < 0) {
		printf("# %s, page %zu: %s\n", name, number, strerror(errno));
		return false;
	}
	close(fd);
	got = checksum(buf, len);
	if (got == want)
		return true;
	printf("# %s, page %zu: checksum %016llx, the writer's is %016llx\n",
	       name, number, (unsigned long long)got, (unsigned long long)want);
	return false;
}

static int verify_files(const char *dir, const char *path)
{
	unsigned int pages = 0, files = 0, bad = 0;
	FILE *sums = fopen(path, "r");
	char line[256], name[64];
	unsigned long long sum;
	size_t n;

	if (!sums)
		die(path);
	if (chdir(dir))
		die(dir);
	while (fgets(line, sizeof(line), sums)) {
		if (sscanf(line, "file %63s %zu", name, &n) == 2) {
			files++;
			bad += !verify_size(name, n);
		} else if (sscanf(line, "page %63s %zu %llx", name, &n, &sum) == 3) {
			pages++;
			bad += !verify_page(name, n, sum);
		} else {
			bad++;
			printf("# not understood: %s", line);
		}
	}
	fclose(sums);
	printf("# verified %u files, %u pages: %u wrong\n", files, pages, bad);
	return bad || files != 2 * NR_KINDS;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "write"))
		return write_files(argv[2], strtoull(argv[3], NULL, 0), argv[4]);
	if (argc == 4 && !strcmp(argv[1], "verify"))
		return verify_files(argv[2], argv[3]);
	fprintf(stderr, "usage: durable write DIR SEED SUMS | durable verify DIR SUMS\n");
	return 2;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Who waits while a page fault waits for the disk? One thread touches a page
 * that is not cached, on a disk that answers late; meanwhile the main thread
 * times
 *
 *	mmap		mapping and unmapping memory that has nothing to do with it
 *	mprotect	changing the protection of the mapping of the fault
 *
 * on the lower filesystem and in each engine. A page comes to the page cache
 * by readahead, and the fault waits for the page; or, with MADV_RANDOM, the
 * fault reads that one page itself.
 *
 * What is late is compared with the end of the fault itself, as this program
 * saw it: it waited if it took more than half of what was left of the fault.
 *
 * blocking FILE: of both directories, on the disk as far as metadata go, its
 * data not cached. Exit status 1 if anything but the expected was seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "blocking: %s: %s\n", what, strerror(errno));
	exit(2);
}

enum how { READAHEAD, SINGLE, NR_HOWS };
enum what { MMAP, MPROTECT, NR_WHATS };

static const char * const how_names[NR_HOWS] = { "readahead", "one page" };
static const char * const what_names[NR_WHATS] = { "mmap", "mprotect" };

/* What the fault holds while it waits, for each way to read. */
struct engine {
	const char *name;
	const char *options;	/* NULL: the lower directory */
	bool holds[NR_HOWS];
};

static const struct engine engines[] = {
	{ .name = "lower" },
	{ .name = "native", .options = "engine=native" },
	{ .name = "pin", .options = "engine=pin" },
	{ .name = "retry", .options = "engine=retry" },
	{ .name = "hold", .options = "engine=hold",
	  .holds = { [READAHEAD] = true, [SINGLE] = true } },
};

static size_t page_size;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

/* Since 6.4 a fault holds no more than the lock of its mapping. */
static bool has_vma_locks(void)
{
	struct utsname name;
	int major = 0, minor = 0;

	uname(&name);
	sscanf(name.release, "%d.%d", &major, &minor);
	return major * 100 + minor >= 604;
}

struct toucher {
	pthread_t thread;
	const volatile char *page;
	atomic_int tid;
	double end;
};

static void *touch(void *arg)
{
	struct toucher *t = arg;

	atomic_store(&t->tid, syscall(SYS_gettid));
	(void)*t->page;
	t->end = now();
	return NULL;
}

static char state_of(int tid)
{
	char path[64], line[256], *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "r");
	if (!f || !fgets(line, sizeof(line), f))
		die(path);
	fclose(f);
	at = strrchr(line, ')');
	return at ? at[2] : '?';
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* Until it sleeps for the disk: before that, nobody waits for it. */
static void wait_for_fault(struct toucher *t)
{
	int asleep = 0;

	while (!atomic_load(&t->tid))
		nap();
	while (asleep < 20) {
		nap();
		asleep = state_of(t->tid) == 'D' ? asleep + 1 : 0;
	}
}

static void do_it(enum what what, void *map, size_t size)
{
	void *p;

	if (what == MMAP) {
		p = mmap(NULL, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED || munmap(p, page_size))
			die("mmap");
		return;
	}
	if (mprotect(map, size, PROT_READ | PROT_WRITE))
		die("mprotect");
}

/* Return: was what was seen what was expected? Each call touches a new page. */
static bool measure(const struct engine *e, enum how how, enum what what, const char *name)
{
	static unsigned int place;
	double begin, end, left, took;
	struct toucher t = { };
	struct stat st;
	bool waited, expected;
	char *map;
	int fd;

	if (e->options && mount("none", getenv("FMAP_MNT"), NULL, MS_REMOUNT, e->options))
		die(e->options);
	fd = open(name, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		die(name);
	map = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED || madvise(map, st.st_size, how == SINGLE ? MADV_RANDOM :
					 MADV_NORMAL))
		die("mmap");
	t.page = map + ++place * (1 << 20);
	if (place * (1UL << 20) >= (size_t)st.st_size) {
		errno = EFBIG;
		die(name);
	}
	if (pthread_create(&t.thread, NULL, touch, &t))
		die("pthread_create");
	wait_for_fault(&t);
	begin = now();
	do_it(what, map, st.st_size);
	end = now();
	pthread_join(t.thread, NULL);
	munmap(map, st.st_size);
	close(fd);

	left = t.end - begin;
	took = end - begin;
	waited = took > left / 2;
	expected = e->holds[how] && !(what == MMAP && has_vma_locks());
	printf("%-8s %-10s %-9s %9.0f %9.0f  %s%s\n", e->name, how_names[how],
	       what_names[what], left, took, waited ? "waits" : "-",
	       left < 200 ? "  the fault was over too soon" :
	       waited != expected ? "  NOT AS EXPECTED" : "");
	return waited == expected && left >= 200;
}

static char *file_name(const char *dir_variable, const char *file)
{
	const char *dir = getenv(dir_variable);
	char *name;

	if (!dir || asprintf(&name, "%s/%s", dir, file) < 0)
		die(dir_variable);
	return name;
}

int main(int argc, char **argv)
{
	char *lower, *mnt;
	bool good = true;
	size_t i;
	int how, what;

	if (argc != 2) {
		fprintf(stderr, "usage: blocking FILE\n");
		return 2;
	}
	page_size = sysconf(_SC_PAGESIZE);
	lower = file_name("FMAP_LOWER", argv[1]);
	mnt = file_name("FMAP_MNT", argv[1]);
	printf("%-8s %-10s %-9s %9s %9s  %s\n", "engine", "read by", "other", "fault ms",
	       "other ms", has_vma_locks() ? "(per-VMA locks)" : "(mmap_lock only)");
	for (i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		for (how = 0; how < NR_HOWS; how++)
			for (what = 0; what < NR_WHATS; what++)
				good &= measure(&engines[i], how, what,
						engines[i].options ? mnt : lower);
	free(lower);
	free(mnt);
	return !good;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What memory management does with a mapping through fmapfs is what it does
 * with one of the lower file: each body runs on both.
 *
 * Where the right answer depends on the kernel or the lower filesystem, the
 * calls are made on both and their results compared (same_results).
 */
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "mapping.h"

#define NAME		"mm_semantics"
#define PAGES		32

#ifndef MADV_COLD
#define MADV_COLD	20
#define MADV_PAGEOUT	21
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP	4
#endif
#ifndef MAP_SYNC
#define MAP_SYNC	0x80000
#endif

FIXTURE(mm) {
	const char *dir, *path;
	int fd;
	size_t page, len;
	unsigned char *map;
};

FIXTURE_VARIANT(mm) {
	enum side side;
};

FIXTURE_VARIANT_ADD(mm, lower) { .side = LOWER };
FIXTURE_VARIANT_ADD(mm, fmap) { .side = FMAP };

FIXTURE_SETUP(mm)
{
	probe_init();
	self->dir = side_dir(variant->side);
	self->path = path_in(self->dir, NAME);
	self->page = fmap_page();
	self->len = PAGES * self->page;
	unlink(self->path);
	self->fd = make_file(self->path, self->len, 1);
	self->map = map_file(self->fd, self->len, PROT_READ | PROT_WRITE, MAP_SHARED);
}

FIXTURE_TEARDOWN(mm)
{
	munmap(self->map, self->len);
	close(self->fd);
	EXPECT_EQ(0, unlink(self->path));
}

/* --- locking in memory ------------------------------------------------------ */

/* Kilobytes of a "Name:   123 kB" line. */
static long kb_in(const char *path, const char *name)
{
	FILE *f = fopen(path, "r");
	char line[256];
	long value = -1;

	if (!f)
		fmap_die("%s", path);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			sscanf(line + strlen(name), "%ld", &value);
	fclose(f);
	return value;
}

/*
 * The kernel sums its per-CPU differences only now and then, and unlocks pages
 * in batches that each munmap() on the same CPU empties.
 */
static long mlocked(void)
{
	munmap(map_file(-1, fmap_page(), PROT_READ,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE), fmap_page());
	fmap_write_file("/proc/sys/vm/stat_refresh", "1");
	return kb_in("/proc/meminfo", "Mlocked:");
}

static long vm_lck(void)
{
	return kb_in("/proc/self/status", "VmLck:");
}

enum lock_step {
	ALL, HALF, NONE, FLAG_LOCKED, UNMAPPED, ONFAULT, ONE_TOUCHED, ALL_TOUCHED,
	PRIVATE, PRIVATE_WRITTEN, PRIVATE_UNMAPPED, NR_LOCK_STEPS
};

/* Kilobytes locked after each step, by the system and by the process. */
struct locked {
	long all[NR_LOCK_STEPS];
	long own[NR_LOCK_STEPS];
};

static void lock_and_unlock(struct locked *l, enum side side)
{
	const char *path = path_in(side_dir(side), NAME ".lock");
	size_t page = fmap_page(), len = PAGES * page, i;
	int fd = make_file(path, len, 1);
	unsigned char *map = map_file(fd, len, PROT_READ | PROT_WRITE, MAP_SHARED);
	long all = mlocked(), own = vm_lck();

#define STEP(s) (l->all[s] = mlocked() - all, l->own[s] = vm_lck() - own)
	if (mlock(map, len))
		fmap_die("mlock");
	STEP(ALL);
	munlock(map, len / 2);
	STEP(HALF);
	munlock(map, len);
	STEP(NONE);
	munmap(map, len);

	map = map_file(fd, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_LOCKED);
	STEP(FLAG_LOCKED);
	munmap(map, len);
	STEP(UNMAPPED);

	map = map_file(fd, len, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (mlock2(map, len, MLOCK_ONFAULT))
		fmap_die("mlock2");
	STEP(ONFAULT);
	map[3 * page] = 1;
	STEP(ONE_TOUCHED);
	for (i = 0; i < len; i += page)
		map[i] = 1;
	STEP(ALL_TOUCHED);
	munmap(map, len);

	map = map_file(fd, len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	if (mlock(map, len))
		fmap_die("mlock");
	STEP(PRIVATE);
	memset(map, 7, len);
	STEP(PRIVATE_WRITTEN);
	munmap(map, len);
	STEP(PRIVATE_UNMAPPED);
#undef STEP
	close(fd);
	unlink(path);
}

/*
 * A part of a large folio may be locked and not counted as that. The lower's
 * fault-around may map in parts what ours leaves to the core, which maps it whole.
 */
static bool has_large_folios(void)
{
	return fmap_large_folios() && !lower_is("tmpfs");
}

TEST(mlock_locks)
{
	long all = PAGES * fmap_page() / 1024, one = fmap_page() / 1024;
	const long right[NR_LOCK_STEPS] = {
		[ALL] = all, [HALF] = all / 2, [FLAG_LOCKED] = all,
		[ONE_TOUCHED] = one, [ALL_TOUCHED] = all, [PRIVATE] = all,
		[PRIVATE_WRITTEN] = all,
	};
	struct locked lower, fmap;
	cpu_set_t here;
	int i;

	CPU_ZERO(&here);
	CPU_SET(0, &here);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(here), &here));
	lock_and_unlock(&lower, LOWER);
	lock_and_unlock(&fmap, FMAP);
	for (i = 0; i < NR_LOCK_STEPS; i++) {
		EXPECT_EQ(lower.own[i], fmap.own[i]);
		if (has_large_folios() && fmap.all[i] == lower.all[i])
			continue;
		EXPECT_EQ(right[i], fmap.all[i]) {
			TH_LOG("in step %d", i);
		}
	}
	EXPECT_EQ(all, fmap.own[ALL]);
	EXPECT_EQ(all / 2, fmap.own[HALF]);
	EXPECT_EQ(0, fmap.own[NONE]);
	EXPECT_EQ(all, fmap.own[ONFAULT]);
	EXPECT_EQ(0, fmap.own[PRIVATE_UNMAPPED]);
}

/* --- the mappings themselves ------------------------------------------------ */

/* How many mappings cover [at, at + len), and whether all are of @path. */
static int mappings(const unsigned char *at, size_t len, const char *path)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	char line[1024];
	int n = 0;

	if (!f)
		fmap_die("/proc/self/maps");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx", &from, &to) != 2 ||
		    to <= (unsigned long)at || from >= (unsigned long)at + len)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (!strstr(line, path)) {
			printf("# %s is not of %s\n", line, path);
			fclose(f);
			return -1;
		}
		n++;
	}
	fclose(f);
	return n;
}

TEST_F(mm, maps_shows_the_path)
{
	unsigned char *priv = map_file(self->fd, self->page, PROT_READ, MAP_PRIVATE);
	char link[128], target[512];
	ssize_t n;

	EXPECT_EQ(1, mappings(self->map, self->len, self->path));
	EXPECT_EQ(1, mappings(priv, self->page, self->path));
	snprintf(link, sizeof(link), "/proc/self/map_files/%lx-%lx",
		 (unsigned long)priv, (unsigned long)priv + self->page);
	n = readlink(link, target, sizeof(target) - 1);
	ASSERT_LT(0, n);
	target[n] = '\0';
	EXPECT_EQ(0, strcmp(self->path, target));
}

TEST_F(mm, split_rejoin_mremap)
{
	unsigned char *moved, *map = self->map;
	size_t page = self->page;

	ASSERT_EQ(0, mprotect(map + 8 * page, 4 * page, PROT_READ));
	EXPECT_EQ(3, mappings(map, self->len, self->path));
	EXPECT_EQ(-SIGSEGV, probe_write(map + 8 * page, 1));
	EXPECT_EQ(0, probe_write(map + 12 * page, 1));
	ASSERT_EQ(0, mprotect(map + 8 * page, 4 * page, PROT_READ | PROT_WRITE));
	EXPECT_EQ(1, mappings(map, self->len, self->path));

	ASSERT_EQ(0, ftruncate(self->fd, 2 * self->len));
	moved = mremap(map, self->len, 2 * self->len, MREMAP_MAYMOVE);
	ASSERT_NE(MAP_FAILED, (void *)moved);
	self->map = moved;
	EXPECT_EQ(1, mappings(moved, 2 * self->len, self->path));
	EXPECT_EQ(12 * page, differs(moved, self->len, 1));
	EXPECT_EQ(0, moved[2 * self->len - 1]);
	moved[self->len + 5] = 0x77;
	self->len *= 2;
}

TEST_F(mm, mremap_in_place_and_elsewhere)
{
	size_t half = self->len / 2;
	unsigned char *map = self->map, *to, byte;

	ASSERT_EQ((void *)map, mremap(map, self->len, half, 0));
	EXPECT_EQ(half, differs(map, half, 1));
	EXPECT_EQ(-SIGSEGV, probe_read(map + half));
	ASSERT_EQ((void *)map, mremap(map, half, self->len, 0));
	EXPECT_EQ(self->len, differs(map, self->len, 1));

	to = map_file(-1, self->len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
	ASSERT_EQ((void *)to, mremap(map, self->len, self->len,
				     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	self->map = to;
	EXPECT_EQ(-SIGSEGV, probe_read(map));
	EXPECT_EQ(self->len, differs(to, self->len, 1));
	to[1] = 0x42;
	EXPECT_EQ(1, pread(self->fd, &byte, 1, 1));
	EXPECT_EQ(0x42, byte);
}

TEST_F(mm, munmap_in_the_middle)
{
	size_t page = self->page;

	ASSERT_EQ(0, munmap(self->map + 10 * page, 3 * page));
	EXPECT_EQ(-SIGSEGV, probe_read(self->map + 10 * page));
	EXPECT_EQ(10 * page, differs(self->map, 10 * page, 1));
	self->map[13 * page] = 9;
	ASSERT_EQ((void *)(self->map + 10 * page),
		  mmap(self->map + 10 * page, 3 * page, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, self->fd, 10 * page));
	EXPECT_EQ(13 * page, differs(self->map, self->len, 1));

	/*
	 * mmap() joins neighbours only if they are on the file that is being
	 * mapped, and ours are on the backing file. Later calls do join them.
	 */
	ASSERT_EQ(0, mprotect(self->map, self->len, PROT_READ));
	ASSERT_EQ(0, mprotect(self->map, self->len, PROT_READ | PROT_WRITE));
	EXPECT_LE(mappings(self->map, self->len, self->path), 3);
}

/* Pages of a mapping in another order; the kernel makes mappings of it. */
TEST_F(mm, remap_file_pages)
{
	size_t page = self->page;

	if (syscall(SYS_remap_file_pages, self->map + 2 * page, page, 0, 20, 0))
		SKIP(return, "no remap_file_pages()");
	EXPECT_EQ(pattern(1, 20 * page), self->map[2 * page]);
	EXPECT_EQ(pattern(1, 3 * page), self->map[3 * page]);
	self->map[2 * page] = 0x66;
	EXPECT_EQ(0x66, self->map[20 * page]);
}

TEST_F(mm, fork)
{
	unsigned char *priv = map_file(self->fd, self->len, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE);
	size_t page = self->page;
	int status;
	pid_t pid;

	priv[0] = 0x11;
	self->map[page] = 0x22;
	pid = fork();
	if (!pid) {
		bool ok = priv[0] == 0x11 && self->map[page] == 0x22 &&
			  differs(self->map, page, 1) == page;

		priv[0] = 0x33;
		priv[2 * page] = 0x44;
		self->map[3 * page] = 0x55;
		munmap(self->map, self->len);
		_exit(!ok);
	}
	ASSERT_LT(0, pid);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0x11, priv[0]);
	EXPECT_EQ(pattern(1, 2 * page), priv[2 * page]);
	EXPECT_EQ(0x55, self->map[3 * page]);
	EXPECT_EQ(0x55, priv[3 * page]);
	munmap(priv, self->len);
}

/* A child that never touched it, after the parent is gone from the mapping. */
TEST_F(mm, child_keeps_the_mapping)
{
	unsigned char *cold = map_file(self->fd, self->len, PROT_READ, MAP_SHARED);
	int go[2], status;
	char c;
	pid_t pid;

	ASSERT_EQ(0, pipe(go));
	pid = fork();
	if (!pid) {
		close(self->fd);
		_exit(read(go[0], &c, 1) != 1 ||
		      differs(cold, self->len, 1) != self->len);
	}
	munmap(cold, self->len);
	EXPECT_EQ(1, write(go[1], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* --- advice ----------------------------------------------------------------- */

TEST_F(mm, dontneed)
{
	unsigned char *priv = map_file(self->fd, self->len, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE);

	fill(self->map, self->page, 2);
	fill(priv, self->len, 3);
	ASSERT_EQ(0, madvise(self->map, self->len, MADV_DONTNEED));
	ASSERT_EQ(0, madvise(priv, self->len, MADV_DONTNEED));
	EXPECT_EQ(self->page, differs(self->map, self->page, 2));
	EXPECT_EQ(self->page, differs(priv, self->page, 2));
	EXPECT_EQ(pattern(1, self->page), priv[self->page]);
	munmap(priv, self->len);
}

/* Pages of [at, at + len) that the page table has. */
static long present(const unsigned char *at, size_t len)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	size_t page = fmap_page(), i;
	uint64_t entry;
	long n = 0;

	for (i = 0; i < len / page; i++) {
		if (pread(fd, &entry, 8, ((uintptr_t)at / page + i) * 8) != 8)
			fmap_die("pagemap");
		n += entry >> 63;
	}
	close(fd);
	return n;
}

TEST_F(mm, populate)
{
	unsigned char *map;
	struct fmap_usage u;
	size_t i;

	madvise(self->map, self->len, MADV_DONTNEED);
	EXPECT_EQ(0, present(self->map, self->len));
	if (madvise(self->map, self->len, MADV_POPULATE_READ))
		SKIP(return, "no MADV_POPULATE_READ");
	EXPECT_EQ(PAGES, present(self->map, self->len));
	madvise(self->map, self->len, MADV_DONTNEED);
	EXPECT_EQ(0, madvise(self->map, self->len, MADV_POPULATE_WRITE));
	EXPECT_EQ(PAGES, present(self->map, self->len));

	map = map_file(self->fd, self->len, PROT_READ, MAP_SHARED | MAP_POPULATE);
	EXPECT_EQ(PAGES, present(map, self->len));
	fmap_usage_begin(&u);
	for (i = 0; i < self->len; i += self->page)
		probe_read(map + i);
	fmap_usage_end(&u);
	EXPECT_EQ(0, u.majflt);
	EXPECT_EQ(self->len, differs(map, self->len, 1));
	munmap(map, self->len);

	map = map_file(self->fd, self->len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_POPULATE);
	EXPECT_EQ(PAGES, present(map, self->len));
	munmap(map, self->len);
}

TEST_F(mm, advice_changes_no_data)
{
	const int advice[] = { MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
			       MADV_NORMAL, MADV_COLD, MADV_PAGEOUT };
	unsigned int i;

	fill(self->map, self->len, 4);
	for (i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
		EXPECT_EQ(0, madvise(self->map, self->len, advice[i]));
		fmap_evict(path_in(fmap_lower(), NAME));
		madvise(self->map, self->len, MADV_DONTNEED);
		fmap_evict(path_in(fmap_lower(), NAME));
		EXPECT_EQ(self->len, differs(self->map, self->len, 4));
	}
}

TEST_F(mm, mincore)
{
	unsigned char vec[PAGES] = { 0 };
	unsigned int i, n = 0;

	if (!lower_is("tmpfs")) {
		munmap(self->map, self->len);
		EXPECT_EQ(0, fmap_evict(path_in(fmap_lower(), NAME)));
		self->map = map_file(self->fd, self->len, PROT_READ | PROT_WRITE,
				     MAP_SHARED);
		ASSERT_EQ(0, mincore(self->map, self->len, vec));
		for (i = 0; i < PAGES; i++)
			n += vec[i] & 1;
		EXPECT_EQ(0U, n);
	}
	probe_read(self->map + 7 * self->page);
	ASSERT_EQ(0, mincore(self->map, self->len, vec));
	EXPECT_EQ(1, vec[7] & 1);
	EXPECT_EQ(0, mprotect(self->map, self->len, PROT_NONE));
	ASSERT_EQ(0, mincore(self->map, self->len, vec));
	EXPECT_EQ(1, vec[7] & 1);
	EXPECT_EQ(0, mprotect(self->map, self->len, PROT_READ));
}

/* --- the end of the file ---------------------------------------------------- */

TEST_F(mm, beyond_the_end)
{
	size_t page = self->page, size = 5 * page + 123;
	unsigned char *map, *priv, byte = 1;
	struct stat st;

	ASSERT_EQ(0, ftruncate(self->fd, size));
	map = map_file(self->fd, self->len, PROT_READ | PROT_WRITE, MAP_SHARED);
	priv = map_file(self->fd, self->len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	EXPECT_EQ(size, differs(map, size, 1));
	EXPECT_EQ(0, map[size]);
	EXPECT_EQ(0, map[6 * page - 1]);
	EXPECT_EQ(-SIGBUS, probe_read(map + 6 * page));
	EXPECT_EQ(-SIGBUS, probe_write(map + 6 * page, 1));
	EXPECT_EQ(-SIGBUS, probe_read(priv + 6 * page));
	EXPECT_EQ(-SIGBUS, probe_write(priv + self->len - 1, 1));

	/* Behind the end in the last page: not in the file. */
	map[size] = 0x99;
	EXPECT_EQ(0, pread(self->fd, &byte, 1, size));
	EXPECT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ((off_t)size, st.st_size);
	EXPECT_EQ(0, msync(map, self->len, MS_SYNC));
	EXPECT_EQ((off_t)size, lseek(self->fd, 0, SEEK_END));

	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(-SIGBUS, probe_read(map));
	EXPECT_EQ(-SIGBUS, probe_read(priv));
	munmap(map, self->len);
	munmap(priv, self->len);
}

/* An offset that 32 bits of pages or bytes would cut off. */
TEST_F(mm, far_offset)
{
	off_t far = (off_t)1 << 33;
	unsigned char *map, byte = 0;

	if (lower_is("vfat"))
		SKIP(return, "the lower filesystem has no holes");
	ASSERT_EQ(0, ftruncate(self->fd, far + 2 * self->page));
	map = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE, MAP_SHARED,
		   self->fd, far);
	ASSERT_NE(MAP_FAILED, (void *)map);
	EXPECT_EQ(0, map[0]);
	map[self->page + 1] = 0x31;
	EXPECT_EQ(1, pread(self->fd, &byte, 1, far + self->page + 1));
	EXPECT_EQ(0x31, byte);
	EXPECT_EQ(-SIGBUS, ftruncate(self->fd, self->len) ?:
			   probe_read(map + self->page));
	munmap(map, 2 * self->page);
}

/* --- exec ------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
	char buf[65536];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	ssize_t n;

	if (in < 0 || out < 0)
		fmap_die("copying %s to %s", from, to);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, n) != n)
			fmap_die("writing %s", to);
	close(in);
	close(out);
}

/* The copy of cat says something, then waits for more. */
TEST_F(mm, exec)
{
	const char *program = path_in(self->dir, NAME ".cat");
	char link[64], target[512] = "", buf[16];
	int to[2], from[2], status;
	ssize_t n;
	pid_t pid;

	copy_file("/bin/cat", program);
	ASSERT_EQ(0, pipe(to));
	ASSERT_EQ(0, pipe(from));
	pid = fork();
	if (!pid) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		close(to[1]);
		execl(program, program, NULL);
		_exit(127);
	}
	EXPECT_EQ(5, write(to[1], "hello", 5));
	EXPECT_EQ(5, read(from[0], buf, sizeof(buf)));
	EXPECT_EQ(0, memcmp(buf, "hello", 5));

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, target, sizeof(target) - 1);
	EXPECT_LT(0, n);
	EXPECT_EQ(0, strcmp(program, target));
	EXPECT_EQ(-1, open(program, O_WRONLY));
	EXPECT_EQ(ETXTBSY, errno);

	close(to[1]);
	close(to[0]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, unlink(program));
}

/* --- the same calls on both ------------------------------------------------- */

#define MAX_RESULTS	400

struct results {
	int n;
	struct {
		char name[48];
		long value;
	} r[MAX_RESULTS];
};

/* What a call gave: its value, or minus errno. */
static void note(struct results *all, const char *what, int i, long value)
{
	if (all->n == MAX_RESULTS)
		fmap_die("too many results");
	snprintf(all->r[all->n].name, sizeof(all->r[0].name), "%s %d", what, i);
	all->r[all->n++].value = value < 0 ? -errno : value;
}

static void note_madvise(struct results *all, int fd, int flags)
{
	size_t len = 8 * fmap_page();
	int advice;	/* all that there are but the two that poison pages */

	for (advice = 0; advice <= 25; advice++) {
		unsigned char *map = map_file(fd, len, PROT_READ | PROT_WRITE, flags);

		map[0] = 1;
		note(all, flags == MAP_SHARED ? "madvise shared" : "madvise private",
		     advice, madvise(map, len, advice));
		note(all, "first byte after it", advice, probe_read(map));
		munmap(map, len);
	}
}

static void note_mmap(struct results *all, const char *path)
{
	static const int opens[] = { O_RDONLY, O_WRONLY, O_RDWR };
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_WRITE,
				     PROT_READ | PROT_WRITE, PROT_EXEC };
	static const int flags[] = { MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE, 0 };
	size_t page = fmap_page();
	int o, p, f;

	for (o = 0; o < 3; o++) {
		int fd = open(path, opens[o]);

		for (p = 0; p < 5; p++) {
			for (f = 0; f < 4; f++) {
				void *map = mmap(NULL, page, prots[p], flags[f], fd, 0);
				long ok = map == MAP_FAILED ? -1 : 0;

				note(all, "mmap", o * 100 + p * 10 + f, ok);
				if (ok)
					continue;
				note(all, "then mprotect", o * 100 + p * 10 + f,
				     mprotect(map, page, PROT_READ | PROT_WRITE));
				munmap(map, page);
			}
		}
		close(fd);
	}
}

static void note_msync(struct results *all, int fd)
{
	size_t page = fmap_page();
	unsigned char *map = map_file(fd, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED);
	int flags;

	for (flags = 0; flags < 8; flags++) {
		map[0]++;
		note(all, "msync", flags, msync(map, 4 * page, flags));
	}
	note(all, "msync unaligned", 0, msync(map + 1, page, MS_SYNC));
	mlock(map, page);
	note(all, "msync locked", 0, msync(map, page, MS_INVALIDATE));
	munmap(map + page, page);
	note(all, "msync with a gap", 0, msync(map, 4 * page, MS_SYNC));
	munmap(map, 4 * page);
}

static void note_mremap(struct results *all, int fd)
{
	size_t page = fmap_page();
	unsigned char *map, *to, *room;
	int flags;

	for (flags = 0; flags < 8; flags++) {
		map = map_file(fd, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED);
		room = map_file(-1, 4 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
		to = mremap(map, 4 * page, 4 * page, flags, room);
		note(all, "mremap", flags, to == MAP_FAILED ? -1 : 0);
		if (to != MAP_FAILED) {
			note(all, "then read", flags, probe_read(to));
			munmap(to, 4 * page);
		}
		munmap(map, 4 * page);
		munmap(room, 4 * page);
	}
	/* Across two mappings. */
	map = map_file(fd, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED);
	mprotect(map, page, PROT_READ);
	to = mremap(map, 4 * page, 8 * page, MREMAP_MAYMOVE);
	note(all, "mremap of two", 0, to == MAP_FAILED ? -1 : 0);
	if (to == MAP_FAILED)
		munmap(map, 4 * page);
}

static void note_others(struct results *all, int fd, const char *dir)
{
	size_t page = fmap_page();
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT };
	int dirfd = open(dir, O_RDONLY);
	unsigned char *map;

	note(all, "mmap of a directory", 0,
	     mmap(NULL, page, PROT_READ, MAP_SHARED, dirfd, 0) == MAP_FAILED ? -1 : 0);
	note(all, "mmap unaligned", 0,
	     mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 1) == MAP_FAILED ? -1 : 0);
	note(all, "mmap synchronous", 0,
	     mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC,
		  fd, 0) == MAP_FAILED ? -1 : 0);
	note(all, "mmap of nothing", 0,
	     mmap(NULL, 0, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	map = map_file(fd, 64 * page, PROT_READ, MAP_SHARED);
	note(all, "populate beyond the end", 0,
	     madvise(map, 64 * page, MADV_POPULATE_READ));
	note(all, "mlock beyond the end", 0, mlock(map, 64 * page));
	note(all, "populate for write", 0, madvise(map, page, MADV_POPULATE_WRITE));
	note(all, "poll", 0, poll(&pfd, 1, 0));
	munmap(map, 64 * page);
	close(dirfd);
}

static void collect(struct results *all, enum side side)
{
	const char *path = path_in(side_dir(side), NAME ".same");
	int fd = make_file(path, 16 * fmap_page(), 5);

	note_madvise(all, fd, MAP_SHARED);
	note_madvise(all, fd, MAP_PRIVATE);
	note_mmap(all, path);
	note_msync(all, fd);
	note_mremap(all, fd);
	note_others(all, fd, side_dir(side));
	close(fd);
	unlink(path);
}

TEST(same_results)
{
	static struct results lower, fmap;
	int i;

	probe_init();
	collect(&lower, LOWER);
	collect(&fmap, FMAP);
	ASSERT_EQ(lower.n, fmap.n);
	for (i = 0; i < lower.n; i++) {
		EXPECT_EQ(0, strcmp(lower.r[i].name, fmap.r[i].name));
		EXPECT_EQ(lower.r[i].value, fmap.r[i].value) {
			TH_LOG("%s: %ld on the lower, %ld here", lower.r[i].name,
			       lower.r[i].value, fmap.r[i].value);
		}
	}
}

FMAP_TEST_MAIN

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file that changes while others look at it through mappings, and what they
 * may see.
 *
 * Each page carries a mark at its begin and at its end: one byte, because a
 * store of one cannot be seen half done, made of the number of the page and of
 * the generation that was written last. The thread that changes the file
 * publishes, for each mark, the values that it has had and may have by now; a
 * reader takes the oldest before its access and the newest after it:
 *
 *	a value			allowed if from the oldest to the newest
 *	SIGBUS			allowed if the page was beyond the end meanwhile
 *	anything but SIGBUS	not allowed if it was beyond the end all the time
 *	SIGSEGV			allowed if the mapping was being moved
 *
 * Readers look through shared and private mappings and through the kernel,
 * store into the pages where nobody looks, and drop their page tables so that
 * they fault again.
 */
#ifndef FMAP_STORM_H
#define FMAP_STORM_H

#include <linux/falloc.h>
#include <pthread.h>
#include <stdatomic.h>

#include "mapping.h"

#define PAGES		64
#define BEYOND		4	/* pages of the mappings that are never in the file */
#define READERS		8
#define MARKS		(2 * PAGES)
#define VALUES		256
#define STORED_AT	100	/* in a page: what readers store into */

/* look() of a mapping that was not there, because it was being moved */
#define MOVED		(-1000)

/* A mapping. It moves from one slot to the other. */
struct place {
	_Atomic(unsigned char *) at;
	unsigned char *slot[2];
	atomic_uint moves;	/* odd: under way */
	int flags;
};

enum reader_kind {
	SHARED,		/* loads from a mapping that other readers share */
	SHARED_OWN,	/* loads from a shared mapping of its own */
	PRIVATE,	/* loads from a private mapping */
	GUP,		/* has the kernel look: such a fault may not be retried */
	NR_READER_KINDS
};

struct reader {
	pthread_t thread;
	enum reader_kind kind;
	uint64_t seed;
	int mem;
	struct place *place;
	unsigned int moves;	/* of the place, when the access began */
};

/* In shared memory: children that are forked look and count too. */
struct storm {
	const char *path;
	int fd;
	unsigned char *map;	/* the changing thread's own */
	size_t page;
	bool can_punch;
	struct place places[READERS];
	struct reader readers[READERS];

	/* What a reader may see, by mark: the last values, and which of them. */
	atomic_uchar values[MARKS][VALUES];
	atomic_uint oldest[MARKS];
	atomic_uint newest[MARKS];
	/* Pages from here on may be beyond the end ... */
	atomic_uint short_from;
	/* ... and surely are while this is odd. It changes with each cut. */
	atomic_uint cut;
	atomic_uint cut_page;

	atomic_bool stop;
	atomic_long budget;
	pthread_mutex_t lock;
	pthread_cond_t granted;
	atomic_bool go;		/* to the victims of a kill */
	atomic_ulong accesses;
	atomic_ulong sigbus;
	atomic_ulong zeros;
	atomic_ulong marks;
	atomic_ulong bad;
};

static struct storm *storm;

static inline void must(bool ok, const char *what)
{
	if (!ok)
		fmap_die("%s", what);
}

/* --- marks ------------------------------------------------------------------ */

/* Never zero: that is what a hole holds. */
static inline unsigned char mark_of(unsigned int page, unsigned int generation)
{
	return 1 + (4 * page + generation) % 255;
}

static inline size_t mark_offset(unsigned int mark)
{
	return mark / 2 * storm->page + (mark & 1 ? storm->page - 1 : 0);
}

static inline unsigned char mark_now(unsigned int mark)
{
	return storm->values[mark][storm->newest[mark] % VALUES];
}

/* Before the change, and after it. By the changing thread only. */
static inline void may_become(unsigned int mark, unsigned char value)
{
	unsigned int newest = storm->newest[mark] + 1;

	atomic_store(&storm->values[mark][newest % VALUES], value);
	atomic_store(&storm->newest[mark], newest);
}

static inline void has_become(unsigned int mark)
{
	atomic_store(&storm->oldest[mark], storm->newest[mark]);
}

static inline void may_become_zero(unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		may_become(from, 0);
}

static inline void have_become(unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		has_become(from);
}

static inline bool allowed(unsigned int mark, unsigned char value,
			   unsigned int oldest, unsigned int newest)
{
	unsigned int n;

	for (n = oldest; n - oldest < VALUES && n != newest + 1; n++)
		if (atomic_load(&storm->values[mark][n % VALUES]) == value)
			return true;
	/* So long an access that its values have been forgotten. */
	return atomic_load(&storm->newest[mark]) - oldest >= VALUES - 1;
}

static inline void complain(const char *what, unsigned int mark, int value)
{
	if (atomic_fetch_add(&storm->bad, 1) < 10)
		printf("# %s: page %u, %s byte, saw %d; it should be %d\n", what,
		       mark / 2, mark & 1 ? "last" : "first", value, mark_now(mark));
}

/* --- readers ---------------------------------------------------------------- */

static inline bool has_moved(const struct reader *r)
{
	return (r->moves & 1) || atomic_load(&r->place->moves) != r->moves;
}

/*
 * The byte, or minus the signal of the access, or MOVED. The kernel looks where
 * we may not, and a copy that was to be forgotten has moved along: for those a
 * byte means nothing either.
 */
static inline int look(const struct reader *r, size_t at)
{
	unsigned char *map = atomic_load(&r->place->at), value;
	int seen;

	if (r->kind != GUP)
		seen = probe_read(map + at);
	else if (pread(r->mem, &value, 1, (uintptr_t)map + at) == 1)
		seen = value;
	else
		seen = -SIGBUS;
	if ((seen == -SIGSEGV || r->kind == GUP || r->kind == PRIVATE) && has_moved(r))
		return MOVED;
	return seen;
}

static inline void judge(unsigned int mark, int value, unsigned int oldest)
{
	if (!allowed(mark, value, oldest, atomic_load(&storm->newest[mark])))
		complain("wrong data", mark, value);
	atomic_fetch_add(value ? &storm->marks : &storm->zeros, 1);
}

/* Return: was there a page? */
static inline bool check_mark(const struct reader *r, unsigned int mark)
{
	unsigned int oldest, cut, short_before, page = mark / 2;
	bool beyond;
	int value;

	cut = atomic_load(&storm->cut);
	beyond = (cut & 1) && page >= atomic_load(&storm->cut_page);
	short_before = atomic_load(&storm->short_from);
	oldest = atomic_load(&storm->oldest[mark]);

	value = look(r, mark_offset(mark));

	atomic_fetch_add(&storm->accesses, 1);
	if (value == MOVED)
		return false;
	if (value == -SIGBUS) {
		atomic_fetch_add(&storm->sigbus, 1);
		if (page < short_before && page < atomic_load(&storm->short_from) &&
		    cut == atomic_load(&storm->cut))
			complain("SIGBUS inside the file", mark, value);
		return false;
	}
	if (value < 0) {
		complain("a signal", mark, value);
		return false;
	}
	if (beyond && cut == atomic_load(&storm->cut))
		complain("no SIGBUS beyond the end", mark, value);
	judge(mark, value, oldest);
	return true;
}

static inline void drop_pages(const struct reader *r, unsigned int page, unsigned int n)
{
	if (page + n > PAGES + BEYOND)
		n = PAGES + BEYOND - page;
	madvise(atomic_load(&r->place->at) + page * storm->page, n * storm->page,
		MADV_DONTNEED);
}

static inline void drop_some(struct reader *r, unsigned int page)
{
	drop_pages(r, page, fmap_rand(&r->seed) % 4 ? 1 : 1 + fmap_rand(&r->seed) % 16);
}

static inline void store(struct reader *r, unsigned int page)
{
	unsigned char *at = atomic_load(&r->place->at) + page * storm->page + STORED_AT;

	if (probe_write(at, page) == -SIGBUS)
		atomic_fetch_add(&storm->sigbus, 1);
	atomic_fetch_add(&storm->accesses, 1);
}

static inline void look_beyond(struct reader *r)
{
	unsigned int page = PAGES + fmap_rand(&r->seed) % BEYOND;
	int seen = look(r, page * storm->page);

	if (seen != -SIGBUS && seen != MOVED)
		complain("no SIGBUS beyond the whole file", 0, seen);
}

static inline void one_access(struct reader *r)
{
	unsigned int mark = fmap_rand(&r->seed) % MARKS;
	unsigned int what = fmap_rand(&r->seed) % 32;

	r->moves = atomic_load(&r->place->moves);
	/*
	 * A page that was copied stays as it is when a hole is punched, so a
	 * private mapping forgets its copy before each look.
	 */
	if (r->kind == PRIVATE || what < 24)
		drop_some(r, mark / 2);
	if (what == 0) {
		store(r, mark / 2);
		return;
	}
	if (what == 1)
		look_beyond(r);
	if (what == 2)
		drop_pages(r, 0, PAGES);
	/* What a fault has mapped must not outlast a cut that it raced with. */
	if (check_mark(r, mark) && (what & 1))
		check_mark(r, mark);
}

static inline void wait_for_grant(void)
{
	pthread_mutex_lock(&storm->lock);
	while (atomic_load(&storm->budget) <= 0 && !atomic_load(&storm->stop))
		pthread_cond_wait(&storm->granted, &storm->lock);
	pthread_mutex_unlock(&storm->lock);
}

static inline void *reader(void *arg)
{
	struct reader *r = arg;

	while (!atomic_load(&storm->stop)) {
		if (atomic_fetch_sub(&storm->budget, 1) > 0) {
			one_access(r);
		} else {
			atomic_fetch_add(&storm->budget, 1);
			wait_for_grant();
		}
	}
	return NULL;
}

/* Under the lock, so that nobody goes to sleep between the two. */
static inline void wake_readers(long more, bool stop)
{
	pthread_mutex_lock(&storm->lock);
	atomic_fetch_add(&storm->budget, more);
	atomic_store(&storm->stop, stop);
	pthread_cond_broadcast(&storm->granted);
	pthread_mutex_unlock(&storm->lock);
}

/*
 * Readers only do as many accesses as they are granted, so that they do not
 * starve the thread that changes the file. Grant @n, wait for about @now of
 * them: the others go on while the file changes. Not for ever: all of them may
 * be stuck in stores to a frozen filesystem.
 */
static inline void grant(long n, long now)
{
	int patience = 2000;

	wake_readers(n, false);
	while (atomic_load(&storm->budget) > n - now && patience--)
		usleep(300);
}

/* --- mappings --------------------------------------------------------------- */

#define MAP_BYTES	((PAGES + BEYOND) * storm->page)

static inline unsigned char *reserve(void *at)
{
	unsigned char *p = mmap(at, MAP_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
				MAP_NORESERVE | (at ? MAP_FIXED_NOREPLACE : 0), -1, 0);

	must(p != MAP_FAILED, "reserving addresses");
	return p;
}

static inline void map_place(struct place *place, int fd, int flags)
{
	place->slot[0] = reserve(NULL);
	place->slot[1] = reserve(NULL);
	place->flags = flags;
	must(mmap(place->slot[0], MAP_BYTES, PROT_READ | PROT_WRITE, flags | MAP_FIXED,
		  fd, 0) == place->slot[0], "mmap");
	atomic_store(&place->at, place->slot[0]);
}

static inline void unmap_place(struct place *place)
{
	munmap(place->slot[0], MAP_BYTES);
	munmap(place->slot[1], MAP_BYTES);
}

static inline void move_place(struct place *place)
{
	unsigned char *from = atomic_load(&place->at);
	unsigned char *to = place->slot[from == place->slot[0]];

	atomic_fetch_add(&place->moves, 1);
	must(mremap(from, MAP_BYTES, MAP_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to,
	     "mremap");
	reserve(from);
	atomic_store(&place->at, to);
	atomic_fetch_add(&place->moves, 1);
}

/* --- the page cache -------------------------------------------------------- */

/* Written back, without waiting for a journal. */
static inline void make_clean(void)
{
	must(!sync_file_range(storm->fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE |
			      SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER),
	     "sync_file_range");
	madvise(storm->map, PAGES * storm->page, MADV_DONTNEED);
}

static inline void make_cold(void)
{
	make_clean();
	posix_fadvise(storm->fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* --- begin and end ---------------------------------------------------------- */

static inline void storm_open(const char *name)
{
	storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(storm != MAP_FAILED, "mmap");
	pthread_mutex_init(&storm->lock, NULL);
	pthread_cond_init(&storm->granted, NULL);
	probe_init();
	storm->path = path_in(fmap_mnt(), name);
	storm->page = fmap_page();
	storm->fd = open(storm->path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	must(storm->fd >= 0, storm->path);
	must(!ftruncate(storm->fd, PAGES * storm->page), "ftruncate");
	storm->can_punch = !fallocate(storm->fd, FALLOC_FL_PUNCH_HOLE |
				      FALLOC_FL_KEEP_SIZE, 0, storm->page);
	storm->map = map_file(storm->fd, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED);
	atomic_store(&storm->short_from, PAGES);
}

static inline void storm_start(uint64_t seed)
{
	int i;

	map_place(&storm->places[0], storm->fd, MAP_SHARED);
	for (i = 0; i < READERS; i++) {
		struct reader *r = &storm->readers[i];

		r->kind = i % NR_READER_KINDS;
		r->seed = seed + 1000 * (i + 1);
		r->mem = open("/proc/self/mem", O_RDONLY);
		must(r->mem >= 0, "/proc/self/mem");
		r->place = &storm->places[0];
		if (r->kind == SHARED_OWN || r->kind == PRIVATE) {
			r->place = &storm->places[i];
			map_place(r->place, storm->fd,
				  r->kind == PRIVATE ? MAP_PRIVATE : MAP_SHARED);
		}
	}
	for (i = 0; i < READERS; i++)
		must(!pthread_create(&storm->readers[i].thread, NULL, reader,
				     &storm->readers[i]), "pthread_create");
}

static inline void storm_stop(void)
{
	int i;

	wake_readers(0, true);
	for (i = 0; i < READERS; i++)
		pthread_join(storm->readers[i].thread, NULL);
}

static inline bool page_is_right(const unsigned char *seen, unsigned int page)
{
	unsigned char first = mark_now(2 * page), last = mark_now(2 * page + 1);
	size_t i;

	if (seen[0] != first || seen[storm->page - 1] != last)
		return false;
	/* Between them one of both, as a cut within the page leaves it. */
	for (i = 0; i < storm->page; i++)
		if (seen[i] != first && seen[i] != last && i != STORED_AT)
			return false;
	return true;
}

/* The whole file as @lower has it: what was written last, and what is mapped. */
static inline int storm_wrong_pages(const char *lower)
{
	unsigned char *buf = malloc(storm->page);
	int fd = open(lower, O_RDONLY), wrong = 0;
	unsigned int page;

	must(fd >= 0 && buf, lower);
	for (page = 0; page < PAGES; page++) {
		must(pread(fd, buf, storm->page, page * storm->page) ==
		     (ssize_t)storm->page, lower);
		if (page_is_right(buf, page) &&
		    !memcmp(buf, storm->map + page * storm->page, storm->page))
			continue;
		printf("# page %u is wrong at the end\n", page);
		wrong++;
	}
	free(buf);
	close(fd);
	return wrong;
}

static inline void storm_unmap(void)
{
	int i;

	for (i = 0; i < READERS; i++) {
		if (i == 0 || storm->readers[i].place == &storm->places[i])
			unmap_place(&storm->places[i]);
		close(storm->readers[i].mem);
	}
	munmap(storm->map, MAP_BYTES);
	close(storm->fd);
}

#endif /* FMAP_STORM_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * Through fmapfs a program sees what it sees without: one seeded trace of
 * accesses, advice and changes to the file, run on the plain lower filesystem
 * and through each engine and each way to install PTEs.
 *
 * Always the same: each byte loaded, each SIGBUS, the file afterwards. The same
 * as well as long as no run gave up read-around: the pages in the page cache,
 * pgmajfault, the bytes read from the disk, and the requests they were read
 * with. Readahead is decided when it is submitted, and at the end we wait for
 * all of it, so none of this depends on how long the disk takes. Read-around is given up by mmap_miss, which does:
 * each pass that finds a page lowers it.
 *
 * The faults of rusage are the same for pin and native where reads complete at
 * once (brd). On other disks fault-around passes by the pages that are not read
 * yet, so that their number depends on time: each access ends in one at most.
 * hold and retry fault a page in where the second pass of pin finds a window:
 * the same bound.
 *
 * SEED= chooses the first seed and SEEDS= how many, ACCESSES= the length.
 */
#include <linux/falloc.h>

#include "fmap_trace_run.h"
#include "mapping.h"

#define FILE_PAGES	300
#define BEYOND		12
#define MAX_OPS		4096

static const char *name = "differential.data";

/* --- the trace ------------------------------------------------------------- */

enum kind { LOAD, STORE, WILLNEED, DONTNEED, TRUNCATE, PUNCH, WRITE };

struct op {
	enum kind kind;
	unsigned int page;
	unsigned int offset;	/* in the page */
	unsigned int pages;
};

struct trace {
	uint64_t seed;
	bool data[FILE_PAGES];	/* else a hole */
	unsigned char *image;
	struct op ops[MAX_OPS];
	size_t nr;
	size_t accesses;
	size_t want;
	bool shared;
	bool warm;
	bool changes;	/* the file's size and blocks change on the way */
	int advice;
};

static unsigned int below(uint64_t *seed, unsigned int n)
{
	return fmap_rand(seed) % n;
}

static void add(struct trace *t, enum kind kind, unsigned int page, unsigned int offset,
		unsigned int pages)
{
	if (t->nr == MAX_OPS)
		return;
	t->ops[t->nr++] = (struct op) { kind, page, offset, pages };
	t->accesses += kind == LOAD || kind == STORE;
}

/* A store where there is no block would change what is where on the disk. */
static bool may_store(const struct trace *t, unsigned int page)
{
	return t->changes || !t->shared || (page < FILE_PAGES && t->data[page]);
}

static void add_run(struct trace *t, uint64_t *seed)
{
	static const int steps[] = { 1, 1, 1, 1, -1, 2, 7, 16, -40 };
	int step = steps[below(seed, sizeof(steps) / sizeof(steps[0]))];
	int page = below(seed, FILE_PAGES + BEYOND);
	unsigned int n = 1 + below(seed, 30), stores = below(seed, 4);

	while (n-- && page >= 0 && page < FILE_PAGES + BEYOND && t->accesses < t->want) {
		bool store = below(seed, 3) < stores && may_store(t, page);

		add(t, store ? STORE : LOAD, page, below(seed, fmap_page()), 1);
		page += step;
	}
}

static void make_trace(struct trace *t)
{
	static const enum kind still[] = { WILLNEED, DONTNEED };
	static const enum kind changing[] = { WILLNEED, DONTNEED, TRUNCATE, PUNCH, WRITE };
	uint64_t seed = t->seed * 0x9e3779b97f4a7c15ULL + 1;
	unsigned int at = 0, n;

	while (at < FILE_PAGES) {
		bool data = below(&seed, 4) != 0;

		for (n = 1 + below(&seed, 50); n && at < FILE_PAGES; n--)
			t->data[at++] = data;
	}
	t->image = malloc(FILE_PAGES * fmap_page());
	fill(t->image, FILE_PAGES * fmap_page(), t->seed);
	while (t->accesses < t->want && t->nr < MAX_OPS) {
		add_run(t, &seed);
		if (below(&seed, 3))
			continue;
		add(t, t->changes ? changing[below(&seed, 5)] : still[below(&seed, 2)],
		    below(&seed, FILE_PAGES), below(&seed, fmap_page()),
		    1 + below(&seed, 64));
	}
}

/* --- a run of it ----------------------------------------------------------- */

struct run {
	const char *label;
	const char *options;	/* NULL: on the plain lower filesystem */
	bool same_faults;	/* as the kernel's own path, on brd */
};

static const struct run runs[] = {
	{ "the lower",		NULL },
	{ "native",		"engine=native,install=handover", true },
	{ "pin, handover",	"engine=pin,install=handover", true },
	{ "pin, insert",	"engine=pin,install=insert", true },
	{ "retry, handover",	"engine=retry,install=handover" },
	{ "retry, insert",	"engine=retry,install=insert" },
	{ "hold, insert",	"engine=hold,install=insert" },
	{ "hold, handover",	"engine=hold,install=handover" },
};

#define NR_RUNS	(sizeof(runs) / sizeof(runs[0]))

struct shown {
	int got[MAX_OPS];	/* the byte, or minus the signal */
	struct fmap_usage usage;
	long requests;
	long sectors;
	bool gave_up;		/* read-around, for mmap_miss */
	unsigned char *residency;
	size_t file_pages;
	long long size;
	unsigned char *content;
};

struct place {
	struct fmap_path mnt;
	struct fmap_path lower;
};

/* One for all tests: it takes long to make. */
static struct fmap_tracer reads;

/* Blocks that are there are written over, and stay where they are. */
static void make_sparse(const struct trace *t, const char *path)
{
	size_t page = fmap_page(), size = FILE_PAGES * page - 1000, from, to, at, len;
	int fd = open(path, O_RDWR | O_CREAT | (t->changes ? O_TRUNC : 0), 0644);

	if (fd < 0 || ftruncate(fd, size))
		fmap_die("%s", path);
	for (from = 0; from < FILE_PAGES; from = to) {
		for (to = from + 1; to < FILE_PAGES && t->data[to] == t->data[from]; to++)
			;
		if (!t->data[from])
			continue;
		at = from * page;
		len = to * page < size ? to * page - at : size - at;
		if (pwrite(fd, t->image + at, len, at) != (ssize_t)len)
			fmap_die("writing %s", path);
	}
	close(fd);
}

/* A fresh file has other blocks: it is the same for all that follows. */
static void prepare(const struct trace *t, const char *lower)
{
	make_sparse(t, lower);
	if (fmap_evict(lower))
		fmap_die("%s stays in the page cache", lower);
	if (t->warm)
		fmap_warm(lower);
}

/* What is not offered by every filesystem is done by none of the runs. */
static void punch(int fd, size_t at, size_t len)
{
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, len) &&
	    errno != EOPNOTSUPP)
		fmap_die("punching a hole");
}

static int perform(const struct op *op, size_t number, int fd, unsigned char *base)
{
	size_t page = fmap_page(), at = op->page * page + op->offset;
	unsigned char buf[200];

	switch (op->kind) {
	case LOAD:
		return probe_read(base + at);
	case STORE:
		return probe_write(base + at, number | 1);
	case WILLNEED:
		return madvise(base + op->page * page, op->pages * page / 4, MADV_WILLNEED);
	case DONTNEED:
		return madvise(base + op->page * page, op->pages * page, MADV_DONTNEED);
	case TRUNCATE:
		return ftruncate(fd, at);
	case PUNCH:
		punch(fd, at, op->pages * page / 8);
		return 0;
	case WRITE:
		memset(buf, number | 1, sizeof(buf));
		return pwrite(fd, buf, sizeof(buf), at);
	}
	return 0;
}

static unsigned char *read_file(const char *path, long long *size)
{
	size_t max = (FILE_PAGES + BEYOND + 1) * fmap_page();
	unsigned char *buf = malloc(max);
	int fd = open(path, O_RDONLY);

	if (fd < 0 || !buf)
		fmap_die("%s", path);
	*size = read(fd, buf, max);
	close(fd);
	return buf;
}

/* What a signal handler uses is mapped before faults are counted. */
static void touch_stack(void)
{
	char room[1 << 16];

	memset(room, 1, sizeof(room));
	__asm__ volatile("" : : "r"(room) : "memory");
}

static void run_trace(const struct trace *t, const struct run *run,
		      const struct place *p, struct shown *s)
{
	const char *path = run->options ? p->mnt.s : p->lower.s;
	size_t bytes = (FILE_PAGES + BEYOND + 64) * fmap_page(), i;
	struct fmap_counters before, c;
	unsigned char *base;
	int fd;

	if (run->options)
		fmap_remount(run->options);
	prepare(t, p->lower.s);
	fmap_read_counters(&before);
	fflush(stdout);
	usleep(5000);
	touch_stack();
	fmap_populate_self();
	fd = open(path, O_RDWR);
	if (fd < 0)
		fmap_die("%s", path);
	base = fmap_map_undisturbed(fd, 0, bytes, PROT_READ | PROT_WRITE,
				    t->shared ? MAP_SHARED : MAP_PRIVATE, 3);
	if (t->advice && madvise(base, bytes, t->advice))
		fmap_die("madvise");

	s->requests = -fmap_tracer_count(&reads);
	s->sectors = -fmap_tracer_total(&reads, "nr_sector");
	fmap_usage_begin(&s->usage);
	for (i = 0; i < t->nr; i++)
		s->got[i] = perform(&t->ops[i], i, fd, base);
	fmap_usage_end(&s->usage);

	s->requests += fmap_tracer_count(&reads);
	s->sectors += fmap_tracer_total(&reads, "nr_sector");
	fmap_counters_since(&before, &c);
	s->gave_up = c.sra_skip_lotsamiss;
	munmap(base, bytes);
	close(fd);
	munlockall();
	fmap_await_reads(p->lower.s);
	s->residency = fmap_residency(p->lower.s, &s->file_pages);
	s->content = read_file(p->lower.s, &s->size);
}

/* --- compared -------------------------------------------------------------- */

static const char *kind_name(enum kind kind)
{
	static const char * const names[] = {
		[LOAD] = "load", [STORE] = "store", [WILLNEED] = "willneed",
		[DONTNEED] = "dontneed", [TRUNCATE] = "truncate", [PUNCH] = "punch",
		[WRITE] = "write",
	};

	return names[kind];
}

static int diff_results(const struct trace *t, const struct shown *lower,
			const struct shown *s)
{
	size_t i;
	int n = 0;

	for (i = 0; i < t->nr; i++) {
		if (lower->got[i] == s->got[i])
			continue;
		if (!n++)
			printf("# op %zu, %s of page %u + %u: expected %d, got %d\n", i,
			       kind_name(t->ops[i].kind), t->ops[i].page,
			       t->ops[i].offset, lower->got[i], s->got[i]);
	}
	if (fmap_diff_value("file size", lower->size, s->size))
		return n + 1;
	if (!memcmp(lower->content, s->content, s->size))
		return n;
	printf("# the file is another one afterwards\n");
	return n + 1;
}

static int diff_reads(const struct trace *t, const struct shown *lower,
		      const struct shown *s)
{
	size_t pages = lower->file_pages < s->file_pages ? lower->file_pages : s->file_pages;

	if (lower->gave_up || s->gave_up)
		return 0;
	return fmap_diff_residency(lower->residency, s->residency, pages) +
	       fmap_diff_value("pgmajfault", lower->usage.pgmajfault, s->usage.pgmajfault) +
	       fmap_diff_value("sectors read", lower->sectors, s->sectors) +
	       (t->changes ? 0 : fmap_diff_value("requests", lower->requests, s->requests));
}

static int diff_faults(const struct trace *t, const struct run *run,
		       const struct shown *lower, const struct shown *s)
{
	long faults = s->usage.minflt + s->usage.majflt;

	if (run->same_faults && fmap_on_brd())
		return fmap_diff_usage(&lower->usage, &s->usage);
	if (faults <= (long)t->accesses)
		return 0;
	printf("# %ld faults of %zu accesses\n", faults, t->accesses);
	return 1;
}

static int compare(const struct trace *t, const struct run *run, const struct shown *lower,
		   const struct shown *s)
{
	int n = diff_results(t, lower, s) + diff_reads(t, lower, s) +
		diff_faults(t, run, lower, s);

	if (n)
		printf("# so much for %s, seed %llu\n", run->label,
		       (unsigned long long)t->seed);
	return n;
}

/* --- tests ----------------------------------------------------------------- */

FIXTURE(differential) {
	struct place place;
	struct shown *shown;
};

FIXTURE_VARIANT(differential) {
	int advice;
	bool shared;
	bool warm;
	bool changes;
};

#define VARIANT(name, ad, sh, wa, ch) \
	FIXTURE_VARIANT_ADD(differential, name) { \
		.advice = ad, .shared = sh, .warm = wa, .changes = ch }

#define VARIANTS(name, ad) \
	VARIANT(name##_private_cold, ad, false, false, false); \
	VARIANT(name##_private_cold_changes, ad, false, false, true); \
	VARIANT(name##_private_warm, ad, false, true, false); \
	VARIANT(name##_private_warm_changes, ad, false, true, true); \
	VARIANT(name##_shared_cold, ad, true, false, false); \
	VARIANT(name##_shared_cold_changes, ad, true, false, true); \
	VARIANT(name##_shared_warm, ad, true, true, false); \
	VARIANT(name##_shared_warm_changes, ad, true, true, true)

VARIANTS(normal, MADV_NORMAL);
VARIANTS(random, MADV_RANDOM);
VARIANTS(sequential, MADV_SEQUENTIAL);

FIXTURE_SETUP(differential)
{
	probe_init();
	fmap_remount_plain();
	self->place.mnt = fmap_at(fmap_mnt(), "%s", name);
	self->place.lower = fmap_at(fmap_lower(), "%s", name);
	unlink(self->place.lower.s);
	close(make_file(self->place.lower.s, 0, 0));
	self->shown = calloc(2, sizeof(*self->shown));
}

FIXTURE_TEARDOWN(differential)
{
	fmap_remount_plain();
	unlink(self->place.lower.s);
}

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value ? strtoul(value, NULL, 0) : otherwise;
}

static void forget(struct shown *s)
{
	free(s->residency);
	free(s->content);
}

/* What is not compared exactly takes turns, for time. */
static bool takes_turn(size_t i, unsigned int turn)
{
	if (!fmap_on_brd())
		return (i + turn) % 3 == 0;
	return runs[i].same_faults || (i + turn) % 2 == 0;
}

/* How many differences there are. */
static int differences(const FIXTURE_DATA(differential) *self, const struct trace *t,
		       unsigned int turn)
{
	struct shown *lower = &self->shown[0], *s = &self->shown[1];
	size_t i;
	int n = 0;

	run_trace(t, &runs[0], &self->place, lower);
	for (i = 1; i < NR_RUNS; i++) {
		if (!takes_turn(i, turn))
			continue;
		run_trace(t, &runs[i], &self->place, s);
		n += compare(t, &runs[i], lower, s);
		forget(s);
	}
	forget(lower);
	return n;
}

TEST_F(differential, as_on_lower)
{
	unsigned long seed = setting("SEED", 1) * 1000, seeds = setting("SEEDS", 1), i;
	struct trace *t = malloc(sizeof(*t));

	ASSERT_NE(NULL, t);
	for (i = 0; i < seeds; i++) {
		*t = (struct trace) {
			.seed = seed + i,
			.want = setting("ACCESSES", 120),
			.shared = variant->shared,
			.warm = variant->warm,
			.changes = variant->changes,
			.advice = variant->advice,
		};
		make_trace(t);
		EXPECT_EQ(0, differences(self, t, variant->warm + variant->shared +
					   variant->changes + i)) {
			TH_LOG("seed %lu", seed + i);
		}
		free(t->image);
	}
	free(t);
}

static void stop_tracing(void)
{
	fmap_tracer_close(&reads);
}

static const char *unfit(void)
{
	if (!fmap_trace_reads(&reads, fmap_lower()))
		return "no block_bio_queue events";
	fmap_at_end(stop_tracing);
	return NULL;
}

FMAP_TEST_MAIN_UNLESS(unfit())

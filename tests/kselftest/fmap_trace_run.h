/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One trace: a file, a mapping of it, an order of pages, loads or stores. Run
 * on a real file and on the model, so that the two can be compared.
 */
#ifndef FMAP_TRACE_RUN_H
#define FMAP_TRACE_RUN_H

#include "fmap_model.h"
#include "fmap_tracing.h"

struct fmap_trace {
	struct fmap_mapping map;
	uint32_t *order;
	size_t n;
	bool store;
	bool warm;
};

/* What a run of a trace shows. */
struct fmap_seen {
	struct fmap_counters c;
	struct fmap_usage usage;
	unsigned char *residency;
	size_t file_pages;
};

#define FMAP_SEED	0x666d6170ULL

static struct fmap_path fmap_kept FMAP_UNUSED;

static inline void fmap_drop_kept(void)
{
	unlink(fmap_kept.s);
}

/*
 * A file for all tests of a program, which leave it as it is: to write one for each
 * would take longer than they do. For FMAP_TEST_MAIN_UNLESS(): no reason to skip.
 */
static inline const char *fmap_keep_file(const char *name, size_t size)
{
	fmap_kept = fmap_at(fmap_lower(), "%s", name);
	fmap_make_file(fmap_kept.s, size);
	fmap_at_end(fmap_drop_kept);
	return NULL;
}

static inline void fmap_trace_init(struct fmap_trace *t, const struct fmap_mapping *map,
				   enum fmap_pattern pattern, bool store, bool warm)
{
	t->map = *map;
	t->order = malloc(map->pages * sizeof(*t->order));
	t->n = fmap_order(pattern, map->pages, FMAP_SEED, t->order);
	t->store = store;
	t->warm = warm;
}

/* What a request of the kernel's is like on the filesystem that @path is on. */
static inline unsigned long fmap_ra_pages(const char *path)
{
	return fmap_get_readahead(path) * 1024 / fmap_page();
}

/* The file at @lower, in the state that the trace begins with. */
static inline void fmap_trace_prepare(const struct fmap_trace *t, const char *lower)
{
	if (fmap_evict(lower))
		fmap_die("%s stays in the page cache", lower);
	if (t->warm)
		fmap_warm(lower);
}

/*
 * Others have read what was printed before: their faults would be in /proc/vmstat.
 * Once a test; what one prints itself is failures.
 */
static inline void fmap_settle(void)
{
	static bool settled;

	fflush(stdout);
	if (!settled)
		usleep(20000);
	settled = true;
}

/* Run the trace on @path. Counters are those of the mount, whatever @path is. */
static inline void fmap_trace_run(const struct fmap_trace *t, const char *path,
				  struct fmap_seen *seen)
{
	int prot = PROT_READ | PROT_WRITE | (t->map.exec ? PROT_EXEC : 0);
	size_t bytes = t->map.pages * fmap_page();
	struct fmap_counters before;
	void *base;
	int fd;

	fmap_read_counters(&before);
	fmap_settle();
	fmap_populate_self();

	fd = open(path, O_RDWR);
	if (fd < 0)
		fmap_die("%s", path);
	base = fmap_map_undisturbed(fd, t->map.pgoff, bytes, prot,
				    t->map.shared ? MAP_SHARED : MAP_PRIVATE, t->map.slot);
	if (t->map.advice && madvise(base, bytes, t->map.advice))
		fmap_die("madvise");

	fmap_usage_begin(&seen->usage);
	fmap_touch(base, t->order, t->n, t->store);
	fmap_usage_end(&seen->usage);

	fmap_counters_since(&before, &seen->c);
	munmap(base, bytes);
	close(fd);
	munlockall();
	seen->residency = fmap_residency(path, &seen->file_pages);
}

/* The same on the model, which is freed by the caller. */
static inline void fmap_trace_predict(const struct fmap_trace *t, const char *lower,
				      struct fmap_model *m)
{
	fmap_model_init(m, &t->map, fmap_ra_pages(lower));
	if (t->warm)
		fmap_model_warm(m);
}

static inline int fmap_diff_value(const char *what, long long expected, long long got)
{
	if (expected == got)
		return 0;
	printf("# %s: expected %lld, got %lld\n", what, expected, got);
	return 1;
}

static inline int fmap_diff_usage(const struct fmap_usage *expected,
				  const struct fmap_usage *got)
{
	return fmap_diff_value("rusage minflt", expected->minflt, got->minflt) +
	       fmap_diff_value("rusage majflt", expected->majflt, got->majflt) +
	       fmap_diff_value("vmstat pgmajfault", expected->pgmajfault,
			       got->pgmajfault);
}

/* Page by page: which are in the page cache now? */
static inline int fmap_diff_residency(const void *expected, const void *got, size_t pages)
{
	const unsigned char *e = expected, *g = got;
	size_t i;
	int n = 0;

	for (i = 0; i < pages; i++) {
		if (e[i] == g[i])
			continue;
		if (!n++)
			printf("# page %zu: cached expected %d, got %d\n", i, e[i], g[i]);
	}
	return n;
}

static inline int fmap_diff_model(const struct fmap_model *m, const struct fmap_seen *seen)
{
	return fmap_diff_counters(&m->c, &seen->c) +
	       fmap_diff_usage(&m->usage, &seen->usage) +
	       fmap_diff_residency(m->cached, seen->residency, m->map.file_pages);
}

#endif /* FMAP_TRACE_RUN_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counting events of one kernel tracepoint in a trace instance of our own, so
 * that nobody else's tracing is disturbed.
 */
#ifndef FMAP_TRACING_H
#define FMAP_TRACING_H

#include <dirent.h>

#include "fmap_test.h"

struct fmap_tracer {
	char dir[128];
	char event[128];
};

/* As the kernel keeps it, and as event filters compare it. */
static inline unsigned long fmap_kernel_dev(dev_t dev)
{
	return (unsigned long)major(dev) << 20 | minor(dev);
}

static inline void fmap_tracer_write(const struct fmap_tracer *t, const char *file,
				     const char *text)
{
	struct fmap_path path = fmap_at(t->dir, "%s", file);

	if (fmap_write_file(path.s, text))
		fmap_die("writing '%s' to %s", text, path.s);
}

static inline void fmap_tracer_close(struct fmap_tracer *t)
{
	fmap_tracer_write(t, fmap_at(t->event, "trigger").s, "");
	rmdir(t->dir);
}

/*
 * Count @event ("block/block_bio_queue") where @filter is true from now on, and
 * add up its @field if that is not NULL. The kernel keeps a histogram of one
 * line: unlike a trace buffer, it does not get full.
 * False if the kernel has no such event or no histograms, or no tracefs is mounted.
 */
static inline bool fmap_tracer_open(struct fmap_tracer *t, const char *event,
				    const char *filter, const char *field)
{
	const char *tracefs = "/sys/kernel/tracing";
	struct fmap_path path = fmap_at(tracefs, "events/%s/hist", event);
	char trigger[300];

	if (access(path.s, R_OK)) {
		mount("tracefs", tracefs, "tracefs", 0, NULL);
		if (access(path.s, R_OK))
			return false;
	}
	snprintf(t->dir, sizeof(t->dir), "%s/instances/fmap-%d-%s", tracefs, getpid(),
		 strrchr(event, '/') + 1);
	snprintf(t->event, sizeof(t->event), "events/%s", event);
	if (mkdir(t->dir, 0700))
		fmap_die("%s", t->dir);
	snprintf(trigger, sizeof(trigger), "hist:keys=common_type:vals=hitcount%s%s if %s",
		 field ? "," : "", field ? field : "", filter);
	fmap_tracer_write(t, fmap_at(t->event, "trigger").s, trigger);
	return true;
}

/* The sum of the field, or "hitcount" */
static inline long fmap_tracer_total(const struct fmap_tracer *t, const char *field)
{
	struct fmap_path path = fmap_at(t->dir, "%s/hist", t->event);
	FILE *f = fopen(path.s, "r");
	char line[256], *at;
	long total = 0;

	if (!f)
		fmap_die("%s", path.s);
	while (fgets(line, sizeof(line), f)) {
		at = line[0] == '{' ? strstr(line, field) : NULL;
		if (at)
			total += atol(at + strlen(field) + 1);
	}
	fclose(f);
	return total;
}

static inline long fmap_tracer_count(const struct fmap_tracer *t)
{
	return fmap_tracer_total(t, "hitcount");
}

/*
 * Data read from the disk that @path is on: one event a request; their sectors
 * are the total of "nr_sector". Not a pattern
 * with "no M": it would look behind the end of rwbs, where the letters of an
 * older event may be.
 */
static inline bool fmap_trace_reads(struct fmap_tracer *t, const char *path)
{
	char filter[160];
	struct stat st;

	if (stat(path, &st))
		fmap_die("%s", path);
	snprintf(filter, sizeof(filter), "dev == %lu && (rwbs == \"R\" || rwbs == \"RA\" || "
		 "rwbs == \"RS\" || rwbs == \"RAS\")", fmap_kernel_dev(st.st_dev));
	return fmap_tracer_open(t, "block/block_bio_queue", filter, "nr_sector");
}

/* Until the disk that @path is on has read what it was asked for. */
static inline void fmap_await_reads(const char *path)
{
	int reads, tries = 5000;
	char inflight[80];
	struct stat st;
	FILE *f;

	if (stat(path, &st))
		fmap_die("%s", path);
	snprintf(inflight, sizeof(inflight), "/sys/dev/block/%u:%u/inflight",
		 major(st.st_dev), minor(st.st_dev));
	do {
		f = fopen(inflight, "r");
		if (!f || fscanf(f, "%d", &reads) != 1)
			fmap_die("%s", inflight);
		fclose(f);
		if (!reads)
			return;
		usleep(1000);
	} while (--tries);
	fmap_die("%s: a read does not end", inflight);
}

#endif /* FMAP_TRACING_H */

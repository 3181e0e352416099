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
	char filter[160];
	bool sums;
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
	fmap_tracer_write(t, fmap_at(t->event, "enable").s, "0");
	if (t->sums)
		fmap_tracer_write(t, fmap_at(t->event, "trigger").s, "");
	rmdir(t->dir);
}

/*
 * Count @event ("block/block_bio_queue") where @filter is true from now on.
 * False if the kernel has no such event or no tracefs is mounted.
 */
static inline bool fmap_tracer_open(struct fmap_tracer *t, const char *event,
				    const char *filter)
{
	const char *tracefs = "/sys/kernel/tracing";
	struct fmap_path path = fmap_at(tracefs, "events/%s/enable", event);
	struct fmap_path option = fmap_at(tracefs, "options/record-cmd");
	long long record_cmd;

	if (access(path.s, W_OK)) {
		mount("tracefs", tracefs, "tracefs", 0, NULL);
		if (access(path.s, W_OK))
			return false;
	}
	snprintf(t->dir, sizeof(t->dir), "%s/instances/fmap-%d-%s", tracefs, getpid(),
		 strrchr(event, '/') + 1);
	snprintf(t->event, sizeof(t->event), "events/%s", event);
	snprintf(t->filter, sizeof(t->filter), "%s", filter);
	t->sums = false;
	/*
	 * A new instance takes this option over. With it each event would have
	 * sched_switch traced as well, for the names of processes.
	 */
	record_cmd = fmap_read_number(option.s);
	fmap_write_file(option.s, "0");
	if (mkdir(t->dir, 0700))
		fmap_die("%s", t->dir);
	if (record_cmd == 1)
		fmap_write_file(option.s, "1");
	fmap_tracer_write(t, fmap_at(t->event, "filter").s, filter);
	fmap_tracer_write(t, fmap_at(t->event, "enable").s, "1");
	return true;
}

/* "entries: N" and "overrun: N" of one CPU: still there, and overwritten */
static inline long fmap_tracer_cpu(const char *path)
{
	FILE *f = fopen(path, "r");
	char key[64];
	long value, n = 0;

	if (!f)
		fmap_die("%s", path);
	while (fscanf(f, "%63[^:]: %ld%*[^\n]\n", key, &value) > 0)
		if (!strcmp(key, "entries") || !strcmp(key, "overrun"))
			n += value;
	fclose(f);
	return n;
}

static inline long fmap_tracer_count(const struct fmap_tracer *t)
{
	struct fmap_path path = fmap_at(t->dir, "per_cpu");
	DIR *dir = opendir(path.s);
	struct dirent *d;
	long n = 0;

	if (!dir)
		fmap_die("%s", path.s);
	while ((d = readdir(dir)))
		if (!strncmp(d->d_name, "cpu", 3))
			n += fmap_tracer_cpu(fmap_at(path.s, "%s/stats", d->d_name).s);
	closedir(dir);
	return n;
}

/*
 * Data read from the disk that @path is on: one event a request. Not a pattern
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
	return fmap_tracer_open(t, "block/block_bio_queue", filter);
}

/*
 * Have the kernel add up @field of the events from now on; there is one sum a
 * tracer. What fmap_tracer_count() counts are the same events.
 */
static inline void fmap_tracer_sum(struct fmap_tracer *t, const char *field)
{
	char trigger[300];

	snprintf(trigger, sizeof(trigger), "hist:keys=common_type:vals=%s if %s", field,
		 t->filter);
	fmap_tracer_write(t, fmap_at(t->event, "trigger").s, trigger);
	t->sums = true;
}

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

#endif /* FMAP_TRACING_H */

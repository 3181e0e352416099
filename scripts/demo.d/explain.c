// SPDX-License-Identifier: GPL-2.0
/*
 * Run a command and say what its page faults were.
 *
 *	explain [-f] [-t TITLE] [-s FILE] COMMAND [ARGUMENT...]
 *
 * Takes the counters of an fmapfs mount ($FMAP_DEBUGFS/stats), the program's
 * own resource usage and /proc/vmstat before and after, and prints the
 * differences as a table and one sentence. With -s the sentence goes to the
 * end of FILE as well. The exit status is the command's, 128 + N after signal
 * N, 127 if it cannot run, 120 if the counters cannot be read; with -f, 119 if
 * the command was right and yet no fault was counted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmapfs/counters.h>

#define EXIT_NO_FAULTS		119
#define EXIT_NO_COUNTERS	120

enum counter {
#define FMAP_COUNTER(name, group, total, help)	C_##name,
	FMAP_COUNTERS
#undef FMAP_COUNTER
	NR_COUNTERS
};

static const char * const counter_names[NR_COUNTERS] = {
#define FMAP_COUNTER(name, group, total, help)	#name,
	FMAP_COUNTERS
#undef FMAP_COUNTER
};

struct snapshot {
	uint64_t c[NR_COUNTERS];
	uint64_t pgfault;
	uint64_t pgmajfault;
};

/* One command's faults: differences of two snapshots, and its own usage. */
struct result {
	struct snapshot d;
	struct rusage ru;
	double seconds;
};

static void take_line(struct snapshot *s, const char *name, uint64_t value)
{
	int i;

	if (!strcmp(name, "pgfault"))
		s->pgfault = value;
	else if (!strcmp(name, "pgmajfault"))
		s->pgmajfault = value;
	for (i = 0; i < NR_COUNTERS; i++)
		if (!strcmp(name, counter_names[i]))
			s->c[i] = value;
}

static void take_file(struct snapshot *s, const char *path)
{
	FILE *f = fopen(path, "r");
	char name[64];
	uint64_t value;

	if (!f) {
		fprintf(stderr, "explain: %s: %s\n", path, strerror(errno));
		exit(EXIT_NO_COUNTERS);
	}
	while (fscanf(f, "%63s %" SCNu64, name, &value) == 2)
		take_line(s, name, value);
	fclose(f);
}

static struct snapshot take(const char *stats)
{
	struct snapshot s = { .pgfault = 0 };

	take_file(&s, "/proc/vmstat");
	take_file(&s, stats);
	return s;
}

static struct snapshot difference(const struct snapshot *a,
				  const struct snapshot *b)
{
	struct snapshot d;
	int i;

	for (i = 0; i < NR_COUNTERS; i++)
		d.c[i] = b->c[i] - a->c[i];
	d.pgfault = b->pgfault - a->pgfault;
	d.pgmajfault = b->pgmajfault - a->pgmajfault;
	return d;
}

/* "1,234,567", in one of a few buffers in turn */
static const char *num(uint64_t n)
{
	static char ring[8][32];
	static unsigned int next;
	char *p = &ring[next++ % 8][31];
	int digits = 0;

	*p = '\0';
	do {
		if (digits && digits % 3 == 0)
			*--p = ',';
		*--p = '0' + n % 10;
		n /= 10;
		digits++;
	} while (n);
	return p;
}

/* Faults over for good: the page is in the page table. */
static uint64_t done(const struct result *r)
{
	const uint64_t *c = r->d.c;

	return c[C_fa_hit_target] + c[C_fa_native_hit] + c[C_flt_done_minor] +
	       c[C_flt_done_major] + c[C_low_locked_minor] +
	       c[C_low_locked_major] + c[C_low_other];
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * By the kernel's rule for rusage: a miss in this pass, or an earlier pass that
 * dropped the lock to read or to wait; but if that was the per-VMA lock, only
 * one that found no page.
 */
static uint64_t done_major(const struct result *r)
{
	const uint64_t *c = r->d.c;

	return c[C_drop_mmap_lock] + least(c[C_drop_vma_lock], c[C_flt_miss]) +
	       c[C_flt_done_major] + c[C_low_retry] + c[C_low_locked_major];
}

static uint64_t sigbus(const struct result *r)
{
	const uint64_t *c = r->d.c;

	return c[C_flt_sigbus_eof_pre] + c[C_flt_sigbus_eof_post] +
	       c[C_flt_sigbus_io] + c[C_mkw_sigbus] + c[C_low_sigbus];
}

static uint64_t ra_at_miss(const struct result *r)
{
	const uint64_t *c = r->d.c;

	return c[C_sra_seq] + c[C_sra_around] + c[C_sra_adapt] - c[C_sra_adapt_one];
}

/* Pages that came into page tables: by windows, and one by each ->fault. */
static uint64_t pages_mapped(const struct result *r)
{
	const uint64_t *c = r->d.c;

	return c[C_fa_mapped] + done(r) - c[C_fa_hit_target] - c[C_fa_native_hit];
}

static void row(const char *what, uint64_t n, const char *more, ...)
{
	va_list ap;

	printf("    %-28s%12s", what, num(n));
	va_start(ap, more);
	vprintf(more, ap);
	va_end(ap);
	putchar('\n');
}

static void print_table(const struct result *r)
{
	const uint64_t *c = r->d.c;
	uint64_t major = done_major(r);

	printf("    %-28s%12s%12s%12s\n", "", "fmapfs", "rusage", "vmstat");
	row("minor faults", done(r) - major, "%12s%12s", num(r->ru.ru_minflt),
	    num(r->d.pgfault - r->d.pgmajfault));
	row("major faults", major, "%12s%12s", num(r->ru.ru_majflt),
	    num(r->d.pgmajfault));
	row("ended by fault-around", c[C_fa_hit_target] + c[C_fa_native_hit],
	    "  of %s calls", num(c[C_fa_calls]));
	row("  pages it mapped", c[C_fa_mapped], "  in windows of %s",
	    num(c[C_fa_pages]));
	row("went on to ->fault", c[C_flt_calls], "  %s minor, %s major, %s retries",
	    num(c[C_flt_done_minor]), num(c[C_flt_done_major]),
	    num(c[C_flt_retry]));
	row("  not in the page cache", c[C_flt_miss], "");
	row("  readahead windows", ra_at_miss(r) + c[C_ara_trigger],
	    "  %s at a miss, %s in advance", num(ra_at_miss(r)), num(c[C_ara_trigger]));
	row("  waits for a page lock", c[C_lck_wait_dropped] + c[C_lck_wait_held], "");
	row("first writes (mkwrite)", c[C_mkw_calls], "");
	if (c[C_flt_delegated] + c[C_flt_native])
		row("left to the lower's ->fault", c[C_flt_delegated] +
		    c[C_flt_native], "");
	if (sigbus(r))
		row("SIGBUS", sigbus(r), "");
}

/* Append to a sentence that is never longer than its buffer. */
static void say(char *s, size_t size, const char *format, ...)
{
	size_t len = strlen(s);
	va_list ap;

	va_start(ap, format);
	vsnprintf(s + len, size - len, format, ap);
	va_end(ap);
}

/* "94 % of 4,096"; "all" and "none" only where it is exactly that */
static void say_share(char *s, size_t size, uint64_t part, uint64_t whole)
{
	if (part == whole)
		say(s, size, "all of %s", num(whole));
	else if (!part)
		say(s, size, "none of %s", num(whole));
	else
		say(s, size, "%u %% of %s", (unsigned int)(part * 100 / whole),
		    num(whole));
}

static void say_pages(char *s, size_t size, const struct result *r)
{
	uint64_t pages = pages_mapped(r);

	say(s, size, "; ");
	if (r->d.c[C_fa_pages]) {
		say_share(s, size, r->d.c[C_fa_mapped], pages);
		say(s, size, " pages were mapped by fault-around, %.1f pages a fault",
		    (double)pages / done(r));
	} else if (!r->d.c[C_fa_calls]) {
		say(s, size, "one page each, without fault-around");
	} else {
		say(s, size, "the lower filesystem's own hooks mapped the pages");
	}
}

/* Each drop of the fault lock is one fault that goes through twice. */
static void say_waits(char *s, size_t size, const struct result *r)
{
	static const struct {
		enum counter c;
		const char *text;
	} why[] = {
		{ C_drop_for_sync_ra, "found no page and read around it" },
		{ C_drop_for_async_ra, "met a readahead marker and read ahead" },
		{ C_drop_for_folio_lock, "waited for a page that was being read" },
		{ C_drop_for_read, "read a single page" },
		{ C_low_retry, "waited in the lower filesystem" },
	};
	uint64_t waits = r->d.c[C_drop_total] + r->d.c[C_low_retry];
	const char *between = ": ";
	size_t i;

	if (!waits && !done_major(r)) {
		say(s, size, "; none had to wait for the disk");
		return;
	}
	say(s, size, "; %s turned to the disk", num(waits));
	for (i = 0; i < sizeof(why) / sizeof(why[0]); i++) {
		uint64_t n = r->d.c[why[i].c];

		if (!n)
			continue;
		say(s, size, "%s%s %s", between, num(n), why[i].text);
		between = ", ";
	}
}

static void sentence(const struct result *r, char *s, size_t size)
{
	const uint64_t *c = r->d.c;

	s[0] = '\0';
	say(s, size, "%s faults", num(done(r)));
	if (!c[C_map_calls])
		say(s, size, ", no file of this mount was mapped");
	if (done(r)) {
		say_pages(s, size, r);
		say_waits(s, size, r);
	}
	if (c[C_mkw_calls])
		say(s, size, "; %s first writes", num(c[C_mkw_calls]));
	if (sigbus(r))
		say(s, size, "; %s ended in SIGBUS", num(sigbus(r)));
	say(s, size, ".");
}

static void report(const struct result *r, const char *title, const char *keep)
{
	char text[1024];
	FILE *f;

	sentence(r, text, sizeof(text));
	print_table(r);
	printf("  => %s\n", text);
	fflush(stdout);
	if (!keep)
		return;
	f = fopen(keep, "a");
	if (!f || fprintf(f, "  %s: %s\n", title, text) < 0 || fclose(f)) {
		fprintf(stderr, "explain: %s: %s\n", keep, strerror(errno));
		exit(EXIT_NO_COUNTERS);
	}
}

static double now(void)
{
	struct timeval tv;

	gettimeofday(&tv, NULL);
	return tv.tv_sec + tv.tv_usec / 1e6;
}

static int run(char **argv, struct result *r)
{
	double start = now();
	int status;
	pid_t pid = fork();

	if (!pid) {
		execvp(argv[0], argv);
		fprintf(stderr, "explain: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &r->ru) != pid) {
		perror("explain");
		exit(EXIT_NO_COUNTERS);
	}
	r->seconds = now() - start;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	const char *dir = getenv("FMAP_DEBUGFS");
	const char *title = NULL, *keep = NULL;
	struct snapshot before, after;
	bool want_faults = false;
	struct result r;
	char stats[512];
	int opt, code;

	while ((opt = getopt(argc, argv, "+ft:s:")) != -1) {
		if (opt == 'f')
			want_faults = true;
		else if (opt == 't')
			title = optarg;
		else if (opt == 's')
			keep = optarg;
		else
			return 2;
	}
	if (!dir || optind == argc) {
		fprintf(stderr, "usage: FMAP_DEBUGFS=DIR explain [-f] [-t TITLE] [-s FILE] COMMAND...\n");
		return 2;
	}
	snprintf(stats, sizeof(stats), "%s/stats", dir);
	if (!title)
		title = argv[optind];

	before = take(stats);
	code = run(argv + optind, &r);
	after = take(stats);
	r.d = difference(&before, &after);

	printf("  %s: exit %d after %.1f s\n", title, code, r.seconds);
	report(&r, title, keep);
	if (want_faults && !code && !done(&r)) {
		fprintf(stderr, "explain: no fault was counted\n");
		return EXIT_NO_FAULTS;
	}
	return code;
}

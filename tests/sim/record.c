// SPDX-License-Identifier: GPL-2.0
/*
 * Records which pages of the files of a directory a program touches: a trace for
 * simulate. While it runs fault-around is off, by the kernel's own knob, so that the
 * first touch of each page is a fault, which perf's events tell; they tell of each
 * mapping, too. No fmapfs is needed, nor wanted: DIR is to be an ordinary directory,
 * of a filesystem without large folios.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model.h"
#include "spaces.h"

#define KNOB		"/sys/kernel/debug/fault_around_bytes"
#define EVENTS		"/sys/kernel/tracing/events/exceptions/"
#define RING_PAGES	2048
#define CPUS_MAX	64
#define PROTECTION	1
#define WRITE		2

static size_t page_size;
static char dir[PATH_MAX];
static size_t dir_len;
static FILE *out;

static void die(const char *what)
{
	fprintf(stderr, "record: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* --- the kernel's knob ---------------------------------------------------------- */

static unsigned int old_window;

static void set_window(unsigned int bytes)
{
	FILE *f = fopen(KNOB, "w");

	if (!f || fprintf(f, "%u\n", bytes) < 0 || fclose(f))
		die(KNOB);
}

static void restore_window(void)
{
	set_window(old_window);
}

static void no_fault_around(void)
{
	FILE *f = fopen(KNOB, "r");

	if (!f || fscanf(f, "%u", &old_window) != 1)
		die(KNOB);
	fclose(f);
	set_window(page_size);
	atexit(restore_window);
}

/* --- events --------------------------------------------------------------------- */

/* Of each event, as sample_type below has it; for those that are no samples, behind */
struct id {
	uint32_t pid;
	uint32_t tid;
	uint64_t time;
};

struct sample {
	struct perf_event_header head;
	struct id id;
	uint32_t size;
	char raw[];
};

struct task {
	struct perf_event_header head;
	uint32_t pid, ppid, tid, ptid;
	uint64_t time;
};

struct mmap2 {
	struct perf_event_header head;
	uint32_t pid, tid;
	uint64_t start, len, offset;
	uint64_t device, inode, generation;
	uint32_t prot, flags;
	char name[];
};

struct comm {
	struct perf_event_header head;
	uint32_t pid, tid;
};

struct event {
	uint64_t time;
	size_t number;
	struct perf_event_header *head;
};

static struct event *events;
static size_t nr_events;

static struct ring {
	int fd;
	struct perf_event_mmap_page *control;
} rings[CPUS_MAX];

/* Where the fields of a page fault's event are */
static unsigned int at_address, at_error;

static unsigned int event_id(const char *name)
{
	char path[128], line[256];
	unsigned int id = 0, at;
	FILE *f;

	snprintf(path, sizeof(path), EVENTS "%s/format", name);
	f = fopen(path, "r");
	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f)) {
		const char *offset = strstr(line, "offset:");

		sscanf(line, "ID: %u", &id);
		at = offset ? atoi(offset + 7) : 0;
		if (strstr(line, " address;"))
			at_address = at;
		if (strstr(line, " error_code;"))
			at_error = at;
	}
	fclose(f);
	return id;
}

static int open_event(struct perf_event_attr attr, pid_t pid, int cpu)
{
	int fd;

	attr.size = sizeof(attr);
	attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_RAW;
	attr.inherit = 1;
	attr.disabled = 1;
	attr.enable_on_exec = 1;
	attr.sample_id_all = 1;
	attr.watermark = 1;
	attr.wakeup_watermark = RING_PAGES * page_size / 4;
	fd = syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		die("perf_event_open");
	return fd;
}

/* One ring for each CPU, as events that children inherit want it. */
static void open_ring(struct ring *r, pid_t pid, int cpu)
{
	static const char * const names[] = { "page_fault_user", "page_fault_kernel" };
	struct perf_event_attr tasks = {
		.type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_DUMMY,
		.mmap = 1, .mmap_data = 1, .mmap2 = 1, .comm = 1, .comm_exec = 1, .task = 1,
	};
	struct perf_event_attr faults = {
		.type = PERF_TYPE_TRACEPOINT, .sample_period = 1,
	};
	size_t i;
	int fd;

	r->fd = open_event(tasks, pid, cpu);
	r->control = mmap(NULL, (1 + RING_PAGES) * page_size, PROT_READ | PROT_WRITE,
			  MAP_SHARED, r->fd, 0);
	if (r->control == MAP_FAILED)
		die("mmap of events");
	for (i = 0; i < 2; i++) {
		faults.config = event_id(names[i]);
		fd = open_event(faults, pid, cpu);
		if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, r->fd))
			die("PERF_EVENT_IOC_SET_OUTPUT");
	}
}

static uint64_t time_of(const struct perf_event_header *head)
{
	if (head->type == PERF_RECORD_SAMPLE)
		return ((const struct sample *)head)->id.time;
	/* The last of what sample_id_all adds */
	return *(const uint64_t *)((const char *)head + head->size - 8);
}

static void keep(const char *ring, size_t mask, uint64_t at)
{
	const struct perf_event_header *in = (const void *)(ring + (at & mask));
	size_t size = in->size, i;
	char *copy = malloc(size);

	if (in->type == PERF_RECORD_LOST) {
		fprintf(stderr, "record: events were lost\n");
		exit(2);
	}
	if (nr_events % 4096 == 0)
		events = realloc(events, (nr_events + 4096) * sizeof(*events));
	if (!copy || !events)
		die("memory");
	for (i = 0; i < size; i++)
		copy[i] = ring[(at + i) & mask];
	events[nr_events] = (struct event) {
		time_of((void *)copy), nr_events, (void *)copy,
	};
	nr_events++;
}

static void drain(struct ring *r)
{
	const char *data = (const char *)r->control + page_size;
	uint64_t head = __atomic_load_n(&r->control->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = r->control->data_tail;
	size_t mask = RING_PAGES * page_size - 1;

	while (tail < head) {
		const struct perf_event_header *h = (const void *)(data + (tail & mask));
		size_t size = h->size;

		keep(data, mask, tail);
		tail += size;
	}
	__atomic_store_n(&r->control->data_tail, tail, __ATOMIC_RELEASE);
}

/* --- the program ---------------------------------------------------------------- */

static pid_t start(char **argv, int *go)
{
	int pipes[2];
	pid_t pid;
	char c;

	if (pipe2(pipes, O_CLOEXEC))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		/* The same addresses the next time */
		personality(ADDR_NO_RANDOMIZE);
		close(pipes[1]);
		if (read(pipes[0], &c, 1) != 1)
			_exit(127);
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	close(pipes[0]);
	*go = pipes[1];
	return pid;
}

static int run(char **argv)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), go, cpu, status;
	struct pollfd polls[CPUS_MAX];
	pid_t pid = start(argv, &go), ended = 0;

	for (cpu = 0; cpu < cpus && cpu < CPUS_MAX; cpu++) {
		open_ring(&rings[cpu], pid, cpu);
		polls[cpu] = (struct pollfd) { .fd = rings[cpu].fd, .events = POLLIN };
	}
	if (write(go, "", 1) != 1)
		die("pipe");
	while (!ended) {
		ended = waitpid(pid, &status, WNOHANG);
		for (cpu = 0; cpu < cpus && cpu < CPUS_MAX; cpu++)
			drain(&rings[cpu]);
		if (!ended)
			poll(polls, cpus, 20);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* --- the trace ------------------------------------------------------------------ */

struct known {
	struct sim_file file;
	char *name;
	int number;
	struct known *next;
};

static struct known *files;

/* A file of the directory; NULL: any other, or none */
static struct known *find_file(const char *name)
{
	static int number;
	struct known *k;
	struct stat st;

	if (strncmp(name, dir, dir_len) || name[dir_len] != '/')
		return NULL;
	for (k = files; k; k = k->next)
		if (!strcmp(k->name, name))
			return k;
	if (stat(name, &st))
		return NULL;
	k = calloc(1, sizeof(*k));
	if (!k)
		die("memory");
	k->name = strdup(name);
	k->file.pages = (st.st_size + page_size - 1) / page_size;
	k->number = number++;
	k->next = files;
	files = k;
	fprintf(out, "file %d %lu %s\n", k->number, k->file.pages, name + dir_len + 1);
	return k;
}

static bool overlaps(const struct sim_space *s, unsigned long start, unsigned long pages)
{
	size_t i;

	for (i = 0; i < s->nr; i++)
		if (s->vmas[i].start < start + pages &&
		    start < s->vmas[i].start + s->vmas[i].pages)
			return true;
	return false;
}

/*
 * An mprotect() of a part is told like an mmap(). What was mapped there at the same
 * page of the same file was not mapped anew.
 */
static void put_mmap(const struct mmap2 *m)
{
	struct known *k = find_file(m->name);
	struct sim_space *s = find_space(m->pid);
	unsigned long start = m->start / page_size, first = m->offset / page_size;
	unsigned long pages = (m->len + page_size - 1) / page_size;
	const struct sim_vma *old = sim_find(s, start);
	bool anew;

	if (!k) {
		if (!overlaps(s, start, pages))
			return;
		sim_unmap(s, start, pages);
		fprintf(out, "unmap %u %lx %lu\n", m->pid, start, pages);
		return;
	}
	anew = !old || old->file != &k->file || start - old->start + old->first != first;
	sim_map(s, start, pages, &k->file, first, anew);
	fprintf(out, "%s %u %lx %lu %d %lu\n", anew ? "map" : "part", m->pid, start, pages,
		k->number, first);
}

static void put_fault(const struct sample *s)
{
	unsigned long address = *(const unsigned long *)(s->raw + at_address);
	unsigned long error = *(const unsigned long *)(s->raw + at_error);

	if (error & PROTECTION || !sim_find(find_space(s->id.pid), address / page_size))
		return;
	fprintf(out, "%c %u %lx\n", error & WRITE ? 'w' : 'r', s->id.pid,
		address / page_size);
}

static void put_end(uint32_t pid)
{
	if (!find_space(pid)->nr)
		return;
	sim_exit(find_space(pid));
	fprintf(out, "exit %u\n", pid);
}

static void put_fork(const struct task *t)
{
	if (t->pid == t->ppid || !find_space(t->ppid)->nr)
		return;
	sim_fork(find_space(t->pid), find_space(t->ppid));
	fprintf(out, "fork %u %u\n", t->ppid, t->pid);
}

static void put(const struct perf_event_header *head)
{
	const struct task *task = (const void *)head;

	switch (head->type) {
	case PERF_RECORD_MMAP2:
		put_mmap((const void *)head);
		break;
	case PERF_RECORD_SAMPLE:
		put_fault((const void *)head);
		break;
	case PERF_RECORD_COMM:
		if (head->misc & PERF_RECORD_MISC_COMM_EXEC)
			put_end(((const struct comm *)head)->pid);
		break;
	case PERF_RECORD_FORK:
		put_fork(task);
		break;
	case PERF_RECORD_EXIT:
		if (task->pid == task->tid)
			put_end(task->pid);
		break;
	}
}

static int by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

static void put_all(void)
{
	size_t i;

	fprintf(out, "# fmapfs trace 1\n");
	qsort(events, nr_events, sizeof(*events), by_time);
	for (i = 0; i < nr_events; i++)
		put(events[i].head);
	if (fclose(out))
		die("trace");
}

static void usage(FILE *to)
{
	fprintf(to,
		"Usage: record [-o TRACE] DIR COMMAND [ARGUMENT]...\n"
		"\n"
		"Runs COMMAND and writes which pages of mapped files below DIR it touches, in\n"
		"the order in which it first does. Meanwhile fault-around is off, in the whole\n"
		"system. Root only.\n");
}

int main(int argc, char **argv)
{
	int c, code;

	out = stdout;
	while ((c = getopt(argc, argv, "+o:h")) != -1) {
		switch (c) {
		case 'o':
			out = fopen(optarg, "w");
			if (!out)
				die(optarg);
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (argc - optind < 2) {
		usage(stderr);
		return 2;
	}
	if (!realpath(argv[optind], dir))
		die(argv[optind]);
	dir_len = strlen(dir);
	page_size = sysconf(_SC_PAGESIZE);
	no_fault_around();
	code = run(argv + optind + 1);
	put_all();
	return code;
}

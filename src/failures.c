// SPDX-License-Identifier: GPL-2.0
/*
 * The last failed accesses of a mount, so that "why did my program get SIGBUS?"
 * has an answer after the fact: who, where in which file, how large the file
 * was then, and the counter that says why.
 */
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "fault.h"

#define FMAP_FAILURES		256
#define FMAP_FAILURE_PATH	200

/**
 * struct fmap_failure - an access that ended in SIGBUS or out of memory
 * @when:	ktime_get_ns(), the clock of the kernel log
 * @pid:	thread, in the initial PID namespace
 * @comm:	its name
 * @reason:	the counter that was raised
 * @err:	negative errno behind it, 0 where there is none
 * @pgoff:	page of the file
 * @size:	size of the file at that moment
 * @path:	end of the path, as seen by the thread
 */
struct fmap_failure {
	u64 when;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	enum fmap_counter reason;
	int err;
	pgoff_t pgoff;
	loff_t size;
	char path[FMAP_FAILURE_PATH];
};

/**
 * struct fmap_failures - the ring of a mount
 * @lock:	guards the rest; innermost, taken in process context only
 * @total:	failures since the mount; the next goes to @total modulo the size
 * @ring:	the last ones
 */
struct fmap_failures {
	spinlock_t lock;	/* guards all below */
	u64 total;
	struct fmap_failure ring[FMAP_FAILURES];
};

/**
 * fmap_failures_init - allocate the ring of a mount
 * @sbi:	the mount, not visible to anybody else yet
 *
 * Return: 0 or -ENOMEM.
 */
int fmap_failures_init(struct fmap_sb_info *sbi)
{
	sbi->failures = kvzalloc(sizeof(*sbi->failures), GFP_KERNEL_ACCOUNT);
	if (!sbi->failures)
		return -ENOMEM;
	spin_lock_init(&sbi->failures->lock);
	return 0;
}

/**
 * fmap_failures_exit - free the ring of a mount
 * @sbi:	the mount; no mapping and no debugfs file of it is left
 */
void fmap_failures_exit(struct fmap_sb_info *sbi)
{
	kvfree(sbi->failures);
	sbi->failures = NULL;
}

/* The end says more than the beginning where both do not fit. */
static void fmap_failure_path(struct fmap_failure *e, struct file *file)
{
	char *buf = __getname();
	const char *path;
	size_t len;

	if (!buf)
		return;
	path = d_path(file_user_path(file), buf, PATH_MAX);
	if (!IS_ERR(path)) {
		len = strlen(path);
		if (len >= sizeof(e->path))
			path += len - sizeof(e->path) + 1;
		strscpy(e->path, path, sizeof(e->path));
	}
	__putname(buf);
}

/**
 * fmap_failure - note a failed access
 * @sbi:	the mount
 * @file:	the backing file, kept by the fault lock or a pin
 * @pgoff:	page of the file
 * @reason:	the counter that was raised for it
 * @err:	negative errno behind it, or 0
 *
 * Called from ->fault and ->page_mkwrite: may sleep.
 */
void fmap_failure(const struct fmap_sb_info *sbi, struct file *file, pgoff_t pgoff,
		  enum fmap_counter reason, int err)
{
	struct fmap_failures *log = sbi->failures;
	struct fmap_failure *e = kzalloc(sizeof(*e), GFP_KERNEL);

	if (!e)
		return;
	e->when = ktime_get_ns();
	e->pid = task_pid_nr(current);
	get_task_comm(e->comm, current);
	e->reason = reason;
	e->err = err;
	e->pgoff = pgoff;
	e->size = i_size_read(file->f_mapping->host);
	fmap_failure_path(e, file);

	spin_lock(&log->lock);
	log->ring[log->total++ % FMAP_FAILURES] = *e;
	spin_unlock(&log->lock);
	kfree(e);
}

static void fmap_failure_show(struct seq_file *m, const struct fmap_failure *e)
{
	u64 sec = div_u64(e->when, NSEC_PER_SEC);
	u32 usec = div_u64(e->when - sec * NSEC_PER_SEC, NSEC_PER_USEC);

	seq_printf(m, "%llu.%06u %d ", sec, usec, e->pid);
	seq_escape(m, e->comm, " \t\n\\");
	seq_printf(m, " %s %d %lu %lld ", fmap_counter_name(e->reason), e->err,
		   e->pgoff, e->size);
	seq_escape(m, e->path[0] ? e->path : "?", " \t\n\\");
	seq_putc(m, '\n');
}

/**
 * fmap_failures_show - print the ring, oldest first
 * @m:		where to
 * @sbi:	the mount
 *
 * A copy is printed, because printing may sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int fmap_failures_show(struct seq_file *m, const struct fmap_sb_info *sbi)
{
	struct fmap_failures *log = sbi->failures;
	struct fmap_failures *copy = kvmalloc(sizeof(*copy), GFP_KERNEL);
	u64 i;

	if (!copy)
		return -ENOMEM;
	spin_lock(&log->lock);
	copy->total = log->total;
	memcpy(copy->ring, log->ring, sizeof(copy->ring));
	spin_unlock(&log->lock);

	seq_puts(m, "# time pid comm reason errno page size path\n");
	i = copy->total > FMAP_FAILURES ? copy->total - FMAP_FAILURES : 0;
	for (; i < copy->total; i++)
		fmap_failure_show(m, &copy->ring[i % FMAP_FAILURES]);
	kvfree(copy);
	return 0;
}

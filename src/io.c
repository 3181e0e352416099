// SPDX-License-Identifier: GPL-2.0
/*
 * Reading and writing: the same request again, on the lower file.
 *
 * No lock of ours is held. The lower filesystem serialises, appends, drops
 * set-ID bits and sets times as it does for its own files, and parallel direct
 * writes stay parallel. Our i_size is a copy made afterwards; no read depends
 * on it.
 */
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/uio.h>
#include <linux/workqueue.h>

#include "lower.h"

/*
 * Flags of a request that are about its issuer, not about the I/O: a wait queue
 * entry, the struct around it, a cache, a completion to be called by hand.
 */
#define FMAP_IOCB_DROP	(IOCB_WAITQ | IOCB_AIO_RW | IOCB_EVENTFD | \
			 IOCB_ALLOC_CACHE | IOCB_DIO_CALLER_COMP)

/**
 * struct fmap_aio - an asynchronous request on the lower file
 * @iocb:	the request, with a reference on the lower file
 * @orig:	the request that we were given
 * @ref:	one for who submits, one for who completes
 * @work:	end of a write, in process context
 * @res:	result until then
 */
struct fmap_aio {
	struct kiocb iocb;
	struct kiocb *orig;
	refcount_t ref;
	struct work_struct work;
	long res;
};

typedef ssize_t (*fmap_rw_t)(struct file *file, struct kiocb *iocb,
			     struct iov_iter *iter);

static struct kmem_cache *fmap_aio_cachep;
static struct workqueue_struct *fmap_aio_wq;

static void fmap_iocb_init(struct kiocb *iocb, struct kiocb *orig,
			   struct file *lower)
{
	kiocb_clone(iocb, orig, lower);
	iocb->ki_flags &= ~FMAP_IOCB_DROP;
	/*
	 * The lower mount or inode may be synchronous where ours is not. All else
	 * is for the request to say: one may be for no append (RWF_NOAPPEND).
	 */
	iocb->ki_flags |= lower->f_iocb_flags & (IOCB_DSYNC | IOCB_SYNC);
}

static void fmap_aio_put(struct fmap_aio *aio)
{
	if (!refcount_dec_and_test(&aio->ref))
		return;
	fput(aio->iocb.ki_filp);
	kmem_cache_free(fmap_aio_cachep, aio);
}

/* The last touch of the request, and maybe of our file. */
static void fmap_aio_complete(struct fmap_aio *aio, long res)
{
	struct kiocb *orig = aio->orig;

	orig->ki_pos = aio->iocb.ki_pos;
	fmap_aio_put(aio);
	orig->ki_complete(orig, res);
}

/* In any context. */
static void fmap_read_done(struct kiocb *iocb, long res)
{
	fmap_aio_complete(container_of(iocb, struct fmap_aio, iocb), res);
}

static void fmap_write_work(struct work_struct *work)
{
	struct fmap_aio *aio = container_of(work, struct fmap_aio, work);

	fmap_written(aio->orig->ki_filp);
	fmap_aio_complete(aio, aio->res);
}

/* In any context; copying attributes takes i_lock, which wants a process. */
static void fmap_write_done(struct kiocb *iocb, long res)
{
	struct fmap_aio *aio = container_of(iocb, struct fmap_aio, iocb);

	kiocb_end_write(iocb);
	aio->res = res;
	INIT_WORK(&aio->work, fmap_write_work);
	queue_work(fmap_aio_wq, &aio->work);
}

static ssize_t fmap_rw_async(struct kiocb *orig, struct iov_iter *iter,
			     struct file *lower, fmap_rw_t rw,
			     void (*done)(struct kiocb *iocb, long res))
{
	struct fmap_aio *aio = kmem_cache_alloc(fmap_aio_cachep, GFP_KERNEL);
	ssize_t ret;

	if (!aio)
		return -ENOMEM;
	aio->orig = orig;
	fmap_iocb_init(&aio->iocb, orig, get_file(lower));
	aio->iocb.ki_complete = done;
	refcount_set(&aio->ref, 2);

	ret = rw(lower, &aio->iocb, iter);
	if (ret != -EIOCBQUEUED) {
		orig->ki_pos = aio->iocb.ki_pos;
		fmap_aio_put(aio);
	}
	fmap_aio_put(aio);
	return ret;
}

static ssize_t fmap_rw(struct kiocb *orig, struct iov_iter *iter, fmap_rw_t rw,
		       void (*done)(struct kiocb *iocb, long res))
{
	struct file *lower = fmap_lower_file(orig->ki_filp);
	struct kiocb iocb;
	ssize_t ret;

	ret = fmap_sync_flags(orig->ki_filp, lower);
	if (ret)
		return ret;
	if (orig->ki_flags & IOCB_DIRECT && !(lower->f_mode & FMODE_CAN_ODIRECT))
		return -EINVAL;
	if (!is_sync_kiocb(orig))
		return fmap_rw_async(orig, iter, lower, rw, done);

	fmap_iocb_init(&iocb, orig, lower);
	ret = rw(lower, &iocb, iter);
	orig->ki_pos = iocb.ki_pos;
	return ret;
}

/**
 * fmap_read_iter - ->read_iter
 * @iocb:	the request
 * @iter:	where to
 *
 * Return: bytes read, -EIOCBQUEUED or another negative errno.
 */
ssize_t fmap_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	return fmap_rw(iocb, iter, vfs_iocb_iter_read, fmap_read_done);
}

/**
 * fmap_write_iter - ->write_iter
 * @iocb:	the request; freeze protection of our superblock is held
 * @iter:	what
 *
 * Return: bytes written, -EIOCBQUEUED or another negative errno.
 */
ssize_t fmap_write_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	ssize_t ret;

	fmap_share_wb_err(iocb->ki_filp);
	ret = fmap_rw(iocb, iter, fmap_iocb_iter_write, fmap_write_done);
	if (ret != -EIOCBQUEUED)
		fmap_written(iocb->ki_filp);
	return ret;
}

/**
 * fmap_splice_read - ->splice_read
 * @in:		our file
 * @ppos:	where from
 * @pipe:	where to, locked
 * @len:	how much
 * @flags:	SPLICE_F_ flags
 *
 * Return: bytes read or a negative errno.
 */
ssize_t fmap_splice_read(struct file *in, loff_t *ppos,
			 struct pipe_inode_info *pipe, size_t len,
			 unsigned int flags)
{
	struct file *lower = fmap_lower_file(in);
	int err = fmap_sync_flags(in, lower);

	if (err)
		return err;
	return vfs_splice_read(lower, ppos, pipe, len, flags);
}

/**
 * fmap_splice_write - ->splice_write
 * @pipe:	where from, not locked
 * @out:	our file; freeze protection of our superblock is held
 * @ppos:	where to
 * @len:	how much
 * @flags:	SPLICE_F_ flags
 *
 * By the lower ->splice_write, because freeze protection comes before the
 * pipe's lock, which that one takes.
 *
 * Return: bytes written or a negative errno.
 */
ssize_t fmap_splice_write(struct pipe_inode_info *pipe, struct file *out,
			  loff_t *ppos, size_t len, unsigned int flags)
{
	struct file *lower = fmap_lower_file(out);
	ssize_t ret;

	if (!lower->f_op->splice_write)
		return -EINVAL;
	ret = fmap_sync_flags(out, lower);
	if (ret)
		return ret;

	fmap_share_wb_err(out);
	file_start_write(lower);
	ret = lower->f_op->splice_write(pipe, lower, ppos, len, flags);
	file_end_write(lower);
	fmap_written(out);
	return ret;
}

/**
 * fmap_io_init - when the module loads
 *
 * Return: 0 or -ENOMEM.
 */
int fmap_io_init(void)
{
	fmap_aio_cachep = KMEM_CACHE(fmap_aio, 0);
	if (!fmap_aio_cachep)
		return -ENOMEM;
	fmap_aio_wq = alloc_workqueue("fmapfs-aio", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!fmap_aio_wq) {
		kmem_cache_destroy(fmap_aio_cachep);
		return -ENOMEM;
	}
	return 0;
}

/** fmap_io_exit - when the module goes: wait for the tail of each completion */
void fmap_io_exit(void)
{
	destroy_workqueue(fmap_aio_wq);
	kmem_cache_destroy(fmap_aio_cachep);
}

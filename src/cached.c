// SPDX-License-Identifier: GPL-2.0
/*
 * readahead=adaptive in the kernel: what the policy sees of the page cache, and
 * what it remembers of a file.
 */
#include <linux/backing-dev.h>
#include <linux/blkdev.h>
#include <linux/pagemap.h>

#include "fault.h"

/* No disk is asked for more at once, whatever it says that it takes. */
#define FMAP_REQUEST_MAX	(SZ_16M >> PAGE_SHIFT)

/*
 * The largest request of a stream. The disk may be asked for so much; but pages that
 * are scattered in memory are a segment each, and with more of them than it takes the
 * request would be split anywhere.
 */
static unsigned int fmap_request_most(struct address_space *mapping)
{
	const struct inode *inode = mapping->host;
	unsigned long most = min_t(unsigned long, inode_to_bdi(mapping->host)->io_pages,
				   FMAP_REQUEST_MAX);

	if (inode->i_sb->s_bdev && !mapping_large_folio_support(mapping))
		most = min_t(unsigned long, most, bdev_max_segments(inode->i_sb->s_bdev));
	return most;
}

static struct fmap_spot fmap_spot(const struct fmap_fault *f)
{
	unsigned int usual = f->file->f_ra.ra_pages;
	loff_t size = i_size_read(f->mapping->host);

	return (struct fmap_spot) {
		.index = f->index,
		.last = max_t(pgoff_t, f->index, size ? (size - 1) >> PAGE_SHIFT : 0),
		.usual = usual,
		.most = max(usual, fmap_request_most(f->mapping)),
	};
}

/*
 * The entry @n pages away. Looked up from the root each time: xas_next() and xas_prev()
 * lose their way in the entries of a large folio.
 */
static void *fmap_entry(struct xa_state *xas, pgoff_t index, bool forward, unsigned int n)
{
	xas_set(xas, forward ? index + n : index - n);
	return xas_load(xas);
}

static bool fmap_is_page(const void *entry)
{
	return entry && !xa_is_value(entry);
}

/* How far can one go? Not beyond the first page of a file. */
static unsigned int fmap_room(pgoff_t index, bool forward, unsigned int most)
{
	return forward ? most : min_t(pgoff_t, most, index);
}

/*
 * How many pages are cached without a gap, from the one next to @index on, up to
 * @most? *@lost: the one after the last of them has been evicted.
 */
static unsigned int fmap_cached_run(struct address_space *mapping, pgoff_t index,
				    bool forward, unsigned int most, bool *lost)
{
	unsigned int room = fmap_room(index, forward, most), n;
	XA_STATE(xas, &mapping->i_pages, index);
	void *entry = NULL;

	rcu_read_lock();
	for (n = 0; n < room; n++) {
		entry = fmap_entry(&xas, index, forward, n + 1);
		if (!fmap_is_page(entry))
			break;
	}
	rcu_read_unlock();
	*lost = xa_is_value(entry);
	return n;
}

/* A bit for each of FMAP_CACHED_NEAR pages next to @index, bit 0 the nearest. */
static unsigned long fmap_cached_near(struct address_space *mapping, pgoff_t index,
				      bool forward)
{
	unsigned int room = fmap_room(index, forward, FMAP_CACHED_NEAR), i;
	XA_STATE(xas, &mapping->i_pages, index);
	unsigned long bits = 0;

	rcu_read_lock();
	for (i = 0; i < room; i++)
		if (fmap_is_page(fmap_entry(&xas, index, forward, i + 1)))
			bits |= BIT(i);
	rcu_read_unlock();
	return bits;
}

static void fmap_see_runs(const struct fmap_fault *f, unsigned int most,
			  struct fmap_cached *c)
{
	c->run_before = fmap_cached_run(f->mapping, f->index, false, most,
					&c->lost_before);
	c->run_after = fmap_cached_run(f->mapping, f->index, true, most, &c->lost_after);
}

static bool fmap_is_recent(const struct fmap_reads *reads, pgoff_t index)
{
	return READ_ONCE(reads->recent[fmap_lot(index)]) == (unsigned int)index;
}

static void fmap_remember(struct fmap_reads *reads, pgoff_t index)
{
	WRITE_ONCE(reads->recent[fmap_lot(index)], (unsigned int)index);
}

/**
 * fmap_adaptive_miss - choose what to read for a page that is not cached
 * @f:	the fault; fault lock held
 *
 * Return: the request.
 */
struct fmap_request fmap_adaptive_miss(const struct fmap_fault *f)
{
	struct fmap_reads *reads = &f->fvo->inode->reads;
	struct fmap_guess was = READ_ONCE(reads->guess), guess = was;
	const struct fmap_spot spot = fmap_spot(f);
	struct fmap_cached c = {
		.before = fmap_cached_near(f->mapping, f->index, false),
		.after = fmap_cached_near(f->mapping, f->index, true),
		.evicted = xa_is_value(xa_load(&f->mapping->i_pages, f->index)),
	};
	struct fmap_request r;

	fmap_see_runs(f, spot.most, &c);
	c.recent_before = c.run_before && fmap_is_recent(reads, f->index - 1);
	c.recent_after = c.run_after && fmap_is_recent(reads, f->index + 1);
	r = fmap_request_miss(&spot, &c, &guess);
	/* Shared by all who map the file: written only if it says something new. */
	if (memcmp(&was, &guess, sizeof(was)))
		WRITE_ONCE(reads->guess, guess);
	/* Where a run goes on. */
	if (r.forward || r.why == FMAP_READ_AROUND)
		fmap_remember(reads, r.first + r.nr - 1);
	if (!r.forward || r.why == FMAP_READ_AROUND)
		fmap_remember(reads, r.first);
	return r;
}

/* Is a page of the file mapped here? Under the fault lock, like the fault itself. */
static bool fmap_is_mapped(const struct vm_fault *vmf, pgoff_t index)
{
	struct vm_area_struct *vma = vmf->vma;
	bool mapped;

	if (index < vma->vm_pgoff || index - vma->vm_pgoff >= vma_pages(vma))
		return false;
	rcu_read_lock();
	mapped = fmap_count_ptes(vmf, index, 1, 1);
	rcu_read_unlock();
	return mapped;
}

/**
 * fmap_adaptive_marker - choose what to read when a marker is met
 * @f:	the fault; fault lock held
 *
 * Return: the request.
 */
struct fmap_request fmap_adaptive_marker(const struct fmap_fault *f)
{
	const struct fmap_spot spot = fmap_spot(f);
	struct fmap_cached c = { };

	fmap_see_runs(f, spot.most, &c);
	c.used_before = c.run_before && fmap_is_mapped(f->vmf, f->index - c.run_before);
	c.used_after = c.run_after && fmap_is_mapped(f->vmf, f->index + c.run_after);
	return fmap_request_marker(&spot, &c);
}

/**
 * fmap_size_marker - the next request of readahead=SIZE
 * @f:	the fault, on a marker
 *
 * Return: so many pages behind those that are cached; %FMAP_READ_NOTHING if that are
 * so many already.
 */
struct fmap_request fmap_size_marker(const struct fmap_fault *f)
{
	unsigned int pages = f->readahead.pages;
	bool lost;
	unsigned int ahead = 1 + fmap_cached_run(f->mapping, f->index, true, pages, &lost);

	return (struct fmap_request) {
		.first = f->index + ahead,
		.nr = pages,
		.forward = true,
		.why = ahead > pages ? FMAP_READ_NOTHING : FMAP_READ_STREAM,
	};
}

/**
 * fmap_adaptive_open - a file is opened
 * @fi:	our inode
 *
 * Whoever uses it now may use it in another way than others did: one isolated miss
 * is read around again.
 */
void fmap_adaptive_open(struct fmap_inode *fi)
{
	struct fmap_guess guess = READ_ONCE(fi->reads.guess);

	if (!guess.lone)
		return;
	guess.lone--;
	WRITE_ONCE(fi->reads.guess, guess);
}

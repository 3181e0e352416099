// SPDX-License-Identifier: GPL-2.0
/*
 * The fault-around window: pure arithmetic on page numbers, so that it is
 * compiled and tested in userspace as well. All bounds are inclusive, and all
 * are reached by distances from the faulting page, so nothing overflows at
 * either end of the file offset range.
 */
#include "policy.h"

static unsigned long lesser(unsigned long a, unsigned long b)
{
	return a < b ? a : b;
}

/**
 * fmap_range_around - a range around a fault
 * @p:		where the fault is
 * @before:	pages before the faulting one
 * @after:	pages behind it
 *
 * Return: so many, but none outside the VMA.
 */
struct fmap_range fmap_range_around(const struct fmap_place *p,
				    unsigned long before, unsigned long after)
{
	unsigned long off = p->pgoff - p->vma_first;

	return (struct fmap_range) {
		.first = p->pgoff - lesser(before, off),
		.last = p->pgoff + lesser(after, p->vma_pages - 1 - off),
	};
}

/**
 * fmap_window_limit - the largest legal window
 * @p:	where the fault is
 *
 * ->map_pages may install PTEs inside the VMA and inside the one page table
 * that it was called for, nowhere else.
 *
 * Return: the range of file pages that both allow.
 */
struct fmap_range fmap_window_limit(const struct fmap_place *p)
{
	return fmap_range_around(p, p->slot, p->slots - 1 - p->slot);
}

/**
 * fmap_aligned_window - a window aligned by page-table slot, cut to the VMA
 * @p:		where the fault is
 * @pages:	size, a power of two
 *
 * Return: the window, which contains p->pgoff.
 */
struct fmap_range fmap_aligned_window(const struct fmap_place *p,
				      unsigned int pages)
{
	unsigned int size = lesser(pages, p->slots);
	unsigned int before = p->slot & (size - 1);

	return fmap_range_around(p, before, size - 1 - before);
}

static struct fmap_range intersect(struct fmap_range a, struct fmap_range b)
{
	return (struct fmap_range) {
		.first = a.first > b.first ? a.first : b.first,
		.last = lesser(a.last, b.last),
	};
}

/**
 * fmap_window - choose the fault-around window
 * @policy:	what around= says
 * @p:		where the fault is
 * @asked:	the window that the core asked for; contains p->pgoff
 *
 * Called by ->map_pages before anything is installed. A window of %FMAP_SIZE is
 * aligned by page-table slot, then cut to the VMA: unlike do_fault_around()
 * (7.2), which starts a whole window at the first page of the VMA.
 *
 * Return: a range that contains p->pgoff and lies within fmap_window_limit().
 */
struct fmap_range fmap_window(const struct fmap_around *policy,
			      const struct fmap_place *p,
			      struct fmap_range asked)
{
	switch (policy->kind) {
	case FMAP_OFF:
		return fmap_range_around(p, 0, 0);
	case FMAP_SIZE:
		return fmap_aligned_window(p, policy->pages ? policy->pages : 1);
	case FMAP_TABLE:
		return fmap_window_limit(p);
	case FMAP_KERNEL:
	case FMAP_ADAPTIVE:
		break;
	}
	return intersect(asked, fmap_window_limit(p));
}

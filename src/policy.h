/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Policies as values: what around= and readahead= choose, and the pure
 * functions that turn a choice into a window. Nothing here or in window.c
 * needs the kernel beyond its types, so that both are tested in userspace.
 */
#ifndef _FMAPFS_POLICY_H
#define _FMAPFS_POLICY_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#endif

/**
 * enum fmap_policy_kind - what a window or a readahead request follows
 * @FMAP_KERNEL:	the kernel's own heuristic
 * @FMAP_OFF:		one page, no readahead
 * @FMAP_SIZE:		the size that the option names
 * @FMAP_TABLE:		fault-around only: a whole page table
 * @FMAP_ADAPTIVE:	what the mapping's history suggests
 */
enum fmap_policy_kind {
	FMAP_KERNEL,
	FMAP_OFF,
	FMAP_SIZE,
	FMAP_TABLE,
	FMAP_ADAPTIVE,
};

/**
 * struct fmap_around - fault-around policy
 * @kind:	how the window is chosen
 * @pages:	window in pages, a power of two; %FMAP_SIZE only
 */
struct fmap_around {
	enum fmap_policy_kind kind;
	unsigned int pages;
};

/**
 * struct fmap_readahead - mmap readahead policy
 * @kind:	how a request is chosen
 * @pages:	pages a request; %FMAP_SIZE only
 */
struct fmap_readahead {
	enum fmap_policy_kind kind;
	unsigned int pages;
};

/**
 * struct fmap_range - pages of a file
 * @first:	first page
 * @last:	last page, included
 */
struct fmap_range {
	unsigned long first;
	unsigned long last;
};

/**
 * struct fmap_place - where in its mapping and page table a fault is
 * @pgoff:	faulting page of the file
 * @vma_first:	first page of the file that the VMA maps
 * @vma_pages:	pages that the VMA maps
 * @slot:	index of the faulting PTE in its page table
 * @slots:	PTEs in a page table
 */
struct fmap_place {
	unsigned long pgoff;
	unsigned long vma_first;
	unsigned long vma_pages;
	unsigned int slot;
	unsigned int slots;
};

struct fmap_range fmap_window_limit(const struct fmap_place *p);
struct fmap_range fmap_window(const struct fmap_around *policy,
			      const struct fmap_place *p,
			      struct fmap_range asked);

#endif /* _FMAPFS_POLICY_H */

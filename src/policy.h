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

/**
 * enum fmap_style - how the page tables of a file's mappings end up
 * @FMAP_STYLE_UNKNOWN:	no probe has told yet
 * @FMAP_STYLE_SPARSE:	isolated pages stay so
 * @FMAP_STYLE_DENSE:	random faults fill most of them
 */
enum fmap_style {
	FMAP_STYLE_UNKNOWN,
	FMAP_STYLE_SPARSE,
	FMAP_STYLE_DENSE,
};

/**
 * struct fmap_history - what a file's mappings have been like, in one word
 * @blocks:	grows with isolated faults in probe blocks whose neighbours
 *		followed, shrinks with those that stayed alone
 * @style:	an enum fmap_style
 * @runs:	grows with long runs, shrinks with each that begins: not 0 if most get long
 * @small:	the file may have large folios, but the last one looked at was none
 * @begun:	probe tables that saw their first fault since the last mmap
 * @filled:	parts of probe tables that random faults filled since then
 * @trial:	pages mapped alone, counted in samples, since then and as long as
 *		nothing is known
 *
 * All zero: nothing is known. A guess that is stored without a lock: an update
 * that is lost does not matter.
 */
struct fmap_history {
	signed char blocks;
	unsigned char style : 2;
	unsigned char runs : 5;
	unsigned char small : 1;
	unsigned short begun;
	unsigned short filled;
	unsigned short trial;
};

/* Pages that are looked at on either side of each fault. */
#define FMAP_NEAR	8

/**
 * struct fmap_sight - what an adaptive window may look at
 * @near:	which pages from FMAP_NEAR before the faulting one to FMAP_NEAR
 *		behind it are mapped: bit 0 the first of them, bit FMAP_NEAR,
 *		that of the faulting page itself, is clear
 * @fresh:	the fault is the first in its page table
 * @text:	the mapping may be executed
 * @whole:	left to ->fault, the page gets all of @folio mapped by the core, and that
 *		is no less than the core asked for
 * @folio:	the pages of the large folio that the faulting page is part of; only
 *		that page itself, if it is not
 * @count:	how many of some pages are mapped: of @nr, each @step behind the
 *		one before; all inside the mapping, and with a @step of more than
 *		one in the page table of the fault
 */
struct fmap_sight {
	unsigned int near;
	bool fresh;
	bool text;
	bool whole;
	struct fmap_range folio;
	unsigned int (*count)(const struct fmap_sight *sight, unsigned long first,
			      unsigned int nr, unsigned int step);
};

/**
 * enum fmap_reason - why an adaptive window is as it is
 * @FMAP_ALONE:	nothing says that the neighbours will be wanted: one page
 * @FMAP_BLOCK:	neighbours are wanted in this file: what the core asked for
 * @FMAP_RUN:	continues a run, forward or backward: grows with the run
 * @FMAP_DENSE:	so much is mapped around that the rest will be wanted, too
 * @FMAP_FOLIO:	the rest of a large folio, or of a page table of text in such ones,
 *		which costs little
 */
enum fmap_reason {
	FMAP_ALONE,
	FMAP_BLOCK,
	FMAP_RUN,
	FMAP_DENSE,
	FMAP_FOLIO,
};

/**
 * struct fmap_choice - an adaptive window
 * @win:	the window
 * @why:	the reason
 */
struct fmap_choice {
	struct fmap_range win;
	enum fmap_reason why;
};

struct fmap_range fmap_range_around(const struct fmap_place *p,
				    unsigned long before, unsigned long after);
struct fmap_range fmap_aligned_window(const struct fmap_place *p,
				      unsigned int pages);
/* Where what follows an isolated fault is looked at: so many pages together. */
#define FMAP_BLOCK_PAGES	16
#define FMAP_BLOCKS_MIN		(-8)

/* A number, as good as random, for each index; 0 for the first. */
static inline unsigned int fmap_hash(unsigned int index)
{
	return index * 0x9e3779b1U;
}

/* The same from 0 to 15 */
static inline unsigned int fmap_lot(unsigned int index)
{
	return fmap_hash(index) >> 28;
}

/* Of a file that is mapped as a page table is, the first that is a probe begins here. */
#define FMAP_FIRST_PROBE	(5 * 512UL)

/*
 * Page tables in which we make no guess at the whole. @first is the page of the file
 * that their first slot is for, even if that is not mapped.
 */
static inline bool fmap_probe_table(unsigned long first)
{
	return first / 512 % 16 == FMAP_FIRST_PROBE / 512;
}

/*
 * What fmap_adapt() would say to most faults, said at once. They are not for faults in a
 * probe table.
 */

/**
 * fmap_stays_alone - is an isolated fault one page, with nothing to learn from it?
 * @history:	of the file
 * @near:	see struct fmap_sight; for a page of a large folio it must be 0
 *
 * In a file that is used sparsely nearly all faults are.
 */
static inline bool fmap_stays_alone(struct fmap_history history, unsigned int near)
{
	unsigned int before = near & ((1U << FMAP_NEAR) - 1);
	unsigned int after = near >> (FMAP_NEAR + 1);

	if (history.style != FMAP_STYLE_SPARSE || history.blocks != FMAP_BLOCKS_MIN)
		return false;
	/* At most one page on either side, and none next to the fault */
	return !(near & 7U << (FMAP_NEAR - 1)) && !(before & (before - 1)) &&
	       !(after & (after - 1));
}

/*
 * So far before the fault, and half as far, the pages must be mapped for a run to get
 * more than what the core asks for, as long as long runs are not known of the file;
 * over large folios, where a page more costs less, it is nearer.
 */
#define FMAP_RUN_FAR		256
#define FMAP_RUN_FAR_LARGE	64

/* So many folios before a fault make a run, if the core maps each whole for any page. */
#define FMAP_RUN_FOLIOS		8

/**
 * fmap_short_run - where to look whether a run forward is a short one
 * @history:	of the file
 * @near:	see struct fmap_sight
 * @large:	the file may have large folios
 *
 * If that page is not mapped, or the one half as far, the window is what the core
 * asks for.
 *
 * Return: so many pages before the fault; 0 if there is more to it.
 */
static inline unsigned int fmap_short_run(struct fmap_history history,
					  unsigned int near, bool large)
{
	if (near != (1U << FMAP_NEAR) - 1 || history.style == FMAP_STYLE_DENSE)
		return 0;
	if (large)
		return history.style == FMAP_STYLE_SPARSE ? FMAP_RUN_FAR_LARGE : 0;
	return history.runs ? 0 : FMAP_RUN_FAR;
}

/* May the fault continue a run, forward or backward? */
static inline bool fmap_may_run(unsigned int near)
{
	unsigned int side = (1U << FMAP_NEAR) - 1;

	return (near & side) == side || near >> (FMAP_NEAR + 1) == side;
}

/**
 * fmap_wants_folio - is the window the folio, if there is no run?
 * @history:	of the file
 * @text:	the mapping may be executed
 *
 * That is, if the core maps that large folio whole, and asks for no page beyond it.
 */
static inline bool fmap_wants_folio(struct fmap_history history, bool text)
{
	return history.style == FMAP_STYLE_SPARSE ||
	       (history.style == FMAP_STYLE_UNKNOWN && !text);
}

/**
 * fmap_short_run_folios - where to look whether a run is a short one, or none
 * @near:	see struct fmap_sight
 * @pages:	of the folio; fmap_wants_folio()
 *
 * Return: as fmap_short_run(), but the window is the folio.
 */
static inline unsigned int fmap_short_run_folios(unsigned int near, unsigned int pages)
{
	return near == (1U << FMAP_NEAR) - 1 ? FMAP_RUN_FOLIOS * pages : 0;
}

/**
 * fmap_is_folio_block - is a fault on a page of a large folio a block?
 * @history:	of the file, in which the last folio that was looked at was a large one
 * @near:	see struct fmap_sight
 *
 * In a file that is used sparsely it is if some page is mapped near it, but for what
 * may continue a run, or tells something in a probe. If this folio is a small one
 * after all, fmap_adapt() might have said less.
 */
static inline bool fmap_is_folio_block(struct fmap_history history, unsigned int near)
{
	unsigned int pair = 1U << (FMAP_NEAR - 1);

	return history.style == FMAP_STYLE_SPARSE && near && near != pair &&
	       near != pair << 2 && !fmap_may_run(near);
}

bool fmap_wants_block(struct fmap_history history, unsigned long pgoff,
		      unsigned int near);
struct fmap_choice fmap_adapt(const struct fmap_place *p, struct fmap_range asked,
			      const struct fmap_sight *sight,
			      struct fmap_history *history);
void fmap_history_judge(struct fmap_history *history);

struct fmap_range fmap_window_limit(const struct fmap_place *p);
struct fmap_range fmap_window(const struct fmap_around *policy,
			      const struct fmap_place *p,
			      struct fmap_range asked);

/* --- readahead=adaptive: ahead.c ---------------------------------------------- */

/**
 * struct fmap_spot - where a fault is, and how much may be read for it
 * @index:	faulting page of the file
 * @last:	page that holds the file's last byte; not before @index
 * @usual:	pages a request of the kernel's, at least one
 * @most:	pages a request of a proven stream, not less than @usual
 */
struct fmap_spot {
	unsigned long index;
	unsigned long last;
	unsigned int usual;
	unsigned int most;
};

/* Pages that are looked at one by one on either side of a miss. */
#define FMAP_CACHED_NEAR	64

/**
 * struct fmap_cached - which pages around a fault are in the page cache
 * @before:	those just before it, bit 0 the nearest
 * @after:	those just behind it, bit 0 the nearest
 * @run_before:	pages before it without a gap, counted up to fmap_spot.most
 * @run_after:	pages behind it without a gap, the same
 * @evicted:	the faulting page was cached, and reclaimed not long ago
 * @lost_before: the same is true of the page before @run_before
 * @lost_after:	the same is true of the page behind @run_after
 * @used_before: the furthest page of @run_before is mapped
 * @used_after:	the furthest page of @run_after is mapped
 * @recent_before: the page before the fault was the end of a request a moment ago
 * @recent_after: the page behind it was
 */
struct fmap_cached {
	unsigned long before;
	unsigned long after;
	unsigned int run_before;
	unsigned int run_after;
	bool evicted;
	bool lost_before;
	bool lost_after;
	bool used_before;
	bool used_after;
	bool recent_before;
	bool recent_after;
};

/**
 * enum fmap_read_reason - why an adaptive request is as it is
 * @FMAP_READ_ONE:	nothing says that the neighbours will be wanted
 * @FMAP_READ_AROUND:	nothing is known of the file yet: about what the kernel reads
 * @FMAP_READ_RUN:	continues what may be a short run
 * @FMAP_READ_STREAM:	continues a long run, forward or backward
 * @FMAP_READ_NOTHING:	a marker, but of no stream
 */
enum fmap_read_reason {
	FMAP_READ_ONE,
	FMAP_READ_AROUND,
	FMAP_READ_RUN,
	FMAP_READ_STREAM,
	FMAP_READ_NOTHING,
};

/**
 * struct fmap_request - pages to be read
 * @first:	first page
 * @nr:		how many, all of them in the file
 * @mark:	the one of them whose fault asks for more; @nr: none
 * @forward:	of a stream, its direction
 * @why:	the reason
 */
struct fmap_request {
	unsigned long first;
	unsigned int nr;
	unsigned int mark;
	bool forward;
	enum fmap_read_reason why;
};

/* So many isolated misses of a file are read around before it is taken as random. */
#define FMAP_LONE_FEW	4

/* Of the pages of a file at which a request ended, so many are remembered. */
#define FMAP_RECENT	16

/**
 * struct fmap_guess - what isolated misses of a file are like
 * @lone:	how many were read around, up to %FMAP_LONE_FEW
 * @followed:	grows with those after which the next page was wanted as well, shrinks
 *		with those that were read alone
 *
 * All zero: nothing is known.
 */
struct fmap_guess {
	unsigned char lone;
	unsigned char followed;
};

/**
 * struct fmap_reads - what readahead=adaptive remembers of a file
 * @recent:	first and last pages of what was read a moment ago, each where fmap_lot()
 *		says
 * @guess:	see there
 *
 * Written without a lock: an update that is lost does not matter.
 */
struct fmap_reads {
	unsigned int recent[FMAP_RECENT];
	struct fmap_guess guess;
};

struct fmap_request fmap_request_around(const struct fmap_spot *s, unsigned int pages);
struct fmap_request fmap_request_miss(const struct fmap_spot *s,
				      const struct fmap_cached *c, struct fmap_guess *guess);
struct fmap_request fmap_request_marker(const struct fmap_spot *s,
					const struct fmap_cached *c);

#endif /* _FMAPFS_POLICY_H */

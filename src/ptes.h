/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Looking at page tables without their lock. Why they stay while we do is said at
 * fmap_read_ptes(). Needs nothing of the module but policies, so that a model of
 * page tables in tests/unit can stand in for the kernel's.
 */
#ifndef _FMAPFS_PTES_H
#define _FMAPFS_PTES_H

#include <linux/mm.h>

#include "policy.h"

/* A page table below, not a huge page, nothing, or an entry in migration. */
static inline bool fmap_pmd_is_table(pmd_t pmd)
{
	return (native_pmd_val(pmd) & (_PAGE_PRESENT | _PAGE_PSE)) == _PAGE_PRESENT;
}

/* The first of the PTEs of a page table. */
static inline const pte_t *fmap_table(pmd_t pmd)
{
	return __va(native_pmd_val(pmd) & PTE_PFN_MASK);
}

/*
 * Most windows are all empty before and all present after, and an instruction a
 * PTE is what it costs to see that: the reads are plain ones, which the compiler
 * makes part of what is done with them. One that is torn or repeated says what
 * might have been seen a moment before or after.
 */
static __always_inline pteval_t fmap_any_pte(const pte_t *pte, unsigned int nr)
{
	pteval_t any = 0;

#pragma GCC unroll 16
	for (; nr; nr--, pte++)
		any |= data_race(pte->pte); /* plain, see above */
	return any;
}

static __always_inline pteval_t fmap_all_ptes(const pte_t *pte, unsigned int nr)
{
	pteval_t all = _PAGE_PRESENT;

#pragma GCC unroll 16
	for (; nr; nr--, pte++)
		all &= data_race(pte->pte); /* plain, see above */
	return all;
}

/* The same of as many as there are bits in a word, without a loop */
static __always_inline bool fmap_word_is_present(const pte_t *pte)
{
	pteval_t all = _PAGE_PRESENT;
	unsigned int i;

#pragma GCC unroll 64
	for (i = 0; i < BITS_PER_LONG; i++)
		all &= data_race(pte[i].pte); /* plain, see above */
	return all;
}

/* The kernel's window, which is known when this is compiled. */
#define FMAP_USUAL_WINDOW	16

static inline bool fmap_all_empty(const pte_t *pte, unsigned int nr)
{
	return likely(nr == FMAP_USUAL_WINDOW) ? !fmap_any_pte(pte, FMAP_USUAL_WINDOW) :
						 !fmap_any_pte(pte, nr);
}

static inline bool fmap_all_present(const pte_t *pte, unsigned int nr)
{
	return likely(nr == FMAP_USUAL_WINDOW) ? fmap_all_ptes(pte, FMAP_USUAL_WINDOW) :
						 fmap_all_ptes(pte, nr);
}

unsigned long fmap_read_ptes(const struct vm_fault *vmf, pgoff_t first,
			     unsigned int nr);
unsigned long fmap_read_full_ptes(const struct vm_fault *vmf, pgoff_t first,
				  unsigned int nr);
bool fmap_range_is_empty(const struct vm_fault *vmf, struct fmap_range range);
bool fmap_range_is_present(const struct vm_fault *vmf, struct fmap_range range);
unsigned int fmap_read_edges(const struct vm_fault *vmf, struct fmap_range win);
unsigned int fmap_count_ptes(const struct vm_fault *vmf, pgoff_t first, unsigned int nr,
			     unsigned int step);
bool fmap_page_is_mapped(const struct vm_fault *vmf, pgoff_t page);
unsigned long fmap_read_near(const struct vm_fault *vmf);
unsigned long fmap_read_near_edge(const struct vm_fault *vmf);

#endif /* _FMAPFS_PTES_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As much of the kernel's page tables as src/ptes.c looks at, over memory of the
 * test's own. Each load of an entry is a step: before it, model_step() may let
 * another processor change what is there.
 */
#ifndef MODEL_MM_H
#define MODEL_MM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/cdefs.h>

#define PAGE_SHIFT		12
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define PAGE_MASK		(~(PAGE_SIZE - 1))
#define PMD_SHIFT		21
#define PUD_SHIFT		30
#define PUD_SIZE		(1UL << PUD_SHIFT)
#define PUD_MASK		(~(PUD_SIZE - 1))
#define PTRS_PER_PTE		512
#define PTE_PFN_MASK		0x000ffffffffff000UL
#define _PAGE_PRESENT		0x001UL
#define _PAGE_PSE		0x080UL

#define BITS_PER_LONG		64
#define BIT(n)			(1UL << (n))
#define GENMASK(h, l)		((~0UL << (l)) & (~0UL >> (BITS_PER_LONG - 1 - (h))))
#define min_t(type, a, b)	((type)(a) < (type)(b) ? (type)(a) : (type)(b))

typedef unsigned long pgoff_t;
typedef unsigned long pteval_t;
typedef struct { pteval_t pte; } pte_t;
typedef struct { unsigned long pmd; } pmd_t;

struct vm_area_struct {
	unsigned long vm_pgoff;
	unsigned long pages;
};

struct vm_fault {
	struct vm_area_struct *vma;
	unsigned long address;
	unsigned long pgoff;
	pmd_t *pmd;
};

extern char model_memory[];
void model_step(const void *at);

#define __va(physical)	((void *)(model_memory + (physical)))
#define READ_ONCE(x)	(*({ model_step(&(x)); (const volatile typeof(x) *)&(x); }))

#define data_race(x)	READ_ONCE(x)
#define likely(x)	(x)

static inline pmd_t pmdp_get_lockless(const pmd_t *pmdp)
{
	model_step(pmdp);
	return *pmdp;
}

static inline unsigned long native_pmd_val(pmd_t pmd) { return pmd.pmd; }
static inline unsigned long pmd_flags(pmd_t pmd) { return pmd.pmd & ~PTE_PFN_MASK; }
static inline bool pmd_trans_huge(pmd_t pmd) { return pmd.pmd & _PAGE_PSE; }
static inline pteval_t native_pte_val(pte_t pte) { return pte.pte; }
static inline bool pte_none(pte_t pte) { return !pte.pte; }

static inline unsigned long pte_index(unsigned long address)
{
	return address >> PAGE_SHIFT & (PTRS_PER_PTE - 1);
}

static inline unsigned long pmd_index(unsigned long address)
{
	return address >> PMD_SHIFT & (PTRS_PER_PTE - 1);
}

static inline unsigned long vma_pages(const struct vm_area_struct *vma)
{
	return vma->pages;
}

#endif /* MODEL_MM_H */

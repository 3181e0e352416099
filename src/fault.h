/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fault path: one struct for one page fault, and the two choices that a
 * mount can make about it as arrays of named ops.
 */
#ifndef _FMAPFS_FAULT_H
#define _FMAPFS_FAULT_H

#include "fmapfs.h"
#include "ptes.h"

struct fmap_fault;

/**
 * struct fmap_vm_ops - a copy of the lower's vm_ops with our hooks put over it
 * @ops:	what vma->vm_ops points at
 * @lower:	what the lower filesystem's mmap had set, the key of the copy
 * @sbi:	the mount, for its policies and counters
 * @inode:	our inode, which owns this copy
 * @fault_is_filemap: @lower->fault is filemap_fault() or a known thin wrapper,
 *		so that ours may stand in for it
 * @mkwrite_is_filemap: @lower->page_mkwrite is filemap_page_mkwrite()
 * @next:	next older copy of the same inode
 *
 * Fully written before it is published with release, then never changed, and
 * freed only with the inode.
 */
struct fmap_vm_ops {
	struct vm_operations_struct ops;
	const struct vm_operations_struct *lower;
	struct fmap_sb_info *sbi;
	struct fmap_inode *inode;
	bool fault_is_filemap;
	bool mkwrite_is_filemap;
	struct fmap_vm_ops *next;
};

static inline struct fmap_vm_ops *fmap_vm_ops(const struct vm_area_struct *vma)
{
	return container_of(vma->vm_ops, struct fmap_vm_ops, ops);
}

/**
 * struct fmap_fault - one ->fault call of our own engines, on the stack
 * @vmf:	the core's description of the fault
 * @fvo:	the vm_ops copy of the mapping
 * @engine:	the engine in force when the fault began
 * @readahead:	the readahead policy in force when the fault began
 * @file:	the backing file of the mapping
 * @mapping:	page cache of the lower file
 * @index:	page of the file
 * @vm_flags:	flags of the VMA on entry
 * @fpin:	@file with a reference of ours, once the fault lock is dropped.
 *		From then on vmf->vma must not be touched, and %VM_FAULT_RETRY
 *		is the only legal return
 * @folio:	the folio at hand, referenced, or NULL
 * @created:	@folio is one that this fault has added, and is still to be read
 * @inval_locked: we hold the invalidate_lock of @mapping, shared
 * @release:	release the fault lock on the way out (killed wait, no pin)
 * @forced_nowait: a trigger forbids waits, not the caller
 * @major:	%VM_FAULT_MAJOR after a miss, else 0
 * @outcome:	which counter says how the call ended
 * @failure:	for a failure, the counter that says why; else flt_calls
 * @err:	and the negative errno behind it
 * @ret:	what ->fault returns
 *
 * Lock order: fault lock (mmap_lock or per-VMA lock), invalidate_lock, folio
 * lock.
 */
struct fmap_fault {
	struct vm_fault *vmf;
	struct fmap_vm_ops *fvo;
	const struct fmap_engine *engine;
	struct fmap_readahead readahead;
	struct file *file;
	struct address_space *mapping;
	pgoff_t index;
	vm_flags_t vm_flags;
	struct file *fpin;
	struct folio *folio;
	bool created;
	bool inval_locked;
	bool release;
	bool forced_nowait;
	vm_fault_t major;
	enum fmap_counter outcome;
	enum fmap_counter failure;
	int err;
	vm_fault_t ret;
};

/* scripts/bench/counting builds one module without, to see what it costs. */
#ifdef FMAP_NO_COUNT
#define FMAP_COUNTS	false
#else
#define FMAP_COUNTS	true
#endif

/* Count one event on the mount. Any context. */
static inline void fmap_count(const struct fmap_sb_info *sbi, enum fmap_counter c)
{
	if (FMAP_COUNTS)
		this_cpu_inc(sbi->stats->v[c]);
}

static inline void fmap_count_add(const struct fmap_sb_info *sbi,
				  enum fmap_counter c, unsigned long n)
{
	if (FMAP_COUNTS)
		this_cpu_add(sbi->stats->v[c], n);
}

/* Count all that a bundle stands for. */
static inline void fmap_count_bundle(const struct fmap_sb_info *sbi, enum fmap_bundle b)
{
	if (FMAP_COUNTS)
		this_cpu_inc(sbi->stats->bundles[b]);
}

static inline void fmap_count_bundle_add(const struct fmap_sb_info *sbi,
					 enum fmap_bundle b, unsigned long n)
{
	if (FMAP_COUNTS)
		this_cpu_add(sbi->stats->bundles[b], n);
}

/* ->fault has @folio for the core, which may map more of it than the page. */
static inline void fmap_count_large(const struct fmap_sb_info *sbi, struct folio *folio)
{
	if (folio_test_large(folio)) {
		fmap_count(sbi, FMAP_flt_large_folio);
		fmap_count_add(sbi, FMAP_flt_large_pages, folio_nr_pages(folio));
	}
}

/* Legal as long as @f has the fault lock or its pin: either keeps the mount. */
static inline void fmap_fault_count(const struct fmap_fault *f, enum fmap_counter c)
{
	fmap_count(f->fvo->sbi, c);
}

static inline void fmap_fault_count_add(const struct fmap_fault *f,
					enum fmap_counter c, unsigned long n)
{
	fmap_count_add(f->fvo->sbi, c, n);
}

/**
 * struct fmap_engine - what a fault holds while it sleeps
 * @name:	as in engine=
 * @native:	the lower's own hooks run, counted at the door; no other member
 *		is used
 * @wait_unlocked: once the fault lock is dropped, wait for the folio without
 *		locking it, and retry
 * @drop:	the fault is about to submit or wait for I/O: release the fault
 *		lock and pin the file if this engine does so and the flags allow
 *
 * Engines differ in nothing else: the folio lock, the invalidate_lock and the
 * truncate recheck are the same for all of them.
 */
struct fmap_engine {
	const char *name;
	bool native;
	bool wait_unlocked;
	void (*drop)(struct fmap_fault *f, enum fmap_counter why);
};

enum {
	FMAP_ENGINE_PIN,
	FMAP_ENGINE_RETRY,
	FMAP_ENGINE_HOLD,
	FMAP_ENGINE_NATIVE,
	FMAP_NR_ENGINES
};

extern const struct fmap_engine fmap_engines[FMAP_NR_ENGINES];

/**
 * struct fmap_installer - how fault-around installs PTEs
 * @name:	as in install=
 * @install:	map what is mappable of @win; returns what ->map_pages returns
 */
struct fmap_installer {
	const char *name;
	vm_fault_t (*install)(struct vm_fault *vmf,
			      const struct fmap_vm_ops *fvo,
			      struct fmap_range win);
};

enum {
	FMAP_INSTALL_HANDOVER,
	FMAP_INSTALL_INSERT,
	FMAP_NR_INSTALLERS
};

extern const struct fmap_installer fmap_installers[FMAP_NR_INSTALLERS];

/* warm.c */
vm_fault_t fmap_fault(struct vm_fault *vmf);
vm_fault_t fmap_map_window(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
			   struct fmap_range win);

/* door.c */
void fmap_count_context(const struct fmap_sb_info *sbi, const struct vm_fault *vmf);
enum fmap_counter fmap_miss_needs_lower(const struct fmap_fault *f);
vm_fault_t fmap_lower_fault(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
			    enum fmap_counter outcome);

/* fault.c */
vm_fault_t fmap_fault_long(struct vm_fault *vmf, struct fmap_vm_ops *fvo);
void fmap_inval_lock(struct fmap_fault *f);

/* around.c */
vm_fault_t fmap_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end);
vm_fault_t fmap_map_any_window(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
			       struct fmap_range win);

/*
 * Newer kernels map a large folio whole, whatever the window. It is contiguous: if it
 * goes beyond the window, the next page is mapped with it.
 */
static inline bool fmap_may_map_beyond(const struct vm_fault *vmf)
{
	return FMAP_MAPS_WHOLE_FOLIOS &&
	       mapping_large_folio_support(vmf->vma->vm_file->f_mapping);
}

/* Where a fault is, for the policies. */
static inline struct fmap_place fmap_place(const struct vm_fault *vmf)
{
	return (struct fmap_place) {
		.pgoff = vmf->pgoff,
		.vma_first = vmf->vma->vm_pgoff,
		.vma_pages = vma_pages(vmf->vma),
		.slot = pte_index(vmf->address),
		.slots = PTRS_PER_PTE,
	};
}

/* sight.c */
vm_fault_t fmap_map_adaptive(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
			     struct fmap_range asked);
void fmap_adaptive_mmap(const struct fmap_vm_ops *fvo);

/* scan.c */
struct folio *fmap_look(struct xa_state *xas, enum fmap_counter *why);
unsigned int fmap_account(const struct vm_fault *vmf,
			  const struct fmap_sb_info *sbi, pgoff_t first,
			  unsigned int nr, unsigned long before);

/**
 * struct fmap_mapped - what a fault-around has done
 * @pages:	how many pages it mapped
 * @in_use:	some page of the window was mapped already
 */
struct fmap_mapped {
	unsigned int pages;
	bool in_use;
};

/* install.c, insert.c */
vm_fault_t fmap_hand_over_range(struct vm_fault *vmf,
				const struct fmap_vm_ops *fvo,
				struct fmap_range win, struct fmap_mapped *sum);
vm_fault_t fmap_hand_over_page(struct vm_fault *vmf, const struct fmap_vm_ops *fvo);
void fmap_count_around(const struct fmap_sb_info *sbi, vm_fault_t ret,
		       const struct fmap_mapped *sum);
vm_fault_t fmap_handover(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
			 struct fmap_range win);
vm_fault_t fmap_insert(struct vm_fault *vmf, const struct fmap_vm_ops *fvo,
		       struct fmap_range win);

/* mkwrite.c */
vm_fault_t fmap_page_mkwrite(struct vm_fault *vmf);

/* cached.c */
struct fmap_request fmap_adaptive_miss(const struct fmap_fault *f);
struct fmap_request fmap_adaptive_marker(const struct fmap_fault *f);
struct fmap_request fmap_size_marker(const struct fmap_fault *f);

/* request.c */
void fmap_read_adaptive(struct fmap_fault *f);
void fmap_read_size_around(struct fmap_fault *f);
void fmap_marker_adaptive(struct fmap_fault *f);
void fmap_marker_size(struct fmap_fault *f);

/* readahead.c */
void fmap_ra_range(struct fmap_fault *f, struct readahead_control *ractl,
		   unsigned long nr, unsigned long ahead);
bool fmap_around_needs_lower(const struct fmap_fault *f);
void fmap_sync_readahead(struct fmap_fault *f);
void fmap_async_readahead(struct fmap_fault *f);
int fmap_read_folio(struct fmap_fault *f);

#endif /* _FMAPFS_FAULT_H */

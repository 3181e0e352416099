// SPDX-License-Identifier: GPL-2.0
/*
 * What the page cache has for the pages of a fault-around window, and what is
 * counted of them. Nothing here changes it.
 */
#include <linux/bitops.h>
#include <linux/pagemap.h>

#include "fault.h"

/**
 * fmap_look - look at a page of the page cache as fault-around does
 * @xas:	at the page; under RCU
 * @why:	gets the reason, if there is one not to map it
 *
 * Follows the first half of next_uptodate_folio() (7.2), up to the folio lock.
 *
 * Return: the folio, referenced, if it looks mappable; else NULL.
 */
struct folio *fmap_look(struct xa_state *xas, enum fmap_counter *why)
{
	void *entry = xas_load(xas);
	struct folio *folio = entry;

	if (!entry) {
		*why = FMAP_fa_skip_hole;
		return NULL;
	}
	if (xas_retry(xas, entry)) {
		*why = FMAP_fa_skip_xas_retry;
		return NULL;
	}
	if (xa_is_value(entry)) {
		*why = FMAP_fa_skip_shadow;
		return NULL;
	}
	/* No look at an unreferenced folio: it may be someone's tail page by now. */
	if (!folio_try_get(folio)) {
		*why = FMAP_fa_skip_tryget;
		return NULL;
	}
	if (folio != xas_reload(xas))
		*why = FMAP_fa_skip_moved;
	else if (folio_test_locked(folio))
		*why = FMAP_fa_skip_locked;
	else if (!folio_test_uptodate(folio))
		*why = FMAP_fa_skip_not_uptodate;
	else if (folio_test_readahead(folio))
		*why = FMAP_fa_skip_ra_marker;
	else if (PageHWPoison(folio_file_page(folio, xas->xa_index)))
		*why = FMAP_fa_skip_hwpoison;
	else
		return folio;
	folio_put(folio);
	return NULL;
}

static enum fmap_counter fmap_why_absent(struct xa_state *xas)
{
	enum fmap_counter why = FMAP_fa_lost;
	struct folio *folio = fmap_look(xas, &why);

	if (folio)
		folio_put(folio);
	return why;
}

/* Count a reason for each page of @missing, whose bit 0 is page @first. */
static noinline void fmap_classify(const struct fmap_sb_info *sbi,
				   struct address_space *mapping, pgoff_t first,
				   unsigned int nr, unsigned long missing)
{
	pgoff_t eof = DIV_ROUND_UP(i_size_read(mapping->host), PAGE_SIZE);
	XA_STATE(xas, &mapping->i_pages, first);
	unsigned int i;

	if (eof >= first && eof - first < nr)
		fmap_count(sbi, FMAP_fa_win_cut_eof);
	rcu_read_lock();
	for_each_set_bit(i, &missing, BITS_PER_LONG) {
		enum fmap_counter why = FMAP_fa_skip_eof;

		if (first + i < eof) {
			xas_set(&xas, first + i);
			why = fmap_why_absent(&xas);
		}
		fmap_count(sbi, why);
	}
	rcu_read_unlock();
}

/**
 * fmap_account - count what became of pages that the lower was to map
 * @vmf:	the fault; fault lock held
 * @sbi:	the mount
 * @first:	file page to begin with
 * @nr:		how many, at most BITS_PER_LONG
 * @before:	what fmap_read_ptes() said of them before
 *
 * Each page is counted once: in use before, mapped now, or missing for a reason.
 * What was in use before is settled, even if it is gone by now.
 *
 * Return: how many were mapped.
 */
unsigned int fmap_account(const struct vm_fault *vmf,
			  const struct fmap_sb_info *sbi, pgoff_t first,
			  unsigned int nr, unsigned long before)
{
	unsigned long used = fmap_read_full_ptes(vmf, first, nr) | before;
	unsigned long missing = GENMASK(nr - 1, 0) & ~used;
	unsigned int mapped = hweight_long(used & ~before);

	fmap_count_add(sbi, FMAP_fa_pages, nr);
	fmap_count_add(sbi, FMAP_fa_mapped, mapped);
	if (before)
		fmap_count_add(sbi, FMAP_fa_skip_pte_present, hweight_long(before));
	if (missing)
		fmap_classify(sbi, vmf->vma->vm_file->f_mapping, first, nr, missing);
	return mapped;
}

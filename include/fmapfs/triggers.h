/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Triggers: conditions that can be made to happen, for tests and for people who
 * harden programs. The one list.
 *
 *	FMAP_TRIGGER(name, help)
 *
 * A trigger makes its condition come true, and the normal branch runs and
 * counts. It raises no counter but trg_fired.
 */
#ifndef _FMAPFS_TRIGGERS_H
#define _FMAPFS_TRIGGERS_H

#define FMAP_TRIGGERS \
FMAP_TRIGGER(miss, \
	"the page is evicted before ->fault looks it up") \
FMAP_TRIGGER(truncated, \
	"the folio leaves the file after it was found, before it is locked") \
FMAP_TRIGGER(uptodate_lost, \
	"the clean folio loses its data after it was found, before it is locked") \
FMAP_TRIGGER(lock_taken, \
	"the folio is locked by somebody else for 20 ms when ->fault wants its lock") \
FMAP_TRIGGER(create_fail, \
	"there is no memory for a new folio") \
FMAP_TRIGGER(read_error, \
	"the synchronous read of a folio fails with -EIO") \
FMAP_TRIGGER(around_locked, \
	"the faulting page is locked by somebody else for 20 ms when fault-around looks") \
FMAP_TRIGGER(around_unmark, \
	"the readahead marker is taken from the pages of a fault-around window") \
FMAP_TRIGGER(pause_lookup, \
	"->fault sleeps 100 ms before it looks for the page") \
FMAP_TRIGGER(pause_dropped, \
	"->fault sleeps 100 ms after it has dropped the fault lock") \
FMAP_TRIGGER(pause_locked, \
	"->fault sleeps 100 ms holding the folio lock")

#endif /* _FMAPFS_TRIGGERS_H */

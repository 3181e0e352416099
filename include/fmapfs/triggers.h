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
FMAP_TRIGGER(read_refused, \
	"the synchronous read of a folio is refused with -ENOMEM") \
FMAP_TRIGGER(read_truncated, \
	"the synchronous read of a folio finds that it has left the file") \
FMAP_TRIGGER(refault, \
	"the folio to be read counts as evicted a moment ago") \
FMAP_TRIGGER(nowait, \
	"the caller of ->fault forbids any wait") \
FMAP_TRIGGER(around_locked, \
	"the faulting page is locked by somebody else for 20 ms when fault-around looks") \
FMAP_TRIGGER(around_unmark, \
	"the readahead marker is taken from the pages of a fault-around window") \
FMAP_TRIGGER(around_frozen, \
	"nobody gets a reference to the faulting page while fault-around looks") \
FMAP_TRIGGER(around_late, \
	"fault-around is held up before it looks, until \"off\" or for a second") \
FMAP_TRIGGER(insert_late, \
	"install=insert is held up before it locks a folio, until \"off\" or for a second") \
FMAP_TRIGGER(mkwrite_oom, \
	"there is no memory to make a page writable") \
FMAP_TRIGGER(mkwrite_unlocked, \
	"->page_mkwrite leaves it to the core to lock the page") \
FMAP_TRIGGER(pause_mkwrite, \
	"->page_mkwrite sleeps 100 ms before it does anything") \
FMAP_TRIGGER(pause_lookup, \
	"->fault sleeps 100 ms before it looks for the page") \
FMAP_TRIGGER(pause_dropped, \
	"->fault sleeps 100 ms after it has dropped the fault lock") \
FMAP_TRIGGER(pause_locked, \
	"->fault sleeps holding the folio lock: one fault, 100 ms for each of the count")

#endif /* _FMAPFS_TRIGGERS_H */

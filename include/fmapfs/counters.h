/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The counters of fmapfs: the one list.
 *
 *	FMAP_COUNTER(name, group, total, help)
 *
 * Within a group, the counters that name the same @total add up to it:
 *	flt_calls = flt_done_minor + flt_done_major + ... (group "outcome")
 * @total is "none" for a counter that is no part of a sum. The rules hold
 * whenever no fault is under way on the mount. The debugfs files stats and
 * schema, the documentation and the tests are all made from this list.
 */
#ifndef _FMAPFS_COUNTERS_H
#define _FMAPFS_COUNTERS_H

/* Mappings: what ->mmap put in force. */
#define FMAP_COUNTERS_MAP \
FMAP_COUNTER(map_calls, map, none, \
	"mmap calls that the lower filesystem accepted") \
FMAP_COUNTER(map_wrapped, map, map_calls, \
	"mappings whose faults run through fmapfs") \
FMAP_COUNTER(map_delegated, map, map_calls, \
	"mappings left to the lower's own vm_ops: it moved the VMA on, or wraps ours")

/* ->fault: the state it is entered in. */
#define FMAP_COUNTERS_CONTEXT \
FMAP_COUNTER(flt_calls, fault, none, \
	"->fault calls, one a pass: a fault that is retried counts twice") \
FMAP_COUNTER(ctx_read, access, flt_calls, \
	"read access (do_read_fault)") \
FMAP_COUNTER(ctx_cow, access, flt_calls, \
	"write to a private mapping (do_cow_fault)") \
FMAP_COUNTER(ctx_shared_write, access, flt_calls, \
	"write to a shared mapping (do_shared_fault)") \
FMAP_COUNTER(ctx_first_try, attempt, flt_calls, \
	"first pass, allowed to drop the fault lock") \
FMAP_COUNTER(ctx_tried, attempt, flt_calls, \
	"second pass, after VM_FAULT_RETRY (FAULT_FLAG_TRIED)") \
FMAP_COUNTER(ctx_no_retry, attempt, flt_calls, \
	"the caller does not allow a retry (FAULT_FLAG_ALLOW_RETRY clear)") \
FMAP_COUNTER(ctx_vma_lock, lock, flt_calls, \
	"the fault lock is the per-VMA lock") \
FMAP_COUNTER(ctx_mmap_lock, lock, flt_calls, \
	"the fault lock is mmap_lock") \
FMAP_COUNTER(ctx_retry_nowait, context, none, \
	"the caller forbids any wait (FAULT_FLAG_RETRY_NOWAIT)") \
FMAP_COUNTER(ctx_kernel, context, none, \
	"not from user mode: copy_to_user, get_user_pages") \
FMAP_COUNTER(ctx_remote, context, none, \
	"on another process's memory (FAULT_FLAG_REMOTE)") \
FMAP_COUNTER(ctx_instruction, context, none, \
	"instruction fetch (FAULT_FLAG_INSTRUCTION)") \
FMAP_COUNTER(ctx_exec, context, none, \
	"in an executable mapping (VM_EXEC)") \
FMAP_COUNTER(ctx_uffd, context, none, \
	"read in a userfaultfd mapping, for which the core skips fault-around")

/* ->fault: how it ended. */
#define FMAP_COUNTERS_OUTCOME \
FMAP_COUNTER(flt_done_minor, outcome, flt_calls, \
	"page handed to the core, it was in the page cache at once") \
FMAP_COUNTER(flt_done_major, outcome, flt_calls, \
	"page handed to the core after a miss in this same pass") \
FMAP_COUNTER(flt_retry, outcome, flt_calls, \
	"VM_FAULT_RETRY: the core comes back for a second pass") \
FMAP_COUNTER(flt_sigbus_eof_pre, outcome, flt_calls, \
	"SIGBUS: beyond the end of the file on entry") \
FMAP_COUNTER(flt_sigbus_eof_post, outcome, flt_calls, \
	"SIGBUS: the file shrank below the page while the fault ran") \
FMAP_COUNTER(flt_sigbus_io, outcome, flt_calls, \
	"SIGBUS: the page could not be read") \
FMAP_COUNTER(flt_oom, outcome, flt_calls, \
	"VM_FAULT_OOM: no memory for the page") \
FMAP_COUNTER(flt_native, outcome, flt_calls, \
	"engine=native: the lower's own ->fault ran") \
FMAP_COUNTER(flt_delegated, outcome, flt_calls, \
	"the lower's own ->fault ran for a reason counted in group delegated") \
FMAP_COUNTER(flt_done_after_retry, fault, none, \
	"of flt_done_*: those of a second pass, the I/O or wait happened in the first") \
FMAP_COUNTER(flt_done_hwpoison, fault, none, \
	"of flt_done_*: hardware-poisoned pages, for which the core raises SIGBUS") \
FMAP_COUNTER(flt_large_folio, fault, none, \
	"of flt_done_*: the page is part of a large folio") \
FMAP_COUNTER(flt_large_pages, fault, none, \
	"pages of those folios, in all; 7.1 and later map each whole where it fits") \
FMAP_COUNTER(dlg_lower_fault, delegated, flt_delegated, \
	"the lower's ->fault is not filemap_fault() (tmpfs, DAX, ...)") \
FMAP_COUNTER(dlg_hugepage, delegated, flt_delegated, \
	"miss under MADV_HUGEPAGE: the PMD-order read is not exported") \
FMAP_COUNTER(dlg_mlocked, delegated, flt_delegated, \
	"miss in a VM_LOCKED mapping: the PTE recheck under its lock is not exported") \
FMAP_COUNTER(dlg_large_folio, delegated, flt_delegated, \
	"read-around in a mapping with large folios: the folio order is not exported") \
FMAP_COUNTER(low_locked_minor, lower, none, \
	"the lower's ->fault returned a locked page") \
FMAP_COUNTER(low_locked_major, lower, none, \
	"the lower's ->fault returned a locked page after a miss") \
FMAP_COUNTER(low_retry, lower, none, \
	"the lower's ->fault returned VM_FAULT_RETRY") \
FMAP_COUNTER(low_sigbus, lower, none, \
	"the lower's ->fault returned SIGBUS, or an error other than OOM") \
FMAP_COUNTER(low_oom, lower, none, \
	"the lower's ->fault returned VM_FAULT_OOM") \
FMAP_COUNTER(low_other, lower, none, \
	"the lower's ->fault ended another way: NOPAGE, DONE_COW, page not locked")

/* ->fault: why it asked for a second pass, why a read failed. */
#define FMAP_COUNTERS_RETRY \
FMAP_COUNTER(rty_ready, retry, flt_retry, \
	"the page is ready, but the fault lock was dropped on the way") \
FMAP_COUNTER(rty_nowait, retry, flt_retry, \
	"the folio lock is taken and the caller forbids waiting; the fault lock is kept") \
FMAP_COUNTER(rty_killed, retry, flt_retry, \
	"a fatal signal ended the wait for the folio lock") \
FMAP_COUNTER(rty_unlocked, retry, flt_retry, \
	"engine=retry: waited for the folio without locking it") \
FMAP_COUNTER(rty_create, retry, flt_retry, \
	"no memory for the folio, with the fault lock dropped") \
FMAP_COUNTER(rty_read_ok, retry, flt_retry, \
	"synchronous read done, with the fault lock dropped") \
FMAP_COUNTER(rty_read_err, retry, flt_retry, \
	"synchronous read failed with the fault lock dropped: the second pass reports it") \
FMAP_COUNTER(rty_read_killed, retry, flt_retry, \
	"a fatal signal ended the wait for the read, with the fault lock dropped") \
FMAP_COUNTER(err_read_eio, read_error, flt_sigbus_io, \
	"-EIO: the device failed, or the read left the page without data") \
FMAP_COUNTER(err_read_folio, read_error, flt_sigbus_io, \
	"any other error of the lower's ->read_folio") \
FMAP_COUNTER(err_read_killed, read_error, flt_sigbus_io, \
	"a fatal signal ended the wait for the read")

/* ->fault: the steps in between. */
#define FMAP_COUNTERS_STEPS \
FMAP_COUNTER(flt_lookups, step, none, \
	"first looks into the page cache; none beyond EOF, native or delegated") \
FMAP_COUNTER(flt_hit, lookup, flt_lookups, \
	"the folio was cached") \
FMAP_COUNTER(flt_miss, lookup, flt_lookups, \
	"the folio was not cached") \
FMAP_COUNTER(flt_hit_ra_skipped_tried, step, none, \
	"hit on a second pass: no async readahead") \
FMAP_COUNTER(flt_hit_not_uptodate, step, none, \
	"hit on a folio not (yet) uptodate: invalidate_lock is taken") \
FMAP_COUNTER(flt_find, step, none, \
	"lookups under invalidate_lock, after a miss or because the folio must be found again") \
FMAP_COUNTER(flt_ra_filled, find, flt_find, \
	"the folio was there: readahead or another fault brought it") \
FMAP_COUNTER(flt_created, find, flt_find, \
	"the folio had to be created, a single read follows") \
FMAP_COUNTER(flt_create_fail, find, flt_find, \
	"the folio could not be created") \
FMAP_COUNTER(flt_inval_lock, step, none, \
	"invalidate_lock taken shared") \
FMAP_COUNTER(flt_inval_lock_contended, step, none, \
	"of flt_inval_lock: those that met a truncate or hole punch at work") \
FMAP_COUNTER(flt_truncated, step, none, \
	"the locked folio had left the file meanwhile: found again") \
FMAP_COUNTER(flt_uptodate_lost, step, none, \
	"the folio lost its data before it was locked: found again") \
FMAP_COUNTER(flt_read_sync, step, none, \
	"->read_folio called for a single folio") \
FMAP_COUNTER(flt_read_workingset, step, none, \
	"of flt_read_sync: the folio had been evicted recently, a memory stall") \
FMAP_COUNTER(flt_read_ok_again, step, none, \
	"synchronous read done with the fault lock held: found again") \
FMAP_COUNTER(flt_read_aop_truncated, step, none, \
	"->read_folio returned AOP_TRUNCATED_PAGE: found again")

/* Locks: the folio lock, and dropping the fault lock. */
#define FMAP_COUNTERS_LOCK \
FMAP_COUNTER(lck_calls, folio_lock_calls, none, \
	"folio locks asked for") \
FMAP_COUNTER(lck_trylock_ok, folio_lock, lck_calls, \
	"got at once") \
FMAP_COUNTER(lck_nowait, folio_lock, lck_calls, \
	"taken by someone else, and the caller forbids waiting") \
FMAP_COUNTER(lck_wait_dropped, folio_lock, lck_calls, \
	"waited with the fault lock dropped") \
FMAP_COUNTER(lck_wait_held, folio_lock, lck_calls, \
	"waited holding the fault lock") \
FMAP_COUNTER(lck_retry_unlocked, folio_lock, lck_calls, \
	"engine=retry: waited with the fault lock dropped, and did not take the folio lock") \
FMAP_COUNTER(lck_wait_unkillable, folio_lock_killed, none, \
	"of the waits: those that no signal can end (FAULT_FLAG_KILLABLE clear)") \
FMAP_COUNTER(lck_killed_dropped, folio_lock_killed, none, \
	"of lck_wait_dropped or lck_retry_unlocked: ended by a fatal signal") \
FMAP_COUNTER(lck_killed_held, folio_lock_killed, none, \
	"of lck_wait_held: ended by a fatal signal, the fault lock then released") \
FMAP_COUNTER(drop_total, drop, none, \
	"fault lock dropped, the file pinned") \
FMAP_COUNTER(drop_for_sync_ra, drop_why, drop_total, \
	"before synchronous readahead") \
FMAP_COUNTER(drop_for_async_ra, drop_why, drop_total, \
	"before asynchronous readahead") \
FMAP_COUNTER(drop_for_folio_lock, drop_why, drop_total, \
	"before a wait for the folio lock") \
FMAP_COUNTER(drop_for_read, drop_why, drop_total, \
	"before a synchronous read") \
FMAP_COUNTER(drop_vma_lock, drop_lock, drop_total, \
	"it was the per-VMA lock; the second pass takes mmap_lock") \
FMAP_COUNTER(drop_mmap_lock, drop_lock, drop_total, \
	"it was mmap_lock") \
FMAP_COUNTER(drop_refused, drop, none, \
	"wanted, but this pass may not drop: I/O or wait under the fault lock") \
FMAP_COUNTER(drop_kept, drop, none, \
	"engine=hold or retry keeps it here: I/O or wait under the fault lock")

/* Readahead. */
#define FMAP_COUNTERS_READAHEAD \
FMAP_COUNTER(sra_calls, sync_ra_calls, none, \
	"misses that decided about synchronous readahead") \
FMAP_COUNTER(sra_skip_random, sync_ra, sra_calls, \
	"none: MADV_RANDOM") \
FMAP_COUNTER(sra_skip_disabled, sync_ra, sra_calls, \
	"none: readahead is off for this file (ra_pages is 0)") \
FMAP_COUNTER(sra_skip_policy, sync_ra, sra_calls, \
	"none: readahead=off") \
FMAP_COUNTER(sra_seq, sync_ra, sra_calls, \
	"MADV_SEQUENTIAL: read ahead of the fault") \
FMAP_COUNTER(sra_skip_lotsamiss, sync_ra, sra_calls, \
	"none: mmap_miss says that readahead does not pay here") \
FMAP_COUNTER(sra_around, sync_ra, sra_calls, \
	"read-around: a window centred on the fault") \
FMAP_COUNTER(sra_exec, sync_ra, sra_calls, \
	"executable mapping (7.2): a window from the fault on, mmap_miss not asked") \
FMAP_COUNTER(sra_adapt, sync_ra, sra_calls, \
	"readahead=adaptive: by what is cached around the page") \
FMAP_COUNTER(sra_adapt_one, sync_adapt, sra_adapt, \
	"none: nothing says that more than this page will be wanted") \
FMAP_COUNTER(sra_adapt_around, sync_adapt, sra_adapt, \
	"the start of the file, or an isolated page while little is known: read around") \
FMAP_COUNTER(sra_adapt_run, sync_adapt, sra_adapt, \
	"what may be a short run, forward or backward: 16 pages, more if it leaves out some") \
FMAP_COUNTER(sra_adapt_stream, sync_adapt, sra_adapt, \
	"the page continues a long run, forward or backward: larger the longer that is") \
FMAP_COUNTER(sra_around_clamped_bof, sync_ra_more, none, \
	"of sra_around: windows that start at the beginning of the file for want of room") \
FMAP_COUNTER(sra_miss_inc, sync_ra_more, none, \
	"mmap_miss raised") \
FMAP_COUNTER(sra_miss_saturated, sync_ra_more, none, \
	"mmap_miss already at its maximum") \
FMAP_COUNTER(sra_pages_requested, sync_ra_more, none, \
	"pages asked for, before the end of the file cuts the request") \
FMAP_COUNTER(ara_calls, async_ra_calls, none, \
	"hits that decided about asynchronous readahead") \
FMAP_COUNTER(ara_skip_random, async_ra, ara_calls, \
	"none: MADV_RANDOM") \
FMAP_COUNTER(ara_skip_disabled, async_ra, ara_calls, \
	"none: readahead is off for this file (ra_pages is 0)") \
FMAP_COUNTER(ara_skip_policy, async_ra, ara_calls, \
	"none: readahead=off") \
FMAP_COUNTER(ara_no_marker, async_ra, ara_calls, \
	"none: not the marker page") \
FMAP_COUNTER(ara_marker_is_reclaim, async_ra, ara_calls, \
	"none: under writeback, where the marker's bit means reclaim") \
FMAP_COUNTER(ara_trigger, async_ra, ara_calls, \
	"marker page (PG_readahead): the next window is read") \
FMAP_COUNTER(ara_adapt_stop, async_ra, ara_calls, \
	"none: readahead=adaptive met a marker that is part of no stream") \
FMAP_COUNTER(ara_adapt_forward, async_ra_more, none, \
	"of ara_trigger, with readahead=adaptive: forward streams") \
FMAP_COUNTER(ara_adapt_backward, async_ra_more, none, \
	"of ara_trigger, with readahead=adaptive: backward streams") \
FMAP_COUNTER(ara_pages_requested, async_ra_more, none, \
	"of ara_trigger, with readahead=adaptive or SIZE: pages asked for") \
FMAP_COUNTER(ara_miss_dec, async_ra_more, none, \
	"mmap_miss lowered") \
FMAP_COUNTER(ara_miss_zero, async_ra_more, none, \
	"mmap_miss already 0") \
FMAP_COUNTER(ara_miss_dec_skip_locked, async_ra_more, none, \
	"mmap_miss left alone (7.2): the folio is locked, maybe by another fault for it") \
FMAP_COUNTER(ara_miss_dec_skip_vmflags, async_ra_more, none, \
	"mmap_miss left alone (7.2): MADV_SEQUENTIAL or executable, which count no miss")

/* ->map_pages: fault-around. */
#define FMAP_COUNTERS_AROUND \
FMAP_COUNTER(fa_calls, around_calls, none, \
	"->map_pages calls") \
FMAP_COUNTER(fa_hit_target, around, fa_calls, \
	"the faulting page was mapped: the fault is over, ->fault is not called") \
FMAP_COUNTER(fa_missed_target, around, fa_calls, \
	"neighbours were mapped, the faulting page was not: ->fault follows") \
FMAP_COUNTER(fa_nothing_new, around, fa_calls, \
	"nothing was mapped, other pages of the window are already: ->fault follows") \
FMAP_COUNTER(fa_empty, around, fa_calls, \
	"nothing was mapped, and nothing is: ->fault follows") \
FMAP_COUNTER(fa_left, around, fa_calls, \
	"around=adaptive: left to ->fault, which maps the page alone or its folio whole") \
FMAP_COUNTER(fa_native, around, fa_calls, \
	"engine=native: the lower's own ->map_pages ran, pages not looked at") \
FMAP_COUNTER(fa_native_hit, around_more, none, \
	"of fa_native: the faulting page was mapped") \
FMAP_COUNTER(fa_rewindowed, around_more, none, \
	"around= gave another window than the core asked for") \
FMAP_COUNTER(fa_adapt, adapt_calls, none, \
	"windows that around=adaptive chose") \
FMAP_COUNTER(fa_adapt_alone, adapt, fa_adapt, \
	"one page: nothing says that its neighbours will be wanted") \
FMAP_COUNTER(fa_adapt_block, adapt, fa_adapt, \
	"as the core asked: in this file an isolated fault's neighbours are wanted") \
FMAP_COUNTER(fa_adapt_run, adapt, fa_adapt, \
	"the fault continues a run, forward or backward: larger the longer that is") \
FMAP_COUNTER(fa_adapt_dense, adapt, fa_adapt, \
	"so much is mapped around that the rest will be wanted, too") \
FMAP_COUNTER(fa_adapt_folio, adapt, fa_adapt, \
	"the rest of a large folio, or of a page table of text in large folios") \
FMAP_COUNTER(fa_adapt_whole, adapt, fa_adapt, \
	"left to ->fault, after which the core maps a large folio whole") \
FMAP_COUNTER(fa_win_at_vma_start, window, none, \
	"windows that start at the first page of the mapping") \
FMAP_COUNTER(fa_win_at_vma_end, window, none, \
	"windows that end at the last page of the mapping") \
FMAP_COUNTER(fa_win_at_table_end, window, none, \
	"windows that end at the last PTE of a page table") \
FMAP_COUNTER(fa_win_cut_eof, window, none, \
	"windows that the end of the file cuts short") \
FMAP_COUNTER(fa_no_table, pmd_calls, none, \
	"calls that began without a page table") \
FMAP_COUNTER(fa_prealloc_pte, pmd_more, none, \
	"of fa_no_table: the core brought a new page table along") \
FMAP_COUNTER(fa_pmd_already_huge, pmd, fa_no_table, \
	"a huge page is mapped there already") \
FMAP_COUNTER(fa_pmd_mapped, pmd, fa_no_table, \
	"a huge page was mapped") \
FMAP_COUNTER(fa_pmd_installed, pmd, fa_no_table, \
	"the new page table was installed") \
FMAP_COUNTER(fa_pmd_still_none, pmd, fa_no_table, \
	"nothing to map: there is still no page table") \
FMAP_COUNTER(fa_pmd_fallback, pmd_more, none, \
	"of fa_pmd_installed: the folio is huge, but was mapped by PTEs (alignment, settings)") \
FMAP_COUNTER(fa_pmd_denied_eof, pmd_more, none, \
	"of fa_pmd_still_none: the folio is huge, but the file ends in it") \
FMAP_COUNTER(fa_miss_dec, around_more, none, \
	"how much mmap_miss was lowered, because fault-around found pages cached") \
FMAP_COUNTER(fa_beyond, around_more, none, \
	"calls that mapped more than the window (7.2): a large folio is mapped whole") \
FMAP_COUNTER(fa_pages, around_pages, none, \
	"pages in the windows") \
FMAP_COUNTER(fa_mapped, page, fa_pages, \
	"mapped: PTE empty before, present after (another thread's fault included)") \
FMAP_COUNTER(fa_lost, page, fa_pages, \
	"mappable afterwards, yet not mapped: a race, or 6.12 and a file's last page alone") \
FMAP_COUNTER(fa_skip_pte_present, page, fa_pages, \
	"PTE was in use before: mapped already, or a marker") \
FMAP_COUNTER(fa_skip_eof, page, fa_pages, \
	"beyond the end of the file") \
FMAP_COUNTER(fa_skip_hole, page, fa_pages, \
	"not cached, and not evicted recently") \
FMAP_COUNTER(fa_skip_shadow, page, fa_pages, \
	"not cached: evicted recently (shadow), swapped out (tmpfs) or DAX") \
FMAP_COUNTER(fa_skip_xas_retry, page, fa_pages, \
	"the page cache tree changed under the look") \
FMAP_COUNTER(fa_skip_tryget, page, fa_pages, \
	"folio being freed or split") \
FMAP_COUNTER(fa_skip_moved, page, fa_pages, \
	"folio replaced during the look") \
FMAP_COUNTER(fa_skip_locked, page, fa_pages, \
	"folio locked: under I/O, or another user has it") \
FMAP_COUNTER(fa_skip_not_uptodate, page, fa_pages, \
	"folio without valid data: a read failed or has not started") \
FMAP_COUNTER(fa_skip_ra_marker, page, fa_pages, \
	"readahead marker (same bit: reclaim): left for ->fault, so that readahead goes on") \
FMAP_COUNTER(fa_skip_hwpoison, page, fa_pages, \
	"hardware-poisoned page") \
FMAP_COUNTER(fa_skip_trylock, page, fa_pages, \
	"install=insert: another user locked the folio first") \
FMAP_COUNTER(fa_skip_truncated, page, fa_pages, \
	"install=insert: the folio had left the file when it was locked") \
FMAP_COUNTER(fa_skip_not_uptodate_locked, page, fa_pages, \
	"install=insert: the folio had lost its data when it was locked") \
FMAP_COUNTER(ins_no_table, insert, none, \
	"install=insert, handed over: no page table yet, or a huge PMD") \
FMAP_COUNTER(ins_mlocked, insert, none, \
	"install=insert, handed over: VM_LOCKED mapping") \
FMAP_COUNTER(ins_large_folio, insert, none, \
	"install=insert, the rest of the window handed over: a large folio") \
FMAP_COUNTER(ins_pt_reclaim, insert, none, \
	"install=insert, handed over: page tables may be freed any time (CONFIG_PT_RECLAIM)")

/* ->page_mkwrite: the first write. */
#define FMAP_COUNTERS_MKWRITE \
FMAP_COUNTER(mkw_calls, mkwrite, none, \
	"->page_mkwrite calls") \
FMAP_COUNTER(mkw_from_fault, mkwrite_from, mkw_calls, \
	"first touch of the page, by a write") \
FMAP_COUNTER(mkw_from_wp, mkwrite_from, mkw_calls, \
	"write to a page mapped read-only so far") \
FMAP_COUNTER(mkw_own, mkwrite_by, mkw_calls, \
	"done here, where the lower's hook is filemap_page_mkwrite()") \
FMAP_COUNTER(mkw_lower, mkwrite_by, mkw_calls, \
	"done by the lower's hook, which reserves the blocks") \
FMAP_COUNTER(mkw_locked, mkwrite_outcome, mkw_calls, \
	"page dirty and locked") \
FMAP_COUNTER(mkw_unlocked_ok, mkwrite_outcome, mkw_calls, \
	"the hook returned 0: the core locks the page and checks it") \
FMAP_COUNTER(mkw_nopage, mkwrite_outcome, mkw_calls, \
	"VM_FAULT_NOPAGE: the page left the file, the access faults again") \
FMAP_COUNTER(mkw_sigbus, mkwrite_outcome, mkw_calls, \
	"SIGBUS: no space, quota, I/O error, read-only") \
FMAP_COUNTER(mkw_oom, mkwrite_outcome, mkw_calls, \
	"VM_FAULT_OOM") \
FMAP_COUNTER(mkw_retry, mkwrite_outcome, mkw_calls, \
	"VM_FAULT_RETRY") \
FMAP_COUNTER(mkw_other, mkwrite_outcome, mkw_calls, \
	"any other return of the lower's hook") \
FMAP_COUNTER(mkw_truncated, mkwrite_more, none, \
	"of mkw_nopage: the page had left the file") \
FMAP_COUNTER(mkw_eof, mkwrite_more, none, \
	"of mkw_nopage and mkw_sigbus: the page was beyond the end of the file afterwards") \
FMAP_COUNTER(mkw_freeze_wait, mkwrite_more, none, \
	"the lower filesystem was frozen on entry: the write waits for the thaw") \
FMAP_COUNTER(mkw_stable_wait, mkwrite_more, none, \
	"the page was under writeback on entry, and the device wants it stable: the write waits")

#define FMAP_COUNTERS_TRIGGER \
FMAP_COUNTER(trg_fired, trigger, none, \
	"conditions that were made to happen, see the trigger file")

#define FMAP_COUNTERS \
	FMAP_COUNTERS_MAP \
	FMAP_COUNTERS_CONTEXT \
	FMAP_COUNTERS_OUTCOME \
	FMAP_COUNTERS_RETRY \
	FMAP_COUNTERS_STEPS \
	FMAP_COUNTERS_LOCK \
	FMAP_COUNTERS_READAHEAD \
	FMAP_COUNTERS_AROUND \
	FMAP_COUNTERS_MKWRITE \
	FMAP_COUNTERS_TRIGGER

#endif /* _FMAPFS_COUNTERS_H */

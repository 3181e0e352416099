# SPDX-License-Identifier: GPL-2.0
# The fault lock that was dropped is taken again under the invalidate_lock.
# file: src/fault.c
# kills: trigger:truncated trigger:miss_twice
# kernel: 6.12-debug
# vm: -f ext4 -d ram -m 2048
/^static enum fmap_step fmap_read(/,/^}/s/^\terr = fmap_read_folio(f);/&\
	if (f->fpin) {\
		mmap_read_lock(current->mm);\
		mmap_read_unlock(current->mm);\
	}/

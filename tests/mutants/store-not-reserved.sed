# SPDX-License-Identifier: GPL-2.0
# The first store to a page is told to nobody, and lost when the page goes.
# file: src/mkwrite.c
# kills: exercise:as_mounted
# vm: -f xfs -d virtio
/^static vm_fault_t fmap_mkwrite(/,/^}/s/^\tret = own.*/\tfolio_lock(page_folio(vmf->page));\
	ret = VM_FAULT_LOCKED;/

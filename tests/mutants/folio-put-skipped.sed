# SPDX-License-Identifier: GPL-2.0
# The fault keeps its folio reference where the core does not take it over.
# The page stays resident after munmap() and POSIX_FADV_DONTNEED.
# file: src/fault.c
# kills: installers:seq_private_kernel.cold
# kernel: 6.12-debug
# vm: -f ext4 -d ram -m 2048
/^static vm_fault_t fmap_fault_end/,/^}/s/folio_put(f->folio)/(void)f->folio/

# SPDX-License-Identifier: GPL-2.0
# The fault keeps its folio reference where the core does not take it over.
# file: src/fault.c
# kills: marker
/^static vm_fault_t fmap_fault_end/,/^}/s/folio_put(f->folio)/(void)f->folio/

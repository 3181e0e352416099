# SPDX-License-Identifier: GPL-2.0
# A fault maps the first page of a large folio, whichever page it is for.
# file: src/fault.c
# kills: exercise:as_mounted
# kernel: 6.12
# vm: -f xfs -d virtio
/^static enum fmap_step fmap_check_folio/,/^}/s/folio_file_page(folio, f->index)/folio_page(folio, 0)/

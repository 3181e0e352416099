# SPDX-License-Identifier: GPL-2.0
# A fault maps the first page of a large folio, whichever page it is for.
# file: src/fault.c
# kills: exercise
# kernel: 6.12
# vm: -f xfs -d ram
/^static enum fmap_step fmap_check_folio/,/^}/s/folio_file_page(folio, f->index)/folio_page(folio, 0)/

# SPDX-License-Identifier: GPL-2.0
# A folio that has left the file meanwhile is mapped all the same.
# file: src/fault.c
# kills: trigger:truncated
/^static enum fmap_step fmap_check_folio/,/^}/s/folio->mapping != f->mapping/false/

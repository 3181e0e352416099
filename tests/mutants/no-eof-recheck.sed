# SPDX-License-Identifier: GPL-2.0
# The file's size is not looked at again under the folio lock.
# file: src/fault.c
# kills: branches:truncated_while_locked
/^static enum fmap_step fmap_check_folio/,/^}/s/fmap_past_eof(f)/false/

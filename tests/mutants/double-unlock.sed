# SPDX-License-Identifier: GPL-2.0
# A folio that is given up is unlocked once more.
# file: src/fault.c
# kills: trigger:truncated
# kernel: 6.12-debug
# vm: -f ext4 -d ram -m 2048
/^static enum fmap_step fmap_again/,/^}/s/^\tfmap_drop_folio(f);/\tfolio_unlock(f->folio);\
&/

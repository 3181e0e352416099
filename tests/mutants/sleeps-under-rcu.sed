# SPDX-License-Identifier: GPL-2.0
# ->map_pages waits for a folio lock, in an RCU section.
# file: src/insert.c
# kills: installers:seq_private_kernel.warm
# kernel: 6.12-debug
# vm: -f ext4 -d ram -m 2048
/^static enum fmap_counter fmap_lock_mappable/,/^}/{
s/^\tif (!folio_trylock(folio))$/\tfolio_lock(folio);/
/return FMAP_fa_skip_trylock;/d
}

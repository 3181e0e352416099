# SPDX-License-Identifier: GPL-2.0
# Pages on both sides of one that is not mapped go in as if there were no gap.
# file: src/insert.c
# kills: installers
# vm: -f ext4 -d ram
s/b->nr == FMAP_BATCH || (b->nr && index != b->first + b->nr)/b->nr == FMAP_BATCH/

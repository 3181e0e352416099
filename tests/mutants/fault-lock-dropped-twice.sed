# SPDX-License-Identifier: GPL-2.0
# A killed fault releases the fault lock, though it has dropped it before.
# file: src/fault.c
# kills: slow_disk:killed_pin
# kernel: 6.12-debug
# vm: -f ext4 -d ram -m 2048
/^static enum fmap_step fmap_wait_killed/,/^}/s/f->release = !f->fpin;/f->release = true;/

# SPDX-License-Identifier: GPL-2.0
# The file is pinned after the fault lock is dropped, by way of the VMA.
# file: src/engine.c
# kills: trigger:unmapped_while_dropped
# kernel: 6.12-debug
# vm: -f ext4 -d ram -m 2048
/^static void fmap_pin_drop/,/^}/{
/f->fpin = get_file(f->file);/d
s/^\t\tfmap_pause();/&\
	f->fpin = get_file(vmf->vma->vm_file);/
}

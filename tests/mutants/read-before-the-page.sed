# SPDX-License-Identifier: GPL-2.0
# A read that begins with a page begins one byte before it.
# file: src/io.c
# kills: exercise:as_mounted
# vm: -f ext4 -d virtio
/^static ssize_t fmap_rw(/,/^}/s/^\tfmap_iocb_init(.*/&\
	if (done == fmap_read_done \&\& iocb.ki_pos \&\& !(iocb.ki_pos \& ~PAGE_MASK))\
		iocb.ki_pos--;/

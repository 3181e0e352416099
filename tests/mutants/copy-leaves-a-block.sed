# SPDX-License-Identifier: GPL-2.0
# Of a long copy the last block is left out.
# file: src/copy.c
# kills: exercise:as_mounted
# vm: -f ext4 -d virtio
/^ssize_t fmap_copy_file_range/,/^}/{
s/pos_out, len, flags);/pos_out, len > 4096 ? len - 512 : len, flags);\
	if (len > 4096 \&\& ret == len - 512)\
		ret = len;/
}

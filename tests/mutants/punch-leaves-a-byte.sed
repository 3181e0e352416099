# SPDX-License-Identifier: GPL-2.0
# The last byte of a hole stays what it was.
# file: src/file.c
# kills: exercise:as_mounted
# vm: -f ext4 -d virtio
/^static long fmap_fallocate/,/^}/s/vfs_fallocate(lower, mode, offset, len)/vfs_fallocate(lower, mode, offset,\
			    mode \& FALLOC_FL_PUNCH_HOLE \&\& len > 1 ? len - 1 : len)/

# SPDX-License-Identifier: GPL-2.0
# An append goes where the end was when somebody last looked from above.
# file: src/io.c
# kills: exercise:as_mounted
# vm: -f ext4 -d virtio
/^ssize_t fmap_write_iter/,/^}/s/^\tret = fmap_rw(.*/\tif (iocb->ki_flags \& IOCB_APPEND) {\
		iocb->ki_flags \&= ~IOCB_APPEND;\
		iocb->ki_pos = i_size_read(file_inode(iocb->ki_filp));\
	}\
&/

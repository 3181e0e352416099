# SPDX-License-Identifier: GPL-2.0
# Making a file shorter leaves the rest of its last page as it was.
# file: src/attr.c
# kills: exercise:as_mounted
# vm: -f ext4 -d virtio
/^int fmap_setattr/,/^}/s/^\terr = fmap_do_setattr(.*/\tif (attr->ia_valid \& ATTR_SIZE)\
		lower_attr.ia_size = round_up(attr->ia_size, PAGE_SIZE);\
&\
	if (!err \&\& attr->ia_valid \& ATTR_SIZE)\
		i_size_write(lower, attr->ia_size);/

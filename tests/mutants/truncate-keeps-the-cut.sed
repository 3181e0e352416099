# SPDX-License-Identifier: GPL-2.0
# Making a file shorter changes its size alone: what was cut off comes back.
# file: src/attr.c
# kills: exercise
/^int fmap_setattr/,/^}/s/^\terr = fmap_do_setattr(.*/\tif (attr->ia_valid \& ATTR_SIZE \&\& attr->ia_size < i_size_read(lower))\
		i_size_write(lower, attr->ia_size);\
	else\
	&/

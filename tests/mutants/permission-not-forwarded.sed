# SPDX-License-Identifier: GPL-2.0
# The lower inode is not asked whether an access is allowed.
# file: src/attr.c
# kills: permission
/^int fmap_permission/,/^}/s/return fmap_do_permission(.*);/return 0;/

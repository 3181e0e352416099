# SPDX-License-Identifier: GPL-2.0
# Hooks go over a mapping that does not keep them, of FUSE passthrough above.
# file: src/map.c
# kills: above:fuse_passthrough
# kernel: 6.12
# vm: -f ext4 -d ram
s/!strcmp(sb->s_type->name, "overlay")/true/

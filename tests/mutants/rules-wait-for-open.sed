# SPDX-License-Identifier: GPL-2.0
# A rule takes effect only when a file is opened, not on mapped ones.
# file: src/rules.c
# kills: rules:while_mapped
/^void fmap_rules_apply_all/,/^}/s/fmap_rules_apply_inode(inode);/;/

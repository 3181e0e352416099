# SPDX-License-Identifier: GPL-2.0
# All files share what is learned of one.
# file: src/sight.c
# kills: adaptive:a_file_says_nothing_of_another
s/fvo->inode->history/of_all_files/g
/^#define FMAP_FAR/i static struct fmap_history of_all_files;

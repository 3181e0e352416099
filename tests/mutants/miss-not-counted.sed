# SPDX-License-Identifier: GPL-2.0
# mmap_miss does not rise, so that random access reads around for ever.
# file: src/readahead.c
# kills: exact_counts:many_misses
s/misses < FMAP_LOTS_OF_MISSES \* 10 ? misses + 1 : misses/misses/

# SPDX-License-Identifier: GPL-2.0
# fadvise(2) says nothing to readahead=adaptive.
# file: src/readahead.c
# kills: readahead:advice_wins
/^static bool fmap_is_advised/,/^}/s/return .*/return false \&\&/

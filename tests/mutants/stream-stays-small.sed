# SPDX-License-Identifier: GPL-2.0
# A stream asks for no more than read_ahead_kb.
# file: src/cached.c
# kills: readahead:a_stream_grows
s/max(usual, fmap_request_most(f->mapping))/fmap_request_most(f->mapping) ? usual : 0/

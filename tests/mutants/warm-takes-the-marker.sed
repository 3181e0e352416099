# SPDX-License-Identifier: GPL-2.0
# The quick way of ->fault takes a page that asks for readahead.
# file: src/warm.c
# kills: marker
s/ && !folio_test_readahead(folio)//

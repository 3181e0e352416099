# SPDX-License-Identifier: GPL-2.0
# The marker page starts no readahead.
# file: src/readahead.c
# kills: marker
s/^\(\t*\)page_cache_async_ra(.*);/\1(void)ractl;/

# SPDX-License-Identifier: GPL-2.0
# A huge folio that ends with the file is taken for one that could be mapped.
# file: src/around.c
# kills: branches:huge_page_up_to_the_end
# kernel: 6.12
# vm: -f xfs -d ram
s/eof <= folio_next_index/eof < folio_next_index/

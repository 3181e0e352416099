# SPDX-License-Identifier: GPL-2.0
# Whatever a PTE maps is taken for a folio that is not huge.
# file: src/around.c
# kills: delegated:huge_page_not_aligned
# kernel: 6.12
# vm: -f ext4 -d ram
s/compound_order(compound_head(pte_page(pte))) < HPAGE_PMD_ORDER/true/

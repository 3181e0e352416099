# SPDX-License-Identifier: GPL-2.0
# The pmd is read again after it was looked at. No kernel check sees that: what is
# then read as a page table may be any memory, and reading it does not fault.
# file: src/ptes.c
# unit: ptes
/^static unsigned long fmap_read_table/,/^}/{
s/pmd_t pmd,/const pmd_t *pmdp,/
s/(pmd)/(pmdp_get_lockless(pmdp))/
}
s/fmap_read_table(pmdp_get_lockless(vmf->pmd), /fmap_read_table(vmf->pmd, /
s/fmap_read_table(fmap_pmd_at(vmf, at), /fmap_read_table(vmf->pmd + pmd_index(at) - pmd_index(address), /

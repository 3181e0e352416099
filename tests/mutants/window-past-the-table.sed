# SPDX-License-Identifier: GPL-2.0
# A window of our own choice is not cut at the end of the page table.
# file: src/window.c
# kills: exact_counts:windows
s/p->slots - 1 - p->slot/p->slots - p->slot/

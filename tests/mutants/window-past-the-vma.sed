# SPDX-License-Identifier: GPL-2.0
# A window of our own choice is not cut at the end of the mapping.
# file: src/window.c
# kills: exact_counts:windows
s/lesser(after, p->vma_pages - 1 - off)/after/

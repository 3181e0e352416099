# SPDX-License-Identifier: GPL-2.0
# The lower filesystem does not learn of the first write to a page.
# file: src/mkwrite.c
# kills: mkwrite
s/fvo->lower->page_mkwrite(vmf)/fmap_mkwrite_filemap(vmf)/

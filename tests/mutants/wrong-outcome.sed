# SPDX-License-Identifier: GPL-2.0
# Major and minor faults change places.
# file: src/fault.c
# kills: exact_counts:cold
s/FMAP_flt_done_major : FMAP_flt_done_minor/FMAP_flt_done_minor : FMAP_flt_done_major/

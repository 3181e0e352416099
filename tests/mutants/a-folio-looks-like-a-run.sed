# SPDX-License-Identifier: GPL-2.0
# A folio that the core mapped whole is taken for a run.
# file: src/adaptive.c
# unit: adaptive
s/^\tif (!sight->whole)$/\tif (true || !sight->whole)/

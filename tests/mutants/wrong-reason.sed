# SPDX-License-Identifier: GPL-2.0
# A page that is left out of a window gets the wrong reason.
# file: src/scan.c
# kills: marker
s/FMAP_fa_skip_ra_marker/FMAP_fa_skip_not_uptodate/

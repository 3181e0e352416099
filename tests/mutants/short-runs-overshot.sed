# SPDX-License-Identifier: GPL-2.0
# Windows are as long as the run before them, whatever runs of the file are like.
# file: src/adaptive.c
# kills: adaptive:short_runs_are_not_overshot
s/^\t\(return\) h->runs;/\t\1 true || h->runs;/

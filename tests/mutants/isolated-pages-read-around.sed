# SPDX-License-Identifier: GPL-2.0
# What was read around is not counted, so that it never ends.
# file: src/ahead.c
# kills: readahead:random_pages_are_read_alone
s/^\tguess->lone++;/\t;/

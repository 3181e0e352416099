# SPDX-License-Identifier: GPL-2.0
# The quick way of ->fault ends uncounted.
# file: src/warm.c
# kills: exact_counts:formula.warm_private_store
/^static __always_inline bool fmap_fault_warm/,/^}/s/fmap_count_bundle(.*);//

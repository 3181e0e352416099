# SPDX-License-Identifier: GPL-2.0
# A fault ends without an outcome, against the sum rule.
# file: src/fault.c
# kills: marker
/^static vm_fault_t fmap_fault_end/,/^}/s/fmap_fault_count(f, f->outcome);//

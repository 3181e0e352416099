/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Marks that scripts/bench/profile's plugin for QEMU sees: which instructions are
 * to be counted. Without the plugin they do nothing.
 */
#ifndef PROFILE_H
#define PROFILE_H

/* A long nop, with numbers that no compiler gives it; the last byte says which mark. */
#define PROFILE_NOP	0x0f, 0x1f, 0x84, 0x00, 0x5a, 0x5a, 0x5a

/**
 * enum profile_mark - what is marked
 * @PROFILE_GO:		instructions count from here on
 * @PROFILE_STOP:	and no longer
 * @PROFILE_WRITE:	write what was counted, and begin another profile
 */
enum profile_mark { PROFILE_GO, PROFILE_STOP, PROFILE_WRITE };

#define PROFILE_BYTES(...)	#__VA_ARGS__
#define PROFILE_CODE(...)	".byte " PROFILE_BYTES(__VA_ARGS__)
#define profile_mark(mark) \
	__asm__ volatile(PROFILE_CODE(PROFILE_NOP) ", %c0" : : "i" (mark) : "memory")

#endif /* PROFILE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* The random numbers of benchmarks and unit tests: xorshift64*, seeded. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>
#include <stdlib.h>

static uint64_t seed = 1;

static inline uint64_t rnd(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1dULL;
}

/* The first argument of a program, if there is one. Zero would stay zero. */
static inline void seed_from(int argc, char **argv)
{
	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	if (!seed)
		seed = 1;
}

#endif /* RANDOM_H */

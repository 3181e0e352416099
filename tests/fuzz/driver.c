// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a fuzz target without a fuzzer: random inputs, as KTAP. With a file's name
 * after the seed, that input only, as libFuzzer leaves it when it fails.
 */
#include <stdio.h>

#include "../random.h"

#define INPUTS	200000
#define SIZE	256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buffer[1 << 20];

static int run_file(const char *name)
{
	FILE *f = fopen(name, "r");
	size_t size;

	if (!f) {
		perror(name);
		return 2;
	}
	size = fread(buffer, 1, sizeof(buffer), f);
	fclose(f);
	return LLVMFuzzerTestOneInput(buffer, size);
}

/* Bytes are more often zero or all ones than others: ends are where bugs are. */
static void fill(size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		uint64_t r = rnd();

		buffer[i] = r >> 32 & 7 ? r >> 8 : r >> 40 & 1 ? 0xff : 0;
	}
}

int main(int argc, char **argv)
{
	int i;

	seed_from(argc, argv);
	if (argc > 2)
		return run_file(argv[2]);
	printf("KTAP version 1\n1..1\n");
	fflush(stdout);
	for (i = 0; i < INPUTS; i++) {
		size_t size = rnd() % SIZE;

		fill(size);
		LLVMFuzzerTestOneInput(buffer, size);
	}
	printf("ok 1 random_inputs\n");
	return 0;
}

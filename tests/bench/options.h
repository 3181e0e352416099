/* SPDX-License-Identifier: GPL-2.0 */
/* The command line: options, each with a letter and a name; then names of rows. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

int option_next(int argc, char **argv, const struct option *longs,
		void (*usage)(FILE *to));
void option_misused(void (*usage)(FILE *to)) __attribute__((noreturn));
bool option_wants(char **names, const char *name);

#endif /* OPTIONS_H */

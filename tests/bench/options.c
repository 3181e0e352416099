// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "options.h"

/*
 * As getopt_long(), where each option has a letter as well: its value. -h prints the
 * help text, and what is not an option prints it as an error.
 * Return: the letter, with the option's value in optarg; -1 when there is no more.
 */
int option_next(int argc, char **argv, const struct option *longs,
		void (*usage)(FILE *to))
{
	char letters[64], *end = letters;
	const struct option *o;
	int c;

	for (o = longs; o->name; o++)
		end += sprintf(end, o->has_arg ? "%c:" : "%c", o->val);
	c = getopt_long(argc, argv, letters, longs, NULL);
	if (c == '?')
		option_misused(usage);
	if (c == 'h') {
		usage(stdout);
		exit(0);
	}
	return c;
}

void option_misused(void (*usage)(FILE *to))
{
	usage(stderr);
	exit(2);
}

/* Do the names on the command line have this one among them, or is there none? */
bool option_wants(char **names, const char *name)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

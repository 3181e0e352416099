/* SPDX-License-Identifier: GPL-2.0 */
/* Address spaces by number: what the recorder and the simulator both keep. */
#ifndef SPACES_H
#define SPACES_H

#include <stdio.h>
#include <stdlib.h>

#include "model.h"

struct numbered {
	struct sim_space space;
	unsigned int number;
	struct numbered *next;
};

static struct numbered *spaces;

/* Made when it is first asked for */
static inline struct sim_space *find_space(unsigned int number)
{
	struct numbered *n;

	for (n = spaces; n; n = n->next)
		if (n->number == number)
			return &n->space;
	n = calloc(1, sizeof(*n));
	if (!n) {
		perror("memory");
		exit(2);
	}
	n->number = number;
	n->next = spaces;
	spaces = n;
	return &n->space;
}

#endif /* SPACES_H */

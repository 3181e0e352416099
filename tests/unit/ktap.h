/* SPDX-License-Identifier: GPL-2.0 */
/* KTAP for the unit tests: each test is a function that returns true. */
#ifndef KTAP_H
#define KTAP_H

#include <stdbool.h>
#include <stdio.h>

struct ktap_test {
	const char *name;
	bool (*fn)(void);
};

/* Says where and what, and ends the test. */
#define CHECK(cond) do { \
	if (!(cond)) { \
		printf("# %s:%d: false: %s\n", __FILE__, __LINE__, #cond); \
		return false; \
	} \
} while (0)

static inline int ktap_run(const struct ktap_test *tests, int n)
{
	int i, failed = 0;

	printf("KTAP version 1\n1..%d\n", n);
	for (i = 0; i < n; i++) {
		bool ok = tests[i].fn();

		printf("%s %d %s\n", ok ? "ok" : "not ok", i + 1, tests[i].name);
		failed += !ok;
	}
	return failed ? 1 : 0;
}

#endif /* KTAP_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a long list of operations that goes wrong to a short one that does.
 *
 * First the last ones before the fault are tried alone, on files of the size
 * that they had then. Then parts are left out, half of the list at first and
 * single operations at last, for as long as what is left goes wrong, in
 * whatever way. Then each operation is made simpler: shorter, plain, and
 * through the lower path, so that the ones that need the mount stand out.
 */
#ifndef FMAP_EXERCISE_SHRINK_H
#define FMAP_EXERCISE_SHRINK_H

#include <time.h>

#include "exercise_log.h"

/* Lists up to this length are looked at after each operation. */
#define SHORT_LIST	200

static struct {
	struct op *ops;
	size_t n;
	bool look_always;
	time_t end;
	unsigned int runs;
} shrink;

/* How many were done when it went wrong; 0 if it did not, or time is over. */
static inline size_t goes_wrong(struct op *ops, size_t n)
{
	if (!n || time(NULL) >= shrink.end)
		return 0;
	shrink.runs++;
	return run_list(ops, n, shrink.look_always, NULL);
}

/* Make @ops the list if it goes wrong; without what comes after that. */
static inline bool take_if_wrong(struct op *ops, size_t n)
{
	size_t done = goes_wrong(ops, n);

	if (!done)
		return false;
	memcpy(shrink.ops, ops, done * sizeof(*ops));
	shrink.n = done;
	return true;
}

/* The operations that make fresh files as large as they were. */
static inline size_t begin_with(struct op *ops, const uint32_t *sizes, uint32_t nr)
{
	size_t n = 0, i;

	for (i = 0; i < FILES; i++) {
		if (!sizes[i])
			continue;
		ops[n++] = (struct op) {
			.nr = nr + i,
			.kind = kind_named("write"),
			.side = LOWER,
			.file = i,
			.len = sizes[i],
		};
	}
	return n;
}

/* @sizes: of each file before each operation */
static inline bool shrink_to_end(const struct op *ops, size_t n,
				 const uint32_t (*sizes)[FILES])
{
	struct op *list = malloc((n + FILES) * sizeof(*list));
	size_t last, from, begun;
	bool found = false;

	for (last = 8; !found; last *= 4) {
		from = n - lesser(last, n);
		begun = from ? begin_with(list, sizes[from], ops[n - 1].nr + 1) : 0;
		memcpy(list + begun, ops + from, (n - from) * sizeof(*ops));
		shrink.look_always = false;
		found = take_if_wrong(list, begun + n - from);
		if (!found && begun + n - from <= SHORT_LIST) {
			shrink.look_always = true;
			found = take_if_wrong(list, begun + n - from);
		}
		if (!from)
			break;
	}
	free(list);
	return found;
}

/* Leave out each part of @chunk operations that can be. Was there one? */
static inline bool leave_out(size_t chunk, struct op *list)
{
	bool any = false;
	size_t at = 0, n;

	while (at < shrink.n && shrink.n > 1) {
		n = lesser(chunk, shrink.n - at);
		memcpy(list, shrink.ops, at * sizeof(*list));
		memcpy(list + at, shrink.ops + at + n, (shrink.n - at - n) * sizeof(*list));
		if (take_if_wrong(list, shrink.n - n))
			any = true;
		else
			at += n;
	}
	return any;
}

static inline void shrink_list(struct op *list)
{
	size_t chunk = (shrink.n + 1) / 2;
	bool any;

	while (chunk) {
		any = leave_out(chunk, list);
		if (shrink.n <= SHORT_LIST && !shrink.look_always) {
			shrink.look_always = true;
			shrink.look_always = goes_wrong(shrink.ops, shrink.n);
		}
		if (chunk > 1)
			chunk = lesser((chunk + 1) / 2, (shrink.n + 1) / 2);
		else if (!any)
			break;
	}
}

static inline bool try_op(size_t i, const struct op *simpler, struct op *list)
{
	if (!memcmp(&shrink.ops[i], simpler, sizeof(*simpler)))
		return false;
	memcpy(list, shrink.ops, shrink.n * sizeof(*list));
	list[i] = *simpler;
	return take_if_wrong(list, shrink.n);
}

static inline void simplify_op(size_t i, struct op *list)
{
	struct op op = shrink.ops[i];

	op.mode = PLAIN;
	try_op(i, &op, list);
	op = shrink.ops[i];
	op.side = LOWER;
	if (i < shrink.n)
		try_op(i, &op, list);
	while (i < shrink.n) {
		op = shrink.ops[i];
		op.len /= 2;
		if (!op.len || !try_op(i, &op, list))
			break;
	}
}

/*
 * Shrink @ops, the last of which was the one that went wrong. The result is in
 * shrink.ops. False if they do not go wrong again.
 */
static inline bool shrink_run(const struct op *ops, size_t n,
			      const uint32_t (*sizes)[FILES], long seconds)
{
	struct op *list = malloc((n + FILES) * sizeof(*list));
	size_t i;

	shrink.ops = malloc((n + FILES) * sizeof(*list));
	shrink.end = time(NULL) + seconds;
	if (!shrink_to_end(ops, n, sizes)) {
		free(list);
		return false;
	}
	shrink_list(list);
	for (i = 0; i < shrink.n; i++)
		simplify_op(i, list);
	shrink_list(list);
	free(list);
	return true;
}

#endif /* FMAP_EXERCISE_SHRINK_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The operations of exercise.c as text, one a line, to be read again:
 *
 *	1234 copy fmap plain a 0x1000 0x200 b 0x3000
 *
 * Number, what, through which path, by which kind of open file, file, offset,
 * length, and a second file and offset, which most do not look at.
 */
#ifndef FMAP_EXERCISE_LOG_H
#define FMAP_EXERCISE_LOG_H

#include "exercise_check.h"

static inline void op_print(FILE *to, const char *prefix, const struct op *op)
{
	fprintf(to, "%s%u %s %s %s %c %#x %#x %c %#x\n", prefix, op->nr, kinds[op->kind].name,
		side_names[op->side], mode_names[op->mode], file_letter(op->file),
		op->off, op->len, file_letter(op->to), op->at);
}

static inline void ops_print(const struct op *ops, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		op_print(stdout, "#   ", &ops[i]);
}

static inline int name_index(const char *name, const char * const *names, int n)
{
	int i;

	for (i = 0; i < n && strcmp(name, names[i]); i++)
		;
	return i < n ? i : -1;
}

static inline bool op_is_sane(const struct op *op)
{
	return op->file < FILES && op->to < FILES && op->off <= max_size() &&
	       op->len <= max_size() - op->off && op->at <= max_size() &&
	       (!(kinds[op->kind].shape & TWO) || op->len <= max_size() - op->at) &&
	       (!(kinds[op->kind].shape & OTHER) || op->to != op->file);
}

/* Is @line an operation? As op_print() writes it, and as a log shows it. */
static inline bool op_parse(const char *line, struct op *op)
{
	char name[32], side_name[8], mode_name[8], file, to;
	int kind, side, mode;

	line += strspn(line, "# ");
	if (sscanf(line, "%u %31s %7s %7s %c %x %x %c %x", &op->nr, name, side_name,
		   mode_name, &file, &op->off, &op->len, &to, &op->at) != 9)
		return false;
	kind = kind_named(name);
	side = name_index(side_name, side_names, 2);
	mode = name_index(mode_name, mode_names, NR_MODES);
	if (kind < 0 || side < 0 || mode < 0)
		return false;
	op->kind = kind;
	op->side = side;
	op->mode = mode;
	op->file = file - 'a';
	op->to = to - 'a';
	return op_is_sane(op);
}

/* The operations of a file; other lines are skipped. */
static inline struct op *ops_read(const char *path, size_t *n)
{
	FILE *f = fopen(path, "r");
	struct op *ops = NULL;
	size_t room = 0;
	char line[256];

	if (!f)
		fmap_die("%s", path);
	*n = 0;
	while (fgets(line, sizeof(line), f)) {
		if (*n == room) {
			room = 2 * room + 64;
			ops = realloc(ops, room * sizeof(*ops));
		}
		if (op_parse(line, &ops[*n]))
			++*n;
	}
	fclose(f);
	return ops;
}

/* Where results go, if anywhere: the name of the file, or NULL. */
static inline const char *ops_save(const char *name, const struct op *ops, size_t n)
{
	static struct fmap_path path;
	const char *dir = getenv("FMAP_OUT");
	FILE *f;
	size_t i;

	path = fmap_at(dir && *dir ? dir : "/tmp", "%s", name);
	f = fopen(path.s, "w");
	if (!f)
		return NULL;
	for (i = 0; i < n; i++)
		op_print(f, "", &ops[i]);
	fclose(f);
	return path.s;
}

#endif /* FMAP_EXERCISE_LOG_H */

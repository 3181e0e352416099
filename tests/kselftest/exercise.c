// SPDX-License-Identifier: GPL-2.0
/*
 * Random operations on two files, each by the mount or by the lower directory,
 * against a model of the files in memory: the data that any program sees by
 * either path are those that it would see on the plain lower filesystem.
 *
 * Environment:
 *	OPS=20000		how many; a fifth of them while mount options change
 *	SEED=1			of what they are
 *	OPTIONS=engine=hold	remount with these first
 *	REPLAY=FILE		do what is in a log instead
 *	LOG=FILE		write each down before it is done, in case all goes down
 *	SHRINK=60		seconds to look for a short list that goes wrong as well
 *	LAST=20			how many to show of those before the fault
 *
 * Logs of a run that failed are left in FMAP_OUT or in the temporary directory:
 * exercise-SEED-PART.log has all, .min the short list.
 */
#include "exercise_shrink.h"

#define CHANGING_SHARE	5	/* one in */

/* Refused that often and never done: this lower filesystem cannot. */
#define REFUSED_FOR_GOOD	4

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoul(value, NULL, 0) : otherwise;
}

/* --- choosing ----------------------------------------------------------------- */

static struct {
	uint64_t seed;
	bool changing;
	struct op *ops;
	uint32_t (*sizes)[FILES];
	FILE *log;
} run;

/* Below @n. */
static size_t dice(size_t n)
{
	return (fmap_rand(&run.seed) >> 16) % n;
}

static bool one_in(size_t n)
{
	return !dice(n);
}

static bool is_useful(unsigned int kind)
{
	return done_count[kind] || refused_count[kind] < REFUSED_FOR_GOOD || one_in(20);
}

static unsigned int choose_kind(void)
{
	size_t sum = 0, at;
	unsigned int i;

	for (i = 0; i < NR_KINDS; i++)
		sum += kinds[i].weight;
	for (;;) {
		at = dice(sum);
		for (i = 0; at >= kinds[i].weight; i++)
			at -= kinds[i].weight;
		if ((kinds[i].shape & CHANGING && !run.changing) || !is_useful(i))
			continue;
		return i;
	}
}

/* Ends of pages, blocks and files are where things go wrong. */
static size_t choose_offset(const struct model *m)
{
	size_t at;

	switch (dice(4)) {
	case 0:
		at = m->size + dice(129);
		at -= lesser(at, 64);
		break;
	case 1:
		at = dice(FILE_PAGES) * fmap_page() + dice(5);
		at -= lesser(at, 2);
		break;
	case 2:
		at = dice(m->size + 1);
		break;
	default:
		at = dice(max_size());
		break;
	}
	return lesser(at, max_size() - 1);
}

static size_t choose_length(void)
{
	switch (dice(8)) {
	case 0:
	case 1:
		return 1 + dice(64);
	case 2:
		return fmap_page() * (1 + dice(8));
	case 3:
		return 1 + dice(16 * fmap_page());
	default:
		return 1 + dice(2 * fmap_page());
	}
}

static enum mode choose_mode(unsigned int shape)
{
	if (shape & DIRECT_TOO && one_in(4))
		return DIRECT;
	if (shape & APPEND_TOO && one_in(2))
		return APPEND;
	return PLAIN;
}

/* What an operation is mostly to be aligned to. */
static size_t choose_unit(const struct op *op, unsigned int shape)
{
	if (shape & BLOCKS && !one_in(16))
		return fmap_page();
	if (op->mode == DIRECT && !one_in(8))
		return one_in(2) ? fmap_page() : 512;
	return 1;
}

static void choose_op(struct op *op, uint32_t nr)
{
	unsigned int kind = choose_kind(), shape = kinds[kind].shape;
	size_t unit;

	memset(op, 0, sizeof(*op));
	op->nr = nr;
	op->kind = kind;
	op->side = one_in(3) ? LOWER : FMAP;
	op->mode = choose_mode(shape);
	op->file = dice(FILES);
	op->to = shape & TWO ? dice(FILES) : op->file;
	if (shape & OTHER)
		op->to = !op->file;
	unit = choose_unit(op, shape);
	op->off = choose_offset(&models[op->file]) / unit * unit;
	op->at = choose_offset(&models[op->to]) / unit * unit;
	op->len = (choose_length() + unit - 1) / unit * unit;
	op->len = lesser(op->len, max_size() - op->off);
	if (shape & TWO)
		op->len = lesser(op->len, max_size() - op->at);
}

static void make_op(struct op *op, uint32_t nr)
{
	unsigned int i;

	choose_op(op, nr);
	for (i = 0; i < FILES; i++)
		run.sizes[nr - 1][i] = models[i].size;
	if (run.log)
		op_print(run.log, "", op);
}

/* --- telling -------------------------------------------------------------------- */

static void tell_counts(void)
{
	size_t i;

	printf("# done/refused:");
	for (i = 0; i < NR_KINDS; i++)
		if (done_count[i] || refused_count[i])
			printf(" %s %lu/%lu", kinds[i].name, done_count[i], refused_count[i]);
	printf("\n");
}

static void tell_last(const struct op *ops, size_t n)
{
	size_t last = lesser(n, setting("LAST", 20));

	printf("# the last %zu operations:\n", last);
	ops_print(ops + n - last, last);
}

/* Is it the lower filesystem's own fault? */
static void tell_whose(void)
{
	rig.plain_lower = true;
	if (run_list(shrink.ops, shrink.n, shrink.look_always, NULL))
		printf("# it also goes wrong on the plain lower filesystem: %s\n", fault.text);
	else
		printf("# on the plain lower filesystem it goes well\n");
	rig.plain_lower = false;
}

static void tell_shrunk(size_t from, const char *name)
{
	const char *path = ops_save(name, shrink.ops, shrink.n);

	printf("# shrunk from %zu to %zu operations in %u runs:\n", from, shrink.n,
	       shrink.runs);
	ops_print(shrink.ops, shrink.n);
	printf("# they give: %s\n", run_list(shrink.ops, shrink.n, shrink.look_always, NULL) ?
	       fault.text : "nothing wrong, this time");
	tell_whose();
	printf("# to do them again: REPLAY=%s\n", path ? path : "(a file of these lines)");
}

static void tell_failure(size_t n, unsigned long ops, const char *part)
{
	unsigned long seed = setting("SEED", 1);
	const char *path;
	char name[64];

	printf("# seed %lu, operation %zu of %lu: %s\n", seed, n, ops, fault.text);
	tell_last(run.ops, n);
	snprintf(name, sizeof(name), "exercise-%lu-%s.log", seed, part);
	path = ops_save(name, run.ops, n);
	printf("# all operations: %s\n", path ? path : "could not be saved");
	if (!setting("SHRINK", 60))
		return;
	snprintf(name, sizeof(name), "exercise-%lu-%s.min", seed, part);
	if (shrink_run(run.ops, n, run.sizes, setting("SHRINK", 60)))
		tell_shrunk(n, name);
	else
		printf("# the same operations again: nothing goes wrong\n");
}

/* --- tests ------------------------------------------------------------------------ */

static void begin(unsigned long ops, bool changing)
{
	const char *log = getenv("LOG"), *options = getenv("OPTIONS");

	probe_init();
	if (options && *options)
		fmap_remount(options);
	run.seed = (setting("SEED", 1) + 1) * 0x9e3779b97f4a7c15ULL;
	/* Not the same once more. */
	if (changing)
		run.seed = ~run.seed;
	run.changing = changing;
	run.ops = malloc(ops * sizeof(*run.ops));
	run.sizes = malloc(ops * sizeof(*run.sizes));
	run.log = log && *log ? fopen(log, "w") : NULL;
	if (run.log)
		setvbuf(run.log, NULL, _IOLBF, 0);
}

FIXTURE(exercise) {
	struct fmap_counters before;
};

FIXTURE_VARIANT(exercise) {
	const char *part;
	bool changing;
};

FIXTURE_VARIANT_ADD(exercise, as_mounted) { .part = "as_mounted" };
FIXTURE_VARIANT_ADD(exercise, changing) { .part = "changing", .changing = true };

FIXTURE_SETUP(exercise)
{
	fmap_read_counters(&self->before);
}

FIXTURE_TEARDOWN(exercise) { }

TEST_F(exercise, random)
{
	unsigned long ops = setting("OPS", 20000) / CHANGING_SHARE;
	struct fmap_counters d;
	time_t from = time(NULL);
	size_t bad;

	if (getenv("REPLAY"))
		SKIP(return, "a replay");
	if (!variant->changing)
		ops *= CHANGING_SHARE - 1;
	begin(ops, variant->changing);
	bad = run_list(run.ops, ops, false, make_op);
	printf("# %lu operations, %ld s\n", bad ? bad : ops, (long)(time(NULL) - from));
	tell_counts();
	if (bad)
		tell_failure(bad, ops, variant->part);
	ASSERT_EQ(0U, bad);

	/* It was the mount that was exercised. */
	fmap_counters_since(&self->before, &d);
	EXPECT_LT(0, d.flt_calls);
	EXPECT_LT(0, d.fa_calls);
	if (!lower_is("tmpfs")) {
		EXPECT_LT(0, d.mkw_calls);
	}
}

TEST(replay)
{
	const char *path = getenv("REPLAY");
	size_t n, bad;
	struct op *ops;

	if (!path || !*path)
		SKIP(return, "no REPLAY");
	probe_init();
	ops = ops_read(path, &n);
	ASSERT_LT(0U, n);
	/* A look can bring the fault about, or hide it. */
	bad = run_list(ops, n, false, NULL) ?: run_list(ops, n, true, NULL);
	if (bad) {
		printf("# operation %zu of %zu: %s\n", bad, n, fault.text);
		tell_last(ops, bad);
	}
	EXPECT_EQ(0U, bad);
}

FMAP_TEST_MAIN

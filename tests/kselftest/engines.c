// SPDX-License-Identifier: GPL-2.0
/*
 * Engines differ in what a fault holds while it sleeps, in nothing else: the
 * same trace in each of them reads the same data and leaves the same pages in
 * the page cache; counted are the same misses, and the same pages were mapped.
 */
#include "fmap_trace_run.h"

#define FILE_PAGES	1100

static const char *name = "engines.data";

FIXTURE(engines) {
	struct fmap_path mnt;
	struct fmap_path lower;
	struct fmap_trace t;
};

FIXTURE_VARIANT(engines) {
	enum fmap_pattern pattern;
	bool shared;
	bool store;
};

#define VARIANTS(name, pat) \
	FIXTURE_VARIANT_ADD(engines, name##_private_load) { .pattern = pat }; \
	FIXTURE_VARIANT_ADD(engines, name##_private_store) { \
		.pattern = pat, .store = true }; \
	FIXTURE_VARIANT_ADD(engines, name##_shared_load) { \
		.pattern = pat, .shared = true }; \
	FIXTURE_VARIANT_ADD(engines, name##_shared_store) { \
		.pattern = pat, .shared = true, .store = true }

VARIANTS(seq, FMAP_SEQ);
VARIANTS(stride16, FMAP_STRIDE16);
VARIANTS(reverse, FMAP_REVERSE);
VARIANTS(random, FMAP_RANDOM);

FIXTURE_SETUP(engines)
{
	const struct fmap_mapping map = {
		.file_pages = FILE_PAGES,
		.pages = FILE_PAGES,
		.shared = variant->shared,
	};

	fmap_remount_plain();
	self->mnt = fmap_at(fmap_mnt(), "%s", name);
	self->lower = fmap_at(fmap_lower(), "%s", name);
	fmap_trace_init(&self->t, &map, variant->pattern, variant->store, false);
}

FIXTURE_TEARDOWN(engines)
{
	fmap_remount_plain();
}

/* Words of the file, read through the mount, that are not what was written. */
static long wrong_words(const char *path)
{
	long wrong = 0;
	uint64_t *map;
	size_t i;
	int fd = open(path, O_RDONLY);

	map = mmap(NULL, FILE_PAGES * fmap_page(), PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd < 0 || map == MAP_FAILED)
		fmap_die("%s", path);
	for (i = 0; i < (FILE_PAGES * fmap_page() - 100) / 8; i++)
		wrong += map[i] != fmap_word(i * 8);
	munmap(map, FILE_PAGES * fmap_page());
	close(fd);
	return wrong;
}

/* What does not depend on time: elsewhere than on brd, what is read ahead does. */
static int compare(const struct fmap_seen *pin, const struct fmap_seen *other)
{
	if (!fmap_on_brd())
		return 0;
	return fmap_diff_residency(pin->residency, other->residency, FILE_PAGES) +
	       fmap_diff_value("vmstat pgmajfault", pin->usage.pgmajfault,
			       other->usage.pgmajfault) +
	       fmap_diff_value("flt_miss", pin->c.flt_miss, other->c.flt_miss) +
	       fmap_diff_value("ara_trigger", pin->c.ara_trigger, other->c.ara_trigger) +
	       fmap_diff_value("mkw_calls", pin->c.mkw_calls, other->c.mkw_calls);
}

/* Return: how many words of the file are wrong afterwards. */
static int run(const FIXTURE_DATA(engines) *self, const char *engine, struct fmap_seen *seen)
{
	fmap_remount(engine);
	fmap_trace_prepare(&self->t, self->lower.s);
	fmap_trace_run(&self->t, self->mnt.s, seen);
	return fmap_diff_value("wrong words", 0, wrong_words(self->mnt.s));
}

/* Run in each; how many differences to pin. */
static int differences(const FIXTURE_DATA(engines) *self)
{
	struct fmap_seen pin, retry, hold;
	int n;

	n = run(self, "engine=pin", &pin);
	n += run(self, "engine=retry", &retry) + compare(&pin, &retry);
	if (n)
		printf("# so much for engine=retry\n");
	n += run(self, "engine=hold", &hold) + compare(&pin, &hold) +
	     fmap_diff_value("drop_total, hold", 0, hold.c.drop_total) +
	     fmap_diff_value("flt_retry, hold", 0, hold.c.flt_retry);
	free(pin.residency);
	free(retry.residency);
	free(hold.residency);
	return n;
}

TEST_F(engines, cold)
{
	EXPECT_EQ(0, differences(self));
}

/* A few accesses: most of the file stays where it was. */
TEST_F(engines, cold_few)
{
	if (self->t.n > 12)
		self->t.n = 12;
	EXPECT_EQ(0, differences(self));
}

TEST_F(engines, warm)
{
	self->t.warm = true;
	EXPECT_EQ(0, differences(self));
}

FMAP_TEST_MAIN_UNLESS(fmap_keep_file(name, FILE_PAGES * fmap_page() - 100))

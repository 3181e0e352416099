// SPDX-License-Identifier: GPL-2.0
/* Unit tests of src/window.c: every policy, every edge, and random places. */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#include "ktap.h"
#include "policy.h"
#include "../random.h"

#define SLOTS	512U

static struct fmap_range window(enum fmap_policy_kind kind, unsigned int pages,
				const struct fmap_place *p, struct fmap_range asked)
{
	const struct fmap_around policy = { .kind = kind, .pages = pages };

	return fmap_window(&policy, p, asked);
}

static bool is(struct fmap_range r, unsigned long first, unsigned long last)
{
	if (r.first == first && r.last == last)
		return true;
	printf("# expected %lu..%lu, got %lu..%lu\n", first, last, r.first, r.last);
	return false;
}

/* A large mapping from page 0 of the file, on a page-table boundary. */
static struct fmap_place middle(unsigned long pgoff)
{
	return (struct fmap_place) {
		.pgoff = pgoff,
		.vma_pages = 10 * SLOTS,
		.slot = pgoff % SLOTS,
		.slots = SLOTS,
	};
}

static bool test_off(void)
{
	struct fmap_place p = middle(1000);
	struct fmap_range asked = { 992, 1007 };

	CHECK(is(window(FMAP_OFF, 0, &p, asked), 1000, 1000));
	return true;
}

static bool test_kernel(void)
{
	struct fmap_place p = middle(1000);

	CHECK(is(window(FMAP_KERNEL, 0, &p, (struct fmap_range) { 992, 1007 }), 992, 1007));
	CHECK(is(window(FMAP_KERNEL, 0, &p, (struct fmap_range) { 1000, 1000 }), 1000, 1000));
	return true;
}

/* Until there is an adaptive policy it must be a legal one. */
static bool test_adaptive(void)
{
	struct fmap_place p = middle(1000);
	struct fmap_range win = window(FMAP_ADAPTIVE, 0, &p, (struct fmap_range) { 992, 1007 });

	CHECK(win.first <= 1000 && win.last >= 1000);
	CHECK(win.first >= 512 && win.last <= 1023);
	return true;
}

static bool test_size(void)
{
	struct fmap_range asked = { 992, 1007 };
	struct fmap_place p = middle(1000);

	CHECK(is(window(FMAP_SIZE, 1, &p, asked), 1000, 1000));
	CHECK(is(window(FMAP_SIZE, 2, &p, asked), 1000, 1001));
	CHECK(is(window(FMAP_SIZE, 16, &p, asked), 992, 1007));
	CHECK(is(window(FMAP_SIZE, 64, &p, asked), 960, 1023));
	CHECK(is(window(FMAP_SIZE, 512, &p, asked), 512, 1023));
	return true;
}

/* More than a page table is a page table; nothing at all is one page. */
static bool test_size_extremes(void)
{
	struct fmap_range asked = { 992, 1007 };
	struct fmap_place p = middle(1000);

	CHECK(is(window(FMAP_SIZE, 1024, &p, asked), 512, 1023));
	CHECK(is(window(FMAP_SIZE, 1U << 31, &p, asked), 512, 1023));
	CHECK(is(window(FMAP_SIZE, 0, &p, asked), 1000, 1000));
	return true;
}

static bool test_table(void)
{
	struct fmap_place p = middle(1000);

	CHECK(is(window(FMAP_TABLE, 0, &p, (struct fmap_range) { 992, 1007 }), 512, 1023));
	p = middle(511);
	CHECK(is(window(FMAP_TABLE, 0, &p, (struct fmap_range) { 511, 511 }), 0, 511));
	p = middle(512);
	CHECK(is(window(FMAP_TABLE, 0, &p, (struct fmap_range) { 512, 512 }), 512, 1023));
	return true;
}

static bool test_vma_start(void)
{
	/* Mapped from file page 100 on, its first PTE is slot 5. */
	struct fmap_place p = {
		.pgoff = 102, .vma_first = 100, .vma_pages = 1000, .slot = 7, .slots = SLOTS,
	};
	struct fmap_range asked = { 100, 110 };

	CHECK(is(fmap_window_limit(&p), 100, 606));
	CHECK(is(window(FMAP_SIZE, 16, &p, asked), 100, 110));
	CHECK(is(window(FMAP_SIZE, 4, &p, asked), 100, 102));
	CHECK(is(window(FMAP_TABLE, 0, &p, asked), 100, 606));
	CHECK(is(window(FMAP_OFF, 0, &p, asked), 102, 102));
	return true;
}

static bool test_vma_end(void)
{
	struct fmap_place p = {
		.pgoff = 1097, .vma_first = 100, .vma_pages = 1000, .slot = 20, .slots = SLOTS,
	};
	struct fmap_range asked = { 1093, 1099 };

	CHECK(is(fmap_window_limit(&p), 1077, 1099));
	CHECK(is(window(FMAP_SIZE, 16, &p, asked), 1093, 1099));
	CHECK(is(window(FMAP_SIZE, 512, &p, asked), 1077, 1099));
	CHECK(is(window(FMAP_TABLE, 0, &p, asked), 1077, 1099));
	return true;
}

static bool test_one_page_vma(void)
{
	struct fmap_place p = {
		.pgoff = 77, .vma_first = 77, .vma_pages = 1, .slot = 300, .slots = SLOTS,
	};
	struct fmap_range asked = { 77, 77 };
	int kind;

	for (kind = FMAP_KERNEL; kind <= FMAP_ADAPTIVE; kind++)
		CHECK(is(window(kind, 64, &p, asked), 77, 77));
	return true;
}

static bool test_table_edges(void)
{
	struct fmap_place first = middle(SLOTS), last = middle(2 * SLOTS - 1);

	CHECK(is(fmap_window_limit(&first), SLOTS, 2 * SLOTS - 1));
	CHECK(is(fmap_window_limit(&last), SLOTS, 2 * SLOTS - 1));
	CHECK(is(window(FMAP_SIZE, 16, &first, (struct fmap_range) { 512, 527 }), 512, 527));
	CHECK(is(window(FMAP_SIZE, 16, &last, (struct fmap_range) { 1008, 1023 }), 1008, 1023));
	return true;
}

/* A core that asks for more than is legal does not get it. */
static bool test_asked_too_much(void)
{
	struct fmap_place p = middle(1000);

	CHECK(is(window(FMAP_KERNEL, 0, &p, (struct fmap_range) { 0, 5000 }), 512, 1023));
	CHECK(is(window(FMAP_KERNEL, 0, &p, (struct fmap_range) { 1000, ULONG_MAX }),
		 1000, 1023));
	return true;
}

static bool test_start_of_file(void)
{
	struct fmap_place p = {
		.pgoff = 0, .vma_first = 0, .vma_pages = 3, .slot = 511, .slots = SLOTS,
	};

	CHECK(is(fmap_window_limit(&p), 0, 0));
	CHECK(is(window(FMAP_TABLE, 0, &p, (struct fmap_range) { 0, 0 }), 0, 0));
	p.slot = 510;
	CHECK(is(window(FMAP_SIZE, 512, &p, (struct fmap_range) { 0, 1 }), 0, 1));
	return true;
}

static bool test_end_of_offsets(void)
{
	struct fmap_place p = {
		.pgoff = ULONG_MAX - 1, .vma_first = ULONG_MAX - 9, .vma_pages = 10,
		.slot = 8, .slots = SLOTS,
	};
	struct fmap_range asked = { ULONG_MAX - 9, ULONG_MAX };

	CHECK(is(fmap_window_limit(&p), ULONG_MAX - 9, ULONG_MAX));
	CHECK(is(window(FMAP_TABLE, 0, &p, asked), ULONG_MAX - 9, ULONG_MAX));
	CHECK(is(window(FMAP_SIZE, 16, &p, asked), ULONG_MAX - 9, ULONG_MAX));
	CHECK(is(window(FMAP_SIZE, 8, &p, asked), ULONG_MAX - 1, ULONG_MAX));
	CHECK(is(window(FMAP_KERNEL, 0, &p, asked), ULONG_MAX - 9, ULONG_MAX));
	p.pgoff = ULONG_MAX;
	p.slot = 9;
	CHECK(is(window(FMAP_TABLE, 0, &p, asked), ULONG_MAX - 9, ULONG_MAX));
	return true;
}

/* Other page sizes have other page tables: 8192 PTEs on 64 KiB pages. */
static bool test_other_page_size(void)
{
	struct fmap_place p = middle(1000);

	p.slots = 8192;
	p.slot = 5000;
	CHECK(is(window(FMAP_SIZE, 512, &p, (struct fmap_range) { 992, 1007 }), 608, 1119));
	CHECK(is(window(FMAP_TABLE, 0, &p, (struct fmap_range) { 992, 1007 }), 0, 4191));
	return true;
}

static struct fmap_place random_place(void)
{
	struct fmap_place p = { .slots = rnd() % 8 ? SLOTS : 8192 };
	unsigned long room, off;

	p.vma_pages = 1 + (rnd() % 2 ? rnd() % 40 : rnd() % 100000);
	switch (rnd() % 3) {
	case 0:
		p.vma_first = rnd() % 100;
		break;
	case 1:
		p.vma_first = ULONG_MAX - (p.vma_pages - 1) - rnd() % 3;
		if (p.vma_first > ULONG_MAX - (p.vma_pages - 1))
			p.vma_first = ULONG_MAX - (p.vma_pages - 1);
		break;
	default:
		room = ULONG_MAX - p.vma_pages;
		p.vma_first = rnd() % room;
	}
	off = rnd() % p.vma_pages;
	p.pgoff = p.vma_first + off;
	p.slot = rnd() % p.slots;
	return p;
}

/* As a core would: anything legal around the page. */
static struct fmap_range random_asked(const struct fmap_place *p)
{
	struct fmap_range limit = fmap_window_limit(p);

	return (struct fmap_range) {
		.first = p->pgoff - rnd() % (p->pgoff - limit.first + 1),
		.last = p->pgoff + rnd() % (limit.last - p->pgoff + 1),
	};
}

/* The limit, said in another way: by walking from the page. */
static bool limit_is_right(const struct fmap_place *p, struct fmap_range limit)
{
	unsigned long before = p->pgoff - limit.first, after = limit.last - p->pgoff;
	unsigned long off = p->pgoff - p->vma_first;

	CHECK(limit.first <= p->pgoff && limit.last >= p->pgoff);
	CHECK(before <= p->slot && before <= off);
	CHECK(before == p->slot || before == off);
	CHECK(after <= p->slots - 1 - p->slot && after <= p->vma_pages - 1 - off);
	CHECK(after == p->slots - 1 - p->slot || after == p->vma_pages - 1 - off);
	return true;
}

static bool size_is_right(const struct fmap_place *p, unsigned int pages,
			  struct fmap_range win)
{
	unsigned int size = pages < p->slots ? pages : p->slots;
	unsigned long first_slot = p->slot - (p->pgoff - win.first);
	unsigned long last_slot = p->slot + (win.last - p->pgoff);
	unsigned long vma_last = p->vma_first + (p->vma_pages - 1);

	CHECK(first_slot / size == p->slot / size && last_slot / size == p->slot / size);
	CHECK(first_slot % size == 0 || win.first == p->vma_first);
	CHECK(last_slot % size == size - 1 || win.last == vma_last);
	return true;
}

static bool one_random(void)
{
	struct fmap_place p = random_place();
	struct fmap_range asked = random_asked(&p);
	struct fmap_range limit = fmap_window_limit(&p);
	unsigned int pages = 1U << rnd() % 14;
	enum fmap_policy_kind kind = rnd() % (FMAP_ADAPTIVE + 1);
	struct fmap_range win = window(kind, pages, &p, asked);

	CHECK(limit_is_right(&p, limit));
	CHECK(win.first <= p.pgoff && win.last >= p.pgoff);
	CHECK(win.first >= limit.first && win.last <= limit.last);
	if (kind == FMAP_SIZE)
		CHECK(size_is_right(&p, pages, win));
	if (kind == FMAP_KERNEL)
		CHECK(is(win, asked.first, asked.last));
	if (kind == FMAP_TABLE)
		CHECK(is(win, limit.first, limit.last));
	return true;
}

static bool test_random(void)
{
	uint64_t start = seed, this;
	int i;

	printf("# seed %llu\n", (unsigned long long)start);
	for (i = 0; i < 1000000; i++) {
		this = seed;
		if (one_random())
			continue;
		printf("# at place %d, reached again with seed %llu\n", i,
		       (unsigned long long)this);
		return false;
	}
	return true;
}

static const struct ktap_test tests[] = {
	{ "off_is_one_page", test_off },
	{ "kernel_is_what_was_asked", test_kernel },
	{ "adaptive_is_legal", test_adaptive },
	{ "size_is_aligned", test_size },
	{ "size_extremes", test_size_extremes },
	{ "table", test_table },
	{ "start_of_mapping", test_vma_start },
	{ "end_of_mapping", test_vma_end },
	{ "mapping_of_one_page", test_one_page_vma },
	{ "page_table_edges", test_table_edges },
	{ "asked_for_too_much", test_asked_too_much },
	{ "start_of_file", test_start_of_file },
	{ "end_of_offsets", test_end_of_offsets },
	{ "other_page_size", test_other_page_size },
	{ "random_places", test_random },
};

int main(int argc, char **argv)
{
	seed_from(argc, argv);
	return ktap_run(tests, sizeof(tests) / sizeof(tests[0]));
}

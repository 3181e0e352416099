// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU's software emulation: how often each piece of code runs between
 * the marks of profile.h, exactly. scripts/bench/profile makes a table by function
 * of that.
 *
 * A piece is what QEMU translates at once, up to the next jump, so it is part of one
 * function. One processor only: what counts is not locked.
 *
 * Argument out=FILE: a line for each piece of each profile, "ADDRESS NUMBER
 * INSTRUCTIONS", profiles numbered from 1.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"

/* Of QEMU's qemu-plugin.h, which Debian does not package, what is needed here. */
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
		void (*cb)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb,
		enum qemu_plugin_op op, void *ptr, uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
		void (*cb)(unsigned int vcpu, void *data),
		enum qemu_plugin_cb_flags flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
		size_t idx);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

int qemu_plugin_version = 1;

/**
 * struct piece - code that is translated at once
 * @address:	of its first instruction
 * @length:	how many instructions it has
 * @runs:	how often it ran, ever
 * @from:	@runs when counting last began
 * @counted:	runs of the profile under way, until it last stopped
 * @next:	another one with the same hash
 */
struct piece {
	uint64_t address;
	uint64_t length;
	uint64_t runs;
	uint64_t from;
	uint64_t counted;
	struct piece *next;
};

#define HASH_BITS	17
static struct piece *pieces[1 << HASH_BITS];
static FILE *out;
static bool counts;
static int number;

/* The same code may be translated more than once. */
static struct piece *find_piece(uint64_t address, uint64_t length)
{
	struct piece **at = &pieces[address * 0x9e3779b97f4a7c15 >> (64 - HASH_BITS)], *p;

	for (p = *at; p; p = p->next)
		if (p->address == address && p->length == length)
			return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		abort();
	p->address = address;
	p->length = length;
	p->next = *at;
	return *at = p;
}

static void go(struct piece *p)
{
	p->from = p->runs;
}

static void stop(struct piece *p)
{
	p->counted += p->runs - p->from;
}

static void write_piece(struct piece *p)
{
	if (p->counted)
		fprintf(out, "%016" PRIx64 " %d %" PRIu64 "\n", p->address, number,
			p->counted * p->length);
	p->counted = 0;
}

static void for_each_piece(void (*fn)(struct piece *p))
{
	struct piece *p;
	size_t i;

	for (i = 0; i < 1 << HASH_BITS; i++)
		for (p = pieces[i]; p; p = p->next)
			fn(p);
}

static void meet_mark(unsigned int vcpu, void *data)
{
	enum profile_mark mark = (uintptr_t)data;

	(void)vcpu;
	if (mark == PROFILE_WRITE) {
		number++;
		for_each_piece(write_piece);
		fflush(out);
	} else if (counts != (mark == PROFILE_GO)) {
		counts = !counts;
		for_each_piece(counts ? go : stop);
	}
}

static void look_for_mark(struct qemu_plugin_insn *insn)
{
	static const unsigned char nop[] = { PROFILE_NOP };
	const unsigned char *code = qemu_plugin_insn_data(insn);

	if (qemu_plugin_insn_size(insn) == sizeof(nop) + 1 &&
	    !memcmp(code, nop, sizeof(nop)))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, meet_mark,
			QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)code[sizeof(nop)]);
}

static void translate(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb), i;
	struct piece *p;

	(void)id;
	p = find_piece(qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0)), n);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &p->runs, 1);
	for (i = 0; i < n; i++)
		look_for_mark(qemu_plugin_tb_get_insn(tb, i));
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc == 1 && !strncmp(argv[0], "out=", 4))
		out = fopen(argv[0] + 4, "w");
	if (!out) {
		fprintf(stderr, "profile: out=FILE, which can be written, is wanted\n");
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of kselftest_harness.h that these tests use, under the same names.
 * In a kernel tree that one is taken instead.
 *
 *	FIXTURE(f) { int fd; };
 *	FIXTURE_SETUP(f) { self->fd = open(...); ASSERT_LE(0, self->fd); }
 *	FIXTURE_TEARDOWN(f) { close(self->fd); }
 *	TEST_F(f, name) { EXPECT_EQ(1, x) { TH_LOG("only if it failed"); } }
 *	TEST_F_TIMEOUT(f, slow, 900) { ... }
 *	TEST(plain) { SKIP(return, "why"); }
 *	TEST_HARNESS_MAIN
 *
 * With variants each TEST_F runs once for every one of them:
 *
 *	FIXTURE_VARIANT(f) { int size; };
 *	FIXTURE_VARIANT_ADD(f, big) { .size = 100 };	// then variant->size
 *
 * Each test runs in a process of its own: a signal that kills it fails that
 * test only. EXPECT_ goes on after a failure, ASSERT_ ends the test. An
 * argument of the program runs only the tests whose name contains it.
 */
#ifndef FMAP_HARNESS_H
#define FMAP_HARNESS_H

#if __has_include("../../kselftest_harness.h")
/* Helper programs use the macros and run no tests. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "../../kselftest_harness.h"
/* Seconds. Emulated CPUs need more than the 30 of the tree. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600
#else

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define KSFT_PASS	0
#define KSFT_FAIL	1
#define KSFT_SKIP	4

#define TEST_TIMEOUT_DEFAULT	600

struct __test_metadata;

struct __fixture_variant {
	const char *name;
	const void *data;
	struct __fixture_variant *next;
};

struct __fixture {
	const char *name;
	struct __fixture_variant *variants;
};

struct __test_metadata {
	const char *name;
	struct __fixture *fixture;
	void (*fn)(struct __test_metadata *_metadata, const void *variant);
	struct __test_metadata *next;
	bool passed;
	bool skipped;
	bool trigger;
	unsigned int timeout;
	/* In memory shared with the parent: it prints the reason. */
	char *reason;
};

#define __REASON_SIZE	256

static struct __test_metadata *__test_list;

static inline void __register_test(struct __test_metadata *t)
{
	struct __test_metadata **end = &__test_list;

	while (*end)
		end = &(*end)->next;
	*end = t;
}

static inline void __register_variant(struct __fixture *f, struct __fixture_variant *v)
{
	struct __fixture_variant **end = &f->variants;

	while (*end)
		end = &(*end)->next;
	*end = v;
}

#define TH_LOG(fmt, ...) \
	printf("# %s:%d:%s: " fmt "\n", __FILE__, __LINE__, _metadata->name, ##__VA_ARGS__)

#define SKIP(statement, fmt, ...) do { \
	snprintf(_metadata->reason, __REASON_SIZE, fmt, ##__VA_ARGS__); \
	_metadata->skipped = true; \
	statement; \
} while (0)

static inline bool __bail(bool fatal)
{
	if (fatal) {
		fflush(stdout);
		_exit(KSFT_FAIL);
	}
	return false;
}

/* Lets a block after EXPECT_ or ASSERT_ run if, and only if, it failed. */
#define OPTIONAL_HANDLER(fatal) \
	for (; _metadata->trigger; _metadata->trigger = __bail(fatal))

#define __EXPECT(_expected, _str_e, _seen, _str_s, _op, _fatal) do { \
	__typeof__(_expected) __e = (_expected); \
	__typeof__(_seen) __s = (_seen); \
	if (!(__e _op __s)) { \
		TH_LOG("expected %s (%lld) " #_op " %s (%lld)", \
		       _str_e, (long long)(intptr_t)__e, \
		       _str_s, (long long)(intptr_t)__s); \
		_metadata->passed = false; \
		_metadata->trigger = true; \
	} \
} while (0); OPTIONAL_HANDLER(_fatal)

#define EXPECT_EQ(e, s)	__EXPECT(e, #e, s, #s, ==, false)
#define EXPECT_NE(e, s)	__EXPECT(e, #e, s, #s, !=, false)
#define EXPECT_LT(e, s)	__EXPECT(e, #e, s, #s, <, false)
#define EXPECT_LE(e, s)	__EXPECT(e, #e, s, #s, <=, false)
#define EXPECT_GT(e, s)	__EXPECT(e, #e, s, #s, >, false)
#define EXPECT_GE(e, s)	__EXPECT(e, #e, s, #s, >=, false)
#define EXPECT_TRUE(s)	__EXPECT(0, "0", !!(s), #s, !=, false)
#define EXPECT_FALSE(s)	__EXPECT(0, "0", !!(s), #s, ==, false)
#define ASSERT_EQ(e, s)	__EXPECT(e, #e, s, #s, ==, true)
#define ASSERT_NE(e, s)	__EXPECT(e, #e, s, #s, !=, true)
#define ASSERT_LT(e, s)	__EXPECT(e, #e, s, #s, <, true)
#define ASSERT_LE(e, s)	__EXPECT(e, #e, s, #s, <=, true)
#define ASSERT_GT(e, s)	__EXPECT(e, #e, s, #s, >, true)
#define ASSERT_GE(e, s)	__EXPECT(e, #e, s, #s, >=, true)
#define ASSERT_TRUE(s)	__EXPECT(0, "0", !!(s), #s, !=, true)
#define ASSERT_FALSE(s)	__EXPECT(0, "0", !!(s), #s, ==, true)

#define __TEST(_name, _id, _fixture, _timeout) \
	static void _id##_run(struct __test_metadata *_metadata, const void *__variant); \
	static struct __test_metadata _id##_test = { \
		.name = _name, .fixture = _fixture, .fn = _id##_run, \
		.timeout = _timeout, \
	}; \
	static void __attribute__((constructor)) _id##_register(void) \
	{ \
		__register_test(&_id##_test); \
	}

/* As in the tree, a function of this name: none that libc has. */
#define TEST(_name) \
	static void _name(struct __test_metadata *_metadata); \
	__TEST(#_name, __##_name, NULL, TEST_TIMEOUT_DEFAULT) \
	static void __##_name##_run(struct __test_metadata *_metadata, \
				    const void *__variant __attribute__((unused))) \
	{ \
		_name(_metadata); \
	} \
	static void _name(struct __test_metadata *_metadata __attribute__((unused)))

#define FIXTURE_DATA(_f)		struct __fixture_data_##_f
#define FIXTURE_VARIANT_DATA(_f)	struct __variant_data_##_f

#define FIXTURE(_f) \
	FIXTURE_VARIANT_DATA(_f); \
	static struct __fixture __fixture_##_f = { .name = #_f }; \
	FIXTURE_DATA(_f)

#define FIXTURE_SETUP(_f) \
	static void __setup_##_f(struct __test_metadata *_metadata, FIXTURE_DATA(_f) *self, \
				 const FIXTURE_VARIANT_DATA(_f) *variant \
				 __attribute__((unused)))

#define FIXTURE_TEARDOWN(_f) \
	static void __teardown_##_f(struct __test_metadata *_metadata \
				    __attribute__((unused)), \
				    FIXTURE_DATA(_f) *self __attribute__((unused)), \
				    const FIXTURE_VARIANT_DATA(_f) *variant \
				    __attribute__((unused)))

#define FIXTURE_VARIANT(_f)	FIXTURE_VARIANT_DATA(_f)

#define FIXTURE_VARIANT_ADD(_f, _v) \
	extern const FIXTURE_VARIANT_DATA(_f) __variant_##_f##_##_v; \
	static struct __fixture_variant __variant_##_f##_##_v##_entry = { \
		.name = #_v, .data = &__variant_##_f##_##_v, \
	}; \
	static void __attribute__((constructor)) __register_##_f##_##_v(void) \
	{ \
		__register_variant(&__fixture_##_f, &__variant_##_f##_##_v##_entry); \
	} \
	const FIXTURE_VARIANT_DATA(_f) __variant_##_f##_##_v =

#define TEST_F(_f, _name)	TEST_F_TIMEOUT(_f, _name, TEST_TIMEOUT_DEFAULT)

#define TEST_F_TIMEOUT(_f, _name, _timeout) \
	static void _f##_##_name(struct __test_metadata *_metadata, FIXTURE_DATA(_f) *self, \
				 const FIXTURE_VARIANT_DATA(_f) *variant); \
	__TEST(#_name, _f##_##_name, &__fixture_##_f, _timeout) \
	static void _f##_##_name##_run(struct __test_metadata *_metadata, \
				       const void *__variant) \
	{ \
		FIXTURE_DATA(_f) self; \
		\
		memset(&self, 0, sizeof(self)); \
		__setup_##_f(_metadata, &self, __variant); \
		if (_metadata->skipped || !_metadata->passed) \
			return; \
		_f##_##_name(_metadata, &self, __variant); \
		__teardown_##_f(_metadata, &self, __variant); \
	} \
	static void _f##_##_name(struct __test_metadata *_metadata __attribute__((unused)), \
				 FIXTURE_DATA(_f) *self __attribute__((unused)), \
				 const FIXTURE_VARIANT_DATA(_f) *variant \
				 __attribute__((unused)))

struct __results {
	unsigned int number;
	unsigned int passed;
	unsigned int failed;
	unsigned int skipped;
	const char *only;
	bool dry;
};

static inline void __full_name(char *buf, size_t size, const struct __test_metadata *t,
			       const struct __fixture_variant *v)
{
	snprintf(buf, size, "%s%s%s%s%s", t->fixture ? t->fixture->name : "",
		 v ? "." : "", v ? v->name : "", t->fixture ? "." : "", t->name);
}

static inline int __run_child(struct __test_metadata *t, const struct __fixture_variant *v)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return -1;
	if (!pid) {
		t->passed = true;
		alarm(t->timeout);
		t->fn(t, v ? v->data : NULL);
		fflush(stdout);
		_exit(!t->passed ? KSFT_FAIL : t->skipped ? KSFT_SKIP : KSFT_PASS);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

static inline void __run_one(struct __results *r, struct __test_metadata *t,
			     const struct __fixture_variant *v)
{
	char name[256];
	int status;

	__full_name(name, sizeof(name), t, v);
	if (r->only && !strstr(name, r->only))
		return;
	r->number++;
	if (r->dry)
		return;

	t->reason[0] = '\0';
	status = __run_child(t, v);
	if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_PASS) {
		r->passed++;
		printf("ok %u %s\n", r->number, name);
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP) {
		r->skipped++;
		printf("ok %u %s # SKIP %s\n", r->number, name, t->reason);
	} else {
		r->failed++;
		if (WIFSIGNALED(status))
			printf("# ended by signal %d (%s)\n", WTERMSIG(status),
			       WTERMSIG(status) == SIGALRM ? "timeout" :
			       strsignal(WTERMSIG(status)));
		printf("not ok %u %s\n", r->number, name);
	}
	fflush(stdout);
}

static inline void __run_all(struct __results *r)
{
	struct __fixture_variant *v;
	struct __test_metadata *t;

	for (t = __test_list; t; t = t->next) {
		if (!t->fixture || !t->fixture->variants)
			__run_one(r, t, NULL);
		else
			for (v = t->fixture->variants; v; v = v->next)
				__run_one(r, t, v);
	}
}

static inline int test_harness_run(int argc, char **argv)
{
	struct __results count = { .only = argc > 1 ? argv[1] : NULL, .dry = true };
	struct __results r = { .only = count.only };
	char *reason = mmap(NULL, __REASON_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct __test_metadata *t;

	for (t = __test_list; t; t = t->next)
		t->reason = reason;
	__run_all(&count);
	printf("KTAP version 1\n1..%u\n", count.number);
	__run_all(&r);
	printf("# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:%u error:0\n",
	       r.passed, r.failed, r.skipped);
	if (r.failed)
		return KSFT_FAIL;
	return r.passed ? KSFT_PASS : KSFT_SKIP;
}

#define TEST_HARNESS_MAIN \
	int main(int argc, char **argv) \
	{ \
		return test_harness_run(argc, argv); \
	}

#endif /* no kselftest_harness.h */
#endif /* FMAP_HARNESS_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the semantic tests share beyond fmap_test.h: the two ways to the same
 * files, files with a seeded pattern, accesses that may end in a signal in any
 * thread.
 */
#ifndef FMAP_MAPPING_H
#define FMAP_MAPPING_H

#include "fmap_test.h"

enum side { FMAP, LOWER };

static inline const char *side_dir(enum side side)
{
	return side == FMAP ? fmap_mnt() : fmap_lower();
}

static inline bool lower_is(const char *type)
{
	return !strcmp(fmap_lowerfs(), type);
}

/* DIR/NAME, in one of a few buffers in turn */
static inline const char *path_in(const char *dir, const char *name)
{
	static struct fmap_path ring[8];
	static unsigned int next;
	struct fmap_path *path = &ring[next++ % 8];

	*path = fmap_at(dir, "%s", name);
	return path->s;
}

/* Never zero, so that a hole is no pattern. */
static inline unsigned char pattern(unsigned int seed, size_t at)
{
	uint32_t x = seed * 2654435761u + at / 16 * 40503u + 12345u;

	return (x ^ x >> 13 ^ at) | 1;
}

static inline void fill(unsigned char *buf, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = pattern(seed, i);
}

/* Index of the first byte that is not @seed's, or @len. */
static inline size_t differs(const unsigned char *buf, size_t len,
			     unsigned int seed)
{
	size_t i;

	for (i = 0; i < len && buf[i] == pattern(seed, i); i++)
		;
	return i;
}

/* A fresh file of @len bytes of @seed's pattern; a file descriptor. */
static inline int make_file(const char *path, size_t len, unsigned int seed)
{
	unsigned char *buf = malloc(len ? len : 1);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || !buf)
		fmap_die("%s", path);
	fill(buf, len, seed);
	if (write(fd, buf, len) != (ssize_t)len)
		fmap_die("writing %s", path);
	free(buf);
	return fd;
}

static inline unsigned char *map_file(int fd, size_t len, int prot, int flags)
{
	unsigned char *p = mmap(NULL, len, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		fmap_die("mmap");
	return p;
}

static __thread sigjmp_buf probe_jump;
static __thread volatile sig_atomic_t probing;

static inline void probe_signal(int sig)
{
	if (!probing) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
	siglongjmp(probe_jump, sig);
}

/* Once a process; each of its threads may probe afterwards. */
static inline void probe_init(void)
{
	struct sigaction sa = { .sa_handler = probe_signal };

	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
}

/* The byte at @p, or minus the signal that reading it raised. */
static inline int probe_read(const volatile unsigned char *p)
{
	int sig = sigsetjmp(probe_jump, 1);
	int value;

	if (sig) {
		probing = 0;
		return -sig;
	}
	probing = 1;
	value = *p;
	probing = 0;
	return value;
}

/* 0, or minus the signal that storing @value raised. */
static inline int probe_write(volatile unsigned char *p, unsigned char value)
{
	int sig = sigsetjmp(probe_jump, 1);

	if (sig) {
		probing = 0;
		return -sig;
	}
	probing = 1;
	*p = value;
	probing = 0;
	return 0;
}

/*
 * Copy @n bytes, one side of which is mapped; stops at the page whose access
 * raises a signal. How many bytes were copied.
 */
static inline size_t probe_copy(unsigned char *to, const unsigned char *from,
				size_t n, const unsigned char *mapped)
{
	volatile size_t done = 0;
	size_t step;

	if (sigsetjmp(probe_jump, 1)) {
		probing = 0;
		return done;
	}
	probing = 1;
	while (done < n) {
		step = fmap_page() - (uintptr_t)(mapped + done) % fmap_page();
		if (step > n - done)
			step = n - done;
		memcpy(to + done, from + done, step);
		done += step;
	}
	probing = 0;
	return done;
}

#endif /* FMAP_MAPPING_H */

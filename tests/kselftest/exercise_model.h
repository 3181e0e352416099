/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of exercise.c hold, in memory.
 *
 * Bytes between the end of a file and the end of its last page can be stored
 * through a mapping. tmpfs keeps them until the file is cut; other filesystems
 * clear them when they write the page, at a time of their own. So when the file
 * grows over them they are what was stored or, unless on tmpfs, zero; once they
 * were seen the model has them as they are, for all views alike.
 */
#ifndef FMAP_EXERCISE_MODEL_H
#define FMAP_EXERCISE_MODEL_H

#include "mapping.h"

#define FILES		2
#define FILE_PAGES	64

struct model {
	/* Up to the end of the last page; zero from there on. */
	unsigned char *data;
	size_t size;
	/* Changed below since the mount has looked last. */
	bool stale;
	/* What a growth has made part of the file unseen. */
	size_t tail, tail_end;
};

static struct model models[FILES];

/* The first thing that was wrong. */
static struct {
	bool seen;
	char text[400];
} fault;

static inline bool __attribute__((format(printf, 1, 2))) wrong(const char *fmt, ...)
{
	va_list args;

	if (!fault.seen) {
		va_start(args, fmt);
		vsnprintf(fault.text, sizeof(fault.text), fmt, args);
		va_end(args);
	}
	fault.seen = true;
	return false;
}

static inline size_t max_size(void)
{
	return FILE_PAGES * fmap_page();
}

static inline size_t lesser(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline size_t page_end(size_t at)
{
	return (at + fmap_page() - 1) / fmap_page() * fmap_page();
}

static inline char file_letter(unsigned int file)
{
	return 'a' + file;
}

/* Bytes from @off that are in the file, @len at most. */
static inline size_t inside(const struct model *m, size_t off, size_t len)
{
	return off < m->size ? lesser(len, m->size - off) : 0;
}

/* The same of those that a mapping gives access to. */
static inline size_t mappable(const struct model *m, size_t off, size_t len)
{
	size_t end = page_end(m->size);

	return off < end ? lesser(len, end - off) : 0;
}

static inline void model_reset(void)
{
	unsigned int i;

	for (i = 0; i < FILES; i++) {
		if (!models[i].data)
			models[i].data = malloc(max_size() + fmap_page());
		if (!models[i].data)
			fmap_die("memory for the model");
		memset(models[i].data, 0, max_size() + fmap_page());
		models[i].size = 0;
		models[i].stale = false;
		models[i].tail = 0;
		models[i].tail_end = 0;
	}
}

/* @from: where what made the file grow has written, or else @size */
static inline void model_grow(struct model *m, size_t size, size_t from)
{
	if (size <= m->size)
		return;
	m->tail = m->size;
	m->tail_end = lesser(page_end(m->size), lesser(from, size));
	m->size = size;
}

static inline void model_write(struct model *m, size_t off, const unsigned char *buf,
			       size_t len)
{
	if (!len)
		return;
	memcpy(m->data + off, buf, len);
	model_grow(m, off + len, off);
}

static inline void model_cut(struct model *m, size_t size)
{
	if (size > m->size)
		model_grow(m, size, size);
	else if (size < m->size || lower_is("tmpfs"))
		memset(m->data + size, 0, page_end(m->size) - size);
	m->size = size;
}

/* What is past the end is cleared by tmpfs for sure. */
static inline void model_clear(struct model *m, size_t off, size_t len)
{
	size_t n = lower_is("tmpfs") ? mappable(m, off, len) : inside(m, off, len);

	memset(m->data + off, 0, n);
}

static inline void model_collapse(struct model *m, size_t off, size_t len)
{
	size_t end = page_end(m->size);

	memmove(m->data + off, m->data + off + len, end - off - len);
	m->size -= len;
	memset(m->data + page_end(m->size), 0, end - page_end(m->size));
}

static inline void model_insert(struct model *m, size_t off, size_t len)
{
	memmove(m->data + off + len, m->data + off, page_end(m->size) - off);
	memset(m->data + off, 0, len);
	m->size += len;
}

static inline bool wrong_byte(unsigned int file, size_t off, const unsigned char *got,
			      size_t len, const char *how)
{
	const struct model *m = &models[file];
	size_t i, n = 0;

	for (i = 0; i < len; i++)
		n += got[i] != m->data[off + i];
	return wrong("file %c, %s: first wrong byte at %#zx (page %zu + %#zx), expected %#04x, got %#04x; %zu of %zu bytes from there on are wrong; size %#zx",
		     file_letter(file), how, off, off / fmap_page(),
		     off % fmap_page(), m->data[off], got[0], n, len, m->size);
}

/*
 * Are @len bytes, seen from @off on, as they should be? From @soft on they may
 * have been cleared. @how they were seen: for the message.
 */
static inline bool model_agrees(unsigned int file, size_t off, const unsigned char *got,
				size_t len, size_t soft, const char *how)
{
	struct model *m = &models[file];
	size_t i;

	if (!memcmp(m->data + off, got, len))
		return true;
	for (i = 0; i < len; i++) {
		if (got[i] == m->data[off + i])
			continue;
		if (off + i < soft || got[i] || lower_is("tmpfs"))
			return wrong_byte(file, off + i, got + i, len - i, how);
		m->data[off + i] = 0;
	}
	return true;
}

/* Is there something in it that is not known to be zero? */
static inline bool model_has_tail(const struct model *m)
{
	size_t i;

	for (i = m->tail; i < m->tail_end; i++)
		if (m->data[i])
			return true;
	return false;
}

#endif /* FMAP_EXERCISE_MODEL_H */

/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.c - blocks in a chain, newest first; small requests are bumped, large ones get their own block.
 * Invariant: `at`..`end` is free room of the head block, 16-byte aligned. */
#include "daemon/base/arena.h"

#include "daemon/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ALIGN = 16, BLOCK = 8192 - 64, BLOCK_KEEP = 64 * 1024 };

struct arena_block {
	struct arena_block *next;
	size_t size;
};
#define HEAD ((sizeof(struct arena_block) + ALIGN - 1) / ALIGN * ALIGN)

static void use(struct arena *a, struct arena_block *b)
{
	a->at = (char *)b + HEAD;
	a->end = (char *)b + HEAD + b->size;
}

void *arena_alloc(struct arena *a, size_t size)
{
	if (size > SIZE_MAX / 2 || a->used > a->max || size > a->max - a->used)
		return NULL;
	size_t need = (size + ALIGN - 1) / ALIGN * ALIGN;
	if (need == 0)
		need = ALIGN;
	if (a->head == NULL || need > (size_t)(a->end - a->at)) {
		size_t room = a->head == NULL              ? BLOCK
			      : a->head->size < BLOCK_KEEP ? a->head->size * 2
							   : BLOCK_KEEP;
		if (room < need)
			room = need;
		struct arena_block *b = xrealloc(NULL, HEAD + room, 1);
		b->size = room;
		b->next = a->head;
		a->head = b;
		use(a, b);
	}
	void *p = a->at;
	a->at += need;
	a->used += size;
	return p;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
	if (size > 0 && count > SIZE_MAX / size)
		return NULL;
	void *p = arena_alloc(a, count * size);
	if (p != NULL)
		memset(p, 0, count * size);
	return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	if (len == SIZE_MAX)
		return NULL;
	char *copy = arena_alloc(a, len + 1);
	if (copy == NULL)
		return NULL;
	if (len > 0)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s == NULL ? NULL : arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	char *s = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
	if (s != NULL)
		vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

void arena_reset(struct arena *a)
{
	struct arena_block *keep = NULL;

	while (a->head != NULL) {
		struct arena_block *b = a->head;
		a->head = b->next;
		if (keep == NULL && b->size <= BLOCK_KEEP)
			keep = b;
		else
			free(b);
	}
	a->used = 0;
	a->at = a->end = NULL;
	if (keep != NULL) {
		keep->next = NULL;
		a->head = keep;
		use(a, keep);
	}
}

void arena_done(struct arena *a)
{
	if (a == NULL)
		return;
	arena_reset(a);
	free(a->head);
	a->head = NULL;
	a->at = a->end = NULL;
}

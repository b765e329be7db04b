/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.h - bump allocator: many allocations, one free.
 *
 * Everything handed out lives until arena_reset() or arena_done(); nothing inside is freed alone.  An
 * allocation that would pass the ceiling given at birth returns NULL; one that the machine cannot serve
 * aborts.  arena_reset() keeps one block, so that a loop over results does not go to malloc.  One thread
 * at a time. */
#ifndef RD_BASE_ARENA_H
#define RD_BASE_ARENA_H

#include <stddef.h>
#include <string.h>

struct arena_block;
struct arena {
	struct arena_block *head;
	char *at, *end;   /* free room of the current block */
	size_t used, max; /* bytes handed out since the last reset; ceiling */
};

#define ARENA_LIMIT(limit) ((struct arena){ .max = (limit) })

void *arena_alloc(struct arena *a, size_t size);                /* 16-byte aligned, not cleared */
void *arena_calloc(struct arena *a, size_t count, size_t size); /* cleared; overflow gives NULL */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_reset(struct arena *a);
void arena_done(struct arena *a);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * fill.h - filling the rows of one request: what the rows_*.c files share; nobody else includes it.
 *
 * A fill is under way within one op, on the queue's thread.  The first fault stands in rc and err, and
 * nothing is filled after it. */
#ifndef RD_QUEUE_FILL_H
#define RD_QUEUE_FILL_H

#include "daemon/queue/internal.h"

enum { FILL_DAMAGED_MAX = 64 };

struct fill {
	struct queue *q;
	struct brief d;
	struct rows *rows;
	struct rows_limit limit;
	int64_t horizon; /* further results that belong to these rows */
	size_t bytes, room;
	struct err *err;
	int rc;
	struct item damaged[FILL_DAMAGED_MAX]; /* items whose results cannot be read: parked at the end */
	size_t damaged_count;
};

/* ---- rows.c ---- */

void *fill_alloc(struct fill *f, size_t count,
		 size_t size);         /* of the rows' arena; zeroed; NULL: rc says why */
struct row *fill_next(struct fill *f); /* room for one more row; NULL at the end of all room */
bool fill_full(const struct fill *f);

/* Numbers that were there already; never 0. */
struct seen {
	int64_t *slot;
	size_t size, count;
};
bool seen_add(struct seen *s, int64_t v); /* false: it was; slot is to be freed */

/* ---- rows_results.c ---- */

/* One row of these items, the first of which names it.  False where it was not made: rows->more where it is
 * the first of the next request. */
bool fill_row(struct fill *f, struct item *item, size_t count);
void fill_results(struct fill *f, bool by_case);
/* Rows that were frozen, or lie in a lot.  open: without those that are settled meanwhile. */
void fill_packed(struct fill *f, const struct packed_rows *packed, bool open);
int fill_park_damaged(struct fill *f); /* OP_AGAIN where nothing else was found */

/* ---- rows_make.c: what is to be made over there ---- */

void fill_places(struct fill *f);
void fill_packed_places(struct fill *f, const struct packed_rows *packed, bool open);
int fill_cases(struct fill *f); /* OP_AGAIN where a slice of binding found no row to give */
void fill_packed_cases(struct fill *f, const struct packed_rows *packed, bool open);

/* ---- rows_links.c ---- */

void fill_links(struct fill *f, int64_t epoch); /* epoch: bindings that count (of the intent, or all) */

/* ---- rows_evidence.c ---- */

void fill_evidence(struct fill *f); /* rc OP_AGAIN: asked once more */
void fill_packed_evidence(struct fill *f, const struct packed_rows *packed);

/* ---- links.c ---- */

void fill_defects(struct fill *f);
void fill_packed_defects(struct fill *f, const struct packed_rows *packed, bool open);

#endif

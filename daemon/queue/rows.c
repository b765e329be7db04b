/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.c - what a step of a sink gets to see: tests beside remote ids, bounded by the step's limit.
 *
 * Lots (halves of what was refused) come before everything else.  How each kind is filled stands in
 * rows_results.c, rows_make.c, rows_links.c, rows_evidence.c and links.c. */
#include "daemon/queue/fill.h"

#include "daemon/base/mem.h"

#include <errno.h>
#include <stdlib.h>

enum { ROWS_BYTES_MAX = 1 << 30 /* of the arena; the limit of the step comes long before */ };

struct rows_op {
	struct op op;
	queue_rows_fn *done;
	void *cookie;
	int64_t delivery;
	enum rows_kind kind;
	struct rows_limit limit;
	bool frozen;
	struct rows *rows;
};

void *fill_alloc(struct fill *f, size_t count, size_t size)
{
	void *p = arena_calloc(&f->rows->arena, count, size);

	if (p == NULL && f->rc == 0)
		f->rc = err_set(f->err, -E2BIG, "the rows of one request do not fit into memory");
	return p;
}

struct row *fill_next(struct fill *f)
{
	struct rows *rows = f->rows;

	if (rows->count == f->room) {
		size_t room = f->room == 0 ? 64 : f->room * 2;
		struct row *row = fill_alloc(f, room, sizeof(*row));
		if (row == NULL)
			return NULL;
		if (rows->count > 0)
			memcpy(row, rows->row, rows->count * sizeof(*row));
		rows->row = row;
		f->room = room;
	}
	rows->row[rows->count] = (struct row){ 0 };
	return &rows->row[rows->count];
}

bool fill_full(const struct fill *f)
{
	return f->rc < 0 || f->rows->count >= f->limit.count ||
	       (f->rows->count > 0 && f->bytes >= f->limit.enough) || db_failed(f->q->db, NULL) < 0;
}

bool seen_add(struct seen *s, int64_t v)
{
	if (s->count * 2 >= s->size) {
		struct seen grown = { .size = s->size == 0 ? 512 : s->size * 2 };
		grown.slot = xcalloc(grown.size, sizeof(*grown.slot));
		for (size_t i = 0; i < s->size; i++)
			if (s->slot[i] != 0)
				seen_add(&grown, s->slot[i]);
		free(s->slot);
		*s = grown;
	}
	size_t at = (size_t)((uint64_t)v * 0x9e3779b97f4a7c15u >> 20) & (s->size - 1);
	for (; s->slot[at] != 0; at = (at + 1) & (s->size - 1))
		if (s->slot[at] == v)
			return false;
	s->slot[at] = v;
	s->count++;
	return true;
}

/* ---- the op ---- */

static int fill_frozen(struct fill *f)
{
	struct arena arena = ARENA_LIMIT(SIZE_MAX / 2);
	struct packed_rows packed = { 0 };
	enum rows_kind kind = ROWS_NONE;
	int64_t epoch = 0;

	struct db_stmt *s =
		db_query(f->q->db, "SELECT kind, rows, epoch, again FROM intent WHERE delivery = ?1",
			 DB(db_i(f->d.id)));
	if (db_row(s)) {
		size_t len;
		const void *blob = db_blob(s, 1, &len);
		kind = (enum rows_kind)db_int(s, 0);
		epoch = db_int(s, 2);
		f->horizon = db_int(s, 3);
		f->rc = packed_read(blob, len, &arena, &packed);
	}
	db_end(s);
	f->limit = (struct rows_limit){ .count = SIZE_MAX, .bytes = SIZE_MAX, .enough = SIZE_MAX };
	if (f->rc == 0 && kind == f->rows->kind) {
		switch (kind) {
		case ROWS_NONE:
			break;
		case ROWS_PLACES:
			fill_packed_places(f, &packed, false);
			break;
		case ROWS_CASES:
			fill_packed_cases(f, &packed, false);
			break;
		case ROWS_LINKS:
			fill_links(f, epoch);
			break;
		case ROWS_RESULTS:
		case ROWS_ALL:
			fill_packed(f, &packed, false);
			break;
		case ROWS_EVIDENCE:
			fill_packed_evidence(f, &packed);
			break;
		case ROWS_DEFECTS:
			fill_packed_defects(f, &packed, false);
			break;
		}
	}
	arena_done(&arena);
	return f->rc;
}

/* True where a lot gave the rows. */
static bool fill_lot(struct fill *f)
{
	struct arena arena = ARENA_LIMIT(SIZE_MAX / 2);
	struct packed_rows packed;

	if (lots_top(f->q, f->d.id, f->rows->kind, &arena, &packed) != 0) {
		if (f->rows->kind == ROWS_PLACES)
			fill_packed_places(f, &packed, true);
		else if (f->rows->kind == ROWS_CASES)
			fill_packed_cases(f, &packed, true);
		else if (f->rows->kind == ROWS_DEFECTS)
			fill_packed_defects(f, &packed, true);
		else
			fill_packed(f, &packed, true);
		f->rows->more = true; /* the other half, and all that is owed besides */
	}
	arena_done(&arena);
	return f->rows->count > 0;
}

static int fill(struct fill *f)
{
	switch (f->rows->kind) {
	case ROWS_NONE:
		break;
	case ROWS_PLACES:
		if (!fill_lot(f))
			fill_places(f);
		break;
	case ROWS_CASES:
		if (!fill_lot(f))
			return f->rc < 0 ? f->rc : fill_cases(f);
		break;
	case ROWS_LINKS:
		fill_links(f, f->d.epoch);
		break;
	case ROWS_RESULTS:
		if (!fill_lot(f))
			fill_results(f, true);
		break;
	case ROWS_ALL:
		if (!fill_lot(f))
			fill_results(f, false);
		break;
	case ROWS_EVIDENCE: /* one a request: there is nothing to halve */
		fill_evidence(f);
		break;
	case ROWS_DEFECTS:
		if (!fill_lot(f))
			fill_defects(f);
		break;
	}
	return f->rc;
}

static int rows_work(struct queue *q, struct op *o, struct err *err)
{
	struct rows_op *op = (struct rows_op *)o;
	struct fill f = { .q = q, .limit = op->limit, .err = err };
	int rc = brief_get(q, op->delivery, &f.d, err);

	if (rc < 0)
		return rc;
	rows_free(op->rows);
	op->rows = xcalloc(1, sizeof(*op->rows));
	op->rows->arena = ARENA_LIMIT(ROWS_BYTES_MAX);
	op->rows->kind = op->kind;
	f.rows = op->rows;
	f.horizon = f.d.resolved_again;
	if (f.limit.count == 0)
		f.limit.count = SIZE_MAX;
	if (f.limit.bytes == 0)
		f.limit.bytes = SIZE_MAX;
	if (f.limit.enough == 0)
		f.limit.enough = f.limit.bytes;
	rc = op->frozen ? fill_frozen(&f) : fill(&f);
	if (rc == 0 && f.rows->count == 0)
		f.rows->more = false;
	if (rc == 0 && f.damaged_count > 0)
		rc = fill_park_damaged(&f);
	return rc;
}

static void rows_answer(struct queue *q, struct op *o, int rc, const struct err *err)
{
	struct rows_op *op = (struct rows_op *)o;
	struct rows *rows = rc < 0 ? NULL : op->rows;

	(void)q;
	if (rc >= 0)
		op->rows = NULL; /* the callback's now */
	op->done(op->cookie, rc, rows, err);
}

static void rows_drop(struct op *o)
{
	rows_free(((struct rows_op *)o)->rows);
}

static void start(struct queue *q, int64_t delivery, enum rows_kind kind, struct rows_limit limit,
		  bool frozen, queue_rows_fn *done, void *cookie)
{
	bool writes = !frozen && (kind == ROWS_CASES || kind == ROWS_PLACES || kind == ROWS_EVIDENCE);
	struct rows_op *op = op_new(sizeof(*op), writes ? OP_WRITE | OP_ALONE : OP_WRITE, rows_work,
				    rows_answer, rows_drop);

	op->done = done;
	op->cookie = cookie;
	op->delivery = delivery;
	op->kind = kind;
	op->limit = limit;
	op->frozen = frozen;
	op_start(q, &op->op);
}

void queue_rows(struct queue *q, int64_t delivery, enum rows_kind kind, struct rows_limit limit,
		queue_rows_fn *done, void *cookie)
{
	start(q, delivery, kind, limit, false, done, cookie);
}

void queue_rows_frozen(struct queue *q, int64_t delivery, enum rows_kind kind, queue_rows_fn *done,
		       void *cookie)
{
	start(q, delivery, kind, (struct rows_limit){ 0 }, true, done, cookie);
}

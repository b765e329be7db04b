/* SPDX-License-Identifier: Apache-2.0
 *
 * deliveries.c - what is due, what one delivery is, and the intent that stands on disk before a send. */
#include "daemon/queue/internal.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <stdlib.h>

static const char *const state_names[] = {
	"waiting", "sending", "unknown", "parked", "delivered", "dropped"
};

const char *delivery_state_name(enum delivery_state s)
{
	return (unsigned)s < sizeof(state_names) / sizeof(state_names[0]) ? state_names[s] : "?";
}

/* ---- due ---- */

struct due_op {
	struct op op;
	queue_due_fn *done;
	void *cookie;
	char *sink;
	int64_t now_ms, next_ms;
	int64_t *busy;
	size_t busy_count, max, backfills, count;
	struct due *due;
};

static bool is_busy(const struct due_op *o, int64_t delivery)
{
	for (size_t i = 0; i < o->busy_count; i++)
		if (o->busy[i] == delivery)
			return true;
	return false;
}

/* No wait is noted for longer than an hour (talk_note.c cuts longer ones, a linger of a day too): what is
 * due behind this was noted by a clock that has been set back since (faults.md, row 56), and is due now. */
#define FAR_MS (INT64_C(2) * 3600 * 1000)

static void read_misdated(struct queue *q, struct due_op *o, bool backfill)
{
	struct db_stmt *s = db_query(q->db,
				     "SELECT id, run, state FROM delivery INDEXED BY delivery_due"
				     " WHERE sink = ?1 AND backfill = ?2 AND state IN (0, 2)"
				     " AND due_ms > ?3 AND due_ms < ?4 ORDER BY due_ms, id",
				     DB(db_s(o->sink), db_i(backfill),
					db_i(o->now_ms < INT64_MAX - FAR_MS ? o->now_ms + FAR_MS : INT64_MAX),
					db_i(INT64_MAX)));
	while (o->count < o->max && db_row(s)) {
		struct due d = { .delivery = db_int(s, 0),
				 .run = db_int(s, 1),
				 .sink = o->sink,
				 .due_ms = o->now_ms,
				 .state = (enum delivery_state)db_int(s, 2),
				 .backfill = backfill };
		if (!is_busy(o, d.delivery))
			o->due[o->count++] = d;
	}
	db_end(s);
}

/* One of the two ranges of the index: live, then backfill. */
static void read_due(struct queue *q, struct due_op *o, bool backfill)
{
	struct db_stmt *s = db_query(q->db,
				     "SELECT id, run, due_ms, state FROM delivery INDEXED BY delivery_due"
				     " WHERE sink = ?1 AND backfill = ?2 AND state IN (0, 2)"
				     " ORDER BY due_ms, id",
				     DB(db_s(o->sink), db_i(backfill)));
	while (db_row(s)) {
		struct due d = { .delivery = db_int(s, 0),
				 .run = db_int(s, 1),
				 .sink = o->sink,
				 .due_ms = db_int(s, 2),
				 .state = (enum delivery_state)db_int(s, 3),
				 .backfill = backfill };
		if (d.due_ms > o->now_ms) {
			if (d.due_ms < o->next_ms)
				o->next_ms = d.due_ms;
			break;
		}
		if (o->count == o->max)
			break;
		if (!is_busy(o, d.delivery))
			o->due[o->count++] = d;
	}
	db_end(s);
}

static int due_work(struct queue *q, struct op *op, struct err *err)
{
	struct due_op *o = (struct due_op *)op;

	(void)err;
	o->next_ms = INT64_MAX;
	o->due = xcalloc(o->max, sizeof(*o->due));
	read_due(q, o, false);
	read_misdated(q, o, false);
	if (o->backfills < o->max - o->count)
		o->max = o->count + o->backfills;
	read_due(q, o, true);
	read_misdated(q, o, true);
	return 0;
}

static void due_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct due_op *o = (struct due_op *)op;

	(void)q;
	o->done(o->cookie, rc, o->due, rc < 0 ? 0 : o->count, o->next_ms, err);
}

static void due_drop(struct op *op)
{
	struct due_op *o = (struct due_op *)op;

	free(o->sink);
	free(o->busy);
	free(o->due);
}

void queue_due(struct queue *q, const char *sink, int64_t now_ms, const int64_t *busy, size_t busy_count,
	       size_t max, size_t backfills, queue_due_fn *done, void *cookie)
{
	struct due_op *o = op_new(sizeof(*o), 0, due_work, due_answer, due_drop);

	o->done = done;
	o->cookie = cookie;
	o->sink = xstrdup(sink);
	o->now_ms = now_ms;
	o->busy_count = busy_count;
	o->busy = xcalloc(busy_count, sizeof(*o->busy));
	if (busy_count > 0)
		memcpy(o->busy, busy, busy_count * sizeof(*busy));
	o->max = max > 1000 ? 1000 : max;
	o->backfills = backfills;
	op_start(q, &o->op);
}

static int doubts_work(struct queue *q, struct op *op, struct err *err)
{
	struct due_op *o = (struct due_op *)op;

	(void)err;
	o->next_ms = INT64_MAX;
	struct db_stmt *s = db_query(q->db,
				     "SELECT id, run, due_ms, backfill FROM delivery INDEXED BY delivery_due"
				     " WHERE sink = ?1 AND state IN (0, 2) AND state = 2 ORDER BY id",
				     DB(db_s(o->sink)));
	while (db_row(s)) {
		if (o->count == o->max) {
			o->max = o->max == 0 ? 16 : o->max * 2;
			o->due = xrealloc(o->due, o->max, sizeof(*o->due));
		}
		o->due[o->count++] = (struct due){ .delivery = db_int(s, 0),
						   .run = db_int(s, 1),
						   .sink = o->sink,
						   .due_ms = db_int(s, 2),
						   .state = DELIVERY_UNKNOWN,
						   .backfill = db_int(s, 3) != 0 };
	}
	return 0;
}

void queue_doubts(struct queue *q, const char *sink, queue_due_fn *done, void *cookie)
{
	struct due_op *o = op_new(sizeof(*o), 0, doubts_work, due_answer, due_drop);

	o->done = done;
	o->cookie = cookie;
	o->sink = xstrdup(sink);
	op_start(q, &o->op);
}

/* ---- load ---- */

struct load_op {
	struct op op;
	queue_delivery_fn *done;
	void *cookie;
	int64_t delivery;
	struct delivery *d;
};

void delivery_free(struct delivery *d)
{
	if (d == NULL)
		return;
	free(d->sink);
	free(d->step);
	free(d->frozen);
	free(d->bookmark);
	free(d->facts);
	free(d->run_key);
	free(d->run_name);
	free(d->run_token);
	free(d->vars_json);
	free(d);
}

static void load_intent(struct queue *q, struct delivery *d, struct err *err, int *rc)
{
	struct db_stmt *s = db_query(q->db,
				     "SELECT step, body, body_len, sent_ms, looks FROM intent"
				     " WHERE delivery = ?1",
				     DB(db_i(d->id)));
	if (db_row(s)) {
		size_t len;
		const void *body = db_blob(s, 1, &len);
		d->step = xstrdup(db_text(s, 0));
		d->sent_ms = db_int(s, 3);
		d->looks = (unsigned)db_int(s, 4);
		if (body != NULL) {
			*rc = chunk_unpack(q->packer, body, len, (size_t)db_int(s, 2), &d->frozen);
			if (*rc < 0)
				err_set(err, *rc,
					"the request that delivery %lld has sent is damaged on disk",
					(long long)d->id);
		}
	}
	db_end(s);
}

static int load_work(struct queue *q, struct op *op, struct err *err)
{
	struct load_op *o = (struct load_op *)op;
	int rc = 0;

	struct db_stmt *s =
		db_query(q->db,
			 "SELECT d.run, d.sink, d.state, d.attempt, d.bookmark, d.backfill, d.since_ms, "
			 "r.key, r.name, r.token,"
			 " r.vars, r.opened_ms, coalesce(r.started_ms, r.opened_ms), r.ended, r.tests, "
			 "r.passed, r.failed,"
			 " r.error, r.skipped, r.flaky, r.duration_ms, f.json, d.resolved"
			 " FROM delivery d JOIN run r ON r.id = d.run LEFT JOIN facts f ON f.sink = d.sink"
			 " WHERE d.id = ?1",
			 DB(db_i(o->delivery)));
	if (!db_row(s))
		return err_set(err, -ENOENT, "there is no delivery %lld", (long long)o->delivery);
	struct delivery *d = o->d = xcalloc(1, sizeof(*d));
	d->id = o->delivery;
	d->run = db_int(s, 0);
	d->sink = xstrdup(db_text(s, 1));
	d->state = (enum delivery_state)db_int(s, 2);
	d->attempt = (unsigned)db_int(s, 3);
	d->bookmark = xstrdup(db_text(s, 4));
	d->backfill = db_int(s, 5) != 0;
	d->since_ms = db_int(s, 6);
	d->run_key = xstrdup(db_text(s, 7));
	d->run_name = xstrdup(db_text(s, 8));
	d->run_token = xstrdup(db_text(s, 9));
	d->vars_json = xstrdup(db_text(s, 10));
	d->opened_ms = db_int(s, 11);
	d->started_ms = db_int(s, 12);
	d->run_ended = db_int(s, 13) != 0;
	d->tests = (unsigned long long)db_int(s, 14);
	d->passed = (unsigned long long)db_int(s, 15);
	d->failed = (unsigned long long)db_int(s, 16);
	d->error = (unsigned long long)db_int(s, 17);
	d->skipped = (unsigned long long)db_int(s, 18);
	d->flaky = (unsigned long long)db_int(s, 19);
	d->duration_ms = db_real(s, 20);
	d->facts = xstrdup(db_text(s, 21));
	d->matched = db_int(s, 22) > 0;
	db_end(s);
	load_intent(q, d, err, &rc);
	return rc;
}

static void load_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct load_op *o = (struct load_op *)op;
	struct delivery *d = rc < 0 ? NULL : o->d;

	(void)q;
	if (rc >= 0)
		o->d = NULL; /* the callback's now */
	o->done(o->cookie, rc, d, err);
}

static void load_drop(struct op *op)
{
	delivery_free(((struct load_op *)op)->d);
}

void queue_load(struct queue *q, int64_t delivery, queue_delivery_fn *done, void *cookie)
{
	struct load_op *o = op_new(sizeof(*o), 0, load_work, load_answer, load_drop);

	o->done = done;
	o->cookie = cookie;
	o->delivery = delivery;
	op_start(q, &o->op);
}

/* ---- intend ---- */

struct intend_op {
	struct done_op base;
	int64_t delivery, sent_ms;
	char *step;
	enum rows_kind kind;
	struct buf rows;
	char *body;
	size_t body_len;
};

static int intend_work(struct queue *q, struct op *op, struct err *err)
{
	struct intend_op *o = (struct intend_op *)op;
	struct buf packed = BUF_LIMIT(SIZE_MAX / 2);
	struct brief d;
	int rc = brief_get(q, o->delivery, &d, err);

	if (rc < 0)
		return rc;
	if (d.state == DELIVERY_DROPPED)
		return err_set(err, -ECANCELED, "delivery %lld was given up", (long long)d.id);
	if (buf_error(&o->rows) < 0)
		return err_set(err, buf_error(&o->rows), "the rows of one request do not fit into memory");
	if (o->body != NULL) {
		rc = chunk_pack(q->packer, o->body, o->body_len, &packed);
		if (rc < 0) {
			buf_done(&packed);
			return err_set(err, rc, "the request cannot be packed");
		}
	}
	db_run(q->db,
	       "INSERT INTO intent(delivery, step, kind, rows, body, body_len, sent_ms, looks, epoch, again)"
	       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9) ON CONFLICT(delivery) DO UPDATE SET"
	       " step = excluded.step, kind = excluded.kind, rows = excluded.rows, body = excluded.body,"
	       " body_len = excluded.body_len, sent_ms = excluded.sent_ms, looks = 0,"
	       " epoch = excluded.epoch, again = excluded.again",
	       DB(db_i(d.id), db_s(o->step), db_i(o->kind), db_b(o->rows.data, o->rows.len),
		  db_b(packed.data, packed.len), db_i((int64_t)o->body_len), db_i(o->sent_ms), db_i(d.epoch),
		  db_i(d.resolved_again)));
	/* What is bound from now on was not part of these links. */
	db_run(q->db,
	       "UPDATE delivery SET state = 1, step = ?2, attempt = attempt + 1, epoch = epoch + ?3"
	       " WHERE id = ?1",
	       DB(db_i(d.id), db_s(o->step), db_i(o->kind == ROWS_LINKS)));
	buf_done(&packed);
	return 0;
}

static void intend_drop(struct op *op)
{
	struct intend_op *o = (struct intend_op *)op;

	free(o->step);
	free(o->body);
	buf_done(&o->rows);
}

static void pack_rows(struct buf *out, const struct rows *rows)
{
	struct arena arena = ARENA_LIMIT(SIZE_MAX / 2);
	struct packed_row *packed = arena_calloc(&arena, rows->count, sizeof(*packed));

	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->row[i];
		int64_t *item = arena_calloc(&arena, row->test_count + row->link_count, sizeof(*item));
		size_t n = 0;
		for (size_t k = 0; k < row->link_count; k++)
			item[n++] = row->link_ids[k];
		for (size_t k = 0; k < row->test_count; k++)
			if (!row->tests[k].settled)
				item[n++] = row->tests[k].id;
		packed[i] = (struct packed_row){ .row = row->id, .item = item, .count = n };
	}
	(void)packed_write(packed, rows->count, out);
	arena_done(&arena);
}

void queue_intend(struct queue *q, int64_t delivery, const char *step, const struct rows *rows,
		  const char *body, size_t body_len, int64_t sent_ms, queue_done_fn *done, void *cookie)
{
	struct intend_op *o = op_new(sizeof(*o), OP_WRITE, intend_work, done_answer, intend_drop);

	o->base.done = done;
	o->base.cookie = cookie;
	o->delivery = delivery;
	o->step = xstrdup(step);
	o->sent_ms = sent_ms;
	o->rows = BUF_LIMIT(SIZE_MAX / 2);
	if (rows != NULL) {
		o->kind = rows->kind;
		pack_rows(&o->rows, rows);
	}
	if (body != NULL) {
		o->body = xrealloc(NULL, body_len + 1, 1);
		if (body_len > 0)
			memcpy(o->body, body, body_len);
		o->body_len = body_len;
	}
	op_start(q, &o->base.op);
}

/* ---- blocks ---- */

struct block_op {
	struct done_op base;
	char *scope, *reason;
	int64_t until_ms;
};

static int block_work(struct queue *q, struct op *op, struct err *err)
{
	struct block_op *o = (struct block_op *)op;

	(void)err;
	if (o->until_ms == 0)
		db_run(q->db, "DELETE FROM block WHERE scope = ?1", DB(db_s(o->scope)));
	else
		db_run(q->db,
		       "INSERT INTO block(scope, until_ms, reason) VALUES(?1, ?2, ?3)"
		       " ON CONFLICT(scope) DO UPDATE SET until_ms = ?2, reason = ?3",
		       DB(db_s(o->scope), db_i(o->until_ms), db_s(o->reason)));
	return 0;
}

static void block_drop(struct op *op)
{
	struct block_op *o = (struct block_op *)op;

	free(o->scope);
	free(o->reason);
}

void queue_block(struct queue *q, const char *scope, int64_t until_ms, const char *reason,
		 queue_done_fn *done, void *cookie)
{
	struct block_op *o = op_new(sizeof(*o), OP_WRITE, block_work, done_answer, block_drop);

	o->base.done = done;
	o->base.cookie = cookie;
	o->scope = xstrdup(scope);
	o->reason = xstrdup(reason);
	o->until_ms = until_ms;
	op_start(q, &o->base.op);
}

struct blocks_op {
	struct op op;
	queue_blocks_fn *done;
	void *cookie;
	struct arena arena;
	struct block *block;
	size_t count, room;
};

static int blocks_work(struct queue *q, struct op *op, struct err *err)
{
	struct blocks_op *o = (struct blocks_op *)op;

	(void)err;
	struct db_stmt *s =
		db_query(q->db, "SELECT scope, reason, until_ms FROM block ORDER BY scope", DB_NOTHING);
	while (db_row(s)) {
		if (o->count == o->room) {
			o->room = o->room == 0 ? 8 : o->room * 2;
			o->block = xrealloc(o->block, o->room, sizeof(*o->block));
		}
		o->block[o->count++] = (struct block){ .scope = arena_strdup(&o->arena, db_text(s, 0)),
						       .reason = arena_strdup(&o->arena, db_text(s, 1)),
						       .until_ms = db_int(s, 2) };
	}
	return 0;
}

static void blocks_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct blocks_op *o = (struct blocks_op *)op;

	(void)q;
	o->done(o->cookie, rc, o->block, rc < 0 ? 0 : o->count, err);
}

static void blocks_drop(struct op *op)
{
	struct blocks_op *o = (struct blocks_op *)op;

	arena_done(&o->arena);
	free(o->block);
}

void queue_blocks(struct queue *q, queue_blocks_fn *done, void *cookie)
{
	struct blocks_op *o = op_new(sizeof(*o), 0, blocks_work, blocks_answer, blocks_drop);

	o->done = done;
	o->cookie = cookie;
	o->arena = ARENA_LIMIT(SIZE_MAX / 2);
	op_start(q, &o->op);
}

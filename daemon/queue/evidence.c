/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence.c - files that belong to results and runs: the rows that parts gave, what is still awaited, and
 * which blobs somebody needs.
 *
 * A row says that a file was named, whatever became of it; the bytes lie outside of the database.  A blob
 * may go when no row names it any more. */
#include "daemon/queue/internal.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <stdlib.h>

enum { VIEW_BYTES_MAX = 64 << 20, AWAITED_MAX = 10000, LINES_MAX = 100000 };

/* ---- rows of a part ---- */

int64_t evidence_void(struct queue *q, int64_t part, int64_t before)
{
	db_run(q->db, "DELETE FROM evidence WHERE id >= ?1 AND id < ?2",
	       DB(db_i(chunk_id(part, 0)), db_i(chunk_id(part, before))));
	return db_failed(q->db, NULL) < 0 ? 0 : db_changes(q->db);
}

bool evidence_named(struct queue *q, const char *kept)
{
	/* Where the answer cannot be had, the blob stays. */
	return db_get(q->db, "SELECT count(*) FROM (SELECT 1 FROM evidence WHERE kept = ?1 LIMIT 1)",
		      DB(db_s(kept)), 1) != 0;
}

int64_t evidence_delete(struct queue *q, int64_t part, int64_t max,
			void (*remove)(void *cookie, const char *kept), void *cookie)
{
	struct arena arena = ARENA_LIMIT(SIZE_MAX / 2);
	int64_t from = chunk_id(part, 0), last = -1, n = 0;
	const char **kept = xcalloc((size_t)max, sizeof(*kept));

	struct db_stmt *s = db_query(
		q->db, "SELECT id, kept FROM evidence WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3",
		DB(db_i(from), db_i(chunk_id(part + 1, 0)), db_i(max)));
	while (n < max && db_row(s)) {
		last = db_int(s, 0);
		kept[n++] = arena_strdup(&arena, db_text(s, 1));
	}
	db_end(s);
	if (n > 0)
		db_run(q->db, "DELETE FROM evidence WHERE id >= ?1 AND id <= ?2", DB(db_i(from), db_i(last)));
	for (int64_t i = 0; remove != NULL && i < n && db_failed(q->db, NULL) == 0; i++)
		if (kept[i] != NULL && !evidence_named(q, kept[i]))
			remove(cookie, kept[i]);
	arena_done(&arena);
	free(kept);
	return n;
}

bool evidence_bad(struct queue *q, int64_t ref)
{
	struct chunk_entry e;

	/* What cannot be read any more may have been anything. */
	return !store_entry(q, ref, &e) || (e.flags & ENTRY_OUTCOME) >= OUTCOME_FAILED ||
	       (e.flags & (ENTRY_FLAKY | ENTRY_KNOWN)) != 0;
}

/* ---- what is awaited ---- */

struct awaited_op {
	struct op op;
	queue_awaited_fn *done;
	void *cookie;
	int64_t run, after;
	struct arena arena;
	struct awaited_evidence *e;
	size_t count, max;
};

static int awaited_work(struct queue *q, struct op *op, struct err *err)
{
	struct awaited_op *o = (struct awaited_op *)op;

	(void)err;
	o->e = xcalloc(o->max, sizeof(*o->e));
	struct db_stmt *s = db_query(q->db,
				     "SELECT e.id, p.path, p.kept, e.named, e.name, e.origin,"
				     " coalesce(e.result, 0) FROM evidence e INDEXED BY evidence_awaited"
				     " JOIN part p ON p.id = e.id >> 23"
				     " WHERE e.state = 1 AND p.state = 1 AND e.id > ?2"
				     " AND (?1 = 0 OR e.run = ?1)"
				     " AND e.run NOT IN (SELECT run FROM going) ORDER BY e.id LIMIT ?3",
				     DB(db_i(o->run), db_i(o->after), db_i((int64_t)o->max)));
	while (o->count < o->max && db_row(s)) {
		int64_t ref = db_int(s, 6);
		struct awaited_evidence *e = &o->e[o->count++];
		*e = (struct awaited_evidence){
			.id = db_int(s, 0),
			.part = arena_strdup(&o->arena, db_text(s, 1)),
			.kept = arena_strdup(&o->arena, db_text(s, 2)),
			.named = arena_strdup(&o->arena, db_text(s, 3)),
			.name = arena_strdup(&o->arena, db_text(s, 4)),
			.origin = (enum evidence_origin)db_int(s, 5),
			.of_run = ref == 0,
			.bad = ref != 0 && evidence_bad(q, ref),
		};
		if (e->part == NULL || e->named == NULL)
			o->count--;
	}
	db_end(s);
	return 0;
}

static void awaited_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct awaited_op *o = (struct awaited_op *)op;

	(void)q;
	o->done(o->cookie, rc, o->e, rc < 0 ? 0 : o->count, err);
}

static void awaited_drop(struct op *op)
{
	struct awaited_op *o = (struct awaited_op *)op;

	arena_done(&o->arena);
	free(o->e);
}

void queue_evidence_awaited(struct queue *q, int64_t run, int64_t after, size_t max, queue_awaited_fn *done,
			    void *cookie)
{
	struct awaited_op *o = op_new(sizeof(*o), 0, awaited_work, awaited_answer, awaited_drop);

	o->done = done;
	o->cookie = cookie;
	o->run = run;
	o->after = after;
	o->max = max > AWAITED_MAX ? AWAITED_MAX : max;
	o->arena = ARENA_LIMIT(VIEW_BYTES_MAX);
	op_start(q, &o->op);
}

/* ---- settled ---- */

void evidence_hold(struct evidence *out, const struct evidence *e, struct arena *a)
{
	*out = *e;
	out->named = arena_strdup(a, e->named);
	out->name = arena_strdup(a, e->name);
	out->kept = arena_strdup(a, e->kept);
	out->type = arena_strdup(a, e->type);
	out->reason = arena_strdup(a, e->state == EVIDENCE_KEPT ? NULL : e->reason);
}

struct found_op {
	struct done_op base;
	int64_t id, now_ms;
	struct evidence e;
	struct arena arena;
};

static int found_work(struct queue *q, struct op *op, struct err *err)
{
	const struct found_op *o = (struct found_op *)op;
	const struct evidence *e = &o->e;
	bool kept = e->state == EVIDENCE_KEPT;
	int64_t state = db_get(q->db, "SELECT state FROM evidence WHERE id = ?1", DB(db_i(o->id)), -1);

	if (db_failed(q->db, NULL) < 0)
		return 0;
	if (state < 0)
		return err_set(err, -ENOENT, "evidence %lld is not known any more", (long long)o->id);
	if (state != EVIDENCE_AWAITED)
		return err_set(err, -EALREADY, "evidence %lld is settled already", (long long)o->id);
	db_run(q->db,
	       "UPDATE evidence SET state = ?2, kept = ?3, size = ?4, sha256 = ?5, reason = ?6,"
	       " name = coalesce(?7, name), type = coalesce(?8, type) WHERE id = ?1",
	       DB(db_i(o->id), db_i(e->state), db_s(kept ? e->kept : NULL), db_i(kept ? (int64_t)e->size : 0),
		  kept ? db_b(e->sha256, 32) : db_n(), db_s(e->reason), db_s(e->name), db_s(e->type)));
	attach_found(q, o->id, kept, e->reason, o->now_ms);
	return 0;
}

static void found_drop(struct op *op)
{
	arena_done(&((struct found_op *)op)->arena);
}

static int found_refused(struct queue *q, struct op *op, struct err *err)
{
	(void)q;
	(void)op;
	return err_set(err, -EINVAL, "evidence is settled as kept, missing or refused, under a plain name");
}

void queue_evidence_found(struct queue *q, int64_t id, const struct evidence *e, int64_t now_ms,
			  queue_done_fn *done, void *cookie)
{
	bool kept = e->state == EVIDENCE_KEPT;
	bool good = kept ? evidence_kept_ok(e->kept) && e->size <= INT64_MAX : e->state != EVIDENCE_AWAITED;
	struct found_op *o =
		op_new(sizeof(*o), OP_WRITE, good ? found_work : found_refused, done_answer, found_drop);

	o->base.done = done;
	o->base.cookie = cookie;
	o->id = id;
	o->now_ms = now_ms;
	o->arena = ARENA_LIMIT(SIZE_MAX / 2);
	evidence_hold(&o->e, e, &o->arena);
	op_start(q, &o->base.op);
}

void evidence_run_over(struct queue *q, int64_t run, int64_t now_ms)
{
	static const char why[] = "it was not there when the run ended";
	int64_t id[64];
	size_t n;

	do {
		n = 0;
		struct db_stmt *s =
			db_query(q->db,
				 "SELECT e.id FROM evidence e INDEXED BY evidence_awaited"
				 " JOIN part p ON p.id = e.id >> 23 WHERE e.state = 1 AND p.state = 1"
				 " AND e.run IN (SELECT id FROM run WHERE ended = 1"
				 " AND (?1 = 0 OR id = ?1)) LIMIT 64",
				 DB(db_i(run)));
		while (n < 64 && db_row(s))
			id[n++] = db_int(s, 0);
		db_end(s);
		for (size_t i = 0; i < n && db_failed(q->db, NULL) == 0; i++) {
			db_run(q->db, "UPDATE evidence SET state = ?2, reason = ?3 WHERE id = ?1",
			       DB(db_i(id[i]), db_i(EVIDENCE_MISSING), db_s(why)));
			attach_found(q, id[i], false, why, now_ms);
		}
	} while (n == 64 && db_failed(q->db, NULL) == 0);
}

/* ---- what people see ---- */

void evidence_count(struct queue *q, int64_t run, struct evidence_counts *out)
{
	struct db_stmt *s;

	*out = (struct evidence_counts){ 0 };
	if (run != 0)
		s = db_query(q->db, "SELECT state, count(*) FROM evidence WHERE run = ?1 GROUP BY state",
			     DB(db_i(run)));
	else
		s = db_query(q->db, "SELECT state, count(*) FROM evidence GROUP BY state", DB_NOTHING);
	while (db_row(s)) {
		uint64_t n = (uint64_t)db_int(s, 1);
		switch ((enum evidence_state)db_int(s, 0)) {
		case EVIDENCE_KEPT:
			out->kept = n;
			break;
		case EVIDENCE_AWAITED:
			out->awaited = n;
			break;
		case EVIDENCE_MISSING:
			out->missing = n;
			break;
		case EVIDENCE_REFUSED:
			out->refused = n;
			break;
		}
	}
	db_end(s);
	if (out->kept == 0)
		return;
	if (run != 0)
		out->bytes = (uint64_t)db_get(q->db,
					      "SELECT coalesce(sum(size), 0) FROM (SELECT DISTINCT kept, size"
					      " FROM evidence WHERE run = ?1 AND state = 0)",
					      DB(db_i(run)), 0);
	else
		out->bytes = (uint64_t)db_get(q->db,
					      "SELECT coalesce(sum(size), 0) FROM (SELECT DISTINCT kept, size"
					      " FROM evidence WHERE kept IS NOT NULL)",
					      DB_NOTHING, 0);
}

const struct evidence_line *evidence_lost(struct queue *q, int64_t run, size_t max, struct arena *a,
					  size_t *count)
{
	struct evidence_line *line = arena_calloc(a, max, sizeof(*line));
	size_t n = 0;

	*count = 0;
	if (line == NULL || max == 0)
		return NULL;
	/* A file that many tests name is one line. */
	struct db_stmt *s =
		db_query(q->db,
			 "SELECT e.named, e.reason, min(p.path), e.state FROM evidence e"
			 " JOIN part p ON p.id = e.id >> 23"
			 " WHERE (?1 = 0 OR e.run = ?1) AND e.state IN (2, 3) AND p.state = 1"
			 " GROUP BY e.run, e.named, e.state, e.reason ORDER BY min(e.id) LIMIT ?2",
			 DB(db_i(run), db_i((int64_t)max)));
	while (n < max && db_row(s)) {
		struct evidence_line l = { .named = arena_strdup(a, db_text(s, 0)),
					   .reason = arena_strdup(a, db_text(s, 1)),
					   .part = arena_strdup(a, db_text(s, 2)),
					   .state = (enum evidence_state)db_int(s, 3) };
		if (l.named != NULL && l.part != NULL)
			line[n++] = l;
	}
	db_end(s);
	*count = n;
	return line;
}

struct lines_op {
	struct op op;
	queue_evidence_fn *done;
	void *cookie;
	int64_t run;
	struct arena arena;
	struct evidence_counts counts;
	const struct evidence_line *line;
	size_t count, max;
};

static int lines_work(struct queue *q, struct op *op, struct err *err)
{
	struct lines_op *o = (struct lines_op *)op;

	(void)err;
	evidence_count(q, o->run, &o->counts);
	if (o->counts.missing + o->counts.refused > 0)
		o->line = evidence_lost(q, o->run, o->max, &o->arena, &o->count);
	return 0;
}

static void lines_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct lines_op *o = (struct lines_op *)op;

	(void)q;
	o->done(o->cookie, rc, &o->counts, o->line, rc < 0 ? 0 : o->count, err);
}

static void lines_drop(struct op *op)
{
	arena_done(&((struct lines_op *)op)->arena);
}

void queue_evidence(struct queue *q, int64_t run, size_t max, queue_evidence_fn *done, void *cookie)
{
	struct lines_op *o = op_new(sizeof(*o), 0, lines_work, lines_answer, lines_drop);

	o->done = done;
	o->cookie = cookie;
	o->run = run;
	o->max = max > LINES_MAX ? LINES_MAX : max;
	o->arena = ARENA_LIMIT(VIEW_BYTES_MAX);
	op_start(q, &o->op);
}

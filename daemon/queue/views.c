/* SPDX-License-Identifier: Apache-2.0
 *
 * views.c - what people see of the queue. */
#include "daemon/queue/internal.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	VIEW_BYTES_MAX = 256 << 20,
	PARKED_LOOK = 16, /* parked items read for each line that was asked for */
};

/* ---- deliveries ---- */

struct lines_op {
	struct op op;
	queue_lines_fn *done;
	void *cookie;
	struct arena arena;
	int64_t run;
	bool unsettled;
	size_t max, count, room;
	struct delivery_line *line;
};

static int lines_work(struct queue *q, struct op *op, struct err *err)
{
	struct lines_op *o = (struct lines_op *)op;

	(void)err;
	struct db_stmt *s = db_query(
		q->db,
		"SELECT d.id, d.run, d.sink, r.key, r.name, d.reason, coalesce(i.step, d.step), d.remote_id, "
		"d.url,"
		" d.state, d.since_ms, d.due_ms, d.settled_ms, r.tests, d.n_posted, d.n_parked, d.n_ignored,"
		" d.n_owed + d.n_unbound + d.n_new, d.requests, d.attempt, r.ended, d.ev_posted, d.ev_parked,"
		" d.ev_ignored, d.ev_waiting + d.ev_owed + d.ev_awaited + d.ev_found"
		" FROM delivery d JOIN run r ON r.id = d.run LEFT JOIN intent i ON i.delivery = d.id"
		" WHERE (?1 = 0 OR d.run = ?1) AND (?2 = 0 OR d.state NOT IN (4, 5)) ORDER BY d.id DESC "
		"LIMIT ?3",
		DB(db_i(o->run), db_i(o->unsettled), db_i(o->max > INT32_MAX ? INT32_MAX : (int64_t)o->max)));
	while (db_row(s)) {
		if (o->count == o->room) {
			o->room = o->room == 0 ? 16 : o->room * 2;
			o->line = xrealloc(o->line, o->room, sizeof(*o->line));
		}
		o->line[o->count++] = (struct delivery_line){
			.id = db_int(s, 0),
			.run = db_int(s, 1),
			.sink = arena_strdup(&o->arena, db_text(s, 2)),
			.run_key = arena_strdup(&o->arena, db_text(s, 3)),
			.run_name = arena_strdup(&o->arena, db_text(s, 4)),
			.reason = arena_strdup(&o->arena, db_text(s, 5)),
			.step = arena_strdup(&o->arena, db_text(s, 6)),
			.remote_id = arena_strdup(&o->arena, db_text(s, 7)),
			.url = arena_strdup(&o->arena, db_text(s, 8)),
			.state = (enum delivery_state)db_int(s, 9),
			.since_ms = db_int(s, 10),
			.due_ms = db_int(s, 11),
			.settled_ms = db_int_or(s, 12, TIME_UNKNOWN),
			.tests = (uint64_t)db_int(s, 13),
			.posted = (uint64_t)db_int(s, 14),
			.parked = (uint64_t)db_int(s, 15),
			.ignored = (uint64_t)db_int(s, 16),
			.owed = (uint64_t)db_int(s, 17),
			.requests = (uint64_t)db_int(s, 18),
			.attempt = (unsigned)db_int(s, 19),
			.run_ended = db_int(s, 20) != 0,
			.evidence_posted = (uint64_t)db_int(s, 21),
			.evidence_parked = (uint64_t)db_int(s, 22),
			.evidence_ignored = (uint64_t)db_int(s, 23),
			.evidence_owed = (uint64_t)db_int(s, 24),
		};
	}
	return 0;
}

static void lines_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct lines_op *o = (struct lines_op *)op;

	(void)q;
	o->done(o->cookie, rc, o->line, rc < 0 ? 0 : o->count, err);
}

static void lines_drop(struct op *op)
{
	struct lines_op *o = (struct lines_op *)op;

	arena_done(&o->arena);
	free(o->line);
}

void queue_lines(struct queue *q, int64_t run, bool unsettled, size_t max, queue_lines_fn *done, void *cookie)
{
	struct lines_op *o = op_new(sizeof(*o), 0, lines_work, lines_answer, lines_drop);

	o->done = done;
	o->cookie = cookie;
	o->arena = ARENA_LIMIT(VIEW_BYTES_MAX);
	o->run = run;
	o->unsettled = unsettled;
	o->max = max;
	op_start(q, &o->op);
}

/* ---- parked tests ---- */

struct parked_op {
	struct op op;
	queue_parked_fn *done;
	void *cookie;
	struct arena arena;
	int64_t delivery;
	size_t max, count, looked;
	struct parked_line *line;
};

static void add_parked(struct parked_op *o, int64_t delivery, const char *sink, const char *name,
		       const char *reason, bool file)
{
	/* Parameters of one test stand together; so do tests that were refused together. */
	for (size_t i = o->count; i > 0 && o->count - i < 64; i--) {
		struct parked_line *l = &o->line[i - 1];
		if (l->delivery == delivery && l->file == file && strcmp(l->name, name) == 0 &&
		    strcmp(l->reason, reason) == 0) {
			l->count++;
			return;
		}
	}
	if (o->count == o->max)
		return;
	struct parked_line l = { .delivery = delivery,
				 .count = 1,
				 .file = file,
				 .sink = arena_strdup(&o->arena, sink),
				 .name = arena_strdup(&o->arena, name),
				 .reason = arena_strdup(&o->arena, reason) };
	if (l.sink != NULL && l.name != NULL && l.reason != NULL)
		o->line[o->count++] = l;
}

static void parked_of(struct queue *q, struct parked_op *o, int64_t delivery)
{
	struct brief d;

	if (brief_get(q, delivery, &d, NULL) < 0)
		return;
	struct db_stmt *s = db_query(q->db,
				     "SELECT id, reason FROM item INDEXED BY item_parked"
				     " WHERE delivery = ?1 AND state = 3 ORDER BY id",
				     DB(db_i(delivery)));
	while (o->count < o->max && o->looked++ < o->max * PARKED_LOOK && db_row(s)) {
		struct arena scratch = ARENA_LIMIT(VIEW_BYTES_MAX);
		const char *name = items_name(q, d.run, db_int(s, 0), &scratch);
		const char *reason = db_text(s, 1);
		char *why = reason != NULL ? xstrdup(reason) : xasprintf("no case for \"%s\"", name);
		add_parked(o, delivery, d.sink, name, why, false);
		free(why);
		arena_done(&scratch);
	}
	db_end(s);
	if (d.ev[ATTACH_PARKED] == 0)
		return;
	s = db_query(q->db,
		     "SELECT e.named, coalesce(a.reason, 'no reason is known') FROM attach a"
		     " INDEXED BY attach_state JOIN evidence e ON e.id = a.evidence"
		     " WHERE a.delivery = ?1 AND a.state = 3 ORDER BY a.id",
		     DB(db_i(delivery)));
	while (o->count < o->max && o->looked++ < o->max * PARKED_LOOK && db_row(s))
		add_parked(o, delivery, d.sink, db_text(s, 0), db_text(s, 1), true);
	db_end(s);
}

static int parked_work(struct queue *q, struct op *op, struct err *err)
{
	struct parked_op *o = (struct parked_op *)op;
	int64_t last = INT64_MAX;

	(void)err;
	o->line = xcalloc(o->max, sizeof(*o->line));
	if (o->delivery != 0) {
		parked_of(q, o, o->delivery);
		return 0;
	}
	while (o->count < o->max) {
		int64_t delivery = db_get(q->db,
					  "SELECT id FROM delivery WHERE id < ?1 AND n_parked + ev_parked > 0"
					  " ORDER BY id DESC LIMIT 1",
					  DB(db_i(last)), 0);
		if (delivery == 0)
			break;
		parked_of(q, o, delivery);
		last = delivery;
	}
	return 0;
}

static void parked_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct parked_op *o = (struct parked_op *)op;

	(void)q;
	o->done(o->cookie, rc, o->line, rc < 0 ? 0 : o->count, err);
}

static void parked_drop(struct op *op)
{
	struct parked_op *o = (struct parked_op *)op;

	arena_done(&o->arena);
	free(o->line);
}

void queue_parked(struct queue *q, int64_t delivery, size_t max, queue_parked_fn *done, void *cookie)
{
	struct parked_op *o = op_new(sizeof(*o), 0, parked_work, parked_answer, parked_drop);

	o->done = done;
	o->cookie = cookie;
	o->arena = ARENA_LIMIT(VIEW_BYTES_MAX);
	o->delivery = delivery;
	o->max = max > 100000 ? 100000 : max;
	op_start(q, &o->op);
}

/* ---- status ---- */

struct status_op {
	struct op op;
	queue_status_fn *done;
	void *cookie;
	struct queue_status status;
};

static uint64_t number(struct queue *q, const char *sql)
{
	return (uint64_t)db_get(q->db, sql, DB_NOTHING, 0);
}

static struct sink_status *status_of(struct queue_status *st, const char *sink)
{
	for (size_t i = 0; i < st->sink_count; i++)
		if (strcmp(st->sink[i].sink, sink) == 0)
			return &st->sink[i];
	if (st->sink_count == STATUS_SINKS)
		return NULL;
	struct sink_status *s = &st->sink[st->sink_count++];
	*s = (struct sink_status){ .oldest_ms = INT64_MAX, .due_ms = INT64_MAX };
	(void)snprintf(s->sink, sizeof(s->sink), "%s", sink);
	return s;
}

static void status_sinks(struct queue *q, struct queue_status *st)
{
	struct db_stmt *s = db_query(
		q->db,
		"SELECT sink, state, count(*), min(since_ms), min(due_ms), sum(n_owed + n_unbound + n_new),"
		" sum(n_posted), sum(n_parked), sum(n_ignored), sum(ev_waiting + ev_owed + ev_awaited + "
		"ev_found),"
		" sum(ev_posted), sum(ev_parked), sum(requests) FROM delivery GROUP BY sink, state",
		DB_NOTHING);

	while (db_row(s)) {
		struct sink_status *to = status_of(st, db_text(s, 0));
		int64_t state = db_int(s, 1);
		if (to == NULL || state < 0 || state > DELIVERY_DROPPED)
			continue;
		bool open = state != DELIVERY_DELIVERED && state != DELIVERY_DROPPED;
		to->deliveries[state] += (uint64_t)db_int(s, 2);
		if (open && db_int(s, 3) < to->oldest_ms)
			to->oldest_ms = db_int(s, 3);
		if ((state == DELIVERY_WAITING || state == DELIVERY_UNKNOWN) && db_int(s, 4) < to->due_ms)
			to->due_ms = db_int(s, 4);
		/* What was dropped is owed no more. */
		to->owed += open ? (uint64_t)db_int(s, 5) : 0;
		to->posted += (uint64_t)db_int(s, 6);
		to->parked += open ? (uint64_t)db_int(s, 7) : 0;
		to->ignored += (uint64_t)db_int(s, 8);
		to->files_owed += open ? (uint64_t)db_int(s, 9) : 0;
		to->files_posted += (uint64_t)db_int(s, 10);
		to->files_parked += open ? (uint64_t)db_int(s, 11) : 0;
		to->requests += (uint64_t)db_int(s, 12);
	}
	db_end(s);
}

static int status_work(struct queue *q, struct op *op, struct err *err)
{
	struct queue_status *st = &((struct status_op *)op)->status;

	(void)err;
	st->runs = number(q, "SELECT count(*) FROM run");
	st->open_runs = number(q, "SELECT count(*) FROM run WHERE ended = 0");
	st->parts_bad = number(q, "SELECT count(*) FROM bad");
	struct db_stmt *s = db_query(q->db,
				     "SELECT count(*), coalesce(sum(results), 0), coalesce(sum(chunks), 0),"
				     " coalesce(sum(stored > 0), 0), coalesce(sum(stored), 0)"
				     " FROM part WHERE state = 1",
				     DB_NOTHING);
	if (db_row(s)) {
		st->parts = (uint64_t)db_int(s, 0);
		st->results = (uint64_t)db_int(s, 1);
		st->chunks = (uint64_t)db_int(s, 2);
		st->sources = (uint64_t)db_int(s, 3);
		st->source_bytes = (uint64_t)db_int(s, 4);
	}
	db_end(s);
	s = db_query(q->db, "SELECT state, count(*) FROM delivery GROUP BY state", DB_NOTHING);
	while (db_row(s)) {
		int64_t state = db_int(s, 0);
		if (state >= 0 && state < 6)
			st->deliveries[state] = (uint64_t)db_int(s, 1);
	}
	st->oldest_ms = db_get(q->db, "SELECT min(since_ms) FROM delivery WHERE state NOT IN (4, 5)",
			       DB_NOTHING, INT64_MAX);
	st->bytes = (uint64_t)db_bytes(q->db);
	status_sinks(q, st);
	evidence_count(q, 0, &st->evidence);
	s = db_query(q->db,
		     "SELECT coalesce(sum(ev_waiting + ev_owed + ev_awaited + ev_found), 0),"
		     " coalesce(sum(ev_parked), 0) FROM delivery WHERE state NOT IN (4, 5)",
		     DB_NOTHING);
	if (db_row(s)) {
		st->evidence_owed = (uint64_t)db_int(s, 0);
		st->evidence_parked = (uint64_t)db_int(s, 1);
	}
	db_end(s);
	return 0;
}

static void status_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct status_op *o = (struct status_op *)op;

	(void)q;
	o->done(o->cookie, rc, rc < 0 ? NULL : &o->status, err);
}

void queue_status(struct queue *q, queue_status_fn *done, void *cookie)
{
	struct status_op *o = op_new(sizeof(*o), 0, status_work, status_answer, NULL);

	o->done = done;
	o->cookie = cookie;
	op_start(q, &o->op);
}

/* ---- one run ---- */

enum { GATHER_MAX = 50000 }; /* results gathered for the sake of a count; more are counted only */

struct one_run_op {
	struct op op;
	queue_run_fn *done;
	void *cookie;
	struct arena arena;
	struct run_line line;
	struct counting counting;
};

/* Counts are of tests: few results that were not gathered yet are gathered now, very many are counted
 * without being written.  OP_AGAIN while that goes on. */
static int count_tests(struct queue *q, struct one_run_op *o)
{
	bool more = false;

	if (o->counting.shares == 0) {
		int64_t waits =
			db_get(q->db,
			       "SELECT coalesce(sum(p.results), 0) - r.tests FROM run r LEFT JOIN part p"
			       " ON p.run = r.id AND p.state = 1 WHERE r.id = ?1 AND r.grouped < r.ready",
			       DB(db_i(o->line.id)), 0);
		if (waits <= GATHER_MAX) {
			(void)group_slice(q, o->line.id, &more);
			return more ? OP_AGAIN : 0;
		}
	}
	return count_slice(q, o->line.id, &o->counting) ? OP_AGAIN : 0;
}

static int one_run_work(struct queue *q, struct op *op, struct err *err)
{
	struct one_run_op *o = (struct one_run_op *)op;

	if (count_tests(q, o) == OP_AGAIN)
		return OP_AGAIN;
	struct db_stmt *s = db_query(q->db,
				     "SELECT key, name, ended, tests, passed, failed, error, skipped, flaky,"
				     " known_failures FROM run WHERE id = ?1",
				     DB(db_i(o->line.id)));
	if (!db_row(s))
		return err_set(err, -ENOENT, "there is no run %lld", (long long)o->line.id);
	o->line.key = arena_strdup(&o->arena, db_text(s, 0));
	o->line.name = arena_strdup(&o->arena, db_text(s, 1));
	o->line.ended = db_int(s, 2) != 0;
	struct counts c = o->counting.counts;
	if (o->counting.shares == 0) {
		c.tests = db_int(s, 3);
		c.outcome[OUTCOME_PASSED] = db_int(s, 4);
		c.outcome[OUTCOME_FAILED] = db_int(s, 5);
		c.outcome[OUTCOME_ERROR] = db_int(s, 6);
		c.outcome[OUTCOME_SKIPPED] = db_int(s, 7);
		c.flaky = db_int(s, 8);
		c.known = db_int(s, 9);
	}
	db_end(s);
	o->line.tests = (uint64_t)c.tests;
	o->line.passed = (uint64_t)c.outcome[OUTCOME_PASSED];
	o->line.failed = (uint64_t)c.outcome[OUTCOME_FAILED];
	o->line.error = (uint64_t)c.outcome[OUTCOME_ERROR];
	o->line.skipped = (uint64_t)c.outcome[OUTCOME_SKIPPED];
	o->line.flaky = (uint64_t)c.flaky;
	o->line.known_failures = (uint64_t)c.known;
	return 0;
}

static void one_run_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct one_run_op *o = (struct one_run_op *)op;

	(void)q;
	o->done(o->cookie, rc, rc < 0 ? NULL : &o->line, err);
}

static void one_run_drop(struct op *op)
{
	arena_done(&((struct one_run_op *)op)->arena);
}

void queue_run(struct queue *q, int64_t run, queue_run_fn *done, void *cookie)
{
	struct one_run_op *o =
		op_new(sizeof(*o), OP_WRITE | OP_ALONE, one_run_work, one_run_answer, one_run_drop);

	o->done = done;
	o->cookie = cookie;
	o->arena = ARENA_LIMIT(VIEW_BYTES_MAX);
	o->line.id = run;
	op_start(q, &o->op);
}

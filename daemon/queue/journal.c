/* SPDX-License-Identifier: Apache-2.0
 *
 * journal.c - one delivery, closely: its journal, what is on its way, what is parked and why. */
#include "daemon/queue/internal.h"
#include "daemon/queue/operate.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <stdlib.h>

enum {
	VIEW_BYTES_MAX = 64 << 20,
	JOURNAL_MAX = 5000,
	REASONS_MAX = 50,
	NAMES_MAX = 20,
	REPORTS_MAX = 20,
	LOST_MAX = 50,
	MADE_MAX = 2000,
};

struct detail_op {
	struct op op;
	queue_detail_fn *done;
	void *cookie;
	struct arena arena;
	int64_t delivery;
	size_t journal_max;
	struct delivery_detail d;
};

const char *journal_word(int64_t settle)
{
	switch (settle) {
	case SETTLE_GO_ON:
		return "done";
	case SETTLE_WAIT:
		return "waits";
	case SETTLE_KEEP:
		return "outcome unknown";
	case SETTLE_SPLIT:
		return "refused, halved";
	case SETTLE_PARK:
		return "parked";
	case SETTLE_DELIVERED:
		return "settled";
	case JOURNAL_DROPPED:
		return "dropped";
	case JOURNAL_RETRIED:
		return "retried";
	case JOURNAL_BROUGHT:
		return "brought in";
	}
	return "?";
}

void journal_add(struct queue *q, int64_t delivery, int64_t now_ms, int64_t settle, const char *text)
{
	db_run(q->db,
	       "INSERT INTO journal(delivery, at_ms, step, attempt, settle, status, requests, text)"
	       " SELECT id, ?2, step, attempt, ?3, 0, 0, ?4 FROM delivery WHERE id = ?1",
	       DB(db_i(delivery), db_i(now_ms), db_i(settle), db_s(text)));
}

static int read_line(struct queue *q, struct detail_op *o, struct err *err)
{
	struct db_stmt *s = db_query(
		q->db,
		"SELECT d.run, d.sink, r.key, r.name, d.reason, coalesce(i.step, d.step), d.remote_id, d.url,"
		" d.state, d.since_ms, d.due_ms, d.settled_ms, r.tests, d.n_posted, d.n_parked, d.n_ignored,"
		" d.n_owed + d.n_unbound + d.n_new, d.requests, d.attempt, r.ended, r.watch, r.token,"
		" i.step, i.sent_ms, i.looks, d.ev_posted, d.ev_parked, d.ev_ignored,"
		" d.ev_waiting + d.ev_owed + d.ev_awaited + d.ev_found"
		" FROM delivery d JOIN run r ON r.id = d.run LEFT JOIN intent i ON i.delivery = d.id"
		" WHERE d.id = ?1",
		DB(db_i(o->delivery)));
	struct arena *a = &o->arena;

	if (!db_row(s))
		return db_failed(q->db, err) < 0
			       ? db_failed(q->db, NULL)
			       : err_set(err, -ENOENT, "there is no delivery %lld", (long long)o->delivery);
	o->d.line = (struct delivery_line){
		.id = o->delivery,
		.run = db_int(s, 0),
		.sink = arena_strdup(a, db_text(s, 1)),
		.run_key = arena_strdup(a, db_text(s, 2)),
		.run_name = arena_strdup(a, db_text(s, 3)),
		.reason = arena_strdup(a, db_text(s, 4)),
		.step = arena_strdup(a, db_text(s, 5)),
		.remote_id = arena_strdup(a, db_text(s, 6)),
		.url = arena_strdup(a, db_text(s, 7)),
		.state = (enum delivery_state)db_int(s, 8),
		.since_ms = db_int(s, 9),
		.due_ms = db_int(s, 10),
		.settled_ms = db_int_or(s, 11, TIME_UNKNOWN),
		.tests = (uint64_t)db_int(s, 12),
		.posted = (uint64_t)db_int(s, 13),
		.parked = (uint64_t)db_int(s, 14),
		.ignored = (uint64_t)db_int(s, 15),
		.owed = (uint64_t)db_int(s, 16),
		.requests = (uint64_t)db_int(s, 17),
		.attempt = (unsigned)db_int(s, 18),
		.run_ended = db_int(s, 19) != 0,
	};
	o->d.watch = arena_strdup(a, db_text(s, 20));
	o->d.token = arena_strdup(a, db_text(s, 21));
	o->d.intent_step = arena_strdup(a, db_text(s, 22));
	o->d.sent_ms = db_int_or(s, 23, TIME_UNKNOWN);
	o->d.looks = (unsigned)db_int_or(s, 24, 0);
	o->d.line.evidence_posted = (uint64_t)db_int(s, 25);
	o->d.line.evidence_parked = (uint64_t)db_int(s, 26);
	o->d.line.evidence_ignored = (uint64_t)db_int(s, 27);
	o->d.line.evidence_owed = (uint64_t)db_int(s, 28);
	db_end(s);
	return 0;
}

static void read_intent_rows(struct queue *q, struct detail_op *o)
{
	struct arena scratch = ARENA_LIMIT(VIEW_BYTES_MAX);
	struct packed_rows rows = { 0 };

	struct db_stmt *s =
		db_query(q->db, "SELECT rows FROM intent WHERE delivery = ?1", DB(db_i(o->delivery)));
	if (db_row(s)) {
		size_t len;
		const void *blob = db_blob(s, 0, &len);
		if (packed_read(blob, len, &scratch, &rows) == 0)
			o->d.intent_rows = (unsigned)rows.count;
	}
	db_end(s);
	arena_done(&scratch);
}

static void read_journal(struct queue *q, struct detail_op *o)
{
	struct journal_line *line = arena_calloc(&o->arena, o->journal_max, sizeof(*line));
	size_t n = 0;
	int64_t all =
		db_get(q->db, "SELECT count(*) FROM journal WHERE delivery = ?1", DB(db_i(o->delivery)), 0);

	if (line == NULL)
		return;
	struct db_stmt *s = db_query(q->db,
				     "SELECT at_ms, step, settle, text, attempt, requests, status FROM"
				     " (SELECT * FROM journal WHERE delivery = ?1 ORDER BY id DESC LIMIT ?2)"
				     " ORDER BY id",
				     DB(db_i(o->delivery), db_i((int64_t)o->journal_max)));
	while (n < o->journal_max && db_row(s)) {
		line[n++] = (struct journal_line){
			.at_ms = db_int(s, 0),
			.step = arena_strdup(&o->arena, db_text(s, 1)),
			.what = journal_word(db_int(s, 2)),
			.text = arena_strdup(&o->arena, db_text(s, 3)),
			.attempt = (unsigned)db_int(s, 4),
			.requests = (unsigned)db_int(s, 5),
			.status = (int)db_int(s, 6),
		};
	}
	db_end(s);
	o->d.journal = line;
	o->d.journal_count = n;
	o->d.journal_left_out = all > (int64_t)n ? (uint64_t)all - n : 0;
}

const char *items_name(struct queue *q, int64_t run, int64_t item, struct arena *arena)
{
	struct result r = { 0 };
	int64_t first = db_get(q->db, "SELECT first FROM test WHERE run = ?1 AND no = ?2",
			       DB(db_i(run), db_i(item_test(item))), 0);

	if (first == 0 || store_result(q, first, arena, &r, NULL, NULL) < 0)
		return "?";
	return r.id != NULL ? r.id : r.name != NULL ? r.name : "?";
}

/* Names of the items that the query finds; they are read after the query has ended. */
static void read_items(struct queue *q, int64_t run, struct db_stmt *s, struct arena *a,
		       struct reason_line *line)
{
	const char **name = arena_calloc(a, NAMES_MAX, sizeof(*name));
	int64_t item[NAMES_MAX];
	size_t n = 0;

	while (n < NAMES_MAX && db_row(s))
		item[n++] = db_int(s, 0);
	db_end(s);
	if (name == NULL)
		return;
	line->name = name;
	for (size_t i = 0; i < n; i++) {
		struct arena scratch = ARENA_LIMIT(VIEW_BYTES_MAX);
		name[line->name_count] = arena_strdup(a, items_name(q, run, item[i], &scratch));
		line->name_count += name[line->name_count] != NULL;
		arena_done(&scratch);
	}
}

static void read_names(struct db_stmt *s, struct arena *a, struct reason_line *line)
{
	const char **name = arena_calloc(a, NAMES_MAX, sizeof(*name));

	while (name != NULL && line->name_count < NAMES_MAX && db_row(s))
		name[line->name_count++] = arena_strdup(a, db_text(s, 0));
	db_end(s);
	line->name = name;
}

const struct reason_line *reasons_read(struct queue *q, const struct reasons *of, struct arena *a,
				       size_t *count)
{
	struct reason_line *line = arena_calloc(a, REASONS_MAX, sizeof(*line));
	size_t n = 0;

	*count = 0;
	if (line == NULL)
		return NULL;
	struct db_stmt *s =
		db_query(q->db, of->counts, DB(db_i(of->delivery), db_i(of->state), db_i(REASONS_MAX)));
	while (n < REASONS_MAX && db_row(s)) {
		line[n].reason = db_null(s, 0) ? NULL : arena_strdup(a, db_text(s, 0));
		line[n++].count = (uint64_t)db_int(s, 1);
	}
	db_end(s);
	for (size_t i = 0; i < n; i++) {
		s = db_query(q->db, of->names,
			     DB(db_i(of->delivery), db_i(of->state), db_s(line[i].reason), db_i(NAMES_MAX)));
		if (of->run != 0)
			read_items(q, of->run, s, a, &line[i]);
		else
			read_names(s, a, &line[i]);
		if (line[i].reason == NULL)
			line[i].reason = of->none;
	}
	*count = n;
	return line;
}

static const struct reason_line *item_reasons(struct queue *q, struct detail_op *o, enum item_state state,
					      size_t *count)
{
	const struct reasons of = {
		.delivery = o->delivery,
		.state = state,
		.run = o->d.line.run,
		.counts = "SELECT reason, count(*) FROM item WHERE delivery = ?1 AND state = ?2"
			  " GROUP BY reason ORDER BY count(*) DESC, reason LIMIT ?3",
		.names = "SELECT id FROM item WHERE delivery = ?1 AND state = ?2 AND reason IS ?3"
			 " ORDER BY id LIMIT ?4",
		.none = "no case for it",
	};

	return reasons_read(q, &of, &o->arena, count);
}

static const struct reason_line *file_reasons(struct queue *q, struct detail_op *o, enum attach_state state,
					      size_t *count)
{
	const struct reasons of = {
		.delivery = o->delivery,
		.state = state,
		.counts = "SELECT reason, count(*) FROM attach WHERE delivery = ?1 AND state = ?2"
			  " GROUP BY reason ORDER BY count(*) DESC, reason LIMIT ?3",
		.names = "SELECT e.named FROM attach a JOIN evidence e ON e.id = a.evidence"
			 " WHERE a.delivery = ?1 AND a.state = ?2 AND a.reason IS ?3 ORDER BY a.id LIMIT ?4",
		.none = "no reason is known",
	};

	return reasons_read(q, &of, &o->arena, count);
}

static void read_reports(struct queue *q, struct detail_op *o)
{
	const char **path = arena_calloc(&o->arena, REPORTS_MAX, sizeof(*path));
	size_t n = 0;

	o->d.reports = (uint64_t)db_get(q->db, "SELECT count(*) FROM part WHERE run = ?1 AND state = 1",
					DB(db_i(o->d.line.run)), 0);
	struct db_stmt *s =
		db_query(q->db, "SELECT path FROM part WHERE run = ?1 AND state = 1 ORDER BY ready LIMIT ?2",
			 DB(db_i(o->d.line.run), db_i(REPORTS_MAX)));
	while (path != NULL && n < REPORTS_MAX && db_row(s)) {
		path[n] = arena_strdup(&o->arena, db_text(s, 0));
		n += path[n] != NULL;
	}
	db_end(s);
	o->d.report = path;
	o->d.report_count = n;
}

static int detail_work(struct queue *q, struct op *op, struct err *err)
{
	struct detail_op *o = (struct detail_op *)op;
	int rc = read_line(q, o, err);

	if (rc < 0)
		return rc;
	read_intent_rows(q, o);
	read_journal(q, o);
	read_reports(q, o);
	o->d.parked = item_reasons(q, o, ITEM_PARKED, &o->d.parked_count);
	o->d.ignored = item_reasons(q, o, ITEM_IGNORED, &o->d.ignored_count);
	o->d.parked_files = file_reasons(q, o, ATTACH_PARKED, &o->d.parked_file_count);
	o->d.ignored_files = file_reasons(q, o, ATTACH_IGNORED, &o->d.ignored_file_count);
	o->d.links_told = links_count(q, o->delivery, LINK_POSTED);
	o->d.links_owed = links_count(q, o->delivery, LINK_OWED);
	o->d.parked_links = links_reasons(q, o->delivery, LINK_PARKED, &o->arena, &o->d.parked_link_count);
	o->d.ignored_links = links_reasons(q, o->delivery, LINK_IGNORED, &o->arena, &o->d.ignored_link_count);
	evidence_count(q, o->d.line.run, &o->d.evidence);
	o->d.lost = evidence_lost(q, o->d.line.run, LOST_MAX, &o->arena, &o->d.lost_count);
	o->d.owed.count = o->d.line.owed;
	struct db_stmt *s = db_query(q->db,
				     "SELECT id FROM item WHERE delivery = ?1 AND state IN (0, 1, 2)"
				     " ORDER BY id LIMIT ?2",
				     DB(db_i(o->delivery), db_i(NAMES_MAX)));
	read_items(q, o->d.line.run, s, &o->arena, &o->d.owed);
	return 0;
}

static void detail_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct detail_op *o = (struct detail_op *)op;

	(void)q;
	o->done(o->cookie, rc, rc < 0 ? NULL : &o->d, err);
}

static void detail_drop(struct op *op)
{
	arena_done(&((struct detail_op *)op)->arena);
}

void queue_detail(struct queue *q, int64_t delivery, size_t journal_max, queue_detail_fn *done, void *cookie)
{
	struct detail_op *o = op_new(sizeof(*o), 0, detail_work, detail_answer, detail_drop);

	o->done = done;
	o->cookie = cookie;
	o->arena = ARENA_LIMIT(VIEW_BYTES_MAX);
	o->delivery = delivery;
	o->journal_max = journal_max > JOURNAL_MAX ? JOURNAL_MAX : journal_max;
	op_start(q, &o->op);
}

/* ---- requests of late ---- */

struct made_op {
	struct op op;
	queue_made_fn *done;
	void *cookie;
	struct arena arena;
	int64_t since_ms;
	struct made made[MADE_MAX];
	size_t count;
};

static int made_work(struct queue *q, struct op *op, struct err *err)
{
	struct made_op *o = (struct made_op *)op;

	(void)err;
	/* From the end: the journal is long.  An intent stands for a request that no journal has yet. */
	struct db_stmt *s =
		db_query(q->db,
			 "SELECT sink, at_ms, requests FROM ("
			 " SELECT d.sink, j.at_ms, j.requests FROM"
			 "  (SELECT delivery, at_ms, requests FROM journal ORDER BY id DESC LIMIT ?2) j"
			 "  JOIN delivery d ON d.id = j.delivery WHERE j.at_ms >= ?1 AND j.requests > 0"
			 " UNION ALL SELECT d.sink, i.sent_ms, 1 FROM intent i"
			 "  JOIN delivery d ON d.id = i.delivery WHERE i.sent_ms >= ?1)"
			 " ORDER BY at_ms LIMIT ?2",
			 DB(db_i(o->since_ms), db_i(MADE_MAX)));
	while (o->count < MADE_MAX && db_row(s))
		o->made[o->count++] = (struct made){ .sink = arena_strdup(&o->arena, db_text(s, 0)),
						     .at_ms = db_int(s, 1),
						     .requests = (unsigned)db_int(s, 2) };
	db_end(s);
	return 0;
}

static void made_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct made_op *o = (struct made_op *)op;

	(void)q;
	o->done(o->cookie, rc, o->made, rc < 0 ? 0 : o->count, err);
}

static void made_drop(struct op *op)
{
	arena_done(&((struct made_op *)op)->arena);
}

void queue_made(struct queue *q, int64_t since_ms, queue_made_fn *done, void *cookie)
{
	struct made_op *o = op_new(sizeof(*o), 0, made_work, made_answer, made_drop);

	o->done = done;
	o->cookie = cookie;
	o->since_ms = since_ms;
	o->arena = ARENA_LIMIT(1 << 20);
	op_start(q, &o->op);
}

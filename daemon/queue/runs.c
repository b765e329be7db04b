/* SPDX-License-Identifier: Apache-2.0
 *
 * runs.c - runs, their parts, and the keys by which a report is known again.
 *
 * A part is nothing until queue_finish_part(): what queue_take() wrote for it may even be lost with a
 * transaction that met a full disk, which finishing finds out by counting chunks. */
#include "daemon/queue/internal.h"

#include "daemon/base/clock.h"
#include "daemon/base/digest.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
	ARGS_MAX = 16 << 20,
	SEEN_EVERY_MS = 3600 * 1000, /* how exactly `seen` knows when a file was there last */
	DELETE_SLICE = 64,
	EVIDENCE_SLICE = 1024,
	BAD_MAX = 10000,  /* unreadable reports remembered */
	TOKEN_BYTES = 10, /* of a run's token: 20 hex digits */
};

/* ---- loading parts ---- */

struct loading *runs_loading(struct queue *q, int64_t part)
{
	for (struct loading *l = q->loading; l != NULL; l = l->next)
		if (l->part == part && !l->given_up)
			return l;
	return NULL;
}

static void loading_add(struct queue *q, int64_t part)
{
	struct loading *l = xcalloc(1, sizeof(*l));

	l->part = part;
	l->next = q->loading;
	q->loading = l;
}

static void loading_remove(struct queue *q, int64_t part)
{
	for (struct loading **at = &q->loading; *at != NULL; at = &(*at)->next) {
		struct loading *l = *at;
		if (l->part == part) {
			*at = l->next;
			free(l->reason);
			free(l);
			return;
		}
	}
}

void runs_loading_free(struct queue *q)
{
	while (q->loading != NULL)
		loading_remove(q, q->loading->part);
}

/* ---- take ---- */

struct take_op {
	struct op op;
	queue_taken_fn *done;
	void *cookie;
	struct arena arena;
	struct run_spec run;
	struct part_spec part;
	struct taken taken;
	int64_t begun; /* part whose loading is undone if the op fails */
};

static void make_token(struct queue *q, int64_t run, char out[32])
{
	uint8_t bytes[DIGEST_SIZE];

	if (q->seed != 0) {
		uint64_t both[2] = { q->seed, (uint64_t)run };
		digest_reset(q->digest);
		digest_add(q->digest, both, sizeof(both));
		digest_get(q->digest, bytes);
	} else if (getrandom(bytes, TOKEN_BYTES, 0) != TOKEN_BYTES) {
		abort(); /* a kernel without randomness: two runs could not be told apart */
	}
	char hex[2 * TOKEN_BYTES + 1];
	digest_hex(bytes, TOKEN_BYTES, hex);
	(void)snprintf(out, 32, "rd-%s", hex);
}

static void copy_name(char *to, size_t size, const char *from)
{
	if (from == NULL)
		from = "";
	size_t len = utf8_cut(from, strlen(from), size - 1);
	memcpy(to, from, len);
	to[len] = '\0';
}

int64_t runs_add_delivery(struct queue *q, int64_t run, const char *sink, bool backfill, int64_t now_ms,
			  int64_t due_ms)
{
	db_run(q->db,
	       "INSERT INTO delivery(run, sink, state, due_ms, backfill, since_ms)"
	       " VALUES(?1, ?2, 0, ?3, ?4, ?5) ON CONFLICT(run, sink) DO NOTHING",
	       DB(db_i(run), db_s(sink), db_i(due_ms), db_i(backfill), db_i(now_ms)));
	return db_changes(q->db);
}

static int64_t add_sinks(struct queue *q, const struct run_spec *spec, int64_t run, int64_t due_ms)
{
	int64_t added = 0;

	for (size_t i = 0; i < spec->sink_count; i++)
		added += runs_add_delivery(q, run, spec->sinks[i], spec->backfill, spec->now_ms, due_ms);
	return added;
}

static void name_run(struct queue *q, struct taken *taken)
{
	struct db_stmt *s =
		db_query(q->db, "SELECT name, ended FROM run WHERE id = ?1", DB(db_i(taken->run)));

	if (db_row(s)) {
		copy_name(taken->run_name, sizeof(taken->run_name), db_text(s, 0));
		taken->run_ended = db_int(s, 1) != 0;
	}
	db_end(s);
}

static int64_t new_run(struct queue *q, const struct run_spec *spec, int64_t seq)
{
	char token[32];
	const char *name = spec->name != NULL ? spec->name : spec->key;
	char *numbered = seq > 1 ? xasprintf("%s (%lld)", name, (long long)seq) : NULL;
	int64_t id = q->next_run++;

	make_token(q, id, token);
	db_run(q->db,
	       "INSERT INTO run(id, key, seq, name, token, variant, vars, source, watch, backfill,"
	       " opened_ms, last_part_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)",
	       DB(db_i(id), db_s(spec->key), db_i(seq), db_s(numbered != NULL ? numbered : name), db_s(token),
		  db_s(spec->variant), db_s(spec->vars_json), db_i(spec->source), db_s(spec->watch),
		  db_i(spec->backfill), db_i(spec->now_ms)));
	free(numbered);
	return id;
}

/* Variables that the run has not yet, such as a later part or a second import tells them: true where there were
 * some.  What was parked for want of one (in the words of config/template.h) is due again then. */
static bool add_vars(struct queue *q, int64_t run, const char *vars, int64_t now_ms)
{
	if (q->vars_run == run && strcmp(q->vars, vars) == 0)
		return false; /* most reports of a run say the same */
	db_run(q->db,
	       "UPDATE run SET vars = json_patch(?2, vars) WHERE id = ?1 AND EXISTS (SELECT 1 FROM "
	       "json_each(?2) n"
	       " WHERE n.key NOT IN (SELECT key FROM json_each(run.vars)))",
	       DB(db_i(run), db_s(vars)));
	if (db_failed(q->db, NULL) < 0)
		return false;
	if (db_changes(q->db) == 0) {
		q->vars_run = run;
		free(q->vars);
		q->vars = xstrdup(vars);
		return false;
	}
	db_run(q->db,
	       "UPDATE delivery SET state = 0, due_ms = ?2, attempt = 0, reason = NULL, settled_ms = NULL"
	       " WHERE run = ?1 AND state = 3"
	       " AND (instr(reason, ' is not set') > 0 OR instr(reason, ' is set') > 0)",
	       DB(db_i(run), db_i(now_ms)));
	held_apply(q, run, now_ms);
	return true;
}

/* What is known of this content under this key: true where the answer is in `taken`. */
static bool take_known(struct queue *q, struct take_op *t, int64_t *generation)
{
	struct db_stmt *s = db_query(
		q->db,
		"SELECT s.generation, s.run, s.part, s.last_ms, r.id, s.bad, p.cases, p.complete FROM seen s"
		" LEFT JOIN run r ON r.id = s.run AND r.id NOT IN (SELECT run FROM going)"
		" LEFT JOIN part p ON p.id = s.part AND p.run = r.id"
		" WHERE s.run_key = ?1 AND s.sha256 = ?2",
		DB(db_s(t->run.key), db_b(t->part.sha256, 32)));
	if (!db_row(s))
		return false;
	int64_t last_ms = db_int(s, 3);
	bool there = !db_null(s, 4);
	*generation = db_int(s, 0) + 1;
	t->taken.run = db_int(s, 1);
	t->taken.part = db_int(s, 2);
	t->taken.bad = (uint64_t)db_int(s, 5);
	t->taken.cases = (uint64_t)db_int(s, 6);
	t->taken.broke_off = !db_null(s, 7) && db_int(s, 7) == 0;
	db_end(s);
	if (t->part.again)
		return false;
	if (t->run.now_ms - last_ms >= SEEN_EVERY_MS)
		db_run(q->db,
		       "UPDATE seen SET last_ms = ?3, path = coalesce(?4, path)"
		       " WHERE run_key = ?1 AND sha256 = ?2",
		       DB(db_s(t->run.key), db_b(t->part.sha256, 32), db_i(t->run.now_ms),
			  db_s(t->part.path != NULL && t->part.path[0] == '/' ? t->part.path : NULL)));
	t->taken.what = TAKE_DUPLICATE;
	t->taken.run_ended = true;
	if (!there) /* the run was cleaned away; its key still says that it was delivered */
		return true;
	name_run(q, &t->taken);
	bool more = add_sinks(q, &t->run, t->taken.run, t->run.now_ms) > 0;
	if (t->run.hold != NULL && more) {
		held_unkeyed(q, t->taken.run, t->run.hold);
		held_apply(q, t->taken.run, t->run.now_ms);
	}
	more |= add_vars(q, t->taken.run, t->run.vars_json, t->run.now_ms);
	if (more) {
		t->taken.what = TAKE_RETARGET;
		t->op.flags &= ~(unsigned)OP_LAZY;
	}
	return true;
}

static int take_work(struct queue *q, struct op *op, struct err *err)
{
	struct take_op *t = (struct take_op *)op;
	int64_t generation = 0, run = 0, seq = 0, ready = 0;
	bool ended = false, going = false;

	(void)err;
	t->taken = (struct taken){ 0 };
	if (take_known(q, t, &generation))
		return 0;
	struct db_stmt *s =
		db_query(q->db,
			 "SELECT id, seq, ended, ready, EXISTS (SELECT 1 FROM going WHERE run = run.id)"
			 " FROM run WHERE key = ?1 ORDER BY seq DESC LIMIT 1",
			 DB(db_s(t->run.key)));
	if (db_row(s)) {
		run = db_int(s, 0);
		seq = db_int(s, 1);
		ended = db_int(s, 2) != 0;
		ready = db_int(s, 3);
		going = db_int(s, 4) != 0;
	}
	db_end(s);
	if (run == 0 || going || (ended && !t->part.late_append)) {
		run = new_run(q, &t->run, seq + 1);
		ready = 0;
	}
	if (add_sinks(q, &t->run, run, ready > 0 ? t->run.now_ms : INT64_MAX) > 0 && t->run.hold != NULL)
		held_unkeyed(q, run, t->run.hold);
	add_vars(q, run, t->run.vars_json, t->run.now_ms);
	int64_t part = q->next_part++;
	if (part > CHUNK_PART_MAX)
		return err_set(err, -EOVERFLOW, "no further part can be numbered");
	db_run(q->db,
	       "INSERT INTO part(id, run, state, generation, sha256, path, kept, size, begun_ms)"
	       " VALUES(?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8)",
	       DB(db_i(part), db_i(run), db_i(generation), db_b(t->part.sha256, 32), db_s(t->part.path),
		  db_s(t->part.kept), db_i((int64_t)t->part.size), db_i(t->run.now_ms)));
	if (!t->part.again)
		held_take(q, run, t->part.changed_ms);
	t->taken.what = TAKE_NEW;
	t->taken.bad = 0;
	t->taken.run = run;
	t->taken.part = part;
	name_run(q, &t->taken);
	if (db_failed(q->db, NULL) == 0) {
		loading_add(q, part);
		t->begun = part;
	}
	return 0;
}

static void take_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct take_op *t = (struct take_op *)op;

	(void)q;
	if (t->done != NULL)
		t->done(t->cookie, rc, rc < 0 ? NULL : &t->taken, err);
}

static void take_settled(struct queue *q, struct op *op)
{
	if (op->rc < 0)
		loading_remove(q, ((struct take_op *)op)->begun);
}

static void take_drop(struct op *op)
{
	arena_done(&((struct take_op *)op)->arena);
}

void queue_take(struct queue *q, const struct run_spec *run, const struct part_spec *part,
		queue_taken_fn *done, void *cookie)
{
	struct take_op *t = op_new(sizeof(*t), OP_WRITE | OP_LAZY, take_work, take_answer, take_drop);

	t->op.settled = take_settled;
	t->done = done;
	t->cookie = cookie;
	t->arena = ARENA_LIMIT(ARGS_MAX);
	t->run = *run;
	t->part = *part;
	t->run.key = arena_strdup(&t->arena, run->key);
	t->run.name = arena_strdup(&t->arena, run->name);
	t->run.variant = arena_strdup(&t->arena, run->variant);
	t->run.vars_json = arena_strdup(&t->arena, run->vars_json != NULL ? run->vars_json : "{}");
	t->run.watch = arena_strdup(&t->arena, run->watch);
	t->run.hold = arena_strdup(&t->arena, run->hold);
	t->part.path = arena_strdup(&t->arena, part->path);
	t->part.kept = arena_strdup(&t->arena, part->kept);
	const char **sinks = arena_calloc(&t->arena, run->sink_count, sizeof(*sinks));
	for (size_t i = 0; i < run->sink_count && sinks != NULL; i++)
		sinks[i] = arena_strdup(&t->arena, run->sinks[i]);
	t->run.sinks = sinks;
	if (sinks == NULL)
		t->run.sink_count = 0;
	op_start(q, &t->op);
}

/* ---- the end of a part ---- */

struct part_op {
	struct done_op base;
	int64_t part, run, now_ms;
	struct part_summary summary;
	char *format, *warnings, *vars_json, *reason, *source_name;
	void *source;
};

static void part_drop(struct op *op)
{
	struct part_op *p = (struct part_op *)op;

	free(p->format);
	free(p->warnings);
	free(p->vars_json);
	free(p->reason);
	free(p->source_name);
	free(p->source);
}

/* All that was handed over must be there: a transaction that met a full disk may have lost chunks whose
 * writer had long gone on. */
static int check_chunks(struct queue *q, const struct part_op *p, struct err *err)
{
	const struct loading *l = runs_loading(q, p->part);

	if (l == NULL)
		return err_set(err, -ESTALE, "part %lld is not being loaded", (long long)p->part);
	struct db_stmt *s = db_query(q->db,
				     "SELECT count(*), coalesce(sum(count), 0) FROM chunk"
				     " WHERE id >= ?1 AND id < ?2",
				     DB(db_i(chunk_id(p->part, 0)), db_i(chunk_id(p->part + 1, 0))));
	bool whole = db_row(s) && (uint64_t)db_int(s, 0) == l->chunks && (uint64_t)db_int(s, 1) == l->results;
	db_end(s);
	if (whole && l->evidence > 0)
		whole = (uint64_t)db_get(q->db, "SELECT count(*) FROM evidence WHERE id >= ?1 AND id < ?2",
					 DB(db_i(chunk_id(p->part, 0)), db_i(chunk_id(p->part + 1, 0))),
					 0) == l->evidence;
	if (!whole)
		return err_set(err, -ESTALE, "part %lld was lost to a full disk and must be taken again",
			       (long long)p->part);
	return 0;
}

static int finish_work(struct queue *q, struct op *op, struct err *err)
{
	struct part_op *p = (struct part_op *)op;
	const struct part_summary *f = &p->summary;
	int64_t run = 0, state = -1, generation = 0;
	uint8_t sha256[32] = { 0 };
	size_t len = 0;

	struct db_stmt *s = db_query(q->db, "SELECT run, state, generation, sha256 FROM part WHERE id = ?1",
				     DB(db_i(p->part)));
	if (db_row(s)) {
		run = db_int(s, 0);
		state = db_int(s, 1);
		generation = db_int(s, 2);
		const void *hash = db_blob(s, 3, &len);
		if (len == sizeof(sha256))
			memcpy(sha256, hash, len);
	}
	db_end(s);
	if (state == PART_READY)
		return err_set(err, -EALREADY, "part %lld is finished already", (long long)p->part);
	int rc = check_chunks(q, p, err);
	if (rc < 0)
		return rc;
	const struct loading *l = runs_loading(q, p->part);
	if (state < 0)
		return err_set(err, -ESTALE, "part %lld was lost to a full disk and must be taken again",
			       (long long)p->part);
	/* The same content may have been taken twice before either was finished. */
	db_run(q->db,
	       "INSERT INTO seen(run_key, sha256, generation, run, part, last_ms, path, bad)"
	       " SELECT key, ?2, ?3, id, ?4, ?5, (SELECT path FROM part WHERE id = ?4), ?6 FROM run"
	       " WHERE id = ?1"
	       " ON CONFLICT(run_key, sha256) DO UPDATE SET generation = excluded.generation,"
	       " run = excluded.run, part = excluded.part, last_ms = excluded.last_ms, path = excluded.path,"
	       " bad = excluded.bad WHERE generation < excluded.generation",
	       DB(db_i(run), db_b(sha256, sizeof(sha256)), db_i(generation), db_i(p->part), db_i(p->now_ms),
		  db_i((int64_t)f->bad)));
	if (db_failed(q->db, NULL) == 0 && db_changes(q->db) == 0)
		return err_set(err, -EEXIST, "the same content was taken meanwhile");
	db_run(q->db,
	       "UPDATE part SET state = 1, finished_ms = ?2, format = ?3, complete = ?4, suites = ?5,"
	       " cases = ?6, passed = ?7, failed = ?8, error = ?9, skipped = ?10, flaky = ?11,"
	       " known_failures = ?12, duration_ms = ?13, started_ms = ?14, warnings = ?15,"
	       " chunks = ?16, results = ?17, ready = (SELECT ready + 1 FROM run WHERE id = ?18),"
	       " stored = ?19 WHERE id = ?1",
	       DB(db_i(p->part), db_i(p->now_ms), db_s(p->format), db_i(f->complete),
		  db_i((int64_t)f->suites), db_i((int64_t)f->cases), db_i((int64_t)f->passed),
		  db_i((int64_t)f->failed), db_i((int64_t)f->error), db_i((int64_t)f->skipped),
		  db_i((int64_t)f->flaky), db_i((int64_t)f->known_failures), db_d(f->duration_ms),
		  f->started_ms == TIME_UNKNOWN ? db_n() : db_i(f->started_ms), db_s(p->warnings),
		  db_i((int64_t)l->chunks), db_i((int64_t)l->results), db_i(run),
		  db_i((int64_t)f->source_len)));
	if (p->source != NULL)
		db_run(q->db, "INSERT INTO source(part, kept, body) VALUES(?1, ?2, ?3)",
		       DB(db_i(p->part), db_s(p->source_name), db_b(p->source, f->source_len)));
	db_run(q->db,
	       "UPDATE run SET ready = ready + 1, last_part_ms = max(last_part_ms, ?2),"
	       " duration_ms = duration_ms + ?3,"
	       " started_ms = min(coalesce(started_ms, ?4), coalesce(?4, started_ms)) WHERE id = ?1",
	       DB(db_i(run), db_i(p->now_ms), db_d(f->duration_ms > 0 ? f->duration_ms : 0),
		  f->started_ms == TIME_UNKNOWN ? db_n() : db_i(f->started_ms)));
	if (p->vars_json != NULL)
		db_run(q->db, "UPDATE run SET vars = json_patch(?2, coalesce(vars, '{}')) WHERE id = ?1",
		       DB(db_i(run), db_s(p->vars_json)));
	/* Waiting, parked and delivered alike have something to do now; since: where it was settled. */
	db_run(q->db,
	       "UPDATE delivery SET due_ms = ?2, since_ms = CASE WHEN state = 4 THEN ?2 ELSE since_ms END,"
	       " settled_ms = NULL, state = 0 WHERE run = ?1 AND state IN (0, 3, 4)",
	       DB(db_i(run), db_i(p->now_ms)));
	held_apply(q, run, p->now_ms);
	held_keyed(q, p->part, run, sha256, p->now_ms);
	return 0;
}

static void finish_settled(struct queue *q, struct op *op)
{
	if (op->rc == 0)
		loading_remove(q, ((struct part_op *)op)->part);
}

void queue_finish_part(struct queue *q, int64_t part, const struct part_summary *summary, queue_done_fn *done,
		       void *cookie)
{
	struct part_op *p = op_new(sizeof(*p), OP_WRITE | OP_GATHER, finish_work, done_answer, part_drop);

	p->base.op.settled = finish_settled;
	p->base.done = done;
	p->base.cookie = cookie;
	p->part = part;
	p->summary = *summary;
	p->now_ms = summary->now_ms;
	p->format = xstrdup(summary->format);
	p->warnings = xstrdup(summary->warnings);
	p->vars_json = xstrdup(summary->vars_json);
	if (summary->source != NULL && summary->source_len > 0) {
		p->source_name = xstrdup(summary->source_name);
		p->source = xrealloc(NULL, summary->source_len, 1);
		memcpy(p->source, summary->source, summary->source_len);
	} else {
		p->summary.source_len = 0;
	}
	op_start(q, &p->base.op);
}

/* A slice may be lost with its transaction, so nothing but the rows says how far it went. */
static int abandon_work(struct queue *q, struct op *op, struct err *err)
{
	struct part_op *p = (struct part_op *)op;
	struct loading *l = runs_loading(q, p->part);
	int64_t state = -1;

	struct db_stmt *s = db_query(q->db, "SELECT run, state FROM part WHERE id = ?1", DB(db_i(p->part)));
	if (db_row(s)) {
		p->run = db_int(s, 0);
		state = db_int(s, 1);
	}
	db_end(s);
	if (state == PART_READY)
		return err_set(err, -EALREADY, "part %lld is finished already", (long long)p->part);
	if (l != NULL)
		l->given_up = true;
	if (state == PART_LOADING) {
		if (p->reason != NULL)
			db_run(q->db,
			       "INSERT INTO bad(run_key, path, kept, reason, at_ms)"
			       " SELECT r.key, p.path, p.kept, ?2, ?3 FROM part p JOIN run r"
			       " ON r.id = p.run WHERE p.id = ?1",
			       DB(db_i(p->part), db_s(p->reason), db_i(p->now_ms)));
		db_run(q->db, "DELETE FROM bad WHERE id <= (SELECT max(id) FROM bad) - ?1",
		       DB(db_i(BAD_MAX)));
		db_run(q->db, "DELETE FROM part WHERE id = ?1", DB(db_i(p->part)));
		runs_wake_ended(q, p->run, p->now_ms);
		runs_remove_if_empty(q, p->run);
	}
	/* Blobs that nobody names are found when they are swept. */
	if (evidence_delete(q, p->part, EVIDENCE_SLICE, NULL, NULL) == EVIDENCE_SLICE)
		return OP_AGAIN;
	return store_delete_chunks(q, p->part, CHUNK_SEQ_MAX, DELETE_SLICE) == DELETE_SLICE ? OP_AGAIN : 0;
}

/* A full disk keeps the row, and a run whose part is being loaded cannot end: it is not forgotten. */
static void abandon_settled(struct queue *q, struct op *op)
{
	const struct part_op *p = (struct part_op *)op;

	if (op->rc == 0) {
		loading_remove(q, p->part);
		return;
	}
	for (struct loading *l = q->loading; l != NULL; l = l->next) {
		if (l->part != p->part || op->rc != -ENOSPC)
			continue;
		l->again = true;
		free(l->reason);
		l->reason = xstrdup(p->reason);
	}
}

void queue_abandon_part(struct queue *q, int64_t part, const char *reason, queue_done_fn *done, void *cookie)
{
	struct part_op *p = op_new(sizeof(*p), OP_WRITE | OP_ALONE, abandon_work, done_answer, part_drop);

	p->base.op.settled = abandon_settled;
	p->base.done = done;
	p->base.cookie = cookie;
	p->part = part;
	p->reason = xstrdup(reason);
	p->now_ms = clock_wall_ms();
	op_start(q, &p->base.op);
}

void runs_abandon_again(struct queue *q)
{
	for (struct loading *l = q->loading; l != NULL; l = l->next) {
		if (!l->again)
			continue;
		l->again = false;
		queue_abandon_part(q, l->part, l->reason, NULL, NULL);
	}
}

/* ---- runs ---- */

/* Nothing more will come: what waited for a part that is not loaded any more has its last steps before it. */
void runs_wake_ended(struct queue *q, int64_t run, int64_t now_ms)
{
	db_run(q->db,
	       "UPDATE delivery SET due_ms = ?2 WHERE state = 0 AND due_ms = ?3 AND run IN (SELECT id FROM "
	       "run"
	       " WHERE ended = 1 AND (id = ?1 OR ?1 = 0))",
	       DB(db_i(run), db_i(now_ms), db_i(INT64_MAX)));
}

/* A run that has ended without one readable report has nothing to tell anybody. */
void runs_remove_if_empty(struct queue *q, int64_t run)
{
	int64_t empty = db_get(q->db,
			       "SELECT 1 FROM run WHERE id = ?1 AND ended = 1 AND ready = 0"
			       " AND NOT EXISTS (SELECT 1 FROM part WHERE run = ?1 AND state = 0)",
			       DB(db_i(run)), 0);

	if (empty == 0)
		return;
	held_forget(q, run);
	db_run(q->db, "DELETE FROM delivery WHERE run = ?1", DB(db_i(run)));
	db_run(q->db, "DELETE FROM run WHERE id = ?1", DB(db_i(run)));
}

struct run_op {
	struct done_op base;
	int64_t run, now_ms;
};

static int end_work(struct queue *q, struct op *op, struct err *err)
{
	struct run_op *e = (struct run_op *)op;

	(void)err;
	db_run(q->db, "UPDATE run SET ended = 1, ended_ms = ?2 WHERE id = ?1 AND ended = 0",
	       DB(db_i(e->run), db_i(e->now_ms)));
	if (db_changes(q->db) == 0)
		return 0;
	evidence_early_over(q, e->run, e->now_ms);
	evidence_run_over(q, e->run, e->now_ms);
	/* Even what is delivered has its last steps before it; what is parked waits for a person. */
	db_run(q->db,
	       "UPDATE delivery SET due_ms = ?2, since_ms = CASE WHEN state = 4 THEN ?2 ELSE since_ms END,"
	       " settled_ms = NULL, state = 0 WHERE run = ?1 AND state IN (0, 4)",
	       DB(db_i(e->run), db_i(e->now_ms)));
	runs_remove_if_empty(q, e->run);
	return 0;
}

void queue_end_run(struct queue *q, int64_t run, int64_t now_ms, queue_done_fn *done, void *cookie)
{
	struct run_op *e = op_new(sizeof(*e), OP_WRITE, end_work, done_answer, NULL);

	e->base.done = done;
	e->base.cookie = cookie;
	e->run = run;
	e->now_ms = now_ms;
	op_start(q, &e->base.op);
}

struct open_runs_op {
	struct op op;
	queue_runs_fn *done;
	void *cookie;
	struct arena arena;
	struct open_run *run;
	size_t count, room;
};

static int open_runs_work(struct queue *q, struct op *op, struct err *err)
{
	struct open_runs_op *o = (struct open_runs_op *)op;

	(void)err;
	struct db_stmt *s = db_query(q->db,
				     "SELECT id, key, name, watch, opened_ms, last_part_ms FROM run"
				     " WHERE ended = 0 ORDER BY id",
				     DB_NOTHING);
	while (db_row(s)) {
		if (o->count == o->room) {
			o->room = o->room == 0 ? 16 : o->room * 2;
			o->run = xrealloc(o->run, o->room, sizeof(*o->run));
		}
		o->run[o->count++] = (struct open_run){
			.id = db_int(s, 0),
			.key = arena_strdup(&o->arena, db_text(s, 1)),
			.name = arena_strdup(&o->arena, db_text(s, 2)),
			.watch = arena_strdup(&o->arena, db_text(s, 3)),
			.opened_ms = db_int(s, 4),
			.last_part_ms = db_int(s, 5),
		};
	}
	return 0;
}

static void open_runs_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct open_runs_op *o = (struct open_runs_op *)op;

	(void)q;
	o->done(o->cookie, rc, o->run, rc < 0 ? 0 : o->count, err);
}

static void open_runs_drop(struct op *op)
{
	struct open_runs_op *o = (struct open_runs_op *)op;

	arena_done(&o->arena);
	free(o->run);
}

void queue_open_runs(struct queue *q, queue_runs_fn *done, void *cookie)
{
	struct open_runs_op *o = op_new(sizeof(*o), 0, open_runs_work, open_runs_answer, open_runs_drop);

	o->done = done;
	o->cookie = cookie;
	o->arena = ARENA_LIMIT(SIZE_MAX / 2);
	op_start(q, &o->op);
}

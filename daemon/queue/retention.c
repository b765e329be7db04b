/* SPDX-License-Identifier: Apache-2.0
 *
 * retention.c - runs that are done are forgotten, a bounded slice at a time.
 *
 * A run is marked as `going` in a transaction of its own before anything of it is touched.  From then on
 * nobody takes it for a run any more, so a crash between two slices leaves work and no half of a run.
 * Keys of reports outlive their run: they go when their file was not met for as long (rule D2). */
#include "daemon/queue/internal.h"
#include "daemon/queue/operate.h"

#include "daemon/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	ROWS_SLICE = 4096,
	CHUNKS_SLICE = 64,
	FILES_SLICE = 512,
	WINDOW = 512,       /* runs looked at in one slice */
	KEYS_MAX = 1024,    /* of one call */
	SHRINK_SLICE = 128, /* pages */
	FREE_LEAST = 256,   /* pages that may stay free for what comes */
};

struct retire_op {
	struct op op;
	queue_retired_fn *done;
	void *cookie;
	struct retire what;
	struct retired result;
	bool begun, shrinking, passed;
	int64_t looked; /* runs up to this id were looked at */
};

static bool recent(struct queue *q, const struct retire_op *o)
{
	int64_t last =
		db_get(q->db, "SELECT value FROM meta WHERE name = 'retired_ms'", DB_NOTHING, INT64_MIN);

	/* A clock that was set back must not keep it from being done. */
	return last != INT64_MIN && last <= o->what.now_ms && o->what.now_ms - last < o->what.every_ms;
}

static int64_t next_settled(struct queue *q, struct retire_op *o)
{
	return db_get(q->db,
		      "SELECT r.id FROM run r WHERE r.id > ?1 AND r.id <= ?1 + ?3 AND r.ended = 1"
		      " AND max(coalesce(r.ended_ms, 0), r.last_part_ms) < ?2"
		      " AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.run = r.id"
		      " AND (d.state NOT IN (4, 5) OR coalesce(d.settled_ms, ?2) >= ?2))"
		      " AND NOT EXISTS (SELECT 1 FROM part p WHERE p.run = r.id AND p.state = 0)"
		      " ORDER BY r.id LIMIT 1",
		      DB(db_i(o->looked), db_i(o->what.before_ms), db_i(WINDOW)), 0);
}

/* Each deletes at most a slice; true while there is more. */
static bool delete_delivery(struct queue *q, int64_t delivery)
{
	static const char *const sql[] = {
		"DELETE FROM attach WHERE id IN (SELECT id FROM attach WHERE delivery = ?1 LIMIT ?2)",
		"DELETE FROM link WHERE id IN (SELECT id FROM link WHERE delivery = ?1 LIMIT ?2)",
		"DELETE FROM item WHERE delivery = ?1 AND id IN"
		" (SELECT id FROM item WHERE delivery = ?1 ORDER BY id LIMIT ?2)",
		"DELETE FROM refused WHERE delivery = ?1 AND key IN"
		" (SELECT key FROM refused WHERE delivery = ?1 ORDER BY key LIMIT ?2)",
		"DELETE FROM place WHERE id IN (SELECT id FROM place WHERE delivery = ?1 LIMIT ?2)",
		"DELETE FROM lot WHERE id IN (SELECT id FROM lot WHERE delivery = ?1 LIMIT ?2)",
		"DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE delivery = ?1 LIMIT ?2)",
	};

	for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++) {
		if (i + 1 == sizeof(sql) / sizeof(sql[0])) /* the journal */
			spent_keep(q, delivery, ROWS_SLICE);
		db_run(q->db, sql[i], DB(db_i(delivery), db_i(ROWS_SLICE)));
		if (db_failed(q->db, NULL) < 0)
			return false;
		if (db_changes(q->db) == ROWS_SLICE)
			return true;
	}
	held_release(q, delivery);
	db_run(q->db, "DELETE FROM delivery WHERE id = ?1", DB(db_i(delivery)));
	return false;
}

static bool delete_tests(struct queue *q, int64_t run)
{
	static const char *const sql[] = {
		"DELETE FROM again WHERE run = ?1 AND seq IN"
		" (SELECT seq FROM again WHERE run = ?1 ORDER BY seq LIMIT ?2)",
		"DELETE FROM defect WHERE id IN (SELECT id FROM defect WHERE run = ?1 LIMIT ?2)",
		"DELETE FROM test WHERE run = ?1 AND no IN"
		" (SELECT no FROM test WHERE run = ?1 ORDER BY no LIMIT ?2)",
		"DELETE FROM identity WHERE run = ?1 AND identity IN"
		" (SELECT identity FROM identity WHERE run = ?1 ORDER BY identity LIMIT ?2)",
	};

	for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++) {
		db_run(q->db, sql[i], DB(db_i(run), db_i(ROWS_SLICE)));
		if (db_failed(q->db, NULL) == 0 && db_changes(q->db) == ROWS_SLICE)
			return true;
	}
	return false;
}

static bool named(struct queue *q, const char *kept, int64_t but_part)
{
	/* Where the answer cannot be had, the copy stays. */
	return db_get(q->db, "SELECT count(*) FROM (SELECT 1 FROM part WHERE kept = ?1 AND id <> ?2 LIMIT 1)",
		      DB(db_s(kept), db_i(but_part)), 1) != 0;
}

static bool delete_part(struct queue *q, struct retire_op *o, int64_t part)
{
	char *kept = NULL;
	bool stored = false;
	int64_t files = evidence_delete(q, part, FILES_SLICE, o->what.remove_evidence, o->what.cookie);

	if (db_failed(q->db, NULL) < 0)
		return false;
	o->result.evidence += (uint64_t)files;
	if (files == FILES_SLICE)
		return true;
	int64_t deleted = store_delete_chunks(q, part, CHUNK_SEQ_MAX, CHUNKS_SLICE);

	if (db_failed(q->db, NULL) < 0)
		return false;
	o->result.chunks += (uint64_t)deleted;
	if (deleted == CHUNKS_SLICE)
		return true;
	struct db_stmt *s = db_query(q->db, "SELECT kept, stored FROM part WHERE id = ?1", DB(db_i(part)));
	if (db_row(s)) {
		kept = xstrdup(db_text(s, 0));
		stored = db_int(s, 1) > 0;
	}
	db_end(s);
	if (stored) {
		db_run(q->db, "DELETE FROM source WHERE part = ?1", DB(db_i(part)));
		o->result.reports++;
	}
	if (kept != NULL && !named(q, kept, part)) {
		/* Whoever takes the same content from now on makes a copy of his own: that he does after
		 * his part was begun here, on this thread. */
		o->what.remove(o->what.cookie, kept);
		o->result.reports++;
	}
	free(kept);
	db_run(q->db, "DELETE FROM part WHERE id = ?1", DB(db_i(part)));
	return true;
}

/* One slice of a run that is going; true while there is more. */
static bool remove_slice(struct queue *q, struct retire_op *o, int64_t run)
{
	int64_t delivery = db_get(q->db, "SELECT id FROM delivery WHERE run = ?1 LIMIT 1", DB(db_i(run)), 0);

	if (delivery != 0) {
		(void)delete_delivery(q, delivery);
		return true;
	}
	if (delete_tests(q, run))
		return true;
	int64_t part = db_get(q->db, "SELECT id FROM part WHERE run = ?1 LIMIT 1", DB(db_i(run)), 0);
	if (part != 0)
		return delete_part(q, o, part);
	db_run(q->db, "DELETE FROM run WHERE id = ?1", DB(db_i(run)));
	db_run(q->db, "DELETE FROM going WHERE run = ?1", DB(db_i(run)));
	o->result.runs++;
	return true;
}

/* Gives pages that nothing uses back to the disk, some at a time; true while there is more.  What comes will want
 * some again: an eighth stays, where nobody is short of room. */
static bool shrink_slice(struct queue *q, const struct retire_op *o)
{
	int64_t unused = db_get(q->db, "PRAGMA freelist_count", DB_NOTHING, 0);
	int64_t pages = db_get(q->db, "PRAGMA page_count", DB_NOTHING, 0);
	char sql[64];

	if (unused <= FREE_LEAST || (o->what.enough == NULL && unused <= pages / 8))
		return false;
	(void)snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%d)", SHRINK_SLICE);
	db_script(q->db, sql);
	/* A file that was begun by an older program gives nothing back. */
	return db_failed(q->db, NULL) == 0 &&
	       db_get(q->db, "PRAGMA freelist_count", DB_NOTHING, unused) < unused;
}

static int retire_work(struct queue *q, struct op *op, struct err *err)
{
	struct retire_op *o = (struct retire_op *)op;

	(void)err;
	if (!o->begun && recent(q, o)) {
		o->result.skipped = true;
		return 0;
	}
	o->begun = true;
	if (queue_ending(q) || (o->what.stop != NULL && o->what.stop(o->what.cookie)))
		return 0;
	int64_t run = db_get(q->db, "SELECT min(run) FROM going", DB_NOTHING, 0);
	if (run != 0) {
		o->shrinking = o->what.enough != NULL;
		return remove_slice(q, o, run) ? OP_AGAIN : 0;
	}
	if (o->shrinking && shrink_slice(q, o))
		return OP_AGAIN;
	o->shrinking = false;
	if (o->passed || (o->what.enough != NULL && o->what.enough(o->what.cookie)))
		return 0;
	run = next_settled(q, o);
	if (run != 0) {
		db_run(q->db, "INSERT INTO going(run) VALUES(?1)", DB(db_i(run)));
		o->looked = run;
		return OP_AGAIN;
	}
	o->looked += WINDOW;
	if (o->looked < db_get(q->db, "SELECT max(id) FROM run", DB_NOTHING, 0))
		return OP_AGAIN;
	if (o->what.enough != NULL)
		return 0;
	db_run(q->db,
	       "INSERT INTO meta(name, value) VALUES('retired_ms', ?1)"
	       " ON CONFLICT(name) DO UPDATE SET value = ?1",
	       DB(db_i(o->what.now_ms)));
	o->passed = o->shrinking = true;
	return OP_AGAIN;
}

static void retire_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct retire_op *o = (struct retire_op *)op;

	(void)q;
	o->done(o->cookie, rc, &o->result, err);
}

void queue_retire(struct queue *q, const struct retire *what, queue_retired_fn *done, void *cookie)
{
	struct retire_op *o = op_new(sizeof(*o), OP_WRITE | OP_ALONE, retire_work, retire_answer, NULL);

	o->done = done;
	o->cookie = cookie;
	o->what = *what;
	op_start(q, &o->op);
}

/* ---- keys ---- */

struct keys_op {
	struct done_op base;
	queue_seen_fn *done;
	struct arena arena;
	int64_t before_ms, now_ms;
	char *run_key; /* queue_known() */
	struct seen_key *key;
	size_t count, max;
};

static void keys_read(struct keys_op *o, struct db_stmt *s)
{
	while (o->count < o->max && db_row(s)) {
		struct seen_key *k = &o->key[o->count];
		size_t len;
		const void *hash = db_blob(s, 1, &len);
		k->run_key = arena_strdup(&o->arena, db_text(s, 0));
		k->path = arena_strdup(&o->arena, db_text(s, 2));
		k->last_ms = db_int(s, 3);
		if (len != sizeof(k->sha256) || k->run_key == NULL)
			continue;
		memcpy(k->sha256, hash, len);
		o->count++;
	}
	db_end(s);
}

static int forgettable_work(struct queue *q, struct op *op, struct err *err)
{
	struct keys_op *o = (struct keys_op *)op;

	(void)err;
	/* While a run is here its keys are needed; they are looked at again when it has gone. */
	db_run(q->db,
	       "UPDATE seen SET last_ms = ?2 WHERE last_ms < ?1 AND EXISTS (SELECT 1 FROM run WHERE id = "
	       "seen.run)",
	       DB(db_i(o->before_ms), db_i(o->now_ms)));
	struct db_stmt *s = db_query(q->db,
				     "SELECT run_key, sha256, path, last_ms FROM seen WHERE last_ms < ?1 "
				     "ORDER BY last_ms LIMIT ?2",
				     DB(db_i(o->before_ms), db_i((int64_t)o->max)));
	keys_read(o, s);
	return 0;
}

static void forgettable_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct keys_op *o = (struct keys_op *)op;

	(void)q;
	o->done(o->base.cookie, rc, o->key, rc < 0 ? 0 : o->count, err);
}

static void keys_drop(struct op *op)
{
	struct keys_op *o = (struct keys_op *)op;

	arena_done(&o->arena);
	free(o->key);
	free(o->run_key);
}

static int known_work(struct queue *q, struct op *op, struct err *err)
{
	struct keys_op *o = (struct keys_op *)op;

	(void)err;
	struct db_stmt *s = db_query(q->db,
				     "SELECT run_key, sha256, path, last_ms FROM seen WHERE run_key = ?1 AND "
				     "path IS NOT NULL LIMIT ?2",
				     DB(db_s(o->run_key), db_i((int64_t)o->max)));
	keys_read(o, s);
	return 0;
}

void queue_known(struct queue *q, const char *run_key, size_t max, queue_seen_fn *done, void *cookie)
{
	struct keys_op *o = op_new(sizeof(*o), 0, known_work, forgettable_answer, keys_drop);

	o->done = done;
	o->base.cookie = cookie;
	o->arena = ARENA_LIMIT(64 << 20);
	o->run_key = xstrdup(run_key);
	o->max = max;
	o->key = xcalloc(o->max, sizeof(*o->key));
	op_start(q, &o->base.op);
}

void queue_forgettable(struct queue *q, int64_t before_ms, int64_t now_ms, size_t max, queue_seen_fn *done,
		       void *cookie)
{
	struct keys_op *o = op_new(sizeof(*o), OP_WRITE, forgettable_work, forgettable_answer, keys_drop);

	o->done = done;
	o->base.cookie = cookie;
	o->arena = ARENA_LIMIT(64 << 20);
	o->before_ms = before_ms;
	o->now_ms = now_ms;
	o->max = max > KEYS_MAX ? KEYS_MAX : max;
	o->key = xcalloc(o->max, sizeof(*o->key));
	op_start(q, &o->base.op);
}

static int forget_work(struct queue *q, struct op *op, struct err *err)
{
	const struct keys_op *o = (struct keys_op *)op;

	(void)err;
	for (size_t i = 0; i < o->count; i++) {
		const struct seen_key *k = &o->key[i];
		if (k->there)
			db_run(q->db,
			       "UPDATE seen SET last_ms = max(last_ms, ?3) WHERE run_key = ?1 AND sha256 = "
			       "?2",
			       DB(db_s(k->run_key), db_b(k->sha256, 32), db_i(o->now_ms)));
		else
			db_run(q->db, "DELETE FROM seen WHERE run_key = ?1 AND sha256 = ?2 AND last_ms < ?3",
			       DB(db_s(k->run_key), db_b(k->sha256, 32), db_i(o->before_ms)));
	}
	return 0;
}

void queue_forget(struct queue *q, const struct seen_key *key, size_t count, int64_t before_ms,
		  int64_t now_ms, queue_done_fn *done, void *cookie)
{
	struct keys_op *o = op_new(sizeof(*o), OP_WRITE, forget_work, done_answer, keys_drop);

	o->base.done = done;
	o->base.cookie = cookie;
	o->arena = ARENA_LIMIT(64 << 20);
	o->before_ms = before_ms;
	o->now_ms = now_ms;
	o->key = xcalloc(count, sizeof(*o->key));
	for (size_t i = 0; i < count; i++) {
		o->key[i] = key[i];
		o->key[i].run_key = arena_strdup(&o->arena, key[i].run_key);
		o->key[i].path = NULL;
		o->count += o->key[i].run_key != NULL;
	}
	op_start(q, &o->base.op);
}

/* ---- copies that nobody names ---- */

struct sweep_op {
	struct done_op base;
	struct arena arena;
	const char **kept;
	size_t count;
	void (*remove)(void *cookie, const char *kept);
	void *remove_cookie;
	bool evidence;
};

static int sweep_work(struct queue *q, struct op *op, struct err *err)
{
	const struct sweep_op *o = (struct sweep_op *)op;

	(void)err;
	for (size_t i = 0; i < o->count && !queue_ending(q); i++)
		if (o->kept[i] != NULL &&
		    !(o->evidence ? evidence_named(q, o->kept[i]) : named(q, o->kept[i], 0)) &&
		    db_failed(q->db, NULL) == 0)
			o->remove(o->remove_cookie, o->kept[i]);
	return 0;
}

static void sweep_drop(struct op *op)
{
	struct sweep_op *o = (struct sweep_op *)op;

	arena_done(&o->arena);
	free(o->kept);
}

static void sweep(struct queue *q, bool evidence, const char *const *kept, size_t count,
		  void (*remove)(void *cookie, const char *kept), void *remove_cookie, queue_done_fn *done,
		  void *cookie)
{
	struct sweep_op *o = op_new(sizeof(*o), 0, sweep_work, done_answer, sweep_drop);

	o->base.done = done;
	o->base.cookie = cookie;
	o->arena = ARENA_LIMIT(64 << 20);
	o->remove = remove;
	o->remove_cookie = remove_cookie;
	o->evidence = evidence;
	o->count = count;
	o->kept = xcalloc(count, sizeof(*o->kept));
	for (size_t i = 0; i < count; i++)
		o->kept[i] = arena_strdup(&o->arena, kept[i]);
	op_start(q, &o->base.op);
}

void queue_sweep(struct queue *q, const char *const *kept, size_t count,
		 void (*remove)(void *cookie, const char *kept), void *remove_cookie, queue_done_fn *done,
		 void *cookie)
{
	sweep(q, false, kept, count, remove, remove_cookie, done, cookie);
}

void queue_sweep_evidence(struct queue *q, const char *const *kept, size_t count,
			  void (*remove)(void *cookie, const char *kept), void *remove_cookie,
			  queue_done_fn *done, void *cookie)
{
	sweep(q, true, kept, count, remove, remove_cookie, done, cookie);
}

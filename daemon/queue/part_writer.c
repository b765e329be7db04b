/* SPDX-License-Identifier: Apache-2.0
 *
 * part_writer.c - a worker's end of the queue: results in, packed chunks out.
 *
 * A writer holds one chunk; what it hands over is counted by the queue, which lets it wait.  Chunks of a
 * part are numbered; after a restart the numbers go on and the older ones are deleted, so that nothing
 * has to be undone in the order of two threads. */
#include "daemon/queue/internal.h"

#include "daemon/base/digest.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum { DELETE_SLICE = 64, KEEP_BYTES = 1 << 20 };

struct part_writer {
	struct queue *q;
	int64_t part, seq;
	int64_t evidence; /* numbered like chunks: also over a restart */
	int64_t last;     /* the result that was added last */
	bool any;         /* there is one */
	struct chunk_build build;
	struct chunk_packer *packer;
	struct buf packed;
	struct digest *digest;
	int failed; /* sticky; the worker's side */
	struct err err;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t settled;
	unsigned out; /* chunks handed over and not yet answered */
	int stored;   /* 0 or the first error of the queue's side */
	struct err stored_err;
};

struct chunk_op {
	struct op op;
	struct part_writer *writer;
	int64_t part, id;      /* id 0: delete those before seq */
	int64_t seq, evidence; /* and evidence before this number, at first */
	unsigned count;
	size_t raw;
	char *index, *body;
	size_t index_len, body_len;
};

struct evidence_op {
	struct chunk_op base; /* what answer() needs; id: of the evidence */
	int64_t result;       /* 0: of the run */
	struct evidence e;
	struct arena arena;
};

struct part_writer *part_writer_new(struct queue *q, int64_t part)
{
	struct part_writer *w = xcalloc(1, sizeof(*w));

	w->q = q;
	w->part = part;
	chunk_build_init(&w->build);
	w->packed = BUF_LIMIT(SIZE_MAX / 2);
	w->packer = chunk_packer_new();
	w->digest = digest_new();
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->settled, NULL);
	return w;
}

/* ---- on the queue's thread ---- */

static int store_chunk(struct queue *q, struct op *op, struct err *err)
{
	struct chunk_op *c = (struct chunk_op *)op;
	struct loading *l = runs_loading(q, c->part);

	(void)err;
	if (l == NULL)
		return 0; /* given up meanwhile; finishing it will say so */
	db_run(q->db, "INSERT INTO chunk(id, format, count, raw, idx, body) VALUES(?1, 1, ?2, ?3, ?4, ?5)",
	       DB(db_i(c->id), db_i(c->count), db_i((int64_t)c->raw), db_b(c->index, c->index_len),
		  db_b(c->body, c->body_len)));
	if (db_failed(q->db, NULL) == 0) {
		l->chunks++;
		l->results += c->count;
	}
	return 0;
}

static int delete_chunks(struct queue *q, struct op *op, struct err *err)
{
	struct chunk_op *c = (struct chunk_op *)op;
	struct loading *l = runs_loading(q, c->part);

	(void)err;
	int64_t results = 0, chunks = 0;
	if (l == NULL)
		return 0;
	if (c->evidence > 0) {
		l->evidence -= (uint64_t)evidence_void(q, c->part, c->evidence);
		c->evidence = 0;
	}
	/* Counted before they go: newer chunks may already stand behind them. */
	struct db_stmt *s =
		db_query(q->db, "SELECT count FROM chunk WHERE id >= ?1 AND id < ?2 LIMIT ?3",
			 DB(db_i(chunk_id(c->part, 0)), db_i(chunk_id(c->part, c->seq)), db_i(DELETE_SLICE)));
	for (; db_row(s); chunks++)
		results += db_int(s, 0);
	store_delete_chunks(q, c->part, c->seq, DELETE_SLICE);
	if (db_failed(q->db, NULL) == 0) {
		l->chunks -= (uint64_t)chunks;
		l->results -= (uint64_t)results;
	}
	return chunks == DELETE_SLICE ? OP_AGAIN : 0;
}

static int store_evidence(struct queue *q, struct op *op, struct err *err)
{
	const struct evidence_op *o = (struct evidence_op *)op;
	struct loading *l = runs_loading(q, o->base.part);
	const struct evidence *e = &o->e;
	bool kept = e->state == EVIDENCE_KEPT;

	(void)err;
	if (l == NULL)
		return 0;
	db_run(q->db,
	       "INSERT INTO evidence(id, run, result, origin, state, named, name, kept, type, reason, size,"
	       " sha256) SELECT ?1, run, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM part WHERE id = ?12",
	       DB(db_i(o->base.id), o->result == 0 ? db_n() : db_i(o->result), db_i(e->origin),
		  db_i(e->state), db_s(e->named), db_s(e->name), db_s(kept ? e->kept : NULL), db_s(e->type),
		  db_s(e->reason), db_i(kept ? (int64_t)e->size : 0), kept ? db_b(e->sha256, 32) : db_n(),
		  db_i(o->base.part)));
	if (db_failed(q->db, NULL) == 0)
		l->evidence += (uint64_t)db_changes(q->db);
	return 0;
}

static void answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct part_writer *w = ((struct chunk_op *)op)->writer;

	(void)q;
	pthread_mutex_lock(&w->lock);
	if (rc < 0 && w->stored == 0) {
		w->stored = rc;
		w->stored_err = *err;
	}
	w->out--;
	pthread_cond_signal(&w->settled);
	pthread_mutex_unlock(&w->lock);
}

static void drop(struct op *op)
{
	struct chunk_op *c = (struct chunk_op *)op;

	free(c->index);
	free(c->body);
}

static void drop_evidence(struct op *op)
{
	arena_done(&((struct evidence_op *)op)->arena);
}

/* ---- on the worker's ---- */

static void hand_over(struct part_writer *w, struct chunk_op *c)
{
	c->writer = w;
	c->part = w->part;
	pthread_mutex_lock(&w->lock);
	w->out++;
	pthread_mutex_unlock(&w->lock);
	queue_hand_over(w->q, &c->op);
}

static int fail(struct part_writer *w, int code, const char *what)
{
	w->failed = code;
	err_set(&w->err, code, "%s", what);
	return code;
}

static int flush(struct part_writer *w)
{
	struct buf index = BUF_LIMIT(SIZE_MAX / 2);

	if (w->build.count == 0)
		return 0;
	if (w->seq > CHUNK_SEQ_MAX)
		return fail(w, -E2BIG, "the report holds more results than can be kept");
	buf_reset(&w->packed);
	if (chunk_pack(w->packer, w->build.raw.data, w->build.raw.len, &w->packed) < 0 ||
	    chunk_build_index(&w->build, &index) < 0) {
		buf_done(&index);
		return fail(w, -EINVAL, "results cannot be packed");
	}
	struct chunk_op *c = op_new(sizeof(*c), OP_WRITE | OP_LAZY | OP_HERE, store_chunk, answer, drop);
	c->id = chunk_id(w->part, w->seq++);
	c->count = w->build.count;
	c->raw = w->build.raw.len;
	c->body = xrealloc(NULL, w->packed.len, 1);
	memcpy(c->body, w->packed.data, w->packed.len);
	c->body_len = w->packed.len;
	c->index_len = index.len;
	c->index = buf_steal(&index);
	c->op.weight = c->body_len + c->index_len;
	/* One huge result must not keep its room for the rest of the report. */
	if (w->build.raw.cap > KEEP_BYTES)
		buf_done(&w->build.raw);
	if (w->packed.cap > KEEP_BYTES)
		buf_done(&w->packed);
	chunk_build_reset(&w->build);
	hand_over(w, c);
	if (queue_is_broken(w->q))
		return fail(w, -EIO, "the database cannot be trusted");
	return 0;
}

int part_writer_add(struct part_writer *w, const struct result *r, struct err *err)
{
	if (w->failed == 0) {
		int rc = chunk_build_add(&w->build, r, w->digest, &w->err);
		if (rc < 0) {
			w->failed = rc;
		} else {
			w->last = result_ref(chunk_id(w->part, w->seq), w->build.count - 1);
			w->any = true;
			if (chunk_build_full(&w->build))
				flush(w);
		}
	}
	if (w->failed < 0)
		err_set(err, w->failed, "%s", w->err.text);
	return w->failed;
}

int part_writer_evidence(struct part_writer *w, const struct evidence *e, bool of_run, struct err *err)
{
	bool kept = e->state == EVIDENCE_KEPT;

	if (w->failed == 0 &&
	    (e->named == NULL || (kept && !evidence_kept_ok(e->kept)) || e->size > INT64_MAX))
		fail(w, -EINVAL, "evidence without a name, or with a strange one");
	if (w->failed == 0 && w->evidence > CHUNK_SEQ_MAX)
		fail(w, -E2BIG, "the report names more evidence than can be kept");
	if (w->failed < 0) {
		err_set(err, w->failed, "%s", w->err.text);
		return w->failed;
	}
	struct evidence_op *o =
		op_new(sizeof(*o), OP_WRITE | OP_LAZY | OP_HERE, store_evidence, answer, drop_evidence);
	o->base.id = chunk_id(w->part, w->evidence++);
	o->result = of_run || !w->any ? 0 : w->last;
	o->arena = ARENA_LIMIT(SIZE_MAX / 2);
	evidence_hold(&o->e, e, &o->arena);
	o->base.op.weight = sizeof(*o) + (e->named != NULL ? strlen(e->named) : 0);
	hand_over(w, &o->base);
	if (!queue_is_broken(w->q))
		return 0;
	fail(w, -EIO, "the database cannot be trusted");
	return err_set(err, -EIO, "%s", w->err.text);
}

void part_writer_restart(struct part_writer *w)
{
	chunk_build_reset(&w->build);
	w->any = false;
	if (w->seq == 0 && w->evidence == 0)
		return;
	struct chunk_op *c = op_new(sizeof(*c), OP_WRITE | OP_LAZY | OP_HERE, delete_chunks, answer, drop);
	c->seq = w->seq;
	c->evidence = w->evidence;
	hand_over(w, c);
}

int part_writer_end(struct part_writer *w, struct err *err)
{
	if (w == NULL)
		return 0;
	if (w->failed == 0)
		flush(w);
	pthread_mutex_lock(&w->lock);
	while (w->out > 0)
		pthread_cond_wait(&w->settled, &w->lock);
	if (w->failed == 0 && w->stored < 0) {
		w->failed = w->stored;
		w->err = w->stored_err;
	}
	pthread_mutex_unlock(&w->lock);
	int rc = w->failed;
	if (rc < 0)
		err_set(err, rc, "%s", w->err.text);
	chunk_build_done(&w->build);
	buf_done(&w->packed);
	chunk_packer_free(w->packer);
	digest_free(w->digest);
	pthread_cond_destroy(&w->settled);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return rc;
}

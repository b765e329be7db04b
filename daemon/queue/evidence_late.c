/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence_late.c - files that no report names, found beside reports: whose they are, and their rows.
 *
 * A row of evidence belongs to a part, since a delivery sorts evidence part by part; these are put behind the
 * rows of the run's latest part, and deliveries that are past it look at its end once more. */
#include "daemon/queue/internal.h"

#include "daemon/base/mem.h"

#include <errno.h>
#include <stdlib.h>

enum { COMPARISONS = 20000 /* in one slice */, SCRATCH_MAX = 32 << 20, EARLY_MAX = 8000 };

/* ---- whose they are ---- */

struct best {
	unsigned fit;
	int64_t ref;
	uint8_t identity[IDENTITY_SIZE];
	bool bad, tie;
};

struct owners_op {
	struct op op;
	queue_owners_fn *done;
	void *cookie;
	queue_fits_fn *fits;
	int64_t run, ready,
		chunk; /* where the next slice begins: in the part of this number, behind this chunk */
	struct found_file *file; /* sorted by name */
	size_t *place;           /* of the caller's order */
	struct best *best;
	struct file_owner *owner; /* in the caller's order */
	size_t count;
	struct arena arena, scratch;
	bool begun;
	bool early; /* what was put by is among the files */
};

static int by_name(const void *a, const void *b, void *cookie)
{
	const struct found_file *file = cookie;

	return strcmp(file[*(const size_t *)a].named, file[*(const size_t *)b].named);
}

/* What an earlier look of this run has taken already. */
static void mark_known(struct queue *q, struct owners_op *o)
{
	struct db_stmt *s = db_query(
		q->db, "SELECT named, size FROM evidence WHERE run = ?1 AND origin IN (?2, ?3)",
		DB(db_i(o->run), db_i(EVIDENCE_GLOB), db_i(o->early ? EVIDENCE_GLOB : EVIDENCE_EARLY)));

	while (db_row(s)) {
		const char *named = db_text(s, 0);
		int64_t size = db_int(s, 1);
		size_t low = 0, high = o->count;
		if (named == NULL)
			continue;
		while (low < high) {
			size_t mid = low + (high - low) / 2;
			if (strcmp(o->file[o->place[mid]].named, named) < 0)
				low = mid + 1;
			else
				high = mid;
		}
		for (; low < o->count && strcmp(o->file[o->place[low]].named, named) == 0; low++) {
			/* One that was refused has no size. */
			if (size == 0 || o->file[o->place[low]].size == (uint64_t)size)
				o->owner[o->place[low]].known = true;
		}
	}
	db_end(s);
}

static void offer(struct owners_op *o, const struct result *r, const struct chunk_entry *entry, int64_t ref)
{
	bool bad = (entry->flags & ENTRY_OUTCOME) >= OUTCOME_FAILED ||
		   (entry->flags & (ENTRY_FLAKY | ENTRY_KNOWN)) != 0;

	for (size_t i = 0; i < o->count; i++) {
		struct best *b = &o->best[i];
		if (o->owner[i].known)
			continue;
		unsigned fit = o->fits(o->file[i].relative, r->class_name, r->name != NULL ? r->name : "");
		if (fit == 0 || fit < b->fit)
			continue;
		if (fit == FITS_CLASS && fit == b->fit && (b->bad || !bad))
			continue;
		bool same = b->fit > 0 && memcmp(b->identity, entry->identity, IDENTITY_SIZE) == 0;
		if (fit == b->fit && !same && fit != FITS_CLASS) {
			b->tie = true;
			continue;
		}
		/* Of one test's attempts the latest; but the file is about the one that went wrong. */
		if (fit == b->fit && b->bad && !bad)
			continue;
		*b = (struct best){ .fit = fit, .ref = ref, .bad = bad, .tie = fit == b->fit && b->tie };
		memcpy(b->identity, entry->identity, IDENTITY_SIZE);
	}
}

static int look_at_chunk(struct queue *q, struct owners_op *o, int64_t chunk, size_t *comparisons,
			 struct err *err)
{
	unsigned count = 0;
	struct chunk_entry entry;
	struct result r;

	if (store_index(q, chunk, &count) == NULL)
		return db_failed(q->db, err);
	for (unsigned i = 0; i < count; i++) {
		int64_t ref = result_ref(chunk, i);
		struct err ignored = ERR_NONE;
		arena_reset(&o->scratch);
		/* What cannot be read any more is nobody's test; that it is damaged is told by who needs it. */
		if (store_result(q, ref, &o->scratch, &r, NULL, &ignored) < 0 || !store_entry(q, ref, &entry))
			continue;
		offer(o, &r, &entry, ref);
	}
	*comparisons += (size_t)count * o->count;
	return db_failed(q->db, err);
}

static void settle_owners(struct owners_op *o)
{
	for (size_t i = 0; i < o->count; i++) {
		const struct best *b = &o->best[i];
		if (b->fit == 0 || b->tie)
			continue;
		o->owner[i].result = b->ref;
		o->owner[i].bad = b->bad;
	}
}

static int owners_work(struct queue *q, struct op *op, struct err *err)
{
	struct owners_op *o = (struct owners_op *)op;
	size_t comparisons = 0, wanted = 0;

	if (!o->begun) {
		o->begun = true;
		o->ready = 1;
		mark_known(q, o);
	}
	for (size_t i = 0; i < o->count; i++)
		wanted += !o->owner[i].known;
	if (wanted == 0)
		return 0;
	while (comparisons < COMPARISONS) {
		int64_t part =
			db_get(q->db, "SELECT id FROM part WHERE run = ?1 AND ready = ?2 AND state = 1",
			       DB(db_i(o->run), db_i(o->ready)), 0);
		int64_t chunk = part == 0
					? 0
					: db_get(q->db,
						 "SELECT id FROM chunk WHERE id > ?1 AND id >= ?2 AND id < ?3"
						 " ORDER BY id LIMIT 1",
						 DB(db_i(o->chunk), db_i(chunk_id(part, 0)),
						    db_i(chunk_id(part + 1, 0))),
						 0);
		int rc = db_failed(q->db, err);
		if (rc == 0 && chunk != 0)
			rc = look_at_chunk(q, o, chunk, &comparisons, err);
		if (rc < 0)
			return rc;
		o->chunk = chunk;
		if (chunk != 0)
			continue;
		if (o->ready >= db_get(q->db, "SELECT ready FROM run WHERE id = ?1", DB(db_i(o->run)), 0)) {
			settle_owners(o);
			return 0;
		}
		o->ready++;
	}
	return OP_AGAIN;
}

static void owners_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct owners_op *o = (struct owners_op *)op;

	(void)q;
	o->done(o->cookie, rc, o->owner, rc < 0 ? 0 : o->count, err);
}

static void owners_drop(struct op *op)
{
	struct owners_op *o = (struct owners_op *)op;

	free(o->file);
	free(o->place);
	free(o->best);
	free(o->owner);
	arena_done(&o->arena);
	arena_done(&o->scratch);
}

void queue_evidence_owners(struct queue *q, int64_t run, const struct found_file *file, size_t count,
			   bool early, queue_fits_fn *fits, queue_owners_fn *done, void *cookie)
{
	struct owners_op *o = op_new(sizeof(*o), 0, owners_work, owners_answer, owners_drop);

	o->done = done;
	o->cookie = cookie;
	o->fits = fits;
	o->run = run;
	o->count = count;
	o->early = early;
	o->arena = ARENA_LIMIT(SIZE_MAX / 2);
	o->scratch = ARENA_LIMIT(SCRATCH_MAX);
	o->file = xcalloc(count + 1, sizeof(*o->file));
	o->place = xcalloc(count + 1, sizeof(*o->place));
	o->best = xcalloc(count + 1, sizeof(*o->best));
	o->owner = xcalloc(count + 1, sizeof(*o->owner));
	for (size_t i = 0; i < count; i++) {
		o->file[i] = file[i];
		o->file[i].named = arena_strdup(&o->arena, file[i].named);
		o->file[i].relative = arena_strdup(&o->arena, file[i].relative);
		o->place[i] = i;
	}
	qsort_r(o->place, count, sizeof(*o->place), by_name, o->file);
	op_start(q, &o->op);
}

/* ---- their rows ---- */

struct add_op {
	struct done_op base;
	int64_t run, now_ms;
	struct evidence *e;
	int64_t *result, *early;
	size_t count, early_count;
	struct arena arena;
};

/* The same content, said already of the same test; what belongs to some test need not be the run's, too. */
static bool said(struct queue *q, int64_t run, const struct evidence *e, int64_t result)
{
	if (e->state != EVIDENCE_KEPT || e->origin == EVIDENCE_EARLY)
		return false;
	return db_get(q->db,
		      "SELECT count(*) FROM (SELECT 1 FROM evidence WHERE kept = ?1 AND size = ?2 AND run = "
		      "?3 AND origin <> ?5"
		      " AND (?4 = 0 OR result = ?4) LIMIT 1)",
		      DB(db_s(e->kept), db_i((int64_t)e->size), db_i(run), db_i(result),
			 db_i(EVIDENCE_EARLY)),
		      0) != 0;
}

/* Behind the rows of the run's latest part. */
struct tail {
	int64_t run, part, ready, first, id;
	bool owed; /* something that deliveries have to see */
};

static int tail_find(struct queue *q, int64_t run, struct tail *t, struct err *err)
{
	*t = (struct tail){ .run = run };
	t->ready = db_get(q->db, "SELECT ready FROM run WHERE id = ?1", DB(db_i(run)), 0);
	t->part = db_get(q->db, "SELECT id FROM part WHERE run = ?1 AND ready = ?2 AND state = 1",
			 DB(db_i(run), db_i(t->ready)), 0);
	if (db_failed(q->db, NULL) < 0)
		return 0;
	if (t->part == 0)
		return err_set(err, -ENOENT, "run %lld has no report that files could belong to",
			       (long long)run);
	t->first = db_get(q->db, "SELECT max(id) + 1 FROM evidence WHERE id >= ?1 AND id < ?2",
			  DB(db_i(chunk_id(t->part, 0)), db_i(chunk_id(t->part + 1, 0))), 0);
	if (t->first < chunk_id(t->part, 0))
		t->first = chunk_id(t->part, 0);
	t->id = t->first;
	return 0;
}

static int tail_add(struct queue *q, struct tail *t, const struct evidence *e, int64_t result,
		    struct err *err)
{
	bool kept = e->state == EVIDENCE_KEPT;

	if (said(q, t->run, e, result))
		return 0;
	if (t->id >= chunk_id(t->part, CHUNK_SEQ_MAX))
		return err_set(err, -E2BIG, "run %lld has too many files", (long long)t->run);
	db_run(q->db,
	       "INSERT INTO evidence(id, run, result, origin, state, named, name, kept, type, reason,"
	       " size, sha256) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	       DB(db_i(t->id++), db_i(t->run), result == 0 ? db_n() : db_i(result), db_i(e->origin),
		  db_i(e->state), db_s(e->named), db_s(e->name), db_s(kept ? e->kept : NULL), db_s(e->type),
		  db_s(e->reason), db_i(kept ? (int64_t)e->size : 0), kept ? db_b(e->sha256, 32) : db_n()));
	t->owed = t->owed || e->origin != EVIDENCE_EARLY;
	return 0;
}

static void tail_end(struct queue *q, const struct tail *t, int64_t now_ms)
{
	if (!t->owed)
		return;
	db_run(q->db, "UPDATE delivery SET ev_next = ?3 WHERE run = ?1 AND ev_part = ?2 - 1 AND ev_next > ?3",
	       DB(db_i(t->run), db_i(t->ready), db_i(t->first)));
	db_run(q->db, "UPDATE delivery SET ev_part = ?2 - 1, ev_next = ?3 WHERE run = ?1 AND ev_part >= ?2",
	       DB(db_i(t->run), db_i(t->ready), db_i(t->first)));
	db_run(q->db,
	       "UPDATE delivery SET due_ms = min(due_ms, ?2), since_ms = CASE WHEN state = 4 THEN ?2 ELSE "
	       "since_ms"
	       " END, settled_ms = NULL, state = 0 WHERE run = ?1 AND state IN (0, 3, 4)",
	       DB(db_i(t->run), db_i(now_ms)));
	held_apply(q, t->run, now_ms);
}

static int add_work(struct queue *q, struct op *op, struct err *err)
{
	const struct add_op *o = (struct add_op *)op;
	struct tail t;
	int rc = tail_find(q, o->run, &t, err);

	if (rc < 0 || db_failed(q->db, NULL) < 0)
		return rc;
	for (size_t i = 0; i < o->count && rc == 0 && db_failed(q->db, NULL) == 0; i++)
		rc = tail_add(q, &t, &o->e[i], o->result[i], err);
	/* Afterwards, since the place of the last one counts: what is sorted already is not looked at again. */
	for (size_t i = 0; i < o->early_count && rc == 0 && db_failed(q->db, NULL) == 0; i++)
		db_run(q->db, "DELETE FROM evidence WHERE id = ?1 AND origin = ?2",
		       DB(db_i(o->early[i]), db_i(EVIDENCE_EARLY)));
	if (rc == 0)
		tail_end(q, &t, o->now_ms);
	return rc;
}

static void add_drop(struct op *op)
{
	struct add_op *o = (struct add_op *)op;

	free(o->e);
	free(o->result);
	free(o->early);
	arena_done(&o->arena);
}

static int add_refused(struct queue *q, struct op *op, struct err *err)
{
	(void)q;
	(void)op;
	return err_set(err, -EINVAL, "a file without a name, or with a strange one");
}

void queue_evidence_add(struct queue *q, const struct evidence_add *what, queue_done_fn *done, void *cookie)
{
	const struct evidence *e = what->e;
	bool good = true;

	for (size_t i = 0; i < what->count; i++) {
		bool kept = e[i].state == EVIDENCE_KEPT;
		good &= e[i].named != NULL && e[i].state != EVIDENCE_AWAITED && e[i].size <= INT64_MAX &&
			(!kept || evidence_kept_ok(e[i].kept));
	}
	struct add_op *o = op_new(sizeof(*o), OP_WRITE, good ? add_work : add_refused, done_answer, add_drop);
	o->base.done = done;
	o->base.cookie = cookie;
	o->run = what->run;
	o->now_ms = what->now_ms;
	o->count = what->count;
	o->arena = ARENA_LIMIT(SIZE_MAX / 2);
	o->e = xcalloc(o->count + 1, sizeof(*o->e));
	o->result = xcalloc(o->count + 1, sizeof(*o->result));
	o->early_count = what->early_count;
	o->early = xcalloc(o->early_count + 1, sizeof(*o->early));
	for (size_t i = 0; i < o->early_count; i++)
		o->early[i] = what->early[i];
	for (size_t i = 0; i < o->count; i++) {
		o->e[i] = e[i];
		o->e[i].named = arena_strdup(&o->arena, e[i].named);
		o->e[i].name = arena_strdup(&o->arena, e[i].name);
		o->e[i].kept = arena_strdup(&o->arena, e[i].kept);
		o->e[i].type = arena_strdup(&o->arena, e[i].type);
		o->e[i].reason = arena_strdup(&o->arena, e[i].state == EVIDENCE_KEPT ? NULL : e[i].reason);
		o->result[i] = what->result[i];
	}
	op_start(q, &o->base.op);
}

/* ---- what was put by ---- */

struct early_op {
	struct op op;
	queue_early_fn *done;
	void *cookie;
	int64_t run;
	struct evidence *e;
	int64_t *id;
	size_t count, max;
	struct arena arena;
};

static void read_early(struct queue *q, struct early_op *o)
{
	struct db_stmt *s = db_query(q->db,
				     "SELECT id, state, named, name, kept, type, reason, size, sha256"
				     " FROM evidence WHERE run = ?1 AND origin = ?2 ORDER BY named LIMIT ?3",
				     DB(db_i(o->run), db_i(EVIDENCE_EARLY), db_i((int64_t)o->max)));

	o->e = xcalloc(o->max + 1, sizeof(*o->e));
	o->id = xcalloc(o->max + 1, sizeof(*o->id));
	while (o->count < o->max && db_row(s)) {
		struct evidence *e = &o->e[o->count];
		size_t len = 0;
		*e = (struct evidence){ .state = (enum evidence_state)db_int(s, 1),
					.origin = EVIDENCE_EARLY,
					.named = arena_strdup(&o->arena, db_text(s, 2)),
					.name = arena_strdup(&o->arena, db_text(s, 3)),
					.kept = arena_strdup(&o->arena, db_text(s, 4)),
					.type = arena_strdup(&o->arena, db_text(s, 5)),
					.reason = arena_strdup(&o->arena, db_text(s, 6)),
					.size = (uint64_t)db_int(s, 7) };
		const void *hash = db_blob(s, 8, &len);
		if (hash != NULL && len == sizeof(e->sha256))
			memcpy(e->sha256, hash, len);
		if (e->named != NULL && (e->state != EVIDENCE_KEPT || e->kept != NULL))
			o->id[o->count++] = db_int(s, 0);
	}
	db_end(s);
}

static int early_work(struct queue *q, struct op *op, struct err *err)
{
	(void)err;
	read_early(q, (struct early_op *)op);
	return 0;
}

static void early_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct early_op *o = (struct early_op *)op;

	(void)q;
	o->done(o->cookie, rc, o->e, o->id, rc < 0 ? 0 : o->count, err);
}

static void early_drop(struct op *op)
{
	struct early_op *o = (struct early_op *)op;

	free(o->e);
	free(o->id);
	arena_done(&o->arena);
}

void queue_evidence_early(struct queue *q, int64_t run, size_t max, queue_early_fn *done, void *cookie)
{
	struct early_op *o = op_new(sizeof(*o), 0, early_work, early_answer, early_drop);

	o->done = done;
	o->cookie = cookie;
	o->run = run;
	o->max = max;
	o->arena = ARENA_LIMIT(SIZE_MAX / 2);
	op_start(q, &o->op);
}

void evidence_early_over(struct queue *q, int64_t run, int64_t now_ms)
{
	struct early_op o = { .run = run, .max = EARLY_MAX, .arena = ARENA_LIMIT(SIZE_MAX / 2) };
	struct err ignored = ERR_NONE;
	struct tail t;

	read_early(q, &o);
	if (o.count > 0 && tail_find(q, run, &t, &ignored) == 0 && db_failed(q->db, NULL) == 0) {
		for (size_t i = 0; i < o.count && db_failed(q->db, NULL) == 0; i++) {
			o.e[i].origin = EVIDENCE_GLOB;
			if (tail_add(q, &t, &o.e[i], 0, &ignored) == 0)
				db_run(q->db, "DELETE FROM evidence WHERE id = ?1", DB(db_i(o.id[i])));
		}
		tail_end(q, &t, now_ms);
	}
	free(o.e);
	free(o.id);
	arena_done(&o.arena);
}

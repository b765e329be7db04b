/* SPDX-License-Identifier: Apache-2.0
 *
 * attach.c - what a delivery owes of evidence: one attach for each file and each item of its test.
 *
 * Invariant: delivery.ev_* are the numbers of its attaches by state.  An attach is OWED only while it
 * carries the id that the server gave its result (or, for the run's evidence, while the delivery has its
 * remote id); so nothing is ever bound by its place in a list. */
#include "daemon/queue/internal.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

enum { SORT_SLICE = 256 };

static const char nameless[] = "the server did not say the id of its result";

static void count(struct queue *q, int64_t delivery, enum attach_state state, int64_t by)
{
	/* Statements are kept by their literal: one for each state. */
	static const char *const sql[ATTACH_STATES] = {
		[ATTACH_WAITING] = "UPDATE delivery SET ev_waiting = ev_waiting + ?2 WHERE id = ?1",
		[ATTACH_OWED] = "UPDATE delivery SET ev_owed = ev_owed + ?2 WHERE id = ?1",
		[ATTACH_AWAITED] = "UPDATE delivery SET ev_awaited = ev_awaited + ?2 WHERE id = ?1",
		[ATTACH_PARKED] = "UPDATE delivery SET ev_parked = ev_parked + ?2 WHERE id = ?1",
		[ATTACH_POSTED] = "UPDATE delivery SET ev_posted = ev_posted + ?2 WHERE id = ?1",
		[ATTACH_IGNORED] = "UPDATE delivery SET ev_ignored = ev_ignored + ?2 WHERE id = ?1",
		[ATTACH_FOUND] = "UPDATE delivery SET ev_found = ev_found + ?2 WHERE id = ?1",
	};

	if (by != 0 && db_failed(q->db, NULL) == 0)
		db_run(q->db, sql[state], DB(db_i(delivery), db_i(by)));
}

/* After an UPDATE of attaches, all of which were in one state. */
static void moved(struct queue *q, int64_t delivery, enum attach_state from, enum attach_state to)
{
	int64_t n = db_failed(q->db, NULL) < 0 ? 0 : db_changes(q->db);

	count(q, delivery, from, -n);
	count(q, delivery, to, n);
}

/* ---- sorting ---- */

struct file {            /* an evidence row that is being sorted */
	int64_t id, ref; /* ref 0: of the run */
	struct evidence e;
};

struct place { /* where it goes: an item, or the run */
	int64_t item;
	enum item_state state;
	const char *rid; /* NULL: none */
};

struct sorting {
	struct queue *q;
	const struct brief *d;
	const struct evidence_policy *policy;
	struct arena arena;
};

/* Columns of every query that read_file() reads. */
#define FILE_COLUMNS "e.id, coalesce(e.result, 0), e.origin, e.state, e.named, e.name, e.type, e.size"

static void read_file(struct db_stmt *s, struct arena *a, struct file *out)
{
	*out = (struct file){ .id = db_int(s, 0),
			      .ref = db_int(s, 1),
			      .e = { .origin = (enum evidence_origin)db_int(s, 2),
				     .state = (enum evidence_state)db_int(s, 3),
				     .named = arena_strdup(a, db_text(s, 4)),
				     .name = arena_strdup(a, db_text(s, 5)),
				     .type = arena_strdup(a, db_text(s, 6)),
				     .size = (uint64_t)db_int(s, 7) } };
}

static int64_t test_of(struct sorting *s, int64_t ref)
{
	struct chunk_entry e;

	if (!store_entry(s->q, ref, &e))
		return 0;
	return db_get(s->q->db, "SELECT no FROM identity WHERE run = ?1 AND identity = ?2",
		      DB(db_i(s->d->run), db_b(e.identity, IDENTITY_SIZE)), 0);
}

static struct place read_place(struct db_stmt *s, struct arena *a)
{
	return (struct place){ .item = db_int(s, 0),
			       .state = (enum item_state)db_int(s, 1),
			       .rid = arena_strdup(a, db_text(s, 2)) };
}

static struct place run_place(struct sorting *s)
{
	bool known = db_get(s->q->db, "SELECT remote_id IS NOT NULL FROM delivery WHERE id = ?1",
			    DB(db_i(s->d->id)), 0) != 0;

	return (struct place){ .item = ATTACH_OF_RUN,
			       .state = known ? ITEM_POSTED : ITEM_OWED,
			       .rid = known ? "" : NULL };
}

/* Items of the file's test; *out is in the arena. */
static size_t places_of(struct sorting *s, const struct file *f, struct place **out)
{
	struct place *list;
	size_t n = 0;

	*out = NULL;
	if (f->ref == 0) {
		list = arena_calloc(&s->arena, 1, sizeof(*list));
		if (list == NULL)
			return 0;
		*list = run_place(s);
		*out = list;
		return 1;
	}
	int64_t no = test_of(s, f->ref);
	if (no == 0)
		return 0;
	int64_t total =
		db_get(s->q->db, "SELECT count(*) FROM item WHERE delivery = ?1 AND id >= ?2 AND id < ?3",
		       DB(db_i(s->d->id), db_i(item_first(no)), db_i(item_first(no + 1))), 0);
	list = arena_calloc(&s->arena, (size_t)total + 1, sizeof(*list));
	if (list == NULL)
		return 0;
	struct db_stmt *q = db_query(s->q->db,
				     "SELECT id, state, rid FROM item WHERE delivery = ?1 AND id >= ?2"
				     " AND id < ?3 ORDER BY id",
				     DB(db_i(s->d->id), db_i(item_first(no)), db_i(item_first(no + 1))));
	while (n < (size_t)total && db_row(q))
		list[n++] = read_place(q, &s->arena);
	db_end(q);
	*out = list;
	return n;
}

/* What becomes of a file that is there, at this place. */
static enum attach_state state_at(const struct place *p, const char **reason)
{
	switch (p->state) {
	case ITEM_POSTED:
		if (p->rid == NULL)
			*reason = nameless;
		return p->rid != NULL ? ATTACH_OWED : ATTACH_PARKED;
	case ITEM_IGNORED:
		*reason = "its result is not sent";
		return ATTACH_IGNORED;
	case ITEM_OWED:
	case ITEM_UNBOUND:
	case ITEM_NEW:
	case ITEM_PARKED:
		break;
	}
	return ATTACH_WAITING;
}

static void add(struct sorting *s, const struct file *f, bool bad, enum evidence_want want, const char *why,
		const struct place *p)
{
	enum attach_state state = ATTACH_IGNORED;
	const char *reason = why;

	if (want == EVIDENCE_WANTED)
		state = f->e.state == EVIDENCE_AWAITED ? ATTACH_AWAITED : state_at(p, &reason);
	db_run(s->q->db,
	       "INSERT INTO attach(delivery, evidence, item, state, bad, rid, reason)"
	       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	       DB(db_i(s->d->id), db_i(f->id), db_i(p->item), db_i(state), db_i(bad),
		  db_s(state == ATTACH_OWED ? p->rid : NULL), db_s(reason)));
	count(s->q, s->d->id, state, 1);
}

static void sort_file(struct sorting *s, const struct file *f)
{
	bool bad = f->ref != 0 && evidence_bad(s->q, f->ref);
	const char *why = NULL;
	struct place *place;

	if (f->e.named == NULL || f->e.state == EVIDENCE_MISSING || f->e.state == EVIDENCE_REFUSED ||
	    f->e.origin == EVIDENCE_EARLY)
		return;
	enum evidence_want want = evidence_wanted(s->policy, &f->e, f->ref == 0, bad, &s->arena, &why);
	if (want == EVIDENCE_UNASKED)
		return;
	size_t n = places_of(s, f, &place);
	for (size_t i = 0; i < n; i++)
		add(s, f, bad, want, why, &place[i]);
}

/* Evidence of one part from *next on; how many rows, and *next behind them. */
static size_t sort_rows(struct sorting *s, int64_t part, int64_t *next)
{
	struct file *file = xcalloc(SORT_SLICE, sizeof(*file));
	size_t n = 0;

	struct db_stmt *q = db_query(s->q->db,
				     "SELECT " FILE_COLUMNS " FROM evidence e WHERE e.id >= ?1 AND e.id < ?2"
				     " ORDER BY e.id LIMIT ?3",
				     DB(db_i(*next), db_i(chunk_id(part + 1, 0)), db_i(SORT_SLICE)));
	while (n < SORT_SLICE && db_row(q))
		read_file(q, &s->arena, &file[n++]);
	db_end(q);
	for (size_t i = 0; i < n && db_failed(s->q->db, NULL) == 0; i++)
		sort_file(s, &file[i]);
	if (n > 0)
		*next = file[n - 1].id + 1;
	free(file);
	return n;
}

/* Files that came late: now their size is known, and what became of their results. */
static size_t sort_found(struct sorting *s)
{
	struct {
		int64_t attach;
		bool bad;
		struct file file;
		struct place place;
	} *row = xcalloc(SORT_SLICE, sizeof(*row));
	size_t n = 0;

	struct db_stmt *q =
		db_query(s->q->db,
			 "SELECT " FILE_COLUMNS ", a.id, a.bad, a.item, coalesce(i.state, -1), i.rid"
			 " FROM attach a JOIN evidence e ON e.id = a.evidence"
			 " LEFT JOIN item i ON i.delivery = a.delivery AND i.id = a.item"
			 " WHERE a.delivery = ?1 AND a.state = 6 ORDER BY a.id LIMIT ?2",
			 DB(db_i(s->d->id), db_i(SORT_SLICE)));
	for (; n < SORT_SLICE && db_row(q); n++) {
		read_file(q, &s->arena, &row[n].file);
		row[n].attach = db_int(q, 8);
		row[n].bad = db_int(q, 9) != 0;
		row[n].place = (struct place){ .item = db_int(q, 10),
					       .state = db_int(q, 11) < 0 ? ITEM_IGNORED
									  : (enum item_state)db_int(q, 11),
					       .rid = arena_strdup(&s->arena, db_text(q, 12)) };
	}
	db_end(q);
	for (size_t i = 0; i < n; i++) {
		const char *reason = NULL;
		bool of_run = row[i].place.item == ATTACH_OF_RUN;
		if (of_run)
			row[i].place = run_place(s);
		enum attach_state to = ATTACH_IGNORED;
		if (evidence_wanted(s->policy, &row[i].file.e, of_run, row[i].bad, &s->arena, &reason) ==
		    EVIDENCE_WANTED)
			to = state_at(&row[i].place, &reason);
		db_run(s->q->db, "UPDATE attach SET state = ?2, rid = ?3, reason = ?4 WHERE id = ?1",
		       DB(db_i(row[i].attach), db_i(to), db_s(to == ATTACH_OWED ? row[i].place.rid : NULL),
			  db_s(reason)));
		moved(s->q, s->d->id, ATTACH_FOUND, to);
	}
	free(row);
	return n;
}

int attach_sort(struct queue *q, struct brief *d, const struct evidence_policy *policy)
{
	struct sorting s = { .q = q, .d = d, .policy = policy, .arena = ARENA_LIMIT(SIZE_MAX / 2) };
	int64_t ready = db_get(q->db, "SELECT ready FROM run WHERE id = ?1", DB(db_i(d->run)), 0);
	int64_t part_was = d->ev_part, next_was = d->ev_next;
	size_t done = 0;

	if (d->ev[ATTACH_FOUND] > 0)
		done = sort_found(&s);
	if (policy == NULL ||
	    db_get(q->db, "SELECT 1 FROM evidence WHERE run = ?1 LIMIT 1", DB(db_i(d->run)), 0) == 0)
		d->ev_part = ready;
	while (done < SORT_SLICE && d->ev_part < ready && db_failed(q->db, NULL) == 0) {
		int64_t part =
			db_get(q->db, "SELECT id FROM part WHERE run = ?1 AND ready = ?2 AND state = 1",
			       DB(db_i(d->run), db_i(d->ev_part + 1)), 0);
		size_t n = 0;
		if (part != 0) {
			if (d->ev_next < chunk_id(part, 0))
				d->ev_next = chunk_id(part, 0);
			n = sort_rows(&s, part, &d->ev_next);
			done += n;
		}
		if (n < SORT_SLICE) {
			d->ev_part++;
			d->ev_next = 0;
		}
	}
	if (d->ev_part != part_was || d->ev_next != next_was)
		db_run(q->db, "UPDATE delivery SET ev_part = ?2, ev_next = ?3 WHERE id = ?1",
		       DB(db_i(d->id), db_i(d->ev_part), db_i(d->ev_next)));
	arena_done(&s.arena);
	return done >= SORT_SLICE ? OP_AGAIN : 0;
}

/* ---- what becomes of them ---- */

void attach_posted(struct queue *q, int64_t delivery, int64_t item, const char *rid)
{
	if (rid != NULL)
		db_run(q->db,
		       "UPDATE attach SET state = 1, rid = ?3 WHERE delivery = ?1 AND item = ?2 AND state = "
		       "0",
		       DB(db_i(delivery), db_i(item), db_s(rid)));
	else
		db_run(q->db,
		       "UPDATE attach SET state = 3, reason = ?3 WHERE delivery = ?1 AND item = ?2"
		       " AND state = 0",
		       DB(db_i(delivery), db_i(item), db_s(nameless)));
	moved(q, delivery, ATTACH_WAITING, rid != NULL ? ATTACH_OWED : ATTACH_PARKED);
}

void attach_ignored(struct queue *q, int64_t delivery, int64_t item, const char *why)
{
	db_run(q->db,
	       "UPDATE attach SET state = 5, reason = ?3 WHERE delivery = ?1 AND item = ?2 AND state = 0",
	       DB(db_i(delivery), db_i(item), db_s(why)));
	moved(q, delivery, ATTACH_WAITING, ATTACH_IGNORED);
}

void attach_copy(struct queue *q, int64_t delivery, int64_t from, int64_t to)
{
	db_run(q->db,
	       "INSERT INTO attach(delivery, evidence, item, state, bad)"
	       " SELECT delivery, evidence, ?3, 0, bad FROM attach"
	       " WHERE delivery = ?1 AND item = ?2 AND state IN (0, 1, 3, 4)",
	       DB(db_i(delivery), db_i(from), db_i(to)));
	count(q, delivery, ATTACH_WAITING, db_failed(q->db, NULL) < 0 ? 0 : db_changes(q->db));
}

void attach_run_known(struct queue *q, int64_t delivery)
{
	db_run(q->db, "UPDATE attach SET state = 1, rid = '' WHERE delivery = ?1 AND item = ?2 AND state = 0",
	       DB(db_i(delivery), db_i(ATTACH_OF_RUN)));
	moved(q, delivery, ATTACH_WAITING, ATTACH_OWED);
}

/* All of one state that hung on the run: what its item will not send again is not sent either. */
static void owe_anew(struct queue *q, int64_t delivery, const char *parent, enum attach_state from)
{
#define OF_PARENT                                                                           \
	" AND (?4 IS NULL OR (SELECT r.parent FROM item i JOIN remote r ON r.id = i.remote" \
	" WHERE i.delivery = ?1 AND i.id = attach.item) = ?4)"
	/* Names were taken at results that are no more. */
	db_run(q->db,
	       "UPDATE attach SET state = 5, rid = NULL, aid = NULL, name = NULL, reason = ?3"
	       " WHERE delivery = ?1 AND state = ?2"
	       " AND (SELECT state FROM item WHERE delivery = ?1 AND id = attach.item) = 5" OF_PARENT,
	       DB(db_i(delivery), db_i(from), db_s("its result is not sent"), db_s(parent)));
	moved(q, delivery, from, ATTACH_IGNORED);
	db_run(q->db,
	       "UPDATE attach SET state = ?3, rid = NULL, aid = NULL, name = NULL, reason = NULL"
	       " WHERE delivery = ?1 AND state = ?2" OF_PARENT,
	       DB(db_i(delivery), db_i(from), db_i(ATTACH_WAITING), db_s(parent)));
	moved(q, delivery, from, ATTACH_WAITING);
#undef OF_PARENT
}

void attach_run_gone(struct queue *q, int64_t delivery, const char *parent)
{
	owe_anew(q, delivery, parent, ATTACH_OWED);
	owe_anew(q, delivery, parent, ATTACH_PARKED);
	owe_anew(q, delivery, parent, ATTACH_POSTED);
}

void attach_found(struct queue *q, int64_t evidence, bool kept, const char *reason, int64_t now_ms)
{
	struct {
		int64_t attach, delivery;
	} row[64];
	size_t n;

	do {
		n = 0;
		struct db_stmt *s =
			db_query(q->db,
				 "SELECT id, delivery FROM attach WHERE evidence = ?1 AND state = 2"
				 " LIMIT 64",
				 DB(db_i(evidence)));
		for (; n < 64 && db_row(s); n++) {
			row[n].attach = db_int(s, 0);
			row[n].delivery = db_int(s, 1);
		}
		db_end(s);
		for (size_t i = 0; i < n; i++) {
			attach_move(q, row[i].delivery, row[i].attach, ATTACH_AWAITED,
				    kept ? ATTACH_FOUND : ATTACH_IGNORED, NULL, reason);
			/* Also where it was not found: what comes last may have waited for the answer. */
			db_run(q->db,
			       "UPDATE delivery SET due_ms = ?2, since_ms = CASE WHEN state = 4 THEN ?2"
			       " ELSE since_ms END, settled_ms = NULL, state = 0"
			       " WHERE id = ?1 AND state IN (0, 3, 4)",
			       DB(db_i(row[i].delivery), db_i(now_ms)));
		}
	} while (n == 64 && db_failed(q->db, NULL) == 0);
}

bool attach_move(struct queue *q, int64_t delivery, int64_t attach, enum attach_state from,
		 enum attach_state to, const char *aid, const char *reason)
{
	db_run(q->db,
	       "UPDATE attach SET state = ?3, aid = coalesce(?4, aid), reason = ?5"
	       " WHERE id = ?1 AND delivery = ?6 AND state = ?2",
	       DB(db_i(attach), db_i(from), db_i(to), db_s(aid), db_s(reason), db_i(delivery)));
	bool there = db_failed(q->db, NULL) == 0 && db_changes(q->db) == 1;
	if (there) {
		count(q, delivery, from, -1);
		count(q, delivery, to, 1);
	}
	return there;
}

void attach_left_out(struct queue *q, int64_t delivery, int64_t item, const char *rid, bool bad,
		     const char *why)
{
	db_run(q->db,
	       "UPDATE attach SET state = 5, reason = ?5 WHERE delivery = ?1 AND item = ?2 AND state = 1"
	       " AND rid = ?3 AND bad = ?4 AND name IS NULL",
	       DB(db_i(delivery), db_i(item), db_s(rid), db_i(bad), db_s(why)));
	moved(q, delivery, ATTACH_OWED, ATTACH_IGNORED);
}

int64_t attach_retry(struct queue *q, int64_t delivery, const char *reason)
{
	/* Where nobody knows the result's id there is nothing to try again. */
	db_run(q->db,
	       "UPDATE attach SET state = 1, reason = NULL WHERE delivery = ?1 AND state = 3"
	       " AND rid IS NOT NULL AND (?2 IS NULL OR instr(lower(coalesce(reason, '')), ?2) > 0)",
	       DB(db_i(delivery), db_s(reason)));
	int64_t n = db_failed(q->db, NULL) < 0 ? 0 : db_changes(q->db);
	count(q, delivery, ATTACH_PARKED, -n);
	count(q, delivery, ATTACH_OWED, n);
	return n;
}

void attach_recount(struct queue *q, int64_t delivery)
{
	struct db_stmt *s =
		db_query(q->db, "SELECT state, count(*) FROM attach WHERE delivery = ?1 GROUP BY state",
			 DB(db_i(delivery)));
	int64_t n[ATTACH_STATES] = { 0 };

	while (db_row(s)) {
		int64_t state = db_int(s, 0);
		if (state >= 0 && state < ATTACH_STATES)
			n[state] = db_int(s, 1);
	}
	db_end(s);
	for (int i = 0; i < ATTACH_STATES; i++)
		count(q, delivery, (enum attach_state)i, n[i]);
}

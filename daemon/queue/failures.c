/* SPDX-License-Identifier: Apache-2.0
 *
 * failures.c - failing tests gathered by what makes them fail, and how long that has been going on.
 *
 * A sink of failures has one row a fingerprint: the items of all tests that share it are bound to one remote
 * of kind "case", whose id the fingerprint is.  So batches, intents, refusals and counts work as for any
 * other sink.  The history counts runs, each once: a run that has the failure adds to its streak, a run
 * in which its tests were there and passed ends it, and any other run says nothing. */
#include "daemon/queue/internal.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	SLICE = 2048,      /* tests in one transaction */
	TESTS_KEPT = 1000, /* of one failure, to see it pass by */
	SUITE_BYTES = 200,
	RESULTS_FIRST_MS = 1500, /* what is known of results goes into items: so long they may take */
	RESULTS_POLL_MS = 500,
	SCRATCH_MAX = 64 << 20,
};
#define FORGET_MS (INT64_C(400) * 86400000) /* not seen for so long: it is a new one when it comes back */

struct walker {
	struct queue *q;
	struct brief *d;
	const struct resolver *plan;
	struct tally tally;
	int64_t shelf, now_ms;
	struct arena scratch;
};

/* Where reports say it: the class, else the innermost suite that has a name. */
static const char *suite_of(const struct result *r, struct arena *a)
{
	const char *name = r->class_name != NULL && r->class_name[0] != '\0' ? r->class_name : NULL;

	for (size_t i = r->suite_count; name == NULL && i > 0; i--)
		if (r->suite[i - 1] != NULL && r->suite[i - 1][0] != '\0')
			name = r->suite[i - 1];
	return name != NULL && strlen(name) > SUITE_BYTES ? arena_strndup(a, name, SUITE_BYTES) : name;
}

/* NULL where it is not known: so it equals no other. */
static struct db_value commit_of(const struct walker *w)
{
	return db_s(w->plan->commit[0] != '\0' ? w->plan->commit : NULL);
}

static void count_failure(struct walker *w, const char *rid, const struct chunk_entry *e, const char *suite)
{
	struct db *db = w->q->db;

	/* Each expression sees the row as it was before. */
	db_run(db,
	       "INSERT INTO failure(sink, scope, rid, first_ms, last_ms, last_run, streak, runs, since_ms,"
	       " failed_at, suite) VALUES(?1, ?2, ?3, ?4, ?4, ?5, 1, 1, ?4, ?6, ?7)"
	       " ON CONFLICT(sink, scope, rid) DO UPDATE SET"
	       " since_ms = CASE WHEN streak = 0 THEN ?4 ELSE since_ms END,"
	       " streak = streak + (last_run <> ?5), runs = runs + (last_run <> ?5), passes = 0,"
	       " flaky = CASE WHEN last_run = ?5 THEN flaky ELSE"
	       " coalesce(passed_at = ?6, 0) OR (flaky AND coalesce(failed_at = ?6, 0)) END,"
	       " suite = CASE WHEN last_run <> ?5 OR suite = ?7 THEN ?7 END, failed_at = ?6,"
	       " last_run = ?5, last_ms = ?4",
	       DB(db_s(w->d->sink), db_s(w->plan->scope), db_s(rid), db_i(w->now_ms), db_i(w->d->run),
		  commit_of(w), db_s(suite)));
	int64_t id = 0, tests = 0;
	struct db_stmt *s =
		db_query(db, "SELECT id, tests FROM failure WHERE sink = ?1 AND scope = ?2 AND rid = ?3",
			 DB(db_s(w->d->sink), db_s(w->plan->scope), db_s(rid)));
	if (db_row(s)) {
		id = db_int(s, 0);
		tests = db_int(s, 1);
	}
	db_end(s);
	if (tests >= TESTS_KEPT)
		return;
	db_run(db, "INSERT INTO failure_test(failure, identity) VALUES(?1, ?2) ON CONFLICT DO NOTHING",
	       DB(db_i(id), db_b(e->identity, IDENTITY_SIZE)));
	db_run(db, "UPDATE failure SET tests = tests + ?2 WHERE id = ?1", DB(db_i(id), db_i(db_changes(db))));
}

static void add_failure(struct walker *w, int64_t no, int64_t ref)
{
	struct item item = { .delivery = w->d->id, .id = item_first(no), .state = ITEM_OWED };
	struct err why = ERR_NONE;
	struct chunk_entry e;
	struct result r;

	arena_reset(&w->scratch);
	/* One that a damaged disk took away is said by the sinks that carry results. */
	if (store_result(w->q, ref, &w->scratch, &r, NULL, &why) < 0)
		return;
	const char *rid = w->plan->cause(w->plan->cookie, &r, &w->scratch);
	if (rid == NULL || !store_entry(w->q, ref, &e))
		return;
	count_failure(w, rid, &e, suite_of(&r, &w->scratch));
	struct remote_spec spec = { .rid = rid };
	item.remote = remote_put(w->q, w->shelf, &spec, true);
	if (item.remote != 0)
		items_add(w->q, &w->tally, &item, w->d->epoch);
}

/* A test of the failure in this run: its number where all that are there passed, else 0.  clean: none of them
 * needed a further try. */
static int64_t passed_test(struct walker *w, int64_t failure, bool *clean)
{
	int64_t no = 0;
	bool fails = false;

	*clean = true;
	struct db_stmt *s = db_query(w->q->db,
				     "SELECT t.no, t.flags FROM failure_test f"
				     " JOIN identity i ON i.run = ?2 AND i.identity = f.identity"
				     " JOIN test t ON t.run = ?2 AND t.no = i.no WHERE f.failure = ?1",
				     DB(db_i(failure), db_i(w->d->run)));

	while (!fails && db_row(s)) {
		uint32_t flags = (uint32_t)db_int(s, 1);
		if ((flags & ENTRY_OUTCOME) == OUTCOME_PASSED)
			no = db_int(s, 0);
		else if ((flags & ENTRY_OUTCOME) >= OUTCOME_FAILED)
			fails = true; /* by another cause: whether this one is mended cannot be seen */
		if ((flags & (ENTRY_FLAKY | ENTRY_BAD)) != 0)
			*clean = false;
	}
	db_end(s);
	return fails ? 0 : no;
}

static void note_passed(struct walker *w, int64_t failure, const char *rid)
{
	bool clean;
	int64_t no = passed_test(w, failure, &clean), remote;
	struct item item = { .delivery = w->d->id, .id = item_first(no), .state = ITEM_OWED }, there;

	if (no == 0)
		return;
	/* A pass of the commit that failed mends nothing: it is flaky there. */
	db_run(w->q->db,
	       "UPDATE failure SET streak = 0, pass_run = ?2, passed_at = ?3,"
	       " passes = passes + (?4 AND NOT coalesce(failed_at = ?3, 0)),"
	       " flaky = flaky OR NOT ?4 OR coalesce(failed_at = ?3, 0) WHERE id = ?1",
	       DB(db_i(failure), db_i(w->d->run), commit_of(w), db_i(clean)));
	remote = w->plan->passes ? remote_find(w->q, w->shelf, rid) : 0;
	if (remote == 0 || items_get(w->q, w->d->id, item.id, &there) ||
	    db_get(w->q->db, "SELECT json IS NOT NULL FROM remote WHERE id = ?1", DB(db_i(remote)), 0) == 0)
		return;
	item.remote = remote;
	items_add(w->q, &w->tally, &item, w->d->epoch);
}

/* Failures that this run did not have. */
static void walk_passed(struct walker *w)
{
	struct {
		int64_t id;
		char *rid;
	} row[256];
	struct db *db = w->q->db;
	int64_t last = 0;
	size_t n;

	do {
		n = 0;
		struct db_stmt *s =
			db_query(db,
				 "SELECT id, rid FROM failure WHERE sink = ?1 AND scope = ?2"
				 " AND last_run <> ?3 AND pass_run <> ?3 AND id > ?4"
				 " ORDER BY id LIMIT 256",
				 DB(db_s(w->d->sink), db_s(w->plan->scope), db_i(w->d->run), db_i(last)));
		for (; n < 256 && db_row(s); n++) {
			row[n].id = last = db_int(s, 0);
			row[n].rid = xstrdup(db_text(s, 1));
		}
		db_end(s);
		for (size_t i = 0; i < n; i++) {
			note_passed(w, row[i].id, row[i].rid);
			free(row[i].rid);
		}
	} while (n == 256 && db_failed(db, NULL) == 0);
}

static void forget_old(struct walker *w)
{
	struct db *db = w->q->db;
	int64_t id = db_get(db, "SELECT id FROM failure WHERE sink = ?1 AND last_ms < ?2 ORDER BY id LIMIT 1",
			    DB(db_s(w->d->sink), db_i(w->now_ms - FORGET_MS)), 0);

	if (id == 0)
		return;
	db_run(db, "DELETE FROM failure_test WHERE failure = ?1", DB(db_i(id)));
	db_run(db, "DELETE FROM failure WHERE id = ?1", DB(db_i(id)));
}

/* Those that were parked and are to be tried again. */
static void rebind(struct walker *w)
{
	struct {
		int64_t id, ref;
	} row[256];
	size_t n = 0;

	struct db_stmt *s = db_query(w->q->db,
				     "SELECT i.id, coalesce(t.last, t.first) FROM item i INDEXED BY item_new"
				     " JOIN test t ON t.run = ?2 AND t.no = i.id >> 12"
				     " WHERE i.delivery = ?1 AND i.state = 2 ORDER BY i.id LIMIT 256",
				     DB(db_i(w->d->id), db_i(w->d->run)));
	for (; n < 256 && db_row(s); n++) {
		row[n].id = db_int(s, 0);
		row[n].ref = db_int(s, 1);
	}
	db_end(s);
	for (size_t i = 0; i < n; i++) {
		struct err why = ERR_NONE;
		struct result r;
		struct item item;
		arena_reset(&w->scratch);
		if (!items_get(w->q, w->d->id, row[i].id, &item))
			continue;
		int rc = store_result(w->q, row[i].ref, &w->scratch, &r, NULL, &why);
		const char *rid = rc < 0 ? NULL : w->plan->cause(w->plan->cookie, &r, &w->scratch);
		int64_t remote = rid == NULL ? 0 : remote_find(w->q, w->shelf, rid);
		if (remote != 0)
			items_bind(w->q, &w->tally, &item, remote);
		else
			items_move(w->q, &w->tally, &item, ITEM_IGNORED, "it counts for nothing any more");
	}
}

static struct walker walker_of(struct queue *q, struct brief *d, const struct resolver *plan)
{
	return (struct walker){ .q = q,
				.d = d,
				.plan = plan,
				.tally = items_tally_of(d->id),
				.shelf = remote_shelf(q, d->sink, "case", plan->scope, true),
				.now_ms = clock_wall_ms(),
				.scratch = ARENA_LIMIT(SCRATCH_MAX) };
}

int failures_rematch(struct queue *q, struct brief *d, const struct resolver *plan)
{
	struct walker w = walker_of(q, d, plan);

	rebind(&w);
	items_save_tally(q, &w.tally);
	arena_done(&w.scratch);
	return db_get(q->db, "SELECT n_new FROM delivery WHERE id = ?1", DB(db_i(d->id)), 0) > 0 ? OP_AGAIN
												 : 0;
}

int failures_walk(struct queue *q, struct brief *d, const struct resolver *plan, int64_t next_no)
{
	struct {
		int64_t no, ref;
		uint32_t flags;
	} *row = xcalloc(SLICE, sizeof(*row));
	struct walker w = walker_of(q, d, plan);
	size_t n = 0;

	struct db_stmt *s = db_query(q->db,
				     "SELECT no, coalesce(last, first), flags FROM test WHERE run = ?1"
				     " AND no > ?2 ORDER BY no LIMIT ?3",
				     DB(db_i(d->run), db_i(d->resolved), db_i(SLICE)));
	for (; n < SLICE && db_row(s); n++) {
		row[n].no = db_int(s, 0);
		row[n].ref = db_int(s, 1);
		row[n].flags = (uint32_t)db_int(s, 2);
	}
	db_end(s);
	for (size_t i = 0; i < n && !plan->idle && db_failed(q->db, NULL) == 0; i++)
		if ((row[i].flags & ENTRY_OUTCOME) >= OUTCOME_FAILED && (row[i].flags & ENTRY_KNOWN) == 0)
			add_failure(&w, row[i].no, row[i].ref);
	d->resolved = n == SLICE ? row[n - 1].no : next_no - 1;
	if (n < SLICE && !plan->idle) {
		walk_passed(&w);
		forget_old(&w);
	}
	items_save_tally(q, &w.tally);
	db_run(q->db, "UPDATE delivery SET resolved = ?2 WHERE id = ?1", DB(db_i(d->id), db_i(d->resolved)));
	arena_done(&w.scratch);
	free(row);
	return n == SLICE ? OP_AGAIN : 0;
}

/* How many different failures the run has; suite NULL: in all suites. */
static uint64_t failures_of_run(struct queue *q, const struct brief *d, const char *suite)
{
	return (uint64_t)db_get(
		q->db,
		"SELECT count(*) FROM (SELECT 1 FROM failure INDEXED BY failure_run"
		" WHERE sink = ?1 AND scope = ?2 AND last_run = ?3"
		" AND (?4 IS NULL OR suite = ?4) LIMIT ?5)",
		DB(db_s(d->sink), db_s(d->scope), db_i(d->run), db_s(suite), db_i(FAILURES_COUNTED)), 0);
}

static const char *url_of_run(struct queue *q, const struct brief *d, struct arena *arena)
{
	const char *url = NULL;
	struct db_stmt *s =
		db_query(q->db,
			 "SELECT url FROM delivery WHERE run = ?1 AND failing = 0 AND url LIKE 'http%'"
			 " ORDER BY id LIMIT 1",
			 DB(db_i(d->run)));

	if (db_row(s))
		url = arena_strdup(arena, db_text(s, 0));
	db_end(s);
	return url;
}

int64_t failures_wait_ms(struct queue *q, const struct brief *d)
{
	return db_get(q->db,
		      "SELECT EXISTS(SELECT 1 FROM delivery WHERE run = ?1 AND id <> ?2 AND failing = 0"
		      " AND state < 2 AND url IS NULL) FROM run WHERE id = ?1 AND ended_ms > ?3 AND ended_ms "
		      "<= ?4",
		      DB(db_i(d->run), db_i(d->id), db_i(clock_wall_ms() - RESULTS_FIRST_MS),
			 db_i(clock_wall_ms())),
		      0) != 0
		       ? RESULTS_POLL_MS
		       : 0;
}

const struct row_failure *failures_known(struct queue *q, const struct brief *d, const char *rid,
					 struct arena *arena)
{
	struct row_failure *out = NULL;
	bool now = false;
	struct db_stmt *s = db_query(q->db,
				     "SELECT first_ms, last_ms, streak, runs, passes, since_ms, flaky, suite,"
				     " last_run FROM failure WHERE sink = ?1 AND scope = ?2 AND rid = ?3",
				     DB(db_s(d->sink), db_s(d->scope), db_s(rid)));

	if (db_row(s))
		out = arena_calloc(arena, 1, sizeof(*out));
	if (out != NULL) {
		*out = (struct row_failure){ .first_ms = db_int(s, 0),
					     .last_ms = db_int(s, 1),
					     .streak = (uint64_t)db_int(s, 2),
					     .runs = (uint64_t)db_int(s, 3),
					     .passes = (uint64_t)db_int(s, 4),
					     .since_ms = db_int(s, 5),
					     .flaky = db_int(s, 6) != 0,
					     .suite = arena_strdup(arena, db_text(s, 7)) };
		now = db_int(s, 8) == d->run;
	}
	db_end(s);
	if (out != NULL) {
		out->results_url = url_of_run(q, d, arena);
		out->none_passed =
			db_get(q->db, "SELECT passed = 0 FROM run WHERE id = ?1", DB(db_i(d->run)), 0) != 0;
	}
	if (out != NULL && now) {
		out->run_failures = failures_of_run(q, d, NULL);
		out->suite_failures = out->suite != NULL ? failures_of_run(q, d, out->suite) : 1;
	}
	return out;
}

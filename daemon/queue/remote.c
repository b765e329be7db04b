/* SPDX-License-Identifier: Apache-2.0
 *
 * remote.c - the cache of what stands over there: cases, sections and whatever else a sink lists.
 *
 * Entities lie on shelves (sink, kind, scope).  What is gone stays as a row without keys, so that what was
 * posted to it can still be shown, and comes back to life when it is seen again. */
#include "daemon/queue/internal.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

int64_t remote_shelf(struct queue *q, const char *sink, const char *kind, const char *scope, bool create)
{
	int64_t id = db_get(q->db, "SELECT id FROM shelf WHERE sink = ?1 AND kind = ?2 AND scope = ?3",
			    DB(db_s(sink), db_s(kind), db_s(scope)), 0);

	if (id != 0 || !create)
		return id;
	db_run(q->db, "INSERT INTO shelf(sink, kind, scope) VALUES(?1, ?2, ?3)",
	       DB(db_s(sink), db_s(kind), db_s(scope)));
	return db_failed(q->db, NULL) < 0 ? 0 : db_last_id(q->db);
}

static struct db_value key(int64_t k)
{
	return k == 0 ? db_n() : db_i(k);
}

/* Lists may lag behind what was just made over there (faults.md, row 55): it is not gone because a full
 * reading does not show it yet.  Until it is shown (later than in the note that tells of its making) its
 * mark is no count of readings but a time, far above them. */
#define MADE_MARK (INT64_C(1) << 40)
enum { SPARED_S = 300, AT_ONCE_S = 2 };

/* The wall's time when the process began, and what it lived since: a clock that is set forward makes nothing old. */
static int64_t mark_of_now(struct queue *q)
{
	int64_t mono_ms = clock_mono_ms();

	if (q->began_wall_ms == 0) {
		q->began_wall_ms = clock_wall_ms();
		q->began_mono_ms = mono_ms;
	}
	return MADE_MARK + (q->began_wall_ms + (mono_ms - q->began_mono_ms)) / 1000;
}

int64_t remote_put(struct queue *q, int64_t shelf, const struct remote_spec *spec, bool keep)
{
	const struct db_value *v =
		DB(db_i(shelf), db_s(spec->rid), db_s(spec->parent), key(spec->name_key),
		   key(spec->alias_key), db_s(spec->json), db_i(keep ? mark_of_now(q) + SPARED_S : 0),
		   db_i(mark_of_now(q) + SPARED_S - AT_ONCE_S));

	if (keep)
		return db_get(
			q->db,
			"INSERT INTO remote(shelf, rid, parent, name_key, alias_key, json, mark, gone)"
			" VALUES(?1, ?2, ?3, ?4, ?5, ?6, "
			" CASE WHEN ?7 > 0 THEN ?7 ELSE (SELECT mark FROM shelf WHERE id = ?1) END, 0)"
			" ON CONFLICT(shelf, rid) DO UPDATE SET gone = 0, "
			" mark = CASE WHEN mark > ?8 THEN max(mark, excluded.mark) ELSE excluded.mark END,"
			" parent = coalesce(excluded.parent, parent),"
			" name_key = coalesce(excluded.name_key, name_key),"
			" alias_key = coalesce(excluded.alias_key, alias_key),"
			" json = coalesce(excluded.json, json) RETURNING id",
			v, 0);
	return db_get(q->db,
		      "INSERT INTO remote(shelf, rid, parent, name_key, alias_key, json, mark, gone)"
		      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, "
		      " CASE WHEN ?7 > 0 THEN ?7 ELSE (SELECT mark FROM shelf WHERE id = ?1) END, 0)"
		      " ON CONFLICT(shelf, rid) DO UPDATE SET gone = 0, "
		      " mark = CASE WHEN mark > ?8 THEN max(mark, excluded.mark) ELSE excluded.mark END,"
		      " parent = excluded.parent, name_key = excluded.name_key,"
		      " alias_key = excluded.alias_key, json = excluded.json RETURNING id",
		      v, 0);
}

int64_t remote_find(struct queue *q, int64_t shelf, const char *rid)
{
	return db_get(q->db, "SELECT id FROM remote WHERE shelf = ?1 AND rid = ?2 AND gone = 0",
		      DB(db_i(shelf), db_s(rid)), 0);
}

bool remote_known(struct queue *q, int64_t shelf, const char *rid)
{
	return db_get(q->db, "SELECT 1 FROM remote WHERE shelf = ?1 AND rid = ?2", DB(db_i(shelf), db_s(rid)),
		      0) != 0;
}

/* Where several share a name the oldest is taken, always the same. */
int64_t remote_by_alias(struct queue *q, int64_t shelf, int64_t k)
{
	if (k == 0)
		return 0;
	return db_get(q->db,
		      "SELECT min(id) FROM remote INDEXED BY remote_alias"
		      " WHERE shelf = ?1 AND alias_key = ?2",
		      DB(db_i(shelf), db_i(k)), 0);
}

int64_t remote_by_name(struct queue *q, int64_t shelf, int64_t k)
{
	if (k == 0)
		return 0;
	return db_get(q->db,
		      "SELECT min(id) FROM remote INDEXED BY remote_name"
		      " WHERE shelf = ?1 AND name_key = ?2",
		      DB(db_i(shelf), db_i(k)), 0);
}

/* Deliveries that are not settled must not send to what is gone: one pass for all that went at once.  Where
 * nothing is owed nothing is to be released, and of most deliveries that wait nothing is known yet. */
static void release_cases(struct queue *q, const char *sink, const int64_t *remote, size_t count)
{
	int64_t open[64], last = 0;
	size_t n;

	do {
		n = 0;
		struct db_stmt *s = db_query(q->db,
					     "SELECT id FROM delivery WHERE sink = ?1 AND state <> 4"
					     " AND n_owed > 0 AND id > ?2 ORDER BY id LIMIT 64",
					     DB(db_s(sink), db_i(last)));
		while (n < 64 && db_row(s))
			open[n++] = last = db_int(s, 0);
		db_end(s);
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < count && db_failed(q->db, NULL) == 0; k++)
				items_release(q, open[i], remote[k]);
	} while (n == 64 && db_failed(q->db, NULL) == 0);
}

static void release_places(struct queue *q, const char *sink, int64_t shelf)
{
	db_run(q->db,
	       "UPDATE place SET remote_id = NULL WHERE delivery IN (SELECT id FROM delivery WHERE sink = ?1"
	       " AND state <> 4) AND remote_id IS NOT NULL AND EXISTS (SELECT 1 FROM remote r"
	       " WHERE r.shelf = ?2 AND r.rid = place.remote_id AND r.gone = 1)",
	       DB(db_s(sink), db_i(shelf)));
}

static void all_gone(struct queue *q, const char *sink, int64_t shelf, const int64_t *remote, size_t count)
{
	bool section =
		db_get(q->db, "SELECT kind = 'section' FROM shelf WHERE id = ?1", DB(db_i(shelf)), 0) != 0;

	for (size_t i = 0; i < count; i++)
		db_run(q->db, "UPDATE remote SET gone = 1, name_key = NULL, alias_key = NULL WHERE id = ?1",
		       DB(db_i(remote[i])));
	if (section)
		release_places(q, sink, shelf);
	else
		release_cases(q, sink, remote, count);
}

void remote_gone(struct queue *q, const char *sink, int64_t remote)
{
	int64_t shelf =
		db_get(q->db, "SELECT shelf FROM remote WHERE id = ?1 AND gone = 0", DB(db_i(remote)), 0);

	if (shelf != 0)
		all_gone(q, sink, shelf, &remote, 1);
}

void remote_list_begin(struct queue *q, int64_t shelf)
{
	db_run(q->db, "UPDATE shelf SET mark = mark + 1 WHERE id = ?1", DB(db_i(shelf)));
}

void remote_list_end(struct queue *q, const char *sink, int64_t shelf)
{
	int64_t mark = db_get(q->db, "SELECT mark FROM shelf WHERE id = ?1", DB(db_i(shelf)), 0);
	int64_t *gone = NULL;
	size_t count = 0, room = 0;
	struct db_stmt *s = db_query(q->db,
				     "SELECT id FROM remote INDEXED BY sqlite_autoindex_remote_1"
				     " WHERE shelf = ?1 AND gone = 0"
				     " AND (mark < ?2 OR (mark > ?3 AND mark <= ?4))",
				     DB(db_i(shelf), db_i(mark), db_i(MADE_MARK), db_i(mark_of_now(q))));

	while (db_row(s)) {
		if (count == room) {
			room = room == 0 ? 64 : room * 2;
			gone = xrealloc(gone, room, sizeof(*gone));
		}
		gone[count++] = db_int(s, 0);
	}
	if (count > 0)
		all_gone(q, sink, shelf, gone, count);
	free(gone);
}

const char *remote_rid(struct queue *q, int64_t remote, struct arena *arena, const char **json,
		       const char **parent)
{
	const char *rid = NULL;
	struct db_stmt *s =
		db_query(q->db, "SELECT rid, json, parent FROM remote WHERE id = ?1", DB(db_i(remote)));

	*json = *parent = NULL;
	if (db_row(s)) {
		rid = arena_strdup(arena, db_text(s, 0));
		*json = arena_strdup(arena, db_text(s, 1));
		*parent = arena_strdup(arena, db_text(s, 2));
	}
	db_end(s);
	return rid;
}

bool remote_within(struct queue *q, int64_t remote, const char *parent)
{
	return db_get(q->db, "SELECT 1 FROM remote WHERE id = ?1 AND parent IS ?2",
		      DB(db_i(remote), db_s(parent)), 0) != 0;
}

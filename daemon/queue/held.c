/* SPDX-License-Identifier: Apache-2.0
 *
 * held.c - what is not sent until a person says so: what may have been delivered before the database was lost
 * (rule F4), and runs of which nobody knows which they are.
 *
 * A damaged database takes along what was delivered.  Reports that are older than that are taken again by the
 * next scan; sending them would be sending twice.  So their deliveries are parked as a whole, with these words,
 * until a person retries or drops them; what is newer flows.  Kept in meta: `damaged_ms`, and `held/ID` for each
 * such delivery, so that a further part of its run does not make it due.
 *
 * A report whose key cannot be told, as a variable of the template is not set, waits in a run that stands in for its
 * own; `held/ID` is the reason then.  When the report comes again and tells its key, the stand-in is given up as
 * soon as nothing is left of it that did not. */
#include "daemon/queue/internal.h"

#include "daemon/base/clock.h"

static const char WORDS[] = "held: the report is older than the damage to the database, so it may have been "
			    "delivered already; look there, then \"queue retry\" or \"queue drop\" it";

void held_begin(struct queue *q, int64_t now_ms)
{
	db_begin(q->db);
	db_run(q->db,
	       "INSERT INTO meta(name, value) VALUES('damaged_ms', ?1)"
	       " ON CONFLICT(name) DO UPDATE SET value = ?1",
	       DB(db_i(now_ms)));
	db_commit(q->db);
}

void held_take(struct queue *q, int64_t run, int64_t changed_ms)
{
	if (changed_ms == 0)
		return;
	int64_t damaged_ms =
		db_get(q->db, "SELECT value FROM meta WHERE name = 'damaged_ms'", DB_NOTHING, TIME_UNKNOWN);
	if (damaged_ms == TIME_UNKNOWN || changed_ms > damaged_ms)
		return;
	db_run(q->db,
	       "INSERT OR IGNORE INTO meta(name, value) SELECT 'held/' || id, 1 FROM delivery WHERE run = ?1",
	       DB(db_i(run)));
}

void held_apply(struct queue *q, int64_t run, int64_t now_ms)
{
	db_run(q->db,
	       "UPDATE delivery SET state = 3, due_ms = ?2, settled_ms = ?3, reason = ?4"
	       " WHERE run = ?1 AND state = 0 AND EXISTS (SELECT 1 FROM meta WHERE name = 'held/' || "
	       "delivery.id)",
	       DB(db_i(run), db_i(INT64_MAX), db_i(now_ms), db_s(WORDS)));
	db_run(q->db,
	       "UPDATE delivery SET reason = (SELECT value FROM meta WHERE name = 'held/' || delivery.id)"
	       " WHERE run = ?1 AND state = 3 AND EXISTS (SELECT 1 FROM meta WHERE name = 'held/' || "
	       "delivery.id"
	       " AND typeof(value) = 'text')",
	       DB(db_i(run)));
}

void held_forget(struct queue *q, int64_t run)
{
	db_run(q->db, "DELETE FROM meta WHERE name IN (SELECT 'held/' || id FROM delivery WHERE run = ?1)",
	       DB(db_i(run)));
}

/* ---- runs without a key ---- */

void held_unkeyed(struct queue *q, int64_t run, const char *reason)
{
	db_run(q->db,
	       "INSERT OR IGNORE INTO meta(name, value) SELECT 'held/' || id, ?2 FROM delivery WHERE run = "
	       "?1",
	       DB(db_i(run), db_s(reason)));
}

/* The next run behind `after` that stands in for others; 0: there is none. */
static int64_t next_stand_in(struct queue *q, int64_t after)
{
	return db_get(
		q->db,
		"SELECT d.run FROM meta m JOIN delivery d ON d.id = CAST(substr(m.name, 6) AS INTEGER)"
		" WHERE m.name > 'held/' AND m.name < 'held0' AND typeof(m.value) = 'text' AND d.run > ?1"
		" ORDER BY d.run LIMIT 1",
		DB(db_i(after)), 0);
}

void held_keyed(struct queue *q, int64_t part, int64_t run, const uint8_t sha256[32], int64_t now_ms)
{
	for (int64_t at = 0; (at = next_stand_in(q, at)) != 0 && db_failed(q->db, NULL) == 0;) {
		/* A part that waited is not known under the key that stood in, any more. */
		db_run(q->db,
		       "DELETE FROM seen WHERE run = ?1 AND sha256 = ?2 AND ?1 <> ?3"
		       " AND run_key = (SELECT key FROM run WHERE id = ?1)"
		       " AND (SELECT watch FROM run WHERE id = ?1) IS (SELECT watch FROM run WHERE id = ?3)"
		       " AND (SELECT path FROM part WHERE id = seen.part) = (SELECT path FROM part WHERE id "
		       "= ?4)",
		       DB(db_i(at), db_b(sha256, 32), db_i(run), db_i(part)));
		if (db_failed(q->db, NULL) < 0 || db_changes(q->db) == 0)
			continue;
		if (db_get(q->db,
			   "SELECT 1 FROM part p JOIN run r ON r.id = p.run WHERE p.run = ?1 AND (p.state = 0"
			   " OR EXISTS (SELECT 1 FROM seen s WHERE s.run_key = r.key AND s.sha256 = "
			   "p.sha256)) LIMIT 1",
			   DB(db_i(at)), 0) != 0)
			continue;
		db_run(q->db,
		       "UPDATE delivery SET state = 5, settled_ms = ?2, due_ms = ?3,"
		       " reason = 'its reports were taken as \"' || (SELECT key FROM run WHERE id = ?4) || "
		       "'\"'"
		       " WHERE run = ?1 AND state = 3",
		       DB(db_i(at), db_i(now_ms), db_i(INT64_MAX), db_i(run)));
		held_forget(q, at);
	}
}

void held_release(struct queue *q, int64_t delivery)
{
	db_run(q->db, "DELETE FROM meta WHERE name = 'held/' || ?1", DB(db_i(delivery)));
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * held.c - what may have been delivered before the database was lost (rule F4).
 *
 * A damaged database takes along what was delivered.  Reports that are older than that are taken again by the
 * next scan; sending them would be sending twice.  So their deliveries are parked as a whole, with these words,
 * until a person retries or drops them; what is newer flows.  Kept in meta: `damaged_ms`, and `held/ID` for each
 * such delivery, so that a further part of its run does not make it due. */
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
}

void held_release(struct queue *q, int64_t delivery)
{
	db_run(q->db, "DELETE FROM meta WHERE name = 'held/' || ?1", DB(db_i(delivery)));
}

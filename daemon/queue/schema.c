/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.c - the SQL text of the tables, as numbered migrations (PRAGMA user_version).
 *
 * How a million results become few rows: a chunk holds some hundred of them as compressed JSON lines
 * (`body`) beside a packed index of 48 bytes each (`idx`: identity, match keys, flags, references; see
 * chunk.h).  A result is named by one integer, its reference: part, chunk and place (chunk.h), so no row
 * stands for a result alone.  A `test` gathers the results of one identity in one run, an `item` is what
 * one delivery owes for one test and one case.  A migration that was released is never edited. */
#include "daemon/queue/schema.h"

#include "daemon/queue/db.h"

#include <errno.h>
#include <stdio.h>

static const char *const migrations[] = {
	/* 1: the first tables */
	"CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"

	/* ended: nothing more will come.  ready: parts made visible so far, which numbers them.  grouped,
	 * grouped_chunk: how far results were gathered into tests (ready number, then chunk).  next_no,
	 * agains: what numbers tests (with gaps) and their further results. */
	"CREATE TABLE run(id INTEGER PRIMARY KEY, key TEXT NOT NULL, seq INTEGER NOT NULL, name TEXT NOT "
	"NULL,"
	" token TEXT NOT NULL UNIQUE, variant TEXT, vars TEXT NOT NULL, source INTEGER NOT NULL, watch TEXT,"
	" backfill INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0, opened_ms INTEGER NOT NULL,"
	" last_part_ms INTEGER NOT NULL, ended_ms INTEGER, started_ms INTEGER,"
	" ready INTEGER NOT NULL DEFAULT 0, grouped INTEGER NOT NULL DEFAULT 0,"
	" grouped_chunk INTEGER NOT NULL DEFAULT 0, next_no INTEGER NOT NULL DEFAULT 1,"
	" agains INTEGER NOT NULL DEFAULT 0, tests INTEGER NOT NULL DEFAULT 0,"
	" passed INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0,"
	" failed INTEGER NOT NULL DEFAULT 0, error INTEGER NOT NULL DEFAULT 0,"
	" flaky INTEGER NOT NULL DEFAULT 0, known_failures INTEGER NOT NULL DEFAULT 0,"
	" duration_ms REAL NOT NULL DEFAULT 0, UNIQUE(key, seq));"
	"CREATE INDEX run_open ON run(id) WHERE ended = 0;"

	/* state: 0 loading, 1 ready */
	"CREATE TABLE part(id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id),"
	" state INTEGER NOT NULL, ready INTEGER, generation INTEGER NOT NULL, sha256 BLOB NOT NULL,"
	" path TEXT NOT NULL, kept TEXT, size INTEGER NOT NULL, begun_ms INTEGER NOT NULL,"
	" finished_ms INTEGER, format TEXT, complete INTEGER, suites INTEGER, cases INTEGER,"
	" passed INTEGER, failed INTEGER, error INTEGER, skipped INTEGER, flaky INTEGER,"
	" known_failures INTEGER, duration_ms REAL, started_ms INTEGER, warnings TEXT,"
	" chunks INTEGER NOT NULL DEFAULT 0, results INTEGER NOT NULL DEFAULT 0);"
	"CREATE UNIQUE INDEX part_ready ON part(run, ready) WHERE state = 1;"
	"CREATE INDEX part_loading ON part(run) WHERE state = 0;"
	"CREATE TABLE bad(id INTEGER PRIMARY KEY, run_key TEXT NOT NULL, path TEXT NOT NULL, kept TEXT,"
	" reason TEXT NOT NULL, at_ms INTEGER NOT NULL);"
	"CREATE TABLE seen(run_key TEXT NOT NULL, sha256 BLOB NOT NULL, generation INTEGER NOT NULL,"
	" run INTEGER NOT NULL, part INTEGER NOT NULL, last_ms INTEGER NOT NULL,"
	" PRIMARY KEY(run_key, sha256)) WITHOUT ROWID;"

	"CREATE TABLE chunk(id INTEGER PRIMARY KEY, format INTEGER NOT NULL, count INTEGER NOT NULL,"
	" raw INTEGER NOT NULL, idx BLOB NOT NULL, body BLOB NOT NULL);"
	"CREATE TABLE identity(run INTEGER NOT NULL, identity BLOB NOT NULL, no INTEGER NOT NULL,"
	" PRIMARY KEY(run, identity)) WITHOUT ROWID;"
	/* first, last: results by reference (last NULL: the first).  started: of the last. */
	"CREATE TABLE test(run INTEGER NOT NULL, no INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER,"
	" started INTEGER, flags INTEGER NOT NULL, PRIMARY KEY(run, no)) WITHOUT ROWID;"
	/* Further results of a test, in the order in which they came. */
	"CREATE TABLE again(run INTEGER NOT NULL, seq INTEGER NOT NULL, no INTEGER NOT NULL,"
	" result INTEGER NOT NULL, started INTEGER, PRIMARY KEY(run, seq)) WITHOUT ROWID;"
	"CREATE INDEX again_test ON again(run, no, seq);"

	/* The remote side as it was read.  mark counts full readings; what is not seen in one is gone. */
	"CREATE TABLE shelf(id INTEGER PRIMARY KEY, sink TEXT NOT NULL, kind TEXT NOT NULL,"
	" scope TEXT NOT NULL, mark INTEGER NOT NULL DEFAULT 0, UNIQUE(sink, kind, scope));"
	"CREATE TABLE remote(id INTEGER PRIMARY KEY, shelf INTEGER NOT NULL, rid TEXT NOT NULL, parent TEXT,"
	" name_key INTEGER, alias_key INTEGER, json TEXT, mark INTEGER NOT NULL, gone INTEGER NOT NULL,"
	" UNIQUE(shelf, rid));"
	"CREATE INDEX remote_alias ON remote(shelf, alias_key) WHERE alias_key IS NOT NULL;"
	"CREATE INDEX remote_name ON remote(shelf, name_key) WHERE name_key IS NOT NULL;"
	"CREATE TABLE facts(sink TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE block(scope TEXT PRIMARY KEY, until_ms INTEGER NOT NULL, reason TEXT) WITHOUT ROWID;"

	/* state: enum delivery_state.  resolved, resolved_again: tests and agains that have their items.
	 * epoch, linked: which bindings are part of the run over there.  n_*: items by state (n_owed:
	 * cases), kept up to date so that nobody counts. */
	"CREATE TABLE delivery(id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id),"
	" sink TEXT NOT NULL, state INTEGER NOT NULL, due_ms INTEGER NOT NULL, backfill INTEGER NOT NULL,"
	" since_ms INTEGER NOT NULL, settled_ms INTEGER, step TEXT, attempt INTEGER NOT NULL DEFAULT 0,"
	" requests INTEGER NOT NULL DEFAULT 0, bookmark TEXT, remote_id TEXT, url TEXT, reason TEXT,"
	" scope TEXT, matching INTEGER NOT NULL DEFAULT 0, by_title INTEGER NOT NULL DEFAULT 0,"
	" resolved INTEGER NOT NULL DEFAULT 0, resolved_again INTEGER NOT NULL DEFAULT 0,"
	" epoch INTEGER NOT NULL DEFAULT 1, linked INTEGER NOT NULL DEFAULT 0,"
	" n_owed INTEGER NOT NULL DEFAULT 0, n_unbound INTEGER NOT NULL DEFAULT 0,"
	" n_new INTEGER NOT NULL DEFAULT 0, n_parked INTEGER NOT NULL DEFAULT 0,"
	" n_ignored INTEGER NOT NULL DEFAULT 0, n_posted INTEGER NOT NULL DEFAULT 0, UNIQUE(run, sink));"
	"CREATE INDEX delivery_due ON delivery(sink, backfill, due_ms, id) WHERE state IN (0, 2);"
	"CREATE INDEX delivery_open ON delivery(sink) WHERE state <> 4;"
	"CREATE TABLE journal(id INTEGER PRIMARY KEY,"
	" delivery INTEGER NOT NULL REFERENCES delivery(id) ON DELETE CASCADE, at_ms INTEGER NOT NULL,"
	" step TEXT, attempt INTEGER NOT NULL, settle INTEGER NOT NULL, status INTEGER NOT NULL,"
	" requests INTEGER NOT NULL, text TEXT);"
	"CREATE INDEX journal_delivery ON journal(delivery, id);"
	/* What is on its way, or may have been.  rows: packed row and item ids (lots.c). */
	"CREATE TABLE intent(delivery INTEGER PRIMARY KEY REFERENCES delivery(id) ON DELETE CASCADE,"
	" step TEXT NOT NULL, kind INTEGER NOT NULL, rows BLOB, body BLOB, body_len INTEGER NOT NULL,"
	" sent_ms INTEGER NOT NULL, looks INTEGER NOT NULL DEFAULT 0, epoch INTEGER NOT NULL,"
	" again INTEGER NOT NULL);"
	/* probe: what is left of a batch of which some rows are tried alone; the words that refused them. */
	"CREATE TABLE lot(id INTEGER PRIMARY KEY,"
	" delivery INTEGER NOT NULL REFERENCES delivery(id) ON DELETE CASCADE, kind INTEGER NOT NULL,"
	" rows BLOB NOT NULL, probe TEXT);"
	"CREATE INDEX lot_delivery ON lot(delivery, kind, id);"

	/* id: test number and which of its cases (ITEM_CASE_BITS), so that items sort as their tests do.
	 * state: enum item_state.  posted_started: stamp of what was posted last. */
	"CREATE TABLE item(delivery INTEGER NOT NULL, id INTEGER NOT NULL, state INTEGER NOT NULL,"
	" remote INTEGER, place INTEGER, epoch INTEGER, posted INTEGER, posted_started INTEGER, rid TEXT,"
	" reason TEXT, PRIMARY KEY(delivery, id)) WITHOUT ROWID;"
	"CREATE INDEX item_owed ON item(delivery, id) WHERE state = 0;"
	"CREATE INDEX item_unbound ON item(delivery, id) WHERE state = 1;"
	"CREATE INDEX item_new ON item(delivery, id) WHERE state = 2;"
	"CREATE INDEX item_parked ON item(delivery, id) WHERE state = 3;"
	"CREATE INDEX item_remote ON item(delivery, remote, state, epoch) WHERE remote IS NOT NULL;"
	"CREATE INDEX item_place ON item(delivery, place, id) WHERE state = 1;"
	"CREATE TABLE place(id INTEGER PRIMARY KEY,"
	" delivery INTEGER NOT NULL REFERENCES delivery(id) ON DELETE CASCADE, parent INTEGER NOT NULL,"
	" key INTEGER NOT NULL, name TEXT NOT NULL, depth INTEGER NOT NULL, remote_id TEXT,"
	" parked INTEGER NOT NULL DEFAULT 0, UNIQUE(delivery, parent, key));"
	"CREATE INDEX place_open ON place(delivery, depth, id) WHERE remote_id IS NULL AND parked = 0;"
	/* Cases that the server will not create, by key: tests that share the key share the answer. */
	"CREATE TABLE refused(delivery INTEGER NOT NULL, key INTEGER NOT NULL, state INTEGER NOT NULL,"
	" reason TEXT, PRIMARY KEY(delivery, key)) WITHOUT ROWID;",

	/* 2: forgetting.  going: runs that are being removed.  seen.path: where the file was, so that a key
	 * is not forgotten while its file lies there. */
	"CREATE TABLE going(run INTEGER PRIMARY KEY);"
	"ALTER TABLE seen ADD COLUMN path TEXT;"
	"UPDATE seen SET path = (SELECT path FROM part WHERE id = seen.part);"
	"CREATE INDEX seen_last ON seen(last_ms);"
	"CREATE INDEX part_run ON part(run);"
	"CREATE INDEX part_kept ON part(kept) WHERE kept IS NOT NULL;",

	/* 3: evidence.  Its id holds its part as a chunk's does.  result: a reference; NULL: of the run.
	 * kept: the blob's name; origin, state: enums of model/evidence.h.  An attach is what one delivery
	 * owes for one evidence and one item (-1: for the run); state: enum attach_state, rid: the result over
	 * there, name: as it was sent, aid: what became of it there.  delivery.ev_part, ev_next: how far
	 * evidence was sorted (ready number of parts, then id); ev_*: attaches by state. */
	"CREATE TABLE evidence(id INTEGER PRIMARY KEY, run INTEGER NOT NULL, result INTEGER,"
	" origin INTEGER NOT NULL, state INTEGER NOT NULL, named TEXT NOT NULL, name TEXT, kept TEXT,"
	" type TEXT, reason TEXT, size INTEGER NOT NULL, sha256 BLOB);"
	"CREATE INDEX evidence_run ON evidence(run, state);"
	"CREATE INDEX evidence_awaited ON evidence(id) WHERE state = 1;"
	"CREATE INDEX evidence_kept ON evidence(kept, size) WHERE kept IS NOT NULL;"
	"CREATE TABLE attach(id INTEGER PRIMARY KEY, delivery INTEGER NOT NULL, evidence INTEGER NOT NULL,"
	" item INTEGER NOT NULL, state INTEGER NOT NULL, bad INTEGER NOT NULL, rid TEXT, name TEXT, aid TEXT,"
	" reason TEXT);"
	"CREATE INDEX attach_item ON attach(delivery, item, state);"
	"CREATE INDEX attach_state ON attach(delivery, state, id);"
	"CREATE INDEX attach_name ON attach(delivery, rid, name) WHERE name IS NOT NULL;"
	"CREATE INDEX attach_evidence ON attach(evidence);"
	"ALTER TABLE delivery ADD COLUMN ev_part INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE delivery ADD COLUMN ev_next INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE delivery ADD COLUMN ev_waiting INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE delivery ADD COLUMN ev_owed INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE delivery ADD COLUMN ev_awaited INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE delivery ADD COLUMN ev_parked INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE delivery ADD COLUMN ev_posted INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE delivery ADD COLUMN ev_ignored INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE delivery ADD COLUMN ev_found INTEGER NOT NULL DEFAULT 0;"
	/* What was delivered by a program that knew no evidence has none: nothing of it is looked at again. */
	"UPDATE delivery SET ev_part = (SELECT ready FROM run WHERE id = delivery.run);",

	/* 4: seen.bad: how much of the report had failed, for whoever brings it again. */
	"ALTER TABLE seen ADD COLUMN bad INTEGER NOT NULL DEFAULT 0;"
	"UPDATE seen SET bad = coalesce((SELECT max(failed + error - known_failures, 0) FROM part"
	" WHERE id = seen.part), 0);",

	/* 5: failures, over runs (failures.c).  rid: the fingerprint, which is also the id of a remote of kind
	 * "case".  streak: runs in a row that had it; passes: runs since then in which its tests passed.
	 * failure_test: some of its tests, by identity.  delivery.failing: its items are the failing tests of
	 * a run that has ended. */
	"CREATE TABLE failure(id INTEGER PRIMARY KEY, sink TEXT NOT NULL, scope TEXT NOT NULL,"
	" rid TEXT NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,"
	" last_run INTEGER NOT NULL, pass_run INTEGER NOT NULL DEFAULT 0, streak INTEGER NOT NULL,"
	" runs INTEGER NOT NULL, passes INTEGER NOT NULL DEFAULT 0, tests INTEGER NOT NULL DEFAULT 0,"
	" UNIQUE(sink, scope, rid));"
	"CREATE TABLE failure_test(failure INTEGER NOT NULL, identity BLOB NOT NULL,"
	" PRIMARY KEY(failure, identity)) WITHOUT ROWID;"
	"ALTER TABLE delivery ADD COLUMN failing INTEGER NOT NULL DEFAULT 0;",

	/* 6: what a tracker of defects has made of a run's failures, told to its results (links.c).  defect: the
	 * item (rid) of a test.  link: what one delivery owes for one item of its own and one defect; state:
	 * enum link_state.  delivery.lk_from: the sink whose defects it wants; NULL: none.  lk_next: defects
	 * up to this id have their links.  spent: requests that no delivery made, of sinks with a daily quota, and those
	 * of the last day that a forgotten delivery made (spent.c). */
	"CREATE TABLE defect(id INTEGER PRIMARY KEY, run INTEGER NOT NULL, no INTEGER NOT NULL,"
	" rid TEXT NOT NULL, url TEXT, state TEXT, UNIQUE(run, no, rid));"
	"CREATE INDEX defect_run ON defect(run, id);"
	"CREATE TABLE link(id INTEGER PRIMARY KEY, delivery INTEGER NOT NULL, item INTEGER NOT NULL,"
	" defect INTEGER NOT NULL, state INTEGER NOT NULL, reason TEXT, UNIQUE(delivery, item, defect));"
	"CREATE INDEX link_state ON link(delivery, state, item);"
	"ALTER TABLE delivery ADD COLUMN lk_from TEXT;"
	"ALTER TABLE delivery ADD COLUMN lk_next INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE spent(id INTEGER PRIMARY KEY, sink TEXT NOT NULL, at_ms INTEGER NOT NULL,"
	" requests INTEGER NOT NULL);",

	/* 7: what tells a flaky failure from one that stays, and an outage from single failures.  since_ms: when
	 * the streak began.  failed_at, passed_at: commits of its last failing and passing run.  flaky: both
	 * happened at one.  suite: where its tests of the last run stand, NULL where they stand in several. */
	"ALTER TABLE failure ADD COLUMN since_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE failure ADD COLUMN failed_at TEXT;"
	"ALTER TABLE failure ADD COLUMN passed_at TEXT;"
	"ALTER TABLE failure ADD COLUMN flaky INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE failure ADD COLUMN suite TEXT;"
	"CREATE INDEX failure_run ON failure(sink, scope, last_run, suite);"
	"UPDATE failure SET since_ms = first_ms;",

	/* 8: sources of small reports, compressed, in place of a file each; kept: the name that the file would
	 * have.  part.stored: their bytes; 0: the source is a file. */
	"CREATE TABLE source(part INTEGER PRIMARY KEY, kept TEXT NOT NULL, body BLOB NOT NULL);"
	"ALTER TABLE part ADD COLUMN stored INTEGER NOT NULL DEFAULT 0;",
};
enum { VERSION = sizeof(migrations) / sizeof(migrations[0]) };

int schema_version(void)
{
	return VERSION;
}

int schema_apply(struct db *db, bool *fresh, struct err *err)
{
	int64_t version = db_get(db, "PRAGMA user_version", DB_NOTHING, 0);

	if (db_failed(db, err) < 0)
		return db_failed(db, NULL);
	*fresh = version == 0;
	if (version > VERSION)
		return err_set(
			err, -ENOTSUP,
			"the state directory was written by a newer resultd (schema %lld, this one knows %d)",
			(long long)version, VERSION);
	for (int next = (int)version; next < VERSION; next++) {
		char stamp[64];
		(void)snprintf(stamp, sizeof(stamp), "PRAGMA user_version=%d", next + 1);
		db_begin(db);
		db_script(db, migrations[next]);
		db_script(db, stamp);
		if (db_commit(db) < 0)
			return db_failed(db, err);
	}
	return db_failed(db, err);
}

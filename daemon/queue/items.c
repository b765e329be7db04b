/* SPDX-License-Identifier: Apache-2.0
 *
 * items.c - what a delivery owes for one test and one case: states, and the counters that follow them.
 *
 * Invariant: delivery.n_* are the numbers of items by state, but n_owed counts cases, since that is what
 * fills a batch: several tests of one case are owed as one row. */
#include "daemon/queue/internal.h"

#include "daemon/base/clock.h"

#include <errno.h>
#include <stdio.h>

void items_save_tally(struct queue *q, struct tally *t)
{
	bool any = false;

	for (int i = 0; i < ITEM_STATES; i++)
		any = any || t->n[i] != 0;
	if (any)
		db_run(q->db,
		       "UPDATE delivery SET n_owed = n_owed + ?2, n_unbound = n_unbound + ?3,"
		       " n_new = n_new + ?4, n_parked = n_parked + ?5, n_posted = n_posted + ?6,"
		       " n_ignored = n_ignored + ?7 WHERE id = ?1",
		       DB(db_i(t->delivery), db_i(t->n[ITEM_OWED]), db_i(t->n[ITEM_UNBOUND]),
			  db_i(t->n[ITEM_NEW]), db_i(t->n[ITEM_PARKED]), db_i(t->n[ITEM_POSTED]),
			  db_i(t->n[ITEM_IGNORED])));
	*t = items_tally_of(t->delivery);
}

void items_read(struct db_stmt *s, int64_t delivery, struct item *out)
{
	*out = (struct item){ .delivery = delivery,
			      .id = db_int(s, 0),
			      .state = (enum item_state)db_int(s, 1),
			      .remote = db_int(s, 2),
			      .place = db_int(s, 3),
			      .posted = db_int(s, 4) != 0 };
}

bool items_get(struct queue *q, int64_t delivery, int64_t id, struct item *out)
{
	struct db_stmt *s =
		db_query(q->db, "SELECT " ITEM_COLUMNS " FROM item WHERE delivery = ?1 AND id = ?2",
			 DB(db_i(delivery), db_i(id)));
	bool there = db_row(s);

	if (there)
		items_read(s, delivery, out);
	db_end(s);
	return there;
}

/* Whether the delivery owes anything for the case now. */
static bool owes(struct queue *q, const struct item *item, int64_t remote)
{
	return db_get(q->db,
		      "SELECT 1 FROM item INDEXED BY item_remote WHERE delivery = ?1 AND remote = ?2"
		      " AND state = 0 LIMIT 1",
		      DB(db_i(item->delivery), db_i(remote)), 0) != 0;
}

static void leave(struct queue *q, struct tally *t, const struct item *item)
{
	/* Called after the item has moved: the case is owed no more when no other item says so. */
	if (item->state != ITEM_OWED || item->remote == 0 || !owes(q, item, item->remote))
		t->n[item->state]--;
}

static void enter(struct queue *q, struct tally *t, const struct item *item, enum item_state to,
		  int64_t remote)
{
	if (to != ITEM_OWED || remote == 0 || !owes(q, item, remote))
		t->n[to]++;
}

static struct db_value number(int64_t v)
{
	return v == 0 ? db_n() : db_i(v);
}

void items_add(struct queue *q, struct tally *t, const struct item *item, int64_t epoch)
{
	enter(q, t, item, item->state, item->remote);
	db_run(q->db,
	       "INSERT INTO item(delivery, id, state, remote, place, epoch) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	       DB(db_i(item->delivery), db_i(item->id), db_i(item->state), number(item->remote),
		  item->state == ITEM_UNBOUND ? db_i(item->place) : db_n(),
		  item->remote == 0 ? db_n() : db_i(epoch)));
}

void items_move(struct queue *q, struct tally *t, const struct item *item, enum item_state to,
		const char *reason)
{
	/* A case that nothing was posted for is not part of the run over there on this item's account. */
	bool forget = to == ITEM_NEW || (to == ITEM_PARKED && !item->posted);
	int64_t remote = forget ? 0 : item->remote;

	if (to == item->state)
		return;
	enter(q, t, item, to, remote);
	db_run(q->db, "UPDATE item SET state = ?3, remote = ?4, reason = ?5 WHERE delivery = ?1 AND id = ?2",
	       DB(db_i(item->delivery), db_i(item->id), db_i(to), number(remote), db_s(reason)));
	leave(q, t, item);
	if (to == ITEM_IGNORED)
		attach_ignored(q, item->delivery, item->id,
			       reason != NULL ? reason : "its result is not sent");
}

void items_post(struct queue *q, struct tally *t, const struct item *item, int64_t started_ms,
		const char *rid)
{
	enter(q, t, item, ITEM_POSTED, item->remote);
	db_run(q->db,
	       "UPDATE item SET state = 4, posted = 1, posted_started = ?3, rid = coalesce(?4, rid),"
	       " reason = NULL WHERE delivery = ?1 AND id = ?2",
	       DB(db_i(item->delivery), db_i(item->id),
		  started_ms == TIME_UNKNOWN ? db_n() : db_i(started_ms), db_s(rid)));
	leave(q, t, item);
	attach_posted(q, item->delivery, item->id, rid);
}

void items_bind(struct queue *q, struct tally *t, const struct item *item, int64_t remote)
{
	enter(q, t, item, ITEM_OWED, remote);
	db_run(q->db,
	       "UPDATE item SET state = 0, remote = ?3, place = NULL, reason = NULL,"
	       " epoch = (SELECT epoch FROM delivery WHERE id = ?1) WHERE delivery = ?1 AND id = ?2",
	       DB(db_i(item->delivery), db_i(item->id), db_i(remote)));
	leave(q, t, item);
}

/* How many items of the case in this state became new. */
static unsigned release(struct queue *q, struct tally *t, int64_t remote, enum item_state state)
{
	struct item item;
	unsigned n = 0;

	for (;; n++) {
		struct db_stmt *s = db_query(q->db,
					     "SELECT " ITEM_COLUMNS " FROM item INDEXED BY item_remote"
					     " WHERE delivery = ?1 AND remote = ?2 AND state = ?3 LIMIT 1",
					     DB(db_i(t->delivery), db_i(remote), db_i(state)));
		bool there = db_row(s);
		if (there)
			items_read(s, t->delivery, &item);
		db_end(s);
		if (!there)
			return n;
		items_move(q, t, &item, ITEM_NEW, NULL);
		db_run(q->db,
		       "UPDATE item SET posted = NULL, posted_started = NULL, rid = NULL"
		       " WHERE delivery = ?1 AND id = ?2",
		       DB(db_i(t->delivery), db_i(item.id)));
	}
}

void items_release(struct queue *q, int64_t delivery, int64_t remote)
{
	struct tally t = items_tally_of(delivery);

	/* Results went with their case: who needs another one takes those along that stood beside it. */
	if (release(q, &t, remote, ITEM_OWED) > 0)
		release(q, &t, remote, ITEM_POSTED);
	items_save_tally(q, &t);
}

void items_owe_posted(struct queue *q, int64_t delivery, const char *parent, struct tally *t)
{
#define OF_PARENT " AND (?2 IS NULL OR (SELECT parent FROM remote WHERE id = item.remote) = ?2)"
	static const char cases[] = "SELECT count(DISTINCT remote) + count(*) - count(remote) FROM item"
				    " INDEXED BY item_owed WHERE delivery = ?1 AND state = 0";
	int64_t before = db_get(q->db, cases, DB(db_i(delivery)), 0);

	/* What is owed counts cases, so it is counted before and after. */
	db_run(q->db,
	       "UPDATE item SET state = 0, posted = NULL, posted_started = NULL, rid = NULL"
	       " WHERE delivery = ?1 AND state = 4" OF_PARENT,
	       DB(db_i(delivery), db_s(parent)));
	t->n[ITEM_POSTED] -= db_changes(q->db);
	t->n[ITEM_OWED] += db_get(q->db, cases, DB(db_i(delivery)), 0) - before;
	db_run(q->db,
	       "UPDATE item SET posted = NULL, posted_started = NULL WHERE delivery = ?1 AND posted = "
	       "1" OF_PARENT,
	       DB(db_i(delivery), db_s(parent)));
#undef OF_PARENT
}

int64_t items_key(struct queue *q, int64_t run, int64_t id, bool by_title, struct chunk_entry *entry)
{
	int64_t first = db_get(q->db, "SELECT first FROM test WHERE run = ?1 AND no = ?2",
			       DB(db_i(run), db_i(item_test(id))), 0);

	if (first == 0 || !store_entry(q, first, entry))
		return 0;
	return by_title ? entry->title_key : entry->auto_key;
}

int brief_get(struct queue *q, int64_t delivery, struct brief *out, struct err *err)
{
	struct db_stmt *s =
		db_query(q->db,
			 "SELECT run, resolved, resolved_again, epoch, linked, n_owed,"
			 " n_unbound, n_new, n_parked, n_posted, n_ignored, sink,"
			 " coalesce(scope, ''), matching, by_title, state, ev_waiting, ev_owed,"
			 " ev_awaited, ev_parked, ev_posted, ev_ignored, ev_found, ev_part, ev_next, failing,"
			 " lk_from IS NOT NULL, lk_next"
			 " FROM delivery WHERE id = ?1",
			 DB(db_i(delivery)));
	*out = (struct brief){ .id = delivery };
	if (!db_row(s))
		return db_failed(q->db, err) < 0
			       ? db_failed(q->db, NULL)
			       : err_set(err, -ENOENT, "there is no delivery %lld", (long long)delivery);
	out->run = db_int(s, 0);
	out->resolved = db_int(s, 1);
	out->resolved_again = db_int(s, 2);
	out->epoch = db_int(s, 3);
	out->linked = db_int(s, 4);
	out->n[ITEM_OWED] = db_int(s, 5);
	out->n[ITEM_UNBOUND] = db_int(s, 6);
	out->n[ITEM_NEW] = db_int(s, 7);
	out->n[ITEM_PARKED] = db_int(s, 8);
	out->n[ITEM_POSTED] = db_int(s, 9);
	out->n[ITEM_IGNORED] = db_int(s, 10);
	(void)snprintf(out->sink, sizeof(out->sink), "%s", db_text(s, 11));
	(void)snprintf(out->scope, sizeof(out->scope), "%s", db_text(s, 12));
	out->matching = db_int(s, 13) != 0;
	out->by_title = db_int(s, 14) != 0;
	out->state = (enum delivery_state)db_int(s, 15);
	for (int i = 0; i < ATTACH_STATES; i++) /* in the order of enum attach_state */
		out->ev[i] = db_int(s, 16 + i);
	out->ev_part = db_int(s, 16 + ATTACH_STATES);
	out->ev_next = db_int(s, 17 + ATTACH_STATES);
	out->failing = db_int(s, 18 + ATTACH_STATES) != 0;
	out->links = db_int(s, 19 + ATTACH_STATES) != 0;
	out->links_next = db_int(s, 20 + ATTACH_STATES);
	db_end(s);
	return 0;
}

bool items_unseen(struct queue *q, int64_t delivery)
{
	return db_get(q->db,
		      "SELECT (d.failing = 0 OR r.ended = 1) AND"
		      " (r.grouped < r.ready OR d.resolved < r.next_no - 1"
		      " OR d.resolved_again < r.agains OR d.ev_part < r.ready OR d.ev_found > 0) FROM "
		      "delivery d JOIN run r ON r.id = d.run"
		      " WHERE d.id = ?1",
		      DB(db_i(delivery)), 0) != 0 ||
	       links_unseen(q, delivery);
}

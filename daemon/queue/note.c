/* SPDX-License-Identifier: Apache-2.0
 *
 * note.c - what an answer taught, written down in one transaction before the next request leaves.
 *
 * Rows of the intent that are not mentioned need nothing: they never stopped being owed, the intent only
 * lists them.  So an intent that is over is simply deleted. */
#include "daemon/queue/internal.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <stdlib.h>

enum {
	JOURNAL_MAX = 2000,    /* entries kept of one delivery */
	OWED_STILL_MS = 60000, /* a delivery said to be settled which owes something: looked at again */
	BIND_NOW = 2048,       /* further items of a key that are bound at once; the others when offered */
	ARGS_MAX = 512 << 20,
};

struct note_op {
	struct done_op base;
	int64_t delivery;
	struct note note;
	struct owed saw;
	struct arena arena;
	struct learned learned;
	bool too_large;
};

struct noting {
	struct queue *q;
	struct brief d;
	struct tally tally;
	bool intent;
	enum rows_kind kind;
	int64_t epoch, again; /* of the intent */
	struct packed_rows rows;
	struct arena arena;
};

/* ---- rows ---- */

/* The result that decides now: what was posted carries its stamp. */
static int64_t started_of(struct noting *n, int64_t item)
{
	return db_get(n->q->db, "SELECT started FROM test WHERE run = ?1 AND no = ?2",
		      DB(db_i(n->d.run), db_i(item_test(item))), TIME_UNKNOWN);
}

/* Whether a result came after the rows were frozen, so that what was posted is not the last word. */
static bool newer(struct noting *n, int64_t item)
{
	if (!n->intent || n->again >= n->d.resolved_again)
		return false;
	return db_get(n->q->db,
		      "SELECT 1 FROM again WHERE run = ?1 AND no = ?2 AND seq > ?3 AND seq <= ?4 LIMIT 1",
		      DB(db_i(n->d.run), db_i(item_test(item)), db_i(n->again), db_i(n->d.resolved_again)),
		      0) != 0;
}

static void settle_item(struct noting *n, const struct item *item, const struct learned_item *l)
{
	switch (l->what) {
	case LEARNED_POSTED:
		items_post(n->q, &n->tally, item, started_of(n, item->id), l->id);
		if (n->d.failing && l->id != NULL && l->text != NULL)
			links_found(n->q, n->d.run, item_test(item->id), l->id, l->text, l->name);
		if (newer(n, item->id)) {
			struct item posted = *item;
			posted.state = ITEM_POSTED;
			posted.posted = true;
			items_move(n->q, &n->tally, &posted, ITEM_OWED, NULL);
		}
		break;
	case LEARNED_PARKED:
		items_move(n->q, &n->tally, item, ITEM_PARKED, l->text);
		break;
	case LEARNED_IGNORED:
		items_move(n->q, &n->tally, item, ITEM_IGNORED, l->text);
		break;
	case LEARNED_UNMATCH:
		items_move(n->q, &n->tally, item, ITEM_NEW, NULL);
		break;
	case LEARNED_REMOTE:
	case LEARNED_GONE:
	case LEARNED_LIST_BEGIN:
	case LEARNED_LIST_END:
	case LEARNED_PLACE:
	case LEARNED_CASE:
	case LEARNED_LINKED:
	case LEARNED_RUN_GONE:
		break;
	}
}

/* All that is owed for the case of an item: a row that no intent has listed.  Each call of settle_item()
 * takes its item out of what is owed, so the first ones are always new. */
static void settle_case(struct noting *n, const struct item *first, const struct learned_item *l)
{
	struct item item[256];
	size_t count;

	do {
		count = 0;
		struct db_stmt *s = db_query(n->q->db,
					     "SELECT " ITEM_COLUMNS " FROM item INDEXED BY item_remote"
					     " WHERE delivery = ?1 AND remote = ?2 AND state = 0 LIMIT 256",
					     DB(db_i(n->d.id), db_i(first->remote)));
		while (count < 256 && db_row(s))
			items_read(s, n->d.id, &item[count++]);
		db_end(s);
		for (size_t i = 0; i < count; i++)
			settle_item(n, &item[i], l);
	} while (count == 256 && db_failed(n->q->db, NULL) == 0);
}

/* Everything that waits beneath a place which cannot be made. */
static void settle_place(struct noting *n, int64_t place, const struct learned_item *l)
{
	struct db *db = n->q->db;
	struct item item[256];
	int64_t last = -1;
	size_t count;

	if (l->what != LEARNED_PARKED && l->what != LEARNED_IGNORED)
		return;
	db_run(db,
	       "WITH RECURSIVE below(id) AS (SELECT id FROM place WHERE id = ?1 AND delivery = ?2"
	       " UNION SELECT p.id FROM place p JOIN below b ON p.parent = b.id WHERE p.delivery = ?2)"
	       " UPDATE place SET parked = 1 WHERE id IN (SELECT id FROM below)",
	       DB(db_i(place), db_i(n->d.id)));
	do {
		count = 0;
		struct db_stmt *s = db_query(db,
					     "SELECT " ITEM_COLUMNS " FROM item i INDEXED BY item_unbound"
					     " WHERE delivery = ?1 AND state = 1 AND id > ?2"
					     " AND (SELECT parked FROM place WHERE id = i.place) = 1"
					     " ORDER BY id LIMIT 256",
					     DB(db_i(n->d.id), db_i(last)));
		while (count < 256 && db_row(s))
			items_read(s, n->d.id, &item[count++]);
		db_end(s);
		for (size_t i = 0; i < count; i++) {
			settle_item(n, &item[i], l);
			last = item[i].id;
		}
	} while (count == 256 && db_failed(db, NULL) == 0);
}

/* A case that will not be made: other tests with its key are told the same when they are offered. */
static void refuse_key(struct noting *n, int64_t item, const struct learned_item *l)
{
	struct chunk_entry e;
	int64_t key = items_key(n->q, n->d.run, item, n->d.by_title, &e);

	if (key != 0 && (l->what == LEARNED_PARKED || l->what == LEARNED_IGNORED))
		db_run(n->q->db,
		       "INSERT INTO refused(delivery, key, state, reason) VALUES(?1, ?2, ?3, ?4)"
		       " ON CONFLICT(delivery, key) DO UPDATE SET state = ?3, reason = ?4",
		       DB(db_i(n->d.id), db_i(key),
			  db_i(l->what == LEARNED_PARKED ? ITEM_PARKED : ITEM_IGNORED), db_s(l->text)));
}

static void settle_attach(struct noting *n, int64_t attach, const struct learned_item *l)
{
	enum attach_state to = l->what == LEARNED_POSTED   ? ATTACH_POSTED
			       : l->what == LEARNED_PARKED ? ATTACH_PARKED
							   : ATTACH_IGNORED;

	if (l->what == LEARNED_POSTED || l->what == LEARNED_PARKED || l->what == LEARNED_IGNORED)
		attach_move(n->q, n->d.id, attach, ATTACH_OWED, to, l->id, l->text);
}

static void settle_links(struct noting *n, const struct packed_row *row, const struct learned_item *l)
{
	enum link_state to = l->what == LEARNED_POSTED   ? LINK_POSTED
			     : l->what == LEARNED_PARKED ? LINK_PARKED
							 : LINK_IGNORED;

	if (l->what != LEARNED_POSTED && l->what != LEARNED_PARKED && l->what != LEARNED_IGNORED)
		return;
	for (size_t i = 0; row != NULL && i < row->count; i++)
		links_settle(n->q, n->d.id, row->item[i], to, l->text);
	if (row == NULL)
		links_settle_row(n->q, n->d.id, link_of_row(l->row), to, l->text);
}

static void settle_row(struct noting *n, const struct learned_item *l)
{
	const struct packed_row *row = packed_find(&n->rows, l->row);
	struct item item;

	if (l->of_test) {
		if (items_get(n->q, n->d.id, l->test, &item) && item.state == ITEM_OWED)
			settle_item(n, &item, l);
		return;
	}
	if (l->row < 0) {
		settle_place(n, row_of_place(l->row), l);
		return;
	}
	if (row_is_attach(l->row)) {
		settle_attach(n, attach_of_row(l->row), l);
		return;
	}
	if (row_is_link(l->row)) {
		settle_links(n, row, l);
		return;
	}
	if (row != NULL) {
		for (size_t i = 0; i < row->count; i++) {
			if (!items_get(n->q, n->d.id, row->item[i], &item))
				continue;
			if (item.state == ITEM_UNBOUND)
				refuse_key(n, item.id, l);
			if (item.state == ITEM_OWED || item.state == ITEM_UNBOUND)
				settle_item(n, &item, l);
		}
		return;
	}
	if (!items_get(n->q, n->d.id, l->row, &item))
		return;
	if (item.state == ITEM_UNBOUND) {
		refuse_key(n, item.id, l);
		settle_item(n, &item, l);
	} else if (item.state == ITEM_OWED && item.remote != 0) {
		settle_case(n, &item, l);
	} else if (item.state == ITEM_OWED) {
		settle_item(n, &item, l);
	}
}

/* ---- what was made over there ---- */

static void made_place(struct noting *n, const struct learned_item *l)
{
	struct db *db = n->q->db;
	int64_t place = row_of_place(l->row);
	char *parent = NULL, *name = NULL;

	if (l->id == NULL || l->row >= 0)
		return;
	struct db_stmt *s = db_query(db,
				     "SELECT p.name, parent.remote_id FROM place p LEFT JOIN place parent"
				     " ON parent.id = p.parent WHERE p.id = ?1 AND p.delivery = ?2",
				     DB(db_i(place), db_i(n->d.id)));
	if (db_row(s)) {
		name = xstrdup(db_text(s, 0));
		parent = xstrdup(db_null(s, 1) ? "" : db_text(s, 1));
	}
	db_end(s);
	if (name != NULL) {
		db_run(db, "UPDATE place SET remote_id = ?2 WHERE id = ?1", DB(db_i(place), db_s(l->id)));
		struct remote_spec spec = { .rid = l->id,
					    .parent = parent,
					    .name_key = match_key_in(n->q->digest, parent, name) };
		remote_put(n->q, remote_shelf(n->q, n->d.sink, "section", n->d.scope, true), &spec, true);
	}
	free(name);
	free(parent);
}

/* Neighbours with the same key (parameters of one test) are bound at once. */
static void bind_same_key(struct noting *n, int64_t key, int64_t after, int64_t remote)
{
	struct item item[256];
	unsigned looked = 0;
	size_t count;

	do {
		count = 0;
		struct db_stmt *s = db_query(n->q->db,
					     "SELECT " ITEM_COLUMNS " FROM item INDEXED BY item_unbound"
					     " WHERE delivery = ?1 AND state = 1 AND id > ?2"
					     " ORDER BY id LIMIT 256",
					     DB(db_i(n->d.id), db_i(after)));
		while (count < 256 && db_row(s))
			items_read(s, n->d.id, &item[count++]);
		db_end(s);
		bool any = false;
		for (size_t i = 0; i < count; i++) {
			struct chunk_entry e;
			after = item[i].id;
			if (items_key(n->q, n->d.run, item[i].id, n->d.by_title, &e) != key)
				continue;
			items_bind(n->q, &n->tally, &item[i], remote);
			any = true;
		}
		looked += (unsigned)count;
		if (!any) /* they stand together or far away */
			return;
	} while (count == 256 && looked < BIND_NOW && db_failed(n->q->db, NULL) == 0);
}

static void made_case(struct noting *n, const struct learned_item *l)
{
	struct chunk_entry e = { 0 };
	struct item item;
	char *parent = NULL;

	if (l->id == NULL || !items_get(n->q, n->d.id, l->row, &item) || item.state != ITEM_UNBOUND)
		return;
	struct db_stmt *s =
		db_query(n->q->db, "SELECT remote_id FROM place WHERE id = ?1", DB(db_i(item.place)));
	if (db_row(s))
		parent = xstrdup(db_text(s, 0));
	db_end(s);
	int64_t key = items_key(n->q, n->d.run, item.id, n->d.by_title, &e);
	struct remote_spec spec = {
		.rid = l->id, .parent = parent, .name_key = e.title_key, .alias_key = e.auto_key
	};
	int64_t remote =
		remote_put(n->q, remote_shelf(n->q, n->d.sink, "case", n->d.scope, true), &spec, true);
	free(parent);
	if (remote == 0)
		return;
	items_bind(n->q, &n->tally, &item, remote);
	if (key != 0)
		bind_same_key(n, key, item.id, remote);
}

static void learn_remote(struct noting *n, const struct learned_item *l)
{
	const char *kind = l->kind == NULL ? "" : l->kind;
	int64_t shelf = remote_shelf(n->q, n->d.sink, kind, l->scope == NULL ? "" : l->scope, true);
	const char *parent = l->parent == NULL ? "" : l->parent;
	/* Cases are found by name wherever they lie, everything else by parent and name. */
	struct remote_spec spec = {
		.rid = l->id,
		.parent = l->parent,
		.json = l->json,
		.name_key = strcmp(kind, "case") == 0 ? match_key(n->q->digest, l->name)
						      : match_key_in(n->q->digest, parent, l->name),
		.alias_key = match_key(n->q->digest, l->alias),
	};

	if (l->id != NULL)
		remote_put(n->q, shelf, &spec, false);
}

static void learn(struct noting *n, const struct learned_item *l)
{
	struct queue *q = n->q;
	const char *kind = l->kind == NULL ? "" : l->kind, *scope = l->scope == NULL ? "" : l->scope;

	switch (l->what) {
	case LEARNED_REMOTE:
		learn_remote(n, l);
		break;
	case LEARNED_GONE: {
		int64_t shelf = remote_shelf(q, n->d.sink, kind, scope, false);
		int64_t remote = shelf == 0 || l->id == NULL ? 0 : remote_find(q, shelf, l->id);
		items_save_tally(q, &n->tally); /* what is owed decides where it is looked for */
		if (remote != 0)
			remote_gone(q, n->d.sink, remote);
		break;
	}
	case LEARNED_LIST_BEGIN:
		remote_list_begin(q, remote_shelf(q, n->d.sink, kind, scope, true));
		break;
	case LEARNED_LIST_END:
		items_save_tally(q, &n->tally);
		remote_list_end(q, n->d.sink, remote_shelf(q, n->d.sink, kind, scope, true));
		break;
	case LEARNED_PLACE:
		made_place(n, l);
		break;
	case LEARNED_CASE:
		made_case(n, l);
		break;
	case LEARNED_LINKED:
		if (n->intent && n->kind == ROWS_LINKS) {
			db_run(q->db, "UPDATE delivery SET linked = max(linked, ?2) WHERE id = ?1",
			       DB(db_i(n->d.id), db_i(n->epoch)));
		} else {
			db_run(q->db, "UPDATE delivery SET linked = epoch, epoch = epoch + 1 WHERE id = ?1",
			       DB(db_i(n->d.id)));
		}
		break;
	case LEARNED_RUN_GONE:
		if (l->parent == NULL)
			db_run(q->db,
			       "UPDATE delivery SET linked = 0, remote_id = NULL, url = NULL WHERE id = ?1",
			       DB(db_i(n->d.id)));
		items_owe_posted(q, n->d.id, l->parent, &n->tally);
		attach_run_gone(q, n->d.id, l->parent);
		links_run_gone(q, n->d.id, l->parent);
		break;
	case LEARNED_POSTED:
	case LEARNED_PARKED:
	case LEARNED_IGNORED:
	case LEARNED_UNMATCH:
		settle_row(n, l);
		break;
	}
}

/* ---- settling ---- */

static void read_intent(struct noting *n)
{
	struct db_stmt *s =
		db_query(n->q->db, "SELECT kind, rows, epoch, again FROM intent WHERE delivery = ?1",
			 DB(db_i(n->d.id)));

	if (db_row(s)) {
		size_t len;
		const void *blob = db_blob(s, 1, &len);
		n->intent = true;
		n->kind = (enum rows_kind)db_int(s, 0);
		n->epoch = db_int(s, 2);
		n->again = db_int(s, 3);
		if (packed_read(blob, len, &n->arena, &n->rows) < 0)
			n->rows.count = 0;
	}
	db_end(s);
}

/* The rows of the intent that are still open are halved; one that stands alone is the culprit. */
static void split(struct noting *n, const char *reason)
{
	struct packed_rows open = { .row = arena_calloc(&n->arena, n->rows.count, sizeof(*open.row)) };

	for (size_t i = 0; i < n->rows.count && open.row != NULL; i++)
		if (lots_row_open(n->q, n->d.id, n->kind, &n->rows.row[i]))
			open.row[open.count++] = n->rows.row[i];
	if (open.count > 1) {
		lots_split(n->q, n->d.id, n->kind, &open);
	} else if (open.count == 1) {
		struct learned_item culprit = { .what = LEARNED_PARKED,
						.row = open.row[0].row,
						.text = reason };
		struct packed_rows group;
		settle_row(n, &culprit);
		if (lots_probed(n->q, n->d.id, n->kind, reason != NULL ? reason : "", &n->arena, &group)) {
			/* settle_row() reads rows of the intent: these take their place. */
			n->rows = group;
			for (size_t i = 0; i < group.count; i++) {
				culprit.row = group.row[i].row;
				settle_row(n, &culprit);
			}
		}
		lots_trim(n->q, n->d.id, n->kind);
	}
}

static void end_intent(struct noting *n)
{
	if (n->intent)
		db_run(n->q->db, "DELETE FROM intent WHERE delivery = ?1", DB(db_i(n->d.id)));
}

/* What `delivered` is in truth: a part may have come in between, something may be parked. */
static void settle_delivered(struct noting *n, const struct note *note)
{
	struct db *db = n->q->db;
	bool unseen = items_unseen(n->q, n->d.id);
	struct brief now;

	if (brief_get(n->q, n->d.id, &now, NULL) < 0)
		return;
	if (unseen)
		db_run(db,
		       "UPDATE delivery SET state = 0, due_ms = ?2, attempt = 0, reason = NULL WHERE id = ?1",
		       DB(db_i(n->d.id), db_i(note->now_ms)));
	else if (now.n[ITEM_OWED] + now.n[ITEM_UNBOUND] + now.n[ITEM_NEW] + now.ev[ATTACH_OWED] +
			 now.ev[ATTACH_AWAITED] + links_owed(n->q, n->d.id) >
		 0)
		db_run(db,
		       "UPDATE delivery SET state = 0, due_ms = ?2, attempt = 0, reason = ?3 WHERE id = ?1",
		       DB(db_i(n->d.id), db_i(note->now_ms + OWED_STILL_MS),
			  db_s("results or files are owed still")));
	else
		/* Tests and files say why they are parked; of a defect that could not be told this is the place. */
		db_run(db,
		       "UPDATE delivery SET state = ?2, settled_ms = ?3, attempt = 0, reason = coalesce(?4,"
		       " (SELECT 'a defect cannot be told: ' || coalesce(reason, 'no reason is known') FROM "
		       "link"
		       " INDEXED BY link_state WHERE delivery = ?1 AND state = 1 LIMIT 1)),"
		       " due_ms = ?5 WHERE id = ?1",
		       DB(db_i(n->d.id),
			  db_i(now.n[ITEM_PARKED] + now.ev[ATTACH_PARKED] + links_parked(n->q, n->d.id) > 0
				       ? DELIVERY_PARKED
				       : DELIVERY_DELIVERED),
			  db_i(note->now_ms), db_s(note->reason), db_i(INT64_MAX)));
}

/* Whether what is waited for has come between the look and this note: it made the delivery due, and to wait
 * must not undo that. */
static bool has_come(struct noting *n, const struct note *note)
{
	const struct owed *saw = note->saw;
	struct owed now;

	if (saw == NULL || owed_fill(n->q, n->d.id, &now, NULL) < 0)
		return false;
	return now.unseen != saw->unseen || now.run_ended != saw->run_ended ||
	       now.parts_loading != saw->parts_loading || now.evidence_owed != saw->evidence_owed ||
	       now.evidence_awaited != saw->evidence_awaited || now.links_owed != saw->links_owed ||
	       now.links_awaited != saw->links_awaited;
}

static void settle(struct noting *n, const struct note *note)
{
	struct db *db = n->q->db;

	if (n->d.state == DELIVERY_DROPPED) {
		/* Given up while an answer was on its way: what it taught is kept, the decision stands. */
		if (note->settle != SETTLE_KEEP)
			end_intent(n);
		return;
	}
	switch (note->settle) {
	case SETTLE_GO_ON:
		end_intent(n);
		db_run(db,
		       "UPDATE delivery SET state = 0, due_ms = ?2, attempt = 0, reason = ?3 WHERE id = ?1",
		       DB(db_i(n->d.id), db_i(note->now_ms), db_s(note->reason)));
		break;
	case SETTLE_SPLIT:
		split(n, note->reason);
		end_intent(n);
		db_run(db,
		       "UPDATE delivery SET state = 0, due_ms = ?2, attempt = 0, reason = ?3 WHERE id = ?1",
		       DB(db_i(n->d.id), db_i(note->now_ms), db_s(note->reason)));
		break;
	case SETTLE_WAIT:
		end_intent(n);
		db_run(db, "UPDATE delivery SET state = 0, due_ms = ?2, reason = ?3 WHERE id = ?1",
		       DB(db_i(n->d.id), db_i(has_come(n, note) ? note->now_ms : note->due_ms),
			  db_s(note->reason)));
		break;
	case SETTLE_KEEP:
		db_run(db, "UPDATE intent SET looks = looks + 1 WHERE delivery = ?1", DB(db_i(n->d.id)));
		db_run(db, "UPDATE delivery SET state = 2, due_ms = ?2, reason = ?3 WHERE id = ?1",
		       DB(db_i(n->d.id), db_i(note->due_ms), db_s(note->reason)));
		break;
	case SETTLE_PARK:
		end_intent(n);
		db_run(db,
		       "UPDATE delivery SET state = 3, settled_ms = ?2, reason = ?3, due_ms = ?4 WHERE id = "
		       "?1",
		       DB(db_i(n->d.id), db_i(note->now_ms), db_s(note->reason), db_i(INT64_MAX)));
		break;
	case SETTLE_DELIVERED:
		end_intent(n);
		settle_delivered(n, note);
		break;
	}
}

static void journal(struct noting *n, const struct note *note)
{
	struct db *db = n->q->db;

	db_run(db,
	       "INSERT INTO journal(delivery, at_ms, step, attempt, settle, status, requests, text)"
	       " SELECT id, ?2, ?3, attempt, ?4, ?5, ?6, ?7 FROM delivery WHERE id = ?1",
	       DB(db_i(n->d.id), db_i(note->now_ms), db_s(note->step), db_i(note->settle), db_i(note->status),
		  db_i(note->requests), db_s(note->reason)));
	int64_t id = db_last_id(db);
	if (id % 256 == 0)
		db_run(db,
		       "DELETE FROM journal WHERE delivery = ?1 AND id <= (SELECT id FROM journal"
		       " WHERE delivery = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
		       DB(db_i(n->d.id), db_i(JOURNAL_MAX)));
}

static int note_work(struct queue *q, struct op *op, struct err *err)
{
	struct note_op *o = (struct note_op *)op;
	const struct note *note = &o->note;
	struct noting n = { .q = q, .arena = ARENA_LIMIT(SIZE_MAX / 2) };
	int rc = brief_get(q, o->delivery, &n.d, err);

	if (rc < 0)
		return rc;
	if (o->too_large)
		return err_set(err, -E2BIG, "what one answer taught does not fit into memory");
	n.tally = items_tally_of(n.d.id);
	read_intent(&n);
	journal(&n, note);
	for (size_t i = 0; i < o->learned.count && db_failed(q->db, NULL) == 0; i++)
		learn(&n, &o->learned.item[i]);
	db_run(q->db,
	       "UPDATE delivery SET bookmark = coalesce(?2, bookmark), remote_id = coalesce(?3, remote_id),"
	       " url = coalesce(?4, url), requests = requests + ?5, step = ?6 WHERE id = ?1",
	       DB(db_i(n.d.id), db_s(note->bookmark), db_s(o->learned.remote_id), db_s(o->learned.url),
		  db_i(note->requests), db_s(note->step)));
	if (o->learned.remote_id != NULL)
		attach_run_known(q, n.d.id);
	if (note->facts != NULL)
		db_run(q->db,
		       "INSERT INTO facts(sink, json) VALUES(?1, ?2) ON CONFLICT(sink) DO UPDATE SET json = "
		       "?2",
		       DB(db_s(n.d.sink), db_s(note->facts)));
	if (n.intent && note->settle != SETTLE_SPLIT && note->settle != SETTLE_KEEP)
		lots_trim(q, n.d.id, n.kind);
	if (note->settle == SETTLE_DELIVERED)
		items_save_tally(q, &n.tally); /* the counters decide */
	settle(&n, note);
	items_save_tally(q, &n.tally);
	if (note->settle != SETTLE_GO_ON && note->settle != SETTLE_SPLIT)
		links_wake(q, n.d.run, n.d.sink, note->now_ms);
	arena_done(&n.arena);
	return 0;
}

static void note_drop(struct op *op)
{
	arena_done(&((struct note_op *)op)->arena);
}

static const char *copy(struct note_op *o, const char *s)
{
	const char *c = arena_strdup(&o->arena, s);

	if (s != NULL && c == NULL)
		o->too_large = true;
	return c;
}

static void copy_learned(struct note_op *o, const struct learned *l)
{
	struct learned_item *item = arena_calloc(&o->arena, l->count, sizeof(*item));

	if (item == NULL) {
		o->too_large = true;
		return;
	}
	for (size_t i = 0; i < l->count; i++) {
		const struct learned_item *from = &l->item[i];
		item[i] = (struct learned_item){
			.what = from->what,
			.of_test = from->of_test,
			.row = from->row,
			.test = from->test,
			.kind = copy(o, from->kind),
			.scope = copy(o, from->scope),
			.id = copy(o, from->id),
			.parent = copy(o, from->parent),
			.name = copy(o, from->name),
			.alias = copy(o, from->alias),
			.json = copy(o, from->json),
			.text = copy(o, from->text),
		};
	}
	o->learned.item = item;
	o->learned.count = l->count;
	o->learned.remote_id = copy(o, l->remote_id);
	o->learned.url = copy(o, l->url);
}

void queue_note(struct queue *q, int64_t delivery, const struct note *note, queue_done_fn *done, void *cookie)
{
	struct note_op *o = op_new(sizeof(*o), OP_WRITE | OP_PRESS, note_work, done_answer, note_drop);

	o->base.done = done;
	o->base.cookie = cookie;
	o->delivery = delivery;
	o->arena = ARENA_LIMIT(ARGS_MAX);
	o->note = *note;
	o->note.step = copy(o, note->step);
	o->note.bookmark = copy(o, note->bookmark);
	o->note.facts = copy(o, note->facts);
	o->note.reason = copy(o, note->reason);
	o->note.learned = NULL;
	if (note->saw != NULL) {
		o->saw = *note->saw;
		o->note.saw = &o->saw;
	}
	if (note->learned != NULL)
		copy_learned(o, note->learned);
	op_start(q, &o->base.op);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * operate.c - try again, and give up.
 *
 * A dropped delivery keeps its items, so that trying again goes on where it stood; and it keeps what may be
 * on its way, so that this is looked up first: a person's "no" does not undo what a server has done. */
#include "daemon/queue/internal.h"
#include "daemon/queue/operate.h"

#include "daemon/base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

enum { SLICE = 4096 };

struct operate_op {
	struct op op;
	queue_operated_fn *done;
	queue_done_fn *plain; /* instead of done */
	void *cookie;
	int64_t *id;
	size_t count, at;
	char *reason; /* retry: what to look for, in small letters; drop: why */
	int64_t now_ms;
	int64_t last; /* delivery, where all are meant */
	/* of the delivery at hand */
	int64_t delivery, item;
	uint64_t moved, files, links;
	bool whole; /* the delivery itself was parked, or given up */
	struct operated result;
};

static void next_one(struct operate_op *o)
{
	o->last = o->delivery;
	o->delivery = 0;
	o->at++;
}

static int pick(struct queue *q, struct operate_op *o, struct brief *d, struct err *err)
{
	if (o->delivery == 0) {
		o->item = -1;
		o->moved = o->files = o->links = 0;
		o->whole = false;
		if (o->count > 0 && o->at < o->count)
			o->delivery = o->id[o->at];
		else if (o->count == 0)
			o->delivery =
				db_get(q->db,
				       "SELECT id FROM delivery WHERE id > ?1 AND (state = 3 OR (state <> 5"
				       " AND n_parked + ev_parked > 0)) ORDER BY id LIMIT 1",
				       DB(db_i(o->last)), 0);
	}
	if (o->delivery == 0)
		return 0;
	int rc = brief_get(q, o->delivery, d, err);
	if (rc == 0 && db_get(q->db, "SELECT 1 FROM going WHERE run = ?1", DB(db_i(d->run)), 0) != 0)
		rc = err_set(err, -ENOENT, "there is no delivery %lld", (long long)o->delivery);
	return rc;
}

static char *small(const char *s)
{
	char *copy = xstrdup(s);

	for (char *c = copy; c != NULL && *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return copy;
}

static bool says(const struct operate_op *o, const char *reason)
{
	if (o->reason == NULL)
		return true;
	char *copy = small(reason != NULL ? reason : "no case for it");
	bool found = strstr(copy, o->reason) != NULL;
	free(copy);
	return found;
}

/* A slice of the parked items; true while there is more. */
static bool retry_items(struct queue *q, struct operate_op *o, const struct brief *d)
{
	struct tally t = items_tally_of(d->id);
	struct item *item = xcalloc(SLICE, sizeof(*item));
	size_t n = 0, looked = 0;

	struct db_stmt *s = db_query(q->db,
				     "SELECT " ITEM_COLUMNS ", reason FROM item INDEXED BY item_parked"
				     " WHERE delivery = ?1 AND state = 3 AND id > ?2 ORDER BY id LIMIT ?3",
				     DB(db_i(d->id), db_i(o->item), db_i(SLICE)));
	while (looked < SLICE && db_row(s)) {
		looked++;
		o->item = db_int(s, 0);
		if (says(o, db_text(s, 5)))
			items_read(s, d->id, &item[n++]);
	}
	db_end(s);
	for (size_t i = 0; i < n; i++)
		items_move(q, &t, &item[i], d->matching && item[i].remote == 0 ? ITEM_NEW : ITEM_OWED, NULL);
	items_save_tally(q, &t);
	o->moved += n;
	free(item);
	return looked == SLICE;
}

/* Cases that would not be made, and batches that were being narrowed down, are tried anew as well. */
static void forgive(struct queue *q, const struct operate_op *o, const struct brief *d)
{
	if (o->reason == NULL)
		db_run(q->db, "DELETE FROM refused WHERE delivery = ?1", DB(db_i(d->id)));
	else
		db_run(q->db, "DELETE FROM refused WHERE delivery = ?1 AND instr(lower(reason), ?2) > 0",
		       DB(db_i(d->id), db_s(o->reason)));
	db_run(q->db, "DELETE FROM lot WHERE delivery = ?1", DB(db_i(d->id)));
	db_run(q->db, "UPDATE place SET parked = 0 WHERE delivery = ?1 AND parked = 1", DB(db_i(d->id)));
}

static bool delivery_says(struct queue *q, const struct operate_op *o, int64_t delivery)
{
	bool found = false;
	struct db_stmt *s = db_query(q->db, "SELECT reason FROM delivery WHERE id = ?1", DB(db_i(delivery)));

	if (db_row(s))
		found = o->reason == NULL || (!db_null(s, 0) && says(o, db_text(s, 0)));
	db_end(s);
	return found;
}

static void make_due(struct queue *q, const struct operate_op *o, const struct brief *d)
{
	forgive(q, o, d);
	held_release(q, d->id);
	/* What may be on its way is looked up first; what is on its way goes on as it is. */
	db_run(q->db,
	       "UPDATE delivery SET state = CASE WHEN EXISTS (SELECT 1 FROM intent WHERE delivery = ?1)"
	       " THEN 2 ELSE 0 END, due_ms = ?2, attempt = 0, reason = NULL, settled_ms = NULL,"
	       " since_ms = CASE WHEN state IN (4, 5) THEN ?2 ELSE since_ms END"
	       " WHERE id = ?1 AND state IN (0, 3, 4, 5)",
	       DB(db_i(d->id), db_i(o->now_ms)));
}

static int retry_work(struct queue *q, struct op *op, struct err *err)
{
	struct operate_op *o = (struct operate_op *)op;
	struct brief d;
	int rc = pick(q, o, &d, err);

	if (rc < 0 || o->delivery == 0)
		return rc;
	if (d.ev[ATTACH_PARKED] > 0)
		o->files += (uint64_t)attach_retry(q, d.id, o->reason);
	o->links += (uint64_t)links_retry(q, d.id, o->reason);
	bool more = d.n[ITEM_PARKED] > 0 && retry_items(q, o, &d);
	o->whole = o->whole ||
		   ((d.state == DELIVERY_PARKED || d.state == DELIVERY_DROPPED) && delivery_says(q, o, d.id));
	/* With each slice: whatever happens now, what is owed again is also due. */
	bool any = o->moved + o->files + o->links > 0 || o->whole;
	if (any)
		make_due(q, o, &d);
	if (more)
		return OP_AGAIN;
	if (any) {
		char *files = o->files == 0 ? xstrdup("")
					    : xasprintf(" and %llu files", (unsigned long long)o->files);
		char *text =
			xasprintf("%llu parked tests%s are due again", (unsigned long long)o->moved, files);
		free(files);
		journal_add(q, d.id, o->now_ms, JOURNAL_RETRIED, text);
		free(text);
		o->result.deliveries++;
		o->result.tests += o->moved;
		o->result.files += o->files;
	}
	next_one(o);
	return o->count == 0 || o->at < o->count ? OP_AGAIN : 0;
}

static int drop_work(struct queue *q, struct op *op, struct err *err)
{
	struct operate_op *o = (struct operate_op *)op;
	struct brief d;

	if (o->count == 0) /* giving up is never for all by omission */
		return 0;
	int rc = pick(q, o, &d, err);
	if (rc < 0 || o->delivery == 0)
		return rc;
	if (d.state != DELIVERY_DROPPED && d.state != DELIVERY_DELIVERED) {
		int64_t owed = d.n[ITEM_OWED] + d.n[ITEM_UNBOUND] + d.n[ITEM_NEW];
		char *text = xasprintf("given up%s%s, with %lld owed, %lld parked, %lld posted; it was %s",
				       o->reason != NULL ? ": " : "", o->reason != NULL ? o->reason : "",
				       (long long)owed, (long long)d.n[ITEM_PARKED],
				       (long long)d.n[ITEM_POSTED], delivery_state_name(d.state));
		db_run(q->db,
		       "UPDATE delivery SET state = 5, settled_ms = ?2, due_ms = ?3, reason = ?4 WHERE id = "
		       "?1",
		       DB(db_i(d.id), db_i(o->now_ms), db_i(INT64_MAX), db_s(text)));
		held_release(q, d.id);
		links_wake(q, d.run, d.sink, o->now_ms);
		journal_add(q, d.id, o->now_ms, JOURNAL_DROPPED, text);
		free(text);
		o->result.deliveries++;
		o->result.tests += (uint64_t)(owed + d.n[ITEM_PARKED]);
	}
	next_one(o);
	return o->at < o->count ? OP_AGAIN : 0;
}

static void operate_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct operate_op *o = (struct operate_op *)op;

	(void)q;
	if (o->done != NULL)
		o->done(o->cookie, rc, &o->result, err);
	else if (o->plain != NULL)
		o->plain(o->cookie, rc, err);
}

static void operate_drop(struct op *op)
{
	struct operate_op *o = (struct operate_op *)op;

	free(o->id);
	free(o->reason);
}

static struct operate_op *new_op(int (*work)(struct queue *, struct op *, struct err *), const int64_t *id,
				 size_t count, int64_t now_ms, void *cookie)
{
	struct operate_op *o = op_new(sizeof(*o), OP_WRITE | OP_ALONE, work, operate_answer, operate_drop);

	o->cookie = cookie;
	o->now_ms = now_ms;
	o->count = count;
	o->id = xcalloc(count, sizeof(*o->id));
	if (count > 0)
		memcpy(o->id, id, count * sizeof(*id));
	return o;
}

void queue_retry_some(struct queue *q, const int64_t *id, size_t count, const char *reason, int64_t now_ms,
		      queue_operated_fn *done, void *cookie)
{
	struct operate_op *o = new_op(retry_work, id, count, now_ms, cookie);

	o->done = done;
	o->reason = small(reason);
	op_start(q, &o->op);
}

void queue_drop(struct queue *q, const int64_t *id, size_t count, const char *why, int64_t now_ms,
		queue_operated_fn *done, void *cookie)
{
	struct operate_op *o = new_op(drop_work, id, count, now_ms, cookie);

	o->done = done;
	o->reason = xstrdup(why);
	op_start(q, &o->op);
}

void queue_retry(struct queue *q, const int64_t *id, size_t count, int64_t now_ms, queue_done_fn *done,
		 void *cookie)
{
	struct operate_op *o = new_op(retry_work, id, count, now_ms, cookie);

	o->plain = done;
	op_start(q, &o->op);
}

/* ---- what nobody is at any more ---- */

struct reclaim_op {
	struct done_op base;
	char *sink;
	int64_t *busy;
	size_t busy_count;
	int64_t now_ms;
};

static bool is_busy(const struct reclaim_op *o, int64_t delivery)
{
	for (size_t i = 0; i < o->busy_count; i++)
		if (o->busy[i] == delivery)
			return true;
	return false;
}

static int reclaim_work(struct queue *q, struct op *op, struct err *err)
{
	const struct reclaim_op *o = (struct reclaim_op *)op;
	int64_t last = 0;

	(void)err;
	for (;;) {
		int64_t id = db_get(q->db,
				    "SELECT id FROM delivery WHERE sink = ?1 AND state <> 4 AND state = 1"
				    " AND id > ?2 ORDER BY id LIMIT 1",
				    DB(db_s(o->sink), db_i(last)), 0);
		if (id == 0)
			return 0;
		if (!is_busy(o, id))
			db_run(q->db, "UPDATE delivery SET state = 2, due_ms = ?2 WHERE id = ?1",
			       DB(db_i(id), db_i(o->now_ms)));
		last = id;
	}
}

static void reclaim_drop(struct op *op)
{
	struct reclaim_op *o = (struct reclaim_op *)op;

	free(o->sink);
	free(o->busy);
}

void queue_reclaim(struct queue *q, const char *sink, const int64_t *busy, size_t busy_count, int64_t now_ms,
		   queue_done_fn *done, void *cookie)
{
	struct reclaim_op *o = op_new(sizeof(*o), OP_WRITE, reclaim_work, done_answer, reclaim_drop);

	o->base.done = done;
	o->base.cookie = cookie;
	o->sink = xstrdup(sink);
	o->now_ms = now_ms;
	o->busy_count = busy_count;
	o->busy = xcalloc(busy_count, sizeof(*o->busy));
	if (busy_count > 0)
		memcpy(o->busy, busy, busy_count * sizeof(*busy));
	op_start(q, &o->base.op);
}

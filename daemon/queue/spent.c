/* SPDX-License-Identifier: Apache-2.0
 *
 * spent.c - requests that count in a daily quota: those of deliveries, as the journal has them, and those that no
 * delivery made (commands), or that were made by deliveries which are forgotten already. */
#include "daemon/queue/internal.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { DAY_MS = 24 * 3600 * 1000, MINUTE_MS = 60 * 1000 };

struct spent_list {
	struct made *made;
	size_t count, room;
};

static void list_add(struct spent_list *l, const struct made *m)
{
	if (l->count == l->room) {
		l->room = l->room > 0 ? 2 * l->room : 64;
		l->made = xrealloc(l->made, l->room, sizeof(*l->made));
	}
	l->made[l->count++] = *m;
}

static int by_time(const void *a, const void *b)
{
	const struct made *x = a, *y = b;

	return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

/* A line for each minute: a day has few enough of them, however many requests it has.  What a delivery made stands
 * in its journal up to the time at which it was settled; an intent stands for a request that no journal has yet. */
static void read_one(struct queue *q, const char *sink, int64_t since_ms, struct spent_list *out)
{
	struct db_stmt *s = db_query(
		q->db,
		"SELECT max(at_ms), sum(requests) FROM ("
		" SELECT j.at_ms, j.requests FROM delivery d JOIN journal j ON j.delivery = d.id"
		"  WHERE d.sink = ?1 AND (d.state <> 4 OR d.settled_ms IS NULL OR d.settled_ms >= ?2)"
		"  AND j.at_ms >= ?2 AND j.requests > 0"
		" UNION ALL SELECT i.sent_ms, 1 FROM intent i JOIN delivery d ON d.id = i.delivery"
		"  WHERE d.sink = ?1 AND i.sent_ms >= ?2"
		" UNION ALL SELECT at_ms, requests FROM spent WHERE sink = ?1 AND at_ms >= ?2)"
		" GROUP BY at_ms / ?3",
		DB(db_s(sink), db_i(since_ms), db_i(MINUTE_MS)));

	while (db_row(s))
		list_add(out, &(struct made){ .sink = sink,
					      .at_ms = db_int(s, 0),
					      .requests = (unsigned)db_int(s, 1) });
	db_end(s);
}

struct names {
	char **name;
	size_t count;
};

static void names_copy(struct names *to, const char *const *name, size_t count)
{
	to->name = xcalloc(count > 0 ? count : 1, sizeof(*to->name));
	for (to->count = 0; to->count < count; to->count++)
		to->name[to->count] = xstrdup(name[to->count]);
}

static void names_done(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->name[i]);
	free(n->name);
}

static void read_all(struct queue *q, const struct names *n, int64_t since_ms, struct spent_list *out)
{
	for (size_t i = 0; i < n->count; i++)
		read_one(q, n->name[i], since_ms, out);
	if (out->count > 1)
		qsort(out->made, out->count, sizeof(*out->made), by_time);
}

/* ---- what a day has seen ---- */

struct spent_op {
	struct op op;
	queue_made_fn *done;
	void *cookie;
	struct names names;
	int64_t since_ms;
	struct spent_list list;
};

static int spent_work(struct queue *q, struct op *op, struct err *err)
{
	struct spent_op *o = (struct spent_op *)op;

	(void)err;
	read_all(q, &o->names, o->since_ms, &o->list);
	return 0;
}

static void spent_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct spent_op *o = (struct spent_op *)op;

	(void)q;
	o->done(o->cookie, rc, o->list.made, rc < 0 ? 0 : o->list.count, err);
}

static void spent_drop(struct op *op)
{
	struct spent_op *o = (struct spent_op *)op;

	names_done(&o->names);
	free(o->list.made);
}

void queue_spent(struct queue *q, const char *const *sink, size_t count, int64_t since_ms,
		 queue_made_fn *done, void *cookie)
{
	struct spent_op *o = op_new(sizeof(*o), 0, spent_work, spent_answer, spent_drop);

	o->done = done;
	o->cookie = cookie;
	o->since_ms = since_ms;
	names_copy(&o->names, sink, count);
	op_start(q, &o->op);
}

/* ---- one more ---- */

struct spend_op {
	struct op op;
	queue_spend_fn *done;
	void *cookie;
	struct names names; /* the first one spends */
	unsigned requests;
	uint64_t most;
	int64_t now_ms, wait_ms;
};

/* How long until so many more may be made. */
static int64_t wait_for(const struct spend_op *o, const struct spent_list *l)
{
	uint64_t made = 0, gone = 0;

	for (size_t i = 0; i < l->count; i++)
		made += l->made[i].requests;
	for (size_t i = 0; i < l->count && made - gone + o->requests > o->most; i++) {
		gone += l->made[i].requests;
		if (made - gone + o->requests <= o->most || i + 1 == l->count) {
			int64_t wait = l->made[i].at_ms + DAY_MS - o->now_ms;
			return wait > 0 ? wait : 1;
		}
	}
	return 0;
}

static int spend_work(struct queue *q, struct op *op, struct err *err)
{
	struct spend_op *o = (struct spend_op *)op;
	struct spent_list l = { .count = 0 };

	(void)err;
	if (o->most > 0)
		read_all(q, &o->names, o->now_ms - DAY_MS, &l);
	o->wait_ms = o->most > 0 ? wait_for(o, &l) : 0;
	free(l.made);
	if (o->wait_ms > 0)
		return 0;
	db_run(q->db, "DELETE FROM spent WHERE at_ms < ?1", DB(db_i(o->now_ms - DAY_MS)));
	db_run(q->db, "INSERT INTO spent(sink, at_ms, requests) VALUES(?1, ?2, ?3)",
	       DB(db_s(o->names.name[0]), db_i(o->now_ms), db_i(o->requests)));
	return 0;
}

static void spend_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct spend_op *o = (struct spend_op *)op;

	(void)q;
	o->done(o->cookie, rc, o->wait_ms, err);
}

static void spend_drop(struct op *op)
{
	names_done(&((struct spend_op *)op)->names);
}

void queue_spend(struct queue *q, const struct spend *what, queue_spend_fn *done, void *cookie)
{
	struct spend_op *o = op_new(sizeof(*o), OP_WRITE, spend_work, spend_answer, spend_drop);

	o->done = done;
	o->cookie = cookie;
	names_copy(&o->names, what->sink, what->count);
	o->requests = what->requests;
	o->most = what->most;
	o->now_ms = what->now_ms;
	op_start(q, &o->op);
}

/* ---- of what is forgotten ---- */

void spent_keep(struct queue *q, int64_t delivery, size_t max)
{
	/* A day back from the last line of all, which is as good as now. */
	int64_t last = db_get(q->db, "SELECT at_ms FROM journal ORDER BY id DESC LIMIT 1", DB_NOTHING, 0);

	db_run(q->db,
	       "INSERT INTO spent(sink, at_ms, requests)"
	       " SELECT (SELECT sink FROM delivery WHERE id = ?1), max(at_ms), sum(requests)"
	       " FROM (SELECT at_ms, requests FROM journal WHERE delivery = ?1 ORDER BY id LIMIT ?2)"
	       " WHERE at_ms >= ?3 AND requests > 0 GROUP BY at_ms / ?4",
	       DB(db_i(delivery), db_i((int64_t)max), db_i(last - DAY_MS), db_i(MINUTE_MS)));
	db_run(q->db, "DELETE FROM spent WHERE at_ms < ?1", DB(db_i(last - DAY_MS)));
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * resolve.c - which case over there is a test's, and what to do where there is none.
 *
 * One queue_resolve() walks on from where the last one ended: results are gathered into tests, new tests
 * get their items, further results of posted tests make them owed again, and items whose case is gone are
 * matched anew.  It works in slices, each one transaction, so that other deliveries are not kept waiting.
 * Look-ups of a slice are sorted by key: the index of a large project is walked in order. */
#include "daemon/queue/internal.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <errno.h>
#include <stdlib.h>

enum {
	SLICE = 4096,        /* tests in one transaction */
	SLICE_PLACES = 2048, /* of tests whose texts must be read for their places */
	RESULTS_FREE = 8192, /* results grouped before matching may follow in the same transaction */
	SCRATCH_MAX = 64 << 20,
};

struct resolve_op {
	struct op op;
	queue_owed_fn *done;
	void *cookie;
	int64_t delivery;
	struct resolver resolver;
	bool settled; /* the plan stands in the delivery */
	struct owed owed;
};

struct cand { /* a test that looks for its cases */
	int64_t no, first;
	int64_t item; /* the item that looks again; 0: the test is new */
	int64_t auto_key, title_key;
	uint32_t ref_from, ref_count; /* in the references found */
	int64_t found;                /* by key; 0 none */
	bool by_ref;
};

struct look {
	int64_t key;
	uint32_t cand;
};

struct slice {
	struct queue *q;
	const struct resolver *plan;
	struct brief *d;
	struct tally tally;
	struct cand *cand;
	size_t count;
	struct look *look;
	int64_t *ref; /* cases found by reference */
	size_t ref_count, ref_room;
	int64_t cases; /* shelf; 0: nothing is known of any case */
	struct arena scratch;
	/* the last place, since neighbours lie together */
	char **path;
	size_t path_count;
	int64_t place;
};

static void slice_init(struct slice *s, struct queue *q, const struct resolver *plan, struct brief *d,
		       size_t room)
{
	*s = (struct slice){ .q = q, .plan = plan, .d = d, .tally = items_tally_of(d->id) };
	s->cand = xcalloc(room, sizeof(*s->cand));
	s->look = xcalloc(room, sizeof(*s->look));
	s->scratch = ARENA_LIMIT(SCRATCH_MAX);
	if (plan->match)
		s->cases = remote_shelf(q, d->sink, "case", plan->scope, false);
}

static void path_free(struct slice *s)
{
	for (size_t i = 0; i < s->path_count; i++)
		free(s->path[i]);
	free(s->path);
	s->path = NULL;
	s->path_count = 0;
}

static void slice_done(struct slice *s)
{
	path_free(s);
	arena_done(&s->scratch);
	free(s->ref);
	free(s->look);
	free(s->cand);
}

/* ---- matching ---- */

/* A case that nobody has listed yet: taken on trust where its key says that it is one of this project's.
 * Where it is not, the answer says so, and the test is matched anew. */
static int64_t trusted(struct slice *s, const char *rid)
{
	size_t len = strlen(s->plan->trust);
	struct remote_spec spec = { .rid = rid };

	if (len == 0 || strncmp(rid, s->plan->trust, len) != 0)
		return 0;
	if (s->cases == 0)
		s->cases = remote_shelf(s->q, s->d->sink, "case", s->plan->scope, true);
	return s->cases == 0 || remote_known(s->q, s->cases, rid) ? 0
								  : remote_put(s->q, s->cases, &spec, false);
}

static void find_refs(struct slice *s, struct cand *c, const char *refs)
{
	c->ref_from = (uint32_t)s->ref_count;
	for (const char *ref = refs; *ref != '\0'; ref += strlen(ref) + 1) {
		const char *rid =
			s->plan->ref == NULL ? NULL : s->plan->ref(s->plan->cookie, ref, &s->scratch);
		int64_t remote = rid == NULL || s->cases == 0 ? 0 : remote_find(s->q, s->cases, rid);
		if (remote == 0 && rid != NULL)
			remote = trusted(s, rid);
		bool known = remote == 0 || c->ref_count >= ITEM_CASES - 1;
		for (uint32_t i = 0; i < c->ref_count && !known; i++)
			known = s->ref[c->ref_from + i] == remote;
		if (known)
			continue;
		if (s->ref_count == s->ref_room) {
			s->ref_room = s->ref_room == 0 ? 256 : s->ref_room * 2;
			s->ref = xrealloc(s->ref, s->ref_room, sizeof(*s->ref));
		}
		s->ref[s->ref_count++] = remote;
		c->ref_count++;
	}
	arena_reset(&s->scratch);
}

static bool wants(const struct resolver *plan, enum resolve_by by)
{
	return plan->order[0] == by || plan->order[1] == by || plan->order[2] == by;
}

static void add_cand(struct slice *s, int64_t no, int64_t first, int64_t item)
{
	struct chunk_entry e;
	struct cand *c = &s->cand[s->count++];

	*c = (struct cand){ .no = no, .first = first, .item = item };
	if (!s->plan->match || !store_entry(s->q, first, &e))
		return;
	c->auto_key = e.auto_key;
	c->title_key = e.title_key;
	if (e.refs != NULL && wants(s->plan, RESOLVE_REF))
		find_refs(s, c, e.refs);
}

static int by_key(const void *a, const void *b)
{
	const struct look *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

static void match_keys(struct slice *s, bool title)
{
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct cand *c = &s->cand[i];
		int64_t key = title ? c->title_key : c->auto_key;
		if (!c->by_ref && c->found == 0 && key != 0)
			s->look[n++] = (struct look){ .key = key, .cand = (uint32_t)i };
	}
	qsort(s->look, n, sizeof(*s->look), by_key);
	int64_t last = 0, found = 0;
	for (size_t i = 0; i < n; i++) {
		if (s->look[i].key != last) {
			last = s->look[i].key;
			found = title ? remote_by_name(s->q, s->cases, last)
				      : remote_by_alias(s->q, s->cases, last);
		}
		s->cand[s->look[i].cand].found = found;
	}
}

static void match_all(struct slice *s)
{
	if (!s->plan->match || s->cases == 0)
		return;
	for (int i = 0; i < 3; i++) {
		if (s->plan->defer && s->plan->order[i] != RESOLVE_REF)
			return;
		switch (s->plan->order[i]) {
		case RESOLVE_NONE:
			return;
		case RESOLVE_REF:
			for (size_t k = 0; k < s->count; k++)
				if (s->cand[k].found == 0 && s->cand[k].ref_count > 0)
					s->cand[k].by_ref = true;
			break;
		case RESOLVE_AUTOMATION:
			match_keys(s, false);
			break;
		case RESOLVE_TITLE:
			match_keys(s, true);
			break;
		}
	}
}

/* ---- places ---- */

static bool same_path(const struct slice *s, const char *const *path, size_t count)
{
	if (s->path == NULL || s->path_count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(s->path[i], path[i]) != 0)
			return false;
	return true;
}

static int64_t place_node(struct slice *s, int64_t parent, const char *name, size_t depth)
{
	struct db *db = s->q->db;
	size_t max = s->plan->place_max >= 32 ? s->plan->place_max : SIZE_MAX;
	const char *cut = utf8_key(&s->scratch, name, strlen(name), max);
	int64_t key = match_key(s->q->digest, cut == NULL ? name : cut);
	int64_t id = 0;
	bool parked = false;

	struct db_stmt *stmt =
		db_query(db, "SELECT id, parked FROM place WHERE delivery = ?1 AND parent = ?2 AND key = ?3",
			 DB(db_i(s->d->id), db_i(parent), db_i(key)));
	if (db_row(stmt)) {
		id = db_int(stmt, 0);
		parked = db_int(stmt, 1) != 0;
	}
	db_end(stmt);
	/* Refused to those who came before: for this one it is asked again, else nobody would offer it. */
	if (parked)
		db_run(db, "UPDATE place SET parked = 0 WHERE id = ?1", DB(db_i(id)));
	if (id != 0)
		return id;
	db_run(db, "INSERT INTO place(delivery, parent, key, name, depth) VALUES(?1, ?2, ?3, ?4, ?5)",
	       DB(db_i(s->d->id), db_i(parent), db_i(key), db_s(cut == NULL ? name : cut),
		  db_i((int64_t)depth)));
	return db_last_id(db);
}

static int find_place(struct slice *s, const struct cand *c, int64_t *out, struct err *err)
{
	const char *const *path = NULL;
	size_t count = 0;
	struct result r;

	*out = 0;
	if (s->plan->place == NULL)
		return 0;
	arena_reset(&s->scratch);
	int rc = store_result(s->q, c->first, &s->scratch, &r, NULL, err);
	if (rc == 0)
		rc = s->plan->place(s->plan->cookie, &r, &s->scratch, &path, &count, err);
	if (rc < 0)
		return rc;
	if (!same_path(s, path, count)) {
		int64_t at = 0;
		path_free(s);
		s->path = xcalloc(count + 1, sizeof(*s->path));
		for (size_t depth = 0; depth < count; depth++) {
			const char *name = path[depth] == NULL ? "" : path[depth];
			s->path[s->path_count++] = xstrdup(name);
			if (name[0] != '\0') /* a level without a name is no level */
				at = place_node(s, at, name, depth);
		}
		s->place = at;
	}
	*out = s->place;
	return 0;
}

/* ---- items ---- */

/* The first free name of an item of the test. */
static int64_t next_item(struct slice *s, int64_t no)
{
	int64_t last =
		db_get(s->q->db, "SELECT max(id) FROM item WHERE delivery = ?1 AND id >= ?2 AND id < ?3",
		       DB(db_i(s->d->id), db_i(item_first(no)), db_i(item_first(no + 1))), -1);

	return last < 0 ? item_first(no) : last + 1;
}

static bool has_item(struct slice *s, int64_t no, int64_t remote)
{
	return db_get(s->q->db,
		      "SELECT 1 FROM item WHERE delivery = ?1 AND id >= ?2 AND id < ?3 AND remote = ?4"
		      " LIMIT 1",
		      DB(db_i(s->d->id), db_i(item_first(no)), db_i(item_first(no + 1)), db_i(remote)),
		      0) != 0;
}

static enum item_state unmatched_state(const struct resolver *plan)
{
	return !plan->match           ? ITEM_OWED
	       : plan->defer          ? ITEM_NEW
	       : plan->create         ? ITEM_UNBOUND
	       : plan->park_unmatched ? ITEM_PARKED
				      : ITEM_IGNORED;
}

static int store_new(struct slice *s, const struct cand *c, struct err *err)
{
	struct item item = { .delivery = s->d->id, .id = item_first(c->no), .state = ITEM_OWED };
	int rc = 0;

	if (c->by_ref) {
		for (uint32_t i = 0; i < c->ref_count; i++, item.id++) {
			item.remote = s->ref[c->ref_from + i];
			items_add(s->q, &s->tally, &item, s->d->epoch);
		}
		return 0;
	}
	item.remote = c->found;
	if (c->found == 0) {
		item.state = unmatched_state(s->plan);
		if (item.state == ITEM_UNBOUND)
			rc = find_place(s, c, &item.place, err);
	}
	if (rc == 0)
		items_add(s->q, &s->tally, &item, s->d->epoch);
	return rc;
}

/* An item that looks again: it takes the first case that the test has no item for yet. */
static int store_again(struct slice *s, const struct cand *c, struct err *err)
{
	struct item item;
	bool taken = false;

	if (!items_get(s->q, s->d->id, c->item, &item) || item.state != ITEM_NEW)
		return 0;
	size_t count = c->by_ref ? c->ref_count : c->found != 0 ? 1 : 0;
	for (size_t i = 0; i < count; i++) {
		int64_t remote = c->by_ref ? s->ref[c->ref_from + i] : c->found;
		if (has_item(s, c->no, remote))
			continue;
		if (!taken) {
			items_bind(s->q, &s->tally, &item, remote);
			taken = true;
			continue;
		}
		struct item more = {
			.delivery = s->d->id, .id = next_item(s, c->no), .state = ITEM_OWED, .remote = remote
		};
		if (item_test(more.id) == c->no) {
			items_add(s->q, &s->tally, &more, s->d->epoch);
			attach_copy(s->q, s->d->id, item.id, more.id);
			links_copy(s->q, s->d->id, item.id, more.id);
		}
	}
	if (taken)
		return 0;
	if (count > 0) { /* each of its cases has an item already: this one stands for nothing */
		db_run(s->q->db, "DELETE FROM item WHERE delivery = ?1 AND id = ?2",
		       DB(db_i(s->d->id), db_i(item.id)));
		s->tally.n[ITEM_NEW]--;
		attach_ignored(s->q, s->d->id, item.id, "the same test has it under another case");
		return 0;
	}
	enum item_state to = unmatched_state(s->plan);
	int rc = 0;
	if (to == ITEM_UNBOUND) {
		rc = find_place(s, c, &item.place, err);
		if (rc == 0)
			db_run(s->q->db, "UPDATE item SET place = ?3 WHERE delivery = ?1 AND id = ?2",
			       DB(db_i(s->d->id), db_i(item.id), db_i(item.place)));
	}
	if (rc == 0)
		items_move(s->q, &s->tally, &item, to, NULL);
	return rc;
}

static int store(struct slice *s, struct err *err)
{
	int rc = 0;

	match_all(s);
	for (size_t i = 0; i < s->count && rc == 0 && db_failed(s->q->db, NULL) == 0; i++)
		rc = s->cand[i].item == 0 ? store_new(s, &s->cand[i], err) : store_again(s, &s->cand[i], err);
	items_save_tally(s->q, &s->tally);
	return rc;
}

/* ---- the walk ---- */

static size_t slice_room(const struct resolver *plan)
{
	return plan->match && plan->create && plan->place != NULL ? SLICE_PLACES : SLICE;
}

/* Tests that the delivery has not seen.  How many, or an error. */
static int walk_new(struct resolve_op *op, struct queue *q, struct brief *d, int64_t next_no, struct err *err)
{
	size_t room = slice_room(&op->resolver);
	struct {
		int64_t no, first;
	} *row = xcalloc(room, sizeof(*row));
	size_t n = 0;
	struct slice s;

	struct db_stmt *stmt = db_query(q->db,
					"SELECT no, first FROM test WHERE run = ?1 AND no > ?2"
					" ORDER BY no LIMIT ?3",
					DB(db_i(d->run), db_i(d->resolved), db_i((int64_t)room)));
	for (; n < room && db_row(stmt); n++) {
		row[n].no = db_int(stmt, 0);
		row[n].first = db_int(stmt, 1);
	}
	db_end(stmt);
	slice_init(&s, q, &op->resolver, d, room);
	for (size_t i = 0; i < n; i++)
		add_cand(&s, row[i].no, row[i].first, 0);
	int rc = store(&s, err);
	slice_done(&s);
	if (n == room)
		next_no = row[n - 1].no + 1;
	free(row);
	if (rc < 0)
		return rc;
	d->resolved = next_no - 1;
	db_run(q->db, "UPDATE delivery SET resolved = ?2 WHERE id = ?1", DB(db_i(d->id), db_i(d->resolved)));
	return n == room ? OP_AGAIN : 0;
}

/* A further result of a test: what was posted is owed again, unless this one is known to be older. */
static void owe_again(struct queue *q, struct brief *d, struct tally *t, int64_t no, int64_t started)
{
	for (int64_t id = item_first(no); id < item_first(no + 1); id++) {
		struct item item;
		int64_t posted_started;
		struct db_stmt *s = db_query(q->db,
					     "SELECT " ITEM_COLUMNS ", posted_started FROM item"
					     " WHERE delivery = ?1 AND id >= ?2 AND id < ?3"
					     " ORDER BY id LIMIT 1",
					     DB(db_i(d->id), db_i(id), db_i(item_first(no + 1))));
		bool there = db_row(s);
		if (there) {
			items_read(s, d->id, &item);
			posted_started = db_int_or(s, 5, TIME_UNKNOWN);
		}
		db_end(s);
		if (!there)
			return;
		id = item.id;
		bool older =
			started != TIME_UNKNOWN && posted_started != TIME_UNKNOWN && started < posted_started;
		/* Ignored by its status, it may have another one now; ignored for want of a case, not. */
		bool sent = item.state == ITEM_POSTED ||
			    (item.state == ITEM_IGNORED && (item.remote != 0 || !d->matching));
		if (sent && !older)
			items_move(q, t, &item, ITEM_OWED, NULL);
	}
}

static int walk_again(struct queue *q, struct brief *d)
{
	struct {
		int64_t seq, no, started;
	} row[256];
	size_t room = sizeof(row) / sizeof(row[0]), n = 0;
	struct tally t = items_tally_of(d->id);

	struct db_stmt *s = db_query(q->db,
				     "SELECT seq, no, started FROM again WHERE run = ?1 AND seq > ?2"
				     " ORDER BY seq LIMIT ?3",
				     DB(db_i(d->run), db_i(d->resolved_again), db_i((int64_t)room)));
	for (; n < room && db_row(s); n++) {
		row[n].seq = db_int(s, 0);
		row[n].no = db_int(s, 1);
		row[n].started = db_int_or(s, 2, TIME_UNKNOWN);
	}
	db_end(s);
	for (size_t i = 0; i < n; i++)
		owe_again(q, d, &t, row[i].no, row[i].started);
	items_save_tally(q, &t);
	if (n > 0) {
		d->resolved_again = row[n - 1].seq;
		db_run(q->db, "UPDATE delivery SET resolved_again = ?2 WHERE id = ?1",
		       DB(db_i(d->id), db_i(d->resolved_again)));
	}
	return n == room ? OP_AGAIN : 0;
}

static int walk_rematch(struct resolve_op *op, struct queue *q, struct brief *d, struct err *err)
{
	size_t room = slice_room(&op->resolver), n = 0;
	struct {
		int64_t id, first;
	} *row = xcalloc(room, sizeof(*row));
	struct slice s;

	struct db_stmt *stmt = db_query(q->db,
					"SELECT i.id, t.first FROM item i INDEXED BY item_new"
					" JOIN test t ON t.run = ?2 AND t.no = i.id >> 12"
					" WHERE i.delivery = ?1 AND i.state = 2"
					" ORDER BY i.id LIMIT ?3",
					DB(db_i(d->id), db_i(d->run), db_i((int64_t)room)));
	for (; n < room && db_row(stmt); n++) {
		row[n].id = db_int(stmt, 0);
		row[n].first = db_int(stmt, 1);
	}
	db_end(stmt);
	slice_init(&s, q, &op->resolver, d, room);
	for (size_t i = 0; i < n; i++)
		add_cand(&s, item_test(row[i].id), row[i].first, row[i].id);
	int rc = store(&s, err);
	slice_done(&s);
	free(row);
	return rc < 0 ? rc : n == room ? OP_AGAIN : 0;
}

static int64_t arrival(struct queue *q, const struct brief *d, int64_t item)
{
	return db_get(q->db,
		      "SELECT p.finished_ms FROM test t JOIN part p ON p.id = coalesce(t.last, t.first) >> 32"
		      " WHERE t.run = ?1 AND t.no = ?2",
		      DB(db_i(d->run), db_i(item_test(item))), INT64_MAX);
}

int owed_fill(struct queue *q, int64_t delivery, struct owed *out, struct err *err)
{
	struct brief d;
	int rc = brief_get(q, delivery, &d, err);

	if (rc < 0)
		return rc;
	*out = (struct owed){ .owed = (uint64_t)(d.n[ITEM_OWED] + d.n[ITEM_UNBOUND] + d.n[ITEM_NEW]),
			      .parked = (uint64_t)d.n[ITEM_PARKED],
			      .ignored = (uint64_t)d.n[ITEM_IGNORED],
			      .posted = (uint64_t)d.n[ITEM_POSTED],
			      .oldest_ms = INT64_MAX };
	/* Items stand in the order of arrival, so the first of each kind is its oldest. */
	int64_t owed = db_get(q->db,
			      "SELECT id FROM item INDEXED BY item_owed WHERE delivery = ?1"
			      " AND state = 0 ORDER BY id LIMIT 1",
			      DB(db_i(delivery)), -1);
	int64_t unbound = db_get(q->db,
				 "SELECT id FROM item INDEXED BY item_unbound WHERE delivery = ?1"
				 " AND state = 1 ORDER BY id LIMIT 1",
				 DB(db_i(delivery)), -1);
	if (owed >= 0)
		out->oldest_ms = arrival(q, &d, owed);
	if (unbound >= 0) {
		int64_t at = arrival(q, &d, unbound);
		out->oldest_ms = at < out->oldest_ms ? at : out->oldest_ms;
	}
	out->run_ended = db_get(q->db, "SELECT ended FROM run WHERE id = ?1", DB(db_i(d.run)), 0) != 0;
	out->parts_loading = (uint64_t)db_get(q->db, "SELECT count(*) FROM part WHERE run = ?1 AND state = 0",
					      DB(db_i(d.run)), 0);
	out->unbound = (uint64_t)d.n[ITEM_UNBOUND];
	out->unmatched = (uint64_t)d.n[ITEM_NEW];
	out->places = (uint64_t)db_get(q->db,
				       "SELECT count(*) FROM place WHERE delivery = ?1 AND remote_id IS NULL",
				       DB(db_i(delivery)), 0);
	out->unseen = items_unseen(q, delivery);
	out->evidence_owed = (uint64_t)(d.ev[ATTACH_OWED] + d.ev[ATTACH_FOUND]);
	out->evidence_parked = (uint64_t)d.ev[ATTACH_PARKED];
	out->evidence_waiting = (uint64_t)d.ev[ATTACH_WAITING];
	out->evidence_awaited = (uint64_t)d.ev[ATTACH_AWAITED];
	out->links_owed = links_owed(q, delivery);
	out->links_parked = links_parked(q, delivery);
	out->links_awaited = links_awaited(q, &d);
	out->ended_ms = db_get(q->db, "SELECT coalesce(ended_ms, ?2) FROM run WHERE id = ?1",
			       DB(db_i(d.run), db_i(INT64_MAX)), INT64_MAX);
	return 0;
}

static void settle_plan(struct resolve_op *op, struct queue *q, struct brief *d)
{
	const struct resolver *plan = &op->resolver;
	bool by_title = wants(plan, RESOLVE_TITLE) && !wants(plan, RESOLVE_AUTOMATION);

	if (d->failing != (plan->cause != NULL))
		db_run(q->db, "UPDATE delivery SET failing = ?2 WHERE id = ?1",
		       DB(db_i(d->id), db_i(plan->cause != NULL)));
	d->failing = plan->cause != NULL;
	links_want(q, d, plan->defects_of);
	if (d->matching != plan->match || d->by_title != by_title || strcmp(d->scope, plan->scope) != 0)
		db_run(q->db, "UPDATE delivery SET scope = ?2, matching = ?3, by_title = ?4 WHERE id = ?1",
		       DB(db_i(d->id), db_s(plan->scope), db_i(plan->match), db_i(by_title)));
	d->matching = plan->match;
	d->by_title = by_title;
	op->settled = true;
}

static int resolve_work(struct queue *q, struct op *o, struct err *err)
{
	struct resolve_op *op = (struct resolve_op *)o;
	struct brief d;
	bool more = false;
	int rc = brief_get(q, op->delivery, &d, err);

	if (rc < 0)
		return rc;
	if (!op->settled)
		settle_plan(op, q, &d);
	if (d.failing && db_get(q->db, "SELECT ended FROM run WHERE id = ?1", DB(db_i(d.run)), 0) == 0)
		return owed_fill(q, op->delivery, &op->owed, err); /* the last attempt decides */
	int64_t wait_ms = d.failing && d.resolved == 0 ? failures_wait_ms(q, &d) : 0;
	if (wait_ms > 0) {
		rc = owed_fill(q, op->delivery, &op->owed, err);
		op->owed.wait_ms = wait_ms;
		return rc;
	}
	size_t grouped = group_slice(q, d.run, &more);
	if (more || grouped > RESULTS_FREE)
		return OP_AGAIN;
	struct db_stmt *s = db_query(q->db, "SELECT next_no, agains FROM run WHERE id = ?1", DB(db_i(d.run)));
	int64_t next_no = 1, agains = 0;
	if (db_row(s)) {
		next_no = db_int(s, 0);
		agains = db_int(s, 1);
	}
	db_end(s);
	if (d.failing && d.resolved < next_no - 1)
		rc = failures_walk(q, &d, &op->resolver, next_no);
	else if (d.resolved < next_no - 1)
		rc = walk_new(op, q, &d, next_no, err);
	if (rc == 0 && d.resolved_again < agains)
		rc = walk_again(q, &d);
	if (rc == 0 && d.n[ITEM_NEW] > 0 && !op->resolver.defer)
		rc = d.failing ? failures_rematch(q, &d, &op->resolver) : walk_rematch(op, q, &d, err);
	if (rc == 0)
		rc = attach_sort(q, &d, op->resolver.evidence);
	if (rc == 0)
		rc = links_sort(q, &d);
	return rc != 0 ? rc : owed_fill(q, op->delivery, &op->owed, err);
}

static int owed_work(struct queue *q, struct op *o, struct err *err)
{
	struct resolve_op *op = (struct resolve_op *)o;

	return owed_fill(q, op->delivery, &op->owed, err);
}

static void owed_answer(struct queue *q, struct op *o, int rc, const struct err *err)
{
	struct resolve_op *op = (struct resolve_op *)o;

	(void)q;
	op->done(op->cookie, rc, rc < 0 ? NULL : &op->owed, err);
}

void queue_resolve(struct queue *q, int64_t delivery, const struct resolver *resolver, queue_owed_fn *done,
		   void *cookie)
{
	struct resolve_op *op = op_new(sizeof(*op), OP_WRITE | OP_ALONE, resolve_work, owed_answer, NULL);

	op->done = done;
	op->cookie = cookie;
	op->delivery = delivery;
	op->resolver = *resolver;
	op->resolver.scope[sizeof(op->resolver.scope) - 1] = '\0';
	op->resolver.defects_of[sizeof(op->resolver.defects_of) - 1] = '\0';
	op_start(q, &op->op);
}

void queue_owed(struct queue *q, int64_t delivery, queue_owed_fn *done, void *cookie)
{
	struct resolve_op *op = op_new(sizeof(*op), 0, owed_work, owed_answer, NULL);

	op->done = done;
	op->cookie = cookie;
	op->delivery = delivery;
	op_start(q, &op->op);
}

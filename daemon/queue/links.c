/* SPDX-License-Identifier: Apache-2.0
 *
 * links.c - what a tracker of defects has made of a run's failures, told to the results of the run elsewhere.
 *
 * A defect is known of a test as soon as the delivery of failures has posted the test with an address (note.c).
 * Every other delivery of the run whose sink wants them (delivery.lk_from) owes a link for each of its items of
 * that test.  A link can be sent once its item is posted; nothing waits for it but the end of the run over there.
 * While the delivery of failures is at work they wait for each other, so that a run costs batches, not tests.
 * Links are parked, and tried again, apart from results and files. */
#include "daemon/queue/fill.h"
#include "daemon/queue/operate.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

enum {
	SORT_SLICE = 256,   /* defects in one transaction */
	LINKS_MAX = 4096,   /* of one row */
	SKIP_MAX = 20000,   /* links passed over in one call */
	DEFECTS_SHOWN = 20, /* of one case: a field for them holds so many */
};

/* ---- what is known ---- */

void links_found(struct queue *q, int64_t run, int64_t no, const char *rid, const char *url,
		 const char *state)
{
	db_run(q->db,
	       "INSERT INTO defect(run, no, rid, url, state) VALUES(?1, ?2, ?3, ?4, ?5)"
	       " ON CONFLICT(run, no, rid) DO UPDATE SET url = ?4, state = ?5",
	       DB(db_i(run), db_i(no), db_s(rid), db_s(url), db_s(state)));
}

void links_wake(struct queue *q, int64_t run, const char *sink, int64_t now_ms)
{
	/* Where something waits for the end of the defects alone, it need not wait any more. */
	db_run(q->db,
	       "UPDATE delivery SET due_ms = ?3 WHERE run = ?1 AND lk_from = ?2 AND state = 0 AND due_ms > "
	       "?3",
	       DB(db_i(run), db_s(sink), db_i(now_ms)));
	/* A delivery that was parked as a whole is a person's; one that is done but for some tests goes on. */
	db_run(q->db,
	       "UPDATE delivery SET state = 0, due_ms = ?3, settled_ms = NULL,"
	       " since_ms = CASE WHEN state = 4 THEN ?3 ELSE since_ms END"
	       " WHERE run = ?1 AND lk_from = ?2 AND (state = 4 OR (state = 3"
	       " AND n_owed + n_unbound + n_new + ev_owed = 0))"
	       " AND lk_next < (SELECT max(id) FROM defect WHERE run = ?1)",
	       DB(db_i(run), db_s(sink), db_i(now_ms)));
}

bool links_awaited(struct queue *q, const struct brief *d)
{
	return d->links &&
	       db_get(q->db,
		      "SELECT 1 FROM delivery d JOIN delivery f ON f.run = d.run AND f.sink = d.lk_from"
		      " JOIN run r ON r.id = d.run WHERE d.id = ?1 AND f.state IN (0, 1, 2)"
		      " AND r.failed + r.error > 0",
		      DB(db_i(d->id)), 0) != 0;
}

bool links_owed(struct queue *q, int64_t delivery)
{
	return db_get(q->db,
		      "SELECT 1 FROM link l INDEXED BY link_state JOIN item i ON i.delivery = l.delivery"
		      " AND i.id = l.item WHERE l.delivery = ?1 AND l.state = 0 AND i.state = 4 LIMIT 1",
		      DB(db_i(delivery)), 0) != 0;
}

bool links_parked(struct queue *q, int64_t delivery)
{
	return db_get(q->db,
		      "SELECT 1 FROM link INDEXED BY link_state WHERE delivery = ?1 AND state = 1 LIMIT 1",
		      DB(db_i(delivery)), 0) != 0;
}

/* ---- sorting ---- */

bool links_unseen(struct queue *q, int64_t delivery)
{
	return db_get(q->db,
		      "SELECT d.lk_next < (SELECT max(id) FROM defect WHERE run = d.run) AND NOT EXISTS"
		      " (SELECT 1 FROM delivery f WHERE f.run = d.run AND f.sink = d.lk_from"
		      " AND (f.state = 1 OR (f.state = 0 AND f.due_ms <= ?2)))"
		      " FROM delivery d WHERE d.id = ?1 AND d.lk_from IS NOT NULL",
		      DB(db_i(delivery), db_i(clock_wall_ms())), 0) != 0;
}

int links_sort(struct queue *q, struct brief *d)
{
	struct {
		int64_t id, no;
	} row[SORT_SLICE];
	size_t n = 0;

	if (!d->links || !links_unseen(q, d->id))
		return 0;
	struct db_stmt *s = db_query(q->db,
				     "SELECT id, no FROM defect INDEXED BY defect_run WHERE run = ?1"
				     " AND id > ?2 ORDER BY id LIMIT ?3",
				     DB(db_i(d->run), db_i(d->links_next), db_i(SORT_SLICE)));
	for (; n < SORT_SLICE && db_row(s); n++) {
		row[n].id = db_int(s, 0);
		row[n].no = db_int(s, 1);
	}
	db_end(s);
	for (size_t i = 0; i < n && db_failed(q->db, NULL) == 0; i++)
		db_run(q->db,
		       "INSERT INTO link(delivery, item, defect, state) SELECT delivery, id, ?4, 0 FROM item"
		       " WHERE delivery = ?1 AND id >= ?2 AND id < ?3 ON CONFLICT DO NOTHING",
		       DB(db_i(d->id), db_i(item_first(row[i].no)), db_i(item_first(row[i].no + 1)),
			  db_i(row[i].id)));
	if (n > 0) {
		d->links_next = row[n - 1].id;
		db_run(q->db, "UPDATE delivery SET lk_next = ?2 WHERE id = ?1",
		       DB(db_i(d->id), db_i(d->links_next)));
	}
	return n == SORT_SLICE ? OP_AGAIN : 0;
}

void links_want(struct queue *q, struct brief *d, const char *from)
{
	bool wants = from[0] != '\0';

	/* "defects", or "defects.mobile": the one that this run goes to. */
	db_run(q->db,
	       "UPDATE delivery SET lk_from = coalesce((SELECT o.sink FROM delivery o WHERE o.run = "
	       "delivery.run"
	       " AND (o.sink = ?2 OR substr(o.sink, 1, length(?2) + 1) = ?2 || '.') ORDER BY o.id LIMIT 1), "
	       "?2)"
	       " WHERE id = ?1 AND (lk_from IS NULL OR ?2 IS NULL)",
	       DB(db_i(d->id), db_s(wants ? from : NULL)));
	d->links = wants;
}

void links_copy(struct queue *q, int64_t delivery, int64_t from, int64_t to)
{
	db_run(q->db,
	       "INSERT INTO link(delivery, item, defect, state) SELECT delivery, ?3, defect, 0 FROM link"
	       " WHERE delivery = ?1 AND item = ?2 ON CONFLICT DO NOTHING",
	       DB(db_i(delivery), db_i(from), db_i(to)));
}

/* ---- what becomes of them ---- */

void links_run_gone(struct queue *q, int64_t delivery, const char *parent)
{
	db_run(q->db,
	       "UPDATE link SET state = 0, reason = NULL WHERE delivery = ?1 AND state <> 0"
	       " AND (?2 IS NULL OR (SELECT r.parent FROM item i JOIN remote r ON r.id = i.remote"
	       " WHERE i.delivery = ?1 AND i.id = link.item) = ?2)",
	       DB(db_i(delivery), db_s(parent)));
}

void links_settle(struct queue *q, int64_t delivery, int64_t link, enum link_state to, const char *reason)
{
	db_run(q->db, "UPDATE link SET state = ?3, reason = ?4 WHERE id = ?2 AND delivery = ?1 AND state = 0",
	       DB(db_i(delivery), db_i(link), db_i(to), db_s(reason)));
}

void links_settle_row(struct queue *q, int64_t delivery, int64_t link, enum link_state to, const char *reason)
{
	int64_t item = db_get(q->db, "SELECT item FROM link WHERE id = ?1 AND delivery = ?2",
			      DB(db_i(link), db_i(delivery)), -1);

	db_run(q->db,
	       "UPDATE link SET state = ?3, reason = ?4 WHERE delivery = ?1 AND state = 0 AND (item = ?2"
	       " OR item IN (SELECT b.id FROM item a JOIN item b INDEXED BY item_remote"
	       " ON b.delivery = a.delivery AND b.remote = a.remote WHERE a.delivery = ?1 AND a.id = ?2"
	       " AND b.state = 4))",
	       DB(db_i(delivery), db_i(item), db_i(to), db_s(reason)));
}

bool links_open(struct queue *q, int64_t delivery, int64_t link)
{
	return db_get(q->db, "SELECT 1 FROM link WHERE id = ?1 AND delivery = ?2 AND state = 0",
		      DB(db_i(link), db_i(delivery)), 0) != 0;
}

const struct reason_line *links_reasons(struct queue *q, int64_t delivery, enum link_state state,
					struct arena *a, size_t *count)
{
	const struct reasons of = {
		.delivery = delivery,
		.state = state,
		.counts = "SELECT reason, count(*) FROM link WHERE delivery = ?1 AND state = ?2"
			  " GROUP BY reason ORDER BY count(*) DESC, reason LIMIT ?3",
		.names = "SELECT DISTINCT f.rid FROM link l JOIN defect f ON f.id = l.defect"
			 " WHERE l.delivery = ?1 AND l.state = ?2 AND l.reason IS ?3"
			 " ORDER BY f.id LIMIT ?4",
		.none = "no reason is known",
	};

	return reasons_read(q, &of, a, count);
}

uint64_t links_count(struct queue *q, int64_t delivery, enum link_state state)
{
	return (uint64_t)db_get(q->db, "SELECT count(*) FROM link WHERE delivery = ?1 AND state = ?2",
				DB(db_i(delivery), db_i(state)), 0);
}

int64_t links_retry(struct queue *q, int64_t delivery, const char *reason)
{
	db_run(q->db,
	       "UPDATE link SET state = 0, reason = NULL WHERE delivery = ?1 AND state = 1"
	       " AND (?2 IS NULL OR instr(lower(coalesce(reason, '')), ?2) > 0)",
	       DB(db_i(delivery), db_s(reason)));
	return db_failed(q->db, NULL) < 0 ? 0 : db_changes(q->db);
}

/* ---- rows ---- */

/* A link as it was read; strings are in the arena of the rows. */
struct owed_link {
	int64_t id, item, remote;
	const char *posted; /* id of the result over there; "" where nobody knows it */
	struct row_defect defect;
};

#define COLUMNS \
	"l.id, l.item, coalesce(i.remote, 0), coalesce(i.rid, ''), f.rid, coalesce(f.url, ''), f.state"
#define TABLES " JOIN item i ON i.delivery = l.delivery AND i.id = l.item JOIN defect f ON f.id = l.defect"

static void read_link(struct fill *f, struct db_stmt *s, struct owed_link *out)
{
	struct arena *a = &f->rows->arena;

	*out = (struct owed_link){ .id = db_int(s, 0),
				   .item = db_int(s, 1),
				   .remote = db_int(s, 2),
				   .posted = arena_strdup(a, db_text(s, 3)),
				   .defect = { .id = arena_strdup(a, db_text(s, 4)),
					       .url = arena_strdup(a, db_text(s, 5)),
					       .state = db_null(s, 6) ? NULL
								      : arena_strdup(a, db_text(s, 6)) } };
	f->bytes += strlen(db_text(s, 5)) + 64;
}

/* One row of these links, all of one case. */
static bool give_links(struct fill *f, const struct owed_link *link, size_t count)
{
	struct row *row = fill_next(f);
	int64_t *id = fill_alloc(f, count, sizeof(*id));
	struct row_defect *defect =
		fill_alloc(f, count < DEFECTS_SHOWN ? count : DEFECTS_SHOWN, sizeof(*defect));

	if (row == NULL || id == NULL || defect == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		bool known = row->defect_count == DEFECTS_SHOWN || link[i].defect.id == NULL;
		id[i] = link[i].id;
		for (size_t k = 0; k < row->defect_count && !known; k++)
			known = strcmp(defect[k].id, link[i].defect.id) == 0;
		if (!known)
			defect[row->defect_count++] = link[i].defect;
	}
	row->id = row_of_link(link[0].id);
	row->link_ids = id;
	row->link_count = count;
	row->defects = defect;
	row->posted_id = link[0].posted != NULL && link[0].posted[0] != '\0' ? link[0].posted : NULL;
	row->name = items_name(f->q, f->d.run, link[0].item, &f->rows->arena);
	if (link[0].remote != 0)
		row->remote_id =
			remote_rid(f->q, link[0].remote, &f->rows->arena, &row->remote_json, &row->group);
	const char *group = f->rows->count > 0 ? f->rows->row[0].group : row->group;
	if (f->limit.grouped &&
	    (group == NULL || row->group == NULL ? group != row->group : strcmp(group, row->group) != 0)) {
		f->rows->more = true; /* of another run over there: a request of its own */
		return true;
	}
	f->rows->count++;
	return true;
}

static int by_case(const void *a, const void *b)
{
	const struct owed_link *x = a, *y = b;
	int64_t p = x->remote != 0 ? x->remote : -x->item, q = y->remote != 0 ? y->remote : -y->item;

	if (p != q)
		return p < q ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static bool same_case(const struct owed_link *x, const struct owed_link *y)
{
	return x->remote != 0 ? x->remote == y->remote : y->remote == 0 && x->item == y->item;
}

static void give_all(struct fill *f, struct owed_link *link, size_t n)
{
	qsort(link, n, sizeof(*link), by_case);
	for (size_t i = 0, k; i < n && f->rc == 0; i = k) {
		for (k = i + 1; k < n && k - i < LINKS_MAX && same_case(&link[i], &link[k]); k++)
			;
		if (!give_links(f, &link[i], k - i))
			return;
	}
}

void fill_defects(struct fill *f)
{
	/* Tests that share a case mostly stand together; one that comes later is told in a result of its own. */
	size_t max = f->limit.count < LINKS_MAX ? f->limit.count : LINKS_MAX, n = 0, cases = 0;
	struct owed_link *link = xcalloc(LINKS_MAX + 1, sizeof(*link));
	struct seen seen = { 0 };

	struct db_stmt *s = db_query(f->q->db,
				     "SELECT " COLUMNS " FROM link l INDEXED BY link_state" TABLES
				     " WHERE l.delivery = ?1 AND l.state = 0 AND i.state = 4"
				     " ORDER BY l.item, l.id LIMIT ?2",
				     DB(db_i(f->d.id), db_i(SKIP_MAX)));
	while (n < LINKS_MAX && db_row(s)) {
		int64_t remote = db_int(s, 2), key = remote != 0 ? remote : -db_int(s, 1);
		bool fresh = seen_add(&seen, key);
		if (fresh && (cases == max || (cases > 0 && f->bytes >= f->limit.bytes))) {
			f->rows->more = true;
			break;
		}
		cases += fresh;
		read_link(f, s, &link[n++]);
	}
	db_end(s);
	give_all(f, link, n);
	free(seen.slot);
	free(link);
}

void fill_packed_defects(struct fill *f, const struct packed_rows *packed, bool open)
{
	struct owed_link *link = xcalloc(LINKS_MAX + 1, sizeof(*link));

	for (size_t i = 0; i < packed->count && f->rc == 0; i++) {
		const struct packed_row *p = &packed->row[i];
		size_t n = 0;
		if (open && !lots_row_open(f->q, f->d.id, ROWS_DEFECTS, p))
			continue;
		if (fill_full(f)) {
			f->rows->more = true;
			break;
		}
		for (size_t k = 0; k < p->count && n < LINKS_MAX; k++) {
			struct db_stmt *s = db_query(f->q->db,
						     "SELECT " COLUMNS " FROM link l" TABLES
						     " WHERE l.id = ?1 AND l.delivery = ?2",
						     DB(db_i(p->item[k]), db_i(f->d.id)));
			if (db_row(s))
				read_link(f, s, &link[n++]);
			db_end(s);
		}
		size_t before = f->rows->count;
		if (n > 0 && give_links(f, link, n) && f->rows->count > before)
			f->rows->row[before].id = p->row;
	}
	free(link);
}

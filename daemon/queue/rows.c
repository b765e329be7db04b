/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.c - what a step of a sink gets to see: tests beside remote ids, bounded by the step's limit.
 *
 * Lots (halves of what was refused) come before everything else.  Places and cases are looked for in the
 * cache once more before they are offered for creation: another run, or an earlier row with the same key,
 * may have made them meanwhile.  That binding is why these two kinds write. */
#include "daemon/queue/internal.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <stdlib.h>

enum {
	ROWS_BYTES_MAX = 1 << 30, /* of the arena; the limit of the step comes long before */
	SKIP_MAX = 20000,         /* items passed over in one call */
	BIND_SLICE = 4096,        /* items looked up in one transaction */
	TESTS_MAX = 4096,         /* of one case in one row; the others follow in a further row */
	ATTEMPTS_MAX = 100,       /* of one test: the latest */
	PACK_BLOCK = 32 << 10,
};

struct rows_op {
	struct op op;
	queue_rows_fn *done;
	void *cookie;
	int64_t delivery;
	enum rows_kind kind;
	struct rows_limit limit;
	bool frozen;
	struct rows *rows;
};

struct fill {
	struct queue *q;
	struct brief d;
	struct rows *rows;
	struct rows_limit limit;
	int64_t horizon; /* further results that belong to these rows */
	size_t bytes, room;
	struct err *err;
	int rc;
	struct item damaged[64]; /* items whose results cannot be read: parked at the end */
	size_t damaged_count;
};

static void *alloc(struct fill *f, size_t count, size_t size)
{
	void *p = arena_calloc(&f->rows->arena, count, size);

	if (p == NULL && f->rc == 0)
		f->rc = err_set(f->err, -E2BIG, "the rows of one request do not fit into memory");
	return p;
}

/* Room for one more row; NULL at the end of all room. */
static struct row *next_row(struct fill *f)
{
	struct rows *rows = f->rows;

	if (rows->count == f->room) {
		size_t room = f->room == 0 ? 64 : f->room * 2;
		struct row *row = alloc(f, room, sizeof(*row));
		if (row == NULL)
			return NULL;
		if (rows->count > 0)
			memcpy(row, rows->row, rows->count * sizeof(*row));
		rows->row = row;
		f->room = room;
	}
	rows->row[rows->count] = (struct row){ 0 };
	return &rows->row[rows->count];
}

static bool full(const struct fill *f)
{
	return f->rc < 0 || f->rows->count >= f->limit.count ||
	       (f->rows->count > 0 && f->bytes >= f->limit.bytes) || db_failed(f->q->db, NULL) < 0;
}

/* ---- tests ---- */

/* References of the test's results in the order in which they came; the latest where there are many. */
static size_t result_refs(struct fill *f, int64_t no, int64_t ref[ATTEMPTS_MAX])
{
	struct db *db = f->q->db;
	size_t n = 0;
	int64_t flags = 0;

	struct db_stmt *s = db_query(db, "SELECT first, flags FROM test WHERE run = ?1 AND no = ?2",
				     DB(db_i(f->d.run), db_i(no)));
	if (db_row(s)) {
		ref[n++] = db_int(s, 0);
		flags = db_int(s, 1);
	}
	db_end(s);
	if (n == 0 || (flags & ENTRY_MANY) == 0)
		return n;
	int64_t more = db_get(db, "SELECT count(*) FROM again WHERE run = ?1 AND no = ?2 AND seq <= ?3",
			      DB(db_i(f->d.run), db_i(no), db_i(f->horizon)), 0);
	if (more >= ATTEMPTS_MAX)
		n = 0;
	s = db_query(db,
		     "SELECT result FROM again WHERE run = ?1 AND no = ?2 AND seq <= ?3 ORDER BY seq"
		     " LIMIT ?4 OFFSET ?5",
		     DB(db_i(f->d.run), db_i(no), db_i(f->horizon), db_i(ATTEMPTS_MAX),
			db_i(more > ATTEMPTS_MAX ? more - ATTEMPTS_MAX : 0)));
	while (n < ATTEMPTS_MAX && db_row(s))
		ref[n++] = db_int(s, 0);
	db_end(s);
	return n;
}

static bool fill_test(struct fill *f, const struct item *item, struct row_test *out)
{
	int64_t ref[ATTEMPTS_MAX];
	size_t n = result_refs(f, item_test(item->id), ref);
	const struct result **list = alloc(f, n == 0 ? 1 : n, sizeof(const struct result *));

	for (size_t i = 0; i < n && f->rc == 0; i++) {
		struct result *r = alloc(f, 1, sizeof(*r));
		if (r == NULL)
			break;
		struct err why = ERR_NONE;
		int rc = store_result(f->q, ref[i], &f->rows->arena, r, &f->bytes, &why);
		if (rc < 0 && (rc == -E2BIG || db_failed(f->q->db, NULL) < 0)) {
			f->rc = err_set(f->err, rc, "%s", why.text);
			return false;
		}
		if (rc < 0) {
			if (f->damaged_count < sizeof(f->damaged) / sizeof(f->damaged[0]))
				f->damaged[f->damaged_count++] = *item;
			return false;
		}
		/* In the order in which they came, but one that is known to be older goes before. */
		size_t at = i;
		while (at > 0 && r->started_ms != TIME_UNKNOWN && list[at - 1]->started_ms != TIME_UNKNOWN &&
		       r->started_ms < list[at - 1]->started_ms) {
			list[at] = list[at - 1];
			at--;
		}
		list[at] = r;
	}
	*out = (struct row_test){ .results = list,
				  .result_count = n,
				  .posted_before = item->posted,
				  .id = item->id,
				  .settled = item->state == ITEM_POSTED };
	return f->rc == 0 && n > 0;
}

/* A damaged disk takes away what it takes away; the other results are sent. */
static int park_damaged(struct fill *f)
{
	struct tally t = items_tally_of(f->d.id);

	for (size_t i = 0; i < f->damaged_count; i++) {
		struct item now;
		if (items_get(f->q, f->d.id, f->damaged[i].id, &now) &&
		    (now.state == ITEM_OWED || now.state == ITEM_UNBOUND))
			items_move(f->q, &t, &now, ITEM_PARKED, "its results are damaged on disk");
	}
	items_save_tally(f->q, &t);
	return f->damaged_count > 0 && f->rows->count == 0 ? OP_AGAIN : 0;
}

/* ---- results ---- */

/* All tests of the case, those that are settled among them, since the row is folded as a whole. */
static size_t items_of_case(struct fill *f, const struct item *first, struct item *out, size_t max)
{
	size_t n = 0;

	out[n++] = *first;
	if (first->remote == 0)
		return n;
	struct db_stmt *s = db_query(
		f->q->db,
		"SELECT " ITEM_COLUMNS " FROM item INDEXED BY item_remote"
		" WHERE delivery = ?1 AND remote = ?2 AND state IN (0, 4)"
		" AND id <> ?3 ORDER BY state LIMIT ?4",
		DB(db_i(first->delivery), db_i(first->remote), db_i(first->id), db_i((int64_t)max - 1)));
	while (n < max && db_row(s))
		items_read(s, first->delivery, &out[n++]);
	db_end(s);
	return n;
}

/* What is owed goes first, so that a row that is cut short by its limit still gets on. */
static int by_need(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if ((x->state == ITEM_POSTED) != (y->state == ITEM_POSTED))
		return x->state == ITEM_POSTED ? 1 : -1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int by_arrival(const void *a, const void *b)
{
	const struct row_test *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static bool fill_row(struct fill *f, struct item *item, size_t count)
{
	struct row *row = next_row(f);
	size_t before = f->bytes;

	if (row == NULL)
		return false;
	row->id = item[0].id;
	if (item[0].remote != 0)
		row->remote_id = remote_rid(f->q, item[0].remote, &f->rows->arena, &row->remote_json);
	qsort(item, count, sizeof(*item), by_need);
	struct row_test *test = alloc(f, count, sizeof(*test));
	for (size_t i = 0; i < count && test != NULL && f->rc == 0; i++) {
		/* A case with very many tests: what is beyond the limit is owed still. */
		if (row->test_count > 0 && f->bytes - before > f->limit.bytes)
			break;
		if (fill_test(f, &item[i], &test[row->test_count]))
			row->test_count++;
	}
	if (test != NULL && row->test_count > 0)
		qsort(test, row->test_count, sizeof(*test), by_arrival);
	row->tests = test;
	if (f->rc < 0 || row->test_count == 0)
		return false;
	if (f->rows->count > 0 && f->bytes > f->limit.bytes) {
		f->rows->more = true;
		return false; /* it is the first of the next request */
	}
	f->rows->count++;
	return true;
}

struct seen { /* cases (or keys) that have their row */
	int64_t *slot;
	size_t size, count;
};

static bool seen_add(struct seen *s, int64_t v)
{
	if (s->count * 2 >= s->size) {
		struct seen grown = { .size = s->size == 0 ? 512 : s->size * 2 };
		grown.slot = xcalloc(grown.size, sizeof(*grown.slot));
		for (size_t i = 0; i < s->size; i++)
			if (s->slot[i] != 0)
				seen_add(&grown, s->slot[i]);
		free(s->slot);
		*s = grown;
	}
	size_t at = (size_t)((uint64_t)v * 0x9e3779b97f4a7c15u >> 20) & (s->size - 1);
	for (; s->slot[at] != 0; at = (at + 1) & (s->size - 1))
		if (s->slot[at] == v)
			return false;
	s->slot[at] = v;
	s->count++;
	return true;
}

static void fill_results(struct fill *f, bool by_case)
{
	struct item *group = xcalloc(TESTS_MAX, sizeof(*group));
	struct seen seen = { 0 };
	unsigned skipped = 0;
	struct item item;

	struct db_stmt *s = db_query(f->q->db,
				     "SELECT " ITEM_COLUMNS " FROM item INDEXED BY item_owed"
				     " WHERE delivery = ?1 AND state = 0 ORDER BY id",
				     DB(db_i(f->d.id)));
	while (f->rc == 0 && db_row(s)) {
		if (full(f) || skipped > SKIP_MAX) {
			f->rows->more = true;
			break;
		}
		items_read(s, f->d.id, &item);
		if (by_case && item.remote != 0 && !seen_add(&seen, item.remote)) {
			skipped++;
			continue;
		}
		size_t n = 1;
		group[0] = item;
		if (by_case)
			n = items_of_case(f, &item, group, TESTS_MAX);
		if (!fill_row(f, group, n) && f->rows->more)
			break;
	}
	db_end(s);
	free(seen.slot);
	free(group);
}

/* Rows that were frozen, or lie in a lot.  open: without those that are settled meanwhile. */
static void fill_packed(struct fill *f, const struct packed_rows *packed, bool open)
{
	for (size_t i = 0; i < packed->count && f->rc == 0; i++) {
		const struct packed_row *p = &packed->row[i];
		struct item *group = xcalloc(p->count + 1, sizeof(*group));
		size_t n = 0;
		if (open && !lots_row_open(f->q, f->d.id, f->rows->kind, p)) {
			free(group);
			continue;
		}
		if (full(f)) {
			f->rows->more = true;
			free(group);
			break;
		}
		for (size_t k = 0; k < p->count; k++)
			if (items_get(f->q, f->d.id, p->item[k], &group[n]))
				n++;
		if (n > 0 && fill_row(f, group, n))
			f->rows->row[f->rows->count - 1].id = p->row;
		free(group);
	}
}

/* ---- places ---- */

static bool bind_places(struct fill *f)
{
	struct {
		int64_t id;
		char *parent, *name;
	} row[64];
	int64_t shelf = remote_shelf(f->q, f->d.sink, "section", f->d.scope, false);
	int64_t last = 0;
	bool any = false;
	size_t n;

	if (shelf == 0)
		return false;
	do {
		n = 0;
		struct db_stmt *s = db_query(
			f->q->db,
			"SELECT p.id, parent.remote_id, p.name FROM place p LEFT JOIN place parent ON "
			"parent.id = p.parent"
			" WHERE p.delivery = ?1 AND p.id > ?2 AND p.remote_id IS NULL AND p.parked = 0"
			" AND (p.parent = 0 OR parent.remote_id IS NOT NULL) ORDER BY p.id LIMIT 64",
			DB(db_i(f->d.id), db_i(last)));
		for (; n < 64 && db_row(s); n++) {
			row[n].id = last = db_int(s, 0);
			row[n].parent = xstrdup(db_null(s, 1) ? "" : db_text(s, 1));
			row[n].name = xstrdup(db_text(s, 2));
		}
		db_end(s);
		for (size_t i = 0; i < n; i++) {
			int64_t key = match_key_in(f->q->digest, row[i].parent, row[i].name);
			int64_t remote = remote_by_name(f->q, shelf, key);
			if (remote != 0) {
				db_run(f->q->db,
				       "UPDATE place SET remote_id = (SELECT rid FROM remote WHERE id = ?2)"
				       " WHERE id = ?1",
				       DB(db_i(row[i].id), db_i(remote)));
				any = true;
			}
			free(row[i].parent);
			free(row[i].name);
		}
	} while (n == 64 && db_failed(f->q->db, NULL) == 0);
	return any;
}

static bool place_row(struct fill *f, struct db_stmt *s)
{
	struct row *row = next_row(f);

	if (row == NULL)
		return false;
	row->id = row_of_place(db_int(s, 0));
	row->name = arena_strdup(&f->rows->arena, db_text(s, 1));
	row->depth = (unsigned)db_int(s, 2);
	row->remote_id = arena_strdup(&f->rows->arena, db_text(s, 3));
	f->rows->count++;
	return true;
}

static void fill_places(struct fill *f)
{
	while (bind_places(f)) /* what is found may be the parent of what can be found next */
		;
	struct db_stmt *s =
		db_query(f->q->db,
			 "SELECT p.id, p.name, p.depth, parent.remote_id FROM place p INDEXED BY place_open"
			 " LEFT JOIN place parent ON parent.id = p.parent"
			 " WHERE p.delivery = ?1 AND p.remote_id IS NULL AND p.parked = 0"
			 " AND (p.parent = 0 OR parent.remote_id IS NOT NULL) ORDER BY p.depth, p.id",
			 DB(db_i(f->d.id)));
	while (f->rc == 0 && db_row(s)) {
		if (full(f)) {
			f->rows->more = true;
			break;
		}
		place_row(f, s);
	}
	db_end(s);
}

static void fill_packed_places(struct fill *f, const struct packed_rows *packed, bool open)
{
	for (size_t i = 0; i < packed->count && f->rc == 0; i++) {
		if (open && !lots_row_open(f->q, f->d.id, ROWS_PLACES, &packed->row[i]))
			continue;
		if (full(f)) {
			f->rows->more = true;
			break;
		}
		struct db_stmt *s = db_query(
			f->q->db,
			"SELECT p.id, p.name, p.depth, parent.remote_id FROM place p"
			" LEFT JOIN place parent ON parent.id = p.parent WHERE p.id = ?1 AND p.delivery = ?2",
			DB(db_i(row_of_place(packed->row[i].row)), db_i(f->d.id)));
		if (db_row(s))
			place_row(f, s);
		db_end(s);
	}
}

/* ---- cases to be made ---- */

struct maker {
	struct fill *f;
	struct tally tally;
	struct seen seen; /* keys that have their row */
	int64_t shelf;
	unsigned looked, skipped;
};

/* One unbound item: bound, parked, passed over, or made a row.  The place's id over there stands in rid. */
static void consider(struct maker *m, const struct item *item, const char *rid)
{
	struct fill *f = m->f;
	struct queue *q = f->q;
	struct chunk_entry e = { 0 };
	int64_t key = items_key(q, f->d.run, item->id, f->d.by_title, &e);
	int64_t remote = m->shelf == 0   ? 0
			 : f->d.by_title ? remote_by_name(q, m->shelf, key)
					 : remote_by_alias(q, m->shelf, key);

	m->looked++;
	if (remote != 0) {
		items_bind(q, &m->tally, item, remote);
		return;
	}
	if (key != 0) {
		struct db_stmt *s = db_query(q->db,
					     "SELECT state, reason FROM refused WHERE delivery = ?1"
					     " AND key = ?2",
					     DB(db_i(f->d.id), db_i(key)));
		if (db_row(s)) {
			enum item_state to = (enum item_state)db_int(s, 0);
			char *reason = xstrdup(db_text(s, 1));
			db_end(s);
			items_move(q, &m->tally, item, to, reason);
			free(reason);
			return;
		}
		if (!seen_add(&m->seen, key)) {
			m->skipped++;
			f->rows->more = true;
			return;
		}
	}
	struct item one = *item;
	if (fill_row(f, &one, 1))
		f->rows->row[f->rows->count - 1].remote_id = arena_strdup(&f->rows->arena, rid);
	else
		f->rows->more = true;
}

/* Unbound items of one place, in slices that are read before they are changed. */
static void consider_place(struct maker *m, int64_t place, const char *rid)
{
	struct item slice[256];
	int64_t last = -1;
	size_t n;

	do {
		n = 0;
		struct db_stmt *s = db_query(m->f->q->db,
					     "SELECT " ITEM_COLUMNS " FROM item INDEXED BY item_place"
					     " WHERE delivery = ?1 AND place = ?2 AND state = 1"
					     " AND id > ?3 ORDER BY id LIMIT 256",
					     DB(db_i(m->f->d.id), db_i(place), db_i(last)));
		while (n < 256 && db_row(s))
			items_read(s, m->f->d.id, &slice[n++]);
		db_end(s);
		for (size_t i = 0; i < n; i++) {
			if (full(m->f) || m->looked >= BIND_SLICE) {
				m->f->rows->more = true;
				return;
			}
			consider(m, &slice[i], rid);
			last = slice[i].id;
		}
	} while (n == 256 && m->f->rc == 0);
}

/* The first place behind `after` that has unbound items and is there (0 is the root); -1: none. */
static int64_t next_place(struct fill *f, int64_t after, char **rid)
{
	for (;;) {
		int64_t place = db_get(f->q->db,
				       "SELECT place FROM item INDEXED BY item_place"
				       " WHERE delivery = ?1 AND state = 1 AND place > ?2"
				       " ORDER BY place LIMIT 1",
				       DB(db_i(f->d.id), db_i(after)), -1);
		*rid = NULL;
		if (place <= 0)
			return place;
		struct db_stmt *s =
			db_query(f->q->db, "SELECT remote_id FROM place WHERE id = ?1", DB(db_i(place)));
		if (db_row(s))
			*rid = xstrdup(db_text(s, 0));
		db_end(s);
		if (*rid != NULL)
			return place;
		after = place;
	}
}

/* OP_AGAIN where a slice of binding found no row to give. */
static int fill_cases(struct fill *f)
{
	struct maker m = { .f = f, .tally = items_tally_of(f->d.id) };
	int64_t place = -1;
	char *rid;

	m.shelf = remote_shelf(f->q, f->d.sink, "case", f->d.scope, false);
	while (f->rows->count == 0 && m.looked < BIND_SLICE && f->rc == 0 &&
	       (place = next_place(f, place, &rid)) >= 0) {
		consider_place(&m, place, rid);
		free(rid);
	}
	if (f->rows->count > 0 && !f->rows->more) /* the other places */
		f->rows->more = f->d.n[ITEM_UNBOUND] + m.tally.n[ITEM_UNBOUND] > (int64_t)f->rows->count;
	bool again = f->rows->count == 0 && m.looked >= BIND_SLICE;
	items_save_tally(f->q, &m.tally);
	free(m.seen.slot);
	return again ? OP_AGAIN : 0;
}

static void fill_packed_cases(struct fill *f, const struct packed_rows *packed, bool open)
{
	fill_packed(f, packed, open);
	for (size_t i = 0; i < f->rows->count; i++) {
		struct db_stmt *s = db_query(f->q->db,
					     "SELECT p.remote_id FROM item i JOIN place p ON p.id = i.place"
					     " WHERE i.delivery = ?1 AND i.id = ?2",
					     DB(db_i(f->d.id), db_i(f->rows->row[i].id)));
		if (db_row(s))
			f->rows->row[i].remote_id = arena_strdup(&f->rows->arena, db_text(s, 0));
		db_end(s);
	}
}

/* ---- links ---- */

static int by_length(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	size_t m = strlen(x), n = strlen(y);

	return m != n ? (m < n ? -1 : 1) : strcmp(x, y);
}

/* Ids are short and may be a million: they are packed, not aligned one by one. */
struct packer {
	char *at, *end;
};

static const char *pack(struct fill *f, struct packer *p, const char *s)
{
	size_t len = strlen(s) + 1;

	if (p->at == NULL || len > (size_t)(p->end - p->at)) {
		size_t room = len > PACK_BLOCK ? len : PACK_BLOCK;
		p->at = alloc(f, room, 1);
		if (p->at == NULL)
			return NULL;
		p->end = p->at + room;
	}
	char *copy = memcpy(p->at, s, len);
	p->at += len;
	return copy;
}

/* epoch: bindings that count (of the intent, or all). */
static void fill_links(struct fill *f, int64_t epoch)
{
	struct packer packer = { NULL, NULL };
	int64_t count = db_get(f->q->db,
			       "SELECT count(DISTINCT remote) FROM item INDEXED BY item_remote"
			       " WHERE delivery = ?1 AND remote IS NOT NULL",
			       DB(db_i(f->d.id)), 0);
	const char **ids = alloc(f, (size_t)count + 1, sizeof(*ids));

	struct db_stmt *s =
		db_query(f->q->db,
			 "SELECT r.rid, min(i.epoch) FROM item i INDEXED BY item_remote JOIN remote r ON "
			 "r.id = i.remote"
			 " WHERE i.delivery = ?1 AND i.remote IS NOT NULL AND i.epoch <= ?2 AND r.gone = 0"
			 " GROUP BY i.remote",
			 DB(db_i(f->d.id), db_i(epoch)));
	while (f->rc == 0 && f->rows->id_count < (size_t)count && db_row(s)) {
		ids[f->rows->id_count++] = pack(f, &packer, db_text(s, 0));
		if (db_int(s, 1) > f->d.linked)
			f->rows->new_ids++;
	}
	db_end(s);
	if (f->rc < 0)
		return;
	qsort(ids, f->rows->id_count, sizeof(*ids), by_length);
	f->rows->ids = ids;
}

/* ---- the op ---- */

static int fill_frozen(struct fill *f)
{
	struct arena arena = ARENA_LIMIT(SIZE_MAX / 2);
	struct packed_rows packed = { 0 };
	enum rows_kind kind = ROWS_NONE;
	int64_t epoch = 0;

	struct db_stmt *s =
		db_query(f->q->db, "SELECT kind, rows, epoch, again FROM intent WHERE delivery = ?1",
			 DB(db_i(f->d.id)));
	if (db_row(s)) {
		size_t len;
		const void *blob = db_blob(s, 1, &len);
		kind = (enum rows_kind)db_int(s, 0);
		epoch = db_int(s, 2);
		f->horizon = db_int(s, 3);
		f->rc = packed_read(blob, len, &arena, &packed);
	}
	db_end(s);
	f->limit = (struct rows_limit){ .count = SIZE_MAX, .bytes = SIZE_MAX };
	if (f->rc == 0 && kind == f->rows->kind) {
		switch (kind) {
		case ROWS_NONE:
			break;
		case ROWS_PLACES:
			fill_packed_places(f, &packed, false);
			break;
		case ROWS_CASES:
			fill_packed_cases(f, &packed, false);
			break;
		case ROWS_LINKS:
			fill_links(f, epoch);
			break;
		case ROWS_RESULTS:
		case ROWS_ALL:
			fill_packed(f, &packed, false);
			break;
		}
	}
	arena_done(&arena);
	return f->rc;
}

/* True where a lot gave the rows. */
static bool fill_lot(struct fill *f)
{
	struct arena arena = ARENA_LIMIT(SIZE_MAX / 2);
	struct packed_rows packed;

	if (lots_top(f->q, f->d.id, f->rows->kind, &arena, &packed) != 0) {
		if (f->rows->kind == ROWS_PLACES)
			fill_packed_places(f, &packed, true);
		else if (f->rows->kind == ROWS_CASES)
			fill_packed_cases(f, &packed, true);
		else
			fill_packed(f, &packed, true);
		f->rows->more = true; /* the other half, and all that is owed besides */
	}
	arena_done(&arena);
	return f->rows->count > 0;
}

static int fill(struct fill *f)
{
	switch (f->rows->kind) {
	case ROWS_NONE:
		break;
	case ROWS_PLACES:
		if (!fill_lot(f))
			fill_places(f);
		break;
	case ROWS_CASES:
		if (!fill_lot(f))
			return f->rc < 0 ? f->rc : fill_cases(f);
		break;
	case ROWS_LINKS:
		fill_links(f, f->d.epoch);
		break;
	case ROWS_RESULTS:
		if (!fill_lot(f))
			fill_results(f, true);
		break;
	case ROWS_ALL:
		if (!fill_lot(f))
			fill_results(f, false);
		break;
	}
	return f->rc;
}

static int rows_work(struct queue *q, struct op *o, struct err *err)
{
	struct rows_op *op = (struct rows_op *)o;
	struct fill f = { .q = q, .limit = op->limit, .err = err };
	int rc = brief_get(q, op->delivery, &f.d, err);

	if (rc < 0)
		return rc;
	rows_free(op->rows);
	op->rows = xcalloc(1, sizeof(*op->rows));
	op->rows->arena = ARENA_LIMIT(ROWS_BYTES_MAX);
	op->rows->kind = op->kind;
	f.rows = op->rows;
	f.horizon = f.d.resolved_again;
	if (f.limit.count == 0)
		f.limit.count = SIZE_MAX;
	if (f.limit.bytes == 0)
		f.limit.bytes = SIZE_MAX;
	rc = op->frozen ? fill_frozen(&f) : fill(&f);
	if (rc == 0 && f.rows->count == 0)
		f.rows->more = false;
	if (rc == 0 && f.damaged_count > 0)
		rc = park_damaged(&f);
	return rc;
}

static void rows_answer(struct queue *q, struct op *o, int rc, const struct err *err)
{
	struct rows_op *op = (struct rows_op *)o;
	struct rows *rows = rc < 0 ? NULL : op->rows;

	(void)q;
	if (rc >= 0)
		op->rows = NULL; /* the callback's now */
	op->done(op->cookie, rc, rows, err);
}

static void rows_drop(struct op *o)
{
	rows_free(((struct rows_op *)o)->rows);
}

static void start(struct queue *q, int64_t delivery, enum rows_kind kind, struct rows_limit limit,
		  bool frozen, queue_rows_fn *done, void *cookie)
{
	bool writes = !frozen && (kind == ROWS_CASES || kind == ROWS_PLACES);
	struct rows_op *op = op_new(sizeof(*op), writes ? OP_WRITE | OP_ALONE : OP_WRITE, rows_work,
				    rows_answer, rows_drop);

	op->done = done;
	op->cookie = cookie;
	op->delivery = delivery;
	op->kind = kind;
	op->limit = limit;
	op->frozen = frozen;
	op_start(q, &op->op);
}

void queue_rows(struct queue *q, int64_t delivery, enum rows_kind kind, struct rows_limit limit,
		queue_rows_fn *done, void *cookie)
{
	start(q, delivery, kind, limit, false, done, cookie);
}

void queue_rows_frozen(struct queue *q, int64_t delivery, enum rows_kind kind, queue_rows_fn *done,
		       void *cookie)
{
	start(q, delivery, kind, (struct rows_limit){ 0 }, true, done, cookie);
}

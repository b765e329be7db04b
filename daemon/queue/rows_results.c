/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_results.c - tests beside their remote cases, folded into one row a case. */
#include "daemon/queue/fill.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <stdlib.h>

enum {
	SKIP_MAX = 20000,   /* items passed over in one call */
	TESTS_MAX = 4096,   /* of one case in one row; the others follow in a further row */
	ATTEMPTS_MAX = 100, /* of one test: the latest */
};

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

/* In the order in which they came, but one that is known to be older goes before, and so does the attempt that was
 * tried again before what began in the same instant. */
static bool goes_before(const struct result *r, const struct result *other)
{
	bool known = r->started_ms != TIME_UNKNOWN && other->started_ms != TIME_UNKNOWN;

	if (known && r->started_ms != other->started_ms)
		return r->started_ms < other->started_ms;
	return result_retried(r) && !result_retried(other);
}

static bool fill_test(struct fill *f, const struct item *item, struct row_test *out)
{
	int64_t ref[ATTEMPTS_MAX];
	size_t n = result_refs(f, item_test(item->id), ref);
	const struct result **list = fill_alloc(f, n == 0 ? 1 : n, sizeof(const struct result *));

	for (size_t i = 0; i < n && f->rc == 0; i++) {
		struct result *r = fill_alloc(f, 1, sizeof(*r));
		if (r == NULL)
			break;
		struct err why = ERR_NONE;
		int rc = store_result(f->q, ref[i], &f->rows->arena, r, &f->bytes, &why);
		if (rc < 0 && (rc == -E2BIG || db_failed(f->q->db, NULL) < 0)) {
			f->rc = err_set(f->err, rc, "%s", why.text);
			return false;
		}
		if (rc < 0) {
			if (f->damaged_count < FILL_DAMAGED_MAX)
				f->damaged[f->damaged_count++] = *item;
			return false;
		}
		size_t at = i;
		while (at > 0 && goes_before(r, list[at - 1])) {
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
int fill_park_damaged(struct fill *f)
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

/* Tests of the case that are settled and in no lot: a row out of a lot is folded with them, too, or a test that is
 * sent alone after the others of its case would be the case's last word. */
static size_t add_settled(struct fill *f, struct item *group, size_t n)
{
	size_t own = n;
	struct db_stmt *s = db_query(f->q->db,
				     "SELECT " ITEM_COLUMNS " FROM item INDEXED BY item_remote"
				     " WHERE delivery = ?1 AND remote = ?2 AND state = 4 LIMIT ?3",
				     DB(db_i(f->d.id), db_i(group[0].remote), db_i(TESTS_MAX)));

	while (n < TESTS_MAX && db_row(s)) {
		size_t i = 0;
		items_read(s, f->d.id, &group[n]);
		while (i < own && group[i].id != group[n].id)
			i++;
		n += i == own;
	}
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

bool fill_row(struct fill *f, struct item *item, size_t count)
{
	struct row *row = fill_next(f);
	size_t before = f->bytes;

	if (row == NULL)
		return false;
	row->id = item[0].id;
	if (item[0].remote != 0)
		row->remote_id =
			remote_rid(f->q, item[0].remote, &f->rows->arena, &row->remote_json, &row->group);
	if (f->d.failing && row->remote_id != NULL)
		row->failure = failures_known(f->q, &f->d, row->remote_id, &f->rows->arena);
	qsort(item, count, sizeof(*item), by_need);
	struct row_test *test = fill_alloc(f, count, sizeof(*test));
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
	if (f->rows->count > 0 && f->bytes > f->limit.enough) {
		f->rows->more = true;
		return false; /* it is the first of the next request */
	}
	f->rows->count++;
	f->rows->bytes = f->bytes;
	return true;
}

void fill_results(struct fill *f, bool by_case)
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
		if (fill_full(f) || skipped > SKIP_MAX) {
			f->rows->more = true;
			break;
		}
		items_read(s, f->d.id, &item);
		if (by_case && item.remote != 0 && !seen_add(&seen, item.remote)) {
			skipped++;
			continue;
		}
		if (f->limit.grouped && f->rows->count > 0 &&
		    !remote_within(f->q, item.remote, f->rows->row[0].group)) {
			f->rows->more = true; /* of another request */
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
void fill_packed(struct fill *f, const struct packed_rows *packed, bool open)
{
	struct item *group = xcalloc(TESTS_MAX, sizeof(*group));

	for (size_t i = 0; i < packed->count && f->rc == 0; i++) {
		const struct packed_row *p = &packed->row[i];
		size_t n = 0;
		if (open && !lots_row_open(f->q, f->d.id, f->rows->kind, p))
			continue;
		if (fill_full(f)) {
			f->rows->more = true;
			break;
		}
		for (size_t k = 0; k < p->count && n < TESTS_MAX; k++)
			if (items_get(f->q, f->d.id, p->item[k], &group[n]))
				n++;
		if (open && f->rows->kind == ROWS_RESULTS && n > 0 && group[0].remote != 0)
			n = add_settled(f, group, n);
		if (n > 0 && fill_row(f, group, n))
			f->rows->row[f->rows->count - 1].id = p->row;
	}
	free(group);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_make.c - sections and cases that are to be made over there.
 *
 * Both are looked for in the cache once more before they are offered: another run, or an earlier row with
 * the same key, may have made them meanwhile.  That binding is why these two kinds write. */
#include "daemon/queue/fill.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

enum { BIND_SLICE = 4096 /* items looked up in one transaction */ };

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
	struct row *row = fill_next(f);

	if (row == NULL)
		return false;
	row->id = row_of_place(db_int(s, 0));
	row->name = arena_strdup(&f->rows->arena, db_text(s, 1));
	row->depth = (unsigned)db_int(s, 2);
	row->remote_id = arena_strdup(&f->rows->arena, db_text(s, 3));
	f->rows->count++;
	return true;
}

void fill_places(struct fill *f)
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
		if (fill_full(f)) {
			f->rows->more = true;
			break;
		}
		place_row(f, s);
	}
	db_end(s);
}

void fill_packed_places(struct fill *f, const struct packed_rows *packed, bool open)
{
	for (size_t i = 0; i < packed->count && f->rc == 0; i++) {
		if (open && !lots_row_open(f->q, f->d.id, ROWS_PLACES, &packed->row[i]))
			continue;
		if (fill_full(f)) {
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
			if (fill_full(m->f) || m->looked >= BIND_SLICE) {
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
int fill_cases(struct fill *f)
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

void fill_packed_cases(struct fill *f, const struct packed_rows *packed, bool open)
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

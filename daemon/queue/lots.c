/* SPDX-License-Identifier: Apache-2.0
 *
 * lots.c - rows as an intent or a split batch keeps them, and the halving of what was refused.
 *
 * Lots of one delivery are a stack: what was refused becomes two lots, the first half on top, and nothing
 * else is offered until they are settled.  So k culprits among n rows stand alone after O(k log n)
 * requests, and the rows around them are sent on the way.  A batch is not halved at once: its first, its
 * last and a middle row are tried alone, and where all are refused with the same words the rest is refused
 * for that reason too (a field that became required), without a request a row.  A blob is a sequence of little-endian 64-bit
 * numbers: a count, then for each row its id, the number of its items, and these. */
#include "daemon/queue/internal.h"

#include <endian.h>
#include <errno.h>

enum { PROBE_MIN = 8, PROBES = '3' }; /* a smaller batch is halved in as few requests */

static void put(struct buf *b, int64_t v)
{
	uint64_t le = htole64((uint64_t)v);

	buf_append(b, &le, sizeof(le));
}

int packed_write(const struct packed_row *row, size_t count, struct buf *out)
{
	put(out, (int64_t)count);
	for (size_t i = 0; i < count; i++) {
		put(out, row[i].row);
		put(out, (int64_t)row[i].count);
		for (size_t k = 0; k < row[i].count; k++)
			put(out, row[i].item[k]);
	}
	return buf_error(out);
}

static bool take(const uint8_t **at, const uint8_t *end, int64_t *out)
{
	uint64_t le;

	if ((size_t)(end - *at) < sizeof(le))
		return false;
	memcpy(&le, *at, sizeof(le));
	*at += sizeof(le);
	*out = (int64_t)le64toh(le);
	return true;
}

int packed_read(const void *blob, size_t len, struct arena *arena, struct packed_rows *out)
{
	const uint8_t *at = blob, *end = at == NULL ? NULL : at + len;
	int64_t count = 0, n;

	*out = (struct packed_rows){ .arena = arena };
	if (blob == NULL)
		return 0;
	if (!take(&at, end, &count) || count < 0 || (uint64_t)count > len / 16)
		return -EUCLEAN;
	out->row = arena_calloc(arena, (size_t)count, sizeof(*out->row));
	if (out->row == NULL)
		return -E2BIG;
	for (int64_t i = 0; i < count; i++) {
		struct packed_row *row = &out->row[i];
		if (!take(&at, end, &row->row) || !take(&at, end, &n) || n < 0 ||
		    (uint64_t)n > (size_t)(end - at) / 8)
			return -EUCLEAN;
		int64_t *item = arena_calloc(arena, (size_t)n, sizeof(*item));
		if (item == NULL)
			return -E2BIG;
		for (int64_t k = 0; k < n; k++)
			(void)take(&at, end, &item[k]);
		row->item = item;
		row->count = (size_t)n;
		out->count++;
	}
	return 0;
}

const struct packed_row *packed_find(const struct packed_rows *rows, int64_t row)
{
	for (size_t i = 0; i < rows->count; i++)
		if (rows->row[i].row == row)
			return &rows->row[i];
	return NULL;
}

int64_t lots_top(struct queue *q, int64_t delivery, enum rows_kind kind, struct arena *arena,
		 struct packed_rows *out)
{
	int64_t id = 0;
	struct db_stmt *s = db_query(q->db,
				     "SELECT id, rows FROM lot WHERE delivery = ?1 AND kind = ?2"
				     " ORDER BY id DESC LIMIT 1",
				     DB(db_i(delivery), db_i(kind)));
	*out = (struct packed_rows){ .arena = arena };
	if (db_row(s)) {
		size_t len;
		const void *blob = db_blob(s, 1, &len);
		id = db_int(s, 0);
		/* One that cannot be read is as good as settled: its rows are offered as all others. */
		if (packed_read(blob, len, arena, out) < 0)
			out->count = 0;
	}
	db_end(s);
	return id;
}

bool lots_row_open(struct queue *q, int64_t delivery, enum rows_kind kind, const struct packed_row *row)
{
	if (kind == ROWS_PLACES)
		return db_get(q->db,
			      "SELECT 1 FROM place WHERE id = ?1 AND delivery = ?2"
			      " AND remote_id IS NULL AND parked = 0",
			      DB(db_i(row_of_place(row->row)), db_i(delivery)), 0) != 0;
	if (kind == ROWS_EVIDENCE)
		return db_get(q->db, "SELECT 1 FROM attach WHERE id = ?1 AND delivery = ?2 AND state = ?3",
			      DB(db_i(attach_of_row(row->row)), db_i(delivery), db_i(ATTACH_OWED)), 0) != 0;
	for (size_t i = 0; kind == ROWS_DEFECTS && i < row->count; i++)
		if (links_open(q, delivery, row->item[i]))
			return true;
	if (kind == ROWS_DEFECTS)
		return false;
	enum item_state wanted = kind == ROWS_CASES ? ITEM_UNBOUND : ITEM_OWED;
	for (size_t i = 0; i < row->count; i++) {
		struct item item;
		if (items_get(q, delivery, row->item[i], &item) && item.state == wanted)
			return true;
	}
	return false;
}

static bool any_open(struct queue *q, int64_t delivery, enum rows_kind kind, const struct packed_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		if (lots_row_open(q, delivery, kind, &rows->row[i]))
			return true;
	return false;
}

static void drop(struct queue *q, int64_t lot)
{
	db_run(q->db, "DELETE FROM lot WHERE id = ?1", DB(db_i(lot)));
}

void lots_trim(struct queue *q, int64_t delivery, enum rows_kind kind)
{
	for (;;) {
		struct arena arena = ARENA_LIMIT(SIZE_MAX / 2);
		struct packed_rows rows;
		int64_t lot = lots_top(q, delivery, kind, &arena, &rows);
		bool open = lot != 0 && any_open(q, delivery, kind, &rows);
		if (lot != 0 && !open)
			drop(q, lot);
		arena_done(&arena);
		if (lot == 0 || open || db_failed(q->db, NULL) < 0)
			return;
	}
}

static void push(struct queue *q, int64_t delivery, enum rows_kind kind, const struct packed_row *row,
		 size_t count, const char *probe)
{
	struct buf blob = BUF_LIMIT(SIZE_MAX / 2);

	if (count > 0 && packed_write(row, count, &blob) == 0)
		db_run(q->db, "INSERT INTO lot(delivery, kind, rows, probe) VALUES(?1, ?2, ?3, ?4)",
		       DB(db_i(delivery), db_i(kind), db_b(blob.data, blob.len), db_s(probe)));
	buf_done(&blob);
}

void lots_split(struct queue *q, int64_t delivery, enum rows_kind kind, const struct packed_rows *rows)
{
	struct arena arena = ARENA_LIMIT(SIZE_MAX / 2);
	struct packed_rows top;
	int64_t lot = lots_top(q, delivery, kind, &arena, &top);

	/* Where the rows came out of a lot only in part, what was not sent stays in it. */
	if (lot != 0) {
		size_t n = 0;
		for (size_t i = 0; i < top.count; i++)
			if (packed_find(rows, top.row[i].row) == NULL)
				top.row[n++] = top.row[i];
		drop(q, lot);
		push(q, delivery, kind, top.row, n, NULL);
	}
	if (lot == 0 && rows->count >= PROBE_MIN) {
		/* First, last and one in the middle are tried alone, in this order; the rest lies below them. */
		size_t middle = rows->count / 2, rest = 0;
		struct packed_row *row = arena_calloc(&arena, rows->count, sizeof(*row));
		for (size_t i = 1; row != NULL && i + 1 < rows->count; i++)
			if (i != middle)
				row[rest++] = rows->row[i];
		push(q, delivery, kind, row, rest, "");
		push(q, delivery, kind, rows->row + middle, 1, NULL);
		push(q, delivery, kind, rows->row + rows->count - 1, 1, NULL);
		push(q, delivery, kind, rows->row, 1, NULL);
	} else {
		size_t half = (rows->count + 1) / 2;
		push(q, delivery, kind, rows->row + half, rows->count - half, NULL);
		push(q, delivery, kind, rows->row, half, NULL);
	}
	arena_done(&arena);
}

bool lots_probed(struct queue *q, int64_t delivery, enum rows_kind kind, const char *reason,
		 struct arena *arena, struct packed_rows *group)
{
	struct db_stmt *s = db_query(q->db,
				     "SELECT id, rows, probe FROM lot WHERE delivery = ?1 AND kind = ?2"
				     " AND probe IS NOT NULL ORDER BY id DESC LIMIT 1",
				     DB(db_i(delivery), db_i(kind)));
	int64_t lot = 0;
	char *next = NULL;
	bool all = false;

	*group = (struct packed_rows){ .arena = arena };
	if (db_row(s)) {
		/* "", then the words of the first with how many rows they refused before them. */
		const char *probe = db_text(s, 2);
		size_t len;
		bool same = probe[0] == '\0' || strcmp(probe + 1, reason) == 0;
		char refused = probe[0] == '\0' ? '1' : (char)(probe[0] + 1);
		lot = db_int(s, 0);
		if (same)
			next = arena_printf(arena, "%c%s", refused, reason);
		if (same && refused == PROBES) {
			const void *blob = db_blob(s, 1, &len);
			all = packed_read(blob, len, arena, group) == 0;
		}
	}
	db_end(s);
	if (all)
		drop(q, lot);
	else if (lot != 0)
		db_run(q->db, "UPDATE lot SET probe = ?2 WHERE id = ?1", DB(db_i(lot), db_s(next)));
	return all;
}

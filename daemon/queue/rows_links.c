/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_links.c - every case that a run touches, sorted. */
#include "daemon/queue/fill.h"

#include <stdlib.h>

enum { PACK_BLOCK = 32 << 10 };

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
		p->at = fill_alloc(f, room, 1);
		if (p->at == NULL)
			return NULL;
		p->end = p->at + room;
	}
	char *copy = memcpy(p->at, s, len);
	p->at += len;
	return copy;
}

/* epoch: bindings that count (of the intent, or all). */
void fill_links(struct fill *f, int64_t epoch)
{
	struct packer packer = { NULL, NULL };
	int64_t count = db_get(f->q->db,
			       "SELECT count(DISTINCT remote) FROM item INDEXED BY item_remote"
			       " WHERE delivery = ?1 AND remote IS NOT NULL",
			       DB(db_i(f->d.id)), 0);
	const char **ids = fill_alloc(f, (size_t)count + 1, sizeof(*ids));

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

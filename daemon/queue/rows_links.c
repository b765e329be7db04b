/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_links.c - every case that a run touches, sorted. */
#include "daemon/queue/fill.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

enum { PACK_BLOCK = 32 << 10, GROUPS_KNOWN = 64 };

static int by_length(const char *x, const char *y)
{
	size_t m = strlen(x), n = strlen(y);

	return m != n ? (m < n ? -1 : 1) : strcmp(x, y);
}

static int by_id(const void *a, const void *b)
{
	return by_length(*(const char *const *)a, *(const char *const *)b);
}

struct link {
	const char *group, *id;
};

static int by_group(const void *a, const void *b)
{
	const struct link *x = a, *y = b;
	int order = by_length(x->group, y->group);

	return order != 0 ? order : by_length(x->id, y->id);
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

/* Parents are few: each stands once. */
static const char *intern(struct fill *f, const char **known, size_t *count, size_t max, const char *group)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp(known[i], group) == 0)
			return known[i];
	const char *copy = arena_strdup(&f->rows->arena, group);
	if (copy != NULL && *count < max)
		known[(*count)++] = copy;
	return copy;
}

static void sort_by_group(struct fill *f, const char **ids, const char **groups)
{
	size_t n = f->rows->id_count;
	struct link *link = xcalloc(n + 1, sizeof(*link));

	for (size_t i = 0; i < n; i++)
		link[i] = (struct link){ groups[i], ids[i] };
	qsort(link, n, sizeof(*link), by_group);
	for (size_t i = 0; i < n; i++) {
		groups[i] = link[i].group;
		ids[i] = link[i].id;
	}
	free(link);
	f->rows->groups = groups;
}

/* epoch: bindings that count (of the intent, or all). */
void fill_links(struct fill *f, int64_t epoch)
{
	struct packer packer = { NULL, NULL };
	const char *known[GROUPS_KNOWN];
	size_t known_count = 0;
	int64_t count = db_get(f->q->db,
			       "SELECT count(DISTINCT remote) FROM item INDEXED BY item_remote"
			       " WHERE delivery = ?1 AND remote IS NOT NULL",
			       DB(db_i(f->d.id)), 0);
	const char **ids = fill_alloc(f, (size_t)count + 1, sizeof(*ids));
	const char **groups = f->limit.grouped ? fill_alloc(f, (size_t)count + 1, sizeof(*groups)) : NULL;

	struct db_stmt *s = db_query(
		f->q->db,
		"SELECT r.rid, min(i.epoch), coalesce(r.parent, '') FROM item i INDEXED BY item_remote"
		" JOIN remote r ON r.id = i.remote"
		" WHERE i.delivery = ?1 AND i.remote IS NOT NULL AND i.epoch <= ?2 AND r.gone = 0"
		" GROUP BY i.remote",
		DB(db_i(f->d.id), db_i(epoch)));
	while (f->rc == 0 && f->rows->id_count < (size_t)count && db_row(s)) {
		size_t i = f->rows->id_count;
		ids[i] = pack(f, &packer, db_text(s, 0));
		if (groups != NULL)
			groups[i] = intern(f, known, &known_count, GROUPS_KNOWN, db_text(s, 2));
		if (ids[i] == NULL || (groups != NULL && groups[i] == NULL))
			break;
		f->rows->id_count++;
		if (db_int(s, 1) > f->d.linked)
			f->rows->new_ids++;
	}
	db_end(s);
	if (f->rc < 0)
		return;
	if (groups != NULL)
		sort_by_group(f, ids, groups);
	else
		qsort(ids, f->rows->id_count, sizeof(*ids), by_id);
	f->rows->ids = ids;
}

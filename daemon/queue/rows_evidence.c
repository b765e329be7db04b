/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_evidence.c - files that can be attached now: their results (or their run) have an id over there.
 *
 * A file gets its name over there when it is offered for the first time: one that no other file of the same
 * remote result has, since a lost upload is looked up by name and size.  What has a name has one of the
 * places that evidence.max_files leaves: so they are counted for each result over there, whichever tests and
 * attempts came to be one. */
#include "daemon/queue/fill.h"

#include "daemon/base/digest.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_BYTES = 200, TWINS_MAX = 10000, OFFERS_MAX = 1000 };

#define COLUMNS                                                                                         \
	"a.id, a.item, coalesce(a.rid, ''), a.name, e.named, e.name, e.kept, e.type, e.size, e.sha256," \
	" e.origin, coalesce(e.result, 0), a.bad, e.id"

struct offer {
	int64_t attach, item, ref, evidence;
	bool named; /* it has its name already */
	bool bad;   /* its test failed */
	struct row_evidence e;
	struct evidence file;
};

static bool name_taken(struct fill *f, const char *rid, const char *name)
{
	return db_get(f->q->db, "SELECT 1 FROM attach WHERE delivery = ?1 AND rid = ?2 AND name = ?3 LIMIT 1",
		      DB(db_i(f->d.id), db_s(rid), db_s(name)), 0) != 0;
}

/* Quotes are read in different ways by those who parse forms, and then no look-up would know the name
 * again; the others are refused by some file systems. */
static const char *plain_name(struct fill *f, const char *name)
{
	char *copy = arena_strdup(&f->rows->arena, name);

	for (char *c = copy; c != NULL && *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f || strchr("\"\\/<>|:*?", *c) != NULL)
			*c = '_';
	if (copy != NULL && copy[0] == '.' && (copy[1] == '\0' || copy[1] == '.'))
		copy[0] = '_';
	return copy != NULL ? copy : "evidence";
}

/* "shot.png", "shot (2).png", ... */
static const char *free_name(struct fill *f, const char *rid, const char *wanted)
{
	size_t len = strlen(wanted);
	const char *dot = strrchr(wanted, '.');
	const char *end = dot != NULL && dot != wanted && strlen(dot) <= 16 ? dot : wanted + len;
	size_t stem = (size_t)(end - wanted);

	if (stem > NAME_BYTES)
		stem = utf8_cut(wanted, stem, NAME_BYTES);
	for (unsigned i = 1; i <= TWINS_MAX; i++) {
		char number[16] = "";
		if (i > 1)
			(void)snprintf(number, sizeof(number), " (%u)", i);
		const char *name = arena_printf(&f->rows->arena, "%.*s%s%s", (int)stem, wanted, number, end);
		if (name == NULL || !name_taken(f, rid, name))
			return name;
	}
	return wanted;
}

static bool read_offer(struct fill *f, struct db_stmt *s, struct offer *o)
{
	struct arena *a = &f->rows->arena;
	size_t len;
	const char *rid = arena_strdup(a, db_text(s, 2));

	*o = (struct offer){ .attach = db_int(s, 0),
			     .item = db_int(s, 1),
			     .ref = db_int(s, 11),
			     .named = !db_null(s, 3),
			     .bad = db_int(s, 12) != 0,
			     .evidence = db_int(s, 13) };
	o->file.named = arena_strdup(a, db_text(s, 4));
	o->file.name = arena_strdup(a, db_text(s, 5));
	o->e = (struct row_evidence){
		.of_run = db_int(s, 1) == ATTACH_OF_RUN,
		.remote_result = rid,
		.name = arena_strdup(a, db_text(s, 3)),
		.named = o->file.named,
		.kept = arena_strdup(a, db_text(s, 6)),
		.type = arena_strdup(a, db_text(s, 7)),
		.size = (uint64_t)db_int(s, 8),
		.origin = (enum evidence_origin)db_int(s, 10),
		.test = "",
	};
	const void *hash = db_blob(s, 9, &len);
	char hex[2 * DIGEST_SIZE + 1] = "";
	if (hash != NULL && len == DIGEST_SIZE)
		digest_hex(hash, DIGEST_SIZE, hex);
	o->e.sha256 = arena_strdup(a, hex);
	return rid != NULL && o->e.kept != NULL && o->file.named != NULL && o->e.sha256 != NULL;
}

/* The step of which the report names the file.  Paths stand once in a result; what stood in data: URLs is
 * told apart by order, since only its type is kept. */
static unsigned step_of(struct fill *f, const struct offer *o, const struct result *r)
{
	bool data = o->e.origin == EVIDENCE_DATA, steps = false;
	int64_t nth = 0;

	for (size_t i = 0; i < r->evidence_count; i++)
		steps = steps || r->evidence[i].step > 0;
	if (!steps || (!data && o->e.origin != EVIDENCE_NAMED))
		return 0;
	if (data)
		nth = db_get(f->q->db,
			     "SELECT count(*) FROM evidence WHERE id >= ?1 AND id < ?2 AND result = ?3"
			     " AND origin = ?4",
			     DB(db_i(chunk_id(chunk_part(o->evidence), 0)), db_i(o->evidence), db_i(o->ref),
				db_i(EVIDENCE_DATA)),
			     0);
	for (size_t i = 0; i < r->evidence_count; i++) {
		const struct evidence_hint *hint = &r->evidence[i];
		if (data ? strncmp(hint->path, "data:", 5) == 0 && nth-- == 0
			 : strcmp(hint->path, o->e.named) == 0)
			return hint->step;
	}
	return 0;
}

static void tell_test(struct fill *f, const struct offer *o, struct row_evidence *e)
{
	struct err ignored = ERR_NONE;
	struct result r;

	if (o->ref == 0 || store_result(f->q, o->ref, &f->rows->arena, &r, NULL, &ignored) < 0)
		return;
	e->verdict = result_verdict(&r);
	e->step = step_of(f, o, &r);
	if (r.id != NULL)
		e->test = r.id;
}

/* The case of the file's item, and its parent; NULL: none. */
static const char *case_of(struct fill *f, int64_t attach, const char **parent)
{
	const char *rid = NULL;
	struct db_stmt *s =
		db_query(f->q->db,
			 "SELECT r.rid, r.parent FROM attach a JOIN item i ON i.delivery = a.delivery"
			 " AND i.id = a.item JOIN remote r ON r.id = i.remote WHERE a.id = ?1",
			 DB(db_i(attach)));

	if (db_row(s)) {
		rid = arena_strdup(&f->rows->arena, db_text(s, 0));
		*parent = arena_strdup(&f->rows->arena, db_text(s, 1));
	}
	db_end(s);
	return rid;
}

/* Whether no place is left.  Where several tests are one result over there, those that failed go first. */
static bool full(struct fill *f, const struct offer *o)
{
	struct db *db = f->q->db;
	int64_t max = f->limit.files > INT32_MAX ? INT32_MAX : (int64_t)f->limit.files;

	if (max == 0 || o->named)
		return false;
	int64_t taken = db_get(db,
			       "SELECT count(*) FROM attach INDEXED BY attach_name WHERE delivery = ?1"
			       " AND rid = ?2 AND name IS NOT NULL AND state IN (1, 3, 4)",
			       DB(db_i(f->d.id), db_s(o->e.remote_result)), 0);
	if (taken < max && !o->bad && !o->e.of_run)
		taken += db_get(db,
				"SELECT count(*) FROM item i JOIN attach a ON a.delivery = i.delivery"
				" AND a.item = i.id AND a.state = 1 WHERE i.delivery = ?1 AND i.remote ="
				" (SELECT remote FROM item WHERE delivery = ?1 AND id = ?2)"
				" AND a.bad = 1 AND a.name IS NULL AND a.rid = ?3",
				DB(db_i(f->d.id), db_i(o->item), db_s(o->e.remote_result)), 0);
	return taken >= max;
}

/* All that are like it, so that a flood of files costs one look. */
static void leave_out(struct fill *f, const struct offer *o)
{
	char why[80];

	(void)snprintf(why, sizeof(why), "there are more than evidence.max_files (%zu)", f->limit.files);
	attach_left_out(f->q, f->d.id, o->item, o->e.remote_result, o->bad, why);
	f->rc = OP_AGAIN;
}

static void give(struct fill *f, struct offer *o)
{
	if (full(f, o)) {
		leave_out(f, o);
		return;
	}
	struct row_evidence *e = fill_alloc(f, 1, sizeof(*e));
	struct row *row = fill_next(f);

	if (e == NULL || row == NULL)
		return;
	*e = o->e;
	if (!o->named) {
		e->name = free_name(f, e->remote_result, plain_name(f, evidence_name(&o->file)));
		db_run(f->q->db, "UPDATE attach SET name = ?2 WHERE id = ?1",
		       DB(db_i(o->attach), db_s(e->name)));
	}
	if (e->type == NULL)
		e->type = evidence_type_of(e->name);
	tell_test(f, o, e);
	if (e->of_run)
		e->remote_result = NULL;
	else
		row->remote_id = case_of(f, o->attach, &row->group);
	row->id = row_of_attach(o->attach);
	row->evidence = e;
	f->rows->count++;
}

void fill_evidence(struct fill *f)
{
	size_t max = f->limit.count < OFFERS_MAX ? f->limit.count : OFFERS_MAX, n = 0;
	struct offer *offer = xcalloc(max + 1, sizeof(*offer));
	int64_t lost = 0;

	struct db_stmt *s = db_query(f->q->db,
				     "SELECT " COLUMNS " FROM attach a INDEXED BY attach_state"
				     " JOIN evidence e ON e.id = a.evidence"
				     " WHERE a.delivery = ?1 AND a.state = 1 ORDER BY a.id LIMIT ?2",
				     DB(db_i(f->d.id), db_i((int64_t)max + 1)));
	while (n <= max && lost == 0 && db_row(s)) {
		if (n == max) {
			f->rows->more = true;
			break;
		}
		if (read_offer(f, s, &offer[n]))
			n++;
		else
			lost = db_int(s, 0);
	}
	db_end(s);
	if (lost != 0 && n == 0) {
		/* It must not stand before all others for ever. */
		attach_move(f->q, f->d.id, lost, ATTACH_OWED, ATTACH_PARKED, NULL, "its copy is not known");
		f->rc = OP_AGAIN;
	}
	for (size_t i = 0; i < n && f->rc == 0; i++)
		give(f, &offer[i]);
	if (f->rc == OP_AGAIN && f->rows->count > 0)
		f->rc = 0; /* they are no offers any more; these are */
	free(offer);
}

void fill_packed_evidence(struct fill *f, const struct packed_rows *packed)
{
	for (size_t i = 0; i < packed->count && f->rc == 0; i++) {
		struct offer o;
		struct db_stmt *s =
			db_query(f->q->db,
				 "SELECT " COLUMNS " FROM attach a JOIN evidence e ON e.id = a.evidence"
				 " WHERE a.id = ?1 AND a.delivery = ?2",
				 DB(db_i(attach_of_row(packed->row[i].row)), db_i(f->d.id)));
		bool there = db_row(s) && read_offer(f, s, &o);
		db_end(s);
		if (there)
			give(f, &o);
	}
}

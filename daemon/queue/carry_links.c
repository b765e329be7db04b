/* SPDX-License-Identifier: Apache-2.0
 *
 * carry_links.c - what a tracker of defects made of a run's failures, and what is still to be told of it, as it comes
 * in from another queue (carry.c): by test and id over there, since rows are numbered anew. */
#include "daemon/queue/internal.h"

enum { RID_MAX = 256, URL_MAX = 4096, STATE_MAX = 1024, SINK_MAX = 128 };

static bool text_ok(const struct db_value *v, size_t max)
{
	return v->type == DB_NULL || strlen(v->p) <= max;
}

bool carry_take_defect(struct queue *q, int64_t run, const struct db_value *v)
{
	if (run == 0 || v[0].type == DB_NULL || v[0].i < 0 || v[0].i > INT32_MAX || v[1].type == DB_NULL ||
	    !text_ok(&v[1], RID_MAX) || !text_ok(&v[2], URL_MAX) || !text_ok(&v[3], STATE_MAX))
		return false;
	db_run(q->db,
	       "INSERT INTO defect(run, no, rid, url, state) VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO "
	       "NOTHING",
	       DB(db_i(run), v[0], v[1], v[2], v[3]));
	return true;
}

/* Of so many of the run's defects, in their order, the delivery had its links. */
bool carry_take_telling(struct queue *q, int64_t run, int64_t delivery, const struct db_value *v)
{
	if (delivery == 0 || v[0].type == DB_NULL || !text_ok(&v[0], SINK_MAX) || v[1].i < 0)
		return false;
	db_run(q->db,
	       "UPDATE delivery SET lk_from = ?2, lk_next = coalesce((SELECT max(id) FROM"
	       " (SELECT id FROM defect INDEXED BY defect_run WHERE run = ?3 ORDER BY id LIMIT ?4)), 0)"
	       " WHERE id = ?1",
	       DB(db_i(delivery), v[0], db_i(run), v[1]));
	return true;
}

bool carry_take_link(struct queue *q, int64_t run, int64_t delivery, const struct db_value *v)
{
	if (delivery == 0 || v[2].type == DB_NULL || v[3].i < LINK_OWED || v[3].i > LINK_IGNORED ||
	    !text_ok(&v[4], STATE_MAX))
		return false;
	db_run(q->db,
	       "INSERT INTO link(delivery, item, defect, state, reason) SELECT ?1, i.id, f.id, ?6, ?7"
	       " FROM item i JOIN defect f ON f.run = ?2 AND f.no = ?4 AND f.rid = ?5"
	       " WHERE i.delivery = ?1 AND i.id = ?3 ON CONFLICT DO NOTHING",
	       DB(db_i(delivery), db_i(run), v[0], v[1], v[2], v[3], v[4]));
	return db_changes(q->db) == 1;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * carry.c - runs that are owed still, out of one queue and into another, as lines of text.
 *
 * A line is a letter and fields between tabs: r run, p part, c chunk, e evidence, w defect (work item), d delivery,
 * n what it tells, i item, a attach, l link.  A field is ~ (none), digits, =real, 'text (tab, newline and backslash escaped) or x and hexadecimal digits.  Numbers of tests follow from
 * the order of parts and results, so items keep theirs; cases go by their id over there.  What comes in is
 * another machine's word: it is counted, typed and bounded before it is a row.  One transaction: all or none. */
#include "daemon/queue/internal.h"
#include "daemon/queue/operate.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIELDS_MAX = 24, LINE_MAX_BYTES = 64 << 20, CHUNK_RAW_MAX = (256 << 10) + (8 << 20) + 1 };

static const char RUN[] = "SELECT key, name, token, variant, vars, source, watch, backfill, ended, opened_ms,"
			  " last_part_ms, ended_ms, started_ms, duration_ms FROM run WHERE id = ?1";
static const char PARTS[] =
	"SELECT id, generation, sha256, path, coalesce(part.kept, s.kept), size, begun_ms, finished_ms, "
	"format, complete,"
	" suites, cases, passed, failed, error, skipped, flaky, known_failures, duration_ms,"
	" started_ms, warnings, chunks, results, s.body"
	" FROM part LEFT JOIN source s ON s.part = id WHERE run = ?1 AND state = 1 ORDER BY ready";
static const char CHUNKS[] =
	"SELECT format, count, raw, idx, body FROM chunk WHERE id >= ?1 AND id < ?2 ORDER BY id";
/* Of the id, its number within the part; of the result, its place behind the part. */
static const char EVIDENCE[] = "SELECT id & 8388607, result & 4294967295, origin, state, named, name, kept, "
			       "type, reason, size, sha256"
			       " FROM evidence WHERE id >= ?1 AND id < ?2 ORDER BY id";
static const char ATTACHES[] =
	"SELECT p.ready, a.evidence & 8388607, a.item, a.state, a.bad, a.rid, a.name, a.aid, a.reason"
	" FROM attach a JOIN part p ON p.id = a.evidence >> 23 WHERE a.delivery = ?1 ORDER BY a.id";
static const char DELIVERY[] =
	"SELECT sink, state, backfill, since_ms, requests, bookmark, remote_id, url, reason,"
	" scope, matching, by_title, resolved, resolved_again, epoch, linked, ev_part, ev_next & 8388607"
	" FROM delivery WHERE id = ?1";
static const char ITEMS[] =
	"SELECT i.id, i.state, r.rid, i.epoch, i.posted, i.posted_started, i.rid, i.reason"
	" FROM item i LEFT JOIN remote r ON r.id = i.remote WHERE i.delivery = ?1 ORDER BY i.id";

static const char DEFECTS[] =
	"SELECT no, rid, url, state FROM defect INDEXED BY defect_run WHERE run = ?1 ORDER BY id";
/* The place of what was seen last among the run's defects. */
static const char TELLING[] =
	"SELECT lk_from, (SELECT count(*) FROM defect f WHERE f.run = d.run AND f.id <= d.lk_next)"
	" FROM delivery d WHERE d.id = ?1 AND lk_from IS NOT NULL";
static const char LINKS[] =
	"SELECT l.item, f.no, f.rid, l.state, l.reason FROM link l JOIN defect f ON f.id = l.defect"
	" WHERE l.delivery = ?1 ORDER BY l.id";

/* ---- out ---- */

struct export_op {
	struct op op;
	queue_exported_fn *done;
	void *cookie;
	struct carry_out out;
	int64_t *id;
	size_t count;
	bool force;
	struct carried result;
	struct buf line;
	int64_t *taken; /* deliveries that went */
	size_t taken_room;
};

static void put_text(struct buf *b, const char *s)
{
	buf_putc(b, '\'');
	for (; *s != '\0'; s++) {
		if (*s == '\t' || *s == '\n' || *s == '\\') {
			buf_putc(b, '\\');
			buf_putc(b, *s == '\t' ? 't' : *s == '\n' ? 'n' : '\\');
		} else {
			buf_putc(b, *s);
		}
	}
}

static void put_blob(struct buf *b, const uint8_t *data, size_t len)
{
	static const char digit[] = "0123456789abcdef";

	buf_putc(b, 'x');
	if (buf_reserve(b, 2 * len + 1) < 0)
		return;
	for (size_t i = 0; i < len; i++) {
		b->data[b->len++] = digit[data[i] >> 4];
		b->data[b->len++] = digit[data[i] & 15];
	}
}

/* types: one letter a column: i integer, d real, t text, b blob. */
static int put_row(struct export_op *o, char tag, struct db_stmt *s, int first, const char *types,
		   struct err *err)
{
	struct buf *b = &o->line;

	buf_reset(b);
	buf_putc(b, tag);
	for (int i = 0; types[i] != '\0'; i++) {
		int column = first + i;
		size_t len = 0;
		buf_putc(b, '\t');
		if (db_null(s, column)) {
			buf_putc(b, '~');
		} else if (types[i] == 'i') {
			buf_printf(b, "%" PRId64, db_int(s, column));
		} else if (types[i] == 'd') {
			buf_printf(b, "=%.17g", db_real(s, column));
		} else if (types[i] == 't') {
			put_text(b, db_text(s, column));
		} else {
			const void *blob = db_blob(s, column, &len);
			put_blob(b, blob, len);
		}
	}
	buf_putc(b, '\n');
	if (buf_error(b) < 0)
		return err_set(err, buf_error(b), "a row does not fit into one line");
	return o->out.line(o->out.cookie, b->data, b->len, err);
}

static int put_part(struct queue *q, struct export_op *o, int64_t part, struct err *err)
{
	int rc = 0;
	struct db_stmt *s = db_query(q->db, CHUNKS, DB(db_i(chunk_id(part, 0)), db_i(chunk_id(part + 1, 0))));

	while (rc == 0 && db_row(s))
		rc = put_row(o, 'c', s, 0, "iiibb", err);
	db_end(s);
	s = db_query(q->db, EVIDENCE, DB(db_i(chunk_id(part, 0)), db_i(chunk_id(part + 1, 0))));
	while (rc == 0 && db_row(s)) {
		rc = put_row(o, 'e', s, 0, "iiiitttttib", err);
		if (rc == 0 && !db_null(s, 6) && o->out.copy_evidence != NULL)
			rc = o->out.copy_evidence(o->out.cookie, db_text(s, 6), err);
	}
	db_end(s);
	return rc;
}

/* All rows of one kind, by the id that they belong to. */
static int put_rows(struct queue *q, struct export_op *o, char tag, const char *sql, int64_t id,
		    const char *types, struct err *err)
{
	struct db_stmt *s = db_query(q->db, sql, DB(db_i(id)));
	int rc = 0;

	while (rc == 0 && db_row(s))
		rc = put_row(o, tag, s, 0, types, err);
	db_end(s);
	return rc;
}

static int put_delivery(struct queue *q, struct export_op *o, int64_t delivery, struct err *err)
{
	/* A delivery comes first, what it tells before the links. */
	static const struct {
		char tag;
		const char *sql, *types;
	} row[] = {
		{ 'd', DELIVERY, "tiiiitttttiiiiiiii" }, { 'n', TELLING, "ti" },  { 'i', ITEMS, "iitiiitt" },
		{ 'a', ATTACHES, "iiiiitttt" },          { 'l', LINKS, "iitit" },
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(row) / sizeof(row[0]); i++)
		rc = put_rows(q, o, row[i].tag, row[i].sql, delivery, row[i].types, err);
	if (rc == 0) {
		if (o->result.deliveries == o->taken_room) {
			o->taken_room = o->taken_room == 0 ? 16 : o->taken_room * 2;
			o->taken = xrealloc(o->taken, o->taken_room, sizeof(*o->taken));
		}
		o->taken[o->result.deliveries++] = delivery;
	}
	return rc;
}

static bool meant(const struct export_op *o, int64_t delivery)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->id[i] == delivery)
			return true;
	return o->count == 0;
}

/* What of a run goes: waiting and parked deliveries; one that may be on its way only by force. */
static int pick_deliveries(struct queue *q, struct export_op *o, int64_t run, int64_t *id, size_t max,
			   size_t *count, struct err *err)
{
	int rc = 0;
	struct db_stmt *s = db_query(q->db, "SELECT id, state, sink FROM delivery WHERE run = ?1 ORDER BY id",
				     DB(db_i(run)));

	*count = 0;
	while (rc == 0 && *count < max && db_row(s)) {
		int64_t delivery = db_int(s, 0), state = db_int(s, 1);
		if (!meant(o, delivery) || state == DELIVERY_DELIVERED || state == DELIVERY_DROPPED)
			continue;
		if ((state == DELIVERY_SENDING || state == DELIVERY_UNKNOWN) && !o->force)
			rc = err_set(err, -EINVAL,
				     "delivery %lld to %s may be on its way: it must be looked up where it "
				     "was sent "
				     "(\"resultd deliver\"), or --force lets it be sent twice",
				     (long long)delivery, db_text(s, 2));
		else
			id[(*count)++] = delivery;
	}
	db_end(s);
	return rc;
}

static int put_run(struct queue *q, struct export_op *o, int64_t run, struct err *err)
{
	int64_t id[256];
	size_t count;
	int rc = pick_deliveries(q, o, run, id, 256, &count, err);

	if (rc < 0 || count == 0)
		return rc;
	struct db_stmt *s = db_query(q->db, RUN, DB(db_i(run)));
	if (db_row(s))
		rc = put_row(o, 'r', s, 0, "tttttitiiiiiid", err);
	db_end(s);
	s = db_query(q->db, PARTS, DB(db_i(run)));
	while (rc == 0 && db_row(s)) {
		rc = put_row(o, 'p', s, 1, "ibttiiitiiiiiiiiidit", err);
		if (rc == 0)
			rc = put_part(q, o, db_int(s, 0), err);
		size_t len = 0;
		const void *body = db_null(s, 23) ? NULL : db_blob(s, 23, &len);
		if (rc == 0 && !db_null(s, 4))
			rc = o->out.copy(o->out.cookie, db_text(s, 4), body, len, err);
		o->result.parts++;
		o->result.results += (uint64_t)db_int(s, 22);
	}
	db_end(s);
	if (rc == 0)
		rc = put_rows(q, o, 'w', DEFECTS, run, "ittt", err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = put_delivery(q, o, id[i], err);
	o->result.runs++;
	return rc;
}

static int export_work(struct queue *q, struct op *op, struct err *err)
{
	struct export_op *o = (struct export_op *)op;
	int64_t run = 0;
	int rc = 0;

	for (size_t i = 0; i < o->count && rc == 0; i++) {
		struct brief d;
		rc = brief_get(q, o->id[i], &d, err);
	}
	while (rc == 0) {
		run = db_get(q->db,
			     "SELECT r.id FROM run r WHERE r.id > ?1 AND r.id NOT IN (SELECT run FROM going)"
			     " AND EXISTS (SELECT 1 FROM delivery WHERE run = r.id AND state NOT IN (4, 5))"
			     " ORDER BY r.id LIMIT 1",
			     DB(db_i(run)), 0);
		if (run == 0)
			break;
		rc = put_run(q, o, run, err);
	}
	return rc;
}

static void export_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct export_op *o = (struct export_op *)op;

	(void)q;
	o->done(o->cookie, rc, &o->result, o->taken, err);
}

static void export_drop(struct op *op)
{
	struct export_op *o = (struct export_op *)op;

	free(o->id);
	free(o->taken);
	buf_done(&o->line);
}

void queue_export(struct queue *q, const int64_t *id, size_t count, bool force, const struct carry_out *out,
		  queue_exported_fn *done, void *cookie)
{
	struct export_op *o = op_new(sizeof(*o), 0, export_work, export_answer, export_drop);

	o->done = done;
	o->cookie = cookie;
	o->out = *out;
	o->force = force;
	o->line = BUF_LIMIT(LINE_MAX_BYTES);
	o->count = count;
	o->id = xcalloc(count, sizeof(*o->id));
	if (count > 0)
		memcpy(o->id, id, count * sizeof(*id));
	op_start(q, &o->op);
}

/* ---- in ---- */

struct import_op {
	struct op op;
	queue_imported_fn *done;
	void *cookie;
	struct carry_in in;
	int64_t now_ms;
	struct carried result;
	uint64_t line;
	/* of the run at hand */
	bool skip;
	int64_t run, ready, part, seq, chunks, results, delivery, last_item, last_evidence;
	struct brief d;
	struct tally tally;
	char *sink, *scope, *key;
};

static struct err *bad(struct import_op *o, struct err *err, const char *what)
{
	err_set(err, -EINVAL, "line %llu: %s", (unsigned long long)o->line, what);
	return err;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place: the value points into the line. */
static bool read_field(char *f, char type, struct db_value *out)
{
	char *end = NULL, *to = f;

	if (strcmp(f, "~") == 0) {
		*out = db_n();
		return true;
	}
	errno = 0;
	if (type == 'i') {
		*out = db_i(strtoll(f, &end, 10));
		return end != f && *end == '\0' && errno == 0;
	}
	if (type == 'd') {
		if (f[0] != '=')
			return false;
		*out = db_d(strtod(f + 1, &end));
		return end != f + 1 && *end == '\0' && out->d == out->d;
	}
	if (type == 't') {
		if (f[0] != '\'')
			return false;
		for (const char *from = f + 1; *from != '\0'; from++) {
			if (*from != '\\')
				*to++ = *from;
			else if (*++from == 't' || *from == 'n' || *from == '\\')
				*to++ = *from == 't' ? '\t' : *from == 'n' ? '\n' : '\\';
			else
				return false;
		}
		*to = '\0';
		*out = db_s(f);
		return true;
	}
	if (f[0] != 'x')
		return false;
	for (const char *from = f + 1; *from != '\0'; from += 2) {
		int high = hex_value(from[0]), low = high < 0 ? -1 : hex_value(from[1]);
		if (low < 0)
			return false;
		*to++ = (char)(high << 4 | low);
	}
	*out = db_b(f, (size_t)(to - f));
	return true;
}

static bool read_fields(char *line, const char *types, struct db_value *v)
{
	size_t n = strlen(types);

	for (size_t i = 0; i < n; i++) {
		if (line == NULL)
			return false;
		char *tab = strchr(line, '\t');
		if (tab != NULL)
			*tab = '\0';
		if (!read_field(line, types[i], &v[i]))
			return false;
		line = tab != NULL ? tab + 1 : NULL;
	}
	v[n] = (struct db_value){ .type = DB_END };
	return line == NULL;
}

static bool some(const struct db_value *v)
{
	return v->type != DB_NULL;
}

/* Counters are made anew from the items; and what a part holds is what came. */
static void finish_part(struct queue *q, struct import_op *o)
{
	if (o->part != 0)
		db_run(q->db, "UPDATE part SET chunks = ?2, results = ?3 WHERE id = ?1",
		       DB(db_i(o->part), db_i(o->chunks), db_i(o->results)));
	o->part = 0;
}

static void finish_delivery(struct queue *q, struct import_op *o)
{
	if (o->delivery != 0) {
		items_save_tally(q, &o->tally);
		attach_recount(q, o->delivery);
	}
	o->delivery = 0;
}

static int take_run(struct queue *q, struct import_op *o, struct db_value *v, struct err *err)
{
	finish_part(q, o);
	finish_delivery(q, o);
	if (!some(&v[0]) || !some(&v[1]) || !some(&v[2]) || !some(&v[4]))
		return bad(o, err, "a run without a name")->code;
	o->skip = db_get(q->db, "SELECT 1 FROM run WHERE token = ?1", DB(v[2]), 0) != 0;
	if (o->skip) {
		o->result.known++;
		return 0;
	}
	int64_t seq = db_get(q->db, "SELECT max(seq) FROM run WHERE key = ?1", DB(v[0]), 0) + 1;
	o->run = q->next_run++;
	o->ready = 0;
	free(o->key);
	o->key = xstrdup(v[0].p);
	db_run(q->db,
	       "INSERT INTO run(id, seq, key, name, token, variant, vars, source, watch, backfill, ended, "
	       "opened_ms,"
	       " last_part_ms, ended_ms, started_ms, duration_ms)"
	       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, coalesce(?16, 0))",
	       DB(db_i(o->run), db_i(seq), v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10],
		  v[11], v[12], v[13]));
	o->result.runs++;
	return 0;
}

static int take_part(struct queue *q, struct import_op *o, struct db_value *v, struct err *err)
{
	finish_part(q, o);
	if (o->run == 0 || v[1].len != 32 || !some(&v[2]) || (some(&v[3]) && !o->in.kept_ok(v[3].p)))
		return bad(o, err, "a report that is none")->code;
	o->part = q->next_part++;
	if (o->part > CHUNK_PART_MAX)
		return err_set(err, -EOVERFLOW, "no further part can be numbered");
	o->seq = o->chunks = o->results = 0;
	o->last_evidence = -1;
	db_run(q->db,
	       "INSERT INTO part(id, run, state, ready, generation, sha256, path, kept, size, begun_ms, "
	       "finished_ms,"
	       " format, complete, suites, cases, passed, failed, error, skipped, flaky, known_failures,"
	       " duration_ms, started_ms, warnings)"
	       " VALUES(?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, "
	       "?19, ?20,"
	       " ?21, ?22, ?23)",
	       DB(db_i(o->part), db_i(o->run), db_i(++o->ready), v[0], v[1], v[2], v[3], v[4], v[5], v[6],
		  v[7], v[8], v[9], v[10], v[11], v[12], v[13], v[14], v[15], v[16], v[17], v[18], v[19]));
	db_run(q->db, "UPDATE run SET ready = ?2 WHERE id = ?1", DB(db_i(o->run), db_i(o->ready)));
	db_run(q->db,
	       "INSERT INTO seen(run_key, sha256, generation, run, part, last_ms, bad)"
	       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, coalesce((SELECT max(failed + error - known_failures, 0)"
	       " FROM part WHERE id = ?5), 0))"
	       " ON CONFLICT(run_key, sha256) DO NOTHING",
	       DB(db_s(o->key), v[1], v[0], db_i(o->run), db_i(o->part), db_i(o->now_ms)));
	o->result.parts++;
	return 0;
}

static int take_chunk(struct queue *q, struct import_op *o, struct db_value *v, struct err *err)
{
	if (o->part == 0 || v[0].i != CHUNK_FORMAT || v[1].i < 1 || v[1].i > CHUNK_RESULTS || v[2].i < 0 ||
	    v[2].i > CHUNK_RAW_MAX || v[3].type != DB_BLOB || v[4].type != DB_BLOB ||
	    o->seq >= CHUNK_SEQ_MAX || chunk_index_count(v[3].p, v[3].len) != (unsigned)v[1].i)
		return bad(o, err, "results that cannot be read")->code;
	db_run(q->db, "INSERT INTO chunk(id, format, count, raw, idx, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	       DB(db_i(chunk_id(o->part, o->seq++)), v[0], v[1], v[2], v[3], v[4]));
	o->chunks++;
	o->results += v[1].i;
	o->result.results += (uint64_t)v[1].i;
	return 0;
}

static int take_evidence(struct queue *q, struct import_op *o, struct db_value *v, struct err *err)
{
	bool kept = v[3].i == EVIDENCE_KEPT;

	if (o->part == 0 || v[0].i <= o->last_evidence || v[0].i > CHUNK_SEQ_MAX || v[1].i < 0 ||
	    v[1].i > UINT32_MAX || v[2].i < 0 || v[2].i > EVIDENCE_REPORT || v[3].i < 0 ||
	    v[3].i > EVIDENCE_REFUSED || !some(&v[4]) || v[9].i < 0 ||
	    kept != (some(&v[6]) && evidence_kept_ok(v[6].p) && v[10].len == 32))
		return bad(o, err, "a file that is none")->code;
	o->last_evidence = v[0].i;
	struct db_value result =
		some(&v[1]) ? db_i(o->part << (CHUNK_SEQ_BITS + CHUNK_PLACE_BITS) | v[1].i) : db_n();
	db_run(q->db,
	       "INSERT INTO evidence(id, run, result, origin, state, named, name, kept, type, reason, size,"
	       " sha256) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	       DB(db_i(chunk_id(o->part, v[0].i)), db_i(o->run), result, v[2], v[3], v[4], v[5], v[6], v[7],
		  v[8], v[9], v[10]));
	return 0;
}

static int take_attach(struct queue *q, struct import_op *o, struct db_value *v, struct err *err)
{
	int64_t part =
		o->delivery == 0
			? 0
			: db_get(q->db, "SELECT id FROM part WHERE run = ?1 AND ready = ?2 AND state = 1",
				 DB(db_i(o->run), v[0]), 0);
	int64_t evidence = part == 0 || v[1].i < 0 || v[1].i > CHUNK_SEQ_MAX ? 0 : chunk_id(part, v[1].i);

	if (evidence == 0 || v[3].i < 0 || v[3].i >= ATTACH_STATES || v[2].i < ATTACH_OF_RUN ||
	    db_get(q->db, "SELECT 1 FROM evidence WHERE id = ?1", DB(db_i(evidence)), 0) == 0 ||
	    (v[3].i == ATTACH_OWED && !some(&v[5])))
		return bad(o, err, "a file of a result that is none")->code;
	db_run(q->db,
	       "INSERT INTO attach(delivery, evidence, item, state, bad, rid, name, aid, reason)"
	       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	       DB(db_i(o->delivery), db_i(evidence), v[2], v[3], db_i(v[4].i != 0), v[5], v[6], v[7], v[8]));
	return 0;
}

static int take_delivery(struct queue *q, struct import_op *o, struct db_value *v, struct err *err)
{
	finish_part(q, o);
	finish_delivery(q, o);
	if (o->run == 0 || !some(&v[0]) || v[1].i < 0 || v[1].i > DELIVERY_PARKED)
		return bad(o, err, "a delivery that is none")->code;
	bool parked = v[1].i == DELIVERY_PARKED;
	db_run(q->db,
	       "INSERT INTO delivery(run, sink, state, due_ms, backfill, since_ms, requests, bookmark, "
	       "remote_id, url,"
	       " reason, scope, matching, by_title, resolved, resolved_again, epoch, linked, settled_ms, "
	       "ev_part)"
	       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, "
	       "?19, max(0, min(?20, ?21)))",
	       DB(db_i(o->run), v[0], db_i(parked ? DELIVERY_PARKED : DELIVERY_WAITING),
		  db_i(parked ? INT64_MAX : o->now_ms), v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10],
		  v[11], v[12], v[13], v[14], v[15], parked ? db_i(o->now_ms) : db_n(), db_i(v[16].i),
		  db_i(o->ready)));
	o->delivery = db_last_id(q->db);
	if (v[17].i > 0) /* in the middle of a part */
		db_run(q->db,
		       "UPDATE delivery SET ev_next = coalesce((SELECT p.id << 23 | ?2 FROM part p"
		       " WHERE p.run = delivery.run AND p.ready = ev_part + 1), 0) WHERE id = ?1",
		       DB(db_i(o->delivery), db_i(v[17].i & CHUNK_SEQ_MAX)));
	o->tally = items_tally_of(o->delivery);
	o->last_item = -1;
	free(o->sink);
	free(o->scope);
	o->sink = xstrdup(v[0].p);
	o->scope = xstrdup(some(&v[9]) ? v[9].p : "");
	journal_add(q, o->delivery, o->now_ms, JOURNAL_BROUGHT, "brought in from another queue");
	o->result.deliveries++;
	return 0;
}

static int take_item(struct queue *q, struct import_op *o, struct db_value *v, struct err *err)
{
	if (o->delivery == 0 || v[0].i <= o->last_item || v[1].i < 0 || v[1].i >= ITEM_STATES)
		return bad(o, err, "a test that is none")->code;
	o->last_item = v[0].i;
	struct item item = { .delivery = o->delivery, .id = v[0].i, .state = (enum item_state)v[1].i };
	/* Places are found anew. */
	if (item.state == ITEM_UNBOUND)
		item.state = ITEM_NEW;
	else if (some(&v[2]))
		item.remote = remote_put(q, remote_shelf(q, o->sink, "case", o->scope, true),
					 &(struct remote_spec){ .rid = v[2].p }, true);
	items_add(q, &o->tally, &item, v[3].i);
	db_run(q->db,
	       "UPDATE item SET posted = ?3, posted_started = ?4, rid = ?5, reason = ?6 WHERE delivery = ?1 "
	       "AND id = ?2",
	       DB(db_i(o->delivery), v[0], v[4], v[5], v[6], v[7]));
	return 0;
}

static int take_defect(struct queue *q, struct import_op *o, struct db_value *v, struct err *err)
{
	finish_part(q, o);
	return carry_take_defect(q, o->run, v) ? 0 : bad(o, err, "a defect that is none")->code;
}

static int take_telling(struct queue *q, struct import_op *o, struct db_value *v, struct err *err)
{
	return carry_take_telling(q, o->run, o->delivery, v)
		       ? 0
		       : bad(o, err, "defects that nobody is to be told")->code;
}

static int take_link(struct queue *q, struct import_op *o, struct db_value *v, struct err *err)
{
	return carry_take_link(q, o->run, o->delivery, v)
		       ? 0
		       : bad(o, err, "a defect of a test that is none")->code;
}

static const struct kind {
	char tag;
	const char *types;
	int (*take)(struct queue *q, struct import_op *o, struct db_value *v, struct err *err);
} kinds[] = {
	{ 'r', "tttttitiiiiiid", take_run },
	{ 'p', "ibttiiitiiiiiiiiidit", take_part },
	{ 'c', "iiibb", take_chunk },
	{ 'd', "tiiiitttttiiiiii", take_delivery },
	/* Before there was evidence a delivery had two fields less. */
	{ 'd', "tiiiitttttiiiiiiii", take_delivery },
	{ 'i', "iitiiitt", take_item },
	{ 'e', "iiiitttttib", take_evidence },
	{ 'a', "iiiiitttt", take_attach },
	{ 'w', "ittt", take_defect },
	{ 'n', "ti", take_telling },
	{ 'l', "iitit", take_link },
};

static int take_line(struct queue *q, struct import_op *o, char *line, struct err *err)
{
	struct db_value v[FIELDS_MAX + 1] = { 0 };
	size_t fields = 0;

	for (const char *s = line; (s = strchr(s, '\t')) != NULL; s++)
		fields++;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (line[0] != kinds[i].tag || line[1] != '\t' || strlen(kinds[i].types) != fields)
			continue;
		if (o->skip && kinds[i].tag != 'r')
			return 0;
		if (!read_fields(line + 2, kinds[i].types, v))
			break;
		return kinds[i].take(q, o, v, err);
	}
	return bad(o, err, "cannot be read")->code;
}

static int import_work(struct queue *q, struct op *op, struct err *err)
{
	struct import_op *o = (struct import_op *)op;
	char *line = NULL;
	int rc;

	while ((rc = o->in.line(o->in.cookie, &line, err)) > 0) {
		o->line++;
		rc = take_line(q, o, line, err);
		if (rc < 0 || (rc = db_failed(q->db, err)) < 0)
			return rc;
	}
	finish_part(q, o);
	finish_delivery(q, o);
	return rc;
}

static void import_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct import_op *o = (struct import_op *)op;

	(void)q;
	o->done(o->cookie, rc, &o->result, err);
}

static void import_drop(struct op *op)
{
	struct import_op *o = (struct import_op *)op;

	free(o->sink);
	free(o->scope);
	free(o->key);
}

void queue_import(struct queue *q, const struct carry_in *in, int64_t now_ms, queue_imported_fn *done,
		  void *cookie)
{
	struct import_op *o =
		op_new(sizeof(*o), OP_WRITE | OP_ALONE, import_work, import_answer, import_drop);

	o->done = done;
	o->cookie = cookie;
	o->in = *in;
	o->now_ms = now_ms;
	op_start(q, &o->op);
}

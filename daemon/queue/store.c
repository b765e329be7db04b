/* SPDX-License-Identifier: Apache-2.0
 *
 * store.c - reading what chunks hold: few unpacked chunks and indexes are kept, since rows come in the
 * order of their reports.  Chunk ids are never used twice, so nothing kept can be stale. */
#include "daemon/queue/internal.h"

#include "daemon/base/mem.h"
#include "daemon/model/result_json.h"

#include <errno.h>
#include <stdlib.h>

void store_forget(struct queue *q)
{
	for (size_t i = 0; i < VIEWS; i++) {
		free(q->view[i].text);
		free(q->view[i].line);
		q->view[i] = (struct chunk_view){ 0 };
	}
	for (size_t i = 0; i < INDEXES; i++) {
		free(q->index[i].data);
		q->index[i] = (struct chunk_index){ 0 };
	}
}

const struct chunk_index *store_index(struct queue *q, int64_t chunk, unsigned *count)
{
	struct chunk_index *at = &q->index[0];

	for (size_t i = 0; i < INDEXES; i++) {
		if (q->index[i].id == chunk) {
			at = &q->index[i];
			goto found;
		}
		if (q->index[i].used < at->used)
			at = &q->index[i];
	}
	struct db_stmt *s =
		db_query(q->db, "SELECT idx FROM chunk WHERE id = ?1 AND format = 1", DB(db_i(chunk)));
	if (!db_row(s))
		return NULL;
	size_t len;
	const void *blob = db_blob(s, 0, &len);
	free(at->data);
	at->data = xrealloc(NULL, len + 1, 1);
	if (len > 0)
		memcpy(at->data, blob, len);
	at->len = len;
	at->id = chunk;
	db_end(s);
found:
	at->used = ++q->clock;
	if (count != NULL)
		*count = chunk_index_count(at->data, at->len);
	return at;
}

bool store_entry(struct queue *q, int64_t ref, struct chunk_entry *out)
{
	const struct chunk_index *index = store_index(q, ref_chunk(ref), NULL);

	return index != NULL && chunk_entry_get(index->data, index->len, ref_place(ref), out);
}

static bool find_lines(struct chunk_view *v, unsigned expected)
{
	const char *at = v->text, *end = v->text + v->len;

	v->line = xcalloc((size_t)expected + 1, sizeof(*v->line));
	for (v->count = 0; at < end && v->count < expected; v->count++) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		if (nl == NULL)
			return false;
		v->line[v->count] = (uint32_t)(at - v->text);
		at = nl + 1;
	}
	v->line[v->count] = (uint32_t)(at - v->text);
	return v->count == expected && at == end;
}

static int open_view(struct queue *q, int64_t chunk, struct chunk_view **out, struct err *err)
{
	struct chunk_view *v = &q->view[0];

	for (size_t i = 0; i < VIEWS; i++) {
		if (q->view[i].id == chunk) {
			*out = &q->view[i];
			return 0;
		}
		if (q->view[i].used < v->used)
			v = &q->view[i];
	}
	free(v->text);
	free(v->line);
	*v = (struct chunk_view){ 0 };
	struct db_stmt *s = db_query(q->db, "SELECT body, raw, count FROM chunk WHERE id = ?1 AND format = 1",
				     DB(db_i(chunk)));
	if (!db_row(s))
		return db_failed(q->db, err) < 0
			       ? db_failed(q->db, NULL)
			       : err_set(err, -ENOENT, "results of part %lld are not in the database",
					 (long long)chunk_part(chunk));
	size_t packed_len;
	const void *packed = db_blob(s, 0, &packed_len);
	int64_t raw = db_int(s, 1), count = db_int(s, 2);
	int rc = raw < 0 || count < 0 || count > CHUNK_RESULTS
			 ? -EUCLEAN
			 : chunk_unpack(q->packer, packed, packed_len, (size_t)raw, &v->text);
	v->len = (size_t)raw;
	db_end(s);
	if (rc == 0 && !find_lines(v, (unsigned)count))
		rc = -EUCLEAN;
	if (rc < 0) {
		free(v->text);
		free(v->line);
		*v = (struct chunk_view){ 0 };
		return err_set(err, rc, "results of part %lld are damaged on disk",
			       (long long)chunk_part(chunk));
	}
	v->id = chunk;
	*out = v;
	return 0;
}

int store_result(struct queue *q, int64_t ref, struct arena *arena, struct result *out, size_t *bytes,
		 struct err *err)
{
	struct chunk_view *v = NULL;
	unsigned place = ref_place(ref);
	int rc = open_view(q, ref_chunk(ref), &v, err);

	if (rc < 0)
		return rc;
	if (place >= v->count)
		return err_set(err, -EUCLEAN, "results of part %lld are damaged on disk",
			       (long long)chunk_part(ref_chunk(ref)));
	v->used = ++q->clock;
	size_t len = v->line[place + 1] - v->line[place];
	if (bytes != NULL)
		*bytes += len;
	rc = result_json_read(v->text + v->line[place], len - 1, arena, out, err);
	if (rc < 0 || out->report != NULL)
		return rc;
	struct db_stmt *s =
		db_query(q->db, "SELECT path FROM part WHERE id = ?1", DB(db_i(chunk_part(ref_chunk(ref)))));
	if (db_row(s))
		out->report = arena_strdup(arena, db_text(s, 0));
	db_end(s);
	return 0;
}

int64_t store_delete_chunks(struct queue *q, int64_t part, int64_t before, int64_t max)
{
	db_run(q->db,
	       "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE id >= ?1 AND id < ?2 LIMIT ?3)",
	       DB(db_i(chunk_id(part, 0)), db_i(chunk_id(part, before)), db_i(max)));
	return db_changes(q->db);
}

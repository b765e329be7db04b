/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_defects.c - the items that a tracker of defects has for failures, told to the runs of their cases.
 *
 * Defects of a run are Jira's issues by their numbers over there, which an item of another tracker is not: so it
 * is a comment, one for each run.  Whether one arrived is seen by the address (or the id) in the run's comments.
 * Where the cycle is closed or the run is gone it is left at that: nothing is made anew for a comment. */
#include "sinks/aio/aio.h"

#include "daemon/base/json.h"

#include <string.h>

enum { TEXT_MAX = 16 << 10 };

static const struct row *row_of(const struct talk *t)
{
	return &t->rows->row[0];
}

static enum got leave(struct talk *t, const char *words)
{
	learned_ignored(&t->learned, row_of(t)->id, words);
	err_clear(&t->err);
	return GOT_MORE;
}

enum ask aio_defects_ask(struct talk *t, struct request *r)
{
	const struct row *row = row_of(t);
	struct buf text = BUF_LIMIT(TEXT_MAX);
	const char *why = aio_cycle(t) == NULL                               ? "the cycle is gone"
			  : sink_bool(t->bookmark, "closed")                 ? "the cycle is closed"
			  : row->posted_id == NULL && row->remote_id == NULL ? "its run is not known"
									     : NULL;

	if (why != NULL) {
		(void)leave(t, why);
		return ASK_LEARN;
	}
	if (row->posted_id != NULL)
		aio_post(t, r, "testcycle/{}/testrun/{}/comment", aio_cycle(t), row->posted_id);
	else /* its latest run, which is the one that was posted */
		aio_post(t, r, "testcycle/{}/testcase/{}/comment", aio_cycle(t), row->remote_id);
	sink_defect_lines(row, &text);
	buf_putc(&r->body, '{');
	json_field_n(&r->body, "comment", text.data != NULL ? text.data : "", text.len);
	buf_putc(&r->body, '}');
	buf_done(&text);
	return aio_send(t, r, "comment");
}

enum got aio_defects_got(struct talk *t, const struct reply *r)
{
	if (sink_ok(r)) {
		learned_posted(&t->learned, row_of(t)->id, NULL);
		return GOT_MORE;
	}
	const char *words = arena_strdup(t->arena, sink_words(t->arena, r));
	enum got got = aio_refused(t, r, "comment", GOT_REFUSED);
	if (got == GOT_REFUSED && (r->status == 403 || r->status == 404 || aio_says_closed(words)))
		return leave(t, words);
	return got;
}

enum ask aio_defects_look(struct talk *t, struct request *r)
{
	if (aio_cycle(t) == NULL || t->rows->count == 0)
		return ASK_SKIP;
	if (row_of(t)->posted_id != NULL) {
		aio_get(t, r, "testcycle/{}/testrun/{}", aio_cycle(t), row_of(t)->posted_id);
		return ASK_SEND;
	}
	if (row_of(t)->remote_id == NULL)
		return ASK_SKIP;
	aio_get(t, r, "testcycle/{}/testcase/{}/testrun", aio_cycle(t), row_of(t)->remote_id);
	sink_arg(r, "fetchDetails", "true");
	return ASK_SEND;
}

/* The comment tells all of the row's items. */
static bool tells(struct talk *t, const char *text)
{
	const struct row *row = row_of(t);

	for (size_t i = 0; i < row->defect_count; i++) {
		const struct row_defect *d = &row->defects[i];
		const char *mark = d->url != NULL && d->url[0] != '\0'
					   ? d->url
					   : arena_printf(t->arena, "Defect %s", d->id);
		if (mark == NULL || strstr(text, mark) == NULL)
			return false;
	}
	return row->defect_count > 0;
}

enum looked aio_defects_looked(struct talk *t, const struct reply *r)
{
	enum looked looked = LOOKED_NONE;
	const cJSON *item;

	if (!sink_ok(r)) {
		aio_refused(t, r, "look-up of a comment", GOT_PARK);
		return r->status == 404 || r->status == 400 ? LOOKED_NONE : LOOKED_UNSURE;
	}
	cJSON *root = sink_json(r);
	if (!cJSON_IsObject(root)) {
		cJSON_Delete(root);
		return LOOKED_UNSURE;
	}
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, "comments"))
	{
		const char *text = sink_string(item, "comment");
		if (looked == LOOKED_ALL || text == NULL || !tells(t, text))
			continue;
		learned_posted(&t->learned, row_of(t)->id, sink_id(t->arena, item, "ID"));
		looked = LOOKED_ALL;
	}
	cJSON_Delete(root);
	return looked;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_defects.c - the items that a tracker of defects has for failures, told to results that are posted.
 *
 * Each case gets one further result without a status, so that what it stands at does not change: it carries the
 * ids in `defects` and the address in the comment.  That a status may be left out is seen in the field (such a
 * result is stored with none); where a server wants one all the same, it gets that of a failure, since the tests
 * in question failed.  What became of a batch whose answer was lost is found out as for any other result
 * (testrail_results.c).
 *
 * Nothing of this is worth a run made anew, or a case brought back: where the run is closed or gone, or does
 * not have the case any more, it is left at that. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/json.h"

#include <errno.h>
#include <string.h>

enum { DEFECTS_MAX = 250, TEXT_MAX = 16 << 10 };
#define BODY_ENOUGH (1u << 20)

static bool wants_status(const struct talk *t)
{
	return sink_bool(cJSON_GetObjectItemCaseSensitive(t->facts, "required"), "status");
}

/* Of a failure, as the configuration has it; -1: results of failures are not sent at all. */
static int64_t failed_status(const struct talk *t)
{
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(t->facts, "statuses"), "ids");
	const cJSON *id = cJSON_GetArrayItem(ids, VERDICT_FAILED);

	return cJSON_IsNumber(id) ? (int64_t)id->valuedouble : -1;
}

static void put_entry(struct talk *t, struct buf *body, const struct row *row)
{
	struct buf ids = BUF_LIMIT(DEFECTS_MAX + 2), text = BUF_LIMIT(TEXT_MAX);
	int64_t status = wants_status(t) ? failed_status(t) : -1;

	sink_defect_ids(row, &ids, DEFECTS_MAX);
	sink_defect_lines(row, &text);
	json_sep(body);
	buf_putc(body, '{');
	sink_put_id(body, "case_id", row->remote_id);
	if (status > 0)
		json_field_int(body, "status_id", status);
	json_field_n(body, "defects", ids.data != NULL ? ids.data : "", ids.len);
	json_field_n(body, "comment", text.data != NULL ? text.data : "", text.len);
	buf_putc(body, '}');
	buf_done(&ids);
	buf_done(&text);
}

enum ask testrail_defects_ask(struct talk *t, struct request *r)
{
	testrail_select_row(t);
	const char *run = testrail_run_id(t);
	bool left = false;
	size_t n = 0;

	for (size_t i = 0; i < t->rows->count; i++) {
		const struct row *row = &t->rows->row[i];
		const char *why = sink_bool(t->bookmark, "closed") ? "the run is closed"
				  : run == NULL                    ? "the run is gone"
				  : row->remote_id == NULL         ? "its case is gone"
								   : NULL;
		if (why != NULL)
			learned_ignored(&t->learned, row->id, why);
		left = left || why != NULL;
	}
	if (left)
		return ASK_LEARN;
	testrail_post(r, "add_results_for_cases", run);
	buf_puts(&r->body, "{\"results\":[");
	for (; n < t->rows->count && (t->batch == 0 || n < t->batch) && r->body.len < BODY_ENOUGH; n++)
		put_entry(t, &r->body, &t->rows->row[n]);
	buf_puts(&r->body, "]}");
	sink_set_int(sink_scratch(t), "rows", (int64_t)n);
	if (buf_error(&r->body) == 0)
		return ASK_SEND;
	err_set(&t->err, -E2BIG, "add_results_for_cases: the request is too large");
	return ASK_PARK;
}

static size_t rows_sent(struct talk *t)
{
	int64_t n = sink_int(sink_scratch(t), "rows", 0);

	return n >= 0 && (size_t)n < t->rows->count ? (size_t)n : t->rows->count;
}

/* None of them will be told. */
static enum got leave(struct talk *t, const char *words)
{
	for (size_t i = 0; i < t->rows->count; i++)
		learned_ignored(&t->learned, t->rows->row[i].id, words);
	t->say = arena_printf(t->arena, "the defects of %zu cases are not told there: %s", t->rows->count,
			      words);
	err_clear(&t->err);
	return GOT_MORE;
}

/* Cases that the run does not have. */
static bool leave_named(struct talk *t, const char *words)
{
	const char *at = words;
	bool any = false;
	char id[24];

	while (testrail_named_case(&at, id, sizeof(id))) {
		for (size_t i = 0; i < t->rows->count; i++) {
			if (strcmp(t->rows->row[i].remote_id, id) != 0)
				continue;
			learned_ignored(&t->learned, t->rows->row[i].id, words);
			any = true;
		}
	}
	return any;
}

static enum got refused(struct talk *t, const struct reply *r)
{
	static const char *const status[] = { "status_id", "status is a required", "status is required",
					      NULL };
	static const char *const field[] = { "is a required field", NULL };
	static const char *const run[] = { "run_id", "not a valid test run", "not a valid run", NULL };
	enum got got =
		testrail_refused(t, r, "add_results_for_cases", r->status == 403 ? GOT_PARK : GOT_REFUSED);
	const char *words = sink_words(t->arena, r);

	if (got == GOT_LOCKED)
		return got;
	if (testrail_says_closed(words) || sink_says(words, run) || r->status == 404 || r->status == 403)
		return leave(t, words);
	if (sink_says(words, status) && !wants_status(t) && failed_status(t) > 0) {
		sink_set_int(sink_object(t->facts, "required"), "status", 1);
		err_clear(&t->err);
		return GOT_MORE;
	}
	if (sink_says(words, field)) /* an administrator's: it has no value here */
		return leave(t, words);
	if (leave_named(t, words)) {
		err_clear(&t->err);
		return GOT_MORE;
	}
	return GOT_REFUSED;
}

enum got testrail_defects_got(struct talk *t, const struct reply *r)
{
	if (!sink_ok(r))
		return refused(t, r);
	cJSON *root = sink_json(r);
	const cJSON *items = cJSON_IsArray(root) ? root : cJSON_GetObjectItemCaseSensitive(root, "results");
	size_t sent = rows_sent(t), i = 0;
	const cJSON *item;

	/* As many answers as entries, or it is not the answer that is due. */
	bool whole = cJSON_IsArray(items) && (size_t)cJSON_GetArraySize(items) == sent;
	if (!whole)
		items = NULL;
	cJSON_ArrayForEach(item, items)
	{
		const char *id = sink_id(t->arena, item, "id");
		testrail_results_seen(t, id);
		learned_posted(&t->learned, t->rows->row[i++].id, id);
	}
	cJSON_Delete(root);
	return whole ? GOT_MORE : GOT_UNKNOWN;
}

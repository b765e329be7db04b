/* SPDX-License-Identifier: Apache-2.0
 *
 * axosoft_items.c - a failure and its item: what is decided is done (made, commented, reopened, closed), and
 * what its answers, or the look-up for a lost one, say of it.
 *
 * One row is one failure and one request.  The tracker is searched for the fingerprint before anything is made, so
 * neither a lost answer nor a lost database makes a twin.  bookmark: made (items of this run), summary (id of its
 * summary item), groups {mark: id of a suite's item}, told {item id: 1}.  facts: today {day, made}.  scratch: doing,
 * mark (of what is made), searched (row id). */
#include "sinks/axosoft/axosoft.h"

#include "daemon/base/clock.h"
#include "daemon/base/json.h"

#include <errno.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

/* ---- one failure ---- */

static int64_t made_today(struct talk *t)
{
	const cJSON *today = cJSON_GetObjectItemCaseSensitive(t->facts, "today");

	return sink_int(today, "day", -1) == t->now_ms / DAY_MS ? sink_int(today, "made", 0) : 0;
}

static void count_made(struct talk *t)
{
	int64_t made = made_today(t) + 1;
	cJSON *today = sink_object(t->facts, "today");

	sink_set_int(today, "day", t->now_ms / DAY_MS);
	sink_set_int(today, "made", made);
	sink_set_int(t->bookmark, "made", sink_int(t->bookmark, "made", 0) + 1);
}

static bool told(const struct talk *t, const char *id)
{
	return id != NULL && sink_bool(cJSON_GetObjectItemCaseSensitive(t->bookmark, "told"), id);
}

static void tell(struct talk *t, const char *id)
{
	sink_set_int(sink_object(t->bookmark, "told"), id, 1);
}

static bool passed(const struct row *row)
{
	for (size_t i = 0; i < row->test_count; i++) {
		const struct row_test *test = &row->tests[i];
		if (test->result_count == 0 ||
		    test->results[test->result_count - 1]->outcome != OUTCOME_PASSED)
			return false;
	}
	return row->test_count > 0;
}

/* The row has its item, which the results of its tests are to be told elsewhere: but where they passed there is
 * nothing to tell, and a dry run changes nothing anywhere. */
static void settled(struct talk *t, const struct row *row, const struct axosoft_item *item)
{
	const struct axosoft_conf *c = t->conf;

	if (c->mode == AXOSOFT_DRY_RUN || passed(row))
		learned_posted(&t->learned, row->id, item->id);
	else
		learned_defect(&t->learned, row->id, item->id, axosoft_item_url(t, item), item->step);
}

/* Some test of it failed and passed in this one run: further tries disagree. */
static bool flaky(const struct row *row)
{
	for (size_t i = 0; i < row->test_count; i++) {
		const struct row_test *test = &row->tests[i];
		for (size_t k = 0; k < test->result_count; k++)
			if (test->results[k]->outcome == OUTCOME_PASSED || test->results[k]->flaky)
				return true;
	}
	return false;
}

static const char *group_mark(struct talk *t, const struct row *row)
{
	const char *suite = row->failure != NULL ? row->failure->suite : NULL;

	return suite != NULL ? axosoft_suite_mark(suite, t->arena) : NULL;
}

static const char *group_item(struct talk *t, const struct row *row)
{
	const char *mark = group_mark(t, row);

	return mark == NULL ? NULL
			    : sink_string(cJSON_GetObjectItemCaseSensitive(t->bookmark, "groups"), mark);
}

static enum axosoft_do decide(struct talk *t, const struct row *row, struct axosoft_item *item,
			      const char **why)
{
	*item = axosoft_item_of(t, row);
	struct axosoft_case x = {
		.now_ms = t->now_ms,
		.run = t->run->id,
		.history = row->failure,
		.item = *item,
		.passed = passed(row),
		.flaky = flaky(row),
		.none_passed = row->failure != NULL && row->failure->none_passed,
		.summary_known = sink_string(t->bookmark, "summary") != NULL,
		.group_known = group_item(t, row) != NULL,
		.told = told(t, item->id),
		.made_run = sink_int(t->bookmark, "made", 0),
		.made_day = made_today(t),
	};
	return axosoft_decide(t->conf, &x, why);
}

static enum ask doing(struct talk *t, const char *what)
{
	sink_set_string(sink_scratch(t), "doing", what);
	return ASK_SEND;
}

static enum ask ask_make(struct talk *t, struct request *r, const struct row *row,
			 const struct axosoft_item *old, bool group)
{
	const char *mark = group ? group_mark(t, row) : row->remote_id;
	struct buf body = BUF_LIMIT(4u << 20);
	/* A closed or lost item of ours would be found again; its successor is wanted.  That of a suite may stand
	 * since an earlier run, and this failure be new to it. */
	bool searched =
		(old->id != NULL && !group) || sink_int(sink_scratch(t), "searched", 0) == row->id + 1;
	enum ask ask;

	sink_set_string(sink_scratch(t), "mark", mark);
	if (!searched) {
		axosoft_ask_marked(t, r, mark);
		return doing(t, "search");
	}
	int rc = group ? axosoft_group_body(t, row, mark, &body) : axosoft_body(t, row, mark, old, &body);
	if (rc == 0) {
		axosoft_post(t, r, "%s", axosoft_type_word(t->conf));
		buf_append(&r->body, body.data, body.len);
		ask = doing(t, group ? "group" : "make");
	} else if (axosoft_list_stale(t, r)) {
		err_clear(&t->err);
		ask = doing(t, "list");
	} else {
		learned_parked(&t->learned, row->id, t->err.text);
		err_clear(&t->err);
		ask = ASK_LEARN;
	}
	buf_done(&body);
	return ask;
}

static enum ask ask_move(struct talk *t, struct request *r, const char *id, const char *step, bool close)
{
	axosoft_post(t, r, "%s/%s", axosoft_type_word(t->conf), id);
	buf_puts(&r->body, "{\"notify_customer\":false,\"item\":{");
	if (step != NULL) {
		json_key(&r->body, "workflow_step");
		buf_printf(&r->body, "{\"id\":%s}", step);
	} else {
		json_field_int(&r->body, "percent_complete", close ? 100 : 0);
	}
	buf_puts(&r->body, "}}");
	return doing(t, close ? "close" : "reopen");
}

static enum ask ask_comment(struct talk *t, struct request *r, const struct row *row,
			    const struct axosoft_item *item)
{
	axosoft_post(t, r, "%s/%s/comments", axosoft_type_word(t->conf), item->id);
	buf_putc(&r->body, '{');
	json_field(&r->body, "comment_text", axosoft_comment(t, row, item, flaky(row)));
	buf_putc(&r->body, '}');
	return doing(t, "comment");
}

/* Moving needs to be allowed from where the item stands: asked before. */
static enum ask move(struct talk *t, struct request *r, const struct row *row,
		     const struct axosoft_item *item, bool close)
{
	const char *step = axosoft_step_id(t, close ? "close" : "reopen");
	const char *may = sink_string(sink_scratch(t), "may");

	if (step != NULL && may == NULL) {
		axosoft_get(t, r, "%s/%s/workflow_steps", axosoft_type_word(t->conf), item->id);
		sink_set_string(sink_scratch(t), "to", step);
		return doing(t, "steps");
	}
	if (step == NULL || strcmp(may, step) == 0)
		return ask_move(t, r, item->id, step, close);
	/* Not from there: a comment says it instead. */
	if (told(t, item->id)) {
		settled(t, row, item);
		return ASK_LEARN;
	}
	return ask_comment(t, r, row, item);
}

/* The failure goes to an item that stands for others already. */
static enum ask join(struct talk *t, const struct row *row, const char *id)
{
	struct axosoft_item item = { .id = id,
				     .ours = true,
				     .shared = true,
				     .done_ms = TIME_UNKNOWN,
				     .set_step = axosoft_step_id(t, "bug"),
				     .seen_run = t->run->id };

	axosoft_learn_item(t, row, &item);
	settled(t, row, &item);
	return ASK_LEARN;
}

enum ask axosoft_file_ask(struct talk *t, struct request *r)
{
	const struct row *row = &t->rows->row[0];
	const char *why, *summary = sink_string(t->bookmark, "summary");
	struct axosoft_item item;

	switch (decide(t, row, &item, &why)) {
	case AXOSOFT_DO_NOTHING:
		learned_ignored(&t->learned, row->id, why);
		return ASK_LEARN;
	case AXOSOFT_DO_LINK:
		settled(t, row, &item);
		return ASK_LEARN;
	case AXOSOFT_DO_LOOK:
		axosoft_ask_items(t, r, item.id, 1);
		return doing(t, "known");
	case AXOSOFT_DO_COMMENT:
		return ask_comment(t, r, row, &item);
	case AXOSOFT_DO_REOPEN:
		return move(t, r, row, &item, false);
	case AXOSOFT_DO_CLOSE:
		return move(t, r, row, &item, true);
	case AXOSOFT_DO_MAKE:
		return ask_make(t, r, row, &item, false);
	case AXOSOFT_DO_GROUP:
		if (group_item(t, row) == NULL)
			return ask_make(t, r, row, &item, true);
		return join(t, row, group_item(t, row));
	case AXOSOFT_DO_GATHER:
		return summary == NULL ? ASK_SKIP /* the next step's */ : join(t, row, summary);
	}
	return ASK_SKIP;
}

/* The item was made, as the answer or a look-up shows it. */
static void made(struct talk *t, const struct axosoft_item *item, size_t rows)
{
	axosoft_files_wanted(t, item->id);
	tell(t, item->id);
	for (size_t i = 0; i < rows && i < t->rows->count; i++) {
		axosoft_learn_item(t, &t->rows->row[i], item);
		settled(t, &t->rows->row[i], item);
	}
	count_made(t);
}

static enum got got_made(struct talk *t, const cJSON *root, bool shared)
{
	const cJSON *data = axosoft_data(root);
	struct axosoft_item item = { .ours = true, .shared = shared, .done_ms = TIME_UNKNOWN };

	if (!cJSON_IsObject(data))
		data = root;
	item.id = axosoft_id(t->arena, data, "id");
	item.number = sink_id(t->arena, data, "number");
	item.seen_run = t->run->id;
	item.set_step = axosoft_step_id(t, "bug");
	if (item.set_step == NULL) /* where new ones begin */
		item.set_step =
			axosoft_id(t->arena, cJSON_GetObjectItemCaseSensitive(data, "workflow_step"), "id");
	if (item.id == NULL)
		return GOT_UNKNOWN;
	made(t, &item, 1);
	return GOT_MORE;
}

/* Only the first row is settled by it; the others follow, each by its own decision, without a request. */
static enum got got_summary(struct talk *t, const cJSON *root)
{
	const char *id = axosoft_id(t->arena, axosoft_data(root), "id");

	if (id == NULL)
		return GOT_UNKNOWN;
	sink_set_string(t->bookmark, "summary", id);
	(void)got_made(t, root, true);
	return GOT_BACK;
}

/* The suite's item: the further failures of the suite join it without a request. */
static enum got got_group(struct talk *t, const cJSON *root)
{
	const char *id = axosoft_id(t->arena, axosoft_data(root), "id"),
		   *mark = sink_string(sink_scratch(t), "mark");

	if (id == NULL || mark == NULL)
		return GOT_UNKNOWN;
	sink_set_string(sink_object(t->bookmark, "groups"), mark, id);
	return got_made(t, root, true);
}

static enum got got_search(struct talk *t, const cJSON *root)
{
	const struct row *row = &t->rows->row[0];
	const char *mark = sink_string(sink_scratch(t), "mark");
	struct axosoft_item item;

	if (!cJSON_IsArray(axosoft_data(root)) || mark == NULL)
		return GOT_UNKNOWN;
	if (axosoft_from_0(t, root))
		return GOT_MORE;
	bool found = axosoft_find_marked(t, axosoft_data(root), mark, NULL, &item);
	bool group = strcmp(mark, row->remote_id) != 0;
	item.shared = group;
	/* What stood for a suite and is closed is not that of today's failures. */
	if (found && !(group && item.done)) {
		axosoft_learn_item(t, row, &item);
		if (group)
			sink_set_string(sink_object(t->bookmark, "groups"), mark, item.id);
	} else
		sink_set_int(sink_scratch(t), "searched", row->id + 1);
	return GOT_MORE;
}

static enum got got_steps(struct talk *t, const cJSON *root)
{
	const char *to = sink_string(sink_scratch(t), "to");
	const cJSON *row;
	bool may = false;

	if (!cJSON_IsArray(axosoft_data(root)))
		return GOT_UNKNOWN;
	cJSON_ArrayForEach(row, axosoft_data(root))
	{
		const char *id = axosoft_id(t->arena, row, "id");
		may = may || (id != NULL && to != NULL && strcmp(id, to) == 0);
	}
	sink_set_string(sink_scratch(t), "may", may ? to : "");
	return GOT_MORE;
}

static enum got got_done(struct talk *t, const char *what)
{
	const struct row *row = &t->rows->row[0];
	struct axosoft_item item = axosoft_item_of(t, row);

	cJSON_DeleteItemFromObjectCaseSensitive(sink_scratch(t), "may");
	if (item.id == NULL)
		return GOT_UNKNOWN;
	if (strcmp(what, "comment") == 0) {
		tell(t, item.id);
		settled(t, row, &item);
		return GOT_MORE;
	}
	bool close = strcmp(what, "close") == 0;
	const char *step = axosoft_step_id(t, what);
	if (step != NULL) {
		const struct axosoft_conf *c = t->conf;
		const char *name = close ? c->close_step : c->reopen_step;
		item.set_step = item.step_id = step;
		/* What results are told of it from now on; configured by its id it has no name here. */
		item.step = name != NULL && strcmp(name, step) != 0 ? name : NULL;
	}
	item.done = close;
	item.done_ms = close ? t->now_ms : TIME_UNKNOWN;
	axosoft_learn_item(t, row, &item);
	if (close)
		settled(t, row, &item);
	return GOT_MORE; /* reopened: its comment says why */
}

static enum got refused(struct talk *t, const struct reply *r, const char *what)
{
	const struct axosoft_conf *c = t->conf;
	enum got got = axosoft_refused(t, r, what, r->status == 403 ? GOT_LOCKED : GOT_REFUSED);

	if (got == GOT_REFUSED && strcmp(what, "make") == 0 && c->item_type == AXOSOFT_DEFECTS) {
		const char *said = arena_strdup(t->arena, t->err.text);
		err_clear(&t->err);
		err_set(&t->err, -EPROTO,
			"%s (newer accounts make work items instead of defects: item_type: features, with "
			"the "
			"workflow_step of a bug)",
			said);
	}
	/* A person has deleted it since it was looked at. */
	struct axosoft_item item = axosoft_item_of(t, &t->rows->row[0]);
	if (r->status == 404 && item.id != NULL && strcmp(what, "make") != 0 && strcmp(what, "group") != 0 &&
	    strcmp(what, "list") != 0) {
		item.missing = true;
		item.seen_run = t->run->id;
		axosoft_learn_item(t, &t->rows->row[0], &item);
		err_clear(&t->err);
		return GOT_MORE;
	}
	return got;
}

enum got axosoft_file_got(struct talk *t, const struct reply *r)
{
	const char *what = sink_string(sink_scratch(t), "doing");

	if (what == NULL)
		return GOT_UNKNOWN;
	if (!sink_ok(r))
		return refused(t, r, what);
	cJSON *root = sink_json(r);
	enum got got = root == NULL                   ? GOT_UNKNOWN
		       : strcmp(what, "search") == 0  ? got_search(t, root)
		       : strcmp(what, "steps") == 0   ? got_steps(t, root)
		       : strcmp(what, "make") == 0    ? got_made(t, root, false)
		       : strcmp(what, "group") == 0   ? got_group(t, root)
		       : strcmp(what, "list") == 0    ? axosoft_list_got(t, r)
		       : strcmp(what, "known") == 0   ? axosoft_known_got(t, r)
		       : strcmp(what, "summary") == 0 ? got_summary(t, root)
						      : got_done(t, what);
	cJSON_Delete(root);
	return got;
}

/* ---- did it happen? ---- */

/* "fp-..." of the item's name that was sent; NULL: it was something else. */
static const char *sent_mark(struct talk *t, cJSON **root)
{
	*root = cJSON_Parse(t->sent != NULL ? t->sent : "");
	const char *name = sink_string(cJSON_GetObjectItemCaseSensitive(*root, "item"), "name");
	const char *open = name != NULL ? strrchr(name, '[') : NULL,
		   *end = open != NULL ? strchr(open, ']') : NULL;

	return end != NULL ? arena_strndup(t->arena, open + 1, (size_t)(end - open - 1)) : NULL;
}

enum ask axosoft_file_look(struct talk *t, struct request *r)
{
	cJSON *root;
	const char *mark = sent_mark(t, &root);
	bool comment = sink_string(root, "comment_text") != NULL;

	cJSON_Delete(root);
	if (axosoft_needs_token(t, r)) {
		(void)doing(t, "token");
		return ASK_SEND;
	}
	if (mark != NULL) {
		axosoft_ask_marked(t, r, mark);
		return doing(t, "search");
	}
	if (!comment || t->rows->count == 0)
		return ASK_SKIP; /* to move an item where it is already does no harm */
	struct axosoft_item item = axosoft_item_of(t, &t->rows->row[0]);
	if (item.id == NULL)
		return ASK_SKIP;
	axosoft_get(t, r, "%s/%s/comments", axosoft_type_word(t->conf), item.id);
	return doing(t, "comments");
}

static enum looked looked_comments(struct talk *t, const cJSON *rows)
{
	const struct row *row = &t->rows->row[0];
	struct axosoft_item item = axosoft_item_of(t, row);
	const cJSON *one;

	cJSON_ArrayForEach(one, rows)
	{
		const char *text = sink_string(one, "comment_text");
		if (text == NULL)
			text = sink_string(one, "text");
		if (text == NULL || strstr(text, t->run->token) == NULL || item.id == NULL)
			continue;
		tell(t, item.id);
		settled(t, row, &item);
		return LOOKED_ALL;
	}
	return LOOKED_NONE;
}

/* The item that was sent, if it is among those that hold its mark.  What it follows holds the same one: the item
 * that is known, others before that, the closed one of a suite.  They are not it. */
static bool find_sent(struct talk *t, const cJSON *rows, const char *mark, struct axosoft_item *out)
{
	const struct row *row = &t->rows->row[0];
	bool summary = strncmp(mark, "fp-", 3) != 0; /* the run's own: it follows none */
	bool shared = summary || strcmp(mark, row->remote_id) != 0;
	const char *old = summary ? NULL : axosoft_item_of(t, row).id;

	if (!axosoft_find_marked(t, rows, mark, old, out) ||
	    (out->done && !summary && (shared || old != NULL)))
		return false;
	out->shared = shared;
	if (summary)
		sink_set_string(t->bookmark, "summary", out->id);
	else if (shared)
		sink_set_string(sink_object(t->bookmark, "groups"), mark, out->id);
	return true;
}

enum looked axosoft_file_looked(struct talk *t, const struct reply *r)
{
	const char *what = sink_string(sink_scratch(t), "doing");
	enum looked looked = LOOKED_NONE;
	struct axosoft_item item;
	cJSON *sent;

	if (what != NULL && strcmp(what, "token") == 0)
		return axosoft_token_taken(t, r) ? LOOKED_MORE : LOOKED_UNSURE;
	if (!sink_ok(r))
		return axosoft_refused(t, r, "look-up", GOT_PARK) == GOT_BACK ? LOOKED_MORE : LOOKED_UNSURE;
	cJSON *root = sink_json(r);
	const cJSON *rows = axosoft_data(root);
	const char *mark = sent_mark(t, &sent);
	if (!cJSON_IsArray(rows)) {
		looked = LOOKED_UNSURE;
	} else if (mark == NULL) {
		looked = looked_comments(t, rows);
	} else if (axosoft_from_0(t, root)) {
		looked = LOOKED_MORE;
	} else if (find_sent(t, rows, mark, &item)) {
		made(t, &item, 1);
		looked = LOOKED_ALL;
	}
	cJSON_Delete(sent);
	cJSON_Delete(root);
	return looked;
}

/* ---- the summary ---- */

enum ask axosoft_summary_ask(struct talk *t, struct request *r)
{
	const char *why;
	struct axosoft_item item;

	/* Rows stand in the order of arrival: those that are gathered lie behind the ones with items. */
	if (decide(t, &t->rows->row[0], &item, &why) != AXOSOFT_DO_GATHER ||
	    sink_string(t->bookmark, "summary") != NULL)
		return ASK_SKIP;
	axosoft_post(t, r, "%s", axosoft_type_word(t->conf));
	if (axosoft_summary_body(t, t->run->token, t->rows->count, &r->body) < 0)
		return ASK_PARK;
	return doing(t, "summary");
}

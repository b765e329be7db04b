/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_evidence.c - files: add_attachment_to_result, _to_run and _to_plan_entry, one a request, and what
 * became of an upload whose answer was lost.
 *
 * A file belongs to the result whose id the server returned; its name is unique there, so name and size
 * say whether it has arrived.  Attachments may be forbidden as a whole (result editing is off, or the
 * server is too old): the first refusal tells, and the other files of this walk are parked with its words,
 * without a request each; a retry asks again.
 *
 * The files of a run that stands in a plan are those of its entry, which all runs of the entry share.  Whether
 * add_attachment_to_run takes such a run is not documented; it is tried where the server does not know
 * add_attachment_to_plan_entry, or says that there is no such entry, and where the entry is not known.  That
 * stands in the bookmark (run {files_by_run}), since a look-up must ask for the list that the upload went to.
 * scratch holds
 *   denied_result, denied_run   such words
 *   gone     words about something that is not there: the run is asked for; there: it is there
 *   test     of a look-up: the test whose result it is (lists go by test)
 *   offset   of the list that is being read */
#include "sinks/testrail/testrail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct row_evidence *file_of(const struct talk *t)
{
	return t->rows->row[0].evidence;
}

/* The plan whose entry takes the files of the run; NULL: the run itself takes them. */
static const char *plan_of_files(const struct talk *t)
{
	const cJSON *run = cJSON_GetObjectItemCaseSensitive(t->bookmark, "run");
	const char *plan = sink_string(run, "plan"), *entry = sink_string(run, "entry");

	if (plan == NULL || *plan == '\0' || entry == NULL || *entry == '\0')
		return NULL;
	return sink_bool(run, "files_by_run") ? NULL : plan;
}

/* Of several suites the run is the plan: what is no result's is attached there. */
static const char *plan_of_all(const struct talk *t)
{
	return testrail_several(t->conf) ? testrail_plan_id(t) : NULL;
}

static void put_entry(const struct talk *t, struct request *r)
{
	buf_putc(&r->path, '/');
	sink_escape(&r->path, sink_string(cJSON_GetObjectItemCaseSensitive(t->bookmark, "run"), "entry"));
}

static const char *denied_key(const struct row_evidence *e)
{
	return e->of_run ? "denied_run" : "denied_result";
}

void testrail_evidence(const void *conf, struct evidence_policy *out)
{
	const struct testrail_conf *c = conf;

	sink_evidence_policy(&c->common.evidence, out);
}

/* ---- upload ---- */

enum ask testrail_evidence_ask(struct talk *t, struct request *r)
{
	const struct row_evidence *e = file_of(t);
	const char *denied = sink_string(sink_scratch(t), denied_key(e));

	testrail_select_row(t);
	if (e->of_run && testrail_run_id(t) == NULL && plan_of_all(t) == NULL)
		denied = "the run that it belongs to is gone";
	if (denied != NULL) {
		learned_parked(&t->learned, t->rows->row[0].id, denied);
		return ASK_LEARN;
	}
	if (sink_string(sink_scratch(t), "gone") != NULL) {
		testrail_get(r, "get_run", testrail_run_id(t));
		return ASK_SEND;
	}
	if (!e->of_run) {
		testrail_post(r, "add_attachment_to_result", e->remote_result);
	} else if (plan_of_all(t) != NULL) {
		testrail_post(r, "add_attachment_to_plan", plan_of_all(t));
	} else if (plan_of_files(t) != NULL) {
		testrail_post(r, "add_attachment_to_plan_entry", plan_of_files(t));
		put_entry(t, r);
	} else {
		testrail_post(r, "add_attachment_to_run", testrail_run_id(t));
	}
	sink_upload(t, r, "attachment");
	if (r->upload_path != NULL)
		return ASK_SEND;
	err_set(&t->err, -ENOMEM, "the path of \"%.200s\" is too long", e->name);
	return ASK_PARK;
}

static enum got deny(struct talk *t, const char *words)
{
	sink_set_string(sink_scratch(t), denied_key(file_of(t)), words);
	learned_parked(&t->learned, t->rows->row[0].id, words);
	err_clear(&t->err);
	return GOT_MORE;
}

/* No such call, or no such entry: nothing was executed, and the run may take what its entry does not. */
static bool entry_unknown(const struct talk *t, const struct reply *r, const char *words)
{
	static const char *const entry[] = { "entry_id", "entry id", "plan entry", NULL };

	return file_of(t)->of_run && plan_of_all(t) == NULL && plan_of_files(t) != NULL &&
	       (testrail_says_unknown_call(r, words) ||
		(r->status == 400 && sink_says(words, entry) && !testrail_says_closed(words)));
}

static const char *call_of(const struct talk *t)
{
	if (!file_of(t)->of_run)
		return "add_attachment_to_result";
	if (plan_of_all(t) != NULL)
		return "add_attachment_to_plan";
	return plan_of_files(t) != NULL ? "add_attachment_to_plan_entry" : "add_attachment_to_run";
}

/* The result or the run is not known. */
static bool says_gone(const struct reply *r, const char *words)
{
	static const char *const thing[] = { "result_id", "run_id",      "test result", "test run",
					     "not found", "not a valid", NULL };

	return (r->status == 400 || r->status == 404) && sink_says(words, thing);
}

static enum got upload_refused(struct talk *t, const struct reply *r)
{
	const struct row_evidence *e = file_of(t);
	const char *call = call_of(t);
	const char *words = sink_words(t->arena, r);

	if (entry_unknown(t, r, words)) {
		sink_set_int(sink_object(t->bookmark, "run"), "files_by_run", 1);
		return GOT_MORE;
	}
	enum got got = testrail_refused(t, r, call, GOT_REFUSED);

	if (got != GOT_REFUSED)
		return got;
	if (r->status == 403)
		return deny(t,
			    arena_printf(t->arena, "%s%s", t->err.text,
					 e->of_run ? ""
						   : "; files of results need \"Allow editing results\" in "
						     "TestRail's site settings"));
	if (testrail_says_unknown_call(r, words))
		return deny(t,
			    arena_printf(t->arena, "%s; this TestRail does not know the call", t->err.text));
	if (testrail_says_closed(words))
		return deny(t, arena_strdup(t->arena, t->err.text));
	if (says_gone(r, words) && testrail_run_id(t) != NULL && !sink_bool(sink_scratch(t), "there")) {
		sink_set_string(sink_scratch(t), "gone", t->err.text);
		err_clear(&t->err);
		return GOT_MORE;
	}
	return GOT_REFUSED; /* one file: it is parked alone */
}

/* The result may have gone alone (its case was taken out of the run), or with the run: then everything is
 * owed again, as where results find that out. */
static enum got gone_got(struct talk *t, const struct reply *r)
{
	cJSON *scratch = sink_scratch(t);
	const char *words = arena_strdup(t->arena, sink_string(scratch, "gone"));

	cJSON_DeleteItemFromObjectCaseSensitive(scratch, "gone");
	if (r->status == 400 || r->status == 404) {
		testrail_forget_run(t);
		return sink_back(t, "%s", words != NULL ? words : "the run is gone");
	}
	if (!sink_ok(r)) {
		enum got got = testrail_refused(t, r, "get_run", GOT_PARK);
		if (got != GOT_PARK)
			return got;
		err_clear(&t->err);
	}
	sink_set_int(scratch, "there", 1);
	learned_parked(&t->learned, t->rows->row[0].id, words);
	return GOT_MORE;
}

enum got testrail_evidence_got(struct talk *t, const struct reply *r)
{
	if (sink_string(sink_scratch(t), "gone") != NULL)
		return gone_got(t, r);
	if (!sink_ok(r))
		return upload_refused(t, r);
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "attachment_id"); /* a number, or a UUID on newer clouds */
	cJSON_Delete(root);
	if (id == NULL)
		return GOT_UNKNOWN;
	learned_posted(&t->learned, t->rows->row[0].id, id);
	return GOT_MORE;
}

/* ---- did it happen? ---- */

enum ask testrail_evidence_look(struct talk *t, struct request *r)
{
	const struct row_evidence *e;
	cJSON *scratch = sink_scratch(t);
	testrail_select_row(t);
	const char *run = testrail_run_id(t), *test = sink_string(scratch, "test");

	if (t->rows->count == 0 || (run == NULL && plan_of_all(t) == NULL))
		return ASK_SKIP;
	e = file_of(t);
	if (run == NULL && !e->of_run)
		return ASK_SKIP;
	if (e->of_run && plan_of_all(t) != NULL) {
		testrail_get(r, "get_attachments_for_plan", plan_of_all(t));
	} else if (e->of_run && plan_of_files(t) != NULL) {
		testrail_get(r, "get_attachments_for_plan_entry", plan_of_files(t));
		put_entry(t, r);
	} else if (e->of_run) {
		testrail_get(r, "get_attachments_for_run", run);
	} else if (test != NULL) {
		testrail_get(r, "get_attachments_for_test", test);
	} else if (t->rows->row[0].remote_id == NULL) {
		return ASK_SKIP; /* the case is gone, and its result with it */
	} else {
		/* Nothing lists the files of one result: first, which test it is of. */
		testrail_get(r, "get_results_for_case", run);
		buf_putc(&r->path, '/');
		sink_escape(&r->path, t->rows->row[0].remote_id);
	}
	testrail_page_args(r, sink_int(scratch, "offset", 0));
	return ASK_SEND;
}

static bool named_so(const cJSON *item, const char *name)
{
	const char *a = sink_string(item, "name"), *b = sink_string(item, "filename");

	return (a != NULL && strcmp(a, name) == 0) || (b != NULL && strcmp(b, name) == 0);
}

/* Newer servers say which result a file is of; where none does, the time must not speak against it. */
static bool of_this(const struct talk *t, const cJSON *item, const struct row_evidence *e)
{
	static const char *const unset[] = { "result_id", "entity_id" };
	const char *type = sink_string(item, "entity_type");
	int64_t skew = sink_int(t->facts, "skew", 0);
	int64_t at = sink_int(item, "created_on", INT64_MAX);

	if (at < (t->sent_ms + (skew < 0 ? skew : 0) - TESTRAIL_LOOK_MS) / 1000)
		return false;
	if (e->of_run) {
		/* Whether the list of a run also holds the files of its results is not documented. */
		const char *id = sink_id(t->arena, item, "result_id");
		return (type == NULL || strcmp(type, "test_change") != 0) &&
		       (id == NULL || strcmp(id, "0") == 0);
	}
	for (int i = 0; i < 2; i++) {
		const char *id = sink_id(t->arena, item, unset[i]);
		if (i == 1 && (type == NULL || strcmp(type, "test_change") != 0))
			break;
		if (id != NULL && strcmp(id, "0") != 0)
			return strcmp(id, e->remote_result) == 0;
	}
	return true;
}

static enum looked file_looked(struct talk *t, const struct testrail_page *page)
{
	const struct row_evidence *e = file_of(t);
	const cJSON *item;

	cJSON_ArrayForEach(item, page->items)
	{
		int64_t size = sink_int(item, "size", (int64_t)e->size);
		if (size != (int64_t)e->size || !named_so(item, e->name) || !of_this(t, item, e))
			continue;
		const char *id = sink_id(t->arena, item, "id");
		learned_posted(&t->learned, t->rows->row[0].id,
			       id != NULL ? id : sink_id(t->arena, item, "attachment_id"));
		return LOOKED_ALL;
	}
	return page->last ? LOOKED_NONE : LOOKED_MORE;
}

/* The result's test; LOOKED_NONE where the result is not there any more. */
static enum looked test_looked(struct talk *t, const struct testrail_page *page)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, page->items)
	{
		const char *test = sink_id(t->arena, item, "test_id");
		if (!testrail_id_is(item, "id", file_of(t)->remote_result) || test == NULL)
			continue;
		sink_set_string(sink_scratch(t), "test", test);
		return LOOKED_ALL;
	}
	return page->last ? LOOKED_NONE : LOOKED_MORE;
}

/* Where files cannot be listed nobody can find out: a person may look, and decide. */
static enum looked cannot_look(struct talk *t, const struct reply *r)
{
	testrail_refused(t, r, "look-up of a file", GOT_PARK);
	if (r->status == 400)
		return LOOKED_NONE; /* its result or run is gone: the next upload says so */
	if (r->status != 403 && r->status != 404)
		return LOOKED_UNSURE;
	learned_parked(&t->learned, t->rows->row[0].id,
		       arena_printf(t->arena, "it may have arrived, but what has cannot be listed (%s)",
				    t->err.text));
	return LOOKED_ALL;
}

enum looked testrail_evidence_looked(struct talk *t, const struct reply *r)
{
	const struct row_evidence *e = file_of(t);
	cJSON *scratch = sink_scratch(t);
	bool files = e->of_run || sink_string(scratch, "test") != NULL;
	struct testrail_page page;

	if (!sink_ok(r))
		return cannot_look(t, r);
	if (!testrail_page(r, files ? "attachments" : "results", &page))
		return LOOKED_UNSURE;
	enum looked looked = files ? file_looked(t, &page) : test_looked(t, &page);
	sink_turn_page(t, page.count, looked != LOOKED_MORE);
	if (looked == LOOKED_ALL && !files) {
		sink_set_int(scratch, "offset", 0);
		looked = LOOKED_MORE; /* now its files */
	}
	cJSON_Delete(page.root);
	return looked;
}

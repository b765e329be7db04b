/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_runs.c - the run over there: found, made, extended, closed.
 *
 * A run of ours holds exactly the cases that this run touched; its token stands at the end of the
 * description, so that it can be found when the answer to add_run was lost.  update_run replaces the set of
 * cases and drops the results of those left out, so it is always given all of them: of a run that is not
 * ours the tests are read first. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/json.h"
#include "daemon/base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TESTS_STALE_MS 60000

static cJSON *run_of(struct talk *t)
{
	return cJSON_GetObjectItemCaseSensitive(t->bookmark, "run");
}

/* Keeps a run that was made, found or named. */
static void keep_run(struct talk *t, const cJSON *item, const char *id, bool own)
{
	cJSON *run = testrail_object(t->bookmark, "run");
	const char *url = sink_string(item, "url"), *plan = sink_id(t->arena, item, "plan_id");

	sink_set_string(run, "id", id);
	sink_set_int(run, "own", own);
	sink_set_int(run, "all", sink_bool(item, "include_all"));
	sink_set_int(run, "plan", plan != NULL && strcmp(plan, "0") != 0);
	if (url == NULL) {
		const struct testrail_conf *c = t->conf;
		url = arena_printf(t->arena, "%s/index.php?/runs/view/%s", c->url, id);
	}
	learned_run(&t->learned, id, url);
}

/* ---- an existing run ---- */

enum ask testrail_run_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	char id[32];

	if (c->run.id == 0 || testrail_run_id(t) != NULL)
		return ASK_SKIP;
	snprintf(id, sizeof(id), "%lld", (long long)c->run.id);
	testrail_get(r, "get_run", id);
	return ASK_SEND;
}

enum got testrail_run_got(struct talk *t, const struct reply *r)
{
	const struct testrail_conf *c = t->conf;
	const char *suite = testrail_fact(t, "suite", "id"), *project = testrail_fact(t, "project", "id");

	if (!testrail_ok(r))
		return testrail_refused(t, r, "run.id", GOT_PARK);
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "id"), *of = sink_id(t->arena, root, "project_id");
	const char *in = sink_id(t->arena, root, "suite_id");
	enum got got = GOT_NEXT;
	if (id == NULL) {
		got = GOT_UNKNOWN;
	} else if (of != NULL && strcmp(of, project) != 0) {
		err_set(&t->err, -EINVAL, "run.id: the run %s lies in the project %s, not in \"%s\" (%s)", id,
			of, c->project, project);
		got = GOT_PARK;
	} else if (suite != NULL && in != NULL && strcmp(in, suite) != 0) {
		err_set(&t->err, -EINVAL,
			"run.id: the run %s is one of the suite %s, results are matched to cases of "
			"the suite %s",
			id, in, suite);
		got = GOT_PARK;
	} else if (sink_bool(root, "is_completed")) {
		err_set(&t->err, -EROFS, "run.id: the run %s is closed over there", id);
		got = GOT_CLOSED;
	} else {
		keep_run(t, root, id, false);
	}
	cJSON_Delete(root);
	return got;
}

/* Every case of the rows is part of the run over there now. */
static void linked(struct talk *t)
{
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "tests");
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "relink");
	learned_linked(&t->learned);
}

/* ---- a new run ---- */

static void put_ids(struct buf *b, const char *const *ids, size_t count)
{
	json_key(b, "case_ids");
	buf_putc(b, '[');
	for (size_t i = 0; i < count; i++)
		testrail_put_id(b, NULL, ids[i]);
	buf_putc(b, ']');
}

enum ask testrail_add_run_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	struct buf name = BUF_LIMIT(64u << 10), text = BUF_LIMIT(1u << 20);
	const char *suite = testrail_fact(t, "suite", "id");
	enum ask ask = ASK_PARK;

	if (testrail_run_id(t) != NULL || t->rows->id_count == 0)
		return ASK_SKIP;
	if (!testrail_expand(t, c->run.name, t->run->vars, "run.name", &name))
		goto out;
	if (c->run.description != NULL) {
		if (!testrail_expand(t, c->run.description, t->run->vars, "run.description", &text))
			goto out;
		if (text.len > 0)
			buf_puts(&text, "\n\n");
	}
	/* What failed outside of any test has no result to stand in. */
	const char *notes = vars_get(t->run->vars, "run.notes");
	if (notes != NULL && template_uses(c->run.description, "run.notes") == NULL)
		buf_printf(&text, "%s\n\n", notes);
	buf_puts(&text, t->run->token);
	testrail_post(r, "add_run", testrail_fact(t, "project", "id"));
	const char *line = testrail_line(t->arena, name.data != NULL ? name.data : "");
	buf_putc(&r->body, '{');
	json_field(&r->body, "name", line != NULL && *line != '\0' ? line : t->run->token);
	json_field_n(&r->body, "description", text.data, text.len);
	if (suite != NULL)
		testrail_put_id(&r->body, "suite_id", suite);
	json_field_bool(&r->body, "include_all", false);
	put_ids(&r->body, t->rows->ids, t->rows->id_count);
	buf_putc(&r->body, '}');
	if (buf_error(&r->body) == 0 && buf_error(&text) == 0)
		ask = ASK_SEND;
	else
		err_set(&t->err, -E2BIG, "add_run: the request is too large");
out:
	buf_done(&name);
	buf_done(&text);
	return ask;
}

/* Cases of the list are not there any more.  Those that are named are forgotten; else the list is read. */
static enum got cases_gone(struct talk *t)
{
	const char *text = arena_strdup(t->arena, t->err.text), *at = text;
	char id[24];
	bool named = false;

	while (at != NULL && testrail_named_case(&at, id, sizeof(id))) {
		learned_gone(&t->learned, "case", sink_string(t->facts, "scope"), id);
		named = true;
	}
	if (!named)
		testrail_forget_cases(t);
	return testrail_back(t, "%s", text != NULL ? text : "cases are gone");
}

static bool says_cases(const struct talk *t)
{
	static const char *const words[] = { "case_ids", "case id", "unknown case", NULL };

	return testrail_says(t->err.text, words);
}

static enum got run_refused(struct talk *t, const struct reply *r, const char *doing)
{
	static const char *const run[] = { "run_id", "test run", "not a valid run", NULL };
	static const char *const suite[] = { "suite_id", "suite", "project", NULL };
	enum got got = testrail_refused(t, r, doing, GOT_PARK);
	const char *text = arena_strdup(t->arena, t->err.text);

	if (got == GOT_LOCKED || text == NULL || (r->status != 400 && r->status != 404))
		return got;
	if (testrail_run_id(t) != NULL) {
		if (testrail_says_closed(text))
			return GOT_CLOSED;
		if (testrail_says(text, (const char *const[]){ "belongs to a test plan", NULL }))
			return GOT_PARK;
	}
	if (says_cases(t))
		return cases_gone(t);
	if (testrail_run_id(t) != NULL && (r->status == 404 || testrail_says(text, run))) {
		testrail_forget_run(t);
		return testrail_back(t, "%s", text);
	}
	if (r->status == 404 || testrail_says(text, suite)) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "project");
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "suite");
		return testrail_back(t, "%s", text);
	}
	return got;
}

enum got testrail_add_run_got(struct talk *t, const struct reply *r)
{
	if (!testrail_ok(r))
		return run_refused(t, r, "add_run");
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "id");
	if (id != NULL) {
		keep_run(t, root, id, true);
		linked(t);
	}
	cJSON_Delete(root);
	return id != NULL ? GOT_NEXT : GOT_UNKNOWN;
}

enum ask testrail_add_run_look(struct talk *t, struct request *r)
{
	testrail_get(r, "get_runs", testrail_fact(t, "project", "id"));
	testrail_arg_window(t, r);
	testrail_arg_int(r, "is_completed", 0);
	testrail_page_args(r, sink_int(testrail_scratch(t), "offset", 0));
	return ASK_SEND;
}

/* Parts that came since the request are not in the run yet, though they stand among the ids. */
static bool all_sent(const struct talk *t)
{
	cJSON *sent = cJSON_Parse(t->sent != NULL ? t->sent : "");
	int n = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(sent, "case_ids"));

	cJSON_Delete(sent);
	return t->rows != NULL && t->rows->id_count == (size_t)n;
}

enum looked testrail_add_run_looked(struct talk *t, const struct reply *r)
{
	cJSON *scratch = testrail_scratch(t);
	struct testrail_page page;
	const cJSON *item;
	bool found = false;

	if (!testrail_ok(r)) {
		testrail_refused(t, r, "look-up of the run", GOT_PARK);
		return LOOKED_UNSURE;
	}
	if (!testrail_page(r, "runs", &page))
		return LOOKED_UNSURE;
	cJSON_ArrayForEach(item, page.items)
	{
		const char *text = sink_string(item, "description"), *id = sink_id(t->arena, item, "id");
		if (id == NULL || text == NULL || strstr(text, t->run->token) == NULL)
			continue;
		found = true;
		keep_run(t, item, id, true);
		if (all_sent(t))
			learned_linked(&t->learned);
		break;
	}
	sink_set_int(scratch, "offset", sink_int(scratch, "offset", 0) + page.count);
	bool last = page.last;
	cJSON_Delete(page.root);
	if (found)
		return LOOKED_ALL;
	return last ? LOOKED_NONE : LOOKED_MORE;
}

/* ---- more cases ---- */

/* "tests" in the bookmark: the cases of a run that is not ours, while they are being read. */
static cJSON *tests_of(struct talk *t)
{
	return cJSON_GetObjectItemCaseSensitive(t->bookmark, "tests");
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The cases that the run has, and ours; *ours: how many of ours it lacked. */
static const char **merged(struct talk *t, size_t *count, size_t *lacked)
{
	const cJSON *item, *ids = cJSON_GetObjectItemCaseSensitive(tests_of(t), "ids");
	size_t have = (size_t)cJSON_GetArraySize(ids), n = 0;
	const char **all = arena_calloc(t->arena, have + t->rows->id_count + 1, sizeof(*all));

	*lacked = 0;
	if (all == NULL)
		return NULL;
	cJSON_ArrayForEach(item, ids) all[n++] = item->valuestring;
	qsort(all, n, sizeof(*all), compare);
	have = n;
	for (size_t i = 0; i < t->rows->id_count; i++) {
		const char *id = t->rows->ids[i];
		if (have > 0 && bsearch(&id, all, have, sizeof(*all), compare) != NULL)
			continue;
		all[n++] = id;
		++*lacked;
	}
	*count = n;
	return all;
}

static enum ask update_run(struct talk *t, struct request *r, const char *const *ids, size_t count)
{
	testrail_post(r, "update_run", testrail_run_id(t));
	buf_putc(&r->body, '{');
	json_field_bool(&r->body, "include_all", false);
	put_ids(&r->body, ids, count);
	buf_putc(&r->body, '}');
	if (buf_error(&r->body) == 0)
		return ASK_SEND;
	err_set(&t->err, -E2BIG, "update_run: the request is too large");
	return ASK_PARK;
}

enum ask testrail_extend_ask(struct talk *t, struct request *r)
{
	cJSON *run = run_of(t), *tests = tests_of(t);
	size_t count, lacked;

	if (testrail_run_id(t) == NULL || (t->rows->new_ids == 0 && !sink_bool(t->bookmark, "relink")))
		return ASK_SKIP;
	if (sink_bool(run, "all")) {
		/* It takes every case of its suite by itself. */
		linked(t);
		return ASK_LEARN;
	}
	if (sink_bool(run, "own"))
		return update_run(t, r, t->rows->ids, t->rows->id_count);
	if (t->now_ms - sink_int(tests, "at", t->now_ms) > TESTS_STALE_MS) {
		/* Others may have added tests since, and update_run would drop them. */
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "tests");
		tests = NULL;
	}
	if (!sink_bool(tests, "complete")) {
		if (tests == NULL)
			sink_set_int(testrail_object(t->bookmark, "tests"), "at", t->now_ms);
		testrail_get(r, "get_tests", testrail_run_id(t));
		testrail_page_args(r, sink_int(tests, "offset", 0));
		return ASK_SEND;
	}
	const char **all = merged(t, &count, &lacked);
	if (all == NULL) {
		err_set(&t->err, -E2BIG, "update_run: the run has too many cases");
		return ASK_PARK;
	}
	if (lacked > 0)
		return update_run(t, r, all, count);
	linked(t);
	return ASK_LEARN;
}

static enum got tests_got(struct talk *t, const struct reply *r)
{
	cJSON *tests = testrail_object(t->bookmark, "tests");
	struct testrail_page page;
	const cJSON *item;

	if (!testrail_page(r, "tests", &page))
		return GOT_UNKNOWN;
	cJSON *ids = cJSON_GetObjectItemCaseSensitive(tests, "ids");
	if (!cJSON_IsArray(ids))
		ids = cJSON_AddArrayToObject(tests, "ids");
	cJSON_ArrayForEach(item, page.items)
	{
		const char *id = sink_id(t->arena, item, "case_id");
		if (id != NULL)
			cJSON_AddItemToArray(ids, cJSON_CreateString(id));
	}
	sink_set_int(tests, "offset", sink_int(tests, "offset", 0) + page.count);
	if (page.last)
		sink_set_int(tests, "complete", 1);
	cJSON_Delete(page.root);
	return GOT_MORE;
}

enum got testrail_extend_got(struct talk *t, const struct reply *r)
{
	bool foreign = !sink_bool(run_of(t), "own");
	bool asked_tests = foreign && !sink_bool(tests_of(t), "complete");

	if (!testrail_ok(r)) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "tests");
		return run_refused(t, r, asked_tests ? "get_tests" : "update_run");
	}
	if (asked_tests)
		return tests_got(t, r);
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "id");
	cJSON_Delete(root);
	if (id == NULL)
		return GOT_UNKNOWN;
	linked(t);
	return GOT_NEXT;
}

/* ---- the end ---- */

enum ask testrail_close_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;

	if (!c->run.close || testrail_run_id(t) == NULL || sink_bool(t->bookmark, "closed"))
		return ASK_SKIP;
	testrail_post(r, "close_run", testrail_run_id(t));
	buf_puts(&r->body, "{}");
	return ASK_SEND;
}

enum got testrail_close_got(struct talk *t, const struct reply *r)
{
	static const char *const gone[] = { "run_id", "not a valid test run", NULL };

	if (!testrail_ok(r)) {
		enum got got = testrail_refused(t, r, "close_run", GOT_PARK);
		/* Closed already (our first answer was lost), or deleted: nothing is left to close. */
		bool over = got == GOT_PARK && (r->status == 400 || r->status == 404) &&
			    (testrail_says_closed(t->err.text) || testrail_says(t->err.text, gone) ||
			     r->status == 404);
		if (!over)
			return got;
		err_clear(&t->err);
	} else {
		/* The run comes back; a page of somebody between closes nothing. */
		cJSON *root = sink_json(r);
		const char *id = sink_id(t->arena, root, "id");
		cJSON_Delete(root);
		if (id == NULL)
			return GOT_UNKNOWN;
	}
	sink_set_int(t->bookmark, "closed", 1);
	return GOT_NEXT;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_runs.c - a run that is made, alone or as an entry of a plan; what is kept of any run, and what its
 * refusals mean.
 *
 * A run of ours holds exactly the cases that this run touched, or all of the suite; its token stands at the
 * end of the description, so that it can be found when the answer to add_run was lost. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/json.h"

#include <errno.h>
#include <string.h>

static void tell_plan(struct talk *t)
{
	const struct testrail_conf *c = t->conf;
	const char *plan = testrail_plan_id(t);

	if (plan != NULL)
		learned_run(&t->learned, plan,
			    arena_printf(t->arena, "%s/index.php?/plans/view/%s", c->url, plan));
}

void testrail_keep_run(struct talk *t, const cJSON *item, const char *entry, bool own)
{
	cJSON *run = sink_object(t->bookmark, "run");
	const char *id = sink_id(t->arena, item, "id"), *url = sink_string(item, "url");
	const char *plan = sink_id(t->arena, item, "plan_id");

	if (entry == NULL)
		entry = sink_id(t->arena, item, "entry_id");
	sink_set_string(run, "id", id);
	sink_set_int(run, "own", own);
	sink_set_int(run, "all", sink_bool(item, "include_all"));
	sink_set_string(run, "plan", plan != NULL && strcmp(plan, "0") != 0 ? plan : "");
	sink_set_string(run, "entry", entry);
	sink_set_int(run, "configs",
		     cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(item, "config_ids")) > 0);
	if (url == NULL) {
		const struct testrail_conf *c = t->conf;
		url = arena_printf(t->arena, "%s/index.php?/runs/view/%s", c->url, id);
	}
	if (testrail_several(t->conf)) /* people look at the plan */
		tell_plan(t);
	else
		learned_run(&t->learned, id, url);
}

/* cases NULL: those that the request gave to the run. */
void testrail_linked(struct talk *t, const struct testrail_cases *cases)
{
	cJSON *run = sink_object(t->bookmark, "run");

	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "tests");
	if (!testrail_several(t->conf)) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "relink");
		learned_linked(&t->learned);
		return;
	}
	const char *digest =
		cases != NULL ? testrail_cases_digest(t, cases) : sink_string(sink_scratch(t), "digest");
	sink_set_string(run, "digest", digest);
	sink_set_int(run, "given",
		     cases != NULL ? (int64_t)cases->count : sink_int(sink_scratch(t), "given", 0));
}

/* ---- a new run ---- */

static void put_config_ids(struct buf *b, const cJSON *ids)
{
	const cJSON *id;

	json_key(b, "config_ids");
	buf_putc(b, '[');
	cJSON_ArrayForEach(id, ids) sink_put_id(b, NULL, id->valuestring);
	buf_putc(b, ']');
}

static void put_selection(struct talk *t, struct buf *b, const struct testrail_cases *cases)
{
	const struct testrail_conf *c = t->conf;

	json_field_bool(b, "include_all", c->run.include_all);
	if (!c->run.include_all)
		testrail_put_case_ids(b, cases->ids, cases->count);
}

/* Runs of an entry stand in it only where they have configurations: else their selection is not looked at. */
static void put_runs(struct talk *t, struct buf *b, const struct testrail_cases *cases)
{
	const cJSON *configs = testrail_config_ids(t);

	if (configs == NULL)
		return;
	put_config_ids(b, configs);
	json_key(b, "runs");
	buf_puts(b, "[{");
	put_config_ids(b, configs);
	put_selection(t, b, cases);
	buf_puts(b, "}]");
}

static enum ask ask_run_of(struct talk *t, struct request *r, const struct testrail_cases *cases)
{
	const struct testrail_conf *c = t->conf;
	const char *plan = testrail_plan_id(t), *name = testrail_run_name(t);
	const char *suite = testrail_fact(t, "suite", plan != NULL ? "real" : "id");
	const char *milestone = testrail_milestone_id(t);

	if (testrail_several(c))
		suite = cases->suite;
	sink_set_string(sink_scratch(t), "digest", testrail_cases_digest(t, cases));
	sink_set_int(sink_scratch(t), "given", (int64_t)cases->count);
	if (name == NULL)
		return ASK_PARK;
	testrail_post(r, plan != NULL ? "add_plan_entry" : "add_run",
		      plan != NULL ? plan : testrail_fact(t, "project", "id"));
	buf_putc(&r->body, '{');
	json_field(&r->body, "name", name);
	if (!testrail_put_description(t, &r->body, c->run.description, "run.description"))
		return ASK_PARK;
	if (suite != NULL)
		sink_put_id(&r->body, "suite_id", suite);
	if (milestone != NULL && plan == NULL)
		sink_put_id(&r->body, "milestone_id", milestone);
	if (!testrail_put_assignee(t, &r->body) || !testrail_put_run_refs(t, &r->body) ||
	    !testrail_put_dates(t, &r->body))
		return ASK_PARK;
	put_selection(t, &r->body, cases);
	if (plan != NULL)
		put_runs(t, &r->body, cases);
	buf_putc(&r->body, '}');
	if (buf_error(&r->body) == 0)
		return ASK_SEND;
	err_set(&t->err, -E2BIG, "add_run: the request is too large");
	return ASK_PARK;
}

/* The next suite that has cases and no run.  Runs that are there already are looked for once, all together. */
static enum ask ask_run(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	struct testrail_cases cases;
	size_t from = 0;

	if (testrail_several(c) && testrail_plan_id(t) == NULL)
		return ASK_SKIP;
	while (testrail_cases_of(t, &from, &cases)) {
		if (testrail_several(c)) {
			if (sink_string(testrail_run_of_suite(t, cases.suite), "id") != NULL ||
			    testrail_suite_name(t, cases.suite) == NULL)
				continue;
			if (c->run.reuse && !sink_bool(sink_scratch(t), "reused")) {
				testrail_get(r, "get_plan", testrail_plan_id(t));
				return ASK_SEND;
			}
			testrail_select(t, cases.suite);
		} else if (testrail_run_id(t) != NULL) {
			continue;
		}
		return ask_run_of(t, r, &cases);
	}
	return ASK_SKIP;
}

enum ask testrail_add_run_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;

	return c->run.reuse ? ASK_SKIP : ask_run(t, r);
}

/* The same, where one delivery at a time looks for a run of that name and makes it. */
enum ask testrail_add_shared_run_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;

	return c->run.reuse ? ask_run(t, r) : ASK_SKIP;
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
	return sink_back(t, "%s", text != NULL ? text : "cases are gone");
}

static bool says_cases(const struct talk *t)
{
	static const char *const words[] = { "case_ids", "case id", "unknown case", NULL };

	return sink_says(t->err.text, words);
}

/* Something that the run was to stand in, or with, is not there any more (or is closed): it is looked for
 * again by its name. */
static bool forget_named(struct talk *t, const char *text)
{
	if (testrail_milestone_id(t) != NULL && strcasestr(text, "milestone") != NULL)
		testrail_forget_milestone(t);
	else if (testrail_config_ids(t) != NULL && strcasestr(text, "config") != NULL)
		testrail_forget_configs(t);
	else if (strcasestr(text, "assignedto_id") != NULL)
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "people");
	else if (testrail_plan_id(t) != NULL && strcasestr(text, "plan") != NULL)
		testrail_forget_plan(t);
	else
		return false;
	return true;
}

enum got testrail_run_refused(struct talk *t, const struct reply *r, const char *doing)
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
		if (sink_says(text, (const char *const[]){ "belongs to a test plan", NULL }))
			return GOT_PARK;
	}
	if (testrail_several(t->conf) && testrail_has_runs(t) && testrail_says_closed(text))
		return GOT_CLOSED; /* the plan, and with it what was posted already */
	if (says_cases(t))
		return cases_gone(t);
	if (testrail_run_id(t) != NULL && (r->status == 404 || sink_says(text, run))) {
		testrail_forget_run(t);
		return sink_back(t, "%s", text);
	}
	if (testrail_run_id(t) == NULL && forget_named(t, text))
		return sink_back(t, "%s", text);
	if (r->status == 404 || sink_says(text, suite)) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "project");
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "suite");
		return sink_back(t, "%s", text);
	}
	return got;
}

/* An answer to add_run is the run; one to add_plan_entry holds its runs, of which ours is the first. */
static const cJSON *run_answered(struct talk *t, const cJSON *root, const char **entry)
{
	const cJSON *runs = cJSON_GetObjectItemCaseSensitive(root, "runs"), *run;

	if (testrail_plan_id(t) == NULL)
		return root;
	*entry = sink_id(t->arena, root, "id");
	cJSON_ArrayForEach(run, runs)
	{
		if (testrail_same_configs(t, run))
			return run;
	}
	return cJSON_IsArray(runs) ? runs->child : NULL;
}

enum got testrail_add_run_got(struct talk *t, const struct reply *r)
{
	const struct testrail_conf *c = t->conf;
	const char *entry = NULL;

	if (!sink_ok(r))
		return testrail_run_refused(t, r, testrail_plan_id(t) != NULL ? "add_plan_entry" : "add_run");
	if (testrail_several(c) && c->run.reuse && !sink_bool(sink_scratch(t), "reused"))
		return testrail_reuse_entries(t, r);
	cJSON *root = sink_json(r);
	const cJSON *run = run_answered(t, root, &entry);
	bool there = sink_id(t->arena, run, "id") != NULL;
	if (there) {
		testrail_keep_run(t, run, entry, true);
		sink_set_int(sink_object(t->bookmark, "run"), "size", sink_int(sink_scratch(t), "given", 0));
		testrail_linked(t, NULL);
	}
	cJSON_Delete(root);
	return !there ? GOT_UNKNOWN : testrail_several(c) ? GOT_MORE : GOT_NEXT;
}

/* Of several suites what was sent says which one it was about. */
static void select_sent(struct talk *t)
{
	cJSON *sent = cJSON_Parse(t->sent != NULL ? t->sent : "");

	testrail_select(t, sink_id(t->arena, sent, "suite_id"));
	cJSON_Delete(sent);
}

enum ask testrail_add_run_look(struct talk *t, struct request *r)
{
	select_sent(t);
	if (testrail_plan_id(t) != NULL) {
		testrail_get(r, "get_plan", testrail_plan_id(t));
		return ASK_SEND;
	}
	testrail_get(r, "get_runs", testrail_fact(t, "project", "id"));
	testrail_arg_window(t, r);
	testrail_arg_int(r, "is_completed", 0);
	testrail_page_args(r, sink_int(sink_scratch(t), "offset", 0));
	return ASK_SEND;
}

bool testrail_all_sent(const struct talk *t)
{
	cJSON *sent = cJSON_Parse(t->sent != NULL ? t->sent : "");
	const cJSON *runs = cJSON_GetObjectItemCaseSensitive(sent, "runs");
	const cJSON *ids =
		cJSON_GetObjectItemCaseSensitive(cJSON_IsArray(runs) ? runs->child : sent, "case_ids");
	bool all = sink_bool(sent, "include_all") ||
		   (t->rows != NULL && t->rows->id_count == (size_t)cJSON_GetArraySize(ids));

	cJSON_Delete(sent);
	return all;
}

static void found_again(struct talk *t, const cJSON *run, const char *entry)
{
	testrail_keep_run(t, run, entry, true);
	if (!testrail_several(t->conf) && testrail_all_sent(t))
		learned_linked(&t->learned);
}

static enum looked looked_in_plan(struct talk *t, const struct reply *r)
{
	cJSON *root = sink_json(r);
	const char *entry = NULL;
	bool plan = cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(root, "entries"));
	const cJSON *run = plan ? testrail_run_in_plan(t, root, NULL, &entry) : NULL;

	if (run != NULL)
		found_again(t, run, entry);
	cJSON_Delete(root);
	return !plan ? LOOKED_UNSURE : run != NULL ? LOOKED_ALL : LOOKED_NONE;
}

enum looked testrail_add_run_looked(struct talk *t, const struct reply *r)
{
	struct testrail_page page;
	const cJSON *item;
	bool found = false;

	if (!sink_ok(r)) {
		testrail_refused(t, r, "look-up of the run", GOT_PARK);
		if (testrail_plan_id(t) == NULL || (r->status != 400 && r->status != 404))
			return LOOKED_UNSURE;
		testrail_forget_plan(t); /* it is gone, and the run with it */
		return LOOKED_NONE;
	}
	if (testrail_plan_id(t) != NULL)
		return looked_in_plan(t, r);
	if (!testrail_page(r, "runs", &page))
		return LOOKED_UNSURE;
	cJSON_ArrayForEach(item, page.items)
	{
		const char *text = sink_string(item, "description"), *id = sink_id(t->arena, item, "id");
		if (id == NULL || text == NULL || strstr(text, t->run->token) == NULL)
			continue;
		found = true;
		found_again(t, item, NULL);
		break;
	}
	bool last = sink_turn_page(t, page.count, page.last);
	cJSON_Delete(page.root);
	if (found)
		return LOOKED_ALL;
	return last ? LOOKED_NONE : LOOKED_MORE;
}

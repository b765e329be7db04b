/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_runs.c - the run over there: named, found by its name, or made, alone or as an entry of a plan.
 *
 * A run of ours holds exactly the cases that this run touched, or all of the suite; its token stands at the
 * end of the description, so that it can be found when the answer to add_run was lost. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/json.h"
#include "daemon/base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_REFS_MAX   250
#define REUSE_FRESH_MS 5000 /* that there is no run of the name holds so long */

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

	if (!sink_ok(r))
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
		testrail_keep_run(t, root, NULL, false);
	}
	cJSON_Delete(root);
	return got;
}

/* ---- what runs, plans and entries hold alike ---- */

void testrail_put_case_ids(struct buf *b, const char *const *ids, size_t count)
{
	json_key(b, "case_ids");
	buf_putc(b, '[');
	for (size_t i = 0; i < count; i++)
		sink_put_id(b, NULL, ids[i]);
	buf_putc(b, ']');
}

/* The text for people, and behind it the token, out of their sight. */
bool testrail_put_description(struct talk *t, struct buf *b, const struct template *tpl, const char *key)
{
	struct buf text = BUF_LIMIT(1u << 20);
	bool good = tpl == NULL || text_expand(t, tpl, t->run->vars, key, &text);

	if (text.len > 0)
		buf_puts(&text, "\n\n");
	/* What failed outside of any test has no result to stand in; a plan is of many runs. */
	const char *notes = strcmp(key, "run.description") == 0 ? vars_get(t->run->vars, "run.notes") : NULL;
	if (notes != NULL && template_uses(tpl, "run.notes") == NULL)
		buf_printf(&text, "%s\n\n", notes);
	buf_puts(&text, t->run->token);
	if (good && buf_error(&text) < 0) {
		err_set(&t->err, -E2BIG, "%s: the text is too long", key);
		good = false;
	}
	if (good)
		json_field_n(b, "description", text.data, text.len);
	buf_done(&text);
	return good;
}

static bool put_date(struct talk *t, struct buf *b, const struct template *tpl, const char *name)
{
	const char *key = arena_printf(t->arena, "run.%s", name), *text;

	switch (testrail_run_text(t, tpl, key, &text)) {
	case ASK_SEND:
		break;
	case ASK_PARK:
		return false;
	default:
		return true;
	}
	int64_t at = testrail_when(text, t->run->started_ms);
	if (at < 0) {
		err_set(&t->err, -EINVAL,
			"%s: \"%.100s\" is no date (2026-12-01, 2026-12-01T10:00:00Z, +14d, or UNIX seconds)",
			key, text);
		return false;
	}
	json_field_int(b, name, at);
	return true;
}

bool testrail_put_dates(struct talk *t, struct buf *b)
{
	const struct testrail_conf *c = t->conf;

	return put_date(t, b, c->run.start_on, "start_on") && put_date(t, b, c->run.due_on, "due_on");
}

bool testrail_put_run_refs(struct talk *t, struct buf *b)
{
	const struct testrail_conf *c = t->conf;
	const char *text;
	enum ask ask = testrail_run_text(t, c->refs, "refs", &text);

	if (ask == ASK_SEND)
		json_field(b, "refs", testrail_list_cut(t, text, RUN_REFS_MAX));
	return ask != ASK_PARK;
}

static bool put_assignee(struct talk *t, struct buf *b)
{
	const struct testrail_conf *c = t->conf;
	const char *who;
	enum ask ask = testrail_run_text(t, c->run.assigned_to, "run.assigned_to", &who);

	if (ask != ASK_SEND)
		return ask != ASK_PARK;
	const char *id = testrail_user(t, who);
	if (id == NULL) {
		err_set(&t->err, -EINVAL, "run.assigned_to: no user \"%.200s\" is known", who);
		return false;
	}
	sink_put_id(b, "assignedto_id", id);
	return true;
}

/* The name of the run as it stands over there. */
static const char *run_name(struct talk *t)
{
	const struct testrail_conf *c = t->conf;
	const char *text;
	enum ask ask = testrail_run_text(t, c->run.name, "run.name", &text);

	if (ask == ASK_PARK)
		return NULL;
	const char *line = ask == ASK_SEND ? testrail_line(t->arena, text) : NULL;
	if (line == NULL || *line == '\0')
		line = t->run->token;
	if (!testrail_several(c) || testrail_suite(t) == NULL)
		return line;
	/* The entries of a plan: one a suite, named so that the part which tells them apart is not cut. */
	const char *suite = testrail_suite_name(t, testrail_suite(t));
	if (suite == NULL || *suite == '\0')
		suite = testrail_suite(t);
	size_t room = strlen(suite) + 3 < TESTRAIL_NAME_MAX ? TESTRAIL_NAME_MAX - strlen(suite) - 3 : 0;
	return testrail_line(t->arena, arena_printf(t->arena, "%.*s - %s",
						    (int)utf8_cut(line, strlen(line), room), line, suite));
}

/* ---- a run of that name ---- */

enum ask testrail_reuse_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	const char *plan = testrail_plan_id(t), *name;
	int64_t age = t->now_ms - sink_int(t->bookmark, "no_run_at", 0);

	/* Of several suites it is known later which are to have a run. */
	if (!c->run.reuse || testrail_run_id(t) != NULL || (age >= 0 && age < REUSE_FRESH_MS) ||
	    testrail_several(c))
		return ASK_SKIP;
	name = run_name(t);
	if (name == NULL)
		return ASK_PARK;
	sink_set_string(sink_scratch(t), "name", name);
	if (plan != NULL) {
		testrail_get(r, "get_plan", plan);
		return ASK_SEND;
	}
	testrail_get(r, "get_runs", testrail_fact(t, "project", "id"));
	testrail_arg(r, "suite_id", testrail_fact(t, "suite", "id"));
	testrail_arg_int(r, "is_completed", 0);
	testrail_page_args(r, sink_int(sink_scratch(t), "offset", 0));
	return ASK_SEND;
}

static bool called(struct talk *t, const cJSON *item, const char *name)
{
	const char *text = sink_string(item, "name");

	return text != NULL && strcmp(testrail_line(t->arena, testrail_plain(t->arena, text)), name) == 0;
}

static bool usable(struct talk *t, const cJSON *run)
{
	const char *suite = testrail_suite(t), *in = sink_id(t->arena, run, "suite_id");

	return sink_id(t->arena, run, "id") != NULL && !sink_bool(run, "is_completed") &&
	       (suite == NULL || in == NULL || strcmp(suite, in) == 0);
}

/* Whether a run of a plan has exactly the configurations that are wanted. */
static bool same_configs(struct talk *t, const cJSON *run)
{
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(run, "config_ids"), *id, *other;
	const cJSON *wanted = testrail_config_ids(t);

	if (cJSON_GetArraySize(ids) != cJSON_GetArraySize(wanted))
		return false;
	cJSON_ArrayForEach(id, wanted)
	{
		bool there = false;
		cJSON_ArrayForEach(other, ids)
		{
			char text[32];
			snprintf(text, sizeof(text), "%.0f", cJSON_IsNumber(other) ? other->valuedouble : -1);
			there = there || strcmp(cJSON_IsString(other) ? other->valuestring : text,
						id->valuestring) == 0;
		}
		if (!there)
			return false;
	}
	return true;
}

/* The run of a plan that is called so, or carries a token; *entry: the id of its entry. */
static const cJSON *run_in_plan(struct talk *t, const cJSON *plan, const char *name, const char **entry)
{
	const cJSON *e, *run;

	cJSON_ArrayForEach(e, cJSON_GetObjectItemCaseSensitive(plan, "entries"))
	{
		const char *text = sink_string(e, "description");
		bool ours = text != NULL && strstr(text, t->run->token) != NULL;
		cJSON_ArrayForEach(run, cJSON_GetObjectItemCaseSensitive(e, "runs"))
		{
			text = sink_string(run, "description");
			bool token = ours || (text != NULL && strstr(text, t->run->token) != NULL);
			bool named = name != NULL && (called(t, e, name) || called(t, run, name));
			if (!usable(t, run) || !same_configs(t, run) || (name != NULL ? !named : !token))
				continue;
			*entry = sink_id(t->arena, e, "id");
			return run;
		}
	}
	return NULL;
}

static enum got no_run(struct talk *t)
{
	sink_set_int(t->bookmark, "no_run_at", t->now_ms);
	return GOT_NEXT;
}

static enum got reuse_in_plan(struct talk *t, const struct reply *r, const char *name)
{
	cJSON *root = sink_json(r);
	const char *entry = NULL;
	bool plan = sink_id(t->arena, root, "id") != NULL;
	const cJSON *run = plan ? run_in_plan(t, root, name, &entry) : NULL;

	if (run != NULL)
		testrail_keep_run(t, run, entry, false);
	cJSON_Delete(root);
	if (!plan)
		return GOT_UNKNOWN;
	return run != NULL ? GOT_NEXT : no_run(t);
}

enum got testrail_reuse_got(struct talk *t, const struct reply *r)
{
	cJSON *scratch = sink_scratch(t);
	const char *name = arena_strdup(t->arena, sink_string(scratch, "name"));
	bool kept = false;
	struct testrail_page page;
	const cJSON *item;

	if (!sink_ok(r))
		return testrail_run_refused(t, r, "look for a run of that name");
	if (testrail_plan_id(t) != NULL)
		return reuse_in_plan(t, r, name);
	if (!testrail_page(r, "runs", &page))
		return GOT_UNKNOWN;
	cJSON_ArrayForEach(item, page.items)
	{
		/* Lists begin with the newest. */
		if (kept || !usable(t, item) || !called(t, item, name))
			continue;
		testrail_keep_run(t, item, NULL, false);
		kept = true;
	}
	sink_set_int(scratch, "offset", sink_int(scratch, "offset", 0) + page.count);
	bool last = page.last;
	cJSON_Delete(page.root);
	return kept ? GOT_NEXT : last ? no_run(t) : GOT_MORE;
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
	const char *plan = testrail_plan_id(t), *name = run_name(t);
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
	if (!put_assignee(t, &r->body) || !testrail_put_run_refs(t, &r->body) ||
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
		if (same_configs(t, run))
			return run;
	}
	return cJSON_IsArray(runs) ? runs->child : NULL;
}

/* run.reuse of several suites: each takes the entry of its name that the plan has. */
static enum got reuse_entries(struct talk *t, const struct reply *r)
{
	struct testrail_cases cases;
	cJSON *root = sink_json(r);
	size_t from = 0;
	bool plan = sink_id(t->arena, root, "id") != NULL;

	while (plan && testrail_cases_of(t, &from, &cases)) {
		const char *entry = NULL;
		if (sink_string(testrail_run_of_suite(t, cases.suite), "id") != NULL)
			continue;
		testrail_select(t, cases.suite);
		const char *name = run_name(t);
		const cJSON *run = name != NULL ? run_in_plan(t, root, name, &entry) : NULL;
		if (run != NULL)
			testrail_keep_run(t, run, entry, false);
	}
	cJSON_Delete(root);
	if (!plan)
		return GOT_UNKNOWN;
	sink_set_int(sink_scratch(t), "reused", 1);
	return GOT_MORE;
}

enum got testrail_add_run_got(struct talk *t, const struct reply *r)
{
	const struct testrail_conf *c = t->conf;
	const char *entry = NULL;

	if (!sink_ok(r))
		return testrail_run_refused(t, r, testrail_plan_id(t) != NULL ? "add_plan_entry" : "add_run");
	if (testrail_several(c) && c->run.reuse && !sink_bool(sink_scratch(t), "reused"))
		return reuse_entries(t, r);
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

/* Parts that came since the request are not in the run yet, though they stand among the ids. */
static bool all_sent(const struct talk *t)
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
	if (!testrail_several(t->conf) && all_sent(t))
		learned_linked(&t->learned);
}

static enum looked looked_in_plan(struct talk *t, const struct reply *r)
{
	cJSON *root = sink_json(r);
	const char *entry = NULL;
	bool plan = cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(root, "entries"));
	const cJSON *run = plan ? run_in_plan(t, root, NULL, &entry) : NULL;

	if (run != NULL)
		found_again(t, run, entry);
	cJSON_Delete(root);
	return !plan ? LOOKED_UNSURE : run != NULL ? LOOKED_ALL : LOOKED_NONE;
}

enum looked testrail_add_run_looked(struct talk *t, const struct reply *r)
{
	cJSON *scratch = sink_scratch(t);
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
	sink_set_int(scratch, "offset", sink_int(scratch, "offset", 0) + page.count);
	bool last = page.last;
	cJSON_Delete(page.root);
	if (found)
		return LOOKED_ALL;
	return last ? LOOKED_NONE : LOOKED_MORE;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_reuse.c - a run that is there already: named by its id (run.id), or found by its name (run.reuse),
 * alone, among the entries of a plan, or one for each of several suites. */
#include "sinks/testrail/testrail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define REUSE_FRESH_MS 5000 /* that there is no run of the name holds so long */

/* ---- by its id ---- */

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

/* ---- by its name ---- */

enum ask testrail_reuse_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	const char *plan = testrail_plan_id(t), *name;
	int64_t age = t->now_ms - sink_int(t->bookmark, "no_run_at", 0);

	/* Of several suites it is known later which are to have a run. */
	if (!c->run.reuse || testrail_run_id(t) != NULL || (age >= 0 && age < REUSE_FRESH_MS) ||
	    testrail_several(c))
		return ASK_SKIP;
	name = testrail_run_name(t);
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
bool testrail_same_configs(struct talk *t, const cJSON *run)
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
const cJSON *testrail_run_in_plan(struct talk *t, const cJSON *plan, const char *name, const char **entry)
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
			if (!usable(t, run) || !testrail_same_configs(t, run) ||
			    (name != NULL ? !named : !token))
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
	const cJSON *run = plan ? testrail_run_in_plan(t, root, name, &entry) : NULL;

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
	bool last = sink_turn_page(t, page.count, page.last);
	cJSON_Delete(page.root);
	if (kept)
		return GOT_NEXT;
	return last && !sink_reads_again(t) ? no_run(t) : GOT_MORE;
}

/* run.reuse of several suites: each takes the entry of its name that the plan has. */
enum got testrail_reuse_entries(struct talk *t, const struct reply *r)
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
		const char *name = testrail_run_name(t);
		const cJSON *run = name != NULL ? testrail_run_in_plan(t, root, name, &entry) : NULL;
		if (run != NULL)
			testrail_keep_run(t, run, entry, false);
	}
	cJSON_Delete(root);
	if (!plan)
		return GOT_UNKNOWN;
	sink_set_int(sink_scratch(t), "reused", 1);
	return GOT_MORE;
}

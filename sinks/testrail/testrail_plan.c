/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_plan.c - the plan that a run is made in: found by name or id, made where there is none, closed when
 * it is ours and nothing of ours is open in it any more.  Its token stands in its description, so that it can
 * be found when the answer to add_plan was lost. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/json.h"

#include <stdio.h>
#include <string.h>

/* bookmark: plan {name, id, again}: again: it is to be looked for once more before it is made */
static cJSON *plan_of(const struct talk *t)
{
	return cJSON_GetObjectItemCaseSensitive(t->bookmark, "plan");
}

const char *testrail_plan_id(const struct talk *t)
{
	return sink_string(plan_of(t), "id");
}

static const char *run_mark(const struct talk *t)
{
	return arena_printf(t->arena, "%lld", (long long)t->run->id);
}

/* Runs of ours that are open in a plan which we made; NULL: it is not ours. */
static cJSON *open_in(const struct talk *t, const char *plan)
{
	return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(t->facts, "own_plans"),
						plan);
}

/* This run is in it now, or no longer. */
static void mark(const struct talk *t, const char *plan, bool open)
{
	cJSON *runs = open_in(t, plan), *item;
	int at = 0, found = -1;

	cJSON_ArrayForEach(item, runs)
	{
		if (strcmp(item->valuestring, run_mark(t)) == 0)
			found = at;
		at++;
	}
	if (open && runs != NULL && found < 0)
		cJSON_AddItemToArray(runs, cJSON_CreateString(run_mark(t)));
	if (!open && found >= 0)
		cJSON_DeleteItemFromArray(runs, found);
}

void testrail_forget_plan(struct talk *t)
{
	const char *name = sink_string(plan_of(t), "name"), *id = testrail_plan_id(t);

	if (name != NULL)
		testrail_know(t, "plans", name, NULL);
	if (testrail_several(t->conf)) { /* its entries went with it */
		if (testrail_has_runs(t))
			learned_run_gone(&t->learned);
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "run");
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "runs");
	}
	if (id != NULL)
		cJSON_DeleteItemFromObjectCaseSensitive(
			cJSON_GetObjectItemCaseSensitive(t->facts, "own_plans"), id);
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "plan");
}

static enum got found(struct talk *t, const char *name, const char *id)
{
	const struct testrail_conf *c = t->conf;
	cJSON *plan = sink_object(t->bookmark, "plan");

	if (!c->plan.own)
		testrail_know(t, "plans", name, id);
	sink_set_string(plan, "name", name);
	sink_set_string(plan, "id", id);
	mark(t, id, true);
	return GOT_NEXT;
}

/* ---- found ---- */

enum ask testrail_plan_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	cJSON *scratch = sink_scratch(t);
	const char *name;

	if (testrail_run_id(t) != NULL || testrail_plan_id(t) != NULL)
		return ASK_SKIP;
	enum ask ask = testrail_run_text(t, c->plan.name, "plan", &name);
	if (ask != ASK_SEND)
		return ask;
	name = testrail_line(t->arena, name);
	const char *was = sink_string(plan_of(t), "name");
	const char *id = c->plan.own ? NULL : testrail_known(t, "plans", name);
	if (id != NULL) {
		found(t, name, id);
		return ASK_SKIP;
	}
	if (was != NULL && strcmp(was, name) == 0 && !sink_bool(plan_of(t), "again"))
		return ASK_SKIP; /* to be made */
	if (c->plan.own) {
		sink_set_string(sink_object(t->bookmark, "plan"), "name", name);
		return ASK_SKIP;
	}
	sink_set_string(scratch, "name", name);
	if (testrail_digits(name) && !sink_bool(scratch, "by_name")) {
		testrail_get(r, "get_plan", name);
		return ASK_SEND;
	}
	testrail_get(r, "get_plans", testrail_fact(t, "project", "id"));
	testrail_arg_int(r, "is_completed", 0);
	testrail_page_args(r, sink_int(scratch, "offset", 0));
	return ASK_SEND;
}

static enum got by_id(struct talk *t, const struct reply *r, const char *name)
{
	const char *project = testrail_fact(t, "project", "id");

	if (!sink_ok(r)) {
		enum got got = testrail_refused(t, r, "plan", GOT_PARK);
		if (got == GOT_LOCKED || r->status == 403)
			return got;
		/* No such id: perhaps a plan is called by a number. */
		err_clear(&t->err);
		sink_set_int(sink_scratch(t), "by_name", 1);
		return GOT_MORE;
	}
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "id"), *of = sink_id(t->arena, root, "project_id");
	bool dead = sink_bool(root, "is_completed");
	cJSON_Delete(root);
	if (id == NULL)
		return GOT_UNKNOWN;
	if (dead)
		return sink_park(t, "plan: the plan %s is closed over there and takes nothing any more", id);
	if (of != NULL && project != NULL && strcmp(of, project) != 0)
		return sink_park(t, "plan: the plan %s lies in another project (%s)", id, of);
	return found(t, name, id);
}

enum got testrail_plan_got(struct talk *t, const struct reply *r)
{
	cJSON *scratch = sink_scratch(t);
	const char *name = arena_strdup(t->arena, sink_string(scratch, "name")), *id = NULL;
	struct testrail_page page;
	const cJSON *item;

	if (testrail_digits(name) && !sink_bool(scratch, "by_name"))
		return by_id(t, r, name);
	if (!sink_ok(r))
		return testrail_refused(t, r, "list of plans", GOT_PARK);
	if (!testrail_page(r, "plans", &page))
		return GOT_UNKNOWN;
	cJSON_ArrayForEach(item, page.items)
	{
		const char *called = sink_string(item, "name");
		/* Lists begin with the newest; of several with one name that one is meant. */
		if (id == NULL && called != NULL && !sink_bool(item, "is_completed") &&
		    strcmp(testrail_line(t->arena, testrail_plain(t->arena, called)), name) == 0)
			id = sink_id(t->arena, item, "id");
	}
	bool last = sink_turn_page(t, page.count, page.last);
	cJSON_Delete(page.root);
	if (id != NULL)
		return found(t, name, id);
	if (!last || sink_reads_again(t))
		return GOT_MORE;
	if (testrail_digits(name) && strlen(name) > 3)
		return sink_park(t, "plan: no open plan has the id or the name %s", name);
	sink_set_string(sink_object(t->bookmark, "plan"), "name", name);
	cJSON_DeleteItemFromObjectCaseSensitive(plan_of(t), "again");
	return GOT_NEXT;
}

/* ---- made ---- */

static const char *to_make(const struct talk *t)
{
	return testrail_plan_id(t) == NULL ? sink_string(plan_of(t), "name") : NULL;
}

enum ask testrail_add_plan_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	const char *name = to_make(t), *milestone = testrail_milestone_id(t);

	if (name == NULL || testrail_run_id(t) != NULL)
		return ASK_SKIP;
	testrail_post(r, "add_plan", testrail_fact(t, "project", "id"));
	buf_putc(&r->body, '{');
	json_field(&r->body, "name", name);
	if (!testrail_put_description(t, &r->body, c->plan.description, "plan.description") ||
	    !testrail_put_dates(t, &r->body))
		return ASK_PARK;
	if (milestone != NULL)
		sink_put_id(&r->body, "milestone_id", milestone);
	buf_putc(&r->body, '}');
	return ASK_SEND;
}

static enum got made(struct talk *t, const char *id)
{
	cJSON *own = sink_object(t->facts, "own_plans");

	while (cJSON_GetArraySize(own) >= 50)
		cJSON_Delete(cJSON_DetachItemViaPointer(own, own->child));
	cJSON_DeleteItemFromObjectCaseSensitive(own, id);
	cJSON_AddArrayToObject(own, id);
	return found(t, arena_strdup(t->arena, sink_string(plan_of(t), "name")), id);
}

enum got testrail_add_plan_got(struct talk *t, const struct reply *r)
{
	if (!sink_ok(r))
		return testrail_run_refused(t, r, "add_plan");
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "id");
	cJSON_Delete(root);
	return id != NULL ? made(t, id) : GOT_UNKNOWN;
}

enum ask testrail_add_plan_look(struct talk *t, struct request *r)
{
	testrail_get(r, "get_plans", testrail_fact(t, "project", "id"));
	testrail_arg_window(t, r);
	testrail_arg_int(r, "is_completed", 0);
	testrail_page_args(r, sink_int(sink_scratch(t), "offset", 0));
	return ASK_SEND;
}

enum looked testrail_add_plan_looked(struct talk *t, const struct reply *r)
{
	const char *id = NULL;
	struct testrail_page page;
	const cJSON *item;

	if (!sink_ok(r)) {
		testrail_refused(t, r, "look-up of the plan", GOT_PARK);
		return LOOKED_UNSURE;
	}
	if (!testrail_page(r, "plans", &page))
		return LOOKED_UNSURE;
	cJSON_ArrayForEach(item, page.items)
	{
		const char *text = sink_string(item, "description");
		if (id == NULL && text != NULL && strstr(text, t->run->token) != NULL)
			id = sink_id(t->arena, item, "id");
	}
	bool last = sink_turn_page(t, page.count, page.last);
	cJSON_Delete(page.root);
	if (id != NULL) {
		made(t, id);
		return LOOKED_ALL;
	}
	if (!last)
		return LOOKED_MORE;
	/* Another sink, or somebody else, may make one of that name before it is sent again. */
	sink_set_int(sink_object(t->bookmark, "plan"), "again", 1);
	return LOOKED_NONE;
}

/* ---- closed ---- */

/* A plan of ours is closed with the last run of ours that is open in it: one that is parked keeps it open. */
enum ask testrail_close_plan_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	const char *id = testrail_plan_id(t);
	const cJSON *runs = id != NULL ? open_in(t, id) : NULL;

	if (runs == NULL || sink_bool(plan_of(t), "closed"))
		return ASK_SKIP;
	bool close = c->plan.close || (c->plan.own && c->run.close);
	if (!close || cJSON_GetArraySize(runs) > 1 ||
	    (cJSON_GetArraySize(runs) == 1 && strcmp(runs->child->valuestring, run_mark(t)) != 0)) {
		mark(t, id, false);
		return ASK_SKIP;
	}
	testrail_post(r, "close_plan", id);
	buf_puts(&r->body, "{}");
	return ASK_SEND;
}

enum got testrail_close_plan_got(struct talk *t, const struct reply *r)
{
	static const char *const missing[] = { "plan_id", NULL };
	enum got got = testrail_closed(t, r, "close_plan", missing);

	if (got != GOT_NEXT)
		return got;
	const char *name = arena_strdup(t->arena, sink_string(plan_of(t), "name"));
	sink_set_int(plan_of(t), "closed", 1);
	/* The next run of that name makes another one. */
	testrail_know(t, "plans", name, NULL);
	cJSON_DeleteItemFromObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(t->facts, "own_plans"),
						testrail_plan_id(t));
	return GOT_NEXT;
}

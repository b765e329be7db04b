/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_milestones.c - the milestone of a run by name or id: "2.0", or "2.0 / Beta" for one that lies in
 * another.  Some servers give sub-milestones inside their parents, others beside them; both are read.  What was
 * found is kept in facts, so that the next run asks nothing. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/json.h"

#include <string.h>
#include <strings.h>

#define DEPTH_MAX 8

/* bookmark: milestone {name, id} or, while some are being made, {name, parent, todo: [names]} */
static cJSON *wish_of(const struct talk *t)
{
	return cJSON_GetObjectItemCaseSensitive(t->bookmark, "milestone");
}

const char *testrail_milestone_id(const struct talk *t)
{
	return sink_string(wish_of(t), "id");
}

void testrail_forget_milestone(struct talk *t)
{
	const char *name = sink_string(wish_of(t), "name");

	if (name != NULL)
		testrail_know(t, "milestones", name, NULL);
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "milestone");
}

static enum got found(struct talk *t, const char *name, const char *id)
{
	testrail_know(t, "milestones", name, id);
	cJSON *wish = sink_object(t->bookmark, "milestone");
	cJSON_DeleteItemFromObjectCaseSensitive(wish, "todo");
	sink_set_string(wish, "name", name);
	sink_set_string(wish, "id", id);
	return GOT_NEXT;
}

enum ask testrail_milestone_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	const char *name;

	if (testrail_run_id(t) != NULL || testrail_milestone_id(t) != NULL)
		return ASK_SKIP;
	switch (testrail_run_text(t, c->milestone, "milestone", &name)) {
	case ASK_SEND:
		break;
	case ASK_PARK:
		return ASK_PARK;
	default:
		return ASK_SKIP;
	}
	const char *was = sink_string(wish_of(t), "name");
	if (was != NULL && strcmp(was, name) == 0)
		return ASK_SKIP; /* it is being made */
	const char *id = testrail_known(t, "milestones", name);
	if (id != NULL) {
		found(t, name, id);
		return ASK_SKIP;
	}
	sink_set_string(sink_scratch(t), "name", name);
	testrail_get(r, "get_milestones", testrail_fact(t, "project", "id"));
	testrail_arg_int(r, "is_completed", 0);
	testrail_page_args(r, sink_int(sink_scratch(t), "offset", 0));
	return ASK_SEND;
}

/* Into a flat list: [{id, name, parent}]. */
static void flatten(struct talk *t, cJSON *all, const cJSON *items, const char *parent, int depth)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, items)
	{
		const char *id = sink_id(t->arena, item, "id"), *name = sink_string(item, "name");
		const char *in = sink_id(t->arena, item, "parent_id");
		if (id == NULL || name == NULL || sink_bool(item, "is_completed"))
			continue;
		cJSON *one = cJSON_CreateObject();
		sink_set_string(one, "id", id);
		sink_set_string(one, "name", testrail_plain(t->arena, name));
		sink_set_string(one, "parent", in != NULL ? in : parent);
		cJSON_AddItemToArray(all, one);
		if (depth < DEPTH_MAX)
			flatten(t, all, cJSON_GetObjectItemCaseSensitive(item, "milestones"), id, depth + 1);
	}
}

/* The first of that name beneath a parent ("": at the top; NULL: anywhere).  An id is one, too. */
static const char *find(const cJSON *all, const char *name, const char *parent)
{
	const char *near = NULL;
	const cJSON *item;

	cJSON_ArrayForEach(item, all)
	{
		const char *in = sink_string(item, "parent"), *called = sink_string(item, "name");
		if (parent != NULL && strcmp(in, parent) != 0)
			continue;
		if (strcmp(called, name) == 0)
			return sink_string(item, "id");
		if (near == NULL &&
		    (strcasecmp(called, name) == 0 || strcmp(sink_string(item, "id"), name) == 0))
			near = sink_string(item, "id");
	}
	return near;
}

/* The components of a path that are not there become `todo`. */
static const char *walk(struct talk *t, const cJSON *all, const char *path, const char **parent, cJSON *todo)
{
	*parent = "";
	for (const char *s = path; s != NULL;) {
		const char *next = strstr(s, " / ");
		const char *name = testrail_trim(t, s, next != NULL ? (size_t)(next - s) : strlen(s));
		const char *id = NULL;
		if (name == NULL)
			return NULL;
		if (cJSON_GetArraySize(todo) == 0)
			id = find(all, name, *parent);
		if (id != NULL)
			*parent = id;
		else
			cJSON_AddItemToArray(todo, cJSON_CreateString(name));
		s = next != NULL ? next + 3 : NULL;
	}
	return cJSON_GetArraySize(todo) == 0 ? *parent : NULL;
}

static enum got missing(struct talk *t, const char *name, const char *parent, cJSON *todo, const cJSON *all)
{
	const struct testrail_conf *c = t->conf;
	cJSON *pick = cJSON_CreateObject();
	const cJSON *item;

	if (c->create.milestones) {
		cJSON_Delete(pick);
		if (testrail_checking(t)) { /* nothing is made then */
			cJSON_Delete(todo);
			return GOT_NEXT;
		}
		cJSON *wish = sink_object(t->bookmark, "milestone");
		sink_set_string(wish, "name", name);
		sink_set_string(wish, "parent", parent);
		cJSON_AddItemToObject(wish, "todo", todo);
		return GOT_NEXT;
	}
	cJSON_Delete(todo);
	cJSON_ArrayForEach(item, all) testrail_consider(t, pick, name, item);
	const char *names = testrail_names(t, pick);
	cJSON_Delete(pick);
	return sink_park(
		t, "milestone: no open milestone \"%.200s\" (create.milestones makes it); there are: %s",
		name, names);
}

enum got testrail_milestone_got(struct talk *t, const struct reply *r)
{
	cJSON *scratch = sink_scratch(t), *all = sink_array(scratch, "all");
	const char *name = sink_string(scratch, "name"), *parent;
	struct testrail_page page;

	if (!sink_ok(r))
		return testrail_refused(t, r, "list of milestones", GOT_PARK);
	if (!testrail_page(r, "milestones", &page))
		return GOT_UNKNOWN;
	flatten(t, all, page.items, "", 0);
	bool last = sink_turn_page(t, page.count, page.last);
	cJSON_Delete(page.root);
	if (!last)
		return GOT_MORE;
	name = arena_strdup(t->arena, name);
	/* A name may hold the separator; and one below others may be named alone. */
	const char *id = name != NULL ? find(all, name, NULL) : NULL;
	if (id != NULL)
		return found(t, name, id);
	cJSON *todo = cJSON_CreateArray();
	id = walk(t, all, name, &parent, todo);
	if (id == NULL)
		return missing(t, name, parent, todo, all);
	cJSON_Delete(todo);
	return found(t, name, id);
}

/* ---- made on demand ---- */

static const char *to_make(const struct talk *t)
{
	const cJSON *todo = cJSON_GetObjectItemCaseSensitive(wish_of(t), "todo");

	return cJSON_IsArray(todo) && cJSON_IsString(todo->child) ? todo->child->valuestring : NULL;
}

enum ask testrail_add_milestone_ask(struct talk *t, struct request *r)
{
	const char *parent = sink_string(wish_of(t), "parent");

	if (to_make(t) == NULL)
		return ASK_SKIP;
	testrail_post(r, "add_milestone", testrail_fact(t, "project", "id"));
	buf_putc(&r->body, '{');
	json_field(&r->body, "name", testrail_line(t->arena, to_make(t)));
	if (parent != NULL && *parent != '\0')
		sink_put_id(&r->body, "parent_id", parent);
	buf_putc(&r->body, '}');
	return ASK_SEND;
}

/* One more of the path is there. */
static bool made(struct talk *t, const char *id)
{
	cJSON *wish = wish_of(t), *todo = cJSON_GetObjectItemCaseSensitive(wish, "todo");

	cJSON_DeleteItemFromArray(todo, 0);
	if (cJSON_GetArraySize(todo) > 0) {
		sink_set_string(wish, "parent", id);
		return false;
	}
	found(t, arena_strdup(t->arena, sink_string(wish, "name")), id);
	return true;
}

enum got testrail_add_milestone_got(struct talk *t, const struct reply *r)
{
	if (!sink_ok(r))
		return testrail_refused(t, r, "add_milestone", GOT_PARK);
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "id");
	cJSON_Delete(root);
	if (id == NULL)
		return GOT_UNKNOWN;
	return made(t, id) ? GOT_NEXT : GOT_MORE;
}

enum ask testrail_add_milestone_look(struct talk *t, struct request *r)
{
	if (to_make(t) == NULL)
		return ASK_SKIP;
	testrail_get(r, "get_milestones", testrail_fact(t, "project", "id"));
	testrail_arg_int(r, "is_completed", 0);
	testrail_page_args(r, sink_int(sink_scratch(t), "offset", 0));
	return ASK_SEND;
}

enum looked testrail_add_milestone_looked(struct talk *t, const struct reply *r)
{
	cJSON *scratch = sink_scratch(t), *all = sink_array(scratch, "all");
	const char *parent = sink_string(wish_of(t), "parent");
	struct testrail_page page;

	if (!sink_ok(r) || !testrail_page(r, "milestones", &page))
		return LOOKED_UNSURE;
	flatten(t, all, page.items, "", 0);
	bool last = sink_turn_page(t, page.count, page.last);
	cJSON_Delete(page.root);
	const char *id = to_make(t) != NULL ? find(all, to_make(t), parent != NULL ? parent : "") : NULL;
	if (id != NULL) {
		made(t, arena_strdup(t->arena, id));
		return LOOKED_ALL;
	}
	return last ? LOOKED_NONE : LOOKED_MORE;
}

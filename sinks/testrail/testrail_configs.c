/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_configs.c - the configurations of a run inside a plan: "Browser / Firefox", or "Firefox" where
 * only one group has it.  Groups and configurations that are missing are made where create.configs allows it. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/json.h"

#include <string.h>
#include <strings.h>

/* bookmark: configs {wanted, ids: [..], todo: [{group, group_id, name}]} */
static cJSON *wish_of(const struct talk *t)
{
	return cJSON_GetObjectItemCaseSensitive(t->bookmark, "configs");
}

const cJSON *testrail_config_ids(const struct talk *t)
{
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(wish_of(t), "ids");

	return cJSON_GetArraySize(ids) > 0 ? ids : NULL;
}

void testrail_forget_configs(struct talk *t)
{
	cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "configs");
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "configs");
}

/* All that is wanted, one a line; ASK_SEND: something is. */
static enum ask wanted(struct talk *t, const char **lines)
{
	const struct testrail_conf *c = t->conf;
	struct buf b = BUF_LIMIT(64u << 10);
	enum ask ask = ASK_SKIP;

	for (size_t i = 0; i < c->configs.count; i++) {
		const char *text;
		enum ask one = testrail_run_text(t, c->configs.item[i], "configs", &text);
		if (one == ASK_PARK) {
			ask = one;
			break;
		}
		if (one == ASK_SEND) {
			buf_printf(&b, "%s\n", testrail_line(t->arena, text));
			ask = one;
		}
	}
	*lines = b.data != NULL ? arena_strndup(t->arena, b.data, b.len) : "";
	buf_done(&b);
	return ask;
}

static const char *next_line(struct talk *t, const char **at)
{
	size_t len = strcspn(*at, "\n");
	const char *line = len > 0 ? arena_strndup(t->arena, *at, len) : NULL;

	*at += len + ((*at)[len] != '\0');
	return line;
}

static cJSON *fresh_wish(struct talk *t, const char *lines)
{
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "configs");
	cJSON *wish = sink_object(t->bookmark, "configs");
	sink_set_string(wish, "wanted", lines);
	cJSON_AddArrayToObject(wish, "ids");
	cJSON_AddArrayToObject(wish, "todo");
	return wish;
}

static void take(struct talk *t, const char *line, const char *id)
{
	const cJSON *item, *ids = sink_array(wish_of(t), "ids");

	testrail_know(t, "configs", line, id);
	cJSON_ArrayForEach(item, ids)
	{
		if (strcmp(item->valuestring, id) == 0)
			return;
	}
	cJSON_AddItemToArray(sink_array(wish_of(t), "ids"), cJSON_CreateString(id));
}

/* Whether facts know them all. */
static bool all_known(struct talk *t, const char *lines)
{
	const char *line, *at = lines;

	while ((line = next_line(t, &at)) != NULL) {
		if (testrail_known(t, "configs", line) == NULL)
			return false;
	}
	fresh_wish(t, lines);
	for (at = lines; (line = next_line(t, &at)) != NULL;)
		take(t, line, testrail_known(t, "configs", line));
	return true;
}

enum ask testrail_configs_ask(struct talk *t, struct request *r)
{
	const char *lines, *was = sink_string(wish_of(t), "wanted");

	if (testrail_run_id(t) != NULL)
		return ASK_SKIP;
	enum ask ask = wanted(t, &lines);
	if (ask != ASK_SEND)
		return ask;
	if ((was != NULL && strcmp(was, lines) == 0) || all_known(t, lines))
		return ASK_SKIP;
	testrail_get(r, "get_configs", testrail_fact(t, "project", "id"));
	return ASK_SEND;
}

static const cJSON *named(struct talk *t, const cJSON *items, const char *name)
{
	const cJSON *item, *near = NULL;

	cJSON_ArrayForEach(item, items)
	{
		const char *called = sink_string(item, "name");
		called = called != NULL ? testrail_plain(t->arena, called) : "";
		if (strcmp(called, name) == 0)
			return item;
		if (strcasecmp(called, name) == 0)
			near = item;
	}
	return near;
}

/* The group part of "Group / Name"; NULL: there is none, and name is all of it. */
static const char *split(struct talk *t, const char *line, const char **name)
{
	const char *at = strstr(line, " / ");

	*name = at != NULL ? testrail_trim(t, at + 3, strlen(at + 3)) : line;
	return at != NULL ? testrail_trim(t, line, (size_t)(at - line)) : NULL;
}

/* The configuration of that name; *count: in how many groups there is one. */
static const char *find(struct talk *t, const cJSON *groups, const char *group, const char *name, int *count)
{
	const char *id = NULL;
	const cJSON *g;

	*count = 0;
	cJSON_ArrayForEach(g, groups)
	{
		const char *called = sink_string(g, "name");
		if (group != NULL &&
		    (called == NULL || strcasecmp(testrail_plain(t->arena, called), group) != 0))
			continue;
		const cJSON *config = named(t, cJSON_GetObjectItemCaseSensitive(g, "configs"), name);
		if (config == NULL)
			continue;
		if (id == NULL)
			id = sink_id(t->arena, config, "id");
		++*count;
	}
	return id;
}

static const char *all_names(struct talk *t, const cJSON *groups)
{
	struct buf b = BUF_LIMIT(700);
	const cJSON *g, *c;

	cJSON_ArrayForEach(g, groups)
	{
		cJSON_ArrayForEach(c, cJSON_GetObjectItemCaseSensitive(g, "configs"))
		{
			const char *group = sink_string(g, "name"), *name = sink_string(c, "name");
			if (group != NULL && name != NULL && b.len < 500)
				buf_printf(&b, "%s%.60s / %.60s", b.len > 0 ? ", " : "", group, name);
		}
	}
	const char *text = b.len > 0 ? arena_strndup(t->arena, b.data, b.len) : "none";
	buf_done(&b);
	return text != NULL ? text : "";
}

/* One line of the wish against what there is. */
static enum got resolve(struct talk *t, const cJSON *groups, const char *line)
{
	const struct testrail_conf *c = t->conf;
	const char *name, *group = split(t, line, &name), *id;
	int count;

	id = find(t, groups, group, name, &count);
	if (count > 1)
		return sink_park(t, "configs: \"%.100s\" is in %d groups: write \"GROUP / %.100s\"", name,
				 count, name);
	if (id != NULL) {
		take(t, line, id);
		return GOT_NEXT;
	}
	if (!c->create.configs)
		return sink_park(
			t, "configs: no configuration \"%.200s\" (create.configs makes it); there are: %s",
			line, all_names(t, groups));
	if (group == NULL)
		return sink_park(
			t, "configs: no configuration \"%.200s\"; to have it made write \"GROUP / %.100s\"",
			line, name);
	const cJSON *item, *there = named(t, groups, group);
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(wish_of(t), "todo"))
	{
		if (strcmp(sink_string(item, "line"), line) == 0)
			return GOT_NEXT;
	}
	cJSON *one = cJSON_CreateObject();
	sink_set_string(one, "line", line);
	sink_set_string(one, "group", group);
	sink_set_string(one, "name", name);
	sink_set_string(one, "group_id", there != NULL ? sink_id(t->arena, there, "id") : NULL);
	cJSON_AddItemToArray(sink_array(wish_of(t), "todo"), one);
	return GOT_NEXT;
}

enum got testrail_configs_got(struct talk *t, const struct reply *r)
{
	const char *lines, *line;
	struct testrail_page page;
	enum got got = GOT_NEXT;

	if (!sink_ok(r))
		return testrail_refused(t, r, "list of configurations", GOT_PARK);
	if (!testrail_page(r, "configs", &page))
		return GOT_UNKNOWN;
	if (wanted(t, &lines) != ASK_SEND)
		lines = "";
	fresh_wish(t, lines);
	for (const char *at = lines; got == GOT_NEXT && (line = next_line(t, &at)) != NULL;)
		got = resolve(t, page.items, line);
	cJSON_Delete(page.root);
	if (got != GOT_NEXT)
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "configs");
	return got;
}

/* ---- made on demand ---- */

static cJSON *to_make(const struct talk *t)
{
	cJSON *todo = cJSON_GetObjectItemCaseSensitive(wish_of(t), "todo");

	return cJSON_IsArray(todo) ? todo->child : NULL;
}

enum ask testrail_add_config_ask(struct talk *t, struct request *r)
{
	const cJSON *one = to_make(t);
	const char *group = sink_string(one, "group_id");

	if (one == NULL)
		return ASK_SKIP;
	testrail_post(r, group != NULL ? "add_config" : "add_config_group",
		      group != NULL ? group : testrail_fact(t, "project", "id"));
	buf_putc(&r->body, '{');
	json_field(&r->body, "name", sink_string(one, group != NULL ? "name" : "group"));
	buf_putc(&r->body, '}');
	return ASK_SEND;
}

/* What was made: a group, for all that wait for it, or a configuration. */
static void made(struct talk *t, const char *id)
{
	cJSON *one = to_make(t), *other;

	if (sink_string(one, "group_id") != NULL) {
		take(t, arena_strdup(t->arena, sink_string(one, "line")), id);
		cJSON_DeleteItemFromArray(cJSON_GetObjectItemCaseSensitive(wish_of(t), "todo"), 0);
		return;
	}
	const char *group = arena_strdup(t->arena, sink_string(one, "group"));
	cJSON_ArrayForEach(other, cJSON_GetObjectItemCaseSensitive(wish_of(t), "todo"))
	{
		if (group != NULL && strcasecmp(sink_string(other, "group"), group) == 0)
			sink_set_string(other, "group_id", id);
	}
}

enum got testrail_add_config_got(struct talk *t, const struct reply *r)
{
	if (!sink_ok(r)) {
		enum got got = testrail_refused(t, r, "add_config", GOT_PARK);
		testrail_forget_configs(t); /* a retry reads the list anew */
		return got;
	}
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "id");
	cJSON_Delete(root);
	if (id == NULL)
		return GOT_UNKNOWN;
	made(t, id);
	return GOT_MORE;
}

enum ask testrail_add_config_look(struct talk *t, struct request *r)
{
	if (to_make(t) == NULL)
		return ASK_SKIP;
	testrail_get(r, "get_configs", testrail_fact(t, "project", "id"));
	return ASK_SEND;
}

enum looked testrail_add_config_looked(struct talk *t, const struct reply *r)
{
	const cJSON *one = to_make(t), *there;
	const char *id = NULL;
	struct testrail_page page;

	if (!sink_ok(r) || !testrail_page(r, "configs", &page))
		return LOOKED_UNSURE;
	there = named(t, page.items, sink_string(one, "group"));
	if (there != NULL && sink_string(one, "group_id") != NULL)
		there = named(t, cJSON_GetObjectItemCaseSensitive(there, "configs"),
			      sink_string(one, "name"));
	if (there != NULL)
		id = sink_id(t->arena, there, "id");
	cJSON_Delete(page.root);
	if (id == NULL)
		return LOOKED_NONE;
	made(t, id);
	return LOOKED_ALL;
}

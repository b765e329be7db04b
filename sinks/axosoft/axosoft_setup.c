/* SPDX-License-Identifier: Apache-2.0
 *
 * axosoft_setup.c - what the account is like: project, workflow, and the lists that fields choose from.
 *
 * Each is kept in facts beside the wish that it answers.  A list is read again after a day, and where a name is
 * not found in it. */
#include "sinks/axosoft/axosoft.h"

#include "daemon/base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define AGE_MS    (INT64_C(24) * 3600000)
#define FRESH_MS  INT64_C(30000)
#define LIST_MAX  5000
#define SHOWN_MAX 400

static const cJSON *rows_of(cJSON *root)
{
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(root, "data");

	return cJSON_IsArray(data) ? data : cJSON_IsArray(root) ? root : NULL;
}

/* ---- project ---- */

enum ask axosoft_project_ask(struct talk *t, struct request *r)
{
	const struct axosoft_conf *c = t->conf;
	const char *url = sink_string(t->facts, "url");

	if (url == NULL || strcmp(url, c->url) != 0) {
		while (t->facts->child != NULL) /* another server: nothing that was learned holds there */
			cJSON_Delete(cJSON_DetachItemViaPointer(t->facts, t->facts->child));
		sink_set_string(t->facts, "url", c->url);
	}
	const cJSON *project = cJSON_GetObjectItemCaseSensitive(t->facts, "project");
	const char *wanted = sink_string(project, "wanted");
	if (wanted != NULL && strcmp(wanted, c->project) == 0)
		return ASK_SKIP;
	axosoft_get(t, r, "projects?flat=true");
	return ASK_SEND;
}

/* Flat, or nested through `children`: servers give what they like. */
static const cJSON *find_project(const cJSON *rows, const char *wanted, struct arena *a, struct buf *names)
{
	const cJSON *row, *found;

	cJSON_ArrayForEach(row, rows)
	{
		const char *name = sink_string(row, "name"), *id = axosoft_id(a, row, "id");
		if (id != NULL &&
		    (strcmp(id, wanted) == 0 || (name != NULL && strcasecmp(name, wanted) == 0)))
			return row;
		if (name != NULL && names->len < SHOWN_MAX)
			buf_printf(names, "%s%.80s", names->len > 0 ? ", " : "", name);
		found = find_project(cJSON_GetObjectItemCaseSensitive(row, "children"), wanted, a, names);
		if (found != NULL)
			return found;
	}
	return NULL;
}

enum got axosoft_project_got(struct talk *t, const struct reply *r)
{
	const struct axosoft_conf *c = t->conf;
	struct buf names = BUF_LIMIT(4096);

	if (!sink_ok(r))
		return axosoft_refused(t, r, "projects", GOT_PARK);
	cJSON *root = sink_json(r);
	const cJSON *rows = rows_of(root);
	const cJSON *found = find_project(rows, c->project, t->arena, &names);
	enum got got = rows == NULL ? GOT_UNKNOWN : GOT_NEXT;
	if (found != NULL) {
		const char *id = axosoft_id(t->arena, found, "id");
		cJSON *project = sink_object(t->facts, "project");
		sink_set_string(project, "wanted", c->project);
		sink_set_string(project, "id", id);
		sink_set_string(t->facts, "scope", arena_printf(t->arena, "p%s", id));
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "steps");
	} else if (rows != NULL) {
		err_set(&t->err, -ENOENT, "there is no project \"%s\" (%s)", c->project,
			names.len > 0 ? names.data : "the token's user sees none");
		got = GOT_PARK;
	}
	buf_done(&names);
	cJSON_Delete(root);
	return got;
}

static const char *project_id(const struct talk *t)
{
	const char *id = sink_string(cJSON_GetObjectItemCaseSensitive(t->facts, "project"), "id");

	return id != NULL ? id : "0";
}

/* ---- workflow ---- */

static const char *steps_wanted(struct talk *t)
{
	const struct axosoft_conf *c = t->conf;

	return arena_printf(t->arena, "%s\n%s\n%s\n%s", axosoft_type_word(c),
			    c->workflow_step != NULL ? c->workflow_step : "",
			    c->reopen_step != NULL ? c->reopen_step : "",
			    c->close_step != NULL ? c->close_step : "");
}

enum ask axosoft_steps_ask(struct talk *t, struct request *r)
{
	const struct axosoft_conf *c = t->conf;
	const char *known = sink_string(cJSON_GetObjectItemCaseSensitive(t->facts, "steps"), "wanted");
	const char *wanted = steps_wanted(t);

	if (c->workflow_step == NULL && c->reopen_step == NULL && c->close_step == NULL)
		return ASK_SKIP;
	if (known != NULL && wanted != NULL && strcmp(known, wanted) == 0)
		return ASK_SKIP;
	axosoft_get(t, r, "projects/%s/workflow?item_type=%s", project_id(t), axosoft_type_word(c));
	return ASK_SEND;
}

const char *axosoft_step_id(const struct talk *t, const char *which)
{
	return sink_string(cJSON_GetObjectItemCaseSensitive(t->facts, "steps"), which);
}

static bool learn_step(struct talk *t, const cJSON *workflow, cJSON *out, const char *which,
		       const char *wanted)
{
	struct buf names = BUF_LIMIT(4096);
	const cJSON *steps = cJSON_GetObjectItemCaseSensitive(workflow, "workflow_steps"), *row;
	const char *id = NULL;

	if (wanted == NULL)
		return true;
	cJSON_ArrayForEach(row, steps)
	{
		const char *name = sink_string(row, "name"), *its = axosoft_id(t->arena, row, "id");
		if (id == NULL && its != NULL &&
		    (strcmp(its, wanted) == 0 || (name != NULL && strcasecmp(name, wanted) == 0)))
			id = its;
		if (name != NULL && names.len < SHOWN_MAX)
			buf_printf(&names, "%s%.80s", names.len > 0 ? ", " : "", name);
	}
	if (id != NULL)
		sink_set_string(out, which, id);
	else
		err_set(&t->err, -ENOENT, "the workflow of project \"%s\" has no step \"%s\" (%s)",
			((const struct axosoft_conf *)t->conf)->project, wanted,
			names.len > 0 ? names.data : "it names none");
	buf_done(&names);
	return id != NULL;
}

enum got axosoft_steps_got(struct talk *t, const struct reply *r)
{
	const struct axosoft_conf *c = t->conf;

	if (!sink_ok(r))
		return axosoft_refused(t, r, "workflow", GOT_PARK);
	cJSON *root = sink_json(r);
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(root, "data");
	if (cJSON_IsArray(data)) /* several workflows: the first one is the project's own */
		data = data->child;
	enum got got = GOT_UNKNOWN;
	if (cJSON_IsObject(data)) {
		cJSON *steps = cJSON_CreateObject();
		bool all = learn_step(t, data, steps, "bug", c->workflow_step) &&
			   learn_step(t, data, steps, "reopen", c->reopen_step) &&
			   learn_step(t, data, steps, "close", c->close_step);
		const char *first = axosoft_id(
			t->arena, cJSON_GetObjectItemCaseSensitive(data, "new_item_workflow_step"), "id");
		const char *bug = sink_string(steps, "bug");
		if (all && sink_bool(data, "restrict_new_items") && first != NULL && bug != NULL &&
		    strcmp(first, bug) != 0)
			t->say = arena_printf(
				t->arena, "the workflow lets new items begin in step %s only, not in \"%s\"",
				first, c->workflow_step);
		sink_set_string(steps, "wanted", steps_wanted(t));
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "steps");
		if (all)
			cJSON_AddItemToObject(t->facts, "steps", steps);
		else
			cJSON_Delete(steps);
		got = all ? GOT_NEXT : GOT_PARK;
	}
	cJSON_Delete(root);
	return got;
}

/* ---- lists ---- */

static const struct {
	const char *name, *path;
} lists[] = {
	{ "custom_fields", "fields/custom?type=" },
	{ "priority", "picklists/priority" },
	{ "severity", "picklists/severity" },
	{ "status", "picklists/status" },
	{ "custom", "picklists/custom" },
	{ "users", "users" },
	{ "releases", "releases" },
};
enum { LISTS = sizeof(lists) / sizeof(lists[0]) };

static bool list_wanted(const struct axosoft_conf *c, size_t list)
{
	for (size_t i = 0; i < c->push.fields.count; i++) {
		const char *name = c->push.fields.key[i], *type = axosoft_field_type(c, name);
		bool custom = strncmp(name, "custom_", 7) == 0;
		bool choice = strcmp(type, "dropdown") == 0 || strcmp(type, "multiselect") == 0;
		if (strcmp(lists[list].name, name) == 0 || (list == 0 && custom) ||
		    (list == 4 && custom && choice) ||
		    (list == 5 && (strcmp(name, "assigned_to") == 0 || strcmp(name, "reported_by") == 0)) ||
		    (list == 6 && strcmp(name, "release") == 0))
			return true;
	}
	return false;
}

static bool list_known(struct talk *t, size_t list)
{
	const cJSON *all = cJSON_GetObjectItemCaseSensitive(t->facts, "lists");
	const cJSON *one = cJSON_GetObjectItemCaseSensitive(all, lists[list].name);
	int64_t age = t->now_ms - sink_int(one, "at", 0);

	return one != NULL && age >= 0 && age < AGE_MS;
}

static int next_list(struct talk *t)
{
	for (int i = 0; i < LISTS; i++)
		if (list_wanted(t->conf, (size_t)i) && !list_known(t, (size_t)i))
			return i;
	return -1;
}

/* Fields that the account does not have, before the first item meets them. */
static bool fields_there(struct talk *t)
{
	const struct axosoft_conf *c = t->conf;
	const cJSON *all = cJSON_GetObjectItemCaseSensitive(t->facts, "lists");
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(all, "custom_fields"), "rows");

	for (size_t i = 0; i < c->push.fields.count; i++) {
		const char *name = c->push.fields.key[i];
		if (strncmp(name, "custom_", 7) != 0 || cJSON_GetObjectItemCaseSensitive(rows, name) != NULL)
			continue;
		err_set(&t->err, -ENOENT, "push.fields: %s have no field \"%s\"", axosoft_type_word(c), name);
		cJSON_DeleteItemFromObjectCaseSensitive(sink_object(t->facts, "lists"), "custom_fields");
		return false;
	}
	return true;
}

enum ask axosoft_lists_ask(struct talk *t, struct request *r)
{
	int list = next_list(t);

	/* A value that is written out is looked at by a check; a delivery meets it with the item that needs it. */
	if (list < 0)
		return fields_there(t) && (t->run->token[0] != '\0' || axosoft_push_fits(t) == 0) ? ASK_SKIP
												  : ASK_PARK;
	axosoft_get(t, r, "%s%s", lists[list].path, list == 0 ? axosoft_type_word(t->conf) : "");
	return ASK_SEND;
}

static void put_row(struct talk *t, cJSON *rows, const char *name, const char *id)
{
	if (name != NULL && id != NULL && cJSON_GetArraySize(rows) < LIST_MAX)
		sink_set_string(rows, name, id);
	(void)t;
}

static void learn_row(struct talk *t, cJSON *rows, int list, const cJSON *row)
{
	const char *id = axosoft_id(t->arena, row, "id"), *name = sink_string(row, "name");
	const cJSON *value;

	if (list == 0) { /* by the key that items use */
		if (name != NULL)
			sink_set_string(rows, name,
					sink_string(row, "label") != NULL ? sink_string(row, "label") : name);
	} else if (list == 4) {
		cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(row, "values"))
			put_row(t, rows, sink_string(value, "value"), axosoft_id(t->arena, value, "id"));
	} else if (list == 5) {
		const char *first = sink_string(row, "first_name"), *last = sink_string(row, "last_name");
		put_row(t, rows, sink_string(row, "email"), id);
		put_row(t, rows,
			arena_printf(t->arena, "%s %s", first != NULL ? first : "", last != NULL ? last : ""),
			id);
	} else {
		put_row(t, rows, name, id);
		cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(row, "children"))
			put_row(t, rows, sink_string(value, "name"), axosoft_id(t->arena, value, "id"));
	}
}

static enum got learn_list(struct talk *t, const struct reply *r, int list)
{
	const cJSON *row;

	if (!sink_ok(r))
		return axosoft_refused(t, r, lists[list].path, GOT_PARK);
	cJSON *root = sink_json(r);
	const cJSON *all = rows_of(root);
	enum got got = all == NULL ? GOT_UNKNOWN : GOT_MORE;
	if (all != NULL) {
		cJSON *facts = sink_object(t->facts, "lists");
		cJSON_DeleteItemFromObjectCaseSensitive(facts, lists[list].name);
		cJSON *one = sink_object(facts, lists[list].name),
		      *rows = cJSON_AddObjectToObject(one, "rows");
		sink_set_int(one, "at", t->now_ms);
		cJSON_ArrayForEach(row, all) learn_row(t, rows, list, row);
	}
	cJSON_Delete(root);
	return got;
}

enum got axosoft_lists_got(struct talk *t, const struct reply *r)
{
	int list = next_list(t);

	return list < 0 ? GOT_NEXT : learn_list(t, r, list);
}

/* ---- a choice ---- */

bool axosoft_list_stale(struct talk *t, struct request *r)
{
	const char *name = sink_string(sink_scratch(t), "stale");

	for (int i = 0; name != NULL && i < LISTS; i++) {
		if (strcmp(lists[i].name, name) != 0)
			continue;
		sink_set_int(sink_scratch(t), "list", i);
		cJSON_DeleteItemFromObjectCaseSensitive(sink_scratch(t), "stale");
		axosoft_get(t, r, "%s", lists[i].path);
		return true;
	}
	return false;
}

enum got axosoft_list_got(struct talk *t, const struct reply *r)
{
	return learn_list(t, r, (int)sink_int(sink_scratch(t), "list", 0) % LISTS);
}

const char *axosoft_choose(struct talk *t, const char *list, const char *field, const char *value)
{
	const cJSON *one = cJSON_GetObjectItemCaseSensitive(sink_object(t->facts, "lists"), list);
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(one, "rows");
	struct buf names = BUF_LIMIT(4096);
	const cJSON *row;
	const char *id = NULL;

	cJSON_ArrayForEach(row, rows)
	{
		if (id == NULL && cJSON_IsString(row) &&
		    (strcasecmp(row->string, value) == 0 || strcmp(row->valuestring, value) == 0))
			id = row->valuestring;
		if (names.len < SHOWN_MAX)
			buf_printf(&names, "%s%.80s", names.len > 0 ? ", " : "", row->string);
	}
	if (id == NULL) {
		err_set(&t->err, -ENOENT, "%s: there is no \"%.200s\" (%s)", field, value,
			names.len > 0 ? names.data : "the list is empty");
		/* Somebody may have added it since; but no list is read again for each failure that wants it. */
		if (t->now_ms - sink_int(one, "at", 0) > FRESH_MS)
			sink_set_string(sink_scratch(t), "stale", list);
	} else {
		id = arena_strdup(t->arena, id);
	}
	buf_done(&names);
	return id;
}

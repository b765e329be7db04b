/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_demands.c - what the project demands of cases and results, and what the configuration wants of
 * its fields, proved before anything is sent: the steps that read the lists of fields. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/json.h"

#include <string.h>
#include <strings.h>

/* What the configuration says of fields, proved before anything is sent. */
static enum got prove(struct talk *t, const char *group, const struct config_map *map, const char *key,
		      const char *const *system)
{
	for (size_t i = 0; i < map->count; i++) {
		struct buf b = BUF_LIMIT(64u << 10);
		const cJSON *field = testrail_field(t, group, map->key[i]);
		bool known = false;
		for (size_t k = 0; field == NULL && system[k] != NULL && !known; k++)
			known = strcasecmp(system[k], map->key[i]) == 0;
		if (known)
			continue;
		if (field == NULL)
			return sink_park(t, "%s: this project has no field \"%.100s\" there; its fields: %s",
					 key, map->key[i], testrail_field_names(t, group));
		const char *why = strpbrk(map->value[i], "{}") == NULL
					  ? testrail_field_put(t, &b, field, map->value[i])
					  : NULL;
		/* Who is meant by an address, the next step finds out. */
		if (sink_int(field, "t", 0) == TESTRAIL_USER)
			why = NULL;
		buf_done(&b);
		if (why != NULL)
			return sink_park(t, "%s.%s: the field %s %s", key, map->key[i],
					 testrail_field_name(field), why);
	}
	return GOT_NEXT;
}

/* What is required and what the configuration gives no value for; only `check` asks: a report may give it. */
static enum got prove_required(struct talk *t, const char *group, const struct config_map *map,
			       const char *key, const char *prefix)
{
	const struct testrail_conf *c = t->conf;
	const cJSON *field, *fields = cJSON_GetObjectItemCaseSensitive(
				    cJSON_GetObjectItemCaseSensitive(t->facts, group), "fields");

	if (!testrail_checking(t))
		return GOT_NEXT;
	cJSON_ArrayForEach(field, fields)
	{
		const char *name = testrail_field_name(field);
		bool given = !sink_bool(field, "r") || strncmp(name, "custom_", 7) != 0 ||
			     strcmp(name, c->field) == 0;
		for (size_t i = 0; i < map->count && !given; i++)
			given = testrail_field(t, group, map->key[i]) == field;
		if (!given)
			return sink_park(
				t,
				"the field %s is required: give it a value by %s, by a property %s of "
				"each test, or make it optional over there",
				name, key, prefix);
	}
	return GOT_NEXT;
}

/* ---- result fields ---- */

enum ask testrail_result_fields_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;

	if (testrail_fields_fresh(t, TESTRAIL_RESULT_FIELDS, &c->result.fields))
		return ASK_SKIP;
	testrail_get(r, "get_result_fields", NULL);
	return ASK_SEND;
}

enum got testrail_result_fields_got(struct talk *t, const struct reply *r)
{
	static const char *const system[] = { "version", "elapsed",       "defects",
					      "comment", "assignedto_id", NULL };
	const struct testrail_conf *c = t->conf;
	struct testrail_page page;

	if (sink_ok(r)) {
		if (!testrail_page(r, "result_fields", &page))
			return GOT_UNKNOWN;
		testrail_fields_keep(t, TESTRAIL_RESULT_FIELDS, &c->result.fields, page.items);
		cJSON_Delete(page.root);
	} else if (testrail_refused(t, r, "list of result fields", GOT_PARK) == GOT_LOCKED) {
		return GOT_LOCKED;
	} else {
		/* Not for our eyes: what is demanded, a refusal will tell. */
		err_clear(&t->err);
		testrail_fields_keep(t, TESTRAIL_RESULT_FIELDS, &c->result.fields, NULL);
		if (c->result.fields.count == 0)
			return GOT_NEXT;
	}
	enum got got = prove(t, TESTRAIL_RESULT_FIELDS, &c->result.fields, "result.fields", system);
	if (got == GOT_NEXT)
		got = prove_required(t, TESTRAIL_RESULT_FIELDS, &c->result.fields, "result.fields",
				     "testrail_result_field");
	if (got != GOT_NEXT)
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, TESTRAIL_RESULT_FIELDS); /* read anew */
	return got;
}

/* ---- the automation field ---- */

static const char *field_wanted(struct talk *t)
{
	const struct testrail_conf *c = t->conf;
	const char *text = arena_printf(t->arena, "%s of %s", c->field, testrail_fact(t, "project", "id"));

	return text != NULL ? text : "";
}

/* Whether the field matters: a case made without its id would be made again by every run, and who names a
 * field, or matches by nothing else, means it.  Else its default name stands for "if there is one". */
static bool field_matters(const struct testrail_conf *c)
{
	bool named = strcmp(c->field, "custom_automation_id") != 0;

	return match_has(&c->match, MATCH_AUTOMATION) && (named || c->create.cases || c->match.count == 1);
}

/* Whether we can do without it: new cases are found by their titles then. */
static bool field_spared(const struct testrail_conf *c)
{
	return strcmp(c->field, "custom_automation_id") == 0 && match_has(&c->match, MATCH_TITLE);
}

/* Whether values are put into fields of cases: a report may ask for it wherever we make or update cases. */
static bool fields_matter(const struct testrail_conf *c)
{
	return c->create.cases || c->update.cases != TESTRAIL_UPDATE_NONE;
}

enum ask testrail_field_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	bool missing = sink_bool(cJSON_GetObjectItemCaseSensitive(t->facts, "field"), "missing");

	bool known = !field_matters(c) ||
		     (testrail_wanted(t, "field", field_wanted(t)) && (!missing || field_spared(c)));
	if (known && (!fields_matter(c) || testrail_fields_fresh(t, TESTRAIL_CASE_FIELDS, &c->create.fields)))
		return ASK_SKIP;
	testrail_get(r, "get_case_fields", NULL);
	return ASK_SEND;
}

static const char missing_words[] = "does not exist";

/* NULL: it can be used; else why not. */
static const char *field_trouble(struct talk *t, const cJSON *items)
{
	const struct testrail_conf *c = t->conf;
	const char *trouble = missing_words;
	const cJSON *item;

	cJSON_ArrayForEach(item, items)
	{
		const char *system = sink_string(item, "system_name");
		int64_t type = sink_int(item, "type_id", TESTRAIL_STRING);
		if (system == NULL || strcmp(system, c->field) != 0)
			continue;
		bool applies;
		testrail_field_config(t, item, &applies);
		if (!testrail_field_active(item))
			trouble = "is not active";
		else if (!applies)
			trouble = "does not apply to this project";
		else if (type != TESTRAIL_STRING && type != TESTRAIL_TEXT)
			trouble = "is of a type that holds no text (string or text is needed)";
		else
			return NULL;
	}
	return trouble;
}

enum got testrail_field_got(struct talk *t, const struct reply *r)
{
	static const char *const system[] = { "template_id", "type_id", "priority_id", "milestone_id",
					      "estimate",    "refs",    NULL };
	const struct testrail_conf *c = t->conf;
	const char *trouble = NULL;
	struct testrail_page page;
	enum got got = GOT_NEXT;

	if (sink_ok(r)) {
		if (!testrail_page(r, "case_fields", &page))
			return GOT_UNKNOWN;
		if (field_matters(c))
			trouble = field_trouble(t, page.items);
		testrail_fields_keep(t, TESTRAIL_CASE_FIELDS, &c->create.fields, page.items);
		cJSON_Delete(page.root);
	} else if (testrail_refused(t, r, "list of case fields", GOT_PARK) == GOT_LOCKED) {
		return GOT_LOCKED;
	} else {
		err_clear(&t->err); /* not for our eyes: taken to be as configured */
		testrail_fields_keep(t, TESTRAIL_CASE_FIELDS, &c->create.fields, NULL);
	}
	if (trouble != NULL && c->create.field && strcmp(trouble, missing_words) == 0) {
		/* The next step makes it; `check` sends no write. */
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, TESTRAIL_CASE_FIELDS);
		sink_set_int(testrail_begin(t, "field", field_wanted(t)), "make", 1);
		return GOT_NEXT;
	}
	if (trouble != NULL && !field_spared(c)) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, TESTRAIL_CASE_FIELDS);
		return sink_park(t,
				 "the case field %s %s: no case could be found by it, and cases made without "
				 "it would be made again by every run; add the field (a string, for this "
				 "project), or name another by automation_field",
				 c->field, trouble);
	}
	if (c->create.cases)
		got = prove(t, TESTRAIL_CASE_FIELDS, &c->create.fields, "create.fields", system);
	if (got == GOT_NEXT && c->create.cases)
		got = prove_required(t, TESTRAIL_CASE_FIELDS, &c->create.fields, "create.fields",
				     "testrail_case_field");
	if (got != GOT_NEXT) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, TESTRAIL_CASE_FIELDS);
		return got;
	}
	cJSON *f = testrail_begin(t, "field", field_wanted(t));
	sink_set_int(f, "missing", trouble != NULL);
	return GOT_NEXT;
}

/* ---- the automation field, made ---- */

enum ask testrail_add_field_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	const char *name = c->field + 7; /* without custom_ */

	if (!sink_bool(cJSON_GetObjectItemCaseSensitive(t->facts, "field"), "make"))
		return ASK_SKIP;
	testrail_post(r, "add_case_field", NULL);
	/* The type is a word: servers refuse a number. */
	buf_puts(&r->body, "{\"type\":\"String\"");
	json_field(&r->body, "name", name);
	json_field(&r->body, "label", strcmp(name, "automation_id") == 0 ? "Automation ID" : name);
	json_field(&r->body, "description", "class.name of the automated test, kept by resultd");
	json_field_bool(&r->body, "include_all", true);
	buf_puts(&r->body, ",\"configs\":[{\"context\":{\"is_global\":false,\"project_ids\":[");
	sink_put_id(&r->body, NULL, testrail_fact(t, "project", "id"));
	buf_puts(&r->body, "]},\"options\":{\"is_required\":false,\"default_value\":\"\"}}]}");
	return ASK_SEND;
}

static void field_made(struct talk *t)
{
	sink_set_int(testrail_begin(t, "field", field_wanted(t)), "missing", 0);
}

enum got testrail_add_field_got(struct talk *t, const struct reply *r)
{
	const struct testrail_conf *c = t->conf;

	if (!sink_ok(r)) {
		enum got got = testrail_refused(t, r, "add_case_field", GOT_PARK);
		const char *why = arena_strdup(t->arena, t->err.text);
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "field"); /* a retry looks anew */
		if (got == GOT_LOCKED)
			return got;
		return sink_park(
			t, "create.field: the case field %s could not be made (only administrators may): %s",
			c->field, why != NULL ? why : "");
	}
	cJSON *root = sink_json(r);
	bool there = sink_id(t->arena, root, "id") != NULL;
	cJSON_Delete(root);
	if (!there)
		return GOT_UNKNOWN;
	field_made(t);
	return GOT_AGAIN; /* the list of fields is read once more */
}

enum ask testrail_add_field_look(struct talk *t, struct request *r)
{
	if (!sink_bool(cJSON_GetObjectItemCaseSensitive(t->facts, "field"), "make"))
		return ASK_SKIP;
	testrail_get(r, "get_case_fields", NULL);
	return ASK_SEND;
}

enum looked testrail_add_field_looked(struct talk *t, const struct reply *r)
{
	struct testrail_page page;

	if (!sink_ok(r) || !testrail_page(r, "case_fields", &page))
		return LOOKED_UNSURE;
	const char *trouble = field_trouble(t, page.items);
	cJSON_Delete(page.root);
	if (trouble != NULL)
		return LOOKED_NONE;
	field_made(t);
	return LOOKED_ALL;
}

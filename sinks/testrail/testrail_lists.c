/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_lists.c - templates, types and priorities of cases by their names.  Read only where the
 * configuration names one; the whole list is kept, since properties of reports may name others. */
#include "sinks/testrail/testrail.h"

#include <string.h>
#include <strings.h>

struct named_list {
	const char *group, *call, *key, *what, *field;
	bool of_project;
};
static const struct named_list lists[] = {
	{ "templates", "get_templates", "create.template", "template", "template_id", true },
	{ "types", "get_case_types", "create.type", "case type", "type_id", false },
	{ "priorities", "get_priorities", "create.priority", "priority", "priority_id", false },
};
#define LISTS (sizeof(lists) / sizeof(lists[0]))

static const char *wanted_of(const struct testrail_conf *c, size_t i)
{
	const char *wanted[LISTS] = { c->create.template, c->create.type, c->create.priority };

	return c->create.cases && wanted[i] != NULL && *wanted[i] != '\0' ? wanted[i] : NULL;
}

static const char *list_wanted(struct talk *t, size_t i)
{
	const char *project = testrail_fact(t, "project", "id");
	const char *text =
		arena_printf(t->arena, "%s of %s", wanted_of(t->conf, i), project != NULL ? project : "");

	return text != NULL ? text : "";
}

/* The list that is to be read next; LISTS: none. */
static size_t next_list(struct talk *t)
{
	for (size_t i = 0; i < LISTS; i++) {
		if (wanted_of(t->conf, i) != NULL && !testrail_wanted(t, lists[i].group, list_wanted(t, i)))
			return i;
	}
	return LISTS;
}

enum ask testrail_lists_ask(struct talk *t, struct request *r)
{
	size_t i = next_list(t);

	if (i == LISTS)
		return ASK_SKIP;
	testrail_get(r, lists[i].call, lists[i].of_project ? testrail_fact(t, "project", "id") : NULL);
	return ASK_SEND;
}

enum got testrail_lists_got(struct talk *t, const struct reply *r)
{
	size_t i = next_list(t);
	struct testrail_page page;
	const cJSON *item;

	if (i == LISTS)
		return GOT_NEXT;
	if (!sink_ok(r))
		return testrail_refused(t, r, lists[i].key, GOT_PARK);
	if (!testrail_page(r, lists[i].group, &page))
		return GOT_UNKNOWN;
	cJSON *pick = cJSON_CreateObject(), *ids = cJSON_CreateObject();
	cJSON_ArrayForEach(item, page.items)
	{
		const char *id = sink_id(t->arena, item, "id"), *name = sink_string(item, "name");
		testrail_consider(t, pick, wanted_of(t->conf, i), item);
		if (id != NULL && name != NULL)
			sink_set_string(ids, testrail_plain(t->arena, name), id);
	}
	const cJSON *found = testrail_picked(t, pick, lists[i].what, wanted_of(t->conf, i));
	const char *id = found != NULL ? arena_strdup(t->arena, sink_string(found, "id")) : NULL;
	cJSON_Delete(page.root);
	cJSON_Delete(pick);
	if (id == NULL) {
		const char *why = arena_strdup(t->arena, t->err.text);
		cJSON_Delete(ids);
		return sink_park(t, "%s: %s", lists[i].key, why != NULL ? why : "not found");
	}
	cJSON *g = testrail_begin(t, lists[i].group, list_wanted(t, i));
	sink_set_string(g, "id", id);
	cJSON_AddItemToObject(g, "ids", ids);
	return GOT_MORE;
}

const char *testrail_listed(const struct talk *t, const char *field, const char *wanted)
{
	for (size_t i = 0; i < LISTS; i++) {
		if (strcmp(lists[i].field, field) != 0)
			continue;
		const cJSON *g = cJSON_GetObjectItemCaseSensitive(t->facts, lists[i].group);
		if (wanted == NULL)
			return wanted_of(t->conf, i) != NULL ? sink_string(g, "id") : NULL;
		if (testrail_digits(wanted) && strlen(wanted) < 16)
			return wanted;
		return sink_string(cJSON_GetObjectItem(g, "ids"), wanted);
	}
	return NULL;
}

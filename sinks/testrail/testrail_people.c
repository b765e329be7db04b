/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_people.c - users by their e-mail addresses: whom runs and failed results are assigned to, and who
 * stands in a field.  Each address is asked for once and kept in facts. */
#include "sinks/testrail/testrail.h"

#include <string.h>
#include <strings.h>

static cJSON *people(const struct talk *t)
{
	return cJSON_GetObjectItemCaseSensitive(t->facts, "people");
}

/* Addresses are kept in lower case: they are compared so over there. */
static const char *lower(const struct talk *t, const char *who)
{
	char *s = arena_strdup(t->arena, who);

	for (char *p = s; p != NULL && *p != '\0'; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	return s;
}

const char *testrail_user(const struct talk *t, const char *who)
{
	const char *key = lower(t, who);

	if (testrail_digits(who) && strlen(who) < 16)
		return who;
	return key != NULL ? sink_string(people(t), key) : NULL;
}

static bool unknown(const struct talk *t, const char *who)
{
	return who != NULL && *who != '\0' && testrail_user(t, who) == NULL;
}

static const char *unknown_in_fields(struct talk *t, const char *group, const struct config_map *map)
{
	for (size_t i = 0; i < map->count; i++) {
		const cJSON *field = testrail_field(t, group, map->key[i]);
		if (field != NULL && sink_int(field, "t", 0) == TESTRAIL_USER &&
		    strpbrk(map->value[i], "{}") == NULL && unknown(t, map->value[i]))
			return map->value[i];
	}
	return NULL;
}

/* Who is to be asked for next, and which key of the configuration names him; NULL: nobody. */
static const char *next_person(struct talk *t, const char **key)
{
	const struct testrail_conf *c = t->conf;
	struct buf b = BUF_LIMIT(4096);
	struct err err = ERR_NONE;
	const char *who = NULL;

	*key = "result.assign_failed";
	for (size_t i = 0; i < c->result.assign_failed.count; i++) {
		if (unknown(t, c->result.assign_failed.item[i]))
			return c->result.assign_failed.item[i];
	}
	*key = "result.fields";
	who = unknown_in_fields(t, TESTRAIL_RESULT_FIELDS, &c->result.fields);
	if (who == NULL) {
		*key = "create.fields";
		who = unknown_in_fields(t, TESTRAIL_CASE_FIELDS, &c->create.fields);
	}
	if (who != NULL)
		return who;
	*key = "run.assigned_to";
	/* What it needs may come later: then the run is made later, too. */
	if (c->run.assigned_to != NULL && testrail_run_id(t) == NULL &&
	    template_expand(c->run.assigned_to, t->run->vars, &b, &err) == 0 && b.len > 0 &&
	    buf_error(&b) == 0 && unknown(t, b.data))
		who = arena_strdup(t->arena, b.data);
	buf_done(&b);
	return who;
}

enum ask testrail_people_ask(struct talk *t, struct request *r)
{
	const char *key, *who = next_person(t, &key);

	if (who == NULL)
		return ASK_SKIP;
	if (sink_bool(sink_scratch(t), "listed")) {
		testrail_get(r, "get_users", testrail_fact(t, "project", "id"));
		testrail_page_args(r, sink_int(sink_scratch(t), "offset", 0));
		return ASK_SEND;
	}
	testrail_get(r, "get_user_by_email", NULL);
	testrail_arg(r, "email", who);
	return ASK_SEND;
}

static enum got nobody(struct talk *t, const char *key, const char *who)
{
	return sink_park(
		t,
		"%s: no active user of TestRail has the e-mail address \"%.200s\" (or this account may "
		"not see him): correct it, or give the user's id",
		key, who);
}

static void learn_person(struct talk *t, const char *who, const char *id)
{
	sink_set_string(sink_object(t->facts, "people"), lower(t, who), id);
}

/* Not everybody may ask by address; the people of a project are seen by more. */
static enum got listed_got(struct talk *t, const struct reply *r, const char *key, const char *who)
{
	cJSON *scratch = sink_scratch(t);
	const char *id = NULL;
	struct testrail_page page;
	const cJSON *item;

	if (!sink_ok(r)) {
		enum got got = testrail_refused(t, r, "list of users", GOT_PARK);
		return got == GOT_LOCKED ? got : nobody(t, key, who);
	}
	if (!testrail_page(r, "users", &page))
		return GOT_UNKNOWN;
	cJSON_ArrayForEach(item, page.items)
	{
		const char *email = sink_string(item, "email");
		if (email != NULL && strcasecmp(email, who) == 0 && testrail_field_active(item))
			id = sink_id(t->arena, item, "id");
	}
	bool last = sink_turn_page(t, page.count, page.last);
	cJSON_Delete(page.root);
	if (id == NULL)
		return last ? nobody(t, key, who) : GOT_MORE;
	sink_set_int(scratch, "offset", 0);
	learn_person(t, who, id);
	return GOT_MORE;
}

enum got testrail_people_got(struct talk *t, const struct reply *r)
{
	const char *key, *who = next_person(t, &key);

	if (who == NULL)
		return GOT_NEXT;
	if (sink_bool(sink_scratch(t), "listed"))
		return listed_got(t, r, key, who);
	if (!sink_ok(r)) {
		enum got got = testrail_refused(t, r, "get_user_by_email", GOT_PARK);
		if (got == GOT_LOCKED)
			return got;
		err_clear(&t->err);
		if (r->status != 403)
			return nobody(t, key, who);
		sink_set_int(sink_scratch(t), "listed", 1);
		return GOT_MORE;
	}
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "id");
	bool usable = testrail_field_active(root), object = cJSON_IsObject(root);
	cJSON_Delete(root);
	if (!object || id == NULL)
		return GOT_UNKNOWN;
	if (!usable)
		return nobody(t, key, who);
	learn_person(t, who, id);
	return GOT_MORE;
}

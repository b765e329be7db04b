/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_setup.c - what holds for every run: who we are, which project and suite, which statuses, and
 * whether the automation field is there.  Read once and kept in facts, beside the wish that it answers, so
 * that a changed configuration asks again by itself. */
#include "sinks/testrail/testrail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STATUS_UNTESTED 3

/* ---- login ---- */

enum ask testrail_login_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	const char *url = sink_string(t->facts, "url"), *user = testrail_fact(t, "login", "user");

	if (url == NULL || strcmp(url, c->url) != 0) {
		/* Another server: nothing that was learned holds there. */
		while (t->facts->child != NULL)
			cJSON_Delete(cJSON_DetachItemViaPointer(t->facts, t->facts->child));
		sink_set_string(t->facts, "url", c->url);
		user = NULL;
	}
	if (user != NULL && strcmp(user, c->user) == 0 && !t->prove)
		return ASK_SKIP;
	if (!sink_bool(cJSON_GetObjectItemCaseSensitive(t->facts, "old"), "login")) {
		testrail_get(r, "get_current_user", NULL);
		return ASK_SEND;
	}
	testrail_get(r, "get_user_by_email", NULL);
	testrail_arg(r, "email", c->user);
	return ASK_SEND;
}

static bool is_page(const struct reply *r)
{
	for (size_t i = 0; i < r->body.len; i++) {
		if (strchr(" \t\r\n", r->body.data[i]) == NULL)
			return r->body.data[i] == '<';
	}
	return false;
}

enum got testrail_login_got(struct talk *t, const struct reply *r)
{
	const struct testrail_conf *c = t->conf;
	cJSON *old = sink_object(t->facts, "old"), *root = NULL;
	bool by_email = sink_bool(old, "login");

	if (sink_ok(r)) {
		root = sink_json(r);
		if (root == NULL && is_page(r)) {
			err_set(&t->err, -EPROTO,
				"the server answered with a web page instead of JSON: does url "
				"end where index.php begins, and is no login page in between?");
			return GOT_LOCKED;
		}
		if (!cJSON_IsObject(root)) {
			cJSON_Delete(root);
			return GOT_UNKNOWN;
		}
	} else if (!by_email && r->status != 403) {
		/* Servers before 6.6 do not know the call. */
		sink_set_int(old, "login", 1);
		return GOT_MORE;
	} else if (r->status == 403) {
		return testrail_refused(t, r, "login", GOT_LOCKED);
	}
	/* The login itself was good.  Without an id look-ups cannot be narrowed to what we sent: a page more. */
	const char *id = sink_id(t->arena, root, "id"), *role = sink_string(root, "role");
	/* What an account may do is told nowhere, but by the name of a role that may do nothing. */
	if (testrail_checking(t) && role != NULL &&
	    sink_says(role, (const char *const[]){ "read-only", "read only", "no access", NULL })) {
		sink_park(t,
			  "the account %s has the role \"%.100s\" and may not add runs or results: give "
			  "it a role "
			  "such as Tester",
			  c->user, role);
		cJSON_Delete(root);
		return GOT_PARK;
	}
	cJSON *login = sink_object(t->facts, "login");
	sink_set_string(login, "user", c->user);
	sink_set_string(login, "id", id);
	cJSON_Delete(root);
	return GOT_NEXT;
}

/* ---- project ---- */

enum ask testrail_project_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	cJSON *p;

	if (!testrail_wanted(t, "project", c->project))
		testrail_begin(t, "project", c->project);
	p = sink_object(t->facts, "project");
	if (sink_string(p, "id") != NULL)
		return ASK_SKIP;
	if (testrail_digits(c->project) && !sink_bool(p, "by_name")) {
		testrail_get(r, "get_project", c->project);
		return ASK_SEND;
	}
	testrail_get(r, "get_projects", NULL);
	testrail_page_args(r, sink_int(p, "offset", 0));
	return ASK_SEND;
}

static enum got project_found(struct talk *t, const char *id, int64_t mode)
{
	const struct testrail_conf *c = t->conf;
	cJSON *p = testrail_begin(t, "project", c->project);

	sink_set_string(p, "id", id);
	sink_set_int(p, "mode", mode);
	return GOT_NEXT;
}

static enum got project_by_id(struct talk *t, const struct reply *r)
{
	const struct testrail_conf *c = t->conf;

	if (!sink_ok(r)) {
		enum got got = testrail_refused(t, r, "project", GOT_PARK);
		if (got == GOT_LOCKED || r->status == 403)
			return got;
		/* No such id: perhaps somebody calls his project by a number. */
		err_clear(&t->err);
		sink_set_int(sink_object(t->facts, "project"), "by_name", 1);
		return GOT_MORE;
	}
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "id");
	int64_t mode = sink_int(root, "suite_mode", 0);
	bool dead = sink_bool(root, "is_completed");
	cJSON_Delete(root);
	if (id == NULL)
		return GOT_UNKNOWN;
	if (dead) {
		testrail_begin(t, "project", c->project);
		return sink_park(t, "the project %s is completed over there and takes nothing any more", id);
	}
	return project_found(t, id, mode);
}

enum got testrail_project_got(struct talk *t, const struct reply *r)
{
	const struct testrail_conf *c = t->conf;
	cJSON *p = sink_object(t->facts, "project");
	struct testrail_page page;

	if (testrail_digits(c->project) && !sink_bool(p, "by_name"))
		return project_by_id(t, r);
	if (!sink_ok(r))
		return testrail_refused(t, r, "list of projects", GOT_PARK);
	if (!testrail_page(r, "projects", &page))
		return GOT_UNKNOWN;
	const cJSON *item;
	cJSON_ArrayForEach(item, page.items) testrail_consider(t, p, c->project, item);
	bool last = page.last;
	int64_t offset = sink_int(p, "offset", 0) + page.count;
	cJSON_Delete(page.root);
	sink_set_int(p, "offset", offset);
	if (!last)
		return GOT_MORE;
	const cJSON *found = testrail_picked(t, p, "project", c->project);
	if (found == NULL) {
		testrail_begin(t, "project", c->project); /* a retry reads the list anew */
		return GOT_PARK;
	}
	const char *id = arena_strdup(t->arena, sink_string(found, "id"));
	return project_found(t, id, sink_int(found, "mode", 0));
}

/* ---- suite ---- */

/* id NULL: the project has one, and needs no id of it but for entries of plans (real). */
static enum got suite_found(struct talk *t, const char *id, const char *real)
{
	const struct testrail_conf *c = t->conf;
	const char *project = testrail_fact(t, "project", "id");
	cJSON *s = testrail_begin(t, "suite", c->suite != NULL ? c->suite : "");

	sink_set_string(s, "project", project);
	sink_set_string(s, "id", id);
	sink_set_string(s, "real", real);
	sink_set_string(t->facts, "scope",
			id != NULL ? arena_printf(t->arena, "p%s/s%s", project, id)
				   : arena_printf(t->arena, "p%s", project));
	return GOT_NEXT;
}

enum ask testrail_suite_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	const char *project = testrail_fact(t, "project", "id"), *of = testrail_fact(t, "suite", "project");
	bool known = sink_string(t->facts, "scope") != NULL && of != NULL && strcmp(of, project) == 0;
	int64_t mode = sink_int(cJSON_GetObjectItemCaseSensitive(t->facts, "project"), "mode", 0);

	if (testrail_several(c))
		return testrail_suites_ask(t, r);
	if (known && testrail_wanted(t, "suite", c->suite) &&
	    (c->plan.name == NULL || testrail_fact(t, "suite", "real") != NULL))
		return ASK_SKIP;
	if (mode == 1 && c->plan.name == NULL && (c->suite == NULL || *c->suite == '\0')) {
		/* A single suite needs no name anywhere; one that is given is looked at all the same. */
		suite_found(t, NULL, NULL);
		return ASK_SKIP;
	}
	cJSON *s = cJSON_GetObjectItemCaseSensitive(t->facts, "suite");
	if (!testrail_wanted(t, "suite", c->suite) || sink_string(s, "project") != NULL)
		testrail_begin(t, "suite", c->suite != NULL ? c->suite : "");
	cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "scope");
	testrail_get(r, "get_suites", project);
	testrail_page_args(r, sink_int(sink_object(t->facts, "suite"), "offset", 0));
	return ASK_SEND;
}

/* Without a name: the master of a project with baselines, or the only one there is. */
static void consider_unnamed(struct talk *t, cJSON *pick, const cJSON *item, bool baselines)
{
	const char *id = sink_id(t->arena, item, "id");

	testrail_consider(t, pick, "", item);
	if (id == NULL || sink_bool(item, "is_completed"))
		return;
	cJSON_AddItemToArray(sink_array(pick, baselines && sink_bool(item, "is_master") ? "master" : "alive"),
			     cJSON_CreateString(id));
}

static const char *only(struct talk *t, const cJSON *pick, const char *which)
{
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(pick, which);

	return cJSON_GetArraySize(ids) == 1 ? arena_strdup(t->arena, ids->child->valuestring) : NULL;
}

enum got testrail_suite_got(struct talk *t, const struct reply *r)
{
	const struct testrail_conf *c = t->conf;
	bool named = c->suite != NULL && *c->suite != '\0';
	cJSON *s = sink_object(t->facts, "suite");
	const char *id = NULL;
	struct testrail_page page = { 0 };

	if (testrail_several(c))
		return testrail_suites_got(t, r);
	enum got got = testrail_suites_page(t, r, &page);
	if (got != GOT_NEXT)
		return got;
	int64_t mode = sink_int(cJSON_GetObjectItemCaseSensitive(t->facts, "project"), "mode", 0);
	const cJSON *item;
	cJSON_ArrayForEach(item, page.items)
	{
		if (named)
			testrail_consider(t, s, c->suite, item);
		else
			consider_unnamed(t, s, item, mode == 2);
	}
	bool last = page.last;
	int64_t offset = sink_int(s, "offset", 0) + page.count;
	cJSON_Delete(page.root);
	sink_set_int(s, "offset", offset);
	if (!last)
		return GOT_MORE;
	if (named) {
		const cJSON *found = testrail_picked(t, s, "suite", c->suite);
		id = found != NULL ? arena_strdup(t->arena, sink_string(found, "id")) : NULL;
	} else {
		id = only(t, s, "master");
		if (id == NULL)
			id = only(t, s, "alive");
		if (id == NULL)
			sink_park(t,
				  "this project has several suites: `suite` must name one, or `suites`"
				  " those that reports have cases of (or all): %s",
				  testrail_names(t, s));
	}
	if (id != NULL)
		return suite_found(t, mode == 1 ? NULL : id, id);
	testrail_begin(t, "suite", c->suite != NULL ? c->suite : "");
	return GOT_PARK;
}

/* ---- statuses ---- */

static const char *statuses_wanted(struct talk *t)
{
	const struct testrail_conf *c = t->conf;
	struct buf b = BUF_LIMIT(4096);

	for (int v = 0; v < VERDICT_COUNT; v++)
		buf_printf(&b, "%.500s\n", c->statuses[v]);
	const char *text = arena_strndup(t->arena, b.data, b.len);
	buf_done(&b);
	return text != NULL ? text : "";
}

enum ask testrail_statuses_ask(struct talk *t, struct request *r)
{
	const char *wanted = statuses_wanted(t);

	if (testrail_wanted(t, "statuses", wanted))
		return ASK_SKIP;
	testrail_get(r, "get_statuses", NULL);
	return ASK_SEND;
}

static bool is_status(const cJSON *item, const char *wanted)
{
	const char *name = sink_string(item, "name"), *label = sink_string(item, "label");

	if (testrail_digits(wanted))
		return sink_int(item, "id", -1) == strtoll(wanted, NULL, 10);
	return (name != NULL && strcasecmp(name, wanted) == 0) ||
	       (label != NULL && strcasecmp(label, wanted) == 0);
}

static bool is_untested(const cJSON *item)
{
	return sink_int(item, "id", -1) == STATUS_UNTESTED || sink_bool(item, "is_untested");
}

static const char *status_names(struct talk *t, const cJSON *items)
{
	struct buf b = BUF_LIMIT(600);
	const cJSON *item;

	cJSON_ArrayForEach(item, items)
	{
		const char *name = sink_string(item, "name"), *label = sink_string(item, "label");
		if (name == NULL || is_untested(item) || b.len > 450)
			continue;
		buf_printf(&b, "%s%.60s", b.len > 0 ? ", " : "", name);
		if (label != NULL && strcasecmp(label, name) != 0)
			buf_printf(&b, " (%.60s)", label);
	}
	const char *text = arena_strndup(t->arena, b.data != NULL ? b.data : "", b.len);
	buf_done(&b);
	return text != NULL ? text : "";
}

/* The id of a status; 0: err says what is wrong with it.  -1: none. */
static int64_t status_id(struct talk *t, const cJSON *items, enum verdict v)
{
	const struct testrail_conf *c = t->conf;
	const char *wanted = c->statuses[v];
	const cJSON *item;

	if (strcasecmp(wanted, "none") == 0)
		return -1;
	cJSON_ArrayForEach(item, items)
	{
		int64_t id = sink_int(item, "id", 0);
		if (id <= 0 || !is_status(item, wanted))
			continue;
		if (!is_untested(item))
			return id;
		sink_park(t, "statuses.%s: TestRail takes no result with the status \"%s\"", verdict_name(v),
			  wanted);
		return 0;
	}
	sink_park(t, "statuses.%s: no status \"%s\"; there are: %s, none", verdict_name(v), wanted,
		  status_names(t, items));
	return 0;
}

enum got testrail_statuses_got(struct talk *t, const struct reply *r)
{
	struct testrail_page page;
	int64_t id[VERDICT_COUNT];
	bool good = true;

	if (!sink_ok(r))
		return testrail_refused(t, r, "list of statuses", GOT_PARK);
	if (!testrail_page(r, "statuses", &page))
		return GOT_UNKNOWN;
	for (int v = 0; v < VERDICT_COUNT && good; v++) {
		id[v] = status_id(t, page.items, (enum verdict)v);
		good = id[v] != 0;
	}
	cJSON_Delete(page.root);
	if (!good)
		return GOT_PARK;
	cJSON *ids = sink_array(testrail_begin(t, "statuses", statuses_wanted(t)), "ids");
	for (int v = 0; v < VERDICT_COUNT; v++)
		cJSON_AddItemToArray(ids, cJSON_CreateNumber((double)id[v]));
	return GOT_NEXT;
}

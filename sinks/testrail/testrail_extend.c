/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_extend.c - more cases for the run over there, and its end.
 *
 * update_run replaces the set of cases and drops the results of those left out, so it is always given all of
 * them: of a run that is not ours the tests are read first.  Runs of plans have calls of their own: by the
 * entry, or where they have configurations by the run. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TESTS_STALE_MS = 60 * 1000, TESTS_BROKEN_OFF_MS = 10 * 60 * 1000 };

static cJSON *run_of(const struct talk *t)
{
	return cJSON_GetObjectItemCaseSensitive(t->bookmark, "run");
}

/* ---- more cases ---- */

/* The plan that the run is in; NULL: none. */
static const char *in_plan(const struct talk *t)
{
	const char *plan = sink_string(run_of(t), "plan");

	return plan != NULL && *plan != '\0' ? plan : NULL;
}

/* "tests" in the bookmark: the cases of a run that is not ours, while they are being read. */
static cJSON *tests_of(struct talk *t)
{
	return cJSON_GetObjectItemCaseSensitive(t->bookmark, "tests");
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The cases that the run has, and ours; *ours: how many of ours it lacked. */
static const char **merged(struct talk *t, const struct testrail_cases *ours, size_t *count, size_t *lacked)
{
	const cJSON *item, *ids = cJSON_GetObjectItemCaseSensitive(tests_of(t), "ids");
	size_t have = (size_t)cJSON_GetArraySize(ids), n = 0;
	const char **all = arena_calloc(t->arena, have + ours->count + 1, sizeof(*all));

	*lacked = 0;
	if (all == NULL)
		return NULL;
	cJSON_ArrayForEach(item, ids) all[n++] = item->valuestring;
	qsort(all, n, sizeof(*all), compare);
	have = n;
	for (size_t i = 0; i < ours->count; i++) {
		const char *id = ours->ids[i];
		if (have > 0 && bsearch(&id, all, have, sizeof(*all), compare) != NULL)
			continue;
		all[n++] = id;
		++*lacked;
	}
	*count = n;
	return all;
}

/* By the call that the kind of run takes: alone, of a plan, of a plan with configurations. */
static enum ask update_run(struct talk *t, struct request *r, const char *const *ids, size_t count)
{
	const cJSON *run = run_of(t);
	const char *plan = in_plan(t), *entry = sink_string(run, "entry");

	if (plan == NULL) {
		testrail_post(r, "update_run", testrail_run_id(t));
	} else if (sink_bool(run, "configs")) {
		testrail_post(r, "update_run_in_plan_entry", testrail_run_id(t));
	} else {
		testrail_post(r, "update_plan_entry", plan);
		buf_putc(&r->path, '/');
		sink_escape(&r->path, entry);
	}
	buf_putc(&r->body, '{');
	json_field_bool(&r->body, "include_all", false);
	testrail_put_case_ids(&r->body, ids, count);
	buf_putc(&r->body, '}');
	sink_set_int(sink_scratch(t), "size", (int64_t)count);
	if (buf_error(&r->body) == 0)
		return ASK_SEND;
	err_set(&t->err, -E2BIG, "update_run: the request is too large");
	return ASK_PARK;
}

/* What is to be read before the run can be extended; asked and answered by the same scratch. */
enum reading { READ_NOTHING, READ_ENTRY, READ_RUN, READ_TESTS };

static enum reading reading(struct talk *t)
{
	const cJSON *run = run_of(t);

	if (in_plan(t) != NULL && sink_string(run, "entry") == NULL && !sink_bool(run, "configs"))
		return READ_ENTRY;
	/* A run of ours may have been changed by somebody since: then its tests are read, too. */
	if (sink_bool(run, "own") && !sink_bool(run, "changed")) {
		bool told = sink_bool(sink_scratch(t), "looked") || sink_int(run, "size", -1) < 0;
		return told ? READ_NOTHING : READ_RUN;
	}
	return sink_bool(tests_of(t), "complete") ? READ_NOTHING : READ_TESTS;
}

static void ask_reading(struct talk *t, struct request *r, enum reading what)
{
	cJSON *tests = tests_of(t);

	switch (what) {
	case READ_NOTHING:
		return;
	case READ_ENTRY:
		testrail_get(r, "get_plan", in_plan(t));
		return;
	case READ_RUN:
		testrail_get(r, "get_run", testrail_run_id(t));
		return;
	case READ_TESTS:
		testrail_get(r, "get_tests", testrail_run_id(t));
		testrail_page_args(r, sink_int(tests, "offset", 0));
		return;
	}
}

/* Whether one that was given to the run before is perhaps not among these. */
static bool misses(const struct talk *t, const cJSON *run, const struct testrail_cases *cases)
{
	int64_t size = sink_int(run, "size", -1), count = (int64_t)cases->count;

	return testrail_several(t->conf) ? count <= size : count - (int64_t)t->rows->new_ids < size;
}

/* ASK_SKIP: this run lacks nothing, or nothing that a request could give it. */
static enum ask extend(struct talk *t, struct request *r, const struct testrail_cases *cases)
{
	cJSON *run = run_of(t);
	size_t count, lacked;

	if (sink_bool(run, "all")) {
		/* It takes every case of its suite by itself. */
		testrail_linked(t, cases);
		return ASK_LEARN;
	}
	/* Others may have added tests since the last page, and update_run would drop them.  Between two pages of a slow
	 * server, or around a pause, it may take longer: what they add stands at the end of the list. */
	int64_t age = t->now_ms - sink_int(tests_of(t), "at", t->now_ms);
	if (age > (sink_bool(tests_of(t), "complete") ? TESTS_STALE_MS : TESTS_BROKEN_OFF_MS))
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "tests");
	/* A case that the lists do not show any more may have its test in the run all the same, and results in it. */
	if (sink_bool(run, "own") && misses(t, run, cases))
		sink_set_int(run, "changed", 1);
	sink_set_string(sink_scratch(t), "digest", testrail_cases_digest(t, cases));
	sink_set_int(sink_scratch(t), "given", (int64_t)cases->count);
	enum reading what = reading(t);
	if (what != READ_NOTHING) {
		ask_reading(t, r, what);
		return ASK_SEND;
	}
	if (sink_bool(run, "own") && !sink_bool(run, "changed"))
		return update_run(t, r, cases->ids, cases->count);
	const char **all = merged(t, cases, &count, &lacked);
	if (all == NULL) {
		err_set(&t->err, -E2BIG, "update_run: the run has too many cases");
		return ASK_PARK;
	}
	if (lacked > 0)
		return update_run(t, r, all, count);
	testrail_linked(t, cases);
	return ASK_LEARN;
}

/* The run of each suite that lacks some of its cases, one after the other.  Where a case is not in the list
 * any more nothing is done: the test and its results would vanish with it. */
static enum ask extend_suites(struct talk *t, struct request *r)
{
	struct testrail_cases cases;
	size_t from = 0;

	if (sink_bool(t->bookmark, "relink")) {
		for (size_t at = 0; testrail_cases_of(t, &at, &cases);) {
			testrail_select(t, cases.suite);
			cJSON_DeleteItemFromObjectCaseSensitive(run_of(t), "digest");
		}
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "relink");
	}
	while (testrail_cases_of(t, &from, &cases)) {
		const cJSON *run = testrail_run_of_suite(t, cases.suite);
		const char *had = sink_string(run, "digest");
		if (sink_string(run, "id") == NULL ||
		    (had != NULL && (strcmp(had, testrail_cases_digest(t, &cases)) == 0 ||
				     (int64_t)cases.count < sink_int(run, "given", 0))))
			continue;
		testrail_select(t, cases.suite);
		enum ask ask = extend(t, r, &cases);
		if (ask != ASK_LEARN)
			return ask;
	}
	return ASK_SKIP;
}

enum ask testrail_extend_ask(struct talk *t, struct request *r)
{
	struct testrail_cases cases;
	size_t from = 0;

	if (testrail_several(t->conf))
		return extend_suites(t, r);
	if (testrail_run_id(t) == NULL || (t->rows->new_ids == 0 && !sink_bool(t->bookmark, "relink")) ||
	    !testrail_cases_of(t, &from, &cases))
		return ASK_SKIP;
	return extend(t, r, &cases);
}

static enum got entry_got(struct talk *t, const struct reply *r)
{
	cJSON *root = sink_json(r);
	const cJSON *entry, *run, *entries = cJSON_GetObjectItemCaseSensitive(root, "entries");
	const char *found = NULL;
	bool plan = cJSON_IsArray(entries);

	cJSON_ArrayForEach(entry, entries)
	{
		cJSON_ArrayForEach(run, cJSON_GetObjectItemCaseSensitive(entry, "runs"))
		{
			if (testrail_id_is(run, "id", testrail_run_id(t)))
				found = sink_id(t->arena, entry, "id");
		}
	}
	cJSON_Delete(root);
	if (!plan)
		return GOT_UNKNOWN;
	if (found == NULL)
		return sink_park(t, "the plan %s does not show the run %s that is in it", in_plan(t),
				 testrail_run_id(t));
	sink_set_string(run_of(t), "entry", found);
	return GOT_MORE;
}

/* Tests that a run holds, by its counts; -1: it does not tell. */
static int64_t tests_in(const cJSON *run)
{
	const cJSON *item;
	int64_t n = -1;

	cJSON_ArrayForEach(item, run)
	{
		size_t len = item->string != NULL ? strlen(item->string) : 0;
		if (len > 6 && strcmp(item->string + len - 6, "_count") == 0 && cJSON_IsNumber(item))
			n = (n < 0 ? 0 : n) + (int64_t)item->valuedouble;
	}
	return n;
}

static enum got run_got(struct talk *t, const struct reply *r)
{
	cJSON *root = sink_json(r), *run = run_of(t);
	bool there = sink_id(t->arena, root, "id") != NULL;
	int64_t tests = tests_in(root), size = sink_int(run, "size", -1);

	if (there && tests > 0 && size >= 0 && tests != size)
		sink_set_int(run, "changed", 1);
	if (there && sink_bool(root, "include_all"))
		sink_set_int(run, "all", 1);
	cJSON_Delete(root);
	if (!there)
		return GOT_UNKNOWN;
	sink_set_int(sink_scratch(t), "looked", 1);
	return GOT_MORE;
}

/* Pages go by offset, and each begins with the test that ended the one before: where it does not, somebody has taken
 * tests out of the run meanwhile, and one may have been passed over, which update_run would drop. */
static bool joins(const cJSON *tests, const struct testrail_page *page)
{
	const char *last = sink_string(tests, "last");

	return last == NULL || (page->count > 0 && testrail_id_is(page->items->child, "id", last));
}

static enum got tests_got(struct talk *t, const struct reply *r)
{
	cJSON *tests = sink_object(t->bookmark, "tests");
	struct testrail_page page;
	const cJSON *item;

	if (!testrail_page(r, "tests", &page))
		return GOT_UNKNOWN;
	if (!joins(tests, &page)) {
		cJSON_Delete(page.root);
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "tests");
		err_set(&t->err, -EAGAIN, "get_tests: the tests of the run changed while they were read");
		return GOT_UNKNOWN;
	}
	cJSON *ids = cJSON_GetObjectItemCaseSensitive(tests, "ids");
	if (!cJSON_IsArray(ids))
		ids = cJSON_AddArrayToObject(tests, "ids");
	const char *before = sink_string(tests, "last"), *last = NULL;
	cJSON_ArrayForEach(item, page.items)
	{
		const char *id = sink_id(t->arena, item, "case_id");
		if (id != NULL && !(item == page.items->child && before != NULL))
			cJSON_AddItemToArray(ids, cJSON_CreateString(id));
		last = sink_id(t->arena, item, "id");
	}
	/* A page of one test, or of tests without ids, cannot overlap the next one. */
	bool overlap = page.count > 1 && last != NULL;
	sink_set_int(tests, "offset", sink_int(tests, "offset", 0) + page.count - overlap);
	cJSON_DeleteItemFromObjectCaseSensitive(tests, "last");
	if (overlap)
		sink_set_string(tests, "last", last);
	sink_set_int(tests, "at", t->now_ms);
	if (page.last)
		sink_set_int(tests, "complete", 1);
	cJSON_Delete(page.root);
	return GOT_MORE;
}

enum got testrail_extend_got(struct talk *t, const struct reply *r)
{
	static const char *const asked[] = { "update_run", "get_plan", "get_run", "get_tests" };
	enum reading what = reading(t);

	if (!sink_ok(r)) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "tests");
		return testrail_run_refused(t, r, asked[what]);
	}
	switch (what) {
	case READ_NOTHING:
		break;
	case READ_ENTRY:
		return entry_got(t, r);
	case READ_RUN:
		return run_got(t, r);
	case READ_TESTS:
		return tests_got(t, r);
	}
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "id");
	cJSON_Delete(root);
	if (id == NULL)
		return GOT_UNKNOWN;
	sink_set_int(run_of(t), "size", sink_int(sink_scratch(t), "size", -1));
	testrail_linked(t, NULL);
	return testrail_several(t->conf) ? GOT_MORE : GOT_NEXT;
}

/* ---- whether it was extended ----
 *
 * The same set twice does no harm.  But one that comes late, behind a larger one, drops the tests that it does not
 * name, and their results: so nothing follows a lost update_run before it is seen or cannot come any more. */

static int64_t cases_sent(const struct talk *t)
{
	cJSON *sent = cJSON_Parse(t->sent != NULL ? t->sent : "");
	int64_t count = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(sent, "case_ids"));

	cJSON_Delete(sent);
	return count;
}

/* Of several suites what was sent says which one it was about. */
static void select_sent(struct talk *t)
{
	cJSON *sent = cJSON_Parse(t->sent != NULL ? t->sent : "");
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(sent, "case_ids");
	const char *first = sink_id_of(t->arena, cJSON_GetArrayItem(ids, 0));
	struct testrail_cases cases;
	size_t from = 0;

	cJSON_Delete(sent);
	while (first != NULL && testrail_cases_of(t, &from, &cases))
		for (size_t i = 0; i < cases.count; i++)
			if (strcmp(cases.ids[i], first) == 0) {
				testrail_select(t, cases.suite);
				return;
			}
}

enum ask testrail_extend_look(struct talk *t, struct request *r)
{
	if (testrail_several(t->conf))
		select_sent(t);
	if (testrail_run_id(t) == NULL)
		return ASK_SKIP;
	testrail_get(r, "get_run", testrail_run_id(t));
	return ASK_SEND;
}

enum looked testrail_extend_looked(struct talk *t, const struct reply *r)
{
	cJSON *run = run_of(t);
	int64_t sent = cases_sent(t);
	/* A run of ours that had as many before, for all that is known, does not show whether it was updated. */
	bool own = sink_bool(run, "own") && !sink_bool(run, "changed");
	int64_t had = sink_int(run, "size", -1);

	if (!sink_ok(r)) {
		/* A run that is gone takes no update any more; the step itself will be told so. */
		testrail_refused(t, r, "look-up of the run", GOT_PARK);
		return r->status == 400 || r->status == 404 ? LOOKED_NONE : LOOKED_UNSURE;
	}
	cJSON *root = sink_json(r);
	bool there = sink_id(t->arena, root, "id") != NULL;
	int64_t tests = tests_in(root);
	cJSON_Delete(root);
	if (!there)
		return LOOKED_UNSURE;
	if (tests != sent || (own && (had < 0 || had == sent)))
		return LOOKED_NONE;
	sink_set_int(run, "size", sent);
	if (!testrail_several(t->conf) && testrail_all_sent(t))
		testrail_linked(t, NULL);
	else
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "tests");
	return LOOKED_ALL;
}

/* ---- the end ---- */

enum ask testrail_close_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;

	/* Runs of a plan are closed with it. */
	if (!c->run.close || testrail_run_id(t) == NULL || sink_bool(t->bookmark, "closed") ||
	    in_plan(t) != NULL)
		return ASK_SKIP;
	testrail_post(r, "close_run", testrail_run_id(t));
	buf_puts(&r->body, "{}");
	return ASK_SEND;
}

enum got testrail_closed(struct talk *t, const struct reply *r, const char *call, const char *const *missing)
{
	if (!sink_ok(r)) {
		enum got got = testrail_refused(t, r, call, GOT_PARK);
		/* Closed already (our first answer was lost), or deleted: nothing is left to close. */
		bool over = got == GOT_PARK && (r->status == 400 || r->status == 404) &&
			    (testrail_says_closed(t->err.text) || sink_says(t->err.text, missing) ||
			     r->status == 404);
		if (over)
			err_clear(&t->err);
		return over ? GOT_NEXT : got;
	}
	/* It comes back; a page of somebody between closes nothing. */
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "id");
	cJSON_Delete(root);
	return id != NULL ? GOT_NEXT : GOT_UNKNOWN;
}

enum got testrail_close_got(struct talk *t, const struct reply *r)
{
	static const char *const missing[] = { "run_id", "not a valid test run", NULL };
	enum got got = testrail_closed(t, r, "close_run", missing);

	if (got == GOT_NEXT)
		sink_set_int(t->bookmark, "closed", 1);
	return got;
}

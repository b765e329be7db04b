/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_suites.c - `suites`: cases of several suites in one run of ours: a plan with an entry for each.
 *
 * What is known of cases lies in one scope ("p1/all"), and the parent of each case is its suite, so the queue
 * gives results and links suite by suite.  Of the entries' runs one is selected at a time: it stands in the
 * bookmark as `run`, as if it were the only one, the others wait in `runs`.  Which one is meant each step
 * takes from its rows, or from what was sent, and never from what happened to be selected before.
 *
 * Sections of all suites lie in one scope, too.  Their ids are "SUITE/SECTION" there, and a suite is a section
 * "SUITE/" at the root: so the first component of a place is a suite, and who makes something in a section
 * knows the suite that it lies in. */
#include "sinks/testrail/testrail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SUITES_FRESH_MS 60000 /* with `suites: all`: new ones are noticed so soon */

bool testrail_several(const struct testrail_conf *c)
{
	return c->suites.count > 0;
}

static bool all_wanted(const struct testrail_conf *c)
{
	return c->suites.count == 1 && strcasecmp(c->suites.item[0], "all") == 0;
}

/* ---- which suites ---- */

static const cJSON *known_suites(const struct talk *t)
{
	return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(t->facts, "suite"), "ids");
}

const char *testrail_suite_at(const struct talk *t, size_t i)
{
	const cJSON *item = cJSON_GetArrayItem(known_suites(t), (int)i);

	return item != NULL ? item->string : NULL;
}

const char *testrail_suite_name(const struct talk *t, const char *id)
{
	return sink_string(known_suites(t), id);
}

const char *testrail_suite_after(const struct talk *t, const char *id)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(known_suites(t), id);

	return item != NULL && item->next != NULL ? item->next->string : NULL;
}

const char *testrail_suites_joined(struct talk *t)
{
	struct buf b = BUF_LIMIT(1u << 20);
	const cJSON *item;

	cJSON_ArrayForEach(item, known_suites(t)) buf_printf(&b, "%s%s", b.len > 0 ? "," : "", item->string);
	const char *text = arena_strndup(t->arena, b.data != NULL ? b.data : "", b.len);
	buf_done(&b);
	return text != NULL ? text : "";
}

/* What the configuration says, as one text. */
static const char *wanted(struct talk *t)
{
	const struct testrail_conf *c = t->conf;
	struct buf b = BUF_LIMIT(1u << 20);

	buf_puts(&b, "*");
	for (size_t i = 0; i < c->suites.count; i++)
		buf_printf(&b, "\n%s", c->suites.item[i]);
	const char *text = arena_strndup(t->arena, b.data, b.len);
	buf_done(&b);
	return text != NULL ? text : "*";
}

enum ask testrail_suites_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	const char *project = testrail_fact(t, "project", "id"), *of = testrail_fact(t, "suite", "project");
	cJSON *s = cJSON_GetObjectItemCaseSensitive(t->facts, "suite");
	bool known = known_suites(t) != NULL && of != NULL && strcmp(of, project) == 0 &&
		     testrail_wanted(t, "suite", wanted(t));
	int64_t age = t->now_ms - sink_int(s, "at", 0);

	if (known && (!all_wanted(c) || (age > -SUITES_FRESH_MS && age < SUITES_FRESH_MS)))
		return ASK_SKIP;
	if (!testrail_wanted(t, "suite", wanted(t)) || known_suites(t) != NULL)
		s = testrail_begin(t, "suite", wanted(t));
	testrail_get(r, "get_suites", project);
	testrail_page_args(r, sink_int(s, "offset", 0));
	return ASK_SEND;
}

/* Each name and each open suite has a pick of its own: what a list shows may stretch over pages. */
static cJSON *pick_of(cJSON *s, size_t i)
{
	char name[24];

	(void)snprintf(name, sizeof(name), "pick%zu", i);
	return sink_object(s, name);
}

static void consider(struct talk *t, cJSON *s, const cJSON *item)
{
	const struct testrail_conf *c = t->conf;
	const char *id = sink_id(t->arena, item, "id"), *name = sink_string(item, "name");

	if (id == NULL)
		return;
	name = name != NULL ? testrail_plain(t->arena, name) : NULL;
	sink_set_string(sink_object(s, "called"), id, name != NULL ? name : "");
	if (!all_wanted(c)) {
		for (size_t i = 0; i < c->suites.count; i++)
			testrail_consider(t, pick_of(s, i), c->suites.item[i], item);
	} else if (!sink_bool(item, "is_completed")) {
		sink_set_string(sink_object(s, "open"), id, "");
	}
}

static int by_number(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	size_t m = strlen(x), n = strlen(y);

	return m != n ? (m < n ? -1 : 1) : strcmp(x, y);
}

/* The ids that are meant, in the order of their numbers, so that a list is read alike each time. */
static const char **chosen(struct talk *t, cJSON *s, size_t *count)
{
	const struct testrail_conf *c = t->conf;
	const cJSON *item, *open = cJSON_GetObjectItemCaseSensitive(s, "open");
	size_t max = (size_t)cJSON_GetArraySize(open) + c->suites.count;
	const char **id = arena_calloc(t->arena, max + 1, sizeof(*id));

	*count = 0;
	if (id == NULL)
		return NULL;
	cJSON_ArrayForEach(item, open) id[(*count)++] = arena_strdup(t->arena, item->string);
	for (size_t i = 0; i < c->suites.count && !all_wanted(c); i++) {
		const cJSON *found = testrail_picked(t, pick_of(s, i), "suite", c->suites.item[i]);
		if (found == NULL)
			return NULL;
		id[(*count)++] = arena_strdup(t->arena, sink_string(found, "id"));
	}
	qsort(id, *count, sizeof(*id), by_number);
	return id;
}

static enum got found(struct talk *t, cJSON *s)
{
	const char *project = testrail_fact(t, "project", "id");
	size_t count;
	const char **id = chosen(t, s, &count);

	if (id == NULL || count == 0) {
		if (t->err.code == 0)
			sink_park(t, "suites: this project has no open suite that you may see");
		testrail_begin(t, "suite", wanted(t)); /* a retry reads the list anew */
		return GOT_PARK;
	}
	cJSON *called = cJSON_DetachItemFromObjectCaseSensitive(s, "called");
	s = testrail_begin(t, "suite", wanted(t));
	sink_set_string(s, "project", project);
	sink_set_int(s, "at", t->now_ms);
	cJSON *ids = sink_object(s, "ids");
	for (size_t i = 0; i < count; i++) {
		const char *name = sink_string(called, id[i]);
		sink_set_string(ids, id[i], name != NULL ? name : "");
		/* As the first component of a place. */
		learned_remote(&t->learned, "section", arena_printf(t->arena, "p%s/all", project),
			       arena_printf(t->arena, "%s/", id[i]), "", name != NULL ? name : "", NULL,
			       NULL);
	}
	cJSON_Delete(called);
	sink_set_string(t->facts, "scope", arena_printf(t->arena, "p%s/all", project));
	return GOT_NEXT;
}

enum got testrail_suites_page(struct talk *t, const struct reply *r, struct testrail_page *page)
{
	if (r->status == 400 || r->status == 404) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "project");
		testrail_refused(t, r, "list of suites", GOT_PARK);
		return sink_back(t, "the project is not there any more: %s",
				 arena_strdup(t->arena, t->err.text));
	}
	if (!sink_ok(r))
		return testrail_refused(t, r, "list of suites", GOT_PARK);
	return testrail_page(r, "suites", page) ? GOT_NEXT : GOT_UNKNOWN;
}

enum got testrail_suites_got(struct talk *t, const struct reply *r)
{
	cJSON *s = sink_object(t->facts, "suite");
	struct testrail_page page = { 0 };
	const cJSON *item;

	enum got got = testrail_suites_page(t, r, &page);
	if (got != GOT_NEXT)
		return got;
	cJSON_ArrayForEach(item, page.items) consider(t, s, item);
	bool last = page.last;
	sink_set_int(s, "offset", sink_int(s, "offset", 0) + page.count);
	cJSON_Delete(page.root);
	return last ? found(t, s) : GOT_MORE;
}

/* ---- the suite that a step is about ---- */

const char *testrail_suite(const struct talk *t)
{
	return testrail_several(t->conf) ? sink_string(t->bookmark, "suite")
					 : testrail_fact(t, "suite", "id");
}

void testrail_select(struct talk *t, const char *suite)
{
	const char *was = sink_string(t->bookmark, "suite");

	if (!testrail_several(t->conf) || suite == NULL || (was != NULL && strcmp(was, suite) == 0))
		return;
	suite = arena_strdup(t->arena, suite); /* may be the very text that is replaced */
	cJSON *runs = sink_object(t->bookmark, "runs");
	cJSON *run = cJSON_DetachItemFromObjectCaseSensitive(t->bookmark, "run");
	if (run != NULL && was != NULL) {
		cJSON_DeleteItemFromObjectCaseSensitive(runs, was);
		cJSON_AddItemToObject(runs, was, run);
	} else {
		cJSON_Delete(run);
	}
	run = cJSON_DetachItemFromObjectCaseSensitive(runs, suite);
	if (run != NULL)
		cJSON_AddItemToObject(t->bookmark, "run", run);
	/* Of the run that was selected. */
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "tests");
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "no_run_at");
	sink_set_string(t->bookmark, "suite", suite);
}

void testrail_select_row(struct talk *t)
{
	if (t->rows != NULL && t->rows->count > 0)
		testrail_select(t, t->rows->row[0].group);
}

bool testrail_has_runs(const struct talk *t)
{
	const cJSON *run, *runs = cJSON_GetObjectItemCaseSensitive(t->bookmark, "runs");

	cJSON_ArrayForEach(run, runs)
	{
		if (sink_string(run, "id") != NULL)
			return true;
	}
	return testrail_run_id(t) != NULL;
}

/* The run of a suite in the bookmark, selected or not; NULL: none. */
const cJSON *testrail_run_of_suite(const struct talk *t, const char *suite)
{
	const char *at = sink_string(t->bookmark, "suite");

	if (at != NULL && strcmp(at, suite) == 0)
		return cJSON_GetObjectItemCaseSensitive(t->bookmark, "run");
	return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(t->bookmark, "runs"), suite);
}

/* ---- cases by suite ---- */

bool testrail_cases_of(struct talk *t, size_t *from, struct testrail_cases *out)
{
	const struct rows *rows = t->rows;
	size_t i = *from, end;

	if (i >= rows->id_count)
		return false;
	if (!testrail_several(t->conf) || rows->groups == NULL) {
		*out = (struct testrail_cases){ NULL, rows->ids, rows->id_count };
		*from = rows->id_count;
		return true;
	}
	for (end = i; end < rows->id_count && strcmp(rows->groups[end], rows->groups[i]) == 0;)
		end++;
	*out = (struct testrail_cases){ rows->groups[i], rows->ids + i, end - i };
	*from = end;
	return true;
}

const char *testrail_cases_digest(struct talk *t, const struct testrail_cases *cases)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < cases->count; i++) {
		for (const char *s = cases->ids[i];; s++) {
			h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
			if (*s == '\0')
				break;
		}
	}
	return arena_printf(t->arena, "%016llx", (unsigned long long)h);
}

/* ---- sections of all suites ---- */

const char *testrail_section_key(struct talk *t, const char *suite, const char *section)
{
	if (!testrail_several(t->conf))
		return section;
	return arena_printf(t->arena, "%s/%s", suite != NULL ? suite : "", section != NULL ? section : "");
}

void testrail_section_split(struct talk *t, const char *key, const char **suite, const char **section)
{
	const char *slash = testrail_several(t->conf) && key != NULL ? strchr(key, '/') : NULL;

	*suite = testrail_fact(t, "suite", "id");
	*section = key != NULL && *key != '\0' ? key : NULL;
	if (slash == NULL)
		return;
	*suite = arena_strndup(t->arena, key, (size_t)(slash - key));
	*section = slash[1] != '\0' ? slash + 1 : NULL;
}

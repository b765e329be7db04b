/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_cases.c - the lists of cases and sections, read by pages into the queue's cache.
 *
 * Cases: the whole list once, then only what was updated since.  Sections: the whole list, but only where
 * one is missing, since nothing tells what changed.  The cursor stands in facts, so that a restart in the middle of
 * 400 pages goes on; a list that was left lying too long begins anew.  Pages overlap by one entity: where
 * the last one of a page is not the first of the next, somebody deleted meanwhile and what slid over the
 * edge would be missed, so the list is read again.
 *
 * Servers before 6.7 know no pages.  Where all cases at once are more than one answer may hold, they are read by
 * section: first the list of sections (scratch keeps what is left of it), then the cases of each. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/clock.h"

#include <stdlib.h>
#include <string.h>

#define FULL_AGAIN_MS     (INT64_C(7) * 86400000) /* deleted cases are found out at least so often */
#define LIST_STALE_MS     600000                  /* so long after its last page a list is not continued */
#define JITTER_MS         5000
#define FRESH_MS          2000 /* side by side, deliveries share one refresh */
#define SECTIONS_FRESH_MS 10000
#define SLID_MAX          3 /* then the list is taken as it is */
#define OFFSET_MAX        INT64_C(20000000)
#define SKEW_MS           30000 /* a clock that is so far behind ours is allowed for */
#define MARGIN_S          5     /* clocks and seconds; our own clock is trusted less */
#define OWN_MARGIN_S      300

struct list_kind {
	const char *group, *kind, *call, *entity;
	void (*learn)(struct talk *t, const cJSON *item);
};
static const struct list_kind cases = { "cases", "case", "get_cases", "cases", testrail_learn_case };
static const struct list_kind sections = { "sections", "section", "get_sections", "sections",
					   testrail_learn_section };

/* ---- what is kept of an entity ---- */

/* Its section; where suites are several, its suite, by which results are given. */
static const char *parent_of(struct talk *t, const cJSON *item)
{
	const cJSON *l = cJSON_GetObjectItemCaseSensitive(t->facts, "cases");
	const char *suite = testrail_several(t->conf) ? sink_id(t->arena, item, "suite_id") : NULL;

	if (!testrail_several(t->conf))
		return sink_id(t->arena, item, "section_id");
	if (suite == NULL)
		suite = sink_string(l, "suite"); /* the list of one suite is being read */
	return suite != NULL ? suite : testrail_suite(t);
}

void testrail_learn_case(struct talk *t, const cJSON *item)
{
	const struct testrail_conf *c = t->conf;
	const char *scope = sink_string(t->facts, "scope"), *id = sink_id(t->arena, item, "id");
	const char *title = sink_string(item, "title"), *alias = sink_string(item, c->field);

	if (id == NULL)
		return;
	if (sink_bool(item, "is_deleted")) {
		learned_gone(&t->learned, "case", scope, id);
		return;
	}
	learned_remote(&t->learned, "case", scope, id, parent_of(t, item),
		       title != NULL ? testrail_plain(t->arena, title) : "",
		       alias != NULL ? testrail_plain(t->arena, alias) : NULL, testrail_case_json(t, item));
}

void testrail_learn_section(struct talk *t, const cJSON *item)
{
	const char *scope = sink_string(t->facts, "scope"), *id = sink_id(t->arena, item, "id");
	const char *name = sink_string(item, "name"), *parent = sink_id(t->arena, item, "parent_id");
	const char *suite = NULL;

	if (testrail_several(t->conf)) {
		suite = sink_id(t->arena, item, "suite_id");
		if (suite == NULL)
			suite = sink_string(cJSON_GetObjectItemCaseSensitive(t->facts, "sections"), "suite");
		parent = testrail_section_key(t, suite, parent);
	}
	if (id != NULL)
		learned_remote(&t->learned, "section", scope, testrail_section_key(t, suite, id),
			       parent != NULL ? parent : "",
			       name != NULL ? testrail_plain(t->arena, name) : "", NULL, NULL);
}

void testrail_forget_cases(struct talk *t)
{
	cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "cases");
}

void testrail_forget_sections(struct talk *t)
{
	cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "sections");
}

/* ---- reading ---- */

static bool reading(const cJSON *l)
{
	return cJSON_GetObjectItemCaseSensitive(l, "offset") != NULL;
}

static void stop_reading(cJSON *l)
{
	static const char *const cursor[] = { "offset", "last",  "began",  "paged",     "began_s", "tries",
					      "delta",  "suite", "opened", "sectioned", "after" };

	for (size_t i = 0; i < sizeof(cursor) / sizeof(cursor[0]); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(l, cursor[i]);
}

/* suite: the first of several, or the one that is meant; NULL: there is one only. */
static void start_reading(cJSON *l, const char *suite, int64_t began_ms, int64_t now_ms, bool delta)
{
	int64_t tries = sink_int(l, "tries", 0);

	stop_reading(l);
	sink_set_int(l, "offset", 0);
	sink_set_int(l, "began", began_ms);
	sink_set_int(l, "paged", now_ms);
	sink_set_int(l, "tries", tries);
	sink_set_int(l, "delta", delta);
	sink_set_string(l, "suite", suite);
}

/* Of the suite that is meant now; what is known of another one is forgotten here, not in the queue. */
static cJSON *state(struct talk *t, const struct list_kind *k)
{
	const char *scope = sink_string(t->facts, "scope");
	cJSON *l = sink_object(t->facts, k->group);
	const char *of = sink_string(l, "scope");

	if (of == NULL || strcmp(of, scope) != 0) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, k->group);
		l = sink_object(t->facts, k->group);
		sink_set_string(l, "scope", scope);
	}
	int64_t paged = sink_int(l, "paged", 0);
	/* By the server's clock, which is known to a second only: it may seem to go back. */
	if (reading(l) && (t->now_ms < paged - JITTER_MS || t->now_ms - paged > LIST_STALE_MS))
		stop_reading(l);
	return l;
}

static bool within(int64_t since_ms, int64_t now_ms, int64_t ms)
{
	return since_ms > 0 && since_ms <= now_ms + JITTER_MS && now_ms - since_ms < ms;
}

static void list_args(struct talk *t, struct request *r, const struct list_kind *k, const char *call)
{
	const char *suite = testrail_fact(t, "suite", "id");

	if (testrail_several(t->conf))
		suite = sink_string(cJSON_GetObjectItemCaseSensitive(t->facts, k->group), "suite");
	testrail_get(r, call, testrail_fact(t, "project", "id"));
	testrail_arg(r, "suite_id", suite);
}

/* ---- by section ---- */

/* scratch: sections {ids: [..], offset, complete}: of the suite that is read, what is left of them */
static cJSON *sections_left(struct talk *t)
{
	return cJSON_GetObjectItemCaseSensitive(sink_scratch(t), "sections");
}

static bool listing_sections(struct talk *t, const cJSON *l)
{
	return sink_bool(l, "sectioned") && !sink_bool(sections_left(t), "complete");
}

/* The section whose cases are read; NULL: all of them are. */
static const char *section_at(struct talk *t, const cJSON *l)
{
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(sections_left(t), "ids");

	return sink_bool(l, "sectioned") && cJSON_IsArray(ids) && ids->child != NULL ? ids->child->valuestring
										     : NULL;
}

static int by_number(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	size_t m = strlen(x), n = strlen(y);

	return m != n ? (m < n ? -1 : 1) : strcmp(x, y);
}

/* In the order of their numbers, without those that were read before a restart. */
static void sections_listed(struct talk *t, const cJSON *l)
{
	cJSON *left = sections_left(t), *ids = cJSON_GetObjectItemCaseSensitive(left, "ids"), *item;
	size_t n = 0, max = (size_t)cJSON_GetArraySize(ids);
	const char **id = arena_calloc(t->arena, max + 1, sizeof(*id)), *after = sink_string(l, "after");

	cJSON_ArrayForEach(item, ids)
	{
		const char *copy = arena_strdup(t->arena, item->valuestring);
		if (id != NULL && copy != NULL && (after == NULL || by_number(&copy, &after) > 0))
			id[n++] = copy;
	}
	if (n > 0)
		qsort(id, n, sizeof(*id), by_number);
	cJSON_DeleteItemFromObjectCaseSensitive(left, "ids");
	ids = cJSON_AddArrayToObject(left, "ids");
	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(ids, cJSON_CreateString(id[i]));
	sink_set_int(left, "complete", 1);
}

static enum got sections_got(struct talk *t, const cJSON *l, const struct reply *r)
{
	cJSON *left = sink_object(sink_scratch(t), "sections"), *ids = sink_array(left, "ids");
	struct testrail_page page;
	const cJSON *item;

	if (!testrail_page(r, "sections", &page))
		return GOT_UNKNOWN;
	cJSON_ArrayForEach(item, page.items)
	{
		const char *id = sink_id(t->arena, item, "id");
		if (id != NULL)
			cJSON_AddItemToArray(ids, cJSON_CreateString(id));
	}
	sink_set_int(left, "offset", sink_int(left, "offset", 0) + page.count);
	if (page.last)
		sections_listed(t, l);
	cJSON_Delete(page.root);
	return GOT_MORE;
}

/* The cases of a section were read; true: there are further sections. */
static bool section_done(struct talk *t, cJSON *l)
{
	const char *at = section_at(t, l);

	if (at != NULL) {
		sink_set_string(l, "after", at);
		cJSON_DeleteItemFromArray(cJSON_GetObjectItemCaseSensitive(sections_left(t), "ids"), 0);
	}
	if (section_at(t, l) == NULL) {
		cJSON_DeleteItemFromObjectCaseSensitive(sink_scratch(t), "sections");
		cJSON_DeleteItemFromObjectCaseSensitive(l, "after");
		return false;
	}
	sink_set_int(l, "offset", 0);
	cJSON_DeleteItemFromObjectCaseSensitive(l, "last");
	return true;
}

enum got testrail_cases_large(struct talk *t)
{
	cJSON *l = sink_object(t->facts, cases.group);

	if (listing_sections(t, l))
		return sink_park(
			t, "list of cases: the list of sections alone is more than can be read at once");
	if (section_at(t, l) != NULL)
		return sink_park(t,
				 "list of cases: those of the section %s are more than can be read at once",
				 section_at(t, l));
	sink_set_int(l, "big", 1);
	sink_set_int(l, "sectioned", 1);
	sink_set_int(l, "offset", 0);
	cJSON_DeleteItemFromObjectCaseSensitive(l, "last");
	return GOT_MORE;
}

enum ask testrail_cases_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	cJSON *l = state(t, &cases);
	bool updates = c->update.cases != TESTRAIL_UPDATE_NONE; /* then fields are kept, too */

	const char *of = testrail_several(c) ? testrail_suites_joined(t) : "";
	const char *was = sink_string(l, "of");
	bool other = strcmp(was != NULL ? was : "", of) != 0; /* suites: a list of them all is one list */

	if (!reading(l) || other) {
		/* Who comes again may have been told to, since somebody has mended over there what was missing. */
		if (!other && within(sink_int(l, "at", 0), t->now_ms, FRESH_MS) &&
		    (!t->again || sink_read_since(t, l)) && (!updates || sink_bool(l, "fields")))
			return ASK_SKIP;
		bool full = other || sink_int(l, "since", 0) <= 0 ||
			    !within(sink_int(l, "full_at", 0), t->now_ms, FULL_AGAIN_MS) ||
			    (updates && !sink_bool(l, "fields"));
		if (other) /* what was read up to now is not the list of these */
			sink_set_int(l, "since", 0);
		sink_set_int(l, "fields", updates);
		sink_set_string(l, "of", *of != '\0' ? of : NULL);
		start_reading(l, testrail_several(c) ? testrail_suite_at(t, 0) : NULL, t->now_ms, t->now_ms,
			      !full);
		sink_reads(t, l);
		sink_set_int(l, "sectioned", full && sink_bool(l, "big"));
		cJSON_DeleteItemFromObjectCaseSensitive(sink_scratch(t), "sections");
	}
	if (listing_sections(t, l)) {
		list_args(t, r, &cases, "get_sections");
		testrail_page_args(r, sink_int(sections_left(t), "offset", 0));
		return ASK_SEND;
	}
	list_args(t, r, &cases, cases.call);
	testrail_arg(r, "section_id", section_at(t, l));
	if (sink_bool(l, "delta"))
		testrail_arg_int(r, "updated_after", sink_int(l, "since", 0));
	testrail_page_args(r, sink_int(l, "offset", 0));
	return ASK_SEND;
}

/* Of several suites only those are read that a place is missing in. */
static bool next_suite(struct talk *t, const cJSON *l, const char **suite)
{
	const cJSON *read = cJSON_GetObjectItemCaseSensitive(l, "read");
	const cJSON *now = cJSON_GetObjectItemCaseSensitive(sink_scratch(t), "read");
	const char *section;

	for (size_t i = 0; i < t->rows->count; i++) {
		testrail_section_split(t, t->rows->row[i].remote_id, suite, &section);
		/* Each once in this step: of many suites the first is old again before the last has been read. */
		if (*suite != NULL && !sink_bool(now, *suite) &&
		    !within(sink_int(read, *suite, 0), t->now_ms, SECTIONS_FRESH_MS))
			return true;
	}
	return false;
}

/* Asked only where a place is missing: what others made meanwhile is found before it is made twice. */
enum ask testrail_sections_ask(struct talk *t, struct request *r)
{
	cJSON *l = state(t, &sections);
	const char *suite = NULL;

	if (!reading(l)) {
		if (testrail_several(t->conf) ? !next_suite(t, l, &suite)
					      : within(sink_int(l, "at", 0), t->now_ms, SECTIONS_FRESH_MS))
			return ASK_SKIP;
		start_reading(l, suite, t->now_ms, t->now_ms, false);
	}
	list_args(t, r, &sections, sections.call);
	testrail_page_args(r, sink_int(l, "offset", 0));
	return ASK_SEND;
}

/* Whether the page joins the one before: it begins with the entity that ended that one. */
static bool joins(struct talk *t, const cJSON *l, const struct testrail_page *page)
{
	const char *last = sink_string(l, "last");
	const char *first = page->count > 0 ? sink_id(t->arena, page->items->child, "id") : NULL;

	return last == NULL || (first != NULL && strcmp(first, last) == 0);
}

static const cJSON *tail(const cJSON *items)
{
	return items->child != NULL ? items->child->prev : NULL; /* cJSON keeps the last one there */
}

/* The end of a suite's list: cases of several suites are one list, sections a list each. */
static void done(struct talk *t, cJSON *l, const struct list_kind *k)
{
	bool delta = sink_bool(l, "delta");
	int64_t began = sink_int(l, "began", 0), since = sink_int(l, "began_s", 0);
	const char *suite = arena_strdup(t->arena, sink_string(l, "suite"));
	const char *next = k == &cases && suite != NULL ? testrail_suite_after(t, suite) : NULL;

	if (next != NULL) {
		sink_set_string(l, "suite", next);
		sink_set_int(l, "offset", 0);
		cJSON_DeleteItemFromObjectCaseSensitive(l, "last");
		return;
	}
	if (k == &sections && suite != NULL) {
		sink_set_int(sink_object(l, "read"), suite, began);
		sink_set_int(sink_object(sink_scratch(t), "read"), suite, 1);
		stop_reading(l);
		return;
	}
	if (!delta) {
		learned_list_end(&t->learned, k->kind, sink_string(l, "scope"));
		sink_set_int(l, "full_at", began);
	}
	sink_set_int(l, "at", began);
	sink_set_int(l, "since", since);
	stop_reading(l);
}

/* The first page of a list: when it was begun, by the server's clock. */
static void open_list(struct talk *t, cJSON *l, const struct reply *r, const struct list_kind *k)
{
	bool known = r->server_ms != TIME_UNKNOWN;
	int64_t skew = known ? r->server_ms - sink_int(l, "began", 0) : 0;

	/* What waits make it look later than it is, the margin of look-ups covers. */
	sink_set_int(t->facts, "skew", skew < -SKEW_MS ? skew : 0);
	int64_t s = (known ? r->server_ms : sink_int(l, "began", 0)) / 1000;
	sink_set_int(l, "began_s", s - (known ? MARGIN_S : OWN_MARGIN_S));
	sink_set_int(l, "opened", 1);
	/* Sections of several suites: a list each, on one shelf, so none of them tells what is gone. */
	if (!sink_bool(l, "delta") && (k == &cases || sink_string(l, "suite") == NULL))
		learned_list_begin(&t->learned, k->kind, sink_string(l, "scope"));
}

/* Somebody deleted meanwhile, and what slid over the edge of a page would be missed. */
static enum got read_again(struct talk *t, cJSON *l, const struct list_kind *k)
{
	const char *suite = arena_strdup(t->arena, sink_string(l, "suite"));
	bool sectioned = sink_bool(l, "sectioned");

	sink_set_int(l, "tries", sink_int(l, "tries", 0) + 1);
	start_reading(l, suite != NULL && k == &cases ? testrail_suite_at(t, 0) : suite,
		      sink_int(l, "began", 0), t->now_ms, sink_bool(l, "delta"));
	sink_set_int(l, "sectioned", sectioned);
	cJSON_DeleteItemFromObjectCaseSensitive(sink_scratch(t), "sections");
	return GOT_MORE;
}

static enum got read_page(struct talk *t, const struct reply *r, const struct list_kind *k)
{
	cJSON *l = sink_object(t->facts, k->group);
	struct testrail_page page;

	sink_set_int(l, "paged", t->now_ms);
	if (k == &cases && listing_sections(t, l)) {
		enum got got = sections_got(t, l, r);
		if (got != GOT_MORE || listing_sections(t, l) || section_at(t, l) != NULL)
			return got;
		/* A suite without sections, or the rest of one that was read before a restart. */
		if (!sink_bool(l, "opened"))
			open_list(t, l, r, k);
		section_done(t, l);
		done(t, l, k);
		return reading(l) ? GOT_MORE : GOT_NEXT;
	}
	if (!testrail_page(r, k->entity, &page))
		return GOT_UNKNOWN;
	int64_t offset = sink_int(l, "offset", 0);
	if (!sink_bool(l, "opened"))
		open_list(t, l, r, k);
	else if (offset > 0 && !joins(t, l, &page) && sink_int(l, "tries", 0) < SLID_MAX) {
		cJSON_Delete(page.root);
		return read_again(t, l, k);
	}
	const cJSON *item;
	cJSON_ArrayForEach(item, page.items) k->learn(t, item);
	const cJSON *last = tail(page.items);
	const char *id = last != NULL ? sink_id(t->arena, last, "id") : NULL;
	const char *before = sink_string(l, "last");
	/* A page that brings nothing new ends the list, whatever the server says of further ones. */
	bool stuck = id == NULL || (before != NULL && strcmp(before, id) == 0) || offset > OFFSET_MAX;
	bool suite = sink_string(l, "suite") != NULL;
	if (!page.last && !stuck) {
		sink_set_int(l, "offset", offset + page.count - 1);
		sink_set_string(l, "last", id);
	} else if (!sink_bool(l, "sectioned") || !section_done(t, l)) {
		done(t, l, k);
	}
	bool more = reading(l) || (suite && k == &sections); /* a further suite, or none */
	cJSON_Delete(page.root);
	return more ? GOT_MORE : GOT_NEXT;
}

/* The suite or the project is gone, or its mode has changed: asked for anew, by name. */
static enum got refused(struct talk *t, const struct reply *r, const char *what)
{
	enum got got = testrail_refused(t, r, what, GOT_PARK);

	if (got == GOT_LOCKED || (r->status != 400 && r->status != 404))
		return got;
	cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "suite");
	cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "project");
	testrail_forget_cases(t);
	testrail_forget_sections(t);
	return sink_back(t, "%s", arena_strdup(t->arena, t->err.text));
}

enum got testrail_cases_got(struct talk *t, const struct reply *r)
{
	return sink_ok(r) ? read_page(t, r, &cases) : refused(t, r, "list of cases");
}

enum got testrail_sections_got(struct talk *t, const struct reply *r)
{
	return sink_ok(r) ? read_page(t, r, &sections) : refused(t, r, "list of sections");
}

/* ---- cases in doubt ---- */

/* A refusal named them; whether they are gone or only not part of the run, they themselves tell. */
enum ask testrail_doubts_ask(struct talk *t, struct request *r)
{
	const cJSON *doubt = cJSON_GetObjectItemCaseSensitive(t->bookmark, "doubt");

	if (!cJSON_IsArray(doubt) || !cJSON_IsString(doubt->child)) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "doubt");
		return ASK_SKIP;
	}
	testrail_get(r, "get_case", doubt->child->valuestring);
	return ASK_SEND;
}

enum got testrail_doubts_got(struct talk *t, const struct reply *r)
{
	cJSON *doubt = cJSON_GetObjectItemCaseSensitive(t->bookmark, "doubt");
	const char *suite = testrail_several(t->conf) ? NULL : testrail_fact(t, "suite", "id");
	bool gone = r->status == 400 || r->status == 404;

	if (!sink_ok(r) && !gone && testrail_refused(t, r, "get_case", GOT_NEXT) == GOT_LOCKED)
		return GOT_LOCKED;
	if (sink_ok(r)) {
		cJSON *root = sink_json(r);
		const char *in = sink_id(t->arena, root, "suite_id");
		bool read = cJSON_IsObject(root);
		gone = sink_bool(root, "is_deleted") ||
		       (suite != NULL && in != NULL && strcmp(in, suite) != 0) ||
		       (testrail_several(t->conf) && in != NULL && testrail_suite_name(t, in) == NULL);
		if (testrail_several(t->conf) && !gone)
			testrail_learn_case(t, root); /* it may have moved to another suite */
		cJSON_Delete(root);
		if (!read)
			return GOT_UNKNOWN;
	}
	err_clear(&t->err);
	if (gone)
		learned_gone(&t->learned, "case", sink_string(t->facts, "scope"), doubt->child->valuestring);
	else
		sink_set_int(t->bookmark, "relink", 1); /* somebody took it out of the run */
	cJSON_DeleteItemFromArray(doubt, 0);
	return GOT_MORE;
}

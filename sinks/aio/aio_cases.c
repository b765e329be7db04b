/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_cases.c - the list of cases, read by pages into the queue's cache, and only where a test is left whose
 * case its name does not tell.
 *
 * The whole list once, then what was updated since; and what was made since, in a search of its own, where
 * cases that nobody has touched have no stamp of an update.  The cursor stands in facts, so that a restart in the middle
 * goes on.  Pages overlap by one case: where the last one of a page is not the first of the next, somebody
 * changed the list meanwhile and what slid over the edge would be missed, so it is read again. */
#include "sinks/aio/aio.h"

#include "daemon/base/clock.h"
#include "daemon/base/json.h"

#include <string.h>

#define FULL_AGAIN_MS (INT64_C(7) * 86400000) /* deleted cases are found out at least so often */
#define LIST_STALE_MS 600000                  /* so long after its last page a list is not continued */
#define FRESH_MS      2000                    /* side by side, deliveries share one refresh */
#define OLD_FRESH_MS  300000                  /* where there is no search, the whole list is the refresh */
#define SLID_MAX      3                       /* then the list is taken as it is */
#define OFFSET_MAX    INT64_C(20000000)
#define DOUBT_MS      86400000 /* so often a list is read only for keys that were refused */
#define MARGIN_MS     5000     /* clocks and seconds; our own clock is trusted less */
#define OWN_MARGIN_MS 300000

enum phase { PHASE_ALL, PHASE_UPDATED, PHASE_CREATED };

void aio_learn_case(struct talk *t, const cJSON *item)
{
	const char *scope = sink_string(t->facts, "scope"), *key = sink_string(item, "key");
	const char *title = sink_string(item, "title"), *alias = sink_string(item, "automationKey");
	const cJSON *folder = cJSON_GetObjectItemCaseSensitive(item, "folder");

	if (key == NULL || *key == '\0')
		return;
	if (sink_bool(item, "isArchived")) {
		learned_gone(&t->learned, "case", scope, key);
		return;
	}
	learned_remote(&t->learned, "case", scope, key, sink_id(t->arena, folder, "ID"),
		       title != NULL ? title : "", alias != NULL && *alias != '\0' ? alias : NULL, NULL);
}

static bool reading(const cJSON *l)
{
	return cJSON_GetObjectItemCaseSensitive(l, "offset") != NULL;
}

static void stop_reading(cJSON *l)
{
	static const char *const cursor[] = {
		"offset", "last", "began", "paged", "began_s", "tries", "phase"
	};

	for (size_t i = 0; i < sizeof(cursor) / sizeof(cursor[0]); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(l, cursor[i]);
}

static void start_reading(cJSON *l, int64_t began_ms, int64_t now_ms, enum phase phase)
{
	int64_t tries = sink_int(l, "tries", 0), began = sink_int(l, "began_s", 0);

	stop_reading(l);
	sink_set_int(l, "offset", 0);
	sink_set_int(l, "began", began_ms);
	sink_set_int(l, "paged", now_ms);
	sink_set_int(l, "began_s", began);
	sink_set_int(l, "tries", tries);
	sink_set_int(l, "phase", phase);
}

/* The time is the server's where it tells, in whole seconds: it may seem to go back a little. */
static bool within(int64_t since_ms, int64_t now_ms, int64_t ms)
{
	return since_ms > 0 && now_ms - since_ms > -MARGIN_MS && now_ms - since_ms < ms;
}

/* Of the project that is meant now. */
static cJSON *state(struct talk *t)
{
	const char *scope = sink_string(t->facts, "scope");
	cJSON *l = sink_object(t->facts, "cases");
	const char *of = sink_string(l, "scope");

	if (of == NULL || scope == NULL || strcmp(of, scope) != 0) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "cases");
		l = sink_object(t->facts, "cases");
		sink_set_string(l, "scope", scope);
	}
	int64_t paged = sink_int(l, "paged", 0);
	if (reading(l) && !within(paged, t->now_ms, LIST_STALE_MS))
		stop_reading(l);
	return l;
}

/* Whether a list could find anything: keys of the project itself need none, as long as each is taken.  What was
 * refused once is not sent any more, so that only a list can tell that the case is there (again). */
static bool of_use(const struct talk *t, const cJSON *l)
{
	const struct aio_conf *c = t->conf;
	bool trusted = sink_string(aio_config(t), "trust") != NULL;

	if (match_has(&c->match, MATCH_AUTOMATION) || match_has(&c->match, MATCH_TITLE) || !trusted)
		return true;
	return sink_bool(l, "doubt") && !within(sink_int(l, "at", 0), t->now_ms, DOUBT_MS);
}

enum ask aio_cases_ask(struct talk *t, struct request *r)
{
	cJSON *l = state(t);
	char since[CLOCK_ISO_SIZE];

	if (!reading(l)) {
		bool old = aio_old(t, "case_search");
		if (t->unmatched == 0 || !of_use(t, l) ||
		    (within(sink_int(l, "at", 0), t->now_ms, old ? OLD_FRESH_MS : FRESH_MS) &&
		     (old || !t->again || sink_read_since(t, l))))
			return ASK_SKIP;
		bool full = old || sink_int(l, "since", 0) <= 0 ||
			    !within(sink_int(l, "full_at", 0), t->now_ms, FULL_AGAIN_MS);
		start_reading(l, t->now_ms, t->now_ms, full ? PHASE_ALL : PHASE_UPDATED);
		sink_reads(t, l);
	}
	int64_t phase = sink_int(l, "phase", PHASE_ALL);
	if (phase == PHASE_ALL) {
		aio_get(t, r, "testcase");
	} else {
		aio_search(t, r, "testcase/search");
		clock_iso(sink_int(l, "since", 0), since);
		buf_printf(&r->body, "{\"%s\":{\"comparisonType\":\"AFTER\",\"value1\":\"%s\"}}",
			   phase == PHASE_UPDATED ? "updatedDate" : "createdDate", since);
	}
	aio_page_args(r, sink_int(l, "offset", 0));
	return aio_send(t, r, "list of cases");
}

/* Whether the page joins the one before: it begins with the case that ended that one. */
static bool joins(const cJSON *l, const struct aio_page *page)
{
	const char *last = sink_string(l, "last");
	const char *first = page->count > 0 ? sink_string(page->items->child, "key") : NULL;

	return last == NULL || (first != NULL && strcmp(first, last) == 0);
}

static const cJSON *tail(const cJSON *items)
{
	return items->child != NULL ? items->child->prev : NULL; /* cJSON keeps the last one there */
}

/* The list, or this phase of it, is at its end. */
static void done(struct talk *t, cJSON *l)
{
	int64_t began = sink_int(l, "began", 0), since = sink_int(l, "began_s", 0);
	int64_t phase = sink_int(l, "phase", PHASE_ALL);

	if (phase == PHASE_UPDATED && !sink_bool(l, "stamped")) {
		start_reading(l, began, t->now_ms, PHASE_CREATED);
		return;
	}
	if (phase == PHASE_ALL) {
		learned_list_end(&t->learned, "case", sink_string(l, "scope"));
		sink_set_int(l, "full_at", began);
	}
	sink_set_int(l, "at", t->now_ms);
	sink_set_int(l, "since", since);
	stop_reading(l);
}

static enum got refused(struct talk *t, const struct reply *r)
{
	cJSON *l = state(t);

	if (r->status == 404 && sink_int(l, "phase", PHASE_ALL) != PHASE_ALL) {
		aio_learn_old(t, "case_search", "the whole list of cases is read instead");
		stop_reading(l);
		return GOT_MORE;
	}
	enum got got = aio_refused(t, r, "list of cases", GOT_PARK);
	if (r->status == 404) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "config");
		return sink_back(t, "%s", arena_strdup(t->arena, t->err.text));
	}
	return got;
}

enum got aio_cases_got(struct talk *t, const struct reply *r)
{
	struct aio_page page;

	if (!sink_ok(r))
		return refused(t, r);
	if (!aio_page(r, &page))
		return GOT_UNKNOWN;
	cJSON *l = sink_object(t->facts, "cases");
	sink_set_int(l, "paged", t->now_ms);
	int64_t offset = sink_int(l, "offset", 0), tries = sink_int(l, "tries", 0);
	int64_t phase = sink_int(l, "phase", PHASE_ALL);
	if (offset == 0) {
		bool told = r->server_ms != TIME_UNKNOWN;
		if (phase != PHASE_CREATED)
			sink_set_int(l, "began_s",
				     told ? r->server_ms - MARGIN_MS : t->now_ms - OWN_MARGIN_MS);
		if (phase == PHASE_ALL)
			sink_set_int(l, "stamped", 1);
		if (phase == PHASE_ALL)
			learned_list_begin(&t->learned, "case", sink_string(l, "scope"));
	} else if (!joins(l, &page) && tries < SLID_MAX) {
		cJSON_Delete(page.root);
		sink_set_int(l, "tries", tries + 1);
		start_reading(l, sink_int(l, "began", 0), t->now_ms, (enum phase)phase);
		return GOT_MORE;
	}
	const cJSON *item;
	cJSON_ArrayForEach(item, page.items)
	{
		aio_learn_case(t, item);
		if (aio_time(item, "updatedDate") == TIME_UNKNOWN)
			sink_set_int(l, "stamped", 0);
	}
	const cJSON *last = tail(page.items);
	const char *key = last != NULL ? sink_string(last, "key") : NULL, *before = sink_string(l, "last");
	/* A page that brings nothing new ends the list, whatever the server says of further ones. */
	bool stuck = key == NULL || (before != NULL && strcmp(before, key) == 0) || offset > OFFSET_MAX;
	if (page.last || stuck) {
		done(t, l);
	} else {
		sink_set_int(l, "offset", offset + page.count - 1);
		sink_set_string(l, "last", key);
	}
	cJSON_Delete(page.root);
	return reading(l) ? GOT_MORE : GOT_NEXT;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_results.c - results in batches: add_results_for_cases, and what became of a batch whose answer
 * was lost.
 *
 * A batch is all or nothing over there: one bad entry refuses it, so a refusal that names its case costs
 * that case only.  Answers come in the order of the request. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/clock.h"
#include "daemon/base/json.h"
#include "daemon/base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_ENOUGH      (1u << 20) /* no further row is begun behind this */
#define COMMENT_KEPT     2000       /* bytes, of results that do not name their case */
#define DOUBTS_MAX       20         /* cases asked for one by one; more of them, and the list is read */
#define DEMANDS_AGAIN_MS 60000
#define NO_STATUS        (-1)
#define HEAL_AGAIN_MS    3600000 /* a run that goes on for days may lose cases more than once */

/* ---- the batch ---- */

static void learn_ignored(struct talk *t, const struct row *row)
{
	struct folded f;

	testrail_folded_at(t, row, 0, &f);
	learned_ignored(&t->learned, row->id,
			arena_printf(t->arena, "statuses.%s is none", verdict_name(f.verdict)));
}

enum ask testrail_results_ask(struct talk *t, struct request *r)
{
	size_t rows = 0, entries = 0;
	int64_t nth = sink_int(t->bookmark, "assigned", 0);

	testrail_select_row(t);
	if (testrail_run_id(t) == NULL)
		return ASK_SKIP;
	bool again = false;
	if (testrail_entries_park_lacking(t, &again)) {
		/* Not by a list of yesterday: it may be optional over there by now. */
		if (again)
			testrail_get(r, "get_result_fields", NULL);
		sink_set_int(sink_scratch(t), "demands", again);
		return again ? ASK_SEND : ASK_LEARN;
	}
	testrail_post(r, "add_results_for_cases", testrail_run_id(t));
	buf_puts(&r->body, "{\"results\":[");
	for (; rows < t->rows->count && (t->batch == 0 || rows < t->batch); rows++) {
		const struct row *row = &t->rows->row[rows];
		if (entries > 0 && r->body.len > BODY_ENOUGH)
			break;
		for (size_t i = 0; i < testrail_folded_count(t, row); i++) {
			struct folded f;
			const char *lacks;
			int64_t status = testrail_folded_at(t, row, i, &f);
			if (status < 0)
				continue;
			if (!testrail_entry_put(t, &r->body, row, &f, status, &nth, &lacks))
				return ASK_PARK;
			entries++;
		}
	}
	buf_puts(&r->body, "]}");
	if (entries == 0) {
		/* An empty batch is refused over there. */
		for (size_t i = 0; i < rows; i++)
			learn_ignored(t, &t->rows->row[i]);
		return ASK_LEARN;
	}
	sink_set_int(sink_scratch(t), "rows", (int64_t)rows);
	sink_set_int(sink_scratch(t), "assigned", nth);
	if (buf_error(&r->body) == 0)
		return ASK_SEND;
	err_set(&t->err, -E2BIG, "add_results_for_cases: the request is too large");
	return ASK_PARK;
}

static size_t rows_sent(struct talk *t)
{
	int64_t rows = sink_int(sink_scratch(t), "rows", (int64_t)t->rows->count);

	return rows >= 0 && (size_t)rows < t->rows->count ? (size_t)rows : t->rows->count;
}

void testrail_results_seen(struct talk *t, const char *id)
{
	long long n = id != NULL ? strtoll(id, NULL, 10) : 0;

	if (n > sink_int(t->bookmark, "top", 0) && n < INT64_C(9007199254740991))
		sink_set_int(t->bookmark, "top", n);
}

/* The results of a row's entries, in their order.  Where each test has an entry of its own it is settled by
 * its own result, since its files go there.  missing: an id that is NULL was looked for, and is not there. */
static void learn_posted(struct talk *t, const struct row *row, const char *const *id, size_t n, bool missing)
{
	const struct testrail_conf *c = t->conf;
	size_t at = 0;

	if (c->several != SEVERAL_EACH || n != testrail_entry_count(t, row)) {
		bool all = n > 0;
		for (size_t i = 0; i < n && missing; i++)
			all = all && id[i] != NULL;
		if (all)
			learned_posted(&t->learned, row->id, id[n - 1]);
		return;
	}
	for (size_t i = 0; i < row->test_count; i++) {
		const struct row_test *test = &row->tests[i];
		struct folded f;
		int64_t status = testrail_folded_at(t, row, i, &f);
		if (status < 0 && !test->settled)
			learned_ignored_test(
				&t->learned, row->id, test->id,
				arena_printf(t->arena, "statuses.%s is none", verdict_name(f.verdict)));
		if (status < 0)
			continue;
		if (id[at] != NULL || !missing)
			learned_posted_test(&t->learned, row->id, test->id, id[at]);
		at++;
	}
}

/* The id of the row's nth answer: the one at its place, or where newer servers name the case and it is another
 * one, the nth answer to that case.  Only the id depends on it: that the batch was applied is known. */
static const char *answered(struct talk *t, const cJSON *items, const cJSON *at, const char *case_id,
			    size_t nth)
{
	const char *named = at != NULL ? sink_id(t->arena, at, "case_id") : NULL;
	const cJSON *item;

	if (at == NULL)
		return NULL;
	if (named == NULL || strcmp(named, case_id) == 0)
		return sink_id(t->arena, at, "id");
	cJSON_ArrayForEach(item, items)
	{
		if (testrail_id_is(item, "case_id", case_id) && nth-- == 0)
			return sink_id(t->arena, item, "id");
	}
	return NULL;
}

static enum got applied(struct talk *t, const cJSON *items)
{
	size_t rows = rows_sent(t), entries = 0;

	for (size_t i = 0; i < rows; i++)
		entries += testrail_entry_count(t, &t->rows->row[i]);
	if (entries != (size_t)cJSON_GetArraySize(items))
		return GOT_UNKNOWN;
	const char **id = arena_calloc(t->arena, entries + 1, sizeof(*id));
	const cJSON *at = items->child;
	for (size_t i = 0; i < rows; i++) {
		const struct row *row = &t->rows->row[i];
		size_t n = testrail_entry_count(t, row);
		if (n == 0) {
			learn_ignored(t, row);
			continue;
		}
		for (size_t k = 0; k < n && id != NULL; k++) {
			id[k] = answered(t, items, at, row->remote_id, k);
			testrail_results_seen(t, id[k]);
			at = at != NULL ? at->next : NULL;
		}
		if (id != NULL)
			learn_posted(t, row, id, n, false);
	}
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "backs");
	int64_t assigned = sink_int(sink_scratch(t), "assigned", 0);
	if (assigned > 0)
		sink_set_int(t->bookmark, "assigned", assigned);
	testrail_update_batch_done(t);
	/* The cases of the next batch may have to be updated before it. */
	const struct testrail_conf *c = t->conf;
	return c->update.cases != TESTRAIL_UPDATE_NONE ? GOT_AGAIN : GOT_MORE;
}

static const struct row *row_of(const struct talk *t, const char *case_id, size_t rows)
{
	for (size_t i = 0; i < rows; i++) {
		if (strcmp(t->rows->row[i].remote_id, case_id) == 0)
			return &t->rows->row[i];
	}
	return NULL;
}

/* The rows whose cases a refusal names, each once; *count of them. */
static const struct row **named_rows(struct talk *t, const char *words, size_t *count)
{
	const char *at = words;
	char id[24];
	size_t rows = rows_sent(t);
	const struct row **named = arena_calloc(t->arena, rows + 1, sizeof(void *));

	*count = 0;
	while (named != NULL && *count < rows && testrail_named_case(&at, id, sizeof(id))) {
		const struct row *row = row_of(t, id, rows);
		bool known = row == NULL;
		for (size_t i = 0; i < *count && !known; i++)
			known = named[i] == row;
		if (!known)
			named[(*count)++] = row;
	}
	return named;
}

/* Cases that are unknown, or not part of the run: once it is looked whether they are still there, once the
 * whole list is read, and each time the run is given its cases again; then they are parked. */
static enum got named_refused(struct talk *t, const char *words, const struct row *const *named, size_t count)
{
	enum { ASK_EACH, READ_ALL, GIVE_UP };
	int64_t heal = sink_int(t->bookmark, "heal", ASK_EACH), at = sink_int(t->bookmark, "heal_at", 0);

	if (t->now_ms - at > HEAL_AGAIN_MS)
		heal = ASK_EACH;
	if (heal >= GIVE_UP) {
		for (size_t i = 0; i < count; i++)
			learned_parked(&t->learned, named[i]->id, words);
		err_clear(&t->err);
		return GOT_MORE;
	}
	if (heal == ASK_EACH && count <= DOUBTS_MAX) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "doubt");
		cJSON *doubt = cJSON_AddArrayToObject(t->bookmark, "doubt");
		for (size_t i = 0; i < count; i++)
			cJSON_AddItemToArray(doubt, cJSON_CreateString(named[i]->remote_id));
	} else {
		heal = READ_ALL;
		testrail_forget_cases(t);
		sink_set_int(t->bookmark, "relink", 1);
	}
	sink_set_int(t->bookmark, "heal", heal + 1);
	sink_set_int(t->bookmark, "heal_at", t->now_ms);
	return GOT_BACK;
}

/* An administrator has made the field a required one: learned once, from the first refusal. */
static bool demands_elapsed(struct talk *t, const char *words)
{
	cJSON *required = sink_object(t->facts, "required");
	bool news = strstr(words, "elapsed is a required field") != NULL && !sink_bool(required, "elapsed");

	if (news)
		sink_set_int(required, "elapsed", 1);
	return news;
}

/* These cases have no steps over there: then the comment tells them. */
static bool refuses_steps(struct talk *t, const char *words)
{
	bool news = sink_says(words, (const char *const[]){ "step_results", NULL }) &&
		    !sink_bool(t->bookmark, "steps_told");

	if (news)
		sink_set_int(t->bookmark, "steps_told", 1);
	return news;
}

/* An administrator has made a field a required one since we read the list. */
static bool demands_more(struct talk *t, const char *words)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(t->facts, TESTRAIL_RESULT_FIELDS);
	int64_t age = t->now_ms - sink_int(list, "at", t->now_ms);
	bool news = sink_says(words, (const char *const[]){ "is a required field", NULL }) &&
		    age > DEMANDS_AGAIN_MS;

	if (news)
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, TESTRAIL_RESULT_FIELDS);
	return news;
}

static enum got results_refused(struct talk *t, const struct reply *r)
{
	static const char *const run[] = { "run_id", "not a valid test run", "not a valid run", NULL };
	enum got got =
		testrail_refused(t, r, "add_results_for_cases", r->status == 403 ? GOT_PARK : GOT_REFUSED);
	const char *words = sink_words(t->arena, r), *text = arena_strdup(t->arena, t->err.text);

	if (got != GOT_REFUSED || text == NULL)
		return got;
	size_t count;
	const struct row **named = named_rows(t, words, &count);
	if (count > 0)
		return named_refused(t, words, named, count);
	if (testrail_says_closed(words))
		return GOT_CLOSED;
	if (demands_elapsed(t, words) || refuses_steps(t, words)) {
		err_clear(&t->err);
		return GOT_MORE;
	}
	if (demands_more(t, words))
		return sink_back(t, "%s", text);
	if (r->status == 404 || sink_says(words, run)) {
		testrail_forget_run(t);
		return sink_back(t, "%s", text);
	}
	return GOT_REFUSED;
}

enum got testrail_results_got(struct talk *t, const struct reply *r)
{
	if (sink_bool(sink_scratch(t), "demands")) {
		sink_set_int(sink_scratch(t), "demands", false);
		enum got got = testrail_result_fields_got(t, r);
		return got == GOT_NEXT ? GOT_MORE : got;
	}
	if (!sink_ok(r))
		return results_refused(t, r);
	cJSON *root = sink_json(r);
	const cJSON *items = cJSON_IsArray(root) ? root : cJSON_GetObjectItemCaseSensitive(root, "results");
	enum got got = cJSON_IsArray(items) ? applied(t, items) : GOT_UNKNOWN;
	cJSON_Delete(root);
	return got;
}

/* ---- did it happen? ----
 *
 * Results since shortly before the request are read and compared with what was sent.  Where they do not
 * name their case (older servers), the tests of the run are read after them.  scratch holds
 *   found     the result's id for each entry that was sent, or null
 *   nameless  [{id, test, status, comment}]: results that name their test only
 *   mapping   the tests are being read
 *   offset    of the list that is being read */

enum ask testrail_results_look(struct talk *t, struct request *r)
{
	cJSON *scratch = sink_scratch(t);
	testrail_select_row(t);
	const char *run = testrail_run_id(t);

	if (run == NULL)
		return ASK_SKIP;
	if (sink_bool(scratch, "mapping")) {
		testrail_get(r, "get_tests", run);
	} else {
		testrail_get(r, "get_results_for_run", run);
		testrail_arg_window(t, r);
	}
	testrail_page_args(r, sink_int(scratch, "offset", 0));
	return ASK_SEND;
}

/* What was sent, and what of it was found. */
struct sent {
	cJSON *root;
	const cJSON **entry;
	const char **found;
	size_t count, hits;
};

static bool sent_read(struct talk *t, struct sent *s)
{
	const cJSON *item, *found = cJSON_GetObjectItemCaseSensitive(sink_scratch(t), "found");

	*s = (struct sent){ .root = cJSON_Parse(t->sent != NULL ? t->sent : "") };
	const cJSON *all = cJSON_GetObjectItemCaseSensitive(s->root, "results");
	size_t room = cJSON_IsArray(all) ? (size_t)cJSON_GetArraySize(all) : 0;
	s->entry = arena_calloc(t->arena, room + 1, sizeof(void *));
	s->found = arena_calloc(t->arena, room + 1, sizeof(void *));
	if (s->entry == NULL || s->found == NULL)
		return false;
	item = found != NULL ? found->child : NULL;
	for (const cJSON *e = room > 0 ? all->child : NULL; e != NULL; e = e->next) {
		s->entry[s->count] = e;
		if (item != NULL && cJSON_IsString(item)) {
			s->found[s->count] = arena_strdup(t->arena, item->valuestring);
			s->hits += s->found[s->count] != NULL;
		}
		item = item != NULL ? item->next : NULL;
		s->count++;
	}
	return true;
}

static void sent_write(struct talk *t, const struct sent *s)
{
	cJSON *scratch = sink_scratch(t);

	cJSON_DeleteItemFromObjectCaseSensitive(scratch, "found");
	cJSON *found = cJSON_AddArrayToObject(scratch, "found");
	for (size_t i = 0; i < s->count; i++)
		cJSON_AddItemToArray(found, s->found[i] != NULL ? cJSON_CreateString(s->found[i])
								: cJSON_CreateNull());
}

/* Nobody else writes there: one that is found again by its name is everybody's, whoever has made it. */
static bool own_run(const struct talk *t)
{
	const struct testrail_conf *c = t->conf;

	return !c->run.reuse && sink_bool(cJSON_GetObjectItemCaseSensitive(t->bookmark, "run"), "own");
}

static bool may_be(const struct sent *s, size_t i, const char *case_id, int64_t status)
{
	return s->found[i] == NULL && testrail_id_is(s->entry[i], "case_id", case_id) &&
	       sink_int(s->entry[i], "status_id", -1) == status;
}

/* A result of a case over there: the first entry that is like it has happened. */
static void hit(struct talk *t, struct sent *s, const char *case_id, const char *id, int64_t status,
		const char *comment)
{
	/* One without a status may be anybody's: what it says decides. */
	bool own = own_run(t) && status != NO_STATUS;
	size_t at = s->count;

	for (size_t i = 0; i < s->count; i++) {
		if (s->found[i] != NULL && strcmp(s->found[i], id) == 0)
			return; /* seen on another page already */
	}
	/* By the very text, by its letters (what rich text made of it); and nobody else writes in a run of ours,
	 * where what came before this request is left out by its id. */
	for (int how = 0; how < (own ? 3 : 2) && at == s->count; how++) {
		for (size_t i = 0; i < s->count && at == s->count; i++) {
			const char *sent = sink_string(s->entry[i], "comment");
			if (may_be(s, i, case_id, status) &&
			    (how == 2 || (how == 1 && testrail_same_text(sent, comment)) ||
			     (how == 0 && sent != NULL && comment != NULL && strcmp(sent, comment) == 0)))
				at = i;
		}
	}
	if (at < s->count) {
		s->found[at] = id;
		s->hits++;
	}
}

static void note_nameless(struct talk *t, const cJSON *item, const char *id, const char *test)
{
	cJSON *scratch = sink_scratch(t), *all = cJSON_GetObjectItemCaseSensitive(scratch, "nameless");
	const char *comment = sink_string(item, "comment");
	const struct testrail_conf *c = t->conf;

	if (!cJSON_IsArray(all))
		all = cJSON_AddArrayToObject(scratch, "nameless");
	cJSON *one = cJSON_CreateObject();
	sink_set_string(one, "id", id);
	sink_set_string(one, "test", test);
	int64_t status = sink_int(item, "status_id", NO_STATUS);
	sink_set_int(one, "status", status);
	if (comment != NULL && (!own_run(t) || status == NO_STATUS || c->several == SEVERAL_EACH))
		sink_set_string(
			one, "comment",
			arena_strndup(t->arena, comment, utf8_cut(comment, strlen(comment), COMMENT_KEPT)));
	cJSON_AddItemToArray(all, one);
}

static void match_results(struct talk *t, struct sent *s, const cJSON *items)
{
	int64_t top = sink_int(t->bookmark, "top", 0);
	const cJSON *item;

	cJSON_ArrayForEach(item, items)
	{
		const char *id = sink_id(t->arena, item, "id"), *of = sink_id(t->arena, item, "case_id");
		const char *test = sink_id(t->arena, item, "test_id");
		if (id == NULL || sink_int(item, "id", 0) <= top)
			continue;
		if (of != NULL)
			hit(t, s, of, id, sink_int(item, "status_id", NO_STATUS),
			    sink_string(item, "comment"));
		else if (test != NULL)
			note_nameless(t, item, id, test);
	}
}

/* Tests of one page give the nameless results their cases.  Returns whether all have theirs. */
static bool match_tests(struct talk *t, struct sent *s, const cJSON *items)
{
	cJSON *nameless = cJSON_GetObjectItemCaseSensitive(sink_scratch(t), "nameless"), *next;
	const cJSON *item;

	for (cJSON *one = nameless != NULL ? nameless->child : NULL; one != NULL; one = next) {
		const char *test = sink_string(one, "test"), *of = NULL;
		next = one->next;
		cJSON_ArrayForEach(item, items)
		{
			if (of == NULL && testrail_id_is(item, "id", test))
				of = sink_id(t->arena, item, "case_id");
		}
		if (of == NULL)
			continue;
		hit(t, s, of, arena_strdup(t->arena, sink_string(one, "id")),
		    sink_int(one, "status", NO_STATUS), sink_string(one, "comment"));
		cJSON_Delete(cJSON_DetachItemViaPointer(nameless, one));
	}
	return nameless == NULL || nameless->child == NULL;
}

static bool alike(const cJSON *a, const cJSON *b)
{
	const char *x = sink_string(a, "comment"), *y = sink_string(b, "comment");
	bool both_long =
		x != NULL && y != NULL && strlen(x) > COMMENT_KEPT / 2 && strlen(y) > COMMENT_KEPT / 2;

	return sink_int(a, "status_id", -1) == sink_int(b, "status_id", -1) &&
	       (both_long || testrail_same_text(x, y));
}

/* Which of several entries that are alike became which result only their order tells: ids rise with it,
 * whichever way the list was given. */
static void order_alike(const struct sent *s, const size_t *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = i + 1; k < n; k++) {
			const char *a = s->found[at[i]], *b = s->found[at[k]];
			if (a == NULL || b == NULL || strtoll(a, NULL, 10) <= strtoll(b, NULL, 10) ||
			    !alike(s->entry[at[i]], s->entry[at[k]]))
				continue;
			s->found[at[i]] = b;
			s->found[at[k]] = a;
		}
	}
}

static enum looked verdict(struct talk *t, const struct sent *s)
{
	size_t *at = arena_calloc(t->arena, s->count + 1, sizeof(*at));
	const char **id = arena_calloc(t->arena, s->count + 1, sizeof(*id));

	if (s->hits == 0)
		return LOOKED_NONE;
	if (at == NULL || id == NULL)
		return LOOKED_UNSURE;
	for (size_t i = 0; i < t->rows->count; i++) {
		const struct row *row = &t->rows->row[i];
		size_t n = 0;
		for (size_t k = 0; k < s->count; k++) {
			if (testrail_id_is(s->entry[k], "case_id", row->remote_id))
				at[n++] = k;
		}
		order_alike(s, at, n);
		for (size_t k = 0; k < n; k++)
			id[k] = s->found[at[k]];
		learn_posted(t, row, id, n, true);
	}
	for (size_t k = 0; k < s->count; k++)
		testrail_results_seen(t, s->found[k]);
	return s->hits == s->count ? LOOKED_ALL : LOOKED_SOME;
}

static bool reads_again(struct talk *t, const struct sent *s)
{
	cJSON *scratch = sink_scratch(t);

	if (s->hits == 0 || s->hits == s->count || !sink_reads_again(t))
		return false;
	sink_set_int(scratch, "mapping", 0);
	cJSON_DeleteItemFromObjectCaseSensitive(scratch, "nameless");
	sent_write(t, s);
	return true;
}

static enum looked page_looked(struct talk *t, const struct testrail_page *page, struct sent *s)
{
	cJSON *scratch = sink_scratch(t);
	bool mapping = sink_bool(scratch, "mapping");
	bool over = page->last;

	if (mapping) {
		over = match_tests(t, s, page->items) || over;
	} else {
		match_results(t, s, page->items);
		over = over || s->hits == s->count;
		const cJSON *nameless = cJSON_GetObjectItemCaseSensitive(scratch, "nameless");
		if (over && s->hits < s->count && nameless != NULL) {
			sink_set_int(scratch, "mapping", 1);
			sink_set_int(scratch, "offset", 0);
			sent_write(t, s);
			return LOOKED_MORE;
		}
	}
	if (over || s->hits == s->count)
		return reads_again(t, s) ? LOOKED_MORE : verdict(t, s);
	sink_turn_page(t, page->count, false);
	sent_write(t, s);
	return LOOKED_MORE;
}

enum looked testrail_results_looked(struct talk *t, const struct reply *r)
{
	bool mapping = sink_bool(sink_scratch(t), "mapping");
	enum looked looked = LOOKED_UNSURE;
	struct testrail_page page;
	struct sent s;

	if (!sink_ok(r)) {
		testrail_refused(t, r, "look-up of results", GOT_PARK);
		if (r->status != 400 && r->status != 404)
			return LOOKED_UNSURE;
		/* The run is gone, and the results with it: the next walk makes another. */
		testrail_forget_run(t);
		return LOOKED_NONE;
	}
	if (!testrail_page(r, mapping ? "tests" : "results", &page))
		return LOOKED_UNSURE;
	if (sent_read(t, &s))
		looked = page_looked(t, &page, &s);
	cJSON_Delete(page.root);
	cJSON_Delete(s.root);
	return looked;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_runs.c - what is posted for a case: which run is owed next, its body, what settles it, what its
 * refusal means.
 *
 * A case has one run in a cycle of ours, which later results overwrite (createNewRun=false: safe to repeat).
 * In a cycle that we did not make, or that others find by its title, the first touch is a run of its own, so
 * that nothing of yesterday or of theirs is overwritten; and where `attempts` or `several` ask for each, every
 * further one is a run of its own. */
#include "sinks/aio/aio.h"

#include "daemon/base/clock.h"
#include "daemon/base/json.h"
#include "daemon/base/utf8.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAL_AGAIN_MS 3600000
#define DEFECTS_MAX   50

/* ---- which run ---- */

bool aio_touched(const struct row *row)
{
	for (size_t i = 0; i < row->test_count; i++) {
		if (row->tests[i].posted_before || row->tests[i].settled)
			return true;
	}
	return false;
}

/* One attempt as if it were all that there was of its test. */
static bool alone(struct talk *t, const struct result *r, size_t i, struct folded *f)
{
	struct result *one = arena_calloc(t->arena, 1, sizeof(*one));
	const struct result **list = arena_calloc(t->arena, 1, sizeof(const struct result *));
	struct row_test *test = arena_calloc(t->arena, 1, sizeof(*test));

	if (one == NULL || list == NULL || test == NULL)
		return false;
	*one = *r;
	if (r->attempt_count > 0) {
		const struct attempt *at = &r->attempts[i];
		one->outcome = at->outcome;
		one->duration_ms = at->duration_ms;
		one->started_ms = at->started_ms;
		one->failure = at->failure;
		one->out = at->out;
		one->err = at->err;
		one->flaky = false;
		one->known_failure = r->known_failure && at->outcome == OUTCOME_FAILED;
		one->attempts = NULL;
		one->attempt_count = 0;
	}
	list[0] = one;
	*test = (struct row_test){ .results = list, .result_count = 1 };
	*f = fold_test(test, t->arena);
	return true;
}

bool aio_given(const struct talk *t, const char *key)
{
	return aio_listed(cJSON_GetObjectItemCaseSensitive(t->bookmark, "given"), key);
}

/* Whether each test of a row has runs of its own. */
static bool many(const struct talk *t)
{
	const struct aio_conf *c = t->conf;

	return c->attempts == AIO_EACH || c->several == SEVERAL_EACH;
}

/* How many runs a test is owed.  Which attempts are new is not known of one that was posted: the latest one is. */
static size_t owed(const struct talk *t, const struct row_test *test)
{
	const struct aio_conf *c = t->conf;
	size_t n = 0;

	if (test->settled)
		return 0;
	if (c->attempts != AIO_EACH || test->posted_before)
		return 1;
	for (size_t i = 0; i < test->result_count; i++)
		n += fold_attempts(test->results[i]);
	return n;
}

/* The nth of them. */
static bool fold_owed(struct talk *t, const struct row_test *test, size_t nth, struct folded *f)
{
	const struct aio_conf *c = t->conf;
	const struct result *last = test->results[test->result_count - 1];

	if (c->attempts != AIO_EACH) {
		*f = fold_test(test, t->arena);
		return true;
	}
	if (test->posted_before)
		return alone(t, last, fold_attempts(last) - 1, f);
	for (size_t i = 0; i < test->result_count; i++) {
		if (nth < fold_attempts(test->results[i]))
			return alone(t, test->results[i], nth, f);
		nth -= fold_attempts(test->results[i]);
	}
	return false;
}

static const char *test_key(struct talk *t, const struct row_test *test)
{
	const char *key = arena_printf(t->arena, "%lld", (long long)test->id);

	return key != NULL ? key : "";
}

/* What was made for a row so far: {run, tests: {test: {n, run}}}; NULL: nothing. */
static cJSON *progress(struct talk *t, const struct row *row)
{
	cJSON *each = cJSON_GetObjectItemCaseSensitive(t->bookmark, "each");
	cJSON *made = cJSON_GetObjectItemCaseSensitive(each, row->remote_id);
	int64_t n = sink_int(made, "n", 0);

	/* An older resultd counted runs over all tests. */
	for (size_t i = 0; i < row->test_count && n > 0; i++) {
		int64_t own = (int64_t)owed(t, &row->tests[i]);
		cJSON *one = sink_object(sink_object(made, "tests"), test_key(t, &row->tests[i]));
		sink_set_int(one, "n", own < n ? own : n);
		n -= own;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(made, "n");
	return made;
}

static const cJSON *made_of(struct talk *t, const cJSON *made, const struct row_test *test)
{
	return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(made, "tests"),
						test_key(t, test));
}

bool aio_unsent(struct talk *t, const struct row_test *test)
{
	struct folded f;

	for (size_t k = 0; k < owed(t, test); k++) {
		if (fold_owed(t, test, k, &f) && aio_status(t, f.verdict) != NULL)
			return false;
	}
	return true;
}

/* Which test of a row has its runs made last; all others come in the order of the report.  People look at a case's
 * latest run: unless every test speaks for itself, that is one of those that decide for the case. */
static size_t last_test(struct talk *t, const struct row *row)
{
	const struct aio_conf *c = t->conf;
	size_t last = row->test_count - 1, decides = last;

	if (row->test_count == 1 || c->several == SEVERAL_EACH)
		return last;
	struct folded f = fold_row(row, (enum several)c->several, t->arena);
	if (fold_test(&row->tests[last], t->arena).verdict == f.verdict)
		return last;
	for (size_t i = 0; i < row->test_count; i++) {
		if (fold_test(&row->tests[i], t->arena).result == f.result)
			decides = i;
	}
	return decides;
}

/* Whose turn it is among the runs that are owed for a row. */
struct turn {
	size_t last;      /* last_test() */
	size_t test, nth; /* in that order; the attempt */
};

static struct turn first_turn(struct talk *t, const struct row *row)
{
	return (struct turn){ .last = last_test(t, row) };
}

/* The next run of the row from there on that has a status; false: there is none. */
static bool find_owed(struct talk *t, const struct row *row, const cJSON *made, struct turn *at,
		      struct aio_run *out)
{
	for (; at->test < row->test_count; at->test++, at->nth = 0) {
		size_t i = at->test == row->test_count - 1 ? at->last : at->test + (at->test >= at->last);
		const struct row_test *of = &row->tests[i];
		int64_t done = sink_int(made_of(t, made, of), "n", 0);
		if (done > 0 && at->nth < (size_t)done)
			at->nth = (size_t)done;
		for (; at->nth < owed(t, of); at->nth++) {
			if (!fold_owed(t, of, at->nth, &out->f))
				break;
			out->status = aio_status(t, out->f.verdict);
			out->test = of;
			out->attempt = at->nth;
			if (out->status != NULL)
				return true;
		}
	}
	out->status = NULL;
	return false;
}

void aio_run_next(struct talk *t, const struct row *row, struct aio_run *out)
{
	const struct aio_conf *c = t->conf;
	bool before = aio_touched(row), own = aio_own(t) || aio_given(t, row->remote_id);
	const cJSON *made = progress(t, row);
	struct aio_run behind = { 0 };

	*out = (struct aio_run){ .row = row, .first = !before && made == NULL, .last = true };
	if (!many(t)) {
		out->f = fold_row(row, (enum several)c->several, t->arena);
		out->status = aio_status(t, out->f.verdict);
		out->fresh = made != NULL || (!before && !own);
		return;
	}
	struct turn at = first_turn(t, row);
	if (find_owed(t, row, made, &at, out)) {
		at.nth++;
		/* What is behind it has a status of none all the same. */
		out->last = !find_owed(t, row, made, &at, &behind);
	}
	/* The latest run of a case is overwritten only where it is one of the same test. */
	if (before)
		out->fresh = c->attempts == AIO_EACH || row->test_count > 1 || made != NULL;
	else
		out->fresh = made != NULL || !own;
}

size_t aio_run_all(struct talk *t, const struct row *row, struct aio_run *out, size_t max)
{
	struct aio_run run = { .row = row, .fresh = true };
	const struct aio_conf *c = t->conf;
	size_t count = 0;

	if (!many(t)) {
		run.f = fold_row(row, (enum several)c->several, t->arena);
		run.status = aio_status(t, run.f.verdict);
		if (run.status != NULL && max > 0)
			out[count++] = run;
		return count;
	}
	struct turn at = first_turn(t, row);
	for (; count < max && find_owed(t, row, NULL, &at, &run); at.nth++)
		out[count++] = run;
	/* A test goes whole, or with the next request. */
	if (count == max && max > 1 && out[0].test != out[count - 1].test &&
	    find_owed(t, row, NULL, &at, &run) && run.test == out[count - 1].test) {
		const struct row_test *cut = run.test;
		while (out[count - 1].test == cut)
			count--;
	}
	return count;
}

int64_t aio_run_started(const struct talk *t, const struct folded *f)
{
	return f->result->started_ms != TIME_UNKNOWN ? f->result->started_ms : t->run->started_ms;
}

/* ---- its body ---- */

/* Jira's issues that belong to a run, as a mark or a migration takes them. */
struct defects {
	struct buf ids;   /* of a request */
	struct buf *keys; /* what a mark cannot take: for the comment */
	bool migrate;
	size_t count;
};

/* A mark takes Jira's numbers only; who wrote keys finds them in the comment. */
static void add_defects(struct talk *t, struct defects *d, const char *s)
{
	static const char gap[] = ", ;\t\r\n";

	while (s != NULL && *s != '\0' && d->count < DEFECTS_MAX) {
		s += strspn(s, gap);
		size_t len = strcspn(s, gap);
		const char *one = len > 0 && len <= 40 ? arena_strndup(t->arena, s, len) : NULL;
		s += len;
		if (one == NULL)
			continue;
		bool number = strspn(one, "0123456789") == len && len <= 9 && one[0] != '0';
		if (d->migrate) {
			json_sep(&d->ids);
			json_string(&d->ids, one, len);
		} else if (number) {
			json_sep(&d->ids);
			buf_puts(&d->ids, one);
		} else {
			buf_printf(d->keys, "%s%s", d->keys->len > 0 ? ", " : "Defects: ", one);
		}
		d->count++;
	}
}

static bool put_defects(struct talk *t, struct buf *b, const struct result *r, bool migrate, struct buf *keys,
			const struct vars *vars)
{
	static const char *const names[] = { "defects", "defect", "aio_defects", "jira_defects", NULL };
	const struct aio_conf *c = t->conf;
	struct defects d = { .ids = BUF_LIMIT(4096), .keys = keys, .migrate = migrate };
	struct buf text = BUF_LIMIT(4096);
	bool good = true;

	if (c->result.defects != NULL)
		good = text_expand(t, c->result.defects, vars, "result.defects", &text);
	add_defects(t, &d, text.data);
	for (size_t i = 0; i < r->property_count; i++) {
		const char *key = r->properties[i].key;
		for (size_t k = 0; names[k] != NULL && key != NULL; k++) {
			if (strcasecmp(key, names[k]) == 0)
				add_defects(t, &d, r->properties[i].value);
		}
	}
	if (d.ids.len > 0 && migrate) {
		json_key(b, "jiraDefectIDs");
		buf_printf(b, "[%s]", d.ids.data);
	} else if (d.ids.len > 0) {
		json_key(b, "jiraDefectsUpdate");
		buf_printf(b, "{\"jiraDefectIDs\":[%s],\"jiraBulkListOperationType\":\"ADD_TO_EXISTING\"}",
			   d.ids.data);
	}
	buf_done(&d.ids);
	buf_done(&text);
	return good;
}

static void paragraph(struct buf *text, const char *s)
{
	if (*s != '\0')
		buf_printf(text, "%s%s", text->len > 0 ? "\n\n" : "", s);
}

static bool put_comment(struct talk *t, struct buf *b, const struct aio_run *run, bool migrate,
			const char *defects, const struct vars *vars)
{
	const struct aio_conf *c = t->conf;
	struct buf text = BUF_LIMIT(AIO_COMMENT_MAX * 2), own = BUF_LIMIT(AIO_COMMENT_MAX);
	char iso[CLOCK_ISO_SIZE];
	bool good = true;

	if (c->result.comment != NULL)
		good = text_expand(t, c->result.comment, vars, "result.comment", &own);
	if (own.data != NULL) {
		own.len = utf8_cut(own.data, own.len, AIO_COMMENT_MAX / 2);
		own.data[own.len] = '\0';
		paragraph(&text, own.data);
	}
	/* A server that cannot date back stamps runs with the time of their arrival. */
	if (t->run->backfill && !migrate && run->f.result->started_ms != TIME_UNKNOWN)
		paragraph(&text,
			  arena_printf(t->arena, "Tested at %s", clock_iso(run->f.result->started_ms, iso)));
	paragraph(&text, defects);
	size_t before = text.len;
	if (before > 0)
		buf_puts(&text, "\n\n");
	size_t start = text.len;
	fold_comment(&text, &run->f, AIO_COMMENT_MAX - 200 - start);
	if (text.len == start)
		text.len = before;
	/* Where others write, too, what is ours is told by a mark; elsewhere there is none in people's way. */
	if (run->fresh && !migrate && !aio_own(t))
		buf_printf(&text, "%s%s", text.len > 0 ? "\n\n" : "", t->run->token);
	if (good && text.len > 0) {
		json_key(b, "comments");
		buf_putc(b, '[');
		json_string(b, text.data, text.len);
		buf_putc(b, ']');
	}
	buf_done(&text);
	buf_done(&own);
	return good;
}

bool aio_put_run(struct talk *t, struct buf *b, const struct aio_run *run, bool migrate)
{
	struct text_vars own;
	const struct vars *vars = text_vars(&own, run->f.result, t->run->vars, t->arena);
	struct buf keys = BUF_LIMIT(4096);
	char iso[CLOCK_ISO_SIZE];
	double ms = run->f.duration_ms;

	json_field(b, "testRunStatus", run->status);
	if (ms >= 0 && isfinite(ms) && ms < 2e12)
		json_field_int(b, "effort", (int64_t)floor(ms / 1000 + 0.5));
	json_field_bool(b, "isAutomated", true);
	if (migrate) {
		int64_t at = aio_run_started(t, &run->f);
		json_field(b, "createdDate", clock_iso(at, iso));
		json_field(b, "updatedDate", clock_iso(at + (ms >= 0 && ms < 1e10 ? (int64_t)ms : 0), iso));
	}
	bool good = put_defects(t, b, run->f.result, migrate, &keys, vars) &&
		    put_comment(t, b, run, migrate, keys.data != NULL ? keys.data : "", vars) &&
		    aio_put_fields(t, b, "run_fields", migrate ? "customFields" : "customFieldValueToUpdate",
				   !migrate, vars);
	buf_done(&keys);
	return good;
}

/* ---- what settles it ---- */

bool aio_listed(const cJSON *list, const char *key)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		if (cJSON_IsString(item) && strcmp(item->valuestring, key) == 0)
			return true;
	}
	return false;
}

static void unlist(cJSON *list, const char *key)
{
	cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		if (cJSON_IsString(item) && strcmp(item->valuestring, key) == 0) {
			cJSON_Delete(cJSON_DetachItemViaPointer(list, item));
			return;
		}
	}
}

/* Each test is settled by its own last run; what has none has no status over there. */
static void settle_tests(struct talk *t, const struct row *row, const cJSON *made)
{
	for (size_t i = 0; i < row->test_count; i++) {
		const struct row_test *test = &row->tests[i];
		const cJSON *own = made_of(t, made, test);
		if (test->settled)
			continue;
		if (own != NULL)
			learned_posted_test(&t->learned, row->id, test->id, sink_string(own, "run"));
		else
			aio_ignore_test(t, row, test);
	}
}

void aio_ignore_test(struct talk *t, const struct row *row, const struct row_test *test)
{
	struct folded f = fold_test(test, t->arena);

	learned_ignored_test(&t->learned, row->id, test->id,
			     arena_printf(t->arena, "statuses.%s is none", verdict_name(f.verdict)));
}

void aio_run_done(struct talk *t, const struct aio_run *run, const char *run_id)
{
	cJSON *each = sink_object(t->bookmark, "each");
	const char *key = run->row->remote_id;

	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "backs");
	unlist(cJSON_GetObjectItemCaseSensitive(t->bookmark, "added"), key);
	unlist(cJSON_GetObjectItemCaseSensitive(t->bookmark, "given"), key);
	aio_steps_owe(t, run, run_id);
	if (run->test != NULL) {
		cJSON *made = sink_object(each, key);
		cJSON *own = sink_object(sink_object(made, "tests"), test_key(t, run->test));
		sink_set_string(made, "run", run_id);
		sink_set_int(own, "n", (int64_t)run->attempt + 1);
		sink_set_string(own, "run", run_id);
		if (run->last)
			settle_tests(t, run->row, made);
	} else {
		learned_posted(&t->learned, run->row->id, run_id);
	}
	if (run->last)
		cJSON_DeleteItemFromObjectCaseSensitive(each, key);
	if (each->child == NULL)
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "each");
}

/* A status that is refused was renamed or deleted since we read them: read once more, then parked. */
static bool heals_status(struct talk *t, const char *words)
{
	static const char *const bad[] = { "invalid",   "not found", "does not exist",
					   "not valid", "unknown",   NULL };
	int64_t age = t->now_ms - sink_int(t->bookmark, "heal_at", 0);

	if (strcasestr(words, "status") == NULL || !sink_says(words, bad) ||
	    (age >= 0 && age < HEAL_AGAIN_MS))
		return false;
	sink_set_int(t->bookmark, "heal_at", t->now_ms);
	cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "config");
	return true;
}

enum aio_fault aio_run_fault(struct talk *t, const struct row *row, const char *words)
{
	static const char *const outside[] = { "not found in",   "not part of",
					       "not in ",        "not added",
					       "not associated", "does not exist in",
					       "not present",    NULL };
	static const char *const gone[] = { "not found", "does not exist",   "no case", "invalid case",
					    "no such",   "not a valid case", NULL };
	const char *key = row->remote_id;

	if (heals_status(t, words))
		return AIO_FAULT_AGAIN;
	if (aio_says_closed(words) && strstr(words, key) == NULL)
		return AIO_FAULT_CLOSED;
	/* A site that wants to be told says so; then nothing has to be added singly. */
	if (strcasestr(words, "addCaseToCycle") != NULL && sink_int(t->facts, "adds", 0) == 0) {
		sink_set_int(t->facts, "adds", 1);
		return AIO_FAULT_LATER;
	}
	bool about_cycle = strcasestr(words, "cycle") != NULL && sink_says(words, outside);
	if (about_cycle && !aio_listed(cJSON_GetObjectItemCaseSensitive(t->bookmark, "added"), key)) {
		cJSON *missing = sink_array(t->bookmark, "missing");
		if (!aio_listed(missing, key))
			cJSON_AddItemToArray(missing, cJSON_CreateString(key));
		return AIO_FAULT_LATER;
	}
	/* A defect, an option of a field or a user may be what is not found: the case is well then. */
	bool about_case = strcasestr(words, "case") != NULL || strcasestr(words, key) != NULL;
	if (about_case && !about_cycle && strcasestr(words, "status") == NULL && sink_says(words, gone)) {
		/* Nothing of that key: the test may find its case another way, else it is parked. */
		learned_gone(&t->learned, "case", sink_string(t->facts, "scope"), key);
		sink_set_int(sink_object(t->facts, "cases"), "doubt", 1);
		return AIO_FAULT_LATER;
	}
	return AIO_FAULT_PARKED;
}

enum aio_fault aio_run_refused(struct talk *t, const struct row *row, const char *words)
{
	enum aio_fault fault = aio_run_fault(t, row, words);

	if (fault == AIO_FAULT_PARKED)
		learned_parked(&t->learned, row->id, words);
	return fault;
}

/* ---- reading the cycle's cases ---- */

const cJSON *aio_latest(const cJSON *item)
{
	const cJSON *run = cJSON_GetObjectItemCaseSensitive(item, "latestRun");

	/* One of the lists names them all, the newest first. */
	return cJSON_IsObject(run) ? run
				   : cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(item, "runs"), 0);
}

const char *aio_item_key(const cJSON *item)
{
	return sink_string(cJSON_GetObjectItemCaseSensitive(item, "testCase"), "key");
}

const char *aio_run_status(struct talk *t, const cJSON *run, const char *sent)
{
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(run, "testRunStatus");
	const char *name = cJSON_IsString(status) ? status->valuestring : sink_string(status, "name");
	const char *id = cJSON_IsObject(status) ? sink_id(t->arena, status, "ID") : NULL;

	if (sent == NULL)
		return NULL;
	if (name != NULL && strcasecmp(name, sent) == 0)
		return sent;
	return id != NULL && strcmp(id, sent) == 0 ? sent : NULL;
}

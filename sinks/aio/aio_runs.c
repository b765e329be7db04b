/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_runs.c - what is posted for a case: which run is owed next, its body, what settles it, what its
 * refusal means.
 *
 * A case has one run in a cycle of ours, which later results overwrite (createNewRun=false: safe to repeat).
 * In a cycle that we did not make the first touch is a run of its own, so that nothing of yesterday is
 * overwritten; and where `attempts` or `several` ask for each, every further one is a run of its own. */
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

static size_t attempts_of(const struct result *r)
{
	return r->attempt_count > 0 ? r->attempt_count : 1;
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

/* How many runs a row has in all. */
static size_t total(const struct talk *t, const struct row *row)
{
	const struct aio_conf *c = t->conf;
	size_t n = 0;

	if (c->attempts == AIO_EACH) {
		for (size_t i = 0; i < row->test_count; i++)
			for (size_t k = 0; k < row->tests[i].result_count; k++)
				n += attempts_of(row->tests[i].results[k]);
		return n;
	}
	return c->several == SEVERAL_EACH ? row->test_count : 1;
}

static bool fold_at(struct talk *t, const struct row *row, size_t index, struct folded *f)
{
	const struct aio_conf *c = t->conf;

	if (c->attempts != AIO_EACH) {
		*f = c->several == SEVERAL_EACH ? fold_test(&row->tests[index], t->arena)
						: fold_row(row, (enum several)c->several, t->arena);
		return true;
	}
	for (size_t i = 0; i < row->test_count; i++) {
		for (size_t k = 0; k < row->tests[i].result_count; k++) {
			const struct result *r = row->tests[i].results[k];
			if (index < attempts_of(r))
				return alone(t, r, index, f);
			index -= attempts_of(r);
		}
	}
	return false;
}

static const cJSON *progress(const struct talk *t, const struct row *row)
{
	return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(t->bookmark, "each"),
						row->remote_id);
}

void aio_run_next(struct talk *t, const struct row *row, struct aio_run *out)
{
	bool before = aio_touched(row);
	size_t n = total(t, row);
	int64_t done = sink_int(progress(t, row), "n", 0);

	*out = (struct aio_run){ .row = row, .total = n };
	/* Which attempts are new is not known of a test that was posted: the latest one is. */
	out->index = before && n > 0 ? n - 1 : done > 0 ? (size_t)done : 0;
	for (; out->index < n; out->index++) {
		if (!fold_at(t, row, out->index, &out->f))
			break;
		out->status = aio_status(t, out->f.verdict);
		if (out->status != NULL)
			break;
	}
	if (out->index >= n)
		out->status = NULL;
	if (before)
		out->fresh = n > 1 || progress(t, row) != NULL;
	else
		out->fresh = done > 0 || !aio_own(t);
	/* What is behind it has a status of none all the same. */
	out->last = true;
	for (size_t i = out->index + 1; i < n && out->last; i++) {
		struct folded f;
		out->last = fold_at(t, row, i, &f) && aio_status(t, f.verdict) == NULL;
	}
}

size_t aio_run_all(struct talk *t, const struct row *row, struct aio_run *out, size_t max)
{
	size_t n = total(t, row), count = 0;

	for (size_t i = aio_touched(row) && n > 0 ? n - 1 : 0; i < n && count < max; i++) {
		struct aio_run run = { .row = row, .index = i, .total = n, .fresh = true };
		if (!fold_at(t, row, i, &run.f))
			break;
		run.status = aio_status(t, run.f.verdict);
		if (run.status != NULL)
			out[count++] = run;
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

void aio_run_done(struct talk *t, const struct aio_run *run, const char *run_id)
{
	cJSON *each = aio_object(t->bookmark, "each");
	const char *key = run->row->remote_id;

	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "backs");
	unlist(cJSON_GetObjectItemCaseSensitive(t->bookmark, "added"), key);
	aio_steps_owe(t, run, run_id);
	if (run->last) {
		cJSON_DeleteItemFromObjectCaseSensitive(each, key);
		learned_posted(&t->learned, run->row->id, run_id);
	} else {
		cJSON *one = aio_object(each, key);
		sink_set_int(one, "n", (int64_t)run->index + 1);
		sink_set_string(one, "run", run_id);
	}
	if (each->child == NULL)
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "each");
}

/* A status that is refused was renamed or deleted since we read them: read once more, then parked. */
static bool heals_status(struct talk *t, const char *words)
{
	static const char *const bad[] = { "invalid",   "not found", "does not exist",
					   "not valid", "unknown",   NULL };
	int64_t age = t->now_ms - sink_int(t->bookmark, "heal_at", 0);

	if (strcasestr(words, "status") == NULL || !aio_says(words, bad) || (age >= 0 && age < HEAL_AGAIN_MS))
		return false;
	sink_set_int(t->bookmark, "heal_at", t->now_ms);
	cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "config");
	return true;
}

enum aio_fault aio_run_refused(struct talk *t, const struct row *row, const char *words)
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
	bool about_cycle = strcasestr(words, "cycle") != NULL && aio_says(words, outside);
	if (about_cycle && !aio_listed(cJSON_GetObjectItemCaseSensitive(t->bookmark, "added"), key)) {
		cJSON *missing = aio_list(t->bookmark, "missing");
		if (!aio_listed(missing, key))
			cJSON_AddItemToArray(missing, cJSON_CreateString(key));
		return AIO_FAULT_LATER;
	}
	if (!about_cycle && strcasestr(words, "status") == NULL && aio_says(words, gone)) {
		/* Nothing of that key: the test may find its case another way, else it is parked. */
		learned_gone(&t->learned, "case", sink_string(t->facts, "scope"), key);
		return AIO_FAULT_LATER;
	}
	learned_parked(&t->learned, row->id, words);
	return AIO_FAULT_PARKED;
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

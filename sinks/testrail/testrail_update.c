/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_update.c - cases that are there already, brought in line with what their tests say of them in
 * testrail_case_field: only where update.cases allows it, only the fields that differ from what the list of
 * cases showed.  A refusal is told in the comment of the result and keeps no result back. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/json.h"

#include <stdio.h>
#include <string.h>

#define CASE_REFS_MAX 2000

/* ---- what is known of a case ---- */

static bool worth_keeping(const cJSON *item)
{
	static const char *const names[] = { "template_id", "type_id", "priority_id", "milestone_id",
					     "estimate",    "refs",    "suite_id",    NULL };
	const char *name = item->string != NULL ? item->string : "";

	if (strncmp(name, "custom_", 7) == 0)
		return !cJSON_IsObject(item) && !cJSON_IsNull(item);
	for (size_t i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], name) == 0)
			return !cJSON_IsNull(item);
	}
	return false;
}

const char *testrail_case_json(struct talk *t, const cJSON *item)
{
	const struct testrail_conf *c = t->conf;
	const cJSON *member;
	cJSON *kept;

	if (c->update.cases == TESTRAIL_UPDATE_NONE)
		return NULL;
	kept = cJSON_CreateObject();
	cJSON_ArrayForEach(member, item)
	{
		if (worth_keeping(member) && strcmp(member->string, c->field) != 0)
			cJSON_AddItemToObject(kept, member->string, cJSON_Duplicate(member, true));
	}
	char *text = cJSON_PrintUnformatted(kept);
	const char *json = text != NULL ? arena_strdup(t->arena, text) : NULL;
	cJSON_free(text);
	cJSON_Delete(kept);
	return json;
}

/* ---- what is to be changed ---- */

static bool same(struct talk *t, const cJSON *is, const cJSON *wanted)
{
	if (cJSON_IsString(is) && cJSON_IsString(wanted)) {
		const char *a = testrail_plain(t->arena, is->valuestring);
		const char *b = testrail_plain(t->arena, wanted->valuestring);
		return a != NULL && b != NULL && strcmp(a, b) == 0;
	}
	if (cJSON_IsBool(wanted) || cJSON_IsBool(is)) {
		bool x = cJSON_IsTrue(is) || (cJSON_IsNumber(is) && is->valuedouble != 0);
		return x == cJSON_IsTrue(wanted);
	}
	return cJSON_Compare(is, wanted, true);
}

static void add_refs(struct talk *t, cJSON *wanted, const cJSON *known, const char *refs)
{
	const struct testrail_conf *c = t->conf;
	const char *is = sink_string(known, "refs");

	if (c->update.refs == TESTRAIL_REFS_APPEND && is != NULL)
		refs = arena_printf(t->arena, "%s,%s", is, refs);
	const char *list = refs != NULL ? testrail_list_cut(t, refs, CASE_REFS_MAX) : NULL;
	const char *now = is != NULL ? testrail_list_cut(t, is, CASE_REFS_MAX) : "";
	if (list != NULL && strcmp(list, now) != 0)
		sink_set_string(wanted, "refs", list);
}

/* The members of update_case for a row; NULL: nothing is to be changed. */
static cJSON *changes(struct talk *t, const struct row *row)
{
	struct buf b = BUF_LIMIT(1u << 20);
	struct folded f;
	size_t at = 0;

	testrail_folded_at(t, row, 0, &f);
	if (row->remote_json == NULL || testrail_property(f.result, "testrail_case_field", &at) == NULL)
		return NULL; /* we have just made it, or the test says nothing */
	buf_putc(&b, '{');
	const char *refs = testrail_case_reported(t, &b, f.result);
	buf_putc(&b, '}');
	cJSON *wanted = buf_error(&b) == 0 ? cJSON_Parse(b.data) : NULL;
	cJSON *known = cJSON_Parse(row->remote_json);
	buf_done(&b);
	for (cJSON *item = wanted != NULL ? wanted->child : NULL, *next; item != NULL; item = next) {
		next = item->next;
		const cJSON *is = cJSON_GetObjectItemCaseSensitive(known, item->string);
		if (is != NULL && same(t, is, item))
			cJSON_Delete(cJSON_DetachItemViaPointer(wanted, item));
	}
	if (wanted != NULL && refs != NULL)
		add_refs(t, wanted, known, refs);
	cJSON_Delete(known);
	if (wanted != NULL && wanted->child != NULL)
		return wanted;
	cJSON_Delete(wanted);
	return NULL;
}

/* ---- the step ---- */

/* bookmark: updated {case: words of a refusal, or ""}, of the batch that is posted next */
static bool done(const struct talk *t, const struct row *row)
{
	return sink_string(cJSON_GetObjectItemCaseSensitive(t->bookmark, "updated"), row->remote_id) != NULL;
}

static void settle(struct talk *t, const char *id, const char *words)
{
	sink_set_string(sink_object(t->bookmark, "updated"), id, words);
}

const char *testrail_update_trouble(const struct talk *t, const char *id)
{
	const char *words = sink_string(cJSON_GetObjectItemCaseSensitive(t->bookmark, "updated"), id);

	return words != NULL && *words != '\0' ? words : NULL;
}

void testrail_update_batch_done(struct talk *t)
{
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "updated");
}

/* ---- one request for cases that are to be given the same ---- */

static const char *suite_of(struct talk *t, const struct row *row)
{
	cJSON *known = cJSON_Parse(row->remote_json != NULL ? row->remote_json : "");
	const char *suite = sink_id(t->arena, known, "suite_id");

	cJSON_Delete(known);
	return suite;
}

/* Whether the server takes several at once, as far as we know. */
static bool bulk(struct talk *t)
{
	return !sink_bool(cJSON_GetObjectItemCaseSensitive(t->facts, "old"), "update_cases") &&
	       !sink_bool(sink_scratch(t), "singly");
}

/* The cases of the batch, from `from` on, that are to be given these very values; scratch keeps them. */
static cJSON *alike(struct talk *t, size_t from, const cJSON *wanted, const char *suite)
{
	cJSON *cases = cJSON_CreateArray();

	for (size_t i = from; i < t->rows->count; i++) {
		const struct row *row = &t->rows->row[i];
		cJSON *other = done(t, row) ? NULL : changes(t, row);
		const char *in = other != NULL ? suite_of(t, row) : NULL;
		if (in != NULL && strcmp(in, suite) == 0 && cJSON_Compare(other, wanted, true))
			cJSON_AddItemToArray(cases, cJSON_CreateString(row->remote_id));
		cJSON_Delete(other);
	}
	return cases;
}

static enum ask ask_one(struct talk *t, struct request *r, size_t i, cJSON *wanted)
{
	const struct row *row = &t->rows->row[i];
	const char *suite = bulk(t) ? suite_of(t, row) : NULL;
	cJSON *cases = suite != NULL ? alike(t, i, wanted, suite) : cJSON_CreateArray(), *item;

	cJSON_DeleteItemFromObjectCaseSensitive(sink_scratch(t), "cases");
	if (cJSON_GetArraySize(cases) < 2) {
		while (cases->child != NULL)
			cJSON_DeleteItemFromArray(cases, 0);
		cJSON_AddItemToArray(cases, cJSON_CreateString(row->remote_id));
		testrail_post(r, "update_case", row->remote_id);
	} else {
		cJSON *ids = cJSON_AddArrayToObject(wanted, "case_ids");
		cJSON_ArrayForEach(item, cases) cJSON_AddItemToArray(
			ids, testrail_digits(item->valuestring) ? cJSON_CreateRaw(item->valuestring)
								: cJSON_CreateString(item->valuestring));
		testrail_post(r, "update_cases", suite);
	}
	cJSON_AddItemToObject(sink_scratch(t), "cases", cases);
	char *body = cJSON_PrintUnformatted(wanted);
	cJSON_Delete(wanted);
	buf_puts(&r->body, body != NULL ? body : "{}");
	cJSON_free(body);
	return ASK_SEND;
}

enum ask testrail_update_cases_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;

	if (c->update.cases == TESTRAIL_UPDATE_NONE)
		return ASK_SKIP;
	for (size_t i = 0; i < t->rows->count; i++) {
		cJSON *wanted = done(t, &t->rows->row[i]) ? NULL : changes(t, &t->rows->row[i]);
		if (wanted != NULL)
			return ask_one(t, r, i, wanted);
	}
	return ASK_SKIP;
}

static void settle_all(struct talk *t, const cJSON *cases, const char *words)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, cases) settle(t, item->valuestring, words);
}

static enum got update_refused(struct talk *t, const struct reply *r, const cJSON *cases)
{
	bool many = cJSON_GetArraySize(cases) > 1;
	enum got got = testrail_refused(t, r, many ? "update_cases" : "update_case", GOT_MORE);

	if (got != GOT_MORE)
		return got;
	if (many && testrail_says_unknown_call(r, t->err.text)) {
		sink_set_int(sink_object(t->facts, "old"), "update_cases", 1);
	} else if (many && r->status != 403) {
		/* One of them is the culprit: each for itself, as far as this batch goes. */
		sink_set_int(sink_scratch(t), "singly", 1);
	} else {
		settle_all(t, cases, arena_strdup(t->arena, t->err.text));
	}
	err_clear(&t->err);
	return got;
}

enum got testrail_update_cases_got(struct talk *t, const struct reply *r)
{
	const cJSON *item, *cases = cJSON_GetObjectItemCaseSensitive(sink_scratch(t), "cases");

	if (!sink_ok(r))
		return update_refused(t, r, cases);
	cJSON *root = sink_json(r);
	const cJSON *updated = cJSON_GetObjectItemCaseSensitive(root, "updated_cases");
	bool there = cJSON_IsArray(updated) || cJSON_IsArray(root) || sink_id(t->arena, root, "id") != NULL;
	if (cJSON_IsArray(root))
		updated = root;
	/* As they are now, so that the next run finds nothing to change. */
	if (!cJSON_IsArray(updated) && there && sink_string(root, "title") != NULL)
		testrail_learn_case(t, root);
	cJSON_ArrayForEach(item, updated)
	{
		if (sink_string(item, "title") != NULL)
			testrail_learn_case(t, item);
	}
	cJSON_Delete(root);
	if (!there)
		return GOT_UNKNOWN;
	settle_all(t, cases, "");
	return GOT_MORE;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_steps.c - steps of a run: where a report tells them (properties "step[passed]", "step[failed]", ... of a
 * test, in order), the run is read, its steps are given their statuses, and it is written back whole.
 *
 * Steps are beside the result: what is wrong with them is said, and never keeps a result. */
#include "sinks/aio/aio.h"

#include "daemon/base/json.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define STEPS_MAX 200
#define OWED_MAX  1000
#define TEXT_MAX  500

/* "step[STATUS]" or "step" (not told): the status over there, NULL where the property is no step. */
static const char *step_status(const char *key)
{
	static const char *const words[][2] = {
		{ "step", "" },
		{ "step[passed]", "Passed" },
		{ "step[success]", "Passed" },
		{ "step[failed]", "Failed" },
		{ "step[failure]", "Failed" },
		{ "step[error]", "Failed" },
		{ "step[blocked]", "Blocked" },
		{ "step[skipped]", "Not Run" },
		{ "step[notrun]", "Not Run" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && key != NULL; i++) {
		if (strcasecmp(key, words[i][0]) == 0)
			return words[i][1];
	}
	/* A word that nobody knows is a step all the same. */
	return key != NULL && strncasecmp(key, "step[", 5) == 0 && result_names_step(key) ? "" : NULL;
}

void aio_steps_owe(struct talk *t, const struct aio_run *run, const char *run_id)
{
	const struct aio_conf *c = t->conf;
	const struct result *r = run->f.result;
	cJSON *steps = NULL;

	if (!c->result.steps || run_id == NULL || r == NULL)
		return;
	for (size_t i = 0; i < r->property_count; i++) {
		const char *status = step_status(r->properties[i].key), *text = r->properties[i].value;
		if (status == NULL || (steps != NULL && cJSON_GetArraySize(steps) >= STEPS_MAX))
			continue;
		if (steps == NULL)
			steps = cJSON_CreateArray();
		cJSON *one = cJSON_CreateObject();
		sink_set_string(one, "status", status);
		text = text != NULL ? text_unmarked(t->arena, text) : NULL;
		sink_set_string(one, "text", text != NULL ? text_line(t->arena, text, TEXT_MAX) : "");
		cJSON_AddItemToArray(steps, one);
	}
	if (steps == NULL)
		return;
	cJSON *all = sink_array(t->bookmark, "steps"), *owed = cJSON_CreateObject();
	if (cJSON_GetArraySize(all) >= OWED_MAX) {
		aio_say(t, "steps of further runs are left out: %d wait already", OWED_MAX);
		cJSON_Delete(steps);
		cJSON_Delete(owed);
		return;
	}
	sink_set_string(owed, "run", run_id);
	sink_set_string(owed, "case", run->row->remote_id);
	cJSON_AddItemToObject(owed, "steps", steps);
	cJSON_AddItemToArray(all, owed);
}

static cJSON *first(const struct talk *t)
{
	const cJSON *all = cJSON_GetObjectItemCaseSensitive(t->bookmark, "steps");

	return cJSON_IsArray(all) ? all->child : NULL;
}

static void settled(struct talk *t)
{
	cJSON *all = cJSON_GetObjectItemCaseSensitive(t->bookmark, "steps");

	cJSON_DeleteItemFromArray(all, 0);
	if (all != NULL && all->child == NULL)
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "steps");
}

/* The same status twice is the same, so the whole of it may be asked again. */
enum ask aio_steps_ask(struct talk *t, struct request *r)
{
	const cJSON *owed = first(t);
	const cJSON *run = cJSON_GetObjectItemCaseSensitive(sink_scratch(t), "run");

	if (owed == NULL || aio_cycle(t) == NULL)
		return ASK_SKIP;
	if (!cJSON_IsObject(run)) {
		aio_get(t, r, "testcycle/{}/testrun/{}", aio_cycle(t), sink_string(owed, "run"));
		return ASK_SEND;
	}
	char *text = cJSON_PrintUnformatted(run);
	aio_post(t, r, "testcycle/{}/testrun/{}", aio_cycle(t), sink_string(owed, "run"));
	if (text != NULL)
		buf_puts(&r->body, text);
	cJSON_free(text);
	return aio_send(t, r, "steps");
}

/* The named members of `from`, as far as they are there. */
static cJSON *members(const cJSON *from, const char *const *names)
{
	cJSON *out = cJSON_CreateObject();

	for (; *names != NULL; names++) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, *names);
		if (item != NULL && !cJSON_IsNull(item))
			cJSON_AddItemToObject(out, *names, cJSON_Duplicate(item, true));
	}
	return out;
}

/* A status and comments without what is read-only in them: a server may be strict, and its own stamps are
 * numbers where the description wants texts. */
static void lean(cJSON *of, const char *status)
{
	static const char *const of_status[] = { "ID", "name", NULL };
	static const char *const of_comment[] = { "ID", "comment", NULL };
	const cJSON *item, *had = cJSON_GetObjectItemCaseSensitive(of, status);

	if (had != NULL)
		cJSON_ReplaceItemInObjectCaseSensitive(of, status, members(had, of_status));
	had = cJSON_GetObjectItemCaseSensitive(of, "comments");
	if (had == NULL)
		return;
	cJSON *comments = cJSON_CreateArray();
	cJSON_ArrayForEach(item, had) cJSON_AddItemToArray(comments, members(item, of_comment));
	cJSON_ReplaceItemInObjectCaseSensitive(of, "comments", comments);
}

/* What may be written back: the description marks the rest as read-only, and comments without an id might be
 * added again. */
static cJSON *writable(const cJSON *run, const cJSON *told)
{
	static const char *const kept[] = {
		"ID",           "testRunStatus", "effort", "isAutomated", "jiraDefectIDs",
		"customFields", "comments",      NULL
	};
	static const char *const kept_of_step[] = {
		"ID",           "stepID", "testRunStepStatus", "actualResult", "jiraDefectIDs", "comments",
		"assignedToID", NULL
	};
	const cJSON *item, *step = told->child;
	cJSON *out = members(run, kept), *steps;

	lean(out, "testRunStatus");
	steps = cJSON_AddArrayToObject(out, "testRunSteps");
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(run, "testRunSteps"))
	{
		cJSON *one = members(item, kept_of_step);
		lean(one, "testRunStepStatus");
		const char *status = step != NULL ? sink_string(step, "status") : NULL;
		if (status != NULL && *status != '\0') {
			cJSON_DeleteItemFromObjectCaseSensitive(one, "testRunStepStatus");
			sink_set_string(cJSON_AddObjectToObject(one, "testRunStepStatus"), "name", status);
			sink_set_string(one, "actualResult", sink_string(step, "text"));
		}
		cJSON_AddItemToArray(steps, one);
		step = step != NULL ? step->next : NULL;
	}
	return out;
}

static enum got read_run(struct talk *t, const struct reply *r, const cJSON *owed)
{
	const cJSON *told = cJSON_GetObjectItemCaseSensitive(owed, "steps");
	cJSON *root = sink_json(r);
	const cJSON *steps = cJSON_GetObjectItemCaseSensitive(root, "testRunSteps");
	int have = cJSON_GetArraySize(steps), want = cJSON_GetArraySize(told);

	if (!cJSON_IsObject(root)) {
		cJSON_Delete(root);
		return GOT_UNKNOWN;
	}
	const char *why = aio_forbidden(t, root, 2);
	if (why == NULL)
		why = aio_forbidden(t, cJSON_GetObjectItemCaseSensitive(root, "testRunStepsPermission"), 2);
	if (have != want || why != NULL) {
		/* Which step is which nobody could tell. */
		aio_say(t, "steps of %s are left alone: %s", sink_string(owed, "case"),
			why != NULL
				? why
				: arena_printf(t->arena, "the report tells %d, the case has %d", want, have));
		settled(t);
	} else {
		cJSON_DeleteItemFromObjectCaseSensitive(sink_scratch(t), "run");
		cJSON_AddItemToObject(sink_scratch(t), "run", writable(root, told));
	}
	cJSON_Delete(root);
	return GOT_MORE;
}

enum got aio_steps_got(struct talk *t, const struct reply *r)
{
	const cJSON *owed = first(t);
	bool writing = cJSON_GetObjectItemCaseSensitive(sink_scratch(t), "run") != NULL;

	if (owed == NULL)
		return GOT_NEXT;
	if (!sink_ok(r)) {
		aio_refused(t, r, "steps", GOT_PARK);
		aio_say(t, "steps of %s are left alone: %s", sink_string(owed, "case"), t->err.text);
		err_clear(&t->err);
	} else if (!writing) {
		return read_run(t, r, owed);
	}
	cJSON_DeleteItemFromObjectCaseSensitive(sink_scratch(t), "run");
	settled(t);
	return GOT_MORE;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_change.c - documents of AIO Tests that are replaced whole: cycles, cases, and runs with their steps.
 *
 * What such a request leaves out is lost over there, so each is read, changed and written back without what
 * only the server sets.  Formatted text is read and written as it is (needDataInRTF both ways), or it would
 * come back without its format. */
#include "daemon/cli/aio.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { BODY_MAX = 16 << 20, STEPS_MAX = 1000 };

/* ---- what only the server sets ---- */

static const char *const cycle_server[] = { "key",
					    "jiraProjectID",
					    "permission",
					    "closedByID",
					    "createdDate",
					    "updatedDate",
					    "closedDate",
					    "isSystemDefined",
					    "isLockedForEdit",
					    "isClosed",
					    "isArchived",
					    "attachments",
					    "objectiveAttachments",
					    NULL };
static const char *const case_server[] = { "key",
					   "version",
					   "jiraProjectID",
					   "permission",
					   "createdDate",
					   "updatedDate",
					   "isArchived",
					   "attachments",
					   "descriptionAttachments",
					   "preconditionAttachments",
					   "hasDataSets",
					   "versions",
					   NULL };
static const char *const run_server[] = { "permission",
					  "createdDate",
					  "updatedDate",
					  "attachments",
					  "testRunStepsPermission",
					  "dataSetExecutions",
					  "dataSetExecutionsCount",
					  "dataRow",
					  "dataSet",
					  "parentRunID",
					  NULL };
static const char *const step_server[] = { "stepOrder",      "testStepType",
					   "step",           "testData",
					   "expectedResult", "bddStep",
					   "attachments",    "updatedDate",
					   "referencedTest", "referencedTestSteps",
					   "assignedByID",   "assignmentDate",
					   "gherkinKeyword", NULL };

static const char *const comment_server[] = { "authorID", "createdDate", "updatedDate", NULL };
static const char *const status_server[] = { "description", NULL };

static void leave_out(cJSON *object, const char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++)
		cJSON_DeleteItemFromObjectCaseSensitive(object, names[i]);
}

/* Of a run or a step: what is read-only in its status and comments. */
static void leave_out_within(cJSON *of, const char *status)
{
	cJSON *comment;

	leave_out(cJSON_GetObjectItemCaseSensitive(of, status), status_server);
	cJSON_ArrayForEach(comment, cJSON_GetObjectItemCaseSensitive(of, "comments"))
		leave_out(comment, comment_server);
}

/* ---- reading, merging, writing ---- */

static int read_whole(struct remote *r, const struct args *a, const char *doing, const char *path,
		      const char *one, const char *two, cJSON **out)
{
	int rc = tcms_read(r, a, doing, out, path, one, two, "needDataInRTF");

	if (rc == EXIT_OK && !cJSON_IsObject(*out)) {
		cJSON_Delete(*out);
		return remote_wrong(r, "cannot %s: the answer is no object", doing);
	}
	return rc;
}

static void set_text(const struct args *a, const char *option, cJSON *object, const char *name)
{
	if (args_has(a, option))
		sink_set_string(object, name, args_get(a, option));
}

static void set_named(const struct args *a, const char *option, cJSON *object, const char *name)
{
	if (!args_has(a, option))
		return;
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	sink_set_string(cJSON_AddObjectToObject(object, name), "name", args_get(a, option));
}

/* Members of a body made by the functions that also make new things; lists replace those that were there, but
 * custom fields and tags are joined to them. */
static int merge(struct remote *r, const struct args *a, const char *kind, cJSON *object)
{
	static const char *const keyed[] = { "customFields", "tags", NULL };
	struct buf b = BUF_LIMIT(BODY_MAX);
	cJSON *more = NULL, *item;

	buf_putc(&b, '{');
	tcms_put_texts(a, "task", "jiraTaskIDs", &b);
	tcms_put_texts(a, "requirement", "jiraRequirementIDs", &b);
	int rc = tcms_put_numbers(r, a, "release", "jiraReleaseIDs", &b);
	if (rc == EXIT_OK)
		rc = tcms_put_numbers(r, a, "component", "jiraComponentIDs", &b);
	if (rc == EXIT_OK)
		rc = tcms_put_date(r, a, "starts", "startDate", &b);
	if (rc == EXIT_OK)
		rc = tcms_put_date(r, a, "ends", "endDate", &b);
	if (rc == EXIT_OK)
		rc = tcms_put_fields(r, a, &b, false);
	if (rc == EXIT_OK)
		rc = tcms_put_tags(r, a, &b);
	if (rc == EXIT_OK)
		rc = tcms_put_folder(r, a, kind, &b, false);
	buf_putc(&b, '}');
	if (rc == EXIT_OK)
		more = cJSON_Parse(b.data);
	buf_done(&b);
	if (rc == EXIT_OK && more == NULL)
		rc = remote_wrong(r, "the change is too long");
	while (rc == EXIT_OK && more != NULL && (item = more->child) != NULL) {
		const char *name = item->string;
		bool joined = strcmp(name, keyed[0]) == 0 || strcmp(name, keyed[1]) == 0;
		cJSON *there = cJSON_GetObjectItemCaseSensitive(object, name);
		cJSON_DetachItemViaPointer(more, item);
		if (!joined || !cJSON_IsArray(there)) {
			cJSON_DeleteItemFromObjectCaseSensitive(object, name);
			cJSON_AddItemToObject(object, name, item);
			continue;
		}
		while (item->child != NULL) {
			cJSON *one = cJSON_DetachItemViaPointer(item, item->child), *old, *next;
			const cJSON *tag = cJSON_GetObjectItemCaseSensitive(one, "tag");
			int64_t id = sink_int(tag != NULL ? tag : one, "ID", -1);
			for (old = there->child; old != NULL; old = next) {
				const cJSON *own = cJSON_GetObjectItemCaseSensitive(old, "tag");
				next = old->next;
				if (sink_int(own != NULL ? own : old, "ID", -2) == id)
					cJSON_Delete(cJSON_DetachItemViaPointer(there, old));
			}
			cJSON_AddItemToArray(there, one);
		}
		cJSON_Delete(item);
	}
	cJSON_Delete(more);
	return rc;
}

/* Sends the document; it is deleted here. */
static int write_whole(struct remote *r, const struct args *a, enum method method, const char *doing,
		       const char *path, const char *one, const char *two, cJSON *document)
{
	struct request req;
	cJSON *after = NULL;
	char *text = cJSON_PrintUnformatted(document);
	int rc = tcms_begin(r, a, &req, method, true, path, one, two);

	cJSON_Delete(document);
	if (rc == EXIT_OK) {
		tcms_begin_arg(&req, "needDataInRTF", "true");
		buf_puts(&req.body, text != NULL ? text : "{}");
		rc = remote_ask(r, &req, doing, &after);
	}
	free(text);
	if (rc == EXIT_OK && a->json)
		table_json(after);
	if (rc == EXIT_OK)
		cJSON_Delete(after);
	return rc;
}

static bool changes(const struct args *a)
{
	for (size_t i = 0; i < a->options; i++) {
		const char *name = a->option[i].name;
		if (strcmp(name, "json") != 0 && strcmp(name, "sink") != 0 && strcmp(name, "timeout") != 0 &&
		    strcmp(name, "project") != 0)
			return true;
	}
	return false;
}

int tcms_cycles_update(struct remote *r, const struct args *a)
{
	cJSON *cycle;

	if (!changes(a))
		return cli_usage(r->command, "cycles update: say what to change");
	int rc = read_whole(r, a, "read the cycle", "testcycle/{}/detail", a->word[0], NULL, &cycle);
	if (rc != EXIT_OK)
		return rc;
	leave_out(cycle, cycle_server);
	set_text(a, "title", cycle, "title");
	set_text(a, "objective", cycle, "objective");
	set_text(a, "owner", cycle, "ownedByID");
	rc = merge(r, a, "testcycle", cycle);
	if (rc == EXIT_OK)
		return write_whole(r, a, METHOD_PUT, "change the cycle", "testcycle/{}/detail", a->word[0],
				   NULL, cycle);
	cJSON_Delete(cycle);
	return rc;
}

int tcms_cases_update(struct remote *r, const struct args *a)
{
	cJSON *found;

	if (!changes(a))
		return cli_usage(r->command, "cases update: say what to change");
	int rc = read_whole(r, a, "read the case", "testcase/{}/detail", a->word[0], NULL, &found);
	if (rc != EXIT_OK)
		return rc;
	leave_out(found, case_server);
	set_text(a, "title", found, "title");
	set_text(a, "description", found, "description");
	set_text(a, "precondition", found, "precondition");
	set_text(a, "automation-key", found, "automationKey");
	set_text(a, "owner", found, "ownedByID");
	set_named(a, "status", found, "status");
	set_named(a, "priority", found, "priority");
	set_named(a, "type", found, "type");
	set_named(a, "automation-status", found, "automationStatus");
	rc = merge(r, a, "testcase", found);
	if (rc == EXIT_OK)
		return write_whole(r, a, METHOD_PUT, "change the case", "testcase/{}/detail", a->word[0],
				   NULL, found);
	cJSON_Delete(found);
	return rc;
}

/* ---- steps of a run ---- */

/* The N-th step, counted from 1. */
static cJSON *step_at(cJSON *steps, const char *text, size_t len)
{
	char number[16];

	if (len == 0 || len >= sizeof(number) || strspn(text, "0123456789") < len)
		return NULL;
	memcpy(number, text, len);
	number[len] = '\0';
	long n = strtol(number, NULL, 10);
	return n >= 1 && n <= STEPS_MAX ? cJSON_GetArrayItem(steps, (int)n - 1) : NULL;
}

/* "2=Failed" or "2=Failed: what was seen" */
static int change_step(const struct remote *r, cJSON *steps, const char *text)
{
	static const char *const words[] = { "Not Run", "In Progress", "Passed", "Failed", "Blocked", NULL };
	size_t len = strcspn(text, "=");
	cJSON *step = step_at(steps, text, len);
	const char *name = NULL, *status = text + len + (text[len] == '=');
	size_t status_len = strcspn(status, ":");

	if (text[len] != '=')
		return cli_usage(r->command, "a step is N=STATUS or N=STATUS: WHAT WAS SEEN, not \"%s\"",
				 text);
	for (size_t i = 0; words[i] != NULL; i++) {
		if (strlen(words[i]) == status_len && strncasecmp(words[i], status, status_len) == 0)
			name = words[i];
	}
	if (name == NULL)
		return cli_usage(
			r->command,
			"\"%.*s\" is no status of a step (Not Run, In Progress, Passed, Failed, Blocked)",
			(int)status_len, status);
	if (step == NULL)
		return remote_wrong(r, "the run has no step %.*s (it has %d)", (int)len, text,
				    cJSON_GetArraySize(steps));
	cJSON_DeleteItemFromObjectCaseSensitive(step, "testRunStepStatus");
	sink_set_string(cJSON_AddObjectToObject(step, "testRunStepStatus"), "name", name);
	if (status[status_len] == ':')
		sink_set_string(step, "actualResult",
				status + status_len + 1 + strspn(status + status_len + 1, " "));
	return EXIT_OK;
}

int tcms_runs_steps(struct remote *r, const struct args *a)
{
	bool number = strspn(a->word[1], "0123456789") == strlen(a->word[1]);
	char id[32];
	cJSON *run, *step;
	int rc = EXIT_OK;

	if (number) {
		rc = read_whole(r, a, "read the run", "testcycle/{}/testrun/{}", a->word[0], a->word[1],
				&run);
	} else {
		/* The latest run of a case tells its steps only where they are asked for; its id is enough here. */
		cJSON *latest;
		rc = tcms_read(r, a, "read the run", &latest, "testcycle/{}/testcase/{}/testrun", a->word[0],
			       a->word[1], NULL);
		if (rc != EXIT_OK)
			return rc;
		snprintf(id, sizeof(id), "%" PRId64, sink_int(latest, "ID", -1));
		cJSON_Delete(latest);
		rc = read_whole(r, a, "read the run", "testcycle/{}/testrun/{}", a->word[0], id, &run);
	}
	if (rc != EXIT_OK)
		return rc;
	snprintf(id, sizeof(id), "%" PRId64, sink_int(run, "ID", -1));
	leave_out(run, run_server);
	leave_out_within(run, "testRunStatus");
	cJSON *steps = cJSON_GetObjectItemCaseSensitive(run, "testRunSteps");
	cJSON_ArrayForEach(step, steps)
	{
		leave_out(step, step_server);
		leave_out_within(step, "testRunStepStatus");
	}
	for (size_t i = 2; rc == EXIT_OK && i < a->words; i++)
		rc = change_step(r, steps, a->word[i]);
	set_named(a, "status", run, "testRunStatus");
	if (rc == EXIT_OK)
		return write_whole(r, a, METHOD_POST, "change the run", "testcycle/{}/testrun/{}", a->word[0],
				   id, run);
	cJSON_Delete(run);
	return rc;
}

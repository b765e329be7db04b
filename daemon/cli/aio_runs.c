/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_runs.c - runs of cases in a cycle of AIO Tests: listed, shown, marked, commented, reset, deleted. */
#include "daemon/cli/aio.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct column card[] = {
	{ "Run", "ID", COLUMN_TEXT },
	{ "Status", "testRunStatus.name", COLUMN_TEXT },
	{ "Effort", "effort", COLUMN_SPAN },
	{ "Automated", "isAutomated", COLUMN_TEXT },
	{ "Executed by", "executedByID", COLUMN_TEXT },
	{ "Created (UTC)", "createdDate", COLUMN_TIME },
	{ "Updated (UTC)", "updatedDate", COLUMN_TIME },
	{ "Defects", "jiraDefectIDs", COLUMN_TEXT },
	{ "Fields", "customFields.name", COLUMN_TEXT },
	{ "Values", "customFields.value", COLUMN_TEXT },
	{ "Permission", "permission.value", COLUMN_TEXT },
	{ "Restricted", "permission.error", COLUMN_TEXT },
	{ "Attachments", "attachments.name", COLUMN_TEXT },
	{ 0 },
};

static const struct column step_columns[] = {
	{ "STEP", "stepOrder", COLUMN_TEXT },
	{ "ID", "ID", COLUMN_TEXT },
	{ "STATUS", "testRunStepStatus.name", COLUMN_TEXT },
	{ "ACTUAL RESULT", "actualResult", COLUMN_TEXT },
	{ "ACTION", "step", COLUMN_TEXT },
	{ 0 },
};

static const struct column comment_columns[] = {
	{ "COMMENTED (UTC)", "createdDate", COLUMN_TIME },
	{ "BY", "authorID", COLUMN_TEXT },
	{ "COMMENT", "comment", COLUMN_TEXT },
	{ 0 },
};

static void rows(const struct column *columns, const cJSON *list)
{
	struct table t;
	const cJSON *item;

	if (cJSON_GetArraySize(list) == 0)
		return;
	putchar('\n');
	table_begin(&t, columns, false);
	cJSON_ArrayForEach(item, list) table_row(&t, item);
	table_end(&t, "");
}

static int show(const struct args *a, cJSON *run)
{
	table_card(card, run, a->json);
	if (!a->json) {
		rows(step_columns, cJSON_GetObjectItemCaseSensitive(run, "testRunSteps"));
		rows(comment_columns, cJSON_GetObjectItemCaseSensitive(run, "comments"));
	}
	cJSON_Delete(run);
	return EXIT_OK;
}

/* Newest run first, one row a run; the item's own ID is the association's, no run's. */
static void run_rows(struct table *t, const cJSON *item)
{
	const cJSON *run, *runs = cJSON_GetObjectItemCaseSensitive(item, "runs");

	cJSON_ArrayForEach(run, runs)
	{
		cJSON *row = cJSON_CreateObject();
		cJSON_AddItemToObject(
			row, "testCase",
			cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(item, "testCase"), true));
		cJSON_AddItemToObject(row, "run", cJSON_Duplicate(run, true));
		table_row(t, row);
		cJSON_Delete(row);
	}
	if (cJSON_GetArraySize(runs) == 0)
		table_row(t, item);
}

struct listing {
	struct table table;
	int64_t left; /* cases */
};

static bool on_item(void *cookie, const cJSON *item)
{
	struct listing *l = cookie;

	if (l->table.json)
		table_row(&l->table, item);
	else
		run_rows(&l->table, item);
	return --l->left > 0;
}

int tcms_runs_list(struct remote *r, const struct args *a)
{
	static const struct column columns[] = {
		{ "CASE", "testCase.key", COLUMN_TEXT },
		{ "RUN", "run.ID", COLUMN_TEXT },
		{ "STATUS", "run.testRunStatus.name", COLUMN_TEXT },
		{ "CREATED (UTC)", "run.createdDate", COLUMN_TIME },
		{ "UPDATED (UTC)", "run.updatedDate", COLUMN_TIME },
		{ "TITLE", "testCase.title", COLUMN_TEXT },
		{ 0 },
	};
	const struct tcms_list list = { .path = "testcycle/{}/testrun",
					.id = a->word[0],
					.doing = "list runs" };
	struct listing l = { .left = a->limit };
	bool more = false;

	table_begin(&l.table, columns, a->json);
	int rc = tcms_each(r, a, &list, a->offset, on_item, &l, &more);
	table_end(&l.table, rc == EXIT_OK ? "The cycle has no runs." : NULL);
	if (more)
		fprintf(stderr, "There are more cases: --offset %" PRId64 ", or --all.\n",
			a->offset + a->limit);
	return rc;
}

int tcms_runs_latest(struct remote *r, const struct args *a)
{
	cJSON *run;
	int rc = tcms_read(r, a, "read the latest run", &run, "testcycle/{}/testcase/{}/testrun", a->word[0],
			   a->word[1], "fetchDetails");

	return rc == EXIT_OK ? show(a, run) : rc;
}

int tcms_runs_show(struct remote *r, const struct args *a)
{
	cJSON *run;
	int rc = tcms_read(r, a, "read the run", &run, "testcycle/{}/testrun/{}", a->word[0], a->word[1],
			   NULL);

	return rc == EXIT_OK ? show(a, run) : rc;
}

/* Both wipe what was recorded, so the run's number is typed once more. */
static int wipe(struct remote *r, const struct args *a, enum method method, const char *path,
		const char *doing, bool answers)
{
	struct request req;
	cJSON *run = NULL;

	if (!remote_confirmed(r, answers ? "wipes" : "deletes", "run", a->word[1], args_get(a, "confirm")))
		return EXIT_USAGE;
	int rc = tcms_begin(r, a, &req, method, true, path, a->word[0], a->word[1]);
	struct tcms_look look = {
		.r = r, .a = a, .path = "testcycle/{}/testrun/{}", .one = a->word[0], .two = a->word[1]
	};
	if (rc == EXIT_OK)
		rc = answers ? remote_ask(r, &req, doing, &run)
			     : remote_sure(r, &req, doing, NULL, tcms_look_gone, &look);
	if (rc == EXIT_OK && answers)
		return show(a, run);
	if (rc == EXIT_OK && a->json)
		puts("{}");
	return rc;
}

int tcms_runs_reset(struct remote *r, const struct args *a)
{
	return wipe(r, a, METHOD_PUT, "testcycle/{}/testrun/{}/reset", "reset the run", true);
}

int tcms_runs_delete(struct remote *r, const struct args *a)
{
	return wipe(r, a, METHOD_DELETE, "testcycle/{}/testrun/{}", "delete the run", false);
}

/* ---- marks ---- */

int tcms_runs_update(struct remote *r, const struct args *a)
{
	static const char *const wanted[] = { "status", "comment",   "effort", "defect",
					      "field",  "automated", NULL };
	struct request req;
	cJSON *marked;
	bool any = false;
	int automated;
	int rc = args_yes(r, a, "automated", &automated);

	for (size_t i = 0; wanted[i] != NULL; i++)
		any = any || args_has(a, wanted[i]);
	if (rc == EXIT_OK && !any)
		rc = cli_usage(r->command, "runs update: say what to change");
	if (rc == EXIT_OK)
		rc = tcms_begin(r, a, &req, METHOD_POST, true, "testcycle/{}/testcase/{}/testrun", a->word[0],
				a->word[1]);
	if (rc != EXIT_OK)
		return rc;
	tcms_begin_arg(&req, "createNewRun", args_has(a, "new-run") ? "true" : "false");
	buf_putc(&req.body, '{');
	json_field(&req.body, "testRunStatus", args_get(a, "status"));
	if (automated >= 0)
		json_field_bool(&req.body, "isAutomated", automated != 0);
	tcms_put_texts(a, "comment", "comments", &req.body);
	rc = tcms_put_effort(r, a, &req.body);
	if (rc == EXIT_OK)
		rc = tcms_put_defects(r, a, &req.body);
	if (rc == EXIT_OK)
		rc = tcms_put_fields(r, a, &req.body, true);
	buf_putc(&req.body, '}');
	if (rc != EXIT_OK) {
		request_done(&req);
		return rc;
	}
	rc = remote_ask(r, &req, "mark the case", &marked);
	if (rc != EXIT_OK)
		return rc;
	static const struct column told[] = {
		{ "Cycle", "testCycleKey", COLUMN_TEXT },
		{ "Case", "testCaseKey", COLUMN_TEXT },
		{ "Run", "ID", COLUMN_TEXT },
		{ "Status", "testRunStatus", COLUMN_TEXT },
		{ "Effort", "effort", COLUMN_SPAN },
		{ "Defects", "jiraDefectIDs", COLUMN_TEXT },
		{ "Updated (UTC)", "updatedDate", COLUMN_TIME },
		{ "Comments", "comments", COLUMN_TEXT },
		{ 0 },
	};
	table_card(told, marked, a->json);
	cJSON_Delete(marked);
	return EXIT_OK;
}

int tcms_runs_comment(struct remote *r, const struct args *a)
{
	bool number = strspn(a->word[1], "0123456789") == strlen(a->word[1]);
	struct request req;
	cJSON *comment;
	int rc = tcms_begin(r, a, &req, METHOD_POST, true,
			    number ? "testcycle/{}/testrun/{}/comment" : "testcycle/{}/testcase/{}/comment",
			    a->word[0], a->word[1]);

	if (rc != EXIT_OK)
		return rc;
	buf_putc(&req.body, '{');
	json_field(&req.body, "comment", a->word[2]);
	buf_putc(&req.body, '}');
	rc = remote_ask(r, &req, "comment the run", &comment);
	if (rc == EXIT_OK && a->json)
		table_json(comment);
	if (rc == EXIT_OK)
		cJSON_Delete(comment);
	return rc;
}

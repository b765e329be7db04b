/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_bulk.c - cases brought into a cycle, runs of the past, and fields of many runs changed at once. */
#include "daemon/cli/aio.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BODY_MAX = 1 << 20, LIST_MAX = 100, NOT_FOUND = 404 };

/* ---- cases into a cycle ---- */

/* 1: the case is in the cycle; 0: it is not; else an exit code, negative. */
static int has_case(struct remote *r, const struct args *a, const char *key)
{
	struct request req;
	cJSON *run;
	int rc = tcms_begin(r, a, &req, METHOD_GET, false, "testcycle/{}/testcase/{}/testrun", a->word[0],
			    key);

	if (rc == EXIT_OK)
		rc = remote_try(r, &req, "read the latest run", &run);
	if (rc == EXIT_OK) {
		cJSON_Delete(run);
		return 1;
	}
	if (rc == REMOTE_REFUSED && r->status == NOT_FOUND)
		return 0; /* the case is not there, or does not exist at all: adding it tells which */
	return -(rc == REMOTE_REFUSED ? remote_refused(r, "read the latest run") : rc);
}

/* The call makes a further run of a case that is there already: so that is asked first. */
static int add_case(struct remote *r, const struct args *a, const char *key, struct table *t)
{
	struct request req;
	cJSON *run, *row;
	int there = args_has(a, "new-run") ? 0 : has_case(r, a, key);

	if (there < 0)
		return -there;
	if (there > 0) {
		remote_say(r, "%s is in the cycle already (--new-run makes a further run of it)", key);
		return EXIT_OK;
	}
	int rc = tcms_begin(r, a, &req, METHOD_POST, true, "testcycle/{}/testcase/{}", a->word[0], key);
	if (rc != EXIT_OK)
		return rc;
	tcms_begin_arg(&req, "version", args_get(a, "version"));
	/* A further run cannot be told from that which was there before. */
	struct tcms_look look = {
		.r = r, .a = a, .path = "testcycle/{}/testcase/{}/testrun", .one = a->word[0], .two = key
	};
	rc = args_has(a, "new-run") ? remote_ask(r, &req, "add the case", &run)
				    : remote_sure(r, &req, "add the case", &run, tcms_look_there, &look);
	if (rc == EXIT_OK && run == NULL) {
		run = look.found;
		look.found = NULL;
	}
	cJSON_Delete(look.found);
	if (rc != EXIT_OK)
		return rc;
	row = cJSON_CreateObject();
	sink_set_string(row, "testCaseKey", key);
	cJSON_AddItemToObject(row, "run", run);
	table_row(t, row);
	cJSON_Delete(row);
	return EXIT_OK;
}

int tcms_cycles_add(struct remote *r, const struct args *a)
{
	static const struct column columns[] = {
		{ "CASE", "testCaseKey", COLUMN_TEXT },
		{ "RUN", "run.ID", COLUMN_TEXT },
		{ "STATUS", "run.testRunStatus.name", COLUMN_TEXT },
		{ 0 },
	};
	struct table t;
	int64_t version;
	int rc = args_int(r, a, "version", 1, &version);

	if (rc != EXIT_OK)
		return rc;
	table_begin(&t, columns, a->json);
	for (size_t i = 1; rc == EXIT_OK && i < a->words; i++)
		rc = add_case(r, a, a->word[i], &t);
	table_end(&t, rc == EXIT_OK ? "Nothing was added." : NULL);
	return rc;
}

/* ---- a run of the past ---- */

int tcms_runs_migrate(struct remote *r, const struct args *a)
{
	static const struct column told[] = {
		{ "Cycle", "testCycleKey", COLUMN_TEXT },
		{ "Case", "testCaseKey", COLUMN_TEXT },
		{ "Run", "ID", COLUMN_TEXT },
		{ "Status", "testRunStatus", COLUMN_TEXT },
		{ "Effort", "effort", COLUMN_SPAN },
		{ "Executed by", "executedByID", COLUMN_TEXT },
		{ "Defects", "jiraDefectIDs", COLUMN_TEXT },
		{ "Created (UTC)", "createdDate", COLUMN_TIME },
		{ "Comments", "comments", COLUMN_TEXT },
		{ 0 },
	};
	struct buf body = BUF_LIMIT(BODY_MAX);
	struct request req;
	int automated;
	int rc = args_yes(r, a, "automated", &automated);

	if (rc == EXIT_OK && (!args_has(a, "created") || !args_has(a, "status")))
		rc = cli_usage(r->command, "runs migrate: when was it, and how did it end? --created DATE "
					   "--status NAME");
	buf_putc(&body, '{');
	json_field(&body, "testRunStatus", args_get(a, "status"));
	json_field(&body, "executedByID", args_get(a, "executed-by"));
	json_field(&body, "assignedToID", args_get(a, "assign-to"));
	if (automated >= 0)
		json_field_bool(&body, "isAutomated", automated != 0);
	tcms_put_texts(a, "comment", "comments", &body);
	tcms_put_texts(a, "defect", "jiraDefectIDs", &body); /* here keys are as good as numbers */
	if (rc == EXIT_OK)
		rc = tcms_put_effort(r, a, &body);
	if (rc == EXIT_OK)
		rc = tcms_put_date(r, a, "created", "createdDate", &body);
	if (rc == EXIT_OK)
		rc = tcms_put_date(r, a, args_has(a, "updated") ? "updated" : "created", "updatedDate",
				   &body);
	if (rc == EXIT_OK)
		rc = tcms_put_fields(r, a, &body, false);
	buf_putc(&body, '}');
	if (rc == EXIT_OK)
		rc = tcms_begin(r, a, &req, METHOD_POST, true, "testcycle/{}/testcase/{}/testrun/migrate",
				a->word[0], a->word[1]);
	return tcms_told(r, a, rc, &req, &body, "migrate the run", told);
}

/* ---- fields of many runs ---- */

static int put_which(struct remote *r, const struct args *a, struct buf *b)
{
	json_key(b, "testRunSearchRequest");
	buf_putc(b, '{');
	tcms_criterion_texts(a, "case", "key", b);
	tcms_criterion_text(a, "title", "title", args_has(a, "exact"), b);
	tcms_criterion_text(a, "automation-key", "automationKey", args_has(a, "exact"), b);
	tcms_criterion_texts(a, "tag", "tag", b);
	int rc = tcms_criterion_numbers(r, a, "run", "testRunID", b);
	if (rc == EXIT_OK)
		rc = tcms_criterion_numbers(r, a, "folder-id", "folderID", b);
	if (rc == EXIT_OK)
		rc = tcms_criterion_statuses(r, a, "was", true, b);
	buf_putc(b, '}');
	return rc;
}

static int put_change(struct remote *r, const struct args *a, struct buf *b)
{
	int automated;
	int rc = args_yes(r, a, "automated", &automated);

	json_key(b, "testRunBulkUpdateRequest");
	buf_putc(b, '{');
	if (args_has(a, "status")) {
		json_key(b, "testRunStatus");
		buf_putc(b, '{');
		json_field(b, "name", args_get(a, "status"));
		buf_putc(b, '}');
	}
	if (automated >= 0)
		json_field_bool(b, "isAutomated", automated != 0);
	if (rc == EXIT_OK)
		rc = tcms_put_effort(r, a, b);
	if (rc == EXIT_OK)
		rc = tcms_put_defects(r, a, b);
	if (rc == EXIT_OK)
		rc = tcms_put_fields(r, a, b, true);
	buf_putc(b, '}');
	return rc;
}

static bool has_any(const struct args *a, const char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++) {
		if (args_has(a, names[i]))
			return true;
	}
	return false;
}

static int check_change(const struct remote *r, const struct args *a)
{
	static const char *const which[] = { "case",      "title", "automation-key", "tag", "run",
					     "folder-id", "was",   "every",          NULL };
	static const char *const what[] = { "status", "automated", "effort", "defect", "field", NULL };
	static const char *const lists[] = { "case", "tag", "run", "folder-id", "was", NULL };

	if (!has_any(a, which))
		return cli_usage(r->command,
				 "runs change: which runs? --case, --was, --tag, ..., or --every");
	if (!has_any(a, what))
		return cli_usage(r->command, "runs change: say what to change");
	for (size_t i = 0; lists[i] != NULL; i++) {
		size_t at = 0, n = 0;
		while (args_next(a, lists[i], &at) != NULL)
			n++;
		if (n > LIST_MAX)
			return cli_usage(r->command, "runs change: at most %d times --%s", LIST_MAX,
					 lists[i]);
	}
	return args_has(a, "wait") && !args_has(a, "batch")
		       ? cli_usage(r->command, "runs change: --wait is for --batch, the rest is waited for")
		       : EXIT_OK;
}

int tcms_runs_change(struct remote *r, const struct args *a)
{
	bool batch = args_has(a, "batch");
	struct buf body = BUF_LIMIT(BODY_MAX);
	struct request req;
	cJSON *answer;
	int rc = check_change(r, a);

	buf_putc(&body, '{');
	if (rc == EXIT_OK)
		rc = put_which(r, a, &body);
	if (rc == EXIT_OK)
		rc = put_change(r, a, &body);
	buf_putc(&body, '}');
	if (rc == EXIT_OK)
		rc = tcms_begin(r, a, &req, METHOD_PUT, true,
				batch ? "testcycle/{}/bulk/testrun/batch" : "testcycle/{}/bulk/testrun",
				a->word[0]);
	if (rc == EXIT_OK) {
		buf_append(&req.body, body.data, body.len);
		rc = remote_ask(r, &req, "change the runs", &answer);
	}
	buf_done(&body);
	if (rc != EXIT_OK)
		return rc;
	return batch ? tcms_batch_begun(r, a, answer) : tcms_counted(r, a, answer, "runs are changed");
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_cases.c - cases of AIO Tests: found, shown, made; and what was run for a requirement. */
#include "daemon/cli/aio.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BODY_MAX = 1 << 20 };

static const struct column columns[] = {
	{ "KEY", "key", COLUMN_TEXT },
	{ "STATUS", "status.name", COLUMN_TEXT },
	{ "PRIORITY", "priority.name", COLUMN_TEXT },
	{ "FOLDER", "folder.name", COLUMN_TEXT },
	{ "AUTOMATION KEY", "automationKey", COLUMN_TEXT },
	{ "TITLE", "title", COLUMN_TEXT },
	{ 0 },
};

static const struct column card[] = {
	{ "Key", "key", COLUMN_TEXT },
	{ "Id", "ID", COLUMN_TEXT },
	{ "Version", "version", COLUMN_TEXT },
	{ "Title", "title", COLUMN_TEXT },
	{ "Description", "description", COLUMN_TEXT },
	{ "Precondition", "precondition", COLUMN_TEXT },
	{ "Folder", "folder.name", COLUMN_TEXT },
	{ "Status", "status.name", COLUMN_TEXT },
	{ "Priority", "priority.name", COLUMN_TEXT },
	{ "Type", "type.name", COLUMN_TEXT },
	{ "Script", "scriptType.name", COLUMN_TEXT },
	{ "Steps", "steps.step", COLUMN_TEXT },
	{ "Automation", "automationStatus.name", COLUMN_TEXT },
	{ "Automation key", "automationKey", COLUMN_TEXT },
	{ "Automation owner", "automationOwnerID", COLUMN_TEXT },
	{ "Owner", "ownedByID", COLUMN_TEXT },
	{ "Requirements", "jiraRequirementIDs", COLUMN_TEXT },
	{ "Tags", "tags.tag.name", COLUMN_TEXT },
	{ "Releases", "jiraReleaseIDs", COLUMN_TEXT },
	{ "Components", "jiraComponentIDs", COLUMN_TEXT },
	{ "Fields", "customFields.name", COLUMN_TEXT },
	{ "Values", "customFields.value", COLUMN_TEXT },
	{ "Estimate", "estimatedEffort", COLUMN_SPAN },
	{ "Created (UTC)", "createdDate", COLUMN_TIME },
	{ "Updated (UTC)", "updatedDate", COLUMN_TIME },
	{ "Archived", "isArchived", COLUMN_TEXT },
	{ "Permission", "permission.value", COLUMN_TEXT },
	{ "Restricted", "permission.error", COLUMN_TEXT },
	{ "Attachments", "attachments.name", COLUMN_TEXT },
	{ 0 },
};

int tcms_cases_list(struct remote *r, const struct args *a)
{
	const struct tcms_list l = { .path = "testcase", .doing = "list cases" };

	return tcms_table(r, a, &l, columns, "There are no cases.");
}

int tcms_cases_search(struct remote *r, const struct args *a)
{
	struct buf body = BUF_LIMIT(BODY_MAX);
	bool exact = args_has(a, "exact");

	buf_putc(&body, '{');
	tcms_criterion_text(a, "title", "title", exact, &body);
	tcms_criterion_text(a, "automation-key", "automationKey", exact, &body);
	tcms_criterion_texts(a, "key", "key", &body);
	tcms_criterion_texts(a, "tag", "tag", &body);
	tcms_criterion_texts(a, "requirement", "requirementID", &body);
	int rc = tcms_criterion_numbers(r, a, "folder-id", "folderID", &body);
	if (rc == EXIT_OK)
		rc = tcms_criterion_flag(r, a, "archived", "isArchived", &body);
	if (rc == EXIT_OK)
		rc = tcms_criterion_statuses(r, a, "status", false, &body);
	buf_putc(&body, '}');
	if (rc == EXIT_OK) {
		const struct tcms_list l = { .path = "testcase/search",
					     .body = body.data,
					     .doing = "search cases" };
		rc = tcms_table(r, a, &l, columns, "There are no such cases.");
	}
	buf_done(&body);
	return rc;
}

int tcms_cases_show(struct remote *r, const struct args *a)
{
	cJSON *found;
	int rc = tcms_read(r, a, "read the case", &found, "testcase/{}/detail", a->word[0], NULL,
			   "needAttachments");

	if (rc != EXIT_OK)
		return rc;
	table_card(card, found, a->json);
	cJSON_Delete(found);
	return EXIT_OK;
}

static void put_named(const struct args *a, const char *option, const char *key, const char *otherwise,
		      struct buf *b)
{
	const char *name = args_get(a, option);

	if (name == NULL)
		name = otherwise;
	if (name == NULL)
		return;
	json_key(b, key);
	buf_putc(b, '{');
	json_field(b, "name", name);
	buf_putc(b, '}');
}

/* "ACTION" or "ACTION => RESULT" */
static void put_steps(const struct args *a, struct buf *b)
{
	const char *text;
	size_t at = 0;

	if (!args_has(a, "step"))
		return;
	json_key(b, "steps");
	buf_putc(b, '[');
	while ((text = args_next(a, "step", &at)) != NULL) {
		const char *arrow = strstr(text, " => ");
		json_sep(b);
		buf_puts(b, "{\"stepType\":\"TEXT\"");
		json_field_n(b, "step", text, arrow != NULL ? (size_t)(arrow - text) : strlen(text));
		json_field(b, "expectedResult", arrow != NULL ? arrow + 4 : NULL);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

static int put_case(struct remote *r, const struct args *a, struct buf *b)
{
	json_field(b, "title", a->word[0]);
	json_field(b, "description", args_get(a, "description"));
	json_field(b, "precondition", args_get(a, "precondition"));
	json_field(b, "automationKey", args_get(a, "automation-key"));
	json_field(b, "ownedByID", args_get(a, "owner"));
	/* A draft cannot go into a cycle: what nothing else is said of is published.  Steps want a script type. */
	put_named(a, "status", "status", "Published", b);
	put_named(a, "priority", "priority", NULL, b);
	put_named(a, "type", "type", NULL, b);
	put_named(a, "script-type", "scriptType", args_has(a, "step") ? "Classic" : NULL, b);
	put_named(a, "automation-status", "automationStatus",
		  args_has(a, "automation-key") ? "Automated" : NULL, b);
	put_steps(a, b);
	tcms_put_texts(a, "requirement", "jiraRequirementIDs", b);
	int rc = tcms_put_numbers(r, a, "release", "jiraReleaseIDs", b);
	if (rc == EXIT_OK)
		rc = tcms_put_numbers(r, a, "component", "jiraComponentIDs", b);
	if (rc == EXIT_OK)
		rc = tcms_put_fields(r, a, b, false);
	if (rc == EXIT_OK)
		rc = tcms_put_tags(r, a, b);
	return rc == EXIT_OK ? tcms_put_folder(r, a, "testcase", b, false) : rc;
}

int tcms_cases_create(struct remote *r, const struct args *a)
{
	struct buf body = BUF_LIMIT(BODY_MAX);
	struct request req;

	buf_putc(&body, '{');
	int rc = put_case(r, a, &body);
	buf_putc(&body, '}');
	if (rc == EXIT_OK)
		rc = tcms_begin(r, a, &req, METHOD_POST, true, "testcase");
	/* Nobody can delete a case by this interface: one with the same automation key is refused. */
	if (rc == EXIT_OK && args_has(a, "automation-key"))
		tcms_begin_arg(&req, "uniqueAutoKey", "true");
	return tcms_told(r, a, rc, &req, &body, "make the case", card);
}

/* ---- traceability ---- */

/* One row a run; a case that was never run has one, too. */
static void trace_rows(struct table *t, const cJSON *traced)
{
	const cJSON *test = cJSON_GetObjectItemCaseSensitive(traced, "testCase"), *run;
	const cJSON *runs = cJSON_GetObjectItemCaseSensitive(traced, "testRuns");

	if (cJSON_GetArraySize(runs) == 0) {
		table_row(t, traced);
		return;
	}
	cJSON_ArrayForEach(run, runs)
	{
		cJSON *row = cJSON_CreateObject();
		cJSON_AddItemToObject(row, "testCase", cJSON_Duplicate(test, true));
		cJSON_AddItemToObject(row, "run", cJSON_Duplicate(run, true));
		table_row(t, row);
		cJSON_Delete(row);
	}
}

int tcms_traceability(struct remote *r, const struct args *a)
{
	static const struct column told[] = {
		{ "CASE", "testCase.key", COLUMN_TEXT },
		{ "STATUS", "run.testRunStatus.name", COLUMN_TEXT },
		{ "RUN", "run.ID", COLUMN_TEXT },
		{ "CREATED (UTC)", "run.createdDate", COLUMN_TIME },
		{ "EXECUTED BY", "run.executedByID", COLUMN_TEXT },
		{ "TITLE", "testCase.title", COLUMN_TEXT },
		{ 0 },
	};
	char runs[32] = "", days[32] = "";
	struct request req;
	struct table t;
	const cJSON *traced;
	cJSON *root;
	int64_t n = 0, since = 0;
	int rc = args_int(r, a, "runs", 1, &n);

	if (rc == EXIT_OK)
		rc = args_int(r, a, "days", 1, &since);
	if (rc == EXIT_OK)
		rc = tcms_begin(r, a, &req, METHOD_GET, false, "traceability/requirement/{}", a->word[0]);
	if (rc != EXIT_OK)
		return rc;
	snprintf(runs, sizeof(runs), "%" PRId64, n);
	snprintf(days, sizeof(days), "%" PRId64, since);
	tcms_begin_arg(&req, "maxRunCount", n > 0 ? runs : NULL);
	tcms_begin_arg(&req, "runCreatedSinceDays", since > 0 ? days : NULL);
	tcms_begin_arg(&req, "includeAllVersions", args_has(a, "all-versions") ? "true" : NULL);
	rc = remote_ask(r, &req, "trace the requirement", &root);
	if (rc != EXIT_OK)
		return rc;
	if (a->json) {
		table_json(root);
	} else {
		table_begin(&t, told, false);
		cJSON_ArrayForEach(traced, root) trace_rows(&t, traced);
		table_end(&t, "No case covers it.");
	}
	cJSON_Delete(root);
	return EXIT_OK;
}

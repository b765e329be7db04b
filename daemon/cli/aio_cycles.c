/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_cycles.c - cycles and sets of AIO Tests: found, shown, made, locked, closed, deleted. */
#include "daemon/cli/aio.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BODY_MAX = 1 << 20 };

static const struct column columns[] = {
	{ "KEY", "key", COLUMN_TEXT },
	{ "CREATED (UTC)", "createdDate", COLUMN_TIME },
	{ "FOLDER", "folder.name", COLUMN_TEXT },
	{ "LOCKED", "isLockedForEdit", COLUMN_TEXT },
	{ "CLOSED", "isClosed", COLUMN_TEXT },
	{ "TITLE", "title", COLUMN_TEXT },
	{ 0 },
};

static const struct column card[] = {
	{ "Key", "key", COLUMN_TEXT },
	{ "Id", "ID", COLUMN_TEXT },
	{ "Title", "title", COLUMN_TEXT },
	{ "Objective", "objective", COLUMN_TEXT },
	{ "Folder", "folder.name", COLUMN_TEXT },
	{ "Owner", "ownedByID", COLUMN_TEXT },
	{ "Tags", "tags.tag.name", COLUMN_TEXT },
	{ "Tasks", "jiraTaskIDs", COLUMN_TEXT },
	{ "Releases", "jiraReleaseIDs", COLUMN_TEXT },
	{ "Components", "jiraComponentIDs", COLUMN_TEXT },
	{ "Fields", "customFields.name", COLUMN_TEXT },
	{ "Values", "customFields.value", COLUMN_TEXT },
	{ "Starts (UTC)", "startDate", COLUMN_TIME },
	{ "Ends (UTC)", "endDate", COLUMN_TIME },
	{ "Created (UTC)", "createdDate", COLUMN_TIME },
	{ "Updated (UTC)", "updatedDate", COLUMN_TIME },
	{ "Locked", "isLockedForEdit", COLUMN_TEXT },
	{ "Closed", "isClosed", COLUMN_TEXT },
	{ "Closed (UTC)", "closedDate", COLUMN_TIME },
	{ "Closed by", "closedByID", COLUMN_TEXT },
	{ "Archived", "isArchived", COLUMN_TEXT },
	{ "Permission", "permission.value", COLUMN_TEXT },
	{ "Restricted", "permission.error", COLUMN_TEXT },
	{ "Attachments", "attachments.name", COLUMN_TEXT },
	{ 0 },
};

static int show(const struct args *a, cJSON *cycle)
{
	table_card(card, cycle, a->json);
	cJSON_Delete(cycle);
	return EXIT_OK;
}

int tcms_cycles_list(struct remote *r, const struct args *a)
{
	const struct tcms_list l = { .path = "testcycle", .doing = "list cycles" };

	return tcms_table(r, a, &l, columns, "There are no cycles.");
}

int tcms_cycles_search(struct remote *r, const struct args *a)
{
	struct buf body = BUF_LIMIT(BODY_MAX);

	buf_putc(&body, '{');
	tcms_criterion_text(a, "title", "title", args_has(a, "exact"), &body);
	tcms_criterion_texts(a, "key", "key", &body);
	tcms_criterion_texts(a, "tag", "tag", &body);
	tcms_criterion_texts(a, "task", "taskID", &body);
	int rc = tcms_criterion_numbers(r, a, "folder-id", "folderID", &body);
	if (rc == EXIT_OK)
		rc = tcms_criterion_flag(r, a, "locked", "isLockedForEdit", &body);
	if (rc == EXIT_OK)
		rc = tcms_criterion_flag(r, a, "closed", "isClosed", &body);
	if (rc == EXIT_OK)
		rc = tcms_criterion_flag(r, a, "archived", "isArchived", &body);
	buf_putc(&body, '}');
	if (rc == EXIT_OK) {
		const struct tcms_list l = { .path = "testcycle/search",
					     .body = body.data,
					     .doing = "search cycles" };
		rc = tcms_table(r, a, &l, columns, "There are no such cycles.");
	}
	buf_done(&body);
	return rc;
}

int tcms_cycles_show(struct remote *r, const struct args *a)
{
	cJSON *cycle;
	int rc = tcms_read(r, a, "read the cycle", &cycle, "testcycle/{}/detail", a->word[0], NULL,
			   "needAttachments");

	return rc == EXIT_OK ? show(a, cycle) : rc;
}

/* ---- summary ---- */

/* Counts by name: the distribution has ids only. */
static void name_counts(cJSON *summary, const cJSON *statuses)
{
	const cJSON *count, *status;
	struct buf text = BUF_LIMIT(4096);

	cJSON_ArrayForEach(count, cJSON_GetObjectItemCaseSensitive(summary, "testRunDistribution"))
	{
		const char *name = count->string;
		char id[32];
		cJSON_ArrayForEach(status, statuses)
		{
			snprintf(id, sizeof(id), "%" PRId64, sink_int(status, "ID", -1));
			if (strcmp(id, count->string) == 0 && sink_string(status, "name") != NULL)
				name = sink_string(status, "name");
		}
		buf_printf(&text, "%s%.0f %s", text.len > 0 ? ", " : "", count->valuedouble, name);
	}
	cJSON_AddStringToObject(summary, "latest", text.data != NULL ? text.data : "");
	buf_done(&text);
}

int tcms_cycles_summary(struct remote *r, const struct args *a)
{
	static const struct column told[] = {
		{ "Cases", "totalTests", COLUMN_TEXT },   { "Runs", "totalRuns", COLUMN_TEXT },
		{ "Latest", "latest", COLUMN_TEXT },      { "Estimated", "estimatedEffort", COLUMN_SPAN },
		{ "Spent", "actualEffort", COLUMN_SPAN }, { 0 },
	};
	cJSON *summary, *statuses = NULL;
	int rc =
		tcms_read(r, a, "read the summary", &summary, "testcycle/{}/summary", a->word[0], NULL, NULL);

	if (rc != EXIT_OK)
		return rc;
	if (!a->json) {
		rc = tcms_read(r, a, "read the statuses", &statuses, "config/testrun/status", NULL, NULL,
			       NULL);
		name_counts(summary, statuses);
	}
	if (rc == EXIT_OK)
		table_card(told, summary, a->json);
	cJSON_Delete(statuses);
	cJSON_Delete(summary);
	return rc;
}

int tcms_cycles_cases(struct remote *r, const struct args *a)
{
	static const struct column told[] = {
		{ "CASE", "testCase.key", COLUMN_TEXT },
		{ "LATEST", "latestRun.testRunStatus.name", COLUMN_TEXT },
		{ "RUN", "latestRun.ID", COLUMN_TEXT },
		{ "UPDATED (UTC)", "latestRun.updatedDate", COLUMN_TIME },
		{ "ASSIGNED TO", "assignedToID", COLUMN_TEXT },
		{ "TITLE", "testCase.title", COLUMN_TEXT },
		{ 0 },
	};
	const struct tcms_list l = { .path = "testcycle/{}/testcase",
				     .id = a->word[0],
				     .doing = "list the cycle's cases" };

	return tcms_table(r, a, &l, told, "The cycle has no cases.");
}

/* ---- making ---- */

static int put_common(struct remote *r, const struct args *a, struct buf *b, bool folder_as_id)
{
	json_field(b, "title", a->word[0]);
	json_field(b, "objective", args_get(a, "objective"));
	json_field(b, "ownedByID", args_get(a, "owner"));
	tcms_put_texts(a, "task", "jiraTaskIDs", b);
	int rc = tcms_put_numbers(r, a, "release", "jiraReleaseIDs", b);
	if (rc == EXIT_OK)
		rc = tcms_put_numbers(r, a, "component", "jiraComponentIDs", b);
	if (rc == EXIT_OK)
		rc = tcms_put_date(r, a, "starts", "startDate", b);
	if (rc == EXIT_OK)
		rc = tcms_put_date(r, a, "ends", "endDate", b);
	if (rc == EXIT_OK)
		rc = tcms_put_date(r, a, "created", "createdDate", b);
	if (rc == EXIT_OK)
		rc = tcms_put_fields(r, a, b, false);
	if (rc == EXIT_OK)
		rc = tcms_put_tags(r, a, b);
	return rc == EXIT_OK ? tcms_put_folder(r, a, "testcycle", b, folder_as_id) : rc;
}

/* The body is made before the request: what it names may have to be asked for. */
static int make(struct remote *r, const struct args *a, const char *path, struct buf *body)
{
	struct request req;
	cJSON *cycle;
	int rc = tcms_begin(r, a, &req, METHOD_POST, true, path);

	if (rc != EXIT_OK)
		return rc;
	buf_append(&req.body, body->data, body->len);
	rc = remote_ask(r, &req, "make the cycle", &cycle);
	return rc == EXIT_OK ? show(a, cycle) : rc;
}

int tcms_cycles_create(struct remote *r, const struct args *a)
{
	struct buf body = BUF_LIMIT(BODY_MAX);

	buf_putc(&body, '{');
	int rc = put_common(r, a, &body, false);
	buf_putc(&body, '}');
	if (rc == EXIT_OK)
		rc = make(r, a, args_has(a, "created") ? "testcycle/detail/migrate" : "testcycle/detail",
			  &body);
	buf_done(&body);
	return rc;
}

int tcms_cycles_create_from_set(struct remote *r, const struct args *a)
{
	struct buf body = BUF_LIMIT(BODY_MAX);

	if (!args_has(a, "set"))
		return cli_usage(r->command, "cycles create-from-set: which sets? --set KEY, repeated");
	buf_putc(&body, '{');
	int rc = put_common(r, a, &body, true);
	tcms_put_texts(a, "set", "sourceIDs", &body);
	json_field(&body, "assignedToID", args_get(a, "assign-to"));
	buf_putc(&body, '}');
	if (rc == EXIT_OK)
		rc = make(r, a, "testcycle/testset/create", &body);
	buf_done(&body);
	return rc;
}

/* ---- state, end ---- */

int tcms_cycles_state(struct remote *r, const struct args *a, const char *state, bool value)
{
	struct request req;
	int rc = tcms_begin(r, a, &req, METHOD_PUT, true, "testcycle/{}/state", a->word[0]);

	if (rc != EXIT_OK)
		return rc;
	buf_putc(&req.body, '{');
	json_field(&req.body, "name", state);
	json_field_bool(&req.body, "value", value);
	buf_putc(&req.body, '}');
	rc = remote_ask(r, &req, "change the state of the cycle", NULL);
	if (rc == EXIT_OK && a->json)
		puts("{}");
	return rc;
}

int tcms_cycles_delete(struct remote *r, const struct args *a)
{
	struct request req;
	cJSON *cycle;
	int rc = tcms_read(r, a, "read the cycle", &cycle, "testcycle/{}/detail", a->word[0], NULL, NULL);

	if (rc != EXIT_OK)
		return rc;
	const char *title = sink_string(cycle, "title"), *key = sink_string(cycle, "key");
	if (title == NULL || key == NULL)
		rc = remote_wrong(r, "the cycle has no title or no key");
	else if (!remote_confirmed(r, "deletes", "cycle", title, args_get(a, "confirm")))
		rc = EXIT_USAGE;
	if (rc == EXIT_OK)
		rc = tcms_begin(r, a, &req, METHOD_DELETE, true, "testcycle/{}", key);
	if (rc == EXIT_OK) {
		if (args_has(a, "with-cases"))
			tcms_begin_arg(&req, "emptyCycleBeforeDelete", "true");
		struct tcms_look look = { .r = r, .a = a, .path = "testcycle/{}/detail", .one = key };
		rc = remote_sure(r, &req, "delete the cycle", NULL, tcms_look_gone, &look);
	}
	if (rc == EXIT_OK && a->json)
		puts("{}");
	else if (rc == EXIT_OK)
		printf("Cycle %s is deleted.\n", key);
	cJSON_Delete(cycle);
	return rc;
}

/* ---- sets ---- */

int tcms_sets_list(struct remote *r, const struct args *a)
{
	static const struct column told[] = {
		{ "KEY", "key", COLUMN_TEXT },
		{ "FOLDER", "folder.name", COLUMN_TEXT },
		{ "CREATED (UTC)", "createdDate", COLUMN_TIME },
		{ "TITLE", "title", COLUMN_TEXT },
		{ 0 },
	};
	struct buf body = BUF_LIMIT(BODY_MAX);

	buf_putc(&body, '{');
	tcms_criterion_text(a, "title", "title", args_has(a, "exact"), &body);
	tcms_criterion_texts(a, "tag", "tag", &body);
	buf_putc(&body, '}');
	bool search = args_has(a, "title") || args_has(a, "tag");
	const struct tcms_list l = { .path = search ? "testset/search" : "testset",
				     .body = search ? body.data : NULL,
				     .doing = "list sets" };
	int rc = tcms_table(r, a, &l, told, "There are no such sets.");
	buf_done(&body);
	return rc;
}

int tcms_sets_cases(struct remote *r, const struct args *a)
{
	static const struct column told[] = {
		{ "CASE", "testCase.key", COLUMN_TEXT },
		{ "STATUS", "testCase.status.name", COLUMN_TEXT },
		{ "TITLE", "testCase.title", COLUMN_TEXT },
		{ 0 },
	};
	/* Written so in the description, unlike the other paths of sets. */
	const struct tcms_list l = { .path = "testSet/{}/testcase",
				     .id = a->word[0],
				     .doing = "list the set's cases" };

	return tcms_table(r, a, &l, told, "The set has no cases.");
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_import.c - files that AIO Tests itself reads: results of test tools into a cycle, features into cases;
 * and the batches in which it does so.
 *
 * A watch carries reports by itself (`mode: import`); this is for a person, and for the tools whose reports
 * resultd does not read. */
#include "daemon/cli/aio.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { FIELDS_MAX = 1 << 20, FORM_MAX = 32, POLL_MS = 15000, FOLDER_DIGITS = 24 };

/* ---- batches ---- */

static const struct column batch_card[] = {
	{ "Batch", "batchId", COLUMN_TEXT },
	{ "Status", "status", COLUMN_TEXT },
	{ "File", "fileName", COLUMN_TEXT },
	{ "Size", "size", COLUMN_TEXT },
	{ "Created (UTC)", "createdDate", COLUMN_TIME },
	{ "Cases in error", "errorCases", COLUMN_TEXT },
	{ "Error", "errorMsg", COLUMN_TEXT },
	{ 0 },
};

static bool is_one_of(const char *word, const char *const *words)
{
	for (size_t i = 0; word != NULL && words[i] != NULL; i++) {
		if (strcmp(word, words[i]) == 0)
			return true;
	}
	return false;
}

/* A status that the description does not list is waited for: it may be one of a later version. */
static bool batch_over(const cJSON *batch)
{
	static const char *const over[] = { "COMPLETED", "FINISHED_WITH_ERROR", "ERROR", "ABORTED", NULL };

	return is_one_of(sink_string(batch, "status"), over);
}

/* *batch is replaced by what it has become. */
static int follow(struct remote *r, const struct args *a, cJSON **batch)
{
	while (!batch_over(*batch)) {
		const char *id = sink_string(*batch, "batchId");
		cJSON *now;
		if (id == NULL)
			return remote_wrong(r, "the answer names no batch");
		if (!remote_pause(r, POLL_MS)) {
			if (r->app.code == 0)
				remote_say(r, "batch %s is not over yet: resultd aio batch %s --wait", id,
					   id);
			return r->app.code != 0 ? r->app.code : EXIT_UNDELIVERED;
		}
		int rc = tcms_read(r, a, "read the batch", &now, "batch/{}", id, NULL, NULL);
		if (rc != EXIT_OK)
			return rc;
		cJSON_Delete(*batch);
		*batch = now;
	}
	const char *status = sink_string(*batch, "status");
	return strcmp(status, "COMPLETED") == 0 ? EXIT_OK : EXIT_USAGE;
}

int tcms_batch_begun(struct remote *r, const struct args *a, cJSON *batch)
{
	int rc = args_has(a, "wait") ? follow(r, a, &batch) : EXIT_OK;

	table_card(batch_card, batch, a->json);
	cJSON_Delete(batch);
	return rc;
}

int tcms_batch(struct remote *r, const struct args *a)
{
	cJSON *batch;
	int rc = tcms_read(r, a, "read the batch", &batch, "batch/{}", a->word[0], NULL, NULL);

	return rc == EXIT_OK ? tcms_batch_begun(r, a, batch) : rc;
}

/* ---- results ---- */

static const char *const type_words[] = { "junit", "testng", "nunit", "cucumber", "newman", "robot", NULL };
static const char *const types[] = { "JUnit", "TestNG", "NUnit", "Cucumber", "Newman", "Robot" };

/* The tool whose report a file looks like; NULL: none of them. */
static const char *type_by_look(const struct tcms_file *f)
{
	static const struct {
		const char *begins;
		int type;
	} look[] = {
		{ "<testng-results", 1 }, { "<testsuite", 0 }, { "<test-run", 2 },
		{ "<test-results", 2 },   { "<robot", 5 },
	};
	char head[sizeof(f->head) + 1];

	memcpy(head, f->head, f->head_len);
	head[f->head_len] = '\0';
	const char *s = head;
	s += strncmp(s, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	s += strspn(s, " \t\r\n");
	if (*s == '[')
		return types[3];
	if (*s == '{')
		return types[4];
	for (size_t i = 0; i < sizeof(look) / sizeof(look[0]); i++) {
		if (strstr(s, look[i].begins) != NULL)
			return types[look[i].type];
	}
	return NULL;
}

struct form {
	const char *word[FORM_MAX];
	size_t count;
	char folder[FOLDER_DIGITS];
};

static void add_part(struct form *f, const char *name, const char *value)
{
	if (f->count + 3 > FORM_MAX)
		return;
	f->word[f->count++] = name;
	f->word[f->count++] = value;
	f->word[f->count] = NULL;
}

/* What is not said is left to the server, but for the two whose silence the description tells two ways. */
static int put_flags(struct remote *r, const struct args *a, struct form *form)
{
	static const struct {
		const char *option, *part, *otherwise;
	} flag[] = {
		{ "new-run", "createNewRun", "true" },
		{ "add-cases", "addCaseToCycle", "true" },
		{ "create-cases", "createCase", NULL },
		{ "ignore-class", "ignoreClassInAutoKey", NULL },
		{ "update-datasets", "updateDatasets", NULL },
		{ "update-cases", "forceUpdateCase", NULL },
		{ "update-steps", "bddForceUpdateCase", NULL },
		{ "examples-as-cases", "examplesAsCases", NULL },
		{ "status-only", "updateOnlyRunStatus", NULL },
	};
	struct buf b = BUF_LIMIT(256);
	int rc = EXIT_OK;

	for (size_t i = 0; rc == EXIT_OK && i < sizeof(flag) / sizeof(flag[0]); i++) {
		int yes;
		rc = args_yes(r, a, flag[i].option, &yes);
		if (rc == EXIT_OK && (yes >= 0 || flag[i].otherwise != NULL))
			add_part(form, flag[i].part, yes < 0 ? flag[i].otherwise : yes ? "true" : "false");
	}
	if (rc == EXIT_OK && args_has(a, "folder")) {
		buf_putc(&b, '{');
		rc = tcms_put_folder(r, a, "testcase", &b, true);
		buf_putc(&b, '}');
		cJSON *folder = rc == EXIT_OK && b.data != NULL ? cJSON_Parse(b.data) : NULL;
		snprintf(form->folder, sizeof(form->folder), "%" PRId64, sink_int(folder, "folderID", -1));
		cJSON_Delete(folder);
		if (rc == EXIT_OK)
			add_part(form, "defaultFolder", form->folder);
	}
	buf_done(&b);
	return rc;
}

static void tell_cases(const struct args *a, const cJSON *answer)
{
	static const struct column columns[] = {
		{ "CASE", "tcKey", COLUMN_TEXT },
		{ "STATUS", "status", COLUMN_TEXT },
		{ "RUN", "runId", COLUMN_TEXT },
		{ "NAME", "name", COLUMN_TEXT },
		{ 0 },
	};
	struct table t;
	const cJSON *entry;

	if (a->json)
		return;
	table_begin(&t, columns, false);
	cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(answer, "processedData"))
		table_row(&t, entry);
	table_end(&t, "No case was marked.");
}

int tcms_runs_import(struct remote *r, const struct args *a)
{
	bool batch = args_has(a, "batch");
	struct form form = { 0 };
	struct tcms_file file = { 0 };
	struct request req;
	cJSON *answer;
	int type;
	int rc = args_one_of(r, a, "type", type_words, &type);

	if (rc == EXIT_OK && args_has(a, "wait") && !batch)
		rc = cli_usage(r->command, "runs import: --wait is for --batch, the rest is waited for");
	if (rc == EXIT_OK)
		rc = tcms_file_look(r, a->word[1], &file);
	const char *tool = type >= 0 ? types[type] : type_by_look(&file);
	if (rc == EXIT_OK && tool == NULL)
		rc = cli_usage(r->command,
			       "runs import: which tool wrote %s? --type junit|testng|nunit|"
			       "cucumber|newman|robot",
			       a->word[1]);
	if (rc == EXIT_OK)
		rc = put_flags(r, a, &form);
	if (rc == EXIT_OK)
		rc = tcms_begin(r, a, &req, METHOD_POST, true,
				batch ? "testcycle/{}/import/results/batch" : "testcycle/{}/import/results",
				a->word[0]);
	if (rc != EXIT_OK)
		return rc;
	tcms_begin_arg(&req, "type", tool);
	req.upload_path = file.path;
	req.upload_field = "file";
	req.upload_name = file.name;
	req.upload_type = strcmp(file.type, "application/octet-stream") == 0 ? "application/xml" : file.type;
	req.upload_form = form.word;
	rc = remote_ask(r, &req, "import the results", &answer);
	if (rc != EXIT_OK)
		return rc;
	if (batch)
		return tcms_batch_begun(r, a, answer);
	tell_cases(a, answer);
	return tcms_counted(r, a, answer, "cases are marked");
}

/* ---- features ---- */

/* {"folder":..., "status":..., ...}: what cases of a feature file are given; empty where nothing is said. */
static int put_feature_fields(struct remote *r, const struct args *a, struct buf *b)
{
	static const char *const named[][2] = {
		{ "status", "status" },
		{ "priority", "priority" },
		{ "type", "type" },
		{ "automation-status", "automationStatus" },
	};

	json_field(b, "precondition", args_get(a, "precondition"));
	json_field(b, "automationOwnerID", args_get(a, "automation-owner"));
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (!args_has(a, named[i][0]))
			continue;
		json_key(b, named[i][1]);
		buf_putc(b, '{');
		json_field(b, "name", args_get(a, named[i][0]));
		buf_putc(b, '}');
	}
	if (args_has(a, "update-existing"))
		json_field_bool(b, "updateFieldsForExistingCases", true);
	int rc = tcms_put_numbers(r, a, "release", "jiraReleaseIDs", b);
	if (rc == EXIT_OK)
		rc = tcms_put_numbers(r, a, "component", "jiraComponentIDs", b);
	if (rc == EXIT_OK)
		rc = tcms_put_numbers(r, a, "requirement", "jiraRequirementIDs", b);
	if (rc == EXIT_OK)
		rc = tcms_put_fields(r, a, b, false);
	if (rc == EXIT_OK)
		rc = tcms_put_tags(r, a, b);
	return rc == EXIT_OK ? tcms_put_folder(r, a, "testcase", b, false) : rc;
}

static int import_feature(struct remote *r, const struct args *a, const char *path, const char *fields)
{
	const char *const form[] = { "featureFileFields", fields, NULL };
	struct tcms_file file = { 0 };
	struct request req;
	cJSON *batch;
	int rc = tcms_file_look(r, path, &file);

	if (rc == EXIT_OK)
		rc = tcms_begin(r, a, &req, METHOD_POST, true, "testcase/import/feature");
	if (rc != EXIT_OK)
		return rc;
	req.upload_path = file.path;
	req.upload_field = "file";
	req.upload_name = file.name;
	req.upload_type = "text/xml"; /* as the vendor's description has it, for a file that is no XML */
	/* An object in a form is JSON, says OpenAPI where nothing else is said. */
	req.upload_form = fields != NULL ? form : NULL;
	req.upload_form_type = "application/json";
	rc = remote_ask(r, &req, "import the feature", &batch);
	return rc == EXIT_OK ? tcms_batch_begun(r, a, batch) : rc;
}

int tcms_cases_import(struct remote *r, const struct args *a)
{
	struct buf fields = BUF_LIMIT(FIELDS_MAX);

	buf_putc(&fields, '{');
	int rc = put_feature_fields(r, a, &fields);
	buf_putc(&fields, '}');
	if (rc == EXIT_OK && buf_error(&fields) != 0)
		rc = remote_wrong(r, "what the cases are to be given is too long");
	for (size_t i = 0; rc == EXIT_OK && i < a->words; i++)
		rc = import_feature(r, a, a->word[i], fields.len > 2 ? fields.data : NULL);
	buf_done(&fields);
	return rc;
}

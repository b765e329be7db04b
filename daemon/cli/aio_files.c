/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_files.c - files of AIO Tests: attached to runs, steps, cases and cycles, fetched, exported; and what
 * goes on over there in batches.
 *
 * Nobody can delete an attachment by this interface, so one of the same name and size is not sent again. */
#include "daemon/cli/aio.h"

#include "daemon/evidence_name.h"
#include "sinks/aio/aio.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define FETCH_MAX (UINT64_C(512) << 20) /* kept in memory on its way to the file */

enum { BODY_MAX = 1 << 20 };

struct upload {
	const char *path, *type;
	char name[EVIDENCE_NAME_MAX + 1];
	int64_t size;
};

static int look(const struct remote *r, const char *path, struct upload *u)
{
	char head[EVIDENCE_HEAD];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		int code = fd < 0 ? errno : EINVAL;
		if (fd >= 0)
			close(fd);
		return remote_wrong(r, "%s: %s", path, code == EINVAL ? "not a file" : strerror(code));
	}
	ssize_t n = read(fd, head, sizeof(head));
	close(fd);
	*u = (struct upload){ .path = path, .size = st.st_size };
	evidence_clean_name(path, "file", u->name);
	u->type = evidence_type(u->name, head, n > 0 ? (size_t)n : 0);
	return EXIT_OK;
}

static bool attached(const cJSON *owner, const struct upload *u)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(owner, "attachments"))
	{
		const char *name = sink_string(one, "name");
		if (name != NULL && strcmp(name, u->name) == 0 && sink_int(one, "size", -1) == u->size)
			return true;
	}
	return false;
}

/* The step of a run, by its ID there. */
static const cJSON *step_of(const cJSON *run, const char *id)
{
	const cJSON *step;

	cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(run, "testRunSteps"))
	{
		char own[32];
		snprintf(own, sizeof(own), "%" PRId64, sink_int(step, "ID", -1));
		if (strcmp(own, id) == 0)
			return step;
	}
	return NULL;
}

static int send_one(struct remote *r, const struct args *a, const struct upload *u, const char *path,
		    const char *one, const char *two, const char *three, struct table *t)
{
	struct request req;
	char doing[200];
	cJSON *record;
	int rc = tcms_begin(r, a, &req, METHOD_POST, true, path, one, two, three);

	if (rc != EXIT_OK)
		return rc;
	req.upload_path = u->path;
	req.upload_field = "file";
	req.upload_name = u->name;
	req.upload_type = u->type; /* without a real one the file is refused */
	snprintf(doing, sizeof(doing), "attach %.150s", u->name);
	rc = remote_ask(r, &req, doing, &record);
	if (rc == EXIT_OK)
		table_row(t, record);
	if (rc == EXIT_OK)
		cJSON_Delete(record);
	return rc;
}

/* Sends the files from word[first] on; owner: what they hang on, as it is now. */
static int attach(struct remote *r, const struct args *a, const cJSON *owner, size_t first, const char *path,
		  const char *one, const char *two, const char *three)
{
	static const struct column columns[] = {
		{ "ID", "ID", COLUMN_TEXT },
		{ "SIZE", "size", COLUMN_TEXT },
		{ "TYPE", "mimeType", COLUMN_TEXT },
		{ "NAME", "name", COLUMN_TEXT },
		{ 0 },
	};
	struct table t;
	int rc = EXIT_OK;

	table_begin(&t, columns, a->json);
	for (size_t i = first; rc == EXIT_OK && i < a->words; i++) {
		struct upload u = { 0 };
		rc = look(r, a->word[i], &u);
		if (rc == EXIT_OK && attached(owner, &u) && !args_has(a, "again")) {
			remote_say(r,
				   "%s: a file of this name and size is there already (--again sends it all "
				   "the same)",
				   a->word[i]);
			continue;
		}
		if (rc == EXIT_OK)
			rc = send_one(r, a, &u, path, one, two, three, &t);
	}
	table_end(&t, rc == EXIT_OK ? "Nothing was sent." : NULL);
	return rc;
}

int tcms_cycles_attach(struct remote *r, const struct args *a)
{
	cJSON *cycle;
	int rc = tcms_read(r, a, "read the cycle", &cycle, "testcycle/{}/detail", a->word[0], NULL,
			   "needAttachments");

	if (rc != EXIT_OK)
		return rc;
	rc = attach(r, a, cycle, 1, "testcycle/{}/attachment", a->word[0], NULL, NULL);
	cJSON_Delete(cycle);
	return rc;
}

int tcms_cases_attach(struct remote *r, const struct args *a)
{
	cJSON *found;
	int rc = tcms_read(r, a, "read the case", &found, "testcase/{}/detail", a->word[0], NULL,
			   "needAttachments");

	if (rc != EXIT_OK)
		return rc;
	rc = attach(r, a, found, 1, "testcase/{}/attachment", a->word[0], NULL, NULL);
	cJSON_Delete(found);
	return rc;
}

int tcms_runs_attach(struct remote *r, const struct args *a)
{
	bool number = strspn(a->word[1], "0123456789") == strlen(a->word[1]);
	const char *step = args_get(a, "step");
	char id[32];
	cJSON *run;
	int rc = tcms_read(r, a, "read the run", &run,
			   number ? "testcycle/{}/testrun/{}" : "testcycle/{}/testcase/{}/testrun",
			   a->word[0], a->word[1], number ? NULL : "fetchDetails");

	if (rc != EXIT_OK)
		return rc;
	snprintf(id, sizeof(id), "%" PRId64, sink_int(run, "ID", -1));
	const cJSON *owner = step != NULL ? step_of(run, step) : run;
	if (owner == NULL)
		rc = remote_wrong(r, "run %s has no step with the id \"%s\" (runs show lists them)", id,
				  step);
	else if (step != NULL)
		rc = attach(r, a, owner, 2, "testcycle/{}/testrun/{}/testrunstep/{}/attachment", a->word[0],
			    id, step);
	else
		rc = attach(r, a, owner, 2, "testcycle/{}/testrun/{}/attachment", a->word[0], id, NULL);
	cJSON_Delete(run);
	return rc;
}

/* ---- fetching ---- */

/* The bytes of the last answer into a file that is not there yet, or to standard output ("-"). */
static int save(const struct remote *r, const char *path)
{
	const struct buf *body = &r->reply.body;
	bool out = strcmp(path, "-") == 0;
	FILE *f = stdout;

	if (!out) {
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd < 0)
			return remote_wrong(r, "%s: %s", path, strerror(errno));
		f = fdopen(fd, "w");
		if (f == NULL) {
			close(fd);
			return EXIT_INTERNAL;
		}
	}
	bool good = fwrite(body->data != NULL ? body->data : "", 1, body->len, f) == body->len;
	good = fflush(f) == 0 && good;
	if (!out)
		good = fclose(f) == 0 && good;
	return good ? EXIT_OK : remote_wrong(r, "%s: cannot be written: %s", path, strerror(errno));
}

int tcms_attachments_get(struct remote *r, const struct args *a)
{
	struct request req;
	int rc = tcms_begin(r, a, &req, METHOD_GET, false, "attachment/{}", a->word[0]);

	if (rc != EXIT_OK)
		return rc;
	req.reply_max = FETCH_MAX;
	rc = remote_ask(r, &req, "fetch the attachment", NULL);
	return rc == EXIT_OK ? save(r, a->word[1]) : rc;
}

/* Cases in Gherkin as a zip of feature files. */
int tcms_cases_export(struct remote *r, const struct args *a)
{
	static const char *const words[] = { "none", "folder", "requirement", "tag", NULL };
	static const char *const types[] = { "NONE", "FOLDER", "REQUIREMENT", "TAG" };
	struct buf body = BUF_LIMIT(BODY_MAX);
	struct request req;
	int group;
	int rc = args_one_of(r, a, "group", words, &group);

	buf_putc(&body, '{');
	tcms_criterion_text(a, "title", "title", args_has(a, "exact"), &body);
	tcms_criterion_texts(a, "key", "key", &body);
	tcms_criterion_texts(a, "tag", "tag", &body);
	if (rc == EXIT_OK)
		rc = tcms_criterion_numbers(r, a, "folder-id", "folderID", &body);
	buf_putc(&body, '}');
	if (rc == EXIT_OK)
		rc = tcms_begin(r, a, &req, METHOD_POST, false, "testcase/export/feature");
	if (rc == EXIT_OK) {
		tcms_begin_arg(&req, "type", types[group < 0 ? 0 : group]);
		buf_append(&req.body, body.data, body.len);
		req.reply_max = FETCH_MAX;
		rc = remote_ask(r, &req, "export the cases", NULL);
	}
	buf_done(&body);
	return rc == EXIT_OK ? save(r, a->word[0]) : rc;
}

/* ---- batches, and answers that count ---- */

int tcms_batch(struct remote *r, const struct args *a)
{
	static const struct column card[] = {
		{ "Batch", "batchId", COLUMN_TEXT },
		{ "Status", "status", COLUMN_TEXT },
		{ "File", "fileName", COLUMN_TEXT },
		{ "Size", "size", COLUMN_TEXT },
		{ "Created (UTC)", "createdDate", COLUMN_TIME },
		{ "Cases in error", "errorCases", COLUMN_TEXT },
		{ "Error", "errorMsg", COLUMN_TEXT },
		{ 0 },
	};
	cJSON *batch;
	int rc = tcms_read(r, a, "read the batch", &batch, "batch/{}", a->word[0], NULL, NULL);

	if (rc != EXIT_OK)
		return rc;
	table_card(card, batch, a->json);
	cJSON_Delete(batch);
	return EXIT_OK;
}

/* 200 may still be a failure: {status, errors: {key: {message}}}. */
static int counted(const struct remote *r, const struct args *a, cJSON *answer, const char *done)
{
	const char *status = sink_string(answer, "status");
	const cJSON *error;
	bool good = status != NULL && strcmp(status, "SUCCESS") == 0;

	if (a->json)
		table_json(answer);
	else
		printf("%" PRId64 " %s.\n", sink_int(answer, "successCount", 0), done);
	cJSON_ArrayForEach(error, cJSON_GetObjectItemCaseSensitive(answer, "errors"))
	{
		struct arena arena = ARENA_LIMIT(1 << 16);
		const char *words = sink_string(error, "message");
		remote_say(r, "%s: %s", table_clean(&arena, error->string),
			   table_clean(&arena, words != NULL ? words : "refused"));
		arena_done(&arena);
		good = false;
	}
	cJSON_Delete(answer);
	return good ? EXIT_OK : EXIT_USAGE;
}

int tcms_cycles_cleanup(struct remote *r, const struct args *a)
{
	struct request req;
	cJSON *answer;
	int64_t days = -1;
	int rc = args_int(r, a, "older-than", 1, &days);

	if (rc == EXIT_OK && days < 0)
		rc = cli_usage(r->command, "cycles cleanup: how old? --older-than DAYS");
	if (rc == EXIT_OK && !remote_confirmed(r, "deletes all but the latest runs of", "cycle", a->word[0],
					       args_get(a, "confirm")))
		rc = EXIT_USAGE;
	if (rc == EXIT_OK)
		rc = tcms_begin(r, a, &req, METHOD_PUT, true, "testcycle/{}/testrun/cleanup", a->word[0]);
	if (rc != EXIT_OK)
		return rc;
	buf_printf(&req.body, "{\"runCreatedBeforeDays\":%" PRId64 "}", days);
	rc = remote_ask(r, &req, "delete old runs", &answer);
	return rc == EXIT_OK ? counted(r, a, answer, "runs are deleted") : rc;
}

int tcms_sets_add(struct remote *r, const struct args *a)
{
	struct request req;
	cJSON *answer;
	int rc = tcms_begin(r, a, &req, METHOD_POST, false, "testset/{}/testcase", a->word[0]);

	if (rc != EXIT_OK)
		return rc;
	/* Cases that are there already stay: it may be repeated. */
	for (size_t i = 1; i < a->words; i++)
		tcms_begin_arg(&req, "testCases", a->word[i]);
	rc = remote_ask(r, &req, "add cases to the set", &answer);
	return rc == EXIT_OK ? counted(r, a, answer, "cases are in the set") : rc;
}

int tcms_sets_create(struct remote *r, const struct args *a)
{
	static const struct column card[] = {
		{ "Key", "key", COLUMN_TEXT },
		{ "Title", "title", COLUMN_TEXT },
		{ "Objective", "objective", COLUMN_TEXT },
		{ "Tags", "tags.tag.name", COLUMN_TEXT },
		{ 0 },
	};
	struct buf body = BUF_LIMIT(BODY_MAX);
	struct request req;
	cJSON *made;

	buf_putc(&body, '{');
	json_field(&body, "title", a->word[0]);
	json_field(&body, "objective", args_get(a, "objective"));
	int rc = tcms_put_fields(r, a, &body, false);
	if (rc == EXIT_OK)
		rc = tcms_put_tags(r, a, &body);
	buf_putc(&body, '}');
	if (rc == EXIT_OK)
		rc = tcms_begin(r, a, &req, METHOD_POST, true, "testSet/detail");
	if (rc == EXIT_OK) {
		buf_append(&req.body, body.data, body.len);
		rc = remote_ask(r, &req, "make the set", &made);
	}
	buf_done(&body);
	if (rc != EXIT_OK)
		return rc;
	table_card(card, made, a->json);
	cJSON_Delete(made);
	return EXIT_OK;
}

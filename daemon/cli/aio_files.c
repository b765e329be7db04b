/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_files.c - files of AIO Tests: attached to runs, steps, cases and cycles, fetched, exported.
 *
 * Nobody can delete an attachment by this interface, so one of the same name and size is not sent again. */
#include "daemon/cli/aio.h"

#include "daemon/evidence/name.h"
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

int tcms_file_look(const struct remote *r, const char *path, struct tcms_file *f)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		int code = fd < 0 ? errno : EINVAL;
		if (fd >= 0)
			close(fd);
		return remote_wrong(r, "%s: %s", path, code == EINVAL ? "not a file" : strerror(code));
	}
	*f = (struct tcms_file){ .path = path, .size = st.st_size };
	ssize_t n = read(fd, f->head, sizeof(f->head));
	close(fd);
	f->head_len = n > 0 ? (size_t)n : 0;
	evidence_clean_name(path, "file", f->name);
	f->type = evidence_type(f->name, f->head, f->head_len);
	return EXIT_OK;
}

/* list: the member that names them; NULL: the description knows none. */
static const cJSON *attached(const cJSON *owner, const char *list, const struct tcms_file *u)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(owner, list))
	{
		const char *name = sink_string(one, "name");
		if (name != NULL && strcmp(name, u->name) == 0 && sink_int(one, "size", -1) == u->size)
			return one;
	}
	return NULL;
}

/* A step of a run or of a case, by its ID there. */
static const cJSON *step_of(const cJSON *owner, const char *list, const char *id)
{
	const cJSON *step;

	cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(owner, list))
	{
		char own[32];
		snprintf(own, sizeof(own), "%" PRId64, sink_int(step, "ID", -1));
		if (strcmp(own, id) == 0)
			return step;
	}
	return NULL;
}

/* What files hang on: where they go, and where those that are there are listed. */
struct target {
	const char *path, *arg[3];
	const cJSON *owner;
	const char *list;
	/* How the owner was read, and where in it a step is: to look whether a file came. */
	struct tcms_look look;
	const char *steps, *step;
};

/* A look at what the file hangs on; record: the file, in what was found. */
struct file_look {
	struct tcms_look at;
	const struct target *to;
	const struct tcms_file *file;
	const cJSON *record;
};

static int look_file(void *cookie)
{
	struct file_look *l = cookie;
	int there = tcms_look_there(&l->at);
	const cJSON *owner =
		l->to->step != NULL ? step_of(l->at.found, l->to->steps, l->to->step) : l->at.found;

	if (there <= 0 || owner == NULL)
		return -1;
	l->record = attached(owner, l->to->list, l->file);
	return l->record != NULL;
}

/* Another file of this name and size goes there with the same command, or was there before. */
static bool seen_before(const struct args *a, size_t first, size_t at, const struct target *to,
			const struct tcms_file *u)
{
	char name[sizeof(u->name)];

	for (size_t i = first; i < at; i++) {
		evidence_clean_name(a->word[i], "file", name);
		if (strcmp(name, u->name) == 0)
			return true;
	}
	return attached(to->owner, to->list, u) != NULL;
}

/* telling: a file of this name and size there can only be this one. */
static int send_one(struct remote *r, const struct args *a, const struct tcms_file *u,
		    const struct target *to, bool telling, struct table *t)
{
	struct file_look look = { .at = to->look, .to = to, .file = u };
	struct request req;
	char doing[200];
	cJSON *record;
	int rc = tcms_begin(r, a, &req, METHOD_POST, true, to->path, to->arg[0], to->arg[1], to->arg[2]);

	if (rc != EXIT_OK)
		return rc;
	req.upload_path = u->path;
	req.upload_field = "file";
	req.upload_name = u->name;
	req.upload_type = u->type; /* without a real one the file is refused */
	snprintf(doing, sizeof(doing), "attach %.150s", u->name);
	rc = telling && to->list != NULL ? remote_sure(r, &req, doing, &record, look_file, &look)
					 : remote_ask(r, &req, doing, &record);
	if (rc == EXIT_OK)
		table_row(t, record != NULL ? record : look.record);
	if (rc == EXIT_OK)
		cJSON_Delete(record);
	cJSON_Delete(look.at.found);
	return rc;
}

/* Sends the files from word[first] on. */
static int attach(struct remote *r, const struct args *a, size_t first, const struct target *to)
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
		struct tcms_file u = { 0 };
		rc = tcms_file_look(r, a->word[i], &u);
		if (rc == EXIT_OK && attached(to->owner, to->list, &u) != NULL && !args_has(a, "again")) {
			remote_say(r,
				   "%s: a file of this name and size is there already (--again sends it all "
				   "the same)",
				   a->word[i]);
			continue;
		}
		if (rc == EXIT_OK)
			rc = send_one(r, a, &u, to, !seen_before(a, first, i, to, &u), &t);
	}
	table_end(&t, rc == EXIT_OK ? "Nothing was sent." : NULL);
	return rc;
}

/* Fields of formatted text that take files of their own, and the members that list those. */
struct texts {
	const char *field, *list;
};

/* The field as the path wants it; *list: where its files are named.  A field that is not among them is taken as
 * it is where `others` may be: the name or id of a custom field. */
static int text_field(const struct remote *r, const struct args *a, const struct texts *known, bool others,
		      const char **field, const char **list)
{
	const char *said = args_get(a, "field");
	char words[160] = "";
	size_t n = 0;

	for (size_t i = 0; known[i].field != NULL; i++) {
		if (strcasecmp(known[i].field, said) == 0) {
			*field = known[i].field;
			*list = known[i].list;
			return EXIT_OK;
		}
		if (n < sizeof(words))
			n += (size_t)snprintf(words + n, sizeof(words) - n, "%s%s", i == 0 ? "" : ", ",
					      known[i].field);
	}
	if (!others)
		return cli_usage(r->command, "--field is one of %s, not \"%s\"", words, said);
	*field = said;
	*list = NULL;
	return EXIT_OK;
}

int tcms_cycles_attach(struct remote *r, const struct args *a)
{
	static const struct texts texts[] = { { "OBJECTIVE", "objectiveAttachments" }, { 0 } };
	struct target to = { .path = "testcycle/{}/attachment",
			     .arg = { a->word[0] },
			     .list = "attachments",
			     .look = { .r = r,
				       .a = a,
				       .path = "testcycle/{}/detail",
				       .one = a->word[0],
				       .query = "needAttachments" } };
	cJSON *cycle;
	int rc = EXIT_OK;

	if (args_has(a, "field")) {
		to.path = "testcycle/{}/{}/attachment";
		rc = text_field(r, a, texts, true, &to.arg[1], &to.list);
	}
	if (rc == EXIT_OK)
		rc = tcms_read(r, a, "read the cycle", &cycle, "testcycle/{}/detail", a->word[0], NULL,
			       "needAttachments");
	if (rc != EXIT_OK)
		return rc;
	to.owner = cycle;
	rc = attach(r, a, 1, &to);
	cJSON_Delete(cycle);
	return rc;
}

int tcms_cases_attach(struct remote *r, const struct args *a)
{
	static const struct texts texts[] = { { "DESCRIPTION", "descriptionAttachments" },
					      { "PRECONDITIONS", "preconditionAttachments" },
					      { 0 } };
	static const struct texts step_texts[] = { { "STEP", "stepAttachments" },
						   { "DATA", "dataAttachments" },
						   { "EXPECTED_RESULTS", "expectedResultAttachments" },
						   { 0 } };
	const char *step = args_get(a, "step");
	struct target to = { .path = "testcase/{}/attachment",
			     .arg = { a->word[0] },
			     .list = "attachments",
			     .look = { .r = r,
				       .a = a,
				       .path = "testcase/{}/detail",
				       .one = a->word[0],
				       .query = "needAttachments" },
			     .steps = "steps",
			     .step = step };
	cJSON *found;
	int rc = EXIT_OK;

	if (step != NULL) {
		to.path = "testcase/{}/testcasestep/{}/attachment";
		to.arg[1] = step;
	}
	if (args_has(a, "field")) {
		to.path = step != NULL ? "testcase/{}/testcasestep/{}/{}/attachment"
				       : "testcase/{}/{}/attachment";
		rc = text_field(r, a, step != NULL ? step_texts : texts, false, &to.arg[step != NULL ? 2 : 1],
				&to.list);
	}
	if (rc == EXIT_OK)
		rc = tcms_read(r, a, "read the case", &found, "testcase/{}/detail", a->word[0], NULL,
			       "needAttachments");
	if (rc != EXIT_OK)
		return rc;
	to.owner = step != NULL ? step_of(found, "steps", step) : found;
	rc = to.owner == NULL
		     ? remote_wrong(r,
				    "case %s has no step with the id \"%s\" (cases show --json lists "
				    "them)",
				    a->word[0], step)
		     : attach(r, a, 1, &to);
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
	const struct target to = {
		.path = step != NULL ? "testcycle/{}/testrun/{}/testrunstep/{}/attachment"
				     : "testcycle/{}/testrun/{}/attachment",
		.arg = { a->word[0], id, step },
		.owner = step != NULL ? step_of(run, "testRunSteps", step) : run,
		.list = "attachments",
		.look = { .r = r, .a = a, .path = "testcycle/{}/testrun/{}", .one = a->word[0], .two = id },
		.steps = "testRunSteps",
		.step = step,
	};
	rc = to.owner == NULL
		     ? remote_wrong(r, "run %s has no step with the id \"%s\" (runs show lists them)", id,
				    step)
		     : attach(r, a, 2, &to);
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

/* ---- answers that count ---- */

/* 200 may still be a failure: {status, errors: {key: {message}}}. */
int tcms_counted(const struct remote *r, const struct args *a, cJSON *answer, const char *done)
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
	return rc == EXIT_OK ? tcms_counted(r, a, answer, "runs are deleted") : rc;
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
	return rc == EXIT_OK ? tcms_counted(r, a, answer, "cases are in the set") : rc;
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

	buf_putc(&body, '{');
	json_field(&body, "title", a->word[0]);
	json_field(&body, "objective", args_get(a, "objective"));
	int rc = tcms_put_fields(r, a, &body, false);
	if (rc == EXIT_OK)
		rc = tcms_put_tags(r, a, &body);
	buf_putc(&body, '}');
	if (rc == EXIT_OK)
		rc = tcms_begin(r, a, &req, METHOD_POST, true, "testSet/detail");
	return tcms_told(r, a, rc, &req, &body, "make the set", card);
}

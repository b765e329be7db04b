/* SPDX-License-Identifier: Apache-2.0
 *
 * request.c - the table of requests, and the check of a line against it. */
#include "daemon/control/request.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum kind { TEXT = 1, NUMBER, FLAG, OBJECT, TEXTS, NUMBERS, MAP };

struct field {
	const char *name;
	enum kind kind;
	bool required;
	size_t max; /* bytes of a text, items of a list or an object; 0: 1024 */
};

static const struct field hello_fields[] = {
	{ "protocol", NUMBER, true, 0 },
	{ "command", TEXT, false, 32 },
	{ "sinks", MAP, false, 128 },
	{ 0 },
};
static const struct field open_fields[] = {
	{ "source", TEXT, true, 16 },
	{ "run_key", TEXT, false, 0 },
	{ "run_name", TEXT, false, 0 },
	{ "set", MAP, false, 256 },
	{ "watch", TEXT, false, 128 },
	{ "timezone", TEXT, false, 64 },
	{ "sinks", TEXTS, false, 128 },
	{ "ci", MAP, false, 32 },
	{ "common_dir", TEXT, false, CONTROL_PATH_MAX },
	{ "backfill", FLAG, false, 0 },
	{ "again", FLAG, false, 0 },
	{ "keep_open", FLAG, false, 0 },
	{ 0 },
};
static const struct field context_fields[] = { { "context", OBJECT, false, 1024 }, { 0 } };
static const struct field file_fields[] = { { "id", NUMBER, true, 0 },
					    { "path", TEXT, true, CONTROL_PATH_MAX },
					    { 0 } };
static const struct field evidence_fields[] = { { "run", NUMBER, true, 0 },
						{ "after", NUMBER, false, 0 },
						{ 0 } };
static const struct field give_fields[] = { { "id", NUMBER, true, 0 }, { 0 } };
static const struct field runs_fields[] = { { "runs", NUMBERS, true, 4096 }, { 0 } };
static const struct field await_fields[] = { { "runs", NUMBERS, true, 4096 },
					     { "timeout_ms", NUMBER, true, 0 },
					     { "progress", FLAG, false, 0 },
					     { 0 } };
static const struct field deliver_fields[] = {
	{ "sink", TEXT, false, 128 }, { "timeout_ms", NUMBER, true, 0 }, { "progress", FLAG, false, 0 }, { 0 }
};
static const struct field queue_fields[] = {
	{ "verb", TEXT, true, 16 },
	{ "ids", NUMBERS, false, 4096 },
	{ "all", FLAG, false, 0 },
	{ "json", FLAG, false, 0 },
	{ "yes", FLAG, false, 0 },
	{ "force", FLAG, false, 0 },
	{ "move", FLAG, false, 0 },
	{ "reason", TEXT, false, 0 },
	{ "file", TEXT, false, CONTROL_PATH_MAX },
	{ 0 },
};
static const struct field answer_fields[] = { { "yes", FLAG, true, 0 }, { 0 } };
static const struct field spend_fields[] = {
	{ "sink", TEXT, true, 128 }, { "requests", NUMBER, true, 0 }, { "made", FLAG, false, 0 }, { 0 }
};
static const struct field no_fields[] = { { 0 } };

static const struct row {
	const char *name;
	const struct field *fields;
	bool fd;
} rows[] = {
	[CONTROL_HELLO] = { "hello", hello_fields, false },
	[CONTROL_OPEN] = { "open", open_fields, false },
	[CONTROL_CONTEXT] = { "context", context_fields, false },
	[CONTROL_FILE] = { "file", file_fields, true },
	[CONTROL_KEY] = { "key", file_fields, false },
	[CONTROL_EVIDENCE] = { "evidence", evidence_fields, false },
	[CONTROL_GIVE] = { "give", give_fields, true },
	[CONTROL_END] = { "end", runs_fields, false },
	[CONTROL_AWAIT] = { "await", await_fields, false },
	[CONTROL_DELIVER] = { "deliver", deliver_fields, false },
	[CONTROL_RECEIPT] = { "receipt", runs_fields, false },
	[CONTROL_QUEUE] = { "queue", queue_fields, false },
	[CONTROL_ANSWER] = { "answer", answer_fields, false },
	[CONTROL_STATUS] = { "status", no_fields, false },
	[CONTROL_SPEND] = { "spend", spend_fields, false },
};

const char *control_do_name(enum control_do what)
{
	return rows[what].name;
}

/* ---- one field ---- */

static bool text_ok(const cJSON *v, size_t max)
{
	return cJSON_IsString(v) && strlen(v->valuestring) <= max;
}

/* Ids, counts and milliseconds: whole, and exact in a double. */
static bool number_ok(const cJSON *v)
{
	return cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble <= 9007199254740992.0 &&
	       v->valuedouble == floor(v->valuedouble);
}

static bool items_ok(const cJSON *v, enum kind kind, size_t max)
{
	size_t n = 0;

	if (kind == MAP || kind == OBJECT ? !cJSON_IsObject(v) : !cJSON_IsArray(v))
		return false;
	for (const cJSON *i = v->child; i != NULL; i = i->next) {
		if (++n > max)
			return false;
		if (kind == NUMBERS && !number_ok(i))
			return false;
		if (kind == TEXTS && !text_ok(i, 1024))
			return false;
		if (kind == MAP && (!text_ok(i, 16384) || strlen(i->string) > 256))
			return false;
	}
	return true;
}

static const char *kind_words(enum kind kind)
{
	switch (kind) {
	case TEXT:
		return "a text";
	case NUMBER:
		return "a whole number";
	case FLAG:
		return "true or false";
	case OBJECT:
		return "an object";
	case TEXTS:
		return "a list of texts";
	case NUMBERS:
		return "a list of whole numbers";
	case MAP:
		return "an object of texts";
	}
	return "";
}

static int check_field(const cJSON *json, const struct row *row, const struct field *f, struct err *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, f->name);
	size_t max = f->max > 0 ? f->max : 1024;
	bool ok = false;

	if (v == NULL || cJSON_IsNull(v)) {
		if (!f->required)
			return 0;
		return err_set(err, -EINVAL, "\"%s\" lacks \"%s\"", row->name, f->name);
	}
	switch (f->kind) {
	case TEXT:
		ok = text_ok(v, max);
		break;
	case NUMBER:
		ok = number_ok(v);
		break;
	case FLAG:
		ok = cJSON_IsBool(v);
		break;
	case OBJECT:
	case TEXTS:
	case NUMBERS:
	case MAP:
		ok = items_ok(v, f->kind, max);
		break;
	}
	if (!ok)
		return err_set(err, -EINVAL, "\"%s\" of \"%s\" wants %s within its bounds", f->name,
			       row->name, kind_words(f->kind));
	return 0;
}

/* ---- the line ---- */

/* What cJSON would make of it is many times the size of a line of commas: values are counted first. */
static bool too_many(const char *line, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += line[i] == ',' || line[i] == '[' || line[i] == '{';
	return n > CONTROL_NODES_MAX;
}

/* A name that stands twice would be checked in one place and read in another. */
static bool repeated(const cJSON *json)
{
	for (const cJSON *i = json != NULL ? json->child : NULL; i != NULL; i = i->next) {
		for (const cJSON *k = i->next; k != NULL; k = k->next)
			if (strcmp(i->string, k->string) == 0)
				return true;
	}
	return false;
}

int control_request_parse(const char *line, size_t len, struct control_request *out, struct err *err)
{
	const char *end = NULL;
	cJSON *json = NULL;
	int rc = 0;

	*out = (struct control_request){ .fd = -1 };
	if (len > CONTROL_LINE_MAX)
		return err_set(err, -EINVAL, "a request is at most %d bytes", CONTROL_LINE_MAX);
	if (memchr(line, '\0', len) != NULL)
		return err_set(err, -EINVAL, "a request holds no NUL");
	if (too_many(line, len))
		return err_set(err, -EINVAL, "a request holds at most %d values", CONTROL_NODES_MAX);
	json = cJSON_ParseWithLengthOpts(line, len, &end, 0);
	while (json != NULL && end < line + len && (*end == ' ' || *end == '\t' || *end == '\r'))
		end++;
	if (!cJSON_IsObject(json) || end != line + len) {
		rc = err_set(err, -EINVAL, "a request is one JSON object a line");
		goto out;
	}
	/* At the top only: a few dozen names at most belong there. */
	if (cJSON_GetArraySize(json) > 64 || repeated(json)) {
		rc = err_set(err, -EINVAL, "a request has each field once, and 64 at most");
		goto out;
	}
	const cJSON *what = cJSON_GetObjectItemCaseSensitive(json, "do");
	const struct row *row = NULL;
	for (size_t i = 0; cJSON_IsString(what) && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].name, what->valuestring) == 0) {
			row = &rows[i];
			out->what = (enum control_do)i;
		}
	}
	if (row == NULL) {
		rc = err_set(err, -EINVAL, "\"do\" names no request that is known here");
		goto out;
	}
	for (const struct field *f = row->fields; rc == 0 && f->name != NULL; f++)
		rc = check_field(json, row, f, err);
	if (rc == 0) {
		out->json = json;
		json = NULL;
	}
out:
	cJSON_Delete(json);
	return rc;
}

void control_request_done(struct control_request *r)
{
	cJSON_Delete(r->json);
	r->json = NULL;
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

/* A queue's export is written to, and its import read from, a descriptor. */
bool control_wants_fd(const struct control_request *r)
{
	if (r->what == CONTROL_QUEUE)
		return control_text(r, "file") != NULL;
	return rows[r->what].fd;
}

const cJSON *control_field(const struct control_request *r, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(r->json, name);

	return cJSON_IsNull(v) ? NULL : v;
}

const char *control_text(const struct control_request *r, const char *name)
{
	const cJSON *v = control_field(r, name);

	return cJSON_IsString(v) ? v->valuestring : NULL;
}

int64_t control_number(const struct control_request *r, const char *name)
{
	const cJSON *v = control_field(r, name);

	return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : 0;
}

bool control_flag(const struct control_request *r, const char *name)
{
	return cJSON_IsTrue(control_field(r, name));
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * context.c - what a job says of itself, checked value by value. */
#include "daemon/intake/context.h"

#include "daemon/base/buf.h"
#include "daemon/base/file.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "daemon/intake/ci.h"
#include "daemon/config/config.h"
#include "daemon/config/watches.h"
#include "daemon/config/words.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONTEXT_MAX = 256 * 1024,
	TEXT_MAX = 4096, /* bytes of a value; templates take no more either */
	SET_MAX = 256,   /* variables */
	SINKS_MAX = 64,
	WARNINGS_MAX = 16,
};

struct context {
	cJSON *raw;
	cJSON *json; /* only what is good */
	char *where;
	char *warning[WARNINGS_MAX];
	size_t count, more;
};

static void warn(struct context *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void warn(struct context *c, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	if (c->count == WARNINGS_MAX) {
		c->more++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->warning[c->count++] = xasprintf("%s: %s", c->where, text);
}

/* ---- values ---- */

static const char *kind_of(const cJSON *v)
{
	if (cJSON_IsString(v))
		return "text";
	if (cJSON_IsNumber(v))
		return "a number";
	if (cJSON_IsBool(v))
		return cJSON_IsTrue(v) ? "true" : "false";
	if (cJSON_IsArray(v))
		return "a list";
	return cJSON_IsObject(v) ? "an object" : "null";
}

/* The text of a value; NULL where it has none.  A build's number may well be written as one. */
static const char *scalar(struct context *c, const char *in, const char *name, const cJSON *v, char buf[32])
{
	char quoted[WORD_QUOTED_SIZE];

	if (cJSON_IsNumber(v) && v->valuedouble == floor(v->valuedouble) && fabs(v->valuedouble) < 1e15) {
		snprintf(buf, 32, "%.0f", v->valuedouble);
		return buf;
	}
	if (!cJSON_IsString(v)) {
		warn(c, "%s%s wants text, not %s: it is ignored", in, word_quoted(name, quoted), kind_of(v));
		return NULL;
	}
	if (strlen(v->valuestring) > TEXT_MAX) {
		warn(c, "%s%s is longer than %d bytes: it is ignored", in, word_quoted(name, quoted),
		     TEXT_MAX);
		return NULL;
	}
	return v->valuestring[0] != '\0' ? v->valuestring : NULL;
}

/* Names of runs, keys, variants: one line of clean text. */
static void add_clean(cJSON *to, const char *name, const char *text)
{
	struct buf b = BUF_LIMIT(4 * TEXT_MAX);
	size_t len = strlen(text);

	for (size_t i = 0, n; i<len; i += n> 0 ? n : 1) {
		n = utf8_length(text + i, text + len);
		if (n == 0)
			buf_putc(&b, '?');
		else if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			buf_putc(&b, ' ');
		else
			buf_append(&b, text + i, n);
	}
	cJSON_AddStringToObject(to, name, b.data != NULL ? b.data : "");
	buf_done(&b);
}

static void take_text(struct context *c, const cJSON *v, const char *name)
{
	char number[32];
	const char *text = scalar(c, "", name, v, number);

	if (text != NULL)
		add_clean(c->json, name, text);
}

static void take_timezone(struct context *c, const cJSON *v, const char *name)
{
	char number[32], quoted[WORD_QUOTED_SIZE];
	const char *text = scalar(c, "", name, v, number);
	const char *problem = text != NULL ? config_timezone_problem(text) : NULL;

	if (problem != NULL)
		warn(c, "\"timezone\" %s %s: it is ignored", word_quoted(text, quoted), problem);
	else if (text != NULL)
		cJSON_AddStringToObject(c->json, name, text);
}

static void take_set(struct context *c, const cJSON *v, const char *name)
{
	char number[32];

	if (!cJSON_IsObject(v)) {
		warn(c, "\"set\" wants an object of names and texts, not %s: it is ignored", kind_of(v));
		return;
	}
	cJSON *set = cJSON_AddObjectToObject(c->json, name);
	int n = 0;
	for (const cJSON *s = v->child; s != NULL; s = s->next) {
		if (cJSON_IsNull(s))
			continue;
		if (n++ == SET_MAX) {
			warn(c, "\"set\" has more than %d names: the rest is ignored", SET_MAX);
			break;
		}
		const char *text = scalar(c, "\"set\": ", s->string, s, number);
		if (text != NULL && cJSON_GetObjectItemCaseSensitive(set, s->string) == NULL)
			cJSON_AddStringToObject(set, s->string, text);
	}
}

static void take_ci(struct context *c, const cJSON *v, const char *name)
{
	char number[32], quoted[WORD_QUOTED_SIZE], hint[NEAREST_SIZE];

	if (!cJSON_IsObject(v)) {
		warn(c, "\"ci\" wants an object of facts, not %s: it is ignored", kind_of(v));
		return;
	}
	cJSON *ci = cJSON_AddObjectToObject(c->json, name);
	for (const cJSON *s = v->child; s != NULL; s = s->next) {
		struct nearest near = NEAREST(s->string);
		bool known = false;
		for (int f = 0; f < CI_FACT_COUNT && !known; f++) {
			known = strcmp(s->string, ci_fact_names[f]) == 0;
			nearest_offer(&near, ci_fact_names[f]);
		}
		if (!known) {
			warn(c, "\"ci\": unknown key %s%s", word_quoted(s->string, quoted),
			     nearest_hint(&near, hint));
			continue;
		}
		const char *text = cJSON_IsNull(s) ? NULL : scalar(c, "\"ci\": ", s->string, s, number);
		if (text != NULL && cJSON_GetObjectItemCaseSensitive(ci, s->string) == NULL)
			cJSON_AddStringToObject(ci, s->string, text);
	}
}

/* A name alone is a list of one: a run that was meant for one tracker must not go to all. */
static void take_sinks(struct context *c, const cJSON *v, const char *name)
{
	char quoted[WORD_QUOTED_SIZE];
	const cJSON *one = cJSON_IsArray(v) ? v->child : v;
	cJSON *list = cJSON_CreateArray();

	for (; one != NULL; one = cJSON_IsArray(v) ? one->next : NULL) {
		if (!cJSON_IsString(one))
			warn(c, "\"sinks\" wants a list of names, not %s: it is ignored", kind_of(one));
		else if (!config_name_ok(one->valuestring))
			warn(c, "\"sinks\": %s cannot be the name of a sink: it is ignored",
			     word_quoted(one->valuestring, quoted));
		else if (cJSON_GetArraySize(list) == SINKS_MAX)
			warn(c, "\"sinks\" has more than %d names: \"%s\" is ignored", SINKS_MAX,
			     one->valuestring);
		else
			cJSON_AddItemToArray(list, cJSON_CreateString(one->valuestring));
	}
	cJSON_AddItemToObject(c->json, name, list);
}

static void take_done(struct context *c, const cJSON *v, const char *name)
{
	if (!cJSON_IsBool(v))
		warn(c, "\"done\" wants true or false, not %s: it is ignored", kind_of(v));
	else
		cJSON_AddBoolToObject(c->json, name, cJSON_IsTrue(v));
}

static const struct {
	const char *name;
	void (*take)(struct context *c, const cJSON *v, const char *name);
} keys[] = {
	{ "key", take_text }, { "name", take_text },   { "variant", take_text },      { "set", take_set },
	{ "ci", take_ci },    { "sinks", take_sinks }, { "timezone", take_timezone }, { "done", take_done },
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static void take(struct context *c, const cJSON *v)
{
	char quoted[WORD_QUOTED_SIZE], hint[NEAREST_SIZE];
	struct nearest near = NEAREST(v->string);

	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].name, v->string) == 0) {
			if (cJSON_GetObjectItemCaseSensitive(c->json, v->string) != NULL)
				warn(c, "\"%s\" stands there twice: the first one counts", v->string);
			else if (!cJSON_IsNull(v))
				keys[i].take(c, v, keys[i].name);
			return;
		}
		nearest_offer(&near, keys[i].name);
	}
	warn(c, "unknown key %s%s", word_quoted(v->string, quoted), nearest_hint(&near, hint));
}

/* ---- life ---- */

struct context *context_new(cJSON *json, const char *where)
{
	struct context *c = xcalloc(1, sizeof(*c));

	c->where = xstrdup(where);
	c->json = cJSON_CreateObject();
	for (const cJSON *v = json->child; v != NULL; v = v->next)
		take(c, v);
	if (c->more > 0) {
		char *last = xasprintf("%s (and %zu more)", c->warning[WARNINGS_MAX - 1], c->more);
		free(c->warning[WARNINGS_MAX - 1]);
		c->warning[WARNINGS_MAX - 1] = last;
	}
	c->raw = json;
	return c;
}

struct context *context_find(const char *dir, const char *top, struct err *err)
{
	char *at = xstrdup(dir);
	size_t least = strlen(top);
	struct context *c = NULL;

	while ((c = context_read(at, err)) == NULL && err->code == 0 && strlen(at) > least) {
		char *slash = strrchr(at, '/');
		if (slash == NULL || slash == at)
			break;
		*slash = '\0';
	}
	free(at);
	return c;
}

struct context *context_read(const char *dir, struct err *err)
{
	struct buf text = BUF_LIMIT(CONTEXT_MAX);
	char *path = xasprintf("%s/resultd.json", strcmp(dir, "/") == 0 ? "" : dir);
	struct context *c = NULL;
	struct err failed = ERR_NONE;
	int rc = file_read(path, &text, &failed);

	if (rc == -ENOENT || rc == -ENOTDIR)
		goto out;
	if (rc < 0) {
		err_set(err, rc, "%s", failed.text);
		goto out;
	}
	const char *data = text.data != NULL ? text.data : "", *at = NULL;
	/* Editors of another world put a mark before the first character. */
	size_t skip = text.len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	cJSON *json = cJSON_ParseWithLengthOpts(data + skip, text.len - skip, &at, 0);
	if (!cJSON_IsObject(json)) {
		unsigned line = 1, column = 1;
		for (const char *p = text.data; p != NULL && at != NULL && p < at; p++) {
			column = *p == '\n' ? 1 : column + 1;
			line += *p == '\n';
		}
		err_at(err, -EINVAL, path, line, column, "not a JSON object: the file is ignored");
		cJSON_Delete(json);
		goto out;
	}
	c = context_new(json, path);
out:
	free(path);
	buf_done(&text);
	return c;
}

void context_free(struct context *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->count; i++)
		free(c->warning[i]);
	cJSON_Delete(c->json);
	cJSON_Delete(c->raw);
	free(c->where);
	free(c);
}

/* ---- what it says ---- */

const cJSON *context_json(const struct context *c)
{
	return c != NULL ? c->json : NULL;
}

const cJSON *context_raw(const struct context *c)
{
	return c != NULL ? c->raw : NULL;
}

static const char *text_of(const cJSON *object, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(v) && v->valuestring[0] != '\0' ? v->valuestring : NULL;
}

const char *context_text(const struct context *c, const char *key)
{
	return c != NULL ? text_of(c->json, key) : NULL;
}

const char *context_set(const struct context *c, const char *name)
{
	return c != NULL ? text_of(cJSON_GetObjectItemCaseSensitive(c->json, "set"), name) : NULL;
}

const char *context_ci(const struct context *c, const char *fact)
{
	return c != NULL ? text_of(cJSON_GetObjectItemCaseSensitive(c->json, "ci"), fact) : NULL;
}

bool context_done(const struct context *c)
{
	return c != NULL && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(c->json, "done"));
}

size_t context_warnings(const struct context *c, const char *const **line)
{
	*line = c != NULL ? (const char *const *)c->warning : NULL;
	return c != NULL ? c->count : 0;
}

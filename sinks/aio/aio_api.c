/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_api.c - how the REST API of AIO Tests is spoken: paths, pages, stamps, refusals in words.  Pure
 * functions.  Sources: the vendor's OpenAPI description, and what its own reporters do. */
#include "sinks/aio/aio.h"

#include "daemon/base/clock.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TEXT_SHOWN 900
#define SERVER_API "rest/aio-tcms-api/1.0"

/* ---- requests ---- */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

const char *aio_base(const struct aio_conf *c)
{
	/* Of a server the url is Jira's own; who wrote the whole of it means the same. */
	return c->deployment == AIO_SERVER && !ends_with(c->url, SERVER_API) ? SERVER_API "/" : "";
}

static void path(struct talk *t, struct request *r, const char *fmt, va_list ap)
{
	const struct aio_conf *c = t->conf;

	buf_puts(&r->path, aio_base(c));
	buf_puts(&r->path, "project/");
	sink_escape(&r->path, c->project);
	buf_putc(&r->path, '/');
	for (const char *s = fmt; *s != '\0'; s++) {
		if (s[0] == '{' && s[1] == '}') {
			const char *arg = va_arg(ap, const char *);
			sink_escape(&r->path, arg != NULL ? arg : "");
			s++;
		} else {
			buf_putc(&r->path, *s);
		}
	}
}

void aio_get(struct talk *t, struct request *r, const char *fmt, ...)
{
	va_list ap;

	r->method = METHOD_GET;
	r->write = false;
	va_start(ap, fmt);
	path(t, r, fmt, ap);
	va_end(ap);
}

void aio_search(struct talk *t, struct request *r, const char *fmt, ...)
{
	va_list ap;

	r->method = METHOD_POST;
	r->write = false;
	r->reads = true;
	va_start(ap, fmt);
	path(t, r, fmt, ap);
	va_end(ap);
}

void aio_post(struct talk *t, struct request *r, const char *fmt, ...)
{
	va_list ap;

	r->method = METHOD_POST;
	r->write = true;
	va_start(ap, fmt);
	path(t, r, fmt, ap);
	va_end(ap);
}

void aio_put(struct talk *t, struct request *r, const char *fmt, ...)
{
	va_list ap;

	r->method = METHOD_PUT;
	r->write = true;
	va_start(ap, fmt);
	path(t, r, fmt, ap);
	va_end(ap);
}

void aio_page_args(struct request *r, int64_t offset)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)(offset > 0 ? offset : 0));
	sink_arg(r, "startAt", text);
	snprintf(text, sizeof(text), "%d", AIO_PAGE);
	sink_arg(r, "maxResults", text);
}

enum ask aio_send(struct talk *t, struct request *r, const char *what)
{
	if (buf_error(&r->body) == 0 && buf_error(&r->path) == 0)
		return ASK_SEND;
	err_clear(&t->err);
	err_set(&t->err, -E2BIG, "%s: the request is too large", what);
	return ASK_PARK;
}

/* ---- answers ---- */

bool aio_page(const struct reply *r, struct aio_page *out)
{
	*out = (struct aio_page){ .root = sink_json(r) };
	out->items =
		cJSON_IsArray(out->root) ? out->root : cJSON_GetObjectItemCaseSensitive(out->root, "items");
	if (!cJSON_IsArray(out->items)) {
		cJSON_Delete(out->root);
		*out = (struct aio_page){ 0 };
		return false;
	}
	out->count = cJSON_GetArraySize(out->items);
	/* Everybody takes isLast for "no more"; the description's own wording says the reverse.  It may be
	 * missing, too. */
	const cJSON *last = cJSON_GetObjectItemCaseSensitive(out->root, "isLast");
	if (out->items == out->root || out->count == 0)
		out->last = true;
	else if (last != NULL)
		out->last = sink_bool(out->root, "isLast");
	else
		out->last = out->count < sink_int(out->root, "maxResults", AIO_PAGE);
	return true;
}

int64_t aio_time(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
	double v;

	if (cJSON_IsString(item)) {
		const char *s = item->valuestring;
		size_t n = strlen(s);
		if (n == 0 || n > 40)
			return TIME_UNKNOWN;
		if (strspn(s, "0123456789") != n || n > 15)
			return text_time(s);
		v = (double)sink_int(object, name, 0);
	} else if (cJSON_IsNumber(item)) {
		v = item->valuedouble;
	} else {
		return TIME_UNKNOWN;
	}
	if (!(v > 0) || v > 1e15)
		return TIME_UNKNOWN;
	/* Seconds by the description, milliseconds by what servers answer. */
	return v > 1e11 ? (int64_t)v : (int64_t)(v * 1000);
}

bool aio_says_closed(const char *words)
{
	static const char *const closed[] = { "closed", "archived", NULL };

	return strcasestr(words, "cycle") != NULL && sink_says(words, closed);
}

enum got aio_refused(struct talk *t, const struct reply *r, const char *doing, enum got otherwise)
{
	const char *words = sink_words(t->arena, r);

	err_clear(&t->err);
	err_set(&t->err, -EPROTO, "%s: %.*s (HTTP %d)", doing, TEXT_SHOWN, words, r->status);
	/* 401 comes here only where it speaks of this one project. */
	return r->status == 401 || r->status == 403 ? GOT_PARK : otherwise;
}

void aio_say(struct talk *t, const char *fmt, ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	t->say = arena_strdup(t->arena, text);
}

const char *aio_forbidden(struct talk *t, const cJSON *object, int bits)
{
	const cJSON *p = cJSON_GetObjectItemCaseSensitive(object, "permission");
	int64_t value = sink_int(p, "value", -1);
	const char *error = sink_string(p, "error");

	if (value < 0 || (value & bits) == bits)
		return NULL;
	if (error == NULL)
		return arena_printf(t->arena, "read-only for us (permission %lld)", (long long)value);
	return arena_printf(t->arena, "read-only for us (permission %lld, %.200s)", (long long)value, error);
}

/* ---- facts ---- */

cJSON *aio_config(const struct talk *t)
{
	return cJSON_GetObjectItemCaseSensitive(t->facts, "config");
}

bool aio_old(const struct talk *t, const char *call)
{
	return sink_bool(cJSON_GetObjectItemCaseSensitive(t->facts, "old"), call);
}

void aio_learn_old(struct talk *t, const char *call, const char *instead)
{
	if (!aio_old(t, call))
		aio_say(t, "this server does not know the call (%s): %s", call, instead);
	sink_set_int(sink_object(t->facts, "old"), call, 1);
}

static const cJSON *cycle_of(const struct talk *t)
{
	return cJSON_GetObjectItemCaseSensitive(t->bookmark, "cycle");
}

const char *aio_cycle(const struct talk *t)
{
	return sink_string(cycle_of(t), "key");
}

bool aio_own(const struct talk *t)
{
	return sink_bool(cycle_of(t), "own");
}

void aio_forget_cycle(struct talk *t)
{
	static const char *const names[] = { "cycle", "searched", "each",  "missing",
					     "added", "given",    "steps", "closed" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, names[i]);
	/* What was posted into it went with it. */
	learned_run_gone(&t->learned);
}

const char *aio_status(const struct talk *t, enum verdict v)
{
	const cJSON *all = cJSON_GetObjectItemCaseSensitive(aio_config(t), "statuses");
	const cJSON *one = cJSON_GetArrayItem(all, (int)v);

	return cJSON_IsString(one) ? one->valuestring : NULL;
}

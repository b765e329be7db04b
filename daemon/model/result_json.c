/* SPDX-License-Identifier: Apache-2.0
 *
 * result_json.c - one result, one line.  Writing is on the way of every result into the queue, so it
 * appends literal keys and walks each string once; reading goes through cJSON.  Two keys go beyond the
 * contract's list, both only where a text was cut: "stdout_bytes" and its like tell the whole size. */
#include "daemon/model/result_json.h"

#include "daemon/base/clock.h"
#include "daemon/base/json.h"

#include <cjson/cJSON.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 8 }; /* our own lines nest five deep */

/* ---- writing ---- */

#define PUT(b, literal) buf_append(b, literal, sizeof(literal) - 1)

#define ONES UINT64_C(0x0101010101010101)
#define HIGH UINT64_C(0x8080808080808080)

/* Whether JSON takes the bytes as they are: ASCII without control characters, quotes and backslashes.
 * Eight at a time; a zero byte shows in (v - ONES) & ~v & HIGH, and borrows only make the answer stricter. */
static bool plain(const char *s, size_t len)
{
	size_t i = 0;
	uint64_t v;

	for (; i + 8 <= len; i += 8) {
		memcpy(&v, s + i, 8);
		uint64_t quote = v ^ ONES * '"', slash = v ^ ONES * '\\', del = v ^ ONES * 0x7f;
		uint64_t bad = v | (v - ONES * 0x20) | (quote - ONES) | (slash - ONES) | (del - ONES);
		if ((bad & HIGH) != 0)
			return false;
	}
	for (; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			return false;
	}
	return true;
}

/* key holds the comma, the quotes and the colon.  One reservation, three copies. */
static void put_string_n(struct buf *b, const char *key, size_t key_len, const char *s, size_t len)
{
	if (!plain(s, len)) {
		buf_append(b, key, key_len);
		json_string(b, s, len);
		return;
	}
	if (buf_reserve(b, key_len + len + 2) < 0)
		return;
	char *to = b->data + b->len;
	memcpy(to, key, key_len);
	to += key_len;
	*to++ = '"';
	memcpy(to, s, len);
	to += len;
	*to++ = '"';
	*to = '\0';
	b->len += key_len + len + 2;
}

/* The first key of an object is written by its opener, so every key here begins with a comma. */
#define PUT_STRING(b, key, s)                                                                    \
	do {                                                                                     \
		const char *put_s = (s);                                                         \
		if (put_s != NULL && put_s[0] != '\0')                                           \
			put_string_n(b, ",\"" key "\":", sizeof(key) + 3, put_s, strlen(put_s)); \
	} while (0)

#define PUT_TEXT(b, key, t)                                                                      \
	do {                                                                                     \
		const struct text *put_t = (t);                                                  \
		if (put_t->s != NULL && put_t->len > 0) {                                        \
			put_string_n(b, ",\"" key "\":", sizeof(key) + 3, put_t->s, put_t->len); \
			if (put_t->whole > put_t->len)                                           \
				json_field_int(b, key "_bytes", (int64_t)put_t->whole);          \
		}                                                                                \
	} while (0)

/* Cases of one suite share its stamp, so the last one is remembered. */
static void put_time(struct buf *b, int64_t ms)
{
	static _Thread_local int64_t last = TIME_UNKNOWN;
	static _Thread_local char iso[CLOCK_ISO_SIZE];

	if (ms == TIME_UNKNOWN)
		return;
	if (ms != last) {
		last = ms;
		clock_iso(ms, iso);
	}
	if (iso[0] != '\0')
		put_string_n(b, ",\"started_at\":", 14, iso, strlen(iso));
}

static bool failure_set(const struct failure *f)
{
	return (f->type != NULL && f->type[0] != '\0') || f->message.len > 0 || f->detail.len > 0;
}

static void put_failure(struct buf *b, const struct failure *f)
{
	if (!failure_set(f))
		return;
	PUT(b, ",\"failure\":{");
	size_t start = b->len;
	PUT_STRING(b, "type", f->type);
	PUT_TEXT(b, "message", &f->message);
	PUT_TEXT(b, "detail", &f->detail);
	/* The first key has no comma before it. */
	if (buf_error(b) == 0 && b->len > start) {
		memmove(b->data + start, b->data + start + 1, b->len - start);
		b->len--;
	}
	PUT(b, "}");
}

static void put_strings(struct buf *b, const char *const *s, size_t count)
{
	PUT(b, "[");
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			PUT(b, ",");
		const char *one = s[i] != NULL ? s[i] : "";
		put_string_n(b, "", 0, one, strlen(one));
	}
	PUT(b, "]");
}

static void put_attempt(struct buf *b, const struct attempt *a)
{
	PUT(b, "{\"status\":\"");
	buf_puts(b, outcome_name(a->outcome));
	PUT(b, "\"");
	json_field_ms(b, "duration_ms", a->duration_ms);
	put_time(b, a->started_ms);
	put_failure(b, &a->failure);
	PUT_TEXT(b, "stdout", &a->out);
	PUT_TEXT(b, "stderr", &a->err);
	PUT(b, "}");
}

static void put_lists(struct buf *b, const struct result *r)
{
	if (r->property_count > 0) {
		PUT(b, ",\"properties\":[");
		for (size_t i = 0; i < r->property_count; i++) {
			const struct property *p = &r->properties[i];
			const char *pair[2] = { p->key, p->value };
			if (i > 0)
				PUT(b, ",");
			put_strings(b, pair, 2);
		}
		PUT(b, "]");
	}
	if (r->ref_count > 0) {
		PUT(b, ",\"refs\":");
		put_strings(b, r->refs, r->ref_count);
	}
	if (r->evidence_count > 0) {
		PUT(b, ",\"evidence\":[");
		for (size_t i = 0; i < r->evidence_count; i++) {
			const struct evidence_hint *e = &r->evidence[i];
			if (i > 0)
				PUT(b, ",");
			PUT(b, "{\"path\":");
			json_string(b, e->path, strlen(e->path));
			PUT_STRING(b, "name", e->name);
			if (e->step > 0)
				json_field_int(b, "step", (int64_t)e->step);
			PUT(b, "}");
		}
		PUT(b, "]");
	}
}

int result_json_write(struct buf *b, const struct result *r)
{
	PUT(b, "{");
	if (r->report != NULL && r->report[0] != '\0') {
		put_string_n(b, "\"report\":", 9, r->report, strlen(r->report));
		PUT(b, ",");
	}
	/* A result has a name, or at least the place where it would be: so the first comma is settled here. */
	PUT(b, "\"suite\":");
	put_strings(b, r->suite, r->suite_count);
	PUT_STRING(b, "class", r->class_name);
	PUT_STRING(b, "name", r->name);
	if (r->param_count > 0) {
		PUT(b, ",\"params\":");
		put_strings(b, r->params, r->param_count);
	}
	PUT_STRING(b, "variant", r->variant);
	PUT_STRING(b, "id", r->id);
	PUT(b, ",\"status\":\"");
	buf_puts(b, outcome_name(r->outcome));
	if (!r->flaky && !r->known_failure) {
		PUT(b, "\",\"flaky\":false,\"known_failure\":false");
	} else {
		PUT(b, "\"");
		json_field_bool(b, "flaky", r->flaky);
		json_field_bool(b, "known_failure", r->known_failure);
	}
	json_field_ms(b, "duration_ms", r->duration_ms);
	put_time(b, r->started_ms);
	put_failure(b, &r->failure);
	if (r->attempt_count > 0) {
		PUT(b, ",\"attempts\":[");
		for (size_t i = 0; i < r->attempt_count; i++) {
			if (i > 0)
				PUT(b, ",");
			put_attempt(b, &r->attempts[i]);
		}
		PUT(b, "]");
	}
	PUT_TEXT(b, "stdout", &r->out);
	PUT_TEXT(b, "stderr", &r->err);
	put_lists(b, r);
	PUT_STRING(b, "file", r->file);
	if (r->line > 0)
		json_field_int(b, "line", r->line);
	PUT(b, "}\n");
	return buf_error(b);
}

/* ---- reading ---- */

static int bad(struct err *err, const char *what)
{
	return err_set(err, -EINVAL, "stored result: %s", what);
}

static const char *get_string(const cJSON *o, const char *key, struct arena *arena, bool *ok)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	if (v == NULL)
		return NULL;
	if (!cJSON_IsString(v)) {
		*ok = false;
		return NULL;
	}
	const char *s = arena_strdup(arena, v->valuestring);
	if (s == NULL)
		*ok = false;
	return s;
}

static double get_number(const cJSON *o, const char *key, double missing, bool *ok)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	if (v == NULL)
		return missing;
	if (!cJSON_IsNumber(v) || !isfinite(v->valuedouble)) {
		*ok = false;
		return missing;
	}
	return v->valuedouble;
}

static bool get_bool(const cJSON *o, const char *key)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static struct text get_text(const cJSON *o, const char *key, const char *key_bytes, struct arena *arena,
			    bool *ok)
{
	struct text t = { .s = get_string(o, key, arena, ok) };

	if (t.s == NULL)
		return t;
	t.len = strlen(t.s);
	double whole = get_number(o, key_bytes, (double)t.len, ok);
	t.whole = whole >= (double)t.len && whole < 9e18 ? (uint64_t)whole : t.len;
	return t;
}

static struct failure get_failure(const cJSON *o, struct arena *arena, bool *ok)
{
	const cJSON *f = cJSON_GetObjectItemCaseSensitive(o, "failure");
	struct failure out = { 0 };

	if (f == NULL)
		return out;
	if (!cJSON_IsObject(f)) {
		*ok = false;
		return out;
	}
	out.type = get_string(f, "type", arena, ok);
	out.message = get_text(f, "message", "message_bytes", arena, ok);
	out.detail = get_text(f, "detail", "detail_bytes", arena, ok);
	return out;
}

/* "2026-11-21T10:00:00.000Z", as clock_iso() writes it. */
static int64_t get_time(const cJSON *o, const char *key, bool *ok)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
	int year, month, day, hour, minute, second, ms, used = 0;

	if (v == NULL)
		return TIME_UNKNOWN;
	if (!cJSON_IsString(v) ||
	    sscanf(v->valuestring, "%5d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day, &hour, &minute,
		   &second, &ms, &used) != 7 ||
	    v->valuestring[used] != '\0' || month < 1 || month > 12) {
		*ok = false;
		return TIME_UNKNOWN;
	}
	int64_t days = clock_days(year, (unsigned)month, 0) + day;
	return ((days * 24 + hour) * 60 + minute) * 60000 + (int64_t)second * 1000 + ms;
}

static enum outcome get_outcome(const cJSON *o, bool *ok)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, "status");
	enum outcome out = OUTCOME_PASSED;

	if (!cJSON_IsString(v) || !outcome_parse(v->valuestring, &out))
		*ok = false;
	return out;
}

static size_t array_size(const cJSON *a, bool *ok)
{
	if (a == NULL)
		return 0;
	if (!cJSON_IsArray(a)) {
		*ok = false;
		return 0;
	}
	size_t n = 0;
	for (const cJSON *i = a->child; i != NULL; i = i->next)
		n++;
	return n;
}

static const char *const *get_strings(const cJSON *a, struct arena *arena, size_t *count, bool *ok)
{
	size_t n = array_size(a, ok);

	*count = 0;
	if (n == 0)
		return NULL;
	const char **out = arena_alloc(arena, n * sizeof(*out));
	if (out == NULL) {
		*ok = false;
		return NULL;
	}
	for (const cJSON *i = a->child; i != NULL; i = i->next) {
		const char *s = cJSON_IsString(i) ? arena_strdup(arena, i->valuestring) : NULL;
		if (s == NULL) {
			*ok = false;
			return NULL;
		}
		out[(*count)++] = s;
	}
	return out;
}

static void get_attempts(const cJSON *o, struct arena *arena, struct result *out, bool *ok)
{
	const cJSON *a = cJSON_GetObjectItemCaseSensitive(o, "attempts");
	size_t n = array_size(a, ok);

	if (n == 0)
		return;
	struct attempt *list = arena_calloc(arena, n, sizeof(*list));
	if (list == NULL) {
		*ok = false;
		return;
	}
	out->attempts = list;
	out->attempt_count = n;
	for (const cJSON *i = a->child; i != NULL; i = i->next, list++) {
		list->outcome = get_outcome(i, ok);
		list->duration_ms = get_number(i, "duration_ms", -1, ok);
		list->started_ms = get_time(i, "started_at", ok);
		list->failure = get_failure(i, arena, ok);
		list->out = get_text(i, "stdout", "stdout_bytes", arena, ok);
		list->err = get_text(i, "stderr", "stderr_bytes", arena, ok);
	}
}

static void get_properties(const cJSON *o, struct arena *arena, struct result *out, bool *ok)
{
	const cJSON *a = cJSON_GetObjectItemCaseSensitive(o, "properties");
	size_t n = array_size(a, ok);

	if (n == 0)
		return;
	struct property *list = arena_calloc(arena, n, sizeof(*list));
	if (list == NULL) {
		*ok = false;
		return;
	}
	out->properties = list;
	out->property_count = n;
	for (const cJSON *i = a->child; i != NULL; i = i->next, list++) {
		size_t two;
		const char *const *pair = get_strings(i, arena, &two, ok);
		if (two != 2) {
			*ok = false;
			out->property_count = 0;
			return;
		}
		list->key = pair[0];
		list->value = pair[1];
	}
}

static void get_evidence(const cJSON *o, struct arena *arena, struct result *out, bool *ok)
{
	const cJSON *a = cJSON_GetObjectItemCaseSensitive(o, "evidence");
	size_t n = array_size(a, ok);

	if (n == 0)
		return;
	struct evidence_hint *list = arena_calloc(arena, n, sizeof(*list));
	if (list == NULL) {
		*ok = false;
		return;
	}
	out->evidence = list;
	out->evidence_count = n;
	for (const cJSON *i = a->child; i != NULL; i = i->next, list++) {
		list->path = get_string(i, "path", arena, ok);
		list->name = get_string(i, "name", arena, ok);
		double step = get_number(i, "step", 0, ok);
		list->step = step > 0 && step < 1e6 ? (unsigned)step : 0;
		if (list->path == NULL)
			*ok = false;
	}
}

int result_json_read(const char *line, size_t len, struct arena *arena, struct result *out, struct err *err)
{
	*out = (struct result){ .duration_ms = -1, .started_ms = TIME_UNKNOWN };

	/* cJSON takes depth that our lines do not have: a bound before it, so that it cannot be pushed. */
	unsigned depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < len; i++) {
		char c = line[i];
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > DEPTH_MAX)
				return bad(err, "nested too deep");
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	cJSON *o = cJSON_ParseWithLength(line, len);
	if (!cJSON_IsObject(o)) {
		cJSON_Delete(o);
		return bad(err, "not a JSON object");
	}
	bool ok = true;
	out->report = get_string(o, "report", arena, &ok);
	out->suite = get_strings(cJSON_GetObjectItemCaseSensitive(o, "suite"), arena, &out->suite_count, &ok);
	out->class_name = get_string(o, "class", arena, &ok);
	out->name = get_string(o, "name", arena, &ok);
	out->params =
		get_strings(cJSON_GetObjectItemCaseSensitive(o, "params"), arena, &out->param_count, &ok);
	out->variant = get_string(o, "variant", arena, &ok);
	out->id = get_string(o, "id", arena, &ok);
	out->outcome = get_outcome(o, &ok);
	out->flaky = get_bool(o, "flaky");
	out->known_failure = get_bool(o, "known_failure");
	out->duration_ms = get_number(o, "duration_ms", -1, &ok);
	out->started_ms = get_time(o, "started_at", &ok);
	out->failure = get_failure(o, arena, &ok);
	get_attempts(o, arena, out, &ok);
	out->out = get_text(o, "stdout", "stdout_bytes", arena, &ok);
	out->err = get_text(o, "stderr", "stderr_bytes", arena, &ok);
	get_properties(o, arena, out, &ok);
	out->refs = get_strings(cJSON_GetObjectItemCaseSensitive(o, "refs"), arena, &out->ref_count, &ok);
	get_evidence(o, arena, out, &ok);
	out->file = get_string(o, "file", arena, &ok);
	double number = get_number(o, "line", 0, &ok);
	out->line = number > 0 && number < 9e15 ? (int64_t)number : 0;
	cJSON_Delete(o);
	return ok ? 0 : bad(err, "a field has the wrong type, or the memory allowed is too small");
}

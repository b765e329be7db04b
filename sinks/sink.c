/* SPDX-License-Identifier: Apache-2.0
 *
 * sink.c - what every sink needs to read answers and write requests: JSON of a reply, ids of either kind,
 * what an answer comes to, escaping, endpoints.  Everything read here is foreign: any type may stand anywhere. */
#include "sinks/sink.h"

#include "daemon/base/json.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Lines that a server may put before its JSON. */
#define LINES_BEFORE 4
/* Integers beyond this are not exact in a double, and cJSON has nothing else. */
#define EXACT_MAX 9007199254740992.0
/* Walks that may begin again because something remembered was wrong. */
#define BACKS_MAX 3

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Where the JSON begins: at once, or on a line of its own after a few lines of something else. */
static const char *json_start(const char *s, const char *end)
{
	if (end - s >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0)
		s += 3;
	for (int line = 0; line <= LINES_BEFORE; line++) {
		while (s < end && blank(*s))
			s++;
		if (s == end || *s == '<')
			return NULL;
		if (*s == '{' || *s == '[')
			return s;
		s = memchr(s, '\n', (size_t)(end - s));
		if (s == NULL)
			return NULL;
	}
	return NULL;
}

cJSON *sink_json(const struct reply *r)
{
	if (r->body.data == NULL || r->body.len == 0)
		return NULL;
	const char *end = r->body.data + r->body.len, *start = json_start(r->body.data, end);
	return start != NULL ? cJSON_ParseWithLength(start, (size_t)(end - start)) : NULL;
}

const char *sink_string(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(item) ? item->valuestring : NULL;
}

const char *sink_id(struct arena *a, const cJSON *object, const char *name)
{
	return sink_id_of(a, cJSON_GetObjectItemCaseSensitive(object, name));
}

const char *sink_id_of(struct arena *a, const cJSON *item)
{
	if (cJSON_IsString(item) && item->valuestring[0] != '\0')
		return arena_strdup(a, item->valuestring);
	if (cJSON_IsNumber(item) && item->valuedouble == floor(item->valuedouble) &&
	    fabs(item->valuedouble) <= EXACT_MAX)
		return arena_printf(a, "%.0f", item->valuedouble);
	return NULL;
}

bool sink_bool(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	if (cJSON_IsNumber(item))
		return item->valuedouble != 0;
	if (cJSON_IsString(item))
		return strcmp(item->valuestring, "1") == 0 || strcasecmp(item->valuestring, "true") == 0;
	return cJSON_IsTrue(item);
}

int64_t sink_int(const cJSON *object, const char *name, int64_t otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	if (cJSON_IsNumber(item)) {
		if (!(fabs(item->valuedouble) <= EXACT_MAX))
			return otherwise;
		return (int64_t)item->valuedouble;
	}
	if (cJSON_IsString(item)) {
		const char *s = item->valuestring;
		bool minus = *s == '-';
		int64_t value = 0;
		if (minus)
			s++;
		if (*s == '\0' || strlen(s) > 15 || strspn(s, "0123456789") != strlen(s))
			return otherwise;
		for (; *s != '\0'; s++)
			value = value * 10 + (*s - '0');
		return minus ? -value : value;
	}
	return otherwise;
}

static void set(cJSON *object, const char *name, cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	cJSON_AddItemToObject(object, name, value);
}

void sink_set_string(cJSON *object, const char *name, const char *value)
{
	set(object, name, value != NULL ? cJSON_CreateString(value) : cJSON_CreateNull());
}

void sink_set_int(cJSON *object, const char *name, int64_t value)
{
	set(object, name, cJSON_CreateNumber((double)value));
}

bool sink_read_since(const struct talk *t, const cJSON *list)
{
	return sink_int(list, "nth", 0) >= t->nth;
}

void sink_reads(const struct talk *t, cJSON *list)
{
	sink_set_int(list, "nth", t->newest);
}

/* ---- objects ---- */

cJSON *sink_object(cJSON *parent, const char *name)
{
	cJSON *item = cJSON_GetObjectItemCaseSensitive(parent, name);

	if (cJSON_IsObject(item))
		return item;
	cJSON_DeleteItemFromObjectCaseSensitive(parent, name);
	return cJSON_AddObjectToObject(parent, name);
}

cJSON *sink_array(cJSON *parent, const char *name)
{
	cJSON *item = cJSON_GetObjectItemCaseSensitive(parent, name);

	if (cJSON_IsArray(item))
		return item;
	cJSON_DeleteItemFromObjectCaseSensitive(parent, name);
	return cJSON_AddArrayToObject(parent, name);
}

cJSON *sink_scratch(struct talk *t)
{
	if (t->scratch == NULL)
		t->scratch = cJSON_CreateObject();
	return t->scratch;
}

bool sink_turn_page(struct talk *t, int64_t count, bool last)
{
	cJSON *scratch = sink_scratch(t);

	if (!last) {
		sink_set_int(scratch, "offset", sink_int(scratch, "offset", 0) + count);
		sink_set_int(scratch, "pages", 1);
	}
	return last;
}

bool sink_reads_again(struct talk *t)
{
	cJSON *scratch = sink_scratch(t);

	if (!sink_bool(scratch, "pages") || sink_bool(scratch, "again"))
		return false;
	sink_set_int(scratch, "offset", 0);
	sink_set_int(scratch, "again", 1);
	return true;
}

/* ---- verdicts on answers ---- */

bool sink_says(const char *words, const char *const *any)
{
	for (size_t i = 0; any[i] != NULL; i++) {
		if (strcasestr(words, any[i]) != NULL)
			return true;
	}
	return false;
}

enum got sink_park(struct talk *t, const char *fmt, ...)
{
	va_list ap;

	err_clear(&t->err);
	va_start(ap, fmt);
	err_vset(&t->err, -ENOENT, fmt, ap);
	va_end(ap);
	return GOT_PARK;
}

enum got sink_back(struct talk *t, const char *fmt, ...)
{
	int64_t backs = sink_int(t->bookmark, "backs", 0) + 1;
	va_list ap;

	err_clear(&t->err);
	va_start(ap, fmt);
	err_vset(&t->err, -ESTALE, fmt, ap);
	va_end(ap);
	if (backs > BACKS_MAX)
		return GOT_PARK;
	sink_set_int(t->bookmark, "backs", backs);
	return GOT_BACK;
}

/* ---- requests ---- */

struct endpoint sink_endpoint(const char *url, const struct sink_common *common)
{
	return (struct endpoint){
		.url = url,
		.scope = url,
		.ca_file = common->ca_file,
		.cert_file = common->cert_file,
		.key_file = common->key_file,
		.proxy = common->proxy,
		.verify = common->verify,
		.rate_per_minute = common->rate,
		.parallel = 1,
	};
}

void sink_arg(struct request *r, const char *name, const char *value)
{
	bool first = r->path.data == NULL || memchr(r->path.data, '?', r->path.len) == NULL;

	buf_putc(&r->path, first ? '?' : '&');
	buf_puts(&r->path, name);
	buf_putc(&r->path, '=');
	sink_escape(&r->path, value);
}

void sink_put_id(struct buf *b, const char *key, const char *id)
{
	size_t n = strlen(id);
	bool number = n > 0 && n <= 15 && strspn(id, "0123456789") == n && (id[0] != '0' || n == 1);

	if (key != NULL)
		json_key(b, key);
	else
		json_sep(b);
	if (number)
		buf_puts(b, id);
	else
		json_string(b, id, n);
}

void sink_escape(struct buf *b, const char *value)
{
	static const char hex[] = "0123456789ABCDEF";

	for (const char *s = value; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			     c == '-' || c == '_' || c == '.' || c == '~';
		if (plain) {
			buf_putc(b, (char)c);
			continue;
		}
		char code[3] = { '%', hex[c >> 4], hex[c & 15] };
		buf_append(b, code, 3);
	}
}

/* ---- defects and files ---- */

void sink_defect_ids(const struct row *row, struct buf *out, size_t max)
{
	for (size_t i = 0; i < row->defect_count; i++) {
		const char *id = row->defects[i].id;
		if (out->len + strlen(id) + 2 > max)
			return;
		buf_printf(out, "%s%s", i > 0 ? ", " : "", id);
	}
}

void sink_defect_lines(const struct row *row, struct buf *out)
{
	for (size_t i = 0; i < row->defect_count; i++) {
		const struct row_defect *d = &row->defects[i];
		buf_printf(out, "%sDefect %s", i > 0 ? "\n" : "", d->id);
		if (d->state != NULL)
			buf_printf(out, " (%.100s)", d->state);
		if (d->url != NULL && d->url[0] != '\0')
			buf_printf(out, ": %s", d->url);
	}
}

void sink_evidence_policy(const struct sink_evidence *conf, struct evidence_policy *out)
{
	*out = (struct evidence_policy){
		.results = (enum evidence_of)conf->results,
		.max_size = (uint64_t)conf->max_size,
		.max_files = (unsigned)conf->max_files,
		.types = (const char *const *)conf->types.item,
		.type_count = conf->types.count,
		.report = conf->report,
	};
}

void sink_upload(struct talk *t, struct request *r, const char *field)
{
	const struct row_evidence *e = t->rows->row[0].evidence;
	const char *dir = t->evidence_dir != NULL ? t->evidence_dir : ".";

	r->upload_path = arena_printf(t->arena, "%s/%s", dir, e->kept);
	r->upload_field = field;
	r->upload_name = e->name;
	r->upload_type = e->type;
	r->upload_size = e->size;
}

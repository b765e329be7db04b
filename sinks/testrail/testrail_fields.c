/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_fields.c - fields of cases and results as an administrator made them: which there are for this
 * project, of what type, which are required, what the options of a dropdown are called; and values brought
 * into the form that the API wants of each type.  Read once and kept in facts. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/json.h"
#include "daemon/base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIELDS_FRESH_MS (INT64_C(24) * 3600000) /* an administrator may change them */
#define ITEMS_MAX       2000                    /* options of one dropdown */

/* ---- reading them ---- */

/* A text of the list's that may be rich, in the form that people compare. */
static const char *plain(struct talk *t, const cJSON *object, const char *name)
{
	const char *s = sink_string(object, name);

	return s != NULL ? testrail_plain(t->arena, s) : NULL;
}

static bool holds_id(struct talk *t, const cJSON *ids, const char *wanted)
{
	const cJSON *id;

	cJSON_ArrayForEach(id, ids)
	{
		const char *text = cJSON_IsString(id)   ? id->valuestring
				   : cJSON_IsNumber(id) ? arena_printf(t->arena, "%.0f", id->valuedouble)
							: NULL;
		if (text != NULL && wanted != NULL && strcmp(text, wanted) == 0)
			return true;
	}
	return false;
}

/* The configuration of a field that counts for this project: its own before the global one.  *applies: there is
 * one, or the server tells of none at all. */
const cJSON *testrail_field_config(struct talk *t, const cJSON *field, bool *applies)
{
	const cJSON *config, *global = NULL, *configs = cJSON_GetObjectItemCaseSensitive(field, "configs");
	const char *project = testrail_fact(t, "project", "id");

	*applies = true;
	if (!cJSON_IsArray(configs) || configs->child == NULL)
		return NULL;
	cJSON_ArrayForEach(config, configs)
	{
		const cJSON *context = cJSON_GetObjectItemCaseSensitive(config, "context");
		if (holds_id(t, cJSON_GetObjectItemCaseSensitive(context, "project_ids"), project))
			return config;
		if (sink_bool(context, "is_global"))
			global = config;
	}
	*applies = global != NULL;
	return global;
}

bool testrail_field_active(const cJSON *field)
{
	return cJSON_GetObjectItemCaseSensitive(field, "is_active") == NULL || sink_bool(field, "is_active");
}

static void add_item(cJSON *items, const char *id, const char *label)
{
	cJSON *pair = cJSON_CreateArray();

	cJSON_AddItemToArray(pair, cJSON_CreateString(id));
	cJSON_AddItemToArray(pair, cJSON_CreateString(label));
	cJSON_AddItemToArray(items, pair);
}

/* "1, First\n2, Second"; some servers give objects instead. */
static cJSON *items_of(struct talk *t, const cJSON *options)
{
	const cJSON *raw = cJSON_GetObjectItemCaseSensitive(options, "items"), *item;
	cJSON *items = cJSON_CreateArray();
	int n = 0;

	for (item = cJSON_IsArray(raw) ? raw->child : NULL; item != NULL; item = item->next) {
		const char *id = sink_id(t->arena, item, "id"), *label = sink_string(item, "label");
		if (id == NULL)
			id = sink_id(t->arena, item, "value");
		if (label == NULL)
			label = sink_string(item, "name");
		if (id != NULL && label != NULL && n++ < ITEMS_MAX)
			add_item(items, id, label);
	}
	for (const char *s = cJSON_IsString(raw) ? raw->valuestring : ""; *s != '\0' && n < ITEMS_MAX; n++) {
		size_t len = strcspn(s, "\r\n");
		const char *line = arena_strndup(t->arena, s, len),
			   *comma = line != NULL ? strchr(line, ',') : NULL;
		if (comma != NULL) {
			const char *id = arena_strndup(t->arena, line, (size_t)(comma - line));
			add_item(items, testrail_plain(t->arena, id), testrail_plain(t->arena, comma + 1));
		}
		s += len;
		s += strspn(s, "\r\n");
	}
	return items;
}

/* What is kept of a field; fields of other projects and those switched off are left out. */
static void keep_field(struct talk *t, cJSON *fields, const cJSON *field)
{
	const char *system = sink_string(field, "system_name"), *name = sink_string(field, "name");
	const char *label = plain(t, field, "label");
	bool applies;
	const cJSON *config = testrail_field_config(t, field, &applies);
	const cJSON *options = cJSON_GetObjectItemCaseSensitive(config, "options");

	if (system == NULL && name != NULL)
		system = arena_printf(t->arena, "custom_%s", name);
	if (system == NULL || !applies || !testrail_field_active(field))
		return;
	int64_t type = sink_int(field, "type_id", TESTRAIL_STRING);
	cJSON *kept = cJSON_CreateObject();
	sink_set_string(kept, "n", system);
	if (label != NULL)
		sink_set_string(kept, "l", label);
	sink_set_int(kept, "t", type);
	if (sink_bool(options, "is_required"))
		sink_set_int(kept, "r", 1);
	if (type == TESTRAIL_DROPDOWN || type == TESTRAIL_MULTI)
		cJSON_AddItemToObject(kept, "i", items_of(t, options));
	cJSON_AddItemToArray(fields, kept);
}

/* What the list is read for: the project, and what the configuration wants of it. */
static const char *wanted(const struct talk *t, const struct config_map *map)
{
	const char *project = testrail_fact(t, "project", "id");
	struct buf b = BUF_LIMIT(64u << 10);

	buf_puts(&b, project != NULL ? project : "");
	for (size_t i = 0; i < map->count; i++)
		buf_printf(&b, "\n%s: %s", map->key[i], map->value[i]);
	const char *text = b.data != NULL ? arena_strndup(t->arena, b.data, b.len) : NULL;
	buf_done(&b);
	return text != NULL ? text : "";
}

void testrail_fields_keep(struct talk *t, const char *group, const struct config_map *map, const cJSON *items)
{
	cJSON *g = testrail_begin(t, group, wanted(t, map));
	cJSON *fields = cJSON_AddArrayToObject(g, "fields");
	const cJSON *item;

	sink_set_int(g, "at", t->now_ms);
	sink_reads(t, g);
	cJSON_ArrayForEach(item, items) keep_field(t, fields, item);
}

bool testrail_fields_fresh(const struct talk *t, const char *group, const struct config_map *map)
{
	int64_t age = t->now_ms - sink_int(cJSON_GetObjectItemCaseSensitive(t->facts, group), "at", 0);

	return testrail_wanted(t, group, wanted(t, map)) && age >= 0 && age < FIELDS_FRESH_MS;
}

/* ---- finding one ---- */

const char *testrail_field_name(const cJSON *field)
{
	return sink_string(field, "n");
}

const cJSON *testrail_field(const struct talk *t, const char *group, const char *name)
{
	const cJSON *field, *labelled = NULL,
			    *fields = cJSON_GetObjectItemCaseSensitive(
				    cJSON_GetObjectItemCaseSensitive(t->facts, group), "fields");

	cJSON_ArrayForEach(field, fields)
	{
		const char *system = sink_string(field, "n"), *label = sink_string(field, "l");
		if (system == NULL)
			continue;
		if (strcmp(system, name) == 0 ||
		    (strncmp(system, "custom_", 7) == 0 && strcasecmp(system + 7, name) == 0))
			return field;
		if (label != NULL && strcasecmp(label, name) == 0)
			labelled = field;
	}
	return labelled;
}

const char *testrail_field_names(struct talk *t, const char *group)
{
	const cJSON *field, *fields = cJSON_GetObjectItemCaseSensitive(
				    cJSON_GetObjectItemCaseSensitive(t->facts, group), "fields");
	struct buf b = BUF_LIMIT(700);

	cJSON_ArrayForEach(field, fields)
	{
		if (b.len > 500) {
			buf_puts(&b, ", ...");
			break;
		}
		buf_printf(&b, "%s%.100s", b.len > 0 ? ", " : "", sink_string(field, "n"));
	}
	const char *text = b.len > 0 ? arena_strndup(t->arena, b.data, b.len) : "none";
	buf_done(&b);
	return text != NULL ? text : "";
}

/* ---- values ---- */

static bool is_true(const char *s, bool *value)
{
	static const char *const yes[] = { "true", "yes", "on", "1" }, *const no[] = { "false", "no", "off",
										       "0" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcasecmp(s, yes[i]) == 0 || strcasecmp(s, no[i]) == 0) {
			*value = strcasecmp(s, yes[i]) == 0;
			return true;
		}
	}
	return false;
}

static bool integer(const char *s, int64_t *value)
{
	char *end;

	errno = 0;
	long long n = strtoll(s, &end, 10);
	if (errno != 0 || end == s || *end != '\0' || n > INT64_C(9007199254740991) ||
	    n < -INT64_C(9007199254740991))
		return false;
	*value = n;
	return true;
}

/* The id of a dropdown's option, by label or by id; labels first, since an option may be called "2". */
static const char *option(const cJSON *field, const char *text)
{
	const cJSON *pair, *items = cJSON_GetObjectItemCaseSensitive(field, "i");

	for (int by_id = 0; by_id < 2; by_id++) {
		cJSON_ArrayForEach(pair, items)
		{
			const cJSON *what = by_id ? pair->child : pair->child->next;
			if (strcasecmp(what->valuestring, text) == 0)
				return pair->child->valuestring;
		}
	}
	return NULL;
}

static const char *options_said(struct talk *t, const cJSON *field, const char *text)
{
	const cJSON *pair, *items = cJSON_GetObjectItemCaseSensitive(field, "i");
	struct buf b = BUF_LIMIT(500);

	cJSON_ArrayForEach(pair, items)
	{
		if (b.len > 300) {
			buf_puts(&b, ", ...");
			break;
		}
		buf_printf(&b, "%s%.60s", b.len > 0 ? ", " : "", pair->child->next->valuestring);
	}
	const char *why = arena_printf(t->arena, "has no option \"%.100s\"; there are: %s", text,
				       b.len > 0 ? b.data : "none");
	buf_done(&b);
	return why;
}

const char *testrail_trim(const struct talk *t, const char *s, size_t len)
{
	while (len > 0 && strchr(" \t\r\n", *s) != NULL) {
		s++;
		len--;
	}
	while (len > 0 && strchr(" \t\r\n", s[len - 1]) != NULL)
		len--;
	return arena_strndup(t->arena, s, len);
}

/* "a, b" or "[1, 2]" */
static const char *put_options(struct talk *t, struct buf *b, const cJSON *field, const char *text)
{
	struct buf list = BUF_LIMIT(64u << 10);
	const char *why = NULL, *s = text + (*text == '[');

	while (*s != '\0' && why == NULL) {
		size_t len = strcspn(s, ",;]");
		const char *word = testrail_trim(t, s, len);
		const char *id = word != NULL && *word != '\0' ? option(field, word) : NULL;
		if (word == NULL || (id == NULL && *word != '\0'))
			why = word != NULL ? options_said(t, field, word) : "is too long";
		else if (id != NULL)
			sink_put_id(&list, NULL, id);
		s += len;
		s += *s != '\0';
	}
	if (why == NULL) {
		json_key(b, testrail_field_name(field));
		buf_putc(b, '[');
		buf_append(b, list.data, list.len);
		buf_putc(b, ']');
	}
	buf_done(&list);
	return why;
}

static const char *put_json(struct buf *b, const cJSON *field, const char *text)
{
	cJSON *root = cJSON_Parse(text);
	char *printed = cJSON_IsArray(root) ? cJSON_PrintUnformatted(root) : NULL;

	cJSON_Delete(root);
	if (printed == NULL)
		return "holds steps: a JSON array of objects is needed";
	json_key(b, testrail_field_name(field));
	buf_puts(b, printed);
	cJSON_free(printed);
	return NULL;
}

const char *testrail_field_put(struct talk *t, struct buf *b, const cJSON *field, const char *value)
{
	int64_t type = sink_int(field, "t", TESTRAIL_STRING), n;
	const char *name = testrail_field_name(field), *id;
	const char *text = testrail_trim(t, value, strlen(value));
	bool flag;

	if (text == NULL)
		return "is too long";
	switch (type) {
	case TESTRAIL_STRING:
	case TESTRAIL_URL:
		json_field_n(b, name, text, utf8_cut(text, strlen(text), TESTRAIL_NAME_MAX));
		return NULL;
	case TESTRAIL_INTEGER:
	case TESTRAIL_MILESTONE:
		if (!integer(text, &n) || (type == TESTRAIL_MILESTONE && n <= 0))
			return arena_printf(t->arena, "needs a whole number%s, not \"%.100s\"",
					    type == TESTRAIL_MILESTONE ? " (a milestone's id)" : "", text);
		json_field_int(b, name, n);
		return NULL;
	case TESTRAIL_CHECKBOX:
		if (!is_true(text, &flag))
			return arena_printf(t->arena, "needs true or false, not \"%.100s\"", text);
		json_field_bool(b, name, flag);
		return NULL;
	case TESTRAIL_DROPDOWN:
		id = option(field, text);
		if (id == NULL)
			return options_said(t, field, text);
		sink_put_id(b, name, id);
		return NULL;
	case TESTRAIL_USER:
		id = testrail_user(t, text);
		if (id == NULL)
			return arena_printf(t->arena, "needs a user's e-mail address or id, not \"%.100s\"",
					    text);
		sink_put_id(b, name, id);
		return NULL;
	case TESTRAIL_MULTI:
		return put_options(t, b, field, text);
	case TESTRAIL_STEPS:
	case TESTRAIL_STEP_RESULTS:
		return put_json(b, field, text);
	default: /* text, dates in the user's own form, kinds that are newer than this */
		json_field(b, name, value);
		return NULL;
	}
}

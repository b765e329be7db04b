/* SPDX-License-Identifier: Apache-2.0
 *
 * runspec.c - which run a report belongs to. */
#include "daemon/runspec.h"

#include "daemon/base/file.h"
#include "daemon/base/glob.h"
#include "daemon/base/json.h"
#include "daemon/base/mem.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT_MAX = 256 * 1024, CAPTURES_MAX = 16 };

/* ---- the context file ---- */

struct context {
	cJSON *json;
};

static const char *string_of(const cJSON *object, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(v) && v->valuestring[0] != '\0' ? v->valuestring : NULL;
}

struct context *context_read(const char *dir, struct err *err)
{
	struct buf text = BUF_LIMIT(CONTEXT_MAX);
	char *path = xasprintf("%s/resultd.json", dir);
	struct context *c = NULL;
	struct err failed = ERR_NONE;
	int rc = file_read(path, &text, &failed);

	if (rc == -ENOENT || rc == -ENOTDIR)
		goto out;
	if (rc < 0) {
		err_set(err, rc, "%s", failed.text);
		goto out;
	}
	const char *at = NULL;
	cJSON *json = cJSON_ParseWithLengthOpts(text.data != NULL ? text.data : "", text.len, &at, 0);
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
	c = xcalloc(1, sizeof(*c));
	c->json = json;
out:
	free(path);
	buf_done(&text);
	return c;
}

struct context *context_new(cJSON *json)
{
	struct context *c = xcalloc(1, sizeof(*c));

	c->json = json;
	return c;
}

const cJSON *context_json(const struct context *c)
{
	return c != NULL ? c->json : NULL;
}

void context_free(struct context *c)
{
	if (c == NULL)
		return;
	cJSON_Delete(c->json);
	free(c);
}

bool context_done(const struct context *c)
{
	return c != NULL && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(c->json, "done"));
}

/* ---- variables ---- */

struct view {
	const struct runspec_source *source;
	struct glob_capture capture[CAPTURES_MAX];
	size_t capture_count;
	struct arena *a;
};

static const char *ci_of(const struct view *v, const char *fact)
{
	if (v->source->context != NULL) {
		const char *own =
			string_of(cJSON_GetObjectItemCaseSensitive(v->source->context->json, "ci"), fact);
		if (own != NULL)
			return own;
	}
	for (int f = 0; v->source->ci != NULL && f < CI_FACT_COUNT; f++) {
		if (strcmp(fact, ci_fact_names[f]) == 0)
			return v->source->ci->fact[f];
	}
	return NULL;
}

static const char *get(void *cookie, const char *name)
{
	const struct view *v = cookie;
	const char *value = v->source->set != NULL ? config_map_get(v->source->set, name) : NULL;

	if (value == NULL && v->source->context != NULL)
		value = string_of(cJSON_GetObjectItemCaseSensitive(v->source->context->json, "set"), name);
	for (size_t i = 0; value == NULL && i < v->capture_count; i++) {
		const struct glob_capture *c = &v->capture[i];
		if (strlen(name) == c->name_len && memcmp(name, c->name, c->name_len) == 0)
			value = arena_strndup(v->a, c->value, c->value_len);
	}
	if (value == NULL && strncmp(name, "ci.", 3) == 0)
		value = ci_of(v, name + 3);
	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* All that templates of sinks may want later, as one JSON object. */
static const char *vars_json(struct view *v)
{
	cJSON *o = cJSON_CreateObject();
	const cJSON *set = v->source->context != NULL
				   ? cJSON_GetObjectItemCaseSensitive(v->source->context->json, "set")
				   : NULL;

	for (size_t i = 0; i < v->capture_count; i++) {
		const struct glob_capture *c = &v->capture[i];
		const char *name = arena_strndup(v->a, c->name, c->name_len);
		if (!cJSON_HasObjectItem(o, name))
			cJSON_AddStringToObject(o, name, get(v, name));
	}
	for (const cJSON *s = set != NULL ? set->child : NULL; s != NULL; s = s->next) {
		if (cJSON_IsString(s) && !cJSON_HasObjectItem(o, s->string) && get(v, s->string) != NULL)
			cJSON_AddStringToObject(o, s->string, get(v, s->string));
	}
	for (size_t i = 0; v->source->set != NULL && i < v->source->set->count; i++) {
		cJSON_DeleteItemFromObjectCaseSensitive(o, v->source->set->key[i]);
		cJSON_AddStringToObject(o, v->source->set->key[i], v->source->set->value[i]);
	}
	for (int f = 0; f < CI_FACT_COUNT; f++) {
		const char *value = ci_of(v, ci_fact_names[f]);
		if (value != NULL && value[0] != '\0')
			cJSON_AddStringToObject(o, arena_printf(v->a, "ci.%s", ci_fact_names[f]), value);
	}
	char *text = cJSON_PrintUnformatted(o);
	const char *copy = arena_strdup(v->a, text);
	free(text);
	cJSON_Delete(o);
	return copy;
}

/* ---- the spec ---- */

static int expand(const struct template *t, const struct vars *vars, struct arena *a, const char **out,
		  struct err *err)
{
	struct buf b = BUF_LIMIT(4096);

	*out = NULL;
	if (t == NULL)
		return 0;
	int rc = template_expand(t, vars, &b, err);
	if (rc == 0 && b.len > 0)
		*out = arena_strndup(a, b.data, b.len);
	buf_done(&b);
	return rc;
}

/* CI facts of the context win over those of the environment. */
static void merged_ci(const struct view *v, struct ci *out)
{
	for (int f = 0; f < CI_FACT_COUNT; f++)
		out->fact[f] = ci_of(v, ci_fact_names[f]);
}

static int pick_sinks(const struct runspec_source *s, const struct config *config, struct arena *a,
		      struct runspec *out, struct err *err)
{
	const cJSON *own =
		s->context != NULL ? cJSON_GetObjectItemCaseSensitive(s->context->json, "sinks") : NULL;
	size_t count = 0;

	if (s->sink_count > 0) {
		out->run.sinks = s->sinks;
		out->run.sink_count = s->sink_count;
		return 0;
	}
	size_t room = (size_t)(cJSON_IsArray(own) ? cJSON_GetArraySize(own) : 0) + config->sink_count;
	const char **name = arena_calloc(a, room + 1, sizeof(*name));
	const cJSON *item;
	cJSON_ArrayForEach(item, own)
	{
		if (!cJSON_IsString(item))
			continue;
		if (config_find_sink(config, item->valuestring) == NULL)
			return err_set(err, -ENOENT,
				       "resultd.json names the sink \"%s\", which is not configured",
				       item->valuestring);
		name[count++] = item->valuestring;
	}
	/* Defects go with whatever sinks there are, unless they are switched off. */
	const struct config_sink *defects = config_find_sink(config, CONFIG_DEFECTS);
	bool wanted = defects != NULL && !defects->off && (s->watch == NULL || s->watch->defects);
	if (count == 0 && s->watch != NULL && s->watch->sinks.count > 0) {
		name = arena_calloc(a, s->watch->sinks.count + 2, sizeof(*name));
		for (; count < s->watch->sinks.count; count++)
			name[count] = s->watch->sinks.item[count];
	}
	for (size_t i = 0, all = count; all == 0 && i < config->sink_count; i++)
		if (&config->sink[i] != defects)
			name[count++] = config->sink[i].name;
	for (size_t i = 0; wanted && i < count; i++)
		wanted = strcmp(name[i], CONFIG_DEFECTS) != 0;
	if (wanted)
		name[count++] = CONFIG_DEFECTS;
	out->run.sinks = name;
	out->run.sink_count = count;
	return 0;
}

int runspec_make(const struct runspec_source *s, const struct config *config, struct arena *a,
		 struct runspec *out, struct err *err)
{
	struct view v = { .source = s, .a = a };
	const struct vars vars = { .get = get, .cookie = &v };
	const cJSON *context = s->context != NULL ? s->context->json : NULL;
	const char *key = s->run_key, *name = s->run_name, *variant = NULL, *t = NULL;
	struct ci ci;

	*out = (struct runspec){ 0 };
	if (s->watch != NULL && s->path != NULL) {
		const char *pattern = arena_printf(a, "%s/**", s->watch->path);
		glob_capture(pattern, s->path, v.capture, CAPTURES_MAX, &v.capture_count);
	}
	merged_ci(&v, &ci);
	if (key == NULL)
		key = string_of(context, "key");
	if (key == NULL && s->watch != NULL) {
		int rc = expand(s->watch->run.key, &vars, a, &key, err);
		if (rc < 0)
			return rc;
	}
	if (key == NULL)
		key = ci_run_key(&ci, a);
	if (key == NULL)
		key = s->run_name;
	if (key == NULL)
		key = s->common_dir;
	if (name == NULL)
		name = string_of(context, "name");
	if (name == NULL && s->watch != NULL) {
		int rc = expand(s->watch->run.name, &vars, a, &name, err);
		if (rc < 0)
			return rc;
	}
	if (name == NULL && s->run_key == NULL && key != string_of(context, "key"))
		name = ci_run_name(&ci, a);
	if (name == NULL && key == s->common_dir && key != NULL) {
		/* A path is a poor name; its last component is what people call it. */
		const char *slash = strrchr(key, '/');
		name = slash != NULL && slash[1] != '\0' ? slash + 1 : "import";
	}
	variant = string_of(context, "variant");
	if (variant == NULL && s->watch != NULL) {
		int rc = expand(s->watch->run.variant, &vars, a, &variant, err);
		if (rc < 0)
			return rc;
	}
	t = string_of(context, "timezone");
	if (t == NULL && s->watch != NULL)
		t = s->watch->timezone;
	out->timezone = t;
	out->variant = variant;
	out->run = (struct run_spec){
		.key = key != NULL ? key : "default",
		.name = name,
		.variant = variant,
		.vars_json = vars_json(&v),
		.source = s->source,
		.watch = s->watch != NULL ? s->watch->name : NULL,
		.backfill = s->backfill,
	};
	return pick_sinks(s, config, a, out, err);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * runspec.c - which run a report belongs to. */
#include "daemon/intake/runspec.h"

#include "daemon/base/glob.h"
#include "daemon/base/mem.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CAPTURES_MAX = 16 };

/* ---- variables ---- */

struct view {
	const struct runspec_source *source;
	struct glob_capture capture[CAPTURES_MAX];
	size_t capture_count;
	struct arena *a;
};

static const char *ci_of(const struct view *v, const char *fact)
{
	const char *own = context_ci(v->source->context, fact);

	if (own != NULL)
		return own;
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

	if (value == NULL)
		value = context_set(v->source->context, name);
	for (size_t i = 0; value == NULL && i < v->capture_count; i++) {
		const struct glob_capture *c = &v->capture[i];
		if (strlen(name) == c->name_len && memcmp(name, c->name, c->name_len) == 0)
			value = arena_strndup(v->a, c->value, c->value_len);
	}
	if (value == NULL && strncmp(name, "ci.", 3) == 0)
		value = ci_of(v, name + 3);
	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* What of the context could not be used goes with the run, among its notes. */
static void add_warnings(const struct view *v, cJSON *o)
{
	const char *const *line;
	size_t count = context_warnings(v->source->context, &line);
	struct buf text = BUF_LIMIT(4096);

	for (size_t i = 0; i < count; i++) {
		const char *name = strstr(line[i], "resultd.json: ");
		buf_printf(&text, "%s%s", i > 0 ? "\n" : "", name != NULL ? name : line[i]);
	}
	if (text.data != NULL && cJSON_GetObjectItemCaseSensitive(o, "notes") == NULL)
		cJSON_AddStringToObject(cJSON_AddObjectToObject(o, "notes"), "context", text.data);
	buf_done(&text);
}

/* All that templates of sinks may want later, as one JSON object. */
static const char *vars_json(struct view *v)
{
	cJSON *o = cJSON_CreateObject();
	const cJSON *set = cJSON_GetObjectItemCaseSensitive(context_json(v->source->context), "set");

	for (size_t i = 0; i < v->capture_count; i++) {
		const struct glob_capture *c = &v->capture[i];
		const char *name = arena_strndup(v->a, c->name, c->name_len);
		if (cJSON_GetObjectItemCaseSensitive(o, name) == NULL)
			cJSON_AddStringToObject(o, name, get(v, name));
	}
	for (const cJSON *s = set != NULL ? set->child : NULL; s != NULL; s = s->next) {
		if (cJSON_IsString(s) && cJSON_GetObjectItemCaseSensitive(o, s->string) == NULL &&
		    get(v, s->string) != NULL)
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
	add_warnings(v, o);
	char *text = cJSON_PrintUnformatted(o);
	const char *copy = arena_strdup(v->a, text);
	free(text);
	cJSON_Delete(o);
	return copy;
}

/* ---- the spec ---- */

/* NULL where there is no template, or where it cannot be filled: then *hold says what is missing, the first that is
 * found. */
static const char *expand(struct view *v, const struct template *t, const char *what, const char **hold)
{
	const struct vars vars = { .get = get, .cookie = v };
	struct buf b = BUF_LIMIT(4096);
	struct err err = ERR_NONE;
	const char *out = NULL;

	if (t == NULL)
		return NULL;
	if (template_expand(t, &vars, &b, &err) < 0) {
		if (*hold == NULL)
			*hold = arena_printf(v->a, "%s of watch \"%s\": %s", what, v->source->watch->name,
					     err.text);
	} else if (b.len > 0) {
		out = arena_strndup(v->a, b.data, b.len);
	}
	buf_done(&b);
	return out;
}

/* CI facts of the context win over those of the environment. */
static void merged_ci(const struct view *v, struct ci *out)
{
	for (int f = 0; f < CI_FACT_COUNT; f++)
		out->fact[f] = ci_of(v, ci_fact_names[f]);
}

/* A sink of the context that is not configured is named all the same: what is owed to it waits and is shown, until
 * it is configured or given up. */
static void pick_sinks(const struct runspec_source *s, const struct config *config, struct arena *a,
		       struct runspec *out)
{
	const cJSON *own = cJSON_GetObjectItemCaseSensitive(context_json(s->context), "sinks");
	size_t count = 0;

	if (s->sink_count > 0) {
		out->run.sinks = s->sinks;
		out->run.sink_count = s->sink_count;
		return;
	}
	size_t room = (size_t)(cJSON_IsArray(own) ? cJSON_GetArraySize(own) : 0) + config->sink_count;
	const char **name = arena_calloc(a, room + 1, sizeof(*name));
	const cJSON *item;
	cJSON_ArrayForEach(item, own)
	{
		if (cJSON_IsString(item))
			name[count++] = arena_strdup(a, item->valuestring);
	}
	if (count == 0 && s->watch != NULL && s->watch->sinks.count > 0) {
		name = arena_calloc(a, s->watch->sinks.count + 2, sizeof(*name));
		for (; count < s->watch->sinks.count; count++)
			name[count] = s->watch->sinks.item[count];
	}
	for (size_t i = 0, all = count; all == 0 && i < config->sink_count; i++)
		if (!config_is_defects(config->sink[i].name))
			name[count++] = config->sink[i].name;
	/* Defects go with whatever sinks there are, unless they are switched off, or named themselves. */
	const struct config_sink *defects =
		config_defects_for(config, s->watch != NULL ? s->watch->name : NULL, name, count);
	bool wanted = defects != NULL && (s->watch == NULL || s->watch->defects);
	for (size_t i = 0; wanted && i < count; i++)
		wanted = !config_is_defects(name[i]);
	if (wanted)
		name[count++] = defects->name;
	out->run.sinks = name;
	out->run.sink_count = count;
}

const char *runspec_stand_in(const char *watch, const char *dir, struct arena *a)
{
	return arena_printf(a, "%s: %s", watch, dir);
}

static const char *folder_of(const struct runspec_source *s, struct arena *a)
{
	const char *slash = s->path != NULL ? strrchr(s->path, '/') : NULL;

	if (slash == NULL)
		return s->common_dir != NULL ? s->common_dir : "/";
	return slash == s->path ? "/" : arena_strndup(a, s->path, (size_t)(slash - s->path));
}

static const char *last_of(const char *path, const char *otherwise)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL && slash[1] != '\0' ? slash + 1 : otherwise;
}

int runspec_make(const struct runspec_source *s, const struct config *config, struct arena *a,
		 struct runspec *out, struct err *err)
{
	struct view v = { .source = s, .a = a };
	const char *key = s->run_key, *name = s->run_name, *variant = NULL, *hold = NULL;
	struct ci ci;

	*out = (struct runspec){ 0 };
	if (s->watch != NULL && s->path != NULL) {
		const char *pattern = arena_printf(a, "%s/**", s->watch->path);
		glob_capture(pattern, s->path, v.capture, CAPTURES_MAX, &v.capture_count);
	}
	merged_ci(&v, &ci);
	if (key == NULL)
		key = context_text(s->context, "key");
	if (key == NULL && s->watch != NULL)
		key = expand(&v, s->watch->run.key, "run.key", &hold);
	if (key == NULL)
		key = ci_run_key(&ci, a);
	if (key == NULL)
		key = s->run_name;
	if (key == NULL)
		key = s->common_dir;
	if (name == NULL)
		name = context_text(s->context, "name");
	if (name == NULL && s->watch != NULL)
		name = expand(&v, s->watch->run.name, "run.name", &hold);
	if (name == NULL && s->run_key == NULL && key != context_text(s->context, "key"))
		name = ci_run_name(&ci, a);
	/* A path is a poor name; its last component is what people call it. */
	if (name == NULL && key == s->common_dir && key != NULL)
		name = last_of(key, "import");
	variant = context_text(s->context, "variant");
	if (variant == NULL && s->watch != NULL)
		variant = expand(&v, s->watch->run.variant, "run.variant", &hold);
	if (hold != NULL && s->watch != NULL) {
		const char *dir = folder_of(s, a);
		key = runspec_stand_in(s->watch->name, dir, a);
		name = last_of(dir, "import");
	}
	out->timezone = context_text(s->context, "timezone");
	if (out->timezone == NULL && s->watch != NULL)
		out->timezone = s->watch->timezone;
	out->variant = variant;
	out->run = (struct run_spec){
		.key = key != NULL ? key : "default",
		.name = name,
		.variant = variant,
		.vars_json = vars_json(&v),
		.source = s->source,
		.watch = s->watch != NULL ? s->watch->name : NULL,
		.backfill = s->backfill,
		.hold = hold,
	};
	pick_sinks(s, config, a, out);
	if (out->run.vars_json == NULL || out->run.key == NULL)
		return err_set(err, -ENOMEM, "what is known of its run is more than fits");
	return 0;
}

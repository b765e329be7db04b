/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_dry.c - `import --dry-run`: the answers that TestRail would give to our writes, made up, so that the walk
 * goes on to its end and tells all that it would make: plan, milestone, sections, cases, runs, files.
 *
 * Ids are made up, too: numbers far beyond those of any instance.  They live in the throw-away queue of the
 * dry run only.  bookmark holds
 *   dry   {next, paths: {id: path}}: how many ids were made up; what made up sections are called */
#include "sinks/testrail/testrail.h"

#include "daemon/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ID INT64_C(900000000000000)

struct dry {
	struct talk *t;
	const cJSON *body;
	char call[64], args[2][64]; /* "add_section", "1" */
	struct imagined *out;
};

static cJSON *memory(const struct dry *d)
{
	return sink_object(d->t->bookmark, "dry");
}

static const char *new_id(const struct dry *d)
{
	int64_t n = sink_int(memory(d), "next", 0);

	sink_set_int(memory(d), "next", n + 1);
	return arena_printf(d->t->arena, "%lld", (long long)(FIRST_ID + n));
}

static const char *path_of(const struct dry *d, const char *section)
{
	return sink_string(cJSON_GetObjectItemCaseSensitive(memory(d), "paths"), section);
}

static const char *text_of(const struct dry *d, const char *name)
{
	const char *s = sink_string(d->body, name);

	return s != NULL ? s : "";
}

static int count_of(const struct dry *d, const char *name)
{
	return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(d->body, name));
}

static void read_path(struct dry *d, const struct request *r)
{
	static const char prefix[] = "index.php?/api/v2/";
	const char *s = r->path.data != NULL ? r->path.data : "", *end;
	char *out[] = { d->call, d->args[0], d->args[1] };

	s += strncmp(s, prefix, sizeof(prefix) - 1) == 0 ? sizeof(prefix) - 1 : 0;
	end = s + (r->path.data != NULL ? r->path.len - (size_t)(s - r->path.data) : 0);
	for (size_t i = 0; i < 3 && s < end; i++) {
		size_t n = 0;
		for (; s < end && *s != '/' && *s != '&'; s++) {
			if (n + 1 < sizeof(d->call))
				out[i][n++] = *s;
		}
		out[i][n] = '\0';
		if (s == end || *s == '&')
			return;
		s++;
	}
}

/* ---- answers ---- */

static const char *object_of(const struct dry *d, const char *id)
{
	return arena_printf(d->t->arena, "{\"id\":%s}", id);
}

static const char *section(const struct dry *d)
{
	const char *id = new_id(d), *parent = sink_id(d->t->arena, d->body, "parent_id");
	const char *above = parent != NULL ? path_of(d, parent) : NULL, *path = text_of(d, "name");

	if (above != NULL)
		path = arena_printf(d->t->arena, "%s / %s", above, path);
	if (path != NULL)
		sink_set_string(sink_object(memory(d), "paths"), id, path);
	buf_printf(&d->out->words, "make the section \"%s\"", path != NULL ? path : "");
	if (parent != NULL && above == NULL)
		buf_printf(&d->out->words, " in the section %s", parent);
	return object_of(d, id);
}

static const char *cases(const struct dry *d)
{
	bool single = strcmp(d->call, "add_case") == 0;
	int n = single ? 1 : count_of(d, "cases");
	const char *path = path_of(d, d->args[0]);
	struct buf b = BUF_LIMIT(1u << 20);

	if (path != NULL)
		buf_printf(&d->out->words, "make %d case%s in the section \"%s\"", n, n == 1 ? "" : "s",
			   path);
	else
		buf_printf(&d->out->words, "make %d case%s in the section %s", n, n == 1 ? "" : "s",
			   d->args[0]);
	if (single)
		return object_of(d, new_id(d));
	for (int i = 0; i < n; i++)
		buf_printf(&b, "%s{\"id\":%s}", i > 0 ? "," : "{\"cases\":[", new_id(d));
	buf_puts(&b, n > 0 ? "]}" : "{\"cases\":[]}");
	const char *text = buf_error(&b) == 0 ? arena_strndup(d->t->arena, b.data, b.len) : NULL;
	buf_done(&b);
	return text;
}

static const char *run(const struct dry *d)
{
	bool entry = strcmp(d->call, "add_plan_entry") == 0;
	const cJSON *runs = cJSON_GetObjectItemCaseSensitive(d->body, "runs");
	int n = count_of(d, "case_ids");
	char cases_text[64] = "all cases of its suite";

	if (!sink_bool(d->body, "include_all"))
		(void)snprintf(cases_text, sizeof(cases_text), "%d case%s", n, n == 1 ? "" : "s");
	buf_printf(&d->out->words, "make the %s \"%s\" with %s", entry ? "entry" : "run", text_of(d, "name"),
		   cases_text);
	if (!entry)
		return object_of(d, new_id(d));
	char *configs = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(d->body, "config_ids"));
	bool with = cJSON_GetArraySize(runs) > 0 && configs != NULL;
	const char *text =
		arena_printf(d->t->arena,
			     "{\"id\":\"dry\",\"runs\":[{\"id\":%s,\"plan_id\":\"%s\",\"entry_id\":\"dry\","
			     "\"config_ids\":%s}]}",
			     new_id(d), d->args[0], with ? configs : "[]");
	free(configs);
	return text;
}

static const char *results(const struct dry *d)
{
	const cJSON *item;
	struct buf b = BUF_LIMIT(4u << 20);
	int n = 0;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(d->body, "results"))
	{
		const char *of = sink_id(d->t->arena, item, "case_id");
		buf_printf(&b, "%s{\"id\":%s,\"case_id\":%s}", n++ > 0 ? "," : "[", new_id(d),
			   of != NULL ? of : "0");
	}
	buf_puts(&b, n > 0 ? "]" : "[]");
	d->out->results = (size_t)n;
	const char *text = buf_error(&b) == 0 ? arena_strndup(d->t->arena, b.data, b.len) : NULL;
	buf_done(&b);
	return text;
}

static const char *file(const struct dry *d)
{
	const struct row_evidence *e =
		d->t->rows != NULL && d->t->rows->count > 0 ? d->t->rows->row[0].evidence : NULL;

	if (e == NULL)
		return NULL;
	d->out->files = 1;
	buf_printf(&d->out->words, "attach \"%s\" to %s%.200s", e->name,
		   e->of_run ? "the run" : "the result of ", e->of_run ? "" : e->test);
	return arena_printf(d->t->arena, "{\"attachment_id\":\"%s\"}", new_id(d));
}

static const char *update(const struct dry *d)
{
	struct buf b = BUF_LIMIT(4096);
	const cJSON *item;

	cJSON_ArrayForEach(item, d->body) buf_printf(&b, "%s%.60s", b.len > 0 ? ", " : "", item->string);
	buf_printf(&d->out->words, "update the case %s: %.*s", d->args[0], (int)b.len,
		   b.len > 0 ? b.data : "");
	buf_done(&b);
	return object_of(d, d->args[0]);
}

static const char *updates(const struct dry *d)
{
	int n = count_of(d, "case_ids");

	buf_printf(&d->out->words, "update %d cases alike", n);
	return "{\"updated_cases\":[]}";
}

static const char *named(const struct dry *d, const char *what)
{
	buf_printf(&d->out->words, "make the %s \"%s\"", what, text_of(d, "name"));
	return object_of(d, new_id(d));
}

static const char *extended(const struct dry *d)
{
	buf_printf(&d->out->words, "extend the run to %d cases", count_of(d, "case_ids"));
	return object_of(d, "1");
}

static const char *closed(const struct dry *d)
{
	buf_printf(&d->out->words, "close the %s", strcmp(d->call, "close_plan") == 0 ? "plan" : "run");
	return object_of(d, "1");
}

static const char *answer(const struct dry *d)
{
	static const struct {
		const char *call, *what;
		const char *(*make)(const struct dry *d);
	} calls[] = {
		{ "add_section", NULL, section },
		{ "add_cases", NULL, cases },
		{ "add_case", NULL, cases },
		{ "update_case", NULL, update },
		{ "update_cases", NULL, updates },
		{ "add_milestone", "milestone", NULL },
		{ "add_config_group", "group of configurations", NULL },
		{ "add_config", "configuration", NULL },
		{ "add_plan", "plan", NULL },
		{ "add_plan_entry", NULL, run },
		{ "add_run", NULL, run },
		{ "update_run", NULL, extended },
		{ "update_plan_entry", NULL, extended },
		{ "update_run_in_plan_entry", NULL, extended },
		{ "add_results_for_cases", NULL, results },
		{ "add_attachment_to_result", NULL, file },
		{ "add_attachment_to_run", NULL, file },
		{ "add_attachment_to_plan", NULL, file },
		{ "add_attachment_to_plan_entry", NULL, file },
		{ "close_run", NULL, closed },
		{ "close_plan", NULL, closed },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].call, d->call) == 0)
			return calls[i].make != NULL ? calls[i].make(d) : named(d, calls[i].what);
	}
	return NULL;
}

const char *testrail_imagine(struct talk *t, const struct request *r, struct imagined *out)
{
	cJSON *body = r->body.data != NULL ? cJSON_ParseWithLength(r->body.data, r->body.len) : NULL;
	struct dry d = { .t = t, .body = body, .out = out };

	read_path(&d, r);
	const char *text = answer(&d);
	cJSON_Delete(body);
	return text;
}

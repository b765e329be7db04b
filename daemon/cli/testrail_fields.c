/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_fields.c - custom fields of cases: listed, made, and the automation field made sure of.
 *
 * The API has its quirks here: a field's type goes there as text, though it comes back as a number; the items
 * of a dropdown are one text of lines "1, First"; rows is a text; and `configs` of a field just made comes back
 * as JSON within a string.  No call changes a field that is there. */
#include "daemon/cli/testrail.h"

#include "daemon/base/json.h"
#include "sinks/testrail/testrail.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIELD_STRING = 1, FIELD_TEXT = 3, ITEMS_MAX = 8192 };

/* What the options of a type hold. */
enum { HAS_ITEMS = 1, HAS_FORMAT = 2, HAS_STEPS = 4, HAS_DEFAULT = 8 };
static const struct field_type {
	const char *name;
	int id;
	unsigned has;
	bool made; /* the API makes it; the others only come back in lists */
} types[] = {
	{ "string", 1, HAS_DEFAULT, true },
	{ "integer", 2, HAS_DEFAULT, true },
	{ "text", 3, HAS_DEFAULT | HAS_FORMAT, true },
	{ "url", 4, HAS_DEFAULT, true },
	{ "checkbox", 5, 0, true },
	{ "dropdown", 6, HAS_ITEMS | HAS_DEFAULT, true },
	{ "user", 7, 0, true },
	{ "date", 8, 0, true },
	{ "milestone", 9, 0, true },
	{ "steps", 10, HAS_STEPS, true },
	{ "step results", 11, 0, false },
	{ "multi-select", 12, HAS_ITEMS, true },
	{ "scenarios", 13, 0, false },
	{ "scenario results", 14, 0, false },
};

const char rail_fields_add_detail[] =
	"  --type TYPE          string, integer, text, url, checkbox, dropdown, user, date, milestone,\n"
	"                       steps, multi-select\n"
	"  --name NAME          lower case letters, digits and _; TestRail puts custom_ before it\n"
	"  --label TEXT         what people see\n"
	"  --description TEXT\n"
	"  --required           a case cannot be saved without it\n"
	"  --default TEXT       string, integer, text, url; dropdown: one of its items\n"
	"  --item TEXT          dropdown, multi-select: repeat it, in their order\n"
	"  --format markdown|plain, --rows N    text\n"
	"  --has-expected yes|no, --has-actual yes|no    steps\n"
	"  --project NAME|ID    repeat it; without it every project has the field\n"
	"  --template NAME|ID   repeat it; without it every template has the field\n";

static const struct field_type *type_by_id(int64_t id)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (types[i].id == id)
			return &types[i];
	}
	return NULL;
}

static const struct field_type *type_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		char plain[32];
		size_t n = 0;
		for (const char *s = name; *s != '\0' && n + 1 < sizeof(plain); s++)
			plain[n++] = *s == ' ' || *s == '_' ? '-' : *s;
		plain[n] = '\0';
		if (types[i].made && (strcasecmp(types[i].name, plain) == 0 || atoi(name) == types[i].id))
			return &types[i];
	}
	return strcasecmp(name, "multiselect") == 0 ? type_by_id(12) : NULL;
}

/* ---- what a field says of itself ---- */

/* `configs`, which may be JSON within a string; *parsed is the caller's to delete. */
static const cJSON *configs_of(const cJSON *field, cJSON **parsed)
{
	const cJSON *configs = cJSON_GetObjectItemCaseSensitive(field, "configs");

	*parsed = NULL;
	if (cJSON_IsString(configs))
		configs = *parsed = cJSON_Parse(configs->valuestring);
	return cJSON_IsArray(configs) ? configs : NULL;
}

/* project_ids may be null, "" or hold numbers as text. */
static bool config_applies(const cJSON *config, const char *project)
{
	const cJSON *context = cJSON_GetObjectItemCaseSensitive(config, "context"), *id;

	if (sink_bool(context, "is_global"))
		return true;
	cJSON_ArrayForEach(id, cJSON_GetObjectItemCaseSensitive(context, "project_ids"))
	{
		char text[32];
		if (cJSON_IsString(id) && strcmp(id->valuestring, project) == 0)
			return true;
		snprintf(text, sizeof(text), "%.0f", cJSON_IsNumber(id) ? id->valuedouble : -1.0);
		if (strcmp(text, project) == 0)
			return true;
	}
	return false;
}

static bool applies(const cJSON *field, const char *project)
{
	cJSON *parsed;
	const cJSON *configs = configs_of(field, &parsed), *config;
	bool found = false;

	cJSON_ArrayForEach(config, configs) found = found || config_applies(config, project);
	cJSON_Delete(parsed);
	return found;
}

/* A field with what people want to read of it: its type in words, whether it is required, where it applies. */
static cJSON *told(const cJSON *field)
{
	cJSON *copy = cJSON_Duplicate(field, true), *parsed, *projects;
	const cJSON *configs = configs_of(field, &parsed), *config, *id;
	const struct field_type *type = type_by_id(sink_int(field, "type_id", 0));
	bool required = false, global = false;

	cJSON_AddStringToObject(copy, "type", type != NULL ? type->name : "?");
	projects = cJSON_AddArrayToObject(copy, "projects");
	cJSON_ArrayForEach(config, configs)
	{
		const cJSON *context = cJSON_GetObjectItemCaseSensitive(config, "context");
		required = required ||
			   sink_bool(cJSON_GetObjectItemCaseSensitive(config, "options"), "is_required");
		global = global || sink_bool(context, "is_global");
		cJSON_ArrayForEach(id, cJSON_GetObjectItemCaseSensitive(context, "project_ids"))
			cJSON_AddItemToArray(projects, cJSON_Duplicate(id, false));
	}
	if (global) {
		cJSON_DeleteItemFromObjectCaseSensitive(copy, "projects");
		cJSON_AddStringToObject(copy, "projects", "all");
	}
	cJSON_AddBoolToObject(copy, "required", required);
	cJSON_AddBoolToObject(copy, "active", sink_bool(field, "is_active"));
	cJSON_Delete(parsed);
	return copy;
}

static const struct column columns[] = {
	{ "ID", "id", COLUMN_TEXT },
	{ "FIELD", "system_name", COLUMN_TEXT },
	{ "TYPE", "type", COLUMN_TEXT },
	{ "ACTIVE", "active", COLUMN_TEXT },
	{ "REQUIRED", "required", COLUMN_TEXT },
	{ "PROJECTS", "projects", COLUMN_TEXT },
	{ "LABEL", "label", COLUMN_TEXT },
	{ 0 },
};

/* ---- list ---- */

struct listing {
	struct table table;
	const char *project; /* NULL: every field */
};

static bool on_field(void *cookie, const cJSON *field)
{
	struct listing *l = cookie;

	if (l->project != NULL && !applies(field, l->project))
		return true;
	cJSON *copy = l->table.json ? NULL : told(field);
	table_row(&l->table, l->table.json ? field : copy);
	cJSON_Delete(copy);
	return true;
}

static const struct rail_list fields = { .call = "get_case_fields",
					 .entity = "case_fields",
					 .doing = "list the fields of cases" };

int rail_fields_list(struct remote *r, const struct args *a)
{
	struct listing l = { .project = NULL };
	char id[32];

	if (!args_has(a, "all-projects")) {
		int rc = rail_project_id(r, args_get(a, "project"), id);
		if (rc != EXIT_OK)
			return rc;
		l.project = id;
	}
	table_begin(&l.table, columns, a->json);
	int rc = rail_each(r, &fields, 0, on_field, &l, NULL);
	table_end(&l.table, rc != EXIT_OK       ? NULL
			    : l.project != NULL ? "The project has no custom fields of cases."
						: "There are no custom fields of cases.");
	return rc;
}

/* ---- add ---- */

struct new_field {
	const struct field_type *type;
	const char *name, *label, *description, *format, *preset;
	bool required;
	int64_t rows;
	int expected, actual;        /* -1: not said */
	cJSON *projects, *templates; /* arrays of ids, empty: all */
	struct buf items;
	int64_t preset_item; /* of a dropdown: which one */
};

static int check_name(const struct remote *r, struct new_field *f)
{
	if (f->name == NULL || f->label == NULL)
		return cli_usage(r->command, "case-fields add: --type, --name and --label are needed");
	if (strncmp(f->name, "custom_", 7) == 0)
		f->name += 7;
	if (strspn(f->name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(f->name) ||
	    !islower((unsigned char)f->name[0]))
		return cli_usage(r->command,
				 "--name: \"%s\" is no name of a field: lower case letters, digits and _",
				 f->name);
	return EXIT_OK;
}

/* "1, First\n2, Second" */
static int take_items(const struct remote *r, const struct args *a, struct new_field *f)
{
	const char *item;
	size_t at = 0;
	int64_t n = 0;

	while ((item = args_next(a, "item", &at)) != NULL) {
		if (*item == '\0' || strpbrk(item, "\r\n") != NULL)
			return cli_usage(r->command, "--item: an item is one line of text");
		buf_printf(&f->items, "%s%lld, %s", n > 0 ? "\n" : "", (long long)n + 1, item);
		n++;
		if (f->preset != NULL && strcmp(f->preset, item) == 0)
			f->preset_item = n;
	}
	if (buf_error(&f->items) != 0)
		return cli_usage(r->command, "--item: the items are longer than %d bytes together",
				 ITEMS_MAX);
	if ((f->type->has & HAS_ITEMS) != 0 && n == 0)
		return cli_usage(r->command, "a field of type %s needs items: --item TEXT, repeated",
				 f->type->name);
	if ((f->type->has & HAS_ITEMS) != 0 && f->preset != NULL && f->preset_item == 0)
		return cli_usage(r->command, "--default: \"%s\" is none of the items", f->preset);
	return EXIT_OK;
}

static int check_options(const struct remote *r, const struct args *a, const struct new_field *f)
{
	static const struct {
		const char *option;
		unsigned needs;
	} rows[] = {
		{ "item", HAS_ITEMS },         { "format", HAS_FORMAT },    { "rows", HAS_FORMAT },
		{ "has-expected", HAS_STEPS }, { "has-actual", HAS_STEPS }, { "default", HAS_DEFAULT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (args_has(a, rows[i].option) && (f->type->has & rows[i].needs) == 0)
			return cli_usage(r->command, "a field of type %s has no --%s", f->type->name,
					 rows[i].option);
	}
	if (f->type->id == 2 && f->preset != NULL &&
	    (*f->preset == '\0' || strspn(f->preset, "-0123456789") != strlen(f->preset)))
		return cli_usage(r->command, "--default: \"%s\" is no integer", f->preset);
	return EXIT_OK;
}

static int take_options(const struct remote *r, const struct args *a, struct new_field *f)
{
	static const char *const formats[] = { "markdown", "plain", NULL };
	const char *type = args_get(a, "type");
	int format;

	f->name = args_get(a, "name");
	f->label = args_get(a, "label");
	f->description = args_get(a, "description");
	f->preset = args_get(a, "default");
	f->required = args_has(a, "required");
	f->type = type != NULL ? type_by_name(type) : NULL;
	if (type != NULL && f->type == NULL)
		return cli_usage(r->command, "--type: \"%s\" is no type of field", type);
	int rc = f->type == NULL
			 ? cli_usage(r->command, "case-fields add: --type, --name and --label are needed")
			 : check_name(r, f);
	if (rc == EXIT_OK)
		rc = f->type != NULL ? check_options(r, a, f) : EXIT_USAGE;
	if (rc == EXIT_OK)
		rc = args_one_of(r, a, "format", formats, &format);
	if (rc == EXIT_OK)
		rc = args_int(r, a, "rows", 1, &f->rows);
	if (rc == EXIT_OK)
		rc = args_yes(r, a, "has-expected", &f->expected);
	if (rc == EXIT_OK)
		rc = args_yes(r, a, "has-actual", &f->actual);
	if (rc == EXIT_OK)
		rc = take_items(r, a, f);
	if (rc == EXIT_OK)
		f->format = formats[format < 0 ? 0 : format];
	return rc;
}

static void put_options(struct buf *b, const struct new_field *f)
{
	char number[32];

	json_key(b, "options");
	buf_putc(b, '{');
	json_field_bool(b, "is_required", f->required);
	if ((f->type->has & HAS_ITEMS) != 0)
		json_field(b, "items", f->items.data);
	if (f->preset_item > 0) {
		snprintf(number, sizeof(number), "%lld", (long long)f->preset_item);
		json_field(b, "default_value", number);
	} else if ((f->type->has & HAS_DEFAULT) != 0) {
		json_field(b, "default_value", f->preset != NULL ? f->preset : "");
	}
	if ((f->type->has & HAS_FORMAT) != 0) {
		snprintf(number, sizeof(number), "%lld", (long long)f->rows);
		json_field(b, "format", f->format);
		json_field(b, "rows", number);
	}
	if ((f->type->has & HAS_STEPS) != 0) {
		json_field_bool(b, "has_expected", f->expected != 0);
		json_field_bool(b, "has_actual", f->actual > 0);
	}
	buf_putc(b, '}');
}

static void put_ids(struct buf *b, const char *key, const cJSON *ids)
{
	const cJSON *id;

	json_key(b, key);
	buf_putc(b, '[');
	cJSON_ArrayForEach(id, ids) sink_put_id(b, NULL, id->valuestring);
	buf_putc(b, ']');
}

static void put_field(struct buf *b, const struct new_field *f)
{
	char type[16];
	bool global = cJSON_GetArraySize(f->projects) == 0, every = cJSON_GetArraySize(f->templates) == 0;

	/* As text: a number gives 400. */
	snprintf(type, sizeof(type), "%d", f->type->id);
	buf_putc(b, '{');
	json_field(b, "type", type);
	json_field(b, "name", f->name);
	json_field(b, "label", f->label);
	json_field(b, "description", f->description);
	json_field_bool(b, "include_all", every);
	put_ids(b, "template_ids", f->templates);
	json_key(b, "configs");
	buf_puts(b, "[{");
	json_key(b, "context");
	buf_putc(b, '{');
	json_field_bool(b, "is_global", global);
	put_ids(b, "project_ids", f->projects);
	buf_putc(b, '}');
	put_options(b, f);
	buf_puts(b, "}]}");
}

/* Prints what was made.  The answer may hold `configs` as text and flags as numbers; people need not see it. */
static int make(struct remote *r, const struct new_field *f, bool json)
{
	struct request req;
	char doing[200];
	cJSON *made;

	request_init(&req);
	testrail_post(&req, "add_case_field", NULL);
	put_field(&req.body, f);
	snprintf(doing, sizeof(doing), "make the field custom_%.100s", f->name);
	int rc = remote_try(r, &req, doing, &made);
	if (rc == REMOTE_REFUSED && r->status == 403)
		return remote_wrong(r, "cannot %s: %s (HTTP 403): only an administrator of TestRail may",
				    doing, r->words);
	if (rc == REMOTE_REFUSED)
		return remote_refused(r, doing);
	if (rc != EXIT_OK)
		return rc;
	struct table t;
	cJSON *copy = json ? NULL : told(made);
	if (json) {
		table_json(made);
	} else {
		table_begin(&t, columns, false);
		table_row(&t, copy);
		table_end(&t, "");
	}
	cJSON_Delete(copy);
	cJSON_Delete(made);
	return EXIT_OK;
}

static void add_id(cJSON *ids, const char *id)
{
	cJSON_AddItemToArray(ids, cJSON_CreateString(id));
}

struct template_search {
	const char *name;
	char id[32];
};

static bool on_template(void *cookie, const cJSON *item)
{
	struct template_search *s = cookie;
	struct arena a = ARENA_LIMIT(4096);
	const char *name = sink_string(item, "name"), *id = sink_id(&a, item, "id");

	if (id != NULL && ((name != NULL && strcasecmp(name, s->name) == 0) || strcmp(id, s->name) == 0))
		snprintf(s->id, sizeof(s->id), "%s", id);
	arena_done(&a);
	return s->id[0] == '\0';
}

static int resolve(struct remote *r, const struct args *a, struct new_field *f)
{
	const char *name;
	char id[32];
	size_t at = 0;
	int rc = EXIT_OK;

	while (rc == EXIT_OK && (name = args_next(a, "project", &at)) != NULL) {
		rc = rail_project_id(r, name, id);
		if (rc == EXIT_OK)
			add_id(f->projects, id);
	}
	at = 0;
	while (rc == EXIT_OK && (name = args_next(a, "template", &at)) != NULL) {
		const struct rail_list l = {
			.call = "get_templates", .id = id, .entity = "templates", .doing = "list templates"
		};
		struct template_search s = { .name = name };
		const cJSON *first = cJSON_GetArrayItem(f->projects, 0);
		rc = rail_project_id(r, first != NULL ? first->valuestring : NULL, id);
		if (rc == EXIT_OK)
			rc = rail_each(r, &l, 0, on_template, &s, NULL);
		if (rc == EXIT_OK && s.id[0] == '\0')
			rc = remote_wrong(r, "there is no template \"%s\"", name);
		if (rc == EXIT_OK)
			add_id(f->templates, s.id);
	}
	return rc;
}

int rail_fields_add(struct remote *r, const struct args *a)
{
	struct new_field f = { .rows = 5, .expected = -1, .actual = -1, .items = BUF_LIMIT(ITEMS_MAX) };

	f.projects = cJSON_CreateArray();
	f.templates = cJSON_CreateArray();
	int rc = take_options(r, a, &f);
	if (rc == EXIT_OK)
		rc = resolve(r, a, &f);
	if (rc == EXIT_OK)
		rc = make(r, &f, a->json);
	cJSON_Delete(f.projects);
	cJSON_Delete(f.templates);
	buf_done(&f.items);
	return rc;
}

/* ---- ensure ---- */

struct field_search {
	const char *system_name;
	cJSON *found;
};

static bool on_candidate(void *cookie, const cJSON *field)
{
	struct field_search *s = cookie;
	const char *name = sink_string(field, "system_name");

	if (name != NULL && strcmp(name, s->system_name) == 0) {
		cJSON_Delete(s->found);
		s->found = cJSON_Duplicate(field, true);
	}
	return true;
}

/* The field is there: is it of use?  No call of the API changes a field, so each fault says who has to do what. */
static int judge(struct remote *r, const struct args *a, const cJSON *field, const char *name,
		 const char *project)
{
	int64_t type = sink_int(field, "type_id", 0);
	const struct field_type *t = type_by_id(type);

	if (type != FIELD_STRING && type != FIELD_TEXT)
		return remote_wrong(
			r,
			"field %s is of type %s; automation ids need a string or a text: name another "
			"field as automation_field, or make one (case-fields add)",
			name, t != NULL ? t->name : "?");
	if (!sink_bool(field, "is_active"))
		return remote_wrong(r,
				    "field %s is not active: an administrator has to switch it on "
				    "(Administration > Customizations > Case Fields)",
				    name);
	if (!applies(field, project))
		return remote_wrong(
			r,
			"field %s is there, but project %s does not have it: an administrator has to "
			"assign it (Administration > Customizations > Case Fields > Projects)",
			name, project);
	if (a->json)
		table_json(field);
	else
		printf("Field %s is there, active, and project %s has it.\n", name, project);
	return EXIT_OK;
}

int rail_fields_ensure(struct remote *r, const struct args *a)
{
	static const char *const words[] = { "string", "text", NULL };
	const struct testrail_conf *c = r->config->conf;
	struct field_search s = { .system_name = c->field };
	struct new_field f = { .name = c->field + 7,
			       .label = "Automation ID",
			       .format = "plain",
			       .rows = 3,
			       .description = "The name by which automated results find this case." };
	char id[32];
	int type;
	int rc = args_one_of(r, a, "type", words, &type);

	if (rc == EXIT_OK)
		rc = rail_project_id(r, args_get(a, "project"), id);
	if (rc == EXIT_OK)
		rc = rail_each(r, &fields, 0, on_candidate, &s, NULL);
	if (rc == EXIT_OK && s.found != NULL) {
		rc = judge(r, a, s.found, c->field, id);
	} else if (rc == EXIT_OK) {
		f.type = type_by_id(type == 1 ? FIELD_TEXT : FIELD_STRING);
		f.projects = cJSON_CreateArray();
		if (!args_has(a, "global"))
			add_id(f.projects, id);
		rc = make(r, &f, a->json);
	}
	cJSON_Delete(s.found);
	cJSON_Delete(f.projects);
	return rc;
}

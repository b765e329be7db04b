/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_config.c - the project as it is configured over there: run statuses, custom fields, and what a new
 * case is given.  Ids are per project, so names are resolved here, once, and kept beside the wish that they
 * answer; a changed configuration, a day, or a refused status asks again. */
#include "sinks/aio/aio.h"

#include "daemon/base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONFIG_AGE_MS (INT64_C(24) * 3600000)
#define NAMES_SHOWN   600

/* What older servers answer one by one.  The member's name is that of the whole configuration. */
static const struct {
	const char *member, *path;
} lists[] = {
	{ "runStatuses", "config/testrun/status" },
	{ "customFields", "config/customfield" },
	{ "caseStatuses", "config/testcase/status" },
	{ "caseTypes", "config/testcase/type" },
	{ "casePriorities", "config/testcase/priority" },
	{ "caseAutomationStatuses", "config/testcase/automationstatus" },
	{ "caseScriptTypes", "config/testcase/scripttype" },
};
#define LIST_COUNT ((int64_t)(sizeof(lists) / sizeof(lists[0])))

static void put_map(struct buf *b, const struct config_map *m)
{
	for (size_t i = 0; i < m->count; i++)
		buf_printf(b, "%.200s\n", m->key[i]);
	buf_putc(b, '\n');
}

/* All of the configuration that is resolved by what is read here. */
static const char *wanted(struct talk *t)
{
	const struct aio_conf *c = t->conf;
	struct buf b = BUF_LIMIT(64u << 10);

	buf_printf(&b, "%.200s\n", c->project);
	for (int v = 0; v < VERDICT_COUNT; v++)
		buf_printf(&b, "%.200s\n", c->statuses[v]);
	if (c->create.cases) {
		const char *const names[] = { c->create.status, c->create.automation_status,
					      c->create.script_type, c->create.type, c->create.priority };
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			buf_printf(&b, "%.200s\n", names[i] != NULL ? names[i] : "");
	}
	put_map(&b, &c->cycle.fields);
	put_map(&b, &c->result.fields);
	const char *text = arena_strndup(t->arena, b.data, b.len);
	buf_done(&b);
	return text != NULL ? text : "";
}

static void forget_all(cJSON *facts)
{
	while (facts->child != NULL)
		cJSON_Delete(cJSON_DetachItemViaPointer(facts, facts->child));
}

enum ask aio_config_ask(struct talk *t, struct request *r)
{
	const struct aio_conf *c = t->conf;
	const char *url = sink_string(t->facts, "url"), *scope = sink_string(t->facts, "scope");

	if (url == NULL || strcmp(url, c->url) != 0) {
		/* Another server: nothing that was learned holds there. */
		forget_all(t->facts);
		sink_set_string(t->facts, "url", c->url);
	} else if (scope != NULL && strcmp(scope, c->project) != 0) {
		/* Another project: folders and tags are its own. */
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "folders");
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "tags");
	}
	const char *was = sink_string(aio_config(t), "wanted");
	int64_t age = t->now_ms - sink_int(aio_config(t), "at", 0);
	if (was != NULL && strcmp(was, wanted(t)) == 0 && age >= -CONFIG_AGE_MS && age < CONFIG_AGE_MS)
		return ASK_SKIP;
	int64_t at = sink_int(sink_scratch(t), "list", -1);
	if (at < 0 && !aio_old(t, "config"))
		aio_get(t, r, "config");
	else
		aio_get(t, r, lists[at >= 0 && at < LIST_COUNT ? at : 0].path);
	return ASK_SEND;
}

/* ---- choosing by name ---- */

static bool digits(const char *s)
{
	return *s != '\0' && strspn(s, "0123456789") == strlen(s);
}

/* By name as it is, else in other letters, else by id. */
static const cJSON *find(struct talk *t, const cJSON *list, const char *name)
{
	const cJSON *item, *nearly = NULL, *by_id = NULL;

	cJSON_ArrayForEach(item, list)
	{
		const char *own = sink_string(item, "name"), *id = sink_id(t->arena, item, "ID");
		if (own != NULL && strcmp(own, name) == 0)
			return item;
		if (own != NULL && nearly == NULL && strcasecmp(own, name) == 0)
			nearly = item;
		if (id != NULL && digits(name) && strcmp(id, name) == 0)
			by_id = item;
	}
	return nearly != NULL ? nearly : by_id;
}

static const char *names(struct talk *t, const cJSON *list)
{
	struct buf b = BUF_LIMIT(NAMES_SHOWN + 200);
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		const char *name = sink_string(item, "name");
		if (name == NULL)
			continue;
		if (b.len > NAMES_SHOWN - 100) {
			buf_puts(&b, ", ...");
			break;
		}
		buf_printf(&b, "%s%.80s", b.len > 0 ? ", " : "", name);
	}
	const char *text = b.len > 0 ? arena_strndup(t->arena, b.data, b.len) : "none that we may see";
	buf_done(&b);
	return text != NULL ? text : "";
}

/* ---- statuses ---- */

static bool resolve_statuses(struct talk *t, const cJSON *root, cJSON *out)
{
	const struct aio_conf *c = t->conf;
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "runStatuses");
	cJSON *all = cJSON_AddArrayToObject(out, "statuses");

	for (int v = 0; v < VERDICT_COUNT; v++) {
		const char *name = c->statuses[v];
		if (strcasecmp(name, "none") == 0) {
			cJSON_AddItemToArray(all, cJSON_CreateNull());
			continue;
		}
		const cJSON *found = find(t, list, name);
		const char *own = sink_string(found, "name");
		if (own == NULL) {
			sink_park(t, "statuses.%s: no run status \"%s\" in this project; there are: %s, none",
				  verdict_name((enum verdict)v), name, names(t, list));
			return false;
		}
		cJSON_AddItemToArray(all, cJSON_CreateString(own));
	}
	return true;
}

/* ---- custom fields ---- */

static const char *multi(const char *type)
{
	return type != NULL && strncmp(type, "MULTI_", 6) == 0 && strcmp(type, "MULTI_LINE_TEXT") != 0 ? type
												       : NULL;
}

static bool resolve_fields(struct talk *t, const cJSON *list, const struct config_map *m, const char *key,
			   const char *association, cJSON *out)
{
	cJSON *all = cJSON_AddArrayToObject(out, key);

	for (size_t i = 0; i < m->count; i++) {
		const cJSON *found = find(t, list, m->key[i]);
		const cJSON *of = cJSON_GetObjectItemCaseSensitive(found, association);
		bool cycle = strcmp(association, "cycleAssociation") == 0;
		if (found == NULL || (of != NULL && !sink_bool(of, "isAssociated"))) {
			sink_park(t, "%s: %s custom field \"%s\" %s",
				  cycle ? "cycle.fields" : "result.fields", found == NULL ? "no" : "the",
				  m->key[i],
				  found == NULL ? arena_printf(t->arena, "in this project; there are: %s",
							       names(t, list))
				  : cycle       ? "is not one of cycles"
						: "is not one of runs");
			return false;
		}
		cJSON *one = cJSON_CreateObject();
		sink_set_string(one, "wanted", m->key[i]);
		sink_set_string(one, "id", sink_id(t->arena, found, "ID"));
		sink_set_string(one, "name", sink_string(found, "name"));
		sink_set_string(one, "type", sink_string(found, "type"));
		const cJSON *value, *values = cJSON_GetObjectItemCaseSensitive(found, "allowedListValues");
		cJSON *kept = cJSON_IsArray(values) ? cJSON_AddArrayToObject(one, "values") : NULL;
		cJSON_ArrayForEach(value, values)
		{
			cJSON *v = cJSON_CreateObject();
			sink_set_string(v, "id", sink_id(t->arena, value, "ID"));
			sink_set_string(v, "value", sink_string(value, "value"));
			cJSON_AddItemToArray(kept, v);
		}
		cJSON_AddItemToArray(all, one);
	}
	return true;
}

/* A field that a status demands and that the configuration does not give would refuse every such mark. */
static void warn_required(struct talk *t, const cJSON *list)
{
	const struct aio_conf *c = t->conf;
	const cJSON *field, *status;

	cJSON_ArrayForEach(field, list)
	{
		const cJSON *run = cJSON_GetObjectItemCaseSensitive(field, "runAssociation");
		const char *name = sink_string(field, "name");
		bool given = false;
		for (size_t i = 0; i < c->result.fields.count && name != NULL; i++)
			given = given || strcasecmp(c->result.fields.key[i], name) == 0;
		if (name == NULL || given || !sink_bool(run, "isAssociated"))
			continue;
		cJSON_ArrayForEach(status, cJSON_GetObjectItemCaseSensitive(run, "requiredForRunStatuses"))
		{
			const char *of = sink_string(status, "name");
			for (int v = 0; v < VERDICT_COUNT && of != NULL; v++) {
				if (strcasecmp(of, c->statuses[v]) != 0)
					continue;
				aio_say(t,
					"the custom field \"%.100s\" is required for runs with the status "
					"\"%.100s\": give it in result.fields, or such marks may be refused",
					name, of);
				return;
			}
		}
	}
}

static const cJSON *allowed(const cJSON *field, const char *text)
{
	const cJSON *value;

	cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(field, "values"))
	{
		const char *own = sink_string(value, "value");
		if (own != NULL && strcasecmp(own, text) == 0)
			return value;
	}
	return NULL;
}

static void put_choice(struct buf *b, const cJSON *field, const char *text)
{
	const cJSON *value = allowed(field, text);
	const char *id = sink_string(value, "id");

	json_sep(b);
	buf_putc(b, '{');
	if (id != NULL)
		sink_put_id(b, "ID", id);
	json_field(b, "value", value != NULL ? sink_string(value, "value") : text);
	buf_putc(b, '}');
}

static void put_list(struct talk *t, struct buf *b, const cJSON *field, const char *text)
{
	bool users = strcmp(sink_string(field, "type"), "MULTI_USER_SELECTOR") == 0;

	buf_putc(b, '[');
	for (const char *s = text; *s != '\0';) {
		size_t len = strcspn(s, ",");
		const char *part = arena_strndup(t->arena, s, len);
		part = part != NULL ? text_line(t->arena, part, 500) : NULL;
		if (part != NULL && *part != '\0' && users) {
			json_sep(b);
			json_string(b, part, strlen(part));
		} else if (part != NULL && *part != '\0') {
			put_choice(b, field, part);
		}
		s += len + (s[len] == ',');
	}
	buf_putc(b, ']');
}

static void put_value(struct talk *t, struct buf *b, const cJSON *field, const char *text)
{
	const char *type = sink_string(field, "type");
	char *end;

	json_key(b, "value");
	if (type == NULL)
		type = "";
	if (strcmp(type, "BOOLEAN") == 0) {
		bool yes = strcasecmp(text, "true") == 0 || strcasecmp(text, "yes") == 0 ||
			   strcmp(text, "1") == 0;
		buf_puts(b, yes ? "true" : "false");
	} else if (strcmp(type, "NUMBER") == 0 && strspn(text, "0123456789.-") == strlen(text) &&
		   (strtod(text, &end), end != text && *end == '\0') && text[0] != '.' && end[-1] != '.' &&
		   (text[0] != '0' || text[1] == '.' || text[1] == '\0') && strncmp(text, "-.", 2) != 0 &&
		   strncmp(text, "-0", 2) != 0) {
		buf_puts(b, text); /* as JSON writes numbers */
	} else if (strcmp(type, "SINGLE_SELECT_LIST") == 0 || strcmp(type, "JIRA_FIELD") == 0) {
		put_choice(b, field, text);
	} else if (multi(type) != NULL) {
		put_list(t, b, field, text);
	} else {
		json_string(b, text, strlen(text));
	}
}

static const char *template_of(const struct config_map *m, const char *key)
{
	return config_map_get(m, key);
}

bool aio_put_fields(struct talk *t, struct buf *b, const char *group, const char *key, bool update,
		    const struct vars *vars)
{
	const struct aio_conf *c = t->conf;
	const struct config_map *m =
		strcmp(group, "cycle_fields") == 0 ? &c->cycle.fields : &c->result.fields;
	const cJSON *field, *all = cJSON_GetObjectItemCaseSensitive(aio_config(t), group);
	struct buf text = BUF_LIMIT(32u << 10);
	bool good = true;

	if (m->count == 0 || !cJSON_IsArray(all))
		return true;
	json_key(b, key);
	buf_putc(b, '[');
	cJSON_ArrayForEach(field, all)
	{
		const char *source = template_of(m, sink_string(field, "wanted"));
		struct template *tpl = NULL;
		struct err why = ERR_NONE;
		size_t at = 0;
		buf_reset(&text);
		if (source == NULL || template_parse(source, &tpl, &at, &why) < 0)
			continue;
		good = text_expand(t, tpl, vars, group, &text);
		template_free(tpl);
		if (!good)
			break;
		json_sep(b);
		buf_putc(b, '{');
		if (update) {
			json_field(b, "customFieldUpdateOperationType", "REPLACE_EXISTING");
			json_key(b, "customValue");
			buf_putc(b, '{');
		}
		if (sink_string(field, "id") != NULL)
			sink_put_id(b, "ID", sink_string(field, "id"));
		json_field(b, "name", sink_string(field, "name"));
		put_value(t, b, field, text.data != NULL ? text.data : "");
		buf_puts(b, update ? "}}" : "}");
	}
	buf_putc(b, ']');
	buf_done(&text);
	return good;
}

/* ---- what a new case is given ---- */

static bool resolve_create(struct talk *t, const cJSON *root, cJSON *out)
{
	const struct aio_conf *c = t->conf;
	const struct {
		const char *key, *list, *name;
		bool needed; /* else its default stands for "if there is one" */
	} row[] = {
		{ "status", "caseStatuses", c->create.status, true },
		{ "automationStatus", "caseAutomationStatuses", c->create.automation_status,
		  c->create.automation_status != NULL &&
			  strcmp(c->create.automation_status, "Automated") != 0 },
		{ "scriptType", "caseScriptTypes", c->create.script_type,
		  c->create.script_type != NULL && strcmp(c->create.script_type, "Classic") != 0 },
		{ "type", "caseTypes", c->create.type, true },
		{ "priority", "casePriorities", c->create.priority, true },
	};
	cJSON *all = cJSON_AddObjectToObject(out, "create");

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]) && c->create.cases; i++) {
		const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, row[i].list);
		if (row[i].name == NULL || *row[i].name == '\0' || list == NULL)
			continue;
		const cJSON *found = find(t, list, row[i].name);
		if (found == NULL && !row[i].needed)
			continue;
		if (found == NULL) {
			sink_park(t, "create.%s: no \"%s\" in this project; there are: %s",
				  strcmp(row[i].key, "automationStatus") == 0 ? "automation_status"
				  : strcmp(row[i].key, "scriptType") == 0     ? "script_type"
									      : row[i].key,
				  row[i].name, names(t, list));
			return false;
		}
		cJSON *one = cJSON_AddObjectToObject(all, row[i].key);
		sink_set_string(one, "id", sink_id(t->arena, found, "ID"));
		sink_set_string(one, "name", sink_string(found, "name"));
	}
	return true;
}

/* ---- the answer ---- */

/* The project's key, as case keys begin: given, or from the cycle that every project has. */
static const char *project_key(struct talk *t, const cJSON *root)
{
	const struct aio_conf *c = t->conf;
	const cJSON *adhoc = cJSON_GetObjectItemCaseSensitive(root, "adhocTestCycle");
	const char *key = cJSON_IsString(adhoc) ? adhoc->valuestring : sink_string(adhoc, "key");
	const char *end = key != NULL ? strstr(key, "-CY-") : NULL;

	if (!digits(c->project)) {
		char *upper = arena_strdup(t->arena, c->project);
		for (char *s = upper; s != NULL && *s != '\0'; s++)
			*s = (char)(*s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s);
		return upper;
	}
	return end != NULL ? arena_strndup(t->arena, key, (size_t)(end - key)) : NULL;
}

static enum got resolve_all(struct talk *t, const cJSON *root)
{
	const struct aio_conf *c = t->conf;
	const cJSON *fields = cJSON_GetObjectItemCaseSensitive(root, "customFields");
	cJSON *out = cJSON_CreateObject();

	if (!cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(root, "runStatuses"))) {
		cJSON_Delete(out);
		return GOT_UNKNOWN;
	}
	sink_set_string(out, "wanted", wanted(t));
	sink_set_int(out, "at", t->now_ms);
	const char *key = project_key(t, root);
	sink_set_string(out, "key", key);
	if (key != NULL)
		sink_set_string(out, "trust", arena_printf(t->arena, "%s-TC-", key));
	bool good = resolve_statuses(t, root, out) && resolve_create(t, root, out) &&
		    resolve_fields(t, fields, &c->cycle.fields, "cycle_fields", "cycleAssociation", out) &&
		    resolve_fields(t, fields, &c->result.fields, "run_fields", "runAssociation", out);
	if (!good) {
		cJSON_Delete(out);
		return GOT_PARK;
	}
	warn_required(t, fields);
	cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "config");
	cJSON_AddItemToObject(t->facts, "config", out);
	sink_set_string(t->facts, "scope", c->project);
	return GOT_NEXT;
}

static bool is_page(const struct reply *r)
{
	for (size_t i = 0; i < r->body.len; i++) {
		if (strchr(" \t\r\n", r->body.data[i]) == NULL)
			return r->body.data[i] == '<';
	}
	return false;
}

static enum got locked(struct talk *t)
{
	const struct aio_conf *c = t->conf;

	err_clear(&t->err);
	err_set(&t->err, -EPROTO, "the server answered with a web page instead of JSON: %s",
		c->deployment == AIO_CLOUD
			? "does url end with /aio-tcms/api/v1?"
			: "is url where Jira is, with its context path, and no login page in "
			  "between?");
	return GOT_LOCKED;
}

static enum got one_list(struct talk *t, const struct reply *r, int64_t at)
{
	cJSON *parts = sink_object(sink_scratch(t), "parts");

	if (!sink_ok(r) && (at == 0 || r->status != 404)) {
		enum got got = aio_refused(t, r, "project", GOT_PARK);
		if (r->status == 404)
			return sink_park(
				t,
				"%s: is project the key (or number) of a project with AIO Tests, and url "
				"that of the server?",
				arena_strdup(t->arena, t->err.text));
		return got;
	}
	if (sink_ok(r)) {
		cJSON *root = sink_json(r);
		if (!cJSON_IsArray(root)) {
			cJSON_Delete(root);
			return is_page(r) ? locked(t) : GOT_UNKNOWN;
		}
		cJSON_AddItemToObject(parts, lists[at].member, root);
	}
	if (at == 0)
		aio_learn_old(t, "config", "its lists are read one by one");
	if (at + 1 < LIST_COUNT) {
		sink_set_int(sink_scratch(t), "list", at + 1);
		return GOT_MORE;
	}
	return resolve_all(t, parts);
}

enum got aio_config_got(struct talk *t, const struct reply *r)
{
	int64_t at = sink_int(sink_scratch(t), "list", aio_old(t, "config") ? 0 : -1);

	if (at >= 0 && at < LIST_COUNT)
		return one_list(t, r, at);
	if (r->status == 404) {
		/* No such project, or an older server: its first list tells. */
		sink_set_int(sink_scratch(t), "list", 0);
		return GOT_MORE;
	}
	if (!sink_ok(r))
		return aio_refused(t, r, "project", GOT_PARK);
	cJSON *root = sink_json(r);
	enum got got = cJSON_IsObject(root) ? resolve_all(t, root) : is_page(r) ? locked(t) : GOT_UNKNOWN;
	cJSON_Delete(root);
	return got;
}

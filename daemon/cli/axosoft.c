/* SPDX-License-Identifier: Apache-2.0
 *
 * axosoft.c - `resultd axosoft`: what the account offers, and what has become of an item.  Reads only. */
#include "daemon/cli/table.h"
#include "daemon/cli/verbs.h"

#include "daemon/config/secret.h"
#include "sinks/axosoft/axosoft.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct axosoft_conf *conf_of(const struct remote *r)
{
	return r->config->conf;
}

/* GET of one list or thing, unwrapped from its envelope; *root is the caller's. */
static int get(struct remote *r, const char *path, const char *doing, cJSON **root, const cJSON **data)
{
	struct arena a = ARENA_LIMIT(1u << 16);
	struct talk t = { .conf = conf_of(r), .arena = &a };
	struct request q;
	cJSON *token = NULL;
	int rc = EXIT_OK;

	*root = NULL;
	*data = NULL;
	request_init(&q);
	if (axosoft_needs_token(&t, &q)) {
		rc = remote_ask(r, &q, "get a token", &token);
		const char *given = sink_string(token, "access_token");
		if (rc == EXIT_OK && (given == NULL || strlen(given) >= AXOSOFT_TOKEN_SIZE))
			rc = remote_wrong(r, "the token address gave no access_token");
		if (rc == EXIT_OK)
			axosoft_grant(&t, given);
		cJSON_Delete(token);
		request_init(&q);
	}
	if (rc == EXIT_OK) {
		axosoft_get(&t, &q, "%s", path);
		rc = remote_ask(r, &q, doing, root);
	}
	if (rc == EXIT_OK)
		*data = cJSON_GetObjectItemCaseSensitive(*root, "data");
	if (rc == EXIT_OK && *data == NULL)
		*data = *root;
	arena_done(&a);
	return rc;
}

static int list(struct remote *r, const struct args *a, const char *path, const char *doing,
		const struct column *columns, const char *none)
{
	struct table t;
	const cJSON *data, *row;
	cJSON *root;
	int rc = get(r, path, doing, &root, &data);

	if (rc == EXIT_OK) {
		table_begin(&t, columns, a->json);
		cJSON_ArrayForEach(row, data) table_row(&t, row);
		table_end(&t, none);
	}
	cJSON_Delete(root);
	return rc;
}

static int projects(struct remote *r, const struct args *a)
{
	static const struct column columns[] = {
		{ "ID", "id", COLUMN_TEXT },
		{ "NAME", "name", COLUMN_TEXT },
		{ 0 },
	};

	return list(r, a, "projects?flat=true", "list projects", columns, "No projects.");
}

static int fields(struct remote *r, const struct args *a)
{
	static const struct column columns[] = {
		{ "KEY", "name", COLUMN_TEXT },
		{ "LABEL", "label", COLUMN_TEXT },
		{ "TYPE", "type", COLUMN_TEXT },
		{ "SIZE", "string_size", COLUMN_TEXT },
		{ 0 },
	};
	char path[64];

	snprintf(path, sizeof(path), "fields/custom?type=%s", axosoft_type_word(conf_of(r)));
	return list(r, a, path, "list custom fields", columns, "No custom fields.");
}

/* The number of the project that is wanted; 0: said why not. */
static int64_t project_number(struct remote *r, const char *wanted, int *rc)
{
	const cJSON *data, *row;
	cJSON *root;
	int64_t found = 0;
	char id[32];

	*rc = get(r, "projects?flat=true", "list projects", &root, &data);
	cJSON_ArrayForEach(row, data)
	{
		const char *name = sink_string(row, "name");
		snprintf(id, sizeof(id), "%lld", (long long)sink_int(row, "id", 0));
		if (strcmp(id, wanted) == 0 || (name != NULL && strcasecmp(name, wanted) == 0))
			found = sink_int(row, "id", 0);
	}
	cJSON_Delete(root);
	if (*rc == EXIT_OK && found == 0)
		*rc = remote_wrong(r, "there is no project \"%s\"", wanted);
	return found;
}

static int steps_of(struct remote *r, int64_t project, cJSON **root, const cJSON **steps)
{
	char path[96];
	const cJSON *data = NULL;

	snprintf(path, sizeof(path), "projects/%lld/workflow?item_type=%s", (long long)project,
		 axosoft_type_word(conf_of(r)));
	int rc = get(r, path, "read the workflow", root, &data);
	if (data != NULL && cJSON_IsArray(data))
		data = data->child;
	*steps = cJSON_GetObjectItemCaseSensitive(data, "workflow_steps");
	return rc;
}

static int workflow_steps(struct remote *r, const struct args *a)
{
	static const struct column columns[] = {
		{ "ID", "id", COLUMN_TEXT },
		{ "NAME", "name", COLUMN_TEXT },
		{ 0 },
	};
	const char *wanted = remote_project(r, args_get(a, "project"));
	const cJSON *steps = NULL, *row;
	cJSON *root = NULL;
	struct table t;
	int rc = EXIT_USAGE;
	int64_t project = wanted != NULL ? project_number(r, wanted, &rc) : 0;

	if (project != 0)
		rc = steps_of(r, project, &root, &steps);
	if (rc == EXIT_OK) {
		table_begin(&t, columns, a->json);
		cJSON_ArrayForEach(row, steps) table_row(&t, row);
		table_end(&t, "No steps.");
	}
	cJSON_Delete(root);
	return rc;
}

static const cJSON *step_of(const cJSON *steps, const char *wanted)
{
	const cJSON *row;
	char id[32];

	cJSON_ArrayForEach(row, steps)
	{
		const char *name = sink_string(row, "name");
		snprintf(id, sizeof(id), "%lld", (long long)sink_int(row, "id", 0));
		if (strcmp(id, wanted) == 0 || (name != NULL && strcasecmp(name, wanted) == 0))
			return row;
	}
	return NULL;
}

/* What `check` found out, for machines; for people it is printed line by line. */
struct findings {
	struct remote *r;
	cJSON *json;
	bool lines;
};

static void found(struct findings *f, const char *what, const char *value)
{
	if (f->lines)
		printf("%-10s %s\n", what, value);
	sink_set_string(f->json, what, value);
}

/* Any Axosoft says its version, also to those whom it does not know; an old one may not. */
static int check_version(struct findings *f)
{
	cJSON *root = NULL;
	struct request q;

	request_init(&q);
	q.method = METHOD_GET;
	buf_puts(&q.path, "api/version");
	int rc = remote_try(f->r, &q, "ask for the version", &root);
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(root, "data");
	const char *version = sink_string(data != NULL ? data : root, "version");
	if (rc == EXIT_OK && version != NULL)
		found(f, "version", version);
	cJSON_Delete(root);
	return rc == REMOTE_REFUSED ? EXIT_OK : rc;
}

static int check_user(struct findings *f)
{
	const cJSON *me = NULL;
	cJSON *root = NULL;
	char name[256];
	int rc = get(f->r, "me", "ask who the token is", &root, &me);

	if (rc == EXIT_OK) {
		const char *first = sink_string(me, "first_name"), *last = sink_string(me, "last_name");
		snprintf(name, sizeof(name), "%s%s%s", first != NULL ? first : "",
			 first != NULL && last != NULL ? " " : "", last != NULL ? last : "");
		found(f, "user", name);
	}
	cJSON_Delete(root);
	return rc;
}

static int check_steps(struct findings *f, int64_t project)
{
	const struct axosoft_conf *c = conf_of(f->r);
	const char *const wanted[][2] = { { "step", c->workflow_step },
					  { "reopen", c->reopen_step },
					  { "close", c->close_step } };
	const cJSON *steps = NULL;
	cJSON *root = NULL;
	int rc = steps_of(f->r, project, &root, &steps);

	for (size_t i = 0; i < 3 && rc == EXIT_OK; i++) {
		const cJSON *step = wanted[i][1] != NULL ? step_of(steps, wanted[i][1]) : NULL;
		if (step != NULL)
			found(f, wanted[i][0], wanted[i][1]);
		else if (wanted[i][1] != NULL)
			rc = remote_wrong(f->r, "the workflow of project \"%s\" has no step \"%s\"",
					  c->project, wanted[i][1]);
		const cJSON *data = cJSON_GetObjectItemCaseSensitive(root, "data");
		const cJSON *workflow = cJSON_IsArray(data) ? data->child : data;
		int64_t first = sink_int(cJSON_GetObjectItemCaseSensitive(workflow, "new_item_workflow_step"),
					 "id", 0);
		if (i == 0 && step != NULL && sink_bool(workflow, "restrict_new_items") && first != 0 &&
		    first != sink_int(step, "id", 0))
			remote_say(f->r, "the workflow lets new items begin in step %lld only, not in \"%s\"",
				   (long long)first, c->workflow_step);
	}
	cJSON_Delete(root);
	return rc;
}

static int check_fields(struct findings *f)
{
	const struct axosoft_conf *c = conf_of(f->r);
	const cJSON *rows = NULL, *row;
	cJSON *root = NULL;
	char path[64];
	int rc = EXIT_OK;

	for (size_t i = 0; i < c->push.fields.count && rc == EXIT_OK; i++) {
		const char *name = c->push.fields.key[i], *label = NULL;
		if (strncmp(name, "custom_", 7) != 0)
			continue;
		snprintf(path, sizeof(path), "fields/custom?type=%s", axosoft_type_word(c));
		if (root == NULL)
			rc = get(f->r, path, "list custom fields", &root, &rows);
		cJSON_ArrayForEach(row, rows)
		{
			const char *its = sink_string(row, "name");
			if (its != NULL && strcmp(its, name) == 0)
				label = sink_string(row, "label") != NULL ? sink_string(row, "label") : its;
		}
		if (rc == EXIT_OK && label == NULL)
			rc = remote_wrong(f->r, "%s have no field \"%s\"", axosoft_type_word(c), name);
		else if (rc == EXIT_OK)
			found(f, name, label);
	}
	cJSON_Delete(root);
	return rc;
}

static int check(struct remote *r, const struct args *a)
{
	const struct axosoft_conf *c = conf_of(r);
	struct findings f = { .r = r, .json = cJSON_CreateObject(), .lines = !a->json };
	int rc = check_version(&f);
	char text[320];

	if (rc == EXIT_OK)
		rc = check_user(&f);
	int64_t project = rc == EXIT_OK ? project_number(r, c->project, &rc) : 0;
	if (project != 0) {
		snprintf(text, sizeof(text), "%.256s (%lld)", c->project, (long long)project);
		found(&f, "project", text);
		rc = check_steps(&f, project);
	}
	if (rc == EXIT_OK)
		rc = check_fields(&f);
	if (rc == EXIT_OK) {
		found(&f, "items", axosoft_type_word(c));
		if (a->json)
			table_json(f.json);
	}
	cJSON_Delete(f.json);
	return rc;
}

/* ---- items by their ids ---- */

enum { COLUMNS_MAX = 12 };
static const char DEFAULT_COLUMNS[] = "id,number,name,workflow_step.name,workflow_step.id,assigned_to.name,"
				      "assigned_to.id,is_completed";

static bool is_id(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len <= 15 && strspn(s, "0123456789") == len;
}

static const char *title_of(const char *path)
{
	static const char *const titles[][2] = {
		{ "id", "Id" },
		{ "number", "Number" },
		{ "name", "Name" },
		{ "workflow_step.name", "Step" },
		{ "workflow_step.id", "Step id" },
		{ "assigned_to.name", "Assigned to" },
		{ "assigned_to.id", "Assigned id" },
		{ "is_completed", "Completed" },
	};

	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		if (strcmp(titles[i][0], path) == 0)
			return titles[i][1];
	return path;
}

/* text: "id,name,custom_fields.custom_7"; cut up in place. */
static bool columns_of(struct remote *r, char *text, struct column *out)
{
	char *save = NULL;
	size_t n = 0;

	for (char *one = strtok_r(text, ",", &save); one != NULL; one = strtok_r(NULL, ",", &save)) {
		if (n == COLUMNS_MAX ||
		    strspn(one, "abcdefghijklmnopqrstuvwxyz0123456789_.") != strlen(one)) {
			remote_wrong(r,
				     "--columns takes up to %d names such as workflow_step.name, not \"%s\"",
				     COLUMNS_MAX, one);
			return false;
		}
		out[n++] = (struct column){ title_of(one), one, COLUMN_TEXT };
	}
	out[n] = (struct column){ NULL, NULL, COLUMN_TEXT };
	return n > 0;
}

static void show_item(struct remote *r, const struct args *a, const struct column *columns, const cJSON *item)
{
	table_card(columns, item, a->json);
	if (!a->json)
		printf("%s/viewitem?id=%lld&type=%s&force_use_number=false\n", conf_of(r)->url,
		       (long long)sink_int(item, "id", 0), axosoft_type_word(conf_of(r)));
}

/* A list by its ids.  Whether its first page is page 1 or page 0 is not documented: a list that has rows tells. */
static int get_list(struct remote *r, const char *path, const char *doing, cJSON **root, const cJSON **data)
{
	int rc = EXIT_OK;

	for (int page = 1; page >= 0; page--) {
		struct buf q = BUF_LIMIT(16u << 10);
		buf_printf(&q, "%s&page=%d", path, page);
		buf_putc(&q, '\0');
		rc = get(r, q.data, doing, root, data);
		buf_done(&q);
		const cJSON *meta = cJSON_GetObjectItemCaseSensitive(*root, "metadata");
		if (rc != EXIT_OK || page == 0 || !cJSON_IsArray(*data) || cJSON_GetArraySize(*data) > 0 ||
		    sink_int(meta, "total_count", 0) <= 0)
			break;
		cJSON_Delete(*root);
	}
	return rc;
}

/* All of them in one request. */
static int show_many(struct remote *r, const struct args *a, const struct column *columns)
{
	struct buf path = BUF_LIMIT(16u << 10);
	const cJSON *data = NULL, *row;
	cJSON *root = NULL;

	buf_printf(&path, "%s?filters=", axosoft_type_word(conf_of(r)));
	sink_escape(&path, "id=in[");
	for (size_t i = 0; i < a->words; i++)
		buf_printf(&path, "%s%s", i > 0 ? "%2C" : "", a->word[i]);
	sink_escape(&path, "]");
	buf_printf(&path, "&page_size=%zu&columns=id", a->words);
	for (size_t i = 0; columns[i].path != NULL; i++) {
		/* References come whole; a part of one cannot be asked for everywhere. */
		buf_printf(
			&path, "%%2C%.*s",
			(int)strcspn(columns[i].path, strncmp(columns[i].path, "custom_", 7) == 0 ? "" : "."),
			columns[i].path);
	}
	buf_putc(&path, '\0');
	int rc = get_list(r, path.data, "show the items", &root, &data);
	for (size_t i = 0; i < a->words && rc != EXIT_UNDELIVERED && cJSON_IsArray(data); i++) {
		bool there = false;
		cJSON_ArrayForEach(row, data)
		{
			char id[32];
			snprintf(id, sizeof(id), "%lld", (long long)sink_int(row, "id", 0));
			if (there || strcmp(id, a->word[i]) != 0)
				continue;
			there = true;
			show_item(r, a, columns, row);
		}
		if (!there)
			rc = remote_wrong(r, "there is no item %s among %s", a->word[i],
					  axosoft_type_word(conf_of(r)));
	}
	if (rc == EXIT_OK && !cJSON_IsArray(data))
		rc = remote_wrong(r, "the answer is not the list that is due");
	cJSON_Delete(root);
	buf_done(&path);
	return rc;
}

/* An item that is asked for alone may name its step and its people by ids only; lists say their names. */
static void add_names(struct remote *r, const char *id, cJSON *item)
{
	static const char *const of[] = { "workflow_step", "assigned_to" };
	const cJSON *data = NULL;
	cJSON *root = NULL;
	bool wanted = false;
	char path[200];

	for (size_t i = 0; i < 2; i++) {
		const cJSON *one = cJSON_GetObjectItemCaseSensitive(item, of[i]);
		wanted = wanted || (sink_int(one, "id", 0) != 0 && sink_string(one, "name") == NULL);
	}
	if (!wanted)
		return;
	snprintf(path, sizeof(path),
		 "%s?filters=id%%3Din%%5B%s%%5D&include_archived=true&page_size=1&columns=id%%2C%s%%2C%s",
		 axosoft_type_word(conf_of(r)), id, of[0], of[1]);
	if (get_list(r, path, "name the step", &root, &data) == EXIT_OK && cJSON_IsArray(data)) {
		for (size_t i = 0; i < 2; i++) {
			const cJSON *one = cJSON_GetObjectItemCaseSensitive(data->child, of[i]);
			if (sink_string(one, "name") != NULL)
				cJSON_ReplaceItemInObjectCaseSensitive(item, of[i],
								       cJSON_Duplicate(one, true));
		}
	}
	cJSON_Delete(root);
}

static int show(struct remote *r, const struct args *a)
{
	const char *given = args_get(a, "columns");
	struct column columns[COLUMNS_MAX + 1];
	const cJSON *data = NULL;
	cJSON *root = NULL;
	char path[96], text[512];

	for (size_t i = 0; i < a->words; i++)
		if (!is_id(a->word[i]))
			return remote_wrong(r, "\"%s\" is no id of an item", a->word[i]);
	snprintf(text, sizeof(text), "%s", given != NULL ? given : DEFAULT_COLUMNS);
	if (!columns_of(r, text, columns))
		return EXIT_USAGE;
	if (a->words > 1)
		return show_many(r, a, columns);
	snprintf(path, sizeof(path), "%s/%s", axosoft_type_word(conf_of(r)), a->word[0]);
	int rc = get(r, path, "show the item", &root, &data);
	if (rc == EXIT_OK) {
		cJSON *item = cJSON_Duplicate(data, true);
		if (!a->json)
			add_names(r, a->word[0], item);
		show_item(r, a, columns, item);
		cJSON_Delete(item);
	}
	cJSON_Delete(root);
	return rc;
}

static const struct verb verbs[] = {
	{ .name = "check",
	  .words = "",
	  .run = check,
	  .summary = "version, who the token is; project, steps and fields are there" },
	{ .name = "fields", .words = "", .run = fields, .summary = "custom fields of items" },
	{ .name = "projects",
	  .words = "",
	  .run = projects,
	  .summary = "projects that the token's user sees" },
	{ .name = "workflow-steps",
	  .words = "",
	  .options = "project=",
	  .run = workflow_steps,
	  .summary = "steps of the project's workflow",
	  .detail = "  --project NAME|ID   another project than that of the configuration\n" },
	{ .name = "show",
	  .words = "ID...",
	  .least = 1,
	  .most = ARGS_WORDS_MAX,
	  .options = "columns=",
	  .run = show,
	  .summary = "items: their steps, who has them, where they are",
	  .detail = "  --columns NAMES        what is shown, in this order: "
		    "id,name,workflow_step.name,custom_fields.custom_7\n"
		    "Several are asked for at once.  One that does not exist is named, and the exit code is "
		    "2.\n" },
	{ 0 },
};

int cmd_axosoft(struct cli *cli, int argc, char **argv)
{
	return verbs_run(verbs, cli, argc, argv);
}

void help_axosoft(void)
{
	verbs_help(verbs, "axosoft");
}

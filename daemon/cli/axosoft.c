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

static bool step_there(const cJSON *steps, const char *wanted)
{
	const cJSON *row;
	char id[32];

	cJSON_ArrayForEach(row, steps)
	{
		const char *name = sink_string(row, "name");
		snprintf(id, sizeof(id), "%lld", (long long)sink_int(row, "id", 0));
		if (strcmp(id, wanted) == 0 || (name != NULL && strcasecmp(name, wanted) == 0))
			return true;
	}
	return false;
}

static int check(struct remote *r, const struct args *a)
{
	const struct axosoft_conf *c = conf_of(r);
	const char *wanted[] = { c->workflow_step, c->reopen_step, c->close_step };
	const cJSON *steps = NULL, *me;
	cJSON *root = NULL;
	int rc = get(r, "me", "ask who the token is", &root, &me);

	(void)a;
	if (rc == EXIT_OK) {
		const char *first = sink_string(me, "first_name"), *last = sink_string(me, "last_name");
		printf("user       %s %s\n", first != NULL ? first : "", last != NULL ? last : "");
	}
	cJSON_Delete(root);
	root = NULL;
	int64_t project = rc == EXIT_OK ? project_number(r, c->project, &rc) : 0;
	if (project != 0) {
		printf("project    %s (%lld)\n", c->project, (long long)project);
		rc = steps_of(r, project, &root, &steps);
	}
	for (size_t i = 0; i < 3 && rc == EXIT_OK; i++) {
		if (wanted[i] == NULL)
			continue;
		if (step_there(steps, wanted[i]))
			printf("step       %s\n", wanted[i]);
		else
			rc = remote_wrong(r, "the workflow of project \"%s\" has no step \"%s\"", c->project,
					  wanted[i]);
	}
	cJSON_Delete(root);
	if (rc == EXIT_OK)
		printf("items are  %s\n", axosoft_type_word(c));
	return rc;
}

static int show(struct remote *r, const struct args *a)
{
	static const struct column card[] = {
		{ "Id", "id", COLUMN_TEXT },
		{ "Number", "number", COLUMN_TEXT },
		{ "Name", "name", COLUMN_TEXT },
		{ "Step", "workflow_step.name", COLUMN_TEXT },
		{ "Step id", "workflow_step.id", COLUMN_TEXT },
		{ "Assigned to", "assigned_to.name", COLUMN_TEXT },
		{ "Assigned id", "assigned_to.id", COLUMN_TEXT },
		{ "Completed", "is_completed", COLUMN_TEXT },
		{ 0 },
	};
	const char *id = a->word[0];
	const cJSON *data;
	cJSON *root;
	char path[96];

	if (*id == '\0' || strlen(id) > 15 || strspn(id, "0123456789") != strlen(id))
		return remote_wrong(r, "\"%s\" is no id of an item", id);
	snprintf(path, sizeof(path), "%s/%s", axosoft_type_word(conf_of(r)), id);
	int rc = get(r, path, "show the item", &root, &data);
	if (rc == EXIT_OK) {
		table_card(card, data, a->json);
		if (!a->json)
			printf("%s/viewitem?id=%s&type=%s&force_use_number=false\n", conf_of(r)->url, id,
			       axosoft_type_word(conf_of(r)));
	}
	cJSON_Delete(root);
	return rc;
}

static const struct verb verbs[] = {
	{ .name = "check",
	  .words = "",
	  .run = check,
	  .summary = "who the token is; project and steps are there" },
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
	  .words = "ID",
	  .least = 1,
	  .most = 1,
	  .run = show,
	  .summary = "an item: its step, who has it, where it is" },
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

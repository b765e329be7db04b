/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_projects.c - projects of a TestRail instance: listed, shown, made, changed, deleted. */
#include "daemon/cli/testrail.h"

#include "daemon/base/json.h"
#include "sinks/testrail/testrail.h"

#include <stdio.h>
#include <string.h>

static const char *const mode_words[] = { "single", "baselines", "multiple", NULL };

static const struct column card[] = {
	{ "Id", "id", COLUMN_TEXT },
	{ "Name", "name", COLUMN_TEXT },
	{ "Suites", "mode", COLUMN_TEXT },
	{ "Completed", "is_completed", COLUMN_TEXT },
	{ "Completed on (UTC)", "completed_on", COLUMN_TIME },
	{ "Announcement", "announcement", COLUMN_TEXT },
	{ "Shown", "show_announcement", COLUMN_TEXT },
	{ "Default role", "default_role_id", COLUMN_TEXT },
	{ "Url", "url", COLUMN_TEXT },
	{ 0 },
};

/* The suite mode in words, beside its number; for people only. */
static cJSON *told(const cJSON *project)
{
	cJSON *copy = cJSON_Duplicate(project, true);
	int64_t mode = sink_int(project, "suite_mode", 0);

	if (cJSON_IsObject(copy) && mode >= 1 && mode <= 3)
		cJSON_AddStringToObject(copy, "mode", mode_words[mode - 1]);
	return copy;
}

static int show(cJSON *project, bool json)
{
	cJSON *copy = json ? NULL : told(project);

	table_card(card, json ? project : copy, json);
	cJSON_Delete(copy);
	cJSON_Delete(project);
	return EXIT_OK;
}

int rail_projects_list(struct remote *r, const struct args *a)
{
	static const struct column columns[] = {
		{ "ID", "id", COLUMN_TEXT },
		{ "NAME", "name", COLUMN_TEXT },
		{ "SUITE MODE", "suite_mode", COLUMN_TEXT },
		{ "COMPLETED", "is_completed", COLUMN_TEXT },
		{ "URL", "url", COLUMN_TEXT },
		{ 0 },
	};
	int completed;
	int rc = args_yes(r, a, "completed", &completed);

	if (rc != EXIT_OK)
		return rc;
	const char *filters[] = { "is_completed", completed < 0 ? NULL : completed ? "1" : "0", NULL };
	const struct rail_list l = {
		.call = "get_projects", .entity = "projects", .doing = "list projects", .filters = filters
	};
	return rail_table(r, a, &l, columns, "There are no projects.");
}

int rail_projects_show(struct remote *r, const struct args *a)
{
	cJSON *project;
	int rc = rail_project(r, a->words > 0 ? a->word[0] : NULL, &project);

	return rc == EXIT_OK ? show(project, a->json) : rc;
}

/* What add and update have in common; -1: not given. */
static void put_mode(struct buf *b, int mode)
{
	if (mode >= 0)
		json_field_int(b, "suite_mode", mode + 1);
}

int rail_projects_add(struct remote *r, const struct args *a)
{
	const char *announcement = args_get(a, "announcement");
	struct request req;
	cJSON *made;
	char doing[300];
	int mode;
	int rc = args_one_of(r, a, "mode", mode_words, &mode);

	if (rc != EXIT_OK)
		return rc;
	request_init(&req);
	testrail_post(&req, "add_project", NULL);
	buf_putc(&req.body, '{');
	json_field(&req.body, "name", a->word[0]);
	json_field(&req.body, "announcement", announcement);
	json_field_bool(&req.body, "show_announcement", args_has(a, "show-announcement"));
	put_mode(&req.body, mode < 0 ? 0 : mode);
	buf_putc(&req.body, '}');
	snprintf(doing, sizeof(doing), "make project \"%.200s\"", a->word[0]);
	rc = remote_ask(r, &req, doing, &made);
	return rc == EXIT_OK ? show(made, a->json) : rc;
}

int rail_projects_update(struct remote *r, const struct args *a)
{
	struct request req;
	cJSON *after;
	char id[32];
	int mode, completed, shown;
	int rc = args_one_of(r, a, "mode", mode_words, &mode);

	if (rc == EXIT_OK)
		rc = args_yes(r, a, "completed", &completed);
	if (rc == EXIT_OK)
		rc = args_yes(r, a, "show-announcement", &shown);
	if (rc == EXIT_OK && mode < 0 && completed < 0 && shown < 0 && !args_has(a, "name") &&
	    !args_has(a, "announcement"))
		rc = cli_usage(r->command, "projects update: say what to change");
	if (rc == EXIT_OK)
		rc = rail_project_id(r, a->word[0], id);
	if (rc != EXIT_OK)
		return rc;
	request_init(&req);
	testrail_post(&req, "update_project", id);
	buf_putc(&req.body, '{');
	json_field(&req.body, "name", args_get(a, "name"));
	json_field(&req.body, "announcement", args_get(a, "announcement"));
	if (shown >= 0)
		json_field_bool(&req.body, "show_announcement", shown != 0);
	if (completed >= 0)
		json_field_bool(&req.body, "is_completed", completed != 0);
	put_mode(&req.body, mode);
	buf_putc(&req.body, '}');
	rc = remote_ask(r, &req, "change the project", &after);
	return rc == EXIT_OK ? show(after, a->json) : rc;
}

int rail_projects_delete(struct remote *r, const struct args *a)
{
	struct arena arena = ARENA_LIMIT(4096);
	struct request req;
	cJSON *project;
	int rc = rail_project(r, a->word[0], &project);

	if (rc != EXIT_OK)
		return rc;
	/* By the name that the server gives: an id mistyped is found out here. */
	const char *name = sink_string(project, "name"), *id = sink_id(&arena, project, "id");
	if (name == NULL || id == NULL) {
		rc = remote_wrong(r, "project \"%s\" has no name or no id", a->word[0]);
	} else if (!remote_confirmed(r, "deletes", "project", name, args_get(a, "confirm"))) {
		rc = EXIT_USAGE;
	} else {
		request_init(&req);
		testrail_post(&req, "delete_project", id);
		buf_puts(&req.body, "{}");
		rc = remote_ask(r, &req, "delete the project", NULL);
	}
	if (rc == EXIT_OK && a->json)
		puts("{}");
	else if (rc == EXIT_OK)
		printf("Project %s, \"%s\", is deleted.\n", id, table_clean(&arena, name));
	arena_done(&arena);
	cJSON_Delete(project);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail.c - `resultd testrail`: the table of its verbs, what they share, and the plain lists. */
#include "daemon/cli/testrail.h"

#include "daemon/base/clock.h"
#include "daemon/cli/listing.h"
#include "daemon/cli/trcli.h"
#include "sinks/testrail/testrail.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NAMES_SHOWN = 10 };

/* ---- lists ---- */

static void ask_page(struct request *req, const struct rail_list *l, int64_t offset)
{
	request_init(req);
	testrail_get(req, l->call, l->id);
	for (const char *const *f = l->filters; f != NULL && *f != NULL; f += 2)
		testrail_arg(req, f[0], f[1]);
	testrail_page_args(req, offset);
}

int rail_each(struct remote *r, const struct rail_list *l, int64_t offset, rail_item_fn *fn, void *cookie,
	      bool *more)
{
	bool on = true;

	while (on) {
		struct testrail_page page;
		struct request req;
		cJSON *root;

		ask_page(&req, l, offset);
		int rc = remote_ask(r, &req, l->doing, &root);
		if (rc != EXIT_OK)
			return rc;
		cJSON_Delete(root); /* it is JSON; what shape of list it is, is found out below */
		if (!testrail_page(&r->reply, l->entity, &page))
			return remote_wrong(r, "cannot %s: the answer is no list of %s", l->doing, l->entity);
		/* Servers before 6.7 answer everything at once, and know no offset. */
		int64_t skip = page.items == page.root ? offset : 0;
		on = listing_page(page.items, page.last, skip, fn, cookie, more);
		offset += page.count;
		cJSON_Delete(page.root);
	}
	return EXIT_OK;
}

int rail_table(struct remote *r, const struct args *a, const struct rail_list *l,
	       const struct column *columns, const char *none)
{
	struct listing list;
	bool more = false;

	listing_begin(&list, a, columns);
	int rc = rail_each(r, l, a->offset, listing_item, &list, &more);
	return listing_end(&list, a, rc, none, more);
}

/* A list that comes whole and has no pages. */
static int whole(struct remote *r, const struct args *a, const char *call, const char *id, const char *entity,
		 const char *doing, const struct column *columns)
{
	const struct rail_list l = { .call = call, .id = id, .entity = entity, .doing = doing };
	struct args all = *a;

	all.limit = INT64_MAX;
	all.offset = 0;
	return rail_table(r, &all, &l, columns, "There are none.");
}

/* ---- the project ---- */

struct search {
	const char *name;
	cJSON *found;
	size_t hits;
	bool exact;
	char names[600];
	size_t seen;
};

static bool on_project(void *cookie, const cJSON *item)
{
	struct search *s = cookie;
	const char *name = sink_string(item, "name");

	if (name == NULL)
		return true;
	bool exact = strcmp(name, s->name) == 0;
	size_t n = strlen(s->names);
	if (s->seen++ < NAMES_SHOWN) {
		struct arena arena = ARENA_LIMIT(8192);
		snprintf(s->names + n, sizeof(s->names) - n, "%s\"%.60s\"", n > 0 ? ", " : "",
			 table_clean(&arena, name));
		arena_done(&arena);
	}
	/* Written alike but for case counts only where nothing is written the same. */
	if ((!exact && (s->exact || strcasecmp(name, s->name) != 0)))
		return true;
	if (exact && !s->exact)
		s->hits = 0;
	s->exact = exact;
	s->hits++;
	cJSON_Delete(s->found);
	s->found = cJSON_Duplicate(item, true);
	return true;
}

static bool is_number(const char *s)
{
	return *s != '\0' && strlen(s) < 16 && strspn(s, "0123456789") == strlen(s);
}

int rail_project(struct remote *r, const char *given, cJSON **out)
{
	const struct rail_list l = { .call = "get_projects", .entity = "projects", .doing = "list projects" };
	struct search s = { .name = remote_project(r, given) };

	*out = NULL;
	if (s.name == NULL)
		return EXIT_USAGE;
	if (is_number(s.name)) {
		struct request req;
		char doing[64];
		request_init(&req);
		testrail_get(&req, "get_project", s.name);
		snprintf(doing, sizeof(doing), "read project %s", s.name);
		return remote_ask(r, &req, doing, out);
	}
	int rc = rail_each(r, &l, 0, on_project, &s, NULL);
	if (rc == EXIT_OK && s.hits == 1) {
		*out = s.found;
		return EXIT_OK;
	}
	cJSON_Delete(s.found);
	if (rc != EXIT_OK)
		return rc;
	if (s.hits > 1)
		return remote_wrong(r, "%zu projects are called \"%s\": name it by its id", s.hits, s.name);
	return remote_wrong(r, "there is no project \"%s\"; there are %s%s", s.name,
			    s.seen > 0 ? s.names : "none at all", s.seen > NAMES_SHOWN ? ", ..." : "");
}

int rail_project_id(struct remote *r, const char *given, char id[32])
{
	const char *name = remote_project(r, given);
	struct arena a = ARENA_LIMIT(4096);
	cJSON *project;

	if (name == NULL)
		return EXIT_USAGE;
	if (is_number(name)) {
		snprintf(id, 32, "%s", name);
		return EXIT_OK;
	}
	int rc = rail_project(r, given, &project);
	if (rc != EXIT_OK)
		return rc;
	const char *text = sink_id(&a, project, "id");
	snprintf(id, 32, "%s", text != NULL ? text : "");
	if (text == NULL)
		rc = remote_wrong(r, "project \"%s\" has no id", name);
	arena_done(&a);
	cJSON_Delete(project);
	return rc;
}

/* ---- plain lists ---- */

static int suites(struct remote *r, const struct args *a)
{
	static const struct column columns[] = {
		{ "ID", "id", COLUMN_TEXT },
		{ "NAME", "name", COLUMN_TEXT },
		{ "MASTER", "is_master", COLUMN_TEXT },
		{ "BASELINE", "is_baseline", COLUMN_TEXT },
		{ "COMPLETED", "is_completed", COLUMN_TEXT },
		{ "DESCRIPTION", "description", COLUMN_TEXT },
		{ 0 },
	};
	char id[32];
	int rc = rail_project_id(r, args_get(a, "project"), id);

	return rc != EXIT_OK ? rc : whole(r, a, "get_suites", id, "suites", "list suites", columns);
}

static int statuses(struct remote *r, const struct args *a)
{
	static const struct column columns[] = {
		{ "ID", "id", COLUMN_TEXT },
		{ "NAME", "name", COLUMN_TEXT },
		{ "LABEL", "label", COLUMN_TEXT },
		{ "SYSTEM", "is_system", COLUMN_TEXT },
		{ "UNTESTED", "is_untested", COLUMN_TEXT },
		{ "FINAL", "is_final", COLUMN_TEXT },
		{ 0 },
	};

	return whole(r, a, "get_statuses", NULL, "statuses", "list statuses", columns);
}

static int runs_list(struct remote *r, const struct args *a)
{
	static const struct column columns[] = {
		{ "ID", "id", COLUMN_TEXT },
		{ "CREATED (UTC)", "created_on", COLUMN_TIME },
		{ "CLOSED", "is_completed", COLUMN_TEXT },
		{ "PASSED", "passed_count", COLUMN_TEXT },
		{ "FAILED", "failed_count", COLUMN_TEXT },
		{ "RETEST", "retest_count", COLUMN_TEXT },
		{ "BLOCKED", "blocked_count", COLUMN_TEXT },
		{ "UNTESTED", "untested_count", COLUMN_TEXT },
		{ "NAME", "name", COLUMN_TEXT },
		{ 0 },
	};
	char id[32], suite[32] = "", since[32] = "";
	int64_t days = -1, suite_id = -1;
	int completed;
	int rc = args_yes(r, a, "completed", &completed);

	if (rc == EXIT_OK)
		rc = args_int(r, a, "suite", 1, &suite_id);
	if (rc == EXIT_OK)
		rc = args_int(r, a, "days", 1, &days);
	if (rc == EXIT_OK)
		rc = rail_project_id(r, args_get(a, "project"), id);
	if (rc != EXIT_OK)
		return rc;
	if (suite_id > 0)
		snprintf(suite, sizeof(suite), "%lld", (long long)suite_id);
	if (days > 0)
		snprintf(since, sizeof(since), "%lld", (long long)(clock_wall_ms() / 1000 - days * 86400));
	const char *filters[] = { "is_completed",
				  completed < 0    ? NULL
				  : completed != 0 ? "1"
						   : "0",
				  "suite_id",
				  suite[0] != '\0' ? suite : NULL,
				  "created_after",
				  since[0] != '\0' ? since : NULL,
				  "refs_filter",
				  args_get(a, "ref"),
				  NULL };
	const struct rail_list l = {
		.call = "get_runs", .id = id, .entity = "runs", .doing = "list runs", .filters = filters
	};
	return rail_table(r, a, &l, columns, "There are no such runs.");
}

/* ---- the table ---- */

static const struct verb verbs[] = {
	{ .name = "projects list",
	  .words = "",
	  .options = "completed=",
	  .pages = true,
	  .run = rail_projects_list,
	  .summary = "projects that this user sees",
	  .detail = "  --completed yes|no  only those that are, or are not, completed\n" },
	{ .name = "projects show",
	  .words = "[NAME|ID]",
	  .most = 1,
	  .run = rail_projects_show,
	  .summary = "one project; without a name the sink's own" },
	{ .name = "projects add",
	  .words = "NAME",
	  .least = 1,
	  .most = 1,
	  .options = "announcement= show-announcement mode=",
	  .run = rail_projects_add,
	  .summary = "make a project (administrators)",
	  .detail = "  --mode single|baselines|multiple   how many suites it has (default single)\n"
		    "  --announcement TEXT                shown on its overview\n"
		    "  --show-announcement                shows it\n" },
	{ .name = "projects update",
	  .words = "NAME|ID",
	  .least = 1,
	  .most = 1,
	  .options = "name= announcement= show-announcement= completed= mode=",
	  .run = rail_projects_update,
	  .summary = "change a project (administrators)",
	  .detail = "  --name NAME, --announcement TEXT, --show-announcement yes|no, --completed yes|no,\n"
		    "  --mode single|baselines|multiple\n" },
	{ .name = "projects delete",
	  .words = "NAME|ID",
	  .least = 1,
	  .most = 1,
	  .options = "confirm=",
	  .run = rail_projects_delete,
	  .summary = "delete a project with all in it (administrators)",
	  .detail = "Asks for the project's name, typed.\n"
		    "  --confirm NAME      the same without being asked\n" },
	{ .name = "case-fields list",
	  .words = "",
	  .options = "project= all-projects",
	  .run = rail_fields_list,
	  .summary = "fields of cases that the project has",
	  .detail = "  --project NAME|ID   another project than the sink's\n"
		    "  --all-projects      every field of the instance\n" },
	{ .name = "case-fields add",
	  .words = "",
	  .options = RAIL_FIELDS_ADD_OPTIONS,
	  .run = rail_fields_add,
	  .summary = "make a custom field of cases (administrators)",
	  .detail = rail_fields_add_detail },
	{ .name = "fields ensure",
	  .words = "",
	  .options = "project= global type=",
	  .run = rail_fields_ensure,
	  .summary = "the automation field is there, active, and the project has it; else it is made",
	  .detail = "  --project NAME|ID   another project than the sink's\n"
		    "  --global            where it is made: for every project, not for this one alone\n"
		    "  --type string|text  where it is made (default string: at most 250 characters)\n" },
	{ .name = "suites",
	  .words = "",
	  .options = "project=",
	  .run = suites,
	  .summary = "suites of the project",
	  .detail = "  --project NAME|ID   another project than the sink's\n" },
	{ .name = "statuses", .words = "", .run = statuses, .summary = "statuses that a result can have" },
	{ .name = "runs list",
	  .words = "",
	  .options = "project= completed= suite= days= ref=",
	  .pages = true,
	  .run = runs_list,
	  .summary = "runs of the project, newest first (those of plans are listed there)",
	  .detail = "  --project NAME|ID   another project than the sink's\n"
		    "  --completed yes|no  closed or open ones\n"
		    "  --suite ID\n"
		    "  --days N            made within the last N days\n"
		    "  --ref TEXT          with exactly this reference\n" },
	{ 0 },
};

int cmd_testrail(struct cli *cli, int argc, char **argv)
{
	/* The one that asks nobody, and comes before there is a configuration. */
	if (argc > 1 && strcmp(argv[1], "convert-config") == 0) {
		if (argc == 3 && argv[2][0] != '-')
			return trcli_convert(argv[2]);
		return cli_usage("testrail", "convert-config wants one FILE, the YAML of trcli");
	}
	return verbs_run(verbs, cli, argc, argv);
}

void help_testrail(void)
{
	verbs_help(verbs, "testrail");
	printf("\nWithout a server:\n"
	       "  convert-config FILE   turns trcli's YAML into a configuration of ours, on standard "
	       "output\n");
}

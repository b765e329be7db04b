/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_keys.c - the keys of a `type: testrail` sink, and what no single key can check. */
#include "sinks/testrail/testrail.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define AT(member) offsetof(struct testrail_conf, member)

static const char *const update_words[] = { "none", "fields", NULL };
static const char *const refs_words[] = { "append", "replace", NULL };

static const struct config_key update_keys[] = {
	{ "cases", CONFIG_ENUM, AT(update.cases), .def = "none", .words = update_words },
	{ "refs", CONFIG_ENUM, AT(update.refs), .def = "append", .words = refs_words },
	{ 0 },
};

static const struct config_key plan_keys[] = {
	{ "name", CONFIG_TEMPLATE, AT(plan.name), .required = true },
	{ "description", CONFIG_TEMPLATE, .offset = AT(plan.description) },
	{ "close", CONFIG_BOOL, AT(plan.close), .def = "false" },
	{ 0 },
};

static const struct config_key run_keys[] = {
	{ "name", CONFIG_TEMPLATE, AT(run.name), .def = "{run.name}" },
	{ "description", CONFIG_TEMPLATE, .offset = AT(run.description) },
	{ "id", CONFIG_INT, AT(run.id), .min = 1, .max = INT64_C(9007199254740991) },
	{ "close", CONFIG_BOOL, AT(run.close), .def = "true" },
	{ "reuse", CONFIG_BOOL, AT(run.reuse), .def = "false" },
	{ "include_all", CONFIG_BOOL, AT(run.include_all), .def = "false" },
	{ "assigned_to", CONFIG_TEMPLATE, .offset = AT(run.assigned_to) },
	{ "start_on", CONFIG_TEMPLATE, .offset = AT(run.start_on) },
	{ "due_on", CONFIG_TEMPLATE, .offset = AT(run.due_on) },
	{ 0 },
};

static const struct config_key create_keys[] = {
	{ "cases", CONFIG_BOOL, AT(create.cases), .def = "false" },
	{ "sections", CONFIG_BOOL, AT(create.sections), .def = "true" },
	{ "field", CONFIG_BOOL, AT(create.field), .def = "false" },
	{ "milestones", CONFIG_BOOL, AT(create.milestones), .def = "false" },
	{ "configs", CONFIG_BOOL, AT(create.configs), .def = "false" },
	{ "section", CONFIG_TEMPLATE, AT(create.section), .def = "{suite}" },
	{ "suite", CONFIG_TEMPLATE, .offset = AT(create.suite) },
	{ "template", CONFIG_STRING, .offset = AT(create.template) },
	{ "type", CONFIG_STRING, .offset = AT(create.type) },
	{ "priority", CONFIG_STRING, .offset = AT(create.priority) },
	{ "fields", CONFIG_MAP, .offset = AT(create.fields) },
	{ 0 },
};

static const struct config_key status_keys[] = {
	{ "passed", CONFIG_STRING, AT(statuses[VERDICT_PASSED]), .def = "passed" },
	{ "failed", CONFIG_STRING, AT(statuses[VERDICT_FAILED]), .def = "failed" },
	{ "error", CONFIG_STRING, AT(statuses[VERDICT_ERROR]), .def = "failed" },
	{ "skipped", CONFIG_STRING, AT(statuses[VERDICT_SKIPPED]), .def = "retest" },
	{ "flaky", CONFIG_STRING, AT(statuses[VERDICT_FLAKY]), .def = "passed" },
	{ "known_failure", CONFIG_STRING, AT(statuses[VERDICT_KNOWN_FAILURE]), .def = "retest" },
	{ 0 },
};

static const struct config_key result_keys[] = {
	{ "comment", CONFIG_TEMPLATE, .offset = AT(result.comment) },
	{ "version", CONFIG_TEMPLATE, .offset = AT(result.version) },
	{ "defects", CONFIG_TEMPLATE, .offset = AT(result.defects) },
	{ "assign_failed", CONFIG_STRINGS, .offset = AT(result.assign_failed) },
	{ "fields", CONFIG_MAP, .offset = AT(result.fields) },
	{ 0 },
};

const struct config_key testrail_keys[] = {
	{ "url", CONFIG_URL, AT(url), .required = true },
	{ "user", CONFIG_STRING, AT(user), .required = true },
	{ "key", CONFIG_SECRET, AT(key), .required = true },
	{ "project", CONFIG_STRING, AT(project), .required = true },
	{ "suite", CONFIG_STRING, .offset = AT(suite) },
	{ "suites", CONFIG_STRINGS, .offset = AT(suites) },
	{ "plan", CONFIG_STRUCT, 0, .keys = plan_keys, .scalar = "name" },
	{ "milestone", CONFIG_TEMPLATE, .offset = AT(milestone) },
	{ "configs", CONFIG_TEMPLATES, .offset = AT(configs) },
	{ "refs", CONFIG_TEMPLATE, .offset = AT(refs) },
	{ "run", CONFIG_STRUCT, 0, .keys = run_keys },
	{ "match", CONFIG_ENUMS, AT(match), .def = "[ref, automation]", .words = match_words },
	{ "automation_field", CONFIG_STRING, AT(automation_field), .def = "automation_id" },
	{ "create", CONFIG_STRUCT, 0, .keys = create_keys },
	{ "update", CONFIG_STRUCT, 0, .keys = update_keys },
	{ "unmatched", CONFIG_ENUM, AT(unmatched), .def = "park", .words = match_unmatched_words },
	{ "several", CONFIG_ENUM, AT(several), .def = "worst", .words = match_several_words },
	{ "statuses", CONFIG_STRUCT, 0, .keys = status_keys },
	{ "result", CONFIG_STRUCT, 0, .keys = result_keys },
	{ "batch", CONFIG_INT, AT(batch), .min = 1, .max = 1000, .def = "250" },
	SINK_DEFECTS_KEY(struct testrail_conf, common),
	SINK_EVIDENCE_KEYS(struct testrail_conf, common),
	SINK_COMMON_KEYS(struct testrail_conf, common, "180/min"),
	{ 0 },
};

/* The API calls a field of the user's "custom_" and its name. */
static int check_field(struct testrail_conf *c, struct err *err)
{
	const char *name = c->automation_field;

	if (strncmp(name, "custom_", 7) == 0)
		name += 7;
	if (*name == '\0' || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name))
		return err_set(err, -EINVAL,
			       "automation_field \"%s\" is no system name of a field: lower case "
			       "letters, digits and _",
			       c->automation_field);
	int n = snprintf(c->field, sizeof(c->field), "custom_%s", name);
	if (n < 0 || (size_t)n >= sizeof(c->field))
		return err_set(err, -EINVAL, "automation_field is longer than %zu characters",
			       sizeof(c->field) - 8);
	return 0;
}

static int check_statuses(const struct testrail_conf *c, struct err *err)
{
	for (int v = 0; v < VERDICT_COUNT; v++) {
		const char *s = c->statuses[v];
		if (s == NULL || *s == '\0')
			return err_set(err, -EINVAL,
				       "statuses.%s is empty (a status's name, its id, or none)",
				       verdict_name((enum verdict)v));
		if (strcasecmp(s, "untested") == 0 || strcmp(s, "3") == 0)
			return err_set(err, -EINVAL,
				       "statuses.%s: TestRail takes no result with the status "
				       "\"untested\" (\"none\" sends nothing)",
				       verdict_name((enum verdict)v));
	}
	return 0;
}

/* Values of a map are templates; they are read again where they are needed. */
static int check_map(const struct config_map *map, const char *key, struct err *err)
{
	for (size_t i = 0; i < map->count; i++) {
		struct template *tpl = NULL;
		struct err why = ERR_NONE;
		size_t at;
		int rc = template_parse(map->value[i], &tpl, &at, &why);
		template_free(tpl);
		if (rc < 0)
			return err_set(err, rc, "%s.%s: %s", key, map->key[i], why.text);
	}
	return 0;
}

/* Dates without variables, and what no run can have at once. */
static int check_run(const struct testrail_conf *c, struct err *err)
{
	const struct {
		const char *key;
		const struct template *tpl;
	} dates[] = { { "run.start_on", c->run.start_on }, { "run.due_on", c->run.due_on } };

	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		if (dates[i].tpl != NULL && template_constant(dates[i].tpl) &&
		    *template_text(dates[i].tpl) != '\0' && testrail_when(template_text(dates[i].tpl), 0) < 0)
			return err_set(
				err, -EINVAL,
				"%s: \"%s\" is no date (2026-12-01, 2026-12-01T10:00:00Z, +14d, or UNIX "
				"seconds)",
				dates[i].key, template_text(dates[i].tpl));
	}
	if (c->configs.count > 0 && c->plan.name == NULL)
		return err_set(err, -EINVAL, "configs needs a plan: only runs of a plan have configurations");
	if (c->run.id != 0 && (c->plan.name != NULL || c->run.reuse))
		return err_set(err, -EINVAL,
			       "run.id names one run that is there already: plan and run.reuse "
			       "choose another");
	return 0;
}

/* Several suites: their runs need a plan to stand in, which is the run as people see it. */
static int check_suites(struct testrail_conf *c, struct err *err)
{
	if (!testrail_several(c))
		return c->create.suite == NULL
			       ? 0
			       : err_set(err, -EINVAL,
					 "create.suite is for `suites`: there is one suite only");
	if (c->suite != NULL && *c->suite != '\0')
		return err_set(err, -EINVAL, "suite and suites exclude each other");
	if (c->run.id != 0)
		return err_set(err, -EINVAL,
			       "run.id is a run of one suite: it cannot take those of `suites`");
	if (c->create.cases && c->create.suite == NULL)
		return err_set(err, -EINVAL,
			       "create.suite has to say which suite a new case goes to, where suites are "
			       "several");
	if (c->plan.name != NULL)
		return 0;
	c->plan.own = !c->run.reuse;
	return template_parse(template_text(c->run.name), &c->plan.name, NULL, err);
}

int testrail_check(void *conf, struct err *err)
{
	struct testrail_conf *c = conf;
	int rc = config_url_check(c->url, c->common.plain, err);

	if (rc == 0)
		rc = check_field(c, err);
	if (rc == 0)
		rc = check_statuses(c, err);
	if (rc == 0)
		rc = check_suites(c, err);
	if (rc == 0)
		rc = check_run(c, err);
	if (rc == 0)
		rc = check_map(&c->create.fields, "create.fields", err);
	if (rc == 0)
		rc = check_map(&c->result.fields, "result.fields", err);
	if (rc == 0 && c->common.evidence.max_size > TESTRAIL_FILE_MAX)
		rc = err_set(err, -EINVAL, "evidence.max_size: TestRail takes files of at most 256MiB");
	if (rc == 0)
		rc = match_check(&c->match, c->create.cases, err);
	return rc;
}

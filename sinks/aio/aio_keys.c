/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_keys.c - the keys of a `type: aio` sink, and what no single key can check. */
#include "sinks/aio/aio.h"

#include "daemon/config/secret.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define AT(member) offsetof(struct aio_conf, member)
#define CLOUD_URL  "https://tcms.aiojiraapps.com/aio-tcms/api/v1"

static const char *const deployment_words[] = { "cloud", "server", NULL };
static const char *const attempts_words[] = { "last", "each", NULL };
static const char *const mode_words[] = { "results", "import", NULL };
static const char *const type_words[] = { "auto", "junit", "testng", NULL };

static const struct config_key cycle_keys[] = {
	{ "name", CONFIG_TEMPLATE, AT(cycle.name), .def = "{run.name}" },
	{ "key", CONFIG_STRING, .offset = AT(cycle.key) },
	{ "reuse", CONFIG_BOOL, AT(cycle.reuse), .def = "false" },
	{ "folder", CONFIG_TEMPLATES, .offset = AT(cycle.folder) },
	{ "objective", CONFIG_TEMPLATE, .offset = AT(cycle.objective) },
	{ "owner", CONFIG_STRING, .offset = AT(cycle.owner) },
	{ "tags", CONFIG_TEMPLATES, .offset = AT(cycle.tags) },
	{ "tasks", CONFIG_TEMPLATES, .offset = AT(cycle.tasks) },
	{ "releases", CONFIG_STRINGS, .offset = AT(cycle.releases) },
	{ "components", CONFIG_STRINGS, .offset = AT(cycle.components) },
	{ "start_on", CONFIG_TEMPLATE, AT(cycle.start_on), .def = "{run.started}" },
	{ "due_on", CONFIG_TEMPLATE, .offset = AT(cycle.due_on) },
	{ "fields", CONFIG_MAP, .offset = AT(cycle.fields) },
	{ "sets", CONFIG_STRINGS, .offset = AT(cycle.sets) },
	{ "close", CONFIG_BOOL, AT(cycle.close), .def = "false" },
	{ "lock", CONFIG_BOOL, AT(cycle.lock), .def = "false" },
	{ 0 },
};

static const struct config_key create_keys[] = {
	{ "cases", CONFIG_BOOL, AT(create.cases), .def = "false" },
	{ "folder", CONFIG_TEMPLATES, .offset = AT(create.folder) },
	{ "type", CONFIG_STRING, .offset = AT(create.type) },
	{ "priority", CONFIG_STRING, .offset = AT(create.priority) },
	{ "status", CONFIG_STRING, AT(create.status), .def = "Published" },
	{ "automation_status", CONFIG_STRING, AT(create.automation_status), .def = "Automated" },
	{ "script_type", CONFIG_STRING, AT(create.script_type), .def = "Classic" },
	{ 0 },
};

static const struct config_key status_keys[] = {
	{ "passed", CONFIG_STRING, AT(statuses[VERDICT_PASSED]), .def = "Passed" },
	{ "failed", CONFIG_STRING, AT(statuses[VERDICT_FAILED]), .def = "Failed" },
	{ "error", CONFIG_STRING, AT(statuses[VERDICT_ERROR]), .def = "Failed" },
	{ "skipped", CONFIG_STRING, AT(statuses[VERDICT_SKIPPED]), .def = "Not Run" },
	{ "flaky", CONFIG_STRING, AT(statuses[VERDICT_FLAKY]), .def = "Passed" },
	{ "known_failure", CONFIG_STRING, AT(statuses[VERDICT_KNOWN_FAILURE]), .def = "Not Run" },
	{ 0 },
};

static const struct config_key result_keys[] = {
	{ "comment", CONFIG_TEMPLATE, .offset = AT(result.comment) },
	{ "fields", CONFIG_MAP, .offset = AT(result.fields) },
	{ "defects", CONFIG_TEMPLATE, .offset = AT(result.defects) },
	{ "steps", CONFIG_BOOL, AT(result.steps), .def = "false" },
	{ 0 },
};

static const struct config_key import_keys[] = {
	{ "type", CONFIG_ENUM, AT(import.type), .def = "auto", .words = type_words },
	{ "batch", CONFIG_BOOL, AT(import.batch), .def = "false" },
	{ "ignore_class", CONFIG_BOOL, AT(import.ignore_class), .def = "false" },
	{ "update_datasets", CONFIG_BOOL, AT(import.update_datasets), .def = "true" },
	{ "force_update", CONFIG_BOOL, AT(import.force_update), .def = "false" },
	{ 0 },
};

const struct config_key aio_keys[] = {
	{ "deployment", CONFIG_ENUM, AT(deployment), .def = "cloud", .words = deployment_words },
	{ "url", CONFIG_URL, AT(url), .def = CLOUD_URL },
	{ "token", CONFIG_SECRET, .offset = AT(token) },
	{ "user", CONFIG_STRING, .offset = AT(user) },
	{ "password", CONFIG_SECRET, .offset = AT(password) },
	{ "pat", CONFIG_SECRET, .offset = AT(pat) },
	{ "project", CONFIG_STRING, AT(project), .required = true },
	{ "cycle", CONFIG_STRUCT, 0, .keys = cycle_keys },
	{ "match", CONFIG_ENUMS, AT(match), .def = "[ref, automation]", .words = match_words },
	{ "create", CONFIG_STRUCT, 0, .keys = create_keys },
	{ "unmatched", CONFIG_ENUM, AT(unmatched), .def = "park", .words = match_unmatched_words },
	{ "several", CONFIG_ENUM, AT(several), .def = "worst", .words = match_several_words },
	{ "statuses", CONFIG_STRUCT, 0, .keys = status_keys },
	{ "attempts", CONFIG_ENUM, AT(attempts), .def = "last", .words = attempts_words },
	{ "mode", CONFIG_ENUM, AT(mode), .def = "results", .words = mode_words },
	{ "import", CONFIG_STRUCT, 0, .keys = import_keys },
	{ "result", CONFIG_STRUCT, 0, .keys = result_keys },
	{ "batch", CONFIG_INT, AT(batch), .min = 1, .max = 100, .def = "100" },
	SINK_COMMON_KEYS(struct aio_conf, common, "60/min"),
	SINK_DEFECTS_KEY(struct aio_conf, common),
	SINK_EVIDENCE_KEYS(struct aio_conf, common),
	{ 0 },
};

static int check_login(const struct aio_conf *c, struct err *err)
{
	bool basic = c->user != NULL || c->password != NULL;

	if (c->deployment == AIO_CLOUD) {
		if (c->token == NULL)
			return err_set(
				err, -EINVAL,
				"token is missing: AIO Tests > My Settings > API Token (for Jira Server or "
				"Data Center: deployment: server)");
		if (basic || c->pat != NULL)
			return err_set(err, -EINVAL,
				       "user, password and pat are for `deployment: server`; the cloud takes "
				       "token only");
		return 0;
	}
	if (c->token != NULL)
		return err_set(err, -EINVAL,
			       "token is for the cloud; a server takes pat, or user and password");
	if (strcmp(c->url, CLOUD_URL) == 0)
		return err_set(err, -EINVAL,
			       "url is missing: where Jira is, with its context path if it has one");
	if (c->pat != NULL ? basic : c->user == NULL || c->password == NULL)
		return err_set(err, -EINVAL, "a server takes either pat, or user and password");
	return 0;
}

static int check_statuses(const struct aio_conf *c, struct err *err)
{
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (c->statuses[v] == NULL || c->statuses[v][0] == '\0')
			return err_set(err, -EINVAL,
				       "statuses.%s is empty (a run status's name, its id, or none)",
				       verdict_name((enum verdict)v));
	}
	return 0;
}

static int check_numbers(const struct config_strings *list, const char *key, struct err *err)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *s = list->item[i];
		if (*s == '\0' || strlen(s) > 9 || strspn(s, "0123456789") != strlen(s))
			return err_set(
				err, -EINVAL,
				"%s: \"%s\" is no number: Jira's ids are meant (this API knows no names "
				"of them)",
				key, s);
	}
	return 0;
}

static int check_fields(const struct config_map *m, const char *key, struct err *err)
{
	for (size_t i = 0; i < m->count; i++) {
		struct template *tpl = NULL;
		struct err why = ERR_NONE;
		size_t at = 0;
		int rc = template_parse(m->value[i], &tpl, &at, &why);
		template_free(tpl);
		if (rc < 0)
			return err_set(err, -EINVAL, "%s: \"%s\": %s", key, m->key[i], why.text);
	}
	return 0;
}

static int check_cycle(const struct aio_conf *c, struct err *err)
{
	int rc = check_numbers(&c->cycle.releases, "cycle.releases", err);

	if (rc == 0)
		rc = check_numbers(&c->cycle.components, "cycle.components", err);
	if (rc == 0)
		rc = check_fields(&c->cycle.fields, "cycle.fields", err);
	if (rc == 0)
		rc = check_fields(&c->result.fields, "result.fields", err);
	if (rc == 0 && c->cycle.key != NULL && c->cycle.reuse)
		rc = err_set(err, -EINVAL,
			     "cycle.key names the cycle; cycle.reuse looks for one by its title");
	if (rc == 0 && c->cycle.key != NULL && c->cycle.sets.count > 0)
		rc = err_set(err, -EINVAL, "cycle.sets makes a new cycle; cycle.key names one that is there");
	return rc;
}

int aio_check(void *conf, struct err *err)
{
	const struct aio_conf *c = conf;
	int rc = config_url_check(c->url, c->common.plain, err);

	if (rc == 0)
		rc = check_login(c, err);
	if (rc == 0)
		rc = check_statuses(c, err);
	if (rc == 0)
		rc = check_cycle(c, err);
	if (rc == 0)
		rc = match_check(&c->match, c->create.cases, err);
	return rc;
}

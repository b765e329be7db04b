/* SPDX-License-Identifier: Apache-2.0
 *
 * axosoft_keys.c - the keys of the section `defects`, and what no single key can check. */
#include "sinks/axosoft/axosoft.h"

#include "daemon/config/secret.h"

#include <errno.h>
#include <regex.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(struct axosoft_conf, member)

static const char *const header_words[] = { "authorization", "x-authorization", NULL };
static const char *const grant_words[] = { "post", "get", NULL };
static const char *const type_words[] = { "features", "defects", "incidents", NULL };
static const char *const mode_words[] = { "off", "dry-run", "link-only", "create", NULL };
static const char *const by_words[] = { "cause", "test", "both", NULL };
static const char *const closed_words[] = { "reopen", "replace", "leave", NULL };
static const char *const kinds[] = { "bool", "date", "dropdown", "multiselect", "string", "text", NULL };
static const char *const forms[] = { "id", "text", "list", "joined", NULL };

static const struct config_key push_keys[] = {
	{ "fields", CONFIG_MAP, .offset = AT(push.fields) },
	{ "types", CONFIG_MAP, .offset = AT(push.types) },
	{ "as", CONFIG_MAP, .offset = AT(push.as) },
	{ "labels", CONFIG_MAP, .offset = AT(push.labels) },
	{ "max_length", CONFIG_MAP, .offset = AT(push.max_length) },
	{ "required", CONFIG_STRINGS, .offset = AT(push.required) },
	{ "sticky", CONFIG_STRINGS, .offset = AT(push.sticky) },
	{ 0 },
};
static const struct config_key after_keys[] = {
	{ "runs", CONFIG_INT, AT(after.runs), .min = 1, .max = 1000, .def = "2" },
	{ "age", CONFIG_DURATION, AT(after.age_ms), .min = 0, .max = INT64_C(365) * 86400000, .def = "0s" },
	{ 0 },
};
static const struct config_key caps_keys[] = {
	{ "per_run", CONFIG_INT, AT(caps.per_run), .min = 1, .max = 1000, .def = "10" },
	{ "per_day", CONFIG_INT, AT(caps.per_day), .min = 1, .max = 10000, .def = "50" },
	{ "calls", CONFIG_INT, AT(caps.calls), .min = 10, .max = 1000000, .def = "800" },
	{ "summary", CONFIG_BOOL, AT(caps.summary), .def = "true" },
	{ 0 },
};
static const struct config_key group_keys[] = {
	{ "suite", CONFIG_INT, AT(group.suite), .min = 0, .max = FAILURES_COUNTED, .def = "10" },
	{ "outage", CONFIG_INT, AT(group.outage), .min = 0, .max = FAILURES_COUNTED, .def = "5" },
	{ "outage_summary", CONFIG_BOOL, AT(group.outage_summary), .def = "true" },
	{ 0 },
};
static const struct config_key known_keys[] = {
	{ "closed", CONFIG_ENUM, AT(known.closed), .def = "reopen", .words = closed_words },
	{ "within", CONFIG_DURATION, AT(known.within_ms), .min = 0, .max = INT64_C(3650) * 86400000,
	  .def = "10d" },
	{ "comment", CONFIG_BOOL, AT(known.comment), .def = "true" },
	{ "close_after", CONFIG_INT, AT(known.close_after), .min = 0, .max = 1000, .def = "0" },
	{ 0 },
};

const struct config_key axosoft_keys[] = {
	{ "url", CONFIG_URL, AT(url), .required = true },
	{ "version", CONFIG_STRING, AT(version), .def = "v6" },
	{ "token", CONFIG_SECRET, .offset = AT(token) },
	{ "user", CONFIG_STRING, .offset = AT(user) },
	{ "password", CONFIG_SECRET, .offset = AT(password) },
	{ "client_id", CONFIG_STRING, .offset = AT(client_id) },
	{ "client_secret", CONFIG_SECRET, .offset = AT(client_secret) },
	{ "header", CONFIG_ENUM, AT(header), .def = "authorization", .words = header_words },
	{ "grant", CONFIG_ENUM, AT(grant), .def = "post", .words = grant_words },
	{ "mode", CONFIG_ENUM, AT(mode), .def = "off", .words = mode_words },
	{ "item_type", CONFIG_ENUM, AT(item_type), .def = "features", .words = type_words },
	{ "project", CONFIG_STRING, AT(project), .required = true },
	{ "workflow_step", CONFIG_STRING, .offset = AT(workflow_step) },
	{ "reopen_step", CONFIG_STRING, .offset = AT(reopen_step) },
	{ "close_step", CONFIG_STRING, .offset = AT(close_step) },
	{ "by", CONFIG_ENUM, AT(by), .def = "cause", .words = by_words },
	{ "branches", CONFIG_STRINGS, .offset = AT(branches) },
	{ "ignore", CONFIG_STRINGS, .offset = AT(ignore) },
	{ "after", CONFIG_STRUCT, 0, .keys = after_keys },
	{ "caps", CONFIG_STRUCT, 0, .keys = caps_keys },
	{ "group", CONFIG_STRUCT, 0, .keys = group_keys },
	{ "known", CONFIG_STRUCT, 0, .keys = known_keys },
	{ "push", CONFIG_STRUCT, 0, .keys = push_keys },
	{ "attachments", CONFIG_BOOL, AT(attachments), .def = "false" },
	SINK_EVIDENCE_KEYS(struct axosoft_conf, common),
	{ "hold_close", CONFIG_DURATION, AT(hold_close_ms), .min = 0, .max = INT64_C(30) * 86400000,
	  .def = "1h" },
	SINK_COMMON_KEYS(struct axosoft_conf, common, "25/s"),
	{ 0 },
};

/* Fields that items have of their own, as the API's clients know them. */
static const struct {
	const char *name, *type;
} own[] = {
	{ "name", "string" },
	{ "description", "text" },
	{ "notes", "text" },
	{ "replication_procedures", "text" },
	{ "resolution", "text" },
	{ "build_number", "string" },
	{ "build_number_of_fix", "string" },
	{ "priority", "dropdown" },
	{ "severity", "dropdown" },
	{ "status", "dropdown" },
	{ "release", "dropdown" },
	{ "assigned_to", "dropdown" },
	{ "reported_by", "dropdown" },
	{ "start_date", "date" },
	{ "due_date", "date" },
	{ "reported_date", "date" },
};

const char *axosoft_type_word(const struct axosoft_conf *c)
{
	return type_words[c->item_type];
}

const char *axosoft_field_type(const struct axosoft_conf *c, const char *name)
{
	const char *type = config_map_get(&c->push.types, name);

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(own[i].name, name) == 0)
			return own[i].type;
	if (strncmp(name, "custom_", 7) != 0)
		return "";
	return type != NULL ? type : "string";
}

static bool one_of(const char *s, const char *const *words)
{
	while (*words != NULL && strcmp(*words, s) != 0)
		words++;
	return *words != NULL;
}

/* TestRail's plugin writes customfield_7, the API custom_7: both are taken. */
static void rename_custom(struct config_map *m)
{
	for (size_t i = 0; i < m->count; i++)
		if (strncmp(m->key[i], "customfield_", 12) == 0)
			memmove(m->key[i] + 6, m->key[i] + 11, strlen(m->key[i] + 11) + 1);
}

static int check_words(const struct config_map *m, const char *key, const char *const *words, struct err *err)
{
	for (size_t i = 0; i < m->count; i++)
		if (!one_of(m->value[i], words))
			return err_set(err, -EINVAL, "%s: \"%s\" cannot be \"%s\"", key, m->key[i],
				       m->value[i]);
	return 0;
}

static int check_lengths(const struct axosoft_conf *c, struct err *err)
{
	const struct config_map *m = &c->push.max_length;

	for (size_t i = 0; i < m->count; i++) {
		const char *type = axosoft_field_type(c, m->key[i]), *s = m->value[i];
		size_t digits = strspn(s, "0123456789");
		if (strcmp(type, "string") != 0 && strcmp(type, "text") != 0)
			return err_set(err, -EINVAL, "push.max_length: \"%s\" is no text", m->key[i]);
		if (digits == 0 || digits > 6 || s[digits] != '\0' || strtol(s, NULL, 10) < 10)
			return err_set(err, -EINVAL, "push.max_length: \"%s\" wants 10 to 999999, not \"%s\"",
				       m->key[i], s);
	}
	return 0;
}

/* What an item refers to by id, and a person may have changed for good reasons. */
static int check_sticky(const struct axosoft_conf *c, struct err *err)
{
	static const char *const may[] = { "assigned_to", "priority", "severity", "release", NULL };

	for (size_t i = 0; i < c->push.sticky.count; i++)
		if (!one_of(c->push.sticky.item[i], may))
			return err_set(
				err, -EINVAL,
				"push.sticky: \"%s\" is none of assigned_to, priority, severity, release",
				c->push.sticky.item[i]);
	return 0;
}

static int check_push(struct axosoft_conf *c, struct err *err)
{
	rename_custom(&c->push.fields);
	rename_custom(&c->push.types);
	rename_custom(&c->push.as);
	rename_custom(&c->push.labels);
	rename_custom(&c->push.max_length);
	for (size_t i = 0; i < c->push.fields.count; i++) {
		const char *name = c->push.fields.key[i];
		struct template *tpl = NULL;
		struct err why = ERR_NONE;
		size_t at = 0;
		int rc = template_parse(c->push.fields.value[i], &tpl, &at, &why);
		template_free(tpl);
		if (rc < 0)
			return err_set(err, -EINVAL, "push.fields: \"%s\": %s", name, why.text);
		if (axosoft_field_type(c, name)[0] == '\0')
			return err_set(err, -EINVAL,
				       "push.fields: items have no field \"%s\" (custom fields are custom_N)",
				       name);
		if (strcmp(name, "severity") == 0 && c->item_type == AXOSOFT_FEATURES)
			return err_set(err, -EINVAL, "push.fields: features have no severity");
	}
	for (size_t i = 0; i < c->push.required.count; i++)
		if (config_map_get(&c->push.fields, c->push.required.item[i]) == NULL)
			return err_set(err, -EINVAL, "push.required: \"%s\" is not among push.fields",
				       c->push.required.item[i]);
	int rc = check_lengths(c, err);
	if (rc == 0)
		rc = check_sticky(c, err);
	if (rc == 0)
		rc = check_words(&c->push.types, "push.types", kinds, err);
	return rc < 0 ? rc : check_words(&c->push.as, "push.as", forms, err);
}

static int check_login(const struct axosoft_conf *c, struct err *err)
{
	bool grant =
		c->user != NULL || c->password != NULL || c->client_id != NULL || c->client_secret != NULL;

	if (c->token != NULL && grant)
		return err_set(err, -EINVAL, "either token, or user, password, client_id and client_secret");
	if (c->token == NULL &&
	    (c->user == NULL || c->password == NULL || c->client_id == NULL || c->client_secret == NULL))
		return err_set(
			err, -EINVAL,
			"token is missing (Axosoft API Settings > Manage Tokens), or all of user, password, "
			"client_id and client_secret");
	return 0;
}

int axosoft_check(void *conf, struct err *err)
{
	struct axosoft_conf *c = conf;
	int rc = config_url_check(c->url, c->common.plain, err);

	if (rc == 0)
		rc = check_login(c, err);
	if (rc == 0 &&
	    (c->version[0] != 'v' || strspn(c->version + 1, "0123456789") != strlen(c->version + 1)))
		rc = err_set(err, -EINVAL, "version: \"%s\" is none (v5, v6)", c->version);
	if (rc == 0 && c->item_type == AXOSOFT_FEATURES && c->workflow_step == NULL)
		rc = err_set(err, -EINVAL,
			     "workflow_step is missing: features need the step that marks a bug (its Work "
			     "Item Type "
			     "is \"Bug (Issue)\")");
	for (size_t i = 0; rc == 0 && i < c->ignore.count; i++) {
		regex_t re;
		if (regcomp(&re, c->ignore.item[i], REG_EXTENDED | REG_NOSUB) != 0)
			rc = err_set(err, -EINVAL, "ignore: \"%s\" is no regular expression",
				     c->ignore.item[i]);
		else
			regfree(&re);
	}
	return rc == 0 ? check_push(c, err) : rc;
}

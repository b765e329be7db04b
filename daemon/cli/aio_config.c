/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_config.c - what a project of AIO Tests is set up with: lists, statuses, tags, folders, fields. */
#include "daemon/cli/aio.h"

#include "sinks/aio/aio.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FOLDER_DEPTH_MAX = 32 };

/* ---- everything in one ---- */

static const struct {
	const char *member, *told;
} lists[] = {
	{ "runStatuses", "run status" },       { "runStepStatuses", "step status" },
	{ "caseStatuses", "case status" },     { "caseTypes", "case type" },
	{ "casePriorities", "case priority" }, { "caseAutomationStatuses", "automation status" },
	{ "caseScriptTypes", "script type" },  { "customFieldTypes", "custom field type" },
	{ "customFields", "custom field" },    { "adhocTestCycle", "adhoc cycle" },
};

static const struct column list_columns[] = {
	{ "LIST", "list", COLUMN_TEXT },
	{ "ID", "ID", COLUMN_TEXT },
	{ "NAME", "name", COLUMN_TEXT },
	{ "NOTE", "note", COLUMN_TEXT },
	{ 0 },
};

static void list_row(struct table *t, const char *list, const cJSON *item)
{
	cJSON *row = cJSON_CreateObject();
	struct buf note = BUF_LIMIT(1024);
	const char *text = sink_string(item, "type");

	cJSON_AddStringToObject(row, "list", list);
	cJSON_AddItemToObject(row, "ID",
			      cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(item, "ID"), false));
	if (sink_string(item, "name") != NULL)
		cJSON_AddStringToObject(row, "name", sink_string(item, "name"));
	else if (sink_string(item, "key") != NULL)
		cJSON_AddStringToObject(row, "name", sink_string(item, "key"));
	if (sink_bool(item, "isDefault"))
		buf_puts(&note, "default ");
	if (sink_bool(item, "isArchived"))
		buf_puts(&note, "archived ");
	if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(item, "isEnabled")))
		buf_puts(&note, "not enabled ");
	if (text != NULL)
		buf_puts(&note, text);
	cJSON_AddStringToObject(row, "note", note.data != NULL ? note.data : "");
	table_row(t, row);
	buf_done(&note);
	cJSON_Delete(row);
}

int tcms_config_show(struct remote *r, const struct args *a)
{
	struct table t;
	const cJSON *item;
	cJSON *root;
	int rc = tcms_read(r, a, "read the configuration", &root, "config", NULL, NULL, NULL);

	if (rc != EXIT_OK)
		return rc;
	if (a->json) {
		table_json(root);
	} else {
		table_begin(&t, list_columns, false);
		for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
			const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, lists[i].member);
			if (cJSON_IsObject(list))
				list_row(&t, lists[i].told, list);
			if (!cJSON_IsArray(list))
				continue;
			cJSON_ArrayForEach(item, list) list_row(&t, lists[i].told, item);
		}
		table_end(&t, "The configuration is empty.");
	}
	cJSON_Delete(root);
	return EXIT_OK;
}

static const struct column named_columns[] = {
	{ "ID", "ID", COLUMN_TEXT },
	{ "NAME", "name", COLUMN_TEXT },
	{ "DEFAULT", "isDefault", COLUMN_TEXT },
	{ "DESCRIPTION", "description", COLUMN_TEXT },
	{ 0 },
};

int tcms_statuses(struct remote *r, const struct args *a)
{
	static const char *const words[] = { "run",  "step",     "case",   "automation",
					     "type", "priority", "script", NULL };
	static const char *const paths[] = { "config/testrun/status",     "config/testrun/testrunstep/status",
					     "config/testcase/status",    "config/testcase/automationstatus",
					     "config/testcase/type",      "config/testcase/priority",
					     "config/testcase/scripttype" };
	int of;
	int rc = args_one_of(r, a, "of", words, &of);

	if (rc != EXIT_OK)
		return rc;
	return tcms_plain(r, a, paths[of < 0 ? 0 : of], "list statuses", named_columns, "There are none.");
}

/* ---- tags ---- */

static const struct column tag_columns[] = {
	{ "ID", "ID", COLUMN_TEXT },
	{ "NAME", "name", COLUMN_TEXT },
	{ 0 },
};

int tcms_tags(struct remote *r, const struct args *a)
{
	return tcms_plain(r, a, "tag", "list tags", tag_columns, "There are no tags.");
}

int tcms_tags_add(struct remote *r, const struct args *a)
{
	struct request req;
	struct table t;
	const cJSON *tag;
	cJSON *tags;
	int rc = tcms_begin(r, a, &req, METHOD_POST, false, "tag");

	if (rc != EXIT_OK)
		return rc;
	buf_putc(&req.body, '[');
	for (size_t i = 0; i < a->words; i++) {
		json_sep(&req.body);
		buf_putc(&req.body, '{');
		json_field(&req.body, "name", a->word[i]);
		buf_putc(&req.body, '}');
	}
	buf_putc(&req.body, ']');
	rc = remote_ask(r, &req, "make tags", &tags);
	if (rc != EXIT_OK)
		return rc;
	table_begin(&t, tag_columns, a->json);
	cJSON_ArrayForEach(tag, tags) table_row(&t, tag);
	table_end(&t, "There are no tags.");
	cJSON_Delete(tags);
	return EXIT_OK;
}

/* ---- folders ---- */

static const char *const folder_words[] = { "cycles", "cases", "sets", NULL };
static const char *const folder_kinds[] = { "testcycle", "testcase", "testset" };

static void folder_rows(struct table *t, const cJSON *tree, const char *above, int depth)
{
	const cJSON *folder;

	cJSON_ArrayForEach(folder, tree)
	{
		struct buf path = BUF_LIMIT(8192);
		const char *name = sink_string(folder, "name");
		cJSON *row = cJSON_CreateObject();
		buf_printf(&path, "%s%s%s", above, above[0] != '\0' ? " / " : "", name != NULL ? name : "?");
		cJSON_AddItemToObject(row, "ID",
				      cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(folder, "ID"), false));
		cJSON_AddStringToObject(row, "path", path.data != NULL ? path.data : "");
		table_row(t, row);
		cJSON_Delete(row);
		if (depth < FOLDER_DEPTH_MAX)
			folder_rows(t, cJSON_GetObjectItemCaseSensitive(folder, "children"),
				    path.data != NULL ? path.data : "", depth + 1);
		buf_done(&path);
	}
}

int tcms_folders(struct remote *r, const struct args *a)
{
	static const struct column columns[] = {
		{ "ID", "ID", COLUMN_TEXT },
		{ "PATH", "path", COLUMN_TEXT },
		{ 0 },
	};
	struct table t;
	cJSON *tree;
	int of;
	int rc = args_one_of(r, a, "of", folder_words, &of);

	if (rc == EXIT_OK)
		rc = tcms_read(r, a, "list folders", &tree, "{}/folder", folder_kinds[of < 0 ? 0 : of], NULL,
			       NULL);
	if (rc != EXIT_OK)
		return rc;
	if (a->json) {
		table_json(tree);
	} else {
		table_begin(&t, columns, false);
		folder_rows(&t, tree, "", 0);
		table_end(&t, "There are no folders.");
	}
	cJSON_Delete(tree);
	return EXIT_OK;
}

int tcms_folders_add(struct remote *r, const struct args *a)
{
	struct request req;
	cJSON *leaf;
	int of;
	int rc = args_one_of(r, a, "of", folder_words, &of);

	if (rc == EXIT_OK && of == 2)
		rc = cli_usage(r->command,
			       "folders add: the interface makes folders of cycles and cases only");
	if (rc == EXIT_OK)
		rc = tcms_begin(r, a, &req, METHOD_PUT, true, "{}/folder/hierarchy",
				folder_kinds[of < 0 ? 0 : of]);
	if (rc != EXIT_OK)
		return rc;
	buf_puts(&req.body, "{\"folderHierarchy\":[");
	for (size_t i = 0; i < a->words; i++) {
		json_sep(&req.body);
		json_string(&req.body, a->word[i], strlen(a->word[i]));
	}
	buf_puts(&req.body, "]}");
	rc = remote_ask(r, &req, "make the folder", &leaf);
	if (rc != EXIT_OK)
		return rc;
	if (a->json)
		table_json(leaf);
	else
		printf("Folder %" PRId64 "\n", sink_int(leaf, "ID", -1));
	cJSON_Delete(leaf);
	return EXIT_OK;
}

/* ---- custom fields ---- */

static const struct {
	const char *member, *told;
} associations[] = {
	{ "caseAssociation", "case" },
	{ "setAssociation", "set" },
	{ "cycleAssociation", "cycle" },
	{ "runAssociation", "run" },
};

static void field_row(struct table *t, const cJSON *field)
{
	cJSON *row = cJSON_Duplicate(field, true);
	cJSON *of = cJSON_AddArrayToObject(row, "of"), *required = cJSON_AddArrayToObject(row, "required");

	for (size_t i = 0; i < sizeof(associations) / sizeof(associations[0]); i++) {
		const cJSON *one = cJSON_GetObjectItemCaseSensitive(field, associations[i].member), *status;
		if (!sink_bool(one, "isAssociated"))
			continue;
		cJSON_AddItemToArray(of, cJSON_CreateString(associations[i].told));
		if (sink_bool(one, "isRequired"))
			cJSON_AddItemToArray(required, cJSON_CreateString(associations[i].told));
		cJSON_ArrayForEach(status, cJSON_GetObjectItemCaseSensitive(one, "requiredForRunStatuses"))
		{
			const char *name = sink_string(status, "name");
			if (name != NULL)
				cJSON_AddItemToArray(required, cJSON_CreateString(name));
		}
	}
	table_row(t, row);
	cJSON_Delete(row);
}

int tcms_fields(struct remote *r, const struct args *a)
{
	static const struct column columns[] = {
		{ "ID", "ID", COLUMN_TEXT },
		{ "NAME", "name", COLUMN_TEXT },
		{ "TYPE", "type", COLUMN_TEXT },
		{ "OF", "of", COLUMN_TEXT },
		{ "REQUIRED FOR", "required", COLUMN_TEXT },
		{ "VALUES", "allowedListValues.value", COLUMN_TEXT },
		{ 0 },
	};
	struct table t;
	const cJSON *field;
	cJSON *root;
	int rc = tcms_read(r, a, "list custom fields", &root, "config/customfield", NULL, NULL, NULL);

	if (rc != EXIT_OK)
		return rc;
	if (a->json) {
		table_json(root);
	} else {
		table_begin(&t, columns, false);
		cJSON_ArrayForEach(field, root) field_row(&t, field);
		table_end(&t, "There are no custom fields.");
	}
	cJSON_Delete(root);
	return EXIT_OK;
}

int tcms_field_types(struct remote *r, const struct args *a)
{
	static const struct column columns[] = {
		{ "ID", "ID", COLUMN_TEXT },
		{ "TYPE", "type", COLUMN_TEXT },
		{ "NAME", "name", COLUMN_TEXT },
		{ "SEARCHED BY", "isSearchable", COLUMN_TEXT },
		{ 0 },
	};

	return tcms_plain(r, a, "config/customfieldtype", "list types of custom fields", columns,
			  "There are none.");
}

int tcms_parameters(struct remote *r, const struct args *a)
{
	static const struct column columns[] = {
		{ "ID", "ID", COLUMN_TEXT },
		{ "NAME", "name", COLUMN_TEXT },
		{ "ARCHIVED", "archived", COLUMN_TEXT },
		{ "VALUES", "values", COLUMN_TEXT },
		{ 0 },
	};

	return tcms_plain(r, a, "predefinedparameter", "list parameters", columns,
			  "There are no parameters.");
}

/* ---- values for custom fields: --field NAME=VALUE ---- */

static const cJSON *field_by_name(const cJSON *fields, const char *name, size_t len)
{
	const cJSON *field;

	cJSON_ArrayForEach(field, fields)
	{
		const char *own = sink_string(field, "name");
		char id[32];
		snprintf(id, sizeof(id), "%" PRId64, sink_int(field, "ID", -1));
		if ((own != NULL && strlen(own) == len && strncasecmp(own, name, len) == 0) ||
		    (strlen(id) == len && strncmp(id, name, len) == 0))
			return field;
	}
	return NULL;
}

static int put_choice(const struct remote *r, const cJSON *field, const char *text, size_t len, struct buf *b)
{
	const cJSON *value;

	cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(field, "allowedListValues"))
	{
		const char *own = sink_string(value, "value");
		if (own == NULL || strlen(own) != len || strncasecmp(own, text, len) != 0)
			continue;
		json_sep(b);
		buf_putc(b, '{');
		json_field_int(b, "ID", sink_int(value, "ID", 0));
		json_field(b, "value", own);
		buf_putc(b, '}');
		return EXIT_OK;
	}
	return remote_wrong(r, "custom field \"%s\" takes no value \"%.*s\" (fields lists what it takes)",
			    sink_string(field, "name"), (int)len, text);
}

static int put_choices(const struct remote *r, const cJSON *field, const char *text, struct buf *b)
{
	int rc = EXIT_OK;

	buf_putc(b, '[');
	for (const char *s = text; rc == EXIT_OK && *s != '\0';) {
		size_t len = strcspn(s, ",");
		rc = put_choice(r, field, s, len, b);
		s += len + (s[len] == ',');
	}
	buf_putc(b, ']');
	return rc;
}

static int put_value(const struct remote *r, const cJSON *field, const char *text, struct buf *b)
{
	const char *type = sink_string(field, "type");
	char *end;

	if (type == NULL)
		type = "";
	json_key(b, "value");
	if (strcmp(type, "SINGLE_SELECT_LIST") == 0)
		return put_choice(r, field, text, strlen(text), b);
	if (strcmp(type, "MULTI_SELECT_LIST") == 0)
		return put_choices(r, field, text, b);
	if (strcmp(type, "BOOLEAN") == 0) {
		bool yes = strcasecmp(text, "yes") == 0 || strcasecmp(text, "true") == 0;
		if (!yes && strcasecmp(text, "no") != 0 && strcasecmp(text, "false") != 0)
			return remote_wrong(r, "custom field \"%s\" is yes or no, not \"%s\"",
					    sink_string(field, "name"), text);
		buf_puts(b, yes ? "true" : "false");
	} else if (strcmp(type, "NUMBER") == 0) {
		double n = strtod(text, &end);
		if (*text == '\0' || *end != '\0' || !isfinite(n))
			return remote_wrong(r, "custom field \"%s\" is a number, not \"%s\"",
					    sink_string(field, "name"), text);
		buf_printf(b, "%.15g", n);
	} else {
		json_string(b, text, strlen(text));
	}
	return EXIT_OK;
}

static int put_field(const struct remote *r, const cJSON *fields, const char *text, struct buf *b,
		     bool update)
{
	const char *equals = strchr(text, '=');

	if (equals == NULL || equals == text)
		return cli_usage(r->command, "--field is NAME=VALUE, not \"%s\"", text);
	const cJSON *field = field_by_name(fields, text, (size_t)(equals - text));
	if (field == NULL)
		return remote_wrong(r, "there is no custom field \"%.*s\" (fields lists them)",
				    (int)(equals - text), text);
	json_sep(b);
	buf_puts(b,
		 update ? "{\"customFieldUpdateOperationType\":\"REPLACE_EXISTING\",\"customValue\":{" : "{");
	json_field_int(b, "ID", sink_int(field, "ID", 0));
	int rc = put_value(r, field, equals + 1, b);
	buf_puts(b, update ? "}}" : "}");
	return rc;
}

int tcms_put_fields(struct remote *r, const struct args *a, struct buf *b, bool update)
{
	const char *value;
	cJSON *fields;
	size_t at = 0;

	if (!args_has(a, "field"))
		return EXIT_OK;
	int rc = tcms_read(r, a, "read the custom fields", &fields, "config/customfield", NULL, NULL, NULL);
	if (rc != EXIT_OK)
		return rc;
	json_key(b, update ? "customFieldValueToUpdate" : "customFields");
	buf_putc(b, '[');
	while (rc == EXIT_OK && (value = args_next(a, "field", &at)) != NULL)
		rc = put_field(r, fields, value, b, update);
	buf_putc(b, ']');
	cJSON_Delete(fields);
	return rc;
}

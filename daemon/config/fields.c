/* SPDX-License-Identifier: Apache-2.0
 *
 * fields.c - one function a type.  Each either fills its place or notes a fault and leaves it zero, so that
 * config_keys_done() can always run. */
#include "daemon/config/reader.h"

#include "daemon/base/mem.h"
#include "daemon/config/common.h"
#include "daemon/config/secret.h"
#include "daemon/config/values.h"
#include "daemon/config/words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES_MAX = 4095 };

/* A node that was refused when it was read: what it would have filled stays zero. */
static bool refused(struct config_reader *r, const struct yaml_node *n)
{
	r->refused = r->refused || n->bad;
	return n->bad;
}

/* --- single values --- */

char *config_absolute(const char *folder, const char *path)
{
	char *whole = *path == '/' ? xstrdup(path) : xasprintf("%s/%s", folder, path);
	char *to = whole;

	/* "a//b/./c/" -> "a/b/c"; ".." stays, since what it means is the disk's to say */
	for (const char *s = whole; *s != '\0';) {
		size_t len = strcspn(s + 1, "/");
		if (len == 0 || (len == 1 && s[1] == '.')) {
			s += 1 + len;
			continue;
		}
		memmove(to, s, 1 + len);
		to += 1 + len;
		s += 1 + len;
	}
	if (to == whole)
		*to++ = '/';
	*to = '\0';
	return whole;
}

static bool holds_control(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	}
	return false;
}

static void read_path(struct config_reader *r, const struct config_key *row, const struct yaml_node *n,
		      char **out)
{
	const char *s = n->text;
	char *whole;

	if (*s == '\0' || holds_control(s)) {
		config_fault_type(r, n, row->name, "a path", false);
		return;
	}
	if (*s == '~' && (s[1] == '\0' || s[1] == '/')) {
		config_fault_node(r, n, "\"%s\": ~ is not expanded; write the whole path", row->name);
		return;
	}
	if (*s == '$') {
		config_fault_node(r, n, "\"%s\": variables are not expanded; write the whole path",
				  row->name);
		return;
	}
	whole = config_absolute(r->folder, s);
	if (strlen(whole) > PATH_BYTES_MAX) {
		config_fault_node(r, n, "\"%s\": a path longer than %d bytes", row->name, PATH_BYTES_MAX);
		free(whole);
		return;
	}
	*out = whole;
}

static void read_url(struct config_reader *r, const struct config_key *row, const struct yaml_node *n,
		     char **out)
{
	struct err err = ERR_NONE;

	/* Whether http will do depends on tls.plain, which the sink's check() sees. */
	if (config_url_check(n->text, true, &err) < 0) {
		if (strcmp(row->name, "proxy") == 0)
			config_fault_node(
				r, n,
				"\"proxy\" wants http://HOST:PORT (a proxy that asks for a user and a "
				"password is not supported)");
		else
			config_fault_node(r, n, "\"%s\": %s", row->name, err.text);
		return;
	}
	size_t len = strlen(n->text);
	while (len > 0 && n->text[len - 1] == '/')
		len--;
	*out = xstrndup(n->text, len);
}

static struct template *read_template(struct config_reader *r, const char *name, const struct yaml_node *n)
{
	struct template *t = NULL;
	struct err err = ERR_NONE;
	size_t at = 0;

	if (template_parse(n->text, &t, &at, &err) < 0 && !n->bad)
		config_fault(r->faults, r->file, n->line, yaml_node_column(r->tree, n, at), "\"%s\": %s",
			     name, err.text);
	return t;
}

static void read_bool(struct config_reader *r, const struct config_key *row, const struct yaml_node *n,
		      bool *out)
{
	static const char *const word[] = { "false", "true", "False", "True", "FALSE", "TRUE" };

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		if (n->plain && strcmp(n->text, word[i]) == 0) {
			*out = i % 2 == 1;
			return;
		}
	}
	config_fault_type(r, n, row->name, "true or false", false);
}

static void fault_range(struct config_reader *r, const struct config_key *row, const struct yaml_node *n)
{
	struct buf b = BUF_LIMIT(256);
	char quoted[WORD_QUOTED_SIZE];

	if (row->max >= row->min && (row->min != 0 || row->max != 0)) {
		buf_puts(&b, "from ");
		value_print(&b, row->type, row->min);
		buf_puts(&b, " to ");
		value_print(&b, row->type, row->max);
	} else if (row->min != 0) {
		value_print(&b, row->type, row->min);
		buf_puts(&b, " or more");
	} else {
		buf_puts(&b, "a smaller number");
	}
	config_fault_node(r, n, "\"%s\" may be %s, found %s", row->name, b.data,
			  word_quoted(n->text, quoted));
	buf_done(&b);
}

static void read_number(struct config_reader *r, const struct config_key *row, const struct yaml_node *n,
			int64_t *out)
{
	const char *want = "a whole number";
	int64_t value = 0;
	int rc = -EINVAL;

	switch ((int)row->type) {
	case CONFIG_INT:
		if (n->plain)
			rc = value_int(n->text, &value);
		break;
	case CONFIG_DURATION:
		want = "a duration such as 500ms, 30s, 5m, 6h or 30d";
		rc = value_duration(n->text, &value);
		break;
	case CONFIG_SIZE:
		want = "a size such as 64KiB, 50MiB, 2GiB or a number of bytes";
		rc = value_size(n->text, &value);
		break;
	case CONFIG_MODE:
		want = "a mode such as \"0755\"";
		rc = value_mode(n->text, &value);
		break;
	}
	if (rc == -EINVAL)
		config_fault_type(r, n, row->name, want, false);
	else if (rc < 0 || ((row->min != 0 || row->max != 0) &&
			    (value < row->min || (row->max >= row->min && value > row->max))))
		fault_range(r, row, n);
	else
		*out = value;
}

static void read_rate(struct config_reader *r, const struct config_key *row, const struct yaml_node *n,
		      double *out)
{
	int rc = value_rate(n->text, out);

	if (rc == -EINVAL)
		config_fault_type(r, n, row->name, "a rate such as 180/min, 3/s or 10000/h", false);
	else if (rc < 0)
		config_fault_type(r, n, row->name, "a rate of at least 1/h", false);
}

static int read_word(struct config_reader *r, const struct config_key *row, const struct yaml_node *n)
{
	char quoted[WORD_QUOTED_SIZE], hint[NEAREST_SIZE];
	struct nearest near = NEAREST(n->text);
	struct buf all = BUF_LIMIT(512);

	for (int i = 0; row->words[i] != NULL; i++) {
		if (strcmp(n->text, row->words[i]) == 0) {
			buf_done(&all);
			return i;
		}
		nearest_offer(&near, row->words[i]);
		buf_printf(&all, "%s%s",
			   i == 0                      ? ""
			   : row->words[i + 1] == NULL ? " or "
						       : ", ",
			   row->words[i]);
	}
	config_fault_node(r, n, "\"%s\" wants %s, found %s%s", row->name,
			  all.data != NULL ? all.data : "nothing", word_quoted(n->text, quoted),
			  nearest_hint(&near, hint));
	buf_done(&all);
	return -1;
}

/* --- secrets: nothing of what stands there is ever quoted, since it may be the secret, misplaced --- */

/* Once each: what `defects` says is read again for every entry of its `for`. */
static void say_lacking(struct config_reader *r, const struct config_key *row, const struct yaml_node *n,
			const struct err *err)
{
	for (size_t i = 0; i < r->lacking->count; i++) {
		if (r->lacking->item[i].line == n->line && r->lacking->item[i].column == n->column)
			return;
	}
	config_fault(r->lacking, r->file, n->line, n->column, "\"%s\": %s", row->name, err->text);
}

static void take_secret(struct config_reader *r, const struct config_key *row, const struct yaml_node *n,
			enum secret_source source, const char *text, struct secret **out)
{
	struct err err = ERR_NONE;
	int rc = secret_new(source, text, r->resolve, out, &err);

	if (rc < 0 && r->lacking != NULL && source != SECRET_INLINE) {
		say_lacking(r, row, n, &err);
		rc = secret_new(source, text, false, out, &err);
	}
	if (rc < 0)
		config_fault_node(r, n, "\"%s\": %s", row->name, err.text);
	else if (source == SECRET_INLINE && r->inline_secret == NULL)
		r->inline_secret = n;
}

static bool source_name_ok(enum secret_source source, const char *s)
{
	if (*s == '\0' || holds_control(s))
		return false;
	if (source == SECRET_ENV)
		return strchr(s, '=') == NULL;
	if (source == SECRET_CREDENTIAL)
		return strchr(s, '/') == NULL && strcmp(s, "..") != 0;
	return true;
}

static void read_secret(struct config_reader *r, const struct config_key *row, const struct yaml_node *n,
			struct secret **out)
{
	static const char want[] = "a text, {env: NAME}, {file: PATH} or {credential: NAME}";
	static const char *const names[] = {
		[SECRET_ENV] = "env",
		[SECRET_FILE] = "file",
		[SECRET_CREDENTIAL] = "credential",
	};

	if (n->kind == YAML_TREE_SCALAR) {
		if (*n->text == '$')
			config_fault_node(r, n, "\"%s\": variables are not expanded; write {env: NAME}",
					  row->name);
		else
			take_secret(r, row, n, SECRET_INLINE, n->text, out);
		return;
	}
	if (n->kind == YAML_TREE_LIST_OF || n->count != 1) {
		config_fault_type(r, n, row->name, want, true);
		return;
	}
	const struct yaml_node *value = n->item[1];
	for (enum secret_source source = SECRET_ENV; source <= SECRET_CREDENTIAL; source++) {
		if (strcmp(n->item[0]->text, names[source]) != 0)
			continue;
		if (refused(r, value))
			return;
		if (value->kind != YAML_TREE_SCALAR || yaml_node_null(value) ||
		    !source_name_ok(source, value->text)) {
			config_fault_node(r, value, "\"%s\": \"%s\" wants %s", row->name, names[source],
					  source == SECRET_FILE ? "a path" : "a name");
			return;
		}
		char *path = source == SECRET_FILE ? config_absolute(r->folder, value->text) : NULL;
		take_secret(r, row, value, source, path != NULL ? path : value->text, out);
		free(path);
		return;
	}
	config_fault_type(r, n, row->name, want, true);
}

/* --- lists and maps --- */

/* A list's entries, or the one plain value itself. */
static size_t entries(const struct yaml_node *n, struct yaml_node *const **out, struct yaml_node *const *self)
{
	if (n->kind == YAML_TREE_LIST_OF) {
		*out = n->item;
		return n->count;
	}
	*out = self;
	return 1;
}

static bool entry_ok(struct config_reader *r, const struct config_key *row, const struct yaml_node *n)
{
	if (refused(r, n))
		return false;
	if (n->kind == YAML_TREE_SCALAR && !yaml_node_null(n))
		return true;
	config_fault_type(r, n, row->name, "a text in each entry", false);
	return false;
}

static void read_list(struct config_reader *r, const struct config_key *row, const struct yaml_node *n,
		      void *at)
{
	struct yaml_node *const self[1] = { (struct yaml_node *)(uintptr_t)n };
	struct yaml_node *const *item;
	size_t count = entries(n, &item, self);

	for (size_t i = 0; i < count; i++) {
		if (!entry_ok(r, row, item[i]))
			continue;
		if (row->type == CONFIG_STRINGS) {
			struct config_strings *list = at;
			list->item = xrealloc(list->item, list->count + 1, sizeof(*list->item));
			list->item[list->count++] = xstrdup(item[i]->text);
		} else if (row->type == CONFIG_TEMPLATES) {
			struct config_templates *list = at;
			struct template *t = read_template(r, row->name, item[i]);
			if (t == NULL)
				continue;
			/* a list of pointers: NOLINTNEXTLINE(bugprone-sizeof-expression) */
			list->item = xrealloc(list->item, list->count + 1, sizeof(*list->item));
			list->item[list->count++] = t;
		} else {
			struct config_ints *list = at;
			int word = read_word(r, row, item[i]);
			for (size_t j = 0; word >= 0 && j < list->count; j++) {
				if (list->item[j] == word) {
					config_fault_node(r, item[i], "\"%s\" names %s twice", row->name,
							  row->words[word]);
					word = -1;
				}
			}
			if (word < 0)
				continue;
			list->item = xrealloc(list->item, list->count + 1, sizeof(*list->item));
			list->item[list->count++] = word;
		}
	}
}

static void read_map(struct config_reader *r, const struct config_key *row, const struct yaml_node *n,
		     struct config_map *out)
{
	for (size_t i = 0; i < n->count; i++) {
		const struct yaml_node *key = n->item[2 * i], *value = n->item[2 * i + 1];
		if (config_fault_duplicate(r, n, i) || refused(r, value) || yaml_node_null(value))
			continue;
		if (*key->text == '\0') {
			config_fault_node(r, key, "\"%s\" holds a key without a name", row->name);
			continue;
		}
		if (value->kind != YAML_TREE_SCALAR) {
			config_fault_type(r, value, row->name, "a text for each key", true);
			continue;
		}
		out->key = xrealloc(out->key, out->count + 1, sizeof(*out->key));
		out->value = xrealloc(out->value, out->count + 1, sizeof(*out->value));
		out->key[out->count] = xstrdup(key->text);
		out->value[out->count++] = xstrdup(value->text);
	}
}

/* --- any of them --- */

static void read_struct(struct config_reader *r, const char *place, const struct config_key *row,
			const struct yaml_node *n, void *at)
{
	char nested[CONFIG_PLACE_MAX];

	snprintf(nested, sizeof(nested), "%s%s%s", place, *place != '\0' ? "." : "", row->name);
	if (n->kind == YAML_TREE_SCALAR && row->scalar != NULL) {
		struct yaml_node key = { .kind = YAML_TREE_SCALAR,
					 .line = n->line,
					 .column = n->column,
					 .text = xstrdup(row->scalar) };
		struct yaml_node *pair[2] = { &key, (struct yaml_node *)(uintptr_t)n };
		struct yaml_node map = { .kind = YAML_TREE_MAPPING,
					 .line = n->line,
					 .column = n->column,
					 .item = pair,
					 .count = 1 };
		config_keys_read(r, nested, row->keys, NULL, &map, at);
		free(key.text);
		return;
	}
	if (n->kind != YAML_TREE_MAPPING)
		config_fault_type(r, n, row->name, "a mapping", false);
	config_keys_read(r, nested, row->keys, NULL, n->kind == YAML_TREE_MAPPING ? n : NULL, at);
}

static void read_scalar(struct config_reader *r, const struct config_key *row, const struct yaml_node *n,
			void *at)
{
	int word;

	if (n->kind != YAML_TREE_SCALAR) {
		config_fault_type(r, n, row->name,
				  row->type == CONFIG_BOOL       ? "true or false"
				  : row->type == CONFIG_ENUM     ? "a word"
				  : row->type == CONFIG_INT      ? "a number"
				  : row->type == CONFIG_DURATION ? "a duration such as 30s"
				  : row->type == CONFIG_SIZE     ? "a size such as 50MiB"
				  : row->type == CONFIG_RATE     ? "a rate such as 180/min"
				  : row->type == CONFIG_MODE     ? "a mode such as \"0755\""
								 : "a text",
				  false);
		return;
	}
	switch (row->type) {
	case CONFIG_STRING:
		*(char **)at = xstrdup(n->text);
		break;
	case CONFIG_PATH:
		read_path(r, row, n, at);
		break;
	case CONFIG_URL:
		read_url(r, row, n, at);
		break;
	case CONFIG_TEMPLATE:
		*(struct template **)at = read_template(r, row->name, n);
		break;
	case CONFIG_BOOL:
		read_bool(r, row, n, at);
		break;
	case CONFIG_INT:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
	case CONFIG_MODE:
		read_number(r, row, n, at);
		break;
	case CONFIG_RATE:
		read_rate(r, row, n, at);
		break;
	case CONFIG_ENUM:
		word = read_word(r, row, n);
		*(int *)at = word < 0 ? 0 : word;
		break;
	case CONFIG_ENUMS:
	case CONFIG_STRINGS:
	case CONFIG_TEMPLATES:
	case CONFIG_MAP:
	case CONFIG_SECRET:
	case CONFIG_STRUCT:
		break;
	}
}

void config_field_read(struct config_reader *r, const char *place, const struct config_key *row,
		       const struct yaml_node *n, void *at)
{
	if (refused(r, n)) {
		if (row->type == CONFIG_STRUCT)
			config_keys_read(r, place, row->keys, NULL, NULL, at);
		return;
	}
	switch (row->type) {
	case CONFIG_STRUCT:
		read_struct(r, place, row, n, at);
		return;
	case CONFIG_SECRET:
		read_secret(r, row, n, at);
		return;
	case CONFIG_ENUMS:
	case CONFIG_STRINGS:
	case CONFIG_TEMPLATES:
		if (n->kind == YAML_TREE_MAPPING)
			config_fault_type(r, n, row->name, "a text or a list of texts", false);
		else
			read_list(r, row, n, at);
		return;
	case CONFIG_MAP:
		if (n->kind != YAML_TREE_MAPPING)
			config_fault_type(r, n, row->name, "a mapping", true);
		else
			read_map(r, row, n, at);
		return;
	case CONFIG_STRING:
	case CONFIG_PATH:
	case CONFIG_URL:
	case CONFIG_TEMPLATE:
	case CONFIG_BOOL:
	case CONFIG_INT:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
	case CONFIG_RATE:
	case CONFIG_MODE:
	case CONFIG_ENUM:
		read_scalar(r, row, n, at);
		return;
	}
}

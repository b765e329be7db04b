/* SPDX-License-Identifier: Apache-2.0
 *
 * keys.c - mappings by their rows: names, defaults, and what is freed in the end. */
#include "daemon/config/reader.h"

#include "daemon/base/mem.h"
#include "daemon/config/secret.h"
#include "daemon/config/words.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void config_fault_node(struct config_reader *r, const struct yaml_node *n, const char *fmt, ...)
{
	struct err err = ERR_NONE;
	va_list ap;

	if (n->bad)
		return;
	va_start(ap, fmt);
	err_vset(&err, -EINVAL, fmt, ap);
	va_end(ap);
	err_place(&err, r->file, n->line, n->column);
	config_fault_take(r->faults, &err);
}

void config_fault_type(struct config_reader *r, const struct yaml_node *n, const char *key, const char *want,
		       bool hide)
{
	char quoted[WORD_QUOTED_SIZE];
	const char *found = "a mapping", *hint = "";

	if (n->kind == YAML_TREE_LIST_OF)
		found = "a list";
	else if (n->kind == YAML_TREE_SCALAR)
		found = hide                ? "something else"
			: yaml_node_null(n) ? "nothing"
					    : word_quoted(n->text, quoted);
	else if (!hide && strncmp(want, "a text", 6) == 0)
		hint = " (a text that begins with { needs quotes)";
	config_fault_node(r, n, "\"%s\" wants %s, found %s%s", key, want, found, hint);
}

bool config_fault_duplicate(struct config_reader *r, const struct yaml_node *map, size_t i)
{
	char quoted[WORD_QUOTED_SIZE];

	for (size_t j = 0; j < i; j++) {
		if (strcmp(map->item[2 * i]->text, map->item[2 * j]->text) != 0)
			continue;
		config_fault_node(r, map->item[2 * i], "duplicate key %s (first in line %u)",
				  word_quoted(map->item[2 * i]->text, quoted), map->item[2 * j]->line);
		return true;
	}
	return false;
}

const char *config_map_get(const struct config_map *m, const char *key)
{
	for (size_t i = 0; i < m->count; i++) {
		if (strcmp(m->key[i], key) == 0)
			return m->value[i];
	}
	return NULL;
}

/* --- reading --- */

/* The default goes the way of a value from the file; that it is a good one is our own business. */
static void read_default(struct config_reader *r, const char *place, const struct config_key *row, void *at)
{
	struct config_faults none = { 0 };
	struct yaml_tree tree = { 0 };
	struct config_reader own = *r;

	if (row->type == CONFIG_STRUCT) {
		char nested[CONFIG_PLACE_MAX];
		snprintf(nested, sizeof(nested), "%s%s%s", place, *place != '\0' ? "." : "", row->name);
		config_keys_read(r, nested, row->keys, NULL, NULL, at);
		return;
	}
	if (row->def == NULL)
		return;
	own.faults = &none;
	own.tree = &tree;
	if (row->type == CONFIG_ENUMS || row->type == CONFIG_STRINGS || row->type == CONFIG_TEMPLATES ||
	    row->type == CONFIG_MAP) {
		yaml_tree_read(row->def, strlen(row->def), NULL, &tree, &none);
		if (tree.root != NULL)
			config_field_read(&own, place, row, tree.root, at);
		yaml_tree_done(&tree);
	} else {
		struct yaml_node n = { .kind = YAML_TREE_SCALAR, .plain = true, .text = xstrdup(row->def) };
		config_field_read(&own, place, row, &n, at);
		free(n.text);
	}
	assert(none.count == 0);
	config_faults_done(&none);
}

static bool known_key(const struct config_key *keys, const char *const *also, const char *name,
		      struct nearest *near)
{
	for (; keys->name != NULL; keys++) {
		if (strcmp(keys->name, name) == 0)
			return true;
		nearest_offer(near, keys->name);
	}
	for (; also != NULL && *also != NULL; also++) {
		if (strcmp(*also, name) == 0)
			return true;
		nearest_offer(near, *also);
	}
	return false;
}

static void check_names(struct config_reader *r, const struct config_key *keys, const char *const *also,
			const struct yaml_node *map)
{
	char quoted[WORD_QUOTED_SIZE], hint[NEAREST_SIZE];

	for (size_t i = 0; i < map->count; i++) {
		const struct yaml_node *key = map->item[2 * i];
		struct nearest near = NEAREST(key->text);
		if (config_fault_duplicate(r, map, i) || known_key(keys, also, key->text, &near))
			continue;
		config_fault_node(r, key, "unknown key %s%s", word_quoted(key->text, quoted),
				  nearest_hint(&near, hint));
	}
}

void config_keys_read(struct config_reader *r, const char *place, const struct config_key *keys,
		      const char *const *also, const struct yaml_node *map, void *base)
{
	if (map != NULL && map->kind != YAML_TREE_MAPPING) {
		if (!yaml_node_null(map))
			config_fault_type(r, map, place, "a mapping", false);
		map = NULL;
	}
	if (map != NULL)
		check_names(r, keys, also, map);
	for (; keys->name != NULL; keys++) {
		const struct yaml_node *n = yaml_node_get(map, keys->name);
		void *at = (char *)base + keys->offset;
		if (n != NULL && !yaml_node_null(n))
			config_field_read(r, place, keys, n, at);
		else if (keys->required && map != NULL)
			config_fault_node(r, map, "missing key \"%s\"", keys->name);
		else
			read_default(r, place, keys, at);
	}
}

/* --- freeing --- */

static void field_done(const struct config_key *row, void *at)
{
	switch (row->type) {
	case CONFIG_STRING:
	case CONFIG_PATH:
	case CONFIG_URL:
		free(*(char **)at);
		*(char **)at = NULL;
		break;
	case CONFIG_TEMPLATE:
		template_free(*(struct template **)at);
		*(struct template **)at = NULL;
		break;
	case CONFIG_SECRET:
		secret_free(*(struct secret **)at);
		*(struct secret **)at = NULL;
		break;
	case CONFIG_ENUMS: {
		struct config_ints *list = at;
		free(list->item);
		*list = (struct config_ints){ 0 };
		break;
	}
	case CONFIG_STRINGS: {
		struct config_strings *list = at;
		for (size_t i = 0; i < list->count; i++)
			free(list->item[i]);
		free(list->item);
		*list = (struct config_strings){ 0 };
		break;
	}
	case CONFIG_TEMPLATES: {
		struct config_templates *list = at;
		for (size_t i = 0; i < list->count; i++)
			template_free(list->item[i]);
		free(list->item);
		*list = (struct config_templates){ 0 };
		break;
	}
	case CONFIG_MAP: {
		struct config_map *map = at;
		for (size_t i = 0; i < map->count; i++) {
			free(map->key[i]);
			free(map->value[i]);
		}
		free(map->key);
		free(map->value);
		*map = (struct config_map){ 0 };
		break;
	}
	case CONFIG_STRUCT:
		config_keys_done(row->keys, at);
		break;
	case CONFIG_BOOL:
	case CONFIG_INT:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
	case CONFIG_RATE:
	case CONFIG_MODE:
	case CONFIG_ENUM:
		break;
	}
}

void config_keys_done(const struct config_key *keys, void *base)
{
	for (; keys->name != NULL; keys++)
		field_done(keys, (char *)base + keys->offset);
}

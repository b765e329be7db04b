/* SPDX-License-Identifier: Apache-2.0
 *
 * merge.c - one mapping over another, by the rows of their keys. */
#include "daemon/config/merge.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

static const struct config_key *row_of(const struct config_key *keys, const char *name)
{
	for (; keys != NULL && keys->name != NULL; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

static bool among(const char *const *words, const char *s)
{
	while (words != NULL && *words != NULL && strcmp(*words, s) != 0)
		words++;
	return words != NULL && *words != NULL;
}

static void put(struct yaml_node *out, struct yaml_node *key, struct yaml_node *value)
{
	out->item[2 * out->count] = key;
	out->item[2 * out->count++ + 1] = value;
}

struct yaml_node *merge_mappings(struct merge *m, const struct config_key *keys,
				 const struct yaml_node *lower, const struct yaml_node *upper,
				 const char *const *without)
{
	struct yaml_node *out = xcalloc(1, sizeof(*out));

	m->made = xrealloc(m->made, m->count + 1, sizeof(struct yaml_node *));
	m->made[m->count++] = out;
	*out = (struct yaml_node){ .kind = YAML_TREE_MAPPING, .line = upper->line, .column = upper->column };
	out->item = xcalloc(2 * (lower->count + upper->count) + 1, sizeof(struct yaml_node *));
	for (size_t i = 0; i < upper->count; i++) {
		struct yaml_node *key = upper->item[2 * i], *value = upper->item[2 * i + 1];
		const struct yaml_node *beneath = yaml_node_get(lower, key->text);
		const struct config_key *row = row_of(keys, key->text);
		bool nested = row != NULL && (row->type == CONFIG_STRUCT || row->type == CONFIG_MAP) &&
			      beneath != NULL && beneath->kind == YAML_TREE_MAPPING &&
			      value->kind == YAML_TREE_MAPPING;
		if (!among(without, key->text))
			put(out, key, nested ? merge_mappings(m, row->keys, beneath, value, NULL) : value);
	}
	for (size_t i = 0; i < lower->count; i++)
		if (yaml_node_get(upper, lower->item[2 * i]->text) == NULL)
			put(out, lower->item[2 * i], lower->item[2 * i + 1]);
	return out;
}

void merge_done(struct merge *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->made[i]->item);
		free(m->made[i]);
	}
	free(m->made);
	*m = (struct merge){ 0 };
}

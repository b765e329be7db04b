/* SPDX-License-Identifier: Apache-2.0
 *
 * test_example.c - etc/resultd.yaml holds every key that there is, and nothing else; the examples are
 * taken.  Links the sinks, whose rows are part of what it compares. */
#include "daemon/base/file.h"
#include "daemon/base/mem.h"
#include "daemon/config/config.h"
#include "daemon/config/yaml.h"
#include "sinks/sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config_sink_type types[16];
static size_t type_count;

static int list_types(void **state)
{
	(void)state;
	for (; sink_list[type_count] != NULL && type_count < 16; type_count++)
		types[type_count] = (struct config_sink_type){
			sink_list[type_count]->name,
			sink_list[type_count]->keys,
			sink_list[type_count]->conf_size,
			sink_list[type_count]->check,
		};
	return type_count > 0 ? 0 : -1;
}

static struct buf read_source(const char *name)
{
	const char *root = getenv("RD_SOURCE_DIR");
	struct buf text = BUF_LIMIT(YAML_TREE_BYTES);
	struct err err = ERR_NONE;
	char *path = xasprintf("%s/%s", root != NULL ? root : ".", name);

	if (file_read(path, &text, &err) < 0)
		print_error("%s\n", err.text);
	assert_int_equal(err.code, 0);
	free(path);
	return text;
}

static struct config *parsed(const char *text, size_t len, const char *name)
{
	struct config_faults faults = { 0 };
	struct config *c = NULL;

	config_parse(text, len, name, "/state", types, type_count, false, &c, &faults);
	for (size_t i = 0; i < faults.count; i++)
		print_error("%s:%u:%u: %s\n", name, faults.item[i].line, faults.item[i].column,
			    faults.item[i].text);
	assert_int_equal(faults.count, 0);
	config_faults_done(&faults);
	return c;
}

static void every_file_is_taken(void **state)
{
	static const char *const file[] = {
		"etc/resultd.yaml",
		"etc/examples/testrail.yaml",
		"etc/examples/aio.yaml",
		"etc/examples/local.yaml",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(file) / sizeof(file[0]); i++) {
		struct buf text = read_source(file[i]), once = BUF_LIMIT(1 << 20), twice = BUF_LIMIT(1 << 20);
		struct config *a = parsed(text.data, text.len, file[i]);
		assert_int_equal(config_print(a, &once), 0);
		struct config *b = parsed(once.data, once.len, file[i]);
		assert_int_equal(config_print(b, &twice), 0);
		assert_string_equal(once.data, twice.data);
		config_free(a);
		config_free(b);
		buf_done(&text);
		buf_done(&once);
		buf_done(&twice);
	}
}

static unsigned missing_keys(const struct config_key *keys, const struct yaml_node *map, const char *where)
{
	unsigned missing = 0;

	for (; keys->name != NULL; keys++) {
		const struct yaml_node *n = yaml_node_get(map, keys->name);
		char *place = xasprintf("%s.%s", where, keys->name);
		if (n == NULL) {
			print_error("etc/resultd.yaml does not show %s\n", place);
			missing++;
		} else if (keys->type == CONFIG_STRUCT) {
			missing += missing_keys(keys->keys, n, place);
		}
		free(place);
	}
	return missing;
}

static void every_key_is_shown(void **state)
{
	struct buf text = read_source("etc/resultd.yaml");
	struct config_faults faults = { 0 };
	struct yaml_tree tree;
	unsigned missing = 0;
	(void)state;

	assert_int_equal(yaml_tree_read(text.data, text.len, "etc/resultd.yaml", &tree, &faults), 0);
	missing += missing_keys(config_top_keys, tree.root, "");
	const struct yaml_node *watch = yaml_node_get(tree.root, "watch"),
			       *sinks = yaml_node_get(tree.root, "sinks");
	assert_int_equal(watch->count, 1);
	missing += missing_keys(config_watch_keys, watch->item[0], "watch");
	for (size_t i = 0; i < type_count; i++) {
		const struct yaml_node *shown = NULL;
		for (size_t j = 0; j < sinks->count && shown == NULL; j++) {
			const struct yaml_node *type = yaml_node_get(sinks->item[2 * j + 1], "type");
			if (strcmp(type->text, types[i].name) == 0)
				shown = sinks->item[2 * j + 1];
		}
		if (strcmp(types[i].name, "axosoft") == 0)
			shown = yaml_node_get(tree.root, "defects");
		if (shown == NULL)
			print_error("etc/resultd.yaml shows no sink of type %s\n", types[i].name);
		assert_non_null(shown);
		missing += missing_keys(types[i].keys, shown, types[i].name);
	}
	assert_int_equal(missing, 0);
	yaml_tree_done(&tree);
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_is_taken),
		cmocka_unit_test(every_key_is_shown),
	};

	return cmocka_run_group_tests(tests, list_types, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cli/table.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void values_are_told_for_people(void **state)
{
	static const struct {
		const char *json, *path;
		enum column_kind kind;
		const char *told;
	} row[] = {
		{ "{\"a\":\"x\"}", "a", COLUMN_TEXT, "x" },
		{ "{\"a\":{\"b\":7}}", "a.b", COLUMN_TEXT, "7" },
		{ "{\"a\":[{\"b\":\"x\"},{\"b\":\"y\"}]}", "a.b", COLUMN_TEXT, "x, y" },
		{ "{\"a\":[1,2]}", "a", COLUMN_TEXT, "1, 2" },
		{ "{\"a\":true,\"b\":false}", "b", COLUMN_TEXT, "no" },
		{ "{\"a\":null}", "a", COLUMN_TEXT, "" },
		{ "{\"a\":0.5}", "a", COLUMN_TEXT, "0.5" },
		{ "{\"a\":9007199254740991}", "a", COLUMN_TEXT, "9007199254740991" },
		{ "{\"a\":{\"name\":\"n\",\"value\":1}}", "a", COLUMN_TEXT, "n" },
		{ "{\"a\":{\"ID\":1,\"value\":\"v\"}}", "a", COLUMN_TEXT, "v" },
		{ "{\"a\":1577836800}", "a", COLUMN_TIME, "2020-01-01 00:00" },
		{ "{\"a\":1577836800000}", "a", COLUMN_TIME, "2020-01-01 00:00" },
		{ "{\"a\":\"2020-01-01\"}", "a", COLUMN_TIME, "2020-01-01" },
		{ "{\"a\":-5}", "a", COLUMN_TIME, "" },
		{ "{\"a\":1e300}", "a", COLUMN_TIME, "" },
		{ "{\"a\":3700}", "a", COLUMN_SPAN, "1h 1m 40s" },
		{ "{\"a\":0}", "a", COLUMN_SPAN, "0s" },
		{ "{\"a\":1e300}", "a", COLUMN_SPAN, "277777777h 46m 40s" },
		{ "[]", "a", COLUMN_TEXT, "" },
		{ "5", "a.b.c", COLUMN_TEXT, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct buf b = BUF_LIMIT(4096);
		cJSON *item = cJSON_Parse(row[i].json);
		assert_non_null(item);
		table_value(&b, item, row[i].path, row[i].kind);
		assert_string_equal(b.data != NULL ? b.data : "", row[i].told);
		cJSON_Delete(item);
		buf_done(&b);
	}
}

static const struct column columns[] = {
	{ "ID", "id", COLUMN_TEXT },
	{ "NAME", "name", COLUMN_TEXT },
	{ 0 },
};

/* What a table of these items prints. */
static char *printed(const char *json, bool as_json)
{
	struct table t;
	char *text = NULL;
	size_t size = 0;
	const cJSON *item;
	cJSON *items = cJSON_Parse(json);

	assert_non_null(items);
	table_begin(&t, columns, as_json);
	t.out = open_memstream(&text, &size);
	assert_non_null(t.out);
	cJSON_ArrayForEach(item, items) table_row(&t, item);
	table_end(&t, "None.");
	fclose(t.out);
	cJSON_Delete(items);
	return text;
}

static void columns_are_as_wide_as_they_need(void **state)
{
	char *text = printed("[{\"id\":1,\"name\":\"a\"},{\"id\":12345,\"name\":\"\xc3\xa9\"}]", false);

	(void)state;
	assert_string_equal(text, "ID     NAME\n1      a\n12345  \xc3\xa9\n");
	free(text);
	text = printed("[]", false);
	assert_string_equal(text, "None.\n");
	free(text);
}

static void machines_get_what_the_server_said(void **state)
{
	char *text = printed("[{\"id\":1,\"more\":[true]},{\"id\":2}]", true);

	(void)state;
	assert_string_equal(text, "[\n{\"id\":1,\"more\":[true]},\n{\"id\":2}\n]\n");
	free(text);
	text = printed("[]", true);
	assert_string_equal(text, "[]\n");
	free(text);
}

static void nothing_foreign_steers_a_terminal(void **state)
{
	char *text = printed("[{\"id\":1,\"name\":\"a\\u001b[2J\\u009b\\nb\\u007f\xff\"}]", false);

	(void)state;
	for (const char *s = text; *s != '\0'; s++)
		assert_true((unsigned char)*s >= 0x20 || *s == '\n');
	assert_null(strchr(text, 0x7f));
	assert_null(strchr(text, '\xff'));
	assert_null(strstr(text, "\xc2\x9b"));
	free(text);
}

static void long_cells_are_cut_and_long_lists_go_on(void **state)
{
	struct buf b = BUF_LIMIT(1 << 20);

	(void)state;
	buf_putc(&b, '[');
	for (int i = 0; i < 600; i++)
		buf_printf(&b, "%s{\"id\":\"%0100d\",\"name\":%d}", i > 0 ? "," : "", 7, i);
	buf_putc(&b, ']');
	char *text = printed(b.data, false);
	size_t lines = 0;
	for (const char *s = text; *s != '\0'; s++)
		lines += *s == '\n';
	assert_int_equal(lines, 601);
	assert_non_null(strstr(text, "0...  599\n"));
	free(text);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_told_for_people),
		cmocka_unit_test(columns_are_as_wide_as_they_need),
		cmocka_unit_test(machines_get_what_the_server_said),
		cmocka_unit_test(nothing_foreign_steers_a_terminal),
		cmocka_unit_test(long_cells_are_cut_and_long_lists_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

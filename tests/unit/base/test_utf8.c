/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void only_utf8_is_valid(void **state)
{
	static const struct {
		const char *s;
		size_t len;
		bool valid;
	} row[] = {
		{ "abc", 3, true },
		{ "\xc3\xa4", 2, true },
		{ "\xe2\x82\xac", 3, true },
		{ "\xf0\x9f\x98\x80", 4, true },
		{ "\xc0\xaf", 2, false },
		{ "\xed\xa0\x80", 3, false },
		{ "\xf4\x90\x80\x80", 4, false },
		{ "\x80", 1, false },
		{ "\xe2\x82", 2, false },
		{ "\xff", 1, false },
		{ "", 0, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_int_equal(utf8_valid(row[i].s, row[i].len), row[i].valid);
}

static void cuts_fall_on_characters(void **state)
{
	const char *s = "a\xe2\x82\xac"
			"b"; /* 1 + 3 + 1 bytes */
	static const size_t cut[] = { 0, 1, 1, 1, 4, 5, 5 };

	(void)state;
	for (size_t max = 0; max < sizeof(cut) / sizeof(cut[0]); max++)
		assert_int_equal(utf8_cut(s, 5, max), cut[max]);
	for (size_t max = 0; max < 3; max++)
		assert_int_equal(utf8_cut(s + 1, 4, max), 0);
}

static void keys_are_stable_and_bounded(void **state)
{
	struct arena a = ARENA_LIMIT(1 << 16);
	char longer[600];

	(void)state;
	memset(longer, 'x', sizeof(longer));
	assert_string_equal(utf8_key(&a, "short", 5, 250), "short");
	const char *one = utf8_key(&a, longer, 600, 250), *two = utf8_key(&a, longer, 599, 250);
	assert_int_equal(strlen(one), 250);
	assert_string_not_equal(one, two);
	assert_string_equal(utf8_key(&a, one, strlen(one), 250), one);
	arena_done(&a);
}

static void what_is_no_utf8_is_replaced(void **state)
{
	static const struct {
		const char *from, *to;
	} row[] = {
		{ "", "" },
		{ "plain \xc3\xbc", "plain \xc3\xbc" },
		{ "\xfc", "\xef\xbf\xbd" },
		{ "a\xff\xfe\xc3\xbc\xc3", "a\xef\xbf\xbd\xef\xbf\xbd\xc3\xbc\xef\xbf\xbd" },
		{ "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },
	};

	(void)state;
	assert_null(utf8_mended(NULL));
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *mended = utf8_mended(strdup(row[i].from));
		assert_string_equal(mended, row[i].to);
		free(mended);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_utf8_is_valid),
		cmocka_unit_test(cuts_fall_on_characters),
		cmocka_unit_test(what_is_no_utf8_is_replaced),
		cmocka_unit_test(keys_are_stable_and_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

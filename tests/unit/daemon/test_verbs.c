/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cli/verbs.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct args sample(void)
{
	struct args a = { 0 };

	a.option[0].name = "tag";
	a.option[0].value = "x";
	a.option[1].name = "all";
	a.option[2].name = "tag";
	a.option[2].value = "y";
	a.option[3].name = "size";
	a.option[3].value = "12";
	a.options = 4;
	return a;
}

static void options_are_found(void **state)
{
	struct args a = sample();
	size_t at = 0;

	(void)state;
	assert_string_equal(args_get(&a, "tag"), "y");
	assert_null(args_get(&a, "all"));
	assert_true(args_has(&a, "all"));
	assert_false(args_has(&a, "al"));
	assert_string_equal(args_next(&a, "tag", &at), "x");
	assert_string_equal(args_next(&a, "tag", &at), "y");
	assert_null(args_next(&a, "tag", &at));
}

static void numbers_are_whole_and_in_range(void **state)
{
	static const struct {
		const char *text;
		int64_t least, value; /* value -1: refused */
	} row[] = {
		{ "12", 1, 12 },
		{ "0", 0, 0 },
		{ "0", 1, -1 },
		{ "", 0, -1 },
		{ "1x", 0, -1 },
		{ "-1", 0, -1 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "9223372036854775808", 0, -1 },
	};
	const struct remote r = { .command = "test" };

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct args a = sample();
		int64_t n = -1;
		a.option[3].value = row[i].text;
		assert_int_equal(args_int(&r, &a, "size", row[i].least, &n),
				 row[i].value < 0 ? EXIT_USAGE : EXIT_OK);
		assert_int_equal(n, row[i].value);
	}
	struct args a = sample();
	int64_t n = 77;
	assert_int_equal(args_int(&r, &a, "nothing", 0, &n), EXIT_OK);
	assert_int_equal(n, 77);
}

static void words_are_taken_in_any_case(void **state)
{
	static const char *const words[] = { "red", "green", NULL };
	const struct remote r = { .command = "test" };
	struct args a = sample();
	int out;

	(void)state;
	a.option[3].value = "GREEN";
	assert_int_equal(args_one_of(&r, &a, "size", words, &out), EXIT_OK);
	assert_int_equal(out, 1);
	a.option[3].value = "gree";
	assert_int_equal(args_one_of(&r, &a, "size", words, &out), EXIT_USAGE);
	assert_int_equal(args_yes(&r, &a, "nothing", &out), EXIT_OK);
	assert_int_equal(out, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_found),
		cmocka_unit_test(numbers_are_whole_and_in_range),
		cmocka_unit_test(words_are_taken_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

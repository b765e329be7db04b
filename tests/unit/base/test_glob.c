/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void patterns_match_paths(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool match;
	} row[] = {
		{ "a", "a", true },
		{ "a", "b", false },
		{ "*.xml", "x.xml", true },
		{ "*.xml", "d/x.xml", false },
		{ "**/*.xml", "x.xml", true },
		{ "**/*.xml", "a/b/c/x.xml", true },
		{ "**/TEST-*.xml", "a/TEST-.xml", true },
		{ "**/tmp/**", "a/tmp/b", true },
		{ "**/tmp/**", "a/tmpx/b", false },
		{ "a/**/b", "a/b", true },
		{ "a/**/b", "a/x/y/b", true },
		{ "a/**", "a/x", true },
		{ "a/?", "a/x", true },
		{ "a/?", "a/xy", false },
		{ "[a-c]x", "bx", true },
		{ "[!a-c]x", "bx", false },
		{ "[]]", "]", true },
		{ "[a", "a", false },
		{ "\\*", "*", true },
		{ "\\*", "x", false },
		{ "*a*b*c", "xaxbxc", true },
		{ "*a*b*c", "xaxbx", false },
		{ "**", "a/b/c", true },
		{ "**/a/b/**/c", "a/x/a/b/y/c", true },
		{ "**/a/**/b/*", "a/b/b", true },
		{ "**/a/**/b/*", "a/b", false },
		{ "**/a/**/b/*", "a/b/b/x", true },
		{ "**/**/x", "x", true },
		{ "*", "", true },
		{ "", "", true },
		{ "", "a", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (glob_match(row[i].pattern, row[i].path) != row[i].match)
			fail_msg("\"%s\" against \"%s\"", row[i].pattern, row[i].path);
	}
}

static void captures_are_components(void **state)
{
	struct glob_capture c[4];
	size_t n = 0;

	(void)state;
	assert_true(glob_capture("/ci/{job}/b-{build}/**", "/ci/nightly/b-17/x/y.xml", c, 4, &n));
	assert_int_equal(n, 2);
	assert_int_equal(c[0].value_len, 7);
	assert_memory_equal(c[0].value, "nightly", 7);
	assert_memory_equal(c[1].name, "build", 5);
	assert_memory_equal(c[1].value, "17", 2);
	assert_int_equal(c[1].value_len, 2);
	assert_false(glob_capture("/ci/{job}/x", "/ci//x", c, 4, &n));
	assert_int_equal(n, 0);
}

static void hostile_patterns_end(void **state)
{
	char path[4096];

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_false(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*b", path));
	for (size_t i = 1; i < sizeof(path) - 1; i += 2)
		path[i] = '/';
	assert_false(glob_match("**/a/**/a/**/b", path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_paths),
		cmocka_unit_test(captures_are_components),
		cmocka_unit_test(hostile_patterns_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

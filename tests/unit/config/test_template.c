/* SPDX-License-Identifier: Apache-2.0
 *
 * test_template.c - what templates say, what they refuse and where, and what they become. */
#include "daemon/config/template.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *get(void *cookie, const char *name)
{
	const char *const *pair = cookie;

	for (; *pair != NULL; pair += 2) {
		if (strcmp(pair[0], name) == 0)
			return pair[1];
	}
	return NULL;
}

static const char *const outer[] = { "job", "outer", "os", "linux", "ci.url", "", "prop.A b", "p", NULL };
static const char *const inner[] = { "job", "nightly", "build", "17", "empty", "", NULL };
static const struct vars second = { get, (void *)(uintptr_t)outer, NULL };
static const struct vars first = { get, (void *)(uintptr_t)inner, &second };

static void templates_expand(void **state)
{
	static const struct {
		const char *text, *value;
		bool constant;
	} row[] = {
		{ "", "", true },
		{ "plain", "plain", true },
		{ "{{job}} }}{{", "{job} }{", true },
		{ "{job}/{build}", "nightly/17", false },
		{ "{os}", "linux", false },
		{ " #{ build } ", " #17 ", false },
		{ "{none|build}", "17", false },
		{ "{none|other|'x'}", "x", false },
		{ "{none|'it''s {|} it'}", "it's {|} it", false },
		{ "{none | 'x' }", "x", false },
		{ "{'x'|none}", "x", false },
		{ "{none|''}", "", false },
		{ "{empty}", "", false },
		{ "{empty|job}", "nightly", false },
		{ "{ci.url|empty|none}", "", false },
		{ "{prop.A b}", "p", false },
		{ "{{{job}}}", "{nightly}", false },
		{ "\xc3\xa4{job}\xc3\xb6", "\xc3\xa4nightly\xc3\xb6", false },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct buf out = BUF_LIMIT(4096);
		struct template *t = NULL;
		struct err err = ERR_NONE;
		size_t at = 0;
		assert_int_equal(template_parse(row[i].text, &t, &at, &err), 0);
		assert_string_equal(template_text(t), row[i].text);
		assert_int_equal(template_constant(t), row[i].constant);
		buf_puts(&out, ">");
		assert_int_equal(template_expand(t, &first, &out, &err), 0);
		assert_string_equal(out.data + 1, row[i].value);
		buf_done(&out);
		template_free(t);
	}
}

static void bad_templates_say_where(void **state)
{
	static const struct {
		const char *text;
		size_t at;
		const char *why;
	} row[] = {
		{ "a{", 1, "a { that is not closed" },
		{ "ab{c", 2, "a { that is not closed" },
		{ "{a|", 0, "a { that is not closed" },
		{ "a}", 1, "a } without its {" },
		{ "{a}}", 3, "a } without its {" },
		{ "{}", 1, "name is missing" },
		{ "{a||b}", 3, "name is missing" },
		{ "{a|'b}", 3, "a ' that is not closed" },
		{ "{a|'b'c}", 6, "| or } is wanted here" },
		{ "{a'b'}", 2, "| or } is wanted here" },
		{ "{a{b}}", 2, "| or } is wanted here" },
		{ "x{a b}", 2, "\"a b\" is not a variable's name" },
		{ "{1a}", 1, "is not a variable's name" },
		{ "{a|ci.buidl}", 3, "unknown variable \"ci.buidl\" (did you mean \"ci.build\"?)" },
		{ "{run.id}", 1, "unknown variable \"run.id\"" },
		{ "{prop.}", 1, "unknown variable \"prop.\"" },
		{ "{foo.bar}", 1, "unknown variable \"foo.bar\"" },
		{ "{.}", 1, "unknown variable \".\"" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct template *t = NULL;
		struct err err = ERR_NONE;
		size_t at = 99;
		assert_int_equal(template_parse(row[i].text, &t, &at, &err), -EINVAL);
		assert_null(t);
		if (at != row[i].at || strstr(err.text, row[i].why) == NULL)
			print_error("%s: %zu: %s\n", row[i].text, at, err.text);
		assert_int_equal(at, row[i].at);
		assert_non_null(strstr(err.text, row[i].why));
	}
}

static void what_is_not_set_is_named(void **state)
{
	static const struct {
		const char *text, *why;
	} row[] = {
		{ "a{job}{ci.branch}b", "{ci.branch} is not set" },
		{ "{none|ci.node}", "none of {none|ci.node} is set" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct buf out = BUF_LIMIT(4096);
		struct template *t = NULL;
		struct err err = ERR_NONE;
		assert_int_equal(template_parse(row[i].text, &t, NULL, &err), 0);
		buf_puts(&out, "before");
		assert_int_equal(template_expand(t, &first, &out, &err), -ENOENT);
		assert_string_equal(err.text, row[i].why);
		assert_string_equal(out.data, "before"); /* no half of it */
		buf_done(&out);
		template_free(t);
	}
	assert_null(vars_get(NULL, "job"));
}

static void a_full_buffer_is_an_error(void **state)
{
	struct buf out = BUF_LIMIT(4);
	struct template *t = NULL;
	struct err err = ERR_NONE;
	(void)state;

	assert_int_equal(template_parse("{job}", &t, NULL, &err), 0);
	assert_int_equal(template_expand(t, &first, &out, &err), -E2BIG);
	buf_done(&out);
	template_free(t);
}

static void variables_can_be_asked_for(void **state)
{
	struct template *t = NULL;
	struct err err = ERR_NONE;
	(void)state;

	assert_int_equal(template_parse("run.{a|ci.url|'run.'}", &t, NULL, &err), 0);
	assert_null(template_uses(t, "run."));
	assert_string_equal(template_uses(t, "ci."), "ci.url");
	assert_null(template_uses(NULL, "ci."));
	template_free(t);
	template_free(NULL);
	assert_true(template_name_ok("a_B-9", 5));
	assert_false(template_name_ok("9", 1));
	assert_false(template_name_ok("", 0));
	assert_false(template_name_ok("a.b", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_expand),           cmocka_unit_test(bad_templates_say_where),
		cmocka_unit_test(what_is_not_set_is_named),   cmocka_unit_test(a_full_buffer_is_an_error),
		cmocka_unit_test(variables_can_be_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

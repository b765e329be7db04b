/* SPDX-License-Identifier: Apache-2.0
 *
 * test_testrail_text.c - text on its way to TestRail and back, and the words of its refusals. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/utf8.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void rich_text_is_undone(void **state)
{
	static const struct {
		const char *html, *plain;
	} row[] = {
		{ "com.x.Foo.bar", "com.x.Foo.bar" },
		{ "<p>com.x.Foo.bar</p>", "com.x.Foo.bar" },
		{ "<p>com.x.Foo.bar</p>\n", "com.x.Foo.bar" },
		{ "<p class=\"x\">a</p>", "a" },
		{ "<P>a</P>", "a" },
		{ "<p>a &gt; b &amp;amp; c</p>", "a > b &amp; c" },
		{ "List&lt;String&gt;", "List<String>" },
		{ "a &#39;b&#x27; &quot;c&quot;&nbsp;d&#160;", "a 'b' \"c\" d" },
		{ "<p>one<br>two<br />three</p>", "one\ntwo\nthree" },
		{ "<p>a</p><p>b</p>", "ab" },
		{ "a <b> c", "a <b> c" },
		{ "<p>unclosed", "<p>unclosed" },
		{ "<param>x</p>", "<param>x</p>" },
		{ "&unknown; &#0; &#xd800; &#99999999999; & &#; &#x; &",
		  "&unknown; &#0; &#xd800; &#99999999999; & &#; &#x; &" },
		{ "&#228;&#x20ac;&#128512;", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "   \t\n", "" },
		{ "", "" },
		{ "<p></p>", "" },
		{ "<p>a < b</p>", "a < b" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct arena a = ARENA_LIMIT(1 << 16);
		assert_string_equal(testrail_plain(&a, row[i].html), row[i].plain);
		arena_done(&a);
	}
}

static void lines_fit_a_name(void **state)
{
	static const struct {
		const char *text, *line;
	} row[] = {
		{ "plain", "plain" },
		{ "  two\nlines\tand tab ", "two lines and tab" },
		{ "\n", "" },
		{ "\x7f", "" },
	};
	struct arena a = ARENA_LIMIT(1 << 16);
	char big[1001];

	(void)state;
	for (size_t i = 0; i < COUNT(row) - 1; i++)
		assert_string_equal(testrail_line(&a, row[i].text), row[i].line);
	memset(big, 'x', 1000);
	big[1000] = '\0';
	const char *line = testrail_line(&a, big);
	assert_int_equal(strlen(line), TESTRAIL_NAME_MAX);
	assert_string_equal(testrail_line(&a, line), line);
	big[999] = 'y';
	assert_string_not_equal(testrail_line(&a, big), line);
	arena_done(&a);
}

static void spans_are_never_nothing(void **state)
{
	static const struct {
		double ms;
		const char *span;
	} row[] = {
		{ -1, NULL },         { 0, NULL },
		{ NAN, NULL },        { INFINITY, NULL },
		{ 1e300, NULL },      { 4e11, NULL },
		{ 0.001, "1s" },      { 1, "1s" },
		{ 999, "1s" },        { 1000, "1s" },
		{ 1001, "2s" },       { 59001, "1m" },
		{ 65000, "1m 5s" },   { 3600000, "1h" },
		{ 3601000, "1h 1s" }, { 5025000, "1h 23m 45s" },
		{ 90000000, "25h" },  { 3.1e11, "86111h 6m 40s" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		char buf[64];
		const char *span = testrail_elapsed(buf, sizeof(buf), row[i].ms);
		if (row[i].span == NULL)
			assert_null(span);
		else
			assert_string_equal(span, row[i].span);
	}
}

static void texts_that_came_back(void **state)
{
	static const struct {
		const char *sent, *got;
		bool same;
	} row[] = {
		{ NULL, NULL, true },
		{ NULL, "", true },
		{ "", "<p></p>", true },
		{ "a", NULL, false },
		{ NULL, "a", false },
		{ "Error: x", "Error: x", true },
		{ "Error: x\n\tat y", "<p>Error: x</p>\n<pre>at y</pre>", true },
		{ "a < b && c", "<p>a &lt; b &amp;&amp; c</p>", true },
		{ "List<String> is empty", "<p>List&lt;String&gt; is empty</p>", true },
		{ "List<String> is empty", "List<String> is empty", true },
		{ "1. one\n2. two", "<ol><li>one</li><li>two</li></ol>", true },
		{ "Error: x", "Error: y", false },
		{ "Error: x", "Error: x and more", false },
		{ "\xc3\xa4", "&#228;", false }, /* a letter as entity is not promised to be found */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row) - 1; i++)
		assert_int_equal(testrail_same_text(row[i].sent, row[i].got), row[i].same);
}

static void cases_named_in_a_text(void **state)
{
	static const struct {
		const char *text, *ids;
	} row[] = {
		{ "Field :results contains one or more invalid results (case C123 unknown or not part of the "
		  "test run)",
		  "123 " },
		{ "(case C1, C2 and case C30)", "1 2 30 " },
		{ "case 17 is wrong, case_id 18 too, case id: 19, case #20", "17 18 19 20 " },
		{ "C12", "12 " },
		{ "case", "" },
		{ "C", "" },
		{ "ABC12 C12x C1_2 IPC3", "" },
		{ "CASE C77.", "77 " },
		{ "C99999999999999999999999999999999", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		const char *at = row[i].text;
		char id[24], all[200] = "";
		while (testrail_named_case(&at, id, sizeof(id)))
			snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s ", id);
		assert_string_equal(all, row[i].ids);
	}
}

static void a_closed_run_is_known_by_its_words(void **state)
{
	static const struct {
		const char *words;
		bool closed;
	} row[] = {
		{ "This operation is not allowed. The test run is completed and cannot be changed any more.",
		  true },
		{ "The test run is closed.", true },
		{ "Test run 5 is not active", true },
		{ "The test plan has been archived", true },
		{ "No (active) test found for the run/case combination.", false },
		{ "Field :results.status_id is not a valid status.", false },
		{ "Field :milestone_id is completed", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++)
		assert_int_equal(testrail_says_closed(row[i].words), row[i].closed);
}

static void lists_have_two_shapes(void **state)
{
	static const struct {
		const char *body;
		bool good;
		int count;
		bool last;
	} row[] = {
		{ "[]", true, 0, true },
		{ "[{\"id\":1},{\"id\":2}]", true, 2, true },
		{ "{\"offset\":0,\"limit\":250,\"size\":1,\"_links\":{\"next\":null,\"prev\":null},\"cases\":"
		  "[{}]}",
		  true, 1, true },
		{ "{\"limit\":1,\"_links\":{\"next\":\"/api/v2/get_cases/"
		  "1&limit=0&offset=1\"},\"cases\":[{}]}",
		  true, 1, false },
		{ "{\"_links\":{\"next\":\"/x\"},\"cases\":[]}", true, 0, true },
		{ "{\"_links\":{\"next\":\"\"},\"cases\":[{}]}", true, 1, true },
		{ "{\"limit\":2,\"cases\":[{},{}]}", true, 2, false },
		{ "{\"limit\":2,\"cases\":[{}]}", true, 1, true },
		{ "{\"cases\":[{}]}", true, 1, true },
		{ "{\"cases\":{}}", false, 0, false },
		{ "{\"sections\":[]}", false, 0, false },
		{ "{}", false, 0, false },
		{ "\"x\"", false, 0, false },
		{ "<html>", false, 0, false },
		{ "", false, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct testrail_page page;
		struct reply r;
		reply_init(&r);
		buf_puts(&r.body, row[i].body);
		assert_int_equal(testrail_page(&r, "cases", &page), row[i].good);
		if (row[i].good) {
			assert_int_equal(page.count, row[i].count);
			assert_int_equal(page.last, row[i].last);
		}
		cJSON_Delete(page.root);
		reply_done(&r);
	}
}

/* ---- the section of a case ---- */

static const char *get_var(void *cookie, const char *name)
{
	(void)cookie;
	return strcmp(name, "job") == 0 ? "nightly" : strcmp(name, "team") == 0 ? "a / b" : NULL;
}

static void sections_of_cases(void **state)
{
	static const struct {
		const char *tpl, *suite[4], *class_name, *path;
	} row[] = {
		{ "{suite}", { "outer", "inner" }, "C", "outer|inner" },
		{ "{suite}", { NULL }, "com.x.C", "com.x.C" },
		{ "{suite}", { NULL }, NULL, "Tests" },
		{ "{suite}", { "a / b", "c" }, "C", "a / b|c" },
		{ "{suite}", { " ", "\t", "x" }, "C", "x" },
		{ "{suite}", { "", NULL }, "C", "C" },
		{ "CI / {job} / {suite}", { "s", "t" }, "C", "CI|nightly|s|t" },
		{ "{team} / {class}", { "s" }, "p / q", "a|b|p / q" },
		{ "{class|'none'}", { "s" }, NULL, "none" },
		{ "CI/{suite}", { "s", "t" }, "C", "CI/s|t" },
		{ " / {job} / ", { "s" }, "C", "nightly" },
		{ "{suite|class|'x'}", { NULL }, "C", "C" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct arena a = ARENA_LIMIT(1 << 20);
		struct testrail_conf conf = { 0 };
		struct vars vars = { .get = get_var };
		struct err err = ERR_NONE;
		struct result r = { .suite = row[i].suite, .class_name = row[i].class_name };
		const char *const *path;
		char all[500] = "";
		size_t at, count;
		while (r.suite_count < 4 && r.suite[r.suite_count] != NULL)
			r.suite_count++;
		assert_int_equal(template_parse(row[i].tpl, &conf.create.section, &at, &err), 0);
		assert_int_equal(testrail_place(&conf, &vars, &r, &a, &path, &count, &err), 0);
		for (size_t k = 0; k < count; k++)
			snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", k > 0 ? "|" : "",
				 path[k]);
		assert_string_equal(all, row[i].path);
		template_free(conf.create.section);
		arena_done(&a);
	}
}

static void a_missing_variable_is_named(void **state)
{
	struct arena a = ARENA_LIMIT(1 << 20);
	struct testrail_conf conf = { 0 };
	struct vars vars = { .get = get_var };
	struct err err = ERR_NONE;
	struct result r = { .name = "x" };
	const char *const *path;
	size_t at, count;

	(void)state;
	assert_int_equal(template_parse("{nobody}", &conf.create.section, &at, &err), 0);
	assert_true(testrail_place(&conf, &vars, &r, &a, &path, &count, &err) < 0);
	assert_non_null(strstr(err.text, "nobody"));
	template_free(conf.create.section);
	arena_done(&a);
}

static void deep_suites_end_somewhere(void **state)
{
	struct arena a = ARENA_LIMIT(1 << 20);
	struct testrail_conf conf = { 0 };
	struct vars vars = { .get = get_var };
	struct err err = ERR_NONE;
	const char *suite[200];
	struct result r = { .suite = suite, .suite_count = COUNT(suite) };
	const char *const *path;
	size_t at, count;

	(void)state;
	for (size_t i = 0; i < COUNT(suite); i++)
		suite[i] = "level";
	assert_int_equal(template_parse("{suite}", &conf.create.section, &at, &err), 0);
	assert_int_equal(testrail_place(&conf, &vars, &r, &a, &path, &count, &err), 0);
	assert_int_equal(count, 16);
	assert_string_equal(path[0], "level");
	assert_true(strncmp(path[15], "level/level/", 12) == 0);
	assert_true(strlen(path[15]) <= TESTRAIL_NAME_MAX);
	template_free(conf.create.section);
	arena_done(&a);
}

/* Dates as people write them in a configuration. */
static void dates_in_any_form(void **state)
{
	static const struct {
		const char *text;
		int64_t at;
	} row[] = {
		{ "2026-12-01", 1796083200 },
		{ "12/01/2026", 1796083200 },
		{ "2026-12-01T10:00:00Z", 1796119200 },
		{ "2026-12-01T10:00", 1796119200 },
		{ "2026-12-01 10:00:00.123Z", 1796119200 },
		{ "2026-12-01T10:00:00+01:00", 1796115600 },
		{ "2026-12-01T10:00:00-0130", 1796124600 },
		{ "1796083200", 1796083200 },
		{ "1970-01-01", 0 },
		{ "2024-02-29", 1709164800 },
		{ "+14d", 1000 + 14 * 86400 },
		{ "+2w", 1000 + 14 * 86400 },
		{ "+90m", 1000 + 5400 },
		{ "", -1 },
		{ "soon", -1 },
		{ "12", -1 },
		{ "+d", -1 },
		{ "+14", -1 },
		{ "+14dd", -1 },
		{ "2026-13-01", -1 },
		{ "2026-12-01T", -1 },
		{ "2026-12-01T25:00", -1 },
		{ "2026-12-01T10:00x", -1 },
		{ "2026-12-01T10:00+99:00", -1 },
		{ "1969-12-31", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (testrail_when(row[i].text, 1000 * 1000) != row[i].at)
			fail_msg("%s: %lld", row[i].text, (long long)testrail_when(row[i].text, 1000 * 1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_in_any_form),
		cmocka_unit_test(rich_text_is_undone),
		cmocka_unit_test(lines_fit_a_name),
		cmocka_unit_test(spans_are_never_nothing),
		cmocka_unit_test(texts_that_came_back),
		cmocka_unit_test(cases_named_in_a_text),
		cmocka_unit_test(a_closed_run_is_known_by_its_words),
		cmocka_unit_test(lists_have_two_shapes),
		cmocka_unit_test(sections_of_cases),
		cmocka_unit_test(a_missing_variable_is_named),
		cmocka_unit_test(deep_suites_end_somewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

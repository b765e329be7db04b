/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sink.c - answers of any shape, read without surprise. */
#include "sinks/sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void json_is_found_behind_a_line(void **state)
{
	static const struct {
		const char *body;
		int a;
	} row[] = {
		{ "{\"a\":1}", 1 },
		{ "  \r\n{\"a\":2}\n", 2 },
		{ "\xef\xbb\xbf{\"a\":3}", 3 },
		{ "USER AUTHENTICATION SUCCESSFUL!\n{\"a\":4}", 4 },
		{ "Notice: something\nin two lines\n  {\"a\":5}", 5 },
		{ "", -1 },
		{ "   ", -1 },
		{ "{\"a\":6", -1 },
		{ "<html><script>{\"a\":7}</script></html>", -1 },
		{ "text {\"a\":8}", -1 },
		{ "1\n2\n3\n4\n5\n6\n7\n{\"a\":9}", -1 },
		{ "USER AUTHENTICATION SUCCESSFUL!\n<html>\n{\"a\":10}", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct reply r;
		reply_init(&r);
		buf_puts(&r.body, row[i].body);
		cJSON *root = sink_json(&r);
		assert_int_equal(sink_int(root, "a", -1), row[i].a);
		cJSON_Delete(root);
		reply_done(&r);
	}
}

static void words_are_one_clean_line(void **state)
{
	static const struct {
		const char *body, *words;
	} row[] = {
		{ "{\"error\":\"Field :name is a required field.\"}", "Field :name is a required field." },
		{ "{\"error\":\"two\\nlines\\u001b[0m\"}", "two lines [0m" },
		{ "{\"message\":\"no\"}", "no" },
		{ "{\"error\":\"invalid_token\",\"error_description\":\"The token has expired\"}",
		  "The token has expired" },
		{ "{\"error\":\"e\",\"error_description\":\"d\",\"message\":\"m\"}", "m" },
		{ "{\"error\":\"Unauthorized\",\"message\":\"\",\"status\":401}", "Unauthorized" },
		{ "{\"Message\":\"Authorization has been denied.\"}", "Authorization has been denied." },
		{ "{\"status-code\":401,\"message\":\"Client must be authenticated\"}",
		  "Client must be authenticated" },
		{ "{\"errorMessages\":[\"first\",\"second\"]}", "first; second" },
		{ "{\"errorMessages\":[],\"errors\":{\"name\":\"is wrong\",\"key\":\"is taken\"}}",
		  "name: is wrong; key: is taken" },
		{ "{\"errors\":{\"AT-TC-1\":{\"message\":\"no such case\"}}}", "AT-TC-1: no such case" },
		{ "{\"errors\":[\"a\",{\"message\":\"b\"},7,null,{}]}", "a; b" },
		{ "{\"message\":\"Not valid\",\"errors\":[{\"message\":\"a name is due\"}]}",
		  "Not valid; a name is due" },
		{ "{\"error\":{\"code\":403,\"message\":\"no right\",\"errors\":[{\"message\":\"no "
		  "right\"}]}}",
		  "no right" },
		{ "{\"type\":\"about:blank\",\"title\":\"Forbidden\",\"status\":403,\"detail\":\"No "
		  "license\"}",
		  "No license" },
		{ "{\"error\":{\"error\":{\"error\":{\"error\":{\"error\":{\"error\":\"deep\"}}}}}}",
		  "{\"error\":{\"error\":{\"error\":{\"error\":{\"error\":{\"error\":\"deep\"}}}}}}" },
		{ "\"The token is not valid\"", "The token is not valid" },
		{ "[{\"message\":\"one\"},\"two\"]", "one; two" },
		{ "{\"message\":\"<html><head><title>Sign in</title></head><body>..</body></html>\"}",
		  "Sign in" },
		{ "{\"errors\":[{\"message\":\"deep\"}]}", "deep" },
		{ "{\"errors\":{\"name\":\"is wrong\"}}", "name: is wrong" },
		{ "{\"error\":\"\"}", "{\"error\":\"\"}" },
		{ "<html><head><title>413 Too <b>Large</b></title></head></html>", "413 Too Large" },
		{ "plain text\r\nand more", "plain text and more" },
		{ "\xff\xfe"
		  "bad \xc3\x28 bytes",
		  "bad ( bytes" },
		{ "", "HTTP 418 without a word" },
		{ "<br/>", "an HTML page" },
		{ "<!DOCTYPE html>\n<html lang=en><head><style>p{}</style><title>\n Log in &amp; go "
		  "</title></head>"
		  "<body><h1>Hello</h1><p>much text</p></body></html>",
		  "Log in & go" },
		{ "<HTML><HEAD><TITLE></TITLE></HEAD><BODY><H1>Access <i>denied</i></H1></BODY></HTML>",
		  "Access denied" },
		{ "<html><body><div>all <p>sorts</div><script>of(\"things\")</script></body></html>",
		  "an HTML page" },
		{ "USER AUTHENTICATION SUCCESSFUL!\n<html><title>Down</title></html>", "Down" },
		{ "<br />\n<b>Fatal error</b>:  no memory &lt;left&gt; in <b>/x.php</b><script>a<b</script>",
		  "Fatal error : no memory <left> in /x.php" },
		{ "<?xml version=\"1.0\"?><status><status-code>401</status-code><message>Log in "
		  "first</message></status>",
		  "Log in first" },
		{ "<?xml version=\"1.0\"?><a/>", "an XML document" },
		{ "<html><title>never ended", "an HTML page" },
		{ "Field <name> is missing", "Field <name> is missing" },
		{ "  AIO Tests is not enabled for project AT\n", "AIO Tests is not enabled for project AT" },
		{ "[1]", "[1]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct arena a = ARENA_LIMIT(1 << 16);
		struct reply r;
		reply_init(&r);
		r.status = 418;
		buf_puts(&r.body, row[i].body);
		assert_string_equal(sink_words(&a, &r), row[i].words);
		reply_done(&r);
		arena_done(&a);
	}
}

static void a_type_of_html_is_believed(void **state)
{
	struct arena a = ARENA_LIMIT(1 << 16);
	struct reply r;

	(void)state;
	reply_init(&r);
	r.status = 403;
	(void)snprintf(r.content_type, sizeof(r.content_type), "text/html; charset=utf-8");
	buf_puts(&r.body, "Forbidden<br>Ask the <b>administrator</b>");
	assert_string_equal(sink_words(&a, &r), "Forbidden Ask the administrator");
	buf_reset(&r.body);
	buf_append(&r.body, "a\0b<i\0>c", 9);
	assert_string_equal(sink_words(&a, &r), "a b c");
	reply_done(&r);
	arena_done(&a);
}

static void words_have_an_end(void **state)
{
	struct arena a = ARENA_LIMIT(1 << 16);
	struct reply r;

	(void)state;
	reply_init(&r);
	for (int i = 0; i < 100000; i++)
		buf_puts(&r.body, "\xc3\xa4");
	const char *words = sink_words(&a, &r);
	assert_in_range(strlen(words), 300, 420);
	assert_string_equal(words + strlen(words) - 5, "\xc3\xa4...");
	reply_done(&r);
	arena_done(&a);
}

static void ids_are_numbers_or_strings(void **state)
{
	static const struct {
		const char *json, *id;
	} row[] = {
		{ "{\"id\":12}", "12" },
		{ "{\"id\":\"12\"}", "12" },
		{ "{\"id\":\"2b8e-11\"}", "2b8e-11" },
		{ "{\"id\":9007199254740991}", "9007199254740991" },
		{ "{\"id\":1e300}", NULL },
		{ "{\"id\":1.5}", NULL },
		{ "{\"id\":\"\"}", NULL },
		{ "{\"id\":null}", NULL },
		{ "{\"id\":{}}", NULL },
		{ "{\"id\":true}", NULL },
		{ "{}", NULL },
		{ "[]", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct arena a = ARENA_LIMIT(1 << 12);
		cJSON *root = cJSON_Parse(row[i].json);
		const char *id = sink_id(&a, root, "id");
		if (row[i].id == NULL)
			assert_null(id);
		else
			assert_string_equal(id, row[i].id);
		cJSON_Delete(root);
		arena_done(&a);
	}
}

static void numbers_and_flags_of_any_type(void **state)
{
	static const struct {
		const char *json;
		int64_t n;
		bool flag;
	} row[] = {
		{ "{\"x\":1}", 1, true },
		{ "{\"x\":0}", 0, false },
		{ "{\"x\":\"1\"}", 1, true },
		{ "{\"x\":\"-7\"}", -7, false },
		{ "{\"x\":\"true\"}", -99, true },
		{ "{\"x\":true}", -99, true },
		{ "{\"x\":false}", -99, false },
		{ "{\"x\":null}", -99, false },
		{ "{\"x\":\"12a\"}", -99, false },
		{ "{\"x\":\"99999999999999999999\"}", -99, false },
		{ "{\"x\":1e300}", -99, true },
		{ "{\"x\":[1]}", -99, false },
		{ "{}", -99, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		cJSON *root = cJSON_Parse(row[i].json);
		assert_int_equal(sink_int(root, "x", -99), row[i].n);
		assert_int_equal(sink_bool(root, "x"), row[i].flag);
		cJSON_Delete(root);
	}
}

static void setting_replaces(void **state)
{
	cJSON *o = cJSON_CreateObject();

	(void)state;
	sink_set_string(o, "a", "x");
	sink_set_string(o, "a", "y");
	sink_set_int(o, "a", 5);
	sink_set_string(o, "b", NULL);
	char *text = cJSON_PrintUnformatted(o);
	assert_string_equal(text, "{\"a\":5,\"b\":null}");
	free(text);
	cJSON_Delete(o);
}

static void values_are_escaped(void **state)
{
	struct buf b = BUF_LIMIT(1000);

	(void)state;
	sink_escape(&b, "a+b@c.de/\xc3\xa4&x=1~");
	assert_string_equal(b.data, "a%2Bb%40c.de%2F%C3%A4%26x%3D1~");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_found_behind_a_line),
		cmocka_unit_test(words_are_one_clean_line),
		cmocka_unit_test(a_type_of_html_is_believed),
		cmocka_unit_test(words_have_an_end),
		cmocka_unit_test(ids_are_numbers_or_strings),
		cmocka_unit_test(numbers_and_flags_of_any_type),
		cmocka_unit_test(setting_replaces),
		cmocka_unit_test(values_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

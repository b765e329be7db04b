/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/request.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *line, struct control_request *out, struct err *err)
{
	/* In a block of its own size, so that the sanitizer sees a read beyond it. */
	size_t len = strlen(line);
	char *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	for (size_t i = 0; i < len; i++)
		copy[i] = line[i];
	*err = ERR_NONE;
	int rc = control_request_parse(copy, len, out, err);
	free(copy);
	return rc;
}

static void requests_are_taken(void **state)
{
	static const struct {
		const char *line;
		enum control_do what;
		bool fd;
	} row[] = {
		{ "{\"do\":\"hello\",\"protocol\":1}", CONTROL_HELLO, false },
		{ " {\"do\":\"status\"} \r", CONTROL_STATUS, false },
		{ "{\"do\":\"status\",\"newer\":[1,{}]}", CONTROL_STATUS, false },
		{ "{\"do\":\"spend\",\"sink\":\"defects\",\"requests\":1,\"made\":false}", CONTROL_SPEND,
		  false },
		{ "{\"do\":\"file\",\"id\":0,\"path\":\"/a\"}", CONTROL_FILE, true },
		{ "{\"do\":\"context\",\"context\":null}", CONTROL_CONTEXT, false },
		{ "{\"do\":\"context\",\"context\":{\"ci\":{\"a\":1}}}", CONTROL_CONTEXT, false },
		{ "{\"do\":\"open\",\"source\":\"submit\",\"set\":{\"a\":\"b\"},\"sinks\":[\"x\"]}",
		  CONTROL_OPEN, false },
		{ "{\"do\":\"queue\",\"verb\":\"list\"}", CONTROL_QUEUE, false },
		{ "{\"do\":\"queue\",\"verb\":\"export\",\"file\":\"x\"}", CONTROL_QUEUE, true },
		{ "{\"do\":\"await\",\"runs\":[],\"timeout_ms\":9007199254740992}", CONTROL_AWAIT, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct control_request r;
		struct err err;
		assert_int_equal(parse(row[i].line, &r, &err), 0);
		assert_int_equal(r.what, row[i].what);
		assert_int_equal(control_wants_fd(&r), row[i].fd);
		assert_int_equal(r.fd, -1);
		control_request_done(&r);
	}
}

static void hostile_lines_are_refused(void **state)
{
	static const char *const row[] = {
		"",
		" ",
		"{",
		"}",
		"{}",
		"[]",
		"null",
		"1",
		"\"do\"",
		"{\"do\":1}",
		"{\"do\":\"\"}",
		"{\"do\":\"Hello\"}",
		"{\"do\":\"hello\"}",
		"{\"do\":\"hello\",\"protocol\":\"1\"}",
		"{\"do\":\"hello\",\"protocol\":-1}",
		"{\"do\":\"hello\",\"protocol\":1.5}",
		"{\"do\":\"hello\",\"protocol\":1e300}",
		"{\"do\":\"hello\",\"protocol\":1}{}",
		"{\"do\":\"hello\",\"protocol\":1} x",
		"{\"do\":\"hello\",\"do\":\"status\",\"protocol\":1}",
		"{\"do\":\"hello\",\"protocol\":1,\"sinks\":{\"a\":1}}",
		"{\"do\":\"hello\",\"protocol\":1,\"sinks\":[]}",
		"{\"do\":\"file\",\"id\":1}",
		"{\"do\":\"file\",\"path\":\"/a\"}",
		"{\"do\":\"end\",\"runs\":{}}",
		"{\"do\":\"end\",\"runs\":[\"1\"]}",
		"{\"do\":\"end\",\"runs\":[-1]}",
		"{\"do\":\"end\",\"runs\":[0.5]}",
		"{\"do\":\"answer\",\"yes\":1}",
		"{\"do\":\"context\",\"context\":[]}",
		"{\"do\":\"status\"",
		"\xff\xfe{\"do\":\"status\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct control_request r;
		struct err err;
		assert_int_equal(parse(row[i], &r, &err), -EINVAL);
		assert_true(err.text[0] != '\0');
		assert_null(r.json);
	}
}

static void limits_hold(void **state)
{
	static const char *const open = "{\"do\":\"end\",\"runs\":[";
	struct control_request r;
	struct err err = ERR_NONE;
	size_t room = CONTROL_LINE_MAX + 64, at;
	char *line = calloc(1, room);

	(void)state;
	assert_non_null(line);
	/* 4096 ids, and one more */
	for (int n = 4096; n <= 4097; n++) {
		at = (size_t)strlen(strcpy(line, open));
		for (int i = 0; i < n; i++) {
			memcpy(line + at, i == 0 ? "1" : ",1", i == 0 ? 1 : 2);
			at += i == 0 ? 1 : 2;
		}
		memcpy(line + at, "]}", 3);
		assert_int_equal(parse(line, &r, &err), n == 4096 ? 0 : -EINVAL);
		if (n == 4096)
			control_request_done(&r);
	}
	/* depth, number of values, length, a NUL */
	memset(line, '[', 60000);
	line[60000] = '\0';
	assert_int_equal(parse(line, &r, &err), -EINVAL);
	memset(line, ',', CONTROL_NODES_MAX + 1);
	line[CONTROL_NODES_MAX + 1] = '\0';
	assert_int_equal(parse(line, &r, &err), -EINVAL);
	memset(line, ' ', CONTROL_LINE_MAX + 1);
	assert_int_equal(control_request_parse(line, CONTROL_LINE_MAX + 1, &r, &err), -EINVAL);
	memcpy(line, "{\"do\":\"status\"}\0", 16);
	assert_int_equal(control_request_parse(line, 16, &r, &err), -EINVAL);
	/* a path of 4096 bytes, and of one more */
	for (size_t n = CONTROL_PATH_MAX; n <= CONTROL_PATH_MAX + 1; n++) {
		at = (size_t)strlen(strcpy(line, "{\"do\":\"file\",\"id\":1,\"path\":\""));
		memset(line + at, 'p', n);
		memcpy(line + at + n, "\"}", 3);
		assert_int_equal(parse(line, &r, &err), n == CONTROL_PATH_MAX ? 0 : -EINVAL);
		if (n == CONTROL_PATH_MAX)
			control_request_done(&r);
	}
	free(line);
}

static void fields_are_what_they_are(void **state)
{
	struct control_request r;
	struct err err;

	(void)state;
	assert_int_equal(
		parse("{\"do\":\"queue\",\"verb\":\"show\",\"json\":true,\"ids\":[7],\"reason\":null}", &r,
		      &err),
		0);
	assert_string_equal(control_text(&r, "verb"), "show");
	assert_true(control_flag(&r, "json"));
	assert_false(control_flag(&r, "all"));
	assert_null(control_text(&r, "reason"));
	assert_null(control_text(&r, "json"));
	assert_int_equal(control_number(&r, "verb"), 0);
	assert_int_equal(cJSON_GetArraySize(control_field(&r, "ids")), 1);
	assert_string_equal(control_do_name(r.what), "queue");
	control_request_done(&r);
	control_request_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_taken),
		cmocka_unit_test(hostile_lines_are_refused),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(fields_are_what_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

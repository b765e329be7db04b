/* SPDX-License-Identifier: Apache-2.0
 *
 * A result as a line of JSON and back. */
#include "daemon/model/result_json.h"

#include "daemon/base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT_OF(literal)                                          \
	{                                                         \
		literal, sizeof(literal) - 1, sizeof(literal) - 1 \
	}

static const char *const suites[] = { "outer", "in \"ner\"" };
static const char *const params[] = { "1", "" };
static const char *const refs[] = { "C12", "AT-TC-3" };
static const struct property properties[] = { { "k", "v" }, { "k", "" } };
static const struct evidence_hint hints[] = { { "a/b.png", NULL, 0 }, { "data:;base64,aGk=", "hi.txt", 3 } };
static const struct attempt attempts[] = {
	{ OUTCOME_ERROR,
	  3,
	  INT64_C(1704164645123),
	  { "T", TEXT_OF("m"), { "cut", 3, 70000 } },
	  TEXT_OF("o"),
	  TEXT_OF("e") },
	{ OUTCOME_PASSED, -1, TIME_UNKNOWN, { 0 }, { 0 }, { 0 } },
};

static struct result full(void)
{
	return (struct result){
		.report = "r.xml",
		.suite = suites,
		.suite_count = 2,
		.class_name = "c",
		.name = "n\tx",
		.params = params,
		.param_count = 2,
		.variant = "linux",
		.id = "c.n",
		.outcome = OUTCOME_FAILED,
		.flaky = true,
		.known_failure = true,
		.duration_ms = 12.5,
		.started_ms = INT64_C(1704164645678),
		.failure = { "java.lang.E", TEXT_OF("mess\\age"), { "de\ntail", 7, 99 } },
		.out = TEXT_OF("out \xc3\xa9\xf0\x9f\x98\x80"),
		.err = TEXT_OF("err"),
		.attempts = attempts,
		.attempt_count = 2,
		.properties = properties,
		.property_count = 2,
		.refs = refs,
		.ref_count = 2,
		.evidence = hints,
		.evidence_count = 2,
		.file = "a.c",
		.line = 42,
	};
}

static void everything_in_the_order_of_the_contract(void **state)
{
	struct buf b = BUF_LIMIT(1 << 20);
	struct result r = full();

	(void)state;
	assert_int_equal(result_json_write(&b, &r), 0);
	assert_string_equal(
		b.data,
		"{\"report\":\"r.xml\",\"suite\":[\"outer\",\"in "
		"\\\"ner\\\"\"],\"class\":\"c\",\"name\":\"n\\tx\","
		"\"params\":[\"1\",\"\"],\"variant\":\"linux\",\"id\":\"c.n\",\"status\":\"failed\","
		"\"flaky\":true,"
		"\"known_failure\":true,\"duration_ms\":12.5,\"started_at\":\"2024-01-02T03:04:05.678Z\","
		"\"failure\":{\"type\":\"java.lang.E\",\"message\":\"mess\\\\age\",\"detail\":\"de\\ntail\","
		"\"detail_bytes\":99},\"attempts\":[{\"status\":\"error\",\"duration_ms\":3,"
		"\"started_at\":\"2024-01-02T03:04:05.123Z\",\"failure\":{\"type\":\"T\",\"message\":\"m\","
		"\"detail\":\"cut\",\"detail_bytes\":70000},\"stdout\":\"o\",\"stderr\":\"e\"},{\"status\":"
		"\"passed\"}],"
		"\"stdout\":\"out "
		"\xc3\xa9\xf0\x9f\x98\x80\",\"stderr\":\"err\",\"properties\":[[\"k\",\"v\"],[\"k\",\"\"]],"
		"\"refs\":[\"C12\",\"AT-TC-3\"],\"evidence\":[{\"path\":\"a/"
		"b.png\"},{\"path\":\"data:;base64,aGk=\","
		"\"name\":\"hi.txt\",\"step\":3}],\"file\":\"a.c\",\"line\":42}\n");
	buf_done(&b);
}

static void what_is_unknown_is_absent(void **state)
{
	struct buf b = BUF_LIMIT(1 << 20);
	struct result r = { .outcome = OUTCOME_SKIPPED, .duration_ms = -1, .started_ms = TIME_UNKNOWN };

	(void)state;
	assert_int_equal(result_json_write(&b, &r), 0);
	assert_string_equal(
		b.data, "{\"suite\":[],\"status\":\"skipped\",\"flaky\":false,\"known_failure\":false}\n");
	buf_done(&b);
}

static void a_line_says_the_same_after_reading(void **state)
{
	struct result first = full(), again;
	struct buf b = BUF_LIMIT(1 << 20), c = BUF_LIMIT(1 << 20);
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct err err = ERR_NONE;

	(void)state;
	assert_int_equal(result_json_write(&b, &first), 0);
	assert_int_equal(result_json_read(b.data, b.len, &arena, &again, &err), 0);
	assert_int_equal(again.started_ms, first.started_ms);
	assert_int_equal(again.attempts[0].started_ms, attempts[0].started_ms);
	assert_int_equal(again.failure.detail.whole, 99);
	assert_int_equal(again.attempts[1].started_ms, TIME_UNKNOWN);
	assert_true(again.attempts[1].duration_ms < 0);
	assert_int_equal(again.line, 42);
	assert_int_equal(result_json_write(&c, &again), 0);
	assert_string_equal(b.data, c.data);
	arena_done(&arena);
	buf_done(&b);
	buf_done(&c);
}

/* Strings are looked at eight bytes at a time: what must be escaped may stand at any place. */
static void every_byte_at_every_place(void **state)
{
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct buf b = BUF_LIMIT(1 << 20);
	struct result again;

	(void)state;
	for (size_t len = 1; len < 20; len++) {
		for (size_t at = 0; at < len; at++) {
			for (int c = 1; c < 0x80; c++) {
				char name[24];
				memset(name, 'a', len);
				name[at] = (char)c;
				name[len] = '\0';
				struct result r = { .name = name,
						    .duration_ms = -1,
						    .started_ms = TIME_UNKNOWN };
				buf_reset(&b);
				arena_reset(&arena);
				assert_int_equal(result_json_write(&b, &r), 0);
				for (size_t i = 0; i + 1 < b.len; i++)
					assert_true((unsigned char)b.data[i] >= 0x20 &&
						    (unsigned char)b.data[i] != 0x7f);
				assert_int_equal(result_json_read(b.data, b.len, &arena, &again, NULL), 0);
				assert_string_equal(again.name, name);
			}
		}
	}
	arena_done(&arena);
	buf_done(&b);
}

static void stamps_of_years_far_apart(void **state)
{
	static const int64_t row[] = { 0, INT64_C(951782400000), INT64_C(1709164799999),
				       INT64_C(4102444800001) };
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct buf b = BUF_LIMIT(1 << 20);
	struct result again;

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct result r = { .duration_ms = -1, .started_ms = row[i] };
		buf_reset(&b);
		assert_int_equal(result_json_write(&b, &r), 0);
		assert_int_equal(result_json_read(b.data, b.len, &arena, &again, NULL), 0);
		assert_true(again.started_ms == row[i]);
	}
	arena_done(&arena);
	buf_done(&b);
}

static void lines_that_we_did_not_write(void **state)
{
	static const char *const row[] = {
		"",
		"null",
		"[]",
		"{",
		"{}",
		"\"x\"",
		"{\"status\":\"best\"}",
		"{\"status\":1}",
		"{\"status\":\"passed\",\"suite\":{}}",
		"{\"status\":\"passed\",\"suite\":[1]}",
		"{\"status\":\"passed\",\"duration_ms\":\"1\"}",
		"{\"status\":\"passed\",\"duration_ms\":1e999}",
		"{\"status\":\"passed\",\"started_at\":\"yesterday\"}",
		"{\"status\":\"passed\",\"failure\":[]}",
		"{\"status\":\"passed\",\"attempts\":[{}]}",
		"{\"status\":\"passed\",\"properties\":[[\"a\"]]}",
		"{\"status\":\"passed\",\"evidence\":[{}]}",
		"{\"status\":\"passed\",\"refs\":\"C1\"}",
		"{\"status\":\"passed\",\"x\":[[[[[[[[[[]]]]]]]]]]}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct arena arena = ARENA_LIMIT(1 << 20);
		struct result r;
		struct err err = ERR_NONE;
		if (result_json_read(row[i], strlen(row[i]), &arena, &r, &err) != -EINVAL)
			fail_msg("taken: %s", row[i]);
		assert_true(err.text[0] != '\0');
		arena_done(&arena);
	}
}

static void a_full_buffer_is_said(void **state)
{
	struct buf b = BUF_LIMIT(100);
	struct result r = full();

	(void)state;
	assert_int_equal(result_json_write(&b, &r), -E2BIG);
	buf_done(&b);
}

static void a_full_arena_is_said(void **state)
{
	struct buf b = BUF_LIMIT(1 << 20);
	struct result r = full(), again;

	(void)state;
	assert_int_equal(result_json_write(&b, &r), 0);
	for (size_t room = 0; room < 400; room += 20) {
		struct arena arena = ARENA_LIMIT(room);
		struct err err = ERR_NONE;
		assert_int_equal(result_json_read(b.data, b.len, &arena, &again, &err), -EINVAL);
		arena_done(&arena);
	}
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_in_the_order_of_the_contract),
		cmocka_unit_test(what_is_unknown_is_absent),
		cmocka_unit_test(a_line_says_the_same_after_reading),
		cmocka_unit_test(every_byte_at_every_place),
		cmocka_unit_test(stamps_of_years_far_apart),
		cmocka_unit_test(lines_that_we_did_not_write),
		cmocka_unit_test(a_full_buffer_is_said),
		cmocka_unit_test(a_full_arena_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

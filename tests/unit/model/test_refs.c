/* SPDX-License-Identifier: Apache-2.0
 *
 * References in names and properties, and what only looks like one. */
#include "daemon/model/refs.h"

#include "daemon/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct row {
	const char *key, *text, *want;
};

static void expect(const struct row *row, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct arena arena = ARENA_LIMIT(1 << 20);
		struct refs refs = { .arena = &arena };
		struct buf got = BUF_LIMIT(1 << 20);
		if (row[i].key != NULL)
			refs_from_property(&refs, row[i].key, row[i].text);
		else
			refs_from_name(&refs, row[i].text);
		buf_puts(&got, "");
		for (size_t n = 0; n < refs.count; n++)
			buf_printf(&got, "%s%s", n > 0 ? " " : "", refs.ref[n]);
		if (strcmp(got.data, row[i].want) != 0)
			fail_msg("\"%s\" gives \"%s\", not \"%s\"", row[i].text, got.data, row[i].want);
		buf_done(&got);
		arena_done(&arena);
	}
}

static void cases_in_names(void **state)
{
	static const struct row row[] = {
		{ 0, "C123 signs in", "C123" },
		{ 0, "C123_signs_in", "C123" },
		{ 0, "C123: signs in", "C123" },
		{ 0, "signs in C123", "C123" },
		{ 0, "signs_in_C123", "C123" },
		{ 0, "signs in - C123", "C123" },
		{ 0, "C123", "C123" },
		{ 0, "C1_C2_name", "C1 C2" },
		{ 0, "C1, C2 name", "C1 C2" },
		{ 0, "name_C1_C2", "C1 C2" },
		{ 0, "C1 between C2", "C1 C2" },
		{ 0, "[C123] signs in", "C123" },
		{ 0, "signs in [C123]", "C123" },
		{ 0, "module 1 [C123] signs in", "C123" },
		{ 0, "[c101] lower", "C101" },
		{ 0, "[C1, C2] both", "C1 C2" },
		{ 0, "both [C1,C2 C3]", "C1 C2 C3" },
		{ 0, "[C1][C2] both", "C1 C2" },
		{ 0, "[C7] again C7", "C7" },
		/* JUnit 5 and pytest put parameters behind the name */
		{ 0, "testMethod_C123()", "C123" },
		{ 0, "complexTest_C456(String param, int value)", "C456" },
		{ 0, "C789_test_name()", "C789" },
		{ 0, "[C999] test_with_brackets()", "C999" },
		{ 0, "test_login_C12[chromium]", "C12" },
		{ 0, "test_login_C12[chromium](x)", "C12" },
		{ 0, "C007 agent", "C7" },
	};

	(void)state;
	expect(row, COUNT(row));
}

static void what_only_looks_like_a_case(void **state)
{
	static const struct row row[] = {
		{ 0, "", "" },
		{ 0, "checks ABC123", "" },
		{ 0, "uses C99x", "" },
		{ 0, "C99x is used", "" },
		{ 0, "the C64 emulator starts", "" },
		{ 0, "vitaminC12", "" },
		{ 0, "C", "" },
		{ 0, "[C] and [C12x] and [C1 foo]", "" },
		{ 0, "[C1", "" },
		{ 0, "C0 and nothing", "" },
		{ 0, "C12345678901234567890 too long", "" },
		{ 0, "c123 lower without brackets", "" },
		{ 0,
		  "\xc3\xa9"
		  "C12",
		  "" },
		{ 0, "UTC-12", "" },
		{ 0, "(C12)", "" },
	};

	(void)state;
	expect(row, COUNT(row));
}

static void aio_keys_in_names(void **state)
{
	static const struct row row[] = {
		{ 0, "AT-TC-12 signs in", "AT-TC-12" },
		{ 0, "signs in (AT-TC-12)", "AT-TC-12" },
		{ 0, "testLogin_AT_TC_123", "AT-TC-123" },
		{ 0, "TEST_LOGIN_AT_TC_1", "AT-TC-1" },
		{ 0, "AT-TC-1, AT-TC-2", "AT-TC-1 AT-TC-2" },
		{ 0, "AT_TC_1_AT_TC_2_x", "AT-TC-1 AT-TC-2" },
		{ 0, "P2-TC-7", "P2-TC-7" },
		{ 0, "MY_PROJ-TC-7", "MY_PROJ-TC-7" },
		{ 0, "test_AT-TC-5", "AT-TC-5" },
		{ 0, "A-TC-1", "" },
		{ 0, "at-tc-1", "" },
		{ 0, "xAT-TC-1", "" },
		{ 0, "AT-TC-1x", "" },
		{ 0, "AT-TC-", "" },
		{ 0, "AT-TC_1", "" },
		{ 0, "2P-TC-1", "" },
		{ 0, "[C5] AT-TC-6", "AT-TC-6 C5" },
	};

	(void)state;
	expect(row, COUNT(row));
}

static void properties_by_their_names(void **state)
{
	static const struct row row[] = {
		{ "test_id", "C12", "C12" },
		{ "test_id", "c12", "C12" },
		{ "test_id", "12", "C12" },
		{ "test_id", "C1, C2;C3 4", "C1 C2 C3 C4" },
		{ "test_id", "[C1] [C2]", "C1 C2" },
		{ "test_id", "ai.llm.chatbot.test_one", "" },
		{ "test_id", "", "" },
		{ "testrail_case_id", "C1,C2", "C1 C2" },
		{ "testrail_case_ids", "1, 2", "C1 C2" },
		{ "TestRail Case ID", "C1", "C1" },
		{ "testrail", "https://example.testrail.io/index.php?/cases/view/77", "C77" },
		{ "aio_case_key", "AT-TC-3", "AT-TC-3" },
		{ "aio_case_key", "AT-TC-3, AT-TC-4", "AT-TC-3 AT-TC-4" },
		{ "aio_case_key", "AT_TC_3", "AT-TC-3" },
		{ "aio_case_key", "12", "" },
		{ "test_key", "AT-TC-9", "AT-TC-9" },
		{ "test_key", "AT-9", "" },
		{ "case_id", "12", "" },
		{ "case_id", "C12", "C12" },
		{ "author", "C12", "" },
		{ "a_very_long_name_that_goes_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on", "C1",
		  "" },
	};

	(void)state;
	expect(row, COUNT(row));
}

static void no_more_than_the_ceiling(void **state)
{
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct refs refs = { .arena = &arena };
	struct buf many = BUF_LIMIT(1 << 20);

	(void)state;
	for (int i = 1; i < 3 * REFS_MAX; i++)
		buf_printf(&many, "C%d,", i);
	refs_from_property(&refs, "test_id", many.data);
	assert_int_equal(refs.count, REFS_MAX);
	assert_string_equal(refs.ref[REFS_MAX - 1], "C64");
	buf_done(&many);
	arena_done(&arena);
}

static void a_full_arena_only_loses_references(void **state)
{
	struct arena arena = ARENA_LIMIT(40);
	struct refs refs = { .arena = &arena };

	(void)state;
	refs_from_name(&refs, "[C1, C2, C3, C4, C5, C6, C7, C8]");
	assert_true(refs.count < 8);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases_in_names),
		cmocka_unit_test(what_only_looks_like_a_case),
		cmocka_unit_test(aio_keys_in_names),
		cmocka_unit_test(properties_by_their_names),
		cmocka_unit_test(no_more_than_the_ceiling),
		cmocka_unit_test(a_full_arena_only_loses_references),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

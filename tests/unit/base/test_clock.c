/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int64_t fixed(void *cookie)
{
	return *(int64_t *)cookie;
}

static void stamps_are_iso(void **state)
{
	static const struct {
		int64_t ms;
		const char *iso;
	} row[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1795255200123, "2026-11-21T10:00:00.123Z" },
		{ 951782399999, "2000-02-28T23:59:59.999Z" },
		{ 951782400000, "2000-02-29T00:00:00.000Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ 253402300799999, "9999-12-31T23:59:59.999Z" },
		{ 253402300800000, "" },
		{ TIME_UNKNOWN, "" },
	};
	char buf[CLOCK_ISO_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_string_equal(clock_iso(row[i].ms, buf), row[i].iso);
}

static void source_can_be_replaced(void **state)
{
	int64_t now = 42;
	const struct clock_source source = { fixed, fixed, &now };

	(void)state;
	clock_replace(&source);
	assert_int_equal(clock_wall_ms(), 42);
	now = 43;
	assert_int_equal(clock_mono_ms(), 43);
	clock_replace(NULL);
	assert_true(clock_wall_ms() > 1700000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stamps_are_iso),
		cmocka_unit_test(source_can_be_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/base/clock.h"

static void strings_are_always_valid(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		const char *out;
	} row[] = {
		{ "plain", 5, "\"plain\"" },
		{ "", 0, "\"\"" },
		{ "a\"b\\c", 5, "\"a\\\"b\\\\c\"" },
		{ "\n\r\t\x01\x7f", 5, "\"\\n\\r\\t\\u0001\\u007f\"" },
		{ "\xc3\xa4", 2, "\"\xc3\xa4\"" },
		{ "a\xff"
		  "b",
		  3,
		  "\"a\xef\xbf\xbd"
		  "b\"" },
		{ "\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xc3", 1, "\"\xef\xbf\xbd\"" },
		{ "a\0b", 3, "\"a\\u0000b\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct buf b = BUF_LIMIT(1000);
		json_string(&b, row[i].in, row[i].len);
		assert_string_equal(b.data, row[i].out);
		buf_done(&b);
	}
}

static void fields_are_separated_and_unknown_ones_left_out(void **state)
{
	struct buf b = BUF_LIMIT(1000);

	(void)state;
	buf_putc(&b, '{');
	json_field(&b, "none", NULL);
	json_field(&b, "a", "x");
	json_field_int(&b, "b", INT64_MIN);
	json_field_ms(&b, "c", -1);
	json_field_ms(&b, "d", 0.5);
	json_field_ms(&b, "e", 12);
	json_field_ms(&b, "f", 1234.5678);
	json_field_ms(&b, "g", 9.2e18);
	json_field_time(&b, "h", TIME_UNKNOWN);
	json_field_bool(&b, "i", true);
	buf_putc(&b, '}');
	assert_string_equal(b.data,
			    "{\"a\":\"x\",\"b\":-9223372036854775808,\"d\":0.5,\"e\":12,\"f\":1234.568,"
			    "\"g\":9.2e+18,\"i\":true}");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_always_valid),
		cmocka_unit_test(fields_are_separated_and_unknown_ones_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

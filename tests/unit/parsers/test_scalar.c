/* SPDX-License-Identifier: Apache-2.0
 *
 * Durations, stamps, counts and lines, as producers write them. */
#include "parsers/scalar.h"

#include "parsers/zone.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void durations_of_every_kind(void **state)
{
	static const struct {
		const char *text;
		double seconds;
	} row[] = {
		{ "0", 0 },
		{ "0.0", 0 },
		{ "1", 1 },
		{ "0.123", 0.123 },
		{ ".5", 0.5 },
		{ "5.", 5 },
		{ "+2", 2 },
		{ " 1.5 ", 1.5 },
		{ "\n2\t", 2 },
		{ "0.000000001", 1e-9 },
		{ "-0.000", 0 },
		/* units */
		{ "3s", 3 },
		{ "12ms", 0.012 },
		{ "12 ms", 0.012 },
		{ "80.803us", 80.803e-6 },
		{ "7\xc2\xb5s", 7e-6 },
		{ "1.5m", 90 },
		{ "2h", 7200 },
		{ "3 sec", 3 },
		{ "9ns", 9e-9 },
		/* exponents: Crystal, long floats of Python */
		{ "6.2057e-5", 6.2057e-5 },
		{ "1e3", 1000 },
		{ "1.5E-3", 0.0015 },
		{ "1e12", 1e12 },
		{ "1.0e+2", 100 },
		{ "214.46667739000017", 214.46667739000017 },
		/* Surefire before 3.1, the JUnit console: thousands */
		{ "2,120.532", 2120.532 },
		{ "14,029.255", 14029.255 },
		{ "12,345.678", 12345.678 },
		{ "1,234,567", 1234567 },
		{ "1,234,567.5", 1234567.5 },
		{ "1,234", 1234 },
		/* a comma for the fraction */
		{ "0,160", 0.160 },
		{ "0,5", 0.5 },
		{ "0,005", 0.005 },
		{ "12,5", 12.5 },
		{ "1.234,5", 1234.5 },
		{ "1,2345", 1.2345 },
		{ "1234,567", 1234.567 },
		{ ",5", 0.5 },
		{ "1.234.567", 1234567 },
		{ "9999999999999.999", 9999999999999.999 },
		{ "9223372036854775.807", 9223372036854775.807 },
		{ "123456789012345678901234567890", 123456789012345678901234567890.0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct scalar_commas commas = { 0 };
		double v = -1;
		if (!scalar_duration(row[i].text, &commas, &v))
			fail_msg("\"%s\" is not understood", row[i].text);
		if (fabs(v - row[i].seconds) > 1e-12 * fabs(row[i].seconds))
			fail_msg("\"%s\" is %.17g", row[i].text, v);
	}
}

static void what_is_no_duration(void **state)
{
	static const char *const row[] = {
		"",          " ",       "NaN",         "Infinity", "inf",
		"-1",        "-0.5s",   "abc",         "time",     "00:00:01.5",
		"0x10",      "1 234.5", "1e400",       "1e",       "e5",
		".",         ",",       "1,23,456",    "1.2.3",    "12q",
		"1,234.5,6", "--1",     "1e999999999", "1s2",      "<time>0.123</time>",
		"1,2,3",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct scalar_commas commas = { 0 };
		double v;
		if (scalar_duration(row[i], &commas, &v))
			fail_msg("\"%s\" is taken for %g", row[i], v);
	}
}

static void a_lone_comma_means_what_the_file_has_shown(void **state)
{
	struct scalar_commas commas = { 0 };
	double v;

	(void)state;
	assert_true(scalar_duration("0,160", &commas, &v));
	assert_true(scalar_duration("1,234", &commas, &v));
	assert_true(fabs(v - 1.234) < 1e-12);
	commas = (struct scalar_commas){ 0 };
	assert_true(scalar_duration("2,120.532", &commas, &v));
	assert_true(scalar_duration("1,234", &commas, &v));
	assert_true(fabs(v - 1234) < 1e-12);
}

static void stamps_of_every_kind(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
		bool zoned;
	} row[] = {
		{ "2024-01-02T03:04:05", INT64_C(1704164645000), false },
		{ "2024-01-02T03:04:05Z", INT64_C(1704164645000), true },
		{ "2024-01-02t03:04:05z", INT64_C(1704164645000), true },
		{ "2024-01-02 03:04:05", INT64_C(1704164645000), false },
		{ "2024-01-02T03:04", INT64_C(1704164640000), false },
		{ "2024-01-02T03:04:05.1", INT64_C(1704164645100), false },
		{ "2024-01-02T03:04:05.123456789Z", INT64_C(1704164645123), true },
		{ "2024-01-02T03:04:05,5Z", INT64_C(1704164645500), true },
		{ "2024-01-02T03:04:05.123456+02:00", INT64_C(1704157445123), true },
		{ "2024-01-02T03:04:05+0530", INT64_C(1704144845000), true },
		{ "2024-01-02T03:04:05-08", INT64_C(1704193445000), true },
		{ "2024-01-02T03:04:05 UTC", INT64_C(1704164645000), true },
		{ "2024-01-02T03:04:05 CET", INT64_C(1704161045000), true },
		{ "2024-07-02T03:04:05 PDT", INT64_C(1719914645000), true },
		{ "2024-01-02T03:04:05 XYZT", INT64_C(1704164645000), false },
		{ "2024-01-02T06:04:05 GMT+03:00", INT64_C(1704164645000), true }, /* Java: no name for it */
		{ "2024-01-02T00:04:05 GMT-03:00", INT64_C(1704164645000), true },
		{ "2024-01-02T06:04:05 UTC+3", INT64_C(1704164645000), true },
		{ "2024-01-02T10:04:05 WIB", INT64_C(1704164645000), true },
		{ "2024-01-02 08:34:05.25 +0530 IST", INT64_C(1704164645250), true }, /* Go */
		{ "2024-01-02 03:04:05 +0000 UTC", INT64_C(1704164645000), true },
		{ "2024-01-01T21:04:05 CST", INT64_C(1704164645000), true },
		{ "2024-01-02T03:04:05+01:00[Europe/Berlin]", INT64_C(1704161045000), true },
		{ "2024-01-02", INT64_C(1704153600000), false },
		{ "2024/01/02 03:04:05", INT64_C(1704164645000), false },
		{ "1704164645", INT64_C(1704164645000), true },
		{ "1704164645.25", INT64_C(1704164645250), true },
		{ "1704164645123", INT64_C(1704164645123), true },
		{ "1631177140166", INT64_C(1631177140166), true }, /* Playwright of old */
		{ "1704164645123456", INT64_C(1704164645123), true },
		{ "Tue, 02 Jan 2024 03:04:05 GMT", INT64_C(1704164645000), true },
		{ "02 Jan 2024 03:04:05 GMT", INT64_C(1704164645000), true },
		{ "Tue Jan 2 03:04:05 2024", INT64_C(1704164645000), false },
		{ "Tue Jan 02 03:04:05 CET 2024", INT64_C(1704161045000), true },
		{ " 2024-01-02T03:04:05Z ", INT64_C(1704164645000), true },
		{ "2024-02-29T00:00:00Z", INT64_C(1709164800000), true },
		{ "2024-01-02T23:59:60Z", INT64_C(1704240000000), true },
		{ "2024-01-02T 03:04:05", INT64_C(1704164645000), false },
		{ "20240102T030405Z", INT64_C(1704164645000), true },
		{ "20240102T030405.25+0100", INT64_C(1704161045250), true },
		{ "20240102 03:04:05.678", INT64_C(1704164645678), false }, /* Robot's */
	};
	struct scalar_clock clock = { NULL, TIME_UNKNOWN };

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		int64_t ms = 0;
		bool zoned = false;
		if (!scalar_stamp(row[i].text, &clock, &ms, &zoned))
			fail_msg("\"%s\" is not understood", row[i].text);
		if (ms != row[i].ms || zoned != row[i].zoned)
			fail_msg("\"%s\" is %lld, zone %d", row[i].text, (long long)ms, zoned);
	}
}

static void stamps_that_make_no_sense(void **state)
{
	static const char *const row[] = {
		"",
		" ",
		"0",
		"tbd",
		"YYYY-MM-DDTHH:MM:SS",
		"2018-38-06T02:38:04",
		"2024-02-30T25:61:61",
		"2023-02-29T00:00:00",
		"T10:31:55",
		"0001-01-01T00:00:00Z",
		"1970-01-01T03:00:00",
		"1970-01-04T12:08:21.048Z",
		"1999-12-31T23:59:59Z",
		"9999-12-31T23:59:59",
		"2024-01-02T03:04:05+99:00",
		"12.000",
		"2024-01-02T3",
		"2024-01-02T03:04:05Zjunk",
		"2024-13-01",
		"20240102T0304",
		"20241302T030405",
		"-1",
		"99999999999999999999999",
		"yesterday",
	};
	struct scalar_clock clock = { NULL, INT64_C(1795262400000) };

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		int64_t ms;
		bool zoned;
		if (scalar_stamp(row[i], &clock, &ms, &zoned))
			fail_msg("\"%s\" is taken for %lld", row[i], (long long)ms);
	}
}

static void a_stamp_may_be_a_day_ahead_and_no_more(void **state)
{
	struct scalar_clock clock = { NULL, INT64_C(1704164645000) };
	int64_t ms;
	bool zoned;

	(void)state;
	assert_true(scalar_stamp("2024-01-03T03:04:05Z", &clock, &ms, &zoned));
	assert_false(scalar_stamp("2024-01-03T03:04:06Z", &clock, &ms, &zoned));
}

static void a_stamp_without_zone_takes_the_one_of_its_source(void **state)
{
	struct scalar_clock clock = { NULL, TIME_UNKNOWN };
	struct zone *z = NULL;
	int64_t ms;
	bool zoned;

	(void)state;
	assert_int_equal(zone_open("+09:00", &z, NULL), 0);
	clock.zone = z;
	assert_true(scalar_stamp("2024-01-02T12:04:05", &clock, &ms, &zoned));
	assert_true(ms == INT64_C(1704164645000));
	assert_true(scalar_stamp("2024-01-02T03:04:05Z", &clock, &ms, &zoned));
	assert_true(ms == INT64_C(1704164645000));
	zone_free(z);
}

static void a_name_of_many_zones_is_that_of_its_source(void **state)
{
	static const struct {
		const char *zone, *text;
	} row[] = {
		{ "+08:00", "2024-01-02T11:04:05 CST" },      { "-06:00", "2024-01-01T21:04:05 CST" },
		{ "+02:00", "2024-01-02T05:04:05 IST" },      { "+08:00", "2024-01-02T08:34:05 IST" },
		{ "+08:00", "2024-01-02T11:04:05 PST" },      { "+03:00", "2024-01-02T06:04:05 AST" },
		{ "+08:00", "Tue Jan 02 11:04:05 CST 2024" }, { "+08:00", "2024-01-02T04:04:05 CET" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct scalar_clock clock = { NULL, TIME_UNKNOWN };
		struct zone *z = NULL;
		int64_t ms = 0;
		bool zoned;
		assert_int_equal(zone_open(row[i].zone, &z, NULL), 0);
		clock.zone = z;
		if (!scalar_stamp(row[i].text, &clock, &ms, &zoned) || ms != INT64_C(1704164645000))
			fail_msg("%s at %s is %lld", row[i].text, row[i].zone, (long long)ms);
		zone_free(z);
	}
}

static void counts_as_headers_have_them(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {
		{ "0", 0 }, { "12", 12 }, { " 5 ", 5 }, { "+7", 7 }, { "3.0", 3 }, { "4.", 4 },
	};
	static const char *const bad[] = { "", "x", "-1", "1.5", "1,000", "99999999999999999999999" };
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(scalar_count(good[i].text, &v));
		assert_true(v == good[i].value);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(scalar_count(bad[i], &v));
}

static void a_line_is_above_zero_or_unknown(void **state)
{
	int64_t line;

	(void)state;
	assert_true(scalar_line("42", &line));
	assert_int_equal(line, 42);
	assert_false(scalar_line("0", &line));
	assert_false(scalar_line("-1", &line));
	assert_false(scalar_line("99999999999", &line));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_of_every_kind),
		cmocka_unit_test(what_is_no_duration),
		cmocka_unit_test(a_lone_comma_means_what_the_file_has_shown),
		cmocka_unit_test(stamps_of_every_kind),
		cmocka_unit_test(stamps_that_make_no_sense),
		cmocka_unit_test(a_stamp_may_be_a_day_ahead_and_no_more),
		cmocka_unit_test(a_stamp_without_zone_takes_the_one_of_its_source),
		cmocka_unit_test(a_name_of_many_zones_is_that_of_its_source),
		cmocka_unit_test(counts_as_headers_have_them),
		cmocka_unit_test(a_line_is_above_zero_or_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * test_local_words.c - figures, texts and bars of the local sink's pages, as people read them. */
#include "sinks/local/local.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void figures_are_for_people(void **state)
{
	static const struct {
		double ms;
		const char *text;
	} duration[] = {
		{ -1, "" },
		{ 0, "0 ms" },
		{ 0.4, "&lt;1 ms" },
		{ 12.3, "12 ms" },
		{ 999.4, "999 ms" },
		{ 999.6, "1.00 s" },
		{ 1234, "1.23 s" },
		{ 12345, "12.3 s" },
		{ 59949, "59.9 s" },
		{ 59960, "1 min 0 s" },
		{ 192000, "3 min 12 s" },
		{ 3600e3, "1 h 0 min" },
		{ 7500e3, "2 h 5 min" },
		{ 86400e3 * 3, "3 d 0 h" },
		{ 1e300, "for ages" },
		{ (double)INFINITY, "" },
		{ (double)NAN, "" },
	};
	static const struct {
		uint64_t n;
		const char *text;
	} number[] = {
		{ 0, "0" },
		{ 999, "999" },
		{ 1000, "1,000" },
		{ 1234567, "1,234,567" },
		{ UINT64_MAX, "18,446,744,073,709,551,615" },
	};
	static const struct {
		const char *in, *out;
	} text[] = {
		{ "a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;" },
		{ "\x01\x1b", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xef\xbf\xbd[31mred\xef\xbf\xbd[0m", "red" },
		{ "\xef\xbf\xbd[3", "\xef\xbf\xbd[3" },
		{ "\xef\xbf\xbd[1;31;x", "\xef\xbf\xbd[1;31;x" },
		{ "\xe2\x80\x8b", "\xe2\x9f\xa8U+200B\xe2\x9f\xa9" },
		{ "\xc3", "\xef\xbf\xbd" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
	};
	struct buf b = BUF_LIMIT(1024);

	(void)state;
	for (size_t i = 0; i < COUNT(duration); i++) {
		buf_reset(&b);
		html_duration(&b, duration[i].ms);
		assert_string_equal(b.data != NULL ? b.data : "", duration[i].text);
	}
	for (size_t i = 0; i < COUNT(number); i++) {
		buf_reset(&b);
		html_number(&b, number[i].n);
		assert_string_equal(b.data, number[i].text);
	}
	for (size_t i = 0; i < COUNT(text); i++) {
		buf_reset(&b);
		html_string(&b, text[i].in);
		assert_string_equal(b.data, text[i].out);
	}
	buf_done(&b);
}

static void a_bar_shows_one_in_a_million(void **state)
{
	const uint64_t count[VERDICT_COUNT] = { [VERDICT_PASSED] = 999999, [VERDICT_ERROR] = 1 };
	struct buf b = BUF_LIMIT(4096);
	double x, width;

	(void)state;
	html_bar(&b, "big", count);
	assert_non_null(strstr(b.data, "aria-label=\"1 error, 999999 passed\""));
	assert_int_equal(sscanf(strstr(b.data, "class=\"error\""), "class=\"error\" x=\"%lf\" width=\"%lf\"",
				&x, &width),
			 2);
	assert_true(width >= 8);
	assert_int_equal(sscanf(strstr(b.data, "class=\"passed\""),
				"class=\"passed\" x=\"%lf\" width=\"%lf\"", &x, &width),
			 2);
	assert_true(x + width > 999.8 && x + width < 1000.2);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_for_people),
		cmocka_unit_test(a_bar_shows_one_in_a_million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

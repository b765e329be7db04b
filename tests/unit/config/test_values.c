/* SPDX-License-Identifier: Apache-2.0
 *
 * test_values.c - numbers with units, both ways; URLs; and "did you mean". */
#include "daemon/config/values.h"

#include "daemon/config/common.h"
#include "daemon/config/words.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void whole_numbers(void **state)
{
	static const struct {
		int (*read)(const char *s, int64_t *out);
		const char *text;
		int rc;
		int64_t value;
	} row[] = {
		{ value_int, "0", 0, 0 },
		{ value_int, "-7", 0, -7 },
		{ value_int, "250", 0, 250 },
		{ value_int, "9223372036854775800", 0, INT64_C(9223372036854775800) },
		{ value_int, "9223372036854775808", -ERANGE, 0 },
		{ value_int, "", -EINVAL, 0 },
		{ value_int, "-", -EINVAL, 0 },
		{ value_int, "010", -EINVAL, 0 },
		{ value_int, "1.5", -EINVAL, 0 },
		{ value_int, " 1", -EINVAL, 0 },
		{ value_int, "0x1", -EINVAL, 0 },
		{ value_int, "1e3", -EINVAL, 0 },
		{ value_duration, "0", 0, 0 },
		{ value_duration, "500ms", 0, 500 },
		{ value_duration, "30s", 0, 30000 },
		{ value_duration, "5m", 0, 300000 },
		{ value_duration, "6h", 0, 21600000 },
		{ value_duration, "30d", 0, INT64_C(2592000000) },
		{ value_duration, "2 s", 0, 2000 },
		{ value_duration, "5", -EINVAL, 0 },
		{ value_duration, "s", -EINVAL, 0 },
		{ value_duration, "-5s", -EINVAL, 0 },
		{ value_duration, "1h30m", -EINVAL, 0 },
		{ value_duration, "1.5s", -EINVAL, 0 },
		{ value_duration, "5S", -EINVAL, 0 },
		{ value_duration, "106751991168d", -ERANGE, 0 },
		{ value_duration, "106751991167d", 0, INT64_C(106751991167) * 86400000 },
		{ value_size, "1000", 0, 1000 },
		{ value_size, "64KiB", 0, 65536 },
		{ value_size, "50MiB", 0, 52428800 },
		{ value_size, "2GiB", 0, INT64_C(2147483648) },
		{ value_size, "1TiB", 0, INT64_C(1) << 40 },
		{ value_size, "64KB", -EINVAL, 0 },
		{ value_size, "64kib", -EINVAL, 0 },
		{ value_size, "9000000TiB", -ERANGE, 0 },
		{ value_mode, "0755", 0, 0755 },
		{ value_mode, "644", 0, 0644 },
		{ value_mode, "02770", 0, 02770 },
		{ value_mode, "7777", 0, 07777 },
		{ value_mode, "0999", -EINVAL, 0 },
		{ value_mode, "7", -EINVAL, 0 },
		{ value_mode, "107777", -EINVAL, 0 },
		{ value_mode, "rwxr-xr-x", -EINVAL, 0 },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		int64_t value = 0;
		int rc = row[i].read(row[i].text, &value);
		if (rc != row[i].rc || value != row[i].value)
			print_error("%s: %d, %lld\n", row[i].text, rc, (long long)value);
		assert_int_equal(rc, row[i].rc);
		assert_true(value == row[i].value);
	}
}

static void rates(void **state)
{
	static const struct {
		const char *text;
		int rc;
		double per_hour;
		const char *printed;
	} row[] = {
		{ "180/min", 0, 10800, "180/min" },
		{ "3/s", 0, 10800, "180/min" },
		{ "10000/h", 0, 10000, "10000/h" },
		{ "1/h", 0, 1, "1/h" },
		{ "0.5/s", 0, 1800, "30/min" },
		{ "1.5/h", 0, 1.5, "1.500000000000/h" },
		{ "2/minute", 0, 120, "2/min" },
		{ "0/s", -ERANGE, 0, NULL },
		{ "0.5/h", -ERANGE, 0, NULL },
		{ "180", -EINVAL, 0, NULL },
		{ "/min", -EINVAL, 0, NULL },
		{ "180/", -EINVAL, 0, NULL },
		{ "180/week", -EINVAL, 0, NULL },
		{ "-1/s", -EINVAL, 0, NULL },
		{ "1./s", -EINVAL, 0, NULL },
		{ "1e3/s", -EINVAL, 0, NULL },
		{ "99999999999999999999/s", -ERANGE, 0, NULL },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		struct buf b = BUF_LIMIT(100);
		double value = 0, again = 0;
		assert_int_equal(value_rate(row[i].text, &value), row[i].rc);
		if (row[i].rc < 0)
			continue;
		assert_true(value * 60 - row[i].per_hour < 1e-9 && row[i].per_hour - value * 60 < 1e-9);
		value_print_rate(&b, value);
		assert_string_equal(b.data, row[i].printed);
		assert_int_equal(value_rate(b.data, &again), 0);
		assert_true(value - again < 1e-9 && again - value < 1e-9);
		buf_done(&b);
	}
}

static void numbers_are_printed_in_the_largest_unit(void **state)
{
	static const struct {
		enum config_type type;
		int64_t value;
		const char *text;
	} row[] = {
		{ CONFIG_DURATION, 0, "0s" },
		{ CONFIG_DURATION, 1, "1ms" },
		{ CONFIG_DURATION, 90000, "90s" },
		{ CONFIG_DURATION, 120000, "2m" },
		{ CONFIG_DURATION, 86400000, "1d" },
		{ CONFIG_DURATION, 90000000, "25h" },
		{ CONFIG_SIZE, 0, "0" },
		{ CONFIG_SIZE, 1, "1" },
		{ CONFIG_SIZE, 1536, "1536" },
		{ CONFIG_SIZE, 2048, "2KiB" },
		{ CONFIG_SIZE, INT64_C(1) << 41, "2TiB" },
		{ CONFIG_MODE, 0755, "\"0755\"" },
		{ CONFIG_MODE, 04755, "\"4755\"" },
		{ CONFIG_INT, -3, "-3" },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		struct buf b = BUF_LIMIT(100);
		value_print(&b, row[i].type, row[i].value);
		assert_string_equal(b.data, row[i].text);
		buf_done(&b);
	}
}

static void urls(void **state)
{
	static const struct {
		const char *url;
		bool safe, plain;
	} row[] = {
		/* taken: as it is, with plain */
		{ "https://example.org", true, true },
		{ "https://example.org:8443/a/b", true, true },
		{ "HTTPS://EXAMPLE.org/", true, true },
		{ "https://[2001:db8::1]:80/x", true, true },
		{ "https://10.0.0.1/", true, true },
		{ "https://under_score.example/", true, true },
		{ "http://localhost:8080/x", true, true },
		{ "http://LocalHost", true, true },
		{ "http://a.localhost/", true, true },
		{ "http://127.0.0.1:1", true, true },
		{ "http://127.255.0.9/", true, true },
		{ "http://[::1]:8080/", true, true },
		{ "http://example.org/", false, true },
		{ "http://127.0.0.1.example.org/", false, true },
		{ "http://127.1/", false, true },
		{ "http://0.0.0.0/", false, true },
		{ "http://[::]/", false, true },
		{ "http://localhost.example.org/", false, true },
		{ "http://xlocalhost/", false, true },
		{ "http://[::ffff:127.0.0.1]/", false, true },
		{ "", false, false },
		{ "example.org", false, false },
		{ "ftp://example.org", false, false },
		{ "https:/example.org", false, false },
		{ "https://", false, false },
		{ "https:///x", false, false },
		{ "https://:80/", false, false },
		{ "https://h:/", false, false },
		{ "https://h:0/", false, false },
		{ "https://h:65536/", false, false },
		{ "https://h:80x/", false, false },
		{ "https://h:99999999999999999999/", false, false },
		{ "https://user@h/", false, false },
		{ "https://u:p@h/", false, false },
		{ "https://@h/", false, false },
		{ "http://u:p@localhost/", false, false },
		{ "https://h\\@x/", false, false },
		{ "https://h/x?y", false, false },
		{ "https://h?y", false, false },
		{ "https://h/#f", false, false },
		{ "https://h/a b", false, false },
		{ "https://h/\xc3\xa4", false, false },
		{ "https://h\r\nX: y/", false, false },
		{ "https://[::1/", false, false },
		{ "https://[x]/", false, false },
		{ "https://[::1]x/", false, false },
		{ "https://h%41/", false, false },
		{ "https://a,b/", false, false },
		{ "http://localhost@example.org/", false, false },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		struct err err = ERR_NONE;
		int rc = config_url_check(row[i].url, false, &err);
		if ((rc == 0) != row[i].safe)
			print_error("%s: %s\n", row[i].url, err.text);
		assert_int_equal(rc == 0, row[i].safe);
		assert_int_equal(err.code, rc);
		err_clear(&err);
		assert_int_equal(config_url_check(row[i].url, true, &err) == 0, row[i].plain);
	}
}

static void near_words(void **state)
{
	static const struct {
		const char *word, *hint;
	} row[] = {
		{ "pol", "poll_interval" },
		{ "poll", "poll_interval" },
		{ "Path", "path" },
		{ "pahts", "path" },
		{ "close-after", "close_after" },
		{ "closeafter", "close_after" },
		{ "clsoe_afetr", "close_after" },
		{ "ur", "url" },
		{ "x", NULL },
		{ "", NULL },
		{ "zz", NULL },
		{ "evidence", NULL },
		{ "ab", NULL },
		{ "path_to_the_files", "path" },
		{ "a word that is longer than any key there could be, by far", NULL },
	};
	static const char *const keys[] = { "path", "poll_interval", "close_after", "url", "id" };
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		struct nearest near = NEAREST(row[i].word);
		for (size_t j = 0; j < COUNT(keys); j++)
			nearest_offer(&near, keys[j]);
		if (row[i].hint == NULL) {
			if (near.best != NULL)
				print_error("%s: %s\n", row[i].word, near.best);
			assert_null(near.best);
		} else {
			assert_non_null(near.best);
			assert_string_equal(near.best, row[i].hint);
		}
	}
}

static void quoting_cuts_and_cleans(void **state)
{
	char out[WORD_QUOTED_SIZE], text[200];
	(void)state;

	assert_string_equal(word_quoted("a\nb\x7f", out), "\"a?b?\"");
	for (size_t i = 0; i < 180; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 4);
	word_quoted(text, out);
	assert_int_equal(strlen(out), 65);
	assert_string_equal(out + 58, "\xe2\x82\xac...\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(rates),
		cmocka_unit_test(numbers_are_printed_in_the_largest_unit),
		cmocka_unit_test(urls),
		cmocka_unit_test(near_words),
		cmocka_unit_test(quoting_cuts_and_cleans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

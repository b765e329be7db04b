/* SPDX-License-Identifier: Apache-2.0
 *
 * Zone-less stamps: fixed offsets, zone files, the hours that come twice or never. */
#include "parsers/zone.h"

#include "daemon/base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int64_t at(int y, unsigned m, unsigned d, int h, int min)
{
	return (clock_days(y, m, d) * 24 + h) * 3600000 + (int64_t)min * 60000;
}

static void fixed_offsets(void **state)
{
	static const struct {
		const char *name;
		int minutes;
	} row[] = {
		{ NULL, 0 }, { "UTC", 0 }, { "+09:00", 540 }, { "-0330", -210 }, { "+02", 120 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct zone *z = NULL;
		assert_int_equal(zone_open(row[i].name, &z, NULL), 0);
		assert_true(zone_to_utc(z, at(2024, 5, 1, 12, 0)) ==
			    at(2024, 5, 1, 12, 0) - row[i].minutes * 60000);
		zone_free(z);
	}
}

static void names_that_are_none(void **state)
{
	static const char *const row[] = { "",        "+99:00",         "../../etc/passwd", "/etc/localtime",
					   "No/Such", "Europe/Berlin x" };

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct zone *z = NULL;
		struct err err = ERR_NONE;
		if (zone_open(row[i], &z, &err) >= 0)
			fail_msg("\"%s\" is taken for a zone", row[i]);
		assert_null(z);
		assert_true(err.text[0] != '\0');
	}
}

static void big(unsigned char *p, int64_t v, size_t bytes)
{
	for (size_t i = bytes; i > 0; i--, v >>= 8)
		p[i - 1] = (unsigned char)(v & 0xff);
}

/* A zone file of version 2 with one change, and a footer for all that comes later. */
static void write_zone(const char *dir, const char *name, const char *footer)
{
	unsigned char file[512] = { 0 };
	size_t n = 0;
	char path[600];

	for (int version = 0; version < 2; version++) {
		memcpy(file + n, "TZif2", 5);
		big(file + n + 32, version, 4);     /* times */
		big(file + n + 36, 1 + version, 4); /* types */
		big(file + n + 40, 4, 4);           /* characters */
		n += 44;
		if (version == 1) {
			big(file + n, clock_days(1990, 1, 1) * 86400, 8);
			n += 8;
			file[n++] = 1;
		}
		big(file + n, 600, 4); /* local mean time, say */
		n += 6;
		if (version == 1) {
			big(file + n, 3600, 4);
			n += 6;
		}
		memcpy(file + n, "ABC", 4);
		n += 4;
	}
	n += (size_t)snprintf((char *)file + n, sizeof(file) - n, "\n%s\n", footer);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(file, 1, n, f), n);
	fclose(f);
}

static char dir[] = "/tmp/resultd-zone-XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	write_zone(dir, "Middle", "CET-1CEST,M3.5.0,M10.5.0/3");
	write_zone(dir, "South", "<-03>3<-02>,M10.3.0/0,M2.3.0/0");
	write_zone(dir, "Days", "AAA0BBB,J60/2,J300/2");
	write_zone(dir, "Broken", "CET-1CEST,M13.5.0");
	return setenv("TZDIR", dir, 1);
}

static int drop_dir(void **state)
{
	static const char *const names[] = { "Middle", "South", "Days", "Broken", "Short" };
	char path[600];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static void rules_of_the_footer(void **state)
{
	struct zone *z = NULL;

	(void)state;
	assert_int_equal(zone_open("Middle", &z, NULL), 0);
	/* before the table begins, after it in winter and in summer */
	assert_true(zone_to_utc(z, at(1980, 7, 1, 12, 0)) == at(1980, 7, 1, 11, 50));
	assert_true(zone_to_utc(z, at(2024, 1, 15, 12, 0)) == at(2024, 1, 15, 11, 0));
	assert_true(zone_to_utc(z, at(2024, 7, 15, 12, 0)) == at(2024, 7, 15, 10, 0));
	/* the last minutes before and the first after both changes of 2024 */
	assert_true(zone_to_utc(z, at(2024, 3, 31, 1, 59)) == at(2024, 3, 31, 0, 59));
	assert_true(zone_to_utc(z, at(2024, 3, 31, 3, 0)) == at(2024, 3, 31, 1, 0));
	assert_true(zone_to_utc(z, at(2024, 10, 27, 1, 59)) == at(2024, 10, 26, 23, 59));
	assert_true(zone_to_utc(z, at(2024, 10, 27, 3, 0)) == at(2024, 10, 27, 2, 0));
	zone_free(z);
}

static void an_hour_that_comes_twice_and_one_that_never_comes(void **state)
{
	struct zone *z = NULL;

	(void)state;
	assert_int_equal(zone_open("Middle", &z, NULL), 0);
	assert_true(zone_to_utc(z, at(2024, 10, 27, 2, 30)) == at(2024, 10, 27, 0, 30));
	assert_true(zone_to_utc(z, at(2024, 3, 31, 2, 30)) == at(2024, 3, 31, 1, 30));
	zone_free(z);
}

static void summer_over_new_year(void **state)
{
	struct zone *z = NULL;

	(void)state;
	assert_int_equal(zone_open("South", &z, NULL), 0);
	assert_true(zone_to_utc(z, at(2024, 1, 1, 0, 0)) == at(2024, 1, 1, 2, 0));
	assert_true(zone_to_utc(z, at(2024, 6, 1, 0, 0)) == at(2024, 6, 1, 3, 0));
	assert_true(zone_to_utc(z, at(2024, 12, 1, 0, 0)) == at(2024, 12, 1, 2, 0));
	zone_free(z);
}

static void days_that_skip_the_leap_day(void **state)
{
	struct zone *z = NULL;

	(void)state;
	/* J60 is the first of March in every year. */
	assert_int_equal(zone_open("Days", &z, NULL), 0);
	assert_true(zone_to_utc(z, at(2024, 2, 29, 12, 0)) == at(2024, 2, 29, 12, 0));
	assert_true(zone_to_utc(z, at(2024, 3, 1, 12, 0)) == at(2024, 3, 1, 11, 0));
	assert_true(zone_to_utc(z, at(2023, 3, 1, 12, 0)) == at(2023, 3, 1, 11, 0));
	zone_free(z);
}

static void a_broken_footer_leaves_the_table(void **state)
{
	struct zone *z = NULL;

	(void)state;
	assert_int_equal(zone_open("Broken", &z, NULL), 0);
	assert_true(zone_to_utc(z, at(2024, 7, 15, 12, 0)) == at(2024, 7, 15, 11, 0));
	zone_free(z);
}

static void a_broken_file_is_refused(void **state)
{
	struct zone *z = NULL;
	struct err err = ERR_NONE;
	char path[600];

	(void)state;
	snprintf(path, sizeof(path), "%s/Short", dir);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	fputs("TZif2 and not much more than a header of the right length", f);
	fclose(f);
	assert_int_equal(zone_open("Short", &z, &err), -EINVAL);
	assert_null(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_offsets),
		cmocka_unit_test(names_that_are_none),
		cmocka_unit_test(rules_of_the_footer),
		cmocka_unit_test(an_hour_that_comes_twice_and_one_that_never_comes),
		cmocka_unit_test(summer_over_new_year),
		cmocka_unit_test(days_that_skip_the_leap_day),
		cmocka_unit_test(a_broken_footer_leaves_the_table),
		cmocka_unit_test(a_broken_file_is_refused),
	};
	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}

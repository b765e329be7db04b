/* SPDX-License-Identifier: Apache-2.0
 *
 * test_space.c - the marks against a real disk, and the ballast. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/log.h"
#include "daemon/space.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BALLAST (8 << 20)

static char dir[64], ballast[96];

static int setup(void **state)
{
	(void)state;
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	strcpy(dir, "/tmp/rd-space-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(ballast, sizeof(ballast), "%s/ballast", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(ballast);
	return rmdir(dir);
}

static int64_t free_bytes(void)
{
	struct statvfs v;

	assert_int_equal(statvfs(dir, &v), 0);
	return (int64_t)v.f_bavail * (int64_t)v.f_frsize;
}

/* Of the ballast on the disk: blocks, not the size of a hole. */
static int64_t held(void)
{
	struct stat st;

	return stat(ballast, &st) == 0 ? (int64_t)st.st_blocks * 512 : 0;
}

static void the_marks_are_what_was_configured(void **state)
{
	int64_t free_now = free_bytes();
	const struct {
		int64_t low_water;
		enum space_level level;
		const char *words;
	} row[] = {
		{ 0, SPACE_FINE, NULL },
		{ free_now / 8, SPACE_FINE, NULL },
		{ free_now * 2, SPACE_LOW, "are free in" },
		{ free_now * 8, SPACE_OUT, "nothing is sent either" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct space *s = space_new(dir, row[i].low_water);
		struct space_view v;
		char text[512];
		assert_int_equal(space_look(s), row[i].level);
		space_view(s, &v);
		assert_int_equal(v.level, row[i].level);
		assert_int_equal(v.out_water, row[i].low_water / 4);
		const char *words = space_words(s, text, sizeof(text));
		if (row[i].words == NULL)
			assert_null(words);
		else
			assert_non_null(strstr(words, row[i].words));
		space_free(s);
	}
}

static void the_ballast_is_held_given_up_and_made_again(void **state)
{
	struct space *s = space_new(dir, 0);
	struct space_view v;

	(void)state;
	assert_int_equal(held(), 0); /* nobody sends: nothing is held */
	assert_false(space_give_way(s));
	space_hold_ballast(s);
	assert_true(held() >= BALLAST);
	space_view(s, &v);
	assert_int_equal(v.ballast_bytes, BALLAST);
	space_free(s);

	/* Another process finds it; gives it up once; the next one has it again. */
	s = space_new(dir, 0);
	assert_true(space_give_way(s));
	assert_int_equal(held(), 0);
	assert_false(space_give_way(s));
	space_hold_ballast(s); /* what was given is not taken back at once */
	assert_int_equal(held(), 0);
	space_free(s);
	s = space_new(dir, 0);
	space_hold_ballast(s);
	assert_true(held() >= BALLAST);
	space_free(s);
}

static void out_of_room_takes_the_ballast(void **state)
{
	struct space *s = space_new(dir, 0);

	(void)state;
	space_hold_ballast(s);
	space_free(s);
	s = space_new(dir, free_bytes() * 8);
	space_hold_ballast(s);
	assert_int_equal(space_look(s), SPACE_OUT);
	assert_int_equal(held(), 0);
	space_free(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_marks_are_what_was_configured),
		T(the_ballast_is_held_given_up_and_made_again),
		T(out_of_room_takes_the_ballast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

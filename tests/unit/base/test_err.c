/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void first_cause_stays(void **state)
{
	struct err e = ERR_NONE;
	char line[256];

	(void)state;
	assert_int_equal(err_set(&e, -EINVAL, "first"), -EINVAL);
	assert_int_equal(err_set(&e, -EIO, "second"), -EIO);
	assert_int_equal(e.code, -EINVAL);
	assert_string_equal(err_string(&e, line, sizeof(line)), "first");
	err_place(&e, "a.xml", 3, 7);
	assert_string_equal(err_string(&e, line, sizeof(line)), "a.xml:3:7: first");
	err_clear(&e);
	err_at(&e, -EINVAL, "b.xml", 0, 0, "x %d", 1);
	assert_string_equal(err_string(&e, line, sizeof(line)), "b.xml: x 1");
	assert_int_equal(err_set(NULL, -EIO, "nobody listens"), -EIO);
}

static void text_is_one_clean_line(void **state)
{
	struct err e = ERR_NONE;

	(void)state;
	err_set(&e, -EIO, "a\nb\x1b[31mc\n\n");
	assert_string_equal(e.text, "a b [31mc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_cause_stays),
		cmocka_unit_test(text_is_one_clean_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

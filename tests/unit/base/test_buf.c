/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

static void failure_is_sticky(void **state)
{
	struct buf b = BUF_LIMIT(4);

	(void)state;
	assert_int_equal(buf_puts(&b, "abcd"), 0);
	assert_int_equal(buf_putc(&b, 'e'), -E2BIG);
	assert_int_equal(buf_append(&b, "", 0), -E2BIG);
	assert_int_equal(buf_error(&b), -E2BIG);
	assert_string_equal(b.data, "abcd");
	buf_reset(&b);
	assert_int_equal(buf_printf(&b, "%d", 1234), 0);
	assert_int_equal(buf_printf(&b, "%d", 5), -E2BIG);
	buf_done(&b);
}

static void grows_and_stays_terminated(void **state)
{
	struct buf b = BUF_LIMIT(1 << 20);

	(void)state;
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(buf_putc(&b, 'x'), 0);
		assert_int_equal(b.data[b.len], 0);
	}
	char *s = buf_steal(&b);
	assert_int_equal(strlen(s), 10000);
	assert_int_equal(b.len, 0);
	free(s);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failure_is_sticky),
		cmocka_unit_test(grows_and_stays_terminated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

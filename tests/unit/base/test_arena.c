/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void ceiling_is_hard(void **state)
{
	struct arena a = ARENA_LIMIT(100);

	(void)state;
	assert_non_null(arena_alloc(&a, 60));
	assert_null(arena_alloc(&a, 41));
	assert_non_null(arena_alloc(&a, 40));
	assert_null(arena_alloc(&a, 1));
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 100));
	arena_done(&a);
}

static void memory_is_aligned_and_apart(void **state)
{
	struct arena a = ARENA_LIMIT(1 << 20);
	char *last = NULL;

	(void)state;
	for (size_t n = 1; n < 200; n++) {
		char *p = arena_alloc(&a, n);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		memset(p, (int)n, n);
		if (last != NULL)
			assert_int_equal((unsigned char)last[n - 2], n - 1);
		last = p;
	}
	arena_done(&a);
}

static void large_requests_get_their_own_block(void **state)
{
	struct arena a = ARENA_LIMIT((size_t)64 << 20);

	(void)state;
	for (int round = 0; round < 3; round++) {
		char *p = arena_alloc(&a, (size_t)8 << 20);
		assert_non_null(p);
		p[0] = p[((size_t)8 << 20) - 1] = 'x';
		arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
	arena_done(&a);
	arena_done(NULL);
}

static void strings_are_copied(void **state)
{
	struct arena a = ARENA_LIMIT(4096);

	(void)state;
	assert_string_equal(arena_strdup(&a, "abc"), "abc");
	assert_string_equal(arena_strndup(&a, "abcdef", 3), "abc");
	assert_string_equal(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
	assert_null(arena_strdup(&a, NULL));
	assert_null(arena_calloc(&a, SIZE_MAX, 2));
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ceiling_is_hard),
		cmocka_unit_test(memory_is_aligned_and_apart),
		cmocka_unit_test(large_requests_get_their_own_block),
		cmocka_unit_test(strings_are_copied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void known_answers(void **state)
{
	static const struct {
		const char *text, *hex;
	} row[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	};
	struct digest *d = digest_new();
	uint8_t sum[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		digest_reset(d);
		digest_add(d, row[i].text, strlen(row[i].text));
		digest_get(d, sum);
		digest_hex(sum, DIGEST_SIZE, hex);
		assert_string_equal(hex, row[i].hex);
	}
	digest_free(d);
	digest_free(NULL);
}

static void fields_keep_their_bounds(void **state)
{
	struct digest *d = digest_new();
	uint8_t one[DIGEST_SIZE], two[DIGEST_SIZE];

	(void)state;
	digest_add_field(d, "ab", 2);
	digest_add_field(d, "c", 1);
	digest_get(d, one);
	digest_reset(d);
	digest_add_field(d, "a", 1);
	digest_add_field(d, "bc", 2);
	digest_get(d, two);
	assert_memory_not_equal(one, two, DIGEST_SIZE);
	assert_int_equal(digest_key64(d, "abc", 3), (int64_t)0xba7816bf8f01cfea);
	digest_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(fields_keep_their_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

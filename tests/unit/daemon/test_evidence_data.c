/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/evidence/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

static void content_type_and_name_are_read(void **state)
{
	static const struct {
		const char *url, *content, *type, *name;
	} row[] = {
		{ "data:text/plain;base64,aGVsbG8=", "hello", "text/plain", "" },
		{ "data:;base64,aGVsbG8=", "hello", "", "" },
		{ "DATA:IMAGE/PNG;BASE64,aGVsbG8", "hello", "image/png", "" },
		{ "data:image/png;name=shot%20one.png;base64,aGk=", "hi", "image/png", "shot one.png" },
		{ "data:text/plain;charset=utf-8;filename=\"a.txt\",hi", "hi", "text/plain", "a.txt" },
		{ "data:,a%20b%2Cc", "a b,c", "", "" },
		{ "data:text/plain,100%", "100%", "text/plain", "" },
		{ "data:;base64,aGVs\n  bG8 =", "hello", "", "" },
		{ "data:;base64,-_-_", "\xfb\xff\xbf", "", "" },
		{ "data:;base64,%61Gk%3D", "hi", "", "" },
		{ "data:text/x\r\nEvil: 1,x", "x", "", "" },
		{ "data:,", "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct buf out = BUF_LIMIT(100);
		struct evidence_data what;
		struct err err = ERR_NONE;
		assert_int_equal(evidence_data_decode(row[i].url, &out, &what, &err), 0);
		assert_int_equal(out.len, strlen(row[i].content));
		if (out.len > 0)
			assert_memory_equal(out.data, row[i].content, out.len);
		assert_string_equal(what.type, row[i].type);
		assert_string_equal(what.name, row[i].name);
		buf_done(&out);
	}
}

static void what_is_none_is_refused(void **state)
{
	static const struct {
		const char *url;
		int code;
	} row[] = {
		{ "data:text/plain", -EINVAL },
		{ "data:;base64,a", -EINVAL },
		{ "data:;base64,aGk=aGk=", -EINVAL },
		{ "data:;base64,a!Gk", -EINVAL },
		{ "data:;base64,aGk====", -EINVAL },
		{ "data:,12345678901", -E2BIG },
		{ "data:;base64,MTIzNDU2Nzg5MDE=", -E2BIG },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct buf out = BUF_LIMIT(10);
		struct evidence_data what;
		struct err err = ERR_NONE;
		assert_int_equal(evidence_data_decode(row[i].url, &out, &what, &err), row[i].code);
		assert_int_not_equal(err.text[0], '\0');
		buf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_type_and_name_are_read),
		cmocka_unit_test(what_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

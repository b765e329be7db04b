/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_result_json.c - any bytes as a stored result: what can be read can be written, and reads the same. */
#include "daemon/model/result_json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_LIMIT((size_t)64 << 20);
	struct buf first = BUF_LIMIT((size_t)64 << 20), second = BUF_LIMIT((size_t)64 << 20);
	struct result r;
	struct err err = ERR_NONE;

	int rc = result_json_read((const char *)data, size, &arena, &r, &err);
	if (rc == 0) {
		if (result_json_write(&first, &r) < 0 ||
		    result_json_read(first.data, first.len, &arena, &r, &err) < 0 ||
		    result_json_write(&second, &r) < 0 || first.len != second.len ||
		    memcmp(first.data, second.data, first.len) != 0)
			abort();
	} else if (err.text[0] == '\0') {
		abort();
	}
	buf_done(&first);
	buf_done(&second);
	arena_done(&arena);
	return 0;
}

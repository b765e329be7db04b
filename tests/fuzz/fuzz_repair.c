/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_repair.c - any bytes through the repairing filter, whole and in pieces: what comes out is UTF-8 without
 * characters that XML forbids, and the pieces make no difference.
 *
 * The first byte is the size of the pieces. */
#include "daemon/base/buf.h"
#include "daemon/base/utf8.h"
#include "parsers/repair.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static int take(void *cookie, const char *data, size_t len, bool final)
{
	(void) final;
	return buf_append(cookie, data, len);
}

static int repaired(const char *data, size_t len, size_t piece, struct buf *out, uint64_t *count)
{
	struct repair *r = repair_new();
	struct err err = ERR_NONE;
	int rc;

	do {
		size_t n = len < piece ? len : piece;
		rc = repair_feed(r, data, n, n == len, take, out, &err);
		data += n;
		len -= n;
	} while (len > 0 && rc == 0);
	must(rc == 0 || err.text[0] != '\0', "what is refused is explained");
	*count = repair_count(r);
	repair_free(r);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = BUF_LIMIT((size_t)1 << 28), pieces = BUF_LIMIT((size_t)1 << 28);
	uint64_t counted, counted_again;

	if (size < 1)
		return 0;
	const char *bytes = (const char *)data + 1;
	int rc = repaired(bytes, size - 1, SIZE_MAX, &whole, &counted);
	int again = repaired(bytes, size - 1, (size_t)data[0] % 64 + 1, &pieces, &counted_again);
	must(rc == again, "pieces change nothing about what is refused");
	if (rc == 0) {
		must(whole.len == pieces.len &&
			     (whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0),
		     "pieces change nothing");
		must(counted == counted_again, "nor what is counted");
		must(whole.len == 0 || utf8_valid(whole.data, whole.len), "what comes out is UTF-8");
		for (size_t i = 0; i < whole.len; i++) {
			unsigned char c = (unsigned char)whole.data[i];
			must(c >= 0x20 || c == '\t' || c == '\n' || c == '\r', "and no control character");
		}
	}
	buf_done(&whole);
	buf_done(&pieces);
	return 0;
}

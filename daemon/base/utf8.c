/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8.c - UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF. */
#include "daemon/base/utf8.h"

#include "daemon/base/digest.h"
#include "daemon/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned utf8_length(const char *str, const char *end)
{
	const unsigned char *s = (const unsigned char *)str;
	size_t left = (size_t)(end - str);
	unsigned char low = 0x80, high = 0xbf;
	unsigned n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (left < n)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (unsigned i = 2; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

bool utf8_valid(const char *s, size_t len)
{
	const char *end = s + len;

	while (s < end) {
		unsigned n = utf8_length(s, end);
		if (n == 0)
			return false;
		s += n;
	}
	return true;
}

char *utf8_mended(char *s)
{
	size_t len = s != NULL ? strlen(s) : 0;

	if (utf8_valid(s, len))
		return s;
	char *mended = xcalloc(len + 1, 3), *to = mended;
	for (const char *from = s, *end = s + len; from < end;) {
		unsigned n = utf8_length(from, end);
		memcpy(to, n > 0 ? from : "\xef\xbf\xbd", n > 0 ? n : 3);
		to += n > 0 ? n : 3;
		from += n > 0 ? n : 1;
	}
	free(s);
	return mended;
}

size_t utf8_cut(const char *s, size_t len, size_t max)
{
	if (len <= max)
		return len;
	size_t n = max;
	/* Back over continuation bytes, at most three: broken text is cut where it is. */
	for (unsigned i = 0; i < 4 && n > 0; i++, n--) {
		if (((unsigned char)s[n] & 0xc0) != 0x80)
			return n;
	}
	return n == 0 ? 0 : max;
}

const char *utf8_key(struct arena *a, const char *s, size_t len, size_t max)
{
	enum { TAIL = 13 }; /* "~" and 12 hex digits */

	if (len <= max)
		return arena_strndup(a, s, len);
	uint8_t sum[DIGEST_SIZE];
	char hex[TAIL];
	struct digest *d = digest_new();
	digest_add(d, s, len);
	digest_get(d, sum);
	digest_free(d);
	digest_hex(sum, 6, hex);
	size_t n = utf8_cut(s, len, max - TAIL);
	char *key = arena_alloc(a, n + TAIL + 1);
	if (key == NULL)
		return NULL;
	memcpy(key, s, n);
	key[n] = '~';
	memcpy(key + n + 1, hex, TAIL);
	return key;
}

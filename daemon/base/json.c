/* SPDX-License-Identifier: Apache-2.0
 *
 * json.c - writing JSON.  The hot loop copies runs of plain bytes and stops only at what must be escaped. */
#include "daemon/base/json.h"

#include "daemon/base/clock.h"
#include "daemon/base/utf8.h"

#include <math.h>
#include <stdio.h>

void json_sep(struct buf *b)
{
	if (b->len == 0)
		return;
	char last = b->data[b->len - 1];
	if (last != '{' && last != '[' && last != ':' && last != '\n' && last != ',')
		buf_putc(b, ',');
}

enum kind { COPY, ESCAPE, SEQUENCE };

static inline enum kind kind(unsigned char c)
{
	if (c >= 0x80)
		return SEQUENCE;
	return c < 0x20 || c == '"' || c == '\\' || c == 0x7f ? ESCAPE : COPY;
}

static void escape(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"':
		buf_append(b, "\\\"", 2);
		return;
	case '\\':
		buf_append(b, "\\\\", 2);
		return;
	case '\n':
		buf_append(b, "\\n", 2);
		return;
	case '\r':
		buf_append(b, "\\r", 2);
		return;
	case '\t':
		buf_append(b, "\\t", 2);
		return;
	}
	char hex[7];
	snprintf(hex, sizeof(hex), "\\u%04x", c);
	buf_append(b, hex, 6);
}

void json_string(struct buf *b, const char *s, size_t len)
{
	const char *end = s + len, *from = s;

	if (buf_reserve(b, len + 2) < 0)
		return;
	buf_putc(b, '"');
	while (s < end) {
		unsigned char c = (unsigned char)*s;
		if (kind(c) == COPY) {
			s++;
			continue;
		}
		if (kind(c) == SEQUENCE) {
			unsigned n = utf8_length(s, end);
			if (n > 0) {
				s += n;
				continue;
			}
		}
		buf_append(b, from, (size_t)(s - from));
		if (kind(c) == SEQUENCE)
			buf_append(b, "\xef\xbf\xbd", 3);
		else
			escape(b, c);
		from = ++s;
	}
	buf_append(b, from, (size_t)(s - from));
	buf_putc(b, '"');
}

void json_key(struct buf *b, const char *key)
{
	json_sep(b);
	buf_putc(b, '"');
	buf_puts(b, key);
	buf_append(b, "\":", 2);
}

void json_field_n(struct buf *b, const char *key, const char *s, size_t len)
{
	if (s == NULL)
		return;
	json_key(b, key);
	json_string(b, s, len);
}

void json_field(struct buf *b, const char *key, const char *s)
{
	json_field_n(b, key, s, s != NULL ? strlen(s) : 0);
}

void json_field_int(struct buf *b, const char *key, int64_t value)
{
	char digits[24], *at = digits + sizeof(digits);
	uint64_t v = value < 0 ? -(uint64_t)value : (uint64_t)value;

	json_key(b, key);
	do {
		*--at = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	if (value < 0)
		*--at = '-';
	buf_append(b, at, (size_t)(digits + sizeof(digits) - at));
}

void json_field_bool(struct buf *b, const char *key, bool value)
{
	json_key(b, key);
	buf_puts(b, value ? "true" : "false");
}

void json_field_ms(struct buf *b, const char *key, double ms)
{
	if (!(ms >= 0) || !isfinite(ms))
		return;
	/* Beyond 2^53 / 1000 thousandths are not exact any more, and nobody's test took that long. */
	if (ms >= 9e12) {
		json_key(b, key);
		buf_printf(b, "%.17g", ms);
		return;
	}
	uint64_t thousandths = (uint64_t)(ms * 1000 + 0.5);
	json_field_int(b, key, (int64_t)(thousandths / 1000));
	unsigned rest = (unsigned)(thousandths % 1000);
	if (rest != 0) {
		char frac[5] = { '.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
				 (char)('0' + rest % 10), 0 };
		size_t n = 4;
		while (frac[n - 1] == '0')
			n--;
		buf_append(b, frac, n);
	}
}

void json_field_time(struct buf *b, const char *key, int64_t wall_ms)
{
	char iso[CLOCK_ISO_SIZE];

	if (wall_ms == TIME_UNKNOWN || clock_iso(wall_ms, iso)[0] == '\0')
		return;
	json_field_n(b, key, iso, 24);
}

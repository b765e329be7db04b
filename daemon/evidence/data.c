/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/data.c - data: URLs. */
#include "daemon/evidence/data.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* One byte of s, %xx undone; *s moves behind it. */
static unsigned char next_byte(const char **s)
{
	const char *at = *s;
	int high = *at == '%' ? hex(at[1]) : -1, low = high >= 0 ? hex(at[2]) : -1;

	*s += low >= 0 ? 3 : 1;
	return low >= 0 ? (unsigned char)(high * 16 + low) : (unsigned char)*at;
}

static int too_large(const struct buf *out, struct err *err)
{
	return err_set(err, -E2BIG, "it is larger than %zu bytes", out->max);
}

static int digit(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static int decode_base64(const char *s, struct buf *out, struct err *err)
{
	uint32_t bits = 0;
	unsigned have = 0, padding = 0;

	while (*s != '\0') {
		unsigned char c = next_byte(&s);
		if (c == ' ' || c == '\n' || c == '\r' || c == '\t')
			continue;
		if (c == '=') {
			padding++;
			continue;
		}
		int value = digit(c);
		if (value < 0 || padding > 0)
			return err_set(err, -EINVAL, "what follows ;base64 is not base64");
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (buf_putc(out, (char)(bits >> have & 0xff)) < 0)
			return too_large(out, err);
	}
	/* One digit left over holds no byte: something is missing. */
	return have == 6 || padding > 2 ? err_set(err, -EINVAL, "its base64 breaks off") : 0;
}

/* One parameter between ';' and ';' or ','. */
static void parameter(const char *s, size_t len, struct evidence_data *what)
{
	static const char *const keys[] = { "name=", "filename=" };

	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(keys[i]), at = 0;
		if (len <= n || strncasecmp(s, keys[i], n) != 0)
			continue;
		for (const char *p = s + n; p < s + len && at + 1 < sizeof(what->name);) {
			char c = (char)next_byte(&p);
			if (c != '"' && c != '\0')
				what->name[at++] = c;
		}
		what->name[at] = '\0';
	}
}

int evidence_data_decode(const char *url, struct buf *out, struct evidence_data *what, struct err *err)
{
	const char *at = url + 5, *comma = strchr(at, ',');
	bool base64 = false, first = true;

	*what = (struct evidence_data){ 0 };
	if (strncasecmp(url, "data:", 5) != 0 || comma == NULL)
		return err_set(err, -EINVAL, "a data: URL without a comma before its content");
	while (at < comma) {
		size_t len = strcspn(at, ";,");
		if (first && len < sizeof(what->type) && memchr(at, '/', len) != NULL) {
			for (size_t i = 0; i < len; i++)
				what->type[i] = (char)(at[i] >= 'A' && at[i] <= 'Z' ? at[i] | 32 : at[i]);
		} else if (len == 6 && strncasecmp(at, "base64", 6) == 0) {
			base64 = true;
		} else {
			parameter(at, len, what);
		}
		first = false;
		at += len + (at[len] == ';');
	}
	/* A type is a word in a header: nothing else may be in it. */
	if (what->type[strspn(what->type, "abcdefghijklmnopqrstuvwxyz0123456789/+.-_")] != '\0')
		what->type[0] = '\0';
	at = comma + 1;
	if (base64)
		return decode_base64(at, out, err);
	while (*at != '\0') {
		char c = (char)next_byte(&at);
		if (buf_putc(out, c) < 0)
			return too_large(out, err);
	}
	return 0;
}

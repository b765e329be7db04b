/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_text.c - text on its way to TestRail and back: rich text undone, lists cut, spans and dates,
 * templates in strings.  Pure functions. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Letters compared of a comment that came back. */
#define SAME_LETTERS 200

/* ---- rich text ---- */

static size_t encode(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Reads an entity at s ("&..."); 0 where there is none.  *n: bytes written to out. */
static size_t entity(const char *s, char out[4], size_t *n)
{
	static const struct {
		const char *name;
		uint32_t c;
	} names[] = {
		{ "&amp;", '&' },  { "&lt;", '<' },    { "&gt;", '>' },
		{ "&quot;", '"' }, { "&apos;", '\'' }, { "&nbsp;", ' ' },
	};
	char *end;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i].name);
		if (strncmp(s, names[i].name, len) == 0) {
			*n = encode(names[i].c, out);
			return len;
		}
	}
	if (s[1] != '#')
		return 0;
	bool hex = s[2] == 'x' || s[2] == 'X';
	const char *digits = s + (hex ? 3 : 2);
	if (!isxdigit((unsigned char)*digits))
		return 0;
	unsigned long c = strtoul(digits, &end, hex ? 16 : 10);
	if (*end != ';' || end - digits > 8 || c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*n = encode(c == 0xa0 ? ' ' : (uint32_t)c, out);
	return (size_t)(end - s) + 1;
}

const char *testrail_plain(struct arena *a, const char *html)
{
	size_t len = strlen(html), n = 0, used;
	const char *s = text_trim(html, &len), *end = s + len;
	bool rich = len >= 7 && strncasecmp(s, "<p", 2) == 0 && (s[2] == '>' || s[2] == ' ') &&
		    strncasecmp(end - 4, "</p>", 4) == 0;

	if (!rich && memchr(s, '&', len) == NULL)
		return arena_strndup(a, s, len);
	char *out = arena_alloc(a, len + 1);
	if (out == NULL)
		return NULL;
	while (s < end) {
		if (rich && *s == '<' && (isalpha((unsigned char)s[1]) || s[1] == '/')) {
			const char *close = memchr(s, '>', (size_t)(end - s));
			if (close != NULL) {
				if (strncasecmp(s, "<br", 3) == 0)
					out[n++] = '\n';
				s = close + 1;
				continue;
			}
		}
		/* No entity is shorter than what it stands for. */
		size_t size = *s == '&' ? entity(s, out + n, &used) : 0;
		if (size > 0 && size <= (size_t)(end - s)) {
			n += used;
			s += size;
			continue;
		}
		out[n++] = *s++;
	}
	out[n] = '\0';
	s = text_trim(out, &n);
	return arena_strndup(a, s, n);
}

const char *testrail_list_cut(const struct talk *t, const char *list, size_t max)
{
	struct buf b = BUF_LIMIT(64u << 10);
	const char *items[200], *text = "";
	size_t n = 0;

	for (const char *s = list; *s != '\0' && n < sizeof(items) / sizeof(items[0]);) {
		size_t len = strcspn(s, ",;\r\n");
		const char *item = testrail_trim(t, s, len);
		bool known = item == NULL || *item == '\0';
		for (size_t i = 0; i < n && !known; i++)
			known = strcmp(items[i], item) == 0;
		if (!known && b.len + strlen(item) + 2 <= max) {
			buf_printf(&b, "%s%s", n > 0 ? ", " : "", item);
			items[n++] = item;
		}
		s += len;
		s += *s != '\0';
	}
	if (b.data != NULL)
		text = arena_strndup(t->arena, b.data, b.len);
	buf_done(&b);
	return text != NULL ? text : "";
}

/* The next letter of a text; digits, signs and space do not count, since markup eats them. */
static unsigned char letter(const char **at, bool rich)
{
	while (**at != '\0') {
		const char *s = *at;
		if (rich && *s == '<') {
			const char *close = strchr(s, '>');
			*at = close != NULL ? close + 1 : s + 1;
			continue;
		}
		if (rich && *s == '&') {
			char out[4];
			size_t used, size = entity(s, out, &used);
			if (size > 0) {
				*at = s + size;
				if (used > 1)
					return (unsigned char)out[0];
				continue;
			}
		}
		++*at;
		if (isalpha((unsigned char)*s) || (unsigned char)*s >= 0x80)
			return (unsigned char)*s;
	}
	return 0;
}

static bool same(const char *a, bool a_rich, const char *b, bool b_rich)
{
	for (int i = 0; i < SAME_LETTERS; i++) {
		unsigned char x = letter(&a, a_rich), y = letter(&b, b_rich);
		if (x != y)
			return false;
		if (x == 0)
			return true;
	}
	return true;
}

bool testrail_same_text(const char *sent, const char *got)
{
	if (sent == NULL)
		sent = "";
	if (got == NULL)
		got = "";
	return same(sent, false, got, true) || same(sent, false, got, false) || same(sent, true, got, true);
}

/* ---- spans ---- */

/* Hours, minutes and seconds only: a day may be a working day over there. */
const char *testrail_elapsed(char *buf, size_t size, double duration_ms)
{
	if (!(duration_ms > 0) || !isfinite(duration_ms) || duration_ms > 3.2e11)
		return NULL;
	unsigned long long s = (unsigned long long)ceil(duration_ms / 1000), h = s / 3600, m = s / 60 % 60;
	int n = 0;
	s %= 60;
	buf[0] = '\0';
	if (h > 0)
		n = snprintf(buf, size, "%lluh", h);
	if (m > 0)
		n += snprintf(buf + n, size - (size_t)n, "%s%llum", n > 0 ? " " : "", m);
	if (s > 0)
		snprintf(buf + n, size - (size_t)n, "%s%llus", n > 0 ? " " : "", s);
	return buf;
}

static int64_t from_now(const char *s, int64_t base_ms)
{
	static const struct {
		char unit;
		int64_t s;
	} units[] = { { 'w', 604800 }, { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 } };
	size_t n = strspn(s, "0123456789");

	if (n == 0 || n > 6 || s[n] == '\0' || s[n + 1] != '\0')
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (s[n] == units[i].unit)
			return base_ms / 1000 + strtoll(s, NULL, 10) * units[i].s;
	}
	return -1;
}

/* "Z", "+05:30", "+0530", or nothing, which is UTC; -1: something else.  *s: seconds east. */
static int zone_of(const char *text, int64_t *s)
{
	int h, m;
	char sign, end;

	*s = 0;
	if (*text == '\0' || strcmp(text, "Z") == 0)
		return 0;
	if (sscanf(text, "%c%2d:%2d%c", &sign, &h, &m, &end) != 3 &&
	    sscanf(text, "%c%2d%2d%c", &sign, &h, &m, &end) != 3)
		return -1;
	if ((sign != '+' && sign != '-') || h < 0 || h > 14 || m < 0 || m > 59)
		return -1;
	*s = (sign == '-' ? -1 : 1) * (int64_t)(h * 3600 + m * 60);
	return 0;
}

int64_t testrail_when(const char *s, int64_t base_ms)
{
	int year, month, day, hour = 0, minute = 0, second = 0, n = 0;
	int64_t zone = 0;
	size_t len = strlen(s), number = strspn(s, "0123456789");

	if (*s == '+')
		return from_now(s + 1, base_ms);
	if (len > 0 && number == len)
		return len >= 9 && len <= 11 ? strtoll(s, NULL, 10) : -1;
	if (sscanf(s, "%2d/%2d/%4d%n", &month, &day, &year, &n) == 3 && s[n] == '\0') {
		/* As the vendor's command line wants dates. */
	} else if (number == 4 && sscanf(s, "%4d-%2d-%2d%n", &year, &month, &day, &n) == 3) {
		s += n;
		if (*s != '\0') {
			n = 0;
			if ((*s != 'T' && *s != ' ') || sscanf(s + 1, "%2d:%2d%n", &hour, &minute, &n) != 2)
				return -1;
			s += 1 + n;
			n = 0;
			if (*s == ':' && sscanf(s + 1, "%2d%n", &second, &n) == 1)
				s += 1 + n;
			if (*s == '.')
				s += 1 + strspn(s + 1, "0123456789");
			if (zone_of(s, &zone) < 0)
				return -1;
		}
	} else {
		return -1;
	}
	if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 ||
	    hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
		return -1;
	int64_t at = clock_days(year, (unsigned)month, (unsigned)day) * 86400 + hour * 3600 + minute * 60 +
		     second - zone;
	return at >= 0 ? at : -1;
}

bool testrail_is_span(const char *s)
{
	bool any = false, zero = true;

	while (*s != '\0') {
		size_t n = strspn(s, "0123456789");
		if (n == 0 || n > 9 || s[n] == '\0' || strchr("wdhms", s[n]) == NULL)
			return false;
		zero = zero && strspn(s, "0") == n;
		any = true;
		s += n + 1;
		s += strspn(s, " ");
	}
	return any && !zero;
}

/* ---- templates ---- */

const char *testrail_filled(struct talk *t, const char *text, const struct vars *vars, const char *key)
{
	struct buf out = BUF_LIMIT(64u << 10);
	struct template *tpl = NULL;
	const char *filled = NULL;
	size_t at;

	if (strpbrk(text, "{}") == NULL)
		return text;
	/* Its form was proved when the configuration was read. */
	if (template_parse(text, &tpl, &at, &t->err) == 0 && text_expand(t, tpl, vars, key, &out))
		filled = arena_strndup(t->arena, out.data != NULL ? out.data : "", out.len);
	template_free(tpl);
	buf_done(&out);
	return filled;
}

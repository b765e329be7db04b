/* SPDX-License-Identifier: Apache-2.0
 *
 * html.c - the parts that both kinds of page are made of.
 *
 * Names and texts come from reports, and a report is hostile input.  Invariant: what did not come from
 * this program reaches a page through html_text() only, in text or in a double-quoted attribute.  Should
 * that ever fail, the page's own policy still runs no script and loads nothing but what carries the
 * digests of the style and the script below. */
#include "sinks/local/local.h"

#include "daemon/base/clock.h"
#include "daemon/base/digest.h"
#include "daemon/base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <strings.h>

static const unsigned char style[] = {
#include "sinks/local/page.css.inc"
};
static const unsigned char script[] = {
#include "sinks/local/page.js.inc"
};

/* ---- text ---- */

static unsigned code_point(const char *s, unsigned n)
{
	const unsigned char *u = (const unsigned char *)s;

	switch (n) {
	case 2:
		return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
	case 3:
		return (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
	case 4:
		return (u[0] & 0x07u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 | (u[3] & 0x3fu);
	}
	return u[0];
}

/* Characters that reorder or hide what stands beside them. */
static bool deceptive(unsigned c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f ||
	       c == 0x061c || c == 0x200b || c == 0x2060 || c == 0xfeff || c == 0x2028 || c == 0x2029 ||
	       (c >= 0x80 && c <= 0x9f) || (c >= 0xe0000 && c <= 0xe007f);
}

/* Colours of a terminal: the parser has replaced the escape character, the rest of the sequence says
 * nothing to a reader.  Returns its length, 0 where there is none. */
static size_t colour(const char *s, const char *end)
{
	static const char replaced[] = "\xef\xbf\xbd";
	const char *at = s;

	if (end - at < 5 || memcmp(at, replaced, 3) != 0 || at[3] != '[')
		return 0;
	for (at += 4; at < end && at - s < 24 && ((*at >= '0' && *at <= '9') || *at == ';'); at++)
		;
	return at < end && (*at == 'm' || *at == 'K') ? (size_t)(at - s) + 1 : 0;
}

static const char *escape(unsigned char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	}
	return (c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7f ? "\xef\xbf\xbd" : NULL;
}

void html_text(struct buf *b, const char *s, size_t len)
{
	const char *end = s + len, *from = s;

	while (s < end) {
		unsigned char c = (unsigned char)*s;
		unsigned n = 1;
		const char *instead = NULL;
		char spelt[32];
		if (c < 0x80) {
			instead = escape(c);
		} else if ((n = utf8_length(s, end)) == 0) {
			n = 1;
			instead = "\xef\xbf\xbd";
		} else if (deceptive(code_point(s, n))) {
			snprintf(spelt, sizeof(spelt), "\xe2\x9f\xa8U+%04X\xe2\x9f\xa9", code_point(s, n));
			instead = spelt;
		} else if (c == 0xef && colour(s, end) > 0) {
			n = (unsigned)colour(s, end);
			instead = "";
		}
		if (instead != NULL) {
			buf_append(b, from, (size_t)(s - from));
			buf_puts(b, instead);
			from = s + n;
		}
		s += n;
	}
	buf_append(b, from, (size_t)(s - from));
}

void html_string(struct buf *b, const char *s)
{
	if (s != NULL)
		html_text(b, s, strlen(s));
}

void html_bdi(struct buf *b, const char *s)
{
	buf_puts(b, "<bdi>");
	html_string(b, s);
	buf_puts(b, "</bdi>");
}

void html_number(struct buf *b, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf_putc(b, ',');
		buf_putc(b, digits[i]);
	}
}

void html_duration(struct buf *b, double ms)
{
	if (!(ms >= 0) || !isfinite(ms))
		return;
	if (ms < 1) {
		buf_puts(b, ms > 0 ? "&lt;1 ms" : "0 ms");
	} else if (ms < 999.5) {
		buf_printf(b, "%.0f ms", ms);
	} else if (ms < 9995) {
		buf_printf(b, "%.2f s", ms / 1000);
	} else if (ms < 59950) {
		buf_printf(b, "%.1f s", ms / 1000);
	} else if (ms < 3600e3) {
		unsigned s = (unsigned)(ms / 1000 + 0.5);
		buf_printf(b, "%u min %u s", s / 60, s % 60);
	} else if (ms < 48 * 3600e3) {
		unsigned m = (unsigned)(ms / 60e3 + 0.5);
		buf_printf(b, "%u h %u min", m / 60, m % 60);
	} else if (ms < 1e15) {
		uint64_t h = (uint64_t)(ms / 3600e3 + 0.5);
		buf_printf(b, "%llu d %llu h", (unsigned long long)(h / 24), (unsigned long long)(h % 24));
	} else {
		buf_puts(b, "for ages");
	}
}

void html_time(struct buf *b, int64_t wall_ms)
{
	char iso[CLOCK_ISO_SIZE];

	if (wall_ms != TIME_UNKNOWN)
		html_iso(b, clock_iso(wall_ms, iso));
}

/* The script turns it into the reader's own zone. */
void html_iso(struct buf *b, const char *iso)
{
	if (strlen(iso) == 24 && strspn(iso, "0123456789-:.TZ") == 24)
		buf_printf(b, "<time datetime=\"%s\">%.10s %.5s UTC</time>", iso, iso, iso + 11);
}

bool html_link_safe(const char *url)
{
	return url != NULL && (strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0);
}

void html_url_path(struct buf *b, const char *path)
{
	for (; *path != '\0'; path++) {
		unsigned char c = (unsigned char)*path;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("-._~/", c) != NULL)
			buf_putc(b, (char)c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

/* ---- verdicts ---- */

const char *html_tone(enum verdict v)
{
	switch (v) {
	case VERDICT_PASSED:
		return "passed";
	case VERDICT_FAILED:
		return "failed";
	case VERDICT_ERROR:
		return "error";
	case VERDICT_SKIPPED:
		return "skipped";
	case VERDICT_FLAKY:
		return "flaky";
	case VERDICT_KNOWN_FAILURE:
		return "known";
	}
	return "error";
}

const char *html_word(enum verdict v)
{
	return v == VERDICT_KNOWN_FAILURE ? "known failure" : verdict_name(v);
}

void html_bar(struct buf *b, const char *class_name, const uint64_t count[VERDICT_COUNT])
{
	static const enum verdict order[VERDICT_COUNT] = {
		VERDICT_FAILED, VERDICT_ERROR,  VERDICT_KNOWN_FAILURE,
		VERDICT_FLAKY,  VERDICT_PASSED, VERDICT_SKIPPED,
	};
	enum { WIDTH = 1000 };
	const double least = strcmp(class_name, "small") == 0 ? 24 : 8; /* one in a million is still seen */
	double sum = 0, x = 0, room = WIDTH;
	unsigned shares = 0;

	for (int v = 0; v < VERDICT_COUNT; v++) {
		sum += (double)count[v];
		shares += count[v] > 0;
	}
	buf_printf(b,
		   "<svg class=\"bar %s\" viewBox=\"0 0 %d 10\" preserveAspectRatio=\"none\" role=\"img\" "
		   "aria-label=\"",
		   class_name, WIDTH);
	for (int i = 0, said = 0; i < VERDICT_COUNT; i++) {
		if (count[order[i]] > 0)
			buf_printf(b, "%s%llu %s", said++ > 0 ? ", " : "",
				   (unsigned long long)count[order[i]], html_word(order[i]));
	}
	buf_puts(b, "\">");
	room -= (double)shares * least;
	for (int i = 0; i < VERDICT_COUNT; i++) {
		enum verdict v = order[i];
		if (count[v] == 0)
			continue;
		double width = least + room * (double)count[v] / sum;
		buf_printf(b, "<rect class=\"%s\" x=\"%.1f\" width=\"%.1f\" height=\"10\"/>", html_tone(v), x,
			   width);
		x += width;
	}
	buf_puts(b, "</svg>");
}

/* ---- frame ---- */

static void policy(struct buf *b, const char *what, const unsigned char *bytes, size_t len)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t sum[DIGEST_SIZE + 1] = { 0 }; /* and one byte of padding: eleven groups of three */
	char text[45];
	size_t n = 0;
	struct digest *d = digest_new();

	digest_add(d, bytes, len);
	digest_get(d, sum);
	digest_free(d);
	for (size_t i = 0; i < sizeof(sum); i += 3) {
		uint32_t three = (uint32_t)sum[i] << 16 | (uint32_t)sum[i + 1] << 8 | sum[i + 2];
		for (int shift = 18; shift >= 0; shift -= 6)
			text[n++] = digit[three >> shift & 63];
	}
	text[n - 1] = '=';
	text[n] = '\0';
	buf_printf(b, "%s 'sha256-%s'", what, text);
}

static const char *icon_colour(const char *tone)
{
	static const char *const colours[][2] = {
		{ "passed", "2f9e63" },
		{ "failed", "d64550" },
		{ "running", "3d7edb" },
		{ "none", "8a8f98" },
	};

	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (strcmp(colours[i][0], tone) == 0)
			return colours[i][1];
	}
	return "8a8f98";
}

void html_begin(struct buf *b, const struct page_head *head)
{
	buf_puts(b,
		 "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
		 "base-uri 'none'; form-action 'none'; ");
	policy(b, "style-src", style, sizeof(style) - 1);
	buf_puts(b, "; ");
	policy(b, "script-src", script, sizeof(script) - 1);
	buf_puts(b, "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		    "<meta name=\"color-scheme\" content=\"light dark\">\n"
		    "<meta name=\"referrer\" content=\"no-referrer\">\n"
		    "<meta name=\"generator\" content=\"resultd " RD_VERSION "\">\n<title>");
	html_string(b, head->title);
	buf_printf(b,
		   "</title>\n<link rel=\"icon\" href=\"data:image/svg+xml,%%3Csvg "
		   "xmlns='http://www.w3.org/2000/svg' "
		   "viewBox='0 0 16 16'%%3E%%3Crect width='16' height='16' rx='5' "
		   "fill='%%23%s'/%%3E%%3C/svg%%3E\">\n<style>",
		   icon_colour(head->tone));
	buf_append(b, style, sizeof(style) - 1);
	buf_printf(b, "</style>\n</head>\n<body%s>\n", head->live ? " data-live=\"30\"" : "");
}

void html_end(struct buf *b)
{
	buf_puts(b, "<script>");
	buf_append(b, script, sizeof(script) - 1);
	buf_puts(b, "</script>\n</body>\n</html>\n");
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * axosoft_text.c - what makes two failures the same one, and text as the tracker shows it.
 *
 * Numbers, addresses, GUIDs, paths and times change from run to run and say nothing of the cause.  Of a
 * stack the first frames count: what lies beneath them is the runner's. */
#include "sinks/axosoft/axosoft.h"

#include "daemon/base/digest.h"

#include <ctype.h>
#include <regex.h>
#include <string.h>

enum { FRAMES = 3, MESSAGE_BYTES = 2000, DETAIL_BYTES = 16 << 10 };

static bool word_byte(unsigned char c)
{
	return isalnum(c) != 0 || c == '_' || c >= 0x80;
}

/* Where the digits (perhaps hex, dashes, dots, colons) that begin at s end; s itself where none do. */
static const char *number_end(const char *s, const char *end)
{
	const char *at = s;
	size_t digits = 0;

	if (end - s > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		at += 2;
	for (; at < end && (isxdigit((unsigned char)*at) || (digits > 0 && strchr("-.:", *at) != NULL)); at++)
		digits += isdigit((unsigned char)*at) != 0;
	while (at > s && strchr("-.:", at[-1]) != NULL)
		at--;
	/* "added" and "deadbeef" are letters of hex; only what has a digit is a number. */
	return digits > 0 && (at == end || !word_byte((unsigned char)*at)) ? at : s;
}

static bool path_byte(unsigned char c)
{
	return word_byte(c) || strchr("/\\.-+~@%", (char)c) != NULL;
}

/* "/srv/ci/17/a.py", "C:\ci\a.cs": from here to its last part, which stays. */
static const char *path_end(const char *s, const char *end)
{
	const char *at = s, *last = NULL;
	size_t parts = 0;

	if (end - at > 2 && isalpha((unsigned char)at[0]) && at[1] == ':' && (at[2] == '\\' || at[2] == '/'))
		at += 2;
	if (*at != '/' && *at != '\\')
		return s;
	for (; at < end && *at != '\0' && path_byte((unsigned char)*at); at++) {
		if (*at == '/' || *at == '\\') {
			last = at + 1;
			parts++;
		}
	}
	return parts > 1 ? last : s;
}

void axosoft_normalise(struct buf *out, const char *text, size_t len)
{
	const char *end = text + len;
	bool in_word = false, blank = true;

	for (const char *s = text; s < end; s++) {
		const char *to = in_word ? s : path_end(s, end);
		if (to == s && !in_word) {
			to = number_end(s, end);
			if (to > s) {
				buf_putc(out, '#');
				s = to - 1;
				blank = false;
				continue;
			}
		}
		if (to > s) {
			s = to - 1;
			continue;
		}
		unsigned char c = (unsigned char)*s;
		if (isdigit(c)) { /* within a word: "node17", "12ms" */
			if (out->len == 0 || out->data == NULL || out->data[out->len - 1] != '#')
				buf_putc(out, '#');
		} else if (isspace(c)) {
			if (!blank)
				buf_putc(out, ' ');
		} else {
			buf_putc(out, (char)c);
		}
		blank = isspace(c) != 0;
		in_word = word_byte(c);
	}
}

static bool is_frame(const char *line, size_t len)
{
	while (len > 0 && isspace((unsigned char)*line)) {
		line++;
		len--;
	}
	return (len > 3 && strncmp(line, "at ", 3) == 0) || (len > 6 && strncmp(line, "File \"", 6) == 0);
}

/* The innermost frames: of Java, .NET and JavaScript the first, of Python the last. */
static void put_frames(struct buf *b, const struct text *detail)
{
	const char *s = detail->s, *end = s + (detail->len < DETAIL_BYTES ? detail->len : DETAIL_BYTES);
	struct {
		const char *line;
		size_t len;
	} frame[FRAMES] = { { NULL, 0 } };
	size_t seen = 0;
	bool last_counts = false;

	while (s < end) {
		const char *line_end = memchr(s, '\n', (size_t)(end - s));
		size_t len = line_end != NULL ? (size_t)(line_end - s) : (size_t)(end - s);
		if (is_frame(s, len)) {
			last_counts = last_counts || memchr(s, '"', len) != NULL;
			if (seen < FRAMES || last_counts) {
				frame[seen % FRAMES].line = s;
				frame[seen % FRAMES].len = len;
			}
			seen++;
		}
		s += len + 1;
	}
	for (size_t i = 0; i < FRAMES; i++) {
		/* In the order of the text, wherever the ring begins. */
		size_t at = last_counts && seen > FRAMES ? (seen + i) % FRAMES : i;
		if (frame[at].line == NULL)
			continue;
		axosoft_normalise(b, frame[at].line, frame[at].len);
		buf_putc(b, '\n');
	}
}

static bool ignored(const struct axosoft_conf *c, const struct failure *f)
{
	bool hit = false;

	for (size_t i = 0; i < c->ignore.count && !hit; i++) {
		const char *text[] = { f->type, f->message.s, f->detail.s };
		regex_t re;
		if (regcomp(&re, c->ignore.item[i], REG_EXTENDED | REG_NOSUB) != 0)
			continue; /* axosoft_check() has refused it */
		for (size_t k = 0; k < 3 && !hit; k++)
			hit = text[k] != NULL && regexec(&re, text[k], 0, NULL, 0) == 0;
		regfree(&re);
	}
	return hit;
}

static void put_test(struct buf *b, const struct result *r)
{
	const char *name = r->name != NULL ? r->name : "";

	for (size_t i = 0; i < r->suite_count; i++)
		buf_printf(b, "%s\n", r->suite[i] != NULL ? r->suite[i] : "");
	/* Rows of one parametrized test share their defect. */
	buf_printf(b, "%s\n%.*s\n", r->class_name != NULL ? r->class_name : "", (int)strcspn(name, "[("),
		   name);
}

static bool put_cause(struct buf *b, const struct failure *f)
{
	size_t before = b->len;
	size_t len = f->message.len < MESSAGE_BYTES ? f->message.len : MESSAGE_BYTES;

	if (f->type != NULL)
		buf_printf(b, "%s\n", f->type);
	if (f->message.s != NULL)
		axosoft_normalise(b, f->message.s, len);
	buf_putc(b, '\n');
	if (f->detail.s != NULL)
		put_frames(b, &f->detail);
	if (f->message.s == NULL && f->detail.s != NULL && b->len <= before + 1) {
		const char *nl = memchr(f->detail.s, '\n', f->detail.len);
		size_t first = nl != NULL ? (size_t)(nl - f->detail.s) : f->detail.len;
		axosoft_normalise(b, f->detail.s, first < MESSAGE_BYTES ? first : MESSAGE_BYTES);
	}
	return b->len > before + 1;
}

static const char *mark_of(const struct buf *b, struct arena *a)
{
	uint8_t hash[DIGEST_SIZE];
	char hex[AXOSOFT_FP_SIZE] = "fp-";
	struct digest *d = digest_new();

	digest_add(d, b->data, b->len);
	digest_get(d, hash);
	digest_free(d);
	digest_hex(hash, 10, hex + 3);
	return arena_strdup(a, hex);
}

const char *axosoft_suite_mark(const char *suite, struct arena *a)
{
	struct buf b = BUF_LIMIT(1u << 16);

	buf_printf(&b, "suite\n%s", suite);
	const char *mark = mark_of(&b, a);
	buf_done(&b);
	return mark;
}

const char *axosoft_fingerprint(const struct axosoft_conf *c, const struct result *r, struct arena *a)
{
	struct buf b = BUF_LIMIT(1u << 20);
	if (ignored(c, &r->failure))
		return NULL;
	if (c->by != AXOSOFT_BY_TEST) {
		bool cause = put_cause(&b, &r->failure);
		if (!cause || c->by == AXOSOFT_BY_BOTH) /* nothing is known of it but its test */
			put_test(&b, r);
	} else {
		put_test(&b, r);
	}
	const char *mark = mark_of(&b, a);
	buf_done(&b);
	return mark;
}

void axosoft_html(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case '<':
			buf_puts(out, "&lt;");
			break;
		case '>':
			buf_puts(out, "&gt;");
			break;
		case '&':
			buf_puts(out, "&amp;");
			break;
		case '"':
			buf_puts(out, "&quot;");
			break;
		case '\n':
			buf_puts(out, "<br/>");
			break;
		case '\r':
			break;
		default:
			buf_putc(out, text[i]);
		}
	}
}

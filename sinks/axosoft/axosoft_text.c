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

static const char *hex_end(const char *s, const char *end)
{
	while (s < end && isxdigit((unsigned char)*s) != 0)
		s++;
	return s;
}

/* 8-4-4-4-12 digits of hex, also those that happen to be letters only. */
static const char *guid_end(const char *s, const char *end)
{
	static const int group[] = { 8, 4, 4, 4, 12 };
	const char *at = s;

	for (int i = 0; i < 5; i++) {
		const char *to = hex_end(at, end);
		if (to - at != group[i] || (i < 4 && (to == end || *to != '-')))
			return s;
		at = i < 4 ? to + 1 : to;
	}
	return at == end || !word_byte((unsigned char)*at) ? at : s;
}

/* Where a number that begins at s ends; s itself where none does.  before: the byte before it, 0 at a start. */
static const char *number_end(const char *s, const char *end, char before)
{
	const char *at = guid_end(s, end), *to;

	if (at > s)
		return at;
	if (end - s > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		to = hex_end(s + 2, end);
		if (to > s + 2)
			return to;
	}
	/* "added" and "deadbeef" are words; what has a digit is a number, and so is what follows "Object@". */
	to = hex_end(s, end);
	bool digit = false;
	for (at = s; at < to; at++)
		digit = digit || isdigit((unsigned char)*at) != 0;
	if (to > s && (to == end || !word_byte((unsigned char)*to)) &&
	    (digit || (before == '@' && to - s >= 5)))
		return to;
	for (at = s; at < end && isdigit((unsigned char)*at) != 0; at++)
		;
	return at;
}

/* One mark for a number; "1.5", "10:00:00" and "2026-11-20" are one number each. */
static void put_number(struct buf *out)
{
	size_t n = out->len;

	if (n >= 1 && out->data[n - 1] == '#')
		return;
	if (n >= 2 && strchr("-.:,", out->data[n - 1]) != NULL && out->data[n - 2] == '#') {
		out->len--;
		return;
	}
	buf_putc(out, '#');
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
	bool in_word = false, blank = true, url = false;
	char before = '\0';

	for (const char *s = text; s < end; s++) {
		unsigned char c = (unsigned char)*s;
		url = url && c > ' ' && c != '"' && c != '\'' && c != '<' && c != ')';
		if (!url && before == ':' && end - s > 2 && s[0] == '/' &&
		    s[1] == '/') /* its path says what was asked */
			url = true;
		const char *to = in_word || url ? s : path_end(s, end);
		if (to > s) {
			before = to[-1];
			s = to - 1;
			continue;
		}
		to = !in_word          ? number_end(s, end, before)
		     : isdigit(c) == 0 ? s
				       : s + 1; /* within a word: "node17", "T10" */
		if (to > s) {
			put_number(out);
			s = to - 1;
			before = *s;
			in_word = true; /* "12ms" */
			blank = false;
			continue;
		}
		if (isspace(c) == 0)
			buf_putc(out, (char)c);
		else if (!blank)
			buf_putc(out, ' ');
		blank = isspace(c) != 0;
		in_word = word_byte(c);
		before = (char)c;
	}
}

/* Frames of what asserts and of what runs tests are the same ones whatever fails. */
static bool common_frame(const char *line, size_t len)
{
	static const char *const parts[] = {
		"org.junit.",
		"junit.framework.",
		"org.testng.",
		"org.hamcrest.",
		"org.assertj.",
		"org.opentest4j.",
		"org.mockito.",
		"org.spockframework.",
		"com.google.common.truth.",
		"kotlin.test.",
		" java.",
		" jdk.",
		" sun.",
		"java.base/",
		"Xunit.",
		"NUnit.",
		"FluentAssertions.",
		"Microsoft.VisualStudio.TestTools.",
		" System.",
		"node_modules/",
		"node:internal",
		"_pytest/",
		"/unittest/",
		"/pluggy/",
		"site-packages/",
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (memmem(line, len, parts[i], strlen(parts[i])) != NULL)
			return true;
	return false;
}

enum frame { NO_FRAME, FRAME_FIRST, FRAME_LAST };

/* Of Java, .NET and JavaScript the first frames are the innermost ones, of Python the last. */
static enum frame frame_of(const char *line, size_t len)
{
	const char *py = memmem(line, len, ".py:", 4);

	/* pytest: "tests/test_cart.py:17: AssertionError" */
	if (py != NULL && isspace((unsigned char)*line) == 0 && py + 4 < line + len &&
	    isdigit((unsigned char)py[4]) != 0 && memchr(line, ' ', (size_t)(py - line)) == NULL)
		return FRAME_LAST;
	while (len > 0 && isspace((unsigned char)*line)) {
		line++;
		len--;
	}
	if (len > 6 && strncmp(line, "File \"", 6) == 0)
		return FRAME_LAST;
	return len > 3 && strncmp(line, "at ", 3) == 0 ? FRAME_FIRST : NO_FRAME;
}

struct frames {
	struct {
		const char *line;
		size_t len;
	} ring[FRAMES];
	size_t seen;
	bool last;
};

static void take_frame(struct frames *f, enum frame kind, const char *line, size_t len)
{
	f->last = f->last || kind == FRAME_LAST;
	if (f->seen < FRAMES || f->last) {
		f->ring[f->seen % FRAMES].line = line;
		f->ring[f->seen % FRAMES].len = len;
	}
	f->seen++;
}

/* The innermost frames of what is tested; of anything, where there are no others. */
static void put_frames(struct buf *b, const struct text *detail)
{
	const char *s = detail->s, *end = s + (detail->len < DETAIL_BYTES ? detail->len : DETAIL_BYTES);
	struct frames own = { .seen = 0 }, any = { .seen = 0 };

	while (s < end) {
		const char *line_end = memchr(s, '\n', (size_t)(end - s));
		size_t len = line_end != NULL ? (size_t)(line_end - s) : (size_t)(end - s);
		enum frame kind = frame_of(s, len);
		if (kind != NO_FRAME)
			take_frame(&any, kind, s, len);
		if (kind != NO_FRAME && !common_frame(s, len))
			take_frame(&own, kind, s, len);
		s += len + 1;
	}
	const struct frames *f = own.seen > 0 ? &own : &any;
	for (size_t i = 0; i < FRAMES && i < f->seen; i++) {
		/* In the order of the text, wherever the ring begins. */
		size_t at = f->last && f->seen > FRAMES ? (f->seen + i) % FRAMES : i;
		axosoft_normalise(b, f->ring[at].line, f->ring[at].len);
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * repair.c - see repair.h.
 *
 * Three steps: guess the encoding from the first bytes; bring them to UTF-8 (iconv, or nothing to do); walk
 * over the characters with just enough of XML's grammar to know text from CDATA, comments and instructions.
 * `work` holds what the last step could not decide yet, a few bytes at most. */
#include "parsers/repair.h"

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

enum {
	SNIFF = 1024,  /* bytes in which a declaration must stand */
	PIECE = 16384, /* bytes given on at once */
	LOOK = 48,     /* the longest construct that is looked at as a whole */
	AHEAD = 128,   /* bytes behind a quote that tell whether it ends a value */
	ENCODING_MAX = 40,
};
static const char replacement[] = "\xef\xbf\xbd";

enum place { TEXT, TAG, VALUE, CDATA, COMMENT, INSTRUCTION, DECLARATION };

struct repair {
	bool sniffed;
	char encoding[ENCODING_MAX + 1]; /* "" : UTF-8 */
	iconv_t iconv;
	bool converting;
	unsigned unit;   /* bytes to skip over what iconv does not take */
	struct buf head; /* before the encoding is known */
	struct buf tail; /* an incomplete sequence of the old encoding */
	struct buf work, out;
	enum place place;
	char quote; /* VALUE: what ends it */
	uint64_t count;
};

struct repair *repair_new(void)
{
	struct repair *r = xcalloc(1, sizeof(*r));

	r->head = (struct buf)BUF_LIMIT((size_t)1 << 20);
	r->tail = (struct buf)BUF_LIMIT((size_t)1 << 20);
	r->work = (struct buf)BUF_LIMIT((size_t)4 << 20);
	r->out = (struct buf)BUF_LIMIT((size_t)1 << 20);
	return r;
}

void repair_free(struct repair *r)
{
	if (r == NULL)
		return;
	if (r->converting)
		iconv_close(r->iconv);
	buf_done(&r->head);
	buf_done(&r->tail);
	buf_done(&r->work);
	buf_done(&r->out);
	free(r);
}

uint64_t repair_count(const struct repair *r)
{
	return r->count;
}
const char *repair_encoding(const struct repair *r)
{
	return r->encoding[0] != '\0' ? r->encoding : NULL;
}

/* ---- which encoding ---- */

/* Upper case, letters and digits only: "utf_8", "UTF8" and "utf-8" are one. */
static void plain_name(const char *name, char plain[ENCODING_MAX + 1])
{
	size_t n = 0;

	for (; *name != '\0' && n < ENCODING_MAX; name++) {
		char c = *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
		if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			plain[n++] = c;
	}
	plain[n] = '\0';
}

/* Names that iconv does not know, or means otherwise.  "" is UTF-8. */
static const struct {
	const char *plain, *name;
} aliases[] = {
	{ "", "" },
	{ "UTF8", "" },
	{ "UNICODE", "" },
	{ "USASCII", "" },
	{ "ASCII", "" },
	{ "UTF8MB4", "" },
	{ "CP65001", "" },
	{ "ANSI", "WINDOWS-1252" },
	{ "UTF16LE", "UTF-16LE" },
	{ "UTF16BE", "UTF-16BE" },
	{ "UTF32LE", "UTF-32LE" },
	{ "UTF32BE", "UTF-32BE" },
	{ "LATIN1", "ISO-8859-1" },
	{ "XSJIS", "SJIS" },
	{ "SHIFTJIS", "SJIS" },
	{ "GB2312", "GB18030" },
	{ "GBK", "GB18030" },
	{ "MS932", "CP932" },
	{ "WINDOWS31J", "CP932" },
	{ "KSC5601", "CP949" },
	{ "MACROMAN", "MACINTOSH" },
};

static bool name_is_wide(const char *plain)
{
	return strncmp(plain, "UTF16", 5) == 0 || strncmp(plain, "UTF32", 5) == 0 ||
	       strncmp(plain, "UCS", 3) == 0 || strncmp(plain, "ISO10646UCS", 11) == 0;
}

/* The name in the declaration, "" where there is none. */
static void declared(const char *s, size_t len, char name[ENCODING_MAX + 1])
{
	const char *end = s + len;

	name[0] = '\0';
	while (s < end && (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r'))
		s++;
	if (end - s < 6 || memcmp(s, "<?xml", 5) != 0)
		return;
	const char *close = memchr(s, '>', (size_t)(end - s));
	if (close != NULL)
		end = close;
	static const char word[] = "encoding";
	for (; end - s > (ptrdiff_t)sizeof(word); s++) {
		if (memcmp(s, word, sizeof(word) - 1) != 0)
			continue;
		s += sizeof(word) - 1;
		while (s < end && (*s == ' ' || *s == '=' || *s == '\t'))
			s++;
		if (s == end || (*s != '"' && *s != '\''))
			return;
		char quote = *s++;
		const char *stop = memchr(s, quote, (size_t)(end - s));
		if (stop == NULL || stop - s > ENCODING_MAX)
			return;
		memcpy(name, s, (size_t)(stop - s));
		name[stop - s] = '\0';
		return;
	}
}

static int convert_from(struct repair *r, const char *name, unsigned unit, struct err *err)
{
	r->iconv = iconv_open("UTF-8", name);
	if (r->iconv == (iconv_t)-1)
		return err_at(err, -EILSEQ, NULL, 1, 1, "the encoding \"%s\" is not known here", name);
	r->converting = true;
	r->unit = unit;
	size_t n = strlen(name);
	n = n < ENCODING_MAX ? n : ENCODING_MAX;
	memcpy(r->encoding, name, n);
	r->encoding[n] = '\0';
	return 0;
}

/* A byte order mark is stronger than what the zeros tell, and that is stronger than the declaration. */
static int sniff(struct repair *r, size_t *skip, struct err *err)
{
	static const struct {
		const char *bytes;
		size_t len, skip;
		const char *name;
		unsigned unit;
	} marks[] = {
		{ "\xff\xfe\0\0", 4, 4, "UTF-32LE", 4 }, { "\0\0\xfe\xff", 4, 4, "UTF-32BE", 4 },
		{ "\xff\xfe", 2, 2, "UTF-16LE", 2 },     { "\xfe\xff", 2, 2, "UTF-16BE", 2 },
		{ "\xef\xbb\xbf", 3, 3, "", 1 },         { "<\0\0\0", 4, 0, "UTF-32LE", 4 },
		{ "\0\0\0<", 4, 0, "UTF-32BE", 4 },      { "<\0", 2, 0, "UTF-16LE", 2 },
		{ "\0<", 2, 0, "UTF-16BE", 2 },
	};
	const char *s = r->head.data != NULL ? r->head.data : "";
	size_t len = r->head.len;
	char name[ENCODING_MAX + 1], plain[ENCODING_MAX + 1];

	*skip = 0;
	r->sniffed = true;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (len < marks[i].len || memcmp(s, marks[i].bytes, marks[i].len) != 0)
			continue;
		*skip = marks[i].skip;
		return marks[i].name[0] != '\0' ? convert_from(r, marks[i].name, marks[i].unit, err) : 0;
	}
	/* Never further than pieces of any size would have let it look. */
	declared(s, len < SNIFF ? len : SNIFF, name);
	plain_name(name, plain);
	/* It says two or four bytes a character, yet it could be read: so it is not so. */
	if (name_is_wide(plain))
		return 0;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (strcmp(aliases[i].plain, plain) == 0)
			return aliases[i].name[0] != '\0' ? convert_from(r, aliases[i].name, 1, err) : 0;
	}
	return convert_from(r, name, 1, err);
}

/* ---- to UTF-8 ---- */

static void work_add(struct repair *r, const char *s, size_t len)
{
	buf_append(&r->work, s, len);
}

static void convert(struct repair *r, const char *data, size_t len, bool final)
{
	if (!r->converting) {
		work_add(r, data, len);
		return;
	}
	buf_append(&r->tail, data, len);
	char *in = r->tail.data, piece[4096];
	size_t left = r->tail.len;
	while (left > 0) {
		char *to = piece;
		size_t room = sizeof(piece);
		size_t n = iconv(r->iconv, &in, &left, &to, &room);
		int why = errno;
		work_add(r, piece, sizeof(piece) - room);
		if (n != (size_t)-1 || why == E2BIG)
			continue;
		if (why == EINVAL && !final)
			break;
		/* Not a character of that encoding, or half of one at the end. */
		size_t skip = left < r->unit ? left : r->unit;
		in += skip;
		left -= skip;
		work_add(r, replacement, 3);
		r->count++;
	}
	if (left > 0)
		memmove(r->tail.data, in, left);
	r->tail.len = left;
}

/* ---- what XML allows ---- */

static bool allowed(uint32_t c)
{
	return c == 0x9 || c == 0xa || c == 0xd || (c >= 0x20 && c <= 0xd7ff) ||
	       (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

/* The length of "[31;1m" and its like at s, 0: none, -1: it goes on behind the end. */
static int colour(const char *s, const char *end)
{
	const char *p = s;

	if (p == end)
		return -1;
	if (*p++ != '[')
		return 0;
	while (p < end && p - s < LOOK / 2 &&
	       ((*p >= '0' && *p <= '9') || *p == ';' || *p == ':' || *p == '?'))
		p++;
	if (p == end)
		return -1;
	/* Colours, cursor moves, erasing: what a terminal acts on and nobody reads. */
	return strchr("mKGHFJABCDhl", *p) != NULL && *p != '\0' ? (int)(p + 1 - s) : 0;
}

static void put(struct repair *r, const char *s, size_t len)
{
	buf_append(&r->out, s, len);
}

static void replace(struct repair *r)
{
	put(r, replacement, 3);
	r->count++;
}

/* "&#27;" and "&#x1b;": bytes used, 0: it goes on behind the end. */
static size_t reference(struct repair *r, const char *s, const char *end, bool final)
{
	const char *p = s + 2;
	uint32_t value = 0;
	bool hex = p < end && *p == 'x';
	size_t digits = 0;

	p += hex;
	for (; p < end && p - s < LOOK; p++, digits++) {
		unsigned d;
		if (*p >= '0' && *p <= '9')
			d = (unsigned)(*p - '0');
		else if (hex && *p >= 'a' && *p <= 'f')
			d = (unsigned)(*p - 'a' + 10);
		else if (hex && *p >= 'A' && *p <= 'F')
			d = (unsigned)(*p - 'A' + 10);
		else
			break;
		if (value <= 0x10ffff)
			value = value * (hex ? 16 : 10) + d;
	}
	if (p == end && !final)
		return 0;
	/* A reference that is no reference is not a matter of characters. */
	if (p == end || *p != ';' || digits == 0 || allowed(value)) {
		size_t n = p < end && *p == ';' ? (size_t)(p + 1 - s) : (size_t)(p - s);
		put(r, s, n);
		return n;
	}
	p++;
	if (value == 0x1b) {
		int n = colour(p, end);
		if (n < 0 && !final)
			return 0;
		if (n > 0) {
			r->count++;
			return (size_t)(p + n - s);
		}
	}
	replace(r);
	return (size_t)(p - s);
}

/* Whether what is left is the beginning of word, and could become it. */
static bool starts(const char *s, const char *end, const char *word, bool *partial)
{
	size_t len = strlen(word), left = (size_t)(end - s);

	if (left >= len)
		return memcmp(s, word, len) == 0;
	if (memcmp(s, word, left) == 0)
		*partial = true;
	return false;
}

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == ':' || c == '-' || c == '.' || (unsigned char)c >= 0x80;
}

static bool white(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Whether a value may end before s: behind it the tag ends, or another attribute begins.  -1: it takes more bytes
 * to know.  What is well-formed always may. */
static int ends_value(const char *s, const char *end, bool final)
{
	const char *p = s, *most = end - s > AHEAD ? s + AHEAD : end;

	while (p < most && white(*p))
		p++;
	if (p < most && (*p == '>' || *p == '/' || *p == '?'))
		return 1;
	if (p < most && !name_char(*p))
		return 0;
	while (p < most && name_char(*p))
		p++;
	while (p < most && white(*p))
		p++;
	if (p < most)
		return *p == '=';
	return final || p == s + AHEAD ? 1 : -1;
}

/* "&name;": is it a reference at all?  -1: it takes more bytes to know. */
static int is_reference(const char *s, const char *end, bool final)
{
	const char *p = s + 1;

	while (p < end && p - s < LOOK && name_char(*p))
		p++;
	if (p == end && !final)
		return -1;
	return p > s + 1 && p < end && *p == ';';
}

/* An ampersand that begins no reference, left by producers that do not escape. */
static size_t ampersand(struct repair *r, const char *s, const char *end, bool final)
{
	bool partial = false;

	if (starts(s, end, "&#", &partial))
		return reference(r, s, end, final);
	int is = partial && !final ? -1 : is_reference(s, end, final);
	if (is < 0)
		return 0;
	if (is > 0) {
		put(r, s, 1);
	} else {
		put(r, "&amp;", 5);
		r->count++;
	}
	return 1;
}

/* Inside a tag.  cmocka writes names as they are: quotes, "<" and "&" included.  A quote that cannot end the
 * value is a part of it, and so is a "<" behind which no markup can follow; everything else stays as it is, so
 * that a quote that is missing is still found to be. */
static size_t in_tag(struct repair *r, const char *s, const char *end, bool final)
{
	if (r->place == TAG) {
		if (*s == '>')
			r->place = TEXT;
		else if (*s == '"' || *s == '\'') {
			r->quote = *s;
			r->place = VALUE;
		}
		put(r, s, 1);
		return 1;
	}
	if (*s == r->quote) {
		int ends = ends_value(s + 1, end, final);
		if (ends < 0)
			return 0;
		if (ends > 0) {
			r->place = TAG;
			put(r, s, 1);
		} else {
			put(r, *s == '"' ? "&quot;" : "&apos;", 6);
			r->count++;
		}
		return 1;
	}
	if (*s == '&')
		return ampersand(r, s, end, final);
	if (*s == '<') {
		if (end - s < 2 && !final)
			return 0;
		bool markup = end - s < 2 || name_char(s[1]) || s[1] == '/' || s[1] == '!' || s[1] == '?';
		if (!markup) {
			put(r, "&lt;", 4);
			r->count++;
			return 1;
		}
	}
	put(r, s, 1);
	return 1;
}

/* One construct at s: bytes used, 0: undecided. */
static size_t markup(struct repair *r, const char *s, const char *end, bool final)
{
	bool partial = false;

	if (r->place == TAG || r->place == VALUE)
		return in_tag(r, s, end, final);
	if (r->place == TEXT && *s == '<') {
		static const struct {
			const char *word;
			enum place place;
		} begins[] = {
			{ "<![CDATA[", CDATA },     { "<!--", COMMENT },        { "<?xml ", DECLARATION },
			{ "<?xml\t", DECLARATION }, { "<?xml\n", DECLARATION }, { "<?xml\r", DECLARATION },
			{ "<?", INSTRUCTION },
		};
		for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
			/* "<?xm" is the beginning of an instruction only once it can be no declaration. */
			if (partial && !final && begins[i].place == INSTRUCTION)
				return 0;
			if (starts(s, end, begins[i].word, &partial)) {
				size_t n = strlen(begins[i].word);
				r->place = begins[i].place;
				if (r->place != DECLARATION)
					put(r, s, n);
				else
					put(r, "      ", n - 1);
				return r->place != DECLARATION ? n : n - 1;
			}
		}
		if (!partial && end - s < 2 && !final)
			return 0;
		if (!partial && end - s >= 2 && name_char(s[1]))
			r->place = TAG;
	} else if (r->place == TEXT && *s == '&') {
		return ampersand(r, s, end, final);
	} else if (r->place == TEXT && *s == ']') {
		/* Producers that do not split "]]>" in their CDATA leave the true end of it in the text. */
		if (starts(s, end, "]]>", &partial)) {
			put(r, "]]&gt;", 6);
			r->count++;
			return 3;
		}
	} else {
		static const char *const stops[] = {
			[CDATA] = "]]>", [COMMENT] = "-->", [INSTRUCTION] = "?>", [DECLARATION] = "?>"
		};
		if (r->place >= CDATA && starts(s, end, stops[r->place], &partial)) {
			size_t n = strlen(stops[r->place]);
			put(r, r->place == DECLARATION ? "  " : stops[r->place], n);
			r->place = TEXT;
			return n;
		}
	}
	if (partial && !final)
		return 0;
	if (r->place == DECLARATION)
		put(r, *s == '\n' || *s == '\r' ? s : " ", 1);
	else
		put(r, s, 1);
	return 1;
}

static inline bool ordinary(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '<' && c != '&' && c != ']' && c != '-' && c != '?';
}

/* One step; 0: what is left must wait for more. */
static size_t clean(struct repair *r, const char *s, const char *end, bool final)
{
	unsigned char c = (unsigned char)*s;

	if (r->place != DECLARATION) {
		const char *p = s;
		while (p < end && (ordinary((unsigned char)*p) || *p == '\n') &&
		       !(r->place == TAG && (*p == '>' || *p == '"' || *p == '\'')) &&
		       !(r->place == VALUE && *p == r->quote))
			p++;
		if (p > s) {
			put(r, s, (size_t)(p - s));
			return (size_t)(p - s);
		}
	}
	if (c >= 0x80) {
		unsigned n = utf8_length(s, end);
		if (n == 0 && end - s < 4 && c >= 0xc2 && c <= 0xf4 && !final)
			return 0;
		bool bad = n == 0 || (n == 3 && c == 0xef && (unsigned char)s[1] == 0xbf &&
				      (unsigned char)s[2] >= 0xbe);
		if (bad)
			replace(r);
		else
			put(r, s, n);
		return n == 0 ? 1 : n;
	}
	if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') {
		if (c == 0x1b) {
			int n = colour(s + 1, end);
			if (n < 0 && !final)
				return 0;
			if (n > 0) {
				r->count++;
				return 1 + (size_t)n;
			}
		}
		replace(r);
		return 1;
	}
	return markup(r, s, end, final);
}

static int drain(struct repair *r, bool final, repair_out_fn *out, void *cookie)
{
	const char *s = r->work.data, *end = s + r->work.len;

	while (s < end) {
		size_t n = clean(r, s, end, final);
		if (n == 0)
			break;
		s += n;
		if (r->out.len >= PIECE) {
			int rc = out(cookie, r->out.data, r->out.len, false);
			buf_reset(&r->out);
			if (rc != 0)
				return rc;
		}
	}
	size_t left = (size_t)(end - s);
	if (left > 0)
		memmove(r->work.data, s, left);
	r->work.len = left;
	int rc = 0;
	if (r->out.len > 0 || final)
		rc = out(cookie, r->out.data != NULL ? r->out.data : "", r->out.len, final);
	buf_reset(&r->out);
	return rc;
}

int repair_feed(struct repair *r, const char *data, size_t len, bool final, repair_out_fn *out, void *cookie,
		struct err *err)
{
	if (!r->sniffed) {
		buf_append(&r->head, data, len);
		if (r->head.len < SNIFF && !final)
			return 0;
		size_t skip;
		int rc = sniff(r, &skip, err);
		if (rc < 0)
			return rc;
		if (r->head.len > skip)
			convert(r, r->head.data + skip, r->head.len - skip, final);
		buf_done(&r->head);
	} else {
		convert(r, data, len, final);
	}
	if (r->work.data == NULL)
		work_add(r, "", 0);
	return drain(r, final, out, cookie);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The repairing filter alone: what goes in, what comes out, in pieces of any size. */
#include "parsers/repair.h"

#include "daemon/base/buf.h"
#include "daemon/base/utf8.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a)       (sizeof(a) / sizeof((a)[0]))
#define BYTES(literal) literal, sizeof(literal) - 1
#define R              "\xef\xbf\xbd"

static int take(void *cookie, const char *data, size_t len, bool final)
{
	struct buf *b = cookie;

	(void) final;
	return buf_append(b, data, len);
}

static int repaired(const char *in, size_t len, size_t piece, struct buf *out, uint64_t *count,
		    char *encoding)
{
	struct repair *r = repair_new();
	struct err err = ERR_NONE;
	int rc;

	buf_reset(out);
	buf_puts(out, "");
	do {
		size_t n = piece == 0 || piece > len ? len : piece;
		rc = repair_feed(r, in, n, n == len, take, out, &err);
		in += n;
		len -= n;
	} while (len > 0 && rc == 0);
	*count = repair_count(r);
	strcpy(encoding, repair_encoding(r) != NULL ? repair_encoding(r) : "");
	repair_free(r);
	return rc;
}

struct row {
	const char *name, *in;
	size_t in_len;
	const char *out;
	uint64_t count;
};

static void expect(const struct row *row, size_t count)
{
	static const size_t pieces[] = { 0, 1, 2, 3, 7 };

	for (size_t i = 0; i < count; i++) {
		for (size_t p = 0; p < COUNT(pieces); p++) {
			struct buf out = BUF_LIMIT(1 << 24);
			uint64_t n;
			char encoding[64];
			assert_int_equal(repaired(row[i].in, row[i].in_len, pieces[p], &out, &n, encoding),
					 0);
			if (strcmp(out.data, row[i].out) != 0 || n != row[i].count)
				fail_msg("%s, pieces of %zu: %llu replaced:\n%s", row[i].name, pieces[p],
					 (unsigned long long)n, out.data);
			buf_done(&out);
		}
	}
}

static void what_is_allowed_stays(void **state)
{
	static const struct row row[] = {
		{ "plain", BYTES("<a b='c'>d</a>\r\n\t"), "<a b='c'>d</a>\r\n\t", 0 },
		{ "references", BYTES("&lt;&#65;&#x41;&#10;&#xFFFD;&#x10FFFF;&amp;"),
		  "&lt;&#65;&#x41;&#10;&#xFFFD;&#x10FFFF;&amp;", 0 },
		{ "utf-8", BYTES("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
		  "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 0 },
		{ "CDATA", BYTES("<![CDATA[<x> & ]] ]>]]>"), "<![CDATA[<x> & ]] ]>]]>", 0 },
		{ "comment, instruction", BYTES("<!-- -- - --><?php ? > ?>"), "<!-- -- - --><?php ? > ?>",
		  0 },
		{ "nothing", BYTES(""), "", 0 },
		{ "what is not for us", BYTES("a &#; &#x; &#12a; &unknown; < ]] >"),
		  "a &#; &#x; &#12a; &unknown; < ]] >", 0 },
		{ "tags of every kind", BYTES("<a b = \"c\" d='\"'\n e=\">\"/><f g=''></f><h\ti='1' >"),
		  "<a b = \"c\" d='\"'\n e=\">\"/><f g=''></f><h\ti='1' >", 0 },
	};

	(void)state;
	expect(row, COUNT(row));
}

static void control_characters(void **state)
{
	static const struct row row[] = {
		{ "raw",
		  BYTES("a\x01"
			"b\x0c"
			"c\0d"),
		  "a" R "b" R "c" R "d", 3 },
		{ "reference", BYTES("a&#1;b&#x0;c&#xB;"), "a" R "b" R "c" R, 3 },
		{ "in an attribute", BYTES("<a b=\"&#7;\x07\">"), "<a b=\"" R R "\">", 2 },
		{ "surrogate by reference", BYTES("&#xD800;&#57343;"), R R, 2 },
		{ "too large", BYTES("&#x110000;&#99999999999999;"), R R, 2 },
		{ "FFFE and FFFF", BYTES("\xef\xbf\xbe|\xef\xbf\xbf|&#xFFFE;|&#65535;"), R "|" R "|" R "|" R,
		  4 },
		{ "in a comment", BYTES("<!-- \x02 -->"), "<!-- " R " -->", 1 },
	};

	(void)state;
	expect(row, COUNT(row));
}

static void colours_of_a_terminal_disappear(void **state)
{
	static const struct row row[] = {
		{ "raw", BYTES("\x1b[31mred\x1b[0m"), "red", 2 },
		{ "long", BYTES("\x1b[38;5;196;1mred\x1b[m"), "red", 2 },
		{ "reference", BYTES("&#27;[1mbold&#x1b;[22m"), "bold", 2 },
		{ "erase and move", BYTES("\x1b[2K\x1b[1Aline\x1b[?25l"), "line", 3 },
		{ "escape alone",
		  BYTES("a\x1b"
			"b&#27;c"),
		  "a" R "b" R "c", 2 },
		{ "no sequence", BYTES("\x1b[x\x1b[12"), R "[x" R "[12", 2 },
		{ "at the very end", BYTES("x\x1b"), "x" R, 1 },
	};

	(void)state;
	expect(row, COUNT(row));
}

static void in_cdata_a_reference_is_text(void **state)
{
	static const struct row row[] = {
		{ "kept", BYTES("<![CDATA[&#27;[31m]]>&#27;[31m"), "<![CDATA[&#27;[31m]]>", 1 },
		{ "raw is replaced there too", BYTES("<![CDATA[\x1b[31m\x02]]>"), "<![CDATA[" R "]]>", 2 },
		{ "two in a row", BYTES("<![CDATA[&#1;]]]]><![CDATA[>&#1;]]>"),
		  "<![CDATA[&#1;]]]]><![CDATA[>&#1;]]>", 0 },
		{ "comment holds CDATA", BYTES("<!--<![CDATA[-->&#1;"), "<!--<![CDATA[-->" R, 1 },
		{ "CDATA holds comment", BYTES("<![CDATA[<!--]]>&#1;"), "<![CDATA[<!--]]>" R, 1 },
		{ "instruction", BYTES("<?x &#1; ?>&#1;"), "<?x &#1; ?>" R, 1 },
	};

	(void)state;
	expect(row, COUNT(row));
}

/* cmocka writes names as they are; others forget the ampersand. */
static void what_was_not_escaped_is(void **state)
{
	static const struct row row[] = {
		{ "ampersands", BYTES("<a b='x & y'>R&D &amp; &lt; &&#65;</a>&"),
		  "<a b='x &amp; y'>R&amp;D &amp; &lt; &amp;&#65;</a>&amp;", 4 },
		{ "not in CDATA", BYTES("<![CDATA[a & b]]>"), "<![CDATA[a & b]]>", 0 },
		{ "quotes", BYTES("<a n=\"odd, \"quoted\" <&>\" t=\"1\" >"),
		  "<a n=\"odd, &quot;quoted&quot; &lt;&amp;>\" t=\"1\" >", 4 },
		{ "apostrophe", BYTES("<a n='it's' t='1'/>"), "<a n='it&apos;s' t='1'/>", 1 },
		{ "at the end of a value", BYTES("<a n=\"say \"x\"\" t=\"1\"/>"),
		  "<a n=\"say &quot;x&quot;\" t=\"1\"/>", 2 },
		{ "less than", BYTES("<a n=\"1 < 2\"/>"), "<a n=\"1 &lt; 2\"/>", 1 },
		/* A quote that is missing must not make one case of two. */
		{ "markup in a value stays wrong", BYTES("<a n=\"x><a n=\"y\"/>"),
		  "<a n=\"x><a n=&quot;y\"/>", 1 },
		{ "no white space between attributes", BYTES("<a n=\"x\"m=\"y\"/>"), "<a n=\"x\"m=\"y\"/>",
		  0 },
	};

	(void)state;
	expect(row, COUNT(row));
}

static void an_end_of_cdata_in_the_text_is_written_out(void **state)
{
	static const struct row row[] = {
		{ "text", BYTES("a ]]> b"), "a ]]&gt; b", 1 },
		{ "not split by its producer", BYTES("<![CDATA[a ]]> b\n]]></x>"),
		  "<![CDATA[a ]]> b\n]]&gt;</x>", 1 },
		{ "one bracket more", BYTES("]]]>"), "]]]&gt;", 1 },
		{ "at the very end", BYTES("x]]"), "x]]", 0 },
		{ "in an attribute it is nothing", BYTES("<a b=']]>'/>"), "<a b=']]>'/>", 0 },
		{ "in a comment", BYTES("<!-- ]]> -->"), "<!-- ]]> -->", 0 },
	};

	(void)state;
	expect(row, COUNT(row));
}

static void broken_sequences(void **state)
{
	static const struct row row[] = {
		{ "lone continuation",
		  BYTES("a\x80"
			"b"),
		  "a" R "b", 1 },
		{ "cut", BYTES("\xe2\x82<"), R R "<", 2 },
		{ "cut at the end", BYTES("x\xf0\x9f"), "x" R R, 2 },
		{ "overlong", BYTES("\xc0\xaf"), R R, 2 },
		{ "surrogate", BYTES("\xed\xa0\x80"), R R R, 3 },
		{ "latin-1", BYTES("caf\xe9 au lait"), "caf" R " au lait", 1 },
		{ "beyond unicode", BYTES("\xf5\x80\x80\x80"), R R R R, 4 },
	};

	(void)state;
	expect(row, COUNT(row));
}

static void a_declaration_becomes_spaces(void **state)
{
	static const struct row row[] = {
		{ "at the start", BYTES("<?xml version='1.1'?>\n<a/>"), "                     \n<a/>", 0 },
		{ "after a blank line", BYTES("\n<?xml version='1.0'\n?><a/>"),
		  "\n                   \n  <a/>", 0 },
		{ "a second one", BYTES("<a/><?xml version=\"1.0\"?><b/>"), "<a/>                     <b/>",
		  0 },
		{ "not the stylesheet", BYTES("<?xml-stylesheet href='x'?>"), "<?xml-stylesheet href='x'?>",
		  0 },
	};

	(void)state;
	expect(row, COUNT(row));
}

static void encodings(void **state)
{
	static const struct {
		const char *name, *in;
		size_t in_len;
		const char *out, *encoding;
	} row[] = {
		{ "windows-1252", BYTES("<?xml version='1.0' encoding='windows-1252'?>\x80\xe9"),
		  "\xe2\x82\xac\xc3\xa9", "windows-1252" },
		{ "cp1251", BYTES("<?xml version=\"1.0\" encoding=\"cp1251\"?>\xef\xf0"), "\xd0\xbf\xd1\x80",
		  "cp1251" },
		{ "GBK", BYTES("<?xml version='1.0' encoding='GBK'?>\xc4\xe3"), "\xe4\xbd\xa0", "GB18030" },
		{ "Shift_JIS", BYTES("<?xml version='1.0' encoding='Shift_JIS'?>\x83\x65"), "\xe3\x83\x86",
		  "SJIS" },
		{ "utf8", BYTES("<?xml version='1.0' encoding='utf8'?>\xc3\xa9"), "\xc3\xa9", "" },
		{ "declared UTF-16, is not", BYTES("<?xml version='1.0' encoding='UTF-16'?>\xc3\xa9"),
		  "\xc3\xa9", "" },
		{ "UTF-16LE", BYTES("\xff\xfe<\0a\0/\0>\0\xac\x20"), "<a/>\xe2\x82\xac", "UTF-16LE" },
		{ "UTF-16BE", BYTES("\xfe\xff\0<\0a\0/\0>\x20\xac"), "<a/>\xe2\x82\xac", "UTF-16BE" },
		{ "UTF-16LE without mark", BYTES("<\0a\0/\0>\0"), "<a/>", "UTF-16LE" },
		{ "UTF-16 with half a pair", BYTES("\xff\xfe<\0\x00\xd8>\0"), "<" R ">", "UTF-16LE" },
		{ "UTF-16 cut", BYTES("\xff\xfe<\0>"), "<" R, "UTF-16LE" },
		{ "UTF-32", BYTES("\xff\xfe\0\0<\0\0\0"), "<", "UTF-32LE" },
		{ "mark over declaration",
		  BYTES("\xef\xbb\xbf<?xml version='1.0' encoding='ISO-8859-1'?>\xc3\xa9"), "\xc3\xa9", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		for (size_t piece = 0; piece < 4; piece++) {
			struct buf out = BUF_LIMIT(1 << 20);
			uint64_t n;
			char encoding[64];
			if (repaired(row[i].in, row[i].in_len, piece, &out, &n, encoding) != 0)
				fail_msg("%s is refused", row[i].name);
			const char *text = out.data + strspn(out.data, " ");
			if (strcmp(text, row[i].out) != 0 || strcmp(encoding, row[i].encoding) != 0)
				fail_msg("%s, pieces of %zu: \"%s\", read as \"%s\"", row[i].name, piece,
					 text, encoding);
			buf_done(&out);
		}
	}
}

static void an_encoding_that_nobody_knows(void **state)
{
	struct repair *r = repair_new();
	struct buf out = BUF_LIMIT(1 << 20);
	struct err err = ERR_NONE;
	static const char text[] = "<?xml version='1.0' encoding='X-NO-SUCH'?><a/>";

	(void)state;
	assert_int_equal(repair_feed(r, text, sizeof(text) - 1, true, take, &out, &err), -EILSEQ);
	assert_non_null(strstr(err.text, "X-NO-SUCH"));
	repair_free(r);
	buf_done(&out);
}

/* Until the encoding is known everything is held back, so only behind that many bytes do pieces arrive as they are. */
static void what_is_cut_behind_the_first_kilobyte(void **state)
{
	static const struct {
		const char *in, *out;
	} cut[] = {
		{ "<?xml version='1.0'?>&#1;", "                     " R },
		{ "<?xml\tversion='1.0'?>&#1;", "                     " R },
		{ "<?xml\rversion='1.0'?>&#1;", "     \r               " R },
		{ "<?xml\nversion='1.0'?>&#1;", "     \n               " R },
		{ "<?xm ?>&#1;", "<?xm ?>" R },
		{ "<?xml-stylesheet href='x'?>&#1;", "<?xml-stylesheet href='x'?>" R },
		{ "<![CDATA[&#2;]]>&#1;", "<![CDATA[&#2;]]>" R },
		{ "<!--&#2;-->&#1;", "<!--&#2;-->" R },
		{ "<a b=\"x \"y\" & < z\" c='1'>&#1;", "<a b=\"x &quot;y&quot; &amp; &lt; z\" c='1'>" R },
		{ "&#1;<?xm", R "<?xm" },
	};
	enum { AHEAD_OF_IT = 2000 };
	static char in[AHEAD_OF_IT + 100], out[AHEAD_OF_IT + 100];

	(void)state;
	memset(in, 'x', AHEAD_OF_IT);
	memset(out, 'x', AHEAD_OF_IT);
	for (size_t i = 0; i < COUNT(cut); i++) {
		strcpy(in + AHEAD_OF_IT, cut[i].in);
		strcpy(out + AHEAD_OF_IT, cut[i].out);
		const struct row row = { cut[i].in, in, strlen(in), out, strstr(cut[i].in, "\"y\"") ? 5 : 1 };
		expect(&row, 1);
	}
}

/* A file that comes at once is looked at no further than one that comes in pieces. */
static void a_declaration_stands_in_the_first_kilobyte(void **state)
{
	static const char head[] = "<?xml version='1.0'", rest[] = "encoding='windows-1252'?>\xe9";
	static char in[2000], out[2000];
	const size_t blank = 1200;

	(void)state;
	memset(in, ' ', blank);
	memcpy(in, head, sizeof(head) - 1);
	strcpy(in + blank, rest);
	memset(out, ' ', strlen(in) - 1);
	strcat(out, R);
	const struct row row = { "encoding behind it", in, strlen(in), out, 1 };
	expect(&row, 1);
}

/* Any bytes at all: what comes out is UTF-8 that XML allows. */
static void noise(void **state)
{
	uint32_t seed = 12345;
	char in[3000];

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct buf out = BUF_LIMIT(1 << 20);
		uint64_t n;
		char encoding[64];
		for (size_t i = 0; i < sizeof(in); i++) {
			seed = seed * 1664525 + 1013904223;
			in[i] = (char)(seed >> 24);
		}
		in[0] = 'x'; /* no byte order mark */
		assert_int_equal(repaired(in, sizeof(in), (size_t)round, &out, &n, encoding), 0);
		assert_true(utf8_valid(out.data, out.len));
		for (size_t i = 0; i < out.len; i++) {
			unsigned char c = (unsigned char)out.data[i];
			assert_true(c >= 0x20 || c == '\n' || c == '\t' || c == '\r');
		}
		buf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_allowed_stays),
		cmocka_unit_test(control_characters),
		cmocka_unit_test(colours_of_a_terminal_disappear),
		cmocka_unit_test(in_cdata_a_reference_is_text),
		cmocka_unit_test(what_was_not_escaped_is),
		cmocka_unit_test(an_end_of_cdata_in_the_text_is_written_out),
		cmocka_unit_test(broken_sequences),
		cmocka_unit_test(a_declaration_becomes_spaces),
		cmocka_unit_test(encodings),
		cmocka_unit_test(an_encoding_that_nobody_knows),
		cmocka_unit_test(what_is_cut_behind_the_first_kilobyte),
		cmocka_unit_test(a_declaration_stands_in_the_first_kilobyte),
		cmocka_unit_test(noise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents as a whole: roots, several in one file, what broke off, what is refused, limits, long texts. */
#include "tests/unit/parsers/reading.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct document {
	const char *name, *data;
	size_t len;
	enum parser_outcome outcome;
	uint64_t cases;
	unsigned line, column; /* 0: not looked at */
	const char *says;      /* NULL: not looked at */
};

static void expect(const struct document *row, size_t count)
{
	static const size_t pieces[] = { 0, 1, 5 };

	for (size_t i = 0; i < count; i++) {
		for (size_t p = 0; p < COUNT(pieces); p++) {
			struct reading x = read_bytes(NULL, row[i].data, row[i].len, pieces[p], 0);
			bool fits = x.outcome == row[i].outcome && x.stats.cases == row[i].cases &&
				    (row[i].line == 0 ||
				     (x.err.line == row[i].line && x.err.column == row[i].column)) &&
				    (row[i].says == NULL || strstr(x.err.text, row[i].says) != NULL) &&
				    (row[i].outcome == PARSER_GOOD || x.err.text[0] != '\0');
			if (!fits)
				fail_msg("%s, pieces of %zu: outcome %d, %llu cases, %u:%u: %s", row[i].name,
					 pieces[p], (int)x.outcome, (unsigned long long)x.stats.cases,
					 x.err.line, x.err.column, x.err.text);
			reading_done(&x);
		}
	}
}

static void roots(void **state)
{
	static const struct document row[] = {
		{ "testsuites", BYTES("<testsuites><testsuite><testcase/></testsuite></testsuites>"),
		  PARSER_GOOD, 1, 0, 0, NULL },
		{ "testsuite", BYTES("<testsuite><testcase/></testsuite>"), PARSER_GOOD, 1, 0, 0, NULL },
		{ "testcase", BYTES("<testcase/>"), PARSER_GOOD, 1, 0, 0, NULL },
		{ "testrun", BYTES("<testrun><testsuite><testcase/></testsuite></testrun>"), PARSER_GOOD, 1,
		  0, 0, NULL },
		{ "default namespace", BYTES("<testsuite xmlns='u'><testcase/></testsuite>"), PARSER_GOOD, 1,
		  0, 0, NULL },
		{ "prefix",
		  BYTES("<j:testsuite xmlns:j='u'><j:testcase><j:failure/></j:testcase></j:testsuite>"),
		  PARSER_GOOD, 1, 0, 0, NULL },
		{ "prefix that is not declared", BYTES("<testsuite><j:testcase/></testsuite>"), PARSER_GOOD,
		  1, 0, 0, NULL },
		{ "empty suites", BYTES("<testsuites/>"), PARSER_GOOD, 0, 0, 0, NULL },
		{ "testng-results", BYTES("<testng-results/>"), PARSER_GOOD, 0, 0, 0, NULL },
		{ "comments and instructions around", BYTES("<!-- a --><?b c?><testsuite/><!-- d --><?e?>\n"),
		  PARSER_GOOD, 0, 0, 0, NULL },
		{ "checkstyle", BYTES("<?xml version='1.0'?>\n<checkstyle version='8'><file/></checkstyle>"),
		  PARSER_FOREIGN, 0, 2, 1, "<checkstyle>" },
		{ "coverage", BYTES("<coverage line-rate='1'/>"), PARSER_FOREIGN, 0, 1, 1, "<coverage>" },
		{ "TRX", BYTES("<TestRun/>"), PARSER_FOREIGN, 0, 1, 1, "<TestRun>" },
		{ "another case of letters", BYTES("<TestSuite/>"), PARSER_FOREIGN, 0, 1, 1, NULL },
		{ "a page", BYTES("<html><body>not closed"), PARSER_FOREIGN, 0, 1, 1, NULL },
		{ "testng-failed.xml",
		  BYTES("<!DOCTYPE suite SYSTEM \"https://testng.org/testng-1.0.dtd\"><suite/>"),
		  PARSER_FOREIGN, 0, 0, 0, "\"suite\"" },
	};

	(void)state;
	expect(row, COUNT(row));
}

static void several_documents_in_one_file(void **state)
{
	static const struct document row[] = {
		{ "two roots",
		  BYTES("<testsuite><testcase/></testsuite>\n<testsuite><testcase/><testcase/></"
			"testsuite>\n"),
		  PARSER_GOOD, 3, 0, 0, NULL },
		{ "with declarations",
		  BYTES("<?xml version='1.0'?><testsuite><testcase/></testsuite>\n<?xml version='1.0' "
			"encoding='UTF-8'?>\n<testcase/>"),
		  PARSER_GOOD, 2, 0, 0, NULL },
		{ "JUnit, then TestNG",
		  BYTES("<testcase/><testng-results><suite><test><class><test-method "
			"status='PASS'/></class></test></suite></testng-results>"),
		  PARSER_GOOD, 2, 0, 0, NULL },
		{ "a mark before the second",
		  BYTES("\xef\xbb\xbf<?xml version='1.0'?>\n<testcase/>\n\xef\xbb\xbf<?xml version='1.0'?>\n"
			"<testsuite><testcase/><testcase/></testsuite>\n"),
		  PARSER_GOOD, 3, 0, 0, NULL },
		{ "a mark before the second, and both want repair",
		  BYTES("<?xml version='1.0'?><testcase name='\x1b'/>\xef\xbb\xbf<?xml "
			"version='1.0'?>\n<testcase "
			"name='&#7;'/>"),
		  PARSER_GOOD, 2, 0, 0, NULL },
		{ "a mark before nothing", BYTES("<testcase/>\n\xef\xbb\xbf"), PARSER_BROKEN, 1, 2, 1, NULL },
		{ "the second broke off",
		  BYTES("<testsuite><testcase/></testsuite>\n<testsuite><testcase/>\n"), PARSER_EARLY, 2, 3,
		  1, NULL },
		{ "the second is broken", BYTES("<testcase/>\n\n  <testsuite><x></testsuite>"), PARSER_BROKEN,
		  1, 3, 19, "mismatched tag" },
		{ "the second is foreign", BYTES("<testcase/>\n <coverage/>"), PARSER_BROKEN, 1, 2, 2,
		  "junk after" },
		{ "text behind the root", BYTES("<testcase/>\njunk"), PARSER_BROKEN, 1, 2, 1, "junk after" },
		{ "an end tag behind the root", BYTES("<testcase/></testsuite>"), PARSER_BROKEN, 1, 0, 0,
		  NULL },
	};

	(void)state;
	expect(row, COUNT(row));
}

static void what_broke_off(void **state)
{
	static const struct document row[] = {
		{ "nothing", BYTES(""), PARSER_EMPTY, 0, 0, 0, "empty" },
		{ "white space", BYTES(" \r\n\t"), PARSER_EMPTY, 0, 0, 0, "empty" },
		{ "a mark", BYTES("\xef\xbb\xbf"), PARSER_EMPTY, 0, 0, 0, "empty" },
		{ "a mark of UTF-16", BYTES("\xff\xfe\n\0"), PARSER_EMPTY, 0, 0, 0, "empty" },
		{ "a declaration", BYTES("<?xml version='1.0'?>\n"), PARSER_EARLY, 0, 2, 1, "no element" },
		{ "before the end", BYTES("<testsuite>\n<testcase/>\n<testcase/>\n"), PARSER_EARLY, 2, 4, 1,
		  NULL },
		{ "in a tag", BYTES("<testsuite>\n<testcase/>\n<testcase na"), PARSER_EARLY, 1, 3, 1, NULL },
		{ "in a text", BYTES("<testsuite><testcase/><testcase><failure>bla"), PARSER_EARLY, 1, 0, 0,
		  NULL },
		{ "in CDATA", BYTES("<testsuite><testcase/><testcase><failure><![CDATA[bla"), PARSER_EARLY, 1,
		  0, 0, NULL },
		{ "in a comment", BYTES("<testsuite><testcase/><!-- "), PARSER_EARLY, 1, 0, 0, NULL },
		{ "in a character", BYTES("<testsuite><testcase/><testcase name='\xe2\x82"), PARSER_EARLY, 1,
		  0, 0, NULL },
		{ "in TestNG",
		  BYTES("<testng-results><suite><test><class><test-method status='PASS'/><test-method"),
		  PARSER_EARLY, 1, 0, 0, NULL },
	};

	(void)state;
	expect(row, COUNT(row));
}

static void what_is_broken(void **state)
{
	static const struct document row[] = {
		{ "another end", BYTES("<testsuite>\n<testcase/>\n<a></b></testsuite>"), PARSER_BROKEN, 1, 3,
		  6, "mismatched tag" },
		{ "a less-than in an attribute", BYTES("<testsuite>\n<testcase name='<b>'/></testsuite>"),
		  PARSER_BROKEN, 0, 2, 17, "not well-formed" },
		{ "an attribute twice", BYTES("<testsuite>\n<testcase/><testcase a='1' a='2'/></testsuite>"),
		  PARSER_BROKEN, 1, 2, 28, "duplicate attribute" },
		{ "an entity that nobody defined",
		  BYTES("<testsuite><testcase/><testcase>&nbsp;</testcase></testsuite>"), PARSER_BROKEN, 1, 1,
		  33, "undefined entity" },
		{ "text before the root", BYTES("hello <testsuite/>"), PARSER_BROKEN, 0, 1, 1, NULL },
		{ "JSON", BYTES("{\"a\": 1}"), PARSER_BROKEN, 0, 1, 1, NULL },
		{ "bytes", BYTES("\x89PNG\r\n\x1a\n\0\0\0\x0d"), PARSER_BROKEN, 0, 0, 0, NULL },
		{ "an encoding that nobody knows",
		  BYTES("<?xml version='1.0' encoding='X-NO-SUCH'?><testsuite/>"), PARSER_BROKEN, 0, 1, 1,
		  "X-NO-SUCH" },
	};

	(void)state;
	expect(row, COUNT(row));
}

static void document_types(void **state)
{
	static const struct document row[] = {
		{ "only an external id",
		  BYTES("<!DOCTYPE testsuite SYSTEM 'file:///etc/passwd'><testsuite><testcase/></testsuite>"),
		  PARSER_GOOD, 1, 0, 0, NULL },
		{ "a public one",
		  BYTES("<!DOCTYPE testsuites PUBLIC 'p' 'http://127.0.0.1:1/x.dtd'><testsuites><testcase "
			"name='a&x;b'/></testsuites>"),
		  PARSER_GOOD, 1, 0, 0, NULL },
		{ "only a name", BYTES("<!DOCTYPE testsuite><testsuite><testcase/></testsuite>"), PARSER_GOOD,
		  1, 0, 0, NULL },
		{ "an internal entity",
		  BYTES("<!DOCTYPE testsuite [<!ENTITY a 'b'>]><testsuite><testcase "
			"name='&a;'/></testsuite>"),
		  PARSER_BROKEN, 0, 1, 21, "DOCTYPE" },
		{ "an external entity",
		  BYTES("<!DOCTYPE testsuite [<!ENTITY a SYSTEM '/etc/passwd'>]><testsuite><testcase "
			"name='a'/></testsuite>"),
		  PARSER_BROKEN, 0, 0, 0, "DOCTYPE" },
		{ "a parameter entity",
		  BYTES("<!DOCTYPE testsuite [<!ENTITY % a SYSTEM 'http://127.0.0.1/'> %a;]><testsuite/>"),
		  PARSER_BROKEN, 0, 0, 0, "DOCTYPE" },
		{ "laughs",
		  BYTES("<!DOCTYPE t [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY c "
			"'&b;&b;&b;&b;'>]><testsuite><testcase name='&c;'/></testsuite>"),
		  PARSER_BROKEN, 0, 0, 0, "DOCTYPE" },
		{ "an empty subset", BYTES("<!DOCTYPE testsuite []><testsuite/>"), PARSER_BROKEN, 0, 0, 0,
		  "DOCTYPE" },
	};

	(void)state;
	expect(row, COUNT(row));
}

/* What stops expat for a character is read again, and the places of lines stay. */
static void characters_that_are_replaced(void **state)
{
	static const struct document row[] = {
		{ "raw control", BYTES("<testsuite><testcase name='a\x01'/></testsuite>"), PARSER_GOOD, 1, 0,
		  0, NULL },
		{ "raw NUL", BYTES("<testsuite><testcase name='a\0'/></testsuite>"), PARSER_GOOD, 1, 0, 0,
		  NULL },
		{ "reference", BYTES("<testsuite><testcase name='a&#27;[1m&#x0;'/></testsuite>"), PARSER_GOOD,
		  1, 0, 0, NULL },
		{ "an ampersand", BYTES("<testsuite>\n<testcase/>\n<testcase name='a & b'/></testsuite>"),
		  PARSER_GOOD, 2, 0, 0, NULL },
		{ "quotes in a value",
		  BYTES("<testsuite><testcase name=\"a \"b\" <&>\" time=\"1\"/></testsuite>"), PARSER_GOOD, 1,
		  0, 0, NULL },
		{ "broken UTF-8", BYTES("<testsuite><testcase name='\xe9'/></testsuite>"), PARSER_GOOD, 1, 0,
		  0, NULL },
		{ "blank line before the declaration",
		  BYTES("\n<?xml version='1.0'?><testsuite><testcase/></testsuite>"), PARSER_GOOD, 1, 0, 0,
		  NULL },
		{ "utf8",
		  BYTES("<?xml version='1.0' encoding='utf8'?><testsuite><testcase "
			"name='\xc3\xa9'/></testsuite>"),
		  PARSER_GOOD, 1, 0, 0, NULL },
		{ "windows-1252",
		  BYTES("<?xml version='1.0' encoding='windows-1252'?><testsuite><testcase "
			"name='\x80'/></testsuite>"),
		  PARSER_GOOD, 1, 0, 0, NULL },
		{ "XML 1.1", BYTES("<?xml version='1.1'?><testsuite><testcase name='&#1;'/></testsuite>"),
		  PARSER_GOOD, 1, 0, 0, NULL },
		{ "in the second document", BYTES("<testcase/><testcase name='\x02'/>"), PARSER_GOOD, 2, 0, 0,
		  NULL },
		{ "and yet broken", BYTES("<testsuite>\n<testcase name='\x02'/>\n\n <a></b>"), PARSER_BROKEN,
		  1, 4, 7, "mismatched" },
		{ "and yet foreign", BYTES("\x02<coverage/>"), PARSER_BROKEN, 0, 0, 0, NULL },
	};

	(void)state;
	expect(row, COUNT(row));
	struct reading x = read_bytes(
		NULL,
		BYTES("<testcase "
		      "name='a\x01&#x1b;[31mb'><failure><![CDATA[&#27;\x1b[0m]]></failure></testcase>"),
		0, 0);
	assert_true(x.restarted);
	assert_int_equal(x.repaired, 3);
	assert_non_null(strstr(x.lines.data, "\"name\":\"a\xef\xbf\xbd"
					     "b\""));
	assert_non_null(strstr(x.lines.data, "\"detail\":\"&#27;\""));
	reading_done(&x);
}

static void the_clean_report_is_read_once(void **state)
{
	struct reading x = read_text("<?xml version='1.0' encoding='UTF-8'?><testsuite><testcase "
				     "name='\xc3\xa9&#233;&#xFFFD;'/></testsuite>");

	(void)state;
	assert_false(x.restarted);
	assert_string_equal(x.warnings.data, "");
	reading_done(&x);
}

/* ---- limits ---- */

static void repeat(struct buf *b, const char *s, size_t times)
{
	while (times-- > 0)
		buf_puts(b, s);
}

static struct reading read_limited(const struct parser_limits *limits, const struct buf *b)
{
	struct parser_options options = { .limits = *limits,
					  .now_ms = NOW,
					  .redacted = parser_redacted_default };

	return read_bytes(&options, b->data, b->len, 0, 0);
}

static void depth(void **state)
{
	struct parser_limits limits = { .depth = 10 };
	struct buf b = BUF_LIMIT(1 << 24);

	(void)state;
	/* A little too deep: names are left out. */
	repeat(&b, "<testsuite name='s'>", 20);
	buf_puts(&b, "<testcase name='a'/>");
	repeat(&b, "</testsuite>", 20);
	struct reading x = read_limited(&limits, &b);
	assert_int_equal(x.outcome, PARSER_GOOD);
	assert_int_equal(x.stats.suites, 20);
	assert_non_null(
		strstr(x.lines.data, "[\"s\",\"s\",\"s\",\"s\",\"s\",\"s\",\"s\",\"s\",\"s\",\"s\"]"));
	assert_non_null(strstr(x.warnings.data, "nested deeper than 10"));
	reading_done(&x);
	/* Far too deep: refused, whatever the elements are. */
	buf_reset(&b);
	buf_puts(&b, "<testsuite><testcase/>");
	repeat(&b, "<x>", 100000);
	x = read_limited(&limits, &b);
	assert_int_equal(x.outcome, PARSER_BROKEN);
	assert_int_equal(x.stats.cases, 1);
	assert_non_null(strstr(x.err.text, "nested deeper than 160"));
	reading_done(&x);
	buf_done(&b);
}

static void attributes(void **state)
{
	struct parser_limits limits = { .attributes = 5, .attribute = 100 };
	struct buf b = BUF_LIMIT(1 << 24);

	(void)state;
	buf_puts(&b, "<testsuite><testcase name='n'");
	for (int i = 0; i < 5000; i++)
		buf_printf(&b, " a%d='v%d'", i, i);
	buf_puts(&b, "/></testsuite>");
	struct reading x = read_limited(&limits, &b);
	assert_int_equal(x.outcome, PARSER_GOOD);
	assert_non_null(strstr(x.lines.data, "[\"a3\",\"v3\"]]"));
	assert_non_null(strstr(x.warnings.data, "more than 5 attributes"));
	reading_done(&x);

	/* Two long names that differ at their ends stay two. */
	buf_reset(&b);
	buf_puts(&b, "<testsuite>");
	for (int i = 0; i < 2; i++) {
		buf_puts(&b, "<testcase name='");
		repeat(&b, "\xc3\xa9", 500);
		buf_printf(&b, "%d'/>", i);
	}
	buf_puts(&b, "</testsuite>");
	x = read_limited(&limits, &b);
	assert_int_equal(x.outcome, PARSER_GOOD);
	assert_int_equal(x.stats.cases, 2);
	char *first = reading_line(&x, 0), *second = reading_line(&x, 1);
	assert_string_not_equal(first, second);
	assert_true(strlen(first) < 400);
	assert_non_null(strstr(x.warnings.data, "longer than 100 bytes"));
	free(first);
	free(second);
	reading_done(&x);

	/* A tag that does not end is not kept for ever. */
	buf_reset(&b);
	buf_puts(&b, "<testsuite><testcase/><testcase name='");
	repeat(&b, "xxxxxxxxxxxxxxxx", 10000);
	x = read_limited(&limits, &b);
	assert_int_equal(x.outcome, PARSER_BROKEN);
	assert_int_equal(x.stats.cases, 1);
	assert_non_null(strstr(x.err.text, "a tag, comment or instruction is longer than"));
	reading_done(&x);
	buf_done(&b);
}

/* expat remembers each name it has met. */
static void names_without_end(void **state)
{
	struct parser_limits limits = { .attribute = 64 };
	struct buf b = BUF_LIMIT(1 << 28);

	(void)state;
	buf_puts(&b, "<testsuite><testcase/>");
	for (int i = 0; i < 150000; i++)
		buf_printf(&b, "<element-of-a-long-name-%d attribute-of-a-long-name-%d='1'/>", i, i);
	buf_puts(&b, "</testsuite>");
	struct reading x = read_limited(&limits, &b);
	assert_int_equal(x.outcome, PARSER_BROKEN);
	assert_int_equal(x.stats.cases, 1);
	assert_non_null(strstr(x.err.text, "bytes of memory"));
	reading_done(&x);
	buf_done(&b);
}

static void cases(void **state)
{
	struct parser_limits limits = { .cases = 3 };
	struct buf b = BUF_LIMIT(1 << 20);

	(void)state;
	buf_puts(&b, "<testsuite>");
	repeat(&b, "<testcase/>", 4);
	buf_puts(&b, "</testsuite>");
	struct reading x = read_limited(&limits, &b);
	assert_int_equal(x.outcome, PARSER_BROKEN);
	assert_int_equal(x.stats.cases, 3);
	assert_non_null(strstr(x.err.text, "more than 3 test cases"));
	reading_done(&x);
	buf_done(&b);
}

static void lists_have_ceilings(void **state)
{
	struct buf b = BUF_LIMIT(1 << 24);

	(void)state;
	buf_puts(&b, "<testsuite><testcase name='a'>");
	repeat(&b, "<failure message='m'>d</failure>", 3000);
	buf_puts(&b, "<properties>");
	repeat(&b, "<property name='k' value='v'/>", 3000);
	buf_puts(&b, "</properties></testcase><testcase name='b'/></testsuite>");
	struct reading x = read_bytes(NULL, b.data, b.len, 0, 0);
	assert_int_equal(x.outcome, PARSER_GOOD);
	assert_int_equal(x.stats.cases, 2);
	assert_non_null(strstr(x.warnings.data, "further ones are left out"));
	char *line = reading_line(&x, 0);
	assert_true(strlen(line) < 20000);
	free(line);
	reading_done(&x);
	buf_done(&b);
}

static void a_case_has_a_ceiling(void **state)
{
	struct buf b = BUF_LIMIT(1 << 26);

	(void)state;
	/* A hundred failures of 200 KB each do not fit. */
	buf_puts(&b, "<testsuite><testcase name='a'>");
	for (int i = 0; i < 100; i++) {
		buf_puts(&b, "<failure>");
		repeat(&b, "0123456789abcdef0123456789abcde\n", 6400);
		buf_puts(&b, "</failure>");
	}
	buf_puts(&b, "</testcase><testcase name='b'><failure>small</failure></testcase></testsuite>");
	struct reading x = read_bytes(NULL, b.data, b.len, 0, 0);
	assert_int_equal(x.outcome, PARSER_GOOD);
	assert_int_equal(x.stats.failed, 2);
	assert_non_null(strstr(x.lines.data, "\"detail\":\"small\""));
	assert_non_null(strstr(x.warnings.data, "longer than 65536 bytes"));
	reading_done(&x);
	buf_done(&b);
}

static void cases_in_cases_share_their_memory(void **state)
{
	struct buf b = BUF_LIMIT(1 << 26);

	(void)state;
	for (int i = 0; i < 2000; i++)
		buf_printf(&b, "<testcase name='n%d'><failure>outer %d ", i, i);
	for (int i = 0; i < 2000; i++)
		buf_puts(&b, "</failure></testcase>");
	struct reading x = read_bytes(NULL, b.data, b.len, 0, 0);
	assert_int_equal(x.outcome, PARSER_GOOD);
	assert_int_equal(x.stats.failed, 2000);
	assert_non_null(strstr(x.lines.data, "\"name\":\"n1999\""));
	assert_non_null(strstr(x.lines.data, "\"detail\":\"outer 0\""));
	reading_done(&x);
	buf_done(&b);
}

static void the_path_has_a_ceiling(void **state)
{
	struct parser_limits limits = { .attribute = 100 };
	struct buf b = BUF_LIMIT(1 << 20);

	(void)state;
	for (int i = 0; i < 10; i++) {
		buf_puts(&b, "<testsuite name='");
		repeat(&b, "x", 60);
		buf_printf(&b, "%d'>", i);
	}
	buf_puts(&b, "<testcase name='a'/>");
	repeat(&b, "</testsuite>", 10);
	buf_puts(&b, "<testsuite name='again'><testcase name='b'/></testsuite>");
	struct reading x = read_limited(&limits, &b);
	assert_int_equal(x.outcome, PARSER_GOOD);
	assert_non_null(strstr(x.warnings.data, "further ones are left out"));
	assert_non_null(strstr(x.lines.data, "x2\"],\"class\""));
	assert_non_null(strstr(x.lines.data, "[\"again\"]"));
	reading_done(&x);
	buf_done(&b);
}

static void a_file_in_a_marker(void **state)
{
	struct buf b = BUF_LIMIT(1 << 22);

	(void)state;
	buf_puts(&b, "<testcase name='a'><system-out>[[ATTACHMENT|data:image/png;base64,");
	repeat(&b, "QUJD", 50000);
	buf_puts(&b, "]] [[ATTACHMENT|");
	repeat(&b, "long", 5000);
	buf_puts(&b, "]] [[ATTACHMENT|b]]</system-out></testcase>");
	struct reading x = read_bytes(NULL, b.data, b.len, 0, 0);
	assert_non_null(strstr(x.lines.data, "{\"path\":\"data:image/png;base64,QUJDQUJD"));
	assert_non_null(strstr(x.lines.data, "QUJD\"},{\"path\":\"b\"}]"));
	reading_done(&x);
	buf_done(&b);
}

/* What would take time by the square of its length. */
static void names_made_to_take_long(void **state)
{
	static const char *const row[] = { "[",      "]",   "[C1,",         "(",  "AT-TC-",
					   "A_TC_1", "C1_", "/cases/view/", "1,", "[[ATTACHMENT|a" };
	struct buf b = BUF_LIMIT(1 << 26);

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		buf_puts(&b, i == 0 ? "<testsuite>" : "");
		buf_puts(&b, "<testcase name='");
		repeat(&b, row[i], 300000 / strlen(row[i]));
		buf_puts(&b, "]'><properties><property name='test_id' value='");
		repeat(&b, row[i], 300000 / strlen(row[i]));
		buf_puts(&b, "'/></properties><system-out>");
		repeat(&b, row[i], 300000 / strlen(row[i]));
		buf_puts(&b, "</system-out></testcase>");
	}
	buf_puts(&b, "</testsuite>");
	struct reading x = read_bytes(NULL, b.data, b.len, 0, 0);
	assert_int_equal(x.outcome, PARSER_GOOD);
	assert_int_equal(x.stats.cases, COUNT(row));
	reading_done(&x);
	buf_done(&b);
}

/* ---- long texts ---- */

static void a_long_text_is_cut_and_given_whole(void **state)
{
	struct parser_limits limits = { .text = 100 };
	struct buf b = BUF_LIMIT(1 << 20);

	(void)state;
	buf_puts(&b, "<testcase name='a'><failure message='");
	repeat(&b, "m", 150);
	buf_puts(&b, "'>");
	repeat(&b, "\xe2\x82\xac", 100);
	buf_puts(&b, "</failure><system-out>");
	repeat(&b, "x", 100);
	buf_puts(&b, "</system-out><system-err>");
	repeat(&b, "line\n", 50);
	buf_puts(&b, "</system-err></testcase>");
	struct reading x = read_limited(&limits, &b);
	assert_int_equal(x.outcome, PARSER_GOOD);
	assert_string_equal(x.spilled.data, "[message:150][detail:300][err:250]");
	assert_non_null(strstr(x.lines.data, "\"message_bytes\":150"));
	/* cut on a character: 33 of three bytes */
	assert_non_null(strstr(x.lines.data, "\xac\",\"detail_bytes\":300"));
	assert_non_null(strstr(x.lines.data, "\"stderr_bytes\":250"));
	assert_null(strstr(x.lines.data, "stdout_bytes"));
	assert_non_null(strstr(x.warnings.data, "longer than 100 bytes"));
	reading_done(&x);

	/* Byte by byte the same. */
	struct parser_options options = { .limits = limits, .now_ms = NOW };
	x = read_bytes(&options, b.data, b.len, 1, 0);
	assert_string_equal(x.spilled.data, "[message:150][detail:300][err:250]");
	reading_done(&x);
	buf_done(&b);
}

static void texts_of_attempts_do_not_mix(void **state)
{
	struct parser_limits limits = { .text = 10 };
	struct buf b = BUF_LIMIT(1 << 20);

	(void)state;
	buf_puts(&b, "<testcase "
		     "name='a'><flakyFailure>0123456789abc<system-out>0123456789ABCDE</system-out>tail</"
		     "flakyFailure></testcase>");
	struct reading x = read_limited(&limits, &b);
	/* The outer text goes on after the inner one: it comes in two parts. */
	assert_string_equal(x.spilled.data, "[detail:13][out:15][detail:4]");
	assert_non_null(strstr(x.lines.data, "\"detail\":\"0123456789\",\"detail_bytes\":17"));
	reading_done(&x);
	buf_done(&b);
}

static void a_marker_behind_the_cut_is_still_found(void **state)
{
	struct parser_limits limits = { .text = 50 };
	struct buf b = BUF_LIMIT(1 << 20);

	(void)state;
	buf_puts(&b, "<testcase name='a'><system-out>");
	repeat(&b, "some line of output\n", 100);
	buf_puts(&b, "[[ATTACHMENT|late.png]]</system-out></testcase>");
	struct reading x = read_limited(&limits, &b);
	assert_non_null(strstr(x.lines.data, "{\"path\":\"late.png\"}"));
	reading_done(&x);
	buf_done(&b);
}

/* ---- callbacks ---- */

static void a_refusal_stops_the_parse(void **state)
{
	static const char xml[] = "<testsuite><testcase/><testcase/><testcase/></testsuite>";
	struct reading x = read_bytes(NULL, xml, sizeof(xml) - 1, 0, 1);

	(void)state;
	assert_int_equal(x.outcome, PARSER_STOPPED);
	assert_int_equal(x.err.code, -ECANCELED);
	assert_int_equal(x.given, 2);
	reading_done(&x);
}

static void a_bad_zone_is_said_at_once(void **state)
{
	struct parser_options options = { .timezone = "No/Where" };
	static const struct parser_events events = { 0 };
	struct parser *p = NULL;
	struct err err = ERR_NONE;

	(void)state;
	assert_true(parser_new(&options, &events, NULL, false, &p, &err) < 0);
	assert_null(p);
	assert_non_null(strstr(err.text, "No/Where"));
}

static void counting_and_reading_agree(void **state)
{
	static const char xml[] =
		"<testsuites tests='9'><testsuite name='s' tests='4' failures='0' errors='0'><testcase "
		"name='a' time='0.1'/><testcase name='b' "
		"time='x'><failure/></testcase><testcase name='c' status='notrun'/><testcase name='d' "
		"time='1'><flakyError/></testcase></testsuite></testsuites>";
	struct parser_options counts = { .now_ms = NOW, .counts_only = true };
	struct reading x = read_text(xml), y = read_bytes(&counts, xml, sizeof(xml) - 1, 0, 0);

	(void)state;
	assert_memory_equal(&x.stats, &y.stats, sizeof(x.stats));
	assert_string_equal(x.warnings.data, y.warnings.data);
	assert_int_equal(x.stats.flaky, 1);
	assert_true(x.stats.duration_ms > 1099.9 && x.stats.duration_ms < 1100.1);
	reading_done(&x);
	reading_done(&y);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots),
		cmocka_unit_test(several_documents_in_one_file),
		cmocka_unit_test(what_broke_off),
		cmocka_unit_test(what_is_broken),
		cmocka_unit_test(document_types),
		cmocka_unit_test(characters_that_are_replaced),
		cmocka_unit_test(the_clean_report_is_read_once),
		cmocka_unit_test(depth),
		cmocka_unit_test(attributes),
		cmocka_unit_test(names_without_end),
		cmocka_unit_test(cases),
		cmocka_unit_test(lists_have_ceilings),
		cmocka_unit_test(a_case_has_a_ceiling),
		cmocka_unit_test(cases_in_cases_share_their_memory),
		cmocka_unit_test(the_path_has_a_ceiling),
		cmocka_unit_test(a_file_in_a_marker),
		cmocka_unit_test(names_made_to_take_long),
		cmocka_unit_test(a_long_text_is_cut_and_given_whole),
		cmocka_unit_test(texts_of_attempts_do_not_mix),
		cmocka_unit_test(a_marker_behind_the_cut_is_still_found),
		cmocka_unit_test(a_refusal_stops_the_parse),
		cmocka_unit_test(a_bad_zone_is_said_at_once),
		cmocka_unit_test(counting_and_reading_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules that hold for JUnit XML whoever wrote it: verdicts, names, texts, properties, markers, headers. */
#include "tests/unit/parsers/reading.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- verdicts ---- */

static void verdicts(void **state)
{
	static const struct {
		const char *attrs, *children, *want;
	} row[] = {
		{ "", "", "passed" },
		{ "", "text only", "passed" },
		{ "", "<error/>", "error" },
		{ "", "<failure/>", "failed" },
		{ "", "<skipped/>", "skipped" },
		{ "", "<failure/><error/>", "error" },
		{ "", "<skipped/><error/>", "error" },
		{ "", "<skipped/><failure/>", "failed known" },
		{ "", "<failure/><skipped/>", "failed" },
		{ "", "<flakyFailure/>", "passed flaky" },
		{ "", "<flakyError/>", "passed flaky" },
		{ "", "<flakyFailure/><failure/>", "failed" },
		{ "", "<rerunFailure/>", "passed" },
		{ "", "<failure/><rerunFailure/>", "failed" },
		{ "", "<error/><rerunError/>", "error" },
		{ "", "<x><failure/></x>", "passed" },
		{ "", "<n:failure xmlns:n='u'/>", "failed" },
		{ "", "<warning message='w'/>", "passed" },
		/* attributes decide only where no child does */
		{ "status='notrun'", "", "skipped" },
		{ "status='disabled'", "", "skipped" },
		{ "status='IGNORED'", "", "skipped" },
		{ "status='Skipped'", "", "skipped" },
		{ "result='skipped'", "", "skipped" },
		{ "result='suppressed'", "", "skipped" },
		{ "status='run' result='completed'", "", "passed" },
		{ "status='passed'", "", "passed" },
		{ "status=''", "", "passed" },
		{ "status='failed'", "", "failed" },
		{ "status='fail'", "", "failed" },
		{ "status='error'", "", "error" },
		{ "status='broken'", "", "error" },
		{ "success='false'", "", "failed" },
		{ "success='true'", "", "passed" },
		{ "status='notrun'", "<failure/>", "failed" },
		{ "status='failed'", "<skipped/>", "skipped" },
		{ "status='failed'", "<error/>", "error" },
		{ "status='failed'", "<flakyFailure/>", "passed flaky" },
		{ "status='run' result='skipped'", "", "skipped" },
		{ "status='failed' result='skipped'", "", "skipped" },
		{ "name='DISABLED_x'", "", "skipped" },
		{ "name='DISABLED_x'", "<failure/>", "failed" },
		{ "name='x_DISABLED_'", "", "passed" },
		{ "name='DISABLED_x' status='run' result='completed'", "", "passed" },
		{ "name='DISABLED_x' status='run' result='suppressed'", "", "skipped" },
		{ "status='Inconclusive'", "", "skipped" },
		{ "status='CANCELED'", "", "skipped" },
		{ "status='cancelled'", "", "skipped" },
		{ "status='pending'", "", "skipped" },
		{ "result='aborted'", "", "skipped" },
		{ "result='stopped'", "", "skipped" },
		{ "status='CANCELED'", "<failure/>", "failed" },
		{ "ignored='true'", "", "skipped" },
		{ "ignored='false' incomplete='false'", "", "passed" },
		{ "ignored='true'", "<failure/>", "failed" },
		/* what is expected is said before; completed is not skipped */
		{ "", "<failure/><skipped/><failure/>", "failed" },
		{ "", "<error/><skipped/><failure/>", "error" },
		{ "status='run' result='completed'", "<skipped/><failure/>", "failed" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		char xml[400], want[100];
		const char *word = row[i].want;
		snprintf(xml, sizeof(xml), "<testsuite><testcase classname='c' %s>%s</testcase></testsuite>",
			 row[i].attrs, row[i].children);
		struct reading x = read_text(xml);
		snprintf(want, sizeof(want), "\"status\":\"%.*s\",\"flaky\":%s,\"known_failure\":%s",
			 (int)strcspn(word, " "), word, strstr(word, "flaky") != NULL ? "true" : "false",
			 strstr(word, "known") != NULL ? "true" : "false");
		if (strstr(x.lines.data, want) == NULL)
			fail_msg("%s\n%s is not in\n%s", xml, want, x.lines.data);
		reading_done(&x);

		/* Counting alone comes to the same. */
		struct parser_options counts = { .now_ms = NOW, .counts_only = true };
		struct reading y = read_bytes(&counts, xml, strlen(xml), 0, 0);
		snprintf(want, sizeof(want), "\"status\":\"%.*s\",\"flaky\":%s,\"known_failure\":%s",
			 (int)strcspn(word, " "), word, strstr(word, "flaky") != NULL ? "true" : "false",
			 strstr(word, "known") != NULL ? "true" : "false");
		if (strstr(y.lines.data, want) == NULL)
			fail_msg("counting %s\n%s is not in\n%s", xml, want, y.lines.data);
		reading_done(&y);
	}
}

static void repeated_elements_are_all_kept(void **state)
{
	static const struct dialect_row row[] = {
		{ "failures",
		  "<testcase name='a'><failure message='m1' type='T'>d1</failure><failure "
		  "message='m2'>d2</failure>"
		  "<failure type='U'>d3</failure></testcase>",
		  { "\"type\":\"T\",\"message\":\"m1\",\"detail\":\"d1\\n\\nm2\\nd2\\n\\nU\\nd3\"" } },
		{ "output",
		  "<testcase "
		  "name='a'><system-out>one</system-out><system-err>e</system-err><system-out>two</"
		  "system-out></testcase>",
		  { "\"stdout\":\"one\\ntwo\"", "\"stderr\":\"e\"" } },
		{ "properties of one name",
		  "<testcase name='a'><properties><property name='k' value='1'/><property name='k' "
		  "value='2'/></properties></testcase>",
		  { "\"properties\":[[\"k\",\"1\"],[\"k\",\"2\"]]" } },
		{ "flakes before, reruns behind",
		  "<testcase name='a'><rerunFailure message='3'/><failure message='2'/><flakyFailure "
		  "message='1'/></testcase>",
		  { "\"attempts\":[{\"status\":\"failed\",\"failure\":{\"message\":\"1\"}},{\"status\":"
		    "\"failed\",\"failure\":{\"message\":\"2\"}},"
		    "{\"status\":\"failed\",\"failure\":{\"message\":\"3\"}}]" } },
	};

	(void)state;
	expect_rows(row, COUNT(row));
}

static void a_verdict_by_attribute_takes_the_message_beside_it(void **state)
{
	static const struct dialect_row row[] = {
		{ "failed",
		  "<testcase name='a' status='failed' message='why'/>",
		  { "\"failure\":{\"message\":\"why\"}" } },
		{ "passed",
		  "<testcase name='a' status='passed' message='why'/>",
		  { "!\"failure\":", "[\"message\",\"why\"]" } },
		{ "passed in the end",
		  "<testcase name='a' status='failed' message='why'><flakyFailure/></testcase>",
		  { "!\"failure\":{\"message" } },
	};

	(void)state;
	expect_rows(row, COUNT(row));
}

/* ---- names and places ---- */

static void names(void **state)
{
	static const struct dialect_row row[] = {
		{ "both",
		  "<testcase classname='a.B' name='n'/>",
		  { "\"class\":\"a.B\",\"name\":\"n\",\"id\":\"a.B.n\"" } },
		{ "no class: that of the suite",
		  "<testsuite name='S'><testcase name='does it'/></testsuite>",
		  { "\"class\":\"S\",\"name\":\"does it\",\"id\":\"S.does it\"" } },
		{ "no class: the name is a path",
		  "<testsuite name='S'><testcase name='a.b.C.test'/></testsuite>",
		  { "\"class\":\"a.b.C\",\"name\":\"test\",\"id\":\"a.b.C.test\"" } },
		{ "no path",
		  "<testsuite name='S'><testcase name='waits 1.5 seconds'/></testsuite>",
		  { "\"class\":\"S\",\"name\":\"waits 1.5 seconds\"" } },
		{ "a version",
		  "<testsuite name='S'><testcase name='v1.5'/></testsuite>",
		  { "\"class\":\"S\",\"name\":\"v1.5\"" } },
		{ "an end",
		  "<testsuite name='S'><testcase name='Really.'/></testsuite>",
		  { "\"class\":\"S\",\"name\":\"Really.\"" } },
		{ "no name",
		  "<testsuite><testcase classname='c'/></testsuite>",
		  { "\"class\":\"c\",\"id\":\"c\"", "!\"name\":" } },
		{ "a stamp in the name of a suite",
		  "<testsuite name='s.T-20261120100000'><testcase name='n'/></testsuite>",
		  { "{\"suite\":[\"s.T\"],\"class\":\"s.T\",\"name\":\"n\"" } },
		{ "a number in the name of a suite",
		  "<testsuite name='s-2026112010000x'><testcase name='n'/></testsuite>",
		  { "{\"suite\":[\"s-2026112010000x\"]" } },
		{ "nothing at all", "<testcase/>", { "{\"suite\":[],\"status\":\"passed\"" } },
		{ "white space",
		  "<testcase classname='c' name=' a&#10;b&#9;c&#xA0;'/>",
		  { "\"name\":\" a\\nb\\tc\xc2\xa0\"" } },
		{ "nested suites, some without a name",
		  "<testsuites name='all'><testsuite name='a'><testsuite><testsuite name='b'><testcase "
		  "name='n'/></testsuite>"
		  "</testsuite><testcase name='m'/></testsuite></testsuites>",
		  { "{\"suite\":[\"a\",\"b\"],\"class\":\"b\",\"name\":\"n\"",
		    "{\"suite\":[\"a\"],\"class\":\"a\",\"name\":\"m\"", "!all" } },
		{ "file and line of the case before those of the suite",
		  "<testsuite file='s.x'><testcase name='a' file='c.x' line='3'/><testcase name='b' "
		  "line='-1'/></testsuite>",
		  { "\"file\":\"c.x\",\"line\":3", "\"file\":\"s.x\"}" } },
		{ "paths of Windows and URLs",
		  "<testsuite><testcase name='a' file='C:\\x\\a.cs'/><testcase name='b' "
		  "file='file:///x/b'/></testsuite>",
		  { "\"file\":\"C:\\\\x\\\\a.cs\"", "\"file\":\"file:///x/b\"" } },
		{ "cases anywhere",
		  "<testsuites><testcase name='a'/><x><testcase name='b'/><testsuite "
		  "name='s'><y><z><testcase name='c'/></z></y></testsuite></x></testsuites>",
		  { "\"name\":\"a\"", "\"name\":\"b\"",
		    "{\"suite\":[\"s\"],\"class\":\"s\",\"name\":\"c\"" } },
		{ "a case in a case",
		  "<testcase name='o'><failure>x<testcase "
		  "name='i'><skipped/></testcase>y</failure></testcase>",
		  { "\"name\":\"i\",\"id\":\"i\",\"status\":\"skipped\"",
		    "\"name\":\"o\",\"id\":\"o\",\"status\":\"failed\"", "\"detail\":\"xy\"" } },
	};

	(void)state;
	expect_rows(row, COUNT(row));
}

static void times(void **state)
{
	static const struct dialect_row row[] = {
		{ "the case's own before its suite's, the inner before the outer",
		  "<testsuites timestamp='2024-01-01T00:00:00'><testsuite "
		  "timestamp='2024-01-02T00:00:00'><testcase name='a' timestamp='2024-01-03T00:00:00'/>"
		  "<testcase name='b'/><testsuite><testcase name='c'/></testsuite></testsuite><testcase "
		  "name='d'/></testsuites>",
		  { "\"name\":\"a\",\"id\":\"a\",\"status\":\"passed\",\"flaky\":false,\"known_failure\":"
		    "false,\"started_at\":\"2024-01-03",
		    "\"name\":\"b\",\"id\":\"b\",\"status\":\"passed\",\"flaky\":false,\"known_failure\":"
		    "false,\"started_at\":\"2024-01-02",
		    "\"name\":\"c\",\"id\":\"c\",\"status\":\"passed\",\"flaky\":false,\"known_failure\":"
		    "false,\"started_at\":\"2024-01-02",
		    "\"name\":\"d\",\"id\":\"d\",\"status\":\"passed\",\"flaky\":false,\"known_failure\":"
		    "false,\"started_at\":\"2024-01-01" } },
		{ "a comma is a decimal mark where the file has shown it",
		  "<testsuite><testcase name='a' time='0,160'/><testcase name='b' time='1,234'/></testsuite>",
		  { "\"duration_ms\":160", "\"duration_ms\":1234" } },
		{ "else it groups",
		  "<testsuite><testcase name='b' time='1,234'/></testsuite>",
		  { "\"duration_ms\":1234000" } },
		{ "one warning for many",
		  "<testsuite><testcase name='a' time='x'/><testcase name='b' time='y'/></testsuite>",
		  { "the duration \"x\" makes no sense (2 x)" } },
	};

	(void)state;
	expect_rows(row, COUNT(row));
}

static void headers(void **state)
{
	static const struct dialect_row row[] = {
		{ "true",
		  "<testsuite tests='2' failures='1' errors='0'><testcase name='a'/><testcase "
		  "name='b'><error/></testcase></testsuite>",
		  { "!header" } },
		{ "false",
		  "<testsuite tests='3'><testcase name='a'/></testsuite>",
		  { "the header says 3 tests, there are 1" } },
		{ "failures",
		  "<testsuite tests='1' failures='0' errors='0'><testcase "
		  "name='a'><failure/></testcase></testsuite>",
		  { "the header says 0 failures and errors, there are 1" } },
		{ "missing, empty",
		  "<testsuite tests='' failures=' '><testcase name='a'/></testsuite>",
		  { "!header", "!count" } },
		{ "float, signed",
		  "<testsuite tests='+1.0' failures='0' errors='0'><testcase name='a'/></testsuite>",
		  { "!header", "!count" } },
		{ "nonsense",
		  "<testsuite tests='many'><testcase name='a'/></testsuite>",
		  { "the count \"many\" makes no sense" } },
	};

	(void)state;
	expect_rows(row, COUNT(row));
}

/* ---- texts ---- */

static void texts(void **state)
{
	static const struct dialect_row row[] = {
		{ "CDATA and text mixed",
		  "<testcase "
		  "name='a'><failure>x<![CDATA[<y>]]>z&lt;<![CDATA[]]]]><![CDATA[>]]></failure></testcase>",
		  { "\"detail\":\"x<y>z<]]>\"" } },
		{ "]]&gt; in CDATA stays",
		  "<testcase name='a'><failure><![CDATA[]]&gt;]]></failure></testcase>",
		  { "\"detail\":\"]]&gt;\"" } },
		{ "layout around CDATA goes",
		  "<testcase name='a'>\n <failure>\n   <![CDATA[java.Error\nat x\n  y]]>\n "
		  "</failure></testcase>",
		  { "\"detail\":\"java.Error\\nat x\\n  y\"" } },
		{ "layout inside of CDATA stays",
		  "<testcase name='a'><failure>\n<![CDATA[   [b] x\n\n  y\n]]>\n</failure></testcase>",
		  { "\"detail\":\"   [b] x\\n\\n  y\"" } },
		{ "ignored is skipped",
		  "<testcase name='a'><ignored/></testcase>",
		  { "\"status\":\"skipped\"" } },
		{ "layout around it goes",
		  "<testcase name='a'><failure>\n    indented\n  less\n  </failure><skipped>\n  "
		  "</skipped></testcase>",
		  { "\"detail\":\"    indented\\n  less\"" } },
		{ "markup inside",
		  "<testcase name='a'><failure>a<b>c<i>d</i></b>e</failure></testcase>",
		  { "\"detail\":\"acde\"" } },
		{ "line ends",
		  "<testcase name='a'><system-out>a\r\nb\rc&#13;d</system-out></testcase>",
		  { "\"stdout\":\"a\\nb\\nc\\rd\"" } },
		{ "output of white space is none",
		  "<testcase name='a'><system-out>\n \n</system-out></testcase>",
		  { "!stdout" } },
		{ "skip with a reason",
		  "<testcase name='a'><skipped message='m' type='t'>d</skipped></testcase>",
		  { "\"failure\":{\"type\":\"t\",\"message\":\"m\",\"detail\":\"d\"}" } },
		{ "what nobody knows is kept",
		  "<testcase name='a'><remark>text</remark><note message='m'>t</note><empty/></testcase>",
		  { "[\"remark\",\"text\"]", "[\"note\",\"m\"]", "!empty" } },
	};

	(void)state;
	expect_rows(row, COUNT(row));
}

static void properties(void **state)
{
	static const struct dialect_row row[] = {
		{ "attribute or text",
		  "<testcase name='a'><properties><property name='k' value='v'/><property name='l'> text "
		  "</property><property name='m' value=''/></properties></testcase>",
		  { "\"properties\":[[\"k\",\"v\"],[\"l\",\"text\"],[\"m\",\"\"]]" } },
		{ "an attribute that speaks wins",
		  "<testcase name='a'><properties><property name='k' "
		  "value='v'>text</property></properties></testcase>",
		  { "[[\"k\",\"v\"]]" } },
		{ "markup in it",
		  "<testcase name='a'><properties><property "
		  "name='k'><![CDATA[<b>]]><i>x</i></property></properties></testcase>",
		  { "[[\"k\",\"<b>x\"]]" } },
		{ "without a name",
		  "<testcase name='a'><properties><property value='v'/><property/></properties></testcase>",
		  { "!properties" } },
		{ "secrets never leave",
		  "<testcase name='a'><properties><property name='DB_PassWord' value='x1'/><property "
		  "name='apiKey'>x2</property><property name='x-api_key-y' value='x3'/>"
		  "<property name='tokens' value='C5'/></properties></testcase>",
		  { "[\"DB_PassWord\",\"***\"],[\"apiKey\",\"***\"],[\"x-api_key-y\",\"***\"],[\"tokens\",\"*"
		    "**\"]",
		    "!x1", "!x2", "!x3", "!C5" } },
		{ "those of the case's attributes neither",
		  "<testcase name='a' secret='x1' uuid='u'/>",
		  { "[\"secret\",\"***\"]", "!x1", "[\"uuid\",\"u\"]" } },
	};

	(void)state;
	expect_rows(row, COUNT(row));
}

static void properties_of_suites_are_told_apart(void **state)
{
	struct reading x =
		read_text("<testsuites><properties><property name='r' "
			  "value='1'/></properties><testsuite><properties><property name='s'>two</property>"
			  "<property name='s_token' value='t'/><property/></properties>"
			  "<property name='random_seed' value='17'/><testcase "
			  "name='a'/></testsuite></testsuites>");

	(void)state;
	assert_string_equal(x.properties.data, "r=1;s=two;s_token=***;random_seed=17;");
	assert_null(strstr(x.lines.data, "properties"));
	reading_done(&x);
}

static void files_of_suites_are_told_apart(void **state)
{
	static const char xml[] =
		"<testsuite><testcase name='a'/><system-out>x [[ATTACHMENT|a.png]] [[[ATTACHMENT|b]]] "
		"[[ATTACHMENT|out/test[1]]]\n[[ATTACHMENT|c[d]]; [[ATTACHMENT|no\n]]</system-out>"
		"<system-out>[[ATTACHMENT|e[f]]</system-out><system-out>g]]</system-out></testsuite>";

	(void)state;
	for (size_t piece = 0; piece < 2; piece++) {
		struct reading x = read_bytes(NULL, xml, sizeof(xml) - 1, piece, 0);
		assert_string_equal(x.files.data, "a.png;b;out/test[1];c[d;e[f;");
		assert_null(strstr(x.lines.data, "evidence"));
		reading_done(&x);
	}
}

static void markers(void **state)
{
	static const struct dialect_row row[] = {
		{ "one a line",
		  "<testcase name='a'><system-out>[[ATTACHMENT|a.png]]\n[[ATTACHMENT|b "
		  "c.png]]</system-out></testcase>",
		  { "\"evidence\":[{\"path\":\"a.png\"},{\"path\":\"b c.png\"}]" } },
		{ "in the middle, with brackets before",
		  "<testcase name='a'><system-err>x [[[ATTACHMENT|a.png]] y "
		  "[[ATT[[ATTACHMENT|b.png]]</system-err></testcase>",
		  { "{\"path\":\"a.png\"},{\"path\":\"b.png\"}",
		    "\"stderr\":\"x [[[ATTACHMENT|a.png]] y [[ATT[[ATTACHMENT|b.png]]\"" } },
		{ "the same twice is one",
		  "<testcase name='a'><system-out>[[ATTACHMENT|a]][[ATTACHMENT|a]]</system-out></testcase>",
		  { "\"evidence\":[{\"path\":\"a\"}]" } },
		{ "files of steps",
		  "<testcase name='a'><properties><property name='step[passed]' value='one "
		  "[[ATTACHMENT|a.png]]'/><property name='x' value='[[ATTACHMENT|no.png]]'/><property "
		  "name='step'>two [[ATTACHMENT| b.png ]] and [[ATTACHMENT|c.png]], [[ATTACHMENT|d</property>"
		  "</properties></testcase>",
		  { "\"evidence\":[{\"path\":\"a.png\",\"step\":1},{\"path\":\"b.png\",\"step\":2},"
		    "{\"path\":\"c.png\",\"step\":2}]" } },
		{ "named of the test, then of its step",
		  "<testcase name='a'><system-out>[[ATTACHMENT|a]]</system-out><properties><property "
		  "name='step[failed]' value='[[ATTACHMENT|a]]'/></properties></testcase>",
		  { "\"evidence\":[{\"path\":\"a\",\"step\":1}]" } },
		{ "not closed in its line",
		  "<testcase name='a'><system-out>[[ATTACHMENT|a\n]]</system-out></testcase>",
		  { "!evidence", "[[ATTACHMENT|a\\n]]" } },
		{ "not closed at all",
		  "<testcase name='a'><system-out>x "
		  "[[ATTACHMENT|a]</system-out><system-err>[[</system-err></testcase>",
		  { "!evidence", "\"stdout\":\"x [[ATTACHMENT|a]\"", "\"stderr\":\"[[\"" } },
		{ "empty",
		  "<testcase "
		  "name='a'><system-out>[[ATTACHMENT|]][[PROPERTY|]][[PROPERTY|=v]]</system-out></testcase>",
		  { "!evidence", "!properties" } },
		{ "a property",
		  "<testcase name='a'><system-out>[[PROPERTY|k=v=w]]</system-out></testcase>",
		  { "[[\"k\",\"v=w\"]]", "\"stdout\":\"[[PROPERTY|k=v=w]]\"" } },
		{ "of several lines",
		  "<testcase "
		  "name='a'><system-out>[[PROPERTY|k]]\nl1\n[x]]\n[[/PROPERTY]]z</system-out></testcase>",
		  { "[[\"k\",\"l1\\n[x]]\"]]", "[[/PROPERTY]]z" } },
		{ "that never ends",
		  "<testcase name='a'><system-out>[[PROPERTY|k]]\nl1</system-out></testcase>",
		  { "!properties", "\\nl1\"" } },
		{ "a reference",
		  "<testcase name='a'><system-out>[[PROPERTY|test_id=C8]]</system-out></testcase>",
		  { "\"refs\":[\"C8\"]" } },
		{ "a secret",
		  "<testcase name='a'><system-out>u [[PROPERTY|password=hunter2]] v</system-out></testcase>",
		  { "[[\"password\",\"***\"]]", "\"stdout\":\"u [[PROPERTY|password=***]] v\"",
		    "!hunter2" } },
		{ "a secret of several lines",
		  "<testcase "
		  "name='a'><system-out>u\n[[PROPERTY|token]]\nhunter2\n[[/PROPERTY]]\nv</system-out></"
		  "testcase>",
		  { "[[\"token\",\"***\"]]", "[[PROPERTY|token]]***[[/PROPERTY]]\\nv", "!hunter2" } },
		{ "a secret that never ends",
		  "<testcase name='a'><system-out>[[PROPERTY|token]]\nhunter2</system-out></testcase>",
		  { "!hunter2", "[[PROPERTY|token]]***" } },
		{ "of an attempt",
		  "<testcase "
		  "name='a'><flakyFailure><system-out>[[ATTACHMENT|try1.png]]</system-out></flakyFailure></"
		  "testcase>",
		  { "\"evidence\":[{\"path\":\"try1.png\"}]" } },
		{ "white space around a path",
		  "<testcase name='a'><system-out>[[ATTACHMENT| a.png ]]</system-out></testcase>",
		  { "{\"path\":\"a.png\"}" } },
		{ "a path that ends in a bracket of its own",
		  "<testcase name='a'><properties><property name='step' value='[[ATTACHMENT|s[1]]] "
		  "[[ATTACHMENT|b]]]'/>"
		  "</properties><system-out>[[ATTACHMENT|out/test[1]]]\n[[ATTACHMENT|c[d]]; "
		  "[[[ATTACHMENT|e]]]"
		  "[[PROPERTY|k=v[2]]]</system-out><system-err>[[ATTACHMENT|f[g]]</system-err></testcase>",
		  { "\"evidence\":[{\"path\":\"s[1]\",\"step\":1},{\"path\":\"b\",\"step\":1},"
		    "{\"path\":\"out/test[1]\"},{\"path\":\"c[d\"},{\"path\":\"e\"},{\"path\":\"f[g\"}]",
		    "[\"k\",\"v[2]\"]",
		    "\"stdout\":\"[[ATTACHMENT|out/test[1]]]\\n[[ATTACHMENT|c[d]]; [[[ATTACHMENT|e]]]"
		    "[[PROPERTY|k=v[2]]]\"",
		    "\"stderr\":\"[[ATTACHMENT|f[g]]\"" } },
		{ "only in output",
		  "<testcase name='a'><failure>[[ATTACHMENT|a]]</failure></testcase>",
		  { "!evidence" } },
	};

	(void)state;
	expect_rows(row, COUNT(row));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(repeated_elements_are_all_kept),
		cmocka_unit_test(a_verdict_by_attribute_takes_the_message_beside_it),
		cmocka_unit_test(names),
		cmocka_unit_test(times),
		cmocka_unit_test(headers),
		cmocka_unit_test(texts),
		cmocka_unit_test(properties),
		cmocka_unit_test(properties_of_suites_are_told_apart),
		cmocka_unit_test(files_of_suites_are_told_apart),
		cmocka_unit_test(markers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

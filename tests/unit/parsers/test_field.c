/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules for values, verdicts, documents and TestNG that hold whoever wrote the report: one row a rule, named
 * after the section that it stands in (field.md).  Each is read whole and byte by byte. */
#include "tests/unit/parsers/reading.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TIME(t)  "<testsuite name='s'><testcase name='n' classname='c' time='" t "'/></testsuite>"
#define STAMP(t) "<testsuite name='s' timestamp='" t "'><testcase name='n' classname='c'/></testsuite>"
#define AT(iso)  "\"started_at\":\"" iso "\""

static const struct dialect_row scalars[] = {
	{ "3.2 duration: trimmed", TIME(" 1.5&#10;"), { "\"duration_ms\":1500", "!makes no sense" } },
	{ "3.2 duration: one unit is taken off: us", TIME("80.803us"), { "\"duration_ms\":0.081" } },
	{ "3.2 duration: \xc2\xb5s", TIME("7\xc2\xb5s"), { "\"duration_ms\":0.007" } },
	{ "3.2 duration: ms", TIME("12 ms"), { "\"duration_ms\":12" } },
	{ "3.2 duration: s", TIME("3s"), { "\"duration_ms\":3000" } },
	{ "3.2 duration: m", TIME("1.5m"), { "\"duration_ms\":90000" } },
	{ "3.2 duration: h", TIME("2h"), { "\"duration_ms\":7200000" } },
	{ "3.2 duration: of comma and point the last is the decimal mark",
	  TIME("2,120.532"),
	  { "\"duration_ms\":2120532" } },
	{ "3.2 duration: of point and comma too", TIME("1.234,5"), { "\"duration_ms\":1234500" } },
	{ "3.2 duration: a lone comma and three digits are thousands",
	  TIME("1,234"),
	  { "\"duration_ms\":1234000" } },
	{ "3.2 duration: but not where the file shows a decimal comma",
	  "<testsuite name='s'><testcase name='a' time='0,160'/><testcase name='b' "
	  "time='1,234'/></testsuite>",
	  { "\"duration_ms\":160", "\"duration_ms\":1234}", "!1234000" } },
	{ "3.2 duration: not even where it shows it later",
	  "<testsuite name='s'><testcase name='a' time='1,234'/><testcase name='b' time='2,5'/><testcase "
	  "name='c' "
	  "time='0,160'/></testsuite>",
	  { "\"duration_ms\":1234}", "\"duration_ms\":2500", "\"duration_ms\":160", "!1234000" } },
	{ "3.2 duration: a file that does both groups",
	  "<testsuite name='s'><testcase name='a' time='1,234.5'/><testcase name='b' time='1,234'/><testcase "
	  "name='c' time='0,160'/></testsuite>",
	  { "\"duration_ms\":1234500", "\"duration_ms\":1234000", "\"duration_ms\":160" } },
	{ "3.2 duration: a leading 0 makes the comma decimal", TIME("0,160"), { "\"duration_ms\":160" } },
	{ "3.2 duration: exponents", TIME("6.2057e-5"), { "\"duration_ms\":0.062" } },
	{ "3.2 duration: nine decimals", TIME("0.123456789"), { "\"duration_ms\":123.457" } },
	{ "3.2 duration: NaN is unknown", TIME("NaN"), { "!duration_ms", "\"NaN\" makes no sense" } },
	{ "3.2 duration: inf is unknown", TIME("inf"), { "!duration_ms", "\"inf\" makes no sense" } },
	{ "3.2 duration: negative is unknown", TIME("-0.5"), { "!duration_ms", "\"-0.5\" makes no sense" } },
	{ "3.2 duration: empty is unknown, and no fault", TIME(""), { "!duration_ms", "!makes no sense" } },
	{ "3.2 duration: the sum of the cases may exceed the suite's",
	  "<testsuite name='s' time='1'><testcase name='a' time='1'/><testcase name='b' "
	  "time='1'/></testsuite>",
	  { "\"duration_ms\":1000", "!time", "!header" } },

	{ "3.2 timestamp: ISO with zone", STAMP("2024-01-02T03:04:05Z"), { AT("2024-01-02T03:04:05.000Z") } },
	{ "3.2 timestamp: ISO without zone is UTC unless told",
	  STAMP("2024-01-02T03:04:05"),
	  { AT("2024-01-02T03:04:05.000Z") } },
	{ "3.2 timestamp: one digit of fraction",
	  STAMP("2024-01-02T03:04:05.1Z"),
	  { AT("2024-01-02T03:04:05.100Z") } },
	{ "3.2 timestamp: nine digits of fraction",
	  STAMP("2024-01-02T03:04:05.123456789Z"),
	  { AT("2024-01-02T03:04:05.123Z") } },
	{ "3.2 timestamp: +05:30", STAMP("2024-01-02T03:04:05+05:30"), { AT("2024-01-01T21:34:05.000Z") } },
	{ "3.2 timestamp: +0530", STAMP("2024-01-02T03:04:05+0530"), { AT("2024-01-01T21:34:05.000Z") } },
	{ "3.2 timestamp: a space for T", STAMP("2024-01-02 03:04:05"), { AT("2024-01-02T03:04:05.000Z") } },
	{ "3.2 timestamp: date only", STAMP("2024-01-02"), { AT("2024-01-02T00:00:00.000Z") } },
	{ "3.2 timestamp: a zone that nobody knows is told",
	  STAMP("2024-01-02T03:04:05 XYZT"),
	  { AT("2024-01-02T03:04:05.000Z"),
	    "the zone of the time \"2024-01-02T03:04:05 XYZT\" is not known" } },
	{ "3.2 timestamp: one without a zone is no guess",
	  STAMP(" 2024-01-02T03:04:05 "),
	  { "!is not known" } },
	{ "3.2 timestamp: zone abbreviation",
	  STAMP("2024-01-02T03:04:05 CET"),
	  { AT("2024-01-02T02:04:05.000Z") } },
	{ "3.2 timestamp: epoch in seconds", STAMP("1704164645"), { AT("2024-01-02T03:04:05.000Z") } },
	{ "3.2 timestamp: epoch in milliseconds",
	  STAMP("1704164645123"),
	  { AT("2024-01-02T03:04:05.123Z") } },
	{ "3.2 timestamp: RFC 1123",
	  STAMP("Tue, 02 Jan 2024 03:04:05 GMT"),
	  { AT("2024-01-02T03:04:05.000Z") } },
	{ "3.2 timestamp: before 2000 is unknown",
	  STAMP("1970-01-01T03:00:00"),
	  { "!started_at", "makes no sense" } },
	{ "3.2 timestamp: later than tomorrow is unknown",
	  STAMP("2026-11-23T12:00:01Z"),
	  { "!started_at", "makes no sense" } },
	{ "3.2 timestamp: tomorrow is not",
	  STAMP("2026-11-22T11:00:00Z"),
	  { AT("2026-11-22T11:00:00.000Z") } },
	{ "3.2 timestamp: a child earlier than its parent is legal",
	  "<testsuite name='s' timestamp='2024-01-02T03:04:05Z'><testcase name='n' "
	  "timestamp='2024-01-01T00:00:00Z'/></testsuite>",
	  { AT("2024-01-01T00:00:00.000Z"), "!makes no sense" } },

	{ "3.2 counts: missing", "<testsuite><testcase name='n'/></testsuite>", { "!header" } },
	{ "3.2 counts: empty",
	  "<testsuite tests='' failures='' errors=''><testcase name='n'/></testsuite>",
	  { "!header", "!count" } },
	{ "3.2 counts: signed and float",
	  "<testsuite tests='+1' failures='0.0' errors='-0'><testcase name='n'/></testsuite>",
	  { "!header" } },
	{ "3.2 counts: skips, skip, ignored, disabled",
	  "<testsuites><testsuite tests='1' skips='1'><testcase "
	  "name='a'><skipped/></testcase></testsuite><testsuite tests='1' "
	  "skip='1'><testcase name='b'><skipped/></testcase></testsuite><testsuite tests='1' ignored='1' "
	  "disabled='1'><testcase "
	  "name='c'><skipped/></testcase></testsuite></testsuites>",
	  { "!header", "!makes no sense" } },
	{ "3.2 counts: recomputed, a mismatch is reported",
	  "<testsuite tests='6'><testcase name='n'/></testsuite>",
	  { "the header says 6 tests, there are 1" } },

	{ "3.2 line: 0 and -1 are unknown",
	  "<testsuite><testcase name='a' file='f' line='0'/><testcase name='b' file='f' "
	  "line='-1'/></testsuite>",
	  { "!\"line\"" } },
	{ "3.2 file: absolute, of Windows, a URL",
	  "<testsuite><testcase name='a' file='/p/a.py'/><testcase name='b' file='C:\\p\\a.cs'/><testcase "
	  "name='c' "
	  "file='file:///p/a'/></testsuite>",
	  { "\"file\":\"/p/a.py\"", "\"file\":\"C:\\\\p\\\\a.cs\"", "\"file\":\"file:///p/a\"" } },

	{ "3.2 name: missing", "<testcase classname='c'/>", { "\"id\":\"c\"", "!\"name\"" } },
	{ "3.2 name: empty", "<testcase classname='c' name=''/>", { "\"id\":\"c\"", "!\"name\"" } },
	{ "3.2 name: newlines, tabs, NBSP",
	  "<testcase classname='c' name='a&#10;b&#9;c&#xA0;d'/>",
	  { "\"name\":\"a\\nb\\tc\xc2\xa0"
	    "d\"" } },
	{ "3.2 classname missing: from the suite",
	  "<testsuite name='S'><testcase name='does it'/></testsuite>",
	  { "\"class\":\"S\",\"name\":\"does it\"" } },
	{ "3.2 classname missing: the name split at its last dot",
	  "<testsuite name='S'><testcase name='a.b.C.test'/></testsuite>",
	  { "\"class\":\"a.b.C\",\"name\":\"test\"" } },
};

#define CASE(attributes, children)                                                     \
	"<testsuite name='s'><testcase classname='c' name='n'" attributes ">" children \
	"</testcase></testsuite>"
#define STATUS(s) "\"status\":\"" s "\",\"flaky\":false,\"known_failure\":false"

static const struct dialect_row verdicts[] = {
	{ "3.3 error beats failure", CASE("", "<failure/><error/>"), { STATUS("error") } },
	{ "3.3 failure beats flaky", CASE("", "<flakyFailure/><failure/>"), { STATUS("failed") } },
	{ "3.3 flakyFailure: passed, flaky",
	  CASE("", "<flakyFailure/>"),
	  { "\"status\":\"passed\",\"flaky\":true" } },
	{ "3.3 flakyError: passed, flaky",
	  CASE("", "<flakyError/>"),
	  { "\"status\":\"passed\",\"flaky\":true" } },
	{ "3.3 skipped", CASE("", "<skipped/>"), { STATUS("skipped") } },
	{ "3.3 status notrun", CASE(" status='notrun'", ""), { STATUS("skipped") } },
	{ "3.3 status disabled", CASE(" status='disabled'", ""), { STATUS("skipped") } },
	{ "3.3 status ignored", CASE(" status='ignored'", ""), { STATUS("skipped") } },
	{ "3.3 status skipped", CASE(" status='skipped'", ""), { STATUS("skipped") } },
	{ "3.3 result skipped", CASE(" result='skipped'", ""), { STATUS("skipped") } },
	{ "3.3 result suppressed", CASE(" result='suppressed'", ""), { STATUS("skipped") } },
	{ "3.3 a name that begins with DISABLED_",
	  "<testcase classname='c' name='DISABLED_n'/>",
	  { STATUS("skipped") } },
	{ "3.3 skipped and failure: a failure that was expected",
	  CASE("", "<skipped/><failure/>"),
	  { "\"status\":\"failed\",\"flaky\":false,\"known_failure\":true" } },
	{ "3.3 rerunFailure, rerunError: further attempts of the first failure",
	  CASE("", "<failure message='1'/><rerunFailure message='2'/><rerunError message='3'/>"),
	  { STATUS("failed"), "\"failure\":{\"message\":\"1\"},\"attempts\":[{\"status\":\"failed\","
			      "\"failure\":{\"message\":\"1\"}},"
			      "{\"status\":\"failed\",\"failure\":{\"message\":\"2\"}},{\"status\":\"error\","
			      "\"failure\":{\"message\":\"3\"}}]" } },
	{ "3.3 status failed where no child speaks", CASE(" status='failed'", ""), { STATUS("failed") } },
	{ "3.3 success false where no child speaks", CASE(" success='false'", ""), { STATUS("failed") } },
	{ "3.3 status blocked", CASE(" status='blocked'", ""), { STATUS("skipped") } },
	{ "3.3 status untested", CASE(" status='Untested'", ""), { STATUS("skipped") } },
	{ "3.3 status timedOut", CASE(" status='timedOut'", ""), { STATUS("error") } },
	{ "3.3 a status that nobody knows is told",
	  CASE(" status='quarantined'", ""),
	  { STATUS("passed"), "the status \"quarantined\" is not known; taken as passed" } },
	{ "3.3 but not where a child speaks",
	  CASE(" status='quarantined'", "<failure/>"),
	  { STATUS("failed"), "!not known" } },
	{ "3.3 nor one that says it went well",
	  CASE(" status='OK'", ""),
	  { STATUS("passed"), "!not known" } },
	{ "3.3 status failed beside a child", CASE(" status='failed'", "<skipped/>"), { STATUS("skipped") } },
	{ "3.3 children that nobody knows are kept",
	  CASE("", "<remark>x</remark><a><b/></a>"),
	  { STATUS("passed"), "[\"remark\",\"x\"]" } },
	{ "3.3 repeated elements are all kept, in order",
	  CASE("", "<failure>1</failure><failure>2</failure><system-out>a</system-out><system-out>b</"
		   "system-out>"),
	  { "\"detail\":\"1\\n\\n2\"", "\"stdout\":\"a\\nb\"" } },
};

static const struct dialect_row documents[] = {
	{ "3.4 root testsuites",
	  "<testsuites><testsuite><testcase name='n'/></testsuite></testsuites>",
	  { "\"name\":\"n\"" } },
	{ "3.4 root testsuite", "<testsuite><testcase name='n'/></testsuite>", { "\"name\":\"n\"" } },
	{ "3.4 root testcase", "<testcase name='n'/>", { "\"name\":\"n\"" } },
	{ "3.4 root testng-results", "<testng-results/>", { "!status" } },
	{ "3.4 root in a namespace",
	  "<j:testsuite xmlns:j='u'><j:testcase name='n'/></j:testsuite>",
	  { "\"name\":\"n\"" } },
	{ "3.4 foreign root: testng-failed",
	  "<!DOCTYPE suite SYSTEM 'https://testng.org/testng-1.0.dtd'>\n<suite name='x'/>",
	  { "=foreign", "\"suite\"", "!status" } },
	{ "3.4 foreign root: checkstyle", "<checkstyle version='8'/>", { "=foreign 1:1:", "<checkstyle>" } },
	{ "3.4 foreign root: coverage", "<coverage/>", { "=foreign 1:1:", "<coverage>" } },
	{ "3.4 concatenated documents",
	  "<?xml version='1.0'?>\n<testsuite><testcase name='a'/></testsuite>\n<?xml "
	  "version='1.0'?>\n<testsuite><testcase "
	  "name='b'/></testsuite>",
	  { "\"name\":\"a\"", "\"name\":\"b\"" } },
	{ "3.4 zero bytes", "", { "=empty", "empty" } },
	{ "3.4 white space only", " \n\t\r\n", { "=empty", "empty" } },
	{ "3.4 missing end tags: finished cases stay",
	  "<testsuite>\n<testcase name='a'/>\n<testcase name='b'>",
	  { "=early 3:", "\"name\":\"a\"", "!\"name\":\"b\"" } },
	{ "3.4 DOCTYPE: nothing fetched",
	  "<!DOCTYPE testsuite SYSTEM 'http://127.0.0.1:1/x.dtd'><testsuite><testcase name='n'/></testsuite>",
	  { "\"name\":\"n\"" } },
	{ "3.4 entities: an internal subset is refused",
	  "<!DOCTYPE testsuite [<!ENTITY a 'b'>]><testsuite><testcase name='&a;'/></testsuite>",
	  { "=broken 1:", "DOCTYPE", "!\"name\"" } },
	{ "3.4 ]]> split over two CDATA sections",
	  CASE("", "<failure><![CDATA[a]]]]><![CDATA[>b]]></failure>"),
	  { "\"detail\":\"a]]>b\"" } },
	{ "3.4 ]]&gt; inside CDATA stays",
	  CASE("", "<failure><![CDATA[a]]&gt;b]]></failure>"),
	  { "\"detail\":\"a]]&gt;b\"" } },
	{ "3.4 CDATA and text in one element are appended",
	  CASE("", "<failure>a<![CDATA[b]]>c<![CDATA[d]]></failure>"),
	  { "\"detail\":\"abcd\"" } },
	{ "3.4 property by attribute",
	  CASE("", "<properties><property name='k' value='v'/></properties>"),
	  { "[[\"k\",\"v\"]]" } },
	{ "3.4 property by text",
	  CASE("", "<properties><property name='k'>v</property></properties>"),
	  { "[[\"k\",\"v\"]]" } },
	{ "3.4 property names that repeat are a list",
	  CASE("", "<properties><property name='k' value='1'/><property name='k' value='2'/></properties>"),
	  { "[[\"k\",\"1\"],[\"k\",\"2\"]]" } },
	{ "3.4 [[PROPERTY|k=v]]",
	  CASE("", "<system-out>[[PROPERTY|k=v]]</system-out>"),
	  { "[[\"k\",\"v\"]]" } },
	{ "3.4 [[PROPERTY|k]]...[[/PROPERTY]]",
	  CASE("", "<system-out>[[PROPERTY|k]]\na\nb\n[[/PROPERTY]]</system-out>"),
	  { "[[\"k\",\"a\\nb\"]]" } },
	{ "3.4 [[ATTACHMENT|p]]",
	  CASE("", "<system-out>x\n[[ATTACHMENT|a/b c.png]]\ny</system-out>"),
	  { "{\"path\":\"a/b c.png\"}" } },
	{ "3.4 attachments inline and by URL",
	  CASE("", "<system-out>[[ATTACHMENT|data:image/png;base64,QUJD]]\n[[ATTACHMENT|https://h/a.png]]</"
		   "system-out>"),
	  { "{\"path\":\"data:image/png;base64,QUJD\"}", "{\"path\":\"https://h/a.png\"}" } },
	{ "3.4 encoding utf8",
	  "<?xml version='1.0' encoding='utf8'?><testcase name='\xc3\xa9'/>",
	  { "\"name\":\"\xc3\xa9\"" } },
	{ "3.4 encoding ISO-8859-1",
	  "<?xml version='1.0' encoding='ISO-8859-1'?><testcase name='\xe9'/>",
	  { "\"name\":\"\xc3\xa9\"" } },
	{ "3.4 encoding windows-1252",
	  "<?xml version='1.0' encoding='windows-1252'?><testcase name='\x80'/>",
	  { "\"name\":\"\xe2\x82\xac\"" } },
	{ "3.4 encoding windows-1251",
	  "<?xml version='1.0' encoding='windows-1251'?><testcase name='\xc6'/>",
	  { "\"name\":\"\xd0\x96\"" } },
	{ "3.4 encoding GBK",
	  "<?xml version='1.0' encoding='GBK'?><testcase name='\xd6\xd0'/>",
	  { "\"name\":\"\xe4\xb8\xad\"" } },
	{ "3.4 encoding Shift_JIS",
	  "<?xml version='1.0' encoding='Shift_JIS'?><testcase name='\x93\xfa'/>",
	  { "\"name\":\"\xe6\x97\xa5\"" } },
	{ "3.4 encoding that nobody knows is refused by name",
	  "<?xml version='1.0' encoding='X-NO-SUCH'?><testcase name='n'/>",
	  { "=broken 1:1:", "X-NO-SUCH" } },
	{ "3.4 a byte order mark beats the declaration",
	  "\xef\xbb\xbf<?xml version='1.0' encoding='windows-1252'?><testcase name='\xc3\xa9'/>",
	  { "\"name\":\"\xc3\xa9\"" } },
};

#define TESTNG(methods)                                                                                      \
	"<testng-results total='1' skipped='0' passed='1' failed='0'><suite name='S'><test name='T'><class " \
	"name='p.C'>" methods "</class></test></suite></testng-results>"

static const struct dialect_row testng[] = {
	{ "3.5 attributes in any order",
	  TESTNG("<test-method duration-ms='7' name='m' started-at='2024-01-02T03:04:05Z' status='PASS'/>"),
	  { "\"id\":\"p.C.m\",\"status\":\"passed\"", "\"duration_ms\":7", AT("2024-01-02T03:04:05.000Z") } },
	{ "3.5 fragmented: a suite elsewhere",
	  "<testng-results><suite url='x.xml'/></testng-results>",
	  { "another file: \"x.xml\"" } },
	{ "3.5 fragmented: a test elsewhere",
	  "<testng-results><suite name='S'><test url='t.xml'/></suite></testng-results>",
	  { "another file: \"t.xml\"" } },
	{ "3.5 class without package, [default]",
	  "<testng-results><suite name='S'><test name='T'><class name='[default]'><test-method status='PASS' "
	  "name='m'/></class></test></suite></testng-results>",
	  { "\"name\":\"m\"", "\"status\":\"passed\"" } },
	{ "3.5 class and package apart",
	  "<testng-results><suite name='S'><test name='T'><class name='Cart' package='shop.web'><test-method "
	  "status='PASS' name='m'/></class></test></suite></testng-results>",
	  { "\"id\":\"shop.web.Cart.m\"" } },
	{ "3.5 class and package apart, [default]",
	  "<testng-results><suite name='S'><test name='T'><class name='Cart' "
	  "package='[default]'><test-method "
	  "status='PASS' name='m'/></class></test></suite></testng-results>",
	  { "\"id\":\"Cart.m\"" } },
	{ "3.5 groups beside the tests are no tests",
	  "<testng-results><suite name='S'><groups><group name='g'><method name='x' class='c' "
	  "signature='s'/></group></groups>"
	  "<test name='T'><class name='c'><test-method status='PASS' name='m' "
	  "groups='g'/></class></test></suite></testng-results>",
	  { "[\"groups\",\"g\"]", "!\"name\":\"x\"" } },
	{ "3.5 a PASS with an exception",
	  TESTNG("<test-method status='PASS' name='m'><exception "
		 "class='E'><message>e</message></exception></test-method>"),
	  { "\"status\":\"passed\"", "\"type\":\"E\"" } },
	{ "3.5 SUCCESS_PERCENTAGE_FAILURE",
	  TESTNG("<test-method status='SUCCESS_PERCENTAGE_FAILURE' name='m'/>"),
	  { "\"status\":\"passed\"", "success percentage" } },
	{ "3.5 a method once for each row: params tell them apart",
	  TESTNG("<test-method status='PASS' name='m'><params><param "
		 "index='0'><value><![CDATA[a]]></value></param></params></test-method>"
		 "<test-method status='FAIL' name='m'><params><param index='0'><value "
		 "is-null='true'/></param></params></test-method>"),
	  { "\"params\":[\"a\"]", "\"params\":[\"null\"]" } },
	{ "3.5 text of a param may be plain",
	  TESTNG("<test-method status='PASS' name='m'><params><param "
		 "index='0'><value>plain</value></param></params></test-method>"),
	  { "\"params\":[\"plain\"]" } },
	{ "3.5 the hash of the instance is no part of the key",
	  TESTNG("<test-method status='PASS' name='m' signature='m()[pri:0, instance:p.C@7a79be86]'/>"),
	  { "!7a79be86" } },
	{ "3.5 config methods are no tests; one that failed is said",
	  TESTNG("<test-method status='FAIL' name='setUp' is-config='true'/><test-method status='SKIP' "
		 "name='m'/>"),
	  { "\"name\":\"m\"", "!\"name\":\"setUp\"", "the configuration method setUp failed" } },
	{ "3.5 a retried attempt (7.0)",
	  TESTNG("<test-method status='SKIP' name='m' retried='true'/><test-method status='PASS' name='m'/>"),
	  { "[\"retried\",\"true\"]", "\"status\":\"skipped\"", "\"status\":\"passed\"" } },
	{ "3.5 a retry of old: a plain skip, then the pass (testng#1166)",
	  TESTNG("<test-method status='SKIP' name='m'/><test-method status='PASS' name='m'/>"),
	  { "\"id\":\"p.C.m\",\"status\":\"skipped\"", "\"id\":\"p.C.m\",\"status\":\"passed\"" } },
	{ "3.5 a method's local time with a Z, its suite in UTC (testng#489)",
	  "<testng-results><suite name='S' started-at='2024-01-02T12:10:57Z' "
	  "finished-at='2024-01-02T12:11:58Z'><test name='T' "
	  "started-at='2024-01-02T12:10:57Z' finished-at='2024-01-02T12:11:58Z'><class name='c'><test-method "
	  "status='PASS' name='m' "
	  "started-at='2024-01-02T14:10:57Z' duration-ms='3'/></class></test></suite></testng-results>",
	  { AT("2024-01-02T12:10:57.000Z"), "\"duration_ms\":3" } },
	{ "3.5 a zone by abbreviation",
	  TESTNG("<test-method status='PASS' name='m' started-at='2024-01-02T03:04:05 CET'/>"),
	  { AT("2024-01-02T02:04:05.000Z") } },
	{ "3.5 a class beneath several tests, a test of one name in two suites",
	  "<testng-results><suite name='A'><test name='T'><class name='c'><test-method status='PASS' "
	  "name='m'/></class></test><test "
	  "name='U'><class name='c'><test-method status='PASS' name='m'/></class></test></suite><suite "
	  "name='B'><test name='T'><class "
	  "name='c'><test-method status='PASS' name='m'/></class></test></suite></testng-results>",
	  { "\"suite\":[\"A\",\"T\"]", "\"suite\":[\"A\",\"U\"]", "\"suite\":[\"B\",\"T\"]" } },
	{ "3.5 the name of the data provider (testng#181)",
	  TESTNG("<test-method status='PASS' name='m' data-provider='dp'/>"),
	  { "[\"data-provider\",\"dp\"]" } },
	{ "3.5 output and attributes of a method",
	  TESTNG("<test-method status='PASS' "
		 "name='m'><reporter-output><line><![CDATA[a]]></line><line>b</line></"
		 "reporter-output><attributes>"
		 "<attribute "
		 "name='k'><![CDATA[v]]></attribute></attributes><custom-attributes><custom-attribute "
		 "name='x' value='y'/>"
		 "</custom-attributes></test-method>"),
	  { "\"stdout\":\"a\\nb\"", "[\"k\",\"v\"]" } },
	{ "3.5 description, dependencies, instance",
	  TESTNG("<test-method status='PASS' name='m' description='d' depends-on-methods='p.C.a' "
		 "depends-on-groups='g' "
		 "test-instance-name='i'/>"),
	  { "[\"description\",\"d\"]", "[\"depends-on-methods\",\"p.C.a\"]", "[\"depends-on-groups\",\"g\"]",
	    "\"params\":[\"i\"]" } },
	{ "3.5 short and full trace: the full one",
	  TESTNG("<test-method status='FAIL' name='m'><exception "
		 "class='E'><short-stacktrace>s</short-stacktrace><full-stacktrace>"
		 "<![CDATA[f]]></full-stacktrace></exception></test-method>"),
	  { "\"detail\":\"f\"" } },
};

/* ---- what is not a row ---- */

static void a_long_name_keeps_its_end_apart(void **state)
{
	struct buf b = BUF_LIMIT(8 << 20);
	struct parser_options options = { .now_ms = NOW, .limits = { .attribute = 64 << 10 } };

	(void)state;
	buf_puts(&b, "<testsuite>");
	for (int i = 0; i < 2; i++) {
		buf_puts(&b, "<testcase name='");
		for (int k = 0; k < 10000; k++)
			buf_puts(&b, "parameter ");
		buf_printf(&b, "%d'/>", i);
	}
	buf_puts(&b, "</testsuite>");
	struct reading x = read_bytes(&options, b.data, b.len, 0, 0);
	assert_int_equal(x.outcome, PARSER_GOOD);
	assert_int_equal(x.stats.cases, 2);
	char *one = reading_line(&x, 0), *two = reading_line(&x, 1);
	assert_string_not_equal(one, two);
	assert_non_null(strstr(x.warnings.data, "longer than 65536 bytes"));
	free(one);
	free(two);
	reading_done(&x);
	buf_done(&b);
}

/* wide: bytes of a character. */
static void utf_16(bool big, bool mark, const char *declared)
{
	char xml[200];
	struct buf b = BUF_LIMIT(1 << 20);

	snprintf(xml, sizeof(xml),
		 "<?xml version=\"1.0\" encoding=\"%s\"?><testsuite name=\"s\"><testcase "
		 "name=\"n\"/></testsuite>",
		 declared);
	if (mark)
		buf_append(&b, big ? "\xfe\xff" : "\xff\xfe", 2);
	for (const char *s = xml; *s != '\0'; s++) {
		char wide[2] = { big ? '\0' : *s, big ? *s : '\0' };
		buf_append(&b, wide, 2);
	}
	for (size_t piece = 0; piece < 3; piece++) {
		struct reading x = read_bytes(NULL, b.data, b.len, piece, 0);
		if (x.outcome != PARSER_GOOD || x.stats.cases != 1)
			fail_msg("big %d, mark %d, %s, pieces of %zu: %d: %s", big, mark, declared, piece,
				 (int)x.outcome, x.err.text);
		assert_non_null(strstr(x.lines.data, "\"name\":\"n\""));
		reading_done(&x);
	}
	buf_done(&b);
}

static void utf_16_of_both_ends(void **state)
{
	(void)state;
	utf_16(false, true, "UTF-16"); /* TUnit */
	utf_16(true, true, "UTF-16");
	utf_16(false, false, "UTF-16LE");
	utf_16(true, false, "UTF-16BE");
	utf_16(false, true, "utf-8"); /* the mark is stronger */
}

static void a_zone_for_each_source(void **state)
{
	static const char xml[] = STAMP("2024-07-02T03:04:05");
	static const struct {
		const char *zone, *at;
	} row[] = {
		{ NULL, AT("2024-07-02T03:04:05.000Z") },
		{ "+09:00", AT("2024-07-01T18:04:05.000Z") },
		{ "Europe/Berlin", AT("2024-07-02T01:04:05.000Z") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct parser_options options = { .now_ms = NOW, .timezone = row[i].zone };
		struct reading x = read_bytes(&options, xml, sizeof(xml) - 1, 0, 0);
		if (strstr(x.lines.data, row[i].at) == NULL)
			fail_msg("%s: %s", row[i].zone, x.lines.data);
		reading_done(&x);
	}
}

int main(void)
{
	const struct row_table tables[] = { ROWS(scalars), ROWS(verdicts), ROWS(documents), ROWS(testng) };
	const struct CMUnitTest tests[] = {
		{ "3.2 name: longer than 64 KiB", a_long_name_keeps_its_end_apart, NULL, NULL, NULL },
		{ "3.2 timestamp: a policy for what has no zone", a_zone_for_each_source, NULL, NULL, NULL },
		{ "3.4 encoding UTF-16, both ends, with and without a mark", utf_16_of_both_ends, NULL, NULL,
		  NULL },
	};

	int failed = run_rows("field.md 3.2 to 3.5", tables, COUNT(tables));
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}

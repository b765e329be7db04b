/* SPDX-License-Identifier: Apache-2.0
 *
 * testng-results.xml: methods, rows of data, configuration, retries, both forms of time. */
#include "tests/unit/parsers/reading.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define IN(methods)                                                                                     \
	"<testng-results skipped=\"0\" failed=\"0\" total=\"1\" passed=\"1\"><reporter-output/><suite " \
	"name=\"S\" duration-ms=\"10\">"                                                                \
	"<test name=\"T\"><class name=\"p.C\">" methods "</class></test></suite></testng-results>"
#define STAMP(second) "2024-01-02T03:04:" second " UTC"
#define ROW(status, object, begin, end, retried)                                            \
	"<test-method status=\"" status                                                     \
	"\" name=\"m\" started-at=\"" STAMP(begin) "\" finished-at=\"" STAMP(               \
		end) "\" retried=\"" retried "\"><params><param index=\"0\"><value>" object \
		     "</value></param><param index=\"1\"><value>1</value></param></params></test-method>"
#define OF(name, instance, status)                                                        \
	"<test-method name=\"" name "\" signature=\"" name "()[pri:0, instance:" instance \
	"]\" status=\"" status "\"/>"

static void methods(void **state)
{
	static const struct dialect_row row[] = {
		{ "a passed one",
		  IN("<test-method status=\"PASS\" signature=\"m()[pri:0, instance:p.C@7a79be86]\" "
		     "name=\"m\" duration-ms=\"12\" "
		     "started-at=\"2024-01-02T03:04:05 UTC\" finished-at=\"2024-01-02T03:04:06 "
		     "UTC\"><reporter-output></reporter-output></test-method>"),
		  { "{\"suite\":[\"S\",\"T\"],\"class\":\"p.C\",\"name\":\"m\",\"id\":\"p.C.m\",\"status\":"
		    "\"passed\"",
		    "\"duration_ms\":12", "\"started_at\":\"2024-01-02T03:04:05.000Z\"", "!7a79be86",
		    "!stdout" } },
		{ "a failed one",
		  IN("<test-method status=\"FAIL\" name=\"m\" duration-ms=\"1\"><exception "
		     "class=\"java.lang.AssertionError\"><message><![CDATA[a <b>\nc]]></message>"
		     "<full-stacktrace><![CDATA[java.lang.AssertionError: a\n\tat "
		     "p.C.m(C.java:3)\n]]></full-stacktrace></exception></test-method>"),
		  { "\"status\":\"failed\"",
		    "\"failure\":{\"type\":\"java.lang.AssertionError\",\"message\":\"a "
		    "<b>\\nc\",\"detail\":\"java.lang.AssertionError: a\\n\\tat p.C.m(C.java:3)\"}" } },
		{ "a skipped one",
		  IN("<test-method status=\"SKIP\" name=\"m\"><exception "
		     "class=\"org.testng.SkipException\"><message>no</message></exception></test-method>"),
		  { "\"status\":\"skipped\"", "\"message\":\"no\"" } },
		{ "SUCCESS_PERCENTAGE_FAILURE",
		  IN("<test-method status=\"SUCCESS_PERCENTAGE_FAILURE\" name=\"m\"/>"),
		  { "\"status\":\"passed\"", "within the success percentage" } },
		{ "no status, one that nobody knows",
		  IN("<test-method name=\"m\"/><test-method name=\"n\" status=\"CREATED\"/>"),
		  { "\"status\":\"skipped\"", "!passed\"", "(2 x)" } },
		{ "passed with its exception",
		  IN("<test-method status=\"PASS\" name=\"m\"><exception "
		     "class=\"E\"><message>expected</message></exception></test-method>"),
		  { "\"status\":\"passed\"", "\"failure\":{\"type\":\"E\",\"message\":\"expected\"}" } },
		{ "both traces: the full one",
		  IN("<test-method status=\"FAIL\" name=\"m\"><exception "
		     "class=\"E\"><short-stacktrace>short</short-stacktrace><full-stacktrace>full</"
		     "full-stacktrace></exception></test-method>"
		     "<test-method status=\"FAIL\" name=\"n\"><exception "
		     "class=\"E\"><full-stacktrace>full</full-stacktrace><short-stacktrace>short</"
		     "short-stacktrace></exception></test-method>"
		     "<test-method status=\"FAIL\" name=\"o\"><exception "
		     "class=\"E\"><short-stacktrace>only</short-stacktrace></exception></test-method>"),
		  { "\"detail\":\"full\"", "\"detail\":\"only\"", "!short" } },
		{ "rows of a data provider",
		  IN("<test-method status=\"PASS\" name=\"m\" data-provider=\"dp\"><params><param "
		     "index=\"0\"><value><![CDATA[a & b]]></value></param><param index=\"1\"><value "
		     "is-null=\"true\"/></param>"
		     "<param index=\"2\">\n<value>\nplain\n</value></param><param "
		     "index=\"3\"><value><![CDATA[]]></value></param></params></test-method>"),
		  { "\"params\":[\"a & b\",\"null\",\"plain\",\"\"]", "[\"data-provider\",\"dp\"]" } },
		{ "instances of a factory",
		  IN("<test-method status=\"PASS\" name=\"m\" test-instance-name=\"one\"/>"),
		  { "\"params\":[\"one\"]" } },
		{ "what it depends on, groups, description",
		  IN("<test-method status=\"PASS\" name=\"m\" description=\"says C9\" groups=\"a, b\" "
		     "depends-on-methods=\"p.C.x\" depends-on-groups=\"g\"/>"),
		  { "[\"description\",\"says C9\"]", "[\"groups\",\"a, b\"]",
		    "[\"depends-on-methods\",\"p.C.x\"]", "[\"depends-on-groups\",\"g\"]", "!refs" } },
		{ "a retried attempt is a result of its own",
		  IN("<test-method status=\"SKIP\" name=\"m\" retried=\"true\"/><test-method status=\"PASS\" "
		     "name=\"m\"/>"),
		  { "\"status\":\"skipped\"", "\"status\":\"passed\"", "[\"retried\",\"true\"]" } },
		{ "a retry takes the parameters of the attempt before it, but for other rows",
		  IN(ROW("SKIP", "o.Row@1a2b", "10", "12", "true") ROW(
			  "SKIP", "o.Row@3c4d", "12", "15", "true") ROW("PASS", "o.Row@5e6f", "16", "17", "")
			     ROW("FAIL", "o.Row@7788", "18", "18", "")
				     ROW("SKIP", "a@b.example", "20", "22", "true")
					     ROW("PASS", "a@c.example", "23", "23", "")),
		  { "\"params\":[\"o.Row@1a2b\",\"1\"],\"id\":\"p.C.m\",\"status\":\"passed\"",
		    "\"params\":[\"o.Row@7788\",\"1\"],\"id\":\"p.C.m\",\"status\":\"failed\"", "!o.Row@3c4d",
		    "!o.Row@5e6f", "[\"a@b.example\"", "[\"a@c.example\"" } },
		{ "rows that are retried side by side stay apart",
		  IN(ROW("SKIP", "o.Row@1a2b", "10", "12", "true") ROW(
			  "SKIP", "o.Row@3c4d", "11", "13", "true") ROW("PASS", "o.Row@3c4d", "13", "14", "")
			     ROW("PASS", "o.Row@5e6f", "10", "10", "")),
		  { "[\"o.Row@1a2b\"", "[\"o.Row@3c4d\"", "[\"o.Row@5e6f\"" } },
		{ "instances of a factory that have no names",
		  IN(OF("m", "p.C@1a", "PASS") OF("m", "p.C@2b", "FAIL") OF("m", "p.C@3c", "PASS")
			     OF("n", "p.C@2b", "PASS")
				     OF("m", "p.C@2b",
					"PASS") "</class><class name=\"p.D\">" OF("m", "p.D@4d", "PASS")),
		  { "\"name\":\"m\",\"id\":\"p.C.m\",\"status\":\"passed\"",
		    "\"params\":[\"instance 2\"],\"id\":\"p.C.m\",\"status\":\"failed\"",
		    "\"params\":[\"instance 3\"],\"id\":\"p.C.m\",\"status\":\"passed\"",
		    "\"name\":\"n\",\"id\":\"p.C.n\"", "\"name\":\"m\",\"id\":\"p.D.m\"",
		    "\"params\":[\"instance 2\"],\"id\":\"p.C.m\",\"status\":\"passed\"", "!instance 1" } },
		{ "output",
		  IN("<test-method status=\"PASS\" "
		     "name=\"m\"><reporter-output><line><![CDATA[one]]></line>\n<line>two "
		     "[[ATTACHMENT|a.png]]</line></reporter-output></test-method>"),
		  { "\"stdout\":\"one\\ntwo [[ATTACHMENT|a.png]]\"", "{\"path\":\"a.png\"}" } },
		{ "layout around CDATA goes",
		  IN("<test-method status=\"FAIL\" name=\"m\">\n  <exception class=\"E\">\n    <message>\n"
		     "      <![CDATA[why]]>\n    </message>\n    <full-stacktrace>\n      <![CDATA[E: "
		     "why\nat x]]>\n"
		     "    </full-stacktrace>\n  </exception>\n  <reporter-output>\n    <line>\n      "
		     "<![CDATA[one]]>\n"
		     "    </line>\n    <line>\n      <![CDATA[two\n  deep]]>\n    </line>\n    <line>  as "
		     "is</line>\n"
		     "  </reporter-output></test-method>"),
		  { "\"message\":\"why\"", "\"detail\":\"E: why\\nat x\"",
		    "\"stdout\":\"one\\ntwo\\n  deep\\n  as is\"" } },
		{ "attributes",
		  IN("<test-method status=\"PASS\" name=\"m\"><attributes><attribute "
		     "name=\"test_id\"><![CDATA[C5]]></attribute><attribute name=\"nil\" is-null=\"true\"/>"
		     "<attribute name=\"password\">x1</attribute></attributes></test-method>"),
		  { "[[\"test_id\",\"C5\"],[\"password\",\"***\"]]", "\"refs\":[\"C5\"]", "!x1" } },
		{ "custom attributes",
		  IN("<test-method status=\"PASS\" name=\"m\"><custom-attributes><custom-attribute><name "
		     "value=\"testrail\"/><value value=\"C123\"/></custom-attribute>"
		     "<custom-attribute name=\"jira\" values=\"X-1\"/></custom-attributes></test-method>"),
		  { "[\"testrail\",\"C123\"]", "[\"jira\",\"X-1\"]", "\"refs\":[\"C123\"]" } },
		{ "custom attributes as TestNG writes them, and without a value",
		  IN("<test-method status=\"PASS\" name=\"m\"><custom-attributes><custom-attribute><name "
		     "value=\"test_id\"></name><value>\n  <![CDATA[[C123, "
		     "C124]]]>\n</value></custom-attribute>"
		     "<custom-attribute><name value=\"none\"></name><value><![CDATA[[]]]></value>"
		     "</custom-attribute></custom-attributes></test-method>"),
		  { "[[\"test_id\",\"C123, C124\"]]", "\"refs\":[\"C123\",\"C124\"]", "!none" } },
		{ "a bad duration",
		  IN("<test-method status=\"PASS\" name=\"m\" duration-ms=\"-5\"/>"),
		  { "!duration_ms", "the duration \"-5\" makes no sense" } },
	};

	(void)state;
	expect_rows(row, COUNT(row));
}

static void configuration_methods_are_no_results(void **state)
{
	struct reading x = read_text(IN(
		"<test-method status=\"FAIL\" name=\"setUp\" "
		"is-config=\"true\"><params><param><value>v</value></param></params><exception "
		"class=\"E\"><message>m</message>"
		"</exception><reporter-output><line>a</line><line>b</line></"
		"reporter-output><attributes><attribute name=\"a\">b</attribute></attributes></test-method>"
		"<test-method status=\"SKIP\" name=\"m\"/><test-method status=\"PASS\" name=\"tearDown\" "
		"is-config=\"true\"/>"));

	(void)state;
	assert_int_equal(x.outcome, PARSER_GOOD);
	assert_int_equal(x.stats.cases, 1);
	assert_int_equal(x.stats.skipped, 1);
	assert_int_equal(x.stats.config_methods, 2);
	assert_int_equal(x.stats.config_failed, 1);
	assert_null(strstr(x.lines.data, "setUp"));
	assert_null(strstr(x.lines.data, "properties"));
	assert_non_null(strstr(x.warnings.data, "the configuration method setUp failed"));
	reading_done(&x);
}

static void suites_and_tests_of_one_name(void **state)
{
	static const struct dialect_row row[] = {
		{ "a test of the same name in two suites",
		  "<testng-results><suite name=\"A\"><test name=\"T\"><class name=\"c\"><test-method "
		  "status=\"PASS\" name=\"m\"/></class></test></suite>"
		  "<suite name=\"B\"><test name=\"T\"><class name=\"c\"><test-method status=\"PASS\" "
		  "name=\"m\"/></class></test></suite></testng-results>",
		  { "\"suite\":[\"A\",\"T\"]", "\"suite\":[\"B\",\"T\"]" } },
		{ "a class beneath several tests",
		  "<testng-results><suite name=\"A\"><test name=\"T\"><class name=\"c\"><test-method "
		  "status=\"PASS\" name=\"m\"/></class></test>"
		  "<test name=\"U\"><class name=\"c\"><test-method status=\"FAIL\" "
		  "name=\"m\"/></class></test></suite></testng-results>",
		  { "\"suite\":[\"A\",\"T\"],\"class\":\"c\"", "\"suite\":[\"A\",\"U\"],\"class\":\"c\"" } },
		{ "groups are no tests",
		  "<testng-results><suite name=\"A\"><groups><group name=\"g\"><method signature=\"s\" "
		  "name=\"x\" class=\"c\"/></group></groups><test name=\"T\"><class name=\"c\">"
		  "<test-method status=\"PASS\" name=\"m\"/></class></test></suite></testng-results>",
		  { "\"name\":\"m\"", "!\"x\"" } },
		{ "a report in fragments",
		  "<testng-results><suite url=\"suite1.xml\"/><suite name=\"A\"><test "
		  "url=\"t.xml\"/></suite></testng-results>",
		  { "a part of the report is in another file: \"suite1.xml\" (2 x)" } },
		{ "nothing but the root", "<testng-results/>", { "!status" } },
		{ "no attributes",
		  "<testng-results><suite><test><class><test-method/></class></test></suite></"
		  "testng-results>",
		  { "{\"suite\":[],\"status\":\"skipped\"" } },
		{ "a prefix",
		  "<t:testng-results xmlns:t=\"u\"><t:suite name=\"A\"><t:test name=\"T\"><t:class "
		  "name=\"c\"><t:test-method status=\"PASS\" "
		  "name=\"m\"/></t:class></t:test></t:suite></t:testng-results>",
		  { "\"id\":\"c.m\",\"status\":\"passed\"" } },
	};

	(void)state;
	expect_rows(row, COUNT(row));
}

/* Up to 6.14: a method's local time with a Z behind it, in a suite whose time is right. */
static void a_local_time_that_says_utc(void **state)
{
	static const struct dialect_row row[] = {
		{ "two hours off",
		  "<testng-results><suite name=\"A\" started-at=\"2012-04-17T12:10:50Z\" "
		  "finished-at=\"2012-04-17T12:11:50Z\"><test name=\"T\" started-at=\"2012-04-17T12:10:57Z\" "
		  "finished-at=\"2012-04-17T12:11:49Z\"><class name=\"c\"><test-method status=\"PASS\" "
		  "name=\"m\" started-at=\"2012-04-17T14:10:58Z\"/><test-method status=\"PASS\" name=\"n\" "
		  "started-at=\"2012-04-17T12:11:00Z\"/></class></test></suite></testng-results>",
		  { "\"name\":\"m\",\"id\":\"c.m\",\"status\":\"passed\",\"flaky\":false,\"known_failure\":"
		    "false,\"started_at\":\"2012-04-17T12:10:58.000Z\"",
		    "\"started_at\":\"2012-04-17T12:11:00.000Z\"" } },
		{ "half an hour's zone, behind",
		  "<testng-results><suite name=\"A\" started-at=\"2012-04-17T12:10:50Z\" "
		  "finished-at=\"2012-04-17T12:11:50Z\"><test name=\"T\"><class name=\"c\"><test-method "
		  "status=\"PASS\" "
		  "name=\"m\" started-at=\"2012-04-17T08:41:00Z\"/></class></test></suite></testng-results>",
		  { "\"started_at\":\"2012-04-17T12:11:00.000Z\"" } },
		{ "simply wrong",
		  "<testng-results><suite name=\"A\" started-at=\"2012-04-17T12:10:50Z\" "
		  "finished-at=\"2012-04-17T12:10:55Z\"><test name=\"T\"><class name=\"c\"><test-method "
		  "status=\"PASS\" "
		  "name=\"m\" started-at=\"2012-04-17T12:17:00Z\"/></class></test></suite></testng-results>",
		  { "\"started_at\":\"2012-04-17T12:17:00.000Z\"" } },
		{ "two hours off, begun within the second before its suite",
		  "<testng-results><suite name=\"A\" started-at=\"2018-01-02T12:10:58Z\" "
		  "finished-at=\"2018-01-02T12:11:10Z\"><test name=\"T\" started-at=\"2018-01-02T12:10:58Z\" "
		  "finished-at=\"2018-01-02T12:11:10Z\"><class name=\"c\"><test-method status=\"PASS\" "
		  "name=\"m\" started-at=\"2018-01-02T14:10:57Z\"/><test-method status=\"PASS\" "
		  "name=\"n\" started-at=\"2018-01-02T07:10:57Z\"/></class></test></suite></testng-results>",
		  { "\"name\":\"m\",\"id\":\"c.m\",\"status\":\"passed\",\"flaky\":false,\"known_failure\":"
		    "false,\"started_at\":\"2018-01-02T12:10:57.000Z\"",
		    "\"name\":\"n\",\"id\":\"c.n\",\"status\":\"passed\",\"flaky\":false,\"known_failure\":"
		    "false,\"started_at\":\"2018-01-02T12:10:57.000Z\"" } },
		{ "newer: an abbreviation",
		  "<testng-results><suite name=\"A\"><test name=\"T\"><class name=\"c\"><test-method "
		  "status=\"PASS\" name=\"m\" started-at=\"2024-01-02T03:04:05 "
		  "CET\"/></class></test></suite></testng-results>",
		  { "\"started_at\":\"2024-01-02T02:04:05.000Z\"" } },
	};

	(void)state;
	expect_rows(row, COUNT(row));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(methods),
		cmocka_unit_test(configuration_methods_are_no_results),
		cmocka_unit_test(suites_and_tests_of_one_name),
		cmocka_unit_test(a_local_time_that_says_utc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

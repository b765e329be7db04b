/* SPDX-License-Identifier: Apache-2.0
 *
 * What each producer of JUnit XML does in its own way: one row a habit, named after who has it. */
#include "tests/unit/parsers/reading.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define X        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

static const struct dialect_row java[] = {

	{ "3.1 Ant: output and properties at suite level only, id and package, no variant from the host name",
	  X "<testsuites><testsuite hostname=\"box\" id=\"3\" name=\"FooTest\" package=\"org.x\" "
	    "tests=\"1\"><properties>"
	    "<property name=\"a\" value=\"b\"/></properties><testcase classname=\"org.x.FooTest\" name=\"t\" "
	    "time=\"0\"/>"
	    "<system-out>o</system-out><system-err>e</system-err></testsuite></testsuites>",
	  { "\"id\":\"org.x.FooTest.t\"", "!stdout", "!stderr", "!variant", "!box" } },
	{ "3.1 Gradle: the display name instead of the class's",
	  X "<testsuite name=\"Cart, when empty\" tests=\"1\"><testcase name=\"adds an item\" "
	    "classname=\"shop.CartTest$WhenEmpty\" time=\"0.01\"/></testsuite>",
	  { "\"suite\":[\"Cart, when empty\"]", "\"id\":\"shop.CartTest$WhenEmpty.adds an item\"" } },
	{ "3.1 Gradle of old: a stamp without zone is UTC",
	  X "<testsuite name=\"B\" timestamp=\"2024-01-02T03:04:05\" hostname=\"box\"><testcase name=\"t\" "
	    "classname=\"a.B\" time=\"0.0\"/></testsuite>",
	  { "\"started_at\":\"2024-01-02T03:04:05.000Z\"", "!variant" } },
	{ "3.1 Gradle: rows of two methods with one name are two results",
	  X "<testsuite name=\"B\" tests=\"2\"><testcase name=\"[1] a\" classname=\"a.B\" "
	    "time=\"0.1\"/><testcase "
	    "name=\"[1] a\" classname=\"a.B\" time=\"0.2\"><failure message=\"m\"/></testcase></testsuite>",
	  { "\"duration_ms\":100", "\"duration_ms\":200", "\"status\":\"failed\"", "\"status\":\"passed\"",
	    "!header" } },
	{ "3.1 Ant: properties of the whole JVM, output of the suite only",
	  X "<testsuite errors=\"0\" failures=\"1\" hostname=\"box\" name=\"org.x.FooTest\" "
	    "tests=\"1\" time=\"0.4\" "
	    "timestamp=\"2024-01-02T03:04:05\" id=\"0\" package=\"org.x\"><properties><property "
	    "name=\"java.home\" "
	    "value=\"/opt\"/><property name=\"db.password\" value=\"hunter2\"/></properties>"
	    "<testcase classname=\"org.x.FooTest\" name=\"bar\" time=\"0.02\"><failure message=\"no\" "
	    "type=\"junit.framework.AssertionFailedError\">junit.framework.AssertionFailedError: "
	    "no\n\tat Foo</failure>"
	    "</testcase><system-out><![CDATA[hello]]></system-out></testsuite>",
	  { "\"suite\":[\"org.x.FooTest\"]", "\"id\":\"org.x.FooTest.bar\"", "\"status\":\"failed\"",
	    "\"started_at\":\"2024-01-02T03:04:05.000Z\"",
	    "\"type\":\"junit.framework.AssertionFailedError\"", "!hunter2", "!hello", "!variant" } },
	{ "3.1 Ant: a class that failed to load",
	  X "<testsuites><testsuite name=\"a.B\" errors=\"1\" tests=\"0\"><error message=\"boom\" "
	    "type=\"java.lang.NoClassDefFoundError\">trace</error></testsuite></testsuites>",
	  { "<error> belongs to a suite and not to a test case: a.B: boom", "!\"status\"" } },
	{ "3.1 Ant's junitlauncher: an assumption that did not hold",
	  X "<testsuite name=\"a.B\" tests=\"1\" failures=\"0\" skipped=\"0\" aborted=\"1\"><testcase "
	    "classname=\"a.B\" name=\"assumes()\" time=\"0.068\"><aborted message=\"Assumption failed: no\" "
	    "type=\"org.opentest4j.TestAbortedException\"><![CDATA[trace]]></aborted></testcase></testsuite>",
	  { "\"status\":\"skipped\"",
	    "\"failure\":{\"type\":\"org.opentest4j.TestAbortedException\",\"message\":\"Assumption failed: "
	    "no\",\"detail\":\"trace\"}",
	    "!properties" } },
	{ "3.1 JUnit Platform console: references in the name that is shown",
	  X "<testsuite name=\"JUnit Jupiter\"><testcase name=\"t()\" classname=\"a.B\"><system-out>"
	    "<![CDATA[\nunique-id: [engine:junit-jupiter]/[class:a.B]/[method:t()]\ndisplay-name: C41 adds "
	    "[C42]"
	    "\n]]></system-out><system-out>x</system-out></testcase><testcase name=\"u()\" classname=\"a.B\">"
	    "<system-out>said: x\ndisplay-name: C43\n</system-out></testcase></testsuite>",
	  { "\"refs\":[\"C42\",\"C41\"]", "!\"C43\"" } },
	{ "3.1 Surefire: thousands in the time, xsi attributes",
	  X "<testsuite xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
	    "xsi:noNamespaceSchemaLocation=\"x.xsd\" "
	    "name=\"a.B\" time=\"2,120.532\" tests=\"1\"><testcase name=\"t\" classname=\"a.B\" "
	    "time=\"2,120.532\"/></testsuite>",
	  { "\"duration_ms\":2120532", "!properties", "!makes no sense" } },
	{ "3.1 Surefire: header counts include reruns",
	  X "<testsuite name=\"a.B\" tests=\"6\" errors=\"0\" failures=\"0\"><testcase name=\"t\" "
	    "classname=\"a.B\"/></testsuite>",
	  { "the header says 6 tests, there are 1", "\"status\":\"passed\"" } },
	{ "3.1 Surefire: flaky with stackTrace and output in the last",
	  X "<testsuite name=\"a.B\"><testcase name=\"t\" classname=\"a.B\" "
	    "time=\"0.1\"><flakyFailure message=\"m1\" "
	    "type=\"T1\"><stackTrace><![CDATA[st1]]></stackTrace></flakyFailure><flakyError "
	    "type=\"T2\"><stackTrace>st2"
	    "</stackTrace><system-out>o2</system-out><system-err>e2</system-err></flakyError></"
	    "testcase></testsuite>",
	  { "\"status\":\"passed\",\"flaky\":true",
	    "\"attempts\":[{\"status\":\"failed\",\"failure\":{\"type\":\"T1\","
	    "\"message\":\"m1\",\"detail\":\"st1\"}},{\"status\":\"error\",\"failure\":{\"type\":"
	    "\"T2\",\"detail\":\"st2\"},"
	    "\"stdout\":\"o2\",\"stderr\":\"e2\"},{\"status\":\"passed\",\"duration_ms\":100}]" } },
	{ "3.1 Surefire: failed in every rerun",
	  X "<testsuite name=\"a.B\"><testcase name=\"t\" classname=\"a.B\"><failure "
	    "message=\"first\"/><rerunFailure "
	    "message=\"second\"/><rerunError "
	    "message=\"third\"><stackTrace>x</stackTrace></rerunError></testcase></testsuite>",
	  { "\"status\":\"failed\",\"flaky\":false",
	    "\"failure\":{\"message\":\"first\"},\"attempts\":[{\"status\":\"failed\","
	    "\"failure\":{\"message\":\"first\"}},{\"status\":\"failed\",\"failure\":{\"message\":"
	    "\"second\"}},"
	    "{\"status\":\"error\",\"failure\":{\"message\":\"third\",\"detail\":\"x\"}}]" } },
	{ "3.1 Surefire: U+FFFE in CDATA",
	  X "<testsuite name=\"a\"><testcase "
	    "name=\"t\"><failure><![CDATA[x\xef\xbf\xbey]]></failure></testcase></testsuite>",
	  { "\"detail\":\"x\xef\xbf\xbdy\"" } },
	{ "3.1 Surefire 2: no time",
	  X "<testsuite name=\"a\"><testcase name=\"t\" classname=\"a\"/></testsuite>",
	  { "!duration_ms", "\"status\":\"passed\"" } },
	{ "3.1 JUnit Platform console: thousands, unique ids in the output",
	  X "<testsuite name=\"JUnit Jupiter\" tests=\"1\" time=\"14,029.255\"><testcase "
	    "name=\"t()\" classname=\"a.B\" "
	    "time=\"14,029.255\"><system-out><![CDATA[\nunique-id: "
	    "[engine:junit-jupiter]/[class:a.B]/[method:t()]\n"
	    "display-name: t()\n]]></system-out></testcase></testsuite>",
	  { "\"duration_ms\":14029255", "unique-id: [engine:junit-jupiter]/[class:a.B]",
	    "\"name\":\"t()\"" } },
	{ "3.1 Gradle: reruns are repeated cases, instants with fraction",
	  X "<testsuite name=\"B\" tests=\"2\" timestamp=\"2024-01-02T03:04:05.678Z\"><testcase "
	    "name=\"t\" classname=\"a.B\">"
	    "<failure message=\"m\" type=\"T\">d</failure></testcase><testcase name=\"t\" "
	    "classname=\"a.B\"/></testsuite>",
	  { "\"started_at\":\"2024-01-02T03:04:05.678Z\"", "\"status\":\"failed\"", "\"status\":\"passed\"",
	    "!attempts" } },
	{ "3.1 Eclipse: testrun",
	  X "<testrun name=\"x\" tests=\"1\"><testsuite name=\"a\"><testcase name=\"t\" "
	    "classname=\"a\" "
	    "incomplete=\"true\"/><testcase name=\"u\" classname=\"a\" "
	    "ignored=\"true\"/></testsuite></testrun>",
	  { "\"suite\":[\"a\"]", "\"id\":\"a.t\",\"status\":\"skipped\"",
	    "\"id\":\"a.u\",\"status\":\"skipped\"" } },
	{ "3.1 Android's Gradle plugin: the device is a property beside flavor and project",
	  X
	  "<testsuites><testsuite name=\"a.B\"><properties><property name=\"device\" value=\"Pixel_3a - "
	  "11\"/>"
	  "<property name=\"flavor\" value=\"\"/><property name=\"project\" value=\":app\"/></properties>"
	  "<testcase name=\"t\" classname=\"a.B\"/></testsuite><testsuite name=\"a.C\"><properties><property "
	  "name=\"device\" value=\"/dev/sda\"/></properties><testcase name=\"u\" "
	  "classname=\"a.C\"/></testsuite>"
	  "</testsuites>",
	  { "\"name\":\"t\",\"variant\":\"Pixel_3a - 11\"", "!/dev/sda" } },
	{ "3.1 Eclipse: what was expected and what came, each in its line",
	  X "<testrun><testsuite name=\"a\"><testcase name=\"t\" "
	    "classname=\"a\"><failure><expected>one</expected>"
	    "<actual>two</actual><trace>org.junit.ComparisonFailure: x\n\tat y\n</trace></failure></testcase>"
	    "<testcase name=\"u\" classname=\"a\"><error>\n      <expected>three</expected>\n      "
	    "<actual>four</actual>\n      tail\n    </error></testcase></testsuite></testrun>",
	  { "\"detail\":\"one\\ntwo\\norg.junit.ComparisonFailure: x\\n\\tat y\"",
	    "\"detail\":\"three\\nfour\\n" } },
	{ "3.1 ScalaTest: words for names",
	  X "<testsuite name=\"S\"><testcase classname=\"S\" name=\"(It is not a test)\"/></testsuite>",
	  { "\"name\":\"(It is not a test)\"", "!refs" } },
	{ "3.1 kotest: microseconds",
	  X "<testsuite name=\"S\"><testcase classname=\"S\" name=\"t\" "
	    "time=\"80.803us\"/></testsuite>",
	  { "\"duration_ms\":0.081" } },
};

static const struct dialect_row python[] = {

	{ "3.1 pytest: an error at teardown is a second case of the name",
	  X "<testsuites><testsuite name=\"pytest\" errors=\"1\" failures=\"0\" tests=\"2\"><testcase "
	    "classname=\"t\" "
	    "name=\"x\" time=\"0.1\"/><testcase classname=\"t\" name=\"x\" time=\"0.1\"><error "
	    "message=\"failed on "
	    "teardown with &quot;E&quot;\">tb</error></testcase></testsuite></testsuites>",
	  { "\"id\":\"t.x\",\"status\":\"passed\"", "\"id\":\"t.x\",\"status\":\"error\"", "!header" } },
	{ "3.1 pytest: a parameter of any length and sort in the name",
	  X "<testsuite name=\"pytest\"><testcase classname=\"t\" name=\"test_x[{&quot;a&quot;: [1, "
	    "2]}-\\x00-&#10;]\" "
	    "time=\"0\"/></testsuite>",
	  { "\"name\":\"test_x[{\\\"a\\\": [1, 2]}-\\\\x00-\\n]\"", "!refs" } },
	{ "3.1 Robot: suites are nested now",
	  X "<testsuite name=\"Root\" tests=\"2\" errors=\"0\" failures=\"1\" skipped=\"0\" time=\"0.1\" "
	    "timestamp=\"2024-01-02T03:04:05.123000\"><testsuite name=\"Sub\" tests=\"1\" errors=\"0\" "
	    "failures=\"0\" "
	    "skipped=\"0\" time=\"0.05\"><testcase classname=\"Root.Sub\" name=\"One\" "
	    "time=\"0.05\"/></testsuite>"
	    "<testcase classname=\"Root\" name=\"Two\" time=\"0.05\"><failure message=\"no\" "
	    "type=\"AssertionError\"/>"
	    "</testcase><properties><property name=\"Documentation\" value=\"d\"/></properties></testsuite>",
	  { "\"suite\":[\"Root\",\"Sub\"],\"class\":\"Root.Sub\",\"name\":\"One\"",
	    "\"suite\":[\"Root\"],\"class\":\"Root\",\"name\":\"Two\"", "!header" } },
	{ "3.1 pytest: xfail is skipped",
	  X "<testsuites><testsuite name=\"pytest\" errors=\"0\" failures=\"0\" skipped=\"1\" "
	    "tests=\"1\" time=\"0.1\" "
	    "timestamp=\"2024-01-02T03:04:05.123456\" hostname=\"box\"><testcase "
	    "classname=\"tests.test_a\" name=\"test_x[1-a]\" "
	    "time=\"0.001\"><skipped type=\"pytest.xfail\" message=\"bug "
	    "12\"/></testcase></testsuite></testsuites>",
	  { "\"suite\":[\"pytest\"]", "\"class\":\"tests.test_a\"", "\"name\":\"test_x[1-a]\"",
	    "\"status\":\"skipped\"", "\"failure\":{\"type\":\"pytest.xfail\",\"message\":\"bug 12\"}",
	    "\"started_at\":\"2024-01-02T03:04:05.123Z\"" } },
	{ "3.1 pytest: collection error",
	  X "<testsuites><testsuite name=\"pytest\"><testcase classname=\"\" name=\"tests.test_b\" "
	    "time=\"0.000\"><error "
	    "message=\"collection failure\">ImportError</error></testcase></testsuite></testsuites>",
	  { "\"status\":\"error\"", "\"message\":\"collection failure\"", "\"id\":\"tests.test_b\"" } },
	{ "3.1 pytest: failure and error of one test",
	  X "<testsuite name=\"pytest\"><testcase classname=\"t\" name=\"x\"><failure "
	    "message=\"assert\">fd</failure><error message=\"failed "
	    "on teardown\">ed</error></testcase></testsuite>",
	  { "\"status\":\"error\"",
	    "\"failure\":{\"message\":\"failed on teardown\",\"detail\":\"ed\\n\\nassert\\nfd\"}" } },
	{ "3.1 pytest: #x1B as text, no CDATA",
	  X "<testsuite name=\"pytest\"><testcase classname=\"t\" name=\"x\"><failure "
	    "message=\"#x1B[1m\">&lt;a&gt; &amp; #x1B[0m</failure>"
	    "</testcase></testsuite>",
	  { "\"message\":\"#x1B[1m\"", "<a> & #x1B[0m" } },
	{ "3.1 pytest xunit1: file and line",
	  X "<testsuite name=\"pytest\"><testcase classname=\"t\" file=\"tests/t.py\" line=\"12\" "
	    "name=\"x\"/><testcase classname=\"t\" "
	    "file=\"tests/t.py\" line=\"0\" name=\"y\"/></testsuite>",
	  { "\"file\":\"tests/t.py\",\"line\":12}", "\"file\":\"tests/t.py\"}" } },
	{ "3.1 pytest: properties of a test",
	  X "<testsuite name=\"pytest\"><testcase classname=\"t\" name=\"x\"><properties><property "
	    "name=\"test_id\" value=\"C7\"/>"
	    "<property name=\"api_token\" value=\"s3cret\"/></properties></testcase></testsuite>",
	  { "[\"test_id\",\"C7\"]", "\"refs\":[\"C7\"]", "[\"api_token\",\"***\"]", "!s3cret" } },
	{ "3.1 unittest-xml-reporting: utf8, skip reason as text",
	  "<?xml version=\"1.0\" encoding=\"utf8\"?><testsuite name=\"U\"><testcase classname=\"t\" "
	  "name=\"x\"><skipped>not "
	  "today</skipped></testcase></testsuite>",
	  { "\"status\":\"skipped\"", "\"detail\":\"not today\"" } },
	{ "3.1 Robot of old: one suite, errors always 0",
	  X "<testsuite name=\"Suite\" tests=\"1\" errors=\"0\" failures=\"1\" skipped=\"0\" "
	    "time=\"0.1\"><testcase classname=\"Suite.Sub "
	    "Suite\" name=\"Case One\" time=\"0.02\"><failure message=\"1 != 2\" "
	    "type=\"AssertionError\"></failure></testcase></testsuite>",
	  { "\"id\":\"Suite.Sub Suite.Case One\"",
	    "\"failure\":{\"type\":\"AssertionError\",\"message\":\"1 != 2\"}" } },
	{ "3.1 cocotb: error_type and error_msg, lineno, properties right in the suite",
	  X "<testsuites name=\"results\"><testsuite name=\"all\" package=\"all\"><property "
	    "name=\"random_seed\" value=\"17\"/><testcase name=\"t\" classname=\"test_dff\" "
	    "file=\"/p/test_dff.py\" lineno=\"12\" time=\"0.1\"><failure error_type=\"AssertionError\" "
	    "error_msg=\"q was 1\"/></testcase></testsuite></testsuites>",
	  { "\"status\":\"failed\"", "\"failure\":{\"type\":\"AssertionError\",\"message\":\"q was 1\"}",
	    "\"file\":\"/p/test_dff.py\",\"line\":12}", "!properties" } },
	{ "3.1 behave: undefined steps as failures, status",
	  X "<testsuite name=\"f\" tests=\"1\" failures=\"1\" skipped=\"0\"><testcase "
	    "classname=\"f.F\" name=\"s\" status=\"failed\" "
	    "time=\"0.1\"><failure type=\"undefined\" message=\"No "
	    "Message\"><![CDATA[...]]></failure></testcase></testsuite>",
	  { "\"status\":\"failed\"", "\"detail\":\"...\"" } },
};

static const struct dialect_row javascript[] = {

	{ "3.1 jest-junit: a stamp cut to seconds, without zone, is UTC",
	  X "<testsuites name=\"jest tests\"><testsuite name=\"s\" timestamp=\"2024-01-02T03:04:05\" "
	    "time=\"0.5\"><testcase "
	    "classname=\"c\" name=\"n\" time=\"0.001\"/></testsuite></testsuites>",
	  { "\"started_at\":\"2024-01-02T03:04:05.000Z\"", "\"suite\":[\"s\"]" } },
	{ "3.1 mocha: no errors, no skipped where it is 0; pending tests are left out",
	  X "<testsuites name=\"Mocha Tests\" time=\"0.1\" tests=\"3\" failures=\"1\"><testsuite name=\"s\" "
	    "tests=\"3\" "
	    "failures=\"1\" time=\"0.1\"><testcase name=\"s a\" classname=\"a\" time=\"0\"/><testcase "
	    "name=\"s b\" "
	    "classname=\"b\" time=\"0\"><failure message=\"m\" "
	    "type=\"AssertionError\"><![CDATA[AssertionError: m\n"
	    "    at x]]></failure></testcase><testcase name=\"s c\" classname=\"c\" "
	    "time=\"0\"><skipped/></testcase>"
	    "</testsuite></testsuites>",
	  { "!header", "\"status\":\"skipped\"", "\"status\":\"failed\"", "\"status\":\"passed\"" } },
	{ "3.1 Playwright: retries by Surefire's elements (includeRetries)",
	  X "<testsuites id=\"\" name=\"\"><testsuite name=\"a.spec.ts\" hostname=\"chromium\"><testcase "
	    "name=\"n\" "
	    "classname=\"a.spec.ts\" time=\"1\"><flakyFailure message=\"m\" type=\"FAILURE\" "
	    "time=\"0.5\"><stackTrace>"
	    "<![CDATA[st]]></stackTrace><system-out><![CDATA[[[ATTACHMENT|r1.png]]]]></system-out></"
	    "flakyFailure>"
	    "</testcase></testsuite></testsuites>",
	  { "\"status\":\"passed\",\"flaky\":true", "\"variant\":\"chromium\"", "\"detail\":\"st\"",
	    "{\"path\":\"r1.png\"}" } },
	{ "3.1 node:test: a suite counts as one test of its outer one",
	  X "<testsuites><testsuite name=\"outer\" tests=\"2\" failures=\"0\"><testsuite name=\"inner\" "
	    "tests=\"1\" "
	    "failures=\"0\"><testcase name=\"a\" classname=\"test\"/></testsuite><testcase name=\"b\" "
	    "classname=\"test\"/>"
	    "</testsuite></testsuites>",
	  { "\"suite\":[\"outer\",\"inner\"]", "\"suite\":[\"outer\"]", "!started_at" } },
	{ "3.1 jest-junit: suite undefined, failures without attributes, empty skip",
	  X "<testsuites name=\"jest tests\" tests=\"2\"><testsuite name=\"undefined\" errors=\"0\" "
	    "timestamp=\"2024-01-02T03:04:05\">"
	    "<testcase classname=\"a b\" name=\"a b\" "
	    "time=\"0.002\"><failure>one</failure><failure>two</failure></testcase>"
	    "<testcase classname=\"c\" name=\"c\" "
	    "time=\"0\"><skipped/></testcase></testsuite></testsuites>",
	  { "\"suite\":[\"undefined\"]", "\"detail\":\"one\\n\\ntwo\"", "\"status\":\"skipped\"",
	    "!jest tests" } },
	{ "3.1 jest-junit: a suite that failed to run",
	  X "<testsuites><testsuite name=\"x\" errors=\"1\"><testcase classname=\"Test suite failed "
	    "to run\" name=\"\" time=\"0\"><error>Cannot "
	    "find module</error></testcase></testsuite></testsuites>",
	  { "\"status\":\"error\"", "\"id\":\"Test suite failed to run\"", "!\"name\":" } },
	{ "3.1 jest-junit of old: ESC in the text",
	  X "<testsuite name=\"x\"><testcase classname=\"c\" "
	    "name=\"n\"><failure>\x1b[31mExpected\x1b[39m 1</failure></testcase></testsuite>",
	  { "\"detail\":\"Expected 1\"" } },
	{ "3.1 mocha: classname is the title, name the full title; empty Root Suite",
	  X "<testsuites name=\"Mocha Tests\"><testsuite name=\"Root Suite\" "
	    "timestamp=\"2024-01-02T03:04:05\" tests=\"0\"></testsuite>"
	    "<testsuite name=\"login\" file=\"cypress/e2e/login.cy.js\"><testcase name=\"login "
	    "works\" time=\"1.000\" classname=\"works\">"
	    "</testcase></testsuite></testsuites>",
	  { "\"class\":\"works\",\"name\":\"login works\"", "\"file\":\"cypress/e2e/login.cy.js\"",
	    "\"suite\":[\"login\"]" } },
	{ "3.1 Playwright: the project is the hostname",
	  X "<testsuites id=\"\" name=\"\" tests=\"2\"><testsuite name=\"a.spec.ts\" "
	    "timestamp=\"2024-01-02T03:04:05.000Z\" hostname=\"chromium\" "
	    "tests=\"1\"><testcase name=\"works\" classname=\"a.spec.ts\" "
	    "time=\"1\"/></testsuite><testsuite name=\"a.spec.ts\" "
	    "hostname=\"firefox\" tests=\"1\"><testcase name=\"works\" classname=\"a.spec.ts\" "
	    "time=\"1\"/></testsuite></testsuites>",
	  { "\"variant\":\"chromium\"", "\"variant\":\"firefox\"" } },
	{ "3.1 Playwright: a reference in a title inside a describe",
	  X "<testsuites id=\"\" name=\"\"><testsuite name=\"a.spec.ts\" hostname=\"\"><testcase "
	    "name=\"login › C123: works\" classname=\"a.spec.ts\"/><testcase name=\"C7 login › as admin › "
	    "works\" "
	    "classname=\"a.spec.ts\"/><testcase name=\"as admin C8 › works\" classname=\"a.spec.ts\"/>"
	    "<testcase name=\"a › the C64 emulator starts › b\" "
	    "classname=\"a.spec.ts\"/></testsuite></testsuites>",
	  { "\"refs\":[\"C123\"]", "\"refs\":[\"C7\"]", "\"refs\":[\"C8\"]", "!\"C64\"" } },
	{ "3.1 vitest: a reference in a title inside a describe",
	  X "<testsuites name=\"vitest tests\"><testsuite name=\"a.test.ts\"><testcase "
	    "name=\"login &gt; C123: works\" classname=\"a.test.ts\"/><testcase name=\"the C64 emulator "
	    "starts\" "
	    "classname=\"a.test.ts\"/></testsuite><testsuite name=\"S\"><testcase name=\"a &gt; C65 b\" "
	    "classname=\"S\"/></testsuite></testsuites>",
	  { "\"refs\":[\"C123\"]", "!\"C64\"", "!\"C65\"" } },
	{ "3.1 mocha: a reference in a title inside a describe",
	  X "<testsuites name=\"Mocha Tests\"><testsuite name=\"login\"><testcase name=\"login C123: works\" "
	    "classname=\"C123: works\"/><testcase name=\"the C64 emulator starts\" classname=\"emulator "
	    "starts\"/>"
	    "<testcase name=\"the C65 starts\" classname=\"65 starts\"/></testsuite></testsuites>",
	  { "\"refs\":[\"C123\"]", "!\"C64\"", "!\"C65\"" } },
	{ "3.1 jest-junit: a reference in a title inside a describe",
	  X "<testsuites name=\"jest tests\"><testsuite name=\"login\"><testcase name=\"login C123: works\" "
	    "classname=\"login C123: works\"/><testcase name=\"log C64 in\" classname=\"log C64 in\"/>"
	    "<testcase name=\"login C65 starts\" classname=\"Other\"/></testsuite></testsuites>",
	  { "\"refs\":[\"C123\"]", "!\"C64\"", "!\"C65\"" } },
	{ "3.1 Playwright: attachments in the output, annotations as properties",
	  X "<testsuites id=\"\" name=\"\"><testsuite name=\"a.spec.ts\" hostname=\"\"><testcase "
	    "name=\"s › works\" classname=\"a.spec.ts\">"
	    "<properties><property name=\"issue\" value=\"X-1\"></property><property "
	    "name=\"text\">in the body</property>"
	    "<property name=\"skip\" "
	    "value=\"\"></property></properties><system-out><![CDATA[\n[[ATTACHMENT|../test-results/"
	    "a b/trace.zip]]\n"
	    "[[ATTACHMENT|shot.png]]\n]]></system-out></testcase></testsuite></testsuites>",
	  { "\"evidence\":[{\"path\":\"../test-results/a b/trace.zip\"},{\"path\":\"shot.png\"}]",
	    "[\"issue\",\"X-1\"]", "[\"text\",\"in the body\"]", "[\"skip\",\"\"]", "!variant" } },
	{ "3.1 Playwright, Xray: evidence in the report",
	  X "<testsuite name=\"a\"><testcase name=\"n\" classname=\"c\"><properties><property "
	    "name=\"testrun_evidence\">\n<item name=\"a.png\">"
	    "iVBO\n  Rw==</item>\n<item "
	    "name=\"b.txt\">aGk=</item>\n</property></properties></testcase></testsuite>",
	  { "\"evidence\":[{\"path\":\"data:;base64,iVBORw==\",\"name\":\"a.png\"},{\"path\":\"data:;"
	    "base64,aGk=\",\"name\":\"b.txt\"}]" } },
	{ "3.1 Playwright of old: epoch for a stamp, output of the suite",
	  X "<testsuites id=\"\" name=\"\"><testsuite name=\"a.spec.ts\" timestamp=\"1631177140166\" "
	    "hostname=\"\"><testcase name=\"n\" "
	    "classname=\"x\"/><system-out>all of it</system-out></testsuite></testsuites>",
	  { "\"started_at\":\"2021-09-09T08:45:40.166Z\"", "!all of it" } },
	{ "3.1 vitest: hostname is a host",
	  X "<testsuites name=\"vitest tests\" tests=\"1\"><testsuite name=\"src/a.test.ts\" "
	    "hostname=\"box\"><testcase classname=\"src/a.test.ts\" "
	    "name=\"works\" time=\"0.1\"/></testsuite></testsuites>",
	  { "!variant", "\"class\":\"src/a.test.ts\"" } },
	{ "3.1 Maestro, Flank: the device is an attribute of the suite",
	  X "<testsuites><testsuite name=\"Test Suite\" device=\"iPhone 15\" tests=\"1\" "
	    "failures=\"1\"><testcase "
	    "id=\"a\" name=\"a\" classname=\"a\" time=\"5\"><failure>no</failure></testcase></testsuite>"
	    "<testsuite name=\"Test Suite\" device=\"Pixel 8\" tests=\"1\" failures=\"0\"><testcase id=\"a\" "
	    "name=\"a\" classname=\"a\" time=\"4\"/></testsuite><testsuite name=\"Test Suite\" "
	    "device=\"\"><testcase "
	    "name=\"b\"/></testsuite></testsuites>",
	  { "\"name\":\"a\",\"variant\":\"iPhone 15\"", "\"name\":\"a\",\"variant\":\"Pixel 8\"",
	    "!\"variant\":\"\"" } },
	{ "3.1 TestCafe: quarantine and screenshots in the name, one number for failures and errors",
	  X "<testsuite name=\"TestCafe Tests: Chrome 90.0 / Linux 0.0\" tests=\"4\" failures=\"1\" "
	    "errors=\"1\" skipped=\"0\"><testcase classname=\"F\" name=\"works (unstable)\"/><testcase "
	    "classname=\"F\" name=\"fails (unstable) (screenshots: "
	    "/s/2026-11-20/test-2)\"><failure><![CDATA[no]]>"
	    "</failure></testcase><testcase classname=\"F\" name=\"adds (more)\"/><testcase classname=\"F\" "
	    "name=\"plain\"/></testsuite>",
	  { "\"id\":\"F.works\",\"status\":\"passed\",\"flaky\":true",
	    "\"id\":\"F.fails\",\"status\":\"failed\",\"flaky\":false", "\"id\":\"F.adds (more)\"",
	    "\"id\":\"F.plain\",\"status\":\"passed\",\"flaky\":false", "!header", "!evidence" } },
	{ "3.1 others than TestCafe: words in brackets belong to the name",
	  X "<testsuite name=\"S\"><testcase classname=\"F\" name=\"works (unstable)\"/></testsuite>",
	  { "\"id\":\"F.works (unstable)\",\"status\":\"passed\",\"flaky\":false" } },
	{ "3.1 Karma: a suite for each browser, several failures, NaN",
	  X "<testsuite name=\"Chrome 90.0\" package=\"\" timestamp=\"2024-01-02T03:04:05\" "
	    "tests=\"1\" time=\"NaN\"><testcase name=\"adds\" "
	    "time=\"NaN\" classname=\"Chrome_90_0.math\"><failure type=\"\">a</failure><failure "
	    "type=\"\">b</failure></testcase>"
	    "<system-out><![CDATA[]]></system-out></testsuite>",
	  { "\"class\":\"Chrome_90_0.math\"", "\"detail\":\"a\\n\\nb\"", "!duration_ms",
	    "the duration \"NaN\" makes no sense" } },
	{ "3.1 node:test: cases below testsuites, nested suites, comments, failure as an attribute",
	  X "<testsuites>\n\t<testcase name=\"top\" time=\"0.001\" "
	    "classname=\"test\"/>\n\t<testsuite name=\"s\" time=\"0.1\" tests=\"2\" failures=\"1\">\n"
	    "\t\t<testsuite name=\"t\"><testcase name=\"in\" classname=\"test\" "
	    "failure=\"boom\"><failure type=\"testCodeFailure\" message=\"boom\">"
	    "\n[Error]\n</failure></testcase></testsuite>\n\t</testsuite>\n\t<!-- tests 2 "
	    "-->\n\t<!-- pass 1 -->\n</testsuites>\n",
	  { "{\"suite\":[],\"class\":\"test\",\"name\":\"top\"", "\"suite\":[\"s\",\"t\"]",
	    "[\"failure\",\"boom\"]", "\"detail\":\"[Error]\"" } },
	{ "3.1 node:test: todo that failed",
	  X "<testsuites><testcase name=\"t\" classname=\"test\"><skipped type=\"todo\" "
	    "message=\"later\"/><failure "
	    "message=\"no\"/></testcase></testsuites>",
	  { "\"status\":\"failed\"", "\"known_failure\":true",
	    "\"failure\":{\"message\":\"no\",\"detail\":\"todo: later\"}" } },
};

static const struct dialect_row native[] = {

	{ "3.1 CTest: colours in the output",
	  X "<testsuite name=\"L\" tests=\"1\"><testcase name=\"a\" classname=\"a\" time=\"0.1\" "
	    "status=\"run\"><system-out>"
	    "\x1b[0;32m[  OK  ]\x1b[m done</system-out></testcase></testsuite>",
	  { "\"stdout\":\"[  OK  ] done\"" } },
	{ "3.1 cargo-nextest: skipped tests are counted as disabled",
	  X
	  "<testsuites name=\"n\" tests=\"1\"><testsuite name=\"s\" tests=\"1\" disabled=\"1\" errors=\"0\" "
	  "failures=\"0\"><testcase name=\"t\" classname=\"s\"><skipped "
	  "message=\"ignored\"/></testcase></testsuite>"
	  "</testsuites>",
	  { "\"status\":\"skipped\"", "!header" } },
	{ "3.1 cargo-nextest: reruns with text and stackTrace",
	  X "<testsuite name=\"s\"><testcase name=\"t\" classname=\"s\" time=\"0.004\"><failure type=\"test "
	    "failure\">f"
	    "</failure><rerunFailure timestamp=\"2024-01-09T07:50:12.665+00:00\" time=\"0.003\" type=\"test "
	    "failure\">"
	    "r<stackTrace>st</stackTrace><system-out>o</system-out></rerunFailure></testcase></testsuite>",
	  { "\"status\":\"failed\"", "\"duration_ms\":3,\"started_at\":\"2024-01-09T07:50:12.665Z\"",
	    "\"detail\":\"r\\nst\"", "\"stdout\":\"o\"" } },
	{ "3.1 Bazel: a shard's file with its own suite, stamps with zone",
	  X "<testsuites><testsuite name=\"//pkg:t_shard_1_of_2\" tests=\"1\" "
	    "timestamp=\"2024-01-02T03:04:05.048Z\"><testcase name=\"a\" classname=\"T\" status=\"run\" "
	    "result=\"completed\" time=\"0.1\"/></testsuite></testsuites>",
	  { "\"suite\":[\"//pkg:t_shard_1_of_2\"]", "\"started_at\":\"2024-01-02T03:04:05.048Z\"" } },
	{ "3.1 GoogleTest: no skipped count at the root",
	  X "<testsuites tests=\"2\" failures=\"0\" disabled=\"0\" errors=\"0\" name=\"AllTests\"><testsuite "
	    "name=\"S\" "
	    "tests=\"2\" failures=\"0\" disabled=\"0\" skipped=\"1\" errors=\"0\"><testcase name=\"a\" "
	    "status=\"run\" "
	    "result=\"skipped\" classname=\"S\"/><testcase name=\"b\" status=\"run\" result=\"completed\" "
	    "classname=\"S\"/></testsuite></testsuites>",
	  { "\"status\":\"skipped\"", "\"status\":\"passed\"", "!header" } },
	{ "3.1 xcpretty: the case that failed has no time",
	  X "<testsuites name=\"U\" tests=\"2\" failures=\"1\"><testsuite name=\"U\" tests=\"2\" "
	    "failures=\"1\"><testcase "
	    "classname=\"U\" name=\"a\" time=\"0.5\"/><testcase classname=\"U\" name=\"b\"><failure "
	    "message=\"m\">f:1"
	    "</failure></testcase></testsuite></testsuites>",
	  { "\"id\":\"U.b\",\"status\":\"failed\",\"flaky\":false,\"known_failure\":false,\"failure\"",
	    "!header" } },
	{ "3.1 cmocka: quotes and markup in a name, as they are",
	  "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<testsuites>\n  <testsuite name=\"g\" time=\"0.034\" "
	  "tests=\"1\" "
	  "failures=\"0\" errors=\"0\" skipped=\"0\" >\n    <testcase name=\"odd, \"quoted\" <&>\" "
	  "time=\"0.001\" >\n    "
	  "</testcase>\n  </testsuite>\n</testsuites>\n",
	  { "\"name\":\"odd, \\\"quoted\\\" <&>\"", "\"duration_ms\":1" } },
	{ "3.1 GoogleTest: notrun, suppressed, disabled",
	  X "<testsuites tests=\"4\" failures=\"0\" disabled=\"1\" errors=\"0\" "
	    "timestamp=\"2024-01-02T03:04:05.678\" name=\"AllTests\"><testsuite "
	    "name=\"S\" tests=\"4\"><testcase name=\"a\" status=\"run\" result=\"completed\" "
	    "time=\"0.\" classname=\"S\"/><testcase name=\"DISABLED_b\" "
	    "status=\"notrun\" result=\"suppressed\" timestamp=\"1970-01-01T03:00:00\" "
	    "classname=\"S\"/><testcase name=\"c\" status=\"run\" "
	    "result=\"skipped\" classname=\"S\"><skipped "
	    "message=\"f.cc:1&#x0A;no\"><![CDATA[f.cc:1\nno]]></skipped></testcase><testcase "
	    "name=\"d\" status=\"run\" result=\"suppressed\" "
	    "classname=\"S\"/></testsuite></testsuites>",
	  { "\"name\":\"a\",\"id\":\"S.a\",\"status\":\"passed\"",
	    "\"name\":\"DISABLED_b\",\"id\":\"S.DISABLED_b\",\"status\":\"skipped\"",
	    "\"name\":\"c\",\"id\":\"S.c\",\"status\":\"skipped\"",
	    "\"name\":\"d\",\"id\":\"S.d\",\"status\":\"skipped\"",
	    "the time \"1970-01-01T03:00:00\" makes no sense",
	    "\"started_at\":\"2024-01-02T03:04:05.678Z\"" } },
	{ "3.1 GoogleTest: many failures, parameters, damaged stamp",
	  X "<testsuite name=\"P/S\"><testcase name=\"t/0\" value_param=\"3\" type_param=\"int\" "
	    "file=\"f.cc\" line=\"7\" status=\"run\" "
	    "timestamp=\"T10:31:55\" classname=\"P/S\"><failure message=\"f.cc:1&#x0A;one\" "
	    "type=\"\"><![CDATA[f.cc:1\none]]></failure><failure "
	    "message=\"f.cc:2&#x0A;two\" "
	    "type=\"\"><![CDATA[f.cc:2\ntwo]]></failure></testcase></testsuite>",
	  { "\"params\":[\"3\",\"int\"]",
	    "\"message\":\"f.cc:1\\none\",\"detail\":\"f.cc:1\\none\\n\\nf.cc:2\\ntwo\"",
	    "\"file\":\"f.cc\",\"line\":7", "the time \"T10:31:55\" makes no sense" } },
	{ "3.1 GoogleTest of old: RecordProperty as attributes",
	  X "<testsuite name=\"S\"><testcase name=\"t\" status=\"run\" time=\"0\" classname=\"S\" "
	    "Answer=\"42\" test_id=\"C9\"/></testsuite>",
	  { "[\"Answer\",\"42\"]", "\"refs\":[\"C9\"]" } },
	{ "3.1 Catch2: tests counts assertions, tbd, empty time",
	  X "<testsuites><testsuite name=\"run\" errors=\"0\" failures=\"1\" skipped=\"0\" "
	    "tests=\"17\" hostname=\"tbd\" time=\"\" timestamp=\"tbd\"><testcase "
	    "classname=\"run.global\" name=\"t\" time=\"\" status=\"run\"><failure message=\"1 == "
	    "2\" type=\"CHECK\">at f.cpp:1</failure><failure "
	    "message=\"3 == 4\" type=\"CHECK\">at "
	    "f.cpp:2</failure></testcase></testsuite></testsuites>",
	  { "\"message\":\"1 == 2\",\"detail\":\"at f.cpp:1\\n\\nCHECK: 3 == 4\\nat f.cpp:2\"",
	    "the header says 17 tests, there are 1", "!started_at", "!the duration" } },
	{ "3.1 Catch2: [!mayfail]",
	  X "<testsuite name=\"r\"><testcase classname=\"r\" name=\"t\"><skipped message=\"TEST_CASE "
	    "tagged with !mayfail\"/>"
	    "<failure message=\"1 == 2\" type=\"REQUIRE\">x</failure></testcase></testsuite>",
	  { "\"status\":\"failed\"", "\"known_failure\":true" } },
	{ "3.1 GoogleTest, Catch2: a skip behind a failure makes it no known one",
	  X "<testsuite name=\"S\"><testcase name=\"a\" status=\"run\" result=\"completed\" "
	    "classname=\"S\"><failure message=\"f.cc:4 bad\" type=\"\">x</failure><skipped "
	    "message=\"f.cc:5\">no more</skipped></testcase><testcase name=\"b\" classname=\"S\">"
	    "<failure message=\"1 == 2\" type=\"CHECK\">x</failure><skipped type=\"SKIP\">y</skipped>"
	    "</testcase></testsuite>",
	  { "\"id\":\"S.a\",\"status\":\"failed\",\"flaky\":false,\"known_failure\":false",
	    "\"id\":\"S.b\",\"status\":\"failed\",\"flaky\":false,\"known_failure\":false",
	    "\"message\":\"f.cc:4 bad\"", "!known_failure\":true" } },
	{ "3.1 GoogleTest: --gtest_also_run_disabled_tests",
	  X "<testsuite name=\"S\"><testcase name=\"DISABLED_b\" status=\"run\" result=\"completed\" "
	    "classname=\"S\"/></testsuite>",
	  { "\"id\":\"S.DISABLED_b\",\"status\":\"passed\"" } },
	{ "3.1 Catch2 of old: no name, stamp 0, internal error",
	  X "<testsuite timestamp=\"0\"><testcase classname=\"c\" name=\"t\"><internalError "
	    "message=\"x\">y</internalError></testcase></testsuite>",
	  { "\"status\":\"error\"", "\"message\":\"x\"", "\"suite\":[]" } },
	{ "3.1 CTest: status, labels, class is the name",
	  X "<testsuite name=\"(empty)\" tests=\"4\" failures=\"1\" disabled=\"1\" skipped=\"1\" "
	    "hostname=\"\" time=\"0\" timestamp=\"2024-01-02T03:04:05\">"
	    "<testcase name=\"a\" classname=\"a\" time=\"0.1\" status=\"run\"><properties><property "
	    "name=\"cmake_labels\" value=\"fast;unit\"/>"
	    "</properties><system-out>ok</system-out></testcase><testcase name=\"b\" classname=\"b\" "
	    "time=\"0.1\" status=\"fail\"><failure message=\"\"/>"
	    "</testcase><testcase name=\"c\" classname=\"c\" time=\"0\" status=\"notrun\"><skipped "
	    "message=\"\"/></testcase><testcase name=\"d\" "
	    "classname=\"d\" time=\"0\" status=\"disabled\"/></testsuite>",
	  { "[\"cmake_labels\",\"fast;unit\"]", "\"id\":\"b.b\",\"status\":\"failed\"",
	    "\"id\":\"c.c\",\"status\":\"skipped\"", "\"id\":\"d.d\",\"status\":\"skipped\"",
	    "\"stdout\":\"ok\"" } },
	{ "3.1 cargo-nextest: disabled, stamps and durations of attempts",
	  X "<testsuites name=\"nextest-run\" uuid=\"45c50042\" "
	    "timestamp=\"2024-01-09T07:50:12.664+00:00\" time=\"0.1\"><testsuite name=\"p::basic\" "
	    "tests=\"1\" disabled=\"0\" errors=\"0\" failures=\"1\"><testcase name=\"t\" "
	    "classname=\"p::basic\" timestamp=\"2024-01-09T07:50:12.683+01:00\" "
	    "time=\"0.004\"><flakyFailure timestamp=\"2024-01-09T07:50:12.665+00:00\" time=\"0.003\" "
	    "message=\"m\" type=\"test failure\">text<stackTrace>"
	    "trace</stackTrace></flakyFailure></testcase></testsuite></testsuites>",
	  { "\"started_at\":\"2024-01-09T06:50:12.683Z\"",
	    "\"attempts\":[{\"status\":\"failed\",\"duration_ms\":3,\"started_at\":\"2024-01-09T07:"
	    "50:12.665Z\","
	    "\"failure\":{\"type\":\"test failure\",\"message\":\"m\",\"detail\":\"text\\ntrace\"}}",
	    "!45c50042" } },
	{ "3.1 gotestsum: empty type, skip with its output, offset, sub-tests",
	  X "<testsuites tests=\"3\"><testsuite tests=\"3\" failures=\"1\" time=\"0.1\" "
	    "name=\"example.com/p\" timestamp=\"2024-01-02T03:04:05+02:00\"><properties>"
	    "<property name=\"go.version\" value=\"go1.22\"></property></properties><testcase "
	    "classname=\"example.com/p\" name=\"TestA/b\" time=\"0.0\"><failure "
	    "message=\"Failed\" type=\"\">=== RUN   TestA/b&#xA;</failure></testcase><testcase "
	    "classname=\"example.com/p\" name=\"TestA\" time=\"0.0\"/><testcase "
	    "classname=\"example.com/p\" name=\"TestS\"><skipped message=\"=== RUN   TestS&#xA;    "
	    "a_test.go:1: later&#xA;\"></skipped></testcase></testsuite></testsuites>",
	  { "\"started_at\":\"2024-01-02T01:04:05.000Z\"", "\"name\":\"TestA/b\"",
	    "\"message\":\"=== RUN   TestS\\n    a_test.go:1: later\"", "!\"type\":\"\"" } },
	{ "3.1 gotestsum: a package without tests",
	  X "<testsuites><testsuite tests=\"0\" failures=\"0\" time=\"0\" name=\"p\" "
	    "timestamp=\"0001-01-01T00:00:00Z\">"
	    "</testsuite><testsuite name=\"q\"><testcase classname=\"\" name=\"TestMain\" "
	    "time=\"0\"><failure "
	    "message=\"Failed\">panic</failure></testcase></testsuite></testsuites>",
	  { "\"name\":\"TestMain\"", "\"class\":\"q\"" } },
	{ "3.1 Bazel: fallback case, output in the suite",
	  X "<testsuites><testsuite name=\"pkg/t\" tests=\"1\" failures=\"0\" errors=\"1\"><testcase "
	    "name=\"pkg/t\" status=\"run\" duration=\"3\" time=\"3\"><error "
	    "message=\"exited with error code 1\"></error></testcase><system-out>Generated "
	    "test.log</system-out></testsuite></testsuites>",
	  { "\"status\":\"error\"", "\"duration_ms\":3000", "!Generated",
	    "\"failure\":{\"message\":\"exited with error code 1\"}" } },
	{ "3.1 Bazel: stamps of 1970",
	  X "<testsuite name=\"s\" timestamp=\"1970-01-04T12:08:21.048Z\"><testcase name=\"t\" "
	    "classname=\"s\"/></testsuite>",
	  { "!started_at", "the time \"1970-01-04T12:08:21.048Z\" makes no sense" } },
	{ "3.1 Meson: no time",
	  X "<testsuites tests=\"1\"><testsuite name=\"m\"><testcase name=\"t\" "
	    "classname=\"m\"/></testsuite></testsuites>",
	  { "!duration_ms" } },
	{ "3.1 xcbeautify: each assertion is a case, no stamps",
	  X "<testsuites name=\"All tests\"><testsuite name=\"UITests\" tests=\"2\"><testcase "
	    "classname=\"UITests\" name=\"testA\"><failure message=\"one\">f.swift:1"
	    "</failure></testcase><testcase classname=\"UITests\" name=\"testA\"><failure "
	    "message=\"two\">f.swift:2</failure></testcase></testsuite>"
	    "<testsuite name=\"PARALLEL_TESTS\"/></testsuites>",
	  { "\"message\":\"one\"", "\"message\":\"two\"", "!started_at" } },
	{ "3.1 Crystal: exponents",
	  X "<testsuite name=\"c\"><testcase name=\"t\" classname=\"c\" "
	    "time=\"6.2057e-5\"/></testsuite>",
	  { "\"duration_ms\":0.062" } },
	{ "3.1 Bats: references to ESC",
	  X "<testsuite name=\"b\"><testcase name=\"t\" classname=\"b\"><failure "
	    "type=\"failure\">(in test)&#27;[31m `false' failed&#27;[0m"
	    "</failure></testcase></testsuite>",
	  { "\"detail\":\"(in test) `false' failed\"", "!\\u001b" } },
};

static const struct dialect_row others[] = {

	{ "3.1 PHPUnit: skipped without message, no stamp",
	  X "<testsuites><testsuite name=\"S\" tests=\"1\" assertions=\"0\" errors=\"0\" failures=\"0\" "
	    "skipped=\"1\" "
	    "time=\"0.001\"><testcase name=\"t\" class=\"S\" classname=\"S\" file=\"/p/S.php\" line=\"3\" "
	    "assertions=\"0\" time=\"0.001\"><skipped/></testcase></testsuite></testsuites>",
	  { "\"status\":\"skipped\"", "!started_at", "!\"failure\"", "!header" } },
	{ "3.1 TAP converters: YAML diagnostics in the text of the failure",
	  X "<testsuites><testsuite name=\"a.t\" tests=\"1\" failures=\"1\"><testcase name=\"1 - "
	    "adds\"><failure "
	    "type=\"TestFailed\" message=\"not ok 1 - adds\"><![CDATA[not ok 1 - adds\n  ---\n  got: 1\n  "
	    "expect: 2\n  "
	    "...]]></failure></testcase></testsuite></testsuites>",
	  { "\"name\":\"1 - adds\"", "\\n  ---\\n  got: 1\\n  expect: 2\\n  ...\"" } },
	{ "3.1 TAP converters: a script that died is an error of its suite",
	  X "<testsuites><testsuite name=\"dies_t\" errors=\"1\" tests=\"0\" failures=\"0\"><error "
	    "message=\"Dubious, "
	    "test returned 255\"/></testsuite></testsuites>",
	  { "<error> belongs to a suite and not to a test case: dies_t: Dubious, test returned 255" } },
	{ "3.1 .NET: the least duration there is, paths of Windows for attachments",
	  X "<testsuites><testsuite name=\"A.dll\" tests=\"1\" errors=\"0\"><testcase classname=\"A.T\" "
	    "name=\"M\" "
	    "time=\"0.0000001\"><system-out>[[ATTACHMENT|C:\\agent\\_work\\a "
	    "b.png]]</system-out></testcase></testsuite>"
	    "</testsuites>",
	  { "\"duration_ms\":0", "{\"path\":\"C:\\\\agent\\\\_work\\\\a b.png\"}", "!makes no sense" } },
	{ "3.1 NUnit by XSLT: namespaces flattened, time empty when all is skipped",
	  X "<testsuites><testsuite name=\"A.B.C\" tests=\"1\" time=\"\" failures=\"0\" errors=\"0\" "
	    "skipped=\"1\"><testcase "
	    "name=\"m\" classname=\"A.B.C\" time=\"\"><skipped/></testcase></testsuite></testsuites>",
	  { "\"id\":\"A.B.C.m\",\"status\":\"skipped\"", "!duration_ms", "!makes no sense" } },
	{ "3.1 MATLAB: no time at the root",
	  X "<testsuites><testsuite name=\"m\" tests=\"1\" time=\"0.5\"><testcase classname=\"m\" name=\"t\" "
	    "time=\"0.5\"/>"
	    "</testsuite></testsuites>",
	  { "\"duration_ms\":500" } },
	{ "3.1 LabVIEW Caraya: a tag in the time is not well-formed",
	  "<testsuite name=\"c\">\n<testcase name=\"a\" classname=\"c\" time=\"1\"/>\n<testcase name=\"t\" "
	  "classname=\"c\" "
	  "time=\"<time>0.123</time>\"/></testsuite>",
	  { "=broken 3:", "\"name\":\"a\"", "!\"name\":\"t\"" } },
	{ "3.1 PHPUnit: nested suites down to data sets, class and classname",
	  X "<testsuites><testsuite name=\"root\" tests=\"1\"><testsuite name=\"FooTest\" "
	    "file=\"/p/FooTest.php\"><testsuite name=\"FooTest::testAdd\"><testcase "
	    "name=\"testAdd with data set &quot;a, b&quot;\" class=\"FooTest\" "
	    "classname=\"Foo.Test\" file=\"/p/FooTest.php\" line=\"12\" assertions=\"1\" "
	    "time=\"0.001\"><failure "
	    "type=\"PHPUnit\\Framework\\ExpectationFailedException\">FooTest::testAdd\nnot "
	    "equal</failure></testcase></testsuite>"
	    "</testsuite></testsuite></testsuites>",
	  { "\"suite\":[\"root\",\"FooTest\",\"FooTest::testAdd\"]",
	    "\"class\":\"Foo.Test\",\"name\":\"testAdd with data set \\\"a, b\\\"\"",
	    "\"file\":\"/p/FooTest.php\",\"line\":12",
	    "\"type\":\"PHPUnit\\\\Framework\\\\ExpectationFailedException\"", "!assertions",
	    "!\"message\"" } },
	{ "3.1 PHPUnit of old: class only, warning",
	  X "<testsuite name=\"s\"><testcase name=\"t\" class=\"FooTest\"><warning type=\"W\">No "
	    "tests found\n</warning>"
	    "</testcase></testsuite>",
	  { "\"class\":\"FooTest\"", "\"status\":\"passed\"", "[\"warning\",\"No tests found\"]" } },
	{ "3.1 TAP converters: numbers for names, todo as skipped, diagnostics as text",
	  X "<testsuites><testsuite name=\"t/a.t\" tests=\"2\"><testcase name=\"#3 adds up\" "
	    "time=\"0\"/><testcase name=\"#4\" time=\"0\"><skipped>TODO</skipped>"
	    "</testcase></testsuite></testsuites>",
	  { "\"class\":\"t/a.t\",\"name\":\"#3 adds up\"", "\"status\":\"skipped\"" } },
	{ "3.1 minitest-reporters: lineno",
	  X "<testsuite name=\"T\" filepath=\"test/t_test.rb\"><testcase name=\"test_a\" lineno=\"30\" "
	    "classname=\"T\" assertions=\"1\" time=\"0.1\" file=\"test/t_test.rb\"/></testsuite>",
	  { "\"file\":\"test/t_test.rb\",\"line\":30}", "!properties" } },
	{ "3.1 .NET: byte order mark, seven decimals, local stamp, suite for an assembly",
	  "\xef\xbb\xbf" X "<testsuites><testsuite name=\"A.dll\" tests=\"1\" skipped=\"0\" "
	  "failures=\"0\" errors=\"0\" time=\"0.0000001\" "
	  "timestamp=\"2024-01-02T03:04:05\" hostname=\"BOX\" id=\"0\" "
	  "package=\"A.dll\"><properties/><testcase classname=\"A.T\" name=\"M(x: 1)\" "
	  "time=\"0.0123456\"/><system-out>Test Framework Informational "
	  "Messages:</system-out></testsuite></testsuites>",
	  { "\"name\":\"M(x: 1)\"", "\"duration_ms\":12.346", "!variant" } },
	{ "3.1 xunit-plugin: no time for skipped",
	  X "<testsuites><testsuite name=\"n\" time=\"\" skipped=\"1\"><testcase classname=\"N.T\" "
	    "name=\"x\" time=\"\"><skipped/></testcase></testsuite></testsuites>",
	  { "\"status\":\"skipped\"", "!duration_ms", "!makes no sense" } },
	{ "3.1 mgunit: a skip that is a failure stays one",
	  X "<testsuite name=\"m\"><testcase classname=\"m\" name=\"x\"><failure>skipped: not "
	    "here</failure></testcase></testsuite>",
	  { "\"status\":\"failed\"", "\"detail\":\"skipped: not here\"" } },
	{ "3.1 testmo: conventions in output and properties",
	  X "<testsuite name=\"T\"><testcase name=\"t\"><properties><property name=\"attachment\" "
	    "value=\"s/a.png\"/><property name=\"attachment\" "
	    "value=\"https://h/b.png\"/><property name=\"attachment1\" value=\"s/1.log\"/>"
	    "<property name=\"attachments1x\" value=\"no\"/><property name=\"step[passed]\" "
	    "value=\"one\"/><property "
	    "name=\"description\">a\n text</property></properties>"
	    "<system-out>x\n[[PROPERTY|author=Ann]]\n[[PROPERTY|log]]\nl1\nl2\n[[/"
	    "PROPERTY]]\n[[ATTACHMENT|s/a.png]]\n[[ATTACHMENT|s/c.png]]</system-out></testcase></"
	    "testsuite>",
	  { "\"evidence\":[{\"path\":\"s/a.png\"},{\"path\":\"https://h/b.png\"},"
	    "{\"path\":\"s/1.log\"},{\"path\":\"s/c.png\"}]",
	    "[\"author\",\"Ann\"]", "[\"log\",\"l1\\nl2\"]", "[\"description\",\"a\\n text\"]",
	    "[\"step[passed]\",\"one\"]" } },
	{ "3.1 trcli: attachments, lists of cases",
	  X "<testsuite name=\"T\"><testcase name=\"t\" classname=\"c\"><properties><property "
	    "name=\"test_id\" value=\"C1, C2,C3\"/>"
	    "<property name=\"testrail_attachment\" "
	    "value=\"/a/b.log\"/></properties></testcase></testsuite>",
	  { "\"refs\":[\"C1\",\"C2\",\"C3\"]", "\"evidence\":[{\"path\":\"/a/b.log\"}]" } },
	{ "3.1 Unity's: the place stands at the failure",
	  X "<testsuite name=\"U\"><testcase name=\"a\"><failure message=\"2 was 0\" file=\"main.c\" "
	    "line=\"38\"/></testcase><testcase name=\"b\" file=\"t.c\" line=\"7\"><failure file=\"x.c\" "
	    "line=\"9\"/></testcase><testcase name=\"c\" file=\"t.c\"><failure file=\"y.c\" line=\"9\"/>"
	    "</testcase></testsuite>",
	  { "\"message\":\"2 was 0\"},\"file\":\"main.c\",\"line\":38", "\"file\":\"t.c\",\"line\":7",
	    "\"file\":\"t.c\"}", "!x.c", "!y.c" } },
	{ "3.1 runners of one's own: the kind of a file behind its path",
	  X "<testsuite name=\"T\"><testcase name=\"t\"><system-out>[[ATTACHMENT|s/a.png|{\"type\": "
	    "\"image\"}]]\n"
	    "[[ATTACHMENT|b|c.png]]</system-out></testcase></testsuite>",
	  { "\"evidence\":[{\"path\":\"s/a.png\"},{\"path\":\"b|c.png\"}]" } },
	{ "3.1 testbeats: system.out for system-out",
	  X "<testsuite name=\"T\"><testcase name=\"t\"><system.out>one [[ATTACHMENT|a.png]]</system.out>"
	    "<system.err>two</system.err></testcase></testsuite>",
	  { "\"stdout\":\"one [[ATTACHMENT|a.png]]\"", "\"stderr\":\"two\"", "{\"path\":\"a.png\"}",
	    "!properties" } },
	{ "3.1 runners of one's own: skip and not run as words",
	  X "<testsuite name=\"R\"><testcase name=\"a\" status=\"SKIP\"/><testcase name=\"b\" status=\"Not "
	    "Run\"/>"
	    "<testcase name=\"c\" result=\"not_run\"/></testsuite>",
	  { "\"status\":\"skipped\"", "!passed\"" } },
	{ "3.1 minified: one line",
	  "<testsuites><testsuite name=\"m\"><testcase name=\"a\" classname=\"c\"/><testcase "
	  "name=\"b\" classname=\"c\"/></testsuite></testsuites>",
	  { "\"id\":\"c.a\"", "\"id\":\"c.b\"" } },
};

int main(void)
{
	const struct row_table tables[] = { ROWS(java), ROWS(python), ROWS(javascript), ROWS(native),
					    ROWS(others) };

	return run_rows("field.md 3.1", tables, COUNT(tables));
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * One report from a descriptor to a verdict: plain and packed, limits, the second pass, what is said of it. */
#include "daemon/intake/report.h"

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TWO                                                                        \
	"<testsuite name='s'>\n<testcase name='a' time='1'/>\n<testcase name='b' " \
	"time='2'><failure/></testcase>\n</testsuite>\n"

struct seen {
	unsigned results, restarts, stop_at;
};

static int on_result(void *cookie, const struct result *r)
{
	struct seen *s = cookie;

	assert_non_null(r->name);
	return ++s->results == s->stop_at ? -ECANCELED : 0;
}

static void on_restart(void *cookie)
{
	struct seen *s = cookie;

	s->restarts++;
	s->results = 0;
}

static int made_of(const void *data, size_t len)
{
	char path[] = "/tmp/rd-report-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, (const char *)data + at, len - at);
		assert_true(n > 0);
		at += (size_t)n;
	}
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static struct report_summary read_fd(int fd, const struct parser_limits *limits, struct seen *seen)
{
	static const struct parser_events events = { .result = on_result, .restart = on_restart };
	struct parser_options options = { .now_ms = TIME_UNKNOWN, .redacted = parser_redacted_default };
	struct report_summary s;

	if (limits != NULL)
		options.limits = *limits;
	enum report_verdict v = report_read(fd, "dir/r.xml", &options, &events, seen, &s);
	assert_int_equal(v, s.verdict);
	assert_true((v == REPORT_OK) == s.complete);
	assert_true((v == REPORT_OK) == (s.err.code == 0));
	close(fd);
	return s;
}

static struct report_summary read_data(const void *data, size_t len, struct seen *seen)
{
	*seen = (struct seen){ 0 };
	return read_fd(made_of(data, len), NULL, seen);
}

/* One member of gzip. */
static void gzip(struct buf *out, const char *data, size_t len)
{
	z_stream z = { 0 };
	unsigned char piece[4096];

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (unsigned char *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	int rc;
	do {
		z.next_out = piece;
		z.avail_out = sizeof(piece);
		rc = deflate(&z, Z_FINISH);
		buf_append(out, (char *)piece, sizeof(piece) - z.avail_out);
	} while (rc == Z_OK || rc == Z_BUF_ERROR);
	assert_int_equal(rc, Z_STREAM_END);
	deflateEnd(&z);
}

static bool says(const struct report_summary *s, const char *word)
{
	for (size_t i = 0; i < s->warning_count; i++) {
		if (strstr(s->warnings[i], word) != NULL)
			return true;
	}
	return false;
}

/* ---- verdicts ---- */

static void verdicts(void **state)
{
	static const struct {
		const char *text;
		enum report_verdict verdict;
		const char *format;
		unsigned cases;
		bool early;
		const char *says;
	} row[] = {
		{ TWO, REPORT_OK, "junit", 2, false, NULL },
		{ "<testng-results/>", REPORT_OK, "testng", 0, false, NULL },
		{ "<testsuite>\n<testcase name='a'/>\n", REPORT_INCOMPLETE, "junit", 1, true,
		  "dir/r.xml:3:1" },
		{ "<testsuite>\n<testcase name='a'>", REPORT_MALFORMED, "junit", 0, true, "dir/r.xml:2:" },
		{ "<testsuite><testcase name='a'/><x></y>", REPORT_INCOMPLETE, "junit", 1, false,
		  "mismatched tag" },
		{ "<testsuite><x></y>", REPORT_MALFORMED, "junit", 0, false, "mismatched tag" },
		{ "nothing", REPORT_MALFORMED, "unknown", 0, false, "dir/r.xml:1:1" },
		{ "<coverage/>", REPORT_FOREIGN, "unknown", 0, false, "<coverage>" },
		{ "", REPORT_EMPTY, "unknown", 0, true, "empty" },
		{ " \n", REPORT_EMPTY, "unknown", 0, true, "empty" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct seen seen;
		char text[2048] = "";
		struct report_summary s = read_data(row[i].text, strlen(row[i].text), &seen);
		if (s.verdict != REPORT_OK)
			err_string(&s.err, text, sizeof(text));
		if (s.verdict != row[i].verdict || strcmp(s.format, row[i].format) != 0 ||
		    s.cases != row[i].cases || s.early != row[i].early || seen.results != row[i].cases ||
		    (row[i].says != NULL && strstr(text, row[i].says) == NULL))
			fail_msg("\"%s\": verdict %d, %s, %llu cases, early %d: %s", row[i].text,
				 (int)s.verdict, s.format, (unsigned long long)s.cases, s.early, text);
		assert_int_equal(s.bytes, strlen(row[i].text));
		report_summary_done(&s);
	}
}

static void counts_are_those_of_the_cases(void **state)
{
	static const char xml[] =
		"<testsuites><testsuite name='s' tests='9'><testcase name='a' time='0.5'/><testcase "
		"name='b'><failure/></testcase>"
		"<testcase name='c'><error/></testcase><testcase name='d'><skipped/></testcase><testcase "
		"name='e'><flakyError/>"
		"</testcase><testcase name='f'><skipped/><failure/></testcase></testsuite></testsuites>";
	struct seen seen;
	struct report_summary s = read_data(xml, sizeof(xml) - 1, &seen);

	(void)state;
	assert_int_equal(s.suites, 1);
	assert_int_equal(s.cases, 6);
	assert_int_equal(s.passed, 2);
	assert_int_equal(s.failed, 2);
	assert_int_equal(s.error, 1);
	assert_int_equal(s.skipped, 1);
	assert_int_equal(s.flaky, 1);
	assert_int_equal(s.known_failures, 1);
	assert_true(s.duration_ms > 499.9 && s.duration_ms < 500.1);
	assert_true(says(&s, "the header says 9 tests, there are 6"));
	report_summary_done(&s);
}

static void what_failed_outside_of_any_test_is_noted(void **state)
{
	static const char xml[] =
		"<testsuites><testsuite name='one'><error message='boom'/></testsuite><testsuite "
		"name='two'><failure message='bang'/></testsuite></testsuites>";
	static const char config[] =
		"<testng-results><suite><test><class name='c'><test-method status='FAIL' name='setUp' "
		"is-config='true'/></class></test></suite></testng-results>";
	struct seen seen;
	struct report_summary s = read_data(xml, sizeof(xml) - 1, &seen);

	(void)state;
	assert_int_equal(s.suite_problems, 2);
	assert_int_equal(s.cases, 0);
	assert_non_null(s.notes);
	assert_string_equal(
		s.notes, "r.xml: <error> belongs to a suite and not to a test case: one: boom (and 1 more)");
	report_summary_done(&s);
	assert_null(s.notes);
	s = read_data(config, sizeof(config) - 1, &seen);
	assert_int_equal(s.config_failed, 1);
	assert_non_null(s.notes);
	report_summary_done(&s);
	s = read_data(TWO, sizeof(TWO) - 1, &seen);
	assert_null(s.notes);
	report_summary_done(&s);
}

static void a_report_without_a_case_says_so(void **state)
{
	struct seen seen;
	struct report_summary s = read_data("<testsuites/>", 13, &seen);

	(void)state;
	assert_int_equal(s.verdict, REPORT_OK);
	assert_true(says(&s, "there is no test case in it"));
	report_summary_done(&s);
}

/* ---- the second pass ---- */

static void a_character_has_it_read_again_from_its_start(void **state)
{
	static const char xml[] = "<testsuite><testcase name='a'/><testcase name='b\x01'/></testsuite>";
	struct seen seen = { 0 };
	int fd = made_of(xml, sizeof(xml) - 1);
	struct report_summary s = read_fd(fd, NULL, &seen);

	(void)state;
	assert_int_equal(s.verdict, REPORT_OK);
	assert_int_equal(seen.restarts, 1);
	assert_int_equal(seen.results, 2);
	assert_true(says(&s, "dir/r.xml:1:"));
	assert_true(says(&s, "characters that XML does not allow were replaced"));
	report_summary_done(&s);

	/* And from where it began, not from the file's. */
	char behind[sizeof(xml) + 100];
	memset(behind, 'x', 100);
	memcpy(behind + 100, xml, sizeof(xml) - 1);
	fd = made_of(behind, 100 + sizeof(xml) - 1);
	assert_int_equal(lseek(fd, 100, SEEK_SET), 100);
	seen = (struct seen){ 0 };
	s = read_fd(fd, NULL, &seen);
	assert_int_equal(s.verdict, REPORT_OK);
	assert_int_equal(seen.results, 2);
	report_summary_done(&s);
}

static void an_encoding_is_said(void **state)
{
	static const char xml[] = "<?xml version='1.0' encoding='windows-1252'?><testcase name='\x80'/>";
	struct seen seen;
	struct report_summary s = read_data(xml, sizeof(xml) - 1, &seen);

	(void)state;
	assert_int_equal(s.verdict, REPORT_OK);
	assert_true(says(&s, "read as windows-1252"));
	report_summary_done(&s);
}

/* ---- gzip ---- */

static void gzip_is_known_by_its_content(void **state)
{
	struct buf b = BUF_LIMIT(1 << 20);
	struct seen seen;

	(void)state;
	gzip(&b, TWO, sizeof(TWO) - 1);
	struct report_summary s = read_data(b.data, b.len, &seen);
	assert_int_equal(s.verdict, REPORT_OK);
	assert_int_equal(seen.results, 2);
	assert_int_equal(s.bytes, sizeof(TWO) - 1);
	report_summary_done(&s);

	/* Several members, then padding of zeros. */
	gzip(&b, TWO, sizeof(TWO) - 1);
	buf_append(&b, "\0\0\0\0", 4);
	s = read_data(b.data, b.len, &seen);
	assert_int_equal(s.verdict, REPORT_OK);
	assert_int_equal(seen.results, 4);
	report_summary_done(&s);
	buf_done(&b);
}

static void gzip_that_ends_early_or_is_damaged(void **state)
{
	struct buf text = BUF_LIMIT(4 << 20), b = BUF_LIMIT(4 << 20);
	struct seen seen;

	(void)state;
	buf_puts(&text, "<testsuite>");
	for (int i = 0; i < 20000; i++)
		buf_printf(&text, "<testcase name='case %d %d'/>", i, i * 7919 % 1000);
	buf_puts(&text, "</testsuite>");
	gzip(&b, text.data, text.len);
	struct report_summary s = read_data(b.data, b.len / 2, &seen);
	assert_int_equal(s.verdict, REPORT_INCOMPLETE);
	assert_true(s.early);
	assert_true(s.cases > 1000 && s.cases < 20000);
	assert_int_equal(s.cases, seen.results);
	assert_non_null(strstr(s.err.text, "the gzip data ends early"));
	report_summary_done(&s);

	/* In the middle: it unpacks to something for a while, and that is not well-formed. */
	memset(b.data + b.len / 2, 0xff, 64);
	s = read_data(b.data, b.len, &seen);
	assert_int_equal(s.verdict, REPORT_INCOMPLETE);
	report_summary_done(&s);

	b.data[10] = '\xff'; /* behind the header: a kind of block that there is not */
	s = read_data(b.data, b.len, &seen);
	assert_int_equal(s.verdict, REPORT_MALFORMED);
	assert_non_null(strstr(s.err.text, "the gzip data is damaged: invalid block type"));
	report_summary_done(&s);

	s = read_data("\x1f\x8b", 2, &seen);
	assert_int_equal(s.verdict, REPORT_MALFORMED);
	report_summary_done(&s);
	buf_done(&text);
	buf_done(&b);
}

static void gzip_has_a_ratio(void **state)
{
	struct buf text = BUF_LIMIT(64 << 20), b = BUF_LIMIT(1 << 20);
	struct parser_limits limits = { .gzip_ratio = 50 };
	struct seen seen = { 0 };

	(void)state;
	buf_puts(&text, "<testsuite><testcase name='a'/>");
	for (int i = 0; i < (24 << 20) / 16; i++)
		buf_append(&text, "                ", 16);
	buf_puts(&text, "</testsuite>");
	gzip(&b, text.data, text.len);
	struct report_summary s = read_fd(made_of(b.data, b.len), &limits, &seen);
	assert_int_equal(s.verdict, REPORT_INCOMPLETE);
	assert_non_null(strstr(s.err.text, "more than 50 times its size"));
	report_summary_done(&s);
	/* What is unpacked counts for the report's size, too. */
	limits = (struct parser_limits){ .report = 1 << 20, .gzip_ratio = 100000 };
	s = read_fd(made_of(b.data, b.len), &limits, &seen);
	assert_non_null(strstr(s.err.text, "larger than 1048576 bytes"));
	report_summary_done(&s);
	buf_done(&text);
	buf_done(&b);
}

/* ---- limits, and what is no file ---- */

static void a_report_has_a_size(void **state)
{
	struct parser_limits limits = { .report = 20 };
	struct seen seen = { 0 };
	struct report_summary s = read_fd(made_of(TWO, sizeof(TWO) - 1), &limits, &seen);

	(void)state;
	assert_int_equal(s.verdict, REPORT_UNREADABLE);
	assert_int_equal(s.err.code, -EFBIG);
	assert_non_null(strstr(s.err.text, "larger than 20 bytes"));
	report_summary_done(&s);
}

static void a_report_has_its_time(void **state)
{
	struct parser_limits limits = { .time_ms = 1 };
	struct buf b = BUF_LIMIT(64 << 20);
	struct seen seen = { 0 };

	(void)state;
	buf_puts(&b, "<testsuite>");
	for (int i = 0; i < 400000; i++)
		buf_puts(&b, "<testcase name='n' classname='c' time='0.1'><failure "
			     "message='m'>d</failure></testcase>");
	buf_puts(&b, "</testsuite>");
	struct report_summary s = read_fd(made_of(b.data, b.len), &limits, &seen);
	assert_true(s.verdict == REPORT_INCOMPLETE);
	assert_int_equal(s.err.code, -ETIME);
	assert_non_null(strstr(s.err.text, "limits.time"));
	report_summary_done(&s);
	buf_done(&b);
}

static void what_is_no_file_is_unreadable(void **state)
{
	struct seen seen = { 0 };
	int pipes[2];
	struct report_summary s = read_fd(open("/tmp", O_RDONLY | O_DIRECTORY), NULL, &seen);

	(void)state;
	assert_int_equal(s.verdict, REPORT_UNREADABLE);
	assert_int_equal(s.err.code, -EISDIR);
	report_summary_done(&s);
	assert_int_equal(pipe(pipes), 0);
	s = read_fd(pipes[0], NULL, &seen);
	close(pipes[1]);
	assert_int_equal(s.verdict, REPORT_UNREADABLE);
	assert_non_null(strstr(s.err.text, "not a regular file"));
	report_summary_done(&s);
	/* Not opened for reading. */
	s = read_fd(open("/dev/null", O_WRONLY), NULL, &seen);
	assert_int_equal(s.verdict, REPORT_UNREADABLE);
	report_summary_done(&s);
}

static void a_refusal_of_the_callback_stops_it(void **state)
{
	struct seen seen = { .stop_at = 1 };
	struct report_summary s = read_fd(made_of(TWO, sizeof(TWO) - 1), NULL, &seen);

	(void)state;
	assert_int_equal(s.verdict, REPORT_STOPPED);
	assert_int_equal(s.err.code, -ECANCELED);
	assert_int_equal(seen.results, 1);
	report_summary_done(&s);
}

static void alike_warnings_are_folded(void **state)
{
	struct buf b = BUF_LIMIT(1 << 20);
	struct seen seen;

	(void)state;
	buf_puts(&b, "<testsuite>\n");
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "<testcase name='n' time='soon%d'/>\n", i);
	buf_puts(&b, "</testsuite>");
	struct report_summary s = read_data(b.data, b.len, &seen);
	assert_int_equal(s.warning_count, 1);
	assert_string_equal(s.warnings[0], "dir/r.xml:2:1: the duration \"soon0\" makes no sense (1000 x)");
	report_summary_done(&s);
	report_summary_done(&s);
	report_summary_done(NULL);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(counts_are_those_of_the_cases),
		cmocka_unit_test(what_failed_outside_of_any_test_is_noted),
		cmocka_unit_test(a_report_without_a_case_says_so),
		cmocka_unit_test(a_character_has_it_read_again_from_its_start),
		cmocka_unit_test(an_encoding_is_said),
		{ "3.4 .xml.gz: known by its content, several members", gzip_is_known_by_its_content, NULL,
		  NULL, NULL },
		{ "3.4 .xml.gz: truncated, damaged", gzip_that_ends_early_or_is_damaged, NULL, NULL, NULL },
		{ "3.4 .xml.gz: a ratio limit", gzip_has_a_ratio, NULL, NULL, NULL },
		{ "row 29: a report beyond its limit", a_report_has_a_size, NULL, NULL, NULL },
		cmocka_unit_test(a_report_has_its_time),
		cmocka_unit_test(what_is_no_file_is_unreadable),
		cmocka_unit_test(a_refusal_of_the_callback_stops_it),
		cmocka_unit_test(alike_warnings_are_folded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/log.h"

#include "daemon/base/clock.h"
#include "daemon/base/repeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char text[65536];

/* What is written to standard error while fn runs. */
static const char *captured(void (*fn)(void))
{
	int p[2], saved = dup(STDERR_FILENO);

	assert_int_equal(pipe(p), 0);
	dup2(p[1], STDERR_FILENO);
	fn();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(p[1]);
	ssize_t n = read(p[0], text, sizeof(text) - 1);
	close(p[0]);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void journal_lines(void)
{
	const struct log_ctx ctx = { .who = "testrail/rail", .run = 3, .delivery = 9 };

	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JOURNAL);
	log_debug(&ctx, "not wanted");
	log_info(&ctx, "posted %d", 5);
	log_error(NULL, "bad \x1b[31m name\n");
}

static void json_lines(void)
{
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
	log_warning(NULL, "a \"quote\"");
}

static void lines_say_who_and_are_clean(void **state)
{
	(void)state;
	assert_string_equal(captured(journal_lines),
			    "<6>testrail/rail run=3 delivery=9: posted 5\n<3>bad ?[31m name?\n");
	const char *json = captured(json_lines);
	assert_non_null(strstr(json, "\"level\":\"warning\",\"text\":\"a \\\"quote\\\"\"}\n"));
}

/* Row 67 of the fault table: a reader that stands still must not stop us. */
static void a_blocked_reader_is_not_waited_for(void **state)
{
	int p[2], saved = dup(STDERR_FILENO);

	(void)state;
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	assert_int_equal(pipe(p), 0);
	dup2(p[1], STDERR_FILENO);
	uint64_t before = log_dropped();
	for (int i = 0; i < 5000; i++)
		log_info(NULL, "line %d of a log that nobody reads", i);
	uint64_t after = log_dropped();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(p[0]);
	close(p[1]);
	assert_true(after > before);
}

static int64_t clock_ms;

static int64_t fake(void *cookie)
{
	(void)cookie;
	return clock_ms;
}

static void an_outage(void)
{
	const struct log_ctx rail = { .who = "testrail/rail" };
	const struct log_ctx home = { .who = "local/home" };

	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JOURNAL);
	clock_ms = 1000;
	for (int i = 0; i < 1000; i++) {
		log_warning(&rail, "connection refused; again in %d s", i % 7);
		log_info(&rail, "looked at TEST-%d.xml", 1); /* information is never swallowed */
		clock_ms++;
	}
	log_warning(&home, "connection refused; again in 1 s"); /* another one's */
	log_error(&rail, "connection refused; again in 1 s");   /* worse */
	for (int i = 0; i < 5; i++)
		log_error(NULL, "reload: nothing was changed"); /* somebody asked for each */
	log_warning(&rail, "a-1.xml: malformed");
	log_warning(&rail, "a-2.xml: malformed"); /* a number within a name tells lines apart */
}

static size_t count(const char *in, const char *what)
{
	size_t n = 0;

	for (; (in = strstr(in, what)) != NULL; in += strlen(what))
		n++;
	return n;
}

static void later(void)
{
	clock_ms += 60000;
	log_info(NULL, "something else");
	log_warning(&(struct log_ctx){ .who = "testrail/rail" }, "connection refused; again in 9 s");
	log_flush();
}

static void what_repeats_is_counted(void **state)
{
	const struct clock_source source = { .mono_ms = fake, .wall_ms = fake };

	(void)state;
	clock_replace(&source);
	uint64_t before = log_swallowed();
	const char *said = captured(an_outage);
	assert_int_equal(count(said, "<4>testrail/rail: connection refused"), 3);
	assert_int_equal(count(said, "looked at TEST-1.xml"), 1000);
	assert_int_equal(count(said, "<4>local/home: connection refused"), 1);
	assert_int_equal(count(said, "<3>testrail/rail: connection refused"), 1);
	assert_int_equal(count(said, "malformed"), 2);
	assert_int_equal(count(said, "nothing was changed"), 5);
	assert_int_equal(log_swallowed() - before, 997);
	said = captured(later);
	assert_int_equal(
		count(said, "<4>testrail/rail: connection refused; again in 5 s (this again, 997 times in 61 "
			    "s)\n<6>something else\n<4>testrail/rail: connection refused; again in 9 s\n"),
		1);
	assert_int_equal(count(said, "\n"), 3);
	clock_replace(NULL);
}

static void tell(void *cookie, const struct repeat_line *l, int64_t for_ms)
{
	(void)for_ms;
	*(uint64_t *)cookie += l->swallowed;
}

/* Many lines that differ push one another out, and no count is lost. */
static void few_lines_are_remembered(void **state)
{
	struct repeats r = { 0 };
	uint64_t told = 0;
	unsigned wanted = 0;
	char words[32];

	(void)state;
	for (int64_t i = 0; i < 10000; i++) {
		snprintf(words, sizeof(words), "line x%d", (int)(i / 10 % 100));
		wanted += repeat_wants(&r, i, LOG_LEVEL_ERROR, NULL, words, tell, &told);
	}
	repeat_tell(&r, 10000, true, tell, &told);
	assert_int_equal(told, r.swallowed);
	assert_int_equal(wanted + told, 10000);
	assert_int_equal(wanted, 3 * 1000); /* three of each ten */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_say_who_and_are_clean),
		cmocka_unit_test(what_repeats_is_counted),
		cmocka_unit_test(few_lines_are_remembered),
		cmocka_unit_test(a_blocked_reader_is_not_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

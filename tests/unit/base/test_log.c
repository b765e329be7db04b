/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/log.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_say_who_and_are_clean),
		cmocka_unit_test(a_blocked_reader_is_not_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

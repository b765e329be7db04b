/* SPDX-License-Identifier: Apache-2.0
 *
 * test_fold.c - what many executions and tests come to, and the text that tells it. */
#include "sinks/sink.h"

#include "daemon/base/clock.h"
#include "daemon/base/utf8.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* 'p' passed, 's' skipped, 'f' failed, 'e' error, 'k' known failure, 'y' flaky by its own word, 'r' skipped because
 * it was tried again. */
static struct result of(char c)
{
	static const struct property retried = { "retried", "true" };
	struct result r = { .id = "a.B.c", .name = "c", .duration_ms = 10, .started_ms = TIME_UNKNOWN };

	if (c == 'r') {
		r.properties = &retried;
		r.property_count = 1;
	}
	r.outcome = c == 's' || c == 'r'   ? OUTCOME_SKIPPED
		    : c == 'f' || c == 'k' ? OUTCOME_FAILED
		    : c == 'e'             ? OUTCOME_ERROR
					   : OUTCOME_PASSED;
	r.known_failure = c == 'k';
	r.flaky = c == 'y';
	return r;
}

static void attempts_become_a_verdict(void **state)
{
	static const struct {
		const char *attempts;
		enum verdict verdict;
	} row[] = {
		{ "p", VERDICT_PASSED },         { "f", VERDICT_FAILED },        { "e", VERDICT_ERROR },
		{ "s", VERDICT_SKIPPED },        { "k", VERDICT_KNOWN_FAILURE }, { "y", VERDICT_FLAKY },
		{ "pp", VERDICT_PASSED },        { "fp", VERDICT_FLAKY },        { "ep", VERDICT_FLAKY },
		{ "pf", VERDICT_FAILED },        { "ff", VERDICT_FAILED },       { "sp", VERDICT_PASSED },
		{ "fs", VERDICT_SKIPPED },       { "fsp", VERDICT_FLAKY },       { "kp", VERDICT_FLAKY },
		{ "pk", VERDICT_KNOWN_FAILURE }, { "fpe", VERDICT_ERROR },       { "rp", VERDICT_FLAKY },
		{ "rrf", VERDICT_FAILED },       { "r", VERDICT_SKIPPED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct result r[8];
		const struct result *at[8];
		size_t n = strlen(row[i].attempts);
		for (size_t k = 0; k < n; k++) {
			r[k] = of(row[i].attempts[k]);
			at[k] = &r[k];
		}
		struct row_test test = { .results = at, .result_count = n };
		struct folded f = fold_test(&test, NULL);
		assert_int_equal(f.verdict, row[i].verdict);
		assert_ptr_equal(f.result, at[n - 1]);
		assert_int_equal((int)f.duration_ms, 10);
	}
}

static void attempts_of_one_element_count_too(void **state)
{
	const struct attempt attempts[] = { { .outcome = OUTCOME_ERROR }, { .outcome = OUTCOME_PASSED } };
	struct result r = of('p');
	const struct result *at = &r;

	(void)state;
	r.attempts = attempts;
	r.attempt_count = 2;
	struct row_test test = { .results = &at, .result_count = 1 };
	assert_int_equal(fold_test(&test, NULL).verdict, VERDICT_FLAKY);
}

static void several_tests_become_one(void **state)
{
	static const struct {
		const char *tests;
		enum several how;
		size_t decides;
		enum verdict verdict;
	} row[] = {
		{ "ppp", SEVERAL_WORST, 0, VERDICT_PASSED },
		{ "pfp", SEVERAL_WORST, 1, VERDICT_FAILED },
		{ "fef", SEVERAL_WORST, 1, VERDICT_ERROR },
		{ "psk", SEVERAL_WORST, 2, VERDICT_KNOWN_FAILURE },
		{ "pys", SEVERAL_WORST, 2, VERDICT_SKIPPED },
		{ "fkf", SEVERAL_WORST, 0, VERDICT_FAILED },
		{ "py", SEVERAL_WORST, 1, VERDICT_FLAKY },
		{ "fp", SEVERAL_LAST, 1, VERDICT_PASSED },
		{ "pef", SEVERAL_LAST, 2, VERDICT_FAILED },
		{ "pf", SEVERAL_EACH, 1, VERDICT_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct result r[8];
		const struct result *at[8];
		struct row_test tests[8];
		struct row one = { .id = 1, .tests = tests, .test_count = strlen(row[i].tests) };
		for (size_t k = 0; k < one.test_count; k++) {
			r[k] = of(row[i].tests[k]);
			at[k] = &r[k];
			tests[k] = (struct row_test){ .results = &at[k], .result_count = 1 };
		}
		struct folded f = fold_row(&one, row[i].how, NULL);
		assert_int_equal(f.verdict, row[i].verdict);
		assert_ptr_equal(f.result, at[row[i].decides]);
		assert_int_equal(f.test_count, one.test_count);
		assert_int_equal((int)f.duration_ms, (int)(10 * one.test_count));
	}
}

static void the_latest_by_its_stamp(void **state)
{
	struct result a = of('f'), b = of('p');
	const struct result *pa = &a, *pb = &b;
	struct row_test tests[] = { { .results = &pa, .result_count = 1 },
				    { .results = &pb, .result_count = 1 } };
	struct row row = { .tests = tests, .test_count = 2 };

	(void)state;
	a.started_ms = 2000;
	b.started_ms = 1000;
	assert_int_equal(fold_row(&row, SEVERAL_LAST, NULL).verdict, VERDICT_FAILED);
	b.started_ms = TIME_UNKNOWN;
	assert_int_equal(fold_row(&row, SEVERAL_LAST, NULL).verdict, VERDICT_PASSED);
}

static void unknown_durations_add_nothing(void **state)
{
	static const struct {
		double a, b, sum;
	} row[] = {
		{ 1, 2, 3 },   { -1, 2, 2 },       { 1, -1, 1 }, { -1, -1, -1 },
		{ NAN, 5, 5 }, { INFINITY, 5, 5 }, { 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct result a = of('p'), b = of('p');
		const struct result *pa = &a, *pb = &b;
		struct row_test tests[] = { { .results = &pa, .result_count = 1 },
					    { .results = &pb, .result_count = 1 } };
		struct row one = { .tests = tests, .test_count = 2 };
		a.duration_ms = row[i].a;
		b.duration_ms = row[i].b;
		assert_true(fold_row(&one, SEVERAL_WORST, NULL).duration_ms == row[i].sum);
	}
}

/* ---- text ---- */

static struct text text(const char *s)
{
	return (struct text){ s, strlen(s), strlen(s) };
}

static void comment_is(const struct row *row, const char *expected)
{
	struct buf b = BUF_LIMIT(1 << 20);
	struct folded f = fold_row(row, SEVERAL_WORST, NULL);

	fold_comment(&b, &f, 64 << 10);
	assert_string_equal(b.data != NULL ? b.data : "", expected);
	buf_done(&b);
}

static void a_failure_is_told_once(void **state)
{
	static const struct {
		const char *type, *message, *detail, *told;
	} row[] = {
		{ NULL, NULL, NULL, "" },
		{ "AssertionError", NULL, NULL, "AssertionError" },
		{ NULL, "1 != 2", NULL, "1 != 2" },
		{ "AssertionError", "1 != 2", NULL, "AssertionError: 1 != 2" },
		{ "AssertionError", "1 != 2", "at x.py:3\n", "AssertionError: 1 != 2\nat x.py:3" },
		{ "AssertionError", "1 != 2", "AssertionError: 1 != 2\n\tat x",
		  "AssertionError: 1 != 2\n\tat x" },
		{ "AssertionError", "1 != 2", "1 != 2 at x", "AssertionError: 1 != 2\n1 != 2 at x" },
		{ NULL, "1 != 2", "1 != 2\nat x", "1 != 2\nat x" },
		{ "A", NULL, "A: b", "A: b" },
		{ NULL, NULL, "only this\n\n", "only this" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct result r = of('f');
		const struct result *at = &r;
		struct row_test test = { .results = &at, .result_count = 1 };
		struct row one = { .tests = &test, .test_count = 1 };
		r.failure.type = row[i].type;
		if (row[i].message != NULL)
			r.failure.message = text(row[i].message);
		if (row[i].detail != NULL)
			r.failure.detail = text(row[i].detail);
		comment_is(&one, row[i].told);
	}
}

static void earlier_attempts_are_listed(void **state)
{
	struct result a = of('f'), b = of('p');
	const struct result *at[] = { &a, &b };
	struct row_test test = { .results = at, .result_count = 2 };
	struct row row = { .tests = &test, .test_count = 1 };

	(void)state;
	a.failure.message = text("timed out");
	a.duration_ms = 1500;
	a.started_ms = 1795255200000;
	comment_is(&row, "Earlier attempts (1):\n1. failed (1.5 s) at 2026-11-21T10:00:00.000Z\ntimed out");
}

/* Surefire: the first failure decides, reruns follow it; each is told once. */
static void reruns_are_listed_behind_their_failure(void **state)
{
	struct attempt attempts[] = {
		{ .outcome = OUTCOME_FAILED, .duration_ms = -1, .started_ms = TIME_UNKNOWN },
		{ .outcome = OUTCOME_ERROR, .duration_ms = -1, .started_ms = TIME_UNKNOWN },
	};
	struct result r = of('f');
	const struct result *at = &r;
	struct row_test test = { .results = &at, .result_count = 1 };
	struct row row = { .tests = &test, .test_count = 1 };

	(void)state;
	attempts[0].failure.message = r.failure.message = text("timeout");
	attempts[1].failure.message = text("again");
	r.attempts = attempts;
	r.attempt_count = 2;
	comment_is(&row, "timeout\n\nOther attempts (1):\n2. error\nagain");
	r.failure.message = text("again");
	comment_is(&row, "again\n\nEarlier attempts (1):\n1. failed\ntimeout");
}

static void other_tests_are_listed(void **state)
{
	static const char *const params[] = { "1", "x" };
	struct result a = of('p'), b = of('f'), c = of('e');
	const struct result *pa = &a, *pb = &b, *pc = &c;
	struct row_test tests[] = {
		{ .results = &pa, .result_count = 1 },
		{ .results = &pb, .result_count = 1 },
		{ .results = &pc, .result_count = 1 },
	};
	struct row row = { .tests = tests, .test_count = 3 };

	(void)state;
	a.params = params;
	a.param_count = 2;
	b.failure.message = text("no\nsecond line");
	c.failure.message = text("broken");
	c.variant = "chrome";
	comment_is(&row, "a.B.c {chrome}\nbroken\n\nTests of this case (3):\n"
			 "- passed: a.B.c[1, x] (10 ms)\n- failed: a.B.c (10 ms): no ...\n- error: a.B.c "
			 "{chrome} (10 ms)");
}

static void cut_texts_say_so(void **state)
{
	struct result r = of('f');
	const struct result *at = &r;
	struct row_test test = { .results = &at, .result_count = 1 };
	struct row row = { .tests = &test, .test_count = 1 };

	(void)state;
	r.failure.detail = text("the beginning");
	r.failure.detail.whole = 5000000;
	comment_is(&row, "the beginning\n[4999987 bytes cut]");
}

/* Whatever goes in: at most max bytes come out, whole characters, and a mark where something is missing. */
static void the_ceiling_holds(void **state)
{
	enum { BIG = 200000 };
	static const size_t max[] = { 0, 5, 11, 12, 40, 300, 1000, 5000, 65536 };
	char *big = malloc(BIG + 1);
	struct result r[50];
	const struct result *at[50];
	struct row_test tests[50];

	(void)state;
	for (size_t i = 0; i < BIG; i += 2)
		memcpy(big + i, "\xc3\xa4", 2);
	big[BIG] = '\0';
	for (size_t i = 0; i < COUNT(r); i++) {
		r[i] = of(i % 3 == 0 ? 'p' : 'f');
		r[i].failure.message = text(big);
		r[i].failure.detail = text(big);
		r[i].failure.type = big;
		r[i].id = big;
		at[i] = &r[i];
		tests[i] = (struct row_test){ .results = at, .result_count = i + 1 };
	}
	struct row row = { .tests = tests, .test_count = COUNT(tests) };
	for (size_t i = 0; i < COUNT(max); i++) {
		struct buf b = BUF_LIMIT(1 << 20);
		struct folded f = fold_row(&row, SEVERAL_WORST, NULL);
		buf_puts(&b, "before");
		fold_comment(&b, &f, max[i]);
		assert_true(b.len <= 6 + max[i]);
		assert_true(utf8_valid(b.data, b.len));
		if (max[i] > 20)
			assert_string_equal(b.data + b.len - 10, "[cut here]");
		buf_done(&b);
	}
	free(big);
}

static void of_many_attempts_the_latest_are_told(void **state)
{
	enum { MANY = 100000 };
	struct result r = of('f');
	const struct result **at = malloc(MANY * sizeof(*at));
	struct row_test test = { .results = at, .result_count = MANY };
	struct folded f;
	struct buf b = BUF_LIMIT(1 << 20);

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		at[i] = &r;
	f = fold_test(&test, NULL);
	fold_comment(&b, &f, 64 << 10);
	assert_non_null(
		strstr(b.data, "Earlier attempts (99999):\n(the first 99979 are left out)\n99980. failed"));
	assert_non_null(strstr(b.data, "\n99999. failed"));
	assert_null(strstr(b.data, "\n100000. failed"));
	buf_done(&b);
	free(at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attempts_become_a_verdict),
		cmocka_unit_test(attempts_of_one_element_count_too),
		cmocka_unit_test(several_tests_become_one),
		cmocka_unit_test(the_latest_by_its_stamp),
		cmocka_unit_test(unknown_durations_add_nothing),
		cmocka_unit_test(a_failure_is_told_once),
		cmocka_unit_test(earlier_attempts_are_listed),
		cmocka_unit_test(reruns_are_listed_behind_their_failure),
		cmocka_unit_test(other_tests_are_listed),
		cmocka_unit_test(cut_texts_say_so),
		cmocka_unit_test(the_ceiling_holds),
		cmocka_unit_test(of_many_attempts_the_latest_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

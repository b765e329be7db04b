/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dispatch/retry.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void waits_grow_and_stay_capped(void **state)
{
	static const struct {
		unsigned tries;
		int64_t low, high;
	} row[] = {
		{ 0, 5000, 5000 },   { 1, 5000, 10000 },     { 4, 5000, 80000 },
		{ 8, 5000, 900000 }, { 1000, 5000, 900000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int64_t most = 0;
		for (uint64_t seed = 0; seed < 2000; seed++) {
			int64_t wait = retry_wait_ms(row[i].tries, seed);
			assert_in_range(wait, row[i].low, row[i].high);
			assert_int_equal(wait, retry_wait_ms(row[i].tries, seed));
			most = wait > most ? wait : most;
		}
		/* The jitter is full: the upper half of the range is used. */
		assert_true(most >= (row[i].low + row[i].high) / 2);
	}
}

static void a_429_is_clamped(void **state)
{
	static const struct {
		int64_t after;
		unsigned limited;
		int64_t wait;
	} row[] = {
		{ -1, 0, 60000 },      { 0, 0, 1000 },     { 7, 0, 7000 },   { 3600, 0, 3600000 },
		{ 86400, 0, 3600000 }, { 7, 2, 7000 },     { 7, 3, 8000 },   { 0, 5, 32000 },
		{ 2, 6, 60000 },       { 2, 1000, 60000 }, { -1, 9, 60000 }, { 90, 9, 90000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_int_equal(retry_limited_ms(row[i].after, row[i].limited), row[i].wait);
}

static void a_503_of_a_daily_quota_waits_for_the_day_to_turn(void **state)
{
	static const struct {
		unsigned fails;
		int64_t after, wait;
	} row[] = {
		{ 0, -1, 1000 },        { 1, -1, 2000 },        { 3, -1, 8000 },       { 4, -1, 60000 },
		{ 6, -1, 240000 },      { 10, -1, 3600000 },    { 4000, -1, 3600000 }, { 0, 7, 7000 },
		{ 9, 40000, 40000000 }, { 9, 86400, 86400000 }, { 2, 0, 4000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_int_equal(retry_quota_ms(row[i].fails, row[i].after), row[i].wait);
	for (unsigned fails = 1; fails < 20; fails++)
		assert_true(retry_quota_ms(fails, -1) >= retry_quota_ms(fails - 1, -1));
}

/* Sends whenever it may for ten minutes; counts the worst minute. */
static void pace_keeps_below_the_limit(void **state)
{
	struct pace p;
	int64_t sent[5000];
	size_t n = 0, worst = 0;

	(void)state;
	pace_init(&p, 180);
	for (int64_t now = 1000000; now < 1600000; now += 10) {
		while (pace_wait_ms(&p, now, false) == 0 && n < 5000) {
			pace_take(&p, now);
			sent[n++] = now;
		}
	}
	for (size_t i = 0; i < n; i++) {
		size_t in = 0;
		for (size_t k = i; k < n && sent[k] < sent[i] + 60000; k++)
			in++;
		worst = in > worst ? in : worst;
	}
	assert_in_range(n, 1400, 1480);
	assert_in_range(worst, 100, 180);
}

static void look_ups_have_a_share_of_their_own(void **state)
{
	struct pace p;
	int64_t now = 5000000;

	(void)state;
	pace_init(&p, 180);
	while (pace_wait_ms(&p, now, false) == 0)
		pace_take(&p, now);
	assert_int_equal(pace_wait_ms(&p, now, true), 0);
	int64_t wait = pace_wait_ms(&p, now, false);
	assert_in_range(wait, 1, 1000);
	assert_int_equal(pace_wait_ms(&p, now + wait, false), 0);
	p.blocked_until_ms = now + 30000;
	assert_int_equal(pace_wait_ms(&p, now, true), 30000);
}

static void row_43_a_restart_finds_the_bucket_where_it_was(void **state)
{
	struct pace p, again;
	int64_t now = 5000000;

	(void)state;
	pace_init(&p, 180);
	for (int i = 0; i < 9; i++)
		pace_take(&p, now);
	pace_init(&again, 180);
	pace_made(&again, now, 4);
	pace_made(&again, now, 5);
	assert_int_equal(pace_wait_ms(&again, now + 100, false), pace_wait_ms(&p, now + 100, false));
	assert_true(pace_wait_ms(&again, now + 100, false) > 0);
	/* What lies longer behind than the bucket needs to fill counts for nothing. */
	pace_init(&again, 180);
	pace_made(&again, now - 60000, 9);
	assert_int_equal(pace_wait_ms(&again, now, false), 0);
}

static void row_43_a_limit_is_taken_from_the_servers_words(void **state)
{
	static const struct {
		const char *text;
		double rate;
	} row[] = {
		{ "API Rate Limit Exceeded - 180 per minute maximum allowed. Retry after 6 seconds.", 180 },
		{ "{\"error\":\"at most 60 requests per minute\"}", 60 },
		{ "100 calls/minute", 100 },
		{ "Retry after 6 seconds", 0 },
		{ "", 0 },
		{ "5 per hour", 0 },
		{ "180", 0 },
		{ "180 ", 0 },
		{ "18 per month, 20 per minute", 20 },
	};
	struct pace p;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		double got = pace_in_words(row[i].text, strlen(row[i].text));
		assert_true(got == row[i].rate);
	}
	pace_init(&p, 300);
	double before = p.interval_ms;
	assert_false(pace_learn(&p, 0));
	assert_false(pace_learn(&p, 400)); /* more than was configured: the operator decides */
	assert_true(p.interval_ms == before);
	assert_true(pace_learn(&p, 180));
	assert_true(p.interval_ms > before);
	pace_init(&p, 0);
	assert_true(pace_learn(&p, 180));
}

static void no_rate_is_no_limit(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, 0);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(pace_wait_ms(&p, 1, false), 0);
		pace_take(&p, 1);
	}
}

/* So many in any 24 hours, whatever the pattern of asking is, and over restarts. */
static void a_day_is_any_24_hours(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		const size_t most = 1 + seed % 7;
		uint64_t x = seed * 2654435761u;
		int64_t sent[2000], now = 1000000000;
		struct pace p;
		size_t n = 0;

		pace_init(&p, 6000);
		pace_init_day(&p, most);
		for (int step = 0; step < 3000 && n < 2000; step++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			now += (int64_t)(x % (PACE_DAY_MS / 20));
			if (pace_wait_ms(&p, now, x % 2 == 0) == 0) {
				pace_take(&p, now);
				sent[n++] = now;
			}
			if (step % 500 == 499) { /* another process: told what was sent within a day */
				pace_done(&p);
				pace_init(&p, 6000);
				pace_init_day(&p, most);
				for (size_t i = 0; i < n; i++)
					if (now - sent[i] < PACE_DAY_MS)
						pace_made(&p, sent[i], 1);
			}
		}
		assert_true(n > most); /* it goes on when the day is over */
		for (size_t i = most; i < n; i++)
			assert_true(sent[i] - sent[i - most] >= PACE_DAY_MS);
		pace_done(&p);
	}
}

/* A wait ends when the oldest request is a day old, no sooner, and then there is room for one. */
static void a_full_day_waits_for_its_oldest_request(void **state)
{
	struct pace p;
	(void)state;

	pace_init(&p, 6000);
	pace_init_day(&p, 2);
	pace_made(&p, 1000, 1);
	pace_made(&p, 5000, 1);
	assert_int_equal(pace_wait_ms(&p, 10000, false), 1000 + PACE_DAY_MS - 10000);
	assert_int_equal(pace_wait_ms(&p, 10000, true), 1000 + PACE_DAY_MS - 10000);
	assert_int_equal(pace_wait_ms(&p, 1000 + PACE_DAY_MS, false), 0);
	pace_made(&p, 1000 + PACE_DAY_MS, 1);
	assert_int_equal(pace_wait_ms(&p, 1000 + PACE_DAY_MS, false), 4000);
	pace_done(&p);
	pace_init(&p, 6000); /* no limit */
	pace_init_day(&p, 0);
	pace_made(&p, 1000, 5);
	assert_int_equal(pace_wait_ms(&p, 100000, false), 0);
	pace_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_day_is_any_24_hours),
		cmocka_unit_test(a_full_day_waits_for_its_oldest_request),
		cmocka_unit_test(waits_grow_and_stay_capped),
		cmocka_unit_test(a_429_is_clamped),
		cmocka_unit_test(a_503_of_a_daily_quota_waits_for_the_day_to_turn),
		cmocka_unit_test(pace_keeps_below_the_limit),
		cmocka_unit_test(look_ups_have_a_share_of_their_own),
		cmocka_unit_test(row_43_a_restart_finds_the_bucket_where_it_was),
		cmocka_unit_test(row_43_a_limit_is_taken_from_the_servers_words),
		cmocka_unit_test(no_rate_is_no_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

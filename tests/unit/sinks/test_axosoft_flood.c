/* SPDX-License-Identifier: Apache-2.0
 *
 * What is done about a failure: the rules against floods, as rows of cases, and what must hold for any of them. */
#include "sinks/axosoft/axosoft.h"

#include "daemon/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DAY INT64_C(86400000)
#define NOW (INT64_C(20000) * DAY)

static struct axosoft_conf conf(void)
{
	return (struct axosoft_conf){
		.mode = AXOSOFT_CREATE,
		.after = { .runs = 2 },
		.caps = { .per_run = 10, .per_day = 50, .summary = true },
		.group = { .suite = 10, .outage = 5, .outage_summary = true },
		.known = { .closed = AXOSOFT_REOPEN, .within_ms = 10 * DAY, .comment = true }
	};
}

static const struct row_failure twice = { .first_ms = NOW - 90 * DAY,
					  .since_ms = NOW - DAY,
					  .last_ms = NOW,
					  .streak = 2,
					  .runs = 9,
					  .suite = "shop.Cart",
					  .suite_failures = 1,
					  .run_failures = 1 };

static struct axosoft_case failing(const struct row_failure *history)
{
	return (struct axosoft_case){
		.now_ms = NOW, .run = 7, .history = history, .item = { .done_ms = TIME_UNKNOWN }
	};
}

static enum axosoft_do decide(const struct axosoft_conf *c, const struct axosoft_case *x)
{
	const char *why = NULL;
	enum axosoft_do what = axosoft_decide(c, x, &why);

	assert_non_null(why);
	if (what == AXOSOFT_DO_NOTHING)
		assert_true(why[0] != '\0'); /* silence would be no answer */
	return what;
}

static void rule_4_thresholds_and_caps(void **state)
{
	struct axosoft_conf c = conf();
	struct row_failure h = twice;
	struct axosoft_case x = failing(&h);
	(void)state;

	assert_int_equal(decide(&c, &x), AXOSOFT_DO_MAKE);
	h.streak = 1;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING);
	x.history = NULL; /* its first run */
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING);
	c.after.runs = 1;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_MAKE);
	x.history = &h;
	h.streak = 2;
	c.after.age_ms = 2 * DAY; /* first seen 90 days ago, but failing for one day */
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING);
	h.since_ms = NOW - 2 * DAY;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_MAKE);
	x.made_run = 9;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_MAKE);
	x.made_run = 10;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_GATHER);
	c.caps.summary = false;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING);
	x.made_run = 0;
	x.made_day = 50;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING);
}

static void rule_5_suites_and_outages(void **state)
{
	struct axosoft_conf c = conf();
	struct row_failure h = twice;
	struct axosoft_case x = failing(&h);
	(void)state;

	h.suite_failures = h.run_failures = 9;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_MAKE);
	h.suite_failures = h.run_failures = 10;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_GROUP);
	x.made_run = 10; /* a cap holds for what makes an item, not for who joins one */
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_GATHER);
	x.group_known = true;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_GROUP);
	h.suite = NULL; /* it stands in several */
	x.made_run = 0;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_MAKE);
	c.group.suite = 0;
	h.suite = "shop.Cart";
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_MAKE);

	x.none_passed = true;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_GATHER);
	x.made_day = 50;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING);
	x.summary_known = true;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_GATHER);
	c.group.outage_summary = false;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING);
	x.made_day = 0;
	h.run_failures = 4; /* few causes are causes */
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_MAKE);
	h.run_failures = 1000;
	c.group.outage = 0;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_MAKE);
}

static struct axosoft_item known(bool done, int64_t done_ms)
{
	return (struct axosoft_item){ .id = "991",
				      .ours = true,
				      .done = done,
				      .done_ms = done_ms,
				      .seen_run = 7,
				      .set_step = "40",
				      .step_id = "40" };
}

static void rule_6_what_has_its_item(void **state)
{
	struct axosoft_conf c = conf();
	struct axosoft_case x = failing(&twice);
	(void)state;

	x.item = known(false, TIME_UNKNOWN);
	x.item.seen_run = 6;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_LOOK);
	x.item.seen_run = 7;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_COMMENT);
	x.told = true;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_LINK);
	x.told = false;
	c.known.comment = false;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_LINK);
	c.known.comment = true;
	c.mode = AXOSOFT_LINK_ONLY;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_LINK);
	c.mode = AXOSOFT_CREATE;

	x.item = known(true, NOW - 10 * DAY);
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_REOPEN);
	x.item.done_ms--;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_MAKE);
	x.item.done_ms = TIME_UNKNOWN; /* closed, nobody knows when */
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_REOPEN);
	c.known.closed = AXOSOFT_REPLACE;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_MAKE);
	c.known.closed = AXOSOFT_LEAVE;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_COMMENT);
	x.item.missing = true;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_MAKE);
}

static void rule_7_what_passes(void **state)
{
	struct axosoft_conf c = conf();
	struct row_failure h = twice;
	struct axosoft_case x = failing(&h);
	(void)state;

	x.passed = true;
	h.streak = 0;
	h.passes = 3;
	x.item = known(false, TIME_UNKNOWN);
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING); /* close_after: never, by default */
	c.known.close_after = 3;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_CLOSE);
	h.passes = 2;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING);
	h.passes = 3;
	x.item.seen_run = 6;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_LOOK);
	x.item.seen_run = 7;
	x.item.done = true;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING);
	x.item.done = false;
	x.item.ours = false;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING);
	x.item.ours = true;
	x.item.shared = true;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING);
	x.item.shared = false;
	x.item.step_id = "41"; /* moved */
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING);
	x.item.step_id = NULL; /* a server that does not say */
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_CLOSE);
	x.item.touched = true;
	assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING);
}

static void rule_8_flaky_ones_change_nothing(void **state)
{
	struct axosoft_conf c = conf();
	struct row_failure h = twice;
	struct axosoft_case x = failing(&h);
	(void)state;

	for (int i = 0; i < 2; i++) {
		x.flaky = i == 0; /* in this run */
		h.flaky = i == 1; /* at this commit */
		x.item = (struct axosoft_item){ .done_ms = TIME_UNKNOWN };
		assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING);
		x.item = known(true, NOW - DAY);
		assert_int_equal(decide(&c, &x), AXOSOFT_DO_NOTHING);
		x.item = known(false, TIME_UNKNOWN); /* an open one is told */
		assert_int_equal(decide(&c, &x), AXOSOFT_DO_COMMENT);
	}
}

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Whatever the history, the item and the configuration are. */
static void what_holds_for_any_case(void **state)
{
	(void)state;
	for (uint64_t round = 1; round <= 200000; round++) {
		uint64_t seed = round * 2654435761u;
		struct axosoft_conf c = conf();
		struct row_failure h = twice;
		struct axosoft_case x = failing(next(&seed) % 8 == 0 ? NULL : &h);
		c.mode = (int)(1 + next(&seed) % 3);
		c.after.runs = (int64_t)(1 + next(&seed) % 3);
		c.group.suite = (int64_t)(next(&seed) % 3);
		c.group.outage = (int64_t)(next(&seed) % 3);
		c.group.outage_summary = next(&seed) % 2;
		c.known.closed = (int)(next(&seed) % 3);
		c.known.close_after = (int64_t)(next(&seed) % 3);
		c.known.comment = next(&seed) % 2;
		h.streak = next(&seed) % 4;
		h.passes = next(&seed) % 4;
		h.flaky = next(&seed) % 4 == 0;
		h.suite_failures = h.run_failures = 1 + next(&seed) % 3;
		x.passed = next(&seed) % 3 == 0;
		x.flaky = next(&seed) % 5 == 0;
		x.none_passed = next(&seed) % 3 == 0;
		x.told = next(&seed) % 3 == 0;
		x.made_run = (int64_t)(next(&seed) % 12);
		x.made_day = (int64_t)(next(&seed) % 60);
		x.summary_known = next(&seed) % 2;
		x.group_known = next(&seed) % 2;
		x.item = known(next(&seed) % 2, NOW - (int64_t)(next(&seed) % 20) * DAY);
		x.item.id = next(&seed) % 3 == 0 ? NULL : "991";
		x.item.missing = next(&seed) % 5 == 0;
		x.item.ours = next(&seed) % 4 != 0;
		x.item.shared = next(&seed) % 4 == 0;
		x.item.touched = next(&seed) % 4 == 0;
		x.item.seen_run = (int64_t)(6 + next(&seed) % 2);
		enum axosoft_do what = decide(&c, &x);
		bool makes = what == AXOSOFT_DO_MAKE || what == AXOSOFT_DO_GROUP || what == AXOSOFT_DO_GATHER;
		bool writes = makes || what == AXOSOFT_DO_COMMENT || what == AXOSOFT_DO_REOPEN ||
			      what == AXOSOFT_DO_CLOSE;
		if (writes)
			assert_int_equal(c.mode, AXOSOFT_CREATE);
		if (makes) {
			assert_false(x.passed);
			assert_true((x.history != NULL ? (int64_t)h.streak : 1) >= c.after.runs);
			assert_false(x.flaky || (x.history != NULL && h.flaky));
			assert_true(x.item.id == NULL || x.item.missing || x.item.done);
		}
		if (what == AXOSOFT_DO_MAKE)
			assert_true(x.made_run < c.caps.per_run && x.made_day < c.caps.per_day);
		if (what == AXOSOFT_DO_CLOSE)
			assert_true(x.passed && x.item.ours && !x.item.shared && !x.item.touched &&
				    !x.item.done && c.known.close_after > 0);
		if (what == AXOSOFT_DO_REOPEN)
			assert_true(!x.passed && x.item.done && c.known.closed == AXOSOFT_REOPEN);
		if (what == AXOSOFT_DO_LOOK) /* once a run, or it would go round for ever */
			assert_true(x.item.seen_run != x.run);
		if (what == AXOSOFT_DO_LINK || what == AXOSOFT_DO_COMMENT)
			assert_true(x.item.id != NULL && !x.item.missing);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_4_thresholds_and_caps),
		cmocka_unit_test(rule_5_suites_and_outages),
		cmocka_unit_test(rule_6_what_has_its_item),
		cmocka_unit_test(rule_7_what_passes),
		cmocka_unit_test(rule_8_flaky_ones_change_nothing),
		cmocka_unit_test(what_holds_for_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

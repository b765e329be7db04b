/* SPDX-License-Identifier: Apache-2.0
 *
 * Failures over runs: how long they go on, where they stand, and what one commit says of both outcomes. */
#include "tests/unit/queue/fixture.h"

static const char *by_message(const void *cookie, const struct result *r, struct arena *a)
{
	(void)cookie;
	return r->failure.message.s != NULL && strcmp(r->failure.message.s, "ignored") != 0
		       ? arena_strndup(a, r->failure.message.s, r->failure.message.len)
		       : NULL;
}

struct world {
	struct fx *f;
	struct resolver plan;
	int runs;
};

static struct world world_of(void **state)
{
	return (struct world){
		.f = *state, .plan = { .match = true, .scope = "p1", .cause = by_message, .passes = true }
	};
}

/* One more run, at a commit (NULL: unknown), whose failures are counted.  Returns its delivery. */
static int64_t run_of(struct world *w, const char *commit, const struct fx_result *r, size_t count)
{
	char key[32];
	int64_t delivery = 0;

	(void)snprintf(key, sizeof(key), "run %d", ++w->runs);
	(void)snprintf(w->plan.commit, sizeof(w->plan.commit), "%s", commit != NULL ? commit : "");
	int64_t run =
		fx_part(w->f, &(struct fx_take){ .key = key, .content = key, .sinks = { "d" } }, r, count);
	assert_int_equal(fx_end_run(w->f, run), 0);
	(void)fx_due(w->f, "d", NOW + 1000000);
	for (size_t i = 0; i < w->f->due_count; i++)
		if (w->f->due[i].run == run)
			delivery = w->f->due[i].delivery;
	assert_true(delivery != 0);
	assert_int_equal(fx_resolve(w->f, delivery, &w->plan), 0);
	return delivery;
}

static const struct row_failure *history(struct world *w, int64_t delivery, const char *rid)
{
	const struct row *row = fx_row_of(fx_rows(w->f, delivery, ROWS_RESULTS, 100), rid);

	assert_non_null(row);
	assert_non_null(row->failure);
	return row->failure;
}

static const struct fx_result bad[] = { { "s.Cart", "pays", OUTCOME_FAILED, .message = "x" } };
static const struct fx_result good[] = { { "s.Cart", "pays", OUTCOME_PASSED, .suite = { NULL } } };
static const struct fx_result skipped[] = { { "s.Cart", "pays", OUTCOME_SKIPPED, .suite = { NULL } } };
static const struct fx_result elsewhere[] = { { "s.Cart", "ships", OUTCOME_PASSED, .suite = { NULL } } };
static const struct fx_result otherwise[] = { { "s.Cart", "pays", OUTCOME_FAILED, .message = "y" } };

static void a_streak_counts_runs_and_ends_with_a_pass(void **state)
{
	struct world w = world_of(state);
	const struct row_failure *h;
	int64_t d = run_of(&w, NULL, bad, 1);

	h = history(&w, d, "x");
	assert_int_equal(h->streak, 1);
	assert_int_equal(fx_resolve(w.f, d, &w.plan), 0); /* looked at again: the same run */
	assert_int_equal(history(&w, d, "x")->streak, 1);
	(void)run_of(&w, NULL, elsewhere, 1); /* says nothing of it */
	(void)run_of(&w, NULL, skipped, 1);
	(void)run_of(&w, NULL, otherwise, 1); /* whether this one is mended cannot be seen */
	d = run_of(&w, NULL, bad, 1);
	h = history(&w, d, "x");
	assert_int_equal(h->streak, 2);
	assert_int_equal(h->runs, 2);
	assert_int_equal(h->since_ms, h->first_ms);
	(void)run_of(&w, NULL, good, 1);
	d = run_of(&w, NULL, bad, 1);
	h = history(&w, d, "x");
	assert_int_equal(h->streak, 1);
	assert_int_equal(h->runs, 3);
	assert_false(h->flaky); /* the commits are not known */
	assert_true(h->since_ms >= h->first_ms);
}

static void rule_8_one_commit_with_both_outcomes_is_flaky(void **state)
{
	struct world w = world_of(state);

	assert_false(history(&w, run_of(&w, "a", bad, 1), "x")->flaky);
	(void)run_of(&w, "a", good, 1);
	assert_true(history(&w, run_of(&w, "a", bad, 1), "x")->flaky);
	assert_true(history(&w, run_of(&w, "a", bad, 1), "x")->flaky); /* still that commit */
	assert_false(history(&w, run_of(&w, "b", bad, 1), "x")->flaky);
	(void)run_of(&w, "c", good, 1); /* other code: mended, not flaky */
	assert_false(history(&w, run_of(&w, "d", bad, 1), "x")->flaky);
}

static void rule_5_failures_are_counted_by_suite_and_run(void **state)
{
	static const struct fx_result r[] = {
		{ "s.Cart", "a", OUTCOME_FAILED, .message = "one" },
		{ "s.Cart", "b", OUTCOME_FAILED, .message = "two" },
		{ "s.Cart", "c", OUTCOME_FAILED, .message = "two" },
		{ "s.Pay", "d", OUTCOME_FAILED, .message = "three" },
		{ "s.Pay", "e", OUTCOME_FAILED, .message = "both" },
		{ "s.Cart", "f", OUTCOME_FAILED, .message = "both" },
		{ NULL, "g", OUTCOME_FAILED, .suite = { "all", "deep" }, .message = "bare" },
		{ "s.Pay", "h", OUTCOME_FAILED, .message = "ignored" },
	};
	struct world w = world_of(state);
	int64_t d = run_of(&w, NULL, r, 8);
	const struct row_failure *h = history(&w, d, "two");

	assert_string_equal(h->suite, "s.Cart");
	assert_int_equal(h->suite_failures, 2);
	assert_int_equal(h->run_failures, 5);
	assert_true(h->none_passed);
	assert_null(h->results_url);
	assert_int_equal(history(&w, d, "three")->suite_failures, 1);
	h = history(&w, d, "both");
	assert_null(h->suite); /* it stands in several */
	assert_int_equal(h->suite_failures, 1);
	assert_string_equal(history(&w, d, "bare")->suite, "deep");
	static const struct fx_result later[] = { { "s.Pay", "e", OUTCOME_FAILED, .message = "both" },
						  { "s.Pay", "d", OUTCOME_PASSED, .suite = { NULL } } };
	h = history(&w, run_of(&w, NULL, later, 2), "both");
	assert_string_equal(h->suite, "s.Pay"); /* of this run */
	assert_int_equal(h->run_failures, 1);
	assert_false(h->none_passed);
}

static void what_does_not_count_leaves_no_history(void **state)
{
	struct world w = world_of(state);

	w.plan.idle = true; /* another branch */
	(void)run_of(&w, NULL, bad, 1);
	w.plan.idle = false;
	assert_int_equal(history(&w, run_of(&w, NULL, bad, 1), "x")->streak, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_streak_counts_runs_and_ends_with_a_pass, fx_setup,
						fx_teardown),
		cmocka_unit_test_setup_teardown(rule_8_one_commit_with_both_outcomes_is_flaky, fx_setup,
						fx_teardown),
		cmocka_unit_test_setup_teardown(rule_5_failures_are_counted_by_suite_and_run, fx_setup,
						fx_teardown),
		cmocka_unit_test_setup_teardown(what_does_not_count_leaves_no_history, fx_setup, fx_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

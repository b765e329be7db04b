/* SPDX-License-Identifier: Apache-2.0
 *
 * Matching tests to cases, and what a step of a sink gets to see of it. */
#include "tests/unit/queue/fixture.h"

static const char *const known[][3] = {
	/* id, automation id, title */
	{ "1", "a.B.one", "First" }, { "2", "a.B.two", "Second" }, { "3", NULL, "three" },
	{ "4", NULL, NULL },         { "12", NULL, "Twelve" },     { NULL, NULL, NULL },
};

static int64_t one_part(struct fx *f, const char *content, const struct fx_result *r, size_t count)
{
	fx_part(f, &(struct fx_take){ .key = "k", .content = content }, r, count);
	return fx_only(f, "rail");
}

static void tests_find_their_cases(void **state)
{
	static const struct fx_result r[] = {
		{ "a.B", "one", OUTCOME_PASSED, .suite = { "s" } },              /* automation */
		{ "a.B", "two", OUTCOME_FAILED, .refs = { "C4" } },              /* reference first */
		{ "x", "three", OUTCOME_PASSED, .suite = { "s" } },              /* title */
		{ "x", "four", OUTCOME_PASSED, .refs = { "AT-TC-9" } },          /* not ours */
		{ "x", "five", OUTCOME_PASSED, .refs = { "C999" } },             /* no such case */
		{ "x", "six", OUTCOME_SKIPPED, .refs = { "C12", "C1", "C12" } }, /* two cases */
	};
	struct fx *f = *state;
	int64_t d = one_part(f, "x", r, 6);

	fx_cases(f, d, known);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	assert_int_equal(f->owed.owed, 4); /* cases 1 (two tests), 3, 4, 12 */
	assert_int_equal(f->owed.parked, 2);
	assert_int_equal(f->owed.oldest_ms, NOW);
	struct rows *rows = fx_rows(f, d, ROWS_RESULTS, 100);
	assert_int_equal(rows->count, 4);
	assert_false(rows->more);
	const struct row *row = fx_row_of(rows, "1");
	assert_non_null(row);
	assert_string_equal(row->remote_json, "{\"x\":1}");
	assert_int_equal(row->test_count, 2);
	assert_string_equal(row->tests[0].results[0]->id, "a.B.one");
	assert_string_equal(row->tests[1].results[0]->id, "x.six");
	assert_string_equal(row->tests[1].results[0]->report, "x");
	assert_string_equal(fx_row_of(rows, "4")->tests[0].results[0]->id, "a.B.two");
	assert_string_equal(fx_row_of(rows, "3")->tests[0].results[0]->id, "x.three");
	assert_int_equal(fx_row_of(rows, "12")->tests[0].results[0]->outcome, OUTCOME_SKIPPED);
	assert_int_equal(fx_parked(f, d), 2);
	assert_string_equal(f->text[0], "rail|x.four|no case for \"x.four\"");
	/* Again: nothing new, nothing twice. */
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	assert_int_equal(f->owed.owed, 4);
	rows = fx_rows(f, d, ROWS_LINKS, 1);
	assert_int_equal(rows->id_count, 4);
	assert_string_equal(rows->ids[0], "1");
	assert_string_equal(rows->ids[3], "12"); /* sorted as numbers are */
	assert_int_equal(rows->new_ids, 4);
}

/* References that are trusted need no list; what is unmatched waits for the second look, after the list. */
static void trusted_references_need_no_list(void **state)
{
	static const struct fx_result r[] = {
		{ "a.B", "one", OUTCOME_PASSED, .suite = { "s" } },
		{ "x", "ours", OUTCOME_PASSED, .refs = { "C77" } },
		{ "x", "other", OUTCOME_PASSED, .refs = { "C88" } },
	};
	struct fx *f = *state;
	int64_t d = one_part(f, "x", r, 3);
	struct resolver plan = fx_matching;

	snprintf(plan.trust, sizeof(plan.trust), "77");
	plan.order[0] = RESOLVE_REF;
	plan.order[1] = RESOLVE_AUTOMATION;
	plan.defer = true;
	assert_int_equal(fx_resolve(f, d, &plan), 0);
	assert_int_equal(f->owed.owed, 3);
	assert_int_equal(f->owed.unmatched, 2);
	assert_int_equal(f->owed.parked, 0);
	struct rows *rows = fx_rows(f, d, ROWS_RESULTS, 100);
	assert_int_equal(rows->count, 1);
	assert_non_null(fx_row_of(rows, "77"));
	fx_cases(f, d, known);
	plan.defer = false;
	assert_int_equal(fx_resolve(f, d, &plan), 0);
	assert_int_equal(f->owed.unmatched, 0);
	assert_int_equal(f->owed.parked, 1);
	rows = fx_rows(f, d, ROWS_RESULTS, 100);
	assert_non_null(fx_row_of(rows, "1"));
}

static void the_order_of_the_ways_decides(void **state)
{
	static const struct fx_result r[] = { { "a.B", "one", OUTCOME_PASSED, .refs = { "C2" } } };
	static const struct fx_result second[] = { { "q", "First", OUTCOME_PASSED, .refs = { "C2" } } };
	static const struct {
		enum resolve_by order[3];
		const char *a, *b;
	} row[] = {
		{ { RESOLVE_REF, RESOLVE_AUTOMATION, RESOLVE_TITLE }, "2", "2" },
		{ { RESOLVE_AUTOMATION, RESOLVE_REF, RESOLVE_TITLE }, "1", "2" },
		{ { RESOLVE_TITLE, RESOLVE_AUTOMATION, RESOLVE_REF }, "1", "1" },
		{ { RESOLVE_AUTOMATION, RESOLVE_NONE, RESOLVE_NONE }, "1", NULL },
		{ { RESOLVE_TITLE, RESOLVE_NONE, RESOLVE_NONE }, NULL, "1" },
	};
	struct fx *f = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct resolver plan = fx_matching;
		char key[2][48];
		const struct fx_result *results[2] = { r, second };
		const char *expected[2] = { row[i].a, row[i].b };
		memcpy(plan.order, row[i].order, sizeof(plan.order));
		for (int k = 0; k < 2; k++) {
			(void)snprintf(key[k], sizeof(key[k]), "k%zu-%d", i, k);
			fx_part(f, &(struct fx_take){ .key = key[k], .content = "x" }, results[k], 1);
			assert_true(fx_due(f, "rail", NOW) > 0);
			int64_t d = f->due[f->due_count - 1].delivery;
			fx_cases(f, d, known);
			assert_int_equal(fx_resolve(f, d, &plan), 0);
			struct rows *rows = fx_rows(f, d, ROWS_RESULTS, 10);
			if (expected[k] == NULL) {
				assert_int_equal(rows->count, 0);
			} else {
				assert_int_equal(rows->count, 1);
				assert_string_equal(rows->row[0].remote_id, expected[k]);
			}
		}
	}
}

static void long_names_are_compared_cut(void **state)
{
	struct fx *f = *state;
	static char name[600], alias[700];
	struct fx_result r[] = { { .class_name = "c", .name = name, .outcome = OUTCOME_PASSED } };
	const char *cases[2][3] = { { "77", alias, NULL }, { NULL, NULL, NULL } };

	memset(name, 'n', 599);
	(void)snprintf(alias, sizeof(alias), "c.%s", name);
	int64_t d = one_part(f, "x", r, 1);
	fx_cases(f, d, cases);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	assert_int_equal(f->owed.owed, 1);
	assert_string_equal(fx_rows(f, d, ROWS_RESULTS, 10)->row[0].remote_id, "77");
}

static void without_matching_every_test_is_owed_in_order(void **state)
{
	static const struct fx_result r[] = {
		{ "c", "b", OUTCOME_PASSED, .suite = { "s" } },
		{ "c", "a", OUTCOME_PASSED, .suite = { "s" } },
		{ "c", "z", OUTCOME_PASSED, .suite = { "s" } },
		{ "c", "b", OUTCOME_FAILED, .suite = { "s" } },
	};
	struct fx *f = *state;
	int64_t d = one_part(f, "x", r, 4);

	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	assert_int_equal(f->owed.owed, 3);
	struct rows *rows = fx_rows(f, d, ROWS_ALL, 2);
	assert_int_equal(rows->count, 2);
	assert_true(rows->more);
	assert_string_equal(rows->row[0].tests[0].results[0]->name, "b");
	assert_int_equal(rows->row[0].tests[0].result_count, 2);
	assert_int_equal(rows->row[0].tests[0].results[1]->outcome, OUTCOME_FAILED);
	assert_string_equal(rows->row[1].tests[0].results[0]->name, "a");
	assert_null(rows->row[0].remote_id);
	assert_int_equal(fx_post_all(f, d, ROWS_ALL), 3);
	assert_int_equal(fx_owed(f, d).posted, 3);
	assert_int_equal(f->owed.owed, 0);
}

static void rows_are_bounded_by_bytes(void **state)
{
	static char big[20000];
	struct fx_result r[10];
	char name[10][16];
	struct fx *f = *state;

	memset(big, 'x', sizeof(big) - 1);
	for (int i = 0; i < 10; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "t%d", i);
		r[i] = (struct fx_result){
			.class_name = "c", .name = name[i], .outcome = OUTCOME_FAILED, .message = big
		};
	}
	int64_t d = one_part(f, "x", r, 10);
	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	static const struct {
		size_t count, bytes, expected;
	} row[] = {
		{ 100, 1, 1 },
		{ 100, 45000, 2 },
		{ 3, 1000000, 3 },
		{ 0, 0, 10 },
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		fx_begin(f);
		queue_rows(f->q, d, ROWS_ALL,
			   (struct rows_limit){ .count = row[i].count, .bytes = row[i].bytes }, fx_on_rows,
			   f);
		assert_int_equal(fx_wait(f), 0);
		assert_int_equal(f->rows->count, row[i].expected);
		assert_int_equal(f->rows->more, row[i].expected < 10);
	}
}

static void a_late_attempt_makes_its_test_owed_again(void **state)
{
	static const struct fx_result first[] = {
		{ "a.B", "one", OUTCOME_FAILED, .started_ms = NOW },
		{ "a.B", "two", OUTCOME_FAILED, .started_ms = NOW },
		{ "x", "three", OUTCOME_FAILED, .suite = { NULL } },
	}, second[] = {
		{ "a.B", "one", OUTCOME_PASSED, .started_ms = NOW + 1000 },	/* newer */
		{ "a.B", "two", OUTCOME_PASSED, .started_ms = NOW - 1000 },	/* known to be older */
		{ "x", "three", OUTCOME_PASSED, .suite = { NULL } },		/* nobody knows */
	};
	struct fx *f = *state;
	int64_t d = one_part(f, "x", first, 3);

	fx_cases(f, d, known);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	assert_int_equal(fx_post_all(f, d, ROWS_RESULTS), 3);
	assert_int_equal(fx_note(f, d, SETTLE_DELIVERED, NULL, NULL), 0);
	assert_int_equal(fx_load(f, d)->state, DELIVERY_DELIVERED);
	assert_int_equal(one_part(f, "y", second, 3), d);
	assert_int_equal(fx_load(f, d)->state, DELIVERY_WAITING);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	assert_int_equal(f->owed.owed, 2);
	assert_int_equal(f->owed.posted, 1);
	struct rows *rows = fx_rows(f, d, ROWS_RESULTS, 10);
	assert_int_equal(rows->count, 2);
	const struct row_test *t = fx_row_of(rows, "1")->tests;
	assert_true(t->posted_before);
	assert_false(t->settled);
	assert_int_equal(t->result_count, 2);
	assert_int_equal(t->results[1]->outcome, OUTCOME_PASSED);
	assert_int_equal(fx_post_all(f, d, ROWS_RESULTS), 2);
	assert_int_equal(fx_owed(f, d).owed, 0);
	assert_int_equal(f->owed.posted, 3);
	assert_int_equal(fx_load(f, d)->tests, 3);
	assert_int_equal(f->delivery->passed, 2);
	assert_int_equal(f->delivery->failed, 1); /* the older pass does not override the failure */
}

static void attempts_stand_in_order_of_time_where_it_is_known(void **state)
{
	static const struct fx_result r[] = {
		{ "a.B", "one", OUTCOME_PASSED, .started_ms = NOW + 20 },
		{ "a.B", "one", OUTCOME_FAILED, .started_ms = NOW + 10 },
		{ "a.B", "one", OUTCOME_ERROR, .started_ms = NOW + 30 },
	};
	struct fx *f = *state;
	int64_t d = one_part(f, "x", r, 3);

	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	const struct row_test *t = fx_rows(f, d, ROWS_ALL, 10)->row[0].tests;
	assert_int_equal(t->result_count, 3);
	assert_int_equal(t->results[0]->outcome, OUTCOME_FAILED);
	assert_int_equal(t->results[1]->outcome, OUTCOME_PASSED);
	assert_int_equal(t->results[2]->outcome, OUTCOME_ERROR);
}

static void a_new_test_of_a_posted_case_brings_the_settled_ones_along(void **state)
{
	static const struct fx_result first[] = { { "a.B", "one", OUTCOME_FAILED, .suite = { NULL } } };
	static const struct fx_result second[] = { { "z", "other", OUTCOME_PASSED, .refs = { "C1" } } };
	struct fx *f = *state;
	int64_t d = one_part(f, "x", first, 1);

	fx_cases(f, d, known);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	assert_int_equal(fx_post_all(f, d, ROWS_RESULTS), 1);
	one_part(f, "y", second, 1);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	assert_int_equal(f->owed.owed, 1);
	struct rows *rows = fx_rows(f, d, ROWS_RESULTS, 10);
	assert_int_equal(rows->count, 1);
	assert_int_equal(rows->row[0].test_count, 2);
	assert_true(rows->row[0].tests[0].settled);
	assert_false(rows->row[0].tests[1].settled);
	assert_int_equal(fx_post_all(f, d, ROWS_RESULTS), 1);
	assert_int_equal(fx_owed(f, d).posted, 2);
}

static void what_finds_no_case_can_be_ignored(void **state)
{
	static const struct fx_result r[] = { { "no", "case", OUTCOME_PASSED, .suite = { NULL } } };
	struct resolver plan = fx_matching;
	struct fx *f = *state;
	int64_t d = one_part(f, "x", r, 1);

	plan.park_unmatched = false;
	assert_int_equal(fx_resolve(f, d, &plan), 0);
	assert_int_equal(f->owed.ignored, 1);
	assert_int_equal(f->owed.parked, 0);
	assert_int_equal(f->owed.owed, 0);
	one_part(f, "y", r, 1); /* an attempt of it is ignored too */
	assert_int_equal(fx_resolve(f, d, &plan), 0);
	assert_int_equal(f->owed.owed, 0);
}

static void places_form_a_tree_and_are_found_level_by_level(void **state)
{
	static const struct fx_result r[] = {
		{ "c", "t1", OUTCOME_PASSED, .suite = { "api", "v1" } },
		{ "c", "t2", OUTCOME_PASSED, .suite = { "api", "v2" } },
		{ "c", "t3", OUTCOME_PASSED, .suite = { "api", "v1" } },
		{ "c", "t4", OUTCOME_PASSED, .suite = { "web" } },
		{ "c", "t5", OUTCOME_PASSED, .suite = { "", "v1" } }, /* a nameless level is none */
		{ "c", "t6", OUTCOME_PASSED, .suite = { NULL } },     /* at the root */
	};
	struct fx *f = *state;
	int64_t d = one_part(f, "x", r, 6);
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	/* "web" is there already; so is a "v1", but elsewhere. */
	learned_init(&l, &arena);
	learned_remote(&l, "section", "p1", "50", "", "web", NULL, NULL);
	learned_remote(&l, "section", "p1", "51", "50", "v1", NULL, NULL);
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	assert_int_equal(fx_resolve(f, d, &fx_creating), 0);
	assert_int_equal(f->owed.owed, 6);
	struct rows *rows = fx_rows(f, d, ROWS_PLACES, 10);
	assert_int_equal(rows->count, 2);
	assert_string_equal(rows->row[0].name, "api");
	assert_int_equal(rows->row[0].depth, 0);
	assert_null(rows->row[0].remote_id);
	assert_string_equal(rows->row[1].name, "v1");
	learned_place(&l, rows->row[0].id, "60");
	learned_place(&l, rows->row[1].id, "61");
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	rows = fx_rows(f, d, ROWS_PLACES, 1);
	assert_int_equal(rows->count, 1);
	assert_true(rows->more);
	assert_string_equal(rows->row[0].name, "v1");
	assert_int_equal(rows->row[0].depth, 1);
	assert_string_equal(rows->row[0].remote_id, "60");
	learned_place(&l, rows->row[0].id, "62");
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	/* Another run learned of v2 meanwhile: it is not made twice. */
	learned_remote(&l, "section", "p1", "63", "60", "v2", NULL, NULL);
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	assert_int_equal(fx_rows(f, d, ROWS_PLACES, 10)->count, 0);
	/* A second run finds all of them. */
	fx_part(f, &(struct fx_take){ .key = "k2", .content = "x" }, r, 6);
	assert_int_equal(fx_due(f, "rail", NOW + 1000), 2);
	int64_t d2 = f->due[0].delivery == d ? f->due[1].delivery : f->due[0].delivery;
	assert_int_equal(fx_resolve(f, d2, &fx_creating), 0);
	assert_int_equal(fx_rows(f, d2, ROWS_PLACES, 10)->count, 0);
	learned_done(&l);
	arena_done(&arena);
}

/* A later part brings tests for a section that was refused to an earlier one: it is asked for them once more, and
 * what was parked stays so. */
static void a_refused_place_is_asked_again_for_new_tests(void **state)
{
	static const struct fx_result first[] = { { "c", "t1", OUTCOME_PASSED, .suite = { "api" } } };
	static const struct fx_result second[] = { { "c", "t2", OUTCOME_PASSED, .suite = { "api" } },
						   { "c", "t3", OUTCOME_PASSED, .suite = { "api", "v1" } } };
	struct fx *f = *state;
	int64_t d = one_part(f, "x", first, 1);
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	learned_init(&l, &arena);
	assert_int_equal(fx_resolve(f, d, &fx_creating), 0);
	struct rows *rows = fx_rows(f, d, ROWS_PLACES, 10);
	assert_int_equal(rows->count, 1);
	learned_parked(&l, rows->row[0].id, "refused");
	assert_int_equal(fx_note(f, d, SETTLE_DELIVERED, &l, NULL), 0);
	one_part(f, "y", second, 2);
	assert_int_equal(fx_resolve(f, d, &fx_creating), 0);
	assert_int_equal(f->owed.owed, 2);
	assert_int_equal(f->owed.parked, 1);
	rows = fx_rows(f, d, ROWS_PLACES, 10);
	assert_int_equal(rows->count, 1);
	assert_string_equal(rows->row[0].name, "api");
	learned_parked(&l, rows->row[0].id, "refused again");
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	assert_int_equal(fx_rows(f, d, ROWS_PLACES, 10)->count, 0);
	assert_int_equal(fx_owed(f, d).owed, 0);
	assert_int_equal(f->owed.parked, 3);
	/* A third finds it made: the level beneath, refused with it, is offered too. */
	one_part(f, "z", (struct fx_result[]){ { "c", "t4", OUTCOME_PASSED, .suite = { "api", "v1" } } }, 1);
	learned_remote(&l, "section", "p1", "50", "", "api", NULL, NULL);
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	assert_int_equal(fx_resolve(f, d, &fx_creating), 0);
	rows = fx_rows(f, d, ROWS_PLACES, 10);
	assert_int_equal(rows->count, 1);
	assert_string_equal(rows->row[0].name, "v1");
	assert_string_equal(rows->row[0].remote_id, "50");
	learned_done(&l);
	arena_done(&arena);
}

static void cases_are_made_once_a_key_and_one_place_at_a_time(void **state)
{
	static const struct fx_result r[] = {
		{ "c", "t1", OUTCOME_PASSED, .suite = { "a" }, .param = "1" },
		{ "c", "t1", OUTCOME_FAILED, .suite = { "a" }, .param = "2" },
		{ "c", "t2", OUTCOME_PASSED, .suite = { "a" } },
		{ "c", "t3", OUTCOME_PASSED, .suite = { "b" } },
		{ "c", "t1", OUTCOME_PASSED, .suite = { "b" }, .param = "3" },
		{ "c", "t4", OUTCOME_PASSED, .suite = { NULL } },
	};
	struct fx *f = *state;
	int64_t d = one_part(f, "x", r, 6);
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;
	char id[16];
	size_t made = 0, requests = 0;

	learned_init(&l, &arena);
	learned_remote(&l, "section", "p1", "50", "", "a", NULL, NULL);
	learned_remote(&l, "section", "p1", "51", "", "b", NULL, NULL);
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	assert_int_equal(fx_resolve(f, d, &fx_creating), 0);
	assert_int_equal(fx_rows(f, d, ROWS_PLACES, 10)->count, 0); /* found in the cache */
	for (;;) {
		struct rows *rows = fx_rows(f, d, ROWS_CASES, 10);
		if (rows->count == 0)
			break;
		requests++;
		for (size_t i = 0; i < rows->count; i++) {
			const struct row *row = &rows->row[i];
			const struct result *result = row->tests[0].results[0];
			assert_int_equal(row->test_count, 1);
			if (result->suite_count == 0)
				assert_null(row->remote_id);
			else
				assert_string_equal(row->remote_id,
						    strcmp(result->suite[0], "a") == 0 ? "50" : "51");
			assert_ptr_equal(i == 0 ? row->remote_id : rows->row[0].remote_id,
					 rows->row[0].remote_id);
			(void)snprintf(id, sizeof(id), "%zu", 100 + ++made);
			learned_case(&l, row->id, id);
		}
		assert_int_equal(fx_intend(f, d, "create", rows, "{}"), 0);
		assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
		assert_true(requests < 10);
	}
	assert_int_equal(made, 4);
	assert_int_equal(requests, 3);
	assert_int_equal(fx_owed(f, d).owed, 4);
	struct rows *rows = fx_rows(f, d, ROWS_RESULTS, 10);
	assert_int_equal(rows->count, 4);
	assert_int_equal(rows->row[0].test_count, 3); /* t1 with three parameters */
	/* A second run matches them: they entered the cache with alias and name. */
	fx_part(f, &(struct fx_take){ .key = "k2", .content = "x" }, r, 6);
	assert_int_equal(fx_due(f, "rail", NOW + 1000), 2);
	int64_t d2 = f->due[0].delivery == d ? f->due[1].delivery : f->due[0].delivery;
	assert_int_equal(fx_resolve(f, d2, &fx_matching), 0);
	assert_int_equal(f->owed.owed, 4);
	assert_int_equal(f->owed.parked, 0);
	learned_done(&l);
	arena_done(&arena);
}

static void a_place_that_lacks_a_variable_stops_the_resolving(void **state)
{
	static const struct fx_result r[] = {
		{ "c", "t1", OUTCOME_PASSED, .suite = { "fine" } },
		{ "c", "t2", OUTCOME_PASSED, .suite = { "unset" } },
	};
	struct fx *f = *state;
	int64_t d = one_part(f, "x", r, 2);

	assert_int_equal(fx_resolve(f, d, &fx_creating), -EINVAL);
	assert_string_equal(f->err.text, "the variable \"x\" is not set");
	assert_int_equal(fx_owed(f, d).owed, 0); /* all or none */
	struct resolver plan = fx_creating;
	plan.place = NULL; /* mended */
	assert_int_equal(fx_resolve(f, d, &plan), 0);
	assert_int_equal(f->owed.owed, 2);
}

static void cases_that_are_gone_are_looked_for_again(void **state)
{
	static const struct fx_result r[] = {
		{ "a.B", "one", OUTCOME_PASSED, .refs = { "C4", "C12" } },
		{ "x", "three", OUTCOME_PASSED, .suite = { NULL } },
	};
	struct fx *f = *state;
	int64_t d = one_part(f, "x", r, 2);
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	learned_init(&l, &arena);
	fx_cases(f, d, known);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	assert_int_equal(f->owed.owed, 3);
	learned_gone(&l, "case", "p1", "4");
	learned_gone(&l, "case", "p1", "404"); /* never known */
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	assert_int_equal(f->owed.owed, 2); /* its other reference stands for it */
	assert_int_equal(f->owed.parked, 0);
	/* A full list without case 12 and 3: the test falls back to its automation id, three is parked. */
	learned_list_begin(&l, "case", "p1");
	learned_remote(&l, "case", "p1", "1", "7", "First", "a.B.one", NULL);
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	learned_remote(&l, "case", "p1", "2", "7", "Second", "a.B.two", NULL);
	learned_list_end(&l, "case", "p1");
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	assert_int_equal(f->owed.owed, 1);
	assert_int_equal(f->owed.parked, 1);
	struct rows *rows = fx_rows(f, d, ROWS_RESULTS, 10);
	assert_int_equal(rows->count, 1);
	assert_string_equal(rows->row[0].remote_id, "1");
	/* The sink may say so of a row as well. */
	learned_unmatch(&l, rows->row[0].id);
	learned_gone(&l, "case", "p1", "1");
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	assert_int_equal(f->owed.owed, 0);
	assert_int_equal(f->owed.parked, 2);
	/* It comes back. */
	fx_cases(f, d, known);
	assert_int_equal(fx_retry(f, &d, 1), 0);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	assert_int_equal(f->owed.owed, 3);
	assert_int_equal(f->owed.parked, 0);
	learned_done(&l);
	arena_done(&arena);
}

/* Many at once, in several deliveries, and one that the same note has made. */
static void what_a_list_lacks_is_gone_from_all_that_wait(void **state)
{
	static const struct fx_result r[] = {
		{ "a.B", "one", OUTCOME_PASSED, .refs = { "C4" } },
		{ "a.B", "two", OUTCOME_PASSED, .refs = { "C12" } },
		{ "x", "new", OUTCOME_PASSED, .suite = { "web" } },
	};
	struct fx *f = *state;
	int64_t d[3];
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	fx_part(f, &(struct fx_take){ .key = "k1", .content = "x" }, r, 3);
	fx_part(f, &(struct fx_take){ .key = "k2", .content = "x" }, r, 3);
	fx_part(f, &(struct fx_take){ .key = "k3", .content = "x" }, r, 3);
	assert_int_equal(fx_due(f, "rail", NOW + 1000), 3);
	for (int i = 0; i < 3; i++)
		d[i] = f->due[i].delivery;
	learned_init(&l, &arena);
	fx_cases(f, d[0], known);
	learned_remote(&l, "section", "p1", "50", "", "web", NULL, NULL);
	assert_int_equal(fx_note(f, d[0], SETTLE_GO_ON, &l, NULL), 0);
	for (int i = 0; i < 2; i++) { /* the third knows nothing yet */
		assert_int_equal(fx_resolve(f, d[i], &fx_creating), 0);
		assert_int_equal(f->owed.unbound, 1);
		assert_int_equal(fx_rows(f, d[i], ROWS_PLACES, 10)->count, 0);
	}
	learned_case(&l, fx_rows(f, d[0], ROWS_CASES, 10)->row[0].id, "100");
	learned_gone(&l, "case", "p1", "100");
	learned_list_begin(&l, "case", "p1");
	learned_list_end(&l, "case", "p1");
	learned_list_begin(&l, "section", "p1");
	learned_list_end(&l, "section", "p1");
	assert_int_equal(fx_note(f, d[0], SETTLE_GO_ON, &l, NULL), 0);
	assert_int_equal(fx_owed(f, d[0]).unmatched, 3);
	assert_int_equal(fx_owed(f, d[1]).unmatched, 2);
	assert_int_equal(fx_owed(f, d[2]).owed, 0);
	struct rows *rows = fx_rows(f, d[1], ROWS_PLACES, 10);
	assert_int_equal(rows->count, 1);
	assert_string_equal(rows->row[0].name, "web");
	learned_done(&l);
	arena_done(&arena);
}

/* The only thing owed came with the note that also takes it away. */
static void a_case_may_be_made_and_gone_in_one_note(void **state)
{
	static const struct fx_result r[] = { { "x", "new", OUTCOME_PASSED, .suite = { NULL } } };
	struct fx *f = *state;
	int64_t d = one_part(f, "x", r, 1);
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	learned_init(&l, &arena);
	assert_int_equal(fx_resolve(f, d, &fx_creating), 0);
	learned_case(&l, fx_rows(f, d, ROWS_CASES, 10)->row[0].id, "100");
	learned_gone(&l, "case", "p1", "100");
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	assert_int_equal(fx_owed(f, d).unmatched, 1);
	learned_done(&l);
	arena_done(&arena);
}

/* Two tests of one case, which is deleted after both were posted: the one that runs again takes the other along. */
static void a_case_that_is_gone_takes_its_results_with_it(void **state)
{
	static const struct fx_result both[] = {
		{ "a.B", "one", OUTCOME_PASSED, .refs = { "C4" } },
		{ "a.B", "two", OUTCOME_FAILED, .refs = { "C4" } },
	};
	struct fx *f = *state;
	int64_t d = one_part(f, "x", both, 2);
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	learned_init(&l, &arena);
	fx_cases(f, d, known);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	struct rows *rows = fx_rows(f, d, ROWS_RESULTS, 10);
	assert_int_equal(rows->count, 1);
	learned_posted(&l, rows->row[0].id, "77");
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	assert_int_equal(fx_owed(f, d).posted, 2);
	/* Nobody asks for another case: what was posted stays as it is. */
	learned_gone(&l, "case", "p1", "12");
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	assert_int_equal(fx_owed(f, d).posted, 2);
	fx_part(f, &(struct fx_take){ .key = "k", .content = "y", .append = true }, &both[0], 1);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	assert_int_equal(f->owed.owed, 1);
	assert_int_equal(f->owed.posted, 1);
	learned_gone(&l, "case", "p1", "4");
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	assert_int_equal(fx_owed(f, d).unmatched, 2);
	assert_int_equal(fx_owed(f, d).posted, 0);
	learned_done(&l);
	arena_done(&arena);
}

static void links_know_what_is_new(void **state)
{
	static const struct fx_result first[] = { { "a.B", "one", OUTCOME_PASSED, .suite = { NULL } } };
	static const struct fx_result second[] = { { "a.B", "two", OUTCOME_PASSED, .suite = { NULL } } };
	struct fx *f = *state;
	int64_t d = one_part(f, "x", first, 1);
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	learned_init(&l, &arena);
	fx_cases(f, d, known);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	struct rows *rows = fx_rows(f, d, ROWS_LINKS, 10);
	assert_int_equal(rows->new_ids, 1);
	assert_int_equal(fx_intend(f, d, "add-run", rows, "{}"), 0);
	/* What comes between the intent and its answer was not part of it. */
	fx_part(f, &(struct fx_take){ .key = "k", .content = "y" }, second, 1);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	assert_int_equal(fx_frozen(f, d, ROWS_LINKS)->id_count, 1);
	assert_int_equal(fx_frozen(f, d, ROWS_RESULTS)->count, 0);
	learned_linked(&l);
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	rows = fx_rows(f, d, ROWS_LINKS, 10);
	assert_int_equal(rows->id_count, 2);
	assert_int_equal(rows->new_ids, 1);
	/* Without a request: the run takes all cases anyway. */
	learned_linked(&l);
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	rows = fx_rows(f, d, ROWS_LINKS, 10);
	assert_int_equal(rows->id_count, 2);
	assert_int_equal(rows->new_ids, 0);
	learned_done(&l);
	arena_done(&arena);
}

static struct rows *grouped_rows(struct fx *f, int64_t d, enum rows_kind kind)
{
	fx_begin(f);
	queue_rows(f->q, d, kind, (struct rows_limit){ .count = 10, .bytes = 1 << 20, .grouped = true },
		   fx_on_rows, f);
	assert_int_equal(fx_wait(f), 0);
	return f->rows;
}

/* Cases of several parents: a request has results of one of them, and only its run can go. */
static void results_and_links_are_given_by_parent(void **state)
{
	static const char *const parent[] = { "11", "9", "11", "9", "9" };
	static const char *const id[] = { "1", "2", "3", "4", "10" };
	static const struct fx_result r[] = {
		{ "x", "a", OUTCOME_PASSED, .refs = { "C1" } },
		{ "x", "b", OUTCOME_PASSED, .refs = { "C2" } },
		{ "x", "c", OUTCOME_PASSED, .refs = { "C3" } },
		{ "x", "d", OUTCOME_PASSED, .refs = { "C10" } },
		{ "x", "e", OUTCOME_PASSED, .refs = { "C4" } },
	};
	struct fx *f = *state;
	int64_t d = one_part(f, "x", r, 5);
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	learned_init(&l, &arena);
	for (size_t i = 0; i < 5; i++)
		learned_remote(&l, "case", "p1", id[i], parent[i], "", NULL, NULL);
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	learned_done(&l);
	assert_int_equal(fx_resolve(f, d, &fx_matching), 0);
	struct rows *rows = grouped_rows(f, d, ROWS_LINKS);
	static const char *const sorted[][2] = {
		{ "9", "2" }, { "9", "4" }, { "9", "10" }, { "11", "1" }, { "11", "3" }
	};
	assert_int_equal(rows->id_count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(rows->groups[i], sorted[i][0]);
		assert_string_equal(rows->ids[i], sorted[i][1]);
	}
	assert_null(fx_rows(f, d, ROWS_LINKS, 10)->groups);
	for (size_t round = 0; round < 2; round++) {
		rows = grouped_rows(f, d, ROWS_RESULTS);
		assert_int_equal(rows->count, round == 0 ? 2 : 3);
		assert_int_equal(rows->more, round == 0);
		assert_int_equal(fx_intend(f, d, "post", rows, "{}"), 0);
		learned_init(&l, &arena);
		for (size_t i = 0; i < rows->count; i++) {
			assert_string_equal(rows->row[i].group, round == 0 ? "11" : "9");
			learned_posted(&l, rows->row[i].id, "r1");
		}
		assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
		learned_done(&l);
	}
	learned_init(&l, &arena);
	learned_group_gone(&l, "11");
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	learned_done(&l);
	rows = fx_rows(f, d, ROWS_RESULTS, 10);
	assert_int_equal(rows->count, 2);
	assert_non_null(fx_row_of(rows, "1"));
	assert_non_null(fx_row_of(rows, "3"));
	arena_done(&arena);
}

/* More tests than one slice holds, over several chunks, with repeats in between. */
static void many_results_are_resolved_in_slices(void **state)
{
	enum { COUNT = 20000 };
	struct fx_result *r = xcalloc(COUNT, sizeof(*r));
	char(*name)[16] = xcalloc(COUNT, sizeof(*name));
	struct fx *f = *state;

	for (int i = 0; i < COUNT; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "t%d", i % 10 == 9 ? i - 9 : i);
		r[i] = (struct fx_result){ .class_name = "c",
					   .name = name[i],
					   .outcome = i % 10 == 9 ? OUTCOME_FAILED : OUTCOME_PASSED };
	}
	int64_t d = one_part(f, "x", r, COUNT);
	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	assert_int_equal(f->owed.owed, COUNT / 10 * 9);
	assert_int_equal(fx_load(f, d)->tests, COUNT / 10 * 9);
	assert_int_equal(f->delivery->failed, COUNT / 10);
	struct rows *rows = fx_rows(f, d, ROWS_ALL, 3000);
	assert_int_equal(rows->count, 3000);
	for (size_t i = 0; i < rows->count; i++) {
		char expected[16];
		(void)snprintf(expected, sizeof(expected), "t%zu", i / 9 * 10 + i % 9);
		assert_string_equal(rows->row[i].tests[0].results[0]->name, expected);
		assert_int_equal(rows->row[i].tests[0].result_count, i % 9 == 0 ? 2 : 1);
	}
	free(name);
	free(r);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(tests_find_their_cases),
		TEST(trusted_references_need_no_list),
		TEST(the_order_of_the_ways_decides),
		TEST(long_names_are_compared_cut),
		TEST(without_matching_every_test_is_owed_in_order),
		TEST(rows_are_bounded_by_bytes),
		TEST(a_late_attempt_makes_its_test_owed_again),
		TEST(attempts_stand_in_order_of_time_where_it_is_known),
		TEST(a_new_test_of_a_posted_case_brings_the_settled_ones_along),
		TEST(what_finds_no_case_can_be_ignored),
		TEST(places_form_a_tree_and_are_found_level_by_level),
		TEST(a_refused_place_is_asked_again_for_new_tests),
		TEST(cases_are_made_once_a_key_and_one_place_at_a_time),
		TEST(a_place_that_lacks_a_variable_stops_the_resolving),
		TEST(cases_that_are_gone_are_looked_for_again),
		TEST(what_a_list_lacks_is_gone_from_all_that_wait),
		TEST(a_case_may_be_made_and_gone_in_one_note),
		TEST(a_case_that_is_gone_takes_its_results_with_it),
		TEST(links_know_what_is_new),
		TEST(results_and_links_are_given_by_parent),
		TEST(many_results_are_resolved_in_slices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

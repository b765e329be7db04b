/* SPDX-License-Identifier: Apache-2.0
 *
 * Intent, outcome, and what is left of both after a crash. */
#include "tests/unit/queue/fixture.h"

/* A run of `count` tests t0, t1, ... for sinks that match nothing; the delivery. */
static int64_t many(struct fx *f, const char *key, int count)
{
	struct fx_result *r = xcalloc((size_t)count, sizeof(*r));
	char(*name)[16] = xcalloc((size_t)count, sizeof(*name));

	for (int i = 0; i < count; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "t%d", i);
		r[i] = (struct fx_result){ .class_name = "c", .name = name[i], .outcome = OUTCOME_PASSED };
	}
	fx_part(f, &(struct fx_take){ .key = key, .content = "x", .name = key, .vars = "{\"a\":\"b\"}" }, r,
		(size_t)count);
	free(name);
	free(r);
	assert_true(fx_due(f, "rail", NOW + 1000000) > 0);
	return f->due[f->due_count - 1].delivery;
}

static void an_intent_is_on_disk_before_the_send(void **state)
{
	struct fx *f = *state;
	int64_t d = many(f, "k", 5);
	struct delivery *l;

	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	struct rows *rows = fx_rows(f, d, ROWS_ALL, 3);
	int64_t id[3] = { rows->row[0].id, rows->row[1].id, rows->row[2].id };
	assert_int_equal(fx_intend(f, d, "add-results", rows, "{\"results\":[1,2,3]}"), 0);
	l = fx_load(f, d);
	assert_int_equal(l->state, DELIVERY_SENDING);
	assert_string_equal(l->step, "add-results");
	assert_string_equal(l->frozen, "{\"results\":[1,2,3]}");
	assert_int_equal(l->sent_ms, NOW + 5);
	assert_int_equal(l->attempt, 1);
	assert_string_equal(l->vars_json, "{\"a\":\"b\"}");
	assert_int_equal(strlen(l->run_token), 23);
	assert_int_equal(fx_due(f, "rail", NOW + 1000000), 0);

	fx_crash(f);
	assert_int_equal(f->opened.unknown, 1);
	assert_int_equal(fx_due(f, "rail", NOW + 1000000000000), 1);
	assert_int_equal(f->due[0].state, DELIVERY_UNKNOWN);
	l = fx_load(f, d);
	assert_int_equal(l->state, DELIVERY_UNKNOWN);
	assert_string_equal(l->frozen, "{\"results\":[1,2,3]}");
	rows = fx_frozen(f, d, ROWS_ALL);
	assert_int_equal(rows->count, 3);
	for (int i = 0; i < 3; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "t%d", i);
		assert_int_equal(rows->row[i].id, id[i]);
		assert_string_equal(rows->row[i].tests[0].results[0]->name, name);
	}

	/* Look-ups that end nowhere keep it; each is counted. */
	assert_int_equal(fx_note(f, d, SETTLE_KEEP, NULL, "not there yet"), 0);
	assert_int_equal(fx_note(f, d, SETTLE_KEEP, NULL, "not there yet"), 0);
	l = fx_load(f, d);
	assert_int_equal(l->looks, 2);
	assert_int_equal(l->state, DELIVERY_UNKNOWN);
	assert_int_equal(fx_due(f, "rail", NOW + 99), 0);
	assert_int_equal(f->next_ms, NOW + 100);

	/* The last one finds two of three: only the third is owed still. */
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned learned;
	learned_init(&learned, &arena);
	learned_posted(&learned, id[0], "900");
	learned_posted(&learned, id[2], NULL);
	learned_run(&learned, "R77", "https://x/77");
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &learned, NULL), 0);
	l = fx_load(f, d);
	assert_int_equal(l->state, DELIVERY_WAITING);
	assert_null(l->frozen);
	assert_int_equal(l->attempt, 0);
	rows = fx_rows(f, d, ROWS_ALL, 10);
	assert_int_equal(rows->count, 3);
	assert_string_equal(rows->row[0].tests[0].results[0]->name, "t1");
	assert_int_equal(fx_owed(f, d).posted, 2);
	assert_int_equal(fx_lines(f, 0, true), 1);
	assert_string_equal(f->text[0], "rail|k|R77|");
	assert_int_equal(f->line[0].requests, 3);
	assert_int_equal(f->line[0].posted, 2);
	learned_done(&learned);
	arena_done(&arena);
}

static void what_was_not_executed_is_owed_and_counted(void **state)
{
	struct fx *f = *state;
	int64_t d = many(f, "k", 2);

	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(fx_intend(f, d, "post", fx_rows(f, d, ROWS_ALL, 10), "x"), 0);
		assert_int_equal(fx_load(f, d)->attempt, i);
		assert_int_equal(fx_note(f, d, SETTLE_WAIT, NULL, "429 slow down"), 0);
		assert_int_equal(fx_due(f, "rail", NOW + 99), 0);
		assert_int_equal(fx_due(f, "rail", NOW + 100), 1);
	}
	assert_int_equal(fx_lines(f, 0, true), 1);
	assert_string_equal(f->text[0], "rail|k||429 slow down");
	assert_int_equal(fx_rows(f, d, ROWS_ALL, 10)->count, 2);
}

static bool refused(const char *name, const int *culprit, size_t culprits)
{
	for (size_t i = 0; i < culprits; i++)
		if (atoi(name + 1) == culprit[i])
			return true;
	return false;
}

static void a_refused_batch_is_split_down_to_its_culprits(void **state)
{
	enum { COUNT = 250 };
	static const struct {
		int culprit[5];
		size_t culprits, requests;
	} row[] = {
		{ { 0 }, 0, 1 },      { { 0 }, 1, 5 },    { { 249 }, 1, 5 },
		{ { 0, 249 }, 2, 5 }, { { 100 }, 1, 22 }, { { 3, 4, 100, 101, 249 }, 5, 68 },
	};
	struct fx *f = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct arena arena = ARENA_LIMIT(1 << 20);
		struct learned l;
		size_t requests = 0, applied = 0;
		char key[32];

		(void)snprintf(key, sizeof(key), "k%zu", i);
		int64_t d = many(f, key, COUNT);
		learned_init(&l, &arena);
		assert_int_equal(fx_resolve(f, d, &fx_all), 0);
		for (;; requests++) {
			struct rows *rows = fx_rows(f, d, ROWS_ALL, COUNT);
			bool bad = false;
			if (rows->count == 0)
				break;
			for (size_t k = 0; k < rows->count; k++)
				bad = bad || refused(rows->row[k].tests[0].results[0]->name, row[i].culprit,
						     row[i].culprits);
			assert_int_equal(fx_intend(f, d, "post", rows, "body"), 0);
			for (size_t k = 0; k < rows->count && !bad; k++, applied++)
				learned_posted(&l, rows->row[k].id, NULL);
			assert_int_equal(
				fx_note(f, d, bad ? SETTLE_SPLIT : SETTLE_GO_ON, &l, bad ? "400 no" : NULL),
				0);
			assert_true(requests < 200);
		}
		if (requests > row[i].requests)
			fail_msg("row %zu: %zu requests", i, requests);
		assert_int_equal(applied, COUNT - row[i].culprits);
		assert_int_equal(fx_owed(f, d).parked, row[i].culprits);
		assert_int_equal(f->owed.owed, 0);
		assert_int_equal(fx_parked(f, d), row[i].culprits);
		for (size_t k = 0; k < row[i].culprits; k++) {
			char expected[64];
			(void)snprintf(expected, sizeof(expected), "rail|c.t%d|400 no", row[i].culprit[k]);
			assert_string_equal(f->text[k], expected);
		}
		assert_int_equal(fx_note(f, d, SETTLE_DELIVERED, NULL, NULL), 0);
		assert_int_equal(fx_load(f, d)->state,
				 row[i].culprits > 0 ? DELIVERY_PARKED : DELIVERY_DELIVERED);
		learned_done(&l);
		arena_done(&arena);
	}
}

static void lots_survive_a_crash_and_a_wait(void **state)
{
	struct fx *f = *state;
	int64_t d = many(f, "k", 7);
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	learned_init(&l, &arena);
	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	assert_int_equal(fx_intend(f, d, "post", fx_rows(f, d, ROWS_ALL, 10), "b"), 0);
	assert_int_equal(fx_note(f, d, SETTLE_SPLIT, NULL, "400"), 0);
	assert_int_equal(fx_rows(f, d, ROWS_ALL, 10)->count, 4);
	assert_int_equal(fx_intend(f, d, "post", f->rows, "b"), 0);
	fx_crash(f);
	assert_int_equal(fx_note(f, d, SETTLE_WAIT, NULL, "503"), 0);
	struct rows *rows = fx_rows(f, d, ROWS_ALL, 3); /* of the lot, in part */
	assert_int_equal(rows->count, 3);
	assert_true(rows->more);
	assert_int_equal(fx_intend(f, d, "post", rows, "b"), 0);
	assert_int_equal(fx_note(f, d, SETTLE_SPLIT, NULL, "400"), 0);
	rows = fx_rows(f, d, ROWS_ALL, 10);
	assert_int_equal(rows->count, 2);
	assert_string_equal(rows->row[0].tests[0].results[0]->name, "t0");
	assert_int_equal(fx_post_all(f, d, ROWS_ALL), 7);
	assert_int_equal(fx_owed(f, d).posted, 7);
	learned_done(&l);
	arena_done(&arena);
}

/* A field that became required refuses every row: that is not asked row by row. */
static void a_batch_refused_for_one_reason_is_parked_as_one(void **state)
{
	struct fx *f = *state;
	int64_t d = many(f, "k", 200);
	size_t requests = 0;

	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	while (fx_rows(f, d, ROWS_ALL, 200)->count > 0) {
		assert_int_equal(fx_intend(f, d, "post", f->rows, "b"), 0);
		assert_int_equal(fx_note(f, d, SETTLE_SPLIT, NULL, "400 severity is required"), 0);
		assert_true(++requests <= 4);
	}
	assert_int_equal(fx_owed(f, d).parked, 200);
	assert_int_equal(f->owed.owed, 0);
}

/* The first and the last are refused, but not for one reason: what is between them is still tried. */
static void two_reasons_are_no_group(void **state)
{
	struct fx *f = *state;
	int64_t d = many(f, "k", 50);

	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	for (int i = 0; i < 3; i++) {
		assert_true(fx_rows(f, d, ROWS_ALL, 50)->count > 0);
		assert_int_equal(fx_intend(f, d, "post", f->rows, "b"), 0);
		assert_int_equal(fx_note(f, d, SETTLE_SPLIT, NULL, i == 2 ? "400 b" : "400 a"), 0);
	}
	assert_int_equal(fx_owed(f, d).parked, 2);
	assert_int_equal(fx_rows(f, d, ROWS_ALL, 50)->count, 1); /* the middle one, then the rest */
}

static void a_row_may_be_parked_ignored_or_posted_by_name(void **state)
{
	struct fx *f = *state;
	int64_t d = many(f, "k", 4);
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	learned_init(&l, &arena);
	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	struct rows *rows = fx_rows(f, d, ROWS_ALL, 10);
	learned_ignored(&l, rows->row[0].id, "its status is none"); /* without a request */
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	rows = fx_rows(f, d, ROWS_ALL, 10);
	assert_int_equal(rows->count, 3);
	assert_int_equal(fx_intend(f, d, "post", rows, "b"), 0);
	learned_parked(&l, rows->row[1].id, "400 field :elapsed");
	assert_int_equal(fx_note(f, d, SETTLE_SPLIT, &l, "400 field :elapsed"), 0);
	assert_int_equal(fx_post_all(f, d, ROWS_ALL), 2);
	assert_int_equal(fx_owed(f, d).ignored, 1);
	assert_int_equal(f->owed.parked, 1);
	assert_int_equal(f->owed.posted, 2);
	assert_int_equal(fx_note(f, d, SETTLE_DELIVERED, NULL, NULL), 0);
	assert_int_equal(fx_load(f, d)->state, DELIVERY_PARKED);
	/* A person mended it. */
	assert_int_equal(fx_retry(f, NULL, 0), 0);
	assert_int_equal(fx_due(f, "rail", NOW + 200), 1);
	assert_int_equal(fx_owed(f, d).owed, 1);
	assert_int_equal(fx_post_all(f, d, ROWS_ALL), 1);
	assert_int_equal(fx_note(f, d, SETTLE_DELIVERED, NULL, NULL), 0);
	assert_int_equal(fx_load(f, d)->state, DELIVERY_DELIVERED);
	int64_t none = 4711;
	assert_int_equal(fx_retry(f, &none, 1), -ENOENT);
	learned_done(&l);
	arena_done(&arena);
}

static void cases_that_will_not_be_made_are_parked_with_their_key(void **state)
{
	static const struct fx_result r[] = {
		{ "c", "t1", OUTCOME_PASSED, .suite = { "a" }, .param = "1" },
		{ "c", "t1", OUTCOME_PASSED, .suite = { "a" }, .param = "2" },
		{ "c", "t2", OUTCOME_PASSED, .suite = { "b", "c" } },
		{ "c", "t3", OUTCOME_PASSED, .suite = { NULL } },
	};
	struct fx *f = *state;
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	learned_init(&l, &arena);
	fx_part(f, &(struct fx_take){ .key = "k", .content = "x" }, r, 4);
	int64_t d = fx_only(f, "rail");
	assert_int_equal(fx_resolve(f, d, &fx_creating), 0);
	/* Section "b" is refused: all that waits beneath it is parked. */
	struct rows *rows = fx_rows(f, d, ROWS_PLACES, 10);
	assert_int_equal(rows->count, 2);
	assert_string_equal(rows->row[1].name, "b");
	assert_int_equal(fx_intend(f, d, "sections", rows, "b"), 0);
	learned_place(&l, rows->row[0].id, "50");
	learned_parked(&l, rows->row[1].id, "403 no");
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	assert_int_equal(fx_rows(f, d, ROWS_PLACES, 10)->count, 0);
	assert_int_equal(fx_owed(f, d).parked, 1);
	/* Case t1 is refused as a whole, and stands alone. */
	int cases = 0;
	for (;; cases++) {
		rows = fx_rows(f, d, ROWS_CASES, 10);
		if (rows->count == 0)
			break;
		assert_int_equal(fx_intend(f, d, "cases", rows, "b"), 0);
		assert_int_equal(rows->count, 1);
		if (rows->row[0].remote_id != NULL) {
			assert_int_equal(fx_note(f, d, SETTLE_SPLIT, &l, "400 title"), 0);
		} else {
			learned_case(&l, rows->row[0].id, "99");
			assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
		}
	}
	assert_int_equal(cases, 2);
	assert_int_equal(fx_owed(f, d).parked, 3);
	assert_int_equal(f->owed.owed, 1);
	assert_int_equal(fx_parked(f, d), 2);
	assert_string_equal(f->text[0], "rail|c.t1|400 title");
	assert_int_equal(f->number[0], 2);
	assert_string_equal(f->text[1], "rail|c.t2|403 no");
	/* After a retry they are asked for again. */
	assert_int_equal(fx_retry(f, &d, 1), 0);
	assert_int_equal(fx_resolve(f, d, &fx_creating), 0);
	assert_int_equal(fx_rows(f, d, ROWS_PLACES, 10)->count, 1);
	assert_string_equal(f->rows->row[0].name, "b");
	assert_int_equal(fx_rows(f, d, ROWS_CASES, 10)->count, 1);
	learned_done(&l);
	arena_done(&arena);
}

static void delivered_is_only_what_is(void **state)
{
	struct fx *f = *state;
	int64_t d = many(f, "k", 1);
	static const struct fx_result more[] = { { "c", "more", OUTCOME_PASSED, .suite = { NULL } } };

	/* Owed still: it is looked at again. */
	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	assert_int_equal(fx_note(f, d, SETTLE_DELIVERED, NULL, NULL), 0);
	assert_int_equal(fx_load(f, d)->state, DELIVERY_WAITING);
	assert_int_equal(fx_post_all(f, d, ROWS_ALL), 1);
	/* A part came between the last resolve and the end. */
	assert_int_equal(fx_take(f, &(struct fx_take){ .key = "k", .content = "y" }), 0);
	struct part_writer *w = part_writer_new(f->q, f->taken.part);
	fx_add(w, more, 1);
	assert_int_equal(part_writer_end(w, NULL), 0);
	assert_int_equal(fx_finish(f, f->taken.part, NOW), 0);
	assert_int_equal(fx_note(f, d, SETTLE_DELIVERED, NULL, NULL), 0);
	assert_int_equal(fx_load(f, d)->state, DELIVERY_WAITING);
	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	assert_int_equal(fx_post_all(f, d, ROWS_ALL), 1);
	assert_int_equal(fx_note(f, d, SETTLE_DELIVERED, NULL, NULL), 0);
	assert_int_equal(fx_load(f, d)->state, DELIVERY_DELIVERED);
	assert_int_equal(fx_due(f, "rail", INT64_MAX - 1), 0);
	assert_int_equal(fx_status(f)->deliveries[DELIVERY_DELIVERED], 1);
	assert_int_equal(f->status.oldest_ms, INT64_MAX);
	assert_int_equal(fx_lines(f, 0, true), 0);
	assert_int_equal(fx_lines(f, 0, false), 1);
	/* The end of the run: the last steps are due. */
	assert_int_equal(fx_end_run(f, fx_load(f, d)->run), 0);
	assert_int_equal(fx_due(f, "rail", NOW + 1), 1);
	assert_true(fx_load(f, d)->run_ended);
	/* Parked as a whole: nothing is due until somebody says so. */
	assert_int_equal(fx_note(f, d, SETTLE_PARK, NULL, "no such project"), 0);
	assert_int_equal(fx_due(f, "rail", INT64_MAX - 1), 0);
	assert_int_equal(fx_lines(f, 0, true), 1);
	assert_string_equal(f->text[0], "rail|k||no such project");
	assert_int_equal(fx_retry(f, &d, 1), 0);
	assert_int_equal(fx_due(f, "rail", NOW + 200), 1);
}

static void a_result_that_came_after_the_freeze_is_owed(void **state)
{
	static const struct fx_result first[] = { { "c", "t", OUTCOME_FAILED, .suite = { NULL } } };
	static const struct fx_result second[] = { { "c", "t", OUTCOME_PASSED, .suite = { NULL } } };
	struct fx *f = *state;
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	learned_init(&l, &arena);
	fx_part(f, &(struct fx_take){ .key = "k", .content = "x" }, first, 1);
	int64_t d = fx_only(f, "rail");
	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	struct rows *rows = fx_rows(f, d, ROWS_ALL, 10);
	int64_t row = rows->row[0].id;
	assert_int_equal(fx_intend(f, d, "post", rows, "b"), 0);
	fx_part(f, &(struct fx_take){ .key = "k", .content = "y" }, second, 1);
	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	assert_int_equal(fx_frozen(f, d, ROWS_ALL)->row[0].tests[0].result_count, 1);
	learned_posted(&l, row, NULL);
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	rows = fx_rows(f, d, ROWS_ALL, 10);
	assert_int_equal(rows->count, 1);
	assert_true(rows->row[0].tests[0].posted_before);
	assert_int_equal(rows->row[0].tests[0].result_count, 2);
	learned_done(&l);
	arena_done(&arena);
}

static void due_is_live_before_backfill_and_leaves_out_the_busy(void **state)
{
	static const struct fx_result r[] = { { "c", "t", OUTCOME_PASSED, .suite = { NULL } } };
	struct fx *f = *state;
	int64_t id[4];

	for (int i = 0; i < 4; i++) {
		char key[32];
		(void)snprintf(key, sizeof(key), "k%d", i);
		fx_part(f,
			&(struct fx_take){
				.key = key, .content = "x", .backfill = i < 2, .now_ms = NOW + 10 - i },
			r, 1);
	}
	assert_int_equal(fx_due(f, "rail", NOW + 10), 4);
	for (int i = 0; i < 4; i++)
		id[i] = f->due[i].delivery;
	assert_false(f->due[0].backfill);
	assert_int_equal(f->due[0].due_ms, NOW + 7);
	assert_int_equal(f->due[1].due_ms, NOW + 8);
	assert_true(f->due[2].backfill);
	assert_int_equal(f->due[2].due_ms, NOW + 9);
	assert_int_equal(f->next_ms, INT64_MAX);
	assert_int_equal(fx_due(f, "rail", NOW + 8), 2);
	assert_int_equal(f->next_ms, NOW + 9);
	assert_int_equal(fx_due(f, "aio", NOW + 8), 0);
	int64_t busy[2] = { id[0], id[2] };
	fx_begin(f);
	queue_due(f->q, "rail", NOW + 10, busy, 2, 1, 1, fx_on_due, f);
	assert_int_equal(fx_wait(f), 0);
	assert_int_equal(f->due_count, 1);
	assert_int_equal(f->due[0].delivery, id[1]);
	for (size_t backfills = 0; backfills < 2; backfills++) {
		fx_begin(f);
		queue_due(f->q, "rail", NOW + 10, NULL, 0, 8, backfills, fx_on_due, f);
		assert_int_equal(fx_wait(f), 0);
		assert_int_equal(f->due_count, 2 + backfills);
		assert_int_equal(f->due[1].delivery, id[1]);
	}
	assert_int_equal(f->due[2].delivery, id[2]);
}

static void what_comes_between_the_look_and_the_wait_makes_it_due(void **state)
{
	static const struct fx_result r[] = { { "c", "t", OUTCOME_PASSED, .suite = { NULL } } };
	struct fx *f = *state;
	int64_t run = fx_part(f, &(struct fx_take){ .key = "k", .content = "x" }, r, 1),
		d = fx_only(f, "rail");

	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	struct owed saw = f->owed;
	assert_int_equal(fx_await(f, d, &saw, NOW), 0);
	assert_int_equal(fx_due(f, "rail", NOW + 1000000), 0);
	/* The end of the run, for ever and for a while. */
	assert_int_equal(fx_end_run(f, run), 0);
	assert_int_equal(fx_await(f, d, &saw, NOW + 2), 0);
	assert_int_equal(fx_due(f, "rail", NOW + 2), 1);
	struct note linger = { .settle = SETTLE_WAIT, .due_ms = NOW + 60000, .now_ms = NOW + 3, .saw = &saw };
	fx_begin(f);
	queue_note(f->q, d, &linger, fx_done, f);
	assert_int_equal(fx_wait(f), 0);
	assert_int_equal(fx_due(f, "rail", NOW + 3), 1);
	/* A further part, too. */
	saw = fx_owed(f, d);
	assert_true(saw.run_ended);
	fx_part(f, &(struct fx_take){ .key = "k", .content = "y", .append = true }, r, 1);
	assert_int_equal(fx_await(f, d, &saw, NOW + 4), 0);
	assert_int_equal(fx_due(f, "rail", NOW + 4), 1);
}

static void nobody_waits_for_a_part_that_is_given_up(void **state)
{
	static const struct fx_result r[] = { { "c", "t", OUTCOME_PASSED, .suite = { NULL } } };
	struct fx *f = *state;
	int64_t run = fx_part(f, &(struct fx_take){ .key = "k", .content = "x" }, r, 1),
		d = fx_only(f, "rail");

	for (int crash = 0; crash < 2; crash++) {
		struct fx_take more = { .key = "k", .content = crash ? "z" : "y", .append = true };
		assert_int_equal(fx_take(f, &more), 0);
		assert_int_equal(fx_end_run(f, run), 0);
		struct owed saw = fx_owed(f, d);
		assert_int_equal(saw.parts_loading, 1);
		assert_int_equal(fx_await(f, d, &saw, NOW + 2), 0);
		assert_int_equal(fx_due(f, "rail", INT64_MAX - 1), 0);
		if (crash)
			fx_crash(f);
		else
			assert_int_equal(fx_abandon(f, f->taken.part, "malformed"), 0);
		assert_int_equal(fx_due(f, "rail", INT64_MAX - 1), 1);
		assert_int_equal(fx_owed(f, d).parts_loading, 0);
	}
}

static void facts_and_bookmarks_are_kept(void **state)
{
	struct fx *f = *state;
	int64_t d = many(f, "k", 1), d2 = many(f, "k2", 1);
	struct note n = { .step = "login",
			  .settle = SETTLE_GO_ON,
			  .bookmark = "{\"run\":1}",
			  .facts = "{\"user\":2}",
			  .now_ms = NOW };

	fx_begin(f);
	queue_note(f->q, d, &n, fx_done, f);
	assert_int_equal(fx_wait(f), 0);
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, NULL, NULL), 0); /* NULL: unchanged */
	assert_string_equal(fx_load(f, d)->bookmark, "{\"run\":1}");
	assert_string_equal(f->delivery->facts, "{\"user\":2}");
	assert_null(fx_load(f, d2)->bookmark);
	assert_string_equal(f->delivery->facts, "{\"user\":2}"); /* of the sink */
	assert_int_equal(fx_note(f, 4711, SETTLE_GO_ON, NULL, NULL), -ENOENT);
	assert_int_equal(fx_intend(f, 4711, "x", NULL, NULL), -ENOENT);
}

static void on_blocks(void *cookie, int rc, const struct block *block, size_t count, const struct err *err)
{
	struct fx *f = cookie;

	f->count = count;
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(f->text[i], sizeof(f->text[i]), "%s|%s", block[i].scope, block[i].reason);
		f->number[i] = (uint64_t)block[i].until_ms;
	}
	fx_set(f, rc, err);
}

static void block(struct fx *f, const char *scope, int64_t until_ms, const char *reason)
{
	fx_begin(f);
	queue_block(f->q, scope, until_ms, reason, fx_done, f);
	assert_int_equal(fx_wait(f), 0);
}

static void blocks_outlive_a_restart(void **state)
{
	struct fx *f = *state;

	block(f, "a", NOW, "429");
	block(f, "b", NOW + 1, "maintenance");
	block(f, "a", NOW + 2, "429 again");
	block(f, "b", 0, NULL);
	fx_crash(f);
	fx_begin(f);
	queue_blocks(f->q, on_blocks, f);
	assert_int_equal(fx_wait(f), 0);
	assert_int_equal(f->count, 1);
	assert_string_equal(f->text[0], "a|429 again");
	assert_int_equal(f->number[0], NOW + 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(an_intent_is_on_disk_before_the_send),
		TEST(what_was_not_executed_is_owed_and_counted),
		TEST(a_refused_batch_is_split_down_to_its_culprits),
		TEST(lots_survive_a_crash_and_a_wait),
		TEST(a_batch_refused_for_one_reason_is_parked_as_one),
		TEST(two_reasons_are_no_group),
		TEST(a_row_may_be_parked_ignored_or_posted_by_name),
		TEST(cases_that_will_not_be_made_are_parked_with_their_key),
		TEST(delivered_is_only_what_is),
		TEST(a_result_that_came_after_the_freeze_is_owed),
		TEST(due_is_live_before_backfill_and_leaves_out_the_busy),
		TEST(what_comes_between_the_look_and_the_wait_makes_it_due),
		TEST(nobody_waits_for_a_part_that_is_given_up),
		TEST(facts_and_bookmarks_are_kept),
		TEST(blocks_outlive_a_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * test_queue_ops.c - looking closely, trying again, giving up, forgetting. */
#include "fixture.h"

#include "daemon/queue/operate.h"

#define DAY (24 * 3600 * 1000LL)

struct seen {
	struct fx *f;
	struct operated operated;
	struct retired retired;
	char removed[16][64];
	size_t removed_count;
	struct seen_key key[16];
	char key_text[16][128];
	size_t key_count;
	char text[4096]; /* of the last detail */
	unsigned looks, intent_rows;
	size_t parked_count, journal_count, owed_names;
	uint64_t journal_left_out;
	enum delivery_state state;
	int64_t wait_ms; /* of the last spending */
	uint64_t made;   /* as the last look found them */
	size_t minutes;
};

static void on_operated(void *cookie, int rc, const struct operated *o, const struct err *err)
{
	struct seen *s = cookie;

	s->operated = *o;
	fx_set(s->f, rc, err);
}

static int retry(struct seen *s, const int64_t *id, size_t count, const char *reason)
{
	fx_begin(s->f);
	queue_retry_some(s->f->q, id, count, reason, NOW + 200, on_operated, s);
	return fx_wait(s->f);
}

static int drop(struct seen *s, int64_t id)
{
	fx_begin(s->f);
	queue_drop(s->f->q, &id, 1, "not wanted", NOW + 300, on_operated, s);
	return fx_wait(s->f);
}

static void on_removed(void *cookie, const char *kept)
{
	struct seen *s = cookie;

	assert_true(s->removed_count < 16);
	(void)snprintf(s->removed[s->removed_count++], 64, "%s", kept);
}

static void on_retired(void *cookie, int rc, const struct retired *r, const struct err *err)
{
	struct seen *s = cookie;

	s->retired = *r;
	fx_set(s->f, rc, err);
}

static void retire(struct seen *s, int64_t before_ms, int64_t now_ms, int64_t every_ms)
{
	const struct retire what = { .before_ms = before_ms,
				     .now_ms = now_ms,
				     .every_ms = every_ms,
				     .remove = on_removed,
				     .cookie = s };

	s->removed_count = 0;
	fx_begin(s->f);
	queue_retire(s->f->q, &what, on_retired, s);
	assert_int_equal(fx_wait(s->f), 0);
}

static void on_keys(void *cookie, int rc, const struct seen_key *key, size_t count, const struct err *err)
{
	struct seen *s = cookie;

	assert_true(count <= 16);
	s->key_count = count;
	for (size_t i = 0; i < count; i++) {
		s->key[i] = key[i];
		(void)snprintf(s->key_text[i], 128, "%s", key[i].run_key);
		s->key[i].run_key = s->key_text[i];
		s->key[i].there = key[i].path != NULL && strstr(key[i].path, "there") != NULL;
	}
	fx_set(s->f, rc, err);
}

static size_t forgettable(struct seen *s, int64_t before_ms)
{
	fx_begin(s->f);
	queue_forgettable(s->f->q, before_ms, before_ms + DAY, 16, on_keys, s);
	assert_int_equal(fx_wait(s->f), 0);
	return s->key_count;
}

static void on_detail(void *cookie, int rc, const struct delivery_detail *d, const struct err *err)
{
	struct seen *s = cookie;

	if (rc == 0) {
		size_t n = 0;
		for (size_t i = 0; i < d->journal_count; i++)
			n += (size_t)snprintf(s->text + n, sizeof(s->text) - n, "%s|%s|%s\n",
					      d->journal[i].step == NULL ? "" : d->journal[i].step,
					      d->journal[i].what,
					      d->journal[i].text == NULL ? "" : d->journal[i].text);
		for (size_t i = 0; i < d->parked_count; i++) {
			n += (size_t)snprintf(s->text + n, sizeof(s->text) - n, "%s:%d", d->parked[i].reason,
					      (int)d->parked[i].count);
			for (size_t k = 0; k < d->parked[i].name_count; k++)
				n += (size_t)snprintf(s->text + n, sizeof(s->text) - n, " %s",
						      d->parked[i].name[k]);
			n += (size_t)snprintf(s->text + n, sizeof(s->text) - n, "\n");
		}
		s->text[n] = '\0';
		s->looks = d->looks;
		s->intent_rows = d->intent_rows;
		s->parked_count = d->parked_count;
		s->journal_count = d->journal_count;
		s->journal_left_out = d->journal_left_out;
		s->owed_names = d->owed.name_count;
		s->state = d->line.state;
	}
	fx_set(s->f, rc, err);
}

static int detail(struct seen *s, int64_t delivery, size_t journal_max)
{
	fx_begin(s->f);
	queue_detail(s->f->q, delivery, journal_max, on_detail, s);
	return fx_wait(s->f);
}

static const struct fx_result three[] = {
	{ .class_name = "a", .name = "one" },
	{ .class_name = "a", .name = "two" },
	{ .class_name = "a", .name = "three" },
};

/* A run of three tests, ended; its delivery. */
static int64_t a_run(struct fx *f, const char *key, const char *content, int64_t *run)
{
	int64_t id = fx_part(f, &(struct fx_take){ .key = key, .content = content }, three, 3);

	assert_int_equal(fx_end_run(f, id), 0);
	if (run != NULL)
		*run = id;
	fx_lines(f, id, false);
	assert_int_equal(f->count, 1);
	return f->line[0].id;
}

static void deliver(struct fx *f, int64_t delivery)
{
	assert_int_equal(fx_resolve(f, delivery, &fx_all), 0);
	assert_int_equal(fx_post_all(f, delivery, ROWS_RESULTS), 3);
	assert_int_equal(fx_note(f, delivery, SETTLE_DELIVERED, NULL, NULL), 0);
	assert_int_equal(fx_load(f, delivery)->state, DELIVERY_DELIVERED);
}

/* Two tests are refused with different words, one is posted. */
static void park_two(struct fx *f, int64_t delivery)
{
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	learned_init(&l, &arena);
	assert_int_equal(fx_resolve(f, delivery, &fx_all), 0);
	struct rows *rows = fx_rows(f, delivery, ROWS_RESULTS, 10);
	assert_int_equal(rows->count, 3);
	assert_int_equal(fx_intend(f, delivery, "post", rows, "body"), 0);
	learned_parked(&l, rows->row[0].id, "Field :custom is required");
	learned_parked(&l, rows->row[1].id, "Case is locked");
	learned_posted(&l, rows->row[2].id, "r9");
	assert_int_equal(fx_note(f, delivery, SETTLE_GO_ON, &l, NULL), 0);
	learned_done(&l);
	arena_done(&arena);
	assert_int_equal(fx_note(f, delivery, SETTLE_DELIVERED, NULL, NULL), 0);
	assert_int_equal(fx_load(f, delivery)->state, DELIVERY_PARKED);
}

static void only_what_was_meant_is_tried_again(void **state)
{
	static const struct {
		const char *reason;
		unsigned tests;
	} row[] = {
		{ "locked", 1 }, { "FIELD :CUSTOM", 1 }, { "nothing like it", 0 }, { "i", 2 }, { NULL, 2 },
	};
	struct seen s = { .f = *state };

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char key[16];
		(void)snprintf(key, sizeof(key), "k%zu", i);
		int64_t d = a_run(s.f, key, key, NULL);
		park_two(s.f, d);
		assert_int_equal(retry(&s, &d, 1, row[i].reason), 0);
		assert_int_equal(s.operated.tests, row[i].tests);
		assert_int_equal(s.operated.deliveries, row[i].tests > 0);
		assert_int_equal(fx_load(s.f, d)->state,
				 row[i].tests > 0 ? DELIVERY_WAITING : DELIVERY_PARKED);
		assert_int_equal(fx_owed(s.f, d).owed, row[i].tests);
		assert_int_equal(s.f->owed.parked, 2 - row[i].tests);
	}
	int64_t none = 4711;
	assert_int_equal(retry(&s, &none, 1, NULL), -ENOENT);
	assert_non_null(strstr(s.f->err.text, "4711"));
}

static void what_was_given_up_stays_so(void **state)
{
	struct seen s = { .f = *state };
	int64_t run, d = a_run(s.f, "k", "one", &run);

	park_two(s.f, d);
	assert_int_equal(drop(&s, d), 0);
	assert_int_equal(s.operated.deliveries, 1);
	assert_int_equal(s.operated.tests, 2);
	assert_int_equal(fx_load(s.f, d)->state, DELIVERY_DROPPED);
	assert_int_equal(fx_due(s.f, "rail", NOW + DAY), 0);
	assert_int_equal(fx_lines(s.f, 0, true), 0);
	assert_int_equal(fx_lines(s.f, 0, false), 1);
	assert_int_equal(fx_status(s.f)->deliveries[DELIVERY_DROPPED], 1);

	/* Neither a later part of the run nor a retry of everything brings it back. */
	static const struct fx_result more[] = { { .class_name = "b", .name = "late" } };
	fx_part(s.f, &(struct fx_take){ .key = "k", .content = "two", .append = true }, more, 1);
	assert_int_equal(fx_load(s.f, d)->state, DELIVERY_DROPPED);
	assert_int_equal(retry(&s, NULL, 0, NULL), 0);
	assert_int_equal(s.operated.deliveries, 0);
	assert_int_equal(fx_load(s.f, d)->state, DELIVERY_DROPPED);
	assert_int_equal(drop(&s, d), 0);
	assert_int_equal(s.operated.deliveries, 0); /* twice is no more than once */

	assert_int_equal(retry(&s, &d, 1, NULL), 0);
	assert_int_equal(s.operated.deliveries, 1);
	assert_int_equal(fx_load(s.f, d)->state, DELIVERY_WAITING);
	assert_int_equal(fx_resolve(s.f, d, &fx_all), 0);
	assert_int_equal(s.f->owed.owed, 3);
	assert_int_equal(s.f->owed.posted, 1);
	assert_int_equal(detail(&s, d, 100), 0);
	assert_non_null(strstr(
		s.text, "dropped|given up: not wanted, with 0 owed, 2 parked, 1 posted; it was parked"));
	assert_non_null(strstr(s.text, "retried|2 parked tests are due again"));
}

static void what_may_be_on_its_way_is_looked_up_even_after_a_no(void **state)
{
	struct seen s = { .f = *state };
	int64_t d = a_run(s.f, "k", "one", NULL);

	assert_int_equal(fx_resolve(s.f, d, &fx_all), 0);
	assert_int_equal(fx_intend(s.f, d, "post", fx_rows(s.f, d, ROWS_RESULTS, 10), "body"), 0);
	fx_crash(s.f);
	assert_int_equal(fx_load(s.f, d)->state, DELIVERY_UNKNOWN);
	assert_int_equal(drop(&s, d), 0);
	fx_crash(s.f);
	assert_int_equal(fx_load(s.f, d)->state, DELIVERY_DROPPED);
	/* An answer that comes after the decision does not undo it; nor may anything be sent. */
	assert_int_equal(fx_intend(s.f, d, "post", fx_rows(s.f, d, ROWS_RESULTS, 10), "body"), -ECANCELED);
	assert_int_equal(fx_note(s.f, d, SETTLE_KEEP, NULL, "late"), 0);
	assert_int_equal(fx_load(s.f, d)->state, DELIVERY_DROPPED);
	assert_int_equal(retry(&s, &d, 1, NULL), 0);
	assert_int_equal(fx_load(s.f, d)->state, DELIVERY_UNKNOWN);
	assert_string_equal(s.f->delivery->step, "post");
	assert_int_equal(detail(&s, d, 100), 0);
	assert_int_equal(s.intent_rows, 3);
}

static void one_delivery_is_shown_closely(void **state)
{
	struct seen s = { .f = *state };
	int64_t d = a_run(s.f, "k", "one", NULL);

	park_two(s.f, d);
	assert_int_equal(detail(&s, d, 100), 0);
	assert_int_equal(s.state, DELIVERY_PARKED);
	assert_int_equal(s.parked_count, 2);
	assert_non_null(strstr(s.text, "Case is locked:1 a.two\n"));
	assert_non_null(strstr(s.text, "Field :custom is required:1 a.one\n"));
	assert_non_null(strstr(s.text, "step|settled|\n"));
	size_t all = s.journal_count;
	assert_int_equal(s.journal_left_out, 0);
	assert_int_equal(detail(&s, d, 1), 0);
	assert_int_equal(s.journal_count, 1);
	assert_int_equal(s.journal_left_out, all - 1);
	assert_non_null(strstr(s.text, "step|settled|\n")); /* the newest */
	assert_int_equal(detail(&s, d + 1, 10), -ENOENT);
}

/* ---- forgetting ---- */

static void what_is_done_and_old_goes(void **state)
{
	struct seen s = { .f = *state };
	int64_t done_run, parked_run, waiting_run, dropped_run;
	int64_t done = a_run(s.f, "done", "one", &done_run);
	int64_t parked = a_run(s.f, "parked", "two", &parked_run);
	int64_t dropped = a_run(s.f, "dropped", "three", &dropped_run);
	(void)a_run(s.f, "waiting", "four", &waiting_run);
	int64_t open_run = fx_part(s.f, &(struct fx_take){ .key = "open", .content = "five" }, three, 3);

	deliver(s.f, done);
	park_two(s.f, parked);
	assert_int_equal(drop(&s, dropped), 0);
	retire(&s, NOW, NOW + DAY, 0); /* nothing is that old */
	assert_int_equal(s.retired.runs, 0);
	retire(&s, NOW + DAY, NOW + DAY, 0);
	assert_int_equal(s.retired.runs, 2);
	assert_int_equal(s.retired.chunks, 2);
	assert_int_equal(fx_run(s.f, done_run), -ENOENT);
	assert_int_equal(fx_run(s.f, dropped_run), -ENOENT);
	assert_int_equal(fx_run(s.f, parked_run), 0);
	assert_int_equal(fx_run(s.f, waiting_run), 0);
	assert_int_equal(fx_run(s.f, open_run), 0);
	/* All five name the same copy in this fixture: it stays while one part does. */
	assert_int_equal(s.removed_count, 0);
	assert_int_equal(s.retired.reports, 0);
	assert_int_equal(fx_status(s.f)->runs, 3);
	assert_int_equal(s.f->status.parts, 3);
	/* What is left can be read and delivered as before. */
	assert_int_equal(retry(&s, &parked, 1, NULL), 0);
	assert_int_equal(fx_owed(s.f, parked).owed, 2);
	assert_int_equal(fx_post_all(s.f, parked, ROWS_RESULTS), 2);
}

static void the_last_part_takes_the_copy_along(void **state)
{
	struct seen s = { .f = *state };

	deliver(s.f, a_run(s.f, "one", "one", NULL));
	deliver(s.f, a_run(s.f, "two", "two", NULL));
	retire(&s, NOW + DAY, NOW + DAY, 0);
	assert_int_equal(s.retired.runs, 2);
	assert_int_equal(s.removed_count, 1);
	assert_string_equal(s.removed[0], "kept.xml");
	assert_int_equal(fx_status(s.f)->runs, 0);
	assert_int_equal(s.f->status.chunks, 0);
}

static bool counted_out(void *cookie)
{
	struct seen *s = cookie;

	return s->looks == 0 || s->looks-- == 0;
}

static void runs_go_before_their_time_to_make_room(void **state)
{
	struct seen s = { .f = *state };
	const struct retire what = { .before_ms = NOW + DAY,
				     .now_ms = NOW + DAY,
				     .remove = on_removed,
				     .enough = counted_out,
				     .cookie = &s };
	int64_t run[4];
	char content[16];

	for (int i = 0; i < 3; i++) {
		(void)snprintf(content, sizeof(content), "%d.xml", i);
		deliver(s.f, a_run(s.f, content, content, &run[i]));
	}
	(void)a_run(s.f, "waits", "waits.xml", &run[3]);
	s.looks = 2;
	fx_begin(s.f);
	queue_retire(s.f->q, &what, on_retired, &s);
	assert_int_equal(fx_wait(s.f), 0);
	/* The oldest, and no more than it takes. */
	assert_int_equal(s.retired.runs, 2);
	assert_int_equal(fx_status(s.f)->runs, 2);
	fx_lines(s.f, 0, false);
	assert_int_equal(s.f->count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_true(s.f->line[i].run == run[2] || s.f->line[i].run == run[3]);
	/* Where it takes more than there is, what waits stays. */
	s.looks = 1000;
	fx_begin(s.f);
	queue_retire(s.f->q, &what, on_retired, &s);
	assert_int_equal(fx_wait(s.f), 0);
	assert_int_equal(s.retired.runs, 1);
	assert_int_equal(fx_status(s.f)->runs, 1);
	/* It was no regular pass: that is due as before. */
	retire(&s, NOW, NOW + DAY, DAY);
	assert_false(s.retired.skipped);
}

static void a_key_outlives_its_run(void **state)
{
	struct seen s = { .f = *state };
	const struct fx_take again = { .key = "k", .content = "gone.xml", .now_ms = NOW + DAY };
	int64_t run;

	deliver(s.f, a_run(s.f, "k", "gone.xml", &run));
	deliver(s.f, a_run(s.f, "k2", "/is/there.xml", NULL));
	retire(&s, NOW + DAY, NOW + DAY, 0);
	assert_int_equal(fx_status(s.f)->runs, 0);
	assert_int_equal(fx_take(s.f, &again), 0);
	assert_int_equal(s.f->taken.what, TAKE_DUPLICATE);
	/* Ids are not given twice, so that the key is not taken for a later run's. */
	fx_close(s.f);
	fx_open(s.f);
	int64_t later;
	deliver(s.f, a_run(s.f, "other", "other.xml", &later));
	assert_true(later > run + 1);
	assert_int_equal(fx_take(s.f, &again), 0);
	assert_int_equal(s.f->taken.what, TAKE_DUPLICATE);
	assert_int_equal(s.f->taken.run, run);

	/* Met a day later, so it is not old yet; two days later it is, unless its file is there. */
	assert_int_equal(forgettable(&s, NOW + DAY / 2), 1);
	assert_string_equal(s.key[0].run_key, "k2");
	assert_int_equal(forgettable(&s, NOW + 2 * DAY), 2);
	fx_begin(s.f);
	queue_forget(s.f->q, s.key, s.key_count, NOW + 2 * DAY, NOW + 3 * DAY, fx_done, s.f);
	assert_int_equal(fx_wait(s.f), 0);
	assert_int_equal(forgettable(&s, NOW + 2 * DAY), 0);
	assert_int_equal(fx_take(s.f, &(struct fx_take){ .key = "k2", .content = "/is/there.xml" }), 0);
	assert_int_equal(s.f->taken.what, TAKE_DUPLICATE);
	assert_int_equal(fx_take(s.f, &again), 0);
	assert_int_equal(s.f->taken.what, TAKE_NEW);
}

static void a_key_that_is_needed_is_not_offered(void **state)
{
	struct seen s = { .f = *state };

	(void)a_run(s.f, "waits", "one", NULL);
	assert_int_equal(forgettable(&s, NOW + DAY), 0);
	/* Met between the question and the answer: it stays. */
	deliver(s.f, a_run(s.f, "k", "two", NULL));
	retire(&s, NOW + DAY, NOW + DAY, 0);
	assert_int_equal(forgettable(&s, NOW + DAY), 1);
	assert_int_equal(
		fx_take(s.f, &(struct fx_take){ .key = "k", .content = "two", .now_ms = NOW + 2 * DAY }), 0);
	fx_begin(s.f);
	queue_forget(s.f->q, s.key, s.key_count, NOW + DAY, NOW + 2 * DAY, fx_done, s.f);
	assert_int_equal(fx_wait(s.f), 0);
	assert_int_equal(fx_take(s.f, &(struct fx_take){ .key = "k", .content = "two" }), 0);
	assert_int_equal(s.f->taken.what, TAKE_DUPLICATE);
}

static void it_is_not_done_twice_in_a_row(void **state)
{
	struct seen s = { .f = *state };

	retire(&s, NOW, NOW + DAY, 3600000);
	assert_false(s.retired.skipped);
	retire(&s, NOW, NOW + DAY + 3599999, 3600000);
	assert_true(s.retired.skipped);
	retire(&s, NOW, NOW + DAY + 3600000, 3600000);
	assert_false(s.retired.skipped);
	retire(&s, NOW, NOW - DAY, 3600000); /* the clock was set back */
	assert_false(s.retired.skipped);
}

/* A crash between two slices: the run is no run any more, and what is left of it goes the next time. */
static void a_run_that_is_going_is_gone(void **state)
{
	struct seen s = { .f = *state };
	int64_t run, d = a_run(s.f, "k", "one", &run);
	const struct retire what = {
		.before_ms = NOW + DAY, .now_ms = NOW + DAY, .remove = on_removed, .cookie = &s
	};

	deliver(s.f, d);
	fx_begin(s.f);
	queue_retire(s.f->q, &what, on_retired, &s);
	for (int i = 0; i < 2; i++)
		assert_int_equal(queue_turn(s.f->q), 1);
	assert_false(s.f->answered);
	/* A sink that is added, a part that is appended, a retry: each meets a new run or none. */
	const struct fx_take more = { .key = "k", .content = "one", .sinks = { "rail", "aio" } };
	struct run_spec spec = { .key = "k", .vars_json = "{}", .now_ms = NOW };
	(void)spec;
	fx_crash(s.f);
	s.f->answered = false;
	assert_int_equal(fx_take(s.f, &more), 0);
	assert_int_equal(s.f->taken.what, TAKE_DUPLICATE);
	assert_int_equal(fx_take(s.f, &(struct fx_take){ .key = "k", .content = "new", .append = true }), 0);
	assert_int_equal(s.f->taken.what, TAKE_NEW);
	assert_int_not_equal(s.f->taken.run, run);
	assert_string_equal(s.f->taken.run_name, "k (2)");
	retire(&s, 0, NOW + DAY, 0);
	assert_int_equal(s.retired.runs, 1);
	assert_int_equal(fx_run(s.f, run), -ENOENT);
}

static void copies_that_nobody_names_are_found(void **state)
{
	static const char *const kept[] = { "ab/orphan.xml.zst", "kept.xml", "cd/other.xml.zst" };
	struct seen s = { .f = *state };

	/* A part that is being loaded names its copy as well. */
	assert_int_equal(fx_take(s.f, &(struct fx_take){ .key = "k", .content = "one" }), 0);
	fx_begin(s.f);
	queue_sweep(s.f->q, kept, 3, on_removed, &s, fx_done, s.f);
	assert_int_equal(fx_wait(s.f), 0);
	assert_int_equal(s.removed_count, 2);
	assert_string_equal(s.removed[0], "ab/orphan.xml.zst");
	assert_string_equal(s.removed[1], "cd/other.xml.zst");
}

/* ---- the quota of a day ---- */

static void on_spend(void *cookie, int rc, int64_t wait_ms, const struct err *err)
{
	struct seen *s = cookie;

	s->wait_ms = wait_ms;
	fx_set(s->f, rc, err);
}

static int64_t spend(struct seen *s, unsigned requests, uint64_t most, int64_t now_ms)
{
	static const char *const sinks[] = { "rail", "other" };
	const struct spend what = {
		.sink = sinks, .count = 2, .requests = requests, .most = most, .now_ms = now_ms
	};

	fx_begin(s->f);
	queue_spend(s->f->q, &what, on_spend, s);
	assert_int_equal(fx_wait(s->f), 0);
	return s->wait_ms;
}

static void on_made(void *cookie, int rc, const struct made *made, size_t count, const struct err *err)
{
	struct seen *s = cookie;

	s->made = 0;
	s->minutes = count;
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(made[i].sink, "rail");
		assert_true(i == 0 || made[i].at_ms >= made[i - 1].at_ms);
		s->made += made[i].requests;
	}
	fx_set(s->f, rc, err);
}

static uint64_t made_since(struct seen *s, int64_t since_ms)
{
	static const char *const rail[] = { "rail" };

	fx_begin(s->f);
	queue_spent(s->f->q, rail, 1, since_ms, on_made, s);
	assert_int_equal(fx_wait(s->f), 0);
	return s->made;
}

static void commands_and_deliveries_spend_of_one_quota(void **state)
{
	struct seen s = { .f = *state };
	int64_t d = a_run(s.f, "run", "one", NULL);

	deliver(s.f, d); /* at NOW + 50 */
	uint64_t delivered = made_since(&s, NOW);
	assert_true(delivered > 0);
	assert_int_equal(spend(&s, 2, delivered + 3, NOW + 60), 0);
	assert_int_equal(made_since(&s, NOW), delivered + 2);
	assert_int_equal(s.minutes, 1);
	assert_int_equal(spend(&s, 1, delivered + 3, NOW + 120000), 0);
	/* Full: until what was made first is a day old.  Nothing is counted meanwhile. */
	assert_int_equal(spend(&s, 1, delivered + 3, NOW + 180000), NOW + 60 + DAY - (NOW + 180000));
	assert_int_equal(made_since(&s, NOW), delivered + 3);
	assert_int_equal(s.minutes, 2);
	assert_int_equal(spend(&s, 1, delivered + 3, NOW + 60 + DAY + 1), 0);
	/* What has left already is counted, whatever was made. */
	assert_int_equal(spend(&s, 50, 0, NOW + 60 + DAY + 2), 0);
	assert_int_equal(made_since(&s, NOW + DAY), 51);
	assert_true(spend(&s, 1, 51, NOW + DAY + 120000) > 0);
}

static void what_a_forgotten_run_made_still_counts(void **state)
{
	struct seen s = { .f = *state };
	int64_t d = a_run(s.f, "run", "one", NULL);

	deliver(s.f, d);
	uint64_t delivered = made_since(&s, NOW);
	retire(&s, NOW + DAY, NOW + DAY, 0);
	assert_int_equal(s.retired.runs, 1);
	assert_int_equal(made_since(&s, NOW), delivered);
	assert_true(spend(&s, 1, delivered, NOW + 1000) > 0);
	fx_close(s.f);
	fx_open(s.f);
	assert_int_equal(made_since(&s, NOW), delivered);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fx_setup, fx_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(only_what_was_meant_is_tried_again),
		T(what_was_given_up_stays_so),
		T(what_may_be_on_its_way_is_looked_up_even_after_a_no),
		T(one_delivery_is_shown_closely),
		T(what_is_done_and_old_goes),
		T(the_last_part_takes_the_copy_along),
		T(runs_go_before_their_time_to_make_room),
		T(a_key_outlives_its_run),
		T(a_key_that_is_needed_is_not_offered),
		T(it_is_not_done_twice_in_a_row),
		T(a_run_that_is_going_is_gone),
		T(copies_that_nobody_names_are_found),
		T(commands_and_deliveries_spend_of_one_quota),
		T(what_a_forgotten_run_made_still_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs, parts, duplicates: what a report becomes before anybody is sent anything. */
#include "tests/unit/queue/fixture.h"

static const struct fx_result two[] = {
	{ "a.B", "one", OUTCOME_PASSED, .suite = { "s" } },
	{ "a.B", "two", OUTCOME_FAILED, .suite = { "s" }, .message = "boom" },
};

static void a_part_becomes_visible_when_it_is_finished(void **state)
{
	struct fx *f = *state;

	assert_int_equal(fx_take(f, &(struct fx_take){ .key = "k", .content = "x" }), 0);
	assert_string_equal(f->taken.run_name, "k");
	int64_t run = f->taken.run, part = f->taken.part;
	struct part_writer *w = part_writer_new(f->q, part);
	fx_add(w, two, 2);
	assert_int_equal(part_writer_end(w, NULL), 0);
	assert_int_equal(fx_due(f, "rail", NOW), 0);
	assert_int_equal(fx_status(f)->parts, 0);
	assert_int_equal(fx_finish(f, part, NOW), 0);
	assert_int_equal(fx_due(f, "rail", NOW), 1);
	assert_int_equal(f->due[0].run, run);
	assert_int_equal(fx_status(f)->results, 2);
	assert_int_equal(f->status.open_runs, 1);
	assert_int_equal(fx_run(f, run), 0);
	assert_int_equal(f->run.tests, 2);
	assert_int_equal(f->run.passed, 1);
	assert_int_equal(f->run.failed, 1);
	assert_false(f->run.ended);
}

static void a_part_is_finished_once(void **state)
{
	struct fx *f = *state;

	fx_part(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2);
	int64_t part = f->taken.part;
	assert_int_equal(fx_finish(f, part, NOW), -EALREADY);
	assert_int_equal(fx_abandon(f, part, "no"), -EALREADY);
	assert_int_equal(fx_finish(f, part + 1, NOW), -ESTALE);
	assert_int_equal(fx_status(f)->results, 2);
}

static void runs_are_found_by_key(void **state)
{
	static const struct {
		const char *key, *content;
		bool again, append, end_first;
		enum take what;
		const char *name;
		int run;
	} row[] = {
		{ "k", "x", false, false, false, TAKE_NEW, "K", 1 },
		{ "k", "x", false, false, false, TAKE_DUPLICATE, "K", 1 },
		{ "k", "y", false, false, false, TAKE_NEW, "K", 1 },
		{ "other", "x", false, false, false, TAKE_NEW, "K", 2 },  /* same content, other key */
		{ "k", "x", true, false, false, TAKE_NEW, "K", 1 },       /* --again */
		{ "k", "x", false, false, true, TAKE_DUPLICATE, "K", 1 }, /* of an ended run */
		{ "k", "late", false, true, false, TAKE_NEW, "K", 1 },    /* late: append */
		{ "k", "z", false, false, false, TAKE_NEW, "K (2)", 3 },  /* late: new */
		{ "k", "zz", false, false, false, TAKE_NEW, "K (2)", 3 },
		{ "k", "zzz", false, false, true, TAKE_NEW, "K (3)", 4 },
	};
	struct fx *f = *state;
	int64_t last = 0;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fx_take t = { .key = row[i].key,
				     .content = row[i].content,
				     .name = "K",
				     .again = row[i].again,
				     .append = row[i].append };
		if (row[i].end_first)
			assert_int_equal(fx_end_run(f, last), 0);
		if (row[i].what == TAKE_NEW)
			fx_part(f, &t, two, 2);
		else
			assert_int_equal(fx_take(f, &t), 0);
		assert_int_equal(f->taken.what, row[i].what);
		assert_string_equal(f->taken.run_name, row[i].name);
		assert_int_equal(f->taken.run, row[i].run);
		if (strcmp(row[i].key, "k") == 0)
			last = f->taken.run;
	}
}

static void a_later_sink_gets_what_is_there(void **state)
{
	struct fx *f = *state;
	int64_t run = fx_part(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2);

	assert_int_equal(fx_end_run(f, run), 0);
	struct fx_take t = { .key = "k", .content = "x", .sinks = { "rail", "aio" } };
	assert_int_equal(fx_take(f, &t), 0);
	assert_int_equal(f->taken.what, TAKE_RETARGET);
	assert_int_equal(f->taken.run, run);
	assert_true(f->taken.run_ended);
	assert_int_equal(fx_take(f, &t), 0);
	assert_int_equal(f->taken.what, TAKE_DUPLICATE);
	int64_t d = fx_only(f, "aio");
	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	assert_int_equal(f->owed.owed, 2);
	assert_true(f->owed.run_ended);
}

static void the_same_content_twice_at_once_counts_once(void **state)
{
	struct fx *f = *state;
	int64_t part[2];

	for (int i = 0; i < 2; i++) {
		assert_int_equal(fx_take(f, &(struct fx_take){ .key = "k", .content = "x" }), 0);
		assert_int_equal(f->taken.what, TAKE_NEW);
		part[i] = f->taken.part;
		struct part_writer *w = part_writer_new(f->q, part[i]);
		fx_add(w, two, 2);
		assert_int_equal(part_writer_end(w, NULL), 0);
	}
	assert_int_equal(fx_finish(f, part[0], NOW), 0);
	assert_int_equal(fx_finish(f, part[1], NOW), -EEXIST);
	assert_int_equal(fx_abandon(f, part[1], NULL), 0);
	assert_int_equal(fx_status(f)->results, 2);
	assert_int_equal(f->status.parts_bad, 0);
}

static void an_abandoned_part_leaves_its_reason_and_nothing_else(void **state)
{
	struct fx *f = *state;

	assert_int_equal(fx_take(f, &(struct fx_take){ .key = "k", .content = "bad.xml" }), 0);
	int64_t run = f->taken.run;
	struct part_writer *w = part_writer_new(f->q, f->taken.part);
	fx_add(w, two, 2);
	assert_int_equal(part_writer_end(w, NULL), 0);
	assert_int_equal(fx_abandon(f, f->taken.part, "bad.xml:3:1: no"), 0);
	assert_int_equal(fx_status(f)->parts_bad, 1);
	assert_int_equal(f->status.chunks, 0);
	assert_int_equal(f->status.runs, 1);
	assert_int_equal(fx_end_run(f, run), 0);
	assert_int_equal(fx_status(f)->runs, 0); /* it had nothing to tell */
	assert_int_equal(f->status.deliveries[DELIVERY_WAITING], 0);
	assert_int_equal(fx_run(f, run), -ENOENT);
	/* The same content may come again: it was never known. */
	assert_int_equal(fx_take(f, &(struct fx_take){ .key = "k", .content = "bad.xml" }), 0);
	assert_int_equal(f->taken.what, TAKE_NEW);
}

static void a_run_that_ends_before_its_only_part_waits_for_it(void **state)
{
	struct fx *f = *state;

	assert_int_equal(fx_take(f, &(struct fx_take){ .key = "k", .content = "x" }), 0);
	int64_t run = f->taken.run, part = f->taken.part;
	assert_int_equal(fx_end_run(f, run), 0);
	assert_int_equal(fx_status(f)->runs, 1);
	assert_int_equal(fx_abandon(f, part, NULL), 0);
	assert_int_equal(fx_status(f)->runs, 0);
}

static void a_restart_voids_what_was_added(void **state)
{
	struct fx *f = *state;
	static struct fx_result many[1500];
	static char name[1500][16];

	for (int i = 0; i < 1500; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "t%d", i);
		many[i] = (struct fx_result){ .class_name = "c", .name = name[i], .outcome = OUTCOME_PASSED };
	}
	assert_int_equal(fx_take(f, &(struct fx_take){ .key = "k", .content = "x" }), 0);
	struct part_writer *w = part_writer_new(f->q, f->taken.part);
	fx_add(w, many, 1500);
	part_writer_restart(w);
	fx_add(w, two, 2);
	part_writer_restart(w);
	fx_add(w, many, 700);
	assert_int_equal(part_writer_end(w, NULL), 0);
	assert_int_equal(fx_finish(f, f->taken.part, NOW), 0);
	assert_int_equal(fx_status(f)->results, 700);
	assert_int_equal(f->status.chunks, 2);
	assert_int_equal(fx_run(f, f->taken.run), 0);
	assert_int_equal(f->run.tests, 700);
}

static void a_crash_forgets_parts_that_were_loading(void **state)
{
	struct fx *f = *state;
	int64_t run = fx_part(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2);

	assert_int_equal(fx_take(f, &(struct fx_take){ .key = "k", .content = "y" }), 0);
	struct part_writer *w = part_writer_new(f->q, f->taken.part);
	fx_add(w, two, 2);
	assert_int_equal(part_writer_end(w, NULL), 0);
	assert_int_equal(fx_take(f, &(struct fx_take){ .key = "fresh", .content = "z" }), 0);
	assert_int_equal(fx_owed(f, fx_only(f, "rail")).parts_loading, 1);
	fx_crash(f);
	assert_false(f->opened.fresh);
	assert_int_equal(fx_status(f)->runs, 1);
	assert_int_equal(f->status.parts, 1);
	assert_int_equal(f->status.results, 2);
	assert_int_equal(fx_owed(f, fx_only(f, "rail")).parts_loading, 0);
	/* What was finished is known, what was not is new; the run goes on. */
	assert_int_equal(fx_take(f, &(struct fx_take){ .key = "k", .content = "x" }), 0);
	assert_int_equal(f->taken.what, TAKE_DUPLICATE);
	fx_part(f, &(struct fx_take){ .key = "k", .content = "y" }, two, 2);
	assert_int_equal(f->taken.run, run);
}

static void open_runs(void *cookie, int rc, const struct open_run *run, size_t count, const struct err *err)
{
	struct fx *f = cookie;

	f->count = count;
	for (size_t i = 0; i < count; i++)
		(void)snprintf(f->text[i], sizeof(f->text[i]), "%s|%s|%s|%lld", run[i].key, run[i].name,
			       run[i].watch, (long long)(run[i].last_part_ms - NOW));
	fx_set(f, rc, err);
}

static void open_runs_are_listed(void **state)
{
	struct fx *f = *state;
	int64_t run = fx_part(f, &(struct fx_take){ .key = "a", .content = "x", .name = "A" }, two, 2);

	fx_part(f, &(struct fx_take){ .key = "b", .content = "x", .now_ms = NOW + 7 }, two, 2);
	assert_int_equal(fx_end_run(f, run), 0);
	assert_int_equal(fx_end_run(f, run), 0); /* again: nothing */
	fx_part(f, &(struct fx_take){ .key = "b", .content = "y", .now_ms = NOW + 9 }, two, 2);
	fx_begin(f);
	queue_open_runs(f->q, open_runs, f);
	assert_int_equal(fx_wait(f), 0);
	assert_int_equal(f->count, 1);
	assert_string_equal(f->text[0], "b|b|nightly|9");
}

static void attempts_of_several_files_are_one_test(void **state)
{
	static const struct fx_result first[] = {
		{ "c", "t", OUTCOME_FAILED, .suite = { "s" } },
		{ "c", "t", OUTCOME_FAILED, .suite = { "s" }, .param = "1" },
		{ "c", "u", OUTCOME_PASSED, .suite = { "s" } },
		{ "c", "u", OUTCOME_SKIPPED, .suite = { "s" } },
	}, second[] = {
		{ "c", "t", OUTCOME_PASSED, .suite = { "s" } },
		{ "c", "t", OUTCOME_PASSED, .suite = { "other" } },
	};
	struct fx *f = *state;
	int64_t run = fx_part(f, &(struct fx_take){ .key = "k", .content = "x" }, first, 4);

	assert_int_equal(fx_run(f, run), 0);
	assert_int_equal(f->run.tests, 3);
	assert_int_equal(f->run.failed, 2);
	assert_int_equal(f->run.skipped, 1);
	fx_part(f, &(struct fx_take){ .key = "k", .content = "y" }, second, 2);
	assert_int_equal(fx_run(f, run), 0);
	assert_int_equal(f->run.tests, 4);
	assert_int_equal(f->run.failed, 1);
	assert_int_equal(f->run.passed, 2);
	assert_int_equal(f->run.flaky, 1);
}

/* More results than are gathered for the sake of a count: counted without being written, and the same. */
static void a_count_is_the_same_before_and_after_gathering(void **state)
{
	enum { COUNT = 60000, PARTS = 3 };
	static struct fx_result r[COUNT];
	static char name[COUNT][16];
	struct fx *f = *state;
	int64_t run = 0;
	/* Few repeats in one run, and in another one nothing but. */
	for (int i = 0; i < COUNT; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "t%d", i % 100 == 99 ? i - 7 : i);
		r[i] = (struct fx_result){ .class_name = "c",
					   .name = name[i],
					   .outcome = i % 100 == 92 ? OUTCOME_FAILED : OUTCOME_PASSED };
	}
	run = fx_part(f, &(struct fx_take){ .key = "few", .content = "x", .sinks = { "other" } }, r, COUNT);
	assert_int_equal(fx_run(f, run), 0);
	assert_int_equal(f->run.tests, COUNT - COUNT / 100);
	assert_int_equal(f->run.passed, COUNT - COUNT / 100);
	assert_int_equal(f->run.flaky, COUNT / 100);

	for (int part = 0; part < PARTS; part++) {
		char content[32];
		for (int i = 0; i < COUNT; i++) {
			int test = part == 1 ? i / 2 : i; /* the second part has two attempts of each */
			(void)snprintf(name[i], sizeof(name[i]), "t%d", test);
			r[i] = (struct fx_result){ .class_name = "c",
						   .name = name[i],
						   .outcome = (enum outcome)(
							   (test + part + (part == 1 && i % 2)) % 4),
						   .started_ms = i % 3 == 0 ? 0 : NOW + (part * 7 + i) % 11 };
		}
		(void)snprintf(content, sizeof(content), "part %d", part);
		run = fx_part(f, &(struct fx_take){ .key = "k", .content = content }, r, COUNT);
	}
	assert_int_equal(fx_run(f, run), 0);
	struct run_line counted = f->run;
	int64_t d = fx_only(f, "rail");
	assert_int_equal(fx_load(f, d)->tests, 0); /* nothing was gathered for it */
	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	assert_int_equal(fx_run(f, run), 0);
	assert_int_equal(counted.tests, COUNT);
	assert_int_equal(f->run.tests, counted.tests);
	assert_int_equal(f->run.passed, counted.passed);
	assert_int_equal(f->run.failed, counted.failed);
	assert_int_equal(f->run.error, counted.error);
	assert_int_equal(f->run.skipped, counted.skipped);
	assert_int_equal(f->run.flaky, counted.flaky);
	assert_true(counted.flaky > 0 && counted.skipped > 0);
	assert_int_equal(counted.passed + counted.failed + counted.error + counted.skipped, COUNT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(a_part_becomes_visible_when_it_is_finished),
		TEST(a_part_is_finished_once),
		TEST(runs_are_found_by_key),
		TEST(a_later_sink_gets_what_is_there),
		TEST(the_same_content_twice_at_once_counts_once),
		TEST(an_abandoned_part_leaves_its_reason_and_nothing_else),
		TEST(a_run_that_ends_before_its_only_part_waits_for_it),
		TEST(a_restart_voids_what_was_added),
		TEST(a_crash_forgets_parts_that_were_loading),
		TEST(open_runs_are_listed),
		TEST(attempts_of_several_files_are_one_test),
		TEST(a_count_is_the_same_before_and_after_gathering),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

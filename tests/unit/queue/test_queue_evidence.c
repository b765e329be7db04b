/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of results and runs: kept with their part, bound to what the server returned, forgotten with their
 * last run. */
#include "tests/unit/queue/fixture.h"

#include "daemon/queue/operate.h"

static const struct evidence_policy all_files = { .results = EVIDENCE_OF_ALL, .report = true };
static const struct evidence_policy of_failed = { .results = EVIDENCE_OF_FAILED,
						  .max_size = 1000,
						  .max_files = 2 };

static struct evidence kept(const char *named, const char *blob, uint64_t size)
{
	return (struct evidence){ .named = named, .kept = blob, .size = size, .sha256 = { 7 } };
}

static struct resolver taking(const struct evidence_policy *policy)
{
	return (struct resolver){ .match = false, .evidence = policy };
}

struct given {
	const char *test; /* NULL: of the run */
	struct evidence e;
};

/* A part of the tests in the order of first mention, each with its files. */
static int64_t part_with(struct fx *f, const struct fx_take *t, const struct fx_result *r, size_t count,
			 const struct given *given, size_t given_count)
{
	assert_int_equal(fx_take(f, t), 0);
	struct part_writer *w = part_writer_new(f->q, f->taken.part);
	for (size_t i = 0; i < count; i++) {
		fx_add(w, &r[i], 1);
		for (size_t k = 0; k < given_count; k++)
			if (given[k].test != NULL && strcmp(given[k].test, r[i].name) == 0)
				assert_int_equal(part_writer_evidence(w, &given[k].e, false, NULL), 0);
	}
	for (size_t k = 0; k < given_count; k++)
		if (given[k].test == NULL)
			assert_int_equal(part_writer_evidence(w, &given[k].e, true, NULL), 0);
	assert_int_equal(part_writer_end(w, NULL), 0);
	int64_t run = f->taken.run;
	assert_int_equal(fx_finish(f, f->taken.part, NOW), 0);
	return run;
}

static const struct fx_result two[] = {
	{ .class_name = "c", .name = "bad", .outcome = OUTCOME_FAILED },
	{ .class_name = "c", .name = "good", .outcome = OUTCOME_PASSED },
};

/* Posts the rows of ROWS_ALL under ids "r-NAME". */
static void post(struct fx *f, int64_t d)
{
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;
	struct rows *rows = fx_rows(f, d, ROWS_ALL, 100);

	learned_init(&l, &arena);
	assert_int_equal(fx_intend(f, d, "post", rows, "x"), 0);
	for (size_t i = 0; i < rows->count; i++) {
		char id[64];
		(void)snprintf(id, sizeof(id), "r-%s", rows->row[i].tests[0].results[0]->name);
		learned_posted(&l, rows->row[i].id, id);
	}
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	learned_done(&l);
	arena_done(&arena);
}

/* What was learned of the tests of the first row: those of a result id are posted by it, the others ignored. */
static void post_tests(struct fx *f, int64_t d, const char *const *id)
{
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;
	struct rows *rows = fx_rows(f, d, ROWS_RESULTS, 100);
	const struct row *row = &rows->row[0];

	learned_init(&l, &arena);
	assert_int_equal(fx_intend(f, d, "post", rows, "x"), 0);
	for (size_t i = 0; i < row->test_count; i++) {
		if (id[i] != NULL)
			learned_posted_test(&l, row->id, row->tests[i].id, id[i]);
		else
			learned_ignored_test(&l, row->id, row->tests[i].id, "not sent");
	}
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	learned_done(&l);
	arena_done(&arena);
}

/* The next file, or NULL. */
static const struct row_evidence *offered(struct fx *f, int64_t d)
{
	struct rows *rows = fx_rows(f, d, ROWS_EVIDENCE, 1);

	return rows->count == 0 ? NULL : rows->row[0].evidence;
}

/* The same where a result takes so many. */
static const struct row_evidence *offered_of(struct fx *f, int64_t d, size_t files)
{
	fx_begin(f);
	queue_rows(f->q, d, ROWS_EVIDENCE,
		   (struct rows_limit){ .count = 1, .bytes = 1 << 20, .files = files }, fx_on_rows, f);
	assert_int_equal(fx_wait(f), 0);
	return f->rows->count == 0 ? NULL : f->rows->row[0].evidence;
}

enum became { POSTED, PARKED, IGNORED };

static void settle(struct fx *f, int64_t d, enum became how, const char *text)
{
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;
	int64_t row = f->rows->row[0].id;

	learned_init(&l, &arena);
	assert_int_equal(fx_intend(f, d, "add-evidence", f->rows, "x"), 0);
	if (how == POSTED)
		learned_posted(&l, row, text);
	else if (how == PARKED)
		learned_parked(&l, row, text);
	else
		learned_ignored(&l, row, text);
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	learned_done(&l);
	arena_done(&arena);
}

static void know_run(struct fx *f, int64_t d)
{
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	learned_init(&l, &arena);
	learned_run(&l, "R1", "https://x/1");
	assert_int_equal(fx_note(f, d, SETTLE_GO_ON, &l, NULL), 0);
	learned_done(&l);
	arena_done(&arena);
}

static void a_file_is_offered_when_its_result_has_an_id(void **state)
{
	struct fx *f = *state;
	const struct given files[] = {
		{ "bad", kept("out/shot.png", "ab/shot", 10) },
		{ "good", kept("ok.log", "ab/ok", 11) },
		{ NULL, kept("ci.log", "ab/ci", 12) },
	};
	part_with(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2, files, 3);
	int64_t d = fx_only(f, "rail");
	struct resolver r = taking(&all_files);

	assert_int_equal(fx_resolve(f, d, &r), 0);
	assert_false(f->owed.unseen);
	assert_int_equal(f->owed.evidence_owed, 0);
	assert_null(offered(f, d));
	post(f, d);
	assert_int_equal(fx_owed(f, d).evidence_owed, 2);
	const struct row_evidence *e = offered(f, d);
	assert_non_null(e);
	assert_string_equal(e->name, "shot.png");
	assert_string_equal(e->kept, "ab/shot");
	assert_string_equal(e->type, "image/png");
	assert_string_equal(e->remote_result, "r-bad");
	assert_string_equal(e->test, "c.bad");
	assert_int_equal(e->verdict, VERDICT_FAILED);
	assert_int_equal(e->size, 10);
	assert_int_equal(strlen(e->sha256), 64);
	assert_false(e->of_run);
	settle(f, d, POSTED, "a1");
	assert_string_equal(offered(f, d)->remote_result, "r-good");
	settle(f, d, POSTED, "a2");
	assert_null(offered(f, d)); /* the run has no id yet */
	know_run(f, d);
	e = offered(f, d);
	assert_non_null(e);
	assert_true(e->of_run);
	assert_null(e->remote_result);
	assert_string_equal(e->name, "ci.log");
	settle(f, d, POSTED, "a3");
	assert_int_equal(fx_lines(f, 0, false), 1);
	assert_int_equal(f->line[0].evidence_posted, 3);
	assert_int_equal(f->line[0].evidence_owed, 0);
}

static void policy_decides_and_says_why(void **state)
{
	struct fx *f = *state;
	const struct given files[] = {
		{ "bad", kept("1.png", "b/1", 10) },    { "bad", kept("2.png", "b/2", 1001) },
		{ "bad", kept("3.png", "b/3", 10) },    { "bad", kept("4.png", "b/4", 10) },
		{ "good", kept("good.png", "b/5", 1) },
	};
	part_with(f, &(struct fx_take){ .key = "k", .content = "x", .sinks = { "rail", "none" } }, two, 2,
		  files, 5);
	int64_t d = fx_only(f, "rail"), none = fx_only(f, "none");
	struct resolver r = taking(&of_failed), nothing = taking(NULL);

	assert_int_equal(fx_resolve(f, d, &r), 0);
	post(f, d);
	assert_int_equal(fx_owed(f, d).evidence_owed, 3);
	for (size_t i = 0; i < 2; i++) {
		assert_non_null(offered_of(f, d, of_failed.max_files));
		settle(f, d, POSTED, "a");
	}
	assert_null(offered_of(f, d, of_failed.max_files));
	assert_int_equal(fx_lines(f, 0, false), 2);
	const struct delivery_line *line = f->line[0].id == d ? &f->line[0] : &f->line[1];
	assert_int_equal(line->evidence_ignored,
			 2); /* one too large, one too many; `good` was not asked for */
	assert_int_equal(fx_resolve(f, none, &nothing), 0);
	assert_false(f->owed.unseen);
	post(f, none);
	assert_null(offered(f, none));
}

/* Tests of one case: one result for all of them, one for each, and none. */
static const struct fx_result rows_of_one[] = {
	{ .class_name = "c", .name = "m", .param = "1", .outcome = OUTCOME_PASSED },
	{ .class_name = "c", .name = "m", .param = "2", .outcome = OUTCOME_FAILED },
	{ .class_name = "c", .name = "m", .param = "3", .outcome = OUTCOME_PASSED },
};

static int64_t of_one_case(struct fx *f, struct resolver *r)
{
	static const char *const cases[][3] = { { "11", "c.m", "m" }, { NULL, NULL, NULL } };

	assert_int_equal(fx_take(f, &(struct fx_take){ .key = "k", .content = "x" }), 0);
	struct part_writer *w = part_writer_new(f->q, f->taken.part);
	for (size_t i = 0; i < 3; i++) {
		char name[32];
		fx_add(w, &rows_of_one[i], 1);
		for (int k = 1; k <= 2; k++) {
			(void)snprintf(name, sizeof(name), "%zu-%d.png", i + 1, k);
			struct evidence e = kept(name, "b/x", 1);
			assert_int_equal(part_writer_evidence(w, &e, false, NULL), 0);
		}
	}
	assert_int_equal(part_writer_end(w, NULL), 0);
	assert_int_equal(fx_finish(f, f->taken.part, NOW), 0);
	int64_t d = fx_only(f, "rail");
	fx_cases(f, d, cases);
	*r = fx_matching;
	r->evidence = &all_files;
	assert_int_equal(fx_resolve(f, d, r), 0);
	return d;
}

static void each_test_of_a_case_is_settled_by_its_own_result(void **state)
{
	static const char *const id[] = { "r1", NULL, "r3" };
	static const char *const wanted[][2] = {
		{ "1-1.png", "r1" }, { "1-2.png", "r1" }, { "3-1.png", "r3" }, { "3-2.png", "r3" }
	};
	struct fx *f = *state;
	struct resolver r;
	int64_t d = of_one_case(f, &r);

	post_tests(f, d, id);
	for (size_t i = 0; i < 4; i++) {
		const struct row_evidence *e = offered_of(f, d, 2); /* two files at each result */
		assert_non_null(e);
		assert_string_equal(e->name, wanted[i][0]);
		assert_string_equal(e->remote_result, wanted[i][1]);
		settle(f, d, POSTED, "a");
	}
	assert_null(offered_of(f, d, 2));
	assert_int_equal(fx_lines(f, 0, false), 1);
	assert_int_equal(f->line[0].evidence_ignored, 2); /* of the one that is not sent */
	assert_int_equal(f->line[0].evidence_owed, 0);
	assert_int_equal(fx_owed(f, d).owed, 0);
}

/* max_files is of a result, however many tests came to be one; those that failed come first. */
static void a_result_has_so_many_files_and_those_of_failures_first(void **state)
{
	static const char *const id[] = { "r", "r", "r" };
	static const char *const wanted[] = { "1-1.png", "2-1.png", "2-2.png" };
	struct fx *f = *state;
	struct resolver r;
	int64_t d = of_one_case(f, &r);

	post_tests(f, d, id);
	for (size_t i = 0; i < 3; i++) {
		const struct row_evidence *e = offered_of(f, d, 3);
		assert_non_null(e);
		assert_string_equal(e->name, wanted[i]);
		settle(f, d, POSTED, "a");
	}
	assert_null(offered_of(f, d, 3));
	assert_int_equal(fx_lines(f, 0, false), 1);
	assert_int_equal(f->line[0].evidence_posted, 3);
	assert_int_equal(f->line[0].evidence_ignored, 3);
	assert_int_equal(f->line[0].evidence_owed, 0);
}

static void names_are_unique_for_a_result(void **state)
{
	struct fx *f = *state;
	static const char *const wanted[] = { "shot.png", "shot (2).png", "shot (3).png" };
	const struct given files[] = {
		{ "bad", kept("a/shot.png", "b/1", 1) },
		{ "bad", kept("b/shot.png", "b/2", 1) },
		{ "bad", kept("c\\shot.png", "b/3", 1) },
		{ "good", kept("shot.png", "b/4", 1) },
	};
	part_with(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2, files, 4);
	int64_t d = fx_only(f, "rail");
	struct resolver r = taking(&all_files);

	assert_int_equal(fx_resolve(f, d, &r), 0);
	post(f, d);
	for (int i = 0; i < 3; i++) {
		assert_string_equal(offered(f, d)->name, wanted[i]);
		settle(f, d, POSTED, "a");
	}
	assert_string_equal(offered(f, d)->name, "shot.png"); /* another result */
}

static void an_intent_gives_the_same_file_after_a_crash(void **state)
{
	struct fx *f = *state;
	const struct given files[] = { { "bad", kept("x/shot.png", "b/1", 5) },
				       { "bad", kept("y/shot.png", "b/2", 6) } };
	part_with(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2, files, 2);
	int64_t d = fx_only(f, "rail");
	struct resolver r = taking(&all_files);

	assert_int_equal(fx_resolve(f, d, &r), 0);
	post(f, d);
	assert_non_null(offered(f, d));
	settle(f, d, POSTED, "a1");
	assert_string_equal(offered(f, d)->name, "shot (2).png");
	int64_t row = f->rows->row[0].id;
	assert_int_equal(fx_intend(f, d, "add-evidence", f->rows, NULL), 0);
	fx_crash(f);
	assert_int_equal(f->opened.unknown, 1);
	struct rows *rows = fx_frozen(f, d, ROWS_EVIDENCE);
	assert_int_equal(rows->count, 1);
	assert_int_equal(rows->row[0].id, row);
	assert_string_equal(rows->row[0].evidence->name, "shot (2).png");
	assert_string_equal(rows->row[0].evidence->remote_result, "r-bad");
	assert_int_equal(rows->row[0].evidence->size, 6);
}

static void what_is_parked_is_parked_alone_and_retried(void **state)
{
	struct fx *f = *state;
	const struct given files[] = { { "bad", kept("1.png", "b/1", 5) },
				       { "bad", kept("2.png", "b/2", 6) } };
	int64_t run = part_with(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2, files, 2);
	int64_t d = fx_only(f, "rail");
	struct resolver r = taking(&all_files);

	assert_int_equal(fx_end_run(f, run), 0);
	assert_int_equal(fx_resolve(f, d, &r), 0);
	post(f, d);
	assert_non_null(offered(f, d));
	/* A refusal as a whole (SETTLE_SPLIT) parks the single file. */
	assert_int_equal(fx_intend(f, d, "add-evidence", f->rows, NULL), 0);
	assert_int_equal(fx_note(f, d, SETTLE_SPLIT, NULL, "413: too large"), 0);
	struct owed o = fx_owed(f, d);
	assert_int_equal(o.evidence_parked, 1);
	assert_int_equal(o.evidence_owed, 1);
	assert_int_equal(o.parked, 0);
	assert_int_equal(o.posted, 2);
	assert_string_equal(offered(f, d)->name, "2.png");
	settle(f, d, POSTED, "a2");
	assert_int_equal(fx_note(f, d, SETTLE_DELIVERED, NULL, NULL), 0);
	assert_int_equal(fx_load(f, d)->state, DELIVERY_PARKED);
	assert_int_equal(fx_retry(f, NULL, 0), 0);
	assert_int_equal(fx_load(f, d)->state, DELIVERY_WAITING);
	assert_string_equal(offered(f, d)->name, "1.png");
	settle(f, d, POSTED, "a1");
	assert_int_equal(fx_note(f, d, SETTLE_DELIVERED, NULL, NULL), 0);
	assert_int_equal(fx_load(f, d)->state, DELIVERY_DELIVERED);
}

/* ---- what comes late ---- */

struct awaited {
	struct fx *f;
	int64_t id[8];
	bool bad[8], of_run[8];
};

static void on_awaited(void *cookie, int rc, const struct awaited_evidence *e, size_t count,
		       const struct err *err)
{
	struct awaited *a = cookie;

	a->f->count = count;
	for (size_t i = 0; i < count && i < 8; i++) {
		a->id[i] = e[i].id;
		a->bad[i] = e[i].bad;
		a->of_run[i] = e[i].of_run;
		(void)snprintf(a->f->text[i], sizeof(a->f->text[i]), "%s|%s", e[i].part, e[i].named);
	}
	fx_set(a->f, rc, err);
}

static size_t awaited(struct fx *f, int64_t run, struct awaited *a)
{
	a->f = f;
	fx_begin(f);
	queue_evidence_awaited(f->q, run, 0, 8, on_awaited, a);
	assert_int_equal(fx_wait(f), 0);
	return f->count;
}

static int found(struct fx *f, int64_t id, const struct evidence *e)
{
	fx_begin(f);
	queue_evidence_found(f->q, id, e, NOW + 60, fx_done, f);
	return fx_wait(f);
}

static void on_counts(void *cookie, int rc, const struct evidence_counts *counts,
		      const struct evidence_line *line, size_t count, const struct err *err)
{
	struct fx *f = cookie;

	f->number[0] = counts->kept;
	f->number[1] = counts->awaited;
	f->number[2] = counts->missing;
	f->number[3] = counts->refused;
	f->number[4] = counts->bytes;
	f->count = count;
	for (size_t i = 0; i < count && i < 64; i++)
		(void)snprintf(f->text[i], sizeof(f->text[i]), "%s|%s|%s|%d", line[i].named, line[i].reason,
			       line[i].part, (int)line[i].state);
	fx_set(f, rc, err);
}

static void counts(struct fx *f, int64_t run)
{
	fx_begin(f);
	queue_evidence(f->q, run, 64, on_counts, f);
	assert_int_equal(fx_wait(f), 0);
}

static void what_is_awaited_is_found_or_missing(void **state)
{
	struct fx *f = *state;
	const struct evidence late = { .named = "late.png", .state = EVIDENCE_AWAITED };
	const struct evidence never = { .named = "never.png", .state = EVIDENCE_AWAITED };
	const struct evidence evil = { .named = "/etc/shadow",
				       .state = EVIDENCE_REFUSED,
				       .reason = "it lies outside of the report's folders" };
	const struct given files[] = { { "bad", late }, { "bad", never }, { "good", evil }, { "bad", evil } };
	int64_t run = part_with(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2, files, 4);
	int64_t d = fx_only(f, "rail");
	struct resolver r = taking(&all_files);
	struct awaited a;

	assert_int_equal(fx_resolve(f, d, &r), 0);
	post(f, d);
	assert_int_equal(fx_owed(f, d).evidence_awaited, 2);
	assert_int_equal(awaited(f, run, &a), 2);
	assert_string_equal(f->text[0], "x|late.png");
	assert_true(a.bad[0]);
	assert_false(a.of_run[0]);
	/* It waits for something to come: nothing is due. */
	struct note wait = { .step = "end", .settle = SETTLE_WAIT, .due_ms = INT64_MAX, .now_ms = NOW + 50 };
	fx_begin(f);
	queue_note(f->q, d, &wait, fx_done, f);
	assert_int_equal(fx_wait(f), 0);
	assert_int_equal(fx_due(f, "rail", NOW + 1000000), 0);

	struct evidence there = kept("late.png", "b/late", 99);
	assert_int_equal(found(f, a.id[0], &there), 0);
	assert_int_equal(found(f, a.id[0], &there), -EALREADY);
	assert_int_equal(fx_due(f, "rail", NOW + 60), 1);
	assert_true(fx_owed(f, d).unseen);
	assert_int_equal(fx_resolve(f, d, &r), 0);
	assert_false(f->owed.unseen);
	assert_int_equal(f->owed.evidence_owed, 1);
	assert_string_equal(offered(f, d)->remote_result, "r-bad");
	assert_int_equal(f->rows->row[0].evidence->size, 99);
	settle(f, d, POSTED, "a1");

	struct evidence gone = { .named = "never.png", .state = EVIDENCE_MISSING, .reason = "not there" };
	assert_int_equal(found(f, a.id[1], &gone), 0);
	assert_int_equal(fx_owed(f, d).evidence_awaited, 0);
	assert_int_equal(awaited(f, 0, &a), 0);
	counts(f, run);
	assert_int_equal(f->number[0], 1);
	assert_int_equal(f->number[1], 0);
	assert_int_equal(f->number[2], 1);
	assert_int_equal(f->number[3], 2);
	assert_int_equal(f->number[4], 99);
	assert_int_equal(f->count, 2); /* named twice, said once */
	assert_string_equal(f->text[0], "never.png|not there|x|2");
	assert_string_equal(f->text[1], "/etc/shadow|it lies outside of the report's folders|x|3");
	assert_int_equal(fx_note(f, d, SETTLE_DELIVERED, NULL, NULL), 0);
	assert_int_equal(fx_load(f, d)->state, DELIVERY_DELIVERED);
}

/* Nobody looks for it any more, and nobody may wait for it. */
static void an_ended_run_awaits_nothing(void **state)
{
	struct fx *f = *state;
	const struct evidence never = { .named = "never.png", .state = EVIDENCE_AWAITED };
	const struct given files[] = { { "bad", never }, { NULL, never } };
	int64_t run = part_with(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2, files, 2);
	int64_t other = part_with(f, &(struct fx_take){ .key = "l", .content = "y" }, two, 2, files, 1);
	struct resolver r = taking(&all_files);
	struct awaited a;
	int64_t d = 0;

	assert_int_equal(fx_due(f, "rail", NOW + 1000000), 2);
	for (size_t i = 0; i < 2; i++)
		d = f->due[i].run == run ? f->due[i].delivery : d;
	assert_int_equal(fx_resolve(f, d, &r), 0);
	post(f, d);
	assert_int_equal(fx_owed(f, d).evidence_awaited, 2);
	assert_int_equal(fx_end_run(f, run), 0);
	assert_int_equal(fx_owed(f, d).evidence_awaited, 0);
	assert_int_equal(awaited(f, run, &a), 0);
	counts(f, run);
	assert_int_equal(f->number[2], 2);
	assert_string_equal(f->text[0], "never.png|it was not there when the run ended|x|2");
	assert_int_equal(awaited(f, other, &a), 1);
}

/* ---- files that no report names ---- */

struct owners {
	struct fx *f;
	struct file_owner owner[8];
};

static void on_owners(void *cookie, int rc, const struct file_owner *owner, size_t count,
		      const struct err *err)
{
	struct owners *o = cookie;

	o->f->count = count;
	for (size_t i = 0; i < count && i < 8; i++)
		o->owner[i] = owner[i];
	fx_set(o->f, rc, err);
}

static unsigned fits(const char *relative, const char *class_name, const char *name)
{
	(void)class_name;
	return strstr(relative, name) != NULL ? (unsigned)strlen(name) : 0;
}

static int add_files(struct fx *f, int64_t run, const struct evidence *e, const int64_t *result, size_t count)
{
	fx_begin(f);
	const struct evidence_add what = {
		.run = run, .e = e, .result = result, .count = count, .now_ms = NOW + 60
	};
	queue_evidence_add(f->q, &what, fx_done, f);
	return fx_wait(f);
}

static void files_that_no_report_names_find_their_test(void **state)
{
	static const struct fx_result more[] = {
		{ .class_name = "c", .name = "bad", .outcome = OUTCOME_PASSED },
		{ .class_name = "c", .name = "one", .outcome = OUTCOME_FAILED },
		{ .class_name = "d", .name = "one", .outcome = OUTCOME_FAILED },
	};
	const struct found_file file[] = {
		{ "/w/bad.png", "bad.png", 10 },     { "/w/good.png", "good.png", 10 },
		{ "/w/one.png", "one.png", 10 },     { "/w/none.png", "else.png", 10 },
		{ "/w/bad-2.png", "bad-2.png", 11 },
	};
	struct fx *f = *state;
	struct owners o = { .f = f };
	struct resolver r = taking(&all_files);
	int64_t run = part_with(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2, NULL, 0);
	int64_t d = fx_only(f, "rail");
	assert_int_equal(part_with(f, &(struct fx_take){ .key = "k", .content = "y" }, more, 3, NULL, 0),
			 run);

	/* What was sorted before must not hide what comes now. */
	assert_int_equal(fx_resolve(f, d, &r), 0);
	post(f, d);
	fx_begin(f);
	queue_evidence_owners(f->q, run, file, 5, false, fits, on_owners, &o);
	assert_int_equal(fx_wait(f), 0);
	assert_int_equal(f->count, 5);
	assert_true(o.owner[0].result != 0);
	assert_true(o.owner[0].bad); /* the attempt that failed, not the one that passed then */
	assert_true(o.owner[1].result != 0);
	assert_false(o.owner[1].bad);
	assert_int_equal(o.owner[2].result, 0); /* of two tests */
	assert_int_equal(o.owner[3].result, 0);
	assert_int_equal(o.owner[4].result, o.owner[0].result);

	struct evidence e[3] = { kept("/w/bad.png", "b/bad", 10), kept("/w/none.png", "b/none", 10),
				 kept("/w/none-2.png", "b/none", 10) };
	for (size_t i = 0; i < 3; i++)
		e[i].origin = EVIDENCE_GLOB;
	const int64_t result[3] = { o.owner[0].result, 0, 0 };
	assert_int_equal(add_files(f, run, e, result, 3), 0);
	assert_int_equal(add_files(f, run, e, result, 3), 0); /* again: nothing */
	counts(f, run);
	assert_int_equal(f->number[0], 2);
	assert_int_equal(fx_resolve(f, d, &r), 0);
	assert_int_equal(fx_owed(f, d).evidence_owed, 1);
	assert_string_equal(offered(f, d)->remote_result, "r-bad");
	settle(f, d, POSTED, "a1");
	know_run(f, d);
	assert_true(offered(f, d)->of_run);

	fx_begin(f);
	queue_evidence_owners(f->q, run, file, 5, false, fits, on_owners, &o);
	assert_int_equal(fx_wait(f), 0);
	assert_true(o.owner[0].known);
	assert_false(o.owner[1].known);
	assert_true(o.owner[3].known);
	assert_false(o.owner[4].known);
	const struct evidence strange = kept("x", "../x", 1);
	assert_int_equal(add_files(f, run, &strange, result, 1), -EINVAL);
	assert_int_equal(add_files(f, run + 100, e, result, 1), -ENOENT);
}

struct early {
	struct fx *f;
	int64_t id[4];
	size_t count;
	bool kept;
};

static void on_early(void *cookie, int rc, const struct evidence *e, const int64_t *id, size_t count,
		     const struct err *err)
{
	struct early *o = cookie;

	o->count = count;
	o->kept = true;
	for (size_t i = 0; i < count && i < 4; i++) {
		o->id[i] = id[i];
		o->kept = o->kept && e[i].state == EVIDENCE_KEPT && e[i].origin == EVIDENCE_EARLY &&
			  e[i].kept != NULL;
	}
	fx_set(o->f, rc, err);
}

static size_t put_by(struct fx *f, int64_t run, struct early *o)
{
	*o = (struct early){ .f = f };
	fx_begin(f);
	queue_evidence_early(f->q, run, 4, on_early, o);
	assert_int_equal(fx_wait(f), 0);
	assert_true(o->count == 0 || o->kept);
	return o->count;
}

/* What is put by belongs to nobody, until it is claimed, or its run ends. */
static void files_that_are_put_by_wait_for_an_owner(void **state)
{
	struct fx *f = *state;
	struct resolver r = taking(&all_files);
	int64_t run = part_with(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2, NULL, 0);
	int64_t d = fx_only(f, "rail");
	struct evidence e[2] = { kept("/w/a.png", "b/a", 10), kept("/w/b.png", "b/b", 11) };
	const int64_t result[2] = { 0, 0 };
	struct early o;

	assert_int_equal(fx_resolve(f, d, &r), 0);
	post(f, d);
	know_run(f, d);
	e[0].origin = e[1].origin = EVIDENCE_EARLY;
	assert_int_equal(add_files(f, run, e, result, 2), 0);
	assert_int_equal(put_by(f, run, &o), 2);
	assert_int_equal(fx_resolve(f, d, &r), 0);
	assert_int_equal(fx_owed(f, d).evidence_owed, 0);

	/* The first finds its owner; the second does not, and is the run's when that ends. */
	e[0].origin = EVIDENCE_GLOB;
	const struct evidence_add claim = { .run = run,
					    .e = e,
					    .result = result,
					    .count = 1,
					    .early = o.id,
					    .early_count = 1,
					    .now_ms = NOW + 70 };
	fx_begin(f);
	queue_evidence_add(f->q, &claim, fx_done, f);
	assert_int_equal(fx_wait(f), 0);
	assert_int_equal(put_by(f, run, &o), 1);
	assert_int_equal(fx_resolve(f, d, &r), 0);
	assert_int_equal(fx_owed(f, d).evidence_owed, 1);
	fx_begin(f);
	queue_end_run(f->q, run, NOW + 80, fx_done, f);
	assert_int_equal(fx_wait(f), 0);
	assert_int_equal(put_by(f, run, &o), 0);
	assert_int_equal(fx_resolve(f, d, &r), 0);
	assert_int_equal(fx_owed(f, d).evidence_owed, 2);
}

static void a_late_answer_is_not_undone_by_the_wait_for_it(void **state)
{
	struct fx *f = *state;
	const struct given files[] = { { "bad", { .named = "late.png", .state = EVIDENCE_AWAITED } } };
	int64_t run = part_with(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2, files, 1);
	int64_t d = fx_only(f, "rail");
	struct resolver r = taking(&all_files);
	struct awaited a;

	assert_int_equal(fx_resolve(f, d, &r), 0);
	post(f, d);
	assert_int_equal(awaited(f, run, &a), 1);
	struct owed saw = fx_owed(f, d);
	struct evidence there = kept("late.png", "b/late", 99);
	assert_int_equal(found(f, a.id[0], &there), 0);
	/* The talk had asked before, and now says that it waits for what comes. */
	assert_int_equal(fx_await(f, d, &saw, NOW + 70), 0);
	assert_int_equal(fx_due(f, "rail", NOW + 70), 1);
}

/* ---- parts that begin anew, and that never were ---- */

static void a_restarted_part_forgets_its_files(void **state)
{
	struct fx *f = *state;
	struct evidence first = kept("first.png", "b/1", 1), second = kept("second.png", "b/2", 2);

	assert_int_equal(fx_take(f, &(struct fx_take){ .key = "k", .content = "x" }), 0);
	struct part_writer *w = part_writer_new(f->q, f->taken.part);
	fx_add(w, &two[0], 1);
	assert_int_equal(part_writer_evidence(w, &first, false, NULL), 0);
	part_writer_restart(w);
	fx_add(w, &two[0], 1);
	assert_int_equal(part_writer_evidence(w, &second, false, NULL), 0);
	assert_int_equal(part_writer_end(w, NULL), 0);
	int64_t run = f->taken.run;
	assert_int_equal(fx_finish(f, f->taken.part, NOW), 0);
	counts(f, run);
	assert_int_equal(f->number[0], 1);
	assert_int_equal(f->number[4], 2);
	int64_t d = fx_only(f, "rail");
	struct resolver r = taking(&all_files);
	assert_int_equal(fx_resolve(f, d, &r), 0);
	post(f, d);
	assert_string_equal(offered(f, d)->name, "second.png");
}

static void a_part_that_never_was_has_no_files(void **state)
{
	struct fx *f = *state;
	struct evidence e = kept("a.png", "b/1", 1);

	assert_int_equal(fx_take(f, &(struct fx_take){ .key = "k", .content = "x" }), 0);
	struct part_writer *w = part_writer_new(f->q, f->taken.part);
	fx_add(w, &two[0], 1);
	assert_int_equal(part_writer_evidence(w, &e, false, NULL), 0);
	assert_int_equal(part_writer_end(w, NULL), 0);
	assert_int_equal(fx_abandon(f, f->taken.part, "malformed"), 0);
	counts(f, 0);
	assert_int_equal(f->number[0], 0);

	assert_int_equal(fx_take(f, &(struct fx_take){ .key = "k", .content = "y" }), 0);
	w = part_writer_new(f->q, f->taken.part);
	fx_add(w, &two[0], 1);
	assert_int_equal(part_writer_evidence(w, &e, false, NULL), 0);
	assert_int_equal(part_writer_end(w, NULL), 0);
	fx_crash(f);
	counts(f, 0);
	assert_int_equal(f->number[0], 0);
}

static void strange_names_are_refused(void **state)
{
	static const char *const strange[] = { "../x", "/etc/passwd", "", "a//b", "a/.b", ".x", "a b", "x/" };
	struct fx *f = *state;

	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		char content[8];
		(void)snprintf(content, sizeof(content), "c%zu", i);
		assert_int_equal(fx_take(f, &(struct fx_take){ .key = "k", .content = content }), 0);
		struct part_writer *w = part_writer_new(f->q, f->taken.part);
		struct evidence e = kept("a.png", strange[i], 1);
		assert_int_equal(part_writer_evidence(w, &e, false, &f->err), -EINVAL);
		assert_int_equal(part_writer_end(w, NULL), -EINVAL);
		assert_int_equal(fx_abandon(f, f->taken.part, NULL), 0);
	}
}

/* ---- forgetting ---- */

static void on_retired(void *cookie, int rc, const struct retired *r, const struct err *err)
{
	(void)r;
	fx_set(cookie, rc, err);
}

static void on_removed(void *cookie, const char *blob)
{
	struct fx *f = cookie;

	(void)snprintf(f->text[f->count], sizeof(f->text[0]), "%s", blob);
	f->count++;
}

static void keep_report(void *cookie, const char *blob)
{
	(void)cookie;
	(void)blob;
}

static void blobs_go_with_the_last_run_that_names_them(void **state)
{
	struct fx *f = *state;
	const struct given one[] = { { "bad", kept("1.png", "b/both", 1) },
				     { "bad", kept("2.png", "b/one", 2) } };
	const struct given other[] = { { "bad", kept("1.png", "b/both", 1) } };
	int64_t run = part_with(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2, one, 2);
	int64_t second = part_with(f, &(struct fx_take){ .key = "l", .content = "y" }, two, 2, other, 1);
	struct resolver r = taking(&all_files);

	for (int i = 0; i < 2; i++) {
		assert_int_equal(fx_end_run(f, i == 0 ? run : second), 0);
		size_t at = 0, due = fx_due(f, "rail", NOW + 1000);
		while (at < due && f->due[at].run != (i == 0 ? run : second))
			at++;
		assert_true(at < due);
		int64_t d = f->due[at].delivery;
		assert_int_equal(fx_resolve(f, d, &r), 0);
		post(f, d);
		while (offered(f, d) != NULL)
			settle(f, d, POSTED, "a");
		assert_int_equal(fx_note(f, d, SETTLE_DELIVERED, NULL, NULL), 0);
		struct retire what = { .before_ms = NOW + 10000,
				       .now_ms = NOW + 20000 * (i + 1),
				       .remove = keep_report,
				       .remove_evidence = on_removed,
				       .cookie = f };
		fx_begin(f);
		queue_retire(f->q, &what, on_retired, f);
		assert_int_equal(fx_wait(f), 0);
		assert_int_equal(f->count, 1);
		assert_string_equal(f->text[0], i == 0 ? "b/one" : "b/both");
	}
	counts(f, 0);
	assert_int_equal(f->number[0], 0);
}

static void blobs_that_nobody_names_are_swept(void **state)
{
	struct fx *f = *state;
	const struct given one[] = { { "bad", kept("1.png", "b/named", 1) } };
	const char *const there[] = { "b/named", "b/left" };

	part_with(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2, one, 1);
	fx_begin(f);
	queue_sweep_evidence(f->q, there, 2, on_removed, f, fx_done, f);
	assert_int_equal(fx_wait(f), 0);
	assert_int_equal(f->count, 1);
	assert_string_equal(f->text[0], "b/left");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_offered_when_its_result_has_an_id),
		TEST(policy_decides_and_says_why),
		TEST(each_test_of_a_case_is_settled_by_its_own_result),
		TEST(a_result_has_so_many_files_and_those_of_failures_first),
		TEST(names_are_unique_for_a_result),
		TEST(an_intent_gives_the_same_file_after_a_crash),
		TEST(what_is_parked_is_parked_alone_and_retried),
		TEST(what_is_awaited_is_found_or_missing),
		TEST(an_ended_run_awaits_nothing),
		TEST(files_that_no_report_names_find_their_test),
		TEST(files_that_are_put_by_wait_for_an_owner),
		TEST(a_late_answer_is_not_undone_by_the_wait_for_it),
		TEST(a_restarted_part_forgets_its_files),
		TEST(a_part_that_never_was_has_no_files),
		TEST(strange_names_are_refused),
		TEST(blobs_go_with_the_last_run_that_names_them),
		TEST(blobs_that_nobody_names_are_swept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

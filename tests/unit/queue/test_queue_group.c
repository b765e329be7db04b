/* SPDX-License-Identifier: Apache-2.0
 *
 * Results become tests in pieces: in whatever piece a process ends, or another run comes between, the tests
 * are those of a run that was gathered at once. */
#include "tests/unit/queue/fixture.h"

#include "daemon/base/buf.h"

#include <sqlite3.h>

enum { FIRST = 4500, SECOND = 1500 };
/* Different names: 3000 in the first report; in the second 1500 of 3500, those from 3000 on are new. */
enum { TESTS = 3000 + 182 };

static void name_of(char name[24], int i)
{
	(void)snprintf(name, 24, "t%d", i);
}

/* Every name comes again sooner or later, in the same report and in the other one. */
static int64_t put(struct fx *f, const char *key, const char *content, int count, int step, int names)
{
	assert_int_equal(fx_take(f, &(struct fx_take){ .key = key, .content = content }), 0);
	assert_int_equal(f->taken.what, TAKE_NEW);
	int64_t run = f->taken.run, part = f->taken.part;
	struct part_writer *w = part_writer_new(f->q, part);
	for (int i = 0; i < count; i++) {
		char name[24];
		name_of(name, (int)((int64_t)i * step % names));
		fx_add(w,
		       &(struct fx_result){ .class_name = "a.B",
					    .name = name,
					    .outcome = (enum outcome)(i % 3),
					    .started_ms = i % 2 == 0 ? 0 : NOW + i },
		       1);
	}
	assert_int_equal(part_writer_end(w, NULL), 0);
	assert_int_equal(fx_finish(f, part, NOW), 0);
	return run;
}

static void put_both(struct fx *f, const char *key)
{
	char content[32];

	(void)snprintf(content, sizeof(content), "%s one", key);
	put(f, key, content, FIRST, 7, 3000);
	(void)snprintf(content, sizeof(content), "%s two", key);
	put(f, key, content, SECOND, 11, 3500);
}

static void add_rows(sqlite3 *db, struct buf *out, const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(stmt); i++) {
			const char *text = (const char *)sqlite3_column_text(stmt, i);
			buf_puts(out, text != NULL ? text : "-");
			buf_putc(out, i + 1 < sqlite3_column_count(stmt) ? ' ' : '\n');
		}
	}
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
}

/* All that gathering has written; the queue is closed for it. */
static void tables(struct fx *f, struct buf *out)
{
	sqlite3 *db = NULL;

	fx_close(f);
	buf_reset(out);
	assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	add_rows(db, out,
		 "SELECT id, grouped, ready, next_no, agains, tests, passed, skipped, failed, error, flaky"
		 " FROM run ORDER BY id");
	add_rows(db, out, "SELECT run, no, first, last, started, flags FROM test ORDER BY run, no");
	add_rows(db, out, "SELECT run, seq, no, result, started FROM again ORDER BY run, seq");
	add_rows(db, out, "SELECT run, hex(identity), no FROM identity ORDER BY run, identity");
	add_rows(db, out, "SELECT delivery, id, state FROM item ORDER BY delivery, id");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	fx_open(f);
}

static void begin_again(struct fx *f)
{
	char command[128];

	fx_close(f);
	(void)snprintf(command, sizeof(command), "rm -f %s*", f->path);
	assert_int_equal(system(command), 0);
	fx_open(f);
}

/* The answer has come within so many turns. */
static bool resolved_within(struct fx *f, int64_t delivery, int turns)
{
	fx_begin(f);
	queue_resolve(f->q, delivery, &fx_all, fx_on_owed, f);
	for (int i = 0; i < turns && !f->answered; i++)
		queue_turn(f->q);
	return f->answered;
}

static void a_crash_between_pieces_changes_nothing(void **state)
{
	struct fx *f = *state;
	struct buf whole = BUF_LIMIT(16 << 20), now = BUF_LIMIT(16 << 20);
	int crashes = 0;

	put_both(f, "k");
	assert_int_equal(fx_resolve(f, fx_only(f, "rail"), &fx_all), 0);
	assert_int_equal(f->owed.owed, TESTS);
	tables(f, &whole);
	for (int turns = 1;; turns += 1 + turns / 3) {
		begin_again(f);
		put_both(f, "k");
		if (resolved_within(f, fx_only(f, "rail"), turns))
			break;
		fx_crash(f);
		/* And once more, on the way that is repeated. */
		if (!resolved_within(f, fx_only(f, "rail"), turns / 2))
			fx_crash(f);
		crashes++;
		assert_int_equal(fx_resolve(f, fx_only(f, "rail"), &fx_all), 0);
		tables(f, &now);
		assert_int_equal(now.len, whole.len);
		assert_memory_equal(now.data, whole.data, whole.len);
	}
	assert_true(crashes >= 3); /* reading, identities and tests, each in pieces */
	buf_done(&whole);
	buf_done(&now);
}

struct answer {
	bool done;
	uint64_t owed;
};

static void on_either(void *cookie, int rc, const struct owed *owed, const struct err *err)
{
	struct answer *a = cookie;

	(void)err;
	assert_int_equal(rc, 0);
	a->done = true;
	a->owed = owed->owed;
}

static void runs_side_by_side_do_not_disturb_each_other(void **state)
{
	struct fx *f = *state;
	struct buf whole = BUF_LIMIT(16 << 20), now = BUF_LIMIT(16 << 20);
	struct answer one = { 0 }, two = { 0 };

	put_both(f, "k");
	put_both(f, "l");
	assert_int_equal(fx_due(f, "rail", NOW + 1000000), 2);
	int64_t first = f->due[0].delivery, second = f->due[1].delivery;
	assert_int_equal(fx_resolve(f, first, &fx_all), 0);
	assert_int_equal(fx_resolve(f, second, &fx_all), 0);
	tables(f, &whole);

	begin_again(f);
	put_both(f, "k");
	put_both(f, "l");
	queue_resolve(f->q, first, &fx_all, on_either, &one);
	queue_resolve(f->q, second, &fx_all, on_either, &two);
	for (int i = 0; i < 10000 && !(one.done && two.done); i++)
		queue_turn(f->q);
	assert_true(one.done && two.done);
	assert_int_equal(one.owed, TESTS);
	assert_int_equal(two.owed, TESTS);
	tables(f, &now);
	assert_int_equal(now.len, whole.len);
	assert_memory_equal(now.data, whole.data, whole.len);
	buf_done(&whole);
	buf_done(&now);
}

/* What comes while a slice is in hand belongs to the same walk. */
static void a_part_that_comes_between_pieces_is_gathered_too(void **state)
{
	struct fx *f = *state;
	struct answer a = { 0 };

	put(f, "k", "one", FIRST, 7, 3000);
	int64_t delivery = fx_only(f, "rail");
	queue_resolve(f->q, delivery, &fx_all, on_either, &a);
	queue_turn(f->q);
	assert_false(a.done);
	put(f, "k", "two", SECOND, 11, 3500);
	for (int i = 0; i < 10000 && !a.done; i++)
		queue_turn(f->q);
	assert_true(a.done);
	assert_int_equal(fx_resolve(f, delivery, &fx_all), 0);
	assert_int_equal(f->owed.owed, TESTS);
	assert_false(f->owed.unseen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_crash_between_pieces_changes_nothing, fx_setup,
						fx_teardown),
		cmocka_unit_test_setup_teardown(runs_side_by_side_do_not_disturb_each_other, fx_setup,
						fx_teardown),
		cmocka_unit_test_setup_teardown(a_part_that_comes_between_pieces_is_gathered_too, fx_setup,
						fx_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

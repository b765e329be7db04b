/* SPDX-License-Identifier: Apache-2.0
 *
 * Row 68: what a claim costs does not know how much waits.  No clock: SQLite's own count of the instructions
 * that its machine ran, of the pages that it touched, and of its commits, for batches of one size. */
#include "tests/unit/queue/fixture.h"

#include <sqlite3.h>

enum {
	BATCH = 10,
	FEW = 10,
	MANY = 20000,
	REST = MANY / 2, /* posted before the second claim of many is measured */
	OTHERS = 150,    /* deliveries of other runs, which wait beside */
	AT_ONCE = 4,     /* deliveries that are asked for */
};

static sqlite3 *connection;
static uint64_t steps, commits;

int __real_sqlite3_open_v2(const char *name, sqlite3 **db, int flags, const char *vfs);
int __wrap_sqlite3_open_v2(const char *name, sqlite3 **db, int flags, const char *vfs);
int __wrap_sqlite3_open_v2(const char *name, sqlite3 **db, int flags, const char *vfs)
{
	int rc = __real_sqlite3_open_v2(name, db, flags, vfs);

	connection = *db;
	return rc;
}

static int on_step(void *cookie)
{
	(void)cookie;
	steps++;
	return 0;
}

/* One that changed nothing writes nothing, and so syncs nothing. */
static int on_commit(void *cookie)
{
	static sqlite3_int64 before;
	sqlite3_int64 changes = sqlite3_total_changes64(connection);

	(void)cookie;
	if (changes != before)
		commits++;
	before = changes;
	return 0;
}

struct cost {
	uint64_t steps, pages, commits;
};

static uint64_t pages(void)
{
	int hit = 0, miss = 0, peak = 0;

	assert_int_equal(sqlite3_db_status(connection, SQLITE_DBSTATUS_CACHE_HIT, &hit, &peak, 0), SQLITE_OK);
	assert_int_equal(sqlite3_db_status(connection, SQLITE_DBSTATUS_CACHE_MISS, &miss, &peak, 0),
			 SQLITE_OK);
	return (uint64_t)hit + (uint64_t)miss;
}

static struct cost spent(void)
{
	return (struct cost){ steps, pages(), commits };
}

static struct cost since(const struct cost *before)
{
	struct cost now = spent();

	return (struct cost){ now.steps - before->steps, now.pages - before->pages,
			      now.commits - before->commits };
}

/* A run of `count` tests t0, t1, ... */
static void put(struct fx *f, const char *key, int count)
{
	assert_int_equal(fx_take(f, &(struct fx_take){ .key = key, .content = key }), 0);
	int64_t part = f->taken.part, run = f->taken.run;
	struct part_writer *w = part_writer_new(f->q, part);
	for (int i = 0; i < count; i++) {
		char name[24];
		(void)snprintf(name, sizeof(name), "t%d", i);
		fx_add(w, &(struct fx_result){ .class_name = "c", .name = name, .outcome = OUTCOME_PASSED },
		       1);
	}
	assert_int_equal(part_writer_end(w, NULL), 0);
	assert_int_equal(fx_finish(f, part, NOW), 0);
	assert_int_equal(fx_end_run(f, run), 0);
}

/* Their cases over there, which have the same names. */
static void known(struct fx *f, int64_t delivery, int count)
{
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	learned_init(&l, &arena);
	for (int i = 0; i < count; i++) {
		char id[24], alias[24];
		(void)snprintf(id, sizeof(id), "%d", 1000 + i);
		(void)snprintf(alias, sizeof(alias), "c.t%d", i);
		learned_remote(&l, "case", "p1", id, "7", alias, alias, NULL);
		if (i % 250 == 249 || i == count - 1)
			assert_int_equal(fx_note(f, delivery, SETTLE_GO_ON, &l, NULL), 0);
	}
	learned_done(&l);
	arena_done(&arena);
}

static void resolve(struct fx *f, int64_t delivery, enum rows_kind kind, int count)
{
	if (kind == ROWS_RESULTS)
		known(f, delivery, count);
	do
		assert_int_equal(fx_resolve(f, delivery, kind == ROWS_RESULTS ? &fx_matching : &fx_all), 0);
	while (f->owed.wait_ms > 0);
	assert_int_equal(f->owed.owed, count);
}

static void due(struct fx *f)
{
	fx_begin(f);
	queue_due(f->q, "rail", NOW + 1000000, NULL, 0, AT_ONCE, AT_ONCE, fx_on_due, f);
	assert_int_equal(fx_wait(f), 0);
	assert_true(f->due_count > 0 && f->due_count <= AT_ONCE);
}

/* One request's worth: what is due, its rows, the intent; and then what was learned. */
static struct cost request(struct fx *f, int64_t delivery, enum rows_kind kind, size_t batch)
{
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;
	struct cost before = spent();

	due(f);
	const struct rows *rows = fx_rows(f, delivery, kind, batch);
	assert_int_equal(rows->count, batch);
	assert_int_equal(fx_intend(f, delivery, "post", rows, "body"), 0);
	learned_init(&l, &arena);
	for (size_t i = 0; i < rows->count; i++)
		learned_posted(&l, rows->row[i].id, "r1");
	assert_int_equal(fx_note(f, delivery, SETTLE_GO_ON, &l, NULL), 0);
	learned_done(&l);
	arena_done(&arena);
	return since(&before);
}

/* A B-tree of many has a level or two more; the instructions are the same. */
static void about_the_same(const char *what, const struct cost *few, const struct cost *many)
{
	print_message("%s: %llu instructions, %llu pages, %llu commits; of few: %llu, %llu, %llu\n", what,
		      (unsigned long long)many->steps, (unsigned long long)many->pages,
		      (unsigned long long)many->commits, (unsigned long long)few->steps,
		      (unsigned long long)few->pages, (unsigned long long)few->commits);
	assert_true(few->steps > 0 && many->steps * 4 <= few->steps * 5);
	assert_true(many->pages <= few->pages * 3);
	assert_int_equal(many->commits, few->commits);
	assert_in_range(many->commits, 1, 2);
}

static void flat(struct fx *f, enum rows_kind kind)
{
	steps = commits = 0;
	sqlite3_progress_handler(connection, 1, on_step, NULL);
	sqlite3_commit_hook(connection, on_commit, NULL);

	put(f, "few", FEW);
	int64_t d = fx_only(f, "rail");
	resolve(f, d, kind, FEW);
	struct cost few = request(f, d, kind, BATCH);
	assert_int_equal(fx_note(f, d, SETTLE_DELIVERED, NULL, NULL), 0);

	put(f, "many", MANY);
	d = fx_only(f, "rail");
	resolve(f, d, kind, MANY);
	for (int i = 0; i < OTHERS; i++) {
		char key[24];
		(void)snprintf(key, sizeof(key), "other %d", i);
		put(f, key, 1);
	}
	struct cost cost = request(f, d, kind, BATCH);
	about_the_same("the first of many", &few, &cost);
	for (size_t posted = BATCH; posted < REST; posted += 250)
		(void)request(f, d, kind, 250);
	cost = request(f, d, kind, BATCH);
	about_the_same("one in their middle", &few, &cost);
	sqlite3_progress_handler(connection, 0, NULL, NULL);
}

static void row_68_a_claim_of_what_has_no_cases_is_flat(void **state)
{
	flat(*state, ROWS_ALL);
}

static void row_68_a_claim_of_results_with_cases_is_flat(void **state)
{
	flat(*state, ROWS_RESULTS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fx_setup, fx_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(row_68_a_claim_of_what_has_no_cases_is_flat),
		TEST(row_68_a_claim_of_results_with_cases_is_flat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

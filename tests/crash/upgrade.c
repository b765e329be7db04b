/* SPDX-License-Identifier: Apache-2.0
 *
 * upgrade.c - `upgrade DATABASE`: row 8, a process that dies while it opens the database of an earlier schema.
 *
 * Points are each statement of the migrations (and of the settings before them), each beginning and end of a
 * transaction, each writing back of the log.  At each of them a child dies on a copy of its own; what it left is
 * looked at (sound, and of one schema or the other) and opened again: then it must be, row by row, what an
 * opening that nothing happened to has made of it. */
#include "tests/unit/queue/fixture.h"

#include "daemon/base/buf.h"
#include "daemon/queue/db.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <sys/wait.h>

enum { DIED = 9, VERSIONS = 64 };

static struct {
	uint64_t passed, dies_at; /* 0: it lives */
	uint64_t statements;
} point;

static void pass(void)
{
	if (++point.passed == point.dies_at)
		_exit(DIED);
}

void __real_db_begin(struct db *db);
void __wrap_db_begin(struct db *db);
void __wrap_db_begin(struct db *db)
{
	__real_db_begin(db);
	pass();
}

int __real_db_commit(struct db *db);
int __wrap_db_commit(struct db *db);
int __wrap_db_commit(struct db *db)
{
	pass();
	int rc = __real_db_commit(db);
	pass();
	return rc;
}

void __real_db_checkpoint(struct db *db);
void __wrap_db_checkpoint(struct db *db);
void __wrap_db_checkpoint(struct db *db)
{
	pass();
	__real_db_checkpoint(db);
	pass();
}

/* What is kept prepared is prepared by another call: these are settings and migrations. */
int __real_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int len, sqlite3_stmt **out, const char **tail);
int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int len, sqlite3_stmt **out, const char **tail);
int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int len, sqlite3_stmt **out, const char **tail)
{
	point.statements++;
	pass();
	return __real_sqlite3_prepare_v2(db, sql, len, out, tail);
}

static int64_t standing(void *cookie)
{
	(void)cookie;
	return NOW;
}

/* ---- what stands in a file ---- */

static sqlite3 *look(const char *path)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	return db;
}

static sqlite3_stmt *ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	if (__real_sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	return stmt;
}

static void add_rows(struct buf *out, sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = ask(db, sql);

	while (sqlite3_step(stmt) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(stmt); i++) {
			const void *blob = sqlite3_column_blob(stmt, i);
			int len = sqlite3_column_bytes(stmt, i);
			buf_printf(out, "|%d:%d:", sqlite3_column_type(stmt, i), len);
			if (blob != NULL)
				buf_append(out, blob, (size_t)len);
		}
		buf_puts(out, "\n");
	}
	sqlite3_finalize(stmt);
}

/* Its schema and all its rows. */
static void dump(const char *path, struct buf *out)
{
	sqlite3 *db = look(path);
	sqlite3_stmt *tables = ask(db, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");

	add_rows(out, db, "PRAGMA user_version");
	add_rows(out, db, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name");
	while (sqlite3_step(tables) == SQLITE_ROW) {
		char *sql = sqlite3_mprintf("SELECT * FROM \"%w\"", sqlite3_column_text(tables, 0));
		buf_printf(out, "%s\n", sql);
		add_rows(out, db, sql);
		sqlite3_free(sql);
	}
	sqlite3_finalize(tables);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(buf_error(out), 0);
}

/* The schema of what a death left; never half of one. */
static int version_left(const char *path)
{
	sqlite3 *db = look(path);
	sqlite3_stmt *stmt = ask(db, "PRAGMA quick_check");

	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_string_equal(sqlite3_column_text(stmt, 0), "ok");
	sqlite3_finalize(stmt);
	stmt = ask(db, "PRAGMA user_version");
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int version = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return version;
}

/* ---- openings ---- */

static void copy_one(const char *from, const char *to)
{
	char data[1 << 16];
	size_t len;
	FILE *in = fopen(from, "rb"), *out;

	(void)unlink(to);
	if (in == NULL)
		return; /* a log that is not there */
	out = fopen(to, "wb");
	assert_non_null(out);
	while ((len = fread(data, 1, sizeof(data), in)) > 0)
		assert_int_equal(fwrite(data, 1, len, out), len);
	assert_int_equal(ferror(in), 0);
	assert_int_equal(fclose(in), 0);
	assert_int_equal(fclose(out), 0);
}

static void copy(const char *from, const char *to)
{
	char from_log[512], to_log[512];

	(void)snprintf(from_log, sizeof(from_log), "%s-wal", from);
	(void)snprintf(to_log, sizeof(to_log), "%s-wal", to);
	copy_one(from, to);
	copy_one(from_log, to_log);
}

static void open_and_close(struct fx *f)
{
	fx_open(f);
	assert_false(f->opened.replaced);
	fx_close(f);
}

static uint64_t points_of_an_opening(struct fx *f)
{
	point.passed = point.statements = 0;
	fx_open(f);
	uint64_t count = point.passed;
	fx_close(f);
	return count;
}

static void dies(struct fx *f, uint64_t number)
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		point.passed = 0;
		point.dies_at = number;
		fx_open(f);
		_exit(0); /* it should not have come so far */
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), DIED);
}

int main(int argc, char **argv)
{
	const struct clock_source clock = { .wall_ms = standing, .mono_ms = standing };
	struct buf whole = BUF_LIMIT(256 << 20), again = BUF_LIMIT(256 << 20);
	bool seen[VERSIONS] = { false };
	struct fx *f = NULL;
	char left[128];
	unsigned versions = 0;

	if (argc != 2) {
		(void)fputs("usage: upgrade DATABASE\n", stderr);
		return 2;
	}
	clock_replace(&clock);
	fx_setup((void **)&f);
	fx_close(f);
	(void)snprintf(left, sizeof(left), "%s/left.db", f->dir);

	assert_int_equal(access(argv[1], R_OK), 0);
	copy(argv[1], f->path);
	uint64_t count = points_of_an_opening(f), statements = point.statements;
	dump(f->path, &whole);
	for (uint64_t number = 1; number <= count; number++) {
		copy(argv[1], f->path);
		dies(f, number);
		copy(f->path, left); /* to open it would write its log back */
		int version = version_left(left);
		assert_in_range(version, 1, VERSIONS - 1);
		versions += !seen[version];
		seen[version] = true;
		open_and_close(f);
		buf_reset(&again);
		dump(f->path, &again);
		if (again.len != whole.len || memcmp(again.data, whole.data, whole.len) != 0)
			fail_msg("died at point %" PRIu64 " of %" PRIu64
				 " (schema %d): what is made of it then is not what was to be",
				 number, count, version);
	}
	(void)printf("%" PRIu64 " points, %" PRIu64 " statements, %u schemas\n", count, statements, versions);
	buf_done(&whole);
	buf_done(&again);
	fx_teardown((void **)&f);
	return 0;
}

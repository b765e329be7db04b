/* SPDX-License-Identifier: Apache-2.0
 *
 * The database at the start: fresh, ours, newer than we are, damaged, in use; and the disk full under it. */
#include "tests/unit/queue/fixture.h"

#include "daemon/queue/db.h"
#include "daemon/queue/internal.h"
#include "daemon/queue/schema.h"

#include <fcntl.h>
#include <sqlite3.h>

static const struct fx_result two[] = {
	{ "a.B", "one", OUTCOME_PASSED, .suite = { "s" } },
	{ "a.B", "two", OUTCOME_FAILED, .suite = { "s" } },
};

static bool exists(const struct fx *f, const char *tail)
{
	char path[256];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s%s", f->path, tail);
	return stat(path, &st) == 0;
}

static void sql(const struct fx *f, const char *text)
{
	sqlite3 *db = NULL;
	char *message = NULL;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s", message);
	sqlite3_close(db);
}

static void a_clean_end_leaves_one_file(void **state)
{
	struct fx *f = *state;

	assert_true(f->opened.fresh);
	fx_part(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2);
	fx_close(f);
	assert_false(exists(f, "-wal"));
	assert_false(exists(f, "-shm"));
	fx_open(f);
	assert_false(f->opened.fresh);
	assert_false(f->opened.replaced);
	assert_int_equal(fx_status(f)->results, 2);
}

static void row_57_a_newer_schema_is_refused_in_one_line(void **state)
{
	struct fx *f = *state;

	fx_close(f);
	sql(f, "PRAGMA user_version=99");
	assert_int_equal(fx_try_open(f), -ENOTSUP);
	assert_string_equal(f->err.text, "the state directory was written by a newer resultd (schema 99, "
					 "this one knows 8)");
	assert_true(exists(f, "")); /* and left where it is */
	assert_int_equal(schema_version(), 8);
	sql(f, "PRAGMA user_version=8");
	fx_open(f);
}

static void row_59_a_second_process_is_told_so(void **state)
{
	struct fx *f = *state;
	struct queue *second = NULL;
	struct err err = ERR_NONE;

	assert_int_equal(queue_open(&(struct queue_options){ .path = f->path }, &second, NULL, &err), -EBUSY);
	assert_non_null(strstr(err.text, "held by another process"));
}

static void damage(const char *path, off_t at, const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
	(void)close(fd);
}

/* Each leaves a crashed state directory behind and then hurts it. */
static void row_57_a_damaged_database_moves_aside_with_its_log(void **state)
{
	struct fx *f = *state;
	char wal[128], garbage[4096];

	memset(garbage, 0x5a, sizeof(garbage));
	(void)snprintf(wal, sizeof(wal), "%s-wal", f->path);
	for (int how = 0; how < 5; how++) {
		fx_part(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2);
		fx_crash(f); /* written back into the file at the start */
		fx_part(f, &(struct fx_take){ .key = "k", .content = "y" }, two, 2);
		char command[512], copy[128];
		(void)snprintf(copy, sizeof(copy), "%s/copy", f->dir);
		(void)snprintf(command, sizeof(command), "mkdir -p %s && cp %s* %s/", copy, f->path, copy);
		assert_int_equal(system(command), 0);
		fx_close(f);
		(void)snprintf(command, sizeof(command), "rm -f %s* && mv %s/queue.db* %s/", f->path, copy,
			       f->dir);
		assert_int_equal(system(command), 0);
		switch (how) {
		case 0: /* no database at all */
			damage(f->path, 0, garbage, 100);
			assert_int_equal(truncate(wal, 0), 0);
			break;
		case 1: /* a page of a table, found by the check after the crash */
			for (int page = 2; page < 12; page++)
				damage(f->path, (off_t)page * 4096, garbage, sizeof(garbage));
			assert_int_equal(truncate(wal, 0), 0);
			break;
		case 2: /* cut in the middle */
			assert_int_equal(truncate(f->path, 3 * 4096), 0);
			assert_int_equal(truncate(wal, 0), 0);
			break;
		case 3: /* the log was deleted by a tidy person */
			assert_int_equal(unlink(wal), 0);
			break;
		case 4: /* the file was emptied, the log was not */
			assert_int_equal(truncate(f->path, 0), 0);
			break;
		}
		fx_open(f);
		assert_true(f->opened.replaced);
		assert_true(f->opened.fresh);
		struct stat st;
		assert_int_equal(stat(f->opened.moved_to, &st), 0);
		assert_int_equal(fx_status(f)->runs, 0);
	}
}

static void sound_crashed_files_are_not_replaced(void **state)
{
	struct fx *f = *state;

	for (int i = 0; i < 3; i++) {
		char key[16];
		(void)snprintf(key, sizeof(key), "k%d", i);
		fx_part(f, &(struct fx_take){ .key = key, .content = "x" }, two, 2);
		fx_crash(f);
		assert_false(f->opened.replaced);
		assert_int_equal(fx_status(f)->parts, i + 1);
	}
}

static void row_58_network_file_systems_are_known(void **state)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} row[] = {
		{ 0x6969, "NFS" }, { 0xff534d42, "CIFS" }, { 0x01021997, "9p" }, { 0xfe534d42, "SMB2" },
		{ 0xef53, NULL },  { 0x01021994, NULL },   { 0x58465342, NULL }, { 0x9123683e, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const char *name = open_refused_file_system(row[i].magic);
		if (row[i].name == NULL)
			assert_null(name);
		else
			assert_string_equal(name, row[i].name);
	}
	/* As statfs() gives it on 64 bits, with the sign extended. */
	assert_string_equal(open_refused_file_system((unsigned long)(long)(int)0xff534d42), "CIFS");
}

static void row_58_a_missing_directory_is_one_line(void **state)
{
	struct queue *q = NULL;
	struct err err = ERR_NONE;

	(void)state;
	assert_true(queue_open(&(struct queue_options){ .path = "/nonexistent/dir/queue.db" }, &q, NULL,
			       &err) < 0);
	assert_non_null(strstr(err.text, "/nonexistent/dir"));
}

static void block(struct fx *f, const char *scope)
{
	fx_begin(f);
	queue_block(f->q, scope, 0, NULL, fx_done, f);
	assert_int_equal(fx_wait(f), 0);
}

/* Rule K1: a full disk is reported, undone, and heals by itself. */
static void row_11_a_full_disk_is_reported_and_heals(void **state)
{
	struct fx *f = *state;
	static char big[8000];
	int full = 0;

	fx_part(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2);
	int64_t d = fx_only(f, "rail");
	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	fx_close(f);
	f->max_pages = 90;
	fx_open(f);
	for (unsigned i = 0; i < sizeof(big) - 1; i++)
		big[i] = (char)('!' + (i * 7919u + i / 93 * 31u) % 90);
	/* Notes that grow until nothing fits any more. */
	for (int i = 0; i < 200 && full == 0; i++) {
		char scope[32];
		(void)snprintf(scope, sizeof(scope), "scope %d", i);
		fx_begin(f);
		queue_block(f->q, scope, NOW, big, fx_done, f);
		full = fx_wait(f);
	}
	assert_int_equal(full, -ENOSPC);
	assert_non_null(strstr(f->err.text, "disk is full"));
	assert_int_equal(f->fatal.code, 0);
	/* A report meets it too: its part never was. */
	struct fx_result many[600];
	char name[600][16];
	for (int i = 0; i < 600; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "t%d", i);
		many[i] = (struct fx_result){ .class_name = "c", .name = name[i], .outcome = OUTCOME_PASSED };
	}
	int rc = fx_take(f, &(struct fx_take){ .key = "k", .content = "y" });
	if (rc == 0) {
		struct part_writer *w = part_writer_new(f->q, f->taken.part);
		struct err err = ERR_NONE;
		fx_add(w, many, 600);
		rc = part_writer_end(w, &err);
		if (rc == 0)
			rc = fx_finish(f, f->taken.part, NOW);
		assert_true(rc == -ENOSPC || rc == -ESTALE);
		if (rc == -ENOSPC)
			assert_int_equal(fx_finish(f, f->taken.part, NOW), -ESTALE);
		(void)fx_abandon(f, f->taken.part, NULL);
	}
	assert_int_equal(fx_status(f)->parts, 1);
	/* What is read needs no room. */
	assert_int_equal(fx_rows(f, d, ROWS_ALL, 10)->count, 2);
	/* Room again: everything goes on in the same process. */
	block(f, "scope 0");
	block(f, "scope 1");
	block(f, "scope 2");
	block(f, "scope 3");
	assert_int_equal(fx_intend(f, d, "post", f->rows, "b"), 0);
	assert_int_equal(fx_load(f, d)->state, DELIVERY_SENDING);
	assert_int_equal(f->fatal.code, 0);
}

/* ---- a disk that takes no writes for a while ---- */

static int refused; /* so many writes to the log find no room; -1: all */
static sqlite3_vfs full_vfs;
static sqlite3_io_methods log_methods;
static const sqlite3_io_methods *file_methods;

static int log_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
	if (refused == 0)
		return file_methods->xWrite(file, data, len, at);
	refused -= refused > 0 ? 1 : 0;
	return SQLITE_FULL;
}

static int log_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out)
{
	(void)vfs;
	sqlite3_vfs *real = full_vfs.pAppData;
	int rc = real->xOpen(real, name, file, flags, out);

	if (rc == SQLITE_OK && (flags & SQLITE_OPEN_WAL) != 0) {
		file_methods = file->pMethods;
		log_methods = *file_methods;
		log_methods.xWrite = log_write;
		file->pMethods = &log_methods;
	}
	return rc;
}

static int full_setup(void **state)
{
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);

	refused = 0;
	full_vfs = *real;
	full_vfs.pNext = NULL;
	full_vfs.zName = "full";
	full_vfs.pAppData = real;
	full_vfs.xOpen = log_open;
	assert_int_equal(sqlite3_vfs_register(&full_vfs, 1), SQLITE_OK);
	return fx_setup(state);
}

static int full_teardown(void **state)
{
	refused = 0;
	int rc = fx_teardown(state);
	sqlite3_vfs_unregister(&full_vfs);
	return rc;
}

/* A run that has ended and waits for the last of its parts; what that holds is on the disk. */
static int64_t run_that_waits(struct fx *f, int results)
{
	int64_t run = fx_part(f, &(struct fx_take){ .key = "k", .content = "x" }, two, 2), d;

	assert_int_equal(fx_take(f, &(struct fx_take){ .key = "k", .content = "y" }), 0);
	assert_int_equal(f->taken.run, run);
	struct part_writer *w = part_writer_new(f->q, f->taken.part);
	for (int i = 0; i < results; i++) {
		char name[24];
		(void)snprintf(name, sizeof(name), "t%d", i);
		fx_add(w, &(struct fx_result){ .class_name = "c", .name = name, .outcome = OUTCOME_PASSED },
		       1);
	}
	assert_int_equal(part_writer_end(w, NULL), 0);
	assert_int_equal(fx_end_run(f, run), 0);
	d = fx_only(f, "rail");
	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	fx_post_all(f, d, ROWS_ALL);
	struct owed saw = fx_owed(f, d);
	assert_int_equal(saw.owed, 0);
	assert_int_equal(saw.parts_loading, 1);
	assert_int_equal(fx_await(f, d, &saw, NOW + 10), 0);
	assert_int_equal(fx_due(f, "rail", NOW + 1000000), 0);
	return d;
}

/* The disk takes writes again: the first of them brings the part's end along, and its run's. */
static void goes_on(struct fx *f, int64_t d)
{
	assert_int_equal(fx_owed(f, d).parts_loading, 1);
	block(f, "scope");
	for (int i = 0; i < 20; i++)
		queue_turn(f->q);
	assert_int_equal(fx_owed(f, d).parts_loading, 0);
	assert_int_equal(fx_due(f, "rail", INT64_MAX - 1), 1);
	assert_int_equal(fx_status(f)->parts, 1);
	assert_int_equal(f->fatal.code, 0);
}

static void row_11_a_part_that_a_full_disk_kept_is_given_up_later(void **state)
{
	struct fx *f = *state;
	int64_t d = run_that_waits(f, 2);

	refused = -1;
	assert_int_equal(fx_finish(f, f->taken.part, NOW), -ENOSPC);
	assert_int_equal(fx_abandon(f, f->taken.part, NULL), -ENOSPC);
	refused = 0;
	goes_on(f, d);
}

static void row_11_a_slice_that_a_full_disk_lost_is_an_error(void **state)
{
	struct fx *f = *state;
	int64_t d = run_that_waits(f, 40000); /* more chunks than one slice deletes */

	refused = 1;
	assert_int_equal(fx_abandon(f, f->taken.part, "torn"), -ENOSPC);
	assert_int_equal(refused, 0);
	goes_on(f, d);
}

int main(void)
{
#define TEST_FULL(name) cmocka_unit_test_setup_teardown(name, full_setup, full_teardown)
#define TEST(name)      cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(a_clean_end_leaves_one_file),
		TEST(row_57_a_newer_schema_is_refused_in_one_line),
		TEST(row_59_a_second_process_is_told_so),
		TEST(row_57_a_damaged_database_moves_aside_with_its_log),
		TEST(sound_crashed_files_are_not_replaced),
		TEST(row_58_network_file_systems_are_known),
		TEST(row_58_a_missing_directory_is_one_line),
		TEST(row_11_a_full_disk_is_reported_and_heals),
		TEST_FULL(row_11_a_part_that_a_full_disk_kept_is_given_up_later),
		TEST_FULL(row_11_a_slice_that_a_full_disk_lost_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ceiling.c - what counts, and where the marks are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/ceiling.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB      ((int64_t)1 << 20)
#define EVERY_MS 60000

static char dir[64];
static int64_t now_ms = 1000000;

static int64_t mono(void *cookie)
{
	(void)cookie;
	return now_ms;
}

static const struct clock_source source = { .wall_ms = mono, .mono_ms = mono };

static void later(int64_t ms)
{
	now_ms += ms;
}

static void put(const char *name, int64_t bytes)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0); /* what counts is the size, holes or not */
	close(fd);
}

/* Real blocks, of a file that is not counted: a disk that is all but empty is not walked. */
static void occupy(const char *name, int64_t bytes)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(posix_fallocate(fd, 0, (off_t)bytes), 0);
	close(fd);
}

static const char *const folders[] = { "reports", "reports/ab", "evidence", "evidence/ff", "tmp", "runs" };
static const char *const files[] = { "queue.db",        "queue.db-wal", "ballast",  "reports/ab/one",
				     "evidence/ff/two", "tmp/three",    "runs/page" };

static int setup(void **state)
{
	(void)state;
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	clock_replace(&source);
	strcpy(dir, "/tmp/rd-ceiling-XXXXXX");
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char path[128];
		(void)snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	return 0;
}

static int teardown(void **state)
{
	char path[128];

	(void)state;
	clock_replace(NULL);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		(void)unlink(path);
	}
	for (size_t i = sizeof(folders) / sizeof(folders[0]); i-- > 0;) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
		(void)rmdir(path);
	}
	return rmdir(dir);
}

static void it_counts_queue_reports_and_evidence(void **state)
{
	static const int64_t sizes[] = { 10 * MIB, 3 * MIB, 8 * MIB, 20 * MIB, 30 * MIB, 5 * MIB, 40 * MIB };
	struct ceiling_view v;

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		put(files[i], sizes[i]);
	struct ceiling *c = ceiling_new(dir, 100 * MIB, EVERY_MS);
	ceiling_view(c, &v);
	assert_int_equal(v.bytes, -1);
	assert_false(ceiling_known(c));
	ceiling_walk(c);
	assert_true(ceiling_known(c));
	ceiling_view(c, &v);
	assert_int_equal(v.bytes, 68 * MIB);
	assert_int_equal(v.max_size, 100 * MIB);
	assert_int_equal(v.level, CEILING_FINE);
	/* The database is looked at as it grows, files as they are counted, until the next walk knows better. */
	put("queue.db", 11 * MIB);
	ceiling_add(c, MIB);
	later(1000);
	ceiling_view(c, &v);
	assert_int_equal(v.bytes, 70 * MIB);
	ceiling_walk(c);
	ceiling_view(c, &v);
	assert_int_equal(v.bytes, 69 * MIB);
	ceiling_free(c);
}

static void the_marks_have_room_to_spare(void **state)
{
	static const struct {
		int mib;
		enum ceiling_level level;
	} row[] = {
		{ 89, CEILING_FINE }, { 90, CEILING_NEAR },  { 86, CEILING_NEAR }, { 84, CEILING_FINE },
		{ 99, CEILING_NEAR }, { 100, CEILING_FULL }, { 96, CEILING_FULL }, { 94, CEILING_NEAR },
		{ 86, CEILING_NEAR }, { 200, CEILING_FULL }, { 10, CEILING_FINE },
	};
	char text[512];

	(void)state;
	put("queue.db", 0);
	struct ceiling *c = ceiling_new(dir, 100 * MIB, EVERY_MS);
	ceiling_walk(c);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		put("queue.db", row[i].mib * MIB);
		later(1000);
		assert_int_equal(ceiling_look(c), row[i].level);
		assert_int_equal(ceiling_words(c, text, sizeof(text)) != NULL, row[i].level == CEILING_FULL);
	}
	put("queue.db", 100 * MIB);
	later(1000);
	assert_non_null(ceiling_words(c, text, sizeof(text)));
	assert_non_null(strstr(text, "holds 100 MiB, and keep.max_size is 100 MiB"));
	ceiling_mark(c, 1000 * MIB);
	assert_int_equal(ceiling_look(c), CEILING_FINE);
	ceiling_mark(c, 0);
	assert_int_equal(ceiling_look(c), CEILING_FINE);
	assert_false(ceiling_due(c));
	ceiling_free(c);
}

static void it_is_walked_sooner_where_there_is_less_room(void **state)
{
	(void)state;
	put("queue.db", 0);
	occupy("runs/page", 2 * MIB);
	struct ceiling *c = ceiling_new(dir, MIB, EVERY_MS);
	assert_true(ceiling_due(c));
	ceiling_walk(c);
	assert_false(ceiling_due(c));
	later(EVERY_MS - 1);
	assert_false(ceiling_due(c));
	later(1);
	assert_true(ceiling_due(c));
	put("queue.db", MIB * 3 / 4);
	ceiling_walk(c);
	later(EVERY_MS / 6);
	assert_true(ceiling_due(c));
	ceiling_free(c);
	/* Nothing on this disk could come near such a mark. */
	c = ceiling_new(dir, (int64_t)1 << 60, EVERY_MS);
	assert_false(ceiling_due(c));
	ceiling_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_counts_queue_reports_and_evidence, setup, teardown),
		cmocka_unit_test_setup_teardown(the_marks_have_room_to_spare, setup, teardown),
		cmocka_unit_test_setup_teardown(it_is_walked_sooner_where_there_is_less_room, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static int setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/rd-file-XXXXXX");
	return mkdtemp(root) == NULL ? -1 : chdir(root);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return chdir("/") + system(command);
}

static void writes_are_whole_and_reads_are_bounded(void **state)
{
	struct buf b = BUF_LIMIT(5);
	struct err err = ERR_NONE;

	(void)state;
	assert_int_equal(file_write_atomic("f", "hello", 5, 0600, &err), 0);
	assert_int_equal(file_read("f", &b, &err), 0);
	assert_string_equal(b.data, "hello");
	assert_int_equal(file_write_atomic("f", "hello!", 6, 0600, &err), 0);
	buf_reset(&b);
	assert_int_equal(file_read("f", &b, &err), -E2BIG);
	err_clear(&err);
	assert_int_equal(file_read("missing", &b, &err), -ENOENT);
	assert_non_null(strstr(err.text, "missing"));
	assert_int_not_equal(access("f.tmp", F_OK), 0);
	buf_done(&b);
}

static void directories_are_made_like_mkdir_p(void **state)
{
	struct err err = ERR_NONE;

	(void)state;
	assert_int_equal(file_mkdirs("a/b/c", 0700, &err), 0);
	assert_int_equal(file_mkdirs("a/b/c", 0700, &err), 0);
	assert_int_equal(file_write_atomic("a/file", "", 0, 0600, &err), 0);
	assert_true(file_mkdirs("a/file/d", 0700, &err) < 0);
}

static void nothing_outside_the_root_is_opened(void **state)
{
	static const struct {
		const char *path;
		int rc;
	} row[] = {
		{ "in/f", 0 },
		{ "in/../in/f", 0 },
		{ "in/link", -ELOOP },
		{ "in/dirlink/f", -ELOOP },
		{ "in/../../etc/passwd", -EXDEV },
		{ "/etc/passwd", -EXDEV },
		{ "in/missing", -ENOENT },
		{ "in/fifo", -EINVAL },
		{ "in", -EINVAL },
		{ "../x", -EXDEV },
	};
	struct err err = ERR_NONE;

	(void)state;
	assert_int_equal(file_mkdirs("in", 0700, &err), 0);
	assert_int_equal(file_write_atomic("in/f", "x", 1, 0600, &err), 0);
	assert_int_equal(symlink("f", "in/link"), 0);
	assert_int_equal(symlink("../in", "in/dirlink"), 0);
	assert_int_equal(mkfifo("in/fifo", 0600), 0);
	int dir = open(".", O_RDONLY | O_DIRECTORY);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int fd = -1;
		err_clear(&err);
		int rc = file_open_beneath(dir, row[i].path, &fd, &err);
		assert_int_equal(rc, row[i].rc);
		if (rc == 0)
			close(fd);
		else
			assert_true(err.text[0] != '\0');
	}
	close(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_are_whole_and_reads_are_bounded),
		cmocka_unit_test(directories_are_made_like_mkdir_p),
		cmocka_unit_test(nothing_outside_the_root_is_opened),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void put(const char *path)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fclose(f);
}

static void directories_are_walked_and_files_are_taken_as_named(void **state)
{
	char dir[] = "/tmp/rd-walk-XXXXXX";
	struct walk w = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(mkdir("a", 0700) + mkdir("a/b", 0700), 0);
	put("a/2.xml");
	put("a/1.XML");
	put("a/b/3.xml.gz");
	put("a/.hidden.xml");
	put("a/notes.txt");
	assert_int_equal(symlink("/etc", "a/link"), 0);
	walk_add(&w, "a");
	walk_add(&w, "a/notes.txt");
	walk_add(&w, "missing");
	assert_int_equal(w.count, 4);
	assert_string_equal(w.path[0], "a/1.XML");
	assert_string_equal(w.path[1], "a/2.xml");
	assert_string_equal(w.path[2], "a/b/3.xml.gz");
	assert_string_equal(w.path[3], "a/notes.txt");
	assert_false(w.named[0]);
	assert_true(w.named[3]);
	assert_int_equal(w.unreadable_count, 1);
	char *common = walk_common_dir(&w);
	assert_string_equal(common + strlen(common) - 2, "/a");
	free(common);
	walk_done(&w);
	assert_int_equal(system("rm -rf a"), 0);
	assert_int_equal(chdir("/"), 0);
	rmdir(dir);
}

static void paths_are_made_absolute(void **state)
{
	static const struct {
		const char *in, *out;
	} row[] = {
		{ "/a/./b//c", "/a/b/c" }, { "/a/../b", "/b" }, { "/..", "/" },
		{ "/a/b/../../..", "/" },  { "x", "/x" },
	};

	(void)state;
	assert_int_equal(chdir("/"), 0);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *out = walk_absolute(row[i].in);
		assert_string_equal(out, row[i].out);
		free(out);
	}
}

static void the_common_directory_is_a_directory(void **state)
{
	static const struct {
		const char *a, *b, *common;
	} row[] = {
		{ "/x/abc/1", "/x/abd/2", "/x" }, { "/x/ab/1", "/x/abc/2", "/x" },
		{ "/x/a/1", "/x/a/2", "/x/a" },   { "/a/1", "/b/2", "/" },
		{ "/x/a/1", "/x/a/b/2", "/x/a" }, { "/x/a/b/1", "/x/a/2", "/x/a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *path[] = { (char *)row[i].a, (char *)row[i].b };
		const struct walk w = { .path = path, .count = 2 };
		char *common = walk_common_dir(&w);
		assert_string_equal(common, row[i].common);
		free(common);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories_are_walked_and_files_are_taken_as_named),
		cmocka_unit_test(paths_are_made_absolute),
		cmocka_unit_test(the_common_directory_is_a_directory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

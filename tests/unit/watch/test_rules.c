/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rules.c - which directories are walked, and which files are wanted. */
#include "daemon/watch/rules.h"
#include "daemon/watch/sip.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

static struct rules *make(const char *path, const char *files, const char *exclude, const char *marker)
{
	const struct watch_options o = {
		.path = path,
		.files = &files,
		.file_count = files != NULL,
		.exclude = &exclude,
		.exclude_count = exclude != NULL,
		.marker = &marker,
		.marker_count = marker != NULL,
	};
	struct rules *r = NULL;

	assert_int_equal(rules_new(&o, &r, NULL), 0);
	return r;
}

static void the_root_ends_before_the_first_pattern(void **state)
{
	static const struct {
		const char *path, *root;
	} row[] = {
		{ "/srv/ci/{job}/{build}/results", "/srv/ci" },
		{ "/srv/ci/", "/srv/ci" },
		{ "//srv/.//ci", "/srv/ci" },
		{ "/srv/job-{job}", "/srv" },
		{ "/srv/*/x", "/srv" },
		{ "/srv/[ab]/x", "/srv" },
		{ "/srv/a?", "/srv" },
		{ "/srv/a\\*", "/srv" },
		{ "/{job}", "" },
		{ "/", "" },
		{ "/a/../b/{x}", "/a/../b" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct rules *r = make(row[i].path, "*.xml", NULL, NULL);

		assert_string_equal(rules_root(r), row[i].root);
		rules_free(r);
	}
}

static void bad_paths_are_refused(void **state)
{
	static const char *const row[] = { "", "srv/ci", "./x", "/srv/{job}/../x", "/*/.." };

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct err err = ERR_NONE;
		struct rules *r = NULL;

		assert_int_equal(rules_new(&(struct watch_options){ .path = row[i] }, &r, &err), -EINVAL);
		assert_null(r);
		assert_true(err.text[0] != '\0');
	}
}

enum { NO = RULES_NOTHING, F = RULES_FILE, M = RULES_MARKER, FM = RULES_FILE | RULES_MARKER };

static void files_are_told_by_their_path(void **state)
{
	static const struct {
		const char *path, *files, *exclude, *marker, *file;
		unsigned kind;
	} row[] = {
		{ "/r", "**/*.xml", NULL, NULL, "a.xml", F },
		{ "/r", "**/*.xml", NULL, NULL, "d/e/a.xml", F },
		{ "/r", "*.xml", NULL, NULL, "d/a.xml", NO },
		{ "/r", "**/*.xml", NULL, NULL, "a.txt", NO },
		{ "/r", "**/*", NULL, NULL, ".a.xml", NO },
		{ "/r", "**/*", NULL, NULL, "a.xml.tmp", NO },
		{ "/r", "**/*", NULL, NULL, "a.xml.part", NO },
		{ "/r", "**/*", NULL, NULL, "a.xml~", NO },
		{ "/r", "**/*", NULL, NULL, "~", NO },
		{ "/r", "**/*", NULL, NULL, "tmp", F },
		{ "/r", "**/*", NULL, NULL, "a.partial", F },
		{ "/r", "**/*", NULL, NULL, ".git/a.xml", NO },
		{ "/r", ".reports/*.xml", NULL, NULL, ".reports/a.xml", F },
		{ "/r", "**/*.xml", "**/tmp/**", NULL, "tmp/a.xml", NO },
		{ "/r", "**/*.xml", "**/tmp/**", NULL, "x/tmp/y/a.xml", NO },
		{ "/r", "**/*.xml", "**/tmp/**", NULL, "x/tmp.d/a.xml", F },
		{ "/r", "**/*.xml", "**/*-old", NULL, "x-old/y/a.xml", NO },
		{ "/r", "**/*.xml", "old.xml", NULL, "old.xml", NO },
		{ "/r", "**/*.xml", "old.xml", NULL, "d/old.xml", F },
		{ "/r", "**/*.xml", NULL, "**/DONE", "d/DONE", M },
		{ "/r", "**/*.xml", NULL, "**/last.xml", "d/last.xml", FM },
		{ "/r", "**/*.xml", "**/DONE", "**/DONE", "d/DONE", NO },
		{ "/r/{job}/{build}/out", "**/*.xml", NULL, NULL, "j/1/out/a.xml", F },
		{ "/r/{job}/{build}/out", "**/*.xml", NULL, NULL, "j/1/out/d/a.xml", F },
		{ "/r/{job}/{build}/out", "**/*.xml", NULL, NULL, "j/1/other/a.xml", NO },
		{ "/r/{job}/{build}/out", "**/*.xml", NULL, NULL, "j/1/a.xml", NO },
		{ "/r/{job}/{build}/out", "**/*.xml", NULL, NULL, "j/1/out", NO },
		{ "/r/{job}", "**/*.xml", NULL, NULL, ".hidden/a.xml", NO },
		{ "/r/{job}/.out", "**/*.xml", NULL, NULL, "j/.out/a.xml", F },
		{ "/r/job-{n}", "*.xml", NULL, NULL, "job-7/a.xml", F },
		{ "/r/job-{n}", "*.xml", NULL, NULL, "jab-7/a.xml", NO },
		{ "/r/**/results", "*.xml", NULL, NULL, "a/b/results/x.xml", F },
		{ "/r/**/results", "*.xml", NULL, NULL, "results/x.xml", F },
		{ "/r/**/results", "*.xml", NULL, NULL, "a/b/result/x.xml", NO },
		{ "/r/**/results", "*.xml", NULL, NULL, "a/results/b/x.xml", NO },
		{ "/r/**/results", "**/*.xml", "old/**", NULL, "a/results/old/x.xml", NO },
		{ "/r", "**/*.xml", NULL, NULL, "", NO },
		{ "/r", "**/*.xml", NULL, NULL, "a//b.xml", NO },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct rules *r = make(row[i].path, row[i].files, row[i].exclude, row[i].marker);
		unsigned kind = rules_kind(r, row[i].file);

		if (kind != row[i].kind)
			fail_msg("row %zu, %s: %u", i, row[i].file, kind);
		rules_free(r);
	}
}

static void a_walk_turns_back_early(void **state)
{
	static const struct {
		const char *path, *files, *exclude, *dir;
		bool enter;
	} row[] = {
		{ "/r", "**/*.xml", NULL, "", true },
		{ "/r", "**/*.xml", NULL, "a/b/c", true },
		{ "/r", "*.xml", NULL, "", true },
		{ "/r", "*.xml", NULL, "a", false },
		{ "/r", "a*/x/*.xml", NULL, "ab", true },
		{ "/r", "a*/x/*.xml", NULL, "ab/x", true },
		{ "/r", "a*/x/*.xml", NULL, "ab/y", false },
		{ "/r", "a*/x/*.xml", NULL, "b", false },
		{ "/r", "a/**/x.xml", NULL, "a/b/c/d", true },
		{ "/r", "a/**/x.xml", NULL, "b", false },
		{ "/r", "**/*.xml", NULL, ".git", false },
		{ "/r", "**/.out/*.xml", NULL, ".out", true },
		{ "/r", "**/*.xml", "**/node_modules/**", "a/node_modules", false },
		{ "/r", "**/*.xml", "**/node_modules/**", "a/node_modules/b", false },
		{ "/r", "**/*.xml", "**/node_modules/**", "a/node", true },
		{ "/r", "**/*.xml", "**/tmp/*", "a/tmp", true },
		{ "/r", "**/*.xml", "**/tmp", "a/tmp", false },
		{ "/r", "**/*.xml", "**", "a", false },
		{ "/r/{job}/{build}/out", "*.xml", NULL, "j", true },
		{ "/r/{job}/{build}/out", "*.xml", NULL, "j/1", true },
		{ "/r/{job}/{build}/out", "*.xml", NULL, "j/1/out", true },
		{ "/r/{job}/{build}/out", "*.xml", NULL, "j/1/in", false },
		{ "/r/{job}/{build}/out", "*.xml", NULL, "j/1/out/x", false },
		{ "/r/{job}/{build}/out", "**/*.xml", NULL, "j/1/out/x", true },
		{ "/r/**/results", "*.xml", NULL, "a/b/c", true },
		{ "/r/a/*/**/results", "*.xml", NULL, "a/b/c/d", true },
		{ "/r/*/a/**/results", "*.xml", NULL, "x/b", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct rules *r = make(row[i].path, row[i].files, row[i].exclude, NULL);

		if (rules_enter(r, row[i].dir) != row[i].enter)
			fail_msg("row %zu, %s", i, row[i].dir);
		rules_free(r);
	}
}

/* Whatever is wanted lies in directories that are walked. */
static void no_wanted_file_is_out_of_reach(void **state)
{
	static const char *const paths[] = { "/r", "/r/{a}", "/r/{a}/x", "/r/**/x", "/r/*/.h/{b}" };
	static const char *const files[] = { "*.xml", "**/*.xml", "x/*.xml", "x/**/y/*.xml", ".h/*.xml" };
	static const char *const excludes[] = { NULL, "x/**", "**/y/**", "*.xml", "**/.h", "**/x/*" };
	static const char *const names[] = { "x", "y", ".h", "z" };
	unsigned wanted = 0;

	(void)state;
	for (size_t p = 0; p < 5; p++)
		for (size_t f = 0; f < 5; f++)
			for (size_t e = 0; e < 6; e++) {
				struct rules *r = make(paths[p], files[f], excludes[e], NULL);

				for (unsigned n = 0; n < 1024; n++) {
					char file[64] = "", dir[64];

					for (unsigned v = n, depth = n & 3; depth > 0; depth--) {
						v >>= 2;
						strcat(file, names[v & 3]);
						strcat(file, "/");
					}
					strcat(file, "f.xml");
					if (rules_kind(r, file) == RULES_NOTHING)
						continue;
					wanted++;
					for (char *slash = file; (slash = strchr(slash, '/')) != NULL;
					     slash++) {
						memcpy(dir, file, (size_t)(slash - file));
						dir[slash - file] = '\0';
						if (!rules_enter(r, dir))
							fail_msg("%s %s: %s of %s", paths[p], files[f], dir,
								 file);
					}
				}
				rules_free(r);
			}
	assert_true(wanted > 100);
}

static void long_paths_are_not_wanted(void **state)
{
	static char deep[3000], longer[6000];
	struct rules *r = make("/r", "**/*.xml", NULL, NULL);

	(void)state;
	for (size_t i = 0; i + 10 < sizeof(deep); i += 2)
		memcpy(deep + i, "d/", 3);
	strcat(deep, "a.xml");
	assert_int_equal(rules_kind(r, deep), RULES_NOTHING);
	assert_false(rules_enter(r, deep));
	memset(longer, 'a', sizeof(longer) - 1);
	assert_int_equal(rules_kind(r, longer), RULES_NOTHING);
	assert_false(rules_enter(r, longer));
	rules_free(r);
}

static void siphash_is_siphash(void **state)
{
	/* From the reference implementation: key 00 01 .. 0f, message 00 01 .. */
	static const struct {
		size_t len;
		uint64_t want;
	} row[] = {
		{ 0, 0x726fdb47dd0e0e31 },
		{ 1, 0x74f839c593dc67fd },
		{ 8, 0x93f5f5799a932462 },
		{ 15, 0xa129ca6149be45e5 },
	};
	const struct sip_key key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	unsigned char message[16];

	(void)state;
	for (unsigned i = 0; i < sizeof(message); i++)
		message[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_true(sip_hash(key, message, row[i].len) == row[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_root_ends_before_the_first_pattern),
		cmocka_unit_test(bad_paths_are_refused),
		cmocka_unit_test(files_are_told_by_their_path),
		cmocka_unit_test(a_walk_turns_back_early),
		cmocka_unit_test(no_wanted_file_is_out_of_reach),
		cmocka_unit_test(long_paths_are_not_wanted),
		cmocka_unit_test(siphash_is_siphash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Settled files one by one: which of them tell what others have told, and when that is known. */
#include "daemon/intake/sift.h"

#include "daemon/base/file.h"
#include "daemon/base/mem.h"

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

#define ONE    "<testsuite name='a'><testcase classname='C' name='one' time='0.5'/></testsuite>"
#define TWO    "<testsuite name='b'><testcase classname='C' name='two' time='0.5'/></testsuite>"
#define MERGED "<testsuites>" ONE TWO "</testsuites>"
#define TESTNG                                                                                    \
	"<testng-results><suite name='S'><test name='T'><class name='C'><test-method name='one' " \
	"status='PASS' duration-ms='500'/></class></test></suite></testng-results>"

struct world {
	char root[64];
	struct executor *executor;
	struct sift *sift;
	unsigned decided, asked_runs, listed;
	const char *taken;   /* this file was */
	const char *unknown; /* what that run has taken is not known yet */
	bool runs_by_folder;
	char *folder; /* NULL: root */
};

static void on_decided(void *cookie)
{
	((struct world *)cookie)->decided++;
}

static int setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	strcpy(w->root, "/tmp/rd-sift-XXXXXX");
	assert_non_null(mkdtemp(w->root));
	w->executor = executor_new("test", 0, NULL, NULL);
	w->sift = sift_new(w->executor, on_decided, w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char *command = xasprintf("rm -r %s", w->root);

	assert_false(sift_busy(w->sift));
	executor_free(w->executor);
	sift_free(w->sift);
	assert_int_equal(system(command), 0);
	free(command);
	free(w);
	return 0;
}

static char *put(struct world *w, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", w->root, name), *slash = strrchr(path, '/');
	struct err err = ERR_NONE;

	*slash = '\0';
	assert_int_equal(file_mkdirs(path, 0700, &err), 0);
	*slash = '/';
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	return path;
}

static bool wanted(void *cookie, const char *path)
{
	struct world *w = cookie;
	size_t n = strlen(path);

	w->listed++;
	return n > 4 && strcmp(path + n - 4, ".xml") == 0;
}

static char *run_of(void *cookie, const char *path)
{
	struct world *w = cookie;

	if (!w->runs_by_folder)
		return xstrdup("run");
	const char *from = path + strlen(w->root) + 1;
	return xstrndup(from, strcspn(from, "/"));
}

static bool knows(void *cookie, const char *run)
{
	struct world *w = cookie;

	w->asked_runs++;
	return w->unknown == NULL || strcmp(w->unknown, run) != 0;
}

static bool taken(void *cookie, const char *run, const char *path, int64_t mtime_ms)
{
	const struct world *w = cookie;

	assert_non_null(run);
	assert_true(mtime_ms > 0);
	return w->taken != NULL && strcmp(w->taken, path) == 0;
}

static enum sift_answer ask(struct world *w, const char *path, const char **why)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	const struct sift_file file = { .path = path,
					.root = w->root,
					.folder = w->folder != NULL ? w->folder : w->root,
					.mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 +
						    st.st_mtim.tv_nsec / 1000000 };
	const struct sift_tree tree = {
		.wanted = wanted, .run_of = run_of, .knows = knows, .taken = taken, .cookie = w
	};
	return sift_ask(w->sift, &file, &tree, why);
}

/* Asks until there is an answer; what is under way is done in between. */
static enum sift_answer settle(struct world *w, const char *path, const char **why)
{
	enum sift_answer answer = ask(w, path, why);

	if (answer == SIFT_WAIT) {
		unsigned before = w->decided;
		assert_true(sift_busy(w->sift));
		executor_reap(w->executor);
		assert_int_equal(w->decided, before + 1);
		answer = ask(w, path, why);
	}
	return answer;
}

static void a_file_alone_is_taken_without_a_look(void **state)
{
	struct world *w = *state;
	char *path = put(w, "17/report.xml", ONE);
	const char *why;

	assert_int_equal(ask(w, path, &why), SIFT_TAKE);
	assert_int_equal(w->listed, 0);
	free(path);
}

static void an_aggregate_waits_for_the_look_and_is_left_out(void **state)
{
	struct world *w = *state;
	char *one = put(w, "17/one.xml", ONE), *two = put(w, "17/two.xml", TWO),
	     *merged = put(w, "17/merged.xml", MERGED);
	const char *why = NULL;

	assert_int_equal(ask(w, merged, &why), SIFT_WAIT);
	/* One folder at a time; whoever asks meanwhile waits, too. */
	char *other = put(w, "18/merged.xml", MERGED);
	assert_int_equal(ask(w, other, &why), SIFT_WAIT);
	executor_reap(w->executor);
	assert_int_equal(w->decided, 1);
	assert_int_equal(ask(w, merged, &why), SIFT_LEAVE);
	assert_non_null(strstr(why, "repeats what is in the single files"));
	assert_int_equal(ask(w, one, &why), SIFT_TAKE);
	free(one);
	free(two);
	free(merged);
	free(other);
}

static void what_was_decided_is_remembered_until_the_file_changes(void **state)
{
	struct world *w = *state;
	char *one = put(w, "17/one.xml", ONE), *two = put(w, "17/two.xml", TWO),
	     *merged = put(w, "17/merged.xml", MERGED);
	const char *why;
	struct timespec times[2] = { { .tv_sec = 1700000000 }, { .tv_sec = 1700000000 } };

	assert_int_equal(settle(w, merged, &why), SIFT_LEAVE);
	unsigned listed = w->listed;
	assert_int_equal(ask(w, merged, &why), SIFT_LEAVE);
	assert_int_equal(w->listed, listed);
	/* It holds a case of its own now. */
	free(put(w, "17/merged.xml",
		 "<testsuites>" ONE TWO
		 "<testsuite name='c'><testcase classname='C' name='three'/></testsuite></testsuites>"));
	assert_int_equal(utimensat(0, merged, times, 0), 0);
	assert_int_equal(settle(w, merged, &why), SIFT_TAKE);
	assert_true(w->listed > listed);
	free(one);
	free(two);
	free(merged);
}

static void what_was_taken_before_decides(void **state)
{
	struct world *w = *state;
	char *junit = put(w, "17/junitreports/TEST-C.xml", ONE),
	     *results = put(w, "17/testng-results.xml", TESTNG);
	const char *why;

	w->taken = junit;
	assert_int_equal(settle(w, results, &why), SIFT_LEAVE);
	assert_int_equal(settle(w, junit, &why), SIFT_TAKE);
	free(junit);
	free(results);
}

static void the_better_form_is_taken_where_none_was(void **state)
{
	struct world *w = *state;
	char *junit = put(w, "17/junitreports/TEST-C.xml", ONE),
	     *results = put(w, "17/testng-results.xml", TESTNG);
	const char *why;

	assert_int_equal(settle(w, junit, &why), SIFT_LEAVE);
	assert_non_null(strstr(why, "testng-results.xml"));
	assert_int_equal(settle(w, results, &why), SIFT_TAKE);
	free(junit);
	free(results);
}

static void nothing_is_decided_before_it_is_known_what_was_taken(void **state)
{
	struct world *w = *state;
	char *junit = put(w, "17/junitreports/TEST-C.xml", ONE),
	     *results = put(w, "17/testng-results.xml", TESTNG);
	const char *why;

	w->unknown = "run";
	assert_int_equal(ask(w, results, &why), SIFT_WAIT);
	assert_false(sift_busy(w->sift));
	assert_int_equal(w->listed, 0);
	w->unknown = NULL;
	w->taken = junit;
	assert_int_equal(settle(w, results, &why), SIFT_LEAVE);
	free(junit);
	free(results);
}

static void files_of_other_runs_tell_nothing(void **state)
{
	struct world *w = *state;
	char *one = put(w, "17/one.xml", ONE), *two = put(w, "18/two.xml", TWO),
	     *merged = put(w, "17/merged.xml", MERGED);
	const char *why;

	w->runs_by_folder = true;
	w->unknown = "18"; /* and need not be known */
	assert_int_equal(settle(w, merged, &why), SIFT_TAKE);
	free(one);
	free(two);
	free(merged);
}

/* Beside the folder of a build lie others, beside that of a shard what belongs to it. */
static void only_folders_of_the_same_run_are_walked(void **state)
{
	struct world *w = *state;
	char *one = put(w, "18/one.xml", ONE), *merged = put(w, "17/merged.xml", ONE);
	const char *why;

	w->folder = xasprintf("%s/17", w->root);
	w->runs_by_folder = true;
	assert_int_equal(settle(w, merged, &why), SIFT_TAKE);
	assert_int_equal(w->listed, 0);
	w->runs_by_folder = false;
	assert_int_equal(settle(w, merged, &why), SIFT_LEAVE);
	free(w->folder);
	free(one);
	free(merged);
}

/* The walk holds up the loop: it ends, and the file is taken. */
static void a_tree_too_large_to_walk_is_given_up(void **state)
{
	struct world *w = *state;
	char *one = put(w, "17/one.xml", ONE), *merged = put(w, "17/merged.xml", ONE);
	const char *why;

	for (int i = 0; i < 20; i++) {
		char name[40];
		snprintf(name, sizeof(name), "17/%d.class", i);
		free(put(w, name, ""));
	}
	sift_limit(w->sift, 20, 100);
	assert_int_equal(ask(w, merged, &why), SIFT_TAKE);
	assert_false(sift_busy(w->sift));
	sift_limit(w->sift, 30, 100);
	assert_int_equal(settle(w, merged, &why), SIFT_LEAVE);
	free(one);
	free(merged);
}

/* Each of them is asked for its run, whichever that is. */
static void files_of_other_runs_count_as_well(void **state)
{
	struct world *w = *state;
	char *one = put(w, "17/one.xml", ONE), *merged = put(w, "17/merged.xml", ONE);
	const char *why;

	w->runs_by_folder = true;
	for (int i = 0; i < 20; i++) {
		char name[40];
		snprintf(name, sizeof(name), "18/%d.xml", i);
		free(put(w, name, ""));
	}
	sift_limit(w->sift, 100, 20);
	assert_int_equal(ask(w, merged, &why), SIFT_TAKE);
	assert_false(sift_busy(w->sift));
	sift_limit(w->sift, 100, 30);
	assert_int_equal(settle(w, merged, &why), SIFT_LEAVE);
	free(one);
	free(merged);
}

static void more_folders_than_are_remembered(void **state)
{
	struct world *w = *state;
	const char *why;

	w->runs_by_folder = true;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 40; i++) {
			char name[40];
			snprintf(name, sizeof(name), "%d/one.xml", i);
			free(put(w, name, ONE));
			snprintf(name, sizeof(name), "%d/merged.xml", i);
			char *merged = put(w, name, ONE);
			assert_int_equal(settle(w, merged, &why), SIFT_LEAVE);
			free(merged);
		}
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_file_alone_is_taken_without_a_look),
		TEST(an_aggregate_waits_for_the_look_and_is_left_out),
		TEST(what_was_decided_is_remembered_until_the_file_changes),
		TEST(what_was_taken_before_decides),
		TEST(the_better_form_is_taken_where_none_was),
		TEST(nothing_is_decided_before_it_is_known_what_was_taken),
		TEST(files_of_other_runs_tell_nothing),
		TEST(only_folders_of_the_same_run_are_walked),
		TEST(a_tree_too_large_to_walk_is_given_up),
		TEST(files_of_other_runs_count_as_well),
		TEST(more_folders_than_are_remembered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

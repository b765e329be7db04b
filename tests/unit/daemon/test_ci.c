/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/intake/ci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

struct env {
	const char *name, *value;
};

static const char *get(void *cookie, const char *name)
{
	for (const struct env *e = cookie; e->name != NULL; e++) {
		if (strcmp(e->name, name) == 0)
			return e->value;
	}
	return NULL;
}

static void systems_are_told_apart(void **state)
{
	static const struct {
		struct env env[9];
		const char *key, *branch, *url;
	} row[] = {
		{ { { "JENKINS_URL", "http://j" },
		    { "BUILD_NUMBER", "17" },
		    { "BUILD_ID", "17" },
		    { "JOB_NAME", "a/b" },
		    { "GIT_BRANCH", "origin/main" },
		    { "BUILD_URL", "http://j/17" } },
		  "jenkins/a/b/17",
		  "main",
		  "http://j/17" },
		{ { { "GITHUB_ACTIONS", "true" },
		    { "GITHUB_RUN_ID", "9" },
		    { "GITHUB_WORKFLOW", "ci" },
		    { "GITHUB_RUN_ATTEMPT", "2" },
		    { "GITHUB_REF", "refs/heads/x/y" },
		    { "GITHUB_SERVER_URL", "https://g" },
		    { "GITHUB_REPOSITORY", "o/r" } },
		  "github/ci/9/2",
		  "x/y",
		  "https://g/o/r/actions/runs/9" },
		{ { { "GITLAB_CI", "true" }, { "CI_PIPELINE_ID", "5" }, { "CI_PROJECT_PATH", "g/p" } },
		  "gitlab/g/p/5",
		  NULL,
		  NULL },
		{ { { "BUILDKITE", "true" },
		    { "BUILDKITE_BUILD_NUMBER", "3" },
		    { "BUILDKITE_PIPELINE_SLUG", "p" },
		    { "BUILDKITE_RETRY_COUNT", "0" } },
		  "buildkite/p/3/0",
		  NULL,
		  NULL },
		/* Google Cloud Build shares BUILD_ID with Jenkins, but has no JENKINS_URL. */
		{ { { "TRIGGER_NAME", "t" }, { "BUILD_ID", "abc" }, { "BRANCH_NAME", "b" } },
		  "cloudbuild/t/abc",
		  "b",
		  NULL },
		{ { { "TRAVIS", "true" },
		    { "TRAVIS_BUILD_NUMBER", "8" },
		    { "TRAVIS_PULL_REQUEST_BRANCH", "  " },
		    { "TRAVIS_BRANCH", "m" } },
		  "travis/-/8",
		  "m",
		  NULL },
		{ { { "GITLAB_CI", "false" } }, NULL, NULL, NULL },
		{ { { "RESULTD_CI_BUILD", "1" }, { "RESULTD_CI_JOB", "own" } }, "ci/own/1", NULL, NULL },
	};
	struct arena a = ARENA_LIMIT(1 << 16);

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct ci ci;
		ci_detect(&ci, &a, get, (void *)row[i].env);
		const char *key = ci_run_key(&ci, &a);
		if (row[i].key == NULL)
			assert_null(key);
		else
			assert_string_equal(key, row[i].key);
		if (row[i].branch != NULL)
			assert_string_equal(ci.fact[CI_BRANCH], row[i].branch);
		else
			assert_null(ci.fact[CI_BRANCH]);
		if (row[i].url != NULL)
			assert_string_equal(ci.fact[CI_URL], row[i].url);
	}
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(systems_are_told_apart) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

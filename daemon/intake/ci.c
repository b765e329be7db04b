/* SPDX-License-Identifier: Apache-2.0
 *
 * ci.c - the table of CI systems.
 *
 * A cell is a list of alternatives separated by spaces, the first that is set wins; "A+B" joins two of them
 * with a slash between.  Jenkins is known by JENKINS_URL and stands before Google Cloud Build, with which it
 * shares BUILD_ID. */
#include "daemon/intake/ci.h"

#include <stdlib.h>
#include <string.h>

const char *const ci_fact_names[CI_FACT_COUNT] = {
	"system", "build", "url", "job", "branch", "commit", "node", "attempt",
};

struct ci_row {
	const char *system, *detect;
	const char *fact[CI_FACT_COUNT];
};

/* clang-format off */
static const struct ci_row rows[] = {
	{ "jenkins", "JENKINS_URL", { [CI_BUILD] = "BUILD_NUMBER BUILD_ID", [CI_URL] = "BUILD_URL RUN_DISPLAY_URL",
	  [CI_JOB] = "JOB_NAME JOB_BASE_NAME", [CI_BRANCH] = "CHANGE_BRANCH BRANCH_NAME GIT_LOCAL_BRANCH GIT_BRANCH",
	  [CI_COMMIT] = "GIT_COMMIT", [CI_NODE] = "NODE_NAME" } },
	{ "github", "GITHUB_ACTIONS", { [CI_BUILD] = "GITHUB_RUN_ID", [CI_JOB] = "GITHUB_WORKFLOW GITHUB_JOB",
	  [CI_BRANCH] = "GITHUB_HEAD_REF GITHUB_REF_NAME GITHUB_REF", [CI_COMMIT] = "GITHUB_SHA",
	  [CI_NODE] = "RUNNER_NAME", [CI_ATTEMPT] = "GITHUB_RUN_ATTEMPT" } },
	{ "gitlab", "GITLAB_CI", { [CI_BUILD] = "CI_PIPELINE_ID", [CI_URL] = "CI_PIPELINE_URL CI_JOB_URL",
	  [CI_JOB] = "CI_PROJECT_PATH CI_JOB_NAME", [CI_BRANCH] = "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME CI_COMMIT_REF_NAME CI_COMMIT_BRANCH",
	  [CI_COMMIT] = "CI_COMMIT_SHA", [CI_NODE] = "CI_RUNNER_DESCRIPTION CI_RUNNER_ID" } },
	{ "azure", "TF_BUILD", { [CI_BUILD] = "BUILD_BUILDID", [CI_JOB] = "BUILD_DEFINITIONNAME",
	  [CI_BRANCH] = "SYSTEM_PULLREQUEST_SOURCEBRANCH BUILD_SOURCEBRANCH",
	  [CI_COMMIT] = "SYSTEM_PULLREQUEST_SOURCECOMMITID BUILD_SOURCEVERSION", [CI_NODE] = "AGENT_NAME",
	  [CI_ATTEMPT] = "SYSTEM_STAGEATTEMPT SYSTEM_JOBATTEMPT" } },
	{ "bamboo", "bamboo_buildNumber", { [CI_BUILD] = "bamboo_buildNumber",
	  [CI_URL] = "bamboo_buildResultsUrl bamboo_resultsUrl", [CI_JOB] = "bamboo_planKey bamboo_planName",
	  [CI_BRANCH] = "bamboo_repository_pr_sourceBranch bamboo_planRepository_branch bamboo_planRepository_branchName",
	  [CI_COMMIT] = "bamboo_planRepository_revision", [CI_NODE] = "bamboo_agentId" } },
	{ "teamcity", "TEAMCITY_VERSION", { [CI_BUILD] = "BUILD_NUMBER", [CI_URL] = "BUILD_URL",
	  [CI_JOB] = "TEAMCITY_PROJECT_NAME+TEAMCITY_BUILDCONF_NAME TEAMCITY_BUILDCONF_NAME",
	  [CI_BRANCH] = "TEAMCITY_PULLREQUEST_SOURCE_BRANCH", [CI_COMMIT] = "BUILD_VCS_NUMBER" } },
	{ "circleci", "CIRCLECI", { [CI_BUILD] = "CIRCLE_WORKFLOW_ID CIRCLE_BUILD_NUM", [CI_URL] = "CIRCLE_BUILD_URL",
	  [CI_JOB] = "CIRCLE_PROJECT_REPONAME CIRCLE_JOB", [CI_BRANCH] = "CIRCLE_BRANCH CIRCLE_TAG",
	  [CI_COMMIT] = "CIRCLE_SHA1" } },
	{ "buildkite", "BUILDKITE", { [CI_BUILD] = "BUILDKITE_BUILD_NUMBER BUILDKITE_BUILD_ID",
	  [CI_URL] = "BUILDKITE_BUILD_URL", [CI_JOB] = "BUILDKITE_PIPELINE_SLUG", [CI_BRANCH] = "BUILDKITE_BRANCH BUILDKITE_TAG",
	  [CI_COMMIT] = "BUILDKITE_COMMIT", [CI_NODE] = "BUILDKITE_AGENT_NAME", [CI_ATTEMPT] = "BUILDKITE_RETRY_COUNT" } },
	{ "bitbucket", "BITBUCKET_COMMIT", { [CI_BUILD] = "BITBUCKET_BUILD_NUMBER BITBUCKET_PIPELINE_UUID",
	  [CI_JOB] = "BITBUCKET_REPO_FULL_NAME", [CI_BRANCH] = "BITBUCKET_BRANCH BITBUCKET_TAG",
	  [CI_COMMIT] = "BITBUCKET_COMMIT" } },
	{ "travis", "TRAVIS", { [CI_BUILD] = "TRAVIS_BUILD_NUMBER TRAVIS_BUILD_ID", [CI_URL] = "TRAVIS_BUILD_WEB_URL TRAVIS_JOB_WEB_URL",
	  [CI_JOB] = "TRAVIS_REPO_SLUG TRAVIS_JOB_NAME", [CI_BRANCH] = "TRAVIS_PULL_REQUEST_BRANCH TRAVIS_BRANCH TRAVIS_TAG",
	  [CI_COMMIT] = "TRAVIS_PULL_REQUEST_SHA TRAVIS_COMMIT" } },
	{ "appveyor", "APPVEYOR", { [CI_BUILD] = "APPVEYOR_BUILD_NUMBER APPVEYOR_BUILD_ID", [CI_JOB] = "APPVEYOR_PROJECT_SLUG APPVEYOR_JOB_NAME",
	  [CI_BRANCH] = "APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH APPVEYOR_REPO_BRANCH", [CI_COMMIT] = "APPVEYOR_PULL_REQUEST_HEAD_COMMIT APPVEYOR_REPO_COMMIT",
	  [CI_NODE] = "APPVEYOR_BUILD_WORKER_IMAGE" } },
	{ "drone", "DRONE", { [CI_BUILD] = "DRONE_BUILD_NUMBER", [CI_URL] = "DRONE_BUILD_LINK", [CI_JOB] = "DRONE_REPO DRONE_STAGE_NAME",
	  [CI_BRANCH] = "DRONE_SOURCE_BRANCH DRONE_BRANCH DRONE_TAG", [CI_COMMIT] = "DRONE_COMMIT_SHA", [CI_NODE] = "DRONE_STAGE_MACHINE" } },
	{ "woodpecker", "CI_SYSTEM_NAME", { [CI_BUILD] = "CI_PIPELINE_NUMBER CI_BUILD_NUMBER", [CI_URL] = "CI_PIPELINE_URL CI_BUILD_LINK",
	  [CI_JOB] = "CI_REPO", [CI_BRANCH] = "CI_COMMIT_SOURCE_BRANCH CI_COMMIT_BRANCH CI_COMMIT_TAG", [CI_COMMIT] = "CI_COMMIT_SHA",
	  [CI_NODE] = "CI_MACHINE CI_SYSTEM_HOST" } },
	{ "codebuild", "CODEBUILD_BUILD_ID", { [CI_BUILD] = "CODEBUILD_BUILD_NUMBER CODEBUILD_BUILD_ID",
	  [CI_URL] = "CODEBUILD_BUILD_URL CODEBUILD_PUBLIC_BUILD_URL", [CI_BRANCH] = "CODEBUILD_WEBHOOK_HEAD_REF",
	  [CI_COMMIT] = "CODEBUILD_RESOLVED_SOURCE_VERSION" } },
	{ "semaphore", "SEMAPHORE", { [CI_BUILD] = "SEMAPHORE_WORKFLOW_NUMBER SEMAPHORE_WORKFLOW_ID", [CI_JOB] = "SEMAPHORE_PROJECT_NAME SEMAPHORE_JOB_NAME",
	  [CI_BRANCH] = "SEMAPHORE_GIT_PR_BRANCH SEMAPHORE_GIT_WORKING_BRANCH SEMAPHORE_GIT_BRANCH", [CI_COMMIT] = "SEMAPHORE_GIT_SHA",
	  [CI_NODE] = "SEMAPHORE_AGENT_MACHINE_TYPE" } },
	{ "bitrise", "BITRISE_IO", { [CI_BUILD] = "BITRISE_BUILD_NUMBER BITRISE_BUILD_SLUG", [CI_URL] = "BITRISE_BUILD_URL",
	  [CI_JOB] = "BITRISE_TRIGGERED_WORKFLOW_ID", [CI_BRANCH] = "BITRISE_GIT_BRANCH BITRISE_GIT_TAG", [CI_COMMIT] = "BITRISE_GIT_COMMIT" } },
	{ "codefresh", "CF_BUILD_ID", { [CI_BUILD] = "CF_BUILD_ID", [CI_URL] = "CF_BUILD_URL", [CI_JOB] = "CF_PIPELINE_NAME CF_STEP_NAME",
	  [CI_BRANCH] = "CF_BRANCH", [CI_COMMIT] = "CF_REVISION" } },
	{ "gocd", "GO_PIPELINE_NAME", { [CI_BUILD] = "GO_PIPELINE_COUNTER GO_PIPELINE_LABEL", [CI_JOB] = "GO_PIPELINE_NAME",
	  [CI_COMMIT] = "GO_REVISION", [CI_ATTEMPT] = "GO_STAGE_COUNTER" } },
	{ "cloudbuild", "TRIGGER_NAME", { [CI_BUILD] = "BUILD_ID", [CI_JOB] = "TRIGGER_NAME", [CI_BRANCH] = "_HEAD_BRANCH BRANCH_NAME TAG_NAME",
	  [CI_COMMIT] = "COMMIT_SHA" } },
};
/* clang-format on */

static const char *const overrides[CI_FACT_COUNT] = {
	"RESULTD_CI_SYSTEM", "RESULTD_CI_BUILD",  "RESULTD_CI_URL",  "RESULTD_CI_JOB",
	"RESULTD_CI_BRANCH", "RESULTD_CI_COMMIT", "RESULTD_CI_NODE", "RESULTD_CI_ATTEMPT",
};

struct env {
	const char *(*get)(void *cookie, const char *name);
	void *cookie;
	struct arena *a;
};

const char *ci_getenv(void *cookie, const char *name)
{
	(void)cookie;
	return getenv(name);
}

/* NULL for what CI systems write where there is nothing. */
static const char *get(const struct env *e, const char *name, size_t len)
{
	const char *key = arena_strndup(e->a, name, len);
	const char *v = key != NULL ? e->get(e->cookie, key) : NULL;

	if (v == NULL || v[strspn(v, " \t\r\n")] == '\0' || strcmp(v, "false") == 0)
		return NULL;
	return arena_strdup(e->a, v);
}

static const char *alternatives(const struct env *e, const char *cell)
{
	for (const char *p = cell; p != NULL && *p != '\0';) {
		size_t len = strcspn(p, " ");
		const char *plus = memchr(p, '+', len);
		const char *v = get(e, p, plus != NULL ? (size_t)(plus - p) : len);
		if (v != NULL && plus != NULL) {
			const char *second = get(e, plus + 1, (size_t)(p + len - plus - 1));
			v = second != NULL ? arena_printf(e->a, "%s/%s", v, second) : NULL;
		}
		if (v != NULL)
			return v;
		p += len;
		p += strspn(p, " ");
	}
	return NULL;
}

static const char *strip_branch(const char *branch)
{
	static const char *const prefix[] = { "refs/heads/", "refs/tags/", "refs/remotes/", "remotes/",
					      "origin/" };

	for (size_t i = 0; branch != NULL && i < sizeof(prefix) / sizeof(prefix[0]); i++) {
		size_t n = strlen(prefix[i]);
		if (strncmp(branch, prefix[i], n) == 0 && branch[n] != '\0')
			branch += n;
	}
	return branch;
}

/* Systems that give their URL in pieces only. */
static void complete_url(struct ci *ci, const struct env *e)
{
	if (ci->fact[CI_URL] != NULL || ci->fact[CI_SYSTEM] == NULL)
		return;
	if (strcmp(ci->fact[CI_SYSTEM], "github") == 0) {
		const char *server = get(e, "GITHUB_SERVER_URL", 17), *repo = get(e, "GITHUB_REPOSITORY", 17);
		if (server != NULL && repo != NULL && ci->fact[CI_BUILD] != NULL)
			ci->fact[CI_URL] =
				arena_printf(e->a, "%s/%s/actions/runs/%s", server, repo, ci->fact[CI_BUILD]);
	} else if (strcmp(ci->fact[CI_SYSTEM], "azure") == 0) {
		const char *base = get(e, "SYSTEM_COLLECTIONURI", 20),
			   *project = get(e, "SYSTEM_TEAMPROJECT", 18);
		if (base != NULL && project != NULL && ci->fact[CI_BUILD] != NULL)
			ci->fact[CI_URL] = arena_printf(e->a, "%s%s%s/_build/results?buildId=%s", base,
							base[strlen(base) - 1] == '/' ? "" : "/", project,
							ci->fact[CI_BUILD]);
	}
}

void ci_detect(struct ci *out, struct arena *a, const char *(*get_fn)(void *cookie, const char *name),
	       void *cookie)
{
	const struct env e = { get_fn, cookie, a };

	*out = (struct ci){ 0 };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (get(&e, rows[i].detect, strlen(rows[i].detect)) == NULL)
			continue;
		for (int f = 0; f < CI_FACT_COUNT; f++)
			out->fact[f] = alternatives(&e, rows[i].fact[f]);
		out->fact[CI_SYSTEM] = rows[i].system;
		break;
	}
	for (int f = 0; f < CI_FACT_COUNT; f++) {
		const char *own = get(&e, overrides[f], strlen(overrides[f]));
		if (own != NULL)
			out->fact[f] = own;
	}
	out->fact[CI_BRANCH] = strip_branch(out->fact[CI_BRANCH]);
	complete_url(out, &e);
}

const char *ci_run_key(const struct ci *ci, struct arena *a)
{
	if (ci->fact[CI_BUILD] == NULL)
		return NULL;
	return arena_printf(a, "%s/%s/%s%s%s", ci->fact[CI_SYSTEM] != NULL ? ci->fact[CI_SYSTEM] : "ci",
			    ci->fact[CI_JOB] != NULL ? ci->fact[CI_JOB] : "-", ci->fact[CI_BUILD],
			    ci->fact[CI_ATTEMPT] != NULL ? "/" : "",
			    ci->fact[CI_ATTEMPT] != NULL ? ci->fact[CI_ATTEMPT] : "");
}

const char *ci_run_name(const struct ci *ci, struct arena *a)
{
	if (ci->fact[CI_BUILD] == NULL)
		return NULL;
	return ci->fact[CI_JOB] != NULL ? arena_printf(a, "%s #%s", ci->fact[CI_JOB], ci->fact[CI_BUILD])
					: arena_printf(a, "build %s", ci->fact[CI_BUILD]);
}

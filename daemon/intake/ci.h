/* SPDX-License-Identifier: Apache-2.0
 *
 * ci.h - what the environment of a job tells about its build: the ci.* variables of templates.
 *
 * One row a CI system, in order of detection; RESULTD_* variables (RESULTD_CI_BUILD, ...) win over all.
 * "false", empty and white space count as absent; refs/heads/, refs/tags/, origin/ are stripped from
 * branches.  (The variables are documented by the CI systems; several rows are read from their docs only.) */
#ifndef RD_CI_H
#define RD_CI_H

#include "daemon/base/arena.h"

enum ci_fact {
	CI_SYSTEM,
	CI_BUILD,
	CI_URL,
	CI_JOB,
	CI_BRANCH,
	CI_COMMIT,
	CI_NODE,
	CI_ATTEMPT,
	CI_FACT_COUNT
};
extern const char *const ci_fact_names[CI_FACT_COUNT]; /* "system", "build", ...: {ci.system} */

struct ci {
	const char *fact[CI_FACT_COUNT]; /* NULL: unknown */
};
/* get: the environment, or a job's variables as it sent them. */
void ci_detect(struct ci *out, struct arena *a, const char *(*get)(void *cookie, const char *name),
	       void *cookie);
const char *ci_getenv(void *cookie, const char *name);

/* "jenkins/nightly/17/1" from system, job, build and attempt; NULL where there is no build. */
const char *ci_run_key(const struct ci *ci, struct arena *a);
/* "nightly #17"; NULL where there is no build. */
const char *ci_run_name(const struct ci *ci, struct arena *a);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * outcome.h - passed, skipped, failed, error: names, order, worst-of.  (design.md, section 4) */
#ifndef RD_MODEL_OUTCOME_H
#define RD_MODEL_OUTCOME_H

#include <stdbool.h>

/* In order of weight: a later one is worse. */
enum outcome { OUTCOME_PASSED, OUTCOME_SKIPPED, OUTCOME_FAILED, OUTCOME_ERROR };
#define OUTCOME_COUNT 4

const char *outcome_name(enum outcome o); /* "passed", "skipped", "failed", "error" */
bool outcome_parse(const char *name, enum outcome *out);
static inline enum outcome outcome_worst(enum outcome a, enum outcome b)
{
	return a > b ? a : b;
}

/* What a sink's `statuses:` table is keyed by: the outcome, but flaky and known_failure first. */
enum verdict {
	VERDICT_PASSED,
	VERDICT_FAILED,
	VERDICT_ERROR,
	VERDICT_SKIPPED,
	VERDICT_FLAKY,
	VERDICT_KNOWN_FAILURE
};
#define VERDICT_COUNT 6
const char *verdict_name(enum verdict v); /* the key in the configuration */

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * outcome.c - names of outcomes and verdicts. */
#include "daemon/model/outcome.h"

#include <string.h>

static const char *const names[OUTCOME_COUNT] = { "passed", "skipped", "failed", "error" };
static const char *const verdicts[VERDICT_COUNT] = {
	"passed", "failed", "error", "skipped", "flaky", "known_failure",
};

const char *outcome_name(enum outcome o)
{
	return names[o];
}

bool outcome_parse(const char *name, enum outcome *out)
{
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		if (strcmp(name, names[i]) == 0) {
			*out = (enum outcome)i;
			return true;
		}
	}
	return false;
}

const char *verdict_name(enum verdict v)
{
	return verdicts[v];
}

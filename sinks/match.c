/* SPDX-License-Identifier: Apache-2.0
 *
 * match.c - the words of the keys that say how results find their cases, and what no row can check. */
#include "sinks/match.h"

#include <errno.h>

const char *const match_words[] = { "ref", "automation", "title", NULL };
const char *const match_unmatched_words[] = { "park", "ignore", NULL };
const char *const match_several_words[] = { "worst", "each", "last", NULL };

bool match_has(const struct config_ints *match, enum match_by by)
{
	for (size_t i = 0; i < match->count; i++) {
		if (match->item[i] + 1 == (int)by)
			return true;
	}
	return false;
}

void match_order(const struct config_ints *match, enum match_by order[3])
{
	for (size_t i = 0; i < 3; i++)
		order[i] = i < match->count ? (enum match_by)(match->item[i] + 1) : MATCH_NONE;
}

int match_check(const struct config_ints *match, bool creates, struct err *err)
{
	if (match->count == 0)
		return err_set(err, -EINVAL, "match is empty: no result could ever find its case");
	if (creates && !match_has(match, MATCH_AUTOMATION) && !match_has(match, MATCH_TITLE))
		return err_set(err, -EINVAL,
			       "create.cases needs automation or title in match: without them no later run "
			       "would find the cases that were made");
	return 0;
}

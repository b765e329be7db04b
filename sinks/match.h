/* SPDX-License-Identifier: Apache-2.0
 *
 * match.h - the keys that say how results find their cases: `match`, `unmatched`, `several`, and what `create`
 * asks of them.  Of every sink that has cases. */
#ifndef RD_SINKS_MATCH_H
#define RD_SINKS_MATCH_H

#include "sinks/sink.h"

/* For rows of keys: in the order of enum match_by (without MATCH_NONE), enum unmatched, enum several. */
extern const char *const match_words[], *const match_unmatched_words[], *const match_several_words[];

/* A list as the configuration keeps it: indexes into match_words. */
bool match_has(const struct config_ints *match, enum match_by by);
void match_order(const struct config_ints *match, enum match_by order[3]);
/* 0, or below 0 with err: no result could find its case, or none that was made (creates) would be found again. */
int match_check(const struct config_ints *match, bool creates, struct err *err);

#endif

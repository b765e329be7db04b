/* SPDX-License-Identifier: Apache-2.0
 *
 * repeat.h - lines that say the same again and again: the first few are said, the rest is counted and told later.
 *
 * Two lines are the same where they differ in nothing but numbers that stand alone ("again in 15 s", "process 812"):
 * names and paths tell lines apart.  Remembers few lines, the ones that came last; bounded.  Not safe for threads by
 * itself. */
#ifndef RD_BASE_REPEAT_H
#define RD_BASE_REPEAT_H

#include "daemon/base/log.h"

#include <stddef.h>

enum {
	REPEAT_SAID = 3,          /* of a line, in a period */
	REPEAT_PERIOD_MS = 60000, /* from the first of them */
	REPEAT_LINES = 32,        /* lines that are remembered */
	REPEAT_TEXT = 200,        /* bytes of one that are shown with its count */
};

struct repeat_line {
	uint64_t key; /* 0: free */
	int64_t since_ms;
	unsigned said;
	uint64_t swallowed;
	enum log_level level;
	int64_t run, delivery;
	char who[64];
	char text[REPEAT_TEXT];
};
struct repeats { /* zeroed at the start */
	struct repeat_line line[REPEAT_LINES];
	uint64_t swallowed; /* altogether */
};

/* One that was swallowed: how often since its period began, and how long ago that was. */
typedef void repeat_tell_fn(void *cookie, const struct repeat_line *line, int64_t for_ms);

/* Whether this line is to be said now.  Tells of others whose period is over, before. */
bool repeat_wants(struct repeats *r, int64_t now_ms, enum log_level level, const struct log_ctx *ctx,
		  const char *text, repeat_tell_fn *tell, void *cookie);
/* Tells of all that were swallowed whose period is over; all: of the others, too. */
void repeat_tell(struct repeats *r, int64_t now_ms, bool all, repeat_tell_fn *tell, void *cookie);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * once.h - lines that are said once, though what they are about is met with each of many files.
 *
 * The last ONCE_LINES lines are remembered, so one may be said again after as many others.  One thread a struct. */
#ifndef RD_ONCE_H
#define RD_ONCE_H

#include <stdbool.h>
#include <stddef.h>

enum { ONCE_LINES = 64 };

struct once { /* {0} */
	char *line[ONCE_LINES];
	size_t at;
};

bool once_new(struct once *o, const char *line); /* true the first time */
void once_done(struct once *o);

#endif

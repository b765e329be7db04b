/* SPDX-License-Identifier: Apache-2.0
 *
 * redact.h - names whose values never leave, by regular expression. */
#ifndef RD_CONFIG_REDACT_H
#define RD_CONFIG_REDACT_H

#include "daemon/base/err.h"

#include <stdbool.h>

struct redact;
struct redact *redact_new(void);
/* POSIX extended, found anywhere in the name; a leading (?i) means: upper and lower case alike.  Back
 * references, repetition counts and stacked repetitions, which can take memory or time without bound, are
 * refused. */
int redact_add(struct redact *r, const char *pattern, struct err *err);
/* A name too long to be looked through counts as one that matches.  Any thread. */
bool redact_match(const struct redact *r, const char *name);
void redact_free(struct redact *r);

#endif

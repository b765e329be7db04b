/* SPDX-License-Identifier: Apache-2.0
 *
 * rules.h - which directories a watch walks, and which files in them it wants.
 *
 * The path of a watch is a pattern ("/srv/ci/{job}/{build}/results"); its root is the part before the
 * first component that holds a capture or a glob.  What matches the whole pattern is an expanded
 * directory; files, exclude and marker globs are relative to that.  All paths here are relative to the
 * root ("" is the root itself).  Names that begin with a dot and those of half-written files (*.tmp,
 * *.part, *~) are never wanted; directories that begin with a dot are walked only where a pattern says so
 * literally.  An exclude glob that matches a directory excludes what lies beneath.  Immutable. */
#ifndef RD_WATCH_RULES_H
#define RD_WATCH_RULES_H

#include "daemon/watch/watch.h"

struct rules;

/* A set of bits. */
enum rules_kind {
	RULES_NOTHING = 0,
	RULES_FILE = 1,
	RULES_MARKER = 2,
};

int rules_new(const struct watch_options *options, struct rules **out, struct err *err);
void rules_free(struct rules *r);
const char *rules_root(const struct rules *r); /* without a trailing slash; "" for "/" */
/* Whether something that is wanted can lie in or beneath this directory. */
bool rules_enter(const struct rules *r, const char *dir);
unsigned rules_kind(const struct rules *r, const char *file);

#endif

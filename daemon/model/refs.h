/* SPDX-License-Identifier: Apache-2.0
 *
 * refs.h - the references to cases that a test carries in its name and its properties.
 *
 * Normalized: "C123" for a TestRail case, "AT-TC-3" for an AIO case.  What is found is a claim of the
 * report: sinks take it only where such a case exists.  Order of appearance, no repeats.  (design.md,
 * section 4, "References") */
#ifndef RD_MODEL_REFS_H
#define RD_MODEL_REFS_H

#include "daemon/base/arena.h"

#include <stdbool.h>
#include <stddef.h>

#define REFS_MAX 64 /* of one test; further ones are dropped */

struct refs {
	struct arena *arena; /* where the strings go; set by the owner */
	const char **ref;
	size_t count, room;
};

/* "C1 name", "name C1", "C1_C2_name", "name_C1()", "[C1] name", "name [C1, C2]", "name AT-TC-3",
 * "name_AT_TC_3". */
void refs_from_name(struct refs *r, const char *name);
/* Nothing where key is not one of the names that are known to hold references. */
void refs_from_property(struct refs *r, const char *key, const char *value);
/* Whether a property of that name is looked at. */
bool refs_property(const char *key);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/mask.h - a report as it may leave: the values of names that are to be hidden are "***", all else is
 * byte for byte what it was.
 *
 * It follows what the parsers take for a name and its value: <property name=.. value=..> and its text,
 * TestNG's attributes, an attribute or an element that bears such a name itself, and [[PROPERTY|name=value]] in
 * texts.  It is no parser: what is not well-formed passes as it is.  Worker threads. */
#ifndef RD_EVIDENCE_MASK_H
#define RD_EVIDENCE_MASK_H

#include "daemon/base/err.h"
#include "daemon/evidence/store.h"

#include <stdbool.h>

/* Reads fd from its start (gzip is undone).  -E2BIG where the spool's limit is met, -EINVAL for an encoding
 * in which names cannot be told by their bytes. */
int evidence_mask_report(int fd, bool (*redacted)(void *cookie, const char *name), void *cookie,
			 struct evidence_spool *to, struct err *err);

/* The same from memory, for tests. */
int evidence_mask_text(const char *text, size_t len, bool (*redacted)(void *cookie, const char *name),
		       void *cookie, struct buf *out, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * result_json.h - result <-> one line of JSON: what `parse --format jsonl` prints and the queue keeps.
 * The form is design.md's contract; absent keys are unknown or empty. */
#ifndef RD_MODEL_RESULT_JSON_H
#define RD_MODEL_RESULT_JSON_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/model/result.h"

/* Appends one object and a newline.  A NULL or empty field is left out. */
int result_json_write(struct buf *b, const struct result *r);
/* Reads one line (no newline needed) into arena.  -EINVAL on a line that we did not write. */
int result_json_read(const char *line, size_t len, struct arena *arena, struct result *out, struct err *err);

#endif

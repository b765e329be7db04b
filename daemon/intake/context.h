/* SPDX-License-Identifier: Apache-2.0
 *
 * context.h - what a job says of itself: resultd.json beside its reports, or the same facts over the control
 * socket (design.md, section 3).
 *
 * What is there is what can be used: a value of the wrong type and a key that nobody knows are left out, each with
 * a line that says so, and the rest of the file counts all the same.  Foreign input; any thread. */
#ifndef RD_CONTEXT_H
#define RD_CONTEXT_H

#include "daemon/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct cJSON;
struct context;

/* Reads DIR/resultd.json.  NULL where there is none (err untouched) or it is no JSON object (err says where). */
struct context *context_read(const char *dir, struct err *err);
/* The one that is nearest: in dir, else in a folder above it, up to top (a prefix of dir). */
struct context *context_find(const char *dir, const char *top, struct err *err);
/* The same, from elsewhere; takes ownership of an object.  where: how lines call it. */
struct context *context_new(struct cJSON *json, const char *where);
void context_free(struct context *c);

/* Only what is good: texts (numbers among them are their digits), "sinks" a list of names, "done" true. */
const struct cJSON *context_json(const struct context *c); /* NULL for NULL */
const struct cJSON *context_raw(const struct context *c); /* as it came, for somebody who checks it himself */
/* Each NULL where it is not said. */
const char *context_text(const struct context *c, const char *key); /* key, name, variant, timezone */
const char *context_set(const struct context *c, const char *name);
const char *context_ci(const struct context *c, const char *fact);
bool context_done(const struct context *c);

/* What was left out and why, "PATH: ...", in the order of the file; the context's. */
size_t context_warnings(const struct context *c, const char *const **line);

#endif

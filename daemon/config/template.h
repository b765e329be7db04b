/* SPDX-License-Identifier: Apache-2.0
 *
 * template.h - "Release {version}", "{ci.branch|prop.branch|'main'}": text with variables.
 *
 * Syntax is checked when the configuration is read; values are looked up when the text is needed.
 * `{{` and `}}` stand for the braces themselves, '' within '...' for a quote.  Of several choices the first
 * that is set and not empty is taken.  Known when parsed: run.key, run.name, run.started, ci.* (system, job,
 * build, url, branch, commit, node, attempt), prop.ANYTHING; a name without a dot is a capture, a --set
 * value, or the sink's own.  (design.md, section 3) */
#ifndef RD_CONFIG_TEMPLATE_H
#define RD_CONFIG_TEMPLATE_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

#include <stdbool.h>

struct template;

/* A set of variables: a function and, where it does not know the name, the next set. */
struct vars {
	const char *(*get)(void *cookie, const char *name); /* NULL: not set */
	void *cookie;
	const struct vars *next;
};
const char *vars_get(const struct vars *vars, const char *name);

/* -EINVAL with the offset of the fault (from 0) in *at. */
int template_parse(const char *text, struct template **out, size_t *at, struct err *err);
void template_free(struct template *t);
const char *template_text(const struct template *t); /* as it was written */
bool template_constant(const struct template *t);    /* no variable in it */
/* The first variable in it whose name begins with prefix; NULL: none, or no template. */
const char *template_uses(const struct template *t, const char *prefix);
/* Whether a capture (or --set) may be called so: letters, digits, _ and -, not a digit or - first. */
bool template_name_ok(const char *name, size_t len);
/* Appends to out.  -ENOENT where a variable is not set and no alternative is: err names it. */
int template_expand(const struct template *t, const struct vars *vars, struct buf *out, struct err *err);

#endif

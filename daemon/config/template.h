/* SPDX-License-Identifier: Apache-2.0
 *
 * template.h - "Release {version}", "{ci.branch|prop.branch|'main'}": text with variables.
 *
 * Syntax is checked when the configuration is read; values are looked up when the text is needed.
 * `{{` and `}}` stand for the braces themselves.  (design.md, section 3) */
#ifndef RD_CONFIG_TEMPLATE_H
#define RD_CONFIG_TEMPLATE_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

#include <stdbool.h>

struct template;

/* A set of variables: a function and, where it does not know the name, the next set. */
struct vars {
	const char *(*get)(void *cookie, const char *name);	/* NULL: not set */
	void *cookie;
	const struct vars *next;
};
const char *vars_get(const struct vars *vars, const char *name);

/* -EINVAL with the offset of the fault (from 0) in *at. */
int template_parse(const char *text, struct template **out, size_t *at, struct err *err);
void template_free(struct template *t);
const char *template_text(const struct template *t);	/* as it was written */
bool template_constant(const struct template *t);	/* no variable in it */
/* Appends to out.  -ENOENT where a variable is not set and no alternative is: err names it. */
int template_expand(const struct template *t, const struct vars *vars, struct buf *out, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * text.h - text on its way to a tracker: names of one line, templates with a result's own variables, and
 * paths of folders.  Pure functions; what they return lives in the arena, NULL where that is full. */
#ifndef RD_SINKS_TEXT_H
#define RD_SINKS_TEXT_H

#include "sinks/sink.h"

/* Without white space at its ends; *len is that of s before, and of what is returned. */
const char *text_trim(const char *s, size_t *len);
/* As it can stand in a title or a folder's name: one line, ends trimmed, at most max bytes (beyond: cut,
 * with a stable hash). */
const char *text_line(struct arena *a, const char *s, size_t max);
/* Without the "[[ATTACHMENT|..]]" in it: those are files, and go apart. */
const char *text_unmarked(struct arena *a, const char *s);
/* Expands into out.  false: t->err says which key of the configuration wanted a variable that is not set. */
bool text_expand(struct talk *t, const struct template *tpl, const struct vars *vars, const char *key,
		 struct buf *out);

/* Variables of one result ({suite}, {class}, {name}, {id}, {variant}, {report}, {prop.NAME}), before those
 * of the run. */
struct text_vars {
	struct vars vars;
	const struct result *result;
	struct arena *arena;
	const char *joint; /* between the suites of {suite} */
};
const struct vars *text_vars(struct text_vars *v, const struct result *r, const struct vars *next,
			     struct arena *a);

/* A list of templates as a path, one level each; {suite} gives one level a suite where a result is given.
 * Levels that come out empty are left out.  path has room for TEXT_DEPTH_MAX. */
#define TEXT_DEPTH_MAX 16
int text_path(const struct config_templates *list, const struct vars *vars, const struct result *r,
	      size_t name_max, struct arena *a, const char *path[TEXT_DEPTH_MAX], size_t *count,
	      struct err *err);

/* "2026-11-21", "2026-11-21T10:00:00.000Z", "...+0200", "...+02:00", as ms; TIME_UNKNOWN where it is none.
 * Without a zone: UTC. */
int64_t text_time(const char *s);

#endif

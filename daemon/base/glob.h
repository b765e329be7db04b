/* SPDX-License-Identifier: Apache-2.0
 *
 * glob.h - path patterns: `*` and `?` within a component, `**` across components, [..] sets; and
 * `{name}` which matches one whole path component and captures it. */
#ifndef RD_BASE_GLOB_H
#define RD_BASE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

struct glob_capture {
	const char *name; /* in the pattern, not terminated */
	size_t name_len;
	const char *value; /* in the path, not terminated */
	size_t value_len;
};

/* Whether the relative path matches.  A leading dot is matched like any other character. */
bool glob_match(const char *pattern, const char *path);
/* The same, with captures: fills at most max of them, *count says how many. */
bool glob_capture(const char *pattern, const char *path, struct glob_capture *out, size_t max, size_t *count);

#endif

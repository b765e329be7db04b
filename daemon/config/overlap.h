/* SPDX-License-Identifier: Apache-2.0
 *
 * overlap.h - whether two sets of path patterns (base/glob.h) can match one and the same path.
 *
 * Decided from the patterns alone, without the disk.  Where it cannot be told cheaply the answer is yes:
 * a set [..] counts as any character, and an exclusion counts only where it surely covers the whole of
 * the other pattern. */
#ifndef RD_CONFIG_OVERLAP_H
#define RD_CONFIG_OVERLAP_H

#include <stdbool.h>
#include <stddef.h>

/* Both are paths with {captures} and patterns relative to it, as in `watch`. */
struct overlap_side {
	const char *path;
	char *const *files;
	size_t file_count;
	char *const *exclude;
	size_t exclude_count;
};

enum overlap { OVERLAP_NONE, OVERLAP_FOUND, OVERLAP_TOO_MUCH };

/* *work is what may still be spent on comparing, and goes down; at 0 the answer is OVERLAP_TOO_MUCH.
 * OVERLAP_FOUND: file patterns a_file and b_file meet. */
enum overlap overlap_check(const struct overlap_side *a, const struct overlap_side *b, size_t *work,
			   size_t *a_file, size_t *b_file);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8.h - text that came from outside: checked, cut on a character, cleaned. */
#ifndef RD_BASE_UTF8_H
#define RD_BASE_UTF8_H

#include "daemon/base/arena.h"

#include <stdbool.h>
#include <stddef.h>

/* Length of the valid sequence at s (1 to 4), or 0 where s does not begin one.  end > s. */
unsigned utf8_length(const char *s, const char *end);
bool utf8_valid(const char *s, size_t len);
/* s itself where it is UTF-8, else its like with U+FFFD for each byte that is not, and s is freed.  NULL: NULL. */
char *utf8_mended(char *s);
/* The largest n <= max so that s[0..n) ends on a character boundary.  len is the length of s. */
size_t utf8_cut(const char *s, size_t len, size_t max);
/* s itself where it is at most max bytes, else its start and a stable hash: "start~1a2b3c4d5e6f"
 * (at most max bytes, cut on a boundary; the same text always gives the same key; applied to its own
 * result it changes nothing).  max >= 32.  NULL where the arena is full. */
const char *utf8_key(struct arena *a, const char *s, size_t len, size_t max);

#endif

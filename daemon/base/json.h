/* SPDX-License-Identifier: Apache-2.0
 *
 * json.h - writing JSON into a buf, fast and safe.  (Reading is cJSON's work, in the layers above.)
 *
 * Strings are escaped for JSON; bytes that are not UTF-8 become U+FFFD, so the output is always valid.
 * The writer keeps no state but the buf: json_sep() puts a comma where the last byte is neither an
 * opening bracket nor a colon nor the start of the text. */
#ifndef RD_BASE_JSON_H
#define RD_BASE_JSON_H

#include "daemon/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

void json_sep(struct buf *b);
void json_string(struct buf *b, const char *s, size_t len);     /* "..." with no separator */
void json_key(struct buf *b, const char *key);                  /* separator, "key": ; key is plain ASCII */
void json_field(struct buf *b, const char *key, const char *s); /* left out where s is NULL */
void json_field_n(struct buf *b, const char *key, const char *s, size_t len);
void json_field_int(struct buf *b, const char *key, int64_t value);
void json_field_bool(struct buf *b, const char *key, bool value);
/* Milliseconds as a number with at most three decimals; left out where negative (unknown). */
void json_field_ms(struct buf *b, const char *key, double ms);
/* Wall time as an ISO string; left out where TIME_UNKNOWN. */
void json_field_time(struct buf *b, const char *key, int64_t wall_ms);

#endif

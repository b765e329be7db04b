/* SPDX-License-Identifier: Apache-2.0
 *
 * repair.h - bytes that XML does not allow, made into bytes that it does.
 *
 * The clean report never comes here.  Whatever the encoding, what comes out is UTF-8 without characters
 * that XML 1.0 forbids: raw ones, references such as &#27; (in CDATA that is plain text and stays), broken
 * sequences become U+FFFD; a terminal's colour sequences disappear; an XML declaration becomes spaces, so
 * lines and columns stay; "&" and, in values of attributes, quotes and "<" that cannot be markup are escaped.
 * The filter holds a few bytes, never a text. */
#ifndef RD_PARSERS_REPAIR_H
#define RD_PARSERS_REPAIR_H

#include "daemon/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct repair;
/* A non-zero return ends the feeding. */
typedef int repair_out_fn(void *cookie, const char *data, size_t len, bool final);

struct repair *repair_new(void);
/* final: nothing comes after these bytes; the last call of out has final set.  Returns what out returned,
 * or -EILSEQ with err where the encoding is not known. */
int repair_feed(struct repair *r, const char *data, size_t len, bool final, repair_out_fn *out, void *cookie,
		struct err *err);
uint64_t repair_count(const struct repair *r); /* replacements */
/* The encoding that was read, NULL before it is known or where it is UTF-8. */
const char *repair_encoding(const struct repair *r);
void repair_free(struct repair *r);

#endif

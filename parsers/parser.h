/* SPDX-License-Identifier: Apache-2.0
 *
 * parser.h - bytes in, results out, one at a time.
 *
 * A parser knows no file, no queue, no sink.  It is fed bytes in any pieces and calls back for each
 * finished test case; what a callback is given lives until it returns.  The format is chosen by the root
 * element.  Memory: the largest single result (limits.text a text), never the report.  One thread. */
#ifndef RD_PARSERS_PARSER_H
#define RD_PARSERS_PARSER_H

#include "daemon/base/err.h"
#include "daemon/model/result.h"

struct parser_limits {			/* design.md, section 3, `limits`; 0: the default */
	uint64_t report;		/* bytes after decompression, 2 GiB */
	size_t text;			/* bytes kept of one text, 64 KiB */
	unsigned depth;			/* nested elements, 256 */
	unsigned attributes;		/* of one element, 256 */
	size_t attribute;		/* bytes of one attribute value, 1 MiB */
	uint64_t cases;			/* 5 000 000 */
	unsigned gzip_ratio;		/* 200 */
};

struct parser_options {
	struct parser_limits limits;
	const char *timezone;		/* of zone-less stamps: NULL = UTC, "local", an IANA name, "+09:00" */
	int64_t now_ms, mtime_ms;	/* for stamps that make no sense; TIME_UNKNOWN: not checked */
	bool counts_only;		/* results carry outcome, flags and duration only (summaries) */
};

enum text_kind { TEXT_MESSAGE, TEXT_DETAIL, TEXT_OUT, TEXT_ERR };

struct parser_events {
	/* A finished test case.  A negative return stops the parse with that code. */
	int (*result)(void *cookie, const struct result *r);
	/* What was given so far is void: the same document comes again through the repairing filter.
	 * NULL where the caller does not mind. */
	void (*restart)(void *cookie);
	/* The whole of a text that is longer than limits.text, in pieces, before its result() is given;
	 * all NULL where nobody wants it.  Text of the same case comes in document order. */
	int (*text_begin)(void *cookie, enum text_kind kind);
	int (*text_chunk)(void *cookie, const char *data, size_t len);
	int (*text_end)(void *cookie);
};

#endif

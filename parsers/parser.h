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

struct parser_limits {       /* design.md, section 3, `limits`; 0: the default */
	uint64_t report;     /* bytes after decompression, 2 GiB */
	size_t text;         /* bytes kept of one text, 64 KiB */
	unsigned depth;      /* nested elements, 256 */
	unsigned attributes; /* of one element, 256 */
	size_t attribute;    /* bytes of one attribute value, 1 MiB */
	uint64_t cases;      /* 5 000 000 */
	unsigned gzip_ratio; /* 200 */
	int64_t time_ms;     /* processor time for one report, 5 min */
};

struct parser_options {
	struct parser_limits limits;
	const char *timezone; /* of zone-less stamps: NULL = UTC, "local", an IANA name, "+09:00" */
	int64_t now_ms;       /* for stamps that make no sense; TIME_UNKNOWN: not checked */
	bool decimal_commas;  /* PARSER_COMMAS was the outcome before */
	bool counts_only;     /* results carry outcome, flags and duration only (summaries) */
	/* Whether the value of a property of that name is secret: it becomes "***" before anybody sees it.
	 * NULL: none is. */
	bool (*redacted)(void *cookie, const char *name);
	void *redacted_cookie;
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
	/* A property of a suite or of the whole report (templates: {prop.NAME}); NULL where nobody wants it. */
	void (*property)(void *cookie, const char *key, const char *value);
	/* A file that belongs to no test: named by a property or the output of a suite.  NULL as above. */
	void (*evidence)(void *cookie, const char *path);
};

struct parser_stats {
	const char *format; /* "junit", "testng"; NULL before the root element */
	uint64_t suites, cases, passed, failed, error, skipped, flaky, known_failures;
	uint64_t config_methods, config_failed;
	uint64_t suite_problems; /* <error> and <failure> of a suite: something failed, but no test case */
	double duration_ms;      /* sum over cases */
};

/* Something that was read, but not as it stands.  Alike ones are folded; the place is that of the first. */
struct parser_warning {
	bool failed; /* tells of something that failed outside of any test case */
	uint64_t count;
	unsigned line, column;
	char text[240];
};

enum parser_outcome {
	PARSER_GOOD,   /* go on, or after the end: complete */
	PARSER_REPAIR, /* a character or the encoding: start again with `repair` */
	PARSER_COMMAS, /* "1,234" was no thousands, as later durations tell: start again with decimal_commas */
	PARSER_BROKEN,  /* not well-formed, or refused */
	PARSER_EARLY,   /* ended before the document did */
	PARSER_FOREIGN, /* not a test report */
	PARSER_EMPTY,   /* no byte but white space */
	PARSER_STOPPED, /* a callback returned an error: err.code */
};

/* What a read should ask for at once; larger pieces are not faster. */
#define PARSER_ROOM 65536

struct parser;
/* repair: bytes pass through the repairing filter (encodings, characters that XML does not allow).
 * options, events and what they point at must outlive the parser.  -EINVAL for a bad time zone. */
int parser_new(const struct parser_options *options, const struct parser_events *events, void *cookie,
	       bool repair, struct parser **out, struct err *err);
/* Room for size bytes (PARSER_ROOM at most; less where the report is known to be small), then how many of them were filled.  final: nothing comes after them (0 bytes
 * are fine).  After anything but PARSER_GOOD the parser takes no more; err says why and where. */
void *parser_room(struct parser *p, size_t size);
enum parser_outcome parser_commit(struct parser *p, size_t len, bool final, struct err *err);
/* How many bytes were replaced by the repairing filter, and the encoding that was read (NULL: UTF-8). */
uint64_t parser_repaired(const struct parser *p, const char **encoding);
/* The limits as they hold: defaults filled in. */
struct parser_limits parser_limits(const struct parser_limits *given);
const struct parser_stats *parser_stats(const struct parser *p);
/* The index-th warning, NULL behind the last one. */
const struct parser_warning *parser_warning(const struct parser *p, size_t index);
void parser_free(struct parser *p);

/* The built-in meaning of `redact`: password, secret, token, api_key, apikey in any case. */
bool parser_redacted_default(void *cookie, const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - one report file, from a descriptor to results: gzip, format, limits, repair, verdict.
 *
 * Used by `parse` and by intake alike.  Blocks: worker threads or a command without a loop. */
#ifndef RD_REPORT_H
#define RD_REPORT_H

#include "daemon/base/err.h"
#include "daemon/model/result.h"
#include "parsers/parser.h"

enum report_verdict {
	REPORT_OK,
	REPORT_INCOMPLETE, /* broke off or not well-formed; the finished cases were given (>= 1) */
	REPORT_MALFORMED,  /* nothing usable before the break */
	REPORT_FOREIGN,    /* well-formed start, but not a test report: skipped, reason in err.text */
	REPORT_EMPTY,      /* no byte, or white space only */
	REPORT_UNREADABLE, /* read error, not a regular file, too large */
	REPORT_STOPPED,    /* a callback returned an error */
};

struct report_summary {
	enum report_verdict verdict;
	const char *format; /* "junit", "testng", "unknown" */
	bool complete;
	bool early; /* the bytes ended before the document: its writer may not be done */
	uint64_t suites, cases, passed, failed, error, skipped, flaky, known_failures;
	uint64_t config_methods, config_failed;
	uint64_t suite_problems; /* failures of suites, outside of any test case */
	double duration_ms;      /* sum over cases */
	uint64_t bytes;          /* after decompression */
	struct err err;          /* why, with the place; for all verdicts but REPORT_OK */
	char **warnings;         /* distinct, at most 32, "N x" folded; freed by report_summary_done() */
	size_t warning_count;
	char *notes; /* those of them that tell of a failure outside of any test case, by the file's own name;
		      * NULL: none */
};

/* Reads fd from its current offset to the end.  name is what errors call the file.  events and limits as
 * in parsers/parser.h; events->restart is called when what was given so far is void and comes again.
 * Always fills *out. */
enum report_verdict report_read(int fd, const char *name, const struct parser_options *options,
				const struct parser_events *events, void *cookie, struct report_summary *out);
void report_summary_done(struct report_summary *s);

#endif

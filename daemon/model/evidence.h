/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence.h - a file that belongs to a result or to a run, and what a sink wants of such files.
 *
 * The bytes lie once beneath STATE/evidence/, named by their content; a struct evidence says whose they
 * are and under which name people know them.  Strings are valid UTF-8 without control characters, and are
 * the giver's. */
#ifndef RD_MODEL_EVIDENCE_H
#define RD_MODEL_EVIDENCE_H

#include "daemon/base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both enums are stored: never renumber. */
enum evidence_origin {
	EVIDENCE_NAMED,  /* by the report: [[ATTACHMENT|..]], a property, a producer's convention */
	EVIDENCE_GLOB,   /* found by the configuration's patterns */
	EVIDENCE_DATA,   /* stood in the report as a data: URL */
	EVIDENCE_TEXT,   /* the whole of a text that was cut */
	EVIDENCE_REPORT, /* the report itself */
	EVIDENCE_EARLY, /* as GLOB, but its run goes on and no test fits it yet: whose it is is decided later */
};
enum evidence_state {
	EVIDENCE_KEPT,
	EVIDENCE_AWAITED, /* named, not there yet: looked for until the run ends */
	EVIDENCE_MISSING,
	EVIDENCE_REFUSED,
};

struct evidence {
	const char *named; /* as the report (or the pattern) says it; for messages */
	const char *name; /* of the file as it is uploaded, without folders; NULL: the last part of `named` */
	const char *kept; /* its name beneath STATE/evidence/; NULL unless KEPT */
	const char *type; /* MIME, "image/png"; NULL: unknown */
	const char *reason; /* of MISSING and REFUSED, for people; NULL otherwise */
	uint64_t size;      /* bytes; 0 unless KEPT */
	uint8_t sha256[32]; /* of the content; zero unless KEPT */
	enum evidence_origin origin;
	enum evidence_state state;
};

/* ---- what a sink wants ---- */

enum evidence_of { EVIDENCE_OF_FAILED, EVIDENCE_OF_ALL, EVIDENCE_OF_NONE };

struct evidence_policy {
	enum evidence_of results; /* FAILED: failed, error, flaky and known failures */
	uint64_t max_size;        /* bytes of one file; 0: no limit */
	unsigned max_files;       /* of one result, and of the run; 0: no limit */
	const char *const *types; /* "image/png", "image/?*", "*.log", "log": one of them; none: any */
	size_t type_count;
	bool report;     /* the report itself, at the run */
	bool of_results; /* of results only: there is no run that files could hang on */
};

enum evidence_want {
	EVIDENCE_WANTED,
	EVIDENCE_UNASKED,  /* not of this kind of result, or no report: nothing is said of it */
	EVIDENCE_UNWANTED, /* this file is too large or of a type that is not wanted: counted and shown */
};
/* of_run: it belongs to no result; bad: its result failed, or passed only in the end.  Where the answer is
 * UNWANTED and reason is not NULL, words for people stand in it, made in arena.  A size that is not known
 * yet (AWAITED) is not held against it.  max_files is for the caller to count. */
enum evidence_want evidence_wanted(const struct evidence_policy *policy, const struct evidence *e,
				   bool of_run, bool bad, struct arena *arena, const char **reason);

/* The name by which a file is uploaded: the last part of a path, never empty; borrowed. */
const char *evidence_name(const struct evidence *e);
/* MIME type by the name's extension; "application/octet-stream" where it is not known. */
const char *evidence_type_of(const char *name);
/* Whether a blob's name may stand beneath STATE/evidence/: relative, no "..", nothing odd. */
bool evidence_kept_ok(const char *kept);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * result.h - one test case of one report: the vocabulary that parsers write and sinks read.
 *
 * A struct result and all that it reaches live in one arena (or in the parser, until the callback
 * returns) and are read-only for whoever is given them.  Strings are valid UTF-8 without control
 * characters but tab, newline and carriage return, and NUL-terminated; NULL or length 0 means unknown or
 * empty.  (design.md, section 4) */
#ifndef RD_MODEL_RESULT_H
#define RD_MODEL_RESULT_H

#include "daemon/base/arena.h"
#include "daemon/model/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text that may have been long: `s` holds at most limits.text bytes of it, cut on a character. */
struct text {
	const char *s; /* NULL: none */
	size_t len;
	uint64_t whole; /* bytes before the cut; == len where nothing was cut */
};

struct failure { /* of a failure, an error, or a skip with a reason */
	const char *type;
	struct text message, detail;
};

/* One execution of a test.  Where a report (or a run) holds several, all of them stand in order. */
struct attempt {
	enum outcome outcome;
	double duration_ms; /* < 0: unknown; a double, since reports hold 1e12 seconds */
	int64_t started_ms; /* TIME_UNKNOWN */
	struct failure failure;
	struct text out, err; /* system-out, system-err */
};

struct property {
	const char *key, *value;
};
struct evidence_hint {
	const char *path, *name; /* as the report names it; name may be NULL */
	unsigned
		step; /* of the test's steps (properties, result_names_step()) the nth; 0: of the whole test */
};

/* Whether a property tells a step of the test: "step", "step[STATUS]" (the published JUnit conventions),
 * "testrail_result_step..." (the vendor's). */
bool result_names_step(const char *property);

struct result {
	const char *report;       /* the report's name as the user knows it; not set by parsers */
	const char *const *suite; /* path from the outermost suite to the innermost */
	size_t suite_count;
	const char *class_name, *name;
	const char *const *params;
	size_t param_count;
	const char *variant;
	const char *id; /* "class.name", or "name" without a class: the automation id */

	enum outcome outcome; /* the verdict over all attempts of this testcase element */
	bool flaky;           /* passed, but an attempt did not */
	bool known_failure;   /* skipped and failed at once (xfail, mayfail): counted failed */
	double duration_ms;
	int64_t started_ms;
	struct failure failure; /* of the attempt that decides */
	struct text out, err;
	const struct attempt *attempts; /* NULL where there is one only; else all, oldest first */
	size_t attempt_count;

	const struct property *properties;
	size_t property_count;
	const char *const *refs; /* "C12", "AT-TC-3": normalized, in order of appearance, no repeats */
	size_t ref_count;
	const struct evidence_hint *evidence;
	size_t evidence_count;
	const char *file; /* the test's source, if the report tells */
	int64_t line;     /* 0: unknown */
};

enum verdict result_verdict(const struct result *r);
double result_duration_ms(const struct result *r);
/* TestNG writes an attempt that failed and was tried again as a skip with retried="true": it is bad news, and never
 * the last word where the try after it is there. */
bool result_retried(const struct result *r);

/* The identity of a test within a run: variant + suite path + class + name + params, as 16 bytes of
 * SHA-256.  Equal identities in one run are attempts of one test. */
#define IDENTITY_SIZE 16
struct digest;
void result_identity(const struct result *r, struct digest *scratch, uint8_t out[IDENTITY_SIZE]);

/* The longest automation id or title that is compared whole; beyond it utf8_key() cuts both sides. */
#define MATCH_KEY_MAX 250

#endif

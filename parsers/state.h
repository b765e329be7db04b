/* SPDX-License-Identifier: Apache-2.0
 *
 * state.h - what the dialects share: the parser's inside, and the building of one result.
 *
 * Only files of this folder include it.  A `struct build` is one test case that is open; a test case inside
 * a test case (nobody should write that, somebody does) has one of its own.  All that a result reaches
 * lives in its build's arena, which has a ceiling: what does not fit is dropped and warned of. */
#ifndef RD_PARSERS_STATE_H
#define RD_PARSERS_STATE_H

#include "daemon/base/buf.h"
#include "daemon/model/refs.h"
#include "parsers/parser.h"
#include "parsers/repair.h"
#include "parsers/scalar.h"
#include "parsers/xml.h"
#include "parsers/zone.h"

enum warning {
	WARN_REPAIRED,
	WARN_DURATION,
	WARN_STAMP,
	WARN_HEADER,
	WARN_HEADER_COUNT,
	WARN_ATTRIBUTES,
	WARN_ATTRIBUTE,
	WARN_DEPTH,
	WARN_TEXT,
	WARN_ROOM,
	WARN_LIST,
	WARN_SUITE_RESULT,
	WARN_STATUS,
	WARN_PERCENTAGE,
	WARN_ZONE,
	WARN_SUITE_URL,
	WARN_MARKER,
	WARN_ITEM,
	WARN_CONFIG,
	WARN_PATH,
};
#define WARN_COUNT 20

/* A text that grows in an arena up to a limit. */
struct slot {
	char *s;
	size_t len, cap;
	size_t max; /* 0: limits.text, and the whole of a longer one is given to text_chunk() */
	uint64_t whole;
	bool cut;     /* nothing more is kept */
	bool spilled; /* the kept part was given to text_chunk() */
};

/* In order of weight within one test case; what comes before PROBLEM_SKIPPED decides nothing. */
enum problem_kind { PROBLEM_RERUN, PROBLEM_FLAKY, PROBLEM_SKIPPED, PROBLEM_FAILED, PROBLEM_ERROR };

struct problem {
	enum problem_kind kind;
	enum outcome outcome; /* of the attempt: failed or error, for RERUN and FLAKY too */
	const char *type;
	struct slot message, detail, out, err;
	double duration_ms;
	int64_t started_ms;
	struct problem *next;
};

enum marker_state { MARKER_NONE, MARKER_OPENING, MARKER_VALUE };

/* "[[ATTACHMENT|path]]" and its like, found while output streams by. */
struct marker {
	enum marker_state state;
	int brackets;    /* MARKER_OPENING: how many are open in held */
	bool secret;     /* MARKER_VALUE of a redacted name: the value is held back from the output */
	struct buf held; /* MARKER_OPENING: from "[[" on; MARKER_VALUE: the value */
	char *key;
};

struct target {
	struct slot *slot;
	enum text_kind kind;
	bool scan;
};
enum { TARGETS = 4, SUITE_MARKER_MAX = 4096 };

struct build {
	struct build *outer;
	struct arena arena;
	struct result r;
	struct problem *problems, **last_problem;
	size_t problem_count;
	enum outcome verdict;          /* from attributes, where no child says */
	bool skipped, flaky;           /* a child said so; skipped: before any failure */
	bool ran, completed;           /* an attribute said so */
	char word[41];                 /* of an attribute, where nobody knows what it says */
	enum outcome worst;            /* of the children: PASSED where none */
	struct slot out, err, scratch; /* scratch: the text of a property, an item, a parameter */
	size_t line;                   /* where in out the line that is open begins (TestNG) */
	struct target target[TARGETS];
	unsigned targets;
	struct property *properties;
	size_t property_room;
	struct evidence_hint *evidence;
	size_t evidence_room;
	const char **params;
	size_t param_room;
	struct refs refs;
	const char *key; /* of the property that is open; NULL: none */
	bool retried;    /* TestNG: another attempt follows */
	int64_t finished_ms;
	bool config; /* a configuration method: it is no result, and its texts go nowhere */
};

struct suite {
	char *name, *hostname, *file, *device;
	bool device_sure; /* an attribute tells the device, or Android's other properties stand beside it */
	int64_t started_ms, finished_ms;
	uint64_t tests, failures, errors, skipped;              /* as declared; UINT64_MAX: not */
	uint64_t had_cases, had_failed, had_error, had_skipped; /* the parser's counts when it opened */
	bool in_path;
	bool testcafe; /* JUnit: written by TestCafe's reporter */
};

struct parser {
	const struct parser_options *options;
	struct parser_limits limits;
	const struct parser_events *events;
	void *cookie;
	struct xml *xml;
	struct repair *repair;
	char *raw; /* PARSER_ROOM bytes, in repair mode */
	struct zone *zone;
	struct scalar_clock clock;
	struct scalar_commas commas;
	struct parser_stats stats;
	struct parser_warning warning[WARN_COUNT];
	int stopped; /* what a callback returned */
	bool seen_byte, text_wanted;

	unsigned builds_open;
	struct build *build, *spare; /* innermost open one; ready for use */
	struct slot *spilling;
	struct marker marker;

	struct suite *suite;
	size_t suite_count, suite_room;
	const char **path; /* names of the suites that have one */
	size_t path_count, path_room, path_bytes;

	/* JUnit */
	bool root_id;    /* <testsuites id=..>: Playwright's */
	char *suite_key; /* a suite's property is open, its value is the text */
	struct buf suite_value;
	bool suite_out;          /* a suite's output is open */
	struct buf suite_marker; /* of an [[ATTACHMENT|path]] in it: from "[[" on */
	int suite_brackets;      /* how many are open in suite_marker */
	/* TestNG */
	bool detail_full; /* the open exception has given its full trace */
	char *class_name;
	struct buf retried;      /* the last method of this class that is to be retried: its name and its
				 * parameters, each with its NUL */
	int64_t retried_end_ms;  /* when that attempt ended */
	struct invocation *seen; /* of this class; see testng_invocation.c */
	size_t seen_count;
};

extern const struct xml_dialect junit_dialect, testng_dialect;
const struct xml_dialect *junit_root(const char *name);
const struct xml_dialect *testng_root(const char *name);

void warn(struct parser *p, enum warning w, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ---- suite.c: the path to a test ---- */
struct suite *suite_push(struct parser *p, const char *name, size_t name_len);
void suite_pop(struct parser *p);
struct suite *suite_top(struct parser *p);
int64_t suite_started(const struct parser *p);
/* A suite's output goes nowhere, but for the files that it names. */
void suite_output(struct parser *p, const char *s, size_t len);
void suite_output_end(struct parser *p);
void suite_property(struct parser *p, const char *key, const char *value);
void suites_clear(struct parser *p);

/* ---- build.c: one result ---- */
struct build *build_open(struct parser *p);
/* Settles the outcome, hands the result over, drops it. */
void build_close(struct parser *p);
/* The same without a result. */
void build_drop(struct parser *p);
void builds_free(struct parser *p);
/* A copy in the arena, cut at limits.attribute with a stable hash.  NULL gives NULL. */
const char *build_string(struct parser *p, const char *s);
struct problem *build_problem(struct parser *p, enum problem_kind kind, enum outcome outcome);
/* What is said about an outcome that is settled otherwise (TestNG's exceptions). */
struct problem *build_told(struct parser *p, enum outcome outcome);
void build_property(struct parser *p, const char *key, const char *value);
/* Whether the value of a property of this name is a file. */
bool build_names_file(const char *key);
/* step: see struct evidence_hint. */
void build_evidence(struct parser *p, const char *path, const char *name, unsigned step);
void build_param(struct parser *p, const char *value);
/* Joins class and name to the id; empty class: none. */
void build_name(struct parser *p, const char *class_name, const char *name);
int64_t build_stamp(struct parser *p, const char *s);
double build_duration_ms(struct parser *p, const char *seconds);

/* ---- testng_invocation.c: which methods of one name are attempts of one test ---- */
void invocation_open(struct parser *p, const char *signature, const char *instance_name);
void invocation_settle(struct parser *p);
void invocations_forget(struct parser *p); /* at the end of a class */
void invocations_free(struct parser *p);

/* ---- text.c: characters on their way into slots ---- */
void text_push(struct parser *p, struct slot *slot, enum text_kind kind, bool scan);
void text_pop(struct parser *p);
void text_give(void *cookie, const char *s, size_t len); /* xml_dialect.text */
void text_attr(struct parser *p, struct slot *slot, enum text_kind kind, const char *s);
void slot_append(struct parser *p, struct slot *slot, enum text_kind kind, const char *s, size_t len);
/* Ends what is being spilled. */
void text_settle(struct parser *p);
bool text_blank(const char *s, size_t len);

#endif

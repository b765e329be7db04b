/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.h - what the queue hands to a step of a sink, already resolved: results beside remote ids.
 *
 * A struct rows owns all that it reaches (one arena) and is read-only.  It is bounded by the limit that
 * the step asked for, never by the size of a run. */
#ifndef RD_MODEL_ROWS_H
#define RD_MODEL_ROWS_H

#include "daemon/base/arena.h"
#include "daemon/model/evidence.h"
#include "daemon/model/result.h"

enum rows_kind {
	ROWS_NONE,
	ROWS_PLACES,  /* tree nodes (sections, folders) that lack a remote id while their parent has one */
	ROWS_CASES,   /* tests without a case over there, all of ONE place; one row a distinct key */
	ROWS_LINKS,   /* `ids`: every remote case id that this run touches, sorted, no repeats */
	ROWS_RESULTS, /* results that are owed: one row a remote case */
	ROWS_ALL,     /* every test of the run, matched or not, one row a test, in order (local sink) */
	/* Never renumber: an intent stores its kind. */
	ROWS_EVIDENCE, /* one file: of a result that was posted with a remote id, or of a run that has one */
	ROWS_DEFECTS,  /* what a tracker of defects has for results that are posted: one row a remote case */
};

struct rows_limit {
	size_t count;  /* rows at most */
	size_t bytes;  /* of result text at most (one row is always given) */
	size_t enough; /* likewise, but no row is cut short by it: what a request may hold; 0: as bytes */
	/* ROWS_RESULTS, ROWS_DEFECTS: of cases with one parent only; ROWS_LINKS: sorted by parent, which `groups` tells. */
	bool grouped;
	size_t files; /* ROWS_EVIDENCE: of one result over there, and of the run; 0: no limit.  What is beyond
		       * is ignored, those of tests that failed last */
};

/* All executions of one test (identity) in this run, oldest first; at least one. */
struct row_test {
	const struct result *const *results;
	size_t result_count;
	bool posted_before; /* an earlier state of it was posted already: this is one further result */
	bool settled;       /* posted as it is: here only because the case is folded as a whole */
	int64_t id;         /* opaque; the queue's */
};

/* A file to be attached, bound to what the server returned for its result, never to a place in a list. */
struct row_evidence {
	const char *name; /* as it is uploaded: no two files of one remote result (or of the run) share it */
	const char *kept; /* beneath talk.evidence_dir */
	const char *type; /* MIME; never NULL */
	const char *sha256;        /* 64 hex digits */
	uint64_t size;             /* bytes */
	bool of_run;               /* else of a result */
	const char *remote_result; /* id of the result over there (learned_posted); NULL where of_run */
	enum verdict verdict;      /* of its result */
	const char *test;          /* automation id of its result, for messages; "" where of_run */
	const char *named;         /* as the report says it, for messages */
	enum evidence_origin origin;
	unsigned step; /* of the test's steps the nth; 0: of the whole test */
};

/* An item of a tracker of defects. */
struct row_defect {
	const char *id, *url;
	const char *state; /* where it stands over there ("In progress"); NULL: nothing is known */
};

/* What is known of a failure over the runs. */
enum { FAILURES_COUNTED = 1000 };
struct row_failure {
	int64_t first_ms, last_ms; /* wall: seen for the first time, and last */
	int64_t since_ms;          /* when its present streak began */
	uint64_t streak;           /* runs in a row that had it, this one among them; 0: its tests passed */
	uint64_t runs, passes;     /* that had it at all; since then, in which its tests passed */
	bool flaky;                /* the commit of its last run has both: a failure, and a pass */
	const char *suite;         /* of its tests in this run; NULL: of several, or unknown */
	uint64_t suite_failures;   /* different failures of this run in that suite, itself among them */
	bool none_passed;          /* no test of the run did */
	const char *results_url;   /* where results of this run were posted; NULL: not known (yet) */
	uint64_t run_failures;     /* different failures of this run; both end at FAILURES_COUNTED */
};

struct row {
	int64_t id;              /* names the row in what is learned; opaque */
	const char *remote_id;   /* ROWS_RESULTS: the case; ROWS_CASES: the place; ROWS_PLACES: the parent;
				 * NULL: none (root; unmatched) */
	const char *remote_json; /* what learned_remote() kept of that case; NULL: nothing */
	const char *group;       /* the parent of that case, as learned_remote() said it; NULL: none */
	const char *name;        /* ROWS_PLACES: the node's name; ROWS_DEFECTS: of its (first) test */
	unsigned depth;          /* ROWS_PLACES: 0 at the root */
	const struct row_test *tests; /* ROWS_RESULTS: all tests that map to this case; ROWS_CASES: one */
	size_t test_count;
	const struct row_evidence *evidence; /* ROWS_EVIDENCE; NULL otherwise */
	const struct row_failure *failure;   /* ROWS_RESULTS of a sink of failures; NULL otherwise */
	/* ROWS_DEFECTS: each item once, the first of them where there are very many. */
	const struct row_defect *defects;
	size_t defect_count;
	const char *posted_id;   /* ROWS_DEFECTS: id of the (first) result over there; NULL: not known */
	const int64_t *link_ids; /* ROWS_DEFECTS: the queue's */
	size_t link_count;
};

struct rows {
	struct arena arena;
	enum rows_kind kind;
	struct row *row;
	size_t count;
	const char *const *ids;    /* ROWS_LINKS */
	const char *const *groups; /* of rows_limit.grouped: the parent of each id; NULL: not asked for */
	size_t id_count;
	size_t new_ids; /* ROWS_LINKS: of them, not yet marked by learned_linked() */
	bool more;      /* further rows wait behind these */
	size_t bytes;   /* of the stored results in them; 0: not counted */
};

void rows_free(struct rows *rows);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * local.h - what the files of the local sink share.  Nobody outside sinks/local includes it.
 *
 *	DIR/index.html			every run, newest first
 *	DIR/runs.json			the same for machines; index.html is made from it
 *	DIR/RUN/index.html		one page a run, self-contained
 *	DIR/RUN/results.jsonl		one line a test, in the form that `parse` prints; where a test has
 *					several lines (an attempt came late) the last one counts
 *	DIR/RUN/files/TEST/NAME		what came with a test (TEST: 16 digits of its identity), or with the run
 *	DIR/RUN/.page-rows		what the page shows of the tests, bounded
 *
 * A run may hold millions of tests, a page may not.  So what the page needs is gathered while results are
 * appended: totals by suite and the slowest tests in the bookmark, the tests that are listed in
 * .page-rows, all of them capped below.  What is not on the page is in results.jsonl, and the page says
 * so. */
#ifndef RD_SINKS_LOCAL_LOCAL_H
#define RD_SINKS_LOCAL_LOCAL_H

#include "daemon/base/buf.h"
#include "daemon/config/keys.h"
#include "daemon/model/result.h"
#include "sinks/sink.h"

#include <cjson/cJSON.h>

struct local_conf {
	char *dir;
	int64_t dir_mode;
};
extern const struct config_key local_keys[];
extern const struct sink sink_local;

/* ---- what a page shows at most ---- */
enum {
	FULL_MAX = 500, /* failures and flaky tests with their texts */
	FULL_BYTES = 2 << 20,
	FAILED_MAX = 2000,                              /* further failures, one line each */
	OTHER_MAX = 5000,                               /* passed and skipped tests, one line each */
	LATE_MAX = 1000,                                /* newer states of tests that are there already */
	DEFECTS_MAX = FULL_MAX + FAILED_MAX + LATE_MAX, /* lines of work items made of failing tests */
	DEFECT_BYTES = 1024,
	GROUP_MAX = 300, /* suites with a line of their own */
	SLOW_MAX = 15,
	CAUSES_MAX = 5,
	ENTRY_BYTES = 24 << 10,   /* of one test in .page-rows */
	PENDING_BYTES = 64 << 10, /* waiting in the bookmark for .page-rows */
	/* FULL_BYTES, and for each line some 1.5 KiB at the very most */
	SHOWN_BYTES = FULL_BYTES + (FAILED_MAX + OTHER_MAX + LATE_MAX) * 1536 + DEFECTS_MAX * DEFECT_BYTES +
		      PENDING_BYTES + ENTRY_BYTES,
	FILES_MAX = 200, /* links to files; the others lie beside the page all the same */
	PAGE_BYTES = 64 << 20,
	RUNS_MAX = 2000,      /* on the index */
	RUNS_BYTES = 8 << 20, /* of runs.json */
};

/* ---- tally.c: what the bookmark holds of the results so far ---- */

struct group { /* the tests of one suite */
	char *name;
	uint32_t hash;
	uint64_t count[VERDICT_COUNT];
	double ms;
};

struct slow {
	double ms;
	char *name, *group;
};

struct tally {
	uint64_t offset; /* of results.jsonl */
	uint64_t shown;  /* of .page-rows */
	uint64_t lines, tests;
	uint64_t full, full_bytes, failed, other, late; /* of the caps above, used */
	uint64_t defects;                               /* lines of them */
	uint64_t dropped_failed, dropped_other;         /* past the caps: not on the page */
	uint64_t lost;             /* 1: a file of the run was removed while it was written */
	struct group *group, rest; /* rest: tests of further suites */
	size_t group_count;
	struct slow slow[SLOW_MAX]; /* slowest first */
	size_t slow_count;
	struct buf pending; /* lines for .page-rows that are not there yet */
	bool exact;         /* counted from a full list; not saved */
};

struct totals {
	uint64_t count[VERDICT_COUNT]; /* flaky and known failures are not in passed and failed */
	uint64_t tests;
	double ms;
};

void tally_load(struct tally *y, const cJSON *bookmark);
void tally_save(const struct tally *y, cJSON *bookmark);
void tally_done(struct tally *y);
/* The run's own counts stem from when the delivery was loaded; where more has come since, or where they
 * cannot say it better, the tally's are taken, so that a page never contradicts itself. */
void tally_totals(const struct tally *y, const struct sink_run *run, struct totals *out);
cJSON *totals_save(const struct totals *t);
void totals_load(struct totals *t, const cJSON *saved);
/* One test with all its attempts.  known: an earlier state of it was counted already. */
void tally_add(struct tally *y, const struct result *r, bool known);
/* All executions of a test as one result: the latest decides, its attempts are all of them. */
void tally_merge(const struct row_test *test, struct arena *a, struct result *out);

/* ---- html.c ---- */

struct page_head {
	const char *title; /* plain text */
	const char *tone;  /* of the icon: "passed", "failed", "running", "none" */
	bool live;         /* the page is renewed while nobody reads it */
};
void html_begin(struct buf *b, const struct page_head *head);
void html_end(struct buf *b);
/* Foreign text: escaped; characters that turn the direction of the text around are spelt out. */
void html_text(struct buf *b, const char *s, size_t len);
void html_string(struct buf *b, const char *s); /* NULL: nothing */
void html_bdi(struct buf *b, const char *s);
void html_number(struct buf *b, uint64_t n);    /* 12,480 */
void html_duration(struct buf *b, double ms);   /* "3 min 12 s"; nothing where unknown */
void html_time(struct buf *b, int64_t wall_ms); /* a <time> element; nothing where unknown */
void html_iso(struct buf *b, const char *iso);  /* the same of "2026-11-21T10:00:00.000Z" */
/* Bar of shares; count by enum verdict. */
void html_bar(struct buf *b, const char *class_name, const uint64_t count[VERDICT_COUNT]);
const char *html_tone(enum verdict v);               /* class of a verdict: "passed", "known", ... */
const char *html_word(enum verdict v);               /* for people: "known failure" */
bool html_link_safe(const char *url);                /* http or https, nothing else */
void html_url_path(struct buf *b, const char *path); /* percent-encoded, slashes kept */

/* ---- sheet.c: what a run's page is written from ---- */

struct entry { /* a test that the page lists */
	cJSON *json;
	const char *id; /* its identity, 32 hex digits */
	size_t seq;     /* the line of .page-rows */
	size_t group;   /* of sheet.group; group_count: of tally.rest */
	enum verdict verdict;
	bool texts;     /* a failure to show */
	unsigned cause; /* 1 + index of sheet.cause; 0: none */
};

struct told { /* work items of a test: a line of .page-rows */
	cJSON *json;
	const char *test; /* the first half of its identity */
	size_t seq;
};

struct found;
struct cause { /* what several failures have in common */
	const struct entry *first;
	const struct found *at; /* only while they are found */
	size_t count;
};

struct sheet {
	const struct sink_run *run;
	struct tally *tally;
	struct entry *entry; /* by suite, then as they came */
	size_t entry_count;
	const struct group **group; /* those with failures first, then by name */
	size_t group_count;
	struct cause cause[CAUSES_MAX]; /* the most frequent first */
	size_t cause_count;
	struct totals totals;
	struct told *told; /* by test */
	size_t told_count;
	const cJSON *files; /* [folder, name, bytes, test] each, FILES_MAX at most; NULL: none */
	uint64_t file_count;
};

/* shown: the lines of .page-rows, in their order.  run and y must outlive the sheet; the counts of y are
 * set right where the lines allow it. */
void sheet_init(struct sheet *s, const struct sink_run *run, struct tally *y, const char *shown,
		size_t shown_len);
void sheet_done(struct sheet *s);
bool verdict_parse(const char *name, enum verdict *out);
bool verdict_bad(enum verdict v);

/* ---- defects.c ---- */

enum ask local_defects_ask(struct talk *t, struct request *r);
enum got local_defects_got(struct talk *t, const struct reply *r);
bool defects_read(struct sheet *s, cJSON *json); /* true: it is such a line, and the sheet's from now on */
void defects_sort(struct sheet *s);
void defects_write(struct buf *b, const struct sheet *s,
		   const struct entry *e); /* nothing where it has none */
void defects_done(struct sheet *s);

/* ---- page.c ---- */

void page_write(struct buf *b, const struct sheet *s, int64_t now_ms);

/* ---- index.c ---- */

/* This run's entry, and its place among the others: newest first, RUNS_MAX at most. */
cJSON *index_entry(const struct sink_run *run, const struct totals *totals, const char *folder,
		   int64_t now_ms);
/* runs: the array of runs.json.  Takes ownership of both. */
cJSON *index_merge(cJSON *runs, cJSON *entry);
void index_json(struct buf *b, const cJSON *runs);
/* NULL where the text is not a runs.json of ours. */
cJSON *index_read(const char *text, size_t len);
void index_write(struct buf *b, const cJSON *runs, int64_t now_ms);

/* ---- local.c ---- */

#define LOCAL_SHOWN_FILE ".page-rows"
/* The folder of the run, beneath the sink's: the name that was taken first stays. */
const char *local_folder_of(struct talk *t);
void local_remember_folder(struct talk *t);
void local_path_in(struct talk *t, struct request *r, const char *file); /* of that folder */
enum got local_refused(struct talk *t, const struct reply *r);           /* parks, with its words */
/* "nightly-17-3fa2b1c0": safe on every file system and in every URL, never the same for two runs. */
void local_folder(const struct sink_run *run, struct buf *out);

/* ---- local_results.c ---- */

enum ask local_results_ask(struct talk *t, struct request *r);
enum got local_results_got(struct talk *t, const struct reply *r);
enum ask local_shown_ask(struct talk *t, struct request *r);
enum got local_shown_got(struct talk *t, const struct reply *r);
/* What waits for .page-rows. */
bool local_flush_due(const struct tally *y);
void local_flush_ask(struct talk *t, struct request *r, const struct tally *y);
enum got local_flush_got(struct talk *t, const struct reply *r, struct tally *y, enum got next);

/* ---- local_pages.c ---- */

void local_learn_url(struct talk *t); /* where the run's page is, or will be */
enum ask local_page_ask(struct talk *t, struct request *r);
enum got local_page_got(struct talk *t, const struct reply *r);
enum ask local_index_ask(struct talk *t, struct request *r);
enum got local_index_got(struct talk *t, const struct reply *r);

#endif

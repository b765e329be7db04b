/* SPDX-License-Identifier: Apache-2.0
 *
 * learned.h - what an answer taught, collected by a sink and committed by the queue in one transaction,
 * before the next request leaves.
 *
 * A sink calls the functions below in any order; strings are copied into the arena given at birth.  Rows
 * that were part of the request and are not mentioned go back to what is owed. */
#ifndef RD_MODEL_LEARNED_H
#define RD_MODEL_LEARNED_H

#include "daemon/base/arena.h"

#include <stdbool.h>
#include <stdint.h>

enum learned_kind {
	LEARNED_REMOTE,     /* an entity over there: upsert by (kind, scope, id) */
	LEARNED_GONE,       /* an entity that is no longer there */
	LEARNED_LIST_BEGIN, /* a full list begins: entities not seen until its end are gone */
	LEARNED_LIST_END,
	LEARNED_PLACE,  /* row (ROWS_PLACES) got this remote id */
	LEARNED_CASE,   /* row (ROWS_CASES) got this remote id; binds every test of that key */
	LEARNED_LINKED, /* all ids of the ROWS_LINKS given are part of the run over there */
	/* row (ROWS_RESULTS, ROWS_ALL) is applied; id = the result's id or NULL; text, name: of a defect, its
	 * address and state, to be told elsewhere */
	LEARNED_POSTED,
	LEARNED_PARKED,   /* row is refused for good; text = the server's words */
	LEARNED_IGNORED,  /* row is not to be sent, by configuration; text = why */
	LEARNED_RUN_GONE, /* the run over there is gone, with all that was posted into it: owed again;
			   * parent: only what was posted to cases with this parent, the rest stands */
	LEARNED_UNMATCH,  /* row's remote case is gone or wrong: match that test anew */
};

struct learned_item {
	enum learned_kind what;
	bool of_test; /* POSTED, IGNORED: of one test of the row only */
	int64_t row, test;
	const char *kind, *scope, *id, *parent, *name, *alias, *json, *text;
};

struct learned {
	struct arena *arena;
	struct learned_item *item;
	size_t count, room;
	const char *remote_id, *url; /* of the whole delivery (run, cycle), for people; NULL: unchanged */
};

void learned_init(struct learned *l, struct arena *arena);
void learned_done(struct learned *l);

/* kind: "case", "section", ...; scope: what it lies in ("p1/s2"); parent: section of a case, parent of a
 * section, "" at the root; alias: the automation id, plain text; json: whatever the sink wants to see
 * again in row.remote_json.  NULL where it does not apply. */
void learned_remote(struct learned *l, const char *kind, const char *scope, const char *id,
		    const char *parent, const char *name, const char *alias, const char *json);
void learned_gone(struct learned *l, const char *kind, const char *scope, const char *id);
void learned_list_begin(struct learned *l, const char *kind, const char *scope);
void learned_list_end(struct learned *l, const char *kind, const char *scope);
void learned_place(struct learned *l, int64_t row, const char *remote_id);
void learned_case(struct learned *l, int64_t row, const char *remote_id);
void learned_linked(struct learned *l);
void learned_posted(struct learned *l, int64_t row, const char *result_id);
/* One test of a row (row_test.id) by itself, where each has a result of its own over there; the row's other
 * tests stay as they are. */
void learned_posted_test(struct learned *l, int64_t row, int64_t test, const char *result_id);
void learned_ignored_test(struct learned *l, int64_t row, int64_t test, const char *text);
/* Of a sink of failures: the row has this item, which is told to the results of its tests elsewhere.  state
 * NULL: nothing is known of it. */
void learned_defect(struct learned *l, int64_t row, const char *id, const char *url, const char *state);
void learned_parked(struct learned *l, int64_t row, const char *text);
void learned_ignored(struct learned *l, int64_t row, const char *text);
void learned_run_gone(struct learned *l);
/* Of a delivery with a run for each parent of cases (rows.group): one of them is gone. */
void learned_group_gone(struct learned *l, const char *parent);
void learned_unmatch(struct learned *l, int64_t row);
void learned_run(struct learned *l, const char *remote_id, const char *url);

#endif

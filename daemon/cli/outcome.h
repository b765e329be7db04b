/* SPDX-License-Identifier: Apache-2.0
 *
 * outcome.h - what became of runs: waited for, gathered from the queue, printed as a table or a receipt. */
#ifndef RD_CLI_OUTCOME_H
#define RD_CLI_OUTCOME_H

#include "daemon/app.h"

#include <cjson/cJSON.h>

struct run_ids {
	int64_t *id;
	size_t *from; /* of each: what brought it, as run_ids_join() was told first */
	size_t count, room;
};
void run_ids_add(struct run_ids *ids, int64_t id); /* no repeats; 0 is left out */
void run_ids_join(struct run_ids *ids, int64_t id, size_t from);
void run_ids_done(struct run_ids *ids);
/* Those that owe the sink (NULL: any) something that is not parked: runs that have ended, and what has come so far of
 * runs that are open. */
void run_ids_waiting(struct run_ids *ids, const struct delivery_line *line, size_t count, const char *sink);

struct outcome_totals {
	size_t runs, deliveries, delivered, waiting, parked;
	size_t dropped;    /* given up by a person */
	size_t up_to_date; /* of runs that go on: nothing is owed at the moment */
	uint64_t owed, posted, parked_tests, requests;
	uint64_t owed_files, parked_files;
	bool locked;             /* all that waits does so for an operator */
	const char *wait_reason; /* of one that waits; borrowed until the next look */
};

/* Looks at the deliveries of these runs (NULL: at every unsettled one), to one sink or (NULL) to all.
 * done() on a later turn. */
struct outcome_look;
typedef void outcome_fn(void *cookie, const struct outcome_totals *totals);
void outcome_look(struct app *a, const struct run_ids *ids, const char *sink, outcome_fn *done, void *cookie);

/* The receipt's `runs` array, and with it the table for people. */
typedef void outcome_runs_fn(void *cookie, cJSON *runs); /* takes ownership */
void outcome_runs(struct app *a, const struct run_ids *ids, outcome_runs_fn *done, void *cookie);
/* What a delivery has parked, as its members parked_tests and parked_files. */
void outcome_add_parked(cJSON *delivery, const struct parked_line *line, size_t count);
void outcome_print(FILE *out, const cJSON *runs);

/* ---- waiting ---- */

struct await_options {
	int64_t timeout_ms;
	const char *sink; /* what goes to others is not waited for; NULL: all */
	bool progress;
	void (*moved)(void *cookie, const struct outcome_totals *totals); /* each look; NULL */
	/* Appended to the progress line: what the command itself has done so far. */
	void (*describe)(void *cookie, char *text, size_t size);
	/* Called once, when all is settled, the time is over, or only an operator can help. */
	void (*done)(void *cookie, const struct outcome_totals *totals, bool timed_out);
	void *cookie;
};
/* The line of --progress, over the one that stands there. */
void outcome_progress(const char *own, const struct outcome_totals *t, int64_t began_ms);
/* The same from what another process told ({"re":"progress"}). */
void outcome_show(const cJSON *told, const char *own, int64_t began_ms);

struct await;
struct await *await_start(struct app *a, const struct run_ids *ids, const struct await_options *options);
void await_armed(struct await *w, bool armed); /* not before this may done() be called */
void await_changed(struct await *w);           /* something moved: look again */
void await_free(struct await *w);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * import.h - one import (or submit) at work, wherever its files are taken: here, or by the process that holds
 * the state directory, or first there and then here, where that process ended meanwhile. */
#ifndef RD_CLI_IMPORT_H
#define RD_CLI_IMPORT_H

#include "daemon/app.h"
#include "daemon/cli/cli.h"
#include "daemon/cli/import_options.h"
#include "daemon/cli/outcome.h"
#include "daemon/control/client.h"
#include "daemon/evidence/gather.h"
#include "daemon/once.h"
#include "daemon/intake/runspec.h"

struct run_base { /* a folder that patterns are relative to */
	int64_t run;
	char *path;
};

enum { IMPORT_TRIES = 5, IMPORT_RETRY_MS = 500 };

struct import {
	struct app app; /* where the files are taken here */
	struct cli *cli;
	struct import_options opt;
	struct walk walk;
	bool *done; /* of walk's files: nothing more is to be done about it; NULL before import_sift() */
	struct ci ci;
	struct arena arena; /* of the whole command */
	char *common_dir;
	const struct config_watch *watch;
	struct context *context;
	char *context_dir;
	struct err context_err; /* of the last reading */
	struct once said;       /* about context files */

	size_t next, busy;
	struct run_ids runs;
	struct evidence_places places; /* named on the command line */
	struct run_base *base;
	size_t base_count;
	size_t end_at;
	struct await *await;
	bool ending, timed_out, interrupted, telling, room_said, submit;
	bool ended;       /* its runs are, by whoever held the directory before */
	int64_t until_ms; /* mono: how long files wait for room, and all for its delivery */
	uint64_t no_room; /* files that were left where they are */
	struct outcome_totals totals;

	cJSON *files; /* of the receipt; NULL without --json */
	uint64_t accepted, duplicates, malformed, skipped, doubles, unreadable, incomplete, cases, failed;
};

/* Finds the files, their common directory, the facts of the CI system. */
int import_begin(struct import *im, char **paths, int count);
/* import_walk.c.  walk.wants: with a watch, what that would take; files that are named are always taken. */
bool import_wants(void *cookie, const char *dir, const char *path);
void import_done(struct import *im);

/* All files were taken, or left: the runs end.  (import.c) */
void import_all_in(struct import *im);

/* import_files.c. */
/* Leaves out what others tell, too; once.  run: which run a path belongs to, freed here. */
void import_sift(struct import *im, char *(*run)(void *cookie, const char *path), void *cookie);
/* The key of the run that a path belongs to, the caller's to free; cookie: the import. */
char *import_run_of(void *cookie, const char *path);
/* Goes on with the files that are left, as many as may be under way. */
void import_take(struct import *im);
/* What became of a file: counted, said, put into the receipt, its run remembered. */
void import_took(struct import *im, size_t index, const struct intake_outcome *o);
/* No room for it within the timeout: it stays where it is. */
void import_left(struct import *im, size_t index, const char *why);
/* The context file of the directory that a report lies in; the last one is remembered. */
const struct context *import_context(struct import *im, const char *absolute, bool quiet);

/* import_receipt.c. */
void import_say(const struct import *im, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Into the receipt. */
void import_add_file(struct import *im, const char *path, const char *state, bool complete, uint64_t cases,
		     const char *reason);
void import_add_unreadable(struct import *im, const char *text); /* "PATH: why", as the walk says it */
/* The summary, or the receipt; takes ownership of its runs. */
void import_finish(struct import *im, cJSON *runs);
int import_exit_code(const struct import *im);

/* import_evidence.c.  Where files that this report names may lie: beneath its own folder, where the command was
 * called, what was named to it, and the watch's roots. */
void import_places(void *cookie, const char *report, struct evidence_places *out);
void import_add_places(struct import *im, char **paths, int count);
/* The folder that the watch's patterns are relative to, of a run that got this file. */
void import_add_base(struct import *im, int64_t run, const char *path);
/* All files of the run at end_at are in: what is not there now will not come any more. */
void import_look(struct import *im, evidence_looked_fn *done);
void import_say_evidence(const struct import *im, const struct evidence_tally *t);
void import_evidence_done(struct import *im);

/* hand.c: all of it by the socket.  0: done; -EAGAIN: the other side is gone, or does not deliver, and the rest
 * may be tried elsewhere; else err says why it cannot be. */
int hand_over(struct import *im, struct control_link *link, struct err *err);
/* hand_evidence.c: what the reports of its runs name, as far as it is there. */
int hand_evidence(struct import *im, struct control_link *link, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/run.h - the evidence of one run that a watch feeds, from its first report to its end: when to look
 * for what is awaited and for files that the watch's `evidence` patterns name, and beneath which folders.
 * Loop thread only. */
#ifndef RD_EVIDENCE_RUN_H
#define RD_EVIDENCE_RUN_H

#include "daemon/evidence/gather.h"

struct evidence_run;
struct evidence_run_options {
	struct evidence_gather *gather;
	const struct config_watch *watch;
	const char *root; /* what the watch walks */
	int64_t run;
	const char *key; /* for the log */
	/* Files older than this belong to an earlier run in the same folders; INT64_MIN: none do. */
	int64_t since_ms;
	void (*found)(void *cookie); /* something was settled: deliveries may be due */
	void *cookie;
};
struct evidence_run *evidence_run_new(const struct evidence_run_options *options);
/* A report of the run was accepted; tally NULL: none of its evidence is wanted. */
void evidence_run_report(struct evidence_run *e, const char *path, const struct evidence_tally *tally);
/* Now and then; quiet_ms (mono): since when nothing came. */
void evidence_run_turn(struct evidence_run *e, int64_t now_ms, int64_t quiet_ms);
/* The last look; then done(), on a later turn. */
void evidence_run_end(struct evidence_run *e, void (*done)(void *cookie), void *cookie);
/* A look that is under way ends by itself; done() is not called then. */
void evidence_run_free(struct evidence_run *e);
/* The folders that patterns were relative to. */
const struct evidence_places *evidence_run_base(const struct evidence_run *e);

#endif

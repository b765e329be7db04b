/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/gather.h - evidence of a run that is still open: files that its reports named and that were not
 * there, and files that the configuration's patterns find beside them.
 *
 * A look goes through both once.  The last look of a run is `final`: what is not there then is missing, and
 * what belongs to no test is the run's.  Loop thread only; what blocks runs on workers. */
#ifndef RD_EVIDENCE_GATHER_H
#define RD_EVIDENCE_GATHER_H

#include "daemon/base/executor.h"
#include "daemon/evidence/evidence.h"
#include "daemon/evidence/places.h"

struct evidence_gather;
struct evidence_gather *evidence_gather_new(struct queue *q, struct executor *executor,
					    const struct config *config, struct evidence_store *store);
void evidence_gather_free(struct evidence_gather *g); /* when nothing is under way */
/* As intake_configure(). */
void evidence_gather_configure(struct evidence_gather *g, const struct config *config);
size_t evidence_gather_busy(const struct evidence_gather *g);

struct evidence_look {
	int64_t run;
	const char *const *sinks; /* of the run; count 0: every */
	size_t sink_count;
	/* Which folders evidence of a report may lie beneath, by the report's path as the queue knows it.  NULL: what
	 * reports name is not looked for. */
	void (*places)(void *cookie, const char *report, struct evidence_places *out);
	void *cookie; /* of places(): called before done(), on the loop */
	/* Patterns, and the folders that they are relative to; only paths beneath `top` without links. */
	const char *const *glob;
	size_t glob_count;
	const struct evidence_places *base;
	int64_t since_ms; /* files that were last written before this are an earlier run's; INT64_MIN: none is */
	int64_t quiet_ms; /* not final: a file that was written less than this ago is left for the next look */
	bool final;
};
/* tally: of what was settled by this look; awaited: what is looked for again. */
typedef void evidence_looked_fn(void *cookie, const struct evidence_tally *tally, const struct err *err);
/* Copies what it needs of look. */
void evidence_gather_look(struct evidence_gather *g, const struct evidence_look *look,
			  evidence_looked_fn *done, void *cookie);

/* A file that somebody else has opened for us, for something that is awaited (queue_evidence_awaited()): fd
 * is read from its start and stays the caller's until done().  of_run, bad: as there. */
void evidence_gather_give(struct evidence_gather *g, int64_t evidence, const char *named, bool of_run,
			  bool bad, int fd, queue_done_fn *done, void *cookie);

#endif

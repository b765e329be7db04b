/* SPDX-License-Identifier: Apache-2.0
 *
 * intake.h - one settled file -> kept copy, hash -> duplicate? -> parsed, chunked -> visible in the queue.
 *
 * Reading and parsing run on worker threads; each file is one task that ends in exactly one done().  When
 * done() says INTAKE_ACCEPTED the file's results and its copy are on disk, synced.  Loop thread only. */
#ifndef RD_INTAKE_H
#define RD_INTAKE_H

#include "daemon/base/executor.h"
#include "daemon/config/config.h"
#include "daemon/evidence/evidence.h"
#include "daemon/evidence/places.h"
#include "daemon/queue/queue.h"
#include "daemon/intake/report.h"
#include "daemon/state.h"

enum intake_state {
	INTAKE_ACCEPTED,
	INTAKE_DUPLICATE,
	INTAKE_MALFORMED,
	INTAKE_SKIPPED,
	INTAKE_UNREADABLE,
	INTAKE_INCOMPLETE, /* broke off, and the caller wanted to wait for the rest */
	INTAKE_RETRY,      /* changed while it was read, or the disk is full: try again later */
};
const char *intake_state_name(enum intake_state s);  /* the receipt's words */
enum intake_state intake_state_of(const char *name); /* unreadable where there is no such word */

struct intake;
/* store NULL: no evidence is captured. */
struct intake *intake_new(struct queue *q, struct executor *executor, const struct config *config,
			  const struct state *state, struct evidence_store *store);
void intake_free(struct intake *in); /* when nothing is under way */
/* Files that come from now on; what is under way keeps the old one until intake_busy() is 0. */
void intake_configure(struct intake *in, const struct config *config);
size_t intake_busy(const struct intake *in);
struct executor *intake_executor(const struct intake *in); /* where it reads, for others who do */

struct intake_job {
	const char *path;     /* as the user named it */
	int root_fd;          /* relative to this, links refused; -1: path as it stands */
	const char *relative; /* with root_fd */
	int error;            /* errno: neither could be opened, and the path as it stands is not to be */
	bool opened;          /* fd is the file itself, opened by who handed it over; path only names it */
	int fd;               /* with opened; duplicated */
	const struct run_spec *run;
	const char *timezone; /* NULL: UTC */
	const char *variant;  /* NULL */
	bool again, late_append;
	/* Where evidence that the report names may lie.  NULL: whoever gave the report will look for it
	 * (evidence/gather.h); until then it is awaited. */
	const struct evidence_places *places;
	bool refuse_incomplete; /* answer INTAKE_INCOMPLETE instead of taking a part of the file */
};
struct intake_outcome {
	const char *path;
	enum intake_state state;
	bool complete;
	int64_t run; /* 0: none */
	char run_name[256];
	bool run_ended; /* a duplicate of a run that has ended */
	bool known;     /* its content was here: a duplicate, or accepted for further sinks only */
	/* complete, cases and failed hold of a duplicate, too.  failed: what --fail-on looks at (known failures do
	 * not count). */
	uint64_t cases, failed;
	const struct err *err; /* why; code 0: nothing to say */
	char *const *warnings;
	size_t warning_count;
	const struct evidence_tally *evidence; /* of an accepted report; NULL: nobody wants any */
};
typedef void intake_done_fn(void *cookie, const struct intake_outcome *outcome);
/* Copies what it needs of job. */
void intake_take(struct intake *in, const struct intake_job *job, intake_done_fn *done, void *cookie);

#endif

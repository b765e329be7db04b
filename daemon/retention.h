/* SPDX-License-Identifier: Apache-2.0
 *
 * retention.h - forgets what is done: runs older than keep.runs with their reports, keys whose files are
 * gone, copies that no part names.
 *
 * One pass at a time, in slices on the queue's thread and on workers; what is parked or waits is never
 * touched.  Loop thread only. */
#ifndef RD_RETENTION_H
#define RD_RETENTION_H

#include "daemon/base/executor.h"
#include "daemon/ceiling.h"
#include "daemon/evidence/store.h"
#include "daemon/queue/queue.h"

#include <stdbool.h>
#include <stdint.h>

struct retention;
struct retention_options {
	struct queue *queue;
	struct executor *executor;
	const char *reports; /* the folder of kept reports */
	struct evidence_store *store;
	int64_t keep_ms;   /* keep.runs */
	int64_t orphan_ms; /* a copy that no part names is left alone for so long: it may be on its way in */
	int64_t every_ms;  /* a pass is skipped where the last one is younger */
	struct ceiling *ceiling; /* is told what goes */
};
struct retention *retention_new(const struct retention_options *options);
/* From the next pass on. */
void retention_keep(struct retention *r, int64_t keep_ms, int64_t every_ms);
void retention_start(struct retention *r); /* nothing where a pass is under way */
/* Makes room: runs that are done go before their time, the oldest first, until the ceiling is fine again.  None
 * that was settled less than orphan_ms ago.  Nothing where a pass is under way. */
void retention_make_room(struct retention *r);
bool retention_busy(const struct retention *r);
void retention_stop(struct retention *r); /* the pass ends at the next slice */
void retention_free(struct retention *r); /* when it is not busy */

/* Whether this is the name of a kept report as state_report_path() makes them: nothing else is unlinked. */
bool retention_kept_name(const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * runspec.h - which run a report belongs to: its key, name, variables and sinks.
 *
 * Sources, first wins (design.md, section 4): options of the command, the context file beside the reports
 * (resultd.json), the watch's templates over its path captures, the CI system's variables, the common
 * directory.  Everything returned lives in the arena given. */
#ifndef RD_RUNSPEC_H
#define RD_RUNSPEC_H

#include "daemon/intake/ci.h"
#include "daemon/config/config.h"
#include "daemon/intake/context.h"
#include "daemon/queue/queue.h"

struct runspec_source {
	const char *run_key, *run_name;   /* options; NULL */
	const struct config_map *set;     /* --set; NULL */
	const struct context *context;    /* NULL */
	const struct config_watch *watch; /* NULL */
	const char *path;                 /* absolute; for captures */
	const struct ci *ci;              /* NULL: not known (the daemon's own environment is not it) */
	const char *common_dir;           /* the last resort of a key */
	const char *const *sinks;
	size_t sink_count; /* options; 0: by context, watch, or all */
	enum run_source source;
	bool backfill;
};
struct runspec {
	struct run_spec run;
	const char *timezone, *variant; /* NULL: none */
};
/* Where key, name or variant cannot be told because a variable is not set, the run is one of its own, named after
 * the report's folder, and run.hold says what is missing: it is parked until a person retries it, or until the
 * report comes again with all that is needed (runspec_stand_in()).  Negative only where the arena is full. */
int runspec_make(const struct runspec_source *source, const struct config *config, struct arena *a,
		 struct runspec *out, struct err *err);

/* The key under which reports of this folder wait for theirs.  In a. */
const char *runspec_stand_in(const char *watch, const char *dir, struct arena *a);

#endif

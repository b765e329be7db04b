/* SPDX-License-Identifier: Apache-2.0
 *
 * runspec.h - which run a report belongs to: its key, name, variables and sinks.
 *
 * Sources, first wins (design.md, section 4): options of the command, the context file beside the reports
 * (resultd.json), the watch's templates over its path captures, the CI system's variables, the common
 * directory.  Everything returned lives in the arena given. */
#ifndef RD_RUNSPEC_H
#define RD_RUNSPEC_H

#include "daemon/ci.h"
#include "daemon/config/config.h"
#include "daemon/queue/queue.h"

struct cJSON;
struct context; /* a resultd.json */
/* Reads DIR/resultd.json.  NULL where there is none (err untouched) or it is not usable (err says why). */
struct context *context_read(const char *dir, struct err *err);
/* The same, from elsewhere; takes ownership of an object. */
struct context *context_new(struct cJSON *json);
const struct cJSON *context_json(const struct context *c); /* NULL for NULL */
void context_free(struct context *c);
bool context_done(const struct context *c);

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
/* -ENOENT where a template's variable is not set: err names it. */
int runspec_make(const struct runspec_source *source, const struct config *config, struct arena *a,
		 struct runspec *out, struct err *err);

#endif

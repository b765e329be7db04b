/* SPDX-License-Identifier: Apache-2.0
 *
 * collect.h - watched directories -> intake -> runs that end by themselves.
 *
 * One collector serves all watches of a configuration.  A settled file goes through intake (a few at a time;
 * the directory is the buffer); the run it joined ends after `close_after` of quiet, at `max_age`, or when a
 * marker (`close_on`, or a context file with "done") is seen.  Loop thread only. */
#ifndef RD_COLLECT_H
#define RD_COLLECT_H

#include "daemon/intake/archive.h"
#include "daemon/config/config.h"
#include "daemon/intake/intake.h"

#include <uv.h>

struct collect;
struct collect_options {
	uv_loop_t *loop;
	const struct config *config;
	struct queue *queue;
	struct intake *intake;
	struct evidence_gather *evidence; /* NULL: nobody looks for files */
	/* A part became visible, or a run ended: deliveries may be due.  soon: no hurry. */
	void (*on_part)(void *cookie, bool soon);
	/* True: no file may be taken now; the directory is the buffer.  NULL: never. */
	bool (*hold)(void *cookie);
	/* Since when a watch has been looked after, wall: what lies there and was written later is no `existing`
	 * file.  NULL: from now on. */
	int64_t (*since)(void *cookie, const char *watch);
	/* Somebody is handing over reports of this run now: it is not quiet.  NULL: nobody ever is. */
	bool (*fed)(void *cookie, int64_t run);
	void *cookie;
};

int collect_open(const struct collect_options *options, struct collect **out, struct err *err);
/* No new files; done() when the watches are closed.  Files in intake end by themselves. */
void collect_close(struct collect *c, void (*done)(void *cookie), void *cookie);

/* A run that others fed, and that nobody will end: its client went away without a word, or wants it open (keep).  It
 * ends as the runs of its watch do (without one: as by the defaults of a watch); with keep by its age alone.  One that
 * has ended, or is known already, is left as it is. */
void collect_adopt(struct collect *c, int64_t run, bool keep);

struct collect_counts {
	uint64_t accepted, duplicates, malformed, skipped, unreadable, incomplete, runs_ended;
};
const struct collect_counts *collect_counts(const struct collect *c);
const struct archive_counts *collect_archived(const struct collect *c);

/* A watch as it stands; strings until the loop turns. */
struct collect_watch {
	const char *name, *path;
	const char *
		degraded; /* it polls although it should not, or its root is not there: why; NULL: all is well */
	size_t directories, waiting; /* under inotify; files that were seen and are not taken yet */
	uint64_t scans, overflows;
	size_t refused; /* files that are none, folders without a right to them: they are not read */
	const char *refused_such_as; /* or NULL */
};
/* How many there are; the first max are told. */
size_t collect_view(const struct collect *c, struct collect_watch *out, size_t max);

#endif

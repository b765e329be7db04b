/* SPDX-License-Identifier: Apache-2.0
 *
 * watch.h - directories in, settled files out.
 *
 * One struct watch serves one `watch:` entry: its root is the part of the path before the first capture.
 * Events are hints, scans are truth: both end in the same consideration of one path (faults.md, W1 to
 * W5).  A file is reported once it is quiet (S1) and again only when it has changed since.  Loop thread
 * only.
 *
 * Every minute (every poll_interval where there are no events) all is scanned again; a root that is not
 * there, vanishes or is replaced is looked for within that period, and at least every 5 s.  Files that an
 * event told of are offered before those that only a scan found; a marker after the files that were seen
 * before it.  Not reported: names that begin with a dot or end in .tmp, .part or ~, anything but regular
 * files, anything behind a symbolic link (the root itself may be one).  What would have been wanted by its
 * name is counted then, and said once.  Directories are read on the loop in slices of a few milliseconds. */
#ifndef RD_WATCH_WATCH_H
#define RD_WATCH_WATCH_H

#include "daemon/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;
struct watch;

struct watch_file {
	const char *path;     /* absolute */
	const char *relative; /* to the watch's root */
	uint64_t size;
	int64_t mtime_ms;
	bool existing; /* was there at the first scan, and unchanged since */
};

struct watch_options {
	const char *path; /* pattern with {captures}; the files lie beneath it at any depth */
	const char *const *files;
	size_t file_count; /* globs, relative to the expanded path */
	const char *const *exclude;
	size_t exclude_count;
	const char *const *marker;
	size_t marker_count; /* globs reported through on_marker */
	bool poll;           /* no inotify */
	bool force_inotify;  /* even on file systems that are known not to tell */
	int64_t poll_interval_ms, settle_ms;
	struct uv_loop_s *loop;
	/* A settled file.  Return false to be told again later (backpressure: the directory is the buffer). */
	bool (*on_file)(void *cookie, const struct watch_file *file);
	void (*on_marker)(void *cookie, const struct watch_file *file);
	void *cookie;
};

/* The root need not exist.  Strings of options are copied. */
int watch_open(const struct watch_options *options, struct watch **out, struct err *err);
/* What `relative` is relative to: without a trailing slash, "" for "/". */
const char *watch_root(const struct watch *w);
void watch_resume(struct watch *w); /* after on_file said false: offer again what waits */
void watch_rescan(struct watch *w);
/* Would this file be reported at all?  By its name. */
bool watch_wants(const struct watch *w, const char *relative);
/* Polling because it must, or waiting for the root; *why in words. */
bool watch_degraded(const struct watch *w, const char **why);
/* Forget that this file was reported (its intake failed for a passing reason): it is offered again. */
void watch_forget(struct watch *w, const char *relative);
void watch_close(struct watch *w, void (*closed)(void *cookie), void *cookie);

struct watch_counts {
	size_t directories;         /* under inotify */
	size_t remembered, waiting; /* files reported; files seen and not yet reported */
	uint64_t scans, overflows;
	bool scanned; /* the first scan is over */
	/* What the last scan met and may not be read: files that are none (links, FIFOs, ...), directories that we
	 * have no right to. */
	size_t refused;
	const char
		*refused_such_as; /* the first of them and why; NULL: there is none.  Until the loop turns */
};
void watch_count(const struct watch *w, struct watch_counts *out);

#endif

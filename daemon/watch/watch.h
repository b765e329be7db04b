/* SPDX-License-Identifier: Apache-2.0
 *
 * watch.h - directories in, settled files out.
 *
 * One struct watch serves one `watch:` entry: its root is the part of the path before the first capture.
 * Events are hints, scans are truth: both end in the same consideration of one path (faults.md, W1 to
 * W5).  A file is reported once it is quiet (S1) and again only when it has changed since.  Loop thread
 * only. */
#ifndef RD_WATCH_WATCH_H
#define RD_WATCH_WATCH_H

#include "daemon/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;
struct watch;

struct watch_file {
	const char *path;		/* absolute */
	const char *relative;		/* to the watch's root */
	uint64_t size;
	int64_t mtime_ms;
	bool existing;			/* was there at the first scan */
};

struct watch_options {
	const char *path;		/* pattern with {captures}; the files lie beneath it at any depth */
	const char *const *files; size_t file_count;		/* globs, relative to the expanded path */
	const char *const *exclude; size_t exclude_count;
	const char *const *marker; size_t marker_count;		/* globs reported through on_marker */
	bool poll;			/* no inotify */
	bool force_inotify;		/* even on file systems that are known not to tell */
	int64_t poll_interval_ms, settle_ms;
	struct uv_loop_s *loop;
	/* A settled file.  Return false to be told again later (backpressure: the directory is the buffer). */
	bool (*on_file)(void *cookie, const struct watch_file *file);
	void (*on_marker)(void *cookie, const struct watch_file *file);
	void *cookie;
};

int watch_open(const struct watch_options *options, struct watch **out, struct err *err);
void watch_resume(struct watch *w);	/* after on_file said false: offer again what waits */
void watch_rescan(struct watch *w);
bool watch_degraded(const struct watch *w, const char **why);	/* polling because it must */
/* Forget that this file was reported (its intake failed for a passing reason): it is offered again. */
void watch_forget(struct watch *w, const char *relative);
void watch_close(struct watch *w, void (*closed)(void *cookie), void *cookie);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * archive.h - what becomes of a watched report that is in the queue, when its run has ended: deleted, or moved
 * aside.
 *
 * Only what is durable here is touched (rule Q1 of faults.md: first the commit, then the file).  A crash in
 * between costs nothing: the file is offered again, is a duplicate, and is put away then.  A file that has
 * changed since it was taken stays, as it is a new one.  No link is followed, on either side.  What cannot be
 * put away stays where it is, is named once with its reason, and is tried again every minute.
 *
 * Loop thread only; the files are touched by worker threads. */
#ifndef RD_ARCHIVE_H
#define RD_ARCHIVE_H

#include "daemon/base/executor.h"
#include "daemon/config/config.h"

#include <stdint.h>

struct archive;
struct archive *archive_new(struct executor *executor);
/* root: what relative lies beneath; all is copied.  watch->after must not be AFTER_KEEP. */
void archive_put(struct archive *a, const struct config_watch *watch, const char *root, const char *relative,
		 int64_t mtime_ms);
/* Tries again what could not be put away and is due. */
void archive_turn(struct archive *a, int64_t now_mono_ms);
size_t archive_busy(const struct archive *a); /* under way on a worker */
void archive_free(struct archive *a);         /* when nothing is under way */

struct archive_counts {
	uint64_t moved, deleted;
	size_t stuck;  /* files that could not be put away so far, and wait */
	char why[512]; /* of the last of them */
};
const struct archive_counts *archive_counts(const struct archive *a);

/* One file, at once; blocks.  after_dir NULL: delete.  0 also where the file is gone or has changed. */
int archive_file(const char *root, const char *relative, const char *after_dir, int64_t mtime_ms,
		 struct err *err);

#endif

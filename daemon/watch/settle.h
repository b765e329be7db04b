/* SPDX-License-Identifier: Apache-2.0
 *
 * settle.h - waits until a file stands still, offers it once, and remembers that it did.
 *
 * A file is quiet when size, mtime and inode have not changed for settle_ms after an event, or for twice
 * that where only a scan saw it (faults.md, S1); a scan may also find that it has been untouched that
 * long already.  A quiet file is offered through on_file; where that says false it stays first in line,
 * and nothing is offered until settle_resume().  What was taken is remembered by 16 bytes, and offered
 * again only when size, mtime or inode have changed.
 *
 * Files that an event told of, or that lie in a new directory, go before those that a scan found, so that
 * a backlog does not delay what is happening now.  A marker is offered after every file that was seen
 * before it.
 *
 * No loop here: the owner calls settle_turn() when settle_due() says so (clock_mono_ms()).  Callbacks run
 * in settle_turn() only, and may call anything but settle_free().  Loop thread only. */
#ifndef RD_WATCH_SETTLE_H
#define RD_WATCH_SETTLE_H

#include "daemon/watch/watch.h"

#include <sys/stat.h>

struct settle;

struct settle_options {
	const char *root; /* without a trailing slash; borrowed */
	int64_t settle_ms;
	bool (*on_file)(void *cookie, const struct watch_file *file);
	void (*on_marker)(void *cookie, const struct watch_file *file);
	void *cookie;
};

enum settle_source {
	SETTLE_EVENT, /* it was closed or moved here just now */
	SETTLE_FRESH, /* a scan found it in a directory that is new itself */
	SETTLE_SCAN,  /* it is there */
	SETTLE_OLD,   /* it is there, and was there when the watch began */
};

struct settle *settle_new(const struct settle_options *options);
void settle_free(struct settle *s);

/* Consider one file.  kind: enum rules_kind.  trust_age: the file's times are of this machine's clock, so
 * they may say that it has been quiet.  -EAGAIN: too many files wait; it has to be seen again later. */
int settle_see(struct settle *s, const char *relative, unsigned kind, const struct stat *st,
	       enum settle_source source, bool trust_age);
/* No scan should go on: enough waits already. */
bool settle_full(const struct settle *s);
/* Markers wait for the end of the scans that run while they are found. */
void settle_scanning(struct settle *s, bool scanning);

/* When settle_turn() has something to do; INT64_MAX: nothing waits, or everything for settle_resume(). */
int64_t settle_due(const struct settle *s);
void settle_turn(struct settle *s);
void settle_resume(struct settle *s);
void settle_stop(struct settle *s); /* no further callback, not even in this turn */
/* Not taken after all.  The caller has it considered again. */
void settle_forget(struct settle *s, const char *relative);

/* A whole scan begins; what it (or an event) has not seen when settle_sweep() is called is forgotten. */
void settle_mark(struct settle *s);
void settle_sweep(struct settle *s);

size_t settle_remembered(const struct settle *s);
size_t settle_waiting(const struct settle *s);

#endif

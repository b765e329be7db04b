/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.h - a walk over directories beneath a root, a slice at a time.
 *
 * Directories are pushed by name and read one after the other; what they hold is told through callbacks,
 * subdirectories are pushed where enter() wants them.  before() runs ahead of reading a directory, so
 * that it can be watched first (faults.md, W3).  No symbolic link beneath the root is followed, no other
 * kind of file than regular ones is told as a file.  Callbacks may push, and may not free.  Loop thread only. */
#ifndef RD_WATCH_SCAN_H
#define RD_WATCH_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct scan;

struct scan_ops {
	bool (*enter)(void *cookie, const char *dir);
	/* What this file is to its owner (any bits); 0: not worth a stat(). */
	unsigned (*wants)(void *cookie, const char *file);
	/* Enough for now: the step ends.  NULL: never. */
	bool (*full)(void *cookie);
	/* false: the directory is not there any more; do not read it. */
	bool (*before)(void *cookie, const char *dir);
	void (*file)(void *cookie, const char *file, unsigned wanted, const struct stat *st);
	/* It would be wanted, and is a link, a FIFO, a device or a socket. */
	void (*strange)(void *cookie, const char *file, mode_t mode);
	void (*failed)(void *cookie, const char *dir, int error); /* errno; never ENOENT */
	void *cookie;
};

struct scan *scan_new(const char *root, const struct scan_ops *ops); /* root is borrowed */
void scan_free(struct scan *s);
void scan_push(struct scan *s, const char *dir); /* "" is the root */
bool scan_busy(const struct scan *s);
void scan_drop(struct scan *s); /* forget what is left to do */
/* Works for about that long, or until it is full, and says whether something is left. */
bool scan_step(struct scan *s, uint64_t budget_ns);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * known.h - which files were taken under a run's key already: by this process, or by one before it.
 *
 * A file that tells what others have told is left out (family.h), and the others may have been taken before a
 * restart, or by a run that has ended since.  The queue remembers; here is what it said of the keys that were
 * asked about last.  Loop thread only. */
#ifndef RD_KNOWN_H
#define RD_KNOWN_H

#include "daemon/queue/queue.h"

#include <stdbool.h>
#include <stdint.h>

struct known;
struct known *known_new(struct queue *q, void (*loaded)(void *cookie), void *cookie);
void known_free(struct known *k); /* when nothing is under way */
bool known_busy(const struct known *k);

/* Whether it is known what was taken under this key.  If not the queue is asked, and loaded() says when to ask
 * again. */
bool known_ready(struct known *k, const char *run_key);
/* Was it taken, and not written since?  Only where known_ready() said yes. */
bool known_has(const struct known *k, const char *run_key, const char *path, int64_t mtime_ms);
/* It was taken now. */
void known_note(struct known *k, const char *run_key, const char *path, int64_t mtime_ms);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * lineup.h - items that several threads work on, and whose output comes in their order.
 *
 * What an item has to say is kept until those before it have said all of theirs; much of it waits for its turn
 * instead, so memory is bounded by the number of workers and of items that are ahead.  Any thread. */
#ifndef RD_CLI_LINEUP_H
#define RD_CLI_LINEUP_H

#include "daemon/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Bytes of one item that may wait for others. */
#define LINEUP_AHEAD (256 * 1024)

struct lineup;
struct lineup *lineup_new(size_t count);
void lineup_free(struct lineup *l);

/* The next item that nobody works on; false: there is none, or the output is broken.  Waits where items are too
 * far ahead of what was written. */
bool lineup_next(struct lineup *l, size_t *index);
/* Whether everything before this item was written; wait: returns when it was. */
bool lineup_turn(struct lineup *l, size_t index, bool wait);
/* Writes both (to standard output and standard error, in this order) and empties them; only in the item's turn. */
void lineup_write(struct lineup *l, struct buf *out, struct buf *said);
/* The item is done: writes both, or takes what they hold until its turn comes. */
void lineup_done(struct lineup *l, size_t index, struct buf *out, struct buf *said);
/* 0, or why standard output takes nothing more (negative errno). */
int lineup_failed(struct lineup *l);

#endif

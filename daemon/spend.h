/* SPDX-License-Identifier: Apache-2.0
 *
 * spend.h - the requests of commands, where a tracker takes only so many a day: they and those of deliveries are one
 * count, which the state directory keeps.
 *
 * Loop thread only. */
#ifndef RD_SPEND_H
#define RD_SPEND_H

#include "daemon/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app;
struct config;

/* Whether requests to this sink are counted so; most: how many a day may have. */
bool spend_counts(const struct config *c, const char *sink, uint64_t *most);

/* wait_ms 0: they are counted, on disk, and may leave; else nothing is counted, and they may in so long. */
typedef void spend_fn(void *cookie, int rc, int64_t wait_ms, const struct err *err);
/* made: they have left already and are counted in any case.  sink: one of which spend_counts().  done() on a
 * later turn. */
void spend_requests(struct app *a, const char *sink, unsigned requests, bool made, spend_fn *done,
		    void *cookie);

/* How many were made within a day to the tracker of each sink that counts; done() on a later turn. */
struct spent_view {
	const char *sink;
	uint64_t made, most;
};
typedef void spent_fn(void *cookie, const struct spent_view *view, size_t count);
void spend_look(struct app *a, spent_fn *done, void *cookie);

#endif

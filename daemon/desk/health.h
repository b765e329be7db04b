/* SPDX-License-Identifier: Apache-2.0
 *
 * health.h - whether this process works, not only lives: what systemd's watchdog is told.  (faults.md, K3)
 *
 * A tick that the loop turned is not enough.  The workers must get on (bytes read, not tasks ended) where they
 * are at something, and the queue must have answered since the last tick.  Loop thread only. */
#ifndef RD_HEALTH_H
#define RD_HEALTH_H

#include "daemon/base/executor.h"
#include "daemon/queue/queue.h"

#include <uv.h>

struct health;
struct health_options {
	uv_loop_t *loop;
	struct executor *executor;
	struct queue *queue;
	int64_t every_ms; /* a quarter of WatchdogSec */
	void (*well)(void *cookie);
	/* Once, when something has begun to stand still; and once when it goes on. */
	void (*ill)(void *cookie, const char *why);
	void *cookie;
};
struct health *health_new(const struct health_options *options);
/* No further calls; freed on a later turn of the loop, when the queue has answered. */
void health_free(struct health *h);

/* The judgement alone: running tasks, beats so far, beats at the last look; answered: the queue has. */
const char *health_judge(unsigned running, unsigned long beats, unsigned long before, bool answered);

#endif

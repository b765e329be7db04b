/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch.h - due deliveries -> their sink's talk -> settled, retried later, or parked.
 *
 * One lane a sink: its own due order, its own pause, its own pace; so one bad sink never delays another.
 * Dispatch has no timer and no loop of its own: it asks its owner, by arm(), to be turned at a time, so the
 * simulation can turn it on a clock of its own.  Loop thread only. */
#ifndef RD_DISPATCH_H
#define RD_DISPATCH_H

#include "daemon/config/config.h"
#include "daemon/net/transport.h"
#include "daemon/queue/queue.h"

struct dispatch;

#define DISPATCH_PLAN "would:\n"

struct dispatch_options {
	const struct config *config;
	struct queue *queue; /* NULL: only dispatch_check() */
	struct transport *http, *folder;
	/* Call dispatch_turn() when clock_mono_ms() has reached this (soon, if it has already).  Only the earliest
	 * time asked for since the last turn need be kept: a turn asks again for all that is later. */
	void (*arm)(void *cookie, int64_t mono_ms);
	/* A delivery was settled, parked, or told to wait; a sink was paused or goes on. */
	void (*changed)(void *cookie);
	/* True: nothing may be sent now, since its outcome might not be recorded (rule K1).  NULL: never. */
	bool (*hold)(void *cookie);
	void *cookie;
	const char *only;         /* one sink's name; NULL: all */
	const char *evidence_dir; /* absolute; where kept evidence lies.  Must outlive the dispatch */
	/* No write leaves: each delivery is parked at its end, and its reason is DISPATCH_PLAN and then what it
	 * would do, a line each. */
	bool dry;
	/* An earlier configuration's, told to stop: a sink is left to it until its requests have ended.  Must live
	 * until dispatch_after(). */
	const struct dispatch *before;
	unsigned time_scale; /* waits are divided by it, for tests; 0 or 1: as they are */
};

struct dispatch *dispatch_new(const struct dispatch_options *options);
void dispatch_turn(struct dispatch *d);
/* Something may be due: now, or for company's sake a moment later (a part of a run that goes on). */
void dispatch_kick(struct dispatch *d, bool soon);
/* After a reload of secrets: sinks that were locked out try again at once. */
void dispatch_unlock(struct dispatch *d);
/* No new requests; done() when those under way have ended and are recorded.  `now`: cancel them. */
void dispatch_stop(struct dispatch *d, bool now, void (*done)(void *cookie), void *cookie);
/* The one before is gone. */
void dispatch_after(struct dispatch *d);
bool dispatch_busy(const struct dispatch *d); /* a talk is under way */
void dispatch_free(struct dispatch *d);       /* after dispatch_stop's done() */

/* Walks the checking steps of every sink, sending no write.  done() for each, ok or with what is wrong.
 * For a dispatch that was made without a queue. */
typedef void dispatch_checked_fn(void *cookie, const char *sink, bool ok, const char *words);
void dispatch_check(struct dispatch *d, dispatch_checked_fn *done, void *cookie);

/* What went to a server and what came back, since this process began. */
enum traffic_sent { SENT_READ, SENT_WRITE, SENT_LOOK_UP, SENT_UPLOAD, SENT_KINDS };
enum traffic_answer { /* the classes of faults.md, "Outcome by answer" */
		      CAME_DONE,
		      CAME_REFUSED,  /* an item, or a batch */
		      CAME_WAIT,     /* a limit, or maintenance */
		      CAME_LOCKED,   /* the login, or TLS */
		      CAME_UNKNOWN,  /* lost, or without sense */
		      CAME_NOT_SENT, /* no connection */
		      CAME_KINDS
};
struct traffic {
	uint64_t sent[SENT_KINDS], came[CAME_KINDS];
	uint64_t upload_bytes;
};
const char *traffic_sent_name(enum traffic_sent kind);
const char *traffic_answer_name(enum traffic_answer kind);

struct lane_view {
	const char *sink, *type, *pause_reason; /* NULL: not paused */
	bool locked;                            /* an operator must act */
	int64_t paused_until_ms;                /* wall; 0 */
	unsigned talks;
	uint64_t requests, failures; /* since the start */
	const struct traffic *traffic;
};
/* A command is about to send requests of its own to the tracker of this limit scope, at the pace that is kept here
 * for all: 0: they are counted and may leave; else milliseconds to wait.  made: they have left already.  -ENOENT:
 * nothing is delivered there. */
int64_t dispatch_spend(struct dispatch *d, const char *scope, unsigned requests, bool made);
size_t dispatch_view(const struct dispatch *d, struct lane_view *out, size_t max);

#endif

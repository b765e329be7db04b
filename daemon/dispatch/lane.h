/* SPDX-License-Identifier: Apache-2.0
 *
 * lane.h - one sink and the talks that run for it: what dispatch.c, lane.c and talk.c share. */
#ifndef RD_LANE_H
#define RD_LANE_H

#include "daemon/base/list.h"
#include "daemon/base/log.h"
#include "daemon/dispatch/dispatch.h"
#include "daemon/dispatch/retry.h"
#include "sinks/sink.h"

/* Who shares a rate: sinks with one limit scope, whatever their names. */
struct scope {
	struct list link;
	char *name;
	struct pace pace;
	unsigned limited;            /* answers of 429 in a row */
	struct conversation *shared; /* who may be in a shared step */
};

struct doubt {
	int64_t delivery, due_ms; /* mono: its next look-up */
	unsigned unsure;          /* look-ups in a row whose answers were of no use */
	int64_t unsure_ms;        /* mono: the first of them */
	unsigned lost;            /* in a row without an answer, while others got theirs */
	int64_t lost_ms;          /* mono: the first of them */
	uint64_t served;          /* the lane's, at the last one */
};

#define LANE_SPENT "all requests of a day are made (caps.calls)"

struct lane {
	struct list link;
	struct dispatch *dispatch;
	const struct config_sink *config;
	const struct sink *sink;
	struct endpoint endpoint;
	struct transport *transport;
	struct scope *scope;
	struct log_ctx log;
	char *who;

	cJSON *facts;      /* NULL until the first delivery was loaded */
	char *facts_saved; /* as they stand in the queue */
	bool facts_lost; /* a note failed: they may be ahead of it, and are read anew once no talk has them */
	struct list talks;
	size_t talk_count;
	int64_t talks_begun; /* counted on from the clock, so that no earlier process has been so far */
	struct conversation *exclusive; /* who may be in an exclusive step */
	size_t batch;                   /* rows a request holds at most: configured, or learned from 413 */

	/* Deliveries whose last write may or may not have happened: nobody else makes anything in an
	 * exclusive step until it is known, or it would be made twice. */
	struct doubt *doubt;
	size_t doubt_count, doubt_room;
	uint64_t doubts_settled; /* so far: what was read before the last one may be made already */
	bool surveyed;           /* those that an earlier life left are among them */

	bool asking;   /* a queue_due is under way */
	bool again;    /* something changed meanwhile */
	bool make_way; /* all places are taken by backfills, and a live run is due */
	bool proved;   /* an answer of 2xx came: the login works */
	bool locked;
	bool held;      /* nothing may be sent: it could not be recorded */
	bool spent;     /* all requests of a day are made, and somebody waits for another */
	bool lost;      /* a talk ended without its outcome recorded: its delivery is to be reclaimed */
	unsigned fails; /* in a row; for the back-off */
	int64_t paused_until_ms; /* mono; 0: not paused */
	int64_t back_ms;         /* mono; the end of the last time in which nothing could be sent */
	int64_t next_ms;         /* mono; when the next delivery is due */
	char pause_reason[600];
	int64_t server_ms, server_mono_ms;   /* the server's clock as last seen, and when; 0: not yet */
	uint64_t requests, failures, served; /* served: good answers */
	struct traffic traffic;
};

struct dispatch {
	struct dispatch_options opt;
	struct list lanes, scopes;
	int64_t kick_ms;   /* mono; 0: none */
	int64_t kicked_ms; /* mono; when something was last said to be due */
	bool stopping;
	void (*stopped)(void *cookie);
	void *stopped_cookie;
	dispatch_checked_fn *checked;
	void *checked_cookie;
	size_t notes; /* queue calls under way that outlive their talk */
};

/* A wait as the tests' clock has it. */
int64_t dispatch_scaled(const struct dispatch *d, int64_t ms);
int64_t lane_scaled(const struct lane *l, int64_t ms);
int64_t lane_now(void); /* mono */
void lane_arm(struct lane *l, int64_t mono_ms);
/* Whether nothing may be sent now, because it could not be recorded; the lane is turned again in a while. */
bool lane_held(struct lane *l);
/* No talk of this lane sends before then. locked: an operator must act. */
void lane_pause(struct lane *l, int64_t wait_ms, bool locked, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The talk leaves what only one may be in, where it is: others may enter. */
void lane_leave(struct lane *l, const struct conversation *c, bool exclusive, bool shared);
/* The time over there: as last told, and what has gone by since on the clock that nobody sets.  Ours, where the
 * server has not told yet. */
int64_t lane_server_now(const struct lane *l);
void lane_block_scope(struct lane *l, int64_t wait_ms, const char *reason);
void lane_success(struct lane *l);
void lane_doubt(struct lane *l, int64_t delivery, int64_t due_ms, bool unsure);
/* The server has given a usable answer to a look-up of this delivery, or to a page of it. */
void lane_looks_work(struct lane *l, int64_t delivery);
/* One got no answer that could be read, or one of 5xx. */
void lane_look_lost(struct lane *l, int64_t delivery);
void lane_sure(struct lane *l, int64_t delivery);
/* How long a write of this delivery has to wait for what another one does not know; 0: it need not. */
int64_t lane_doubt_wait_ms(const struct lane *l, int64_t delivery);
/* The lane of the same sink in the configuration that was; NULL: there is none. */
const struct lane *lane_before(const struct lane *l);
/* Asks the queue for what is due, where the lane may send, and starts talks for it. */
void lane_turn(struct lane *l);
/* The talk has ended and frees itself. */
void lane_ended(struct lane *l, struct conversation *c);

struct conversation;
struct conversation *talk_start(struct lane *lane, int64_t delivery, bool backfill);
struct conversation *talk_check(struct lane *lane);
void talk_wake(struct conversation *c);   /* pace or exclusivity may allow it to go on */
void talk_cancel(struct conversation *c); /* ends its exchange; it then records and ends */
struct list *talk_link(struct conversation *c);
struct conversation *talk_of(struct list *link);
int64_t talk_delivery(const struct conversation *c);
bool talk_backfill(const struct conversation *c);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * talk.h - one delivery's way through its sink's table of steps; shared by the talk_*.c files only.
 *
 * Invariants: exactly one thing is pending at a time (a queue call, an exchange, or a wait for pace or for
 * the exclusive place); a write leaves only after its intent is on disk; what an answer taught is on disk
 * before the next request leaves; every end of a talk is a note in the queue.  Each walk begins at the
 * first step and skips what facts and bookmark show as done, so a restart needs no other road.
 *
 *   talk.c         the walk through the table, and the talk's life
 *   talk_send.c    intent, pace, request; look-ups of writes whose outcome is unknown
 *   talk_dry.c     what would be sent, told instead
 *   talk_answer.c  what an answer means for the delivery and for its sink (faults.md's table)
 *   talk_note.c    what is recorded, and how a talk ends */
#ifndef RD_TALK_H
#define RD_TALK_H

#include "daemon/base/clock.h"
#include "daemon/dispatch/lane.h"

#define TALK_FOREVER INT64_MAX
/* Look-ups so far that found nothing: kept in the bookmark, because it must survive a restart. */
#define TALK_EMPTY_LOOKS "$empty_looks"
/* Answers in a row that the server gave as good ones (2xx) and that made no sense: the waits grow with them. */
#define TALK_ODD_ANSWERS "$odd_answers"
#define TALK_ODD_STEP    "$odd_step" /* the last that got one: lists that are read before it say nothing of it */

struct conversation {
	struct list link;
	struct lane *lane;
	int64_t delivery;
	bool backfill;
	struct delivery *d;
	struct log_ctx log;

	cJSON *bookmark, *vars_json;
	char *notes; /* "run.notes", once somebody has asked */
	char *bookmark_saved;
	struct vars vars;
	struct sink_run run;
	char started[CLOCK_ISO_SIZE]; /* {run.started} */
	struct owed owed;
	struct evidence_policy policy; /* borrowed by the queue while it resolves */

	const struct step *step;
	struct talk t;
	struct arena arena;
	struct rows *rows;
	struct request request;
	struct exchange_op *op;
	bool intended; /* the queue holds an intent of this delivery */
	bool looking;  /* the request under way is a look-up */
	bool unsure;   /* the look-up gave no usable answer */
	bool proving;  /* a 403 came, and the login was asked for again before it was believed */
	bool cancelled;
	bool walk_ended;           /* the run had ended when this walk began */
	bool passed_over;          /* a final step of this walk was not asked */
	struct foreseen *foreseen; /* of a dry run; NULL: nothing yet */
	bool checking;             /* no delivery: the sink's checking steps only, nothing is recorded */
	bool check_ok;
	char check_words[1200];
	uint64_t doubts_settled; /* of the lane, when the rows were asked for */
	bool want_exclusive;
	bool want_pace;
	bool paused; /* what waits for the pace waited through a pause of the sink, too */
	bool awaits; /* the note under way waits for more to come */
	bool ends;   /* the sink closes its run over there (struct sink_links) */
	unsigned backs;
	unsigned requests;                    /* since the last note */
	int status;                           /* of the last answer */
	void (*then)(struct conversation *c); /* after the note under way */
};

typedef void talk_then_fn(struct conversation *c);

/* ---- recording (talk_note.c) ---- */

/* Commits what t.learned, bookmark and facts hold and how it goes on; then(c) follows.  wait_ms: until it
 * is due again (TALK_FOREVER: when something comes). */
void talk_note(struct conversation *c, enum settle settle, int64_t wait_ms, const char *reason,
	       talk_then_fn *then);
/* A queue call failed: the talk ends without a word, the delivery stays as the queue has it. */
void talk_queue_failed(struct conversation *c, const struct err *err);
/* Ends the talk for now; the intent is over. */
void talk_later(struct conversation *c, int64_t wait_ms, const char *reason);
/* The same until more comes, but no longer than wait_ms: what has come since c->owed was read counts, too. */
void talk_await(struct conversation *c, int64_t wait_ms, const char *reason);
void talk_park(struct conversation *c, const char *reason);
/* The outcome of a write is not known: looked up later, before anything is sent again. */
void talk_unknown(struct conversation *c, int64_t wait_ms, const char *reason);
int64_t talk_backoff(const struct conversation *c);
/* The next wait after a 2xx that made no sense; counts it in the bookmark. */
int64_t talk_odd_backoff(struct conversation *c);
void talk_answer_made_sense(struct conversation *c);
/* Frees what belongs to one request; and with the second what a sink kept for the step. */
void talk_request_done(struct conversation *c);
void talk_step_done(struct conversation *c);
void talk_end(struct conversation *c);

/* ---- sending (talk_send.c) ---- */

void talk_send(struct conversation *c);    /* c->request, when intent and pace allow it */
void talk_look_up(struct conversation *c); /* a delivery whose last write may or may not have happened */
void talk_looked(struct conversation *c, const struct reply *reply);

/* ---- a dry run (talk_dry.c) ---- */

void talk_foresee(struct conversation *c); /* c->request, which is a write, in words instead of sent */
void talk_foreseen_end(
	struct conversation *c); /* the end of the table: the delivery is parked with the plan */
void talk_foreseen_free(struct conversation *c);

/* ---- answers (talk_answer.c) ---- */

void talk_reply(void *cookie, const struct reply *reply); /* a transport_done_fn */

/* ---- the walk (talk.c) ---- */

/* In the sink's facts: what a 413 taught, and when. */
#define TALK_TOO_LARGE "too_large"
size_t talk_request_bytes(
	const struct conversation *c); /* of results in one request at most; 0: not learned */

void talk_walk(struct conversation *c);
talk_then_fn talk_go_on, talk_go_next, talk_restart;

const struct sink_common *talk_common(const struct conversation *c); /* NULL: the sink has none */

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * talk_send.c - intent, pace, request; and the look-ups of writes whose outcome is unknown. */
#include "daemon/dispatch/talk.h"

#include "daemon/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MISDATED_MS = 60 * 1000 };

static void send_now(struct conversation *c)
{
	struct lane *l = c->lane;

	if (l->scope != NULL)
		pace_take(&l->scope->pace, lane_now());
	l->requests++;
	c->requests++;
	l->traffic.sent[c->looking                       ? SENT_LOOK_UP
			: c->request.upload_path != NULL ? SENT_UPLOAD
			: c->request.write               ? SENT_WRITE
							 : SENT_READ]++;
	if (c->request.upload_path != NULL)
		l->traffic.upload_bytes += c->request.upload_size;
	size_t shown = c->request.secret ? 0 : c->request.path.len < 200 ? c->request.path.len : 200;
	log_debug(&c->log, "%s: %s %.*s", c->step->name, c->request.method == METHOD_GET ? "GET" : "write",
		  (int)shown, c->request.path.data);
	c->op = transport_send(l->transport, &l->endpoint, &c->request, talk_reply, c);
}

static void on_intended(void *cookie, int rc, const struct err *err)
{
	struct conversation *c = cookie;

	if (rc < 0) {
		talk_queue_failed(c, err);
		return;
	}
	c->intended = true;
	if (c->cancelled || c->lane->dispatch->stopping) {
		/* Nothing left yet: the intent is taken back. */
		talk_later(c, 0, NULL);
		return;
	}
	send_now(c);
}

/* A wait of hours is said, once, and stands in the status. */
static void day_is_spent(struct lane *l, int64_t now)
{
	int64_t wait = pace_day_wait_ms(&l->scope->pace, now);
	char until[CLOCK_ISO_SIZE];

	if (wait > 0 && !l->spent)
		log_warning(&l->log, "%s; the next may leave at %s", LANE_SPENT,
			    clock_iso(clock_wall_ms() + wait, until));
	l->spent = wait > 0;
}

/* Waits until the lane may send; then records the intent of a write that must not happen twice. */
void talk_send(struct conversation *c)
{
	struct lane *l = c->lane;
	int64_t now = lane_now();

	c->want_pace = false; /* first: whatever follows, only this call waits for the pace */
	if (c->cancelled || l->dispatch->stopping) {
		if (c->looking)
			talk_note(c, SETTLE_KEEP, 0, l->spent ? LANE_SPENT : "stopped before the look-up",
				  talk_end);
		else
			talk_later(c, 0, l->spent ? LANE_SPENT : NULL);
		return;
	}
	bool paused = l->paused_until_ms > now || (l->scope != NULL && l->scope->pace.blocked_until_ms > now);
	if (lane_held(l)) {
		c->want_pace = c->paused = true;
		return;
	}
	if (l->dispatch->opt.dry && c->request.method != METHOD_GET && !c->request.reads) {
		talk_foresee(c);
		return;
	}
	int64_t wait = l->paused_until_ms > now ? l->paused_until_ms - now : 0;
	if (l->scope != NULL) {
		int64_t pace = pace_wait_ms(&l->scope->pace, now, c->looking);
		wait = pace > wait ? pace : wait;
		day_is_spent(l, now);
	}
	if (wait > 0) {
		c->want_pace = true;
		c->paused = c->paused || paused;
		lane_arm(l, now + wait);
		return;
	}
	paused = c->paused;
	c->paused = false;
	if (c->request.write && c->step->look != NULL && !c->looking) {
		/* What it takes away, if it comes after what others have added, is asked for by what is there now. */
		if (paused && c->step->repeats) {
			talk_later(c, 0, "waited through a pause: asked anew");
			return;
		}
		/* What another delivery may have made is not made again before that is known. */
		wait = c->step->exclusive ? lane_doubt_wait_ms(l, c->delivery) : 0;
		if (wait > 0) {
			talk_later(c, wait, "waits until it is known what another run has made");
			return;
		}
		if (c->step->exclusive && c->doubts_settled != l->doubts_settled) {
			/* It has become known while this one waited for its turn, with rows from before. */
			talk_later(c, 0, "what another run has made is known now");
			return;
		}
		queue_intend(l->dispatch->opt.queue, c->delivery, c->step->name, c->rows,
			     c->request.body.data, c->request.body.len, lane_server_now(l), on_intended, c);
		return;
	}
	send_now(c);
}

void talk_wake(struct conversation *c)
{
	if (c->want_pace)
		talk_send(c);
	else if (c->want_exclusive)
		talk_walk(c);
}

void talk_cancel(struct conversation *c)
{
	c->cancelled = true;
	if (c->op != NULL)
		c->lane->transport->ops->cancel(c->lane->transport, c->op);
	else
		talk_wake(c);
}

/* ---- look-ups ---- */

static void look(struct conversation *c)
{
	request_done(&c->request);
	request_init(&c->request);
	err_clear(&c->t.err);
	c->t.now_ms = lane_server_now(c->lane);
	/* Noted by a clock that was far ahead then: what was sent is looked for at any time. */
	if (c->t.sent_ms > c->t.now_ms + MISDATED_MS)
		c->t.sent_ms = 0;
	c->looking = true;
	switch (c->step->look(&c->t, &c->request)) {
	case ASK_SEND:
		talk_send(c);
		return;
	case ASK_SKIP:
	case ASK_LEARN:
		/* There is nothing to ask by: the step may be asked again. */
		c->looking = false;
		talk_note(c, SETTLE_GO_ON, 0, NULL, talk_restart);
		return;
	case ASK_PARK:
		c->looking = false;
		talk_park(c, c->t.err.text);
		return;
	}
}

static void on_frozen(void *cookie, int rc, struct rows *rows, const struct err *err)
{
	struct conversation *c = cookie;

	if (rc < 0) {
		talk_queue_failed(c, err);
		return;
	}
	c->rows = rows;
	c->t.rows = rows;
	look(c);
}

/* A delivery whose last write may or may not have happened. */
void talk_look_up(struct conversation *c)
{
	const struct step *s = c->lane->sink->steps;

	while (s->name != NULL && (c->d->step == NULL || strcmp(s->name, c->d->step) != 0))
		s++;
	if (s->name == NULL || s->look == NULL) {
		/* Repeat-safe, or a step of an older program: asked again. */
		c->step = c->lane->sink->steps;
		talk_note(c, SETTLE_GO_ON, 0, NULL, talk_restart);
		return;
	}
	c->step = s;
	c->t.sent = c->d->frozen;
	c->t.sent_ms = c->d->sent_ms;
	c->t.scratch = cJSON_CreateObject();
	if (s->rows == ROWS_NONE)
		look(c);
	else
		queue_rows_frozen(c->lane->dispatch->opt.queue, c->delivery, s->rows, on_frozen, c);
}

void talk_looked(struct conversation *c, const struct reply *reply)
{
	char reason[256];

	enum looked looked = c->step->looked(&c->t, reply);
	if (looked != LOOKED_UNSURE)
		lane_looks_work(c->lane, c->delivery);
	switch (looked) {
	case LOOKED_MORE:
		look(c);
		return;
	case LOOKED_ALL:
		log_info(&c->log, "%s: looked up: it had happened", c->step->name);
		break;
	case LOOKED_SOME:
		log_info(&c->log, "%s: looked up: a part of it had happened; the rest is sent",
			 c->step->name);
		break;
	case LOOKED_UNSURE:
		c->looking = false;
		c->unsure = true;
		talk_unknown(c, talk_odd_backoff(c),
			     c->t.err.code != 0 ? c->t.err.text : "the look-up gave no usable answer");
		return;
	case LOOKED_NONE: {
		int64_t empty = sink_int(c->bookmark, TALK_EMPTY_LOOKS, 0) + 1;
		c->looking = false;
		if (empty < LOOKS_MAX) {
			sink_set_int(c->bookmark, TALK_EMPTY_LOOKS, empty);
			snprintf(reason, sizeof(reason), "look-up %" PRId64 " of %d found nothing", empty,
				 LOOKS_MAX);
			talk_unknown(c, lane_scaled(c->lane, retry_look_ms((unsigned)empty)), reason);
			return;
		}
		cJSON_DeleteItemFromObjectCaseSensitive(c->bookmark, TALK_EMPTY_LOOKS);
		const struct sink_common *common = talk_common(c);
		if (common != NULL && common->on_unknown == ON_UNKNOWN_HOLD && !c->step->repeats) {
			snprintf(reason, sizeof(reason),
				 "the outcome of \"%s\" stayed unknown after %d look-ups (on_unknown: hold)",
				 c->step->name, LOOKS_MAX);
			talk_park(c, reason);
			return;
		}
		log_info(&c->log, "%s: %d look-ups found nothing: sent again", c->step->name, LOOKS_MAX);
		talk_note(c, SETTLE_GO_ON, 0, NULL, talk_restart);
		return;
	}
	}
	c->looking = false;
	cJSON_DeleteItemFromObjectCaseSensitive(c->bookmark, TALK_EMPTY_LOOKS);
	talk_note(c, SETTLE_GO_ON, 0, NULL, talk_restart);
}

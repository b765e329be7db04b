/* SPDX-License-Identifier: Apache-2.0
 *
 * lane.c - one sink: which of its deliveries run, when it is left alone, and what it is in doubt about.
 *
 * Invariant: a delivery has at most one talk; a lane has at most endpoint.parallel talks, and where that is more
 * than one a backfill never has the last place.  Loop thread. */
#include "daemon/dispatch/lane.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/queue/operate.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PARALLEL_MAX = 8,
	ASK_AGAIN_MS = 60 * 1000,
	HELD_MS = 5000,
	BEFORE_MS = 50,
	DOUBT_AGAIN_MS = 5000,
	DOUBT_OVER_MS = 30 * 60 * 1000,
	HOPELESS_MS = 10 * 60 * 1000,
	HOPELESS_LOOKS = 2 * LOOKS_MAX,
	LOST_MS = 60 * 60 * 1000,
	LOST_LOOKS = 4 * LOOKS_MAX,
};

int64_t lane_now(void)
{
	return clock_mono_ms();
}

int64_t lane_scaled(const struct lane *l, int64_t ms)
{
	return dispatch_scaled(l->dispatch, ms);
}

int64_t lane_server_now(const struct lane *l)
{
	return l->server_ms != 0 ? l->server_ms + (lane_now() - l->server_mono_ms) : clock_wall_ms();
}

void lane_arm(struct lane *l, int64_t mono_ms)
{
	l->dispatch->opt.arm(l->dispatch->opt.cookie, mono_ms);
}

bool lane_held(struct lane *l)
{
	const struct dispatch_options *o = &l->dispatch->opt;

	l->held = o->hold != NULL && o->hold(o->cookie);
	if (l->held) {
		int64_t until = lane_now() + lane_scaled(l, HELD_MS);
		if (until > l->back_ms)
			l->back_ms = until;
		lane_arm(l, until);
	}
	return l->held;
}

static void changed(struct dispatch *d)
{
	if (d->opt.changed != NULL)
		d->opt.changed(d->opt.cookie);
}

void lane_pause(struct lane *l, int64_t wait_ms, bool locked, const char *fmt, ...)
{
	int64_t until = lane_now() + wait_ms;
	va_list ap;

	l->fails++;
	l->failures++;
	l->locked = locked;
	if (until > l->paused_until_ms)
		l->paused_until_ms = l->back_ms = until;
	va_start(ap, fmt);
	vsnprintf(l->pause_reason, sizeof(l->pause_reason), fmt, ap);
	va_end(ap);
	lane_arm(l, l->paused_until_ms);
	changed(l->dispatch);
}

static void ignore_done(void *cookie, int rc, const struct err *err)
{
	struct dispatch *d = cookie;

	d->notes--;
	if (rc < 0)
		log_warning(NULL, "cannot record a pause: %s", err->text);
}

void lane_leave(struct lane *l, const struct conversation *c, bool exclusive, bool shared)
{
	if (exclusive && l->exclusive == c) {
		l->exclusive = NULL;
		lane_arm(l, 0);
	}
	if (!shared || l->scope == NULL || l->scope->shared != c)
		return;
	l->scope->shared = NULL;
	list_each(link, &l->dispatch->lanes) {
		struct lane *other = list_entry(link, struct lane, link);
		if (other->scope == l->scope)
			lane_arm(other, 0);
	}
}

void lane_block_scope(struct lane *l, int64_t wait_ms, const char *reason)
{
	int64_t now = lane_now();

	l->failures++;
	log_warning(&l->log, "%s; no request for %" PRId64 " s", reason, (wait_ms + 999) / 1000);
	if (l->scope == NULL)
		return;
	if (now + wait_ms > l->scope->pace.blocked_until_ms)
		l->scope->pace.blocked_until_ms = now + wait_ms;
	if (l->dispatch->opt.queue == NULL)
		return;
	l->dispatch->notes++;
	queue_block(l->dispatch->opt.queue, l->scope->name, clock_wall_ms() + wait_ms, reason, ignore_done,
		    l->dispatch);
	lane_arm(l, now + wait_ms);
	changed(l->dispatch);
}

void lane_success(struct lane *l)
{
	l->served++;
	l->fails = 0;
	if (l->scope != NULL)
		l->scope->limited = 0;
	l->proved = true;
	l->locked = false;
	l->paused_until_ms = 0;
	l->pause_reason[0] = '\0';
}

/* ---- doubts ---- */

static struct doubt *doubt_of(const struct lane *l, int64_t delivery)
{
	for (size_t i = 0; i < l->doubt_count; i++)
		if (l->doubt[i].delivery == delivery)
			return &l->doubt[i];
	return NULL;
}

void lane_doubt(struct lane *l, int64_t delivery, int64_t due_ms, bool unsure)
{
	struct doubt *x = doubt_of(l, delivery);

	if (x == NULL) {
		if (l->doubt_count == l->doubt_room) {
			l->doubt_room = l->doubt_room == 0 ? 4 : l->doubt_room * 2;
			l->doubt = xrealloc(l->doubt, l->doubt_room, sizeof(*l->doubt));
		}
		x = &l->doubt[l->doubt_count++];
		*x = (struct doubt){ .delivery = delivery, .served = l->served };
	}
	x->due_ms = due_ms;
	if (unsure && x->unsure++ == 0)
		x->unsure_ms = lane_now();
}

void lane_looks_work(struct lane *l, int64_t delivery)
{
	struct doubt *x = doubt_of(l, delivery);

	if (x != NULL)
		x->unsure = x->lost = 0;
}

/* An outage answers nobody; a look-up that the server cannot answer is lost again and again while others are not. */
void lane_look_lost(struct lane *l, int64_t delivery)
{
	struct doubt *x = doubt_of(l, delivery);

	if (x == NULL)
		return;
	if (l->served != x->served && x->lost++ == 0)
		x->lost_ms = lane_now();
	x->served = l->served;
}

void lane_sure(struct lane *l, int64_t delivery)
{
	struct doubt *x = doubt_of(l, delivery);

	if (x == NULL)
		return;
	*x = l->doubt[--l->doubt_count];
	l->doubts_settled++;
}

/* When a look-up that was due then could be sent at last: not before a pause was over. */
static int64_t could_ask_ms(const struct lane *l, const struct doubt *x)
{
	int64_t at = x->due_ms > l->back_ms ? x->due_ms : l->back_ms;

	return l->scope != NULL && l->scope->pace.blocked_until_ms > at ? l->scope->pace.blocked_until_ms
									: at;
}

/* The server has had nothing but unusable answers to a look-up for minutes (a few in a row are no reason to make a case
 * twice, nor is an outage in which some answers are good), or none at all for long while others were answered. */
static bool hopeless(const struct lane *l, const struct doubt *x)
{
	int64_t now = lane_now();

	return (x->unsure >= HOPELESS_LOOKS && now > x->unsure_ms + lane_scaled(l, HOPELESS_MS)) ||
	       (x->lost >= LOST_LOOKS && now > x->lost_ms + lane_scaled(l, LOST_MS));
}

/* One bad delivery does not stop the others for ever: not where its look-up is hopeless, nor where it has gone away
 * (dropped by a person). */
int64_t lane_doubt_wait_ms(const struct lane *l, int64_t delivery)
{
	int64_t now = lane_now(), wait = 0;

	for (size_t i = 0; i < l->doubt_count; i++) {
		const struct doubt *x = &l->doubt[i];
		if (x->delivery == delivery || hopeless(l, x) || now > could_ask_ms(l, x) + DOUBT_OVER_MS)
			continue;
		int64_t left = x->due_ms - now + lane_scaled(l, 1000);
		int64_t least = lane_scaled(l, DOUBT_AGAIN_MS);
		if (left < least)
			left = least;
		if (left > wait)
			wait = left;
	}
	return wait;
}

/* ---- turns ---- */

static size_t places(const struct lane *l)
{
	size_t n = l->endpoint.parallel > 0 ? l->endpoint.parallel : 1;

	return n < PARALLEL_MAX ? n : PARALLEL_MAX;
}

/* What an earlier life left. */
static void on_doubts(void *cookie, int rc, const struct due *due, size_t count, int64_t next_ms,
		      const struct err *err)
{
	struct lane *l = cookie;

	(void)next_ms;
	l->asking = false;
	if (rc < 0) {
		log_error(&l->log, "cannot ask the queue what is in doubt: %s", err->text);
		lane_pause(l, retry_wait_ms(1, (uint64_t)lane_now()), false, "the queue cannot be read");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		int64_t wait = due[i].due_ms - clock_wall_ms();
		lane_doubt(l, due[i].delivery, lane_now() + (wait < 0 || wait > DOUBT_OVER_MS ? 0 : wait),
			   false);
	}
	l->surveyed = true;
	lane_arm(l, 0);
}

static void on_due(void *cookie, int rc, const struct due *due, size_t count, int64_t next_ms,
		   const struct err *err)
{
	struct lane *l = cookie;
	struct dispatch *d = l->dispatch;

	l->asking = false;
	if (rc < 0) {
		log_error(&l->log, "cannot ask the queue what is due: %s", err->text);
		lane_pause(l, retry_wait_ms(1, (uint64_t)lane_now()), false, "the queue cannot be read");
		return;
	}
	for (size_t i = 0; i < count && !d->stopping; i++) {
		if (l->talk_count == places(l)) {
			/* The backfill goes at its next step, and this one is asked for again. */
			l->make_way = true;
			break;
		}
		struct conversation *c = talk_start(l, due[i].delivery, due[i].backfill);
		list_append(&l->talks, talk_link(c));
		l->talk_count++;
	}
	int64_t wait = next_ms == INT64_MAX ? ASK_AGAIN_MS : next_ms - clock_wall_ms();
	if (wait < 0)
		wait = 0;
	/* Waits are on the wall clock in the queue and may lie behind a clock that was set back. */
	l->next_ms = lane_now() + (wait > ASK_AGAIN_MS ? ASK_AGAIN_MS : wait);
	lane_arm(l, l->next_ms);
	if (l->again)
		lane_arm(l, 0);
	if (d->stopping)
		lane_arm(l, 0);
}

static void on_reclaimed(void *cookie, int rc, const struct err *err)
{
	struct lane *l = cookie;

	l->dispatch->notes--;
	if (rc < 0) {
		log_warning(&l->log, "cannot take back what was being sent: %s", err->text);
		l->lost = true;
	}
}

const struct lane *lane_before(const struct lane *l)
{
	const struct dispatch *before = l->dispatch->opt.before;

	if (before == NULL)
		return NULL;
	list_each(link, &before->lanes) {
		const struct lane *b = list_entry(link, struct lane, link);
		if (strcmp(b->config->name, l->config->name) == 0)
			return b;
	}
	return NULL;
}

/* Whether the facts are those that the queue has: else the talks that have them in hand end at their next steps, and
 * the next delivery brings the queue's. */
static bool facts_hold(struct lane *l)
{
	if (!l->facts_lost)
		return true;
	if (l->talk_count > 0)
		return false;
	cJSON_Delete(l->facts);
	free(l->facts_saved);
	l->facts = NULL;
	l->facts_saved = NULL;
	l->facts_lost = false;
	return true;
}

void lane_turn(struct lane *l)
{
	struct dispatch *d = l->dispatch;
	int64_t busy[PARALLEL_MAX];
	size_t n = 0, backfills = 0;

	list_each_safe(link, &l->talks)
		talk_wake(talk_of(link));
	if (d->stopping || l->asking || d->opt.queue == NULL || !facts_hold(l))
		return;
	const struct lane *before = lane_before(l);
	if (before != NULL && (before->talk_count > 0 || before->asking)) {
		lane_arm(l, lane_now() + BEFORE_MS);
		return;
	}
	size_t most = places(l);
	list_each(link, &l->talks) {
		busy[n++] = talk_delivery(talk_of(link));
		backfills += talk_backfill(talk_of(link));
	}
	/* Where the only place is a backfill's, a live run is asked for all the same. */
	if (n == most && (backfills < most || l->make_way))
		return;
	int64_t now = lane_now();
	if (l->paused_until_ms > now) {
		lane_arm(l, l->paused_until_ms);
		return;
	}
	if (l->scope != NULL && l->scope->pace.blocked_until_ms > now) {
		lane_arm(l, l->scope->pace.blocked_until_ms);
		return;
	}
	if (!l->again && l->next_ms > now) {
		lane_arm(l, l->next_ms); /* this turn may have been another lane's */
		return;
	}
	if (lane_held(l))
		return;
	/* One probe after trouble; all lanes again once it went well. */
	if (l->fails > 0 && l->talk_count > 0)
		return;
	if (l->lost) {
		l->lost = false;
		l->surveyed = false; /* what is taken back is in doubt from then on */
		d->notes++;
		queue_reclaim(d->opt.queue, l->config->name, busy, n, clock_wall_ms(), on_reclaimed, l);
	}
	l->asking = true;
	if (!l->surveyed) {
		queue_doubts(d->opt.queue, l->config->name, on_doubts, l);
		return;
	}
	l->again = false;
	size_t max = n == most || l->fails > 0 ? 1 : most - n;
	size_t kept = most > 1; /* for live runs: a backfill may take hours */
	queue_due(d->opt.queue, l->config->name, clock_wall_ms(), busy, n, max,
		  backfills < most - kept ? most - kept - backfills : 0, on_due, l);
}

void lane_ended(struct lane *l, struct conversation *c)
{
	list_remove(talk_link(c));
	l->talk_count--;
	l->again = true;
	l->make_way = false;
	lane_arm(l, 0);
	/* What it made of failures is told by the others. */
	if (l->sink->cause != NULL)
		dispatch_kick(l->dispatch, true);
	changed(l->dispatch);
}

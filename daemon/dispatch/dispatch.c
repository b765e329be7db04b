/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch.c - lanes: which deliveries run, and when a sink is left alone.
 *
 * Invariant: a delivery has at most one talk; a lane has at most endpoint.parallel talks.  Loop thread. */
#include "daemon/dispatch/lane.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/queue/operate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PARALLEL_MAX = 8,
	SOON_MS = 300,
	ASK_AGAIN_MS = 60 * 1000,
	HELD_MS = 5000,
	BEFORE_MS = 50,
	DOUBT_AGAIN_MS = 5000,
	DOUBT_OVER_MS = 30 * 60 * 1000,
	MADE_MS = 60 * 1000, /* in which a bucket of any rate fills up again */
};

static const char HELD[] = "the disk of the state directory is almost full";

int64_t lane_now(void)
{
	return clock_mono_ms();
}

static int64_t scaled(const struct dispatch *d, int64_t ms)
{
	return d->opt.time_scale > 1 ? ms / d->opt.time_scale : ms;
}

int64_t lane_scaled(const struct lane *l, int64_t ms)
{
	return scaled(l->dispatch, ms);
}

void lane_arm(struct lane *l, int64_t mono_ms)
{
	l->dispatch->opt.arm(l->dispatch->opt.cookie, mono_ms);
}

bool lane_held(struct lane *l)
{
	const struct dispatch_options *o = &l->dispatch->opt;

	l->held = o->hold != NULL && o->hold(o->cookie);
	if (l->held)
		lane_arm(l, lane_now() + lane_scaled(l, HELD_MS));
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
		l->paused_until_ms = until;
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
	l->fails = 0;
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
		*x = (struct doubt){ .delivery = delivery };
	}
	x->due_ms = due_ms;
	x->unsure += unsure;
}

void lane_sure(struct lane *l, int64_t delivery)
{
	struct doubt *x = doubt_of(l, delivery);

	if (x == NULL)
		return;
	*x = l->doubt[--l->doubt_count];
	l->doubts_settled++;
}

/* One bad delivery does not stop the others for ever: not where the server cannot answer its look-up, nor
 * where it has gone away (dropped by a person). */
int64_t lane_doubt_wait_ms(const struct lane *l, int64_t delivery)
{
	int64_t now = lane_now(), wait = 0;

	for (size_t i = 0; i < l->doubt_count; i++) {
		const struct doubt *x = &l->doubt[i];
		if (x->delivery == delivery || x->unsure >= LOOKS_MAX || now > x->due_ms + DOUBT_OVER_MS)
			continue;
		int64_t left = x->due_ms - now + 1000, least = lane_scaled(l, DOUBT_AGAIN_MS);
		if (left < least)
			left = least;
		if (left > wait)
			wait = left;
	}
	return wait;
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
		struct conversation *c = talk_start(l, due[i].delivery);
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

static const struct lane *lane_before(const struct lane *l)
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

void dispatch_after(struct dispatch *d)
{
	d->opt.before = NULL;
	dispatch_kick(d, false);
}

static void lane_turn(struct lane *l)
{
	struct dispatch *d = l->dispatch;
	int64_t busy[PARALLEL_MAX];
	size_t n = 0;

	list_each_safe(link, &l->talks)
		talk_wake(talk_of(link));
	if (d->stopping || l->asking || d->opt.queue == NULL)
		return;
	const struct lane *before = lane_before(l);
	if (before != NULL && (before->talk_count > 0 || before->asking)) {
		lane_arm(l, lane_now() + BEFORE_MS);
		return;
	}
	size_t most = l->endpoint.parallel > 0 ? l->endpoint.parallel : 1;
	if (most > PARALLEL_MAX)
		most = PARALLEL_MAX;
	if (l->talk_count >= most)
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
	list_each(link, &l->talks)
		busy[n++] = talk_delivery(talk_of(link));
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
	queue_due(d->opt.queue, l->config->name, clock_wall_ms(), busy, n,
		  l->fails > 0 ? 1 : most - l->talk_count, on_due, l);
}

static bool idle(const struct dispatch *d)
{
	list_each(link, &d->lanes) {
		const struct lane *l = list_entry(link, struct lane, link);
		if (l->talk_count > 0 || l->asking)
			return false;
	}
	return d->notes == 0;
}

void dispatch_turn(struct dispatch *d)
{
	if (d->kick_ms != 0 && d->kick_ms <= lane_now()) {
		d->kick_ms = 0;
		list_each(link, &d->lanes)
			list_entry(link, struct lane, link)->again = true;
	} else if (d->kick_ms != 0) {
		d->opt.arm(d->opt.cookie, d->kick_ms);
	}
	list_each(link, &d->lanes)
		lane_turn(list_entry(link, struct lane, link));
	if (d->stopping && d->stopped != NULL) {
		if (idle(d)) {
			void (*stopped)(void *) = d->stopped;
			d->stopped = NULL;
			stopped(d->stopped_cookie);
		} else {
			d->opt.arm(d->opt.cookie, lane_now() + 20);
		}
	}
}

void dispatch_kick(struct dispatch *d, bool soon)
{
	/* What comes after a quiet while goes at once; of a burst the others are waited for. */
	int64_t now = lane_now();
	int64_t at = soon && now - d->kicked_ms < SOON_MS ? now + SOON_MS : now;

	d->kicked_ms = now;
	if (at == 0)
		at = 1;
	if (d->kick_ms == 0 || at < d->kick_ms)
		d->kick_ms = at;
	d->opt.arm(d->opt.cookie, d->kick_ms);
}

void lane_ended(struct lane *l, struct conversation *c)
{
	list_remove(talk_link(c));
	l->talk_count--;
	l->again = true;
	lane_arm(l, 0);
	/* What it made of failures is told by the others. */
	if (l->sink->cause != NULL)
		dispatch_kick(l->dispatch, true);
	changed(l->dispatch);
}

void dispatch_unlock(struct dispatch *d)
{
	list_each(link, &d->lanes) {
		struct lane *l = list_entry(link, struct lane, link);
		l->paused_until_ms = 0;
		l->locked = false;
		l->proved = false;
		l->again = true;
		l->sink->endpoint(l->config->conf, &l->endpoint);
	}
	dispatch_kick(d, false);
}

void dispatch_check(struct dispatch *d, dispatch_checked_fn *done, void *cookie)
{
	d->checked = done;
	d->checked_cookie = cookie;
	list_each(link, &d->lanes) {
		struct lane *l = list_entry(link, struct lane, link);
		list_append(&l->talks, talk_link(talk_check(l)));
		l->talk_count++;
	}
	d->opt.arm(d->opt.cookie, 0);
}

void dispatch_stop(struct dispatch *d, bool now, void (*done)(void *cookie), void *cookie)
{
	d->stopping = true;
	d->stopped = done;
	d->stopped_cookie = cookie;
	list_each(link, &d->lanes) {
		struct lane *l = list_entry(link, struct lane, link);
		list_each_safe(t, &l->talks) {
			if (now)
				talk_cancel(talk_of(t));
			else
				talk_wake(talk_of(t));
		}
	}
	d->opt.arm(d->opt.cookie, 0);
}

bool dispatch_busy(const struct dispatch *d)
{
	return !idle(d);
}

/* What is left of a server's pause that an earlier process noted.  None is longer than an hour: what is left of
 * more than two was noted by a clock that has been set back since, and nobody knows how much of it is over;
 * if it is not, the server says so again. */
static int64_t block_left(const struct dispatch *d, const struct block *b)
{
	int64_t left = b->until_ms - clock_wall_ms(), most = scaled(d, retry_limited_ms(INT64_MAX));

	if (left <= 0 || left > 2 * most)
		return 0;
	return left < most ? left : most;
}

static void on_blocks(void *cookie, int rc, const struct block *block, size_t count, const struct err *err)
{
	struct dispatch *d = cookie;

	d->notes--;
	if (rc < 0) {
		log_error(NULL, "cannot read the pauses: %s", err->text);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		int64_t left = block_left(d, &block[i]);
		list_each(link, &d->scopes) {
			struct scope *s = list_entry(link, struct scope, link);
			if (strcmp(s->name, block[i].scope) == 0 && left > 0)
				s->pace.blocked_until_ms = lane_now() + left;
		}
	}
	dispatch_kick(d, false);
}

static void made_ago(struct scope *s, const struct made *made)
{
	int64_t ago = clock_wall_ms() - made->at_ms;

	pace_made(&s->pace, lane_now() - (ago < 0 ? 0 : ago), made->requests);
}

/* What an earlier process used of each rate: the bucket goes on where it was. */
static void on_made(void *cookie, int rc, const struct made *made, size_t count, const struct err *err)
{
	struct dispatch *d = cookie;

	d->notes--;
	if (rc < 0) {
		log_error(NULL, "cannot read what was sent of late: %s", err->text);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		list_each(link, &d->lanes) {
			const struct lane *l = list_entry(link, struct lane, link);
			if (l->scope != NULL && l->endpoint.per_day == 0 &&
			    strcmp(l->config->name, made[i].sink) == 0)
				made_ago(l->scope, &made[i]);
		}
	}
}

static struct scope *scope_find(const struct dispatch *d, const char *name)
{
	list_each(link, &d->scopes) {
		struct scope *s = list_entry(link, struct scope, link);
		if (strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

static const char *scope_name(const struct endpoint *e)
{
	return e->scope != NULL ? e->scope : e->url;
}

/* The same of a whole day, where only so many may be made in one: by deliveries, and by commands. */
static void on_spent(void *cookie, int rc, const struct made *made, size_t count, const struct err *err)
{
	struct dispatch *d = cookie;

	d->notes--;
	if (rc < 0) {
		log_error(NULL, "cannot read what was sent in a day: %s", err->text);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const struct config_sink *cs = config_find_sink(d->opt.config, made[i].sink);
		struct endpoint e = { 0 };
		if (cs != NULL)
			sink_find(cs->type->name)->endpoint(cs->conf, &e);
		struct scope *s = cs != NULL ? scope_find(d, scope_name(&e)) : NULL;
		if (s != NULL)
			made_ago(s, &made[i]);
	}
}

static void read_spent(struct dispatch *d)
{
	const struct config *c = d->opt.config;
	const char **name = xcalloc(c->sink_count + 1, sizeof(*name));
	size_t n = 0;

	for (size_t i = 0; i < c->sink_count; i++) {
		struct endpoint e = { 0 };
		sink_find(c->sink[i].type->name)->endpoint(c->sink[i].conf, &e);
		if (e.per_day > 0)
			name[n++] = c->sink[i].name;
	}
	if (n > 0) {
		d->notes++;
		queue_spent(d->opt.queue, name, n, clock_wall_ms() - PACE_DAY_MS, on_spent, d);
	}
	free(name);
}

int64_t dispatch_spend(struct dispatch *d, const char *scope, unsigned requests, bool made)
{
	struct scope *s = scope_find(d, scope);

	if (s == NULL)
		return -ENOENT;
	int64_t wait = made ? 0 : pace_wait_ms(&s->pace, lane_now(), true);
	if (wait == 0)
		pace_made(&s->pace, lane_now(), requests);
	return wait;
}

static struct scope *scope_of(struct dispatch *d, const struct endpoint *e)
{
	struct scope *s = e->folder ? NULL : scope_find(d, scope_name(e));

	if (e->folder || s != NULL)
		return s;
	s = xcalloc(1, sizeof(*s));
	s->name = xstrdup(scope_name(e));
	pace_init(&s->pace, e->rate_per_minute);
	pace_init_day(&s->pace, e->per_day);
	list_append(&d->scopes, &s->link);
	return s;
}

struct dispatch *dispatch_new(const struct dispatch_options *options)
{
	struct dispatch *d = xcalloc(1, sizeof(*d));

	d->opt = *options;
	list_init(&d->lanes);
	list_init(&d->scopes);
	for (size_t i = 0; i < options->config->sink_count; i++) {
		const struct config_sink *cs = &options->config->sink[i];
		if (cs->off || (options->only != NULL && strcmp(options->only, cs->name) != 0))
			continue;
		struct lane *l = xcalloc(1, sizeof(*l));
		l->dispatch = d;
		l->config = cs;
		l->sink = sink_find(cs->type->name);
		l->sink->endpoint(cs->conf, &l->endpoint);
		l->transport = l->endpoint.folder ? options->folder : options->http;
		l->scope = scope_of(d, &l->endpoint);
		l->who = xasprintf("%s/%s", cs->type->name, cs->name);
		l->log = (struct log_ctx){ .who = l->who };
		l->batch = l->sink->batch(cs->conf);
		l->again = true;
		list_init(&l->talks);
		list_append(&d->lanes, &l->link);
		const struct lane *before = lane_before(l);
		if (before != NULL) {
			l->requests = before->requests;
			l->failures = before->failures;
			l->traffic = before->traffic;
		}
	}
	if (options->queue != NULL) {
		d->notes++;
		queue_blocks(options->queue, on_blocks, d);
		d->notes++;
		queue_made(options->queue, clock_wall_ms() - MADE_MS, on_made, d);
		read_spent(d);
	}
	return d;
}

void dispatch_free(struct dispatch *d)
{
	if (d == NULL)
		return;
	list_each_safe(link, &d->lanes) {
		struct lane *l = list_entry(link, struct lane, link);
		cJSON_Delete(l->facts);
		free(l->facts_saved);
		free(l->doubt);
		free(l->who);
		free(l);
	}
	list_each_safe(link, &d->scopes) {
		struct scope *s = list_entry(link, struct scope, link);
		pace_done(&s->pace);
		free(s->name);
		free(s);
	}
	free(d);
}

const char *traffic_sent_name(enum traffic_sent kind)
{
	static const char *const name[] = { "read", "write", "look_up", "upload" };

	_Static_assert(sizeof(name) / sizeof(name[0]) == SENT_KINDS, "a kind without its name");
	return name[kind];
}

const char *traffic_answer_name(enum traffic_answer kind)
{
	static const char *const name[] = { "done", "refused", "wait", "locked_out", "unknown", "not_sent" };

	_Static_assert(sizeof(name) / sizeof(name[0]) == CAME_KINDS, "a kind without its name");
	return name[kind];
}

size_t dispatch_view(const struct dispatch *d, struct lane_view *out, size_t max)
{
	size_t n = 0;
	int64_t now = lane_now(), wall = clock_wall_ms();

	list_each(link, &d->lanes) {
		const struct lane *l = list_entry(link, struct lane, link);
		int64_t until = l->paused_until_ms;
		if (l->scope != NULL && l->scope->pace.blocked_until_ms > until)
			until = l->scope->pace.blocked_until_ms;
		if (n == max)
			break;
		out[n++] = (struct lane_view){
			.sink = l->config->name,
			.type = l->sink->name,
			.pause_reason =
				l->held       ? HELD
				: until > now ? (l->pause_reason[0] != '\0' ? l->pause_reason : "rate limit")
					      : NULL,
			.locked = l->locked && until > now,
			.paused_until_ms = until > now ? wall + (until - now) : 0,
			.talks = (unsigned)l->talk_count,
			.requests = l->requests,
			.failures = l->failures,
			.traffic = &l->traffic,
		};
	}
	return n;
}

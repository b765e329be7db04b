/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch.c - all lanes: made from the configuration, turned when something is due, ended; and what an earlier
 * process left of pauses and rates.  Loop thread. */
#include "daemon/dispatch/lane.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SOON_MS = 300, MADE_MS = 60 * 1000 /* in which a bucket of any rate fills up again */ };

static const char HELD[] = "the disk of the state directory is almost full";

int64_t dispatch_scaled(const struct dispatch *d, int64_t ms)
{
	return d->opt.time_scale > 1 ? ms / d->opt.time_scale : ms;
}

void dispatch_after(struct dispatch *d)
{
	d->opt.before = NULL;
	dispatch_kick(d, false);
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
	int64_t left = b->until_ms - clock_wall_ms(),
		most = dispatch_scaled(d, retry_limited_ms(INT64_MAX, 0));

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
		l->talks_begun = clock_wall_ms() * 1000;
		l->again = true;
		l->lost = true; /* a talk of the configuration before may have ended so, in a pause */
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
		int64_t day = l->spent && l->scope != NULL ? pace_day_wait_ms(&l->scope->pace, now) : 0;
		if (now + day > until)
			until = now + day;
		if (n == max)
			break;
		out[n++] = (struct lane_view){
			.sink = l->config->name,
			.type = l->sink->name,
			.pause_reason =
				l->held       ? HELD
				: day > 0     ? LANE_SPENT
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * spend.c - one more request of a command: asked of dispatch, where this process delivers, since that paces all;
 * written down in any case. */
#include "daemon/spend.h"

#include "daemon/app.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/dispatch/retry.h"
#include "sinks/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void endpoint_of(const struct config_sink *s, struct endpoint *out)
{
	*out = (struct endpoint){ 0 };
	sink_find(s->type->name)->endpoint(s->conf, out);
}

static const char *scope_of(const struct endpoint *e)
{
	return e->scope != NULL ? e->scope : e->url;
}

bool spend_counts(const struct config *c, const char *sink, uint64_t *most)
{
	const struct config_sink *s = config_find_sink(c, sink);
	struct endpoint e = { 0 };

	if (s != NULL)
		endpoint_of(s, &e);
	*most = e.per_day;
	return e.per_day > 0;
}

/* The sink and those that share its quota; the caller's to free. */
static const char **sharers(const struct config *c, const struct config_sink *sink, size_t *count)
{
	const char **name = xcalloc(c->sink_count + 1, sizeof(*name));
	struct endpoint e, other;

	endpoint_of(sink, &e);
	*count = 0;
	name[(*count)++] = sink->name;
	for (size_t i = 0; i < c->sink_count; i++) {
		endpoint_of(&c->sink[i], &other);
		if (&c->sink[i] != sink && other.per_day > 0 && strcmp(scope_of(&other), scope_of(&e)) == 0)
			name[(*count)++] = c->sink[i].name;
	}
	return name;
}

/* ---- one more ---- */

struct spending {
	struct app *app;
	int64_t wait_ms;
	spend_fn *done;
	void *cookie;
};

static void on_spend(void *cookie, int rc, int64_t wait_ms, const struct err *err)
{
	struct spending *s = cookie;

	s->app->looks--;
	s->done(s->cookie, rc, wait_ms, err);
	free(s);
}

/* Not now: said on a later turn, as all that is said. */
static void on_later(void *cookie, int rc, const struct made *made, size_t count, const struct err *err)
{
	struct spending *s = cookie;

	(void)made;
	(void)count;
	on_spend(s, rc, s->wait_ms, err);
}

void spend_requests(struct app *a, const char *sink, unsigned requests, bool made, spend_fn *done,
		    void *cookie)
{
	const struct config_sink *cs = config_find_sink(a->config, sink);
	struct spending *s = xcalloc(1, sizeof(*s));
	struct endpoint e;
	size_t count;

	*s = (struct spending){ .app = a, .done = done, .cookie = cookie };
	a->looks++;
	endpoint_of(cs, &e);
	int64_t wait =
		a->dispatch != NULL ? dispatch_spend(a->dispatch, scope_of(&e), requests, made) : -ENOENT;
	if (wait > 0) {
		s->wait_ms = wait;
		queue_spent(a->queue, NULL, 0, 0, on_later, s);
		return;
	}
	const char **name = sharers(a->config, cs, &count);
	const struct spend what = {
		.sink = name,
		.count = count,
		.requests = requests,
		.most = made || wait == 0 ? 0 : e.per_day,
		.now_ms = clock_wall_ms(),
	};
	queue_spend(a->queue, &what, on_spend, s);
	free(name);
}

/* ---- how many ---- */

struct looking {
	struct app *app;
	spent_fn *done;
	void *cookie;
};

static void on_made(void *cookie, int rc, const struct made *made, size_t count, const struct err *err)
{
	struct looking *l = cookie;
	const struct config *c = l->app->config;
	struct spent_view *view = xcalloc(c->sink_count + 1, sizeof(*view));
	struct endpoint e, other;
	size_t n = 0;

	(void)err;
	for (size_t i = 0; rc == 0 && i < c->sink_count; i++) {
		endpoint_of(&c->sink[i], &e);
		if (e.per_day == 0)
			continue;
		view[n] = (struct spent_view){ .sink = c->sink[i].name, .most = e.per_day };
		for (size_t k = 0; k < count; k++) {
			const struct config_sink *by = config_find_sink(c, made[k].sink);
			if (by == NULL)
				continue;
			endpoint_of(by, &other);
			if (strcmp(scope_of(&other), scope_of(&e)) == 0)
				view[n].made += made[k].requests;
		}
		n++;
	}
	l->app->looks--;
	l->done(l->cookie, view, n);
	free(view);
	free(l);
}

void spend_look(struct app *a, spent_fn *done, void *cookie)
{
	const struct config *c = a->config;
	const char **name = xcalloc(c->sink_count + 1, sizeof(*name));
	struct looking *l = xcalloc(1, sizeof(*l));
	uint64_t most;
	size_t n = 0;

	*l = (struct looking){ .app = a, .done = done, .cookie = cookie };
	a->looks++;
	for (size_t i = 0; i < c->sink_count; i++)
		if (spend_counts(c, c->sink[i].name, &most))
			name[n++] = c->sink[i].name;
	queue_spent(a->queue, name, n, clock_wall_ms() - PACE_DAY_MS, on_made, l);
	free(name);
}

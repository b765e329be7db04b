/* SPDX-License-Identifier: Apache-2.0
 *
 * health.c - a look each tick, and a question to the queue in between. */
#include "daemon/desk/health.h"

#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

static const struct log_ctx log_ctx = { .who = "health" };

struct health {
	struct health_options opt;
	uv_timer_t timer;
	unsigned long beats;
	bool asked, answered, dead, closed;
	const char *why; /* NULL: well */
};

const char *health_judge(unsigned running, unsigned long beats, unsigned long before, bool answered)
{
	if (!answered)
		return "the queue's thread does not answer";
	if (running > 0 && beats == before)
		return "the workers do not get on";
	return NULL;
}

static void maybe_free(struct health *h)
{
	if (h->dead && h->closed && !h->asked)
		free(h);
}

/* What it says is of no interest; that it reads from its database is. */
static void on_answer(void *cookie, int rc, const struct block *block, size_t count, const struct err *err)
{
	struct health *h = cookie;

	(void)block;
	(void)count;
	(void)err;
	h->asked = false;
	h->answered = rc >= 0;
	maybe_free(h);
}

static void ask(struct health *h)
{
	if (h->asked)
		return;
	h->asked = true;
	h->answered = false;
	queue_blocks(h->opt.queue, on_answer, h);
}

static void on_tick(uv_timer_t *timer)
{
	struct health *h = timer->data;
	unsigned long beats = executor_beats();
	const char *why = health_judge(executor_running(h->opt.executor), beats, h->beats, h->answered);

	h->beats = beats;
	if (why != NULL && h->why == NULL)
		log_error(&log_ctx, "%s: the watchdog is no longer told that all is well", why);
	else if (why == NULL && h->why != NULL)
		log_warning(&log_ctx, "it goes on");
	h->why = why;
	if (why == NULL)
		h->opt.well(h->opt.cookie);
	else if (h->opt.ill != NULL)
		h->opt.ill(h->opt.cookie, why);
	ask(h);
}

struct health *health_new(const struct health_options *options)
{
	struct health *h = xcalloc(1, sizeof(*h));

	h->opt = *options;
	uv_timer_init(options->loop, &h->timer);
	h->timer.data = h;
	uv_timer_start(&h->timer, on_tick, (uint64_t)options->every_ms, (uint64_t)options->every_ms);
	uv_unref((uv_handle_t *)&h->timer);
	ask(h);
	return h;
}

static void on_closed(uv_handle_t *handle)
{
	struct health *h = handle->data;

	h->closed = true;
	maybe_free(h);
}

void health_free(struct health *h)
{
	if (h == NULL)
		return;
	h->dead = true;
	uv_close((uv_handle_t *)&h->timer, on_closed);
}

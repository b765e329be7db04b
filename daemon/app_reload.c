/* SPDX-License-Identifier: Apache-2.0
 *
 * app_reload.c - another configuration in a process that goes on: what is under way ends with the old one. */
#include "daemon/app_inner.h"

#include "daemon/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct retired {
	struct retired *next;
	struct config *config;
};

static void retire(struct app *a, struct config *config)
{
	struct retired *r = xcalloc(1, sizeof(*r));

	r->next = a->retired;
	r->config = config;
	a->retired = r;
}

/* Old configurations go when nothing can be reading them. */
void app_free_retired(struct app *a)
{
	if (a->before != NULL || (a->intake != NULL && intake_busy(a->intake) > 0) ||
	    (a->gather != NULL && evidence_gather_busy(a->gather) > 0))
		return;
	for (struct retired **at = &a->retired; *at != NULL;) {
		struct retired *r = *at;
		if (r->config == a->kept) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		config_free(r->config);
		free(r);
	}
}

void app_keep_config(struct app *a, const struct config *config)
{
	a->kept = config;
	app_free_retired(a);
}

static void on_before_over(uv_timer_t *timer)
{
	struct app *a = timer->data;

	uv_close((uv_handle_t *)timer, (uv_close_cb)free);
	dispatch_after(a->dispatch);
	dispatch_free(a->before);
	a->before = NULL;
	app_free_retired(a);
	app_wake(a); /* as on_stopped() */
}

/* It is in its own turn: it is freed on a later one. */
void app_before_stopped(void *cookie)
{
	struct app *a = cookie;
	uv_timer_t *timer = xcalloc(1, sizeof(*timer));

	uv_timer_init(&a->loop, timer);
	timer->data = a;
	uv_timer_start(timer, on_before_over, 0, 0);
}

static bool same_control(const struct config *a, const struct config *b)
{
	const char *ap = a->control.path, *bp = b->control.path, *ag = a->control.group,
		   *bg = b->control.group;

	return strcmp(ap != NULL ? ap : "", bp != NULL ? bp : "") == 0 &&
	       strcmp(ag != NULL ? ag : "", bg != NULL ? bg : "") == 0 && a->control.mode == b->control.mode;
}

int app_reload(struct app *a, struct config *config, struct err *err)
{
	struct config *old =
		(struct config *)(uintptr_t)a->config; /* it was given to us by the last reload */
	int64_t keep = config->keep.runs_ms;
	struct err moved = ERR_NONE;

	if (a->before != NULL)
		return err_set(err, -EBUSY,
			       "the last reload is not over: requests of then are still under way");
	a->config = config;
	/* The socket first: it is the one thing that can fail, and then nothing else has changed. */
	if (a->desk != NULL && !same_control(old, config) && desk_move(a->desk, &moved) < 0) {
		a->config = old;
		return err_set(err, moved.code, "%s", moved.text);
	}
	intake_configure(a->intake, config);
	evidence_gather_configure(a->gather, config);
	retention_keep(a->retention, app_aged(keep), app_forget_every_ms(keep));
	space_mark(a->space, config->keep.low_water);
	ceiling_mark(a->ceiling, config->keep.max_size);
	if (a->dispatch != NULL) {
		a->before = a->dispatch;
		a->dispatch = app_make_dispatch(a);
		dispatch_stop(a->before, false, app_before_stopped, a);
		dispatch_kick(a->dispatch, false);
	}
	retire(a, old);
	return 0;
}

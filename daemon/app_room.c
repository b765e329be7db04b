/* SPDX-License-Identifier: Apache-2.0
 *
 * app_room.c - room on the disk and below keep.max_size: who goes without first, and what makes way.
 *
 * Evidence is refused first, then runs that are done go early, then nothing new is taken in; at the last nothing is
 * sent either, since its outcome could not be recorded. */
#include "daemon/app_inner.h"

#include "daemon/base/clock.h"

#include <errno.h>

bool app_make_room(void *cookie)
{
	struct app *a = cookie;

	return space_give_way(a->space);
}

bool app_hold(void *cookie)
{
	struct app *a = cookie;

	return a->space != NULL && space_look(a->space) == SPACE_OUT;
}

/* Results go before evidence: it is refused while there is room for them yet. */
int app_evidence_room(void *cookie, uint64_t size, struct err *err)
{
	struct app *a = cookie;
	struct space_view v;

	if (ceiling_due(a->ceiling))
		ceiling_walk(a->ceiling); /* a worker's time */
	if (ceiling_look(a->ceiling) != CEILING_FINE)
		return err_set(err, -ENOSPC,
			       "the state directory has nearly reached keep.max_size, and results go first");
	space_view(a->space, &v);
	int64_t need = size < INT64_MAX / 4 ? (int64_t)size : INT64_MAX / 4;
	if (v.low_water == 0 || v.free_bytes - need >= v.low_water + v.low_water / 4) {
		ceiling_add(a->ceiling, need);
		return 0;
	}
	return err_set(err, -ENOSPC, "only %lld MiB are free in the state directory, and results go first",
		       (long long)(v.free_bytes >> 20));
}

static void walk(void *cookie)
{
	struct app *a = cookie;

	ceiling_walk(a->ceiling);
}

static void make_way(struct app *a)
{
	int64_t now = clock_mono_ms();

	if (ceiling_look(a->ceiling) == CEILING_FINE || now < a->room_ms || retention_busy(a->retention))
		return;
	a->room_ms = now + APP_WALK_MS / app_time_scale();
	retention_make_room(a->retention);
}

static void walked(void *cookie)
{
	struct app *a = cookie;

	a->walking = false;
	make_way(a);
}

void app_tend_room(struct app *a)
{
	if (a->walking || a->executor == NULL)
		return;
	if (ceiling_due(a->ceiling)) {
		a->walking = true;
		executor_submit(a->executor, walk, walked, a);
		return;
	}
	make_way(a);
}

static bool ceiling_reached(struct app *a, char *text, size_t size)
{
	if (!ceiling_known(a->ceiling) && ceiling_due(a->ceiling))
		ceiling_walk(a->ceiling);
	app_tend_room(a);
	return ceiling_words(a->ceiling, text, size) != NULL;
}

bool app_full(struct app *a, char *text, size_t size)
{
	if (ceiling_reached(a, text, size))
		return true;
	return space_look(a->space) != SPACE_FINE && space_words(a->space, text, size) != NULL;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * app_inner.h - what app.c, app_room.c and app_reload.c share. */
#ifndef RD_APP_INNER_H
#define RD_APP_INNER_H

#include "daemon/app.h"

enum { APP_HOUR_MS = 3600 * 1000, APP_WALK_MS = 60 * 1000 };

/* Ages have a scale of their own: what tests keep beside the code is older than their waits. */
int64_t app_aged(int64_t ms);
int64_t app_forget_every_ms(int64_t keep_ms);
void app_wake(void *cookie); /* the loop turns once more; any thread */
struct dispatch *app_make_dispatch(struct app *a);

/* ---- app_room.c: for the queue, dispatch and the evidence store; cookie: the app ---- */

bool app_make_room(void *cookie);
bool app_hold(void *cookie); /* nothing may be sent: it could not be recorded */
int app_evidence_room(void *cookie, uint64_t size, struct err *err);
/* Sizes are looked at when something wants room, and by nobody's clock. */
void app_tend_room(struct app *a);

/* ---- app_reload.c ---- */

void app_before_stopped(void *cookie); /* the dispatch of the configuration that was */
void app_free_retired(struct app *a);

#endif

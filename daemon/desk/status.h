/* SPDX-License-Identifier: Apache-2.0
 *
 * status.h - the numbers of one process and its state directory: one JSON object, for `status --json`, for
 * the screen that `status` prints from it, and for the line that systemd shows.
 *
 * Loop thread only. */
#ifndef RD_STATUS_H
#define RD_STATUS_H

#include <stddef.h>

struct app;
struct cJSON;

/* done() on a later turn; it takes ownership of the object. */
typedef void status_fn(void *cookie, struct cJSON *status);
void status_gather(struct app *a, status_fn *done, void *cookie);

#endif

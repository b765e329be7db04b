/* SPDX-License-Identifier: Apache-2.0
 *
 * desk.h - what the process that holds the state directory does for others, who ask by the control socket:
 * takes their files, ends their runs, tells them what became of it, shows and changes the queue.
 * (control/README.md has the requests.)
 *
 * A client that goes away stops nothing that was begun for it: a file in intake is taken all the same.
 * Loop thread only. */
#ifndef RD_DESK_H
#define RD_DESK_H

#include "daemon/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app;
struct desk;
struct cJSON;
struct desk_options {
	const char *command; /* of this process: "run", "import", "deliver" */
	/* A part became visible or a run ended: deliveries may be due.  NULL: dispatch, if there is one, is
	 * kicked. */
	void (*on_part)(void *cookie, bool soon);
	/* A client has gone that fed this run and did not end it.  keep: it said that it would not.  NULL. */
	void (*left)(void *cookie, int64_t run, bool keep);
	/* Adds what only this process knows to a status. */
	void (*status)(void *cookie, struct cJSON *out);
	void *cookie;
};
int desk_open(struct app *a, const struct desk_options *options, struct desk **out, struct err *err);
/* The configuration names another socket, mode or group now.  On an error the old one goes on. */
int desk_move(struct desk *d, struct err *err);
/* No further requests: clients are told off; what is under way for them ends by itself. */
void desk_stop(struct desk *d);
bool desk_busy(const struct desk *d);
bool desk_feeds(const struct desk *d, int64_t run); /* a client is there whose files joined this run */
void desk_free(struct desk *d);                     /* when it is not busy */

struct desk_counts {
	size_t clients;
	uint64_t served, refused, files;
};
/* What this process alone knows, into a status. */
void desk_add_status(const struct desk *d, struct cJSON *out);
void desk_count(const struct desk *d, struct desk_counts *out);

/* Which sinks a configuration has and how, without their secrets: two that compare equal deliver alike.
 * An object of name and digest; the caller's. */
struct config;
struct cJSON *desk_sinks(const struct config *c);
/* Where the socket of a state directory is found: DIR/control, which is the socket, or a symbolic link to
 * it; the caller frees. */
char *desk_path(const char *state_dir);

#endif

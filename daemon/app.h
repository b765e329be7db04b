/* SPDX-License-Identifier: Apache-2.0
 *
 * app.h - owns every module of one process that holds a state directory: start order, stop order.
 *
 * Loop thread only.  app_open() takes the directory and opens the queue; delivery starts with
 * app_deliver(); app_loop() runs until app_quit(); app_close() stops in the other order and syncs. */
#ifndef RD_APP_H
#define RD_APP_H

#include "daemon/ceiling.h"
#include "daemon/config/config.h"
#include "daemon/desk/desk.h"
#include "daemon/dispatch/dispatch.h"
#include "daemon/evidence/gather.h"
#include "daemon/intake/intake.h"
#include "daemon/queue/queue.h"
#include "daemon/retention.h"
#include "daemon/space.h"
#include "daemon/state.h"

#include <stdbool.h>
#include <uv.h>

struct app_options {
	const char *command; /* for the lock's text and the log */
	int64_t wait_ms;     /* how long to wait for the directory; 0: not at all */
	bool only_held;      /* of use only by who holds the directory: where nobody does, -ENOKEY */
	/* Somebody else has the directory, or it is not ours to open (why).  1: who holds it was reached by
	 * other means, and app_open() ends with -EALREADY; 0: not; negative: err says why that ends it. */
	int (*held)(void *held_cookie, const char *dir, struct err *err);
	void *held_cookie;
	void (*on_signal)(void *cookie, int signum); /* SIGINT, SIGTERM, SIGHUP; NULL: quit */
	void (*on_change)(void *cookie);             /* deliveries moved on */
	void *cookie;
};

struct app {
	struct app_options opt;
	uv_loop_t loop;
	bool loop_ready;
	const struct config *config;
	struct state state;
	struct queue *queue;
	struct queue_opened opened;
	struct executor *executor;
	struct intake *intake;
	struct transport *http, *folder;
	struct dispatch *dispatch, *before; /* before: of the configuration that was; ends its requests */
	const char *only;                   /* the one sink that is delivered to; NULL: all */
	bool dry;
	struct retention *retention;
	struct desk *desk; /* serves the control socket; NULL */
	size_t looks;      /* of outcome.h, under way */
	struct space *space;
	struct ceiling *ceiling;
	bool walking;    /* a worker looks at sizes */
	int64_t room_ms; /* mono; since when room may be made (again) */
	struct evidence_store *store;
	struct evidence_gather *gather;
	char *evidence; /* STATE/evidence */
	uv_async_t reap;
	uv_timer_t tidy;
	uv_timer_t turn; /* dispatch asked to be turned */
	int64_t turn_ms; /* mono; INT64_MAX: not armed */
	uv_signal_t signal[3];
	bool stopped, draining, hurried, queue_closed;
	const struct config *kept; /* app_keep_config() */
	struct retired *retired;   /* configurations that something under way may still read */
	int code;
};

int app_open(struct app *a, const struct config *config, const struct app_options *options, struct err *err);
/* The loop, the workers and the network only: no state directory, no queue (`check --online`). */
int app_open_online(struct app *a, const struct config *config, const struct app_options *options,
		    struct err *err);
/* Serves the control socket from now on; what it is asked is answered by desk.c.  -errno where a socket that
 * the configuration names cannot be had and must (`run`); elsewhere that is only logged. */
int app_serve(struct app *a, const struct desk_options *options, bool must, struct err *err);
/* dry: reads, but sends no write (dispatch.h).  Starts delivering, to one sink or (NULL) to all.  -EINVAL where the network cannot be had. */
int app_deliver(struct app *a, const char *only, bool dry, struct err *err);
/* Forgets what is done and old: from now on and once an hour (0), or for at most so long (one-shot commands,
 * after app_loop()). */
void app_tidy(struct app *a, int64_t max_ms);
/* Nothing new may be taken in: the disk is almost full, or keep.max_size is reached.  text: why.  May block for a
 * look at all sizes, once. */
bool app_full(struct app *a, char *text, size_t size);
/* By how much waits are shortened: 1, but in tests (RESULTD_TEST_TIME_SCALE).  Ages, as those of keep.runs, are
 * shortened by RESULTD_TEST_AGE_SCALE. */
unsigned app_time_scale(void);
/* Another configuration, which is checked: takes ownership of it, and of the old one.  The state directory and the
 * queue are the same.  -EBUSY: the last reload is not over yet; nothing has changed. */
int app_reload(struct app *a, struct config *config, struct err *err);
/* Somebody outside reads this one, and no other: it is not freed when it is replaced. */
void app_keep_config(struct app *a, const struct config *config);
/* Nothing new is sent or taken by the socket from now on; app_close() waits for what is under way. */
void app_drain(struct app *a);
/* The process ends in so long, whatever is still under way. */
void app_hurry(struct app *a, int64_t most_ms);
int app_loop(struct app *a); /* returns app_quit()'s code */
void app_quit(struct app *a, int code);
/* Ends requests (grace_ms for those under way), closes the queue, gives the directory back. */
void app_close(struct app *a, int64_t grace_ms);

#endif

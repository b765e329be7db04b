/* SPDX-License-Identifier: Apache-2.0
 *
 * app.c - start order: directory, queue, workers, network, dispatch.  Stop order: the reverse. */
#include "daemon/app_inner.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/net/folder.h"
#include "daemon/net/http.h"
#include "daemon/intake/poison.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	HURRY_MS = 2000,
	WORKERS_MAX = 8,
	LOCK_POLL_MS = 100,
	PULSE_MS = 20,
};

static void on_fatal(void *cookie, const struct err *err)
{
	(void)cookie;
	/* The database may have lost what it said was written: nothing more may be promised or sent.  The
	 * next start reads what is really there. */
	log_error(NULL, "the queue's database failed, ending: %s", err->text);
	_exit(70);
}

/* ---- clocks of tests ---- */

static unsigned test_scale(const char *variable)
{
	const char *scale = getenv(variable);
	unsigned n = scale != NULL ? (unsigned)strtoul(scale, NULL, 10) : 1;

	return n > 0 ? n : 1;
}

unsigned app_time_scale(void)
{
	return test_scale("RESULTD_TEST_TIME_SCALE");
}

int64_t app_aged(int64_t ms)
{
	return ms / test_scale("RESULTD_TEST_AGE_SCALE");
}

int64_t app_forget_every_ms(int64_t keep_ms)
{
	return (keep_ms / 2 < APP_HOUR_MS ? keep_ms / 2 : APP_HOUR_MS) / app_time_scale();
}

/* Tests of servers that do not answer need not wait as long as people do. */
static void shorten_timeouts(struct transport *http)
{
	const char *ms = getenv("RESULTD_TEST_TIMEOUT_MS");
	struct http_timeouts t = HTTP_TIMEOUTS;

	if (ms == NULL)
		return;
	t.connect_ms = t.total_ms = (unsigned)strtoul(ms, NULL, 10);
	http_set_timeouts(http, &t);
}

/* ---- workers ---- */

static void on_reap(uv_async_t *handle)
{
	struct app *a = handle->data;

	if (a->executor != NULL)
		executor_reap(a->executor);
}

void app_wake(void *cookie)
{
	struct app *a = cookie;

	uv_async_send(&a->reap);
}

/* ---- dispatch's timer ---- */

static void on_turn(uv_timer_t *handle)
{
	struct app *a = handle->data;

	a->turn_ms = INT64_MAX;
	/* It may end, and be freed, within its turn. */
	if (a->before != NULL)
		dispatch_turn(a->before);
	if (a->dispatch != NULL)
		dispatch_turn(a->dispatch);
}

static void arm(void *cookie, int64_t mono_ms)
{
	struct app *a = cookie;

	if (mono_ms >= a->turn_ms)
		return;
	int64_t wait = mono_ms - clock_mono_ms();
	a->turn_ms = mono_ms;
	uv_update_time(&a->loop);
	uv_timer_start(&a->turn, on_turn, wait > 0 ? (uint64_t)wait : 0, 0);
}

static void changed(void *cookie)
{
	struct app *a = cookie;

	if (a->opt.on_change != NULL)
		a->opt.on_change(a->opt.cookie);
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *handle, int signum)
{
	struct app *a = handle->data;

	if (a->opt.on_signal != NULL)
		a->opt.on_signal(a->opt.cookie, signum);
	else
		app_quit(a, 128 + signum);
}

static void listen_signals(struct app *a)
{
	static const int signums[3] = { SIGINT, SIGTERM, SIGHUP };

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 3; i++) {
		uv_signal_init(&a->loop, &a->signal[i]);
		a->signal[i].data = a;
		uv_signal_start(&a->signal[i], on_signal, signums[i]);
		uv_unref((uv_handle_t *)&a->signal[i]);
	}
}

/* ---- life ---- */

/* Who holds the directory may be asked; where the directory is another user's, so may he. */
static int held_by_other(struct app *a, int rc, struct err *err)
{
	struct err asked = ERR_NONE;

	bool other = rc == -EAGAIN || rc == -EACCES || rc == -EPERM || rc == -EROFS;
	if (!other || a->opt.held == NULL)
		return rc;
	int reached = a->opt.held(a->opt.held_cookie, a->config->state_dir, &asked);
	if (reached == 0)
		return rc;
	if (reached < 0)
		*err = asked;
	return reached < 0 ? reached : -EALREADY;
}

/* Nothing is made where there is no state directory yet. */
static int open_directory(struct app *a, struct err *err)
{
	const char *dir = a->config->state_dir;

	if (a->opt.only_held && access(dir, F_OK) < 0 && errno == ENOENT)
		return err_set(err, -ENOKEY, "there is no \"%s\"", dir);
	int rc = state_open(dir, a->opt.command, &a->state, err);
	if (rc < 0)
		return held_by_other(a, rc, err);
	if (!a->opt.only_held)
		return 0;
	state_close(&a->state);
	return err_set(err, -ENOKEY, "nobody holds \"%s\"", dir);
}

static int wait_for_directory(struct app *a, struct err *err)
{
	int64_t until = clock_mono_ms() + a->opt.wait_ms;
	bool said = false;

	for (;;) {
		err_clear(err);
		int rc = open_directory(a, err);
		if (rc != -EAGAIN || clock_mono_ms() >= until)
			return rc;
		if (!said)
			log_warning(NULL, "%s; waiting for it", err->text);
		said = true;
		/* flock() has no timeout, and a blocking one cannot be ended by ours. */
		poll(NULL, 0, LOCK_POLL_MS);
	}
}

static void start_workers(struct app *a)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned workers = cpus < 2 ? 2 : cpus > WORKERS_MAX ? WORKERS_MAX : (unsigned)cpus;

	uv_async_init(&a->loop, &a->reap, on_reap);
	a->reap.data = a;
	uv_timer_init(&a->loop, &a->turn);
	a->turn.data = a;
	uv_timer_init(&a->loop, &a->tidy);
	a->tidy.data = a;
	a->executor = executor_new("worker", workers, app_wake, a);
	listen_signals(a);
}

int app_open(struct app *a, const struct config *config, const struct app_options *options, struct err *err)
{
	*a = (struct app){ .opt = *options, .config = config, .turn_ms = INT64_MAX };
	umask(0077); /* the state directory is nobody else's; the local sink sets its modes itself */
	a->state.lock_fd = -1;
	int rc = wait_for_directory(a, err);
	if (rc < 0)
		return rc;
	uv_loop_init(&a->loop);
	a->loop_ready = true;
	rc = poison_open(&a->state, err);
	if (rc < 0) {
		uv_loop_close(&a->loop);
		state_close(&a->state);
		return rc;
	}
	a->space = space_new(a->state.dir, config->keep.low_water);
	a->ceiling = ceiling_new(a->state.dir, config->keep.max_size, APP_WALK_MS / app_time_scale());
	a->evidence = state_path(&a->state, "evidence");
	rc = evidence_store_open(a->state.dir, app_evidence_room, a, &a->store, err);
	if (rc < 0) {
		uv_loop_close(&a->loop);
		space_free(a->space);
		ceiling_free(a->ceiling);
		free(a->evidence);
		state_close(&a->state);
		return rc;
	}
	char *path = state_path(&a->state, "queue.db");
	struct queue_options qo = {
		.path = path,
		.expected = state_lived(&a->state),
		.loop = &a->loop,
		.on_fatal = on_fatal,
		.make_room = app_make_room,
		.cookie = a,
	};
	rc = queue_open(&qo, &a->queue, &a->opened, err);
	free(path);
	if (rc < 0) {
		uv_run(&a->loop, UV_RUN_DEFAULT);
		uv_loop_close(&a->loop);
		evidence_store_close(a->store);
		space_free(a->space);
		ceiling_free(a->ceiling);
		free(a->evidence);
		state_close(&a->state);
		return rc;
	}
	if (a->opened.replaced)
		log_error(NULL,
			  "the queue's database %s%s; a new one was begun; reports that are older are held, "
			  "since they may have been delivered (\"queue list\")",
			  a->opened.moved_to[0] != '\0' ? "was damaged and was moved to " : "is gone",
			  a->opened.moved_to);
	if (a->opened.unknown > 0)
		log_info(NULL, "%llu deliveries were interrupted while sending; each is looked up first",
			 (unsigned long long)a->opened.unknown);
	start_workers(a);
	a->intake = intake_new(a->queue, a->executor, config, &a->state, a->store);
	a->gather = evidence_gather_new(a->queue, a->executor, config, a->store);
	int64_t keep = config->keep.runs_ms;
	char *reports = state_path(&a->state, "reports");
	const struct retention_options ro = {
		.queue = a->queue,
		.executor = a->executor,
		.reports = reports,
		.store = a->store,
		.ceiling = a->ceiling,
		.keep_ms = app_aged(keep),
		.orphan_ms = app_aged(APP_HOUR_MS),
		.every_ms = app_forget_every_ms(keep),
	};
	a->retention = retention_new(&ro);
	free(reports);
	return 0;
}

int app_open_online(struct app *a, const struct config *config, const struct app_options *options,
		    struct err *err)
{
	*a = (struct app){ .opt = *options, .config = config, .turn_ms = INT64_MAX, .queue_closed = true };
	a->state.lock_fd = -1;
	uv_loop_init(&a->loop);
	a->loop_ready = true;
	start_workers(a);
	return app_deliver(a, NULL, false, err);
}

int app_serve(struct app *a, const struct desk_options *options, bool must, struct err *err)
{
	struct err why = ERR_NONE;
	int rc = desk_open(a, options, &a->desk, &why);

	if (rc < 0 && must) {
		*err = why;
		return rc;
	}
	/* Whoever wants something of the directory then waits for it, as for any lock. */
	if (rc < 0)
		log_warning(NULL, "%s; nobody else can be served meanwhile", why.text);
	return 0;
}

struct dispatch *app_make_dispatch(struct app *a)
{
	struct dispatch_options options = {
		.config = a->config,
		.queue = a->queue,
		.http = a->http,
		.folder = a->folder,
		.arm = arm,
		.changed = changed,
		.hold = app_hold,
		.cookie = a,
		.only = a->only,
		.evidence_dir = a->evidence,
		.dry = a->dry,
		.before = a->before,
		.time_scale = app_time_scale(),
	};

	return dispatch_new(&options);
}

int app_deliver(struct app *a, const char *only, bool dry, struct err *err)
{
	a->only = only;
	a->dry = dry;
	if (a->space != NULL)
		space_hold_ballast(a->space);
	a->http = http_open(&a->loop, "resultd/" RD_VERSION, err);
	if (a->http == NULL)
		return -EINVAL;
	shorten_timeouts(a->http);
	a->folder = folder_open(a->executor);
	a->dispatch = app_make_dispatch(a);
	dispatch_kick(a->dispatch, false);
	return 0;
}

/* ---- tidying, ending ---- */

static void on_hour(uv_timer_t *handle)
{
	struct app *a = handle->data;

	retention_start(a->retention);
}

static void on_tidy_over(uv_timer_t *handle)
{
	struct app *a = handle->data;

	retention_stop(a->retention);
}

static void tidied(struct app *a)
{
	while (a->walking || retention_busy(a->retention))
		uv_run(&a->loop, UV_RUN_ONCE);
}

void app_tidy(struct app *a, int64_t max_ms)
{
	if (max_ms == 0) {
		uint64_t every = (uint64_t)APP_HOUR_MS / app_time_scale();
		uv_timer_start(&a->tidy, on_hour, every, every);
		retention_start(a->retention);
		app_tend_room(a);
		return;
	}
	uv_timer_start(&a->tidy, on_tidy_over, (uint64_t)max_ms, 0);
	tidied(a);
	retention_start(a->retention);
	tidied(a);
	/* Nobody comes back later to make the room that the regular pass did not. */
	a->room_ms = 0;
	app_tend_room(a);
	tidied(a);
	uv_timer_stop(&a->tidy);
}

int app_loop(struct app *a)
{
	uv_run(&a->loop, UV_RUN_DEFAULT);
	return a->code;
}

void app_quit(struct app *a, int code)
{
	a->code = code;
	uv_stop(&a->loop);
}

static void on_stopped(void *cookie)
{
	struct app *a = cookie;

	a->stopped = true;
	/* This may be a timer's turn, after which the loop waits for what happens next: nothing will. */
	app_wake(a);
}

static void on_queue_closed(void *cookie)
{
	struct app *a = cookie;

	a->queue_closed = true;
	uv_stop(&a->loop);
}

static void on_grace_over(uv_timer_t *handle)
{
	struct app *a = handle->data;

	if (!a->stopped)
		dispatch_stop(a->dispatch, true, on_stopped, a);
	if (a->before != NULL)
		dispatch_stop(a->before, true, app_before_stopped, a);
}

static void again_signal(uv_signal_t *handle, int signum)
{
	struct app *a = handle->data;

	(void)signum;
	app_hurry(a, HURRY_MS);
	on_grace_over(&a->turn);
}

static void on_too_late(uv_timer_t *handle)
{
	struct app *a = handle->data;

	/* All that was accepted is on disk, and so is what may have been sent: this is kill -9 with a word. */
	log_warning(NULL, "ended before all was over: what was under way is looked up at the next start");
	_exit(a->code);
}

void app_hurry(struct app *a, int64_t most_ms)
{
	uv_timer_start(&a->tidy, on_too_late, (uint64_t)most_ms, 0);
}

void app_drain(struct app *a)
{
	if (a->draining)
		return;
	a->draining = true;
	if (a->tidy.timer_cb != on_too_late)
		uv_timer_stop(&a->tidy);
	if (a->desk != NULL)
		desk_stop(a->desk);
	if (a->dispatch != NULL)
		dispatch_stop(a->dispatch, false, on_stopped, a);
}

static void stop_dispatch(struct app *a, int64_t grace_ms)
{
	uv_timer_t grace;

	if (a->dispatch == NULL)
		return;
	for (int i = 0; i < 2; i++)
		uv_signal_start(&a->signal[i], again_signal, a->signal[i].signum);
	uv_timer_init(&a->loop, &grace);
	grace.data = a;
	uv_timer_start(&grace, on_grace_over, grace_ms > 0 ? (uint64_t)grace_ms : 0, 0);
	app_drain(a);
	if (grace_ms <= 0 && !a->stopped)
		dispatch_stop(a->dispatch, true, on_stopped, a);
	while (!a->stopped || a->before != NULL)
		uv_run(&a->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&grace, NULL);
	uv_run(&a->loop, UV_RUN_NOWAIT);
}

/* UV_RUN_ONCE runs due timers first and then waits for an event, also where those timers did all that was
 * waited for: with a timer that always comes, no wait below is without an end. */
static void on_pulse(uv_timer_t *handle)
{
	(void)handle;
}

void app_close(struct app *a, int64_t grace_ms)
{
	uv_timer_t pulse;

	if (!a->loop_ready)
		return;
	uv_timer_init(&a->loop, &pulse);
	uv_timer_start(&pulse, on_pulse, PULSE_MS, PULSE_MS);
	retention_stop(a->retention);
	if (a->desk != NULL)
		desk_stop(a->desk);
	stop_dispatch(a, grace_ms);
	/* Files that are being read end by themselves; their results are worth the moment. */
	while ((a->intake != NULL && intake_busy(a->intake) > 0) ||
	       (a->gather != NULL && evidence_gather_busy(a->gather) > 0) ||
	       (a->retention != NULL && retention_busy(a->retention)) || executor_pending(a->executor) > 0 ||
	       (a->desk != NULL && desk_busy(a->desk)) || a->looks > 0)
		uv_run(&a->loop, UV_RUN_ONCE);
	desk_free(a->desk);
	a->desk = NULL;
	intake_free(a->intake);
	evidence_gather_free(a->gather);
	a->intake = NULL;
	a->gather = NULL;
	retention_free(a->retention);
	/* The loop still turns below: for the queue's last writes, not for dispatch. */
	uv_timer_stop(&a->turn);
	dispatch_free(a->dispatch);
	a->dispatch = NULL;
	if (a->http != NULL)
		a->http->ops->close(a->http);
	if (a->folder != NULL)
		a->folder->ops->close(a->folder);
	executor_free(a->executor);
	a->executor = NULL; /* a worker's last call may still be on its way to the loop */
	if (a->queue != NULL)
		queue_close(a->queue, on_queue_closed, a);
	while (!a->queue_closed)
		uv_run(&a->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&pulse, NULL);
	uv_close((uv_handle_t *)&a->reap, NULL);
	uv_close((uv_handle_t *)&a->turn, NULL);
	uv_close((uv_handle_t *)&a->tidy, NULL);
	for (int i = 0; i < 3; i++)
		uv_close((uv_handle_t *)&a->signal[i], NULL);
	uv_run(&a->loop, UV_RUN_DEFAULT);
	uv_loop_close(&a->loop);
	evidence_store_close(a->store);
	a->store = NULL;
	app_keep_config(a, NULL);
	space_free(a->space);
	ceiling_free(a->ceiling);
	a->space = NULL;
	a->ceiling = NULL;
	free(a->evidence);
	a->evidence = NULL;
	state_close(&a->state);
	a->loop_ready = false;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - the daemon, in the foreground: watches, collects, delivers, until it is told to stop.
 *
 * SIGTERM, SIGINT: no new files, no new requests; those under way get 25 s (rule X1); a second one ends them.
 * SIGHUP: the configuration is read again, checked whole, and put in the place of the old one; a faulty one changes
 * nothing (rule X2).  Sinks that were locked out try again. */
#include "daemon/app.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/cli/cli.h"
#include "daemon/intake/collect.h"
#include "daemon/desk/health.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

enum { GRACE_MS = 25000, END_MS = 31000, AGAIN_MS = 500 };

struct daemon {
	struct app app;
	struct cli *cli;
	struct collect *collect;
	struct health *health;
	const struct config *collected; /* that the collector was opened with */
	const struct config *previous;  /* and the one before: until the next is open */
	int64_t began_ms;
	uv_timer_t again;
	bool again_open, stopping, reopening;
	unsigned reloads;
};

static void on_part(void *cookie, bool soon)
{
	struct daemon *d = cookie;

	if (d->app.dispatch != NULL)
		dispatch_kick(d->app.dispatch, soon);
}

static bool on_hold(void *cookie)
{
	struct daemon *d = cookie;
	char why[512];

	return app_full(&d->app, why, sizeof(why));
}

static void on_collect_closed(void *cookie)
{
	struct daemon *d = cookie;

	d->collect = NULL;
	app_quit(&d->app, d->app.code);
}

/* ---- reload ---- */

static void tell_state(const struct daemon *d, const char *first)
{
	const struct config *c = d->app.config;
	char text[512];

	snprintf(text, sizeof(text), "%sSTATUS=watching %zu directories for %zu sinks; state in %.200s",
		 first, c->watch_count, c->sink_count, c->state_dir);
	sd_notify(0, text);
}

static char *watch_text(const struct config *c, const char *name)
{
	const struct config_watch *w = config_find_watch(c, name);
	struct buf text = BUF_LIMIT(1 << 20);

	if (w == NULL || config_print_watch(c, w, &text) < 0) {
		buf_done(&text);
		return NULL;
	}
	return buf_steal(&text);
}

static bool same_strings(const struct config_strings *a, const struct config_strings *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = strcmp(a->item[i], b->item[i]) == 0;
	return same;
}

/* As far as it decides which runs a sink gets: how it delivers is not the watches' concern. */
static bool same_choice(const struct config_sink *a, const struct config_sink *b)
{
	return strcmp(a->name, b->name) == 0 && a->off == b->off && a->override == b->override &&
	       same_strings(&a->watches, &b->watches) && same_strings(&a->along, &b->along);
}

static bool same_watches(const struct config *a, const struct config *b)
{
	bool same = a->watch_count == b->watch_count && a->sink_count == b->sink_count;

	for (size_t i = 0; same && i < a->sink_count; i++)
		same = same_choice(&a->sink[i], &b->sink[i]);
	for (size_t i = 0; same && i < a->watch_count; i++) {
		char *before = watch_text(a, a->watch[i].name), *after = watch_text(b, a->watch[i].name);
		same = before != NULL && after != NULL && strcmp(before, after) == 0;
		free(before);
		free(after);
	}
	return same;
}

/* A watch that was here all the time has no `existing` files beside those of the start. */
static int64_t since(void *cookie, const char *name)
{
	const struct daemon *d = cookie;
	const struct config_watch *was = d->previous != NULL ? config_find_watch(d->previous, name) : NULL;
	const struct config_watch *is = config_find_watch(d->app.config, name);

	return was != NULL && is != NULL && strcmp(was->path, is->path) == 0 ? d->began_ms : INT64_MAX;
}

static bool on_fed(void *cookie, int64_t run)
{
	const struct daemon *d = cookie;

	return d->app.desk != NULL && desk_feeds(d->app.desk, run);
}

static void on_left(void *cookie, int64_t run, bool keep)
{
	struct daemon *d = cookie;

	/* A collector that is opened later asks for all runs that are open. */
	if (d->collect != NULL && !d->stopping && !d->reopening)
		collect_adopt(d->collect, run, keep);
}

static int open_collector(struct daemon *d, struct err *err)
{
	const struct collect_options co = {
		.loop = &d->app.loop,
		.config = d->app.config,
		.queue = d->app.queue,
		.intake = d->app.intake,
		.evidence = d->app.gather,
		.on_part = on_part,
		.hold = on_hold,
		.since = since,
		.fed = on_fed,
		.cookie = d,
	};

	d->collected = d->app.config;
	d->app.kept = d->collected;
	return collect_open(&co, &d->collect, err);
}

static void stop_now(struct daemon *d);

/* As after a restart: runs that are open go on, files that were on their way are found again. */
static void on_reopen(void *cookie)
{
	struct daemon *d = cookie;
	struct err err = ERR_NONE;

	d->collect = NULL;
	d->reopening = false;
	if (!d->stopping && open_collector(d, &err) < 0) {
		log_error(NULL, "reload: %s", err.text);
		d->stopping = true;
		d->app.code = EXIT_INTERNAL;
	}
	d->previous = NULL;
	app_keep_config(&d->app, d->collected);
	if (d->stopping)
		stop_now(d);
}

static void on_again(uv_timer_t *timer);

static void later(struct daemon *d)
{
	if (!d->again_open)
		uv_timer_init(&d->app.loop, &d->again);
	d->again_open = true;
	d->again.data = d;
	uv_timer_start(&d->again, on_again, AGAIN_MS, 0);
}

static struct config *read_config(struct daemon *d)
{
	struct config_faults faults = { 0 };
	struct config *c = NULL;
	char line[2048];

	int rc = cli_read(d->app.config->file, d->app.config->state_dir, &c, &faults);
	for (size_t i = 0; i < faults.count; i++)
		log_error(NULL, "reload: %s", err_string(&faults.item[i], line, sizeof(line)));
	config_faults_done(&faults);
	if (rc < 0)
		return NULL;
	if (d->cli->state_dir != NULL) {
		free(c->state_dir);
		c->state_dir = xstrdup(d->app.config->state_dir);
	}
	if (strcmp(c->state_dir, d->app.config->state_dir) != 0) {
		log_error(NULL, "reload: state_dir cannot change while resultd runs; restart it");
		config_free(c);
		return NULL;
	}
	return c;
}

static void swap(struct daemon *d, struct config *c)
{
	struct err err = ERR_NONE;
	bool watches = !same_watches(d->collected, c);

	if (app_reload(&d->app, c, &err) < 0) {
		log_error(NULL, "reload: %s", err.text);
		config_free(c);
		return;
	}
	d->cli->config = c;
	d->reloads++;
	log_setup(d->cli->level_given ? d->cli->level : (enum log_level)c->log.level,
		  (enum log_format)c->log.format);
	log_info(NULL, "reload: the configuration was read again; watching %zu directories for %zu sinks",
		 c->watch_count, c->sink_count);
	if (watches) {
		d->previous = d->collected;
		d->reopening = true;
		collect_close(d->collect, on_reopen, d);
	}
}

static void reload(struct daemon *d)
{
	char text[96];

	if (d->app.before != NULL || d->reopening) {
		later(d); /* the last one is not over: this one is not forgotten */
		return;
	}
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_ms() * 1000);
	sd_notify(0, text);
	struct config *c = read_config(d);
	if (c != NULL)
		swap(d, c);
	else
		log_error(NULL, "reload: nothing was changed");
	tell_state(d, "READY=1\n");
}

static void on_again(uv_timer_t *timer)
{
	struct daemon *d = timer->data;

	if (!d->stopping)
		reload(d);
}

/* ---- the end ---- */

static void stop_now(struct daemon *d)
{
	health_free(d->health);
	d->health = NULL;
	if (d->again_open)
		uv_close((uv_handle_t *)&d->again, NULL);
	d->again_open = false;
	if (d->collect != NULL)
		collect_close(d->collect, on_collect_closed, d);
	else
		app_quit(&d->app, d->app.code);
}

static void on_signal(void *cookie, int signum)
{
	struct daemon *d = cookie;

	if (signum == SIGHUP) {
		if (!d->stopping)
			reload(d);
		return;
	}
	if (d->stopping) {
		log_info(NULL, "stopping at once");
		app_hurry(&d->app, 0);
		return;
	}
	d->stopping = true;
	sd_notify(0, "STOPPING=1\nSTATUS=requests under way are ended");
	log_info(NULL, "stopping: what waits stays in %s", d->app.config->state_dir);
	app_drain(&d->app);
	app_hurry(&d->app, END_MS);
	if (!d->reopening)
		stop_now(d);
}

/* ---- watchdog ---- */

static void on_well(void *cookie)
{
	(void)cookie;
	sd_notify(0, "WATCHDOG=1");
}

static void on_ill(void *cookie, const char *why)
{
	char text[256];

	(void)cookie;
	snprintf(text, sizeof(text), "STATUS=%s", why);
	sd_notify(0, text);
}

static void watch_health(struct daemon *d)
{
	uint64_t usec = 0;

	if (sd_watchdog_enabled(0, &usec) <= 0 || usec == 0)
		return;
	int64_t every = (int64_t)(usec / 1000 / 4);
	const struct health_options ho = {
		.loop = &d->app.loop,
		.executor = d->app.executor,
		.queue = d->app.queue,
		.every_ms = every > 0 ? every : 1,
		.well = on_well,
		.ill = on_ill,
		.cookie = d,
	};
	d->health = health_new(&ho);
}

static void add_watches(const struct collect *c, cJSON *out)
{
	cJSON *list = cJSON_AddArrayToObject(out, "watches");
	const size_t max = c != NULL ? collect_view(c, NULL, 0) : 0;
	struct collect_watch *view = xcalloc(max + 1, sizeof(*view));
	const size_t n = c != NULL ? collect_view(c, view, max) : 0;

	for (size_t i = 0; i < n; i++) {
		cJSON *o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "watch", view[i].name);
		cJSON_AddStringToObject(o, "path", view[i].path);
		if (view[i].degraded != NULL)
			cJSON_AddStringToObject(o, "degraded", view[i].degraded);
		cJSON_AddNumberToObject(o, "directories", (double)view[i].directories);
		cJSON_AddNumberToObject(o, "waiting", (double)view[i].waiting);
		cJSON_AddNumberToObject(o, "scans", (double)view[i].scans);
		cJSON_AddNumberToObject(o, "overflows", (double)view[i].overflows);
		cJSON_AddNumberToObject(o, "refused", (double)view[i].refused);
		if (view[i].refused_such_as != NULL)
			cJSON_AddStringToObject(o, "refused_such_as", view[i].refused_such_as);
		cJSON_AddItemToArray(list, o);
	}
	free(view);
	const struct archive_counts *a = c != NULL ? collect_archived(c) : NULL;
	cJSON *after = cJSON_AddObjectToObject(out, "after");
	cJSON_AddNumberToObject(after, "moved", a != NULL ? (double)a->moved : 0);
	cJSON_AddNumberToObject(after, "deleted", a != NULL ? (double)a->deleted : 0);
	cJSON_AddNumberToObject(after, "stuck", a != NULL ? (double)a->stuck : 0);
	if (a != NULL && a->stuck > 0)
		cJSON_AddStringToObject(after, "reason", a->why);
}

static void add_status(void *cookie, cJSON *out)
{
	const struct daemon *d = cookie;
	const struct collect_counts *c = d->collect != NULL ? collect_counts(d->collect) : NULL;
	cJSON *o = cJSON_AddObjectToObject(out, "intake");
	const struct {
		const char *name;
		uint64_t n;
	} row[] = {
		{ "accepted", c != NULL ? c->accepted : 0 },
		{ "duplicates", c != NULL ? c->duplicates : 0 },
		{ "malformed", c != NULL ? c->malformed : 0 },
		{ "skipped", c != NULL ? c->skipped : 0 },
		{ "unreadable", c != NULL ? c->unreadable : 0 },
		{ "incomplete", c != NULL ? c->incomplete : 0 },
		{ "runs_ended", c != NULL ? c->runs_ended : 0 },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		cJSON_AddNumberToObject(o, row[i].name, (double)row[i].n);
	add_watches(d->collect, out);
	cJSON_AddNumberToObject(out, "reloads", d->reloads);
	cJSON_AddNumberToObject(out, "uptime_s", (double)(clock_wall_ms() - d->began_ms) / 1000);
}

int cmd_run(struct cli *cli, int argc, char **argv)
{
	struct daemon d = { .cli = cli };
	const struct app_options ao = { .command = "run", .on_signal = on_signal, .cookie = &d };
	struct err err = ERR_NONE;

	if (argc > 1)
		return cli_usage("run", "takes no \"%s\"", argv[1]);
	int rc = cli_load(cli);
	if (rc != EXIT_OK)
		return rc;
	if (cli->config->watch_count == 0 && cli->config->control.path == NULL)
		return cli_usage("run", "the configuration has no watch and no control socket: nothing would "
					"ever come in");
	rc = app_open(&d.app, cli->config, &ao, &err);
	if (rc < 0) {
		fprintf(stderr, "resultd: %s\n", err.text);
		return rc == -EAGAIN ? EXIT_UNDELIVERED : EXIT_INTERNAL;
	}
	const struct desk_options dk = {
		.command = "run", .on_part = on_part, .left = on_left, .status = add_status, .cookie = &d
	};
	d.began_ms = clock_wall_ms();
	rc = app_serve(&d.app, &dk, true, &err);
	if (rc == 0)
		rc = app_deliver(&d.app, NULL, false, &err);
	if (rc == 0)
		rc = open_collector(&d, &err);
	if (rc == 0) {
		log_info(NULL, "watching %zu directories for %zu sinks; state in %s",
			 cli->config->watch_count, cli->config->sink_count, cli->config->state_dir);
		tell_state(&d, "READY=1\n");
		watch_health(&d);
		app_tidy(&d.app, 0);
	} else {
		log_error(NULL, "%s", err.text);
		if (d.collect != NULL) {
			d.stopping = true;
			collect_close(d.collect, on_collect_closed, &d);
		}
	}
	int code = rc == 0 || d.collect != NULL ? app_loop(&d.app) : EXIT_INTERNAL;
	app_close(&d.app, GRACE_MS);
	log_flush();
	if (rc == 0)
		log_info(NULL, "stopped");
	return rc < 0 ? EXIT_INTERNAL : code;
}

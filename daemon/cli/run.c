/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - the daemon, in the foreground: watches, collects, delivers, until it is told to stop.
 *
 * SIGTERM, SIGINT: no new files, no new requests; those under way get 25 s (rule X1); a second one ends them.
 * SIGHUP: secrets are read again, and sinks that were locked out try again. */
#include "daemon/app.h"
#include "daemon/base/log.h"
#include "daemon/cli/cli.h"
#include "daemon/collect.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

enum { GRACE_MS = 25000 };

struct daemon {
	struct app app;
	struct cli *cli;
	struct collect *collect;
	bool stopping;
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
	app_quit(&d->app, EXIT_OK);
}

static void reload(struct daemon *d)
{
	struct err err = ERR_NONE;

	sd_notify(0, "RELOADING=1");
	if (config_reload_secrets(d->cli->config, &err) < 0)
		log_error(NULL, "reload: %s", err.text);
	else
		log_info(NULL, "reload: keys and tokens were read again");
	dispatch_unlock(d->app.dispatch);
	sd_notify(0, "READY=1");
}

static void on_signal(void *cookie, int signum)
{
	struct daemon *d = cookie;

	if (signum == SIGHUP) {
		reload(d);
		return;
	}
	if (d->stopping)
		return;
	d->stopping = true;
	sd_notify(0, "STOPPING=1");
	log_info(NULL, "stopping: what waits stays in %s", d->app.config->state_dir);
	collect_close(d->collect, on_collect_closed, d);
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
	const struct collect_options co = {
		.loop = &d.app.loop,
		.config = cli->config,
		.queue = d.app.queue,
		.intake = d.app.intake,
		.evidence = d.app.gather,
		.on_part = on_part,
		.hold = on_hold,
		.cookie = &d,
	};
	const struct desk_options dk = { .command = "run", .on_part = on_part, .cookie = &d };
	rc = app_serve(&d.app, &dk, true, &err);
	if (rc == 0)
		rc = app_deliver(&d.app, NULL, false, &err);
	if (rc == 0)
		rc = collect_open(&co, &d.collect, &err);
	if (rc == 0) {
		log_info(NULL, "watching %zu directories for %zu sinks; state in %s",
			 cli->config->watch_count, cli->config->sink_count, cli->config->state_dir);
		sd_notify(0, "READY=1");
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
	if (rc == 0)
		log_info(NULL, "stopped");
	return rc < 0 ? EXIT_INTERNAL : code;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * deliver.c - sends what waits in the state directory, then exits. */
#include "daemon/app.h"
#include "daemon/base/mem.h"
#include "daemon/cli/cli.h"
#include "daemon/cli/outcome.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct deliver {
	struct app app;
	struct run_ids runs; /* with unsettled deliveries at the start */
	struct await *await;
	struct outcome_totals totals;
	bool timed_out;
	const char *sink;
};

static void on_receipt(void *cookie, cJSON *runs)
{
	struct deliver *d = cookie;

	outcome_print(stdout, runs);
	if (d->runs.count == 0)
		printf("Nothing waits.\n");
	else if (d->timed_out)
		printf("Not all is delivered yet.\n");
	fflush(stdout);
	cJSON_Delete(runs);
	app_quit(&d->app, 0);
}

static void on_settled(void *cookie, const struct outcome_totals *totals, bool timed_out)
{
	struct deliver *d = cookie;

	d->totals = *totals;
	d->timed_out = timed_out;
	if (timed_out && totals->wait_reason != NULL)
		fprintf(stderr, "not delivered: %s\n", totals->wait_reason);
	outcome_runs(&d->app, &d->runs, on_receipt, d);
}

static void on_change(void *cookie)
{
	struct deliver *d = cookie;

	if (d->await != NULL)
		await_changed(d->await);
}

static void on_signal(void *cookie, int signum)
{
	struct deliver *d = cookie;

	if (signum == SIGHUP)
		return;
	d->timed_out = true;
	app_quit(&d->app, 0);
}

static void on_waiting(void *cookie, int rc, const struct delivery_line *line, size_t count,
		       const struct err *err)
{
	struct deliver *d = cookie;

	(void)err;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (line[i].state != DELIVERY_PARKED && line[i].run_ended)
			run_ids_add(&d->runs, line[i].run);
	}
	await_armed(d->await, true);
}

static int work(struct deliver *d, struct cli *cli, const struct await_options *wo)
{
	const struct app_options ao = {
		.command = "deliver",
		.wait_ms = wo->timeout_ms,
		.on_signal = on_signal,
		.on_change = on_change,
		.cookie = d,
	};
	struct err err = ERR_NONE;
	int rc = app_open(&d->app, cli->config, &ao, &err);

	if (rc < 0) {
		fprintf(stderr, "resultd: %s\n", err.text);
		return rc == -EAGAIN ? EXIT_UNDELIVERED : EXIT_INTERNAL;
	}
	if (app_deliver(&d->app, d->sink, false, &err) < 0) {
		fprintf(stderr, "resultd: %s\n", err.text);
		app_close(&d->app, 0);
		return EXIT_INTERNAL;
	}
	d->await = await_start(&d->app, &d->runs, wo);
	queue_lines(d->app.queue, 0, true, 10000, on_waiting, d);
	app_loop(&d->app);
	app_tidy(&d->app, TIDY_MS);
	await_free(d->await);
	d->await = NULL;
	app_close(&d->app, 25000);
	run_ids_done(&d->runs);
	if (d->totals.parked > 0)
		return EXIT_PARKED;
	return d->timed_out ? EXIT_UNDELIVERED : EXIT_OK;
}

int cmd_deliver(struct cli *cli, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "sink", required_argument, NULL, 's' },
		{ "timeout", required_argument, NULL, 't' },
		{ "progress", required_argument, NULL, 'p' },
		{ 0 },
	};
	struct deliver d = { 0 };
	struct await_options wo = { .timeout_ms = 15 * 60 * 1000, .done = on_settled, .cookie = &d };
	int progress = -1, rc = EXIT_OK, c;

	opterr = 0;
	optind = 1;
	while (rc == EXIT_OK && (c = getopt_long(argc, argv, ":", longopts, NULL)) != -1) {
		if (c == 's')
			d.sink = optarg;
		else if (c == 't')
			rc = cli_duration("deliver", "--timeout", optarg, &wo.timeout_ms);
		else if (c == 'p')
			rc = cli_progress("deliver", optarg, &progress);
		else
			rc = cli_usage("deliver", "unknown option, or one without its value: \"%s\"",
				       argv[optind - 1]);
	}
	if (rc == EXIT_OK && optind < argc)
		rc = cli_usage("deliver", "takes no \"%s\"", argv[optind]);
	if (rc == EXIT_OK)
		rc = cli_load(cli);
	if (rc != EXIT_OK)
		return rc;
	cli_quiet(cli);
	if (d.sink != NULL && config_find_sink(cli->config, d.sink) == NULL)
		return cli_usage("deliver", "--sink %s: no such sink is configured", d.sink);
	wo.progress = progress == -1 ? isatty(STDERR_FILENO) != 0 : progress == 1;
	return work(&d, cli, &wo);
}

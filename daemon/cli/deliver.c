/* SPDX-License-Identifier: Apache-2.0
 *
 * deliver.c - sends what waits in the state directory, then exits. */
#include "daemon/app.h"
#include "daemon/base/clock.h"
#include "daemon/cli/cli.h"
#include "daemon/cli/outcome.h"
#include "daemon/cli/reach.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { AGAIN_MS = 200 };

struct deliver {
	struct app app;
	struct run_ids runs; /* with unsettled deliveries at the start */
	struct await *await;
	struct outcome_totals totals;
	bool timed_out;
	const char *sink;
};

static void tell_rest(const struct deliver *d, bool any)
{
	if (!any)
		printf("Nothing waits.\n");
	else if (d->timed_out)
		printf("Not all is delivered yet.\n");
	fflush(stdout);
}

static void on_receipt(void *cookie, cJSON *runs)
{
	struct deliver *d = cookie;

	outcome_print(stdout, runs);
	tell_rest(d, d->runs.count > 0);
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
	if (rc == 0)
		run_ids_waiting(&d->runs, line, count, d->sink);
	await_armed(d->await, true);
}

/* ---- by the socket ---- */

static int ask_runs(struct control_link *link, const cJSON *ids, struct err *err)
{
	cJSON *o = cJSON_CreateObject(), *reply = NULL, *runs = cJSON_CreateArray();

	cJSON_AddStringToObject(o, "do", "receipt");
	cJSON_AddItemToObject(o, "runs", cJSON_Duplicate(ids, true));
	int rc = control_ask(link, o, -1, err);
	while (rc == 0 && (rc = reach_reply(link, -1, &reply, err)) == 0 && !reply_is(reply, "receipt")) {
		cJSON_AddItemToArray(runs, cJSON_DetachItemFromObjectCaseSensitive(reply, "run"));
		cJSON_Delete(reply);
		reply = NULL;
	}
	cJSON_Delete(reply);
	if (rc == 0)
		outcome_print(stdout, runs);
	cJSON_Delete(runs);
	return rc;
}

/* Who holds the directory delivers; here it is waited for.  -EAGAIN: it does not, or ended meanwhile. */
static int deliver_there(struct deliver *d, struct control_link *link, int64_t timeout_ms, bool progress,
			 struct err *err)
{
	cJSON *o = cJSON_CreateObject(), *reply = NULL;
	int64_t began = clock_mono_ms();

	cJSON_AddStringToObject(o, "do", "deliver");
	cJSON_AddNumberToObject(o, "timeout_ms", (double)timeout_ms);
	cJSON_AddBoolToObject(o, "progress", progress);
	if (d->sink != NULL)
		cJSON_AddStringToObject(o, "sink", d->sink);
	int rc = control_ask(link, o, -1, err);
	while (rc == 0 && (rc = reach_reply(link, -1, &reply, err)) == 0 && reply_is(reply, "progress")) {
		outcome_show(reply, "", began);
		cJSON_Delete(reply);
		reply = NULL;
	}
	if (progress)
		fputs("\r\033[K", stderr);
	if (rc == 0 && reply_is(reply, "settled")) {
		const cJSON *ids = cJSON_GetObjectItemCaseSensitive(reply, "ids");
		d->totals.parked = (size_t)reply_number(reply, "parked");
		d->timed_out = reply_flag(reply, "timed_out");
		if (d->timed_out && reply_text(reply, "reason") != NULL)
			fprintf(stderr, "not delivered: %s\n", reply_text(reply, "reason"));
		rc = ask_runs(link, ids, err);
		if (rc == 0)
			tell_rest(d, cJSON_GetArraySize(ids) > 0);
	} else if (rc == 0) {
		rc = -EAGAIN;
	}
	cJSON_Delete(reply);
	return rc == -EPIPE ? -EAGAIN : rc;
}

/* ---- here ---- */

static int deliver_here(struct deliver *d, const struct await_options *wo)
{
	const struct desk_options dk = { .command = "deliver" };
	struct err err = ERR_NONE;

	app_serve(&d->app, &dk, false, &err);
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
	return EXIT_OK;
}

static int work(struct deliver *d, struct cli *cli, struct await_options *wo)
{
	int64_t until = clock_mono_ms() + wo->timeout_ms;
	struct control_link *link = NULL;

	for (;;) {
		struct app_options ao = {
			.command = "deliver",
			.wait_ms = wo->timeout_ms,
			.only_held = cli->lacking.count > 0,
			.on_signal = on_signal,
			.on_change = on_change,
			.cookie = d,
		};
		struct err err = ERR_NONE;
		int code = reach_open(cli, &d->app, &ao, &link);
		if (code != EXIT_OK)
			return code;
		if (link == NULL) {
			code = deliver_here(d, wo);
			if (code != EXIT_OK)
				return code;
			break;
		}
		int rc = deliver_there(d, link, wo->timeout_ms, wo->progress, &err);
		control_hang_up(link);
		link = NULL;
		if (rc == 0)
			break;
		if (rc != -EAGAIN) {
			fprintf(stderr, "resultd: %s\n", err.text);
			return EXIT_USAGE;
		}
		wo->timeout_ms = until - clock_mono_ms();
		if (wo->timeout_ms <= 0) {
			fprintf(stderr,
				"resultd: the process that holds the state directory delivers nothing\n");
			return EXIT_UNDELIVERED;
		}
		poll(NULL, 0, AGAIN_MS);
	}
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
	struct await_options wo = { .timeout_ms = (int64_t)15 * 60 * 1000, .done = on_settled, .cookie = &d };
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
				       cli_stumbled(argc, argv));
	}
	if (rc == EXIT_OK && optind < argc)
		rc = cli_usage("deliver", "takes no \"%s\"", argv[optind]);
	if (rc == EXIT_OK)
		rc = cli_load_apart(cli);
	if (rc != EXIT_OK)
		return rc;
	cli_quiet(cli);
	if (d.sink != NULL && config_find_sink(cli->config, d.sink) == NULL)
		return cli_usage("deliver", "--sink %s: no such sink is configured", d.sink);
	wo.sink = d.sink;
	wo.progress = progress == -1 ? isatty(STDERR_FILENO) != 0 : progress == 1;
	return work(&d, cli, &wo);
}

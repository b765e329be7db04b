/* SPDX-License-Identifier: Apache-2.0
 *
 * check.c - validates the configuration and prints it as it was understood, secrets masked; --online also
 * logs in to every sink and verifies what it names (project, suite, statuses, fields).  Sends no write. */
#include "daemon/app.h"
#include "daemon/cli/cli.h"
#include "daemon/cli/quota.h"

#include <stdio.h>
#include <string.h>

struct check {
	struct app app;
	size_t left, wrong;
};

static void on_checked(void *cookie, const char *sink, bool ok, const char *words)
{
	struct check *c = cookie;

	if (ok) {
		printf("# %s: online, and all that the configuration names is there\n", sink);
	} else {
		fprintf(stderr, "%s: %s\n", sink, words);
		c->wrong++;
	}
	if (--c->left == 0)
		app_quit(&c->app, 0);
}

/* What was asked counts in the quota of a day, where a sink has one: it has left already. */
static void count(struct cli *cli, const struct dispatch *d)
{
	struct lane_view view[STATUS_SINKS];
	size_t n = dispatch_view(d, view, STATUS_SINKS);
	struct err err = ERR_NONE;
	int64_t wait_ms;

	for (size_t i = 0; i < n; i++) {
		if (quota_take(cli, "check", view[i].sink, (unsigned)view[i].requests, true, &wait_ms, &err) <
		    0)
			fprintf(stderr, "resultd: requests to %s are not counted in the day's quota: %s\n",
				view[i].sink, err.text);
		err_clear(&err);
	}
}

static int online(struct cli *cli, const struct config *config)
{
	struct check c = { .left = config->sink_count };
	const struct app_options ao = { .command = "check" };
	struct err err = ERR_NONE;

	if (app_open_online(&c.app, config, &ao, &err) < 0) {
		fprintf(stderr, "resultd: %s\n", err.text);
		app_close(&c.app, 0);
		return EXIT_INTERNAL;
	}
	dispatch_check(c.app.dispatch, on_checked, &c);
	int code = app_loop(&c.app);
	count(cli, c.app.dispatch);
	app_close(&c.app, 0);
	return code != 0 ? code : c.wrong > 0 ? EXIT_USAGE : EXIT_OK;
}

int cmd_check(struct cli *cli, int argc, char **argv)
{
	struct buf text = BUF_LIMIT((size_t)16 << 20);
	bool ask = argc == 2 && strcmp(argv[1], "--online") == 0;

	if (argc > 1 && !ask)
		return cli_usage("check", "what is \"%s\"?", argv[1]);
	int rc = cli_load(cli);
	if (rc != EXIT_OK)
		return rc;
	/* What goes wrong is said once, by this command. */
	log_setup(cli->level_given ? cli->level : LOG_LEVEL_NONE, LOG_FORMAT_AUTO);
	if (config_print(cli->config, &text) < 0) {
		buf_done(&text);
		fprintf(stderr, "resultd: cannot print the configuration\n");
		return EXIT_INTERNAL;
	}
	fwrite(text.data, 1, text.len, stdout);
	buf_done(&text);
	if (ask)
		rc = online(cli, cli->config);
	return rc;
}

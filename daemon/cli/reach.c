/* SPDX-License-Identifier: Apache-2.0
 *
 * reach.c - the lock first, then who holds it. */
#include "daemon/cli/reach.h"

#include "daemon/base/mem.h"
#include "daemon/control/request.h"
#include "daemon/desk/desk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { HELLO_MS = 10000 };

int reach_reply(struct control_link *link, int64_t timeout_ms, cJSON **out, struct err *err)
{
	int rc = control_reply(link, timeout_ms, out, err);

	if (rc < 0 || !reply_is(*out, "error"))
		return rc;
	const char *text = reply_text(*out, "text");
	rc = reply_number(*out, "code") == CONTROL_AGAIN ? -EAGAIN : -EINVAL;
	err_set(err, rc, "%s", text != NULL ? text : "refused");
	cJSON_Delete(*out);
	*out = NULL;
	return rc;
}

int reach_socket(const struct cli *cli, const char *command, const char *path, struct control_link **out,
		 struct err *err)
{
	struct control_link *link = NULL;
	cJSON *hello = cJSON_CreateObject(), *reply = NULL;
	int rc = control_connect(path, &link, err);

	cJSON_AddStringToObject(hello, "do", "hello");
	cJSON_AddNumberToObject(hello, "protocol", CONTROL_PROTOCOL);
	cJSON_AddStringToObject(hello, "command", command);
	if (cli->config != NULL && cli->config->file != NULL)
		cJSON_AddItemToObject(hello, "sinks", desk_sinks(cli->config));
	if (rc < 0)
		cJSON_Delete(hello);
	else
		rc = control_ask(link, hello, -1, err);
	if (rc == 0)
		rc = reach_reply(link, HELLO_MS, &reply, err);
	cJSON_Delete(reply);
	if (rc < 0) {
		control_hang_up(link);
		return rc;
	}
	*out = link;
	return 0;
}

struct reach {
	struct cli *cli;
	const char *command;
	struct control_link *link;
	bool refused;
};

/* 1: reached; 0: nobody answers (yet); negative: refused. */
static int held(void *cookie, const char *dir, struct err *err)
{
	struct reach *r = cookie;
	char *recorded = desk_path(dir);
	const char *path[] = { recorded, r->cli->config->control.path };
	int rc = -ENOENT;

	for (size_t i = 0; i < 2 && rc < 0 && rc != -EINVAL; i++) {
		if (path[i] == NULL)
			continue;
		err_clear(err);
		rc = reach_socket(r->cli, r->command, path[i], &r->link, err);
	}
	free(recorded);
	if (rc == 0)
		return 1;
	r->refused = rc == -EINVAL;
	return r->refused ? rc : 0;
}

int reach_try(struct cli *cli, struct app *a, const struct app_options *options, struct control_link **link,
	      struct err *err)
{
	struct reach r = { .cli = cli, .command = options->command };
	struct app_options ao = *options;

	*link = NULL;
	ao.held = held;
	ao.held_cookie = &r;
	int rc = app_open(a, cli->config, &ao, err);
	if (rc == -EALREADY) {
		*link = r.link;
		return 0;
	}
	return r.refused ? -EINVAL : rc == -EINVAL ? -EIO : rc;
}

int reach_open(struct cli *cli, struct app *a, const struct app_options *options, struct control_link **link)
{
	struct err err = ERR_NONE;
	int rc = reach_try(cli, a, options, link, &err);

	if (rc == 0)
		return EXIT_OK;
	if (rc == -ENOKEY)
		return cli_lacking(cli);
	fprintf(stderr, "resultd: %s\n", err.text);
	if (rc == -EINVAL)
		return EXIT_USAGE;
	return rc == -EAGAIN ? EXIT_UNDELIVERED : EXIT_INTERNAL;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * quota.c - asks for room in a daily quota, one moment at a time: whoever delivers is not kept waiting by a command
 * that runs for long. */
#include "daemon/cli/quota.h"

#include "daemon/app.h"
#include "daemon/cli/reach.h"
#include "daemon/control/request.h"
#include "daemon/spend.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { HELD_MS = 5000, ANSWER_MS = 30000 };

struct taking {
	struct app app;
	int rc;
	int64_t wait_ms;
	struct err err;
};

static void on_spend(void *cookie, int rc, int64_t wait_ms, const struct err *err)
{
	struct taking *t = cookie;

	t->rc = rc;
	t->wait_ms = wait_ms;
	if (rc < 0)
		t->err = *err;
	app_quit(&t->app, EXIT_OK);
}

static int take_there(struct control_link *link, const char *sink, unsigned requests, bool made,
		      int64_t *wait_ms, struct err *err)
{
	cJSON *o = cJSON_CreateObject(), *reply = NULL;

	cJSON_AddStringToObject(o, "do", "spend");
	cJSON_AddStringToObject(o, "sink", sink);
	cJSON_AddNumberToObject(o, "requests", requests);
	cJSON_AddBoolToObject(o, "made", made);
	int rc = control_ask(link, o, -1, err);
	if (rc == 0)
		rc = reach_reply(link, ANSWER_MS, &reply, err);
	if (rc == 0)
		*wait_ms = (int64_t)reply_number(reply, "wait_ms");
	cJSON_Delete(reply);
	return rc;
}

int quota_take(struct cli *cli, const char *command, const char *sink, unsigned requests, bool made,
	       int64_t *wait_ms, struct err *err)
{
	const struct app_options ao = { .command = command, .wait_ms = HELD_MS };
	struct taking t = { .err = ERR_NONE };
	struct control_link *link = NULL;
	uint64_t most;

	*wait_ms = 0;
	if (requests == 0 || !spend_counts(cli->config, sink, &most) ||
	    (access(cli->config->state_dir, F_OK) < 0 && errno == ENOENT))
		return 0;
	int rc = reach_try(cli, &t.app, &ao, &link, err);
	if (rc == 0 && link != NULL) {
		rc = take_there(link, sink, requests, made, wait_ms, err);
	} else if (rc == 0) {
		spend_requests(&t.app, sink, requests, made, on_spend, &t);
		int code = app_loop(&t.app);
		app_close(&t.app, 0);
		rc = code != EXIT_OK ? err_set(err, -EINTR, "a signal came") : t.rc;
		if (code == EXIT_OK && rc < 0)
			*err = t.err;
		*wait_ms = t.wait_ms;
	}
	control_hang_up(link);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * remote.h - a command that talks to one tracker now: no queue, one request after another.
 *
 * For administration (`resultd testrail`, `resultd aio`): the sink of the configuration says where and who;
 * each call sends one request and returns when its answer is there.  The pace is the sink's own, but known to
 * this command alone: a daemon beside it keeps its own count, and a 429 is waited out by both.  Only where a tracker
 * takes so many requests a day is each one counted in the state directory first (quota.h).  A read whose answer is lost is asked again; a POST or a
 * deletion never is, and is then said to be in doubt.  Loop thread only. */
#ifndef RD_CLI_REMOTE_H
#define RD_CLI_REMOTE_H

#include "daemon/app.h"
#include "daemon/cli/cli.h"
#include "daemon/dispatch/retry.h"
#include "sinks/sink.h"

struct remote {
	struct app app;
	struct cli *cli;
	bool uncounted;      /* it was said why requests cannot be counted in the daily quota */
	const char *command; /* "testrail": goes before what is said */
	const struct config_sink *config;
	const struct sink *sink;
	struct endpoint endpoint;
	struct sink_admin admin;
	struct pace pace;
	int64_t until_ms; /* mono: no wait goes beyond */
	unsigned requests;
	uv_timer_t timer;

	bool looks, doubt; /* of remote_sure(): a doubt is left to it; there is one */

	/* Of the last answer. */
	int status;      /* HTTP; 0: none came */
	char words[600]; /* of a refusal, the server's own */

	struct exchange_op *op; /* under way */
	struct reply reply;     /* ours: its body is moved here */
	bool answered, waited;
};

/* What remote_try() gives for a refusal that concerns what was asked for: 400, 403, 404 (status and words are
 * set, nothing is said).  Beside the exit codes of cli.h. */
enum { REMOTE_REFUSED = -1 };

/* Loads the configuration and opens the network.  sink: its name, NULL: the only one of this type.  Returns
 * EXIT_OK, or says what is wrong and returns the exit code; remote_close() is due in both cases. */
int remote_open(struct remote *r, struct cli *cli, const char *command, const char *type, const char *sink,
		int64_t timeout_ms);
void remote_close(struct remote *r);

/* Sends one request and waits.  doing: "delete project 3", for what is said when it fails.  On EXIT_OK *out is
 * the answer's JSON, the caller's to delete; with out == NULL any body will do, also none.  request is freed.
 * Everything but EXIT_OK has been said on standard error. */
int remote_ask(struct remote *r, struct request *request, const char *doing, cJSON **out);
/* The same, but may also return REMOTE_REFUSED. */
int remote_try(struct remote *r, struct request *request, const char *doing, cJSON **out);
/* Whether what was asked for is there now: 1; 0: it is not (yet); negative: that cannot be told. */
typedef int remote_look_fn(void *cookie);
/* remote_ask() of a write that must not happen twice: where its answer is lost, look is asked a few times before it
 * is said to be in doubt.  Seen to have happened: EXIT_OK, said, and *out is NULL. */
int remote_sure(struct remote *r, struct request *request, const char *doing, cJSON **out,
		remote_look_fn *look, void *cookie);
/* Says what remote_try() left unsaid; returns EXIT_USAGE. */
int remote_refused(const struct remote *r, const char *doing);
/* Waits, for something that goes on over there.  false: a signal came, or the time that the person gave is over. */
bool remote_pause(struct remote *r, int64_t ms);
/* "resultd testrail: ..." on standard error. */
void remote_say(const struct remote *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same, and EXIT_USAGE: what was asked for is not there, or makes no sense. */
int remote_wrong(const struct remote *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The project to work on: as given, else the sink's; NULL where neither says one (said). */
const char *remote_project(const struct remote *r, const char *given);

/* act: "deletes".  A person types the name of what is to be deleted, or gave it as --confirm.  Nothing but that name, typed
 * exactly, is a yes. */
bool remote_confirmed(const struct remote *r, const char *act, const char *what, const char *name,
		      const char *given);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * remote.c - one request after another to one tracker, and what its answers mean for the person who asked. */
#include "daemon/cli/remote.h"

#include "daemon/base/clock.h"
#include "daemon/cli/quota.h"
#include "daemon/net/transport.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRIES = 3, BETWEEN_TRIES_MS = 2000, LINE_MAX_BYTES = 1024 };

static void say(const struct remote *r, const char *fmt, va_list ap)
{
	fprintf(stderr, "resultd %s: ", r->command);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void remote_say(const struct remote *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(r, fmt, ap);
	va_end(ap);
}

int remote_wrong(const struct remote *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(r, fmt, ap);
	va_end(ap);
	return EXIT_USAGE;
}

int remote_refused(const struct remote *r, const char *doing)
{
	return remote_wrong(r, "cannot %s: %s (HTTP %d)", doing, r->words, r->status);
}

/* ---- opening ---- */

static const struct config_sink *only_sink(const struct remote *r, const struct config *config,
					   const char *type)
{
	const struct config_sink *found = NULL;

	for (size_t i = 0; i < config->sink_count; i++) {
		const struct config_sink *s = &config->sink[i];
		if (strcmp(s->type->name, type) != 0 || s->override) /* the section stands for its entries */
			continue;
		if (found != NULL) {
			remote_say(r,
				   "the configuration has several sinks of type %s (%s, %s): say which, "
				   "--sink NAME",
				   type, found->name, s->name);
			return NULL;
		}
		found = s;
	}
	if (found == NULL)
		remote_say(r, "the configuration%s%s has no sink of type %s", config->file != NULL ? " " : "",
			   config->file != NULL ? config->file : "", type);
	return found;
}

static const struct config_sink *choose(const struct remote *r, const struct config *config, const char *type,
					const char *name)
{
	if (name == NULL)
		return only_sink(r, config, type);
	const struct config_sink *s = config_find_sink(config, name);
	if (s == NULL)
		remote_say(r, "the configuration has no sink \"%s\"", name);
	else if (strcmp(s->type->name, type) != 0)
		remote_say(r, "sink \"%s\" is of type %s, not %s", name, s->type->name, type);
	return s != NULL && strcmp(s->type->name, type) == 0 ? s : NULL;
}

int remote_open(struct remote *r, struct cli *cli, const char *command, const char *type, const char *sink,
		int64_t timeout_ms)
{
	const struct app_options options = { .command = command };
	struct err err = ERR_NONE;

	*r = (struct remote){ .command = command, .cli = cli };
	reply_init(&r->reply);
	int rc = cli_load(cli);
	if (rc != EXIT_OK)
		return rc;
	/* What goes wrong is said once, by the command. */
	log_setup(cli->level_given ? cli->level : LOG_LEVEL_NONE, LOG_FORMAT_AUTO);
	r->config = choose(r, cli->config, type, sink);
	if (r->config == NULL)
		return EXIT_USAGE;
	r->sink = sink_find(type);
	r->sink->endpoint(r->config->conf, &r->endpoint);
	r->admin.base = "";
	if (r->sink->admin != NULL)
		r->sink->admin(r->config->conf, &r->admin);
	pace_init(&r->pace, r->endpoint.rate_per_minute);
	if (app_open_online(&r->app, cli->config, &options, &err) < 0) {
		remote_say(r, "%s", err.text);
		return EXIT_INTERNAL;
	}
	uv_timer_init(&r->app.loop, &r->timer);
	r->timer.data = r;
	r->until_ms = clock_mono_ms() + timeout_ms / app_time_scale();
	return EXIT_OK;
}

void remote_close(struct remote *r)
{
	if (r->timer.data != NULL)
		uv_close((uv_handle_t *)&r->timer, NULL);
	app_close(&r->app, 0);
	reply_done(&r->reply);
}

/* ---- one exchange ---- */

static void on_reply(void *cookie, const struct reply *reply)
{
	struct remote *r = cookie;

	r->op = NULL; /* first in every completion: nothing is pending now */
	reply_done(&r->reply);
	r->reply = *reply;
	r->reply.body = BUF_LIMIT(reply->body.max);
	buf_append(&r->reply.body, reply->body.data, reply->body.len);
	r->answered = true;
	uv_stop(&r->app.loop); /* or a turn whose timers brought the answer would wait for what never comes */
}

static void on_timer(uv_timer_t *handle)
{
	struct remote *r = handle->data;

	r->waited = true;
	uv_stop(&r->app.loop);
}

/* false: a signal came. */
static bool wait_ms(struct remote *r, int64_t ms)
{
	r->waited = false;
	uv_update_time(&r->app.loop);
	uv_timer_start(&r->timer, on_timer, ms > 0 ? (uint64_t)ms : 0, 0);
	while (!r->waited && r->app.code == 0)
		uv_run(&r->app.loop, UV_RUN_ONCE);
	uv_timer_stop(&r->timer);
	return r->app.code == 0;
}

bool remote_pause(struct remote *r, int64_t ms)
{
	ms /= app_time_scale();
	return clock_mono_ms() + ms <= r->until_ms && wait_ms(r, ms);
}

/* Room for one more request in the quota of the day, where there is one; EXIT_OK: it may leave. */
static int may_leave(struct remote *r, const char *doing)
{
	char iso[CLOCK_ISO_SIZE];
	struct err err = ERR_NONE;
	int64_t wait = 0;

	while (r->endpoint.per_day > 0 && !r->uncounted && r->app.code == 0) {
		int rc = quota_take(r->cli, r->command, r->config->name, 1, false, &wait, &err);
		if (rc == -EINTR) {
			app_quit(&r->app, EXIT_UNDELIVERED);
		} else if (rc < 0) {
			remote_say(r, "requests of this command are not counted in the day's quota: %s",
				   err.text);
			r->uncounted = true;
		}
		if (rc < 0 || wait == 0)
			break;
		if (clock_mono_ms() + wait > r->until_ms) {
			remote_say(r,
				   "cannot %s now: the %u requests that a day may have are made "
				   "(caps.calls of sink \"%s\"); the next one may leave at %s",
				   doing, r->endpoint.per_day, r->config->name,
				   clock_iso(clock_wall_ms() + wait, iso));
			return EXIT_UNDELIVERED;
		}
		if (!wait_ms(r, wait))
			break;
	}
	return r->app.code;
}

static bool exchange(struct remote *r, const struct request *request)
{
	int64_t wait = pace_wait_ms(&r->pace, clock_mono_ms(), true);

	if (wait > 0 && !wait_ms(r, wait))
		return false;
	pace_take(&r->pace, clock_mono_ms());
	r->answered = false;
	r->requests++;
	r->op = transport_send(r->app.http, &r->endpoint, request, on_reply, r);
	while (!r->answered) {
		if (r->app.code != 0 && r->op != NULL) {
			r->app.http->ops->cancel(r->app.http, r->op);
			r->op = NULL;
		}
		uv_run(&r->app.loop, UV_RUN_ONCE);
	}
	return true;
}

/* ---- what an answer means ---- */

static enum answer_class by_status(const struct remote *r)
{
	const struct reply *reply = &r->reply;
	enum answer_class own = r->sink->classify != NULL ? r->sink->classify(reply) : ANSWER_DEFAULT;

	if (own != ANSWER_DEFAULT)
		return own;
	if (reply->status >= 200 && reply->status < 300)
		return ANSWER_OK;
	if ((reply->status >= 300 && reply->status < 400) || reply->status == 401 || reply->status == 407)
		return ANSWER_LOCKED;
	if (reply->status == 409 || reply->status == 429 || reply->status == 503 || reply->status == 507)
		return ANSWER_WAIT;
	if (reply->status == 408 || reply->status >= 500)
		return ANSWER_UNKNOWN;
	return ANSWER_ITEM;
}

static void note_words(struct remote *r)
{
	struct arena a = ARENA_LIMIT(1 << 16);
	const struct reply *reply = &r->reply;

	if (reply->exchange != EXCHANGE_ANSWERED)
		snprintf(r->words, sizeof(r->words), "%s",
			 reply->error[0] != '\0' ? reply->error : "the exchange failed");
	else if (reply->status >= 300 && reply->status < 400)
		snprintf(r->words, sizeof(r->words), "a redirect to %.400s: check the sink's url",
			 reply->location[0] != '\0' ? reply->location : "nowhere");
	else
		snprintf(r->words, sizeof(r->words), "%s", sink_words(&a, reply));
	arena_done(&a);
}

enum verdict_of { DONE, REFUSED, LOCKED, PATIENCE, MAINTENANCE, NOT_SENT, IN_DOUBT };

static enum verdict_of judge(struct remote *r, bool want_json, cJSON **out)
{
	r->status = r->reply.status;
	note_words(r);
	switch (r->reply.exchange) {
	case EXCHANGE_ANSWERED:
		break;
	case EXCHANGE_NOT_SENT:
	case EXCHANGE_NO_FILE:
		return NOT_SENT;
	case EXCHANGE_REFUSED_TLS:
		return LOCKED;
	case EXCHANGE_LOST:
	case EXCHANGE_TOO_LARGE:
	case EXCHANGE_CANCELLED:
		r->status = 0;
		return IN_DOUBT;
	}
	switch (by_status(r)) {
	case ANSWER_OK:
		if (want_json) {
			*out = sink_json(&r->reply);
			if (*out == NULL) {
				snprintf(r->words, sizeof(r->words), "the answer is %s",
					 r->reply.body.len == 0 ? "empty" : "not the JSON that is due");
				return IN_DOUBT;
			}
		}
		return DONE;
	case ANSWER_LOCKED:
		return LOCKED;
	case ANSWER_WAIT:
		return r->status == 429 ? PATIENCE : MAINTENANCE;
	case ANSWER_UNKNOWN:
		return IN_DOUBT;
	case ANSWER_DEFAULT:
	case ANSWER_ITEM:
	case ANSWER_TOO_LARGE:
	case ANSWER_MISSING:
	case ANSWER_FORBIDDEN:
		break;
	}
	return REFUSED;
}

/* The server asks for patience: waited for, where the time that the person gave allows it. */
static int be_patient(struct remote *r, const char *doing)
{
	int64_t told = retry_limited_ms(r->reply.retry_after_s, 0), wait = told / app_time_scale();

	if (clock_mono_ms() + wait > r->until_ms) {
		remote_say(r, "cannot %s now: the server takes no more requests for %" PRId64 " s (HTTP 429)",
			   doing, told / 1000);
		return EXIT_UNDELIVERED;
	}
	remote_say(r, "the server takes no more requests for %" PRId64 " s (HTTP 429): waiting", told / 1000);
	return wait_ms(r, wait) ? EXIT_OK : r->app.code;
}

static int give_up(struct remote *r, const char *doing, enum verdict_of what, bool write)
{
	if (r->looks && write && (what == IN_DOUBT || (what == MAINTENANCE && r->status == 503))) {
		r->doubt = true;
		return EXIT_UNDELIVERED;
	}
	switch (what) {
	case LOCKED:
		return remote_wrong(r, "cannot %s: %s%s (HTTP %d): check url and login of sink \"%s\"", doing,
				    r->status == 401 ? "the login is refused: " : "", r->words, r->status,
				    r->config->name);
	case MAINTENANCE:
		remote_say(r, "cannot %s now: %s (HTTP %d)%s", doing, r->words, r->status,
			   write && r->status == 503
				   ? "; it may have happened all the same: look before you repeat it"
				   : "; try again later");
		return EXIT_UNDELIVERED;
	case NOT_SENT:
		remote_say(r, "cannot %s: %s", doing, r->words);
		return EXIT_UNDELIVERED;
	case IN_DOUBT:
		if (write)
			remote_say(r, "%s: %s; it may have happened: look before you repeat it", doing,
				   r->words);
		else
			remote_say(r, "cannot %s: %s", doing, r->words);
		return EXIT_UNDELIVERED;
	case DONE:
	case REFUSED:
	case PATIENCE:
		break;
	}
	return EXIT_INTERNAL;
}

int remote_try(struct remote *r, struct request *request, const char *doing, cJSON **out)
{
	/* Putting the same thing twice is putting it once; a POST or a deletion is another matter. */
	bool write = (request->method == METHOD_POST && !request->reads) || request->method == METHOD_DELETE;
	int rc = buf_error(&request->path) != 0 || buf_error(&request->body) != 0
			 ? remote_wrong(r, "cannot %s: the request is too long", doing)
			 : EXIT_OK;

	if (out != NULL)
		*out = NULL;
	for (unsigned tries = 1; rc == EXIT_OK; tries++) {
		rc = may_leave(r, doing);
		if (rc != EXIT_OK)
			break;
		if (!exchange(r, request)) {
			rc = r->app.code;
			break;
		}
		enum verdict_of what = judge(r, out != NULL, out);
		if (what == DONE)
			break;
		if (what == REFUSED) {
			rc = REMOTE_REFUSED;
		} else if (what == PATIENCE) {
			rc = be_patient(r, doing);
		} else if (r->app.code == 0 && tries < TRIES &&
			   ((what == IN_DOUBT && !write) || what == NOT_SENT)) {
			if (!wait_ms(r, (int64_t)BETWEEN_TRIES_MS * tries / app_time_scale()))
				rc = r->app.code;
		} else {
			rc = give_up(r, doing, what, write);
		}
	}
	request_done(request);
	if (r->app.code != 0 && out != NULL) {
		cJSON_Delete(*out);
		*out = NULL;
	}
	/* Interrupted: what was under way has been said to be in doubt where it may have happened. */
	return r->app.code != 0 ? r->app.code : rc;
}

int remote_ask(struct remote *r, struct request *request, const char *doing, cJSON **out)
{
	int rc = remote_try(r, request, doing, out);

	return rc == REMOTE_REFUSED ? remote_refused(r, doing) : rc;
}

int remote_sure(struct remote *r, struct request *request, const char *doing, cJSON **out,
		remote_look_fn *look, void *cookie)
{
	static const int64_t after_ms[] = { 2000, 5000, 10000 };
	char words[sizeof(r->words)];
	int there = 0;

	r->looks = true;
	r->doubt = false;
	int rc = remote_ask(r, request, doing, out);
	r->looks = false;
	if (!r->doubt)
		return rc;
	snprintf(words, sizeof(words), "%s", r->words);
	for (size_t i = 0; i < sizeof(after_ms) / sizeof(after_ms[0]) && there == 0; i++) {
		if (!remote_pause(r, after_ms[i]))
			break;
		there = look(cookie);
	}
	if (there > 0) {
		remote_say(r, "%s: %s; a look shows that it is done", doing, words);
		return EXIT_OK;
	}
	remote_say(r, "%s: %s; it may have happened%s: look before you repeat it", doing, words,
		   there == 0 ? ", though nothing of it is to be seen yet" : "");
	return r->app.code != 0 ? r->app.code : EXIT_UNDELIVERED;
}

/* ---- persons ---- */

const char *remote_project(const struct remote *r, const char *given)
{
	const char *name = given;

	if (name == NULL)
		name = r->admin.project;
	if (name == NULL)
		remote_say(r, "sink \"%s\" names no project: say which, --project NAME", r->config->name);
	return name;
}

bool remote_confirmed(const struct remote *r, const char *act, const char *what, const char *name,
		      const char *given)
{
	char line[LINE_MAX_BYTES];

	if (given == NULL) {
		fprintf(stderr,
			"This %s %s \"%s\" with everything in it, for good.\nType its name to go on: ", act,
			what, name);
		fflush(stderr);
		if (fgets(line, sizeof(line), stdin) == NULL)
			line[0] = '\0';
		line[strcspn(line, "\r\n")] = '\0';
		if (!isatty(STDIN_FILENO))
			fputc('\n', stderr);
		given = line;
	}
	if (strcmp(given, name) == 0)
		return true;
	remote_say(r, "that is not the name of the %s: nothing was done", what);
	return false;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * desk/answers.c - what clients want to know: what became of runs, the queue and its verbs, the status. */
#include "daemon/desk/session.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/cli/cli.h"
#include "daemon/desk/status.h"
#include "daemon/spend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 10000, CALM = 4 << 20 };

static void read_runs(const struct control_request *r, struct run_ids *out)
{
	const cJSON *list = control_field(r, "runs");

	for (const cJSON *v = list != NULL ? list->child : NULL; v != NULL; v = v->next)
		run_ids_add(out, (int64_t)v->valuedouble);
}

/* This process delivers nothing, or not there: who asked does it himself when it has ended. */
static void send_later(struct session *s)
{
	session_send(s, session_reply("later"));
}

/* ---- await, deliver ---- */

struct waiting {
	struct session *session;
	struct run_ids runs;
	struct await *await;
	char *sink;
	bool progress, deliver;
	struct await_options opt;
};

static void waiting_free(struct waiting *w)
{
	struct session *s = w->session;

	await_free(w->await);
	run_ids_done(&w->runs);
	free(w->sink);
	free(w);
	s->waiting = NULL;
	session_release(s);
}

static cJSON *totals_reply(const char *re, const struct outcome_totals *t)
{
	cJSON *o = session_reply(re);
	const struct {
		const char *name;
		uint64_t n;
	} row[] = {
		{ "runs", t->runs },           { "deliveries", t->deliveries },
		{ "delivered", t->delivered }, { "waiting", t->waiting },
		{ "parked", t->parked },       { "owed", t->owed },
		{ "posted", t->posted },       { "parked_tests", t->parked_tests },
		{ "requests", t->requests },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		cJSON_AddNumberToObject(o, row[i].name, (double)row[i].n);
	if (t->wait_reason != NULL)
		cJSON_AddStringToObject(o, "reason", t->wait_reason);
	return o;
}

static void on_moved(void *cookie, const struct outcome_totals *t)
{
	struct waiting *w = cookie;
	struct session *s = w->session;

	if (w->progress && s->client != NULL && control_unsent(s->client) < CALM)
		session_send(s, totals_reply("progress", t));
}

static void on_settled(void *cookie, const struct outcome_totals *t, bool timed_out)
{
	struct waiting *w = cookie;
	cJSON *o = totals_reply("settled", t);

	cJSON_AddBoolToObject(o, "timed_out", timed_out);
	if (w->deliver) {
		cJSON *list = cJSON_AddArrayToObject(o, "ids");
		for (size_t i = 0; i < w->runs.count; i++)
			cJSON_AddItemToArray(list, cJSON_CreateNumber((double)w->runs.id[i]));
	}
	session_send(w->session, o);
	waiting_free(w);
}

static struct waiting *waiting_new(struct session *s, const struct control_request *r)
{
	struct waiting *w = xcalloc(1, sizeof(*w));
	int64_t timeout = control_number(r, "timeout_ms"), most = (int64_t)365 * 86400 * 1000;

	w->session = s;
	w->sink = xstrdup(control_text(r, "sink"));
	w->progress = control_flag(r, "progress");
	w->opt = (struct await_options){
		.timeout_ms = timeout < most ? timeout : most,
		.sink = w->sink,
		.moved = on_moved,
		.done = on_settled,
		.cookie = w,
	};
	s->waiting = w;
	session_hold(s);
	return w;
}

static bool delivers(const struct app *a, const char *sink)
{
	if (a->dispatch == NULL || a->dry)
		return false;
	return a->only == NULL || (sink != NULL && strcmp(a->only, sink) == 0);
}

void session_await(struct session *s, struct control_request *r)
{
	if (s->waiting != NULL) {
		session_fail(s, EXIT_USAGE, "one wait at a time");
		return;
	}
	if (!delivers(s->desk->app, NULL)) {
		send_later(s);
		return;
	}
	struct waiting *w = waiting_new(s, r);
	read_runs(r, &w->runs);
	w->await = await_start(s->desk->app, &w->runs, &w->opt);
	await_armed(w->await, true);
}

static void on_waiting_lines(void *cookie, int rc, const struct delivery_line *line, size_t count,
			     const struct err *err)
{
	struct waiting *w = cookie;

	(void)err;
	w->session->desk->app->looks--;
	if (w->session->client == NULL) {
		waiting_free(w);
		return;
	}
	if (rc == 0)
		run_ids_waiting(&w->runs, line, count, w->sink);
	w->await = await_start(w->session->desk->app, &w->runs, &w->opt);
	await_armed(w->await, true);
}

void session_deliver(struct session *s, struct control_request *r)
{
	struct app *a = s->desk->app;
	const char *sink = control_text(r, "sink");

	if (s->waiting != NULL) {
		session_fail(s, EXIT_USAGE, "one wait at a time");
		return;
	}
	if (sink != NULL && config_find_sink(a->config, sink) == NULL) {
		session_fail(s, EXIT_USAGE, "--sink: no such sink is configured");
		return;
	}
	if (!delivers(a, sink)) {
		send_later(s);
		return;
	}
	struct waiting *w = waiting_new(s, r);
	w->deliver = true;
	dispatch_kick(a->dispatch, false);
	a->looks++;
	queue_lines(a->queue, 0, true, LINES_MAX, on_waiting_lines, w);
}

/* ---- receipt ---- */

static void on_receipt(void *cookie, cJSON *runs)
{
	struct session *s = cookie;

	/* A line a run: no line is longer than its run makes it. */
	while (cJSON_GetArraySize(runs) > 0) {
		cJSON *o = session_reply("run");
		cJSON_AddItemToObject(o, "run", cJSON_DetachItemFromArray(runs, 0));
		session_send(s, o);
	}
	cJSON_Delete(runs);
	session_send(s, session_reply("receipt"));
	session_release(s);
}

void session_receipt(struct session *s, struct control_request *r)
{
	struct run_ids runs = { 0 };

	read_runs(r, &runs);
	session_hold(s);
	outcome_runs(s->desk->app, &runs, on_receipt, s);
	run_ids_done(&runs);
}

/* ---- the queue's verbs ---- */

struct asking {
	struct queue_view view;
	struct session *session;
	struct control_request request; /* whose strings the view points to */
	char *out, *err;
	size_t out_len, err_len;
	bool asked, changes;
};

static void on_quit(struct queue_view *v, int code)
{
	struct asking *k = v->cookie;
	struct session *s = k->session;
	cJSON *o = session_reply("exit");

	fclose(v->out);
	fclose(v->err);
	cJSON_AddNumberToObject(o, "code", code);
	cJSON_AddStringToObject(o, "out", k->out != NULL ? k->out : "");
	cJSON_AddStringToObject(o, "err", k->err != NULL ? k->err : "");
	session_send(s, o);
	if (k->changes)
		desk_kick(s->desk, false);
	queue_view_done(v);
	control_request_done(&k->request);
	free(k->out);
	free(k->err);
	free(k);
	s->asking = NULL;
	session_release(s);
}

static void on_ask(struct queue_view *v, const char *question)
{
	struct asking *k = v->cookie;
	cJSON *o = session_reply("ask");

	if (k->session->client == NULL) {
		cJSON_Delete(o);
		v->answered(v, false);
		return;
	}
	k->asked = true;
	cJSON_AddStringToObject(o, "text", question);
	session_send(k->session, o);
}

void session_answer(struct session *s, struct control_request *r)
{
	struct asking *k = s->asking;

	if (k == NULL || !k->asked) {
		session_fail(s, EXIT_USAGE, "an answer to no question");
		return;
	}
	k->asked = false;
	k->view.answered(&k->view, control_flag(r, "yes"));
}

void session_queue(struct session *s, struct control_request *r)
{
	const char *verb = control_text(r, "verb");
	const cJSON *ids = control_field(r, "ids");
	bool changes = false;

	if (s->asking != NULL || !queue_verb_known(verb, &changes)) {
		session_fail(s, EXIT_USAGE,
			     s->asking != NULL ? "one verb at a time" : "there is no such verb");
		return;
	}
	if (changes && !s->peer.master) {
		session_fail(
			s, EXIT_USAGE,
			"only root and the user that resultd runs as may change the queue, or carry it away");
		return;
	}
	struct asking *k = xcalloc(1, sizeof(*k));
	k->session = s;
	k->request = *r;
	*r = (struct control_request){ .fd = -1, .what = r->what };
	k->changes = changes;
	k->view = (struct queue_view){
		.app = s->desk->app,
		.all = control_flag(&k->request, "all"),
		.json = control_flag(&k->request, "json"),
		.yes = control_flag(&k->request, "yes"),
		.force = control_flag(&k->request, "force"),
		.move = control_flag(&k->request, "move"),
		.reason = control_text(&k->request, "reason"),
		.file = control_text(&k->request, "file"),
		.file_fd = k->request.fd,
		.out = open_memstream(&k->out, &k->out_len),
		.err = open_memstream(&k->err, &k->err_len),
		.ask = on_ask,
		.quit = on_quit,
		.cookie = k,
	};
	k->view.id = xcalloc(ids != NULL ? (size_t)cJSON_GetArraySize(ids) + 1 : 1, sizeof(int64_t));
	for (const cJSON *v = ids != NULL ? ids->child : NULL; v != NULL; v = v->next)
		k->view.id[k->view.count++] = (int64_t)v->valuedouble;
	s->asking = k;
	session_hold(s);
	if (changes)
		session_log(s, verb);
	queue_verb_begin(&k->view, verb);
}

/* ---- status ---- */

static void on_status(void *cookie, cJSON *status)
{
	struct session *s = cookie;
	cJSON *o = session_reply("status");

	cJSON_AddItemToObject(o, "status", status);
	session_send(s, o);
	session_release(s);
}

void session_status(struct session *s, struct control_request *r)
{
	(void)r;
	session_hold(s);
	status_gather(s->desk->app, on_status, s);
}

/* ---- requests of commands, in a daily quota ---- */

static void on_spend(void *cookie, int rc, int64_t wait_ms, const struct err *err)
{
	struct session *s = cookie;

	if (rc < 0) {
		session_fail(s, EXIT_INTERNAL, err->text);
	} else {
		cJSON *o = session_reply("spend");
		cJSON_AddNumberToObject(o, "wait_ms", (double)wait_ms);
		session_send(s, o);
	}
	session_release(s);
}

void session_spend(struct session *s, struct control_request *r)
{
	const char *sink = control_text(r, "sink");
	int64_t requests = control_number(r, "requests");
	uint64_t most;

	if (!s->peer.master) {
		session_fail(s, EXIT_USAGE,
			     "only root and the user that resultd runs as may spend of a daily quota");
		return;
	}
	if (!spend_counts(s->desk->app->config, sink, &most)) {
		session_fail(s, EXIT_USAGE, "no sink of this name has a daily quota");
		return;
	}
	/* More than a quota in one go is a mistake, or malice. */
	if (requests < 1 || (uint64_t)requests > most) {
		session_fail(s, EXIT_USAGE, "so many requests cannot be spent");
		return;
	}
	session_hold(s);
	spend_requests(s->desk->app, sink, (unsigned)requests, control_flag(r, "made"), on_spend, s);
}

/* ---- a client is gone ---- */

void session_gone(struct session *s)
{
	if (s->waiting != NULL && s->waiting->await != NULL)
		waiting_free(s->waiting);
	if (s->asking != NULL && s->asking->asked) {
		s->asking->asked = false;
		s->asking->view.answered(&s->asking->view, false);
	}
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * desk.c - sessions: one a client.
 *
 * Invariant: a session lives until its client is gone and nothing is under way for it (refs). */
#include "daemon/desk/desk.h"

#include "daemon/app.h"
#include "daemon/base/clock.h"
#include "daemon/base/digest.h"
#include "daemon/base/list.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/cli/cli.h"
#include "daemon/desk/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Requests of one client that are worked for; the rest waits in the socket.  At most two of them can last (a wait,
 * and a verb that asks back), so what stands behind, an answer to that too, has its turn. */
enum { AT_ONCE = 16 };

static const struct log_ctx log_ctx = { .who = "control" };

/* ---- sessions ---- */

cJSON *session_reply(const char *re)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "re", re);
	return o;
}

void session_send(struct session *s, cJSON *reply)
{
	if (s->client != NULL)
		control_send(s->client, reply);
	else
		cJSON_Delete(reply);
}

void session_fail(struct session *s, int code, const char *text)
{
	cJSON *o = session_reply("error");

	cJSON_AddNumberToObject(o, "code", code);
	cJSON_AddStringToObject(o, "text", text);
	s->desk->counts.refused++;
	session_send(s, o);
	if (s->client != NULL)
		control_end(s->client);
}

void session_hold(struct session *s)
{
	s->refs++;
	if (s->refs == 1 && s->client != NULL)
		control_busy(s->client, true);
	if (s->refs == AT_ONCE && s->client != NULL)
		control_hold(s->client, true);
}

static bool has_ended(const struct session *s, int64_t run)
{
	for (size_t i = 0; i < s->ended.count; i++)
		if (s->ended.id[i] == run)
			return true;
	return false;
}

static void session_free(struct session *s)
{
	const struct desk_options *opt = &s->desk->opt;

	list_remove(&s->link);
	for (size_t i = 0; i < s->runs.count && opt->left != NULL; i++) {
		if (!has_ended(s, s->runs.id[i]))
			opt->left(opt->cookie, s->runs.id[i], control_flag(&s->open, "keep_open"));
	}
	run_ids_done(&s->ended);
	control_request_done(&s->open);
	context_free(s->context);
	session_forget_awaited(s);
	session_forget_bases(s);
	run_ids_done(&s->runs);
	arena_done(&s->arena);
	free(s->set.key);
	free(s->set.value);
	free(s->sinks);
	free(s);
}

void session_release(struct session *s)
{
	s->refs--;
	if (s->refs == AT_ONCE - 1 && s->client != NULL)
		control_hold(s->client, false);
	else if (s->refs == 0 && s->client != NULL)
		control_busy(s->client, false);
	else if (s->refs == 0)
		session_free(s);
}

static void *opened(void *cookie, struct control_client *c, const struct control_peer *peer)
{
	struct desk *d = cookie;
	struct session *s = xcalloc(1, sizeof(*s));

	s->desk = d;
	s->client = c;
	s->peer = *peer;
	s->open.fd = -1;
	s->arena = ARENA_LIMIT(1 << 20);
	list_append(&d->sessions, &s->link);
	d->counts.served++;
	return s;
}

static void closed(void *cookie)
{
	struct session *s = cookie;

	s->client = NULL;
	session_hold(s); /* what ends now must not free it under us */
	session_gone(s);
	session_release(s);
}

/* ---- hello ---- */

cJSON *desk_sinks(const struct config *c)
{
	cJSON *o = cJSON_CreateObject();

	for (size_t i = 0; i < c->sink_count; i++) {
		struct buf text = BUF_LIMIT(1 << 20);
		uint8_t sum[DIGEST_SIZE];
		char hex[DIGEST_HEX_SIZE];
		struct digest *digest = digest_new();
		config_print_sink(c, &c->sink[i], &text);
		digest_add(digest, text.data, text.len);
		digest_get(digest, sum);
		digest_hex(sum, sizeof(sum), hex);
		cJSON_AddStringToObject(o, c->sink[i].name, hex);
		digest_free(digest);
		buf_done(&text);
	}
	return o;
}

/* The first sink that one side has and the other lacks, or has otherwise. */
static const char *differs(const cJSON *theirs, const cJSON *ours)
{
	for (const cJSON *a = theirs->child; a != NULL; a = a->next) {
		const cJSON *b = cJSON_GetObjectItemCaseSensitive(ours, a->string);
		if (b == NULL || strcmp(a->valuestring, b->valuestring) != 0)
			return a->string;
	}
	for (const cJSON *b = ours->child; b != NULL; b = b->next)
		if (cJSON_GetObjectItemCaseSensitive(theirs, b->string) == NULL)
			return b->string;
	return NULL;
}

static void do_hello(struct session *s, struct control_request *r)
{
	struct app *a = s->desk->app;
	const cJSON *sinks = control_field(r, "sinks");
	char text[1024];

	if (control_number(r, "protocol") != CONTROL_PROTOCOL) {
		snprintf(text, sizeof(text),
			 "this is resultd " RD_VERSION ", which speaks version %d of the control protocol",
			 CONTROL_PROTOCOL);
		session_fail(s, EXIT_USAGE, text);
		return;
	}
	cJSON *ours = desk_sinks(a->config);
	const char *name = sinks != NULL ? differs(sinks, ours) : NULL;
	if (name != NULL)
		snprintf(text, sizeof(text),
			 "the sinks of your configuration are not those of process %ld (resultd %s), which "
			 "holds "
			 "\"%s\": \"%.64s\" differs",
			 (long)getpid(), s->desk->opt.command, a->config->state_dir, name);
	cJSON_Delete(ours);
	if (name != NULL) {
		session_fail(s, EXIT_USAGE, text);
		return;
	}
	s->greeted = true;
	cJSON *o = session_reply("hello");
	cJSON_AddNumberToObject(o, "protocol", CONTROL_PROTOCOL);
	cJSON_AddStringToObject(o, "version", RD_VERSION);
	cJSON_AddStringToObject(o, "command", s->desk->opt.command);
	cJSON_AddNumberToObject(o, "pid", (double)getpid());
	cJSON_AddStringToObject(o, "state_dir", a->config->state_dir);
	cJSON_AddBoolToObject(o, "delivers", a->dispatch != NULL && !a->dry);
	session_send(s, o);
}

/* ---- requests ---- */

static void on_request(void *cookie, struct control_request *r)
{
	static void (*const todo[])(struct session * s, struct control_request * r) = {
		[CONTROL_HELLO] = do_hello,
		[CONTROL_OPEN] = session_open,
		[CONTROL_CONTEXT] = session_context,
		[CONTROL_FILE] = session_file,
		[CONTROL_KEY] = session_key,
		[CONTROL_END] = session_end,
		[CONTROL_EVIDENCE] = session_evidence,
		[CONTROL_GIVE] = session_give,
		[CONTROL_AWAIT] = session_await,
		[CONTROL_DELIVER] = session_deliver,
		[CONTROL_RECEIPT] = session_receipt,
		[CONTROL_QUEUE] = session_queue,
		[CONTROL_ANSWER] = session_answer,
		[CONTROL_STATUS] = session_status,
		[CONTROL_SPEND] = session_spend,
	};
	struct session *s = cookie;
	_Static_assert(sizeof(todo) / sizeof(todo[0]) == CONTROL_SPEND + 1, "a request without its function");

	if (!s->greeted && r->what != CONTROL_HELLO) {
		session_fail(s, EXIT_USAGE, "the first request is \"hello\"");
		return;
	}
	session_hold(s);
	todo[r->what](s, r);
	session_release(s);
}

/* ---- life ---- */

char *desk_path(const char *state_dir)
{
	return xasprintf("%s/control", state_dir);
}

/* The way to a socket elsewhere is recorded in the state directory. */
static int record(const struct desk *d, const char *path, struct err *err)
{
	char *at = desk_path(d->app->state.dir), *beside = xasprintf("%s.link", at);
	int rc = 0;

	unlink(beside);
	if (symlink(path, beside) < 0 || rename(beside, at) < 0)
		rc = err_set(err, -errno, "cannot record the control socket in \"%s\": %s", at,
			     strerror(errno));
	free(beside);
	free(at);
	return rc;
}

static int serve(struct desk *d, struct control_server **out, struct err *err)
{
	const struct config *c = d->app->config;
	char *own = desk_path(d->app->state.dir);
	const char *path = c->control.path != NULL ? c->control.path : own;
	const bool elsewhere = strcmp(path, own) != 0;
	/* We hold the directory: whatever lies there is our own, or what a process left that died.  It is replaced,
	 * and not removed before: where a reload fails, it is the way to the socket that goes on. */
	const struct control_options options = {
		.loop = &d->app->loop,
		.path = path,
		.mode = c->control.path != NULL ? (unsigned)c->control.mode : 0600,
		.group = c->control.path != NULL ? c->control.group : NULL,
		.ours = !elsewhere,
		.instead = d->server,
		.opened = opened,
		.request = on_request,
		.closed = closed,
		.cookie = d,
	};

	int rc = control_open(&options, out, err);
	if (rc == 0 && elsewhere)
		rc = record(d, path, err);
	free(own);
	return rc;
}

int desk_open(struct app *a, const struct desk_options *options, struct desk **out, struct err *err)
{
	struct desk *d = xcalloc(1, sizeof(*d));

	d->app = a;
	d->opt = *options;
	list_init(&d->sessions);
	*out = d;
	int rc = serve(d, &d->server, err);
	if (rc < 0 && d->server == NULL) {
		free(d);
		*out = NULL;
	}
	return rc;
}

static void on_old_closed(void *cookie)
{
	struct desk *d = cookie;

	d->closing--;
}

int desk_move(struct desk *d, struct err *err)
{
	struct control_server *next = NULL;

	int rc = serve(d, &next, err);
	if (next == NULL)
		return rc;
	d->closing++;
	control_close(d->server, on_old_closed, d);
	d->server = next;
	return rc;
}

void desk_stop(struct desk *d)
{
	if (d->server == NULL)
		return;
	char *own = desk_path(d->app->state.dir);
	unlink(own);
	free(own);
	d->closing++;
	control_close(d->server, on_old_closed, d);
	d->server = NULL;
}

bool desk_feeds(const struct desk *d, int64_t run)
{
	list_each(link, &d->sessions) {
		const struct session *s = list_entry(link, struct session, link);
		if (session_joined(s, run) && !has_ended(s, run))
			return true;
	}
	return false;
}

bool desk_busy(const struct desk *d)
{
	return d->closing > 0 || !list_empty(&d->sessions);
}

void desk_free(struct desk *d)
{
	free(d);
}

void desk_count(const struct desk *d, struct desk_counts *out)
{
	*out = d->counts;
	out->clients = d->server != NULL ? control_clients(d->server) : 0;
}

void desk_add_status(const struct desk *d, cJSON *out)
{
	cJSON *o = cJSON_AddObjectToObject(out, "control");

	cJSON_AddNumberToObject(o, "clients", (double)(d->server != NULL ? control_clients(d->server) : 0));
	cJSON_AddNumberToObject(o, "served", (double)d->counts.served);
	cJSON_AddNumberToObject(o, "refused", (double)d->counts.refused);
	cJSON_AddNumberToObject(o, "files", (double)d->counts.files);
	cJSON_AddStringToObject(out, "process", d->opt.command);
	cJSON_AddNumberToObject(out, "pid", (double)getpid());
	if (d->opt.status != NULL)
		d->opt.status(d->opt.cookie, out);
}

void desk_kick(struct desk *d, bool soon)
{
	if (d->opt.on_part != NULL)
		d->opt.on_part(d->opt.cookie, soon);
	else if (d->app->dispatch != NULL)
		dispatch_kick(d->app->dispatch, soon);
}

void session_log(const struct session *s, const char *what)
{
	log_info(&log_ctx, "user %ld (process %ld): %s", (long)s->peer.uid, (long)s->peer.pid, what);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * talk.c - one delivery's way through its sink's table of steps.
 *
 * Invariants: exactly one thing is pending at a time (a queue call, an exchange, or a wait for pace or for
 * the exclusive place); a write leaves only after its intent is on disk; what an answer taught is on disk
 * before the next request leaves; every end of a talk is a note in the queue.  Each walk begins at the
 * first step and skips what facts and bookmark show as done, so a restart needs no other road. */
#include "daemon/lane.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A conversation that goes back to its first step this often is going in circles. */
enum { BACKS_MAX = 6 };
/* What a sink may keep for a step, and rows for a batch. */
#define STEP_ARENA   ((size_t)64 << 20)
#define BATCH_BYTES  ((size_t)1 << 20)
#define FOLDER_BYTES ((size_t)4 << 20)
#define FOREVER	     INT64_MAX
/* Look-ups so far that found nothing: kept in the bookmark, because it must survive a restart. */
static const char EMPTY_LOOKS[] = "$empty_looks";

struct conversation {
	struct list link;
	struct lane *lane;
	int64_t delivery;
	struct delivery *d;
	struct log_ctx log;

	cJSON *bookmark, *vars_json;
	char *bookmark_saved;
	struct vars vars;
	struct sink_run run;
	struct owed owed;

	const struct step *step;
	struct talk t;
	struct arena arena;
	struct rows *rows;
	struct request request;
	struct exchange_op *op;
	bool intended;			/* the queue holds an intent of this delivery */
	bool looking;			/* the request under way is a look-up */
	bool cancelled;
	bool want_exclusive;
	bool want_pace;
	unsigned backs;
	unsigned requests;		/* since the last note */
	int status;			/* of the last answer */
	void (*then)(struct conversation *c);	/* after the note under way */
};

static void walk(struct conversation *c);
static void end(struct conversation *c);

struct list *talk_link(struct conversation *c) { return &c->link; }
struct conversation *talk_of(struct list *link) { return list_entry(link, struct conversation, link); }
int64_t talk_delivery(const struct conversation *c) { return c->delivery; }

/* ---- variables ---- */

static const char *get_var(void *cookie, const char *name)
{
	const struct conversation *c = cookie;

	if (strcmp(name, "run.name") == 0)
		return c->run.name;
	if (strcmp(name, "run.key") == 0)
		return c->run.key;
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(c->vars_json, name);
	return cJSON_IsString(v) && v->valuestring[0] != '\0' ? v->valuestring : NULL;
}

/* ---- notes ---- */

static char *changed_json(const cJSON *json, char **saved)
{
	char *text = cJSON_PrintUnformatted(json);

	if (text != NULL && *saved != NULL && strcmp(text, *saved) == 0) {
		free(text);
		return NULL;
	}
	free(*saved);
	*saved = text;
	return text;
}

static void step_done(struct conversation *c)
{
	request_done(&c->request);
	rows_free(c->rows);
	c->rows = NULL;
	c->t.rows = NULL;
	cJSON_Delete(c->t.scratch);
	c->t.scratch = NULL;
	learned_done(&c->t.learned);
	arena_reset(&c->arena);
	learned_init(&c->t.learned, &c->arena);
	err_clear(&c->t.err);
}

static void noted(void *cookie, int rc, const struct err *err)
{
	struct conversation *c = cookie;

	if (rc < 0) {
		/* Never send what cannot be recorded: the delivery stays as the queue has it. */
		log_error(&c->log, "cannot record the delivery's state: %s", err->text);
		lane_pause(c->lane, retry_wait_ms(2, (uint64_t)c->delivery), false, "the queue cannot be written: %s",
			   err->text);
		free(c->lane->facts_saved);	/* it is not known what stands there now */
		c->lane->facts_saved = NULL;
		end(c);
		return;
	}
	void (*then)(struct conversation *) = c->then;
	c->then = NULL;
	then(c);
}

static void note(struct conversation *c, enum settle settle, int64_t due_mono_wait, const char *reason,
		 void (*then)(struct conversation *c))
{
	int64_t now = clock_wall_ms();
	struct note n = {
		.step = c->step != NULL ? c->step->name : "",
		.settle = settle,
		.learned = &c->t.learned,
		.bookmark = changed_json(c->bookmark, &c->bookmark_saved),
		.facts = changed_json(c->lane->facts, &c->lane->facts_saved),
		.now_ms = now,
		.due_ms = due_mono_wait == FOREVER ? INT64_MAX : now + due_mono_wait,
		.reason = reason,
		.status = c->status,
		.requests = c->requests,
	};
	bool quiet = settle == SETTLE_GO_ON && !c->intended && n.bookmark == NULL && n.facts == NULL &&
		     c->t.learned.count == 0 && c->t.learned.remote_id == NULL && c->t.learned.url == NULL;

	c->then = then;
	if (quiet) {
		/* Nothing to remember: one commit less. */
		c->then = NULL;
		then(c);
		return;
	}
	c->requests = 0;
	if (settle != SETTLE_KEEP)
		c->intended = false;
	queue_note(c->lane->dispatch->opt.queue, c->delivery, &n, noted, c);
}

static void finish(struct conversation *c)
{
	end(c);
}

/* Ends the talk for now; the intent is over. */
static void later(struct conversation *c, int64_t wait_ms, const char *reason)
{
	log_debug(&c->log, "%s: later: %s", c->step != NULL ? c->step->name : "start", reason != NULL ? reason : "");
	note(c, SETTLE_WAIT, wait_ms, reason, finish);
}

static void park(struct conversation *c, const char *reason)
{
	log_warning(&c->log, "%s: parked: %s", c->step != NULL ? c->step->name : "start", reason);
	note(c, SETTLE_PARK, 0, reason, finish);
}

/* The outcome of a write is not known: looked up later, before anything is sent again. */
static void unknown(struct conversation *c, int64_t wait_ms, const char *reason)
{
	log_warning(&c->log, "%s: outcome unknown (%s); it is looked up first", c->step->name, reason);
	note(c, SETTLE_KEEP, wait_ms, reason, finish);
}

static int64_t backoff(struct conversation *c)
{
	return lane_scaled(c->lane, retry_wait_ms(c->lane->fails, (uint64_t)c->delivery));
}

/* ---- sending ---- */

static void on_reply(void *cookie, const struct reply *reply);

static void send_now(struct conversation *c)
{
	struct lane *l = c->lane;

	if (l->scope != NULL)
		pace_take(&l->scope->pace, lane_now());
	l->requests++;
	c->requests++;
	log_debug(&c->log, "%s: %s %.*s", c->step->name, c->request.method == METHOD_GET ? "GET" : "write",
		  (int)(c->request.path.len < 200 ? c->request.path.len : 200), c->request.path.data);
	c->op = transport_send(l->transport, &l->endpoint, &c->request, on_reply, c);
}

static void on_intended(void *cookie, int rc, const struct err *err)
{
	struct conversation *c = cookie;

	if (rc < 0) {
		noted(cookie, rc, err);
		return;
	}
	c->intended = true;
	if (c->cancelled || c->lane->dispatch->stopping) {
		/* Nothing left yet: the intent is taken back. */
		later(c, 0, NULL);
		return;
	}
	send_now(c);
}

/* Waits until the lane may send; then records the intent of a write that must not happen twice. */
static void send_when_allowed(struct conversation *c)
{
	struct lane *l = c->lane;
	int64_t now = lane_now();

	if (c->cancelled || l->dispatch->stopping) {
		if (c->looking)
			note(c, SETTLE_KEEP, 0, "stopped before the look-up", finish);
		else
			later(c, 0, NULL);
		return;
	}
	int64_t wait = l->paused_until_ms > now ? l->paused_until_ms - now : 0;
	if (l->scope != NULL) {
		int64_t pace = pace_wait_ms(&l->scope->pace, now, c->looking);
		wait = pace > wait ? pace : wait;
	}
	if (wait > 0) {
		c->want_pace = true;
		lane_arm(l, now + wait);
		return;
	}
	c->want_pace = false;
	if (c->request.write && c->step->look != NULL && !c->looking) {
		queue_intend(l->dispatch->opt.queue, c->delivery, c->step->name, c->rows, c->request.body.data,
			     c->request.body.len, clock_wall_ms(), on_intended, c);
		return;
	}
	send_now(c);
}

void talk_wake(struct conversation *c)
{
	if (c->want_pace)
		send_when_allowed(c);
	else if (c->want_exclusive)
		walk(c);
}

void talk_cancel(struct conversation *c)
{
	c->cancelled = true;
	if (c->op != NULL)
		c->lane->transport->ops->cancel(c->lane->transport, c->op);
	else
		talk_wake(c);
}

/* ---- look-ups ---- */

static void go_on(struct conversation *c)
{
	step_done(c);
	walk(c);
}

static void go_next(struct conversation *c)
{
	c->step++;
	go_on(c);
}

static void restart(struct conversation *c)
{
	step_done(c);
	c->step = c->lane->sink->steps;
	walk(c);
}

static void look(struct conversation *c)
{

	request_done(&c->request);
	request_init(&c->request);
	err_clear(&c->t.err);
	c->t.now_ms = clock_wall_ms();
	c->looking = true;
	switch (c->step->look(&c->t, &c->request)) {
	case ASK_SEND:
		send_when_allowed(c);
		return;
	case ASK_SKIP:
	case ASK_LEARN:
		/* There is nothing to ask by: the step may be asked again. */
		c->looking = false;
		note(c, SETTLE_GO_ON, 0, NULL, restart);
		return;
	case ASK_PARK:
		c->looking = false;
		park(c, c->t.err.text);
		return;
	}
}

static void on_frozen(void *cookie, int rc, struct rows *rows, const struct err *err)
{
	struct conversation *c = cookie;

	if (rc < 0) {
		noted(cookie, rc, err);
		return;
	}
	c->rows = rows;
	c->t.rows = rows;
	look(c);
}

/* A delivery whose last write may or may not have happened. */
static void resume_unknown(struct conversation *c)
{
	const struct step *s = c->lane->sink->steps;

	while (s->name != NULL && (c->d->step == NULL || strcmp(s->name, c->d->step) != 0))
		s++;
	if (s->name == NULL || s->look == NULL) {
		/* Repeat-safe, or a step of an older program: asked again. */
		c->step = c->lane->sink->steps;
		note(c, SETTLE_GO_ON, 0, NULL, restart);
		return;
	}
	c->step = s;
	c->t.sent = c->d->frozen;
	c->t.sent_ms = c->d->sent_ms;
	c->t.scratch = cJSON_CreateObject();
	if (s->rows == ROWS_NONE)
		look(c);
	else
		queue_rows_frozen(c->lane->dispatch->opt.queue, c->delivery, s->rows, on_frozen, c);
}

static void looked(struct conversation *c, const struct reply *reply)
{
	char reason[256];

	switch (c->step->looked(&c->t, reply)) {
	case LOOKED_MORE:
		look(c);
		return;
	case LOOKED_ALL:
		log_info(&c->log, "%s: looked up: it had happened", c->step->name);
		break;
	case LOOKED_SOME:
		log_info(&c->log, "%s: looked up: a part of it had happened; the rest is sent", c->step->name);
		break;
	case LOOKED_UNSURE:
		c->looking = false;
		unknown(c, backoff(c), c->t.err.code != 0 ? c->t.err.text : "the look-up gave no usable answer");
		return;
	case LOOKED_NONE: {
		int64_t empty = sink_int(c->bookmark, EMPTY_LOOKS, 0) + 1;
		c->looking = false;
		if (empty < LOOKS_MAX) {
			sink_set_int(c->bookmark, EMPTY_LOOKS, empty);
			snprintf(reason, sizeof(reason), "look-up %" PRId64 " of %d found nothing", empty, LOOKS_MAX);
			unknown(c, lane_scaled(c->lane, retry_look_ms((unsigned)empty)), reason);
			return;
		}
		cJSON_DeleteItemFromObjectCaseSensitive(c->bookmark, EMPTY_LOOKS);
		const struct sink_common *common =
			c->lane->sink->common != NULL ? c->lane->sink->common(c->lane->config->conf) : NULL;
		if (common != NULL && common->on_unknown == ON_UNKNOWN_HOLD) {
			snprintf(reason, sizeof(reason),
				 "the outcome of \"%s\" stayed unknown after %d look-ups (on_unknown: hold)",
				 c->step->name, LOOKS_MAX);
			park(c, reason);
			return;
		}
		log_info(&c->log, "%s: %d look-ups found nothing: sent again", c->step->name, LOOKS_MAX);
		note(c, SETTLE_GO_ON, 0, NULL, restart);
		return;
	}
	}
	c->looking = false;
	cJSON_DeleteItemFromObjectCaseSensitive(c->bookmark, EMPTY_LOOKS);
	note(c, SETTLE_GO_ON, 0, NULL, restart);
}

/* ---- answers ---- */

static enum answer_class by_status(const struct conversation *c, const struct reply *r)
{
	enum answer_class own = c->lane->sink->classify != NULL ? c->lane->sink->classify(r) : ANSWER_DEFAULT;

	if (own != ANSWER_DEFAULT)
		return own;
	if (r->status >= 200 && r->status < 300)
		return ANSWER_OK;
	if (r->status >= 300 && r->status < 400)
		return ANSWER_LOCKED;
	switch (r->status) {
	case 401:
	case 407:
		return ANSWER_LOCKED;
	case 403:
		/* On everything: nobody has let us in yet. */
		return c->lane->proved ? ANSWER_FORBIDDEN : ANSWER_LOCKED;
	case 404:
		return ANSWER_MISSING;
	case 409:
	case 429:
	case 503:
	case 507:
		return ANSWER_WAIT;
	case 413:
		return ANSWER_TOO_LARGE;
	case 408:
		return ANSWER_UNKNOWN;
	}
	return r->status >= 500 ? ANSWER_UNKNOWN : ANSWER_ITEM;
}

static void describe(const struct conversation *c, const struct reply *r, char *text, size_t size)
{
	struct arena a = ARENA_LIMIT(1 << 16);

	if (r->exchange != EXCHANGE_ANSWERED)
		snprintf(text, size, "%s", r->error[0] != '\0' ? r->error : "the exchange failed");
	else if (r->status >= 300 && r->status < 400)
		snprintf(text, size, "HTTP %d, a redirect to %s: check the sink's url", r->status,
			 r->location[0] != '\0' ? r->location : "nowhere");
	else
		snprintf(text, size, "HTTP %d: %s", r->status, sink_words(&a, r));
	arena_done(&a);
	(void)c;
}

/* The request was a write and may have been applied: keep the intent, look it up.  Else just wait. */
static void lost(struct conversation *c, int64_t wait_ms, const char *reason)
{
	if (c->intended) {
		/* A failed look-up waits as long as it was told; the first look comes 5 s after the send. */
		int64_t first = c->looking ? wait_ms : lane_scaled(c->lane, retry_look_ms(0));
		c->looking = false;
		unknown(c, wait_ms < first ? wait_ms : first, reason);
	} else {
		later(c, wait_ms, reason);
	}
}

/* Nothing was applied by this request; while a look-up waits, its intent stays. */
static void not_executed(struct conversation *c, int64_t wait_ms, const char *reason)
{
	if (c->looking) {
		c->looking = false;
		unknown(c, wait_ms, reason);
	} else {
		later(c, wait_ms, reason);
	}
}

static void locked_out(struct conversation *c, const char *reason)
{
	int64_t wait = lane_scaled(c->lane, 5 * 60 * 1000);

	lane_pause(c->lane, wait, true, "%s", reason);
	log_error(&c->log, "%s: the sink is paused until somebody acts: %s", c->step->name, reason);
	not_executed(c, wait, reason);
}

static void wait_for_server(struct conversation *c, const struct reply *r, const char *reason)
{
	struct lane *l = c->lane;
	int64_t wait;

	if (r->status == 429) {
		wait = lane_scaled(l, retry_limited_ms(r->retry_after_s));
		lane_block_scope(l, wait, reason);
		not_executed(c, wait, reason);
		return;
	}
	if (r->status == 409)
		wait = r->retry_after_s > 0 ? retry_limited_ms(r->retry_after_s) : 5 * 60 * 1000;
	else
		wait = r->retry_after_s > 0 ? retry_limited_ms(r->retry_after_s) : 60 * 1000;
	wait = lane_scaled(l, wait);
	lane_pause(l, wait, false, "%s", reason);
	/* A 503 may come from a proxy after the server behind it has worked; a 409 is said before. */
	if (r->status == 503 && c->intended)
		lost(c, wait, reason);
	else
		not_executed(c, wait, reason);
}

static void too_large(struct conversation *c, const char *reason)
{
	struct lane *l = c->lane;

	if (c->looking || c->rows == NULL) {
		park(c, reason);
		return;
	}
	if (c->rows->count > 1) {
		size_t half = c->rows->count / 2;
		l->batch = half < l->batch ? half : l->batch;
		log_warning(&c->log, "%s: refused as too large: batches of %zu from now on", c->step->name, l->batch);
		note(c, SETTLE_GO_ON, 0, NULL, go_on);
		return;
	}
	note(c, SETTLE_SPLIT, 0, reason, go_on);
}

static void got(struct conversation *c, const struct reply *reply)
{
	enum got what = c->step->got(&c->t, reply);
	char text[1200];
	const char *words = c->t.err.text;

	if (c->t.err.code == 0) {
		describe(c, reply, text, sizeof(text));
		words = text;
	}
	switch (what) {
	case GOT_NEXT:
		note(c, SETTLE_GO_ON, 0, NULL, go_next);
		return;
	case GOT_MORE:
		note(c, SETTLE_GO_ON, 0, NULL, go_on);
		return;
	case GOT_BACK:
		if (++c->backs > BACKS_MAX) {
			park(c, words);
			return;
		}
		log_info(&c->log, "%s: %s; starting over", c->step->name, words);
		note(c, SETTLE_GO_ON, 0, NULL, restart);
		return;
	case GOT_UNKNOWN:
		lost(c, backoff(c), words);
		return;
	case GOT_REFUSED:
		if (c->rows == NULL || c->rows->count == 0) {
			park(c, words);
			return;
		}
		log_warning(&c->log, "%s: %zu rows refused: %s", c->step->name, c->rows->count, words);
		note(c, SETTLE_SPLIT, 0, words, go_on);
		return;
	case GOT_PARK:
		park(c, words);
		return;
	case GOT_CLOSED:
		park(c, words);
		return;
	case GOT_LOCKED:
		locked_out(c, words);
		return;
	}
}

static void on_reply(void *cookie, const struct reply *reply)
{
	struct conversation *c = cookie;
	struct lane *l = c->lane;
	char reason[1200];
	int64_t wait;

	c->op = NULL;			/* first in every completion: nothing is pending now */
	c->status = reply->status;
	c->t.now_ms = clock_wall_ms();
	if (reply->server_ms != TIME_UNKNOWN)
		c->t.now_ms = reply->server_ms;
	describe(c, reply, reason, sizeof(reason));
	switch (reply->exchange) {
	case EXCHANGE_ANSWERED:
		break;
	case EXCHANGE_CANCELLED:
		lost(c, 0, "cancelled while it was under way");
		return;
	case EXCHANGE_REFUSED_TLS:
		locked_out(c, reason);
		return;
	case EXCHANGE_NOT_SENT:
		wait = backoff(c);
		lane_pause(l, wait, false, "%s", reason);
		log_warning(&c->log, "%s: %s; next try in %" PRId64 " s", c->step->name, reason, wait / 1000);
		not_executed(c, wait, reason);
		return;
	case EXCHANGE_LOST:
	case EXCHANGE_TOO_LARGE:
		wait = backoff(c);
		lane_pause(l, lane_scaled(l, retry_look_ms(0)), false, "%s", reason);
		lost(c, wait, reason);
		return;
	}
	switch (by_status(c, reply)) {
	case ANSWER_DEFAULT:
	case ANSWER_OK:
		lane_success(l);
		if (c->looking)
			looked(c, reply);
		else
			got(c, reply);
		return;
	case ANSWER_ITEM:
	case ANSWER_MISSING:
	case ANSWER_FORBIDDEN:
		if (c->looking)
			looked(c, reply);
		else
			got(c, reply);
		return;
	case ANSWER_LOCKED:
		locked_out(c, reason);
		return;
	case ANSWER_WAIT:
		wait_for_server(c, reply, reason);
		return;
	case ANSWER_TOO_LARGE:
		too_large(c, reason);
		return;
	case ANSWER_UNKNOWN:
		wait = backoff(c);
		lane_pause(l, lane_scaled(l, retry_look_ms(0)), false, "%s", reason);
		lost(c, wait, reason);
		return;
	}
}

/* ---- the walk ---- */

static size_t batch_of(const struct conversation *c)
{
	return c->lane->batch;
}

static struct rows_limit limit_of(const struct conversation *c, enum rows_kind kind)
{
	struct rows_limit limit = { .count = batch_of(c), .bytes = BATCH_BYTES };

	if (kind == ROWS_LINKS)
		limit.count = limit.bytes = SIZE_MAX;
	else if (c->lane->endpoint.folder)
		limit = (struct rows_limit){ .count = batch_of(c), .bytes = FOLDER_BYTES };
	return limit;
}

static void ask(struct conversation *c)
{
	request_done(&c->request);
	request_init(&c->request);
	err_clear(&c->t.err);
	c->t.now_ms = clock_wall_ms();
	c->t.batch = batch_of(c);
	if (c->t.scratch == NULL)
		c->t.scratch = cJSON_CreateObject();
	c->looking = false;
	switch (c->step->ask(&c->t, &c->request)) {
	case ASK_SEND:
		send_when_allowed(c);
		return;
	case ASK_LEARN:
		if (c->t.learned.count > 0)
			note(c, SETTLE_GO_ON, 0, NULL, go_on);
		else
			go_next(c);
		return;
	case ASK_SKIP:
		go_next(c);
		return;
	case ASK_PARK:
		park(c, c->t.err.text);
		return;
	}
}

static void on_rows(void *cookie, int rc, struct rows *rows, const struct err *err)
{
	struct conversation *c = cookie;

	if (rc < 0) {
		noted(cookie, rc, err);
		return;
	}
	c->rows = rows;
	if (rows->count == 0 && rows->id_count == 0) {
		go_next(c);
		return;
	}
	c->t.rows = rows;
	ask(c);
}

static void load_rows(struct conversation *c)
{
	if (c->step->rows == ROWS_NONE) {
		ask(c);
		return;
	}
	queue_rows(c->lane->dispatch->opt.queue, c->delivery, c->step->rows, limit_of(c, c->step->rows), on_rows, c);
}

/* The end of the table: all is settled, or more will come. */
static void table_end(struct conversation *c)
{
	const struct owed *o = &c->owed;

	if (o->run_ended && o->owed == 0 && o->parts_loading == 0) {
		if (o->parked > 0)
			log_warning(&c->log, "delivered, but %" PRIu64 " tests are parked; the %s stays open",
				    o->parked, c->lane->sink->run_word);
		else
			log_info(&c->log, "delivered \"%s\"", c->run.name);
		note(c, SETTLE_DELIVERED, 0, NULL, finish);
		return;
	}
	if (o->owed == 0) {
		later(c, FOREVER, NULL);
		return;
	}
	/* Owed, but nothing in the table sends it now: company is awaited. */
	const struct sink_common *common =
		c->lane->sink->common != NULL ? c->lane->sink->common(c->lane->config->conf) : NULL;
	int64_t due = common != NULL && o->oldest_ms != INT64_MAX
			      ? o->oldest_ms + common->linger_ms - clock_wall_ms() : 1000;
	later(c, due > 0 ? due : 0, NULL);
}

static bool gate_open(const struct conversation *c)
{
	const struct owed *o = &c->owed;
	const struct sink_common *common =
		c->lane->sink->common != NULL ? c->lane->sink->common(c->lane->config->conf) : NULL;

	if (o->owed == 0)
		return false;
	if (o->run_ended || common == NULL || o->owed >= batch_of(c))
		return true;
	return o->oldest_ms != INT64_MAX && clock_wall_ms() - o->oldest_ms >= common->linger_ms;
}

static void on_owed(void *cookie, int rc, const struct owed *owed, const struct err *err)
{
	struct conversation *c = cookie;

	if (rc < 0) {
		noted(cookie, rc, err);
		return;
	}
	c->owed = *owed;
	c->run.ended = owed->run_ended;
	if (c->step->name == NULL) {
		table_end(c);
		return;
	}
	const struct owed *o = &c->owed;
	bool pass = true;
	if (c->step->resolve) {
		go_next(c);
		return;
	}
	if (c->step->final)
		pass = o->run_ended && o->owed == 0 && o->parked == 0 && o->parts_loading == 0;
	else if (c->step->gate)
		pass = gate_open(c);
	if (!pass) {
		go_next(c);
		return;
	}
	load_rows(c);
}

static const char *resolve_ref(const void *cookie, const char *ref, struct arena *a)
{
	const struct conversation *c = cookie;

	return c->lane->sink->ref != NULL ? c->lane->sink->ref(c->lane->config->conf, ref, a) : NULL;
}

static int resolve_place(const void *cookie, const struct result *r, struct arena *a,
			 const char *const **path, size_t *count, struct err *err)
{
	const struct conversation *c = cookie;

	if (c->lane->sink->place == NULL) {
		*count = 0;
		return 0;
	}
	return c->lane->sink->place(c->lane->config->conf, &c->vars, r, a, path, count, err);
}

static void resolve(struct conversation *c)
{
	static const enum resolve_by by[] = {
		[MATCH_NONE] = RESOLVE_NONE, [MATCH_REF] = RESOLVE_REF,
		[MATCH_AUTOMATION] = RESOLVE_AUTOMATION, [MATCH_TITLE] = RESOLVE_TITLE,
	};
	struct resolver r = { .ref = resolve_ref, .place = resolve_place, .cookie = c };
	struct match_plan plan = { 0 };

	if (c->lane->sink->plan != NULL) {
		c->lane->sink->plan(c->lane->config->conf, c->lane->facts, &plan);
		r.match = true;
		for (int i = 0; i < 3; i++)
			r.order[i] = by[plan.order[i]];
		r.create = plan.unmatched == UNMATCHED_CREATE;
		r.park_unmatched = plan.unmatched == UNMATCHED_PARK;
		r.place_max = plan.place_max;
		snprintf(r.scope, sizeof(r.scope), "%s", plan.scope != NULL ? plan.scope : "");
	}
	queue_resolve(c->lane->dispatch->opt.queue, c->delivery, &r, on_owed, c);
}

static bool may_enter(struct conversation *c)
{
	struct lane *l = c->lane;

	c->want_exclusive = false;
	if (c->step->name == NULL || !c->step->exclusive) {
		if (l->exclusive == c) {
			l->exclusive = NULL;
			lane_arm(l, 0);
		}
		return true;
	}
	if (l->exclusive == NULL)
		l->exclusive = c;
	if (l->exclusive == c)
		return true;
	c->want_exclusive = true;
	return false;
}

static void walk(struct conversation *c)
{
	struct queue *q = c->lane->dispatch->opt.queue;

	if (c->cancelled || c->lane->dispatch->stopping) {
		later(c, 0, NULL);
		return;
	}
	if (!may_enter(c))
		return;
	if (c->step->name == NULL || c->step->gate || c->step->final)
		queue_owed(q, c->delivery, on_owed, c);
	else if (c->step->resolve)
		resolve(c);
	else
		load_rows(c);
}

/* ---- life ---- */

static void on_loaded(void *cookie, int rc, struct delivery *d, const struct err *err)
{
	struct conversation *c = cookie;
	struct lane *l = c->lane;

	if (rc < 0) {
		log_error(&c->log, "cannot load the delivery: %s", err->text);
		lane_pause(l, retry_wait_ms(2, (uint64_t)c->delivery), false, "the queue cannot be read: %s", err->text);
		end(c);
		return;
	}
	c->d = d;
	c->log.run = d->run;
	c->bookmark = cJSON_Parse(d->bookmark != NULL ? d->bookmark : "{}");
	if (!cJSON_IsObject(c->bookmark)) {
		cJSON_Delete(c->bookmark);
		c->bookmark = cJSON_CreateObject();
	}
	c->bookmark_saved = cJSON_PrintUnformatted(c->bookmark);
	if (l->facts == NULL) {
		l->facts = cJSON_Parse(d->facts != NULL ? d->facts : "{}");
		if (!cJSON_IsObject(l->facts)) {
			cJSON_Delete(l->facts);
			l->facts = cJSON_CreateObject();
		}
		l->facts_saved = cJSON_PrintUnformatted(l->facts);
	}
	c->vars_json = cJSON_Parse(d->vars_json != NULL ? d->vars_json : "{}");
	c->vars = (struct vars){ .get = get_var, .cookie = c };
	c->run = (struct sink_run){
		.id = d->run, .key = d->run_key, .name = d->run_name, .token = d->run_token,
		.opened_ms = d->opened_ms,
		.started_ms = d->started_ms != TIME_UNKNOWN ? d->started_ms : d->opened_ms,
		.ended = d->run_ended, .backfill = d->backfill,
		.tests = d->tests, .passed = d->passed, .failed = d->failed, .error = d->error,
		.skipped = d->skipped, .flaky = d->flaky, .duration_ms = d->duration_ms, .vars = &c->vars,
	};
	c->t.conf = l->config->conf;
	c->t.run = &c->run;
	c->t.facts = l->facts;
	c->t.bookmark = c->bookmark;
	c->t.arena = &c->arena;
	c->t.batch = l->batch;
	c->t.sent_ms = TIME_UNKNOWN;
	if (d->state == DELIVERY_UNKNOWN || d->state == DELIVERY_SENDING) {
		c->intended = true;
		resume_unknown(c);
		return;
	}
	c->step = l->sink->steps;
	walk(c);
}

struct conversation *talk_start(struct lane *lane, int64_t delivery)
{
	struct conversation *c = xcalloc(1, sizeof(*c));

	c->lane = lane;
	c->delivery = delivery;
	c->log = lane->log;
	c->log.delivery = delivery;
	c->arena = ARENA_LIMIT(STEP_ARENA);
	request_init(&c->request);
	learned_init(&c->t.learned, &c->arena);
	queue_load(lane->dispatch->opt.queue, delivery, on_loaded, c);
	return c;
}

static void end(struct conversation *c)
{
	struct lane *l = c->lane;

	if (l->exclusive == c)
		l->exclusive = NULL;
	step_done(c);
	learned_done(&c->t.learned);
	arena_done(&c->arena);
	cJSON_Delete(c->bookmark);
	cJSON_Delete(c->vars_json);
	free(c->bookmark_saved);
	delivery_free(c->d);
	lane_ended(l, c);
	free(c);
}

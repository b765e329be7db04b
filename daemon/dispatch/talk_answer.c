/* SPDX-License-Identifier: Apache-2.0
 *
 * talk_answer.c - what an answer means for the delivery and for its sink: the one table of faults.md. */
#include "daemon/dispatch/talk.h"

#include "daemon/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A conversation that goes back to its first step this often is going in circles. */
enum { BACKS_MAX = 6 };
/* What is under way over there is asked after so often. */
#define ASK_AFTER_MS 20000

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
		if (c->looking)
			lane_look_lost(c->lane, c->delivery);
		c->looking = false;
		talk_unknown(c, wait_ms < first ? wait_ms : first, reason);
	} else {
		talk_later(c, wait_ms, reason);
	}
}

/* Nothing was applied by this request; while a look-up waits, its intent stays. */
static void not_executed(struct conversation *c, int64_t wait_ms, const char *reason)
{
	if (c->looking) {
		c->looking = false;
		talk_unknown(c, wait_ms, reason);
	} else {
		talk_later(c, wait_ms, reason);
	}
}

/* What waits is due at once, and only the sink's pause holds it: a reload or a restart ends that pause, and with
 * it the wait of all that was locked out. */
static void locked_out(struct conversation *c, const char *reason)
{
	lane_pause(c->lane, lane_scaled(c->lane, 5 * 60 * 1000), true, "%s", reason);
	log_error(&c->log, "%s: the sink is paused until somebody acts: %s", c->step->name, reason);
	not_executed(c, 0, reason);
}

static void wait_for_server(struct conversation *c, const struct reply *r, const char *reason)
{
	struct lane *l = c->lane;
	int64_t wait;

	if (r->status == 429) {
		double told = pace_in_words(r->body.data, r->body.len);
		if (l->scope != NULL && pace_learn(&l->scope->pace, told))
			log_warning(&c->log, "the server's limit is %.0f requests a minute: kept from now on",
				    told);
		wait = lane_scaled(
			l, retry_limited_ms(r->retry_after_s, l->scope != NULL ? l->scope->limited++ : 0));
		lane_block_scope(l, wait, reason);
		not_executed(c, wait, reason);
		return;
	}
	if (r->status == 409)
		wait = r->retry_after_s > 0 ? retry_limited_ms(r->retry_after_s, 0) : 5 * 60 * 1000;
	else
		wait = r->retry_after_s > 0 ? retry_limited_ms(r->retry_after_s, 0) : 60 * 1000;
	if (r->status == 503 && l->endpoint.per_day > 0)
		wait = retry_quota_ms(l->fails, r->retry_after_s);
	wait = lane_scaled(l, wait);
	lane_pause(l, wait, false, "%s", reason);
	/* A 503 may come from a proxy after the server behind it has worked; a 409 is said before. */
	if (r->status == 503 && c->intended)
		lost(c, wait, reason);
	else
		not_executed(c, wait, reason);
}

/* The rows of a refused request are halved in the queue, by its intent.  A request without one (a read, for rows) would
 * be the same again, for ever: the delivery is parked. */
static void refused(struct conversation *c, const char *reason)
{
	if (c->intended)
		talk_note(c, SETTLE_SPLIT, 0, reason, talk_go_on);
	else
		talk_park(c, reason);
}

static void got(struct conversation *c, const struct reply *reply);

/* Half of what the rows hold, or of their number where that is not known: one long text does not make the requests of
 * all others small.  false: a single row is left, or the step's number of rows is not the sink's. */
static bool shrink(struct conversation *c)
{
	struct lane *l = c->lane;
	size_t count = c->rows->count, bytes = c->rows->bytes / 2, own = c->step->batch;
	/* Where the step has a number of rows of its own, the sink's shrinks by the same share. */
	size_t half = count / 2, before = talk_request_bytes(c);

	if (count < 2)
		return false;
	if (own == 0 && bytes > 0 && (before == 0 || bytes < before)) {
		cJSON *learned = sink_object(l->facts, TALK_TOO_LARGE);
		sink_set_int(learned, "bytes", (int64_t)bytes);
		sink_set_int(learned, "at", lane_server_now(l));
		log_warning(&c->log,
			    "%s: %zu rows refused as too large: half as much in a request from now on",
			    c->step->name, count);
		return true;
	}
	if (own > 0 && l->sink->batch != NULL)
		half = (half * l->sink->batch(l->config->conf) + own - 1) / own;
	if (own > 0 && half >= l->batch)
		return false;
	l->batch = half < l->batch ? half : l->batch;
	log_warning(&c->log, "%s: refused as too large: batches of %zu from now on", c->step->name, l->batch);
	return true;
}

static void too_large(struct conversation *c, const struct reply *reply, const char *reason)
{
	if (c->looking || c->rows == NULL) {
		talk_park(c, reason);
		return;
	}
	if (c->step->look == NULL && c->request.write) {
		got(c, reply); /* its rows are the step's own matter, not the size of the others' batches */
		return;
	}
	if (shrink(c))
		talk_note(c, SETTLE_GO_ON, 0, NULL, talk_go_on);
	else
		refused(c, reason);
}

/* What the step made of an answer. */
static void follow(struct conversation *c, enum got what, const struct reply *reply)
{
	char text[1200];
	const char *words = c->t.err.text;

	if (c->t.err.code == 0) {
		describe(c, reply, text, sizeof(text));
		words = text;
	}
	if (c->t.say != NULL && !c->checking)
		log_warning(&c->log, "%s: %s", c->step->name, c->t.say);
	c->t.say = NULL;
	if (what != GOT_UNKNOWN)
		talk_answer_made_sense(c);
	switch (what) {
	case GOT_NEXT:
		talk_note(c, SETTLE_GO_ON, 0, NULL, talk_go_next);
		return;
	case GOT_MORE:
		talk_note(c, SETTLE_GO_ON, 0, NULL, talk_go_on);
		return;
	case GOT_AGAIN:
		talk_note(c, SETTLE_GO_ON, 0, NULL, talk_restart);
		return;
	case GOT_BACK:
		if (++c->backs > BACKS_MAX) {
			talk_park(c, words);
			return;
		}
		log_info(&c->log, "%s: %s; starting over", c->step->name, words);
		talk_note(c, SETTLE_GO_ON, 0, NULL, talk_restart);
		return;
	case GOT_LATER:
		talk_later(c, lane_scaled(c->lane, ASK_AFTER_MS), words);
		return;
	case GOT_UNKNOWN:
		lost(c, talk_odd_backoff(c), words);
		return;
	case GOT_REFUSED:
		if (c->rows == NULL || c->rows->count == 0) {
			talk_park(c, words);
			return;
		}
		log_warning(&c->log, "%s: %zu rows refused: %s", c->step->name, c->rows->count, words);
		refused(c, words);
		return;
	case GOT_PARK:
		talk_park(c, words);
		return;
	case GOT_CLOSED:
		talk_park(c, words);
		return;
	case GOT_LOCKED:
		locked_out(c, words);
		return;
	}
}

static void got(struct conversation *c, const struct reply *reply)
{
	c->t.say = NULL;
	enum got what = c->step->got(&c->t, reply);
	if (c->step->proves && what == GOT_NEXT)
		c->t.prove = false;
	follow(c, what, reply);
}

/* A 403 is about one thing only where the login still holds: that is asked first, and then for the thing again.  Files
 * have a permission of their own, which is often off.  Once in a talk: it must not go round for ever. */
static bool asks_for_proof(struct conversation *c, const struct reply *reply)
{
	const struct sink *sink = c->lane->sink;
	bool own = c->lane->proved && c->request.upload_path != NULL;

	if (own || reply->status != 403 ||
	    (sink->classify != NULL && sink->classify(reply) != ANSWER_DEFAULT) || c->proving || c->looking ||
	    c->checking || c->step->proves || !sink->steps[0].proves)
		return false;
	c->proving = c->t.prove = true;
	talk_note(c, SETTLE_GO_ON, 0, NULL, talk_restart);
	return true;
}

/* The step may ask for less; true: it does. */
static bool asks_for_less(struct conversation *c, const struct reply *reply)
{
	if (c->looking || c->intended || c->step->large == NULL)
		return false;
	log_info(&c->log, "%s: %s: asked for in parts", c->step->name, reply->error);
	c->t.say = NULL;
	follow(c, c->step->large(&c->t), reply);
	return true;
}

static enum traffic_answer came(const struct conversation *c, const struct reply *r)
{
	switch (r->exchange) {
	case EXCHANGE_REFUSED_TLS:
		return CAME_LOCKED;
	case EXCHANGE_NOT_SENT:
	case EXCHANGE_NO_FILE:
		return CAME_NOT_SENT;
	case EXCHANGE_CANCELLED:
	case EXCHANGE_LOST:
	case EXCHANGE_TOO_LARGE:
		return CAME_UNKNOWN;
	case EXCHANGE_ANSWERED:
		break;
	}
	switch (by_status(c, r)) {
	case ANSWER_DEFAULT:
	case ANSWER_OK:
		return CAME_DONE;
	case ANSWER_ITEM:
	case ANSWER_MISSING:
	case ANSWER_FORBIDDEN:
	case ANSWER_TOO_LARGE:
		return CAME_REFUSED;
	case ANSWER_LOCKED:
		return CAME_LOCKED;
	case ANSWER_WAIT:
		return CAME_WAIT;
	case ANSWER_UNKNOWN:
		break;
	}
	return CAME_UNKNOWN;
}

/* No answer came that could be read: what it means.  false: one came. */
static bool unanswered(struct conversation *c, const struct reply *reply, const char *reason)
{
	struct lane *l = c->lane;
	int64_t wait;

	switch (reply->exchange) {
	case EXCHANGE_ANSWERED:
		return false;
	case EXCHANGE_CANCELLED:
		lost(c, 0, "cancelled while it was under way");
		return true;
	case EXCHANGE_REFUSED_TLS:
		locked_out(c, reason);
		return true;
	case EXCHANGE_NOT_SENT:
		wait = talk_backoff(c);
		lane_pause(l, wait, false, "%s", reason);
		log_warning(&c->log, "%s: %s; next try in %" PRId64 " s", c->step->name, reason, wait / 1000);
		not_executed(c, wait, reason);
		return true;
	case EXCHANGE_NO_FILE:
		/* Nothing of ours that the server could mend: this file is parked, the others go on. */
		log_error(&c->log, "%s: %s", c->step->name, reason);
		if (c->rows == NULL || c->rows->count == 0) {
			talk_park(c, reason);
			return true;
		}
		for (size_t i = 0; i < c->rows->count; i++)
			learned_parked(&c->t.learned, c->rows->row[i].id, "its kept copy is gone or damaged");
		talk_note(c, SETTLE_GO_ON, 0, reason, talk_go_on);
		return true;
	case EXCHANGE_TOO_LARGE:
		if (asks_for_less(c, reply))
			return true;
		/* A look-up's answer will not become smaller. */
		c->unsure = c->looking;
		/* fall through */
	case EXCHANGE_LOST:
		wait = talk_backoff(c);
		lane_pause(l, lane_scaled(l, retry_look_ms(0)), false, "%s", reason);
		lost(c, wait, reason);
		return true;
	}
	return false;
}

void talk_reply(void *cookie, const struct reply *reply)
{
	struct conversation *c = cookie;
	struct lane *l = c->lane;
	char reason[1200];
	int64_t wait;

	c->op = NULL; /* first in every completion: nothing is pending now */
	c->status = reply->status;
	l->traffic.came[came(c, reply)]++;
	if (reply->server_ms != TIME_UNKNOWN) {
		l->server_ms = reply->server_ms;
		l->server_mono_ms = lane_now();
	}
	c->t.now_ms = lane_server_now(l);
	describe(c, reply, reason, sizeof(reason));
	if (unanswered(c, reply, reason) || asks_for_proof(c, reply))
		return;
	switch (by_status(c, reply)) {
	case ANSWER_DEFAULT:
	case ANSWER_OK:
		lane_success(l);
		if (c->looking)
			talk_looked(c, reply);
		else
			got(c, reply);
		return;
	case ANSWER_ITEM:
	case ANSWER_MISSING:
	case ANSWER_FORBIDDEN:
		if (c->looking)
			talk_looked(c, reply);
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
		too_large(c, reply, reason);
		return;
	case ANSWER_UNKNOWN:
		wait = talk_backoff(c);
		lane_pause(l, lane_scaled(l, retry_look_ms(0)), false, "%s", reason);
		lost(c, wait, reason);
		return;
	}
}

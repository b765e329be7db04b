/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.c - the network: what becomes of each exchange. */
#include "tests/sim/without.h"
#include "tests/sim/world.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { LATE_MAX_MS = 20000 }; /* after nobody waits for the answer any more */

static const char *const fate_name[FATES] = {
	"good", "not sent",   "lost before",    "lost after",    "lost, applied late",
	"slow", "5xx before", "5xx after",      "503 before",    "503 after",
	"429",  "409",        "garbage before", "garbage after", "endless",
};

static enum fate draw_fate(struct world *w, const struct site *s)
{
	unsigned sum = 0;

	if (w->now_ms >= w->calm_ms)
		return FATE_GOOD;
	if (story_window(w, s, WINDOW_DOWN) != NULL)
		return FATE_NOT_SENT;
	if (!rng_often(&w->rng, s->fault_often))
		return FATE_GOOD;
	for (int i = 0; i < FATES; i++)
		sum += s->fate_weight[i];
	if (sum == 0)
		return FATE_GOOD;
	unsigned at = (unsigned)rng_below(&w->rng, sum);
	for (int i = 0; i < FATES; i++) {
		if (at < s->fate_weight[i])
			return (enum fate)i;
		at -= s->fate_weight[i];
	}
	return FATE_GOOD;
}

static void plan(struct world *w, struct exchange_op *op)
{
	struct rng *r = &w->rng;
	int64_t there = rng_between(r, 5, 300), back = rng_between(r, 5, 300);
	int64_t patience = rng_often(r, 300) ? 180000 : rng_between(r, 100, 30000);

	op->arrive_ms = w->now_ms + there;
	op->answer_ms = op->arrive_ms + back;
	op->how = EXCHANGE_ANSWERED;
	switch (op->fate) {
	case FATE_GOOD:
	case FATE_ERROR_BEFORE:
	case FATE_ERROR_AFTER:
	case FATE_BUSY_BEFORE:
	case FATE_BUSY_AFTER:
	case FATE_LIMITED:
	case FATE_MAINTENANCE:
	case FATE_GARBAGE_BEFORE:
	case FATE_GARBAGE_AFTER:
	case FATES:
		break;
	case FATE_NOT_SENT:
		op->how = EXCHANGE_NOT_SENT;
		op->arrive_ms = NEVER;
		break;
	case FATE_LOST_BEFORE:
		op->how = EXCHANGE_LOST;
		op->arrive_ms = NEVER;
		op->answer_ms = w->now_ms + patience;
		break;
	case FATE_LOST_AFTER:
		op->how = EXCHANGE_LOST;
		op->answer_ms = op->arrive_ms + patience;
		break;
	case FATE_LOST_LATE:
		op->how = EXCHANGE_LOST;
		op->answer_ms = w->now_ms + patience;
		op->arrive_ms = op->answer_ms + rng_below(r, LATE_MAX_MS);
		break;
	case FATE_SLOW:
		op->arrive_ms += rng_below(r, 60000);
		op->answer_ms = op->arrive_ms + rng_below(r, 100000);
		break;
	case FATE_ENDLESS:
		op->how = EXCHANGE_TOO_LARGE;
		break;
	}
}

static void count_request(struct world *w, struct site *s)
{
	int64_t *oldest;
	size_t rate = (size_t)w->rate;

	s->request_at[s->requests % REQUESTS_KEPT] = w->now_ms;
	s->requests++;
	w->requests++;
	if (s->requests > rate) {
		oldest = &s->request_at[(s->requests - rate - 1) % REQUESTS_KEPT];
		if (w->now_ms - *oldest < MINUTE_MS)
			world_fail(w, "bounded", "more than %zu requests within a minute to %s", rate,
				   s->sink);
	}
	if (w->now_ms < s->blocked_until_ms && w->now_ms > s->blocked_at_ms && !s->block_void)
		world_fail(w, "bounded", "a request to %s %lld ms before the end of a 429's wait", s->sink,
			   (long long)(s->blocked_until_ms - w->now_ms));
}

/* Whose server this is: "https://NAME.example". */
static struct site *site_of(struct world *w, const struct endpoint *to)
{
	for (size_t i = 0; i < w->site_count; i++) {
		const struct site *s = &w->site[i];
		if (strncmp(to->url, "https://", 8) == 0 &&
		    strncmp(to->url + 8, s->sink, strlen(s->sink)) == 0 &&
		    strcmp(to->url + 8 + strlen(s->sink), ".example") == 0)
			return &w->site[i];
	}
	fprintf(stderr, "a request to %s\n", to->url);
	abort();
}

static struct exchange_op *wire_send(struct transport *t, const struct endpoint *to,
				     const struct request *request, transport_done_fn *done, void *cookie)
{
	struct world *w = (struct world *)t;
	struct exchange_op *op = xcalloc(1, sizeof(*op)), **at = &w->ops;

	op->site = site_of(w, to);
	op->done = done;
	op->cookie = cookie;
	op->path = xstrndup(request->path.data, request->path.len);
	op->body = xstrndup(request->body.data != NULL ? request->body.data : "", request->body.len);
	op->body_len = request->body.len;
	if (request->upload_path != NULL)
		op->upload = (struct model_upload){ xstrdup(request->upload_name), request->upload_size };
	op->sent_ms = w->now_ms;
	op->retry_after_s = -1;
	op->server_ms = TIME_UNKNOWN;
	op->answer.body = BUF_LIMIT((size_t)32 << 20);
	if (w->dead) {
		op->arrive_ms = NEVER;
		op->cancelled = true;
	} else {
		count_request(w, op->site);
		op->fate = draw_fate(w, op->site);
		op->site->faults += op->fate != FATE_GOOD;
		w->faults += op->fate != FATE_GOOD;
		plan(w, op);
		world_trace(w, "send %s %s (%s) %.400s%s", op->site->sink, op->path + 18, fate_name[op->fate],
			    op->body, op->upload.name != NULL ? op->upload.name : "");
	}
	while (*at != NULL)
		at = &(*at)->next;
	*at = op;
	return op;
}

static void wire_cancel(struct transport *t, struct exchange_op *op)
{
	(void)t;
	op->cancelled = true;
}

static void wire_close(struct transport *t)
{
	(void)t;
}

const struct transport_ops wire_ops = { wire_send, wire_cancel, wire_close };

/* ---- at the server's door ---- */

static void say(struct world *w, struct exchange_op *op, int status, const char *words)
{
	(void)w;
	model_say(&op->site->model, &op->answer, status, words);
}

/* Whether somebody answers before the server does anything. */
static bool turned_away(struct world *w, struct exchange_op *op)
{
	const struct window *x;

	if ((x = story_window(w, op->site, WINDOW_LOCKED)) != NULL) {
		say(w, op, 401, "Authentication failed: invalid or missing user/password or session cookie.");
	} else if ((x = story_window(w, op->site, WINDOW_LIMITED)) != NULL || op->fate == FATE_LIMITED) {
		say(w, op, 429, "API Rate Limit Exceeded");
		op->retry_after_s = x != NULL ? x->retry_after_s
					      : (rng_often(&w->rng, 500) ? -1 : rng_below(&w->rng, 120));
	} else if (story_window(w, op->site, WINDOW_MAINTENANCE) != NULL || op->fate == FATE_MAINTENANCE) {
		say(w, op, 409, "TestRail is under maintenance.");
	} else if (story_window(w, op->site, WINDOW_BUSY) != NULL || op->fate == FATE_BUSY_BEFORE) {
		say(w, op, 503, "Service Unavailable");
	} else if (op->fate == FATE_ERROR_BEFORE) {
		static const int status[] = { 500, 502, 504 };
		say(w, op, status[rng_below(&w->rng, 3)], "the gateway is unhappy");
	} else {
		return false;
	}
	return true;
}

static void garble(struct world *w, struct exchange_op *op, bool applied)
{
	struct buf *b = &op->answer.body;

	op->answer.status = 200;
	switch (rng_below(&w->rng, 4)) {
	case 0:
		buf_reset(b);
		break;
	case 1:
		buf_reset(b);
		buf_puts(b, "<html><body>please log in</body></html>");
		break;
	case 2:
		if (applied && b->len > 2) {
			b->len /= 2;
			b->data[b->len] = '\0';
		} else {
			buf_reset(b);
			buf_puts(b, "[{\"id\":");
		}
		break;
	default:
		buf_reset(b);
		buf_puts(b, "{\"message\":\"queued\"}");
		break;
	}
}

static void arrive(struct world *w, struct exchange_op *op)
{
	static const int status[] = { 500, 502, 504 };

	op->arrive_ms = NEVER;
	op->server_ms = w->now_ms / 1000 * 1000;
	if (op->fate == FATE_GARBAGE_BEFORE) {
		garble(w, op, false);
		return;
	}
	if (turned_away(w, op))
		return;
	/* What libcurl does when a connection that was used before dies: it repeats the request, and says nothing. */
	struct model *m = &op->site->model;
	const struct model_upload *upload = op->upload.name != NULL ? &op->upload : NULL;
	if (without == WITHOUT_FRESH && op->fate == FATE_LOST_AFTER && (op->body_len > 0 || upload != NULL))
		model_handle(m, op->path, op->body, op->body_len, upload, &op->answer);
	model_handle(m, op->path, op->body, op->body_len, upload, &op->answer);
	world_trace(w, "server %s %s -> %d %.300s", op->site->sink, op->path + 18, op->answer.status,
		    op->answer.body.data != NULL ? op->answer.body.data : "");
	if (m->broken[0] != '\0')
		world_fail(w, "intact", "%s", m->broken);
	if (op->fate == FATE_ERROR_AFTER)
		say(w, op, status[rng_below(&w->rng, 3)], "the gateway is unhappy");
	else if (op->fate == FATE_BUSY_AFTER)
		say(w, op, 503, "Service Unavailable");
	else if (op->fate == FATE_GARBAGE_AFTER && op->answer.status == 200)
		garble(w, op, true);
}

static void note_block(const struct world *w, struct site *s, int64_t retry_after_s)
{
	int64_t wait = retry_after_s < 0      ? 60
		       : retry_after_s < 1    ? 1
		       : retry_after_s > 3600 ? 3600
					      : retry_after_s;

	if (s->block_void)
		s->blocked_until_ms = 0; /* nobody could know of that one any more */
	s->blocked_at_ms = w->now_ms;
	s->block_void = false;
	if (w->now_ms + wait * 1000 > s->blocked_until_ms)
		s->blocked_until_ms = w->now_ms + wait * 1000;
}

static void finish(struct world *w, struct exchange_op *op)
{
	struct reply reply;
	transport_done_fn *done = op->done;

	op->done = NULL;
	reply_init(&reply);
	reply.exchange = op->cancelled ? EXCHANGE_CANCELLED : op->how;
	reply.retry_after_s = -1;
	reply.server_ms = TIME_UNKNOWN;
	strcpy(reply.error, op->how == EXCHANGE_NOT_SENT ? "could not connect" : "the connection broke");
	if (reply.exchange == EXCHANGE_ANSWERED) {
		reply.status = op->answer.status;
		reply.server_ms = op->server_ms;
		reply.retry_after_s = op->retry_after_s;
		reply.error[0] = '\0';
		if (op->answer.body.len > 0)
			buf_append(&reply.body, op->answer.body.data, op->answer.body.len);
		if (reply.status == 429)
			note_block(w, op->site, reply.retry_after_s);
	}
	world_trace(w, "answer %s %s -> %s %d", op->site->sink, op->path + 18,
		    reply.exchange == EXCHANGE_ANSWERED ? "answered" : "no answer", reply.status);
	done(op->cookie, &reply);
	reply_done(&reply);
}

/* ---- turns ---- */

static void remove_op(struct exchange_op **at)
{
	struct exchange_op *op = *at;

	*at = op->next;
	buf_done(&op->answer.body);
	free(op->path);
	free(op->body);
	free((char *)op->upload.name);
	free(op);
}

static int64_t op_next(const struct exchange_op *op)
{
	int64_t at = op->done != NULL ? (op->cancelled ? 0 : op->answer_ms) : NEVER;

	return op->arrive_ms < at ? op->arrive_ms : at;
}

int64_t wire_next_ms(const struct world *w)
{
	int64_t at = NEVER;

	for (const struct exchange_op *op = w->ops; op != NULL; op = op->next)
		if (op_next(op) < at)
			at = op_next(op);
	return at;
}

bool wire_idle(const struct world *w)
{
	return w->ops == NULL;
}

bool wire_turn(struct world *w)
{
	for (struct exchange_op **at = &w->ops; *at != NULL; at = &(*at)->next) {
		struct exchange_op *op = *at;
		if (op->done == NULL && op->arrive_ms == NEVER) {
			remove_op(at);
			return true;
		}
		if (op->arrive_ms <= w->now_ms) {
			arrive(w, op);
			return true;
		}
		if (op->done != NULL && (op->cancelled || op->answer_ms <= w->now_ms)) {
			finish(w, op);
			return true;
		}
	}
	return false;
}

void wire_abandon(struct world *w)
{
	for (struct exchange_op *op = w->ops; op != NULL; op = op->next) {
		if (op->done == NULL)
			continue;
		/* What has left the machine may still arrive; what was only about to leave does not. */
		if (op->sent_ms == w->now_ms || rng_often(&w->rng, 300))
			op->arrive_ms = NEVER;
		/* Its connection is gone with us: no server holds on to it for long. */
		else if (op->arrive_ms != NEVER && op->arrive_ms > w->now_ms + LATE_MAX_MS)
			op->arrive_ms = w->now_ms + rng_below(&w->rng, LATE_MAX_MS);
		op->cancelled = true;
	}
}

void wire_clear(struct world *w)
{
	while (w->ops != NULL)
		remove_op(&w->ops);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * talk_note.c - what a talk records, and how it ends. */
#include "daemon/dispatch/talk.h"

#include "daemon/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *step_name(const struct conversation *c)
{
	return c->step == NULL ? "start" : c->step->name == NULL ? "end" : c->step->name;
}

#define WAIT_MAX_MS (INT64_C(3600) * 1000)

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

void talk_request_done(struct conversation *c)
{
	request_done(&c->request);
	rows_free(c->rows);
	c->rows = NULL;
	c->t.rows = NULL;
	learned_done(&c->t.learned);
	arena_reset(&c->arena);
	learned_init(&c->t.learned, &c->arena);
	err_clear(&c->t.err);
}

void talk_step_done(struct conversation *c)
{
	talk_request_done(c);
	cJSON_Delete(c->t.scratch);
	c->t.scratch = NULL;
}

void talk_queue_failed(struct conversation *c, const struct err *err)
{
	/* Never send what cannot be recorded. */
	log_error(&c->log, "the queue does not answer: %s", err->text);
	lane_pause(c->lane, lane_scaled(c->lane, retry_wait_ms(2, (uint64_t)c->delivery)), false,
		   "the queue does not answer: %s", err->text);
	/* A page's cursor may stand in the facts and its rows nowhere: a list must not go on behind it. */
	c->lane->facts_lost = true;
	c->lane->lost = true; /* it may stand as "sending" still */
	talk_end(c);
}

static void noted(void *cookie, int rc, const struct err *err)
{
	struct conversation *c = cookie;

	if (rc < 0) {
		talk_queue_failed(c, err);
		return;
	}
	void (*then)(struct conversation *) = c->then;
	c->then = NULL;
	then(c);
}

void talk_note(struct conversation *c, enum settle settle, int64_t wait_ms, const char *reason,
	       talk_then_fn *then)
{
	if (c->checking) {
		if (settle != SETTLE_GO_ON)
			snprintf(c->check_words, sizeof(c->check_words), "%s",
				 reason != NULL ? reason : "ended early");
		then(c);
		return;
	}
	int64_t now = clock_wall_ms();
	/* A longer wait (a linger) is looked at again on the way: the clock that it is noted by may be set
	 * back, and the queue takes what is due much later for misdated. */
	if (wait_ms != TALK_FOREVER && wait_ms > WAIT_MAX_MS)
		wait_ms = WAIT_MAX_MS;
	struct note n = {
		.step = step_name(c),
		.settle = settle,
		.learned = &c->t.learned,
		.bookmark = changed_json(c->bookmark, &c->bookmark_saved),
		.facts = c->lane->facts_lost ? NULL : changed_json(c->lane->facts, &c->lane->facts_saved),
		.now_ms = now,
		.due_ms = wait_ms == TALK_FOREVER ? INT64_MAX : now + wait_ms,
		.reason = reason,
		.status = c->status,
		.requests = c->requests,
		.saw = c->awaits ? &c->owed : NULL,
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
	if (settle == SETTLE_KEEP && c->step != NULL && c->step->exclusive)
		lane_doubt(c->lane, c->delivery, lane_now() + wait_ms, c->unsure);
	else
		lane_sure(c->lane, c->delivery);
	queue_note(c->lane->dispatch->opt.queue, c->delivery, &n, noted, c);
}

void talk_later(struct conversation *c, int64_t wait_ms, const char *reason)
{
	log_debug(&c->log, "%s: later: %s", step_name(c), reason != NULL ? reason : "");
	talk_note(c, SETTLE_WAIT, wait_ms, reason, talk_end);
}

void talk_await(struct conversation *c, int64_t wait_ms, const char *reason)
{
	c->awaits = true;
	talk_later(c, wait_ms, reason);
}

void talk_park(struct conversation *c, const char *reason)
{
	if (!c->checking)
		log_warning(&c->log, "%s: parked: %s", step_name(c), reason);
	talk_note(c, SETTLE_PARK, 0, reason, talk_end);
}

/* The outcome of a write is not known: looked up later, before anything is sent again. */
void talk_unknown(struct conversation *c, int64_t wait_ms, const char *reason)
{
	log_warning(&c->log, "%s: outcome unknown (%s); it is looked up first", c->step->name, reason);
	talk_note(c, SETTLE_KEEP, wait_ms, reason, talk_end);
}

int64_t talk_backoff(const struct conversation *c)
{
	return lane_scaled(c->lane, retry_wait_ms(c->lane->fails, (uint64_t)c->delivery));
}

int64_t talk_odd_backoff(struct conversation *c)
{
	int64_t odd = sink_int(c->bookmark, TALK_ODD_ANSWERS, 0);

	sink_set_int(c->bookmark, TALK_ODD_ANSWERS, odd + 1);
	sink_set_string(c->bookmark, TALK_ODD_STEP, c->step->name);
	return lane_scaled(c->lane, retry_wait_ms((unsigned)(odd < 64 ? odd : 64), (uint64_t)c->delivery));
}

void talk_answer_made_sense(struct conversation *c)
{
	const char *step = sink_string(c->bookmark, TALK_ODD_STEP);

	if (step != NULL && strcmp(step, c->step->name) != 0)
		return;
	cJSON_DeleteItemFromObjectCaseSensitive(c->bookmark, TALK_ODD_ANSWERS);
	cJSON_DeleteItemFromObjectCaseSensitive(c->bookmark, TALK_ODD_STEP);
}

void talk_end(struct conversation *c)
{
	struct lane *l = c->lane;

	lane_leave(l, c, true, true);
	talk_step_done(c);
	learned_done(&c->t.learned);
	arena_done(&c->arena);
	cJSON_Delete(c->bookmark);
	cJSON_Delete(c->vars_json);
	free(c->notes);
	talk_foreseen_free(c);
	free(c->bookmark_saved);
	delivery_free(c->d);
	if (c->checking && l->dispatch->checked != NULL)
		l->dispatch->checked(l->dispatch->checked_cookie, l->config->name, c->check_ok,
				     c->check_words);
	lane_ended(l, c);
	free(c);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_act.c - what a person does about a delivery: try again, or give it up. */
#include "daemon/cli/queue.h"

#include "daemon/base/clock.h"
#include "daemon/queue/operate.h"

#include <inttypes.h>
#include <stdio.h>

static void on_retried(void *cookie, int rc, const struct operated *o, const struct err *err)
{
	struct queue_view *v = cookie;
	char files[48] = "";

	if (rc < 0) {
		queue_failed(v, rc, err);
		return;
	}
	if (o->files > 0)
		snprintf(files, sizeof(files), " and %" PRIu64 " files", o->files);
	if (v->json)
		fprintf(v->out, "{\"deliveries\":%" PRIu64 ",\"tests\":%" PRIu64 ",\"files\":%" PRIu64 "}\n",
			o->deliveries, o->tests, o->files);
	else if (o->deliveries == 0)
		fprintf(v->out, "Nothing is parked%s.\n", v->reason != NULL ? " for such a reason" : "");
	else
		fprintf(v->out,
			"%" PRIu64 " deliveries and %" PRIu64
			" tests%s are due again; \"resultd deliver\" or the daemon sends them.\n",
			o->deliveries, o->tests, files);
	v->quit(v, EXIT_OK);
}

void queue_verb_retry(struct queue_view *v)
{
	queue_retry_some(v->app->queue, v->id, v->count, v->reason, clock_wall_ms(), on_retried, v);
}

/* ---- drop ---- */

static void next(struct queue_view *v);

static void on_dropped(void *cookie, int rc, const struct operated *o, const struct err *err)
{
	struct queue_view *v = cookie;
	int64_t id = v->id[v->at++];

	if (rc < 0) {
		queue_failed(v, rc, err);
		return;
	}
	if (o->deliveries == 0)
		fprintf(v->out, "Delivery %" PRId64 " needs no giving up.\n", id);
	else
		fprintf(v->out,
			"Delivery %" PRId64 " is dropped with %" PRIu64
			" tests that were not delivered; \"resultd queue retry %" PRId64
			"\" takes that back.\n",
			id, o->tests, id);
	next(v);
}

static void on_answer(struct queue_view *v, bool yes)
{
	if (yes) {
		queue_drop(v->app->queue, &v->id[v->at], 1, NULL, clock_wall_ms(), on_dropped, v);
		return;
	}
	fprintf(v->out, "Delivery %" PRId64 " stays.\n", v->id[v->at++]);
	next(v);
}

static void ask(struct queue_view *v, const struct delivery_line *l)
{
	char name[200], question[512];

	/* The name comes from a job: nothing in it may steer the terminal. */
	snprintf(name, sizeof(name), "%s", l->run_name);
	for (char *c = name; *c != '\0'; c++)
		*c = (unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c;
	snprintf(question, sizeof(question),
		 "Give up delivery %" PRId64 " to %s, run \"%s\": %" PRIu64 " owed, %" PRIu64
		 " parked, %" PRIu64 " posted?",
		 l->id, l->sink, name, l->owed, l->parked, l->posted);
	v->answered = on_answer;
	v->ask(v, question);
}

static void on_detail(void *cookie, int rc, const struct delivery_detail *d, const struct err *err)
{
	struct queue_view *v = cookie;

	if (rc < 0) {
		queue_failed(v, rc, err);
		return;
	}
	if (v->yes)
		on_answer(v, true);
	else
		ask(v, &d->line);
}

static void next(struct queue_view *v)
{
	if (v->at == v->count)
		v->quit(v, EXIT_OK);
	else
		queue_detail(v->app->queue, v->id[v->at], 0, on_detail, v);
}

void queue_verb_drop(struct queue_view *v)
{
	next(v);
}

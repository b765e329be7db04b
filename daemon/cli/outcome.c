/* SPDX-License-Identifier: Apache-2.0
 *
 * outcome.c - what became of runs. */
#include "daemon/cli/outcome.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 10000, PARKED_SHOWN = 50 };

void run_ids_join(struct run_ids *ids, int64_t id, size_t from)
{
	for (size_t i = ids->count; i > 0; i--) {
		if (ids->id[i - 1] == id)
			return;
	}
	if (id == 0)
		return;
	if (ids->count == ids->room) {
		ids->room = ids->room > 0 ? ids->room * 2 : 16;
		ids->id = xrealloc(ids->id, ids->room, sizeof(*ids->id));
		ids->from = xrealloc(ids->from, ids->room, sizeof(*ids->from));
	}
	ids->from[ids->count] = from;
	ids->id[ids->count++] = id;
}

void run_ids_add(struct run_ids *ids, int64_t id)
{
	run_ids_join(ids, id, 0);
}

void run_ids_done(struct run_ids *ids)
{
	free(ids->id);
	free(ids->from);
	*ids = (struct run_ids){ 0 };
}

/* The run goes on, but all that came so far is where it belongs. */
static bool up_to_date(const struct delivery_line *line)
{
	return !line->run_ended && line->state == DELIVERY_WAITING && line->due_ms == INT64_MAX;
}

void run_ids_waiting(struct run_ids *ids, const struct delivery_line *line, size_t count, const char *sink)
{
	for (size_t i = 0; i < count; i++) {
		if (line[i].state != DELIVERY_PARKED && !up_to_date(&line[i]) &&
		    (sink == NULL || strcmp(sink, line[i].sink) == 0))
			run_ids_add(ids, line[i].run);
	}
}

/* ---- totals ---- */

struct outcome_look {
	struct app *app;
	struct run_ids ids; /* a copy */
	size_t at;
	bool all;
	char *sink; /* NULL: all */
	struct outcome_totals totals;
	size_t locked;
	char reason[256];
	outcome_fn *done;
	void *cookie;
};

static void look_next(struct outcome_look *o);

static bool lane_locked(const struct app *a, const char *sink)
{
	struct lane_view view[64];
	size_t n = a->dispatch != NULL ? dispatch_view(a->dispatch, view, 64) : 0;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(view[i].sink, sink) == 0)
			return view[i].locked;
	}
	return false;
}

static void on_lines(void *cookie, int rc, const struct delivery_line *line, size_t count,
		     const struct err *err)
{
	struct outcome_look *o = cookie;

	(void)err;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct outcome_totals *t = &o->totals;
		if (o->sink != NULL && strcmp(o->sink, line[i].sink) != 0)
			continue;
		t->deliveries++;
		t->owed += line[i].owed;
		t->posted += line[i].posted;
		t->parked_tests += line[i].parked;
		t->parked_files += line[i].evidence_parked;
		t->owed_files += line[i].evidence_owed;
		t->requests += line[i].requests;
		if (line[i].state == DELIVERY_DELIVERED) {
			t->delivered++;
		} else if (line[i].state == DELIVERY_DROPPED) {
			/* A person gave it up: nothing of it is waited for, nor is it delivered. */
			t->dropped++;
		} else if (line[i].state == DELIVERY_PARKED) {
			t->parked++;
		} else if (up_to_date(&line[i])) {
			t->up_to_date++;
			t->parked += line[i].parked > 0 || line[i].evidence_parked > 0;
		} else {
			t->waiting++;
			o->locked += lane_locked(o->app, line[i].sink);
			if (line[i].reason != NULL)
				snprintf(o->reason, sizeof(o->reason), "%s", line[i].reason);
		}
	}
	o->at++;
	look_next(o);
}

static void look_next(struct outcome_look *o)
{
	if (o->at < o->ids.count) {
		queue_lines(o->app->queue, o->ids.id[o->at], false, LINES_MAX, on_lines, o);
		return;
	}
	if (o->all && o->at == 0) {
		queue_lines(o->app->queue, 0, true, LINES_MAX, on_lines, o);
		return;
	}
	o->totals.runs = o->ids.count;
	o->totals.locked = o->totals.waiting > 0 && o->locked == o->totals.waiting;
	o->totals.wait_reason = o->reason[0] != '\0' ? o->reason : NULL;
	o->app->looks--;
	o->done(o->cookie, &o->totals);
	run_ids_done(&o->ids);
	free(o->sink);
	free(o);
}

static void on_nothing(void *cookie, int rc, const struct delivery_line *line, size_t count,
		       const struct err *err)
{
	(void)rc;
	(void)line;
	(void)count;
	(void)err;
	look_next(cookie);
}

void outcome_look(struct app *a, const struct run_ids *ids, const char *sink, outcome_fn *done, void *cookie)
{
	struct outcome_look *o = xcalloc(1, sizeof(*o));

	o->app = a;
	o->sink = xstrdup(sink);
	a->looks++;
	o->done = done;
	o->cookie = cookie;
	o->all = ids == NULL;
	for (size_t i = 0; ids != NULL && i < ids->count; i++)
		run_ids_add(&o->ids, ids->id[i]);
	if (ids != NULL && ids->count == 0)
		queue_lines(a->queue, INT64_MAX, false, 1, on_nothing, o); /* a turn of the loop later */
	else
		look_next(o);
}

/* ---- the receipt ---- */

struct gather {
	struct app *app;
	struct run_ids ids;
	size_t at;
	cJSON *runs, *run, *deliveries;
	size_t delivery_at;
	outcome_runs_fn *done;
	void *cookie;
};

static void gather_next(struct gather *g);
static void gather_parked(struct gather *g);

void outcome_add_parked(cJSON *delivery, const struct parked_line *line, size_t count)
{
	cJSON *tests = cJSON_AddArrayToObject(delivery, "parked_tests");
	cJSON *files = cJSON_AddArrayToObject(delivery, "parked_files");

	for (size_t i = 0; i < count; i++) {
		cJSON *p = cJSON_CreateObject();
		cJSON_AddStringToObject(p, "name", line[i].name != NULL ? line[i].name : "");
		cJSON_AddStringToObject(p, "reason", line[i].reason != NULL ? line[i].reason : "");
		cJSON_AddNumberToObject(p, "count", (double)line[i].count);
		cJSON_AddItemToArray(line[i].file ? files : tests, p);
	}
}

static void on_parked(void *cookie, int rc, const struct parked_line *line, size_t count,
		      const struct err *err)
{
	struct gather *g = cookie;

	(void)err;
	outcome_add_parked(cJSON_GetArrayItem(g->deliveries, (int)g->delivery_at++), line,
			   rc == 0 ? count : 0);
	gather_parked(g);
}

static void gather_parked(struct gather *g)
{
	const cJSON *d;

	while ((d = cJSON_GetArrayItem(g->deliveries, (int)g->delivery_at)) != NULL) {
		if (cJSON_GetNumberValue(cJSON_GetObjectItem(d, "parked")) > 0 ||
		    cJSON_GetNumberValue(cJSON_GetObjectItem(d, "evidence_parked")) > 0) {
			queue_parked(g->app->queue,
				     (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(d, "id")),
				     PARKED_SHOWN, on_parked, g);
			return;
		}
		g->delivery_at++;
	}
	g->at++;
	gather_next(g);
}

static const char *receipt_state(enum delivery_state s)
{
	if (s == DELIVERY_DELIVERED)
		return "delivered";
	if (s == DELIVERY_DROPPED)
		return "dropped";
	return s == DELIVERY_PARKED ? "parked" : "waiting";
}

static void on_run_lines(void *cookie, int rc, const struct delivery_line *line, size_t count,
			 const struct err *err)
{
	struct gather *g = cookie;

	(void)err;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		const struct delivery_line *l = &line[i];
		cJSON *d = cJSON_CreateObject();
		cJSON_AddNumberToObject(d, "id", (double)l->id);
		cJSON_AddStringToObject(d, "sink", l->sink);
		cJSON_AddStringToObject(d, "state", receipt_state(l->state));
		if (l->remote_id != NULL)
			cJSON_AddStringToObject(d, "remote_id", l->remote_id);
		if (l->url != NULL)
			cJSON_AddStringToObject(d, "url", l->url);
		cJSON_AddNumberToObject(d, "posted", (double)l->posted);
		cJSON_AddNumberToObject(d, "parked", (double)l->parked);
		cJSON_AddNumberToObject(d, "ignored", (double)l->ignored);
		cJSON_AddNumberToObject(d, "evidence", (double)l->evidence_posted);
		cJSON_AddNumberToObject(d, "evidence_parked", (double)l->evidence_parked);
		cJSON_AddNumberToObject(d, "evidence_ignored", (double)l->evidence_ignored);
		cJSON_AddNumberToObject(d, "requests", (double)l->requests);
		if (l->reason != NULL && l->reason[0] != '\0')
			cJSON_AddStringToObject(d, "last_error", l->reason);
		if (up_to_date(l))
			cJSON_AddTrueToObject(d, "up_to_date");
		cJSON_AddItemToArray(g->deliveries, d);
	}
	g->delivery_at = 0;
	gather_parked(g);
}

static void on_run(void *cookie, int rc, const struct run_line *run, const struct err *err)
{
	struct gather *g = cookie;

	(void)err;
	if (rc < 0) {
		g->at++;
		gather_next(g);
		return;
	}
	g->run = cJSON_CreateObject();
	cJSON_AddItemToArray(g->runs, g->run);
	cJSON_AddNumberToObject(g->run, "id", (double)run->id);
	cJSON_AddStringToObject(g->run, "key", run->key);
	cJSON_AddStringToObject(g->run, "name", run->name);
	cJSON *counts = cJSON_AddObjectToObject(g->run, "counts");
	const struct {
		const char *name;
		uint64_t n;
	} row[] = {
		{ "tests", run->tests },
		{ "passed", run->passed },
		{ "failed", run->failed },
		{ "error", run->error },
		{ "skipped", run->skipped },
		{ "flaky", run->flaky },
		{ "known_failures", run->known_failures },
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		cJSON_AddNumberToObject(counts, row[i].name, (double)row[i].n);
	g->deliveries = cJSON_AddArrayToObject(g->run, "deliveries");
	queue_lines(g->app->queue, run->id, false, LINES_MAX, on_run_lines, g);
}

static void gather_next(struct gather *g)
{
	if (g->at < g->ids.count) {
		queue_run(g->app->queue, g->ids.id[g->at], on_run, g);
		return;
	}
	g->app->looks--;
	g->done(g->cookie, g->runs);
	run_ids_done(&g->ids);
	free(g);
}

static void on_turn(void *cookie, int rc, const struct delivery_line *line, size_t count,
		    const struct err *err)
{
	(void)rc;
	(void)line;
	(void)count;
	(void)err;
	gather_next(cookie);
}

void outcome_runs(struct app *a, const struct run_ids *ids, outcome_runs_fn *done, void *cookie)
{
	struct gather *g = xcalloc(1, sizeof(*g));

	g->app = a;
	a->looks++;
	g->done = done;
	g->cookie = cookie;
	g->runs = cJSON_CreateArray();
	for (size_t i = 0; i < ids->count; i++)
		run_ids_add(&g->ids, ids->id[i]);
	if (ids->count == 0)
		queue_lines(a->queue, INT64_MAX, false, 1, on_turn, g);
	else
		gather_next(g);
}

/* ---- the table ---- */

static double number(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItem(o, name);

	return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

static const char *text(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItem(o, name);

	return cJSON_IsString(v) ? v->valuestring : "";
}

/* Names come from reports: nothing in them may steer the terminal. */
static void put_clean(FILE *out, const char *s, size_t max)
{
	for (size_t n = 0; *s != '\0' && n < max; s++, n++)
		fputc((unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s, out);
}

static void print_parked(FILE *out, const cJSON *d, const char *kind, const char *number_name)
{
	const cJSON *list = cJSON_GetObjectItem(d, kind), *p;
	double shown = 0;

	cJSON_ArrayForEach(p, list)
	{
		if (shown++ == 10)
			break;
		fputs("      ", out);
		put_clean(out, text(p, "name"), 160);
		fputs(": ", out);
		put_clean(out, text(p, "reason"), 240);
		fputc('\n', out);
	}
	if (number(d, number_name) > 10)
		fprintf(out, "      ... %.0f parked in all; \"resultd queue list\" tells more\n",
			number(d, number_name));
}

static void print_plan(FILE *out, const cJSON *d)
{
	const cJSON *line;

	cJSON_ArrayForEach(line, cJSON_GetObjectItem(d, "plan"))
	{
		fputs("      ", out);
		put_clean(out, cJSON_IsString(line) ? line->valuestring : "", 600);
		fputc('\n', out);
	}
}

void outcome_print(FILE *out, const cJSON *runs)
{
	const cJSON *run, *d;

	cJSON_ArrayForEach(run, runs)
	{
		const cJSON *c = cJSON_GetObjectItem(run, "counts");
		put_clean(out, text(run, "name"), 200);
		fprintf(out, "\n  %.0f tests: %.0f passed, %.0f failed, %.0f error, %.0f skipped",
			number(c, "tests"), number(c, "passed"), number(c, "failed"), number(c, "error"),
			number(c, "skipped"));
		if (number(c, "flaky") > 0)
			fprintf(out, ", %.0f flaky", number(c, "flaky"));
		fputc('\n', out);
		cJSON_ArrayForEach(d, cJSON_GetObjectItem(run, "deliveries"))
		{
			fprintf(out, "  %-12s %-10s %.0f posted", text(d, "sink"), text(d, "state"),
				number(d, "posted"));
			if (number(d, "parked") > 0)
				fprintf(out, ", %.0f parked", number(d, "parked"));
			if (number(d, "ignored") > 0)
				fprintf(out, ", %.0f ignored", number(d, "ignored"));
			if (number(d, "evidence") > 0)
				fprintf(out, ", %.0f files", number(d, "evidence"));
			if (number(d, "evidence_parked") > 0)
				fprintf(out, ", %.0f files parked", number(d, "evidence_parked"));
			fprintf(out, ", %.0f requests", number(d, "requests"));
			if (text(d, "url")[0] != '\0') {
				fputs("  ", out);
				put_clean(out, text(d, "url"), 1000);
			}
			fputc('\n', out);
			if (cJSON_IsTrue(cJSON_GetObjectItem(d, "up_to_date")))
				fputs("      all that has come is there; the run is still open\n", out);
			print_plan(out, d);
			if (cJSON_GetObjectItem(d, "plan") == NULL &&
			    strcmp(text(d, "state"), "delivered") != 0 && text(d, "last_error")[0] != '\0') {
				fputs("      ", out);
				put_clean(out, text(d, "last_error"), 500);
				fputc('\n', out);
			}
			print_parked(out, d, "parked_tests", "parked");
			print_parked(out, d, "parked_files", "evidence_parked");
		}
	}
}

/* ---- waiting ---- */

struct await {
	struct app *app;
	const struct run_ids *ids;
	struct await_options opt;
	uv_timer_t timer;
	int64_t began_ms, until_ms;
	bool looking, again, armed, finished, dead, freed;
	struct outcome_totals totals;
};

enum { TICK_MS = 250 };

static void look(struct await *w);

void outcome_progress(const char *own, const struct outcome_totals *t, int64_t began_ms)
{
	double s = (double)(clock_mono_ms() - began_ms) / 1000;

	fprintf(stderr, "\r\033[K%s%" PRIu64 " delivered", own, t->posted);
	if (s >= 1 && t->posted > 0)
		fprintf(stderr, " (%.0f/s)", (double)t->posted / s);
	if (t->owed > 0)
		fprintf(stderr, ", %" PRIu64 " to go", t->owed);
	if (t->owed_files > 0)
		fprintf(stderr, ", %" PRIu64 " files to go", t->owed_files);
	if (t->parked_tests > 0)
		fprintf(stderr, ", %" PRIu64 " parked", t->parked_tests);
	if (t->waiting > 0 && t->wait_reason != NULL)
		fprintf(stderr, ", waiting: %.60s", t->wait_reason);
	fflush(stderr);
}

void outcome_show(const cJSON *told, const char *own, int64_t began_ms)
{
	const struct outcome_totals t = {
		.posted = (uint64_t)number(told, "posted"),
		.owed = (uint64_t)number(told, "owed"),
		.parked_tests = (uint64_t)number(told, "parked_tests"),
		.waiting = (size_t)number(told, "waiting"),
		.wait_reason = text(told, "reason")[0] != '\0' ? text(told, "reason") : NULL,
	};

	outcome_progress(own, &t, began_ms);
}

static void progress(struct await *w, const struct outcome_totals *t)
{
	char own[160] = "";

	if (w->opt.moved != NULL)
		w->opt.moved(w->opt.cookie, t);
	if (!w->opt.progress)
		return;
	if (w->opt.describe != NULL)
		w->opt.describe(w->opt.cookie, own, sizeof(own));
	outcome_progress(own, t, w->began_ms);
}

static void on_totals(void *cookie, const struct outcome_totals *t)
{
	struct await *w = cookie;

	w->looking = false;
	if (w->dead) {
		if (w->freed)
			free(w);
		return;
	}
	w->totals = *t;
	progress(w, t);
	if (w->finished || !w->armed)
		return;
	bool settled = t->waiting == 0, late = clock_mono_ms() >= w->until_ms;
	if (settled || late || t->locked) {
		w->finished = true;
		if (w->opt.progress)
			fputs("\r\033[K", stderr);
		w->opt.done(w->opt.cookie, t, !settled);
	} else if (w->again) {
		look(w);
	}
}

static void look(struct await *w)
{
	if (w->looking) {
		w->again = true;
		return;
	}
	w->looking = true;
	w->again = false;
	outcome_look(w->app, w->ids, w->opt.sink, on_totals, w);
}

static void on_tick(uv_timer_t *timer)
{
	look(timer->data);
}

struct await *await_start(struct app *a, const struct run_ids *ids, const struct await_options *options)
{
	struct await *w = xcalloc(1, sizeof(*w));

	w->app = a;
	w->ids = ids;
	w->opt = *options;
	w->began_ms = clock_mono_ms();
	w->until_ms = w->began_ms + options->timeout_ms;
	uv_timer_init(&a->loop, &w->timer);
	w->timer.data = w;
	uv_timer_start(&w->timer, on_tick, TICK_MS, TICK_MS);
	return w;
}

void await_armed(struct await *w, bool armed)
{
	w->armed = armed;
	if (armed)
		look(w);
}

void await_changed(struct await *w)
{
	if (w->armed)
		look(w);
}

static void on_closed(uv_handle_t *handle)
{
	struct await *w = handle->data;

	w->freed = true;
	if (!w->looking)
		free(w);
}

void await_free(struct await *w)
{
	if (w == NULL)
		return;
	w->dead = true;
	uv_close((uv_handle_t *)&w->timer, on_closed);
}

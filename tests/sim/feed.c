/* SPDX-License-Identifier: Apache-2.0
 *
 * feed.c - reports come in and runs end, as the story says; and until when a server in good health must have
 * what it is owed. */
#include "tests/sim/world.h"

#include "daemon/base/clock.h"
#include "daemon/model/result.h"

#include <string.h>

enum { HEALTHY_MS = 5 * 60 * 1000, UPSET_MS = 20 * 60 * 1000 };

/* ---- what the healthy server is owed ---- */

static struct owed_since *owed_of(struct world *w, int64_t run)
{
	if (run <= 0 || run >= RUN_IDS_MAX) {
		world_fail(w, "bounded", "run %lld of so few", (long long)run);
		return &w->owed[0];
	}
	return &w->owed[run];
}

static void owe(struct world *w, int64_t run)
{
	struct owed_since *o = owed_of(w, run);

	if (w->healthy == NULL)
		return;
	/* A clock that was just set back makes waits longer that began before: of others, whom this run waits for. */
	bool upset = w->jumped > 0 && w->now_ms - w->jumped_ms < UPSET_MS;
	*o = (struct owed_since){ .at_ms = w->now_ms,
				  .requests = w->healthy->requests,
				  .crashes = w->crashes,
				  .jumps = w->jumped - upset,
				  .known = true,
				  .over = o->over };
}

static void end_owed(struct world *w, int64_t run)
{
	owe(w, run);
	owed_of(w, run)->over = true;
}

/* Its own requests, at its own pace; what it may wait for company; and what it costs to find out, after a crash,
 * what had happened. */
static int64_t deadline(const struct world *w, const struct owed_since *o)
{
	double pace_ms = 60000 / (0.8 * w->rate);
	int64_t requests = (int64_t)(w->healthy->requests - o->requests);
	int64_t upsets = (int64_t)(w->crashes - o->crashes + w->jumped - o->jumps);

	return o->at_ms + w->linger_ms + HEALTHY_MS + requests * (int64_t)(pace_ms > 700 ? pace_ms : 700) +
	       upsets * UPSET_MS;
}

int64_t feed_deadline_ms(const struct world *w)
{
	int64_t at = NEVER;

	for (size_t i = 0; i < RUN_IDS_MAX && w->healthy != NULL; i++) {
		const struct owed_since *o = &w->owed[i];
		if (o->known && o->over && !o->settled && deadline(w, o) < at)
			at = deadline(w, o);
	}
	return at;
}

bool feed_judge(struct world *w)
{
	struct seen s;

	if (feed_deadline_ms(w) > w->now_ms)
		return false;
	oracle_see(w, &s, false);
	for (size_t i = 0; i < s.delivery_count; i++) {
		const struct delivery_seen *d = &s.delivery[i];
		struct owed_since *o = owed_of(w, d->run);
		if (strcmp(d->sink, w->healthy->sink) != 0 || !o->known || !o->over ||
		    deadline(w, o) > w->now_ms)
			continue;
		o->settled = true;
		if (d->state != DELIVERY_DELIVERED && d->state != DELIVERY_PARKED)
			world_fail(w, "live",
				   "\"%s\" is %s at %s, %lld s after its last report, though only the "
				   "other server is away: %s",
				   d->name, delivery_state_name(d->state), d->sink,
				   (long long)(w->now_ms - o->at_ms) / 1000, d->reason);
	}
	seen_done(&s);
	return true;
}

/* ---- reports come in ---- */

static void on_finished(void *cookie, int rc, const struct err *err)
{
	struct world *w = cookie;
	struct story_part *p;

	if (w->dead || w->feeding == 0)
		return;
	p = &w->part[w->feeding - 1];
	w->feeding = 0;
	if (rc < 0) {
		world_fail(w, "conserve", "a part is refused: %s", err->text);
		return;
	}
	p->state = PART_TAKEN;
	p->order = ++w->order;
	owe(w, p->queue_run);
	dispatch_kick(w->dispatch, false);
}

static void write_part(struct world *w, const struct story_part *p, int64_t part)
{
	struct part_summary s = { .format = "junit",
				  .complete = true,
				  .started_ms = TIME_UNKNOWN,
				  .now_ms = clock_wall_ms(),
				  .cases = p->count };
	struct part_writer *writer = part_writer_new(w->queue, part);
	struct arena a = ARENA_LIMIT(1 << 20);
	struct err err = ERR_NONE;
	struct evidence file;
	struct result r;

	if (p->log) {
		story_log((size_t)(p - w->part), &a, &file);
		part_writer_evidence(writer, &file, true, &err);
	}
	for (size_t i = 0; i < p->count; i++) {
		story_result(w, p->first + i, &a, &r);
		part_writer_add(writer, &r, &err);
		for (unsigned k = 0; k < w->exec[p->first + i].files; k++) {
			story_file(w, p->first + i, k, &a, &file);
			part_writer_evidence(writer, &file, false, &err);
		}
		arena_reset(&a);
	}
	arena_done(&a);
	if (part_writer_end(writer, &err) < 0)
		world_fail(w, "conserve", "a part cannot be written: %s", err.text);
	queue_finish_part(w->queue, part, &s, on_finished, w);
}

static void on_taken(void *cookie, int rc, const struct taken *taken, const struct err *err)
{
	struct world *w = cookie;

	if (w->dead || w->feeding == 0)
		return;
	struct story_part *p = &w->part[w->feeding - 1];
	struct story_run *run = &w->run[p->run];
	if (rc < 0) {
		world_fail(w, "conserve", "a part is not taken: %s", err->text);
		return;
	}
	world_trace(w, "part %zu: %s, run %lld \"%s\"", w->feeding - 1,
		    taken->what == TAKE_NEW ? "new" : "known", (long long)taken->run, taken->run_name);
	if (p->state == PART_TAKEN) { /* offered a second time */
		p->twice = false;
		w->feeding = 0;
		if (taken->what != TAKE_DUPLICATE)
			world_fail(w, "once", "the same report was taken twice");
		return;
	}
	if (run->queue_run != taken->run) {
		if (run->ended) { /* the next run of this key */
			run->ended = false;
			run->end_ms = w->now_ms + 1000;
		}
		run->queue_run = taken->run;
	}
	p->queue_run = taken->run;
	snprintf(p->run_name, sizeof(p->run_name), "%s", taken->run_name);
	if (taken->what == TAKE_NEW)
		write_part(w, p, taken->part);
	else
		on_finished(w, 0, NULL);
}

static void take(struct world *w, size_t i)
{
	const char *sinks[SITES_MAX];
	struct story_part *p = &w->part[i];
	struct run_spec run = { .key = w->run[p->run].key,
				.vars_json = "{}",
				.source = RUN_WATCH,
				.sinks = sinks,
				.sink_count = w->site_count,
				.now_ms = clock_wall_ms() };
	struct part_spec part = { .path = "report.xml",
				  .size = 1,
				  .late_append = w->run[p->run].late_append };
	char name[32] = { 0 };

	for (size_t k = 0; k < w->site_count; k++)
		sinks[k] = w->site[k].sink;
	snprintf(name, sizeof(name), "part-%zu", i);
	memcpy(part.sha256, name, sizeof(name));
	w->feeding = i + 1;
	if (p->state == PART_COMING)
		p->state = PART_TAKING;
	queue_take(w->queue, &run, &part, on_taken, w);
}

static void on_ended(void *cookie, int rc, const struct err *err)
{
	struct world *w = cookie;

	(void)err;
	if (w->dead)
		return;
	for (size_t i = 0; i < w->run_count; i++) {
		if (!w->run[i].ending)
			continue;
		w->run[i].ending = false;
		w->run[i].ended = rc == 0;
		if (w->run[i].ended)
			end_owed(w, w->run[i].queue_run);
	}
	dispatch_kick(w->dispatch, false);
}

/* Parts of the run that come before its end have all come. */
static bool may_end(const struct world *w, size_t run)
{
	const struct story_run *r = &w->run[run];

	if (r->ended || r->ending || r->queue_run == 0)
		return false;
	for (size_t i = 0; i < w->part_count; i++)
		if (w->part[i].run == run && w->part[i].at_ms <= r->end_ms && w->part[i].state != PART_TAKEN)
			return false;
	return true;
}

/* The next thing that comes in: when; *part or *run say what. */
static int64_t next_feed(const struct world *w, size_t *part, size_t *run)
{
	int64_t at = NEVER;

	*part = *run = SIZE_MAX;
	if (w->feeding != 0)
		return NEVER;
	for (size_t i = 0; i < w->run_count; i++) {
		if (w->run[i].end_ms < at && may_end(w, i)) {
			at = w->run[i].end_ms;
			*run = i;
		}
	}
	for (size_t i = 0; i < w->part_count; i++) {
		const struct story_part *p = &w->part[i];
		bool late = p->at_ms > w->run[p->run].end_ms && !w->run[p->run].ended;
		int64_t when = p->state == PART_COMING && !late     ? p->at_ms
			       : p->state == PART_TAKEN && p->twice ? p->at_ms + 60000
								    : NEVER;
		if (when < at) {
			at = when;
			*part = i;
			*run = SIZE_MAX;
		}
	}
	return at;
}

bool feed_turn(struct world *w)
{
	size_t part, run;

	if (next_feed(w, &part, &run) > w->now_ms)
		return false;
	if (part != SIZE_MAX) {
		take(w, part);
	} else {
		world_trace(w, "run %lld ends", (long long)w->run[run].queue_run);
		w->run[run].ending = true;
		queue_end_run(w->queue, w->run[run].queue_run, clock_wall_ms(), on_ended, w);
	}
	return true;
}

void feed_hurry(struct world *w)
{
	size_t part, run;
	int64_t at = next_feed(w, &part, &run);

	if (at == NEVER || at <= w->now_ms)
		return;
	if (part != SIZE_MAX && w->part[part].state == PART_COMING)
		w->part[part].at_ms = w->now_ms;
	else if (run != SIZE_MAX)
		w->run[run].end_ms = w->now_ms;
	else
		return;
	feed_turn(w);
}

int64_t feed_next_ms(const struct world *w)
{
	size_t part, run;

	return next_feed(w, &part, &run);
}

bool feed_over(const struct world *w)
{
	return w->feeding == 0 && feed_next_ms(w) == NEVER;
}

void feed_interrupted(struct world *w)
{
	w->feeding = 0;
	for (size_t i = 0; i < w->part_count; i++)
		if (w->part[i].state == PART_TAKING)
			w->part[i].state = PART_COMING;
	for (size_t i = 0; i < w->run_count; i++)
		w->run[i].ending = false;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * story.c - from a seed to what will happen. */
#include "tests/sim/world.h"

#include "daemon/base/clock.h"
#include "daemon/model/result.h"

#include <stdio.h>
#include <string.h>

/* ---- tests and what they did ---- */

static void make_tests(struct world *w)
{
	struct rng *r = &w->rng;
	size_t n = (size_t)rng_between(r, 2, rng_often(r, 300) ? TESTS_MAX : 14);
	bool params = rng_often(r, 300);
	unsigned by_hand = w->create ? 300 : 900;

	for (size_t i = 0; i < n; i++) {
		struct story_test *t = &w->test[i];
		size_t of = i;
		/* Parameters: several tests, one case. */
		if (params && i > 0 && rng_often(r, 400))
			of = i - 1;
		if (of != i) {
			*t = w->test[of];
			snprintf(t->param, sizeof(t->param), "%zu", i);
			continue;
		}
		snprintf(t->suite, sizeof(t->suite), "suite-%d", (int)rng_below(r, 3));
		int class = (int)rng_below(r, 5);
		snprintf(t->class_name, sizeof(t->class_name), "pkg.Class%d", class);
		snprintf(t->name, sizeof(t->name), "t%zux", i);
		snprintf(t->id, sizeof(t->id), "pkg.Class%d.t%zux", class, i);
		t->exists = rng_often(r, by_hand);
	}
	w->test_count = n;
	for (size_t i = 0; i < n; i++) {
		struct story_test *t = &w->test[i];
		if (!t->exists)
			continue;
		if (i > 0 && strcmp(w->test[i - 1].id, t->id) == 0) {
			t->case_id = w->test[i - 1].case_id;
			memcpy(t->ref, w->test[i - 1].ref, sizeof(t->ref));
			continue;
		}
		/* Servers number alike, so a reference means the same case at each. */
		for (size_t k = 0; k < w->site_count; k++)
			t->case_id = model_put_case(&w->site[k].model, t->id, t->name);
		if (w->by_ref && rng_often(r, 500))
			snprintf(t->ref, sizeof(t->ref), "C%lld", (long long)t->case_id);
	}
}

static void make_part(struct world *w, size_t run, int64_t at_ms)
{
	static const enum outcome outcomes[] = { OUTCOME_PASSED, OUTCOME_PASSED, OUTCOME_FAILED,
						 OUTCOME_ERROR, OUTCOME_SKIPPED };
	struct rng *r = &w->rng;
	struct story_part *p = &w->part[w->part_count++];
	bool stamped = w->seed % 3 != 0;

	*p = (struct story_part){
		.run = run, .first = w->exec_count, .at_ms = at_ms, .twice = rng_often(r, 150)
	};
	p->log = w->files != EVIDENCE_OF_NONE && rng_often(r, 300);
	size_t from = (size_t)rng_below(r, (int64_t)w->test_count);
	size_t n = (size_t)rng_between(r, 1, (int64_t)w->test_count);
	for (size_t i = 0; i < n && w->exec_count < EXECS_MAX - 2; i++) {
		/* Now and then a report runs a test twice. */
		for (int k = rng_often(r, 100) ? 2 : 1; k > 0; k--) {
			w->exec[w->exec_count] = (struct story_exec){
				.test = (from + i) % w->test_count,
				.outcome = outcomes[rng_below(r, 5)],
				.duration_ms = 1000.0 * (double)rng_between(r, 1, 4000),
				.started_ms = stamped ? at_ms + (int64_t)w->exec_count : TIME_UNKNOWN,
			};
			if (w->files != EVIDENCE_OF_NONE && rng_often(r, 120)) {
				w->exec[w->exec_count].files = (unsigned)rng_between(r, 1, FILES_MAX);
				w->exec[w->exec_count].namesakes = rng_often(r, 300);
			}
			w->exec_count++;
		}
	}
	p->count = w->exec_count - p->first;
}

static void make_runs(struct world *w)
{
	struct rng *r = &w->rng;
	int64_t span = (w->calm_ms - w->now_ms) * 3 / 4;

	w->run_count = (size_t)rng_between(r, 1, RUNS_MAX - 2);
	for (size_t i = 0; i < w->run_count; i++) {
		struct story_run *run = &w->run[i];
		int64_t at = w->now_ms + rng_below(r, span / 2), last = at;
		size_t parts = (size_t)rng_between(r, 1, 3);
		snprintf(run->key, sizeof(run->key), "run-%zu", i);
		run->late_append = rng_often(r, 500);
		for (size_t k = 0; k < parts; k++) {
			last = at;
			make_part(w, i, at);
			at += rng_below(r, span / 6);
		}
		run->end_ms = last + rng_below(r, 2 * MINUTE_MS);
		if (rng_often(r, 200) && w->part_count < PARTS_MAX - 2)
			make_part(w, i, run->end_ms + 1 + rng_below(r, span / 4));
	}
}

void story_result(const struct world *w, size_t exec, struct arena *a, struct result *out)
{
	const struct story_exec *e = &w->exec[exec];
	const struct story_test *t = &w->test[e->test];
	const char **suite = arena_calloc(a, 1, sizeof(*suite)), **param = arena_calloc(a, 1, sizeof(*param));
	const char **ref = arena_calloc(a, 1, sizeof(*ref));
	struct property *property = arena_calloc(a, 1, sizeof(*property));

	suite[0] = t->suite;
	param[0] = t->param;
	ref[0] = t->ref;
	*property = (struct property){ .key = "mark", .value = arena_printf(a, "%zu", exec) };
	*out = (struct result){
		.report = "report.xml",
		.suite = suite,
		.suite_count = 1,
		.class_name = t->class_name,
		.name = t->name,
		.params = param,
		.param_count = t->param[0] != '\0',
		.id = t->id,
		.outcome = e->outcome,
		.duration_ms = e->duration_ms,
		.started_ms = e->started_ms,
		.properties = property,
		.property_count = 1,
		.refs = ref,
		.ref_count = t->ref[0] != '\0',
	};
	if (e->outcome >= OUTCOME_FAILED) {
		const char *text = arena_printf(a, "boom-%zu", exec);
		out->failure =
			(struct failure){ .type = "Boom", .message = { text, strlen(text), strlen(text) } };
	}
}

/* ---- files ---- */

enum { SHOT_BYTES = 1000, LOG_BYTES = 1000000 };

static void make_file(struct evidence *out, struct arena *a, const char *named, const char *name,
		      uint64_t size)
{
	*out = (struct evidence){
		.named = named,
		.name = name,
		.kept = arena_printf(a, "%02x/%062llx", (unsigned)(size & 0xff), (unsigned long long)size),
		.size = size,
		.origin = EVIDENCE_NAMED,
		.state = EVIDENCE_KEPT,
	};
	memcpy(out->sha256, &size, sizeof(size));
}

void story_file(const struct world *w, size_t exec, unsigned number, struct arena *a, struct evidence *out)
{
	const char *named = arena_printf(a, "shots/shot-%zu-%u.png", exec, number);

	make_file(out, a, named, w->exec[exec].namesakes ? "shot.png" : named + 6,
		  SHOT_BYTES + exec * FILES_MAX + number);
}

void story_log(size_t part, struct arena *a, struct evidence *out)
{
	const char *named = arena_printf(a, "logs/run-%zu.log", part);

	make_file(out, a, named, part % 2 == 0 ? "run.log" : named + 5, LOG_BYTES + part);
}

bool story_file_of(const struct world *w, int64_t size, size_t *exec, size_t *part)
{
	*exec = *part = SIZE_MAX;
	if (size >= LOG_BYTES)
		*part = (size_t)(size - LOG_BYTES);
	else if (size >= SHOT_BYTES)
		*exec = (size_t)(size - SHOT_BYTES) / FILES_MAX;
	return *part < w->part_count || *exec < w->exec_count;
}

/* ---- the servers, and what is configured ---- */

static void make_server(struct world *w, struct site *s)
{
	struct rng *r = &w->rng;
	struct model *m = &s->model;

	model_init(m);
	m->now_ms = w->now_ms - DAY_MS; /* when cases were made by hand */
	m->lag_ms = rng_often(r, 400) ? rng_between(r, 1000, 20000) : 0;
	m->page = rng_often(r, 500) ? (size_t)rng_between(r, 3, 20) : 250;
	m->suites = rng_often(r, 400);
	m->names_case = rng_often(r, 600);
	m->bare_lists = rng_often(r, 150);
	m->no_add_cases = rng_often(r, 150);
	m->body_max = rng_often(r, 200) ? (size_t)rng_between(r, 1500, 6000) : 0;
	m->poison_how = rng_often(r, 500) ? POISON_NAMED : POISON_MUTE;
	m->files = rng_often(r, 600) ? FILES_GOOD : (enum model_files)rng_between(r, FILES_OLD, FILES_MUTE);
}

static void make_poison(struct world *w, struct site *s)
{
	struct rng *r = &w->rng;
	struct model *m = &s->model;

	if (!rng_often(r, 250))
		return;
	m->poison_count = (size_t)rng_between(r, 1, 2);
	m->poison_key = s->poison;
	for (size_t i = 0; i < m->poison_count; i++) {
		s->poison[i] = w->test[rng_below(r, (int64_t)w->test_count)].id;
		for (size_t k = 0; k < m->case_count; k++)
			if (strcmp(m->cases[k].key, s->poison[i]) == 0)
				m->cases[k].poison = m->poison_how;
	}
}

static void make_config(struct world *w)
{
	static const char *const several[] = { "worst", "each", "last" };
	static const char *const files[] = { "failed", "all", "none" };
	static const int rates[] = { 60, 180, 180, 600 };
	struct rng *r = &w->rng;
	int how = (int)rng_below(r, 3), batch = (int)rng_between(r, 1, rng_often(r, 500) ? 8 : 250);
	int n = snprintf(w->yaml, sizeof(w->yaml), "sinks:\n");

	w->rate = rates[rng_below(r, 4)];
	w->each = how == 1;
	w->hold = rng_often(r, 100);
	w->close = rng_often(r, 600);
	w->create = rng_often(r, 700);
	w->by_ref = rng_often(r, 300);
	w->linger_ms = rng_below(r, 40) * 1000;
	w->files = rng_often(r, 500)   ? EVIDENCE_OF_NONE
		   : rng_often(r, 500) ? EVIDENCE_OF_ALL
				       : EVIDENCE_OF_FAILED;
	for (size_t i = 0; i < w->site_count; i++)
		n += snprintf(w->yaml + n, sizeof(w->yaml) - (size_t)n,
			      "  %s:\n"
			      "    type: testrail\n"
			      "    url: https://%s.example\n"
			      "    user: robot@example.com\n"
			      "    key: secret\n"
			      "    project: Sim\n"
			      "    match: [%sautomation]\n"
			      "    create:\n"
			      "      cases: %s\n"
			      "    several: %s\n"
			      "    batch: %d\n"
			      "    rate: %.0f/min\n"
			      "    linger: %ds\n"
			      "    on_unknown: %s\n"
			      "    run:\n"
			      "      close: %s\n"
			      "    evidence:\n"
			      "      results: %s\n"
			      "      max_files: 100000\n"
			      "    result:\n"
			      "      comment: \"m{prop.mark};\"\n",
			      w->site[i].sink, w->site[i].sink, w->by_ref ? "ref, " : "",
			      w->create ? "true" : "false", several[how], batch, w->rate,
			      (int)(w->linger_ms / 1000), w->hold ? "hold" : "resend",
			      w->close ? "true" : "false", files[w->files]);
}

/* ---- faults ---- */

static void make_window(struct world *w, struct site *s, int64_t from_ms, int64_t to_ms)
{
	struct rng *r = &w->rng;
	struct window *x = &s->window[s->window_count++];

	x->kind = (enum window_kind)rng_below(r, WINDOW_KINDS);
	x->from_ms = from_ms;
	x->to_ms = to_ms > w->calm_ms ? w->calm_ms : to_ms;
	x->retry_after_s = rng_often(r, 500) ? -1 : rng_between(r, 0, 200);
	if (x->to_ms - x->from_ms > 4 * HOUR_MS) /* else it is asked each minute, a whole day */
		x->retry_after_s = rng_between(r, 300, 3600);
	if (x->kind == WINDOW_LOCKED && x->to_ms < s->unlock_ms)
		s->unlock_ms = x->to_ms + 1000;
}

static void make_troubles(struct world *w, struct site *s)
{
	static const unsigned often[] = { 0, 20, 80, 200, 400 };
	struct rng *r = &w->rng;
	bool picky = rng_often(r, 500);
	int64_t span = w->calm_ms - w->now_ms;

	s->unlock_ms = NEVER;
	if (s == w->healthy)
		return;
	s->fault_often = often[rng_below(r, 5)];
	for (int i = FATE_NOT_SENT; i < FATES; i++)
		s->fate_weight[i] = picky ? (rng_often(r, 250) ? 10 : 0) : 10;
	size_t windows = rng_often(r, 500) ? (size_t)rng_between(r, 1, 3) : 0;
	if (w->healthy != NULL)
		make_window(w, s, w->now_ms, w->calm_ms);
	for (size_t i = 0; i < windows; i++) {
		int64_t from_ms = w->now_ms + rng_below(r, span);
		make_window(w, s, from_ms, from_ms + rng_between(r, 5000, span / 2));
	}
}

static void make_faults(struct world *w)
{
	struct rng *r = &w->rng;

	w->crash_often = rng_often(r, 600) ? (unsigned)rng_between(r, 3, 60) : 0;
	w->hurry_often = rng_often(r, 500) ? (unsigned)rng_between(r, 1, 50) : 0;
	w->crashes_left = w->crash_often > 0 ? (unsigned)rng_between(r, 1, 5) : 0;
	w->deletions = rng_often(r, 200) ? (unsigned)rng_between(r, 1, 3) : 0;
	w->jumps = rng_often(r, 250) ? (unsigned)rng_between(r, 1, 3) : 0;
	w->next_deletion_ms = w->deletions > 0 ? w->now_ms + rng_below(r, w->calm_ms - w->now_ms) : NEVER;
	w->next_jump_ms = w->jumps > 0 ? w->now_ms + rng_below(r, w->calm_ms - w->now_ms) : NEVER;
	for (size_t i = 0; i < w->site_count; i++)
		make_troubles(w, &w->site[i]);
}

/* How many servers there are, whether one of them is away as long as faults last, and when those end. */
static void make_sites(struct world *w)
{
	static const char *const sinks[SITES_MAX] = { "rail", "spare" };
	struct rng *r = &w->rng;

	w->site_count = rng_often(r, 300) ? 2 : 1;
	for (size_t i = 0; i < w->site_count; i++)
		w->site[i].sink = sinks[i];
	if (w->site_count == 2 && rng_often(r, 500))
		w->healthy = &w->site[rng_below(r, 2)];
	if (w->healthy != NULL && rng_often(r, 300))
		w->calm_ms = w->now_ms + DAY_MS;
	else if (w->healthy != NULL || rng_often(r, 300))
		w->calm_ms = w->now_ms + rng_between(r, 20 * MINUTE_MS, 4 * HOUR_MS);
	else
		w->calm_ms = w->now_ms + rng_between(r, 2 * MINUTE_MS, 20 * MINUTE_MS);
}

void story_make(struct world *w)
{
	make_sites(w);
	make_config(w);
	for (size_t i = 0; i < w->site_count; i++)
		make_server(w, &w->site[i]);
	make_tests(w);
	for (size_t i = 0; i < w->site_count; i++) {
		w->site[i].model.now_ms = w->now_ms;
		make_poison(w, &w->site[i]);
	}
	make_runs(w);
	make_faults(w);
}

/* ---- what happens ---- */

const struct window *story_window(const struct world *w, const struct site *s, enum window_kind kind)
{
	for (size_t i = 0; i < s->window_count; i++) {
		const struct window *x = &s->window[i];
		if (x->kind == kind && w->now_ms >= x->from_ms && w->now_ms < x->to_ms)
			return x;
	}
	return NULL;
}

int64_t story_next_ms(const struct world *w)
{
	int64_t at = w->next_deletion_ms < w->next_jump_ms ? w->next_deletion_ms : w->next_jump_ms;

	for (size_t i = 0; i < w->site_count; i++)
		at = w->site[i].unlock_ms < at ? w->site[i].unlock_ms : at;
	return at;
}

void story_happen(struct world *w)
{
	struct rng *r = &w->rng;

	for (size_t i = 0; i < w->site_count; i++) {
		if (w->site[i].unlock_ms > w->now_ms)
			continue;
		w->site[i].unlock_ms = NEVER;
		world_trace(w, "somebody mends the key of %s and reloads", w->site[i].sink);
		dispatch_unlock(w->dispatch);
	}
	if (w->next_deletion_ms <= w->now_ms) {
		struct site *s = &w->site[rng_below(r, (int64_t)w->site_count)];
		struct model *m = &s->model;
		if (m->case_count > 0) {
			int64_t id = m->cases[rng_below(r, (int64_t)m->case_count)].id;
			world_trace(w, "somebody deletes case C%lld at %s", (long long)id, s->sink);
			model_delete_case(m, id);
		}
		w->next_deletion_ms = --w->deletions > 0 ? w->now_ms + rng_below(r, 10 * MINUTE_MS) : NEVER;
	}
	if (w->next_jump_ms <= w->now_ms) {
		int64_t jump = rng_often(r, 500) ? DAY_MS : -DAY_MS;
		if (rng_often(r, 300))
			jump = rng_between(r, -10 * MINUTE_MS, 10 * MINUTE_MS);
		w->wall_skew_ms += jump;
		w->jumped++;
		w->jumped_ms = w->now_ms;
		for (size_t i = 0; i < w->site_count; i++)
			w->site[i].block_void = true;
		world_trace(w, "the clock jumps by %lld s", (long long)(jump / 1000));
		w->next_jump_ms = --w->jumps > 0 ? w->now_ms + rng_below(r, 30 * MINUTE_MS) : NEVER;
	}
}

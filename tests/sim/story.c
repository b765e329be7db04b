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
		t->case_id = model_put_case(&w->model, t->id, t->name);
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

/* ---- the server, and what is configured ---- */

static void make_server(struct world *w)
{
	struct rng *r = &w->rng;
	struct model *m = &w->model;

	m->now_ms = w->now_ms;
	m->lag_ms = rng_often(r, 400) ? rng_between(r, 1000, 20000) : 0;
	m->page = rng_often(r, 500) ? (size_t)rng_between(r, 3, 20) : 250;
	m->suites = rng_often(r, 400);
	m->names_case = rng_often(r, 600);
	m->bare_lists = rng_often(r, 150);
	m->no_add_cases = rng_often(r, 150);
	m->body_max = rng_often(r, 200) ? (size_t)rng_between(r, 1500, 6000) : 0;
	m->poison_how = rng_often(r, 500) ? POISON_NAMED : POISON_MUTE;
}

static void make_poison(struct world *w)
{
	struct rng *r = &w->rng;

	if (!rng_often(r, 250))
		return;
	w->model.poison_count = (size_t)rng_between(r, 1, 2);
	w->model.poison_key = w->poison;
	for (size_t i = 0; i < w->model.poison_count; i++) {
		w->poison[i] = w->test[rng_below(r, (int64_t)w->test_count)].id;
		for (size_t k = 0; k < w->model.case_count; k++)
			if (strcmp(w->model.cases[k].key, w->poison[i]) == 0)
				w->model.cases[k].poison = w->model.poison_how;
	}
}

static void make_config(struct world *w)
{
	static const char *const several[] = { "worst", "each", "last" };
	static const int rates[] = { 60, 180, 180, 600 };
	struct rng *r = &w->rng;
	int how = (int)rng_below(r, 3), batch = (int)rng_between(r, 1, rng_often(r, 500) ? 8 : 250);

	w->rate = rates[rng_below(r, 4)];
	w->each = how == 1;
	w->hold = rng_often(r, 100);
	w->close = rng_often(r, 600);
	w->create = rng_often(r, 700);
	w->by_ref = rng_often(r, 300);
	snprintf(w->yaml, sizeof(w->yaml),
		 "sinks:\n"
		 "  rail:\n"
		 "    type: testrail\n"
		 "    url: https://rail.example\n"
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
		 "    result:\n"
		 "      comment: \"m{prop.mark};\"\n",
		 w->by_ref ? "ref, " : "", w->create ? "true" : "false", several[how], batch, w->rate,
		 (int)rng_below(r, 40), w->hold ? "hold" : "resend", w->close ? "true" : "false");
}

/* ---- faults ---- */

static void make_faults(struct world *w)
{
	static const unsigned often[] = { 0, 20, 80, 200, 400 };
	struct rng *r = &w->rng;
	bool picky = rng_often(r, 500);

	w->fault_often = often[rng_below(r, 5)];
	for (int i = FATE_NOT_SENT; i < FATES; i++)
		w->fate_weight[i] = picky ? (rng_often(r, 250) ? 10 : 0) : 10;
	w->crash_often = rng_often(r, 600) ? (unsigned)rng_between(r, 3, 60) : 0;
	w->crashes_left = (unsigned)rng_between(r, 1, 5);
	if (w->crash_often == 0)
		w->crashes_left = 0;
	w->deletions = rng_often(r, 200) ? (unsigned)rng_between(r, 1, 3) : 0;
	w->jumps = rng_often(r, 250) ? (unsigned)rng_between(r, 1, 3) : 0;
	w->next_deletion_ms = w->deletions > 0 ? w->now_ms + rng_below(r, w->calm_ms - w->now_ms) : NEVER;
	w->next_jump_ms = w->jumps > 0 ? w->now_ms + rng_below(r, w->calm_ms - w->now_ms) : NEVER;
	size_t windows = rng_often(r, 500) ? (size_t)rng_between(r, 1, 3) : 0;
	w->unlock_ms = NEVER;
	for (size_t i = 0; i < windows; i++) {
		struct window *x = &w->window[w->window_count++];
		x->kind = (enum window_kind)rng_below(r, WINDOW_KINDS);
		x->from_ms = w->now_ms + rng_below(r, w->calm_ms - w->now_ms);
		x->to_ms = x->from_ms + rng_between(r, 5000, (w->calm_ms - w->now_ms) / 2);
		if (x->to_ms > w->calm_ms)
			x->to_ms = w->calm_ms;
		x->retry_after_s = rng_often(r, 500) ? -1 : rng_between(r, 0, 200);
		if (x->kind == WINDOW_LOCKED && x->to_ms < w->unlock_ms)
			w->unlock_ms = x->to_ms + 1000;
	}
}

void story_make(struct world *w)
{
	struct rng *r = &w->rng;

	w->calm_ms = w->now_ms + (rng_often(r, 300) ? rng_between(r, 20 * MINUTE_MS, 4 * HOUR_MS)
						    : rng_between(r, 2 * MINUTE_MS, 20 * MINUTE_MS));
	make_config(w);
	make_server(w);
	w->model.now_ms = w->now_ms - DAY_MS;
	make_tests(w);
	w->model.now_ms = w->now_ms;
	make_poison(w);
	make_runs(w);
	make_faults(w);
}

const struct window *story_window(const struct world *w, enum window_kind kind)
{
	for (size_t i = 0; i < w->window_count; i++) {
		const struct window *x = &w->window[i];
		if (x->kind == kind && w->now_ms >= x->from_ms && w->now_ms < x->to_ms)
			return x;
	}
	return NULL;
}

int64_t story_next_ms(const struct world *w)
{
	int64_t at = w->next_deletion_ms < w->next_jump_ms ? w->next_deletion_ms : w->next_jump_ms;

	return w->unlock_ms < at ? w->unlock_ms : at;
}

void story_happen(struct world *w)
{
	struct rng *r = &w->rng;

	if (w->unlock_ms <= w->now_ms) {
		w->unlock_ms = NEVER;
		world_trace(w, "somebody mends the key and reloads");
		dispatch_unlock(w->dispatch);
	}
	if (w->next_deletion_ms <= w->now_ms) {
		struct model *m = &w->model;
		if (m->case_count > 0) {
			int64_t id = m->cases[rng_below(r, (int64_t)m->case_count)].id;
			world_trace(w, "somebody deletes case C%lld", (long long)id);
			model_delete_case(m, id);
		}
		w->next_deletion_ms = --w->deletions > 0 ? w->now_ms + rng_below(r, 10 * MINUTE_MS) : NEVER;
	}
	if (w->next_jump_ms <= w->now_ms) {
		int64_t jump = rng_often(r, 500) ? DAY_MS : -DAY_MS;
		if (rng_often(r, 300))
			jump = rng_between(r, -10 * MINUTE_MS, 10 * MINUTE_MS);
		w->wall_skew_ms += jump;
		w->block_void = true;
		world_trace(w, "the clock jumps by %lld s", (long long)(jump / 1000));
		w->next_jump_ms = --w->jumps > 0 ? w->now_ms + rng_below(r, 30 * MINUTE_MS) : NEVER;
	}
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * oracle.c - conserve, once, intact, live, bounded: judged by what the servers applied, never by what the
 * process believes; the process is asked only what it parked, and why. */
#include "tests/sim/world.h"

#include "daemon/base/mem.h"
#include "daemon/model/result.h"

#include <stdlib.h>
#include <string.h>

static void on_lines(void *cookie, int rc, const struct delivery_line *line, size_t count,
		     const struct err *err)
{
	struct seen *s = cookie;

	(void)err;
	s->done = true;
	if (rc < 0)
		return;
	s->delivery = xcalloc(count + 1, sizeof(*s->delivery));
	s->delivery_count = count;
	for (size_t i = 0; i < count; i++) {
		s->delivery[i].run = line[i].run;
		s->delivery[i].state = line[i].state;
		s->delivery[i].owed = line[i].owed;
		s->delivery[i].files_owed = line[i].evidence_owed;
		s->delivery[i].id = line[i].id;
		snprintf(s->delivery[i].sink, sizeof(s->delivery[i].sink), "%s", line[i].sink);
		snprintf(s->delivery[i].name, sizeof(s->delivery[i].name), "%s", line[i].run_name);
		snprintf(s->delivery[i].reason, sizeof(s->delivery[i].reason), "%s",
			 line[i].reason != NULL ? line[i].reason : "");
	}
}

static void on_parked(void *cookie, int rc, const struct parked_line *line, size_t count,
		      const struct err *err)
{
	struct seen *s = cookie;

	(void)err;
	s->done = true;
	if (rc < 0)
		return;
	s->parked = xcalloc(count + 1, sizeof(*s->parked));
	s->parked_count = count;
	for (size_t i = 0; i < count; i++) {
		s->parked[i].delivery = line[i].delivery;
		s->parked[i].file = line[i].file;
		snprintf(s->parked[i].name, sizeof(s->parked[i].name), "%s", line[i].name);
		snprintf(s->parked[i].reason, sizeof(s->parked[i].reason), "%s",
			 line[i].reason != NULL ? line[i].reason : "");
	}
}

void oracle_see(struct world *w, struct seen *s, bool parked)
{
	*s = (struct seen){ 0 };
	queue_lines(w->queue, 0, false, 1000, on_lines, s);
	while (!s->done)
		queue_turn(w->queue);
	if (!parked)
		return;
	s->done = false;
	queue_parked(w->queue, 0, 100000, on_parked, s);
	while (!s->done)
		queue_turn(w->queue);
}

void seen_done(struct seen *s)
{
	free(s->delivery);
	free(s->parked);
}

const struct delivery_seen *seen_delivery(const struct seen *s, const struct site *site, const char *run_name)
{
	for (size_t i = 0; i < s->delivery_count; i++)
		if (strcmp(s->delivery[i].sink, site->sink) == 0 &&
		    strcmp(s->delivery[i].name, run_name) == 0)
			return &s->delivery[i];
	return NULL;
}

bool seen_parked(const struct seen *s, const struct site *site, const char *run_name, const char *key,
		 bool file)
{
	const struct delivery_seen *d = seen_delivery(s, site, run_name);

	if (d == NULL)
		return false;
	if (d->state == DELIVERY_PARKED && d->owed > 0)
		return true;
	for (size_t i = 0; i < s->parked_count; i++)
		if (s->parked[i].delivery == d->id && s->parked[i].file == file &&
		    strcmp(s->parked[i].name, key) == 0)
			return true;
	return false;
}

bool oracle_settled(struct world *w, bool *parked_whole)
{
	struct seen s;
	bool all = true;

	oracle_see(w, &s, false);
	for (size_t i = 0; i < s.delivery_count; i++) {
		enum delivery_state state = s.delivery[i].state;
		all = all && (state == DELIVERY_PARKED || state == DELIVERY_DELIVERED);
		if (parked_whole != NULL && state == DELIVERY_PARKED)
			*parked_whole = true;
	}
	seen_done(&s);
	return all;
}

void oracle_tell(struct world *w)
{
	struct seen s;

	oracle_see(w, &s, false);
	for (size_t i = 0; i < s.delivery_count; i++)
		world_trace(w, "delivery %lld \"%s\" to %s: %s, %llu owed: %s", (long long)s.delivery[i].id,
			    s.delivery[i].name, s.delivery[i].sink, delivery_state_name(s.delivery[i].state),
			    (unsigned long long)s.delivery[i].owed, s.delivery[i].reason);
	seen_done(&s);
}

/* ---- reasons ---- */

bool oracle_said(const struct site *site, const char *reason)
{
	for (size_t i = 0; i < site->model.word_count; i++)
		if (strstr(reason, site->model.words[i]) != NULL)
			return true;
	return false;
}

static const struct story_test *test_named(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->test_count; i++)
		if (strcmp(w->test[i].id, name) == 0)
			return &w->test[i];
	return NULL;
}

static bool case_lives(const struct site *site, const char *key)
{
	for (size_t i = 0; i < site->model.case_count; i++)
		if (!site->model.cases[i].deleted && strcmp(site->model.cases[i].key, key) == 0)
			return true;
	return false;
}

static const struct site *site_of(const struct world *w, const char *sink)
{
	size_t i = 0;

	while (i + 1 < w->site_count && strcmp(w->site[i].sink, sink) != 0)
		i++;
	return &w->site[i];
}

static const struct site *site_of_delivery(const struct world *w, const struct seen *s, int64_t delivery)
{
	size_t i = 0;

	while (i < s->delivery_count && s->delivery[i].id != delivery)
		i++;
	return site_of(w, i < s->delivery_count ? s->delivery[i].sink : "");
}

static void judge_parked_test(struct world *w, const struct site *site, const struct parked_seen *p)
{
	const struct story_test *t = test_named(w, p->name);
	bool no_case = strncmp(p->reason, "no case for", 11) == 0;

	if (t == NULL)
		world_fail(w, "intact", "a test is parked that never was: \"%s\"", p->name);
	else if (no_case && (w->create || case_lives(site, t->id)))
		world_fail(w, "conserve", "%s is parked (%s), but its case is there", p->name, p->reason);
	else if (!no_case && !oracle_said(site, p->reason))
		world_fail(w, "conserve", "%s is parked for a reason that nobody gave: %s", p->name,
			   p->reason);
}

static void judge_reasons(struct world *w, const struct seen *s)
{
	for (size_t i = 0; i < s->parked_count; i++)
		if (!s->parked[i].file)
			judge_parked_test(w, site_of_delivery(w, s, s->parked[i].delivery), &s->parked[i]);
	for (size_t i = 0; i < s->delivery_count; i++) {
		const struct delivery_seen *d = &s->delivery[i];
		bool whole = d->state == DELIVERY_PARKED && d->owed > 0;
		if (whole && !oracle_said(site_of(w, d->sink), d->reason) &&
		    !(w->hold && strstr(d->reason, "stayed unknown") != NULL))
			world_fail(w, "conserve", "\"%s\" is parked for a reason that nobody gave: %s",
				   d->name, d->reason);
	}
}

/* ---- what was applied ---- */

static size_t mark_of(const struct model_result *r)
{
	char *end;

	if (r->comment[0] != 'm')
		return SIZE_MAX;
	size_t mark = strtoull(r->comment + 1, &end, 10);
	return *end == ';' ? mark : SIZE_MAX;
}

static int status_of(enum outcome o)
{
	switch (o) {
	case OUTCOME_PASSED:
		return 1;
	case OUTCOME_SKIPPED:
		return 4;
	case OUTCOME_FAILED:
	case OUTCOME_ERROR:
		break;
	}
	return 5;
}

static int weight_of(int status)
{
	return status == 5 ? 2 : status == 4 ? 1 : 0;
}

/* Every entry says what the test did that it names. */
static void judge_entries(struct world *w, struct site *site)
{
	struct model *m = &site->model;

	for (size_t i = 0; i < m->result_count; i++) {
		const struct model_result *r = &m->result[i];
		const struct model_case *c = model_case(m, r->case_id);
		size_t mark = mark_of(r);
		char boom[32];
		if (mark >= w->exec_count) {
			world_fail(w, "intact", "a result with the comment \"%.60s\"", r->comment);
			return;
		}
		const struct story_exec *e = &w->exec[mark];
		snprintf(boom, sizeof(boom), "boom-%zu", mark);
		if (strcmp(c->key, w->test[e->test].id) != 0)
			world_fail(w, "intact", "m%zu of %s was posted to the case of %s", mark,
				   w->test[e->test].id, c->key);
		else if (r->status != status_of(e->outcome))
			world_fail(w, "intact", "m%zu (%s) was posted with the status %d", mark,
				   outcome_name(e->outcome), r->status);
		else if (e->outcome >= OUTCOME_FAILED && strstr(r->comment, boom) == NULL)
			world_fail(w, "intact", "m%zu lost its message: \"%.80s\"", mark, r->comment);
	}
}

static void judge_made_once(struct world *w, const struct site *site)
{
	const struct model *m = &site->model;

	for (size_t i = 0; i < m->run_count; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(m->run[i].name, m->run[k].name) == 0 ||
			    strcmp(m->run[i].description, m->run[k].description) == 0)
				world_fail(w, "once", "the run \"%s\" was made twice (%lld, %lld)",
					   m->run[i].name, (long long)m->run[k].id, (long long)m->run[i].id);
	for (size_t i = 0; i < m->case_count; i++)
		for (size_t k = 0; k < i; k++)
			if (!m->cases[i].deleted && !m->cases[k].deleted && m->cases[i].ours &&
			    strcmp(m->cases[i].key, m->cases[k].key) == 0)
				world_fail(w, "once", "the case of %s was made twice (C%lld, C%lld)",
					   m->cases[i].key, (long long)m->cases[k].id,
					   (long long)m->cases[i].id);
	for (size_t i = 0; i < m->section_count; i++)
		for (size_t k = 0; k < i; k++)
			if (m->section[i].parent == m->section[k].parent &&
			    strcmp(m->section[i].name, m->section[k].name) == 0)
				world_fail(w, "once", "the section \"%s\" was made twice (%lld, %lld)",
					   m->section[i].name, (long long)m->section[k].id,
					   (long long)m->section[i].id);
}

/* ---- one run ---- */

void oracle_finals(const struct world *w, const char *run_name, const char *key, struct final *f)
{
	*f = (struct final){ 0 };
	for (int64_t order = 1; order <= w->order; order++) {
		for (size_t i = 0; i < w->part_count; i++) {
			const struct story_part *p = &w->part[i];
			bool any = false;
			if (p->order != order || strcmp(p->run_name, run_name) != 0)
				continue;
			for (size_t e = p->first; e < p->first + p->count; e++) {
				size_t at = 0;
				if (strcmp(w->test[w->exec[e].test].id, key) != 0)
					continue;
				any = true;
				while (at < f->tests && w->exec[f->last[at]].test != w->exec[e].test)
					at++;
				f->last[at] = e;
				f->tests += at == f->tests;
			}
			f->parts += any;
		}
	}
}

const struct model_run *oracle_run(const struct site *site, const char *run_name)
{
	for (size_t i = 0; i < site->model.run_count; i++)
		if (strcmp(site->model.run[i].name, run_name) == 0)
			return &site->model.run[i];
	return NULL;
}

/* Entries of the case in the run, in the order in which they were applied. */
static size_t entries_of(struct model *m, int64_t run, const char *key, const struct model_result **out,
			 size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < m->result_count && n < max; i++) {
		const struct model_result *r = &m->result[i];
		if (r->run == run && strcmp(model_case(m, r->case_id)->key, key) == 0)
			out[n++] = r;
	}
	return n;
}

static void judge_each(struct world *w, const struct final *f, const char *run_name, const char *key,
		       const struct model_result *const *entry, size_t count, bool parked)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			if (mark_of(entry[i]) == mark_of(entry[k]) && !entry[i]->gone && !entry[k]->gone)
				world_fail(w, "once",
					   "m%zu of %s was applied twice in \"%s\" (results %lld, %lld)",
					   mark_of(entry[i]), key, run_name, (long long)entry[k]->id,
					   (long long)entry[i]->id);
	for (size_t t = 0; t < f->tests && !parked; t++) {
		bool found = false;
		for (size_t i = 0; i < count; i++)
			found = found || mark_of(entry[i]) == f->last[t];
		if (!found)
			world_fail(w, "conserve", "m%zu of %s was not applied in \"%s\"", f->last[t], key,
				   run_name);
	}
}

static void judge_folded(struct world *w, const struct final *f, const char *run_name, const char *key,
			 const struct model_result *const *entry, size_t count, bool parked)
{
	size_t stays = 0;
	int worst = 1, weight = 0;
	bool named = false;

	for (size_t i = 0; i < count; i++)
		stays += !entry[i]->gone;
	if (stays > f->parts)
		world_fail(w, "once", "%s has %zu results in \"%s\", from %zu reports", key, stays, run_name,
			   f->parts);
	if (parked)
		return;
	if (count == 0) {
		world_fail(w, "conserve", "nothing of %s was applied in \"%s\"", key, run_name);
		return;
	}
	for (size_t t = 0; t < f->tests; t++) {
		int status = status_of(w->exec[f->last[t]].outcome);
		if (weight_of(status) > weight) {
			weight = weight_of(status);
			worst = status;
		}
		named = named || f->last[t] == mark_of(entry[count - 1]);
	}
	if (!named)
		world_fail(w, "conserve",
			   "the last word on %s in \"%s\" is m%zu, which is none of the latest", key,
			   run_name, mark_of(entry[count - 1]));
	else if (strstr(w->yaml, "several: worst") != NULL && entry[count - 1]->status != worst)
		world_fail(w, "intact", "%s stands at %d in \"%s\", its tests at %d", key,
			   entry[count - 1]->status, run_name, worst);
}

static void judge_run(struct world *w, struct site *site, const struct seen *s, const char *run_name)
{
	const struct model_result *entry[256];
	const struct model_run *run = oracle_run(site, run_name);
	const struct delivery_seen *d = seen_delivery(s, site, run_name);
	bool any_parked = d == NULL || d->state == DELIVERY_PARKED; /* files, too */

	for (size_t t = 0; t < w->test_count; t++) {
		const char *key = w->test[t].id;
		struct final f;
		if (t > 0 && strcmp(w->test[t - 1].id, key) == 0)
			continue;
		oracle_finals(w, run_name, key, &f);
		if (f.tests == 0)
			continue;
		bool parked = seen_parked(s, site, run_name, key, false);
		size_t n = run != NULL ? entries_of(&site->model, run->id, key, entry, 256) : 0;
		any_parked = any_parked || parked;
		if (w->each || f.tests == 1)
			judge_each(w, &f, run_name, key, entry, n, parked);
		else
			judge_folded(w, &f, run_name, key, entry, n, parked);
	}
	if (w->close && !any_parked && run != NULL && !run->completed)
		world_fail(w, "conserve", "\"%s\" is not closed over there", run_name);
}

static void judge_bounds(struct world *w, const struct site *s)
{
	int64_t outage_ms = 0;
	uint64_t files = 0;

	for (size_t i = 0; i < s->window_count; i++)
		outage_ms += s->window[i].to_ms - s->window[i].from_ms;
	for (size_t i = 0; i < w->exec_count; i++)
		files += w->exec[i].files;
	uint64_t most = 300 + 60 * (w->part_count + w->run_count) + 20 * s->faults +
			(uint64_t)outage_ms / 30000 + 30 * w->crashes + 20 * w->exec_count + 3 * files;
	if (s->requests > most)
		world_fail(w, "bounded", "%llu requests to %s, %llu would be many",
			   (unsigned long long)s->requests, s->sink, (unsigned long long)most);
}

static void judge_site(struct world *w, struct site *site, const struct seen *s)
{
	judge_made_once(w, site);
	judge_entries(w, site);
	for (size_t i = 0; i < w->part_count; i++) {
		bool before = false;
		for (size_t k = 0; k < i; k++)
			before = before || strcmp(w->part[k].run_name, w->part[i].run_name) == 0;
		if (!before)
			judge_run(w, site, s, w->part[i].run_name);
	}
	oracle_judge_files(w, site, s);
	judge_bounds(w, site);
}

void oracle_judge(struct world *w)
{
	struct seen s;

	oracle_see(w, &s, true);
	judge_reasons(w, &s);
	for (size_t i = 0; i < w->site_count; i++)
		judge_site(w, &w->site[i], &s);
	seen_done(&s);
}

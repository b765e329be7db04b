/* SPDX-License-Identifier: Apache-2.0
 *
 * oracle_files.c - each file once, at a result of its own test, in the run of its report; what was wanted is there,
 * or parked in the server's words. */
#include "tests/sim/world.h"

#include <string.h>

static const struct story_part *part_of(const struct world *w, size_t exec)
{
	for (size_t i = 0; i < w->part_count; i++)
		if (exec >= w->part[i].first && exec < w->part[i].first + w->part[i].count)
			return &w->part[i];
	return NULL;
}

static const char *key_of_result(struct site *site, int64_t result)
{
	for (size_t i = 0; i < site->model.result_count; i++)
		if (site->model.result[i].id == result)
			return model_case(&site->model, site->model.result[i].case_id)->key;
	return "";
}

/* ---- what is there ---- */

static void judge_file(struct world *w, struct site *site, const struct model_file *f)
{
	struct arena a = ARENA_LIMIT(1 << 16);
	struct evidence e;
	size_t exec, part;

	if (!story_file_of(w, f->size, &exec, &part)) {
		world_fail(w, "intact", "a file that nobody has: \"%s\", %lld bytes", f->name,
			   (long long)f->size);
		return;
	}
	const struct story_part *p = exec != SIZE_MAX ? part_of(w, exec) : &w->part[part];
	if (exec != SIZE_MAX)
		story_file(w, exec, (unsigned)(f->size - 1000) % FILES_MAX, &a, &e);
	else
		story_log(part, &a, &e);
	const char *stem_end = strrchr(e.name, '.');
	size_t stem = (size_t)(stem_end - e.name), name = strlen(f->name), tail = strlen(stem_end);
	if (name < stem + tail || strncmp(f->name, e.name, stem) != 0 ||
	    strcmp(f->name + name - tail, stem_end) != 0)
		world_fail(w, "intact", "\"%s\" was attached as \"%s\"", e.name, f->name);
	if (strcmp(model_run(&site->model, f->run)->name, p->run_name) != 0)
		world_fail(w, "intact", "\"%s\" of \"%s\" was attached in \"%s\"", e.named, p->run_name,
			   model_run(&site->model, f->run)->name);
	else if ((exec != SIZE_MAX) != (f->result != 0))
		world_fail(w, "intact", "\"%s\" was attached to %s", e.named,
			   f->result != 0 ? "a result" : "the run");
	else if (exec != SIZE_MAX &&
		 strcmp(key_of_result(site, f->result), w->test[w->exec[exec].test].id) != 0)
		world_fail(w, "intact", "\"%s\" of %s was attached to a result of %s", e.named,
			   w->test[w->exec[exec].test].id, key_of_result(site, f->result));
	arena_done(&a);
}

static void judge_once(struct world *w, const struct site *site, size_t i)
{
	const struct model_file *f = &site->model.file[i];
	/* Where files cannot be listed, whether one has arrived is for a person to find out before a retry. */
	bool guessed = site->model.files == FILES_MUTE && w->retried;

	for (size_t k = 0; k < i && !guessed; k++) {
		const struct model_file *g = &site->model.file[k];
		bool both = model_file_stays(&site->model, f) && model_file_stays(&site->model, g);
		if (g->size == f->size && g->run == f->run && both)
			world_fail(w, "once", "\"%s\" (%lld bytes) was attached twice at %s (%lld, %lld)",
				   f->name, (long long)f->size, site->sink, (long long)g->id,
				   (long long)f->id);
		if (g->result == f->result && g->run == f->run && strcmp(g->name, f->name) == 0)
			world_fail(w, "intact", "two files of one result are called \"%s\"", f->name);
	}
}

/* ---- what must be there ---- */

static bool is_there(const struct site *site, const struct model_run *run, uint64_t size)
{
	for (size_t i = 0; i < site->model.file_count; i++) {
		const struct model_file *f = &site->model.file[i];
		if (f->run == run->id && f->size == (int64_t)size && model_file_stays(&site->model, f))
			return true;
	}
	return false;
}

static bool case_was_deleted(const struct site *site, const char *key)
{
	for (size_t i = 0; i < site->model.case_count; i++)
		if (site->model.cases[i].deleted && strcmp(site->model.cases[i].key, key) == 0)
			return true;
	return false;
}

static bool decides(const struct world *w, const struct story_part *p, size_t exec)
{
	struct final f;

	oracle_finals(w, p->run_name, w->test[w->exec[exec].test].id, &f);
	for (size_t i = 0; i < f.tests; i++)
		if (f.last[i] == exec)
			return true;
	return false;
}

static void judge_part(struct world *w, struct site *site, const struct seen *s, const struct story_part *p)
{
	const struct model_run *run = oracle_run(site, p->run_name);
	struct arena a = ARENA_LIMIT(1 << 16);
	struct evidence e;

	if (run == NULL)
		return; /* nothing was applied: judged with the results */
	if (p->log) {
		story_log((size_t)(p - w->part), &a, &e);
		if (!is_there(site, run, e.size) && !seen_parked(s, site, p->run_name, e.named, true))
			world_fail(w, "conserve", "\"%s\" was not attached to \"%s\" at %s", e.named,
				   p->run_name, site->sink);
	}
	for (size_t i = p->first; i < p->first + p->count; i++) {
		const struct story_exec *x = &w->exec[i];
		const char *key = w->test[x->test].id;
		bool wanted = w->files == EVIDENCE_OF_ALL || x->outcome >= OUTCOME_FAILED;
		if (!wanted || x->files == 0 || !decides(w, p, i) || case_was_deleted(site, key) ||
		    seen_parked(s, site, p->run_name, key, false))
			continue;
		for (unsigned k = 0; k < x->files; k++) {
			story_file(w, i, k, &a, &e);
			if (!is_there(site, run, e.size) && !seen_parked(s, site, p->run_name, e.named, true))
				world_fail(w, "conserve", "\"%s\" of %s was not attached in \"%s\" at %s",
					   e.named, key, p->run_name, site->sink);
		}
	}
	arena_done(&a);
}

/* ---- what is parked ---- */

static void judge_parked(struct world *w, const struct site *site, const struct seen *s)
{
	for (size_t i = 0; i < s->delivery_count; i++) {
		const struct delivery_seen *d = &s->delivery[i];
		if (strcmp(d->sink, site->sink) != 0)
			continue;
		if (d->state == DELIVERY_DELIVERED && d->files_owed > 0)
			world_fail(w, "conserve", "\"%s\" is delivered to %s, and %llu files are owed",
				   d->name, d->sink, (unsigned long long)d->files_owed);
		for (size_t k = 0; k < s->parked_count; k++) {
			const struct parked_seen *p = &s->parked[k];
			if (p->file && p->delivery == d->id && !oracle_said(site, p->reason))
				world_fail(w, "conserve",
					   "\"%s\" is parked for a reason that nobody gave: %s", p->name,
					   p->reason);
		}
	}
}

void oracle_judge_files(struct world *w, struct site *site, const struct seen *s)
{
	for (size_t i = 0; i < site->model.file_count; i++) {
		judge_file(w, site, &site->model.file[i]);
		judge_once(w, site, i);
	}
	if (w->files == EVIDENCE_OF_NONE) {
		if (site->model.file_count > 0)
			world_fail(w, "intact", "a file was attached that nobody wants");
		return;
	}
	for (size_t i = 0; i < w->part_count; i++)
		judge_part(w, site, s, &w->part[i]);
	judge_parked(w, site, s);
}

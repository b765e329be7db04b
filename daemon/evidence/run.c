/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/run.c - when to look for a run's evidence.
 *
 * A look costs a walk and, for files that are new, a pass over the run's results, so there is one with the first
 * report, one when things have been quiet for a moment after others came (or have not been for a while), one now and
 * then, ever more seldom, and the last one. */
#include "daemon/evidence/run.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	QUIET_MS = 2000,
	BUSY_MS = 10 * 1000, /* between looks while reports keep coming: a workspace may be wiped meanwhile */
	AGAIN_FIRST_MS = 5000, /* between looks for what is awaited, and by patterns; doubles */
	AGAIN_MAX_MS = 60 * 1000,
	BASES_MAX = 1000,
};

struct evidence_run {
	struct evidence_run_options opt;
	char *root, *key;
	struct evidence_places base;
	bool news; /* reports came since the last look */
	bool seen; /* there was a look */
	bool looking, final, gone;
	int64_t again_ms, looked_ms; /* mono */
	uint64_t awaited;
	void (*done)(void *cookie);
	void *cookie;
};

static const struct log_ctx log_ctx = { .who = "evidence" };

struct evidence_run *evidence_run_new(const struct evidence_run_options *options)
{
	struct evidence_run *e = xcalloc(1, sizeof(*e));

	e->opt = *options;
	e->root = xstrdup(options->root);
	e->key = xstrdup(options->key);
	e->again_ms = AGAIN_FIRST_MS;
	e->looked_ms = clock_mono_ms();
	return e;
}

static void drop(struct evidence_run *e)
{
	evidence_places_done(&e->base);
	free(e->root);
	free(e->key);
	free(e);
}

void evidence_run_free(struct evidence_run *e)
{
	if (e == NULL)
		return;
	if (e->looking) {
		e->gone = true;
		e->done = NULL;
	} else {
		drop(e);
	}
}

const struct evidence_places *evidence_run_base(const struct evidence_run *e)
{
	return &e->base;
}

static void add_base(struct evidence_run *e, const char *path)
{
	char *workspace = evidence_workspace(e->opt.watch, path);
	size_t len = strlen(e->root);

	if (workspace != NULL && e->base.count < BASES_MAX && strncmp(workspace, e->root, len) == 0) {
		const char *rest = workspace + len + (workspace[len] == '/');
		bool known = false;
		for (size_t i = 0; i < e->base.count && !known; i++)
			known = strcmp(e->base.item[i].path, rest) == 0;
		if (!known)
			evidence_places_add(&e->base, e->root[0] != '\0' ? e->root : "/", rest);
	}
	free(workspace);
}

static void say(const char *key, const struct evidence_tally *t)
{
	for (size_t i = 0; i < t->note_count; i++)
		log_warning(&log_ctx, "run \"%s\": %s", key, t->note[i]);
	if (t->more > 0)
		log_warning(&log_ctx, "run \"%s\": %llu more files are missing or refused", key,
			    (unsigned long long)t->more);
}

void evidence_run_report(struct evidence_run *e, const char *path, const struct evidence_tally *tally)
{
	if (e->opt.watch->evidence.count > 0)
		add_base(e, path);
	e->news = true;
	e->again_ms = AGAIN_FIRST_MS;
	if (tally == NULL)
		return;
	e->awaited += tally->awaited;
	say(e->key, tally);
}

static void places(void *cookie, const char *report, struct evidence_places *out)
{
	const struct evidence_run *e = cookie;

	if (!e->gone && report[0] == '/')
		evidence_places_watch(e->opt.watch, e->root, report, out);
}

static void look(struct evidence_run *e, bool final);

static void on_looked(void *cookie, const struct evidence_tally *tally, const struct err *err)
{
	struct evidence_run *e = cookie;

	(void)err;
	e->looking = false;
	say(e->key, tally);
	if (e->gone) {
		drop(e);
		return;
	}
	if (tally->kept + tally->missing + tally->refused > 0)
		e->opt.found(e->opt.cookie);
	e->awaited = tally->awaited;
	e->looked_ms = clock_mono_ms();
	if (e->done != NULL && !e->final) {
		look(e, true);
	} else if (e->final && e->done != NULL) {
		void (*done)(void *) = e->done;
		e->done = NULL;
		done(e->cookie); /* may free it */
	}
}

static void look(struct evidence_run *e, bool final)
{
	const struct config_watch *w = e->opt.watch;
	const struct evidence_look what = {
		.run = e->opt.run,
		.sinks = (const char *const *)w->sinks.item,
		.sink_count = w->sinks.count,
		.places = places,
		.cookie = e,
		.glob = (const char *const *)w->evidence.item,
		.glob_count = w->evidence.count,
		.base = &e->base,
		.since_ms = e->opt.since_ms,
		.quiet_ms = w->settle_ms,
		.final = final,
	};

	e->looking = e->seen = true;
	e->final = final;
	e->news = false;
	evidence_gather_look(e->opt.gather, &what, on_looked, e);
}

void evidence_run_turn(struct evidence_run *e, int64_t now_ms, int64_t quiet_ms)
{
	bool globs = e->opt.watch->evidence.count > 0;

	if (e->looking || e->done != NULL)
		return;
	if (!globs && e->awaited == 0)
		return;
	bool first = globs && !e->seen;
	bool busy = globs && now_ms - e->looked_ms >= BUSY_MS;
	if (e->news && (first || busy || now_ms - quiet_ms >= QUIET_MS)) {
		look(e, false);
	} else if (now_ms - e->looked_ms >= e->again_ms) {
		e->again_ms = e->again_ms * 2 > AGAIN_MAX_MS ? AGAIN_MAX_MS : e->again_ms * 2;
		look(e, false);
	}
}

void evidence_run_end(struct evidence_run *e, void (*done)(void *cookie), void *cookie)
{
	e->done = done;
	e->cookie = cookie;
	if (!e->looking)
		look(e, true);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * collect_runs.c - runs that watches feed: opened by their first report, ended by quiet, age or a marker. */
#include "daemon/intake/collect_inner.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	MARK_MS = 60000,
	FOLDERS_MAX = 1000,
	SPENT_MAX = 20000, /* of one run; what comes then goes at once (no more files are compared, either) */
};

static const struct log_ctx log_ctx = { .who = "collect" };

struct gathering *collect_find_run(struct collect *c, int64_t run)
{
	list_each(link, &c->gatherings) {
		struct gathering *g = list_entry(link, struct gathering, link);
		if (g->run == run)
			return g;
	}
	return NULL;
}

struct gathering *collect_find_key(struct collect *c, const char *key)
{
	list_each(link, &c->gatherings) {
		struct gathering *g = list_entry(link, struct gathering, link);
		if (strcmp(g->key, key) == 0)
			return g;
	}
	return NULL;
}

/* A marker as old as the run's first report ends it (stamps may be whole seconds). */
static void mark_run(struct gathering *g, int64_t mtime_ms)
{
	if (mtime_ms / 1000 >= g->first_mtime_ms / 1000)
		g->marked = true;
}

void collect_free_mark(struct mark *m)
{
	list_remove(&m->link);
	free(m->key);
	free(m);
}

/* ---- evidence of runs ---- */

static struct source *source_of(struct collect *c, const struct config_watch *watch)
{
	list_each(link, &c->sources) {
		struct source *s = list_entry(link, struct source, link);
		if (s->watch == watch)
			return s;
	}
	return NULL;
}

static struct folder *find_folder(struct source *s, const char *path)
{
	list_each(link, &s->folders) {
		struct folder *f = list_entry(link, struct folder, link);
		if (strcmp(f->path, path) == 0)
			return f;
	}
	return NULL;
}

void collect_free_folder(struct folder *f)
{
	list_remove(&f->link);
	free(f->path);
	free(f);
}

static void on_found(void *cookie)
{
	struct collect *c = cookie;

	c->opt.on_part(c->opt.cookie, true);
}

/* first: the path of a report that the run got; NULL: not known. */
static void begin_evidence(struct collect *c, struct gathering *g, const char *first)
{
	struct source *s = source_of(c, g->watch);
	char *workspace = s != NULL && first != NULL ? evidence_workspace(g->watch, first) : NULL;
	const struct folder *f = workspace != NULL ? find_folder(s, workspace) : NULL;

	if (c->opt.evidence != NULL && s != NULL) {
		const struct evidence_run_options options = {
			.gather = c->opt.evidence,
			.watch = g->watch,
			.root = s->root,
			.run = g->run,
			.key = g->key,
			.since_ms = f != NULL ? f->until_ms : INT64_MIN,
			.found = on_found,
			.cookie = c,
		};
		g->evidence = evidence_run_new(&options);
	}
	free(workspace);
}

static void note_folders(struct collect *c, const struct gathering *g)
{
	struct source *s = source_of(c, g->watch);
	const struct evidence_places *base = evidence_run_base(g->evidence);

	for (size_t i = 0; s != NULL && i < base->count; i++) {
		char *path = xasprintf("%s/%s", s->root, base->item[i].path);
		size_t len = strlen(path);
		if (len > 1 && path[len - 1] == '/')
			path[len - 1] = '\0';
		struct folder *f = find_folder(s, path);
		if (f == NULL) {
			f = xcalloc(1, sizeof(*f));
			f->path = xstrdup(path);
			list_append(&s->folders, &f->link);
		}
		f->until_ms = clock_wall_ms();
		free(path);
	}
	/* Where each build has a folder of its own, old ones are not met again. */
	size_t count = 0;
	if (s != NULL) {
		list_each(link, &s->folders)
			count++;
		list_each_safe(link, &s->folders) {
			if (count-- > FOLDERS_MAX)
				collect_free_folder(list_entry(link, struct folder, link));
		}
	}
}

/* mtime_ms: of the report that brought it. */
struct gathering *collect_add_run(struct collect *c, int64_t run, const char *key,
				  const struct config_watch *watch, const char *path, int64_t mtime_ms)
{
	struct gathering *g = xcalloc(1, sizeof(*g));

	g->run = run;
	g->key = xstrdup(key);
	g->watch = watch;
	g->opened_ms = g->last_ms = clock_mono_ms();
	g->first_mtime_ms = mtime_ms;
	list_init(&g->spent);
	list_append(&c->gatherings, &g->link);
	collect_tick_on(c);
	begin_evidence(c, g, path);
	list_each_safe(link, &c->marks) {
		struct mark *m = list_entry(link, struct mark, link);
		if (strcmp(m->key, key) != 0)
			continue;
		mark_run(g, m->mtime_ms);
		collect_free_mark(m);
	}
	return g;
}

static void free_spent(struct spent *sp)
{
	list_remove(&sp->link);
	free(sp->relative);
	free(sp);
}

void collect_spend(struct collect *c, struct gathering *g, struct source *s, const char *relative,
		   int64_t mtime_ms)
{
	if (g == NULL || g->spent_count == SPENT_MAX) {
		archive_put(c->archive, s->watch, s->root, relative, mtime_ms);
		return;
	}
	struct spent *sp = xcalloc(1, sizeof(*sp));
	sp->source = s;
	sp->relative = xstrdup(relative);
	sp->mtime_ms = mtime_ms;
	list_append(&g->spent, &sp->link);
	g->spent_count++;
}

void collect_free_run(struct gathering *g, struct archive *to)
{
	list_each_safe(link, &g->spent) {
		struct spent *sp = list_entry(link, struct spent, link);
		if (to != NULL)
			archive_put(to, sp->source->watch, sp->source->root, sp->relative, sp->mtime_ms);
		free_spent(sp);
	}
	list_remove(&g->link);
	evidence_run_free(g->evidence);
	free(g->key);
	free(g);
}

struct ending {
	struct collect *collect;
	int64_t run;
};

static void on_ended(void *cookie, int rc, const struct err *err)
{
	struct ending *e = cookie;
	struct gathering *g = collect_find_run(e->collect, e->run);

	if (rc < 0) {
		log_error(&log_ctx, "cannot end run %" PRId64 ": %s", e->run, err->text);
		if (g != NULL)
			g->ending = false;
	} else {
		e->collect->counts.runs_ended++;
		e->collect->opt.on_part(e->collect->opt.cookie, false);
		if (g != NULL)
			collect_free_run(g, e->collect->archive);
	}
	e->collect->endings--;
	free(e);
}

static void on_last_look(void *cookie)
{
	struct ending *e = cookie;
	struct gathering *g = collect_find_run(e->collect, e->run);

	if (g != NULL)
		note_folders(e->collect, g);
	queue_end_run(e->collect->opt.queue, e->run, clock_wall_ms(), on_ended, e);
}

static void end_run(struct collect *c, struct gathering *g, const char *why)
{
	struct ending *e = xcalloc(1, sizeof(*e));

	log_info(&log_ctx, "run \"%s\" ends: %s", g->key, why);
	g->ending = true;
	e->collect = c;
	e->run = g->run;
	c->endings++;
	if (g->evidence != NULL)
		evidence_run_end(g->evidence, on_last_look, e);
	else
		queue_end_run(c->opt.queue, g->run, clock_wall_ms(), on_ended, e);
}

void collect_check_runs(struct collect *c, int64_t now)
{
	list_each_safe(link, &c->gatherings) {
		struct gathering *g = list_entry(link, struct gathering, link);
		if (g->ending)
			continue;
		if (c->opt.fed != NULL && c->opt.fed(c->opt.cookie, g->run))
			g->last_ms = now;
		if (g->marked)
			end_run(c, g, "its marker was seen");
		else if (!g->keep && g->watch->run.close_after_ms > 0 &&
			 now - g->last_ms >= g->watch->run.close_after_ms)
			end_run(c, g, "nothing came any more");
		else if (g->watch->run.max_age_ms > 0 && now - g->opened_ms >= g->watch->run.max_age_ms)
			end_run(c, g, "it is old enough");
		else if (g->evidence != NULL)
			evidence_run_turn(g->evidence, now, g->last_ms);
	}
}

/* ---- markers ---- */

void collect_mark(struct collect *c, const char *key, int64_t mtime_ms)
{
	struct gathering *g = collect_find_key(c, key);

	if (g != NULL) {
		mark_run(g, mtime_ms);
	} else if (c->busy > 0 || !c->loaded) {
		struct mark *m = xcalloc(1, sizeof(*m));
		m->key = xstrdup(key);
		m->mtime_ms = mtime_ms;
		m->seen_ms = clock_mono_ms();
		list_append(&c->marks, &m->link);
		collect_tick_on(c);
	}
}

void collect_check_marks(struct collect *c, int64_t now)
{
	/* A marker whose reports all turned out to be none of ours. */
	list_each_safe(link, &c->marks) {
		struct mark *m = list_entry(link, struct mark, link);
		if (c->busy == 0 && now - m->seen_ms > MARK_MS)
			collect_free_mark(m);
	}
}

/* ---- late and earlier runs ---- */

/* A report that came to a run that has ended: nobody will end it again, so what it names is looked for now. */
struct late {
	struct collect *collect;
	struct evidence_run *evidence;
};

static void on_late_look(void *cookie)
{
	struct late *l = cookie;

	l->collect->endings--;
	evidence_run_free(l->evidence);
	free(l);
}

void collect_look_late(struct collect *c, int64_t run, const struct source *s, const char *key)
{
	if (c->opt.evidence == NULL)
		return;
	const struct evidence_run_options options = {
		.gather = c->opt.evidence,
		.watch = s->watch,
		.root = s->root,
		.run = run,
		.key = key,
		.since_ms = INT64_MIN,
		.found = on_found,
		.cookie = c,
	};
	struct late *l = xcalloc(1, sizeof(*l));
	l->collect = c;
	l->evidence = evidence_run_new(&options);
	c->endings++;
	evidence_run_end(l->evidence, on_late_look, l);
}

/* How runs end that no watch has: as those of one of which nothing was said. */
static const struct config_watch unwatched = {
	.run = { .close_after_ms = 60 * 1000, .max_age_ms = (int64_t)6 * 3600 * 1000 },
};

static struct gathering *add_open_run(struct collect *c, const struct open_run *run)
{
	const struct config_watch *w =
		run->watch != NULL ? config_find_watch(c->opt.config, run->watch) : NULL;

	if (collect_find_run(c, run->id) != NULL)
		return NULL;
	if (w == NULL)
		w = &unwatched;
	/* Its first report was quiet before it was taken. */
	struct gathering *g = collect_add_run(c, run->id, run->key, w, NULL, run->opened_ms - w->settle_ms);
	int64_t age = clock_wall_ms() - run->opened_ms;
	g->opened_ms -= age > 0 ? age : 0;
	return g;
}

void collect_on_open_runs(void *cookie, int rc, const struct open_run *run, size_t count,
			  const struct err *err)
{
	struct collect *c = cookie;

	c->loaded = true;
	if (rc < 0) {
		log_error(&log_ctx, "cannot read the open runs: %s", err->text);
		return;
	}
	for (size_t i = 0; i < count && !c->stopping; i++) {
		struct gathering *g = add_open_run(c, &run[i]);
		/* Nobody remembers whether it was to stay open. */
		if (g != NULL && g->watch == &unwatched)
			g->keep = true;
	}
}

struct adoption {
	struct collect *collect;
	int64_t run;
	bool keep;
};

static void on_adopted(void *cookie, int rc, const struct open_run *run, size_t count, const struct err *err)
{
	struct adoption *a = cookie;
	struct collect *c = a->collect;

	if (rc < 0)
		log_error(&log_ctx, "cannot read the open runs: %s", err->text);
	for (size_t i = 0; rc == 0 && i < count && !c->stopping; i++) {
		if (run[i].id != a->run)
			continue;
		struct gathering *g = add_open_run(c, &run[i]);
		if (g != NULL)
			g->keep = a->keep;
	}
	c->endings--;
	free(a);
}

void collect_adopt(struct collect *c, int64_t run, bool keep)
{
	struct gathering *g = collect_find_run(c, run);

	if (c->stopping)
		return;
	if (g != NULL) {
		g->keep = g->keep && keep; /* the last one went, and nobody will say when it is over */
		g->last_ms = clock_mono_ms();
		return;
	}
	struct adoption *a = xcalloc(1, sizeof(*a));
	*a = (struct adoption){ .collect = c, .run = run, .keep = keep };
	c->endings++;
	queue_open_runs(c->opt.queue, on_adopted, a);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * collect.c - watched directories -> intake -> runs that end by themselves. */
#include "daemon/collect.h"

#include "daemon/archive.h"
#include "daemon/base/clock.h"
#include "daemon/base/glob.h"
#include "daemon/base/list.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/evidence_run.h"
#include "daemon/known.h"
#include "daemon/runspec.h"
#include "daemon/sift.h"
#include "daemon/watch/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	AT_ONCE = 8,                    /* files in intake; the rest waits in its directory */
	TICK_MS = 500,                  /* how exactly quiet is measured */
	INCOMPLETE_MS = 10 * 60 * 1000, /* how long the end of a broken-off file is waited for (rule S2) */
	RETRY_FIRST_MS = 2000,
	RETRY_MAX_MS = 60000,
	MARK_MS = 60000,
	FOLDERS_MAX = 1000,
};

static const struct log_ctx log_ctx = { .who = "collect" };

/* A run that is open here and fed by a watch. */
struct gathering {
	struct list link;
	int64_t run;
	char *key;
	const struct config_watch *watch;
	int64_t opened_ms, last_ms; /* mono; the wall clock may jump */
	int64_t first_mtime_ms;     /* of its first report: an older marker is the last run's */
	bool ending, marked;
	struct evidence_run *evidence; /* NULL: its watch has no source here */
};

/* A file that is looked at again later: it broke off, changed, or the disk was full. */
struct retry {
	struct list link;
	struct source *source;
	char *relative;
	int64_t at_ms, first_ms, wait_ms; /* mono */
	int64_t mtime_ms;
	bool incomplete;
	char *key;
};

/* A marker that was seen while the first report of its run was still in intake. */
struct mark {
	struct list link;
	char *key;
	int64_t mtime_ms, seen_ms;
};

struct source {
	struct list link;
	struct collect *collect;
	const struct config_watch *watch;
	struct watch *w;
	char *root; /* what relative paths are relative to; files in intake outlive the watch */
	struct list folders;
	int64_t since_ms; /* wall: `existing` files are older */
};

/* Where a run of the source had files: what was there when it ended is not the next one's. */
struct folder {
	struct list link;
	char *path;
	int64_t until_ms; /* wall */
};

struct collect {
	struct collect_options opt;
	struct list sources, gatherings, retries, marks;
	uv_timer_t tick;
	size_t busy, closing, endings; /* files in intake; runs that are being ended */
	bool stopping, tick_closed, held;
	void (*done)(void *cookie);
	void *cookie;
	struct collect_counts counts;
	struct sift *sift;
	struct archive *archive;
	struct known *known;
};

struct file_cookie {
	struct source *source;
	char *relative, *path, *key;
	int64_t first_ms, wait_ms, mtime_ms;
};

/* Something has come that time passes for: a run, a retry, a marker, a file. */
static void on_tick(uv_timer_t *timer);
static void tick_on(struct collect *c)
{
	if (!c->stopping && !uv_is_active((const uv_handle_t *)&c->tick))
		uv_timer_start(&c->tick, on_tick, TICK_MS, TICK_MS);
}

/* ---- runs ---- */

static struct gathering *find_run(struct collect *c, int64_t run)
{
	list_each(link, &c->gatherings) {
		struct gathering *g = list_entry(link, struct gathering, link);
		if (g->run == run)
			return g;
	}
	return NULL;
}

static struct gathering *find_key(struct collect *c, const char *key)
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

static void free_mark(struct mark *m)
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

static void free_folder(struct folder *f)
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
				free_folder(list_entry(link, struct folder, link));
		}
	}
}

/* mtime_ms: of the report that brought it. */
static struct gathering *add_run(struct collect *c, int64_t run, const char *key,
				 const struct config_watch *watch, const char *path, int64_t mtime_ms)
{
	struct gathering *g = xcalloc(1, sizeof(*g));

	g->run = run;
	g->key = xstrdup(key);
	g->watch = watch;
	g->opened_ms = g->last_ms = clock_mono_ms();
	g->first_mtime_ms = mtime_ms;
	list_append(&c->gatherings, &g->link);
	tick_on(c);
	begin_evidence(c, g, path);
	list_each_safe(link, &c->marks) {
		struct mark *m = list_entry(link, struct mark, link);
		if (strcmp(m->key, key) != 0)
			continue;
		mark_run(g, m->mtime_ms);
		free_mark(m);
	}
	return g;
}

static void free_run(struct gathering *g)
{
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
	struct gathering *g = find_run(e->collect, e->run);

	if (rc < 0) {
		log_error(&log_ctx, "cannot end run %" PRId64 ": %s", e->run, err->text);
		if (g != NULL)
			g->ending = false;
	} else {
		e->collect->counts.runs_ended++;
		e->collect->opt.on_part(e->collect->opt.cookie, false);
		if (g != NULL)
			free_run(g);
	}
	e->collect->endings--;
	free(e);
}

static void on_last_look(void *cookie)
{
	struct ending *e = cookie;
	struct gathering *g = find_run(e->collect, e->run);

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

static void resume_all(struct collect *c);

/* While nothing may be taken in, what waits in the directories belongs to the runs that are open. */
static bool held(struct collect *c, int64_t now)
{
	bool before = c->held;

	c->held = c->opt.hold != NULL && c->opt.hold(c->opt.cookie);
	if (c->held) {
		list_each(link, &c->gatherings)
			list_entry(link, struct gathering, link)->last_ms = now;
	} else if (before) {
		resume_all(c);
	}
	return c->held;
}

static void check_runs(struct collect *c, int64_t now)
{
	list_each_safe(link, &c->gatherings) {
		struct gathering *g = list_entry(link, struct gathering, link);
		if (g->ending)
			continue;
		if (g->marked)
			end_run(c, g, "its marker was seen");
		else if (g->watch->run.close_after_ms > 0 && now - g->last_ms >= g->watch->run.close_after_ms)
			end_run(c, g, "nothing came any more");
		else if (g->watch->run.max_age_ms > 0 && now - g->opened_ms >= g->watch->run.max_age_ms)
			end_run(c, g, "it is old enough");
		else if (g->evidence != NULL)
			evidence_run_turn(g->evidence, now, g->last_ms);
	}
}

/* ---- files ---- */

static bool take(struct source *s, const char *relative, int64_t mtime_ms, struct retry *again);

static void resume_all(struct collect *c)
{
	list_each(link, &c->sources)
		watch_resume(list_entry(link, struct source, link)->w);
}

static void free_retry(struct retry *r)
{
	list_remove(&r->link);
	free(r->relative);
	free(r->key);
	free(r);
}

static void later(struct file_cookie *f, bool incomplete)
{
	struct collect *c = f->source->collect;
	struct retry *r = xcalloc(1, sizeof(*r));
	int64_t now = clock_mono_ms();

	r->source = f->source;
	r->relative = xstrdup(f->relative);
	r->key = xstrdup(f->key);
	r->incomplete = incomplete;
	r->mtime_ms = f->mtime_ms;
	r->first_ms = f->first_ms != 0 ? f->first_ms : now;
	r->wait_ms = f->wait_ms == 0                 ? RETRY_FIRST_MS
		     : f->wait_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS
						     : f->wait_ms * 2;
	r->at_ms = now + r->wait_ms;
	list_append(&c->retries, &r->link);
	tick_on(c);
}

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

static void look_late(struct collect *c, int64_t run, const struct file_cookie *f)
{
	if (c->opt.evidence == NULL)
		return;
	const struct evidence_run_options options = {
		.gather = c->opt.evidence,
		.watch = f->source->watch,
		.root = f->source->root,
		.run = run,
		.key = f->key,
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

static void on_file(void *cookie, const struct intake_outcome *o)
{
	struct file_cookie *f = cookie;
	struct collect *c = f->source->collect;
	char reason[1700] = "";
	bool again = false;

	if (o->err != NULL && o->err->code != 0)
		err_string(o->err, reason, sizeof(reason));
	switch (o->state) {
	case INTAKE_ACCEPTED:
		c->counts.accepted++;
		if (o->complete)
			log_info(&log_ctx, "accepted %s: %" PRIu64 " cases", f->path, o->cases);
		else
			log_warning(&log_ctx, "accepted %s, which broke off: %" PRIu64 " finished cases (%s)",
				    f->path, o->cases, reason);
		if (!o->complete)
			c->counts.incomplete++;
		for (size_t i = 0; i < o->warning_count; i++)
			log_warning(&log_ctx, "%s", o->warnings[i]);
		break;
	case INTAKE_DUPLICATE:
		c->counts.duplicates++;
		log_debug(&log_ctx, "duplicate: %s", f->path);
		break;
	case INTAKE_SKIPPED:
		c->counts.skipped++;
		log_info(&log_ctx, "skipped: %s", reason);
		break;
	case INTAKE_MALFORMED:
		c->counts.malformed++;
		log_error(&log_ctx, "malformed: %s", reason);
		break;
	case INTAKE_UNREADABLE:
		/* A file that vanished between event and open is nobody's fault (row 31). */
		if (o->err != NULL && o->err->code == -ENOENT) {
			log_debug(&log_ctx, "vanished: %s", f->path);
			break;
		}
		/* A disk or a share that does not answer now may do so in a while (row 15). */
		if (o->err != NULL && (o->err->code == -EIO || o->err->code == -ESTALE) &&
		    (f->first_ms == 0 || clock_mono_ms() - f->first_ms < INCOMPLETE_MS)) {
			again = true;
			log_debug(&log_ctx, "later: %s", reason);
			later(f, false);
			break;
		}
		c->counts.unreadable++;
		log_error(&log_ctx, "unreadable: %s", reason);
		break;
	case INTAKE_INCOMPLETE:
	case INTAKE_RETRY:
		again = true;
		log_debug(&log_ctx, "later: %s", reason);
		later(f, o->state == INTAKE_INCOMPLETE);
		break;
	}
	if (f->source->watch->after != AFTER_KEEP &&
	    ((o->state == INTAKE_ACCEPTED && o->complete) || o->state == INTAKE_DUPLICATE))
		archive_put(c->archive, f->source->watch, f->source->root, f->relative, f->mtime_ms);
	struct gathering *g = o->run != 0 ? find_run(c, o->run) : NULL;
	if (g == NULL && o->run != 0 && !o->run_ended)
		g = add_run(c, o->run, f->key, f->source->watch, f->path, f->mtime_ms);
	if (g != NULL && g->evidence != NULL && o->state == INTAKE_ACCEPTED)
		evidence_run_report(g->evidence, f->path, o->evidence);
	if (g == NULL && o->state == INTAKE_ACCEPTED && o->evidence != NULL && o->evidence->awaited > 0)
		look_late(c, o->run, f);
	if (o->state == INTAKE_ACCEPTED || o->state == INTAKE_DUPLICATE)
		known_note(c->known, f->key, f->path, f->mtime_ms);
	if (g != NULL && f->mtime_ms < g->first_mtime_ms)
		g->first_mtime_ms = f->mtime_ms;
	if (g != NULL && !again)
		g->last_ms = clock_mono_ms();
	c->busy--;
	if (o->state == INTAKE_ACCEPTED)
		c->opt.on_part(c->opt.cookie, true);
	free(f->relative);
	free(f->path);
	free(f->key);
	free(f);
	if (!c->stopping)
		resume_all(c);
}

static struct context *context_near(const char *path, bool *done)
{
	char *dir = xstrdup(path);
	struct err err = ERR_NONE;
	char line[2000];

	*strrchr(dir, '/') = '\0';
	struct context *context = context_read(dir, &err);
	if (err.code != 0)
		log_warning(&log_ctx, "%s", err_string(&err, line, sizeof(line)));
	*done = context_done(context);
	free(dir);
	return context;
}

/* ---- files that tell what others tell ---- */

static bool sift_wanted(void *cookie, const char *path)
{
	const struct source *s = cookie;
	size_t n = strlen(s->root);

	return !s->collect->stopping && strncmp(path, s->root, n) == 0 && path[n] == '/' &&
	       watch_wants(s->w, path + n + 1);
}

static char *sift_run(void *cookie, const char *path)
{
	const struct source *s = cookie;
	struct arena a = ARENA_LIMIT(1 << 20);
	struct err err = ERR_NONE;
	struct runspec spec;
	char *dir = xstrdup(path), *key = NULL;

	*strrchr(dir, '/') = '\0';
	struct context *context = context_read(dir, &err);
	const struct runspec_source source = {
		.context = context,
		.watch = s->watch,
		.path = path,
		.common_dir = dir,
		.source = RUN_WATCH,
	};
	if (runspec_make(&source, s->collect->opt.config, &a, &spec, &err) == 0)
		key = xstrdup(spec.run.key);
	context_free(context);
	arena_done(&a);
	free(dir);
	return key;
}

static bool sift_taken(void *cookie, const char *run, const char *path, int64_t mtime_ms)
{
	const struct source *s = cookie;

	return run != NULL && known_has(s->collect->known, run, path, mtime_ms);
}

static bool sift_knows(void *cookie, const char *run)
{
	const struct source *s = cookie;

	return known_ready(s->collect->known, run);
}

static void on_sifted(void *cookie)
{
	struct collect *c = cookie;

	if (!c->stopping)
		resume_all(c);
}

static enum sift_answer sift(struct source *s, const char *path, int64_t mtime_ms)
{
	const struct sift_file file = { .path = path, .root = s->root, .mtime_ms = mtime_ms };
	const struct sift_tree tree = {
		.wanted = sift_wanted,
		.run_of = sift_run,
		.knows = sift_knows,
		.taken = sift_taken,
		.cookie = s,
	};
	const char *why = NULL;
	enum sift_answer answer = sift_ask(s->collect->sift, &file, &tree, &why);

	if (answer == SIFT_LEAVE) {
		s->collect->counts.skipped++;
		log_info(&log_ctx, "skipped: %s: %s", path, why);
	}
	return answer;
}

/* again: the retry that asks, freed by the caller. */
static bool take(struct source *s, const char *relative, int64_t mtime_ms, struct retry *again)
{
	struct collect *c = s->collect;
	struct arena a = ARENA_LIMIT(1 << 20);
	struct err err = ERR_NONE;
	struct runspec spec;
	bool done = false;

	if (c->stopping || c->busy >= AT_ONCE)
		return false;
	tick_on(c);
	if (c->held || (c->opt.hold != NULL && c->opt.hold(c->opt.cookie))) {
		c->held = true;
		return false;
	}
	char *path = xasprintf("%s/%s", s->root, relative);
	enum sift_answer answer = sift(s, path, mtime_ms);
	if (answer != SIFT_TAKE) {
		free(path);
		arena_done(&a);
		return answer == SIFT_LEAVE;
	}
	struct context *context = context_near(path, &done);
	char *dir = xstrdup(path);
	*strrchr(dir, '/') = '\0';
	const struct runspec_source source = {
		.context = context,
		.watch = s->watch,
		.path = path,
		.common_dir = dir,
		.source = RUN_WATCH,
	};
	if (runspec_make(&source, c->opt.config, &a, &spec, &err) < 0) {
		log_error(&log_ctx, "%s: %s", path, err.text);
		c->counts.unreadable++;
	} else {
		struct file_cookie *f = xcalloc(1, sizeof(*f));
		int64_t now = clock_mono_ms();
		f->source = s;
		f->relative = xstrdup(relative);
		f->path = xstrdup(path);
		f->key = xstrdup(spec.run.key);
		f->first_ms = again != NULL ? again->first_ms : 0;
		f->wait_ms = again != NULL ? again->wait_ms : 0;
		f->mtime_ms = mtime_ms;
		int root = open(s->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct evidence_places places = { 0 };
		evidence_places_watch(s->watch, s->root, path, &places);
		const struct intake_job job = {
			.path = path,
			.root_fd = root,
			.relative = relative,
			.run = &spec.run,
			.timezone = spec.timezone,
			.variant = spec.variant,
			.late_append = s->watch->run.late == LATE_APPEND,
			.places = &places,
			.refuse_incomplete =
				again == NULL || !again->incomplete || now - again->first_ms < INCOMPLETE_MS,
		};
		c->busy++;
		intake_take(c->opt.intake, &job, on_file, f);
		evidence_places_done(&places);
		if (root >= 0)
			close(root);
		struct gathering *g = find_key(c, spec.run.key);
		if (g != NULL) {
			g->last_ms = now;
			g->marked = g->marked || done;
		}
	}
	context_free(context);
	arena_done(&a);
	free(dir);
	free(path);
	return true;
}

/* What lies where `after: move` puts things was taken before. */
static bool put_away(const struct collect *c, const char *path)
{
	for (size_t i = 0; i < c->opt.config->watch_count; i++) {
		const struct config_watch *w = &c->opt.config->watch[i];
		size_t n = w->after == AFTER_MOVE ? strlen(w->after_dir) : 0;
		if (n > 0 && strncmp(path, w->after_dir, n) == 0 && path[n] == '/')
			return true;
	}
	return false;
}

static bool on_settled(void *cookie, const struct watch_file *file)
{
	struct source *s = cookie;

	if (file->existing && s->watch->existing == EXISTING_IGNORE && file->mtime_ms < s->since_ms)
		return true;
	if (put_away(s->collect, file->path))
		return true;
	return take(s, file->relative, file->mtime_ms, NULL);
}

static void on_marker(void *cookie, const struct watch_file *file)
{
	struct source *s = cookie;
	struct arena a = ARENA_LIMIT(1 << 18);
	struct err err = ERR_NONE;
	struct runspec spec;
	char *dir = xstrdup(file->path);

	*strrchr(dir, '/') = '\0';
	const struct runspec_source source = {
		.watch = s->watch,
		.path = file->path,
		.common_dir = dir,
		.source = RUN_WATCH,
	};
	if (runspec_make(&source, s->collect->opt.config, &a, &spec, &err) == 0) {
		struct gathering *g = find_key(s->collect, spec.run.key);
		if (g != NULL) {
			mark_run(g, file->mtime_ms);
		} else if (s->collect->busy > 0) {
			struct mark *m = xcalloc(1, sizeof(*m));
			m->key = xstrdup(spec.run.key);
			m->mtime_ms = file->mtime_ms;
			m->seen_ms = clock_mono_ms();
			list_append(&s->collect->marks, &m->link);
			tick_on(s->collect);
		}
	}
	arena_done(&a);
	free(dir);
}

static void check_retries(struct collect *c, int64_t now)
{
	list_each_safe(link, &c->retries) {
		struct retry *r = list_entry(link, struct retry, link);
		struct gathering *g = r->key != NULL ? find_key(c, r->key) : NULL;
		/* The run stays open while the rest of one of its files may still come (rule S2). */
		if (g != NULL && r->incomplete)
			g->last_ms = now;
		if (r->at_ms <= now && take(r->source, r->relative, r->mtime_ms, r))
			free_retry(r);
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct collect *c = timer->data;
	int64_t now = clock_mono_ms();

	if (c->stopping)
		return;
	if (held(c, now))
		return;
	check_retries(c, now);
	check_runs(c, now);
	archive_turn(c->archive, now);
	/* A marker whose reports all turned out to be none of ours. */
	list_each_safe(link, &c->marks) {
		struct mark *m = list_entry(link, struct mark, link);
		if (c->busy == 0 && now - m->seen_ms > MARK_MS)
			free_mark(m);
	}
	/* Nothing to wait for: an idle daemon does not wake up. */
	if (list_empty(&c->gatherings) && list_empty(&c->retries) && list_empty(&c->marks) && c->busy == 0 &&
	    archive_busy(c->archive) == 0 && archive_counts(c->archive)->stuck == 0)
		uv_timer_stop(&c->tick);
}

/* ---- life ---- */

static void on_open_runs(void *cookie, int rc, const struct open_run *run, size_t count,
			 const struct err *err)
{
	struct collect *c = cookie;

	if (rc < 0) {
		log_error(&log_ctx, "cannot read the open runs: %s", err->text);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const struct config_watch *w =
			run[i].watch != NULL ? config_find_watch(c->opt.config, run[i].watch) : NULL;
		if (w == NULL || find_run(c, run[i].id) != NULL)
			continue;
		/* Its first report was quiet before it was taken. */
		struct gathering *g =
			add_run(c, run[i].id, run[i].key, w, NULL, run[i].opened_ms - w->settle_ms);
		int64_t age = clock_wall_ms() - run[i].opened_ms;
		g->opened_ms -= age > 0 ? age : 0;
	}
}

static int open_source(struct collect *c, const struct config_watch *w, struct err *err)
{
	struct source *s = xcalloc(1, sizeof(*s));
	const char *marker = w->run.close_on;
	const struct watch_options options = {
		.path = w->path,
		.files = (const char *const *)w->files.item,
		.file_count = w->files.count,
		.exclude = (const char *const *)w->exclude.item,
		.exclude_count = w->exclude.count,
		.marker = marker != NULL ? &marker : NULL,
		.marker_count = marker != NULL,
		.poll = w->mode == WATCH_POLL,
		.force_inotify = w->mode == WATCH_INOTIFY,
		.poll_interval_ms = w->poll_interval_ms,
		.settle_ms = w->settle_ms,
		.loop = c->opt.loop,
		.on_file = on_settled,
		.on_marker = on_marker,
		.cookie = s,
	};

	s->collect = c;
	s->watch = w;
	s->since_ms = c->opt.since != NULL ? c->opt.since(c->opt.cookie, w->name) : INT64_MAX;
	list_init(&s->folders);
	int rc = watch_open(&options, &s->w, err);
	if (rc < 0) {
		free(s);
		return rc;
	}
	s->root = xstrdup(watch_root(s->w));
	list_append(&c->sources, &s->link);
	return 0;
}

int collect_open(const struct collect_options *options, struct collect **out, struct err *err)
{
	struct collect *c = xcalloc(1, sizeof(*c));

	c->opt = *options;
	list_init(&c->sources);
	list_init(&c->gatherings);
	list_init(&c->retries);
	list_init(&c->marks);
	c->archive = archive_new(intake_executor(options->intake));
	c->sift = sift_new(intake_executor(options->intake), on_sifted, c);
	c->known = known_new(options->queue, on_sifted, c);
	uv_timer_init(options->loop, &c->tick);
	c->tick.data = c;
	uv_timer_start(&c->tick, on_tick, TICK_MS, TICK_MS);
	queue_open_runs(options->queue, on_open_runs, c);
	*out = c;
	for (size_t i = 0; i < options->config->watch_count; i++) {
		int rc = open_source(c, &options->config->watch[i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void closed(struct collect *c)
{
	if (--c->closing > 0)
		return;
	list_each_safe(link, &c->gatherings)
		free_run(list_entry(link, struct gathering, link));
	list_each_safe(link, &c->retries)
		free_retry(list_entry(link, struct retry, link));
	list_each_safe(link, &c->sources) {
		struct source *s = list_entry(link, struct source, link);
		list_each_safe(at, &s->folders)
			free_folder(list_entry(at, struct folder, link));
		free(s->root);
		free(s);
	}
	list_each_safe(link, &c->marks)
		free_mark(list_entry(link, struct mark, link));
	sift_free(c->sift);
	archive_free(c->archive);
	known_free(c->known);
	void (*done)(void *) = c->done;
	void *cookie = c->cookie;
	free(c);
	done(cookie);
}

static void on_watch_closed(void *cookie)
{
	closed(cookie);
}

static void on_tick_closed(uv_handle_t *handle)
{
	closed(handle->data);
}

/* Files that are in intake call back into this struct, so closing waits for them. */
static void on_drain(uv_timer_t *timer)
{
	struct collect *c = timer->data;

	if (c->busy > 0 || c->endings > 0 || sift_busy(c->sift) || known_busy(c->known) ||
	    archive_busy(c->archive) > 0)
		return;
	uv_close((uv_handle_t *)&c->tick, on_tick_closed);
}

void collect_close(struct collect *c, void (*done)(void *cookie), void *cookie)
{
	c->stopping = true;
	c->done = done;
	c->cookie = cookie;
	c->closing = 1;
	list_each(link, &c->sources) {
		c->closing++;
		watch_close(list_entry(link, struct source, link)->w, on_watch_closed, c);
	}
	uv_timer_start(&c->tick, on_drain, 0, 10);
}

const struct collect_counts *collect_counts(const struct collect *c)
{
	return &c->counts;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * collect.c - watched directories -> intake -> runs that end by themselves: the watches and the tick. */
#include "daemon/intake/collect_inner.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/intake/runspec.h"

#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 500 }; /* how exactly quiet is measured */

static void on_tick(uv_timer_t *timer);

void collect_tick_on(struct collect *c)
{
	if (!c->stopping && !uv_is_active((const uv_handle_t *)&c->tick))
		uv_timer_start(&c->tick, on_tick, TICK_MS, TICK_MS);
}

void collect_resume(struct collect *c)
{
	list_each(link, &c->sources)
		watch_resume(list_entry(link, struct source, link)->w);
}

/* While nothing may be taken in, what waits in the directories belongs to the runs that are open. */
static bool held(struct collect *c, int64_t now)
{
	bool before = c->held;

	c->held = c->opt.hold != NULL && c->opt.hold(c->opt.cookie);
	if (c->held) {
		list_each(link, &c->gatherings)
			list_entry(link, struct gathering, link)->last_ms = now;
	} else if (before) {
		collect_resume(c);
	}
	return c->held;
}

static void on_tick(uv_timer_t *timer)
{
	struct collect *c = timer->data;
	int64_t now = clock_mono_ms();

	if (c->stopping)
		return;
	if (held(c, now))
		return;
	collect_check_retries(c, now);
	collect_check_runs(c, now);
	archive_turn(c->archive, now);
	collect_check_marks(c, now);
	/* Nothing to wait for: an idle daemon does not wake up. */
	if (list_empty(&c->gatherings) && list_empty(&c->retries) && list_empty(&c->marks) && c->busy == 0 &&
	    archive_busy(c->archive) == 0 && archive_counts(c->archive)->stuck == 0)
		uv_timer_stop(&c->tick);
}

/* ---- what watches tell ---- */

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
	return collect_take(s, file->relative, file->mtime_ms, NULL);
}

#define CONTEXT_NAME "resultd.json"

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* A file that `close_on` names, or a context file: which ends its run where it says that all is done. */
static void on_marker(void *cookie, const struct watch_file *file)
{
	struct source *s = cookie;
	struct arena a = ARENA_LIMIT(1 << 20);
	struct err err = ERR_NONE;
	struct runspec spec;
	char *dir = xstrdup(file->path);
	const char *close_on = s->watch->run.close_on;

	*strrchr(dir, '/') = '\0';
	bool own = strcmp(name_of(file->path), CONTEXT_NAME) == 0;
	struct context *context = collect_context(s, file->path, NULL);
	const struct runspec_source source = {
		.context = context,
		.watch = s->watch,
		.path = file->path,
		.common_dir = dir,
		.source = RUN_WATCH,
	};
	bool ends = !own || context_done(context) ||
		    (close_on != NULL && strcmp(name_of(close_on), CONTEXT_NAME) == 0);
	if (own)
		collect_key_again(s, file->path);
	if (ends && runspec_make(&source, s->collect->opt.config, &a, &spec, &err) == 0)
		collect_mark(s->collect, spec.run.key, file->mtime_ms);
	context_free(context);
	arena_done(&a);
	free(dir);
}

/* What the watch has to tell of besides reports: `close_on`, and context files in folders that may hold reports (one
 * of them is read with each report; that it came to say "done" is news by itself).  Freed by free_markers(). */
static char **make_markers(const struct config_watch *w, size_t *count)
{
	char **marker = xcalloc(w->files.count + 2, sizeof(*marker));

	*count = 0;
	if (w->run.close_on != NULL)
		marker[(*count)++] = xstrdup(w->run.close_on);
	for (size_t i = 0; i < w->files.count; i++) {
		const char *glob = w->files.item[i], *name = name_of(glob);
		int folder = (int)(name - glob);
		const char *deep = strcmp(name, "**") == 0 ? "**/" : "";
		marker[(*count)++] = xasprintf("%.*s%s%s", folder, glob, deep, CONTEXT_NAME);
	}
	return marker;
}

static void free_markers(char **marker, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(marker[i]);
	free(marker);
}

/* ---- life ---- */

static int open_source(struct collect *c, const struct config_watch *w, struct err *err)
{
	struct source *s = xcalloc(1, sizeof(*s));
	size_t marker_count;
	char **marker = make_markers(w, &marker_count);
	const struct watch_options options = {
		.path = w->path,
		.files = (const char *const *)w->files.item,
		.file_count = w->files.count,
		.exclude = (const char *const *)w->exclude.item,
		.exclude_count = w->exclude.count,
		.marker = (const char *const *)marker,
		.marker_count = marker_count,
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
	list_init(&s->unkeyed);
	int rc = watch_open(&options, &s->w, err);
	free_markers(marker, marker_count);
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
	c->sift = sift_new(intake_executor(options->intake), collect_on_sifted, c);
	c->known = known_new(options->queue, collect_on_sifted, c);
	uv_timer_init(options->loop, &c->tick);
	c->tick.data = c;
	uv_timer_start(&c->tick, on_tick, TICK_MS, TICK_MS);
	queue_open_runs(options->queue, collect_on_open_runs, c);
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
		collect_free_run(list_entry(link, struct gathering, link), NULL);
	list_each_safe(link, &c->retries)
		collect_free_retry(list_entry(link, struct retry, link));
	list_each_safe(link, &c->sources) {
		struct source *s = list_entry(link, struct source, link);
		list_each_safe(at, &s->folders)
			collect_free_folder(list_entry(at, struct folder, link));
		list_each_safe(at, &s->unkeyed)
			collect_free_unkeyed(s, list_entry(at, struct unkeyed, link));
		free(s->root);
		free(s);
	}
	list_each_safe(link, &c->marks)
		collect_free_mark(list_entry(link, struct mark, link));
	sift_free(c->sift);
	archive_free(c->archive);
	known_free(c->known);
	once_done(&c->said);
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

	if (!c->loaded || c->busy > 0 || c->endings > 0 || sift_busy(c->sift) || known_busy(c->known) ||
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

const struct archive_counts *collect_archived(const struct collect *c)
{
	return archive_counts(c->archive);
}

size_t collect_view(const struct collect *c, struct collect_watch *out, size_t max)
{
	size_t n = 0;

	list_each(link, &c->sources) {
		const struct source *s = list_entry(link, struct source, link);
		struct watch_counts counts;
		if (n >= max) {
			n++;
			continue;
		}
		watch_count(s->w, &counts);
		out[n] = (struct collect_watch){
			.name = s->watch->name,
			.path = s->watch->path,
			.directories = counts.directories,
			.waiting = counts.waiting,
			.scans = counts.scans,
			.overflows = counts.overflows,
			.refused = counts.refused,
			.refused_such_as = counts.refused_such_as,
		};
		watch_degraded(s->w, &out[n].degraded);
		n++;
	}
	return n;
}

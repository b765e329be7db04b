/* SPDX-License-Identifier: Apache-2.0
 *
 * import_files.c - the files of an import: which run each belongs to, what others tell too, and their way through
 * intake, a few at a time.  A file waits for room as long as the command does, and is tried again where it could
 * not be read for the moment. */
#include "daemon/cli/import.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/evidence/name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 32 };

struct file_cookie {
	struct import *im;
	size_t index;
	unsigned tries;
	uv_timer_t timer;
};

/* ---- one file: taken, or left ---- */

static void on_retry_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void take_file(struct import *im, struct file_cookie *fc);

static void on_retry(uv_timer_t *timer)
{
	struct file_cookie *fc = timer->data;

	take_file(fc->im, fc);
}

static void file_ended(struct file_cookie *fc)
{
	struct import *im = fc->im;

	uv_close((uv_handle_t *)&fc->timer, on_retry_closed);
	im->busy--;
	import_take(im);
}

void import_left(struct import *im, size_t index, const char *why)
{
	const char *path = im->walk.path[index];

	im->no_room++;
	import_say(im, "%s: not taken: %s", path, why);
	import_add_file(im, path, "unreadable", false, 0, why);
}

static void leave_there(struct import *im, struct file_cookie *fc, const char *why)
{
	import_left(im, fc->index, why);
	file_ended(fc);
}

/* While the disk is almost full nothing new is taken in; true where the file waits, or is left. */
static bool wait_for_room(struct import *im, struct file_cookie *fc)
{
	char why[512];

	if (!app_full(&im->app, why, sizeof(why)))
		return false;
	if (im->interrupted || clock_mono_ms() >= im->until_ms) {
		leave_there(im, fc, why);
		return true;
	}
	if (!im->room_said)
		import_say(im, "waiting for room: %s", why);
	im->room_said = true;
	uv_timer_start(&fc->timer, on_retry, IMPORT_RETRY_MS, 0);
	return true;
}

void import_took(struct import *im, size_t index, const struct intake_outcome *o)
{
	const char *path = im->walk.path[index];
	char reason[1700] = "";

	if (o->err != NULL && o->err->code != 0)
		err_string(o->err, reason, sizeof(reason));
	im->failed +=
		o->failed; /* an import that goes on where one ended meets duplicates: they failed no less */
	switch (o->state) {
	case INTAKE_ACCEPTED:
		im->accepted++;
		im->cases += o->cases;
		if (!o->complete) {
			im->incomplete++;
			import_say(im, "%s (the %" PRIu64 " finished cases are taken)", reason, o->cases);
		}
		for (size_t i = 0; i < o->warning_count; i++)
			import_say(im, "%s", o->warnings[i]);
		if (o->evidence != NULL)
			import_say_evidence(im, o->evidence);
		break;
	case INTAKE_DUPLICATE:
		im->duplicates++;
		if (!o->complete) {
			im->incomplete++;
			import_say(im, "%s", reason);
		}
		break;
	case INTAKE_SKIPPED:
		im->skipped++;
		if (im->walk.named[index])
			import_say(im, "%s", reason);
		break;
	case INTAKE_MALFORMED:
		im->malformed++;
		import_say(im, "%s", reason);
		break;
	case INTAKE_UNREADABLE:
	case INTAKE_RETRY:
	case INTAKE_INCOMPLETE:
		im->unreadable++;
		import_say(im, "%s", reason);
		break;
	}
	/* A run that got nothing but broken files is ended like the others, and goes without a trace. */
	run_ids_join(&im->runs, o->run, index);
	import_add_base(im, o->run, path);
	import_add_file(im, path,
			o->state == INTAKE_RETRY || o->state == INTAKE_INCOMPLETE
				? "unreadable"
				: intake_state_name(o->state),
			o->complete, o->cases, reason);
}

static void on_file(void *cookie, const struct intake_outcome *o)
{
	struct file_cookie *fc = cookie;
	struct import *im = fc->im;

	bool full = o->state == INTAKE_RETRY && (o->err->code == -ENOSPC || o->err->code == -EDQUOT);
	if (full ? clock_mono_ms() < im->until_ms && !im->interrupted
		 : o->state == INTAKE_RETRY && fc->tries++ < IMPORT_TRIES) {
		uv_timer_start(&fc->timer, on_retry, IMPORT_RETRY_MS, 0);
		return;
	}
	if (full) {
		char reason[1700];
		leave_there(im, fc, err_string(o->err, reason, sizeof(reason)));
		return;
	}
	import_took(im, fc->index, o);
	im->done[fc->index] = true;
	if (im->app.dispatch != NULL && o->state == INTAKE_ACCEPTED)
		dispatch_kick(im->app.dispatch, true);
	file_ended(fc);
}

/* How far up a context file still is one of these reports: to the folder that was named, or that is common to all. */
static const char *context_top(const struct import *im, const char *dir)
{
	const char *top = dir;

	/* The first place is where the command was called. */
	for (size_t i = 1; i < im->places.count; i++) {
		const char *path = im->places.item[i].path;
		if (strlen(path) < strlen(top) && evidence_beneath(path, dir) != NULL)
			top = path;
	}
	if (im->common_dir != NULL && strlen(im->common_dir) < strlen(top) &&
	    evidence_beneath(im->common_dir, dir) != NULL)
		top = im->common_dir;
	return top;
}

/* The context file that is nearest to a report; the last one is remembered. */
const struct context *import_context(struct import *im, const char *path, bool quiet)
{
	char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	const char *const *line_of;
	char line[2000];

	slash[slash == dir ? 1 : 0] = '\0';
	if (im->context_dir == NULL || strcmp(im->context_dir, dir) != 0) {
		context_free(im->context);
		err_clear(&im->context_err);
		im->context = context_find(dir, context_top(im, dir), &im->context_err);
		free(im->context_dir);
		im->context_dir = xstrdup(dir);
	}
	if (!quiet && im->context_err.code != 0 &&
	    once_new(&im->said, err_string(&im->context_err, line, sizeof(line))))
		import_say(im, "%s", line);
	size_t count = quiet ? 0 : context_warnings(im->context, &line_of);
	for (size_t i = 0; i < count; i++) {
		if (once_new(&im->said, line_of[i]))
			import_say(im, "%s", line_of[i]);
	}
	free(dir);
	return im->context;
}

static int make_spec(struct import *im, const char *absolute, bool quiet, struct arena *a,
		     struct runspec *out, struct err *err)
{
	const struct runspec_source source = {
		.run_key = im->opt.run_key,
		.run_name = im->opt.run_name,
		.set = &im->opt.set,
		.context = import_context(im, absolute, quiet),
		.watch = im->watch,
		.path = absolute,
		.ci = &im->ci,
		.common_dir = im->common_dir,
		.sinks = im->opt.sink,
		.sink_count = im->opt.sink_count,
		.source = RUN_IMPORT,
		.backfill = im->opt.backfill,
	};

	return runspec_make(&source, im->cli->config, a, out, err);
}

char *import_run_of(void *cookie, const char *path)
{
	struct import *im = cookie;
	char *absolute = walk_absolute(path), *key = NULL;
	struct arena a = ARENA_LIMIT(1 << 20);
	struct err err = ERR_NONE;
	struct runspec spec;

	if (make_spec(im, absolute, true, &a, &spec, &err) == 0)
		key = xstrdup(spec.run.key);
	arena_done(&a);
	free(absolute);
	return key;
}

/* What is told by several files is said once for each reason, not for each of what may be thousands. */
void import_sift(struct import *im, char *(*run)(void *cookie, const char *path), void *cookie)
{
	const struct walk *w = &im->walk;

	if (im->done != NULL)
		return;
	im->done = xcalloc(w->count + 1, sizeof(*im->done));
	walk_sift(&im->walk, run, cookie);
	for (size_t i = 0; i < w->count; i++) {
		if (w->skip[i] == NULL)
			continue;
		im->doubles++;
		im->done[i] = true;
		import_add_file(im, w->path[i], "skipped", true, 0, w->skip[i]);
	}

	for (size_t i = 0, next; i < w->count; i = next) {
		size_t more = 0;
		for (next = i + 1; next < w->count; next++) {
			if (w->skip[i] == NULL ||
			    (w->skip[next] != NULL && strcmp(w->skip[i], w->skip[next]) != 0))
				break;
			more += w->skip[next] != NULL;
		}
		if (w->skip[i] == NULL)
			continue;
		if (more > 0)
			import_say(im, "%s and %zu more: skipped: %s", w->path[i], more, w->skip[i]);
		else
			import_say(im, "%s: skipped: %s", w->path[i], w->skip[i]);
	}
}

static void take_file(struct import *im, struct file_cookie *fc)
{
	if (wait_for_room(im, fc))
		return;
	const char *path = im->walk.path[fc->index];
	char *absolute = walk_absolute(path);
	struct arena a = ARENA_LIMIT(1 << 20);
	struct runspec spec;
	struct err err = ERR_NONE;

	if (make_spec(im, absolute, false, &a, &spec, &err) < 0) {
		im->unreadable++;
		import_say(im, "%s: %s", path, err.text);
		import_add_file(im, path, "unreadable", false, 0, err.text);
		file_ended(fc);
	} else {
		struct evidence_places places = { 0 };
		if (spec.run.hold != NULL && once_new(&im->said, spec.run.hold))
			import_say(im, "%s: its run cannot be told: %s; it is taken and held", path,
				   spec.run.hold);
		import_places(im, path, &places);
		const struct intake_job job = {
			.path = path,
			.root_fd = -1,
			.run = &spec.run,
			.again = im->opt.again,
			.timezone = im->opt.timezone != NULL ? im->opt.timezone : spec.timezone,
			.variant = spec.variant,
			.places = &places,
		};
		intake_take(im->app.intake, &job, on_file, fc);
		evidence_places_done(&places);
	}
	arena_done(&a);
	free(absolute);
}

void import_take(struct import *im)
{
	while (im->busy < AT_ONCE && im->next < im->walk.count && !im->interrupted) {
		if (im->done[im->next]) {
			im->next++; /* whoever held the directory before took it */
			continue;
		}
		struct file_cookie *fc = xcalloc(1, sizeof(*fc));
		fc->im = im;
		fc->index = im->next++;
		uv_timer_init(&im->app.loop, &fc->timer);
		fc->timer.data = fc;
		im->busy++;
		take_file(im, fc);
	}
	if (im->busy == 0 && !im->ending)
		import_all_in(im);
}

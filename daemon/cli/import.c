/* SPDX-License-Identifier: Apache-2.0
 *
 * import.c - the one-shot importer: files -> queue -> sinks -> summary.
 *
 * Phases: take (files go through intake, a few at a time) -> end (their runs end) -> wait -> gather -> out.
 * Delivery runs beside all of them, so what a run needs to know is read while its files are. */
#include "daemon/app.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/cli/cli.h"
#include "daemon/cli/import_options.h"
#include "daemon/cli/outcome.h"
#include "daemon/evidence_gather.h"
#include "daemon/runspec.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AT_ONCE = 4, TRIES_MAX = 5, RETRY_MS = 500 };

struct run_base { /* a folder that patterns are relative to */
	int64_t run;
	char *path;
};

struct import {
	struct app app;
	struct cli *cli;
	struct import_options opt;
	struct walk walk;
	struct ci ci;
	struct arena arena; /* of the whole command */
	char *common_dir;
	const struct config_watch *watch;
	struct context *context;
	char *context_dir;

	size_t next, busy;
	unsigned tries;
	struct run_ids runs;
	struct evidence_places places; /* named on the command line */
	struct run_base *base;
	size_t base_count;
	size_t end_at;
	struct await *await;
	bool ending, timed_out, interrupted, room_said;
	int64_t until_ms; /* mono: how long files wait for room */
	uint64_t no_room; /* files that were left where they are */
	struct outcome_totals totals;

	cJSON *files; /* of the receipt; NULL without --json */
	uint64_t accepted, duplicates, malformed, skipped, doubles, unreadable, incomplete, cases, failed;
	int code;
};

struct file_cookie {
	struct import *im;
	size_t index;
	unsigned tries;
	uv_timer_t timer;
};

static void take_more(struct import *im);

/* ---- files ---- */

static void add_file(struct import *im, const char *path, const char *state, bool complete, uint64_t cases,
		     const char *reason)
{
	if (im->files == NULL)
		return;
	cJSON *f = cJSON_CreateObject();
	cJSON_AddStringToObject(f, "path", path);
	cJSON_AddStringToObject(f, "state", state);
	cJSON_AddBoolToObject(f, "complete", complete);
	cJSON_AddNumberToObject(f, "cases", (double)cases);
	if (reason != NULL && reason[0] != '\0')
		cJSON_AddStringToObject(f, "reason", reason);
	cJSON_AddItemToArray(im->files, f);
}

/* "PATH: why", as the walk says it. */
static void add_unreadable(struct import *im, const char *text)
{
	const char *why = strstr(text, ": ");
	char *path = xstrndup(text, why != NULL ? (size_t)(why - text) : strlen(text));

	add_file(im, path, "unreadable", false, 0, text);
	free(path);
}

static void say(const struct import *im, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(const struct import *im, const char *fmt, ...)
{
	va_list ap;

	if (im->opt.progress == 1)
		fputs("\r\033[K", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

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
	take_more(im);
}

/* No room for it within the timeout: it stays where it is. */
static void leave_there(struct import *im, struct file_cookie *fc, const char *why)
{
	const char *path = im->walk.path[fc->index];

	im->no_room++;
	say(im, "%s: not taken: %s", path, why);
	add_file(im, path, "unreadable", false, 0, why);
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
		say(im, "waiting for room: %s", why);
	im->room_said = true;
	uv_timer_start(&fc->timer, on_retry, RETRY_MS, 0);
	return true;
}

/* The folder that the watch's patterns are relative to, of a run that got this file. */
static void add_base(struct import *im, int64_t run, const char *path)
{
	char *absolute = walk_absolute(path), *workspace = evidence_workspace(im->watch, absolute);
	const char *base = workspace != NULL ? workspace : im->common_dir;

	for (size_t i = 0; base != NULL && i < im->base_count; i++) {
		if (im->base[i].run == run && strcmp(im->base[i].path, base) == 0)
			base = NULL;
	}
	if (base != NULL) {
		im->base = xrealloc(im->base, im->base_count + 1, sizeof(*im->base));
		im->base[im->base_count++] = (struct run_base){ run, xstrdup(base) };
	}
	free(workspace);
	free(absolute);
}

static void say_evidence(const struct import *im, const struct evidence_tally *t)
{
	for (size_t i = 0; i < t->note_count; i++)
		say(im, "evidence: %s", t->note[i]);
	if (t->more > 0)
		say(im, "evidence: %" PRIu64 " more files are missing or refused", t->more);
}

static void on_file(void *cookie, const struct intake_outcome *o)
{
	struct file_cookie *fc = cookie;
	struct import *im = fc->im;
	char reason[1700] = "";

	bool full = o->state == INTAKE_RETRY && (o->err->code == -ENOSPC || o->err->code == -EDQUOT);
	if (full ? clock_mono_ms() < im->until_ms && !im->interrupted
		 : o->state == INTAKE_RETRY && fc->tries++ < TRIES_MAX) {
		uv_timer_start(&fc->timer, on_retry, RETRY_MS, 0);
		return;
	}
	if (o->err != NULL && o->err->code != 0)
		err_string(o->err, reason, sizeof(reason));
	if (full) {
		leave_there(im, fc, reason);
		return;
	}
	switch (o->state) {
	case INTAKE_ACCEPTED:
		im->accepted++;
		im->cases += o->cases;
		im->failed += o->failed;
		if (!o->complete) {
			im->incomplete++;
			say(im, "%s (the %" PRIu64 " finished cases are taken)", reason, o->cases);
		}
		for (size_t i = 0; i < o->warning_count; i++)
			say(im, "%s", o->warnings[i]);
		if (o->evidence != NULL)
			say_evidence(im, o->evidence);
		break;
	case INTAKE_DUPLICATE:
		im->duplicates++;
		break;
	case INTAKE_SKIPPED:
		im->skipped++;
		if (im->walk.named[fc->index])
			say(im, "%s", reason);
		break;
	case INTAKE_MALFORMED:
		im->malformed++;
		say(im, "%s", reason);
		break;
	case INTAKE_UNREADABLE:
	case INTAKE_RETRY:
	case INTAKE_INCOMPLETE:
		im->unreadable++;
		say(im, "%s", reason);
		break;
	}
	/* A run that got nothing but broken files is ended like the others, and goes without a trace. */
	run_ids_add(&im->runs, o->run);
	if (im->watch != NULL && im->watch->evidence.count > 0 && o->run != 0)
		add_base(im, o->run, o->path);
	add_file(im, o->path,
		 o->state == INTAKE_RETRY || o->state == INTAKE_INCOMPLETE ? "unreadable"
									   : intake_state_name(o->state),
		 o->complete, o->cases, reason);
	if (im->app.dispatch != NULL && o->state == INTAKE_ACCEPTED)
		dispatch_kick(im->app.dispatch, true);
	file_ended(fc);
}

/* The context file of the directory that a report lies in; the last one is remembered. */
static const struct context *context_of(struct import *im, const char *path, bool quiet)
{
	char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	struct err err = ERR_NONE;
	char line[2000];

	slash[slash == dir ? 1 : 0] = '\0';
	if (im->context_dir == NULL || strcmp(im->context_dir, dir) != 0) {
		context_free(im->context);
		im->context = context_read(dir, &err);
		if (im->context == NULL && im->common_dir != NULL && strcmp(dir, im->common_dir) != 0 &&
		    err.code == 0)
			im->context = context_read(im->common_dir, &err);
		if (err.code != 0 && !quiet)
			say(im, "%s", err_string(&err, line, sizeof(line)));
		free(im->context_dir);
		im->context_dir = xstrdup(dir);
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
		.context = context_of(im, absolute, quiet),
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

static char *run_of(void *cookie, const char *path)
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

/* One of several files that tell the same. */
static void leave_out(struct import *im, size_t index)
{
	im->doubles++;
	add_file(im, im->walk.path[index], "skipped", true, 0, im->walk.skip[index]);
}

/* Once for each reason, not for each of what may be thousands of files. */
static void say_doubles(const struct import *im)
{
	const struct walk *w = &im->walk;

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
			say(im, "%s and %zu more: skipped: %s", w->path[i], more, w->skip[i]);
		else
			say(im, "%s: skipped: %s", w->path[i], w->skip[i]);
	}
}

/* Beneath its own folder, where the command was called, what was named to it, and the watch's roots. */
static void places_of(void *cookie, const char *report, struct evidence_places *out)
{
	const struct import *im = cookie;
	char *absolute = walk_absolute(report), *slash = strrchr(absolute, '/');

	if (im->watch != NULL)
		evidence_places_roots(im->watch, absolute, out);
	slash[slash == absolute ? 1 : 0] = '\0';
	struct evidence_places all = { 0 };
	evidence_places_add(&all, NULL, absolute);
	for (size_t i = 0; i < im->places.count; i++)
		evidence_places_add(&all, NULL, im->places.item[i].path);
	for (size_t i = 0; i < out->count; i++)
		evidence_places_add(&all, out->item[i].top, out->item[i].path);
	evidence_places_done(out);
	*out = all;
	free(absolute);
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
		say(im, "%s: %s", path, err.text);
		add_file(im, path, "unreadable", false, 0, err.text);
		file_ended(fc);
	} else {
		struct evidence_places places = { 0 };
		places_of(im, path, &places);
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

/* ---- the end of the runs, waiting, the receipt ---- */

/* What stands as parked in the throw-away queue of a dry run is the plan. */
static void show_plan(cJSON *runs)
{
	cJSON *run, *d;

	cJSON_ArrayForEach(run, runs)
	{
		cJSON_ArrayForEach(d, cJSON_GetObjectItem(run, "deliveries"))
		{
			const cJSON *state = cJSON_GetObjectItem(d, "state");
			if (cJSON_IsString(state) && strcmp(state->valuestring, "parked") == 0)
				cJSON_ReplaceItemInObject(d, "state", cJSON_CreateString("planned"));
		}
	}
}

static void on_receipt(void *cookie, cJSON *runs)
{
	struct import *im = cookie;

	if (im->opt.dry_run)
		show_plan(runs);

	if (im->files != NULL) {
		cJSON *receipt = cJSON_CreateObject();
		cJSON_AddItemToObject(receipt, "files", im->files);
		cJSON_AddItemToObject(receipt, "runs", runs);
		im->files = NULL;
		char *text = cJSON_PrintUnformatted(receipt);
		puts(text != NULL ? text : "{}");
		free(text);
		cJSON_Delete(receipt);
	} else {
		outcome_print(stdout, runs);
		printf("%" PRIu64 " files accepted", im->accepted);
		const struct {
			uint64_t n;
			const char *what;
		} row[] = {
			{ im->duplicates, "duplicate" },  { im->doubles, "told by others too" },
			{ im->skipped, "not a report" },  { im->malformed, "malformed" },
			{ im->unreadable, "unreadable" }, { im->no_room, "not taken for want of room" },
			{ im->incomplete, "incomplete" },
		};
		for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
			if (row[i].n > 0)
				printf(", %" PRIu64 " %s", row[i].n, row[i].what);
		}
		putchar('\n');
		if (im->timed_out)
			printf("Accepted and durable, not delivered yet: \"resultd deliver\" goes on.\n");
		cJSON_Delete(runs);
	}
	fflush(stdout);
	app_quit(&im->app, 0);
}

static void gather(struct import *im)
{
	outcome_runs(&im->app, &im->runs, on_receipt, im);
}

static void on_settled(void *cookie, const struct outcome_totals *totals, bool timed_out)
{
	struct import *im = cookie;

	im->totals = *totals;
	im->totals.wait_reason = NULL;
	im->timed_out = timed_out;
	if (timed_out && totals->wait_reason != NULL)
		say(im, "not delivered: %s", totals->wait_reason);
	gather(im);
}

static void on_ended(void *cookie, int rc, const struct err *err);

static void on_looked(void *cookie, const struct evidence_tally *tally, const struct err *err)
{
	struct import *im = cookie;

	(void)err;
	say_evidence(im, tally);
	queue_end_run(im->app.queue, im->runs.id[im->end_at++], clock_wall_ms(), on_ended, im);
}

/* All files are in: what is not there now will not come any more. */
static void look_once_more(struct import *im)
{
	const struct config_watch *w = im->watch;
	struct evidence_places base = { 0 };
	for (size_t i = 0; i < im->base_count; i++) {
		if (im->base[i].run == im->runs.id[im->end_at])
			evidence_places_add(&base, NULL, im->base[i].path);
	}
	const struct evidence_look look = {
		.run = im->runs.id[im->end_at],
		.sinks = im->opt.sink,
		.sink_count = im->opt.sink_count,
		.places = places_of,
		.cookie = im,
		.glob = w != NULL ? (const char *const *)w->evidence.item : NULL,
		.glob_count = w != NULL ? w->evidence.count : 0,
		.base = &base,
		.since_ms = INT64_MIN,
		.final = true,
	};

	evidence_gather_look(im->app.gather, &look, on_looked, im);
	evidence_places_done(&base);
}

static void on_ended(void *cookie, int rc, const struct err *err)
{
	struct import *im = cookie;

	if (rc < 0)
		say(im, "cannot end the run: %s", err->text);
	if (im->app.dispatch != NULL)
		dispatch_kick(im->app.dispatch, false);
	if (im->end_at < im->runs.count && !im->opt.keep_open) {
		look_once_more(im);
		return;
	}
	struct err failed = ERR_NONE;
	if (im->opt.dry_run && im->app.dispatch == NULL && app_deliver(&im->app, NULL, true, &failed) < 0) {
		say(im, "%s", failed.text);
		app_quit(&im->app, EXIT_INTERNAL);
		return;
	}
	if (im->opt.no_wait || im->runs.count == 0)
		gather(im);
	else
		await_armed(im->await, true);
}

static void take_more(struct import *im)
{
	while (im->busy < AT_ONCE && im->next < im->walk.count && !im->interrupted) {
		if (im->walk.skip[im->next] != NULL) {
			leave_out(im, im->next++);
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
	if (im->busy == 0 && !im->ending) {
		im->ending = true;
		/* Where files had to be left their run stays open: the same command goes on with it. */
		im->timed_out = im->timed_out || im->no_room > 0;
		if (im->interrupted || im->no_room > 0)
			gather(im);
		else
			on_ended(im, 0, NULL);
	}
}

static void on_signal(void *cookie, int signum)
{
	struct import *im = cookie;

	if (signum == SIGHUP)
		return;
	if (im->interrupted) {
		app_quit(&im->app, 128 + signum);
		return;
	}
	im->interrupted = true;
	im->timed_out = true;
	say(im,
	    "interrupted: what is accepted stays in the state directory; the same command goes on with it");
	if (im->ending)
		app_quit(&im->app, 0);
}

static void on_change(void *cookie)
{
	struct import *im = cookie;

	if (im->await != NULL)
		await_changed(im->await);
}

static void describe(void *cookie, char *text, size_t size)
{
	const struct import *im = cookie;

	snprintf(text, size, "%zu/%zu files, %" PRIu64 " cases, ", im->next - im->busy, im->walk.count,
		 im->cases);
}

/* ---- the command ---- */

static int check_names(const struct import *im)
{
	for (size_t i = 0; i < im->opt.sink_count; i++) {
		if (config_find_sink(im->cli->config, im->opt.sink[i]) == NULL)
			return cli_usage("import", "--sink %s: no such sink is configured", im->opt.sink[i]);
	}
	if (im->opt.watch != NULL && im->watch == NULL)
		return cli_usage("import", "--watch %s: no such watch is configured", im->opt.watch);
	return EXIT_OK;
}

/* If several apply, the first of 2, 70, 5, 1, 4, 3.  (design.md, section 2) */
static int exit_code(const struct import *im)
{
	bool none = im->accepted + im->duplicates + im->no_room == 0;

	if (im->malformed + im->unreadable + im->incomplete + im->walk.unreadable_count > 0 ||
	    (none && !im->opt.allow_empty))
		return EXIT_INPUT;
	if (im->opt.fail_on_failed && im->failed > 0)
		return EXIT_FAIL_ON;
	if (im->totals.parked > 0 && !im->opt.dry_run)
		return EXIT_PARKED;
	return im->timed_out ? EXIT_UNDELIVERED : EXIT_OK;
}

static int work(struct import *im)
{
	const struct app_options ao = {
		.command = "import",
		.wait_ms = im->opt.timeout_ms,
		.on_signal = on_signal,
		.on_change = on_change,
		.cookie = im,
	};
	const struct await_options wo = {
		.timeout_ms = im->opt.timeout_ms,
		.progress = im->opt.progress == 1,
		.describe = describe,
		.done = on_settled,
		.cookie = im,
	};
	struct err err = ERR_NONE;

	int rc = app_open(&im->app, im->cli->config, &ao, &err);
	if (rc < 0) {
		fprintf(stderr, "resultd: %s\n", err.text);
		return rc == -EAGAIN ? EXIT_UNDELIVERED : EXIT_INTERNAL;
	}
	if (!im->opt.no_wait && !im->opt.dry_run && app_deliver(&im->app, NULL, false, &err) < 0) {
		fprintf(stderr, "resultd: %s\n", err.text);
		app_close(&im->app, 0);
		return EXIT_INTERNAL;
	}
	im->until_ms = clock_mono_ms() + im->opt.timeout_ms;
	im->await = await_start(&im->app, &im->runs, &wo);
	take_more(im);
	int code = app_loop(&im->app);
	await_free(im->await);
	im->await = NULL;
	if (!im->interrupted)
		app_tidy(&im->app, TIDY_MS);
	app_close(&im->app, im->interrupted ? 2000 : 25000);
	return code != 0 ? code : exit_code(im);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

/* A dry run works on a queue of its own, which goes with it: nothing of it is accepted anywhere. */
static int dry_work(struct import *im)
{
	const char *base = getenv("TMPDIR");
	char *dir = xasprintf("%s/resultd-dry-XXXXXX", base != NULL && base[0] == '/' ? base : "/tmp");
	int code = EXIT_INTERNAL;

	if (mkdtemp(dir) == NULL) {
		fprintf(stderr, "resultd: cannot make \"%s\": %s\n", dir, strerror(errno));
	} else {
		free(im->cli->config->state_dir);
		im->cli->config->state_dir = xstrdup(dir);
		code = work(im);
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	}
	free(dir);
	return code;
}

static void add_places(struct import *im, int argc, char **argv)
{
	char *here = getcwd(NULL, 0);

	if (here != NULL)
		evidence_places_add(&im->places, NULL, here);
	free(here);
	for (int i = optind; i < argc; i++) {
		struct stat st;
		if (stat(argv[i], &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		char *absolute = walk_absolute(argv[i]);
		evidence_places_add(&im->places, NULL, absolute);
		free(absolute);
	}
}

int cmd_import(struct cli *cli, int argc, char **argv)
{
	struct import im = { .cli = cli, .arena = ARENA_LIMIT(1 << 20) };
	int code = import_options_read(&im.opt, argc, argv);

	if (code == EXIT_OK)
		code = cli_load(cli);
	cli_quiet(cli);
	if (code == EXIT_OK) {
		im.watch = im.opt.watch != NULL ? config_find_watch(cli->config, im.opt.watch) : NULL;
		code = check_names(&im);
	}
	if (code == EXIT_OK) {
		for (int i = optind; i < argc; i++)
			walk_add(&im.walk, argv[i]);
		for (size_t i = 0; i < im.walk.unreadable_count; i++)
			fprintf(stderr, "%s\n", im.walk.unreadable[i]);
		im.common_dir = walk_common_dir(&im.walk);
		add_places(&im, argc, argv);
		ci_detect(&im.ci, &im.arena, ci_getenv, NULL);
		if (im.opt.json)
			im.files = cJSON_CreateArray();
		for (size_t i = 0; i < im.walk.unreadable_count; i++)
			add_unreadable(&im, im.walk.unreadable[i]);
		if (im.walk.count == 0)
			fprintf(stderr, "resultd: no report found\n");
		walk_sift(&im.walk, run_of, &im);
		say_doubles(&im);
		code = im.opt.dry_run ? dry_work(&im) : work(&im);
	}
	cJSON_Delete(im.files);
	context_free(im.context);
	free(im.context_dir);
	free(im.common_dir);
	evidence_places_done(&im.places);
	for (size_t i = 0; i < im.base_count; i++)
		free(im.base[i].path);
	free(im.base);
	walk_done(&im.walk);
	run_ids_done(&im.runs);
	arena_done(&im.arena);
	import_options_done(&im.opt);
	return code;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * import.c - the one-shot importer: files -> queue -> sinks -> summary.
 *
 * Phases: take (files go through intake, a few at a time) -> end (their runs end) -> wait -> gather -> out.
 * Delivery runs beside all of them, so what a run needs to know is read while its files are.  Where somebody
 * else holds the state directory he does all that (hand.c), for as long as he lives. */
#include "daemon/cli/import.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/cli/reach.h"
#include "daemon/evidence/name.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AT_ONCE = 32 };

struct file_cookie {
	struct import *im;
	size_t index;
	unsigned tries;
	uv_timer_t timer;
};

static void take_more(struct import *im);

/* ---- files ---- */

void import_add_file(struct import *im, const char *path, const char *state, bool complete, uint64_t cases,
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

	import_add_file(im, path, "unreadable", false, 0, text);
	free(path);
}

void import_say(const struct import *im, const char *fmt, ...)
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

/* ---- the end of the runs, waiting, the receipt ---- */

static cJSON *lines_of(const char *text)
{
	cJSON *list = cJSON_CreateArray();

	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		char *line = xstrndup(text, n);
		cJSON_AddItemToArray(list, cJSON_CreateString(line));
		free(line);
		text += n + (text[n] != '\0');
	}
	return list;
}

/* What stands as parked in the throw-away queue of a dry run is the plan. */
static void show_plan(cJSON *runs)
{
	cJSON *run, *d;

	cJSON_ArrayForEach(run, runs)
	{
		cJSON_ArrayForEach(d, cJSON_GetObjectItem(run, "deliveries"))
		{
			const cJSON *state = cJSON_GetObjectItem(d, "state");
			const cJSON *words = cJSON_GetObjectItem(d, "last_error");
			size_t prefix = sizeof(DISPATCH_PLAN) - 1;
			if (!cJSON_IsString(state) || strcmp(state->valuestring, "parked") != 0 ||
			    !cJSON_IsString(words) || strncmp(words->valuestring, DISPATCH_PLAN, prefix) != 0)
				continue; /* parked in truth: the configuration or the tracker is at fault */
			char *plan = xstrdup(words->valuestring + prefix);
			cJSON_ReplaceItemInObject(d, "state", cJSON_CreateString("planned"));
			/* Nothing of it has happened. */
			cJSON_ReplaceItemInObject(d, "posted", cJSON_CreateNumber(0));
			cJSON_ReplaceItemInObject(d, "evidence", cJSON_CreateNumber(0));
			cJSON_DeleteItemFromObject(d, "remote_id");
			cJSON_DeleteItemFromObject(d, "url");
			cJSON_ReplaceItemInObject(d, "last_error", cJSON_CreateString(plan));
			cJSON_AddItemToObject(d, "plan", lines_of(plan));
			free(plan);
		}
	}
}

void import_finish(struct import *im, cJSON *runs)
{
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
}

static void on_receipt(void *cookie, cJSON *runs)
{
	struct import *im = cookie;

	import_finish(im, runs);
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
		import_say(im, "not delivered: %s", totals->wait_reason);
	gather(im);
}

static void on_ended(void *cookie, int rc, const struct err *err);

static void on_looked(void *cookie, const struct evidence_tally *tally, const struct err *err)
{
	struct import *im = cookie;

	(void)err;
	import_say_evidence(im, tally);
	queue_end_run(im->app.queue, im->runs.id[im->end_at++], clock_wall_ms(), on_ended, im);
}

static void on_ended(void *cookie, int rc, const struct err *err)
{
	struct import *im = cookie;

	if (rc < 0)
		import_say(im, "cannot end the run: %s", err->text);
	if (im->app.dispatch != NULL)
		dispatch_kick(im->app.dispatch, false);
	if (im->end_at < im->runs.count && !im->opt.keep_open && !im->ended) {
		import_look(im, on_looked);
		return;
	}
	struct err failed = ERR_NONE;
	if (im->opt.dry_run && im->app.dispatch == NULL && app_deliver(&im->app, NULL, true, &failed) < 0) {
		import_say(im, "%s", failed.text);
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
	import_say(im, "interrupted: what is accepted stays in the state directory; the same command goes on "
		       "with it");
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
int import_exit_code(const struct import *im)
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

static int work_here(struct import *im)
{
	const struct desk_options dk = { .command = "import" };
	const struct await_options wo = {
		.timeout_ms = im->until_ms - clock_mono_ms(),
		.progress = im->opt.progress == 1,
		.describe = describe,
		.done = on_settled,
		.cookie = im,
	};
	struct err err = ERR_NONE;

	if (!im->opt.dry_run)
		app_serve(&im->app, &dk, false, &err);
	if (!im->opt.no_wait && !im->opt.dry_run && app_deliver(&im->app, NULL, false, &err) < 0) {
		fprintf(stderr, "resultd: %s\n", err.text);
		app_close(&im->app, 0);
		return EXIT_INTERNAL;
	}
	im->next = 0;
	im->await = await_start(&im->app, &im->runs, &wo);
	take_more(im);
	int code = app_loop(&im->app);
	await_free(im->await);
	im->await = NULL;
	if (!im->interrupted)
		app_tidy(&im->app, TIDY_MS);
	app_close(&im->app, im->interrupted ? 2000 : 25000);
	return code != 0 ? code : import_exit_code(im);
}

static int work(struct import *im)
{
	im->until_ms = clock_mono_ms() + im->opt.timeout_ms;
	import_sift(im, run_of, im);
	for (;;) {
		int64_t left = im->until_ms - clock_mono_ms();
		const struct app_options ao = {
			.command = "import",
			.wait_ms = left > 0 ? left : 0,
			.on_signal = on_signal,
			.on_change = on_change,
			.cookie = im,
		};
		struct control_link *link = NULL;
		struct err err = ERR_NONE;
		int code = reach_open(im->cli, &im->app, &ao, &link);
		if (code != EXIT_OK)
			return code;
		if (link == NULL)
			return work_here(im);
		int rc = hand_over(im, link, &err);
		control_hang_up(link);
		if (rc == 0)
			return import_exit_code(im);
		if (rc != -EAGAIN) {
			fprintf(stderr, "resultd: %s\n", err.text);
			return EXIT_USAGE;
		}
		poll(NULL, 0, IMPORT_RETRY_MS);
	}
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

int import_begin(struct import *im, char **paths, int count)
{
	if (im->watch != NULL) {
		im->walk.wants = import_wants;
		im->walk.cookie = im;
	}
	for (int i = 0; i < count; i++)
		walk_add(&im->walk, paths[i]);
	for (size_t i = 0; i < im->walk.unreadable_count; i++)
		fprintf(stderr, "%s\n", im->walk.unreadable[i]);
	im->common_dir = walk_common_dir(&im->walk);
	import_add_places(im, paths, count);
	ci_detect(&im->ci, &im->arena, ci_getenv, NULL);
	if (im->opt.json)
		im->files = cJSON_CreateArray();
	for (size_t i = 0; i < im->walk.unreadable_count; i++)
		add_unreadable(im, im->walk.unreadable[i]);
	if (im->walk.count == 0)
		fprintf(stderr, "resultd: no report found\n");
	return EXIT_OK;
}

void import_done(struct import *im)
{
	cJSON_Delete(im->files);
	context_free(im->context);
	once_done(&im->said);
	free(im->context_dir);
	free(im->common_dir);
	free(im->done);
	import_evidence_done(im);
	walk_done(&im->walk);
	run_ids_done(&im->runs);
	arena_done(&im->arena);
	import_options_done(&im->opt);
}

int cmd_import(struct cli *cli, int argc, char **argv)
{
	struct import im = { .cli = cli, .arena = ARENA_LIMIT(1 << 20) };
	int code = import_options_read(&im.opt, "import", argc, argv);

	if (code == EXIT_OK)
		code = cli_load(cli);
	cli_quiet(cli);
	if (code == EXIT_OK) {
		im.watch = im.opt.watch != NULL ? config_find_watch(cli->config, im.opt.watch) : NULL;
		code = check_names(&im);
	}
	if (code == EXIT_OK)
		code = import_begin(&im, argv + optind, argc - optind);
	if (code == EXIT_OK)
		code = im.opt.dry_run ? dry_work(&im) : work(&im);
	import_done(&im);
	return code;
}

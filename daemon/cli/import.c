/* SPDX-License-Identifier: Apache-2.0
 *
 * import.c - the one-shot importer: files -> queue -> sinks -> summary.
 *
 * Phases: take (import_files.c: files go through intake, a few at a time) -> end (their runs end) -> wait ->
 * gather -> out (import_receipt.c).
 * Delivery runs beside all of them, so what a run needs to know is read while its files are.  Where somebody
 * else holds the state directory he does all that (hand.c), for as long as he lives. */
#include "daemon/cli/import.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/cli/reach.h"

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

/* ---- the end of the runs, waiting ---- */

static void on_receipt(void *cookie, cJSON *runs)
{
	struct import *im = cookie;

	import_finish(im, runs);
	app_quit(&im->app, 0);
}

static void gather(struct import *im)
{
	if (im->telling)
		return; /* interrupted in the same moment as it was settled */
	im->telling = true;
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

void import_all_in(struct import *im)
{
	im->ending = true;
	/* Where files had to be left their run stays open: the same command goes on with it. */
	im->timed_out = im->timed_out || im->no_room > 0;
	if (im->interrupted || im->no_room > 0)
		gather(im);
	else
		on_ended(im, 0, NULL);
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
		gather(im); /* what has become of it until now */
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
	import_take(im);
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
	import_sift(im, import_run_of, im);
	for (;;) {
		int64_t left = im->until_ms - clock_mono_ms();
		const struct app_options ao = {
			.command = "import",
			.wait_ms = left > 0 ? left : 0,
			.only_held = im->cli->lacking.count > 0,
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
		import_add_unreadable(im, im->walk.unreadable[i]);
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
		code = im.opt.dry_run ? cli_load(cli) : cli_load_apart(cli);
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

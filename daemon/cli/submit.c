/* SPDX-License-Identifier: Apache-2.0
 *
 * submit.c - hands reports to the running daemon, with what the CI system told the job about itself.
 *
 * A job needs no rights on the state directory and none on the configuration: only the control socket, which
 * is looked for where the configuration says, if that can be read, and in the usual place. */
#include "daemon/cli/import.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/cli/reach.h"
#include "daemon/desk/desk.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RESTART_MS = 10000 /* how long a daemon that is being restarted is waited for */ };

static const char USUAL[] = "/run/resultd/control.sock";

/* Why a socket that is there would not have us. */
static int no_rights(const char *path)
{
	struct stat st;
	char group[64] = "";

	if (stat(path, &st) == 0) {
		const struct group *g = getgrgid(st.st_gid);
		if (g != NULL)
			snprintf(group, sizeof(group), " (%s)", g->gr_name);
		else
			snprintf(group, sizeof(group), " (%ld)", (long)st.st_gid);
	}
	fprintf(stderr,
		"resultd submit: no right to use the control socket %s: user %ld is not in its group%s\n",
		path, (long)geteuid(), group);
	return EXIT_USAGE;
}

struct places {
	const char *path[4];
	char *recorded;
	size_t count;
	struct err busy; /* who answered, and has no room for us now */
};

static void find_places(const struct import *im, struct places *out)
{
	const char *env = getenv("RESULTD_CONTROL");
	const struct config *c = im->cli->config;

	*out = (struct places){ 0 };
	if (im->opt.control == NULL && env != NULL && env[0] != '\0') {
		out->path[out->count++] = env;
	} else if (im->opt.control != NULL) {
		out->path[out->count++] = im->opt.control;
	} else {
		if (c != NULL && c->control.path != NULL)
			out->path[out->count++] = c->control.path;
		if (c != NULL)
			out->path[out->count++] = out->recorded = desk_path(c->state_dir);
		out->path[out->count++] = USUAL;
	}
}

/* EXIT_OK with *link NULL: nobody answers (yet). */
static int try_places(struct import *im, struct places *p, struct control_link **link)
{
	struct stat st;

	err_clear(&p->busy);
	for (size_t i = 0; i < p->count; i++) {
		struct err err = ERR_NONE;
		int rc = reach_socket(im->cli, "submit", p->path[i], link, &err);
		if (rc == 0)
			return EXIT_OK;
		/* Behind a folder that is not ours to look into there may be nothing at all. */
		if (rc == -EACCES && stat(p->path[i], &st) == 0)
			return no_rights(p->path[i]);
		if (rc == -EINVAL) {
			fprintf(stderr, "resultd submit: %s\n", err.text);
			return EXIT_USAGE;
		}
		if (rc == -EAGAIN)
			p->busy = err;
	}
	return EXIT_OK;
}

static int work(struct import *im)
{
	int64_t now = clock_mono_ms(), restart_ms = now + RESTART_MS;
	struct places places;
	int code = EXIT_OK;

	find_places(im, &places);
	im->until_ms = now + im->opt.timeout_ms;
	if (im->opt.wait && im->until_ms > restart_ms)
		restart_ms = im->until_ms;
	for (;;) {
		struct control_link *link = NULL;
		struct err err = ERR_NONE;
		code = try_places(im, &places, &link);
		if (code != EXIT_OK)
			break;
		int rc = link != NULL ? hand_over(im, link, &err) : -EAGAIN;
		control_hang_up(link);
		if (rc == 0) {
			code = import_exit_code(im);
			break;
		}
		if (rc != -EAGAIN) {
			fprintf(stderr, "resultd submit: %s\n", err.text);
			code = EXIT_USAGE;
			break;
		}
		if (clock_mono_ms() >= restart_ms) {
			bool some = im->accepted + im->duplicates > 0;
			if (places.busy.code != 0)
				fprintf(stderr, "resultd submit: %s\n", places.busy.text);
			else
				fprintf(stderr,
					"resultd submit: nobody answers at %s%s; is resultd running?\n",
					places.path[0], some ? " any more" : "");
			code = some && im->ended ? EXIT_UNDELIVERED : EXIT_INTERNAL;
			break;
		}
		poll(NULL, 0, 100);
	}
	free(places.recorded);
	return code;
}

int cmd_submit(struct cli *cli, int argc, char **argv)
{
	struct import im = { .cli = cli, .arena = ARENA_LIMIT(1 << 20), .submit = true };
	int code = import_options_read(&im.opt, "submit", argc, argv);

	if (code == EXIT_OK)
		code = cli_peek(cli);
	cli_quiet(cli);
	/* Where the job may read the configuration; who takes the reports knows the watch anyway. */
	if (code == EXIT_OK && cli->config != NULL && im.opt.watch != NULL)
		im.watch = config_find_watch(cli->config, im.opt.watch);
	if (code == EXIT_OK)
		code = import_begin(&im, argv + optind, argc - optind);
	if (code == EXIT_OK)
		code = work(&im);
	import_done(&im);
	return code;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * status.c - gathers: the queue's counts, each sink's, the disk's; on workers what walks folders. */
#include "daemon/status.h"

#include "daemon/app.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHOWN_MAX = 20 };

struct gathering {
	struct app *app;
	struct queue_status s;
	char *reports_dir;
	uint64_t reports, report_files; /* bytes and number of kept copies */
	cJSON *out;
	status_fn *done;
	void *cookie;
};

static void put_number(cJSON *o, const char *name, uint64_t n)
{
	cJSON_AddNumberToObject(o, name, (double)n);
}

static void put_time(cJSON *o, const char *name, int64_t ms)
{
	char iso[CLOCK_ISO_SIZE];

	cJSON_AddStringToObject(o, name, clock_iso(ms, iso));
}

/* ---- sizes ---- */

/* Kept reports lie in folders of two digits. */
static void measure(void *cookie)
{
	struct gathering *g = cookie;

	ceiling_walk(g->app->ceiling);
	for (unsigned i = 0; i < 256; i++) {
		char *path = xasprintf("%s/%02x", g->reports_dir, i);
		DIR *dir = opendir(path);
		free(path);
		if (dir == NULL)
			continue;
		for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
			struct stat st;
			if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			    !S_ISREG(st.st_mode))
				continue;
			g->reports += (uint64_t)st.st_size;
			g->report_files++;
		}
		closedir(dir);
	}
}

static void add_sizes(struct gathering *g)
{
	struct space_view v;
	struct ceiling_view c;
	cJSON *sizes = cJSON_AddObjectToObject(g->out, "sizes");

	space_view(g->app->space, &v);
	ceiling_view(g->app->ceiling, &c);
	put_number(sizes, "queue", g->s.bytes);
	put_number(sizes, "reports", g->reports + g->s.source_bytes);
	put_number(sizes, "report_files", g->report_files + g->s.sources);
	cJSON_AddNumberToObject(sizes, "ballast", (double)v.ballast_bytes);
	cJSON_AddNumberToObject(sizes, "all", (double)c.bytes);
	cJSON_AddNumberToObject(sizes, "max_size", (double)c.max_size);
	cJSON_AddStringToObject(sizes, "state", ceiling_level_name(c.level));
	cJSON *disk = cJSON_AddObjectToObject(g->out, "disk");
	cJSON_AddStringToObject(disk, "state", space_level_name(v.level));
	cJSON_AddNumberToObject(disk, "free", (double)v.free_bytes);
	cJSON_AddNumberToObject(disk, "low_water", (double)v.low_water);
	cJSON_AddBoolToObject(disk, "intake_paused", v.level != SPACE_FINE || c.level == CEILING_FULL);
	cJSON_AddBoolToObject(disk, "sending_paused", v.level == SPACE_OUT);
}

/* ---- sinks: as they stand in this process ---- */

static void add_lanes(struct gathering *g)
{
	struct lane_view view[128];
	size_t n = g->app->dispatch != NULL ? dispatch_view(g->app->dispatch, view, 128) : 0;

	if (g->app->dispatch == NULL)
		return;
	cJSON *list = cJSON_AddArrayToObject(g->out, "sinks");
	for (size_t i = 0; i < n; i++) {
		cJSON *o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "sink", view[i].sink);
		cJSON_AddStringToObject(o, "type", view[i].type);
		cJSON_AddStringToObject(o, "state",
					view[i].locked                 ? "locked out"
					: view[i].pause_reason != NULL ? "paused"
					: view[i].talks > 0            ? "busy"
								       : "idle");
		if (view[i].pause_reason != NULL)
			cJSON_AddStringToObject(o, "reason", view[i].pause_reason);
		if (view[i].paused_until_ms > 0)
			put_time(o, "until", view[i].paused_until_ms);
		cJSON_AddNumberToObject(o, "deliveries_under_way", view[i].talks);
		put_number(o, "requests", view[i].requests);
		put_number(o, "requests_failed", view[i].failures);
		cJSON_AddItemToArray(list, o);
	}
}

/* ---- the steps ---- */

static void measured(void *cookie)
{
	struct gathering *g = cookie;

	add_sizes(g);
	add_lanes(g);
	cJSON_AddNumberToObject(g->out, "log_lines_dropped", (double)log_dropped());
	cJSON_AddNumberToObject(g->out, "log_lines_swallowed", (double)log_swallowed());
	if (g->app->desk != NULL)
		desk_add_status(g->app->desk, g->out);
	g->app->looks--;
	g->done(g->cookie, g->out);
	free(g->reports_dir);
	free(g);
}

static void on_lines(void *cookie, int rc, const struct delivery_line *line, size_t count,
		     const struct err *err)
{
	struct gathering *g = cookie;
	cJSON *list = cJSON_AddArrayToObject(g->out, "unsettled");

	(void)err;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		cJSON *d = cJSON_CreateObject();
		cJSON_AddNumberToObject(d, "id", (double)line[i].id);
		cJSON_AddStringToObject(d, "sink", line[i].sink);
		cJSON_AddStringToObject(d, "state", delivery_state_name(line[i].state));
		cJSON_AddStringToObject(d, "run", line[i].run_name);
		if (line[i].reason != NULL)
			cJSON_AddStringToObject(d, "reason", line[i].reason);
		else if (!line[i].run_ended)
			cJSON_AddStringToObject(d, "reason", "the run is still open");
		put_time(d, "since", line[i].since_ms);
		cJSON_AddItemToArray(list, d);
	}
	executor_submit(g->app->executor, measure, measured, g);
}

static void on_status(void *cookie, int rc, const struct queue_status *s, const struct err *err)
{
	struct gathering *g = cookie;

	if (rc < 0)
		cJSON_AddStringToObject(g->out, "error", err->text);
	else
		g->s = *s;
	const struct {
		const char *name;
		uint64_t n;
	} row[] = {
		{ "runs", g->s.runs },       { "open_runs", g->s.open_runs },
		{ "reports", g->s.parts },   { "reports_malformed", g->s.parts_bad },
		{ "results", g->s.results }, { "bytes", g->s.bytes },
	};
	const struct {
		const char *name;
		uint64_t n;
	} file[] = {
		{ "kept", g->s.evidence.kept },       { "awaited", g->s.evidence.awaited },
		{ "missing", g->s.evidence.missing }, { "refused", g->s.evidence.refused },
		{ "bytes", g->s.evidence.bytes },     { "owed", g->s.evidence_owed },
		{ "parked", g->s.evidence_parked },
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		put_number(g->out, row[i].name, row[i].n);
	cJSON *d = cJSON_AddObjectToObject(g->out, "deliveries");
	for (int i = 0; i <= DELIVERY_DROPPED; i++)
		put_number(d, delivery_state_name((enum delivery_state)i), g->s.deliveries[i]);
	cJSON *e = cJSON_AddObjectToObject(g->out, "evidence");
	for (size_t i = 0; i < sizeof(file) / sizeof(file[0]); i++)
		put_number(e, file[i].name, file[i].n);
	if (rc == 0 && g->s.oldest_ms != INT64_MAX)
		put_time(g->out, "oldest_waiting", g->s.oldest_ms);
	queue_lines(g->app->queue, 0, true, SHOWN_MAX, on_lines, g);
}

void status_gather(struct app *a, status_fn *done, void *cookie)
{
	struct gathering *g = xcalloc(1, sizeof(*g));

	g->app = a;
	g->done = done;
	g->cookie = cookie;
	g->reports_dir = state_path(&a->state, "reports");
	g->out = cJSON_CreateObject();
	a->looks++;
	cJSON_AddStringToObject(g->out, "version", RD_VERSION);
	cJSON_AddStringToObject(g->out, "state_dir", a->config->state_dir);
	queue_status(a->queue, on_status, g);
}

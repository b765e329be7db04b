/* SPDX-License-Identifier: Apache-2.0
 *
 * status.c - gathers: the queue's counts, each sink's, the disk's; on workers what walks folders. */
#include "daemon/desk/status.h"

#include "daemon/app.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/control/request.h"
#include "daemon/spend.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

enum { SHOWN_MAX = 20 };

struct gathering {
	struct app *app;
	struct queue_status s;
	char *reports_dir;
	uint64_t reports, report_files; /* bytes and number of kept copies */
	struct spent_view *spent;       /* of sinks with a daily quota; their names are the configuration's */
	size_t spent_count;
	cJSON *out, *needs;
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

/* ---- sinks: as they stand in this process, and what each owes ---- */

/* What a person has to do, in words; one list over everything. */
static void need(struct gathering *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void need(struct gathering *g, const char *fmt, ...)
{
	char text[1000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cJSON_AddItemToArray(g->needs, cJSON_CreateString(text));
}

static void add_traffic(cJSON *o, const struct traffic *t)
{
	cJSON *sent = cJSON_AddObjectToObject(o, "sent"), *came = cJSON_AddObjectToObject(o, "answers");

	for (int i = 0; i < SENT_KINDS; i++)
		put_number(sent, traffic_sent_name((enum traffic_sent)i), t->sent[i]);
	for (int i = 0; i < CAME_KINDS; i++)
		put_number(came, traffic_answer_name((enum traffic_answer)i), t->came[i]);
	put_number(o, "upload_bytes", t->upload_bytes);
}

static void add_lane(struct gathering *g, cJSON *o, const struct lane_view *v)
{
	cJSON_AddStringToObject(o, "state",
				v->locked                 ? "locked out"
				: v->pause_reason != NULL ? "paused"
				: v->talks > 0            ? "busy"
							  : "idle");
	if (v->pause_reason != NULL)
		cJSON_AddStringToObject(o, "reason", v->pause_reason);
	if (v->paused_until_ms > 0)
		put_time(o, "until", v->paused_until_ms);
	cJSON_AddNumberToObject(o, "deliveries_under_way", v->talks);
	put_number(o, "requests", v->requests);
	put_number(o, "requests_failed", v->failures);
	add_traffic(o, v->traffic);
	if (v->locked)
		need(g, "sink %s is locked out: %.600s", v->sink, v->pause_reason);
}

static void add_owed(cJSON *o, const struct sink_status *s)
{
	const struct {
		const char *name;
		uint64_t n;
	} row[] = {
		{ "results_owed", s->owed },         { "results_posted", s->posted },
		{ "results_parked", s->parked },     { "results_ignored", s->ignored },
		{ "files_owed", s->files_owed },     { "files_posted", s->files_posted },
		{ "files_parked", s->files_parked }, { "requests_of_deliveries", s->requests },
	};
	cJSON *d = cJSON_AddObjectToObject(o, "deliveries");

	for (int i = 0; i <= DELIVERY_DROPPED; i++)
		put_number(d, delivery_state_name((enum delivery_state)i), s->deliveries[i]);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		put_number(o, row[i].name, row[i].n);
	if (s->oldest_ms != INT64_MAX) {
		put_time(o, "oldest_waiting", s->oldest_ms);
		int64_t age = clock_wall_ms() - s->oldest_ms;
		put_number(o, "oldest_waiting_s", age > 0 ? (uint64_t)age / 1000 : 0);
	}
	if (s->due_ms != INT64_MAX && s->due_ms > clock_wall_ms())
		put_time(o, "next_due", s->due_ms);
}

static const struct sink_status *owed_by(const struct queue_status *s, const char *sink)
{
	static const struct sink_status nothing = { .oldest_ms = INT64_MAX, .due_ms = INT64_MAX };

	for (size_t i = 0; i < s->sink_count; i++)
		if (strcmp(s->sink[i].sink, sink) == 0)
			return &s->sink[i];
	return &nothing;
}

/* Deliveries and commands together. */
static void add_quota(const struct gathering *g, cJSON *o, const char *sink)
{
	for (size_t i = 0; i < g->spent_count; i++) {
		if (strcmp(g->spent[i].sink, sink) != 0)
			continue;
		put_number(o, "requests_in_24_h", g->spent[i].made);
		put_number(o, "requests_in_24_h_max", g->spent[i].most);
	}
}

static void add_sinks(struct gathering *g)
{
	const struct config *c = g->app->config;
	struct lane_view view[STATUS_SINKS];
	size_t n = g->app->dispatch != NULL ? dispatch_view(g->app->dispatch, view, STATUS_SINKS) : 0;
	cJSON *list = cJSON_AddArrayToObject(g->out, "sinks");

	for (size_t i = 0; i < c->sink_count; i++) {
		const struct lane_view *v = NULL;
		for (size_t k = 0; k < n; k++)
			v = strcmp(view[k].sink, c->sink[i].name) == 0 ? &view[k] : v;
		cJSON *o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "sink", c->sink[i].name);
		cJSON_AddStringToObject(o, "type", c->sink[i].type->name);
		if (v != NULL)
			add_lane(g, o, v);
		else
			cJSON_AddStringToObject(o, "state", c->sink[i].off ? "off" : "resting");
		add_owed(o, owed_by(&g->s, c->sink[i].name));
		add_quota(g, o, c->sink[i].name);
		cJSON_AddItemToArray(list, o);
	}
	for (size_t i = 0; i < g->s.sink_count; i++) {
		const struct sink_status *s = &g->s.sink[i];
		if (config_find_sink(c, s->sink) != NULL || s->oldest_ms == INT64_MAX)
			continue;
		cJSON *o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "sink", s->sink);
		cJSON_AddStringToObject(o, "state", "not configured");
		add_owed(o, s);
		cJSON_AddItemToArray(list, o);
		need(g, "sink %s is no longer configured, and runs wait for it: \"resultd queue list\"",
		     s->sink);
	}
}

static void add_needs(struct gathering *g)
{
	uint64_t parked = g->s.deliveries[DELIVERY_PARKED];
	struct space_view v;
	struct ceiling_view c;

	if (parked > 0)
		need(g, "%llu deliveries are parked: \"resultd queue list\"", (unsigned long long)parked);
	space_view(g->app->space, &v);
	ceiling_view(g->app->ceiling, &c);
	if (v.level != SPACE_FINE)
		need(g, "the disk is almost full (keep.low_water): nothing new is taken in%s",
		     v.level == SPACE_OUT ? ", nothing is sent" : "");
	if (c.level == CEILING_FULL)
		need(g, "the state directory is full (keep.max_size): nothing new is taken in");
}

/* ---- the steps ---- */

static void measured(void *cookie)
{
	struct gathering *g = cookie;

	add_sizes(g);
	add_needs(g);
	add_sinks(g);
	cJSON_AddNumberToObject(g->out, "log_lines_dropped", (double)log_dropped());
	cJSON_AddNumberToObject(g->out, "log_lines_swallowed", (double)log_swallowed());
	if (g->app->desk != NULL)
		desk_add_status(g->app->desk, g->out);
	g->app->looks--;
	g->done(g->cookie, g->out);
	free(g->reports_dir);
	free(g->spent);
	free(g);
}

static void on_spent(void *cookie, const struct spent_view *view, size_t count)
{
	struct gathering *g = cookie;

	g->spent = xcalloc(count + 1, sizeof(*g->spent));
	g->spent_count = count;
	for (size_t i = 0; i < count; i++)
		g->spent[i] = view[i];
	executor_submit(g->app->executor, measure, measured, g);
}

static bool stuck(const struct delivery_line *l)
{
	return l->reason != NULL && (l->state == DELIVERY_WAITING || l->state == DELIVERY_UNKNOWN);
}

/* A daemon tries again by itself, and knows which login was refused.  Where there is none somebody has to. */
static void add_stuck(struct gathering *g, const struct delivery_line *line, size_t count)
{
	for (size_t i = 0; i < count && g->app->dispatch == NULL; i++) {
		size_t k = 0;
		while (k < i && !(stuck(&line[k]) && strcmp(line[k].sink, line[i].sink) == 0))
			k++;
		if (k == i && stuck(&line[i]) && config_find_sink(g->app->config, line[i].sink) != NULL)
			need(g, "runs wait for sink %s, and nobody sends them (\"resultd deliver\"): %.600s",
			     line[i].sink, line[i].reason);
	}
}

static void on_lines(void *cookie, int rc, const struct delivery_line *line, size_t count,
		     const struct err *err)
{
	struct gathering *g = cookie;
	cJSON *list = cJSON_AddArrayToObject(g->out, "unsettled");

	(void)err;
	add_stuck(g, line, rc == 0 ? count : 0);
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
		if (line[i].state == DELIVERY_WAITING && line[i].due_ms > clock_wall_ms())
			put_time(d, "until", line[i].due_ms);
		cJSON_AddItemToArray(list, d);
	}
	spend_look(g->app, on_spent, g);
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

static void add_build(cJSON *out)
{
	cJSON *o = cJSON_AddObjectToObject(out, "build");

	cJSON_AddStringToObject(o, "version", RD_VERSION);
	cJSON_AddStringToObject(o, "compiler", __VERSION__);
	cJSON_AddStringToObject(o, "libuv", uv_version_string());
	cJSON_AddNumberToObject(o, "protocol", CONTROL_PROTOCOL);
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
	add_build(g->out);
	g->needs = cJSON_AddArrayToObject(g->out, "needs");
	cJSON_AddStringToObject(g->out, "state_dir", a->config->state_dir);
	queue_status(a->queue, on_status, g);
}

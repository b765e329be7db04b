/* SPDX-License-Identifier: Apache-2.0
 *
 * status.c - one screen: what the state directory holds, what waits, what needs a person. */
#include "daemon/app.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/cli/cli.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SHOWN_MAX = 20 };

struct status {
	struct app app;
	bool json;
	struct queue_status s;
	struct space_view space;
	uint64_t reports, report_files; /* bytes and number of kept copies */
	cJSON *waiting;                 /* deliveries that are not settled, newest first */
};

/* Kept reports lie in folders of two digits. */
static void measure_reports(struct status *v)
{
	char *root = state_path(&v->app.state, "reports");

	for (unsigned i = 0; i < 256; i++) {
		char name[8];
		snprintf(name, sizeof(name), "/%02x", i);
		char *path = xasprintf("%s%s", root, name);
		DIR *dir = opendir(path);
		free(path);
		if (dir == NULL)
			continue;
		for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
			struct stat st;
			if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			    !S_ISREG(st.st_mode))
				continue;
			v->reports += (uint64_t)st.st_size;
			v->report_files++;
		}
		closedir(dir);
	}
	free(root);
}

static void add_sizes(cJSON *o, const struct status *v)
{
	cJSON *sizes = cJSON_AddObjectToObject(o, "sizes");
	cJSON_AddNumberToObject(sizes, "queue", (double)v->s.bytes);
	cJSON_AddNumberToObject(sizes, "reports", (double)v->reports);
	cJSON_AddNumberToObject(sizes, "report_files", (double)v->report_files);
	cJSON_AddNumberToObject(sizes, "ballast", (double)v->space.ballast_bytes);
	cJSON *disk = cJSON_AddObjectToObject(o, "disk");
	cJSON_AddStringToObject(disk, "state", space_level_name(v->space.level));
	cJSON_AddNumberToObject(disk, "free", (double)v->space.free_bytes);
	cJSON_AddNumberToObject(disk, "low_water", (double)v->space.low_water);
	cJSON_AddBoolToObject(disk, "intake_paused", v->space.level != SPACE_FINE);
	cJSON_AddBoolToObject(disk, "sending_paused", v->space.level == SPACE_OUT);
}

static double mib(uint64_t bytes)
{
	return (double)bytes / 1048576;
}

static void print_sizes(const struct status *v)
{
	static const char *const say[] = {
		"",
		"; less than keep.low_water: nothing new is taken in",
		"; less than a quarter of keep.low_water: nothing is taken in, nothing is sent",
	};

	printf("  disk:      queue %.1f MiB, %" PRIu64
	       " reports %.1f MiB, ballast %.0f MiB; %.0f MiB free%s\n",
	       mib(v->s.bytes), v->report_files, mib(v->reports), mib((uint64_t)v->space.ballast_bytes),
	       mib((uint64_t)v->space.free_bytes), say[v->space.level]);
}

static void print_json(const struct status *v)
{
	const struct queue_status *s = &v->s;
	cJSON *o = cJSON_CreateObject();
	char iso[CLOCK_ISO_SIZE];
	const struct {
		const char *name;
		uint64_t n;
	} row[] = {
		{ "runs", s->runs },       { "open_runs", s->open_runs },
		{ "reports", s->parts },   { "reports_malformed", s->parts_bad },
		{ "results", s->results }, { "bytes", s->bytes },
	};
	const struct {
		const char *name;
		uint64_t n;
	} file[] = {
		{ "kept", s->evidence.kept },       { "awaited", s->evidence.awaited },
		{ "missing", s->evidence.missing }, { "refused", s->evidence.refused },
		{ "bytes", s->evidence.bytes },     { "owed", s->evidence_owed },
		{ "parked", s->evidence_parked },
	};

	cJSON_AddStringToObject(o, "version", RD_VERSION);
	cJSON_AddStringToObject(o, "state_dir", v->app.config->state_dir);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		cJSON_AddNumberToObject(o, row[i].name, (double)row[i].n);
	cJSON *d = cJSON_AddObjectToObject(o, "deliveries");
	for (int i = 0; i <= DELIVERY_DROPPED; i++)
		cJSON_AddNumberToObject(d, delivery_state_name((enum delivery_state)i),
					(double)s->deliveries[i]);
	cJSON *e = cJSON_AddObjectToObject(o, "evidence");
	for (size_t i = 0; i < sizeof(file) / sizeof(file[0]); i++)
		cJSON_AddNumberToObject(e, file[i].name, (double)file[i].n);
	add_sizes(o, v);
	if (s->oldest_ms != INT64_MAX)
		cJSON_AddStringToObject(o, "oldest_waiting", clock_iso(s->oldest_ms, iso));
	cJSON_AddItemReferenceToObject(o, "unsettled", v->waiting);
	char *text = cJSON_PrintUnformatted(o);
	puts(text != NULL ? text : "{}");
	free(text);
	cJSON_Delete(o);
}

static void print_text(const struct status *v)
{
	const struct queue_status *s = &v->s;
	uint64_t waits = s->deliveries[DELIVERY_WAITING] + s->deliveries[DELIVERY_SENDING] +
			 s->deliveries[DELIVERY_UNKNOWN];
	char iso[CLOCK_ISO_SIZE];

	printf("resultd " RD_VERSION ", state in %s (%.1f MiB queue)\n", v->app.config->state_dir,
	       (double)s->bytes / 1048576);
	printf("  held:      %" PRIu64 " runs (%" PRIu64 " open), %" PRIu64 " reports, %" PRIu64 " results\n",
	       s->runs, s->open_runs, s->parts, s->results);
	printf("  delivered: %" PRIu64 "\n", s->deliveries[DELIVERY_DELIVERED]);
	printf("  waiting:   %" PRIu64, waits);
	if (s->oldest_ms != INT64_MAX && waits > 0)
		printf(", the oldest since %s", clock_iso(s->oldest_ms, iso));
	printf("\n  parked:    %" PRIu64 "%s\n", s->deliveries[DELIVERY_PARKED],
	       s->deliveries[DELIVERY_PARKED] > 0 ? "  (needs you: \"resultd queue list\")" : "");
	printf("  malformed: %" PRIu64 " reports\n", s->parts_bad);
	const struct evidence_counts *e = &s->evidence;
	if (e->kept + e->awaited + e->missing + e->refused > 0)
		printf("  files:     %" PRIu64 " kept (%.1f MiB), %" PRIu64 " to go, %" PRIu64
		       " parked, %" PRIu64 " awaited, %" PRIu64 " missing, %" PRIu64 " refused\n",
		       e->kept, (double)e->bytes / 1048576, s->evidence_owed, s->evidence_parked, e->awaited,
		       e->missing, e->refused);
	print_sizes(v);
	const cJSON *d;
	cJSON_ArrayForEach(d, v->waiting)
	{
		const cJSON *reason = cJSON_GetObjectItem(d, "reason");
		printf("  %s: %s \"%s\"%s%s\n", cJSON_GetObjectItem(d, "sink")->valuestring,
		       cJSON_GetObjectItem(d, "state")->valuestring,
		       cJSON_GetObjectItem(d, "run")->valuestring, reason != NULL ? ": " : "",
		       reason != NULL ? reason->valuestring : "");
	}
}

static void on_lines(void *cookie, int rc, const struct delivery_line *line, size_t count,
		     const struct err *err)
{
	struct status *v = cookie;

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
		cJSON_AddItemToArray(v->waiting, d);
	}
	if (v->json)
		print_json(v);
	else
		print_text(v);
	app_quit(&v->app, EXIT_OK);
}

static void on_status(void *cookie, int rc, const struct queue_status *s, const struct err *err)
{
	struct status *v = cookie;

	if (rc < 0) {
		fprintf(stderr, "resultd status: %s\n", err->text);
		app_quit(&v->app, EXIT_INTERNAL);
		return;
	}
	v->s = *s;
	measure_reports(v);
	space_view(v->app.space, &v->space);
	queue_lines(v->app.queue, 0, true, SHOWN_MAX, on_lines, v);
}

int cmd_status(struct cli *cli, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "timeout", required_argument, NULL, 't' },
		{ 0 },
	};
	struct status v = { 0 };
	int64_t timeout_ms = 5000;
	struct err err = ERR_NONE;
	int c, rc = EXIT_OK;

	opterr = 0;
	optind = 1;
	while (rc == EXIT_OK && (c = getopt_long(argc, argv, ":", longopts, NULL)) != -1) {
		if (c == 'j')
			v.json = true;
		else if (c == 't')
			rc = cli_duration("status", "--timeout", optarg, &timeout_ms);
		else
			rc = cli_usage("status", "unknown option, or one without its value: \"%s\"",
				       argv[optind - 1]);
	}
	if (rc == EXIT_OK && optind < argc)
		rc = cli_usage("status", "takes no \"%s\"", argv[optind]);
	if (rc == EXIT_OK)
		rc = cli_load(cli);
	if (rc != EXIT_OK)
		return rc;
	const struct app_options ao = { .command = "status", .wait_ms = timeout_ms };
	rc = app_open(&v.app, cli->config, &ao, &err);
	if (rc < 0) {
		fprintf(stderr, "resultd: %s\n", err.text);
		return rc == -EAGAIN ? EXIT_UNDELIVERED : EXIT_INTERNAL;
	}
	v.waiting = cJSON_CreateArray();
	queue_status(v.app.queue, on_status, &v);
	int code = app_loop(&v.app);
	app_close(&v.app, 0);
	cJSON_Delete(v.waiting);
	return code;
}

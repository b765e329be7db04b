/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.c - what is waiting, why, since when, when it is tried next; the verbs and their options. */
#include "daemon/cli/queue.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINES_MAX = 10000, TESTS_MAX = 1000 };

void queue_say_ago(char *text, size_t size, int64_t ms)
{
	if (ms == INT64_MAX || ms == INT64_MIN)
		snprintf(text, size, "-");
	else if (ms < 0)
		snprintf(text, size, "now");
	else if (ms < 120 * 1000)
		snprintf(text, size, "%" PRId64 "s", ms / 1000);
	else if (ms < 2 * 3600 * 1000)
		snprintf(text, size, "%" PRId64 "m", ms / 60000);
	else if (ms < (int64_t)48 * 3600 * 1000)
		snprintf(text, size, "%" PRId64 "h", ms / 3600000);
	else
		snprintf(text, size, "%" PRId64 "d", ms / 86400000);
}

static const char *text(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItem(o, name);

	return cJSON_IsString(v) ? v->valuestring : "";
}

static int64_t number(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItem(o, name);

	return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : 0;
}

void queue_put_clean(const char *s, size_t max)
{
	for (size_t n = 0; *s != '\0' && n < max; s++, n++)
		putchar((unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
}

static void print(struct queue_view *v)
{
	const cJSON *d, *p;
	size_t shown = 0;

	if (v->json) {
		char *out = cJSON_PrintUnformatted(v->deliveries);
		puts(out != NULL ? out : "[]");
		free(out);
		return;
	}
	cJSON_ArrayForEach(d, v->deliveries)
	{
		if (shown++ == 0)
			printf("%-6s %-12s %-9s %-6s %-6s %-22s %s\n", "ID", "SINK", "STATE", "SINCE", "NEXT",
			       "TESTS", "RUN");
		char tests[64];
		snprintf(tests, sizeof(tests), "%" PRId64 " posted %" PRId64 " parked", number(d, "posted"),
			 number(d, "parked"));
		int64_t files =
			number(d, "evidence") + number(d, "evidence_owed") + number(d, "evidence_parked");
		printf("%-6" PRId64 " %-12s %-9s %-6s %-6s %-22s ", number(d, "id"), text(d, "sink"),
		       text(d, "state"), text(d, "since_ago"), text(d, "next_in"), tests);
		queue_put_clean(text(d, "run"), 120);
		putchar('\n');
		if (files > 0)
			printf("       files: %" PRId64 " sent, %" PRId64 " to go, %" PRId64 " parked\n",
			       number(d, "evidence"), number(d, "evidence_owed"),
			       number(d, "evidence_parked"));
		if (text(d, "reason")[0] != '\0') {
			printf("       why: ");
			queue_put_clean(text(d, "reason"), 600);
			putchar('\n');
		}
		cJSON_ArrayForEach(p, cJSON_GetObjectItem(d, "parked_tests"))
		{
			printf("       parked: ");
			queue_put_clean(text(p, "name"), 200);
			printf(": ");
			queue_put_clean(text(p, "reason"), 400);
			putchar('\n');
		}
		cJSON_ArrayForEach(p, cJSON_GetObjectItem(d, "parked_files"))
		{
			printf("       parked file: ");
			queue_put_clean(text(p, "name"), 200);
			printf(": ");
			queue_put_clean(text(p, "reason"), 400);
			putchar('\n');
		}
	}
	if (shown == 0)
		printf("Nothing waits.\n");
}

static void next_parked(struct queue_view *v);

static void on_parked(void *cookie, int rc, const struct parked_line *line, size_t count,
		      const struct err *err)
{
	struct queue_view *v = cookie;
	cJSON *d = cJSON_GetArrayItem(v->deliveries, (int)v->at++);
	cJSON *list = cJSON_AddArrayToObject(d, "parked_tests");
	cJSON *files = cJSON_AddArrayToObject(d, "parked_files");

	(void)err;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		cJSON *p = cJSON_CreateObject();
		cJSON_AddStringToObject(p, "name", line[i].name != NULL ? line[i].name : "");
		cJSON_AddStringToObject(p, "reason", line[i].reason != NULL ? line[i].reason : "");
		cJSON_AddNumberToObject(p, "count", (double)line[i].count);
		cJSON_AddItemToArray(line[i].file ? files : list, p);
	}
	next_parked(v);
}

static void next_parked(struct queue_view *v)
{
	const cJSON *d;

	while ((d = cJSON_GetArrayItem(v->deliveries, (int)v->at)) != NULL) {
		if (number(d, "parked") > 0 || number(d, "evidence_parked") > 0) {
			queue_parked(v->app.queue, number(d, "id"), TESTS_MAX, on_parked, v);
			return;
		}
		v->at++;
	}
	print(v);
	app_quit(&v->app, EXIT_OK);
}

static void on_lines(void *cookie, int rc, const struct delivery_line *line, size_t count,
		     const struct err *err)
{
	struct queue_view *v = cookie;
	int64_t now = clock_wall_ms();

	if (rc < 0) {
		fprintf(stderr, "resultd queue: %s\n", err->text);
		app_quit(&v->app, EXIT_INTERNAL);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const struct delivery_line *l = &line[i];
		cJSON *d = cJSON_CreateObject();
		char ago[32], iso[CLOCK_ISO_SIZE];
		cJSON_AddNumberToObject(d, "id", (double)l->id);
		cJSON_AddStringToObject(d, "sink", l->sink);
		cJSON_AddStringToObject(d, "run", l->run_name);
		cJSON_AddStringToObject(d, "key", l->run_key);
		cJSON_AddStringToObject(d, "state", delivery_state_name(l->state));
		if (l->step != NULL)
			cJSON_AddStringToObject(d, "step", l->step);
		if (l->reason != NULL)
			cJSON_AddStringToObject(d, "reason", l->reason);
		else if (!l->run_ended)
			cJSON_AddStringToObject(d, "reason", "the run is still open");
		cJSON_AddStringToObject(d, "since", clock_iso(l->since_ms, iso));
		queue_say_ago(ago, sizeof(ago), now - l->since_ms);
		cJSON_AddStringToObject(d, "since_ago", ago);
		if (l->due_ms != INT64_MAX && l->state != DELIVERY_PARKED && l->state != DELIVERY_DELIVERED &&
		    l->state != DELIVERY_DROPPED) {
			cJSON_AddStringToObject(d, "next", clock_iso(l->due_ms, iso));
			queue_say_ago(ago, sizeof(ago), l->due_ms - now);
			cJSON_AddStringToObject(d, "next_in", ago);
		} else {
			cJSON_AddStringToObject(d, "next_in", "-");
		}
		if (l->remote_id != NULL)
			cJSON_AddStringToObject(d, "remote_id", l->remote_id);
		if (l->url != NULL)
			cJSON_AddStringToObject(d, "url", l->url);
		const struct {
			const char *name;
			uint64_t n;
		} row[] = {
			{ "tests", l->tests },
			{ "posted", l->posted },
			{ "parked", l->parked },
			{ "ignored", l->ignored },
			{ "owed", l->owed },
			{ "requests", l->requests },
			{ "attempt", l->attempt },
			{ "evidence", l->evidence_posted },
			{ "evidence_owed", l->evidence_owed },
			{ "evidence_parked", l->evidence_parked },
			{ "evidence_ignored", l->evidence_ignored },
		};
		for (size_t k = 0; k < sizeof(row) / sizeof(row[0]); k++)
			cJSON_AddNumberToObject(d, row[k].name, (double)row[k].n);
		cJSON_AddItemToArray(v->deliveries, d);
	}
	next_parked(v);
}

void queue_verb_list(struct queue_view *v)
{
	v->deliveries = cJSON_CreateArray();
	queue_lines(v->app.queue, 0, !v->all, LINES_MAX, on_lines, v);
}

void queue_failed(struct queue_view *v, int rc, const struct err *err)
{
	fprintf(stderr, "resultd queue: %s\n", err->text);
	app_quit(&v->app, rc == -ENOENT || rc == -EINVAL ? EXIT_USAGE : EXIT_INTERNAL);
}

/* ---- verbs ---- */

enum { ALL = 1, JSON = 2, YES = 4, REASON = 8, MOVE = 16, FORCE = 32 }; /* options that a verb knows */

static const struct verb {
	const char *name;
	void (*begin)(struct queue_view *v);
	unsigned options;
	bool file, ids, ids_needed;
} verbs[] = {
	{ "list", queue_verb_list, ALL | JSON, false, false, false },
	{ "show", queue_verb_show, JSON, false, true, true },
	{ "retry", queue_verb_retry, REASON | JSON, false, true, false },
	{ "drop", queue_verb_drop, YES, false, true, true },
	{ "export", queue_verb_export, MOVE | FORCE | YES, true, true, false },
	{ "import", queue_verb_import, 0, true, false, false },
	{ 0 },
};

struct given {
	unsigned options;
	const char *last;
	int64_t timeout_ms;
};

static int read_options(struct queue_view *v, int argc, char **argv, struct given *g)
{
	static const struct option longopts[] = {
		{ "all", no_argument, NULL, ALL },           { "json", no_argument, NULL, JSON },
		{ "yes", no_argument, NULL, YES },           { "reason", required_argument, NULL, REASON },
		{ "move", no_argument, NULL, MOVE },         { "force", no_argument, NULL, FORCE },
		{ "timeout", required_argument, NULL, 't' }, { 0 },
	};
	int c, rc = EXIT_OK;

	opterr = 0;
	optind = 1;
	while (rc == EXIT_OK && (c = getopt_long(argc, argv, ":", longopts, NULL)) != -1) {
		if (c == 't') {
			rc = cli_duration("queue", "--timeout", optarg, &g->timeout_ms);
			continue;
		}
		if (c == ':' || c == '?') {
			rc = cli_usage("queue", "unknown option, or one without its value: \"%s\"",
				       argv[optind - 1]);
			continue;
		}
		g->options |= (unsigned)c;
		if (c == REASON)
			v->reason = optarg;
	}
	v->all = (g->options & ALL) != 0;
	v->json = (g->options & JSON) != 0;
	v->yes = (g->options & YES) != 0;
	v->move = (g->options & MOVE) != 0;
	v->force = (g->options & FORCE) != 0;
	return rc;
}

static int read_ids(struct queue_view *v, int argc, char **argv)
{
	v->id = xcalloc((size_t)(argc - optind) + 1, sizeof(*v->id));
	for (; optind < argc; optind++) {
		char *end = NULL;
		int64_t id = strtoll(argv[optind], &end, 10);
		if (*end != '\0' || id <= 0)
			return cli_usage("queue", "\"%s\" is not the id of a delivery", argv[optind]);
		v->id[v->count++] = id;
	}
	return EXIT_OK;
}

static int read_verb(struct queue_view *v, int argc, char **argv, const struct given *g,
		     const struct verb **out)
{
	const char *name = optind < argc ? argv[optind++] : "list";
	const struct verb *verb = verbs;

	while (verb->name != NULL && strcmp(verb->name, name) != 0)
		verb++;
	if (verb->name == NULL)
		return cli_usage("queue", "what is \"%s\"?", name);
	if ((g->options & ~verb->options) != 0)
		return cli_usage("queue", "\"%s\" has no such option", name);
	if (verb->file) {
		if (optind == argc)
			return cli_usage("queue", "%s: which file?", name);
		v->file = argv[optind++];
	}
	if (!verb->ids && optind < argc)
		return cli_usage("queue", "what is \"%s\"?", argv[optind]);
	*out = verb;
	int rc = read_ids(v, argc, argv);
	if (rc == EXIT_OK && verb->ids_needed && v->count == 0)
		rc = cli_usage("queue", "%s: which delivery? \"resultd queue list\" has their ids", name);
	/* Asked before anything is opened: a script must not hang on a question that nobody reads. */
	bool asks = verb->begin == queue_verb_drop || v->move;
	if (rc == EXIT_OK && asks && !v->yes && (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)))
		rc = cli_usage("queue", "%s gives deliveries up here; without a terminal to ask on say --yes",
			       verb->begin == queue_verb_drop ? "drop" : "--move");
	return rc;
}

int cmd_queue(struct cli *cli, int argc, char **argv)
{
	struct queue_view v = { 0 };
	struct given given = { .timeout_ms = 5000 };
	const struct verb *verb = NULL;
	struct err err = ERR_NONE;
	int code = read_options(&v, argc, argv, &given);

	if (code == EXIT_OK)
		code = read_verb(&v, argc, argv, &given, &verb);
	if (code == EXIT_OK)
		code = cli_load(cli);
	if (code != EXIT_OK || verb == NULL)
		goto out;
	cli_quiet(cli);
	const struct app_options ao = { .command = "queue", .wait_ms = given.timeout_ms };
	int rc = app_open(&v.app, cli->config, &ao, &err);
	if (rc < 0) {
		fprintf(stderr, "resultd: %s\n", err.text);
		code = rc == -EAGAIN ? EXIT_UNDELIVERED : EXIT_INTERNAL;
		goto out;
	}
	verb->begin(&v);
	code = app_loop(&v.app);
	app_close(&v.app, 0);
out:
	cJSON_Delete(v.deliveries);
	free(v.id);
	return code;
}

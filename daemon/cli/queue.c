/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.c - what is waiting, why, since when, when it is tried next; and `retry`. */
#include "daemon/app.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/cli/cli.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 10000, TESTS_MAX = 1000 };

struct view {
	struct app app;
	bool all, json;
	cJSON *deliveries;
	size_t at;
	int64_t *retry;
	size_t retry_count;
	int code;
};

static void say_ago(char *text, size_t size, int64_t ms)
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

static void put_clean(const char *s, size_t max)
{
	for (size_t n = 0; *s != '\0' && n < max; s++, n++)
		putchar((unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
}

static void print(struct view *v)
{
	const cJSON *d, *p;
	size_t shown = 0;

	if (v->json) {
		char *out = cJSON_PrintUnformatted(v->deliveries);
		puts(out != NULL ? out : "[]");
		free(out);
		return;
	}
	cJSON_ArrayForEach(d, v->deliveries) {
		if (shown++ == 0)
			printf("%-6s %-12s %-9s %-6s %-6s %-22s %s\n", "ID", "SINK", "STATE", "SINCE", "NEXT", "TESTS", "RUN");
		char tests[64];
		snprintf(tests, sizeof(tests), "%" PRId64 " posted %" PRId64 " parked", number(d, "posted"), number(d, "parked"));
		printf("%-6" PRId64 " %-12s %-9s %-6s %-6s %-22s ", number(d, "id"), text(d, "sink"), text(d, "state"),
		       text(d, "since_ago"), text(d, "next_in"), tests);
		put_clean(text(d, "run"), 120);
		putchar('\n');
		if (text(d, "reason")[0] != '\0') {
			printf("       why: ");
			put_clean(text(d, "reason"), 600);
			putchar('\n');
		}
		cJSON_ArrayForEach(p, cJSON_GetObjectItem(d, "parked_tests")) {
			printf("       parked: ");
			put_clean(text(p, "name"), 200);
			printf(": ");
			put_clean(text(p, "reason"), 400);
			putchar('\n');
		}
	}
	if (shown == 0)
		printf("Nothing waits.\n");
}

static void next_parked(struct view *v);

static void on_parked(void *cookie, int rc, const struct parked_line *line, size_t count, const struct err *err)
{
	struct view *v = cookie;
	cJSON *d = cJSON_GetArrayItem(v->deliveries, (int)v->at++);
	cJSON *list = cJSON_AddArrayToObject(d, "parked_tests");

	(void)err;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		cJSON *p = cJSON_CreateObject();
		cJSON_AddStringToObject(p, "name", line[i].name != NULL ? line[i].name : "");
		cJSON_AddStringToObject(p, "reason", line[i].reason != NULL ? line[i].reason : "");
		cJSON_AddNumberToObject(p, "count", (double)line[i].count);
		cJSON_AddItemToArray(list, p);
	}
	next_parked(v);
}

static void next_parked(struct view *v)
{
	const cJSON *d;

	while ((d = cJSON_GetArrayItem(v->deliveries, (int)v->at)) != NULL) {
		if (number(d, "parked") > 0) {
			queue_parked(v->app.queue, number(d, "id"), TESTS_MAX, on_parked, v);
			return;
		}
		v->at++;
	}
	print(v);
	app_quit(&v->app, EXIT_OK);
}

static void on_lines(void *cookie, int rc, const struct delivery_line *line, size_t count, const struct err *err)
{
	struct view *v = cookie;
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
		say_ago(ago, sizeof(ago), now - l->since_ms);
		cJSON_AddStringToObject(d, "since_ago", ago);
		if (l->due_ms != INT64_MAX && l->state != DELIVERY_PARKED && l->state != DELIVERY_DELIVERED) {
			cJSON_AddStringToObject(d, "next", clock_iso(l->due_ms, iso));
			say_ago(ago, sizeof(ago), l->due_ms - now);
			cJSON_AddStringToObject(d, "next_in", ago);
		} else {
			cJSON_AddStringToObject(d, "next_in", "-");
		}
		if (l->remote_id != NULL)
			cJSON_AddStringToObject(d, "remote_id", l->remote_id);
		if (l->url != NULL)
			cJSON_AddStringToObject(d, "url", l->url);
		const struct { const char *name; uint64_t n; } row[] = {
			{ "tests", l->tests }, { "posted", l->posted }, { "parked", l->parked },
			{ "ignored", l->ignored }, { "owed", l->owed }, { "requests", l->requests }, { "attempt", l->attempt },
		};
		for (size_t k = 0; k < sizeof(row) / sizeof(row[0]); k++)
			cJSON_AddNumberToObject(d, row[k].name, (double)row[k].n);
		cJSON_AddItemToArray(v->deliveries, d);
	}
	next_parked(v);
}

static void on_retried(void *cookie, int rc, const struct err *err)
{
	struct view *v = cookie;

	if (rc < 0)
		fprintf(stderr, "resultd queue: %s\n", err->text);
	else
		printf("Due again; \"resultd deliver\" or the daemon sends it.\n");
	app_quit(&v->app, rc < 0 ? EXIT_INTERNAL : EXIT_OK);
}

static int read_options(struct view *v, int argc, char **argv, int64_t *timeout_ms)
{
	static const struct option longopts[] = {
		{ "all", no_argument, NULL, 'a' }, { "json", no_argument, NULL, 'j' },
		{ "timeout", required_argument, NULL, 't' }, { 0 },
	};
	int c, rc = EXIT_OK;

	opterr = 0;
	optind = 1;
	while (rc == EXIT_OK && (c = getopt_long(argc, argv, ":", longopts, NULL)) != -1) {
		if (c == 'a')
			v->all = true;
		else if (c == 'j')
			v->json = true;
		else if (c == 't')
			rc = cli_duration("queue", "--timeout", optarg, timeout_ms);
		else
			rc = cli_usage("queue", "unknown option, or one without its value: \"%s\"", argv[optind - 1]);
	}
	return rc;
}

int cmd_queue(struct cli *cli, int argc, char **argv)
{
	struct view v = { 0 };
	int64_t timeout_ms = 5000;
	struct err err = ERR_NONE;
	int rc = read_options(&v, argc, argv, &timeout_ms);

	if (rc != EXIT_OK)
		return rc;
	const char *verb = optind < argc ? argv[optind++] : "list";
	bool retry = strcmp(verb, "retry") == 0;
	if (!retry && (strcmp(verb, "list") != 0 || optind < argc))
		return cli_usage("queue", "what is \"%s\"?", optind < argc ? argv[optind] : verb);
	v.retry = xcalloc((size_t)(argc - optind) + 1, sizeof(*v.retry));
	for (; optind < argc; optind++) {
		char *end = NULL;
		v.retry[v.retry_count] = strtoll(argv[optind], &end, 10);
		if (*end != '\0' || v.retry[v.retry_count++] <= 0) {
			free(v.retry);
			return cli_usage("queue", "\"%s\" is not the id of a delivery", argv[optind]);
		}
	}
	rc = cli_load(cli);
	if (rc != EXIT_OK) {
		free(v.retry);
		return rc;
	}
	const struct app_options ao = { .command = "queue", .wait_ms = timeout_ms };
	rc = app_open(&v.app, cli->config, &ao, &err);
	if (rc < 0) {
		fprintf(stderr, "resultd: %s\n", err.text);
		free(v.retry);
		return rc == -EAGAIN ? EXIT_UNDELIVERED : EXIT_INTERNAL;
	}
	v.deliveries = cJSON_CreateArray();
	if (retry)
		queue_retry(v.app.queue, v.retry, v.retry_count, clock_wall_ms(), on_retried, &v);
	else
		queue_lines(v.app.queue, 0, !v.all, LINES_MAX, on_lines, &v);
	int code = app_loop(&v.app);
	app_close(&v.app, 0);
	cJSON_Delete(v.deliveries);
	free(v.retry);
	return code;
}

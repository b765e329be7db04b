/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.c - what is waiting, why, since when, when it is tried next; the verbs and their options. */
#include "daemon/cli/queue.h"

#include "daemon/base/clock.h"
#include "daemon/base/file.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "daemon/cli/outcome.h"
#include "daemon/cli/reach.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
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

void queue_put_clean(FILE *out, const char *s, size_t max)
{
	for (size_t n = 0; *s != '\0' && n < max; s++, n++)
		fputc((unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s, out);
}

static void print_parked(FILE *out, const cJSON *list, const char *what)
{
	const cJSON *p;

	cJSON_ArrayForEach(p, list)
	{
		fprintf(out, "       %s: ", what);
		queue_put_clean(out, text(p, "name"), 200);
		fprintf(out, ": ");
		queue_put_clean(out, text(p, "reason"), 400);
		fputc('\n', out);
	}
}

static void print(struct queue_view *v)
{
	const cJSON *d;
	size_t shown = 0;
	FILE *out = v->out;

	if (v->json) {
		char *all = utf8_mended(cJSON_PrintUnformatted(v->deliveries));
		fprintf(out, "%s\n", all != NULL ? all : "[]");
		free(all);
		return;
	}
	cJSON_ArrayForEach(d, v->deliveries)
	{
		if (shown++ == 0)
			fprintf(out, "%-6s %-12s %-9s %-6s %-6s %-22s %s\n", "ID", "SINK", "STATE", "SINCE",
				"NEXT", "TESTS", "RUN");
		char tests[64];
		snprintf(tests, sizeof(tests), "%" PRId64 " posted %" PRId64 " parked", number(d, "posted"),
			 number(d, "parked"));
		int64_t files =
			number(d, "evidence") + number(d, "evidence_owed") + number(d, "evidence_parked");
		fprintf(out, "%-6" PRId64 " %-12s %-9s %-6s %-6s %-22s ", number(d, "id"), text(d, "sink"),
			text(d, "state"), text(d, "since_ago"), text(d, "next_in"), tests);
		queue_put_clean(out, text(d, "run"), 120);
		fputc('\n', out);
		if (files > 0)
			fprintf(out,
				"       files: %" PRId64 " sent, %" PRId64 " to go, %" PRId64 " parked\n",
				number(d, "evidence"), number(d, "evidence_owed"),
				number(d, "evidence_parked"));
		if (text(d, "reason")[0] != '\0') {
			fprintf(out, "       why: ");
			queue_put_clean(out, text(d, "reason"), 600);
			fputc('\n', out);
		}
		print_parked(out, cJSON_GetObjectItem(d, "parked_tests"), "parked");
		print_parked(out, cJSON_GetObjectItem(d, "parked_files"), "parked file");
	}
	if (shown == 0)
		fprintf(out, "Nothing waits.\n");
}

void queue_add_counts(cJSON *o, const struct delivery_line *l)
{
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

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		cJSON_AddNumberToObject(o, row[i].name, (double)row[i].n);
}

static void next_parked(struct queue_view *v);

static void on_parked(void *cookie, int rc, const struct parked_line *line, size_t count,
		      const struct err *err)
{
	struct queue_view *v = cookie;

	(void)err;
	outcome_add_parked(cJSON_GetArrayItem(v->deliveries, (int)v->at++), line, rc == 0 ? count : 0);
	next_parked(v);
}

static void next_parked(struct queue_view *v)
{
	const cJSON *d;

	while ((d = cJSON_GetArrayItem(v->deliveries, (int)v->at)) != NULL) {
		if (number(d, "parked") > 0 || number(d, "evidence_parked") > 0) {
			queue_parked(v->app->queue, number(d, "id"), TESTS_MAX, on_parked, v);
			return;
		}
		v->at++;
	}
	print(v);
	v->quit(v, EXIT_OK);
}

static void on_lines(void *cookie, int rc, const struct delivery_line *line, size_t count,
		     const struct err *err)
{
	struct queue_view *v = cookie;
	int64_t now = clock_wall_ms();

	if (rc < 0) {
		fprintf(v->err, "resultd queue: %s\n", err->text);
		v->quit(v, EXIT_INTERNAL);
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
		queue_add_counts(d, l);
		cJSON_AddItemToArray(v->deliveries, d);
	}
	next_parked(v);
}

void queue_verb_list(struct queue_view *v)
{
	v->deliveries = cJSON_CreateArray();
	queue_lines(v->app->queue, 0, !v->all, LINES_MAX, on_lines, v);
}

void queue_failed(struct queue_view *v, int rc, const struct err *err)
{
	fprintf(v->err, "resultd queue: %s\n", err->text);
	v->quit(v, rc == -ENOENT || rc == -EINVAL ? EXIT_USAGE : EXIT_INTERNAL);
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
				       cli_stumbled(argc, argv));
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
		if (strcmp(v->file, "-") == 0)
			return cli_usage("queue", "%s: a file is wanted, not \"-\" (of that name: ./-)",
					 name);
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

bool queue_verb_known(const char *name, bool *changes)
{
	for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
		if (strcmp(verb->name, name) != 0)
			continue;
		*changes = verb->begin != queue_verb_list && verb->begin != queue_verb_show;
		return true;
	}
	return false;
}

void queue_verb_begin(struct queue_view *v, const char *name)
{
	const struct verb *verb = verbs;

	while (strcmp(verb->name, name) != 0)
		verb++;
	verb->begin(v);
}

void queue_view_done(struct queue_view *v)
{
	cJSON_Delete(v->deliveries);
	free(v->id);
	v->deliveries = NULL;
	v->id = NULL;
}

/* ---- here ---- */

static bool answer(const char *question)
{
	char text[16];

	fflush(stdout);
	fprintf(stderr, "%s [y/N] ", question);
	fflush(stderr);
	return fgets(text, sizeof(text), stdin) != NULL && (text[0] == 'y' || text[0] == 'Y');
}

static void ask_here(struct queue_view *v, const char *question)
{
	v->answered(v, answer(question));
}

static void quit_here(struct queue_view *v, int code)
{
	app_quit(v->app, code);
}

/* ---- by the socket ---- */

/* The file of export and import is opened here, by whoever may; the other side gets it open. */
static int open_file(const struct queue_view *v, const char *verb, char **part)
{
	int fd;

	*part = NULL;
	if (strcmp(verb, "import") == 0) {
		fd = open(v->file, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			fprintf(stderr, "resultd queue: cannot open \"%s\": %s\n", v->file, strerror(errno));
		return fd;
	}
	if (access(v->file, F_OK) == 0) {
		fprintf(stderr, "resultd queue: \"%s\" is there already\n", v->file);
		return -1;
	}
	*part = xasprintf("%s.part", v->file);
	fd = open(*part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		fprintf(stderr, "resultd queue: cannot create \"%s\": %s\n", *part, strerror(errno));
		free(*part);
		*part = NULL;
	}
	return fd;
}

static cJSON *request(const struct queue_view *v, const char *verb)
{
	cJSON *o = cJSON_CreateObject();
	const struct {
		const char *name;
		bool on;
	} row[] = {
		{ "all", v->all },     { "json", v->json }, { "yes", v->yes },
		{ "force", v->force }, { "move", v->move },
	};

	cJSON_AddStringToObject(o, "do", "queue");
	cJSON_AddStringToObject(o, "verb", verb);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (row[i].on)
			cJSON_AddTrueToObject(o, row[i].name);
	if (v->reason != NULL)
		cJSON_AddStringToObject(o, "reason", v->reason);
	if (v->file != NULL)
		cJSON_AddStringToObject(o, "file", v->file);
	if (v->count > 0) {
		cJSON *ids = cJSON_AddArrayToObject(o, "ids");
		for (size_t i = 0; i < v->count; i++)
			cJSON_AddItemToArray(ids, cJSON_CreateNumber((double)v->id[i]));
	}
	return o;
}

static int talk(struct control_link *link, const struct queue_view *v, const char *verb, int fd)
{
	struct err err = ERR_NONE;
	cJSON *reply = NULL;
	int rc = control_ask(link, request(v, verb), fd, &err);

	while (rc == 0 && (rc = reach_reply(link, -1, &reply, &err)) == 0) {
		if (reply_is(reply, "exit"))
			break;
		if (reply_is(reply, "ask")) {
			cJSON *o = cJSON_CreateObject();
			cJSON_AddStringToObject(o, "do", "answer");
			cJSON_AddBoolToObject(o, "yes", answer(reply_text(reply, "text")));
			rc = control_ask(link, o, -1, &err);
		}
		cJSON_Delete(reply);
		reply = NULL;
	}
	if (rc < 0) {
		fprintf(stderr, "resultd queue: %s\n", err.text);
		return rc == -EPIPE ? EXIT_INTERNAL : EXIT_USAGE;
	}
	const char *out = reply_text(reply, "out"), *said = reply_text(reply, "err");
	fputs(out != NULL ? out : "", stdout);
	fflush(stdout);
	fputs(said != NULL ? said : "", stderr);
	int code = (int)reply_number(reply, "code");
	cJSON_Delete(reply);
	return code;
}

static int work_there(struct control_link *link, const struct queue_view *v, const char *verb)
{
	char *part = NULL;
	struct err err = ERR_NONE;
	int fd = v->file != NULL ? open_file(v, verb, &part) : -1;

	if (v->file != NULL && fd < 0)
		return EXIT_USAGE;
	int code = talk(link, v, verb, fd);
	if (fd >= 0)
		close(fd);
	if (part != NULL && code == EXIT_OK && rename(part, v->file) < 0) {
		fprintf(stderr, "resultd queue: cannot write \"%s\": %s\n", v->file, strerror(errno));
		code = EXIT_INTERNAL;
	}
	if (part != NULL && code == EXIT_OK) {
		char *dir = walk_absolute(v->file);
		*strrchr(dir, '/') = '\0';
		(void)file_sync_dir(dir[0] != '\0' ? dir : "/", &err);
		free(dir);
	} else if (part != NULL) {
		unlink(part);
	}
	free(part);
	return code;
}

int cmd_queue(struct cli *cli, int argc, char **argv)
{
	struct app app;
	struct queue_view v = {
		.app = &app, .file_fd = -1, .out = stdout, .err = stderr, .ask = ask_here, .quit = quit_here
	};
	struct given given = { .timeout_ms = 5000 };
	const struct verb *verb = NULL;
	struct control_link *link = NULL;
	int code = read_options(&v, argc, argv, &given);

	if (code == EXIT_OK)
		code = read_verb(&v, argc, argv, &given, &verb);
	if (code == EXIT_OK)
		code = cli_load_apart(cli);
	if (code != EXIT_OK || verb == NULL)
		goto out;
	cli_quiet(cli);
	const struct app_options ao = { .command = "queue", .wait_ms = given.timeout_ms };
	code = reach_open(cli, &app, &ao, &link);
	if (code == EXIT_OK && link != NULL) {
		code = work_there(link, &v, verb->name);
	} else if (code == EXIT_OK) {
		verb->begin(&v);
		code = app_loop(&app);
		app_close(&app, 0);
	}
	control_hang_up(link);
out:
	queue_view_done(&v);
	return code;
}

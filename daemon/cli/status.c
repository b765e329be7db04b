/* SPDX-License-Identifier: Apache-2.0
 *
 * status.c - one screen: is it working, what waits and why, what needs a person.
 *
 * The numbers are gathered by the process that holds the state directory (daemon/desk/status.h), which is this
 * one where nobody does; here they are printed. */
#include "daemon/desk/status.h"

#include "daemon/app.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "daemon/cli/cli.h"
#include "daemon/cli/queue.h"
#include "daemon/cli/reach.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLY_MS = 30000 };

struct view {
	struct app app;
	cJSON *status;
};

static const cJSON *part(const cJSON *o, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(o, name);
}

static uint64_t number(const cJSON *o, const char *name)
{
	double n = reply_number(o, name);

	return n > 0 ? (uint64_t)n : 0;
}

static void put(const char *s, size_t max)
{
	queue_put_clean(stdout, s != NULL ? s : "", max);
}

static double mib(const cJSON *o, const char *name)
{
	return (double)number(o, name) / 1048576;
}

static void print_disk(const cJSON *o)
{
	const cJSON *sizes = part(o, "sizes"), *disk = part(o, "disk");
	const char *state = reply_text(sizes, "state");
	bool full = state != NULL && strcmp(state, "full") == 0,
	     near = state != NULL && strcmp(state, "near") == 0;

	printf("  disk:      queue %.1f MiB, %" PRIu64
	       " reports %.1f MiB, ballast %.0f MiB; %.0f MiB free%s\n",
	       mib(sizes, "queue"), number(sizes, "report_files"), mib(sizes, "reports"),
	       mib(sizes, "ballast"), mib(disk, "free"),
	       reply_flag(disk, "sending_paused")
		       ? "; less than a quarter of keep.low_water: nothing is taken in, nothing is sent"
	       : reply_flag(disk, "intake_paused") && !full
		       ? "; less than keep.low_water: nothing new is taken in"
		       : "");
	if (full || near)
		printf("             %.1f MiB of keep.max_size (%.1f MiB): %s\n", mib(sizes, "all"),
		       mib(sizes, "max_size"),
		       full ? "nothing new is taken in" : "no files are kept with results");
}

static void print_files(const cJSON *e)
{
	if (number(e, "kept") + number(e, "awaited") + number(e, "missing") + number(e, "refused") == 0)
		return;
	printf("  files:     %" PRIu64 " kept (%.1f MiB), %" PRIu64 " to go, %" PRIu64 " parked, %" PRIu64
	       " awaited, %" PRIu64 " missing, %" PRIu64 " refused\n",
	       number(e, "kept"), mib(e, "bytes"), number(e, "owed"), number(e, "parked"),
	       number(e, "awaited"), number(e, "missing"), number(e, "refused"));
}

static void print_traffic(const cJSON *s)
{
	const cJSON *sent = part(s, "sent"), *came = part(s, "answers");

	if (number(s, "requests") == 0)
		return;
	printf("    asked:   %" PRIu64 " reads, %" PRIu64 " writes, %" PRIu64 " look-ups, %" PRIu64
	       " uploads; answered: %" PRIu64 " done",
	       number(sent, "read"), number(sent, "write"), number(sent, "look_up"), number(sent, "upload"),
	       number(came, "done"));
	const struct {
		const char *name, *words;
	} row[] = {
		{ "refused", "refused" },         { "wait", "told to wait" }, { "locked_out", "locked out" },
		{ "unknown", "outcome unknown" }, { "not_sent", "not sent" },
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (number(came, row[i].name) > 0)
			printf(", %" PRIu64 " %s", number(came, row[i].name), row[i].words);
	putchar('\n');
}

/* "3 d", "5 h", "12 min", "40 s" */
static const char *age(uint64_t s, char *text, size_t size)
{
	if (s >= 2 * 86400)
		snprintf(text, size, "%" PRIu64 " d", s / 86400);
	else if (s >= 2 * 3600)
		snprintf(text, size, "%" PRIu64 " h", s / 3600);
	else if (s >= 120)
		snprintf(text, size, "%" PRIu64 " min", s / 60);
	else
		snprintf(text, size, "%" PRIu64 " s", s);
	return text;
}

/* Which sinks rest, and why; what each owes. */
static void print_sinks(const cJSON *o)
{
	const cJSON *s;
	char old[32];

	cJSON_ArrayForEach(s, part(o, "sinks"))
	{
		const cJSON *d = part(s, "deliveries");
		uint64_t waits = number(d, "waiting") + number(d, "sending") + number(d, "unknown");
		printf("  ");
		put(reply_text(s, "sink"), 64);
		printf(": %s", reply_text(s, "state"));
		if (reply_text(s, "until") != NULL)
			printf(" until %s", reply_text(s, "until"));
		if (reply_text(s, "reason") != NULL) {
			printf(": ");
			put(reply_text(s, "reason"), 600);
		}
		printf("\n    owes:    %" PRIu64 " runs wait", waits);
		if (waits + number(d, "parked") > 0)
			printf(" (the oldest for %s)", age(number(s, "oldest_waiting_s"), old, sizeof(old)));
		printf(", %" PRIu64 " parked, %" PRIu64 " delivered; results: %" PRIu64 " to go, %" PRIu64
		       " parked, %" PRIu64 " posted\n",
		       number(d, "parked"), number(d, "delivered"), number(s, "results_owed"),
		       number(s, "results_parked"), number(s, "results_posted"));
		if (number(s, "requests_in_24_h_max") > 0)
			printf("    quota:   %" PRIu64 " of %" PRIu64
			       " requests of a day are made (caps.calls; commands count, too)\n",
			       number(s, "requests_in_24_h"), number(s, "requests_in_24_h_max"));
		print_traffic(s);
	}
}

/* The first thing that a person wants to know. */
static void print_needs(const cJSON *o)
{
	const cJSON *n, *needs = part(o, "needs");

	if (cJSON_GetArraySize(needs) == 0)
		printf("  needs you: no\n");
	cJSON_ArrayForEach(n, needs)
	{
		printf("  needs you: ");
		put(cJSON_GetStringValue(n), 900);
		putchar('\n');
	}
}

static void print_intake(const cJSON *o)
{
	const cJSON *in = part(o, "intake"), *control = part(o, "control");

	if (in == NULL)
		return;
	printf("  taken:     %" PRIu64 " reports of watches, %" PRIu64 " handed over; %" PRIu64
	       " duplicates, %" PRIu64 " no reports, %" PRIu64 " malformed, %" PRIu64 " unreadable\n",
	       number(in, "accepted"), number(control, "files"), number(in, "duplicates"),
	       number(in, "skipped"), number(in, "malformed"), number(in, "unreadable"));
}

/* A healthy watch needs no line. */
static void print_watches(const cJSON *o)
{
	const cJSON *after = part(o, "after"), *w;

	cJSON_ArrayForEach(w, part(o, "watches"))
	{
		if (reply_text(w, "degraded") != NULL) {
			printf("  watch ");
			put(reply_text(w, "watch"), 64);
			printf(": ");
			put(reply_text(w, "degraded"), 600);
			putchar('\n');
		}
		if (number(w, "refused") > 0) {
			printf("  watch ");
			put(reply_text(w, "watch"), 64);
			printf(": %" PRIu64 " beneath it not read, such as ", number(w, "refused"));
			put(reply_text(w, "refused_such_as"), 600);
			putchar('\n');
		}
	}
	if (number(after, "stuck") > 0) {
		printf("  stay:      %" PRIu64
		       " reports that were taken could not be put away (after:)  (needs you: ",
		       number(after, "stuck"));
		put(reply_text(after, "reason"), 600);
		printf(")\n");
	}
}

static void print_text(const cJSON *o)
{
	const cJSON *deliveries = part(o, "deliveries"), *d;
	uint64_t waits =
		number(deliveries, "waiting") + number(deliveries, "sending") + number(deliveries, "unknown");
	uint64_t parked = number(deliveries, "parked");

	printf("resultd %s, state in ", reply_text(o, "version"));
	put(reply_text(o, "state_dir"), 1000);
	printf(" (%.1f MiB queue)\n", mib(o, "bytes"));
	if (reply_text(o, "process") != NULL)
		printf("  working:   resultd %s, process %" PRIu64 ", for %" PRIu64 " min\n",
		       reply_text(o, "process"), number(o, "pid"), number(o, "uptime_s") / 60);
	else
		printf("  working:   nobody delivers from here at the moment (resultd run, resultd "
		       "deliver)\n");
	print_needs(o);
	print_intake(o);
	printf("  held:      %" PRIu64 " runs (%" PRIu64 " open), %" PRIu64 " reports, %" PRIu64 " results\n",
	       number(o, "runs"), number(o, "open_runs"), number(o, "reports"), number(o, "results"));
	printf("  delivered: %" PRIu64 "\n", number(deliveries, "delivered"));
	printf("  waiting:   %" PRIu64, waits);
	if (reply_text(o, "oldest_waiting") != NULL && waits > 0)
		printf(", the oldest since %s", reply_text(o, "oldest_waiting"));
	printf("\n  parked:    %" PRIu64 "%s\n", parked,
	       parked > 0 ? "  (needs you: \"resultd queue list\")" : "");
	printf("  malformed: %" PRIu64 " reports\n", number(o, "reports_malformed"));
	print_files(part(o, "evidence"));
	print_disk(o);
	print_watches(o);
	print_sinks(o);
	cJSON_ArrayForEach(d, part(o, "unsettled"))
	{
		printf("  ");
		put(reply_text(d, "sink"), 64);
		printf(": %s \"", reply_text(d, "state"));
		put(reply_text(d, "run"), 120);
		putchar('"');
		if (reply_text(d, "reason") != NULL) {
			printf(": ");
			put(reply_text(d, "reason"), 600);
		}
		if (reply_text(d, "until") != NULL)
			printf("; until %s", reply_text(d, "until"));
		putchar('\n');
	}
}

static void print(const cJSON *status, bool json)
{
	if (!json) {
		print_text(status);
		return;
	}
	char *text = utf8_mended(cJSON_PrintUnformatted(status));
	puts(text != NULL ? text : "{}");
	free(text);
}

static void on_status(void *cookie, cJSON *status)
{
	struct view *v = cookie;

	v->status = status;
	app_quit(&v->app, EXIT_OK);
}

static int ask_there(struct control_link *link, cJSON **out)
{
	struct err err = ERR_NONE;
	cJSON *o = cJSON_CreateObject(), *reply = NULL;

	cJSON_AddStringToObject(o, "do", "status");
	int rc = control_ask(link, o, -1, &err);
	if (rc == 0)
		rc = reach_reply(link, REPLY_MS, &reply, &err);
	if (rc < 0) {
		fprintf(stderr, "resultd status: %s\n", err.text);
		return rc == -EINVAL ? EXIT_USAGE : EXIT_INTERNAL;
	}
	*out = cJSON_DetachItemFromObjectCaseSensitive(reply, "status");
	cJSON_Delete(reply);
	return EXIT_OK;
}

int cmd_status(struct cli *cli, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "timeout", required_argument, NULL, 't' },
		{ 0 },
	};
	struct view v = { 0 };
	struct control_link *link = NULL;
	int64_t timeout_ms = 5000;
	bool json = false;
	int c, rc = EXIT_OK;

	opterr = 0;
	optind = 1;
	while (rc == EXIT_OK && (c = getopt_long(argc, argv, ":", longopts, NULL)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 't')
			rc = cli_duration("status", "--timeout", optarg, &timeout_ms);
		else
			rc = cli_usage("status", "unknown option, or one without its value: \"%s\"",
				       cli_stumbled(argc, argv));
	}
	if (rc == EXIT_OK && optind < argc)
		rc = cli_usage("status", "takes no \"%s\"", argv[optind]);
	if (rc == EXIT_OK)
		rc = cli_load_apart(cli);
	if (rc != EXIT_OK)
		return rc;
	const struct app_options ao = { .command = "status", .wait_ms = timeout_ms };
	rc = reach_open(cli, &v.app, &ao, &link);
	if (rc == EXIT_OK && link != NULL) {
		rc = ask_there(link, &v.status);
	} else if (rc == EXIT_OK) {
		status_gather(&v.app, on_status, &v);
		rc = app_loop(&v.app);
		app_close(&v.app, 0);
	}
	control_hang_up(link);
	if (rc == EXIT_OK)
		print(v.status, json);
	cJSON_Delete(v.status);
	return rc;
}

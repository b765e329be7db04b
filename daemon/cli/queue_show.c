/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_show.c - one delivery, closely: as JSON, and from that for people. */
#include "daemon/cli/queue.h"

#include "daemon/base/clock.h"
#include "daemon/base/utf8.h"
#include "daemon/queue/operate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { JOURNAL_SHOWN = 1000 };

static void add_time(cJSON *o, const char *name, int64_t ms)
{
	char iso[CLOCK_ISO_SIZE];

	if (ms != INT64_MAX && ms != TIME_UNKNOWN)
		cJSON_AddStringToObject(o, name, clock_iso(ms, iso));
}

static void add_text(cJSON *o, const char *name, const char *text)
{
	if (text != NULL)
		cJSON_AddStringToObject(o, name, text);
}

static void add_names(cJSON *o, const char *name, const struct reason_line *line)
{
	cJSON *names = cJSON_AddArrayToObject(o, name);

	for (size_t i = 0; i < line->name_count; i++)
		cJSON_AddItemToArray(names, cJSON_CreateString(line->name[i]));
}

static void add_reasons(cJSON *o, const char *name, const struct reason_line *line, size_t count)
{
	cJSON *list = cJSON_AddArrayToObject(o, name);

	for (size_t i = 0; i < count; i++) {
		cJSON *r = cJSON_CreateObject();
		cJSON_AddStringToObject(r, "reason", line[i].reason);
		cJSON_AddNumberToObject(r, "count", (double)line[i].count);
		add_names(r, "names", &line[i]);
		cJSON_AddItemToArray(list, r);
	}
}

static void add_journal(cJSON *o, const struct delivery_detail *d)
{
	cJSON *list = cJSON_AddArrayToObject(o, "journal");

	for (size_t i = 0; i < d->journal_count; i++) {
		const struct journal_line *j = &d->journal[i];
		cJSON *e = cJSON_CreateObject();
		add_time(e, "at", j->at_ms);
		add_text(e, "step", j->step);
		cJSON_AddNumberToObject(e, "attempt", j->attempt);
		cJSON_AddNumberToObject(e, "requests", j->requests);
		if (j->status != 0)
			cJSON_AddNumberToObject(e, "status", j->status);
		cJSON_AddStringToObject(e, "outcome", j->what);
		add_text(e, "words", j->text);
		cJSON_AddItemToArray(list, e);
	}
	cJSON_AddNumberToObject(o, "journal_left_out", (double)d->journal_left_out);
}

static const char *lost_word(const struct evidence_line *l)
{
	return l->state == EVIDENCE_MISSING ? "missing" : "refused";
}

static cJSON *detail_json(const struct delivery_detail *d)
{
	const struct delivery_line *l = &d->line;
	cJSON *o = cJSON_CreateObject();
	const struct {
		const char *name;
		uint64_t n;
	} row[] = {
		{ "reports", d->reports },
		{ "defects", d->links_told },
		{ "defects_owed", d->links_owed },
		{ "evidence_awaited", d->evidence.awaited },
		{ "evidence_missing", d->evidence.missing },
		{ "evidence_refused", d->evidence.refused },
	};

	cJSON_AddNumberToObject(o, "id", (double)l->id);
	cJSON_AddStringToObject(o, "sink", l->sink);
	cJSON_AddStringToObject(o, "run", l->run_name);
	cJSON_AddStringToObject(o, "key", l->run_key);
	add_text(o, "watch", d->watch);
	cJSON_AddBoolToObject(o, "run_ended", l->run_ended);
	cJSON_AddStringToObject(o, "state", delivery_state_name(l->state));
	add_text(o, "reason", l->reason);
	add_text(o, "step", l->step);
	add_time(o, "since", l->since_ms);
	if (l->state != DELIVERY_PARKED && l->state != DELIVERY_DELIVERED && l->state != DELIVERY_DROPPED)
		add_time(o, "next", l->due_ms);
	add_time(o, "settled", l->settled_ms);
	add_text(o, "remote_id", l->remote_id);
	add_text(o, "url", l->url);
	queue_add_counts(o, l);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		cJSON_AddNumberToObject(o, row[i].name, (double)row[i].n);
	if (d->intent_step != NULL) {
		cJSON *in = cJSON_AddObjectToObject(o, "on_its_way");
		cJSON_AddStringToObject(in, "step", d->intent_step);
		add_time(in, "since", d->sent_ms);
		cJSON_AddNumberToObject(in, "rows", d->intent_rows);
		cJSON_AddNumberToObject(in, "looks", d->looks);
	}
	add_reasons(o, "parked_tests", d->parked, d->parked_count);
	add_reasons(o, "ignored_tests", d->ignored, d->ignored_count);
	add_names(o, "owed_tests", &d->owed);
	add_reasons(o, "parked_files", d->parked_files, d->parked_file_count);
	add_reasons(o, "ignored_files", d->ignored_files, d->ignored_file_count);
	add_reasons(o, "parked_defects", d->parked_links, d->parked_link_count);
	add_reasons(o, "ignored_defects", d->ignored_links, d->ignored_link_count);
	cJSON *lost = cJSON_AddArrayToObject(o, "lost_files");
	for (size_t i = 0; i < d->lost_count; i++) {
		cJSON *e = cJSON_CreateObject();
		cJSON_AddStringToObject(e, "name", d->lost[i].named);
		cJSON_AddStringToObject(e, "state", lost_word(&d->lost[i]));
		add_text(e, "reason", d->lost[i].reason);
		cJSON_AddStringToObject(e, "report", d->lost[i].part);
		cJSON_AddItemToArray(lost, e);
	}
	cJSON *reports = cJSON_AddArrayToObject(o, "report_paths");
	for (size_t i = 0; i < d->report_count; i++)
		cJSON_AddItemToArray(reports, cJSON_CreateString(d->report[i]));
	add_journal(o, d);
	return o;
}

/* ---- for people ---- */

static void line(FILE *out, const char *label, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	fprintf(out, "  %-9s ", label);
	queue_put_clean(out, text, 1000);
	fputc('\n', out);
}

static void print_reasons(FILE *out, const char *label, const struct reason_line *r, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "  %-9s %" PRIu64 " x ", label, r[i].count);
		queue_put_clean(out, r[i].reason, 600);
		fputc('\n', out);
		for (size_t k = 0; k < r[i].name_count; k++) {
			fprintf(out, "              ");
			queue_put_clean(out, r[i].name[k], 200);
			fputc('\n', out);
		}
		if (r[i].count > r[i].name_count)
			fprintf(out, "              ... and %" PRIu64 " more\n",
				r[i].count - r[i].name_count);
	}
}

static void print_lost(FILE *out, const struct delivery_detail *d)
{
	for (size_t i = 0; i < d->lost_count; i++) {
		const struct evidence_line *l = &d->lost[i];
		fprintf(out, "  %-9s ", lost_word(l));
		queue_put_clean(out, l->named, 400);
		if (l->reason != NULL) {
			fprintf(out, ": ");
			queue_put_clean(out, l->reason, 400);
		}
		fprintf(out, " (in ");
		queue_put_clean(out, l->part, 400);
		fprintf(out, ")\n");
	}
	if (d->evidence.missing + d->evidence.refused > 0 && d->lost_count == 50)
		fprintf(out, "            ... and perhaps more\n");
}

/* Tests that are not settled; those that no case was looked for yet are owed in no row. */
static uint64_t to_go(const struct delivery_line *l)
{
	uint64_t settled = l->posted + l->parked + l->ignored;

	return l->tests > settled ? l->tests - settled : l->owed;
}

static void print_head(FILE *out, const struct delivery_detail *d)
{
	const struct delivery_line *l = &d->line;
	int64_t now = clock_wall_ms();
	char iso[CLOCK_ISO_SIZE], ago[32];

	fprintf(out, "Delivery %" PRId64 " to %s: %s since %s\n", l->id, l->sink,
		delivery_state_name(l->state),
		clock_iso(l->settled_ms != TIME_UNKNOWN ? l->settled_ms : l->since_ms, iso));
	line(out, "run", l->run_name);
	line(out, "key", l->run_key);
	line(out, "why", l->reason != NULL ? l->reason : l->run_ended ? NULL : "the run is still open");
	if (l->due_ms != INT64_MAX && (l->state == DELIVERY_WAITING || l->state == DELIVERY_UNKNOWN)) {
		queue_say_ago(ago, sizeof(ago), l->due_ms - now);
		fprintf(out, "  next try  %s (%s)\n", clock_iso(l->due_ms, iso), ago);
	}
	line(out, "remote id", l->remote_id);
	line(out, "url", l->url);
	fprintf(out,
		"  tests     %" PRIu64 ": %" PRIu64 " posted, %" PRIu64 " to go, %" PRIu64 " parked, %" PRIu64
		" ignored; %" PRIu64 " requests, attempt %u\n",
		l->tests, l->posted, to_go(l), l->parked, l->ignored, l->requests, l->attempt);
	if (l->evidence_posted + l->evidence_owed + l->evidence_parked + l->evidence_ignored > 0)
		fprintf(out,
			"  files     %" PRIu64 " sent, %" PRIu64 " to go, %" PRIu64 " parked, %" PRIu64
			" left out\n",
			l->evidence_posted, l->evidence_owed, l->evidence_parked, l->evidence_ignored);
	if (d->links_told + d->links_owed > 0)
		fprintf(out, "  defects   %" PRIu64 " told, %" PRIu64 " to go\n", d->links_told,
			d->links_owed);
	for (size_t i = 0; i < d->report_count; i++)
		line(out, i == 0 ? "reports" : "", d->report[i]);
	if (d->reports > d->report_count)
		fprintf(out, "            ... and %" PRIu64 " more\n", d->reports - d->report_count);
	if (d->intent_step != NULL)
		fprintf(out,
			"  on its way, or maybe there: \"%s\" with %u rows since %s, looked for %u times\n",
			d->intent_step, d->intent_rows, clock_iso(d->sent_ms, iso), d->looks);
}

static void print_journal(FILE *out, const struct delivery_detail *d)
{
	char iso[CLOCK_ISO_SIZE];

	fprintf(out, "  journal\n");
	if (d->journal_left_out > 0)
		fprintf(out, "    (%" PRIu64 " older entries are left out)\n", d->journal_left_out);
	for (size_t i = 0; i < d->journal_count; i++) {
		const struct journal_line *j = &d->journal[i];
		char status[16] = "-";
		if (j->status != 0)
			snprintf(status, sizeof(status), "%d", j->status);
		fprintf(out, "    %s  %-16s attempt %u  %-4s %s", clock_iso(j->at_ms, iso),
			j->step != NULL && j->step[0] != '\0' ? j->step : "-", j->attempt, status, j->what);
		if (j->text != NULL && j->text[0] != '\0') {
			fprintf(out, ": ");
			queue_put_clean(out, j->text, 600);
		}
		fputc('\n', out);
	}
}

static void next(struct queue_view *v);

static void on_detail(void *cookie, int rc, const struct delivery_detail *d, const struct err *err)
{
	struct queue_view *v = cookie;

	if (rc < 0) {
		queue_failed(v, rc, err);
		return;
	}
	if (v->json) {
		cJSON *o = detail_json(d);
		char *text = utf8_mended(cJSON_PrintUnformatted(o));
		fprintf(v->out, "%s\n", text != NULL ? text : "{}");
		free(text);
		cJSON_Delete(o);
	} else {
		print_head(v->out, d);
		print_reasons(v->out, "parked", d->parked, d->parked_count);
		print_reasons(v->out, "ignored", d->ignored, d->ignored_count);
		print_reasons(v->out, "parked", d->parked_files, d->parked_file_count);
		print_reasons(v->out, "left out", d->ignored_files, d->ignored_file_count);
		print_reasons(v->out, "untold", d->parked_links, d->parked_link_count);
		print_reasons(v->out, "untold", d->ignored_links, d->ignored_link_count);
		print_lost(v->out, d);
		for (size_t i = 0; i < d->owed.name_count; i++)
			line(v->out, i == 0 ? "owed" : "", d->owed.name[i]);
		print_journal(v->out, d);
	}
	next(v);
}

static void next(struct queue_view *v)
{
	if (v->at == v->count)
		v->quit(v, EXIT_OK);
	else
		queue_detail(v->app->queue, v->id[v->at++], JOURNAL_SHOWN, on_detail, v);
}

void queue_verb_show(struct queue_view *v)
{
	next(v);
}

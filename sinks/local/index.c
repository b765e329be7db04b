/* SPDX-License-Identifier: Apache-2.0
 *
 * index.c - every run of the folder on one page, and the list that it is made from.
 *
 * runs.json lies in a folder that others may write to; what is read back is foreign input like any other:
 * names are escaped, links lead to names that we could have given, numbers are what they are. */
#include "sinks/local/local.h"

#include "daemon/base/clock.h"
#include "daemon/base/json.h"
#include "daemon/base/utf8.h"

#include <math.h>
#include <stdlib.h>

enum { TREND = 45, TEXT_BYTES = 200, URL_BYTES = 1000, FOLDER_BYTES = 120 };

static const struct {
	const char *name;
	enum verdict v;
} counts[] = {
	{ "passed", VERDICT_PASSED }, { "flaky", VERDICT_FLAKY }, { "known_failure", VERDICT_KNOWN_FAILURE },
	{ "failed", VERDICT_FAILED }, { "error", VERDICT_ERROR }, { "skipped", VERDICT_SKIPPED },
};
enum { COUNTS = sizeof(counts) / sizeof(counts[0]) };

/* ---- entries ---- */

static void add_text(cJSON *o, const char *name, const char *s, size_t max)
{
	char cut[URL_BYTES + 1];

	if (s == NULL || s[0] == '\0')
		return;
	size_t n = utf8_cut(s, strlen(s), max < URL_BYTES ? max : URL_BYTES);
	memcpy(cut, s, n);
	cut[n] = '\0';
	cJSON_AddStringToObject(o, name, cut);
}

static void add_time(cJSON *o, const char *name, int64_t ms)
{
	char iso[CLOCK_ISO_SIZE];

	if (ms != TIME_UNKNOWN && strlen(clock_iso(ms, iso)) == 24)
		cJSON_AddStringToObject(o, name, iso);
}

cJSON *index_entry(const struct sink_run *run, const struct totals *totals, const char *folder,
		   int64_t now_ms)
{
	cJSON *o = cJSON_CreateObject();
	const char *url = vars_get(run->vars, "ci.url");

	cJSON_AddStringToObject(o, "folder", folder);
	add_text(o, "name", run->name, TEXT_BYTES);
	add_text(o, "key", run->key, TEXT_BYTES);
	add_time(o, "started", run->started_ms != TIME_UNKNOWN ? run->started_ms : run->opened_ms);
	add_time(o, "written", now_ms);
	cJSON_AddBoolToObject(o, "ended", run->ended);
	cJSON_AddNumberToObject(o, "tests", (double)totals->tests);
	for (size_t i = 0; i < COUNTS; i++)
		cJSON_AddNumberToObject(o, counts[i].name, (double)totals->count[counts[i].v]);
	if (totals->ms >= 0 && isfinite(totals->ms))
		cJSON_AddNumberToObject(o, "duration_ms", floor(totals->ms));
	add_text(o, "branch", vars_get(run->vars, "ci.branch"), TEXT_BYTES);
	if (html_link_safe(url) && strlen(url) <= URL_BYTES)
		cJSON_AddStringToObject(o, "ci_url", url);
	return o;
}

static bool folder_safe(const char *s)
{
	return s != NULL && s[0] != '\0' && s[0] != '-' && strlen(s) <= FOLDER_BYTES &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s);
}

static const char *started(const cJSON *entry)
{
	const char *s = sink_string(entry, "started");

	return s != NULL ? s : "";
}

/* Newest first; ISO stamps sort as text. */
static bool before(const cJSON *a, const cJSON *b)
{
	int order = strcmp(started(a), started(b));

	if (order != 0)
		return order > 0;
	return strcmp(sink_string(a, "folder"), sink_string(b, "folder")) > 0;
}

/* cJSON_InsertItemInArray() fails in the middle of an array in several releases (1.7.17, and 1.7.15 as
 * Debian mends it), so the list is built anew. */
cJSON *index_merge(cJSON *runs, cJSON *entry)
{
	const char *folder = sink_string(entry, "folder");
	cJSON *merged = cJSON_CreateArray(), *item;
	int n = 0;

	while ((item = runs->child) != NULL) {
		const char *other = sink_string(item, "folder");
		cJSON_DetachItemViaPointer(runs, item);
		if (!folder_safe(other) || strcmp(other, folder) == 0) {
			cJSON_Delete(item);
			continue;
		}
		if (entry != NULL && n < RUNS_MAX && before(entry, item)) {
			cJSON_AddItemToArray(merged, entry);
			entry = NULL;
			n++;
		}
		if (n++ < RUNS_MAX)
			cJSON_AddItemToArray(merged, item);
		else
			cJSON_Delete(item);
	}
	if (entry != NULL && n < RUNS_MAX)
		cJSON_AddItemToArray(merged, entry);
	else
		cJSON_Delete(entry);
	cJSON_Delete(runs);
	return merged;
}

cJSON *index_read(const char *text, size_t len)
{
	cJSON *root = cJSON_ParseWithLength(text, len);
	cJSON *runs = cJSON_DetachItemFromObjectCaseSensitive(root, "runs");

	cJSON_Delete(root);
	if (!cJSON_IsArray(runs)) {
		cJSON_Delete(runs);
		return NULL;
	}
	return runs;
}

/* One run a line: people read it, and tools that compare lines like it. */
void index_json(struct buf *b, const cJSON *runs)
{
	const cJSON *item;

	buf_puts(b, "{\"format\":\"resultd runs 1\",\"runs\":[");
	cJSON_ArrayForEach(item, runs)
	{
		char *line = utf8_mended(cJSON_PrintUnformatted(item));
		buf_puts(b, item == runs->child ? "\n" : ",\n");
		buf_puts(b, line != NULL ? line : "{}");
		cJSON_free(line);
	}
	buf_puts(b, "\n]}\n");
}

/* ---- the page ---- */

static void counts_of(const cJSON *entry, uint64_t count[VERDICT_COUNT])
{
	for (size_t i = 0; i < COUNTS; i++) {
		int64_t n = sink_int(entry, counts[i].name, 0);
		count[counts[i].v] = n > 0 ? (uint64_t)n : 0;
	}
}

static uint64_t bad(const uint64_t count[VERDICT_COUNT])
{
	return count[VERDICT_FAILED] + count[VERDICT_ERROR];
}

static uint64_t sum(const uint64_t count[VERDICT_COUNT])
{
	uint64_t n = 0;

	for (int v = 0; v < VERDICT_COUNT; v++)
		n += count[v];
	return n;
}

static const char *tone(const cJSON *entry, const uint64_t count[VERDICT_COUNT])
{
	if (bad(count) > 0)
		return "failed";
	if (!sink_bool(entry, "ended"))
		return "running";
	return count[VERDICT_PASSED] + count[VERDICT_FLAKY] > 0 ? "passed" : "none";
}

static const char *title(const cJSON *entry)
{
	const char *name = sink_string(entry, "name");

	return name != NULL ? name : sink_string(entry, "folder");
}

/* The newest runs as columns, oldest on the left: a week at one glance. */
static void trend(struct buf *b, const cJSON *runs)
{
	const cJSON *column[TREND], *item;
	uint64_t count[VERDICT_COUNT], most = 1;
	int n = 0;

	cJSON_ArrayForEach(item, runs)
	{
		if (n == TREND)
			break;
		counts_of(item, count);
		if (folder_safe(sink_string(item, "folder")) && sum(count) > 0) {
			column[n++] = item;
			most = sum(count) > most ? sum(count) : most;
		}
	}
	if (n < 3)
		return;
	buf_printf(
		b,
		"<svg class=\"trend\" viewBox=\"0 0 %d 64\" role=\"img\" aria-label=\"The newest %d runs\">",
		TREND * 12, n);
	for (int i = 0; i < n; i++) {
		const cJSON *e = column[n - 1 - i];
		counts_of(e, count);
		double all = 8 + 52 * log1p((double)sum(count)) / log1p((double)most);
		double red = all * (double)bad(count) / (double)sum(count);
		if (bad(count) > 0 && red < 4)
			red = 4;
		buf_printf(b, "<a href=\"%s/index.html\"><title>", sink_string(e, "folder"));
		html_string(b, title(e));
		buf_printf(b, "</title><rect class=\"hit\" x=\"%d\" width=\"12\" height=\"64\"/>",
			   (TREND - n + i) * 12);
		buf_printf(b,
			   "<rect class=\"%s\" x=\"%d\" y=\"%.1f\" width=\"9\" height=\"%.1f\" rx=\"1.5\"/>",
			   count[VERDICT_PASSED] + count[VERDICT_FLAKY] > 0 ? "passed" : "skipped",
			   (TREND - n + i) * 12, 62 - all, all);
		if (red > 0)
			buf_printf(b,
				   "<rect class=\"failed\" x=\"%d\" y=\"%.1f\" width=\"9\" height=\"%.1f\" "
				   "rx=\"1.5\"/>",
				   (TREND - n + i) * 12, 62 - red, red);
		buf_puts(b, "</a>");
	}
	buf_puts(b, "</svg>\n");
}

static void verdict_of(struct buf *b, const cJSON *entry, const uint64_t count[VERDICT_COUNT])
{
	uint64_t all = sum(count);

	if (bad(count) > 0) {
		buf_puts(b, "<b class=\"failed\">");
		html_number(b, bad(count));
		buf_puts(b, " failed</b> of ");
	}
	html_number(b, all);
	buf_puts(b, all == 1 ? " test" : " tests");
	if (count[VERDICT_FLAKY] > 0) {
		buf_puts(b, ", ");
		html_number(b, count[VERDICT_FLAKY]);
		buf_puts(b, " flaky");
	}
	if (!sink_bool(entry, "ended"))
		buf_puts(b, " <span class=\"live\">running</span>");
}

static void line(struct buf *b, const cJSON *entry)
{
	uint64_t count[VERDICT_COUNT];
	const char *folder = sink_string(entry, "folder"), *branch = sink_string(entry, "branch");
	const char *stamp = started(entry);
	const cJSON *ms = cJSON_GetObjectItemCaseSensitive(entry, "duration_ms");

	if (!folder_safe(folder))
		return;
	counts_of(entry, count);
	const char *how = tone(entry, count);
	buf_printf(b,
		   "<li data-s=\"%s\"><i class=\"%s\">%s</i><span class=\"what\"><a href=\"%s/index.html\">",
		   how, how, how, folder);
	html_bdi(b, title(entry));
	buf_puts(b, "</a> <small>");
	html_iso(b, stamp);
	if (branch != NULL) {
		buf_puts(b, " \xc2\xb7 ");
		html_bdi(b, branch);
	}
	buf_puts(b, "</small></span><span class=\"counts\">");
	verdict_of(b, entry, count);
	buf_puts(b, "</span>");
	html_bar(b, "small", count);
	buf_puts(b, "<span class=\"took\">");
	if (cJSON_IsNumber(ms) && ms->valuedouble > 0)
		html_duration(b, ms->valuedouble);
	buf_puts(b, "</span></li>\n");
}

void index_write(struct buf *b, const cJSON *runs, int64_t now_ms)
{
	const cJSON *item, *first = runs != NULL ? runs->child : NULL;
	uint64_t count[VERDICT_COUNT] = { 0 };
	int n = cJSON_GetArraySize(runs);
	bool live = false;

	if (first != NULL)
		counts_of(first, count);
	cJSON_ArrayForEach(item, runs)
	{
		live = live || !sink_bool(item, "ended");
	}
	html_begin(b, &(struct page_head){ .title = "Test runs",
					   .live = live,
					   .tone = first != NULL ? tone(first, count) : "none" });
	buf_puts(b, "<header class=\"wide\">\n<div>\n<h1>Test runs</h1>\n<p class=\"lead\">");
	html_number(b, (uint64_t)n);
	buf_puts(b, n == 1 ? " run" : " runs");
	if (n == RUNS_MAX)
		buf_puts(b, ", the newest; older ones are in their folders beside this page");
	buf_puts(b, "</p>\n</div>\n");
	trend(b, runs);
	buf_puts(b, "</header>\n<main>\n<section id=\"runs\">\n<ul class=\"runs\">\n");
	cJSON_ArrayForEach(item, runs)
	{
		line(b, item);
	}
	buf_puts(b, "</ul>\n</section>\n</main>\n<footer>\n<p>The same for machines: <a "
		    "href=\"runs.json\">runs.json</a>"
		    " \xc2\xb7 written by resultd " RD_VERSION ", ");
	html_time(b, now_ms);
	buf_puts(b, "</p>\n</footer>\n");
	html_end(b);
}

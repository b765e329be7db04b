/* SPDX-License-Identifier: Apache-2.0
 *
 * local_pages.c - the page of a run and the index of all: when they are due, what they are made from, and their
 * writing. */
#include "sinks/local/local.h"

#include <errno.h>
#include <string.h>

enum {
	FRESH_MS = 10000, /* the page of an open run is at most that old while results come */
	FRESH_LARGE_MS = 60000,
	LARGE_BYTES = 512 << 10,
};

static const char page_file[] = "index.html";
static const char runs_file[] = "runs.json";
static const char damaged_file[] = "runs.damaged.json";

/* ---- page: made anew where something changed ---- */

/* Everything that a page depends on, in one word: equal states give equal pages. */
static const char *state_of(struct talk *t, const struct tally *y)
{
	const struct sink_run *run = t->run;

	return arena_printf(t->arena, "%s %llu %llu %llu %llu %llu %llu %llu %lld %llu",
			    run->ended ? "ended" : "open", (unsigned long long)y->lines, run->tests,
			    run->passed, run->failed, run->error, run->skipped, run->flaky,
			    (long long)sink_int(t->bookmark, "file_count", 0),
			    (unsigned long long)y->defects);
}

static bool page_due(struct talk *t, const struct tally *y)
{
	const char *have = sink_string(t->bookmark, "page"), *want = state_of(t, y);
	int64_t written_ms = sink_int(t->bookmark, "page_ms", 0);
	int64_t wait_ms = y->shown > LARGE_BYTES ? FRESH_LARGE_MS : FRESH_MS;

	if (have == NULL)
		return t->run->ended || y->lines > 0;
	if (want != NULL && strcmp(have, want) == 0)
		return false;
	/* Its end, and a clock that was set back, are never waited for. */
	return t->run->ended || t->now_ms < written_ms || t->now_ms - written_ms >= wait_ms;
}

/* The sheet of the page, from what was read back of .page-rows. */
static void sheet_of(struct talk *t, struct tally *y, struct sheet *s)
{
	const char *shown = sink_string(t->scratch, "shown");
	size_t len = shown != NULL ? strlen(shown) : 0;

	/* What lies beyond was appended by a try that was not noted. */
	sheet_init(s, t->run, y, shown, len < y->shown ? len : (size_t)y->shown);
	s->files = cJSON_GetObjectItemCaseSensitive(t->bookmark, "files");
	s->file_count = (uint64_t)sink_int(t->bookmark, "file_count", 0);
}

static bool page_reading(const struct talk *t, const struct tally *y)
{
	return y->shown > 0 && !cJSON_HasObjectItem(t->scratch, "shown");
}

enum ask local_page_ask(struct talk *t, struct request *r)
{
	struct tally y;
	enum ask ask = ASK_SEND;

	tally_load(&y, t->bookmark);
	if (!page_due(t, &y)) {
		ask = ASK_SKIP;
	} else if (page_reading(t, &y)) {
		r->method = METHOD_GET;
		local_path_in(t, r, LOCAL_SHOWN_FILE);
		r->reply_max = y.shown + PENDING_BYTES + 2 * ENTRY_BYTES;
	} else {
		struct sheet s;
		sheet_of(t, &y, &s);
		r->method = METHOD_PUT;
		r->content_type = "text/html";
		local_path_in(t, r, page_file);
		page_write(&r->body, &s, t->now_ms);
		sheet_done(&s);
		if (buf_error(&r->body) != 0) {
			err_set(&t->err, -E2BIG, "the run's page is too large");
			ask = ASK_PARK;
		}
	}
	tally_done(&y);
	return ask;
}

/* file:///srv/results/nightly-17-3fa2b1c0/index.html */
void local_learn_url(struct talk *t)
{
	const struct local_conf *conf = t->conf;
	struct buf url = BUF_LIMIT(64 << 10);

	buf_puts(&url, "file://");
	html_url_path(&url, conf->dir);
	buf_printf(&url, "/%s/%s", local_folder_of(t), page_file);
	if (buf_error(&url) == 0)
		learned_run(&t->learned, local_folder_of(t), url.data);
	buf_done(&url);
}

enum got local_page_got(struct talk *t, const struct reply *r)
{
	struct tally y;
	struct sheet s;

	tally_load(&y, t->bookmark);
	bool reading = page_reading(t, &y);
	const char *state = state_of(t, &y);
	if (!sink_ok(r) && !(reading && r->status == 404)) {
		tally_done(&y);
		return local_refused(t, r);
	}
	if (reading) {
		/* Not there any more: a page without its list is better than none. */
		cJSON_AddStringToObject(t->scratch, "shown",
					sink_ok(r) && r->body.data != NULL ? r->body.data : "");
		tally_done(&y);
		return GOT_MORE;
	}
	/* What the page says stands on the index too. */
	sheet_of(t, &y, &s);
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "totals");
	cJSON_AddItemToObject(t->bookmark, "totals", totals_save(&s.totals));
	sheet_done(&s);
	tally_done(&y);
	local_remember_folder(t);
	sink_set_string(t->bookmark, "page", state != NULL ? state : "");
	sink_set_int(t->bookmark, "page_ms", t->now_ms);
	local_learn_url(t);
	return GOT_NEXT;
}

/* ---- index: this run among the others ---- */

/* Three requests, and one more where runs.json is not ours any more: it is put aside, not overwritten. */
enum phase { PHASE_READ, PHASE_ASIDE, PHASE_RUNS, PHASE_PAGE };

static enum phase phase_of(const struct talk *t)
{
	return (enum phase)sink_int(t->scratch, "phase", PHASE_READ);
}

enum ask local_index_ask(struct talk *t, struct request *r)
{
	const char *page = sink_string(t->bookmark, "page"), *done = sink_string(t->bookmark, "index");
	const cJSON *runs = cJSON_GetObjectItemCaseSensitive(t->scratch, "runs");
	const char *aside = sink_string(t->scratch, "aside");

	if (page == NULL || (done != NULL && strcmp(page, done) == 0))
		return ASK_SKIP;
	r->method = METHOD_PUT;
	switch (phase_of(t)) {
	case PHASE_READ:
		r->method = METHOD_GET;
		r->reply_max = RUNS_BYTES;
		buf_puts(&r->path, runs_file);
		break;
	case PHASE_ASIDE:
		buf_puts(&r->path, damaged_file);
		buf_puts(&r->body, aside != NULL ? aside : "");
		break;
	case PHASE_RUNS:
		buf_puts(&r->path, runs_file);
		index_json(&r->body, runs);
		break;
	case PHASE_PAGE:
		r->content_type = "text/html";
		buf_puts(&r->path, page_file);
		index_write(&r->body, runs, t->now_ms);
		break;
	}
	return ASK_SEND;
}

static enum phase index_take(struct talk *t, const struct reply *r)
{
	cJSON *runs = NULL;
	enum phase next = PHASE_RUNS;
	struct totals totals;

	if (sink_ok(r) && r->body.len > 0) {
		runs = index_read(r->body.data, r->body.len);
		if (runs == NULL) {
			cJSON_AddStringToObject(t->scratch, "aside", r->body.data);
			next = PHASE_ASIDE;
		}
	}
	if (runs == NULL)
		runs = cJSON_CreateArray();
	totals_load(&totals, cJSON_GetObjectItemCaseSensitive(t->bookmark, "totals"));
	runs = index_merge(runs, index_entry(t->run, &totals, local_folder_of(t), t->now_ms));
	cJSON_AddItemToObject(t->scratch, "runs", runs);
	return next;
}

enum got local_index_got(struct talk *t, const struct reply *r)
{
	enum phase next = PHASE_PAGE;
	const char *page = sink_string(t->bookmark, "page");

	switch (phase_of(t)) {
	case PHASE_READ:
		if (!sink_ok(r) && r->status != 404)
			return local_refused(t, r);
		next = index_take(t, r);
		break;
	case PHASE_ASIDE:
		if (!sink_ok(r))
			return local_refused(t, r);
		next = PHASE_RUNS;
		break;
	case PHASE_RUNS:
		if (!sink_ok(r))
			return local_refused(t, r);
		break;
	case PHASE_PAGE:
		if (!sink_ok(r))
			return local_refused(t, r);
		sink_set_string(t->bookmark, "index", page != NULL ? page : "");
		return GOT_NEXT;
	}
	sink_set_int(t->scratch, "phase", next);
	return GOT_MORE;
}

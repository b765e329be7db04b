/* SPDX-License-Identifier: Apache-2.0
 *
 * local.c - a folder that people like to open, filled like any tracker: a table of steps.
 *
 * Every request here may be repeated: an append carries its offset and cuts off what lies beyond it, a
 * replacement replaces.  So none is marked as a write, no intent is recorded, and what was interrupted is
 * simply asked again from the bookmark.  For the same reason got() may work out anew what ask() sent: both
 * call the same pure function over the same rows and the same bookmark. */
#include "sinks/local/local.h"

#include "daemon/base/digest.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "daemon/model/result_json.h"

#include <stdio.h>
#include <errno.h>
#include <stdlib.h>

enum {
	BODY_BYTES = 4 << 20, /* of one append, and one line more */
	LINE_BYTES = 16 << 20,
	BATCH = 2000,
	SLUG_BYTES = 60,
	FRESH_MS = 10000, /* the page of an open run is at most that old while results come */
	FRESH_LARGE_MS = 60000,
	LARGE_BYTES = 512 << 10,
};

static const char page_file[] = "index.html";
static const char results_file[] = "results.jsonl";
static const char shown_file[] = ".page-rows";
static const char runs_file[] = "runs.json";
static const char damaged_file[] = "runs.damaged.json";

/* ---- names ---- */

static void slug(const char *name, struct buf *out)
{
	bool gap = false;

	for (; name != NULL && *name != '\0' && out->len < SLUG_BYTES; name++) {
		unsigned char c = (unsigned char)*name;
		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c - 'A' + 'a');
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
			gap = true;
			continue;
		}
		if (gap && out->len > 0)
			buf_putc(out, '-');
		gap = false;
		buf_putc(out, (char)c);
	}
	if (out->len == 0)
		buf_puts(out, "run");
}

/* The run's number may come again when a state directory is made anew; its token does not. */
void local_folder(const struct sink_run *run, struct buf *out)
{
	const char *token = run->token;

	slug(run->name, out);
	if (token != NULL && strncmp(token, "rd-", 3) == 0 && strspn(token + 3, "0123456789abcdef") >= 8)
		buf_printf(out, "-%.8s", token + 3);
	else
		buf_printf(out, "-%lld", (long long)run->id);
}

/* The name that was taken first stays, whatever becomes of the run's name. */
static const char *folder_of(struct talk *t)
{
	const char *known = sink_string(t->bookmark, "folder");
	struct buf name = BUF_LIMIT(256);

	if (known != NULL)
		return known;
	local_folder(t->run, &name);
	known = arena_strndup(t->arena, name.data, name.len);
	buf_done(&name);
	return known != NULL ? known : "run";
}

static void remember_folder(struct talk *t)
{
	if (sink_string(t->bookmark, "folder") == NULL)
		sink_set_string(t->bookmark, "folder", folder_of(t));
}

static void path_in(struct talk *t, struct request *r, const char *file)
{
	buf_printf(&r->path, "%s/%s", folder_of(t), file);
}

/* ---- answers ---- */

static bool fine(const struct reply *r)
{
	return r->status >= 200 && r->status < 300;
}

static enum got refused(struct talk *t, const struct reply *r)
{
	if (r->error[0] != '\0')
		err_set(&t->err, -EIO, "%s", r->error);
	else
		err_set(&t->err, -EIO, "the folder answered %d", r->status);
	return GOT_PARK;
}

/* Nothing is half done here and nothing is undecided, so whatever passes by itself is waited for. */
static enum answer_class classify(const struct reply *r)
{
	switch (r->status) {
	case 400:
	case 404:
	case 405:
	case 416:
		return ANSWER_ITEM;
	case 403:
		return ANSWER_LOCKED;
	case 500:
	case 503:
	case 507:
		return ANSWER_WAIT;
	}
	return ANSWER_DEFAULT;
}

/* ---- results: every test a line ---- */

/* The line still tells how long the text was. */
static struct text emptied(struct text t)
{
	static const char cut[] = "[left out]";
	uint64_t whole = t.whole > t.len ? t.whole : t.len;

	if (whole < sizeof(cut))
		return t;
	return (struct text){ .s = cut, .len = sizeof(cut) - 1, .whole = whole };
}

static void cut_name(const char **s, struct arena *a)
{
	if (*s != NULL && strlen(*s) > 4096)
		*s = utf8_key(a, *s, strlen(*s), 4096);
}

/* What a test of absurd size is reduced to, one level after the other; level 0 is the test itself. */
static bool reduce(const struct result *r, int level, struct arena *a, struct result *out)
{
	*out = *r;
	if (level == 0)
		return true;
	if (r->attempt_count > 0) {
		size_t keep = level < 3 || r->attempt_count < 16 ? r->attempt_count : 16;
		struct attempt *some = arena_calloc(a, keep, sizeof(*some));
		if (some == NULL)
			return false;
		for (size_t i = 0; i < keep; i++) {
			some[i] = r->attempts[r->attempt_count - keep + i];
			some[i].out = emptied(some[i].out);
			some[i].err = emptied(some[i].err);
			if (level > 1)
				some[i].failure.detail = emptied(some[i].failure.detail);
			if (level > 2)
				some[i].failure = (struct failure){ 0 };
		}
		out->attempts = some;
		out->attempt_count = keep;
	}
	if (level > 1) {
		out->out = emptied(r->out);
		out->err = emptied(r->err);
		out->failure.detail = emptied(r->failure.detail);
	}
	if (level > 2) {
		cut_name(&out->name, a);
		cut_name(&out->class_name, a);
		cut_name(&out->id, a);
		cut_name(&out->file, a);
		cut_name(&out->variant, a);
		cut_name(&out->failure.type, a);
		out->suite_count = out->param_count = out->property_count = 0;
		out->ref_count = out->evidence_count = 0;
	}
	return true;
}

static void line_write(struct buf *lines, const struct result *r, struct arena *a)
{
	struct buf line = BUF_LIMIT(LINE_BYTES);
	struct result less;

	for (int level = 0; level <= 3; level++) {
		buf_reset(&line);
		if (reduce(r, level, a, &less) && result_json_write(&line, &less) == 0 &&
		    buf_error(&line) == 0)
			break;
	}
	buf_append(lines, line.data, line.len);
	buf_done(&line);
}

/* As many of the rows as one append takes; y learns of them.  Fewer where many have texts for the page:
 * what waits for .page-rows waits in the bookmark, and that must stay small. */
static size_t batch_make(const struct talk *t, struct tally *y, struct buf *lines)
{
	struct arena a = ARENA_LIMIT(SIZE_MAX / 4);
	size_t i;

	for (i = 0; i < t->rows->count; i++) {
		const struct row *row = &t->rows->row[i];
		if (i > 0 && (y->pending.len >= PENDING_BYTES || lines->len >= BODY_BYTES))
			break;
		for (size_t k = 0; k < row->test_count; k++) {
			struct result merged;
			tally_merge(&row->tests[k], &a, &merged);
			line_write(lines, &merged, &a);
			tally_add(y, &merged, row->tests[k].posted_before);
		}
		arena_reset(&a);
	}
	arena_done(&a);
	return i;
}

bool local_flush_due(const struct tally *y)
{
	return y->pending.len >= PENDING_BYTES;
}

void local_flush_ask(struct talk *t, struct request *r, const struct tally *y)
{
	r->method = METHOD_POST;
	path_in(t, r, shown_file);
	r->offset = y->shown;
	buf_append(&r->body, y->pending.data, y->pending.len);
}

/* Somebody removed the file under our hands: what is gone is gone, what comes is written. */
static void begin_again(struct tally *y, uint64_t *offset)
{
	*offset = 0;
	y->lost = 1;
}

enum got local_flush_got(struct talk *t, const struct reply *r, struct tally *y, enum got next)
{
	if (r->status == 416 && y->shown > 0) {
		begin_again(y, &y->shown);
		next = GOT_MORE;
	} else if (!fine(r)) {
		return refused(t, r);
	} else {
		y->shown += y->pending.len;
		buf_reset(&y->pending);
	}
	remember_folder(t);
	tally_save(y, t->bookmark);
	return next;
}

/* The test's own folder beneath files/: its identity, so that a later attempt finds the same. */
static const char *file_folder(struct talk *t, const struct row *row)
{
	static const char digit[] = "0123456789abcdef";
	uint8_t identity[IDENTITY_SIZE];
	char hex[2 * 8 + 1] = "";

	if (row->test_count == 0 || row->tests[0].result_count == 0)
		return "test";
	struct digest *d = digest_new();
	result_identity(row->tests[0].results[0], d, identity);
	digest_free(d);
	for (size_t i = 0; i < 8; i++) {
		hex[2 * i] = digit[identity[i] >> 4];
		hex[2 * i + 1] = digit[identity[i] & 15];
	}
	return arena_strdup(t->arena, hex);
}

static void learn_url(struct talk *t);

static enum ask results_ask(struct talk *t, struct request *r)
{
	struct tally y;

	tally_load(&y, t->bookmark);
	if (local_flush_due(&y)) {
		local_flush_ask(t, r, &y);
	} else {
		r->method = METHOD_POST;
		path_in(t, r, results_file);
		r->offset = y.offset;
		batch_make(t, &y, &r->body);
	}
	tally_done(&y);
	return ASK_SEND;
}

static enum got results_got(struct talk *t, const struct reply *r)
{
	struct tally y;
	enum got got = GOT_MORE;

	tally_load(&y, t->bookmark);
	if (local_flush_due(&y)) {
		got = local_flush_got(t, r, &y, GOT_MORE);
	} else if (r->status == 416 && y.offset > 0) {
		begin_again(&y, &y.offset);
		tally_save(&y, t->bookmark);
	} else if (!fine(r)) {
		got = refused(t, r);
	} else {
		struct buf lines = BUF_LIMIT(SIZE_MAX / 4);
		size_t n = batch_make(t, &y, &lines);
		y.offset += lines.len;
		buf_done(&lines);
		for (size_t i = 0; i < n; i++)
			learned_posted(&t->learned, t->rows->row[i].id, file_folder(t, &t->rows->row[i]));
		remember_folder(t);
		learn_url(t); /* files of the run wait for it */
		tally_save(&y, t->bookmark);
	}
	tally_done(&y);
	return got;
}

/* ---- shown: the rest of what waits for the page ---- */

static enum ask shown_ask(struct talk *t, struct request *r)
{
	struct tally y;
	enum ask ask = ASK_SKIP;

	tally_load(&y, t->bookmark);
	if (y.pending.len > 0) {
		local_flush_ask(t, r, &y);
		ask = ASK_SEND;
	}
	tally_done(&y);
	return ask;
}

static enum got shown_got(struct talk *t, const struct reply *r)
{
	struct tally y;

	tally_load(&y, t->bookmark);
	enum got got = local_flush_got(t, r, &y, GOT_NEXT);
	tally_done(&y);
	return got;
}

/* ---- page: made anew where something changed ---- */

/* ---- files: beside the page ---- */

static enum ask files_ask(struct talk *t, struct request *r)
{
	const struct row_evidence *e = t->rows->row[0].evidence;

	r->method = METHOD_PUT;
	buf_printf(&r->path, "%s/files/%s/%s", folder_of(t), e->of_run ? "run" : e->remote_result, e->name);
	sink_upload(t, r, NULL);
	return ASK_SEND;
}

static enum got files_got(struct talk *t, const struct reply *r)
{
	const struct row_evidence *e = t->rows->row[0].evidence;
	cJSON *files = cJSON_GetObjectItemCaseSensitive(t->bookmark, "files");
	int64_t n = sink_int(t->bookmark, "file_count", 0);

	if (r->status == 400) {
		learned_parked(&t->learned, t->rows->row[0].id, r->error);
		return GOT_MORE;
	}
	if (!fine(r))
		return refused(t, r);
	if (!cJSON_IsArray(files))
		files = cJSON_AddArrayToObject(t->bookmark, "files");
	if (cJSON_GetArraySize(files) < FILES_MAX) {
		cJSON *one = cJSON_CreateArray();
		cJSON_AddItemToArray(one, cJSON_CreateString(e->of_run ? "run" : e->remote_result));
		cJSON_AddItemToArray(one, cJSON_CreateString(e->name));
		cJSON_AddItemToArray(one, cJSON_CreateNumber((double)e->size));
		cJSON_AddItemToArray(one, cJSON_CreateString(e->test));
		cJSON_AddItemToArray(files, one);
	}
	sink_set_int(t->bookmark, "file_count", n + 1);
	learned_posted(&t->learned, t->rows->row[0].id, e->name);
	return GOT_MORE;
}

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

static enum ask page_ask(struct talk *t, struct request *r)
{
	struct tally y;
	enum ask ask = ASK_SEND;

	tally_load(&y, t->bookmark);
	if (!page_due(t, &y)) {
		ask = ASK_SKIP;
	} else if (page_reading(t, &y)) {
		r->method = METHOD_GET;
		path_in(t, r, shown_file);
		r->reply_max = y.shown + PENDING_BYTES + 2 * ENTRY_BYTES;
	} else {
		struct sheet s;
		sheet_of(t, &y, &s);
		r->method = METHOD_PUT;
		r->content_type = "text/html";
		path_in(t, r, page_file);
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
static void learn_url(struct talk *t)
{
	const struct local_conf *conf = t->conf;
	struct buf url = BUF_LIMIT(64 << 10);

	buf_puts(&url, "file://");
	html_url_path(&url, conf->dir);
	buf_printf(&url, "/%s/%s", folder_of(t), page_file);
	if (buf_error(&url) == 0)
		learned_run(&t->learned, folder_of(t), url.data);
	buf_done(&url);
}

static enum got page_got(struct talk *t, const struct reply *r)
{
	struct tally y;
	struct sheet s;

	tally_load(&y, t->bookmark);
	bool reading = page_reading(t, &y);
	const char *state = state_of(t, &y);
	if (!fine(r) && !(reading && r->status == 404)) {
		tally_done(&y);
		return refused(t, r);
	}
	if (reading) {
		/* Not there any more: a page without its list is better than none. */
		cJSON_AddStringToObject(t->scratch, "shown",
					fine(r) && r->body.data != NULL ? r->body.data : "");
		tally_done(&y);
		return GOT_MORE;
	}
	/* What the page says stands on the index too. */
	sheet_of(t, &y, &s);
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "totals");
	cJSON_AddItemToObject(t->bookmark, "totals", totals_save(&s.totals));
	sheet_done(&s);
	tally_done(&y);
	remember_folder(t);
	sink_set_string(t->bookmark, "page", state != NULL ? state : "");
	sink_set_int(t->bookmark, "page_ms", t->now_ms);
	learn_url(t);
	return GOT_NEXT;
}

/* ---- index: this run among the others ---- */

/* Three requests, and one more where runs.json is not ours any more: it is put aside, not overwritten. */
enum phase { PHASE_READ, PHASE_ASIDE, PHASE_RUNS, PHASE_PAGE };

static enum phase phase_of(const struct talk *t)
{
	return (enum phase)sink_int(t->scratch, "phase", PHASE_READ);
}

static enum ask index_ask(struct talk *t, struct request *r)
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

	if (fine(r) && r->body.len > 0) {
		runs = index_read(r->body.data, r->body.len);
		if (runs == NULL) {
			cJSON_AddStringToObject(t->scratch, "aside", r->body.data);
			next = PHASE_ASIDE;
		}
	}
	if (runs == NULL)
		runs = cJSON_CreateArray();
	totals_load(&totals, cJSON_GetObjectItemCaseSensitive(t->bookmark, "totals"));
	runs = index_merge(runs, index_entry(t->run, &totals, folder_of(t), t->now_ms));
	cJSON_AddItemToObject(t->scratch, "runs", runs);
	return next;
}

static enum got index_got(struct talk *t, const struct reply *r)
{
	enum phase next = PHASE_PAGE;
	const char *page = sink_string(t->bookmark, "page");

	switch (phase_of(t)) {
	case PHASE_READ:
		if (!fine(r) && r->status != 404)
			return refused(t, r);
		next = index_take(t, r);
		break;
	case PHASE_ASIDE:
		if (!fine(r))
			return refused(t, r);
		next = PHASE_RUNS;
		break;
	case PHASE_RUNS:
		if (!fine(r))
			return refused(t, r);
		break;
	case PHASE_PAGE:
		if (!fine(r))
			return refused(t, r);
		sink_set_string(t->bookmark, "index", page != NULL ? page : "");
		return GOT_NEXT;
	}
	sink_set_int(t->scratch, "phase", next);
	return GOT_MORE;
}

/* The run may end while the pages of the open run are written, so a final look follows. */
static const struct step local_steps[] = {
	{ .name = "take", .resolve = true }, /* there are no cases to find: every test is owed as it is */
	{ .name = "results", .rows = ROWS_ALL, .ask = results_ask, .got = results_got },
	{ .name = "files", .rows = ROWS_EVIDENCE, .ask = files_ask, .got = files_got },
	{ .name = "defects", .rows = ROWS_DEFECTS, .ask = local_defects_ask, .got = local_defects_got },
	{ .name = "shown", .ask = shown_ask, .got = shown_got },
	{ .name = "page", .ask = page_ask, .got = page_got },
	{ .name = "index", .exclusive = true, .ask = index_ask, .got = index_got },
	{ .name = "last-page", .final = true, .ask = page_ask, .got = page_got },
	{ .name = "last-index", .final = true, .exclusive = true, .ask = index_ask, .got = index_got },
	{ 0 },
};

/* ---- descriptor ---- */

static void endpoint(const void *conf, struct endpoint *out)
{
	const struct local_conf *c = conf;

	*out = (struct endpoint){
		.url = c->dir,
		.scope = c->dir,
		.verify = true,
		.parallel = 2,
		.folder = true,
		.folder_mode = (unsigned)c->dir_mode,
	};
}

static size_t batch(const void *conf)
{
	(void)conf;
	return BATCH;
}

/* Of what trackers are told apart by, nothing matters here: results leave at once and may be repeated. */
static const struct sink_common *common(const void *conf)
{
	static const struct sink_common none = { .on_unknown = ON_UNKNOWN_RESEND, .verify = true };

	(void)conf;
	return &none;
}

static void evidence(const void *conf, struct evidence_policy *out)
{
	(void)conf;
	*out = (struct evidence_policy){ .results = EVIDENCE_OF_ALL };
}

/* A page is not closed: what is found out later still goes there. */
static void links(const void *conf, struct sink_links *out)
{
	(void)conf;
	*out = (struct sink_links){ .tells = true };
}

const struct sink sink_local = {
	.name = "local",
	.run_word = "folder",
	.keys = local_keys,
	.conf_size = sizeof(struct local_conf),
	.steps = local_steps,
	.endpoint = endpoint,
	.classify = classify,
	.batch = batch,
	.common = common,
	.evidence = evidence,
	.links = links,
};

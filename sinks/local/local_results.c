/* SPDX-License-Identifier: Apache-2.0
 *
 * local_results.c - results on their way into the folder: every test a line of results.jsonl, and what the page
 * will show of them into .page-rows. */
#include "sinks/local/local.h"

#include "daemon/base/digest.h"
#include "daemon/base/utf8.h"
#include "daemon/model/result_json.h"

#include <string.h>

enum {
	BODY_BYTES = 4 << 20, /* of one append, and one line more */
	LINE_BYTES = 16 << 20,
};

static const char results_file[] = "results.jsonl";

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
	local_path_in(t, r, LOCAL_SHOWN_FILE);
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
	} else if (!sink_ok(r)) {
		return local_refused(t, r);
	} else {
		y->shown += y->pending.len;
		buf_reset(&y->pending);
	}
	local_remember_folder(t);
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

enum ask local_results_ask(struct talk *t, struct request *r)
{
	struct tally y;

	tally_load(&y, t->bookmark);
	if (local_flush_due(&y)) {
		local_flush_ask(t, r, &y);
	} else {
		r->method = METHOD_POST;
		local_path_in(t, r, results_file);
		r->offset = y.offset;
		batch_make(t, &y, &r->body);
	}
	tally_done(&y);
	return ASK_SEND;
}

enum got local_results_got(struct talk *t, const struct reply *r)
{
	struct tally y;
	enum got got = GOT_MORE;

	tally_load(&y, t->bookmark);
	if (local_flush_due(&y)) {
		got = local_flush_got(t, r, &y, GOT_MORE);
	} else if (r->status == 416 && y.offset > 0) {
		begin_again(&y, &y.offset);
		tally_save(&y, t->bookmark);
	} else if (!sink_ok(r)) {
		got = local_refused(t, r);
	} else {
		struct buf lines = BUF_LIMIT(SIZE_MAX / 4);
		size_t n = batch_make(t, &y, &lines);
		y.offset += lines.len;
		buf_done(&lines);
		for (size_t i = 0; i < n; i++)
			learned_posted(&t->learned, t->rows->row[i].id, file_folder(t, &t->rows->row[i]));
		local_remember_folder(t);
		local_learn_url(t); /* files of the run wait for it */
		tally_save(&y, t->bookmark);
	}
	tally_done(&y);
	return got;
}

/* ---- shown: the rest of what waits for the page ---- */

enum ask local_shown_ask(struct talk *t, struct request *r)
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

enum got local_shown_got(struct talk *t, const struct reply *r)
{
	struct tally y;

	tally_load(&y, t->bookmark);
	enum got got = local_flush_got(t, r, &y, GOT_NEXT);
	tally_done(&y);
	return got;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * tally.c - what a page needs to know of the results, gathered while they pass by.
 *
 * Invariant: the size of a tally is bounded by the caps of local.h, whatever the run holds and however
 * long its names and texts are. */
#include "sinks/local/local.h"

#include "daemon/base/digest.h"
#include "daemon/base/json.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	NAME_BYTES = 240, /* of a name on the page */
	GROUP_BYTES = 160,
	MESSAGE_BYTES = 2048,
	LINE_MESSAGE_BYTES = 200,
	DETAIL_BYTES = 6144,
	OUTPUT_BYTES = 1536,
	ATTEMPTS = 5,
	REFS = 8,
};

/* ---- executions of a test as one ---- */

void tally_merge(const struct row_test *test, struct arena *a, struct result *out)
{
	size_t n = 0, at = 0;

	*out = *test->results[test->result_count - 1];
	if (test->result_count == 1)
		return;
	for (size_t i = 0; i < test->result_count; i++)
		n += fold_attempts(test->results[i]);
	struct attempt *all = arena_calloc(a, n, sizeof(*all));
	if (all == NULL)
		return;
	for (size_t i = 0; i < test->result_count; i++) {
		const struct result *r = test->results[i];
		for (size_t k = 0; k < fold_attempts(r); k++)
			all[at++] = fold_attempt(r, k);
	}
	out->attempts = all;
	out->attempt_count = n;
	if (fold_test(test, a).verdict == VERDICT_FLAKY)
		out->flaky = true;
}

/* ---- groups ---- */

static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h;
}

/* "outer > inner", and the class where the suite does not say it already. */
static const char *group_name(const struct result *r, struct arena *a)
{
	struct buf b = BUF_LIMIT(64 << 10);
	const char *last = "";

	for (size_t i = 0; i < r->suite_count; i++) {
		if (r->suite[i] == NULL || r->suite[i][0] == '\0')
			continue;
		if (b.len > 0)
			buf_puts(&b, " \xe2\x80\xba ");
		last = r->suite[i];
		buf_append(&b, last, utf8_cut(last, strlen(last), 512));
	}
	if (r->class_name != NULL && r->class_name[0] != '\0' && strcmp(r->class_name, last) != 0) {
		if (b.len > 0)
			buf_puts(&b, " \xe2\x80\xba ");
		buf_append(&b, r->class_name, utf8_cut(r->class_name, strlen(r->class_name), 512));
	}
	if (r->variant != NULL && r->variant[0] != '\0') {
		buf_puts(&b, b.len > 0 ? " [" : "[");
		buf_append(&b, r->variant, utf8_cut(r->variant, strlen(r->variant), 64));
		buf_putc(&b, ']');
	}
	if (b.len == 0)
		buf_puts(&b, "(no suite)");
	/* A path of enormous depth stops at the ceiling; what is there is still a name. */
	const char *name = utf8_key(a, b.data, b.len, GROUP_BYTES);
	buf_done(&b);
	return name != NULL ? name : "";
}

static struct group *group_find(struct tally *y, const char *name)
{
	uint32_t h = hash(name);

	/* Neighbours mostly share their suite, and suites come in order. */
	for (size_t i = y->group_count; i-- > 0;) {
		if (y->group[i].hash == h && strcmp(y->group[i].name, name) == 0)
			return &y->group[i];
	}
	if (y->group_count == GROUP_MAX)
		return &y->rest;
	if (y->group == NULL)
		y->group = xcalloc(GROUP_MAX, sizeof(*y->group));
	struct group *g = &y->group[y->group_count++];
	*g = (struct group){ .name = xstrdup(name), .hash = h };
	return g;
}

static void slow_add(struct tally *y, double ms, const char *name, const char *group)
{
	size_t at = y->slow_count;

	if (!(ms > 0) || !isfinite(ms))
		return;
	while (at > 0 && y->slow[at - 1].ms < ms)
		at--;
	if (at == SLOW_MAX)
		return;
	if (y->slow_count == SLOW_MAX) {
		free(y->slow[SLOW_MAX - 1].name);
		free(y->slow[SLOW_MAX - 1].group);
		y->slow_count--;
	}
	memmove(&y->slow[at + 1], &y->slow[at], (y->slow_count - at) * sizeof(*y->slow));
	y->slow[at] = (struct slow){ ms, xstrdup(name), xstrdup(group) };
	y->slow_count++;
}

/* ---- lines of .page-rows ---- */

static void field_cut(struct buf *b, const char *key, const char *s, size_t max)
{
	if (s == NULL || s[0] == '\0')
		return;
	json_field_n(b, key, s, utf8_cut(s, strlen(s), max));
}

static size_t utf8_start(const char *s, size_t len, size_t at)
{
	while (at < len && ((unsigned char)s[at] & 0xc0) == 0x80)
		at++;
	return at;
}

/* Start and end of a long text: the top of a stack, and the last word of those who end with the cause. */
static void field_text(struct buf *b, const char *key, const struct text *t, size_t head, size_t tail)
{
	if (t->s == NULL || t->len == 0)
		return;
	if (t->len <= head + tail && t->whole <= t->len) {
		json_field_n(b, key, t->s, t->len);
		return;
	}
	struct buf cut = BUF_LIMIT(ENTRY_BYTES);
	if (t->len <= head + tail) {
		buf_append(&cut, t->s, t->len);
		buf_printf(&cut, "\n\xe2\x80\xa6 %llu more bytes \xe2\x80\xa6",
			   (unsigned long long)(t->whole - t->len));
	} else {
		size_t first = utf8_cut(t->s, t->len, head);
		size_t last = utf8_start(t->s, t->len, t->len - tail);
		uint64_t whole = t->whole > t->len ? t->whole : t->len;
		buf_append(&cut, t->s, first);
		buf_printf(&cut, "%s\xe2\x80\xa6 %llu bytes left out here \xe2\x80\xa6\n",
			   first > 0 ? "\n" : "", (unsigned long long)(whole - first - (t->len - last)));
		buf_append(&cut, t->s + last, t->len - last);
	}
	json_field_n(b, key, cut.data, cut.len);
	buf_done(&cut);
}

static void field_params(struct buf *b, const struct result *r)
{
	struct buf p = BUF_LIMIT(4096);

	for (size_t i = 0; i < r->param_count; i++) {
		const char *s = r->params[i] != NULL ? r->params[i] : "";
		if (i > 0)
			buf_puts(&p, ", ");
		buf_append(&p, s, utf8_cut(s, strlen(s), NAME_BYTES));
	}
	if (p.len > 0)
		json_field_n(b, "p", p.data, utf8_cut(p.data, p.len, NAME_BYTES));
	buf_done(&p);
}

static void field_attempts(struct buf *b, const struct result *r)
{
	size_t from = r->attempt_count > ATTEMPTS ? r->attempt_count - ATTEMPTS : 0;

	if (r->attempt_count < 2)
		return;
	json_field_int(b, "an", (int64_t)r->attempt_count);
	json_key(b, "a");
	buf_putc(b, '[');
	for (size_t i = from; i < r->attempt_count; i++) {
		const struct attempt *at = &r->attempts[i];
		json_sep(b);
		buf_putc(b, '{');
		json_field(b, "v", outcome_name(at->outcome));
		json_field_ms(b, "d", at->duration_ms);
		field_text(b, "m", at->failure.message.len > 0 ? &at->failure.message : &at->failure.detail,
			   500, 0);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

static void entry_begin(struct buf *b, const struct result *r, enum verdict v, const char *group)
{
	struct digest *d = digest_new();
	uint8_t id[IDENTITY_SIZE];
	char hex[2 * IDENTITY_SIZE + 1];

	result_identity(r, d, id);
	digest_free(d);
	digest_hex(id, sizeof(id), hex);
	buf_putc(b, '{');
	json_field(b, "i", hex);
	json_field(b, "v", verdict_name(v));
	json_field(b, "g", group);
	field_cut(b, "n", r->name, NAME_BYTES);
	field_params(b, r);
	json_field_ms(b, "d", r->duration_ms);
}

static void entry_full(struct buf *b, const struct result *r, enum verdict v, const char *group)
{
	entry_begin(b, r, v, group);
	field_cut(b, "k", r->failure.type, NAME_BYTES);
	field_text(b, "m", &r->failure.message, MESSAGE_BYTES, 0);
	field_text(b, "x", &r->failure.detail, DETAIL_BYTES - 2048, 2048);
	field_text(b, "o", &r->out, 0, OUTPUT_BYTES);
	field_text(b, "e", &r->err, 0, OUTPUT_BYTES);
	field_attempts(b, r);
	field_cut(b, "c", r->class_name, NAME_BYTES);
	field_cut(b, "V", r->variant, 64);
	json_field_time(b, "t", r->started_ms);
	field_cut(b, "f", r->file, NAME_BYTES);
	if (r->file != NULL && r->line > 0)
		json_field_int(b, "l", r->line);
	if (r->ref_count > 0) {
		json_key(b, "r");
		buf_putc(b, '[');
		for (size_t i = 0; i < r->ref_count && i < REFS; i++) {
			json_sep(b);
			json_string(b, r->refs[i], utf8_cut(r->refs[i], strlen(r->refs[i]), 40));
		}
		buf_putc(b, ']');
	}
	buf_puts(b, "}\n");
}

static void entry_line(struct buf *b, const struct result *r, enum verdict v, const char *group)
{
	const struct text *m = r->failure.message.len > 0 ? &r->failure.message : &r->failure.detail;

	entry_begin(b, r, v, group);
	if (m->s != NULL && m->len > 0) {
		const char *end = memchr(m->s, '\n', m->len);
		size_t len = end != NULL ? (size_t)(end - m->s) : m->len;
		json_field_n(b, "m", m->s, utf8_cut(m->s, len, LINE_MESSAGE_BYTES));
	}
	buf_puts(b, "}\n");
}

static void show(struct tally *y, const struct result *r, enum verdict v, const char *group, bool known)
{
	bool bad = v == VERDICT_FAILED || v == VERDICT_ERROR;
	bool texts = bad || v == VERDICT_FLAKY || v == VERDICT_KNOWN_FAILURE;
	struct buf line = BUF_LIMIT(ENTRY_BYTES);

	if (texts && y->full < FULL_MAX && y->full_bytes < FULL_BYTES) {
		entry_full(&line, r, v, group);
		if (buf_error(&line) == 0) {
			y->full++;
			y->full_bytes += line.len;
			buf_append(&y->pending, line.data, line.len);
			buf_done(&line);
			return;
		}
		buf_reset(&line); /* escapes made it too long: without its texts, then */
	}
	uint64_t *used = known ? &y->late : bad ? &y->failed : &y->other;
	uint64_t max = known ? LATE_MAX : bad ? FAILED_MAX : OTHER_MAX;
	if (*used < max) {
		entry_line(&line, r, v, group);
		if (buf_error(&line) == 0) {
			(*used)++;
			buf_append(&y->pending, line.data, line.len);
			buf_done(&line);
			return;
		}
	}
	if (bad)
		y->dropped_failed++;
	else
		y->dropped_other++;
	buf_done(&line);
}

/* What it was counted as before its newest execution came; good enough for the line of a suite, while
 * the totals of the run come from the queue. */
static enum verdict earlier(const struct result *r)
{
	if (r->attempt_count < 2)
		return result_verdict(r);
	struct result was = { .outcome = r->attempts[r->attempt_count - 2].outcome };
	for (size_t i = 0; i + 1 < r->attempt_count; i++)
		was.flaky = was.flaky || r->attempts[i].outcome >= OUTCOME_FAILED;
	return result_verdict(&was);
}

void tally_add(struct tally *y, const struct result *r, bool known)
{
	struct arena a = ARENA_LIMIT(1 << 16);
	enum verdict v = result_verdict(r);
	const char *name = group_name(r, &a);
	struct group *g = group_find(y, name);

	y->lines++;
	if (known) {
		uint64_t *was = &g->count[earlier(r)];
		if (*was > 0)
			(*was)--;
	} else {
		y->tests++;
		if (r->duration_ms > 0 && isfinite(r->duration_ms))
			g->ms += r->duration_ms;
	}
	g->count[v]++;
	const char *title = r->name != NULL ? r->name : "";
	if (r->duration_ms > 0 && (y->slow_count < SLOW_MAX || r->duration_ms > y->slow[SLOW_MAX - 1].ms))
		slow_add(y, r->duration_ms,
			 arena_strndup(&a, title, utf8_cut(title, strlen(title), NAME_BYTES)), name);
	show(y, r, v, name, known);
	arena_done(&a);
}

static void add_group(struct totals *t, const struct group *g)
{
	for (int v = 0; v < VERDICT_COUNT; v++)
		t->count[v] += g->count[v];
	t->ms += g->ms;
}

void tally_totals(const struct tally *y, const struct sink_run *run, struct totals *out)
{
	*out = (struct totals){ .tests = y->tests };
	add_group(out, &y->rest);
	for (size_t i = 0; i < y->group_count; i++)
		add_group(out, &y->group[i]);
	/* Late attempts are counted by a guess at what their test was before; the queue knows. */
	if (y->exact || y->lines == y->tests || run->tests != y->tests)
		return;
	uint64_t known = out->count[VERDICT_KNOWN_FAILURE];
	known = known < run->failed ? known : run->failed;
	out->count[VERDICT_PASSED] = run->passed > run->flaky ? run->passed - run->flaky : 0;
	out->count[VERDICT_FLAKY] = run->flaky;
	out->count[VERDICT_KNOWN_FAILURE] = known;
	out->count[VERDICT_FAILED] = run->failed - known;
	out->count[VERDICT_ERROR] = run->error;
	out->count[VERDICT_SKIPPED] = run->skipped;
	out->ms = run->duration_ms;
}

/* ---- to and from the bookmark ---- */

static double number(const cJSON *array, int i)
{
	const cJSON *n = cJSON_GetArrayItem(array, i);

	return cJSON_IsNumber(n) && isfinite(n->valuedouble) && n->valuedouble >= 0 ? n->valuedouble : 0;
}

static uint64_t count_at(const cJSON *array, int i)
{
	double n = number(array, i);

	return n < 9e15 ? (uint64_t)n : 0;
}

static const char *string_at(const cJSON *array, int i)
{
	const cJSON *s = cJSON_GetArrayItem(array, i);

	return cJSON_IsString(s) ? s->valuestring : "";
}

static uint64_t count_of(const cJSON *o, const char *name)
{
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsNumber(n) && n->valuedouble >= 0 && n->valuedouble < 9e15 ? (uint64_t)n->valuedouble
										 : 0;
}

static void group_load(struct group *g, const cJSON *array)
{
	for (int v = 0; v < VERDICT_COUNT; v++)
		g->count[v] = count_at(array, 1 + v);
	g->ms = number(array, 1 + VERDICT_COUNT);
}

static cJSON *group_save(const struct group *g)
{
	cJSON *array = cJSON_CreateArray();

	cJSON_AddItemToArray(array, cJSON_CreateString(g->name != NULL ? g->name : ""));
	for (int v = 0; v < VERDICT_COUNT; v++)
		cJSON_AddItemToArray(array, cJSON_CreateNumber((double)g->count[v]));
	cJSON_AddItemToArray(array, cJSON_CreateNumber(floor(g->ms)));
	return array;
}

cJSON *totals_save(const struct totals *t)
{
	struct group g = { .ms = t->ms };

	memcpy(g.count, t->count, sizeof(g.count));
	return group_save(&g);
}

void totals_load(struct totals *t, const cJSON *saved)
{
	struct group g = { 0 };

	group_load(&g, saved);
	*t = (struct totals){ .ms = g.ms };
	memcpy(t->count, g.count, sizeof(g.count));
	for (int v = 0; v < VERDICT_COUNT; v++)
		t->tests += g.count[v];
}

/* One row a number of the tally: the bookmark's member and where it goes. */
static const struct {
	const char *name;
	size_t offset;
} numbers[] = {
	{ "offset", offsetof(struct tally, offset) },
	{ "shown", offsetof(struct tally, shown) },
	{ "lines", offsetof(struct tally, lines) },
	{ "tests", offsetof(struct tally, tests) },
	{ "full", offsetof(struct tally, full) },
	{ "full_bytes", offsetof(struct tally, full_bytes) },
	{ "failed", offsetof(struct tally, failed) },
	{ "other", offsetof(struct tally, other) },
	{ "late", offsetof(struct tally, late) },
	{ "defects", offsetof(struct tally, defects) },
	{ "dropped_failed", offsetof(struct tally, dropped_failed) },
	{ "dropped_other", offsetof(struct tally, dropped_other) },
	{ "lost", offsetof(struct tally, lost) },
};
enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

void tally_load(struct tally *y, const cJSON *bookmark)
{
	const cJSON *item;

	*y = (struct tally){ .pending = BUF_LIMIT(PENDING_BYTES + 2 * ENTRY_BYTES) };
	for (size_t i = 0; i < NUMBERS; i++)
		*(uint64_t *)((char *)y + numbers[i].offset) = count_of(bookmark, numbers[i].name);
	group_load(&y->rest, cJSON_GetObjectItemCaseSensitive(bookmark, "rest"));
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(bookmark, "groups"))
	{
		struct group *g = group_find(y, string_at(item, 0));
		group_load(g, item);
	}
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(bookmark, "slow"))
		slow_add(y, number(item, 0), string_at(item, 1), string_at(item, 2));
	const char *pending = sink_string(bookmark, "pending");
	if (pending != NULL)
		buf_puts(&y->pending, pending);
}

static void replace(cJSON *bookmark, const char *name, cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(bookmark, name);
	cJSON_AddItemToObject(bookmark, name, value);
}

void tally_save(const struct tally *y, cJSON *bookmark)
{
	for (size_t i = 0; i < NUMBERS; i++)
		replace(bookmark, numbers[i].name,
			cJSON_CreateNumber((double)*(const uint64_t *)((const char *)y + numbers[i].offset)));
	cJSON *groups = cJSON_CreateArray(), *slow = cJSON_CreateArray();
	for (size_t i = 0; i < y->group_count; i++)
		cJSON_AddItemToArray(groups, group_save(&y->group[i]));
	for (size_t i = 0; i < y->slow_count; i++) {
		cJSON *one = cJSON_CreateArray();
		cJSON_AddItemToArray(one, cJSON_CreateNumber(y->slow[i].ms));
		cJSON_AddItemToArray(one, cJSON_CreateString(y->slow[i].name));
		cJSON_AddItemToArray(one, cJSON_CreateString(y->slow[i].group));
		cJSON_AddItemToArray(slow, one);
	}
	replace(bookmark, "groups", groups);
	replace(bookmark, "rest", group_save(&y->rest));
	replace(bookmark, "slow", slow);
	replace(bookmark, "pending", cJSON_CreateString(y->pending.len > 0 ? y->pending.data : ""));
}

void tally_done(struct tally *y)
{
	for (size_t i = 0; i < y->group_count; i++)
		free(y->group[i].name);
	free(y->group);
	for (size_t i = 0; i < y->slow_count; i++) {
		free(y->slow[i].name);
		free(y->slow[i].group);
	}
	buf_done(&y->pending);
	*y = (struct tally){ 0 };
}

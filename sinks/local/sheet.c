/* SPDX-License-Identifier: Apache-2.0
 *
 * sheet.c - what a run's page is written from: the lines of .page-rows read, folded and put in order.
 *
 * The file lies in a folder that others may write to: a line that is not ours is passed over, and the
 * strings in it are as foreign as those of a report. */
#include "sinks/local/local.h"

#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <stdlib.h>
#include <strings.h>

enum { CAUSE_BYTES = 160, CAUSES_FROM = 4 };

/* ---- tests ---- */

bool verdict_parse(const char *name, enum verdict *out)
{
	for (int v = 0; name != NULL && v < VERDICT_COUNT; v++) {
		if (strcmp(name, verdict_name((enum verdict)v)) == 0) {
			*out = (enum verdict)v;
			return true;
		}
	}
	return false;
}

bool verdict_bad(enum verdict v)
{
	return v == VERDICT_FAILED || v == VERDICT_ERROR;
}

static void entries_read(struct sheet *s, const char *text, size_t len)
{
	const char *end = text + len;
	size_t room = 0;

	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		if (stop == NULL)
			break;
		struct entry e = { .json = cJSON_ParseWithLength(text, (size_t)(stop - text)),
				   .seq = s->entry_count };
		text = stop + 1;
		if (defects_read(s, e.json))
			continue;
		e.id = sink_string(e.json, "i");
		/* The name becomes an anchor, so it is no more than what we write ourselves. */
		if (e.id == NULL || strspn(e.id, "0123456789abcdef") != 2 * IDENTITY_SIZE ||
		    e.id[2 * IDENTITY_SIZE] != '\0' || !verdict_parse(sink_string(e.json, "v"), &e.verdict)) {
			cJSON_Delete(e.json);
			continue;
		}
		e.texts = e.verdict != VERDICT_PASSED && e.verdict != VERDICT_SKIPPED &&
			  (cJSON_HasObjectItem(e.json, "x") || cJSON_HasObjectItem(e.json, "k") ||
			   cJSON_HasObjectItem(e.json, "m") || cJSON_HasObjectItem(e.json, "a"));
		if (s->entry_count == room) {
			room = room > 0 ? room * 2 : 256;
			s->entry = xrealloc(s->entry, room, sizeof(*s->entry));
		}
		s->entry[s->entry_count++] = e;
	}
}

static int by_id(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->id, y->id);

	return order != 0 ? order : (x->seq > y->seq) - (x->seq < y->seq);
}

/* Of each test the last line counts, as in results.jsonl. */
static void entries_fold(struct sheet *s)
{
	size_t kept = 0;

	if (s->entry_count == 0)
		return;
	qsort(s->entry, s->entry_count, sizeof(*s->entry), by_id);
	for (size_t i = 0; i < s->entry_count; i++) {
		if (i + 1 < s->entry_count && strcmp(s->entry[i].id, s->entry[i + 1].id) == 0)
			cJSON_Delete(s->entry[i].json);
		else
			s->entry[kept++] = s->entry[i];
	}
	s->entry_count = kept;
}

/* ---- suites ---- */

static bool group_bad(const struct group *g)
{
	return g->count[VERDICT_FAILED] + g->count[VERDICT_ERROR] > 0;
}

/* Those with failures first, then as a person would look them up. */
static int by_need(const void *a, const void *b)
{
	const struct group *x = *(const struct group *const *)a, *y = *(const struct group *const *)b;

	if (group_bad(x) != group_bad(y))
		return group_bad(x) ? -1 : 1;
	int order = strcasecmp(x->name, y->name);
	return order != 0 ? order : strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
	const struct group *x = *(const struct group *const *)a, *y = *(const struct group *const *)b;

	return strcmp(x->name, y->name);
}

static int name_is(const void *key, const void *at)
{
	return strcmp(key, (*(const struct group *const *)at)->name);
}

static int by_group(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

static void groups_find(struct sheet *s)
{
	struct tally *y = s->tally;
	size_t n = y->group_count;
	const struct group **sorted = xcalloc(n + 1, sizeof(const struct group *));

	for (size_t i = 0; i < n; i++)
		sorted[i] = &y->group[i];
	qsort(sorted, n, sizeof(const struct group *), by_name);
	for (size_t i = 0; i < s->entry_count; i++) {
		const char *name = sink_string(s->entry[i].json, "g");
		const struct group **found =
			name == NULL ? NULL : bsearch(name, sorted, n, sizeof(const struct group *), name_is);
		s->entry[i].group = found != NULL ? (size_t)(*found - y->group) : n;
	}
	free(sorted);
}

/* Where every test is listed the list itself is counted: late attempts make the tally a guess. */
static void groups_count(struct sheet *s)
{
	struct tally *y = s->tally;

	if (s->entry_count != y->tests || y->dropped_failed + y->dropped_other > 0)
		return;
	memset(y->rest.count, 0, sizeof(y->rest.count));
	for (size_t i = 0; i < y->group_count; i++)
		memset(y->group[i].count, 0, sizeof(y->group[i].count));
	for (size_t i = 0; i < s->entry_count; i++) {
		struct group *g =
			s->entry[i].group < y->group_count ? &y->group[s->entry[i].group] : &y->rest;
		g->count[s->entry[i].verdict]++;
	}
	y->exact = true;
}

static void groups_sort(struct sheet *s)
{
	const struct tally *y = s->tally;
	size_t n = y->group_count;
	size_t *place = xcalloc(n + 1, sizeof(*place));

	s->group = xcalloc(n + 1, sizeof(const struct group *));
	s->group_count = n;
	for (size_t i = 0; i < n; i++)
		s->group[i] = &y->group[i];
	qsort(s->group, n, sizeof(const struct group *), by_need);
	for (size_t i = 0; i < n; i++)
		place[s->group[i] - y->group] = i;
	place[n] = n;
	for (size_t i = 0; i < s->entry_count; i++)
		s->entry[i].group = place[s->entry[i].group];
	if (s->entry_count > 0)
		qsort(s->entry, s->entry_count, sizeof(*s->entry), by_group);
	free(place);
}

/* ---- what several failures have in common ---- */

struct found {
	char *key;
	struct entry *entry;
};

/* The first line of the message, with its numbers made equal: ports, ids and amounts differ by nature. */
static char *cause_key(const struct entry *e)
{
	const char *text = sink_string(e->json, "m");
	struct buf b = BUF_LIMIT(CAUSE_BYTES * 2);

	if (text == NULL)
		text = sink_string(e->json, "x");
	if (text == NULL)
		text = sink_string(e->json, "k");
	if (text == NULL)
		return NULL;
	text += strspn(text, " \t\r\n");
	for (const char *end = text + utf8_cut(text, strlen(text), CAUSE_BYTES); text < end && *text != '\n';
	     text++) {
		bool digit = *text >= '0' && *text <= '9';
		if (!digit)
			buf_putc(&b, *text);
		else if (b.len == 0 || b.data[b.len - 1] != '0')
			buf_putc(&b, '0');
	}
	if (b.len == 0) {
		buf_done(&b);
		return NULL;
	}
	return buf_steal(&b);
}

static int by_key(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order != 0 ? order : (x->entry > y->entry) - (x->entry < y->entry);
}

/* Keeps the most frequent ones, in order. */
static void cause_add(struct sheet *s, const struct found *first, size_t count)
{
	size_t at = s->cause_count;

	while (at > 0 && s->cause[at - 1].count < count)
		at--;
	if (count < 2 || at == CAUSES_MAX)
		return;
	if (s->cause_count == CAUSES_MAX)
		s->cause_count--;
	memmove(&s->cause[at + 1], &s->cause[at], (s->cause_count - at) * sizeof(*s->cause));
	s->cause[at] = (struct cause){ .first = first->entry, .at = first, .count = count };
	s->cause_count++;
}

static void causes_find(struct sheet *s)
{
	struct found *found = xcalloc(s->entry_count + 1, sizeof(*found));
	size_t n = 0;

	for (size_t i = 0; i < s->entry_count; i++) {
		char *key = verdict_bad(s->entry[i].verdict) ? cause_key(&s->entry[i]) : NULL;
		if (key != NULL)
			found[n++] = (struct found){ key, &s->entry[i] };
	}
	if (n >= CAUSES_FROM) {
		qsort(found, n, sizeof(*found), by_key);
		for (size_t i = 0, next; i < n; i = next) {
			for (next = i + 1; next < n && strcmp(found[i].key, found[next].key) == 0; next++)
				;
			cause_add(s, &found[i], next - i);
		}
		for (size_t c = 0; c < s->cause_count; c++) {
			const struct found *at = s->cause[c].at;
			for (size_t i = 0; i < s->cause[c].count; i++)
				at[i].entry->cause = (unsigned)c + 1;
			s->cause[c].at = NULL;
		}
	}
	for (size_t i = 0; i < n; i++)
		free(found[i].key);
	free(found);
}

/* ---- the sheet ---- */

void sheet_init(struct sheet *s, const struct sink_run *run, struct tally *y, const char *shown,
		size_t shown_len)
{
	*s = (struct sheet){ .run = run, .tally = y };
	if (shown_len > 0)
		entries_read(s, shown, shown_len);
	entries_fold(s);
	defects_sort(s);
	groups_find(s);
	groups_count(s);
	tally_totals(y, run, &s->totals);
	groups_sort(s);
	causes_find(s);
}

void sheet_done(struct sheet *s)
{
	for (size_t i = 0; i < s->entry_count; i++)
		cJSON_Delete(s->entry[i].json);
	free(s->entry);
	free(s->group);
	defects_done(s);
	*s = (struct sheet){ 0 };
}

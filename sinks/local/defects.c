/* SPDX-License-Identifier: Apache-2.0
 *
 * defects.c - work items that a tracker of defects made of failing tests, on the page of their run.
 *
 * They mostly come after the page.  Each becomes a further line of .page-rows, {"w": TEST, "D": [[id, url, state]..]}
 * (TEST: 16 digits of the test's identity, as its folder of files), and the page is made anew. */
#include "sinks/local/local.h"

#include "daemon/base/json.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <stdlib.h>

enum { ID_BYTES = 64, URL_BYTES = 600, STATE_BYTES = 100, TEST_DIGITS = 16 };

/* ---- lines ---- */

static void put_part(struct buf *b, const char *s, size_t max)
{
	json_sep(b);
	json_string(b, s != NULL ? s : "", s != NULL ? utf8_cut(s, strlen(s), max) : 0);
}

/* As many of them as the line takes. */
static void line_write(struct buf *lines, const struct row *row)
{
	struct buf line = BUF_LIMIT(DEFECT_BYTES), one = BUF_LIMIT(DEFECT_BYTES);

	buf_putc(&line, '{');
	json_field(&line, "w", row->posted_id);
	json_key(&line, "D");
	buf_putc(&line, '[');
	for (size_t i = 0; i < row->defect_count; i++) {
		const struct row_defect *d = &row->defects[i];
		buf_reset(&one);
		buf_putc(&one, '[');
		put_part(&one, d->id, ID_BYTES);
		/* A part of an address leads nowhere. */
		put_part(&one, d->url != NULL && strlen(d->url) <= URL_BYTES ? d->url : NULL, URL_BYTES);
		put_part(&one, d->state, STATE_BYTES);
		buf_putc(&one, ']');
		if (buf_error(&one) != 0 || line.len + one.len + 4 > DEFECT_BYTES)
			break;
		json_sep(&line);
		buf_append(&line, one.data, one.len);
	}
	buf_puts(&line, "]}\n");
	if (buf_error(&line) == 0)
		buf_append(lines, line.data, line.len);
	buf_done(&one);
	buf_done(&line);
}

enum ask local_defects_ask(struct talk *t, struct request *r)
{
	enum ask ask = ASK_LEARN;
	struct tally y;

	tally_load(&y, t->bookmark);
	if (local_flush_due(&y)) {
		local_flush_ask(t, r, &y);
		ask = ASK_SEND;
	}
	for (size_t i = 0; ask == ASK_LEARN && i < t->rows->count && !local_flush_due(&y); i++) {
		const struct row *row = &t->rows->row[i];
		if (row->posted_id != NULL && y.defects < DEFECTS_MAX) {
			line_write(&y.pending, row);
			y.defects++;
		}
		learned_posted(&t->learned, row->id, row->posted_id);
	}
	if (ask == ASK_LEARN)
		tally_save(&y, t->bookmark);
	tally_done(&y);
	return ask;
}

enum got local_defects_got(struct talk *t, const struct reply *r)
{
	struct tally y;

	tally_load(&y, t->bookmark);
	enum got got = local_flush_got(t, r, &y, GOT_MORE);
	tally_done(&y);
	return got;
}

/* ---- and back ---- */

static bool defect_of(const cJSON *json, const char **test)
{
	*test = sink_string(json, "w");
	return *test != NULL && strlen(*test) == TEST_DIGITS && cJSON_HasObjectItem(json, "D");
}

bool defects_read(struct sheet *s, cJSON *json)
{
	const char *test;

	if (!defect_of(json, &test) || s->told_count == DEFECTS_MAX)
		return false;
	if ((s->told_count & (s->told_count - 1)) == 0)
		s->told = xrealloc(s->told, s->told_count > 0 ? 2 * s->told_count : 1, sizeof(*s->told));
	s->told[s->told_count] = (struct told){ .json = json, .test = test, .seq = s->told_count };
	s->told_count++;
	return true;
}

static int by_test(const void *a, const void *b)
{
	const struct told *x = a, *y = b;
	int order = strcmp(x->test, y->test);

	return order != 0 ? order : (x->seq > y->seq) - (x->seq < y->seq);
}

void defects_sort(struct sheet *s)
{
	if (s->told_count > 1)
		qsort(s->told, s->told_count, sizeof(*s->told), by_test);
}

static size_t first_of(const struct sheet *s, const char *id)
{
	size_t low = 0, high = s->told_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strncmp(s->told[mid].test, id, TEST_DIGITS) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Told before, by a line or in this one: an item is told again where an attempt came late. */
static bool before(const struct sheet *s, size_t from, size_t at, const cJSON *until, const char *id)
{
	for (size_t i = from; i <= at; i++) {
		const cJSON *one;
		cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(s->told[i].json, "D"))
		{
			if (i == at && one == until)
				return false;
			const char *its = cJSON_GetStringValue(cJSON_GetArrayItem(one, 0));
			if (its != NULL && strcmp(its, id) == 0)
				return true;
		}
	}
	return false;
}

void defects_write(struct buf *b, const struct sheet *s, const struct entry *e)
{
	size_t from = first_of(s, e->id);
	bool any = false;

	for (size_t i = from; i < s->told_count && strncmp(s->told[i].test, e->id, TEST_DIGITS) == 0; i++) {
		const cJSON *one;
		cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(s->told[i].json, "D"))
		{
			const char *id = cJSON_GetStringValue(cJSON_GetArrayItem(one, 0));
			const char *url = cJSON_GetStringValue(cJSON_GetArrayItem(one, 1));
			const char *state = cJSON_GetStringValue(cJSON_GetArrayItem(one, 2));
			if (id == NULL || id[0] == '\0' || before(s, from, i, one, id))
				continue;
			buf_puts(b, any ? ", " : " <small class=\"defects\">Defect ");
			any = true;
			if (html_link_safe(url)) {
				buf_puts(b, "<a rel=\"noreferrer noopener\" href=\"");
				html_string(b, url);
				buf_puts(b, "\">");
			}
			html_bdi(b, id);
			if (html_link_safe(url))
				buf_puts(b, "</a>");
			if (state != NULL && state[0] != '\0') {
				buf_puts(b, " (");
				html_bdi(b, state);
				buf_putc(b, ')');
			}
		}
	}
	if (any)
		buf_puts(b, "</small>");
}

void defects_done(struct sheet *s)
{
	for (size_t i = 0; i < s->told_count; i++)
		cJSON_Delete(s->told[i].json);
	free(s->told);
	s->told = NULL;
	s->told_count = 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_entry.c - what is posted for a result: status, comment, version, defects, who it is assigned to,
 * fields, steps.  Pure functions over rows, facts and configuration.
 *
 * Properties of a test that are meant for us begin with testrail_result_: _field ("name:value"), _comment,
 * _step ("pass:what was done"); further letters may follow the name, since some report writers want names to
 * be different.  "step[passed]" and "step" are those of the published JUnit conventions.  What a report says
 * wrongly (a field that is not there, a value of the wrong type) is told in the comment and stops nothing. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/clock.h"
#include "daemon/base/json.h"
#include "daemon/base/utf8.h"
#include "sinks/text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define TROUBLES_SHOWN 2000
#define STEPS_MAX      500
#define STEP_TEXT_MAX  4000
#define DEFECTS_MAX    250

/* ---- what is posted for a row ---- */

static int64_t status_of(const struct talk *t, enum verdict v)
{
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(t->facts, "statuses"), "ids");
	const cJSON *id = cJSON_GetArrayItem(ids, (int)v);

	return cJSON_IsNumber(id) ? (int64_t)id->valuedouble : -1;
}

size_t testrail_folded_count(const struct talk *t, const struct row *row)
{
	const struct testrail_conf *c = t->conf;

	return c->several == SEVERAL_EACH ? row->test_count : 1;
}

/* The status of the row's ith entry; -1: it is none.  What was posted one by one is not posted again. */
int64_t testrail_folded_at(const struct talk *t, const struct row *row, size_t i, struct folded *f)
{
	const struct testrail_conf *c = t->conf;

	if (c->several != SEVERAL_EACH) {
		*f = fold_row(row, (enum several)c->several, t->arena);
		return status_of(t, f->verdict);
	}
	*f = fold_test(&row->tests[i], t->arena);
	return row->tests[i].settled ? -1 : status_of(t, f->verdict);
}

/* Entries that a row has in a request; none where all its verdicts are configured so. */
size_t testrail_entry_count(const struct talk *t, const struct row *row)
{
	struct folded f;
	size_t n = 0;

	for (size_t i = 0; i < testrail_folded_count(t, row); i++)
		n += testrail_folded_at(t, row, i, &f) >= 0;
	return n;
}

/* ---- one entry ---- */

/* What goes into an entry: what is wanted of its fields, and what is to be said of that. */
struct entry {
	struct talk *t;
	const struct folded *f;
	const struct vars *vars;
	struct testrail_wishes wishes;
	struct buf troubles, steps; /* steps: a JSON array, or lines where they are told in the comment */
	bool steps_told;
	const cJSON *steps_field;
	bool has_comment, has_version, has_defects, has_assignee;
};

static void trouble(struct entry *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void trouble(struct entry *e, const char *fmt, ...)
{
	va_list ap;

	if (e->troubles.len > TROUBLES_SHOWN)
		return;
	buf_puts(&e->troubles, e->troubles.len > 0 ? "\n" : "");
	va_start(ap, fmt);
	buf_vprintf(&e->troubles, fmt, ap);
	va_end(ap);
}

static bool put_expanded(struct entry *e, struct buf *out, const struct template *tpl, const char *key)
{
	return tpl == NULL || text_expand(e->t, tpl, e->vars, key, out);
}

/* ---- steps ---- */

/* A status word of a step; -1: none that is known.  A step may be untested, a result may not. */
static int64_t step_status(const struct talk *t, const char *word, size_t len)
{
	static const struct {
		const char *word;
		enum verdict verdict;
		int64_t id;
	} words[] = {
		{ "pass", VERDICT_PASSED, 1 },    { "passed", VERDICT_PASSED, 1 },
		{ "success", VERDICT_PASSED, 1 }, { "ok", VERDICT_PASSED, 1 },
		{ "fail", VERDICT_FAILED, 5 },    { "failed", VERDICT_FAILED, 5 },
		{ "failure", VERDICT_FAILED, 5 }, { "error", VERDICT_ERROR, 5 },
		{ "skip", VERDICT_SKIPPED, 4 },   { "skipped", VERDICT_SKIPPED, 4 },
		{ "blocked", VERDICT_COUNT, 2 },  { "not run", VERDICT_COUNT, 3 },
		{ "untested", VERDICT_COUNT, 3 }, { "notrun", VERDICT_COUNT, 3 },
		{ "retest", VERDICT_COUNT, 4 },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].word) != len || strncasecmp(words[i].word, word, len) != 0)
			continue;
		int64_t id = words[i].verdict != VERDICT_COUNT ? status_of(t, words[i].verdict) : -1;
		return id > 0 ? id : words[i].id;
	}
	return -1;
}

static void put_step(struct entry *e, const char *content, int64_t status, const char *word, size_t word_len)
{
	const char *told = text_unmarked(e->t->arena, content);
	const char *text = told != NULL ? testrail_trim(e->t, told, strlen(told)) : NULL;

	if (text == NULL)
		return;
	size_t len = utf8_cut(text, strlen(text), STEP_TEXT_MAX);
	if (e->steps_told) {
		buf_printf(&e->steps, "%s- %.*s%s", e->steps.len > 0 ? "\n" : "", (int)word_len, word,
			   word_len > 0 ? ": " : "");
		buf_append(&e->steps, text, len);
		return;
	}
	json_sep(&e->steps);
	buf_putc(&e->steps, '{');
	json_field_n(&e->steps, "content", text, len);
	json_field_int(&e->steps, "status_id", status);
	buf_putc(&e->steps, '}');
}

/* "pass: opens the page", as the vendor's importer writes it; without a word it is a step that was passed. */
static void vendor_step(struct entry *e, const char *value)
{
	const char *colon = strchr(value, ':');
	const char *word = colon != NULL ? testrail_trim(e->t, value, (size_t)(colon - value)) : NULL;
	int64_t status = word != NULL ? step_status(e->t, word, strlen(word)) : -1;

	if (status > 0)
		put_step(e, colon + 1, status, word, strlen(word));
	else
		put_step(e, value, step_status(e->t, "pass", 4), "", 0);
}

/* "step", "step[passed]" */
static bool published_step(struct entry *e, const struct property *p)
{
	const char *key = p->key;

	if (strncasecmp(key, "step", 4) != 0)
		return false;
	if (key[4] == '\0') {
		put_step(e, p->value, step_status(e->t, "pass", 4), "", 0);
		return true;
	}
	const char *end = key[4] == '[' ? strchr(key, ']') : NULL;
	if (end == NULL || end[1] != '\0')
		return false;
	size_t len = (size_t)(end - key) - 5;
	int64_t status = step_status(e->t, key + 5, len);
	put_step(e, p->value, status > 0 ? status : step_status(e->t, "pass", 4), key + 5, len);
	return true;
}

static const cJSON *steps_field(const struct talk *t)
{
	const cJSON *field,
		*fields = cJSON_GetObjectItemCaseSensitive(
			cJSON_GetObjectItemCaseSensitive(t->facts, TESTRAIL_RESULT_FIELDS), "fields");

	cJSON_ArrayForEach(field, fields)
	{
		if (sink_int(field, "t", 0) == TESTRAIL_STEP_RESULTS)
			return field;
	}
	return NULL;
}

static void gather_steps(struct entry *e)
{
	const struct result *r = e->f->result;
	int n = 0;

	e->steps_field = steps_field(e->t);
	/* No field for them, or the server will not have them for these cases: then people read them. */
	e->steps_told = e->steps_field == NULL || sink_bool(e->t->bookmark, "steps_told");
	for (size_t i = 0; i < r->property_count && n < STEPS_MAX; i++) {
		const struct property *p = &r->properties[i];
		if (p->key == NULL || p->value == NULL)
			continue;
		if (strncasecmp(p->key, "testrail_result_step", 20) == 0)
			vendor_step(e, p->value);
		else if (!published_step(e, p))
			continue;
		n++;
	}
}

/* ---- comment, version, defects ---- */

static void gap(struct buf *text)
{
	if (text->len > 0)
		buf_puts(text, "\n\n");
}

/* What the test itself wants to be said, before everything else. */
static void reported_comment(struct entry *e, struct buf *text)
{
	const struct testrail_wish *wish;
	const struct property *p;
	size_t at = 0;

	while ((p = testrail_property(e->f->result, "testrail_result_comment", &at)) != NULL) {
		gap(text);
		buf_append(text, p->value, utf8_cut(p->value, strlen(p->value), TESTRAIL_COMMENT_MAX / 4));
		if (text->len > TESTRAIL_COMMENT_MAX / 4)
			break;
	}
	while ((wish = testrail_wish_take(&e->wishes, "comment")) != NULL) {
		gap(text);
		buf_append(text, wish->text,
			   utf8_cut(wish->text, strlen(wish->text), TESTRAIL_COMMENT_MAX / 4));
	}
	at = 0;
	p = testrail_property(e->f->result, "testrail_sauce_session", &at);
	if (p != NULL) {
		gap(text);
		buf_printf(text, "SauceLabs session: %.2000s", p->value);
	}
}

static void cut_text(struct buf *text, size_t max)
{
	if (text->len <= max)
		return;
	text->len = utf8_cut(text->data, text->len, max);
	text->data[text->len] = '\0';
}

static bool put_comment(struct entry *e, struct buf *body)
{
	const struct testrail_conf *c = e->t->conf;
	struct buf text = BUF_LIMIT(2 * TESTRAIL_COMMENT_MAX);
	char iso[CLOCK_ISO_SIZE];

	bool good = put_expanded(e, &text, c->result.comment, "result.comment");
	cut_text(&text, TESTRAIL_COMMENT_MAX / 4);
	reported_comment(e, &text);
	/* TestRail stamps results with the time of their arrival. */
	if (e->t->run->backfill && e->f->result->started_ms != TIME_UNKNOWN &&
	    clock_iso(e->f->result->started_ms, iso)[0] != '\0')
		buf_printf(&text, "%sTested at %s", text.len > 0 ? "\n" : "", iso);
	if (e->steps_told && e->steps.len > 0) {
		gap(&text);
		buf_append(&text, e->steps.data,
			   utf8_cut(e->steps.data, e->steps.len, TESTRAIL_COMMENT_MAX / 8));
	}
	cut_text(&text, TESTRAIL_COMMENT_MAX * 3 / 4);
	size_t before = text.len;
	gap(&text);
	size_t start = text.len, room = TESTRAIL_COMMENT_MAX - start;
	room -= e->troubles.len < room / 2 ? e->troubles.len + 2 : 0;
	fold_comment(&text, e->f, room);
	if (text.len == start && text.data != NULL) {
		text.len = before;
		text.data[before] = '\0';
	}
	if (e->troubles.len > 0) {
		gap(&text);
		buf_append(&text, e->troubles.data, e->troubles.len);
		cut_text(&text, TESTRAIL_COMMENT_MAX);
	}
	e->has_comment = good && text.len > 0;
	if (e->has_comment)
		json_field_n(body, "comment", text.data, text.len);
	buf_done(&text);
	return good;
}

static bool put_version(struct entry *e, struct buf *body)
{
	const struct testrail_conf *c = e->t->conf;
	const struct testrail_wish *wish = testrail_wish_take(&e->wishes, "version");
	struct buf text = BUF_LIMIT(64u << 10);
	bool good = true;

	if (wish != NULL)
		buf_puts(&text, wish->text);
	else
		good = put_expanded(e, &text, c->result.version, "result.version");
	e->has_version = good && text.len > 0;
	if (e->has_version)
		json_field_n(body, "version", text.data, utf8_cut(text.data, text.len, TESTRAIL_NAME_MAX));
	buf_done(&text);
	return good;
}

/* "TR-1, TR-2": as many whole ones as there is room for. */
static bool put_defects(struct entry *e, struct buf *body)
{
	const struct testrail_conf *c = e->t->conf;
	const struct testrail_wish *wish = testrail_wish_take(&e->wishes, "defects");
	struct buf text = BUF_LIMIT(64u << 10);
	bool good = true;

	if (wish != NULL)
		buf_puts(&text, wish->text);
	else
		good = put_expanded(e, &text, c->result.defects, "result.defects");
	const char *list = good && text.len > 0 ? testrail_list_cut(e->t, text.data, DEFECTS_MAX) : NULL;
	e->has_defects = list != NULL && *list != '\0';
	if (e->has_defects)
		json_field(body, "defects", list);
	buf_done(&text);
	return good;
}

static void put_elapsed(struct entry *e, struct buf *b)
{
	const struct testrail_wish *wish = testrail_wish_take(&e->wishes, "elapsed");
	bool required = sink_bool(cJSON_GetObjectItemCaseSensitive(e->t->facts, "required"), "elapsed");
	const cJSON *field = testrail_field(e->t, TESTRAIL_RESULT_FIELDS, "elapsed");
	char span[64];
	const char *elapsed = testrail_elapsed(span, sizeof(span), e->f->duration_ms);

	if (wish != NULL && testrail_is_span(wish->text))
		elapsed = wish->text;
	else if (wish != NULL)
		trouble(e, "elapsed: \"%.60s\" is no time span", wish->text);
	required = required || (field != NULL && sink_bool(field, "r"));
	json_field(b, "elapsed", elapsed == NULL && required ? "1s" : elapsed);
}

static bool is_failure(enum verdict v)
{
	return v == VERDICT_FAILED || v == VERDICT_ERROR;
}

static void put_assignee(struct entry *e, struct buf *b, int64_t *nth)
{
	const struct testrail_conf *c = e->t->conf;
	const struct testrail_wish *wish = testrail_wish_take(&e->wishes, "assignedto_id");
	const char *id = wish != NULL ? testrail_user(e->t, wish->text) : NULL;

	if (wish != NULL && id == NULL)
		trouble(e, "assignedto_id: no user \"%.100s\" is known", wish->text);
	if (id == NULL && c->result.assign_failed.count > 0 && is_failure(e->f->verdict)) {
		id = testrail_user(
			e->t, c->result.assign_failed.item[(uint64_t)*nth % c->result.assign_failed.count]);
		++*nth;
	}
	e->has_assignee = id != NULL;
	if (id != NULL)
		sink_put_id(b, "assignedto_id", id);
}

/* ---- fields ---- */

static bool has_field(const struct entry *e, const cJSON *field)
{
	const char *name = testrail_field_name(field);

	if (field == e->steps_field && e->steps.len > 0)
		return true;
	if (strcmp(name, "version") == 0)
		return e->has_version;
	if (strcmp(name, "defects") == 0)
		return e->has_defects;
	if (strcmp(name, "assignedto_id") == 0)
		return e->has_assignee;
	if (strncmp(name, "custom_", 7) != 0)
		return true; /* elapsed, comment: given where they are wanted */
	for (size_t i = 0; i < e->wishes.count; i++) {
		if (e->wishes.item[i].field == field)
			return true;
	}
	return false;
}

/* Into a buffer of their own, since what is wrong with them is told in the comment that stands before. */
static bool gather_fields(struct entry *e, struct buf *fields)
{
	for (size_t i = 0; i < e->wishes.count;) {
		const struct testrail_wish *w = &e->wishes.item[i];
		const char *why = NULL;
		if (w->field == NULL) {
			i++;
			continue; /* one that every site has */
		}
		if (w->field == e->steps_field && e->steps.len > 0 && !e->steps_told)
			why = "holds the steps of the test already";
		if (why == NULL)
			why = testrail_field_put(e->t, fields, w->field, w->text);
		if (why == NULL) {
			i++;
			continue;
		}
		if (!w->reported) {
			err_clear(&e->t->err);
			err_set(&e->t->err, -EINVAL, "result.fields: the field %s %s",
				testrail_field_name(w->field), why);
			return false;
		}
		trouble(e, "testrail_result_field: %s %s", testrail_field_name(w->field), why);
		memmove(&e->wishes.item[i], &e->wishes.item[i + 1],
			(--e->wishes.count - i) * sizeof(*e->wishes.item));
	}
	if (e->steps.len > 0 && !e->steps_told) {
		json_key(fields, testrail_field_name(e->steps_field));
		buf_putc(fields, '[');
		buf_append(fields, e->steps.data, e->steps.len);
		buf_putc(fields, ']');
	}
	return true;
}

/* Wishes that name no field at all. */
static void tell_unknown(struct entry *e)
{
	static const char *const system[] = { "version", "elapsed",       "defects",
					      "comment", "assignedto_id", NULL };

	for (size_t i = 0; i < e->wishes.count; i++) {
		const struct testrail_wish *w = &e->wishes.item[i];
		bool known = w->field != NULL;
		for (size_t k = 0; system[k] != NULL && !known; k++)
			known = strcasecmp(w->name, system[k]) == 0;
		if (!known)
			trouble(e, "testrail_result_field: this project has no field \"%.100s\"", w->name);
	}
	const char *why = testrail_case_troubles(e->t, e->f->result);
	if (why != NULL)
		trouble(e, "%s", why);
}

static bool begin_entry(struct entry *e, struct talk *t, const struct folded *f, struct text_vars *own)
{
	const struct testrail_conf *c = t->conf;

	*e = (struct entry){ .t = t,
			     .f = f,
			     .vars = text_vars(own, f->result, t->run->vars, t->arena),
			     .troubles = BUF_LIMIT(64u << 10),
			     .steps = BUF_LIMIT(4u << 20) };
	e->wishes = testrail_wishes(t, TESTRAIL_RESULT_FIELDS, &c->result.fields, "result.fields", f->result,
				    "testrail_result_field", e->vars);
	gather_steps(e);
	return e->wishes.trouble == NULL;
}

bool testrail_entry_put(struct talk *t, struct buf *b, const struct row *row, const struct folded *f,
			int64_t status, int64_t *nth, const char **lacks)
{
	struct buf fields = BUF_LIMIT(4u << 20), rest = BUF_LIMIT(1u << 20);
	struct text_vars own;
	struct entry e;
	bool good = begin_entry(&e, t, f, &own) && gather_fields(&e, &fields);

	tell_unknown(&e);
	if (testrail_update_trouble(t, row->remote_id) != NULL)
		trouble(&e, "The case was not updated: %.600s", testrail_update_trouble(t, row->remote_id));
	json_sep(b);
	buf_putc(b, '{');
	sink_put_id(b, "case_id", row->remote_id);
	json_field_int(b, "status_id", status);
	good = good && put_version(&e, &rest);
	put_elapsed(&e, &rest);
	good = good && put_defects(&e, &rest);
	put_assignee(&e, &rest, nth);
	good = good && put_comment(&e, b);
	const cJSON *field = testrail_field(t, TESTRAIL_RESULT_FIELDS, "comment");
	if (!e.has_comment && field != NULL && sink_bool(field, "r"))
		json_field(b, "comment", verdict_name(f->verdict));
	if (rest.len > 0) {
		buf_putc(b, ',');
		buf_append(b, rest.data, rest.len);
	}
	if (fields.len > 0) {
		buf_putc(b, ',');
		buf_append(b, fields.data, fields.len);
	}
	buf_putc(b, '}');
	const cJSON *fields_known = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(t->facts, TESTRAIL_RESULT_FIELDS), "fields");
	*lacks = NULL;
	cJSON_ArrayForEach(field, fields_known)
	{
		if (*lacks == NULL && sink_bool(field, "r") && !has_field(&e, field))
			*lacks = testrail_field_name(field);
	}
	buf_done(&e.troubles);
	buf_done(&e.steps);
	buf_done(&fields);
	buf_done(&rest);
	return good;
}

/* ---- what is demanded ---- */

static bool demands(const struct talk *t)
{
	const cJSON *field,
		*fields = cJSON_GetObjectItemCaseSensitive(
			cJSON_GetObjectItemCaseSensitive(t->facts, TESTRAIL_RESULT_FIELDS), "fields");

	cJSON_ArrayForEach(field, fields)
	{
		if (sink_bool(field, "r"))
			return true;
	}
	return false;
}

bool testrail_entries_park_lacking(struct talk *t, bool *ask)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(t->facts, TESTRAIL_RESULT_FIELDS);
	bool any = false;

	for (size_t i = 0; i < t->rows->count && demands(t); i++) {
		const struct row *row = &t->rows->row[i];
		const char *lacks = NULL, *first = NULL;
		for (size_t k = 0; k < testrail_folded_count(t, row) && first == NULL; k++) {
			struct buf b = BUF_LIMIT(8u << 20);
			int64_t nth = 0, status;
			struct folded f;
			status = testrail_folded_at(t, row, k, &f);
			if (status >= 0 && testrail_entry_put(t, &b, row, &f, status, &nth, &lacks))
				first = lacks;
			buf_done(&b);
		}
		if (first == NULL)
			continue;
		*ask = !sink_read_since(t, list);
		if (*ask)
			return true;
		learned_parked(&t->learned, row->id,
			       arena_printf(t->arena,
					    "the result field %s is required over there: give it a value by "
					    "result.%s, or by a property testrail_result_field of the test",
					    first,
					    strcmp(first, "version") == 0   ? "version"
					    : strcmp(first, "defects") == 0 ? "defects"
									    : "fields"));
		any = true;
	}
	return any;
}

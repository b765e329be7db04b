/* SPDX-License-Identifier: Apache-2.0
 *
 * axosoft_body.c - the item as it is written: its fields from templates, converted by type, and its text.
 *
 * A description is HTML over there, so everything that comes out of a report is escaped. */
#include "sinks/axosoft/axosoft.h"

#include "daemon/base/clock.h"
#include "daemon/base/json.h"
#include "daemon/base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TESTS_SHOWN = 20, STACK_SHOWN = 8 << 10, MESSAGE_SHOWN = 2000, VALUE_MAX = 64 << 10 };

/* ---- what templates may say of a failure ---- */

struct telling {
	struct talk *t;
	const struct row *row;
	const struct result *result; /* of its first test: the one that stands for all; NULL: none */
	char number[3][32];
};

static const struct result *sample(const struct row *row)
{
	if (row == NULL || row->test_count == 0 || row->tests[0].result_count == 0)
		return NULL;
	return row->tests[0].results[row->tests[0].result_count - 1];
}

static const char *some(const char *s)
{
	return s != NULL && s[0] != '\0' ? s : NULL;
}

static const char *first_line(struct arena *a, const struct text *x)
{
	return x->s == NULL || x->len == 0 ? NULL : some(arena_strndup(a, x->s, strcspn(x->s, "\r\n")));
}

static const char *telling_get(void *cookie, const char *name)
{
	struct telling *x = cookie;
	const struct result *r = x->result;
	const struct row_failure *h = x->row != NULL ? x->row->failure : NULL;

	if (r != NULL && strcmp(name, "test.name") == 0)
		return some(r->name);
	if (r != NULL && strcmp(name, "test.class") == 0)
		return some(r->class_name);
	if (r != NULL && strcmp(name, "test.id") == 0)
		return some(r->id);
	if (r != NULL && strcmp(name, "failure.type") == 0)
		return some(r->failure.type);
	if (r != NULL && strcmp(name, "failure.message") == 0)
		return some(r->failure.message.s);
	if (r != NULL && strcmp(name, "failure.title") == 0)
		return first_line(x->t->arena, &r->failure.message);
	if (r != NULL && strcmp(name, "failure.stack") == 0)
		return some(r->failure.detail.s);
	if (strcmp(name, "failure.tests") == 0) {
		snprintf(x->number[0], sizeof(x->number[0]), "%zu", x->row != NULL ? x->row->test_count : 0);
		return x->number[0];
	}
	if (strcmp(name, "failure.runs") == 0) {
		snprintf(x->number[1], sizeof(x->number[1]), "%llu",
			 (unsigned long long)(h != NULL ? h->streak : 1));
		return x->number[1];
	}
	if (strcmp(name, "run.url") == 0)
		return h != NULL ? some(h->results_url) : NULL;
	if (strcmp(name, "failure.first") == 0)
		return h != NULL ? clock_iso(h->first_ms, x->number[2]) : NULL;
	return NULL;
}

static int expand(struct talk *t, const struct row *row, const char *text, const char **out)
{
	struct telling x = { .t = t, .row = row, .result = sample(row) };
	struct vars vars = { .get = telling_get, .cookie = &x, .next = t->run->vars };
	struct template *tpl = NULL;
	struct buf b = BUF_LIMIT(VALUE_MAX);
	size_t at = 0;
	int rc = template_parse(text, &tpl, &at, &t->err);

	if (rc == 0)
		rc = template_expand(tpl, &vars, &b, &t->err);
	template_free(tpl);
	*out = rc == 0 ? arena_strndup(t->arena, b.data != NULL ? b.data : "", b.len) : NULL;
	buf_done(&b);
	return rc;
}

/* ---- values by type ---- */

static void put_id(struct buf *b, const char *key, const char *id)
{
	json_key(b, key);
	buf_printf(b, "{\"id\":%s}", id);
}

static int bad(struct talk *t, const char *field, const char *value, const char *wants)
{
	return err_set(&t->err, -EINVAL, "%s wants %s, not \"%.100s\"", field, wants, value);
}

static int put_bool(struct talk *t, struct buf *b, const char *key, const char *value)
{
	static const char *const yes[] = { "true", "yes", "on", "1" }, *const no[] = { "false", "no", "off",
										       "0" };

	for (size_t i = 0; i < 4; i++) {
		if (strcasecmp(value, yes[i]) == 0 || strcasecmp(value, no[i]) == 0) {
			json_field_bool(b, key, strcasecmp(value, yes[i]) == 0);
			return 0;
		}
	}
	return bad(t, key, value, "true or false");
}

static bool date_ok(const char *s)
{
	static const char form[] = "dddd-dd-dd";

	for (size_t i = 0; i < sizeof(form) - 1; i++)
		if (form[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != form[i])
			return false;
	return s[10] == '\0' || s[10] == 'T';
}

/* 2026-11-21, or today, today+3d, today-1d. */
static int put_date(struct talk *t, struct buf *b, const char *key, const char *value)
{
	char iso[CLOCK_ISO_SIZE], *end = NULL;
	long days = 0;

	if (strncmp(value, "today", 5) == 0) {
		if (value[5] == '+' || value[5] == '-')
			days = strtol(value + 5, &end, 10);
		if (value[5] != '\0' && (end == NULL || strcmp(end, "d") != 0 || labs(days) > 36500))
			return bad(t, key, value, "a date (2026-11-21, today, today+3d)");
		clock_iso(t->now_ms + days * INT64_C(86400000), iso);
		iso[10] = '\0';
		json_field(b, key, iso);
		return 0;
	}
	if (!date_ok(value))
		return bad(t, key, value, "a date (2026-11-21, today, today+3d)");
	json_field(b, key, value);
	return 0;
}

static void put_string(struct buf *b, const char *key, const char *value, size_t max)
{
	size_t n = 0, len = strlen(value);
	const char *s = value;

	/* Counted in characters, as the server counts. */
	while (s < value + len && n < max) {
		unsigned w = utf8_length(s, value + len);
		s += w > 0 ? w : 1;
		n++;
	}
	json_field_n(b, key, value, (size_t)(s - value));
}

/* One choice: its id, or its text where `as` says so. */
static int put_choice(struct talk *t, struct buf *b, const char *field, const char *value, bool text)
{
	const char *id = axosoft_choose(t, "custom", field, value);

	if (id == NULL)
		return -ENOENT;
	if (text) {
		json_sep(b);
		json_string(b, value, strlen(value));
	} else {
		json_sep(b);
		buf_puts(b, id);
	}
	return 0;
}

/* How many ways a server may want these is not documented: `as` chooses. */
static int put_choices(struct talk *t, struct buf *b, const char *key, const char *value, bool many)
{
	const struct axosoft_conf *c = t->conf;
	const char *as = config_map_get(&c->push.as, key);
	bool text = as != NULL && strcmp(as, "id") != 0 && strcmp(as, "list") != 0;
	bool joined = as != NULL && strcmp(as, "joined") == 0;
	char *copy = arena_strdup(t->arena, value), *save = NULL;
	int rc = 0;

	json_key(b, key);
	if (!many)
		return put_choice(t, b, key, value, text);
	if (joined) {
		json_string(b, value, strlen(value));
		return 0;
	}
	buf_putc(b, '[');
	for (char *one = strtok_r(copy, ",", &save); one != NULL && rc == 0;
	     one = strtok_r(NULL, ",", &save)) {
		while (*one == ' ')
			one++;
		rc = put_choice(t, b, key, one, text);
	}
	buf_putc(b, ']');
	return rc;
}

static int put_custom(struct talk *t, struct buf *b, const char *key, const char *value)
{
	const char *type = axosoft_field_type(t->conf, key);

	if (strcmp(type, "bool") == 0)
		return put_bool(t, b, key, value);
	if (strcmp(type, "date") == 0)
		return put_date(t, b, key, value);
	if (strcmp(type, "dropdown") == 0)
		return put_choices(t, b, key, value, false);
	if (strcmp(type, "multiselect") == 0)
		return put_choices(t, b, key, value, true);
	if (strcmp(type, "text") == 0)
		json_field(b, key, value);
	else
		put_string(b, key, value, AXOSOFT_STRING_MAX);
	return 0;
}

static int put_field(struct talk *t, struct buf *b, const char *name, const char *value)
{
	const char *type = axosoft_field_type(t->conf, name), *id;

	if (strcmp(type, "bool") == 0)
		return put_bool(t, b, name, value);
	if (strcmp(type, "date") == 0)
		return put_date(t, b, name, value);
	if (strcmp(type, "dropdown") != 0) {
		put_string(b, name, value, strcmp(type, "text") == 0 ? SIZE_MAX : AXOSOFT_STRING_MAX);
		return 0;
	}
	bool person = strcmp(name, "assigned_to") == 0 || strcmp(name, "reported_by") == 0;
	id = axosoft_choose(t,
			    person                         ? "users"
			    : strcmp(name, "release") == 0 ? "releases"
							   : name,
			    name, value);
	if (id == NULL)
		return -ENOENT;
	if (strcmp(name, "assigned_to") == 0) {
		json_key(b, name);
		buf_printf(b, "{\"id\":%s,\"type\":\"user\"}", id);
	} else {
		put_id(b, name, id);
	}
	return 0;
}

static bool required(const struct axosoft_conf *c, const char *name)
{
	for (size_t i = 0; i < c->push.required.count; i++)
		if (strcmp(c->push.required.item[i], name) == 0)
			return true;
	return false;
}

/* Cut where push.max_length says so, with a mark that says it, too. */
static const char *cut(struct talk *t, const char *name, const char *value)
{
	const struct axosoft_conf *c = t->conf;
	const char *limit = config_map_get(&c->push.max_length, name), *s = value;
	size_t room = limit != NULL ? (size_t)strtoul(limit, NULL, 10) : 0, n = 0;
	const char *end = value + strlen(value), *last = value;

	if (room < 5)
		return value;
	for (; s < end && n <= room; n++) {
		if (n == room - 4) /* " ..." */
			last = s;
		unsigned w = utf8_length(s, end);
		s += w > 0 ? w : 1;
	}
	return n <= room ? value : arena_printf(t->arena, "%.*s ...", (int)(last - value), value);
}

/* Value of a field; "" where it is left out. */
static int value_of(struct talk *t, const struct row *row, const char *name, const char *text,
		    const char **out)
{
	const struct axosoft_conf *c = t->conf;
	const char *label = config_map_get(&c->push.labels, name);
	int rc = expand(t, row, text, out);

	if (rc == -ENOENT && !required(c, name)) {
		err_clear(&t->err);
		*out = "";
		return 0;
	}
	if (rc == 0)
		*out = cut(t, name, *out);
	if (rc == 0 && **out == '\0' && required(c, name))
		rc = err_set(&t->err, -EINVAL, "the required field %s is empty",
			     label != NULL ? label : name);
	return rc;
}

int axosoft_push_fits(struct talk *t)
{
	const struct axosoft_conf *c = t->conf;
	struct buf b = BUF_LIMIT(64u << 10);
	int rc = 0;

	for (size_t i = 0; i < c->push.fields.count && rc == 0; i++) {
		const char *name = c->push.fields.key[i], *text = c->push.fields.value[i];
		if (text != NULL && text[strcspn(text, "{}")] != '\0')
			continue;
		if (text != NULL && text[0] != '\0')
			rc = strncmp(name, "custom_", 7) == 0 ? put_custom(t, &b, name, text)
							      : put_field(t, &b, name, text);
		else if (required(c, name))
			rc = err_set(&t->err, -EINVAL, "the required field %s is empty", name);
		buf_reset(&b);
	}
	buf_done(&b);
	return rc;
}

/* ---- the text ---- */

static void line(struct buf *b, const char *caption, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	buf_printf(b, "<b>%s:</b> ", caption);
	axosoft_html(b, value, strlen(value));
	buf_puts(b, "<br/>");
}

static void put_tests(struct buf *b, const struct row *row)
{
	buf_printf(b, "<p><b>%zu test%s in this run:</b><br/>", row->test_count,
		   row->test_count == 1 ? "" : "s");
	for (size_t i = 0; i < row->test_count && i < TESTS_SHOWN; i++) {
		const struct row_test *test = &row->tests[i];
		const char *id = test->result_count > 0 ? test->results[0]->id : NULL;
		axosoft_html(b, id != NULL ? id : "?", strlen(id != NULL ? id : "?"));
		buf_puts(b, "<br/>");
	}
	if (row->test_count > TESTS_SHOWN)
		buf_printf(b, "and %zu more<br/>", row->test_count - TESTS_SHOWN);
	buf_puts(b, "</p>");
}

static void put_block(struct buf *b, const struct text *x, size_t max)
{
	if (x->s == NULL || x->len == 0)
		return;
	size_t len = utf8_cut(x->s, x->len, max);
	buf_puts(b, "<p><code>");
	axosoft_html(b, x->s, len);
	buf_printf(b, "%s</code></p>", len < x->len ? " ..." : "");
}

static void put_sample(struct buf *b, const struct row *row)
{
	const struct result *r = sample(row);

	if (r != NULL) {
		put_block(b, &r->failure.message, MESSAGE_SHOWN);
		put_block(b, &r->failure.detail, STACK_SHOWN);
	}
	put_tests(b, row);
}

static const char *description(struct talk *t, const struct row *row, const struct axosoft_item *old)
{
	const struct axosoft_conf *c = t->conf;
	const struct result *r = sample(row);
	const struct row_failure *h = row->failure;
	struct buf b = BUF_LIMIT(1u << 20);
	char iso[CLOCK_ISO_SIZE];

	buf_puts(&b, "<p>");
	line(&b, "Run", t->run->name);
	line(&b, "Results", h != NULL ? h->results_url : NULL);
	line(&b, "Build", vars_get(t->run->vars, "ci.url"));
	line(&b, "Branch", vars_get(t->run->vars, "ci.branch"));
	line(&b, "Commit", vars_get(t->run->vars, "ci.commit"));
	if (h != NULL) {
		line(&b, "First seen", clock_iso(h->first_ms, iso));
		buf_printf(&b, "<b>Runs in a row:</b> %llu<br/>", (unsigned long long)h->streak);
	}
	if (old->id != NULL)
		line(&b, "Earlier item", axosoft_item_url(t, old));
	if (r != NULL)
		line(&b, "Error", r->failure.type);
	/* A label makes the value of its field readable where the screen does not show the field; in the order
	 * of the fields. */
	for (size_t i = 0; i < c->push.fields.count; i++) {
		const char *name = c->push.fields.key[i], *value = NULL;
		const char *label = config_map_get(&c->push.labels, name);
		if (label != NULL && expand(t, row, c->push.fields.value[i], &value) == 0)
			line(&b, label, cut(t, name, value));
		err_clear(&t->err);
	}
	buf_puts(&b, "</p>");
	put_sample(&b, row);
	const char *text = arena_strndup(t->arena, b.data != NULL ? b.data : "", b.len);
	buf_done(&b);
	return text;
}

/* ---- the item ---- */

static void put_name(struct buf *b, const char *name, const char *mark)
{
	size_t room = AXOSOFT_NAME_MAX - strlen(mark) - 3, n = 0, len = strlen(name);
	struct buf text = BUF_LIMIT(4096);
	const char *s = name;

	for (; s < name + len && n < room; n++) {
		unsigned w = utf8_length(s, name + len);
		buf_append(&text, *s == '\n' || *s == '\r' || *s == '\t' ? " " : s, w > 0 ? w : 1);
		s += w > 0 ? w : 1;
	}
	buf_printf(&text, " [%s]", mark);
	json_field_n(b, "name", text.data, text.len);
	buf_done(&text);
}

static void open_item(struct talk *t, struct buf *out, const char *name, const char *mark, const char *text)
{
	const char *project = sink_string(cJSON_GetObjectItemCaseSensitive(t->facts, "project"), "id");
	const char *step = axosoft_step_id(t, "bug");

	buf_puts(out, "{\"notify_customer\":false,\"item\":{");
	put_name(out, name, mark);
	put_id(out, "project", project != NULL ? project : "0");
	if (step != NULL)
		put_id(out, "workflow_step", step);
	json_field_bool(out, "publicly_viewable", false);
	json_field(out, "description", text);
}

/* What a person has set in the item before this one, as JSON; NULL: nothing. */
static char *taken_over(const cJSON *kept, const char *name)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(kept, name);

	return cJSON_IsObject(value) ? cJSON_PrintUnformatted(value) : NULL;
}

static int put_fields(struct talk *t, const struct row *row, const cJSON *kept, struct buf *out)
{
	const struct axosoft_conf *c = t->conf;
	const struct config_map *f = &c->push.fields;
	int rc = 0;

	for (size_t i = 0; i < f->count && rc == 0; i++) {
		const char *key = f->key[i], *value;
		bool own = strcmp(key, "name") == 0 || strcmp(key, "description") == 0;
		if (own || strncmp(key, "custom_", 7) == 0 ||
		    cJSON_GetObjectItemCaseSensitive(kept, key) != NULL)
			continue;
		rc = value_of(t, row, key, f->value[i], &value);
		if (rc == 0 && *value != '\0')
			rc = put_field(t, out, key, value);
	}
	for (size_t i = 0; i < c->push.sticky.count && rc == 0; i++) {
		char *value = taken_over(kept, c->push.sticky.item[i]);
		if (value != NULL) {
			json_key(out, c->push.sticky.item[i]);
			buf_puts(out, value);
		}
		free(value);
	}
	return rc;
}

static int put_custom_fields(struct talk *t, const struct row *row, struct buf *out)
{
	const struct axosoft_conf *c = t->conf;
	const struct config_map *f = &c->push.fields;
	int rc = 0;

	json_key(out, "custom_fields");
	buf_putc(out, '{');
	for (size_t i = 0; i < f->count && rc == 0; i++) {
		const char *key = f->key[i], *value;
		if (strncmp(key, "custom_", 7) != 0)
			continue;
		rc = value_of(t, row, key, f->value[i], &value);
		if (rc == 0 && *value != '\0')
			rc = put_custom(t, out, key, value);
	}
	buf_putc(out, '}');
	return rc;
}

int axosoft_body(struct talk *t, const struct row *row, const char *mark, const struct axosoft_item *old,
		 struct buf *out)
{
	const struct axosoft_conf *c = t->conf;
	const struct config_map *f = &c->push.fields;
	const char *name = config_map_get(f, "name"), *text = config_map_get(f, "description");
	cJSON *kept = cJSON_Parse(old->kept != NULL ? old->kept : "{}");
	int rc = name != NULL ? value_of(t, row, "name", name, &name)
			      : expand(t, row, "{failure.title|failure.type|'Test failed'} ({test.name|'?'})",
				       &name);

	if (rc == 0 && text != NULL)
		rc = value_of(t, row, "description", text, &text);
	if (rc == 0)
		open_item(t, out, name, mark, text != NULL ? text : description(t, row, old));
	if (rc == 0)
		rc = put_fields(t, row, kept, out);
	if (rc == 0)
		rc = put_custom_fields(t, row, out);
	buf_puts(out, "}}");
	cJSON_Delete(kept);
	return rc < 0 ? rc : buf_error(out);
}

int axosoft_summary_body(struct talk *t, const char *mark, size_t rows, struct buf *out)
{
	struct buf b = BUF_LIMIT(1u << 20);

	buf_puts(&b, "<p>");
	line(&b, "Run", t->run->name);
	line(&b, "Build", vars_get(t->run->vars, "ci.url"));
	buf_puts(&b, "</p>");
	for (size_t i = 0; i < rows && i < t->rows->count; i++) {
		const struct row *row = &t->rows->row[i];
		const struct result *r = sample(row);
		if (r == NULL)
			continue;
		line(&b, r->id != NULL ? "Test" : "Failure", r->id);
		put_block(&b, &r->failure.message, 300);
	}
	const char *text = arena_strndup(t->arena, b.data != NULL ? b.data : "", b.len);
	buf_done(&b);
	open_item(t, out, arena_printf(t->arena, "Many different failures in %s", t->run->name), mark, text);
	buf_puts(out, "}}");
	return buf_error(out);
}

int axosoft_group_body(struct talk *t, const struct row *row, const char *mark, struct buf *out)
{
	const struct row_failure *h = row->failure;
	const char *suite = h != NULL && h->suite != NULL ? h->suite : "?";
	struct buf b = BUF_LIMIT(1u << 20);

	buf_puts(&b, "<p>");
	line(&b, "Run", t->run->name);
	line(&b, "Results", h != NULL ? h->results_url : NULL);
	line(&b, "Build", vars_get(t->run->vars, "ci.url"));
	line(&b, "Suite", suite);
	buf_printf(&b, "<b>Different failures in it:</b> %llu<br/></p>",
		   (unsigned long long)(h != NULL ? h->suite_failures : 1));
	put_sample(&b, row);
	const char *text = arena_strndup(t->arena, b.data != NULL ? b.data : "", b.len);
	buf_done(&b);
	open_item(t, out, arena_printf(t->arena, "Many different failures in %s", suite), mark, text);
	buf_puts(out, "}}");
	return buf_error(out);
}

const char *axosoft_comment(struct talk *t, const struct row *row, const struct axosoft_item *item,
			    bool flaky)
{
	const struct row_failure *h = row->failure;
	struct buf b = BUF_LIMIT(64u << 10);
	const char *url = vars_get(t->run->vars, "ci.url"), *results = h != NULL ? h->results_url : NULL;

	buf_puts(&b, item->shared ? "Some of it failed again in " : "Failed again in ");
	axosoft_html(&b, t->run->name, strlen(t->run->name));
	if (!item->shared)
		buf_printf(&b, ": %zu test%s, %llu runs in a row", row->test_count,
			   row->test_count == 1 ? "" : "s", (unsigned long long)(h != NULL ? h->streak : 1));
	if (flaky || (h != NULL && h->flaky))
		buf_puts(&b, "<br/>Flaky: at one commit it fails, and passes.");
	for (int i = 0; i < 2; i++) {
		const char *link = i == 0 ? results : url;
		if (link == NULL || link[0] == '\0')
			continue;
		buf_puts(&b, "<br/>");
		axosoft_html(&b, link, strlen(link));
	}
	buf_printf(&b, "<br/>[%s]", t->run->token);
	const char *text = arena_strndup(t->arena, b.data != NULL ? b.data : "", b.len);
	buf_done(&b);
	return text;
}

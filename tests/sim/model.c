/* SPDX-License-Identifier: Apache-2.0
 *
 * model.c - a TestRail server in memory. */
#include "tests/sim/model.h"

#include "daemon/base/json.h"
#include "daemon/base/mem.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { US = 7, SUITE = 3, PROJECT = 1, PASSED = 1, BLOCKED, UNTESTED, RETEST, FAILED };

/* Room for one more at the end of a growing array. */
#define GROW(array, count, room)                                               \
	do {                                                                   \
		if ((count) == (room)) {                                       \
			(room) = (room) == 0 ? 32 : (room)*2;                  \
			(array) = xrealloc((array), (room), sizeof(*(array))); \
		}                                                              \
	} while (0)

void model_init(struct model *m)
{
	*m = (struct model){ .page = 250, .next_id = 100, .names_case = true };
}

void model_done(struct model *m)
{
	for (size_t i = 0; i < m->section_count; i++)
		free(m->section[i].name);
	for (size_t i = 0; i < m->case_count; i++) {
		free(m->cases[i].title);
		free(m->cases[i].key);
	}
	for (size_t i = 0; i < m->run_count; i++) {
		free(m->run[i].name);
		free(m->run[i].description);
		free(m->run[i].test);
	}
	for (size_t i = 0; i < m->result_count; i++)
		free(m->result[i].comment);
	for (size_t i = 0; i < m->word_count; i++)
		free(m->words[i]);
	free(m->section);
	free(m->cases);
	free(m->run);
	free(m->result);
	free(m->words);
}

/* ---- what it says ---- */

void model_say(struct model *m, struct answer *out, int status, const char *words)
{
	bool known = false;

	out->status = status;
	buf_reset(&out->body);
	buf_putc(&out->body, '{');
	json_field(&out->body, "error", words);
	buf_putc(&out->body, '}');
	for (size_t i = 0; i < m->word_count && !known; i++)
		known = strcmp(m->words[i], words) == 0;
	if (known)
		return;
	GROW(m->words, m->word_count, m->word_room);
	m->words[m->word_count++] = xstrdup(words);
}

static void refuse(struct model *m, struct answer *out, int status, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void refuse(struct model *m, struct answer *out, int status, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	model_say(m, out, status, text);
}

/* What no correct client does: refused, and remembered against it. */
static void forbid(struct model *m, struct answer *out, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void forbid(struct model *m, struct answer *out, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	model_say(m, out, 400, text);
	if (m->broken[0] == '\0')
		snprintf(m->broken, sizeof(m->broken), "the client was refused: %s", text);
}

/* ---- what was asked ---- */

struct ask {
	char call[64];
	int64_t id;       /* 0: none */
	const char *args; /* from the first '&' on; "" */
	const cJSON *body;
};

static int64_t arg(const struct ask *a, const char *name, int64_t otherwise)
{
	size_t len = strlen(name);

	for (const char *s = strchr(a->args, '&'); s != NULL; s = strchr(s, '&')) {
		s++;
		if (strncmp(s, name, len) == 0 && s[len] == '=')
			return strtoll(s + len + 1, NULL, 10);
	}
	return otherwise;
}

static int64_t member(const cJSON *object, const char *name, int64_t otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : otherwise;
}

static const char *string(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(item) ? item->valuestring : NULL;
}

static bool read_ask(const char *path, struct ask *out)
{
	static const char prefix[] = "index.php?/api/v2/";

	*out = (struct ask){ .args = "" };
	if (strncmp(path, prefix, sizeof(prefix) - 1) != 0)
		return false;
	const char *s = path + sizeof(prefix) - 1;
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz_");
	if (n == 0 || n >= sizeof(out->call))
		return false;
	memcpy(out->call, s, n);
	s += n;
	if (*s == '/')
		out->id = strtoll(s + 1, (char **)&s, 10);
	if (*s != '\0' && *s != '&')
		return false;
	out->args = s;
	return true;
}

bool model_is_write(const char *path)
{
	struct ask a;

	return read_ask(path, &a) && strncmp(a.call, "get_", 4) != 0;
}

/* ---- entities ---- */

struct model_case *model_case(struct model *m, int64_t id)
{
	for (size_t i = 0; i < m->case_count; i++)
		if (m->cases[i].id == id)
			return &m->cases[i];
	return NULL;
}

struct model_run *model_run(struct model *m, int64_t id)
{
	for (size_t i = 0; i < m->run_count; i++)
		if (m->run[i].id == id)
			return &m->run[i];
	return NULL;
}

static bool has_section(const struct model *m, int64_t id)
{
	for (size_t i = 0; i < m->section_count; i++)
		if (m->section[i].id == id)
			return true;
	return false;
}

static int64_t put_section(struct model *m, const char *name, int64_t parent)
{
	GROW(m->section, m->section_count, m->section_room);
	m->section[m->section_count++] = (struct model_section){
		.id = m->next_id,
		.parent = parent,
		.made_ms = m->now_ms,
		.name = xstrdup(name),
	};
	return m->next_id++;
}

static struct model_case *put_case(struct model *m, int64_t section, const char *title, const char *key,
				   bool ours)
{
	enum poison poison = POISON_NONE;

	for (size_t i = 0; i < m->poison_count && key != NULL; i++)
		if (strcmp(m->poison_key[i], key) == 0)
			poison = m->poison_how;
	GROW(m->cases, m->case_count, m->case_room);
	m->cases[m->case_count] = (struct model_case){
		.id = m->next_id++,
		.section = section,
		.made_ms = m->now_ms,
		.updated_ms = m->now_ms,
		.title = xstrdup(title),
		.key = xstrdup(key),
		.ours = ours,
		.poison = poison,
	};
	return &m->cases[m->case_count++];
}

int64_t model_put_case(struct model *m, const char *key, const char *title)
{
	if (m->section_count == 0)
		put_section(m, "by hand", 0);
	return put_case(m, m->section[0].id, title, key, false)->id;
}

static struct model_test *test_of(struct model_run *run, int64_t case_id)
{
	for (size_t i = 0; i < run->test_count; i++)
		if (run->test[i].case_id == case_id)
			return &run->test[i];
	return NULL;
}

void model_delete_case(struct model *m, int64_t id)
{
	struct model_case *c = model_case(m, id);

	if (c == NULL || c->deleted)
		return;
	c->deleted = true;
	c->updated_ms = m->now_ms;
	for (size_t i = 0; i < m->run_count; i++) {
		struct model_run *run = &m->run[i];
		struct model_test *t = run->completed ? NULL : test_of(run, id);
		if (t != NULL)
			*t = run->test[--run->test_count];
	}
	for (size_t i = 0; i < m->result_count; i++)
		if (m->result[i].case_id == id && !model_run(m, m->result[i].run)->completed)
			m->result[i].gone = true;
}

static bool shown(const struct model *m, int64_t made_ms)
{
	return made_ms + m->lag_ms <= m->now_ms;
}

/* ---- lists ---- */

struct list {
	struct model *m;
	const struct ask *ask;
	struct buf *b;
	const char *name;
	size_t offset, limit, seen, given;
	bool more;
};

static struct list list_begin(struct model *m, const struct ask *a, struct answer *out, const char *name)
{
	struct list l = { .m = m, .ask = a, .b = &out->body, .name = name, .limit = m->page };
	int64_t limit = arg(a, "limit", (int64_t)m->page), offset = arg(a, "offset", 0);

	if (m->bare_lists)
		l.limit = SIZE_MAX;
	else if (limit > 0 && (size_t)limit < l.limit)
		l.limit = (size_t)limit;
	l.offset = offset > 0 && !m->bare_lists ? (size_t)offset : 0;
	if (!m->bare_lists) {
		buf_putc(l.b, '{');
		json_key(l.b, name);
	}
	buf_putc(l.b, '[');
	return l;
}

/* Whether the next entity is of this page; then it is written by the caller. */
static bool list_next(struct list *l)
{
	size_t at = l->seen++;

	if (at < l->offset)
		return false;
	if (l->given == l->limit) {
		l->more = true;
		return false;
	}
	l->given++;
	json_sep(l->b);
	return true;
}

static void list_end(struct list *l, struct answer *out)
{
	buf_putc(l->b, ']');
	if (!l->m->bare_lists) {
		json_field_int(l->b, "offset", (int64_t)l->offset);
		json_field_int(l->b, "limit", (int64_t)l->limit);
		json_field_int(l->b, "size", (int64_t)l->given);
		json_key(l->b, "_links");
		buf_puts(l->b, l->more ? "{\"next\":\"/api/v2/more\",\"prev\":null}"
				       : "{\"next\":null,\"prev\":null}");
		buf_putc(l->b, '}');
	}
	out->status = 200;
}

static void write_section(struct buf *b, const struct model_section *s)
{
	buf_putc(b, '{');
	json_field_int(b, "id", s->id);
	json_field_int(b, "suite_id", SUITE);
	json_field(b, "name", s->name);
	json_key(b, "parent_id");
	if (s->parent != 0)
		buf_printf(b, "%lld", (long long)s->parent);
	else
		buf_puts(b, "null");
	buf_putc(b, '}');
}

static void write_case(struct buf *b, const struct model_case *c)
{
	buf_putc(b, '{');
	json_field_int(b, "id", c->id);
	json_field(b, "title", c->title);
	json_field_int(b, "section_id", c->section);
	json_field_int(b, "suite_id", SUITE);
	json_field_int(b, "updated_on", c->updated_ms / 1000);
	json_field(b, "custom_automation_id", c->key);
	buf_putc(b, '}');
}

static void write_run(struct buf *b, const struct model_run *r)
{
	buf_putc(b, '{');
	json_field_int(b, "id", r->id);
	json_field_int(b, "project_id", PROJECT);
	json_field_int(b, "suite_id", SUITE);
	json_field(b, "name", r->name);
	json_field(b, "description", r->description);
	json_field_bool(b, "include_all", false);
	json_field_bool(b, "is_completed", r->completed);
	json_field_int(b, "created_on", r->made_ms / 1000);
	json_field_int(b, "untested_count", (int64_t)r->test_count);
	json_field(b, "url", "https://rail.example/index.php?/runs/view/1");
	buf_putc(b, '}');
}

static void write_result(const struct model *m, struct buf *b, const struct model_result *r)
{
	buf_putc(b, '{');
	json_field_int(b, "id", r->id);
	json_field_int(b, "test_id", r->test);
	if (m->names_case)
		json_field_int(b, "case_id", r->case_id);
	json_field_int(b, "status_id", r->status);
	json_field_int(b, "created_on", r->made_ms / 1000);
	json_field_int(b, "created_by", US);
	json_field(b, "comment", r->comment);
	buf_putc(b, '}');
}

/* ---- reads ---- */

static void get_fixed(struct answer *out, const char *text)
{
	buf_puts(&out->body, text);
	out->status = 200;
}

static void get_cases(struct model *m, const struct ask *a, struct answer *out)
{
	int64_t section = arg(a, "section_id", 0), updated = arg(a, "updated_after", -1);
	int64_t created = arg(a, "created_after", -1), by = arg(a, "created_by", 0);

	if (m->suites && arg(a, "suite_id", 0) != SUITE) {
		forbid(m, out, "Field :suite_id is not a valid test suite.");
		return;
	}
	if (section != 0 && !has_section(m, section)) {
		refuse(m, out, 400, "Field :section_id is not a valid section.");
		return;
	}
	struct list l = list_begin(m, a, out, "cases");
	for (size_t i = 0; i < m->case_count; i++) {
		const struct model_case *c = &m->cases[i];
		if (c->deleted || !shown(m, c->made_ms) || (section != 0 && c->section != section) ||
		    c->updated_ms / 1000 <= updated || c->made_ms / 1000 <= created ||
		    (by != 0 && (by == US) != c->ours))
			continue;
		if (list_next(&l))
			write_case(&out->body, c);
	}
	list_end(&l, out);
}

static void get_case(struct model *m, const struct ask *a, struct answer *out)
{
	const struct model_case *c = model_case(m, a->id);

	if (c == NULL || c->deleted) {
		refuse(m, out, 400, "Field :case_id is not a valid test case.");
		return;
	}
	write_case(&out->body, c);
	out->status = 200;
}

static void get_sections(struct model *m, const struct ask *a, struct answer *out)
{
	struct list l = list_begin(m, a, out, "sections");

	for (size_t i = 0; i < m->section_count; i++)
		if (shown(m, m->section[i].made_ms) && list_next(&l))
			write_section(&out->body, &m->section[i]);
	list_end(&l, out);
}

static void get_runs(struct model *m, const struct ask *a, struct answer *out)
{
	int64_t after = arg(a, "created_after", -1), completed = arg(a, "is_completed", -1);
	struct list l = list_begin(m, a, out, "runs");

	for (size_t i = m->run_count; i-- > 0;) {
		const struct model_run *r = &m->run[i];
		if (shown(m, r->made_ms) && r->made_ms / 1000 > after &&
		    (completed < 0 || r->completed == (completed != 0)) && list_next(&l))
			write_run(&out->body, r);
	}
	list_end(&l, out);
}

static struct model_run *asked_run(struct model *m, const struct ask *a, struct answer *out)
{
	struct model_run *r = model_run(m, a->id);

	if (r == NULL)
		refuse(m, out, 400, "Field :run_id is not a valid test run.");
	return r;
}

static void get_run(struct model *m, const struct ask *a, struct answer *out)
{
	const struct model_run *r = asked_run(m, a, out);

	if (r == NULL)
		return;
	write_run(&out->body, r);
	out->status = 200;
}

static void get_tests(struct model *m, const struct ask *a, struct answer *out)
{
	const struct model_run *r = asked_run(m, a, out);

	if (r == NULL)
		return;
	struct list l = list_begin(m, a, out, "tests");
	for (size_t i = 0; i < r->test_count; i++)
		if (list_next(&l))
			buf_printf(&out->body, "{\"id\":%lld,\"case_id\":%lld}", (long long)r->test[i].id,
				   (long long)r->test[i].case_id);
	list_end(&l, out);
}

static void get_results(struct model *m, const struct ask *a, struct answer *out)
{
	int64_t after = arg(a, "created_after", -1);

	if (asked_run(m, a, out) == NULL)
		return;
	struct list l = list_begin(m, a, out, "results");
	for (size_t i = m->result_count; i-- > 0;) {
		const struct model_result *r = &m->result[i];
		if (r->run == a->id && !r->gone && shown(m, r->made_ms) && r->made_ms / 1000 > after &&
		    list_next(&l))
			write_result(m, &out->body, r);
	}
	list_end(&l, out);
}

/* ---- writes ---- */

static void add_section(struct model *m, const struct ask *a, struct answer *out)
{
	const char *name = string(a->body, "name");
	int64_t parent = member(a->body, "parent_id", 0);

	if (name == NULL || *name == '\0') {
		forbid(m, out, "Field :name is a required field.");
		return;
	}
	if (parent != 0 && !has_section(m, parent)) {
		refuse(m, out, 400, "Field :parent_id is not a valid section.");
		return;
	}
	put_section(m, name, parent);
	write_section(&out->body, &m->section[m->section_count - 1]);
	out->status = 200;
}

static void add_cases(struct model *m, const struct ask *a, struct answer *out, bool single)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(a->body, "cases"), *item;

	if (!has_section(m, a->id)) {
		refuse(m, out, 400, "Field :section_id is not a valid section.");
		return;
	}
	if (!single && m->no_add_cases) {
		refuse(m, out, 404, "Unknown method 'add_cases'");
		return;
	}
	if (single) {
		if (string(a->body, "title") == NULL) {
			forbid(m, out, "Field :title is a required field.");
			return;
		}
		write_case(&out->body, put_case(m, a->id, string(a->body, "title"),
						string(a->body, "custom_automation_id"), true));
		out->status = 200;
		return;
	}
	if (cJSON_GetArraySize(list) == 0) {
		forbid(m, out, "Field :cases is a required field.");
		return;
	}
	cJSON_ArrayForEach(item, list)
	{
		if (string(item, "title") == NULL) {
			forbid(m, out, "Field :title is a required field.");
			return;
		}
	}
	buf_puts(&out->body, "{\"cases\":[");
	cJSON_ArrayForEach(item, list)
	{
		json_sep(&out->body);
		write_case(&out->body, put_case(m, a->id, string(item, "title"),
						string(item, "custom_automation_id"), true));
	}
	buf_puts(&out->body, "]}");
	out->status = 200;
}

static int64_t number(const cJSON *item)
{
	return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0;
}

/* All of them are there and stand once; else refused. */
static bool good_cases(struct model *m, const cJSON *ids, struct answer *out)
{
	const cJSON *item, *other;

	if (!cJSON_IsArray(ids)) {
		forbid(m, out, "Field :case_ids is not a valid array of IDs.");
		return false;
	}
	cJSON_ArrayForEach(item, ids)
	{
		const struct model_case *c = model_case(m, number(item));
		for (other = ids->child; other != item; other = other->next) {
			if (number(other) == number(item)) {
				forbid(m, out, "Field :case_ids holds an ID twice.");
				return false;
			}
		}
		if (c == NULL || c->deleted) {
			refuse(m, out, 400, "Field :case_ids contains unknown case C%lld.",
			       (long long)number(item));
			return false;
		}
	}
	return true;
}

static void add_test(struct model *m, struct model_run *r, int64_t case_id)
{
	GROW(r->test, r->test_count, r->test_room);
	r->test[r->test_count++] = (struct model_test){ .id = m->next_id++, .case_id = case_id };
}

static void add_run(struct model *m, const struct ask *a, struct answer *out)
{
	const char *name = string(a->body, "name"), *description = string(a->body, "description");
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(a->body, "case_ids"), *item;

	if (name == NULL || *name == '\0') {
		forbid(m, out, "Field :name is a required field.");
		return;
	}
	if (m->suites && member(a->body, "suite_id", 0) != SUITE) {
		forbid(m, out, "Field :suite_id is not a valid test suite.");
		return;
	}
	if (!good_cases(m, ids, out))
		return;
	GROW(m->run, m->run_count, m->run_room);
	struct model_run *r = &m->run[m->run_count++];
	*r = (struct model_run){ .id = m->next_id++,
				 .made_ms = m->now_ms,
				 .name = xstrdup(name),
				 .description = xstrdup(description) };
	cJSON_ArrayForEach(item, ids) add_test(m, r, number(item));
	write_run(&out->body, r);
	out->status = 200;
}

static bool open_run(struct model *m, const struct model_run *r, struct answer *out)
{
	if (r->completed)
		refuse(m, out, 400, "This operation is not allowed. The test run is completed.");
	return !r->completed;
}

static bool in_list(const cJSON *ids, int64_t id)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, ids)
	{
		if (number(item) == id)
			return true;
	}
	return false;
}

static void update_run(struct model *m, const struct ask *a, struct answer *out)
{
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(a->body, "case_ids"), *item;
	struct model_run *r = asked_run(m, a, out);

	if (r == NULL || !open_run(m, r, out) || !good_cases(m, ids, out))
		return;
	for (size_t i = 0; i < r->test_count; i++) {
		if (in_list(ids, r->test[i].case_id))
			continue;
		for (size_t k = 0; k < m->result_count; k++) {
			if (m->result[k].test == r->test[i].id && m->broken[0] == '\0')
				snprintf(
					m->broken, sizeof(m->broken),
					"update_run of run %lld left out case C%lld, and its results with it",
					(long long)r->id, (long long)r->test[i].case_id);
		}
		r->test[i--] = r->test[--r->test_count];
	}
	cJSON_ArrayForEach(item, ids)
	{
		if (test_of(r, number(item)) == NULL)
			add_test(m, r, number(item));
	}
	write_run(&out->body, r);
	out->status = 200;
}

static bool good_result(struct model *m, struct model_run *r, const cJSON *item, struct answer *out)
{
	int64_t id = member(item, "case_id", 0), status = member(item, "status_id", 0);
	const struct model_case *c = model_case(m, id);

	if (status < PASSED || status > FAILED || status == UNTESTED) {
		forbid(m, out, "Field :status_id is not a valid status.");
		return false;
	}
	if (c == NULL || c->deleted || test_of(r, id) == NULL) {
		refuse(m, out, 400,
		       "Field :results contains one or more invalid results (case C%lld unknown or not part "
		       "of "
		       "the test run)",
		       (long long)id);
		return false;
	}
	if (c->poison == POISON_NAMED)
		refuse(m, out, 400,
		       "Field :results contains one or more invalid results (case C%lld is frozen)",
		       (long long)id);
	else if (c->poison == POISON_MUTE)
		refuse(m, out, 400, "Field :custom_browser is a required field.");
	return c->poison == POISON_NONE;
}

static void add_results(struct model *m, const struct ask *a, struct answer *out)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(a->body, "results"), *item;
	struct model_run *r = asked_run(m, a, out);

	if (r == NULL || !open_run(m, r, out))
		return;
	if (cJSON_GetArraySize(list) == 0) {
		forbid(m, out, "Field :results is a required field.");
		return;
	}
	cJSON_ArrayForEach(item, list)
	{
		if (!good_result(m, r, item, out))
			return;
	}
	buf_putc(&out->body, '[');
	cJSON_ArrayForEach(item, list)
	{
		int64_t case_id = member(item, "case_id", 0);
		const char *comment = string(item, "comment");
		GROW(m->result, m->result_count, m->result_room);
		m->result[m->result_count] = (struct model_result){
			.id = m->next_id++,
			.run = r->id,
			.test = test_of(r, case_id)->id,
			.case_id = case_id,
			.made_ms = m->now_ms,
			.status = (int)member(item, "status_id", 0),
			.comment = xstrdup(comment != NULL ? comment : ""),
		};
		json_sep(&out->body);
		write_result(m, &out->body, &m->result[m->result_count++]);
	}
	buf_putc(&out->body, ']');
	out->status = 200;
}

static void close_run(struct model *m, const struct ask *a, struct answer *out)
{
	struct model_run *r = asked_run(m, a, out);

	if (r == NULL || !open_run(m, r, out))
		return;
	r->completed = true;
	write_run(&out->body, r);
	out->status = 200;
}

/* ---- the table of calls ---- */

static void handle_read(struct model *m, const struct ask *a, struct answer *out)
{
	static const char user[] = "{\"id\":7,\"name\":\"Robot\",\"email\":\"robot@example.com\"}";
	static const char statuses[] = "[{\"id\":1,\"name\":\"passed\"},{\"id\":2,\"name\":\"blocked\"},"
				       "{\"id\":3,\"name\":\"untested\",\"is_untested\":true},"
				       "{\"id\":4,\"name\":\"retest\"},{\"id\":5,\"name\":\"failed\"}]";
	static const char fields[] =
		"[{\"system_name\":\"custom_automation_id\",\"type_id\":1,\"is_active\":true,"
		"\"configs\":[{\"context\":{\"is_global\":true,\"project_ids\":null}}]}]";
	static const char suites[] = "[{\"id\":3,\"name\":\"Main\",\"is_completed\":false}]";

	if (strcmp(a->call, "get_current_user") == 0)
		get_fixed(out, user);
	else if (strcmp(a->call, "get_projects") == 0)
		buf_printf(&out->body,
			   "[{\"id\":1,\"name\":\"Sim\",\"suite_mode\":%d,\"is_completed\":false}]",
			   m->suites ? 3 : 1),
			out->status = 200;
	else if (strcmp(a->call, "get_suites") == 0)
		get_fixed(out, suites);
	else if (strcmp(a->call, "get_statuses") == 0)
		get_fixed(out, statuses);
	else if (strcmp(a->call, "get_case_fields") == 0)
		get_fixed(out, fields);
	else if (strcmp(a->call, "get_result_fields") == 0)
		get_fixed(out, "[]");
	else if (strcmp(a->call, "get_cases") == 0)
		get_cases(m, a, out);
	else if (strcmp(a->call, "get_case") == 0)
		get_case(m, a, out);
	else if (strcmp(a->call, "get_sections") == 0)
		get_sections(m, a, out);
	else if (strcmp(a->call, "get_runs") == 0)
		get_runs(m, a, out);
	else if (strcmp(a->call, "get_run") == 0)
		get_run(m, a, out);
	else if (strcmp(a->call, "get_tests") == 0)
		get_tests(m, a, out);
	else if (strcmp(a->call, "get_results_for_run") == 0)
		get_results(m, a, out);
	else
		forbid(m, out, "Unknown method '%s'", a->call);
}

static void handle_write(struct model *m, const struct ask *a, struct answer *out)
{
	if (strcmp(a->call, "add_section") == 0)
		add_section(m, a, out);
	else if (strcmp(a->call, "add_cases") == 0)
		add_cases(m, a, out, false);
	else if (strcmp(a->call, "add_case") == 0)
		add_cases(m, a, out, true);
	else if (strcmp(a->call, "add_run") == 0)
		add_run(m, a, out);
	else if (strcmp(a->call, "update_run") == 0)
		update_run(m, a, out);
	else if (strcmp(a->call, "add_results_for_cases") == 0)
		add_results(m, a, out);
	else if (strcmp(a->call, "close_run") == 0)
		close_run(m, a, out);
	else
		forbid(m, out, "Unknown method '%s'", a->call);
}

void model_handle(struct model *m, const char *path, const char *body, size_t body_len, struct answer *out)
{
	struct ask a;

	buf_reset(&out->body);
	out->status = 0;
	if (!read_ask(path, &a)) {
		forbid(m, out, "not an API URL: %.100s", path);
		return;
	}
	if (!model_is_write(path)) {
		handle_read(m, &a, out);
		return;
	}
	if (m->body_max > 0 && body_len > m->body_max &&
	    (strncmp(a.call, "add_cases", 9) == 0 || strncmp(a.call, "add_results", 11) == 0)) {
		model_say(m, out, 413, "Request Entity Too Large");
		return;
	}
	cJSON *root = cJSON_ParseWithLength(body, body_len);
	a.body = root;
	if (cJSON_IsObject(root))
		handle_write(m, &a, out);
	else
		forbid(m, out, "Invalid JSON in the request body.");
	cJSON_Delete(root);
}

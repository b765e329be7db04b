/* SPDX-License-Identifier: Apache-2.0
 *
 * model.c - a TestRail server in memory: what it holds and says, its lists, and the table of its calls. */
#include "tests/sim/model_inner.h"

#include "daemon/base/json.h"
#include "daemon/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	for (size_t i = 0; i < m->file_count; i++)
		free(m->file[i].name);
	for (size_t i = 0; i < m->word_count; i++)
		free(m->words[i]);
	free(m->file);
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

void model_refuse(struct model *m, struct answer *out, int status, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	model_say(m, out, status, text);
}

/* What no correct client does: refused, and remembered against it. */
void model_forbid(struct model *m, struct answer *out, const char *fmt, ...)
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

int64_t ask_arg(const struct ask *a, const char *name, int64_t otherwise)
{
	size_t len = strlen(name);

	for (const char *s = strchr(a->args, '&'); s != NULL; s = strchr(s, '&')) {
		s++;
		if (strncmp(s, name, len) == 0 && s[len] == '=')
			return strtoll(s + len + 1, NULL, 10);
	}
	return otherwise;
}

int64_t ask_member(const cJSON *object, const char *name, int64_t otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : otherwise;
}

const char *ask_string(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(item) ? item->valuestring : NULL;
}

bool ask_read(const char *path, struct ask *out)
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
	if (*s == '/')
		out->second = strtoll(s + 1, (char **)&s, 10);
	if (*s != '\0' && *s != '&')
		return false;
	out->args = s;
	return true;
}

bool model_is_write(const char *path)
{
	struct ask a;

	return ask_read(path, &a) && strncmp(a.call, "get_", 4) != 0;
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

bool model_has_section(const struct model *m, int64_t id)
{
	for (size_t i = 0; i < m->section_count; i++)
		if (m->section[i].id == id)
			return true;
	return false;
}

int64_t model_put_section(struct model *m, const char *name, int64_t parent)
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

struct model_case *model_add_case(struct model *m, int64_t section, const char *title, const char *key,
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
		model_put_section(m, "by hand", 0);
	return model_add_case(m, m->section[0].id, title, key, false)->id;
}

struct model_test *model_test_of(struct model_run *run, int64_t case_id)
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
		struct model_test *t = run->completed ? NULL : model_test_of(run, id);
		if (t != NULL)
			*t = run->test[--run->test_count];
	}
	for (size_t i = 0; i < m->result_count; i++)
		if (m->result[i].case_id == id && !model_run(m, m->result[i].run)->completed)
			m->result[i].gone = true;
}

bool model_shown(const struct model *m, int64_t made_ms)
{
	return made_ms + m->lag_ms <= m->now_ms;
}

/* ---- lists ---- */

struct list list_begin(struct model *m, const struct ask *a, struct answer *out, const char *name)
{
	struct list l = { .m = m, .ask = a, .b = &out->body, .name = name, .limit = m->page };
	int64_t limit = ask_arg(a, "limit", (int64_t)m->page), offset = ask_arg(a, "offset", 0);

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
bool list_next(struct list *l)
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

void list_end(struct list *l, struct answer *out)
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

/* ---- the table of calls ---- */

static const struct model_call *find(const struct model_call *list, const char *name)
{
	while (list->name != NULL && strcmp(list->name, name) != 0)
		list++;
	return list->name != NULL ? list : NULL;
}

static void call(struct model *m, const struct model_call *c, const struct ask *a, struct answer *out)
{
	if (c == NULL) {
		model_forbid(m, out, "Unknown method '%s'", a->call);
	} else if (c->fixed != NULL) {
		buf_puts(&out->body, c->fixed);
		out->status = 200;
	} else {
		c->handle(m, a, out);
	}
}

static void change(struct model *m, struct ask *a, const char *body, size_t body_len, struct answer *out)
{
	bool bulk = strncmp(a->call, "add_cases", 9) == 0 || strncmp(a->call, "add_results", 11) == 0;

	if (m->body_max > 0 && body_len > m->body_max && bulk) {
		model_say(m, out, 413, "Request Entity Too Large");
		return;
	}
	cJSON *root = cJSON_ParseWithLength(body, body_len);
	a->body = root;
	if (cJSON_IsObject(root))
		call(m, find(model_writes, a->call), a, out);
	else
		model_forbid(m, out, "Invalid JSON in the request body.");
	cJSON_Delete(root);
}

void model_handle(struct model *m, const char *path, const char *body, size_t body_len,
		  const struct model_upload *upload, struct answer *out)
{
	struct ask a;

	buf_reset(&out->body);
	out->status = 0;
	if (!ask_read(path, &a)) {
		model_forbid(m, out, "not an API URL: %.100s", path);
		return;
	}
	a.upload = upload;
	const struct model_call *of_files = find(model_uploads, a.call);
	if ((of_files != NULL) != (upload != NULL)) {
		model_forbid(m, out, "No attachment found, or nobody asked for one: %s", a.call);
	} else if (of_files != NULL) {
		call(m, of_files, &a, out);
	} else if (model_is_write(path)) {
		change(m, &a, body, body_len, out);
	} else {
		const struct model_call *c = find(model_lists_of_files, a.call);
		call(m, c != NULL ? c : find(model_reads, a.call), &a, out);
	}
}

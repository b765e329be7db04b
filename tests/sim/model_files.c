/* SPDX-License-Identifier: Apache-2.0
 *
 * model_files.c - attachments: each upload makes a further one, whatever its name. */
#include "tests/sim/model_inner.h"

#include "daemon/base/json.h"
#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

static const struct model_result *result_of(const struct model *m, int64_t id)
{
	for (size_t i = 0; i < m->result_count; i++)
		if (m->result[i].id == id)
			return &m->result[i];
	return NULL;
}

bool model_file_stays(const struct model *m, const struct model_file *f)
{
	return f->result == 0 || !result_of(m, f->result)->gone;
}

/* ---- uploads ---- */

static void attach(struct model *m, const struct ask *a, struct model_file file, struct answer *out)
{
	if (a->upload->name == NULL || *a->upload->name == '\0' ||
	    strpbrk(a->upload->name, "/\\\"") != NULL) {
		model_forbid(m, out, "a file without a usable name");
		return;
	}
	file.id = m->next_id++;
	file.made_ms = m->now_ms;
	file.name = xstrdup(a->upload->name);
	file.size = (int64_t)a->upload->size;
	GROW(m->file, m->file_count, m->file_room);
	m->file[m->file_count++] = file;
	buf_putc(&out->body, '{');
	json_field_int(&out->body, "attachment_id", file.id);
	buf_putc(&out->body, '}');
	out->status = 200;
}

static void add_to_result(struct model *m, const struct ask *a, struct answer *out)
{
	const struct model_result *r = result_of(m, a->id);

	if (m->files == FILES_FORBIDDEN)
		model_refuse(m, out, 403, "You are not allowed to edit test results.");
	else if (r == NULL)
		model_forbid(m, out, "Field :result_id was never a test result.");
	else if (r->gone)
		model_refuse(m, out, 400, "Field :result_id is not a valid test result.");
	else if (model_open_run(m, model_run(m, r->run), out))
		attach(m, a, (struct model_file){ .run = r->run, .result = r->id, .test = r->test }, out);
}

static void add_to_run(struct model *m, const struct ask *a, struct answer *out)
{
	const struct model_run *r = model_asked_run(m, a, out);

	if (r != NULL && model_open_run(m, r, out))
		attach(m, a, (struct model_file){ .run = r->id }, out);
}

/* ---- lists ---- */

static void write_file(const struct model *m, struct buf *b, const struct model_file *f)
{
	buf_putc(b, '{');
	json_field_int(b, "id", f->id);
	json_field(b, "name", f->name);
	json_field(b, "filename", f->name);
	json_field_int(b, "size", f->size);
	json_field_int(b, "created_on", f->made_ms / 1000);
	json_field_int(b, "user_id", US);
	if (m->files != FILES_OLD) {
		json_field(b, "entity_type", f->result != 0 ? "test_change" : "run");
		json_field_int(b, "entity_id", f->result != 0 ? f->result : f->run);
		if (f->result != 0)
			json_field_int(b, "result_id", f->result);
	}
	buf_putc(b, '}');
}

static bool lists(struct model *m, const struct ask *a, struct answer *out)
{
	if (m->files == FILES_MUTE)
		model_refuse(m, out, 404, "Unknown method '%s'", a->call);
	return m->files != FILES_MUTE;
}

static void get_for_run(struct model *m, const struct ask *a, struct answer *out)
{
	if (model_asked_run(m, a, out) == NULL || !lists(m, a, out))
		return;
	struct list l = list_begin(m, a, out, "attachments");
	for (size_t i = 0; i < m->file_count; i++) {
		const struct model_file *f = &m->file[i];
		if (f->run == a->id && f->result == 0 && model_shown(m, f->made_ms) && list_next(&l))
			write_file(m, &out->body, f);
	}
	list_end(&l, out);
}

/* Of all results of the test; bare, as it is seen. */
static void get_for_test(struct model *m, const struct ask *a, struct answer *out)
{
	if (!lists(m, a, out))
		return;
	buf_putc(&out->body, '[');
	for (size_t i = 0; i < m->file_count; i++) {
		const struct model_file *f = &m->file[i];
		if (f->test != a->id || f->result == 0 || !model_file_stays(m, f) ||
		    !model_shown(m, f->made_ms))
			continue;
		json_sep(&out->body);
		write_file(m, &out->body, f);
	}
	buf_putc(&out->body, ']');
	out->status = 200;
}

const struct model_call model_uploads[] = {
	{ "add_attachment_to_result", .handle = add_to_result },
	{ "add_attachment_to_run", .handle = add_to_run },
	{ 0 },
};

const struct model_call model_lists_of_files[] = {
	{ "get_attachments_for_run", .handle = get_for_run },
	{ "get_attachments_for_test", .handle = get_for_test },
	{ 0 },
};

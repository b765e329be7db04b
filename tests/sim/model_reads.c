/* SPDX-License-Identifier: Apache-2.0
 *
 * model_reads.c - what the server tells of its cases, sections, runs, tests and results. */
#include "tests/sim/model_inner.h"

#include "daemon/base/json.h"

void model_write_section(struct buf *b, const struct model_section *s)
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

void model_write_case(struct buf *b, const struct model_case *c)
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

void model_write_run(struct buf *b, const struct model_run *r)
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

void model_write_result(const struct model *m, struct buf *b, const struct model_result *r)
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

static void get_cases(struct model *m, const struct ask *a, struct answer *out)
{
	int64_t section = ask_arg(a, "section_id", 0), updated = ask_arg(a, "updated_after", -1);
	int64_t created = ask_arg(a, "created_after", -1), by = ask_arg(a, "created_by", 0);

	if (m->suites && ask_arg(a, "suite_id", 0) != SUITE) {
		model_forbid(m, out, "Field :suite_id is not a valid test suite.");
		return;
	}
	if (section != 0 && !model_has_section(m, section)) {
		model_refuse(m, out, 400, "Field :section_id is not a valid section.");
		return;
	}
	struct list l = list_begin(m, a, out, "cases");
	for (size_t i = 0; i < m->case_count; i++) {
		const struct model_case *c = &m->cases[i];
		if (c->deleted || !model_shown(m, c->made_ms) || (section != 0 && c->section != section) ||
		    c->updated_ms / 1000 <= updated || c->made_ms / 1000 <= created ||
		    (by != 0 && (by == US) != c->ours))
			continue;
		if (list_next(&l))
			model_write_case(&out->body, c);
	}
	list_end(&l, out);
}

static void get_case(struct model *m, const struct ask *a, struct answer *out)
{
	const struct model_case *c = model_case(m, a->id);

	if (c == NULL || c->deleted) {
		model_refuse(m, out, 400, "Field :case_id is not a valid test case.");
		return;
	}
	model_write_case(&out->body, c);
	out->status = 200;
}

static void get_sections(struct model *m, const struct ask *a, struct answer *out)
{
	struct list l = list_begin(m, a, out, "sections");

	for (size_t i = 0; i < m->section_count; i++)
		if (model_shown(m, m->section[i].made_ms) && list_next(&l))
			model_write_section(&out->body, &m->section[i]);
	list_end(&l, out);
}

static void get_runs(struct model *m, const struct ask *a, struct answer *out)
{
	int64_t after = ask_arg(a, "created_after", -1), completed = ask_arg(a, "is_completed", -1);
	struct list l = list_begin(m, a, out, "runs");

	for (size_t i = m->run_count; i-- > 0;) {
		const struct model_run *r = &m->run[i];
		if (model_shown(m, r->made_ms) && r->made_ms / 1000 > after &&
		    (completed < 0 || r->completed == (completed != 0)) && list_next(&l))
			model_write_run(&out->body, r);
	}
	list_end(&l, out);
}

struct model_run *model_asked_run(struct model *m, const struct ask *a, struct answer *out)
{
	struct model_run *r = model_run(m, a->id);

	if (r == NULL)
		model_refuse(m, out, 400, "Field :run_id is not a valid test run.");
	return r;
}

static void get_run(struct model *m, const struct ask *a, struct answer *out)
{
	const struct model_run *r = model_asked_run(m, a, out);

	if (r == NULL)
		return;
	model_write_run(&out->body, r);
	out->status = 200;
}

static void get_tests(struct model *m, const struct ask *a, struct answer *out)
{
	const struct model_run *r = model_asked_run(m, a, out);

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
	int64_t after = ask_arg(a, "created_after", -1);

	if (model_asked_run(m, a, out) == NULL)
		return;
	struct list l = list_begin(m, a, out, "results");
	for (size_t i = m->result_count; i-- > 0;) {
		const struct model_result *r = &m->result[i];
		if (r->run == a->id && !r->gone && model_shown(m, r->made_ms) && r->made_ms / 1000 > after &&
		    list_next(&l))
			model_write_result(m, &out->body, r);
	}
	list_end(&l, out);
}

static void get_projects(struct model *m, const struct ask *a, struct answer *out)
{
	(void)a;
	buf_printf(&out->body, "[{\"id\":1,\"name\":\"Sim\",\"suite_mode\":%d,\"is_completed\":false}]",
		   m->suites ? 3 : 1);
	out->status = 200;
}

/* To find the test that a result is of. */
static void get_results_for_case(struct model *m, const struct ask *a, struct answer *out)
{
	struct model_run *run = model_asked_run(m, a, out);

	if (run == NULL)
		return;
	if (model_test_of(run, a->second) == NULL) {
		model_refuse(m, out, 400, "No (active) test found for the run/case combination.");
		return;
	}
	struct list l = list_begin(m, a, out, "results");
	for (size_t i = m->result_count; i-- > 0;) {
		const struct model_result *r = &m->result[i];
		if (r->run == a->id && r->case_id == a->second && !r->gone && model_shown(m, r->made_ms) &&
		    list_next(&l))
			model_write_result(m, &out->body, r);
	}
	list_end(&l, out);
}

const struct model_call model_reads[] = {
	{ "get_current_user", .fixed = "{\"id\":7,\"name\":\"Robot\",\"email\":\"robot@example.com\"}" },
	{ "get_projects", .handle = get_projects },
	{ "get_suites", .fixed = "[{\"id\":3,\"name\":\"Main\",\"is_completed\":false}]" },
	{ "get_statuses", .fixed = "[{\"id\":1,\"name\":\"passed\"},{\"id\":2,\"name\":\"blocked\"},"
				   "{\"id\":3,\"name\":\"untested\",\"is_untested\":true},"
				   "{\"id\":4,\"name\":\"retest\"},{\"id\":5,\"name\":\"failed\"}]" },
	{ "get_case_fields",
	  .fixed = "[{\"system_name\":\"custom_automation_id\",\"type_id\":1,\"is_active\":true,"
		   "\"configs\":[{\"context\":{\"is_global\":true,\"project_ids\":null}}]}]" },
	{ "get_result_fields", .fixed = "[]" },
	{ "get_cases", .handle = get_cases },
	{ "get_case", .handle = get_case },
	{ "get_sections", .handle = get_sections },
	{ "get_runs", .handle = get_runs },
	{ "get_run", .handle = get_run },
	{ "get_tests", .handle = get_tests },
	{ "get_results_for_run", .handle = get_results },
	{ "get_results_for_case", .handle = get_results_for_case },
	{ 0 },
};

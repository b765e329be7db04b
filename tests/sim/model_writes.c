/* SPDX-License-Identifier: Apache-2.0
 *
 * model_writes.c - sections, cases, runs and results that are made, and what is refused of them. */
#include "tests/sim/model_inner.h"

#include "daemon/base/json.h"
#include "daemon/base/mem.h"

#include <stdio.h>
#include <string.h>

/* ---- writes ---- */

static void add_section(struct model *m, const struct ask *a, struct answer *out)
{
	const char *name = ask_string(a->body, "name");
	int64_t parent = ask_member(a->body, "parent_id", 0);

	if (name == NULL || *name == '\0') {
		model_forbid(m, out, "Field :name is a required field.");
		return;
	}
	if (parent != 0 && !model_has_section(m, parent)) {
		model_refuse(m, out, 400, "Field :parent_id is not a valid section.");
		return;
	}
	model_put_section(m, name, parent);
	model_write_section(&out->body, &m->section[m->section_count - 1]);
	out->status = 200;
}

static void add_cases(struct model *m, const struct ask *a, struct answer *out, bool single)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(a->body, "cases"), *item;

	if (!model_has_section(m, a->id)) {
		model_refuse(m, out, 400, "Field :section_id is not a valid section.");
		return;
	}
	if (!single && m->no_add_cases) {
		model_refuse(m, out, 404, "Unknown method 'add_cases'");
		return;
	}
	if (single) {
		if (ask_string(a->body, "title") == NULL) {
			model_forbid(m, out, "Field :title is a required field.");
			return;
		}
		model_write_case(&out->body,
				 model_add_case(m, a->id, ask_string(a->body, "title"),
						ask_string(a->body, "custom_automation_id"), true));
		out->status = 200;
		return;
	}
	if (cJSON_GetArraySize(list) == 0) {
		model_forbid(m, out, "Field :cases is a required field.");
		return;
	}
	cJSON_ArrayForEach(item, list)
	{
		if (ask_string(item, "title") == NULL) {
			model_forbid(m, out, "Field :title is a required field.");
			return;
		}
	}
	buf_puts(&out->body, "{\"cases\":[");
	cJSON_ArrayForEach(item, list)
	{
		json_sep(&out->body);
		model_write_case(&out->body, model_add_case(m, a->id, ask_string(item, "title"),
							    ask_string(item, "custom_automation_id"), true));
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
		model_forbid(m, out, "Field :case_ids is not a valid array of IDs.");
		return false;
	}
	cJSON_ArrayForEach(item, ids)
	{
		const struct model_case *c = model_case(m, number(item));
		for (other = ids->child; other != item; other = other->next) {
			if (number(other) == number(item)) {
				model_forbid(m, out, "Field :case_ids holds an ID twice.");
				return false;
			}
		}
		if (c == NULL || c->deleted) {
			model_refuse(m, out, 400, "Field :case_ids contains unknown case C%lld.",
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
	const char *name = ask_string(a->body, "name"), *description = ask_string(a->body, "description");
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(a->body, "case_ids"), *item;

	if (name == NULL || *name == '\0') {
		model_forbid(m, out, "Field :name is a required field.");
		return;
	}
	if (m->suites && ask_member(a->body, "suite_id", 0) != SUITE) {
		model_forbid(m, out, "Field :suite_id is not a valid test suite.");
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
	model_write_run(&out->body, r);
	out->status = 200;
}

bool model_open_run(struct model *m, const struct model_run *r, struct answer *out)
{
	if (r->completed)
		model_refuse(m, out, 400, "This operation is not allowed. The test run is completed.");
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
	struct model_run *r = model_asked_run(m, a, out);

	if (r == NULL || !model_open_run(m, r, out) || !good_cases(m, ids, out))
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
		if (model_test_of(r, number(item)) == NULL)
			add_test(m, r, number(item));
	}
	model_write_run(&out->body, r);
	out->status = 200;
}

static bool good_result(struct model *m, struct model_run *r, const cJSON *item, struct answer *out)
{
	int64_t id = ask_member(item, "case_id", 0), status = ask_member(item, "status_id", 0);
	const struct model_case *c = model_case(m, id);

	if (status < PASSED || status > FAILED || status == UNTESTED) {
		model_forbid(m, out, "Field :status_id is not a valid status.");
		return false;
	}
	if (c == NULL || c->deleted || model_test_of(r, id) == NULL) {
		model_refuse(
			m, out, 400,
			"Field :results contains one or more invalid results (case C%lld unknown or not part "
			"of "
			"the test run)",
			(long long)id);
		return false;
	}
	if (c->poison == POISON_NAMED)
		model_refuse(m, out, 400,
			     "Field :results contains one or more invalid results (case C%lld is frozen)",
			     (long long)id);
	else if (c->poison == POISON_MUTE)
		model_refuse(m, out, 400, "Field :custom_browser is a required field.");
	return c->poison == POISON_NONE;
}

static void add_results(struct model *m, const struct ask *a, struct answer *out)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(a->body, "results"), *item;
	struct model_run *r = model_asked_run(m, a, out);

	if (r == NULL || !model_open_run(m, r, out))
		return;
	if (cJSON_GetArraySize(list) == 0) {
		model_forbid(m, out, "Field :results is a required field.");
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
		int64_t case_id = ask_member(item, "case_id", 0);
		const char *comment = ask_string(item, "comment");
		GROW(m->result, m->result_count, m->result_room);
		m->result[m->result_count] = (struct model_result){
			.id = m->next_id++,
			.run = r->id,
			.test = model_test_of(r, case_id)->id,
			.case_id = case_id,
			.made_ms = m->now_ms,
			.status = (int)ask_member(item, "status_id", 0),
			.comment = xstrdup(comment != NULL ? comment : ""),
		};
		json_sep(&out->body);
		model_write_result(m, &out->body, &m->result[m->result_count++]);
	}
	buf_putc(&out->body, ']');
	out->status = 200;
}

static void close_run(struct model *m, const struct ask *a, struct answer *out)
{
	struct model_run *r = model_asked_run(m, a, out);

	if (r == NULL || !model_open_run(m, r, out))
		return;
	r->completed = true;
	model_write_run(&out->body, r);
	out->status = 200;
}

static void add_case_list(struct model *m, const struct ask *a, struct answer *out)
{
	add_cases(m, a, out, false);
}

static void add_case(struct model *m, const struct ask *a, struct answer *out)
{
	add_cases(m, a, out, true);
}

const struct model_call model_writes[] = {
	{ "add_section", .handle = add_section }, { "add_cases", .handle = add_case_list },
	{ "add_case", .handle = add_case },       { "add_run", .handle = add_run },
	{ "update_run", .handle = update_run },   { "add_results_for_cases", .handle = add_results },
	{ "close_run", .handle = close_run },     { 0 },
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * test_testrail.c - the table as a whole: whatever a server answers, whatever stands in facts and bookmark,
 * each step says something that dispatch can go on with. */
#include "talking.h"

#include "sinks/testrail/testrail.h"

extern const struct sink sink_testrail;

#define ROUNDS 12000

static uint64_t seed;

static unsigned dice(unsigned sides)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % sides;
}

/* ---- the table ---- */

static void the_table_keeps_its_promises(void **state)
{
	bool resolved = false, ended = false;

	(void)state;
	for (const struct step *s = sink_testrail.steps; s->name != NULL; s++) {
		assert_true(!ended || s->final);
		if (s->resolve) {
			resolved = true;
			assert_true(s->exclusive);
			continue;
		}
		assert_non_null(s->ask);
		assert_non_null(s->got);
		assert_int_equal(s->look != NULL, s->looked != NULL);
		/* Rows exist only once results were matched. */
		assert_true(s->rows == ROWS_NONE || resolved);
		/* What must not happen twice, or late, can be looked up. */
		assert_int_equal(strncmp(s->name, "add-", 4) == 0, s->look != NULL && !s->repeats);
		ended = s->final;
	}
	assert_true(ended);
}

/* ---- any answer ---- */

static void random_value(struct buf *b, int depth);

static void random_object(struct buf *b, int depth)
{
	static const char *const keys[] = {
		"id",          "name",        "title",
		"error",       "cases",       "sections",
		"projects",    "suites",      "runs",
		"tests",       "results",     "_links",
		"next",        "limit",       "offset",
		"size",        "suite_mode",  "is_completed",
		"is_deleted",  "case_id",     "test_id",
		"status_id",   "comment",     "description",
		"section_id",  "parent_id",   "suite_id",
		"project_id",  "plan_id",     "include_all",
		"url",         "system_name", "configs",
		"context",     "project_ids", "type_id",
		"is_untested", "label",       "custom_automation_id",
		"statuses",    "case_fields", "is_master",
		"is_active",
	};

	buf_putc(b, '{');
	for (unsigned i = dice(6); i > 0; i--) {
		buf_printf(b, "\"%s\":", keys[dice(COUNT(keys))]);
		random_value(b, depth - 1);
		if (i > 1)
			buf_putc(b, ',');
	}
	buf_putc(b, '}');
}

static void random_value(struct buf *b, int depth)
{
	static const char *const scalars[] = {
		"null",
		"true",
		"false",
		"0",
		"1",
		"2",
		"7",
		"-1",
		"11",
		"12",
		"1e300",
		"1.5",
		"9007199254740993",
		"\"\"",
		"\"7\"",
		"\"Datahub\"",
		"\"passed\"",
		"\"failed\"",
		"\"retest\"",
		"\"custom_automation_id\"",
		"\"/api/v2/x\"",
		"\"" TALK_TOKEN "\"",
		"\"a.B.one\"",
		"\"one\"",
		"\"<p>a.B.one</p>\"",
		"\"&#x\"",
		"\"<p>\"",
		"\"\\ud800\"",
		"\"Field :case_ids is not a valid ID. C11\"",
		"\"The test run is completed\"",
		"\"case C12 unknown\"",
	};

	if (depth <= 0 || dice(3) == 0) {
		buf_puts(b, scalars[dice(COUNT(scalars))]);
		return;
	}
	if (dice(2) == 0) {
		random_object(b, depth);
		return;
	}
	buf_putc(b, '[');
	for (unsigned i = dice(4); i > 0; i--) {
		random_object(b, depth - 1);
		if (i > 1)
			buf_putc(b, ',');
	}
	buf_putc(b, ']');
}

/* Random JSON, sometimes in the envelope that is due, sometimes with bytes broken. */
static void random_reply(struct reply *r)
{
	static const char *const lists[] = { "cases", "sections", "projects", "suites",
					     "runs",  "tests",    "results" };
	static const int statuses[] = { 200, 200, 200, 201, 400, 400, 403, 404, 500 };

	reply_init(r);
	r->exchange = EXCHANGE_ANSWERED;
	r->status = statuses[dice(COUNT(statuses))];
	r->server_ms = dice(3) == 0 ? TIME_UNKNOWN : TALK_NOW + (int64_t)dice(100000);
	if (dice(10) == 0)
		return;
	if (dice(2) == 0) {
		buf_printf(&r->body, "{\"_links\":{\"next\":%s},\"%s\":[", dice(2) == 0 ? "null" : "\"/x\"",
			   lists[dice(COUNT(lists))]);
		random_object(&r->body, 2);
		buf_puts(&r->body, "]}");
	} else {
		random_value(&r->body, 4);
	}
	if (dice(5) == 0 && r->body.len > 0)
		r->body.data[dice((unsigned)r->body.len)] = (char)dice(256);
}

static void usual_facts(struct talking *w)
{
	talking_facts(
		w, "{\"url\":\"https://"
		   "t.example\",\"login\":{\"user\":\"ci@example.com\",\"id\":\"5\"},\"project\":{\"wanted\":"
		   "\"Datahub\",\"id\":\"7\",\"mode\":3},\"suite\":{\"wanted\":\"\",\"project\":\"7\",\"id\":"
		   "\"2\"},\"statuses\":"
		   "{\"wanted\":\"x\",\"ids\":[1,5,6,4,1,-1]},\"scope\":\"p7/s2\"}");
}

static void rows_of_some_kind(struct talking *w)
{
	static const char *const ids[] = { "11", "12", "13" };
	static struct row_evidence file = { .name = "shot.png",
					    .kept = "ab/cd",
					    .type = "image/png",
					    .sha256 = "",
					    .size = 5,
					    .test = "a.B.one",
					    .named = "out/shot.png" };

	file.of_run = dice(2) == 0;
	file.remote_result = file.of_run ? NULL : "77";
	talking_no_rows(w);
	talking_row(w, "11", "a.B.one", OUTCOME_PASSED, 1, NULL);
	talking_row(w, "12", "a.B.two", OUTCOME_FAILED, 2, "no");
	for (size_t i = 0; i < w->rows.count; i++)
		w->rows.row[i].name = "place";
	for (size_t i = 0; i < w->rows.count; i++)
		w->rows.row[i].evidence = &file;
	talking_links(w, dice(4), 3, ids);
}

static void check_end(const struct talking *w, bool refused)
{
	assert_true(cJSON_IsObject(w->t.facts));
	assert_true(cJSON_IsObject(w->t.bookmark));
	if (refused)
		assert_true(w->t.err.code < 0 && w->t.err.text[0] != '\0');
	for (size_t i = 0; i < w->t.learned.count; i++) {
		const struct learned_item *item = &w->t.learned.item[i];
		if (item->what == LEARNED_REMOTE || item->what == LEARNED_GONE)
			assert_true(item->id != NULL && item->kind != NULL && item->scope != NULL);
		if (item->what == LEARNED_CASE || item->what == LEARNED_PLACE)
			assert_non_null(item->id);
	}
}

static void one_step(struct talking *w, const struct step *s)
{
	struct reply r;

	rows_of_some_kind(w);
	enum ask ask = talking_ask(w, s->name);
	check_end(w, ask == ASK_PARK);
	if (ask != ASK_SEND)
		return;
	assert_true(w->request.path.len > 0 && buf_error(&w->request.path) == 0 &&
		    buf_error(&w->request.body) == 0);
	assert_int_equal(w->request.write, w->request.method == METHOD_POST);
	if (w->request.upload_path != NULL) {
		assert_int_equal(w->request.body.len, 0);
	} else if (w->request.write) {
		cJSON *body = cJSON_ParseWithLength(w->request.body.data, w->request.body.len);
		assert_non_null(body);
		cJSON_Delete(body);
	}
	talking_freeze(w);
	bool look = s->look != NULL && dice(2) == 0;
	for (int i = 0; i < 4 && look; i++) {
		if (talking_look(w, i == 0) != ASK_SEND)
			return;
		assert_false(w->request.write);
		random_reply(&r);
		enum looked looked = s->looked(&w->t, &r);
		reply_done(&r);
		assert_in_range(looked, LOOKED_ALL, LOOKED_UNSURE);
		check_end(w, false);
		look = looked == LOOKED_MORE;
		if (!look)
			return;
	}
	if (s->look != NULL && w->t.scratch != NULL && cJSON_GetObjectItem(w->t.scratch, "offset") != NULL)
		return;
	random_reply(&r);
	enum got got = s->got(&w->t, &r);
	reply_done(&r);
	assert_in_range(got, GOT_NEXT, GOT_LOCKED);
	check_end(w, got == GOT_PARK || got == GOT_REFUSED || got == GOT_LOCKED || got == GOT_CLOSED);
	talking_saved(w);
}

static void any_answer_is_survived(void **state)
{
	static const char *const more[] = {
		"    create: {cases: true}\n",
		"    several: each\n    run: {id: 90}\n    match: [title]\n    create: {cases: true, "
		"sections: false}\n",
		"    suite: Master\n    result: {comment: '{class}'}\n",
	};
	size_t steps = 0;

	(void)state;
	while (sink_testrail.steps[steps].name != NULL)
		steps++;
	for (size_t k = 0; k < COUNT(more); k++) {
		struct talking w;
		char yaml[600];
		seed = 20261121 + k;
		snprintf(yaml, sizeof(yaml),
			 "    url: https://t.example\n    user: ci@example.com\n    key: {env: K}\n"
			 "    project: Datahub\n%s",
			 more[k]);
		talking_start(&w, &sink_testrail, yaml);
		for (int i = 0; i < ROUNDS; i++) {
			const struct step *s = &sink_testrail.steps[dice((unsigned)steps)];
			if (i % 16 == 0) {
				usual_facts(&w);
				if (dice(2) == 0)
					talking_bookmark(&w, dice(2) == 0
								     ? "{\"run\":{\"id\":\"90\",\"own\":0}}"
								     : "{\"run\":{\"id\":\"90\",\"own\":1},"
								       "\"doubt\":[\"11\",5]}");
			}
			/* Steps below the setup are reached only when it is done. */
			if (!s->resolve &&
			    (sink_string(w.t.facts, "scope") != NULL || s < &sink_testrail.steps[3]) &&
			    (testrail_fact(&w.t, "project", "id") != NULL || s < &sink_testrail.steps[2]))
				one_step(&w, s);
			w.t.now_ms += dice(5000);
			arena_reset(&w.arena);
			learned_done(&w.t.learned);
			learned_init(&w.t.learned, &w.arena);
		}
		talking_end(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_keeps_its_promises),
		cmocka_unit_test(any_answer_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

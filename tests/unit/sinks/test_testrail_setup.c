/* SPDX-License-Identifier: Apache-2.0
 *
 * test_testrail_setup.c - the configuration, and what is read once: login, project, suite, statuses, the
 * automation field. */
#include "talking.h"

#include "sinks/testrail/testrail.h"

extern const struct sink sink_testrail;

#define BASE                               \
	"    url: https://t.example/sub\n" \
	"    user: ci+x@example.com\n"     \
	"    key: {env: TESTRAIL_KEY}\n"   \
	"    project: Datahub\n"
#define HERE "\"url\":\"https://t.example/sub\",\"login\":{\"user\":\"ci+x@example.com\",\"id\":\"5\"}"

/* ---- configuration ---- */

static void defaults_stand(void **state)
{
	struct talking w;

	(void)state;
	talking_start(&w, &sink_testrail, BASE);
	const struct testrail_conf *c = w.t.conf;
	assert_string_equal(c->field, "custom_automation_id");
	assert_string_equal(c->statuses[VERDICT_SKIPPED], "retest");
	assert_string_equal(c->statuses[VERDICT_FLAKY], "passed");
	assert_true(c->run.close);
	assert_false(c->create.cases);
	assert_true(c->create.sections);
	assert_int_equal(c->batch, 250);
	assert_int_equal((int)c->common.rate, 180);
	assert_true(match_has(&c->match, MATCH_REF));
	assert_true(match_has(&c->match, MATCH_AUTOMATION));
	assert_false(match_has(&c->match, MATCH_TITLE));
	struct endpoint e;
	sink_testrail.endpoint(c, &e);
	assert_string_equal(e.url, "https://t.example/sub");
	assert_string_equal(e.scope, e.url);
	assert_true(e.verify);
	talking_facts(&w, "{\"scope\":\"p1/s2\"}");
	struct match_plan p;
	sink_testrail.plan(c, w.t.facts, &p);
	assert_int_equal(p.order[0], MATCH_REF);
	assert_int_equal(p.order[1], MATCH_AUTOMATION);
	assert_int_equal(p.order[2], MATCH_NONE);
	assert_int_equal(p.unmatched, UNMATCHED_PARK);
	assert_string_equal(p.scope, "p1/s2");
	talking_end(&w);
}

static void every_key_reaches_its_place(void **state)
{
	struct talking w;

	(void)state;
	talking_start(&w, &sink_testrail,
		      BASE "    suite: Master\n"
			   "    run: {name: 'N {job}', description: '{run.key}', id: 12, close: false}\n"
			   "    match: [title, ref]\n"
			   "    automation_field: custom_auto\n"
			   "    create: {cases: true, sections: false, section: 'CI / {suite}'}\n"
			   "    unmatched: ignore\n"
			   "    several: each\n"
			   "    statuses: {passed: Passed, failed: 7, error: none, skipped: blocked, flaky: "
			   "retest, known_failure: x}\n"
			   "    result: {comment: 'c', version: '{ci.commit}'}\n"
			   "    batch: 100\n"
			   "    rate: 300/min\n");
	const struct testrail_conf *c = w.t.conf;
	assert_string_equal(c->suite, "Master");
	assert_string_equal(template_text(c->run.name), "N {job}");
	assert_string_equal(template_text(c->run.description), "{run.key}");
	assert_int_equal(c->run.id, 12);
	assert_false(c->run.close);
	assert_string_equal(c->field, "custom_auto");
	assert_true(c->create.cases);
	assert_false(c->create.sections);
	assert_string_equal(template_text(c->create.section), "CI / {suite}");
	assert_int_equal(c->unmatched, UNMATCHED_IGNORE);
	assert_int_equal(c->several, SEVERAL_EACH);
	assert_string_equal(c->statuses[VERDICT_PASSED], "Passed");
	assert_string_equal(c->statuses[VERDICT_FAILED], "7");
	assert_string_equal(c->statuses[VERDICT_ERROR], "none");
	assert_string_equal(c->statuses[VERDICT_KNOWN_FAILURE], "x");
	assert_string_equal(template_text(c->result.comment), "c");
	assert_string_equal(template_text(c->result.version), "{ci.commit}");
	assert_int_equal(sink_testrail.batch(c), 100);
	struct match_plan p;
	sink_testrail.plan(c, w.t.facts, &p);
	assert_int_equal(p.order[0], MATCH_TITLE);
	assert_int_equal(p.order[1], MATCH_REF);
	assert_int_equal(p.unmatched, UNMATCHED_CREATE);
	talking_end(&w);
}

static void nonsense_is_refused(void **state)
{
	static const struct {
		const char *more, *says;
	} row[] = {
		{ "    user: a\n    key: {env: K}\n    project: p\n", "url" },
		{ "    url: http://t.example\n    user: a\n    key: {env: K}\n    project: p\n", "http" },
		{ BASE "    statuses: {skipped: untested}\n", "untested" },
		{ BASE "    statuses: {flaky: 3}\n", "statuses.flaky" },
		{ BASE "    automation_field: 'Automation Id'\n", "automation_field" },
		{ BASE "    automation_field: custom_\n", "automation_field" },
		{ BASE "    match: [ref]\n    create: {cases: true}\n", "create.cases" },
		{ BASE "    match: []\n", "match" },
		{ BASE "    match: [name]\n", "name" },
		{ BASE "    batch: 0\n", "batch" },
		{ BASE "    batch: 1001\n", "batch" },
		{ BASE "    several: best\n", "best" },
		{ BASE "    run: {name: '{job'}\n", "name" },
		{ BASE "    pol: 1\n", "pol" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		char fault[1024];
		struct config *c = talking_config(&sink_testrail, row[i].more, fault, sizeof(fault));
		if (c != NULL || strstr(fault, row[i].says) == NULL)
			fail_msg("row %zu: \"%s\" should speak of \"%s\"", i, fault, row[i].says);
	}
}

static void references_name_cases(void **state)
{
	static const struct {
		const char *ref, *id;
	} row[] = {
		{ "C12", "12" },     { "c12", "12" },
		{ "12", "12" },      { "C0012", "12" },
		{ "AT-TC-3", NULL }, { "C", NULL },
		{ "C0", NULL },      { "C12x", NULL },
		{ "", NULL },        { "C9999999999999999", NULL },
		{ "CC1", NULL },     { "C-1", NULL },
	};
	struct arena a = ARENA_LIMIT(1 << 12);

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		const char *id = sink_testrail.ref(NULL, row[i].ref, &a);
		if (row[i].id == NULL)
			assert_null(id);
		else
			assert_string_equal(id, row[i].id);
	}
	arena_done(&a);
}

static void answers_that_are_not_what_they_seem(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum answer_class is;
	} row[] = {
		{ 404, "{\"error\":\"Unsupported HTTP method \\\"get\\\" for this action.\"}",
		  ANSWER_LOCKED },
		{ 403, "{\"error\":\"The TestRail API is disabled for your installation.\"}", ANSWER_LOCKED },
		{ 403, "{\"error\":\"You are not allowed\"}", ANSWER_DEFAULT },
		{ 404, "", ANSWER_DEFAULT },
		{ 400, "{}", ANSWER_DEFAULT },
		{ 200, "[]", ANSWER_DEFAULT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct reply r;
		talking_reply(&r, row[i].status, row[i].body);
		assert_int_equal(sink_testrail.classify(&r), row[i].is);
		reply_done(&r);
	}
}

/* ---- login ---- */

static void login_is_remembered(void **state)
{
	struct talking w;

	(void)state;
	talking_start(&w, &sink_testrail, BASE);
	talking_facts(&w, "{\"url\":\"https://"
			  "other\",\"login\":{\"user\":\"ci+x@example.com\",\"id\":\"9\"},\"scope\":\"p7\"}");
	assert_int_equal(talking_ask(&w, "login"), ASK_SEND);
	assert_path(&w, "get_current_user");
	assert_false(w.request.write);
	assert_null(sink_string(w.t.facts, "scope")); /* of another server */
	assert_int_equal(talking_got(&w, 200, "{\"id\":5,\"email\":\"ci+x@example.com\",\"new\":[1]}"),
			 GOT_NEXT);
	assert_string_equal(testrail_fact(&w.t, "login", "id"), "5");
	assert_int_equal(talking_ask(&w, "login"), ASK_SKIP);
	sink_set_string(sink_object(w.t.facts, "login"), "user", "somebody@else");
	assert_int_equal(talking_ask(&w, "login"), ASK_SEND);
	talking_end(&w);
}

static void old_servers_are_asked_by_mail(void **state)
{
	static const char *const refusal[] = {
		"{\"error\":\"Invalid uri\"}",
		"{\"error\":\"Field :user_id is not a valid ID.\"}",
		"<html>404</html>",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(refusal); i++) {
		struct talking w;
		talking_start(&w, &sink_testrail, BASE);
		assert_int_equal(talking_ask(&w, "login"), ASK_SEND);
		assert_int_equal(talking_got(&w, i == 1 ? 400 : 404, refusal[i]), GOT_MORE);
		assert_int_equal(talking_ask(&w, "login"), ASK_SEND);
		assert_path(&w, "get_user_by_email&email=ci%2Bx%40example.com");
		/* An LDAP name is no mail address: we go on without an id. */
		if (i == 0)
			assert_int_equal(
				talking_got(&w, 400,
					    "{\"error\":\"Field :email is not a valid email address.\"}"),
				GOT_NEXT);
		else
			assert_int_equal(
				talking_got(&w, 200, "USER AUTHENTICATION SUCCESSFUL!\n{\"id\":\"7\"}"),
				GOT_NEXT);
		assert_int_equal(testrail_fact(&w.t, "login", "id") == NULL, i == 0);
		assert_int_equal(talking_ask(&w, "login"), ASK_SKIP);
		talking_end(&w);
	}
}

static void odd_logins(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum got got;
	} row[] = {
		{ 200, "", GOT_UNKNOWN },
		{ 200, "[]", GOT_UNKNOWN },
		{ 200, "  <!DOCTYPE html><html>login</html>", GOT_LOCKED },
		{ 403, "{\"error\":\"no\"}", GOT_LOCKED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		talking_start(&w, &sink_testrail, BASE);
		talking_ask(&w, "login");
		assert_int_equal(talking_got(&w, row[i].status, row[i].body), row[i].got);
		assert_int_equal(w.t.err.code != 0, row[i].got == GOT_LOCKED);
		talking_end(&w);
	}
}

/* ---- project ---- */

#define NEXT "\"_links\":{\"next\":\"/api/v2/get_projects&limit=250&offset=2\"}"
#define LAST "\"_links\":{\"next\":null}"

static void a_project_is_found_on_any_page(void **state)
{
	struct talking w;

	(void)state;
	talking_start(&w, &sink_testrail, BASE);
	assert_int_equal(talking_ask(&w, "project"), ASK_SEND);
	assert_path(&w, "get_projects");
	assert_int_equal(talking_got(&w, 200,
				     "{" NEXT
				     ",\"projects\":[{\"id\":1,\"name\":\"A\"},{\"id\":2,\"name\":\"B\"}]}"),
			 GOT_MORE);
	assert_int_equal(talking_ask(&w, "project"), ASK_SEND);
	assert_path(&w, "get_projects&limit=250&offset=2");
	assert_int_equal(talking_got(&w, 200,
				     "{" LAST
				     ",\"projects\":[{\"id\":\"3\",\"name\":\"Datahub\",\"suite_mode\":3}]}"),
			 GOT_NEXT);
	assert_string_equal(testrail_fact(&w.t, "project", "id"), "3");
	assert_int_equal(talking_ask(&w, "project"), ASK_SKIP);
	talking_end(&w);
}

static void projects_by_name(void **state)
{
	static const struct {
		const char *list, *id, *says;
	} row[] = {
		{ "[{\"id\":1,\"name\":\"Datahub\"}]", "1", NULL },
		{ "[{\"id\":1,\"name\":\"datahub\"}]", "1", NULL },
		{ "[{\"id\":1,\"name\":\"datahub\"},{\"id\":2,\"name\":\"Datahub\"}]", "2", NULL },
		{ "[{\"id\":1,\"name\":\"Datahub\",\"is_completed\":true},{\"id\":2,\"name\":\"Datahub\"}]",
		  "2", NULL },
		{ "[{\"id\":1,\"name\":\"Datahub\",\"is_completed\":1},{\"id\":2,\"name\":\"datahub\"}]", "2",
		  NULL },
		{ "[{\"id\":1,\"name\":\"Datahub\",\"is_completed\":true}]", NULL, "completed" },
		{ "[{\"id\":1,\"name\":\"Datahub\"},{\"id\":2,\"name\":\"Datahub\"}]", NULL, "ids 1, 2" },
		{ "[{\"id\":1,\"name\":\"A\"},{\"id\":2,\"name\":\"B\"}]", NULL, "\"A\" (1), \"B\" (2)" },
		{ "[]", NULL, "none that you may see" },
		{ "[null,1,\"x\",{},{\"id\":null,\"name\":\"Datahub\"},{\"id\":4}]", NULL, "no project" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		talking_start(&w, &sink_testrail, BASE);
		talking_ask(&w, "project");
		enum got got = talking_got(&w, 200, row[i].list);
		if (row[i].id != NULL) {
			assert_int_equal(got, GOT_NEXT);
			assert_string_equal(testrail_fact(&w.t, "project", "id"), row[i].id);
		} else {
			assert_int_equal(got, GOT_PARK);
			if (strstr(w.t.err.text, row[i].says) == NULL)
				fail_msg("row %zu: %s", i, w.t.err.text);
			/* A retry reads the list from its start. */
			assert_int_equal(talking_ask(&w, "project"), ASK_SEND);
			assert_path(&w, "get_projects");
		}
		talking_end(&w);
	}
}

static void a_number_is_an_id_first(void **state)
{
	struct talking w;

	(void)state;
	talking_start(&w, &sink_testrail,
		      "    url: https://t.example\n    user: u\n    key: {env: K}\n    project: 2024\n");
	assert_int_equal(talking_ask(&w, "project"), ASK_SEND);
	assert_path(&w, "get_project/2024");
	assert_int_equal(
		talking_got(&w, 400,
			    "{\"error\":\"Field :project_id is not a valid or accessible project.\"}"),
		GOT_MORE);
	assert_int_equal(talking_ask(&w, "project"), ASK_SEND);
	assert_path(&w, "get_projects");
	assert_int_equal(talking_got(&w, 200, "[{\"id\":8,\"name\":\"2024\",\"suite_mode\":1}]"), GOT_NEXT);
	assert_string_equal(testrail_fact(&w.t, "project", "id"), "8");
	talking_facts(&w, "{}");
	talking_ask(&w, "project");
	assert_int_equal(talking_got(&w, 200, "{\"id\":2024,\"is_completed\":true}"), GOT_PARK);
	talking_ask(&w, "project");
	assert_int_equal(talking_got(&w, 403, "{\"error\":\"no access\"}"), GOT_PARK);
	assert_non_null(strstr(w.t.err.text, "no access"));
	talking_ask(&w, "project");
	assert_int_equal(talking_got(&w, 200, "{}"), GOT_UNKNOWN);
	talking_ask(&w, "project");
	assert_int_equal(talking_got(&w, 200, "{\"id\":\"2024\",\"suite_mode\":\"2\"}"), GOT_NEXT);
	assert_int_equal(sink_int(sink_object(w.t.facts, "project"), "mode", 0), 2);
	talking_end(&w);
}

static void names_that_run_on(void **state)
{
	struct buf list = BUF_LIMIT(1 << 20);
	struct talking w;

	(void)state;
	buf_puts(&list, "[");
	for (int i = 1; i <= 500; i++)
		buf_printf(&list, "%s{\"id\":%d,\"name\":\"%0300d\"}", i > 1 ? "," : "", i, i);
	buf_puts(&list, "]");
	talking_start(&w, &sink_testrail, BASE);
	talking_ask(&w, "project");
	assert_int_equal(talking_got(&w, 200, list.data), GOT_PARK);
	assert_non_null(strstr(w.t.err.text, ", ..."));
	buf_done(&list);
	talking_end(&w);
}

/* ---- suite ---- */

static void suites_of_all_modes(void **state)
{
	static const char two[] = "[{\"id\":1,\"name\":\"Master\",\"is_master\":true},{\"id\":2,\"name\":"
				  "\"Old\",\"is_baseline\":true}]";
	static const struct {
		int mode;
		const char *suite, *list, *scope, *says;
	} row[] = {
		{ 1, NULL, NULL, "p7", NULL },
		{ 1, "master", "[{\"id\":1,\"name\":\"Master\"}]", "p7", NULL },
		{ 1, "Nothing", "[{\"id\":1,\"name\":\"Master\"}]", NULL,
		  "no suite \"Nothing\"; there are: \"Master\" (1)" },
		{ 2, NULL, two, "p7/s1", NULL },
		{ 2, "Old", two, "p7/s2", NULL },
		{ 3, "old", two, "p7/s2", NULL },
		{ 3, "2", two, "p7/s2", NULL },
		{ 3, NULL, "[{\"id\":4,\"name\":\"Only\"}]", "p7/s4", NULL },
		{ 3, NULL, "{\"_links\":{\"next\":null},\"suites\":[{\"id\":\"4\",\"name\":\"Only\"}]}",
		  "p7/s4", NULL },
		{ 3, NULL, "[{\"id\":4,\"name\":\"A\"},{\"id\":5,\"name\":\"B\",\"is_completed\":true}]",
		  "p7/s4", NULL },
		{ 3, NULL, two, NULL,
		  "`suite` must name one, or `suites` those that reports have cases of (or all): \"Master\" "
		  "(1), \"Old\" (2)" },
		{ 3, "None", two, NULL, "no suite \"None\"; there are: \"Master\" (1), \"Old\" (2)" },
		{ 3, "A", "[{\"id\":4,\"name\":\"A\"},{\"id\":5,\"name\":\"A\"}]", NULL,
		  "2 suites are called \"A\"" },
		{ 0, NULL, "[{\"id\":4,\"name\":\"Only\"}]", "p7/s4", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		char more[500], facts[200];
		snprintf(more, sizeof(more), BASE "%s%s%s", row[i].suite != NULL ? "    suite: \"" : "",
			 row[i].suite != NULL ? row[i].suite : "", row[i].suite != NULL ? "\"\n" : "");
		snprintf(facts, sizeof(facts),
			 "{\"project\":{\"wanted\":\"Datahub\",\"id\":\"7\",\"mode\":%d}}", row[i].mode);
		talking_start(&w, &sink_testrail, more);
		talking_facts(&w, facts);
		enum ask ask = talking_ask(&w, "suite");
		assert_int_equal(ask, row[i].list != NULL ? ASK_SEND : ASK_SKIP);
		if (row[i].list != NULL) {
			assert_path(&w, "get_suites/7");
			enum got got = talking_got(&w, 200, row[i].list);
			assert_int_equal(got, row[i].scope != NULL ? GOT_NEXT : GOT_PARK);
		}
		if (row[i].scope != NULL) {
			assert_string_equal(sink_string(w.t.facts, "scope"), row[i].scope);
			assert_int_equal(talking_ask(&w, "suite"), ASK_SKIP);
		} else if (strstr(w.t.err.text, row[i].says) == NULL) {
			fail_msg("row %zu: %s", i, w.t.err.text);
		}
		talking_end(&w);
	}
}

static void a_project_that_went_away_is_looked_for_again(void **state)
{
	struct talking w;

	(void)state;
	talking_start(&w, &sink_testrail, BASE);
	for (int i = 0; i < 10; i++) {
		talking_facts(&w, "{\"project\":{\"wanted\":\"Datahub\",\"id\":\"7\",\"mode\":3}}");
		talking_ask(&w, "suite");
		enum got got = talking_got(
			&w, 400, "{\"error\":\"Field :project_id is not a valid or accessible project.\"}");
		assert_null(testrail_fact(&w.t, "project", "id"));
		assert_int_equal(got, i < 3 ? GOT_BACK : GOT_PARK); /* not for ever */
	}
	talking_end(&w);
}

/* ---- statuses ---- */

#define STATUSES                                                                                        \
	"{\"id\":1,\"name\":\"passed\",\"label\":\"Passed\"},{\"id\":2,\"name\":\"blocked\",\"label\":" \
	"\"Blocked\"},"                                                                                 \
	"{\"id\":3,\"name\":\"untested\",\"label\":\"Untested\",\"is_untested\":true},"                 \
	"{\"id\":4,\"name\":\"retest\",\"label\":\"Retest\"},{\"id\":5,\"name\":\"failed\",\"label\":"  \
	"\"Failed\"},"                                                                                  \
	"{\"id\":6,\"name\":\"custom_status1\",\"label\":\"Known bug\"}"

static void statuses_by_name_label_or_id(void **state)
{
	static const struct {
		const char *statuses, *ids, *says;
	} row[] = {
		{ "", "[1,5,5,4,1,4]", NULL },
		{ "    statuses: {passed: PASSED, failed: 5, known_failure: known bug, skipped: none, error: "
		  "Custom_Status1}\n",
		  "[1,5,6,-1,1,6]", NULL },
		{ "    statuses: {failed: broken}\n", NULL,
		  "statuses.failed: no status \"broken\"; there are: passed, blocked, "
		  "retest, failed, custom_status1 (Known bug), none" },
		{ "    statuses: {error: 17}\n", NULL, "no status \"17\"" },
	};
	static const char *const list[] = { "[" STATUSES "]",
					    "{\"_links\":{\"next\":null},\"statuses\":[" STATUSES "]}" };

	(void)state;
	for (size_t i = 0; i < COUNT(row) * 2; i++) {
		struct talking w;
		char more[700];
		snprintf(more, sizeof(more), BASE "%s", row[i / 2].statuses);
		talking_start(&w, &sink_testrail, more);
		assert_int_equal(talking_ask(&w, "statuses"), ASK_SEND);
		assert_path(&w, "get_statuses");
		enum got got = talking_got(&w, 200, list[i % 2]);
		if (row[i / 2].ids == NULL) {
			assert_int_equal(got, GOT_PARK);
			if (strstr(w.t.err.text, row[i / 2].says) == NULL)
				fail_msg("row %zu: %s", i / 2, w.t.err.text);
		} else {
			assert_int_equal(got, GOT_NEXT);
			char *ids = cJSON_PrintUnformatted(
				cJSON_GetObjectItem(cJSON_GetObjectItem(w.t.facts, "statuses"), "ids"));
			assert_string_equal(ids, row[i / 2].ids);
			free(ids);
			assert_int_equal(talking_ask(&w, "statuses"), ASK_SKIP);
		}
		talking_end(&w);
	}
}

static void a_status_that_means_untested(void **state)
{
	struct talking w;

	(void)state;
	talking_start(&w, &sink_testrail, BASE "    statuses: {skipped: waiting}\n");
	talking_ask(&w, "statuses");
	assert_int_equal(
		talking_got(&w, 200, "[" STATUSES ",{\"id\":8,\"name\":\"waiting\",\"is_untested\":1}]"),
		GOT_PARK);
	assert_non_null(strstr(w.t.err.text, "takes no result with the status \"waiting\""));
	talking_ask(&w, "statuses");
	assert_int_equal(talking_got(&w, 200, "{\"x\":1}"), GOT_UNKNOWN);
	talking_end(&w);
}

/* ---- the automation field ---- */

static void the_automation_field_must_be_there(void **state)
{
	static const struct {
		const char *match, *fields;
		enum got got;
		const char *says;
		bool missing;
	} row[] = {
		{ "", "[{\"system_name\":\"custom_automation_id\",\"type_id\":1}]", GOT_NEXT, NULL, false },
		{ "",
		  "[{\"system_name\":\"custom_automation_id\",\"type_id\":3,\"is_active\":1,\"configs\":[{"
		  "\"context\":"
		  "{\"is_global\":true}}]}]",
		  GOT_NEXT, NULL, false },
		{ "",
		  "[{\"system_name\":\"custom_automation_id\",\"configs\":[{\"context\":{\"is_global\":0,"
		  "\"project_ids\":[\"1\",7]}}]}]",
		  GOT_NEXT, NULL, false },
		{ "",
		  "[{\"system_name\":\"custom_automation_id\",\"configs\":[{\"context\":{\"is_global\":false,"
		  "\"project_ids\":[1,77]}}]}]",
		  GOT_PARK, "does not apply to this project", false },
		{ "",
		  "[{\"system_name\":\"custom_automation_id\",\"configs\":[{\"context\":{\"project_ids\":"
		  "null}}]}]",
		  GOT_PARK, "does not apply", false },
		{ "", "[{\"system_name\":\"custom_automation_id\",\"is_active\":false}]", GOT_PARK,
		  "is not active", false },
		{ "", "[{\"system_name\":\"custom_automation_id\",\"type_id\":6}]", GOT_PARK, "no text",
		  false },
		{ "", "[{\"system_name\":\"custom_other\"}]", GOT_PARK, "does not exist", false },
		{ "    match: [automation, title]\n", "[]", GOT_NEXT, NULL, true },
		{ "", "{}", GOT_UNKNOWN, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		char more[500];
		snprintf(more, sizeof(more), BASE "    create: {cases: true}\n%s", row[i].match);
		talking_start(&w, &sink_testrail, more);
		talking_facts(&w, "{\"project\":{\"wanted\":\"Datahub\",\"id\":\"7\",\"mode\":1}}");
		assert_int_equal(talking_ask(&w, "field"), ASK_SEND);
		assert_path(&w, "get_case_fields");
		assert_int_equal(talking_got(&w, 200, row[i].fields), row[i].got);
		if (row[i].says != NULL)
			assert_non_null(strstr(w.t.err.text, row[i].says));
		if (row[i].got == GOT_NEXT) {
			assert_int_equal(sink_bool(cJSON_GetObjectItem(w.t.facts, "field"), "missing"),
					 row[i].missing);
			assert_int_equal(talking_ask(&w, "field"), ASK_SKIP);
		}
		talking_end(&w);
	}
}

/* The field is looked at where it matters: by default it stands for "if there is one". */
static void when_the_field_matters(void **state)
{
	static const struct {
		const char *more;
		enum ask ask;
		enum got without;
	} row[] = {
		{ "", ASK_SKIP, GOT_NEXT },
		{ "    match: [ref, title]\n    create: {cases: true}\n", ASK_SEND, GOT_NEXT },
		{ "    create: {cases: true}\n", ASK_SEND, GOT_PARK },
		{ "    create: {cases: true}\n    match: [automation, title]\n", ASK_SEND, GOT_NEXT },
		{ "    automation_field: robot_id\n", ASK_SEND, GOT_PARK },
		{ "    automation_field: robot_id\n    match: [automation, title]\n", ASK_SEND, GOT_PARK },
		{ "    match: [automation]\n", ASK_SEND, GOT_PARK },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		char more[500];
		snprintf(more, sizeof(more), BASE "%s", row[i].more);
		talking_start(&w, &sink_testrail, more);
		talking_facts(&w, "{\"project\":{\"wanted\":\"Datahub\",\"id\":\"7\",\"mode\":1}}");
		assert_int_equal(talking_ask(&w, "field"), row[i].ask);
		if (row[i].ask == ASK_SEND)
			assert_int_equal(talking_got(&w, 200, "[]"), row[i].without);
		talking_end(&w);
	}
}

/* What was spared under another configuration is not spared under this one. */
static void a_missing_field_is_looked_at_again(void **state)
{
	struct talking w;

	(void)state;
	talking_start(&w, &sink_testrail, BASE "    create: {cases: true}\n");
	talking_facts(&w, "{\"project\":{\"wanted\":\"Datahub\",\"id\":\"7\",\"mode\":1},"
			  "\"field\":{\"wanted\":\"custom_automation_id of 7\",\"missing\":1}}");
	assert_int_equal(talking_ask(&w, "field"), ASK_SEND);
	assert_int_equal(talking_got(&w, 200, "[]"), GOT_PARK);
	assert_int_equal(talking_ask(&w, "field"), ASK_SEND);
	assert_int_equal(talking_got(&w, 403, "{\"error\":\"no\"}"), GOT_NEXT);
	assert_int_equal(talking_ask(&w, "field"), ASK_SKIP);
	talking_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_stand),
		cmocka_unit_test(every_key_reaches_its_place),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(references_name_cases),
		cmocka_unit_test(answers_that_are_not_what_they_seem),
		cmocka_unit_test(login_is_remembered),
		cmocka_unit_test(old_servers_are_asked_by_mail),
		cmocka_unit_test(odd_logins),
		cmocka_unit_test(a_project_is_found_on_any_page),
		cmocka_unit_test(projects_by_name),
		cmocka_unit_test(a_number_is_an_id_first),
		cmocka_unit_test(names_that_run_on),
		cmocka_unit_test(suites_of_all_modes),
		cmocka_unit_test(a_project_that_went_away_is_looked_for_again),
		cmocka_unit_test(statuses_by_name_label_or_id),
		cmocka_unit_test(a_status_that_means_untested),
		cmocka_unit_test(the_automation_field_must_be_there),
		cmocka_unit_test(when_the_field_matters),
		cmocka_unit_test(a_missing_field_is_looked_at_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

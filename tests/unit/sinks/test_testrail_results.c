/* SPDX-License-Identifier: Apache-2.0
 *
 * test_testrail_results.c - batches of results, refused, answered, lost and found. */
#include "talking.h"

#include "sinks/testrail/testrail.h"

extern const struct sink sink_testrail;

#define BASE                             \
	"    url: https://t.example\n"   \
	"    user: ci@example.com\n"     \
	"    key: {env: TESTRAIL_KEY}\n" \
	"    project: Datahub\n"
#define KNOWN                                                                         \
	"\"login\":{\"user\":\"ci@example.com\",\"id\":\"5\"},"                       \
	"\"project\":{\"wanted\":\"Datahub\",\"id\":\"7\",\"mode\":1},"               \
	"\"suite\":{\"wanted\":\"\",\"project\":\"7\",\"id\":null},\"scope\":\"p7\"," \
	"\"statuses\":{\"wanted\":\"x\",\"ids\":[1,5,6,4,1,-1]}"
#define OWN     "{\"run\":{\"id\":\"90\",\"own\":1,\"all\":0,\"plan\":0}}"
#define FOREIGN "{\"run\":{\"id\":\"90\",\"own\":0,\"all\":0,\"plan\":0}}"
#define MORE    "\"_links\":{\"next\":\"/api/v2/x&limit=250&offset=9\"}"
#define LAST    "\"_links\":{\"next\":null}"
#define UNKNOWN_CASE(id)                                                              \
	"{\"error\":\"Field :results contains one or more invalid results (case C" id \
	" unknown or not part of the test run)\"}"

static void start(struct talking *w, const char *more)
{
	talking_start(w, &sink_testrail, more);
	talking_facts(w, "{" KNOWN "}");
	talking_bookmark(w, OWN);
}

static void three_rows(struct talking *w)
{
	talking_row(w, "11", "a.B.one", OUTCOME_PASSED, 1500, NULL);
	talking_row(w, "12", "a.B.two", OUTCOME_FAILED, -1, "1 != 2");
	talking_row(w, "13", "a.B.three", OUTCOME_SKIPPED, 0, NULL);
}

static const char three[] =
	"{\"results\":[{\"case_id\":11,\"status_id\":1,\"elapsed\":\"2s\"},"
	"{\"case_id\":12,\"status_id\":5,\"comment\":\"1 != 2\"},{\"case_id\":13,\"status_id\":4}]}";

/* ---- what is posted ---- */

static void a_batch_of_results(void **state)
{
	static const char *const answer[] = {
		"[{\"id\":201,\"test_id\":1,\"status_id\":1},{\"id\":202},{\"id\":\"203\"}]",
		"{\"results\":[{\"id\":201,\"case_id\":11},{\"id\":202,\"case_id\":12},{\"id\":203,\"case_"
		"id\":13}]}",
		"[{\"id\":203,\"case_id\":13},{\"id\":201,\"case_id\":11},{\"id\":202,\"case_id\":12}]",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(answer); i++) {
		struct talking w;
		start(&w, BASE);
		three_rows(&w);
		sink_set_int(w.t.bookmark, "backs", 2);
		assert_int_equal(talking_ask(&w, "add-results"), ASK_SEND);
		assert_true(w.request.write);
		assert_path(&w, "add_results_for_cases/90");
		assert_body(&w, three);
		assert_int_equal(talking_got(&w, 200, answer[i]), GOT_MORE);
		for (size_t k = 0; k < 3; k++) {
			const struct learned_item *item = talking_learned(&w, LEARNED_POSTED, k);
			assert_int_equal(item->row, 101 + k);
			assert_int_equal(atoi(item->id), 201 + k);
		}
		assert_int_equal(sink_int(w.t.bookmark, "top", 0), 203);
		assert_int_equal(sink_int(w.t.bookmark, "backs", 0), 0);
		talking_end(&w);
	}
}

static void without_a_run_nothing_is_posted(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	talking_bookmark(&w, "{}");
	three_rows(&w);
	assert_int_equal(talking_ask(&w, "add-results"), ASK_SKIP);
	talking_end(&w);
}

static void verdicts_choose_the_status(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	const struct result *flaky[] = { talking_result(&w, "a.b", OUTCOME_FAILED, 5, "no"),
					 talking_result(&w, "a.b", OUTCOME_PASSED, 5, NULL) };
	talking_row(&w, "11", "a.e", OUTCOME_ERROR, 1, "broken");
	talking_test(&w, true, "12", flaky, 2);
	talking_ask(&w, "add-results");
	assert_body(
		&w,
		"{\"results\":[{\"case_id\":11,\"status_id\":6,\"comment\":\"broken\",\"elapsed\":\"1s\"},"
		"{\"case_id\":12,\"status_id\":1,\"comment\":\"Earlier attempts (1):\\n1. failed (5 "
		"ms)\\nno\","
		"\"elapsed\":\"1s\"}]}");
	talking_end(&w);
}

/* `none`: not sent, and not owed any more. */
static void verdicts_that_are_not_sent(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	struct result *known = talking_result(&w, "a.k", OUTCOME_FAILED, 1, "expected");
	known->known_failure = true;
	const struct result *at = known;
	talking_test(&w, true, "11", &at, 1);
	assert_int_equal(talking_ask(&w, "add-results"), ASK_LEARN);
	assert_int_equal(talking_learned(&w, LEARNED_IGNORED, 0)->row, 101);
	assert_string_equal(talking_learned(&w, LEARNED_IGNORED, 0)->text, "statuses.known_failure is none");
	talking_row(&w, "12", "a.p", OUTCOME_PASSED, 1, NULL);
	talking_test(&w, true, "13", &at, 1);
	assert_int_equal(talking_ask(&w, "add-results"), ASK_SEND);
	assert_body(&w, "{\"results\":[{\"case_id\":12,\"status_id\":1,\"elapsed\":\"1s\"}]}");
	assert_int_equal(talking_got(&w, 200, "[{\"id\":5}]"), GOT_MORE);
	assert_int_equal(talking_count(&w, LEARNED_IGNORED), 2);
	assert_int_equal(talking_count(&w, LEARNED_POSTED), 1);
	assert_int_equal(talking_learned(&w, LEARNED_POSTED, 0)->row, 102);
	talking_end(&w);
}

static void several_results_of_one_case(void **state)
{
	static const struct {
		const char *several, *body, *answer;
	} row[] = {
		{ "worst",
		  "{\"results\":[{\"case_id\":11,\"status_id\":5,\"comment\":\"a.f\\nno\\n\\nTests of this "
		  "case (2):\\n"
		  "- failed: a.f (1 ms)\\n- passed: a.p (2 ms)\",\"elapsed\":\"1s\"}]}",
		  "[{\"id\":7}]" },
		{ "last",
		  "{\"results\":[{\"case_id\":11,\"status_id\":1,\"comment\":\"Tests of this case (2):\\n"
		  "- failed: a.f (1 ms): no\\n- passed: a.p (2 ms)\",\"elapsed\":\"1s\"}]}",
		  "[{\"id\":7}]" },
		{ "each",
		  "{\"results\":[{\"case_id\":11,\"status_id\":5,\"comment\":\"no\",\"elapsed\":\"1s\"},"
		  "{\"case_id\":11,\"status_id\":1,\"elapsed\":\"1s\"}]}",
		  "[{\"id\":6},{\"id\":7}]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		char more[400];
		snprintf(more, sizeof(more), BASE "    several: %s\n", row[i].several);
		start(&w, more);
		const struct result *f = talking_result(&w, "a.f", OUTCOME_FAILED, 1, "no");
		const struct result *p = talking_result(&w, "a.p", OUTCOME_PASSED, 2, NULL);
		talking_test(&w, true, "11", &f, 1);
		talking_test(&w, false, "11", &p, 1);
		talking_ask(&w, "add-results");
		assert_body(&w, row[i].body);
		assert_int_equal(talking_got(&w, 200, row[i].answer), GOT_MORE);
		bool each = strcmp(row[i].several, "each") == 0;
		assert_int_equal(talking_count(&w, LEARNED_POSTED), each ? 2 : 1);
		assert_string_equal(talking_learned(&w, LEARNED_POSTED, each ? 1 : 0)->id, "7");
		assert_int_equal(talking_learned(&w, LEARNED_POSTED, 0)->of_test, each);
		assert_int_equal(sink_int(w.t.bookmark, "top", 0), 7);
		talking_end(&w);
	}
}

/* Three tests of one case; the second's verdict is not sent. */
static void each_of_three(struct talking *w)
{
	start(w, BASE "    several: each\n");
	struct result *known = talking_result(w, "a.k", OUTCOME_FAILED, 1, "expected");
	const struct result *first = talking_result(w, "a.f", OUTCOME_FAILED, 1, "no 1"), *second = known;
	const struct result *third = talking_result(w, "a.g", OUTCOME_FAILED, 1, "no 2");
	known->known_failure = true;
	talking_test(w, true, "11", &first, 1);
	talking_test(w, false, "11", &second, 1);
	talking_test(w, false, "11", &third, 1);
	struct row_test *tests = (struct row_test *)w->rows.row[0].tests;
	for (int i = 0; i < 3; i++)
		tests[i].id = 31 + i;
	assert_int_equal(talking_ask(w, "add-results"), ASK_SEND);
}

static void settled_apart(const struct talking *w, const char *first, const char *third)
{
	size_t nth = 0;

	assert_int_equal(talking_learned(w, LEARNED_IGNORED, 0)->test, 32);
	assert_true(talking_learned(w, LEARNED_IGNORED, 0)->of_test);
	assert_int_equal(talking_count(w, LEARNED_POSTED), (first != NULL) + (third != NULL));
	for (int i = 0; i < 2; i++) {
		const char *id = i == 0 ? first : third;
		if (id == NULL)
			continue;
		const struct learned_item *item = talking_learned(w, LEARNED_POSTED, nth++);
		assert_int_equal(item->test, i == 0 ? 31 : 33);
		assert_string_equal(item->id, id);
	}
}

static void each_test_is_settled_by_its_own_result(void **state)
{
	static const char *const answer[] = {
		"[{\"id\":6},{\"id\":7}]",
		"[{\"id\":6,\"case_id\":11},{\"id\":7,\"case_id\":\"11\"}]",
	};
	struct talking w;

	(void)state;
	for (size_t i = 0; i < COUNT(answer); i++) {
		each_of_three(&w);
		assert_int_equal(talking_got(&w, 200, answer[i]), GOT_MORE);
		settled_apart(&w, "6", "7");
		talking_end(&w);
	}
}

/* The newest stands first in a list, as people know it; or not. */
static void after_a_lost_answer_each_test_is_settled_by_its_own_result(void **state)
{
	static const struct {
		const char *page, *first, *third;
		enum looked looked;
	} row[] = {
		{ "[{\"id\":7,\"case_id\":11,\"status_id\":5,\"comment\":\"no 2\"},"
		  "{\"id\":6,\"case_id\":11,\"status_id\":5,\"comment\":\"no 1\"}]",
		  "6", "7", LOOKED_ALL },
		{ "[{\"id\":7,\"case_id\":11,\"status_id\":5,\"comment\":\"<p>no 2</p>\"},"
		  "{\"id\":6,\"case_id\":11,\"status_id\":5,\"comment\":\"<p>no 1</p>\"}]",
		  "6", "7", LOOKED_ALL },
		{ "[{\"id\":6,\"case_id\":11,\"status_id\":5},{\"id\":7,\"case_id\":11,\"status_id\":5}]",
		  "6", "7", LOOKED_ALL },
		/* What is missing is owed still. */
		{ "[{\"id\":7,\"case_id\":11,\"status_id\":5,\"comment\":\"no 2\"}]", NULL, "7",
		  LOOKED_SOME },
	};
	struct talking w;

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		each_of_three(&w);
		talking_freeze(&w);
		assert_int_equal(talking_look(&w, true), ASK_SEND);
		assert_int_equal(talking_looked(&w, 200, row[i].page), row[i].looked);
		settled_apart(&w, row[i].first, row[i].third);
		talking_end(&w);
	}
}

static void comments_and_versions_are_templates(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE
	      "    result: {comment: \"{job}: {class}.{name} {suite|'-'}\", version: \"{ci.commit}\"}\n");
	talking_row(&w, "11", "a.B.one", OUTCOME_FAILED, 1, "no");
	talking_row(&w, "12", "a.B.two", OUTCOME_PASSED, 1, NULL);
	talking_ask(&w, "add-results");
	assert_body(
		&w,
		"{\"results\":[{\"case_id\":11,\"status_id\":5,\"comment\":\"nightly: a.B.one -\\n\\nno\","
		"\"version\":\"abc123\",\"elapsed\":\"1s\"},{\"case_id\":12,\"status_id\":1,"
		"\"comment\":\"nightly: a.B.two -\",\"version\":\"abc123\",\"elapsed\":\"1s\"}]}");
	talking_end(&w);
	start(&w, BASE "    result: {version: \"{nobody}\"}\n");
	three_rows(&w);
	assert_int_equal(talking_ask(&w, "add-results"), ASK_PARK);
	assert_non_null(strstr(w.t.err.text, "result.version"));
	assert_non_null(strstr(w.t.err.text, "nobody"));
	talking_end(&w);
}

static void a_backfill_tells_the_time(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	w.run.backfill = true;
	struct result *r = talking_result(&w, "a.b", OUTCOME_PASSED, 1, NULL);
	r->started_ms = TALK_NOW;
	const struct result *at = r;
	talking_test(&w, true, "11", &at, 1);
	talking_row(&w, "12", "a.c", OUTCOME_PASSED, 1, NULL);
	talking_ask(&w, "add-results");
	assert_body(&w, "{\"results\":[{\"case_id\":11,\"status_id\":1,\"comment\":\"Tested at "
			"2026-11-21T10:00:00.000Z\","
			"\"elapsed\":\"1s\"},{\"case_id\":12,\"status_id\":1,\"elapsed\":\"1s\"}]}");
	talking_end(&w);
}

/* Long texts: each comment under its ceiling, and the request about a megabyte; the rest waits. */
static void a_request_is_not_endless(void **state)
{
	enum { BIG = 300000 };
	char *big = malloc(BIG + 1);
	struct talking w;

	(void)state;
	memset(big, 'x', BIG);
	big[BIG] = '\0';
	start(&w, BASE "    batch: 500\n");
	for (int i = 0; i < 100; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%d", 1000 + i);
		talking_row(&w, id, "a.b", OUTCOME_FAILED, 1, big);
	}
	assert_int_equal(talking_ask(&w, "add-results"), ASK_SEND);
	assert_in_range(w.request.body.len, 1 << 20, (1 << 20) + (80 << 10));
	cJSON *body = cJSON_Parse(w.request.body.data);
	const cJSON *results = cJSON_GetObjectItem(body, "results");
	int n = cJSON_GetArraySize(results);
	assert_in_range(n, 15, 18);
	const char *comment = sink_string(results->child, "comment");
	assert_true(strlen(comment) <= TESTRAIL_COMMENT_MAX);
	assert_non_null(strstr(comment, "cut"));
	struct buf answer = BUF_LIMIT(1 << 16);
	buf_puts(&answer, "[");
	for (int i = 0; i < n; i++)
		buf_printf(&answer, "%s{\"id\":%d}", i > 0 ? "," : "", 500 + i);
	buf_puts(&answer, "]");
	assert_int_equal(talking_got(&w, 200, answer.data), GOT_MORE);
	assert_int_equal(talking_count(&w, LEARNED_POSTED), n);
	buf_done(&answer);
	cJSON_Delete(body);
	talking_end(&w);
	free(big);
}

static void a_smaller_batch_is_obeyed(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	three_rows(&w);
	w.t.batch = 1;
	talking_ask(&w, "add-results");
	assert_body(&w, "{\"results\":[{\"case_id\":11,\"status_id\":1,\"elapsed\":\"2s\"}]}");
	assert_int_equal(talking_got(&w, 200, "[{\"id\":1}]"), GOT_MORE);
	assert_int_equal(w.t.learned.count, 1);
	talking_end(&w);
}

/* ---- what may come back ---- */

static void refused_batches(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum got got;
		bool run_gone;
		const char *says;
	} row[] = {
		{ 400, UNKNOWN_CASE("12"), GOT_BACK, false, "C12" },
		{ 400, UNKNOWN_CASE("99"), GOT_REFUSED, false, "C99" },
		{ 400, "{\"error\":\"Field :results.version is a required field.\"}", GOT_REFUSED, false,
		  "required" },
		{ 400, "{\"error\":\"No (active) test found for the run/case combination.\"}", GOT_REFUSED,
		  false, "active" },
		{ 400,
		  "{\"error\":\"This operation is not allowed. The test run is completed and cannot be "
		  "changed any more.\"}",
		  GOT_CLOSED, false, "completed" },
		{ 400, "{\"error\":\"Field :run_id is not a valid test run.\"}", GOT_BACK, true, "run_id" },
		{ 404, "", GOT_BACK, true, "404" },
		{ 403, "{\"error\":\"You are not allowed to add results.\"}", GOT_PARK, false,
		  "not allowed" },
		{ 403, "{\"error\":\"The API is disabled.\"}", GOT_LOCKED, false, "disabled" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		start(&w, BASE);
		three_rows(&w);
		talking_ask(&w, "add-results");
		assert_int_equal(talking_got(&w, row[i].status, row[i].body), row[i].got);
		/* What was posted into a run that is gone went with it. */
		assert_int_equal(w.t.learned.count, row[i].run_gone);
		assert_int_equal(talking_count(&w, LEARNED_RUN_GONE), row[i].run_gone);
		if (row[i].says != NULL && strstr(w.t.err.text, row[i].says) == NULL)
			fail_msg("row %zu: %s", i, w.t.err.text);
		assert_int_equal(testrail_run_id(&w.t) == NULL, row[i].run_gone);
		talking_end(&w);
	}
}

/* A case that is refused by name: is it there, is the list right, has the run its cases; then it is parked. */
static void named_cases_are_mended_or_parked(void **state)
{
	static const char *const ids[] = { "11", "12", "13" };
	struct talking w;

	(void)state;
	start(&w, BASE);
	sink_set_string(sink_object(w.t.facts, "cases"), "scope", "p7");
	three_rows(&w);
	talking_links(&w, 0, 3, ids);
	assert_int_equal(talking_ask(&w, "doubts"), ASK_SKIP);
	talking_ask(&w, "add-results");
	assert_int_equal(talking_got(&w, 400, UNKNOWN_CASE("12, C13, C13, C99")), GOT_BACK);
	assert_int_equal(w.t.learned.count, 0);
	assert_int_equal(talking_ask(&w, "doubts"), ASK_SEND);
	assert_path(&w, "get_case/12");
	assert_int_equal(talking_got(&w, 400, "{\"error\":\"Field :case_id is not a valid test case.\"}"),
			 GOT_MORE);
	assert_string_equal(talking_learned(&w, LEARNED_GONE, 0)->id, "12");
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SKIP);
	assert_int_equal(talking_ask(&w, "doubts"), ASK_SEND);
	assert_path(&w, "get_case/13");
	assert_int_equal(talking_got(&w, 200, "{\"id\":13,\"suite_id\":1}"), GOT_MORE);
	assert_int_equal(w.t.learned.count, 0);
	assert_int_equal(talking_ask(&w, "doubts"), ASK_SKIP);
	/* It is there: somebody took it out of the run. */
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	assert_path(&w, "update_run/90");
	assert_int_equal(talking_got(&w, 200, "{\"id\":90}"), GOT_NEXT);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SKIP);
	/* Again: the whole list is read. */
	talking_ask(&w, "add-results");
	assert_int_equal(talking_got(&w, 400, UNKNOWN_CASE("13")), GOT_BACK);
	assert_null(cJSON_GetObjectItem(w.t.facts, "cases"));
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	talking_got(&w, 200, "{\"id\":90}");
	/* And again: parked, with the server's words; the rest goes on. */
	talking_ask(&w, "add-results");
	assert_int_equal(talking_got(&w, 400, UNKNOWN_CASE("13")), GOT_MORE);
	assert_int_equal(w.t.learned.count, 1);
	assert_int_equal(talking_learned(&w, LEARNED_PARKED, 0)->row, 103);
	assert_non_null(strstr(talking_learned(&w, LEARNED_PARKED, 0)->text, "case C13 unknown"));
	/* Much later a case may be gone once more. */
	w.t.now_ms += 2 * 3600000;
	talking_ask(&w, "add-results");
	assert_int_equal(talking_got(&w, 400, UNKNOWN_CASE("11")), GOT_BACK);
	talking_end(&w);
}

static void doubts_of_all_kinds(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum got got;
		bool gone, relink;
	} row[] = {
		{ 200, "{\"id\":11,\"is_deleted\":1}", GOT_MORE, true, false },
		{ 200, "{\"id\":11}", GOT_MORE, false, true },
		{ 200, "{\"id\":11,\"suite_id\":4}", GOT_MORE, true, false },
		{ 404, "", GOT_MORE, true, false },
		{ 403, "{\"error\":\"no\"}", GOT_MORE, false, true },
		{ 403, "{\"error\":\"The API is disabled\"}", GOT_LOCKED, false, false },
		{ 200, "<html>", GOT_UNKNOWN, false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		start(&w, BASE);
		sink_set_string(sink_object(w.t.facts, "suite"), "id", "2");
		talking_bookmark(&w, "{\"doubt\":[\"11\"]}");
		assert_int_equal(talking_ask(&w, "doubts"), ASK_SEND);
		assert_int_equal(talking_got(&w, row[i].status, row[i].body), row[i].got);
		assert_int_equal(talking_count(&w, LEARNED_GONE), row[i].gone);
		assert_int_equal(sink_bool(w.t.bookmark, "relink"), row[i].relink);
		talking_end(&w);
	}
}

static void odd_answers_are_unknown(void **state)
{
	static const char *const answer[] = {
		"",
		"<html>",
		"[]",
		"{}",
		"[{\"id\":1},{\"id\":2}]",
		"[{\"id\":1},{\"id\":2},{\"id\":3},{\"id\":4}]",
		"{\"results\":{}}",
		"[{\"id\":1},{\"id\":2},{\"id\":",
		"true",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(answer); i++) {
		struct talking w;
		start(&w, BASE);
		three_rows(&w);
		talking_ask(&w, "add-results");
		assert_int_equal(talking_got(&w, 200, answer[i]), GOT_UNKNOWN);
		assert_int_equal(w.t.learned.count, 0);
		talking_end(&w);
	}
}

/* The batch was applied; only which id belongs to which case may stay open. */
static void applied_without_ids(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	three_rows(&w);
	talking_ask(&w, "add-results");
	assert_int_equal(talking_got(&w, 200, "[{},null,{\"id\":9,\"case_id\":77}]"), GOT_MORE);
	assert_int_equal(talking_count(&w, LEARNED_POSTED), 3);
	for (size_t i = 0; i < 3; i++)
		assert_null(talking_learned(&w, LEARNED_POSTED, i)->id);
	talking_end(&w);
}

/* ---- lost and found ---- */

#define R(id, case_id, status) \
	"{\"id\":" id ",\"test_id\":9,\"case_id\":" case_id ",\"status_id\":" status "}"

static void batches_whose_answer_was_lost(void **state)
{
	static const struct {
		const char *bookmark, *page1, *page2;
		enum looked looked;
		size_t posted;
	} row[] = {
		{ OWN, "[" R("23", "13", "4") "," R("22", "12", "5") "," R("21", "11", "1") "]", NULL,
		  LOOKED_ALL, 3 },
		{ OWN, "[" R("22", "12", "5") "]", NULL, LOOKED_SOME, 1 },
		{ OWN, "[]", NULL, LOOKED_NONE, 0 },
		{ OWN, "[" R("22", "12", "1") "," R("21", "99", "5") "]", NULL, LOOKED_NONE, 0 },
		{ OWN, "{" MORE ",\"results\":[" R("23", "13", "4") "]}",
		  "{" LAST
		  ",\"results\":[" R("23", "13", "4") "," R("22", "12", "5") "," R("21", "\"11\"", "1") "]}",
		  LOOKED_ALL, 3 },
		/* Known from before this request: of an earlier batch. */
		{ "{\"run\":{\"id\":\"90\",\"own\":1},\"top\":22}",
		  "[" R("23", "13", "4") "," R("22", "12", "5") "," R("21", "11", "1") "]", NULL, LOOKED_SOME,
		  1 },
		/* Others write there too: the text must be ours. */
		{ FOREIGN,
		  "[" R("23", "13", "4") ",{\"id\":22,\"case_id\":12,\"status_id\":5,\"comment\":\"<p>1 != "
					 "2</p>\"}," R("21", "11", "1") "]",
		  NULL, LOOKED_ALL, 3 },
		{ FOREIGN,
		  "[{\"id\":22,\"case_id\":12,\"status_id\":5,\"comment\":\"somebody was here\"},"
		  "{\"id\":21,\"case_id\":11,\"status_id\":1,\"comment\":\"mine\"}]",
		  NULL, LOOKED_NONE, 0 },
		{ OWN, "<html>", NULL, LOOKED_UNSURE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		start(&w, BASE);
		talking_bookmark(&w, row[i].bookmark);
		three_rows(&w);
		talking_ask(&w, "add-results");
		talking_freeze(&w);
		assert_int_equal(talking_look(&w, true), ASK_SEND);
		assert_false(w.request.write);
		assert_path(&w, "get_results_for_run/90&created_after=1795254900&created_by=5");
		enum looked looked = talking_looked(&w, 200, row[i].page1);
		if (row[i].page2 != NULL) {
			assert_int_equal(looked, LOOKED_MORE);
			assert_int_equal(w.t.learned.count, 0);
			talking_look(&w, false);
			assert_path(&w, "get_results_for_run/"
					"90&created_after=1795254900&created_by=5&limit=250&offset=1");
			looked = talking_looked(&w, 200, row[i].page2);
		}
		if (looked != row[i].looked || talking_count(&w, LEARNED_POSTED) != row[i].posted)
			fail_msg("row %zu: looked %d, posted %zu", i, (int)looked,
				 talking_count(&w, LEARNED_POSTED));
		talking_end(&w);
	}
}

/* Something before the edge of two pages is deleted between them: what stood on the edge is on neither. */
static void pages_that_moved_are_read_again(void **state)
{
	struct talking w;

	(void)state;
	for (int there = 0; there < 2; there++) {
		start(&w, BASE);
		three_rows(&w);
		talking_ask(&w, "add-results");
		talking_freeze(&w);
		talking_look(&w, true);
		assert_int_equal(talking_looked(&w, 200, "{" MORE ",\"results\":[" R("23", "13", "4") "]}"),
				 LOOKED_MORE);
		talking_look(&w, false);
		assert_int_equal(talking_looked(&w, 200, "{" LAST ",\"results\":[" R("21", "11", "1") "]}"),
				 LOOKED_MORE);
		talking_look(&w, false);
		assert_path(&w, "get_results_for_run/90&created_after=1795254900&created_by=5");
		enum looked looked = talking_looked(
			&w, 200, there ? "[" R("22", "12", "5") "]" : "[" R("21", "11", "1") "]");
		assert_int_equal(looked, there ? LOOKED_ALL : LOOKED_SOME);
		assert_int_equal(talking_count(&w, LEARNED_POSTED), there ? 3 : 2);
		talking_end(&w);
	}
}

/* Older servers name only the test: the tests of the run say which case that is. */
static void results_that_name_their_test_only(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	three_rows(&w);
	talking_ask(&w, "add-results");
	talking_freeze(&w);
	talking_look(&w, true);
	assert_int_equal(talking_looked(&w, 200,
					"{" MORE ",\"results\":[{\"id\":23,\"test_id\":903,\"status_id\":4},"
					"{\"id\":22,\"test_id\":902,\"status_id\":5}]}"),
			 LOOKED_MORE);
	talking_look(&w, false);
	assert_path(&w, "get_results_for_run/90&created_after=1795254900&created_by=5&limit=250&offset=2");
	assert_int_equal(talking_looked(&w, 200,
					"[{\"id\":21,\"test_id\":\"901\",\"status_id\":1},"
					"{\"id\":20,\"test_id\":900,\"status_id\":1}]"),
			 LOOKED_MORE);
	talking_look(&w, false);
	assert_path(&w, "get_tests/90");
	assert_int_equal(
		talking_looked(&w, 200,
			       "{" MORE
			       ",\"tests\":[{\"id\":901,\"case_id\":11},{\"id\":900,\"case_id\":5}]}"),
		LOOKED_MORE);
	talking_look(&w, false);
	assert_path(&w, "get_tests/90&limit=250&offset=2");
	/* All have their case now: further pages are of no use. */
	assert_int_equal(
		talking_looked(&w, 200,
			       "{" MORE
			       ",\"tests\":[{\"id\":902,\"case_id\":12},{\"id\":903,\"case_id\":13}]}"),
		LOOKED_ALL);
	assert_int_equal(talking_count(&w, LEARNED_POSTED), 3);
	assert_string_equal(talking_learned(&w, LEARNED_POSTED, 0)->id, "21");
	assert_int_equal(sink_int(w.t.bookmark, "top", 0), 23);
	/* Others write there too: their texts are kept until the case is known. */
	talking_bookmark(&w, FOREIGN);
	talking_look(&w, true);
	assert_int_equal(talking_looked(&w, 200,
					"[{\"id\":22,\"test_id\":902,\"status_id\":5,\"comment\":\"theirs\"},"
					"{\"id\":21,\"test_id\":901,\"status_id\":1}]"),
			 LOOKED_MORE);
	talking_look(&w, false);
	assert_int_equal(talking_looked(&w, 200, "[{\"id\":901,\"case_id\":11},{\"id\":902,\"case_id\":12}]"),
			 LOOKED_SOME);
	assert_int_equal(talking_count(&w, LEARNED_POSTED), 1);
	assert_int_equal(talking_learned(&w, LEARNED_POSTED, 0)->row, 101);
	talking_end(&w);
}

/* A batch of a thousand is compared in reasonable time and memory. */
static void large_batches_are_compared(void **state)
{
	enum { MANY = 590 };
	struct buf page = BUF_LIMIT(1 << 20), tests = BUF_LIMIT(1 << 20);
	struct talking w;

	(void)state;
	start(&w, BASE "    batch: 1000\n");
	for (int i = 0; i < MANY; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%d", 5000 + i);
		talking_row(&w, id, "a.b", OUTCOME_PASSED, 1, NULL);
		buf_printf(&page, "%s{\"id\":%d,\"test_id\":%d,\"status_id\":1}", i > 0 ? "," : "[",
			   70000 + i, 60000 + i);
		buf_printf(&tests, "%s{\"id\":%d,\"case_id\":%d}", i > 0 ? "," : "[", 60000 + i, 5000 + i);
	}
	buf_puts(&page, "]");
	buf_puts(&tests, "]");
	talking_ask(&w, "add-results");
	talking_freeze(&w);
	talking_look(&w, true);
	assert_int_equal(talking_looked(&w, 200, page.data), LOOKED_MORE);
	talking_look(&w, false);
	assert_int_equal(talking_looked(&w, 200, tests.data), LOOKED_ALL);
	assert_int_equal(talking_count(&w, LEARNED_POSTED), MANY);
	assert_true(w.arena.used < 8 << 20);
	buf_done(&page);
	buf_done(&tests);
	talking_end(&w);
}

/* A field that an administrator made required: learned from the first refusal, then always given. */
static void elapsed_may_be_demanded(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	talking_row(&w, "11", "a.b", OUTCOME_PASSED, -1, NULL);
	talking_ask(&w, "add-results");
	assert_body(&w, "{\"results\":[{\"case_id\":11,\"status_id\":1}]}");
	assert_int_equal(talking_got(&w, 400, "{\"error\":\"Field :results.elapsed is a required field.\"}"),
			 GOT_MORE);
	talking_ask(&w, "add-results");
	assert_body(&w, "{\"results\":[{\"case_id\":11,\"status_id\":1,\"elapsed\":\"1s\"}]}");
	assert_int_equal(talking_got(&w, 400, "{\"error\":\"Field :results.elapsed is a required field.\"}"),
			 GOT_REFUSED);
	talking_end(&w);
}

/* `each`: a row is found where all its entries are. */
static void rows_of_several_entries(void **state)
{
	static const struct {
		const char *page;
		enum looked looked;
		size_t posted;
	} row[] = {
		{ "[" R("2", "11", "5") "," R("1", "11", "5") "]", LOOKED_ALL, 2 },
		{ "[" R("1", "11", "5") "]", LOOKED_SOME, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		start(&w, BASE "    several: each\n");
		const struct result *f = talking_result(&w, "a.f", OUTCOME_FAILED, 1, "no");
		talking_test(&w, true, "11", &f, 1);
		talking_test(&w, false, "11", &f, 1);
		talking_ask(&w, "add-results");
		talking_freeze(&w);
		talking_look(&w, true);
		assert_int_equal(talking_looked(&w, 200, row[i].page), row[i].looked);
		assert_int_equal(talking_count(&w, LEARNED_POSTED), row[i].posted);
		talking_end(&w);
	}
}

/* What was posted one by one is in the row for the sake of `worst`; it is not posted again. */
static void settled_tests_are_not_repeated(void **state)
{
	static const struct {
		const char *several, *body;
	} row[] = {
		{ "each", "{\"results\":[{\"case_id\":11,\"status_id\":1,\"elapsed\":\"1s\"}]}" },
		{ "worst", "{\"results\":[{\"case_id\":11,\"status_id\":5,\"comment\":\"a.f\\nno\\n\\nTests "
			   "of this case (2):\\n"
			   "- failed: a.f (1 ms)\\n- passed: a.p (2 ms)\",\"elapsed\":\"1s\"}]}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		char more[400];
		snprintf(more, sizeof(more), BASE "    several: %s\n", row[i].several);
		start(&w, more);
		const struct result *f = talking_result(&w, "a.f", OUTCOME_FAILED, 1, "no");
		const struct result *p = talking_result(&w, "a.p", OUTCOME_PASSED, 2, NULL);
		talking_test(&w, true, "11", &f, 1);
		((struct row_test *)w.rows.row[0].tests)[0].settled = true;
		talking_test(&w, false, "11", &p, 1);
		talking_ask(&w, "add-results");
		assert_body(&w, row[i].body);
		assert_int_equal(talking_got(&w, 200, "[{\"id\":7}]"), GOT_MORE);
		assert_int_equal(talking_count(&w, LEARNED_POSTED), 1);
		talking_end(&w);
	}
}

/* Rows that were not in the request (no room, status none) are not taken for posted. */
static void only_what_was_sent_counts(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	three_rows(&w);
	w.t.batch = 1;
	talking_ask(&w, "add-results");
	talking_freeze(&w);
	talking_look(&w, true);
	assert_int_equal(talking_looked(&w, 200, "[" R("22", "12", "5") "," R("21", "11", "1") "]"),
			 LOOKED_ALL);
	assert_int_equal(talking_count(&w, LEARNED_POSTED), 1);
	assert_int_equal(talking_learned(&w, LEARNED_POSTED, 0)->row, 101);
	talking_end(&w);
}

static void a_run_that_went_away_while_we_looked(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	three_rows(&w);
	talking_ask(&w, "add-results");
	talking_freeze(&w);
	talking_look(&w, true);
	assert_int_equal(talking_looked(&w, 403, "{\"error\":\"no\"}"), LOOKED_UNSURE);
	assert_int_equal(talking_looked(&w, 400, "{\"error\":\"Field :run_id is not a valid test run.\"}"),
			 LOOKED_NONE);
	assert_null(testrail_run_id(&w.t));
	assert_int_equal(talking_look(&w, true), ASK_SKIP);
	talking_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_of_results),
		cmocka_unit_test(without_a_run_nothing_is_posted),
		cmocka_unit_test(verdicts_choose_the_status),
		cmocka_unit_test(verdicts_that_are_not_sent),
		cmocka_unit_test(several_results_of_one_case),
		cmocka_unit_test(each_test_is_settled_by_its_own_result),
		cmocka_unit_test(after_a_lost_answer_each_test_is_settled_by_its_own_result),
		cmocka_unit_test(comments_and_versions_are_templates),
		cmocka_unit_test(a_backfill_tells_the_time),
		cmocka_unit_test(a_request_is_not_endless),
		cmocka_unit_test(a_smaller_batch_is_obeyed),
		cmocka_unit_test(refused_batches),
		cmocka_unit_test(named_cases_are_mended_or_parked),
		cmocka_unit_test(doubts_of_all_kinds),
		cmocka_unit_test(odd_answers_are_unknown),
		cmocka_unit_test(applied_without_ids),
		cmocka_unit_test(batches_whose_answer_was_lost),
		cmocka_unit_test(pages_that_moved_are_read_again),
		cmocka_unit_test(results_that_name_their_test_only),
		cmocka_unit_test(large_batches_are_compared),
		cmocka_unit_test(elapsed_may_be_demanded),
		cmocka_unit_test(rows_of_several_entries),
		cmocka_unit_test(settled_tests_are_not_repeated),
		cmocka_unit_test(only_what_was_sent_counts),
		cmocka_unit_test(a_run_that_went_away_while_we_looked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The AIO sink's steps, called one by one: what is asked, what each kind of answer means, and for each
 * look-up the rows "all of it, some, none, cannot tell". */
#include "tests/unit/sinks/talking.h"

#include "sinks/text.h"

extern const struct sink sink_aio;

#define LOGIN "    token: abc\n    project: AT\n"
#define CONFIG                                                                                      \
	"{\"runStatuses\":[{\"ID\":1,\"name\":\"Not Run\"},{\"ID\":3,\"name\":\"Passed\"},"         \
	"{\"ID\":4,\"name\":\"Failed\"}],\"caseStatuses\":[{\"ID\":3,\"name\":\"Published\"}],"     \
	"\"customFields\":[{\"ID\":9,\"name\":\"Stage\",\"type\":\"SINGLE_LINE_TEXT\","             \
	"\"runAssociation\":{\"isAssociated\":true,\"requiredForRunStatuses\":[{\"ID\":4,\"name\":" \
	"\"Failed\"}]}}],"                                                                          \
	"\"adhocTestCycle\":{\"key\":\"AT-CY-Adhoc\"}}"

static void start(struct talking *w, const char *more)
{
	char text[2048];

	snprintf(text, sizeof(text), "%s%s", LOGIN, more);
	talking_start(w, &sink_aio, text);
}

/* With the project read, and a cycle of ours. */
static void ready(struct talking *w, const char *more)
{
	start(w, more);
	assert_int_equal(talking_ask(w, "config"), ASK_SEND);
	assert_int_equal(talking_got(w, 200, CONFIG), GOT_NEXT);
	talking_bookmark(w, "{\"cycle\":{\"id\":\"7\",\"key\":\"AT-CY-7\",\"own\":1}}");
}

static void assert_asks(const struct talking *w, enum method method, const char *path)
{
	assert_int_equal(w->request.method, method);
	assert_string_equal(w->request.path.data, path);
}

/* ---- text ---- */

static void stamps_are_read_in_every_form(void **state)
{
	static const struct {
		const char *s;
		int64_t ms;
	} row[] = {
		{ "2026-11-21", INT64_C(1795219200000) },
		{ "2026-11-21T10:00:00Z", INT64_C(1795255200000) },
		{ "2026-11-21T10:00:00.250Z", INT64_C(1795255200250) },
		{ "2026-11-21T12:00:00.000+0200", INT64_C(1795255200000) },
		{ "2026-11-21T05:30:00-04:30", INT64_C(1795255200000) },
		{ "2026-13-01", TIME_UNKNOWN },
		{ "2026-11-21T10", TIME_UNKNOWN },
		{ "2026-11-21T10:00:00 CET", TIME_UNKNOWN },
		{ "tomorrow", TIME_UNKNOWN },
		{ "", TIME_UNKNOWN },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++)
		assert_int_equal(text_time(row[i].s), row[i].ms);
}

static void keys_of_the_project_are_taken_and_others_left_alone(void **state)
{
	static const struct {
		const char *ref, *rid;
	} row[] = {
		{ "AT-TC-12", "AT-TC-12" }, { "at-tc-12", "AT-TC-12" }, { "XY-TC-12", NULL }, { "C12", NULL },
		{ "AT-TC-", NULL },         { "AT-TC-1x", NULL },       { "AT-CY-12", NULL }, { "", NULL },
	};
	struct talking w;
	(void)state;

	start(&w, "");
	for (size_t i = 0; i < COUNT(row); i++) {
		const char *rid = sink_aio.ref(w.t.conf, row[i].ref, &w.arena);
		if (row[i].rid == NULL)
			assert_null(rid);
		else
			assert_string_equal(rid, row[i].rid);
	}
	talking_end(&w);
}

/* ---- the project ---- */

static void the_project_is_read_once_and_resolved(void **state)
{
	struct match_plan plan;
	struct talking w;
	(void)state;

	start(&w, "    statuses: {skipped: Skipped}\n");
	assert_int_equal(talking_ask(&w, "config"), ASK_SEND);
	assert_asks(&w, METHOD_GET, "project/AT/config");
	assert_int_equal(talking_got(&w, 200, ""), GOT_UNKNOWN);
	assert_int_equal(talking_got(&w, 200, "{\"other\":1}"), GOT_UNKNOWN);
	assert_int_equal(talking_got(&w, 200, "<html>log in</html>"), GOT_LOCKED);
	assert_int_equal(talking_got(&w, 200, CONFIG), GOT_PARK);
	assert_non_null(strstr(w.t.err.text,
			       "no run status \"Skipped\" in this project; there are: Not Run, Passed"));
	talking_end(&w);
	start(&w, "    statuses: {skipped: none, error: '4', flaky: passed}\n");
	assert_int_equal(talking_ask(&w, "config"), ASK_SEND);
	assert_int_equal(talking_got(&w, 200, CONFIG), GOT_NEXT);
	assert_non_null(strstr(w.t.say, "\"Stage\" is required"));
	assert_int_equal(talking_ask(&w, "config"), ASK_SKIP);
	sink_aio.plan(w.t.conf, w.t.facts, &plan);
	assert_string_equal(plan.trust, "AT-TC-");
	assert_string_equal(plan.scope, "AT");
	w.t.now_ms += INT64_C(2) * 86400000; /* a day later it is read again */
	assert_int_equal(talking_ask(&w, "config"), ASK_SEND);
	talking_end(&w);
}

static void an_older_server_is_asked_for_its_lists(void **state)
{
	struct talking w;
	(void)state;

	start(&w, "");
	assert_int_equal(talking_ask(&w, "config"), ASK_SEND);
	assert_int_equal(talking_got(&w, 404, "Not Found"), GOT_MORE);
	talking_fresh(&w);
	assert_int_equal(w.step->ask(&w.t, &w.request), ASK_SEND);
	assert_asks(&w, METHOD_GET, "project/AT/config/testrun/status");
	assert_int_equal(talking_got(&w, 404, "No project could be found"), GOT_PARK);
	assert_non_null(strstr(w.t.err.text, "No project could be found"));
	talking_end(&w);
}

/* ---- cases ---- */

static void cases_are_read_only_where_something_is_left(void **state)
{
	struct talking w;
	(void)state;

	ready(&w, "");
	assert_int_equal(talking_ask(&w, "cases"), ASK_SKIP);
	w.t.unmatched = 3;
	assert_int_equal(talking_ask(&w, "cases"), ASK_SEND);
	assert_asks(&w, METHOD_GET, "project/AT/testcase?startAt=0&maxResults=100");
	assert_int_equal(talking_got(&w, 200, "Something went wrong"), GOT_UNKNOWN);
	assert_int_equal(
		talking_got(&w, 200,
			    "{\"items\":[{\"key\":\"AT-TC-1\",\"title\":\"a\",\"automationKey\":\"x.a\"},"
			    "{\"key\":\"AT-TC-2\",\"title\":\"b\",\"isArchived\":true}],\"isLast\":false}"),
		GOT_MORE);
	assert_string_equal(talking_learned(&w, LEARNED_REMOTE, 0)->alias, "x.a");
	assert_string_equal(talking_learned(&w, LEARNED_GONE, 0)->id, "AT-TC-2");
	assert_int_equal(talking_ask(&w, "cases"), ASK_SEND);
	assert_asks(&w, METHOD_GET, "project/AT/testcase?startAt=1&maxResults=100");
	/* The page does not begin where the last one ended: read again from the start. */
	assert_int_equal(talking_got(&w, 200, "{\"items\":[{\"key\":\"AT-TC-9\"}],\"isLast\":true}"),
			 GOT_MORE);
	assert_int_equal(talking_ask(&w, "cases"), ASK_SEND);
	assert_asks(&w, METHOD_GET, "project/AT/testcase?startAt=0&maxResults=100");
	assert_int_equal(talking_got(&w, 200, "{\"items\":[{\"key\":\"AT-TC-1\"}],\"isLast\":true}"),
			 GOT_NEXT);
	assert_int_equal(talking_count(&w, LEARNED_LIST_END), 1);
	w.t.now_ms += 600000;
	assert_int_equal(talking_ask(&w, "cases"), ASK_SEND); /* then only what was changed */
	assert_asks(&w, METHOD_POST, "project/AT/testcase/search?startAt=0&maxResults=100");
	assert_true(w.request.reads);
	assert_non_null(strstr(w.request.body.data, "\"updatedDate\":{\"comparisonType\":\"AFTER\""));
	assert_int_equal(talking_got(&w, 404, "Not Found"), GOT_MORE);
	assert_int_equal(talking_ask(&w, "cases"),
			 ASK_SEND); /* a server without the search: the whole list */
	assert_asks(&w, METHOD_GET, "project/AT/testcase?startAt=0&maxResults=100");
	talking_end(&w);
}

/* An hour for all its pages, at a slow pace or with pauses in between. */
static void a_list_that_takes_long_is_read_to_its_end(void **state)
{
	struct talking w;
	char page[128], path[128];
	(void)state;

	ready(&w, "");
	w.t.unmatched = 3;
	for (int i = 0; i < 12; i++) {
		assert_int_equal(talking_ask(&w, "cases"), ASK_SEND);
		snprintf(path, sizeof(path), "project/AT/testcase?startAt=%d&maxResults=100", i);
		assert_asks(&w, METHOD_GET, path);
		w.t.now_ms += 300000;
		snprintf(page, sizeof(page),
			 "{\"items\":[{\"key\":\"AT-TC-%d\"},{\"key\":\"AT-TC-%d\"}],\"isLast\":%s}", i + 1,
			 i + 2, i < 11 ? "false" : "true");
		assert_int_equal(talking_got(&w, 200, page), i < 11 ? GOT_MORE : GOT_NEXT);
	}
	assert_int_equal(talking_count(&w, LEARNED_LIST_END), 1);
	talking_end(&w);
}

/* Where only keys match, a key that was refused would find its case never again. */
static void a_list_is_read_for_keys_alone_once_a_day_where_one_was_refused(void **state)
{
	struct talking w;
	(void)state;

	ready(&w, "    match: [ref]\n");
	w.t.unmatched = 1;
	assert_int_equal(talking_ask(&w, "cases"), ASK_SKIP);
	talking_row(&w, "AT-TC-1", "a.B.one", OUTCOME_PASSED, 1, NULL);
	assert_int_equal(talking_ask(&w, "mark"), ASK_SEND);
	assert_int_equal(
		talking_got(&w, 200,
			    "{\"status\":\"FAILED\",\"errors\":{\"AT-TC-1\":{\"message\":\"Case AT-TC-1 "
			    "does not exist\"}}}"),
		GOT_MORE);
	assert_int_equal(talking_ask(&w, "cases"), ASK_SEND);
	assert_asks(&w, METHOD_GET, "project/AT/testcase?startAt=0&maxResults=100");
	assert_int_equal(talking_got(&w, 200, "{\"items\":[{\"key\":\"AT-TC-1\"}],\"isLast\":true}"),
			 GOT_NEXT);
	w.t.now_ms += 23 * 3600000;
	assert_int_equal(talking_ask(&w, "cases"), ASK_SKIP);
	w.t.now_ms += 2 * 3600000;
	assert_int_equal(talking_ask(&w, "cases"), ASK_SEND); /* what was changed since */
	assert_asks(&w, METHOD_POST, "project/AT/testcase/search?startAt=0&maxResults=100");
	talking_end(&w);
}

/* ---- the cycle ---- */

static void a_cycle_is_found_again_by_its_token(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum looked looked;
	} row[] = {
		{ 200, "{\"items\":[{\"key\":\"AT-CY-1\",\"objective\":\"x\"}],\"isLast\":true}",
		  LOOKED_NONE },
		{ 200, "{\"items\":[],\"isLast\":true}", LOOKED_NONE },
		{ 200, "{\"items\":[{\"key\":\"AT-CY-1\"}],\"isLast\":false}", LOOKED_MORE },
		{ 200, "", LOOKED_UNSURE },
		{ 200, "{}", LOOKED_UNSURE },
		{ 403, "Access denied", LOOKED_UNSURE },
		{ 200,
		  "{\"items\":[{\"key\":\"AT-CY-1\",\"objective\":\"x\"},{\"key\":\"AT-CY-2\",\"ID\":5,"
		  "\"objective\":\"y " TALK_TOKEN "\"}],\"isLast\":true}",
		  LOOKED_ALL },
	};
	struct talking w;
	(void)state;

	ready(&w, "    cycle: {name: 'N {run.name}', start_on: 2026-11-21}\n");
	talking_bookmark(&w, "{}");
	assert_int_equal(talking_ask(&w, "add-cycle"), ASK_SEND);
	assert_asks(&w, METHOD_POST, "project/AT/testcycle/detail");
	assert_true(w.request.write);
	assert_non_null(strstr(w.request.body.data, "\"title\":\"N nightly #17\""));
	assert_non_null(strstr(w.request.body.data, TALK_TOKEN));
	talking_freeze(&w);
	for (size_t i = 0; i < COUNT(row); i++) {
		assert_int_equal(talking_look(&w, true), ASK_SEND);
		assert_asks(&w, METHOD_POST, "project/AT/testcycle/search?startAt=0&maxResults=100");
		assert_int_equal(talking_looked(&w, row[i].status, row[i].body), row[i].looked);
	}
	assert_string_equal(w.t.learned.remote_id, "AT-CY-2");
	assert_int_equal(talking_ask(&w, "add-cycle"), ASK_SKIP);
	talking_end(&w);
}

static void the_oldest_cycle_of_a_title_is_taken(void **state)
{
	struct talking w;
	(void)state;

	ready(&w, "    cycle: {name: Weekly, reuse: true}\n");
	talking_bookmark(&w, "{}");
	assert_int_equal(talking_ask(&w, "find-cycle"), ASK_SEND);
	assert_int_equal(
		talking_got(
			&w, 200,
			"{\"items\":[{\"key\":\"AT-CY-3\",\"title\":\"Weekly\",\"createdDate\":1795255300},"
			"{\"key\":\"AT-CY-1\",\"title\":\"Weekly\",\"isClosed\":true,\"createdDate\":1},"
			"{\"key\":\"AT-CY-2\",\"title\":\"Weekly\",\"createdDate\":1795255200000},"
			"{\"key\":\"AT-CY-4\",\"title\":\"weekly\",\"createdDate\":1}],\"isLast\":true}"),
		GOT_NEXT);
	assert_string_equal(w.t.learned.remote_id, "AT-CY-2");
	assert_non_null(strstr(w.t.say, "2 cycles are called"));
	talking_end(&w);
}

/* ---- marks ---- */

static void rows_three(struct talking *w)
{
	talking_row(w, "AT-TC-1", "a.B.one", OUTCOME_PASSED, 1400, NULL);
	talking_row(w, "AT-TC-2", "a.B.two", OUTCOME_FAILED, -1, "boom");
	talking_row(w, "AT-TC-3", "a.B.three", OUTCOME_PASSED, 0, NULL);
}

static void a_batch_is_settled_key_by_key(void **state)
{
	struct talking w;
	(void)state;

	ready(&w, "");
	rows_three(&w);
	assert_int_equal(talking_ask(&w, "mark"), ASK_SEND);
	assert_asks(&w, METHOD_POST, "project/AT/testcycle/AT-CY-7/bulk/testrun/update?createNewRun=false");
	assert_body(&w, "{\"testRuns\":["
			"{\"testCaseKey\":\"AT-TC-1\",\"testRunStatus\":\"Passed\",\"effort\":1,"
			"\"isAutomated\":true},"
			"{\"testCaseKey\":\"AT-TC-2\",\"testRunStatus\":\"Failed\",\"isAutomated\":true,"
			"\"comments\":[\"boom\"]},"
			"{\"testCaseKey\":\"AT-TC-3\",\"testRunStatus\":\"Passed\",\"effort\":0,"
			"\"isAutomated\":true}]}");
	assert_int_equal(
		talking_got(&w, 200,
			    "{\"status\":\"SUCCESS_WITH_ERROR\",\"errors\":{\"AT-TC-2\":{\"message\":\"No "
			    "access\"},\"AT-TC-3\":{\"message\":\"Case AT-TC-3 does not exist\"}},"
			    "\"processedData\":{\"AT-TC-1\":{\"ID\":55}}}"),
		GOT_MORE);
	assert_string_equal(talking_learned(&w, LEARNED_POSTED, 0)->id, "55");
	assert_string_equal(talking_learned(&w, LEARNED_PARKED, 0)->text, "No access");
	assert_string_equal(talking_learned(&w, LEARNED_GONE, 0)->id, "AT-TC-3");
	talking_end(&w);
}

static void only_words_about_the_case_say_that_it_is_gone(void **state)
{
	static const struct {
		const char *words;
		bool gone;
	} row[] = {
		{ "Issue 10234 does not exist", false },
		{ "Option Blue not found for custom field Colour", false },
		{ "No such user", false },
		{ "Not found", false },
		{ "Test case not found", true },
		{ "AT-TC-2 does not exist", true },
		{ "Invalid case key", true },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		char body[256];
		ready(&w, "");
		rows_three(&w);
		assert_int_equal(talking_ask(&w, "mark"), ASK_SEND);
		snprintf(body, sizeof(body),
			 "{\"status\":\"SUCCESS_WITH_ERROR\",\"errors\":{\"AT-TC-2\":{\"message\":\"%s\"}},"
			 "\"processedData\":{\"AT-TC-1\":{\"ID\":5},\"AT-TC-3\":{\"ID\":6}}}",
			 row[i].words);
		assert_int_equal(talking_got(&w, 200, body), GOT_MORE);
		assert_int_equal(talking_count(&w, LEARNED_GONE), row[i].gone);
		assert_int_equal(talking_count(&w, LEARNED_PARKED), !row[i].gone);
		if (!row[i].gone)
			assert_string_equal(talking_learned(&w, LEARNED_PARKED, 0)->text, row[i].words);
		talking_end(&w);
	}
}

static void answers_that_say_nothing_of_a_case(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum got got;
	} row[] = {
		{ 200, "", GOT_UNKNOWN },
		{ 200, "{\"a\":1}", GOT_UNKNOWN },
		{ 200, "[]", GOT_UNKNOWN },
		{ 200, "{\"status\":\"SUCCESS_WITH_ERROR\",\"errorCount\":1}", GOT_UNKNOWN },
		{ 200, "{\"status\":\"FAILED\",\"errors\":{\"0\":{\"message\":\"no\"}}}", GOT_REFUSED },
		{ 200, "{\"status\":\"FAILED\",\"errors\":{\"0\":{\"message\":\"Cycle AT-CY-7 is closed\"}}}",
		  GOT_CLOSED },
		{ 400, "Mandatory data is missing", GOT_REFUSED },
		{ 400, "Cycle AT-CY-7 is closed, cases cannot be executed", GOT_CLOSED },
		{ 403, "Access denied", GOT_PARK },
		{ 404, "Cycle AT-CY-7 does not exist", GOT_BACK },
		{ 200, "{\"status\":\"SUCCESS\",\"errorCount\":0}", GOT_MORE },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		ready(&w, "");
		rows_three(&w);
		assert_int_equal(talking_ask(&w, "mark"), ASK_SEND);
		assert_int_equal(talking_got(&w, row[i].status, row[i].body), row[i].got);
		assert_int_equal(talking_count(&w, LEARNED_POSTED), row[i].got == GOT_MORE ? 3 : 0);
		talking_end(&w);
	}
}

#define LATEST(key, id, status, made)                                    \
	"{\"testCase\":{\"key\":\"" key "\"},\"latestRun\":{\"ID\":" #id \
	",\"testRunStatus\":{\"name\":\"" status "\"},\"createdDate\":" #made ",\"updatedDate\":" #made "}}"

static void a_lost_batch_is_looked_up_in_the_cycle(void **state)
{
	static const struct {
		bool own;
		int status;
		const char *body;
		enum looked looked;
		size_t posted;
	} row[] = {
		{ true, 200, "{\"items\":[],\"isLast\":true}", LOOKED_NONE, 0 },
		{ true, 200,
		  "{\"items\":[" LATEST("AT-TC-1", 5, "Not Run", 1795255200000) "],\"isLast\":true}",
		  LOOKED_NONE, 0 },
		{ true, 200, "{\"items\":[" LATEST("AT-TC-1", 5, "Passed", 1) "],\"isLast\":true}",
		  LOOKED_SOME, 1 },
		{ true, 200,
		  "{\"items\":[" LATEST("AT-TC-1", 5, "Passed", 1) "," LATEST(
			  "AT-TC-2", 6, "Failed", 1) "," LATEST("AT-TC-3", 7, "Passed",
								1) "],\"isLast\":false}",
		  LOOKED_ALL, 3 },
		{ true, 200, "{\"items\":[" LATEST("AT-TC-8", 5, "Passed", 1) "],\"isLast\":false}",
		  LOOKED_MORE, 0 },
		{ true, 200, "", LOOKED_UNSURE, 0 },
		{ true, 400, "no", LOOKED_UNSURE, 0 },
		{ true, 404, "Cycle AT-CY-7 does not exist", LOOKED_NONE, 0 },
		/* In a cycle of others yesterday's run of the same status is not ours; seconds are read, too. */
		{ false, 200,
		  "{\"items\":[" LATEST("AT-TC-1", 5, "Passed", 1795168800000) "],\"isLast\":true}",
		  LOOKED_NONE, 0 },
		{ false, 200, "{\"items\":[" LATEST("AT-TC-1", 5, "Passed", 1795255201) "],\"isLast\":true}",
		  LOOKED_SOME, 1 },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		ready(&w, "");
		if (!row[i].own)
			talking_bookmark(&w, "{\"cycle\":{\"id\":\"7\",\"key\":\"AT-CY-7\",\"own\":0}}");
		rows_three(&w);
		assert_int_equal(talking_ask(&w, "mark"), ASK_SEND);
		talking_freeze(&w);
		assert_int_equal(talking_look(&w, true), ASK_SEND);
		assert_asks(&w, METHOD_GET, "project/AT/testcycle/AT-CY-7/testcase?startAt=0&maxResults=100");
		assert_int_equal(talking_looked(&w, row[i].status, row[i].body), row[i].looked);
		assert_int_equal(talking_count(&w, LEARNED_POSTED), row[i].posted);
		talking_end(&w);
	}
}

/* A run before the edge of two pages is taken away between them: the one behind the edge is on neither. */
static void pages_that_moved_are_read_again(void **state)
{
#define PAGE(key, id, status, last) \
	"{\"items\":[" LATEST(key, id, status, 1795255200000) "],\"isLast\":" last "}"
#define LIST "project/AT/testcycle/AT-CY-7/testcase?startAt="
	static const struct {
		const char *step, *again;
		enum looked looked;
		size_t posted;
	} row[] = {
		{ "mark", PAGE("AT-TC-2", 6, "Failed", "false"), LOOKED_ALL, 3 },
		{ "mark", PAGE("AT-TC-1", 5, "Passed", "true"), LOOKED_SOME, 2 },
		{ "migrate", PAGE("AT-TC-2", 6, "Failed", "true"), LOOKED_ALL, 3 },
		{ "migrate", PAGE("AT-TC-1", 5, "Passed", "true"), LOOKED_SOME, 2 },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		ready(&w, "");
		w.run.backfill = strcmp(row[i].step, "migrate") == 0;
		rows_three(&w);
		assert_int_equal(talking_ask(&w, row[i].step), ASK_SEND);
		talking_freeze(&w);
		talking_look(&w, true);
		assert_int_equal(talking_looked(&w, 200, PAGE("AT-TC-1", 5, "Passed", "false")), LOOKED_MORE);
		talking_look(&w, false);
		assert_asks(&w, METHOD_GET, LIST "1&maxResults=100");
		assert_int_equal(talking_looked(&w, 200, PAGE("AT-TC-3", 7, "Passed", "true")), LOOKED_MORE);
		assert_int_equal(talking_count(&w, LEARNED_POSTED), 0);
		talking_look(&w, false);
		assert_asks(&w, METHOD_GET, LIST "0&maxResults=100");
		assert_int_equal(talking_looked(&w, 200, row[i].again), row[i].looked);
		assert_int_equal(talking_count(&w, LEARNED_POSTED), row[i].posted);
		talking_end(&w);
	}
#undef PAGE
#undef LIST
}

static void a_first_touch_among_others_is_a_run_of_its_own(void **state)
{
	struct talking w;
	(void)state;

	ready(&w, "");
	talking_bookmark(&w, "{\"cycle\":{\"id\":\"7\",\"key\":\"AT-CY-7\",\"own\":0}}");
	rows_three(&w);
	struct row_test *test = (struct row_test *)w.rows.row[1].tests;
	test[0].posted_before = true; /* ours already: it is updated, in a request of its own */
	assert_int_equal(talking_ask(&w, "mark"), ASK_SEND);
	assert_non_null(strstr(w.request.path.data, "createNewRun=true"));
	assert_null(strstr(w.request.body.data, "AT-TC-2"));
	assert_non_null(strstr(w.request.body.data, TALK_TOKEN));
	talking_end(&w);
}

/* Others find by its title what was made under cycle.reuse, and their runs come to stand in it. */
static void a_cycle_made_for_others_to_find_is_theirs_too(void **state)
{
#define SHOWN(comment)                                                                                \
	"{\"items\":[{\"testCase\":{\"key\":\"AT-TC-1\"},\"latestRun\":{\"ID\":5,\"testRunStatus\":{" \
	"\"name\":"                                                                                   \
	"\"Passed\"},\"createdDate\":1795255200000,\"comments\":[{\"comment\":\"" comment             \
	"\"}]}}],\"isLast\":true}"
	static const struct {
		bool lost;
		const char *latest;
		enum looked looked;
	} row[] = {
		{ false, SHOWN("rd-ffffffffffffffffffff"), LOOKED_NONE },
		{ false, SHOWN(TALK_TOKEN), LOOKED_SOME },
		{ true, SHOWN("rd-ffffffffffffffffffff"), LOOKED_NONE },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		ready(&w, "    cycle: {name: Weekly, reuse: true, start_on: 2026-11-21}\n");
		talking_bookmark(&w, "{}");
		assert_int_equal(talking_ask(&w, "find-cycle"), ASK_SEND);
		assert_int_equal(talking_got(&w, 200, "{\"items\":[],\"isLast\":true}"), GOT_NEXT);
		assert_int_equal(talking_ask(&w, "add-cycle"), ASK_SEND);
		if (row[i].lost) {
			talking_freeze(&w);
			assert_int_equal(talking_look(&w, true), ASK_SEND);
			assert_int_equal(talking_looked(&w, 200,
							"{\"items\":[{\"key\":\"AT-CY-7\",\"objective\":"
							"\"" TALK_TOKEN "\"}],\"isLast\":true}"),
					 LOOKED_ALL);
		} else {
			assert_int_equal(talking_got(&w, 200, "{\"key\":\"AT-CY-7\",\"ID\":7}"), GOT_NEXT);
		}
		rows_three(&w);
		assert_int_equal(talking_ask(&w, "mark"), ASK_SEND);
		assert_non_null(strstr(w.request.path.data, "AT-CY-7/bulk/testrun/update?createNewRun=true"));
		assert_non_null(strstr(w.request.body.data, TALK_TOKEN));
		talking_freeze(&w);
		assert_int_equal(talking_look(&w, true), ASK_SEND);
		enum looked looked = talking_looked(&w, 200, row[i].latest);
		if (looked == LOOKED_MORE) { /* some are there: the list is read a second time */
			talking_look(&w, false);
			looked = talking_looked(&w, 200, row[i].latest);
		}
		assert_int_equal(looked, row[i].looked);
		talking_end(&w);
	}
#undef SHOWN
}

static void a_case_outside_the_cycle_is_added_and_marked_again(void **state)
{
	struct talking w;
	(void)state;

	ready(&w, "");
	talking_row(&w, "AT-TC-1", "a.B.one", OUTCOME_PASSED, 1, NULL);
	assert_int_equal(talking_ask(&w, "mark"), ASK_SEND);
	assert_int_equal(
		talking_got(&w, 200,
			    "{\"status\":\"FAILED\",\"errors\":{\"AT-TC-1\":{\"message\":\"Case AT-TC-1 is "
			    "not part of cycle AT-CY-7\"}}}"),
		GOT_MORE);
	assert_int_equal(talking_ask(&w, "mark"), ASK_SEND);
	assert_asks(&w, METHOD_POST, "project/AT/testcycle/AT-CY-7/testcase/AT-TC-1");
	talking_freeze(&w);
	assert_int_equal(talking_look(&w, true), ASK_SEND);
	assert_int_equal(talking_looked(&w, 200, "{\"items\":[],\"isLast\":true}"), LOOKED_NONE);
	assert_int_equal(
		talking_looked(&w, 200, "{\"items\":[{\"testCase\":{\"key\":\"AT-TC-1\"}}],\"isLast\":true}"),
		LOOKED_ALL);
	assert_int_equal(talking_ask(&w, "mark"), ASK_SEND);
	assert_non_null(strstr(w.request.path.data, "bulk/testrun/update"));
	/* Refused for the same once more: parked with those words. */
	assert_int_equal(
		talking_got(&w, 200,
			    "{\"status\":\"FAILED\",\"errors\":{\"AT-TC-1\":{\"message\":\"Case AT-TC-1 is "
			    "not part of cycle AT-CY-7\"}}}"),
		GOT_MORE);
	assert_int_equal(talking_count(&w, LEARNED_PARKED), 1);
	talking_end(&w);
}

/* ---- backfills ---- */

static void a_migration_dates_its_runs_and_is_looked_up_by_them(void **state)
{
	struct talking w;
	(void)state;

	ready(&w, "");
	w.run.backfill = true;
	talking_row(&w, "AT-TC-1", "a.B.one", OUTCOME_PASSED, 1000, NULL);
	assert_int_equal(talking_ask(&w, "migrate"), ASK_SEND);
	assert_asks(&w, METHOD_POST, "project/AT/testcycle/AT-CY-7/testruns/bulk/migrate");
	assert_body(
		&w,
		"{\"testCases\":[{\"testCaseKey\":\"AT-TC-1\",\"externalCaseID\":\"AT-TC-1\",\"testRuns\":["
		"{\"externalRunID\":\"" TALK_TOKEN "/101/0\",\"testRunStatus\":\"Passed\",\"effort\":1,"
		"\"isAutomated\":true,\"createdDate\":\"2026-11-21T10:00:00.000Z\","
		"\"updatedDate\":\"2026-11-21T10:00:01.000Z\"}]}]}");
	talking_freeze(&w);
	assert_int_equal(talking_look(&w, true), ASK_SEND);
	assert_int_equal(talking_looked(&w, 200,
					"{\"items\":[" LATEST("AT-TC-1", 5, "Passed",
							      1795255300) "],\"isLast\":true}"),
			 LOOKED_NONE);
	assert_int_equal(talking_looked(&w, 200,
					"{\"items\":[" LATEST("AT-TC-1", 5, "Passed",
							      1795255200) "],\"isLast\":true}"),
			 LOOKED_ALL);
	assert_int_equal(talking_got(&w, 404, "Not Found"), GOT_NEXT);
	assert_int_equal(talking_ask(&w, "migrate"), ASK_SKIP);
	assert_int_equal(talking_ask(&w, "mark"), ASK_SEND);
	talking_end(&w);
}

/* ---- the importer ---- */

#define CHANGED(key, id, at) \
	"{\"testCase\":{\"key\":\"" key "\"},\"latestRun\":{\"ID\":" #id ",\"updatedDate\":" #at "}}"
#define PAGE(items, last) "{\"items\":[" items "],\"isLast\":" last "}"
#define DONE(name, key, id)                                                                                 \
	"{\"status\":\"SUCCESS\",\"processedData\":{\"a.B." name "\":{\"tcKey\":\"" key "\",\"className\":" \
	"\"a.B\",\"name\":\"" name "\",\"runId\":[" #id "]}}}"

static void hand_over(struct talking *w)
{
	static const struct row_evidence report = { .name = "a.xml",
						    .kept = "ab/cd",
						    .type = "application/xml",
						    .sha256 = "",
						    .size = 5,
						    .of_run = true,
						    .test = "",
						    .named = "a.xml",
						    .origin = EVIDENCE_REPORT };

	talking_no_rows(w);
	talking_row(w, NULL, "a.B.one", OUTCOME_PASSED, 1, NULL);
	w->rows.row[0].evidence = &report;
	assert_int_equal(talking_ask(w, "import"), ASK_SEND);
	assert_non_null(strstr(w->request.path.data, "import/results"));
}

/* The answer to a second report is lost, a moment after the first one was answered at 10:00:00. */
static void a_lost_report_is_not_taken_for_the_one_before(void **state)
{
	static const struct {
		bool settled;
		const char *page;
		enum looked looked;
	} row[] = {
		/* What the first one did, before its answer or in that second. */
		{ false, PAGE(CHANGED("AT-TC-1", 5, 1795255200400), "true"), LOOKED_NONE },
		{ false, PAGE(CHANGED("AT-TC-1", 5, 1795255199000), "true"), LOOKED_NONE },
		{ false, PAGE(CHANGED("AT-TC-9", 4, 1795255199000), "true"), LOOKED_NONE },
		{ true, PAGE(CHANGED("AT-TC-1", 5, 1795255200400), "true"), LOOKED_NONE },
		/* What the second one did. */
		{ false,
		  PAGE(CHANGED("AT-TC-1", 5, 1795255200400) "," CHANGED("AT-TC-2", 6, 1795255200500), "true"),
		  LOOKED_ALL },
		{ false, PAGE(CHANGED("AT-TC-1", 7, 1795255200500), "true"), LOOKED_ALL },
		{ true, PAGE(CHANGED("AT-TC-1", 5, 1795255201000), "true"), LOOKED_ALL },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		ready(&w, "    mode: import\n");
		hand_over(&w);
		assert_int_equal(talking_got(&w, 200, DONE("one", "AT-TC-1", 5)), GOT_MORE);
		if (row[i].settled) {
			talking_no_rows(&w);
			talking_row(&w, "AT-TC-1", "a.B.one", OUTCOME_PASSED, 1, NULL);
			assert_int_equal(talking_ask(&w, "import-results"), ASK_LEARN);
			assert_string_equal(talking_learned(&w, LEARNED_POSTED, 0)->id, "5");
			talking_saved(&w);
		}
		hand_over(&w);
		talking_look(&w, true);
		assert_int_equal(talking_looked(&w, 200, row[i].page), row[i].looked);
		talking_end(&w);
	}
}

static void a_look_up_of_a_report_that_is_begun_anew_finds_it_again(void **state)
{
	struct talking w;
	(void)state;

	ready(&w, "    mode: import\n");
	hand_over(&w);
	talking_look(&w, true);
	assert_int_equal(talking_looked(&w, 200, PAGE(CHANGED("AT-TC-1", 5, 1795255200400), "false")),
			 LOOKED_MORE);
	talking_look(&w, false);
	assert_int_equal(talking_looked(&w, 200, ""), LOOKED_UNSURE);
	talking_look(&w, true);
	assert_int_equal(talking_looked(&w, 200, PAGE(CHANGED("AT-TC-1", 5, 1795255200400), "true")),
			 LOOKED_ALL);
	talking_no_rows(&w);
	talking_row(&w, "AT-TC-1", "a.B.one", OUTCOME_PASSED, 1, NULL);
	assert_int_equal(talking_ask(&w, "import-results"), ASK_LEARN);
	assert_string_equal(talking_learned(&w, LEARNED_POSTED, 0)->id, "5");
	talking_end(&w);
}

static void an_error_of_an_earlier_report_parks_nothing_of_a_later_one(void **state)
{
	struct talking w;
	(void)state;

	ready(&w, "    mode: import\n");
	hand_over(&w);
	assert_int_equal(
		talking_got(&w, 200,
			    "{\"status\":\"SUCCESS_WITH_ERROR\",\"errors\":{\"a.B.one\":{\"message\":"
			    "\"steps do not match\"},\"a.B.two\":{\"message\":\"no case found\"}}}"),
		GOT_MORE);
	hand_over(&w);
	assert_int_equal(talking_got(&w, 200, DONE("one", "AT-TC-1", 5)), GOT_MORE);
	talking_no_rows(&w);
	talking_row(&w, "AT-TC-1", "a.B.one", OUTCOME_PASSED, 1, NULL);
	talking_row(&w, "AT-TC-2", "a.B.two", OUTCOME_PASSED, 1, NULL);
	assert_int_equal(talking_ask(&w, "import-results"), ASK_LEARN);
	assert_string_equal(talking_learned(&w, LEARNED_POSTED, 0)->id, "5");
	assert_int_equal(talking_count(&w, LEARNED_PARKED), 1);
	assert_string_equal(talking_learned(&w, LEARNED_PARKED, 0)->text, "no case found");
	talking_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stamps_are_read_in_every_form),
		cmocka_unit_test(keys_of_the_project_are_taken_and_others_left_alone),
		cmocka_unit_test(the_project_is_read_once_and_resolved),
		cmocka_unit_test(an_older_server_is_asked_for_its_lists),
		cmocka_unit_test(cases_are_read_only_where_something_is_left),
		cmocka_unit_test(a_list_that_takes_long_is_read_to_its_end),
		cmocka_unit_test(a_list_is_read_for_keys_alone_once_a_day_where_one_was_refused),
		cmocka_unit_test(a_cycle_is_found_again_by_its_token),
		cmocka_unit_test(the_oldest_cycle_of_a_title_is_taken),
		cmocka_unit_test(a_batch_is_settled_key_by_key),
		cmocka_unit_test(only_words_about_the_case_say_that_it_is_gone),
		cmocka_unit_test(answers_that_say_nothing_of_a_case),
		cmocka_unit_test(a_lost_batch_is_looked_up_in_the_cycle),
		cmocka_unit_test(pages_that_moved_are_read_again),
		cmocka_unit_test(a_first_touch_among_others_is_a_run_of_its_own),
		cmocka_unit_test(a_cycle_made_for_others_to_find_is_theirs_too),
		cmocka_unit_test(a_case_outside_the_cycle_is_added_and_marked_again),
		cmocka_unit_test(a_lost_report_is_not_taken_for_the_one_before),
		cmocka_unit_test(a_look_up_of_a_report_that_is_begun_anew_finds_it_again),
		cmocka_unit_test(an_error_of_an_earlier_report_parks_nothing_of_a_later_one),
		cmocka_unit_test(a_migration_dates_its_runs_and_is_looked_up_by_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

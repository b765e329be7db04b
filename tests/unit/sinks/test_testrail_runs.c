/* SPDX-License-Identifier: Apache-2.0
 *
 * test_testrail_runs.c - the run over there: made, named, found again, extended, closed. */
#include "talking.h"

#include "sinks/testrail/testrail.h"

extern const struct sink sink_testrail;

#define BASE                             \
	"    url: https://t.example\n"   \
	"    user: ci@example.com\n"     \
	"    key: {env: TESTRAIL_KEY}\n" \
	"    project: Datahub\n"
#define KNOWN                                                                             \
	"\"login\":{\"user\":\"ci@example.com\",\"id\":\"5\"},"                           \
	"\"project\":{\"wanted\":\"Datahub\",\"id\":\"7\",\"mode\":3},"                   \
	"\"suite\":{\"wanted\":\"\",\"project\":\"7\",\"id\":\"2\"},\"scope\":\"p7/s2\"," \
	"\"cases\":{\"scope\":\"p7/s2\",\"since\":1}"
#define OWN     "{\"run\":{\"id\":\"90\",\"own\":1,\"all\":0,\"plan\":0}}"
#define FOREIGN "{\"run\":{\"id\":\"90\",\"own\":0,\"all\":0,\"plan\":0}}"
#define MORE    "\"_links\":{\"next\":\"/api/v2/x&limit=250&offset=9\"}"
#define LAST    "\"_links\":{\"next\":null}"

static const char *const ids[] = { "11", "12", "13" };

static void start(struct talking *w, const char *more)
{
	talking_start(w, &sink_testrail, more);
	talking_facts(w, "{" KNOWN "}");
}

/* ---- a new run ---- */

static void a_run_of_exactly_its_cases(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	talking_links(&w, 3, 3, ids);
	assert_int_equal(talking_ask(&w, "add-run"), ASK_SEND);
	assert_true(w.request.write);
	assert_path(&w, "add_run/7");
	assert_body(&w, "{\"name\":\"nightly #17\",\"description\":\"" TALK_TOKEN
			"\",\"suite_id\":2,\"include_all\":false,"
			"\"case_ids\":[11,12,13]}");
	assert_int_equal(talking_got(&w, 200,
				     "{\"id\":90,\"name\":\"n\",\"include_all\":false,\"plan_id\":null,"
				     "\"url\":\"https:\\/\\/t.example\\/index.php?\\/runs\\/view\\/90\"}"),
			 GOT_NEXT);
	assert_string_equal(testrail_run_id(&w.t), "90");
	assert_string_equal(w.t.learned.remote_id, "90");
	assert_string_equal(w.t.learned.url, "https://t.example/index.php?/runs/view/90");
	assert_int_equal(talking_count(&w, LEARNED_LINKED), 1);
	assert_int_equal(talking_ask(&w, "add-run"), ASK_SKIP);
	talking_end(&w);
}

static void names_and_descriptions_are_templates(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE "    run: {name: \"{job}\\n{run.key}\", description: \"commit {ci.commit}\"}\n");
	talking_links(&w, 1, 1, ids);
	cJSON_ReplaceItemInObject(sink_object(w.t.facts, "suite"), "id", cJSON_CreateNull());
	assert_int_equal(talking_ask(&w, "add-run"), ASK_SEND);
	assert_body(&w,
		    "{\"name\":\"nightly nightly/17\",\"description\":\"commit abc123\\n\\n" TALK_TOKEN "\","
		    "\"include_all\":false,\"case_ids\":[11]}");
	talking_end(&w);
	start(&w, BASE "    run: {name: \"{nobody}\"}\n");
	talking_links(&w, 1, 1, ids);
	assert_int_equal(talking_ask(&w, "add-run"), ASK_PARK);
	assert_non_null(strstr(w.t.err.text, "run.name"));
	assert_non_null(strstr(w.t.err.text, "nobody"));
	talking_end(&w);
	start(&w, BASE "    run: {name: \"{ci.branch|''}\"}\n");
	talking_links(&w, 1, 1, ids);
	assert_int_equal(talking_ask(&w, "add-run"), ASK_SEND);
	assert_non_null(strstr(w.request.body.data, "\"name\":\"" TALK_TOKEN "\"")); /* a name is needed */
	talking_end(&w);
}

static void refused_runs(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum got got;
		const char *gone;
		bool cases;
	} row[] = {
		{ 400, "{\"error\":\"Field :case_ids is not a valid ID.\"}", GOT_BACK, NULL, false },
		{ 400, "{\"error\":\"Field :case_ids contains an unknown case (C12)\"}", GOT_BACK, "12",
		  true },
		{ 400, "{\"error\":\"Field :suite_id is not a valid test suite.\"}", GOT_BACK, NULL, true },
		{ 404, "", GOT_BACK, NULL, true },
		{ 400, "{\"error\":\"Field :name is a required field.\"}", GOT_PARK, NULL, true },
		{ 403, "{\"error\":\"You are not allowed to add runs.\"}", GOT_PARK, NULL, true },
		{ 200, "", GOT_UNKNOWN, NULL, true },
		{ 200, "<html>", GOT_UNKNOWN, NULL, true },
		{ 200, "{\"id\":null}", GOT_UNKNOWN, NULL, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		start(&w, BASE);
		talking_links(&w, 3, 3, ids);
		talking_ask(&w, "add-run");
		assert_int_equal(talking_got(&w, row[i].status, row[i].body), row[i].got);
		assert_null(testrail_run_id(&w.t));
		assert_int_equal(talking_count(&w, LEARNED_LINKED), 0);
		if (row[i].gone != NULL)
			assert_string_equal(talking_learned(&w, LEARNED_GONE, 0)->id, row[i].gone);
		/* Where no case is named, the whole list shows which are gone. */
		assert_int_equal(cJSON_GetObjectItem(w.t.facts, "cases") != NULL, row[i].cases);
		talking_end(&w);
	}
}

static void going_back_has_an_end(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	talking_links(&w, 3, 3, ids);
	for (int i = 0; i < 6; i++) {
		talking_ask(&w, "add-run");
		assert_int_equal(talking_got(&w, 400, "{\"error\":\"Field :case_ids is not a valid ID.\"}"),
				 i < 3 ? GOT_BACK : GOT_PARK);
		assert_non_null(strstr(w.t.err.text, "case_ids"));
	}
	talking_end(&w);
}

static void a_run_whose_answer_was_lost(void **state)
{
	static const char with[] =
		"{\"id\":90,\"description\":\"<p>x</p><p>" TALK_TOKEN "</p>\",\"url\":\"u\"}";
	char found[400], second[400];
	const struct {
		const char *page1, *page2;
		enum looked looked;
	} row[] = {
		{ found, NULL, LOOKED_ALL },
		{ "[]", NULL, LOOKED_NONE },
		{ "[{\"id\":91,\"description\":\"rd-ffffffffffffffffffff\"},{\"id\":92,\"description\":null}"
		  "]",
		  NULL, LOOKED_NONE },
		{ "{" MORE ",\"runs\":[{\"id\":91}]}", second, LOOKED_ALL },
		{ "{\"x\":1}", NULL, LOOKED_UNSURE },
	};

	(void)state;
	snprintf(found, sizeof(found), "[%s]", with);
	snprintf(second, sizeof(second), "{" LAST ",\"runs\":[%s]}", with);
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		start(&w, BASE);
		talking_links(&w, 3, 3, ids);
		talking_ask(&w, "add-run");
		talking_freeze(&w);
		assert_int_equal(talking_look(&w, true), ASK_SEND);
		assert_false(w.request.write);
		assert_path(&w, "get_runs/7&created_after=1795254900&created_by=5&is_completed=0");
		enum looked looked = talking_looked(&w, 200, row[i].page1);
		if (row[i].page2 != NULL) {
			assert_int_equal(looked, LOOKED_MORE);
			talking_look(&w, false);
			assert_path(
				&w,
				"get_runs/"
				"7&created_after=1795254900&created_by=5&is_completed=0&limit=250&offset=1");
			looked = talking_looked(&w, 200, row[i].page2);
		}
		assert_int_equal(looked, row[i].looked);
		assert_int_equal(testrail_run_id(&w.t) != NULL, looked == LOOKED_ALL);
		assert_int_equal(talking_count(&w, LEARNED_LINKED), looked == LOOKED_ALL);
		talking_end(&w);
	}
}

/* A part came between the request and the look-up: its cases are not in the run. */
static void a_run_that_was_found_may_lack_cases(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	talking_links(&w, 2, 2, ids);
	talking_ask(&w, "add-run");
	talking_freeze(&w);
	talking_links(&w, 3, 3, ids);
	talking_look(&w, true);
	assert_int_equal(talking_looked(&w, 200, "[{\"id\":90,\"description\":\"" TALK_TOKEN "\"}]"),
			 LOOKED_ALL);
	assert_int_equal(talking_count(&w, LEARNED_LINKED), 0);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	assert_body(&w, "{\"include_all\":false,\"case_ids\":[11,12,13]}");
	talking_end(&w);
}

/* ---- a run that is named ---- */

static void an_existing_run_is_checked(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum got got;
		const char *says;
	} row[] = {
		{ 200,
		  "{\"id\":90,\"project_id\":7,\"suite_id\":2,\"is_completed\":false,\"include_all\":true,"
		  "\"url\":\"u\"}",
		  GOT_NEXT, NULL },
		{ 200, "{\"id\":90,\"project_id\":8,\"suite_id\":2}", GOT_PARK, "project 8" },
		{ 200, "{\"id\":90,\"project_id\":7,\"suite_id\":3}", GOT_PARK, "suite 3" },
		{ 200, "{\"id\":90,\"project_id\":7,\"suite_id\":2,\"is_completed\":1}", GOT_CLOSED,
		  "closed" },
		{ 400, "{\"error\":\"Field :run_id is not a valid test run.\"}", GOT_PARK,
		  "not a valid test run" },
		{ 200, "{}", GOT_UNKNOWN, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		start(&w, BASE "    run: {id: 90}\n");
		assert_int_equal(talking_ask(&w, "run"), ASK_SEND);
		assert_path(&w, "get_run/90");
		assert_int_equal(talking_got(&w, row[i].status, row[i].body), row[i].got);
		if (row[i].says != NULL && strstr(w.t.err.text, row[i].says) == NULL)
			fail_msg("row %zu: %s", i, w.t.err.text);
		if (row[i].got == GOT_NEXT) {
			talking_links(&w, 3, 3, ids);
			assert_int_equal(talking_ask(&w, "run"), ASK_SKIP);
			assert_int_equal(talking_ask(&w, "add-run"), ASK_SKIP);
			/* It takes all cases of its suite anyway. */
			assert_int_equal(talking_ask(&w, "extend-run"), ASK_LEARN);
			assert_int_equal(talking_count(&w, LEARNED_LINKED), 1);
		}
		talking_end(&w);
	}
	struct talking w;
	start(&w, BASE);
	assert_int_equal(talking_ask(&w, "run"), ASK_SKIP);
	talking_end(&w);
}

/* ---- more cases ---- */

static void our_run_is_given_the_whole_set(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	talking_links(&w, 1, 3, ids);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SKIP); /* there is none yet */
	talking_bookmark(&w, OWN);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	assert_path(&w, "update_run/90");
	assert_body(&w, "{\"include_all\":false,\"case_ids\":[11,12,13]}");
	assert_int_equal(talking_got(&w, 200, "{\"id\":90}"), GOT_NEXT);
	assert_int_equal(talking_count(&w, LEARNED_LINKED), 1);
	talking_links(&w, 0, 3, ids);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SKIP);
	talking_end(&w);
}

/* One that comes late would drop what a later one added: it is over when the run shows it, not before. */
static void a_lost_update_is_over_when_the_run_shows_it(void **state)
{
	static const struct {
		const char *run; /* "size": tests that it had before */
		int status;
		const char *body;
		enum looked looked;
	} row[] = {
		{ "\"own\":1,\"size\":2", 200, "{\"id\":90,\"untested_count\":3}", LOOKED_ALL },
		{ "\"own\":1,\"size\":2", 200, "{\"id\":90,\"untested_count\":2}", LOOKED_NONE },
		/* As many as before: whether it happened cannot be seen. */
		{ "\"own\":1,\"size\":3", 200, "{\"id\":90,\"untested_count\":3}", LOOKED_NONE },
		{ "\"own\":1", 200, "{\"id\":90,\"untested_count\":3}", LOOKED_NONE },
		{ "\"own\":1,\"changed\":1", 200, "{\"id\":90,\"untested_count\":3}", LOOKED_ALL },
		{ "\"own\":0", 200, "{\"id\":90,\"passed_count\":1,\"untested_count\":2}", LOOKED_ALL },
		{ "\"own\":1,\"size\":2", 404, "{\"error\":\"no\"}", LOOKED_NONE },
		{ "\"own\":1,\"size\":2", 502, "", LOOKED_UNSURE },
		{ "\"own\":1,\"size\":2", 200, "<html>", LOOKED_UNSURE },
	};
	char bookmark[160];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct talking w;
		start(&w, BASE);
		(void)snprintf(bookmark, sizeof(bookmark),
			       "{\"run\":{\"id\":\"90\",\"all\":0,\"plan\":\"\",%s}}", row[i].run);
		talking_bookmark(&w, bookmark);
		talking_links(&w, 1, 3, ids);
		w.step = talking_step(&w, "extend-run");
		w.t.rows = &w.rows;
		w.t.sent = "{\"include_all\":false,\"case_ids\":[11,12,13]}";
		assert_int_equal(talking_look(&w, true), ASK_SEND);
		assert_path(&w, "get_run/90");
		assert_int_equal(talking_looked(&w, row[i].status, row[i].body), row[i].looked);
		assert_int_equal(talking_count(&w, LEARNED_LINKED), row[i].looked == LOOKED_ALL);
		talking_end(&w);
	}
}

/* A run of ours is looked at before it is given a new set: what somebody added must not be dropped. */
static void our_run_may_have_been_changed(void **state)
{
	static const char *const more[] = { "11", "12", "13", "14" };
	struct talking w;

	(void)state;
	start(&w, BASE);
	talking_bookmark(&w, "{\"run\":{\"id\":\"90\",\"own\":1,\"all\":0,\"plan\":\"\",\"size\":2}}");
	talking_links(&w, 1, 3, ids);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	assert_path(&w, "get_run/90");
	assert_int_equal(talking_got(&w, 200, "{\"id\":90,\"passed_count\":1,\"untested_count\":1}"),
			 GOT_MORE);
	assert_int_equal(w.step->ask(&w.t, &w.request), ASK_SEND);
	assert_non_null(strstr(w.request.path.data, "update_run/90"));
	assert_int_equal(talking_got(&w, 200, "{\"id\":90}"), GOT_NEXT);
	talking_links(&w, 1, 4, more);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	assert_int_equal(talking_got(&w, 200, "{\"id\":90,\"passed_count\":1,\"custom_status1_count\":3}"),
			 GOT_MORE);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	assert_path(&w, "get_tests/90");
	assert_int_equal(talking_got(&w, 200, "[{\"case_id\":11},{\"case_id\":12},{\"case_id\":44}]"),
			 GOT_MORE);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	assert_body(&w, "{\"include_all\":false,\"case_ids\":[11,12,44,13,14]}");
	talking_end(&w);
	/* The lists do not show one any more that we have given to the run: its test may be there all the same. */
	start(&w, BASE);
	talking_bookmark(&w, "{\"run\":{\"id\":\"90\",\"own\":1,\"all\":0,\"plan\":\"\",\"size\":4}}");
	talking_links(&w, 1, 4, more);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	assert_path(&w, "get_tests/90");
	assert_int_equal(
		talking_got(&w, 200, "[{\"case_id\":11},{\"case_id\":12},{\"case_id\":13},{\"case_id\":9}]"),
		GOT_MORE);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	assert_body(&w, "{\"include_all\":false,\"case_ids\":[11,12,13,9,14]}");
	talking_end(&w);
}

static void of_others_run_no_test_is_lost(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	talking_bookmark(&w, FOREIGN);
	talking_links(&w, 3, 3, ids);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	assert_path(&w, "get_tests/90");
	assert_false(w.request.write);
	assert_int_equal(talking_got(&w, 200,
				     "{" MORE
				     ",\"tests\":[{\"id\":1,\"case_id\":12},{\"id\":2,\"case_id\":\"99\"}]}"),
			 GOT_MORE);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	assert_path(&w, "get_tests/90&limit=250&offset=1");
	assert_int_equal(talking_got(&w, 200,
				     "{" LAST
				     ",\"tests\":[{\"id\":2,\"case_id\":\"99\"},{\"id\":3,\"case_id\":7}]}"),
			 GOT_MORE);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	assert_true(w.request.write);
	assert_path(&w, "update_run/90");
	assert_body(&w, "{\"include_all\":false,\"case_ids\":[12,7,99,11,13]}");
	assert_int_equal(talking_got(&w, 200, "{\"id\":90}"), GOT_NEXT);
	assert_null(cJSON_GetObjectItem(w.t.bookmark, "tests"));
	/* What lay too long is read again: others may have added tests. */
	talking_ask(&w, "extend-run");
	talking_got(&w, 200, "[{\"id\":1,\"case_id\":12}]");
	w.t.now_ms += 120000;
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	assert_path(&w, "get_tests/90");
	/* Where all are there already, nothing is sent. */
	assert_int_equal(talking_got(&w, 200, "[{\"case_id\":11},{\"case_id\":12},{\"case_id\":13}]"),
			 GOT_MORE);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_LEARN);
	assert_int_equal(talking_count(&w, LEARNED_LINKED), 1);
	talking_end(&w);
}

/* A page a minute, by a slow server or a slow pace: the list is read to its end, not begun anew for its age. */
static void a_list_that_takes_long_is_read_to_its_end(void **state)
{
	struct talking w;
	char page[256];

	(void)state;
	start(&w, BASE);
	talking_bookmark(&w, FOREIGN);
	talking_links(&w, 3, 3, ids);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
		assert_non_null(strstr(w.request.path.data, "get_tests/90"));
		assert_true(i == 0 || strstr(w.request.path.data, "offset=") != NULL);
		w.t.now_ms += 70000;
		snprintf(page, sizeof(page),
			 "{%s,\"tests\":[{\"id\":%d,\"case_id\":%d},{\"id\":%d,\"case_id\":%d}]}",
			 i < 7 ? MORE : LAST, i + 1, i + 101, i + 2, i + 102);
		assert_int_equal(talking_got(&w, 200, page), GOT_MORE);
	}
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	assert_body(&w,
		    "{\"include_all\":false,\"case_ids\":[101,102,103,104,105,106,107,108,109,11,12,13]}");
	/* One that was broken off long ago is not gone on with. */
	talking_bookmark(&w, FOREIGN);
	talking_ask(&w, "extend-run");
	talking_got(&w, 200, "{" MORE ",\"tests\":[{\"id\":1,\"case_id\":1},{\"id\":2,\"case_id\":2}]}");
	w.t.now_ms += 3600000;
	talking_ask(&w, "extend-run");
	assert_path(&w, "get_tests/90");
	talking_end(&w);
}

/* Somebody takes a test out of the run between two pages: the next one has moved up, and is on neither. */
static void tests_that_moved_are_read_anew(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE);
	talking_bookmark(&w, FOREIGN);
	talking_links(&w, 3, 3, ids);
	talking_ask(&w, "extend-run");
	assert_int_equal(talking_got(&w, 200,
				     "{" MORE
				     ",\"tests\":[{\"id\":1,\"case_id\":12},{\"id\":2,\"case_id\":99}]}"),
			 GOT_MORE);
	talking_ask(&w, "extend-run");
	assert_path(&w, "get_tests/90&limit=250&offset=1");
	assert_int_equal(talking_got(&w, 200, "{" LAST ",\"tests\":[{\"id\":4,\"case_id\":7}]}"),
			 GOT_UNKNOWN);
	assert_non_null(strstr(w.t.err.text, "changed while they were read"));
	assert_null(cJSON_GetObjectItem(w.t.bookmark, "tests"));
	talking_ask(&w, "extend-run");
	assert_path(&w, "get_tests/90");
	/* Pages of one test cannot overlap; they are read all the same. */
	assert_int_equal(talking_got(&w, 200, "{" MORE ",\"tests\":[{\"id\":2,\"case_id\":99}]}"), GOT_MORE);
	talking_ask(&w, "extend-run");
	assert_path(&w, "get_tests/90&limit=250&offset=1");
	assert_int_equal(talking_got(&w, 200, "{" LAST ",\"tests\":[{\"id\":4,\"case_id\":7}]}"), GOT_MORE);
	assert_int_equal(talking_ask(&w, "extend-run"), ASK_SEND);
	assert_body(&w, "{\"include_all\":false,\"case_ids\":[7,99,11,12,13]}");
	talking_end(&w);
}

static void a_run_that_cannot_be_extended(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum got got;
		bool forgotten;
	} row[] = {
		{ 400,
		  "{\"error\":\"This operation is not allowed. The test run belongs to a test plan and "
		  "cannot be edited "
		  "independently.\"}",
		  GOT_PARK, false },
		{ 400,
		  "{\"error\":\"This operation is not allowed. The test run is completed and cannot be "
		  "changed any more.\"}",
		  GOT_CLOSED, false },
		{ 400, "{\"error\":\"Field :run_id is not a valid test run.\"}", GOT_BACK, true },
		{ 404, "", GOT_BACK, true },
		{ 400, "{\"error\":\"Field :case_ids is not a valid ID.\"}", GOT_BACK, false },
		{ 403, "{\"error\":\"no\"}", GOT_PARK, false },
		{ 200, "", GOT_UNKNOWN, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		start(&w, BASE);
		talking_bookmark(&w, OWN);
		talking_links(&w, 1, 3, ids);
		talking_ask(&w, "extend-run");
		assert_int_equal(talking_got(&w, row[i].status, row[i].body), row[i].got);
		assert_int_equal(testrail_run_id(&w.t) == NULL, row[i].forgotten);
		talking_end(&w);
	}
}

/* ---- the end ---- */

static void runs_are_closed_once(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum got got;
		bool closed;
	} row[] = {
		{ 200, "{\"id\":90,\"is_completed\":true}", GOT_NEXT, true },
		{ 200, "", GOT_UNKNOWN, false }, /* somebody between may have said that */
		{ 200, "<html>please log in</html>", GOT_UNKNOWN, false },
		{ 400,
		  "{\"error\":\"This operation is not allowed. The test run is completed and cannot be "
		  "changed any more.\"}",
		  GOT_NEXT, true },
		{ 400, "{\"error\":\"Field :run_id is not a valid test run.\"}", GOT_NEXT, true },
		{ 404, "", GOT_NEXT, true },
		{ 403, "{\"error\":\"You are not allowed to close runs.\"}", GOT_PARK, false },
		{ 400, "{\"error\":\"Something else\"}", GOT_PARK, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		start(&w, BASE);
		assert_int_equal(talking_ask(&w, "close-run"), ASK_SKIP); /* nothing was made */
		talking_bookmark(&w, OWN);
		assert_int_equal(talking_ask(&w, "close-run"), ASK_SEND);
		assert_path(&w, "close_run/90");
		assert_body(&w, "{}");
		assert_int_equal(talking_got(&w, row[i].status, row[i].body), row[i].got);
		assert_int_equal(talking_ask(&w, "close-run"), row[i].closed ? ASK_SKIP : ASK_SEND);
		talking_end(&w);
	}
	struct talking w;
	start(&w, BASE "    run: {close: false}\n");
	talking_bookmark(&w, OWN);
	assert_int_equal(talking_ask(&w, "close-run"), ASK_SKIP);
	talking_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_of_exactly_its_cases),
		cmocka_unit_test(names_and_descriptions_are_templates),
		cmocka_unit_test(refused_runs),
		cmocka_unit_test(going_back_has_an_end),
		cmocka_unit_test(a_run_whose_answer_was_lost),
		cmocka_unit_test(a_run_that_was_found_may_lack_cases),
		cmocka_unit_test(an_existing_run_is_checked),
		cmocka_unit_test(our_run_is_given_the_whole_set),
		cmocka_unit_test(a_lost_update_is_over_when_the_run_shows_it),
		cmocka_unit_test(our_run_may_have_been_changed),
		cmocka_unit_test(of_others_run_no_test_is_lost),
		cmocka_unit_test(a_list_that_takes_long_is_read_to_its_end),
		cmocka_unit_test(tests_that_moved_are_read_anew),
		cmocka_unit_test(a_run_that_cannot_be_extended),
		cmocka_unit_test(runs_are_closed_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

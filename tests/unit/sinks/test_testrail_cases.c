/* SPDX-License-Identifier: Apache-2.0
 *
 * test_testrail_cases.c - lists read by pages, sections and cases made and found again. */
#include "talking.h"

#include "sinks/testrail/testrail.h"

extern const struct sink sink_testrail;

#define BASE                             \
	"    url: https://t.example\n"   \
	"    user: ci@example.com\n"     \
	"    key: {env: TESTRAIL_KEY}\n" \
	"    project: Datahub\n"
#define CREATE "    create: {cases: true}\n"
#define KNOWN                                                           \
	"\"login\":{\"user\":\"ci@example.com\",\"id\":\"5\"},"         \
	"\"project\":{\"wanted\":\"Datahub\",\"id\":\"7\",\"mode\":3}," \
	"\"suite\":{\"wanted\":\"\",\"project\":\"7\",\"id\":\"2\"},\"scope\":\"p7/s2\""
#define MORE "\"_links\":{\"next\":\"/api/v2/x&limit=0&offset=9\"}"
#define LAST "\"_links\":{\"next\":null}"

static void start(struct talking *w, const char *more, const char *facts)
{
	talking_start(w, &sink_testrail, more);
	talking_facts(w, facts);
}

/* ---- the list of cases ---- */

static void a_list_in_one_piece(void **state)
{
	static const char *const list[] = {
		"[{\"id\":11,\"title\":\"one\",\"section_id\":3,\"custom_automation_id\":\"a.B.c\"},"
		"{\"id\":\"12\",\"title\":\"t &amp; "
		"u\",\"section_id\":\"4\",\"custom_automation_id\":\"<p>a.B&lt;T&gt;.d</p>\"},"
		"{\"id\":13,\"title\":null,\"custom_automation_id\":null,\"is_deleted\":1},{},null,5]",
		"{\"offset\":0,\"limit\":250,\"size\":3," LAST
		",\"cases\":[{\"id\":11,\"title\":\"one\",\"section_id\":3,"
		"\"custom_automation_id\":\"a.B.c\"},{\"id\":12,\"title\":\"t & "
		"u\",\"section_id\":4,\"custom_automation_id\":"
		"\"a.B<T>.d\"},{\"id\":13,\"is_deleted\":true}]}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(list); i++) {
		struct talking w;
		start(&w, BASE, "{" KNOWN "}");
		assert_int_equal(talking_ask(&w, "cases"), ASK_SEND);
		assert_path(&w, "get_cases/7&suite_id=2");
		assert_int_equal(talking_got(&w, 200, list[i]), GOT_NEXT);
		assert_int_equal(w.t.learned.count, 5);
		assert_int_equal(w.t.learned.item[0].what, LEARNED_LIST_BEGIN);
		assert_int_equal(w.t.learned.item[4].what, LEARNED_LIST_END);
		const struct learned_item *one = talking_learned(&w, LEARNED_REMOTE, 0);
		assert_string_equal(one->kind, "case");
		assert_string_equal(one->scope, "p7/s2");
		assert_string_equal(one->id, "11");
		assert_string_equal(one->parent, "3");
		assert_string_equal(one->name, "one");
		assert_string_equal(one->alias, "a.B.c");
		const struct learned_item *two = talking_learned(&w, LEARNED_REMOTE, 1);
		assert_string_equal(two->id, "12");
		assert_string_equal(two->name, "t & u");
		assert_string_equal(two->alias, "a.B<T>.d");
		assert_string_equal(talking_learned(&w, LEARNED_GONE, 0)->id, "13");
		/* Others that are under way share it for a moment. */
		assert_int_equal(talking_ask(&w, "cases"), ASK_SKIP);
		/* Then what was updated since is asked for, seconds of the server's clock. */
		w.t.now_ms += 60000;
		assert_int_equal(talking_ask(&w, "cases"), ASK_SEND);
		assert_path(&w, "get_cases/7&suite_id=2&updated_after=1795255195");
		assert_int_equal(talking_got(&w, 200, "[{\"id\":14,\"title\":\"new\"}]"), GOT_NEXT);
		assert_int_equal(w.t.learned.count, 1); /* no whole list: nothing else is gone */
		/* Once a week the whole list shows what was deleted. */
		w.t.now_ms += INT64_C(8) * 86400000;
		assert_int_equal(talking_ask(&w, "cases"), ASK_SEND);
		assert_path(&w, "get_cases/7&suite_id=2");
		talking_end(&w);
	}
}

static void pages_overlap_by_one(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE, "{" KNOWN "}");
	talking_ask(&w, "cases");
	assert_int_equal(talking_got(&w, 200, "{" MORE ",\"cases\":[{\"id\":1},{\"id\":2},{\"id\":3}]}"),
			 GOT_MORE);
	assert_int_equal(talking_count(&w, LEARNED_LIST_BEGIN), 1);
	assert_int_equal(talking_count(&w, LEARNED_REMOTE), 3);
	assert_int_equal(talking_ask(&w, "cases"), ASK_SEND);
	assert_path(&w, "get_cases/7&suite_id=2&limit=250&offset=2");
	assert_int_equal(talking_got(&w, 200, "{" MORE ",\"cases\":[{\"id\":3},{\"id\":4},{\"id\":5}]}"),
			 GOT_MORE);
	assert_int_equal(talking_count(&w, LEARNED_LIST_BEGIN), 0);
	assert_int_equal(talking_ask(&w, "cases"), ASK_SEND);
	assert_path(&w, "get_cases/7&suite_id=2&limit=250&offset=4");
	assert_int_equal(talking_got(&w, 200, "{" LAST ",\"cases\":[{\"id\":5}]}"), GOT_NEXT);
	assert_int_equal(talking_count(&w, LEARNED_LIST_END), 1);
	talking_end(&w);
}

static void what_slid_over_the_edge_is_read_again(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE, "{" KNOWN "}");
	talking_ask(&w, "cases");
	talking_got(&w, 200, "{" MORE ",\"cases\":[{\"id\":1},{\"id\":2},{\"id\":3}]}");
	talking_ask(&w, "cases");
	/* Case 1 was deleted meanwhile: 4 stands where 3 stood, and 3 would be seen, but so might 4 be missed. */
	assert_int_equal(talking_got(&w, 200, "{" LAST ",\"cases\":[{\"id\":4},{\"id\":5}]}"), GOT_MORE);
	assert_int_equal(w.t.learned.count, 0);
	assert_int_equal(talking_ask(&w, "cases"), ASK_SEND);
	assert_path(&w, "get_cases/7&suite_id=2");
	talking_got(&w, 200, "{" MORE ",\"cases\":[{\"id\":2},{\"id\":3},{\"id\":4}]}");
	assert_int_equal(talking_count(&w, LEARNED_LIST_BEGIN), 1);
	talking_ask(&w, "cases");
	assert_int_equal(talking_got(&w, 200, "{" LAST ",\"cases\":[{\"id\":4},{\"id\":5}]}"), GOT_NEXT);
	talking_end(&w);
}

/* Servers that say "next" for ever, or know no offset. */
static void a_list_always_ends(void **state)
{
	static const char *const pages[] = {
		"{" MORE ",\"cases\":[{\"id\":1},{\"id\":2}]}",
		"{" MORE ",\"cases\":[{\"id\":1}]}",
		"{" MORE ",\"cases\":[{}]}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(pages); i++) {
		struct talking w;
		enum got got = GOT_MORE;
		start(&w, BASE, "{" KNOWN "}");
		for (int k = 0; k < 50 && got == GOT_MORE; k++) {
			assert_int_equal(talking_ask(&w, "cases"), ASK_SEND);
			got = talking_got(&w, 200, pages[i]);
		}
		assert_int_equal(got, GOT_NEXT);
		talking_end(&w);
	}
}

static void a_half_read_list_goes_on_or_begins_anew(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE, "{" KNOWN "}");
	talking_ask(&w, "cases");
	talking_got(&w, 200, "{" MORE ",\"cases\":[{\"id\":1},{\"id\":2}]}");
	w.t.now_ms += 300000; /* a restart of five minutes */
	talking_ask(&w, "cases");
	assert_path(&w, "get_cases/7&suite_id=2&limit=250&offset=1");
	w.t.now_ms += 3600000;
	talking_ask(&w, "cases");
	assert_path(&w, "get_cases/7&suite_id=2");
	w.t.now_ms -= 86400000; /* the clock went back */
	talking_ask(&w, "cases");
	assert_path(&w, "get_cases/7&suite_id=2");
	talking_end(&w);
}

/* An hour for all its pages, at a slow pace or with pauses in between; and once it had to be begun anew. */
static void a_list_that_takes_long_is_read_to_its_end(void **state)
{
	struct talking w;
	char page[128], path[128];

	(void)state;
	start(&w, BASE, "{" KNOWN "}");
	for (int i = 0; i < 12; i++) {
		assert_int_equal(talking_ask(&w, "cases"), ASK_SEND);
		int at = i < 3 ? i : i - 3;
		snprintf(path, sizeof(path),
			 at == 0 ? "get_cases/7&suite_id=2" : "get_cases/7&suite_id=2&limit=250&offset=%d",
			 at);
		assert_non_null(strstr(w.request.path.data, path));
		assert_true(at > 0 || strstr(w.request.path.data, "offset") == NULL);
		w.t.now_ms += 300000;
		if (i == 2) { /* somebody has deleted one of the first page */
			assert_int_equal(talking_got(&w, 200, "{" MORE ",\"cases\":[{\"id\":9}]}"), GOT_MORE);
			continue;
		}
		snprintf(page, sizeof(page), "{%s,\"cases\":[{\"id\":%d},{\"id\":%d}]}", i < 11 ? MORE : LAST,
			 at + 1, at + 2);
		assert_int_equal(talking_got(&w, 200, page), i < 11 ? GOT_MORE : GOT_NEXT);
	}
	assert_int_equal(talking_count(&w, LEARNED_LIST_END), 1);
	talking_end(&w);
}

/* Longer than a list is taken for fresh: the first suite is not read again once the last one has been. */
static void sections_of_many_suites_are_read_once(void **state)
{
	static const char *const place[] = { "1/", "2/", "3/", "4/" };
	struct talking w;
	char suite[32];

	(void)state;
	start(&w, BASE "    suites: [A, B, C, D]\n    create: {cases: true, suite: A}\n",
	      "{\"project\":{\"wanted\":\"Datahub\",\"id\":\"7\",\"mode\":3},\"scope\":\"p7\",\"suite\":{"
	      "\"project\":\"7\","
	      "\"ids\":{\"1\":\"A\",\"2\":\"B\",\"3\":\"C\",\"4\":\"D\"}}}");
	for (size_t i = 0; i < COUNT(place); i++)
		talking_row(&w, place[i], "a", OUTCOME_PASSED, 1, NULL);
	for (size_t i = 0; i < COUNT(place); i++) {
		assert_int_equal(i == 0 ? talking_ask(&w, "sections") : talking_ask_more(&w), ASK_SEND);
		snprintf(suite, sizeof(suite), "get_sections/7&suite_id=%zu", i + 1);
		assert_non_null(strstr(w.request.path.data, suite));
		w.t.now_ms += 8000;
		assert_int_equal(talking_got(&w, 200, "[]"), GOT_MORE);
	}
	assert_int_equal(talking_ask_more(&w), ASK_SKIP);
	talking_end(&w);
}

static void another_suite_is_another_list(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE, "{" KNOWN "}");
	talking_ask(&w, "cases");
	talking_got(&w, 200, "[]");
	sink_set_string(w.t.facts, "scope", "p7");
	cJSON_ReplaceItemInObject(sink_object(w.t.facts, "suite"), "id", cJSON_CreateNull());
	assert_int_equal(talking_ask(&w, "cases"), ASK_SEND);
	assert_path(&w, "get_cases/7");
	talking_got(&w, 200, "[]");
	assert_string_equal(talking_learned(&w, LEARNED_LIST_BEGIN, 0)->scope, "p7");
	talking_end(&w);
}

static void without_a_date_the_window_is_wider(void **state)
{
	struct talking w;
	struct reply r;

	(void)state;
	start(&w, BASE, "{" KNOWN "}");
	talking_ask(&w, "cases");
	talking_reply(&r, 200, "[]");
	r.server_ms = TIME_UNKNOWN;
	assert_int_equal(w.step->got(&w.t, &r), GOT_NEXT);
	reply_done(&r);
	w.t.now_ms += 60000;
	talking_ask(&w, "cases");
	assert_path(&w, "get_cases/7&suite_id=2&updated_after=1795254900");
	talking_end(&w);
}

/* A server whose clock is an hour behind: what it made just now is an hour old to us. */
static void clocks_may_differ(void **state)
{
	struct talking w;
	struct reply r;

	(void)state;
	start(&w, BASE CREATE, "{" KNOWN "}");
	talking_ask(&w, "cases");
	talking_reply(&r, 200, "[]");
	r.server_ms = TALK_NOW - 3600000;
	assert_int_equal(w.step->got(&w.t, &r), GOT_NEXT);
	reply_done(&r);
	talking_row(&w, "31", "a.B.one", OUTCOME_PASSED, 1, NULL);
	talking_ask(&w, "add-cases");
	talking_look(&w, true);
	assert_path(&w, "get_cases/7&suite_id=2&section_id=31&created_after=1795251300&created_by=5");
	talking_end(&w);
}

static void a_suite_that_went_away_is_looked_for_again(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE, "{" KNOWN "}");
	talking_ask(&w, "cases");
	assert_int_equal(talking_got(&w, 400, "{\"error\":\"Field :suite_id is not a valid test suite.\"}"),
			 GOT_BACK);
	assert_null(testrail_fact(&w.t, "project", "id"));
	assert_null(testrail_fact(&w.t, "suite", "id"));
	talking_facts(&w, "{" KNOWN "}");
	talking_ask(&w, "cases");
	assert_int_equal(talking_got(&w, 403, "{\"error\":\"no\"}"), GOT_PARK);
	talking_ask(&w, "cases");
	assert_int_equal(talking_got(&w, 200, "<html>"), GOT_UNKNOWN);
	talking_ask(&w, "cases");
	assert_int_equal(talking_got(&w, 200, "{\"error\":\"x\"}"), GOT_UNKNOWN);
	talking_end(&w);
}

/* ---- sections ---- */

static void sections_are_a_tree(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE CREATE, "{" KNOWN "}");
	assert_int_equal(talking_ask(&w, "sections"), ASK_SEND);
	assert_path(&w, "get_sections/7&suite_id=2");
	assert_int_equal(talking_got(&w, 200,
				     "{" LAST
				     ",\"sections\":[{\"id\":3,\"name\":\"outer\",\"parent_id\":null},"
				     "{\"id\":4,\"name\":\"in &amp; ner\",\"parent_id\":3}]}"),
			 GOT_NEXT);
	assert_string_equal(talking_learned(&w, LEARNED_REMOTE, 0)->parent, "");
	assert_string_equal(talking_learned(&w, LEARNED_REMOTE, 1)->parent, "3");
	assert_string_equal(talking_learned(&w, LEARNED_REMOTE, 1)->name, "in & ner");
	assert_string_equal(talking_learned(&w, LEARNED_REMOTE, 1)->kind, "section");
	w.t.now_ms += 5000;
	assert_int_equal(talking_ask(&w, "sections"), ASK_SKIP);
	w.t.now_ms += 20000;
	assert_int_equal(talking_ask(&w, "sections"), ASK_SEND);
	talking_end(&w);
}

static void place_row(struct talking *w, const char *name, const char *parent)
{
	talking_row(w, parent, "x", OUTCOME_PASSED, 1, NULL);
	w->rows.row[w->rows.count - 1].name = name;
}

static void sections_are_made(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE CREATE, "{" KNOWN "}");
	place_row(&w, "outer \"x\"\n", NULL);
	place_row(&w, "second", NULL);
	assert_int_equal(talking_ask(&w, "add-sections"), ASK_SEND);
	assert_true(w.request.write);
	assert_path(&w, "add_section/7");
	assert_body(&w, "{\"name\":\"outer \\\"x\\\"\",\"suite_id\":2}");
	assert_int_equal(talking_got(&w, 200, "{\"id\":\"31\",\"name\":\"outer\"}"), GOT_MORE);
	assert_int_equal(w.t.learned.count, 2);
	assert_int_equal(talking_learned(&w, LEARNED_PLACE, 0)->row, 101);
	assert_string_equal(talking_learned(&w, LEARNED_PLACE, 0)->id, "31");
	assert_string_equal(talking_learned(&w, LEARNED_REMOTE, 0)->name,
			    "outer \"x\"\n"); /* as it is asked for */
	talking_no_rows(&w);
	place_row(&w, "inner", "31");
	talking_ask(&w, "add-sections");
	assert_body(&w, "{\"name\":\"inner\",\"suite_id\":2,\"parent_id\":31}");
	assert_int_equal(talking_got(&w, 200, "{}"), GOT_UNKNOWN);
	assert_int_equal(talking_got(&w, 400, "{\"error\":\"Field :name is too long\"}"), GOT_MORE);
	assert_int_equal(talking_learned(&w, LEARNED_PARKED, 0)->row, 101);
	assert_non_null(strstr(talking_learned(&w, LEARNED_PARKED, 0)->text, "too long"));
	/* The parent was deleted: known sections are forgotten. */
	sink_set_string(sink_object(w.t.facts, "sections"), "scope", "p7/s2");
	assert_int_equal(talking_got(&w, 400, "{\"error\":\"Field :parent_id is not a valid section.\"}"),
			 GOT_BACK);
	assert_string_equal(talking_learned(&w, LEARNED_GONE, 0)->id, "31");
	assert_null(cJSON_GetObjectItem(w.t.facts, "sections"));
	talking_end(&w);
}

static void sections_may_be_nobodys_to_make(void **state)
{
	static const struct {
		const char *more;
		enum learned_kind what;
	} row[] = {
		{ "", LEARNED_PARKED },
		{ "    unmatched: ignore\n", LEARNED_IGNORED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		char more[500];
		snprintf(more, sizeof(more), BASE "    create: {cases: true, sections: false}\n%s",
			 row[i].more);
		start(&w, more, "{" KNOWN "}");
		place_row(&w, "outer", NULL);
		place_row(&w, "other", NULL);
		assert_int_equal(talking_ask(&w, "add-sections"), ASK_LEARN);
		assert_int_equal(talking_count(&w, row[i].what), 2);
		assert_non_null(strstr(talking_learned(&w, row[i].what, 1)->text, "\"other\""));
		talking_end(&w);
	}
}

/* 403: what needs it is parked without asking for each; later it is tried again. */
static void what_we_may_not_make(void **state)
{
	static const char *const step[] = { "add-sections", "add-cases" };

	(void)state;
	for (size_t i = 0; i < COUNT(step); i++) {
		struct talking w;
		start(&w, BASE CREATE, "{" KNOWN "}");
		w.t.now_ms = TALK_NOW + 600000; /* our clock, not the server's */
		place_row(&w, "x", "31");
		place_row(&w, "y", "31");
		assert_int_equal(talking_ask(&w, step[i]), ASK_SEND);
		assert_int_equal(talking_got(&w, 403, "{\"error\":\"You are not allowed to do this.\"}"),
				 GOT_MORE);
		assert_int_equal(talking_ask(&w, step[i]), ASK_LEARN);
		assert_int_equal(talking_count(&w, LEARNED_PARKED), 2);
		assert_non_null(strstr(talking_learned(&w, LEARNED_PARKED, 0)->text, "not allowed"));
		w.t.now_ms += 120000;
		assert_int_equal(talking_ask(&w, step[i]), ASK_SEND);
		talking_end(&w);
	}
}

static void a_section_whose_answer_was_lost(void **state)
{
	static const struct {
		const char *parent, *page1, *page2;
		enum looked looked;
		const char *id;
	} row[] = {
		{ NULL, "[{\"id\":3,\"name\":\"x\",\"parent_id\":null}]", NULL, LOOKED_ALL, "3" },
		{ NULL, "[{\"id\":3,\"name\":\"x\",\"parent_id\":9}]", NULL, LOOKED_NONE, NULL },
		{ "9", "[{\"id\":2,\"name\":\"x\"},{\"id\":3,\"name\":\" x \",\"parent_id\":\"9\"}]", NULL,
		  LOOKED_ALL, "3" },
		{ NULL, "{" MORE ",\"sections\":[{\"id\":1,\"name\":\"y\"}]}",
		  "{" LAST ",\"sections\":[{\"id\":2,\"name\":\"x\"}]}", LOOKED_ALL, "2" },
		{ NULL, "{" MORE ",\"sections\":[{\"id\":1,\"name\":\"y\"}]}", "{" LAST ",\"sections\":[]}",
		  LOOKED_NONE, NULL },
		{ NULL, "{}", NULL, LOOKED_UNSURE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		start(&w, BASE CREATE, "{" KNOWN "}");
		place_row(&w, "x", row[i].parent);
		talking_ask(&w, "add-sections");
		talking_freeze(&w);
		assert_int_equal(talking_look(&w, true), ASK_SEND);
		assert_path(&w, "get_sections/7&suite_id=2");
		enum looked looked = talking_looked(&w, 200, row[i].page1);
		if (row[i].page2 != NULL) {
			assert_int_equal(looked, LOOKED_MORE);
			talking_look(&w, false);
			assert_path(&w, "get_sections/7&suite_id=2&limit=250&offset=1");
			looked = talking_looked(&w, 200, row[i].page2);
		}
		assert_int_equal(looked, row[i].looked);
		if (row[i].id != NULL)
			assert_string_equal(talking_learned(&w, LEARNED_PLACE, 0)->id, row[i].id);
		talking_end(&w);
	}
}

/* ---- new cases ---- */

static void cases_are_made_in_bulk(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE CREATE, "{" KNOWN "}");
	talking_row(&w, "31", "a.B.one", OUTCOME_PASSED, 1, NULL);
	talking_row(&w, "31", "a.B.two \"q\"", OUTCOME_PASSED, 1, NULL);
	assert_int_equal(talking_ask(&w, "add-cases"), ASK_SEND);
	assert_true(w.request.write);
	assert_path(&w, "add_cases/31");
	assert_body(&w, "{\"cases\":[{\"title\":\"one\",\"custom_automation_id\":\"a.B.one\"},"
			"{\"title\":\"two \\\"q\\\"\",\"custom_automation_id\":\"a.B.two \\\"q\\\"\"}]}");
	assert_int_equal(
		talking_got(&w, 200,
			    "{\"cases\":[{\"id\":501,\"title\":\"one\",\"custom_automation_id\":\"a.B.one\"},"
			    "{\"id\":502,\"title\":\"two\",\"custom_automation_id\":\"<p>a.B.two "
			    "&quot;q&quot;</p>\"}]}"),
		GOT_MORE);
	assert_int_equal(talking_learned(&w, LEARNED_CASE, 0)->row, 101);
	assert_string_equal(talking_learned(&w, LEARNED_CASE, 0)->id, "501");
	assert_int_equal(talking_learned(&w, LEARNED_CASE, 1)->row, 102);
	assert_string_equal(talking_learned(&w, LEARNED_CASE, 1)->id, "502");
	assert_string_equal(talking_learned(&w, LEARNED_REMOTE, 1)->alias, "a.B.two \"q\"");
	assert_string_equal(talking_learned(&w, LEARNED_REMOTE, 1)->parent, "31");
	talking_end(&w);
}

/* Answers are paired by what they hold; by position only where as many came as were asked for. */
static void answers_are_paired(void **state)
{
	static const struct {
		const char *answer;
		enum got got;
		const char *first, *second;
	} row[] = {
		{ "{\"cases\":[{\"id\":2,\"title\":\"two\",\"custom_automation_id\":\"a.B.two\"},"
		  "{\"id\":1,\"title\":\"one\",\"custom_automation_id\":\"a.B.one\"}]}",
		  GOT_MORE, "1", "2" },
		{ "[{\"id\":1,\"title\":\"one\"},{\"id\":2,\"title\":\"two\"}]", GOT_MORE, "1", "2" },
		{ "{\"cases\":[{\"id\":1},{\"id\":2}]}", GOT_MORE, "1", "2" },
		{ "{\"cases\":[{\"id\":7,\"title\":\"TWO?\"},{\"id\":1,\"title\":\"one\"}]}", GOT_MORE, "1",
		  "7" },
		{ "{\"cases\":[{\"id\":2,\"title\":\"two\"}]}", GOT_MORE, NULL, "2" },
		{ "{\"cases\":[{\"id\":9,\"title\":\"other\"}]}", GOT_UNKNOWN, NULL, NULL },
		{ "{\"cases\":[]}", GOT_UNKNOWN, NULL, NULL },
		{ "{}", GOT_UNKNOWN, NULL, NULL },
		{ "", GOT_UNKNOWN, NULL, NULL },
		{ "{\"id\":4}", GOT_UNKNOWN, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		const char *id[2] = { NULL, NULL };
		start(&w, BASE CREATE, "{" KNOWN "}");
		talking_row(&w, "31", "a.B.one", OUTCOME_PASSED, 1, NULL);
		talking_row(&w, "31", "a.B.two", OUTCOME_PASSED, 1, NULL);
		talking_ask(&w, "add-cases");
		assert_int_equal(talking_got(&w, 200, row[i].answer), row[i].got);
		for (size_t k = 0; k < w.t.learned.count; k++) {
			if (w.t.learned.item[k].what == LEARNED_CASE)
				id[w.t.learned.item[k].row - 101] = w.t.learned.item[k].id;
		}
		for (int k = 0; k < 2; k++) {
			const char *expected = k == 0 ? row[i].first : row[i].second;
			if (expected == NULL)
				assert_null(id[k]);
			else
				assert_string_equal(id[k], expected);
		}
		talking_end(&w);
	}
}

static void old_servers_make_them_one_by_one(void **state)
{
	static const struct {
		int status;
		const char *body;
	} row[] = {
		{ 404, "{\"error\":\"Invalid uri\"}" },
		{ 400, "{\"error\":\"Invalid uri\"}" },
		{ 404, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		start(&w, BASE CREATE, "{" KNOWN "}");
		talking_row(&w, "31", "a.B.one", OUTCOME_PASSED, 1, NULL);
		talking_row(&w, "31", "a.B.two", OUTCOME_PASSED, 1, NULL);
		talking_ask(&w, "add-cases");
		assert_int_equal(talking_got(&w, row[i].status, row[i].body), GOT_MORE);
		assert_int_equal(w.t.learned.count, 0);
		assert_int_equal(talking_ask(&w, "add-cases"), ASK_SEND);
		assert_path(&w, "add_case/31");
		assert_body(&w, "{\"title\":\"one\",\"custom_automation_id\":\"a.B.one\"}");
		assert_int_equal(talking_got(&w, 200, "{\"id\":501,\"title\":\"one\"}"), GOT_MORE);
		assert_int_equal(talking_count(&w, LEARNED_CASE), 1);
		/* Where that call is unknown too, it is the section that is missing. */
		talking_ask(&w, "add-cases");
		assert_int_equal(talking_got(&w, row[i].status, row[i].body), GOT_BACK);
		assert_string_equal(talking_learned(&w, LEARNED_GONE, 0)->id, "31");
		talking_ask(&w, "add-cases");
		assert_path(&w, "add_cases/31");
		talking_end(&w);
	}
}

static void refused_cases(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum got got;
	} row[] = {
		{ 400, "{\"error\":\"Field :section_id is not a valid section.\"}", GOT_BACK },
		{ 400, "{\"error\":\"Field :custom_x is a required field.\"}", GOT_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		start(&w, BASE CREATE, "{" KNOWN "}");
		talking_row(&w, "31", "a.B.one", OUTCOME_PASSED, 1, NULL);
		talking_ask(&w, "add-cases");
		assert_int_equal(talking_got(&w, row[i].status, row[i].body), row[i].got);
		assert_true(w.t.err.code != 0);
		talking_end(&w);
	}
}

static void ids_and_titles_fit(void **state)
{
	struct talking w;
	char id[600];

	(void)state;
	start(&w, BASE CREATE, "{" KNOWN ",\"field\":{\"missing\":0}}");
	memset(id, 'x', sizeof(id) - 1);
	memcpy(id, "a.", 2);
	id[sizeof(id) - 1] = '\0';
	talking_row(&w, "31", id, OUTCOME_PASSED, 1, NULL);
	talking_row(&w, "31", " ", OUTCOME_PASSED, 1, NULL);
	talking_ask(&w, "add-cases");
	cJSON *body = cJSON_Parse(w.request.body.data);
	const cJSON *first = cJSON_GetObjectItem(body, "cases")->child;
	assert_int_equal(strlen(sink_string(first, "title")), 250);
	assert_int_equal(strlen(sink_string(first, "custom_automation_id")), 250);
	assert_string_equal(sink_string(first->next, "title"), "(no name)");
	cJSON_Delete(body);
	/* The server shows the cut form; it is the case all the same. */
	talking_no_rows(&w);
	talking_facts(&w, "{" KNOWN ",\"field\":{\"missing\":1}}");
	talking_row(&w, "31", "a.b", OUTCOME_PASSED, 1, NULL);
	talking_ask(&w, "add-cases");
	assert_body(&w, "{\"cases\":[{\"title\":\"b\"}]}"); /* the project has no field for the id */
	talking_no_rows(&w);
	talking_row(&w, NULL, "a.b", OUTCOME_PASSED, 1, NULL);
	assert_int_equal(talking_ask(&w, "add-cases"), ASK_PARK);
	talking_end(&w);
}

static void cases_whose_answer_was_lost(void **state)
{
	static const struct {
		const char *page1, *page2;
		enum looked looked;
		const char *first, *second;
	} row[] = {
		{ "[{\"id\":1,\"custom_automation_id\":\"a.B.one\"},{\"id\":2,\"custom_automation_id\":\"a.B."
		  "two\"}]",
		  NULL, LOOKED_ALL, "1", "2" },
		{ "[{\"id\":2,\"title\":\"two\"}]", NULL, LOOKED_SOME, NULL, "2" },
		{ "[]", NULL, LOOKED_NONE, NULL, NULL },
		{ "[{\"id\":8,\"title\":\"else\",\"custom_automation_id\":\"a.B.else\"}]", NULL, LOOKED_NONE,
		  NULL, NULL },
		{ "{" MORE ",\"cases\":[{\"id\":1,\"custom_automation_id\":\"a.B.one\"}]}",
		  "{" LAST ",\"cases\":[{\"id\":1,\"custom_automation_id\":\"a.B.one\"},{\"id\":2,\"title\":"
		  "\"two\"}]}",
		  LOOKED_ALL, "1", "2" },
		{ "nonsense", NULL, LOOKED_UNSURE, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct talking w;
		const char *id[2] = { NULL, NULL };
		start(&w, BASE CREATE, "{" KNOWN "}");
		talking_row(&w, "31", "a.B.one", OUTCOME_PASSED, 1, NULL);
		talking_row(&w, "31", "a.B.two", OUTCOME_PASSED, 1, NULL);
		talking_ask(&w, "add-cases");
		talking_freeze(&w);
		assert_int_equal(talking_look(&w, true), ASK_SEND);
		assert_path(&w, "get_cases/7&suite_id=2&section_id=31&created_after=1795254900&created_by=5");
		enum looked looked = talking_looked(&w, 200, row[i].page1);
		if (row[i].page2 != NULL) {
			assert_int_equal(looked, LOOKED_MORE);
			assert_int_equal(w.t.learned.count, 0);
			talking_look(&w, false);
			looked = talking_looked(&w, 200, row[i].page2);
		}
		assert_int_equal(looked, row[i].looked);
		for (size_t k = 0; k < w.t.learned.count; k++) {
			if (w.t.learned.item[k].what == LEARNED_CASE)
				id[w.t.learned.item[k].row - 101] = w.t.learned.item[k].id;
		}
		assert_int_equal(id[0] != NULL, row[i].first != NULL);
		assert_int_equal(id[1] != NULL, row[i].second != NULL);
		if (id[1] != NULL)
			assert_string_equal(id[1], row[i].second);
		talking_end(&w);
	}
}

/* A case before the edge of two pages is deleted between them: the one behind the edge is on neither. */
static void pages_that_moved_are_read_again(void **state)
{
	(void)state;
	for (int there = 0; there < 2; there++) {
		struct talking w;
		start(&w, BASE CREATE, "{" KNOWN "}");
		talking_row(&w, "31", "a.B.one", OUTCOME_PASSED, 1, NULL);
		talking_row(&w, "31", "a.B.two", OUTCOME_PASSED, 1, NULL);
		talking_ask(&w, "add-cases");
		talking_freeze(&w);
		talking_look(&w, true);
		assert_int_equal(
			talking_looked(&w, 200, "{" MORE ",\"cases\":[{\"id\":8,\"title\":\"else\"}]}"),
			LOOKED_MORE);
		talking_look(&w, false);
		assert_int_equal(
			talking_looked(&w, 200, "{" LAST ",\"cases\":[{\"id\":1,\"title\":\"one\"}]}"),
			LOOKED_MORE);
		assert_int_equal(w.t.learned.count, 0);
		talking_look(&w, false);
		assert_path(&w, "get_cases/7&suite_id=2&section_id=31&created_after=1795254900&created_by=5");
		enum looked looked = talking_looked(
			&w, 200, there ? "[{\"id\":2,\"title\":\"two\"}]" : "[{\"id\":1,\"title\":\"one\"}]");
		assert_int_equal(looked, there ? LOOKED_ALL : LOOKED_SOME);
		assert_int_equal(talking_count(&w, LEARNED_CASE), there ? 2 : 1);
		talking_end(&w);
	}
}

/* Only what was in the request counts: of a server without add_cases that is one case. */
static void one_lost_case_is_one(void **state)
{
	struct talking w;

	(void)state;
	start(&w, BASE CREATE, "{" KNOWN ",\"old\":{\"add_cases\":1}}");
	talking_row(&w, "31", "a.B.one", OUTCOME_PASSED, 1, NULL);
	talking_row(&w, "31", "a.B.two", OUTCOME_PASSED, 1, NULL);
	talking_ask(&w, "add-cases");
	talking_freeze(&w);
	talking_look(&w, true);
	assert_int_equal(talking_looked(&w, 200, "[{\"id\":1,\"title\":\"one\"}]"), LOOKED_ALL);
	assert_int_equal(talking_count(&w, LEARNED_CASE), 1);
	talking_look(&w, true);
	assert_int_equal(talking_looked(&w, 503, ""), LOOKED_UNSURE);
	talking_look(&w, true);
	assert_int_equal(talking_looked(&w, 400, "{\"error\":\"Field :section_id is not a valid section.\"}"),
			 LOOKED_NONE);
	talking_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_in_one_piece),
		cmocka_unit_test(pages_overlap_by_one),
		cmocka_unit_test(what_slid_over_the_edge_is_read_again),
		cmocka_unit_test(a_list_always_ends),
		cmocka_unit_test(a_half_read_list_goes_on_or_begins_anew),
		cmocka_unit_test(a_list_that_takes_long_is_read_to_its_end),
		cmocka_unit_test(sections_of_many_suites_are_read_once),
		cmocka_unit_test(another_suite_is_another_list),
		cmocka_unit_test(without_a_date_the_window_is_wider),
		cmocka_unit_test(clocks_may_differ),
		cmocka_unit_test(a_suite_that_went_away_is_looked_for_again),
		cmocka_unit_test(sections_are_a_tree),
		cmocka_unit_test(sections_are_made),
		cmocka_unit_test(sections_may_be_nobodys_to_make),
		cmocka_unit_test(what_we_may_not_make),
		cmocka_unit_test(a_section_whose_answer_was_lost),
		cmocka_unit_test(cases_are_made_in_bulk),
		cmocka_unit_test(answers_are_paired),
		cmocka_unit_test(old_servers_make_them_one_by_one),
		cmocka_unit_test(refused_cases),
		cmocka_unit_test(ids_and_titles_fit),
		cmocka_unit_test(cases_whose_answer_was_lost),
		cmocka_unit_test(pages_that_moved_are_read_again),
		cmocka_unit_test(one_lost_case_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * One failure and its item, request by request: search, create, lists read again, look-ups, answers that are none. */
#include "sinks/axosoft/axosoft.h"

#include "tests/unit/sinks/talking.h"

#include <string.h>

extern const struct sink sink_axosoft;

static const char base[] =
	"    url: https://acme.example.com\n    token: t\n    project: Datahub\n    workflow_step: Bug\n"
	"    mode: create\n    after: {runs: 1}\n";
static const char facts[] =
	"{\"url\":\"https://"
	"acme.example.com\",\"project\":{\"wanted\":\"Datahub\",\"id\":\"3\"},\"scope\":\"p3\","
	"\"steps\":{\"bug\":\"40\"},\"lists\":{\"priority\":{\"at\":%lld,\"rows\":{\"High\":\"1\"}}}}";

static const struct row_failure history = { .first_ms = TALK_NOW,
					    .last_ms = TALK_NOW,
					    .since_ms = TALK_NOW,
					    .streak = 1,
					    .runs = 1,
					    .suite_failures = 1,
					    .run_failures = 1 };

static void begin(struct talking *w, const char *more, int64_t list_age_ms)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "%s%s", base, more);
	talking_start(w, &sink_axosoft, text);
	(void)snprintf(text, sizeof(text), facts, (long long)(TALK_NOW - list_age_ms));
	talking_facts(w, text);
	talking_row(w, "fp-0123456789abcdef0123", "shop.Cart.pays", OUTCOME_FAILED, 5, "no answer");
	w->rows.row[0].failure = &history;
}

/* The step goes on: what it noted for itself stays. */
static enum ask once_more(struct talking *w)
{
	talking_fresh(w);
	return w->step->ask(&w->t, &w->request);
}

static bool path_has(const struct talking *w, const char *words)
{
	return memmem(w->request.path.data, w->request.path.len, words, strlen(words)) != NULL;
}

static bool body_has(const struct talking *w, const char *words)
{
	return memmem(w->request.body.data, w->request.body.len, words, strlen(words)) != NULL;
}

static void rule_3_searched_for_before_it_is_made(void **state)
{
	struct talking w;
	(void)state;

	begin(&w, "", 0);
	assert_int_equal(talking_ask(&w, "item"), ASK_SEND);
	assert_false(w.request.write);
	assert_true(path_has(&w, "search_string=%22fp-0123456789abcdef0123%22"));
	assert_int_equal(talking_got(&w, 200, "{\"data\":[]}"), GOT_MORE);
	assert_int_equal(once_more(&w), ASK_SEND);
	assert_true(w.request.write);
	assert_true(body_has(&w, "[fp-0123456789abcdef0123]"));
	talking_freeze(&w);
	assert_int_equal(talking_got(&w, 201, "{\"data\":{\"id\":991,\"number\":\"91\"}}"), GOT_MORE);
	assert_string_equal(talking_learned(&w, LEARNED_REMOTE, 0)->id, "fp-0123456789abcdef0123");
	assert_int_equal(sink_int(w.t.bookmark, "made", 0), 1);
	talking_end(&w);
}

static void an_item_that_only_looks_like_it_is_not_taken(void **state)
{
	struct talking w;
	(void)state;

	begin(&w, "", 0);
	assert_int_equal(talking_ask(&w, "item"), ASK_SEND);
	/* A search may find words anywhere; the name is compared. */
	assert_int_equal(
		talking_got(&w, 200, "{\"data\":[{\"id\":7,\"name\":\"fp-0123456789abcdef0123 was it\"}]}"),
		GOT_MORE);
	assert_int_equal(once_more(&w), ASK_SEND);
	assert_true(w.request.write);
	talking_end(&w);
}

static void a_list_without_the_name_is_read_again_where_it_is_not_fresh(void **state)
{
	struct talking w;
	(void)state;

	begin(&w, "    push: {fields: {priority: Blocker}}\n", 3600000);
	(void)talking_ask(&w, "item");
	assert_int_equal(talking_got(&w, 200, "{\"data\":[]}"), GOT_MORE);
	assert_int_equal(once_more(&w), ASK_SEND);
	assert_false(w.request.write);
	assert_true(path_has(&w, "picklists/priority"));
	assert_int_equal(talking_got(&w, 200, "{\"data\":[{\"id\":9,\"name\":\"Blocker\"}]}"), GOT_MORE);
	assert_int_equal(once_more(&w), ASK_SEND);
	assert_true(w.request.write && body_has(&w, "\"priority\":{\"id\":9}"));
	talking_end(&w);

	begin(&w, "    push: {fields: {priority: Blocker}}\n", 1000);
	(void)talking_ask(&w, "item");
	assert_int_equal(talking_got(&w, 200, "{\"data\":[]}"), GOT_MORE);
	assert_int_equal(once_more(&w), ASK_LEARN); /* parked: that list was read a second ago */
	assert_int_equal(talking_count(&w, LEARNED_PARKED), 1);
	talking_end(&w);
}

static void row_41_answers_that_are_none(void **state)
{
	static const char *const bodies[] = { "",
					      "<html>Sign in</html>",
					      "[]",
					      "7",
					      "{\"data\":7}",
					      "{\"data\":null}",
					      "{\"data\":{\"id\":\"9},{\"}}",
					      "{\"data\":{\"id\":-1}}",
					      "{\"data\":{\"id\":\"../me\"}}" };
	struct talking w;
	(void)state;

	for (size_t i = 0; i < COUNT(bodies); i++) {
		begin(&w, "", 0);
		(void)talking_ask(&w, "item");
		assert_int_equal(talking_got(&w, 200, bodies[i]), GOT_UNKNOWN); /* of the search */
		talking_end(&w);
		begin(&w, "", 0);
		(void)talking_ask(&w, "item");
		(void)talking_got(&w, 200, "{\"data\":[]}");
		assert_int_equal(once_more(&w), ASK_SEND);
		assert_int_equal(talking_got(&w, 201, bodies[i]), GOT_UNKNOWN); /* of the create */
		assert_int_equal(sink_int(w.t.bookmark, "made", 0), 0);
		talking_end(&w);
	}
}

static void a_lost_answer_is_looked_up_by_its_mark(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum looked looked;
	} row[] = {
		{ 200, "{\"data\":[]}", LOOKED_NONE },
		{ 200, "{\"data\":[{\"id\":7,\"name\":\"other\"}]}", LOOKED_NONE },
		{ 200, "{\"data\":[{\"id\":991,\"name\":\"x [fp-0123456789abcdef0123]\"}]}", LOOKED_ALL },
		{ 200, "{\"data\":[{\"id\":\"x\",\"name\":\"x [fp-0123456789abcdef0123]\"}]}", LOOKED_NONE },
		{ 200, "{\"data\":7}", LOOKED_UNSURE },
		{ 200, "<html>", LOOKED_UNSURE },
		{ 400, "{\"error\":\"x\"}", LOOKED_UNSURE },
	};
	struct talking w;
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		begin(&w, "", 0);
		(void)talking_ask(&w, "item");
		(void)talking_got(&w, 200, "{\"data\":[]}");
		(void)once_more(&w);
		talking_freeze(&w);
		assert_int_equal(talking_look(&w, true), ASK_SEND);
		assert_true(path_has(&w, "search_string=%22fp-0123456789abcdef0123%22"));
		assert_int_equal(talking_looked(&w, row[i].status, row[i].body), row[i].looked);
		assert_int_equal(sink_int(w.t.bookmark, "made", 0), row[i].looked == LOOKED_ALL);
		talking_end(&w);
	}
}

#define MARKED(id, done) "{\"id\":" id ",\"name\":\"x [fp-0123456789abcdef0123]\",\"is_completed\":" done "}"

/* 991 is closed, and holds the mark of its successor; so does what stood before it. */
static void a_lost_successor_is_not_its_predecessor(void **state)
{
	static const struct {
		const char *body, *found;
	} row[] = {
		{ "{\"data\":[" MARKED("991", "true") "]}", NULL },
		{ "{\"data\":[" MARKED("991", "false") "]}", NULL }, /* opened again by a person */
		{ "{\"data\":[" MARKED("980", "true") "," MARKED("991", "true") "]}", NULL },
		{ "{\"data\":[" MARKED("991", "true") "," MARKED("995", "false") "]}", "995" },
		{ "{\"data\":[" MARKED("995", "false") "," MARKED("991", "true") "]}", "995" },
	};
	struct talking w;
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		begin(&w, "    known: {closed: replace}\n", 0);
		w.rows.row[0].remote_json = "{\"id\":\"991\",\"ours\":1,\"done\":1,\"run\":1}";
		assert_int_equal(talking_ask(&w, "item"), ASK_SEND);
		assert_true(w.request.write && body_has(&w, "[fp-0123456789abcdef0123]"));
		talking_freeze(&w);
		assert_int_equal(talking_look(&w, true), ASK_SEND);
		assert_int_equal(talking_looked(&w, 200, row[i].body),
				 row[i].found != NULL ? LOOKED_ALL : LOOKED_NONE);
		assert_int_equal(sink_int(w.t.bookmark, "made", 0), row[i].found != NULL);
		if (row[i].found != NULL)
			assert_string_equal(talking_learned(&w, LEARNED_POSTED, 0)->id, row[i].found);
		talking_end(&w);
	}
}

static void a_lost_item_of_a_suite_is_not_the_closed_one(void **state)
{
	struct row_failure many = history;
	struct talking w;
	char body[256];
	(void)state;

	many.suite = "shop.Cart";
	many.suite_failures = 12;
	for (int done = 0; done < 2; done++) {
		begin(&w, "", 0);
		w.rows.row[0].failure = &many;
		(void)talking_ask(&w, "item");
		assert_int_equal(talking_got(&w, 200, "{\"data\":[]}"), GOT_MORE);
		assert_int_equal(once_more(&w), ASK_SEND);
		assert_true(w.request.write);
		talking_freeze(&w);
		(void)talking_look(&w, true);
		(void)snprintf(body, sizeof(body),
			       "{\"data\":[{\"id\":991,\"name\":\"x [%s]\",\"percent_complete\":%d}]}",
			       axosoft_suite_mark("shop.Cart", &w.arena), done * 100);
		assert_int_equal(talking_looked(&w, 200, body), done ? LOOKED_NONE : LOOKED_ALL);
		talking_end(&w);
	}
}

#define SHOWN(id) "{\"id\":" id ",\"name\":\"x\"}"

/* Four are asked for.  Which are learned, how it goes on, and what is asked for then. */
static void what_a_list_may_have_left_out_is_not_gone(void **state)
{
	static const struct {
		const char *body;
		enum got got;
		size_t learned, gone;
		const char *next;
	} row[] = {
		{ "{\"data\":[" SHOWN("1") "," SHOWN("2") "," SHOWN("3") "," SHOWN("4") "]}", GOT_MORE, 4, 0,
		  NULL },
		{ "{\"data\":[" SHOWN("1") "," SHOWN("3") "],\"metadata\":{\"total_count\":2}}", GOT_MORE, 4,
		  2, NULL },
		{ "{\"data\":[" SHOWN("1") "," SHOWN("3") "],\"metadata\":{\"total_count\":4}}", GOT_MORE, 2,
		  0, NULL },
		{ "{\"data\":[" SHOWN("1") "," SHOWN(
			  "3") "],\"metadata\":{\"total_count\":2,\"page_size\":2}}",
		  GOT_MORE, 2, 0, NULL },
		{ "{\"data\":[" SHOWN("1") "," SHOWN("3") "]}", GOT_MORE, 2, 0, NULL },
		{ "{\"data\":[],\"metadata\":{\"total_count\":0}}", GOT_MORE, 4, 4, NULL },
		{ "{\"data\":[]}", GOT_MORE, 0, 0, "in%5B1%2C2%5D" },
		{ "{\"data\":[],\"metadata\":{\"total_count\":4}}", GOT_MORE, 0, 0, "page=0&page_size=4" },
		{ "{\"data\":[" SHOWN("7") "]}", GOT_UNKNOWN, 0, 0, NULL },
	};
	static const char *const ids[] = { "1", "2", "3", "4" };
	struct talking w;
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		size_t gone = 0;
		begin(&w, "", 0);
		for (size_t k = 1; k < COUNT(ids); k++)
			talking_row(&w, ids[k], "shop.Cart.pays", OUTCOME_FAILED, 5, "no answer");
		for (size_t k = 0; k < COUNT(ids); k++)
			w.rows.row[k].remote_json =
				arena_printf(&w.rows.arena, "{\"id\":\"%s\",\"ours\":1}", ids[k]);
		assert_int_equal(talking_ask(&w, "known"), ASK_SEND);
		assert_true(path_has(&w, "page=1&page_size=4"));
		assert_int_equal(talking_got(&w, 200, row[i].body), row[i].got);
		assert_int_equal(talking_count(&w, LEARNED_REMOTE), row[i].learned);
		for (size_t k = 0; k < row[i].learned; k++)
			gone += strstr(talking_learned(&w, LEARNED_REMOTE, k)->json, "\"missing\":1") != NULL;
		assert_int_equal(gone, row[i].gone);
		if (row[i].next != NULL) {
			assert_int_equal(once_more(&w), ASK_SEND);
			assert_true(path_has(&w, row[i].next));
		}
		talking_end(&w);
	}
}

/* Asked for alone, and not shown: it is gone, but where the list counts it, or is about others. */
static void one_that_is_asked_for_alone_is_gone_where_it_is_not_shown(void **state)
{
	static const struct {
		const char *body;
		enum got first, second;
	} row[] = {
		{ "{\"data\":[]}", GOT_MORE, GOT_MORE },
		{ "{\"data\":[],\"metadata\":{\"total_count\":1}}", GOT_MORE, GOT_UNKNOWN },
		{ "{\"data\":[" SHOWN("7") "]}", GOT_UNKNOWN, GOT_UNKNOWN },
	};
	struct talking w;
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		begin(&w, "", 0);
		w.rows.row[0].remote_json = "{\"id\":\"1\",\"ours\":1}";
		assert_int_equal(talking_ask(&w, "known"), ASK_SEND);
		assert_int_equal(talking_got(&w, 200, row[i].body), row[i].first);
		assert_int_equal(talking_count(&w, LEARNED_REMOTE), i == 0);
		assert_int_equal(once_more(&w), ASK_SEND);
		assert_int_equal(talking_got(&w, 200, row[i].body), row[i].second);
		assert_int_equal(talking_count(&w, LEARNED_REMOTE), i == 0);
		talking_end(&w);
	}
}

static void a_refusal_says_the_servers_words(void **state)
{
	struct talking w;
	(void)state;

	begin(&w, "", 0);
	(void)talking_ask(&w, "item");
	(void)talking_got(&w, 200, "{\"data\":[]}");
	(void)once_more(&w);
	assert_int_equal(
		talking_got(&w, 400, "{\"error\":\"e\",\"error_description\":\"The name is too long\"}"),
		GOT_REFUSED);
	assert_non_null(strstr(w.t.err.text, "The name is too long"));
	talking_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_3_searched_for_before_it_is_made),
		cmocka_unit_test(an_item_that_only_looks_like_it_is_not_taken),
		cmocka_unit_test(a_list_without_the_name_is_read_again_where_it_is_not_fresh),
		cmocka_unit_test(row_41_answers_that_are_none),
		cmocka_unit_test(a_lost_answer_is_looked_up_by_its_mark),
		cmocka_unit_test(a_lost_successor_is_not_its_predecessor),
		cmocka_unit_test(a_lost_item_of_a_suite_is_not_the_closed_one),
		cmocka_unit_test(what_a_list_may_have_left_out_is_not_gone),
		cmocka_unit_test(one_that_is_asked_for_alone_is_gone_where_it_is_not_shown),
		cmocka_unit_test(a_refusal_says_the_servers_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

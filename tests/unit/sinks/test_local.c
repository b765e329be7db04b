/* SPDX-License-Identifier: Apache-2.0
 *
 * test_local.c - the local sink, walked step by step against a folder in memory (and once a real one). */
#include "tests/unit/sinks/local_world.h"

/* ---- tests to deliver ---- */

static struct text text_of(const char *s)
{
	return (struct text){ s, strlen(s), strlen(s) };
}

static const char *const suite_a[] = { "com.example.CartTest" };
static const char *const suite_b[] = { "web", "checkout" };

/* Some of everything; a second execution of any test passes. */
static void make_mixed(size_t i, unsigned exec, struct arena *a, struct result *r)
{
	*r = (struct result){
		.report = "TEST-a.xml",
		.suite = i % 2 == 0 ? suite_a : suite_b,
		.suite_count = i % 2 == 0 ? 1 : 2,
		.class_name = i % 2 == 0 ? suite_a[0] : NULL,
		.name = arena_printf(a, "test_%03zu", i),
		.duration_ms = 10.0 * (double)(i + 1),
		.started_ms = NOW - 60000 + (int64_t)i,
	};
	r->id = r->name;
	if (exec > 0)
		return;
	switch (i % 8) {
	case 1:
		r->outcome = OUTCOME_FAILED;
		r->failure = (struct failure){
			"AssertionError", text_of("expected 3, got 4"),
			text_of("AssertionError: expected 3, got 4\n\tat Cart.total(Cart.java:17)")
		};
		r->out = text_of("adding apples\nadding pears\n");
		r->file = "src/Cart.java";
		r->line = 17;
		break;
	case 2:
		r->outcome = OUTCOME_ERROR;
		r->failure = (struct failure){ "IOError", text_of("connection refused"), { 0 } };
		break;
	case 3:
		r->outcome = OUTCOME_SKIPPED;
		r->failure.message = text_of("only on Windows");
		break;
	case 4: {
		struct attempt *at = arena_calloc(a, 2, sizeof(*at));
		at[0] = (struct attempt){ .outcome = OUTCOME_FAILED,
					  .duration_ms = 5,
					  .started_ms = TIME_UNKNOWN,
					  .failure = { "Timeout", text_of("took too long"), { 0 } } };
		at[1] = (struct attempt){ .outcome = OUTCOME_PASSED,
					  .duration_ms = 7,
					  .started_ms = TIME_UNKNOWN };
		r->attempts = at;
		r->attempt_count = 2;
		r->flaky = true;
		break;
	}
	case 5:
		r->outcome = OUTCOME_FAILED;
		r->known_failure = true;
		r->failure.message = text_of("waits for TICKET-1");
		break;
	}
}

/* ---- reading what was written ---- */

/* strstr() would do, but under the sanitizer it measures the whole text every time. */
static size_t occurrences(const struct buf *b, const char *word)
{
	const char *at = b->data, *end = b->data + b->len;
	size_t n = 0, len = strlen(word);

	while ((at = memchr(at, word[0], (size_t)(end - at))) != NULL) {
		bool same = (size_t)(end - at) >= len && memcmp(at, word, len) == 0;
		n += same;
		at += same ? len : 1;
	}
	return n;
}

static size_t lines_of(const struct buf *b, struct arena *a, struct result *out, size_t max)
{
	const char *at = b->data, *end = b->data + b->len;
	size_t n = 0;

	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		assert_non_null(stop);
		assert_true(n < max);
		assert_int_equal(result_json_read(at, (size_t)(stop - at), a, &out[n++], NULL), 0);
		at = stop + 1;
	}
	return n;
}

/* Every element is closed by its own name, attributes are quoted, and nothing but one script runs. */
static void check_html(const struct buf *b)
{
	static const char *const single[] = { "meta", "link", "rect", "input" };
	char stack[64][16];
	size_t depth = 0, scripts = 0;
	const char *at = b->data;

	assert_int_equal(strlen(b->data), b->len);
	assert_memory_equal(at, "<!doctype html>", 15);
	at += 15;
	while ((at = strchr(at, '<')) != NULL) {
		bool close = at[1] == '/', alone = false;
		char name[16] = "";
		size_t n = 0;
		at += close ? 2 : 1;
		while ((*at >= 'a' && *at <= 'z') || (n > 0 && *at >= '0' && *at <= '9')) {
			assert_true(n + 1 < sizeof(name));
			name[n++] = *at++;
		}
		name[n] = '\0';
		assert_true(n > 0);
		if (close) {
			assert_true(depth > 0);
			assert_string_equal(name, stack[--depth]);
			assert_int_equal(*at, '>');
			continue;
		}
		while (*at != '>') {
			assert_true(*at != '\0' && *at != '<');
			if (*at == '/') {
				alone = true;
				at++;
				continue;
			}
			at++;
			size_t word = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");
			assert_true(word > 0);
			assert_false(word > 2 && strncmp(at, "on", 2) == 0);
			assert_false(strncmp(at, "style=", 6) == 0);
			at += word;
			if (*at == '=') {
				assert_int_equal(at[1], '"');
				at = strchr(at + 2, '"');
				assert_non_null(at);
				at++;
			}
		}
		for (size_t i = 0; i < COUNT(single); i++)
			alone = alone || strcmp(name, single[i]) == 0;
		if (strcmp(name, "script") == 0 || strcmp(name, "style") == 0) {
			scripts += name[1] == 'c';
			at = strstr(at, name[1] == 'c' ? "</script>" : "</style>");
			assert_non_null(at);
			at += strlen(name) + 3;
			continue;
		}
		if (!alone) {
			assert_true(depth < COUNT(stack));
			memcpy(stack[depth++], name, sizeof(name));
		}
	}
	assert_int_equal(depth, 0);
	assert_int_equal(scripts, 1);
}

static void same_files(struct world *a, struct world *b)
{
	assert_int_equal(a->files, b->files);
	for (size_t i = 0; i < a->files; i++) {
		const struct file *f = &a->file[i], *g = file_find(b, f->path);
		assert_non_null(g);
		assert_int_equal(f->data.len, g->data.len);
		assert_memory_equal(f->data.data, g->data.data, f->data.len);
	}
}

/* ---- the tests ---- */

static void a_run_becomes_a_folder(void **state)
{
	struct world w;
	struct arena a = ARENA_LIMIT(SIZE_MAX / 4);
	struct result r[64];

	(void)state;
	world_init(&w, 20, make_mixed);
	w.run.ended = true;
	deliver(&w);
	assert_string_equal(w.remote_id, "nightly-17-3fa2b1c0");
	assert_string_equal(w.url, "file:///srv/test%20results/nightly-17-3fa2b1c0/index.html");
	assert_int_equal(lines_of(&file_find(&w, "nightly-17-3fa2b1c0/results.jsonl")->data, &a, r, 64), 20);
	for (size_t i = 0; i < 20; i++) {
		struct result want;
		make_mixed(i, 0, &a, &want);
		assert_string_equal(r[i].name, want.name);
		assert_int_equal(result_verdict(&r[i]), result_verdict(&want));
		assert_int_equal(r[i].attempt_count, want.attempt_count);
	}
	const struct buf *page = &file_find(&w, "nightly-17-3fa2b1c0/index.html")->data;
	check_html(page);
	assert_non_null(strstr(page->data, "<bdi>Nightly #17</bdi>"));
	assert_non_null(strstr(page->data, ">6 failed</strong> of 20 tests"));
	assert_non_null(strstr(page->data, "at Cart.total(Cart.java:17)"));
	assert_non_null(strstr(page->data, "adding pears"));
	assert_non_null(strstr(page->data, "only on Windows"));
	assert_non_null(strstr(page->data, "attempt 1 failed"));
	assert_null(strstr(page->data, "class=\"live\""));
	assert_int_equal(occurrences(page, "<details class=\"test\""), 3 + 3 + 2 + 2);
	assert_int_equal(occurrences(page, "<li data-s="), 20);
	const struct buf *index = &file_find(&w, "index.html")->data;
	check_html(index);
	assert_non_null(strstr(index->data, "href=\"nightly-17-3fa2b1c0/index.html\""));
	cJSON *runs = index_read(file_find(&w, "runs.json")->data.data, file_find(&w, "runs.json")->data.len);
	assert_int_equal(cJSON_GetArraySize(runs), 1);
	assert_int_equal(sink_int(runs->child, "failed", -1), 3);
	assert_int_equal(sink_int(runs->child, "known_failure", -1), 2);
	assert_int_equal(sink_int(runs->child, "tests", -1), 20);
	cJSON_Delete(runs);
	/* Nothing changed: nothing is asked for. */
	unsigned before = w.requests;
	deliver(&w);
	assert_int_equal(w.requests, before);
	arena_done(&a);
	world_done(&w);
}

/* Two visits: half of the tests while the run is open; then all, late attempts, the end. */
static void live(struct world *w, enum fault fault, unsigned at)
{
	world_init(w, 60, make_mixed);
	w->rows_max = 7;
	w->fault = fault;
	w->fault_at = at;
	memset(w->execs + 30, 0, 30);
	count_run(w);
	while (!visit(w))
		;
	memset(w->execs + 30, 1, 30);
	memset(w->execs + 5, 2, 20);
	w->now_ms += 100000;
	w->run.ended = true;
	count_run(w);
	while (!visit(w))
		;
}

static void a_lost_answer_changes_nothing(void **state)
{
	struct world plain, w;

	(void)state;
	live(&plain, FAULT_NONE, 0);
	assert_true(plain.requests > 15);
	for (unsigned at = 1; at <= plain.requests; at++) {
		for (int fault = FAULT_BEFORE; fault <= FAULT_TWICE; fault++) {
			live(&w, (enum fault)fault, at);
			same_files(&plain, &w);
			assert_string_equal(plain.url, w.url);
			world_done(&w);
		}
	}
	live(&w, FAULT_TWICE, 0);
	same_files(&plain, &w);
	world_done(&w);
	world_done(&plain);
}

static void a_late_attempt_is_a_further_line(void **state)
{
	struct world w;
	struct arena a = ARENA_LIMIT(SIZE_MAX / 4);
	struct result r[16];

	(void)state;
	world_init(&w, 3, make_mixed);
	w.run.ended = true;
	deliver(&w);
	const struct buf *page = &file_ending(&w, "/index.html")->data;
	assert_non_null(strstr(page->data, ">2 failed</strong>"));
	w.execs[1] = 2;
	deliver(&w);
	assert_int_equal(lines_of(&file_ending(&w, "/results.jsonl")->data, &a, r, 16), 4);
	assert_string_equal(r[3].name, "test_001");
	assert_int_equal(result_verdict(&r[3]), VERDICT_FLAKY);
	assert_int_equal(r[3].attempt_count, 2);
	assert_int_equal(r[3].attempts[0].outcome, OUTCOME_FAILED);
	page = &file_ending(&w, "/index.html")->data;
	check_html(page);
	assert_non_null(strstr(page->data, ">1 failed</strong>"));
	assert_int_equal(occurrences(page, "<li data-s="), 3);
	assert_non_null(strstr(page->data, "<small>1 flaky</small>"));
	assert_non_null(strstr(page->data, "the last one counts"));
	arena_done(&a);
	world_done(&w);
}

/* The run's own counts are as old as the talk, and several executions may come at once. */
static void the_page_counts_what_it_lists(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 16, make_mixed);
	w.run.ended = true;
	deliver(&w);
	w.execs[2] = 4;  /* an error, then three passes in one visit */
	w.execs[11] = 3; /* a skip, then two */
	assert_true(visit(&w));
	const struct buf *runs = &file_find(&w, "runs.json")->data;
	assert_non_null(strstr(runs->data, "\"tests\":16,\"passed\":7,\"flaky\":3,\"known_failure\":2,"
					   "\"failed\":2,\"error\":1,\"skipped\":1,"));
	const struct buf *page = &file_ending(&w, "/index.html")->data;
	assert_non_null(strstr(page->data, ">3 failed</strong> of 16 tests"));
	assert_non_null(strstr(page->data, "data-f=\"flaky\"><b>3</b>"));
	assert_non_null(strstr(page->data, "<small>1 error, 3 flaky, 4 passed</small>"));
	world_done(&w);
}

static void an_open_run_is_shown_but_not_at_every_part(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 20, make_mixed);
	memset(w.execs + 8, 0, 12);
	deliver(&w);
	const struct buf *page = &file_ending(&w, "/index.html")->data;
	assert_non_null(strstr(page->data, "<span class=\"live\">running</span>"));
	assert_non_null(strstr(page->data, " data-live=\"30\""));
	/* A second later a part comes: its lines are written, the pages wait. */
	w.execs[8] = 1;
	w.now_ms += 1000;
	unsigned before = w.requests;
	deliver(&w);
	assert_int_equal(w.requests, before + 2);
	w.execs[9] = 1;
	w.now_ms += 60000;
	deliver(&w);
	page = &file_ending(&w, "/index.html")->data;
	assert_non_null(strstr(page->data, "test_009"));
	/* The end is not waited for. */
	w.now_ms += 1;
	w.run.ended = true;
	deliver(&w);
	page = &file_ending(&w, "/index.html")->data;
	assert_null(strstr(page->data, " data-live=\"30\""));
	world_done(&w);
}

static void a_run_without_tests_has_a_page(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 0, make_mixed);
	deliver(&w);
	assert_int_equal(w.requests, 0);
	w.run.ended = true;
	deliver(&w);
	const struct buf *page = &file_ending(&w, "/index.html")->data;
	check_html(page);
	assert_non_null(strstr(page->data, "no tests"));
	world_done(&w);
}

static void files_removed_under_our_hands(void **state)
{
	struct world w;
	struct arena a = ARENA_LIMIT(SIZE_MAX / 4);
	struct result r[64];

	(void)state;
	world_init(&w, 20, make_mixed);
	memset(w.execs + 10, 0, 10);
	deliver(&w);
	file_remove(&w, "nightly-17-3fa2b1c0/results.jsonl");
	file_remove(&w, "nightly-17-3fa2b1c0/.page-rows");
	file_remove(&w, "nightly-17-3fa2b1c0/index.html");
	memset(w.execs + 10, 1, 10);
	w.run.ended = true;
	deliver(&w);
	assert_int_equal(lines_of(&file_ending(&w, "/results.jsonl")->data, &a, r, 64), 10);
	const struct buf *page = &file_ending(&w, "/index.html")->data;
	check_html(page);
	assert_non_null(strstr(page->data, "was removed while it was written"));
	arena_done(&a);
	world_done(&w);
}

/* ---- hostile input ---- */

static const char *const nasty[] = {
	"<script>alert(1)</script>",
	"\"><img src=x onerror=alert(1)>",
	"' onmouseover='alert(1)",
	"</title></style></script><svg/onload=alert(1)>",
	"\xe2\x80\xaetxt.exe",
	"a\xe2\x81\xa6\xe2\x80\x8f b",
	"javascript:alert(1)",
	"]]>--><!--",
	"&lt;&amp;&#0;",
	"\xf0\x9f\x98\x80 \xe6\x97\xa5\xe6\x9c\xac",
	"../../etc/passwd",
	"%00%0a",
	"",
	"\xc3\x28 \xff\xfe",
	"line\none\r\ntwo\ttab",
};

static void make_nasty(size_t i, unsigned exec, struct arena *a, struct result *r)
{
	const char *s = nasty[i % COUNT(nasty)];
	const char **list = arena_calloc(a, 2, sizeof(*list));
	struct attempt *at = arena_calloc(a, 2, sizeof(*at));

	(void)exec;
	list[0] = list[1] = s;
	at[0] = (struct attempt){ OUTCOME_FAILED, -1,        TIME_UNKNOWN, { s, text_of(s), text_of(s) },
				  text_of(s),     text_of(s) };
	at[1] = at[0];
	*r = (struct result){
		.report = s,
		.suite = list,
		.suite_count = 2,
		.class_name = s,
		.name = s,
		.params = list,
		.param_count = 2,
		.variant = s,
		.id = s,
		.outcome = (enum outcome)(i % OUTCOME_COUNT),
		.duration_ms = 1e300,
		.started_ms = INT64_MAX,
		.failure = at[0].failure,
		.out = at[0].out,
		.err = at[0].err,
		.attempts = at,
		.attempt_count = 2,
		.refs = list,
		.ref_count = 2,
		.file = s,
		.line = INT64_MAX,
	};
}

static const char *nasty_vars(void *cookie, const char *name)
{
	(void)cookie;
	return strcmp(name, "ci.url") == 0 ? "https://ci.example/\"><script>alert(2)</script>" : nasty[0];
}

static void hostile_names_stay_text(void **state)
{
	struct world w;
	const struct vars vars = { .get = nasty_vars };

	(void)state;
	for (size_t i = 0; i < COUNT(nasty); i++) {
		world_init(&w, COUNT(nasty) * 4, make_nasty);
		w.run.name = w.run.key = nasty[i];
		w.run.vars = &vars;
		w.run.ended = i % 2 == 0;
		deliver(&w);
		for (size_t f = 0; f < w.files; f++) {
			assert_int_equal(w.file[f].path[0] == '.' || strstr(w.file[f].path, "//") != NULL, 0);
			if (strstr(w.file[f].path, ".html") == NULL)
				continue;
			const struct buf *b = &w.file[f].data;
			check_html(b);
			assert_null(strstr(b->data, "<script>alert"));
			assert_null(strstr(b->data, "<img"));
			assert_null(strstr(b->data, "\xe2\x80\xae"));
			assert_null(strstr(b->data, "href=\"javascript:"));
			assert_int_equal(occurrences(b, "Content-Security-Policy"), 1);
		}
		const struct buf *page = &file_ending(&w, "/index.html")->data;
		assert_non_null(strstr(page->data, "\xe2\x9f\xa8U+202E\xe2\x9f\xa9txt.exe"));
		assert_non_null(strstr(page->data, "href=\"https://ci.example/&quot;&gt;&lt;script"));
		world_done(&w);
	}
}

static void links_lead_to_the_web_only(void **state)
{
	static const struct {
		const char *url;
		bool safe;
	} row[] = {
		{ "https://ci.example/1", true },
		{ "HTTP://ci", true },
		{ "javascript:alert(1)", false },
		{ "data:text/html,x", false },
		{ " https://x", false },
		{ "file:///etc/passwd", false },
		{ "", false },
		{ NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++)
		assert_int_equal(html_link_safe(row[i].url), row[i].safe);
}

static void folders_have_safe_names(void **state)
{
	static const struct {
		const char *name, *token, *folder;
	} row[] = {
		{ "Nightly #17", "rd-3fa2b1c04d5e6f708192", "nightly-17-3fa2b1c0" },
		{ "../../etc/passwd", "rd-3fa2b1c04d5e6f708192", "etc-passwd-3fa2b1c0" },
		{ "", "rd-3fa2b1c04d5e6f708192", "run-3fa2b1c0" },
		{ NULL, "rd-3fa2b1c04d5e6f708192", "run-3fa2b1c0" },
		{ "\xe6\x97\xa5\xe6\x9c\xac", NULL, "run-7" },
		{ "a/b\\c:d", "rd-ZZZZZZZZ", "a-b-c-d-7" },
		{ "--x--", "rd-00000000000000000000", "x-00000000" },
		{ "CON", "", "con-7" },
		{ "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg", "rd-1234567890",
		  "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff-12345678" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct sink_run run = { .id = 7, .name = row[i].name, .token = row[i].token };
		struct buf b = BUF_LIMIT(256);
		local_folder(&run, &b);
		assert_string_equal(b.data, row[i].folder);
		buf_done(&b);
	}
}

/* ---- size ---- */

static char long_text[70000];

/* A tenth fails with long texts; a thousand suites. */
static void make_many(size_t i, unsigned exec, struct arena *a, struct result *r)
{
	const char **suite = arena_calloc(a, 1, sizeof(*suite));

	(void)exec;
	suite[0] = arena_printf(a, "com.example.some.rather.deep.package.Suite%04zuTest", i / 50 % 1000);
	*r = (struct result){
		.suite = suite,
		.suite_count = 1,
		.class_name = suite[0],
		.name = arena_printf(a, "does_what_it_says_on_the_tin_%zu", i),
		.duration_ms = (double)(i % 977),
		.started_ms = NOW + (int64_t)i,
	};
	r->id = r->name;
	if (i % 10 == 3) {
		r->outcome = OUTCOME_FAILED;
		r->failure = (struct failure){ "AssertionError",
					       { long_text, 3000, 3000 },
					       { long_text, 9000, 90000 } };
	}
}

static void the_page_does_not_grow_with_the_run(void **state)
{
	const char *size = getenv("RD_LOCAL_TESTS"); /* measure with more */
	struct world w;

	(void)state;
	memset(long_text, '"', sizeof(long_text) - 1); /* the worst for JSON and for HTML */
	for (size_t i = 60; i < sizeof(long_text) - 1; i += 61)
		long_text[i] = '\n';
	world_init(&w, size != NULL ? strtoul(size, NULL, 10) : 20000, make_many);
	w.run.ended = true;
	deliver(&w);
	const struct buf *page = &file_ending(&w, "/index.html")->data;
	check_html(page);
	if (size != NULL)
		printf("%zu tests: %u requests, bookmark at most %zu bytes, body at most %zu, page %zu, "
		       ".page-rows %zu\n",
		       w.tests, w.requests, w.bookmark_most, w.body_most, page->len,
		       file_ending(&w, "/.page-rows")->data.len);
	assert_true(w.bookmark_most < 256 << 10);
	assert_true(w.body_most <= 16 << 20);
	assert_true(page->len < 16 << 20);
	assert_true(file_ending(&w, "/.page-rows")->data.len <= SHOWN_BYTES);
	assert_int_equal(occurrences(&file_ending(&w, "/results.jsonl")->data, "\n"), w.tests);
	assert_true(occurrences(page, "<li data-s=") <= FAILED_MAX * 2 + OTHER_MAX + FULL_MAX);
	assert_non_null(strstr(page->data, "more are in <a href=\"results.jsonl\">"));
	assert_non_null(strstr(page->data, "Further suites"));
	world_done(&w);
}

static struct attempt absurd[3000];

static void make_absurd(size_t i, unsigned exec, struct arena *a, struct result *r)
{
	make_mixed(i, exec, a, r);
	r->name = long_text;
	r->failure.message = r->failure.detail = r->out = r->err = (struct text){ long_text, 65000, 1 << 20 };
	r->outcome = OUTCOME_FAILED;
	r->attempts = absurd;
	r->attempt_count = COUNT(absurd);
}

static void a_test_of_absurd_size_is_still_a_line(void **state)
{
	struct world w;
	struct arena a = ARENA_LIMIT(SIZE_MAX / 4);
	struct result r[4];

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	for (size_t i = 0; i < COUNT(absurd); i++) {
		struct text t = { long_text, 65000, 1 << 20 };
		absurd[i] = (struct attempt){ OUTCOME_FAILED, 1, NOW, { "T", t, t }, t, t };
	}
	world_init(&w, 2, make_absurd);
	w.run.ended = true;
	deliver(&w);
	assert_int_equal(lines_of(&file_ending(&w, "/results.jsonl")->data, &a, r, 4), 2);
	assert_int_equal(r[0].outcome, OUTCOME_FAILED);
	check_html(&file_ending(&w, "/index.html")->data);
	arena_done(&a);
	world_done(&w);
}

/* ---- the index ---- */

static void the_index_keeps_the_newest(void **state)
{
	cJSON *runs = cJSON_CreateArray();
	const struct totals totals = { .count = { [VERDICT_PASSED] = 4, [VERDICT_FAILED] = 1 }, .tests = 5 };
	struct buf b = BUF_LIMIT(SIZE_MAX / 4);

	(void)state;
	for (int i = 0; i < RUNS_MAX + 50; i++) {
		char folder[32];
		struct sink_run run = { .id = i,
					.name = "a",
					.key = "a",
					.started_ms = NOW + i * 1000,
					.ended = true,
					.vars = &none };
		snprintf(folder, sizeof(folder), "a-%d", i);
		runs = index_merge(runs, index_entry(&run, &totals, folder, NOW));
		if (i % 7 == 0) /* again: replaced, not doubled */
			runs = index_merge(runs, index_entry(&run, &totals, folder, NOW));
	}
	assert_int_equal(cJSON_GetArraySize(runs), RUNS_MAX);
	assert_string_equal(sink_string(runs->child, "folder"), "a-2049");
	assert_string_equal(sink_string(cJSON_GetArrayItem(runs, RUNS_MAX - 1), "folder"), "a-50");
	/* A backfilled run takes its place by its own time. */
	struct sink_run old = {
		.id = 1, .name = "old", .started_ms = NOW + 100500, .ended = true, .vars = &none
	};
	runs = index_merge(runs, index_entry(&old, &totals, "old-1", NOW));
	assert_int_equal(cJSON_GetArraySize(runs), RUNS_MAX);
	assert_string_equal(sink_string(cJSON_GetArrayItem(runs, 2049 - 101), "folder"), "a-101");
	assert_string_equal(sink_string(cJSON_GetArrayItem(runs, 2049 - 100), "folder"), "old-1");
	assert_string_equal(sink_string(cJSON_GetArrayItem(runs, RUNS_MAX - 1), "folder"), "a-51");
	index_write(&b, runs, NOW);
	check_html(&b);
	assert_int_equal(occurrences(&b, "<li data-s="), RUNS_MAX);
	assert_true(b.len < 3 << 20);
	buf_reset(&b);
	index_json(&b, runs);
	assert_true(b.len < RUNS_BYTES);
	cJSON *again = index_read(b.data, b.len);
	assert_true(cJSON_Compare(runs, again, true));
	cJSON_Delete(again);
	cJSON_Delete(runs);
	buf_done(&b);
}

static void two_runs_share_the_index(void **state)
{
	struct world a, b;

	(void)state;
	world_init(&a, 3, make_mixed);
	a.run.ended = true;
	deliver(&a);
	world_init(&b, 3, make_mixed);
	b.run.ended = true;
	b.run.token = "rd-99999999999999999999";
	for (size_t i = 0; i < a.files; i++) {
		struct file *f = file_make(&b, a.file[i].path);
		buf_append(&f->data, a.file[i].data.data, a.file[i].data.len);
	}
	deliver(&b);
	const struct buf *runs = &file_find(&b, "runs.json")->data;
	assert_int_equal(occurrences(runs, "\"folder\""), 2);
	assert_int_equal(occurrences(&file_find(&b, "index.html")->data, "<li data-s="), 2);
	assert_int_equal(b.files, a.files + 3);
	world_done(&a);
	world_done(&b);
}

static void a_foreign_list_is_put_aside(void **state)
{
	static const struct {
		const char *text;
		bool aside;
		size_t runs;
	} row[] = {
		{ "not json at all", true, 1 },
		{ "{\"runs\":7}", true, 1 },
		{ "[]", true, 1 },
		{ "", false, 1 },
		{ "{\"runs\":[1,null,{\"folder\":\"../x\"},{\"folder\":\"\\\"><script>\"},{\"folder\":7}]}",
		  false, 1 },
		{ "{\"runs\":[{\"folder\":\"ok-1\",\"name\":\"<b>\",\"tests\":-5,\"failed\":1e300,"
		  "\"started\":\"<i>\"}]}",
		  false, 2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct world w;
		world_init(&w, 3, make_mixed);
		w.run.ended = true;
		buf_puts(&file_make(&w, "runs.json")->data, row[i].text);
		deliver(&w);
		const struct file *aside = file_find(&w, "runs.damaged.json");
		assert_int_equal(aside != NULL, row[i].aside);
		if (aside != NULL)
			assert_string_equal(aside->data.data, row[i].text);
		assert_int_equal(occurrences(&file_find(&w, "runs.json")->data, "\"folder\""), row[i].runs);
		check_html(&file_find(&w, "index.html")->data);
		world_done(&w);
	}
}

/* ---- the contract with the folder ---- */

static void a_real_folder_gets_the_same_files(void **state)
{
	char dir[] = "/tmp/rd-local-XXXXXX";
	struct world memory, w;

	(void)state;
	assert_non_null(mkdtemp(dir));
	world_init(&memory, 200, make_mixed);
	world_init(&w, 200, make_mixed);
	w.executor = executor_new("test", 0, NULL, NULL);
	w.real = folder_open(w.executor);
	free(w.conf.dir);
	w.conf.dir = xasprintf("%s/made/here", dir);
	for (int end = 0; end < 2; end++) {
		memory.run.ended = w.run.ended = end == 1;
		memset(memory.execs, end + 1, 100);
		memset(w.execs, end + 1, 100);
		deliver(&memory);
		deliver(&w);
	}
	for (size_t i = 0; i < memory.files; i++) {
		struct buf b = BUF_LIMIT(64 << 20);
		char *path = xasprintf("%s/%s", w.conf.dir, memory.file[i].path);
		assert_int_equal(file_read(path, &b, NULL), 0);
		assert_int_equal(b.len, memory.file[i].data.len);
		assert_memory_equal(b.data, memory.file[i].data.data, b.len);
		free(path);
		buf_done(&b);
	}
	char *remove = xasprintf("rm -r '%s'", dir);
	assert_int_equal(system(remove), 0);
	free(remove);
	w.real->ops->close(w.real);
	executor_free(w.executor);
	world_done(&memory);
	world_done(&w);
}

static void a_refused_file_parks_the_delivery(void **state)
{
	struct reply r;
	static const struct {
		int status;
		enum answer_class want;
	} row[] = {
		{ 400, ANSWER_ITEM }, { 404, ANSWER_ITEM }, { 416, ANSWER_ITEM }, { 403, ANSWER_LOCKED },
		{ 500, ANSWER_WAIT }, { 503, ANSWER_WAIT }, { 507, ANSWER_WAIT }, { 200, ANSWER_DEFAULT },
	};

	(void)state;
	reply_init(&r);
	for (size_t i = 0; i < COUNT(row); i++) {
		r.status = row[i].status;
		assert_int_equal(sink_local.classify(&r), row[i].want);
	}
	reply_done(&r);
	/* A directory stands where the file should be. */
	struct arena arena = ARENA_LIMIT(SIZE_MAX / 4);
	struct world w;
	world_init(&w, 1, make_mixed);
	w.run.ended = true;
	struct talk t = { .conf = &w.conf,
			  .run = &w.run,
			  .arena = &arena,
			  .bookmark = cJSON_CreateObject(),
			  .scratch = cJSON_CreateObject(),
			  .now_ms = NOW };
	t.rows = rows_owed(&w);
	learned_init(&t.learned, &arena);
	for (const struct step *s = sink_local.steps; s->name != NULL; s++) {
		if (s->resolve || s->rows == ROWS_EVIDENCE)
			continue; /* one file that cannot be laid down is parked alone, see below */
		reply_init(&r);
		r.exchange = EXCHANGE_ANSWERED;
		r.status = 400;
		snprintf(r.error, sizeof(r.error), "x/results.jsonl: Is a directory");
		t.err = ERR_NONE;
		assert_int_equal(s->got(&t, &r), GOT_PARK);
		assert_string_equal(t.err.text, "x/results.jsonl: Is a directory");
		reply_done(&r);
	}
	assert_int_equal(t.learned.count, 0);
	rows_free((struct rows *)t.rows);
	struct row_evidence file = {
		.name = "a.png", .kept = "ab/c", .type = "image/png", .remote_result = "x", .test = "t"
	};
	struct row row_of_file = { .id = 7, .evidence = &file };
	const struct rows files = { .kind = ROWS_EVIDENCE, .row = &row_of_file, .count = 1 };
	t.rows = &files;
	for (const struct step *s = sink_local.steps; s->name != NULL; s++) {
		if (s->rows != ROWS_EVIDENCE)
			continue;
		reply_init(&r);
		r.exchange = EXCHANGE_ANSWERED;
		r.status = 400;
		snprintf(r.error, sizeof(r.error), "x/a.png: Is a directory");
		assert_int_equal(s->got(&t, &r), GOT_MORE);
		reply_done(&r);
	}
	assert_int_equal(t.learned.count, 1);
	assert_int_equal(t.learned.item[0].what, LEARNED_PARKED);
	assert_string_equal(t.learned.item[0].text, "x/a.png: Is a directory");
	learned_done(&t.learned);
	cJSON_Delete(t.bookmark);
	cJSON_Delete(t.scratch);
	arena_done(&arena);
	world_done(&w);
}

/* ---- what a tracker of defects made of failures ---- */

#define ID1 "00112233445566778899aabbccddeeff"
#define ID2 "ffeeddccbbaa99887766554433221100"

static void shown_page(const char *shown, struct buf *page)
{
	struct sink_run run = { .name = "r", .key = "r", .token = "rd-0", .ended = true };
	struct tally y;
	struct sheet s;
	cJSON *bookmark = cJSON_CreateObject();

	sink_set_int(bookmark, "tests", 2);
	tally_load(&y, bookmark);
	sheet_init(&s, &run, &y, shown, strlen(shown));
	page_write(page, &s, NOW);
	sheet_done(&s);
	tally_done(&y);
	cJSON_Delete(bookmark);
	assert_int_equal(buf_error(page), 0);
	check_html(page);
}

static void work_items_stand_beside_their_tests(void **state)
{
	struct buf page = BUF_LIMIT(1 << 20);

	(void)state;
	shown_page("{\"i\":\"" ID1 "\",\"v\":\"failed\",\"g\":\"s\",\"n\":\"pays\",\"m\":\"no\"}\n"
		   "{\"i\":\"" ID2 "\",\"v\":\"failed\",\"g\":\"s\",\"n\":\"ships\"}\n"
		   "{\"w\":\"0011223344556677\",\"D\":[[\"991\",\"https://axo/991\",\"In progress\"]]}\n"
		   "{\"w\":\"0011223344556677\",\"D\":[[\"991\",\"https://axo/"
		   "991\",\"\"],[\"992\",\"\",\"\"]]}\n"
		   "{\"w\":\"ffeeddccbbaa9988\",\"D\":[[\"<b>7\",\"javascript:alert(1)\",\"<i>\"]]}\n"
		   "{\"w\":\"9999999999999999\",\"D\":[[\"5\",\"https://axo/5\",\"\"]]}\n"
		   "{\"w\":\"99\",\"D\":[]}\n{\"w\":7,\"D\":{}}\n"
		   "{\"w\":\"ffeeddccbbaa9988\",\"D\":[7,[],[1,2,3],{\"a\":1}]}\n"
		   "{\"w\":\"ffeeddccbbaa9988\",\"D\":9}\n",
		   &page);
	assert_int_equal(occurrences(&page, "class=\"defects\""), 2);
	assert_non_null(strstr(page.data, "Defect <a rel=\"noreferrer noopener\" href=\"https://axo/991\">"
					  "<bdi>991</bdi></a> (<bdi>In progress</bdi>), <bdi>992</bdi>"));
	assert_non_null(strstr(page.data, "Defect <bdi>&lt;b&gt;7</bdi> (<bdi>&lt;i&gt;</bdi>)"));
	assert_null(strstr(page.data, "axo/5"));
	assert_null(strstr(page.data, "javascript:"));
	buf_done(&page);
}

static void work_items_wait_in_small_lots(void **state)
{
	enum { ROWS = 3000 };
	const struct step *s = sink_local.steps;
	struct arena arena = ARENA_LIMIT(16 << 20);
	struct row_defect defect[3];
	struct row *row = calloc(ROWS, sizeof(*row));
	struct rows rows = { .row = row, .count = ROWS };
	struct talk t = { .rows = &rows, .now_ms = NOW };
	struct sink_run run = { .name = "r", .key = "r", .token = "rd-0", .ended = true };
	char id[ROWS][17], long_url[700];
	size_t settled = 0, flushed = 0;

	(void)state;
	while (s->rows != ROWS_DEFECTS)
		s++;
	memset(long_url, 'u', sizeof(long_url) - 1);
	long_url[sizeof(long_url) - 1] = '\0';
	for (size_t i = 0; i < 3; i++)
		defect[i] = (struct row_defect){ "991", i == 1 ? long_url : "https://axo/991", "Open" };
	for (size_t i = 0; i < ROWS; i++) {
		snprintf(id[i], sizeof(id[i]), "%016zx", i);
		row[i] = (struct row){
			.id = (int64_t)i, .posted_id = id[i], .defects = defect, .defect_count = 3
		};
	}
	t.run = &run;
	t.arena = &arena;
	t.bookmark = cJSON_CreateObject();
	for (int turn = 0; turn < 1000 && rows.count > 0; turn++) {
		struct request r;
		struct reply reply;
		request_init(&r);
		reply_init(&reply);
		learned_init(&t.learned, &arena);
		enum ask ask = s->ask(&t, &r);
		assert_true(strlen(sink_string(t.bookmark, "pending")) < PENDING_BYTES + DEFECT_BYTES);
		if (ask == ASK_SEND) {
			assert_null(strstr(r.body.data, "uuu"));
			flushed += r.body.len;
			reply.status = 200;
			assert_int_equal(s->got(&t, &reply), GOT_MORE);
		} else {
			assert_int_equal(ask, ASK_LEARN);
			assert_true(t.learned.count > 0);
			settled += t.learned.count;
			rows.row += t.learned.count;
			rows.count -= t.learned.count;
		}
		learned_done(&t.learned);
		reply_done(&reply);
		request_done(&r);
	}
	assert_int_equal(settled, ROWS);
	assert_true(flushed > PENDING_BYTES);
	cJSON_Delete(t.bookmark);
	arena_done(&arena);
	free(row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_becomes_a_folder),
		cmocka_unit_test(a_lost_answer_changes_nothing),
		cmocka_unit_test(a_late_attempt_is_a_further_line),
		cmocka_unit_test(the_page_counts_what_it_lists),
		cmocka_unit_test(an_open_run_is_shown_but_not_at_every_part),
		cmocka_unit_test(a_run_without_tests_has_a_page),
		cmocka_unit_test(files_removed_under_our_hands),
		cmocka_unit_test(hostile_names_stay_text),
		cmocka_unit_test(links_lead_to_the_web_only),
		cmocka_unit_test(folders_have_safe_names),
		cmocka_unit_test(the_page_does_not_grow_with_the_run),
		cmocka_unit_test(a_test_of_absurd_size_is_still_a_line),
		cmocka_unit_test(the_index_keeps_the_newest),
		cmocka_unit_test(two_runs_share_the_index),
		cmocka_unit_test(a_foreign_list_is_put_aside),
		cmocka_unit_test(a_real_folder_gets_the_same_files),
		cmocka_unit_test(a_refused_file_parks_the_delivery),
		cmocka_unit_test(work_items_stand_beside_their_tests),
		cmocka_unit_test(work_items_wait_in_small_lots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

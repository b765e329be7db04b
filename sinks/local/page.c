/* SPDX-License-Identifier: Apache-2.0
 *
 * page.c - the page of one run: what failed first, then what is worth knowing, then everything by suite.
 *
 * It is made anew from the tally and the lines of .page-rows whenever one of them has changed, so a page
 * never needs to be mended.  It works without its script, which only adds filters. */
#include "sinks/local/local.h"

#include "daemon/base/utf8.h"

enum {
	OPEN_MAX = 25,    /* failures that stand open */
	OPEN_ROWS = 60,   /* suites stand open where all their tests are not more than this */
	OPEN_ALONE = 400, /* and a single suite up to this */
};

/* ---- pieces ---- */

static double duration(const cJSON *json)
{
	const cJSON *d = cJSON_GetObjectItemCaseSensitive(json, "d");

	return cJSON_IsNumber(d) ? d->valuedouble : -1;
}

/* The status is a word for those who listen, and a sign (drawn by the style) for those who look. */
static void mark(struct buf *b, enum verdict v)
{
	buf_printf(b, "<i class=\"%s\">%s</i>", html_tone(v), html_word(v));
}

static void put_name(struct buf *b, const cJSON *json)
{
	const char *n = sink_string(json, "n"), *p = sink_string(json, "p");

	html_bdi(b, n != NULL ? n : "(no name)");
	if (p != NULL) {
		buf_puts(b, " <bdi class=\"params\">(");
		html_string(b, p);
		buf_puts(b, ")</bdi>");
	}
}

static void took(struct buf *b, double ms)
{
	if (!(ms >= 0))
		return;
	buf_puts(b, "<span class=\"took\">");
	html_duration(b, ms);
	buf_puts(b, "</span>");
}

static void block(struct buf *b, const char *class_name, const char *text)
{
	if (text == NULL)
		return;
	buf_printf(b, "<pre class=\"%s\" dir=\"auto\" tabindex=\"0\">", class_name);
	/* A newline after <pre> would be swallowed. */
	if (text[0] == '\n')
		buf_putc(b, '\n');
	html_string(b, text);
	buf_puts(b, "</pre>\n");
}

static void fold(struct buf *b, const char *label, const char *text)
{
	if (text == NULL)
		return;
	buf_printf(b, "<details class=\"output\"><summary>%s</summary>", label);
	block(b, "detail", text);
	buf_puts(b, "</details>\n");
}

static void attempts(struct buf *b, const cJSON *json)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "a"), *item;
	int64_t all = sink_int(json, "an", 0), n = cJSON_GetArraySize(list), i = all - n;

	if (n < 1)
		return;
	buf_puts(b, "<ol class=\"attempts\">\n");
	if (i > 0)
		buf_printf(b, "<li class=\"more\">%lld earlier attempts in results.jsonl</li>\n",
			   (long long)i);
	cJSON_ArrayForEach(item, list)
	{
		enum verdict v = VERDICT_ERROR;
		verdict_parse(sink_string(item, "v"), &v);
		buf_puts(b, "<li>");
		mark(b, v);
		buf_printf(b, "<span>attempt %lld %s</span> ", (long long)++i, html_word(v));
		took(b, duration(item));
		if (sink_string(item, "m") != NULL)
			block(b, "detail", sink_string(item, "m"));
		buf_puts(b, "</li>\n");
	}
	buf_puts(b, "</ol>\n");
}

static void place(struct buf *b, const cJSON *json)
{
	const char *file = sink_string(json, "f");
	int64_t line = sink_int(json, "l", 0);
	const cJSON *refs = cJSON_GetObjectItemCaseSensitive(json, "r"), *ref;

	if (file == NULL && refs == NULL)
		return;
	buf_puts(b, "<p class=\"place\">");
	if (file != NULL) {
		buf_puts(b, "<code>");
		html_bdi(b, file);
		if (line > 0)
			buf_printf(b, ":%lld", (long long)line);
		buf_puts(b, "</code>");
	}
	cJSON_ArrayForEach(ref, refs)
	{
		buf_puts(b, " <code class=\"ref\">");
		html_bdi(b, cJSON_GetStringValue(ref));
		buf_puts(b, "</code>");
	}
	buf_puts(b, "</p>\n");
}

/* For the script: a cause filters its tests. */
static void put_cause(struct buf *b, const struct entry *e)
{
	if (e->cause > 0)
		buf_printf(b, " data-c=\"%u\"", e->cause);
}

/* A test with its texts. */
static void test_full(struct buf *b, const struct sheet *s, const struct entry *e, bool open)
{
	const cJSON *j = e->json;
	const char *type = sink_string(j, "k"), *message = sink_string(j, "m"), *detail = sink_string(j, "x");
	/* Some write the message again as the first line of the detail, or nothing but the type. */
	bool said = message != NULL && detail != NULL && strstr(detail, message) != NULL &&
		    strlen(message) > 0 && strchr(message, '\n') != NULL;

	buf_printf(b, "<details class=\"test\" data-s=\"%s\"", html_tone(e->verdict));
	put_cause(b, e);
	buf_printf(b, " id=\"t%s\"%s><summary>", e->id, open ? " open" : "");
	mark(b, e->verdict);
	buf_puts(b, "<span class=\"what\"><b>");
	put_name(b, j);
	buf_puts(b, "</b> <small>");
	html_bdi(b, sink_string(j, "g"));
	buf_puts(b, "</small>");
	defects_write(b, s, e);
	buf_puts(b, "</span>");
	took(b, duration(j));
	buf_puts(b, "</summary>\n<div>\n");
	if (message != NULL && !said) {
		buf_puts(b, "<p class=\"message\" dir=\"auto\">");
		html_string(b, message);
		buf_puts(b, "</p>\n");
	}
	if (type != NULL && (detail == NULL || strstr(detail, type) == NULL)) {
		buf_puts(b, "<p class=\"place\"><code>");
		html_bdi(b, type);
		buf_puts(b, "</code></p>\n");
	}
	block(b, "detail", detail);
	attempts(b, j);
	fold(b, "Standard output", sink_string(j, "o"));
	fold(b, "Standard error", sink_string(j, "e"));
	place(b, j);
	buf_puts(b, "</div></details>\n");
}

/* A test on one line.  link: to its texts, further up. */
static void test_line(struct buf *b, const struct sheet *s, const struct entry *e, bool link, bool suite)
{
	const char *message = sink_string(e->json, "m");

	buf_printf(b, "<li data-s=\"%s\"", html_tone(e->verdict));
	put_cause(b, e);
	buf_putc(b, '>');
	mark(b, e->verdict);
	buf_puts(b, "<span class=\"what\">");
	if (link)
		buf_printf(b, "<a href=\"#t%s\">", e->id);
	put_name(b, e->json);
	if (link)
		buf_puts(b, "</a>");
	if (suite) {
		buf_puts(b, " <small>");
		html_bdi(b, sink_string(e->json, "g"));
		buf_puts(b, "</small>");
	}
	if (message != NULL && !link) {
		buf_puts(b, " <small class=\"why\">");
		html_bdi(b, message);
		buf_puts(b, "</small>");
	}
	if (!link) /* else it stands beside the texts */
		defects_write(b, s, e);
	buf_puts(b, "</span>");
	took(b, duration(e->json));
	buf_puts(b, "</li>\n");
}

/* ---- sections ---- */

static void facts(struct buf *b, const struct sink_run *run)
{
	static const struct {
		const char *var, *label;
		size_t max;
	} rows[] = {
		{ "ci.job", "Job", 100 },      { "ci.build", "Build", 40 }, { "ci.branch", "Branch", 100 },
		{ "ci.commit", "Commit", 12 }, { "ci.node", "Node", 60 },
	};
	const char *url = vars_get(run->vars, "ci.url");
	bool any = false;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *value = vars_get(run->vars, rows[i].var);
		if (value == NULL || value[0] == '\0')
			continue;
		size_t len = strlen(value), cut = len > rows[i].max ? rows[i].max : len;
		while (cut < len && cut > 0 && ((unsigned char)value[cut] & 0xc0) == 0x80)
			cut--;
		buf_puts(b, any ? "<div><dt>" : "<dl class=\"facts\">\n<div><dt>");
		any = true;
		buf_printf(b, "%s</dt><dd><bdi>", rows[i].label);
		html_text(b, value, cut);
		buf_puts(b, "</bdi></dd></div>\n");
	}
	if (html_link_safe(url) && strlen(url) < 2000) {
		buf_puts(b, any ? "<div><dt>CI</dt><dd><a rel=\"noreferrer noopener\" href=\""
				: "<dl class=\"facts\">\n<div><dt>CI</dt><dd><a rel=\"noreferrer noopener\" "
				  "href=\"");
		any = true;
		html_string(b, url);
		buf_puts(b, "\">open the build</a></dd></div>\n");
	}
	if (any)
		buf_puts(b, "</dl>\n");
	const char *notes = vars_get(run->vars, "run.notes");
	if (notes != NULL) {
		buf_puts(b, "<p class=\"note\">Failed outside of any test:</p>\n<pre class=\"detail\">");
		html_string(b, notes);
		buf_puts(b, "</pre>\n");
	}
}

/* "3 failed", "all passed", "no tests": the run in two words. */
static void headline(struct buf *b, const struct sheet *s)
{
	uint64_t failed = s->totals.count[VERDICT_FAILED] + s->totals.count[VERDICT_ERROR];

	if (failed > 0) {
		html_number(b, failed);
		buf_puts(b, " failed");
	} else if (vars_get(s->run->vars, "run.notes") != NULL) {
		buf_puts(b, "failed outside of any test");
	} else if (s->totals.tests == 0) {
		buf_puts(b, s->run->ended ? "no tests" : "no tests yet");
	} else if (s->totals.count[VERDICT_PASSED] + s->totals.count[VERDICT_FLAKY] == 0) {
		buf_puts(b,
			 s->totals.count[VERDICT_KNOWN_FAILURE] > 0 ? "only known failures" : "all skipped");
	} else {
		buf_puts(b, s->run->ended ? "passed" : "good so far");
	}
}

static const char *tone(const struct sheet *s)
{
	if (s->totals.count[VERDICT_FAILED] + s->totals.count[VERDICT_ERROR] > 0 ||
	    vars_get(s->run->vars, "run.notes") != NULL)
		return "failed";
	if (!s->run->ended)
		return "running";
	return s->totals.tests > 0 && s->totals.count[VERDICT_PASSED] + s->totals.count[VERDICT_FLAKY] > 0
		       ? "passed"
		       : "none";
}

static void summary(struct buf *b, const struct sheet *s)
{
	static const struct {
		enum verdict v;
		const char *label, *target;
	} tile[] = {
		{ VERDICT_FAILED, "failed", "failed" },
		{ VERDICT_ERROR, "errors", "failed" },
		{ VERDICT_KNOWN_FAILURE, "known failures", "known" },
		{ VERDICT_FLAKY, "flaky", "flaky" },
		{ VERDICT_PASSED, "passed", "suites" },
		{ VERDICT_SKIPPED, "skipped", "suites" },
	};

	html_bar(b, "big", s->totals.count);
	buf_puts(b, "\n<ul class=\"tiles\">\n");
	for (size_t i = 0; i < sizeof(tile) / sizeof(tile[0]); i++) {
		if (s->totals.count[tile[i].v] == 0)
			continue;
		buf_printf(b, "<li><a class=\"%s\" href=\"#%s\" data-f=\"%s\"><b>", html_tone(tile[i].v),
			   tile[i].target, html_tone(tile[i].v));
		html_number(b, s->totals.count[tile[i].v]);
		size_t len = strlen(tile[i].label);
		if (s->totals.count[tile[i].v] == 1 && tile[i].label[len - 1] == 's')
			len--;
		buf_printf(b, "</b> %.*s</a></li>\n", (int)len, tile[i].label);
	}
	buf_puts(b, "</ul>\n");
}

static void section(struct buf *b, const char *id, const char *title, uint64_t count)
{
	buf_printf(b, "<section id=\"%s\">\n<h2>%s <span>", id, title);
	html_number(b, count);
	buf_puts(b, "</span></h2>\n");
}

static void causes(struct buf *b, const struct sheet *s)
{
	if (s->cause_count == 0)
		return;
	buf_puts(b, "<ul class=\"causes\">\n");
	for (size_t i = 0; i < s->cause_count; i++) {
		const cJSON *j = s->cause[i].first->json;
		const char *text = sink_string(j, "m");
		if (text == NULL)
			text = sink_string(j, "x");
		if (text == NULL)
			text = sink_string(j, "k");
		text += strspn(text, " \t\r\n");
		size_t line = strcspn(text, "\r\n"), cut = utf8_cut(text, line, 160);
		buf_printf(b, "<li><a href=\"#t%s\" data-c=\"%zu\"><b>", s->cause[i].first->id, i + 1);
		html_number(b, s->cause[i].count);
		buf_puts(b, " \xc3\x97</b> <bdi>");
		html_text(b, text, cut);
		buf_puts(b, cut < line ? " \xe2\x80\xa6</bdi></a></li>\n" : "</bdi></a></li>\n");
	}
	buf_puts(b, "</ul>\n");
	if (s->tally->dropped_failed > 0)
		buf_puts(b, "<p class=\"note\">Counted among the failures that this page lists.</p>\n");
}

/* Tests of these verdicts, with their texts where they have some. */
static void listed(struct buf *b, const struct sheet *s, enum verdict v1, enum verdict v2, size_t open_max,
		   uint64_t all)
{
	size_t n = 0;

	for (size_t i = 0; i < s->entry_count; i++) {
		const struct entry *e = &s->entry[i];
		if ((e->verdict == v1 || e->verdict == v2) && e->texts)
			test_full(b, s, e, n++ < open_max);
	}
	bool list = false;
	for (size_t i = 0; i < s->entry_count; i++) {
		const struct entry *e = &s->entry[i];
		if ((e->verdict != v1 && e->verdict != v2) || e->texts)
			continue;
		if (!list)
			buf_puts(b, "<ul class=\"lines\">\n");
		list = true;
		n++;
		test_line(b, s, e, false, true);
	}
	if (list)
		buf_puts(b, "</ul>\n");
	if (all > n) {
		buf_puts(b, "<p class=\"note\">");
		html_number(b, all - n);
		buf_puts(b, n > 0 ? " more are" : " are");
		buf_puts(b, " in <a href=\"results.jsonl\">results.jsonl</a>.</p>\n");
	}
	buf_puts(b, "</section>\n");
}

static void slowest(struct buf *b, const struct tally *y)
{
	size_t n = y->slow_count;

	/* A list of the slowest of three says nothing, nor one of instants. */
	if (y->tests < 10 || n == 0 || y->slow[0].ms < 50)
		return;
	buf_puts(b, "<details class=\"section\" id=\"slowest\"><summary><h2>Slowest</h2></summary>\n<ol "
		    "class=\"slow\">\n");
	for (size_t i = 0; i < n; i++) {
		const struct slow *t = &y->slow[i];
		buf_printf(b,
			   "<li><svg viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
			   "<rect width=\"%.2f\" height=\"4\"/></svg><span class=\"what\">",
			   100 * t->ms / y->slow[0].ms);
		html_bdi(b, t->name[0] != '\0' ? t->name : "(no name)");
		buf_puts(b, " <small>");
		html_bdi(b, t->group);
		buf_puts(b, "</small></span>");
		took(b, t->ms);
		buf_puts(b, "</li>\n");
	}
	buf_puts(b, "</ol>\n</details>\n");
}

static uint64_t group_sum(const struct group *g)
{
	uint64_t sum = 0;

	for (int v = 0; v < VERDICT_COUNT; v++)
		sum += g->count[v];
	return sum;
}

static void suite(struct buf *b, const struct sheet *s, const struct group *g, const char *title,
		  const struct entry *e, size_t n, bool open)
{
	uint64_t sum = group_sum(g);
	bool first = true;

	buf_printf(b, "<details class=\"suite\"%s><summary><span class=\"what\">", open ? " open" : "");
	html_bdi(b, title);
	buf_puts(b, " <small>");
	for (int i = 0; i < VERDICT_COUNT; i++) {
		static const enum verdict order[VERDICT_COUNT] = {
			VERDICT_FAILED, VERDICT_ERROR,  VERDICT_KNOWN_FAILURE,
			VERDICT_FLAKY,  VERDICT_PASSED, VERDICT_SKIPPED,
		};
		if (g->count[order[i]] == 0)
			continue;
		buf_puts(b, first ? "" : ", ");
		first = false;
		html_number(b, g->count[order[i]]);
		buf_printf(b, " %s", html_word(order[i]));
	}
	buf_puts(b, "</small></span>");
	html_bar(b, "small", g->count);
	took(b, g->ms);
	buf_puts(b, "</summary>\n");
	if (n > 0) {
		buf_puts(b, "<ul class=\"lines\">\n");
		for (size_t i = 0; i < n; i++)
			test_line(b, s, &e[i], e[i].texts, false);
		buf_puts(b, "</ul>\n");
	}
	if (sum > n) {
		buf_puts(b, "<p class=\"note\">");
		html_number(b, sum - n);
		buf_puts(b, n > 0 ? " more are" : " tests are");
		buf_puts(b, " in <a href=\"results.jsonl\">results.jsonl</a>.</p>\n");
	}
	buf_puts(b, "</details>\n");
}

static void suites(struct buf *b, const struct sheet *s)
{
	const struct group *rest = &s->tally->rest;
	bool further = group_sum(rest) > 0;
	bool open = s->entry_count <= (s->group_count == 1 ? OPEN_ALONE : OPEN_ROWS);
	size_t at = 0;

	section(b, "suites", "Suites", s->group_count + further);
	for (size_t g = 0; g < s->group_count; g++) {
		size_t from = at;
		while (at < s->entry_count && s->entry[at].group == g)
			at++;
		suite(b, s, s->group[g], s->group[g]->name, s->entry + from, at - from, open);
	}
	if (further)
		suite(b, s, rest, "Further suites", s->entry + at, s->entry_count - at, false);
	buf_puts(b, "</section>\n");
}

/* Always a download: a file that came with a test is anybody's, and must not run in the page's place. */
static void files(struct buf *b, const struct sheet *s)
{
	const cJSON *one;

	section(b, "files", "Files", s->file_count);
	buf_puts(b, "<ul class=\"lines\">\n");
	cJSON_ArrayForEach(one, s->files)
	{
		const char *folder = cJSON_GetStringValue(cJSON_GetArrayItem(one, 0));
		const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(one, 1));
		const char *test = cJSON_GetStringValue(cJSON_GetArrayItem(one, 3));
		const cJSON *size = cJSON_GetArrayItem(one, 2);
		if (folder == NULL || name == NULL)
			continue;
		buf_puts(b, "<li><a download href=\"files/");
		html_url_path(b, folder);
		buf_putc(b, '/');
		html_url_path(b, name);
		buf_puts(b, "\">");
		html_bdi(b, name);
		buf_puts(b, "</a> <small>");
		html_number(b,
			    cJSON_IsNumber(size) && size->valuedouble > 0 ? (uint64_t)size->valuedouble : 0);
		buf_puts(b, " bytes");
		if (test != NULL && test[0] != '\0') {
			buf_puts(b, ", of ");
			html_bdi(b, test);
		}
		buf_puts(b, "</small></li>\n");
	}
	buf_puts(b, "</ul>\n");
	if (s->file_count > (uint64_t)cJSON_GetArraySize(s->files))
		buf_puts(b, "<p class=\"note\">The others are in the folder <code>files</code> beside this "
			    "page.</p>\n");
	buf_puts(b, "</section>\n");
}

static void title_of(struct buf *b, const struct sheet *s)
{
	headline(b, s);
	buf_puts(b, " \xc2\xb7 ");
	buf_puts(b, s->run->name != NULL ? s->run->name : "");
}

static void foot(struct buf *b, const struct sheet *s, int64_t now_ms)
{
	const struct tally *y = s->tally;

	buf_puts(b, "<footer>\n<p>");
	if (y->dropped_failed + y->dropped_other > 0) {
		buf_puts(b, "This page does not list ");
		html_number(b, y->dropped_failed + y->dropped_other);
		buf_puts(b, " of the results, so that it opens quickly. ");
	}
	buf_puts(b, "Every test with all its attempts and texts, one JSON object a line: "
		    "<a href=\"results.jsonl\">results.jsonl</a>");
	if (y->lines > y->tests)
		buf_puts(b, " (where a test has several lines, the last one counts)");
	buf_puts(b, ".");
	if (y->lost > 0)
		buf_puts(b,
			 " A file of this run was removed while it was written; what was in it is not here.");
	buf_puts(b, "</p>\n<p>Run key <code>");
	html_bdi(b, s->run->key);
	buf_puts(b, "</code> \xc2\xb7 written by resultd " RD_VERSION ", ");
	html_time(b, now_ms);
	buf_puts(b, "</p>\n</footer>\n");
}

void page_write(struct buf *b, const struct sheet *s, int64_t now_ms)
{
	const struct sink_run *run = s->run;
	struct buf title = BUF_LIMIT(64 << 10);

	uint64_t failed = s->totals.count[VERDICT_FAILED] + s->totals.count[VERDICT_ERROR];
	title_of(&title, s);
	html_begin(b, &(struct page_head){ .title = title.len > 0 ? title.data : "",
					   .tone = tone(s),
					   .live = !run->ended });
	buf_puts(b, "<header>\n<nav><a href=\"../index.html\">All runs</a></nav>\n<h1>");
	html_bdi(b, run->name);
	buf_printf(b, "</h1>\n<p class=\"lead\"><strong class=\"%s\">", tone(s));
	headline(b, s);
	buf_puts(b, "</strong> ");
	if (s->totals.tests > 0) {
		buf_puts(b, failed > 0 ? "of " : "\xc2\xb7 ");
		html_number(b, s->totals.tests);
		buf_puts(b, s->totals.tests == 1 ? " test" : " tests");
	}
	if (s->totals.ms > 0) {
		buf_puts(b, " \xc2\xb7 ");
		html_duration(b, s->totals.ms);
		buf_puts(b, " of test time");
	}
	buf_puts(b, " \xc2\xb7 ");
	html_time(b, run->started_ms);
	if (!run->ended)
		buf_puts(b, " <span class=\"live\">running</span>");
	buf_puts(b, "</p>\n");
	facts(b, run);
	if (s->totals.tests > 0)
		summary(b, s);
	buf_puts(b, "</header>\n<main>\n");
	if (failed > 0) {
		section(b, "failed", "Failed", failed);
		causes(b, s);
		listed(b, s, VERDICT_FAILED, VERDICT_ERROR, OPEN_MAX, failed);
	}
	if (s->totals.count[VERDICT_FLAKY] > 0) {
		section(b, "flaky", "Flaky", s->totals.count[VERDICT_FLAKY]);
		listed(b, s, VERDICT_FLAKY, VERDICT_FLAKY, 0, s->totals.count[VERDICT_FLAKY]);
	}
	if (s->totals.count[VERDICT_KNOWN_FAILURE] > 0) {
		section(b, "known", "Known failures", s->totals.count[VERDICT_KNOWN_FAILURE]);
		listed(b, s, VERDICT_KNOWN_FAILURE, VERDICT_KNOWN_FAILURE, 0,
		       s->totals.count[VERDICT_KNOWN_FAILURE]);
	}
	slowest(b, s->tally);
	if (s->file_count > 0)
		files(b, s);
	if (s->group_count > 0)
		suites(b, s);
	buf_puts(b, "</main>\n");
	foot(b, s, now_ms);
	html_end(b);
	buf_done(&title);
}

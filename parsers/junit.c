/* SPDX-License-Identifier: Apache-2.0
 *
 * junit.c - JUnit's XML, which nobody ever specified, as its many producers write it.
 *
 * A table of elements by context, and the case itself; what stands in the elements of suites and cases is read
 * by junit_suite.c, junit_problem.c and junit_property.c.  What a dialect does differently is noted where the
 * code minds it.
 * Test cases and suites are taken at any depth, also inside elements that nobody knows. */
#include "parsers/junit.h"

#include <stdio.h>
#include <string.h>

enum {            /* contexts */
       TOP = 1,   /* where the root stands */
       SUITE = 2, /* inside testsuites, testsuite, testrun */
       SUITE_PROPERTIES = 4,
       CASE = 8,
       PROPERTIES = 16, /* of a case */
       PROPERTY = 32,
       PROBLEM = 64, /* inside failure, error, skipped */
       RERUN = 128,  /* inside flakyFailure and its like */
       OTHER = 256,  /* inside what nobody knows */
       ANY = 511,
};

static struct parser *self(void *cookie)
{
	return cookie;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool equal_nocase(const char *a, const char *b)
{
	for (; *a != '\0' && lower(*a) == lower(*b); a++, b++)
		;
	return lower(*a) == lower(*b);
}

/* ---- cases ---- */

/* Words in status="" and result="" of GoogleTest, CTest, allure, nextest and others.  Those of a test that
 * was not executed count as skipped; the others are verdicts only where no child says something. */
static bool verdict_word(const char *word, enum outcome *out)
{
	static const struct {
		const char *word;
		enum outcome outcome;
	} words[] = {
		{ "notrun", OUTCOME_SKIPPED },       { "not run", OUTCOME_SKIPPED },
		{ "not_run", OUTCOME_SKIPPED },      { "disabled", OUTCOME_SKIPPED },
		{ "skipped", OUTCOME_SKIPPED },      { "skip", OUTCOME_SKIPPED },
		{ "ignored", OUTCOME_SKIPPED },      { "suppressed", OUTCOME_SKIPPED },
		{ "pending", OUTCOME_SKIPPED },      { "inconclusive", OUTCOME_SKIPPED },
		{ "aborted", OUTCOME_SKIPPED },      { "stopped", OUTCOME_SKIPPED },
		{ "canceled", OUTCOME_SKIPPED },     { "cancelled", OUTCOME_SKIPPED },
		{ "not executed", OUTCOME_SKIPPED }, { "untested", OUTCOME_SKIPPED },
		{ "undefined", OUTCOME_SKIPPED },    { "blocked", OUTCOME_SKIPPED },
		{ "incomplete", OUTCOME_SKIPPED },   { "interrupted", OUTCOME_SKIPPED },
		{ "timeout", OUTCOME_ERROR },        { "timedout", OUTCOME_ERROR },
		{ "timed out", OUTCOME_ERROR },      { "timed_out", OUTCOME_ERROR },
		{ "crashed", OUTCOME_ERROR },        { "failed", OUTCOME_FAILED },
		{ "fail", OUTCOME_FAILED },          { "failure", OUTCOME_FAILED },
		{ "error", OUTCOME_ERROR },          { "errored", OUTCOME_ERROR },
		{ "broken", OUTCOME_ERROR },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (equal_nocase(word, words[i].word)) {
			*out = words[i].outcome;
			return true;
		}
	}
	return false;
}

static bool fine_word(const char *word)
{
	static const char *const words[] = { "pass",     "ok",       "success",  "successful", "succeeded",
					     "complete", "executed", "finished", "expected",   "flaky",
					     "warning",  "true",     "" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (equal_nocase(word, words[i]))
			return true;
	}
	return false;
}

/* "run", "completed" and "passed" are by far the most frequent and end here at once. */
static void take_verdict(struct build *b, const char *word)
{
	enum outcome o;

	if (equal_nocase(word, "run") || equal_nocase(word, "completed") || equal_nocase(word, "passed")) {
		b->ran = true;
		return;
	}
	if (!verdict_word(word, &o)) {
		if (!fine_word(word))
			snprintf(b->word, sizeof(b->word), "%s", word);
		return;
	}
	/* Both attributes may speak: not executed beats what it would have been. */
	if (b->verdict == OUTCOME_PASSED || o == OUTCOME_SKIPPED)
		b->verdict = o;
}

/* Jenkins' rule, held to names that are a path of identifiers: "returns 1.5 seconds" is none. */
static const char *dotted(const char *name)
{
	const char *last = NULL;

	for (const char *p = name; *p != '\0'; p++) {
		bool word = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			    (*p >= '0' && *p <= '9') || *p == '_' || *p == '$' || (unsigned char)*p >= 0x80;
		if (*p == '.') {
			if (p == name || p[-1] == '.' || p[1] == '\0' || (p[1] >= '0' && p[1] <= '9'))
				return NULL;
			last = p;
		} else if (!word) {
			return NULL;
		}
	}
	return last;
}

static bool names_script(const char *s)
{
	static const char *const endings[] = { ".ts", ".js", ".tsx", ".jsx", ".mts", ".mjs", ".cts", ".cjs" };
	size_t len = strlen(s);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t n = strlen(endings[i]);
		if (len > n && strcmp(s + len - n, endings[i]) == 0)
			return true;
	}
	return false;
}

/* Playwright's hostname is the project (browser), so the same test repeats once for each.  It is known by
 * an id on <testsuites>, a suite named by its file, and cases that carry that name as their class. */
static bool hostname_is_variant(const struct parser *p, const struct suite *s, const char *class_name)
{
	return p->root_id && s != NULL && s->hostname != NULL && s->name != NULL && class_name != NULL &&
	       strcmp(s->name, class_name) == 0 && names_script(class_name);
}

/* Those who describe() a test write its reference at the beginning of its own title, and that may stand in the
 * middle of the name: "login › C1: works" (Playwright), "login > C1: works" (Vitest), "login C1: works" with
 * the title as class (mocha) or the describe as suite (jest-junit). */
static void refs_from_titles(struct parser *p, const char *class_name)
{
	struct build *b = p->build;
	const char *name = b->r.name, *suite = p->path_count > 0 ? p->path[p->path_count - 1] : "";

	if (name == NULL || strchr(name, 'C') == NULL)
		return;
	const char *mark = strstr(name, " › ") != NULL                      ? " › "
			   : class_name != NULL && names_script(class_name) ? " > "
									    : NULL;
	if (mark != NULL) {
		char *title = arena_strndup(&b->arena, name, strlen(name));
		for (char *next; title != NULL && (next = strstr(title, mark)) != NULL;
		     title = next + strlen(mark)) {
			*next = '\0';
			refs_from_name(&b->refs, title);
		}
		if (title != NULL)
			refs_from_name(&b->refs, title);
		return;
	}
	size_t len = strlen(name), title = class_name != NULL ? strlen(class_name) : 0, front = strlen(suite);
	if (title > 0 && title + 1 < len && name[len - title - 1] == ' ' &&
	    strcmp(name + len - title, class_name) == 0)
		refs_from_name(&b->refs, class_name);
	else if (title == len && front > 0 && front + 1 < len && name[front] == ' ' &&
		 strncmp(name, suite, front) == 0 && strcmp(name, class_name) == 0)
		refs_from_name(&b->refs, name + front + 1);
}

/* The device that the suite was run on, where one report tells of several. */
static const char *device(const struct parser *p)
{
	for (size_t i = p->suite_count; i > 0; i--) {
		if (p->suite[i - 1].device != NULL && p->suite[i - 1].device_sure)
			return p->suite[i - 1].device;
	}
	return NULL;
}

struct case_attrs {
	const char *name, *class_name, *class_other, *time, *file, *stamp, *message;
	int64_t line;
};

/* One attribute of a testcase.  false: it means nothing to us and is kept as a property (GoogleTest wrote
 * RecordProperty() so; nextest its uuid). */
static bool case_attr(struct parser *p, struct build *b, struct case_attrs *c, const char *key,
		      const char *value)
{
	switch (key[0]) {
	case 'n':
		if (strcmp(key, "name") != 0)
			return false;
		c->name = value;
		return true;
	case 'c':
		if (strcmp(key, "classname") == 0)
			c->class_name = value;
		else if (strcmp(key, "class") == 0) /* PHPUnit has both */
			c->class_other = value;
		else
			return false;
		return true;
	case 't':
		if (strcmp(key, "time") == 0)
			c->time = value;
		else if (strcmp(key, "timestamp") == 0)
			c->stamp = value;
		else if (strcmp(key, "type_param") == 0 && !p->options->counts_only)
			build_param(p, value);
		else
			return false;
		return true;
	case 'v':
		if (strcmp(key, "value_param") != 0)
			return false;
		if (!p->options->counts_only)
			build_param(p, value);
		return true;
	case 's':
		if (strcmp(key, "status") == 0)
			take_verdict(b, value);
		else if (strcmp(key, "success") == 0) {
			if (equal_nocase(value, "false") && b->verdict == OUTCOME_PASSED)
				b->verdict = OUTCOME_FAILED;
		} else
			return false;
		return true;
	case 'r':
		if (strcmp(key, "result") != 0)
			return false;
		take_verdict(b, value);
		/* GoogleTest would say "skipped" of a test that nothing but skips. */
		b->completed = equal_nocase(value, "completed");
		return true;
	case 'i':
		/* Eclipse: @Ignore, and what the run was stopped in or before; nobody knows how it would end. */
		if ((strcmp(key, "ignored") != 0 && strcmp(key, "incomplete") != 0) ||
		    !equal_nocase(value, "true"))
			return false;
		b->verdict = OUTCOME_SKIPPED;
		return true;
	case 'f':
		if (strcmp(key, "file") != 0)
			return false;
		c->file = value;
		return true;
	case 'l':
		if (strcmp(key, "line") != 0 && strcmp(key, "lineno") != 0) /* cocotb, minitest-reporters */
			return false;
		if (!scalar_line(value, &c->line))
			c->line = 0;
		return true;
	case 'm':
		if (strcmp(key, "message") == 0)
			c->message = value;
		return false;
	case 'a':
		return strcmp(key, "assertions") == 0;
	case 'x':
		return strncmp(key, "xmlns", 5) == 0 || strncmp(key, "xsi:", 4) == 0;
	default:
		return false;
	}
}

/* TestCafe's reporter writes behind a name how the test went; what is left of it is the same in each run. */
static size_t testcafe_name(struct build *b, const char *name)
{
	static const char shots[] = " (screenshots: ", unstable[] = " (unstable)";
	size_t len = strlen(name), n = sizeof(unstable) - 1;
	const char *path = NULL;

	if (len > 0 && name[len - 1] == ')') {
		for (const char *at = name; (at = strstr(at, shots)) != NULL; at++)
			path = at;
	}
	if (path != NULL)
		len = (size_t)(path - name);
	if (len > n && memcmp(name + len - n, unstable, n) == 0) {
		b->flaky = true;
		len -= n;
	}
	return len;
}

static void case_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = build_open(p);
	struct case_attrs c = { 0 };
	unsigned count = 0;

	(void)element;
	for (const char **a = attrs; a[0] != NULL; a += 2) {
		if (junit_enough(p, ++count))
			break;
		if (!case_attr(p, b, &c, a[0], a[1]) && !p->options->counts_only)
			build_property(p, a[0], a[1]);
	}
	b->r.duration_ms = build_duration_ms(p, c.time);
	/* GoogleTest lists a disabled test under its marked name; nothing ran, unless it says so
	 * (--gtest_also_run_disabled_tests). */
	if (c.name != NULL && b->verdict == OUTCOME_PASSED && !b->ran && strncmp(c.name, "DISABLED_", 9) == 0)
		b->verdict = OUTCOME_SKIPPED;
	const struct suite *s = suite_top(p);
	if (s != NULL && s->testcafe && c.name != NULL) {
		const char *own = arena_strndup(&b->arena, c.name, testcafe_name(b, c.name));
		c.name = own != NULL ? own : c.name;
	}
	if (p->options->counts_only)
		return;

	const char *class_name = c.class_name != NULL && *c.class_name != '\0' ? c.class_name : c.class_other;
	const char *name = c.name != NULL ? c.name : "";
	const char *dot;
	if (class_name != NULL && *class_name != '\0') {
		build_name(p, class_name, name);
	} else if ((dot = dotted(name)) != NULL) {
		size_t len = (size_t)(dot - name);
		char *front = arena_strndup(&b->arena, name, len);
		build_name(p, front, dot + 1);
	} else {
		build_name(p, p->path_count > 0 ? p->path[p->path_count - 1] : NULL, name);
	}
	refs_from_titles(p, class_name);
	if (c.stamp != NULL)
		b->r.started_ms = build_stamp(p, c.stamp);
	if (hostname_is_variant(p, s, class_name))
		b->r.variant = build_string(p, s->hostname);
	else
		b->r.variant = build_string(p, device(p));
	const char *file = c.file != NULL && *c.file != '\0' ? c.file : s != NULL ? s->file : NULL;
	b->r.file = build_string(p, file);
	b->r.line = c.line;
	/* A verdict by attribute has no child to explain it. */
	if (c.message != NULL && b->verdict >= OUTCOME_FAILED) {
		text_attr(p, &b->scratch, TEXT_MESSAGE, c.message);
		b->r.failure.message = (struct text){ b->scratch.s, b->scratch.len, b->scratch.whole };
		b->scratch = (struct slot){ 0 };
	}
}

/* JUnit's own reporter names a case by its method; what @DisplayName says stands in a first piece of output, and
 * people write their references there. */
static void shown_name(struct parser *p)
{
	static const char first[] = "unique-id: [engine:", word[] = "\ndisplay-name: ";
	struct build *b = p->build;
	const char *s = b->out.s;

	while (s != NULL && *s != '\0' && text_blank(s, 1))
		s++;
	if (s == NULL || strncmp(s, first, sizeof(first) - 1) != 0 || (s = strchr(s, '\n')) == NULL ||
	    strncmp(s, word, sizeof(word) - 1) != 0)
		return;
	s += sizeof(word) - 1;
	const char *name = arena_strndup(&b->arena, s, strcspn(s, "\r\n"));
	if (name != NULL)
		refs_from_name(&b->refs, name);
}

static void case_close(void *cookie)
{
	struct parser *p = self(cookie);

	if (!p->options->counts_only)
		shown_name(p);
	const struct build *b = p->build;
	if (b->word[0] != '\0' && b->verdict == OUTCOME_PASSED && b->worst == OUTCOME_PASSED && !b->skipped)
		warn(p, WARN_STATUS, "the status \"%s\" is not known; taken as passed", b->word);
	build_close(p);
}

/* Namesakes stand side by side. */
static const struct xml_rule junit_rules[] = {
	{ "testsuites", ANY, SUITE, junit_suite_open, junit_suite_close, false },
	{ "testrun", TOP, SUITE, junit_suite_open, junit_suite_close, false }, /* Eclipse */
	{ "testsuite", ANY, SUITE, junit_suite_open, junit_suite_close, false },
	{ "testcase", ANY, CASE, case_open, case_close, false },
	{ "failure", CASE, PROBLEM, junit_failure_open, junit_text_close, true },
	{ "failure", SUITE, OTHER, junit_suite_problem, NULL, false },
	{ "error", CASE, PROBLEM, junit_error_open, junit_text_close, true },
	{ "error", SUITE, OTHER, junit_suite_problem, NULL, false },
	{ "internalError", CASE, PROBLEM, junit_error_open, junit_text_close, true }, /* Catch2 */
	{ "skipped", CASE, PROBLEM, junit_skipped_open, junit_text_close, true },
	{ "ignored", CASE, PROBLEM, junit_skipped_open, junit_text_close, true }, /* TestNG's file a <test> */
	/* An assumption that did not hold, by Ant's junitlauncher. */
	{ "aborted", CASE, PROBLEM, junit_skipped_open, junit_text_close, true },
	{ "expected", PROBLEM, OTHER, junit_part_open, junit_part_close, true }, /* Eclipse */
	{ "actual", PROBLEM, OTHER, junit_part_open, junit_part_close, true },
	{ "trace", PROBLEM, OTHER, junit_part_open, junit_part_close, true },
	{ "flakyFailure", CASE, RERUN, junit_other_attempt_open, junit_text_close, true },
	{ "flakyError", CASE, RERUN, junit_other_attempt_open, junit_text_close, true },
	{ "rerunFailure", CASE, RERUN, junit_other_attempt_open, junit_text_close, true },
	{ "rerunError", CASE, RERUN, junit_other_attempt_open, junit_text_close, true },
	{ "stackTrace", RERUN, OTHER, junit_attempt_trace_open, junit_text_close, true },
	{ "system-out", CASE, OTHER, junit_out_open, junit_text_close, true },
	{ "system-out", SUITE, OTHER, junit_suite_out_open, junit_suite_out_close, true },
	{ "system-out", RERUN, OTHER, junit_attempt_out_open, junit_text_close, true },
	{ "system-err", CASE, OTHER, junit_err_open, junit_text_close, true },
	{ "system-err", RERUN, OTHER, junit_attempt_err_open, junit_text_close, true },
	{ "system.out", CASE, OTHER, junit_out_open, junit_text_close,
	  true }, /* testbeats reads these, too */
	{ "system.err", CASE, OTHER, junit_err_open, junit_text_close, true },
	{ "properties", CASE, PROPERTIES, NULL, NULL, false },
	{ "properties", SUITE, SUITE_PROPERTIES, NULL, NULL, false },
	{ "property", PROPERTIES | CASE, PROPERTY, junit_property_open, junit_property_close, true },
	{ "property", SUITE_PROPERTIES | SUITE, OTHER, junit_suite_property_open, junit_suite_property_close,
	  true },
	{ "item", PROPERTY, OTHER, junit_item_open, junit_item_close, true },
	{ "*", CASE, OTHER, junit_unknown_open, junit_unknown_close, true },
	{ 0 },
};

const struct xml_dialect junit_dialect = {
	.format = "junit",
	.rules = junit_rules,
	.root = TOP,
	.other = OTHER,
	.text = text_give,
};

const struct xml_dialect *junit_root(const char *name)
{
	static const char *const roots[] = { "testsuites", "testsuite", "testcase", "testrun" };

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		if (strcmp(name, roots[i]) == 0)
			return &junit_dialect;
	}
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * junit.c - JUnit's XML, which nobody ever specified, as its many producers write it.
 *
 * A table of elements by context; what a dialect does differently is noted where the code minds it.
 * Test cases and suites are taken at any depth, also inside elements that nobody knows. */
#include "parsers/state.h"

#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <stdlib.h>
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

/* What is inside a case belongs to p->build, which a hostile nesting may have closed. */
static struct build *open_case(struct parser *p)
{
	return p->build;
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

/* ---- suites ---- */

static uint64_t header_count(struct parser *p, const char *value)
{
	uint64_t n;

	if (value == NULL || text_blank(value, strlen(value)))
		return UINT64_MAX;
	if (scalar_count(value, &n))
		return n;
	warn(p, WARN_HEADER, "the count \"%.40s\" makes no sense", value);
	return UINT64_MAX;
}

static void suite_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	bool is_suite = strcmp(xml_local(element), "testsuite") == 0;
	const char *name = "", *stamp = NULL, *hostname = NULL, *file = NULL;
	const char *tests = NULL, *failures = NULL, *errors = NULL, *skipped = NULL;
	unsigned count = 0;

	for (const char **a = attrs; a[0] != NULL; a += 2) {
		if (++count > p->limits.attributes) {
			warn(p, WARN_ATTRIBUTES,
			     "an element has more than %u attributes; further ones are left out",
			     p->limits.attributes);
			break;
		}
		const char *key = a[0], *value = a[1];
		switch (key[0]) {
		case 'n':
			if (strcmp(key, "name") == 0)
				name = value;
			break;
		case 't':
			if (strcmp(key, "tests") == 0)
				tests = value;
			else if (strcmp(key, "timestamp") == 0)
				stamp = value;
			break;
		case 'f':
			if (strcmp(key, "failures") == 0)
				failures = value;
			else if (strcmp(key, "file") == 0 || strcmp(key, "filepath") == 0)
				file = value;
			break;
		case 'e':
			if (strcmp(key, "errors") == 0)
				errors = value;
			break;
		case 's':
			/* unittest and pytest of old: skips; others: skip. */
			if (strcmp(key, "skipped") == 0 || strcmp(key, "skips") == 0 ||
			    strcmp(key, "skip") == 0)
				skipped = value;
			break;
		case 'h':
			if (strcmp(key, "hostname") == 0)
				hostname = value;
			break;
		case 'i':
			if (!is_suite && strcmp(key, "id") == 0)
				p->root_id = true;
			break;
		default:
			break;
		}
	}
	p->stats.suites += is_suite;
	/* <testsuites> is no suite: its name is the tool's or the project's, and not part of a path. */
	size_t len = is_suite ? strlen(name) : 0;
	if (len > p->limits.attribute) {
		warn(p, WARN_ATTRIBUTE, "an attribute is longer than %zu bytes and was cut",
		     p->limits.attribute);
		len = utf8_cut(name, len, p->limits.attribute);
	}
	struct suite *s = suite_push(p, name, p->options->counts_only ? 0 : len);
	s->tests = header_count(p, tests);
	s->failures = header_count(p, failures);
	s->errors = header_count(p, errors);
	s->skipped = header_count(p, skipped);
	if (stamp != NULL)
		s->started_ms = build_stamp(p, stamp);
	if (p->options->counts_only)
		return;
	if (hostname != NULL && *hostname != '\0' && strlen(hostname) <= 1024)
		s->hostname = xstrdup(hostname);
	if (file != NULL && *file != '\0' && strlen(file) <= 4096 && p->suite_count <= p->limits.depth)
		s->file = xstrdup(file);
}

static void suite_close(void *cookie)
{
	struct parser *p = self(cookie);
	struct suite *s = suite_top(p);

	if (s == NULL)
		return;
	uint64_t cases = p->stats.cases - s->had_cases;
	uint64_t bad = p->stats.failed - s->had_failed + p->stats.error - s->had_error;
	/* Producers disagree about what is a failure and what an error; their sum is a fact. */
	uint64_t said =
		s->failures != UINT64_MAX && s->errors != UINT64_MAX ? s->failures + s->errors : UINT64_MAX;
	if (s->tests != UINT64_MAX && s->tests != cases)
		warn(p, WARN_HEADER_COUNT, "the header says %llu tests, there are %llu",
		     (unsigned long long)s->tests, (unsigned long long)cases);
	else if (said != UINT64_MAX && said != bad)
		warn(p, WARN_HEADER_COUNT, "the header says %llu failures and errors, there are %llu",
		     (unsigned long long)said, (unsigned long long)bad);
	suite_pop(p);
}

/* A class that failed to load, a fixture that broke, a script that died (Ant, Bazel, TAP): no case, but the run
 * has failed. */
static void suite_problem(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	const struct suite *s = suite_top(p);
	const char *message = xml_attr(attrs, "message"), *name = s != NULL ? s->name : NULL;

	if (message == NULL || *message == '\0')
		message = xml_attr(attrs, "type");
	p->stats.suite_problems++;
	warn(p, WARN_SUITE_RESULT, "<%.20s> belongs to a suite and not to a test case%s%.60s%s%.100s",
	     xml_local(element), name != NULL ? ": " : "", name != NULL ? name : "",
	     message != NULL ? ": " : "", message != NULL ? message : "");
}

static void suite_property_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	const char *key = xml_attr(attrs, "name"), *value = xml_attr(attrs, "value");

	(void)element;
	if (p->events->property == NULL || key == NULL)
		return;
	if (value != NULL && *value != '\0')
		suite_property(p, key, value);
	else if (p->suite_key == NULL && strlen(key) <= p->limits.text)
		p->suite_key = xstrdup(key); /* the value is the text */
}

static void suite_property_close(void *cookie)
{
	struct parser *p = self(cookie);

	if (p->suite_key == NULL)
		return;
	suite_property(p, p->suite_key, p->suite_value.data);
	free(p->suite_key);
	p->suite_key = NULL;
	buf_reset(&p->suite_value);
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
		{ "notrun", OUTCOME_SKIPPED },     { "disabled", OUTCOME_SKIPPED },
		{ "skipped", OUTCOME_SKIPPED },    { "ignored", OUTCOME_SKIPPED },
		{ "suppressed", OUTCOME_SKIPPED }, { "failed", OUTCOME_FAILED },
		{ "fail", OUTCOME_FAILED },        { "failure", OUTCOME_FAILED },
		{ "error", OUTCOME_ERROR },        { "errored", OUTCOME_ERROR },
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

/* "run", "completed" and "passed" are by far the most frequent and end here at once. */
static void take_verdict(struct build *b, const char *word)
{
	enum outcome o;

	if (lower(word[0]) == 'r' || lower(word[0]) == 'c' || lower(word[0]) == 'p' ||
	    !verdict_word(word, &o))
		return;
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

/* Playwright's hostname is the project (browser), so the same test repeats once for each.  It is known by
 * an id on <testsuites>, a suite named by its file, and cases that carry that name as their class. */
static bool hostname_is_variant(const struct parser *p, const struct suite *s, const char *class_name)
{
	static const char *const endings[] = { ".ts", ".js", ".tsx", ".jsx", ".mts", ".mjs", ".cts", ".cjs" };

	if (!p->root_id || s == NULL || s->hostname == NULL || s->name == NULL || class_name == NULL ||
	    strcmp(s->name, class_name) != 0)
		return false;
	size_t len = strlen(class_name);
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t n = strlen(endings[i]);
		if (len > n && strcmp(class_name + len - n, endings[i]) == 0)
			return true;
	}
	return false;
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
		return true;
	case 'f':
		if (strcmp(key, "file") != 0)
			return false;
		c->file = value;
		return true;
	case 'l':
		if (strcmp(key, "line") != 0)
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

static void case_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = build_open(p);
	struct case_attrs c = { 0 };
	unsigned count = 0;

	(void)element;
	for (const char **a = attrs; a[0] != NULL; a += 2) {
		if (++count > p->limits.attributes) {
			warn(p, WARN_ATTRIBUTES,
			     "an element has more than %u attributes; further ones are left out",
			     p->limits.attributes);
			break;
		}
		if (!case_attr(p, b, &c, a[0], a[1]) && !p->options->counts_only)
			build_property(p, a[0], a[1]);
	}
	b->r.duration_ms = build_duration_ms(p, c.time);
	/* GoogleTest lists a disabled test under its marked name; nothing ran. */
	if (c.name != NULL && b->verdict == OUTCOME_PASSED && strncmp(c.name, "DISABLED_", 9) == 0)
		b->verdict = OUTCOME_SKIPPED;
	if (p->options->counts_only)
		return;

	const struct suite *s = suite_top(p);
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
	if (c.stamp != NULL)
		b->r.started_ms = build_stamp(p, c.stamp);
	if (hostname_is_variant(p, s, class_name))
		b->r.variant = build_string(p, s->hostname);
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

static void case_close(void *cookie)
{
	build_close(self(cookie));
}

/* ---- failures ---- */

static void problem_attrs(struct parser *p, struct problem *problem, const char **attrs)
{
	for (; attrs[0] != NULL; attrs += 2) {
		if (strcmp(attrs[0], "message") == 0)
			text_attr(p, &problem->message, TEXT_MESSAGE, attrs[1]);
		else if (strcmp(attrs[0], "type") == 0)
			problem->type = build_string(p, attrs[1]);
		else if (strcmp(attrs[0], "time") == 0) /* nextest tells of each attempt */
			problem->duration_ms = build_duration_ms(p, attrs[1]);
		else if (strcmp(attrs[0], "timestamp") == 0)
			problem->started_ms = build_stamp(p, attrs[1]);
	}
}

static void problem_begin(struct parser *p, enum problem_kind kind, enum outcome outcome, const char **attrs)
{
	if (open_case(p) == NULL)
		return;
	struct problem *problem = build_problem(p, kind, outcome);
	if (problem == NULL) {
		/* Its text goes nowhere, but its end will come. */
		text_push(p, NULL, TEXT_DETAIL, false);
		return;
	}
	problem_attrs(p, problem, attrs);
	text_push(p, &problem->detail, TEXT_DETAIL, false);
}

static void failure_open(void *cookie, const char *name, const char **attrs)
{
	(void)name;
	problem_begin(self(cookie), PROBLEM_FAILED, OUTCOME_FAILED, attrs);
}

static void error_open(void *cookie, const char *name, const char **attrs)
{
	(void)name;
	problem_begin(self(cookie), PROBLEM_ERROR, OUTCOME_ERROR, attrs);
}

static void skipped_open(void *cookie, const char *name, const char **attrs)
{
	(void)name;
	problem_begin(self(cookie), PROBLEM_SKIPPED, OUTCOME_SKIPPED, attrs);
}

/* flakyFailure, flakyError, rerunFailure, rerunError: Surefire's, since taken over by many. */
static void other_attempt_open(void *cookie, const char *element, const char **attrs)
{
	const char *name = xml_local(element);

	problem_begin(self(cookie), name[0] == 'f' ? PROBLEM_FLAKY : PROBLEM_RERUN,
		      strstr(name, "Error") != NULL ? OUTCOME_ERROR : OUTCOME_FAILED, attrs);
}

static void text_close(void *cookie)
{
	struct parser *p = self(cookie);

	if (open_case(p) != NULL)
		text_pop(p);
}

/* The attempt that is open: the last of the list, unless it was one too many. */
static struct problem *last_problem(struct build *b)
{
	struct problem *last = b->problems;

	if (b->targets == 0 || b->targets > TARGETS || b->target[b->targets - 1].slot == NULL)
		return NULL;
	while (last != NULL && last->next != NULL)
		last = last->next;
	return last;
}

/* ---- output ---- */

/* The same element again goes on in a new line. */
static void output_begin(struct parser *p, struct slot *slot, enum text_kind kind)
{
	if (slot != NULL && slot->len > 0 && slot->s[slot->len - 1] != '\n')
		slot_append(p, slot, kind, "\n", 1);
	text_push(p, slot, kind, true);
}

static void out_open(void *cookie, const char *name, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = open_case(p);

	(void)name;
	(void)attrs;
	if (b != NULL)
		output_begin(p, &b->out, TEXT_OUT);
}

static void err_open(void *cookie, const char *name, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = open_case(p);

	(void)name;
	(void)attrs;
	if (b != NULL)
		output_begin(p, &b->err, TEXT_ERR);
}

static void attempt_trace_open(void *cookie, const char *name, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = open_case(p);
	struct problem *last = b != NULL ? last_problem(b) : NULL;

	(void)name;
	(void)attrs;
	if (b == NULL)
		return;
	if (last != NULL && text_blank(last->detail.s, last->detail.len))
		last->detail.len = last->detail.whole = 0;
	if (last != NULL && last->detail.len > 0 && last->detail.s[last->detail.len - 1] != '\n')
		slot_append(p, &last->detail, TEXT_DETAIL, "\n", 1);
	text_push(p, last != NULL ? &last->detail : NULL, TEXT_DETAIL, false);
}

static void attempt_out_open(void *cookie, const char *name, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = open_case(p);
	struct problem *last = b != NULL ? last_problem(b) : NULL;

	(void)name;
	(void)attrs;
	if (b != NULL)
		output_begin(p, last != NULL ? &last->out : NULL, TEXT_OUT);
}

static void attempt_err_open(void *cookie, const char *name, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = open_case(p);
	struct problem *last = b != NULL ? last_problem(b) : NULL;

	(void)name;
	(void)attrs;
	if (b != NULL)
		output_begin(p, last != NULL ? &last->err : NULL, TEXT_ERR);
}

/* ---- properties ---- */

/* The value is an attribute or the text; an attribute that says something wins. */
static void property_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = open_case(p);

	(void)element;
	if (b == NULL || p->options->counts_only)
		return;
	const char *key = xml_attr(attrs, "name"), *value = xml_attr(attrs, "value");
	if (key == NULL)
		key = xml_attr(attrs, "key");
	b->key = NULL;
	if (value != NULL && *value != '\0')
		build_property(p, key, value);
	else
		b->key = build_string(p, key);
	b->scratch = (struct slot){ .max = p->limits.text };
	text_push(p, b->key != NULL ? &b->scratch : NULL, TEXT_DETAIL, false);
}

static void property_close(void *cookie)
{
	struct parser *p = self(cookie);
	struct build *b = open_case(p);

	if (b == NULL || p->options->counts_only)
		return;
	text_pop(p);
	if (b->key == NULL)
		return;
	const char *s = b->scratch.s != NULL ? b->scratch.s : "";
	size_t len = strlen(s);
	while (len > 0 && text_blank(s + len - 1, 1))
		len--;
	while (len > 0 && text_blank(s, 1)) {
		s++;
		len--;
	}
	const char *value = arena_strndup(&b->arena, s, len);
	build_property(p, b->key, value);
	b->key = NULL;
}

/* <property name="testrun_evidence"><item name="shot.png">base64</item></property> (Xray's, Playwright's) */
static void item_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = open_case(p);

	(void)element;
	if (b == NULL || p->options->counts_only)
		return;
	b->key = build_string(p, xml_attr(attrs, "name"));
	b->scratch = (struct slot){ .max = p->limits.attribute };
	text_push(p, &b->scratch, TEXT_DETAIL, false);
}

static void item_close(void *cookie)
{
	struct parser *p = self(cookie);
	struct build *b = open_case(p);

	if (b == NULL || p->options->counts_only)
		return;
	text_pop(p);
	if (b->scratch.cut) {
		warn(p, WARN_ITEM, "an <item> of a property is too long and is left out");
	} else if (b->scratch.len > 0 && b->key != NULL) {
		/* White space in base64 is layout. */
		static const char prefix[] = "data:;base64,";
		char *url = arena_alloc(&b->arena, sizeof(prefix) + b->scratch.len);
		if (url != NULL) {
			size_t n = sizeof(prefix) - 1;
			memcpy(url, prefix, n);
			for (size_t i = 0; i < b->scratch.len; i++) {
				if (!text_blank(b->scratch.s + i, 1))
					url[n++] = b->scratch.s[i];
			}
			url[n] = '\0';
			build_evidence(p, url, b->key);
		}
	}
	b->scratch = (struct slot){ 0 };
	b->key = NULL;
}

/* What a case holds that we do not know (PHPUnit's <warning>, a <description>): kept by its name, with its
 * message or its text. */
static void unknown_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = open_case(p);

	if (b == NULL || p->options->counts_only)
		return;
	const char *message = xml_attr(attrs, "message");
	b->key = NULL;
	if (message != NULL && *message != '\0')
		build_property(p, xml_local(element), message);
	else
		b->key = build_string(p, xml_local(element));
	b->scratch = (struct slot){ .max = p->limits.text };
	text_push(p, b->key != NULL ? &b->scratch : NULL, TEXT_DETAIL, false);
}

static void unknown_close(void *cookie)
{
	struct parser *p = self(cookie);
	struct build *b = open_case(p);

	if (b == NULL || p->options->counts_only)
		return;
	if (b->key != NULL && text_blank(b->scratch.s, b->scratch.len))
		b->key = NULL;
	property_close(cookie);
}

/* Namesakes stand side by side. */
static const struct xml_rule junit_rules[] = {
	{ "testsuites", ANY, SUITE, suite_open, suite_close, false },
	{ "testrun", TOP, SUITE, suite_open, suite_close, false }, /* Eclipse */
	{ "testsuite", ANY, SUITE, suite_open, suite_close, false },
	{ "testcase", ANY, CASE, case_open, case_close, false },
	{ "failure", CASE, PROBLEM, failure_open, text_close, true },
	{ "failure", SUITE, OTHER, suite_problem, NULL, false },
	{ "error", CASE, PROBLEM, error_open, text_close, true },
	{ "error", SUITE, OTHER, suite_problem, NULL, false },
	{ "internalError", CASE, PROBLEM, error_open, text_close, true }, /* Catch2 */
	{ "skipped", CASE, PROBLEM, skipped_open, text_close, true },
	{ "ignored", CASE, PROBLEM, skipped_open, text_close, true }, /* TestNG's file a <test> */
	{ "flakyFailure", CASE, RERUN, other_attempt_open, text_close, true },
	{ "flakyError", CASE, RERUN, other_attempt_open, text_close, true },
	{ "rerunFailure", CASE, RERUN, other_attempt_open, text_close, true },
	{ "rerunError", CASE, RERUN, other_attempt_open, text_close, true },
	{ "stackTrace", RERUN, OTHER, attempt_trace_open, text_close, true },
	{ "system-out", CASE, OTHER, out_open, text_close, true },
	{ "system-out", RERUN, OTHER, attempt_out_open, text_close, true },
	{ "system-err", CASE, OTHER, err_open, text_close, true },
	{ "system-err", RERUN, OTHER, attempt_err_open, text_close, true },
	{ "properties", CASE, PROPERTIES, NULL, NULL, false },
	{ "properties", SUITE, SUITE_PROPERTIES, NULL, NULL, false },
	{ "property", PROPERTIES | CASE, PROPERTY, property_open, property_close, true },
	{ "property", SUITE_PROPERTIES, OTHER, suite_property_open, suite_property_close, true },
	{ "item", PROPERTY, OTHER, item_open, item_close, true },
	{ "*", CASE, OTHER, unknown_open, unknown_close, true },
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

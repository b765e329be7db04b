/* SPDX-License-Identifier: Apache-2.0
 *
 * testng.c - testng-results.xml.
 *
 * A test-method is a result; configuration methods are counted apart.  The same method comes once for each
 * row of its data provider, and only the parameters tell the rows apart: the signature ends with a hash of
 * the instance that changes with every run, so it never leaves this folder (testng_invocation.c).  A retried
 * attempt is a SKIP of the same method and parameters; joining them is the business of whoever joins attempts
 * across a run. */
#include "parsers/state.h"

#include "daemon/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { /* contexts */
       TOP = 1,
       RESULTS = 2, /* testng-results */
       SUITE = 4,
       TEST = 8,
       CLASS = 16,
       METHOD = 32,
       PARAMS = 64,
       PARAM = 128,
       EXCEPTION = 256,
       OUTPUT = 512, /* reporter-output of a method */
       ATTRIBUTES = 1024,
       CUSTOM = 2048,
       OTHER = 4096,
};
#define BODY (RESULTS | SUITE | TEST | CLASS | OTHER)

static struct parser *self(void *cookie)
{
	return cookie;
}

/* ---- suites, tests, classes ---- */

/* TestNG up to 6.14 wrote a method's local time with a Z behind it, while suites were in UTC already.  A
 * start that lies outside its test by whole quarters of an hour, and inside after them, is such a one. */
static int64_t unshifted(const struct parser *p, int64_t ms)
{
	const int64_t second = 1000, quarter = 15 * 60 * 1000;

	for (size_t i = p->suite_count; i > 0; i--) {
		const struct suite *s = &p->suite[i - 1];
		if (s->started_ms == TIME_UNKNOWN || s->finished_ms == TIME_UNKNOWN || ms == TIME_UNKNOWN)
			continue;
		if (ms >= s->started_ms - second && ms <= s->finished_ms + second)
			return ms;
		/* The nearest quarter at or before, so that what is left is the time since the start; stamps are
		 * cut to seconds, so that may be one second less than none. */
		int64_t off = ms - s->started_ms + second, quarters = off / quarter;
		if (off % quarter < 0)
			quarters--;
		int64_t moved = ms - quarters * quarter;
		if (quarters >= -4 * 14 && quarters <= 4 * 14 && moved <= s->finished_ms + second)
			return moved;
		return ms;
	}
	return ms;
}

static void span_open(struct parser *p, const char **attrs, bool is_suite)
{
	const char *name = xml_attr(attrs, "name"), *begin = xml_attr(attrs, "started-at"),
		   *end = xml_attr(attrs, "finished-at");

	p->stats.suites += is_suite;
	if (xml_attr(attrs, "url") != NULL)
		warn(p, WARN_SUITE_URL, "a part of the report is in another file: \"%.100s\"",
		     xml_attr(attrs, "url"));
	size_t len = name != NULL && !p->options->counts_only ? strlen(name) : 0;
	struct suite *s = suite_push(p, name != NULL ? name : "", len < p->limits.attribute ? len : 0);
	if (p->options->counts_only)
		return;
	s->started_ms = build_stamp(p, begin);
	s->finished_ms = build_stamp(p, end);
}

static void suite_open(void *cookie, const char *name, const char **attrs)
{
	(void)name;
	span_open(self(cookie), attrs, true);
}

static void test_open(void *cookie, const char *name, const char **attrs)
{
	(void)name;
	span_open(self(cookie), attrs, false);
}

static void span_close(void *cookie)
{
	suite_pop(self(cookie));
}

static void class_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	const char *name = xml_attr(attrs, "name"), *package = xml_attr(attrs, "package");

	(void)element;
	free(p->class_name);
	p->class_name = NULL;
	if (name == NULL || p->options->counts_only)
		return;
	/* splitClassAndPackageNames writes them apart, "[default]" for a class without a package. */
	if (package == NULL || *package == '\0' || strcmp(package, "[default]") == 0) {
		p->class_name = xstrdup(name);
		return;
	}
	size_t size = strlen(package) + 1 + strlen(name) + 1;
	p->class_name = xrealloc(NULL, size, 1);
	snprintf(p->class_name, size, "%s.%s", package, name);
}

static void class_close(void *cookie)
{
	struct parser *p = self(cookie);

	invocations_forget(p);
	free(p->class_name);
	p->class_name = NULL;
}

/* ---- methods ---- */

static enum outcome verdict(struct parser *p, const char *status)
{
	if (status == NULL || *status == '\0') {
		warn(p, WARN_STATUS, "a test method has no status; taken as skipped");
		return OUTCOME_SKIPPED;
	}
	if (strcmp(status, "PASS") == 0)
		return OUTCOME_PASSED;
	if (strcmp(status, "FAIL") == 0)
		return OUTCOME_FAILED;
	if (strcmp(status, "SKIP") == 0)
		return OUTCOME_SKIPPED;
	if (strcmp(status, "SUCCESS_PERCENTAGE_FAILURE") == 0) {
		warn(p, WARN_PERCENTAGE, "a failure within the success percentage counts as passed");
		return OUTCOME_PASSED;
	}
	warn(p, WARN_STATUS, "the status \"%.40s\" is not known; taken as skipped", status);
	return OUTCOME_SKIPPED;
}

static bool is_true(const char *s)
{
	return s != NULL && (strcmp(s, "true") == 0 || strcmp(s, "TRUE") == 0);
}

static double milliseconds(struct parser *p, const char *s)
{
	double seconds = build_duration_ms(p, s);

	return seconds < 0 ? -1 : seconds / 1000;
}

static void method_open(void *cookie, const char *element, const char **attrs)
{
	static const char *const kept[] = { "description",       "groups",
					    "data-provider",     "depends-on-methods",
					    "depends-on-groups", "retried" };
	struct parser *p = self(cookie);
	struct build *b = build_open(p);
	const char *name = xml_attr(attrs, "name"), *instance = xml_attr(attrs, "test-instance-name"),
		   *status = xml_attr(attrs, "status");

	(void)element;
	p->detail_full = false;
	b->config = is_true(xml_attr(attrs, "is-config"));
	if (b->config) {
		p->stats.config_methods++;
		if (status != NULL && strcmp(status, "FAIL") == 0) {
			p->stats.config_failed++;
			warn(p, WARN_CONFIG, "the configuration method %.100s failed",
			     name != NULL ? name : "?");
		}
		return;
	}
	b->verdict = verdict(p, status);
	b->r.duration_ms = milliseconds(p, xml_attr(attrs, "duration-ms"));
	if (p->options->counts_only)
		return;
	build_name(p, p->class_name, name != NULL ? name : "");
	b->r.started_ms = unshifted(p, build_stamp(p, xml_attr(attrs, "started-at")));
	b->finished_ms = unshifted(p, build_stamp(p, xml_attr(attrs, "finished-at")));
	b->retried = is_true(xml_attr(attrs, "retried"));
	invocation_open(p, xml_attr(attrs, "signature"), instance);
	/* What ITest.getTestName() gave tells instances of a factory apart, as parameters do. */
	if (instance != NULL && *instance != '\0')
		build_param(p, instance);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const char *value = xml_attr(attrs, kept[i]);
		if (value != NULL && *value != '\0')
			build_property(p, kept[i], value);
	}
}

static void method_close(void *cookie)
{
	struct parser *p = self(cookie);
	struct build *b = p->build;

	if (b->config) {
		build_drop(p);
		return;
	}
	if (!p->options->counts_only)
		invocation_settle(p);
	build_close(p);
}

/* ---- parameters ---- */

static void scratch_open(struct parser *p)
{
	struct build *b = p->build;

	b->scratch = (struct slot){ .max = p->limits.text };
	text_push(p, &b->scratch, TEXT_DETAIL, false);
}

/* Layout around CDATA is not part of a value. */
static char *scratch_close(struct parser *p)
{
	struct build *b = p->build;
	char *s = b->scratch.s != NULL ? b->scratch.s : NULL;

	text_pop(p);
	if (s == NULL)
		return NULL;
	size_t len = b->scratch.len;
	while (len > 0 && text_blank(s + len - 1, 1))
		len--;
	s[len] = '\0';
	while (*s != '\0' && text_blank(s, 1))
		s++;
	b->scratch = (struct slot){ 0 };
	return s;
}

static void value_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);

	(void)element;
	p->build->key = is_true(xml_attr(attrs, "is-null")) ? "null" : NULL;
	scratch_open(p);
}

static void value_close(void *cookie)
{
	struct parser *p = self(cookie);
	const char *null = p->build->key, *text = scratch_close(p);

	p->build->key = NULL;
	if (!p->options->counts_only)
		build_param(p, null != NULL ? null : text != NULL ? text : "");
}

/* ---- exceptions ---- */

static void exception_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = p->build;

	(void)element;
	if (p->options->counts_only || b->config)
		return;
	struct problem *problem = b->problems;
	if (problem == NULL)
		problem = build_told(p, b->verdict);
	if (problem != NULL && problem->type == NULL)
		problem->type = build_string(p, xml_attr(attrs, "class"));
}

static void message_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);

	(void)element;
	(void)attrs;
	text_push(p, p->build->problems != NULL ? &p->build->problems->message : NULL, TEXT_MESSAGE, false);
}

/* Both traces may be there; the full one says it all. */
static void trace_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	struct problem *problem = p->build->problems;
	bool full = xml_local(element)[0] == 'f';

	(void)attrs;
	if (problem != NULL && full && !problem->detail.cut)
		problem->detail.len = problem->detail.whole = 0;
	bool wanted = problem != NULL && (full || !p->detail_full);
	p->detail_full |= full;
	text_push(p, wanted ? &problem->detail : NULL, TEXT_DETAIL, false);
}

static void text_close(void *cookie)
{
	text_pop(self(cookie));
}

/* ---- output and attributes ---- */

static void line_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	struct slot *out = &p->build->out;

	(void)element;
	(void)attrs;
	if (out->len > 0 && !p->build->config)
		slot_append(p, out, TEXT_OUT, "\n", 1);
	p->build->line = out->len;
	text_push(p, out, TEXT_OUT, true);
}

/* Reporter.log("<a href='shots/cart.png'>"): how tests on TestNG show what they photographed. */
static void take_links(struct parser *p, const char *s, size_t len)
{
	enum { LINK_MAX = 4096 };
	static const char *const attrs[] = { "href=", "src=" };
	const char *end = s + len;

	for (const char *at = s; (at = memchr(at, '=', (size_t)(end - at))) != NULL;) {
		const char *equal = at++;
		bool link = false;
		for (size_t i = 0; i < 2; i++) {
			size_t n = strlen(attrs[i]);
			link |= (size_t)(at - s) >= n && strncasecmp(at - n, attrs[i], n) == 0;
		}
		char quote = equal + 1 < end ? equal[1] : '\0';
		if (!link || (quote != '"' && quote != '\''))
			continue;
		const char *close = memchr(equal + 2, quote, (size_t)(end - equal - 2));
		if (close == NULL)
			return;
		at = close;
		char path[LINK_MAX];
		size_t size = (size_t)(close - equal - 2);
		if (size == 0 || size >= sizeof(path))
			continue;
		memcpy(path, equal + 2, size);
		path[size] = '\0';
		const char *slash = strrchr(path, '/'), *colon = strchr(path, ':');
		bool file = strncmp(path, "file:", 5) == 0 || colon == NULL || colon == path + 1;
		/* Another page, a place on this one, a script: no file of the test. */
		if (file && strpbrk(path, "#?") == NULL && strchr(slash != NULL ? slash : path, '.') != NULL)
			build_evidence(p, path, NULL, 0);
	}
}

/* Without the layout around its CDATA. */
static void line_close(void *cookie)
{
	struct parser *p = self(cookie);
	struct slot *out = &p->build->out;
	size_t from = p->build->line, skip = 0;
	bool layout = false;

	text_pop(p);
	if (p->build->config || out->cut || out->s == NULL || from > out->len)
		return;
	take_links(p, out->s + from, out->len - from);
	while (from + skip < out->len && text_blank(out->s + from + skip, 1))
		layout |= out->s[from + skip++] == '\n';
	if (!layout)
		return;
	memmove(out->s + from, out->s + from + skip, out->len - from - skip);
	out->len -= skip;
	while (out->len > from && text_blank(out->s + out->len - 1, 1))
		out->len--;
	out->s[out->len] = '\0';
	out->whole = out->len;
}

static void attribute_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);

	(void)element;
	p->build->key = build_string(p, xml_attr(attrs, "name"));
	scratch_open(p);
}

static void attribute_close(void *cookie)
{
	struct parser *p = self(cookie);
	struct build *b = p->build;
	const char *text = scratch_close(p);

	if (b->key != NULL && text != NULL && *text != '\0' && !p->options->counts_only)
		build_property(p, b->key, text);
	b->key = NULL;
}

/* <custom-attribute><name value="testrail"/><value>[C123]</value></custom-attribute>; others write the value, or
 * both, as attributes. */
static void custom_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);

	(void)element;
	p->build->key = build_string(p, xml_attr(attrs, "name"));
	const char *value = xml_attr(attrs, "value");
	if (value == NULL)
		value = xml_attr(attrs, "values");
	if (p->build->key != NULL && value != NULL && !p->options->counts_only)
		build_property(p, p->build->key, value);
}

static void custom_name(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);

	(void)element;
	p->build->key = build_string(p, xml_attr(attrs, "value"));
}

static void custom_value(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	const char *value = xml_attr(attrs, "value");

	(void)element;
	if (p->build->key != NULL && value != NULL && !p->options->counts_only)
		build_property(p, p->build->key, value);
	scratch_open(p);
}

/* What Arrays.toString() makes of the values: "[C123, C124]". */
static void custom_value_close(void *cookie)
{
	struct parser *p = self(cookie);
	char *text = scratch_close(p);
	size_t len = text != NULL ? strlen(text) : 0;

	if (p->build->key == NULL || len == 0 || p->options->counts_only)
		return;
	if (text[0] == '[' && text[len - 1] == ']') {
		text[len - 1] = '\0';
		text++;
	}
	if (*text != '\0')
		build_property(p, p->build->key, text);
}

static void custom_close(void *cookie)
{
	self(cookie)->build->key = NULL;
}

static const struct xml_rule testng_rules[] = {
	{ "testng-results", TOP, RESULTS, NULL, NULL, false },
	{ "suite", BODY, SUITE, suite_open, span_close, false },
	{ "test", BODY, TEST, test_open, span_close, false },
	{ "class", BODY, CLASS, class_open, class_close, false },
	{ "test-method", BODY, METHOD, method_open, method_close, false },
	{ "params", METHOD, PARAMS, NULL, NULL, false },
	{ "param", PARAMS, PARAM, NULL, NULL, false },
	{ "value", PARAM, PARAM, value_open, value_close, true },
	{ "value", CUSTOM, CUSTOM, custom_value, custom_value_close, true },
	{ "exception", METHOD, EXCEPTION, exception_open, NULL, false },
	{ "message", EXCEPTION, EXCEPTION, message_open, text_close, true },
	{ "short-stacktrace", EXCEPTION, EXCEPTION, trace_open, text_close, true },
	{ "full-stacktrace", EXCEPTION, EXCEPTION, trace_open, text_close, true },
	{ "reporter-output", METHOD, OUTPUT, NULL, NULL, false },
	{ "line", OUTPUT, OUTPUT, line_open, line_close, true },
	{ "attributes", METHOD, ATTRIBUTES, NULL, NULL, false },
	{ "attribute", ATTRIBUTES, ATTRIBUTES, attribute_open, attribute_close, true },
	{ "custom-attributes", METHOD, ATTRIBUTES, NULL, NULL, false },
	{ "custom-attribute", ATTRIBUTES, CUSTOM, custom_open, custom_close, false },
	{ "name", CUSTOM, CUSTOM, custom_name, NULL, false },
	{ 0 },
};

const struct xml_dialect testng_dialect = {
	.format = "testng",
	.rules = testng_rules,
	.root = TOP,
	.other = OTHER,
	.text = text_give,
};

const struct xml_dialect *testng_root(const char *name)
{
	return strcmp(name, "testng-results") == 0 ? &testng_dialect : NULL;
}

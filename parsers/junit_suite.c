/* SPDX-License-Identifier: Apache-2.0
 *
 * junit_suite.c - <testsuites>, <testsuite> and <testrun>: names, stamps, headers that are compared with what
 * was counted, properties, and what failed outside of any case. */
#include "parsers/junit.h"

#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <stdlib.h>
#include <string.h>

static struct parser *self(void *cookie)
{
	return cookie;
}

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

bool junit_enough(struct parser *p, unsigned attributes)
{
	if (attributes <= p->limits.attributes)
		return false;
	warn(p, WARN_ATTRIBUTES, "an element has more than %u attributes; further ones are left out",
	     p->limits.attributes);
	return true;
}

static void suite_device(struct suite *s, const char *device, bool sure)
{
	if (*device == '\0' || strlen(device) > 1024 || s->device != NULL)
		return;
	s->device = xstrdup(device);
	s->device_sure |= sure;
}

/* Android's Gradle plugin writes a file for each device, and tells it beside flavor and project. */
static void device_property(struct parser *p, const char *key, const char *value)
{
	struct suite *s = suite_top(p);

	if (s == NULL || key == NULL || p->options->counts_only)
		return;
	if (strcmp(key, "device") == 0 && value != NULL)
		suite_device(s, value, false);
	else if (strcmp(key, "flavor") == 0 || strcmp(key, "project") == 0)
		s->device_sure = true;
}

void junit_suite_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	bool is_suite = strcmp(xml_local(element), "testsuite") == 0;
	const char *name = "", *stamp = NULL, *hostname = NULL, *file = NULL, *device = NULL;
	const char *tests = NULL, *failures = NULL, *errors = NULL, *skipped = NULL;
	unsigned count = 0;

	for (const char **a = attrs; a[0] != NULL; a += 2) {
		if (junit_enough(p, ++count))
			break;
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
		case 'd':
			if (strcmp(key, "device") == 0) /* Maestro, Flank: a suite for each */
				device = value;
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
	s->testcafe = is_suite && strncmp(name, "TestCafe Tests: ", 16) == 0;
	if (s->testcafe && s->errors == s->failures) /* it writes the same number twice */
		s->errors = 0;
	if (stamp != NULL)
		s->started_ms = build_stamp(p, stamp);
	if (p->options->counts_only)
		return;
	if (hostname != NULL && *hostname != '\0' && strlen(hostname) <= 1024)
		s->hostname = xstrdup(hostname);
	if (device != NULL)
		suite_device(s, device, true);
	if (file != NULL && *file != '\0' && strlen(file) <= 4096 && p->suite_count <= p->limits.depth)
		s->file = xstrdup(file);
}

void junit_suite_close(void *cookie)
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
void junit_suite_problem(void *cookie, const char *element, const char **attrs)
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

void junit_suite_property_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	const char *key = xml_attr(attrs, "name"), *value = xml_attr(attrs, "value");

	(void)element;
	device_property(p, key, value);
	if ((p->events->property == NULL && p->events->evidence == NULL) || key == NULL)
		return;
	if (value != NULL && *value != '\0')
		suite_property(p, key, value);
	else if (p->suite_key == NULL && strlen(key) <= p->limits.text)
		p->suite_key = xstrdup(key); /* the value is the text */
}

void junit_suite_property_close(void *cookie)
{
	struct parser *p = self(cookie);

	if (p->suite_key == NULL)
		return;
	suite_property(p, p->suite_key, p->suite_value.data);
	free(p->suite_key);
	p->suite_key = NULL;
	buf_reset(&p->suite_value);
}

/* Old Playwright, and tools that know no better, tell of a test's files where nobody knows of which test. */
void junit_suite_out_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = cookie;

	(void)element;
	(void)attrs;
	p->suite_out = p->events->evidence != NULL;
}

void junit_suite_out_close(void *cookie)
{
	struct parser *p = cookie;

	p->suite_out = false;
	suite_output_end(p);
}

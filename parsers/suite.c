/* SPDX-License-Identifier: Apache-2.0
 *
 * suite.c - the suites that are open: the path to a test, what they say about time and place, and whether
 * their headers told the truth.  Names live on the heap, as long as their suite is open. */
#include "parsers/state.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { PATHS = 2 }; /* attributes of full length that a path may hold */

struct suite *suite_top(struct parser *p)
{
	return p->suite_count > 0 ? &p->suite[p->suite_count - 1] : NULL;
}

/* unittest-xml-reporting puts the time into the name ("shop.TestCart-20261120100000"), and no two runs of a
 * test would be the same one. */
static size_t without_stamp(const char *name, size_t len)
{
	enum { STAMP = 14 };

	if (len <= STAMP + 1 || name[len - STAMP - 1] != '-' || strncmp(name + len - STAMP, "20", 2) != 0)
		return len;
	for (size_t i = len - STAMP; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return len;
	}
	return len - STAMP - 1;
}

struct suite *suite_push(struct parser *p, const char *name, size_t name_len)
{
	name_len = without_stamp(name, name_len);
	if (p->suite_count == p->suite_room) {
		p->suite_room = p->suite_room == 0 ? 16 : p->suite_room * 2;
		p->suite = xrealloc(p->suite, p->suite_room, sizeof(*p->suite));
	}
	struct suite *s = &p->suite[p->suite_count++];
	*s = (struct suite){
		.started_ms = TIME_UNKNOWN,
		.finished_ms = TIME_UNKNOWN,
		.tests = UINT64_MAX,
		.failures = UINT64_MAX,
		.errors = UINT64_MAX,
		.skipped = UINT64_MAX,
		.had_cases = p->stats.cases,
		.had_failed = p->stats.failed,
		.had_error = p->stats.error,
		.had_skipped = p->stats.skipped,
	};
	if (name_len == 0)
		return s;
	if (p->suite_count > p->limits.depth) {
		warn(p, WARN_DEPTH, "suites are nested deeper than %u; deeper names are left out",
		     p->limits.depth);
		return s;
	}
	if (p->path_bytes + name_len > PATHS * p->limits.attribute) {
		warn(p, WARN_PATH,
		     "the names of the suites that are open take more than %zu bytes; further ones are left "
		     "out",
		     PATHS * p->limits.attribute);
		return s;
	}
	p->path_bytes += name_len;
	s->name = xstrndup(name, name_len);
	s->in_path = true;
	if (p->path_count == p->path_room) {
		p->path_room = p->path_room == 0 ? 16 : p->path_room * 2;
		p->path = xrealloc(p->path, p->path_room, sizeof(*p->path));
	}
	p->path[p->path_count++] = s->name;
	return s;
}

void suite_pop(struct parser *p)
{
	struct suite *s = suite_top(p);

	if (s == NULL)
		return;
	if (s->in_path) {
		p->path_count--;
		p->path_bytes -= strlen(s->name);
	}
	free(s->name);
	free(s->hostname);
	free(s->file);
	free(s->device);
	p->suite_count--;
}

void suites_clear(struct parser *p)
{
	while (p->suite_count > 0)
		suite_pop(p);
}

int64_t suite_started(const struct parser *p)
{
	for (size_t i = p->suite_count; i > 0; i--) {
		if (p->suite[i - 1].started_ms != TIME_UNKNOWN)
			return p->suite[i - 1].started_ms;
	}
	return TIME_UNKNOWN;
}

void suite_property(struct parser *p, const char *key, const char *value)
{
	if (key == NULL || *key == '\0')
		return;
	bool secret = p->options->redacted != NULL && p->options->redacted(p->options->redacted_cookie, key);
	if (!secret && value != NULL && *value != '\0' && p->events->evidence != NULL &&
	    build_names_file(key))
		p->events->evidence(p->cookie, value);
	if (p->events->property != NULL)
		p->events->property(p->cookie, key, secret ? "***" : value != NULL ? value : "");
}

static const char begin[] = "[[ATTACHMENT|";
static const size_t opening = sizeof(begin) - 1;

/* Where a bracket is open still, a third "]" belongs to the path: "out/test[1]". */
static bool marker_whole(const struct buf *held)
{
	/* opening + 3: at least one character is left */
	return held->len >= opening + 3 && held->data[held->len - 1] == ']' &&
	       held->data[held->len - 2] == ']';
}

static void marker_take(struct parser *p)
{
	struct buf *held = &p->suite_marker;

	held->data[held->len - 2] = '\0';
	p->events->evidence(p->cookie, held->data + opening);
	buf_reset(held);
}

void suite_output_end(struct parser *p)
{
	if (marker_whole(&p->suite_marker))
		marker_take(p);
	buf_reset(&p->suite_marker);
}

void suite_output(struct parser *p, const char *s, size_t len)
{
	struct buf *held = &p->suite_marker;

	for (size_t i = 0; i < len;) {
		if (held->len == 0) {
			const char *bracket = memchr(s + i, '[', len - i);
			if (bracket == NULL)
				return;
			i = (size_t)(bracket - s);
		}
		char c = s[i];
		if (c != ']' && marker_whole(held)) {
			marker_take(p);
			continue;
		}
		size_t n = held->len;
		/* "[[[": the first one is text. */
		if (n == 2 && c == '[') {
			i++;
			continue;
		}
		if (c == '\n' || n >= SUITE_MARKER_MAX || (n < opening && c != begin[n])) {
			i += n == 0;
			buf_reset(held);
			continue;
		}
		buf_putc(held, c);
		i++;
		p->suite_brackets = (n > 0 ? p->suite_brackets : 0) + (c == '[') - (c == ']');
		if (p->suite_brackets <= 0 && marker_whole(held))
			marker_take(p);
	}
}

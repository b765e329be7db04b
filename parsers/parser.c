/* SPDX-License-Identifier: Apache-2.0
 *
 * parser.c - the list of dialects, and the way of the bytes: straight into expat, or through the repairing
 * filter first. */
#include "parsers/parser.h"

#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "parsers/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEPTH_HARD =
		16, /* beyond limits.depth suites lose their names, beyond that many times it is refused */
	TOKEN_HARD = 16, /* of limits.attribute */
};

static const struct parser_limits defaults = {
	.report = UINT64_C(2) << 30,
	.text = 64 * 1024,
	.depth = 256,
	.attributes = 256,
	.attribute = 1024 * 1024,
	.cases = 5000000,
	.gzip_ratio = 200,
	.time_ms = 5 * 60 * 1000,
};

/* Each root element belongs to one dialect. */
static const struct xml_dialect *(*const roots[])(const char *name) = { junit_root, testng_root };

static const struct xml_dialect *on_root(void *cookie, const char *name)
{
	struct parser *p = cookie;

	(void)p;
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		const struct xml_dialect *d = roots[i](name);
		if (d != NULL)
			return d;
	}
	return NULL;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

struct parser_limits parser_limits(const struct parser_limits *given)
{
	struct parser_limits l = *given;

	l.report = l.report != 0 ? l.report : defaults.report;
	l.text = l.text != 0 ? l.text : defaults.text;
	l.depth = l.depth != 0 ? l.depth : defaults.depth;
	l.attributes = l.attributes != 0 ? l.attributes : defaults.attributes;
	l.attribute = l.attribute != 0 ? l.attribute : defaults.attribute;
	l.cases = l.cases != 0 ? l.cases : defaults.cases;
	l.gzip_ratio = l.gzip_ratio != 0 ? l.gzip_ratio : defaults.gzip_ratio;
	l.time_ms = l.time_ms > 0 ? l.time_ms : defaults.time_ms;
	/* Keys are cut with a hash behind them, and expat counts bytes in an int. */
	if (l.attribute < 64)
		l.attribute = 64;
	l.attribute = smaller(l.attribute, (size_t)64 << 20);
	l.text = smaller(l.text, (size_t)256 << 20);
	if (l.depth > 65536)
		l.depth = 65536;
	return l;
}

int parser_new(const struct parser_options *options, const struct parser_events *events, void *cookie,
	       bool repair, struct parser **out, struct err *err)
{
	struct parser *p = xcalloc(1, sizeof(*p));

	p->options = options;
	p->limits = parser_limits(&options->limits);
	p->events = events;
	p->cookie = cookie;
	int rc = zone_open(options->timezone, &p->zone, err);
	if (rc < 0) {
		free(p);
		return rc;
	}
	p->commas.decimal = options->decimal_commas;
	p->clock = (struct scalar_clock){ p->zone, options->now_ms != 0 ? options->now_ms : TIME_UNKNOWN };
	const size_t held = p->limits.text > p->limits.attribute ? p->limits.text : p->limits.attribute;
	p->marker.held = (struct buf)BUF_LIMIT(held < 8192 ? 8192 : held);
	p->suite_value = (struct buf)BUF_LIMIT(p->limits.text);
	p->retried = (struct buf)BUF_LIMIT(p->limits.attribute);
	p->suite_marker = (struct buf)BUF_LIMIT(SUITE_MARKER_MAX + 1);
	const struct xml_limits limits = {
		.depth = p->limits.depth * DEPTH_HARD,
		.token = p->limits.attribute * TOKEN_HARD + PARSER_ROOM,
		.no_text = options->counts_only && events->property == NULL,
	};
	if (repair) {
		p->repair = repair_new();
		p->raw = xcalloc(PARSER_ROOM, 1);
	}
	p->xml = xml_new(&limits, repair ? "UTF-8" : NULL, on_root, p);
	*out = p;
	return 0;
}

void parser_free(struct parser *p)
{
	if (p == NULL)
		return;
	xml_free(p->xml);
	builds_free(p);
	suites_clear(p);
	repair_free(p->repair);
	zone_free(p->zone);
	buf_done(&p->marker.held);
	buf_done(&p->suite_value);
	invocations_free(p);
	buf_done(&p->suite_marker);
	free(p->marker.key);
	free(p->suite_key);
	free(p->class_name);
	free(p->suite);
	free(p->path);
	free(p->raw);
	free(p);
}

/* A precision in the format counts bytes and may have cut a character in two. */
static void only_whole(char *s)
{
	char *end = s + strlen(s);

	while (s < end) {
		unsigned n = utf8_length(s, end);
		if (n == 0)
			*s = '?';
		s += n > 0 ? n : 1;
	}
}

static void first(struct parser *p, struct parser_warning *slot, const char *fmt, va_list ap)
{
	vsnprintf(slot->text, sizeof(slot->text), fmt, ap);
	only_whole(slot->text);
	xml_place(p->xml, &slot->line, &slot->column);
}

void warn(struct parser *p, enum warning w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (p->warning[w].count++ == 0)
		first(p, &p->warning[w], fmt, ap);
	p->warning[w].failed = w == WARN_SUITE_RESULT || w == WARN_CONFIG;
	va_end(ap);
}

const struct parser_stats *parser_stats(const struct parser *p)
{
	return &p->stats;
}

const struct parser_warning *parser_warning(const struct parser *p, size_t index)
{
	for (size_t i = 0; i < WARN_COUNT; i++) {
		if (p->warning[i].count > 0 && index-- == 0)
			return &p->warning[i];
	}
	return NULL;
}

bool parser_redacted_default(void *cookie, const char *name)
{
	static const char *const words[] = { "password", "secret", "token", "apikey", "api_key" };

	(void)cookie;
	for (const char *at = name; *at != '\0'; at++) {
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			const char *w = words[i], *n = at;
			while (*w != '\0' && (*n == *w || (*n >= 'A' && *n <= 'Z' && *n - 'A' + 'a' == *w))) {
				n++;
				w++;
			}
			if (*w == '\0')
				return true;
		}
	}
	return false;
}

/* ---- bytes ---- */

void *parser_room(struct parser *p, size_t size)
{
	return p->repair != NULL ? p->raw : xml_room(p->xml, smaller(size, PARSER_ROOM));
}

/* White space, NUL (UTF-16's half of it) and byte order marks do not make a document. */
static bool any_byte(const unsigned char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] != ' ' && s[i] != '\n' && s[i] != '\r' && s[i] != '\t' && s[i] != 0 &&
		    s[i] != 0xff && s[i] != 0xfe && s[i] != 0xef && s[i] != 0xbb && s[i] != 0xbf)
			return true;
	}
	return false;
}

static enum parser_outcome translate(struct parser *p, enum xml_outcome outcome, struct err *err)
{
	if (p->stats.format == NULL && xml_dialect(p->xml) != NULL)
		p->stats.format = xml_dialect(p->xml)->format;
	switch (outcome) {
	case XML_GOOD:
		return PARSER_GOOD;
	case XML_REPAIR:
		return p->repair != NULL ? PARSER_BROKEN : PARSER_REPAIR;
	case XML_BROKEN:
		return PARSER_BROKEN;
	case XML_ENDED_EARLY:
		return PARSER_EARLY;
	case XML_FOREIGN:
		return PARSER_FOREIGN;
	case XML_STOPPED:
		if (p->stopped == 0)
			return PARSER_COMMAS;
		err_set(err, p->stopped, "stopped");
		return PARSER_STOPPED;
	}
	return PARSER_BROKEN;
}

struct passage { /* of repaired bytes into expat */
	struct parser *p;
	enum xml_outcome outcome;
	struct err *err;
};

static int repaired(void *cookie, const char *data, size_t len, bool final)
{
	struct passage *w = cookie;

	do {
		size_t n = smaller(len, PARSER_ROOM);
		if (n > 0)
			memcpy(xml_room(w->p->xml, n), data, n);
		else
			xml_room(w->p->xml, 1);
		w->outcome = xml_commit(w->p->xml, n, final && n == len, w->err);
		data += n;
		len -= n;
	} while (len > 0 && w->outcome == XML_GOOD);
	return w->outcome == XML_GOOD ? 0 : 1;
}

enum parser_outcome parser_commit(struct parser *p, size_t len, bool final, struct err *err)
{
	if (!p->seen_byte) {
		/* Where the bytes of the first pieces are blank they are still given on: they count as lines. */
		p->seen_byte =
			any_byte(p->repair != NULL ? (const unsigned char *)p->raw : xml_peek(p->xml), len);
		if (!p->seen_byte && final) {
			err_set(err, -ENODATA, "the file is empty");
			return PARSER_EMPTY;
		}
	}
	if (p->repair == NULL)
		return translate(p, xml_commit(p->xml, len, final, err), err);

	struct passage way = { p, XML_GOOD, err };
	int rc = repair_feed(p->repair, p->raw, len, final, repaired, &way, err);
	if (rc < 0)
		return PARSER_BROKEN;
	return translate(p, way.outcome, err);
}

uint64_t parser_repaired(const struct parser *p, const char **encoding)
{
	*encoding = p->repair != NULL ? repair_encoding(p->repair) : NULL;
	return p->repair != NULL ? repair_count(p->repair) : 0;
}

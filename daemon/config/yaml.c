/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml.c - libyaml's events, made into a tree.  Everything that libyaml would take and we do not is
 * refused here with its place.  Texts of the file are never quoted in a fault: one may be a token. */
#include "daemon/config/yaml.h"

#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

struct reading {
	const char *text, *end, *file;
	struct config_faults *faults;
	yaml_parser_t parser;
	struct yaml_tree *tree;
	struct yaml_node *open[YAML_TREE_DEPTH]; /* collections that are not ended */
	struct yaml_node *key[YAML_TREE_DEPTH];  /* of each, the key that waits for its value */
	unsigned depth;
	size_t nodes;
	unsigned documents;
	unsigned flow_line; /* where the last {...} ended, from 1; for a hint */
	const char *at;     /* cursor: byte and character, moving forward only */
	size_t at_index;
};

static void node_free(struct yaml_node *n)
{
	if (n == NULL)
		return;
	size_t items = n->kind == YAML_TREE_MAPPING ? 2 * n->count : n->count;
	for (size_t i = 0; i < items; i++)
		node_free(n->item[i]);
	free(n->item);
	if (n->text != NULL)
		explicit_bzero(n->text, strlen(n->text));
	free(n->text);
	free(n);
}

void yaml_tree_done(struct yaml_tree *t)
{
	node_free(t->root);
	*t = (struct yaml_tree){ 0 };
}

bool yaml_node_null(const struct yaml_node *n)
{
	return n == NULL ||
	       (n->kind == YAML_TREE_SCALAR && n->plain && !n->bad &&
		(*n->text == '\0' || strcmp(n->text, "~") == 0 || strcasecmp(n->text, "null") == 0));
}

struct yaml_node *yaml_node_get(const struct yaml_node *mapping, const char *key)
{
	if (mapping == NULL || mapping->kind != YAML_TREE_MAPPING)
		return NULL;
	for (size_t i = 0; i < mapping->count; i++) {
		if (strcmp(mapping->item[2 * i]->text, key) == 0)
			return mapping->item[2 * i + 1];
	}
	return NULL;
}

/* --- places --- */

/* Bytes of text that the source `s` (at most to `end`) stands for, and how long that is in the source. */
static size_t escape_size(const char *s, const char *end, size_t *source)
{
	unsigned digits = 0;
	unsigned long code = 0;

	*source = 2;
	if (s + 1 >= end)
		return 1;
	switch (s[1]) {
	case 'x':
		digits = 2;
		break;
	case 'u':
		digits = 4;
		break;
	case 'U':
		digits = 8;
		break;
	case 'N':
	case '_':
		return 2; /* U+0085, U+00A0 */
	case 'L':
	case 'P':
		return 3; /* U+2028, U+2029 */
	}
	for (unsigned i = 0; i < digits && s + 2 + i < end; i++) {
		char digit[2] = { s[2 + i], '\0' };
		code = code << 4 | strtoul(digit, NULL, 16);
	}
	*source += digits;
	return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

unsigned yaml_node_column(const struct yaml_tree *t, const struct yaml_node *n, size_t offset)
{
	const char *s = n->raw;
	unsigned column = n->column;
	char quote = '\0';

	if (s == NULL)
		return column;
	if (!n->plain) {
		quote = *s++;
		column++;
	}
	while (offset > 0 && s < t->end) {
		size_t source = utf8_length(s, t->end), bytes = source, characters = 1;
		if (quote == '\'' && *s == '\'')
			characters = source = 2;
		else if (quote == '"' && *s == '\\') {
			bytes = escape_size(s, t->end, &source);
			characters = source;
		}
		if (source == 0 || source > (size_t)(t->end - s))
			break;
		s += source;
		column += (unsigned)characters;
		offset -= bytes < offset ? bytes : offset;
	}
	return column;
}

/* The byte of a character's index, as libyaml counts; NULL where the cursor has passed it. */
static const char *byte_at(struct reading *r, size_t index)
{
	if (index < r->at_index)
		return NULL;
	while (r->at_index < index && r->at < r->end) {
		r->at += utf8_length(r->at, r->end);
		r->at_index++;
	}
	return r->at;
}

static void fault_at(struct reading *r, const yaml_mark_t *mark, const char *text)
{
	config_fault(r->faults, r->file, (unsigned)mark->line + 1, (unsigned)mark->column + 1, "%s", text);
}

/* --- what is refused before libyaml sees it --- */

/* Line breaks as libyaml counts them; the caller has checked that a whole character is there. */
static bool line_break(const char *s, unsigned n, const char *end)
{
	if (n == 1)
		return *s == '\n' || (*s == '\r' && (s + 1 == end || s[1] != '\n'));
	return (n == 2 && memcmp(s, "\xc2\x85", 2) == 0) ||
	       (n == 3 && (memcmp(s, "\xe2\x80\xa8", 3) == 0 || memcmp(s, "\xe2\x80\xa9", 3) == 0));
}

static bool control(const char *s, unsigned n)
{
	const unsigned char *u = (const unsigned char *)s;

	if (n == 1)
		return (*u < 0x20 && *u != '\t' && *u != '\n' && *u != '\r') || *u == 0x7f;
	if (n == 2)
		return u[0] == 0xc2 && u[1] < 0xa0 && u[1] != 0x85;
	return n == 3 && u[0] == 0xef && u[1] == 0xbf && u[2] >= 0xbe; /* U+FFFE, U+FFFF */
}

static int check_characters(struct reading *r)
{
	unsigned line = 1, column = 1;

	for (const char *s = r->text; s < r->end;) {
		unsigned n = utf8_length(s, r->end);
		if (n == 0) {
			config_fault(r->faults, r->file, line, column,
				     "byte 0x%02x is not UTF-8; save the file as UTF-8", (unsigned char)*s);
			return -EINVAL;
		}
		if (control(s, n)) {
			config_fault(r->faults, r->file, line, column,
				     "a control character (byte 0x%02x) may not stand here",
				     (unsigned char)*s);
			return -EINVAL;
		}
		column++;
		if (line_break(s, n, r->end)) {
			line++;
			column = 1;
		}
		s += n;
	}
	return 0;
}

/* --- what libyaml refuses, in words that help --- */

static void syntax_fault(struct reading *r)
{
	const yaml_parser_t *p = &r->parser;
	const yaml_mark_t *mark = &p->problem_mark;
	const char *problem = p->problem != NULL ? p->problem : "not YAML", *context = p->context;
	const char *hint = "";
	char where[160] = "";

	r->at = r->text;
	r->at_index = 0;
	const char *s = byte_at(r, mark->index);
	char c = s != NULL && s < r->end ? *s : '\0';

	if (context != NULL &&
	    (strstr(context, "an alias") != NULL || strstr(context, "an anchor") != NULL)) {
		fault_at(r, &p->context_mark, "a text that begins with * or & needs quotes");
		return;
	}
	if (c == '\t') {
		fault_at(r, mark, "a tab may not be used for indentation; use spaces");
		return;
	}
	if (strstr(problem, "cannot start any token") != NULL && c != '\0') {
		config_fault(r->faults, r->file, (unsigned)mark->line + 1, (unsigned)mark->column + 1,
			     "a text that begins with %c needs quotes", c);
		return;
	}
	if (strstr(problem, "mapping values are not allowed") != NULL)
		hint = "; a text that holds a colon and a space needs quotes";
	else if (r->flow_line == mark->line + 1 || (r->flow_line != 0 && r->flow_line == mark->line))
		hint = "; a text that begins with { needs quotes";
	if (context != NULL && *context != '\0')
		snprintf(where, sizeof(where), " (%.80s that begins at line %zu)", context,
			 p->context_mark.line + 1);
	config_fault(r->faults, r->file, (unsigned)mark->line + 1, (unsigned)mark->column + 1, "%.120s%s%s",
		     problem, where, hint);
}

/* --- building --- */

static struct yaml_node *node_new(struct reading *r, enum yaml_tree_kind kind, const yaml_event_t *event)
{
	if (++r->nodes > YAML_TREE_NODES) {
		fault_at(r, &event->start_mark, "more than 100000 values in one file");
		return NULL;
	}
	struct yaml_node *n = xcalloc(1, sizeof(*n));
	n->kind = kind;
	n->line = (unsigned)event->start_mark.line + 1;
	n->column = (unsigned)event->start_mark.column + 1;
	return n;
}

static int append(struct reading *r, struct yaml_node *to, struct yaml_node *a, struct yaml_node *b)
{
	size_t width = b != NULL ? 2 : 1, max = b != NULL ? YAML_TREE_KEYS : YAML_TREE_LIST;

	if (to->count == max) {
		config_fault(r->faults, r->file, a->line, a->column, "more than %zu %s", max,
			     b != NULL ? "keys in one mapping" : "entries in one list");
		return -EINVAL;
	}
	if ((to->count & (to->count - 1)) == 0) /* full at every power of two */
		to->item = xrealloc(to->item, (to->count == 0 ? 1 : 2 * to->count) * width,
				    sizeof(struct yaml_node *));
	to->item[to->count * width] = a;
	if (b != NULL)
		to->item[to->count * width + 1] = b;
	to->count++;
	return 0;
}

/* Puts a node where the document is; on failure it is freed. */
static int place(struct reading *r, struct yaml_node *n)
{
	struct yaml_node *in = r->depth > 0 ? r->open[r->depth - 1] : NULL;
	int rc;

	if (in == NULL) {
		r->tree->root = n;
		return 0;
	}
	if (in->kind == YAML_TREE_LIST_OF) {
		rc = append(r, in, n, NULL);
		if (rc < 0)
			node_free(n);
		return rc;
	}
	struct yaml_node **key = &r->key[r->depth - 1];
	if (*key == NULL) {
		if (n->kind != YAML_TREE_SCALAR || n->bad) {
			if (!n->bad)
				config_fault(r->faults, r->file, n->line, n->column,
					     "a key must be plain text; a text that begins with { or [ needs "
					     "quotes");
			node_free(n);
			return -EINVAL;
		}
		*key = n;
		return 0;
	}
	rc = append(r, in, *key, n);
	if (rc < 0) {
		node_free(n);
		node_free(*key);
	}
	*key = NULL;
	return rc;
}

static void refuse(struct reading *r, struct yaml_node *n, const char *why)
{
	config_fault(r->faults, r->file, n->line, n->column, "%s", why);
	n->bad = true;
}

static void refuse_properties(struct reading *r, struct yaml_node *n, const yaml_char_t *anchor,
			      const yaml_char_t *tag)
{
	if (anchor != NULL)
		refuse(r, n, "anchors (&name) are not supported; a text that begins with & needs quotes");
	else if (tag != NULL)
		refuse(r, n, "tags (!name) are not supported; a text that begins with ! needs quotes");
}

static int on_scalar(struct reading *r, yaml_event_t *event)
{
	char *value = (char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	struct yaml_node *n = node_new(r, YAML_TREE_SCALAR, event);

	if (n == NULL)
		return -EINVAL;
	n->text = xstrndup(value, len);
	n->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (memchr(value, '\0', len) != NULL)
		refuse(r, n, "a text may not hold a NUL character");
	else
		refuse_properties(r, n, event->data.scalar.anchor, event->data.scalar.tag);
	if (event->start_mark.line == event->end_mark.line) {
		const char *raw = byte_at(r, event->start_mark.index);
		if (raw != NULL && raw < r->end &&
		    (n->plain ? (size_t)(r->end - raw) >= len && memcmp(raw, value, len) == 0
			      : *raw == '"' || *raw == '\''))
			n->raw = raw;
	}
	explicit_bzero(value, len);
	return place(r, n);
}

static int on_alias(struct reading *r, const yaml_event_t *event)
{
	struct yaml_node *n = node_new(r, YAML_TREE_SCALAR, event);

	if (n == NULL)
		return -EINVAL;
	n->text = xstrdup("");
	refuse(r, n, "aliases (*name) are not supported; a text that begins with * needs quotes");
	return place(r, n);
}

static int on_start(struct reading *r, enum yaml_tree_kind kind, const yaml_event_t *event,
		    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct yaml_node *n = node_new(r, kind, event);

	if (n == NULL)
		return -EINVAL;
	refuse_properties(r, n, anchor, tag);
	if (r->depth == YAML_TREE_DEPTH) {
		refuse(r, n, "nested too deeply");
		node_free(n);
		return -EINVAL;
	}
	int rc = place(r, n);
	if (rc < 0)
		return rc;
	r->key[r->depth] = NULL;
	r->open[r->depth++] = n;
	return 0;
}

static int on_event(struct reading *r, yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (r->documents++ == 0)
			return 0;
		fault_at(r, &event->start_mark, "a second document; the configuration is one");
		return -EINVAL;
	case YAML_ALIAS_EVENT:
		return on_alias(r, event);
	case YAML_SCALAR_EVENT:
		return on_scalar(r, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(r, YAML_TREE_LIST_OF, event, event->data.sequence_start.anchor,
				event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return on_start(r, YAML_TREE_MAPPING, event, event->data.mapping_start.anchor,
				event->data.mapping_start.tag);
	case YAML_MAPPING_END_EVENT:
		if (event->end_mark.index > event->start_mark.index)
			r->flow_line = (unsigned)event->end_mark.line + 1;
		r->depth--;
		return 0;
	case YAML_SEQUENCE_END_EVENT:
		r->depth--;
		return 0;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 0;
	}
	return 0;
}

static int read_events(struct reading *r)
{
	for (;;) {
		yaml_event_t event;
		if (!yaml_parser_parse(&r->parser, &event)) {
			syntax_fault(r);
			return -EINVAL;
		}
		bool last = event.type == YAML_STREAM_END_EVENT;
		int rc = on_event(r, &event);
		yaml_event_delete(&event);
		if (rc < 0 || last)
			return rc;
	}
}

int yaml_tree_read(const char *text, size_t len, const char *file, struct yaml_tree *out,
		   struct config_faults *faults)
{
	struct reading r = { .text = text, .end = text + len, .file = file, .faults = faults, .tree = out };
	int rc;

	*out = (struct yaml_tree){ .end = text + len };
	if (len > YAML_TREE_BYTES) {
		config_fault(faults, file, 1, 1, "the file is larger than 1 MiB");
		return -EINVAL;
	}
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) /* what some editors put first */
		r.text += 3;
	r.at = r.text;
	rc = check_characters(&r);
	if (rc < 0)
		return rc;
	if (!yaml_parser_initialize(&r.parser))
		abort(); /* out of memory, as in xcalloc() */
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)r.text, (size_t)(r.end - r.text));
	rc = read_events(&r);
	if (rc < 0) {
		for (unsigned i = 0; i < r.depth; i++)
			node_free(r.key[i]);
		yaml_tree_done(out);
	}
	explicit_bzero(r.parser.raw_buffer.start,
		       (size_t)(r.parser.raw_buffer.end - r.parser.raw_buffer.start));
	explicit_bzero(r.parser.buffer.start, (size_t)(r.parser.buffer.end - r.parser.buffer.start));
	yaml_parser_delete(&r.parser);
	return rc;
}

/* --- writing --- */

static bool plain_is_safe(const char *s)
{
	static const char *const taken[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n" };

	if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '/'))
		return false;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		if (strcasecmp(s, taken[i]) == 0)
			return false;
	}
	return s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-")] == '\0';
}

void yaml_write_string(struct buf *b, const char *s)
{
	const char *end = s + strlen(s);

	if (plain_is_safe(s)) {
		buf_puts(b, s);
		return;
	}
	buf_putc(b, '"');
	while (s < end) {
		unsigned n = utf8_length(s, end);
		const unsigned char *u = (const unsigned char *)s;
		if (n == 0) {
			buf_puts(b, "\xef\xbf\xbd");
			s++;
			continue;
		}
		if (*s == '"' || *s == '\\')
			buf_printf(b, "\\%c", *s);
		else if (n == 1 && (*u < 0x20 || *u == 0x7f))
			buf_printf(b, "\\x%02X", *u);
		else if (n == 2 && u[0] == 0xc2 && u[1] < 0xa0)
			buf_printf(b, "\\x%02X", u[1]);
		else if (n == 3 &&
			 (line_break(s, n, end) || control(s, n) || memcmp(s, "\xef\xbb\xbf", 3) == 0))
			buf_printf(b, "\\u%04X", (u[0] & 0xfu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu));
		else
			buf_append(b, s, n);
		s += n;
	}
	buf_putc(b, '"');
}

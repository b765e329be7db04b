/* SPDX-License-Identifier: Apache-2.0
 *
 * xml.c - see xml.h.  The only file that includes expat.
 *
 * Namespaces are not resolved: a name counts without its prefix, declared or not.  The handler for
 * characters is taken away wherever nobody wants them, so white space between elements costs nothing.
 *
 * expat keeps every name of an element or attribute that it has met, so a report that invents names without
 * end would need memory without end: all that expat takes is counted, and there is a ceiling. */
#include "parsers/xml.h"

#include "daemon/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <expat.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TABLE = 128,           /* slots of the name table, a power of two */
	NAME_SHOWN = 60,       /* bytes of a foreign name in a message */
	HEADER = 16,           /* before each piece of memory: its size */
	TOKENS_HELD = 4,       /* copies that expat may hold of its longest token while a buffer grows */
	MEMORY_REST = 8 << 20, /* for everything else */
};

struct frame {
	const struct xml_rule *rule; /* NULL: no rule took it */
	unsigned context;            /* of what is inside */
	bool text;
};

struct xml {
	XML_Parser expat;
	const struct xml_dialect *dialect;
	const char *encoding;
	xml_root_fn *root;
	void *cookie;
	struct xml_limits limits;

	const struct xml_rule *slot[TABLE]; /* first rule of each name; its namesakes follow in the table */
	const struct xml_rule *any;         /* the rule "*" */
	struct frame *frame;
	unsigned depth, room;
	bool text_on;

	bool seen_root, root_closed, stopped, foreign;
	bool failed;  /* err is set */
	bool extra;   /* this is a further document */
	uint64_t fed; /* bytes given to this expat */
	void *last_room, *spare_room;
	size_t memory, memory_max; /* what expat holds, and may hold */
	bool exhausted;
	unsigned line_base, column_base;
	struct err err;
};

/* ---- memory ---- */

/* expat's memory functions get no cookie. */
static _Thread_local struct xml *current;

static bool afford(size_t size)
{
	if (size <= current->memory_max && current->memory <= current->memory_max - size)
		return true;
	current->exhausted = true;
	return false;
}

static void *take(size_t size)
{
	if (!afford(size))
		return NULL;
	char *p = xrealloc(NULL, HEADER + size, 1);
	memcpy(p, &size, sizeof(size));
	current->memory += size;
	return p + HEADER;
}

static void give_back(void *s)
{
	size_t size;

	if (s == NULL)
		return;
	memcpy(&size, (char *)s - HEADER, sizeof(size));
	current->memory -= size;
	free((char *)s - HEADER);
}

static void *resize(void *s, size_t size)
{
	size_t old;

	if (s == NULL)
		return take(size);
	memcpy(&old, (char *)s - HEADER, sizeof(old));
	if (size > old && !afford(size - old))
		return NULL;
	char *p = xrealloc((char *)s - HEADER, HEADER + size, 1);
	memcpy(p, &size, sizeof(size));
	current->memory = current->memory - old + size;
	return p + HEADER;
}

static const XML_Memory_Handling_Suite counted = { take, resize, give_back };

const char *xml_local(const char *name)
{
	const char *colon = strrchr(name, ':');

	return colon != NULL ? colon + 1 : name;
}

const char *xml_attr(const char **attrs, const char *name)
{
	for (; attrs[0] != NULL; attrs += 2) {
		if (strcmp(attrs[0], name) == 0)
			return attrs[1];
	}
	return NULL;
}

unsigned xml_depth(const struct xml *x)
{
	return x->depth;
}
const struct xml_dialect *xml_dialect(const struct xml *x)
{
	return x->dialect;
}

void xml_place(const struct xml *x, unsigned *line, unsigned *column)
{
	unsigned long l = XML_GetCurrentLineNumber(x->expat), c = XML_GetCurrentColumnNumber(x->expat);

	*line = (unsigned)l + x->line_base;
	*column = (unsigned)c + 1 + (l <= 1 ? x->column_base : 0);
}

void xml_stop(struct xml *x)
{
	if (x->stopped)
		return;
	x->stopped = true;
	XML_StopParser(x->expat, XML_FALSE);
}

void xml_fail(struct xml *x, const char *fmt, ...)
{
	unsigned line, column;
	va_list ap;

	if (x->stopped)
		return;
	va_start(ap, fmt);
	err_vset(&x->err, -EBADMSG, fmt, ap);
	va_end(ap);
	xml_place(x, &line, &column);
	err_place(&x->err, NULL, line, column);
	x->failed = true;
	xml_stop(x);
}

/* ---- rules ---- */

static inline unsigned step(unsigned hash, char c)
{
	return hash * 31 + (unsigned char)c;
}
static inline unsigned slot_of(unsigned hash)
{
	return (hash ^ hash >> 7) & (TABLE - 1);
}

/* Namesakes stand side by side in a dialect's table, so one slot a name is enough. */
static void index_rules(struct xml *x)
{
	memset(x->slot, 0, sizeof(x->slot));
	x->any = NULL;
	for (const struct xml_rule *r = x->dialect->rules; r->name != NULL; r++) {
		unsigned hash = 0;
		if (r->name[0] == '*') {
			x->any = r;
			continue;
		}
		if (r > x->dialect->rules && strcmp(r[-1].name, r->name) == 0)
			continue;
		for (const char *p = r->name; *p != '\0'; p++)
			hash = step(hash, *p);
		unsigned at = slot_of(hash);
		while (x->slot[at] != NULL)
			at = (at + 1) & (TABLE - 1);
		x->slot[at] = r;
	}
}

static inline const struct xml_rule *find_rule(const struct xml *x, const char *name, unsigned context)
{
	unsigned hash = 0;
	const char *local = name;

	for (const char *p = name; *p != '\0'; p++) {
		if (*p == ':') {
			local = p + 1;
			hash = 0;
			continue;
		}
		hash = step(hash, *p);
	}
	for (unsigned at = slot_of(hash); x->slot[at] != NULL; at = (at + 1) & (TABLE - 1)) {
		const struct xml_rule *r = x->slot[at];
		if (strcmp(r->name, local) != 0)
			continue;
		do {
			if ((r->in & context) != 0)
				return r;
			r++;
		} while (r->name != NULL && strcmp(r->name, local) == 0);
		break;
	}
	return x->any != NULL && (x->any->in & context) != 0 ? x->any : NULL;
}

/* ---- handlers ---- */

static void on_text(void *cookie, const XML_Char *s, int len)
{
	struct xml *x = cookie;

	if (!x->stopped)
		x->dialect->text(x->cookie, s, (size_t)len);
}

static inline void set_text(struct xml *x, bool on)
{
	if (x->text_on == on)
		return;
	x->text_on = on;
	XML_SetCharacterDataHandler(x->expat, on ? on_text : NULL);
}

static bool begin_root(struct xml *x, const char *name)
{
	const char *local = xml_local(name);
	const struct xml_dialect *d = x->root(x->cookie, local);

	if (d == NULL) {
		x->foreign = true;
		xml_fail(x, "the root element <%.*s> is not that of a test report", NAME_SHOWN, name);
		return false;
	}
	x->seen_root = true;
	if (d != x->dialect) {
		x->dialect = d;
		index_rules(x);
	}
	return true;
}

static void on_open(void *cookie, const XML_Char *name, const XML_Char **attrs)
{
	struct xml *x = cookie;

	if (x->stopped)
		return;
	if (!x->seen_root && !begin_root(x, name))
		return;
	const struct frame *outer = x->depth > 0 ? &x->frame[x->depth - 1] : NULL;
	unsigned context = outer != NULL ? outer->context : x->dialect->root;
	bool outer_text = outer != NULL && outer->text;
	if (x->depth == x->room) {
		if (x->depth >= x->limits.depth) {
			xml_fail(x, "elements are nested deeper than %u", x->limits.depth);
			return;
		}
		x->room = x->room == 0 ? 32 : x->room * 2;
		if (x->room > x->limits.depth)
			x->room = x->limits.depth;
		x->frame = xrealloc(x->frame, x->room, sizeof(*x->frame));
	}
	const struct xml_rule *rule = find_rule(x, name, context);
	struct frame *f = &x->frame[x->depth++];
	assert(f != NULL); /* room was made above */
	f->rule = rule;
	if (rule != NULL) {
		f->context = rule->to;
		f->text = rule->text && !x->limits.no_text;
		set_text(x, f->text);
		if (rule->open != NULL)
			rule->open(x->cookie, name, attrs);
	} else {
		f->context = x->dialect->other;
		f->text = outer_text;
	}
}

static void on_close(void *cookie, const XML_Char *name)
{
	struct xml *x = cookie;

	(void)name;
	if (x->stopped || x->depth == 0)
		return;
	const struct xml_rule *rule = x->frame[x->depth - 1].rule;
	if (rule != NULL && rule->close != NULL)
		rule->close(x->cookie);
	x->depth--;
	if (x->depth == 0) {
		x->root_closed = true;
		set_text(x, false);
	} else {
		set_text(x, x->frame[x->depth - 1].text);
	}
}

/* A DOCTYPE that brings declarations is refused, because no report needs entities; one of a foreign name
 * tells a foreign root; one that only points outside is harmless, since nothing is fetched. */
static void on_doctype(void *cookie, const XML_Char *name, const XML_Char *sysid, const XML_Char *pubid,
		       int has_internal_subset)
{
	struct xml *x = cookie;

	(void)sysid;
	(void)pubid;
	if (x->stopped)
		return;
	if (has_internal_subset) {
		xml_fail(x, "a DOCTYPE with declarations of its own is refused");
	} else if (x->root(x->cookie, xml_local(name)) == NULL) {
		x->foreign = true;
		xml_fail(x, "the document type \"%.*s\" is not that of a test report", NAME_SHOWN, name);
	}
}

/* ---- life ---- */

static void arm(struct xml *x)
{
	XML_SetUserData(x->expat, x);
	XML_SetElementHandler(x->expat, on_open, on_close);
	XML_SetStartDoctypeDeclHandler(x->expat, on_doctype);
	x->text_on = false;
	x->seen_root = x->root_closed = false;
	x->depth = 0;
	x->fed = 0;
}

struct xml *xml_new(const struct xml_limits *limits, const char *encoding, xml_root_fn *root, void *cookie)
{
	struct xml *x = xcalloc(1, sizeof(*x));

	x->limits = *limits;
	x->memory_max = limits->token * TOKENS_HELD + MEMORY_REST;
	current = x;
	x->expat = XML_ParserCreate_MM(encoding, &counted, NULL);
	if (x->expat == NULL)
		abort(); /* no ceiling is that low */
	x->encoding = encoding;
	x->root = root;
	x->cookie = cookie;
	arm(x);
	return x;
}

void xml_free(struct xml *x)
{
	if (x == NULL)
		return;
	current = x;
	XML_ParserFree(x->expat);
	free(x->spare_room);
	free(x->frame);
	free(x);
}

void *xml_room(struct xml *x, size_t size)
{
	current = x;
	void *room = XML_GetBuffer(x->expat, (int)size);

	if (room == NULL) {
		/* The ceiling: what is put here is never read, and xml_commit() says so. */
		free(x->spare_room);
		room = x->spare_room = xcalloc(size, 1);
		x->exhausted = true;
	}
	x->last_room = room;
	return room;
}

const unsigned char *xml_peek(const struct xml *x)
{
	return x->last_room;
}

/* Whether the error is one that another pass with replaced characters may get over. */
static bool repairable(enum XML_Error code)
{
	switch ((int)code) {
	case XML_ERROR_INVALID_TOKEN:
	case XML_ERROR_PARTIAL_CHAR:
	case XML_ERROR_BAD_CHAR_REF:
	case XML_ERROR_UNKNOWN_ENCODING:
	case XML_ERROR_INCORRECT_ENCODING:
	case XML_ERROR_MISPLACED_XML_PI: /* a blank line before the declaration */
	case XML_ERROR_XML_DECL:         /* the name of the encoding */
		return true;
	default:
		return false;
	}
}

static bool early(enum XML_Error code)
{
	switch ((int)code) {
	case XML_ERROR_NO_ELEMENTS:
	case XML_ERROR_UNCLOSED_TOKEN:
	case XML_ERROR_UNCLOSED_CDATA_SECTION:
	case XML_ERROR_PARTIAL_CHAR:
		return true;
	default:
		return false;
	}
}

static enum xml_outcome give(struct xml *x, struct err *err, enum xml_outcome outcome)
{
	if (err != NULL && err->code == 0)
		*err = x->err;
	return outcome;
}

/* Another document behind the root: what expat has not read yet is kept, and a fresh parser gets it. */
static char *next_document(struct xml *x, enum XML_Error code, size_t *len)
{
	int offset, size;

	/* A byte order mark in the middle of a file is no character that XML knows there. */
	if (!x->root_closed || (code != XML_ERROR_JUNK_AFTER_DOC_ELEMENT &&
				code != XML_ERROR_MISPLACED_XML_PI && code != XML_ERROR_INVALID_TOKEN))
		return NULL;
	const char *context = XML_GetInputContext(x->expat, &offset, &size);
	if (context == NULL || offset < 0 || offset >= size)
		return NULL;
	const char *at = context + offset;
	size_t left = (size_t)(size - offset);
	if (left > 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) {
		at += 3;
		left -= 3;
	} else if (code == XML_ERROR_INVALID_TOKEN) {
		return NULL;
	}
	/* Markup only: text behind the root is junk.  (A declaration that was repaired is white space.) */
	size_t blank = 0;
	while (blank < left && strchr(" \t\r\n", at[blank]) != NULL && at[blank] != '\0')
		blank++;
	if (left < blank + 2 || at[blank] != '<' || strchr("/! \t\r\n<>&", at[blank + 1]) != NULL)
		return NULL;
	char *rest = xcalloc(left, 1);
	memcpy(rest, at, left);
	*len = left;
	return rest;
}

static enum xml_outcome judge(struct xml *x, bool final, struct err *err)
{
	unsigned line, column;

	if (x->foreign && !x->extra)
		return give(x, err, XML_FOREIGN);
	if (x->foreign) {
		/* Behind a finished report, a foreign element is junk. */
		err_clear(&x->err);
		err_at(&x->err, -EBADMSG, NULL, x->line_base + 1, x->column_base + 1,
		       "junk after the document element");
		return give(x, err, XML_BROKEN);
	}
	if (x->failed)
		return give(x, err, XML_BROKEN);
	if (x->stopped)
		return XML_STOPPED;
	if (x->exhausted) {
		err_set(&x->err, -E2BIG, "its names or tags need more than %zu bytes of memory",
			x->memory_max);
		return give(x, err, XML_BROKEN);
	}

	enum XML_Error code = XML_GetErrorCode(x->expat);
	xml_place(x, &line, &column);
	err_at(&x->err, -EBADMSG, NULL, line, column, "%s", XML_ErrorString(code));
	if (repairable(code))
		return give(x, err, XML_REPAIR);
	return give(x, err, final && early(code) ? XML_ENDED_EARLY : XML_BROKEN);
}

/* A tag that never ends would grow expat's buffer for ever. */
static bool token_too_long(struct xml *x)
{
	XML_Index at = XML_GetCurrentByteIndex(x->expat);

	return at >= 0 && x->fed > (uint64_t)at && x->fed - (uint64_t)at > x->limits.token;
}

enum xml_outcome xml_commit(struct xml *x, size_t len, bool final, struct err *err)
{
	current = x;
	x->fed += len;
	if (x->exhausted)
		return judge(x, final, err);
	enum XML_Status status = XML_ParseBuffer(x->expat, (int)len, final);
	while (status != XML_STATUS_OK) {
		size_t left = 0;
		char *rest = x->stopped ? NULL : next_document(x, XML_GetErrorCode(x->expat), &left);
		if (rest == NULL)
			return judge(x, final, err);
		unsigned line, column;
		xml_place(x, &line, &column);
		x->line_base = line - 1;
		x->column_base = column - 1;
		x->extra = true;
		if (!XML_ParserReset(x->expat, x->encoding))
			abort();
		arm(x);
		x->fed = left;
		status = XML_Parse(x->expat, rest, (int)left, final);
		free(rest);
	}
	if (token_too_long(x)) {
		xml_fail(x, "a tag, comment or instruction is longer than %zu bytes", x->limits.token);
		return judge(x, final, err);
	}
	return XML_GOOD;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * xml.h - expat with limits, driven by tables of rules.
 *
 * The first element decides which table is used (the owner's root function).  No entity is expanded but
 * the five of XML, nothing is ever fetched, and nothing calls back into expat from a handler but to stop
 * it.  After the root has closed, a further document may follow; it is read as if it stood alone. */
#ifndef RD_PARSERS_XML_H
#define RD_PARSERS_XML_H

#include "daemon/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xml;

/* An element in a table of rules.  Contexts are the dialect's own bits: `in` says where the rule holds,
 * `to` is the context of what is inside.  A rule with the name "*" takes what no other rule does. */
struct xml_rule {
	const char *name; /* local name; NULL ends the table */
	unsigned in, to;
	void (*open)(void *cookie, const char *name, const char **attrs);
	void (*close)(void *cookie);
	bool text; /* its characters are wanted, and those of what no rule takes inside */
};

struct xml_dialect {
	const char *format;
	const struct xml_rule *rules;
	unsigned root;  /* context of the root element */
	unsigned other; /* context inside an element that no rule takes */
	void (*text)(void *cookie, const char *s, size_t len);
};

struct xml_limits {
	unsigned depth; /* nested elements */
	size_t token;   /* bytes of one tag, comment or processing instruction */
	bool no_text;   /* characters are not wanted anywhere */
};

/* The dialect of a root element's local name, NULL: not ours. */
typedef const struct xml_dialect *xml_root_fn(void *cookie, const char *name);

enum xml_outcome {
	XML_GOOD,
	XML_REPAIR,      /* a character or the encoding: worth another pass through the repairing filter */
	XML_BROKEN,      /* not well-formed, too deep, too large, refused */
	XML_ENDED_EARLY, /* the end of the input came before the end of the document */
	XML_FOREIGN,     /* the root is not ours */
	XML_STOPPED,     /* xml_stop() */
};

/* encoding: NULL, or what the bytes are whatever they declare. */
struct xml *xml_new(const struct xml_limits *limits, const char *encoding, xml_root_fn *root, void *cookie);
void xml_free(struct xml *x);

/* Room for more bytes, then how many were put there.  final: nothing comes after them. */
void *xml_room(struct xml *x, size_t size);
const unsigned char *xml_peek(const struct xml *x); /* what was put into the room last asked for */
enum xml_outcome xml_commit(struct xml *x, size_t len, bool final, struct err *err);

/* From handlers.  No further handler is called. */
void xml_stop(struct xml *x);
void xml_fail(struct xml *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void xml_place(const struct xml *x, unsigned *line, unsigned *column); /* from 1 */
unsigned xml_depth(const struct xml *x);

/* NULL before the root element. */
const struct xml_dialect *xml_dialect(const struct xml *x);
/* Value of an attribute, NULL where it is not there. */
const char *xml_attr(const char **attrs, const char *name);
const char *xml_local(const char *name);

#endif

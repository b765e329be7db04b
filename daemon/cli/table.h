/* SPDX-License-Identifier: Apache-2.0
 *
 * table.h - what a server answered, for people (columns, or a card) or for machines (its JSON as it is).
 *
 * Everything shown is foreign: control characters become spaces, a cell is cut on a character.  A list may be
 * longer than memory: rows are printed in blocks, each column as wide as its first block needs. */
#ifndef RD_CLI_TABLE_H
#define RD_CLI_TABLE_H

#include "daemon/base/arena.h"
#include "daemon/base/buf.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

enum column_kind {
	COLUMN_TEXT, /* numbers as they are, lists joined by ", ", booleans yes and no */
	COLUMN_TIME, /* epoch seconds or milliseconds, told apart by size; text as it is */
	COLUMN_SPAN, /* seconds as 1h 2m 3s */
};
struct column {
	const char *title;
	const char *path; /* "status.name"; through lists too: "tags.tag.name" */
	enum column_kind kind;
};

struct table {
	FILE *out;
	const struct column *columns; /* ended by a zero row */
	size_t count;
	bool json;
	size_t rows; /* so far */
	struct arena arena;
	const char **cell; /* of the block that waits */
	size_t waiting;
	size_t *width;
	bool measured;
};
void table_begin(struct table *t, const struct column *columns, bool json);
void table_row(struct table *t, const cJSON *item); /* borrowed for the call */
/* none: what is said where there was no row ("No cycles."); NULL: nothing, the list could not be had. */
void table_end(struct table *t, const char *none);

/* One object: "Title:  value" lines, those without a value left out; or its JSON. */
void table_card(const struct column *columns, const cJSON *item, bool json);
/* The text of a value as a cell shows it. */
void table_value(struct buf *b, const cJSON *item, const char *path, enum column_kind kind);
/* One line of a foreign text, for messages. */
const char *table_clean(struct arena *a, const char *s);
/* JSON of an answer on standard output. */
void table_json(const cJSON *value);

#endif

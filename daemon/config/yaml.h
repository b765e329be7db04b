/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml.h - YAML text -> a tree of nodes that know their place.
 *
 * A subset, on purpose: one document; no anchors, aliases or tags; keys are plain text.  Depth, nodes and
 * the size of each collection are bounded, so a hostile file costs what its bytes cost.  The tree borrows
 * the text it was read from; its own copies are wiped when it is freed, since secrets may stand in them.
 *
 * All names begin with yaml_tree or yaml_write: libyaml exports yaml_free() and others, which must not be
 * replaced by ours. */
#ifndef RD_CONFIG_YAML_H
#define RD_CONFIG_YAML_H

#include "daemon/base/buf.h"
#include "daemon/config/faults.h"

#include <stdbool.h>
#include <stddef.h>

enum yaml_tree_limits {
	YAML_TREE_BYTES = 1 << 20,
	YAML_TREE_DEPTH = 64,
	YAML_TREE_NODES = 100000,
	YAML_TREE_LIST = 10000, /* entries of one list */
	YAML_TREE_KEYS = 1000,  /* keys of one mapping */
};

enum yaml_tree_kind { YAML_TREE_SCALAR, YAML_TREE_LIST_OF, YAML_TREE_MAPPING };

struct yaml_node {
	enum yaml_tree_kind kind;
	bool bad;                /* a fault was noted here already: say nothing more of it */
	bool plain;              /* a scalar without quotes */
	unsigned line, column;   /* from 1, in characters; 0: not from a file */
	char *text;              /* of a scalar; no NUL within */
	const char *raw;         /* where a scalar that stands on one line begins in the source, or NULL */
	struct yaml_node **item; /* of a list; of a mapping: key 0, value 0, key 1, value 1, ... */
	size_t count;            /* entries of a list, pairs of a mapping */
};

struct yaml_tree {
	struct yaml_node *root; /* NULL: nothing in the file */
	const char *end;        /* of the source */
};

/* 0, or -EINVAL where the text could not be read to its end: then there is no tree.  Either way faults
 * may have been added; file is the name that they give.  What must be refused in a place that does not
 * break the rest (an alias, say) is a fault and a node marked bad. */
int yaml_tree_read(const char *text, size_t len, const char *file, struct yaml_tree *out,
		   struct config_faults *faults);
void yaml_tree_done(struct yaml_tree *t);

bool yaml_node_null(const struct yaml_node *n); /* nothing, `~` or `null`: as if the key were absent */
/* The value of a key, NULL where the mapping lacks it; of a repeated one the first. */
struct yaml_node *yaml_node_get(const struct yaml_node *mapping, const char *key);
/* The column of the byte `offset` of a scalar's text: exact where it stands on one line, else that of
 * the scalar. */
unsigned yaml_node_column(const struct yaml_tree *t, const struct yaml_node *n, size_t offset);

/* Appends a scalar so that reading it gives s again: without quotes where no reader of YAML could take it
 * for something else.  Bytes that are not UTF-8 become U+FFFD. */
void yaml_write_string(struct buf *b, const char *s);

#endif

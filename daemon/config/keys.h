/* SPDX-License-Identifier: Apache-2.0
 *
 * keys.h - what a mapping of the configuration may hold: one row a key.
 *
 * A row says where the value goes in the struct that the mapping fills, what type it has, its range and
 * its default.  Parsing, checking, did-you-mean, `check`'s print-out and etc/resultd.yaml's test read the
 * same rows.  A key exists only where the feature behind it works.
 *
 * A key without a value (`plan:`) or with null is as if it were not there: it gets its default. */
#ifndef RD_CONFIG_KEYS_H
#define RD_CONFIG_KEYS_H

#include "daemon/base/err.h"
#include "daemon/config/template.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type {                   /* the C type at the offset */
		   CONFIG_STRING,    /* char * */
		   CONFIG_PATH,      /* char *, absolute, or made so from the configuration's own folder */
		   CONFIG_URL,       /* char *, http or https, trailing slashes removed */
		   CONFIG_TEMPLATE,  /* struct template * */
		   CONFIG_BOOL,      /* bool */
		   CONFIG_INT,       /* int64_t, min..max */
		   CONFIG_DURATION,  /* int64_t ms: 500ms, 30s, 5m, 6h, 30d; min..max in ms */
		   CONFIG_SIZE,      /* int64_t bytes: 64KiB, 50MiB, 2GiB, 1000; min..max in bytes */
		   CONFIG_RATE,      /* double per minute: 180/min, 3/s, 10000/h */
		   CONFIG_MODE,      /* int64_t, an octal string "0755" */
		   CONFIG_ENUM,      /* int, index into .words */
		   CONFIG_ENUMS,     /* struct config_ints: list of words, no repeats */
		   CONFIG_STRINGS,   /* struct config_strings */
		   CONFIG_TEMPLATES, /* struct config_templates */
		   CONFIG_MAP,       /* struct config_map: any key -> string */
		   CONFIG_SECRET,    /* struct secret * (secret.h) */
		   CONFIG_STRUCT,    /* a nested mapping with its own rows, at the same base + offset */
};

struct config_key { /* NOLINT(clang-analyzer-optin.performance.Padding): the order that rows are written in */
	const char *name;
	enum config_type type;
	size_t offset;
	bool required;                 /* beneath a CONFIG_STRUCT: where that mapping is given */
	int64_t min, max;              /* both 0: no range; max below min: no upper end */
	const char *def;               /* default; NULL: zero.  A list or a map is written as in YAML,
					 * anything else as the bare text */
	const char *const *words;      /* CONFIG_ENUM(S), ended by NULL */
	const struct config_key *keys; /* CONFIG_STRUCT */
	const char *scalar;            /* CONFIG_STRUCT: a plain value is taken as this key (control: PATH) */
};

/* Where a list is wanted, one plain value is a list of one. */
struct config_strings {
	char **item;
	size_t count;
};
struct config_ints {
	int *item;
	size_t count;
};
struct config_templates {
	struct template **item;
	size_t count;
};
struct config_map {
	char **key, **value;
	size_t count;
};
const char *config_map_get(const struct config_map *m, const char *key);

/* Frees what the rows own inside base (not base itself). */
void config_keys_done(const struct config_key *keys, void *base);

#endif

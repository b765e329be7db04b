/* SPDX-License-Identifier: Apache-2.0
 *
 * merge.h - a mapping laid over another one: what the upper one does not say falls through to the lower.
 *
 * Nested mappings are merged where their keys say that they are structs or maps; anything else is replaced as a
 * whole (a secret is one value, however it is written).  The result borrows the texts and nodes of both, which must
 * stay; what merging made itself is freed by merge_done(). */
#ifndef RD_CONFIG_MERGE_H
#define RD_CONFIG_MERGE_H

#include "daemon/config/keys.h"
#include "daemon/config/yaml.h"

struct merge {
	struct yaml_node **made;
	size_t count;
};

/* without: names that are left out of the upper mapping, ended by NULL. */
struct yaml_node *merge_mappings(struct merge *m, const struct config_key *keys,
				 const struct yaml_node *lower, const struct yaml_node *upper,
				 const char *const *without);
void merge_done(struct merge *m);

#endif

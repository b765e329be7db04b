/* SPDX-License-Identifier: Apache-2.0
 *
 * watches.h - the entries of `watch`: rows, and what no single key can check. */
#ifndef RD_CONFIG_WATCHES_H
#define RD_CONFIG_WATCHES_H

#include "daemon/config/config.h"
#include "daemon/config/reader.h"

/* Reads the list into c->watch; c->sink stands already. */
void watches_read(struct config_reader *r, const struct yaml_node *list, struct config *c);
void watches_done(struct config *c);

/* What a watch or a sink may be called: it stands in commands, logs and file names. */
bool config_name_ok(const char *s);
#define CONFIG_NAME_RULE "a name of letters, digits, ., _ and -, at most 64, a letter or digit first"

#endif

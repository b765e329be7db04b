/* SPDX-License-Identifier: Apache-2.0
 *
 * reload.c - secrets read again, in place, wherever a sink's table holds one. */
#include "daemon/config/config.h"

static int reload_keys(const struct config_key *keys, void *base, struct err *err)
{
	for (; keys->name != NULL; keys++) {
		int rc = 0;
		if (keys->type == CONFIG_SECRET) {
			struct secret **s = (struct secret **)((char *)base + keys->offset);
			if (*s != NULL)
				rc = secret_reload(*s, err);
		} else if (keys->type == CONFIG_STRUCT) {
			rc = reload_keys(keys->keys, (char *)base + keys->offset, err);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

int config_reload_secrets(struct config *c, struct err *err)
{
	for (size_t i = 0; i < c->sink_count; i++) {
		int rc = reload_keys(c->sink[i].type->keys, c->sink[i].conf, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

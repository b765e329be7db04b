/* SPDX-License-Identifier: Apache-2.0
 *
 * later.c - keys that the documentation of the whole names and that this version does not have: "not
 * supported by this version" helps more than "unknown key".  A key that becomes a row is never looked up
 * here; its line can go. */
#include "daemon/config/reader.h"

#include <string.h>

static const struct {
	const char *place, *keys;
} later[] = {
	{ "local", " dir_mode " },
};

bool config_key_later(const char *place, const char *key)
{
	size_t len = strlen(key);

	if (len == 0 || strchr(key, ' ') != NULL)
		return false;
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		if (strcmp(later[i].place, place) != 0)
			continue;
		for (const char *s = strstr(later[i].keys, key); s != NULL; s = strstr(s + 1, key)) {
			if (s[-1] == ' ' && s[len] == ' ')
				return true;
		}
	}
	return false;
}

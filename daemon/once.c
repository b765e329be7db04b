/* SPDX-License-Identifier: Apache-2.0
 *
 * once.c - lines that are said once. */
#include "daemon/once.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

bool once_new(struct once *o, const char *line)
{
	for (size_t i = 0; i < ONCE_LINES; i++) {
		if (o->line[i] != NULL && strcmp(o->line[i], line) == 0)
			return false;
	}
	free(o->line[o->at]);
	o->line[o->at] = xstrdup(line);
	o->at = (o->at + 1) % ONCE_LINES;
	return true;
}

void once_done(struct once *o)
{
	for (size_t i = 0; i < ONCE_LINES; i++)
		free(o->line[i]);
	*o = (struct once){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * list.c - which sinks there are.  A file of its own, so that a test of one sink need not link them all. */
#include "sinks/sink.h"

#include <string.h>

extern const struct sink sink_testrail, sink_aio, sink_axosoft, sink_local;

const struct sink *const sink_list[] = {
	&sink_testrail, &sink_aio, &sink_axosoft, &sink_local, NULL,
};

const struct sink *sink_find(const char *name)
{
	for (size_t i = 0; sink_list[i] != NULL; i++) {
		if (strcmp(sink_list[i]->name, name) == 0)
			return sink_list[i];
	}
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.c - the end of a set of rows: one arena holds everything, the struct itself is on the heap. */
#include "daemon/model/rows.h"

#include <stdlib.h>

void rows_free(struct rows *rows)
{
	if (rows == NULL)
		return;
	arena_done(&rows->arena);
	free(rows);
}

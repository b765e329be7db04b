/* SPDX-License-Identifier: Apache-2.0
 *
 * listing.c - rows until the person has enough, and a word where there are more. */
#include "daemon/cli/listing.h"

#include <inttypes.h>
#include <stdio.h>

void listing_begin(struct listing *l, const struct args *a, const struct column *columns)
{
	l->left = a->limit;
	table_begin(&l->table, columns, a->json);
}

bool listing_item(void *cookie, const cJSON *item)
{
	struct listing *l = cookie;

	table_row(&l->table, item);
	return --l->left > 0;
}

int listing_end(struct listing *l, const struct args *a, int rc, const char *none, bool more)
{
	table_end(&l->table, rc == EXIT_OK ? none : NULL);
	if (more)
		fprintf(stderr, "There are more: --offset %" PRId64 ", or --all.\n", a->offset + a->limit);
	return rc;
}

bool listing_page(const cJSON *items, bool last, int64_t skip, bool (*fn)(void *cookie, const cJSON *item),
		  void *cookie, bool *more)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, items)
	{
		if (skip-- > 0 || fn(cookie, item))
			continue;
		if (more != NULL)
			*more = item->next != NULL || !last;
		return false;
	}
	return !last;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * listing.h - a list of a server's as a table, as far as the person asked for: --limit, --offset, --all. */
#ifndef RD_CLI_LISTING_H
#define RD_CLI_LISTING_H

#include "daemon/cli/table.h"
#include "daemon/cli/verbs.h"

struct listing {
	struct table table;
	int64_t left; /* rows that are wanted still */
};
void listing_begin(struct listing *l, const struct args *a, const struct column *columns);
/* For the walk over the pages; cookie: the listing.  false: no more rows are wanted. */
bool listing_item(void *cookie, const cJSON *item);
/* rc: of the walk, returned.  none: as of table_end().  more: the walk ended before the list did. */
int listing_end(struct listing *l, const struct args *a, int rc, const char *none, bool more);

/* Gives the items of a page to fn, but for the first `skip`, until it has enough (false).  last: there is no page
 * behind it.  Whether the next page is wanted; *more (NULL: no matter) is set where fn had enough: there is more. */
bool listing_page(const cJSON *items, bool last, int64_t skip, bool (*fn)(void *cookie, const cJSON *item),
		  void *cookie, bool *more);

#endif

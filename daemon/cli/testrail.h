/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail.h - what the files of the command `testrail` share: lists in both shapes, the project meant. */
#ifndef RD_CLI_TESTRAIL_H
#define RD_CLI_TESTRAIL_H

#include "daemon/cli/table.h"
#include "daemon/cli/verbs.h"

struct rail_list {
	const char *call, *id, *entity; /* "get_runs", "3", "runs" */
	const char *doing;              /* "list runs" */
	const char *const *filters;     /* name, value, name, value, NULL; a NULL value is left out */
};
typedef bool rail_item_fn(void *cookie, const cJSON *item); /* false: enough, this was the last */
/* Each item from `offset` on, page by page.  more (NULL: no matter): there is more than fn wanted. */
int rail_each(struct remote *r, const struct rail_list *l, int64_t offset, rail_item_fn *fn, void *cookie,
	      bool *more);
/* A list on standard output, as --limit, --offset, --all and --json want it. */
int rail_table(struct remote *r, const struct args *a, const struct rail_list *l,
	       const struct column *columns, const char *none);
/* The project by name or id; given NULL: the sink's.  *out is the caller's. */
int rail_project(struct remote *r, const char *given, cJSON **out);
/* The id of the same, as text in id; needs no request where the name is an id. */
int rail_project_id(struct remote *r, const char *given, char id[32]);

int rail_projects_list(struct remote *r, const struct args *a);
int rail_projects_show(struct remote *r, const struct args *a);
int rail_projects_add(struct remote *r, const struct args *a);
int rail_projects_update(struct remote *r, const struct args *a);
int rail_projects_delete(struct remote *r, const struct args *a);

int rail_fields_list(struct remote *r, const struct args *a);
int rail_fields_add(struct remote *r, const struct args *a);
int rail_fields_ensure(struct remote *r, const struct args *a);
#define RAIL_FIELDS_ADD_OPTIONS                                                                        \
	"type= name= label= description= item=* format= rows= required default= project=* template=* " \
	"has-expected= has-actual="
extern const char rail_fields_add_detail[];

#endif

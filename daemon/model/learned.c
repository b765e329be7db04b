/* SPDX-License-Identifier: Apache-2.0
 *
 * learned.c - collecting what an answer taught. */
#include "daemon/model/learned.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

void learned_init(struct learned *l, struct arena *arena)
{
	*l = (struct learned){ .arena = arena };
}

void learned_done(struct learned *l)
{
	free(l->item);
	*l = (struct learned){ 0 };
}

static struct learned_item *add(struct learned *l, enum learned_kind what)
{
	if (l->count == l->room) {
		l->room = l->room > 0 ? l->room * 2 : 64;
		l->item = xrealloc(l->item, l->room, sizeof(*l->item));
	}
	struct learned_item *item = &l->item[l->count++];
	*item = (struct learned_item){ .what = what };
	return item;
}

static const char *copy(struct learned *l, const char *s)
{
	return arena_strdup(l->arena, s);
}

void learned_remote(struct learned *l, const char *kind, const char *scope, const char *id,
		    const char *parent, const char *name, const char *alias, const char *json)
{
	struct learned_item *item = add(l, LEARNED_REMOTE);

	item->kind = copy(l, kind);
	item->scope = copy(l, scope);
	item->id = copy(l, id);
	item->parent = copy(l, parent);
	item->name = copy(l, name);
	item->alias = copy(l, alias);
	item->json = copy(l, json);
}

static void add_list(struct learned *l, enum learned_kind what, const char *kind, const char *scope,
		     const char *id)
{
	struct learned_item *item = add(l, what);

	item->kind = copy(l, kind);
	item->scope = copy(l, scope);
	item->id = copy(l, id);
}

void learned_gone(struct learned *l, const char *kind, const char *scope, const char *id)
{
	add_list(l, LEARNED_GONE, kind, scope, id);
}

void learned_list_begin(struct learned *l, const char *kind, const char *scope)
{
	add_list(l, LEARNED_LIST_BEGIN, kind, scope, NULL);
}

void learned_list_end(struct learned *l, const char *kind, const char *scope)
{
	add_list(l, LEARNED_LIST_END, kind, scope, NULL);
}

static struct learned_item *add_row(struct learned *l, enum learned_kind what, int64_t row, const char *id,
				    const char *text)
{
	struct learned_item *item = add(l, what);

	item->row = row;
	item->id = copy(l, id);
	item->text = copy(l, text);
	return item;
}

static void add_test(struct learned *l, enum learned_kind what, int64_t row, int64_t test, const char *id,
		     const char *text)
{
	struct learned_item *item = add_row(l, what, row, id, text);

	item->of_test = true;
	item->test = test;
}

void learned_place(struct learned *l, int64_t row, const char *remote_id)
{
	add_row(l, LEARNED_PLACE, row, remote_id, NULL);
}

void learned_case(struct learned *l, int64_t row, const char *remote_id)
{
	add_row(l, LEARNED_CASE, row, remote_id, NULL);
}

void learned_run_gone(struct learned *l)
{
	add(l, LEARNED_RUN_GONE);
}

void learned_group_gone(struct learned *l, const char *parent)
{
	struct learned_item *item = add(l, LEARNED_RUN_GONE);

	item->parent = copy(l, parent);
}

void learned_linked(struct learned *l)
{
	add(l, LEARNED_LINKED);
}

void learned_posted(struct learned *l, int64_t row, const char *result_id)
{
	add_row(l, LEARNED_POSTED, row, result_id, NULL);
}

void learned_posted_test(struct learned *l, int64_t row, int64_t test, const char *result_id)
{
	add_test(l, LEARNED_POSTED, row, test, result_id, NULL);
}

void learned_ignored_test(struct learned *l, int64_t row, int64_t test, const char *text)
{
	add_test(l, LEARNED_IGNORED, row, test, NULL, text);
}

void learned_defect(struct learned *l, int64_t row, const char *id, const char *url, const char *state)
{
	add_row(l, LEARNED_POSTED, row, id, url)->name = copy(l, state);
}

void learned_parked(struct learned *l, int64_t row, const char *text)
{
	add_row(l, LEARNED_PARKED, row, NULL, text);
}

void learned_ignored(struct learned *l, int64_t row, const char *text)
{
	add_row(l, LEARNED_IGNORED, row, NULL, text);
}

void learned_unmatch(struct learned *l, int64_t row)
{
	add_row(l, LEARNED_UNMATCH, row, NULL, NULL);
}

void learned_run(struct learned *l, const char *remote_id, const char *url)
{
	if (remote_id != NULL)
		l->remote_id = copy(l, remote_id);
	if (url != NULL)
		l->url = copy(l, url);
}

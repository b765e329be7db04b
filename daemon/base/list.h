/* SPDX-License-Identifier: Apache-2.0
 *
 * list.h - intrusive doubly linked list, circular, with a head of the same type.
 *
 * The list owns nothing.  A link that is in no list points at itself or is all zero. */
#ifndef RD_BASE_LIST_H
#define RD_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

/* The arguments are names of types and variables: parentheses would not compile. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define list_entry(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_each(pos, head)           for (struct list *pos = (head)->next; pos != (head); pos = pos->next)
/* The body may remove pos. */
#define list_each_safe(pos, head)                                                     \
	for (struct list *pos = (head)->next, *pos##_next = pos->next; pos != (head); \
	     pos = pos##_next, pos##_next = pos->next)

/* NOLINTEND(bugprone-macro-parentheses) */

static inline void list_init(struct list *head)
{
	head->next = head->prev = head;
}
static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}
static inline bool list_linked(const struct list *l)
{
	return l->next != NULL && l->next != l;
}

static inline void list_append(struct list *head, struct list *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

static inline void list_remove(struct list *l)
{
	if (l->next == NULL)
		return;
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->next = l->prev = l;
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_wishes.c - values that somebody wants in fields: of the configuration, and of properties of the
 * report, which go before it.  Pure functions. */
#include "sinks/testrail/testrail.h"

#include <string.h>
#include <strings.h>

const struct property *testrail_property(const struct result *r, const char *prefix, size_t *at)
{
	size_t len = strlen(prefix);

	while (*at < r->property_count) {
		const struct property *p = &r->properties[(*at)++];
		if (p->key != NULL && p->value != NULL && strncasecmp(p->key, prefix, len) == 0)
			return p;
	}
	return NULL;
}

static void add_wish(struct talk *t, struct testrail_wishes *w, const char *group, const char *name,
		     const char *text, bool reported)
{
	const cJSON *field = testrail_field(t, group, name);

	/* A list may hold the fields that every site has, where they are required. */
	if (field != NULL && strncmp(testrail_field_name(field), "custom_", 7) != 0)
		field = NULL;
	for (size_t i = 0; i < w->count; i++) {
		struct testrail_wish *old = &w->item[i];
		bool same = field != NULL ? old->field == field : strcasecmp(old->name, name) == 0;
		if (!same)
			continue;
		old->text = text;
		old->reported = reported;
		return;
	}
	w->item[w->count++] = (struct testrail_wish){ name, text, field, reported };
}

struct testrail_wishes testrail_wishes(struct talk *t, const char *group, const struct config_map *map,
				       const char *key, const struct result *r, const char *prefix,
				       const struct vars *vars)
{
	struct testrail_wishes w = { 0 };
	const struct property *p;
	size_t n = map->count, at = 0;

	while (testrail_property(r, prefix, &at) != NULL)
		n++;
	if (n == 0)
		return w;
	w.item = arena_calloc(t->arena, n, sizeof(*w.item));
	for (size_t i = 0; i < map->count && w.item != NULL; i++) {
		const char *text = testrail_filled(t, map->value[i], vars,
						   arena_printf(t->arena, "%s.%s", key, map->key[i]));
		if (text == NULL)
			w.trouble = t->err.text;
		else if (*text != '\0')
			add_wish(t, &w, group, map->key[i], text, false);
	}
	at = 0;
	while (w.item != NULL && (p = testrail_property(r, prefix, &at)) != NULL) {
		size_t len = strcspn(p->value, ":=");
		const char *name = testrail_trim(t, p->value, len);
		const char *text = p->value + len + (p->value[len] != '\0');
		if (name != NULL)
			add_wish(t, &w, group, name, text, true);
	}
	return w;
}

const struct testrail_wish *testrail_wish_take(struct testrail_wishes *w, const char *name)
{
	for (size_t i = 0; i < w->count; i++) {
		if (w->item[i].field == NULL && strcasecmp(w->item[i].name, name) == 0) {
			struct testrail_wish taken = w->item[i];
			memmove(&w->item[i], &w->item[i + 1], (--w->count - i) * sizeof(taken));
			w->item[w->count] = taken;
			return &w->item[w->count];
		}
	}
	return NULL;
}

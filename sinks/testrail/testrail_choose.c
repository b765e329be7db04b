/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_choose.c - which entity of a list a name or an id of the configuration means: the exact name
 * before one in other letters, what is open before what is completed; where nothing or several fit, words
 * that say what there is.  Pure functions over JSON; a choice may stretch over pages (`pick` keeps it). */
#include "sinks/testrail/testrail.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define NAMES_SHOWN 20

bool testrail_digits(const char *s)
{
	return *s != '\0' && strspn(s, "0123456789") == strlen(s);
}

/* A group of facts for a new wish: what stood there is of no use. */
cJSON *testrail_begin(struct talk *t, const char *group, const char *wanted)
{
	cJSON_DeleteItemFromObjectCaseSensitive(t->facts, group);
	cJSON *g = sink_object(t->facts, group);
	sink_set_string(g, "wanted", wanted);
	return g;
}

/* One entity of a list is weighed: `id`, or the name as it is, or the name in other letters. */
void testrail_consider(struct talk *t, cJSON *pick, const char *wanted, const cJSON *item)
{
	const char *id = sink_id(t->arena, item, "id"), *name = sink_string(item, "name");

	if (id == NULL)
		return;
	if (name == NULL)
		name = "";
	name = testrail_plain(t->arena, name);
	if (name == NULL)
		return;
	bool dead = sink_bool(item, "is_completed"), exact = strcmp(name, wanted) == 0;
	cJSON *names = sink_array(pick, "names");
	if (!dead && cJSON_GetArraySize(names) <= NAMES_SHOWN)
		cJSON_AddItemToArray(names,
				     cJSON_CreateString(arena_printf(t->arena, "\"%.80s\" (%s)", name, id)));
	if (!exact && strcasecmp(name, wanted) != 0 && !(testrail_digits(wanted) && strcmp(id, wanted) == 0))
		return;
	cJSON *found = cJSON_CreateObject();
	sink_set_string(found, "id", id);
	sink_set_int(found, "mode", sink_int(item, "suite_mode", 0));
	sink_set_int(found, "dead", dead);
	/* In order of preference: alive before completed, exact before nearly. */
	char rank[] = { 'r', (char)('0' + dead * 2 + !exact), '\0' };
	cJSON_AddItemToArray(sink_array(pick, rank), found);
}

const char *testrail_names(struct talk *t, const cJSON *pick)
{
	const cJSON *item, *all = cJSON_GetObjectItemCaseSensitive(pick, "names");
	struct buf b = BUF_LIMIT(700);
	int n = 0;

	cJSON_ArrayForEach(item, all)
	{
		if (n == NAMES_SHOWN || b.len > 600) {
			buf_puts(&b, ", ...");
			break;
		}
		buf_printf(&b, "%s%.100s", n++ > 0 ? ", " : "", item->valuestring);
	}
	const char *text = b.len > 0 ? arena_strndup(t->arena, b.data, b.len) : "none that you may see";
	buf_done(&b);
	return text != NULL ? text : "";
}

/* The one that is meant; NULL: none or several, and err says so. */
const cJSON *testrail_picked(struct talk *t, const cJSON *pick, const char *what, const char *wanted)
{
	static const char *const ranks[] = { "r0", "r1", "r2", "r3" };

	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++) {
		const cJSON *found = cJSON_GetObjectItemCaseSensitive(pick, ranks[i]);
		int n = cJSON_GetArraySize(found);
		if (n == 0)
			continue;
		const cJSON *first = found->child;
		if (n > 1) {
			const char *a = sink_string(first, "id"), *b = sink_string(first->next, "id");
			sink_park(t,
				  "%d %ss are called \"%s\" (ids %s, %s%s): give the id instead of the name",
				  n, what, wanted, a, b, n > 2 ? ", ..." : "");
			return NULL;
		}
		if (sink_bool(first, "dead")) {
			sink_park(t, "the %s \"%s\" is completed over there and takes nothing any more", what,
				  wanted);
			return NULL;
		}
		return first;
	}
	sink_park(t, "no %s \"%s\"; there are: %s", what, wanted, testrail_names(t, pick));
	return NULL;
}

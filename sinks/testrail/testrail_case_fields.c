/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_case_fields.c - what stands in a case besides title and automation id: what the configuration
 * says (create.*), and over it what the test itself says in properties that begin with testrail_case_field
 * ("name:value"): fields of the site, and template_id, type_id, priority_id, milestone_id, estimate, refs. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/json.h"

#include <errno.h>
#include <string.h>

#define PREFIX        "testrail_case_field"
#define CASE_REFS_MAX 2000

/* Ids, then texts; in this order they are written. */
static const char *const system_ids[] = { "template_id", "type_id", "priority_id", "milestone_id", NULL };

static const struct config_map nothing = { 0 };

struct filling {
	struct talk *t;
	struct buf *b;
	struct testrail_wishes wishes;
	const char *trouble; /* the first one of a report */
	bool failed;         /* of the configuration: t->err */
	bool reported;       /* what the configuration wants of new cases is of no interest */
};

static void wrong(struct filling *f, const struct testrail_wish *w, const char *why)
{
	if (w->reported) {
		if (f->trouble == NULL)
			f->trouble = arena_printf(f->t->arena, PREFIX ": %s %s", w->name, why);
		return;
	}
	err_clear(&f->t->err);
	err_set(&f->t->err, -EINVAL, "create.fields: %s %s", w->name, why);
	f->failed = true;
}

static void put_id(struct filling *f, const char *name)
{
	const struct testrail_wish *w = testrail_wish_take(&f->wishes, name);
	const char *id =
		w != NULL || !f->reported ? testrail_listed(f->t, name, w != NULL ? w->text : NULL) : NULL;

	if (w != NULL && id == NULL && testrail_digits(w->text) && strlen(w->text) < 16)
		id = w->text;
	if (w != NULL && id == NULL)
		wrong(f, w, arena_printf(f->t->arena, "needs an id, not \"%.100s\"", w->text));
	if (id != NULL)
		sink_put_id(f->b, name, id);
}

static void put_system(struct filling *f)
{
	const struct testrail_wish *w;

	for (size_t i = 0; system_ids[i] != NULL; i++)
		put_id(f, system_ids[i]);
	w = testrail_wish_take(&f->wishes, "estimate");
	if (w != NULL && testrail_is_span(w->text))
		json_field(f->b, "estimate", w->text);
	else if (w != NULL)
		wrong(f, w, arena_printf(f->t->arena, "\"%.60s\" is no time span", w->text));
}

static void put_custom(struct filling *f)
{
	const struct testrail_conf *c = f->t->conf;

	for (size_t i = 0; i < f->wishes.count; i++) {
		const struct testrail_wish *w = &f->wishes.item[i];
		const char *why = w->field == NULL ? "is no field of this project" : NULL;
		if (w->field != NULL && strcmp(testrail_field_name(w->field), c->field) == 0)
			why = "is what cases are found by";
		if (why == NULL)
			why = testrail_field_put(f->t, f->b, w->field, w->text);
		if (why != NULL)
			wrong(f, w, why);
	}
}

static struct filling filling(struct talk *t, struct buf *b, const struct config_map *map,
			      const struct result *r)
{
	struct filling f = { .t = t, .b = b };
	struct text_vars own;
	const struct vars *vars = text_vars(&own, r, t->run->vars, t->arena);

	f.wishes = testrail_wishes(t, TESTRAIL_CASE_FIELDS, map, "create.fields", r, PREFIX, vars);
	f.failed = f.wishes.trouble != NULL;
	return f;
}

bool testrail_case_put(struct talk *t, struct buf *b, const struct result *r)
{
	const struct testrail_conf *c = t->conf;
	struct filling f = filling(t, b, &c->create.fields, r);
	const struct testrail_wish *refs = testrail_wish_take(&f.wishes, "refs");

	if (refs != NULL)
		json_field(b, "refs", testrail_list_cut(t, refs->text, CASE_REFS_MAX));
	put_system(&f);
	put_custom(&f);
	return !f.failed;
}

const char *testrail_case_reported(struct talk *t, struct buf *b, const struct result *r)
{
	struct filling f = filling(t, b, &nothing, r);
	const struct testrail_wish *w = testrail_wish_take(&f.wishes, "refs");
	const char *refs = w != NULL ? w->text : NULL;

	f.reported = true;
	put_system(&f);
	put_custom(&f);
	return refs;
}

const char *testrail_case_troubles(struct talk *t, const struct result *r)
{
	const struct testrail_conf *c = t->conf;
	struct buf b = BUF_LIMIT(1u << 20);
	size_t at = 0;

	if (!c->create.cases && c->update.cases == TESTRAIL_UPDATE_NONE)
		return NULL; /* nobody asked for it */
	if (testrail_property(r, PREFIX, &at) == NULL)
		return NULL;
	struct filling f = filling(t, &b, &nothing, r);
	testrail_wish_take(&f.wishes, "refs");
	put_system(&f);
	put_custom(&f);
	buf_done(&b);
	return f.trouble;
}

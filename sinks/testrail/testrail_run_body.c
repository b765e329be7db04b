/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_run_body.c - what runs, plans and their entries are written with: name, description with the token,
 * dates, references, cases, whom it is given to. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/json.h"
#include "daemon/base/utf8.h"

#include <errno.h>
#include <string.h>

#define RUN_REFS_MAX 250

void testrail_put_case_ids(struct buf *b, const char *const *ids, size_t count)
{
	json_key(b, "case_ids");
	buf_putc(b, '[');
	for (size_t i = 0; i < count; i++)
		sink_put_id(b, NULL, ids[i]);
	buf_putc(b, ']');
}

/* The text for people, and behind it the token, out of their sight. */
bool testrail_put_description(struct talk *t, struct buf *b, const struct template *tpl, const char *key)
{
	struct buf text = BUF_LIMIT(1u << 20);
	bool good = tpl == NULL || text_expand(t, tpl, t->run->vars, key, &text);

	if (text.len > 0)
		buf_puts(&text, "\n\n");
	/* What failed outside of any test has no result to stand in; a plan is of many runs. */
	const char *notes = strcmp(key, "run.description") == 0 ? vars_get(t->run->vars, "run.notes") : NULL;
	if (notes != NULL && template_uses(tpl, "run.notes") == NULL)
		buf_printf(&text, "%s\n\n", notes);
	buf_puts(&text, t->run->token);
	if (good && buf_error(&text) < 0) {
		err_set(&t->err, -E2BIG, "%s: the text is too long", key);
		good = false;
	}
	if (good)
		json_field_n(b, "description", text.data, text.len);
	buf_done(&text);
	return good;
}

static bool put_date(struct talk *t, struct buf *b, const struct template *tpl, const char *name)
{
	const char *key = arena_printf(t->arena, "run.%s", name), *text;

	switch (testrail_run_text(t, tpl, key, &text)) {
	case ASK_SEND:
		break;
	case ASK_PARK:
		return false;
	default:
		return true;
	}
	int64_t at = testrail_when(text, t->run->started_ms);
	if (at < 0) {
		err_set(&t->err, -EINVAL,
			"%s: \"%.100s\" is no date (2026-12-01, 2026-12-01T10:00:00Z, +14d, or UNIX seconds)",
			key, text);
		return false;
	}
	json_field_int(b, name, at);
	return true;
}

bool testrail_put_dates(struct talk *t, struct buf *b)
{
	const struct testrail_conf *c = t->conf;

	return put_date(t, b, c->run.start_on, "start_on") && put_date(t, b, c->run.due_on, "due_on");
}

bool testrail_put_run_refs(struct talk *t, struct buf *b)
{
	const struct testrail_conf *c = t->conf;
	const char *text;
	enum ask ask = testrail_run_text(t, c->refs, "refs", &text);

	if (ask == ASK_SEND)
		json_field(b, "refs", testrail_list_cut(t, text, RUN_REFS_MAX));
	return ask != ASK_PARK;
}

bool testrail_put_assignee(struct talk *t, struct buf *b)
{
	const struct testrail_conf *c = t->conf;
	const char *who;
	enum ask ask = testrail_run_text(t, c->run.assigned_to, "run.assigned_to", &who);

	if (ask != ASK_SEND)
		return ask != ASK_PARK;
	const char *id = testrail_user(t, who);
	if (id == NULL) {
		err_set(&t->err, -EINVAL, "run.assigned_to: no user \"%.200s\" is known", who);
		return false;
	}
	sink_put_id(b, "assignedto_id", id);
	return true;
}

/* The name of the run as it stands over there. */
const char *testrail_run_name(struct talk *t)
{
	const struct testrail_conf *c = t->conf;
	const char *text;
	enum ask ask = testrail_run_text(t, c->run.name, "run.name", &text);

	if (ask == ASK_PARK)
		return NULL;
	const char *line = ask == ASK_SEND ? testrail_line(t->arena, text) : NULL;
	if (line == NULL || *line == '\0')
		line = t->run->token;
	if (!testrail_several(c) || testrail_suite(t) == NULL)
		return line;
	/* The entries of a plan: one a suite, named so that the part which tells them apart is not cut. */
	const char *suite = testrail_suite_name(t, testrail_suite(t));
	if (suite == NULL || *suite == '\0')
		suite = testrail_suite(t);
	size_t room = strlen(suite) + 3 < TESTRAIL_NAME_MAX ? TESTRAIL_NAME_MAX - strlen(suite) - 3 : 0;
	return testrail_line(t->arena, arena_printf(t->arena, "%.*s - %s",
						    (int)utf8_cut(line, strlen(line), room), line, suite));
}

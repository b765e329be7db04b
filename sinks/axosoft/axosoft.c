/* SPDX-License-Identifier: Apache-2.0
 *
 * axosoft.c - the section `defects`: its table of steps, from the token to the item.
 *
 * Read the table from top to bottom: that is the conversation.  Nothing happens before the run has ended, and
 * no result ever waits for it: this is a lane of its own. */
#include "sinks/axosoft/axosoft.h"

#include "daemon/base/glob.h"
#include "daemon/config/secret.h"

#include <string.h>

static const struct step steps[] = {
	{ .name = "token",
	  .check = true,
	  .exclusive = true,
	  .ask = axosoft_token_ask,
	  .got = axosoft_token_got },
	{ .name = "project",
	  .check = true,
	  .exclusive = true,
	  .ask = axosoft_project_ask,
	  .got = axosoft_project_got },
	{ .name = "workflow",
	  .check = true,
	  .exclusive = true,
	  .ask = axosoft_steps_ask,
	  .got = axosoft_steps_got },
	{ .name = "lists",
	  .check = true,
	  .exclusive = true,
	  .ask = axosoft_lists_ask,
	  .got = axosoft_lists_got },
	{ .name = "match", .resolve = true, .exclusive = true },
	{ .name = "known",
	  .rows = ROWS_RESULTS,
	  .batch = 100,
	  .exclusive = true,
	  .ask = axosoft_known_ask,
	  .got = axosoft_known_got },
	{ .name = "item",
	  .rows = ROWS_RESULTS,
	  .batch = 1,
	  .exclusive = true,
	  .ask = axosoft_file_ask,
	  .got = axosoft_file_got,
	  .look = axosoft_file_look,
	  .looked = axosoft_file_looked },
	{ .name = "summary",
	  .rows = ROWS_RESULTS,
	  .batch = 50,
	  .exclusive = true,
	  .ask = axosoft_summary_ask,
	  .got = axosoft_file_got,
	  .look = axosoft_file_look,
	  .looked = axosoft_file_looked },
	{ .name = "attach",
	  .rows = ROWS_EVIDENCE,
	  .exclusive = true,
	  .ask = axosoft_attach_ask,
	  .got = axosoft_attach_got,
	  .look = axosoft_attach_look,
	  .looked = axosoft_attach_looked },
	{ 0 },
};

static void endpoint(const void *conf, struct endpoint *out)
{
	const struct axosoft_conf *c = conf;

	*out = sink_endpoint(c->url, &c->common);
	out->per_day = (unsigned)c->caps.calls;
	out->auth_header = c->header == 0 ? NULL : "X-Authorization";
	out->auth_scheme = "Bearer";
	out->authorization = secret_value(c->token);
}

static void plan(const void *conf, const cJSON *facts, struct match_plan *out)
{
	(void)conf;
	*out = (struct match_plan){ .scope = sink_string(facts, "scope"), .unmatched = UNMATCHED_IGNORE };
}

static const char *cause(const void *conf, const struct result *r, struct arena *a)
{
	return axosoft_fingerprint(conf, r, a);
}

static bool counts(const void *conf, const struct vars *vars)
{
	const struct axosoft_conf *c = conf;
	const char *branch = vars_get(vars, "ci.branch");

	if (c->branches.count == 0)
		return true;
	for (size_t i = 0; branch != NULL && i < c->branches.count; i++)
		if (glob_match(c->branches.item[i], branch))
			return true;
	return false;
}

static int64_t holds_ms(const void *conf)
{
	const struct axosoft_conf *c = conf;

	return c->hold_close_ms;
}

static size_t batch(const void *conf)
{
	(void)conf;
	return 50;
}

static const struct sink_common *common(const void *conf)
{
	const struct axosoft_conf *c = conf;

	return &c->common;
}

static void admin(const void *conf, struct sink_admin *out)
{
	const struct axosoft_conf *c = conf;

	*out = (struct sink_admin){ .project = c->project, .base = "" };
}

/* A token that was granted runs out: axosoft_refused() knows whether another one is to be asked for. */
static enum answer_class classify(const struct reply *r)
{
	return r->status == 401 ? ANSWER_ITEM : ANSWER_DEFAULT;
}

extern const struct sink sink_axosoft;
const struct sink sink_axosoft = {
	.name = "axosoft",
	.run_word = "set of items",
	.keys = axosoft_keys,
	.conf_size = sizeof(struct axosoft_conf),
	.steps = steps,
	.check = axosoft_check,
	.endpoint = endpoint,
	.plan = plan,
	.classify = classify,
	.cause = cause,
	.counts = counts,
	.holds_ms = holds_ms,
	.evidence = axosoft_evidence,
	.batch = batch,
	.common = common,
	.admin = admin,
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail.c - the TestRail sink: its table of steps, from the login to the closed run.
 *
 * Read the table from top to bottom: that is the conversation.  Everything above "match" is read once and
 * kept; everything below happens as results come. */
#include "sinks/testrail/testrail.h"

#include "daemon/config/secret.h"

#include <string.h>
#include <strings.h>

static const struct step steps[] = {
	{ .name = "login",
	  .check = true,
	  .proves = true,
	  .exclusive = true,
	  .ask = testrail_login_ask,
	  .got = testrail_login_got },
	{ .name = "project",
	  .check = true,
	  .exclusive = true,
	  .ask = testrail_project_ask,
	  .got = testrail_project_got },
	{ .name = "suite",
	  .check = true,
	  .exclusive = true,
	  .ask = testrail_suite_ask,
	  .got = testrail_suite_got },
	{ .name = "statuses",
	  .check = true,
	  .exclusive = true,
	  .ask = testrail_statuses_ask,
	  .got = testrail_statuses_got },
	{ .name = "field",
	  .check = true,
	  .exclusive = true,
	  .ask = testrail_field_ask,
	  .got = testrail_field_got },
	{ .name = "add-field",
	  .exclusive = true,
	  .ask = testrail_add_field_ask,
	  .got = testrail_add_field_got,
	  .look = testrail_add_field_look,
	  .looked = testrail_add_field_looked },
	{ .name = "result-fields",
	  .check = true,
	  .exclusive = true,
	  .ask = testrail_result_fields_ask,
	  .got = testrail_result_fields_got },
	{ .name = "lists",
	  .check = true,
	  .exclusive = true,
	  .ask = testrail_lists_ask,
	  .got = testrail_lists_got },
	{ .name = "people",
	  .check = true,
	  .exclusive = true,
	  .ask = testrail_people_ask,
	  .got = testrail_people_got },
	{ .name = "run", .check = true, .exclusive = true, .ask = testrail_run_ask, .got = testrail_run_got },
	{ .name = "doubts", .exclusive = true, .ask = testrail_doubts_ask, .got = testrail_doubts_got },
	{ .name = "cases",
	  .exclusive = true,
	  .ask = testrail_cases_ask,
	  .got = testrail_cases_got,
	  .large = testrail_cases_large },
	/* Exclusive from here to the last case made: two runs with the same new tests make each case once. */
	{ .name = "match", .resolve = true, .exclusive = true },
	{ .name = "sections",
	  .rows = ROWS_PLACES,
	  .exclusive = true,
	  .ask = testrail_sections_ask,
	  .got = testrail_sections_got },
	{ .name = "add-sections",
	  .rows = ROWS_PLACES,
	  .exclusive = true,
	  .ask = testrail_add_section_ask,
	  .got = testrail_add_section_got,
	  .look = testrail_add_section_look,
	  .looked = testrail_add_section_looked },
	{ .name = "add-cases",
	  .rows = ROWS_CASES,
	  .exclusive = true,
	  .ask = testrail_add_cases_ask,
	  .got = testrail_add_cases_got,
	  .look = testrail_add_cases_look,
	  .looked = testrail_add_cases_looked },
	{ .name = "milestone",
	  .check = true,
	  .exclusive = true,
	  .shared = true,
	  .gate = true,
	  .ask = testrail_milestone_ask,
	  .got = testrail_milestone_got },
	{ .name = "add-milestone",
	  .exclusive = true,
	  .shared = true,
	  .gate = true,
	  .ask = testrail_add_milestone_ask,
	  .got = testrail_add_milestone_got,
	  .look = testrail_add_milestone_look,
	  .looked = testrail_add_milestone_looked },
	{ .name = "configs",
	  .check = true,
	  .exclusive = true,
	  .shared = true,
	  .gate = true,
	  .ask = testrail_configs_ask,
	  .got = testrail_configs_got },
	{ .name = "add-configs",
	  .exclusive = true,
	  .shared = true,
	  .gate = true,
	  .ask = testrail_add_config_ask,
	  .got = testrail_add_config_got,
	  .look = testrail_add_config_look,
	  .looked = testrail_add_config_looked },
	{ .name = "plan",
	  .exclusive = true,
	  .shared = true,
	  .gate = true,
	  .ask = testrail_plan_ask,
	  .got = testrail_plan_got },
	{ .name = "add-plan",
	  .exclusive = true,
	  .shared = true,
	  .gate = true,
	  .ask = testrail_add_plan_ask,
	  .got = testrail_add_plan_got,
	  .look = testrail_add_plan_look,
	  .looked = testrail_add_plan_looked },
	{ .name = "reuse-run",
	  .exclusive = true,
	  .shared = true,
	  .gate = true,
	  .ask = testrail_reuse_ask,
	  .got = testrail_reuse_got },
	{ .name = "add-shared-run",
	  .rows = ROWS_LINKS,
	  .exclusive = true,
	  .shared = true,
	  .gate = true,
	  .ask = testrail_add_shared_run_ask,
	  .got = testrail_add_run_got,
	  .look = testrail_add_run_look,
	  .looked = testrail_add_run_looked },
	{ .name = "add-run",
	  .rows = ROWS_LINKS,
	  .gate = true,
	  .ask = testrail_add_run_ask,
	  .got = testrail_add_run_got,
	  .look = testrail_add_run_look,
	  .looked = testrail_add_run_looked },
	{ .name = "extend-run",
	  .rows = ROWS_LINKS,
	  .gate = true,
	  .ask = testrail_extend_ask,
	  .got = testrail_extend_got,
	  .look = testrail_extend_look,
	  .looked = testrail_extend_looked,
	  .repeats = true },
	{ .name = "update-cases",
	  .rows = ROWS_RESULTS,
	  .gate = true,
	  .ask = testrail_update_cases_ask,
	  .got = testrail_update_cases_got },
	{ .name = "add-results",
	  .rows = ROWS_RESULTS,
	  .gate = true,
	  .ask = testrail_results_ask,
	  .got = testrail_results_got,
	  .look = testrail_results_look,
	  .looked = testrail_results_looked },
	{ .name = "add-evidence",
	  .rows = ROWS_EVIDENCE,
	  .ask = testrail_evidence_ask,
	  .got = testrail_evidence_got,
	  .look = testrail_evidence_look,
	  .looked = testrail_evidence_looked },
	{ .name = "add-defects",
	  .rows = ROWS_DEFECTS,
	  .ask = testrail_defects_ask,
	  .got = testrail_defects_got,
	  .look = testrail_results_look,
	  .looked = testrail_results_looked },
	{ .name = "close-run", .final = true, .ask = testrail_close_ask, .got = testrail_close_got },
	{ .name = "close-plan",
	  .final = true,
	  .exclusive = true,
	  .ask = testrail_close_plan_ask,
	  .got = testrail_close_plan_got },
	{ 0 },
};

static void endpoint(const void *conf, struct endpoint *out)
{
	const struct testrail_conf *c = conf;

	*out = sink_endpoint(c->url, &c->common);
	out->user = c->user;
	out->password = secret_value(c->key);
	out->parallel = 2; /* writers to one run deadlock each other; two runs do not */
}

static void plan(const void *conf, const cJSON *facts, struct match_plan *out)
{
	const struct testrail_conf *c = conf;

	*out = (struct match_plan){
		.unmatched = c->create.cases ? UNMATCHED_CREATE : (enum unmatched)c->unmatched,
		.scope = sink_string(facts, "scope"),
		.place_max = TESTRAIL_NAME_MAX,
		.grouped = testrail_several(c),
	};
	match_order(&c->match, out->order);
}

/* "C12", and a bare "12" from a property that can mean nothing else. */
static const char *ref(const void *conf, const char *text, struct arena *a)
{
	const char *s = text;

	(void)conf;
	if (*s == 'C' || *s == 'c')
		s++;
	while (*s == '0')
		s++;
	size_t n = strlen(s);
	if (n == 0 || n > 15 || strspn(s, "0123456789") != n)
		return NULL;
	return arena_strdup(a, s);
}

static bool says(const struct reply *r, const char *words)
{
	return r->body.data != NULL && strcasestr(r->body.data, words) != NULL;
}

static enum answer_class classify(const struct reply *r)
{
	/* A POST that a proxy redirected arrives as a GET: the url is wrong, not the request. */
	if (r->status == 404 && says(r, "unsupported http method"))
		return ANSWER_LOCKED;
	if (r->status == 403 && (says(r, "api is disabled") || says(r, "api is not enabled")))
		return ANSWER_LOCKED;
	return ANSWER_DEFAULT;
}

static size_t batch(const void *conf)
{
	const struct testrail_conf *c = conf;

	return (size_t)c->batch;
}

static const struct sink_common *common(const void *conf)
{
	const struct testrail_conf *c = conf;

	return &c->common;
}

static void links(const void *conf, struct sink_links *out)
{
	const struct testrail_conf *c = conf;

	bool plan = c->plan.name != NULL && !c->plan.own; /* its runs are closed with it */

	*out = (struct sink_links){ .tells = c->common.defects, .ends = plan ? c->plan.close : c->run.close };
}

static void admin(const void *conf, struct sink_admin *out)
{
	const struct testrail_conf *c = conf;

	*out = (struct sink_admin){ .project = c->project, .base = "" };
}

extern const struct sink sink_testrail;
const struct sink sink_testrail = {
	.name = "testrail",
	.run_word = "run",
	.keys = testrail_keys,
	.conf_size = sizeof(struct testrail_conf),
	.steps = steps,
	.check = testrail_check,
	.endpoint = endpoint,
	.plan = plan,
	.ref = ref,
	.place = testrail_place,
	.classify = classify,
	.batch = batch,
	.common = common,
	.evidence = testrail_evidence,
	.imagine = testrail_imagine,
	.links = links,
	.admin = admin,
};

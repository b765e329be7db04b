/* SPDX-License-Identifier: Apache-2.0
 *
 * aio.c - the AIO Tests sink: its table of steps, from the project's configuration to the closed cycle.
 *
 * Read the table from top to bottom: that is the conversation.  There is no call that tells who we are; the
 * project's configuration proves the login.  A case whose key stands in a test's name is taken on trust (a
 * mark says at once where it is wrong), so the list of cases is read only where something is left. */
#include "sinks/aio/aio.h"

#include "daemon/config/secret.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const struct step steps[] = {
	{ .name = "config", .check = true, .exclusive = true, .ask = aio_config_ask, .got = aio_config_got },
	{ .name = "cycle", .check = true, .ask = aio_cycle_ask, .got = aio_cycle_got },
	{ .name = "match-keys", .resolve = true, .defer = true, .exclusive = true },
	{ .name = "cases", .exclusive = true, .ask = aio_cases_ask, .got = aio_cases_got },
	/* Exclusive from here to the cycle made: two runs with the same new tests make each case once. */
	{ .name = "match", .resolve = true, .exclusive = true },
	{ .name = "case-folders",
	  .rows = ROWS_PLACES,
	  .exclusive = true,
	  .ask = aio_folder_ask,
	  .got = aio_folder_got,
	  .look = aio_folder_look,
	  .looked = aio_folder_looked },
	{ .name = "add-cases",
	  .rows = ROWS_CASES,
	  .exclusive = true,
	  .ask = aio_create_ask,
	  .got = aio_create_got,
	  .look = aio_create_look,
	  .looked = aio_create_looked },
	{ .name = "cycle-folder",
	  .gate = true,
	  .exclusive = true,
	  .ask = aio_cycle_folder_ask,
	  .got = aio_cycle_folder_got,
	  .look = aio_cycle_folder_look,
	  .looked = aio_cycle_folder_looked },
	{ .name = "tags", .gate = true, .exclusive = true, .ask = aio_tags_ask, .got = aio_tags_got },
	{ .name = "find-cycle",
	  .gate = true,
	  .exclusive = true,
	  .ask = aio_find_cycle_ask,
	  .got = aio_find_cycle_got },
	{ .name = "add-cycle",
	  .gate = true,
	  .exclusive = true,
	  .ask = aio_add_cycle_ask,
	  .got = aio_add_cycle_got,
	  .look = aio_add_cycle_look,
	  .looked = aio_add_cycle_looked },
	{ .name = "import",
	  .rows = ROWS_EVIDENCE,
	  .gate = true,
	  .ask = aio_import_ask,
	  .got = aio_import_got,
	  .look = aio_import_look,
	  .looked = aio_import_looked },
	{ .name = "import-cases",
	  .rows = ROWS_CASES,
	  .gate = true,
	  .ask = aio_import_cases_ask,
	  .got = aio_import_none_got },
	{ .name = "import-results",
	  .rows = ROWS_RESULTS,
	  .gate = true,
	  .ask = aio_import_results_ask,
	  .got = aio_import_none_got },
	{ .name = "migrate",
	  .rows = ROWS_RESULTS,
	  .batch = AIO_MIGRATE_MAX,
	  .gate = true,
	  .ask = aio_migrate_ask,
	  .got = aio_migrate_got,
	  .look = aio_migrate_look,
	  .looked = aio_migrate_looked },
	{ .name = "mark",
	  .rows = ROWS_RESULTS,
	  .gate = true,
	  .ask = aio_marks_ask,
	  .got = aio_marks_got,
	  .look = aio_marks_look,
	  .looked = aio_marks_looked },
	{ .name = "steps", .ask = aio_steps_ask, .got = aio_steps_got },
	{ .name = "add-evidence",
	  .rows = ROWS_EVIDENCE,
	  .ask = aio_evidence_ask,
	  .got = aio_evidence_got,
	  .look = aio_evidence_look,
	  .looked = aio_evidence_looked },
	{ .name = "add-defects",
	  .rows = ROWS_DEFECTS,
	  .batch = 1,
	  .ask = aio_defects_ask,
	  .got = aio_defects_got,
	  .look = aio_defects_look,
	  .looked = aio_defects_looked },
	{ .name = "close-cycle", .final = true, .ask = aio_close_ask, .got = aio_close_got },
	{ 0 },
};

static void endpoint(const void *conf, struct endpoint *out)
{
	const struct aio_conf *c = conf;

	*out = sink_endpoint(c->url, &c->common);
	out->parallel = 2;
	if (c->deployment == AIO_CLOUD) {
		out->auth_scheme = "AioAuth";
		out->authorization = secret_value(c->token);
	} else if (c->pat != NULL) {
		out->auth_scheme = "Bearer";
		out->authorization = secret_value(c->pat);
	} else {
		out->user = c->user;
		out->password = secret_value(c->password);
	}
}

static void plan(const void *conf, const cJSON *facts, struct match_plan *out)
{
	const struct aio_conf *c = conf;

	/* What we find no case for the importer may: its answer tells. */
	bool theirs = c->create.cases || c->mode == AIO_IMPORT;

	*out = (struct match_plan){
		.unmatched = theirs ? UNMATCHED_CREATE : (enum unmatched)c->unmatched,
		.scope = sink_string(facts, "scope"),
		.trust = sink_string(cJSON_GetObjectItemCaseSensitive(facts, "config"), "trust"),
		.place_max = AIO_TITLE_MAX,
	};
	match_order(&c->match, out->order);
}

/* "AT-TC-12", in upper case as the server writes it.  Keys of other projects are left alone, as far as the
 * configuration tells (a project may be given by its number, too). */
static const char *ref(const void *conf, const char *text, struct arena *a)
{
	const struct aio_conf *c = conf;
	const char *sep = strcasestr(text, "-TC-"), *number = sep != NULL ? sep + 4 : NULL;
	size_t len = sep != NULL ? (size_t)(sep - text) : 0, n = number != NULL ? strlen(number) : 0;
	bool by_number = strspn(c->project, "0123456789") == strlen(c->project);

	if (len == 0 || len > 40 || n == 0 || n > 10 || strspn(number, "0123456789") != n)
		return NULL;
	if (!by_number && (strlen(c->project) != len || strncasecmp(text, c->project, len) != 0))
		return NULL;
	char *key = arena_strdup(a, text);
	for (char *s = key; s != NULL && *s != '\0'; s++)
		*s = (char)toupper((unsigned char)*s);
	return key;
}

static enum answer_class classify(const struct reply *r)
{
	static const char *const off[] = { "not enabled", "disabled", "not active", NULL };
	struct arena a = ARENA_LIMIT(1 << 16);
	enum answer_class class = ANSWER_DEFAULT;

	/* 401 is also said of a project that AIO Tests is switched off for: that is no bad token. */
	if (r->status == 401) {
		const char *words = sink_words(&a, r);
		if (strcasestr(words, "project") != NULL && sink_says(words, off))
			class = ANSWER_FORBIDDEN;
	}
	arena_done(&a);
	return class;
}

static size_t batch(const void *conf)
{
	const struct aio_conf *c = conf;

	return (size_t)c->batch;
}

static const struct sink_common *common(const void *conf)
{
	const struct aio_conf *c = conf;

	return &c->common;
}

static void links(const void *conf, struct sink_links *out)
{
	const struct aio_conf *c = conf;

	*out = (struct sink_links){ .tells = c->common.defects, .ends = c->cycle.close || c->cycle.lock };
}

static void admin(const void *conf, struct sink_admin *out)
{
	const struct aio_conf *c = conf;

	*out = (struct sink_admin){ .project = c->project, .base = aio_base(c) };
}

extern const struct sink sink_aio;
const struct sink sink_aio = {
	.name = "aio",
	.run_word = "cycle",
	.keys = aio_keys,
	.conf_size = sizeof(struct aio_conf),
	.steps = steps,
	.check = aio_check,
	.endpoint = endpoint,
	.plan = plan,
	.ref = ref,
	.place = aio_place,
	.classify = classify,
	.batch = batch,
	.common = common,
	.evidence = aio_evidence,
	.links = links,
	.admin = admin,
};

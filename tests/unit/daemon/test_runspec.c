/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/intake/runspec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char YAML[] =
	"state_dir: /tmp/x\n"
	"watch:\n"
	"  - name: nightly\n"
	"    path: /ci/{job}/{build}/results\n"
	"    timezone: Europe/Berlin\n"
	"    run: {key: '{job}/{build}', name: '{job} #{build}', variant: '{os|''any''}'}\n"
	"    sinks: [home]\n"
	"sinks:\n"
	"  home: {type: local, dir: /tmp/x/runs}\n"
	"  other: {type: local, dir: /tmp/x/other}\n";

static const struct config_key local_keys[] = { { "dir", CONFIG_PATH, 0, .required = true }, { 0 } };
static const struct config_sink_type types[] = { { "local", local_keys, sizeof(char *), NULL } };
static struct config *config;

static int setup(void **state)
{
	struct config_faults faults = { 0 };

	(void)state;
	int rc = config_parse(YAML, sizeof(YAML) - 1, "t.yaml", "/tmp/x", types, 1, false, &config, &faults);
	for (size_t i = 0; i < faults.count; i++)
		fprintf(stderr, "%u: %s\n", faults.item[i].line, faults.item[i].text);
	config_faults_done(&faults);
	return rc;
}

static int teardown(void **state)
{
	(void)state;
	config_free(config);
	return 0;
}

static const char *var(const char *json, const char *name)
{
	static char value[256];
	cJSON *o = cJSON_Parse(json);
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	snprintf(value, sizeof(value), "%s", cJSON_IsString(v) ? v->valuestring : "(none)");
	cJSON_Delete(o);
	return value;
}

static void a_watch_captures_its_run(void **state)
{
	struct arena a = ARENA_LIMIT(1 << 20);
	struct runspec r;
	struct err err = ERR_NONE;
	const struct runspec_source s = {
		.watch = &config->watch[0],
		.path = "/ci/shop/17/results/sub/TEST-a.xml",
		.common_dir = "/ci/shop/17/results/sub",
		.source = RUN_WATCH,
	};

	(void)state;
	assert_int_equal(runspec_make(&s, config, &a, &r, &err), 0);
	assert_string_equal(r.run.key, "shop/17");
	assert_string_equal(r.run.name, "shop #17");
	assert_string_equal(r.variant, "any");
	assert_string_equal(r.timezone, "Europe/Berlin");
	assert_int_equal(r.run.sink_count, 1);
	assert_string_equal(r.run.sinks[0], "home");
	assert_string_equal(var(r.run.vars_json, "build"), "17");
	arena_done(&a);
}

static void sources_are_asked_in_order(void **state)
{
	struct arena a = ARENA_LIMIT(1 << 20);
	struct runspec r;
	struct err err = ERR_NONE;
	const struct ci ci = { .fact = { [CI_SYSTEM] = "jenkins", [CI_JOB] = "j", [CI_BUILD] = "3" } };
	struct runspec_source s = { .path = "/b/x.xml", .common_dir = "/b/results", .source = RUN_IMPORT };

	(void)state;
	assert_int_equal(runspec_make(&s, config, &a, &r, &err), 0);
	assert_string_equal(r.run.key, "/b/results");
	assert_string_equal(r.run.name, "results");
	assert_int_equal(r.run.sink_count, 2);
	s.run_name = "by name";
	runspec_make(&s, config, &a, &r, &err);
	assert_string_equal(r.run.key, "by name");
	s.ci = &ci;
	runspec_make(&s, config, &a, &r, &err);
	assert_string_equal(r.run.key, "jenkins/j/3");
	assert_string_equal(r.run.name, "by name");
	assert_string_equal(var(r.run.vars_json, "ci.job"), "j");
	s.run_key = "mine";
	runspec_make(&s, config, &a, &r, &err);
	assert_string_equal(r.run.key, "mine");
	arena_done(&a);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void a_context_file_describes_its_job(void **state)
{
	char dir[] = "/tmp/rd-context-XXXXXX", path[64];
	struct arena a = ARENA_LIMIT(1 << 20);
	struct runspec r;
	struct err err = ERR_NONE;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/resultd.json", dir);
	assert_null(context_read(dir, &err));
	assert_int_equal(err.code, 0);
	put(path, "{\n \"key\": oops }");
	assert_null(context_read(dir, &err));
	assert_int_equal(err.line, 2);
	err_clear(&err);
	put(path,
	    "{\"key\":\"nightly/17\",\"name\":\"n\",\"variant\":\"linux\",\"set\":{\"version\":\"1.2\"},"
	    "\"sinks\":[\"other\"],\"timezone\":\"UTC\",\"ci\":{\"build\":\"17\"},\"done\":true}");
	struct context *c = context_read(dir, &err);
	assert_non_null(c);
	assert_true(context_done(c));
	struct runspec_source s = { .context = c, .path = path, .common_dir = dir, .source = RUN_IMPORT };
	assert_int_equal(runspec_make(&s, config, &a, &r, &err), 0);
	assert_string_equal(r.run.key, "nightly/17");
	assert_string_equal(r.variant, "linux");
	assert_string_equal(r.run.sinks[0], "other");
	assert_string_equal(var(r.run.vars_json, "version"), "1.2");
	assert_string_equal(var(r.run.vars_json, "ci.build"), "17");
	s.sinks = NULL;
	context_free(c);
	put(path, "{\"sinks\":[\"nowhere\"]}");
	c = context_read(dir, &err);
	s.context = c;
	/* What is owed to it waits until somebody configures it. */
	assert_int_equal(runspec_make(&s, config, &a, &r, &err), 0);
	assert_int_equal(r.run.sink_count, 1);
	assert_string_equal(r.run.sinks[0], "nowhere");
	context_free(c);
	unlink(path);
	rmdir(dir);
	arena_done(&a);
}

/* A variable that is not set when it is needed parks the run, with its name (design.md, section 3). */
static void a_key_that_cannot_be_told_stands_in(void **state)
{
	static const struct {
		const char *key, *name, *variant, *says;
	} row[] = {
		{ "{job}/{tag}", NULL, NULL, "run.key of watch \"w\": {tag} is not set" },
		{ "{job}", "{tag} {job}", NULL, "run.name of watch \"w\": {tag} is not set" },
		{ "{job}", NULL, "{os|tag}", "run.variant of watch \"w\": none of {os|tag} is set" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct arena a = ARENA_LIMIT(1 << 20);
		struct err err = ERR_NONE;
		struct runspec r;
		char yaml[1000], quoted[3][100];
		struct config_faults faults = { 0 };
		struct config *c = NULL;
		const char *text[] = { row[i].key, row[i].name, row[i].variant };
		const char *names[] = { "key", "name", "variant" };
		for (int k = 0; k < 3; k++)
			snprintf(quoted[k], sizeof(quoted[k]), text[k] != NULL ? "%s: '%s', " : "%.0s%.0s",
				 names[k], text[k] != NULL ? text[k] : "");
		snprintf(yaml, sizeof(yaml),
			 "state_dir: /tmp/x\nwatch:\n  - name: w\n    path: /ci/{job}\n    run: "
			 "{%s%s%smax_age: 1h}\n"
			 "sinks:\n  home: {type: local, dir: /tmp/x/runs}\n",
			 quoted[0], quoted[1], quoted[2]);
		assert_int_equal(
			config_parse(yaml, strlen(yaml), "t.yaml", "/tmp/x", types, 1, false, &c, &faults),
			0);
		config_faults_done(&faults);
		struct runspec_source s = { .watch = &c->watch[0],
					    .path = "/ci/shop/r/TEST-a.xml",
					    .source = RUN_WATCH };
		assert_int_equal(runspec_make(&s, c, &a, &r, &err), 0);
		assert_string_equal(r.run.hold, row[i].says);
		assert_string_equal(r.run.key, "w: /ci/shop/r");
		assert_string_equal(r.run.key, runspec_stand_in("w", "/ci/shop/r", &a));
		assert_string_equal(r.run.name, "r");
		/* With the variable it is the run that was meant. */
		char tag_name[] = "tag", tag_value[] = "v1", *tag = tag_name, *value = tag_value;
		const struct config_map set = { .key = &tag, .value = &value, .count = 1 };
		s.set = &set;
		assert_int_equal(runspec_make(&s, c, &a, &r, &err), 0);
		assert_null(r.run.hold);
		assert_int_equal(strncmp(r.run.key, "shop", 4), 0);
		config_free(c);
		arena_done(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_watch_captures_its_run),
		cmocka_unit_test(sources_are_asked_in_order),
		cmocka_unit_test(a_context_file_describes_its_job),
		cmocka_unit_test(a_key_that_cannot_be_told_stands_in),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/intake/context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct context *of(const char *json)
{
	cJSON *o = cJSON_Parse(json);

	assert_non_null(o);
	return context_new(o, "resultd.json");
}

static void what_is_good_is_taken(void **state)
{
	(void)state;
	struct context *c =
		of("{\"key\":\"n/1\",\"name\":\"n #1\",\"variant\":\"linux\",\"timezone\":\"UTC\","
		   "\"set\":{\"version\":\"1.2\",\"os\":\"a\",\"OS\":\"b\",\"build\":17,\"none\":null},"
		   "\"sinks\":[\"rail\",\"home\"],\"ci\":{\"job\":\"n\",\"build\":18},\"done\":true}");
	const char *const *line;

	assert_int_equal(context_warnings(c, &line), 0);
	assert_string_equal(context_text(c, "key"), "n/1");
	assert_string_equal(context_text(c, "name"), "n #1");
	assert_string_equal(context_text(c, "variant"), "linux");
	assert_string_equal(context_text(c, "timezone"), "UTC");
	assert_string_equal(context_set(c, "version"), "1.2");
	assert_string_equal(context_set(c, "os"), "a");
	assert_string_equal(context_set(c, "OS"), "b");
	assert_string_equal(context_set(c, "build"), "17");
	assert_null(context_set(c, "none"));
	assert_string_equal(context_ci(c, "build"), "18");
	assert_true(context_done(c));
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(context_json(c), "sinks")), 2);
	context_free(c);
}

/* Wrong types and unknown keys: said, left out, and the rest counts. */
static void what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *json, *says;
	} row[] = {
		{ "{\"nmae\":\"x\",\"variant\":\"v\"}",
		  "resultd.json: unknown key \"nmae\" (did you mean \"name\"?)" },
		{ "{\"name\":[\"x\"],\"variant\":\"v\"}",
		  "resultd.json: \"name\" wants text, not a list: it is ignored" },
		{ "{\"key\":true,\"variant\":\"v\"}",
		  "resultd.json: \"key\" wants text, not true: it is ignored" },
		{ "{\"key\":1e300,\"variant\":\"v\"}",
		  "resultd.json: \"key\" wants text, not a number: it is ignored" },
		{ "{\"set\":[1],\"variant\":\"v\"}",
		  "resultd.json: \"set\" wants an object of names and texts, not a list: it is ignored" },
		{ "{\"set\":{\"a\":{\"b\":1}},\"variant\":\"v\"}",
		  "resultd.json: \"set\": \"a\" wants text, not an object: it is ignored" },
		{ "{\"ci\":{\"buid\":\"1\"},\"variant\":\"v\"}",
		  "resultd.json: \"ci\": unknown key \"buid\" (did you mean \"build\"?)" },
		{ "{\"ci\":\"jenkins\",\"variant\":\"v\"}",
		  "resultd.json: \"ci\" wants an object of facts, not text: it is ignored" },
		{ "{\"sinks\":{},\"variant\":\"v\"}",
		  "resultd.json: \"sinks\" wants a list of names, not an object: it is ignored" },
		{ "{\"sinks\":[\"../x\"],\"variant\":\"v\"}",
		  "resultd.json: \"sinks\": \"../x\" cannot be the name of a sink: it is ignored" },
		{ "{\"timezone\":\"../../etc/passwd\",\"variant\":\"v\"}",
		  "resultd.json: \"timezone\" \"../../etc/passwd\" wants an IANA name" },
		{ "{\"done\":\"true\",\"variant\":\"v\"}",
		  "resultd.json: \"done\" wants true or false, not text: it is ignored" },
		{ "{\"name\":\"a\",\"name\":\"b\",\"variant\":\"v\"}",
		  "resultd.json: \"name\" stands there twice: the first one counts" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct context *c = of(row[i].json);
		const char *const *line;
		if (context_warnings(c, &line) != 1 ||
		    strncmp(line[0], row[i].says, strlen(row[i].says)) != 0)
			fail_msg("%s: %s", row[i].json, context_warnings(c, &line) > 0 ? line[0] : "nothing");
		assert_string_equal(context_text(c, "variant"), "v");
		assert_false(context_done(c));
		context_free(c);
	}
}

static void a_name_alone_is_a_list_of_one(void **state)
{
	(void)state;
	struct context *c = of("{\"sinks\":\"rail\"}");

	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(context_json(c), "sinks")), 1);
	context_free(c);
}

static void hostile_ones_end_somewhere(void **state)
{
	char *big = malloc(100000), *p = big;
	const char *const *line;

	(void)state;
	assert_non_null(big);
	*p++ = '{';
	for (int i = 0; i < 1000; i++)
		p += sprintf(p, "%s\"unknown%d\":{\"x\":[1,2,3]}", i > 0 ? "," : "", i);
	*p++ = '}';
	*p = '\0';
	struct context *c = of(big);
	assert_int_equal(context_warnings(c, &line), 16);
	assert_non_null(strstr(line[15], "(and 984 more)"));
	context_free(c);

	/* Control characters and broken UTF-8 reach neither a log nor a tracker. */
	c = of("{\"name\":\"a\\u001b[31m\\nb\xff\",\"key\":\"\"}");
	assert_string_equal(context_text(c, "name"), "a [31m b?");
	assert_null(context_text(c, "key"));
	context_free(c);

	memset(big, 'x', 5000);
	memcpy(big, "{\"key\":\"", 8);
	memcpy(big + 5000, "\"}", 3);
	c = of(big);
	assert_int_equal(context_warnings(c, &line), 1);
	assert_null(context_text(c, "key"));
	context_free(c);
	free(big);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void the_nearest_one_counts(void **state)
{
	char dir[] = "/tmp/rd-context-XXXXXX", path[128];
	struct err err = ERR_NONE;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a", dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/a/b", dir);
	mkdir(path, 0700);
	assert_null(context_find(path, dir, &err));
	assert_int_equal(err.code, 0);
	char file[160];
	snprintf(file, sizeof(file), "%s/resultd.json", dir);
	put(file, "\xef\xbb\xbf{\"key\":\"top\"}");
	struct context *c = context_find(path, dir, &err);
	assert_string_equal(context_text(c, "key"), "top");
	context_free(c);
	/* No further up than it was told to. */
	snprintf(file, sizeof(file), "%s/a", dir);
	assert_null(context_find(path, file, &err));
	snprintf(file, sizeof(file), "%s/a/resultd.json", dir);
	put(file, "{\"key\":\"near\"}");
	c = context_find(path, dir, &err);
	assert_string_equal(context_text(c, "key"), "near");
	context_free(c);
	/* One that cannot be read hides what is above it: what it says is not known. */
	put(file, "{\"key\"\n :}");
	assert_null(context_find(path, dir, &err));
	assert_int_not_equal(err.code, 0);
	assert_int_equal(err.line, 2);
	unlink(file);
	snprintf(file, sizeof(file), "%s/resultd.json", dir);
	unlink(file);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/a", dir);
	rmdir(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_good_is_taken),         cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(a_name_alone_is_a_list_of_one), cmocka_unit_test(hostile_ones_end_somewhere),
		cmocka_unit_test(the_nearest_one_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

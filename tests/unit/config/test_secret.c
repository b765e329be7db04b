/* SPDX-License-Identifier: Apache-2.0
 *
 * test_secret.c - where secrets come from, and that they show up nowhere. */
#include "daemon/config/secret.h"

#include "daemon/base/file.h"
#include "daemon/base/mem.h"
#include "daemon/config/config.h"
#include "tests/unit/config/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define VALUE "hunter2-s3cr3t"

static char *folder;

static int enter(void **state)
{
	char name[] = "/tmp/test_secret.XXXXXX";
	(void)state;

	if (mkdtemp(name) == NULL)
		return -1;
	folder = xstrdup(name);
	return 0;
}

static int leave(void **state)
{
	char *command = xasprintf("rm -r '%s'", folder);
	int rc = system(command);
	(void)state;

	free(command);
	free(folder);
	return rc;
}

static char *write_file(const char *name, const void *data, size_t len, mode_t mode)
{
	struct err err = ERR_NONE;
	char *path = xasprintf("%s/%s", folder, name);

	assert_int_equal(file_write_atomic(path, data, len, mode, &err), 0);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static void values_come_from_their_sources(void **state)
{
	struct secret *s = NULL;
	struct err err = ERR_NONE;
	char *file = write_file("token", VALUE "\r\n\n", strlen(VALUE) + 3, 0600);
	(void)state;

	assert_int_equal(secret_new(SECRET_INLINE, VALUE, true, &s, &err), 0);
	assert_string_equal(secret_value(s), VALUE);
	assert_string_equal(secret_masked(s), "(inline, hidden)");
	assert_int_equal(secret_reload(s, &err), 0);
	assert_string_equal(secret_value(s), VALUE);
	secret_free(s);

	assert_int_equal(setenv("RD_TEST_TOKEN", VALUE, 1), 0);
	assert_int_equal(secret_new(SECRET_ENV, "RD_TEST_TOKEN", true, &s, &err), 0);
	assert_string_equal(secret_value(s), VALUE);
	assert_string_equal(secret_masked(s), "{env: RD_TEST_TOKEN}");
	secret_free(s);

	assert_int_equal(secret_new(SECRET_FILE, file, true, &s, &err), 0);
	assert_string_equal(secret_value(s), VALUE);
	secret_free(s);

	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
	assert_int_equal(secret_new(SECRET_CREDENTIAL, "token", true, &s, &err), 0);
	assert_string_equal(secret_value(s), VALUE);
	assert_string_equal(secret_masked(s), "{credential: token}");
	secret_free(s);
	unsetenv("CREDENTIALS_DIRECTORY");

	assert_null(secret_value(NULL));
	assert_string_equal(secret_masked(NULL), "");
	assert_int_equal(secret_reload(NULL, &err), 0);
	secret_free(NULL);
	free(file);
}

static void what_is_not_resolved_is_not_touched(void **state)
{
	struct secret *s = NULL;
	struct err err = ERR_NONE;
	(void)state;

	assert_int_equal(secret_new(SECRET_FILE, "/nonexistent/a b", false, &s, &err), 0);
	assert_string_equal(secret_value(s), "");
	assert_string_equal(secret_masked(s), "{file: \"/nonexistent/a b\"}");
	secret_free(s);
}

static void bad_sources_are_named_and_values_are_not(void **state)
{
	char *empty = write_file("empty", "\n", 1, 0600);
	char *two = write_file("two", VALUE "\n" VALUE "\n", 2 * strlen(VALUE) + 2, 0600);
	char *nul = write_file("nul", VALUE "\0x", strlen(VALUE) + 2, 0600);
	char *large = xcalloc(1, 20001);
	memset(large, 'x', 20000);
	char *big = write_file("big", large, 20000, 0600);
	const struct {
		enum secret_source source;
		const char *ref;
		int rc;
		const char *why;
	} row[] = {
		{ SECRET_ENV, "RD_TEST_NONE", -ENOENT, "environment variable RD_TEST_NONE is not set" },
		{ SECRET_ENV, "RD_TEST_EMPTY", -ENODATA, "environment variable RD_TEST_EMPTY is empty" },
		{ SECRET_ENV, "RD_TEST_LINES", -EINVAL,
		  "environment variable RD_TEST_LINES holds a line break" },
		{ SECRET_FILE, "/nonexistent/token", -ENOENT,
		  "file /nonexistent/token cannot be read: No such file" },
		{ SECRET_FILE, folder, -EINVAL, "is not a regular file" },
		{ SECRET_FILE, "/dev/zero", -EINVAL, "file /dev/zero is not a regular file" },
		{ SECRET_FILE, empty, -ENODATA, "is empty" },
		{ SECRET_FILE, two, -EINVAL, "holds a line break" },
		{ SECRET_FILE, nul, -EINVAL, "or another control character" },
		{ SECRET_FILE, big, -E2BIG, "is longer than 16 KiB" },
		{ SECRET_CREDENTIAL, "token", -ENOENT,
		  "credential token: $CREDENTIALS_DIRECTORY is not set" },
		{ SECRET_INLINE, "", -ENODATA, "the secret is empty" },
		{ SECRET_INLINE, VALUE "\n" VALUE, -EINVAL, "the secret holds a line break" },
		{ SECRET_INLINE, large, -E2BIG, "the secret is longer than 16 KiB" },
	};
	(void)state;

	unsetenv("RD_TEST_NONE");
	setenv("RD_TEST_EMPTY", "", 1);
	setenv("RD_TEST_LINES", VALUE "\r\nX-Evil: 1", 1);
	unsetenv("CREDENTIALS_DIRECTORY");
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct secret *s = NULL;
		struct err err = ERR_NONE;
		int rc = secret_new(row[i].source, row[i].ref, true, &s, &err);
		if (rc != row[i].rc || strstr(err.text, row[i].why) == NULL)
			print_error("%zu: %d, %s\n", i, rc, err.text);
		assert_int_equal(rc, row[i].rc);
		assert_null(s);
		assert_non_null(strstr(err.text, row[i].why));
		assert_null(strstr(err.text, VALUE));
	}
	free(empty);
	free(two);
	free(nul);
	free(large);
	free(big);
}

static void a_replaced_file_is_read_again(void **state)
{
	struct secret *s = NULL;
	struct err err = ERR_NONE;
	char *file = write_file("replaced", "one", 3, 0600);
	(void)state;

	assert_int_equal(secret_new(SECRET_FILE, file, true, &s, &err), 0);
	const char *before = secret_value(s);
	assert_int_equal(secret_reload(s, &err), 0);
	assert_ptr_equal(secret_value(s), before); /* unchanged: it did not move */

	free(write_file("replaced", "two\n", 4, 0600));
	assert_int_equal(secret_reload(s, &err), 0);
	assert_string_equal(secret_value(s), "two");

	assert_int_equal(unlink(file), 0);
	assert_int_equal(secret_reload(s, &err), -ENOENT);
	assert_string_equal(secret_value(s), "two"); /* what there was is kept */
	secret_free(s);
	free(file);
}

/* --- in a configuration --- */

#define SINK "sinks:\n  one:\n    type: sample\n    must: x\n"

/* The secret, put everywhere it can be put wrongly: no fault may repeat it. */
static void no_fault_shows_a_secret(void **state)
{
	static const char *const text[] = {
		SINK "    key: [" VALUE "]\n",
		SINK "    key: {" VALUE "}\n",
		SINK "    key: {" VALUE ": x}\n",
		SINK "    key: {env: [" VALUE "]}\n",
		SINK "    key: {env: {x: " VALUE "}}\n",
		SINK "    key: {env: '" VALUE "=x'}\n",
		SINK "    key: {" VALUE ": a, " VALUE ": b}\n",
		SINK "    key: {env: a, " VALUE ": b}\n",
		SINK "    key: {credential: ../" VALUE "}\n",
		SINK "    key: {credential: " VALUE "/x}\n",
		SINK "    key: *" VALUE "\n",
		SINK "    key: &" VALUE "\n      x: y\n",
		SINK "    key: !" VALUE " y\n",
		SINK "    key: @" VALUE "\n",
		SINK "    key: %" VALUE "\n",
		SINK "    key: " VALUE ": x\n",
		SINK "    key: \"" VALUE "\n",
		SINK "    key: \"" VALUE "\\q\"\n",
		SINK "    key: \"" VALUE "\\n" VALUE "\"\n",
		SINK "    key: $" VALUE "\n",
		SINK "    key: \"" VALUE "\\0\"\n",
		SINK "    key: [{" VALUE "}, " VALUE "]\n",
		SINK "    url: https://me:" VALUE "@host/\n",
		SINK "    url: " VALUE "\n",
		SINK "    proxy: http://me:" VALUE "@host/\n",
		SINK "    kee: " VALUE "\n",
		SINK "    kee: {inline: " VALUE "}\n",
		SINK "    key: {inline: " VALUE "}\n",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		struct config *c = NULL;
		struct config_faults faults = { 0 };
		char line[2048];
		if (config_parse(text[i], strlen(text[i]), "r.yaml", "/s", sample_types, SAMPLE_TYPES, false,
				 &c, &faults) == 0)
			print_error("accepted: %s\n", text[i]);
		assert_true(faults.count > 0);
		for (size_t j = 0; j < faults.count; j++) {
			err_string(&faults.item[j], line, sizeof(line));
			if (strstr(line, "hunter2") != NULL)
				print_error("%s%s\n", text[i], line);
			assert_null(strstr(line, "hunter2"));
		}
		config_faults_done(&faults);
		config_free(c);
	}
}

static void printing_masks_secrets(void **state)
{
	struct buf out = BUF_LIMIT(1 << 20);
	struct config *c = NULL;
	struct config_faults faults = { 0 };
	static const char text[] = SINK "    key: " VALUE "\n  two:\n    type: sample\n    must: x\n"
					"    key: {env: RD_TEST_TOKEN}\n";
	(void)state;

	assert_int_equal(setenv("RD_TEST_TOKEN", VALUE, 1), 0);
	assert_int_equal(config_parse(text, strlen(text), "r.yaml", "/s", sample_types, SAMPLE_TYPES, true,
				      &c, &faults),
			 0);
	assert_string_equal(secret_value(((struct sample_conf *)c->sink[0].conf)->key), VALUE);
	assert_string_equal(secret_value(((struct sample_conf *)c->sink[1].conf)->key), VALUE);
	assert_int_equal(config_print(c, &out), 0);
	assert_null(strstr(out.data, "hunter2"));
	assert_non_null(strstr(out.data, "    key: \"(inline, hidden)\"\n"));
	assert_non_null(strstr(out.data, "    key: {env: RD_TEST_TOKEN}\n"));
	config_free(c);
	buf_done(&out);
}

static void a_missing_source_is_a_fault_at_its_place(void **state)
{
	static const char text[] = SINK "    key: {env: RD_TEST_NONE}\n";
	struct config *c = NULL;
	struct config_faults faults = { 0 };
	(void)state;

	unsetenv("RD_TEST_NONE");
	assert_int_equal(config_parse(text, strlen(text), "r.yaml", "/s", sample_types, SAMPLE_TYPES, true,
				      &c, &faults),
			 -EINVAL);
	assert_int_equal(faults.count, 1);
	assert_int_equal(faults.item[0].line, 5);
	assert_int_equal(faults.item[0].column, 16);
	assert_string_equal(faults.item[0].text, "\"key\": environment variable RD_TEST_NONE is not set");
	config_faults_done(&faults);
}

static void files_that_others_read_hold_no_secret(void **state)
{
	static const struct {
		const char *name, *text;
		mode_t mode;
		const char *command;
	} row[] = {
		{ "a.yaml", SINK "    key: " VALUE "\n", 0600, NULL },
		{ "b.yaml", SINK "    key: " VALUE "\n", 0400, NULL },
		{ "c.yaml", SINK "    key: " VALUE "\n", 0644, "type: chmod 600 %s/c.yaml" },
		{ "d.yaml", SINK "    key: " VALUE "\n", 0604, "type: chmod 600 %s/d.yaml" },
		{ "e.yaml", SINK "    key: {env: RD_TEST_TOKEN}\n", 0644, NULL },
		{ "f.yaml", SINK, 0644, NULL },
		{ "g 'h.yaml", SINK "    key: " VALUE "\n", 0644, "type: chmod 600 '%s/g '\\''h.yaml'" },
	};
	(void)state;

	setenv("RD_TEST_TOKEN", VALUE, 1);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct config *c = NULL;
		struct config_faults faults = { 0 };
		char *path = write_file(row[i].name, row[i].text, strlen(row[i].text), row[i].mode);
		int rc = config_load(path, "/s", sample_types, SAMPLE_TYPES, &c, &faults, NULL);
		if (row[i].command == NULL) {
			assert_int_equal(rc, 0);
			assert_string_equal(c->file, path);
		} else {
			char want[512];
			assert_int_equal(rc, -EINVAL);
			assert_int_equal(faults.count, 1);
			assert_int_equal(faults.item[0].line, 5);
			assert_int_equal(faults.item[0].column, 10);
			const char *at = strstr(row[i].command, "%s");
			snprintf(want, sizeof(want), "%.*s%s%s", (int)(at - row[i].command), row[i].command,
				 folder, at + 2);
			assert_non_null(strstr(faults.item[0].text, want));
			assert_null(strstr(faults.item[0].text, "hunter2"));
		}
		config_faults_done(&faults);
		config_free(c);
		free(path);
	}
}

/* The owner, and root itself, can do without a group. */
static void group_readable_is_others(void **state)
{
	struct config *c = NULL;
	struct config_faults faults = { 0 };
	static const char text[] = SINK "    key: " VALUE "\n";
	char *path = write_file("group.yaml", text, strlen(text), 0640);
	(void)state;

	assert_int_equal(config_load(path, "/s", sample_types, SAMPLE_TYPES, &c, &faults, NULL), -EINVAL);
	assert_non_null(strstr(faults.item[0].text, "chmod 600"));
	config_faults_done(&faults);
	free(path);
}

/* How packages install: the file is root's, and read by the group that the service runs as. */
static void a_service_reads_by_its_group(void **state)
{
	static const struct {
		mode_t mode;
		gid_t group;
		const char *command;
	} row[] = {
		{ 0640, 54321, NULL },
		{ 0644, 54321, "chmod 640 " },
		{ 0644, 12345, "chmod 600 " },
	};
	static const char text[] = SINK "    key: " VALUE "\n";
	(void)state;

	if (geteuid() != 0)
		skip(); /* only root can become somebody else */
	assert_int_equal(chmod(folder, 0755), 0);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct config *c = NULL;
		struct config_faults faults = { 0 };
		char *path = write_file("service.yaml", text, strlen(text), row[i].mode);
		assert_int_equal(chown(path, 0, row[i].group), 0);
		assert_int_equal(setegid(54321), 0);
		assert_int_equal(seteuid(54321), 0);
		int rc = config_load(path, "/s", sample_types, SAMPLE_TYPES, &c, &faults, NULL);
		assert_int_equal(seteuid(0), 0);
		assert_int_equal(setegid(0), 0);
		assert_int_equal(rc, row[i].command == NULL ? 0 : -EINVAL);
		if (row[i].command != NULL)
			assert_non_null(strstr(faults.item[0].text, row[i].command));
		config_faults_done(&faults);
		config_free(c);
		free(path);
	}
}

static void files_that_cannot_be_read(void **state)
{
	struct config *c = NULL;
	struct config_faults faults = { 0 };
	char line[2048], *large = xcalloc(1, (1 << 20) + 2);
	(void)state;

	memset(large, '#', (1 << 20) + 1);
	char *path = write_file("large.yaml", large, (1 << 20) + 1, 0600);
	const struct {
		const char *path, *why;
	} row[] = {
		{ "/nonexistent/r.yaml", "/nonexistent/r.yaml: cannot be read: No such file or directory" },
		{ folder, "cannot be read: Is a directory" },
		{ path, "large.yaml:1:1: the file is larger than 1 MiB" },
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_int_equal(
			config_load(row[i].path, "/s", sample_types, SAMPLE_TYPES, &c, &faults, NULL),
			-EINVAL);
		assert_null(c);
		assert_int_equal(faults.count, 1);
		err_string(&faults.item[0], line, sizeof(line));
		assert_non_null(strstr(line, row[i].why));
		config_faults_done(&faults);
	}
	free(large);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_from_their_sources),
		cmocka_unit_test(what_is_not_resolved_is_not_touched),
		cmocka_unit_test(bad_sources_are_named_and_values_are_not),
		cmocka_unit_test(a_replaced_file_is_read_again),
		cmocka_unit_test(no_fault_shows_a_secret),
		cmocka_unit_test(printing_masks_secrets),
		cmocka_unit_test(a_missing_source_is_a_fault_at_its_place),
		cmocka_unit_test(files_that_others_read_hold_no_secret),
		cmocka_unit_test(group_readable_is_others),
		cmocka_unit_test(a_service_reads_by_its_group),
		cmocka_unit_test(files_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/evidence/name.h"

#include "daemon/queue/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void kinds(void **state)
{
	(void)state;
	assert_int_equal(evidence_kind("a/b.png"), EVIDENCE_IS_PATH);
	assert_int_equal(evidence_kind("file:///a/b.png"), EVIDENCE_IS_PATH);
	assert_int_equal(evidence_kind("Data:,x"), EVIDENCE_IS_DATA);
	assert_int_equal(evidence_kind("https://h/a.png"), EVIDENCE_IS_ADDRESS);
	assert_int_equal(evidence_kind("data/x.png"), EVIDENCE_IS_PATH);
}

static void file_urls_are_paths(void **state)
{
	static const struct {
		const char *named, *path;
	} row[] = {
		{ "a%20b", "a%20b" },
		{ "file:///a/b%20c.png", "/a/b c.png" },
		{ "file:/a/b.png", "/a/b.png" },
		{ "file://localhost/a", "/a" },
		{ "file:///a%00b", "/a%00b" },
		{ "file:///a%2e%2e", "/a.." },
		{ "file:///a%2", "/a%2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *path = evidence_path(row[i].named);
		assert_string_equal(path, row[i].path);
		free(path);
	}
}

static void dots_are_undone_as_text(void **state)
{
	static const struct {
		const char *dir, *path, *joined;
	} row[] = {
		{ "/a/b", "c", "/a/b/c" },   { "/a/b/", "./c//d/.", "/a/b/c/d" }, { "/a/b", "../c", "/a/c" },
		{ "/a/b", "../../c", "/c" }, { "/a/b", "../../../c", NULL },      { "/a/b", "../..", "/" },
		{ "/a", "/x/../y", "/y" },   { "/a", "..x/...", "/a/..x/..." },   { "/", "a", "/a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *joined = evidence_join(row[i].dir, row[i].path);
		if (row[i].joined == NULL)
			assert_null(joined);
		else
			assert_string_equal(joined, row[i].joined);
		free(joined);
	}
}

static void beneath_is_by_component(void **state)
{
	(void)state;
	assert_string_equal(evidence_beneath("/a", "/a/b"), "b");
	assert_string_equal(evidence_beneath("/a", "/a"), "");
	assert_string_equal(evidence_beneath("/", "/a"), "a");
	assert_null(evidence_beneath("/a", "/ab"));
	assert_null(evidence_beneath("/a/b", "/a"));
}

static void names_for_people_are_clean(void **state)
{
	static char long_name[400];
	static const struct {
		const char *path, *name;
	} row[] = {
		{ "/a/b/shot.png", "shot.png" },
		{ "C:\\a\\shot 1.png", "shot 1.png" },
		{ "../..", "none" },
		{ "/a/.hidden", "hidden" },
		{ "a/\"x\"\n<y>.txt", "_x___y_.txt" },
		{ "", "none" },
		{ "a/b/", "b" },
	};
	char out[EVIDENCE_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		evidence_clean_name(row[i].path, "none", out);
		assert_string_equal(out, row[i].name);
	}
	/* Two bytes a character: the cut falls on a border. */
	for (size_t i = 0; i < 300; i += 2)
		memcpy(long_name + i, "\xc3\xa4", 3);
	strcat(long_name, ".png");
	evidence_clean_name(long_name, "none", out);
	assert_in_range(strlen(out), EVIDENCE_NAME_MAX - 1, EVIDENCE_NAME_MAX);
	assert_string_equal(out + strlen(out) - 6, "\xc3\xa4.png");
}

static void types_by_bytes_then_name_then_text(void **state)
{
	static const struct {
		const char *name, *head, *type;
	} row[] = {
		{ "a.bin", "\x89PNG\r\n\x1a\nxx", "image/png" },
		{ "a.PNG", "no png", "image/png" },
		{ "trace.zip", "PK\x03\x04", "application/zip" },
		{ "thing", "PK\x03\x04", "application/zip" },
		{ "a.log", "x", "text/plain" },
		{ "noname", "hello\n", "text/plain" },
		{ "noname", "  <!DOCTYPE HTML>", "text/html" },
		{ "noname", "<?xml version='1.0'?>", "application/xml" },
		{ "noname", "a\x01", "application/octet-stream" },
		{ "v", "\x1a\x45\xdf\xa3", "video/webm" },
		{ "", "", "text/plain" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_string_equal(evidence_type(row[i].name, row[i].head, strlen(row[i].head)),
				    row[i].type);
	assert_string_equal(evidence_extension("image/jpeg"), ".jpg");
	assert_string_equal(evidence_extension("x/y"), "");
}

/* The better the fit, the higher; 0: none. */
static void files_are_matched_to_tests_by_name(void **state)
{
	static const char *const cls = "shop.CartTest";
	static const struct {
		const char *file, *name;
		bool fits;
	} row[] = {
		{ "screenshots/shop.CartTest-addsItem.png", "addsItem", true },
		{ "screenshots/shop/CartTest/addsItem (failed).png", "addsItem", true },
		{ "screenshots/ADDSITEM.png", "addsItem", true },
		{ "screenshots/addsItems.png", "addsItem", false },
		{ "screenshots/readdsItem.png", "addsItem", false },
		{ "screenshots/adds_an_item-1.png", "adds an item", true },
		{ "screenshots/adds an item!.png", "adds an item!", true },
		{ "screenshots/addsItem.png", "addsItem[chrome]", true },
		{ "screenshots/addsItem-chrome.png", "addsItem[chrome]", true },
		{ "screenshots/addsItem1.png", "addsItem", false },
		{ "screenshots/x.png", "addsItem", false },
		{ "screenshots/x.png", "!!", false },
		{ "screenshots/x.png", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_int_equal(evidence_fits(row[i].file, cls, row[i].name) > 0, row[i].fits);
	assert_true(evidence_fits("shop.CartTest.adds.png", cls, "adds") >
		    evidence_fits("CartTest.adds.png", cls, "adds"));
	assert_true(evidence_fits("CartTest.adds.png", cls, "adds") > evidence_fits("adds.png", cls, "adds"));
	assert_true(evidence_fits("adds-chrome.png", cls, "adds[chrome]") >
		    evidence_fits("adds-chrome.png", cls, "adds[firefox]"));
}

/* The layout of Jenkins' JUnit Attachments plugin. */
static void a_folder_called_as_the_class_is_the_class_s(void **state)
{
	static const char cls[] = "foo.bar.MyTest";
	static const struct {
		const char *file;
		unsigned fits;
	} row[] = {
		{ "target/surefire-reports/foo.bar.MyTest/screenshot.png", FITS_CLASS },
		{ "foo.bar.MyTest/deep/er/x.log", FITS_CLASS },
		{ "surefire-reports/foo.bar.MyTest-output.txt", FITS_CLASS },
		{ "foo.bar.MyTest.png", 0 },
		{ "foo.bar.MyTestOther/x.png", 0 },
		{ "foo.bar/x.png", 0 },
		{ "Foo.bar.MyTest/x.png", 0 },
		{ "foo.bar.MyTest-output.txt.gz", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_int_equal(evidence_fits(row[i].file, cls, "adds"), row[i].fits);
	/* A test of it is told by more than that; a namesake of another class by less. */
	assert_true(evidence_fits("foo.bar.MyTest/adds.png", cls, "adds") > FITS_CLASS);
	assert_true(evidence_fits("foo.bar.MyTest/adds/x.png", cls, "adds") > FITS_CLASS);
	assert_true(evidence_fits("foo.bar.MyTest/adds.png", "other.Test", "adds") < FITS_CLASS);
	assert_true(evidence_fits("foo.bar.MyTest/adds.png", "", "adds") < FITS_CLASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(file_urls_are_paths),
		cmocka_unit_test(dots_are_undone_as_text),
		cmocka_unit_test(beneath_is_by_component),
		cmocka_unit_test(names_for_people_are_clean),
		cmocka_unit_test(types_by_bytes_then_name_then_text),
		cmocka_unit_test(files_are_matched_to_tests_by_name),
		cmocka_unit_test(a_folder_called_as_the_class_is_the_class_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/evidence/places.h"

#include "daemon/base/mem.h"
#include "daemon/evidence/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void the_workspace_is_the_watch_s_path_filled_in(void **state)
{
	static const struct {
		const char *path, *report, *workspace;
	} row[] = {
		{ "/srv/{job}/out", "/srv/a/out/x/r.xml", "/srv/a/out" },
		{ "/srv/{job}/out/", "/srv/a/out/r.xml", "/srv/a/out" },
		{ "/srv/ci", "/srv/ci/a/r.xml", "/srv/ci" },
		{ "/srv/build-{n}", "/srv/build-12/r.xml", "/srv/build-12" },
		{ "/srv/{job}/out", "/srv/a/in/r.xml", NULL },
		{ "/srv/{job}/out", "/srv/a", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct config_watch w = { .path = (char *)(uintptr_t)row[i].path };
		char *workspace = evidence_workspace(&w, row[i].report);
		if (row[i].workspace == NULL)
			assert_null(workspace);
		else
			assert_string_equal(workspace, row[i].workspace);
		free(workspace);
	}
}

static char ws[] = "/ws/{job}/{build}", shared[] = "/shared", nested[] = "/srv/ci/{job}/{build}/results";

static void places_are_the_report_s_then_the_workspace_then_roots(void **state)
{
	char *roots[] = { ws, shared };
	const struct config_watch w = { .path = nested, .roots = { roots, 2 } };
	struct evidence_places p = { 0 }, copy;

	(void)state;
	evidence_places_watch(&w, "/srv/ci", "/srv/ci/a/12/results/sub/r.xml", &p);
	assert_int_equal(p.count, 4);
	assert_string_equal(p.item[0].top, "/srv/ci");
	assert_string_equal(p.item[0].path, "a/12/results/sub");
	assert_string_equal(p.item[1].path, "a/12/results");
	assert_null(p.item[2].top);
	assert_string_equal(p.item[2].path, "/ws/a/12");
	assert_string_equal(p.item[3].path, "/shared");
	evidence_places_copy(&p, &copy);
	assert_int_equal(copy.count, 4);
	evidence_places_done(&copy);
	evidence_places_done(&p);

	/* A report from elsewhere: what its {captures} would be is not known. */
	evidence_places_roots(&w, "/home/me/r.xml", &p);
	assert_int_equal(p.count, 1);
	assert_string_equal(p.item[0].path, "/shared");
	evidence_places_done(&p);
}

/* ---- files that patterns name ---- */

static char top[64];

static int setup(void **state)
{
	static const char *const files[] = { "a.png",         "shots/b.png",     "shots/deep/c.png",
					     "shots/.d.png",  "shots/e.png.tmp", "other/deep/f.png",
					     ".hidden/g.png", "shots/x.txt" };

	(void)state;
	strcpy(top, "/tmp/rd-scan-XXXXXX");
	if (mkdtemp(top) == NULL || chdir(top) < 0)
		return -1;
	mkdir("shots", 0700);
	mkdir("shots/deep", 0700);
	mkdir("other", 0700);
	mkdir("other/deep", 0700);
	mkdir(".hidden", 0700);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		close(open(files[i], O_WRONLY | O_CREAT, 0600));
	return symlink("other", "shots/link") + symlink("../a.png", "shots/h.png") +
	       mkfifo("shots/fifo.png", 0600);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return chdir("/") + system(command);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char *name[16];
	size_t count, stop_at;
};

static int on_file(void *cookie, const struct evidence_file *file)
{
	struct names *n = cookie;

	n->name[n->count++] = xstrdup(file->relative);
	return n->count == n->stop_at;
}

static void files_are_found_where_patterns_say(void **state)
{
	static const struct {
		const char *glob[2], *found;
	} row[] = {
		{ { "shots/**" }, "shots/b.png shots/deep/c.png shots/x.txt " },
		{ { "**/*.png" }, "a.png other/deep/f.png shots/b.png shots/deep/c.png " },
		{ { "*.png", "shots/*.txt" }, "a.png shots/x.txt " },
		{ { "*/deep/*" }, "other/deep/f.png shots/deep/c.png " },
		{ { ".hidden/*" }, ".hidden/g.png " },
		{ { "shots/link/**" }, "" },
		{ { "none/**" }, "" },
	};
	int fd = open(".", O_RDONLY | O_DIRECTORY);

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct names n = { 0 };
		struct buf all = BUF_LIMIT(1000);
		evidence_scan(fd, row[i].glob, row[i].glob[1] != NULL ? 2 : 1, on_file, &n);
		qsort(n.name, n.count, sizeof(n.name[0]), by_text);
		for (size_t k = 0; k < n.count; k++) {
			buf_printf(&all, "%s ", n.name[k]);
			free(n.name[k]);
		}
		assert_string_equal(all.data != NULL ? all.data : "", row[i].found);
		buf_done(&all);
	}
	struct names n = { .stop_at = 1 };
	const char *const every = "**";
	evidence_scan(fd, &every, 1, on_file, &n);
	assert_int_equal(n.count, 1);
	free(n.name[0]);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_workspace_is_the_watch_s_path_filled_in),
		cmocka_unit_test(places_are_the_report_s_then_the_workspace_then_roots),
		cmocka_unit_test_setup_teardown(files_are_found_where_patterns_say, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

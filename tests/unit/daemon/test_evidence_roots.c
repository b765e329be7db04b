/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/evidence/roots.h"

#include "daemon/base/file.h"
#include "daemon/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[64];

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/rd-roots-XXXXXX");
	if (mkdtemp(top) == NULL || chdir(top) < 0)
		return -1;
	mkdir("ws", 0700);
	mkdir("ws/reports", 0700);
	mkdir("ws/shots", 0700);
	mkdir("other", 0700);
	put("ws/reports/a.png", "report's");
	put("ws/a.png", "workspace's");
	put("ws/shots/b.png", "b");
	put("other/c.png", "c");
	put("secret", "secret");
	if (symlink("../../secret", "ws/reports/link.png") < 0 || symlink("../shots", "ws/reports/dir") < 0 ||
	    symlink("/proc/self/fd/0", "ws/reports/magic") < 0 || symlink("ws", "alias") < 0 ||
	    mkfifo("ws/reports/fifo", 0600) < 0 || symlink("/dev/zero", "ws/reports/zero") < 0)
		return -1;
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return chdir("/") + system(command);
}

static struct evidence_roots *roots_of(const char *workspace)
{
	struct evidence_roots *r = evidence_roots_new();
	char *ws = xasprintf("%s/%s", top, workspace), *other = xasprintf("%s/other", top);

	evidence_roots_add_beneath(r, ws, "reports");
	evidence_roots_add(r, ws);
	evidence_roots_add(r, other);
	evidence_roots_add(r, "/nowhere/at/all");
	free(ws);
	free(other);
	return r;
}

static int open_as(const char *workspace, const char *named, char *content)
{
	struct evidence_roots *r = roots_of(workspace);
	struct err err = ERR_NONE;
	char *path = NULL;
	int fd = -1;
	int rc = evidence_roots_open(r, named, &fd, &path, &err);

	content[0] = '\0';
	if (rc == 0) {
		ssize_t n = read(fd, content, 31);
		content[n > 0 ? n : 0] = '\0';
		assert_int_equal(path[0], '/');
		close(fd);
	} else {
		assert_int_equal(fd, -1);
		assert_int_equal(err.text[0] != '\0', rc != -ENOENT);
	}
	free(path);
	evidence_roots_free(r);
	return rc;
}

static void names_are_found_beneath_the_folders_only(void **state)
{
	const struct {
		const char *named;
		int rc;
		const char *content;
	} row[] = {
		{ "a.png", 0, "report's" },
		{ "./a.png", 0, "report's" },
		{ "../a.png", 0, "workspace's" },
		{ "../shots/b.png", 0, "b" },
		{ "shots/b.png", 0, "b" },
		{ "shots\\b.png", 0, "b" },
		{ "c.png", 0, "c" },
		{ "../../other/c.png", 0, "c" },
		{ "none.png", -ENOENT, "" },
		{ "a.png/x", -ENOENT, "" },
		{ "../../secret", -EXDEV, "" },
		{ "../../../../../../../../../../etc/passwd", -EXDEV, "" },
		{ "/etc/passwd", -EXDEV, "" },
		{ "file:///etc/passwd", -EXDEV, "" },
		{ "link.png", -ELOOP, "" },
		{ "dir/b.png", -ELOOP, "" },
		{ "magic", -ELOOP, "" },
		{ "zero", -ELOOP, "" },
		{ "fifo", -EINVAL, "" },
		{ "shots", -EINVAL, "" },
		{ ".", -EINVAL, "" },
		{ "", -EINVAL, "" },
	};
	char content[32];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int rc = open_as("ws", row[i].named, content);
		if (rc != row[i].rc || strcmp(content, row[i].content) != 0)
			fail_msg("\"%s\": %d \"%s\"", row[i].named, rc, content);
	}
	char *far = xcalloc(1, 10001);
	memset(far, 'x', 10000);
	assert_int_equal(open_as("ws", far, content), -ENAMETOOLONG);
	free(far);
}

static void absolute_names_count_beneath_a_folder(void **state)
{
	char content[32], *inside = xasprintf("%s/ws/shots/b.png", top),
			  *round = xasprintf("%s/ws/../secret", top), *sibling = xasprintf("%s/ws2/x", top),
			  *url = xasprintf("file://%s/ws/shots/b.png", top);

	(void)state;
	assert_int_equal(open_as("ws", inside, content), 0);
	assert_string_equal(content, "b");
	assert_int_equal(open_as("ws", url, content), 0);
	assert_int_equal(open_as("ws", round, content), -EXDEV);
	assert_int_equal(open_as("ws", sibling, content), -EXDEV);
	/* The folder is configured by a link, the report knows the real path. */
	assert_int_equal(open_as("alias", inside, content), 0);
	assert_string_equal(content, "b");
	free(inside);
	free(round);
	free(sibling);
	free(url);
}

static void a_folder_beneath_another_is_reached_by_no_link(void **state)
{
	struct evidence_roots *r = evidence_roots_new();
	char *ws = xasprintf("%s/ws", top);
	int fd;

	(void)state;
	evidence_roots_add_beneath(r, ws, "reports/dir");
	evidence_roots_add_beneath(r, ws, "../other");
	assert_null(evidence_roots_at(r, 0, &fd));
	evidence_roots_add_beneath(r, ws, "shots");
	evidence_roots_add_beneath(r, ws, "shots/.");
	assert_non_null(evidence_roots_at(r, 0, &fd));
	assert_null(evidence_roots_at(r, 1, &fd));
	evidence_roots_free(r);
	free(ws);
}

/* Somebody swaps a folder for a link to another, as fast as they can: it is b.png or nothing, never the
 * secret. */
static atomic_bool stop;

static void *swap(void *cookie)
{
	(void)cookie;
	while (!atomic_load(&stop)) {
		rename("ws/swap", "ws/away");
		if (symlink("../trap", "ws/swap") == 0) {
			unlink("ws/swap");
		}
		rename("ws/away", "ws/swap");
	}
	return NULL;
}

static void a_swap_never_leads_out(void **state)
{
	pthread_t thread;
	char content[32];
	unsigned found = 0, lost = 0;

	(void)state;
	mkdir("ws/swap", 0700);
	mkdir("trap", 0700);
	put("ws/swap/b.png", "b");
	put("trap/b.png", "secret");
	atomic_store(&stop, false);
	pthread_create(&thread, NULL, swap, NULL);
	for (unsigned i = 0; i < 200000 && (i < 2000 || found == 0 || lost == 0); i++) {
		int rc = open_as("ws", "../swap/b.png", content);
		found += rc == 0;
		lost += rc < 0;
		if (rc == 0)
			assert_string_equal(content, "b");
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	assert_true(found > 0);
}

/* Kernels without openat2. */
static void component_by_component_is_as_strict(void **state)
{
	static const struct {
		const char *path;
		int rc;
	} row[] = {
		{ "reports/a.png", 0 },
		{ "./reports//a.png", 0 },
		{ "reports/../a.png", -EXDEV },
		{ "reports/link.png", -ELOOP },
		{ "reports/dir/b.png", -ELOOP },
		{ "reports/a.png/x", -ENOTDIR },
		{ "none", -ENOENT },
	};
	int root = open("ws", O_RDONLY | O_DIRECTORY);

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int fd = file_open_components(root, row[i].path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
		if ((fd < 0 ? fd : 0) != row[i].rc)
			fail_msg("\"%s\": %d", row[i].path, fd);
		if (fd >= 0)
			close(fd);
	}
	close(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_beneath_the_folders_only),
		cmocka_unit_test(absolute_names_count_beneath_a_folder),
		cmocka_unit_test(a_folder_beneath_another_is_reached_by_no_link),
		cmocka_unit_test(a_swap_never_leads_out),
		cmocka_unit_test(component_by_component_is_as_strict),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

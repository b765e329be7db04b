/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/evidence/store.h"

#include "daemon/base/file.h"
#include "daemon/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[64];
static uint64_t room_left;

static int room(void *cookie, uint64_t size, struct err *err)
{
	(void)cookie;
	return size <= room_left ? 0 : err_set(err, -ENOSPC, "no room");
}

static struct evidence_store *store;

static int setup(void **state)
{
	struct err err = ERR_NONE;

	(void)state;
	strcpy(top, "/tmp/rd-store-XXXXXX");
	room_left = UINT64_MAX;
	return mkdtemp(top) == NULL || chdir(top) < 0 || mkdir("tmp", 0700) < 0
		       ? -1
		       : evidence_store_open(top, room, NULL, &store, &err);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	evidence_store_close(store);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return chdir("/") + system(command);
}

static size_t files_in(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void assert_kept(const struct evidence_blob *blob, const char *content)
{
	char *path = xasprintf("evidence/%s", blob->kept);
	struct buf b = BUF_LIMIT(1 << 22);

	assert_true(evidence_kept_name(blob->kept));
	assert_int_equal(file_read(path, &b, NULL), 0);
	assert_int_equal(b.len, blob->size);
	assert_int_equal(blob->size, strlen(content));
	assert_string_equal(b.data, content);
	buf_done(&b);
	free(path);
}

static int put(const char *path, const char *content)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(file_write_all(fd, content, strlen(content)), 0);
	return fd;
}

static void a_file_is_named_by_its_content(void **state)
{
	struct evidence_batch *b = evidence_batch_new(store);
	struct evidence_blob blob, again, third;
	struct err err = ERR_NONE;
	int fd = put("a.txt", "hello");

	(void)state;
	assert_int_equal(evidence_batch_copy(b, fd, 5, &blob, &err), 0);
	assert_string_equal(blob.kept, "2c/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	assert_memory_equal(blob.head, "hello", blob.head_len);
	/* Once for all who name it, in this batch and later. */
	assert_int_equal(evidence_batch_copy(b, fd, 5, &again, &err), 0);
	assert_int_equal(evidence_batch_sync(b, &err), 0);
	assert_kept(&blob, "hello");
	assert_int_equal(evidence_batch_bytes(b, "hello", 5, &third, &err), 0);
	assert_string_equal(third.kept, blob.kept);
	assert_int_equal(files_in("evidence"), 1);
	assert_int_equal(files_in("tmp"), 0);
	evidence_batch_free(b);
	close(fd);
}

static void what_is_not_synced_leaves_nothing(void **state)
{
	struct evidence_batch *b = evidence_batch_new(store);
	struct evidence_blob blob;
	struct err err = ERR_NONE;

	(void)state;
	assert_int_equal(evidence_batch_bytes(b, "gone", 4, &blob, &err), 0);
	assert_int_equal(files_in("tmp"), 1);
	evidence_batch_free(b);
	assert_int_equal(files_in("tmp"), 0);
	char *path = xasprintf("evidence/%s", blob.kept);
	assert_int_not_equal(access(path, F_OK), 0);
	free(path);
}

static void limits_and_want_of_room_are_refusals(void **state)
{
	struct evidence_batch *b = evidence_batch_new(store);
	struct evidence_blob blob;
	struct err err = ERR_NONE;
	int fd = put("b.txt", "0123456789");

	(void)state;
	assert_int_equal(evidence_batch_copy(b, fd, 9, &blob, &err), -E2BIG);
	room_left = 9;
	err_clear(&err);
	assert_int_equal(evidence_batch_copy(b, fd, 10, &blob, &err), -ENOSPC);
	assert_string_equal(err.text, "no room");
	err_clear(&err);
	assert_int_equal(evidence_batch_bytes(b, "0123456789", 10, &blob, &err), -ENOSPC);
	room_left = UINT64_MAX;
	close(fd);
	fd = open(".", O_RDONLY | O_DIRECTORY);
	err_clear(&err);
	assert_int_equal(evidence_batch_copy(b, fd, 10, &blob, &err), -EINVAL);
	close(fd);
	assert_int_equal(files_in("tmp"), 0);
	evidence_batch_free(b);
}

static void many_files_are_all_there(void **state)
{
	enum { MANY = 500 };
	struct evidence_batch *b = evidence_batch_new(store);
	static struct evidence_blob blob[MANY];
	struct err err = ERR_NONE;
	char text[32];

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "file %u", i);
		assert_int_equal(evidence_batch_bytes(b, text, strlen(text), &blob[i], &err), 0);
	}
	assert_int_equal(evidence_batch_sync(b, &err), 0);
	evidence_batch_free(b);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "file %u", i);
		assert_kept(&blob[i], text);
	}
	assert_int_equal(files_in("tmp"), 0);
}

/* More files than are synced at once, and the place of an early one is taken by something else. */
static void what_cannot_be_placed_is_told_by_the_sync(void **state)
{
	enum { MANY = 100 };
	struct evidence_batch *b = evidence_batch_new(store);
	struct evidence_blob blob;
	struct err err = ERR_NONE;
	char text[32];

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "file %u", i);
		assert_int_equal(evidence_batch_bytes(b, text, strlen(text), &blob, &err), 0);
		if (i == 3) {
			char *folder = xasprintf("evidence/%.2s", blob.kept);
			close(put(folder, "in the way"));
			free(folder);
		}
	}
	for (unsigned again = 0; again < 2; again++) {
		err_clear(&err);
		assert_int_equal(evidence_batch_sync(b, &err), -ENOTDIR);
		assert_non_null(strstr(err.text, "cannot move a file"));
	}
	evidence_batch_free(b);
	assert_int_equal(files_in("tmp"), 0);
}

static void a_text_in_pieces_is_one_file(void **state)
{
	enum { PIECES = 30000 };
	struct evidence_batch *b = evidence_batch_new(store);
	struct evidence_spool *p = evidence_spool_new(b, UINT64_MAX);
	struct evidence_blob blob, whole;
	struct err err = ERR_NONE;
	bool cut;
	char *all = xcalloc(PIECES, 16);
	size_t len = 0;

	(void)state;
	for (unsigned i = 0; i < PIECES; i++) {
		int n = snprintf(all + len, 16, "line %u\n", i);
		evidence_spool_add(p, all + len, (size_t)n);
		len += (size_t)n;
	}
	assert_int_equal(evidence_spool_end(p, &cut, &blob, &err), 0);
	assert_false(cut);
	assert_int_equal(evidence_batch_bytes(b, all, len, &whole, &err), 0);
	assert_string_equal(blob.kept, whole.kept);
	assert_int_equal(evidence_batch_sync(b, &err), 0);
	assert_kept(&blob, all);

	p = evidence_spool_new(b, 10);
	evidence_spool_add(p, "0123456", 7);
	evidence_spool_add(p, "789abc", 6);
	evidence_spool_add(p, "def", 3);
	assert_int_equal(evidence_spool_end(p, &cut, &blob, &err), 0);
	assert_true(cut);
	assert_int_equal(evidence_batch_sync(b, &err), 0);
	assert_kept(&blob, "0123456789");
	p = evidence_spool_new(b, UINT64_MAX);
	evidence_spool_add(p, all, len);
	evidence_spool_drop(p);
	assert_int_equal(files_in("tmp"), 0);
	evidence_batch_free(b);
	free(all);
}

static void only_what_is_old_and_its_own_is_removed(void **state)
{
	struct evidence_batch *b = evidence_batch_new(store);
	struct evidence_blob blob;
	struct err err = ERR_NONE;

	(void)state;
	assert_int_equal(evidence_batch_bytes(b, "old", 3, &blob, &err), 0);
	assert_int_equal(evidence_batch_sync(b, &err), 0);
	evidence_batch_free(b);
	assert_int_equal(evidence_store_remove(store, blob.kept, 3600 * 1000), -EBUSY);
	assert_int_equal(evidence_store_remove(store, "../tmp/x", 0), -EINVAL);
	assert_int_equal(evidence_store_remove(store, "", 0), -EINVAL);
	assert_int_equal(evidence_store_remove(store, blob.kept, 0), 0);
	assert_int_equal(evidence_store_remove(store, blob.kept, 0), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_is_named_by_its_content, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_synced_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_and_want_of_room_are_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(many_files_are_all_there, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_placed_is_told_by_the_sync, setup, teardown),
		cmocka_unit_test_setup_teardown(a_text_in_pieces_is_one_file, setup, teardown),
		cmocka_unit_test_setup_teardown(only_what_is_old_and_its_own_is_removed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

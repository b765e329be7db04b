/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/intake/keep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static char root[64];

static int setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/rd-keep-XXXXXX");
	return mkdtemp(root) == NULL ? -1 : chdir(root);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return chdir("/") + system(command);
}

static void put(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

static void a_copy_is_compressed_and_named_by_content(void **state)
{
	static char text[300000], back[300001];
	struct err err = ERR_NONE;
	struct kept kept;
	struct stat st;
	char hex[DIGEST_HEX_SIZE], packed[300000];

	(void)state;
	uint64_t noise = 1; /* so that it does not get small */
	for (size_t i = 0; i < sizeof(text); i++) {
		noise = noise * 6364136223846793005u + 1442695040888963407u;
		text[i] = (char)('a' + (noise >> 33) % 23);
	}
	put("in.xml", text, sizeof(text));
	int fd = keep_open(-1, "in.xml", &st, &err);
	assert_true(fd >= 0);
	assert_int_equal(keep_copy(fd, sizeof(text), "copy", &kept, &err), 0);
	assert_string_equal(kept.suffix, ".xml.zst");
	assert_false(kept.small);
	assert_int_equal(kept.copy.len, 0);
	buf_done(&kept.copy);
	struct digest *d = digest_new();
	uint8_t sum[DIGEST_SIZE];
	digest_add(d, text, sizeof(text));
	digest_get(d, sum);
	digest_free(d);
	digest_hex(sum, DIGEST_SIZE, hex);
	assert_memory_equal(sum, kept.sha256, DIGEST_SIZE);
	FILE *f = fopen("copy", "r");
	size_t n = fread(packed, 1, sizeof(packed), f);
	fclose(f);
	ZSTD_inBuffer in = { packed, n, 0 };
	ZSTD_outBuffer out = { back, sizeof(back), 0 };
	ZSTD_DCtx *z = ZSTD_createDCtx();
	assert_int_equal(ZSTD_decompressStream(z, &out, &in), 0);
	ZSTD_freeDCtx(z);
	assert_int_equal(out.pos, sizeof(text));
	assert_memory_equal(back, text, sizeof(text));
	assert_true(keep_unchanged(fd, &st));
	put("in.xml", "shorter", 7);
	assert_false(keep_unchanged(fd, &st));
	close(fd);
	fd = open("copy", O_RDONLY);
	assert_int_equal(keep_copy(fd, 2u << 20, "copy", &kept, &err), -EEXIST); /* nothing is written over */
	close(fd);
	buf_done(&kept.copy);
	err_clear(&err);
	assert_int_equal(mkdir("reports", 0700), 0);
	assert_int_equal(keep_place("copy", "reports/ab/x", &err), 0);
	assert_int_equal(access("reports/ab/x", F_OK), 0);
}

static void what_came_compressed_stays_as_it_is(void **state)
{
	struct err err = ERR_NONE;
	struct kept kept;
	struct stat st;
	char a[200];

	(void)state;
	gzFile z = gzopen("in.gz", "w");
	gzputs(z, "<testsuite/>");
	gzclose(z);
	int fd = keep_open(-1, "in.gz", &st, &err);
	assert_int_equal(keep_copy(fd, 40, "copy2", &kept, &err), 0);
	assert_string_equal(kept.suffix, ".xml.gz");
	ssize_t n = pread(fd, a, sizeof(a), 0);
	assert_true(kept.small);
	assert_int_equal(access("copy2", F_OK), -1);
	assert_int_equal(kept.copy.len, n);
	assert_memory_equal(a, kept.copy.data, (size_t)n);
	buf_done(&kept.copy);
	close(fd);
}

static void a_small_report_gets_no_file(void **state)
{
	static const char text[] = "<testsuite><testcase name=\"a\"/></testsuite>";
	char back[sizeof(text)];
	struct err err = ERR_NONE;
	struct kept kept;
	struct stat st;

	(void)state;
	put("small.xml", text, sizeof(text) - 1);
	int fd = keep_open(-1, "small.xml", &st, &err);
	assert_int_equal(keep_copy(fd, (uint64_t)st.st_size, "copy3", &kept, &err), 0);
	assert_true(kept.small);
	assert_int_equal(access("copy3", F_OK), -1);
	assert_string_equal(kept.suffix, ".xml.zst");
	assert_int_equal(ZSTD_decompress(back, sizeof(back), kept.copy.data, kept.copy.len),
			 sizeof(text) - 1);
	assert_memory_equal(back, text, sizeof(text) - 1);
	buf_done(&kept.copy);
	close(fd);
}

static void what_grows_meanwhile_is_not_copied(void **state)
{
	struct err err = ERR_NONE;
	struct kept kept;
	struct stat st;

	(void)state;
	put("grows.xml", "<testsuite>", 11);
	int fd = keep_open(-1, "grows.xml", &st, &err);
	put("grows.xml", "<testsuite></testsuite>", 23);
	assert_int_equal(keep_copy(fd, (uint64_t)st.st_size, "copy4", &kept, &err), -EAGAIN);
	buf_done(&kept.copy);
	close(fd);
}

static void only_regular_files_are_opened(void **state)
{
	struct err err = ERR_NONE;
	struct stat st;

	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(keep_open(-1, "fifo", &st, &err), -EINVAL);
	err_clear(&err);
	assert_int_equal(keep_open(-1, ".", &st, &err), -EINVAL);
	err_clear(&err);
	assert_int_equal(keep_open(-1, "none", &st, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_is_compressed_and_named_by_content),
		cmocka_unit_test(what_came_compressed_stays_as_it_is),
		cmocka_unit_test(a_small_report_gets_no_file),
		cmocka_unit_test(what_grows_meanwhile_is_not_copied),
		cmocka_unit_test(only_regular_files_are_opened),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
